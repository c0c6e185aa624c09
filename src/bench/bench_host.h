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

/*
 * CLOCK_REALTIME as it would go on if nobody set it: what it was ahead of the monotonic clock at some time, by which it
 * goes on, and by how much it has been set since. Times that the kernel notes are those of the clock as it is.
 */
struct hd_bench_clock {
    uint64_t ahead_ns;
    int64_t set_ns;
    int64_t before_ns; /* what set_ns was until the clock was set last */
    uint64_t seen_ns;  /* monotonic: when that was seen; 0: not yet */
};

/* Notes what the clock is ahead now. */
void hd_bench_clock_init(struct hd_bench_clock *clock);

/* Whether it has been set: to be asked each time before times of the kernel are looked at. */
void hd_bench_clock_watch(struct hd_bench_clock *clock);

/* The same with what it is ahead now, known to that exactly. */
void hd_bench_clock_compare(struct hd_bench_clock *clock, uint64_t ahead_ns, uint64_t exact_ns, uint64_t now_ns);

/* What time it would be. */
uint64_t hd_bench_clock_ns(const struct hd_bench_clock *clock);

/* By how much it had been set when the kernel noted that time, not long before now. */
int64_t hd_bench_clock_set_ns(const struct hd_bench_clock *clock, uint64_t noted_ns, uint64_t now_ns);

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
