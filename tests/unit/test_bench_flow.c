/* SPDX-License-Identifier: MIT */
/* What a receiver counts of a stream: losses, copies, order, jitter. */
#include "bench_host.h"
#include "flow.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static uint64_t next_random(uint64_t *state)
{
    *state = *state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return *state >> 33;
}

/* ---- losses, copies, order ---------------------------------------------------------------------- */

/* The same, in the simplest way: a count for each number. */
struct model {
    unsigned char *seen;
    uint64_t next;
    uint64_t unique, duplicates, reordered;
};

static void model_arrived(struct model *model, uint64_t number)
{
    if (model->seen[number] > 0) {
        model->duplicates++;
    } else {
        model->unique++;
        model->reordered += number < model->next;
    }
    model->seen[number] = 1;
    if (number >= model->next)
        model->next = number + 1;
}

static struct hd_track_bursts model_bursts(const struct model *model)
{
    struct hd_track_bursts bursts = { 0, 0 };
    uint64_t open = 0;

    for (uint64_t number = 1; number < model->next; number++) {
        open = model->seen[number] > 0 ? 0 : open + 1;
        bursts.count += open == 1;
        bursts.longest = open > bursts.longest ? open : bursts.longest;
    }
    return bursts;
}

/* A stream with random losses in runs, copies and swaps, none further apart than the window. */
static void check_against_model(uint64_t seed, uint64_t count, uint64_t loss_percent, uint64_t run_max)
{
    struct model model = { .seen = calloc(count + 64, 1), .next = 1 };
    struct hd_track *track = malloc(sizeof(*track));
    struct hd_track_bursts bursts;

    assert_non_null(model.seen);
    assert_non_null(track);
    hd_track_init(track, 1);
    for (uint64_t number = 1; number <= count; number++) {
        uint64_t dice = next_random(&seed) % 100;
        uint64_t sent = number;

        if (dice < loss_percent) {
            number += next_random(&seed) % run_max;
            continue;
        }
        if (dice > 95 && number > 100)
            sent = number - next_random(&seed) % 100;
        model_arrived(&model, sent);
        (void)hd_track_arrived(track, sent);
    }
    assert_int_equal(hd_track_expected(track), model.next - 1);
    assert_int_equal(hd_track_lost(track), model.next - 1 - model.unique);
    assert_int_equal(track->duplicates, model.duplicates);
    assert_int_equal(track->reordered, model.reordered);
    assert_int_equal(track->stale, 0);
    bursts = hd_track_count_bursts(track);
    assert_int_equal(bursts.count, model_bursts(&model).count);
    assert_int_equal(bursts.longest, model_bursts(&model).longest);
    free(track);
    free(model.seen);
}

static void counts_are_those_of_a_model(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 8; seed++) {
        check_against_model(seed, 1000, 5, 1);
        check_against_model(seed, 200000, 2, 50);
        check_against_model(seed, 200000, 1, 40000); /* holes wider than the window */
        check_against_model(seed, 70000, 50, 3);
    }
}

static void numbers_that_cannot_be_are_ignored(void **state)
{
    static struct hd_track track;

    (void)state;
    hd_track_init(&track, 10);
    assert_int_equal(hd_track_arrived(&track, 9), HD_TRACK_STRANGE);
    assert_int_equal(hd_track_arrived(&track, 10), HD_TRACK_NEW);
    assert_int_equal(hd_track_arrived(&track, UINT64_MAX), HD_TRACK_STRANGE);
    assert_int_equal(hd_track_arrived(&track, UINT64_C(1) << 40), HD_TRACK_STRANGE);
    assert_int_equal(hd_track_expected(&track), 1);
    assert_int_equal(hd_track_arrived(&track, 11 + HD_TRACK_WINDOW), HD_TRACK_NEW);
    assert_int_equal(hd_track_arrived(&track, 11), HD_TRACK_STALE);
    assert_int_equal(hd_track_lost(&track), HD_TRACK_WINDOW);
    assert_int_equal(track.strange, 3);
}

