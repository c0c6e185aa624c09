/* SPDX-License-Identifier: MIT */
/* Durations, sizes and rates: what is taken, what is refused, how they are printed. */
#include "units.h"

#include <errno.h>
#include <locale.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <cmocka.h>

#define COUNT(array) (sizeof(array) / sizeof *(array))
#define S            UINT64_C(1000000000)

struct quantity {
    const char *text;
    uint64_t value;
};

static void check_good(const struct quantity *rows, size_t count, int (*parse)(const char *, uint64_t *))
{
    for (size_t i = 0; i < count; i++) {
        uint64_t value = 12345;
        if (parse(rows[i].text, &value) != 0)
            fail_msg("'%s' was refused", rows[i].text);
        if (value != rows[i].value)
            fail_msg("'%s' gave %llu", rows[i].text, (unsigned long long)value);
    }
}

static void check_bad(const char *const *rows, size_t count, int (*parse)(const char *, uint64_t *))
{
    for (size_t i = 0; i < count; i++) {
        uint64_t value = 12345;
        if (parse(rows[i], &value) != -EINVAL)
            fail_msg("'%s' was taken as %llu", rows[i], (unsigned long long)value);
        if (value != 12345)
            fail_msg("'%s' was refused but changed the result", rows[i]);
    }
}

static void durations_are_read_exactly(void **state)
{
    static const struct quantity rows[] = {
        { "0", 0 },
        { "0s", 0 },
        { "10ns", 10 },
        { "250us", 250000 },
        { "250µs", 250000 },
        { "200ms", 200000000 },
        { "5s", 5 * S },
        { "1.5s", 1500000000 },
        { "0.1s", 100000000 },
        { "0.3ms", 300000 },
        { "0.0000000006s", 1 },
        { "0.0000000004s", 0 },
        { "2m", 120 * S },
        { "1h", 3600 * S },
        { "1.5h", 5400 * S },
        { "007s", 7 * S },
        { "9007199254740993ns", 9007199254740993 }, /* a double would lose the last digit */
        { "18446744073709551615ns", UINT64_MAX },
        { "18446744073.709551615s", UINT64_MAX },
    };

    (void)state;
    check_good(rows, COUNT(rows), duration_parse);
}

static void bad_durations_are_refused(void **state)
{
    static const char *const rows[] = {
        "",
        " ",
        "s",
        "5",
        "5 s",
        " 5s",
        "5s ",
        "5S",
        "5sec",
        "-5s",
        "+5s",
        ".5s",
        "5.s",
        "1..5s",
        "1.5.5s",
        "1,5s",
        "1e3s",
        "0x5s",
        "1.5ns",
        "5d",
        "infs",
        "nans",
        "-0",
        "00",
        "5s5ms",
        "18446744073709551616ns",
        "18446744074s",
        "99999999999999999999999s",
        "1.00000000000000000000000s",
        "5124096h",
    };

    (void)state;
    check_bad(rows, COUNT(rows), duration_parse);
}

static void sizes_are_read_exactly(void **state)
{
    static const struct quantity rows[] = {
        { "0", 0 },
        { "1472", 1472 },
        { "1472B", 1472 },
        { "64K", 65536 },
        { "64k", 65536 },
        { "64KiB", 65536 },
        { "64kib", 65536 },
        { "1.5M", 1572864 },
        { "1G", 1073741824 },
        { "1T", UINT64_C(1099511627776) },
        { "0.5K", 512 },
        { "1.3K", 1331 },
        { "18446744073709551615", UINT64_MAX },
    };

    (void)state;
    check_good(rows, COUNT(rows), size_parse);
}

static void bad_sizes_are_refused(void **state)
{
    static const char *const rows[] = {
        "",          "K",   "1.5", "-1",   "+1",  "1 K", "64KB",
        "64Kib64",   "1P",  "1e6", "0x10", "abc", "1K ", "18446744073709551616",
        "16777216T", "1.K", ".5K",
    };

    (void)state;
    check_bad(rows, COUNT(rows), size_parse);
}

static void rates_are_read(void **state)
{
    static const struct {
        const char *text;
        struct rate rate;
    } rows[] = {
        { "100mbit", { RATE_FIXED, 100000000 } },
        { "2.5gbit", { RATE_FIXED, 2500000000 } },
        { "800kbit", { RATE_FIXED, 800000 } },
        { "9600bit", { RATE_FIXED, 9600 } },
        { "1Mbit", { RATE_FIXED, 1000000 } },
        { "5000pps", { RATE_PACKETS, 5000 } },
        { "max", { RATE_MAX, 0 } },
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct rate rate = { .kind = RATE_NONE };
        assert_int_equal(rate_parse(rows[i].text, &rate), 0);
        assert_int_equal(rate.kind, rows[i].rate.kind);
        assert_int_equal(rate.value, rows[i].rate.value);
    }
}

