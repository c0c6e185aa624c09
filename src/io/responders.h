/* SPDX-License-Identifier: MIT */
/* A set of peers, to count each responder once however many there are. */
#ifndef IO_RESPONDERS_H
#define IO_RESPONDERS_H

#include <herald/types.h>

/* A bound for whoever forges answers from ever new addresses: 48 MiB. */
#define HD_RESPONDERS_MAX 1000000

struct hd_responders {
    struct herald_peer *slots; /* open addressing; port 0: free */
    size_t slot_count;         /* 0 or a power of two */
    uint32_t count;
    uint64_t seed; /* keeps strangers from choosing addresses that collide */
};

void hd_responders_init(struct hd_responders *responders);
void hd_responders_release(struct hd_responders *responders);

/* @return 1 if the peer is new; 0 if it was there, or the set is full; -ENOMEM. */
int hd_responders_add(struct hd_responders *responders, const struct herald_peer *peer);

#endif
