/* SPDX-License-Identifier: MIT */
/*
 * Shared by the fuzz targets of the NORM machines: the input as a supply of decisions, and packets that are made from
 * them. Such a packet has the form of a real one and ids that a machine knows, and is then damaged a little: most
 * random bytes would never get past the first check.
 */
#ifndef FUZZ_NORM_H
#define FUZZ_NORM_H

#include "wire.h"

#include <herald/norm.h>

/* What is left of the input. An empty one goes on with zeros: whatever takes from it must end by itself. */
struct fuzz_supply {
    const uint8_t *at;
    size_t left_bytes;
};

uint8_t fuzz_u8(struct fuzz_supply *supply);
uint16_t fuzz_u16(struct fuzz_supply *supply);
uint32_t fuzz_u32(struct fuzz_supply *supply);
bool fuzz_flip(struct fuzz_supply *supply);
/* 0 .. count - 1; count is at most 65536. */
uint32_t fuzz_below(struct fuzz_supply *supply, uint32_t count);
/* Nanoseconds of any magnitude up to a few hours, often 0. */
uint64_t fuzz_time_ns(struct fuzz_supply *supply);
/* The next bytes as they are, up to size_max. @return how many. */
size_t fuzz_bytes(struct fuzz_supply *supply, uint8_t *bytes, size_t size_max);

/* An assertion that no build option switches off. */
void fuzz_require(bool truth);

/* What the packets are about. */
struct fuzz_world {
    uint32_t senders[3];   /* node ids that send; the first is the likeliest */
    uint32_t receivers[3]; /* and that receive */
    uint16_t instance_id;
    uint8_t fec_id;
    uint16_t segment_bytes;
    uint16_t block_symbols;
    uint16_t parity_symbols;
    uint16_t first_object_id;         /* ids from here on are likely */
    uint32_t first_block;             /* and of streams, blocks from here on */
    struct hd_position last_position; /* of the last FLUSH that was seen */
    uint16_t last_cc_sequence;        /* of the last CMD(CC) */
    struct hd_timestamp last_cc_sent;
};

enum { FUZZ_PACKET_BYTES_MAX = 1600 };

/* A packet as receivers send them (NACK, ACK), or as senders do; damaged perhaps. @return its size. */
size_t fuzz_feedback(struct fuzz_supply *supply, const struct fuzz_world *world, uint8_t *packet);
size_t fuzz_sending(struct fuzz_supply *supply, const struct fuzz_world *world, uint8_t *packet);

/* What a machine wants to send must be a packet, and fit. Remembers what feedback could refer to. */
void fuzz_check_datagram(struct fuzz_world *world, const struct herald_norm_datagram *datagram);

#endif
