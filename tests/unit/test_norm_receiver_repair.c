/* SPDX-License-Identifier: MIT */
/* What the NORM receiver asks for, when, and what it leaves to others. */
#include "norm_rx_kit.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum {
    BACKOFF_MS = 44, /* K * GRTT, of which the wire makes a little more than 10 ms each */
    HOLDOFF_MS = 66, /* (K + 2) * GRTT */
    HOLDOFF_MIN_MS = 60,
};

/* What is asked for by one cycle that is due now. */
static const char *ask(struct rx *rx)
{
    rx_run_for(rx, BACKOFF_MS * RX_MS);
    return rx_trace(rx);
}

/* --- when --- */

static void test_repair_waits_until_the_block_in_progress_is_over(void **state)
{
    struct rx *rx = rx_new(NULL, 640);

    (void)state;
    rx_data(rx, 0, 0, 0);
    rx_data(rx, 0, 0, 3); /* two are missing, but may come */
    assert_string_equal(ask(rx), "");
    rx_data(rx, 0, 1, 0);
    assert_string_equal(ask(rx), "N(s0/0.4,s0/0.5)");
    rx_free(rx);
}

static void test_repair_begins_when_another_object_begins(void **state)
{
    struct rx *rx = rx_new(NULL, 64);

    (void)state;
    rx_data(rx, 0, 0, 0);
    rx_info(rx, 1, "next");
    assert_string_equal(ask(rx), "N(s0/0.1,s0/0.4,s0/0.5)");
    rx_free(rx);
}

static void test_repair_begins_on_flush(void **state)
{
    struct rx *rx = rx_new(NULL, 64);

    (void)state;
    rx_data(rx, 0, 0, 0);
    rx_data(rx, 0, 0, 1);
    rx_data(rx, 0, 0, 2);
    rx_flush(rx, 0, 0, 3, 0);
    assert_string_equal(ask(rx), "N(s0/0.4)");
    rx_free(rx);
}

static void test_repair_after_flush_ends_at_its_position(void **state)
{
    struct rx *rx = rx_new(NULL, 640);

    (void)state;
    rx_data(rx, 0, 0, 0);
    rx_flush(rx, 0, 1, 1, 0); /* of block 1 nothing behind symbol 1 was sent, so no parity of it either */
    assert_string_equal(ask(rx), "N(s0/0.1,s0/0.4,s0/0.5,s0/1.0,s0/1.1)");
    rx_free(rx);
}

static void test_repair_asks_for_an_object_of_which_only_the_flush_came(void **state)
{
    struct rx *rx = rx_new(NULL, 64);

    (void)state;
    rx_flush(rx, 7, 0, 3, 0);
    assert_string_equal(ask(rx), "N(o7)");
    rx_free(rx);
}

static void test_repair_asks_when_a_sender_falls_silent(void **state)
{
    struct rx *rx = rx_new(NULL, 128);

    (void)state;
    rx_data(rx, 0, 0, 0);
    rx_data(rx, 0, 0, 1);
    rx_data(rx, 0, 0, 2);
    rx_run_for(rx, 990 * RX_MS);
    assert_string_equal(rx_trace(rx), "");
    rx_run_for(rx, 60 * RX_MS);
    assert_string_equal(rx_trace(rx), "N(s0/0.4,b0/1)");
    assert_int_equal(rx_events(rx, HERALD_NORM_RECEIVER_SENDER_SILENT), 1);
    rx_run_for(rx, 100 * RX_S);
    assert_int_equal(rx_statistics(rx).nacks, 20); /* ROBUST times */
    assert_int_equal(rx_events(rx, HERALD_NORM_RECEIVER_SENDER_SILENT), 1);
    assert_true(herald_norm_receiver_next_timeout(rx->receiver) == HERALD_NEVER);
    rx_data(rx, 0, 0, 3);
    assert_int_equal(rx_events(rx, HERALD_NORM_RECEIVER_SENDER_ACTIVE), 1);
    rx_free(rx);
}

