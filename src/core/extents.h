/* SPDX-License-Identifier: MIT */
/*
 * Bitmaps of any length out of one piece of memory that is allocated once: first fit, in whole words.
 *
 * Invariant: the live extents are sorted by their place and do not overlap; every word outside of them is free. So a
 * bitmap of n words is found whenever n free words lie side by side. Work is linear in the number of live extents
 * (objects), not in their size but for clearing what is handed out.
 */
#ifndef HD_EXTENTS_H
#define HD_EXTENTS_H

#include <herald/types.h>

struct hd_extent {
    uint64_t offset_words;
    uint64_t size_words;
};

struct hd_extents {
    uint64_t *words;
    uint64_t words_count;
    uint64_t used_words;
    struct hd_extent *live;
    uint32_t live_count;
    uint32_t live_max;
};

/* Allocates all memory that will ever be used: bits_count bits, for extents_max bitmaps at once.
 * @return 0; -ENOMEM. */
HERALD_CHECKED int hd_extents_init(struct hd_extents *extents, uint64_t bits_count, uint32_t extents_max);

/* Frees it. Also after hd_extents_init() failed, and for a struct of zeros. */
void hd_extents_fini(struct hd_extents *extents);

/* @return a bitmap of bits_count (> 0) bits, all clear; NULL if there is no room for it, or too many are live. */
uint64_t *hd_extents_alloc(struct hd_extents *extents, uint64_t bits_count);

/* Gives a bitmap back. NULL is nothing. */
void hd_extents_free(struct hd_extents *extents, const uint64_t *bits);

#endif
