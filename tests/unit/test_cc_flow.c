/* SPDX-License-Identifier: MIT */
/* No more on the way than receivers take: the window by itself, then the sender that keeps it. */
#include "cc_flow.h"
#include "norm_kit.h"
#include "quant.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#define MS UINT64_C(1000000)

enum {
    ALICE = 100,
    BOB = 101,
    DATAGRAM = 1000,
    WINDOW_MAX = 1 << 20,
    WINDOW_START = 256 << 10,
    WINDOW_LEAST = 64 << 10,
};

/* The times of a test begin here. */
static const uint64_t start_ns = 1000 * MS;

static struct hd_cc_sender cc;

static void begin(uint32_t window_bytes_max)
{
    struct herald_norm_sender_config config;

    herald_norm_sender_config_default(&config);
    config.rate_bytes_per_s = HERALD_NORM_RATE_MAX_BYTES_PER_S;
    config.window_bytes_max = window_bytes_max;
    hd_cc_sender_init(&cc, &config, start_ns);
}

static void send_datagrams(uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        hd_cc_sender_on_sent(&cc, DATAGRAM);
}

/* `node` has got so many datagrams, all in all, up to that probe. */
static void answer(uint32_t node, uint16_t sequence, uint32_t datagrams, uint64_t now_ns)
{
    const struct hd_cc_report report = {
        .node_id = node,
        .rtt_ns = MS,
        .rate_bps = 1000000,
        .sequence = sequence,
        .has_delivery = true,
        .delivery = { .received_datagrams = datagrams, .received_bytes = datagrams * DATAGRAM },
    };

    hd_cc_sender_on_report(&cc, &report, now_ns);
}

static uint16_t probe(void)
{
    return hd_cc_sender_probe(&cc, MS, start_ns);
}

static bool is_open(uint64_t now_ns)
{
    uint64_t until_ns = 0;
    bool open = hd_cc_flow_is_open(&cc, now_ns, &until_ns);

    assert_true(open || until_ns > now_ns);
    return open;
}

/* Fills the window of one receiver, who then loses that part of it. @return the window afterwards. */
static uint32_t fill_and_lose(uint32_t node, uint32_t *got, uint32_t percent)
{
    uint32_t datagrams = cc.flow.window_bytes / DATAGRAM + 1;

    send_datagrams(datagrams);
    assert_false(is_open(start_ns));
    *got += datagrams - datagrams * percent / 100;
    answer(node, probe(), *got, start_ns);
    return cc.flow.window_bytes;
}

static void without_a_window_nothing_is_held(void **state)
{
    (void)state;
    begin(0);
    answer(ALICE, probe(), 0, start_ns);
    send_datagrams(100000);
    assert_true(is_open(start_ns));
    assert_false(hd_cc_flow_wants_probe(&cc));
}

static void the_first_answer_is_waited_for_with_a_window_sent(void **state)
{
    uint64_t until_ns = 0;

    (void)state;
    begin(WINDOW_MAX);
    probe();
    assert_true(is_open(start_ns));
    send_datagrams(WINDOW_START / DATAGRAM);
    assert_true(is_open(start_ns));
    send_datagrams(1);
    assert_false(hd_cc_flow_is_open(&cc, start_ns + 10 * MS, &until_ns));
    assert_true(is_open(until_ns)); /* nobody is there, or nobody answers */
    send_datagrams(100000);
    assert_true(is_open(until_ns));
    assert_false(hd_cc_flow_wants_probe(&cc)); /* nobody would answer at once */
}

static void the_slowest_receiver_holds_the_sender(void **state)
{
    uint16_t sequence;

    (void)state;
    begin(WINDOW_MAX);
    sequence = probe();
    answer(ALICE, sequence, 0, start_ns);
    answer(BOB, sequence, 0, start_ns);
    send_datagrams(WINDOW_START / DATAGRAM);
    assert_true(is_open(start_ns));
    sequence = probe();
    send_datagrams(1);
    assert_false(is_open(start_ns));
    answer(ALICE, sequence, WINDOW_START / DATAGRAM, start_ns);
    assert_false(is_open(start_ns));
    answer(BOB, sequence, WINDOW_START / DATAGRAM, start_ns);
    assert_true(is_open(start_ns));
}

static void a_silent_receiver_does_not_hold_it_for_long(void **state)
{
    uint64_t until_ns = 0;

    (void)state;
    begin(WINDOW_MAX);
    answer(ALICE, probe(), 0, start_ns);
    send_datagrams(WINDOW_START / DATAGRAM + 1);
    assert_false(hd_cc_flow_is_open(&cc, start_ns, &until_ns));
    assert_false(is_open(until_ns - 1));
    assert_true(is_open(until_ns));
}

static void who_repeats_old_answers_does_not_hold_it_either(void **state)
{
    uint16_t sequence;

    (void)state;
    begin(WINDOW_MAX);
    sequence = probe();
    answer(ALICE, sequence, 0, start_ns);
    send_datagrams(WINDOW_START / DATAGRAM + 1);
    assert_false(is_open(start_ns));
    for (uint64_t i = 1; i <= 20; i++)
        answer(ALICE, sequence, 0, start_ns + i * 100 * MS);
    assert_true(is_open(start_ns + 2000 * MS));
}

