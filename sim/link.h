/* SPDX-License-Identifier: MIT */
/*
 * One direction of a node's connection to the switch. A `sim_link` tells what a kind of link does and is shared by
 * all the nodes that are connected by it; a `sim_port` is what one node's direction must remember.
 *
 * A packet passes in two steps: when it enters, it waits its turn, if the link has a rate (sim_link_enter()); when it
 * would arrive, its fate is drawn (sim_link_fate()). So a lost packet has taken its share of the rate, as on a wire.
 */
#ifndef SIM_LINK_H
#define SIM_LINK_H

#include "random.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What IPv4 and UDP add to a datagram on a link with a rate. */
enum { SIM_OVERHEAD_BYTES = 28, SIM_CUTS_MAX = 4 };

struct sim_interval {
    uint64_t from_ns;
    uint64_t until_ns; /* the first nanosecond after it */
};

struct sim_link {
    uint64_t delay_ns;
    uint64_t jitter_ns;        /* added: 0 .. jitter_ns - 1, evenly; the order is kept */
    uint64_t rate_bytes_per_s; /* 0: no limit */
    uint64_t queue_bytes;      /* what may wait for its turn, the last to come is dropped; 0: no limit */

    uint32_t loss_ppm;        /* each packet by itself */
    uint32_t burst_enter_ppm; /* Gilbert-Elliott: good to bad, drawn for each packet */
    uint32_t burst_leave_ppm; /* bad to good */
    uint32_t burst_loss_ppm;  /* lost while bad */
    uint32_t duplicate_ppm;   /* comes twice, the second time within lag_ns */
    uint32_t reorder_ppm;     /* comes up to lag_ns too late, so that others overtake it */
    uint64_t lag_ns;

    struct sim_interval cuts[SIM_CUTS_MAX]; /* nothing passes; unused ones are 0, 0 */

    struct sim_interval attack; /* while the attacker sits on this link: what he does to a packet */
    uint32_t truncate_ppm;
    uint32_t flip_ppm;   /* 1 to 8 bits */
    uint32_t replay_ppm; /* adds an earlier packet */
    uint32_t forge_ppm;  /* changes the source id, at byte 4 of NORM's messages */
};

struct sim_port {
    struct sim_random random;
    uint64_t free_ns;    /* when the last packet has left the queue */
    uint64_t arrival_ns; /* of the last packet: jitter does not reorder */
    bool bad;            /* inside a burst of losses */
};

enum sim_loss {
    SIM_PASSED,
    SIM_LOST,         /* by loss_ppm or a burst */
    SIM_QUEUE_FULL,   /* dropped at the tail */
    SIM_CUT,          /* partitioned */
    SIM_LOSS_REASONS, /* how many there are */
};

struct sim_fate {
    enum sim_loss loss;
    uint64_t late_ns;      /* 0: on time */
    bool duplicate;        /* comes once more, */
    uint64_t duplicate_ns; /* so much later */
};

struct sim_attack {
    bool present;
    bool truncate;
    bool flip;
    bool replay;
    bool forge;
};

/* True if all packets of one moment arrive at one moment, at whatever port. */
static inline bool sim_link_is_flat(const struct sim_link *link)
{
    return link->jitter_ns == 0 && link->rate_bytes_per_s == 0;
}

static inline bool sim_interval_has(const struct sim_interval *interval, uint64_t now_ns)
{
    return now_ns >= interval->from_ns && now_ns < interval->until_ns;
}

/* @return SIM_PASSED and when it arrives, or SIM_QUEUE_FULL */
enum sim_loss sim_link_enter(const struct sim_link *link, struct sim_port *port, uint64_t now_ns, size_t bytes,
                             uint64_t *ret_arrival_ns);

struct sim_fate sim_link_fate(const struct sim_link *link, struct sim_port *port, uint64_t now_ns);

/* What the attacker does; all false outside of his time. */
struct sim_attack sim_link_attack(const struct sim_link *link, struct sim_port *port, uint64_t now_ns);

/* How long `bytes` take at a rate, rounded up. */
uint64_t sim_duration_ns(uint64_t bytes, uint64_t rate_bytes_per_s);

#endif
