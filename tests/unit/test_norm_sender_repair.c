/* SPDX-License-Identifier: MIT */
/* The NORM sender and NACKs: what is gathered, when it is sent, and what parity. */
#include "fec.h"
#include "norm_kit.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { ALICE = 100, BOB = 101 };

/* --- timing --- */

static void requests_are_gathered_for_k_plus_1_grtt(void **state)
{
    struct kit *kit = kit_sent(NULL, 160, NULL);
    uint64_t start_ns = kit->now_ns;

    (void)state;
    kit_nack(kit, ALICE, HD_REQUEST_SEGMENT, 0, 1, 1);
    kit_run_until(kit, start_ns + kit_gathering_ns() - 1);
    assert_string_equal(kit_trace(kit), "");
    kit_run_until(kit, start_ns + kit_gathering_ns());
    assert_string_equal(kit_trace(kit), "0/1.1 F0/2.2");
    assert_int_equal(kit_statistics(kit).repair_cycles, 1);
    kit_free(kit);
}

static void requests_of_all_receivers_are_one_repair(void **state)
{
    struct kit *kit = kit_sent(NULL, 160, NULL);

    (void)state;
    kit_nack(kit, ALICE, HD_REQUEST_SEGMENT, 0, 2, 0);
    kit_run_for(kit, 3 * kit_grtt_ns());
    kit_nack(kit, BOB, HD_REQUEST_SEGMENT, 0, 1, 1);
    kit_nack(kit, BOB, HD_REQUEST_SEGMENT, 0, 2, 0);
    kit_run_for(kit, 2 * kit_grtt_ns());
    assert_string_equal(kit_trace(kit), "0/1.1 0/2.0 F0/2.2");
    kit_free(kit);
}

static void during_the_holdoff_only_what_is_ahead_is_heard(void **state)
{
    struct herald_norm_sender_config config = kit_config();
    struct kit *kit;

    (void)state;
    config.rate_bytes_per_s = 48 * 1000; /* a datagram of 48 bytes each ms */
    config.burst_ns = 0;
    kit = kit_new(&config);
    kit_enqueue(kit, 40 * 16, NULL); /* ten blocks */
    kit_run_for(kit, 60 * KIT_MS);
    kit_trace(kit);
    kit_nack_begin(kit, ALICE);
    kit_nack_item(kit, HD_REQUEST_BLOCK, 0, 2, 0);
    kit_nack_item(kit, HD_REQUEST_BLOCK, 0, 4, 0);
    kit_nack_send(kit, false);
    kit_run_for(kit, kit_gathering_ns() + KIT_MS);
    kit_trace(kit);
    kit_nack(kit, BOB, HD_REQUEST_SEGMENT, 0, 1, 0); /* behind: lost in this cycle */
    kit_nack(kit, BOB, HD_REQUEST_SEGMENT, 0, 2, 0); /* being sent */
    kit_nack(kit, BOB, HD_REQUEST_SEGMENT, 0, 6, 1); /* ahead: joins */
    kit_nack(kit, BOB, HD_REQUEST_BLOCK, 0, 4, 0);   /* coming anyway */
    kit_run_for(kit, 8 * KIT_MS);
    assert_non_null(strstr(kit_trace(kit), "0/4.0 0/4.1 0/4.2 0/4.3 0/6.1"));
    kit_run_for(kit, 200 * KIT_MS);
    assert_null(strstr(kit_trace(kit), "0/1.0"));
    assert_int_equal(kit_statistics(kit).repair_cycles, 1);
    kit_free(kit);
}