static void test_repair_is_asked_for_within_the_back_off(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 50; seed++) {
        struct herald_norm_receiver_config config = rx_config();
        struct rx *rx;

        config.seed = seed;
        rx = rx_new(&config, 640);
        rx_data(rx, 0, 1, 0);
        rx_run_for(rx, BACKOFF_MS * RX_MS);
        assert_int_equal(rx_statistics(rx).nacks, 1);
        assert_true(rx->sent_ns <= RX_S + BACKOFF_MS * RX_MS);
        rx_free(rx);
    }
}

static void test_repair_is_not_asked_for_again_before_the_hold_off_ends(void **state)
{
    struct rx *rx = rx_new(NULL, 640);
    uint64_t sent_ns;

    (void)state;
    rx_data(rx, 0, 1, 0);
    assert_string_equal(ask(rx), "N(b0/0)");
    sent_ns = rx->sent_ns;
    rx_data(rx, 0, 2, 0);
    rx_run_for(rx, sent_ns + HOLDOFF_MIN_MS * RX_MS - rx->now_ns);
    assert_string_equal(rx_trace(rx), "");
    rx_run_for(rx, (HOLDOFF_MS - HOLDOFF_MIN_MS + BACKOFF_MS) * RX_MS);
    assert_string_equal(rx_trace(rx), "N(b0/0,s0/1.1,s0/1.4,s0/1.5)");
    rx_free(rx);
}

static void test_repair_needs_something_new_after_the_hold_off(void **state)
{
    struct rx *rx = rx_new(NULL, 640);

    (void)state;
    rx_data(rx, 0, 1, 0);
    assert_string_equal(ask(rx), "N(b0/0)");
    rx_run_for(rx, 500 * RX_MS);
    assert_string_equal(rx_trace(rx), ""); /* the sender has not gone on */
    rx_data(rx, 0, 2, 0);
    assert_string_equal(ask(rx), "N(b0/0,s0/1.1,s0/1.4,s0/1.5)");
    rx_free(rx);
}

static void test_repair_is_not_asked_for_when_it_came_during_the_back_off(void **state)
{
    struct rx *rx = rx_new(NULL, 128);

    (void)state;
    for (uint16_t i = 0; i < 3; i++)
        rx_data(rx, 0, 0, i);
    rx_data(rx, 0, 1, 0);
    rx_data(rx, 0, 0, 3);
    assert_string_equal(ask(rx), "");
    assert_int_equal(rx_statistics(rx).nacks_suppressed, 0);
    rx_free(rx);
}

static void test_repair_leaves_what_the_sender_is_about_to_send_again(void **state)
{
    struct rx *rx = rx_new(NULL, 640);

    (void)state;
    rx_block(rx, 0, 0);
    rx_data(rx, 0, 5, 0); /* blocks 1 to 4 are missing; */
    rx_data(rx, 0, 2, 0); /* the sender went back, it is at block 2 */
    assert_string_equal(ask(rx), "N(b0/1)");
    rx_free(rx);
}

static void test_repair_is_never_asked_for_by_silent_receivers(void **state)
{
    struct herald_norm_receiver_config config = rx_config();
    struct rx *rx;

    (void)state;
    config.silent = true;
    rx = rx_new(&config, 640);
    rx_data(rx, 0, 3, 0);
    rx_flush(rx, 0, 9, 3, RX_NODE);
    rx_probe(rx, 1, RX_S, true);
    rx_run_for(rx, 100 * RX_S);
    assert_string_equal(rx_trace(rx), "");
    assert_int_equal(herald_norm_receiver_acknowledge(rx->receiver, RX_SENDER, 16, 1, NULL, 0, rx->now_ns), -EPERM);
    rx_free(rx);
}

/* --- what --- */

static void test_nack_asks_for_parity_first_and_then_for_source(void **state)
{
    struct rx *rx = rx_new(NULL, 640);

    (void)state;
    rx_data(rx, 0, 0, 2); /* three are missing, there are two parity symbols */
    rx_data(rx, 0, 1, 0);
    assert_string_equal(ask(rx), "N(s0/0.0,s0/0.4,s0/0.5)");
    rx_free(rx);
}

