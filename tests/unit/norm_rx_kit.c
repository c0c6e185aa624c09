/* SPDX-License-Identifier: MIT */
#include "norm_rx_kit.h"

#include "quant.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

const uint8_t *rx_bytes(void)
{
    static uint8_t bytes[RX_CONTENT_BYTES];

    for (size_t i = 0; i < sizeof(bytes); i++)
        bytes[i] = (uint8_t)(i * 151 + i / 256 + 3);
    return bytes;
}

/* --- the application --- */

/* Behind what an object's bytes may fill: whose they are. */
struct owner {
    struct rx *rx;
};

static struct rx *place_of(void *user, uint16_t *ret_object_id)
{
    uint8_t *written = user;
    struct owner owner;

    memcpy(&owner, written + RX_CONTENT_BYTES - sizeof(owner), sizeof(owner));
    *ret_object_id = (uint16_t)((size_t)(written - owner.rx->written[0]) / RX_CONTENT_BYTES);
    return owner.rx;
}

static int write_at(void *user, uint64_t offset_bytes, const uint8_t *bytes, size_t size_bytes)
{
    uint16_t object_id;
    struct rx *rx = place_of(user, &object_id);

    rx->writes++;
    if (rx->write_result < 0)
        return rx->write_result;
    if (rx->refuses_from_write > 0 && rx->writes >= rx->refuses_from_write)
        return -EAGAIN;
    if (offset_bytes + size_bytes <= RX_CONTENT_BYTES - sizeof(struct owner)) /* of huge objects the rest is ignored */
        memcpy(rx->written[object_id] + offset_bytes, bytes, size_bytes);
    return 0;
}

/* What write_at() would refuse is left to it. */
static size_t write_many(void *user, uint64_t offset_bytes, const uint8_t *bytes, size_t segment_bytes,
                         size_t stride_bytes, size_t count)
{
    uint16_t object_id;
    struct rx *rx = place_of(user, &object_id);

    for (size_t i = 0; i < count; i++) {
        if (rx->write_result < 0 || (rx->refuses_from_write > 0 && rx->writes + 1 >= rx->refuses_from_write))
            return i;
        assert_int_equal(write_at(user, offset_bytes + i * segment_bytes, bytes + i * stride_bytes, segment_bytes), 0);
        rx->many++;
    }
    return count;
}

static const uint8_t *read_at(void *user, uint64_t offset_bytes, size_t size_bytes)
{
    uint16_t object_id;
    struct rx *rx = place_of(user, &object_id);

    assert_true(offset_bytes + size_bytes <= RX_CONTENT_BYTES - sizeof(struct owner));
    return rx->read_fails ? NULL : rx->written[object_id] + offset_bytes;
}

static void block_changed(void *user, uint64_t block, bool is_complete)
{
    uint16_t object_id;
    struct rx *rx = place_of(user, &object_id);
    size_t used = strlen(rx->blocks_told);

    snprintf(rx->blocks_told + used, sizeof(rx->blocks_told) - used, "%c%u", is_complete ? '+' : '-', (unsigned)block);
}

static int take(void *user, const struct herald_norm_offer *offer, struct herald_norm_sink *ret_sink)
{
    struct rx *rx = user;
    uint8_t *written = rx->written[offer->object_id % RX_OBJECTS];
    struct owner owner = { rx };

    rx->offers++;
    rx->offer = *offer;
    if (rx->accept_result < 0)
        return rx->accept_result;
    memset(written, 0, RX_CONTENT_BYTES);
    memcpy(written + RX_CONTENT_BYTES - sizeof(owner), &owner, sizeof(owner));
    *ret_sink = (struct herald_norm_sink){
        .user = written,
        .write_at = write_at,
        .write_many = write_many,
        .read_at = rx->is_unreadable ? NULL : read_at,
        .block_changed = rx->is_not_told ? NULL : block_changed,
    };
    return 0;
}

/* --- life --- */

struct herald_norm_receiver_config rx_config(void)
{
    struct herald_norm_receiver_config config;

    herald_norm_receiver_config_default(&config);
    config.node_id = RX_NODE;
    config.seed = 1;
    config.segment_bytes_max = 1400;
    config.objects_max = 8;
    config.objects_per_sender = 8;
    config.blocks_per_queue = 4096;
    config.stream_blocks_max = 16;
    config.application_bytes_max = 200;
    return config;
}

struct rx *rx_new(const struct herald_norm_receiver_config *config, uint64_t size_bytes)
{
    struct rx *rx = calloc(1, sizeof(*rx));

