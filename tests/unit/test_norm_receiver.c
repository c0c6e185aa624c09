/* SPDX-License-Identifier: MIT */
/* Objects of the NORM receiver: what is taken, stored, completed, refused and given up. */
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

/* --- config --- */

static void test_receiver_config_names_the_wrong_field(void **state)
{
    struct herald_norm_receiver_config config;
    herald_norm_receiver *receiver;

    (void)state;
    herald_norm_receiver_config_default(&config);
    assert_string_equal(herald_norm_receiver_config_check(&config), "node_id");
    assert_int_equal(herald_norm_receiver_new(&receiver, &config, 0), -EINVAL);
    config.node_id = 5;
    assert_null(herald_norm_receiver_config_check(&config));
    config.stream_blocks_max = 1;
    assert_string_equal(herald_norm_receiver_config_check(&config), "stream_blocks_max");
    config.stream_blocks_max = 0;
    config.partial_blocks_max = 0;
    assert_string_equal(herald_norm_receiver_config_check(&config), "partial_blocks_max");
    assert_null(herald_norm_receiver_free(NULL));
}

/* --- completion --- */

static void test_receiver_completes_an_object_in_order(void **state)
{
    struct rx *rx = rx_new(NULL, 200);

    (void)state;
    for (uint32_t i = 0; i < 4; i++)
        rx_block(rx, 0, i);
    assert_true(rx_is_complete(rx, 0));
    assert_int_equal(rx_events(rx, HERALD_NORM_RECEIVER_SENDER_NEW), 1);
    assert_int_equal(rx->writes, 13);
    rx_run_for(rx, 20 * RX_S);
    assert_string_equal(rx_trace(rx), "");
    rx_free(rx);
}

static void test_receiver_completes_an_object_backwards(void **state)
{
    struct rx *rx = rx_new(NULL, 200);

    (void)state;
    for (uint32_t block = 4; block > 0; block--)
        for (uint16_t symbol = block == 1 ? 4 : 3; symbol > 0; symbol--)
            rx_data(rx, 0, block - 1, (uint16_t)(symbol - 1));
    assert_true(rx_is_complete(rx, 0));
    rx_free(rx);
}

static void test_receiver_recovers_lost_segments_from_parity(void **state)
{
    struct rx *rx = rx_new(NULL, 64);

    (void)state;
    rx_data(rx, 0, 0, 1);
    rx_data(rx, 0, 0, 2);
    rx_data(rx, 0, 0, 5);
    assert_false(rx_is_complete(rx, 0));
    rx_data(rx, 0, 0, 4);
    assert_true(rx_is_complete(rx, 0));
    assert_int_equal(rx_statistics(rx).decoded_segments, 2);
    assert_int_equal(rx_statistics(rx).decoded_blocks, 1);
    rx_free(rx);
}

static void test_receiver_recovers_a_short_last_segment_of_a_short_block(void **state)
{
    struct rx *rx = rx_new(NULL, 16 * 6 + 5); /* blocks of 4 and 3 */

    (void)state;
    rx_block(rx, 0, 0);
    rx_data(rx, 0, 1, 0);
    rx_data(rx, 0, 1, 3);
    rx_data(rx, 0, 1, 4);
    assert_true(rx_is_complete(rx, 0));
    rx_free(rx);
}

static void test_receiver_recovers_a_block_from_parity_alone(void **state)
{
    struct rx *rx = rx_new(NULL, 20); /* two segments, as many as parity */

    (void)state;
    rx_data(rx, 0, 0, 2);
    rx_data(rx, 0, 0, 3);
    assert_true(rx_is_complete(rx, 0));
    rx_free(rx);
}

