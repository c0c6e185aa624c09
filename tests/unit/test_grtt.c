/* SPDX-License-Identifier: MIT */
#include "grtt.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#define MS  UINT64_C(1000000)
#define SEC UINT64_C(1000000000)

enum { SEGMENT = 1400 };
static const uint64_t fast_bps = 125000000;

static struct hd_grtt started(void)
{
    struct hd_grtt grtt;

    hd_grtt_init(&grtt, 100 * MS, 10 * SEC, 0);
    return grtt;
}

/* A round of its own: enough time for whatever the estimate is. */
static void round_with(struct hd_grtt *grtt, uint64_t *now_ns, uint64_t rtt_ns)
{
    hd_grtt_on_sample(grtt, rtt_ns);
    *now_ns += 20 * SEC;
    hd_grtt_on_probe(grtt, SEGMENT, fast_bps, *now_ns);
}

static void grtt_adopts_the_first_measurement(void **state)
{
    struct hd_grtt grtt = started();

    (void)state;
    assert_int_equal(hd_grtt_ns(&grtt), 100 * MS);
    hd_grtt_on_sample(&grtt, 3 * MS);
    assert_int_equal(hd_grtt_ns(&grtt), 3 * MS);
}

static void grtt_rises_by_three_quarters_at_once(void **state)
{
    struct hd_grtt grtt = started();

    (void)state;
    hd_grtt_on_sample(&grtt, 20 * MS);
    hd_grtt_on_sample(&grtt, 60 * MS);
    assert_int_equal(hd_grtt_ns(&grtt), 50 * MS);
}

static void grtt_falls_by_a_tenth_per_round_to_the_peak(void **state)
{
    struct hd_grtt grtt = started();
    uint64_t now_ns = 0;

    (void)state;
    round_with(&grtt, &now_ns, 100 * MS);
    assert_int_equal(hd_grtt_ns(&grtt), 100 * MS);
    hd_grtt_on_sample(&grtt, 10 * MS);
    round_with(&grtt, &now_ns, 80 * MS);
    assert_int_equal(hd_grtt_ns(&grtt), 90 * MS);
    round_with(&grtt, &now_ns, 85 * MS);
    assert_int_equal(hd_grtt_ns(&grtt), 85 * MS);
}

static void grtt_stays_when_nobody_answers(void **state)
{
    struct hd_grtt grtt = started();
    uint64_t now_ns = 0;

    (void)state;
    round_with(&grtt, &now_ns, 70 * MS);
    for (int i = 0; i < 5; i++)
        round_with(&grtt, &now_ns, 0);
    assert_int_equal(hd_grtt_ns(&grtt), 70 * MS);
}

static void grtt_round_lasts_a_grtt_however_often_probes_come(void **state)
{
    struct hd_grtt grtt = started();

    (void)state;
    hd_grtt_on_sample(&grtt, 100 * MS);
    hd_grtt_on_probe(&grtt, SEGMENT, fast_bps, 100 * MS);
    for (uint64_t now_ns = 101 * MS; now_ns < 200 * MS; now_ns += MS) {
        hd_grtt_on_sample(&grtt, 50 * MS);
        hd_grtt_on_probe(&grtt, SEGMENT, fast_bps, now_ns);
    }
    assert_int_equal(hd_grtt_ns(&grtt), 100 * MS);
    hd_grtt_on_probe(&grtt, SEGMENT, fast_bps, 200 * MS);
    assert_int_equal(hd_grtt_ns(&grtt), 90 * MS);
}

static void grtt_forgets_one_absurd_echo_faster(void **state)
{
    struct hd_grtt grtt = started();
    uint64_t now_ns = 0;
    int rounds = 0;

    (void)state;
    round_with(&grtt, &now_ns, 2 * MS);
    hd_grtt_on_sample(&grtt, 8 * SEC);
    while (hd_grtt_ns(&grtt) > 3 * MS) {
        round_with(&grtt, &now_ns, 2 * MS);
        rounds++;
    }
    assert_in_range(rounds, 20, 40);
}

static void grtt_keeps_floor_and_ceiling(void **state)
{
    struct hd_grtt grtt = started();

    (void)state;
    hd_grtt_on_sample(&grtt, 50000);
    assert_int_equal(hd_grtt_ns(&grtt), MS);
    hd_grtt_on_probe(&grtt, 1400, 14440, 1);
    assert_int_equal(hd_grtt_ns(&grtt), 100 * MS);
    hd_grtt_on_probe(&grtt, 1400, 0, 2);
    hd_grtt_on_probe(&grtt, 65000, 1, 3);
    assert_int_equal(hd_grtt_ns(&grtt), 10 * SEC);
}

static void grtt_measures_only_believable_echoes(void **state)
{
    static const struct {
        uint64_t echo_ns, now_ns, rtt_ns;
    } rows[] = {
        { 0, 50 * SEC, 0 },                 /* not set */
        { 49 * SEC, 50 * SEC, SEC },        /* plain */
        { 40 * SEC, 50 * SEC, 10 * SEC },   /* the maximum */
        { 40 * SEC - 1, 50 * SEC, 0 },      /* beyond it */
        { 50 * SEC, 50 * SEC, 1000 },       /* no time at all */
        { 50 * SEC + MS, 50 * SEC, 1000 },  /* clocks that drift */
        { 50 * SEC + MS + 1, 50 * SEC, 0 }, /* the future */
        { UINT64_MAX, 50 * SEC, 0 },
        { UINT32_MAX * SEC, UINT32_MAX * SEC + 5 * MS, 5 * MS },
    };
    struct hd_grtt grtt = started();

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        assert_int_equal(hd_grtt_measure_ns(&grtt, rows[i].echo_ns, rows[i].now_ns), rows[i].rtt_ns);
    hd_grtt_on_sample(&grtt, 11 * SEC);
    assert_int_equal(hd_grtt_ns(&grtt), 100 * MS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(grtt_adopts_the_first_measurement),
        cmocka_unit_test(grtt_rises_by_three_quarters_at_once),
        cmocka_unit_test(grtt_falls_by_a_tenth_per_round_to_the_peak),
        cmocka_unit_test(grtt_stays_when_nobody_answers),
        cmocka_unit_test(grtt_round_lasts_a_grtt_however_often_probes_come),
        cmocka_unit_test(grtt_forgets_one_absurd_echo_faster),
        cmocka_unit_test(grtt_keeps_floor_and_ceiling),
        cmocka_unit_test(grtt_measures_only_believable_echoes),
    };

    return cmocka_run_group_tests_name("grtt", tests, NULL, NULL);
}
