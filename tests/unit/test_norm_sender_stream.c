/* SPDX-License-Identifier: MIT */
/* The NORM sender's streams: what is sent of them, how writers are slowed down, what can be repaired. */
#include "norm_kit.h"
#include "norm_sender.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum {
    ALICE = 100,
    SEGMENT = 16,
    BLOCK = 4 * SEGMENT,
    BUFFER = 4 * BLOCK, /* blocks of the buffer */
};

/* A sender with a stream, object 0, of four blocks. */
static struct kit *kit_stream(struct herald_norm_sender_config *config)
{
    struct herald_norm_object object = { .kind = HERALD_NORM_STREAM, .size_bytes = BUFFER };
    struct herald_norm_sender_config own = config ? *config : kit_config();
    struct kit *kit;
    uint16_t object_id = 99;

    own.stream_blocks_max = 4;
    kit = kit_new(&own);
    assert_int_equal(herald_norm_sender_enqueue(kit->sender, &object, kit->now_ns, &object_id), 0);
    assert_int_equal(object_id, 0);
    return kit;
}

static int64_t write_some(struct kit *kit, size_t size_bytes, unsigned flags)
{
    return herald_norm_sender_stream_write(kit->sender, 0, kit_bytes(), size_bytes, flags, kit->now_ns);
}

/* --- what is sent --- */

static void full_segments_are_sent_and_the_rest_when_flushed(void **state)
{
    struct kit *kit = kit_stream(NULL);

    (void)state;
    assert_int_equal(write_some(kit, 5 * SEGMENT + 3, 0), 5 * SEGMENT + 3);
    kit_drain(kit);
    assert_string_equal(kit_trace(kit), "0/0.0 0/0.1 0/0.2 0/0.3 0/1.0 F0/1.0");
    assert_int_equal(write_some(kit, 0, HERALD_NORM_STREAM_FLUSH), 0);
    kit_drain(kit);
    assert_string_equal(kit_trace(kit), "0/1.1 F0/1.1");
    kit_free(kit);
}

static void segments_carry_the_stream_header(void **state)
{
    struct kit *kit = kit_stream(NULL);
    struct hd_stream_header header;
    struct hd_cursor payload;

    (void)state;
    assert_int_equal(write_some(kit, SEGMENT, HERALD_NORM_STREAM_MESSAGE_START), SEGMENT);
    assert_int_equal(write_some(kit, 5, HERALD_NORM_STREAM_FLUSH), 5);
    assert_true(kit_poll(kit) && kit_poll(kit));
    assert_int_equal(kit->message.data.flags, HD_FLAG_STREAM);
    assert_int_equal(kit->message.extensions.fti.object_bytes, BUFFER);
    payload = kit->message.data.payload;
    assert_int_equal(hd_wire_stream_header(&payload, &header), 0);
    assert_int_equal(header.size_bytes, SEGMENT);
    assert_int_equal(header.message_start, 1);
    assert_int_equal(header.offset_bytes, 0);
    assert_memory_equal(payload.at, kit_bytes(), SEGMENT);
    assert_true(kit_poll(kit));
    payload = kit->message.data.payload;
    assert_int_equal(hd_wire_stream_header(&payload, &header), 0);
    assert_int_equal(header.size_bytes, 5);
    assert_int_equal(header.message_start, 0);
    assert_int_equal(header.offset_bytes, SEGMENT);
    kit_free(kit);
}

static void the_end_of_a_stream_is_a_segment_without_bytes(void **state)
{
    struct kit *kit = kit_stream(NULL);

    (void)state;
    assert_int_equal(write_some(kit, 5, 0), 5);
    assert_int_equal(herald_norm_sender_stream_close(kit->sender, 0, kit->now_ns), 0);
    assert_int_equal(herald_norm_sender_stream_close(kit->sender, 0, kit->now_ns), 0);
    assert_int_equal(write_some(kit, 5, 0), -ESHUTDOWN);
    kit_drain(kit);
    assert_string_equal(kit_trace(kit), "0/0.0 0/0.1 F0/0.1");
    assert_int_equal(kit_events(kit, HERALD_NORM_SENDER_SENT), 1);
    kit_free(kit);
}

