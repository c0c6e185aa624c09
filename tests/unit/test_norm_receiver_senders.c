/* SPDX-License-Identifier: MIT */
/* The NORM receiver and its senders: joining, restarts, silence, the end; watermarks, requests, probes, streams. */
#include "norm_rx_kit.h"

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

/* --- joining --- */

static void test_join_wants_all_of_the_first_object_and_nothing_before(void **state)
{
    struct rx *rx = rx_new(NULL, 64 * 3);

    (void)state;
    rx_data(rx, 5, 2, 1);
    rx_data(rx, 4, 0, 0);
    assert_int_equal(rx_dropped(rx, HERALD_NORM_DROP_UNSYNCED), 1);
    rx_flush(rx, 5, 2, 3, 0);
    rx_run_for(rx, 50 * RX_MS);
    assert_string_equal(rx_trace(rx), "N(b5/0,b5/1,s5/2.0,s5/2.4,s5/2.5)");
    rx_free(rx);
}

static void test_join_all_wants_what_was_before(void **state)
{
    struct herald_norm_receiver_config config = rx_config();
    struct rx *rx;

    (void)state;
    config.sync = HERALD_NORM_SYNC_ALL;
    rx = rx_new(&config, 64);
    rx_block(rx, 20, 0);
    rx_run_for(rx, 50 * RX_MS);
    assert_string_equal(rx_trace(rx), "N(o13-19)");
    rx_free(rx);
    rx = rx_new(&config, 64); /* a sender that has just begun has nothing with ids below 0 */
    rx_block(rx, 2, 0);
    rx_run_for(rx, 50 * RX_MS);
    assert_string_equal(rx_trace(rx), "N(o0,o1)");
    rx_free(rx);
}

static void test_join_is_not_at_a_repair(void **state)
{
    struct rx *rx = rx_new(NULL, 64);

    (void)state;
    rx->flags = HD_FLAG_REPAIR;
    rx_data(rx, 5, 0, 0);
    assert_int_equal(rx_dropped(rx, HERALD_NORM_DROP_UNSYNCED), 1);
    rx->flags = 0;
    rx_block(rx, 9, 0);
    rx_run_for(rx, 50 * RX_MS);
    assert_string_equal(rx_trace(rx), "");
    assert_true(rx_is_complete(rx, 9));
    rx_free(rx);
}

static void test_squelch_ends_what_the_sender_no_longer_has(void **state)
{
    static const uint16_t gone[] = { 6 };
    struct rx *rx = rx_new(NULL, 64);

    (void)state;
    rx_data(rx, 3, 0, 0);
    rx_data(rx, 5, 0, 0); /* 4 is unheard */
    rx_data(rx, 6, 0, 0);
    rx_data(rx, 7, 0, 0);
    rx_squelch(rx, 5, 0, gone, 1);
    assert_int_equal(aborts(rx, HERALD_NORM_ABORT_SQUELCHED), 2);
    rx_run_for(rx, 50 * RX_MS);
    assert_string_equal(rx_trace(rx), "N(s5/0.1,s5/0.4,s5/0.5)");
    rx_squelch(rx, 100, 0, NULL, 0); /* it cannot be ahead of itself */
    assert_int_equal(aborts(rx, HERALD_NORM_ABORT_SQUELCHED), 2);
    rx_free(rx);
}

/* --- restarts --- */

static void test_restart_begins_anew(void **state)
{
    struct rx *rx = rx_new(NULL, 64);

    (void)state;
    rx_data(rx, 100, 0, 0);
    rx->header.instance_id = RX_INSTANCE + 1;
    rx->fti.parity_symbols = 1; /* another code is fine now */
    rx_block(rx, 3, 0);
    assert_int_equal(rx_events(rx, HERALD_NORM_RECEIVER_SENDER_RESTARTED), 1);
    assert_int_equal(rx_events(rx, HERALD_NORM_RECEIVER_SENDER_NEW), 1);
    assert_int_equal(aborts(rx, HERALD_NORM_ABORT_RESTARTED), 1);
    assert_true(rx_is_complete(rx, 3));
    rx_free(rx);
}

