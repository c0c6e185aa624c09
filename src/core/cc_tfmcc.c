/* SPDX-License-Identifier: MIT */
#include "cc_tfmcc.h"

#define ONE_Q32 (UINT64_C(1) << 32)

enum { INTERVAL_BITS_MAX = 30 };

uint32_t hd_cc_isqrt(uint64_t value)
{
    uint64_t root = 0;

    for (uint64_t bit = UINT64_C(1) << 31; bit > 0; bit >>= 1) {
        if ((root | bit) * (root | bit) <= value)
            root |= bit;
    }
    return (uint32_t)root;
}

/* RFC 5348: X = s / (R * (sqrt(2p/3) + 12 * sqrt(3p/8) * p * (1 + 32p^2))); the fractions have 32 bits here. */
uint64_t hd_cc_equation_bps(uint32_t packet_bytes, uint64_t rtt_ns, uint32_t loss)
{
    uint64_t p = loss;
    uint64_t retransmit = hd_cc_isqrt(p * ONE_Q32 / 3 * 2);
    uint64_t timeout = UINT64_C(12) * hd_cc_isqrt(p * ONE_Q32 / 8 * 3);
    uint64_t severe = ONE_Q32 + 32 * (p * p >> 32);
    uint64_t repeated = (uint64_t)((unsigned __int128)timeout * p >> 32);
    uint64_t factor = retransmit + (uint64_t)((unsigned __int128)repeated * severe >> 32);
    unsigned __int128 rate = (unsigned __int128)packet_bytes * 1000000000 * ONE_Q32;

    if (factor == 0 || rtt_ns == 0)
        return HD_CC_EQUATION_MAX_BPS;
    rate /= (unsigned __int128)rtt_ns * factor;
    if (rate == 0)
        return 1;
    return rate < HD_CC_EQUATION_MAX_BPS ? (uint64_t)rate : HD_CC_EQUATION_MAX_BPS;
}

/* The longer the interval, the greater the rate: its bits are found one by one. */
uint32_t hd_cc_equation_interval(uint32_t packet_bytes, uint64_t rtt_ns, uint64_t rate_bps)
{
    uint32_t interval_packets = 0;

    for (uint32_t bit = UINT32_C(1) << INTERVAL_BITS_MAX; bit > 0; bit >>= 1) {
        uint32_t longer = interval_packets | bit;

        if (longer <= UINT32_C(1) << INTERVAL_BITS_MAX &&
            hd_cc_equation_bps(packet_bytes, rtt_ns, UINT32_MAX / longer) <= rate_bps)
            interval_packets = longer;
    }
    return interval_packets > 0 ? interval_packets : 1;
}

/*
 * What a receiver can take. One that does not know its RTT has reckoned with the GRTT; we do know it, from its echo
 * (RFC 4654 section 3.3).
 */
static uint64_t sustained_bps(const struct hd_cc_sender *cc, const struct hd_cc_peer *peer)
{
    uint64_t rate_bps = peer->rate_bps;

    if (!(peer->flags & (HD_CC_RTT | HD_CC_START)) && peer->rtt_ns > 0 && peer->loss > 0)
        rate_bps = hd_cc_equation_bps(cc->datagram_bytes, peer->rtt_ns, peer->loss);
    return rate_bps;
}

/* RFC 4654 section 3.3: who reports the lowest rate becomes the CLR. One with losses before one without. */
static bool limits_more(const struct hd_cc_sender *cc, const struct hd_cc_peer *one, const struct hd_cc_peer *other)
{
    bool one_starts = one->flags & HD_CC_START;
    bool other_starts = other->flags & HD_CC_START;

    if (one_starts != other_starts)
        return other_starts;
    return sustained_bps(cc, one) < sustained_bps(cc, other);
}

static uint64_t round_trip_ns(const struct hd_cc_peer *clr)
{
    return clr->rtt_ns > 1000000 ? clr->rtt_ns : 1000000;
}

/*
 * Slow start (RFC 4654 section 3.6): towards twice the lowest receive rate, which is what receivers report in
 * it, and no more than twice as much per RTT.
 * After it, the rate grows by one packet per RTT and RTT (section 3.3), towards what the CLR says.
 */
static void increase(struct hd_cc_sender *cc, const struct hd_cc_peer *clr, uint64_t target_bps, uint64_t now_ns)
{
    uint64_t rtt_ns = round_trip_ns(clr);
    uint64_t elapsed_ns = now_ns - cc->increase_ns;
    uint64_t per_rtt_bps = cc->is_slow_start ? cc->rate_bps : cc->datagram_bytes * UINT64_C(1000000000) / rtt_ns;
    uint64_t limit_bps;

    if (elapsed_ns > rtt_ns)
        elapsed_ns = rtt_ns;
    limit_bps = cc->rate_bps + (uint64_t)((unsigned __int128)per_rtt_bps * elapsed_ns / rtt_ns);
    cc->increase_ns = now_ns;
    hd_cc_sender_change_rate(cc, target_bps < limit_bps ? target_bps : limit_bps);
}

static void follow(struct hd_cc_sender *cc, uint64_t now_ns)
{
    const struct hd_cc_peer *clr = &cc->peers[0];
    uint64_t target_bps = sustained_bps(cc, clr);

    if (!(clr->flags & HD_CC_START))
        cc->is_slow_start = false;
    if (target_bps > cc->rate_bps) {
        increase(cc, clr, target_bps, now_ns);
    } else {
        cc->increase_ns = now_ns;
        if (!(clr->flags & HD_CC_START))
            hd_cc_sender_change_rate(cc, target_bps);
    }
}

void hd_cc_tfmcc_on_report(struct hd_cc_sender *cc, struct hd_cc_peer *peer, uint64_t now_ns)
{
    if (peer != &cc->peers[0]) {
        if (!limits_more(cc, peer, &cc->peers[0]))
            return;
        hd_cc_sender_limit_by(cc, peer);
    }
    follow(cc, now_ns);
}

void hd_cc_tfmcc_on_limit_gone(struct hd_cc_sender *cc, uint64_t now_ns)
{
    struct hd_cc_peer *lowest = &cc->peers[0];

    for (uint32_t i = 1; i < cc->peers_count; i++) {
        if (limits_more(cc, &cc->peers[i], lowest))
            lowest = &cc->peers[i];
    }
    hd_cc_sender_limit_by(cc, lowest);
    cc->increase_ns = now_ns;
}