static void test_nack_asks_for_parity_that_did_not_come_yet(void **state)
{
    struct rx *rx = rx_new(NULL, 640);

    (void)state;
    rx_data(rx, 0, 0, 0);
    rx_data(rx, 0, 0, 1);
    rx_data(rx, 0, 0, 4);
    rx_data(rx, 0, 1, 0);
    assert_string_equal(ask(rx), "N(s0/0.5)");
    rx_free(rx);
}

static void test_nack_asks_for_source_alone_if_told(void **state)
{
    struct herald_norm_receiver_config config = rx_config();
    struct rx *rx;

    (void)state;
    config.no_parity = true;
    rx = rx_new(&config, 640);
    rx_data(rx, 0, 0, 0);
    rx_data(rx, 0, 1, 0);
    assert_string_equal(ask(rx), "N(s0/0.1-3)");
    rx_free(rx);
}

static void test_nack_asks_for_three_in_a_row_by_a_range(void **state)
{
    struct rx *rx = rx_new(NULL, 640);

    (void)state;
    rx_data(rx, 0, 1, 0);
    rx_block(rx, 0, 1);
    rx_block(rx, 0, 4);
    rx_block(rx, 0, 8);
    rx_data(rx, 0, 9, 0);
    assert_string_equal(ask(rx), "N(b0/0,b0/2,b0/3,b0/5-7)");
    rx_free(rx);
}

static void test_nack_asks_for_infos_and_objects(void **state)
{
    struct rx *rx = rx_new(NULL, 64);

    (void)state;
    rx->flags = HD_FLAG_INFO;
    rx_block(rx, 0, 0);
    rx_data(rx, 4, 0, 0);
    assert_string_equal(ask(rx), "N(i0,o1-3,i4)"); /* an INFO comes before the DATA of its object */
    rx_free(rx);
}

static void test_nack_of_a_huge_gap_is_short(void **state)
{
    struct herald_norm_receiver_config config = rx_config();
    struct rx *rx;

    (void)state;
    config.blocks_per_queue = 400000;
    rx = rx_new(&config, UINT64_C(64) * 400000);
    rx_data_with(rx, 0, 399999, 0, rx_bytes(), 16);
    assert_null(strstr(ask(rx), " "));
    assert_string_equal(rx->trace, "N(b0/0-399998)");
    rx_free(rx);
}

static void test_nack_is_split_at_the_segment_size(void **state)
{
    struct herald_norm_receiver_config config = rx_config();
    struct rx *rx;
    size_t most_bytes = 0;

    (void)state;
    config.blocks_per_queue = 4096;
    rx = rx_new(&config, 64 * 2000);
    rx->fti.segment_bytes = 16; /* requests have at least 100 bytes: 5 ranges of 20 */
    for (uint32_t block = 0; block < 100; block++)
        rx_data_with(rx, 0, 10 * block + 3, 0, rx_bytes(), 16);
    rx->trace_bytes = 0;
    rx_run_for(rx, BACKOFF_MS * RX_MS);
    most_bytes = rx->packet_bytes;
    assert_int_equal(rx_statistics(rx).nacks, 4);
    assert_true(most_bytes <= 24 + 100);
    assert_int_equal(strncmp(rx_trace(rx), "N(b0/0-2,s0/3.1,s0/3.4,s0/3.5,b0/4-12) N(", 40), 0);
    rx_free(rx);
}

static void test_nack_names_its_sender_and_has_no_sequence(void **state)
{
    struct rx *rx = rx_new(NULL, 640);

    (void)state;
    rx_data(rx, 0, 1, 0);
    assert_string_equal(ask(rx), "N(b0/0)");
    assert_int_equal(rx->message.header.sequence, 0);
    assert_int_equal(rx->message.header.instance_id, RX_INSTANCE);
    assert_int_equal(rx->message.nack.server_id, RX_SENDER);
    assert_false(hd_timestamp_is_set(rx->message.nack.response)); /* no probe was heard */
    assert_int_equal(rx->message.extensions.present, 0);
    assert_true(rx->datagram.to_group);
    rx_free(rx);
}

