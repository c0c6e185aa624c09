/* SPDX-License-Identifier: MIT */
/* Who answered, how often and how fast, over all messages of a run. */
#ifndef CLI_SEND_TALLY_H
#define CLI_SEND_TALLY_H

#include <herald/types.h>

/* Whoever forges answers from ever new addresses takes no more memory than this: further ones are not told apart. */
enum { TALLY_MAX = 1000000 };

/* One responder. */
struct responder {
    struct herald_peer peer;
    uint64_t last_message; /* the message it answered last; they are numbered from 1 */
    uint64_t answered;     /* messages */
    uint64_t responses;
    uint64_t timed; /* first answers with a known round trip: what the sum is made of */
    int64_t sum_ns;
    int64_t slowest_ns; /* -1: unknown */
};

/* All zero: empty. */
struct tally {
    struct responder *items; /* in order of appearance */
    size_t count;
    size_t room;
    uint32_t *slots;   /* open addressing: index into items + 1; 0 is free */
    size_t slot_count; /* 0 or a power of two */
    uint64_t seed;     /* keeps strangers from choosing addresses that collide */
};

/*
 * Counts an answer to `message`; `round_trip_ns` is negative if it is unknown.
 * @return 1 if it is that responder's first to this message, 0 if not, or if there are too many; -ENOMEM.
 */
int tally_add(struct tally *tally, const struct herald_peer *peer, uint64_t message, int64_t round_trip_ns);

/* Whether that responder has not answered `message` yet. */
bool tally_is_first(const struct tally *tally, const struct herald_peer *peer, uint64_t message);

/* Frees everything. */
void tally_release(struct tally *tally);

#endif