/* One forged or damaged datagram must not make everything after it come too late. */
static void one_number_far_above_the_others_is_not_believed(void **state)
{
    static struct hd_track track;

    (void)state;
    hd_track_init(&track, 1);
    for (uint64_t number = 1; number <= 1000; number++) {
        assert_int_equal(hd_track_arrived(&track, number), HD_TRACK_NEW);
        assert_int_equal(hd_track_arrived(&track, 1000000 * number), HD_TRACK_DOUBTFUL);
        assert_int_equal(hd_track_arrived(&track, 1000000 * number), HD_TRACK_DOUBTFUL);
    }
    assert_int_equal(hd_track_expected(&track), 1000);
    assert_int_equal(hd_track_lost(&track), 0);
}

static void two_numbers_far_above_the_others_are_believed(void **state)
{
    static struct hd_track track;

    (void)state;
    hd_track_init(&track, 1);
    (void)hd_track_arrived(&track, 1);
    assert_int_equal(hd_track_arrived(&track, 1000000), HD_TRACK_DOUBTFUL);
    assert_int_equal(hd_track_arrived(&track, 1000001), HD_TRACK_NEW);
    assert_int_equal(hd_track_lost(&track), 999998);
    assert_int_equal(hd_track_arrived(&track, 2000001), HD_TRACK_DOUBTFUL);
    assert_int_equal(hd_track_arrived(&track, 2000000), HD_TRACK_REORDERED);
    assert_int_equal(hd_track_lost(&track), 999998 + 999998);
    assert_int_equal(hd_track_arrived(&track, 3000000), HD_TRACK_DOUBTFUL);
    hd_track_extend(&track, 3000001); /* that was the last one */
    assert_int_equal(hd_track_lost(&track), 999998 + 999998 + 999997 + 1);
    assert_int_equal(track.strange, 0);
}

static void what_is_known_to_be_sent_is_lost_without_a_later_one(void **state)
{
    static struct hd_track track;

    (void)state;
    hd_track_init(&track, 1);
    (void)hd_track_arrived(&track, 1);
    hd_track_extend(&track, 11);
    assert_int_equal(hd_track_lost(&track), 9);
    assert_int_equal(hd_track_count_bursts(&track).longest, 9);
    hd_track_extend(&track, 5);
    hd_track_extend(&track, UINT64_MAX);
    assert_int_equal(hd_track_lost(&track), 9);
    assert_int_equal(hd_track_arrived(&track, 4), HD_TRACK_REORDERED);
    assert_int_equal(hd_track_count_bursts(&track).count, 2);
}

/* iperf before 2.1 counts from 0: none is no doubtful one. */
static void a_stream_from_zero_has_no_number_that_did_not_come(void **state)
{
    static struct hd_track track;

    (void)state;
    hd_track_init(&track, 0);
    hd_track_extend(&track, 3);
    assert_int_equal(hd_track_lost(&track), 3);
}

/* ---- jitter -------------------------------------------------------------------------------------- */

/* J = J + (|D| - J) / 16, in floating point. */
static void jitter_is_that_of_rfc_3550(void **state)
{
    struct hd_jitter jitter = { .any = false };
    double wanted = 0;
    uint64_t seed = 7;
    uint64_t sent_ns = UINT64_C(1700000000000000000);
    uint64_t received_ns = 12345; /* another clock */
    uint64_t transit_before = 0;

    (void)state;
    for (int i = 0; i < 10000; i++) {
        uint64_t transit;

        sent_ns += 1000000;
        transit = 500000 + next_random(&seed) % 300000;
        received_ns = sent_ns - UINT64_C(1699999999000000000) + transit;
        if (i > 0) {
            double difference = fabs((double)transit - (double)transit_before);
            wanted += (difference - wanted) / 16;
        }
        transit_before = transit;
        hd_jitter_arrived(&jitter, sent_ns, received_ns);
        assert_true(fabs((double)hd_jitter_ns(&jitter) - wanted) <= 2);
    }
    /* A burst has one time of sending: it counts once. */
    for (int i = 0; i < 100; i++)
        hd_jitter_arrived(&jitter, sent_ns, received_ns + 1000000000);
    assert_true(fabs((double)hd_jitter_ns(&jitter) - wanted) <= 2);
}

