/* SPDX-License-Identifier: MIT */
/* Figures of test streams as they are shown: they are another host's word. */
#include "bench.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static void delays_are_shown_beyond_the_quickest(void **state)
{
    const struct herald_bench_figures figures = {
        .delay = { .count = 3, .clock = HERALD_BENCH_CLOCK_NONE, .min_ns = -500, .p50_ns = 0, .max_ns = 1000 },
    };
    struct figures_record record;

    (void)state;
    bench_fill_figures(&record, &figures);
    assert_int_equal(record.delay_min_ns, 0);
    assert_int_equal(record.delay_p50_ns, 500);
    assert_int_equal(record.delay_max_ns, 1500);
}

static void absurd_delays_do_not_overflow(void **state)
{
    const struct herald_bench_figures figures = {
        .delay = { .count = 1, .min_ns = INT64_MIN, .p50_ns = INT64_MIN, .p99_ns = -1, .max_ns = INT64_MAX },
    };
    struct figures_record record;

    (void)state;
    bench_fill_figures(&record, &figures);
    assert_int_equal(record.delay_p50_ns, 0);
    assert_int_equal(record.delay_p99_ns, INT64_MAX);
    assert_int_equal(record.delay_max_ns, INT64_MAX);
}

static void causes_that_do_not_fit_are_cut(void **state)
{
    struct herald_bench_figures figures = { .expected = UINT64_MAX, .lost = UINT64_MAX };
    struct figures_record record;

    (void)state;
    memset(figures.lost_by, 0xff, sizeof(figures.lost_by));
    bench_fill_figures(&record, &figures);
    assert_true(strlen(record.causes) < sizeof(record.causes_text));
    assert_string_equal(record.loss, "18446744073709551615 (100.0%)");
    assert_int_equal(record.loss_ppm, 1000000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(delays_are_shown_beyond_the_quickest),
        cmocka_unit_test(absurd_delays_do_not_overflow),
        cmocka_unit_test(causes_that_do_not_fit_are_cut),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
