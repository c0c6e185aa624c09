/* SPDX-License-Identifier: MIT */
#include "flow.h"

#include <string.h>

/* iperf does not tell when it began: who hears such a number first may have lost those before it. */
#define IPERF_FIRST_MAX 64

/* What times of sending that make no sense may come to, so that 16 of them still fit. */
#define DIFFERENCE_MAX_NS (UINT64_C(1) << 58)

/* ---- jitter ----------------------------------------------------------------------------------- */

void hd_jitter_arrived(struct hd_jitter *jitter, uint64_t sent_ns, uint64_t received_ns)
{
    /* D(i-1, i) of RFC 3550; unsigned differences are right whatever the two clocks show. */
    int64_t difference = (int64_t)((received_ns - jitter->received_ns) - (sent_ns - jitter->sent_ns));
    uint64_t size = difference < 0 ? 0 - (uint64_t)difference : (uint64_t)difference;

    size = size < DIFFERENCE_MAX_NS ? size : DIFFERENCE_MAX_NS;

    if (jitter->any && sent_ns == jitter->sent_ns)
        return; /* of one burst, which has one time of sending */
    if (jitter->any)
        jitter->sixteenths += size - (jitter->sixteenths + 8) / 16;
    jitter->any = true;
    jitter->sent_ns = sent_ns;
    jitter->received_ns = received_ns;
}

/* ---- the stream ------------------------------------------------------------------------------- */

/* The first number that should have come. */
static uint64_t first_expected(const struct hd_stream_header *header, uint64_t listening_ns)
{
    if (header->own)
        return listening_ns >= header->elapsed_ns ? 1 : header->number;
    if (header->number <= IPERF_FIRST_MAX)
        return header->number == 0 ? 0 : 1; /* before 2.1 it counted from 0 */
    return header->number;
}

int hd_flow_init(struct hd_flow *stream, const struct hd_stream_header *header, uint64_t received_ns,
                 uint64_t listening_ns, uint64_t own_clock_id)
{
    herald_histogram *delays;
    int r = herald_histogram_new(&delays);
    uint64_t first = first_expected(header, listening_ns);

    if (r < 0)
        return r;
    *stream = (struct hd_flow){
        .clock_id = header->clock_id,
        .same_clock = header->own && header->clock_id != 0 && header->clock_id == own_clock_id,
        .hops = -1,
        .delays = delays,
        .first_time_ns = received_ns,
        .last_time_ns = received_ns,
        .missed = first > 1 ? first - 1 : 0,
    };
    stream->facts.iperf = !header->own;
    stream->facts.stream_id = header->stream_id;
    hd_track_init(&stream->track, first);
    if (!stream->same_clock)
        stream->delay_base_ns = (int64_t)(received_ns - header->time_ns);
    return 0;
}

void hd_flow_release(struct hd_flow *stream)
{
    stream->delays = herald_histogram_free(stream->delays);
}

/* What the sender says at the end, once or several times. @return whether it is a datagram that counts. */
static bool take_end(struct hd_flow *stream, const struct hd_stream_header *header)
{
    bool again = stream->ended;

    if (!header->last)
        return true;
    stream->ended = true;
    if (header->number > stream->total)
        stream->total = header->number;
    return !again && !header->repeated;
}

void hd_flow_arrived(struct hd_flow *stream, const struct hd_stream_header *header, size_t size_bytes,
                     uint64_t received_ns)
{
    uint64_t steady_ns = received_ns - (uint64_t)stream->set_ns;
    uint64_t unique = stream->track.unique;
    enum hd_track_verdict verdict;
    uint64_t count;

    if (!take_end(stream, header))
        return;
    verdict = hd_track_arrived(&stream->track, header->number);
    if (verdict == HD_TRACK_STRANGE || verdict == HD_TRACK_DOUBTFUL)
        return;
    count = stream->track.unique > unique + 1 ? 2 : 1; /* with the doubtful one before */
    stream->received += count;
    stream->received_bytes += count * size_bytes;
    if (steady_ns > stream->last_time_ns)
        stream->last_time_ns = steady_ns;
    if (steady_ns <= stream->first_time_ns)
        stream->first_bytes += size_bytes;
    if (header->own) {
        stream->report_interval_ms = header->report_interval_ms;
        stream->report_spread_ms = header->report_spread_ms;
    }
    if (verdict == HD_TRACK_DUPLICATE || verdict == HD_TRACK_STALE)
        return; /* a copy says nothing about the way of the original */
    /* The time since the stream began is never set; iperf does not tell it. */
    hd_jitter_arrived(&stream->jitter, header->own ? header->elapsed_ns : header->time_ns, steady_ns);
    herald_histogram_record(stream->delays, (int64_t)(steady_ns - header->time_ns - (uint64_t)stream->delay_base_ns),
                            1);
}

void hd_flow_finish(struct hd_flow *stream)
{
    uint64_t unique = stream->track.unique;

    if (stream->total > 0 && stream->total + 1 > stream->track.first)
        hd_track_extend(&stream->track, stream->total + 1);
    stream->received += stream->track.unique - unique;
    stream->received_bytes += (stream->track.unique - unique) * stream->facts.size_bytes;
}

static void fill_delay(const struct hd_flow *stream, struct herald_bench_delay *delay)
{
    const herald_histogram *delays = stream->delays;

    *delay = (struct herald_bench_delay){
        .count = herald_histogram_count(delays),
        .clock = stream->same_clock ? HERALD_BENCH_CLOCK_SAME : HERALD_BENCH_CLOCK_NONE,
        .min_ns = herald_histogram_min(delays),
        .mean_ns = herald_histogram_mean(delays),
        .p50_ns = herald_histogram_percentile(delays, 50),
        .p90_ns = herald_histogram_percentile(delays, 90),
        .p99_ns = herald_histogram_percentile(delays, 99),
        .p999_ns = herald_histogram_percentile(delays, 99.9),
        .max_ns = herald_histogram_max(delays),
    };
}

void hd_flow_figures(const struct hd_flow *stream, struct herald_bench_figures *ret_figures)
{
    struct hd_track_bursts bursts = hd_track_count_bursts(&stream->track);
    uint64_t elapsed_ns = stream->last_time_ns - stream->first_time_ns;

    *ret_figures = (struct herald_bench_figures){
        .received = stream->received,
        .received_bytes = stream->received_bytes,
        .expected = hd_track_expected(&stream->track),
        .lost = hd_track_lost(&stream->track),
        .duplicates = stream->track.duplicates + stream->track.stale,
        .reordered = stream->track.reordered,
        .bursts = bursts.count,
        .longest_burst = bursts.longest,
        .missed = stream->missed,
        .elapsed_ns = elapsed_ns,
        .jitter_ns = hd_jitter_ns(&stream->jitter),
        .hops = stream->hops,
        .ended = stream->ended || stream->total > 0,
    };
    if (elapsed_ns > 0)
        ret_figures->rate_bps = (double)(stream->received_bytes - stream->first_bytes) * 8e9 / (double)elapsed_ns;
    fill_delay(stream, &ret_figures->delay);
}
