/* SPDX-License-Identifier: MIT */
/* The wire layer: what NRL's recorded packets do not show, round trips at the limits, and everything malformed. */
#include "wire.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

enum { ROOM_BYTES = 2048 };

static const struct hd_header header_max = {
    .source_id = 0xfffffffe,
    .sequence = 0xffff,
    .instance_id = 0xfedc,
    .grtt = 0xff,
    .backoff = 15,
    .gsize = 15,
};

static const struct hd_position position_5 = { .fec_id = HD_FEC_RS_8, .object_id = 7, .id = { 0xffffff, 0xff, 0 } };
static const struct hd_position position_129 = {
    .fec_id = HD_FEC_SMALL_BLOCK,
    .object_id = 0xffff,
    .id = { 0xffffffff, 0xffff, 0xfffe },
};

/* A message under construction, and what became of it. */
struct fixture {
    uint8_t packet[ROOM_BYTES];
    struct hd_writer writer;
    struct hd_message message;
};

static void start(struct fixture *fixture)
{
    *fixture = (struct fixture){ 0 };
    fixture->writer = hd_writer_over(fixture->packet, sizeof(fixture->packet));
}

static int decode(struct fixture *fixture)
{
    assert_false(fixture->writer.overflow);
    return hd_wire_decode(fixture->packet, hd_writer_size(&fixture->writer), &fixture->message);
}

static void assert_position(const struct hd_position *actual, const struct hd_position *expected)
{
    assert_int_equal(actual->fec_id, expected->fec_id);
    assert_int_equal(actual->object_id, expected->object_id);
    assert_int_equal(actual->id.block, expected->id.block);
    assert_int_equal(actual->id.symbol, expected->id.symbol);
    assert_int_equal(actual->id.block_symbols, expected->id.block_symbols);
}

static void assert_sender(const struct hd_header *actual)
{
    assert_int_equal(actual->source_id, header_max.source_id);
    assert_int_equal(actual->sequence, header_max.sequence);
    assert_int_equal(actual->instance_id, header_max.instance_id);
    assert_int_equal(actual->grtt, header_max.grtt);
    assert_int_equal(actual->backoff, header_max.backoff);
    assert_int_equal(actual->gsize, header_max.gsize);
}

/* --- the cursor --- */

/* Where a message has no content its cursor is NULL. A sanitizer looks at this. */
static void nothing_can_be_read_from_a_cursor_that_stands_nowhere(void **state)
{
    struct hd_cursor nowhere = { 0 }, sub;
    uint8_t byte = 7;

    (void)state;
    assert_int_equal(hd_cursor_left(&nowhere), 0);
    assert_int_equal(hd_cursor_skip(&nowhere, 0), 0);
    assert_int_equal(hd_cursor_bytes(&nowhere, &byte, 0), 0);
    assert_int_equal(hd_cursor_sub(&nowhere, 0, &sub), 0);
    assert_int_equal(hd_cursor_left(&sub), 0);
    assert_true(hd_cursor_bytes(&nowhere, &byte, 1) < 0);
    assert_int_equal(byte, 7);
}

/* --- round trips --- */

static void data_round_trips_with_the_largest_values_of_each_scheme(void **state)
{
    static const struct hd_position positions[] = {
        { HD_FEC_RS_8, 0xffff, { 0xffffff, 0xff, 0 } },
        { HD_FEC_RS_2M, 0xffff, { 0xffffff, 0xff, 0 } },
        { HD_FEC_SMALL_BLOCK, 0xffff, { 0xffffffff, 0xffff, 0xffff } },
    };
    static const struct hd_fti fti = { HD_OBJECT_BYTES_MAX, 0xffff, 200, 55 };

    (void)state;
    for (size_t i = 0; i < sizeof(positions) / sizeof(positions[0]); i++) {
        struct fixture f;

        start(&f);
        hd_wire_put_data(&f.writer, &header_max, 0xff, &positions[i]);
        hd_wire_put_ext_fti(&f.writer, positions[i].fec_id, &fti);
        hd_wire_end_header(&f.writer);
        assert_int_equal(hd_writer_size(&f.writer), hd_wire_data_header_bytes(positions[i].fec_id, true));
        assert_true(hd_writer_size(&f.writer) <= HD_DATA_HEADER_BYTES_MAX);
        hd_wire_put_content(&f.writer, (const uint8_t *)"abc", 3);
        assert_int_equal(decode(&f), 0);
        assert_int_equal(f.message.kind, HD_KIND_DATA);
        assert_sender(&f.message.header);
        assert_int_equal(f.message.data.flags, 0xff);
        assert_position(&f.message.data.position, &positions[i]);
        assert_int_equal(f.message.extensions.present, HD_EXT_FTI);
        assert_int_equal(f.message.extensions.fti.object_bytes, fti.object_bytes);
        assert_int_equal(f.message.extensions.fti.segment_bytes, fti.segment_bytes);
        assert_int_equal(f.message.extensions.fti.max_block_symbols, fti.max_block_symbols);
        assert_int_equal(f.message.extensions.fti.parity_symbols, fti.parity_symbols);
        assert_int_equal(hd_cursor_left(&f.message.data.payload), 3);
        assert_memory_equal(f.message.data.payload.at, "abc", 3);
    }
}