static void what_is_pending_is_not_gathered_again(void **state)
{
    struct herald_norm_sender_config config = kit_config();
    struct kit *kit;

    (void)state;
    config.rate_bytes_per_s = 48 * 1000; /* a datagram of 48 bytes each ms */
    config.burst_ns = 0;
    kit = kit_new(&config);
    kit_enqueue(kit, 1024, NULL);
    kit_run_for(kit, 100 * KIT_MS);
    kit_nack(kit, ALICE, HD_REQUEST_OBJECT, 0, 0, 0);
    kit_run_for(kit, kit_gathering_ns() + 2 * kit_grtt_ns()); /* the hold-off is over, the repair is not */
    assert_int_equal(kit_statistics(kit).repair_cycles, 1);
    kit_nack(kit, BOB, HD_REQUEST_SEGMENT, 0, 14, 1);
    kit_nack(kit, BOB, HD_REQUEST_BLOCK, 0, 15, 0);
    kit_run_for(kit, 5 * kit_gathering_ns());
    assert_int_equal(kit_statistics(kit).repair_cycles, 1);
    assert_int_equal(kit_statistics(kit).repair_source_datagrams, 64);
    kit_free(kit);
}

static void symbols_that_are_pending_are_not_gathered_again(void **state)
{
    struct herald_norm_sender_config config = kit_config();
    struct kit *kit;

    (void)state;
    config.rate_bytes_per_s = 48 * 1000;
    config.burst_ns = 0;
    kit = kit_new(&config);
    kit_enqueue(kit, 1024, NULL);
    kit_run_for(kit, 100 * KIT_MS);
    kit_nack_begin(kit, ALICE);
    kit_nack_range(kit, HD_REQUEST_BLOCK, kit_position(kit, 0, 0, 0), kit_position(kit, 0, 14, 0));
    kit_nack_item(kit, HD_REQUEST_SEGMENT, 0, 15, 1);
    kit_nack_item(kit, HD_REQUEST_SEGMENT, 0, 15, 5);
    kit_nack_send(kit, false);
    kit_run_for(kit, kit_gathering_ns() + 2 * kit_grtt_ns());
    kit_nack_begin(kit, BOB); /* one of parity stands for any other */
    kit_nack_item(kit, HD_REQUEST_SEGMENT, 0, 15, 1);
    kit_nack_item(kit, HD_REQUEST_SEGMENT, 0, 15, 4);
    kit_nack_send(kit, false);
    kit_run_for(kit, 5 * kit_gathering_ns());
    assert_int_equal(kit_statistics(kit).repair_cycles, 1);
    kit_free(kit);
}

static void after_the_holdoff_a_new_cycle_begins(void **state)
{
    struct kit *kit = kit_sent(NULL, 160, NULL);

    (void)state;
    kit_nack(kit, ALICE, HD_REQUEST_SEGMENT, 0, 1, 1);
    kit_run_for(kit, kit_gathering_ns());
    kit_nack(kit, ALICE, HD_REQUEST_SEGMENT, 0, 1, 1);
    kit_run_for(kit, kit_grtt_ns());
    kit_trace(kit);
    kit_nack(kit, ALICE, HD_REQUEST_SEGMENT, 0, 1, 2);
    kit_run_for(kit, kit_gathering_ns());
    assert_string_equal(kit_trace(kit), "0/1.2 F0/2.2");
    assert_int_equal(kit_statistics(kit).repair_cycles, 2);
    kit_free(kit);
}

static void a_repair_after_a_long_silence_is_probed_again(void **state)
{
    struct kit *kit = kit_new(NULL);

    (void)state;
    kit_enqueue(kit, 64, NULL);
    kit_run_for(kit, 20000 * KIT_MS);
    assert_int_equal(herald_norm_sender_next_timeout(kit->sender), HERALD_NEVER);
    kit->show_probes = true;
    kit_trace(kit);
    kit_nack(kit, ALICE, HD_REQUEST_SEGMENT, 0, 0, 1);
    kit_run_for(kit, kit_gathering_ns());
    assert_string_equal(kit_trace(kit), "C 0/0.1 F0/0.3");
    kit_free(kit);
}

