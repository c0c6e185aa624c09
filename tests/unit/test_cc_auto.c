/* SPDX-License-Identifier: MIT */
#include "cc_model.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static struct model model;

static struct model_link link_of(uint64_t rate_bps, uint64_t queue_ns, uint32_t loss_ppm)
{
    return (struct model_link){
        .rate_bps = rate_bps,
        .delay_ns = MS / 5,
        .queue_bytes = rate_bps / 1000 * (queue_ns / 1000) / 1000 + 2 * MODEL_DATAGRAM_BYTES,
        .loss_ppm = loss_ppm,
    };
}

static struct model_receiver *start(const struct model_link *link, uint64_t seed)
{
    model_init(&model, HERALD_NORM_RATE_AUTO, seed);
    return model_add(&model, link);
}

/* @return how long it takes until the rate is there, at most `limit_ns` */
static uint64_t time_to_reach(uint64_t rate_bps, uint64_t limit_ns)
{
    uint64_t start_ns = model.now_ns;

    while (hd_cc_sender_rate(&model.cc) < rate_bps && model.now_ns - start_ns < limit_ns)
        model_run_on(&model, MS);
    return model.now_ns - start_ns;
}

static uint64_t time_to_fall_to(uint64_t rate_bps, uint64_t limit_ns)
{
    uint64_t start_ns = model.now_ns;

    while (hd_cc_sender_rate(&model.cc) > rate_bps && model.now_ns - start_ns < limit_ns)
        model_run_on(&model, MS);
    return model.now_ns - start_ns;
}

static void watch(uint64_t time_ns)
{
    model_reset(&model);
    model_run_on(&model, time_ns);
}

/* --- one receiver --- */

static void auto_reaches_a_lan_within_a_second(void **state)
{
    static const struct {
        uint64_t rate_bps, queue_ns;
    } rows[] = {
        { 10 * MBIT, 20 * MS },
        { 100 * MBIT, 5 * MS },
        { 1000 * MBIT, 2 * MS },
        { 10000 * MBIT, MS },
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct model_link link = link_of(rows[i].rate_bps, rows[i].queue_ns, 0);

        for (uint64_t seed = 1; seed <= 5; seed++) {
            start(&link, seed);
            assert_in_range(time_to_reach(link.rate_bps * 85 / 100, 2 * SEC), 0, SEC);
        }
    }
}

static void auto_uses_the_link_and_hardly_overruns_it(void **state)
{
    static const struct {
        uint64_t rate_bps, queue_ns, delay_ns, jitter_ns;
    } rows[] = {
        { MBIT / 2, 200 * MS, MS, 0 },
        { 2 * MBIT, 20 * MS, MS, 0 },
        { 10 * MBIT, 20 * MS, MS / 5, 0 },
        { 100 * MBIT, 0, MS / 5, 0 }, /* hardly a queue */
        { 100 * MBIT, 5 * MS, 10 * MS, 0 },
        { 100 * MBIT, 20 * MS, MS, 5 * MS },
        { 100 * MBIT, 50 * MS, MS, 20 * MS },
        { 50 * MBIT, 50 * MS, 300 * MS, 0 },
        { 1000 * MBIT, 2 * MS, MS / 10, MS / 10 },
        { 10000 * MBIT, MS, MS / 20, 0 },
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct model_link link = link_of(rows[i].rate_bps, rows[i].queue_ns, 0);
        const struct model_receiver *receiver = start(&link, i);

        model.receivers[0].link.delay_ns = rows[i].delay_ns;
        model.receivers[0].link.jitter_ns = rows[i].jitter_ns;
        model_run(&model, rows[i].delay_ns > 100 * MS || rows[i].rate_bps < MBIT ? 12 * SEC : 2 * SEC);
        watch(rows[i].rate_bps > 1000 * MBIT ? 2 * SEC : 6 * SEC);
        assert_in_range(model_used_percent(&model, receiver), 85, 101);
        assert_in_range(model_overflow_permille(&model, receiver), 0, rows[i].rate_bps < MBIT ? 150 : 60);
    }
}