/* ---- the whole ----------------------------------------------------------------------------------- */

static struct hd_stream_header header_of(uint64_t number)
{
    return (struct hd_stream_header){
        .number = number,
        .time_ns = 1000000000 + number * 1000,
        .own = true,
        .stream_id = 5,
        .elapsed_ns = number * 1000,
        .clock_id = 77,
        .ttl = 1,
    };
}

static void a_stream_counts_its_last_datagram_once(void **state)
{
    struct hd_flow flow;
    struct hd_stream_header header = header_of(2);
    struct herald_bench_figures figures;

    (void)state;
    assert_int_equal(hd_flow_init(&flow, &header, 1000005000, 10000, 77), 0);
    hd_flow_arrived(&flow, &header, 100, 1000005000);
    header = header_of(3);
    hd_flow_arrived(&flow, &header, 100, 1000006000);
    header = header_of(5);
    header.last = true;
    header.repeated = true; /* the first telling of the end was lost: a reminder is no datagram */
    hd_flow_arrived(&flow, &header, 100, 1000009000);
    hd_flow_arrived(&flow, &header, 100, 1000010000);
    hd_flow_finish(&flow);
    hd_flow_figures(&flow, &figures);
    assert_int_equal(figures.received, 2);
    assert_int_equal(figures.expected, 5); /* it had listened since before the stream began */
    assert_int_equal(figures.lost, 3);
    assert_int_equal(figures.duplicates, 0);
    assert_int_equal(figures.missed, 0);
    assert_true(figures.ended);
    assert_int_equal(figures.delay.clock, HERALD_BENCH_CLOCK_SAME);
    assert_int_equal(figures.delay.min_ns, 3000);
    assert_int_equal(figures.elapsed_ns, 1000);
    assert_int_equal((int64_t)figures.rate_bps, 800000000);
    hd_flow_release(&flow);
}

/* This host's clock is set an hour back, then two hours forth; the sender's a year forth. */
static void a_clock_that_is_set_does_not_make_time_pass(void **state)
{
    const int64_t hour_ns = INT64_C(3600000000000);
    struct hd_flow flow;
    struct hd_stream_header header = header_of(1);
    struct herald_bench_figures figures;
    uint64_t time_ns = 5 * (uint64_t)hour_ns;

    (void)state;
    assert_int_equal(hd_flow_init(&flow, &header, time_ns, 10000000000, 78), 0);
    for (uint64_t number = 1; number <= 301; number++) {
        header = header_of(number);
        if (number > 150)
            header.time_ns += UINT64_C(8760) * (uint64_t)hour_ns;
        flow.set_ns = number <= 100 ? 0 : number <= 200 ? -hour_ns : hour_ns;
        hd_flow_arrived(&flow, &header, 100, time_ns + (number - 1) * 1000 + (uint64_t)flow.set_ns);
    }
    hd_flow_figures(&flow, &figures);
    assert_int_equal(figures.elapsed_ns, 300000);
    assert_int_equal((int64_t)figures.rate_bps, 800000000);
    assert_int_equal(figures.jitter_ns, 0);
    hd_flow_release(&flow);
}

/* The same, and the delays go on as they were. */
static void a_clock_that_is_set_is_no_delay(void **state)
{
    const int64_t hour_ns = INT64_C(3600000000000);
    struct hd_flow flow;
    struct hd_stream_header header = header_of(1);
    struct herald_bench_figures figures;
    uint64_t time_ns = 5 * (uint64_t)hour_ns;

    (void)state;
    assert_int_equal(hd_flow_init(&flow, &header, time_ns, 10000000000, 78), 0);
    for (uint64_t number = 1; number <= 300; number++) {
        header = header_of(number);
        flow.set_ns = number <= 100 ? 0 : number <= 200 ? -hour_ns : hour_ns;
        hd_flow_arrived(&flow, &header, 100, time_ns + (number - 1) * 1000 + (uint64_t)flow.set_ns);
    }
    hd_flow_figures(&flow, &figures);
    assert_int_equal(figures.delay.count, 300);
    assert_int_equal(figures.delay.min_ns, 0);
    assert_int_equal(figures.delay.max_ns, 0);
    hd_flow_release(&flow);
}

