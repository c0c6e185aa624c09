/* SPDX-License-Identifier: MIT */
#include "duplicates.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

enum {
    SETS = 8192, /* a power of two; with the ways: the datagrams remembered at once */
    WAYS = 8,
    INTERFACES = 4, /* copies on a fifth interface are always duplicates */
};

struct entry {
    uint64_t delivered_ns;
    uint32_t delivered; /* how often it was let through */
    uint32_t interfaces[INTERFACES];
    uint32_t arrivals[INTERFACES];
};

/* The hashes of a set lie together: looking through them touches one cache line. */
struct set {
    uint64_t hashes[WAYS]; /* 0: free */
    struct entry entries[WAYS];
};

struct hd_duplicates {
    uint64_t seed;
    struct set sets[SETS];
};

int hd_duplicates_new(struct hd_duplicates **ret_filter, uint64_t seed)
{
    struct hd_duplicates *filter = calloc(1, sizeof(*filter));

    if (filter == NULL)
        return -ENOMEM;
    filter->seed = seed;
    *ret_filter = filter;
    return 0;
}

struct hd_duplicates *hd_duplicates_free(struct hd_duplicates *filter)
{
    free(filter);
    return NULL;
}

/* What all datagrams of a run share, hashed once. */
static uint64_t hash_flow(const struct hd_duplicates *filter, const struct herald_run *run)
{
    uint8_t flow[16 + 16 + 2 + 2];

    memcpy(flow, run->source.address.bytes, 16);
    memcpy(flow + 16, run->group.bytes, 16);
    memcpy(flow + 32, &run->source.port, 2);
    memcpy(flow + 34, &run->group_port, 2);
    return XXH3_64bits_withSeed(flow, sizeof(flow), filter->seed);
}

/* The entry of that hash; a new one in place of a free one, or of the one delivered longest ago. */
static struct entry *find_entry(struct hd_duplicates *filter, uint64_t hash, uint64_t time_ns)
{
    struct set *set = &filter->sets[hash % SETS];
    size_t oldest = 0;

    for (size_t i = 0; i < WAYS; i++)
        if (set->hashes[i] == hash)
            return &set->entries[i];
    for (size_t i = 1; i < WAYS; i++)
        /* Unsigned: what a clock that was set back left in the future counts as oldest of all. */
        if (time_ns - set->entries[i].delivered_ns > time_ns - set->entries[oldest].delivered_ns)
            oldest = i;
    set->hashes[oldest] = hash;
    set->entries[oldest] = (struct entry){ 0 };
    return &set->entries[oldest];
}

/* Counts an arrival. @return how many there were on that interface; 0 when there is no room to count it. */
static uint32_t count_arrival(struct entry *entry, uint32_t interface_index)
{
    for (size_t i = 0; i < INTERFACES; i++) {
        if (entry->interfaces[i] == 0)
            entry->interfaces[i] = interface_index;
        if (entry->interfaces[i] == interface_index)
            return ++entry->arrivals[i];
    }
    return 0;
}

static bool is_duplicate(struct hd_duplicates *filter, uint64_t hash, uint32_t interface_index, uint64_t time_ns)
{
    struct entry *entry = find_entry(filter, hash, time_ns);
    uint32_t arrivals;

    /* Unsigned: a clock that was set back makes the difference huge, and the entry stale. */
    if (time_ns + HD_DUPLICATE_WINDOW_NS - entry->delivered_ns > 2 * HD_DUPLICATE_WINDOW_NS)
        *entry = (struct entry){ 0 };
    arrivals = count_arrival(entry, interface_index);
    if (arrivals <= entry->delivered)
        return true;
    entry->delivered = arrivals;
    entry->delivered_ns = time_ns;
    return false;
}

size_t hd_duplicates_filter(struct hd_duplicates *filter, struct herald_run *run, uint8_t *buffer)
{
    uint64_t flow = hash_flow(filter, run);
    size_t count = herald_run_count(run);
    size_t removed = 0;
    size_t kept_bytes = 0;

    for (size_t i = 0; i < count; i++) {
        size_t size;
        const uint8_t *payload = herald_run_datagram(run, i, &size);
        uint64_t hash = XXH3_64bits_withSeed(payload, size, flow);

        if (hash == 0)
            hash = 1;
        if (is_duplicate(filter, hash, run->source.interface_index, run->time_ns)) {
            removed++;
            continue;
        }
        if (removed > 0)
            memmove(buffer + kept_bytes, payload, size);
        kept_bytes += size;
    }
    if (removed > 0)
        run->size_bytes = kept_bytes;
    return removed;
}
