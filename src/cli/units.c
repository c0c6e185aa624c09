/* SPDX-License-Identifier: MIT */
/* Integer arithmetic only: exact, and the same in every locale. */
#include "units.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#define NS_PER_S UINT64_C(1000000000)

struct unit {
    const char *name;
    uint64_t factor;
};

static bool is_digit(char character)
{
    return character >= '0' && character <= '9';
}

/* Reads "DIGITS" or "DIGITS.DIGITS" as digits and a power of ten to divide them by. */
static int decimal_parse(const char *text, uint64_t *ret_digits, uint64_t *ret_divisor, const char **ret_rest)
{
    uint64_t digits = 0;
    uint64_t divisor = 1;
    bool after_point = false;

    if (!is_digit(*text))
        return -EINVAL;
    for (; is_digit(*text) || (*text == '.' && !after_point && is_digit(text[1])); text++) {
        if (*text == '.') {
            after_point = true;
            continue;
        }
        if (__builtin_mul_overflow(digits, UINT64_C(10), &digits) ||
            __builtin_add_overflow(digits, (uint64_t)(*text - '0'), &digits) ||
            (after_point && __builtin_mul_overflow(divisor, UINT64_C(10), &divisor)))
            return -EINVAL;
    }
    *ret_digits = digits;
    *ret_divisor = divisor;
    *ret_rest = text;
    return 0;
}

/* A fraction of a unit is rounded to the nearest whole; of the smallest unit there is none. */
static int scale(uint64_t digits, uint64_t divisor, uint64_t factor, uint64_t *ret_value)
{
    if (factor == 1 && divisor != 1)
        return -EINVAL;
    unsigned __int128 value = ((unsigned __int128)digits * factor + divisor / 2) / divisor;
    if (value > UINT64_MAX)
        return -EINVAL;
    *ret_value = (uint64_t)value;
    return 0;
}

static const struct unit *unit_find(const struct unit *units, const char *name, bool any_case)
{
    for (; units->name != NULL; units++) {
        if ((any_case ? strcasecmp(units->name, name) : strcmp(units->name, name)) == 0)
            return units;
    }
    return NULL;
}

/* A decimal number followed by one of the units. */
static int quantity_parse(const char *text, const struct unit *units, bool any_case, uint64_t *ret_value)
{
    uint64_t digits = 0;
    uint64_t divisor = 1;
    const char *rest = NULL;

    if (decimal_parse(text, &digits, &divisor, &rest) < 0)
        return -EINVAL;
    const struct unit *unit = unit_find(units, rest, any_case);
    if (unit == NULL)
        return -EINVAL;
    return scale(digits, divisor, unit->factor, ret_value);
}

int duration_parse(const char *text, uint64_t *ret_ns)
{
    static const struct unit units[] = {
        { "ns", 1 },       { "us", 1000 },         { "µs", 1000 },           { "ms", 1000000 },
        { "s", NS_PER_S }, { "m", 60 * NS_PER_S }, { "h", 3600 * NS_PER_S }, { NULL, 0 },
    };

    if (strcmp(text, "0") == 0) {
        *ret_ns = 0;
        return 0;
    }
    return quantity_parse(text, units, false, ret_ns);
}

int size_parse(const char *text, uint64_t *ret_bytes)
{
    static const struct unit units[] = {
        { "", 1 },
        { "B", 1 },
        { "K", UINT64_C(1) << 10 },
        { "KiB", UINT64_C(1) << 10 },
        { "M", UINT64_C(1) << 20 },
        { "MiB", UINT64_C(1) << 20 },
        { "G", UINT64_C(1) << 30 },
        { "GiB", UINT64_C(1) << 30 },
        { "T", UINT64_C(1) << 40 },
        { "TiB", UINT64_C(1) << 40 },
        { NULL, 0 },
    };

    return quantity_parse(text, units, true, ret_bytes);
}

int rate_parse(const char *text, struct rate *ret_rate)
{
    static const struct unit bits[] = {
        { "bit", 1 }, { "kbit", 1000 }, { "mbit", 1000000 }, { "gbit", 1000000000 }, { NULL, 0 },
    };
    static const struct unit packets[] = { { "pps", 1 }, { NULL, 0 } };
    struct rate rate = { .kind = RATE_MAX };

    if (strcmp(text, "max") != 0) {
        if (quantity_parse(text, bits, true, &rate.value) == 0)
            rate.kind = RATE_FIXED;
        else if (quantity_parse(text, packets, true, &rate.value) == 0)
            rate.kind = RATE_PACKETS;
        else
            return -EINVAL;
        if (rate.value == 0)
            return -EINVAL; /* it would never send */
    }
    *ret_rate = rate;
    return 0;
}

