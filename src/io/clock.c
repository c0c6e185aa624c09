/* SPDX-License-Identifier: MIT */
#include <herald/types.h>

#include <time.h>

#define NANOSECONDS_PER_SECOND UINT64_C(1000000000)

const char *herald_version(void)
{
    return HERALD_VERSION;
}

uint64_t herald_clock_ns(void)
{
    struct timespec now;

    /* Cannot fail: the clock exists on every Linux and the pointer is good. */
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * NANOSECONDS_PER_SECOND + (uint64_t)now.tv_nsec;
}
