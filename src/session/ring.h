/* SPDX-License-Identifier: MIT */
/* A queue of items of one size that grows up to a limit: the events that were not taken yet. */
#ifndef SESSION_RING_H
#define SESSION_RING_H

#include <stdbool.h>
#include <stddef.h>

struct hd_ring {
    char *items;
    size_t item_bytes;
    size_t first, count, capacity;
    size_t max;
};

/* Nothing is allocated yet. `max` is 64 times a power of two. */
void hd_ring_init(struct hd_ring *ring, size_t item_bytes, size_t max);

/* Frees the ring; what its items hold is the caller's, who takes them before. */
void hd_ring_release(struct hd_ring *ring);

/* @return room for one more item, behind all others, to be filled in at once; NULL: it is full, or out of memory. */
void *hd_ring_add(struct hd_ring *ring);

/* Takes the first item. @return false: there is none. */
bool hd_ring_take(struct hd_ring *ring, void *ret_item);

#endif
