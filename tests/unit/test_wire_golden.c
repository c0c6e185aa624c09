/* SPDX-License-Identifier: MIT */
/* Packets that NRL's libnorm made: every field of each is what it should be, and encoding gives the same bytes. */
#include "golden_norm.h"
#include "wire.h"
#include "wire_again.h"

#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { TEXT_BYTES = 1024 };

#define GOLDEN(array) .name = #array, .packet = (array), .packet_bytes = sizeof(array)

/*
 * A packet and all that it says. A place is fec_id/object/block/symbol, and with fec_id 129 ofK for the block's length;
 * flags and quantised rates are in hexadecimal; bytes that do not print stand in angle brackets.
 */
static const struct golden {
    const char *name;
    const uint8_t *packet;
    size_t packet_bytes;
    const char *text;
} goldens[] = {
    { GOLDEN(golden_info_file),
      "info 0a000001 #2 of 1234 grtt 116 k 4 gsize 2 flags 14 5/0/0/0 fti 330 32 4 2 payload letters" },
    { GOLDEN(golden_data_file), "data 0a000001 #3 of 1234 grtt 116 k 4 gsize 2 flags 14 5/0/0/0 fti 330 32 4 2 payload "
                                "abcdefghijklmnopqrstuvwxyzabcdef" },
    { GOLDEN(golden_data_file_parity),
      "data 0a000001 #7 of 1234 grtt 116 k 4 gsize 2 flags 14 5/0/0/4 fti 330 32 4 2 payload "
      "=!<20>xy/.<93><1e>NO<88><89><97><9c><aa><ab>on<94>[ed<8c><8d>n=!<20>xy/" },
    { GOLDEN(golden_info_object),
      "info 0a000001 #6 of 1234 grtt 116 k 4 gsize 2 flags 04 5/0/0/0 fti 330 32 4 2 payload letters" },
    { GOLDEN(golden_data_object),
      "data 0a000001 #7 of 1234 grtt 116 k 4 gsize 2 flags 04 5/0/0/0 fti 330 32 4 2 payload "
      "abcdefghijklmnopqrstuvwxyzabcdef" },
    { GOLDEN(golden_info_stream),
      "info 0a000001 #6 of 1234 grtt 116 k 4 gsize 2 flags 24 5/0/0/0 fti 1024 32 4 2 payload stream" },
    { GOLDEN(golden_data_stream),
      "data 0a000001 #7 of 1234 grtt 116 k 4 gsize 2 flags 24 5/0/0/0 fti 1024 32 4 2 payload "
      "<00><20><00><01><00><00><00><00>abcdefghijklmnopqrstuvwxyzabcdef" },
    { GOLDEN(golden_data_stream_parity),
      "data 0a000001 #11 of 1234 grtt 116 k 4 gsize 2 flags 24 5/0/0/4 fti 1024 32 4 2 payload "
      "<00><20><00><f5><00><00><00>4i<d7><d6><5c><cd>32WV;:<b0><bb><a5><a4>"
      "<02><03>'h?><20>!<a4><a5><81><d2><03><02><dd>P<b3>" },
    { GOLDEN(golden_data_stream_end),
      "data 0a000001 #19 of 1234 grtt 116 k 4 gsize 2 flags 24 5/0/2/2 fti 1024 32 4 2 payload "
      "<00><00><00><00><00><00><01>," },
    { GOLDEN(golden_info_small_block),
      "info 0a000001 #43 of 1234 grtt 116 k 4 gsize 2 flags 04 129/0/0/0of0 fti 330 32 4 2 payload "
      "letters" },
    { GOLDEN(golden_data_small_block),
      "data 0a000001 #44 of 1234 grtt 116 k 4 gsize 2 flags 04 129/0/0/0of4 fti 330 32 4 2 payload "
      "abcdefghijklmnopqrstuvwxyzabcdef" },
    { GOLDEN(golden_data_small_block_parity),
      "data 0a000001 #48 of 1234 grtt 116 k 4 gsize 2 flags 04 129/0/0/4of4 fti 330 32 4 2 payload "
      "=!<20>xy/.<93><1e>NO<88><89><97><9c><aa><ab>on<94>[ed<8c><8d>n=!<20>xy/" },
    { GOLDEN(golden_info_rs2m),
      "info 0a000001 #87 of 1234 grtt 116 k 4 gsize 2 flags 04 2/0/0/0 fti 330 32 4 2 payload letters" },
    { GOLDEN(golden_data_rs2m),
      "data 0a000001 #88 of 1234 grtt 116 k 4 gsize 2 flags 04 2/0/0/0 fti 330 32 4 2 payload "
      "abcdefghijklmnopqrstuvwxyzabcdef" },
    { GOLDEN(golden_data_rs2m_parity),
      "data 0a000001 #92 of 1234 grtt 116 k 4 gsize 2 flags 04 2/0/0/4 fti 330 32 4 2 payload "
      "=!<20>xy/.<93><1e>NO<88><89><97><9c><aa><ab>on<94>[ed<8c><8d>n=!<20>xy/" },
    { GOLDEN(golden_flush), "flush 0a000001 #20 of 1234 grtt 116 k 4 gsize 2 5/0/2/2 list" },
    { GOLDEN(golden_flush_nodes), "flush 0a000001 #21 of 1234 grtt 116 k 4 gsize 2 5/0/2/2 list 0a000002 0a000003" },
    { GOLDEN(golden_flush_small_block),
      "flush 0a000001 #58 of 1234 grtt 116 k 4 gsize 2 129/0/2/2of3 list 0a000002 0a000003" },
    { GOLDEN(golden_flush_question),
      "flush 0a000001 #17 of 1234 grtt 116 k 4 gsize 2 5/0/2/2 application question<00><00> list "
      "0a000002 0a000003" },
    { GOLDEN(golden_squelch), "squelch 0a000001 #46 of 1234 grtt 116 k 4 gsize 2 5/0/0/0 list 1" },
    { GOLDEN(golden_cc), "cc 0a000001 #4 of 1234 grtt 116 k 4 gsize 2 probe 0 at 1795379566.930291 rate 2004 list" },
    { GOLDEN(golden_cc_nodes),
      "cc 0a000001 #132 of 1234 grtt 114 k 4 gsize 2 probe 3 at 1795379577.580437 rate ead3 list "
      "0a000003 flags 0d rtt 56 rate ead3" },
    { GOLDEN(golden_repair_adv_empty),
      "repair_adv 0a000001 #229 of 1234 grtt 116 k 4 gsize 2 flags 00 cc 875 flags 00 rtt 54 loss "
      "2304 rate 1b23 requests" },
    { GOLDEN(golden_repair_adv_range),
      "repair_adv 0a000001 #202 of 1234 grtt 116 k 4 gsize 2 flags 00 cc 875 flags 04 rtt 116 loss "
      "2304 rate 2004 requests ranges 01 5/0/0/0 5/0/0/3 items 01 5/0/1/0" },
    { GOLDEN(golden_application), "application 0a000001 #1 of 1234 grtt 116 k 4 gsize 2 content hello" },
    { GOLDEN(golden_nack_items),
      "nack 0a000003 #0 of 1234 to 0a000001 at 1795379567.051572 cc 0 flags 00 rtt 148 loss 3570 rate "
      "20f4 requests items 01 5/0/0/4 items 01 5/0/1/2 5/0/1/5" },
    { GOLDEN(golden_nack_small_block),
      "nack 0a000002 #0 of 1234 to 0a000001 at 1795379571.563012 cc 0 flags 00 rtt 148 loss 65008 "
      "rate 25c4 requests items 05 129/0/0/4of4 129/0/0/5of4" },
    { GOLDEN(golden_nack_info),
      "nack 0a000002 #0 of 1234 to 0a000001 at 1795379574.571241 cc 0 flags 00 rtt 148 loss 48308 "
      "rate 2474 requests items 04 2/0/0/0" },
    { GOLDEN(golden_nack_plain), "nack 0a000003 #0 of 1234 to 0a000001 at 0.000000 requests items 01 2/0/0/4" },
    { GOLDEN(golden_nack_block),
      "nack 0a000002 #0 of 1234 to 0a000001 at 0.000000 requests items 01 5/1/1/3 items 02 5/1/2/0" },
    { GOLDEN(golden_ack_cc),
      "ack 0a000003 #0 of 1234 to 0a000001 at 1795379566.985004 type 1 id 0 cc 0 flags 00 rtt 148 "
      "loss 921074 rate 1e74 payload " },
    { GOLDEN(golden_ack_cc_start),
      "ack 0a000003 #0 of 1234 to 0a000001 at 1795379577.567320 type 1 id 0 cc 2 flags 08 rtt 148 "
      "loss 0 rate ead3 payload " },
    { GOLDEN(golden_ack_flush),
      "ack 0a000002 #0 of 1234 to 0a000001 at 1795379567.200911 type 2 id 0 position 5/0/2/2 cc 0 "
      "flags 20 rtt 148 loss 965812 rate bce3 payload <05><00><00><00><00><00><02><02>" },
    { GOLDEN(golden_ack_flush_small_block),
      "ack 0a000003 #0 of 1234 to 0a000001 at 1795379572.202807 type 2 id 0 position 129/0/2/2of4 cc "
      "0 flags 20 rtt 148 loss 2275680 rate 2523 payload "
      "<81><00><00><00><00><00><00><02><00><04><00><02>" },
    { GOLDEN(golden_ack_flush_answer),
      "ack 0a000003 #0 of 1234 to 0a000001 at 1795379565.475700 type 2 id 0 position 5/0/2/2 cc 0 "
      "flags 08 rtt 148 loss 0 rate 31b4 application yes<00><00><00> payload "
      "<05><00><00><00><00><00><02><02>" },
};
enum { GOLDENS = sizeof(goldens) / sizeof(goldens[0]) };

