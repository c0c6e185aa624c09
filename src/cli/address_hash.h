/* SPDX-License-Identifier: MIT */
/* Where an address belongs in a table that strangers fill. */
#ifndef CLI_ADDRESS_HASH_H
#define CLI_ADDRESS_HASH_H

#include <herald/endpoint.h>
#include <herald/types.h>

#include <string.h>
#include <sys/random.h>

/* A secret for address_hash(). */
static inline uint64_t address_hash_seed(void)
{
    uint64_t seed;

    return getrandom(&seed, sizeof(seed), 0) == (ssize_t)sizeof(seed) ? seed : herald_clock_ns();
}

/* Mixes the address, and what else tells peers apart, with a secret: nobody can choose addresses that share a slot. */
static inline size_t address_hash(uint64_t seed, const struct herald_address *address, uint64_t more)
{
    uint64_t halves[2];
    uint64_t mixed;

    memcpy(halves, address->bytes, sizeof(halves));
    mixed = (halves[0] ^ seed) * UINT64_C(0x9e3779b97f4a7c15);
    mixed = (mixed ^ (mixed >> 29) ^ halves[1]) * UINT64_C(0xbf58476d1ce4e5b9);
    mixed = (mixed ^ (mixed >> 31) ^ more) * UINT64_C(0x94d049bb133111eb);
    return (size_t)(mixed ^ (mixed >> 32));
}

#endif