    rx->config = config ? *config : rx_config();
    rx->config.user = rx;
    rx->config.accept = take;
    rx->now_ns = RX_S;
    rx->header = (struct hd_header){ .source_id = RX_SENDER,
                                     .instance_id = RX_INSTANCE,
                                     .grtt = hd_rtt_encode(10 * RX_MS),
                                     .backoff = 4,
                                     .gsize = hd_gsize_encode(10) };
    rx->fec_id = HD_FEC_RS_8;
    rx->fti = (struct hd_fti){ .object_bytes = size_bytes,
                               .segment_bytes = RX_SEGMENT_BYTES,
                               .max_block_symbols = RX_K,
                               .parity_symbols = RX_PARITY };
    rx->from = (struct herald_peer){ .address = { .family = HERALD_FAMILY_IPV4, .bytes = { 10, 0, 0, 1 } },
                                     .port = 6003 };
    assert_int_equal(herald_norm_receiver_new(&rx->receiver, &rx->config, rx->now_ns), 0);
    return rx;
}

struct rx *rx_free(struct rx *rx)
{
    herald_norm_receiver_free(rx->receiver);
    free(rx);
    return NULL;
}

/* --- out --- */

__attribute__((format(printf, 2, 3))) static void trace(struct rx *rx, const char *format, ...)
{
    va_list args;
    int n;

    va_start(args, format);
    n = vsnprintf(rx->trace + rx->trace_bytes, sizeof(rx->trace) - rx->trace_bytes, format, args);
    va_end(args);
    rx->trace_bytes += (size_t)n;
    assert_true(rx->trace_bytes < sizeof(rx->trace));
}

static void trace_range(struct rx *rx, uint8_t flags, const struct hd_position *first, const struct hd_position *last)
{
    char last_text[40] = "";

    if (flags == HD_REQUEST_OBJECT || flags == HD_REQUEST_INFO) {
        if (last)
            snprintf(last_text, sizeof(last_text), "-%u", last->object_id);
        trace(rx, "%c%u%s", flags == HD_REQUEST_OBJECT ? 'o' : 'i', first->object_id, last_text);
    } else if (flags == HD_REQUEST_BLOCK) {
        if (last)
            snprintf(last_text, sizeof(last_text), "-%u", last->id.block);
        trace(rx, "b%u/%u%s", first->object_id, first->id.block, last_text);
    } else {
        assert_int_equal(flags, HD_REQUEST_SEGMENT);
        if (last)
            snprintf(last_text, sizeof(last_text), "-%u", last->id.symbol);
        trace(rx, "s%u/%u.%u%s", first->object_id, first->id.block, first->id.symbol, last_text);
    }
}

static void trace_nack(struct rx *rx)
{
    struct hd_cursor requests = rx->message.nack.requests;
    struct hd_request request;
    struct hd_position first;
    struct hd_position last;
    const char *comma = "";

    trace(rx, "N(");
    while (hd_wire_next_request(&requests, &request)) {
        assert_true(request.form == HD_REQUEST_ITEMS || request.form == HD_REQUEST_RANGES);
        for (;;) {
            bool is_range = request.form == HD_REQUEST_RANGES;

            if (is_range ? !hd_wire_next_range(&request.items, &first, &last)
                         : !hd_wire_next_item(&request.items, &first))
                break;
            trace(rx, "%s", comma);
            trace_range(rx, request.flags, &first, is_range ? &last : NULL);
            comma = ",";
        }
    }
    trace(rx, ")");
}

static void take_datagram(struct rx *rx)
{
    struct herald_norm_datagram *datagram = &rx->datagram;

    rx->packet_bytes = datagram->header_bytes + datagram->payload_bytes;
    assert_true(rx->packet_bytes <= sizeof(rx->packet));
    if (datagram->payload_bytes > 0)
        memcpy(rx->packet + datagram->header_bytes, datagram->payload, datagram->payload_bytes);
    assert_int_equal(hd_wire_decode(rx->packet, rx->packet_bytes, &rx->message), 0);
    assert_int_equal(rx->message.header.source_id, rx->config.node_id);
    rx->sent_ns = rx->now_ns;
    if (rx->trace_bytes > 0)
        trace(rx, " ");
    if (rx->message.kind == HD_KIND_NACK) {
        trace_nack(rx);
        return;
    }
    assert_int_equal(rx->message.kind, HD_KIND_ACK);
    if (rx->message.ack.ack_type == HD_ACK_CC)
        trace(rx, "C");
    else if (rx->message.ack.ack_type == HD_ACK_FLUSH)
        trace(rx, "F%u/%u.%u", rx->message.ack.position.object_id, rx->message.ack.position.id.block,
              rx->message.ack.position.id.symbol);
    else
        trace(rx, "A%u.%u", rx->message.ack.ack_type, rx->message.ack.ack_id);
}

