/* SPDX-License-Identifier: MIT */
/* The NORM sender without feedback: what is sent, in which order and at which rate. */
#include "norm_kit.h"
#include "quant.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* --- order --- */

static void ten_segments_go_out_in_blocks_of_4_3_3(void **state)
{
    struct kit *kit = kit_new(NULL);

    (void)state;
    kit_enqueue(kit, 10 * 16, NULL);
    kit_drain(kit);
    assert_string_equal(kit_trace(kit), "0/0.0 0/0.1 0/0.2 0/0.3 0/1.0 0/1.1 0/1.2 0/2.0 0/2.1 0/2.2 F0/2.2");
    kit_free(kit);
}

static void info_goes_first(void **state)
{
    struct kit *kit = kit_new(NULL);

    (void)state;
    kit_enqueue(kit, 20, "name");
    assert_true(kit_poll(kit)); /* the first probe */
    assert_true(kit_poll(kit));
    assert_int_equal(kit->message.kind, HD_KIND_INFO);
    assert_int_equal(kit->message.data.flags, HD_FLAG_INFO);
    assert_int_equal(hd_cursor_left(&kit->message.data.payload), 4);
    assert_memory_equal(kit->message.data.payload.at, "name", 4);
    assert_true(kit->message.extensions.present & HD_EXT_FTI);
    assert_true(kit_poll(kit));
    assert_int_equal(kit->message.data.flags, HD_FLAG_INFO); /* DATA tells that there is one */
    kit_drain(kit);
    assert_string_equal(kit_trace(kit), "i0 0/0.0 0/0.1 F0/0.1");
    kit_free(kit);
}

static void data_carries_fti_and_the_bytes(void **state)
{
    struct kit *kit = kit_new(NULL);
    struct hd_fti fti;

    (void)state;
    kit_enqueue(kit, 70, NULL);
    assert_true(kit_poll(kit));
    for (uint32_t segment = 0; segment < 5; segment++) {
        size_t size = segment < 4 ? 16 : 6;

        assert_true(kit_poll(kit));
        fti = kit->message.extensions.fti;
        assert_int_equal(fti.object_bytes, 70);
        assert_int_equal(fti.segment_bytes, 16);
        assert_int_equal(fti.max_block_symbols, 4);
        assert_int_equal(fti.parity_symbols, 2);
        assert_int_equal(hd_cursor_left(&kit->message.data.payload), size);
        assert_memory_equal(kit->message.data.payload.at, kit_bytes() + segment * 16, size);
        assert_ptr_equal(kit->datagram.payload, kit_bytes() + segment * 16); /* referred to, not copied */
    }
    kit_free(kit);
}

static void objects_follow_each_other(void **state)
{
    struct kit *kit = kit_new(NULL);

    (void)state;
    assert_int_equal(kit_enqueue(kit, 32, NULL), 0);
    assert_int_equal(kit_enqueue(kit, 16, "b"), 1);
    kit_drain(kit);
    assert_string_equal(kit_trace(kit), "0/0.0 0/0.1 i1 1/0.0 F1/0.0");
    assert_int_equal(kit_events(kit, HERALD_NORM_SENDER_SENT), 2);
    kit_free(kit);
}

static void an_object_without_bytes_is_info_only(void **state)
{
    struct kit *kit = kit_new(NULL);
    struct herald_norm_object nothing = { .kind = HERALD_NORM_FILE };
    uint16_t object_id = 99;

    (void)state;
    assert_int_equal(herald_norm_sender_enqueue(kit->sender, &nothing, kit->now_ns, &object_id), -EINVAL);
    assert_int_equal(object_id, 99);
    kit_enqueue(kit, 0, "empty");
    kit_drain(kit);
    assert_string_equal(kit_trace(kit), "i0 F0/16777215.255");
    assert_int_equal(kit_events(kit, HERALD_NORM_SENDER_SENT), 1);
    kit_free(kit);
}

static void proactive_parity_follows_its_block(void **state)
{
    struct herald_norm_sender_config config = kit_config();
    struct kit *kit;

    (void)state;
    config.proactive_parity = 1;
    kit = kit_new(&config);
    kit_enqueue(kit, 7 * 16, NULL);
    kit_drain(kit);
    assert_string_equal(kit_trace(kit), "0/0.0 0/0.1 0/0.2 0/0.3 0/0.4 0/1.0 0/1.1 0/1.2 0/1.3 F0/1.2");
    kit_free(kit);
}