static void the_data_header_is_as_long_as_foretold(void **state)
{
    static const uint8_t fec_ids[] = { HD_FEC_RS_8, HD_FEC_RS_2M, HD_FEC_SMALL_BLOCK };

    (void)state;
    for (size_t i = 0; i < sizeof(fec_ids); i++) {
        struct hd_position position = { .fec_id = fec_ids[i] };
        struct fixture f;

        start(&f);
        hd_wire_put_data(&f.writer, &header_max, 0, &position);
        assert_int_equal(hd_writer_size(&f.writer), hd_wire_data_header_bytes(fec_ids[i], false));
    }
    assert_int_equal(hd_wire_data_header_bytes(0, true), 0);
    assert_int_equal(hd_wire_payload_id_bytes(HD_FEC_RS_8), 4);
    assert_int_equal(hd_wire_payload_id_bytes(HD_FEC_SMALL_BLOCK), 8);
    assert_int_equal(hd_wire_payload_id_bytes(0), 0);
}

static void info_round_trips_without_content(void **state)
{
    struct fixture f;

    (void)state;
    start(&f);
    hd_wire_put_info(&f.writer, &header_max, HD_FLAG_FILE, HD_FEC_RS_8, 0xabcd);
    hd_wire_end_header(&f.writer);
    assert_int_equal(decode(&f), 0);
    assert_int_equal(f.message.kind, HD_KIND_INFO);
    assert_sender(&f.message.header);
    assert_int_equal(f.message.data.flags, HD_FLAG_FILE);
    assert_int_equal(f.message.data.position.fec_id, HD_FEC_RS_8);
    assert_int_equal(f.message.data.position.object_id, 0xabcd);
    assert_int_equal(f.message.extensions.present, 0);
    assert_int_equal(hd_cursor_left(&f.message.data.payload), 0);
}

static void eot_round_trips(void **state)
{
    struct fixture f;

    (void)state;
    start(&f);
    hd_wire_put_eot(&f.writer, &header_max);
    hd_wire_end_header(&f.writer);
    assert_int_equal(hd_writer_size(&f.writer), 16);
    assert_int_equal(decode(&f), 0);
    assert_int_equal(f.message.kind, HD_KIND_EOT);
    assert_sender(&f.message.header);
}

static void ack_req_round_trips(void **state)
{
    struct fixture f;
    uint32_t node_id;

    (void)state;
    start(&f);
    hd_wire_put_ack_req(&f.writer, &header_max, 255, 254);
    hd_wire_end_header(&f.writer);
    assert_true(hd_wire_put_node(&f.writer, 1));
    assert_true(hd_wire_put_node(&f.writer, 0xfffffffe));
    assert_int_equal(decode(&f), 0);
    assert_int_equal(f.message.kind, HD_KIND_ACK_REQ);
    assert_int_equal(f.message.ack_req.ack_type, 255);
    assert_int_equal(f.message.ack_req.ack_id, 254);
    assert_true(hd_wire_next_node(&f.message.ack_req.nodes, &node_id));
    assert_int_equal(node_id, 1);
    assert_true(hd_wire_next_node(&f.message.ack_req.nodes, &node_id));
    assert_int_equal(node_id, 0xfffffffe);
    assert_false(hd_wire_next_node(&f.message.ack_req.nodes, &node_id));
}

static void cc_round_trips_with_its_largest_values(void **state)
{
    const struct hd_cc_node sent = { 0xfffffffe, 0xff, 0xff, 0xffff };
    struct hd_cc_node node;
    struct fixture f;

    (void)state;
    start(&f);
    hd_wire_put_cc(&f.writer, &header_max, 0xffff, (struct hd_timestamp){ 0xffffffff, 999999 });
    hd_wire_put_ext_rate(&f.writer, 0xfffe);
    hd_wire_end_header(&f.writer);
    assert_true(hd_wire_put_cc_node(&f.writer, &sent));
    assert_int_equal(decode(&f), 0);
    assert_int_equal(f.message.cc.sequence, 0xffff);
    assert_int_equal(f.message.cc.sent.sec, 0xffffffff);
    assert_int_equal(f.message.cc.sent.usec, 999999);
    assert_int_equal(f.message.extensions.present, HD_EXT_RATE);
    assert_int_equal(f.message.extensions.rate, 0xfffe);
    assert_true(hd_wire_next_cc_node(&f.message.cc.nodes, &node));
    assert_memory_equal(&node, &sent, sizeof(node));
    assert_false(hd_wire_next_cc_node(&f.message.cc.nodes, &node));
}