/* Every text is shorter than UNITS_TEXT_BYTES by far; one byte of that is left for a sign. */
enum { NUMBER_TEXT_BYTES = UNITS_TEXT_BYTES - 1 };

/*
 * Tries to write value / factor with three significant digits: 2.13, 21.3, 213.
 * @return false if that takes four digits, `limit` or more.
 */
static bool three_digits(uint64_t value, uint64_t factor, uint64_t limit, const char *unit, char *text)
{
    static const uint64_t powers[] = { 1, 10, 100 };

    for (int decimals = factor == 1 ? 0 : 2; decimals >= 0; decimals--) {
        uint64_t power = powers[decimals];
        uint64_t rounded = (uint64_t)(((unsigned __int128)value * power + factor / 2) / factor);
        if (rounded >= limit * power || (decimals > 0 && rounded >= 1000))
            continue;
        if (decimals == 0)
            snprintf(text, NUMBER_TEXT_BYTES, "%u %s", (unsigned)rounded, unit);
        else
            snprintf(text, NUMBER_TEXT_BYTES, "%u.%0*u %s", (unsigned)(rounded / power), decimals,
                     (unsigned)(rounded % power), unit);
        return true;
    }
    return false;
}

static void long_duration_format(uint64_t ns, char *text)
{
    unsigned long long seconds = (ns + NS_PER_S / 2) / NS_PER_S;

    if (seconds < 3600)
        snprintf(text, NUMBER_TEXT_BYTES, "%llu min %02llu s", seconds / 60, seconds % 60);
    else
        snprintf(text, NUMBER_TEXT_BYTES, "%llu h %02llu min", seconds / 3600, seconds % 3600 / 60);
}

const char *duration_format(int64_t ns, char text[UNITS_TEXT_BYTES])
{
    static const struct unit units[] = { { "ns", 1 }, { "µs", 1000 }, { "ms", 1000000 } };
    uint64_t value = ns < 0 ? -(uint64_t)ns : (uint64_t)ns;
    char *number = ns < 0 ? text + 1 : text;
    bool done = false;

    text[0] = '-';
    if (ns == 0) {
        snprintf(text, UNITS_TEXT_BYTES, "0 s");
        return text;
    }
    for (size_t i = 0; i < sizeof units / sizeof *units && !done; i++)
        done = three_digits(value, units[i].factor, 1000, units[i].name, number);
    if (!done && !three_digits(value, NS_PER_S, 60, "s", number))
        long_duration_format(value, number);
    return text;
}

const char *size_format(uint64_t bytes, char text[UNITS_TEXT_BYTES])
{
    static const char *const names[] = { "KiB", "MiB", "GiB", "TiB", "PiB", "EiB" };
    enum { NAME_COUNT = sizeof names / sizeof *names };

    if (bytes < 1000) {
        snprintf(text, UNITS_TEXT_BYTES, "%u B", (unsigned)bytes);
        return text;
    }
    if (bytes < 10000) {
        snprintf(text, UNITS_TEXT_BYTES, "%u,%03u B", (unsigned)(bytes / 1000), (unsigned)(bytes % 1000));
        return text;
    }
    for (unsigned i = 0; i < NAME_COUNT; i++) {
        if (three_digits(bytes, UINT64_C(1) << (10 * (i + 1)), 1024, names[i], text))
            break;
    }
    return text;
}

const char *buffer_note_format(uint64_t granted_bytes, uint64_t asked_bytes, char text[UNITS_NOTE_BYTES])
{
    char granted[UNITS_TEXT_BYTES];
    char asked[UNITS_TEXT_BYTES];

    if (granted_bytes >= asked_bytes)
        return NULL;
    (void)snprintf(text, UNITS_NOTE_BYTES, "receive buffer %s, not %s (net.core.rmem_max)",
                   size_format(granted_bytes, granted), size_format(asked_bytes, asked));
    return text;
}

const char *rate_format(double bits_per_second, char text[UNITS_TEXT_BYTES])
{
    static const struct unit units[] = {
        { "bit/s", 1 },
        { "kbit/s", 1000 },
        { "Mbit/s", 1000000 },
        { "Gbit/s", 1000000000 },
        { "Tbit/s", UINT64_C(1000000000000) },
    };
    uint64_t value = 0;

    if (bits_per_second >= 9e14)
        value = UINT64_C(900000000000000);
    else if (bits_per_second > 0) /* and not NaN */
        value = (uint64_t)(bits_per_second + 0.5);
    for (size_t i = 0; i < sizeof units / sizeof *units; i++) {
        if (three_digits(value, units[i].factor, 1000, units[i].name, text))
            break;
    }
    return text;
}
