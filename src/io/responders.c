/* SPDX-License-Identifier: MIT */
#include "responders.h"

#include <herald/endpoint.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <xxhash.h>

enum { SLOTS_AT_FIRST = 64 };

void hd_responders_init(struct hd_responders *responders)
{
    *responders = (struct hd_responders){ 0 };
}

void hd_responders_release(struct hd_responders *responders)
{
    free(responders->slots);
    *responders = (struct hd_responders){ 0 };
}

static bool same_peer(const struct herald_peer *a, const struct herald_peer *b)
{
    return a->port == b->port && herald_address_equal(&a->address, &b->address) &&
           (!herald_address_needs_zone(&a->address) || a->interface_index == b->interface_index);
}

/* The peer's slot, or the free one where it belongs. There is always a free one. */
static struct herald_peer *find_slot(const struct hd_responders *responders, const struct herald_peer *peer)
{
    uint8_t key[16 + 2];
    size_t at;

    memcpy(key, peer->address.bytes, 16);
    memcpy(key + 16, &peer->port, 2);
    at = XXH3_64bits_withSeed(key, sizeof(key), responders->seed) & (responders->slot_count - 1);
    while (responders->slots[at].port != 0 && !same_peer(&responders->slots[at], peer))
        at = (at + 1) & (responders->slot_count - 1);
    return &responders->slots[at];
}

static int grow(struct hd_responders *responders)
{
    struct hd_responders larger = *responders;

    if (responders->slot_count == 0 && getrandom(&larger.seed, sizeof(larger.seed), 0) < 0)
        larger.seed = herald_clock_ns();
    larger.slot_count = responders->slot_count == 0 ? SLOTS_AT_FIRST : responders->slot_count * 2;
    larger.slots = calloc(larger.slot_count, sizeof(*larger.slots));
    if (larger.slots == NULL)
        return -ENOMEM;
    for (size_t i = 0; i < responders->slot_count; i++)
        if (responders->slots[i].port != 0)
            *find_slot(&larger, &responders->slots[i]) = responders->slots[i];
    free(responders->slots);
    *responders = larger;
    return 0;
}

int hd_responders_add(struct hd_responders *responders, const struct herald_peer *peer)
{
    struct herald_peer *slot;

    if (peer->port == 0)
        return 0; /* nobody answers from port 0 but forgers; it marks a free slot here */
    if (responders->count >= responders->slot_count / 2) {
        int r = grow(responders);

        if (r < 0)
            return r;
    }
    slot = find_slot(responders, peer);
    if (slot->port != 0 || responders->count >= HD_RESPONDERS_MAX)
        return 0;
    *slot = *peer;
    responders->count++;
    return 1;
}