static void an_application_ack_carries_its_payload(void **state)
{
    struct fixture f;

    (void)state;
    start(&f);
    hd_wire_put_ack(&f.writer, &header_max, 9, HD_ACK_APPLICATION_MIN, 3, (struct hd_timestamp){ 0, 0 });
    hd_wire_end_header(&f.writer);
    hd_wire_put_content(&f.writer, (const uint8_t *)"xyz", 3);
    assert_int_equal(decode(&f), 0);
    assert_int_equal(f.message.kind, HD_KIND_ACK);
    assert_int_equal(f.message.header.instance_id, header_max.instance_id);
    assert_int_equal(f.message.ack.server_id, 9);
    assert_int_equal(f.message.ack.ack_type, HD_ACK_APPLICATION_MIN);
    assert_int_equal(f.message.ack.ack_id, 3);
    assert_int_equal(hd_cursor_left(&f.message.ack.payload), 3);
    assert_memory_equal(f.message.ack.payload.at, "xyz", 3);
}

static void the_position_of_an_ack_round_trips(void **state)
{
    struct fixture f;

    (void)state;
    start(&f);
    hd_wire_put_ack(&f.writer, &header_max, 9, HD_ACK_FLUSH, 0, (struct hd_timestamp){ 1, 2 });
    hd_wire_end_header(&f.writer);
    hd_wire_put_position(&f.writer, &position_129);
    assert_int_equal(decode(&f), 0);
    assert_position(&f.message.ack.position, &position_129);
}

static void a_message_carries_every_extension_at_once(void **state)
{
    const struct hd_cc_feedback cc = { 0xffff, 0x3f, 0xfe, 0xfffefffd, 0xfffc };
    const struct hd_cc_delivery delivery = { 0xffffffff, 0xfffffffe, 0xfffffffd };
    const uint8_t mac[10] = "0123456789";
    struct fixture f;

    (void)state;
    start(&f);
    hd_wire_put_nack(&f.writer, &header_max, 9, (struct hd_timestamp){ 1, 2 });
    hd_wire_put_ext_cc(&f.writer, &cc);
    hd_wire_put_ext_delivery(&f.writer, &delivery);
    assert_non_null(hd_wire_put_ext_auth(&f.writer, mac, sizeof(mac)));
    hd_wire_put_ext_application(&f.writer, (const uint8_t *)"abc", 3);
    hd_wire_put_ext_rate(&f.writer, 0x1234);
    hd_wire_end_header(&f.writer);
    assert_int_equal(decode(&f), 0);
    assert_int_equal(f.message.extensions.present,
                     HD_EXT_CC | HD_EXT_DELIVERY | HD_EXT_AUTH | HD_EXT_APPLICATION | HD_EXT_RATE);
    assert_int_equal(f.message.extensions.ignored_count, 0);
    assert_int_equal(f.message.extensions.cc.sequence, cc.sequence);
    assert_int_equal(f.message.extensions.cc.flags, cc.flags);
    assert_int_equal(f.message.extensions.cc.rtt, cc.rtt);
    assert_int_equal(f.message.extensions.cc.loss, cc.loss);
    assert_int_equal(f.message.extensions.cc.rate, cc.rate);
    assert_int_equal(hd_cursor_left(&f.message.extensions.auth), 12);
    assert_memory_equal(f.message.extensions.auth.at + 2, mac, sizeof(mac));
    assert_int_equal(hd_cursor_left(&f.message.extensions.application), 6);
    assert_memory_equal(f.message.extensions.application.at, "abc\0\0\0", 6);
    assert_int_equal(f.message.extensions.rate, 0x1234);
    assert_memory_equal(&f.message.extensions.delivery, &delivery, sizeof(delivery));
}

static void a_delivery_report_of_another_length_is_somebody_elses(void **state)
{
    struct fixture f;

    (void)state;
    start(&f);
    hd_wire_put_nack(&f.writer, &header_max, 9, (struct hd_timestamp){ 1, 2 });
    hd_writer_u32(&f.writer, 66u << 24 | 1u << 16 | 0xabcd);
    hd_wire_end_header(&f.writer);
    assert_int_equal(decode(&f), 0);
    assert_int_equal(f.message.extensions.present, 0);
    assert_int_equal(f.message.extensions.ignored_count, 1);
}

