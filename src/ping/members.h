/* SPDX-License-Identifier: MIT */
/* Who has answered, and what is counted about each. */
#ifndef PING_MEMBERS_H
#define PING_MEMBERS_H

#include "mpp.h"
#include "samples.h"

#include <herald/ping.h>

enum {
    HD_SLOTS = 128,           /* the latest rounds, of which it is known who has answered what */
    HD_MEMBER_SAMPLES = 1024, /* kept of each member and way */
    HD_ALL_SAMPLES = 65536,
};

/* A member's answers to one round. */
struct hd_slot {
    bool used;
    bool closed;   /* its time is over, and it is counted */
    bool reported; /* as answered */
    bool multicast_asked;
    bool is_before; /* counted in multicast_before */
    bool late;      /* the first answer came after the time was over */
    uint32_t sequence;
    int64_t unicast_ns, multicast_ns; /* -1: none came */
    int64_t held_ns;
    int ttl;
};

struct hd_member {
    struct herald_ping_member facts; /* its times are filled in when they are asked for */
    struct hd_slot slots[HD_SLOTS];
    uint32_t missed_rounds;
    bool has_unicast_peer;
    bool is_deaf;              /* no more sources can be joined: its multicast answers cannot be heard */
    bool has_multicast;        /* an answer by multicast came */
    uint64_t multicast_before; /* those asked for before the first that came */

    /* What it told with its first answer, and with the one to the latest round. */
    bool has_told;
    bool told_multicast_asked; /* the first answer's round asked for one by multicast */
    uint32_t first_told_sequence, last_told_sequence;
    struct hd_mpp_told first_told, last_told;
    uint64_t got_unicast, got_multicast; /* answers, the roll call's too */

    uint64_t asked_ns; /* by unicast: CLOCK_REALTIME just before its own request of that round was sent */
    uint32_t asked_sequence;

    uint32_t highest_unicast, highest_multicast; /* to tell what was overtaken */
    uint8_t session[HD_MPP_ID_BYTES_MAX];
    size_t session_bytes;
    char *findings; /* or NULL */
    struct hd_samples unicast, multicast;
};

struct hd_members {
    struct hd_member **list;
    size_t count, capacity;
    uint32_t *slots; /* open addressing: index + 1, 0 is free */
    size_t slot_count;
    uint64_t seed;
    size_t present;
};

void hd_members_init(struct hd_members *members, uint64_t seed);
void hd_members_release(struct hd_members *members);

/*
 * Finds the member with that id or, if it is 0, that address; makes it if there is none.
 * @return its index, *ret_is_new; -ENOMEM; -ENOSPC: there are too many.
 */
int hd_members_find(struct hd_members *members, uint64_t id, const struct herald_address *address, bool *ret_is_new);

/* The member's slot for a round; emptied if it was that of an older one. */
struct hd_slot *hd_member_slot(struct hd_member *member, uint32_t sequence);

/* Counts what it was to answer by multicast to a round whose time is over. `came`: it did. */
void hd_member_multicast_asked(struct hd_member *member, struct hd_slot *slot, bool came);

/* Counts its answer by multicast to that round. */
void hd_member_multicast_came(struct hd_member *member, const struct hd_slot *slot);

/* Takes what it tells with an answer to that round. */
void hd_member_told(struct hd_member *member, uint32_t sequence, const struct hd_mpp_told *told, bool multicast_asked);

/* Its facts, with everything computed. */
void hd_member_facts(struct hd_member *member, struct herald_ping_member *ret_facts);

#endif
