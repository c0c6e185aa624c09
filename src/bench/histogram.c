/* SPDX-License-Identifier: MIT */
#include "buckets.h"

#include <herald/histogram.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum {
    BITS = 7,
    SIDE = ((HD_BUCKETS_VALUE_BITS - BITS - 1) << BITS) + (2 << BITS), /* buckets for values of one sign */
};

struct herald_histogram {
    uint64_t count;
    int64_t min;
    int64_t max;
    __int128 sum;
    uint64_t buckets[2 * SIDE]; /* those of -1, -2, ... backwards from SIDE - 1; those of 0, 1, ... from SIDE on */
};

int herald_histogram_new(herald_histogram **ret_histogram)
{
    herald_histogram *histogram = calloc(1, sizeof(*histogram));

    if (histogram == NULL)
        return -ENOMEM;
    *ret_histogram = histogram;
    return 0;
}

herald_histogram *herald_histogram_free(herald_histogram *histogram)
{
    free(histogram);
    return NULL;
}

void herald_histogram_clear(herald_histogram *histogram)
{
    memset(histogram, 0, sizeof(*histogram));
}

/* -1 - v for negative v: no value has to be negated, and none is in both halves. */
static size_t place_of(int64_t value)
{
    if (value >= 0)
        return SIDE + hd_buckets_index(BITS, (uint64_t)value);
    return SIDE - 1 - hd_buckets_index(BITS, (uint64_t)(-1 - value));
}

static struct herald_histogram_bucket bucket_at(const herald_histogram *histogram, size_t place)
{
    struct herald_histogram_bucket bucket = { .count = histogram->buckets[place] };

    if (place >= SIDE) {
        bucket.low = (int64_t)hd_buckets_low(BITS, place - SIDE);
        bucket.high = (int64_t)hd_buckets_high(BITS, place - SIDE);
    } else {
        bucket.low = -1 - (int64_t)hd_buckets_high(BITS, SIDE - 1 - place);
        bucket.high = -1 - (int64_t)hd_buckets_low(BITS, SIDE - 1 - place);
    }
    /* The ends are known better than by a bucket; the outermost buckets have no end of their own. */
    if (bucket.low < histogram->min || place == 0)
        bucket.low = histogram->min;
    if (bucket.high > histogram->max || place == 2 * SIDE - 1)
        bucket.high = histogram->max;
    return bucket;
}

void herald_histogram_record(herald_histogram *histogram, int64_t value, uint64_t count)
{
    if (count == 0)
        return;
    if (histogram->count == 0 || value < histogram->min)
        histogram->min = value;
    if (histogram->count == 0 || value > histogram->max)
        histogram->max = value;
    histogram->count += count;
    histogram->sum += (__int128)value * count;
    histogram->buckets[place_of(value)] += count;
}

uint64_t herald_histogram_count(const herald_histogram *histogram)
{
    return histogram->count;
}

int64_t herald_histogram_min(const herald_histogram *histogram)
{
    return histogram->min;
}

int64_t herald_histogram_max(const herald_histogram *histogram)
{
    return histogram->max;
}

int64_t herald_histogram_mean(const herald_histogram *histogram)
{
    return histogram->count > 0 ? (int64_t)(histogram->sum / (__int128)histogram->count) : 0;
}

int64_t herald_histogram_percentile(const herald_histogram *histogram, double percent)
{
    double wanted = percent / 100 * (double)histogram->count;
    uint64_t below = 0;

    if (histogram->count == 0)
        return 0;
    if (percent <= 0)
        return histogram->min;
    for (size_t place = 0; place < 2 * SIDE; place++) {
        below += histogram->buckets[place];
        if (below > 0 && (double)below >= wanted)
            return bucket_at(histogram, place).high;
    }
    return histogram->max;
}

int herald_histogram_next(const herald_histogram *histogram, size_t *position,
                          struct herald_histogram_bucket *ret_bucket)
{
    for (size_t place = *position; place < 2 * SIDE; place++) {
        if (histogram->buckets[place] == 0)
            continue;
        *position = place + 1;
        *ret_bucket = bucket_at(histogram, place);
        return 1;
    }
    *position = 2 * SIDE;
    return 0;
}