static void test_restart_is_not_undone_by_late_packets(void **state)
{
    struct rx *rx = rx_new(NULL, 64);

    (void)state;
    rx_data(rx, 100, 0, 0);
    rx->header.instance_id = RX_INSTANCE + 1;
    rx_data(rx, 3, 0, 0);
    rx->header.instance_id = RX_INSTANCE;
    for (uint16_t i = 0; i < 15; i++)
        rx_data(rx, 100, 0, i % 4);
    assert_int_equal(rx_dropped(rx, HERALD_NORM_DROP_INSTANCE), 15);
    rx->header.instance_id = RX_INSTANCE + 1;
    rx_block(rx, 3, 0);
    assert_true(rx_is_complete(rx, 3));
    assert_int_equal(rx_events(rx, HERALD_NORM_RECEIVER_SENDER_RESTARTED), 1);
    rx_free(rx);
}

static void test_restart_that_was_forged_ends_when_the_sender_goes_on(void **state)
{
    struct rx *rx = rx_new(NULL, 64);

    (void)state;
    rx_data(rx, 1, 0, 0);
    rx->header.instance_id = 4711;
    rx_command(rx, "forged");
    rx->header.instance_id = RX_INSTANCE;
    for (uint16_t i = 0; i < 16; i++)
        rx_data(rx, 2, 0, 0);
    rx_block(rx, 2, 0);
    assert_true(rx_is_complete(rx, 2));
    rx_free(rx);
}

/* --- the end --- */

static void test_eot_ends_a_sender_and_what_is_incomplete(void **state)
{
    struct rx *rx = rx_new(NULL, 64);

    (void)state;
    rx_data(rx, 0, 0, 0);
    rx_data(rx, 1, 0, 0);
    rx_eot(rx);
    assert_int_equal(rx_events(rx, HERALD_NORM_RECEIVER_SENDER_GONE), 1);
    assert_int_equal(aborts(rx, HERALD_NORM_ABORT_GONE), 2);
    rx_eot(rx);
    rx_data(rx, 1, 0, 1);
    assert_int_equal(rx_events(rx, HERALD_NORM_RECEIVER_SENDER_GONE), 1);
    assert_int_equal(rx_dropped(rx, HERALD_NORM_DROP_OLD), 2);
    rx_run_for(rx, 100 * RX_S);
    assert_string_equal(rx_trace(rx), "");
    rx->header.instance_id++;
    rx_block(rx, 0, 0);
    assert_true(rx_is_complete(rx, 0));
    rx_free(rx);
}

static void test_eot_of_an_unknown_sender_is_nothing(void **state)
{
    struct rx *rx = rx_new(NULL, 64);

    (void)state;
    rx_eot(rx);
    assert_int_equal(rx->events_count, 0);
    assert_int_equal(rx_statistics(rx).senders, 0);
    rx_free(rx);
}

static void test_the_sender_not_heard_for_longest_makes_room(void **state)
{
    struct herald_norm_receiver_config config = rx_config();
    struct rx *rx;

    (void)state;
    config.senders_max = 2;
    rx = rx_new(&config, 64);
    rx->header.source_id = 10;
    rx_data(rx, 0, 0, 0);
    rx->header.source_id = 11;
    rx_data(rx, 1, 0, 0);
    rx->header.source_id = 10;
    rx_data(rx, 0, 0, 1);
    rx->header.source_id = 12;
    rx_data(rx, 2, 0, 0);
    assert_int_equal(rx_events(rx, HERALD_NORM_RECEIVER_SENDER_GONE), 0); /* both are sending */
    rx_run_for(rx, RX_S);
    rx_data(rx, 2, 0, 0);
    assert_int_equal(rx_last_event(rx, HERALD_NORM_RECEIVER_SENDER_GONE)->sender_id, 11);
    assert_int_equal(aborts(rx, HERALD_NORM_ABORT_GONE), 1);
    assert_int_equal(rx_statistics(rx).senders, 2);
    rx->header.source_id = 10;
    rx_data(rx, 0, 0, 2);
    rx_data(rx, 0, 0, 3);
    assert_true(rx_is_complete(rx, 0));
    rx_free(rx);
}

