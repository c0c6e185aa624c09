/* SPDX-License-Identifier: MIT */
/*
 * When the next datagram may leave, so that a rate is kept.
 *
 *     credit(now) = min(depth, credit(then) + rate * (now - then))       depth = rate * burst_ns
 *
 * A datagram may leave while the credit is not negative, and takes its bytes from it. The credit counts 10^-9 bytes,
 * so that rate times nanoseconds is exact: no rounding adds up, however long it runs. What leaves at once is
 * at most rate * burst_ns and the datagram that crosses that line; a loop that wakes up late by less than burst_ns
 * makes up for it.
 *
 * A run of burst_datagrams is followed by a pause: until it would have passed at twice the rate. So a late loop still
 * catches up, and the pause never costs credit.
 */
#ifndef HD_PACER_H
#define HD_PACER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* 100 Gbit/s: a rate above is this one, 0 is 1. */
#define HD_PACER_RATE_MAX_BYTES_PER_S UINT64_C(12500000000)

struct hd_pacer {
    uint64_t rate_bytes_per_s;
    uint64_t burst_ns;
    int64_t depth_nanobytes;  /* the most credit there can be */
    int64_t credit_nanobytes; /* as of updated_ns; negative = debt */
    uint64_t updated_ns;
    uint64_t run_start_ns;  /* the run of datagrams that is going on: */
    uint64_t run_nanobytes; /* what it sent, */
    uint32_t run_datagrams; /* in how many, */
    uint32_t run_datagrams_max;
};

/* Begins with a full burst. burst_datagrams of 0 is 1. */
void hd_pacer_init(struct hd_pacer *pacer, uint64_t rate_bytes_per_s, uint64_t burst_ns, uint32_t burst_datagrams,
                   uint64_t now_ns);

/* Changes the rate from now on. Debt in bytes stays; credit shrinks to the new burst. */
void hd_pacer_set_rate(struct hd_pacer *pacer, uint64_t rate_bytes_per_s, uint64_t now_ns);

/* May a datagram, of any size, leave now? */
bool hd_pacer_ready(struct hd_pacer *pacer, uint64_t now_ns);

/* One left. Also for what could not wait: it is paid for by what comes later. */
void hd_pacer_sent(struct hd_pacer *pacer, size_t size_bytes, uint64_t now_ns);

/* The earliest time at which hd_pacer_ready() is true: later than the time at which it last was false. */
uint64_t hd_pacer_next_ns(const struct hd_pacer *pacer);

#endif
