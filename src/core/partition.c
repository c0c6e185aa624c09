/* SPDX-License-Identifier: MIT */
#include "partition.h"

#include <errno.h>

#define OBJECT_BYTES_MAX ((UINT64_C(1) << 48) - 1)

int hd_partition_init(struct hd_partition *ret_partition, uint64_t object_bytes, uint16_t segment_bytes,
                      uint16_t max_block_symbols)
{
    struct hd_partition partition = { .object_bytes = object_bytes, .segment_bytes = segment_bytes };

    if (segment_bytes == 0 || max_block_symbols == 0)
        return -EINVAL;
    if (object_bytes > OBJECT_BYTES_MAX)
        return -EFBIG;
    if (object_bytes > 0) {
        /* RFC 5052 section 9.1, with its names: T, N, I, A_large and A_small. */
        partition.segments = (object_bytes - 1) / segment_bytes + 1;
        partition.blocks = (partition.segments - 1) / max_block_symbols + 1;
        partition.large_blocks = partition.segments % partition.blocks;
        partition.small_symbols = (uint16_t)(partition.segments / partition.blocks);
        partition.large_symbols = (uint16_t)(partition.small_symbols + (partition.large_blocks > 0));
    }
    *ret_partition = partition;
    return 0;
}

void hd_partition_locate(const struct hd_partition *partition, uint64_t segment, uint64_t *ret_block,
                         uint16_t *ret_symbol)
{
    uint64_t large_segments = partition->large_blocks * partition->large_symbols;

    assert(segment < partition->segments);
    if (segment < large_segments) {
        *ret_block = segment / partition->large_symbols;
        *ret_symbol = (uint16_t)(segment % partition->large_symbols);
    } else {
        *ret_block = partition->large_blocks + (segment - large_segments) / partition->small_symbols;
        *ret_symbol = (uint16_t)((segment - large_segments) % partition->small_symbols);
    }
}
