/* SPDX-License-Identifier: MIT */
#include "members.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

void hd_members_init(struct hd_members *members, uint64_t seed)
{
    *members = (struct hd_members){ .seed = seed };
}

static void release_member(struct hd_member *member)
{
    hd_samples_release(&member->unicast);
    hd_samples_release(&member->multicast);
    free(member->findings);
    free(member);
}

void hd_members_release(struct hd_members *members)
{
    for (size_t i = 0; i < members->count; i++)
        release_member(members->list[i]);
    free(members->list);
    free(members->slots);
    *members = (struct hd_members){ 0 };
}

/* ---- finding --------------------------------------------------------------------------------- */

static uint64_t hash_of(const struct hd_members *members, uint64_t id, const struct herald_address *address)
{
    if (id != 0)
        return XXH3_64bits_withSeed(&id, sizeof(id), members->seed);
    return XXH3_64bits_withSeed(address->bytes, sizeof(address->bytes), members->seed);
}

static bool is_it(const struct hd_member *member, uint64_t id, const struct herald_address *address)
{
    if (id != 0 || member->facts.id != 0)
        return id == member->facts.id;
    return herald_address_equal(&member->facts.peer.address, address);
}

static size_t find_slot(const struct hd_members *members, uint64_t id, const struct herald_address *address)
{
    size_t at = (size_t)hash_of(members, id, address) & (members->slot_count - 1);

    while (members->slots[at] != 0 && !is_it(members->list[members->slots[at] - 1], id, address))
        at = (at + 1) & (members->slot_count - 1);
    return at;
}

/* At most half of the slots are in use. */
static int grow(struct hd_members *members)
{
    size_t capacity = members->capacity > 0 ? members->capacity * 2 : 16;
    struct hd_member **list = reallocarray(members->list, capacity, sizeof(struct hd_member *));
    uint32_t *slots;

    if (list == NULL)
        return -ENOMEM;
    members->list = list;
    slots = calloc(capacity * 2, sizeof(*slots));
    if (slots == NULL)
        return -ENOMEM;
    free(members->slots);
    members->slots = slots;
    members->slot_count = capacity * 2;
    members->capacity = capacity;
    for (size_t i = 0; i < members->count; i++) {
        const struct herald_ping_member *facts = &members->list[i]->facts;

        members->slots[find_slot(members, facts->id, &facts->peer.address)] = (uint32_t)i + 1;
    }
    return 0;
}

static struct hd_member *new_member(uint64_t id, const struct herald_address *address)
{
    struct hd_member *member = calloc(1, sizeof(*member));

    if (member == NULL)
        return NULL;
    member->facts.id = id;
    member->facts.peer.address = *address;
    member->facts.present = true;
    member->facts.hops_there = member->facts.hops_unicast = member->facts.hops_multicast = -1;
    member->facts.held_max_ns = -1;
    hd_samples_init(&member->unicast, HD_MEMBER_SAMPLES);
    hd_samples_init(&member->multicast, HD_MEMBER_SAMPLES);
    return member;
}

int hd_members_find(struct hd_members *members, uint64_t id, const struct herald_address *address, bool *ret_is_new)
{
    struct hd_member *member;
    size_t at;

    if (members->count == members->capacity && grow(members) < 0)
        return -ENOMEM;
    at = find_slot(members, id, address);
    *ret_is_new = members->slots[at] == 0;
    if (!*ret_is_new)
        return (int)members->slots[at] - 1;
    if (members->count >= HERALD_PING_MEMBERS_MAX)
        return -ENOSPC;
    member = new_member(id, address);
    if (member == NULL)
        return -ENOMEM;
    members->list[members->count++] = member;
    members->slots[at] = (uint32_t)members->count;
    members->present++;
    return (int)members->count - 1;
}

/* ---- counting -------------------------------------------------------------------------------- */