static void test_receiver_waits_for_an_info_that_is_flagged(void **state)
{
    struct rx *rx = rx_new(NULL, 16);

    (void)state;
    rx->flags = HD_FLAG_INFO | HD_FLAG_FILE;
    rx_block(rx, 3, 0);
    assert_true(rx->offer.has_info);
    assert_null(rx->offer.info);
    assert_int_equal(rx->offer.kind, HERALD_NORM_FILE);
    assert_false(rx_is_complete(rx, 3));
    rx_info(rx, 3, "name");
    assert_true(rx_is_complete(rx, 3));
    assert_int_equal(rx_last_event(rx, HERALD_NORM_RECEIVER_OBJECT_INFO)->content_bytes, 4);
    assert_string_equal((const char *)rx->event_content, "name");
    rx_free(rx);
}

static void test_receiver_offers_the_info_that_came_first(void **state)
{
    struct rx *rx = rx_new(NULL, 100);

    (void)state;
    rx_info(rx, 3, "name");
    assert_int_equal(rx->offers, 1);
    assert_int_equal(rx->offer.info_bytes, 4);
    assert_int_equal(rx->offer.size_bytes, 100);
    assert_int_equal(rx->offer.segment_bytes, 16);
    assert_int_equal(rx->offer.block_bytes, 64);
    rx_info(rx, 3, "name");
    assert_int_equal(rx_dropped(rx, HERALD_NORM_DROP_DUPLICATE), 1);
    assert_int_equal(rx_events(rx, HERALD_NORM_RECEIVER_OBJECT_INFO), 1);
    rx_free(rx);
}

static void test_receiver_completes_an_object_of_no_bytes_by_its_info(void **state)
{
    struct rx *rx = rx_new(NULL, 0);

    (void)state;
    rx_info(rx, 0, "all there is");
    assert_true(rx_is_complete(rx, 0));
    assert_int_equal(rx->writes, 0);
    rx_free(rx);
}

static void test_receiver_works_with_every_fec_scheme(void **state)
{
    static const uint8_t fec_ids[] = { HD_FEC_RS_2M, HD_FEC_RS_8, HD_FEC_SMALL_BLOCK };

    (void)state;
    for (size_t i = 0; i < sizeof(fec_ids); i++) {
        struct rx *rx = rx_new(NULL, 150);

        rx->fec_id = fec_ids[i];
        rx_block(rx, 0, 0);
        rx_data(rx, 0, 1, 0);
        rx_data(rx, 0, 1, 3);
        rx_data(rx, 0, 1, 4);
        rx_block(rx, 0, 2);
        assert_true(rx_is_complete(rx, 0));
        rx_free(rx);
    }
}

/* --- what is not taken --- */

static void test_receiver_counts_duplicates(void **state)
{
    struct rx *rx = rx_new(NULL, 200);

    (void)state;
    rx_data(rx, 0, 0, 0);
    rx_data(rx, 0, 0, 0);
    rx_data(rx, 0, 0, 4);
    rx_data(rx, 0, 0, 4);
    assert_int_equal(rx_dropped(rx, HERALD_NORM_DROP_DUPLICATE), 2);
    rx_block(rx, 0, 0); /* one more, the rest with the parity completes it, and the last is late */
    assert_int_equal(rx_dropped(rx, HERALD_NORM_DROP_DUPLICATE), 4);
    assert_int_equal(rx->writes, 4);
    rx_free(rx);
}

static void test_receiver_ignores_what_comes_of_a_complete_object(void **state)
{
    struct rx *rx = rx_new(NULL, 16);

    (void)state;
    rx_data(rx, 0, 0, 0);
    rx_data(rx, 0, 0, 0);
    assert_int_equal(rx_dropped(rx, HERALD_NORM_DROP_OLD), 1);
    assert_int_equal(rx->offers, 1);
    rx_free(rx);
}

static void test_receiver_refuses_data_before_any_object_information(void **state)
{
    struct rx *rx = rx_new(NULL, 64);

    (void)state;
    rx->omit_fti = true;
    rx_data(rx, 0, 0, 0);
    assert_int_equal(rx_dropped(rx, HERALD_NORM_DROP_UNSUPPORTED), 1);
    assert_int_equal(rx->offers, 0);
    rx_run_for(rx, 10 * RX_S);
    assert_string_equal(rx_trace(rx), "");
    rx_free(rx);
}