static void repair_goes_before_new_data(void **state)
{
    struct herald_norm_sender_config config = kit_config();
    struct kit *kit;
    const char *trace;

    (void)state;
    config.rate_bytes_per_s = 48 * 1000;
    config.burst_ns = 0;
    kit = kit_new(&config);
    kit_enqueue(kit, 1024, NULL);
    kit_enqueue(kit, 1024, NULL);
    kit_run_for(kit, 10 * KIT_MS);
    kit_nack(kit, ALICE, HD_REQUEST_SEGMENT, 0, 0, 0);
    kit_trace(kit);
    kit_run_for(kit, kit_gathering_ns() + 3 * KIT_MS);
    trace = kit_trace(kit);
    assert_non_null(strstr(trace, " 0/0.0 ")); /* repaired, */
    assert_null(strstr(trace, "1/15.3"));      /* long before the rest was sent */
    kit_free(kit);
}

static void a_repair_starts_the_flush_anew(void **state)
{
    struct kit *kit = kit_sent(NULL, 16, NULL);

    (void)state;
    kit_run_for(kit, 3 * kit_grtt_ns()); /* the second FLUSH is out */
    kit_nack(kit, ALICE, HD_REQUEST_SEGMENT, 0, 0, 0);
    kit_run_for(kit, 100 * kit_grtt_ns());
    assert_string_equal(kit_trace(kit), "F0/0.0 0/0.0 F0/0.0 F0/0.0 F0/0.0");
    assert_int_equal(kit_events(kit, HERALD_NORM_SENDER_FLUSHED), 1);
    kit_free(kit);
}

/* --- parity --- */

static void parity_requests_are_a_number(void **state)
{
    struct kit *kit = kit_sent(NULL, 160, NULL);

    (void)state;
    /* Both ask for the first row; one of parity helps both, whichever they lost. */
    kit_nack(kit, ALICE, HD_REQUEST_SEGMENT, 0, 0, 4);
    kit_nack(kit, BOB, HD_REQUEST_SEGMENT, 0, 0, 4);
    kit_run_for(kit, kit_gathering_ns());
    assert_string_equal(kit_trace(kit), "0/0.4 F0/2.2");
    kit_run_for(kit, kit_grtt_ns());
    /* The same again: what was not sent before. */
    kit_nack(kit, ALICE, HD_REQUEST_SEGMENT, 0, 0, 4);
    kit_run_for(kit, kit_gathering_ns());
    assert_string_equal(kit_trace(kit), "0/0.5 F0/2.2");
    kit_free(kit);
}

static void the_greatest_number_of_parity_counts(void **state)
{
    struct kit *kit = kit_sent(NULL, 160, NULL);

    (void)state;
    kit_nack(kit, ALICE, HD_REQUEST_SEGMENT, 0, 1, 3);
    kit_nack_begin(kit, BOB);
    kit_nack_item(kit, HD_REQUEST_SEGMENT, 0, 1, 3);
    kit_nack_item(kit, HD_REQUEST_SEGMENT, 0, 1, 4);
    kit_nack_send(kit, false);
    kit_run_for(kit, kit_gathering_ns());
    assert_string_equal(kit_trace(kit), "0/1.3 0/1.4 F0/2.2");
    kit_free(kit);
}

static void when_fresh_parity_has_run_out_what_was_named_is_sent(void **state)
{
    struct herald_norm_sender_config config = kit_config();
    struct kit *kit;

    (void)state;
    config.parity_segments = 3;
    kit = kit_sent(&config, 160, NULL);
    kit_nack_begin(kit, ALICE);
    kit_nack_range(kit, HD_REQUEST_SEGMENT, kit_position(kit, 0, 0, 4), kit_position(kit, 0, 0, 5));
    kit_nack_send(kit, false);
    kit_run_for(kit, kit_gathering_ns() + 2 * kit_grtt_ns());
    kit_trace(kit);
    /* One row is fresh; the second that is asked for has to be one of the old ones: the one that was named. */
    kit_nack_begin(kit, ALICE);
    kit_nack_item(kit, HD_REQUEST_SEGMENT, 0, 0, 5);
    kit_nack_item(kit, HD_REQUEST_SEGMENT, 0, 0, 6);
    kit_nack_send(kit, false);
    kit_run_for(kit, kit_gathering_ns());
    assert_string_equal(kit_trace(kit), "0/0.5 0/0.6 F0/2.2");
    kit_run_for(kit, kit_grtt_ns());
    kit_nack(kit, ALICE, HD_REQUEST_SEGMENT, 0, 0, 4);
    kit_run_for(kit, kit_gathering_ns());
    assert_non_null(strstr(kit_trace(kit), "0/0.4"));
    kit_free(kit);
}

