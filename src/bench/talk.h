/* SPDX-License-Identifier: MIT */
/*
 * What receivers and senders of test streams tell each other by unicast. Each message begins with a magic number, a
 * version and 24 bits for what it is about; then the id of the stream and that of the receiver.
 *
 *     report   receiver to sender   all figures since the stream began; a last one is sent until it is acknowledged
 *     request  sender to receiver   acknowledges, tells that the stream has ended, asks for the time
 *     time     receiver to sender   the answer to that; no longer than the request
 */
#ifndef BENCH_TALK_H
#define BENCH_TALK_H

#include <herald/bench.h>

enum {
    HD_BENCH_REPORT_BYTES_MAX = 1200, /* one packet everywhere */
    HD_BENCH_REQUEST_BYTES = 64,      /* no shorter than the answer */
    HD_BENCH_TIME_BYTES = 48,
};

/* Histogram buckets as a report has them: 2^bits of them in each octave. */
struct hd_coarse {
    uint8_t bits;
    uint16_t count;
    struct {
        bool negative; /* of -1, -2, ... instead of 0, 1, ... */
        uint16_t index;
        uint64_t count;
    } items[HERALD_BENCH_BUCKETS_MAX];
};

struct hd_bench_report {
    uint64_t stream_id;
    uint64_t receiver_id;
    uint64_t clock_id; /* 0: not known */
    uint32_t number;   /* of the reports about this stream, from 1 on */
    bool last;
    int64_t delay_base_ns; /* what the delays are relative to, by the two clocks as they are */
    struct herald_bench_figures figures;
    char host[HERALD_BENCH_HOST_BYTES];
    char interface[HERALD_INTERFACE_NAME_BYTES];
    struct hd_coarse coarse;
};

struct hd_bench_request {
    uint64_t stream_id;
    uint64_t receiver_id;
    bool acknowledge; /* of the last report */
    bool end;         /* `total` datagrams were sent: report what became of them */
    bool probe;       /* answer with the time */
    uint64_t total;
    uint64_t time_ns; /* when it was sent, by the sender's clock */
};

struct hd_bench_time {
    uint64_t stream_id;
    uint64_t receiver_id;
    uint64_t asked_ns;    /* as in the request */
    uint64_t received_ns; /* when the request came, */
    uint64_t answered_ns; /* and this left, by the receiver's clock */
};

enum hd_bench_message_kind { HD_BENCH_REPORT, HD_BENCH_REQUEST, HD_BENCH_TIME };

/* What it claims to be. @return 0; -EBADMSG for nothing known. */
int hd_bench_message_kind(const uint8_t *bytes, size_t size_bytes, enum hd_bench_message_kind *ret_kind);

/* Each writes a message. @return its size; -EMSGSIZE. A report leaves buckets out if they do not fit. */
int hd_bench_report_encode(const struct hd_bench_report *report, uint8_t *ret_bytes, size_t size_bytes);
int hd_bench_request_encode(const struct hd_bench_request *request, uint8_t *ret_bytes, size_t size_bytes);
int hd_bench_time_encode(const struct hd_bench_time *time, uint8_t *ret_bytes, size_t size_bytes);

/* Each reads a message. @return 0; -EBADMSG. */
int hd_bench_report_decode(const uint8_t *bytes, size_t size_bytes, struct hd_bench_report *ret_report);
int hd_bench_request_decode(const uint8_t *bytes, size_t size_bytes, struct hd_bench_request *ret_request);
int hd_bench_time_decode(const uint8_t *bytes, size_t size_bytes, struct hd_bench_time *ret_time);

/* A histogram in as fine buckets as there is room for. */
void hd_coarse_fill(struct hd_coarse *coarse, const herald_histogram *histogram);

/* The values of one of its buckets, `base` added. */
struct herald_histogram_bucket hd_coarse_bucket(const struct hd_coarse *coarse, size_t at, int64_t base);

#endif
