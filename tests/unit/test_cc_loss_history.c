/* SPDX-License-Identifier: MIT */
#include "loss_history.h"

#include "random.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#define MS UINT64_C(1000000)

enum { FIRST = 65000 };

/* Packets `from` .. before `to`, counted from the first, one per millisecond. */
static void receive(struct hd_loss_history *history, uint32_t from, uint32_t to)
{
    for (uint32_t packet = from; packet < to; packet++)
        hd_loss_history_on_packet(history, (uint16_t)(FIRST + packet), packet * MS);
}

static struct hd_loss_history started(uint32_t packets)
{
    struct hd_loss_history history;

    hd_loss_history_init(&history);
    hd_loss_history_set_rtt(&history, 10 * MS);
    receive(&history, 0, packets);
    return history;
}

/* 1 / interval in parts of UINT32_MAX */
static void assert_interval(const struct hd_loss_history *history, double packets)
{
    double expected = UINT32_MAX / packets;
    double rate = hd_loss_history_rate(history);

    assert_true(rate > expected * 0.999 && rate < expected * 1.001);
}

static void history_without_loss_has_no_rate(void **state)
{
    struct hd_loss_history history = started(200000);

    (void)state;
    assert_int_equal(hd_loss_history_rate(&history), 0);
    assert_int_equal(history.lost_datagrams, 0);
}

static void history_takes_a_packet_for_lost_after_three_later(void **state)
{
    struct hd_loss_history history = started(100);

    (void)state;
    receive(&history, 101, 103);
    assert_int_equal(history.lost_datagrams, 0);
    receive(&history, 103, 104);
    assert_int_equal(history.lost_datagrams, 1);
    assert_true(history.has_new_first);
    assert_int_equal(history.intervals[0], 100);
}

static void history_forgives_reordering_by_two(void **state)
{
    struct hd_loss_history history = started(100);

    (void)state;
    for (uint32_t packet = 100; packet < 10000; packet += 3) {
        receive(&history, packet + 1, packet + 3);
        receive(&history, packet, packet + 1);
    }
    assert_int_equal(history.lost_datagrams, 0);
    assert_int_equal(hd_loss_history_rate(&history), 0);
}

static void history_ignores_duplicates_and_the_late(void **state)
{
    struct hd_loss_history history = started(100);

    (void)state;
    receive(&history, 101, 110);
    receive(&history, 100, 101);
    receive(&history, 50, 110);
    receive(&history, 108, 110);
    assert_int_equal(history.lost_datagrams, 1);
    assert_int_equal(history.intervals_count, 1);
    assert_int_equal(history.highest, FIRST + 109);
}

static void history_counts_losses_of_one_rtt_as_one_event(void **state)
{
    struct hd_loss_history history = started(100);

    (void)state;
    receive(&history, 101, 105);
    receive(&history, 106, 108);
    receive(&history, 109, 130);
    assert_int_equal(history.lost_datagrams, 3);
    assert_int_equal(history.intervals_count, 1);
    receive(&history, 131, 140);
    assert_int_equal(history.intervals_count, 2);
    assert_int_equal(history.intervals[0], 30);
}

/* RFC 5348 section 5.4, by hand. */
static void history_weighs_the_last_eight_intervals(void **state)
{
    struct hd_loss_history history;

    (void)state;
    history = started(1);
    history.intervals_count = 8;
    for (uint32_t i = 0; i < 8; i++)
        history.intervals[i] = 100 * (i + 1);
    /* Open: 1 packet. 100 + 200 + 300 + 400 + .8 * 500 + .6 * 600 + .4 * 700 + .2 * 800 = 2200; / 6 */
    assert_interval(&history, 2200.0 / 6);
    /* Open: 1000. 1000 + 100 + 200 + 300 + .8 * 400 + .6 * 500 + .4 * 600 + .2 * 700 = 2600; / 6 */
    history.event_packet = history.highest - 999;
    assert_interval(&history, 2600.0 / 6);
    /* Three only, 1000 open: (1000 + 100 + 200) / 3 */
    history.intervals_count = 3;
    assert_interval(&history, 1300.0 / 3);
}

