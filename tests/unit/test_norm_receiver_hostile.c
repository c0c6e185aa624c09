/* SPDX-License-Identifier: MIT */
/* The NORM receiver against packets that are damaged, forged or impossible, and when its limits are reached. */
#include "norm_rx_kit.h"
#include "random.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static uint32_t aborts(const struct rx *rx, enum herald_norm_abort why)
{
    uint32_t count = 0;

    for (uint32_t i = 0; i < rx->events_count; i++)
        count += rx->events[i].type == HERALD_NORM_RECEIVER_OBJECT_ABORTED && rx->events[i].abort == why;
    return count;
}

/* --- the window --- */

static void test_hostile_packets_do_not_move_the_window_in_steps(void **state)
{
    struct rx *rx = rx_new(NULL, 64);

    (void)state;
    rx_data(rx, 0, 0, 0);
    rx_data(rx, 7, 0, 0); /* each is less than a window (8) ahead of the last, */
    rx_data(rx, 14, 0, 0);
    rx_data(rx, 0, 0, 1);
    rx_data(rx, 21, 0, 0);
    assert_int_equal(aborts(rx, HERALD_NORM_ABORT_WINDOW), 0);
    rx_block(rx, 0, 0);
    assert_true(rx_is_complete(rx, 0));
    rx_free(rx);
}

static void test_hostile_flush_behind_the_window_ends_what_is_open(void **state)
{
    struct herald_norm_receiver_config config = rx_config();
    struct rx *rx;

    (void)state;
    config.objects_per_sender = 2;
    rx = rx_new(&config, 64);
    rx_block(rx, 8, 0);
    rx_block(rx, 9, 0);
    rx_data(rx, 11, 0, 0);
    for (int i = 0; i < 3; i++)
        rx_flush(rx, 8, 0, 3, 0); /* objects 10 and 11 do not exist */
    assert_int_equal(aborts(rx, HERALD_NORM_ABORT_WINDOW), 1);
    rx_eot(rx);
    assert_int_equal(rx_statistics(rx).objects, 0);
    rx_free(rx);
}

static void test_hostile_packet_does_not_get_an_object_refused(void **state)
{
    struct rx *rx = rx_new(NULL, 200);

    (void)state;
    rx->accept_result = -EFBIG;
    rx->fti.object_bytes = 199;
    rx_data(rx, 0, 0, 0);
    rx->accept_result = 0;
    rx->fti.object_bytes = 200;
    for (uint32_t block = 0; block < 4; block++)
        rx_block(rx, 0, block);
    assert_int_equal(rx->offers, 2);
    rx_block(rx, 0, 0);
    assert_true(rx_is_complete(rx, 0));
    rx_free(rx);
}

static void test_hostile_packet_does_not_get_an_object_refused_for_its_size(void **state)
{
    struct rx *rx = rx_new(NULL, UINT64_C(1) << 40);

    (void)state;
    rx_data_with(rx, 0, 0, 0, rx_bytes(), RX_SEGMENT_BYTES);
    assert_int_equal(aborts(rx, HERALD_NORM_ABORT_LIMIT), 1);
    rx->fti.object_bytes = 200;
    for (uint32_t block = 0; block < 4; block++)
        rx_block(rx, 0, block);
    rx_block(rx, 0, 0);
    assert_true(rx_is_complete(rx, 0));
    rx_free(rx);
}

static void test_hostile_packets_do_not_get_a_refused_object_offered_again(void **state)
{
    struct rx *rx = rx_new(NULL, 200);

    (void)state;
    rx->accept_result = -EACCES;
    rx_data(rx, 0, 0, 0);
    for (uint64_t i = 0; i < 20; i++) {
        rx->fti.object_bytes = 201 + i % 3; /* damaged, each otherwise than the last */
        rx_data(rx, 0, 0, 0);
        rx_data(rx, 0, 0, 0);
        rx->fti.object_bytes = 200;
        rx_data(rx, 0, 0, 1);
    }
    assert_int_equal(rx->offers, 1);
    rx_free(rx);
}