static void a_probe_without_an_answer_is_sent_again(void **state)
{
    uint64_t next_ns;

    (void)state;
    begin(WINDOW_MAX);
    assert_false(hd_cc_flow_asks_again(&cc, start_ns + 100 * MS, &next_ns)); /* nobody would answer */
    assert_int_equal(next_ns, HERALD_NEVER);
    answer(ALICE, probe(), 0, start_ns);
    send_datagrams(WINDOW_START / DATAGRAM + 1);
    (void)probe();
    assert_false(hd_cc_flow_asks_again(&cc, start_ns, &next_ns));
    assert_int_equal(next_ns, start_ns + 2 * MS); /* two round trips */
    assert_true(hd_cc_flow_asks_again(&cc, next_ns, &next_ns));
    assert_false(hd_cc_flow_asks_again(&cc, start_ns + 2 * MS, &next_ns)); /* later and later */
    assert_int_equal(next_ns, start_ns + 4 * MS);
    for (int i = 0; i < 20; i++)
        assert_true(hd_cc_flow_asks_again(&cc, start_ns + 20 * MS, &next_ns));
    assert_int_equal(next_ns, start_ns + 20 * MS);
}

static void what_the_path_loses_by_itself_does_not_shrink_the_window(void **state)
{
    uint32_t got = 0;
    uint32_t before;

    (void)state;
    begin(WINDOW_MAX);
    answer(ALICE, probe(), 0, start_ns);
    cc.peers[0].base_sent = 100; /* as the automatic rate has found */
    cc.peers[0].base_received = 80;
    before = cc.flow.window_bytes;
    assert_true(fill_and_lose(ALICE, &got, 20) > before);
    before = cc.flow.window_bytes;
    assert_true(fill_and_lose(ALICE, &got, 40) < before);
}

static void who_does_not_tell_what_came_is_not_waited_for(void **state)
{
    const struct hd_cc_report report = { .node_id = ALICE, .rate_bps = 1000000, .sequence = 1 };

    (void)state;
    begin(WINDOW_MAX);
    assert_int_equal(probe(), report.sequence);
    hd_cc_sender_on_report(&cc, &report, start_ns);
    send_datagrams(100000);
    assert_true(is_open(start_ns));
}

static void four_probes_go_out_in_a_window(void **state)
{
    (void)state;
    begin(WINDOW_MAX);
    answer(ALICE, probe(), 0, start_ns);
    send_datagrams(WINDOW_START / 4 / DATAGRAM);
    assert_false(hd_cc_flow_wants_probe(&cc));
    send_datagrams(1);
    assert_true(hd_cc_flow_wants_probe(&cc));
    probe();
    assert_false(hd_cc_flow_wants_probe(&cc));
}

static void the_window_grows_to_its_limit_while_nothing_is_lost(void **state)
{
    uint32_t got = 0;

    (void)state;
    begin(WINDOW_MAX);
    answer(ALICE, probe(), 0, start_ns);
    assert_true(fill_and_lose(ALICE, &got, 0) > WINDOW_START * 3 / 2);
    for (int i = 0; i < 5; i++)
        fill_and_lose(ALICE, &got, 0);
    assert_int_equal(cc.flow.window_bytes, WINDOW_MAX);
}

static void a_window_that_is_not_filled_stays(void **state)
{
    (void)state;
    begin(WINDOW_MAX);
    answer(ALICE, probe(), 0, start_ns);
    for (uint32_t i = 1; i < 100; i++) {
        send_datagrams(100);
        assert_true(is_open(start_ns));
        answer(ALICE, probe(), i * 100, start_ns);
    }
    assert_int_equal(cc.flow.window_bytes, WINDOW_START);
}

static void much_loss_makes_it_smaller_once_for_each_window(void **state)
{
    uint32_t got = 0;
    uint16_t before;

    (void)state;
    begin(WINDOW_MAX);
    answer(ALICE, probe(), 0, start_ns);
    send_datagrams(100);
    before = probe(); /* what lies before this was sent before the loss was known */
    send_datagrams(100);
    answer(ALICE, probe(), 100, start_ns);
    assert_in_range(cc.flow.window_bytes, WINDOW_START * 65 / 100, WINDOW_START * 75 / 100);
    answer(ALICE, before, 10, start_ns); /* late: nothing new */
    send_datagrams(20);
    answer(ALICE, probe(), 100, start_ns);
    assert_in_range(cc.flow.window_bytes, WINDOW_START * 45 / 100, WINDOW_START * 75 / 100);
    got = 100;
    for (int i = 0; i < 20; i++)
        fill_and_lose(ALICE, &got, 50);
    assert_int_equal(cc.flow.window_bytes, WINDOW_LEAST);
}

static void a_little_loss_leaves_it(void **state)
{
    uint32_t got = 0;

    (void)state;
    begin(WINDOW_MAX);
    answer(ALICE, probe(), 0, start_ns);
    for (int i = 0; i < 20; i++)
        assert_int_equal(fill_and_lose(ALICE, &got, 5), WINDOW_START);
}