static void at_the_end_of_the_sender_nothing_stays_unsent(void **state)
{
    struct kit *kit = kit_stream(NULL);

    (void)state;
    assert_int_equal(write_some(kit, SEGMENT + 5, 0), SEGMENT + 5);
    herald_norm_sender_end(kit->sender, kit->now_ns);
    kit_run_for(kit, 100 * kit_grtt_ns());
    assert_string_equal(kit_trace(kit), "0/0.0 0/0.1 0/0.2 F0/0.2 F0/0.2 F0/0.2 E E E");
    kit_free(kit);
}

static void a_stream_that_is_full_closes_when_there_is_room(void **state)
{
    struct kit *kit = kit_stream(NULL);

    (void)state;
    assert_int_equal(write_some(kit, BUFFER, 0), BUFFER);
    assert_int_equal(herald_norm_sender_stream_close(kit->sender, 0, kit->now_ns), 0);
    kit_drain(kit);
    assert_int_equal(kit_events(kit, HERALD_NORM_SENDER_SENT), 0);
    kit_run_for(kit, 100 * kit_grtt_ns());
    assert_non_null(strstr(kit_trace(kit), "0/4.0"));
    assert_int_equal(kit_events(kit, HERALD_NORM_SENDER_SENT), 1);
    kit_free(kit);
}

static void the_end_of_a_stream_goes_before_that_of_the_sender(void **state)
{
    struct herald_norm_sender_config config = kit_config();
    const char *trace;
    struct kit *kit;

    (void)state;
    config.robust_factor = 1; /* the flush ends long before there is room for the end mark */
    kit = kit_stream(&config);
    assert_int_equal(write_some(kit, BUFFER, 0), BUFFER);
    assert_int_equal(herald_norm_sender_stream_close(kit->sender, 0, kit->now_ns), 0);
    herald_norm_sender_end(kit->sender, kit->now_ns);
    kit_run_for(kit, 100 * kit_grtt_ns());
    trace = kit_trace(kit);
    assert_non_null(strstr(trace, "0/4.0"));
    assert_true(strstr(trace, "0/4.0") < strstr(trace, "E"));
    assert_int_equal(kit_events(kit, HERALD_NORM_SENDER_ENDED), 1);
    kit_free(kit);
}

/* Events of other things are in the way of WRITABLE: it comes once they are read. */
static void a_writer_is_told_even_if_many_events_wait(void **state)
{
    struct herald_norm_sender_event event;
    struct kit *kit = kit_stream(NULL);

    (void)state;
    assert_int_equal(write_some(kit, BUFFER, 0), BUFFER);
    kit_drain(kit);
    assert_in_range(write_some(kit, SEGMENT, 0), 0, 0);
    kit->now_ns += 100 * kit_grtt_ns(); /* there is room by now */
    event = (struct herald_norm_sender_event){ .type = HERALD_NORM_SENDER_SENT };
    while (hd_events_room(&kit->sender->events) > 0)
        hd_tx_event_push(kit->sender, &event);
    hd_tx_stream_check(kit->sender, kit->now_ns);
    while (herald_norm_sender_poll_event(kit->sender, &event) > 0)
        assert_int_equal(event.type, HERALD_NORM_SENDER_SENT);
    kit_run_for(kit, 2 * kit_grtt_ns());
    assert_int_equal(kit_events(kit, HERALD_NORM_SENDER_STREAM_WRITABLE), 1);
    kit_free(kit);
}

static void an_older_stream_goes_before_newer_objects(void **state)
{
    struct herald_norm_sender_config config = kit_config();
    struct kit *kit;

    (void)state;
    config.rate_bytes_per_s = 48 * 1000;
    config.burst_ns = 0;
    kit = kit_stream(&config);
    kit_enqueue(kit, 20 * SEGMENT, NULL);
    kit_run_for(kit, 5 * KIT_MS);
    kit_trace(kit);
    assert_int_equal(write_some(kit, 2 * SEGMENT, 0), 2 * SEGMENT);
    kit_run_for(kit, 5 * KIT_MS);
    assert_ptr_equal(strstr(kit_trace(kit), "0/0.0 0/0.1 1/"), kit->trace);
    kit_free(kit);
}

