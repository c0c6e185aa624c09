/* SPDX-License-Identifier: MIT */
/* What an acknowledgement of the NORM receiver means, and what it does with objects that it cannot take. */
#include "norm_rx_kit.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* --- what cannot be taken --- */

static void assert_told_once(const struct rx *rx, uint16_t object_id, enum herald_norm_kind kind)
{
    const struct herald_norm_receiver_event *event = rx_last_event(rx, HERALD_NORM_RECEIVER_OBJECT_ABORTED);

    assert_int_equal(rx_events(rx, HERALD_NORM_RECEIVER_OBJECT_ABORTED), 1);
    assert_int_equal(event->abort, HERALD_NORM_ABORT_LIMIT);
    assert_int_equal(event->sender_id, RX_SENDER);
    assert_int_equal(event->object_id, object_id);
    assert_int_equal(event->kind, kind);
    assert_int_equal(event->size_bytes, rx->fti.object_bytes);
}

/* All that a sender does with one object, for a receiver that cannot take it. */
static void send_in_vain(struct rx *rx, uint16_t object_id)
{
    rx_data(rx, object_id, 0, 1);
    rx_info(rx, object_id, "info");
    rx_data(rx, object_id, 2, 0);
    rx_flush(rx, object_id, 3, 0, RX_NODE);
    rx_run_for(rx, 5 * RX_S);
    rx_flush(rx, object_id, 3, 0, RX_NODE);
    rx_run_for(rx, 5 * RX_S);
    assert_string_equal(rx_trace(rx), "");
    assert_int_equal(rx_events(rx, HERALD_NORM_RECEIVER_WATERMARK), 0);
    assert_int_equal(rx->offers, 0);
}

static void test_receiver_tells_of_larger_segments_and_is_silent(void **state)
{
    struct herald_norm_receiver_config config = rx_config();
    struct rx *rx;

    (void)state;
    config.segment_bytes_max = RX_SEGMENT_BYTES - 1;
    rx = rx_new(&config, 200);
    rx->flags = HD_FLAG_FILE;
    send_in_vain(rx, 5);
    assert_told_once(rx, 5, HERALD_NORM_FILE);
    rx_forget_events(rx);
    send_in_vain(rx, 7); /* and nothing was heard of the one between */
    assert_told_once(rx, 7, HERALD_NORM_FILE);
    rx_free(rx);
}

static void test_receiver_tells_of_longer_blocks_and_is_silent(void **state)
{
    struct herald_norm_receiver_config config = rx_config();
    struct rx *rx;

    (void)state;
    config.block_segments_max = RX_K + RX_PARITY - 1;
    rx = rx_new(&config, 200);
    send_in_vain(rx, 0);
    assert_told_once(rx, 0, HERALD_NORM_DATA);
    rx_free(rx);
}

static void test_receiver_tells_of_a_stream_without_room_and_is_silent(void **state)
{
    struct herald_norm_receiver_config config = rx_config();
    struct rx *rx;

    (void)state;
    config.stream_blocks_max = 0;
    rx = rx_new(&config, 200);
    rx->flags = HD_FLAG_STREAM;
    rx_stream_data(rx, 0, 0, 0, 8, 1, 0);
    rx_stream_data(rx, 0, 1, 0, 8, 1, 32);
    rx_flush(rx, 0, 1, 0, RX_NODE);
    rx_run_for(rx, 5 * RX_S);
    assert_string_equal(rx_trace(rx), "");
    assert_told_once(rx, 0, HERALD_NORM_STREAM);
    assert_int_equal(rx_events(rx, HERALD_NORM_RECEIVER_WATERMARK), 0);
    rx_free(rx);
}

static void test_receiver_tells_of_an_object_of_too_many_blocks_and_is_silent(void **state)
{
    struct herald_norm_receiver_config config = rx_config();
    struct rx *rx;

    (void)state;
    config.blocks_per_queue = 3; /* 200 bytes are 4 */
    rx = rx_new(&config, 200);
    send_in_vain(rx, 0);
    assert_told_once(rx, 0, HERALD_NORM_DATA);
    rx_free(rx);
}

static void test_receiver_asks_for_a_flushed_object_until_it_knows_that_it_cannot_take_it(void **state)
{
    struct herald_norm_receiver_config config = rx_config();
    struct rx *rx;

    (void)state;
    config.segment_bytes_max = RX_SEGMENT_BYTES - 1;
    rx = rx_new(&config, 200);
    rx_flush(rx, 3, 3, 0, 0);
    rx_run_for(rx, 100 * RX_MS);
    assert_string_equal(rx_trace(rx), "N(o3)");
    rx_data(rx, 3, 0, 0);
    assert_told_once(rx, 3, HERALD_NORM_DATA);
    rx_run_for(rx, 20 * RX_S);
    rx_flush(rx, 4, 3, 0, 0);
    rx_run_for(rx, 20 * RX_S);
    assert_string_equal(rx_trace(rx), "");
    rx_free(rx);
}

