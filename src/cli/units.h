/* SPDX-License-Identifier: MIT */
/* Durations, sizes and rates: parsed and printed the same way everywhere. */
#ifndef CLI_UNITS_H
#define CLI_UNITS_H

#include <stddef.h>
#include <stdint.h>

#define UNITS_TEXT_BYTES 32
#define UNITS_NOTE_BYTES 128

enum rate_kind { RATE_NONE, RATE_FIXED, RATE_MAX, RATE_PACKETS };

/* How fast to send. */
struct rate {
    enum rate_kind kind;
    uint64_t value; /* RATE_FIXED: bits per second of payload; RATE_PACKETS: datagrams per second */
};

/* "200ms", "5s", "1.5s", "2m", "1h", "250us", "10ns"; a unit is required except for 0. @return 0 or -EINVAL. */
int duration_parse(const char *text, uint64_t *ret_ns);

/* "1472", "64K", "1.5M", "1G" (powers of 1024; "64k", "64KiB" too). @return 0 or -EINVAL. */
int size_parse(const char *text, uint64_t *ret_bytes);

/* "100mbit", "2.5gbit", "800kbit", "9600bit", "5000pps", "max" (powers of 1000). @return 0 or -EINVAL. */
int rate_parse(const char *text, struct rate *ret_rate);

/* "213 µs", "1.50 ms", "2.00 s": three significant digits. Writes at most UNITS_TEXT_BYTES; returns the text. */
const char *duration_format(int64_t ns, char text[UNITS_TEXT_BYTES]);

/* "1,472 B", "64.0 KiB", "1.00 GiB". */
const char *size_format(uint64_t bytes, char text[UNITS_TEXT_BYTES]);

/* "98.3 Mbit/s" from bits per second. */
const char *rate_format(double bits_per_second, char text[UNITS_TEXT_BYTES]);

/*
 * "receive buffer 208 KiB, not 4.00 MiB (net.core.rmem_max)": nobody is told by the kernel that it was clamped.
 * @return the text, or NULL if as much was granted as asked.
 */
const char *buffer_note_format(uint64_t granted_bytes, uint64_t asked_bytes, char text[UNITS_NOTE_BYTES]);

#endif
