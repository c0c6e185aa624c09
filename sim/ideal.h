/* SPDX-License-Identifier: MIT */
/* What nobody can do better than. */
#ifndef SIM_IDEAL_H
#define SIM_IDEAL_H

#include <stdint.h>

/*
 * How many packets of a block must be sent, on average, until every one of `receivers` has got `segments` of them,
 * when each loses each packet with probability `loss`: an ideal erasure code needs no more, since any packet serves
 * anyone, and no code can do with less.
 */
double sim_ideal_packets(uint32_t segments, uint64_t receivers, double loss);

#endif
