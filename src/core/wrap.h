/* SPDX-License-Identifier: MIT */
/*
 * Numbers that run on for ever, of which the wire carries only the low `bits` (1 .. 32): block numbers, sequence
 * numbers, object ids, offsets in streams. Inside, they have 64 bits, and are never wrapped.
 */
#ifndef HD_WRAP_H
#define HD_WRAP_H

#include <stdint.h>

/* What goes onto the wire. */
static inline uint32_t hd_wrap_wire(uint64_t value, unsigned bits)
{
    return (uint32_t)(value & ((UINT64_C(1) << bits) - 1));
}

/* A first value for who joins in the middle: high enough that what came before it does not fall below 0. */
static inline uint64_t hd_wrap_origin(uint32_t wire, unsigned bits)
{
    return (UINT64_C(1) << bits) + wire;
}

/* The value that has these low bits and is nearest to the reference. One that would be below 0 is ahead instead. */
static inline uint64_t hd_wrap_near(uint64_t reference, uint32_t wire, unsigned bits)
{
    uint64_t period = UINT64_C(1) << bits;
    uint64_t ahead = (wire - reference) & (period - 1);

    if (ahead >= period / 2 && reference >= period - ahead)
        return reference - (period - ahead);
    return reference + ahead;
}

#endif
