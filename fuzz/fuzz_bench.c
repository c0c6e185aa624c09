/* SPDX-License-Identifier: MIT */
/*
 * Fuzz target: what test streams and reports about them are decoded by, and what is computed from them. The first byte
 * chooses: the head of a datagram, a report, a request, a time; or a sequence of numbers for the tracker.
 */
#include "flow.h"
#include "fuzz.h"
#include "talk.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* An assertion that no build option switches off. */
static void require(bool truth)
{
    if (!truth)
        abort();
}

static void try_head(const uint8_t *bytes, size_t size_bytes)
{
    struct hd_stream_header header;
    struct hd_stream_header again;
    uint8_t copy[HD_STREAM_HEADER_BYTES];

    if (hd_stream_header_decode(bytes, size_bytes, &header) < 0 || !header.own)
        return;
    hd_stream_header_encode(&header, copy);
    require(hd_stream_header_decode(copy, sizeof(copy), &again) == 0);
    require(again.own && again.number == header.number && again.last == header.last &&
            again.time_ns == header.time_ns && again.stream_id == header.stream_id &&
            again.elapsed_ns == header.elapsed_ns && again.clock_id == header.clock_id);
}

static void try_report(const uint8_t *bytes, size_t size_bytes)
{
    uint8_t copy[HD_BENCH_REPORT_BYTES_MAX];
    struct hd_bench_report report;
    struct hd_bench_report again;
    int length;

    if (hd_bench_report_decode(bytes, size_bytes, &report) < 0)
        return;
    require(strlen(report.host) < sizeof(report.host) && report.figures.lost <= report.figures.expected);
    for (size_t i = 0; i < report.coarse.count; i++) {
        struct herald_histogram_bucket bucket = hd_coarse_bucket(&report.coarse, i, report.delay_base_ns);

        require(bucket.count == 0 || bucket.low <= bucket.high);
    }
    length = hd_bench_report_encode(&report, copy, sizeof(copy));
    require(length > 0);
    require(hd_bench_report_decode(copy, (size_t)length, &again) == 0);
    require(again.coarse.count == report.coarse.count && again.stream_id == report.stream_id);
}

static void try_request(const uint8_t *bytes, size_t size_bytes)
{
    uint8_t copy[HD_BENCH_REQUEST_BYTES];
    struct hd_bench_request request;
    struct hd_bench_time time;

    if (hd_bench_request_decode(bytes, size_bytes, &request) == 0)
        require(hd_bench_request_encode(&request, copy, sizeof(copy)) <= (int)size_bytes);
    if (hd_bench_time_decode(bytes, size_bytes, &time) == 0)
        require(hd_bench_time_encode(&time, copy, sizeof(copy)) <= (int)size_bytes);
}

/* Whatever numbers come: nothing is lost that was not expected, and bursts hold no more than what is lost. */
static void try_numbers(const uint8_t *bytes, size_t size_bytes)
{
    static struct hd_track track;
    struct hd_track_bursts bursts;

    hd_track_init(&track, size_bytes > 0 ? bytes[0] : 0);
    for (size_t i = 1; i + 4 < size_bytes && i < 400; i += 5) {
        uint64_t number = (uint64_t)bytes[i + 1] << 16 | (uint64_t)bytes[i + 2] << 8 | bytes[i + 3];

        if ((bytes[i] & 0x80) != 0)
            number <<= bytes[i + 4] % 64;
        if ((bytes[i] & 0x40) != 0)
            hd_track_extend(&track, number);
        else
            (void)hd_track_arrived(&track, number);
    }
    bursts = hd_track_count_bursts(&track);
    require(track.unique <= hd_track_expected(&track));
    require(bursts.longest <= hd_track_lost(&track) && bursts.count <= hd_track_lost(&track));
    require((bursts.count == 0) == (hd_track_lost(&track) == 0));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size_bytes)
{
    static void (*const tries[])(const uint8_t *bytes, size_t size_bytes) = { try_head, try_report, try_request,
                                                                              try_numbers };
    uint8_t *copy;

    if (size_bytes == 0 || size_bytes > 65507)
        return 0;
    copy = malloc(size_bytes);
    require(copy != NULL);
    memcpy(copy, data, size_bytes);
    tries[data[0] % 4](copy + 1, size_bytes - 1);
    free(copy);
    return 0;
}
