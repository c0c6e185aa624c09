/* SPDX-License-Identifier: MIT */
/* The NORM sender: what receivers ask for in vain (SQUELCH), and what it tells the group of requests (REPAIR_ADV). */
#include "norm_kit.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { ALICE = 100, BOB = 101 };

/* --- what is gone --- */

static void a_sender_that_has_said_goodbye_repairs_nothing(void **state)
{
    struct kit *kit = kit_sent(NULL, 64, NULL);

    (void)state;
    herald_norm_sender_end(kit->sender, kit->now_ns);
    kit_run_for(kit, 7 * kit_grtt_ns());
    assert_string_equal(kit_trace(kit), "F0/0.3 F0/0.3 E");
    kit_nack(kit, ALICE, HD_REQUEST_SEGMENT, 0, 0, 1);
    assert_int_equal(kit_statistics(kit).dropped[HERALD_NORM_DROP_OLD], 1);
    kit_run_for(kit, 100 * kit_grtt_ns());
    assert_string_equal(kit_trace(kit), "E E");
    kit_free(kit);
}

static void requests_for_released_objects_are_squelched(void **state)
{
    struct kit *kit = kit_new(NULL);

    (void)state;
    for (int i = 0; i < 4; i++)
        kit_enqueue(kit, 16, NULL);
    kit_drain(kit);
    kit_trace(kit);
    assert_int_equal(herald_norm_sender_release(kit->sender, 0, kit->now_ns), 0);
    assert_int_equal(herald_norm_sender_release(kit->sender, 2, kit->now_ns), 0);
    assert_true(herald_norm_sender_release(kit->sender, 2, kit->now_ns) < 0);
    kit_nack(kit, ALICE, HD_REQUEST_OBJECT, 0, 0, 0);
    kit_nack(kit, ALICE, HD_REQUEST_SEGMENT, 2, 0, 0);
    kit_drain(kit);
    assert_string_equal(kit_trace(kit), "Q1/0.0[2]");
    kit_free(kit);
}

static void a_squelch_names_the_gaps_of_a_range(void **state)
{
    struct kit *kit = kit_new(NULL);

    (void)state;
    for (int i = 0; i < 4; i++)
        kit_enqueue(kit, 16, NULL);
    kit_run_for(kit, 100 * kit_grtt_ns());
    kit_trace(kit);
    assert_int_equal(herald_norm_sender_release(kit->sender, 1, kit->now_ns), 0);
    assert_int_equal(herald_norm_sender_release(kit->sender, 2, kit->now_ns), 0);
    kit_nack_begin(kit, ALICE);
    kit_nack_range(kit, HD_REQUEST_OBJECT, kit_position(kit, 0, 0, 0), kit_position(kit, 3, 0, 0));
    kit_nack_send(kit, false);
    kit_run_for(kit, kit_gathering_ns());
    assert_string_equal(kit_trace(kit), "Q0/0.0[1,2] 0/0.0 3/0.0 F3/0.0");
    kit_free(kit);
}

static void a_squelch_names_nothing_before_its_window(void **state)
{
    struct kit *kit = kit_new(NULL);

    (void)state;
    for (int i = 0; i < 4; i++)
        kit_enqueue(kit, 16, NULL);
    kit_drain(kit);
    kit_trace(kit);
    assert_int_equal(herald_norm_sender_release(kit->sender, 1, kit->now_ns), 0);
    kit_nack(kit, ALICE, HD_REQUEST_OBJECT, 1, 0, 0);
    assert_int_equal(herald_norm_sender_release(kit->sender, 0, kit->now_ns), 0);
    kit_drain(kit);
    assert_string_equal(kit_trace(kit), "Q2/0.0");
    kit_free(kit);
}

static void squelches_are_2_grtt_apart(void **state)
{
    struct kit *kit = kit_new(NULL);
    uint64_t start_ns;

    (void)state;
    kit_enqueue(kit, 16, NULL);
    kit_enqueue(kit, 16, NULL);
    kit_run_for(kit, 1000 * KIT_MS);
    start_ns = kit->now_ns;
    assert_int_equal(herald_norm_sender_release(kit->sender, 0, kit->now_ns), 0);
    kit_trace(kit);
    for (int i = 0; i < 10; i++) {
        kit_nack(kit, ALICE, HD_REQUEST_OBJECT, 0, 0, 0);
        kit_run_for(kit, kit_grtt_ns() / 10);
    }
    kit_run_for(kit, 10 * kit_grtt_ns());
    assert_int_equal(kit->words, 2);
    assert_int_equal(kit->times_ns[0], start_ns);
    assert_int_equal(kit->times_ns[1], start_ns + 2 * kit_grtt_ns());
    assert_string_equal(kit_trace(kit), "Q1/0.0 Q1/0.0");
    kit_free(kit);
}

