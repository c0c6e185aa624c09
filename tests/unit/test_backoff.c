/* SPDX-License-Identifier: MIT */
/* How long receivers wait before a NACK: RFC 5401 section 3.2, against its formula in floating point. */
#include "backoff.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

enum { SAMPLES = 20000 };

static const uint32_t group_sizes[] = { 1, 10, 1000, 100000, 500000000 };

static int by_size(const void *a, const void *b)
{
    uint64_t left = *(const uint64_t *)a, right = *(const uint64_t *)b;

    return left < right ? -1 : left > right;
}

/* The RFC's own two steps: x uniform in an interval, then t from it. `u` says where in the interval. */
static double formula_s(double spread_s, double group_size, double u)
{
    double lambda = log(group_size) + 1;
    double low = lambda / (spread_s * (exp(lambda) - 1));
    double x = low + u * lambda / spread_s;

    return spread_s / lambda * log(x * (exp(lambda) - 1) * (spread_s / lambda));
}

static void waiting_times_are_distributed_as_the_rfc_says(void **state)
{
    const uint64_t spread_ns = 400000000;
    uint64_t *times_ns = calloc(SAMPLES, sizeof(*times_ns));
    struct hd_random random;

    (void)state;
    assert_non_null(times_ns);
    hd_random_init(&random, 11);
    for (size_t g = 0; g < sizeof(group_sizes) / sizeof(group_sizes[0]); g++) {
        for (int i = 0; i < SAMPLES; i++) {
            times_ns[i] = hd_backoff_ns(&random, spread_ns, group_sizes[g]);
            assert_in_range(times_ns[i], 0, spread_ns);
        }
        qsort(times_ns, SAMPLES, sizeof(*times_ns), by_size);
        /* The largest distance of the two distributions (Kolmogorov-Smirnov) stays below 1.95 / sqrt(n): it is
           exceeded once in a thousand seeds. Compared where the formula's quantile lies in the samples. */
        for (int percent = 1; percent < 100; percent++) {
            double expected_s = formula_s((double)spread_ns / 1e9, group_sizes[g], percent / 100.0);
            int below = 0;

            while (below < SAMPLES && (double)times_ns[below] / 1e9 < expected_s)
                below++;
            assert_true(fabs(below / (double)SAMPLES - percent / 100.0) < 1.95 / sqrt(SAMPLES));
        }
    }
    free(times_ns);
}

/* The generator's value alone decides: the same value gives the formula's time to the last microsecond. */
static void waiting_times_agree_with_the_formula_one_by_one(void **state)
{
    const uint64_t spread_ns = 1000000000;
    struct hd_random random, same;

    (void)state;
    hd_random_init(&random, 12);
    for (size_t g = 0; g < sizeof(group_sizes) / sizeof(group_sizes[0]); g++) {
        for (int i = 0; i < 1000; i++) {
            uint64_t time_ns;
            double u;

            same = random;
            time_ns = hd_backoff_ns(&random, spread_ns, group_sizes[g]);
            u = (double)hd_random_u64(&same) / 0x1p64;
            assert_true(fabs((double)time_ns / 1e9 - formula_s(1.0, group_sizes[g], u)) < 1e-6);
        }
    }
}

/* The purpose: among G receivers, the one that speaks first is early, and few have spoken a moment later. */
static void few_receivers_of_many_wait_only_briefly(void **state)
{
    const uint64_t spread_ns = 4000000;
    struct hd_random random;
    int early = 0;

    (void)state;
    hd_random_init(&random, 13);
    for (int i = 0; i < 10000; i++)
        early += hd_backoff_ns(&random, spread_ns, 10000) < spread_ns / 2;
    assert_in_range(early, 10, 120);
}

static void odd_arguments_of_the_back_off_are_harmless(void **state)
{
    struct hd_random random;

    (void)state;
    hd_random_init(&random, 14);
    for (int i = 0; i < 100; i++) {
        assert_int_equal(hd_backoff_ns(&random, 0, 1000), 0);
        assert_in_range(hd_backoff_ns(&random, 1000, 0), 0, 1000);
        assert_in_range(hd_backoff_ns(&random, 1000, UINT32_MAX), 0, 1000);
        (void)hd_backoff_ns(&random, UINT64_MAX, 1000);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(waiting_times_are_distributed_as_the_rfc_says),
        cmocka_unit_test(waiting_times_agree_with_the_formula_one_by_one),
        cmocka_unit_test(few_receivers_of_many_wait_only_briefly),
        cmocka_unit_test(odd_arguments_of_the_back_off_are_harmless),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