static void with_proactive_parity_info_is_repeated_before_blocks(void **state)
{
    struct herald_norm_sender_config config = kit_config();
    struct kit *kit;

    (void)state;
    config.proactive_parity = 2;
    kit = kit_new(&config);
    kit_enqueue(kit, 128, "x"); /* two more times: before the second block, and at the end */
    kit_drain(kit);
    assert_string_equal(kit_trace(kit), "i0 0/0.0 0/0.1 0/0.2 0/0.3 0/0.4 0/0.5 "
                                        "i0 0/1.0 0/1.1 0/1.2 0/1.3 0/1.4 0/1.5 i0 F0/1.3");
    kit_enqueue(kit, 0, "x");
    kit_drain(kit);
    assert_string_equal(kit_trace(kit), "i1 i1 i1 F1/16777215.255");
    assert_int_equal(kit_events(kit, HERALD_NORM_SENDER_SENT), 2);
    kit_free(kit);
}

static void the_file_flag_is_set_for_files_only(void **state)
{
    struct kit *kit = kit_new(NULL);
    struct herald_norm_object file = { .kind = HERALD_NORM_FILE, .size_bytes = 1, .bytes = kit_bytes() };
    uint16_t object_id;

    (void)state;
    assert_int_equal(herald_norm_sender_enqueue(kit->sender, &file, kit->now_ns, &object_id), 0);
    kit_enqueue(kit, 1, NULL);
    assert_true(kit_poll(kit) && kit_poll(kit));
    assert_int_equal(kit->message.data.flags, HD_FLAG_FILE);
    assert_true(kit_poll(kit));
    assert_int_equal(kit->message.data.flags, 0);
    kit_free(kit);
}

static void all_messages_count_in_one_sequence(void **state)
{
    struct kit *kit = kit_new(NULL);
    uint16_t expected = 0;

    (void)state;
    kit->show_probes = true;
    kit_enqueue(kit, 64, "x");
    while (kit_poll(kit))
        assert_int_equal(kit->message.header.sequence, expected++);
    assert_int_equal(expected, 7);
    assert_string_equal(kit_trace(kit), "C i0 0/0.0 0/0.1 0/0.2 0/0.3 F0/0.3");
    kit_free(kit);
}

static void the_group_is_described_in_every_message(void **state)
{
    struct kit *kit = kit_new(NULL);

    (void)state;
    kit_enqueue(kit, 64, "x");
    while (kit_poll(kit)) {
        assert_int_equal(kit->message.header.grtt, hd_rtt_encode(10 * KIT_MS));
        assert_int_equal(kit->message.header.backoff, 4);
        assert_int_equal(kit->message.header.gsize, hd_gsize_encode(1000));
    }
    kit_free(kit);
}

static void the_backoff_grows_with_the_group(void **state)
{
    static const struct {
        uint32_t group_size;
        uint8_t backoff;
    } rows[] = {
        { 1, 4 }, { 1000, 4 }, { 5000, 5 }, { 10000, 6 }, { 100000, 7 }, { 1000000, 8 }, { UINT32_MAX, 11 },
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct herald_norm_sender_config config = kit_config();
        struct kit *kit;

        config.group_size = rows[i].group_size;
        kit = kit_new(&config);
        kit_enqueue(kit, 16, NULL);
        assert_true(kit_poll(kit));
        assert_int_equal(kit->message.header.backoff, rows[i].backoff);
        kit_free(kit);
    }
}

static void a_backoff_that_was_chosen_is_kept(void **state)
{
    struct herald_norm_sender_config config = kit_config();
    struct kit *kit;

    (void)state;
    config.group_size = 1000000;
    config.backoff_factor = 2;
    kit = kit_new(&config);
    kit_enqueue(kit, 16, NULL);
    assert_true(kit_poll(kit));
    assert_int_equal(kit->message.header.backoff, 2);
    kit_free(kit);
}

/* --- flush and end --- */