static void a_clock_that_is_set_is_noticed(void **state)
{
    const uint64_t ahead_ns = UINT64_C(1700000000000000000);
    const int64_t hour_ns = INT64_C(3600000000000);
    const uint64_t now_ns = 5000000000;
    struct hd_bench_clock clock = { .ahead_ns = ahead_ns };

    (void)state;
    hd_bench_clock_compare(&clock, ahead_ns + 10000, 50, now_ns);
    hd_bench_clock_compare(&clock, ahead_ns - 1000000, 2000000, now_ns); /* not known so exactly */
    assert_int_equal(clock.set_ns, 0);
    assert_int_equal(hd_bench_clock_set_ns(&clock, ahead_ns + now_ns, now_ns), 0);
    for (int64_t set_ns = hour_ns; set_ns >= -hour_ns; set_ns -= 2 * hour_ns) {
        clock = (struct hd_bench_clock){ .ahead_ns = ahead_ns };
        hd_bench_clock_compare(&clock, ahead_ns + (uint64_t)set_ns, 50, now_ns);
        assert_int_equal(clock.set_ns, set_ns);
        /* What waits to be read was noted before that or after. */
        assert_int_equal(hd_bench_clock_set_ns(&clock, ahead_ns + now_ns - 1000000, now_ns), 0);
        assert_int_equal(hd_bench_clock_set_ns(&clock, ahead_ns + now_ns - 1000 + (uint64_t)set_ns, now_ns), set_ns);
        hd_bench_clock_compare(&clock, ahead_ns + (uint64_t)set_ns, 50, now_ns + 1000);
        assert_int_equal(clock.seen_ns, now_ns);
    }
}

/* Times of sending are a peer's word. */
static void jitter_of_absurd_times_does_not_overflow(void **state)
{
    struct hd_jitter jitter = { .any = false };

    (void)state;
    for (uint64_t i = 0; i < 1000; i++)
        hd_jitter_arrived(&jitter, i % 2 == 0 ? i : (UINT64_C(1) << 63) + i, i);
    assert_true(hd_jitter_ns(&jitter) > UINT64_C(1) << 57);
    assert_true(hd_jitter_ns(&jitter) <= UINT64_C(1) << 58);
}

static void who_comes_late_has_lost_nothing(void **state)
{
    struct hd_flow flow;
    struct hd_stream_header header = header_of(1000);
    struct herald_bench_figures figures;

    (void)state;
    assert_int_equal(hd_flow_init(&flow, &header, 2000000000, 999999, 78), 0);
    hd_flow_arrived(&flow, &header, 100, 2000000000);
    header = header_of(1003);
    hd_flow_arrived(&flow, &header, 100, 2000003000);
    hd_flow_figures(&flow, &figures);
    assert_int_equal(figures.missed, 999);
    assert_int_equal(figures.expected, 4);
    assert_int_equal(figures.lost, 2);
    assert_false(figures.ended);
    assert_int_equal(figures.delay.clock, HERALD_BENCH_CLOCK_NONE);
    assert_int_equal(figures.delay.min_ns, 0); /* relative to the first */
    hd_flow_release(&flow);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(counts_are_those_of_a_model),
        cmocka_unit_test(numbers_that_cannot_be_are_ignored),
        cmocka_unit_test(a_stream_from_zero_has_no_number_that_did_not_come),
        cmocka_unit_test(one_number_far_above_the_others_is_not_believed),
        cmocka_unit_test(two_numbers_far_above_the_others_are_believed),
        cmocka_unit_test(a_clock_that_is_set_does_not_make_time_pass),
        cmocka_unit_test(a_clock_that_is_set_is_no_delay),
        cmocka_unit_test(a_clock_that_is_set_is_noticed),
        cmocka_unit_test(jitter_of_absurd_times_does_not_overflow),
        cmocka_unit_test(what_is_known_to_be_sent_is_lost_without_a_later_one),
        cmocka_unit_test(jitter_is_that_of_rfc_3550),
        cmocka_unit_test(a_stream_counts_its_last_datagram_once),
        cmocka_unit_test(who_comes_late_has_lost_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
