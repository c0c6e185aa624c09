/* SPDX-License-Identifier: MIT */
#include "cc_model.h"
#include "cc_tfmcc.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static struct model model;
static struct model other;

static void square_roots_are_rounded_down(void **state)
{
    static const uint64_t rows[][2] = {
        { 0, 0 }, { 1, 1 }, { 3, 1 }, { 4, 2 }, { 99, 9 }, { 100, 10 }, { UINT64_MAX, UINT32_MAX },
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        assert_int_equal(hd_cc_isqrt(rows[i][0]), rows[i][1]);
}

/* By hand, from the formula of RFC 5348 section 3.1. */
static void equation_gives_the_tcp_rate(void **state)
{
    static const struct {
        uint32_t packet_bytes;
        uint64_t rtt_ns;
        double loss;
        double rate_bps;
    } rows[] = {
        { 1000, 100 * MS, 0.01, 112332 }, { 1000, 100 * MS, 0.1, 17701 },   { 1000, 100 * MS, 0.9999, 41.1 },
        { 1400, MS, 0.0001, 171086000 },  { 1400, 600 * MS, 0.001, 89260 },
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        double rate = (double)hd_cc_equation_bps(rows[i].packet_bytes, rows[i].rtt_ns,
                                                 (uint32_t)(rows[i].loss * UINT32_MAX));

        assert_true(rate > rows[i].rate_bps * 0.97 - 1 && rate < rows[i].rate_bps * 1.03 + 1);
    }
}

static void equation_has_limits(void **state)
{
    (void)state;
    assert_int_equal(hd_cc_equation_bps(1400, MS, 0), HD_CC_EQUATION_MAX_BPS);
    assert_int_equal(hd_cc_equation_bps(1400, 0, 1000), HD_CC_EQUATION_MAX_BPS);
    assert_int_equal(hd_cc_equation_bps(UINT32_MAX, 1, 1), HD_CC_EQUATION_MAX_BPS);
    assert_int_equal(hd_cc_equation_bps(0, UINT64_MAX, UINT32_MAX), 1);
}

static void equation_is_reversible(void **state)
{
    (void)state;
    for (uint32_t interval = 2; interval < 1000000; interval *= 3) {
        uint64_t rate_bps = hd_cc_equation_bps(1400, 20 * MS, UINT32_MAX / interval);

        assert_in_range(hd_cc_equation_interval(1400, 20 * MS, rate_bps), interval - interval / 50,
                        interval + interval / 50 + 1);
    }
    assert_int_equal(hd_cc_equation_interval(1400, 20 * MS, 0), 1);
    assert_int_equal(hd_cc_equation_interval(1400, 20 * MS, UINT64_MAX), 1 << 30);
}

/* Random loss on a fast link: the rate is what the equation says for the loss events that there are. */
static void tfmcc_follows_the_equation(void **state)
{
    static const uint32_t losses_ppm[] = { 3000, 10000, 50000 };

    (void)state;
    for (size_t i = 0; i < sizeof losses_ppm / sizeof losses_ppm[0]; i++) {
        const struct model_receiver *receiver;
        uint64_t equation_bps;
        uint64_t rate_bps;

        model_init(&model, HERALD_NORM_RATE_TFMCC, i);
        receiver = model_add(&model, &(struct model_link){ .rate_bps = 1000 * MBIT,
                                                           .delay_ns = 10 * MS,
                                                           .queue_bytes = 10 * MBIT,
                                                           .loss_ppm = losses_ppm[i] });
        model_run(&model, 20 * SEC);
        model_reset(&model);
        model_run(&model, 80 * SEC);
        rate_bps = receiver->received_bytes / 60;
        equation_bps = hd_cc_equation_bps(MODEL_DATAGRAM_BYTES, 20 * MS, (uint32_t)(losses_ppm[i] * 4294.967295));
        assert_in_range(rate_bps, equation_bps / 2, equation_bps * 2);
    }
}

static void tfmcc_uses_a_link_of_its_own(void **state)
{
    const struct model_receiver *receiver;

    (void)state;
    model_init(&model, HERALD_NORM_RATE_TFMCC, 1);
    receiver = model_add(&model,
                         &(struct model_link){ .rate_bps = 10 * MBIT, .delay_ns = 10 * MS, .queue_bytes = MBIT / 4 });
    model_run(&model, 10 * SEC);
    model_reset(&model);
    model_run(&model, 40 * SEC);
    assert_in_range(model_used_percent(&model, receiver), 60, 100);
    assert_in_range(model_overflow_permille(&model, receiver), 0, 50);
}

static void tfmcc_shares_a_link(void **state)
{
    struct model_link link = { .rate_bps = 10 * MBIT, .delay_ns = 10 * MS, .queue_bytes = MBIT / 4 };
    struct model_receiver *one;
    struct model_receiver *two;

    (void)state;
    model_init(&model, HERALD_NORM_RATE_TFMCC, 1);
    model_init(&other, HERALD_NORM_RATE_TFMCC, 2);
    one = model_add(&model, &link);
    two = model_add(&other, &link);
    two->free_ns = one->free_ns;
    model_run_both(&model, &other, 20 * SEC);
    model_reset(&model);
    model_reset(&other);
    model_run_both(&model, &other, 80 * SEC);
    assert_in_range(model_used_percent(&model, one) + model_used_percent(&other, two), 60, 101);
    assert_true(one->received_bytes < two->received_bytes * 2);
    assert_true(two->received_bytes < one->received_bytes * 2);
}

/* --- single reports --- */

static struct hd_cc_sender sender(enum herald_norm_rate_mode mode)
{
    struct herald_norm_sender_config config = { .rate_mode = mode,
                                                .segment_bytes = 1400,
                                                .rate_bytes_per_s = 1000000,
                                                .rate_min_bytes_per_s = 10000,
                                                .rate_max_bytes_per_s = 100000000 };
    struct hd_cc_sender cc;

    hd_cc_sender_init(&cc, &config, SEC);
    hd_cc_sender_probe(&cc, 10 * MS, SEC);
    return cc;
}

static void report(struct hd_cc_sender *cc, uint32_t node_id, uint8_t flags, uint64_t rate_bps, uint64_t now_ns)
{
    struct hd_cc_report content = { .node_id = node_id,
                                    .flags = flags,
                                    .rtt_ns = 10 * MS,
                                    .loss = flags & HD_CC_START ? 0 : UINT32_MAX / 100,
                                    .rate_bps = rate_bps,
                                    .sequence = 1 };

    hd_cc_sender_on_report(cc, &content, now_ns);
}

static uint32_t limiting(const struct hd_cc_sender *cc)
{
    struct hd_cc_node node = { 0 };

    return hd_cc_sender_list_node(cc, 0, &node) && node.flags & HD_CC_CLR ? node.node_id : 0;
}

static void tfmcc_elects_the_lowest_rate(void **state)
{
    struct hd_cc_sender cc = sender(HERALD_NORM_RATE_TFMCC);
    struct hd_cc_node node;

    (void)state;
    report(&cc, 7, HD_CC_START | HD_CC_RTT, 400000, SEC + 1);
    assert_int_equal(limiting(&cc), 7);
    report(&cc, 8, HD_CC_RTT, 900000, SEC + 2);
    assert_int_equal(limiting(&cc), 8);
    assert_int_equal(hd_cc_sender_rate(&cc), 900000);
    report(&cc, 9, HD_CC_RTT, 300000, SEC + 3);
    assert_int_equal(limiting(&cc), 9);
    assert_int_equal(hd_cc_sender_rate(&cc), 300000);
    report(&cc, 8, HD_CC_RTT, 800000, SEC + 4);
    assert_int_equal(hd_cc_sender_rate(&cc), 300000);
    assert_true(hd_cc_sender_list_node(&cc, 1, &node));
    assert_int_equal(node.flags & (HD_CC_CLR | HD_CC_PLR | HD_CC_RTT), HD_CC_PLR | HD_CC_RTT);
    assert_true(hd_cc_sender_list_node(&cc, 2, &node));
    assert_false(hd_cc_sender_list_node(&cc, 3, &node));
}

static void tfmcc_elects_another_when_the_limit_leaves(void **state)
{
    struct hd_cc_sender cc = sender(HERALD_NORM_RATE_TFMCC);

    (void)state;
    report(&cc, 7, HD_CC_RTT, 500000, SEC + 1);
    report(&cc, 8, HD_CC_RTT, 700000, SEC + 2);
    report(&cc, 9, HD_CC_RTT, 600000, SEC + 3);
    report(&cc, 7, HD_CC_LEAVE, 0, SEC + 4);
    assert_int_equal(limiting(&cc), 9);
    assert_int_equal(hd_cc_sender_nodes_count(&cc), 2);
    report(&cc, 9, HD_CC_LEAVE, 0, SEC + 5);
    report(&cc, 8, HD_CC_LEAVE, 0, SEC + 6);
    report(&cc, 8, HD_CC_LEAVE, 0, SEC + 7);
    assert_int_equal(hd_cc_sender_nodes_count(&cc), 0);
    assert_int_equal(limiting(&cc), 0);
}

static void tfmcc_grows_by_a_packet_per_rtt(void **state)
{
    struct hd_cc_sender cc = sender(HERALD_NORM_RATE_TFMCC);
    uint64_t step_bps = cc.datagram_bytes * UINT64_C(100);

    (void)state;
    report(&cc, 7, HD_CC_RTT, 500000, SEC + 10 * MS);
    report(&cc, 7, HD_CC_RTT, 90000000, SEC + 20 * MS);
    assert_int_equal(hd_cc_sender_rate(&cc), 500000 + step_bps);
    report(&cc, 7, HD_CC_RTT, 90000000, SEC + 25 * MS);
    assert_int_equal(hd_cc_sender_rate(&cc), 500000 + step_bps + step_bps / 2);
}

static void tfmcc_at_most_doubles_in_slow_start(void **state)
{
    struct hd_cc_sender cc = sender(HERALD_NORM_RATE_TFMCC);

    (void)state;
    report(&cc, 7, HD_CC_RTT | HD_CC_START, 90000000, SEC + 10 * MS);
    assert_int_equal(hd_cc_sender_rate(&cc), 2000000);
    report(&cc, 7, HD_CC_RTT | HD_CC_START, 2500000, SEC + 20 * MS);
    assert_int_equal(hd_cc_sender_rate(&cc), 2500000);
    report(&cc, 7, HD_CC_RTT | HD_CC_START, 1500000, SEC + 30 * MS);
    assert_int_equal(hd_cc_sender_rate(&cc), 2500000);
}

static void tfmcc_reckons_with_the_rtt_that_the_receiver_lacks(void **state)
{
    struct hd_cc_sender cc = sender(HERALD_NORM_RATE_TFMCC);

    (void)state;
    report(&cc, 7, 0, 1000, SEC + 1);
    assert_in_range(hd_cc_sender_rate(&cc), 1000000, hd_cc_equation_bps(1432, 10 * MS, UINT32_MAX / 100));
}

static void tfmcc_halves_the_rate_without_feedback(void **state)
{
    struct hd_cc_sender cc = sender(HERALD_NORM_RATE_TFMCC);
    uint64_t now_ns = SEC;

    (void)state;
    report(&cc, 7, HD_CC_RTT, 800000, now_ns);
    for (int i = 0; i < 60; i++)
        hd_cc_sender_probe(&cc, 10 * MS, now_ns += 20 * MS);
    assert_in_range(hd_cc_sender_rate(&cc), 10000, 100000);
    for (int i = 0; i < 600; i++)
        hd_cc_sender_probe(&cc, 10 * MS, now_ns += 20 * MS);
    assert_int_equal(hd_cc_sender_rate(&cc), 10000);
}

static void tfmcc_keeps_the_loss_that_a_nack_cannot_say(void **state)
{
    struct hd_cc_sender cc = sender(HERALD_NORM_RATE_TFMCC);
    struct hd_cc_report nack = { .node_id = 7, .is_nack = true, .flags = HD_CC_RTT, .rate_bps = 300000, .sequence = 1 };
    struct herald_norm_receiver_report ret_report;

    (void)state;
    report(&cc, 7, HD_CC_RTT, 500000, SEC + 1);
    hd_cc_sender_on_report(&cc, &nack, SEC + 2);
    assert_int_equal(hd_cc_sender_get_report(&cc, 0, &ret_report), 0);
    assert_in_range(ret_report.loss_ppm, 9990, 10010);
    assert_int_equal(ret_report.rate_bytes_per_s, 300000);
    assert_true(ret_report.is_limiting);
    assert_true(hd_cc_sender_get_report(&cc, 1, &ret_report) < 0);
}

static void fixed_rate_probes_ever_more_rarely(void **state)
{
    struct hd_cc_sender cc = sender(HERALD_NORM_RATE_FIXED);

    (void)state;
    assert_int_equal(hd_cc_sender_probe_interval_ns(&cc, 100 * MS), 200 * MS);
    hd_cc_sender_probe(&cc, 100 * MS, 2 * SEC);
    assert_int_equal(hd_cc_sender_probe_interval_ns(&cc, 100 * MS), 300 * MS);
    for (int i = 0; i < 20; i++)
        hd_cc_sender_probe(&cc, 100 * MS, 3 * SEC);
    assert_int_equal(hd_cc_sender_probe_interval_ns(&cc, 100 * MS), 5 * SEC);
}

static void fixed_rate_is_only_set_by_hand(void **state)
{
    struct hd_cc_sender cc = sender(HERALD_NORM_RATE_FIXED);
    struct hd_cc_node node;

    (void)state;
    report(&cc, 7, HD_CC_RTT, 500, SEC + 1);
    for (uint64_t i = 0; i < 100; i++)
        hd_cc_sender_probe(&cc, 10 * MS, 2 * SEC + i * SEC);
    assert_int_equal(hd_cc_sender_rate(&cc), 1000000);
    assert_false(hd_cc_sender_list_node(&cc, 0, &node));
    hd_cc_sender_set_rate(&cc, 77);
    assert_int_equal(hd_cc_sender_rate(&cc), 77);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(square_roots_are_rounded_down),
        cmocka_unit_test(equation_gives_the_tcp_rate),
        cmocka_unit_test(equation_has_limits),
        cmocka_unit_test(equation_is_reversible),
        cmocka_unit_test(tfmcc_follows_the_equation),
        cmocka_unit_test(tfmcc_uses_a_link_of_its_own),
        cmocka_unit_test(tfmcc_shares_a_link),
        cmocka_unit_test(tfmcc_elects_the_lowest_rate),
        cmocka_unit_test(tfmcc_elects_another_when_the_limit_leaves),
        cmocka_unit_test(tfmcc_grows_by_a_packet_per_rtt),
        cmocka_unit_test(tfmcc_at_most_doubles_in_slow_start),
        cmocka_unit_test(tfmcc_reckons_with_the_rtt_that_the_receiver_lacks),
        cmocka_unit_test(tfmcc_halves_the_rate_without_feedback),
        cmocka_unit_test(tfmcc_keeps_the_loss_that_a_nack_cannot_say),
        cmocka_unit_test(fixed_rate_probes_ever_more_rarely),
        cmocka_unit_test(fixed_rate_is_only_set_by_hand),
    };

    return cmocka_run_group_tests_name("cc_tfmcc", tests, NULL, NULL);
}