/* --- a message as text --- */

struct text {
    char at[TEXT_BYTES];
    size_t size_bytes;
};

__attribute__((format(printf, 2, 3))) static void add(struct text *text, const char *format, ...)
{
    va_list arguments;
    int added;

    va_start(arguments, format);
    added = vsnprintf(text->at + text->size_bytes, sizeof(text->at) - text->size_bytes, format, arguments);
    va_end(arguments);
    assert_true(added >= 0 && (size_t)added < sizeof(text->at) - text->size_bytes);
    text->size_bytes += (size_t)added;
}

static void add_bytes(struct text *text, struct hd_cursor bytes)
{
    uint8_t byte;

    while (hd_cursor_u8(&bytes, &byte) == 0)
        add(text, byte > ' ' && byte < 0x7f && byte != '"' && byte != '\\' ? "%c" : "<%02x>", byte);
}

static void add_position(struct text *text, const struct hd_position *position)
{
    add(text, " %u/%u/%" PRIu32 "/%u", position->fec_id, position->object_id, position->id.block, position->id.symbol);
    if (position->fec_id == HD_FEC_SMALL_BLOCK)
        add(text, "of%u", position->id.block_symbols);
    else
        assert_int_equal(position->id.block_symbols, 0);
}

static void add_header(struct text *text, const char *kind, const struct hd_header *header)
{
    add(text, "%s %08" PRIx32 " #%u of %04x", kind, header->source_id, header->sequence, header->instance_id);
}