static void times_round_trip_to_the_microsecond(void **state)
{
    struct hd_timestamp time = hd_timestamp_of_ns(UINT64_C(1234567890987654321));

    (void)state;
    assert_int_equal(time.sec, 1234567890);
    assert_int_equal(time.usec, 987654);
    assert_int_equal(hd_timestamp_ns(time), UINT64_C(1234567890987654000));
    assert_true(hd_timestamp_is_set(time));
    assert_false(hd_timestamp_is_set((struct hd_timestamp){ 0, 0 }));
}

/* --- lists and requests --- */

static void a_list_takes_what_fits_and_no_more(void **state)
{
    const struct hd_cc_node node = { 1, 0, 0, 0 };
    struct fixture f;

    (void)state;
    start(&f);
    hd_wire_put_flush(&f.writer, &header_max, &position_5);
    hd_wire_end_header(&f.writer);
    hd_writer_limit(&f.writer, 11);
    assert_true(hd_wire_put_node(&f.writer, 1));
    assert_true(hd_wire_put_node(&f.writer, 2));
    assert_false(hd_wire_put_node(&f.writer, 3));
    assert_false(hd_wire_put_cc_node(&f.writer, &node));
    assert_true(hd_wire_put_object(&f.writer, 4));
    assert_false(hd_wire_put_object(&f.writer, 4));
    assert_false(f.writer.overflow);
    assert_int_equal(hd_writer_size(&f.writer), 20 + 10);
}

static void requests_alike_share_a_head_and_others_begin_anew(void **state)
{
    static const uint8_t expected[] = {
        1, 1, 0, 16, 5, 0, 0, 7, 0xff, 0xff, 0xff, 0xff, 5, 0, 0, 7, 0xff, 0xff, 0xff, 0xff, /* two segments */
        2, 1, 0, 16, 5, 0, 0, 7, 0xff, 0xff, 0xff, 0xff, 5, 0, 0, 7, 0xff, 0xff, 0xff, 0xff, /* a range of them */
        2, 2, 0, 16, 5, 0, 0, 7, 0xff, 0xff, 0xff, 0xff, 5, 0, 0, 7, 0xff, 0xff, 0xff, 0xff, /* a range of blocks */
        1, 8, 0, 8,  5, 0, 0, 7, 0xff, 0xff, 0xff, 0xff,                                     /* an object */
    };
    struct fixture f;
    struct hd_request_writer requests;

    (void)state;
    start(&f);
    requests = hd_request_writer_over(&f.writer);
    assert_true(hd_request_put_item(&requests, HD_REQUEST_SEGMENT, &position_5));
    assert_true(hd_request_put_item(&requests, HD_REQUEST_SEGMENT, &position_5));
    assert_true(hd_request_put_range(&requests, HD_REQUEST_SEGMENT, &position_5, &position_5));
    assert_true(hd_request_put_range(&requests, HD_REQUEST_BLOCK, &position_5, &position_5));
    assert_true(hd_request_put_item(&requests, HD_REQUEST_OBJECT, &position_5));
    assert_int_equal(hd_writer_size(&f.writer), sizeof(expected));
    assert_memory_equal(f.packet, expected, sizeof(expected));
}

static void requests_never_exceed_their_limit(void **state)
{
    (void)state;
    for (size_t limit_bytes = 0; limit_bytes < 100; limit_bytes++) {
        struct fixture f;
        struct hd_request_writer requests;
        size_t before_bytes;

        start(&f);
        hd_wire_put_nack(&f.writer, &header_max, 9, (struct hd_timestamp){ 1, 2 });
        hd_wire_end_header(&f.writer);
        before_bytes = hd_writer_size(&f.writer);
        hd_writer_limit(&f.writer, limit_bytes);
        requests = hd_request_writer_over(&f.writer);
        while (hd_request_put_range(&requests, HD_REQUEST_SEGMENT, &position_129, &position_5))
            continue;
        while (hd_request_put_item(&requests, HD_REQUEST_SEGMENT, &position_5))
            continue;
        assert_true(hd_writer_size(&f.writer) - before_bytes <= limit_bytes);
        assert_true(hd_writer_left(&f.writer) < 4 + 8);
        assert_int_equal(decode(&f), 0);
    }
}

static void a_request_of_64_kilobytes_is_followed_by_another(void **state)
{
    enum { ITEMS = 10000 };
    static uint8_t room[ITEMS * 8 + 100];
    struct hd_writer writer = hd_writer_over(room, sizeof(room));
    struct hd_request_writer requests;
    struct hd_message message;
    struct hd_request request;
    struct hd_position item;
    unsigned request_count = 0, item_count = 0;

    (void)state;
    hd_wire_put_nack(&writer, &header_max, 9, (struct hd_timestamp){ 1, 2 });
    hd_wire_end_header(&writer);
    requests = hd_request_writer_over(&writer);
    for (unsigned i = 0; i < ITEMS; i++)
        assert_true(hd_request_put_item(&requests, HD_REQUEST_SEGMENT, &position_5));
    assert_int_equal(hd_wire_decode(room, hd_writer_size(&writer), &message), 0);
    for (; hd_wire_next_request(&message.nack.requests, &request); request_count++)
        while (hd_wire_next_item(&request.items, &item))
            item_count++;
    assert_int_equal(request_count, 2);
    assert_int_equal(item_count, ITEMS);
}