void rx_take_events(struct rx *rx)
{
    struct herald_norm_receiver_event event;

    while (herald_norm_receiver_poll_event(rx->receiver, &event) > 0) {
        assert_true(rx->events_count < RX_EVENTS);
        rx->events[rx->events_count++] = event;
        assert_true(event.content_bytes < sizeof(rx->event_content));
        if (event.content_bytes > 0) {
            memcpy(rx->event_content, event.content, event.content_bytes);
            rx->event_content[event.content_bytes] = 0;
        }
    }
}

void rx_drain(struct rx *rx)
{
    rx_take_events(rx);
    assert_int_equal(herald_norm_receiver_handle_timeout(rx->receiver, rx->now_ns), 0);
    rx->datagram.buffer = rx->packet;
    rx->datagram.buffer_bytes = sizeof(rx->packet);
    while (herald_norm_receiver_poll_output(rx->receiver, &rx->datagram, rx->now_ns) > 0)
        take_datagram(rx);
    rx_take_events(rx);
    assert_true(herald_norm_receiver_next_timeout(rx->receiver) > rx->now_ns);
}

void rx_run_for(struct rx *rx, uint64_t duration_ns)
{
    uint64_t until_ns = rx->now_ns + duration_ns;

    rx_drain(rx);
    while (herald_norm_receiver_next_timeout(rx->receiver) <= until_ns) {
        rx->now_ns = herald_norm_receiver_next_timeout(rx->receiver);
        rx_drain(rx);
    }
    rx->now_ns = until_ns;
}

const char *rx_trace(struct rx *rx)
{
    rx->trace[rx->trace_bytes] = 0;
    rx->trace_bytes = 0;
    return rx->trace;
}

/* --- in --- */

void rx_input(struct rx *rx, const uint8_t *packet, size_t packet_bytes)
{
    assert_int_equal(herald_norm_receiver_input(rx->receiver, &rx->from, false, packet, packet_bytes, rx->now_ns), 0);
    rx_take_events(rx);
}

static const struct hd_header *begin(struct rx *rx)
{
    rx->writer = hd_writer_over(rx->made, sizeof(rx->made));
    rx->header.sequence++;
    return &rx->header;
}

static void send(struct rx *rx)
{
    assert_false(rx->writer.overflow);
    rx_input(rx, rx->made, hd_writer_size(&rx->writer));
}

static struct hd_partition partition_of(const struct rx *rx)
{
    struct hd_partition partition;

    assert_int_equal(
        hd_partition_init(&partition, rx->fti.object_bytes, rx->fti.segment_bytes, rx->fti.max_block_symbols), 0);
    return partition;
}

static struct hd_position position_of(const struct rx *rx, uint16_t object_id, uint32_t block, uint16_t symbol)
{
    struct hd_position position = { .fec_id = rx->fec_id,
                                    .object_id = object_id,
                                    .id = { .block = block, .symbol = symbol } };

    if (rx->fec_id == HD_FEC_SMALL_BLOCK) {
        struct hd_partition partition = partition_of(rx);

        position.id.block_symbols = rx->flags & HD_FLAG_STREAM ? rx->fti.max_block_symbols
                                    : block < partition.blocks ? hd_partition_block_symbols(&partition, block)
                                                               : 0;
    }
    return position;
}

void rx_data_with(struct rx *rx, uint16_t object_id, uint32_t block, uint16_t symbol, const uint8_t *payload,
                  size_t payload_bytes)
{
    struct hd_position position = position_of(rx, object_id, block, symbol);

    hd_wire_put_data(&rx->writer, begin(rx), rx->flags, &position);
    if (!rx->omit_fti)
        hd_wire_put_ext_fti(&rx->writer, rx->fec_id, &rx->fti);
    hd_wire_end_header(&rx->writer);
    hd_wire_put_content(&rx->writer, payload, payload_bytes);
    send(rx);
}