static void history_of_regular_loss_has_its_rate(void **state)
{
    struct hd_loss_history history = started(1);

    (void)state;
    for (uint32_t packet = 50; packet < 5000; packet += 50)
        receive(&history, packet - 49, packet);
    receive(&history, 4951, 4960);
    assert_interval(&history, 50);
    assert_int_equal(history.lost_datagrams, 99);
}

static void history_takes_a_long_gap_for_one_event(void **state)
{
    struct hd_loss_history history = started(100);

    (void)state;
    receive(&history, 900, 904);
    assert_int_equal(history.lost_datagrams, 800);
    assert_int_equal(history.intervals_count, 1);
}

static void history_begins_anew_after_a_jump(void **state)
{
    struct hd_loss_history history = started(100);

    (void)state;
    receive(&history, 20000, 20100);
    assert_int_equal(history.lost_datagrams, 0);
    assert_int_equal(hd_loss_history_rate(&history), 0);
    receive(&history, 20101, 20110);
    /* 100 before the jump, 100 after it; the gap does not count. */
    assert_int_equal(history.intervals[0], 200);
}

static void history_counts_every_loss_of_a_half_lost_stream(void **state)
{
    struct hd_loss_history history = started(2);

    (void)state;
    for (uint32_t packet = 2; packet < 4000; packet += 2)
        receive(&history, packet + 1, packet + 2);
    assert_in_range(history.lost_datagrams, 1990, 1999);
    /* A loss every 2 ms; those within 10 ms are one event, and the next begins after 12. */
    assert_interval(&history, 74.0 / 6); /* the open one has 14 */
}

static void history_seed_replaces_the_first_interval(void **state)
{
    struct hd_loss_history history = started(100);

    (void)state;
    receive(&history, 101, 110);
    hd_loss_history_seed(&history, 5000);
    assert_false(history.has_new_first);
    assert_interval(&history, 5000);
}

static void history_survives_any_sequence(void **state)
{
    struct hd_loss_history history = started(1);
    uint64_t random = 1;

    (void)state;
    for (uint64_t i = 0; i < 200000; i++) {
        random = random * UINT64_C(6364136223846793005) + 1442695040888963407;
        hd_loss_history_on_packet(&history, (uint16_t)(random >> (i % 2000 < 1000 ? 48 : 55)), i * 1000);
        assert_true(history.intervals_count == 0 || hd_loss_history_rate(&history) > 0);
        assert_false(history.unresolved & 1);
    }
}

static void packets_that_count_on_do_what_they_do_one_by_one(void **state)
{
    struct hd_loss_history single, bulk;
    struct hd_random random;
    uint16_t sequence = FIRST;

    (void)state;
    hd_random_init(&random, 1);
    hd_loss_history_init(&single);
    hd_loss_history_init(&bulk);
    for (uint64_t round = 1; round < 20000; round++) {
        uint16_t count = (uint16_t)(1 + hd_random_below(&random, 46));

        for (uint16_t i = 0; i < count; i++)
            hd_loss_history_on_packet(&single, (uint16_t)(sequence + i), round * MS);
        hd_loss_history_on_packets(&bulk, sequence, count, round * MS);
        assert_memory_equal(&single, &bulk, sizeof(single));
        sequence = (uint16_t)(sequence + count + hd_random_below(&random, 4) - hd_random_below(&random, 3));
    }
    assert_true(single.lost_datagrams > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(history_without_loss_has_no_rate),
        cmocka_unit_test(history_takes_a_packet_for_lost_after_three_later),
        cmocka_unit_test(history_forgives_reordering_by_two),
        cmocka_unit_test(history_ignores_duplicates_and_the_late),
        cmocka_unit_test(history_counts_losses_of_one_rtt_as_one_event),
        cmocka_unit_test(history_weighs_the_last_eight_intervals),
        cmocka_unit_test(history_of_regular_loss_has_its_rate),
        cmocka_unit_test(history_takes_a_long_gap_for_one_event),
        cmocka_unit_test(history_begins_anew_after_a_jump),
        cmocka_unit_test(history_counts_every_loss_of_a_half_lost_stream),
        cmocka_unit_test(history_seed_replaces_the_first_interval),
        cmocka_unit_test(history_survives_any_sequence),
        cmocka_unit_test(packets_that_count_on_do_what_they_do_one_by_one),
    };

    return cmocka_run_group_tests_name("cc_loss_history", tests, NULL, NULL);
}
