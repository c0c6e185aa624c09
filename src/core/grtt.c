/* SPDX-License-Identifier: MIT */
#include "grtt.h"

enum {
    HEADER_BYTES = 44,      /* of a datagram, as NRL reckons */
    EARLY_NS_MAX = 1000000, /* an echo may be ahead by what two clocks drift while it is held */
    MEASURED_NS_MIN = 1000,
};

void hd_grtt_init(struct hd_grtt *grtt, uint64_t initial_ns, uint64_t max_ns, uint64_t now_ns)
{
    *grtt = (struct hd_grtt){
        .estimate_ns = initial_ns,
        .floor_ns = HD_GRTT_MIN_NS,
        .max_ns = max_ns,
        .round_start_ns = now_ns,
    };
}

uint64_t hd_grtt_measure_ns(const struct hd_grtt *grtt, uint64_t echo_ns, uint64_t now_ns)
{
    if (echo_ns == 0)
        return 0;
    if (echo_ns >= now_ns)
        return echo_ns - now_ns <= EARLY_NS_MAX ? MEASURED_NS_MIN : 0;
    if (now_ns - echo_ns > grtt->max_ns)
        return 0;
    return now_ns - echo_ns > MEASURED_NS_MIN ? now_ns - echo_ns : MEASURED_NS_MIN;
}

void hd_grtt_on_sample(struct hd_grtt *grtt, uint64_t rtt_ns)
{
    if (rtt_ns == 0 || rtt_ns > grtt->max_ns)
        return;
    if (rtt_ns > grtt->peak_ns)
        grtt->peak_ns = rtt_ns;
    if (!grtt->is_measured) {
        grtt->is_measured = true;
        grtt->estimate_ns = rtt_ns;
    } else if (rtt_ns > grtt->estimate_ns) {
        grtt->estimate_ns = grtt->estimate_ns / 4 + rtt_ns / 4 * 3;
    }
}

static uint64_t at_least(uint64_t value, uint64_t least)
{
    return value > least ? value : least;
}

/* A round that brought no answer says nothing. */
static void end_round(struct hd_grtt *grtt)
{
    if (grtt->peak_ns == 0)
        return;
    if (grtt->peak_ns < grtt->estimate_ns / 4) {
        if (grtt->low_rounds < HD_GRTT_LOW_ROUNDS)
            grtt->low_rounds++;
    } else {
        grtt->low_rounds = 0;
    }
    if (grtt->peak_ns < grtt->estimate_ns) {
        uint64_t tenths = grtt->low_rounds >= HD_GRTT_LOW_ROUNDS ? 7 : 9;

        grtt->estimate_ns = at_least(grtt->estimate_ns / 10 * tenths, grtt->peak_ns);
    }
    grtt->peak_ns = 0;
}

void hd_grtt_on_probe(struct hd_grtt *grtt, uint16_t segment_bytes, uint64_t rate_bps, uint64_t now_ns)
{
    if (rate_bps > 0)
        grtt->floor_ns = at_least((HEADER_BYTES + segment_bytes) * UINT64_C(1000000000) / rate_bps, HD_GRTT_MIN_NS);
    if (now_ns - grtt->round_start_ns < hd_grtt_ns(grtt))
        return;
    end_round(grtt);
    grtt->round_start_ns = now_ns;
}

uint64_t hd_grtt_ns(const struct hd_grtt *grtt)
{
    uint64_t value_ns = at_least(grtt->estimate_ns, grtt->floor_ns);

    return value_ns < grtt->max_ns ? value_ns : grtt->max_ns;
}