static void test_nack_echoes_the_probe_and_carries_feedback(void **state)
{
    struct rx *rx = rx_new(NULL, 640);

    (void)state;
    rx_probe(rx, 77, 5000 * RX_S, false);
    rx_data(rx, 0, 1, 0);
    assert_non_null(strstr(ask(rx), "N(b0/0)"));
    assert_int_equal(rx->message.kind, HD_KIND_NACK);
    assert_int_equal(hd_timestamp_ns(rx->message.nack.response), (5000 * RX_S + (rx->sent_ns - RX_S)) / 1000 * 1000);
    assert_int_equal(rx->message.extensions.present, HD_EXT_CC | HD_EXT_DELIVERY);
    assert_int_equal(rx->message.extensions.cc.sequence, 77);
    assert_int_equal(rx->message.extensions.delivery.received_datagrams, 1);
    assert_int_equal(rx->packet[24], 3); /* EXT_CC comes first */
    rx_free(rx);
}

static void test_a_probe_that_waited_here_was_held_as_long(void **state)
{
    struct rx *rx = rx_new(NULL, 640);

    (void)state;
    herald_norm_receiver_set_waited(rx->receiver, 700 * RX_MS);
    rx_probe(rx, 77, 5000 * RX_S, false);
    herald_norm_receiver_set_waited(rx->receiver, 0);
    rx_data(rx, 0, 1, 0);
    assert_non_null(strstr(ask(rx), "N(b0/0)"));
    assert_int_equal(hd_timestamp_ns(rx->message.nack.response),
                     (5000 * RX_S + 700 * RX_MS + (rx->sent_ns - RX_S)) / 1000 * 1000);
    rx_free(rx);
}

static void test_nack_goes_to_the_sender_if_feedback_is_unicast(void **state)
{
    struct herald_norm_receiver_config config = rx_config();
    struct rx *rx;

    (void)state;
    config.unicast_feedback = true;
    rx = rx_new(&config, 640);
    rx_data(rx, 0, 1, 0);
    assert_string_equal(ask(rx), "N(b0/0)");
    assert_false(rx->datagram.to_group);
    assert_int_equal(rx->datagram.destination.port, 6003);
    rx_free(rx);
}

static void test_nack_names_the_block_length_with_fec_scheme_129(void **state)
{
    struct rx *rx = rx_new(NULL, 150); /* 4, 3 and 3 */
    struct hd_cursor requests;
    struct hd_request request = { 0 };
    struct hd_position item = { 0 };

    (void)state;
    rx->fec_id = HD_FEC_SMALL_BLOCK;
    rx_block(rx, 0, 0);
    rx_data(rx, 0, 1, 0);
    rx_data(rx, 0, 1, 1);
    rx_data(rx, 0, 2, 0);
    assert_string_equal(ask(rx), "N(s0/1.3)");
    requests = rx->message.nack.requests;
    assert_true(hd_wire_next_request(&requests, &request) && hd_wire_next_item(&request.items, &item));
    assert_int_equal(item.fec_id, HD_FEC_SMALL_BLOCK);
    assert_int_equal(item.id.block_symbols, 3);
    rx_free(rx);
}

static void test_nack_is_refused_a_buffer_that_is_too_small(void **state)
{
    struct rx *rx = rx_new(NULL, 64);
    uint8_t buffer[100];
    struct herald_norm_datagram datagram = { .buffer = buffer, .buffer_bytes = sizeof(buffer) };

    (void)state;
    assert_int_equal(herald_norm_receiver_poll_output(rx->receiver, &datagram, rx->now_ns), -EMSGSIZE);
    rx_free(rx);
}

/* --- what others ask for --- */

static void test_suppression_by_the_same_request(void **state)
{
    struct rx *rx = rx_new(NULL, 640);

    (void)state;
    rx_data(rx, 0, 0, 0);
    rx_data(rx, 0, 0, 1);
    rx_data(rx, 0, 2, 0); /* e = 2 in block 0, and all of block 1 */
    rx_nack_begin(rx, 50, RX_SENDER, RX_INSTANCE);
    rx_nack_item(rx, HD_REQUEST_SEGMENT, 0, 0, 4);
    rx_nack_item(rx, HD_REQUEST_SEGMENT, 0, 0, 5);
    rx_nack_item(rx, HD_REQUEST_BLOCK, 0, 1, 0);
    rx_nack_send(rx);
    assert_string_equal(ask(rx), "");
    assert_int_equal(rx_statistics(rx).nacks_suppressed, 1);
    assert_int_equal(rx_statistics(rx).nacks_heard, 1);
    rx_data(rx, 0, 3, 0); /* the hold-off is kept, as if it had asked itself */
    rx_run_for(rx, 15 * RX_MS);
    assert_string_equal(rx_trace(rx), "");
    rx_free(rx);
}