static void auto_leaves_no_standing_queue(void **state)
{
    struct model_link link = link_of(100 * MBIT, 500 * MS, 0);
    const struct model_receiver *receiver = start(&link, 1);

    (void)state;
    model_run(&model, 3 * SEC);
    watch(10 * SEC);
    assert_in_range(receiver->delay_max_ns, 0, 40 * MS);
    assert_in_range(model_used_percent(&model, receiver), 85, 101);
}

/* What arrives, as a share of what could: loss that has nothing to do with us is no reason to be slow. */
static void auto_does_not_collapse_under_random_loss(void **state)
{
    static const struct {
        uint32_t loss_ppm, report_loss_ppm;
        uint64_t rate_bps;
    } rows[] = {
        { 10000, 0, 1000 * MBIT }, { 50000, 0, 100 * MBIT },   { 200000, 0, 100 * MBIT },
        { 500000, 0, 100 * MBIT }, { 500000, 0, 10 * MBIT },   { 200000, 200000, 100 * MBIT },
        { 50000, 0, 10 * MBIT },   { 200000, 0, 1000 * MBIT }, { 500000, 500000, 100 * MBIT },
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        for (uint64_t seed = 1; seed <= 3; seed++) {
            struct model_link link = link_of(rows[i].rate_bps, 10 * MS, rows[i].loss_ppm);
            const struct model_receiver *receiver;

            link.report_loss_ppm = rows[i].report_loss_ppm;
            receiver = start(&link, seed);
            model_run(&model, 3 * SEC);
            watch(6 * SEC);
            assert_in_range(model_used_percent(&model, receiver) * 1000000 / (1000000 - rows[i].loss_ppm), 70, 110);
            assert_in_range(model_overflow_permille(&model, receiver), 0, rows[i].rate_bps > 10 * MBIT ? 100 : 350);
        }
    }
}

/* Of a twentieth, ten or a hundred datagrams at a time: the worst of the seeds, and their mean. */
static void auto_does_not_collapse_under_bursts_of_losses(void **state)
{
    static const struct {
        uint64_t rate_bps;
        uint32_t enter_ppm, leave_ppm;
        uint64_t least_percent, mean_percent;
    } rows[] = {
        { 100 * MBIT, 5000, 100000, 75, 85 },
        { 1000 * MBIT, 5000, 100000, 75, 88 },
        { 100 * MBIT, 500, 10000, 30, 75 },
        { 1000 * MBIT, 500, 10000, 25, 75 },
    };
    enum { SEEDS = 24 };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        uint64_t sum_percent = 0;

        for (uint64_t seed = 1; seed <= SEEDS; seed++) {
            struct model_link link = link_of(rows[i].rate_bps, 10 * MS, 0);
            const struct model_receiver *receiver;

            link.burst_enter_ppm = rows[i].enter_ppm;
            link.burst_leave_ppm = rows[i].leave_ppm;
            receiver = start(&link, seed);
            model_run(&model, 3 * SEC);
            watch(6 * SEC);
            assert_in_range(model_used_percent(&model, receiver), rows[i].least_percent, 101);
            sum_percent += model_used_percent(&model, receiver);
        }
        assert_in_range(sum_percent / SEEDS, rows[i].mean_percent, 101);
    }
}

/* Half of the rate that was called safe, and room for two datagrams: what is lost there is not the path's own loss. */
static void auto_does_not_run_over_a_link_slower_than_its_start(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 8; seed++) {
        struct model_link link = link_of(MBIT / 2, 0, 0);
        const struct model_receiver *receiver = start(&link, seed);

        model_run(&model, 12 * SEC);
        watch(6 * SEC);
        assert_in_range(model_used_percent(&model, receiver), 75, 101);
        assert_in_range(model_overflow_permille(&model, receiver), 0, 200);
    }
}

/* Trying again what may have failed by chance is not to fill a link that has hardly a queue. */
static void auto_tries_again_ever_more_rarely(void **state)
{
    static const uint64_t rates_bps[] = { 10 * MBIT, 100 * MBIT, 1000 * MBIT };

    (void)state;
    for (size_t i = 0; i < sizeof rates_bps / sizeof rates_bps[0]; i++) {
        struct model_link link = link_of(rates_bps[i], MS / 5, 0);
        const struct model_receiver *receiver = start(&link, i);

        model_run(&model, 2 * SEC);
        watch(6 * SEC);
        assert_in_range(model_used_percent(&model, receiver), 85, 101);
        assert_in_range(model_overflow_permille(&model, receiver), 0, 35);
    }
}