static void ranges_come_in_pairs_and_erasures_as_items(void **state)
{
    struct fixture f;
    struct hd_request_writer requests;
    struct hd_request request;
    struct hd_position first, last;

    (void)state;
    start(&f);
    hd_wire_put_repair_adv(&f.writer, &header_max, HD_REPAIR_ADV_LIMIT);
    hd_wire_end_header(&f.writer);
    requests = hd_request_writer_over(&f.writer);
    assert_true(hd_request_put_range(&requests, HD_REQUEST_SEGMENT, &position_5, &position_129));
    assert_true(hd_request_put_item(&requests, HD_REQUEST_SEGMENT, &position_5));
    f.packet[hd_writer_size(&f.writer) - 12] = HD_REQUEST_ERASURES;
    assert_int_equal(decode(&f), 0);
    assert_int_equal(f.message.kind, HD_KIND_REPAIR_ADV);
    assert_int_equal(f.message.repair_adv.flags, HD_REPAIR_ADV_LIMIT);

    assert_true(hd_wire_next_request(&f.message.repair_adv.requests, &request));
    assert_int_equal(request.form, HD_REQUEST_RANGES);
    assert_true(hd_wire_next_range(&request.items, &first, &last));
    assert_position(&first, &position_5);
    assert_position(&last, &position_129);
    assert_false(hd_wire_next_range(&request.items, &first, &last));
    assert_true(hd_wire_next_request(&f.message.repair_adv.requests, &request));
    assert_int_equal(request.form, HD_REQUEST_ERASURES);
    assert_true(hd_wire_next_item(&request.items, &first));
    assert_false(hd_wire_next_item(&request.items, &first));
    assert_false(hd_wire_next_request(&f.message.repair_adv.requests, &request));
}

static void a_stream_header_needs_the_data_that_it_counts(void **state)
{
    const struct hd_stream_header sent = { 3, 2, 0xfffffffe };
    struct hd_stream_header header = { 0 };
    struct fixture f;

    (void)state;
    start(&f);
    hd_wire_put_stream_header(&f.writer, &sent);
    hd_wire_put_content(&f.writer, (const uint8_t *)"abcPADDING", 10);
    for (size_t size_bytes = 0; size_bytes < 8 + 3; size_bytes++) {
        struct hd_cursor payload = hd_cursor_over(f.packet, size_bytes);

        assert_int_equal(hd_wire_stream_header(&payload, &header), -EBADMSG);
        assert_int_equal(hd_cursor_left(&payload), size_bytes);
    }

    struct hd_cursor payload = hd_cursor_over(f.packet, hd_writer_size(&f.writer));
    assert_int_equal(hd_wire_stream_header(&payload, &header), 0);
    assert_memory_equal(&header, &sent, sizeof(header));
    assert_int_equal(hd_cursor_left(&payload), 3);
    assert_memory_equal(payload.at, "abc", 3);
}

/* --- malformed --- */