static void test_many_senders_each_get_their_repair(void **state)
{
    struct herald_norm_receiver_config config = rx_config();
    struct rx *rx;

    (void)state;
    config.senders_max = 200;
    config.objects_max = 200;
    rx = rx_new(&config, 128);
    for (uint32_t i = 0; i < 200; i++) {
        rx->header.source_id = 1000 + i;
        rx_data(rx, (uint16_t)i, 1, 0);
    }
    rx_run_for(rx, 50 * RX_MS);
    assert_int_equal(rx_statistics(rx).nacks, 200);
    for (uint32_t i = 0; i < 200; i++) {
        rx->header.source_id = 1000 + i;
        rx_block(rx, (uint16_t)i, 0);
        rx_block(rx, (uint16_t)i, 1);
    }
    assert_int_equal(rx_statistics(rx).objects_complete, 200);
    rx_free(rx);
}

static void test_sender_status_tells_what_is_known(void **state)
{
    struct rx *rx = rx_new(NULL, 64);
    struct herald_norm_sender_status status;

    (void)state;
    rx_data(rx, 0, 0, 0);
    rx_probe(rx, 1, RX_S, true);
    assert_int_equal(herald_norm_receiver_get_sender(rx->receiver, 0, &status), 0);
    assert_int_equal(status.node_id, RX_SENDER);
    assert_int_equal(status.instance_id, RX_INSTANCE);
    assert_int_equal(status.address.port, 6003);
    assert_true(status.is_active);
    assert_in_range(status.grtt_ns, 10 * RX_MS, 11 * RX_MS);
    assert_in_range(status.rate_bytes_per_s, 990000, 1010000);
    assert_int_equal(herald_norm_receiver_get_sender(rx->receiver, 1, &status), -ENOENT);
    rx_free(rx);
}

/* --- watermarks --- */

static void test_watermark_is_acknowledged_when_everything_is_here(void **state)
{
    struct rx *rx = rx_new(NULL, 64);

    (void)state;
    rx_data(rx, 0, 0, 0);
    rx_flush(rx, 0, 0, 3, RX_NODE);
    rx_run_for(rx, 50 * RX_MS);
    assert_string_equal(rx_trace(rx), "N(s0/0.1,s0/0.4,s0/0.5)");
    assert_int_equal(rx_events(rx, HERALD_NORM_RECEIVER_WATERMARK), 0);
    rx_block(rx, 0, 0);
    rx_flush(rx, 0, 0, 3, RX_NODE);
    rx_run_for(rx, 11 * RX_MS);
    assert_string_equal(rx_trace(rx), "F0/0.3");
    assert_int_equal(rx->message.ack.server_id, RX_SENDER);
    assert_int_equal(rx->message.ack.position.fec_id, HD_FEC_RS_8);
    assert_int_equal(rx_events(rx, HERALD_NORM_RECEIVER_WATERMARK), 1);
    rx_flush(rx, 0, 0, 3, RX_NODE); /* it was lost, perhaps */
    rx_flush(rx, 0, 0, 3, RX_NODE);
    rx_run_for(rx, 11 * RX_MS);
    assert_string_equal(rx_trace(rx), "F0/0.3");
    assert_int_equal(rx_events(rx, HERALD_NORM_RECEIVER_WATERMARK), 1);
    rx_free(rx);
}