static void proactive_parity_counts_as_sent(void **state)
{
    struct herald_norm_sender_config config = kit_config();
    struct kit *kit;

    (void)state;
    config.proactive_parity = 1;
    kit = kit_sent(&config, 64, NULL);
    kit_nack(kit, ALICE, HD_REQUEST_SEGMENT, 0, 0, 4);
    kit_run_for(kit, kit_gathering_ns());
    assert_string_equal(kit_trace(kit), "0/0.5 F0/0.3");
    kit_free(kit);
}

static void parity_of_a_block_is_that_of_the_code(void **state)
{
    struct kit *kit = kit_sent(NULL, 160, NULL);
    struct hd_fec_encoder *encoder;
    struct hd_fec_symbol source[3];
    uint8_t expected[2][16];
    uint8_t *rows[] = { expected[0], expected[1] };

    (void)state;
    assert_int_equal(hd_fec_encoder_new(&encoder, 4, 2), 0);
    for (uint32_t i = 0; i < 3; i++) /* the last block: segments 7, 8 and 9 */
        source[i] = (struct hd_fec_symbol){ .data = kit_bytes() + (7 + i) * 16, .bytes = 16 };
    assert_int_equal(hd_fec_encode(encoder, source, 3, 0, 2, rows, 16), 0);
    hd_fec_encoder_free(encoder);

    kit_nack_begin(kit, ALICE);
    kit_nack_range(kit, HD_REQUEST_SEGMENT, kit_position(kit, 0, 2, 3), kit_position(kit, 0, 2, 4));
    kit_nack_send(kit, false);
    kit->now_ns += kit_gathering_ns();
    assert_int_equal(herald_norm_sender_handle_timeout(kit->sender, kit->now_ns), 0);
    for (uint32_t row = 0; row < 2; row++) {
        do {
            assert_true(kit_poll(kit));
        } while (kit->message.kind != HD_KIND_DATA);
        assert_int_equal(kit->message.data.position.id.symbol, 3 + row);
        assert_int_equal(hd_cursor_left(&kit->message.data.payload), 16);
        assert_memory_equal(kit->message.data.payload.at, expected[row], 16);
    }
    kit_free(kit);
}

static void parity_of_one_block_is_not_taken_for_that_of_another(void **state)
{
    struct kit *kit = kit_sent(NULL, 96, NULL);
    struct hd_fec_encoder *encoder;
    struct hd_fec_symbol source[3];
    uint8_t expected[16];
    uint8_t *rows[] = { expected };

    (void)state;
    kit_nack_begin(kit, ALICE);
    kit_nack_range(kit, HD_REQUEST_SEGMENT, kit_position(kit, 0, 0, 3), kit_position(kit, 0, 0, 4));
    kit_nack_send(kit, false);
    for (int i = 0; i < 2; i++) { /* block 1: one row, and then another */
        kit_run_for(kit, kit_gathering_ns() + kit_grtt_ns());
        kit_trace(kit);
        kit_nack(kit, ALICE, HD_REQUEST_SEGMENT, 0, 1, 3);
    }
    for (uint32_t i = 0; i < 3; i++)
        source[i] = (struct hd_fec_symbol){ .data = kit_bytes() + (3 + i) * 16, .bytes = 16 };
    assert_int_equal(hd_fec_encoder_new(&encoder, 4, 2), 0);
    assert_int_equal(hd_fec_encode(encoder, source, 3, 1, 1, rows, 16), 0);
    hd_fec_encoder_free(encoder);
    kit->now_ns += kit_gathering_ns();
    assert_int_equal(herald_norm_sender_handle_timeout(kit->sender, kit->now_ns), 0);
    do {
        assert_true(kit_poll(kit));
    } while (kit->message.kind != HD_KIND_DATA);
    assert_int_equal(kit->message.data.position.id.symbol, 4);
    assert_memory_equal(kit->message.data.payload.at, expected, 16);
    kit_free(kit);
}