static void counters_that_make_no_sense_change_nothing(void **state)
{
    (void)state;
    begin(WINDOW_MAX);
    answer(ALICE, probe(), 0, start_ns);
    for (uint32_t i = 0; i < 100; i++) {
        send_datagrams(50);
        answer(ALICE, probe(), i % 2 ? UINT32_MAX : i * 1000000,
               start_ns); /* more than was sent, or fewer than before */
        assert_in_range(cc.flow.window_bytes, WINDOW_LEAST, WINDOW_MAX);
    }
    answer(ALICE, 12345, 7, start_ns); /* a probe that never was */
    assert_in_range(cc.flow.window_bytes, WINDOW_LEAST, WINDOW_MAX);
}

/* --- the sender --- */

/* ALICE answers the last probe: so many datagrams came. */
static void tell_delivery(struct kit *kit, uint16_t sequence, uint32_t datagrams)
{
    const struct hd_header header = { .source_id = ALICE, .instance_id = KIT_INSTANCE };
    const struct hd_cc_feedback feedback = { .sequence = sequence, .rate = hd_rate_encode(1000000) };
    const struct hd_cc_delivery delivery = { .received_datagrams = datagrams };

    kit->writer = hd_writer_over(kit->feedback, sizeof(kit->feedback));
    hd_wire_put_ack(&kit->writer, &header, KIT_NODE, HD_ACK_CC, 0, hd_timestamp_of_ns(0));
    hd_wire_put_ext_cc(&kit->writer, &feedback);
    hd_wire_put_ext_delivery(&kit->writer, &delivery);
    hd_wire_end_header(&kit->writer);
    kit_input(kit, kit->feedback, hd_writer_size(&kit->writer), true);
}

/* How many DATA there are in the trace since the last call. */
static uint32_t data_sent(struct kit *kit)
{
    const char *trace = kit_trace(kit);
    uint32_t count = 0;

    while ((trace = strchr(trace, '/')) != NULL) {
        count++;
        trace++;
    }
    return count;
}

static struct kit *kit_with_window(uint32_t window_bytes)
{
    struct herald_norm_sender_config config = kit_config();
    struct kit *kit;

    config.window_bytes_max = window_bytes;
    kit = kit_new(&config);
    kit_enqueue(kit, 64, NULL);
    kit_drain(kit);
    tell_delivery(kit, 1, 0);
    kit_run_for(kit, 1000 * kit_grtt_ns()); /* it was flushed */
    data_sent(kit);
    return kit;
}

static void the_sender_waits_for_who_listens(void **state)
{
    struct kit *kit = kit_with_window(700);
    uint32_t count;

    (void)state;
    kit->show_probes = true;
    tell_delivery(kit, (uint16_t)kit_statistics(kit).cc_probes, 4);
    kit_enqueue(kit, 1024, NULL); /* 64 segments */
    kit_drain(kit);               /* which checks that the next timeout lies ahead */
    count = data_sent(kit);
    assert_in_range(count, 5, 20);
    tell_delivery(kit, (uint16_t)kit_statistics(kit).cc_probes, 4 + count);
    kit_drain(kit);
    assert_true(data_sent(kit) > 3);
    kit_free(kit);
}

static void the_sender_goes_on_without_who_is_silent(void **state)
{
    struct kit *kit = kit_with_window(700);

    (void)state;
    tell_delivery(kit, (uint16_t)kit_statistics(kit).cc_probes, 4);
    kit_enqueue(kit, 1024, NULL);
    kit_run_for(kit, 100 * MS);
    assert_in_range(data_sent(kit), 5, 20);
    kit_run_for(kit, 5000 * MS);
    assert_true(data_sent(kit) >= 64 - 20);
    kit_free(kit);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_a_window_nothing_is_held),
        cmocka_unit_test(the_first_answer_is_waited_for_with_a_window_sent),
        cmocka_unit_test(the_slowest_receiver_holds_the_sender),
        cmocka_unit_test(a_silent_receiver_does_not_hold_it_for_long),
        cmocka_unit_test(who_repeats_old_answers_does_not_hold_it_either),
        cmocka_unit_test(a_probe_without_an_answer_is_sent_again),
        cmocka_unit_test(what_the_path_loses_by_itself_does_not_shrink_the_window),
        cmocka_unit_test(who_does_not_tell_what_came_is_not_waited_for),
        cmocka_unit_test(four_probes_go_out_in_a_window),
        cmocka_unit_test(the_window_grows_to_its_limit_while_nothing_is_lost),
        cmocka_unit_test(a_window_that_is_not_filled_stays),
        cmocka_unit_test(much_loss_makes_it_smaller_once_for_each_window),
        cmocka_unit_test(a_little_loss_leaves_it),
        cmocka_unit_test(counters_that_make_no_sense_change_nothing),
        cmocka_unit_test(the_sender_waits_for_who_listens),
        cmocka_unit_test(the_sender_goes_on_without_who_is_silent),
    };

    return cmocka_run_group_tests_name("cc_flow", tests, NULL, NULL);
}
