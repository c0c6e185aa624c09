/* SPDX-License-Identifier: MIT */
/*
 * Times that were measured, and what is to be said of them. Least and greatest are exact; percentiles are exact until
 * there are more times than are kept, and then those of a fair sample of all (Vitter's algorithm R).
 */
#ifndef PING_SAMPLES_H
#define PING_SAMPLES_H

#include <herald/ping.h>

#include "random.h" /* of src/core */

struct hd_samples {
    int64_t *values_ns;
    size_t count, capacity; /* kept */
    size_t capacity_max;
    uint64_t seen;
    int64_t min_ns, max_ns;
};

void hd_samples_init(struct hd_samples *samples, size_t capacity_max);
void hd_samples_release(struct hd_samples *samples);

/* Without memory it goes on with those it has. */
void hd_samples_add(struct hd_samples *samples, struct hd_random *random, int64_t value_ns);

/* Sorts what is kept. */
void hd_samples_times(struct hd_samples *samples, struct herald_ping_times *ret_times);

#endif