static void parity_is_computed_once_for_all_rows_wanted(void **state)
{
    struct kit *kit = kit_sent(NULL, 64, NULL);

    (void)state;
    kit_nack_begin(kit, ALICE);
    kit_nack_range(kit, HD_REQUEST_SEGMENT, kit_position(kit, 0, 0, 4), kit_position(kit, 0, 0, 5));
    kit_nack_send(kit, false);
    kit_run_for(kit, kit_gathering_ns());
    assert_string_equal(kit_trace(kit), "0/0.4 0/0.5 F0/0.3");
    assert_int_equal(kit_statistics(kit).parity_bytes_encoded, 64);
    kit_free(kit);
}

/* --- what can be asked for --- */

static void erasures_are_a_number_of_parity(void **state)
{
    struct kit *kit = kit_sent(NULL, 160, NULL);
    struct hd_position item = kit_position(kit, 0, 1, 2);

    (void)state;
    kit_nack_begin(kit, ALICE);
    hd_writer_u8(&kit->writer, HD_REQUEST_ERASURES);
    hd_writer_u8(&kit->writer, HD_REQUEST_SEGMENT);
    hd_writer_u16(&kit->writer, 8);
    hd_wire_put_position(&kit->writer, &item);
    kit_nack_send(kit, false);
    kit_run_for(kit, kit_gathering_ns());
    assert_string_equal(kit_trace(kit), "0/1.3 0/1.4 F0/2.2");
    kit_free(kit);
}

static void a_block_request_brings_its_source(void **state)
{
    struct kit *kit = kit_sent(NULL, 160, NULL);

    (void)state;
    kit_nack(kit, ALICE, HD_REQUEST_SEGMENT, 0, 1, 3); /* parity: covered by the whole */
    kit_nack(kit, BOB, HD_REQUEST_BLOCK, 0, 1, 0);
    kit_run_for(kit, kit_gathering_ns());
    assert_string_equal(kit_trace(kit), "0/1.0 0/1.1 0/1.2 F0/2.2");
    assert_int_equal(kit_statistics(kit).repair_source_datagrams, 3);
    kit_free(kit);
}

static void an_object_request_brings_info_and_all_blocks(void **state)
{
    struct kit *kit = kit_sent(NULL, 80, "name");

    (void)state;
    kit_nack(kit, ALICE, HD_REQUEST_OBJECT, 0, 0, 0);
    kit_run_for(kit, kit_gathering_ns());
    assert_string_equal(kit_trace(kit), "i0 0/0.0 0/0.1 0/0.2 0/1.0 0/1.1 F0/1.1");
    assert_int_equal(kit_statistics(kit).repair_info_datagrams, 1);
    kit_free(kit);
}

static void an_info_request_brings_the_info(void **state)
{
    struct kit *kit = kit_sent(NULL, 80, "name");

    (void)state;
    kit_nack(kit, ALICE, HD_REQUEST_INFO, 0, 0, 0);
    kit_nack(kit, BOB, HD_REQUEST_INFO, 0, 0, 0);
    kit_run_for(kit, kit_gathering_ns());
    assert_string_equal(kit_trace(kit), "i0 F0/1.1");
    kit_free(kit);
}

static void info_and_block_of_one_request_are_both_sent(void **state)
{
    struct kit *kit = kit_sent(NULL, 80, "name");

    (void)state;
    kit_nack(kit, ALICE, HD_REQUEST_INFO | HD_REQUEST_BLOCK, 0, 1, 0);
    kit_run_for(kit, kit_gathering_ns());
    assert_string_equal(kit_trace(kit), "i0 0/1.0 0/1.1 F0/1.1");
    kit_free(kit);
}

