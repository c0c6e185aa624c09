/* SPDX-License-Identifier: MIT */
#include "norm_kit.h"

#include "quant.h"

#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define START_NS UINT64_C(1000000000)

struct herald_norm_sender_config kit_config(void)
{
    struct herald_norm_sender_config config;

    herald_norm_sender_config_default(&config);
    config.node_id = KIT_NODE;
    config.instance_id = KIT_INSTANCE;
    config.seed = 1;
    config.segment_bytes = 16;
    config.block_segments = 4;
    config.parity_segments = 2;
    config.rate_bytes_per_s = HERALD_NORM_RATE_MAX_BYTES_PER_S;
    config.grtt_initial_ns = 10 * KIT_MS;
    config.robust_factor = 3;
    config.info_bytes_max = 16;
    config.application_bytes_max = 16;
    return config;
}

struct kit *kit_new(const struct herald_norm_sender_config *config)
{
    struct kit *kit = calloc(1, sizeof(*kit));

    assert_non_null(kit);
    kit->config = config ? *config : kit_config();
    kit->now_ns = START_NS;
    assert_null(herald_norm_sender_config_check(&kit->config));
    assert_int_equal(herald_norm_sender_new(&kit->sender, &kit->config, kit->now_ns), 0);
    return kit;
}

struct kit *kit_free(struct kit *kit)
{
    kit->sender = herald_norm_sender_free(kit->sender);
    free(kit);
    return NULL;
}

const uint8_t *kit_bytes(void)
{
    /* Text, so that a segment in the wrong place is seen to be one. */
    static const char text[] =
        "Send once, reach everyone, know who heard. The quick brown fox jumps over the lazy dog; pack my box "
        "with five dozen liquor jugs. How vexingly quick daft zebras jump! Sphinx of black quartz, judge my v"
        "ow. The five boxing wizards jump quickly. Jackdaws love my big sphinx of quartz. Waltz, bad nymph, f"
        "or quick jigs vex. Glib jocks quiz nymph to vex dwarf. Two driven jocks help fax my big quiz. Five q"
        "uacking zephyrs jolt my wax bed. A wizard job is to vex chumps quickly in fog. Amazingly few discoth"
        "eques provide jukeboxes. Crazy Fredrick bought many very exquisite opal jewels. We promptly judged a"
        "ntique ivory buckles for the next prize. Six big juicy steaks sizzled in a pan as five workmen left "
        "the quarry. Jaded zombies acted quaintly but kept driving their oxen on. All questions asked by five"
        " watched experts amaze the judge. Back in June we delivered oxygen equipment of the same size. The p"
        "ublic was amazed to view the quickness and dexterity of the juggler. While making deep excavations w"
        "e found some quaint bronze jewelry. A quick movement of the enemy will jeopardize six gunboats, and "
        "so on.";

    return (const uint8_t *)text;
}

uint16_t kit_enqueue(struct kit *kit, uint64_t size_bytes, const char *info)
{
    struct herald_norm_object object = { .kind = HERALD_NORM_DATA,
                                         .size_bytes = size_bytes,
                                         .bytes = kit_bytes(),
                                         .info = (const uint8_t *)info,
                                         .info_bytes = info ? (uint16_t)strlen(info) : 0 };
    uint16_t object_id = 0;

    assert_true(size_bytes <= 1024);
    assert_int_equal(herald_norm_sender_enqueue(kit->sender, &object, kit->now_ns, &object_id), 0);
    return object_id;
}

/* --- output --- */

__attribute__((format(printf, 2, 3))) static void trace(struct kit *kit, const char *format, ...)
{
    va_list arguments;
    int bytes;

    va_start(arguments, format);
    bytes = vsnprintf(kit->trace + kit->trace_bytes, sizeof(kit->trace) - kit->trace_bytes, format, arguments);
    va_end(arguments);
    assert_true(bytes >= 0 && (size_t)bytes < sizeof(kit->trace) - kit->trace_bytes);
    kit->trace_bytes += (size_t)bytes;
}

static void trace_place(struct kit *kit, const char *prefix, const struct hd_position *position)
{
    trace(kit, "%s%u/%" PRIu32 ".%u", prefix, position->object_id, position->id.block, position->id.symbol);
}

static void trace_nodes(struct kit *kit, struct hd_cursor nodes)
{
    const char *separator = "[";
    uint32_t node_id;

    while (hd_wire_next_node(&nodes, &node_id)) {
        trace(kit, "%s%" PRIu32, separator, node_id);
        separator = ",";
    }
    trace(kit, "%s", separator[0] == ',' ? "]" : "");
}