static void test_receiver_takes_what_only_a_damaged_packet_made_too_large(void **state)
{
    struct rx *rx = rx_new(NULL, 64);

    (void)state;
    rx->fti.segment_bytes = 1401;
    rx_data(rx, 0, 0, 0);
    rx->fti.segment_bytes = RX_SEGMENT_BYTES;
    rx_data(rx, 0, 0, 1);
    rx_flush(rx, 0, 0, 3, 0);
    rx_run_for(rx, 100 * RX_MS);
    assert_string_equal(rx_trace(rx), "N(s0/0.0,s0/0.4,s0/0.5)");
    rx_block(rx, 0, 0);
    assert_true(rx_is_complete(rx, 0));
    rx_free(rx);
}

/* Hands in the packet that was made last, of a code that nobody knows. */
static void input_unknown_code(struct rx *rx, struct rx *maker)
{
    maker->made[13] = 130; /* fec_id, of INFO, DATA and FLUSH */
    rx_input(rx, maker->made, hd_writer_size(&maker->writer));
}

static void test_receiver_is_silent_about_a_code_that_it_does_not_know(void **state)
{
    struct rx *maker = rx_new(NULL, 64);
    struct rx *rx = rx_new(NULL, 64);

    (void)state;
    rx_data(maker, 0, 0, 1);
    input_unknown_code(rx, maker);
    rx_info(maker, 0, "info");
    input_unknown_code(rx, maker);
    rx_flush(maker, 0, 0, 3, RX_NODE);
    input_unknown_code(rx, maker);
    assert_int_equal(rx_dropped(rx, HERALD_NORM_DROP_MALFORMED), 3);
    rx_run_for(rx, 20 * RX_S);
    assert_string_equal(rx_trace(rx), "");
    rx_free(rx);
    rx_free(maker);
}

/* A callback that says yes, and gives less than is needed. */
static int take_partly(void *user, const struct herald_norm_offer *offer, struct herald_norm_sink *ret_sink)
{
    const struct herald_norm_sink *sink = user;

    (void)offer;
    *ret_sink = *sink;
    return 0;
}

static const uint8_t *read_nothing(void *user, uint64_t offset_bytes, size_t size_bytes)
{
    (void)user;
    (void)offset_bytes;
    (void)size_bytes;
    return rx_bytes();
}

static void test_receiver_refuses_what_was_taken_without_a_sink_to_write_to(void **state)
{
    static struct herald_norm_sink sinks[] = {
        { 0 },
        { .read_at = read_nothing },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(sinks) / sizeof(sinks[0]); i++) {
        struct rx *rx = rx_new(NULL, 64);

        herald_norm_receiver_free(rx->receiver);
        rx->config.accept = take_partly;
        rx->config.user = &sinks[i];
        assert_int_equal(herald_norm_receiver_new(&rx->receiver, &rx->config, rx->now_ns), 0);
        rx_data(rx, 0, 0, 0);
        rx_data(rx, 0, 0, 2);
        rx_data(rx, 0, 0, 4);
        rx_data(rx, 0, 0, 5);
        assert_int_equal(rx_statistics(rx).objects_refused, 1);
        assert_int_equal(rx_statistics(rx).objects, 0);
        rx_free(rx);
    }
}

/* --- what an acknowledgement means --- */

/* The trace of the answer to a watermark at the end of an object of one block. */
static const char *ask(struct rx *rx, uint16_t object_id)
{
    rx_flush(rx, object_id, 0, 3, RX_NODE);
    rx_run_for(rx, 100 * RX_MS);
    return rx_trace(rx);
}

static void complete(struct rx *rx, uint16_t first, uint16_t last)
{
    for (uint16_t id = first; id <= last; id++)
        rx_block(rx, id, 0);
}

static void fail_object(struct rx *rx, uint16_t object_id)
{
    rx_data(rx, object_id, 0, 0);
    assert_int_equal(herald_norm_receiver_abort(rx->receiver, RX_SENDER, object_id), 0);
    rx_run_for(rx, 0);
}