static void a_range_of_segments_may_span_blocks(void **state)
{
    struct kit *kit = kit_sent(NULL, 16 * 16, NULL);

    (void)state;
    kit_nack_begin(kit, ALICE);
    kit_nack_range(kit, HD_REQUEST_SEGMENT, kit_position(kit, 0, 0, 2), kit_position(kit, 0, 3, 1));
    kit_nack_send(kit, false);
    kit_run_for(kit, kit_gathering_ns());
    assert_string_equal(kit_trace(kit), "0/0.2 0/0.3 0/1.0 0/1.1 0/1.2 0/1.3 0/2.0 0/2.1 0/2.2 0/2.3 0/3.0 0/3.1 "
                                        "F0/3.3");
    kit_free(kit);
}

static void a_range_of_blocks_may_span_objects(void **state)
{
    struct kit *kit = kit_new(NULL);

    (void)state;
    kit_enqueue(kit, 96, NULL); /* blocks of 3 and 3 */
    kit_enqueue(kit, 32, "b");
    kit_enqueue(kit, 96, NULL);
    kit_drain(kit);
    kit_trace(kit);
    kit_nack_begin(kit, ALICE);
    kit_nack_range(kit, HD_REQUEST_BLOCK, kit_position(kit, 0, 1, 0), kit_position(kit, 2, 0, 0));
    kit_nack_send(kit, false);
    kit_run_for(kit, kit_gathering_ns());
    assert_string_equal(kit_trace(kit), "0/1.0 0/1.1 0/1.2 1/0.0 1/0.1 2/0.0 2/0.1 2/0.2 F2/1.2");
    kit_free(kit);
}

static void a_range_of_objects_brings_each(void **state)
{
    struct kit *kit = kit_new(NULL);

    (void)state;
    for (int i = 0; i < 4; i++)
        kit_enqueue(kit, 16, NULL);
    kit_drain(kit);
    kit_trace(kit);
    kit_nack_begin(kit, ALICE);
    kit_nack_range(kit, HD_REQUEST_OBJECT, kit_position(kit, 1, 0, 0), kit_position(kit, 2, 0, 0));
    kit_nack_send(kit, false);
    kit_run_for(kit, kit_gathering_ns());
    assert_string_equal(kit_trace(kit), "1/0.0 2/0.0 F3/0.0");
    kit_free(kit);
}

static void hostile_ranges_are_cut_to_what_was_sent(void **state)
{
    struct kit *kit = kit_sent(NULL, 96, NULL);

    (void)state;
    kit_nack_begin(kit, ALICE);
    for (int i = 0; i < 1000; i++)
        kit_nack_range(kit, HD_REQUEST_BLOCK, kit_position(kit, 0, 0, 0), kit_position(kit, 0, 0xffffff, 0xff));
    for (int i = 0; i < 1000; i++)
        kit_nack_range(kit, HD_REQUEST_SEGMENT, kit_position(kit, 0, 0, 0), kit_position(kit, 32767, 0xffffff, 0xff));
    kit_nack_send(kit, false);
    kit_run_for(kit, kit_gathering_ns());
    assert_string_equal(kit_trace(kit), "0/0.0 0/0.1 0/0.2 0/1.0 0/1.1 0/1.2 F0/1.2");
    kit_free(kit);
}

/* A packet that asks for everything a thousand times over costs hardly more than one that asks once. */
static void a_nack_that_asks_again_and_again_is_not_read_to_its_end(void **state)
{
    struct herald_norm_sender_config config = kit_config();
    struct herald_norm_sender_statistics statistics;
    struct kit *kit;

    (void)state;
    config.objects_max = 2000;
    kit = kit_new(&config);
    for (int i = 0; i < 2000; i++)
        kit_enqueue(kit, 16, NULL);
    kit_run_for(kit, KIT_MS);
    kit_nack_begin(kit, ALICE);
    for (int i = 0; i < 1000; i++)
        kit_nack_range(kit, HD_REQUEST_OBJECT, kit_position(kit, 0, 0, 0), kit_position(kit, 32000, 0, 0));
    kit_nack_send(kit, false);
    herald_norm_sender_get_statistics(kit->sender, &statistics);
    assert_int_equal(statistics.dropped[HERALD_NORM_DROP_LIMIT], 1);
    assert_in_range(statistics.nacked_segments, 2000, 20000);
    kit_trace(kit);
    kit_run_for(kit, kit_gathering_ns() + KIT_MS);
    herald_norm_sender_get_statistics(kit->sender, &statistics);
    assert_int_equal(statistics.repair_source_datagrams, 2000);
    kit_free(kit);
}

