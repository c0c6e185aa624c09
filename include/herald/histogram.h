/* SPDX-License-Identifier: MIT */
/*
 * Histograms of times: how often each value came, with percentiles, in constant memory and time.
 *
 * Buckets are log-linear (as those of "HDR" histograms): up to 255 each value has its own, above that 128 equal buckets
 * lie between one power of two and the next, so that no bucket is wider than 0.8 % of what is in it. Values are
 * signed, for differences of clocks may be; beyond ±2^41 (37 minutes in nanoseconds) the outermost bucket takes them.
 */
#ifndef HERALD_HISTOGRAM_H
#define HERALD_HISTOGRAM_H

#include <herald/types.h>

#ifdef __cplusplus
extern "C" {
#endif

/** Counts of values. */
typedef struct herald_histogram herald_histogram;

/** A bucket: `count` values of low .. high, both included. */
struct herald_histogram_bucket {
    int64_t low;
    int64_t high;
    uint64_t count;
};

/** Makes an empty histogram, of about 70 KiB. @return 0; -ENOMEM. */
HERALD_API HERALD_CHECKED int herald_histogram_new(herald_histogram **ret_histogram);

/** Takes NULL; returns NULL. */
HERALD_API herald_histogram *herald_histogram_free(herald_histogram *histogram);

/** Forgets all values. */
HERALD_API void herald_histogram_clear(herald_histogram *histogram);

/** Counts a value `count` times. */
HERALD_API void herald_histogram_record(herald_histogram *histogram, int64_t value, uint64_t count);

/** How many values were counted. */
HERALD_API uint64_t herald_histogram_count(const herald_histogram *histogram);

/** The smallest value, exactly; 0 if there is none. */
HERALD_API int64_t herald_histogram_min(const herald_histogram *histogram);

/** The largest value, exactly; 0 if there is none. */
HERALD_API int64_t herald_histogram_max(const herald_histogram *histogram);

/** The mean, exactly up to rounding; 0 if there is none. */
HERALD_API int64_t herald_histogram_mean(const herald_histogram *histogram);

/**
 * The least value that at least `percent` (0 .. 100) of all values do not exceed, at most 0.8 % too large and never
 * above herald_histogram_max(); 0 if there is none.
 */
HERALD_API int64_t herald_histogram_percentile(const herald_histogram *histogram, double percent);

/**
 * The next bucket with something in it, in ascending order. *position is 0 at the start, and belongs to the caller.
 *
 * @return 1 with *ret_bucket; 0 at the end.
 */
HERALD_API HERALD_CHECKED int herald_histogram_next(const herald_histogram *histogram, size_t *position,
                                                    struct herald_histogram_bucket *ret_bucket);

#ifdef __cplusplus
}
#endif

#endif
