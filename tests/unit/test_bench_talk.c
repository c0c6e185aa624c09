/* SPDX-License-Identifier: MIT */
/* The head of test streams, with packets of a real iperf 2.1.8, and what receivers and senders tell each other. */
#include "stream_header.h"
#include "talk.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* ---- heads --------------------------------------------------------------------------------------- */

#define IPERF_REST \
 0x48, 0x01, 0x00, 0x98, 0, 0, 0, 0x10, 0, 0, 0x13, 0x89, 0, 0, 0, 0xc8, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0x38

/* Of "iperf -c 239.1.2.3 -u -l 200 -b 100k -t 2": the first, the last but one, and the last. */
static const uint8_t iperf_first[] = {
    0, 0, 0, 1, 0x6b, 0x03, 0xa4, 0x68, 0, 0x06, 0x13, 0xd7, 0, 0, 0, 0, IPERF_REST
};
static const uint8_t iperf_later[] = { 0,    0,    0,    0x7f, 0x6b, 0x03, 0xa4, 0x6a,      0,
                                       0x06, 0x14, 0xff, 0,    0,    0,    0,    IPERF_REST };
static const uint8_t iperf_last[] = { 0xff, 0xff, 0xff, 0x80, 0x6b, 0x03, 0xa4, 0x6a,      0,
                                      0x06, 0x53, 0x8d, 0xff, 0xff, 0xff, 0xff, IPERF_REST };
/* The numbers of an older one have 32 bits, and no flag says otherwise. */
static const uint8_t old_last[] = { 0xff, 0xff, 0xff, 0x80, 0x6b, 0x03, 0xa4, 0x6a, 0, 0x06, 0x53, 0x8d };
static const uint8_t wide[] = { 0, 0, 0, 5, 0x6b, 0x03, 0xa4, 0x6a, 0, 0, 0, 0, 0, 0, 0, 2, 0x08, 0, 0, 0 };
static const uint8_t not_wide[] = { 0, 0, 0, 5, 0x6b, 0x03, 0xa4, 0x6a, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0 };
static const uint8_t no_time[] = { 0, 0, 0, 5, 0x6b, 0x03, 0xa4, 0x6a, 0, 0x0f, 0x42, 0x40, 0, 0, 0, 0, IPERF_REST };
static const uint8_t zeros[1400];
static const uint8_t no_number[] = { 0, 0, 0, 0, 0x6b, 0x03, 0xa4, 0x6a, 0, 0, 0, 0, 0x80, 0, 0, 0, IPERF_REST };

static void heads_of_iperf_are_understood(void **state)
{
    static const struct {
        const uint8_t *bytes;
        size_t size_bytes;
        int result;
        uint64_t number;
        bool last;
        uint64_t time_ns;
    } rows[] = {
        { iperf_first, sizeof(iperf_first), 0, 1, false, UINT64_C(1795400808398295000) },
        { iperf_later, sizeof(iperf_later), 0, 127, false, UINT64_C(1795400810398591000) },
        { iperf_last, sizeof(iperf_last), 0, 128, true, UINT64_C(1795400810414605000) },
        { old_last, sizeof(old_last), 0, 128, true, UINT64_C(1795400810414605000) },
        { wide, sizeof(wide), 0, (UINT64_C(2) << 32) + 5, false, UINT64_C(1795400810000000000) },
        { not_wide, sizeof(not_wide), 0, 5, false, UINT64_C(1795400810000000000) },
        { no_time, sizeof(no_time), -EBADMSG, 0, false, 0 },
        { no_number, sizeof(no_number), -EBADMSG, 0, false, 0 },
        { zeros, sizeof(zeros), -EBADMSG, 0, false, 0 },
        { iperf_first, 11, -EBADMSG, 0, false, 0 },
        { iperf_first, 0, -EBADMSG, 0, false, 0 },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct hd_stream_header header = { .number = 999 };

        assert_int_equal(hd_stream_header_decode(rows[i].bytes, rows[i].size_bytes, &header), rows[i].result);
        if (rows[i].result < 0) {
            assert_int_equal(header.number, 999); /* untouched */
            continue;
        }
        assert_int_equal(header.number, rows[i].number);
        assert_int_equal(header.last, rows[i].last);
        assert_int_equal(header.time_ns, rows[i].time_ns);
        assert_false(header.own);
    }
}

