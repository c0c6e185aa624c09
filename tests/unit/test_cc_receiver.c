/* SPDX-License-Identifier: MIT */
#include "cc_receiver.h"
#include "quant.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#define MS  UINT64_C(1000000)
#define SEC UINT64_C(1000000000)

enum { CROWD = 1000, BYTES = 1000, OUR_ID = 5 };

static struct hd_random generator = { 1 };

/* A sender of 1 Mbyte/s; one packet per millisecond. */
static struct hd_cc_probe probe_at(uint16_t sequence)
{
    return (struct hd_cc_probe){
        .sequence = sequence,
        .send_rate_bps = 1000000,
        .grtt_ns = 20 * MS,
        .backoff_factor = 4,
        .group_size = 1000,
    };
}

/* Packets `from` .. before `to`, but not every `drop`-th. */
static void receive(struct hd_cc_receiver *cc, uint32_t from, uint32_t to, uint32_t drop)
{
    for (uint32_t packet = from; packet < to; packet++) {
        if (drop == 0 || packet % drop != 0)
            hd_cc_receiver_on_datagram(cc, (uint16_t)packet, BYTES, packet * MS);
    }
}

/* A second of it, with a probe every 100 ms. */
static struct hd_cc_receiver started(uint32_t drop)
{
    struct hd_cc_receiver cc;

    hd_cc_receiver_init(&cc);
    for (uint32_t i = 0; i < 10; i++) {
        struct hd_cc_probe probe = probe_at((uint16_t)i);

        receive(&cc, 1 + i * 100, 1 + (i + 1) * 100, drop);
        hd_cc_receiver_on_probe(&cc, &probe, &generator, (i + 1) * 100 * MS);
    }
    return cc;
}

static void list(struct hd_cc_probe *probe, uint32_t node_id, uint8_t flags, uint64_t rate_bps)
{
    struct hd_cc_node node = {
        .node_id = node_id, .flags = flags, .rtt = hd_rtt_encode(8 * MS), .rate = hd_rate_encode(rate_bps)
    };

    hd_cc_probe_add_node(probe, &node, OUR_ID);
}

static void receiver_has_nothing_to_say_before_a_probe(void **state)
{
    struct hd_cc_receiver cc;
    struct hd_cc_feedback feedback;
    struct hd_cc_delivery delivery;

    (void)state;
    hd_cc_receiver_init(&cc);
    receive(&cc, 1, 100, 0);
    assert_true(hd_cc_receiver_feedback_due_ns(&cc) == HERALD_NEVER);
    assert_false(hd_cc_receiver_fill(&cc, &feedback, &delivery));
}

static void receiver_waits_a_random_time(void **state)
{
    struct hd_cc_receiver cc = started(0);

    (void)state;
    /* at most K * GRTT after the first probe */
    assert_in_range(hd_cc_receiver_feedback_due_ns(&cc), 100 * MS, 180 * MS);
}

static void listed_receiver_answers_at_once(void **state)
{
    struct hd_cc_receiver cc = started(0);
    struct hd_cc_probe probe = probe_at(77);

    (void)state;
    list(&probe, 3, HD_CC_CLR, 10);
    list(&probe, OUR_ID, HD_CC_PLR | HD_CC_RTT, 900000);
    hd_cc_receiver_on_probe(&cc, &probe, &generator, 1100 * MS);
    assert_int_equal(hd_cc_receiver_feedback_due_ns(&cc), 1100 * MS);
    hd_cc_receiver_on_other_feedback(&cc, 0, 1);
    assert_int_equal(hd_cc_receiver_feedback_due_ns(&cc), 1100 * MS);
    assert_in_range(hd_cc_receiver_rtt_ns(&cc), 8 * MS, 9 * MS);
}

static void receiver_makes_itself_known_while_the_list_has_room(void **state)
{
    struct hd_cc_receiver cc = started(0);
    struct hd_cc_probe probe = probe_at(77);

    (void)state;
    for (uint32_t node = 1; node < HD_CC_NODES; node++)
        list(&probe, 30 + node, HD_CC_START, 100);
    hd_cc_receiver_on_probe(&cc, &probe, &generator, 1100 * MS);
    assert_true(hd_cc_receiver_feedback_due_ns(&cc) != HERALD_NEVER);
    list(&probe, 30, HD_CC_START, 100);
    hd_cc_receiver_on_probe(&cc, &probe, &generator, 1200 * MS);
    assert_true(hd_cc_receiver_feedback_due_ns(&cc) == HERALD_NEVER);
}

static void receiver_does_not_answer_without_a_send_rate(void **state)
{
    struct hd_cc_receiver cc = started(0);
    struct hd_cc_probe probe = probe_at(77);

    (void)state;
    probe.send_rate_bps = 0;
    list(&probe, OUR_ID, HD_CC_CLR, 10);
    hd_cc_receiver_on_probe(&cc, &probe, &generator, 1100 * MS);
    assert_true(hd_cc_receiver_feedback_due_ns(&cc) == HERALD_NEVER);
}