static void a_range_may_end_one_block_too_far(void **state)
{
    struct kit *kit = kit_sent(NULL, 96, NULL);

    (void)state;
    kit_nack_begin(kit, ALICE);
    kit_nack_range(kit, HD_REQUEST_BLOCK, kit_position(kit, 0, 1, 0), kit_position(kit, 0, 2, 0));
    kit_nack_send(kit, false);
    kit_run_for(kit, kit_gathering_ns());
    assert_string_equal(kit_trace(kit), "0/1.0 0/1.1 0/1.2 F0/1.2");
    kit_free(kit);
}

static void requests_for_what_was_never_sent_are_counted(void **state)
{
    struct kit *kit = kit_sent(NULL, 96, NULL);

    (void)state;
    kit_nack(kit, ALICE, HD_REQUEST_BLOCK, 0, 2, 0);
    kit_nack(kit, ALICE, HD_REQUEST_SEGMENT, 0, 0, 5 + 1); /* beyond the parity */
    kit_nack(kit, ALICE, HD_REQUEST_OBJECT, 1, 0, 0);
    kit_nack(kit, ALICE, HD_REQUEST_INFO, 0, 0, 0);
    kit_nack(kit, ALICE, 0, 0, 0, 0);
    assert_int_equal(kit_statistics(kit).dropped[HERALD_NORM_DROP_INCONSISTENT], 5);
    kit_run_for(kit, 5 * kit_gathering_ns());
    assert_null(strchr(kit_trace(kit), 'Q'));
    assert_int_equal(kit_statistics(kit).repair_cycles, 0);
    kit_free(kit);
}

static void the_part_of_a_block_that_was_not_sent_is_not_repaired(void **state)
{
    struct kit *kit = kit_new(NULL);

    (void)state;
    kit_enqueue(kit, 64, NULL);
    assert_true(kit_poll(kit) && kit_poll(kit) && kit_poll(kit)); /* a probe and two segments */
    kit_nack(kit, ALICE, HD_REQUEST_BLOCK, 0, 0, 0);
    kit->now_ns += kit_gathering_ns();
    assert_int_equal(herald_norm_sender_handle_timeout(kit->sender, kit->now_ns), 0);
    kit_drain(kit);
    assert_string_equal(kit_trace(kit), "0/0.0 0/0.1 0/0.0 0/0.1 0/0.2 0/0.3 F0/0.3");
    kit_free(kit);
}

static void without_room_for_details_whole_blocks_are_sent(void **state)
{
    struct herald_norm_sender_config config = kit_config();
    struct kit *kit;

    (void)state;
    config.repair_blocks_max = 1;
    kit = kit_sent(&config, 96, NULL);
    kit_nack(kit, ALICE, HD_REQUEST_SEGMENT, 0, 0, 1);
    kit_nack(kit, ALICE, HD_REQUEST_SEGMENT, 0, 1, 1);
    kit_run_for(kit, kit_gathering_ns());
    assert_string_equal(kit_trace(kit), "0/0.1 0/1.0 0/1.1 0/1.2 F0/1.2");
    kit_free(kit);
}

static void details_of_blocks_at_rest_are_reused(void **state)
{
    struct herald_norm_sender_config config = kit_config();
    struct kit *kit;

    (void)state;
    config.repair_blocks_max = 1;
    kit = kit_sent(&config, 96, NULL);
    kit_nack(kit, ALICE, HD_REQUEST_SEGMENT, 0, 0, 1);
    kit_run_for(kit, kit_gathering_ns() + kit_grtt_ns());
    kit_trace(kit);
    kit_nack(kit, ALICE, HD_REQUEST_SEGMENT, 0, 1, 1);
    kit_run_for(kit, kit_gathering_ns());
    assert_string_equal(kit_trace(kit), "0/1.1 F0/1.2");
    kit_free(kit);
}

/* --- for whom --- */