static void auto_recovers_when_loss_comes_and_goes(void **state)
{
    struct model_link link = link_of(100 * MBIT, 10 * MS, 0);
    struct model_receiver *receiver = start(&link, 1);

    (void)state;
    model_run(&model, 2 * SEC);
    receiver->link.loss_ppm = 200000;
    model_run(&model, 4 * SEC);
    watch(4 * SEC);
    assert_in_range(model_used_percent(&model, receiver), 56, 80);
    receiver->link.loss_ppm = 0;
    model_run_on(&model, 2 * SEC);
    watch(4 * SEC);
    assert_in_range(model_used_percent(&model, receiver), 85, 101);
    assert_in_range(model_overflow_permille(&model, receiver), 0, 60);
}

static void auto_follows_a_link_that_shrinks_and_grows(void **state)
{
    struct model_link link = link_of(100 * MBIT, 10 * MS, 0);
    struct model_receiver *receiver = start(&link, 3);

    (void)state;
    model_run(&model, 2 * SEC);
    receiver->link = link_of(10 * MBIT, 20 * MS, 0);
    assert_in_range(time_to_fall_to(10 * MBIT, 2 * SEC), 0, 200 * MS);
    watch(4 * SEC);
    assert_in_range(model_used_percent(&model, receiver), 85, 101);
    receiver->link = link_of(1000 * MBIT, 5 * MS, 0);
    assert_in_range(time_to_reach(850 * MBIT, 10 * SEC), 0, 5 * SEC);
    watch(4 * SEC);
    assert_in_range(model_used_percent(&model, receiver), 85, 101);
}

static void auto_is_not_raised_by_an_idle_application(void **state)
{
    struct model_link link = link_of(100 * MBIT, 10 * MS, 0);

    (void)state;
    start(&link, 1);
    model.application_bps = 5 * MBIT;
    model_run(&model, 10 * SEC);
    assert_in_range(hd_cc_sender_rate(&model.cc), 5 * MBIT, 12 * MBIT);
    model.application_bps = 0;
    assert_in_range(time_to_reach(85 * MBIT, 2 * SEC), 0, SEC);
}

static void auto_slows_down_when_feedback_stops(void **state)
{
    struct model_link link = link_of(100 * MBIT, 10 * MS, 0);
    struct model_receiver *receiver = start(&link, 1);

    (void)state;
    model_run(&model, 2 * SEC);
    receiver->link.report_loss_ppm = 1000000;
    assert_in_range(time_to_fall_to(50 * MBIT, 2 * SEC), 0, 500 * MS);
    assert_in_range(time_to_fall_to(MBIT / 10, 60 * SEC), 0, 20 * SEC);
    receiver->link.report_loss_ppm = 0;
    assert_in_range(time_to_reach(85 * MBIT, 10 * SEC), 0, 4 * SEC);
}

static void auto_stays_at_its_start_where_nobody_ever_answers(void **state)
{
    (void)state;
    model_init(&model, HERALD_NORM_RATE_AUTO, 1);
    model_run(&model, 20 * SEC);
    assert_int_equal(hd_cc_sender_rate(&model.cc), 1 * MBIT);
}

/* --- several --- */

static void auto_takes_the_rate_of_the_slowest(void **state)
{
    struct model_link fast = link_of(1000 * MBIT, 5 * MS, 0);
    struct model_link lossy = link_of(1000 * MBIT, 5 * MS, 100000);
    struct model_link slow = link_of(50 * MBIT, 10 * MS, 0);
    const struct model_receiver *slowest;

    (void)state;
    start(&fast, 1);
    model_add(&model, &lossy);
    slowest = model_add(&model, &slow);
    model_run(&model, 2 * SEC);
    watch(6 * SEC);
    assert_in_range(model_used_percent(&model, slowest), 85, 101);
    assert_in_range(model_overflow_permille(&model, slowest), 0, 30);
}