static void own_heads_come_back(void **state)
{
    const struct hd_stream_header sent = {
        .number = UINT64_C(0x123456789ab),
        .time_ns = UINT64_C(1795400808398295123),
        .repeated = true,
        .ttl = 200,
        .stream_id = UINT64_C(0x1122334455667788),
        .elapsed_ns = UINT64_C(0x8877665544332211),
        .clock_id = 9,
        .report_interval_ms = 250,
        .report_spread_ms = 25,
    };
    struct hd_stream_header got;
    uint8_t bytes[HD_STREAM_HEADER_BYTES + 1];

    (void)state;
    hd_stream_header_encode(&sent, bytes);
    assert_int_equal(hd_stream_header_decode(bytes, sizeof(bytes), &got), 0);
    assert_true(got.own && got.wide && got.repeated && !got.last);
    assert_int_equal(got.number, sent.number);
    assert_int_equal(got.time_ns, sent.time_ns);
    assert_int_equal(got.ttl, sent.ttl);
    assert_int_equal(got.stream_id, sent.stream_id);
    assert_int_equal(got.elapsed_ns, sent.elapsed_ns);
    assert_int_equal(got.clock_id, sent.clock_id);
    assert_int_equal(got.report_interval_ms, 250);
    assert_int_equal(got.report_spread_ms, 25);
    hd_stream_header_renumber(bytes, UINT64_C(0xfffffffff));
    assert_int_equal(hd_stream_header_decode(bytes, sizeof(bytes), &got), 0);
    assert_int_equal(got.number, UINT64_C(0xfffffffff));
    /* Cut short, it is still a datagram of iperf's kind. */
    assert_int_equal(hd_stream_header_decode(bytes, HD_STREAM_HEADER_BYTES - 1, &got), 0);
    assert_false(got.own);
    bytes[24]++; /* the next version */
    assert_int_equal(hd_stream_header_decode(bytes, sizeof(bytes), &got), 0);
    assert_false(got.own);
}

static void the_last_one_looks_as_iperf_has_it(void **state)
{
    const struct hd_stream_header sent = { .number = 128, .last = true, .time_ns = UINT64_C(1795400810414605000) };
    uint8_t bytes[HD_STREAM_HEADER_BYTES];

    (void)state;
    hd_stream_header_encode(&sent, bytes);
    assert_memory_equal(bytes, iperf_last, 16);
    /* Of iperf's flags only that of 64-bit numbers: with any other it would expect fields that are not there. */
    assert_memory_equal(bytes + 16, "\x08\0\0\0", 4);
}

/* ---- reports --------------------------------------------------------------------------------------- */

static struct hd_bench_report example(void)
{
    struct hd_bench_report report = {
        .stream_id = 1,
        .receiver_id = 2,
        .clock_id = 3,
        .number = 4,
        .last = true,
        .delay_base_ns = -5,
        .figures = {
            .received = 10, .received_bytes = 11, .expected = 12, .lost = 9, .duplicates = 14, .reordered = 15,
            .bursts = 16, .longest_burst = 17, .missed = 18, .elapsed_ns = 19, .rate_bps = 20, .jitter_ns = 21,
            .causes_shared = true, .receive_buffer_bytes = 22, .hops = 23, .ended = true,
            .delay = { .count = 24, .min_ns = -25, .mean_ns = 26, .p50_ns = 27, .p90_ns = 28, .p99_ns = 29,
                       .p999_ns = 30, .max_ns = INT64_MAX },
        },
        .host = "host.example",
        .interface = "eth0",
        .coarse = { .bits = 5, .count = 2, .items = { { true, 7, 8 }, { false, 100, 1000 } } },
    };

    for (size_t i = 0; i < HERALD_LOSS_CAUSE_COUNT; i++)
        report.figures.lost_by[i] = 100 + i;
    return report;
}

