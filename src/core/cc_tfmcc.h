/* SPDX-License-Identifier: MIT */
/*
 * TFMCC (RFC 4654): the TCP throughput equation without libm, and the sender's rate that follows from it.
 */
#ifndef HD_CC_TFMCC_H
#define HD_CC_TFMCC_H

#include "cc_sender.h"

/* Nobody's packets, round-trip and losses give more than this. */
#define HD_CC_EQUATION_MAX_BPS UINT64_C(1000000000000)

/* @return the square root, rounded down */
uint32_t hd_cc_isqrt(uint64_t value);

/*
 * What a TCP connection would get (RFC 5348 section 3.1, with b = 1 and t_RTO = 4 * RTT).
 *
 * @param loss  loss event rate in parts of UINT32_MAX
 * @return 1 .. HD_CC_EQUATION_MAX_BPS, which it is when there is no loss
 */
uint64_t hd_cc_equation_bps(uint32_t packet_bytes, uint64_t rtt_ns, uint32_t loss);

/* The equation backwards. @return the loss interval that gives about rate_bps, 1 .. 2^30 packets */
uint32_t hd_cc_equation_interval(uint32_t packet_bytes, uint64_t rtt_ns, uint64_t rate_bps);

/* Called by cc_sender.c. */
void hd_cc_tfmcc_on_report(struct hd_cc_sender *cc, struct hd_cc_peer *peer, uint64_t now_ns);
void hd_cc_tfmcc_on_limit_gone(struct hd_cc_sender *cc, uint64_t now_ns); /* the CLR was dropped, or has left */

#endif