static void auto_drops_a_receiver_that_vanished(void **state)
{
    struct model_link fast = link_of(1000 * MBIT, 5 * MS, 0);
    struct model_link slow = link_of(50 * MBIT, 10 * MS, 0);
    struct model_receiver *slowest;

    (void)state;
    start(&fast, 1);
    slowest = model_add(&model, &slow);
    model_run(&model, 3 * SEC);
    slowest->link.is_cut = true;
    assert_in_range(time_to_reach(800 * MBIT, 5 * SEC), 0, 2 * SEC);
    assert_int_equal(hd_cc_sender_nodes_count(&model.cc), 1);
    slowest->link.is_cut = false;
    assert_in_range(time_to_fall_to(50 * MBIT, 5 * SEC), 0, 2 * SEC);
}

static void auto_respects_a_satellite_beside_a_lan(void **state)
{
    struct model_link lan = link_of(1000 * MBIT, 5 * MS, 0);
    struct model_link satellite = link_of(20 * MBIT, 50 * MS, 0);
    const struct model_receiver *slowest;

    (void)state;
    satellite.delay_ns = 300 * MS;
    start(&lan, 1);
    slowest = model_add(&model, &satellite);
    model_run(&model, 8 * SEC);
    watch(10 * SEC);
    assert_in_range(model_used_percent(&model, slowest), 85, 101);
    assert_in_range(model_overflow_permille(&model, slowest), 0, 80);
}

/* One whose feedback is RFC 5740's only. */
static void auto_bears_a_receiver_without_delivery_reports(void **state)
{
    struct model_link link = link_of(100 * MBIT, 10 * MS, 0);
    struct model_receiver *receiver = start(&link, 1);

    (void)state;
    receiver->has_no_delivery = true;
    assert_in_range(time_to_reach(50 * MBIT, 3 * SEC), 0, SEC);
    watch(10 * SEC);
    assert_in_range(model_used_percent(&model, receiver), 10, 101);
    assert_in_range(model_overflow_permille(&model, receiver), 0, 150);
}

/* --- hostile --- */

static void send_lies(struct hd_cc_sender *cc, struct hd_random *random, uint64_t now_ns)
{
    struct hd_cc_report report = {
        .node_id = (uint32_t)hd_random_below(random, 40),
        .is_nack = hd_random_below(random, 2) == 0,
        .flags = (uint8_t)hd_random_u64(random),
        .rtt_ns = hd_random_u64(random) >> hd_random_below(random, 64),
        .loss = (uint32_t)hd_random_u64(random) >> hd_random_below(random, 32),
        .rate_bps = hd_random_u64(random) >> hd_random_below(random, 64),
        .sequence = (uint16_t)(cc->round - hd_random_below(random, 5)),
        .has_delivery = hd_random_below(random, 3) > 0,
        .delivery = { .received_datagrams = (uint32_t)hd_random_u64(random) >> hd_random_below(random, 32),
                      .received_bytes = (uint32_t)hd_random_u64(random),
                      .arrival_us = (uint32_t)hd_random_u64(random) >> hd_random_below(random, 32) },
    };

    hd_cc_sender_on_report(cc, &report, now_ns);
}

static void rate_stays_within_limits_whatever_is_reported(void **state)
{
    static const enum herald_norm_rate_mode modes[] = { HERALD_NORM_RATE_AUTO, HERALD_NORM_RATE_TFMCC };
    struct hd_random random = { 7 };

    (void)state;
    for (uint64_t run = 0; run < 40; run++) {
        uint64_t now_ns = SEC;
        struct herald_norm_receiver_report report;

        model_init(&model, modes[run % 2], run);
        for (int i = 0; i < 4000; i++) {
            uint64_t sent = hd_random_below(&random, 50);

            for (uint64_t j = 0; j < sent; j++)
                hd_cc_sender_on_sent(&model.cc, 1400);
            now_ns += hd_random_below(&random, 50 * MS);
            if (i % 3 == 0)
                hd_cc_sender_probe(&model.cc, hd_random_u64(&random) >> hd_random_below(&random, 64), now_ns);
            send_lies(&model.cc, &random, now_ns);
            assert_in_range(hd_cc_sender_rate(&model.cc), model.config.rate_min_bytes_per_s,
                            model.config.rate_max_bytes_per_s);
            assert_in_range(hd_cc_sender_probe_interval_ns(&model.cc, hd_random_u64(&random)), MS, 1000 * SEC);
        }
        for (uint32_t i = 0; i < hd_cc_sender_nodes_count(&model.cc); i++)
            assert_int_equal(hd_cc_sender_get_report(&model.cc, i, &report), 0);
        assert_in_range(hd_cc_sender_nodes_count(&model.cc), 0, HD_CC_NODES);
    }
}