static void add_sender(struct text *text, const char *kind, const struct hd_header *header)
{
    add_header(text, kind, header);
    add(text, " grtt %u k %u gsize %u", header->grtt, header->backoff, header->gsize);
}

static void add_receiver(struct text *text, const char *kind, const struct hd_header *header, uint32_t server_id,
                         struct hd_timestamp response)
{
    add_header(text, kind, header);
    add(text, " to %08" PRIx32 " at %" PRIu32 ".%06" PRIu32, server_id, response.sec, response.usec);
}

static void add_extensions(struct text *text, const struct hd_extensions *extensions)
{
    const struct hd_cc_feedback *cc = &extensions->cc;
    const struct hd_fti *fti = &extensions->fti;

    assert_int_equal(extensions->ignored_count, 0);
    assert_false(extensions->present & HD_EXT_AUTH);
    if (extensions->present & HD_EXT_CC)
        add(text, " cc %u flags %02x rtt %u loss %" PRIu32 " rate %04x", cc->sequence, cc->flags, cc->rtt, cc->loss,
            cc->rate);
    if (extensions->present & HD_EXT_FTI)
        add(text, " fti %" PRIu64 " %u %u %u", fti->object_bytes, fti->segment_bytes, fti->max_block_symbols,
            fti->parity_symbols);
    if (extensions->present & HD_EXT_APPLICATION) {
        add(text, " application ");
        add_bytes(text, extensions->application);
    }
    if (extensions->present & HD_EXT_RATE)
        add(text, " rate %04x", extensions->rate);
}

static void add_requests(struct text *text, struct hd_cursor requests)
{
    static const char *const forms[] = { "", "items", "ranges", "erasures" };
    struct hd_request request;
    struct hd_position item;

    add(text, " requests");
    while (hd_wire_next_request(&requests, &request)) {
        add(text, " %s %02x", forms[request.form], request.flags);
        while (hd_wire_next_item(&request.items, &item))
            add_position(text, &item);
    }
}

static void add_nodes(struct text *text, struct hd_cursor nodes)
{
    uint32_t node_id;

    add(text, " list");
    while (hd_wire_next_node(&nodes, &node_id))
        add(text, " %08" PRIx32, node_id);
}