static void test_suppression_leaves_what_others_did_not_ask_for(void **state)
{
    struct rx *rx = rx_new(NULL, 640);

    (void)state;
    rx_data(rx, 0, 0, 0);
    rx_data(rx, 0, 0, 1);
    rx_data(rx, 0, 3, 0);
    rx_nack_begin(rx, 50, RX_SENDER, RX_INSTANCE);
    rx_nack_item(rx, HD_REQUEST_SEGMENT, 0, 0, 4); /* one is not enough */
    rx_nack_item(rx, HD_REQUEST_BLOCK, 0, 1, 0);
    rx_nack_send(rx);
    assert_string_equal(ask(rx), "N(s0/0.4,s0/0.5,b0/2)");
    rx_free(rx);
}

static void test_suppression_takes_the_most_that_one_other_asked_for(void **state)
{
    struct rx *rx = rx_new(NULL, 128);

    (void)state;
    rx_data(rx, 0, 0, 0);
    rx_data(rx, 0, 0, 1);
    rx_data(rx, 0, 1, 0);
    for (uint32_t node = 50; node < 60; node++) { /* ten times one is one */
        rx_nack_begin(rx, node, RX_SENDER, RX_INSTANCE);
        rx_nack_item(rx, HD_REQUEST_SEGMENT, 0, 0, 4);
        rx_nack_send(rx);
    }
    assert_string_equal(ask(rx), "N(s0/0.4,s0/0.5)");
    rx_free(rx);
}

static void test_suppression_counts_source_symbols_that_are_missing_here(void **state)
{
    struct rx *rx = rx_new(NULL, 128);

    (void)state;
    rx_data(rx, 0, 0, 0);
    rx_data(rx, 0, 0, 1);
    rx_data(rx, 0, 1, 0);
    rx_nack_begin(rx, 50, RX_SENDER, RX_INSTANCE);
    rx_nack_range(rx, HD_REQUEST_SEGMENT, 0, 0, 0, 0, 0, 2); /* of these only 2 is missing */
    rx_nack_send(rx);
    rx_nack_begin(rx, 51, RX_SENDER, RX_INSTANCE);
    rx_nack_item(rx, HD_REQUEST_SEGMENT, 0, 0, 4);
    rx_nack_send(rx);
    assert_string_equal(ask(rx), "");
    assert_int_equal(rx_statistics(rx).nacks_suppressed, 1);
    rx_free(rx);
}

static void test_suppression_understands_erasure_counts(void **state)
{
    struct rx *rx = rx_new(NULL, 128);
    struct hd_position item = { .fec_id = HD_FEC_RS_8, .id = { .block = 0, .symbol = 2 } };

    (void)state;
    rx_data(rx, 0, 0, 0);
    rx_data(rx, 0, 0, 1);
    rx_data(rx, 0, 1, 0);
    rx_nack_begin(rx, 50, RX_SENDER, RX_INSTANCE);
    hd_writer_u8(&rx->writer, HD_REQUEST_ERASURES);
    hd_writer_u8(&rx->writer, HD_REQUEST_SEGMENT);
    hd_writer_u16(&rx->writer, 8);
    hd_wire_put_position(&rx->writer, &item);
    rx_nack_send(rx);
    assert_string_equal(ask(rx), "");
    rx_free(rx);
}

