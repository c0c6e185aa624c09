/* SPDX-License-Identifier: MIT */
#include "askers.h"

#include <string.h>
#include <sys/random.h>
#include <xxhash.h>

bool hd_bucket_take_many(struct hd_bucket *bucket, const struct hd_limit *limit, uint64_t count, uint64_t now_ns)
{
    uint64_t due_ns = bucket->due_ns > now_ns ? bucket->due_ns : now_ns;

    if (count > limit->burst || due_ns - now_ns > (limit->burst - count) * limit->period_ns)
        return false;
    bucket->due_ns = due_ns + count * limit->period_ns;
    return true;
}

bool hd_bucket_take(struct hd_bucket *bucket, const struct hd_limit *limit, uint64_t now_ns)
{
    return hd_bucket_take_many(bucket, limit, 1, now_ns);
}

static struct hd_asker *find(struct hd_askers *askers, uint64_t key, bool *ret_is_new)
{
    struct hd_asker *set = askers->table[key % HD_ASKER_SETS];
    struct hd_asker *oldest = &set[0];

    key |= UINT64_C(1) << 63; /* 0 is no key */
    askers->lookups++;
    *ret_is_new = false;
    for (size_t i = 0; i < HD_ASKER_WAYS; i++) {
        if (set[i].key == key) {
            set[i].used = askers->lookups;
            return &set[i];
        }
        if (set[i].used < oldest->used)
            oldest = &set[i];
    }
    *oldest = (struct hd_asker){ .key = key, .used = askers->lookups };
    *ret_is_new = true;
    return oldest;
}

struct hd_asker *hd_askers_address(struct hd_askers *askers, const struct herald_address *address)
{
    bool is_new;

    return find(askers, XXH3_64bits_withSeed(address->bytes, sizeof(address->bytes), askers->seed), &is_new);
}

struct hd_asker *hd_askers_client(struct hd_askers *askers, const struct herald_peer *peer,
                                  struct hd_mpp_span client_id, bool *ret_is_new)
{
    uint8_t bytes[16 + 2 + HD_MPP_ID_BYTES_MAX] = { 0 };
    struct hd_asker *asker;

    memcpy(bytes, peer->address.bytes, 16);
    hd_store_u16(bytes + 16, peer->port);
    if (client_id.at != NULL)
        memcpy(bytes + 18, client_id.at, client_id.size_bytes);
    asker = find(askers, XXH3_64bits_withSeed(bytes, 18 + client_id.size_bytes, askers->seed), ret_is_new);
    if (*ret_is_new && getrandom(asker->session, sizeof(asker->session), 0) < 0)
        asker->key = 0; /* a session that can be guessed is none: it is forgotten at once */
    return asker;
}

bool hd_asker_note(struct hd_asker *asker, uint32_t sequence)
{
    uint32_t behind = asker->highest - sequence;

    if (!asker->has_sequence || sequence > asker->highest) {
        uint32_t ahead = sequence - asker->highest;

        asker->seen = asker->has_sequence && ahead < 64 ? asker->seen << ahead | 1 : 1;
        asker->highest = sequence;
        asker->has_sequence = true;
        return true;
    }
    if (behind >= 64 || (asker->seen >> behind & 1) != 0)
        return false;
    asker->seen |= UINT64_C(1) << behind;
    return true;
}
