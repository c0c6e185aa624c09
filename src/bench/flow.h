/* SPDX-License-Identifier: MIT */
/* What a receiver knows of one stream: pure counting, times are given. */
#ifndef BENCH_FLOW_H
#define BENCH_FLOW_H

#include "stream_header.h"
#include "track.h"

#include <herald/bench.h>

/* Interarrival jitter (RFC 3550, 6.4.1 and A.8), in nanoseconds instead of timestamp units. */
struct hd_jitter {
    uint64_t sixteenths; /* of a nanosecond: the estimate is kept 16 times as large, as in A.8 */
    uint64_t sent_ns;    /* of the last datagram that counted */
    uint64_t received_ns;
    bool any;
};

void hd_jitter_arrived(struct hd_jitter *jitter, uint64_t sent_ns, uint64_t received_ns);

static inline uint64_t hd_jitter_ns(const struct hd_jitter *jitter)
{
    return jitter->sixteenths / 16;
}

struct hd_flow {
    struct herald_bench_stream facts; /* its `interface` is below */
    char interface[HERALD_INTERFACE_NAME_BYTES];
    uint64_t clock_id; /* the sender's; 0: unknown */
    bool same_clock;
    uint16_t report_interval_ms;
    uint16_t report_spread_ms;
    int hops;
    int64_t set_ns; /* what this host's clock shows more than when the stream began, for it was set since */

    struct hd_track track;
    struct hd_jitter jitter;
    herald_histogram *delays; /* relative to the base */
    int64_t delay_base_ns;
    uint64_t received;
    uint64_t received_bytes;
    uint64_t first_bytes;   /* that came at the first instant */
    uint64_t first_time_ns; /* kernel receive times, as if the clock had never been set */
    uint64_t last_time_ns;
    uint64_t missed;
    uint64_t total; /* numbers that were sent, as the sender says; 0: not known */
    bool ended;
};

/*
 * The first datagram of a stream. `listening_ns`: for how long this host has been listening. Numbers that were sent
 * before that are missed, not lost. @return 0; -ENOMEM.
 */
int hd_flow_init(struct hd_flow *stream, const struct hd_stream_header *header, uint64_t received_ns,
                 uint64_t listening_ns, uint64_t own_clock_id);

void hd_flow_release(struct hd_flow *stream);

/* A datagram of it, the first one too. */
void hd_flow_arrived(struct hd_flow *stream, const struct hd_stream_header *header, size_t size_bytes,
                     uint64_t received_ns);

/* So many were sent: what is missing at the end is lost, too. */
void hd_flow_finish(struct hd_flow *stream);

/* All but what the receiver as a whole knows: causes, buffer. */
void hd_flow_figures(const struct hd_flow *stream, struct herald_bench_figures *ret_figures);

#endif
