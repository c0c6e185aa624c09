/* SPDX-License-Identifier: MIT */
#include "talk.h"

#include "buckets.h"
#include "wide.h"

#include <string.h>

#define MAGIC_REPORT  UINT32_C(0x48427270) /* "HBrp" */
#define MAGIC_REQUEST UINT32_C(0x48427271) /* "HBrq" */
#define MAGIC_TIME    UINT32_C(0x48427461) /* "HBta" */

#define U48_MAX ((UINT64_C(1) << 48) - 1)

enum {
    VERSION = 1,
    FLAG_LAST = 1, /* of reports */
    FLAG_ENDED = 2,
    FLAG_SHARED = 4,
    FLAG_ACKNOWLEDGE = 1, /* of requests */
    FLAG_END = 2,
    FLAG_PROBE = 4,
    HOPS_UNKNOWN = 255,
    BUCKET_BYTES = 8,
    BUCKET_NEGATIVE = 0x8000,
    COARSE_BITS_MAX = 5,
};

/* ---- what all have in common ------------------------------------------------------------------ */

struct start {
    uint32_t magic;
    uint8_t flags;
    uint8_t byte;
    uint64_t stream_id;
    uint64_t receiver_id;
};

static void put_start(struct hd_writer *writer, const struct start *start)
{
    hd_writer_u32(writer, start->magic);
    hd_writer_u8(writer, VERSION);
    hd_writer_u8(writer, start->flags);
    hd_writer_u8(writer, start->byte);
    hd_writer_u8(writer, 0);
    hd_writer_u64(writer, start->stream_id);
    hd_writer_u64(writer, start->receiver_id);
}

static int take_start(struct hd_cursor *cursor, uint32_t magic, struct start *start)
{
    uint8_t version;
    uint8_t zero;

    if (hd_cursor_u32(cursor, &start->magic) < 0 || start->magic != magic || hd_cursor_u8(cursor, &version) < 0 ||
        version != VERSION || hd_cursor_u8(cursor, &start->flags) < 0 || hd_cursor_u8(cursor, &start->byte) < 0 ||
        hd_cursor_u8(cursor, &zero) < 0 || hd_cursor_u64(cursor, &start->stream_id) < 0 ||
        hd_cursor_u64(cursor, &start->receiver_id) < 0)
        return -EBADMSG;
    return 0;
}

int hd_bench_message_kind(const uint8_t *bytes, size_t size_bytes, enum hd_bench_message_kind *ret_kind)
{
    struct hd_cursor cursor = hd_cursor_over(bytes, size_bytes);
    uint32_t magic;

    if (hd_cursor_u32(&cursor, &magic) < 0)
        return -EBADMSG;
    if (magic == MAGIC_REPORT)
        *ret_kind = HD_BENCH_REPORT;
    else if (magic == MAGIC_REQUEST)
        *ret_kind = HD_BENCH_REQUEST;
    else if (magic == MAGIC_TIME)
        *ret_kind = HD_BENCH_TIME;
    else
        return -EBADMSG;
    return 0;
}

static int written(const struct hd_writer *writer)
{
    return writer->overflow ? -EMSGSIZE : (int)hd_writer_size(writer);
}

static void put_text(struct hd_writer *writer, const char *text)
{
    size_t size_bytes = strlen(text);

    hd_writer_u8(writer, (uint8_t)size_bytes);
    hd_writer_bytes(writer, (const uint8_t *)text, size_bytes);
}

/* A text of less than `size_bytes`, without NUL. What it contains is escaped by whoever prints it. */
static int take_text(struct hd_cursor *cursor, char *text, size_t size_bytes)
{
    uint8_t length;

    if (hd_cursor_u8(cursor, &length) < 0 || length >= size_bytes ||
        hd_cursor_bytes(cursor, (uint8_t *)text, length) < 0 || memchr(text, '\0', length) != NULL)
        return -EBADMSG;
    text[length] = '\0';
    return 0;
}

static int take_signed(struct hd_cursor *cursor, int64_t *ret_value)
{
    uint64_t value;

    if (hd_cursor_u64(cursor, &value) < 0)
        return -EBADMSG;
    *ret_value = (int64_t)value;
    return 0;
}

/* ---- histograms ------------------------------------------------------------------------------- */