static void test_watermark_for_others_is_left_to_them(void **state)
{
    struct rx *rx = rx_new(NULL, 16);

    (void)state;
    rx_block(rx, 0, 0);
    rx_flush(rx, 0, 0, 0, 77);
    rx_flush(rx, 0, 0, 0, 0);
    rx_run_for(rx, 1 * RX_S);
    assert_string_equal(rx_trace(rx), "");
    rx_free(rx);
}

static void test_watermark_counts_earlier_objects_too(void **state)
{
    struct rx *rx = rx_new(NULL, 64);

    (void)state;
    rx_data(rx, 0, 0, 0);
    rx_block(rx, 1, 0);
    rx_block(rx, 3, 0);
    rx_flush(rx, 3, 0, 3, RX_NODE);
    rx_run_for(rx, 50 * RX_MS);
    assert_string_equal(rx_trace(rx), "N(s0/0.1,s0/0.4,s0/0.5,o2)");
    rx_block(rx, 0, 0);
    rx_block(rx, 2, 0);
    rx_flush(rx, 3, 0, 3, RX_NODE);
    rx_run_for(rx, 11 * RX_MS);
    assert_string_equal(rx_trace(rx), "F3/0.3");
    rx_free(rx);
}

static void test_watermark_of_an_object_that_failed_is_not_acknowledged(void **state)
{
    struct rx *rx = rx_new(NULL, 64);

    (void)state;
    rx->write_result = -ENOSPC;
    rx_data(rx, 0, 0, 0);
    rx_flush(rx, 0, 0, 3, RX_NODE);
    rx_run_for(rx, 500 * RX_MS);
    assert_string_equal(rx_trace(rx), "");
    rx->write_result = 0;
    rx_block(rx, 1, 0); /* the next one is another matter */
    rx_flush(rx, 1, 0, 3, RX_NODE);
    rx_run_for(rx, 11 * RX_MS);
    assert_string_equal(rx_trace(rx), "F1/0.3");
    rx_free(rx);
}

static void test_watermark_of_an_object_without_bytes(void **state)
{
    struct rx *rx = rx_new(NULL, 0);

    (void)state;
    rx_flush(rx, 0, 0xffffff, 0xff, RX_NODE);
    rx_run_for(rx, 50 * RX_MS);
    assert_string_equal(rx_trace(rx), "N(o0)");
    rx_info(rx, 0, "info");
    rx_flush(rx, 0, 0xffffff, 0xff, RX_NODE);
    rx_run_for(rx, 11 * RX_MS);
    assert_string_equal(rx_trace(rx), "F0/16777215.255");
    rx_free(rx);
}

/* --- requests, commands, probes --- */

static void test_command_is_handed_on(void **state)
{
    struct rx *rx = rx_new(NULL, 64);

    (void)state;
    rx_command(rx, "do it");
    assert_int_equal(rx_last_event(rx, HERALD_NORM_RECEIVER_COMMAND)->content_bytes, 5);
    assert_string_equal((const char *)rx->event_content, "do it");
    assert_int_equal(rx_statistics(rx).command_datagrams, 1);
    rx_free(rx);
}

static void test_request_is_handed_on_and_answered(void **state)
{
    struct rx *rx = rx_new(NULL, 64);

    (void)state;
    rx_request(rx, 20, 3, RX_NODE, "who?");
    assert_int_equal(rx_last_event(rx, HERALD_NORM_RECEIVER_REQUEST)->ack_type, 20);
    assert_int_equal(rx_last_event(rx, HERALD_NORM_RECEIVER_REQUEST)->ack_id, 3);
    assert_string_equal((const char *)rx->event_content, "who?");
    assert_int_equal(
        herald_norm_receiver_acknowledge(rx->receiver, RX_SENDER, 20, 3, (const uint8_t *)"me", 2, rx->now_ns), 0);
    assert_int_equal(herald_norm_receiver_acknowledge(rx->receiver, RX_SENDER, 20, 3, NULL, 0, rx->now_ns), -EBUSY);
    rx_request(rx, 20, 3, RX_NODE, "who?"); /* while the answer waits, it is no news */
    assert_int_equal(rx_events(rx, HERALD_NORM_RECEIVER_REQUEST), 1);
    rx_run_for(rx, 11 * RX_MS);
    assert_string_equal(rx_trace(rx), "A20.3");
    assert_int_equal(hd_cursor_left(&rx->message.ack.payload), 2);
    assert_memory_equal(rx->message.ack.payload.at, "me", 2);
    assert_int_equal(herald_norm_receiver_acknowledge(rx->receiver, 99, 20, 3, NULL, 0, rx->now_ns), -ENOENT);
    assert_int_equal(herald_norm_receiver_acknowledge(rx->receiver, RX_SENDER, 20, 3, rx_bytes(), 201, rx->now_ns),
                     -EMSGSIZE);
    rx_free(rx);
}

