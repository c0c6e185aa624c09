/* SPDX-License-Identifier: MIT */
/* A NORM sender as a node, with the application that feeds it. */
#ifndef SIM_SENDER_H
#define SIM_SENDER_H

#include "run.h"

struct sim_sender {
    struct sim_run *run;
    uint32_t index; /* of the senders; also its node */
    herald_norm_sender *machine;
    uint16_t instance_id;
    uint32_t due;      /* objects that may be started by now */
    uint32_t enqueued; /* of these, how many the machine has */
    uint16_t *ids;     /* by object: its id on the wire */
    bool acks_asked;
    bool acks_finished;
    uint64_t stream_written_bytes;
    uint64_t message_end_bytes; /* where the current message of the stream ends */
    struct sim_source *sources; /* by object */
};

/* What an object's source needs to know. */
struct sim_source {
    struct sim_sender *sender;
    uint32_t object;
};

void sim_sender_init(struct sim_sender *sender, struct sim_run *run, uint32_t index);
void sim_sender_free(struct sim_sender *sender);

/* Starts it, or starts it anew, with another instance id. */
void sim_sender_start(struct sim_sender *sender);
void sim_sender_kill(struct sim_sender *sender);

/* One more object may be started. */
void sim_sender_next_object(struct sim_sender *sender);

/* How long the message of a stream is that starts at an offset. */
uint64_t sim_message_bytes(uint64_t offset_bytes);

/* @return the object that has this id on the wire, or will have it; -1 if none */
int64_t sim_sender_find(const struct sim_sender *sender, uint16_t object_id);

#endif