static void receiver_is_suppressed_by_who_limits_more(void **state)
{
    static const struct {
        uint32_t drop; /* what we lose: 0 = START */
        uint8_t flags;
        uint64_t rate_bps;
        bool suppressed;
    } rows[] = {
        { 0, HD_CC_START, 2000000, true },  /* much like us */
        { 0, HD_CC_START, 2160000, true },  /* within a tenth */
        { 0, HD_CC_START, 2400000, false }, /* we limit more */
        { 0, 0, 90000000, true },           /* who has losses limits more than who has none */
        { 50, HD_CC_START, 10, false },     /* and the other way round */
        { 50, 0, 1000, true },
        { 50, 0, 1000000000, false },
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct hd_cc_receiver cc = started(rows[i].drop);
        struct hd_cc_receiver told = cc;
        struct hd_cc_probe probe = probe_at(77);

        hd_cc_receiver_on_other_feedback(&cc, rows[i].flags, rows[i].rate_bps);
        assert_int_equal(hd_cc_receiver_feedback_due_ns(&cc) == HERALD_NEVER, rows[i].suppressed);
        for (uint32_t node = 0; node < HD_CC_NODES; node++)
            list(&probe, 30 + node, rows[i].flags, rows[i].rate_bps);
        hd_cc_receiver_on_probe(&told, &probe, &generator, 1100 * MS);
        assert_int_equal(hd_cc_receiver_feedback_due_ns(&told) == HERALD_NEVER, rows[i].suppressed);
    }
}

static void feedback_tells_twice_what_arrives_until_the_first_loss(void **state)
{
    struct hd_cc_receiver cc = started(0);
    struct hd_cc_feedback feedback;
    struct hd_cc_delivery delivery;

    (void)state;
    receive(&cc, 1001, 1101, 0);
    assert_true(hd_cc_receiver_fill(&cc, &feedback, &delivery));
    assert_int_equal(feedback.sequence, 9);
    assert_int_equal(feedback.flags, HD_CC_START);
    assert_int_equal(feedback.loss, 0);
    assert_in_range(hd_rate_decode_bps(feedback.rate), 1980000, 2020000);
    assert_int_equal(delivery.received_datagrams, 1000);
    assert_int_equal(delivery.received_bytes, 1000 * BYTES);
    assert_int_equal(delivery.arrival_us, 1000000);
    assert_true(hd_cc_receiver_feedback_due_ns(&cc) == HERALD_NEVER);
}

static void feedback_tells_loss_and_the_rate_of_the_equation(void **state)
{
    struct hd_cc_receiver cc = started(50);
    struct hd_cc_feedback feedback;
    struct hd_cc_delivery delivery;

    (void)state;
    assert_true(hd_cc_receiver_fill(&cc, &feedback, &delivery));
    assert_int_equal(feedback.flags & HD_CC_START, 0);
    assert_in_range(hd_cc_receiver_loss_ppm(&cc), 15000, 25000);
    assert_int_equal(delivery.received_datagrams, 980);
    assert_int_equal(hd_cc_receiver_lost_datagrams(&cc), 19);
    /* s = 1000, RTT = GRTT = 20 ms, p = 2%: 370 kbyte/s */
    assert_in_range(hd_rate_decode_bps(feedback.rate), 300000, 450000);
}

/* --- a crowd that hears each other --- */

static struct hd_cc_receiver crowd[CROWD];

/* When the earliest answers until `limit_ns`, all others hear it `late_ns` after. @return how many answered */
static uint32_t answers_until(uint64_t limit_ns, uint64_t late_ns)
{
    struct hd_cc_feedback heard[CROWD];
    uint64_t heard_ns[CROWD];
    uint32_t count = 0;
    uint32_t passed_on = 0;

    for (;;) {
        uint64_t due_ns = HERALD_NEVER;
        uint32_t first = 0;
        struct hd_cc_delivery delivery;

        for (uint32_t i = 0; i < CROWD; i++) {
            if (crowd[i].feedback_due_ns < due_ns) {
                due_ns = crowd[i].feedback_due_ns;
                first = i;
            }
        }
        if (passed_on < count && heard_ns[passed_on] <= due_ns) {
            for (uint32_t i = 0; i < CROWD; i++)
                hd_cc_receiver_on_other_feedback(&crowd[i], heard[passed_on].flags,
                                                 hd_rate_decode_bps(heard[passed_on].rate));
            passed_on++;
            continue;
        }
        if (due_ns > limit_ns || count == CROWD)
            return count;
        assert_true(hd_cc_receiver_fill(&crowd[first], &heard[count], &delivery));
        heard_ns[count++] = due_ns + late_ns;
    }
}

