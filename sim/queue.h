/* SPDX-License-Identifier: MIT */
/*
 * What happens when: a four-ary heap of events, and one of the nodes' timers.
 * Events of the same time come in the order in which they were added. A timer is kept once per node and can be moved.
 */
#ifndef SIM_QUEUE_H
#define SIM_QUEUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SIM_NEVER UINT64_MAX

enum sim_event_kind {
    SIM_EVENT_SWITCH,  /* a packet reaches the end of its sender's uplink */
    SIM_EVENT_FANOUT,  /* a packet reaches the ends of all the downlinks of one kind */
    SIM_EVENT_ARRIVE,  /* a packet reaches the end of one downlink */
    SIM_EVENT_DELIVER, /* like ARRIVE, but its fate on the link has been decided */
    SIM_EVENT_FORWARD, /* like SWITCH, but its fate on the link has been decided */
    SIM_EVENT_ACTION,  /* the scenario does something */
};

struct sim_packet;

struct sim_event {
    uint64_t time_ns;
    uint64_t order;
    union {
        struct sim_packet *packet;
        const struct sim_action *action;
    };
    uint32_t target; /* node; for FANOUT the link */
    enum sim_event_kind kind;
};

struct sim_queue {
    struct sim_event *events;
    size_t count;
    size_t capacity;
    uint64_t next_order;
};

void sim_queue_add(struct sim_queue *queue, struct sim_event event);

/* The time of the first event, or SIM_NEVER. */
uint64_t sim_queue_time(const struct sim_queue *queue);

/* Takes the first event out; the queue must not be empty. */
struct sim_event sim_queue_take(struct sim_queue *queue);

void sim_queue_free(struct sim_queue *queue);

struct sim_timer {
    uint64_t time_ns;
    uint32_t node;
};

struct sim_timers {
    struct sim_timer *heap;
    uint32_t *places; /* by node: index in the heap, plus 1; 0 = none */
    uint32_t count;
    uint32_t nodes;
};

void sim_timers_init(struct sim_timers *timers, uint32_t nodes);

/* SIM_NEVER removes it. */
void sim_timers_set(struct sim_timers *timers, uint32_t node, uint64_t time_ns);

/* What is set for the node, or SIM_NEVER. */
uint64_t sim_timers_get(const struct sim_timers *timers, uint32_t node);

/* The first timer, by time and then by node; NULL if there is none. */
const struct sim_timer *sim_timers_first(const struct sim_timers *timers);

void sim_timers_free(struct sim_timers *timers);

#endif