/* Where a value belongs: as herald_histogram does it, -1 - v for negative v. */
static void place_coarse(unsigned bits, int64_t value, bool *ret_negative, uint16_t *ret_index)
{
    *ret_negative = value < 0;
    *ret_index = (uint16_t)hd_buckets_index(bits, value < 0 ? (uint64_t)(-1 - value) : (uint64_t)value);
}

/* @return whether there was room for all. */
static bool fill_with(struct hd_coarse *coarse, uint8_t bits, const herald_histogram *histogram)
{
    struct herald_histogram_bucket bucket;
    size_t position = 0;

    *coarse = (struct hd_coarse){ .bits = bits };
    while (herald_histogram_next(histogram, &position, &bucket) > 0) {
        size_t last = coarse->count;
        bool negative;
        uint16_t index;

        /* By its middle: a fine bucket may begin where a coarse one ends only by the clipping at the minimum. */
        place_coarse(bits, bucket.low + (bucket.high - bucket.low) / 2, &negative, &index);
        if (last > 0 && coarse->items[last - 1].negative == negative && coarse->items[last - 1].index == index) {
            coarse->items[last - 1].count += bucket.count;
            continue;
        }
        if (last == HERALD_BENCH_BUCKETS_MAX)
            return false;
        coarse->items[last].negative = negative;
        coarse->items[last].index = index;
        coarse->items[last].count = bucket.count;
        coarse->count++;
    }
    return true;
}

void hd_coarse_fill(struct hd_coarse *coarse, const herald_histogram *histogram)
{
    for (uint8_t bits = COARSE_BITS_MAX; !fill_with(coarse, bits, histogram) && bits > 0; bits--) {
    }
}

struct herald_histogram_bucket hd_coarse_bucket(const struct hd_coarse *coarse, size_t at, int64_t base)
{
    int64_t low = (int64_t)hd_buckets_low(coarse->bits, coarse->items[at].index);
    int64_t high = (int64_t)hd_buckets_high(coarse->bits, coarse->items[at].index);
    struct herald_histogram_bucket bucket = { .low = low, .high = high, .count = coarse->items[at].count };

    if (coarse->items[at].negative) {
        bucket.low = -1 - high;
        bucket.high = -1 - low;
    }
    /* The base is a peer's word: no overflow may come of it. */
    if (__builtin_add_overflow(bucket.low, base, &bucket.low) ||
        __builtin_add_overflow(bucket.high, base, &bucket.high))
        bucket.count = 0;
    return bucket;
}

static void put_coarse(struct hd_writer *writer, const struct hd_coarse *coarse)
{
    uint16_t count = coarse->count;

    if (hd_writer_left(writer) < 3 + (size_t)count * BUCKET_BYTES)
        count = 0;
    hd_writer_u8(writer, coarse->bits);
    hd_writer_u16(writer, count);
    for (size_t i = 0; i < count; i++) {
        hd_writer_u16(writer, (uint16_t)(coarse->items[i].index | (coarse->items[i].negative ? BUCKET_NEGATIVE : 0)));
        hd_writer_u48(writer, coarse->items[i].count < U48_MAX ? coarse->items[i].count : U48_MAX);
    }
}

static int take_coarse(struct hd_cursor *cursor, struct hd_coarse *coarse)
{
    if (hd_cursor_u8(cursor, &coarse->bits) < 0 || coarse->bits > COARSE_BITS_MAX ||
        hd_cursor_u16(cursor, &coarse->count) < 0 || coarse->count > HERALD_BENCH_BUCKETS_MAX)
        return -EBADMSG;
    for (size_t i = 0; i < coarse->count; i++) {
        uint16_t word;

        if (hd_cursor_u16(cursor, &word) < 0 || hd_cursor_u48(cursor, &coarse->items[i].count) < 0)
            return -EBADMSG;
        coarse->items[i].negative = (word & BUCKET_NEGATIVE) != 0;
        coarse->items[i].index = (uint16_t)(word & ~BUCKET_NEGATIVE);
        if (coarse->items[i].index >= hd_buckets_count(coarse->bits))
            return -EBADMSG;
    }
    return 0;
}

/* ---- reports ---------------------------------------------------------------------------------- */

static void put_delay(struct hd_writer *writer, const struct herald_bench_delay *delay)
{
    const int64_t values[] = { delay->min_ns, delay->mean_ns, delay->p50_ns, delay->p90_ns,
                               delay->p99_ns, delay->p999_ns, delay->max_ns };

    hd_writer_u64(writer, delay->count);
    for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++)
        hd_writer_u64(writer, (uint64_t)values[i]);
}

