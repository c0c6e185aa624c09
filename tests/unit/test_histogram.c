/* SPDX-License-Identifier: MIT */
#include "buckets.h"

#include <herald/histogram.h>

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

static int compare(const void *a, const void *b)
{
    int64_t left = *(const int64_t *)a;
    int64_t right = *(const int64_t *)b;

    return (left > right) - (left < right);
}

static void buckets_have_no_hole_and_do_not_overlap(void **state)
{
    (void)state;
    for (unsigned bits = 0; bits <= 7; bits++) {
        size_t count = hd_buckets_count(bits);

        assert_int_equal(hd_buckets_low(bits, 0), 0);
        for (size_t i = 0; i < count; i++) {
            assert_true(hd_buckets_low(bits, i) <= hd_buckets_high(bits, i));
            assert_int_equal(hd_buckets_index(bits, hd_buckets_low(bits, i)), i);
            assert_int_equal(hd_buckets_index(bits, hd_buckets_high(bits, i)), i);
            if (i > 0)
                assert_int_equal(hd_buckets_low(bits, i), hd_buckets_high(bits, i - 1) + 1);
        }
        assert_int_equal(hd_buckets_high(bits, count - 1), HD_BUCKETS_VALUE_MAX);
        assert_int_equal(hd_buckets_index(bits, UINT64_MAX), count - 1);
    }
}

static void percentiles_are_those_of_the_sorted_values(void **state)
{
    enum { COUNT = 5000 };
    static int64_t values[COUNT];
    static const double percents[] = { 0, 1, 25, 50, 90, 99, 99.9, 100 };
    uint64_t seed = 42;

    (void)state;
    for (int shape = 0; shape < 4; shape++) {
        herald_histogram *histogram;
        double sum = 0;

        assert_int_equal(herald_histogram_new(&histogram), 0);
        for (size_t i = 0; i < COUNT; i++) {
            values[i] = (int64_t)(next_random(&seed) >> (next_random(&seed) % (8 * (uint64_t)shape + 1)));
            if (shape == 3 && i % 2 == 0)
                values[i] = -values[i];
            sum += (double)values[i];
            herald_histogram_record(histogram, values[i], 1);
        }
        qsort(values, COUNT, sizeof(values[0]), compare);
        assert_int_equal(herald_histogram_count(histogram), COUNT);
        assert_int_equal(herald_histogram_min(histogram), values[0]);
        assert_int_equal(herald_histogram_max(histogram), values[COUNT - 1]);
        assert_true(fabs((double)herald_histogram_mean(histogram) - sum / COUNT) <= 1);
        for (size_t i = 0; i < sizeof(percents) / sizeof(percents[0]); i++) {
            size_t rank = (size_t)ceil(percents[i] / 100 * COUNT);
            int64_t wanted = values[rank > 0 ? rank - 1 : 0];
            int64_t got = herald_histogram_percentile(histogram, percents[i]);

            /* Never too small, and no more than a bucket too large. */
            assert_true(got >= wanted);
            assert_true((double)(got - wanted) <= 1 + 0.0079 * fabs((double)wanted));
        }
        assert_null(herald_histogram_free(histogram));
    }
}

static void the_buckets_that_are_shown_hold_every_value(void **state)
{
    static const int64_t values[] = { -5000000, -1, 0, 0, 1, 255, 256, 300, 99999, INT64_MAX, INT64_MIN };
    herald_histogram *histogram;
    struct herald_histogram_bucket bucket;
    int64_t before = INT64_MIN;
    size_t position = 0;
    uint64_t count = 0;

    (void)state;
    assert_int_equal(herald_histogram_new(&histogram), 0);
    assert_int_equal(herald_histogram_percentile(histogram, 50), 0);
    assert_int_equal(herald_histogram_next(histogram, &position, &bucket), 0);
    for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++)
        herald_histogram_record(histogram, values[i], 1);
    herald_histogram_record(histogram, 7, 0);
    position = 0;
    while (herald_histogram_next(histogram, &position, &bucket) > 0) {
        assert_true(bucket.low <= bucket.high);
        assert_true(count == 0 || bucket.low > before);
        before = bucket.high;
        count += bucket.count;
    }
    assert_int_equal(count, sizeof(values) / sizeof(values[0]));
    assert_int_equal(herald_histogram_percentile(histogram, 100), INT64_MAX);
    assert_int_equal(herald_histogram_percentile(histogram, 0), INT64_MIN);
    herald_histogram_clear(histogram);
    assert_int_equal(herald_histogram_count(histogram), 0);
    assert_null(herald_histogram_free(histogram));
    assert_null(herald_histogram_free(NULL));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(buckets_have_no_hole_and_do_not_overlap),
        cmocka_unit_test(percentiles_are_those_of_the_sorted_values),
        cmocka_unit_test(the_buckets_that_are_shown_hold_every_value),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