struct hd_slot *hd_member_slot(struct hd_member *member, uint32_t sequence)
{
    struct hd_slot *slot = &member->slots[sequence % HD_SLOTS];

    if (!slot->used || slot->sequence != sequence)
        *slot = (struct hd_slot){
            .used = true, .sequence = sequence, .unicast_ns = -1, .multicast_ns = -1, .held_ns = -1, .ttl = -1
        };
    return slot;
}

void hd_member_multicast_asked(struct hd_member *member, struct hd_slot *slot, bool came)
{
    if (!slot->multicast_asked)
        return;
    member->facts.multicast_asked++;
    slot->is_before = !came && !member->has_multicast;
    member->multicast_before += slot->is_before;
}

void hd_member_multicast_came(struct hd_member *member, const struct hd_slot *slot)
{
    if (!member->has_multicast) {
        /* Trees and switches learn of a new member first: what came before that is not lost. This one has come. */
        member->facts.multicast_asked -= member->multicast_before - slot->is_before;
        member->facts.multicast_first_sequence = slot->sequence;
        member->has_multicast = true;
    }
    member->facts.by_multicast++;
}

static uint64_t heard(const struct hd_mpp_told *told)
{
    return (uint64_t)told->heard_multicast + told->heard_unicast;
}

void hd_member_told(struct hd_member *member, uint32_t sequence, const struct hd_mpp_told *told, bool multicast_asked)
{
    /* Who counts less than before has forgotten us: it begins anew. */
    bool begins = !member->has_told ||
                  (sequence > member->last_told_sequence && heard(told) < heard(&member->last_told));

    if (begins) {
        /* Counted from here on: but for this one, which is on its way or here. */
        member->got_unicast = member->got_multicast = 0;
        member->first_told = *told;
        member->first_told_sequence = sequence;
        /* Who was asked by unicast alone so far does not know the group: it has sent none. */
        member->told_multicast_asked = multicast_asked && told->answered_multicast > 0;
        member->has_told = true;
    }
    if (begins || sequence >= member->last_told_sequence) {
        member->last_told = *told;
        member->last_told_sequence = sequence;
    }
}

static int64_t at_least_0(int64_t value)
{
    return value > 0 ? value : 0;
}

static void compute_directions(const struct hd_member *member, struct herald_ping_member *facts)
{
    const struct hd_mpp_told *first = &member->first_told;
    const struct hd_mpp_told *last = &member->last_told;

    facts->requests_lost = facts->request_duplicates = facts->heard_multicast = facts->heard_unicast = -1;
    facts->answers_lost_unicast = facts->answers_lost_multicast = facts->answers_withheld = -1;
    if (!member->has_told)
        return;
    facts->heard_multicast = last->heard_multicast;
    facts->heard_unicast = last->heard_unicast;
    facts->requests_lost = at_least_0((int64_t)member->last_told_sequence - member->first_told_sequence -
                                      ((int64_t)heard(last) - (int64_t)heard(first)));
    facts->answers_withheld =
        at_least_0((int64_t)(heard(last) - last->answered_unicast) - (int64_t)(heard(first) - first->answered_unicast));
    facts->request_duplicates = at_least_0((int64_t)last->duplicates - first->duplicates);
    facts->answers_lost_unicast =
        at_least_0((int64_t)last->answered_unicast - first->answered_unicast + 1 - (int64_t)member->got_unicast);
    facts->answers_lost_multicast = at_least_0((int64_t)last->answered_multicast - first->answered_multicast +
                                               member->told_multicast_asked - (int64_t)member->got_multicast);
}

void hd_member_facts(struct hd_member *member, struct herald_ping_member *ret_facts)
{
    struct herald_ping_member *facts = &member->facts;

    facts->lost = facts->sent > facts->answered ? facts->sent - facts->answered : 0;
    hd_samples_times(&member->unicast, &facts->unicast);
    hd_samples_times(&member->multicast, &facts->multicast);
    compute_directions(member, facts);
    *ret_facts = *facts;
}