static void test_hostile_packet_does_not_keep_an_object_from_completion(void **state)
{
    struct rx *rx = rx_new(NULL, 199);

    (void)state;
    rx_data(rx, 0, 0, 0);
    rx_data(rx, 1, 0, 0);
    rx->fti.object_bytes = 200;
    for (int round = 0; round < 2; round++)
        for (uint32_t block = 0; block < 4; block++)
            rx_block(rx, 0, block);
    rx_block(rx, 0, 0);
    assert_int_equal(aborts(rx, HERALD_NORM_ABORT_RESTARTED), 1);
    assert_true(rx_is_complete(rx, 0));
    rx->fti.object_bytes = 199; /* a few packets that say otherwise do not end an object */
    rx_data(rx, 1, 0, 1);
    rx->fti.object_bytes = 200;
    for (int i = 0; i < 100; i++) {
        rx_data(rx, 1, 0, 2);
        if (i % 15 == 14) {
            rx->fti.object_bytes = 199;
            rx_data(rx, 1, 0, 1);
            rx->fti.object_bytes = 200;
        }
    }
    assert_int_equal(aborts(rx, HERALD_NORM_ABORT_RESTARTED), 1);
    rx_free(rx);
}

static void test_hostile_info_of_an_unknown_fec_scheme_is_nothing(void **state)
{
    struct rx *rx = rx_new(NULL, 64);

    (void)state;
    rx->omit_fti = true;
    rx->fec_id = 77;
    rx_info(rx, 0, "nobody knows");
    assert_int_equal(rx_statistics(rx).senders, 0);
    rx->omit_fti = false;
    rx->fec_id = HD_FEC_RS_8;
    rx_data(rx, 3, 0, 0); /* here it begins, not there */
    rx->omit_fti = true;
    rx->fec_id = 77;
    rx_info(rx, 3, "nobody knows");
    assert_int_equal(rx_dropped(rx, HERALD_NORM_DROP_MALFORMED), 2);
    assert_int_equal(rx_events(rx, HERALD_NORM_RECEIVER_OBJECT_INFO), 0);
    rx->omit_fti = false;
    rx->fec_id = HD_FEC_RS_8;
    rx_block(rx, 3, 0);
    assert_true(rx_is_complete(rx, 3));
    rx_run_for(rx, 200 * RX_MS);
    assert_string_equal(rx_trace(rx), "");
    rx_free(rx);
}

static void test_hostile_squelch_of_another_fec_scheme_is_nothing(void **state)
{
    struct rx *rx = rx_new(NULL, 64);

    (void)state;
    rx_data(rx, 0, 0, 0);
    rx_data(rx, 1, 0, 0);
    rx->fec_id = HD_FEC_SMALL_BLOCK;
    rx_squelch(rx, 1, 0, NULL, 0);
    assert_int_equal(aborts(rx, HERALD_NORM_ABORT_SQUELCHED), 0);
    assert_int_equal(rx_dropped(rx, HERALD_NORM_DROP_INCONSISTENT), 1);
    rx_free(rx);
}

/* --- senders --- */

static void test_hostile_senders_do_not_push_each_other_out_by_turns(void **state)
{
    struct herald_norm_receiver_config config = rx_config();
    struct rx *rx;

    (void)state;
    config.senders_max = 1;
    rx = rx_new(&config, 64);
    for (uint16_t i = 0; i < (uint16_t)RX_K; i++) {
        rx->header.source_id = 10;
        rx_data(rx, 0, 0, i);
        rx->header.source_id = 11;
        rx_data(rx, 0, 0, i);
    }
    assert_true(rx_is_complete(rx, 0));
    assert_int_equal(rx_events(rx, HERALD_NORM_RECEIVER_SENDER_NEW), 1);
    assert_int_equal(rx_events(rx, HERALD_NORM_RECEIVER_SENDER_GONE), 0);
    assert_int_equal(rx_dropped(rx, HERALD_NORM_DROP_LIMIT), RX_K);
    rx_run_for(rx, RX_S); /* now it is not sending any more */
    rx_block(rx, 1, 0);
    assert_int_equal(rx_last_event(rx, HERALD_NORM_RECEIVER_SENDER_GONE)->sender_id, 10);
    assert_true(rx_is_complete(rx, 1));
    rx_free(rx);
}

