/* SPDX-License-Identifier: MIT */
/* How a delivery keeps its rate, over lo in a network namespace of the test's own. */
#include "sessions.h"

/* 400 Mbit/s: a datagram of 1,400 bytes every 28 us. */
#define RATE_BYTES_PER_S UINT64_C(50000000)

enum { SIZE_BYTES = 4 << 20 };

/* To nobody, so that nothing but the rate decides. */
static struct party open_paced(void)
{
    struct herald_delivery_config send = delivery_config();

    send.silent_receivers = true;
    send.rate_bytes_per_s = RATE_BYTES_PER_S;
    return open_delivery(&send);
}

static bool is_sending(const struct party *party)
{
    struct herald_delivery_progress progress;

    herald_delivery_get_progress(party->delivery, &progress);
    return progress.phase == HERALD_DELIVERY_SENDING;
}

/* A wake-up for each datagram costs both ends more than the datagrams do. */
static void what_the_rate_allows_is_let_gather(void **state)
{
    static uint8_t bytes[SIZE_BYTES];
    struct party anna = open_paced();
    uint64_t end_ns = herald_clock_ns() + 3 * PATIENCE_NS;
    unsigned waits = 0, rests = 0;

    (void)state;
    add_bytes(&anna, "paced", bytes, sizeof(bytes));
    while (anna.result == 0) {
        uint64_t deadline_ns, after_ns;

        turn(&anna);
        deadline_ns = anna.result == 0 ? deadline_of(&anna) : 0;
        after_ns = herald_clock_ns();
        assert_true(after_ns < end_ns);
        if (deadline_ns > after_ns && is_sending(&anna)) {
            waits++;
            rests += deadline_ns >= after_ns + MS / 10;
        }
        while (herald_clock_ns() < deadline_ns && deadline_ns != HERALD_NEVER)
            ; /* poll(2) would wait for a millisecond at least */
    }
    assert_int_equal(anna.result, 1);
    assert_true(waits > 0);
    assert_true(3 * rests >= waits); /* after more than a few at once it goes on as soon as it may */
    close_party(&anna);
}

/* What gathers is sent in the end, and no sooner than the rate has it. */
static void resting_keeps_the_rate(void **state)
{
    static uint8_t bytes[SIZE_BYTES];
    struct party anna = open_paced();
    struct party *parties[] = { &anna };
    struct herald_norm_sender_statistics statistics;
    uint64_t begin_ns = herald_clock_ns();

    (void)state;
    add_bytes(&anna, "paced", bytes, sizeof(bytes));
    drive(parties, 1, NULL, NULL);
    herald_delivery_get_statistics(anna.delivery, &statistics);
    assert_true(statistics.payload_bytes >= sizeof(bytes));
    /* 10 ms are caught up at once. */
    assert_true(herald_clock_ns() - begin_ns >= sizeof(bytes) * UINT64_C(1000000000) / RATE_BYTES_PER_S - 10 * MS);
    close_party(&anna);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_the_rate_allows_is_let_gather),
        cmocka_unit_test(resting_keeps_the_rate),
    };

    return cmocka_run_group_tests(tests, enter_namespace, NULL);
}
