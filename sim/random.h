/* SPDX-License-Identifier: MIT */
/*
 * Randomness of the simulator: splitmix64, eight bytes of state. Every link and node has a generator of its own,
 * derived from the one seed and its index, so that what one of them draws changes nothing for the others.
 */
#ifndef SIM_RANDOM_H
#define SIM_RANDOM_H

#include <stdbool.h>
#include <stdint.h>

struct sim_random {
    uint64_t state;
};

static inline uint64_t sim_mix(uint64_t value)
{
    value = (value ^ (value >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    value = (value ^ (value >> 27)) * UINT64_C(0x94d049bb133111eb);
    return value ^ (value >> 31);
}

static inline uint64_t sim_random_next(struct sim_random *random)
{
    random->state += UINT64_C(0x9e3779b97f4a7c15);
    return sim_mix(random->state);
}

/* The generator of one thing: `role` says what, `index` which. */
static inline struct sim_random sim_random_derive(uint64_t seed, uint64_t role, uint64_t index)
{
    uint64_t state = sim_mix(seed + UINT64_C(0x9e3779b97f4a7c15));

    state = sim_mix(state ^ sim_mix(role + UINT64_C(0xd1b54a32d192ed03)));
    state = sim_mix(state ^ sim_mix(index + UINT64_C(0x8cb92ba72f3d8dd7)));
    return (struct sim_random){ state };
}

/* 0 .. limit-1; 0 where limit is 0. The bias of the multiplication is below 2^-32 for the limits used here. */
static inline uint64_t sim_random_below(struct sim_random *random, uint64_t limit)
{
    return (uint64_t)(((unsigned __int128)sim_random_next(random) * limit) >> 64);
}

/* True in `ppm` of a million draws. Nothing is drawn for the certain cases, which most links have most of. */
static inline bool sim_random_chance(struct sim_random *random, uint32_t ppm)
{
    if (ppm == 0)
        return false;
    return ppm >= 1000000 || sim_random_below(random, 1000000) < ppm;
}

#endif