static void trace_squelch(struct kit *kit, const struct hd_squelch *squelch)
{
    struct hd_cursor objects = squelch->objects;
    const char *separator = "[";
    uint16_t object_id;

    trace_place(kit, "Q", &squelch->position);
    while (hd_wire_next_object(&objects, &object_id)) {
        trace(kit, "%s%u", separator, object_id);
        separator = ",";
    }
    trace(kit, "%s", separator[0] == ',' ? "]" : "");
}

static void trace_message(struct kit *kit)
{
    const struct hd_message *message = &kit->message;

    if (message->kind == HD_KIND_CC && !kit->show_probes)
        return;
    assert_true(kit->words < KIT_TRACE_WORDS);
    kit->times_ns[kit->words++] = kit->now_ns;
    trace(kit, "%s", kit->trace_bytes > 0 ? " " : "");
    switch (message->kind) {
    case HD_KIND_INFO:
        trace(kit, "i%u", message->data.position.object_id);
        break;
    case HD_KIND_DATA:
        trace_place(kit, "", &message->data.position);
        break;
    case HD_KIND_FLUSH:
        trace_place(kit, "F", &message->flush.position);
        trace_nodes(kit, message->flush.nodes);
        break;
    case HD_KIND_EOT:
        trace(kit, "E");
        break;
    case HD_KIND_SQUELCH:
        trace_squelch(kit, &message->squelch);
        break;
    case HD_KIND_CC:
        trace(kit, "C");
        break;
    case HD_KIND_REPAIR_ADV:
        trace(kit, "A");
        break;
    case HD_KIND_ACK_REQ:
        trace(kit, "R%u.%u", message->ack_req.ack_type, message->ack_req.ack_id);
        trace_nodes(kit, message->ack_req.nodes);
        break;
    case HD_KIND_APPLICATION:
        trace(kit, "M");
        break;
    case HD_KIND_NACK:
    case HD_KIND_ACK:
    case HD_KIND_REPORT:
        fail_msg("a sender sends no feedback");
    }
}

static void read_events(struct kit *kit)
{
    assert_true(kit->events_count < KIT_EVENTS);
    while (herald_norm_sender_poll_event(kit->sender, &kit->events[kit->events_count]) > 0)
        assert_true(++kit->events_count < KIT_EVENTS);
}

bool kit_poll(struct kit *kit)
{
    struct herald_norm_datagram *datagram = &kit->datagram;

    /* The header is written in place; the payload is appended, as the network would see it. */
    *datagram = (struct herald_norm_datagram){ .buffer = kit->packet,
                                               .buffer_bytes = HERALD_NORM_BUFFER_BYTES(kit->config.segment_bytes) };
    if (herald_norm_sender_poll_output(kit->sender, datagram, kit->now_ns) <= 0)
        return false;
    assert_true(datagram->to_group);
    assert_true(datagram->header_bytes <= datagram->buffer_bytes);
    if (datagram->payload_bytes > 0)
        memcpy(kit->packet + datagram->header_bytes, datagram->payload, datagram->payload_bytes);
    kit->packet_bytes = datagram->header_bytes + datagram->payload_bytes;
    assert_int_equal(hd_wire_decode(kit->packet, kit->packet_bytes, &kit->message), 0);
    assert_int_equal(kit->message.header.source_id, kit->config.node_id);
    assert_int_equal(kit->message.header.instance_id, kit->config.instance_id);
    trace_message(kit);
    return true;
}

void kit_drain(struct kit *kit)
{
    do {
        while (kit_poll(kit))
            read_events(kit);
        read_events(kit);
    } while (kit_poll(kit)); /* events may have been in the way */
    read_events(kit);
    assert_true(herald_norm_sender_next_timeout(kit->sender) > kit->now_ns);
}

void kit_run_until(struct kit *kit, uint64_t until_ns)
{
    for (;;) {
        uint64_t next_ns;

        read_events(kit);
        assert_int_equal(herald_norm_sender_handle_timeout(kit->sender, kit->now_ns), 0);
        kit_drain(kit);
        next_ns = herald_norm_sender_next_timeout(kit->sender);
        if (next_ns > until_ns)
            break;
        kit->now_ns = next_ns;
    }
    kit->now_ns = until_ns;
}

void kit_run_for(struct kit *kit, uint64_t duration_ns)
{
    kit_run_until(kit, kit->now_ns + duration_ns);
}

const char *kit_trace(struct kit *kit)
{
    kit->trace[kit->trace_bytes] = '\0';
    kit->trace_bytes = 0;
    kit->words = 0;
    return kit->trace;
}

/* --- events --- */

uint32_t kit_events(const struct kit *kit, enum herald_norm_sender_event_type type)
{
    uint32_t count = 0;

    for (uint32_t i = 0; i < kit->events_count; i++)
        count += kit->events[i].type == type;
    return count;
}

