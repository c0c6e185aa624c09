/* SPDX-License-Identifier: MIT */
/* Not wcwidth(): it needs a locale, and terminals do not agree with it. Counting too much does no harm here. */
#include "columns.h"

#include <string.h>

/* The bytes of the character at `text`, and in *ret_columns its width. A stray byte is a character of its own. */
static size_t character(const char *text, size_t *ret_columns)
{
    unsigned char first = (unsigned char)*text;
    size_t bytes = 1;

    while (((unsigned char)text[bytes] & 0xC0) == 0x80 && bytes < 4)
        bytes++;
    /* U+1100, the first that is two columns wide anywhere, begins with E1. */
    *ret_columns = first >= 0xE1 ? 2 : 1;
    return bytes;
}

size_t columns_of(const char *text)
{
    size_t columns = 0;

    while (*text != '\0') {
        size_t width;

        text += character(text, &width);
        columns += width;
    }
    return columns;
}

/* The bytes at the start of `text` that take at most `columns`, and at most `bytes_max` of them. */
static size_t fitting(const char *text, size_t columns, size_t bytes_max)
{
    size_t used = 0;
    size_t at = 0;

    while (text[at] != '\0') {
        size_t width;
        size_t bytes = character(text + at, &width);

        if (used + width > columns || at + bytes > bytes_max)
            break;
        used += width;
        at += bytes;
    }
    return at;
}

const char *columns_cut(const char *text, size_t columns, char *ret_text, size_t size_bytes)
{
    static const char mark[] = "..";
    size_t length = strlen(text);
    size_t mark_length = columns < strlen(mark) ? columns : strlen(mark);
    size_t kept;

    if (size_bytes <= strlen(mark)) {
        if (size_bytes > 0)
            ret_text[0] = '\0';
        return ret_text;
    }
    kept = fitting(text, columns, size_bytes - 1);
    if (kept < length) {
        kept = fitting(text, columns - mark_length, size_bytes - 1 - mark_length);
        memcpy(ret_text + kept, mark, mark_length);
        memcpy(ret_text, text, kept);
        kept += mark_length;
    } else {
        memcpy(ret_text, text, kept);
    }
    ret_text[kept] = '\0';
    return ret_text;
}