static void reports_come_back(void **state)
{
    const struct hd_bench_report sent = example();
    struct hd_bench_report got;
    enum hd_bench_message_kind kind;
    uint8_t bytes[HD_BENCH_REPORT_BYTES_MAX];
    int size_bytes = hd_bench_report_encode(&sent, bytes, sizeof(bytes));

    (void)state;
    assert_true(size_bytes > 0);
    assert_int_equal(hd_bench_message_kind(bytes, (size_t)size_bytes, &kind), 0);
    assert_int_equal(kind, HD_BENCH_REPORT);
    assert_int_equal(hd_bench_report_decode(bytes, (size_t)size_bytes, &got), 0);
    assert_true(got.stream_id == 1 && got.receiver_id == 2 && got.clock_id == 3 && got.number == 4 && got.last);
    assert_int_equal(got.delay_base_ns, -5);
    assert_memory_equal(got.figures.lost_by, sent.figures.lost_by, sizeof(got.figures.lost_by));
    assert_memory_equal(&got.figures.delay, &sent.figures.delay, sizeof(got.figures.delay));
    assert_int_equal(got.figures.received, 10);
    assert_int_equal(got.figures.receive_buffer_bytes, 22);
    assert_int_equal(got.figures.hops, 23);
    assert_true(got.figures.ended && got.figures.causes_shared);
    assert_string_equal(got.host, sent.host);
    assert_string_equal(got.interface, sent.interface);
    assert_int_equal(got.coarse.count, 2);
    assert_true(got.coarse.items[0].negative && got.coarse.items[0].index == 7 && got.coarse.items[1].count == 1000);
    /* Every shorter one is refused, and none is read beyond its end. */
    for (size_t length = 0; length < (size_t)size_bytes; length++) {
        uint8_t *copy = malloc(length + 1);

        assert_non_null(copy);
        memcpy(copy + 1, bytes, length);
        assert_int_equal(hd_bench_report_decode(copy + 1, length, &got), -EBADMSG);
        free(copy);
    }
}

static void a_report_leaves_out_what_there_is_no_room_for(void **state)
{
    struct hd_bench_report report = example();
    uint8_t bytes[HD_BENCH_REPORT_BYTES_MAX];
    int whole = hd_bench_report_encode(&report, bytes, sizeof(bytes));
    int less = hd_bench_report_encode(&report, bytes, (size_t)whole - 1);

    (void)state;
    assert_int_equal(less, whole - 16);
    assert_int_equal(hd_bench_report_decode(bytes, (size_t)less, &report), 0);
    assert_int_equal(report.coarse.count, 0);
    assert_int_equal(hd_bench_report_encode(&report, bytes, (size_t)less - 1), -EMSGSIZE);
    memset(report.host, 'h', sizeof(report.host) - 1);
    report.coarse.count = HERALD_BENCH_BUCKETS_MAX;
    assert_true(hd_bench_report_encode(&report, bytes, sizeof(bytes)) > 0);
    assert_int_equal(hd_bench_report_decode(bytes, sizeof(bytes), &report), 0);
    assert_int_equal(report.coarse.count, HERALD_BENCH_BUCKETS_MAX); /* the fullest one fits */
}

static void a_report_of_more_lost_than_expected_is_refused(void **state)
{
    struct hd_bench_report report = example();
    uint8_t bytes[HD_BENCH_REPORT_BYTES_MAX];
    int size_bytes;

    (void)state;
    report.figures.lost = 13;
    size_bytes = hd_bench_report_encode(&report, bytes, sizeof(bytes));
    assert_int_equal(hd_bench_report_decode(bytes, (size_t)size_bytes, &report), -EBADMSG);
}

static void requests_and_times_come_back(void **state)
{
    const struct hd_bench_request request = {
        .stream_id = 1, .receiver_id = 2, .end = true, .probe = true, .total = 3, .time_ns = 4
    };
    const struct hd_bench_time time = {
        .stream_id = 1, .receiver_id = 2, .asked_ns = 3, .received_ns = 4, .answered_ns = 5
    };
    uint8_t bytes[HD_BENCH_REQUEST_BYTES];
    struct hd_bench_request got_request;
    struct hd_bench_time got_time;

    (void)state;
    assert_int_equal(hd_bench_request_encode(&request, bytes, sizeof(bytes)), HD_BENCH_REQUEST_BYTES);
    assert_int_equal(hd_bench_request_decode(bytes, sizeof(bytes), &got_request), 0);
    assert_true(got_request.end && got_request.probe && !got_request.acknowledge);
    assert_true(got_request.total == 3 && got_request.time_ns == 4 && got_request.receiver_id == 2);
    /* A short one would get an answer longer than itself. */
    assert_int_equal(hd_bench_request_decode(bytes, sizeof(bytes) - 1, &got_request), -EBADMSG);
    assert_int_equal(hd_bench_time_encode(&time, bytes, sizeof(bytes)), HD_BENCH_TIME_BYTES);
    assert_int_equal(hd_bench_time_decode(bytes, HD_BENCH_TIME_BYTES, &got_time), 0);
    assert_true(got_time.asked_ns == 3 && got_time.received_ns == 4 && got_time.answered_ns == 5);
    assert_int_equal(hd_bench_time_decode(bytes, HD_BENCH_TIME_BYTES - 1, &got_time), -EBADMSG);
    assert_int_equal(hd_bench_time_encode(&time, bytes, HD_BENCH_TIME_BYTES - 1), -EMSGSIZE);
}

