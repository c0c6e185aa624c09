/* SPDX-License-Identifier: MIT */
/*
 * The only code that touches packet bytes: a reader and a writer that check every bound. All integers are big-endian.
 *
 * Reading fails with -EBADMSG, and leaves cursor and result untouched. Writing past the end sets a sticky flag, after
 * which nothing more is written: a whole message is composed first, and the flag looked at once.
 */
#ifndef HD_CURSOR_H
#define HD_CURSOR_H

#include <assert.h>
#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* Unread bytes, borrowed: from at until before end. */
struct hd_cursor {
    const uint8_t *at;
    const uint8_t *end;
};

/* Invariant: start <= at <= end. After an overflow end == at, so that one comparison guards every write. */
struct hd_writer {
    uint8_t *start;
    uint8_t *at;
    uint8_t *end;
    bool overflow;
};

/* --- bytes, at addresses whose bounds were checked --- */

static inline uint16_t hd_load_u16(const uint8_t *at)
{
    return (uint16_t)(at[0] << 8 | at[1]);
}

static inline uint32_t hd_load_u24(const uint8_t *at)
{
    return (uint32_t)at[0] << 16 | (uint32_t)at[1] << 8 | at[2];
}

static inline uint32_t hd_load_u32(const uint8_t *at)
{
    return (uint32_t)at[0] << 24 | hd_load_u24(at + 1);
}

static inline void hd_store_u16(uint8_t *at, uint16_t value)
{
    at[0] = (uint8_t)(value >> 8);
    at[1] = (uint8_t)value;
}

static inline void hd_store_u24(uint8_t *at, uint32_t value)
{
    at[0] = (uint8_t)(value >> 16);
    at[1] = (uint8_t)(value >> 8);
    at[2] = (uint8_t)value;
}

static inline void hd_store_u32(uint8_t *at, uint32_t value)
{
    at[0] = (uint8_t)(value >> 24);
    at[1] = (uint8_t)(value >> 16);
    at[2] = (uint8_t)(value >> 8);
    at[3] = (uint8_t)value;
}

/* --- reader --- */

static inline struct hd_cursor hd_cursor_over(const uint8_t *bytes, size_t size_bytes)
{
    /* The arithmetic of NULL + 0 is spared: an empty span may have no address. */
    return (struct hd_cursor){ .at = bytes, .end = size_bytes > 0 ? bytes + size_bytes : bytes };
}

static inline size_t hd_cursor_left(const struct hd_cursor *cursor)
{
    return (size_t)(cursor->end - cursor->at);
}

static inline int hd_cursor_u8(struct hd_cursor *cursor, uint8_t *ret_value)
{
    if (hd_cursor_left(cursor) < 1)
        return -EBADMSG;
    *ret_value = *cursor->at++;
    return 0;
}

static inline int hd_cursor_u16(struct hd_cursor *cursor, uint16_t *ret_value)
{
    if (hd_cursor_left(cursor) < 2)
        return -EBADMSG;
    *ret_value = hd_load_u16(cursor->at);
    cursor->at += 2;
    return 0;
}

static inline int hd_cursor_u24(struct hd_cursor *cursor, uint32_t *ret_value)
{
    if (hd_cursor_left(cursor) < 3)
        return -EBADMSG;
    *ret_value = hd_load_u24(cursor->at);
    cursor->at += 3;
    return 0;
}

static inline int hd_cursor_u32(struct hd_cursor *cursor, uint32_t *ret_value)
{
    if (hd_cursor_left(cursor) < 4)
        return -EBADMSG;
    *ret_value = hd_load_u32(cursor->at);
    cursor->at += 4;
    return 0;
}

static inline int hd_cursor_u48(struct hd_cursor *cursor, uint64_t *ret_value)
{
    if (hd_cursor_left(cursor) < 6)
        return -EBADMSG;
    *ret_value = (uint64_t)hd_load_u16(cursor->at) << 32 | hd_load_u32(cursor->at + 2);
    cursor->at += 6;
    return 0;
}

static inline int hd_cursor_skip(struct hd_cursor *cursor, size_t size_bytes)
{
    if (hd_cursor_left(cursor) < size_bytes)
        return -EBADMSG;
    if (size_bytes > 0) /* an empty cursor may stand nowhere, and NULL + 0 is undefined in C */
        cursor->at += size_bytes;
    return 0;
}

