/* SPDX-License-Identifier: MIT */
/* What this host knows of itself. */
#ifndef BENCH_HOST_H
#define BENCH_HOST_H

#include <stdbool.h>
#include <stdint.h>

/* The identity of this kernel's clock: the same in all its containers, another after a boot. 0: not known. */
uint64_t hd_bench_clock_id(void);

/* CLOCK_REALTIME in ns. */
uint64_t hd_bench_realtime_ns(void);

/* From the kernel's random numbers; never 0. */
uint64_t hd_bench_random_id(void);

/* How often something may happen: `per_s` times in a second, and `per_s` times at once. */
struct hd_bench_limit {
    uint64_t per_s;
    uint64_t left;
    uint64_t as_of_ns; /* monotonic */
};

/* Leaves `reserve` of the times for what matters more. @return whether it may happen now; if so, it counts. */
bool hd_bench_limit_allows(struct hd_bench_limit *limit, uint64_t reserve, uint64_t now_ns);

#endif