static void add_data(struct text *text, const struct hd_message *message)
{
    add_sender(text, message->kind == HD_KIND_INFO ? "info" : "data", &message->header);
    add(text, " flags %02x", message->data.flags);
    add_position(text, &message->data.position);
    add_extensions(text, &message->extensions);
    add(text, " payload ");
    add_bytes(text, message->data.payload);
}

static void add_squelch(struct text *text, const struct hd_message *message)
{
    struct hd_cursor objects = message->squelch.objects;
    uint16_t object_id;

    add_sender(text, "squelch", &message->header);
    add_position(text, &message->squelch.position);
    add_extensions(text, &message->extensions);
    add(text, " list");
    while (hd_wire_next_object(&objects, &object_id))
        add(text, " %u", object_id);
}

static void add_cc(struct text *text, const struct hd_message *message)
{
    const struct hd_cc *cc = &message->cc;
    struct hd_cursor nodes = cc->nodes;
    struct hd_cc_node node;

    add_sender(text, "cc", &message->header);
    add(text, " probe %u at %" PRIu32 ".%06" PRIu32, cc->sequence, cc->sent.sec, cc->sent.usec);
    add_extensions(text, &message->extensions);
    add(text, " list");
    while (hd_wire_next_cc_node(&nodes, &node))
        add(text, " %08" PRIx32 " flags %02x rtt %u rate %04x", node.node_id, node.flags, node.rtt, node.rate);
}

static void add_ack(struct text *text, const struct hd_message *message)
{
    const struct hd_ack *ack = &message->ack;

    add_receiver(text, "ack", &message->header, ack->server_id, ack->response);
    add(text, " type %u id %u", ack->ack_type, ack->ack_id);
    if (ack->ack_type == HD_ACK_FLUSH) {
        add(text, " position");
        add_position(text, &ack->position);
    }
    add_extensions(text, &message->extensions);
    add(text, " payload ");
    add_bytes(text, ack->payload);
}

static void add_message(struct text *text, const struct hd_message *message)
{
    switch (message->kind) {
    case HD_KIND_INFO:
    case HD_KIND_DATA:
        add_data(text, message);
        return;
    case HD_KIND_FLUSH:
        add_sender(text, "flush", &message->header);
        add_position(text, &message->flush.position);
        add_extensions(text, &message->extensions);
        add_nodes(text, message->flush.nodes);
        return;
    case HD_KIND_SQUELCH:
        add_squelch(text, message);
        return;
    case HD_KIND_CC:
        add_cc(text, message);
        return;
    case HD_KIND_REPAIR_ADV:
        add_sender(text, "repair_adv", &message->header);
        add(text, " flags %02x", message->repair_adv.flags);
        add_extensions(text, &message->extensions);
        add_requests(text, message->repair_adv.requests);
        return;
    case HD_KIND_APPLICATION:
        add_sender(text, "application", &message->header);
        add_extensions(text, &message->extensions);
        add(text, " content ");
        add_bytes(text, message->application);
        return;
    case HD_KIND_NACK:
        add_receiver(text, "nack", &message->header, message->nack.server_id, message->nack.response);
        add_extensions(text, &message->extensions);
        add_requests(text, message->nack.requests);
        return;
    case HD_KIND_ACK:
        add_ack(text, message);
        return;
    case HD_KIND_EOT: /* NRL never sends these three */
    case HD_KIND_ACK_REQ:
    case HD_KIND_REPORT:
        fail_msg("not in the recording");
    }
}

/* --- tests --- */

static void every_packet_of_nrl_decodes_to_what_it_says(void **state)
{
    (void)state;
    for (size_t i = 0; i < GOLDENS; i++) {
        struct hd_message message;
        struct text text = { 0 };

        print_message("%s\n", goldens[i].name);
        assert_int_equal(hd_wire_decode(goldens[i].packet, goldens[i].packet_bytes, &message), 0);
        add_message(&text, &message);
        assert_string_equal(text.at, goldens[i].text);
    }
}

static void every_packet_of_nrl_is_encoded_to_the_same_bytes(void **state)
{
    (void)state;
    for (size_t i = 0; i < GOLDENS; i++) {
        uint8_t again[TEXT_BYTES];
        struct hd_writer writer = hd_writer_over(again, sizeof(again));
        struct hd_message message;

        print_message("%s\n", goldens[i].name);
        assert_int_equal(hd_wire_decode(goldens[i].packet, goldens[i].packet_bytes, &message), 0);
        assert_true(wire_encode_again(&message, &writer));
        assert_false(writer.overflow);
        assert_int_equal(hd_writer_size(&writer), goldens[i].packet_bytes);
        assert_memory_equal(again, goldens[i].packet, goldens[i].packet_bytes);
    }
}

