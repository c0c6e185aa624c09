/* SPDX-License-Identifier: MIT */
#include "samples.h"

#include <stdlib.h>

void hd_samples_init(struct hd_samples *samples, size_t capacity_max)
{
    *samples = (struct hd_samples){ .capacity_max = capacity_max };
}

void hd_samples_release(struct hd_samples *samples)
{
    free(samples->values_ns);
    samples->values_ns = NULL;
    samples->count = samples->capacity = 0;
}

static bool grow(struct hd_samples *samples)
{
    size_t capacity = samples->capacity * 2 + 8;
    int64_t *grown;

    if (capacity > samples->capacity_max)
        capacity = samples->capacity_max;
    if (capacity <= samples->capacity)
        return false;
    grown = realloc(samples->values_ns, capacity * sizeof(*grown));
    if (grown == NULL)
        return false;
    samples->values_ns = grown;
    samples->capacity = capacity;
    return true;
}

void hd_samples_add(struct hd_samples *samples, struct hd_random *random, int64_t value_ns)
{
    if (samples->seen == 0 || value_ns < samples->min_ns)
        samples->min_ns = value_ns;
    if (samples->seen == 0 || value_ns > samples->max_ns)
        samples->max_ns = value_ns;
    samples->seen++;
    if (samples->count < samples->capacity || grow(samples)) {
        samples->values_ns[samples->count++] = value_ns;
    } else if (samples->count > 0) {
        /* The order in which they are kept does not matter: each of all is kept with the same chance. */
        uint64_t place = hd_random_below(random, samples->seen);

        if (place < samples->count)
            samples->values_ns[place] = value_ns;
    }
}

static int compare(const void *a, const void *b)
{
    int64_t left = *(const int64_t *)a;
    int64_t right = *(const int64_t *)b;

    return (left > right) - (left < right);
}

/* The nearest rank: the smallest value that at least this share of the values does not exceed. */
static int64_t percentile(const struct hd_samples *samples, unsigned percent)
{
    size_t rank = (samples->count * percent + 99) / 100;

    return samples->values_ns[rank > 0 ? rank - 1 : 0];
}

void hd_samples_times(struct hd_samples *samples, struct herald_ping_times *ret_times)
{
    *ret_times = (struct herald_ping_times){ samples->seen, -1, -1, -1, -1 };
    if (samples->seen == 0)
        return;
    ret_times->min_ns = ret_times->p50_ns = samples->min_ns;
    ret_times->max_ns = ret_times->p99_ns = samples->max_ns;
    if (samples->count == 0)
        return;
    qsort(samples->values_ns, samples->count, sizeof(*samples->values_ns), compare);
    ret_times->p50_ns = percentile(samples, 50);
    ret_times->p99_ns = percentile(samples, 99);
}