static void test_suppression_covers_blocks_objects_and_infos(void **state)
{
    struct rx *rx = rx_new(NULL, 640);

    (void)state;
    rx->flags = HD_FLAG_INFO;
    rx_data(rx, 0, 9, 0);
    rx_data(rx, 3, 0, 0);
    rx_nack_begin(rx, 50, RX_SENDER, RX_INSTANCE);
    rx_nack_item(rx, HD_REQUEST_INFO, 0, 0, 0);
    rx_nack_range(rx, HD_REQUEST_BLOCK, 0, 2, 0, 0, 8, 0);
    rx_nack_range(rx, HD_REQUEST_OBJECT, 1, 0, 0, 3, 0, 0);
    rx_nack_send(rx);
    assert_string_equal(ask(rx), "N(b0/0,b0/1,s0/9.1,s0/9.4,s0/9.5)");
    rx_free(rx);
}

static void test_suppression_by_a_repair_advertisement(void **state)
{
    struct rx *rx = rx_new(NULL, 640);

    (void)state;
    rx_data(rx, 0, 1, 0);
    rx_repair_adv_begin(rx);
    rx_nack_item(rx, HD_REQUEST_BLOCK, 0, 0, 0);
    rx_nack_send(rx);
    assert_string_equal(ask(rx), "");
    assert_int_equal(rx_statistics(rx).nacks_suppressed, 1);
    rx_free(rx);
}

static void test_suppression_ignores_nacks_to_other_senders_and_instances(void **state)
{
    struct rx *rx = rx_new(NULL, 640);

    (void)state;
    rx_data(rx, 0, 1, 0);
    rx_nack_begin(rx, 50, RX_SENDER, RX_INSTANCE - 1);
    rx_nack_item(rx, HD_REQUEST_BLOCK, 0, 0, 0);
    rx_nack_send(rx);
    rx_nack_begin(rx, 50, 999, RX_INSTANCE);
    rx_nack_item(rx, HD_REQUEST_BLOCK, 0, 0, 0);
    rx_nack_send(rx);
    assert_int_equal(rx_dropped(rx, HERALD_NORM_DROP_INSTANCE), 1);
    assert_int_equal(rx_dropped(rx, HERALD_NORM_DROP_NOT_FOR_US), 1);
    assert_string_equal(ask(rx), "N(b0/0)");
    rx_free(rx);
}

static void test_suppression_is_forgotten_by_the_next_cycle(void **state)
{
    struct rx *rx = rx_new(NULL, 640);

    (void)state;
    rx_data(rx, 0, 0, 0);
    rx_data(rx, 0, 2, 0);
    rx_nack_begin(rx, 50, RX_SENDER, RX_INSTANCE);
    rx_nack_range(rx, HD_REQUEST_SEGMENT, 0, 0, 0, 0, 0, 5);
    rx_nack_item(rx, HD_REQUEST_BLOCK, 0, 1, 0);
    rx_nack_send(rx);
    assert_string_equal(ask(rx), "");
    rx_run_for(rx, HOLDOFF_MS * RX_MS);
    rx_data(rx, 0, 3, 0);
    assert_string_equal(ask(rx), "N(s0/0.1,s0/0.4,s0/0.5,b0/1,s0/2.1,s0/2.4,s0/2.5)");
    rx_free(rx);
}

static void test_suppression_can_be_switched_off(void **state)
{
    struct herald_norm_receiver_config config = rx_config();
    struct rx *rx;

    (void)state;
    config.no_suppression = true;
    rx = rx_new(&config, 640);
    rx_data(rx, 0, 1, 0);
    rx_nack_begin(rx, 50, RX_SENDER, RX_INSTANCE);
    rx_nack_item(rx, HD_REQUEST_BLOCK, 0, 0, 0);
    rx_nack_send(rx);
    rx_drain(rx);
    assert_string_equal(rx_trace(rx), "N(b0/0)");
    assert_int_equal(rx->sent_ns, RX_S);
    rx_free(rx);
}

static void test_back_off_does_not_outlast_a_wrong_round_trip_time(void **state)
{
    struct rx *rx = rx_new(NULL, 640);
    uint8_t grtt = rx->header.grtt;

    (void)state;
    rx->header.grtt = 255; /* 1000 s */
    rx_data(rx, 0, 1, 0);
    rx->header.grtt = grtt;
    rx_data(rx, 0, 1, 1);
    rx_run_for(rx, HOLDOFF_MS * RX_MS);
    assert_string_equal(rx_trace(rx), "N(b0/0)");
    rx_free(rx);
}