static void with_an_empty_queue_the_squelch_names_the_next_object(void **state)
{
    struct kit *kit = kit_sent(NULL, 16, NULL);

    (void)state;
    assert_int_equal(herald_norm_sender_release(kit->sender, 0, kit->now_ns), 0);
    kit_nack(kit, ALICE, HD_REQUEST_OBJECT, 0, 0, 0);
    kit_drain(kit);
    assert_string_equal(kit_trace(kit), "Q1/0.0");
    kit_free(kit);
}

static void an_object_may_be_released_while_it_is_repaired(void **state)
{
    struct kit *kit = kit_new(NULL);

    (void)state;
    kit_enqueue(kit, 64, NULL);
    kit_enqueue(kit, 64, NULL);
    kit_drain(kit);
    kit_nack_begin(kit, ALICE);
    kit_nack_item(kit, HD_REQUEST_BLOCK, 0, 0, 0);
    kit_nack_item(kit, HD_REQUEST_SEGMENT, 1, 0, 3);
    kit_nack_send(kit, false);
    kit->now_ns += kit_gathering_ns();
    assert_int_equal(herald_norm_sender_handle_timeout(kit->sender, kit->now_ns), 0);
    kit_trace(kit);
    do {
        assert_true(kit_poll(kit));
    } while (kit->words == 0);
    assert_int_equal(herald_norm_sender_release(kit->sender, 0, kit->now_ns), 0);
    kit_drain(kit);
    assert_string_equal(kit_trace(kit), "0/0.0 1/0.3 F1/0.3");
    kit_free(kit);
}

static void a_released_object_ends_what_was_gathered_for_it(void **state)
{
    struct kit *kit = kit_sent(NULL, 16, NULL);

    (void)state;
    kit_nack(kit, ALICE, HD_REQUEST_BLOCK, 0, 0, 0);
    assert_int_equal(herald_norm_sender_release(kit->sender, 0, kit->now_ns), 0);
    kit_run_for(kit, 100 * kit_grtt_ns());
    assert_string_equal(kit_trace(kit), "");
    assert_int_equal(kit_statistics(kit).repair_cycles, 0);
    kit_free(kit);
}

/* --- REPAIR_ADV --- */

static void unicast_nacks_are_advertised_to_the_group(void **state)
{
    struct herald_norm_sender_config config = kit_config();
    struct hd_request request = { 0 };
    struct hd_position first = { 0 }, last = { 0 };
    struct hd_cursor requests;
    struct kit *kit;

    (void)state;
    config.segment_bytes = 200;
    config.unicast_feedback = true;
    kit = kit_sent(&config, 1000, "name"); /* blocks of 3 and 2 */
    kit_nack_begin(kit, ALICE);
    kit_nack_item(kit, HD_REQUEST_INFO, 0, 0, 0);
    kit_nack_item(kit, HD_REQUEST_SEGMENT, 0, 0, 1);
    kit_nack_item(kit, HD_REQUEST_SEGMENT, 0, 0, 4); /* the second row: still only a number */
    kit_nack_item(kit, HD_REQUEST_BLOCK, 0, 1, 0);
    kit_nack_send(kit, true);
    assert_true(kit_poll(kit));
    assert_int_equal(kit->message.kind, HD_KIND_REPAIR_ADV);
    assert_int_equal(kit->message.repair_adv.flags, 0);
    requests = kit->message.repair_adv.requests;
    assert_true(hd_wire_next_request(&requests, &request) && request.flags == HD_REQUEST_INFO);
    assert_true(hd_wire_next_request(&requests, &request) && request.flags == HD_REQUEST_SEGMENT);
    assert_true(hd_wire_next_item(&request.items, &first) && hd_wire_next_item(&request.items, &last));
    assert_int_equal(first.id.symbol, 1);
    assert_int_equal(last.id.symbol, 3);
    assert_true(hd_wire_next_request(&requests, &request) && request.flags == HD_REQUEST_BLOCK);
    assert_true(hd_wire_next_item(&request.items, &first));
    assert_int_equal(first.id.block, 1);
    assert_false(hd_wire_next_request(&requests, &request));
    kit_free(kit);
}