static void encoding_into_too_little_room_overflows_at_every_size(void **state)
{
    (void)state;
    for (size_t i = 0; i < GOLDENS; i++) {
        for (size_t room_bytes = 0; room_bytes < goldens[i].packet_bytes; room_bytes++) {
            uint8_t *room = malloc(room_bytes > 0 ? room_bytes : 1);
            struct hd_writer writer = hd_writer_over(room, room_bytes);
            struct hd_message message;

            assert_int_equal(hd_wire_decode(goldens[i].packet, goldens[i].packet_bytes, &message), 0);
            /* A request that does not fit is told by the result, all else by the flag. */
            assert_true(!wire_encode_again(&message, &writer) || writer.overflow);
            assert_true(hd_writer_size(&writer) <= room_bytes);
            free(room);
        }
    }
}

/* In a block of its own, so that the address sanitizer sees every byte read behind the end. */
static int decode_exactly(const uint8_t *packet, size_t packet_bytes)
{
    uint8_t *copy = malloc(packet_bytes > 0 ? packet_bytes : 1);
    struct hd_message message;
    struct text text = { 0 };
    int result;

    if (packet_bytes > 0)
        memcpy(copy, packet, packet_bytes);
    result = hd_wire_decode(copy, packet_bytes, &message);
    if (result == 0)
        add_message(&text, &message);
    free(copy);
    return result;
}

static void every_truncation_is_refused_or_decodes_within_bounds(void **state)
{
    (void)state;
    for (size_t i = 0; i < GOLDENS; i++) {
        size_t header_bytes = goldens[i].packet[1] * 4u;

        for (size_t kept_bytes = 0; kept_bytes < goldens[i].packet_bytes; kept_bytes++) {
            int result = decode_exactly(goldens[i].packet, kept_bytes);

            if (kept_bytes < 8)
                assert_int_equal(result, -HD_MALFORMED_TOO_SHORT);
            else if (kept_bytes < header_bytes)
                assert_int_equal(result, -HD_MALFORMED_HEADER_LENGTH);
        }
    }
}

static void every_header_length_is_refused_or_decodes_within_bounds(void **state)
{
    (void)state;
    for (size_t i = 0; i < GOLDENS; i++) {
        uint8_t packet[TEXT_BYTES];
        struct hd_message message;

        memcpy(packet, goldens[i].packet, goldens[i].packet_bytes);
        for (unsigned words = 0; words <= UINT8_MAX; words++) {
            packet[1] = (uint8_t)words;
            int result = hd_wire_decode(packet, goldens[i].packet_bytes, &message);
            if (words < 4 || words * 4 > goldens[i].packet_bytes)
                assert_int_equal(result, -HD_MALFORMED_HEADER_LENGTH);
        }
    }
}

static void the_stream_header_of_a_source_segment_is_split_off(void **state)
{
    struct hd_message message;
    struct hd_stream_header header;

    (void)state;
    assert_int_equal(hd_wire_decode(golden_data_stream, sizeof(golden_data_stream), &message), 0);
    assert_int_equal(hd_wire_stream_header(&message.data.payload, &header), 0);
    assert_int_equal(header.size_bytes, 32);
    assert_int_equal(header.message_start, 1);
    assert_int_equal(header.offset_bytes, 0);
    assert_int_equal(hd_cursor_left(&message.data.payload), 32);
    assert_memory_equal(message.data.payload.at, "abcdefghijklmnopqrstuvwxyzabcdef", 32);

    assert_int_equal(hd_wire_decode(golden_data_stream_end, sizeof(golden_data_stream_end), &message), 0);
    assert_int_equal(hd_wire_stream_header(&message.data.payload, &header), 0);
    assert_int_equal(header.size_bytes, 0);
    assert_int_equal(header.message_start, 0);
    assert_int_equal(header.offset_bytes, 300);
    assert_int_equal(hd_cursor_left(&message.data.payload), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_packet_of_nrl_decodes_to_what_it_says),
        cmocka_unit_test(every_packet_of_nrl_is_encoded_to_the_same_bytes),
        cmocka_unit_test(encoding_into_too_little_room_overflows_at_every_size),
        cmocka_unit_test(every_truncation_is_refused_or_decodes_within_bounds),
        cmocka_unit_test(every_header_length_is_refused_or_decodes_within_bounds),
        cmocka_unit_test(the_stream_header_of_a_source_segment_is_split_off),
    };

    return cmocka_run_group_tests_name("wire golden", tests, NULL, NULL);
}