static void test_receiver_needs_object_information_only_once(void **state)
{
    struct rx *rx = rx_new(NULL, 64);

    (void)state;
    rx_data(rx, 0, 0, 0);
    rx->omit_fti = true;
    for (uint16_t i = 1; i < 4; i++)
        rx_data(rx, 0, 0, i);
    assert_true(rx_is_complete(rx, 0));
    rx_free(rx);
}

static void test_receiver_refuses_changed_fec_parameters(void **state)
{
    struct rx *rx = rx_new(NULL, 200);

    (void)state;
    rx_data(rx, 0, 0, 0);
    rx->fti.segment_bytes = 20;
    rx_data(rx, 0, 0, 1);
    rx->fti.segment_bytes = 16;
    rx->fti.parity_symbols = 3;
    rx_data(rx, 0, 0, 1);
    rx->fti.parity_symbols = 2;
    rx->fti.object_bytes = 201;
    rx_data(rx, 0, 0, 1);
    assert_int_equal(rx_dropped(rx, HERALD_NORM_DROP_INCONSISTENT), 3);
    assert_int_equal(rx->writes, 1);
    rx_free(rx);
}

static void test_receiver_recovers_from_fec_parameters_that_were_damaged(void **state)
{
    struct rx *rx = rx_new(NULL, 64);

    (void)state;
    rx->fti.segment_bytes = 24;
    rx_data(rx, 0, 0, 0);
    rx->fti.segment_bytes = 16;
    for (int i = 0; i < 17; i++)
        rx_data(rx, 1, 0, 0);
    rx_block(rx, 1, 0);
    assert_true(rx_is_complete(rx, 1));
    rx_free(rx);
}

static void test_receiver_refuses_a_code_that_exceeds_its_limits(void **state)
{
    struct herald_norm_receiver_config config = rx_config();
    struct rx *rx;

    (void)state;
    config.block_segments_max = 5;
    config.segment_bytes_max = 16;
    rx = rx_new(&config, 64);
    rx_data(rx, 0, 0, 0); /* 4 + 2 symbols */
    rx->fti.parity_symbols = 1;
    rx->fti.segment_bytes = 17;
    rx_data(rx, 0, 0, 0);
    assert_int_equal(rx_dropped(rx, HERALD_NORM_DROP_UNSUPPORTED), 2);
    rx->fti.segment_bytes = 16;
    rx_block(rx, 0, 0);
    assert_true(rx_is_complete(rx, 0));
    rx_free(rx);
}

static void test_receiver_gives_up_an_object_of_too_many_blocks(void **state)
{
    struct rx *rx = rx_new(NULL, (UINT64_C(1) << 48) - 1);

    (void)state;
    rx_data_with(rx, 0, 0, 0, rx_bytes(), 16);
    assert_int_equal(aborts(rx, HERALD_NORM_ABORT_LIMIT), 1);
    rx_data_with(rx, 0, 0, 1, rx_bytes(), 16);
    assert_int_equal(rx_dropped(rx, HERALD_NORM_DROP_OLD), 1);
    rx->fti.object_bytes = 16;
    rx_data(rx, 1, 0, 0);
    assert_true(rx_is_complete(rx, 1));
    rx_run_for(rx, 10 * RX_S);
    assert_string_equal(rx_trace(rx), "");
    rx_free(rx);
}

static void test_receiver_refuses_symbols_and_blocks_that_do_not_exist(void **state)
{
    struct rx *rx = rx_new(NULL, 150); /* blocks of 4, 3 and 3 */

    (void)state;
    rx_data(rx, 0, 0, 0);
    rx_data_with(rx, 0, 0, 6, rx_bytes(), 16);
    rx_data_with(rx, 0, 1, 5, rx_bytes(), 16);
    rx_data_with(rx, 0, 3, 0, rx_bytes(), 16);
    rx_data_with(rx, 0, 0xffffff, 0, rx_bytes(), 16);
    assert_int_equal(rx_dropped(rx, HERALD_NORM_DROP_INCONSISTENT), 4);
    rx_run_for(rx, 1 * RX_S);
    assert_string_equal(rx_trace(rx), ""); /* and nothing became due by them */
    rx_free(rx);
}

