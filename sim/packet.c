/* SPDX-License-Identifier: MIT */
#include "packet.h"
#include "random.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void *allocated(void *memory, size_t count, size_t bytes)
{
    if (memory == NULL && count > 0 && bytes > 0) {
        fprintf(stderr, "herald-sim: no memory for %zu times %zu bytes\n", count, bytes);
        exit(3);
    }
    return memory;
}

void *sim_allocate(size_t count, size_t bytes)
{
    return allocated(calloc(count, bytes), count, bytes);
}

void *sim_reallocate(void *old, size_t count, size_t bytes)
{
    return allocated(reallocarray(old, count, bytes), count, bytes);
}

uint64_t sim_hash(uint64_t hash, const uint8_t *data, size_t bytes)
{
    size_t at = 0;
    uint64_t word;

    for (; at + sizeof word <= bytes; at += sizeof word) {
        memcpy(&word, data + at, sizeof word);
        hash = (hash ^ word) * UINT64_C(0x100000001b3);
        hash ^= hash >> 29;
    }
    word = 0;
    if (at < bytes)
        memcpy(&word, data + at, bytes - at);
    return sim_mix((hash ^ word) * UINT64_C(0x100000001b3) + bytes);
}

struct sim_packet *sim_packet_new(uint32_t from, uint32_t to, const uint8_t *data, size_t bytes)
{
    struct sim_packet *packet = sim_allocate(1, sizeof *packet + bytes);

    assert(bytes <= UINT32_MAX);
    packet->references = 1;
    packet->from = from;
    packet->to = to;
    packet->bytes = (uint32_t)bytes;
    if (bytes > 0)
        memcpy(packet->data, data, bytes);
    packet->hash = sim_hash(from, packet->data, bytes);
    return packet;
}

void sim_packet_release(struct sim_packet *packet)
{
    if (packet == NULL)
        return;
    assert(packet->references > 0);
    if (--packet->references == 0)
        free(packet);
}