/* Each a sound packet but for one thing. */
static const struct {
    const char *what;
    enum hd_malformed reason;
    uint8_t packet_bytes;
    uint8_t packet[40];
} malformed[] = {
    { "nothing", HD_MALFORMED_TOO_SHORT, 0, { 0 } },
    { "seven bytes", HD_MALFORMED_TOO_SHORT, 7, { 0x13, 4, 0, 0, 0, 0, 0 } },
    { "version 0", HD_MALFORMED_VERSION, 16, { 0x03, 4, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 2 } },
    { "version 2", HD_MALFORMED_VERSION, 16, { 0x23, 4, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 2 } },
    { "type 0", HD_MALFORMED_TYPE, 16, { 0x10, 4, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 2 } },
    { "type 7", HD_MALFORMED_TYPE, 16, { 0x17, 4, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 2 } },
    { "command 0", HD_MALFORMED_TYPE, 16, { 0x13, 4, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0 } },
    { "command 8", HD_MALFORMED_TYPE, 16, { 0x13, 4, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 8 } },
    { "source 0", HD_MALFORMED_SOURCE_ID, 16, { 0x13, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2 } },
    { "source any", HD_MALFORMED_SOURCE_ID, 16, { 0x13, 4, 0, 0, 255, 255, 255, 255, 0, 0, 0, 0, 2 } },
    { "header length 0", HD_MALFORMED_HEADER_LENGTH, 16, { 0x13, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 2 } },
    { "header too short", HD_MALFORMED_HEADER_LENGTH, 16, { 0x13, 3, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 2 } },
    { "header too long", HD_MALFORMED_HEADER_LENGTH, 16, { 0x13, 5, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 2 } },
    { "data without payload id", HD_MALFORMED_HEADER_LENGTH, 20, { 0x12, 4, 0, 0, 0, 0, 0, 1, 0, 0,
                                                                   0,    0, 0, 5, 0, 0, 0, 0, 0, 0 } },
    { "extension of length 0", HD_MALFORMED_EXTENSION, 20, { 0x13, 5, 0, 0, 0, 0, 0,  1, 0, 0,
                                                             0,    0, 2, 0, 0, 0, 99, 0, 0, 0 } },
    { "extension past the header", HD_MALFORMED_EXTENSION, 24, { 0x13, 5, 0, 0, 0,  0, 0, 1, 0, 0, 0, 0,
                                                                 2,    0, 0, 0, 99, 2, 0, 0, 0, 0, 0, 0 } },
    { "EXT_CC of another length", HD_MALFORMED_EXTENSION, 24, { 0x13, 6, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0,
                                                                2,    0, 0, 0, 3, 2, 0, 0, 0, 0, 0, 0 } },
    { "FTI of another length", HD_MALFORMED_EXTENSION, 32, { 0x11, 8, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 5, 0, 0,
                                                             64,   4, 0, 0, 0, 0, 0, 9, 0, 9, 9, 9, 0, 0, 0, 0 } },
    { "FEC scheme 0", HD_MALFORMED_FEC_ID, 16, { 0x11, 4, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0 } },
    { "flush of FEC scheme 6",
      HD_MALFORMED_FEC_ID,
      20,
      { 0x13, 5, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 6, 0, 0, 0, 0, 0, 0 } },
    { "another instance of FEC scheme 129", HD_MALFORMED_FEC_ID, 32, { 0x11, 8, 0,   0, 0, 0,  0, 1, 0, 0, 0,
                                                                       0,    0, 129, 0, 0, 64, 4, 0, 0, 0, 0,
                                                                       0,    9, 0,   1, 0, 9,  0, 9, 0, 9 } },
    { "GF(2^16)", HD_MALFORMED_FEC_FIELD, 32, { 0x11, 8, 0, 0, 0, 0, 0, 1, 0,  0, 0, 0, 0, 2, 0, 0,
                                                64,   4, 0, 0, 0, 0, 0, 9, 16, 1, 0, 9, 0, 9, 0, 9 } },
    { "two symbols a packet", HD_MALFORMED_FEC_FIELD, 32, { 0x11, 8, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 2, 0, 0,
                                                            64,   4, 0, 0, 0, 0, 0, 9, 8, 2, 0, 9, 0, 9, 0, 9 } },
    { "segments of 0 bytes", HD_MALFORMED_FTI, 28, { 0x11, 7, 0,  0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 5,
                                                     0,    0, 64, 3, 0, 0, 0, 0, 0, 9, 0, 0, 9, 9 } },
    { "blocks of 0 symbols", HD_MALFORMED_FTI, 28, { 0x11, 7, 0,  0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 5,
                                                     0,    0, 64, 3, 0, 0, 0, 0, 0, 9, 0, 9, 0, 9 } },
    { "256 symbols a block", HD_MALFORMED_FTI, 28, { 0x11, 7, 0,  0, 0, 0, 0, 1, 0, 0, 0, 0, 0,   5,
                                                     0,    0, 64, 3, 0, 0, 0, 0, 0, 9, 0, 9, 200, 56 } },
    { "half a node id",
      HD_MALFORMED_LIST,
      22,
      { 0x13, 5, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 5, 0, 0, 0, 0, 0, 0, 0, 0 } },
    { "half an object id",
      HD_MALFORMED_LIST,
      21,
      { 0x13, 5, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 3, 5, 0, 0, 0, 0, 0, 0, 0 } },
    { "half a cc_node", HD_MALFORMED_LIST, 28, { 0x13, 6, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 4 } },
    { "half a node id to ask", HD_MALFORMED_LIST, 18, { 0x13, 4, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 6 } },
    { "request form 0", HD_MALFORMED_REQUEST, 28, { 0x14, 6, 0, 0, 0, 0, 0, 1, [24] = 0, 1, 0, 0 } },
    { "request form 4", HD_MALFORMED_REQUEST, 28, { 0x14, 6, 0, 0, 0, 0, 0, 1, [24] = 4, 1, 0, 0 } },
    { "half a request", HD_MALFORMED_REQUEST, 26, { 0x14, 6, 0, 0, 0, 0, 0, 1, [24] = 1, 1 } },
    { "request past the end", HD_MALFORMED_REQUEST, 36, { 0x14, 6, 0, 0, 0, 0, 0, 1, [24] = 1, 1, 0, 9, 5 } },
    { "half an item", HD_MALFORMED_REQUEST, 32, { 0x14, 6, 0, 0, 0, 0, 0, 1, [24] = 1, 1, 0, 4, 5 } },
    { "item of FEC scheme 0", HD_MALFORMED_REQUEST, 36, { 0x14, 6, 0, 0, 0, 0, 0, 1, [24] = 1, 1, 0, 8, 0 } },
    { "half a range", HD_MALFORMED_REQUEST, 36, { 0x14, 6, 0, 0, 0, 0, 0, 1, [24] = 2, 1, 0, 8, 5 } },
    { "advertisement of form 0", HD_MALFORMED_REQUEST, 20, { 0x13, 4, 0, 0, 0, 0, 0, 1, [12] = 5 } },
    { "ACK(FLUSH) of nothing", HD_MALFORMED_ACK, 24, { 0x15, 6, 0, 0, 0, 0, 0, 1, [14] = 2 } },
    { "ACK(FLUSH) of half an item", HD_MALFORMED_ACK, 31, { 0x15, 6, 0, 0, 0, 0, 0, 1, [14] = 2, [24] = 5 } },
};

