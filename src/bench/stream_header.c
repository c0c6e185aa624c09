/* SPDX-License-Identifier: MIT */
#include "stream_header.h"

#include "wide.h"

#define MAGIC        UINT32_C(0x4842656e) /* "HBen" */
#define FLAG_WIDE    UINT32_C(0x08000000) /* of iperf's test header */
#define NS_PER_S     UINT64_C(1000000000)
#define US_PER_S     UINT32_C(1000000)
#define NUMBER_OTHER (UINT64_C(1) << 62) /* higher ones are no numbers */

enum { VERSION = 1, FLAG_REPEATED = 1, NUMBER_LOW_AT = 0, NUMBER_HIGH_AT = 12 };

void hd_stream_header_encode(const struct hd_stream_header *header, uint8_t *ret_bytes)
{
    struct hd_writer writer = hd_writer_over(ret_bytes, HD_STREAM_HEADER_BYTES);
    uint64_t number = header->last ? 0 - header->number : header->number;
    uint64_t part_ns = header->time_ns % NS_PER_S;

    hd_writer_u32(&writer, (uint32_t)number);
    hd_writer_u32(&writer, (uint32_t)(header->time_ns / NS_PER_S));
    hd_writer_u32(&writer, (uint32_t)(part_ns / 1000));
    hd_writer_u32(&writer, (uint32_t)(number >> 32));
    hd_writer_u32(&writer, FLAG_WIDE);
    hd_writer_u32(&writer, MAGIC);
    hd_writer_u8(&writer, VERSION);
    hd_writer_u8(&writer, header->repeated ? FLAG_REPEATED : 0);
    hd_writer_u8(&writer, header->ttl);
    hd_writer_u8(&writer, 0);
    hd_writer_u64(&writer, header->stream_id);
    hd_writer_u64(&writer, header->elapsed_ns);
    hd_writer_u64(&writer, header->clock_id);
    hd_writer_u16(&writer, (uint16_t)(part_ns % 1000));
    hd_writer_u16(&writer, header->report_interval_ms);
    hd_writer_u16(&writer, header->report_spread_ms);
    hd_writer_zero(&writer, hd_writer_left(&writer));
    assert(!writer.overflow);
}

void hd_stream_header_renumber(uint8_t *bytes, uint64_t number)
{
    hd_store_u32(bytes + NUMBER_LOW_AT, (uint32_t)number);
    hd_store_u32(bytes + NUMBER_HIGH_AT, (uint32_t)(number >> 32));
}

/* What stands behind iperf's fields. @return -EBADMSG if it is not ours. */
static int decode_own(struct hd_cursor cursor, struct hd_stream_header *header)
{
    uint32_t magic;
    uint8_t version;
    uint8_t flags;
    uint8_t zero;
    uint16_t part_ns;

    if (hd_cursor_u32(&cursor, &magic) < 0 || magic != MAGIC || hd_cursor_u8(&cursor, &version) < 0 ||
        version != VERSION || hd_cursor_u8(&cursor, &flags) < 0 || hd_cursor_u8(&cursor, &header->ttl) < 0 ||
        hd_cursor_u8(&cursor, &zero) < 0 || hd_cursor_u64(&cursor, &header->stream_id) < 0 ||
        hd_cursor_u64(&cursor, &header->elapsed_ns) < 0 || hd_cursor_u64(&cursor, &header->clock_id) < 0 ||
        hd_cursor_u16(&cursor, &part_ns) < 0 || part_ns > 999 ||
        hd_cursor_u16(&cursor, &header->report_interval_ms) < 0 ||
        hd_cursor_u16(&cursor, &header->report_spread_ms) < 0 || hd_cursor_skip(&cursor, 6) < 0)
        return -EBADMSG;
    header->time_ns += part_ns;
    header->repeated = (flags & FLAG_REPEATED) != 0;
    header->own = true;
    return 0;
}

/* Takes a number apart: its sign says whether it is the last one. */
static int set_number(struct hd_stream_header *header, uint32_t low, uint32_t high)
{
    uint64_t number = (uint64_t)high << 32 | low;

    if (!header->wide)
        number = (low & UINT32_C(0x80000000)) != 0 ? UINT64_C(0xffffffff00000000) | low : low;
    header->last = (number & UINT64_C(1) << 63) != 0;
    header->number = header->last ? 0 - number : number;
    return header->number < NUMBER_OTHER ? 0 : -EBADMSG;
}

int hd_stream_header_decode(const uint8_t *bytes, size_t size_bytes, struct hd_stream_header *ret_header)
{
    struct hd_cursor cursor = hd_cursor_over(bytes, size_bytes);
    struct hd_stream_header header = { .number = 0 };
    struct hd_stream_header with_own;
    uint32_t low;
    uint32_t high = 0;
    uint32_t seconds;
    uint32_t micros;
    uint32_t flags = 0;

    if (hd_cursor_u32(&cursor, &low) < 0 || hd_cursor_u32(&cursor, &seconds) < 0 ||
        hd_cursor_u32(&cursor, &micros) < 0 || micros >= US_PER_S)
        return -EBADMSG;
    header.time_ns = seconds * NS_PER_S + micros * UINT64_C(1000);
    /* Shorter ones are of an iperf before 2.1, or too short for its flags: 32 bits. */
    if (hd_cursor_u32(&cursor, &high) == 0 && hd_cursor_u32(&cursor, &flags) == 0)
        header.wide = (flags & FLAG_WIDE) != 0;
    if (set_number(&header, low, high) < 0)
        return -EBADMSG;
    with_own = header;
    if (header.wide && decode_own(cursor, &with_own) == 0)
        header = with_own;
    else if (seconds == 0)
        return -EBADMSG; /* zeros are a protocol of somebody else's, not an iperf of 1970 */
    *ret_header = header;
    return 0;
}
