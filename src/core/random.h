/* SPDX-License-Identifier: MIT */
/*
 * Random numbers that replay: the same seed gives the same sequence on every machine. Not for secrets.
 *
 * The state is a counter that walks through all 2^64 values by an odd step; each output is a hash of it in which
 * every bit depends on every bit of the counter.
 */
#ifndef HD_RANDOM_H
#define HD_RANDOM_H

#include <stdint.h>

struct hd_random {
    uint64_t counter;
};

/* Two rounds of fold and multiply: a bijection of 64 bits. */
static inline uint64_t hd_random_hash(uint64_t value)
{
    value = (value ^ value >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    value = (value ^ value >> 27) * UINT64_C(0x94d049bb133111eb);
    return value ^ value >> 31;
}

/* Seeds that are neighbours begin at places far apart. */
static inline void hd_random_init(struct hd_random *random, uint64_t seed)
{
    random->counter = hd_random_hash(seed + UINT64_C(0x632be59bd9b4e019));
}

/* Uniform over all 64 bits. */
static inline uint64_t hd_random_u64(struct hd_random *random)
{
    random->counter += UINT64_C(0x9e3779b97f4a7c15);
    return hd_random_hash(random->counter);
}

/* Uniform in 0 .. count - 1, but for a bias below count / 2^64; 0 if count is 0. */
static inline uint64_t hd_random_below(struct hd_random *random, uint64_t count)
{
    return (uint64_t)((unsigned __int128)hd_random_u64(random) * count >> 64);
}

/* Uniform in 0 .. max_ns, both included. */
static inline uint64_t hd_random_uniform_ns(struct hd_random *random, uint64_t max_ns)
{
    return max_ns == UINT64_MAX ? hd_random_u64(random) : hd_random_below(random, max_ns + 1);
}

#endif
