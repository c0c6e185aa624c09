/* SPDX-License-Identifier: MIT */
/* A bench sender from inside: bench_sender.c sends, bench_peers.c knows the receivers. */
#ifndef BENCH_SENDER_H
#define BENCH_SENDER_H

#include "bench_host.h"
#include "pacer.h" /* of src/core */
#include "stream_header.h"
#include "talk.h"

#include <herald/bench.h>

/* Whoever knows the stream can invent receivers: they must not take all memory. */
enum { HD_BENCH_PEERS_MAX = 10000, HD_BENCH_SAMPLES_MAX = 1024, HD_BENCH_PEERS_MANY = 256, HD_BENCH_SAMPLES_FEW = 64 };

/* The clock of a receiver against ours, by the quickest exchange so far. */
struct hd_bench_offset {
    bool known;
    uint64_t stream_id;     /* of the run that it was in: clocks may have been set before the next one */
    uint64_t round_trip_ns; /* without the receiver's own time */
    int64_t offset_ns;      /* what the receiver's clock is ahead */
    uint64_t time_ns;       /* when it was, by our clock */
};

struct hd_bench_peer {
    struct herald_bench_peer facts; /* samples and buckets point into what is below */
    uint64_t stream_id;             /* of the run that it has reported in last */
    uint64_t clock_id;
    uint32_t report_number;
    struct hd_bench_offset offset;
    struct herald_bench_sample *samples;
    size_t sample_capacity;
    size_t sample_every; /* one report in so many is kept: each time there are too many, every other one goes */
    size_t sample_skip;
    struct herald_histogram_bucket buckets[HERALD_BENCH_BUCKETS_MAX];
};

enum hd_bench_phase {
    HD_PHASE_IDLE,
    HD_PHASE_SENDING,
    HD_PHASE_ENDING, /* the last datagram has left; reports are waited for */
};

struct herald_bench_sender {
    herald_sender *sender;
    struct herald_bench_sender_config config;
    size_t size_bytes;
    uint64_t clock_id;
    struct hd_bench_clock clock; /* since the run began: all times that receivers are told are by it */

    enum hd_bench_phase phase;
    struct herald_bench_run run;
    uint64_t stream_id;
    struct hd_pacer pacer;
    bool paced;
    uint64_t blocked_ns;  /* monotonic: the send buffer was full; not before then */
    uint64_t start_ns;    /* monotonic */
    uint64_t first_ns;    /* monotonic: when the first datagram left, */
    uint64_t first_bytes; /* with so many more at the same time */
    uint64_t last_ns;     /* monotonic: when the last datagram left */
    uint64_t number;      /* of the next datagram, from 1 on */
    struct herald_bench_sent sent;
    uint8_t *burst;      /* room for datagrams back to back */
    size_t pending;      /* datagrams of it that are still to be sent, */
    size_t pending_from; /* from here on */

    uint64_t remind_ns; /* monotonic: when those who have not reported at last are asked again */
    uint32_t reminders;
    uint64_t done_ns; /* monotonic: when nothing more is waited for */

    struct hd_bench_peer **peers;
    uint64_t *peer_ids; /* of each, close together: they are looked through for every report */
    size_t peer_count, peer_capacity;
    size_t finals;                  /* peers whose last report of this run has come */
    size_t absent;                  /* of config.expect, those that are given up, known or not */
    uint32_t queue_drops;           /* when the run began */
    struct hd_bench_limit messages; /* to receivers */
    struct herald_bench_sender_event *events;
    size_t event_count, event_capacity;
};

/* Tells something. `error` may be NULL. */
void hd_bench_sender_tell(herald_bench_sender *sender, enum herald_bench_sender_event_kind kind, size_t peer,
                          const struct herald_error *error);

/* Takes reports and answers. @return 0; -errno. */
int hd_bench_peers_take(herald_bench_sender *sender);

/* Asks those for their last report that have not sent it. */
void hd_bench_peers_remind(herald_bench_sender *sender);

/* Whether everybody who is expected has sent the last report. */
bool hd_bench_peers_complete(const herald_bench_sender *sender);

void hd_bench_peers_restart(herald_bench_sender *sender);
void hd_bench_peers_release(herald_bench_sender *sender);

#endif
