/* SPDX-License-Identifier: MIT */
#include "ring.h"

#include <stdlib.h>
#include <string.h>

enum { CAPACITY_FIRST = 64 };

void hd_ring_init(struct hd_ring *ring, size_t item_bytes, size_t max)
{
    *ring = (struct hd_ring){ .item_bytes = item_bytes, .max = max };
}

void hd_ring_release(struct hd_ring *ring)
{
    free(ring->items);
    ring->items = NULL;
    ring->count = ring->capacity = 0;
}

static char *item_at(const struct hd_ring *ring, size_t index)
{
    return ring->items + (ring->first + index) % ring->capacity * ring->item_bytes;
}

static bool grow(struct hd_ring *ring)
{
    size_t capacity = ring->capacity > 0 ? 2 * ring->capacity : CAPACITY_FIRST;
    char *items = capacity > ring->max ? NULL : calloc(capacity, ring->item_bytes);

    if (items == NULL)
        return false;
    for (size_t i = 0; i < ring->count; i++)
        memcpy(items + i * ring->item_bytes, item_at(ring, i), ring->item_bytes);
    free(ring->items);
    ring->items = items;
    ring->first = 0;
    ring->capacity = capacity;
    return true;
}

void *hd_ring_add(struct hd_ring *ring)
{
    if (ring->count == ring->capacity && !grow(ring))
        return NULL;
    return item_at(ring, ring->count++);
}

bool hd_ring_take(struct hd_ring *ring, void *ret_item)
{
    if (ring->count == 0)
        return false;
    memcpy(ret_item, item_at(ring, 0), ring->item_bytes);
    ring->first = (ring->first + 1) % ring->capacity;
    ring->count--;
    return true;
}