static void test_receiver_refuses_payloads_of_a_wrong_length(void **state)
{
    struct rx *rx = rx_new(NULL, 150);

    (void)state;
    rx_data_with(rx, 0, 0, 0, rx_bytes(), 15);
    rx_data_with(rx, 0, 0, 0, rx_bytes(), 17);
    rx_data_with(rx, 0, 2, 2, rx_bytes(), 16); /* the last one has 6 bytes */
    rx_data_with(rx, 0, 0, 4, rx_bytes(), 17); /* parity */
    rx_data_with(rx, 0, 0, 4, rx_bytes(), 0);
    assert_int_equal(rx_dropped(rx, HERALD_NORM_DROP_INCONSISTENT), 5);
    assert_int_equal(rx->writes, 0);
    rx_free(rx);
}

static void test_receiver_accepts_parity_as_short_as_its_block(void **state)
{
    struct rx *rx = rx_new(NULL, 5); /* one short segment: parity is as short */

    (void)state;
    rx_data_with(rx, 0, 0, 1, rx_bytes(), 6);
    assert_int_equal(rx_dropped(rx, HERALD_NORM_DROP_INCONSISTENT), 1);
    rx_data(rx, 0, 0, 1);
    assert_true(rx_is_complete(rx, 0));
    rx_free(rx);
}

static void test_receiver_ignores_its_own_packets_and_garbage(void **state)
{
    struct rx *rx = rx_new(NULL, 64);

    (void)state;
    rx->header.source_id = RX_NODE;
    rx_data(rx, 0, 0, 0);
    assert_int_equal(rx_dropped(rx, HERALD_NORM_DROP_NOT_FOR_US), 1);
    rx_input(rx, rx_bytes(), 40);
    assert_int_equal(rx_dropped(rx, HERALD_NORM_DROP_MALFORMED), 1);
    assert_int_equal(rx->events_count, 0);
    rx_free(rx);
}

static void test_receiver_wants_events_drained_first(void **state)
{
    struct rx *rx = rx_new(NULL, 64);
    struct herald_norm_receiver_event event;

    (void)state;
    rx_data(rx, 0, 0, 0);
    assert_int_equal(herald_norm_receiver_abort(rx->receiver, RX_SENDER, 0), 0);
    assert_int_equal(herald_norm_receiver_input(rx->receiver, &rx->from, false, rx->made, 8, rx->now_ns), -EBUSY);
    assert_int_equal(herald_norm_receiver_handle_timeout(rx->receiver, rx->now_ns), -EBUSY);
    assert_int_equal(herald_norm_receiver_poll_event(rx->receiver, &event), 1);
    assert_int_equal(event.abort, HERALD_NORM_ABORT_LOCAL);
    assert_int_equal(herald_norm_receiver_poll_event(rx->receiver, &event), 0);
    assert_int_equal(herald_norm_receiver_handle_timeout(rx->receiver, rx->now_ns), 0);
    rx_free(rx);
}

/* --- the application's will --- */

static void test_receiver_never_asks_for_objects_that_were_refused(void **state)
{
    struct rx *rx = rx_new(NULL, 200);

    (void)state;
    rx->accept_result = -EACCES;
    rx_data(rx, 0, 0, 1);
    rx_data(rx, 0, 3, 1);
    assert_int_equal(rx->offers, 1);
    assert_int_equal(rx_statistics(rx).objects_refused, 1);
    rx_flush(rx, 0, 3, 2, 0);
    rx_run_for(rx, 10 * RX_S);
    assert_string_equal(rx_trace(rx), "");
    rx_free(rx);
}