/* However the values lie, the buckets that travel hold them all, and each lies in its bucket. */
static void coarse_buckets_hold_everything(void **state)
{
    static const int64_t spread[] = { 1, 10, 1000, 1000000, 1000000000 };

    (void)state;
    for (size_t i = 0; i < sizeof(spread) / sizeof(spread[0]); i++) {
        herald_histogram *histogram;
        struct hd_coarse coarse;
        uint64_t count = 0;
        int64_t before = INT64_MIN;

        assert_int_equal(herald_histogram_new(&histogram), 0);
        for (int64_t value = -50; value < 500; value++)
            herald_histogram_record(histogram, value * spread[i], 2);
        hd_coarse_fill(&coarse, histogram);
        assert_true(coarse.count > 0 && coarse.count <= HERALD_BENCH_BUCKETS_MAX);
        for (size_t at = 0; at < coarse.count; at++) {
            struct herald_histogram_bucket bucket = hd_coarse_bucket(&coarse, at, 0);

            assert_true(bucket.low <= bucket.high && bucket.low > before);
            before = bucket.high;
            count += bucket.count;
        }
        assert_int_equal(count, herald_histogram_count(histogram));
        assert_int_equal(hd_coarse_bucket(&coarse, coarse.count - 1, INT64_MAX).count, 0); /* no overflow */
        herald_histogram_free(histogram);
    }
}

/* ---- the search ------------------------------------------------------------------------------------- */

static void the_search_finds_what_there_is(void **state)
{
    static const struct {
        double start_bps, limit_bps, sender_bps;
        bool sender_limited;
    } rows[] = {
        { 10e6, 20e6, 1e12, false }, { 10e6, 1e6, 1e12, false },  { 10e6, 987654321, 1e12, false },
        { 10e6, 1e12, 3e9, true },   { 10e6, 2.9e9, 3e9, false }, { 1e9, 10e6, 1e12, false },
        { 0, 50e3, 1e12, false },    { 10e6, 10e6, 1e12, false },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct herald_bench_search search;

        herald_bench_search_init(&search, rows[i].start_bps, 8000);
        while (search.state == HERALD_BENCH_SEARCH_TRY || search.state == HERALD_BENCH_SEARCH_CONFIRM) {
            double sent = search.rate_bps < rows[i].sender_bps ? search.rate_bps : rows[i].sender_bps;

            herald_bench_search_result(&search, sent <= rows[i].limit_bps, sent);
            assert_true(search.trials < 60);
        }
        assert_int_equal(search.state, HERALD_BENCH_SEARCH_FOUND);
        assert_int_equal(search.sender_limited, rows[i].sender_limited);
        if (rows[i].sender_limited)
            assert_true(search.best_bps >= 0.95 * rows[i].sender_bps);
        else
            assert_true(search.best_bps <= rows[i].limit_bps && search.best_bps >= 0.9 * rows[i].limit_bps);
    }
}

static void the_search_ends_where_nothing_passes(void **state)
{
    struct herald_bench_search search;

    (void)state;
    herald_bench_search_init(&search, 1e9, 8000);
    while (search.state == HERALD_BENCH_SEARCH_TRY) {
        herald_bench_search_result(&search, false, search.rate_bps);
        assert_true(search.trials < 60);
    }
    assert_int_equal(search.state, HERALD_BENCH_SEARCH_NOTHING);
    /* What passes in a short trial and never in a longer one is not found either. */
    herald_bench_search_init(&search, 1e9, 8000);
    while (search.state == HERALD_BENCH_SEARCH_TRY || search.state == HERALD_BENCH_SEARCH_CONFIRM) {
        herald_bench_search_result(&search, search.state == HERALD_BENCH_SEARCH_TRY && search.rate_bps < 5e8,
                                   search.rate_bps);
        assert_true(search.trials < 1000);
    }
    assert_int_equal(search.state, HERALD_BENCH_SEARCH_NOTHING);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(heads_of_iperf_are_understood),
        cmocka_unit_test(own_heads_come_back),
        cmocka_unit_test(the_last_one_looks_as_iperf_has_it),
        cmocka_unit_test(reports_come_back),
        cmocka_unit_test(a_report_leaves_out_what_there_is_no_room_for),
        cmocka_unit_test(a_report_of_more_lost_than_expected_is_refused),
        cmocka_unit_test(requests_and_times_come_back),
        cmocka_unit_test(coarse_buckets_hold_everything),
        cmocka_unit_test(the_search_finds_what_there_is),
        cmocka_unit_test(the_search_ends_where_nothing_passes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
