/* SPDX-License-Identifier: MIT */
/* One run of one scenario with one seed: the nodes, what was counted, and what went wrong. */
#ifndef SIM_RUN_H
#define SIM_RUN_H

#include "check.h"
#include "content.h"
#include "scenario.h"
#include "tally.h"
#include "world.h"

/* Room for a datagram of one machine; segments are at most 1472 here. */
enum { SIM_DATAGRAM_BYTES = 4096 };

/* Blocks of a stream's buffer, at both ends. */
enum { SIM_STREAM_BLOCKS = 16 };

struct sim_run {
    struct sim_scenario scenario;
    uint64_t seed;
    struct sim_world *world;
    struct sim_content content;
    struct sim_tally tally;
    struct sim_failures failures;

    struct sim_sender *senders;
    struct sim_receiver *receivers;
    struct sim_action *actions; /* what the scenario does at given times */
    uint32_t actions_count;

    uint32_t links[6];        /* of enum sim_run_link, as the world numbers them */
    uint64_t objects_pending; /* objects that some receiver still waits for, each receiver counted */
    uint32_t acks_pending;    /* senders that wait for acknowledgements */
    uint64_t done_ns;         /* when nothing was pending any more; SIM_NEVER before */
    uint8_t datagram[SIM_DATAGRAM_BYTES];
};

enum sim_run_link {
    SIM_LINK_SENDER_UP,
    SIM_LINK_SENDER_DOWN,
    SIM_LINK_UP,
    SIM_LINK_DOWN,
    SIM_LINK_ODD_UP,
    SIM_LINK_ODD_DOWN,
};

/* What of a run is reported; times are SIM_NEVER where nothing was completed. */
struct sim_result {
    uint64_t seed;
    uint64_t first_ns, median_ns, last_ns; /* receivers that have everything */
    uint32_t complete_count;
    uint32_t receivers_count;
    uint64_t source_bytes; /* of all objects of all senders */
    uint64_t sent_bytes;   /* by senders */
    uint64_t nacks_sent, nacks_suppressed, nacks_heard;
    uint64_t lost_blocks;
    uint64_t goodput_bytes_per_s; /* in the scenario's interval, mean of the receivers */
    uint64_t end_ns;
    uint64_t trace;
    struct sim_counts counts;
    struct sim_tally tally; /* without its map */
    struct sim_failures failures;
    struct herald_norm_receiver_statistics watched; /* of the receiver that is watched */
};

/* Runs a scenario whose defaults are filled in. `trace` gets a line for each packet; NULL for none. */
void sim_run(const struct sim_scenario *scenario, uint64_t seed, FILE *trace, struct sim_result *ret_result);

/* --- for the nodes --- */

/* The index of a receiver's, or a sender's, node. Senders come first. */
static inline uint32_t sim_run_receiver_node(const struct sim_run *run, uint32_t receiver)
{
    return run->scenario.senders + receiver;
}

/* Node ids of NORM are not 0. */
static inline uint32_t sim_node_id(uint32_t node)
{
    return node + 1;
}

struct herald_peer sim_node_peer(uint32_t node);

/* Makes the world's datagram from the machine's, whose header and payload are put together. */
struct sim_datagram sim_run_datagram(struct sim_run *run, const struct herald_norm_datagram *datagram);

/* An object that a receiver waited for has been completed, or given up. Ends the run when it was the last. */
void sim_run_object_done(struct sim_run *run);

/* The same for all the acknowledgements that a sender asked for. */
void sim_run_acks_done(struct sim_run *run);

/* True if object `object` was started while an attacker was at work, so that nothing is expected of it. */
bool sim_run_is_tainted(const struct sim_run *run, uint32_t object);

/* What sim_content calls the object. */
static inline uint64_t sim_run_content_number(const struct sim_run *run, uint32_t sender, uint32_t object)
{
    return (uint64_t)sender * run->scenario.objects + object;
}

/* The INFO of an object. @return its length */
size_t sim_run_info(uint32_t sender, uint32_t object, char *text, size_t size);

#endif