static void an_open_stream_has_a_flush_of_its_own(void **state)
{
    struct kit *kit = kit_stream(NULL);

    (void)state;
    assert_int_equal(write_some(kit, 2 * SEGMENT, 0), 2 * SEGMENT);
    kit_enqueue(kit, 16, NULL);
    kit_run_for(kit, 100 * kit_grtt_ns());
    assert_string_equal(kit_trace(kit), "0/0.0 0/0.1 1/0.0 F0/0.1 F1/0.0 F0/0.1 F1/0.0 F0/0.1 F1/0.0");
    kit_free(kit);
}

static void proactive_parity_follows_complete_blocks_of_a_stream(void **state)
{
    struct herald_norm_sender_config config = kit_config();
    struct kit *kit;

    (void)state;
    config.proactive_parity = 1;
    kit = kit_stream(&config);
    assert_int_equal(write_some(kit, 3 * SEGMENT, 0), 3 * SEGMENT);
    kit_drain(kit);
    assert_string_equal(kit_trace(kit), "0/0.0 0/0.1 0/0.2 F0/0.2");
    assert_int_equal(write_some(kit, 2 * SEGMENT, 0), 2 * SEGMENT);
    kit_drain(kit);
    assert_string_equal(kit_trace(kit), "0/0.3 0/0.4 0/1.0 F0/1.0");
    kit_free(kit);
}

static void block_numbers_of_a_stream_wrap(void **state)
{
    struct kit *kit = kit_stream(NULL);
    struct hd_tx_object *object = hd_tx_object_find(kit->sender, 0);

    (void)state;
    /* As if 2^24 - 2 blocks had been sent before. */
    object->stream.first_block = object->stream.next_block = object->next_block = 0xfffffe;
    assert_int_equal(write_some(kit, 3 * BLOCK, 0), 3 * BLOCK);
    kit_drain(kit);
    assert_string_equal(kit_trace(kit), "0/16777214.0 0/16777214.1 0/16777214.2 0/16777214.3 0/16777215.0 "
                                        "0/16777215.1 0/16777215.2 0/16777215.3 0/0.0 0/0.1 0/0.2 0/0.3 F0/0.3");
    kit_nack_begin(kit, ALICE);
    kit_nack_item(kit, HD_REQUEST_SEGMENT, 0, 0xffffff, 2);
    kit_nack_item(kit, HD_REQUEST_SEGMENT, 0, 0, 1);
    kit_nack_send(kit, false);
    kit_run_for(kit, 5 * kit_grtt_ns());
    assert_string_equal(kit_trace(kit), "0/16777215.2 0/0.1 F0/0.3");
    kit_free(kit);
}

/* --- writers --- */

static void a_writer_waits_until_receivers_had_time_to_ask(void **state)
{
    struct kit *kit = kit_stream(NULL);

    (void)state;
    assert_int_equal(write_some(kit, BUFFER + 50, 0), BUFFER);
    kit_drain(kit);
    assert_int_equal(write_some(kit, 50, 0), 0);
    kit_run_for(kit, 2 * 6 * kit_grtt_ns() - KIT_MS); /* 2 (K+2) GRTT */
    assert_int_equal(kit_events(kit, HERALD_NORM_SENDER_STREAM_WRITABLE), 0);
    kit_run_for(kit, 2 * KIT_MS);
    assert_int_equal(kit_events(kit, HERALD_NORM_SENDER_STREAM_WRITABLE), 1);
    assert_int_equal(write_some(kit, 50, 0), 50);
    kit_free(kit);
}

static void a_short_write_does_not_flush(void **state)
{
    struct kit *kit = kit_stream(NULL);

    (void)state;
    assert_int_equal(write_some(kit, 5, 0), 5);
    assert_int_equal(write_some(kit, BUFFER, HERALD_NORM_STREAM_FLUSH), BUFFER - 5);
    kit_drain(kit);
    kit_run_for(kit, 13 * kit_grtt_ns());
    kit_trace(kit);
    assert_int_equal(write_some(kit, BUFFER, HERALD_NORM_STREAM_FLUSH | HERALD_NORM_STREAM_PUSH), BUFFER);
    assert_true(kit_poll(kit));
    while (kit->message.kind != HD_KIND_DATA)
        assert_true(kit_poll(kit));
    assert_int_equal(kit->datagram.payload_bytes, HD_STREAM_HEADER_BYTES + SEGMENT);
    kit_free(kit);
}