/* One parity symbol of a block of rx_bytes(). */
static void encode(const struct rx *rx, uint32_t block, uint16_t row, uint8_t *parity, size_t parity_bytes)
{
    struct hd_partition partition = partition_of(rx);
    uint16_t symbols = hd_partition_block_symbols(&partition, block);
    struct hd_fec_symbol source[HD_FEC_SYMBOLS_MAX];
    struct hd_fec_encoder *encoder;

    for (uint16_t i = 0; i < symbols; i++)
        source[i] = (struct hd_fec_symbol){ .data = rx_bytes() + hd_partition_offset(&partition, block, i),
                                            .bytes = hd_partition_bytes(&partition, block, i) };
    assert_int_equal(hd_fec_encoder_new(&encoder, rx->fti.max_block_symbols, rx->fti.parity_symbols), 0);
    assert_int_equal(hd_fec_encode(encoder, source, symbols, row, 1, &parity, parity_bytes), 0);
    hd_fec_encoder_free(encoder);
}

void rx_data(struct rx *rx, uint16_t object_id, uint32_t block, uint16_t symbol)
{
    struct hd_partition partition = partition_of(rx);
    uint16_t symbols = hd_partition_block_symbols(&partition, block);
    uint8_t parity[1500];

    if (symbol < symbols) {
        rx_data_with(rx, object_id, block, symbol, rx_bytes() + hd_partition_offset(&partition, block, symbol),
                     hd_partition_bytes(&partition, block, symbol));
        return;
    }
    encode(rx, block, (uint16_t)(symbol - symbols), parity, hd_partition_bytes(&partition, block, 0));
    rx_data_with(rx, object_id, block, symbol, parity, hd_partition_bytes(&partition, block, 0));
}

void rx_block(struct rx *rx, uint16_t object_id, uint32_t block)
{
    struct hd_partition partition = partition_of(rx);

    for (uint16_t i = 0; i < hd_partition_block_symbols(&partition, block); i++)
        rx_data(rx, object_id, block, i);
}

void rx_info(struct rx *rx, uint16_t object_id, const char *info)
{
    hd_wire_put_info(&rx->writer, begin(rx), rx->flags | HD_FLAG_INFO, rx->fec_id, object_id);
    if (!rx->omit_fti)
        hd_wire_put_ext_fti(&rx->writer, rx->fec_id, &rx->fti);
    hd_wire_end_header(&rx->writer);
    hd_wire_put_content(&rx->writer, (const uint8_t *)info, strlen(info));
    send(rx);
}

void rx_flush(struct rx *rx, uint16_t object_id, uint32_t block, uint16_t symbol, uint32_t ack_node)
{
    struct hd_position position = position_of(rx, object_id, block, symbol);

    hd_wire_put_flush(&rx->writer, begin(rx), &position);
    hd_wire_end_header(&rx->writer);
    if (ack_node != 0)
        assert_true(hd_wire_put_node(&rx->writer, ack_node));
    send(rx);
}

void rx_squelch(struct rx *rx, uint16_t object_id, uint32_t block, const uint16_t *objects, size_t objects_count)
{
    struct hd_position position = position_of(rx, object_id, block, 0);

    hd_wire_put_squelch(&rx->writer, begin(rx), &position);
    hd_wire_end_header(&rx->writer);
    for (size_t i = 0; i < objects_count; i++)
        assert_true(hd_wire_put_object(&rx->writer, objects[i]));
    send(rx);
}

void rx_eot(struct rx *rx)
{
    hd_wire_put_eot(&rx->writer, begin(rx));
    hd_wire_end_header(&rx->writer);
    send(rx);
}

void rx_probe(struct rx *rx, uint16_t sequence, uint64_t sent_ns, bool is_listed)
{
    struct hd_cc_node node = { .node_id = rx->config.node_id, .flags = HD_CC_CLR | HD_CC_RTT, .rtt = 100 };

    hd_wire_put_cc(&rx->writer, begin(rx), sequence, hd_timestamp_of_ns(sent_ns));
    hd_wire_put_ext_rate(&rx->writer, hd_rate_encode(1000000));
    hd_wire_end_header(&rx->writer);
    if (is_listed)
        assert_true(hd_wire_put_cc_node(&rx->writer, &node));
    send(rx);
}

void rx_request(struct rx *rx, uint8_t ack_type, uint8_t ack_id, uint32_t node_id, const char *content)
{
    hd_wire_put_ack_req(&rx->writer, begin(rx), ack_type, ack_id);
    if (content)
        hd_wire_put_ext_application(&rx->writer, (const uint8_t *)content, strlen(content));
    hd_wire_end_header(&rx->writer);
    if (node_id != 0)
        assert_true(hd_wire_put_node(&rx->writer, node_id));
    send(rx);
}