static void test_hostile_end_of_transmission_is_undone_when_the_sender_goes_on(void **state)
{
    struct rx *rx = rx_new(NULL, 64);

    (void)state;
    rx_data(rx, 0, 0, 0);
    rx_eot(rx);
    for (uint16_t i = 0; i < 100; i++) /* late ones do not undo it */
        rx_data(rx, 0, 0, i % RX_K);
    assert_int_equal(rx_events(rx, HERALD_NORM_RECEIVER_SENDER_RESTARTED), 0);
    for (uint16_t object = 1; object < 10; object++) {
        rx_run_for(rx, 300 * RX_MS);
        rx_block(rx, object, 0);
    }
    assert_int_equal(rx_events(rx, HERALD_NORM_RECEIVER_SENDER_RESTARTED), 1);
    assert_true(rx_is_complete(rx, 9));
    rx_free(rx);
}

/* --- asking --- */

static void test_hostile_nack_counts_as_far_as_it_names_what_there_is(void **state)
{
    struct herald_norm_receiver_config config = rx_config();
    struct rx *rx;

    (void)state;
    config.blocks_per_queue = 41;
    config.stream_blocks_max = 0;
    rx = rx_new(&config, UINT64_C(64) * 41);
    rx_data(rx, 0, 40, 0);
    rx_nack_begin(rx, 50, RX_SENDER, RX_INSTANCE);
    rx_nack_range(rx, HD_REQUEST_BLOCK, 0, 0, 0, 0, 38, 0);
    rx_nack_range(rx, HD_REQUEST_BLOCK, 0, 1, 0, 0, 39, 0);
    rx_nack_send(rx);
    rx_run_for(rx, 50 * RX_MS);
    assert_string_equal(rx_trace(rx), "N(b0/39)");
    rx_free(rx);
}

static void test_repair_is_asked_for_again_although_probes_still_come(void **state)
{
    struct rx *rx = rx_new(NULL, 128);

    (void)state;
    rx_data(rx, 0, 0, 0);
    rx_data(rx, 0, 1, 0); /* the last that is heard of the object */
    rx_run_for(rx, 500 * RX_MS);
    assert_string_equal(rx_trace(rx), "N(s0/0.1,s0/0.4,s0/0.5)");
    for (uint16_t i = 0; i < 300; i++) {
        rx_probe(rx, i, rx->now_ns, false);
        rx_run_for(rx, 200 * RX_MS);
    }
    assert_int_equal(rx_statistics(rx).nacks, 1 + 20); /* ROBUST times */
    assert_int_equal(rx_events(rx, HERALD_NORM_RECEIVER_SENDER_SILENT), 0);
    rx_block(rx, 0, 0);
    rx_block(rx, 0, 1);
    assert_true(rx_is_complete(rx, 0));
    rx_free(rx);
}

static void test_repair_waits_for_room_although_the_sender_is_silent(void **state)
{
    struct herald_norm_receiver_config config = rx_config();
    struct rx *rx;

    (void)state;
    config.objects_max = 1;
    rx = rx_new(&config, 64);
    rx->header.source_id = 10;
    rx_data(rx, 0, 0, 0);
    rx->header.source_id = 11;
    rx_block(rx, 5, 0); /* no room */
    rx->header.source_id = 10;
    for (uint16_t i = 0; i < 30; i++) {
        rx_probe(rx, i, rx->now_ns, false);
        rx_run_for(rx, 200 * RX_MS);
    }
    assert_null(strstr(rx_trace(rx), "o5"));
    rx_block(rx, 0, 0);
    assert_true(rx_is_complete(rx, 0));
    rx_run_for(rx, 2 * RX_S);
    assert_non_null(strstr(rx_trace(rx), "N(o5)"));
    rx_free(rx);
}

