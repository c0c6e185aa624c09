/* SPDX-License-Identifier: MIT */
/*
 * An object's division into blocks and segments: RFC 5052 section 9.1.
 *
 * All blocks have as many symbols as each other, give or take one, and the larger ones come first. Segments follow
 * each other without a gap; only the last one of the object may be short. So everything is found by a division,
 * nothing is stored per block.
 *
 * Invariant: 0 < small_symbols <= large_symbols <= the maximum, and large_blocks * large_symbols +
 * (blocks - large_blocks) * small_symbols == segments. An object of no bytes has no block and no segment.
 */
#ifndef HD_PARTITION_H
#define HD_PARTITION_H

#include <herald/types.h>
#include <assert.h>

struct hd_partition {
    uint64_t object_bytes;
    uint64_t segments;
    uint64_t blocks;
    uint64_t large_blocks;  /* blocks 0 .. large_blocks - 1 have large_symbols, the others small_symbols */
    uint16_t large_symbols; /* the longest block there is, not the longest that is allowed */
    uint16_t small_symbols;
    uint16_t segment_bytes;
};

/* @return 0; -EINVAL: a segment or block of nothing; -EFBIG: an object beyond 48 bits. */
HERALD_CHECKED int hd_partition_init(struct hd_partition *ret_partition, uint64_t object_bytes, uint16_t segment_bytes,
                                     uint16_t max_block_symbols);

/* Of the following, a block or symbol that does not exist is the caller's bug: ask hd_partition_has() first. */

/* How many symbols a block has. */
static inline uint16_t hd_partition_block_symbols(const struct hd_partition *partition, uint64_t block)
{
    return block < partition->large_blocks ? partition->large_symbols : partition->small_symbols;
}

/* Is there such a source symbol? For what a packet says. */
static inline bool hd_partition_has(const struct hd_partition *partition, uint64_t block, uint32_t symbol)
{
    return block < partition->blocks && symbol < hd_partition_block_symbols(partition, block);
}

/* The number, in the object, of a block's first segment. Of block number `blocks`: the number of segments. */
static inline uint64_t hd_partition_block_segment(const struct hd_partition *partition, uint64_t block)
{
    uint64_t large_blocks = block < partition->large_blocks ? block : partition->large_blocks;

    assert(block <= partition->blocks);
    return large_blocks * partition->large_symbols + (block - large_blocks) * partition->small_symbols;
}

/* Where a block begins in the object. */
static inline uint64_t hd_partition_block_offset(const struct hd_partition *partition, uint64_t block)
{
    assert(block < partition->blocks);
    return hd_partition_block_segment(partition, block) * partition->segment_bytes;
}

/* How many bytes of the object a block holds. */
static inline uint64_t hd_partition_block_bytes(const struct hd_partition *partition, uint64_t block)
{
    uint64_t offset_bytes = hd_partition_block_offset(partition, block);
    uint64_t full_bytes = (uint64_t)hd_partition_block_symbols(partition, block) * partition->segment_bytes;
    uint64_t left_bytes = partition->object_bytes - offset_bytes;

    return left_bytes < full_bytes ? left_bytes : full_bytes;
}

/* Where a source symbol begins in the object. */
static inline uint64_t hd_partition_offset(const struct hd_partition *partition, uint64_t block, uint16_t symbol)
{
    assert(symbol < hd_partition_block_symbols(partition, block));
    return hd_partition_block_offset(partition, block) + (uint64_t)symbol * partition->segment_bytes;
}

/* How many bytes of the object a source symbol holds: less than a segment only at the object's end, never 0. */
static inline uint16_t hd_partition_bytes(const struct hd_partition *partition, uint64_t block, uint16_t symbol)
{
    uint64_t left_bytes = partition->object_bytes - hd_partition_offset(partition, block, symbol);

    return left_bytes < partition->segment_bytes ? (uint16_t)left_bytes : partition->segment_bytes;
}

/* The block and the symbol of segment number `segment` of the object. */
void hd_partition_locate(const struct hd_partition *partition, uint64_t segment, uint64_t *ret_block,
                         uint16_t *ret_symbol);

#endif
