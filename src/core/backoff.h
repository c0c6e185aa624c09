/* SPDX-License-Identifier: MIT */
/*
 * How long a receiver waits before it sends a NACK: the truncated exponential of RFC 5401 section 3.2.
 *
 * With T = K * GRTT, G receivers and L = ln(G) + 1, that section's two steps amount to
 *
 *     t = T * ln(1 + u * (e^L - 1)) / L,    u uniform in [0, 1)
 *
 * so most receivers wait nearly T, and about one of them, whatever G is, much less: it speaks for the others.
 * In integers: the same seed gives the same times on every machine.
 */
#ifndef HD_BACKOFF_H
#define HD_BACKOFF_H

#include "random.h"

/* @return 0 .. spread_ns. A group_size of 0 counts as 1; above 5 * 10^8, the most that the wire can say, as that. */
uint64_t hd_backoff_ns(struct hd_random *random, uint64_t spread_ns, uint32_t group_size);

#endif