static void test_request_to_nobody_in_particular_is_to_us_too(void **state)
{
    struct rx *rx = rx_new(NULL, 64);

    (void)state;
    rx_request(rx, 20, 1, 0, NULL);
    rx_request(rx, 20, 2, 99, NULL);
    assert_int_equal(rx_events(rx, HERALD_NORM_RECEIVER_REQUEST), 1);
    rx_free(rx);
}

static bool answers_to_the_group(struct rx *rx, uint8_t id, uint32_t node_id)
{
    uint64_t acks = rx_statistics(rx).acks;

    rx_request(rx, 20, id, node_id, NULL);
    assert_int_equal(herald_norm_receiver_acknowledge(rx->receiver, RX_SENDER, 20, id, NULL, 0, rx->now_ns), 0);
    rx_run_for(rx, 11 * RX_MS);
    assert_int_equal(rx_statistics(rx).acks, acks + 1);
    return rx->datagram.to_group;
}

static void test_who_answers_to_whom(void **state)
{
    struct rx *rx = rx_new(NULL, 64);

    (void)state;
    assert_true(answers_to_the_group(rx, 1, 0)); /* everybody is asked: all ways are tried */
    assert_false(answers_to_the_group(rx, 1, 0));
    assert_false(answers_to_the_group(rx, 1, 0));
    assert_false(answers_to_the_group(rx, 2, RX_NODE)); /* we are, so we are known */
    assert_true(answers_to_the_group(rx, 2, RX_NODE));  /* that did not arrive */
    assert_true(answers_to_the_group(rx, 2, RX_NODE));
    assert_true(answers_to_the_group(rx, 3, 0));
    rx_free(rx);
}

static void test_probe_is_answered_at_once_by_who_is_listed(void **state)
{
    struct rx *rx = rx_new(NULL, 64);

    (void)state;
    rx_probe(rx, 9, 77 * RX_S, true);
    rx_drain(rx);
    assert_string_equal(rx_trace(rx), "C");
    assert_false(rx->datagram.to_group); /* it may be often, and the list says to everybody what it is good for */
    assert_int_equal(rx->message.extensions.cc.sequence, 9);
    assert_int_equal(hd_timestamp_ns(rx->message.ack.response), 77 * RX_S);
    assert_int_equal(rx_statistics(rx).acks, 1);
    rx_free(rx);
}

/* --- streams --- */

static struct rx *stream_new(void)
{
    return rx_new(NULL, 64 * 8);
}

/* Symbols of 16 bytes each. */
static void stream_symbol(struct rx *rx, uint32_t block, uint16_t symbol)
{
    rx_stream_data(rx, 0, block, symbol, 16, 0, (block * RX_K + symbol) * 16);
}

static size_t stream_read(struct rx *rx, struct herald_norm_stream_piece *piece)
{
    uint8_t buffer[2000];
    int r = herald_norm_receiver_stream_read(rx->receiver, RX_SENDER, 0, buffer, sizeof(buffer), piece, rx->now_ns);

    rx_drain(rx);
    if (r <= 0)
        return 0;
    assert_memory_equal(buffer, rx_bytes() + piece->offset_bytes, piece->size_bytes);
    return piece->size_bytes;
}