/* At a low rate the pacer holds back what follows the last DATA: nobody else would wake the sender up for it. */
static void flush_and_end_follow_the_last_data_at_any_rate(void **state)
{
    static const uint64_t rates_bytes_per_s[] = { 500, 12500, 125000, 1250000 };

    (void)state;
    for (size_t i = 0; i < sizeof rates_bytes_per_s / sizeof rates_bytes_per_s[0]; i++) {
        struct herald_norm_sender_config config = kit_config();
        struct kit *kit;

        config.segment_bytes = 1000;
        config.rate_bytes_per_s = rates_bytes_per_s[i];
        kit = kit_new(&config);
        kit_enqueue(kit, 1000, NULL);
        herald_norm_sender_end(kit->sender, kit->now_ns);
        /* One DATA, and then at most one FLUSH and EOT per 2 GRTT, which is hardly more than a DATA of 1 kB. */
        kit_run_for(kit, 20 * (1100 * UINT64_C(1000000000) / config.rate_bytes_per_s + 10 * KIT_MS));
        assert_string_equal(kit_trace(kit), "0/0.0 F0/0.0 F0/0.0 F0/0.0 E E E");
        assert_int_equal(kit_events(kit, HERALD_NORM_SENDER_ENDED), 1);
        kit_free(kit);
    }
}

static void nothing_is_flushed_when_all_was_released(void **state)
{
    struct kit *kit = kit_new(NULL);

    (void)state;
    kit_enqueue(kit, 16, NULL);
    kit_drain(kit);
    assert_string_equal(kit_trace(kit), "0/0.0 F0/0.0");
    assert_int_equal(herald_norm_sender_release(kit->sender, 0, kit->now_ns), 0);
    kit_run_for(kit, 1000 * KIT_MS);
    assert_string_equal(kit_trace(kit), "");
    assert_int_equal(kit_events(kit, HERALD_NORM_SENDER_FLUSHED), 1);
    kit_free(kit);
}

static void flush_comes_robust_factor_times_2_grtt_apart(void **state)
{
    struct kit *kit = kit_new(NULL);
    uint64_t grtt_ns = hd_rtt_decode_ns(hd_rtt_encode(10 * KIT_MS));
    uint64_t start_ns = kit->now_ns;

    (void)state;
    kit_enqueue(kit, 16, NULL);
    kit_run_for(kit, 1000 * KIT_MS);
    assert_int_equal(kit->words, 4);
    for (uint32_t i = 0; i < 3; i++)
        assert_int_equal(kit->times_ns[1 + i], start_ns + 2 * grtt_ns * i);
    assert_string_equal(kit_trace(kit), "0/0.0 F0/0.0 F0/0.0 F0/0.0");
    assert_int_equal(kit_events(kit, HERALD_NORM_SENDER_FLUSHED), 1);
    assert_int_equal(herald_norm_sender_next_timeout(kit->sender), HERALD_NEVER);
    kit_free(kit);
}

static void a_flush_comes_again_when_it_is_asked_for(void **state)
{
    struct kit *kit = kit_sent(NULL, 16, NULL);
    uint64_t flushes;

    (void)state;
    herald_norm_sender_flush(kit->sender, kit->now_ns); /* one is under way: this changes nothing */
    kit_run_for(kit, 10000 * KIT_MS);
    assert_int_equal(kit_events(kit, HERALD_NORM_SENDER_FLUSHED), 1);
    flushes = kit_statistics(kit).flushes;
    assert_int_equal(flushes, kit->config.robust_factor);
    kit_run_for(kit, 10000 * KIT_MS);
    assert_int_equal(kit_statistics(kit).flushes, flushes);
    herald_norm_sender_flush(kit->sender, kit->now_ns);
    kit_run_for(kit, 10000 * KIT_MS);
    assert_int_equal(kit_statistics(kit).flushes, 2 * flushes);
    assert_int_equal(kit_events(kit, HERALD_NORM_SENDER_FLUSHED), 2);
    herald_norm_sender_end(kit->sender, kit->now_ns);
    kit_run_for(kit, 10000 * KIT_MS);
    flushes = kit_statistics(kit).flushes;
    herald_norm_sender_flush(kit->sender, kit->now_ns); /* it has ended */
    kit_run_for(kit, 10000 * KIT_MS);
    assert_int_equal(kit_statistics(kit).flushes, flushes);
    kit_free(kit);
}

static void a_new_object_interrupts_the_flush(void **state)
{
    struct kit *kit = kit_new(NULL);

    (void)state;
    kit_enqueue(kit, 16, NULL);
    kit_run_for(kit, 25 * KIT_MS);
    kit_enqueue(kit, 16, NULL);
    kit_run_for(kit, 1000 * KIT_MS);
    assert_string_equal(kit_trace(kit), "0/0.0 F0/0.0 F0/0.0 1/0.0 F1/0.0 F1/0.0 F1/0.0");
    assert_int_equal(kit_events(kit, HERALD_NORM_SENDER_FLUSHED), 1);
    kit_free(kit);
}