static void adverts_are_a_quarter_grtt_apart_and_only_for_news(void **state)
{
    struct herald_norm_sender_config config = kit_config();
    struct kit *kit;

    (void)state;
    config.segment_bytes = 200;
    config.unicast_feedback = true;
    kit = kit_sent(&config, 1000, NULL);
    kit_nack(kit, ALICE, HD_REQUEST_SEGMENT, 0, 0, 1);
    kit_nack(kit, BOB, HD_REQUEST_SEGMENT, 0, 0, 1); /* no news */
    kit_drain(kit);
    kit_nack(kit, BOB, HD_REQUEST_SEGMENT, 0, 0, 2); /* news, but too early */
    kit_run_for(kit, kit_grtt_ns() / 4 - 1);
    assert_string_equal(kit_trace(kit), "A");
    kit_run_for(kit, kit_grtt_ns());
    assert_string_equal(kit_trace(kit), "A");
    kit_nack(kit, BOB, HD_REQUEST_SEGMENT, 0, 0, 2);
    kit_run_for(kit, kit_grtt_ns());
    assert_string_equal(kit_trace(kit), "");
    kit_free(kit);
}

/* Whoever makes the requests grow as fast as he can: most of what is sent is not about them. */
static void adverts_leave_room_for_data(void **state)
{
    struct herald_norm_sender_config config = kit_config();
    uint64_t adverts, sources;
    struct kit *kit;

    (void)state;
    config.segment_bytes = 32;
    config.unicast_feedback = true;
    config.rate_bytes_per_s = 5000; /* about 80 datagrams: a GRTT is hardly longer than one */
    kit = kit_new(&config);
    kit_enqueue(kit, 1024, NULL);
    kit_enqueue(kit, 1024, NULL);
    kit_run_for(kit, 600 * KIT_MS); /* the second is being sent */
    adverts = kit_statistics(kit).repair_adverts;
    sources = kit_statistics(kit).source_datagrams;
    for (uint16_t i = 0; i < 30; i++) {
        kit_nack(kit, ALICE, HD_REQUEST_SEGMENT, 0, i / 4, i % 4);
        kit_run_for(kit, 2 * KIT_MS);
    }
    adverts = kit_statistics(kit).repair_adverts - adverts;
    sources = kit_statistics(kit).source_datagrams - sources;
    assert_in_range(adverts, 1, 2);
    assert_in_range(sources, 2, 4);
    kit_free(kit);
}

static void multicast_nacks_are_not_advertised(void **state)
{
    struct kit *kit = kit_sent(NULL, 64, NULL);

    (void)state;
    kit_nack(kit, ALICE, HD_REQUEST_SEGMENT, 0, 0, 1);
    kit_run_for(kit, 100 * kit_grtt_ns());
    assert_null(strchr(kit_trace(kit), 'A'));
    kit_free(kit);
}

static void an_advert_that_is_too_long_says_so(void **state)
{
    struct herald_norm_sender_config config = kit_config();
    struct kit *kit;

    (void)state;
    config.unicast_feedback = true; /* segments of 16 bytes have room for one item */
    kit = kit_sent(&config, 160, NULL);
    kit_nack(kit, ALICE, HD_REQUEST_SEGMENT, 0, 0, 1);
    kit_nack(kit, ALICE, HD_REQUEST_SEGMENT, 0, 2, 1);
    assert_true(kit_poll(kit));
    assert_int_equal(kit->message.kind, HD_KIND_REPAIR_ADV);
    assert_int_equal(kit->message.repair_adv.flags, HD_REPAIR_ADV_LIMIT);
    kit_free(kit);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_sender_that_has_said_goodbye_repairs_nothing),
        cmocka_unit_test(requests_for_released_objects_are_squelched),
        cmocka_unit_test(a_squelch_names_the_gaps_of_a_range),
        cmocka_unit_test(a_squelch_names_nothing_before_its_window),
        cmocka_unit_test(squelches_are_2_grtt_apart),
        cmocka_unit_test(with_an_empty_queue_the_squelch_names_the_next_object),
        cmocka_unit_test(an_object_may_be_released_while_it_is_repaired),
        cmocka_unit_test(a_released_object_ends_what_was_gathered_for_it),
        cmocka_unit_test(unicast_nacks_are_advertised_to_the_group),
        cmocka_unit_test(adverts_are_a_quarter_grtt_apart_and_only_for_news),
        cmocka_unit_test(adverts_leave_room_for_data),
        cmocka_unit_test(multicast_nacks_are_not_advertised),
        cmocka_unit_test(an_advert_that_is_too_long_says_so),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