static void test_watermark_behind_a_failed_object_is_not_acknowledged_once(void **state)
{
    struct rx *rx = rx_new(NULL, 64);

    (void)state;
    complete(rx, 0, 1);
    rx->write_result = -ENOSPC;
    rx_data(rx, 2, 0, 0);
    rx->write_result = 0;
    complete(rx, 3, 4);
    assert_string_equal(ask(rx, 4), "");
    assert_string_equal(ask(rx, 4), "");
    assert_int_equal(rx_events(rx, HERALD_NORM_RECEIVER_WATERMARK), 0);
    complete(rx, 5, 6);
    assert_string_equal(ask(rx, 6), "F6/0.3"); /* what came after the one before */
    assert_string_equal(ask(rx, 6), "F6/0.3");
    assert_int_equal(rx_events(rx, HERALD_NORM_RECEIVER_WATERMARK), 1);
    assert_string_equal(ask(rx, 4), ""); /* that has not changed */
    rx_free(rx);
}

static void test_watermark_before_a_failed_object_is_acknowledged(void **state)
{
    struct rx *rx = rx_new(NULL, 64);

    (void)state;
    complete(rx, 0, 1);
    fail_object(rx, 2);
    complete(rx, 3, 3);
    fail_object(rx, 4);
    complete(rx, 5, 5);
    assert_string_equal(ask(rx, 1), "F1/0.3");
    assert_string_equal(ask(rx, 3), "");
    assert_string_equal(ask(rx, 5), ""); /* a failure of its own */
    complete(rx, 6, 6);
    assert_string_equal(ask(rx, 6), "F6/0.3");
    rx_free(rx);
}

static void test_watermark_remembers_failures_that_left_the_window(void **state)
{
    struct rx *rx = rx_new(NULL, 64);

    (void)state;
    fail_object(rx, 0);
    complete(rx, 1, 40); /* the window is 8 */
    assert_string_equal(ask(rx, 40), "");
    complete(rx, 41, 80);
    assert_string_equal(ask(rx, 80), "F80/0.3");
    rx_free(rx);
}

static void test_watermark_tells_of_objects_that_the_window_pushed_out(void **state)
{
    struct rx *rx = rx_new(NULL, 64);

    (void)state;
    complete(rx, 0, 0);
    rx_data(rx, 1, 0, 0); /* and never more */
    complete(rx, 2, 12);
    assert_int_equal(rx_events(rx, HERALD_NORM_RECEIVER_OBJECT_ABORTED), 1);
    assert_string_equal(ask(rx, 12), "");
    complete(rx, 14, 24); /* nothing was heard of 13 */
    rx_run_for(rx, 0);
    rx_trace(rx);
    assert_string_equal(ask(rx, 24), "");
    complete(rx, 25, 25);
    assert_string_equal(ask(rx, 25), "F25/0.3");
    rx_free(rx);
}

static void test_watermark_tells_of_objects_that_the_sender_no_longer_had(void **state)
{
    static const uint16_t squelched[] = { 1, 2 };
    struct rx *rx = rx_new(NULL, 64);

    (void)state;
    complete(rx, 0, 0);
    rx_data(rx, 1, 0, 0);
    complete(rx, 3, 3);
    rx_squelch(rx, 0, 0, squelched, 2);
    rx_run_for(rx, 1 * RX_S);
    rx_trace(rx);
    assert_string_equal(ask(rx, 3), "");
    complete(rx, 4, 4);
    rx_squelch(rx, 4, 0, NULL, 0);
    assert_string_equal(ask(rx, 4), "F4/0.3");
    rx_free(rx);
}

static void test_watermark_does_not_count_what_was_refused_or_is_from_before(void **state)
{
    struct herald_norm_receiver_config config = rx_config();
    struct rx *rx;

    (void)state;
    config.sync = HERALD_NORM_SYNC_ALL;
    rx = rx_new(&config, 64);
    complete(rx, 20, 20);
    rx_squelch(rx, 20, 0, NULL, 0); /* there are no earlier ones */
    rx->accept_result = -EACCES;
    rx_block(rx, 21, 0);
    rx->accept_result = 0;
    complete(rx, 22, 22);
    rx_run_for(rx, 1 * RX_S);
    rx_trace(rx);
    assert_string_equal(ask(rx, 22), "F22/0.3");
    rx_free(rx);
}

static void test_watermark_of_a_refused_object_is_not_acknowledged(void **state)
{
    struct rx *rx = rx_new(NULL, 64);

    (void)state;
    complete(rx, 0, 0);
    rx->accept_result = -EACCES;
    rx_block(rx, 1, 0);
    assert_string_equal(ask(rx, 1), "");
    assert_int_equal(rx_events(rx, HERALD_NORM_RECEIVER_WATERMARK), 0);
    rx->accept_result = 0;
    complete(rx, 2, 2);
    assert_string_equal(ask(rx, 2), "F2/0.3");
    rx_free(rx);
}

