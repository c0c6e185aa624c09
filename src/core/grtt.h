/* SPDX-License-Identifier: MIT */
/*
 * The sender's estimate of the group's greatest round-trip time (RFC 5740 section 5.5.1, RFC 5401 section 3.7).
 *
 * Probes go out, receivers echo their time of sending, moved on by the time they held it: what is left is the
 * round-trip. The estimate follows a greater one at once (a quarter old, three quarters new) and falls slowly, a tenth
 * per round, to the greatest that was heard in the round. Where we are quicker than that, and why:
 *  - the first round with an answer is adopted as it is: before it there was only a guess, and it is a guess that
 *    lets a LAN wait for seconds. Whoever is farther away raises it again by answering;
 *  - after HD_GRTT_LOW_ROUNDS rounds in a row whose greatest was below a quarter of the estimate, it falls by three
 *    tenths per round. So one absurd echo costs 14 rounds, not 44, for each power of ten.
 */
#ifndef HD_GRTT_H
#define HD_GRTT_H

#include <stdbool.h>
#include <stdint.h>

enum { HD_GRTT_LOW_ROUNDS = 5 };

#define HD_GRTT_MIN_NS UINT64_C(1000000)

struct hd_grtt {
    uint64_t estimate_ns; /* without the floor */
    uint64_t floor_ns;
    uint64_t max_ns;
    uint64_t peak_ns; /* greatest of this round; 0 = no answer yet */
    uint64_t round_start_ns;
    uint8_t low_rounds;
    bool is_measured;
};

void hd_grtt_init(struct hd_grtt *grtt, uint64_t initial_ns, uint64_t max_ns, uint64_t now_ns);

/*
 * The round-trip that an echo tells.
 *
 * @param echo_ns  hd_timestamp_ns() of the NACK's or ACK's grtt_response
 * @param now_ns   the clock that hd_timestamp_of_ns() was given for the probe
 * @return 0 if it is none: not set, of the future, or farther back than the maximum
 */
uint64_t hd_grtt_measure_ns(const struct hd_grtt *grtt, uint64_t echo_ns, uint64_t now_ns);

/* What hd_grtt_measure_ns() returned; 0 is ignored. */
void hd_grtt_on_sample(struct hd_grtt *grtt, uint64_t rtt_ns);

/* At every CMD(CC), however often they come: a round lasts a GRTT at least. The floor follows the rate. */
void hd_grtt_on_probe(struct hd_grtt *grtt, uint16_t segment_bytes, uint64_t rate_bps, uint64_t now_ns);

/* Never below max(1 ms, the time for a segment), never above the maximum. */
uint64_t hd_grtt_ns(const struct hd_grtt *grtt);

#endif