static void test_answer_without_content_has_no_payload(void **state)
{
    struct rx *rx = rx_new(NULL, 64);

    (void)state;
    rx_request(rx, 20, 3, RX_NODE, NULL);
    assert_int_equal(rx_last_event(rx, HERALD_NORM_RECEIVER_REQUEST)->content_bytes, 0);
    assert_int_equal(herald_norm_receiver_acknowledge(rx->receiver, RX_SENDER, 20, 3, NULL, 0, rx->now_ns), 0);
    rx_run_for(rx, 20 * RX_MS);
    assert_string_equal(rx_trace(rx), "A20.3");
    assert_null(rx->datagram.payload);
    assert_int_equal(rx->datagram.payload_bytes, 0);
    assert_int_equal(hd_cursor_left(&rx->message.ack.payload), 0);
    rx_free(rx);
}

/* --- streams --- */

/* Block `block` of a stream whose first one has the number `first` on the wire. */
static void stream_block(struct rx *rx, uint32_t first, uint32_t block)
{
    for (uint16_t i = 0; i < (uint16_t)RX_K; i++)
        rx_stream_data(rx, 0, (first + block) & 0xffffff, i, 16, 0, (block * RX_K + i) * 16);
}

static size_t stream_read(struct rx *rx, size_t size_bytes)
{
    struct herald_norm_stream_piece piece;
    uint8_t buffer[1024];
    int r = herald_norm_receiver_stream_read(rx->receiver, RX_SENDER, 0, buffer, size_bytes, &piece, rx->now_ns);

    rx_drain(rx);
    assert_true(r >= 0);
    if (r == 0)
        return 0;
    assert_int_equal(piece.lost_bytes, 0);
    assert_memory_equal(buffer, rx_bytes() + piece.offset_bytes, piece.size_bytes);
    return piece.size_bytes;
}

static void test_stream_flush_far_ahead_asks_for_no_more_than_the_buffer_holds(void **state)
{
    struct rx *rx = rx_new(NULL, 64 * 8); /* a buffer of 8 blocks */

    (void)state;
    stream_block(rx, 0, 0);
    rx_flush(rx, 0, 1 << 22, 3, 0);
    rx_run_for(rx, 50 * RX_MS);
    assert_string_equal(rx_trace(rx), "N(b0/1-7)");
    assert_int_equal(rx_statistics(rx).nacked_segments, 7 * RX_K);
    rx_info(rx, 1, "the next"); /* when the sender goes on, that place is forgotten */
    rx_run_for(rx, 200 * RX_MS);
    assert_null(strstr(rx_trace(rx), "b0"));
    rx_free(rx);
}

/* A slow reader's buffer is full, and what follows was lost. */
static void check_slow_reader(uint32_t first)
{
    struct rx *rx = rx_new(NULL, 64 * 8);

    for (uint32_t block = 0; block < 8; block++)
        stream_block(rx, first, block);
    rx_flush(rx, 0, (first + 9) & 0xffffff, 3, RX_NODE);
    rx_run_for(rx, 5 * RX_S);
    assert_string_equal(rx_trace(rx), ""); /* nothing is asked for that there is no room for, nor acknowledged */
    assert_int_equal(rx_events(rx, HERALD_NORM_RECEIVER_WATERMARK), 0);
    assert_int_equal(stream_read(rx, 128), 128);
    rx_run_for(rx, 50 * RX_MS); /* reading makes room, and that alone makes it due */
    assert_non_null(strstr(rx_trace(rx), "N(b0/"));
    stream_block(rx, first, 8);
    stream_block(rx, first, 9);
    rx_flush(rx, 0, (first + 9) & 0xffffff, 3, RX_NODE);
    rx_run_for(rx, 50 * RX_MS);
    assert_int_equal(rx_events(rx, HERALD_NORM_RECEIVER_WATERMARK), 1);
    assert_int_equal(stream_read(rx, 1024), 512);
    rx_free(rx);
}

