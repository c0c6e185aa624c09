/* SPDX-License-Identifier: MIT */
#include "send_tally.h"

#include "address_hash.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { SLOTS_FIRST = 256 };

/* The same link-local address on two links is two responders; any other address is the same wherever it was heard. */
static uint32_t zone(const struct herald_peer *peer)
{
    return herald_address_needs_zone(&peer->address) ? peer->interface_index : 0;
}

static bool same_peer(const struct herald_peer *a, const struct herald_peer *b)
{
    return a->port == b->port && zone(a) == zone(b) && herald_address_equal(&a->address, &b->address);
}

/* The slot where that peer is, or the free one where it belongs. */
static uint32_t *find_slot(const struct tally *tally, const struct herald_peer *peer)
{
    size_t at = address_hash(tally->seed, &peer->address, (uint64_t)zone(peer) << 16 | peer->port) &
                (tally->slot_count - 1);

    while (tally->slots[at] != 0 && !same_peer(&tally->items[tally->slots[at] - 1].peer, peer))
        at = (at + 1) & (tally->slot_count - 1);
    return &tally->slots[at];
}

/* Keeps at least half of the slots free. */
static int make_room(struct tally *tally)
{
    size_t room = tally->room == 0 ? SLOTS_FIRST / 2 : tally->room * 2;
    struct responder *items;
    uint32_t *slots;

    if (tally->count < tally->room)
        return 0;
    if (tally->room == 0)
        tally->seed = address_hash_seed();
    items = reallocarray(tally->items, room, sizeof *items);
    if (items == NULL)
        return -ENOMEM;
    tally->items = items;
    slots = calloc(room * 2, sizeof *slots);
    if (slots == NULL)
        return -ENOMEM;
    free(tally->slots);
    tally->slots = slots;
    tally->slot_count = room * 2;
    tally->room = room;
    for (size_t i = 0; i < tally->count; i++)
        *find_slot(tally, &tally->items[i].peer) = (uint32_t)(i + 1);
    return 0;
}

/* @return 0 with *ret_responder, NULL if it is one too many; -ENOMEM. */
static int find_responder(struct tally *tally, const struct herald_peer *peer, struct responder **ret_responder)
{
    uint32_t *slot;
    int result = make_room(tally);

    if (result < 0)
        return result;
    slot = find_slot(tally, peer);
    if (*slot == 0 && tally->count == TALLY_MAX) {
        *ret_responder = NULL;
        return 0;
    }
    if (*slot == 0) {
        tally->items[tally->count] = (struct responder){ .peer = *peer, .slowest_ns = -1 };
        *slot = (uint32_t)++tally->count;
    }
    *ret_responder = &tally->items[*slot - 1];
    return 0;
}

int tally_add(struct tally *tally, const struct herald_peer *peer, uint64_t message, int64_t round_trip_ns)
{
    struct responder *responder;
    int result = find_responder(tally, peer, &responder);

    if (result < 0)
        return result;
    if (responder == NULL)
        return 0;
    responder->responses++;
    if (responder->last_message == message)
        return 0;
    responder->last_message = message;
    responder->answered++;
    if (round_trip_ns >= 0) {
        responder->timed++;
        responder->sum_ns += round_trip_ns;
        if (round_trip_ns > responder->slowest_ns)
            responder->slowest_ns = round_trip_ns;
    }
    return 1;
}

bool tally_is_first(const struct tally *tally, const struct herald_peer *peer, uint64_t message)
{
    uint32_t slot = tally->slot_count == 0 ? 0 : *find_slot(tally, peer);

    return slot == 0 ? tally->count < TALLY_MAX : tally->items[slot - 1].last_message != message;
}

void tally_release(struct tally *tally)
{
    free(tally->items);
    free(tally->slots);
    memset(tally, 0, sizeof *tally);
}
