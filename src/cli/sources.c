/* SPDX-License-Identifier: MIT */
#include "sources.h"

#include "address_hash.h"

#include <stdlib.h>

#define SECOND_NS UINT64_C(1000000000)

enum { SLOTS_AT_FIRST = 64 };

void sources_init(struct sources *sources)
{
    *sources = (struct sources){ .seed = address_hash_seed() };
}

void sources_release(struct sources *sources)
{
    free(sources->slots);
    *sources = (struct sources){ 0 };
}

static struct source *find_slot(const struct sources *sources, const struct herald_address *address)
{
    size_t at = address_hash(sources->seed, address, 0) & (sources->slot_count - 1);

    while (sources->slots[at].address.family != HERALD_FAMILY_NONE &&
           !herald_address_equal(&sources->slots[at].address, address))
        at = (at + 1) & (sources->slot_count - 1);
    return &sources->slots[at];
}

static bool grow(struct sources *sources)
{
    struct sources larger = *sources;

    larger.slot_count = sources->slot_count == 0 ? SLOTS_AT_FIRST : sources->slot_count * 2;
    larger.slots = calloc(larger.slot_count, sizeof(*larger.slots));
    if (larger.slots == NULL)
        return false;
    for (size_t i = 0; i < sources->slot_count; i++)
        if (sources->slots[i].address.family != HERALD_FAMILY_NONE)
            *find_slot(&larger, &sources->slots[i].address) = sources->slots[i];
    free(sources->slots);
    *sources = larger;
    return true;
}

struct source *sources_count(struct sources *sources, const struct herald_address *address, size_t datagrams)
{
    struct source *source;

    if (sources->count >= SOURCES_MAX) {
        memset(sources->slots, 0, sources->slot_count * sizeof(*sources->slots));
        sources->count = 0;
    }
    if (sources->count >= sources->slot_count / 2 && !grow(sources))
        return NULL;
    source = find_slot(sources, address);
    if (source->address.family == HERALD_FAMILY_NONE) {
        source->address = *address;
        sources->count++;
        sources->seen++;
    }
    source->datagrams += datagrams;
    return source;
}

bool source_may_be_answered(struct source *source, uint64_t now_ns, bool *ret_tell)
{
    *ret_tell = false;
    if (now_ns - source->second_ns >= SECOND_NS) {
        source->second_ns = now_ns;
        source->answers = 0;
    }
    if (source->answers < ANSWERS_PER_SECOND_MAX) {
        source->answers++;
        return true;
    }
    *ret_tell = !source->limit_told;
    source->limit_told = true;
    return false;
}
