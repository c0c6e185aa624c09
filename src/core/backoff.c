/* SPDX-License-Identifier: MIT */
#include "backoff.h"

/* Fixed point with 32 bits of fraction. */
#define ONE_Q32 (UINT64_C(1) << 32)
#define E_Q32   UINT64_C(11674931555) /* e = 2.718281828... */

enum { GROUP_SIZE_MAX = 500000000 };

/*
 * log2 of a value >= 1, both with 32 bits of fraction. The whole part is the position of the highest bit; each
 * further bit comes from squaring what remains, a number in [1, 2): its logarithm doubles, and a square that reaches
 * 2 gives a 1.
 */
static uint64_t log2_q32(uint64_t value_q32)
{
    unsigned high_bit = 63 - (unsigned)__builtin_clzll(value_q32);
    uint64_t rest_q63 = value_q32 << (63 - high_bit);
    uint64_t log_q32 = (uint64_t)(high_bit - 32) << 32;

    for (unsigned bit = 32; bit-- > 0;) {
        unsigned __int128 square_q126 = (unsigned __int128)rest_q63 * rest_q63;

        if (square_q126 >> 127) {
            log_q32 |= UINT64_C(1) << bit;
            square_q126 >>= 1;
        }
        rest_q63 = (uint64_t)(square_q126 >> 63);
    }
    return log_q32;
}

uint64_t hd_backoff_ns(struct hd_random *random, uint64_t spread_ns, uint32_t group_size)
{
    uint32_t receivers = group_size == 0 ? 1 : group_size < GROUP_SIZE_MAX ? group_size : GROUP_SIZE_MAX;
    uint64_t top_q32 = receivers * E_Q32; /* e^L = e * G; below 2^63 */
    uint64_t value_q32 = ONE_Q32 + hd_random_below(random, top_q32 - ONE_Q32);

    /* A quotient of two logarithms to whatever base: the formula's ln(...) / L. */
    return (uint64_t)((unsigned __int128)spread_ns * log2_q32(value_q32) / log2_q32(top_q32));
}
