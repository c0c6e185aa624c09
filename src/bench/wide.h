/* SPDX-License-Identifier: MIT */
/* 64-bit numbers by way of the cursor. */
#ifndef BENCH_WIDE_H
#define BENCH_WIDE_H

#include "cursor.h"

static inline int hd_cursor_u64(struct hd_cursor *cursor, uint64_t *ret_value)
{
    uint32_t high;
    uint32_t low;

    if (hd_cursor_left(cursor) < 8 || hd_cursor_u32(cursor, &high) < 0 || hd_cursor_u32(cursor, &low) < 0)
        return -EBADMSG;
    *ret_value = (uint64_t)high << 32 | low;
    return 0;
}

static inline void hd_writer_u64(struct hd_writer *writer, uint64_t value)
{
    hd_writer_u32(writer, (uint32_t)(value >> 32));
    hd_writer_u32(writer, (uint32_t)value);
}

#endif
