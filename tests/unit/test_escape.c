/* SPDX-License-Identifier: MIT */
/* Nothing from outside can control a terminal. */
#include "output.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>

#define COUNT(array) (sizeof(array) / sizeof *(array))

/* A string literal with its length, so that it may contain NUL. */
#define BYTES(literal) (literal), sizeof(literal) - 1

struct row {
    const char *data;
    size_t size;
    const char *text;
};

static void check(const struct row *rows, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        char text[256];
        size_t length = text_escape((const uint8_t *)rows[i].data, rows[i].size, text, sizeof text);
        assert_string_equal(text, rows[i].text);
        assert_int_equal(length, strlen(rows[i].text));
    }
}

static void printable_text_stays_as_it_is(void **state)
{
    static const struct row rows[] = {
        { BYTES(""), "" },
        { BYTES("hello, world ~!\"'"), "hello, world ~!\"'" },
        { BYTES("gr\xc3\xbc\xc3\x9f"), "grüß" },
        { BYTES("\xe2\x82\xac \xe6\xbc\xa2"), "€ 漢" },
        { BYTES("\xf0\x9f\x93\xa1"), "📡" },
        { BYTES("\xf4\x8f\xbf\xbd"), "\xf4\x8f\xbf\xbd" }, /* U+10FFFD, the last character there is */
    };

    (void)state;
    check(rows, COUNT(rows));
}

static void controls_are_escaped(void **state)
{
    static const struct row rows[] = {
        { BYTES("a\nb\tc\rd\\e"), "a\\nb\\tc\\rd\\\\e" },
        { BYTES("\0\a\b\x1b"), "\\x00\\x07\\x08\\x1b" },
        { BYTES("\x1b]0;title\a"), "\\x1b]0;title\\x07" },
        { BYTES("\x7f"), "\\x7f" },
        { BYTES("\xc2\x9b"
                "31m"),
          "\\xc2\\x9b31m" }, /* C1: CSI as UTF-8 */
        { BYTES("\x9b"
                "31m"),
          "\\x9b31m" }, /* and as a byte */
        { BYTES("\xe2\x80\xae"
                "evil"),
          "\\xe2\\x80\\xaeevil" }, /* right-to-left override */
        { BYTES("\xe2\x81\xa6"), "\\xe2\\x81\\xa6" },
        { BYTES("\xe2\x80\xa8"), "\\xe2\\x80\\xa8" },
        { BYTES("\xef\xbb\xbf"), "\\xef\\xbb\\xbf" },
        { BYTES("\xf3\xa0\x80\x81"), "\\xf3\\xa0\\x80\\x81" },
        { BYTES("\xef\xbf\xbf"), "\\xef\\xbf\\xbf" },
    };

    (void)state;
    check(rows, COUNT(rows));
}

static void malformed_utf8_is_escaped_byte_by_byte(void **state)
{
    static const struct row rows[] = {
        { BYTES("\x80"), "\\x80" },
        { BYTES("\xff\xfe"), "\\xff\\xfe" },
        { BYTES("\xc3"), "\\xc3" }, /* cut short */
        { BYTES("\xe2\x82"), "\\xe2\\x82" },
        { BYTES("\xc3(x"), "\\xc3(x" },               /* no continuation */
        { BYTES("\xc0\x8a"), "\\xc0\\x8a" },          /* overlong newline */
        { BYTES("\xe0\x80\x9b"), "\\xe0\\x80\\x9b" }, /* overlong */
        { BYTES("\xf0\x82\x82\xac"), "\\xf0\\x82\\x82\\xac" },
        { BYTES("\xed\xa0\x80"), "\\xed\\xa0\\x80" },          /* surrogate */
        { BYTES("\xf4\x90\x80\x80"), "\\xf4\\x90\\x80\\x80" }, /* above U+10FFFF */
        { BYTES("\xf5\x80\x80\x80"), "\\xf5\\x80\\x80\\x80" },
    };

    (void)state;
    check(rows, COUNT(rows));
    for (size_t i = 0; i < COUNT(rows); i++)
        assert_false(text_is_utf8((const uint8_t *)rows[i].data, rows[i].size));
}

static void a_small_buffer_gets_whole_pieces_and_the_full_length_is_returned(void **state)
{
    static const uint8_t data[] = "ab\ncd\xc3\xbc";
    char text[16];

    (void)state;
    assert_int_equal(text_escape(data, 7, text, 1), 8);
    assert_string_equal(text, "");
    assert_int_equal(text_escape(data, 7, text, 4), 8);
    assert_string_equal(text, "ab"); /* never half an escape, nor what comes after it */
    assert_int_equal(text_escape(data, 7, text, 8), 8);
    assert_string_equal(text, "ab\\ncd"); /* nor half a character */
    assert_int_equal(text_escape(data, 7, text, 9), 8);
    assert_string_equal(text, "ab\\ncdü");
    assert_int_equal(text_escape(data, 7, NULL, 0), 8);
}

static void every_single_byte_comes_out_printable(void **state)
{
    (void)state;
    for (unsigned byte = 0; byte < 256; byte++) {
        uint8_t data = (uint8_t)byte;
        char text[8];
        text_escape(&data, 1, text, sizeof text);
        for (const char *at = text; *at != '\0'; at++)
            assert_in_range(*at, ' ', '~');
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(printable_text_stays_as_it_is),
        cmocka_unit_test(controls_are_escaped),
        cmocka_unit_test(malformed_utf8_is_escaped_byte_by_byte),
        cmocka_unit_test(a_small_buffer_gets_whole_pieces_and_the_full_length_is_returned),
        cmocka_unit_test(every_single_byte_comes_out_printable),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