static void the_end_comes_after_the_flush(void **state)
{
    struct kit *kit = kit_new(NULL);
    struct herald_norm_object late = { .kind = HERALD_NORM_DATA, .size_bytes = 1, .bytes = kit_bytes() };
    uint16_t object_id;

    (void)state;
    kit_enqueue(kit, 16, NULL);
    herald_norm_sender_end(kit->sender, kit->now_ns);
    assert_int_equal(herald_norm_sender_enqueue(kit->sender, &late, kit->now_ns, &object_id), -ESHUTDOWN);
    kit_run_for(kit, 1000 * KIT_MS);
    assert_string_equal(kit_trace(kit), "0/0.0 F0/0.0 F0/0.0 F0/0.0 E E E");
    assert_int_equal(kit_events(kit, HERALD_NORM_SENDER_ENDED), 1);
    assert_int_equal(herald_norm_sender_next_timeout(kit->sender), HERALD_NEVER);
    kit_free(kit);
}

static void a_sender_that_sent_nothing_ends_at_once(void **state)
{
    struct kit *kit = kit_new(NULL);

    (void)state;
    assert_int_equal(herald_norm_sender_next_timeout(kit->sender), HERALD_NEVER);
    herald_norm_sender_end(kit->sender, kit->now_ns);
    kit_run_for(kit, 1000 * KIT_MS);
    assert_string_equal(kit_trace(kit), "E E E");
    kit_free(kit);
}

/* --- rate --- */

static void every_datagram_is_paced(void **state)
{
    struct herald_norm_sender_config config = kit_config();
    struct herald_norm_sender_statistics statistics;
    struct kit *kit;

    (void)state;
    config.rate_bytes_per_s = 1000;
    config.burst_ns = 0;
    kit = kit_new(&config);
    kit_enqueue(kit, 1000, NULL);
    kit_run_for(kit, 1000 * KIT_MS);
    herald_norm_sender_get_statistics(kit->sender, &statistics);
    assert_in_range(statistics.bytes, 950, 1050);
    assert_int_equal(herald_norm_sender_set_rate(kit->sender, 2000, kit->now_ns), 0);
    kit_run_for(kit, 1000 * KIT_MS);
    herald_norm_sender_get_statistics(kit->sender, &statistics);
    assert_in_range(statistics.bytes, 2900, 3100);
    assert_int_equal(herald_norm_sender_set_rate(kit->sender, 0, kit->now_ns), -EINVAL);
    kit_free(kit);
}

static void probes_come_while_there_is_something_to_do(void **state)
{
    struct kit *kit = kit_new(NULL);

    (void)state;
    kit->show_probes = true;
    kit_enqueue(kit, 16, NULL);
    kit_drain(kit);
    assert_string_equal(kit_trace(kit), "C 0/0.0 F0/0.0");
    kit_run_for(kit, 10000 * KIT_MS);
    assert_non_null(strchr(kit_trace(kit), 'C'));
    assert_int_equal(herald_norm_sender_next_timeout(kit->sender), HERALD_NEVER);
    kit_free(kit);
}

static void a_probe_tells_the_rate(void **state)
{
    struct kit *kit = kit_new(NULL);

    (void)state;
    kit_enqueue(kit, 16, NULL);
    assert_true(kit_poll(kit));
    assert_int_equal(kit->message.kind, HD_KIND_CC);
    assert_true(kit->message.extensions.present & HD_EXT_RATE);
    assert_int_equal(kit->message.extensions.rate, hd_rate_encode(HERALD_NORM_RATE_MAX_BYTES_PER_S));
    assert_true(hd_timestamp_is_set(kit->message.cc.sent));
    kit_free(kit);
}

/* --- limits --- */

static void a_buffer_that_is_too_small_is_refused(void **state)
{
    struct kit *kit = kit_new(NULL);
    uint8_t buffer[64];
    struct herald_norm_datagram datagram = { .buffer = buffer, .buffer_bytes = sizeof(buffer) };

    (void)state;
    kit_enqueue(kit, 16, NULL);
    assert_int_equal(herald_norm_sender_poll_output(kit->sender, &datagram, kit->now_ns), -EMSGSIZE);
    kit_free(kit);
}