static void test_stream_is_read_in_order_across_a_repair(void **state)
{
    struct rx *rx = stream_new();
    struct herald_norm_stream_piece piece;

    (void)state;
    stream_symbol(rx, 0, 0);
    assert_int_equal(rx_events(rx, HERALD_NORM_RECEIVER_STREAM_NEW), 1);
    assert_int_equal(rx_events(rx, HERALD_NORM_RECEIVER_STREAM_READABLE), 1);
    assert_int_equal(rx->offers, 0);
    stream_symbol(rx, 0, 2);
    stream_symbol(rx, 0, 3);
    stream_symbol(rx, 1, 0);
    assert_int_equal(stream_read(rx, &piece), 16);
    assert_int_equal(stream_read(rx, &piece), 0);
    rx_run_for(rx, 50 * RX_MS);
    assert_string_equal(rx_trace(rx), "N(s0/0.4)");
    stream_symbol(rx, 0, 1);
    assert_int_equal(rx_events(rx, HERALD_NORM_RECEIVER_STREAM_READABLE), 2);
    assert_int_equal(stream_read(rx, &piece), 64);
    assert_int_equal(piece.lost_bytes, 0);
    rx_free(rx);
}

static void test_stream_asks_up_to_the_flush_position_only(void **state)
{
    struct rx *rx = stream_new();

    (void)state;
    stream_symbol(rx, 0, 0);
    rx_flush(rx, 0, 0, 2, RX_NODE);
    rx_run_for(rx, 50 * RX_MS);
    assert_string_equal(rx_trace(rx), "N(s0/0.1,s0/0.2)");
    stream_symbol(rx, 0, 1);
    stream_symbol(rx, 0, 2);
    rx_flush(rx, 0, 0, 2, RX_NODE);
    rx_run_for(rx, 11 * RX_MS);
    assert_string_equal(rx_trace(rx), "F0/0.2");
    rx_free(rx);
}

static void test_stream_begins_at_the_block_first_heard(void **state)
{
    struct rx *rx = stream_new();

    (void)state;
    stream_symbol(rx, 7, 2);
    stream_symbol(rx, 6, 0);
    assert_int_equal(rx_dropped(rx, HERALD_NORM_DROP_OLD), 1);
    stream_symbol(rx, 8, 0);
    rx_run_for(rx, 50 * RX_MS);
    assert_string_equal(rx_trace(rx), "N(s0/7.0,s0/7.4,s0/7.5)");
    rx_free(rx);
}

static void test_stream_ends_when_everything_was_read(void **state)
{
    struct rx *rx = stream_new();
    struct herald_norm_stream_piece piece;

    (void)state;
    stream_symbol(rx, 0, 0);
    rx_stream_data(rx, 0, 0, 1, 0, 0, 16);
    assert_int_equal(rx_events(rx, HERALD_NORM_RECEIVER_STREAM_END), 0);
    assert_int_equal(stream_read(rx, &piece), 16);
    assert_int_equal(stream_read(rx, &piece), 0);
    assert_int_equal(rx_events(rx, HERALD_NORM_RECEIVER_STREAM_END), 1);
    assert_int_equal(herald_norm_receiver_stream_read(rx->receiver, RX_SENDER, 0, rx->made, 10, &piece, rx->now_ns),
                     -ENOENT);
    rx_free(rx);
}

static void test_stream_that_is_complete_can_be_read_after_eot(void **state)
{
    struct rx *rx = stream_new();
    struct herald_norm_stream_piece piece;

    (void)state;
    stream_symbol(rx, 0, 0);
    rx_stream_data(rx, 0, 0, 1, 0, 0, 16);
    rx_eot(rx);
    assert_int_equal(aborts(rx, HERALD_NORM_ABORT_GONE), 0);
    assert_int_equal(stream_read(rx, &piece), 16);
    assert_int_equal(stream_read(rx, &piece), 0);
    assert_int_equal(rx_events(rx, HERALD_NORM_RECEIVER_STREAM_END), 1);
    rx_free(rx);
}