/* A GRTT is for lists that no message holds. */
static void test_watermark_of_a_short_list_is_acknowledged_soon(void **state)
{
    struct rx *rx = rx_new(NULL, 64);

    (void)state;
    complete(rx, 0, 0);
    rx_flush(rx, 0, 0, 3, RX_NODE);
    rx_run_for(rx, RX_MS / 20);
    assert_string_equal(rx_trace(rx), "F0/0.3");
    rx_free(rx);
}

static void test_watermark_tells_of_what_failed_after_an_acknowledgement(void **state)
{
    struct rx *rx = rx_new(NULL, 64);

    (void)state;
    rx->flags = HD_FLAG_STREAM;
    rx_stream_data(rx, 0, 0, 0, 8, 1, 0);
    rx->flags = 0;
    complete(rx, 1, 1);
    assert_string_equal(ask(rx, 1), "F1/0.3");
    assert_int_equal(herald_norm_receiver_abort(rx->receiver, RX_SENDER, 0), 0);
    rx_run_for(rx, 0);
    complete(rx, 2, 2);
    assert_string_equal(ask(rx, 2), "");
    complete(rx, 3, 3);
    assert_string_equal(ask(rx, 3), "F3/0.3");
    rx_free(rx);
}

static void test_watermarks_of_a_new_instance_know_nothing_of_earlier_failures(void **state)
{
    struct rx *rx = rx_new(NULL, 64);

    (void)state;
    fail_object(rx, 0);
    complete(rx, 1, 1);
    assert_string_equal(ask(rx, 1), "");
    rx->header.instance_id++;
    complete(rx, 0, 1);
    assert_string_equal(ask(rx, 1), "F1/0.3");
    rx_free(rx);
}

/* --- the window --- */

/* Three FLUSHes of an object that far back share the entries of objects that are open, if nobody takes care. */
static void test_flushes_from_far_behind_leave_no_open_object_outside_the_window(void **state)
{
    struct rx *rx = rx_new(NULL, 200);

    (void)state;
    rx->fti.object_bytes = 64;
    complete(rx, 0, 19);
    for (uint16_t id = 20; id < 28; id++)
        rx_data(rx, id, 0, 0);
    for (int i = 0; i < 6; i++)
        rx_flush(rx, 11, 0, 3, 0);
    rx_run_for(rx, 1 * RX_S);
    rx->header.instance_id++;
    rx_block(rx, 0, 0); /* everything of before is aborted */
    assert_int_equal(rx_statistics(rx).objects, 0);
    assert_int_equal(rx_events(rx, HERALD_NORM_RECEIVER_OBJECT_ABORTED), 8);
    rx_free(rx);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_receiver_tells_of_larger_segments_and_is_silent),
        cmocka_unit_test(test_receiver_tells_of_longer_blocks_and_is_silent),
        cmocka_unit_test(test_receiver_tells_of_a_stream_without_room_and_is_silent),
        cmocka_unit_test(test_receiver_tells_of_an_object_of_too_many_blocks_and_is_silent),
        cmocka_unit_test(test_receiver_asks_for_a_flushed_object_until_it_knows_that_it_cannot_take_it),
        cmocka_unit_test(test_receiver_takes_what_only_a_damaged_packet_made_too_large),
        cmocka_unit_test(test_receiver_is_silent_about_a_code_that_it_does_not_know),
        cmocka_unit_test(test_receiver_refuses_what_was_taken_without_a_sink_to_write_to),
        cmocka_unit_test(test_watermark_behind_a_failed_object_is_not_acknowledged_once),
        cmocka_unit_test(test_watermark_before_a_failed_object_is_acknowledged),
        cmocka_unit_test(test_watermark_remembers_failures_that_left_the_window),
        cmocka_unit_test(test_watermark_tells_of_objects_that_the_window_pushed_out),
        cmocka_unit_test(test_watermark_tells_of_objects_that_the_sender_no_longer_had),
        cmocka_unit_test(test_watermark_does_not_count_what_was_refused_or_is_from_before),
        cmocka_unit_test(test_watermark_of_a_refused_object_is_not_acknowledged),
        cmocka_unit_test(test_watermark_of_a_short_list_is_acknowledged_soon),
        cmocka_unit_test(test_watermark_tells_of_what_failed_after_an_acknowledgement),
        cmocka_unit_test(test_watermarks_of_a_new_instance_know_nothing_of_earlier_failures),
        cmocka_unit_test(test_flushes_from_far_behind_leave_no_open_object_outside_the_window),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