static void test_stream_that_is_not_read_is_neither_asked_for_nor_acknowledged_beyond_its_buffer(void **state)
{
    (void)state;
    check_slow_reader(0);
    check_slow_reader(0xfffff9); /* block numbers wrap while it waits */
    check_slow_reader(0xfffffe);
}

static void test_stream_begins_anew_where_the_sender_really_is(void **state)
{
    struct rx *rx = rx_new(NULL, 64 * 8);

    (void)state;
    rx_stream_data(rx, 0, 100000, 0, 16, 0, 0); /* a damaged block number was the first thing that was heard */
    stream_block(rx, 0, 0);
    assert_int_equal(aborts(rx, HERALD_NORM_ABORT_RESTARTED), 1);
    for (uint32_t block = 1; block < 3; block++)
        stream_block(rx, 0, block);
    assert_int_equal(rx_events(rx, HERALD_NORM_RECEIVER_STREAM_NEW), 2);
    for (uint32_t i = 0; i < 10; i++)
        rx_stream_data(rx, 0, 0xfff000, 0, 16, 0, 0); /* once it is known where it is, that is not believed */
    stream_block(rx, 0, 0);
    assert_int_equal(stream_read(rx, 1024), 192);
    assert_int_equal(aborts(rx, HERALD_NORM_ABORT_RESTARTED), 1);
    rx_free(rx);
}

/* --- anything --- */

static void send_anything(struct rx *rx, struct hd_random *random, bool is_stream)
{
    static const uint16_t ids[] = { 0, 1, 2, 3, 7, 8, 9, 15, 16, 17, 40, 32767, 32768, 65534, 65535 };
    static const uint32_t blocks[] = { 0, 1, 2, 3, 9, 15, 16, 100, 0x7fffff, 0xfffffe, 0xffffff };
    static const uint64_t sizes[] = { 64, 200, 640, 641, 16, 1, UINT64_C(1) << 30, (UINT64_C(1) << 48) - 1 };
    uint16_t id = ids[hd_random_below(random, hd_random_below(random, 4) ? 4 : 15)];
    uint32_t block = blocks[hd_random_below(random, hd_random_below(random, 4) ? 3 : 11)];
    uint16_t symbol = (uint16_t)hd_random_below(random, hd_random_below(random, 8) ? RX_K + RX_PARITY : 256);
    uint16_t wrong_id = ids[hd_random_below(random, 15)];

    rx->header.source_id = RX_SENDER +
                           (hd_random_below(random, 8) == 0 ? 20 + (uint32_t)hd_random_below(random, 3) : 0);
    rx->header.instance_id = (uint16_t)(RX_INSTANCE + (hd_random_below(random, 64) == 0));
    rx->header.grtt = (uint8_t)(hd_random_below(random, 16) ? hd_random_below(random, 100)
                                                            : hd_random_below(random, 256));
    rx->fti.object_bytes = sizes[hd_random_below(random, 8) ? 2 : hd_random_below(random, 8)];
    rx->flags = is_stream && hd_random_below(random, 32) ? HD_FLAG_STREAM : 0;
    switch (hd_random_below(random, 12)) {
    case 0:
        rx_info(rx, id, "anything");
        break;
    case 1:
    case 2:
        rx_flush(rx, id, block, symbol, hd_random_below(random, 2) ? RX_NODE : 0);
        break;
    case 3:
        rx_squelch(rx, id, block, &wrong_id, hd_random_below(random, 2));
        break;
    case 4:
        rx_probe(rx, id, rx->now_ns, hd_random_below(random, 2));
        break;
    case 5:
        rx_nack_begin(rx, 50, rx->header.source_id, rx->header.instance_id);
        rx_nack_range(rx, (uint8_t)(1U << hd_random_below(random, 4)), id, block, symbol, wrong_id, block + 40, 255);
        rx_nack_send(rx);
        break;
    case 6:
        if (hd_random_below(random, 20) == 0)
            rx_eot(rx);
        break;
    default:
        if (rx->flags & HD_FLAG_STREAM)
            rx_stream_data(rx, id, block, symbol, 16, (uint16_t)hd_random_below(random, 18), block * 64 + symbol * 16U);
        else
            rx_data_with(rx, id, block, symbol, rx_bytes(), hd_random_below(random, 8) ? 16 : symbol % 18U);
        break;
    }
}

