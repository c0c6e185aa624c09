/* SPDX-License-Identifier: MIT */
/* A datagram on its way. It is stored once and counted: a copy for each of 100,000 receivers costs nothing. */
#ifndef SIM_PACKET_H
#define SIM_PACKET_H

#include <stddef.h>
#include <stdint.h>

/* The destination that stands for the group. */
#define SIM_GROUP UINT32_MAX

struct sim_packet {
    uint32_t references;
    uint32_t from; /* node */
    uint32_t to;   /* node, or SIM_GROUP */
    uint32_t bytes;
    uint64_t hash; /* of the content, for the trace */
    uint8_t data[];
};

/* Copies the bytes; the caller holds the only reference. */
struct sim_packet *sim_packet_new(uint32_t from, uint32_t to, const uint8_t *data, size_t bytes);

static inline struct sim_packet *sim_packet_hold(struct sim_packet *packet)
{
    packet->references++;
    return packet;
}

/* NULL is allowed. */
void sim_packet_release(struct sim_packet *packet);

/* A 64-bit hash of bytes, continued from `hash`. */
uint64_t sim_hash(uint64_t hash, const uint8_t *data, size_t bytes);

/* Memory or nothing: a simulation that cannot have it has no use for going on. */
void *sim_allocate(size_t count, size_t bytes);
void *sim_reallocate(void *old, size_t count, size_t bytes);

#endif
