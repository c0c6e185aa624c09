/* SPDX-License-Identifier: MIT */
/*
 * Bitmaps: bit i is bit i % 64 of word i / 64.
 *
 * A range is [from, limit). Searches return `limit` when they find nothing. No word is read or written that holds no
 * bit of the range, so a bitmap of n bits is hd_bits_words(n) words and nothing behind them.
 */
#ifndef HD_BITS_H
#define HD_BITS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* How many words n bits take. */
static inline uint64_t hd_bits_words(uint64_t bits_count)
{
    return bits_count / 64 + (bits_count % 64 != 0);
}

static inline bool hd_bits_test(const uint64_t *bits, uint64_t index)
{
    return bits[index / 64] >> index % 64 & 1;
}

static inline void hd_bits_set(uint64_t *bits, uint64_t index)
{
    bits[index / 64] |= UINT64_C(1) << index % 64;
}

static inline void hd_bits_clear(uint64_t *bits, uint64_t index)
{
    bits[index / 64] &= ~(UINT64_C(1) << index % 64);
}

/* The bits of word number `word` that lie in a range which touches that word. */
static inline uint64_t hd_bits_mask(uint64_t word, uint64_t from, uint64_t limit)
{
    uint64_t mask = UINT64_MAX;

    if (word == from / 64)
        mask <<= from % 64;
    if (word == limit / 64)
        mask &= (UINT64_C(1) << limit % 64) - 1;
    return mask;
}

static inline void hd_bits_set_range(uint64_t *bits, uint64_t from, uint64_t limit)
{
    for (uint64_t word = from / 64; from < limit && word < hd_bits_words(limit); word++)
        bits[word] |= hd_bits_mask(word, from, limit);
}

static inline void hd_bits_clear_range(uint64_t *bits, uint64_t from, uint64_t limit)
{
    for (uint64_t word = from / 64; from < limit && word < hd_bits_words(limit); word++)
        bits[word] &= ~hd_bits_mask(word, from, limit);
}

static inline uint64_t hd_bits_first_set(const uint64_t *bits, uint64_t from, uint64_t limit)
{
    for (uint64_t word = from / 64; from < limit && word < hd_bits_words(limit); word++) {
        uint64_t found = bits[word] & hd_bits_mask(word, from, limit);

        if (found)
            return word * 64 + (uint64_t)__builtin_ctzll(found);
    }
    return limit;
}

static inline uint64_t hd_bits_first_clear(const uint64_t *bits, uint64_t from, uint64_t limit)
{
    for (uint64_t word = from / 64; from < limit && word < hd_bits_words(limit); word++) {
        uint64_t found = ~bits[word] & hd_bits_mask(word, from, limit);

        if (found)
            return word * 64 + (uint64_t)__builtin_ctzll(found);
    }
    return limit;
}

/* The highest bit of the range that is set. */
static inline uint64_t hd_bits_last_set(const uint64_t *bits, uint64_t from, uint64_t limit)
{
    for (uint64_t word = hd_bits_words(limit); from < limit && word > from / 64; word--) {
        uint64_t found = bits[word - 1] & hd_bits_mask(word - 1, from, limit);

        if (found)
            return (word - 1) * 64 + 63 - (uint64_t)__builtin_clzll(found);
    }
    return limit;
}

/* How many bits of the range are set. */
static inline uint64_t hd_bits_count(const uint64_t *bits, uint64_t from, uint64_t limit)
{
    uint64_t count = 0;

    for (uint64_t word = from / 64; from < limit && word < hd_bits_words(limit); word++)
        count += (uint64_t)__builtin_popcountll(bits[word] & hd_bits_mask(word, from, limit));
    return count;
}

#endif