static void test_receiver_aborts_an_object_whose_sink_fails(void **state)
{
    struct rx *rx = rx_new(NULL, 200);

    (void)state;
    rx->write_result = -ENOSPC;
    rx_data(rx, 0, 0, 0);
    assert_int_equal(aborts(rx, HERALD_NORM_ABORT_SINK), 1);
    assert_int_equal(rx_last_event(rx, HERALD_NORM_RECEIVER_OBJECT_ABORTED)->error, -ENOSPC);
    rx_data(rx, 0, 0, 1);
    assert_int_equal(rx->writes, 1);
    rx_free(rx);
}

static void test_receiver_aborts_an_object_that_cannot_be_read_back(void **state)
{
    struct rx *rx = rx_new(NULL, 64);

    (void)state;
    rx->read_fails = true;
    for (uint16_t i = 1; i < 5; i++)
        rx_data(rx, 0, 0, i);
    assert_int_equal(aborts(rx, HERALD_NORM_ABORT_SINK), 1);
    assert_int_equal(rx_last_event(rx, HERALD_NORM_RECEIVER_OBJECT_ABORTED)->error, -EIO);
    rx_free(rx);
}

static void test_receiver_gives_up_an_object_when_told(void **state)
{
    struct rx *rx = rx_new(NULL, 200);

    (void)state;
    rx_data(rx, 0, 0, 0);
    assert_int_equal(herald_norm_receiver_abort(rx->receiver, RX_SENDER, 0), 0);
    assert_int_equal(herald_norm_receiver_abort(rx->receiver, RX_SENDER, 0), -ENOENT);
    assert_int_equal(herald_norm_receiver_abort(rx->receiver, 99, 0), -ENOENT);
    rx_drain(rx);
    rx_flush(rx, 0, 3, 2, 0);
    rx_run_for(rx, 10 * RX_S);
    assert_string_equal(rx_trace(rx), "");
    assert_int_equal(rx_statistics(rx).objects, 0);
    rx_free(rx);
}

static void test_receiver_tells_how_far_an_object_is(void **state)
{
    struct rx *rx = rx_new(NULL, 200);
    struct herald_norm_object_status status;

    (void)state;
    rx_block(rx, 0, 0);
    rx_data(rx, 0, 1, 0);
    rx_data(rx, 0, 1, 4); /* parity is not in the sink */
    assert_int_equal(herald_norm_receiver_get_object(rx->receiver, RX_SENDER, 0, &status), 0);
    assert_int_equal(status.size_bytes, 200);
    assert_int_equal(status.received_bytes, 80);
    assert_int_equal(status.blocks, 4);
    assert_int_equal(status.complete_blocks, 1);
    assert_int_equal(herald_norm_receiver_get_object(rx->receiver, RX_SENDER, 1, &status), -ENOENT);
    rx_free(rx);
}

/* --- the window, and limits --- */

static void test_receiver_gives_up_objects_that_fall_out_of_the_window(void **state)
{
    struct rx *rx = rx_new(NULL, 64);

    (void)state;
    rx_data(rx, 0, 0, 0);
    for (uint16_t i = 1; i < 8; i++)
        rx_block(rx, i, 0);
    assert_int_equal(aborts(rx, HERALD_NORM_ABORT_WINDOW), 0);
    rx_block(rx, 8, 0);
    assert_int_equal(aborts(rx, HERALD_NORM_ABORT_WINDOW), 1);
    assert_true(rx_is_complete(rx, 8));
    rx_free(rx);
}

static void test_receiver_follows_object_ids_around_their_end(void **state)
{
    struct rx *rx = rx_new(NULL, 16);

    (void)state;
    for (uint32_t id = 65530; id < 65536 + 20; id++)
        rx_data(rx, (uint16_t)id, 0, 0);
    assert_int_equal(rx_events(rx, HERALD_NORM_RECEIVER_OBJECT_COMPLETE), 26);
    rx_data(rx, 65535, 0, 0);
    assert_int_equal(rx_dropped(rx, HERALD_NORM_DROP_OLD), 1);
    rx_free(rx);
}