static void malformed_packets_are_refused_with_their_reason(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(malformed) / sizeof(malformed[0]); i++) {
        struct hd_message message;

        print_message("%s\n", malformed[i].what);
        assert_int_equal(hd_wire_decode(malformed[i].packet, malformed[i].packet_bytes, &message),
                         -(int)malformed[i].reason);
    }
}

static void every_reason_has_a_name_of_its_own(void **state)
{
    (void)state;
    for (int a = 0; a < HD_MALFORMED_REASONS; a++)
        for (int b = 0; b < a; b++)
            assert_string_not_equal(hd_malformed_name((enum hd_malformed)a), hd_malformed_name((enum hd_malformed)b));
}

static void a_report_is_told_apart_and_not_looked_into(void **state)
{
    static const uint8_t report[] = { 0x16, 0xff, 0, 3, 0, 0, 0, 1, 0xff };
    struct hd_message message;

    (void)state;
    assert_int_equal(hd_wire_decode(report, sizeof(report), &message), 0);
    assert_int_equal(message.kind, HD_KIND_REPORT);
    assert_int_equal(message.header.source_id, 1);
    assert_int_equal(message.header.sequence, 3);
}

static void unknown_extensions_are_skipped_and_the_first_of_two_counts(void **state)
{
    static const uint8_t eot[] = {
        0x13, 11,   0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 2, 0, 0, 0, /* EOT, 7 words of extensions */
        99,   2,    1, 2, 3, 4, 5, 6,                         /* unknown, two words */
        128,  0,    1, 2,                                     /* EXT_RATE */
        200,  0xff, 0, 0,                                     /* unknown, one word */
        128,  0,    3, 4,                                     /* EXT_RATE again */
        64,   2,    0, 0, 0, 0, 0, 0,                         /* FTI, where there is no fec_id */
    };
    struct hd_message message;

    (void)state;
    assert_int_equal(hd_wire_decode(eot, sizeof(eot), &message), 0);
    assert_int_equal(message.extensions.present, HD_EXT_RATE);
    assert_int_equal(message.extensions.rate, 0x0102);
    assert_int_equal(message.extensions.ignored_count, 4);
}

/* --- cursor and writer --- */

static void reading_past_the_end_changes_nothing(void **state)
{
    const uint8_t bytes[] = { 1, 2, 3, 4, 5, 6, 7 };
    struct hd_cursor empty = hd_cursor_over(NULL, 0), cursor = hd_cursor_over(bytes, 1), sub = { 0 };
    uint8_t u8 = 9, copy[2] = { 9, 9 };
    uint16_t u16 = 9;
    uint32_t u32 = 9;
    uint64_t u48 = 9;

    (void)state;
    assert_int_equal(hd_cursor_u8(&empty, &u8), -EBADMSG);
    assert_int_equal(hd_cursor_u16(&cursor, &u16), -EBADMSG);
    assert_int_equal(hd_cursor_bytes(&cursor, copy, 2), -EBADMSG);
    assert_int_equal(hd_cursor_skip(&cursor, 2), -EBADMSG);
    assert_int_equal(hd_cursor_skip(&cursor, SIZE_MAX), -EBADMSG);
    assert_int_equal(hd_cursor_sub(&cursor, 2, &sub), -EBADMSG);
    cursor = hd_cursor_over(bytes, 2);
    assert_int_equal(hd_cursor_u24(&cursor, &u32), -EBADMSG);
    cursor = hd_cursor_over(bytes, 3);
    assert_int_equal(hd_cursor_u32(&cursor, &u32), -EBADMSG);
    cursor = hd_cursor_over(bytes, 5);
    assert_int_equal(hd_cursor_u48(&cursor, &u48), -EBADMSG);
    assert_int_equal(hd_cursor_left(&cursor), 5);
    assert_true(u8 == 9 && u16 == 9 && u32 == 9 && u48 == 9 && copy[0] == 9 && sub.at == NULL);
}

