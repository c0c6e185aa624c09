/* SPDX-License-Identifier: MIT */
#include "pacer.h"

#define NANO UINT64_C(1000000000)

/* Credit and debt stay within this, far from an overflow: 4.6 GB. */
#define NANOBYTES_MAX (INT64_C(1) << 62)

/* What passes at the rate in some time, up to NANOBYTES_MAX. */
static int64_t nanobytes_in(const struct hd_pacer *pacer, uint64_t time_ns)
{
    unsigned __int128 product = (unsigned __int128)pacer->rate_bytes_per_s * time_ns;

    return product < (unsigned __int128)NANOBYTES_MAX ? (int64_t)product : NANOBYTES_MAX;
}

static void assign_rate(struct hd_pacer *pacer, uint64_t rate_bytes_per_s)
{
    pacer->rate_bytes_per_s = rate_bytes_per_s > 0 ? rate_bytes_per_s : 1;
    if (pacer->rate_bytes_per_s > HD_PACER_RATE_MAX_BYTES_PER_S)
        pacer->rate_bytes_per_s = HD_PACER_RATE_MAX_BYTES_PER_S;
    pacer->depth_nanobytes = nanobytes_in(pacer, pacer->burst_ns);
}

/* Brings the credit up to now. */
static void earn(struct hd_pacer *pacer, uint64_t now_ns)
{
    int64_t earned;

    if (now_ns <= pacer->updated_ns)
        return;
    earned = nanobytes_in(pacer, now_ns - pacer->updated_ns);
    pacer->updated_ns = now_ns;
    if (pacer->depth_nanobytes - earned <= pacer->credit_nanobytes)
        pacer->credit_nanobytes = pacer->depth_nanobytes;
    else
        pacer->credit_nanobytes += earned;
}

/* Is what the run sent still on its way, at twice the rate? */
static bool run_lasts(const struct hd_pacer *pacer, uint64_t now_ns)
{
    return now_ns <= pacer->run_start_ns ||
           2 * (unsigned __int128)pacer->rate_bytes_per_s * (now_ns - pacer->run_start_ns) < pacer->run_nanobytes;
}

static bool run_is_full(const struct hd_pacer *pacer)
{
    return pacer->run_datagrams >= pacer->run_datagrams_max;
}

void hd_pacer_init(struct hd_pacer *pacer, uint64_t rate_bytes_per_s, uint64_t burst_ns, uint32_t burst_datagrams,
                   uint64_t now_ns)
{
    *pacer = (struct hd_pacer){
        .burst_ns = burst_ns,
        .updated_ns = now_ns,
        .run_datagrams_max = burst_datagrams > 0 ? burst_datagrams : 1,
    };
    assign_rate(pacer, rate_bytes_per_s);
    pacer->credit_nanobytes = pacer->depth_nanobytes;
}

void hd_pacer_set_rate(struct hd_pacer *pacer, uint64_t rate_bytes_per_s, uint64_t now_ns)
{
    earn(pacer, now_ns);
    assign_rate(pacer, rate_bytes_per_s);
    if (pacer->credit_nanobytes > pacer->depth_nanobytes)
        pacer->credit_nanobytes = pacer->depth_nanobytes;
}

bool hd_pacer_ready(struct hd_pacer *pacer, uint64_t now_ns)
{
    earn(pacer, now_ns);
    return pacer->credit_nanobytes >= 0 && !(run_is_full(pacer) && run_lasts(pacer, now_ns));
}

void hd_pacer_sent(struct hd_pacer *pacer, size_t size_bytes, uint64_t now_ns)
{
    uint64_t size_nanobytes = size_bytes < NANOBYTES_MAX / NANO ? size_bytes * NANO : NANOBYTES_MAX;

    earn(pacer, now_ns);
    if (pacer->credit_nanobytes > (int64_t)size_nanobytes - NANOBYTES_MAX)
        pacer->credit_nanobytes -= (int64_t)size_nanobytes;
    else
        pacer->credit_nanobytes = -NANOBYTES_MAX;

    if (!run_lasts(pacer, now_ns) || pacer->run_datagrams == 0) {
        pacer->run_start_ns = now_ns;
        pacer->run_nanobytes = 0;
        pacer->run_datagrams = 0;
    }
    if (pacer->run_nanobytes < (uint64_t)NANOBYTES_MAX)
        pacer->run_nanobytes += size_nanobytes;
    if (!run_is_full(pacer))
        pacer->run_datagrams++;
}

/* Time in which so much passes at a rate, rounded up. */
static uint64_t time_for(uint64_t nanobytes, uint64_t rate_bytes_per_s)
{
    return nanobytes / rate_bytes_per_s + (nanobytes % rate_bytes_per_s != 0);
}

uint64_t hd_pacer_next_ns(const struct hd_pacer *pacer)
{
    uint64_t next_ns = pacer->updated_ns;

    if (pacer->credit_nanobytes < 0)
        next_ns += time_for((uint64_t)-pacer->credit_nanobytes, pacer->rate_bytes_per_s);
    if (run_is_full(pacer)) {
        uint64_t run_ns = time_for(pacer->run_nanobytes, 2 * pacer->rate_bytes_per_s);
        uint64_t end_ns = pacer->run_start_ns + (run_ns > 0 ? run_ns : 1);

        next_ns = end_ns > next_ns ? end_ns : next_ns;
    }
    return next_ns;
}
