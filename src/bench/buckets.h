/* SPDX-License-Identifier: MIT */
/*
 * Log-linear buckets for values from 0 on: 2^bits of them between one power of two and the next.
 *
 *     index(v) = v                                   v < 2^(bits+1)
 *                (shift << bits) + (v >> shift)      otherwise, with shift = floor(log2 v) - bits
 *
 * The second line goes on where the first one ends, so that there is no hole.
 */
#ifndef BENCH_BUCKETS_H
#define BENCH_BUCKETS_H

#include <assert.h>
#include <stddef.h>
#include <stdint.h>

/* Values of so many bits are told apart; larger ones count as the largest. */
enum { HD_BUCKETS_VALUE_BITS = 41 };

#define HD_BUCKETS_VALUE_MAX ((UINT64_C(1) << HD_BUCKETS_VALUE_BITS) - 1)

static inline size_t hd_buckets_index(unsigned bits, uint64_t value)
{
    unsigned shift;

    if (value > HD_BUCKETS_VALUE_MAX)
        value = HD_BUCKETS_VALUE_MAX;
    if (value < UINT64_C(2) << bits)
        return (size_t)value;
    shift = 63U - (unsigned)__builtin_clzll(value) - bits;
    return ((size_t)shift << bits) + (size_t)(value >> shift);
}

/* The least value of a bucket. */
static inline uint64_t hd_buckets_low(unsigned bits, size_t index)
{
    size_t shift;

    if (index < (size_t)2 << bits)
        return index;
    shift = (index >> bits) - 1;
    assert(shift < 64);
    return (uint64_t)(index - (shift << bits)) << shift;
}

/* The largest value of a bucket. */
static inline uint64_t hd_buckets_high(unsigned bits, size_t index)
{
    return hd_buckets_low(bits, index + 1) - 1;
}

/* How many buckets there are. */
static inline size_t hd_buckets_count(unsigned bits)
{
    return hd_buckets_index(bits, HD_BUCKETS_VALUE_MAX) + 1;
}

#endif