const struct herald_norm_sender_event *kit_last_event(const struct kit *kit, enum herald_norm_sender_event_type type)
{
    for (uint32_t i = kit->events_count; i-- > 0;)
        if (kit->events[i].type == type)
            return &kit->events[i];
    return NULL;
}

/* --- feedback --- */

void kit_input(struct kit *kit, const uint8_t *packet, size_t packet_bytes, bool unicast)
{
    struct herald_peer from = { .address = { HERALD_FAMILY_IPV4, { 10, 0, 0, 2 } }, .port = 4000 };

    read_events(kit);
    assert_int_equal(herald_norm_sender_input(kit->sender, &from, unicast, packet, packet_bytes, kit->now_ns), 0);
    read_events(kit);
    assert_int_equal(herald_norm_sender_handle_timeout(kit->sender, kit->now_ns), 0);
    read_events(kit);
}

static struct hd_header feedback_header(const struct kit *kit, uint32_t node_id)
{
    return (struct hd_header){ .source_id = node_id, .instance_id = kit->config.instance_id };
}

struct hd_position kit_position(const struct kit *kit, uint16_t object_id, uint32_t block, uint16_t symbol)
{
    return (struct hd_position){
        .fec_id = kit->config.fec_id,
        .object_id = object_id,
        .id = { .block = block, .symbol = symbol, .block_symbols = kit->config.fec_id == HD_FEC_SMALL_BLOCK ? 4 : 0 }
    };
}

void kit_nack_begin(struct kit *kit, uint32_t node_id)
{
    struct hd_header header = feedback_header(kit, node_id);
    struct hd_timestamp none = { 0 };

    kit->writer = hd_writer_over(kit->feedback, sizeof(kit->feedback));
    hd_wire_put_nack(&kit->writer, &header, kit->config.node_id, none);
    hd_wire_end_header(&kit->writer);
    kit->requests = hd_request_writer_over(&kit->writer);
}

void kit_nack_item(struct kit *kit, uint8_t flags, uint16_t object_id, uint32_t block, uint16_t symbol)
{
    struct hd_position item = kit_position(kit, object_id, block, symbol);

    assert_true(hd_request_put_item(&kit->requests, flags, &item));
}

void kit_nack_range(struct kit *kit, uint8_t flags, struct hd_position first, struct hd_position last)
{
    assert_true(hd_request_put_range(&kit->requests, flags, &first, &last));
}

void kit_nack_send(struct kit *kit, bool unicast)
{
    assert_false(kit->writer.overflow);
    kit_input(kit, kit->feedback, hd_writer_size(&kit->writer), unicast);
}

void kit_nack(struct kit *kit, uint32_t node_id, uint8_t flags, uint16_t object_id, uint32_t block, uint16_t symbol)
{
    kit_nack_begin(kit, node_id);
    kit_nack_item(kit, flags, object_id, block, symbol);
    kit_nack_send(kit, false);
}

void kit_ack(struct kit *kit, uint32_t node_id, uint16_t object_id, uint32_t block, uint16_t symbol)
{
    struct hd_header header = feedback_header(kit, node_id);
    struct hd_position position = kit_position(kit, object_id, block, symbol);
    struct hd_timestamp none = { 0 };

    kit->writer = hd_writer_over(kit->feedback, sizeof(kit->feedback));
    hd_wire_put_ack(&kit->writer, &header, kit->config.node_id, HD_ACK_FLUSH, 0, none);
    hd_wire_end_header(&kit->writer);
    hd_wire_put_position(&kit->writer, &position);
    kit_input(kit, kit->feedback, hd_writer_size(&kit->writer), false);
}

uint64_t kit_grtt_ns(void)
{
    return hd_rtt_decode_ns(hd_rtt_encode(10 * KIT_MS));
}

/* (K + 1) GRTT */
uint64_t kit_gathering_ns(void)
{
    return 5 * kit_grtt_ns();
}

/* One of `size_bytes` bytes has been sent, and the first FLUSH; the trace is empty. */
struct kit *kit_sent(const struct herald_norm_sender_config *config, uint64_t size_bytes, const char *info)
{
    struct kit *kit = kit_new(config);

    kit_enqueue(kit, size_bytes, info);
    kit_drain(kit);
    kit_trace(kit);
    return kit;
}

struct herald_norm_sender_statistics kit_statistics(const struct kit *kit)
{
    struct herald_norm_sender_statistics statistics;

    herald_norm_sender_get_statistics(kit->sender, &statistics);
    return statistics;
}

int kit_try_enqueue(struct kit *kit, uint64_t size_bytes)
{
    struct herald_norm_object object = { .kind = HERALD_NORM_DATA, .size_bytes = size_bytes, .bytes = kit_bytes() };
    uint16_t object_id;

    return herald_norm_sender_enqueue(kit->sender, &object, kit->now_ns, &object_id);
}
