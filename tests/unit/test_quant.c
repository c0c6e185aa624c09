/* SPDX-License-Identifier: MIT */
#include "quant.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

enum { SAMPLES = 200000 };

/* A fixed sequence, the same in every run. */
static uint64_t next_random(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

/* Evenly over the magnitudes from 1 to limit. */
static uint64_t random_magnitude(uint64_t *state, uint64_t limit)
{
    uint64_t value = next_random(state) >> (next_random(state) % 64);

    return value % limit + 1;
}

static void rtt_bytes_have_the_values_of_rfc_5401(void **state)
{
    (void)state;
    for (unsigned q = 0; q <= UINT8_MAX; q++) {
        uint64_t ns = hd_rtt_decode_ns((uint8_t)q);
        long double exact_ns = q < 32 ? (q + 1) * 1e3L : 1e12L / expl((255 - q) / 13.0L);

        assert_true(fabsl((long double)ns - exact_ns) <= 1);
        assert_true(q == 0 || hd_rtt_decode_ns((uint8_t)(q - 1)) < ns);
        assert_int_equal(hd_rtt_encode(ns), q);
    }
}

/* RFC 5401's formula, with the reservation that a computer's logarithm is inexact where it hits a whole number. */
static void assert_rtt_follows_the_formula(uint64_t rtt_ns)
{
    long double exact = 255 - 13 * logl(1e12L / (long double)rtt_ns);
    unsigned q = hd_rtt_encode(rtt_ns);

    if (rtt_ns < 33000)
        assert_int_equal(q, rtt_ns / 1000 - 1);
    else if (fabsl(exact - roundl(exact)) > 1e-12L)
        assert_int_equal(q, (unsigned)ceill(exact));
    else
        assert_true(q == (unsigned)roundl(exact) || q == (unsigned)roundl(exact) + 1);
}

static void every_rtt_is_encoded_as_rfc_5401_computes_it(void **state)
{
    uint64_t seed = 1;

    (void)state;
    for (uint64_t rtt_ns = 1000; rtt_ns < 100000; rtt_ns++)
        assert_rtt_follows_the_formula(rtt_ns);
    for (unsigned q = 0; q <= UINT8_MAX; q++) {
        uint64_t step_ns = hd_rtt_decode_ns((uint8_t)q);

        for (uint64_t rtt_ns = step_ns - (q > 0 ? 2 : 0); rtt_ns <= step_ns + 2 && rtt_ns <= HD_RTT_MAX_NS; rtt_ns++)
            assert_rtt_follows_the_formula(rtt_ns);
    }
    for (unsigned i = 0; i < SAMPLES; i++)
        assert_rtt_follows_the_formula(random_magnitude(&seed, HD_RTT_MAX_NS - 1000) + 999);
}

static void an_rtt_beyond_the_range_is_clamped(void **state)
{
    (void)state;
    assert_int_equal(hd_rtt_encode(0), 0);
    assert_int_equal(hd_rtt_encode(999), 0);
    assert_int_equal(hd_rtt_encode(HD_RTT_MAX_NS + 1), 255);
    assert_int_equal(hd_rtt_encode(UINT64_MAX), 255);
}

static void group_sizes_are_one_and_five_of_each_power_of_ten(void **state)
{
    static const struct {
        uint8_t quantised;
        uint64_t receivers;
    } rows[] = {
        { 0x0, 10 },       { 0x8, 50 },       { 0x1, 100 },       { 0x9, 500 },
        { 0x2, 1000 },     { 0xa, 5000 },     { 0x3, 10000 },     { 0xb, 50000 },
        { 0x4, 100000 },   { 0xc, 500000 },   { 0x5, 1000000 },   { 0xd, 5000000 },
        { 0x6, 10000000 }, { 0xe, 50000000 }, { 0x7, 100000000 }, { 0xf, 500000000 },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        assert_int_equal(hd_gsize_decode(rows[i].quantised), rows[i].receivers);
        assert_int_equal(hd_gsize_decode((uint8_t)(rows[i].quantised | 0xf0)), rows[i].receivers);
        assert_int_equal(hd_gsize_encode(rows[i].receivers), rows[i].quantised);
    }
}

static void a_group_size_between_is_rounded_by_its_first_digit(void **state)
{
    static const struct {
        uint64_t receivers, rounded;
    } rows[] = {
        { 0, 10 },
        { 1, 10 },
        { 9, 10 },
        { 11, 10 },
        { 14, 10 },
        { 15, 50 },
        { 54, 50 },
        { 55, 100 },
        { 99, 100 },
        { 149, 100 },
        { 150, 500 },
        { 1000, 1000 },
        { 5499, 5000 },
        { 5500, 10000 },
        { 500000000, 500000000 },
        { 500000001, 500000000 },
        { UINT64_MAX, 500000000 },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        assert_int_equal(hd_gsize_decode(hd_gsize_encode(rows[i].receivers)), rows[i].rounded);
}

static void rates_have_the_bytes_that_nrl_sends(void **state)
{
    (void)state;
    /* NormSetTxRate(100e3) and NormSetTxRateBounds(500e3): bits per second there, bytes on the wire. */
    assert_int_equal(hd_rate_encode(100000 / 8), 0x2004);
    assert_int_equal(hd_rate_encode(500000 / 8), 0xa004);
    assert_int_equal(hd_rate_decode_bps(0x2004), 12500);
    assert_int_equal(hd_rate_decode_bps(0xa004), 62500);
}

static void a_rate_that_rounds_up_to_ten_is_carried(void **state)
{
    (void)state;
    assert_int_equal(hd_rate_encode(99999), hd_rate_encode(100000));
    assert_int_equal(hd_rate_encode(UINT64_C(9999999999999)), hd_rate_encode(UINT64_C(10000000000000)));
    assert_int_equal(hd_rate_encode(100000) & 0x0f, 5);
    /* The mantissa of one is 409.6 of 4096. */
    assert_int_equal(hd_rate_encode(100000) >> 4, 410);
}

static void a_rate_survives_within_half_a_step(void **state)
{
    uint64_t seed = 1;

    (void)state;
    for (unsigned i = 0; i < SAMPLES; i++) {
        uint64_t rate_bps = random_magnitude(&seed, HD_RATE_MAX_BPS);
        uint64_t decoded_bps = hd_rate_decode_bps(hd_rate_encode(rate_bps));
        uint64_t error_bps = decoded_bps > rate_bps ? decoded_bps - rate_bps : rate_bps - decoded_bps;

        /* The mantissa is at least 409 of a step each; where it was carried, the step is ten times as large. */
        assert_true(error_bps <= rate_bps / 800 + 1);
    }
}

static void every_normal_rate_is_encoded_as_itself(void **state)
{
    (void)state;
    /* With less than four digits, steps are finer than one byte per second. */
    for (unsigned exponent = 4; exponent <= 15; exponent++) {
        for (unsigned mantissa = 410; mantissa <= 4095; mantissa++) {
            uint16_t quantised = (uint16_t)(mantissa << 4 | exponent);

            assert_int_equal(hd_rate_encode(hd_rate_decode_bps(quantised)), quantised);
        }
    }
}

static void the_ends_of_the_rates(void **state)
{
    (void)state;
    assert_int_equal(hd_rate_decode_bps(hd_rate_encode(0)), 0);
    assert_int_equal(hd_rate_decode_bps(hd_rate_encode(1)), 1);
    assert_int_equal(hd_rate_encode(HD_RATE_MAX_BPS), 0xffff);
    assert_int_equal(hd_rate_encode(UINT64_MAX), 0xffff);
    assert_int_equal(hd_rate_decode_bps(0xffff), HD_RATE_MAX_BPS);
}

static void loss_fractions_of_16_bits_are_encoded_as_themselves(void **state)
{
    (void)state;
    for (uint32_t quantised = 0; quantised <= UINT16_MAX; quantised++)
        assert_int_equal(hd_loss_encode(hd_loss_decode((uint16_t)quantised)), quantised);
    assert_int_equal(hd_loss_decode(0), 0);
    assert_int_equal(hd_loss_decode(UINT16_MAX), HD_LOSS_ALL);
}

static void loss_fractions_are_rounded_to_the_nearest(void **state)
{
    (void)state;
    assert_int_equal(hd_loss_encode(HD_LOSS_ALL / 2), UINT16_MAX / 2);
    assert_int_equal(hd_loss_encode(65537 / 2), 0);
    assert_int_equal(hd_loss_encode(65537 / 2 + 1), 1);
    assert_int_equal(hd_loss_encode(HD_LOSS_ALL), UINT16_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rtt_bytes_have_the_values_of_rfc_5401),
        cmocka_unit_test(every_rtt_is_encoded_as_rfc_5401_computes_it),
        cmocka_unit_test(an_rtt_beyond_the_range_is_clamped),
        cmocka_unit_test(group_sizes_are_one_and_five_of_each_power_of_ten),
        cmocka_unit_test(a_group_size_between_is_rounded_by_its_first_digit),
        cmocka_unit_test(rates_have_the_bytes_that_nrl_sends),
        cmocka_unit_test(a_rate_that_rounds_up_to_ten_is_carried),
        cmocka_unit_test(a_rate_survives_within_half_a_step),
        cmocka_unit_test(every_normal_rate_is_encoded_as_itself),
        cmocka_unit_test(the_ends_of_the_rates),
        cmocka_unit_test(loss_fractions_of_16_bits_are_encoded_as_themselves),
        cmocka_unit_test(loss_fractions_are_rounded_to_the_nearest),
    };

    return cmocka_run_group_tests_name("quant", tests, NULL, NULL);
}