static void bad_rates_are_refused(void **state)
{
    static const char *const rows[] = {
        "",     "100",  "mbit",    "100mb",     "100 mbit", "-1mbit", "1.5bit",   "1.5pps",
        "0bit", "0pps", "maximum", "100mbit/s", "MAX",      "auto",   "0.1 gbit", "99999999999999999999gbit",
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct rate rate = { .kind = RATE_NONE, .value = 7 };
        if (rate_parse(rows[i], &rate) != -EINVAL)
            fail_msg("'%s' was taken", rows[i]);
        assert_int_equal(rate.kind, RATE_NONE);
        assert_int_equal(rate.value, 7);
    }
}

static void durations_print_three_digits(void **state)
{
    static const struct {
        int64_t ns;
        const char *text;
    } rows[] = {
        { 0, "0 s" },
        { 1, "1 ns" },
        { 999, "999 ns" },
        { 1000, "1.00 µs" },
        { 1004, "1.00 µs" },
        { 1005, "1.01 µs" },
        { 9994, "9.99 µs" },
        { 9995, "10.0 µs" },
        { 21349, "21.3 µs" },
        { 99949, "99.9 µs" },
        { 99950, "100 µs" },
        { 213000, "213 µs" },
        { 999499, "999 µs" },
        { 999500, "1.00 ms" },
        { 1500000, "1.50 ms" },
        { 500000000, "500 ms" },
        { 999500000, "1.00 s" },
        { 2000000000, "2.00 s" },
        { 59940000000, "59.9 s" },
        { 59950000000, "1 min 00 s" },
        { 90000000000, "1 min 30 s" },
        { 3599600000000, "1 h 00 min" },
        { 3600000000000, "1 h 00 min" },
        { 93784000000000, "26 h 03 min" },
        { INT64_MAX, "2562047 h 47 min" },
        { -213000, "-213 µs" },
        { -1, "-1 ns" },
        { INT64_MIN, "-2562047 h 47 min" },
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        char text[UNITS_TEXT_BYTES];
        assert_string_equal(duration_format(rows[i].ns, text), rows[i].text);
    }
}

static void sizes_print_in_powers_of_1024(void **state)
{
    static const struct {
        uint64_t bytes;
        const char *text;
    } rows[] = {
        { 0, "0 B" },
        { 5, "5 B" },
        { 999, "999 B" },
        { 1472, "1,472 B" },
        { 1005, "1,005 B" },
        { 9999, "9,999 B" },
        { 10000, "9.77 KiB" },
        { 65536, "64.0 KiB" },
        { 1047552, "1023 KiB" },
        { 1048575, "1.00 MiB" },
        { 1048576, "1.00 MiB" },
        { 16777216, "16.0 MiB" },
        { 1073741824, "1.00 GiB" },
        { UINT64_MAX, "16.0 EiB" },
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        char text[UNITS_TEXT_BYTES];
        assert_string_equal(size_format(rows[i].bytes, text), rows[i].text);
    }
}

static void rates_print_in_powers_of_1000(void **state)
{
    static const struct {
        double bps;
        const char *text;
    } rows[] = {
        { 0, "0 bit/s" },         { 9600, "9.60 kbit/s" },    { 98.3e6, "98.3 Mbit/s" },
        { 2.5e9, "2.50 Gbit/s" }, { 999.6e6, "1.00 Gbit/s" }, { 1e12, "1.00 Tbit/s" },
        { 1e300, "900 Tbit/s" },  { -5, "0 bit/s" },          { (double)NAN, "0 bit/s" },
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        char text[UNITS_TEXT_BYTES];
        assert_string_equal(rate_format(rows[i].bps, text), rows[i].text);
    }
}

static void no_locale_changes_the_decimal_point(void **state)
{
    static const char *const comma_locales[] = { "de_DE.UTF-8", "fr_FR.UTF-8", "de_DE", "fr_FR" };
    char text[UNITS_TEXT_BYTES];
    uint64_t value = 0;
    bool found = false;

    (void)state;
    for (size_t i = 0; i < COUNT(comma_locales) && !found; i++)
        found = setlocale(LC_ALL, comma_locales[i]) != NULL;
    assert_string_equal(duration_format(1500000, text), "1.50 ms");
    assert_int_equal(duration_parse("1.5s", &value), 0);
    assert_int_equal(duration_parse("1,5s", &value), -EINVAL);
    setlocale(LC_ALL, "C");
}

static void a_buffer_that_was_made_smaller_is_told(void **state)
{
    char text[UNITS_NOTE_BYTES];

    (void)state;
    assert_null(buffer_note_format(4096, 4096, text));
    assert_null(buffer_note_format(4097, 4096, text));
    assert_string_equal(buffer_note_format(212992, 4194304, text),
                        "receive buffer 208 KiB, not 4.00 MiB (net.core.rmem_max)");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(durations_are_read_exactly),
        cmocka_unit_test(bad_durations_are_refused),
        cmocka_unit_test(sizes_are_read_exactly),
        cmocka_unit_test(bad_sizes_are_refused),
        cmocka_unit_test(rates_are_read),
        cmocka_unit_test(bad_rates_are_refused),
        cmocka_unit_test(durations_print_three_digits),
        cmocka_unit_test(sizes_print_in_powers_of_1024),
        cmocka_unit_test(rates_print_in_powers_of_1000),
        cmocka_unit_test(a_buffer_that_was_made_smaller_is_told),
        cmocka_unit_test(no_locale_changes_the_decimal_point),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