static void test_back_offs_stay_apart_when_the_round_trip_time_shrinks(void **state)
{
    uint64_t sent_ns[8];

    (void)state;
    for (uint64_t seed = 0; seed < 8; seed++) {
        struct herald_norm_receiver_config config = rx_config();
        struct rx *rx;

        config.seed = seed;
        rx = rx_new(&config, 640);
        rx->header.grtt = 200;
        rx_data(rx, 0, 1, 0);
        rx->header.grtt = 100;
        rx_data(rx, 0, 1, 1);
        rx_run_for(rx, 500 * RX_MS);
        assert_int_equal(rx_statistics(rx).nacks, 1);
        sent_ns[seed] = rx->sent_ns;
        for (uint64_t i = 0; i < seed; i++)
            assert_true(sent_ns[i] != sent_ns[seed]);
        rx_free(rx);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_repair_waits_until_the_block_in_progress_is_over),
        cmocka_unit_test(test_repair_begins_when_another_object_begins),
        cmocka_unit_test(test_repair_begins_on_flush),
        cmocka_unit_test(test_repair_after_flush_ends_at_its_position),
        cmocka_unit_test(test_repair_asks_for_an_object_of_which_only_the_flush_came),
        cmocka_unit_test(test_repair_asks_when_a_sender_falls_silent),
        cmocka_unit_test(test_repair_is_asked_for_within_the_back_off),
        cmocka_unit_test(test_repair_is_not_asked_for_again_before_the_hold_off_ends),
        cmocka_unit_test(test_repair_needs_something_new_after_the_hold_off),
        cmocka_unit_test(test_repair_is_not_asked_for_when_it_came_during_the_back_off),
        cmocka_unit_test(test_repair_leaves_what_the_sender_is_about_to_send_again),
        cmocka_unit_test(test_repair_is_never_asked_for_by_silent_receivers),
        cmocka_unit_test(test_nack_asks_for_parity_first_and_then_for_source),
        cmocka_unit_test(test_nack_asks_for_parity_that_did_not_come_yet),
        cmocka_unit_test(test_nack_asks_for_source_alone_if_told),
        cmocka_unit_test(test_nack_asks_for_three_in_a_row_by_a_range),
        cmocka_unit_test(test_nack_asks_for_infos_and_objects),
        cmocka_unit_test(test_nack_of_a_huge_gap_is_short),
        cmocka_unit_test(test_nack_is_split_at_the_segment_size),
        cmocka_unit_test(test_nack_names_its_sender_and_has_no_sequence),
        cmocka_unit_test(test_nack_echoes_the_probe_and_carries_feedback),
        cmocka_unit_test(test_a_probe_that_waited_here_was_held_as_long),
        cmocka_unit_test(test_nack_goes_to_the_sender_if_feedback_is_unicast),
        cmocka_unit_test(test_nack_names_the_block_length_with_fec_scheme_129),
        cmocka_unit_test(test_nack_is_refused_a_buffer_that_is_too_small),
        cmocka_unit_test(test_suppression_by_the_same_request),
        cmocka_unit_test(test_suppression_leaves_what_others_did_not_ask_for),
        cmocka_unit_test(test_suppression_takes_the_most_that_one_other_asked_for),
        cmocka_unit_test(test_suppression_counts_source_symbols_that_are_missing_here),
        cmocka_unit_test(test_suppression_understands_erasure_counts),
        cmocka_unit_test(test_suppression_covers_blocks_objects_and_infos),
        cmocka_unit_test(test_suppression_by_a_repair_advertisement),
        cmocka_unit_test(test_suppression_ignores_nacks_to_other_senders_and_instances),
        cmocka_unit_test(test_suppression_is_forgotten_by_the_next_cycle),
        cmocka_unit_test(test_suppression_can_be_switched_off),
        cmocka_unit_test(test_back_offs_stay_apart_when_the_round_trip_time_shrinks),
        cmocka_unit_test(test_back_off_does_not_outlast_a_wrong_round_trip_time),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
