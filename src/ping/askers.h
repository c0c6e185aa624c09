/* SPDX-License-Identifier: MIT */
/*
 * Who asks: how many answers each may get, and what has come from each. A table of fixed size, in which who has not
 * asked for longest makes room: forged sources can make it forget, but not grow.
 */
#ifndef PING_ASKERS_H
#define PING_ASKERS_H

#include "mpp.h"

enum { HD_ASKER_SETS = 256, HD_ASKER_WAYS = 4, HD_SESSION_BYTES = 8 };

/* So many at once, then one for each period. */
struct hd_limit {
    uint64_t period_ns;
    uint64_t burst;
};

/* When the next would be due if they came evenly. */
struct hd_bucket {
    uint64_t due_ns;
};

/* Whether `count` (at most the burst) more are allowed; if so, they are counted. */
bool hd_bucket_take_many(struct hd_bucket *bucket, const struct hd_limit *limit, uint64_t count, uint64_t now_ns);

/* Whether one more is. */
bool hd_bucket_take(struct hd_bucket *bucket, const struct hd_limit *limit, uint64_t now_ns);

/* A source address, or one client at it. Each uses its part of this. */
struct hd_asker {
    uint64_t key;  /* 0: free */
    uint64_t used; /* the count of lookups at the last one: times may be the same for many */

    /* An address. */
    struct hd_bucket answers;
    struct hd_bucket large_answers;
    bool limit_told;

    /* A client. */
    uint8_t session[HD_SESSION_BYTES]; /* shown by who gets what is sent to its address */
    bool has_sequence;
    uint32_t highest;            /* sequence number */
    uint64_t seen;               /* bit n: highest - n has come */
    struct hd_mpp_told told;     /* its counts */
    struct herald_address group; /* that it asked last by multicast, and where; NONE: none */
    uint16_t group_port;
    uint32_t interface_index;
    uint8_t group_ttl;
};

struct hd_askers {
    uint64_t seed;
    uint64_t lookups;
    struct hd_asker table[HD_ASKER_SETS][HD_ASKER_WAYS];
};

/* Finds an address. As with a client, what was found stays while up to three others are looked up. */
struct hd_asker *hd_askers_address(struct hd_askers *askers, const struct herald_address *address);

/* Finds a client. *ret_is_new: it was not there; it has a new session then. */
struct hd_asker *hd_askers_client(struct hd_askers *askers, const struct herald_peer *peer,
                                  struct hd_mpp_span client_id, bool *ret_is_new);

/* Notes that a request came. @return false: it has come before. */
bool hd_asker_note(struct hd_asker *asker, uint32_t sequence);

#endif