static void each_wrong_field_of_a_config_is_named(void **state)
{
    struct herald_norm_sender_config good = kit_config();

#define WRONG(field, value)                                            \
 do {                                                                  \
  struct herald_norm_sender_config bad = good;                         \
  herald_norm_sender *sender = NULL;                                   \
  bad.field = (value);                                                 \
  assert_string_equal(herald_norm_sender_config_check(&bad), #field);  \
  assert_int_equal(herald_norm_sender_new(&sender, &bad, 0), -EINVAL); \
  assert_null(sender);                                                 \
 } while (0)

    (void)state;
    assert_null(herald_norm_sender_config_check(&good));
    WRONG(node_id, HERALD_NORM_NODE_NONE);
    WRONG(node_id, HERALD_NORM_NODE_ANY);
    WRONG(segment_bytes, 15);
    WRONG(segment_bytes, 65001);
    WRONG(fec_id, 0);
    WRONG(block_segments, 0);
    WRONG(block_segments, 255);
    WRONG(parity_segments, 252);
    WRONG(proactive_parity, 3);
    WRONG(rate_mode, (enum herald_norm_rate_mode)3);
    WRONG(rate_bytes_per_s, 0);
    WRONG(rate_bytes_per_s, HERALD_NORM_RATE_MAX_BYTES_PER_S + 1);
    WRONG(burst_ns, UINT64_C(2000000000));
    WRONG(burst_datagrams_max, 0);
    WRONG(burst_datagrams_max, 65);
    WRONG(grtt_initial_ns, 0);
    WRONG(grtt_max_ns, 0);
    WRONG(backoff_factor, 16);
    WRONG(group_size, 0);
    WRONG(robust_factor, 0);
    WRONG(objects_max, 0);
    WRONG(objects_max, 16385);
    WRONG(blocks_per_queue, 0);
    WRONG(repair_blocks_max, 0);
    WRONG(info_bytes_max, 17);
    WRONG(stream_blocks_max, 1);
    WRONG(application_bytes_max, 17);
    good.rate_mode = HERALD_NORM_RATE_AUTO;
    WRONG(rate_min_bytes_per_s, 0);
    WRONG(rate_max_bytes_per_s, 0);
    WRONG(rate_bytes_per_s, 1000);
#undef WRONG
}

static void the_default_config_needs_only_a_node_id(void **state)
{
    struct herald_norm_sender_config config;

    (void)state;
    herald_norm_sender_config_default(&config);
    assert_string_equal(herald_norm_sender_config_check(&config), "node_id");
    config.node_id = 1;
    assert_null(herald_norm_sender_config_check(&config));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ten_segments_go_out_in_blocks_of_4_3_3),
        cmocka_unit_test(info_goes_first),
        cmocka_unit_test(data_carries_fti_and_the_bytes),
        cmocka_unit_test(objects_follow_each_other),
        cmocka_unit_test(an_object_without_bytes_is_info_only),
        cmocka_unit_test(proactive_parity_follows_its_block),
        cmocka_unit_test(with_proactive_parity_info_is_repeated_before_blocks),
        cmocka_unit_test(the_file_flag_is_set_for_files_only),
        cmocka_unit_test(all_messages_count_in_one_sequence),
        cmocka_unit_test(the_group_is_described_in_every_message),
        cmocka_unit_test(the_backoff_grows_with_the_group),
        cmocka_unit_test(flush_and_end_follow_the_last_data_at_any_rate),
        cmocka_unit_test(nothing_is_flushed_when_all_was_released),
        cmocka_unit_test(a_backoff_that_was_chosen_is_kept),
        cmocka_unit_test(flush_comes_robust_factor_times_2_grtt_apart),
        cmocka_unit_test(a_flush_comes_again_when_it_is_asked_for),
        cmocka_unit_test(a_new_object_interrupts_the_flush),
        cmocka_unit_test(the_end_comes_after_the_flush),
        cmocka_unit_test(a_sender_that_sent_nothing_ends_at_once),
        cmocka_unit_test(every_datagram_is_paced),
        cmocka_unit_test(probes_come_while_there_is_something_to_do),
        cmocka_unit_test(a_probe_tells_the_rate),
        cmocka_unit_test(a_buffer_that_is_too_small_is_refused),
        cmocka_unit_test(each_wrong_field_of_a_config_is_named),
        cmocka_unit_test(the_default_config_needs_only_a_node_id),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
