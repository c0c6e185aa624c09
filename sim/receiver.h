/* SPDX-License-Identifier: MIT */
/* A NORM receiver as a node, with the application that takes what it delivers and verifies it. */
#ifndef SIM_RECEIVER_H
#define SIM_RECEIVER_H

#include "run.h"

enum sim_take_state {
    SIM_TAKE_WAITING,
    SIM_TAKE_OPEN,
    SIM_TAKE_COMPLETE,
    SIM_TAKE_GIVEN_UP,
};

/* An object as one receiver has it. */
struct sim_take {
    struct sim_receiver *receiver;
    uint8_t *segments; /* a bit for each that was written */
    uint64_t bytes;    /* written */
    uint32_t number;   /* sender * objects + object */
    uint16_t segment_bytes;
    enum sim_take_state state;
    bool info_came;
    bool is_expected; /* it counts as pending */
    bool is_spoiled;  /* an attacker has put something else in its place before it existed: anything may come of it */
};

struct sim_receiver {
    struct sim_run *run;
    uint32_t node;
    uint32_t incarnation;
    uint32_t pending; /* objects that are waited for */
    herald_norm_receiver *machine;
    struct sim_take *takes; /* by number */
    uint64_t complete_ns;   /* when the last object was complete; SIM_NEVER before */
    uint64_t nacks_sent;    /* by machines that were killed */
    uint64_t nacks_suppressed;
    uint64_t stream_bytes;         /* read, or lost and told so */
    uint64_t stream_message_bytes; /* where the next message starts */
    uint64_t next_read_ns;         /* of a slow reader, by the node's clock; SIM_NEVER while there is nothing */
    uint32_t stream_sender_id;     /* what a slow reader reads */
    uint16_t stream_object_id;
};

void sim_receiver_init(struct sim_receiver *receiver, struct sim_run *run, uint32_t index);
void sim_receiver_free(struct sim_receiver *receiver);

/* Starts it, with nothing received. */
void sim_receiver_start(struct sim_receiver *receiver);
void sim_receiver_kill(struct sim_receiver *receiver);

/* A sender began anew: all of its objects are waited for again. */
void sim_receiver_expect_again(struct sim_receiver *receiver, uint32_t sender);

#endif