static int take_delay(struct hd_cursor *cursor, struct herald_bench_delay *delay)
{
    int64_t *const values[] = { &delay->min_ns, &delay->mean_ns, &delay->p50_ns, &delay->p90_ns,
                                &delay->p99_ns, &delay->p999_ns, &delay->max_ns };

    if (hd_cursor_u64(cursor, &delay->count) < 0)
        return -EBADMSG;
    for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++)
        if (take_signed(cursor, values[i]) < 0)
            return -EBADMSG;
    return 0;
}

/* The counts of a report, in the order of the wire. */
enum { COUNTS = 12 };

static void list_counts(struct herald_bench_figures *figures, uint64_t *ret_counts[COUNTS])
{
    uint64_t *const counts[COUNTS] = {
        &figures->received,   &figures->received_bytes, &figures->expected,  &figures->lost,
        &figures->duplicates, &figures->reordered,      &figures->bursts,    &figures->longest_burst,
        &figures->missed,     &figures->elapsed_ns,     &figures->jitter_ns, &figures->receive_buffer_bytes,
    };

    memcpy(ret_counts, counts, sizeof(counts));
}

/* Rates are whole bits per second on the wire: nobody's floating point has to be believed. */
static uint64_t whole_rate(double rate_bps)
{
    return rate_bps > 0 && rate_bps < 1e15 ? (uint64_t)(rate_bps + 0.5) : 0;
}

int hd_bench_report_encode(const struct hd_bench_report *report, uint8_t *ret_bytes, size_t size_bytes)
{
    struct hd_writer writer = hd_writer_over(ret_bytes, size_bytes);
    struct herald_bench_figures figures = report->figures;
    bool hops_known = figures.hops >= 0 && figures.hops < HOPS_UNKNOWN;
    const struct start start = {
        .magic = MAGIC_REPORT,
        .flags = (uint8_t)((report->last ? FLAG_LAST : 0) | (figures.ended ? FLAG_ENDED : 0) |
                           (figures.causes_shared ? FLAG_SHARED : 0)),
        .byte = (uint8_t)(hops_known ? figures.hops : HOPS_UNKNOWN),
        .stream_id = report->stream_id,
        .receiver_id = report->receiver_id,
    };
    uint64_t *counts[COUNTS];

    put_start(&writer, &start);
    hd_writer_u64(&writer, report->clock_id);
    hd_writer_u32(&writer, report->number);
    list_counts(&figures, counts);
    for (size_t i = 0; i < COUNTS; i++)
        hd_writer_u64(&writer, *counts[i]);
    hd_writer_u64(&writer, whole_rate(figures.rate_bps));
    hd_writer_u8(&writer, HERALD_LOSS_CAUSE_COUNT);
    for (size_t i = 0; i < HERALD_LOSS_CAUSE_COUNT; i++)
        hd_writer_u64(&writer, figures.lost_by[i]);
    hd_writer_u64(&writer, (uint64_t)report->delay_base_ns);
    put_delay(&writer, &figures.delay);
    put_text(&writer, report->host);
    put_text(&writer, report->interface);
    put_coarse(&writer, &report->coarse);
    return written(&writer);
}

static int take_figures(struct hd_cursor *cursor, struct herald_bench_figures *figures)
{
    uint64_t *counts[COUNTS];
    uint64_t rate_bps;
    uint8_t causes;

    list_counts(figures, counts);
    for (size_t i = 0; i < COUNTS; i++)
        if (hd_cursor_u64(cursor, counts[i]) < 0)
            return -EBADMSG;
    if (hd_cursor_u64(cursor, &rate_bps) < 0 || hd_cursor_u8(cursor, &causes) < 0 || causes != HERALD_LOSS_CAUSE_COUNT)
        return -EBADMSG;
    figures->rate_bps = (double)rate_bps;
    for (size_t i = 0; i < HERALD_LOSS_CAUSE_COUNT; i++)
        if (hd_cursor_u64(cursor, &figures->lost_by[i]) < 0)
            return -EBADMSG;
    /* Whoever subtracts later must not have to ask. */
    return figures->lost <= figures->expected ? 0 : -EBADMSG;
}