static void half_of_the_buffer_is_for_what_was_sent(void **state)
{
    struct herald_norm_sender_config config = kit_config();
    struct herald_norm_object stream = { .kind = HERALD_NORM_STREAM, .size_bytes = 16 * BLOCK };
    struct hd_tx_object *object;
    struct kit *kit;
    uint16_t object_id;

    (void)state;
    config.rate_bytes_per_s = 56 * 100; /* a datagram each 10 ms, a block each 40 ms */
    config.burst_ns = 0;
    config.grtt_initial_ns = KIT_MS;
    config.stream_blocks_max = 16;
    kit = kit_new(&config);
    assert_int_equal(herald_norm_sender_enqueue(kit->sender, &stream, kit->now_ns, &object_id), 0);
    object = hd_tx_object_find(kit->sender, object_id);
    for (uint64_t end_ns = kit->now_ns + 3000 * KIT_MS; kit->now_ns < end_ns;) {
        assert_true(write_some(kit, 1000, 0) >= 0);
        kit_run_for(kit, 5 * KIT_MS);
        if (object->next_block >= 8)
            assert_true(object->next_block - object->stream.first_block >= 7);
    }
    assert_true(object->next_block > 40); /* and yet it never runs dry */
    kit_free(kit);
}

static void a_block_that_is_asked_for_is_not_overwritten(void **state)
{
    struct kit *kit = kit_stream(NULL);

    (void)state;
    assert_int_equal(write_some(kit, BUFFER, 0), BUFFER);
    kit_run_for(kit, 11 * kit_grtt_ns());
    kit_nack(kit, ALICE, HD_REQUEST_SEGMENT, 0, 0, 1);
    kit_run_for(kit, 3 * kit_grtt_ns());
    assert_int_equal(write_some(kit, 50, 0), 0);
    kit_run_for(kit, 2 * kit_grtt_ns());
    assert_non_null(strstr(kit_trace(kit), "0/0.1 F"));
    assert_int_equal(write_some(kit, 50, 0), 0); /* receivers get the same time again */
    kit_run_for(kit, 13 * kit_grtt_ns());
    assert_int_equal(write_some(kit, 50, 0), 50);
    kit_free(kit);
}

static void an_acknowledged_stream_has_room_at_once(void **state)
{
    struct kit *kit = kit_stream(NULL);

    (void)state;
    assert_int_equal(herald_norm_sender_add_ack_node(kit->sender, ALICE), 0);
    assert_int_equal(herald_norm_sender_request_acks(kit->sender, 0, kit->now_ns), -EINVAL); /* nothing written */
    assert_int_equal(write_some(kit, BUFFER + 1, 0), BUFFER);
    assert_int_equal(herald_norm_sender_request_acks(kit->sender, 0, kit->now_ns), 0);
    kit_drain(kit);
    assert_non_null(strstr(kit_trace(kit), "F0/3.3[100]"));
    kit_ack(kit, ALICE, 0, 3, 3);
    assert_int_equal(kit_events(kit, HERALD_NORM_SENDER_STREAM_WRITABLE), 1);
    assert_int_equal(write_some(kit, 2 * BLOCK, 0), 2 * BLOCK);
    kit_free(kit);
}

static void a_watermark_covers_what_was_written(void **state)
{
    struct kit *kit = kit_stream(NULL);

    (void)state;
    assert_int_equal(herald_norm_sender_add_ack_node(kit->sender, ALICE), 0);
    assert_int_equal(write_some(kit, SEGMENT + 1, 0), SEGMENT + 1);
    assert_int_equal(herald_norm_sender_request_acks(kit->sender, 0, kit->now_ns), 0);
    kit_drain(kit);
    assert_string_equal(kit_trace(kit), "0/0.0 0/0.1 F0/0.1[100]");
    kit_free(kit);
}

static void push_overwrites_the_oldest_block(void **state)
{
    struct kit *kit = kit_stream(NULL);

    (void)state;
    assert_int_equal(write_some(kit, BUFFER, 0), BUFFER);
    assert_int_equal(write_some(kit, BLOCK, HERALD_NORM_STREAM_PUSH), BLOCK); /* nothing of it has been sent */
    kit_drain(kit);
    assert_ptr_equal(strstr(kit_trace(kit), "0/1.0 0/1.1"), kit->trace);
    kit_nack(kit, ALICE, HD_REQUEST_BLOCK, 0, 0, 0);
    kit_drain(kit);
    assert_string_equal(kit_trace(kit), "Q0/1.0"); /* where the stream begins now */
    kit_free(kit);
}