static void feedback_that_is_not_for_this_run_is_counted(void **state)
{
    struct kit *kit = kit_sent(NULL, 96, NULL);
    struct hd_header header = { .source_id = ALICE, .instance_id = KIT_INSTANCE + 1 };
    struct hd_timestamp none = { 0 };

    (void)state;
    kit->writer = hd_writer_over(kit->feedback, sizeof(kit->feedback));
    hd_wire_put_nack(&kit->writer, &header, KIT_NODE, none);
    hd_wire_end_header(&kit->writer);
    kit_nack_send(kit, false);
    assert_int_equal(kit_statistics(kit).dropped[HERALD_NORM_DROP_INSTANCE], 1);
    header.instance_id = KIT_INSTANCE;
    kit->writer = hd_writer_over(kit->feedback, sizeof(kit->feedback));
    hd_wire_put_nack(&kit->writer, &header, KIT_NODE + 1, none);
    hd_wire_end_header(&kit->writer);
    kit_nack_send(kit, false);
    assert_int_equal(kit_statistics(kit).dropped[HERALD_NORM_DROP_NOT_FOR_US], 1);
    kit_input(kit, kit->feedback, 7, false);
    assert_int_equal(kit_statistics(kit).dropped[HERALD_NORM_DROP_MALFORMED], 1);
    kit_input(kit, kit->packet, kit->packet_bytes, false); /* our own */
    assert_int_equal(kit_statistics(kit).dropped[HERALD_NORM_DROP_NOT_FOR_US], 2);
    assert_int_equal(kit_statistics(kit).nacks, 0);
    kit_free(kit);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(requests_are_gathered_for_k_plus_1_grtt),
        cmocka_unit_test(requests_of_all_receivers_are_one_repair),
        cmocka_unit_test(during_the_holdoff_only_what_is_ahead_is_heard),
        cmocka_unit_test(what_is_pending_is_not_gathered_again),
        cmocka_unit_test(symbols_that_are_pending_are_not_gathered_again),
        cmocka_unit_test(after_the_holdoff_a_new_cycle_begins),
        cmocka_unit_test(a_repair_after_a_long_silence_is_probed_again),
        cmocka_unit_test(repair_goes_before_new_data),
        cmocka_unit_test(a_repair_starts_the_flush_anew),
        cmocka_unit_test(parity_requests_are_a_number),
        cmocka_unit_test(the_greatest_number_of_parity_counts),
        cmocka_unit_test(when_fresh_parity_has_run_out_what_was_named_is_sent),
        cmocka_unit_test(proactive_parity_counts_as_sent),
        cmocka_unit_test(parity_of_a_block_is_that_of_the_code),
        cmocka_unit_test(parity_of_one_block_is_not_taken_for_that_of_another),
        cmocka_unit_test(parity_is_computed_once_for_all_rows_wanted),
        cmocka_unit_test(erasures_are_a_number_of_parity),
        cmocka_unit_test(a_block_request_brings_its_source),
        cmocka_unit_test(an_object_request_brings_info_and_all_blocks),
        cmocka_unit_test(an_info_request_brings_the_info),
        cmocka_unit_test(info_and_block_of_one_request_are_both_sent),
        cmocka_unit_test(a_range_of_segments_may_span_blocks),
        cmocka_unit_test(a_range_of_blocks_may_span_objects),
        cmocka_unit_test(a_range_of_objects_brings_each),
        cmocka_unit_test(hostile_ranges_are_cut_to_what_was_sent),
        cmocka_unit_test(a_nack_that_asks_again_and_again_is_not_read_to_its_end),
        cmocka_unit_test(a_range_may_end_one_block_too_far),
        cmocka_unit_test(requests_for_what_was_never_sent_are_counted),
        cmocka_unit_test(the_part_of_a_block_that_was_not_sent_is_not_repaired),
        cmocka_unit_test(without_room_for_details_whole_blocks_are_sent),
        cmocka_unit_test(details_of_blocks_at_rest_are_reused),
        cmocka_unit_test(feedback_that_is_not_for_this_run_is_counted),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
