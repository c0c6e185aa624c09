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

/* ---- small objects --------------------------------------------------------------------------- */

enum { SMALL_OBJECTS = 5000 };

/* The transport keeps 250 objects, as long as receivers might ask for them, unless these say that they have them. */
static void small_objects_make_room_as_they_are_acknowledged(void **state)
{
    static const uint8_t bytes[16];
    struct herald_delivery_config send = delivery_config();
    struct herald_inbox_config receive = inbox_config(HERALD_INBOX_MEMORY);
    struct party anna, bob;
    struct party *parties[] = { &anna, &bob };
    struct herald_norm_sender_statistics statistics;

    (void)state;
    send.expect_count = 1;
    receive.count = SMALL_OBJECTS;
    anna = open_delivery(&send);
    bob = open_inbox(&receive);
    for (int i = 0; i < SMALL_OBJECTS; i++) {
        char name[16];

        snprintf(name, sizeof(name), "small-%d", i);
        add_bytes(&anna, name, bytes, sizeof(bytes));
    }
    drive(parties, 2, NULL, NULL);
    assert_int_equal(bob.told[HERALD_INBOX_DONE], SMALL_OBJECTS);
    herald_delivery_get_statistics(anna.delivery, &statistics);
    /* More than answers to probes and questions. */
    assert_true(statistics.acks > statistics.cc_probes + statistics.ack_requests);
    close_party(&anna);
    close_party(&bob);
}

/* ---- a receiver that was stopped ------------------------------------------------------------- */

/* What is looked at while parties are driven. */
struct watch {
    const struct party *anna;
    uint64_t until_ns;     /* 0: to the end */
    uint64_t most_grtt_ns; /* since `until_ns` was last set */
};

static bool is_late_or_over(void *user)
{
    struct watch *watch = user;
    struct herald_norm_sender_statistics statistics;

    herald_delivery_get_statistics(watch->anna->delivery, &statistics);
    if (statistics.grtt_ns > watch->most_grtt_ns)
        watch->most_grtt_ns = statistics.grtt_ns;
    return watch->until_ns > 0 ? herald_clock_ns() >= watch->until_ns : watch->anna->result == 1;
}

/* Its buffer has overflowed: what it answers first was asked long ago. If the group's round trip time were as long, all
   repairs would wait by that. */
static void a_receiver_that_was_stopped_is_not_far_away(void **state)
{
    static uint8_t bytes[6 * SIZE_BYTES];
    struct herald_delivery_config send = delivery_config();
    struct herald_inbox_config keep = inbox_config(HERALD_INBOX_MEMORY);
    struct party anna, bob, cara;
    struct party *all[] = { &anna, &bob, &cara };
    struct party *others[] = { &anna, &bob };
    struct watch watch = { .anna = &anna };

    (void)state;
    send.rate_bytes_per_s = 8000000; /* for 3 s: the newest of 2 s is not in its buffer any more */
    send.expect_count = 2;
    anna = open_delivery(&send);
    bob = open_inbox(&keep);
    cara = open_inbox(&keep);
    add_bytes(&anna, "paced", bytes, sizeof(bytes));
    while (!is_sending(&anna)) {
        watch.until_ns = herald_clock_ns() + 10 * MS;
        drive(all, 3, is_late_or_over, &watch);
    }
    watch.until_ns = herald_clock_ns() + 2000 * MS;
    drive(others, 2, is_late_or_over, &watch);
    watch = (struct watch){ .anna = &anna };
    drive(all, 3, is_late_or_over, &watch);
    assert_int_equal(anna.result, 1);
    assert_int_equal(recipient_of(&anna, 0).state, HERALD_RECIPIENT_COMPLETE);
    assert_int_equal(recipient_of(&anna, 1).state, HERALD_RECIPIENT_COMPLETE);
    assert_in_range(watch.most_grtt_ns, 1, 1000 * MS);
    close_party(&anna);
    close_party(&bob);
    close_party(&cara);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_the_rate_allows_is_let_gather),
        cmocka_unit_test(resting_keeps_the_rate),
        cmocka_unit_test(small_objects_make_room_as_they_are_acknowledged),
        cmocka_unit_test(a_receiver_that_was_stopped_is_not_far_away),
    };

    return cmocka_run_group_tests(tests, enter_namespace, NULL);
}
