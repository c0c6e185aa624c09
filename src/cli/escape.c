/* SPDX-License-Identifier: MIT */
/* Text from outside, made safe for a terminal. */
#include "output.h"

#include <string.h>

/*
 * Decodes one character of UTF-8 (RFC 3629: shortest form, no surrogates, at most U+10FFFF).
 * @return its length in bytes, or 0 if it is not well-formed.
 */
static size_t utf8_decode(const uint8_t *data, size_t size, uint32_t *ret_code)
{
    static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
    size_t length;
    uint32_t code;

    if (data[0] < 0x80) {
        *ret_code = data[0];
        return 1;
    }
    if (data[0] >= 0xC2 && data[0] <= 0xDF)
        length = 2;
    else if ((data[0] & 0xF0) == 0xE0)
        length = 3;
    else if (data[0] >= 0xF0 && data[0] <= 0xF4)
        length = 4;
    else
        return 0;
    if (size < length)
        return 0;
    code = data[0] & (0x7Fu >> length);
    for (size_t i = 1; i < length; i++) {
        if ((data[i] & 0xC0) != 0x80)
            return 0;
        code = code << 6 | (data[i] & 0x3Fu);
    }
    if (code < least[length] || code > 0x10FFFF || (code >= 0xD800 && code <= 0xDFFF))
        return 0;
    *ret_code = code;
    return length;
}

/* Characters that move the cursor, reorder or hide text, or are none at all. */
static bool code_is_harmful(uint32_t code)
{
    static const struct {
        uint32_t first, last;
    } harmful[] = {
        { 0x00, 0x1F },     { 0x7F, 0x9F },       /* C0, DEL, C1 */
        { 0xAD, 0xAD },                           /* soft hyphen */
        { 0x61C, 0x61C },   { 0x180E, 0x180E },   /* Arabic letter mark, Mongolian vowel separator */
        { 0x200B, 0x200B }, { 0x200E, 0x200F },   /* zero width space, left/right marks */
        { 0x2028, 0x202E }, { 0x2060, 0x206F },   /* line ends, embeddings, overrides, isolates */
        { 0xFDD0, 0xFDEF }, { 0xFEFF, 0xFEFF },   /* noncharacters, byte order mark */
        { 0xFFF9, 0xFFFB }, { 0xE0000, 0xE007F }, /* annotations, tags */
    };

    for (size_t i = 0; i < sizeof harmful / sizeof *harmful; i++) {
        if (code >= harmful[i].first && code <= harmful[i].last)
            return true;
    }
    return (code & 0xFFFE) == 0xFFFE;
}

bool text_is_utf8(const uint8_t *data, size_t data_bytes)
{
    for (size_t at = 0; at < data_bytes;) {
        uint32_t code;
        size_t length = utf8_decode(data + at, data_bytes - at, &code);
        if (length == 0)
            return false;
        at += length;
    }
    return true;
}

/* Where escaped text goes: counts everything, keeps what fits. */
struct sink {
    char *text;
    size_t size_bytes;
    size_t length;
    size_t kept;
};

/* Keeps a piece whole or not at all, so that a cut never halves a character or an escape; then keeps nothing more. */
static void sink_put(struct sink *sink, const char *piece, size_t length)
{
    if (sink->kept == sink->length && sink->kept + length < sink->size_bytes) {
        memcpy(sink->text + sink->kept, piece, length);
        sink->kept += length;
    }
    sink->length += length;
}

static void sink_put_hex(struct sink *sink, uint8_t byte)
{
    static const char digits[] = "0123456789abcdef";
    const char piece[] = { '\\', 'x', digits[byte >> 4], digits[byte & 15] };

    sink_put(sink, piece, sizeof piece);
}

/* The short escape of a byte, or NULL. */
static const char *short_escape(uint8_t byte)
{
    if (byte == '\\')
        return "\\\\";
    if (byte == '\n')
        return "\\n";
    if (byte == '\t')
        return "\\t";
    if (byte == '\r')
        return "\\r";
    return NULL;
}

size_t text_escape(const uint8_t *data, size_t data_bytes, char *ret_text, size_t size_bytes)
{
    struct sink sink = { .text = ret_text, .size_bytes = size_bytes };

    for (size_t at = 0; at < data_bytes;) {
        uint32_t code = 0;
        size_t length = utf8_decode(data + at, data_bytes - at, &code);
        const char *escape = short_escape(data[at]);
        if (escape != NULL) {
            sink_put(&sink, escape, 2);
            at++;
        } else if (length > 0 && !code_is_harmful(code)) {
            sink_put(&sink, (const char *)data + at, length);
            at += length;
        } else {
            size_t end = at + (length > 0 ? length : 1);
            for (; at < end; at++)
                sink_put_hex(&sink, data[at]);
        }
    }
    if (size_bytes > 0)
        ret_text[sink.kept] = '\0';
    return sink.length;
}
