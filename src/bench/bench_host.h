/* SPDX-License-Identifier: MIT */
/* What this host knows of itself. */
#ifndef BENCH_HOST_H
#define BENCH_HOST_H

#include <stdint.h>

/* The identity of this kernel's clock: the same in all its containers, another after a boot. 0: not known. */
uint64_t hd_bench_clock_id(void);

/* CLOCK_REALTIME in ns. */
uint64_t hd_bench_realtime_ns(void);

/* From the kernel's random numbers; never 0. */
uint64_t hd_bench_random_id(void);

#endif
