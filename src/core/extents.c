/* SPDX-License-Identifier: MIT */
#include "extents.h"

#include "bits.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

int hd_extents_init(struct hd_extents *extents, uint64_t bits_count, uint32_t extents_max)
{
    *extents = (struct hd_extents){ .words_count = hd_bits_words(bits_count), .live_max = extents_max };
    extents->words = calloc(extents->words_count, sizeof(*extents->words));
    extents->live = calloc(extents_max, sizeof(*extents->live));
    return extents->words && extents->live ? 0 : -ENOMEM;
}

void hd_extents_fini(struct hd_extents *extents)
{
    free(extents->words);
    free(extents->live);
    *extents = (struct hd_extents){ 0 };
}

/* The free words in front of live extent number `index`; with index == live_count: behind the last. */
static struct hd_extent gap_before(const struct hd_extents *extents, uint32_t index)
{
    uint64_t start_words = 0;
    uint64_t end_words = index < extents->live_count ? extents->live[index].offset_words : extents->words_count;

    if (index > 0)
        start_words = extents->live[index - 1].offset_words + extents->live[index - 1].size_words;
    return (struct hd_extent){ .offset_words = start_words, .size_words = end_words - start_words };
}

uint64_t *hd_extents_alloc(struct hd_extents *extents, uint64_t bits_count)
{
    uint64_t size_words = hd_bits_words(bits_count);
    struct hd_extent gap;
    uint32_t index = 0;

    assert(bits_count > 0);
    if (extents->live_count == extents->live_max || size_words > extents->words_count - extents->used_words)
        return NULL;
    while (gap = gap_before(extents, index), gap.size_words < size_words) {
        if (index++ == extents->live_count)
            return NULL;
    }
    memmove(extents->live + index + 1, extents->live + index, (extents->live_count - index) * sizeof(*extents->live));
    extents->live[index] = (struct hd_extent){ .offset_words = gap.offset_words, .size_words = size_words };
    extents->live_count++;
    extents->used_words += size_words;
    memset(extents->words + gap.offset_words, 0, size_words * sizeof(*extents->words));
    return extents->words + gap.offset_words;
}

void hd_extents_free(struct hd_extents *extents, const uint64_t *bits)
{
    uint32_t index = 0;

    if (!bits)
        return;
    while (index < extents->live_count && extents->words + extents->live[index].offset_words != bits)
        index++;
    assert(index < extents->live_count);
    extents->used_words -= extents->live[index].size_words;
    extents->live_count--;
    memmove(extents->live + index, extents->live + index + 1, (extents->live_count - index) * sizeof(*extents->live));
}