/* A window's probes are answered, too, many times between two of the usual ones. */
static void auto_judges_no_shorter_spans_than_usual(void **state)
{
    uint64_t now_ns = SEC;
    uint64_t points = 0;
    uint32_t last_round = 0;

    (void)state;
    model_init(&model, HERALD_NORM_RATE_AUTO, 1);
    model.config.window_bytes_max = 4 << 20;
    hd_cc_sender_init(&model.cc, &model.config, now_ns);
    for (int i = 0; i < 100; i++) {
        struct hd_cc_report report = {
            .node_id = 100, .flags = HD_CC_START | HD_CC_RTT, .rtt_ns = MS, .rate_bps = 100 * MBIT, .has_delivery = true
        };

        for (int j = 0; j < 20; j++)
            hd_cc_sender_on_sent(&model.cc, 1400);
        report.sequence = hd_cc_sender_probe(&model.cc, MS, now_ns);
        report.delivery.received_datagrams = (uint32_t)(i + 1) * 20;
        report.delivery.received_bytes = (uint32_t)(i + 1) * 28000;
        report.delivery.arrival_us = (uint32_t)(now_ns / 1000);
        hd_cc_sender_on_report(&model.cc, &report, now_ns);
        points += model.cc.peers[0].points[0].mark.round != last_round;
        last_round = model.cc.peers[0].points[0].mark.round;
        now_ns += hd_cc_sender_probe_interval_ns(&model.cc, MS) / 10;
    }
    assert_in_range(points, 8, 15);
}

/* Reports that come twice or in another order change nothing for long. */
static void auto_bears_old_and_repeated_reports(void **state)
{
    struct model_link link = link_of(100 * MBIT, 10 * MS, 0);
    const struct model_receiver *receiver = start(&link, 1);

    (void)state;
    model_run(&model, 2 * SEC);
    model_reset(&model);
    for (int i = 0; i < 4000; i++) {
        struct hd_cc_point point = model.cc.peers[0].points[i % 4];
        struct hd_cc_report report = { .node_id = 100,
                                       .flags = HD_CC_START | HD_CC_RTT,
                                       .rtt_ns = MS,
                                       .rate_bps = 100 * MBIT,
                                       .sequence = (uint16_t)point.mark.round,
                                       .has_delivery = true,
                                       .delivery = point.delivery };

        hd_cc_sender_on_report(&model.cc, &report, model.now_ns);
        model_run_on(&model, MS);
    }
    assert_in_range(model_used_percent(&model, receiver), 85, 101);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(auto_reaches_a_lan_within_a_second),
        cmocka_unit_test(auto_uses_the_link_and_hardly_overruns_it),
        cmocka_unit_test(auto_leaves_no_standing_queue),
        cmocka_unit_test(auto_does_not_collapse_under_random_loss),
        cmocka_unit_test(auto_does_not_collapse_under_bursts_of_losses),
        cmocka_unit_test(auto_does_not_run_over_a_link_slower_than_its_start),
        cmocka_unit_test(auto_tries_again_ever_more_rarely),
        cmocka_unit_test(auto_recovers_when_loss_comes_and_goes),
        cmocka_unit_test(auto_follows_a_link_that_shrinks_and_grows),
        cmocka_unit_test(auto_is_not_raised_by_an_idle_application),
        cmocka_unit_test(auto_slows_down_when_feedback_stops),
        cmocka_unit_test(auto_stays_at_its_start_where_nobody_ever_answers),
        cmocka_unit_test(auto_takes_the_rate_of_the_slowest),
        cmocka_unit_test(auto_drops_a_receiver_that_vanished),
        cmocka_unit_test(auto_respects_a_satellite_beside_a_lan),
        cmocka_unit_test(auto_bears_a_receiver_without_delivery_reports),
        cmocka_unit_test(rate_stays_within_limits_whatever_is_reported),
        cmocka_unit_test(auto_judges_no_shorter_spans_than_usual),
        cmocka_unit_test(auto_bears_old_and_repeated_reports),
    };

    return cmocka_run_group_tests_name("cc_auto", tests, NULL, NULL);
}
