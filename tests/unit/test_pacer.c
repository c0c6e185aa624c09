/* SPDX-License-Identifier: MIT */
/* Pacing in integers: the rate in the long run, the burst at once, the pause after a run. */
#include "pacer.h"
#include "random.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#define US UINT64_C(1000)
#define MS UINT64_C(1000000)
#define S  UINT64_C(1000000000)

/* Sends as long as the pacer lets it. @return how many datagrams. */
static uint64_t drain(struct hd_pacer *pacer, size_t size_bytes, uint64_t now_ns)
{
    uint64_t datagrams = 0;

    while (hd_pacer_ready(pacer, now_ns)) {
        hd_pacer_sent(pacer, size_bytes, now_ns);
        datagrams++;
        assert_true(datagrams < 1000000);
    }
    assert_true(hd_pacer_next_ns(pacer) > now_ns);
    return datagrams;
}

struct row {
    uint64_t rate_bytes_per_s;
    uint64_t burst_ns;
    uint32_t burst_datagrams;
    size_t size_bytes;
    uint64_t wakeups;
};

static const struct row rows[] = {
    { 1, 200 * US, 64, 1400, 50 },              /* one datagram in 23 minutes */
    { 1000, 200 * US, 64, 1, 5000 },            /* datagrams of a byte */
    { 125000, 200 * US, 64, 1400, 5000 },       /* 1 Mbit/s: one at a time */
    { 125000000, 200 * US, 64, 1400, 20000 },   /* 1 Gbit/s: bursts of 18 */
    { 125000000, 10 * MS, 64, 1400, 20000 },    /* the run ends the burst, not the credit */
    { 12500000000, 200 * US, 64, 1400, 20000 }, /* 100 Gbit/s */
    { 12500000000, 1 * S, 64, 65507, 20000 },   /* the deepest credit */
    { 999999937, 100 * US, 7, 1399, 20000 },    /* nothing divides anything */
    { 1000000, 0, 1, 1400, 5000 },              /* no burst at all */
};
enum { ROWS = sizeof(rows) / sizeof(rows[0]) };

/* A loop that wakes up exactly when it asked to keeps the rate to the byte. */
static void the_rate_is_exact_in_the_long_run(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS; i++) {
        const struct row *row = &rows[i];
        uint64_t start_ns = 5 * S, now_ns = start_ns, bytes = 0;
        struct hd_pacer pacer;

        hd_pacer_init(&pacer, row->rate_bytes_per_s, row->burst_ns, row->burst_datagrams, now_ns);
        for (uint64_t wakeup = 0; wakeup < row->wakeups; wakeup++) {
            bytes += drain(&pacer, row->size_bytes, now_ns) * row->size_bytes;
            now_ns = hd_pacer_next_ns(&pacer);
        }
        /* What was sent by then: the rate, the burst it began with, and the datagram that crosses the line. */
        unsigned __int128 earned = (unsigned __int128)row->rate_bytes_per_s * (now_ns - start_ns + row->burst_ns) / S;

        assert_true(bytes <= earned + row->size_bytes);
        assert_true(bytes + (uint64_t)row->burst_datagrams * row->size_bytes + row->size_bytes +
                        row->rate_bytes_per_s * row->burst_ns / S >=
                    earned);
    }
}

/* Over any interval: no more than the rate allows and the burst; and no more datagrams at once than the limit. */
static void a_late_loop_never_exceeds_the_burst(void **state)
{
    struct hd_random random;

    (void)state;
    hd_random_init(&random, 31);
    for (size_t i = 0; i < ROWS; i++) {
        const struct row *row = &rows[i];
        uint64_t now_ns = S, bytes = 0;
        __int128 lowest = 0; /* of what was sent less what the rate allows: the excess is above it */
        struct hd_pacer pacer;

        hd_pacer_init(&pacer, row->rate_bytes_per_s, row->burst_ns, row->burst_datagrams, now_ns);
        for (uint64_t wakeup = 0; wakeup < 2000; wakeup++) {
            __int128 before = (__int128)bytes * S - (__int128)row->rate_bytes_per_s * (now_ns - S);
            uint64_t datagrams = drain(&pacer, row->size_bytes, now_ns);
            __int128 after = before + (__int128)(datagrams * row->size_bytes) * S;

            lowest = before < lowest ? before : lowest;
            assert_true(datagrams <= row->burst_datagrams);
            assert_true(after - lowest <=
                        (__int128)row->rate_bytes_per_s * row->burst_ns + (__int128)row->size_bytes * S);
            bytes += datagrams * row->size_bytes;
            now_ns = hd_pacer_next_ns(&pacer) + hd_random_below(&random, 2 * row->burst_ns + 1);
        }
    }
}

/* Late by less than the burst: what was missed is made up for. */
static void a_loop_that_is_a_little_late_keeps_the_rate(void **state)
{
    uint64_t now_ns = 0, bytes = 0;
    struct hd_random random;
    struct hd_pacer pacer;

    (void)state;
    hd_random_init(&random, 32);
    hd_pacer_init(&pacer, 1250000000, 200 * US, 64, now_ns);
    while (now_ns < S) {
        bytes += drain(&pacer, 1400, now_ns) * 1400;
        now_ns = hd_pacer_next_ns(&pacer) + hd_random_below(&random, 30 * US);
    }
    assert_in_range(bytes, 1249000000, 1251000000);
}

