/* SPDX-License-Identifier: MIT */
/* A scenario is a row of a table: who, what, over which links, what happens meanwhile, and what must hold. */
#ifndef SIM_SCENARIO_H
#define SIM_SCENARIO_H

#include "link.h"

#include <herald/norm.h>

#define SIM_US(n)   ((uint64_t)(n)*1000)
#define SIM_MS(n)   ((uint64_t)(n)*1000000)
#define SIM_SEC(n)  ((uint64_t)(n)*1000000000)
#define SIM_KB(n)   ((uint64_t)(n)*1000)
#define SIM_MB(n)   ((uint64_t)(n)*1000000)
#define SIM_MBIT(n) ((uint64_t)(n)*125000) /* as bytes per second */

/* Fields that are 0 have the default that sim_scenario_complete() gives them, or mean "none". */
struct sim_scenario {
    const char *name;
    const char *about;
    bool quick;  /* belongs to the short selection */
    bool costly; /* takes long, so gets fewer seeds */

    /* Who. The odd receivers are the first ones of all, with links of their own. */
    uint32_t senders;   /* 1 */
    uint32_t receivers; /* 10 */
    uint32_t odd;

    /* What each sender sends. */
    enum herald_norm_kind kind;
    uint32_t objects;       /* 1 */
    uint64_t object_bytes;  /* 1 MB; of a stream: all that is written to it */
    uint64_t object_gap_ns; /* between their starts */
    bool acks;              /* acknowledgements are asked for, again and again until all have come */

    /* The sender. */
    enum herald_norm_rate_mode rate_mode;
    uint32_t window_bytes_max; /* FIXED, AUTO; 0: none */
    uint64_t rate_bytes_per_s; /* 10 Mbit/s; AUTO and TFMCC: 1 Mbit/s to start from */
    uint16_t segment_bytes;    /* 1400 */
    uint8_t fec_id;            /* 5 */
    uint16_t block_segments;   /* 64 */
    uint16_t parity_segments;  /* 32, or what proactive_parity needs */
    uint16_t proactive_parity;
    uint64_t grtt_initial_ns; /* 100 ms */
    uint32_t group_size;      /* the number of receivers */
    bool without_parity;      /* the blocks have no parity at all */

    /* The receivers. */
    bool silent;
    bool unicast;
    enum herald_norm_sync sync;
    bool no_suppression;
    bool no_parity;
    bool small;             /* as little memory as the scenario allows */
    uint64_t reader_gap_ns; /* the odd receivers read their stream only so often: they lose data, and must be told */

    /* The network. A link without delay has 1 ms. */
    bool ssm; /* only senders reach the group */
    struct sim_link sender_up;
    struct sim_link sender_down;
    struct sim_link up; /* of receivers */
    struct sim_link down;
    struct sim_link odd_up;
    struct sim_link odd_down;
    bool clocks_differ; /* by up to hours, and up to 200 ppm fast or slow */

    /* What happens. */
    uint64_t late_ns; /* the odd receivers start then; everyone else at 0 */
    uint64_t kill_ns; /* the odd receivers are killed, */
    uint64_t revive_ns;
    uint64_t sender_kill_ns; /* the first sender is killed, */
    uint64_t sender_revive_ns;
    uint64_t change_ns; /* `down` becomes `changed_down` */
    struct sim_link changed_down;
    uint64_t tainted_ns; /* objects started before may come to nothing: an attacker was there */

    /* What must hold. */
    uint64_t complete_within_ns; /* 60 s */
    uint32_t nacks_max;          /* that reach the senders, per 100 blocks that lost something anywhere; 0: any */
    uint32_t redundancy_max;     /* bytes sent per 100 bytes of object; 0: any */
    uint64_t goodput_from_ns;    /* from here to the end, or to goodput_until_ns, */
    uint64_t goodput_until_ns;
    uint64_t goodput_min_bytes_per_s; /* the receivers write as much, on average */

    uint32_t watched; /* the trace tells what this receiver hears, counted from 1; 0: none */
};

/* The table, ended by a row without a name. */
extern const struct sim_scenario sim_scenarios[];

/* NULL if there is none of that name. */
const struct sim_scenario *sim_scenario_find(const char *name);

/* Fills the defaults in. */
void sim_scenario_complete(struct sim_scenario *scenario);

/* Sets the loss of all downlinks. */
void sim_scenario_set_loss(struct sim_scenario *scenario, uint32_t loss_ppm);

/* Blocks of one object, and source segments of one block of it (RFC 5052 section 9.1). */
uint64_t sim_scenario_blocks(const struct sim_scenario *scenario);
uint32_t sim_scenario_block_segments(const struct sim_scenario *scenario, uint64_t block);

#endif