static void integers_are_read_as_they_were_written(void **state)
{
    static const uint8_t expected[] = { 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16 };
    uint8_t bytes[sizeof(expected)], u8;
    struct hd_writer writer = hd_writer_over(bytes, sizeof(bytes));
    struct hd_cursor cursor = hd_cursor_over(expected, sizeof(expected));
    uint16_t u16;
    uint32_t u24, u32;
    uint64_t u48;

    (void)state;
    assert_int_equal(hd_cursor_u8(&cursor, &u8), 0);
    assert_int_equal(hd_cursor_u16(&cursor, &u16), 0);
    assert_int_equal(hd_cursor_u24(&cursor, &u24), 0);
    assert_int_equal(hd_cursor_u32(&cursor, &u32), 0);
    assert_int_equal(hd_cursor_u48(&cursor, &u48), 0);
    assert_int_equal(hd_cursor_left(&cursor), 0);
    assert_int_equal(u48, UINT64_C(0x0b0c0d0e0f10));
    hd_writer_u8(&writer, u8);
    hd_writer_u16(&writer, u16);
    hd_writer_u24(&writer, u24);
    hd_writer_u32(&writer, u32);
    hd_writer_u48(&writer, u48);
    assert_false(writer.overflow);
    assert_memory_equal(bytes, expected, sizeof(expected));
}

static void an_overflow_sticks_and_writes_nothing_more(void **state)
{
    uint8_t bytes[8] = { 0 };
    struct hd_writer writer = hd_writer_over(bytes, 3);
    size_t reserved = hd_writer_reserve(&writer, 2);

    (void)state;
    hd_writer_patch_u16(&writer, reserved, 0x0102);
    hd_writer_u16(&writer, 0xffff);
    assert_true(writer.overflow);
    hd_writer_u8(&writer, 0xff);
    hd_writer_patch_u8(&writer, 7, 0xff);
    assert_true(writer.overflow);
    assert_int_equal(hd_writer_size(&writer), 2);
    assert_memory_equal(bytes, "\1\2\0\0\0\0\0\0", 8);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(data_round_trips_with_the_largest_values_of_each_scheme),
        cmocka_unit_test(the_data_header_is_as_long_as_foretold),
        cmocka_unit_test(info_round_trips_without_content),
        cmocka_unit_test(eot_round_trips),
        cmocka_unit_test(ack_req_round_trips),
        cmocka_unit_test(cc_round_trips_with_its_largest_values),
        cmocka_unit_test(nothing_can_be_read_from_a_cursor_that_stands_nowhere),
        cmocka_unit_test(an_application_ack_carries_its_payload),
        cmocka_unit_test(a_delivery_report_of_another_length_is_somebody_elses),
        cmocka_unit_test(the_position_of_an_ack_round_trips),
        cmocka_unit_test(a_message_carries_every_extension_at_once),
        cmocka_unit_test(times_round_trip_to_the_microsecond),
        cmocka_unit_test(a_list_takes_what_fits_and_no_more),
        cmocka_unit_test(requests_alike_share_a_head_and_others_begin_anew),
        cmocka_unit_test(requests_never_exceed_their_limit),
        cmocka_unit_test(a_request_of_64_kilobytes_is_followed_by_another),
        cmocka_unit_test(ranges_come_in_pairs_and_erasures_as_items),
        cmocka_unit_test(a_stream_header_needs_the_data_that_it_counts),
        cmocka_unit_test(malformed_packets_are_refused_with_their_reason),
        cmocka_unit_test(every_reason_has_a_name_of_its_own),
        cmocka_unit_test(a_report_is_told_apart_and_not_looked_into),
        cmocka_unit_test(unknown_extensions_are_skipped_and_the_first_of_two_counts),
        cmocka_unit_test(reading_past_the_end_changes_nothing),
        cmocka_unit_test(integers_are_read_as_they_were_written),
        cmocka_unit_test(an_overflow_sticks_and_writes_nothing_more),
    };

    return cmocka_run_group_tests_name("wire", tests, NULL, NULL);
}