static void a_full_run_of_datagrams_is_followed_by_a_pause(void **state)
{
    struct hd_pacer pacer;

    (void)state;
    /* 1000 bytes a microsecond, and credit for 1000 datagrams. */
    hd_pacer_init(&pacer, 1000000000, 1 * MS, 10, 0);
    assert_int_equal(drain(&pacer, 1000, 0), 10);
    assert_int_equal(hd_pacer_next_ns(&pacer), 5 * US); /* 10 us worth, at twice the rate */
    assert_false(hd_pacer_ready(&pacer, 5 * US - 1));
    assert_int_equal(drain(&pacer, 1000, 5 * US), 10);
}

static void credit_does_not_grow_while_nothing_is_sent(void **state)
{
    struct hd_pacer pacer;

    (void)state;
    hd_pacer_init(&pacer, 1000000, 10 * MS, 64, 0);
    assert_int_equal(drain(&pacer, 1000, 0), 11); /* 10 ms worth, and the one that crosses the line */
    assert_int_equal(drain(&pacer, 1000, 100000 * S), 11);
    assert_int_equal(drain(&pacer, 1000, UINT64_MAX / 2), 11);
}

/* What could not wait is paid for afterwards. */
static void debt_is_paid_before_anything_else_leaves(void **state)
{
    struct hd_pacer pacer;

    (void)state;
    hd_pacer_init(&pacer, 1000000, 0, 64, 0);
    for (int i = 0; i < 5; i++)
        hd_pacer_sent(&pacer, 1000, 0);
    assert_false(hd_pacer_ready(&pacer, 5 * MS - 1));
    assert_int_equal(hd_pacer_next_ns(&pacer), 5 * MS);
    assert_true(hd_pacer_ready(&pacer, 5 * MS));
}

static void a_new_rate_counts_from_its_own_time_on(void **state)
{
    struct hd_pacer pacer;

    (void)state;
    hd_pacer_init(&pacer, 1000, 0, 64, 0);
    hd_pacer_sent(&pacer, 1000, 0); /* a second's worth */
    hd_pacer_set_rate(&pacer, 1000000, 500 * MS);
    assert_int_equal(hd_pacer_next_ns(&pacer), 500 * MS + 500 * US);
    hd_pacer_set_rate(&pacer, 0, 500 * MS); /* taken as 1 */
    assert_int_equal(hd_pacer_next_ns(&pacer), 500 * MS + 500 * S);
    hd_pacer_set_rate(&pacer, UINT64_MAX, 500 * MS); /* taken as the maximum */
    assert_int_equal(hd_pacer_next_ns(&pacer), 500 * MS + 40);
}

static void a_lower_rate_takes_the_credit_that_is_too_much(void **state)
{
    struct hd_pacer pacer;

    (void)state;
    hd_pacer_init(&pacer, 1000000000, 1 * MS, 1000, 0);
    hd_pacer_set_rate(&pacer, 1000000, 0);
    assert_int_equal(drain(&pacer, 500, 0), 3); /* 1000 bytes of credit: sent at 1000, at 500, and at 0 */
}

/* Millions of changes leave no rounding behind: the credit is what the rates' sum says. */
static void rates_that_change_for_days_leave_no_drift(void **state)
{
    uint64_t now_ns = 0, bytes = 0;
    unsigned __int128 earned = 0;
    struct hd_random random;
    struct hd_pacer pacer;

    (void)state;
    hd_random_init(&random, 33);
    hd_pacer_init(&pacer, 1000, 0, 64, now_ns);
    for (int i = 0; i < 300000; i++) {
        uint64_t then_ns = now_ns;

        bytes += drain(&pacer, 1, now_ns);
        now_ns = hd_pacer_next_ns(&pacer);
        earned += (unsigned __int128)pacer.rate_bytes_per_s * (now_ns - then_ns);
        hd_pacer_set_rate(&pacer, 1 + hd_random_below(&random, 100), now_ns);
    }
    assert_true(now_ns > 7200 * S);
    /* The last wake-up's byte is not sent yet. Rounding up to a nanosecond gives away a rate's part of one each. */
    assert_true((unsigned __int128)bytes * S <= earned);
    assert_true(earned - (unsigned __int128)bytes * S < (unsigned __int128)300000 * 100);
}

static void absurd_sizes_do_not_overflow(void **state)
{
    struct hd_pacer pacer;

    (void)state;
    hd_pacer_init(&pacer, 1, UINT64_MAX, 0, 0);
    for (int i = 0; i < 100; i++)
        hd_pacer_sent(&pacer, SIZE_MAX, 0);
    assert_false(hd_pacer_ready(&pacer, S));
    assert_true(hd_pacer_next_ns(&pacer) > S);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_rate_is_exact_in_the_long_run),
        cmocka_unit_test(a_late_loop_never_exceeds_the_burst),
        cmocka_unit_test(a_loop_that_is_a_little_late_keeps_the_rate),
        cmocka_unit_test(a_full_run_of_datagrams_is_followed_by_a_pause),
        cmocka_unit_test(credit_does_not_grow_while_nothing_is_sent),
        cmocka_unit_test(debt_is_paid_before_anything_else_leaves),
        cmocka_unit_test(a_new_rate_counts_from_its_own_time_on),
        cmocka_unit_test(a_lower_rate_takes_the_credit_that_is_too_much),
        cmocka_unit_test(rates_that_change_for_days_leave_no_drift),
        cmocka_unit_test(absurd_sizes_do_not_overflow),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
