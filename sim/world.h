/* SPDX-License-Identifier: MIT */
/*
 * A network in virtual time. Every node has an uplink to one switch and a downlink from it. The switch copies what is
 * sent to the group to every node but the one that sent it, and each copy then has its own fate on its downlink.
 * One seed decides everything: the same seed and calls give the same run, and so the same trace.
 *
 * Nodes are whatever implements `sim_node_ops`, moved as herald's protocol machines are: packets and time go in,
 * datagrams and a deadline come out.
 */
#ifndef SIM_WORLD_H
#define SIM_WORLD_H

#include "link.h"
#include "packet.h"
#include "queue.h"

struct sim_datagram {
    uint32_t to; /* node, or SIM_GROUP */
    const uint8_t *data;
    size_t bytes;
};

/* `now_ns` is the node's own clock, which may run differently from the world's. */
struct sim_node_ops {
    void (*input)(void *self, const struct sim_packet *packet, uint64_t now_ns);
    /* True while there is something to send; *ret_datagram is valid until the next call. */
    bool (*poll_output)(void *self, uint64_t now_ns, struct sim_datagram *ret_datagram);
    uint64_t (*next_timeout)(void *self); /* SIM_NEVER for none */
    void (*handle_timeout)(void *self, uint64_t now_ns);
};

struct sim_world;

/* Something that the scenario does at a given time: it may stop and start nodes and change links. */
struct sim_action {
    uint64_t time_ns;
    void (*run)(struct sim_world *world, void *user, uint32_t argument);
    void *user;
    uint32_t argument;
};

/* Told of packets; each may be NULL. A node is watched for deliveries only if sim_node_watch() says so. */
struct sim_observer {
    void *user;
    void (*sent)(void *user, const struct sim_packet *packet, uint64_t now_ns);
    void (*delivered)(void *user, uint32_t node, const struct sim_packet *packet, uint64_t now_ns);
    /* On its way to a running node, or, where that is the sender itself, to everyone. */
    void (*dropped)(void *user, uint32_t node, const struct sim_packet *packet, enum sim_loss loss);
};

struct sim_counts {
    uint64_t sent_packets;
    uint64_t sent_bytes;
    uint64_t delivered_packets;
    uint64_t dropped[SIM_LOSS_REASONS]; /* by reason; a copy to one receiver counts as one */
    uint64_t duplicated;
    uint64_t reordered;
    uint64_t attacked;
    uint64_t not_forwarded; /* from nodes that may not send to the group */
    uint64_t events;
};

/* What a node did that no node may do. */
enum sim_offence {
    SIM_NO_OFFENCE,
    SIM_BUSY_LOOP,      /* next_timeout() is not later than handle_timeout(now) */
    SIM_ENDLESS_OUTPUT, /* poll_output() never ends */
};

struct sim_complaint {
    enum sim_offence offence;
    uint32_t node;
    uint64_t time_ns;
};

struct sim_world *sim_world_new(uint64_t seed, uint32_t nodes_max);
struct sim_world *sim_world_free(struct sim_world *world);

/* Adds a kind of link. @return its index */
uint32_t sim_world_add_link(struct sim_world *world, const struct sim_link *link);

/* Changes it for everyone who is connected by it, from now on. */
void sim_world_set_link(struct sim_world *world, uint32_t link, const struct sim_link *changed);

/* Only nodes that sim_node_allow_group() names can send to the group, as with source-specific multicast. */
void sim_world_restrict_group(struct sim_world *world);

/* Adds a node that does not run yet. @return its index, from 0 on */
uint32_t sim_world_add_node(struct sim_world *world, uint32_t uplink, uint32_t downlink);

void sim_node_allow_group(struct sim_world *world, uint32_t node);
void sim_node_watch(struct sim_world *world, uint32_t node);

/* Its clock: what it shows at the world's beginning, and how many millionths too fast it is. */
void sim_node_set_clock(struct sim_world *world, uint32_t node, uint64_t offset_ns, int32_t drift_ppm);
uint64_t sim_node_clock(const struct sim_world *world, uint32_t node);

/* From now on, `ops` and `self` are the node. It can be stopped at any time outside of its own calls. */
void sim_node_start(struct sim_world *world, uint32_t node, const struct sim_node_ops *ops, void *self);
void sim_node_stop(struct sim_world *world, uint32_t node);

/* Asks the node again for output and its deadline, after somebody else has called it. */
void sim_node_touch(struct sim_world *world, uint32_t node);

/* The action must live as long as the world. */
void sim_world_at(struct sim_world *world, const struct sim_action *action);

void sim_world_observe(struct sim_world *world, const struct sim_observer *observer);

/* Runs up to and including `until_ns`, or until sim_world_halt(). @return false if nothing is left to happen */
bool sim_world_run(struct sim_world *world, uint64_t until_ns);

/* For use by nodes, actions and observers: ends sim_world_run() after the current event. */
void sim_world_halt(struct sim_world *world);

uint64_t sim_world_now(const struct sim_world *world);

/* A hash of every delivery: when, from whom, to whom, what. */
uint64_t sim_world_trace(const struct sim_world *world);

const struct sim_counts *sim_world_counts(const struct sim_world *world);

/* The first offence; its kind is SIM_NO_OFFENCE if there was none. */
const struct sim_complaint *sim_world_complaint(const struct sim_world *world);

#endif
