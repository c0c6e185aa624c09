/* SPDX-License-Identifier: MIT */
/* Another host that answers pings: finding it, and asking it in turns by unicast and by multicast. */
#ifndef HD_DOCTOR_PEER_H
#define HD_DOCTOR_PEER_H

#include "examination.h"

#include <herald/ping.h>

enum {
    HD_PEER_SIZES = 3,
    HD_PEER_SAMPLES = 32,
    HD_PEER_NAME_BYTES = 128,
    HD_PEER_TOLD_MAX = 16,
    HD_PEER_OTHERS_BYTES = 160,
};

/* What became of the requests that went one way there. */
struct hd_peer_way {
    uint32_t sent;
    int64_t arrived;     /* as the peer tells; -1: not known */
    uint32_t by_unicast; /* answers that came back */
    uint32_t by_multicast;
    int64_t group_answers; /* that the peer sent to the group; -1: not known */
    uint32_t answered;     /* requests, in at least one way */
    uint32_t last;         /* the latest of these */
    int64_t unicast_ns[HD_PEER_SAMPLES], multicast_ns[HD_PEER_SAMPLES];
};

/* What came of one series of requests. */
struct hd_peer_series {
    size_t size_bytes; /* of each request */
    bool made;
    int code;                  /* 0, or why requests could not be sent */
    struct herald_error error; /* likewise */
    bool broken;               /* it ended before its time for that: what is missing was not lost */
    bool answered;
    struct hd_peer_way to_group, to_host;
    struct herald_ping_member member; /* if it answered */
};

/* How it was found. */
enum hd_peer_found {
    HD_PEER_NOT_FOUND,
    HD_PEER_BY_GROUP,
    HD_PEER_BY_UNICAST, /* only so, at a port that `herald ping --respond` serves */
    HD_PEER_BY_PORT,    /* in the group, with the group's own port as the one to be answered at */
    HD_PEER_BY_TTL,     /* in the group, with a TTL that reaches further */
};

struct hd_peer {
    enum hd_peer_found found;
    char name[HD_PEER_NAME_BYTES]; /* "B (10.0.0.2)" */
    char host[64];                 /* "B", for findings */
    uint64_t id;
    struct herald_peer at;          /* where it is asked by unicast */
    struct herald_address resolved; /* what HOST is; NONE: not known */
    bool looked_up;                 /* as a name */
    bool is_us;
    char others[HD_PEER_OTHERS_BYTES]; /* who else is in the group */
    size_t other_count;
    int hops;            /* routers on the way from it; -1: not known */
    herald_ping *anchor; /* keeps the group joined from one series to the next */

    struct hd_peer_series sizes[HD_PEER_SIZES];
    struct hd_peer_series burst, burst_back, steady;

    bool has_told, told_is_whole;
    struct herald_finding told[HD_PEER_TOLD_MAX];
    int told_count;

    struct herald_doctor_trial trials[HERALD_DOCTOR_TRIALS_MAX];
    size_t trial_count;
};

enum {
    HD_PEER_BURST = 40,      /* datagrams there, */
    HD_PEER_BURST_BACK = 16, /* and requests whose answers come back so */
};

/* A ping of the examined group, to be refined: from the chosen interface, for the peer alone if it is known. */
struct herald_ping_config hd_peer_config(const struct hd_examination *examination);

/* Called for each event, and with NULL each time that there are no more of them; true: it is enough. */
typedef bool hd_peer_watcher(void *userdata, herald_ping *ping, const struct herald_ping_event *event);

/* Runs it to its end. @return 0; -ECANCELED; another -errno with *error, unless that is NULL. */
int hd_peer_run(struct hd_examination *examination, herald_ping *ping, hd_peer_watcher *watcher, void *userdata,
                struct herald_error *error);

/*
 * A series of requests with that config, which has a member or not: what came of it. What cannot be sent is in there.
 * @return 0; -ECANCELED.
 */
int hd_peer_ask(struct hd_examination *examination, const struct herald_ping_config *config,
                struct hd_peer_series *ret_series);

/* In turns by unicast and by multicast, in that size, with the TTL of the config. */
int hd_peer_ask_in_turns(struct hd_examination *examination, size_t size_bytes, uint8_t ttl,
                         struct hd_peer_series *ret_series);

/*
 * Asks it what it finds itself, which keeps it busy for a moment: nothing is measured meanwhile. Fills peer->told.
 * @return 0, told or not; -ECANCELED.
 */
int hd_peer_ask_findings(struct hd_examination *examination);

/* Adds a line to the table. `series` has one or both ways. */
void hd_peer_keep(struct hd_peer *peer, const char *what, const struct hd_peer_series *series);

/* The median of the first `count`; -1 of none. */
int64_t hd_peer_median(const int64_t *values, uint32_t count);

/* peer_find.c: looks for the peer in all ways. @return 0, found or not; -ECANCELED; -errno. */
int hd_peer_find(struct hd_examination *examination);

/* As herald_doctor_trials(); takes NULL. */
size_t hd_peer_trials(const struct hd_peer *peer, struct herald_doctor_trial *ret_trials, size_t max);

void hd_peer_free(struct hd_peer *peer);

#endif