int hd_bench_report_decode(const uint8_t *bytes, size_t size_bytes, struct hd_bench_report *ret_report)
{
    struct hd_cursor cursor = hd_cursor_over(bytes, size_bytes);
    struct hd_bench_report report = { .number = 0 };
    struct start start;

    if (take_start(&cursor, MAGIC_REPORT, &start) < 0 || hd_cursor_u64(&cursor, &report.clock_id) < 0 ||
        hd_cursor_u32(&cursor, &report.number) < 0 || take_figures(&cursor, &report.figures) < 0 ||
        take_signed(&cursor, &report.delay_base_ns) < 0 || take_delay(&cursor, &report.figures.delay) < 0 ||
        take_text(&cursor, report.host, sizeof(report.host)) < 0 ||
        take_text(&cursor, report.interface, sizeof(report.interface)) < 0 || take_coarse(&cursor, &report.coarse) < 0)
        return -EBADMSG;
    report.stream_id = start.stream_id;
    report.receiver_id = start.receiver_id;
    report.last = (start.flags & FLAG_LAST) != 0;
    report.figures.ended = (start.flags & FLAG_ENDED) != 0;
    report.figures.causes_shared = (start.flags & FLAG_SHARED) != 0;
    report.figures.hops = start.byte == HOPS_UNKNOWN ? -1 : start.byte;
    *ret_report = report;
    return 0;
}

/* ---- requests and times ------------------------------------------------------------------------ */

int hd_bench_request_encode(const struct hd_bench_request *request, uint8_t *ret_bytes, size_t size_bytes)
{
    struct hd_writer writer = hd_writer_over(ret_bytes, size_bytes);
    const struct start start = {
        .magic = MAGIC_REQUEST,
        .flags = (uint8_t)((request->acknowledge ? FLAG_ACKNOWLEDGE : 0) | (request->end ? FLAG_END : 0) |
                           (request->probe ? FLAG_PROBE : 0)),
        .stream_id = request->stream_id,
        .receiver_id = request->receiver_id,
    };

    put_start(&writer, &start);
    hd_writer_u64(&writer, request->total);
    hd_writer_u64(&writer, request->time_ns);
    if (!writer.overflow)
        hd_writer_zero(&writer, HD_BENCH_REQUEST_BYTES - hd_writer_size(&writer));
    return written(&writer);
}

int hd_bench_request_decode(const uint8_t *bytes, size_t size_bytes, struct hd_bench_request *ret_request)
{
    struct hd_cursor cursor = hd_cursor_over(bytes, size_bytes);
    struct hd_bench_request request = { .total = 0 };
    struct start start;

    if (size_bytes < HD_BENCH_REQUEST_BYTES || take_start(&cursor, MAGIC_REQUEST, &start) < 0 ||
        hd_cursor_u64(&cursor, &request.total) < 0 || hd_cursor_u64(&cursor, &request.time_ns) < 0)
        return -EBADMSG;
    request.stream_id = start.stream_id;
    request.receiver_id = start.receiver_id;
    request.acknowledge = (start.flags & FLAG_ACKNOWLEDGE) != 0;
    request.end = (start.flags & FLAG_END) != 0;
    request.probe = (start.flags & FLAG_PROBE) != 0;
    *ret_request = request;
    return 0;
}

int hd_bench_time_encode(const struct hd_bench_time *time, uint8_t *ret_bytes, size_t size_bytes)
{
    struct hd_writer writer = hd_writer_over(ret_bytes, size_bytes);
    const struct start start = { .magic = MAGIC_TIME, .stream_id = time->stream_id, .receiver_id = time->receiver_id };

    put_start(&writer, &start);
    hd_writer_u64(&writer, time->asked_ns);
    hd_writer_u64(&writer, time->received_ns);
    hd_writer_u64(&writer, time->answered_ns);
    return written(&writer);
}

int hd_bench_time_decode(const uint8_t *bytes, size_t size_bytes, struct hd_bench_time *ret_time)
{
    struct hd_cursor cursor = hd_cursor_over(bytes, size_bytes);
    struct hd_bench_time time = { .asked_ns = 0 };
    struct start start;

    if (take_start(&cursor, MAGIC_TIME, &start) < 0 || hd_cursor_u64(&cursor, &time.asked_ns) < 0 ||
        hd_cursor_u64(&cursor, &time.received_ns) < 0 || hd_cursor_u64(&cursor, &time.answered_ns) < 0)
        return -EBADMSG;
    time.stream_id = start.stream_id;
    time.receiver_id = start.receiver_id;
    *ret_time = time;
    return 0;
}