/*
 * Whatever comes, deadlines are in the future, output ends, no assertion fails: the kit looks after that. And who
 * begins anew after it is heard.
 */
static void test_hostile_packets_of_all_kinds_leave_a_receiver_that_works(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 150; seed++) {
        struct herald_norm_receiver_config config = rx_config();
        struct hd_random random;
        struct rx *rx;

        hd_random_init(&random, seed);
        config.seed = seed;
        config.senders_max = (uint16_t)(1 + seed % 3);
        config.objects_max = (uint16_t)(seed % 4 ? 8 : 1);
        config.objects_per_sender = (uint16_t)(seed % 5 ? 8 : 1);
        config.partial_blocks_max = seed % 6 ? 4096 : 1;
        config.parity_buffers_max = seed % 7 ? 4096 : 0;
        config.sync = seed % 8 ? HERALD_NORM_SYNC_CURRENT : HERALD_NORM_SYNC_ALL;
        config.silent = seed % 9 == 0;
        rx = rx_new(&config, 640);
        for (int i = 0; i < 400; i++) {
            uint8_t buffer[100];
            struct herald_norm_stream_piece piece;

            rx_forget_events(rx);
            send_anything(rx, &random, seed % 2);
            rx_run_for(rx, hd_random_below(&random, 4) ? 0 : hd_random_below(&random, 300 * RX_MS));
            (void)!herald_norm_receiver_stream_read(rx->receiver, RX_SENDER, (uint16_t)(i % 3), buffer,
                                                    hd_random_below(&random, 100), &piece, rx->now_ns);
            rx_trace(rx);
        }
        rx->header.source_id = RX_SENDER;
        rx->header.instance_id = 999;
        rx->flags = 0;
        rx->fti.object_bytes = 64;
        rx_run_for(rx, 100000 * RX_S); /* a forged round-trip time of up to 1000 s is over */
        rx->trace_bytes = 0;
        rx_forget_events(rx);
        rx_block(rx, 0, 0);
        assert_true(rx_is_complete(rx, 0));
        rx_free(rx);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_hostile_packets_do_not_move_the_window_in_steps),
        cmocka_unit_test(test_hostile_flush_behind_the_window_ends_what_is_open),
        cmocka_unit_test(test_hostile_packet_does_not_get_an_object_refused),
        cmocka_unit_test(test_hostile_packet_does_not_get_an_object_refused_for_its_size),
        cmocka_unit_test(test_hostile_packets_do_not_get_a_refused_object_offered_again),
        cmocka_unit_test(test_hostile_packet_does_not_keep_an_object_from_completion),
        cmocka_unit_test(test_hostile_info_of_an_unknown_fec_scheme_is_nothing),
        cmocka_unit_test(test_hostile_squelch_of_another_fec_scheme_is_nothing),
        cmocka_unit_test(test_hostile_senders_do_not_push_each_other_out_by_turns),
        cmocka_unit_test(test_hostile_end_of_transmission_is_undone_when_the_sender_goes_on),
        cmocka_unit_test(test_hostile_nack_counts_as_far_as_it_names_what_there_is),
        cmocka_unit_test(test_repair_is_asked_for_again_although_probes_still_come),
        cmocka_unit_test(test_repair_waits_for_room_although_the_sender_is_silent),
        cmocka_unit_test(test_answer_without_content_has_no_payload),
        cmocka_unit_test(test_stream_flush_far_ahead_asks_for_no_more_than_the_buffer_holds),
        cmocka_unit_test(test_stream_that_is_not_read_is_neither_asked_for_nor_acknowledged_beyond_its_buffer),
        cmocka_unit_test(test_stream_begins_anew_where_the_sender_really_is),
        cmocka_unit_test(test_hostile_packets_of_all_kinds_leave_a_receiver_that_works),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
