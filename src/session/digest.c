/* SPDX-License-Identifier: MIT */
#include "digest.h"

#include "cursor.h"

#include <errno.h>
#include <stdlib.h>
#define XXH_STATIC_LINKING_ONLY /* for the state on the stack */
#include <xxhash.h>
#ifdef HD_XXHASH_DISPATCHES
# include <xxh_x86dispatch.h> /* the same hashes by the processor's widest registers: three times as fast */
#endif

/* So that two segments in each other's place are noticed: every bit of the number reaches every bit of the value. */
static uint64_t mix(uint64_t value)
{
    value ^= value >> 33;
    value *= UINT64_C(0xff51afd7ed558ccd);
    value ^= value >> 33;
    value *= UINT64_C(0xc4ceb9fe1a85ec53);
    return value ^ value >> 33;
}

uint64_t hd_digest_segment(uint64_t segment, const uint8_t *bytes, size_t size_bytes)
{
    return mix(XXH3_64bits(bytes, size_bytes) + mix(segment + 1));
}

int hd_digest_init(struct hd_digest *ret_digest, const struct hd_partition *partition, uint64_t *values)
{
    struct hd_digest digest = { .partition = *partition, .is_owner = values == NULL };

    digest.values = values;
    if (digest.is_owner)
        digest.values = calloc(partition->blocks > 0 ? partition->blocks : 1, sizeof(*values));
    if (digest.values == NULL)
        return -ENOMEM;
    *ret_digest = digest;
    return 0;
}

void hd_digest_release(struct hd_digest *digest)
{
    if (digest->is_owner)
        free(digest->values);
    digest->values = NULL;
}

uint64_t hd_digest_of_block(const struct hd_digest *digest, uint64_t block, const uint8_t *bytes)
{
    const struct hd_partition *partition = &digest->partition;
    uint64_t first = hd_partition_block_segment(partition, block);
    uint64_t value = 0;

    for (uint16_t i = 0; i < hd_partition_block_symbols(partition, block); i++)
        value += hd_digest_segment(first + i, bytes + (size_t)i * partition->segment_bytes,
                                   hd_partition_bytes(partition, block, i));
    return value != 0 ? value : 1;
}

int hd_digest_finish(const struct hd_digest *digest, uint8_t ret_bytes[HD_DIGEST_BYTES])
{
    XXH3_state_t state;
    XXH128_canonical_t canonical;
    uint8_t number[8];

    for (uint64_t block = 0; block < digest->partition.blocks; block++)
        if (digest->values[block] == 0)
            return -EAGAIN;
    XXH3_INITSTATE(&state);
    XXH3_128bits_reset(&state);
    for (uint64_t i = 0; i <= digest->partition.blocks; i++) {
        uint64_t value = i == 0 ? digest->partition.object_bytes : digest->values[i - 1];

        hd_store_u32(number, (uint32_t)(value >> 32));
        hd_store_u32(number + 4, (uint32_t)value);
        XXH3_128bits_update(&state, number, sizeof(number));
    }
    XXH128_canonicalFromHash(&canonical, XXH3_128bits_digest(&state));
    memcpy(ret_bytes, canonical.digest, HD_DIGEST_BYTES);
    return 0;
}