static void test_stream_that_is_incomplete_is_aborted_by_eot(void **state)
{
    struct rx *rx = stream_new();

    (void)state;
    stream_symbol(rx, 0, 0);
    rx_stream_data(rx, 0, 0, 2, 0, 0, 32);
    rx_eot(rx);
    assert_int_equal(aborts(rx, HERALD_NORM_ABORT_GONE), 1);
    rx_free(rx);
}

static void test_stream_reader_that_is_too_slow_loses_the_oldest(void **state)
{
    struct rx *rx = stream_new(); /* a buffer of 8 blocks */
    struct herald_norm_stream_piece piece;

    (void)state;
    for (uint32_t block = 0; block < 10; block++)
        for (uint16_t i = 0; i < (uint16_t)RX_K; i++)
            stream_symbol(rx, block, i);
    assert_int_equal(stream_read(rx, &piece), 512);
    assert_int_equal(piece.offset_bytes, 128);
    assert_int_equal(rx_events(rx, HERALD_NORM_RECEIVER_STREAM_READABLE), 1);
    rx_free(rx);
}

static void test_stream_squelch_gives_up_what_the_sender_lost(void **state)
{
    struct rx *rx = stream_new();
    struct herald_norm_stream_piece piece;

    (void)state;
    for (uint16_t i = 0; i < (uint16_t)RX_K; i++)
        stream_symbol(rx, 0, i);
    stream_symbol(rx, 1, 0);
    stream_symbol(rx, 2, 0);
    assert_int_equal(stream_read(rx, &piece), 80);
    rx_squelch(rx, 0, 2, NULL, 0);
    assert_int_equal(stream_read(rx, &piece), 16);
    assert_int_equal(piece.lost_bytes, 48);
    assert_int_equal(rx_statistics(rx).stream_lost_bytes, 48);
    rx_run_for(rx, 50 * RX_MS);
    assert_string_equal(rx_trace(rx), "");
    rx_free(rx);
}

static void test_stream_is_given_up_two_blocks_later_by_silent_receivers(void **state)
{
    struct herald_norm_receiver_config config = rx_config();
    struct herald_norm_stream_piece piece;
    struct rx *rx;

    (void)state;
    config.silent = true;
    rx = rx_new(&config, 64 * 8);
    for (uint16_t i = 0; i < 3; i++)
        stream_symbol(rx, 0, i);
    for (uint16_t i = 0; i < 4; i++)
        stream_symbol(rx, 1, i);
    assert_int_equal(stream_read(rx, &piece), 48);
    assert_int_equal(stream_read(rx, &piece), 0);
    stream_symbol(rx, 2, 0);
    assert_int_equal(stream_read(rx, &piece), 80);
    assert_int_equal(piece.lost_bytes, 16);
    rx_free(rx);
}

static void test_stream_is_refused_without_room_for_it(void **state)
{
    struct herald_norm_receiver_config config = rx_config();
    struct rx *rx;

    (void)state;
    config.stream_blocks_max = 0;
    rx = rx_new(&config, 64 * 8);
    stream_symbol(rx, 0, 0);
    stream_symbol(rx, 2, 0);
    assert_int_equal(rx_statistics(rx).objects_aborted, 1);
    rx_run_for(rx, 5 * RX_S);
    assert_string_equal(rx_trace(rx), "");
    rx_free(rx);
}

static void test_stream_is_not_moved_far_by_one_packet(void **state)
{
    struct rx *rx = stream_new();
    struct herald_norm_stream_piece piece;

    (void)state;
    stream_symbol(rx, 0, 0);
    rx_stream_data(rx, 0, 100000, 0, 16, 0, 0);
    stream_symbol(rx, 0, 1);
    assert_int_equal(stream_read(rx, &piece), 32);
    assert_int_equal(rx_dropped(rx, HERALD_NORM_DROP_INCONSISTENT), 1);
    rx_free(rx);
}