static void push_may_overwrite_what_is_being_repaired(void **state)
{
    struct kit *kit = kit_stream(NULL);

    (void)state;
    assert_int_equal(write_some(kit, BUFFER, 0), BUFFER);
    kit_drain(kit);
    kit_nack(kit, ALICE, HD_REQUEST_BLOCK, 0, 0, 0);
    kit_nack(kit, ALICE, HD_REQUEST_SEGMENT, 0, 1, 4);
    kit->now_ns += 5 * kit_grtt_ns();
    assert_int_equal(herald_norm_sender_handle_timeout(kit->sender, kit->now_ns), 0);
    kit_trace(kit);
    while (kit->words == 0)
        assert_true(kit_poll(kit)); /* the repair has begun */
    assert_int_equal(write_some(kit, BLOCK, HERALD_NORM_STREAM_PUSH), BLOCK);
    kit_drain(kit);
    assert_string_equal(kit_trace(kit), "0/0.0 0/1.4 0/4.0 0/4.1 0/4.2 0/4.3 F0/4.3");
    kit_free(kit);
}

/* --- repair --- */

static void parity_of_a_block_that_is_being_written_is_its_source(void **state)
{
    struct kit *kit = kit_stream(NULL);

    (void)state;
    assert_int_equal(write_some(kit, 2 * SEGMENT, 0), 2 * SEGMENT);
    kit_drain(kit);
    kit_trace(kit);
    kit_nack(kit, ALICE, HD_REQUEST_SEGMENT, 0, 0, 4);
    kit_run_for(kit, 5 * kit_grtt_ns());
    assert_string_equal(kit_trace(kit), "0/0.0 0/0.1 F0/0.1");
    kit_free(kit);
}

static void parity_of_a_stream_covers_its_headers(void **state)
{
    struct kit *kit = kit_stream(NULL);
    struct hd_fec_encoder *encoder;
    struct hd_fec_symbol source[4];
    uint8_t vectors[4][HD_STREAM_HEADER_BYTES + SEGMENT];
    uint8_t expected[HD_STREAM_HEADER_BYTES + SEGMENT];
    uint8_t *rows[] = { expected };

    (void)state;
    assert_int_equal(write_some(kit, BLOCK, 0), BLOCK);
    assert_true(kit_poll(kit));
    for (uint32_t i = 0; i < 4; i++) {
        assert_true(kit_poll(kit));
        assert_int_equal(kit->datagram.payload_bytes, sizeof(vectors[i]));
        memcpy(vectors[i], kit->datagram.payload, sizeof(vectors[i]));
        source[i] = (struct hd_fec_symbol){ .data = vectors[i], .bytes = sizeof(vectors[i]) };
    }
    assert_int_equal(hd_fec_encoder_new(&encoder, 4, 2), 0);
    assert_int_equal(hd_fec_encode(encoder, source, 4, 0, 1, rows, sizeof(expected)), 0);
    hd_fec_encoder_free(encoder);
    kit_nack(kit, ALICE, HD_REQUEST_SEGMENT, 0, 0, 4);
    kit->now_ns += 5 * kit_grtt_ns();
    assert_int_equal(herald_norm_sender_handle_timeout(kit->sender, kit->now_ns), 0);
    do {
        assert_true(kit_poll(kit));
    } while (kit->message.kind != HD_KIND_DATA);
    assert_int_equal(kit->message.data.position.id.symbol, 4);
    assert_int_equal(hd_cursor_left(&kit->message.data.payload), sizeof(expected));
    assert_memory_equal(kit->message.data.payload.at, expected, sizeof(expected));
    kit_free(kit);
}

