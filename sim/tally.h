/* SPDX-License-Identifier: MIT */
/*
 * What is counted while a scenario runs, by looking at the packets on the wire: by kind, the blocks that lost
 * something, NACKs, and what was sent and written over time. Independent of what the machines count themselves.
 */
#ifndef SIM_TALLY_H
#define SIM_TALLY_H

#include "packet.h"
#include "scenario.h"

#include <stdio.h>

enum sim_kind {
    SIM_KIND_SOURCE, /* DATA of the object itself */
    SIM_KIND_PARITY,
    SIM_KIND_INFO,
    SIM_KIND_FLUSH,
    SIM_KIND_EOT,
    SIM_KIND_SQUELCH,
    SIM_KIND_CC,
    SIM_KIND_REPAIR_ADV,
    SIM_KIND_ACK_REQ,
    SIM_KIND_APPLICATION,
    SIM_KIND_NACK,
    SIM_KIND_ACK,
    SIM_KIND_OTHER,
    SIM_KINDS,
};

const char *sim_kind_name(enum sim_kind kind);

/* Time series of equal buckets, which double their width when there would be too many. */
enum { SIM_BUCKETS = 120 };

struct sim_series {
    uint64_t bucket_ns;
    uint32_t count;
    uint64_t sent_bytes[SIM_BUCKETS];    /* by senders */
    uint64_t written_bytes[SIM_BUCKETS]; /* by all receivers together */
};

struct sim_tally {
    const struct sim_scenario *scenario;
    uint64_t packets[SIM_KINDS];
    uint64_t bytes[SIM_KINDS];
    uint64_t nacks_heard;  /* by senders */
    uint64_t lost_packets; /* DATA, each loss at each receiver; on a sender's uplink once */
    uint64_t lost_blocks;
    uint64_t *lost_map; /* a bit for each block of each object, while it fits */
    uint64_t lost_map_bits;
    uint64_t blocks;        /* of one object */
    uint64_t goodput_bytes; /* written in the scenario's goodput interval */
    struct sim_series series;
    FILE *trace; /* a line for each packet sent, lost or heard by a watched node; or NULL */
};

/* What can be seen of a packet. `node` is its sender's index where that is needed: nodes of senders come first. */
struct sim_seen {
    enum sim_kind kind;
    uint16_t object_id;
    uint32_t block;
    uint32_t symbol;
};

void sim_tally_init(struct sim_tally *tally, const struct sim_scenario *scenario);
void sim_tally_free(struct sim_tally *tally);

struct sim_seen sim_tally_see(const struct sim_tally *tally, const struct sim_packet *packet);

void sim_tally_sent(struct sim_tally *tally, const struct sim_packet *packet, uint64_t now_ns);
void sim_tally_heard(struct sim_tally *tally, uint32_t node, const struct sim_packet *packet, uint64_t now_ns);
void sim_tally_lost(struct sim_tally *tally, uint32_t node, const struct sim_packet *packet, uint64_t now_ns);
void sim_tally_written(struct sim_tally *tally, uint64_t bytes, uint64_t now_ns);

#endif
