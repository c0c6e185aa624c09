/* SPDX-License-Identifier: MIT */
/*
 * The head of every datagram of a test stream. It begins as one of iperf 2 does, so that iperf measures our streams and
 * we measure iperf's; what follows is ours, and iperf does not look at it.
 *
 *      0  number, low 32 bits           as iperf 2.1: signed, from 1 on; negative: the last datagram
 *      4  time of sending, seconds      since 1970, by the sender's clock
 *      8  and microseconds
 *     12  number, high 32 bits          if bit 27 of the flags is set
 *     16  flags of iperf's test header  bit 27: numbers have 64 bits. No other: iperf would expect more of its own
 *     20  "HBen", version, flags (1: sent before, sent again), TTL at sending, 0
 *     28  id of the stream
 *     36  time since the stream began, ns
 *     44  identity of the sender's clock
 *     52  nanoseconds of the time of sending beyond its microseconds (16 bits)
 *     54  milliseconds between reports, 0: none wanted (16 bits)
 *     56  milliseconds over which the last reports are spread (16 bits), 0 (16 bits)
 *     60  reserved, 0
 *     64  anything
 */
#ifndef BENCH_STREAM_HEADER_H
#define BENCH_STREAM_HEADER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    HD_STREAM_IPERF_BYTES = 12, /* the least that iperf of any age sends */
    HD_STREAM_HEADER_BYTES = 64,
};

/* What the head of a datagram says. */
struct hd_stream_header {
    uint64_t number;  /* from 1 on; of iperf before 2.1 modulo 2^31 */
    bool last;        /* nothing comes after this one */
    uint64_t time_ns; /* of sending, CLOCK_REALTIME */
    bool wide;        /* numbers have 64 bits */

    bool own;      /* the rest is known: it comes from herald */
    bool repeated; /* the last datagram once more: it tells of the end, and does not count */
    uint8_t ttl;
    uint64_t stream_id;
    uint64_t elapsed_ns;
    uint64_t clock_id; /* 0: not known */
    uint16_t report_interval_ms;
    uint16_t report_spread_ms;
};

/* Writes HD_STREAM_HEADER_BYTES. `own` and `wide` are taken to be true. */
void hd_stream_header_encode(const struct hd_stream_header *header, uint8_t *ret_bytes);

/* Changes only the number of a head that hd_stream_header_encode() has written: a burst shares the rest. */
void hd_stream_header_renumber(uint8_t *bytes, uint64_t number);

/* @return 0; -EBADMSG for what is no datagram of a test stream. */
int hd_stream_header_decode(const uint8_t *bytes, size_t size_bytes, struct hd_stream_header *ret_header);

#endif