static void repair_goes_around_the_ring(void **state)
{
    struct kit *kit = kit_stream(NULL);

    (void)state;
    assert_int_equal(write_some(kit, BUFFER, 0), BUFFER);
    kit_run_for(kit, 50 * kit_grtt_ns());
    for (int i = 0; i < 2; i++) {
        assert_int_equal(write_some(kit, BLOCK, 0), BLOCK);
        kit_run_for(kit, 50 * kit_grtt_ns());
    }
    kit_trace(kit);
    kit_nack_begin(kit, ALICE); /* blocks 2 .. 5 are held; 3 and 4 lie on both sides of the ring's seam */
    kit_nack_range(kit, HD_REQUEST_BLOCK, kit_position(kit, 0, 3, 0), kit_position(kit, 0, 4, 0));
    kit_nack_item(kit, HD_REQUEST_SEGMENT, 0, 5, 1);
    kit_nack_send(kit, false);
    kit_run_for(kit, 5 * kit_grtt_ns());
    assert_string_equal(kit_trace(kit), "0/3.0 0/3.1 0/3.2 0/3.3 0/4.0 0/4.1 0/4.2 0/4.3 0/5.1 F0/5.3");
    kit_free(kit);
}

/* --- limits --- */

static void stream_buffers_are_limited_together(void **state)
{
    struct kit *kit = kit_stream(NULL);
    struct herald_norm_object object = { .kind = HERALD_NORM_STREAM, .size_bytes = 1 };
    uint16_t object_id;

    (void)state;
    assert_int_equal(herald_norm_sender_enqueue(kit->sender, &object, kit->now_ns, &object_id), -ENOBUFS);
    object.size_bytes = 5 * BLOCK;
    assert_int_equal(herald_norm_sender_enqueue(kit->sender, &object, kit->now_ns, &object_id), -EFBIG);
    assert_int_equal(herald_norm_sender_release(kit->sender, 0, kit->now_ns), 0);
    object.size_bytes = 1;
    assert_int_equal(herald_norm_sender_enqueue(kit->sender, &object, kit->now_ns, &object_id), 0);
    assert_int_equal(herald_norm_sender_enqueue(kit->sender, &object, kit->now_ns, &object_id), 0);
    kit_free(kit);
}

static void only_streams_can_be_written(void **state)
{
    struct kit *kit = kit_stream(NULL);

    (void)state;
    kit_enqueue(kit, 16, NULL);
    assert_int_equal(herald_norm_sender_stream_write(kit->sender, 1, kit_bytes(), 1, 0, kit->now_ns), -EINVAL);
    assert_int_equal(herald_norm_sender_stream_write(kit->sender, 2, kit_bytes(), 1, 0, kit->now_ns), -ENOENT);
    assert_int_equal(herald_norm_sender_stream_close(kit->sender, 1, kit->now_ns), -EINVAL);
    assert_int_equal(herald_norm_sender_stream_close(kit->sender, 2, kit->now_ns), -ENOENT);
    kit_free(kit);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(full_segments_are_sent_and_the_rest_when_flushed),
        cmocka_unit_test(segments_carry_the_stream_header),
        cmocka_unit_test(the_end_of_a_stream_is_a_segment_without_bytes),
        cmocka_unit_test(at_the_end_of_the_sender_nothing_stays_unsent),
        cmocka_unit_test(a_stream_that_is_full_closes_when_there_is_room),
        cmocka_unit_test(the_end_of_a_stream_goes_before_that_of_the_sender),
        cmocka_unit_test(a_writer_is_told_even_if_many_events_wait),
        cmocka_unit_test(an_older_stream_goes_before_newer_objects),
        cmocka_unit_test(an_open_stream_has_a_flush_of_its_own),
        cmocka_unit_test(proactive_parity_follows_complete_blocks_of_a_stream),
        cmocka_unit_test(block_numbers_of_a_stream_wrap),
        cmocka_unit_test(a_writer_waits_until_receivers_had_time_to_ask),
        cmocka_unit_test(a_short_write_does_not_flush),
        cmocka_unit_test(half_of_the_buffer_is_for_what_was_sent),
        cmocka_unit_test(a_block_that_is_asked_for_is_not_overwritten),
        cmocka_unit_test(an_acknowledged_stream_has_room_at_once),
        cmocka_unit_test(a_watermark_covers_what_was_written),
        cmocka_unit_test(push_overwrites_the_oldest_block),
        cmocka_unit_test(push_may_overwrite_what_is_being_repaired),
        cmocka_unit_test(parity_of_a_block_that_is_being_written_is_its_source),
        cmocka_unit_test(parity_of_a_stream_covers_its_headers),
        cmocka_unit_test(repair_goes_around_the_ring),
        cmocka_unit_test(stream_buffers_are_limited_together),
        cmocka_unit_test(only_streams_can_be_written),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