/* Copies size_bytes out of the packet. */
static inline int hd_cursor_bytes(struct hd_cursor *cursor, uint8_t *ret_bytes, size_t size_bytes)
{
    const uint8_t *at = cursor->at;

    if (hd_cursor_skip(cursor, size_bytes) < 0)
        return -EBADMSG;
    if (size_bytes > 0)
        memcpy(ret_bytes, at, size_bytes);
    return 0;
}

/* Splits off the next size_bytes as a cursor of their own, without copying. */
static inline int hd_cursor_sub(struct hd_cursor *cursor, size_t size_bytes, struct hd_cursor *ret_sub)
{
    const uint8_t *at = cursor->at;

    if (hd_cursor_skip(cursor, size_bytes) < 0)
        return -EBADMSG;
    *ret_sub = (struct hd_cursor){ .at = at, .end = cursor->at };
    return 0;
}

/* --- writer --- */

static inline struct hd_writer hd_writer_over(uint8_t *bytes, size_t size_bytes)
{
    return (struct hd_writer){ .start = bytes, .at = bytes, .end = bytes + size_bytes };
}

static inline size_t hd_writer_left(const struct hd_writer *writer)
{
    return (size_t)(writer->end - writer->at);
}

/* Bytes written so far. */
static inline size_t hd_writer_size(const struct hd_writer *writer)
{
    return (size_t)(writer->at - writer->start);
}

/* From here on at most left_bytes more: a list that must not outgrow a segment. */
static inline void hd_writer_limit(struct hd_writer *writer, size_t left_bytes)
{
    if (left_bytes < hd_writer_left(writer))
        writer->end = writer->at + left_bytes;
}

/* Room for size_bytes, to be filled by the caller; NULL when there is none. Several fields for one check. */
static inline uint8_t *hd_writer_claim(struct hd_writer *writer, size_t size_bytes)
{
    uint8_t *at = writer->at;

    if (__builtin_expect(hd_writer_left(writer) < size_bytes, 0)) {
        writer->overflow = true;
        writer->end = writer->at;
        return NULL;
    }
    writer->at += size_bytes;
    return at;
}

static inline void hd_writer_u8(struct hd_writer *writer, uint8_t value)
{
    uint8_t *at = hd_writer_claim(writer, 1);

    if (at)
        *at = value;
}

static inline void hd_writer_u16(struct hd_writer *writer, uint16_t value)
{
    uint8_t *at = hd_writer_claim(writer, 2);

    if (at)
        hd_store_u16(at, value);
}

static inline void hd_writer_u24(struct hd_writer *writer, uint32_t value)
{
    uint8_t *at = hd_writer_claim(writer, 3);

    if (at)
        hd_store_u24(at, value);
}

static inline void hd_writer_u32(struct hd_writer *writer, uint32_t value)
{
    uint8_t *at = hd_writer_claim(writer, 4);

    if (at)
        hd_store_u32(at, value);
}

static inline void hd_writer_u48(struct hd_writer *writer, uint64_t value)
{
    uint8_t *at = hd_writer_claim(writer, 6);

    if (at) {
        hd_store_u16(at, (uint16_t)(value >> 32));
        hd_store_u32(at + 2, (uint32_t)value);
    }
}

static inline void hd_writer_bytes(struct hd_writer *writer, const uint8_t *bytes, size_t size_bytes)
{
    uint8_t *at = hd_writer_claim(writer, size_bytes);

    if (at && size_bytes > 0)
        memcpy(at, bytes, size_bytes);
}

static inline void hd_writer_zero(struct hd_writer *writer, size_t size_bytes)
{
    uint8_t *at = hd_writer_claim(writer, size_bytes);

    if (at && size_bytes > 0)
        memset(at, 0, size_bytes);
}

/* Leaves size_bytes of zeros, to be patched once their value is known. @return their offset from start. */
static inline size_t hd_writer_reserve(struct hd_writer *writer, size_t size_bytes)
{
    size_t offset_bytes = hd_writer_size(writer);

    hd_writer_zero(writer, size_bytes);
    return offset_bytes;
}

/* Patching is for what was written; after an overflow it does nothing, for the place may never have existed. */
static inline void hd_writer_patch_u8(struct hd_writer *writer, size_t offset_bytes, uint8_t value)
{
    if (writer->overflow)
        return;
    assert(offset_bytes + 1 <= hd_writer_size(writer));
    writer->start[offset_bytes] = value;
}

static inline void hd_writer_patch_u16(struct hd_writer *writer, size_t offset_bytes, uint16_t value)
{
    if (writer->overflow)
        return;
    assert(offset_bytes + 2 <= hd_writer_size(writer));
    hd_store_u16(writer->start + offset_bytes, value);
}

#endif