static void test_receiver_asks_across_the_end_of_object_ids(void **state)
{
    struct rx *rx = rx_new(NULL, 16);

    (void)state;
    rx_data(rx, 65533, 0, 0);
    rx_data(rx, 2, 0, 0);
    rx_run_for(rx, 100 * RX_MS);
    assert_string_equal(rx_trace(rx), "N(o65534,o65535,o0,o1)");
    rx_free(rx);
}

static void test_receiver_is_not_moved_far_by_one_packet(void **state)
{
    struct rx *rx = rx_new(NULL, 200);

    (void)state;
    rx_data(rx, 0, 0, 0);
    rx_data(rx, 5000, 0, 0);
    assert_int_equal(aborts(rx, HERALD_NORM_ABORT_WINDOW), 0);
    rx_data(rx, 0, 0, 1);
    rx_data(rx, 5000, 0, 0);
    rx_data(rx, 9000, 0, 0);
    assert_int_equal(aborts(rx, HERALD_NORM_ABORT_WINDOW), 0);
    rx_data(rx, 9000, 0, 1);
    rx_data(rx, 9000, 0, 2); /* three that agree: the sender is there */
    assert_int_equal(aborts(rx, HERALD_NORM_ABORT_WINDOW), 1);
    assert_int_equal(rx->offer.object_id, 9000);
    rx_free(rx);
}

static void test_receiver_leaves_a_place_where_the_sender_is_not(void **state)
{
    struct rx *rx = rx_new(NULL, 16);

    (void)state;
    rx->fti.object_bytes = 64;
    rx_data(rx, 20000, 0, 0); /* a damaged id was the first thing that was heard */
    rx->fti.object_bytes = 16;
    for (uint16_t i = 0; i < 40; i++) {
        rx_data(rx, i, 0, 0);
        rx_run_for(rx, 200 * RX_MS);
    }
    assert_true(rx_is_complete(rx, 39));
    rx_free(rx);
}

static void test_receiver_leaves_at_once_a_place_that_one_packet_named(void **state)
{
    struct rx *rx = rx_new(NULL, 400);

    (void)state;
    rx_data(rx, 20000, 0, 0);
    for (uint16_t i = 0; i < 17; i++)
        rx_data(rx, 3, i / 4U, i % 4);
    for (uint32_t block = 0; block < 7; block++)
        rx_block(rx, 3, block);
    assert_true(rx_is_complete(rx, 3));
    rx_free(rx);
}

static void test_receiver_goes_back_to_objects_that_the_sender_really_sends(void **state)
{
    struct rx *rx = rx_new(NULL, 16);

    (void)state;
    rx_data(rx, 5, 0, 0); /* a damaged id again, but near */
    for (int i = 0; i < 8; i++) {
        rx_data(rx, 2, 0, 0);
        rx_run_for(rx, 200 * RX_MS);
    }
    assert_true(rx_is_complete(rx, 2));
    rx_free(rx);
}

static void test_receiver_forgets_objects_behind_the_end_of_transmission(void **state)
{
    struct rx *rx = rx_new(NULL, 16);

    (void)state;
    rx_data(rx, 0, 0, 0);
    rx_data(rx, 6, 0, 0); /* a damaged id: there is no object 6, nor any before it */
    for (int i = 0; i < 3; i++)
        rx_flush(rx, 0, 0, 0, 0);
    rx_forget_events(rx);
    rx_run_for(rx, 500 * RX_MS);
    assert_string_equal(rx_trace(rx), "");
    for (uint16_t id = 1; id < 7; id++)
        rx_data(rx, id, 0, 0);
    assert_int_equal(rx_events(rx, HERALD_NORM_RECEIVER_OBJECT_COMPLETE), 6);
    rx_free(rx);
}