void rx_command(struct rx *rx, const char *content)
{
    hd_wire_put_application(&rx->writer, begin(rx));
    hd_wire_end_header(&rx->writer);
    hd_wire_put_content(&rx->writer, (const uint8_t *)content, strlen(content));
    send(rx);
}

void rx_stream_data(struct rx *rx, uint16_t object_id, uint32_t block, uint16_t symbol, uint16_t size_bytes,
                    uint16_t message_start, uint32_t offset_bytes)
{
    struct hd_stream_header header = { .size_bytes = size_bytes,
                                       .message_start = message_start,
                                       .offset_bytes = offset_bytes };
    struct hd_position position;

    rx->flags |= HD_FLAG_STREAM;
    position = position_of(rx, object_id, block, symbol);
    hd_wire_put_data(&rx->writer, begin(rx), rx->flags, &position);
    if (!rx->omit_fti)
        hd_wire_put_ext_fti(&rx->writer, rx->fec_id, &rx->fti);
    hd_wire_end_header(&rx->writer);
    hd_wire_put_stream_header(&rx->writer, &header);
    hd_wire_put_content(&rx->writer, rx_bytes() + offset_bytes % RX_CONTENT_BYTES, size_bytes);
    send(rx);
}

/* --- others --- */

void rx_nack_begin(struct rx *rx, uint32_t node_id, uint32_t server_id, uint16_t instance_id)
{
    struct hd_header header = { .source_id = node_id, .instance_id = instance_id };

    rx->writer = hd_writer_over(rx->made, sizeof(rx->made));
    hd_wire_put_nack(&rx->writer, &header, server_id, (struct hd_timestamp){ 0 });
    hd_wire_end_header(&rx->writer);
    rx->requests = hd_request_writer_over(&rx->writer);
}

void rx_repair_adv_begin(struct rx *rx)
{
    hd_wire_put_repair_adv(&rx->writer, begin(rx), 0);
    hd_wire_end_header(&rx->writer);
    rx->requests = hd_request_writer_over(&rx->writer);
}

void rx_nack_item(struct rx *rx, uint8_t flags, uint16_t object_id, uint32_t block, uint16_t symbol)
{
    struct hd_position position = position_of(rx, object_id, block, symbol);

    assert_true(hd_request_put_item(&rx->requests, flags, &position));
}

void rx_nack_range(struct rx *rx, uint8_t flags, uint16_t first_object, uint32_t first_block, uint16_t first_symbol,
                   uint16_t last_object, uint32_t last_block, uint16_t last_symbol)
{
    struct hd_position first = position_of(rx, first_object, first_block, first_symbol);
    struct hd_position last = position_of(rx, last_object, last_block, last_symbol);

    assert_true(hd_request_put_range(&rx->requests, flags, &first, &last));
}

void rx_nack_send(struct rx *rx)
{
    send(rx);
}

/* --- what came of it --- */

uint32_t rx_events(const struct rx *rx, enum herald_norm_receiver_event_type type)
{
    uint32_t count = 0;

    for (uint32_t i = 0; i < rx->events_count; i++)
        count += rx->events[i].type == type;
    return count;
}

const struct herald_norm_receiver_event *rx_last_event(const struct rx *rx, enum herald_norm_receiver_event_type type)
{
    for (uint32_t i = rx->events_count; i > 0; i--)
        if (rx->events[i - 1].type == type)
            return &rx->events[i - 1];
    return NULL;
}

void rx_forget_events(struct rx *rx)
{
    rx->events_count = 0;
}

struct herald_norm_receiver_statistics rx_statistics(const struct rx *rx)
{
    struct herald_norm_receiver_statistics statistics;

    herald_norm_receiver_get_statistics(rx->receiver, &statistics);
    return statistics;
}

uint64_t rx_dropped(const struct rx *rx, enum herald_norm_drop reason)
{
    return rx_statistics(rx).dropped[reason];
}

bool rx_is_complete(const struct rx *rx, uint16_t object_id)
{
    for (uint32_t i = 0; i < rx->events_count; i++)
        if (rx->events[i].type == HERALD_NORM_RECEIVER_OBJECT_COMPLETE && rx->events[i].object_id == object_id)
            return memcmp(rx->written[object_id % RX_OBJECTS], rx_bytes(), (size_t)rx->fti.object_bytes) == 0;
    return false;
}