/* Each loses one packet in `drop` (0: none) by itself. */
static void crowd_receives(uint32_t from, uint32_t to, uint64_t drop)
{
    for (uint32_t i = 0; i < CROWD; i++) {
        for (uint32_t packet = from; packet < to; packet++) {
            if (drop == 0 || hd_random_below(&generator, drop) != 0)
                hd_cc_receiver_on_datagram(&crowd[i], (uint16_t)packet, BYTES, packet * MS);
        }
    }
}

static void few_of_a_crowd_answer(void **state)
{
    static const uint64_t drops[] = { 0, 100, 5 };

    (void)state;
    for (size_t row = 0; row < sizeof drops / sizeof drops[0]; row++) {
        uint32_t answers = 0;

        for (uint32_t i = 0; i < CROWD; i++)
            hd_cc_receiver_init(&crowd[i]);
        for (uint32_t round = 0; round < 20; round++) {
            struct hd_cc_probe probe = probe_at((uint16_t)round);

            crowd_receives(1 + round * 100, 1 + (round + 1) * 100, drops[row]);
            for (uint32_t i = 0; i < CROWD; i++)
                hd_cc_receiver_on_probe(&crowd[i], &probe, &generator, (round + 1) * 100 * MS);
            answers += answers_until((round + 2) * 100 * MS - 1, 10 * MS);
        }
        assert_in_range(answers, 4, 300);
    }
}

static void crowd_is_silent_once_the_list_has_the_lowest(void **state)
{
    struct hd_cc_probe probe = probe_at(20);
    uint64_t lowest_bps = UINT64_MAX;

    (void)state;
    for (uint32_t i = 0; i < CROWD; i++) {
        struct hd_cc_feedback feedback;
        struct hd_cc_delivery delivery;

        crowd[i] = started(20 + i % 30);
        assert_true(hd_cc_receiver_fill(&crowd[i], &feedback, &delivery));
        if (hd_rate_decode_bps(feedback.rate) < lowest_bps)
            lowest_bps = hd_rate_decode_bps(feedback.rate);
    }
    for (uint32_t node = 0; node < HD_CC_NODES; node++)
        list(&probe, 30 + node, HD_CC_CLR, lowest_bps);
    for (uint32_t i = 0; i < CROWD; i++)
        hd_cc_receiver_on_probe(&crowd[i], &probe, &generator, 1100 * MS);
    assert_int_equal(answers_until(9 * SEC, 10 * MS), 0);
}

static void receiver_bears_any_probe(void **state)
{
    struct hd_cc_receiver cc;

    (void)state;
    hd_cc_receiver_init(&cc);
    for (uint64_t i = 0; i < 100000; i++) {
        struct hd_cc_probe probe = { .sequence = (uint16_t)hd_random_u64(&generator),
                                     .send_rate_bps = hd_random_u64(&generator) >> hd_random_below(&generator, 64),
                                     .grtt_ns = hd_random_u64(&generator) % HD_RTT_MAX_NS,
                                     .backoff_factor = (uint8_t)hd_random_below(&generator, 16),
                                     .group_size = hd_random_u64(&generator) % HD_GROUP_MAX };
        struct hd_cc_node node = { .node_id = (uint32_t)hd_random_below(&generator, 8),
                                   .flags = (uint8_t)hd_random_u64(&generator),
                                   .rtt = (uint8_t)hd_random_u64(&generator),
                                   .rate = (uint16_t)hd_random_u64(&generator) };
        struct hd_cc_feedback feedback;
        struct hd_cc_delivery delivery;
        uint64_t now_ns = i * MS;

        if (i % 3 > 0)
            hd_cc_receiver_on_datagram(&cc, (uint16_t)(hd_random_u64(&generator) >> 56), BYTES, now_ns);
        hd_cc_probe_add_node(&probe, &node, OUR_ID);
        hd_cc_receiver_on_probe(&cc, &probe, &generator, now_ns);
        hd_cc_receiver_on_other_feedback(&cc, node.flags, hd_rate_decode_bps(node.rate));
        if (i % 5 == 0)
            assert_true(hd_cc_receiver_fill(&cc, &feedback, &delivery));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(receiver_has_nothing_to_say_before_a_probe),
        cmocka_unit_test(receiver_waits_a_random_time),
        cmocka_unit_test(listed_receiver_answers_at_once),
        cmocka_unit_test(receiver_makes_itself_known_while_the_list_has_room),
        cmocka_unit_test(receiver_does_not_answer_without_a_send_rate),
        cmocka_unit_test(receiver_is_suppressed_by_who_limits_more),
        cmocka_unit_test(feedback_tells_twice_what_arrives_until_the_first_loss),
        cmocka_unit_test(feedback_tells_loss_and_the_rate_of_the_equation),
        cmocka_unit_test(few_of_a_crowd_answer),
        cmocka_unit_test(crowd_is_silent_once_the_list_has_the_lowest),
        cmocka_unit_test(receiver_bears_any_probe),
    };

    return cmocka_run_group_tests_name("cc_receiver", tests, NULL, NULL);
}