static void test_receiver_takes_later_what_it_has_no_room_for(void **state)
{
    struct herald_norm_receiver_config config = rx_config();
    struct rx *rx;

    (void)state;
    config.objects_max = 2;
    rx = rx_new(&config, 64);
    rx_data(rx, 0, 0, 0);
    rx_data(rx, 1, 0, 0);
    rx_block(rx, 2, 0);
    assert_int_equal(rx->offers, 2);
    assert_int_equal(rx_dropped(rx, HERALD_NORM_DROP_LIMIT), 4);
    rx_run_for(rx, 100 * RX_MS);
    assert_string_equal(rx_trace(rx), "N(s0/0.1,s0/0.4,s0/0.5,s1/0.1,s1/0.4,s1/0.5)"); /* and no object 2 */
    rx_block(rx, 0, 0);
    assert_true(rx_is_complete(rx, 0));
    rx_flush(rx, 2, 0, 3, 0);
    rx_run_for(rx, 2 * RX_S);
    assert_non_null(strstr(rx_trace(rx), "o2"));
    rx_block(rx, 2, 0);
    assert_true(rx_is_complete(rx, 2));
    rx_free(rx);
}

static void test_receiver_takes_room_from_a_sender_that_fell_silent(void **state)
{
    struct herald_norm_receiver_config config = rx_config();
    struct rx *rx;

    (void)state;
    config.objects_max = 1;
    rx = rx_new(&config, 64);
    rx_data(rx, 0, 0, 0);
    rx_run_for(rx, 3 * RX_S);
    assert_int_equal(rx_events(rx, HERALD_NORM_RECEIVER_SENDER_SILENT), 1);
    rx->header.source_id = 9;
    rx_block(rx, 0, 0);
    assert_int_equal(aborts(rx, HERALD_NORM_ABORT_WINDOW), 1);
    assert_true(rx_is_complete(rx, 0));
    rx_free(rx);
}

static void test_receiver_forgets_the_newest_block_when_there_is_no_room(void **state)
{
    struct herald_norm_receiver_config config = rx_config();
    struct rx *rx;

    (void)state;
    config.partial_blocks_max = 2;
    rx = rx_new(&config, 64 * 4);
    for (uint32_t block = 0; block < 4; block++)
        rx_data(rx, 0, block, 0);
    assert_int_equal(rx_statistics(rx).partial_blocks_forgotten, 2);
    for (uint16_t i = 1; i < 4; i++)
        rx_data(rx, 0, 0, i); /* of the first nothing was forgotten */
    for (uint32_t block = 1; block < 4; block++)
        rx_block(rx, 0, block);
    assert_true(rx_is_complete(rx, 0));
    rx_free(rx);
}

static void test_receiver_keeps_parity_of_older_blocks_when_there_is_no_room(void **state)
{
    struct herald_norm_receiver_config config = rx_config();
    struct rx *rx;

    (void)state;
    config.parity_buffers_max = 1;
    rx = rx_new(&config, 64 * 2);
    rx_data(rx, 0, 0, 0);
    rx_data(rx, 0, 0, 1);
    rx_data(rx, 0, 1, 0);
    rx_data(rx, 0, 1, 1);
    rx_data(rx, 0, 1, 4); /* takes the only buffer, */
    rx_data(rx, 0, 0, 4); /* and loses it to the older block, */
    rx_data(rx, 0, 0, 5); /* which needs none for its last symbol */
    rx_data(rx, 0, 1, 4);
    rx_data(rx, 0, 1, 5);
    assert_true(rx_is_complete(rx, 0));
    rx_free(rx);
}