static void test_stream_goes_on_around_the_end_of_block_numbers(void **state)
{
    struct rx *rx = stream_new();
    struct herald_norm_stream_piece piece;

    (void)state;
    for (uint32_t i = 0; i < 4; i++)
        for (uint16_t symbol = 0; symbol < (uint16_t)RX_K; symbol++)
            if (i != 1 && i != 2)
                rx_stream_data(rx, 0, (0xfffffe + i) & 0xffffff, symbol, 16, 0, (i * RX_K + symbol) * 16);
    rx_run_for(rx, 50 * RX_MS);
    assert_string_equal(rx_trace(rx), "N(b0/16777215,b0/0)");
    for (uint32_t i = 1; i < 3; i++)
        for (uint16_t symbol = 0; symbol < (uint16_t)RX_K; symbol++)
            rx_stream_data(rx, 0, (0xfffffe + i) & 0xffffff, symbol, 16, 0, (i * RX_K + symbol) * 16);
    assert_int_equal(stream_read(rx, &piece), 256);
    rx_free(rx);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_join_wants_all_of_the_first_object_and_nothing_before),
        cmocka_unit_test(test_join_all_wants_what_was_before),
        cmocka_unit_test(test_join_is_not_at_a_repair),
        cmocka_unit_test(test_squelch_ends_what_the_sender_no_longer_has),
        cmocka_unit_test(test_restart_begins_anew),
        cmocka_unit_test(test_restart_is_not_undone_by_late_packets),
        cmocka_unit_test(test_restart_that_was_forged_ends_when_the_sender_goes_on),
        cmocka_unit_test(test_eot_ends_a_sender_and_what_is_incomplete),
        cmocka_unit_test(test_eot_of_an_unknown_sender_is_nothing),
        cmocka_unit_test(test_the_sender_not_heard_for_longest_makes_room),
        cmocka_unit_test(test_many_senders_each_get_their_repair),
        cmocka_unit_test(test_sender_status_tells_what_is_known),
        cmocka_unit_test(test_watermark_is_acknowledged_when_everything_is_here),
        cmocka_unit_test(test_watermark_for_others_is_left_to_them),
        cmocka_unit_test(test_watermark_counts_earlier_objects_too),
        cmocka_unit_test(test_watermark_of_an_object_that_failed_is_not_acknowledged),
        cmocka_unit_test(test_watermark_of_an_object_without_bytes),
        cmocka_unit_test(test_command_is_handed_on),
        cmocka_unit_test(test_request_is_handed_on_and_answered),
        cmocka_unit_test(test_request_to_nobody_in_particular_is_to_us_too),
        cmocka_unit_test(test_who_answers_to_whom),
        cmocka_unit_test(test_probe_is_answered_at_once_by_who_is_listed),
        cmocka_unit_test(test_stream_is_read_in_order_across_a_repair),
        cmocka_unit_test(test_stream_asks_up_to_the_flush_position_only),
        cmocka_unit_test(test_stream_begins_at_the_block_first_heard),
        cmocka_unit_test(test_stream_ends_when_everything_was_read),
        cmocka_unit_test(test_stream_that_is_complete_can_be_read_after_eot),
        cmocka_unit_test(test_stream_that_is_incomplete_is_aborted_by_eot),
        cmocka_unit_test(test_stream_reader_that_is_too_slow_loses_the_oldest),
        cmocka_unit_test(test_stream_squelch_gives_up_what_the_sender_lost),
        cmocka_unit_test(test_stream_is_given_up_two_blocks_later_by_silent_receivers),
        cmocka_unit_test(test_stream_is_refused_without_room_for_it),
        cmocka_unit_test(test_stream_is_not_moved_far_by_one_packet),
        cmocka_unit_test(test_stream_goes_on_around_the_end_of_block_numbers),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
