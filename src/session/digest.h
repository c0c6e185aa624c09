/* SPDX-License-Identifier: MIT */
/*
 * The digest of an object: says whether what was written is what was read, and, block by block, what of an unfinished
 * file can be kept. It finds accidents, it does not keep anybody from making up data.
 *
 * A segment's value is XXH3-64 of its bytes, mixed with its number in the object. A block's value is the sum of its
 * segments' values modulo 2^64, so that segments can come in any order; 0 is replaced by 1, for 0 says "not here".
 * The object's digest is XXH3-128, canonical form, of the object's size and then all blocks' values, each as 8 bytes,
 * big-endian.
 */
#ifndef SESSION_DIGEST_H
#define SESSION_DIGEST_H

#include "message.h"
#include "partition.h" /* of the core */

#include <stdint.h>

struct hd_digest {
    struct hd_partition partition;
    uint64_t *values; /* of the blocks; 0: unknown */
    bool is_owner;    /* of values: otherwise somebody else's memory, such as a mapped journal */
};

/* The value of segment number `segment` of an object. */
uint64_t hd_digest_segment(uint64_t segment, const uint8_t *bytes, size_t size_bytes);

/* Takes memory for the values, all unknown; or uses `values`, partition->blocks of them, if it is not NULL.
   @return 0; -ENOMEM. */
HERALD_CHECKED int hd_digest_init(struct hd_digest *ret_digest, const struct hd_partition *partition, uint64_t *values);
void hd_digest_release(struct hd_digest *digest);

/* Computes the value of a whole block from its bytes (hd_partition_block_bytes() of them), without storing it. */
uint64_t hd_digest_of_block(const struct hd_digest *digest, uint64_t block, const uint8_t *bytes);

/* @return 0; -EAGAIN: some block's value is unknown. */
HERALD_CHECKED int hd_digest_finish(const struct hd_digest *digest, uint8_t ret_bytes[HD_DIGEST_BYTES]);

#endif
