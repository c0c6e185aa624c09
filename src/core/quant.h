/* SPDX-License-Identifier: MIT */
/*
 * The quantised fields of NORM (RFC 5740 sections 4.2.1 and 4.2.3, RFC 5401 section 3.7), in integers only: the same
 * result on every machine, without libm.
 */
#ifndef HD_QUANT_H
#define HD_QUANT_H

#include <stdint.h>

/* What one byte of round-trip time can say: 1 us .. 1000 s. */
#define HD_RTT_MIN_NS UINT64_C(1000)
#define HD_RTT_MAX_NS UINT64_C(1000000000000)

/* What the group size nibble can say. */
#define HD_GROUP_MIN UINT64_C(10)
#define HD_GROUP_MAX UINT64_C(500000000)

/* What the 16 bits of a rate can say, in bytes per second: a little below 10^16. */
#define HD_RATE_MAX_BPS UINT64_C(9997558593750000)

/* A loss fraction: parts of UINT32_MAX. */
#define HD_LOSS_ALL UINT32_MAX

/* The byte for a round-trip time (GRTT, cc_rtt). Rounds up from 33 us on, down to whole us below; clamps. */
uint8_t hd_rtt_encode(uint64_t rtt_ns);

uint64_t hd_rtt_decode_ns(uint8_t quantised);

/* The nibble for a number of receivers: 10, 50, 100, 500 .. 5 * 10^8 (RFC 5740 section 4.2.1), rounded; clamps. */
uint8_t hd_gsize_encode(uint64_t receivers);

/* Only the low four bits count. */
uint64_t hd_gsize_decode(uint8_t quantised);

/* The 16 bits for a rate (EXT_RATE, EXT_CC, cc_node): 12 of mantissa, 4 of decimal exponent. To nearest; clamps. */
uint16_t hd_rate_encode(uint64_t rate_bps);

/* Bytes per second, to nearest. */
uint64_t hd_rate_decode_bps(uint16_t quantised);

/* RFC 5740's 16 bits of loss, a fraction of 65535, from and to parts of UINT32_MAX. To nearest. */
uint16_t hd_loss_encode(uint32_t loss);
uint32_t hd_loss_decode(uint16_t quantised);

#endif