static void test_receiver_opens_no_more_blocks_than_it_may(void **state)
{
    struct herald_norm_receiver_config config = rx_config();
    struct rx *rx;

    (void)state;
    config.blocks_per_queue = 4;
    rx = rx_new(&config, 64 * 3);
    rx_data(rx, 0, 0, 0);
    rx_data(rx, 1, 0, 0);
    assert_int_equal(rx_dropped(rx, HERALD_NORM_DROP_LIMIT), 1);
    assert_int_equal(rx->offers, 1);
    for (uint32_t i = 0; i < 3; i++)
        rx_block(rx, 0, i);
    for (uint32_t i = 0; i < 3; i++)
        rx_block(rx, 1, i);
    assert_true(rx_is_complete(rx, 1));
    rx_free(rx);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_receiver_config_names_the_wrong_field),
        cmocka_unit_test(test_receiver_completes_an_object_in_order),
        cmocka_unit_test(test_receiver_completes_an_object_backwards),
        cmocka_unit_test(test_receiver_recovers_lost_segments_from_parity),
        cmocka_unit_test(test_receiver_recovers_a_short_last_segment_of_a_short_block),
        cmocka_unit_test(test_receiver_recovers_a_block_from_parity_alone),
        cmocka_unit_test(test_receiver_waits_for_an_info_that_is_flagged),
        cmocka_unit_test(test_receiver_offers_the_info_that_came_first),
        cmocka_unit_test(test_receiver_completes_an_object_of_no_bytes_by_its_info),
        cmocka_unit_test(test_receiver_works_with_every_fec_scheme),
        cmocka_unit_test(test_receiver_counts_duplicates),
        cmocka_unit_test(test_receiver_ignores_what_comes_of_a_complete_object),
        cmocka_unit_test(test_receiver_refuses_data_before_any_object_information),
        cmocka_unit_test(test_receiver_needs_object_information_only_once),
        cmocka_unit_test(test_receiver_refuses_changed_fec_parameters),
        cmocka_unit_test(test_receiver_recovers_from_fec_parameters_that_were_damaged),
        cmocka_unit_test(test_receiver_refuses_a_code_that_exceeds_its_limits),
        cmocka_unit_test(test_receiver_gives_up_an_object_of_too_many_blocks),
        cmocka_unit_test(test_receiver_refuses_symbols_and_blocks_that_do_not_exist),
        cmocka_unit_test(test_receiver_refuses_payloads_of_a_wrong_length),
        cmocka_unit_test(test_receiver_accepts_parity_as_short_as_its_block),
        cmocka_unit_test(test_receiver_ignores_its_own_packets_and_garbage),
        cmocka_unit_test(test_receiver_wants_events_drained_first),
        cmocka_unit_test(test_receiver_never_asks_for_objects_that_were_refused),
        cmocka_unit_test(test_receiver_aborts_an_object_whose_sink_fails),
        cmocka_unit_test(test_receiver_aborts_an_object_that_cannot_be_read_back),
        cmocka_unit_test(test_receiver_gives_up_an_object_when_told),
        cmocka_unit_test(test_receiver_tells_how_far_an_object_is),
        cmocka_unit_test(test_receiver_gives_up_objects_that_fall_out_of_the_window),
        cmocka_unit_test(test_receiver_follows_object_ids_around_their_end),
        cmocka_unit_test(test_receiver_asks_across_the_end_of_object_ids),
        cmocka_unit_test(test_receiver_is_not_moved_far_by_one_packet),
        cmocka_unit_test(test_receiver_leaves_a_place_where_the_sender_is_not),
        cmocka_unit_test(test_receiver_leaves_at_once_a_place_that_one_packet_named),
        cmocka_unit_test(test_receiver_goes_back_to_objects_that_the_sender_really_sends),
        cmocka_unit_test(test_receiver_forgets_objects_behind_the_end_of_transmission),
        cmocka_unit_test(test_receiver_takes_later_what_it_has_no_room_for),
        cmocka_unit_test(test_receiver_takes_room_from_a_sender_that_fell_silent),
        cmocka_unit_test(test_receiver_forgets_the_newest_block_when_there_is_no_room),
        cmocka_unit_test(test_receiver_keeps_parity_of_older_blocks_when_there_is_no_room),
        cmocka_unit_test(test_receiver_opens_no_more_blocks_than_it_may),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
