/* SPDX-License-Identifier: MIT */
/* The NORM sender: watermarks and who acknowledged them, application commands, requests. */
#include "norm_kit.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { ALICE = 100, BOB = 101, CAROL = 102 };

static void add_nodes(struct kit *kit, uint32_t first, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        assert_int_equal(herald_norm_sender_add_ack_node(kit->sender, first + i), 0);
}

static void request_acks(struct kit *kit, uint16_t object_id)
{
    assert_int_equal(herald_norm_sender_request_acks(kit->sender, object_id, kit->now_ns), 0);
}

/* --- watermark --- */

static void the_watermark_lists_who_has_not_answered(void **state)
{
    struct kit *kit = kit_new(NULL);

    (void)state;
    add_nodes(kit, ALICE, 3);
    kit_enqueue(kit, 16, NULL);
    request_acks(kit, 0);
    kit_drain(kit);
    assert_string_equal(kit_trace(kit), "0/0.0 F0/0.0[100,101,102]");
    kit_ack(kit, BOB, 0, 0, 0);
    assert_int_equal(herald_norm_sender_ack_status(kit->sender, ALICE), 0);
    assert_int_equal(herald_norm_sender_ack_status(kit->sender, BOB), 1);
    assert_int_equal(herald_norm_sender_ack_status(kit->sender, 99), -ENOENT);
    kit_run_for(kit, 2 * kit_grtt_ns());
    assert_string_equal(kit_trace(kit), "F0/0.0[100,102]");
    assert_int_equal(kit_events(kit, HERALD_NORM_SENDER_ACKED), 1);
    assert_int_equal(kit_last_event(kit, HERALD_NORM_SENDER_ACKED)->node_id, BOB);
    assert_int_equal(kit_events(kit, HERALD_NORM_SENDER_ACKS_DONE), 0);
    kit_free(kit);
}

static void when_all_have_acknowledged_the_flush_goes_on_for_the_others(void **state)
{
    struct kit *kit = kit_new(NULL);

    (void)state;
    add_nodes(kit, ALICE, 2);
    kit_enqueue(kit, 16, NULL);
    request_acks(kit, 0);
    kit_drain(kit);
    kit_ack(kit, ALICE, 0, 0, 0);
    kit_ack(kit, BOB, 0, 0, 0);
    kit_trace(kit);
    kit_run_for(kit, 100 * kit_grtt_ns());
    assert_string_equal(kit_trace(kit), "F0/0.0 F0/0.0");
    assert_int_equal(kit_events(kit, HERALD_NORM_SENDER_ACKED), 2);
    assert_int_equal(kit_events(kit, HERALD_NORM_SENDER_ACKS_DONE), 1);
    assert_int_equal(kit_last_event(kit, HERALD_NORM_SENDER_ACKS_DONE)->missing_count, 0);
    assert_int_equal(kit_events(kit, HERALD_NORM_SENDER_FLUSHED), 1);
    kit_free(kit);
}

static void who_does_not_answer_has_failed_after_robust_factor_rounds(void **state)
{
    struct kit *kit = kit_new(NULL);

    (void)state;
    add_nodes(kit, ALICE, 2);
    kit_enqueue(kit, 16, NULL);
    request_acks(kit, 0);
    kit_drain(kit);
    kit_ack(kit, ALICE, 0, 0, 0);
    kit_run_for(kit, 100 * kit_grtt_ns());
    /* The answer was progress: three more rounds after it. */
    assert_string_equal(kit_trace(kit), "0/0.0 F0/0.0[100,101] F0/0.0[101] F0/0.0[101] F0/0.0[101]");
    assert_int_equal(herald_norm_sender_ack_status(kit->sender, BOB), 2);
    assert_int_equal(kit_last_event(kit, HERALD_NORM_SENDER_ACKS_DONE)->missing_count, 1);
    assert_int_equal(kit_events(kit, HERALD_NORM_SENDER_FLUSHED), 1);
    kit_ack(kit, BOB, 0, 0, 0); /* late, but true */
    assert_int_equal(herald_norm_sender_ack_status(kit->sender, BOB), 1);
    assert_int_equal(kit_events(kit, HERALD_NORM_SENDER_ACKS_DONE), 1);
    kit_free(kit);
}

static void a_long_list_takes_several_messages(void **state)
{
    struct kit *kit = kit_new(NULL);

    (void)state;
    add_nodes(kit, 10, 10); /* four fit a segment of 16 bytes */
    kit_enqueue(kit, 16, NULL);
    request_acks(kit, 0);
    kit_drain(kit);
    assert_string_equal(kit_trace(kit), "0/0.0 F0/0.0[10,11,12,13] F0/0.0[14,15,16,17] F0/0.0[18,19]");
    kit_ack(kit, 11, 0, 0, 0);
    kit_ack(kit, 18, 0, 0, 0);
    kit_run_for(kit, 2 * kit_grtt_ns());
    assert_string_equal(kit_trace(kit), "F0/0.0[10,12,13,14] F0/0.0[15,16,17,19]");
    kit_free(kit);
}

static void nodes_may_leave_in_the_middle_of_a_round(void **state)
{
    struct kit *kit = kit_new(NULL);

    (void)state;
    add_nodes(kit, 10, 6);
    kit_enqueue(kit, 16, NULL);
    request_acks(kit, 0);
    while (kit->words < 2)
        assert_true(kit_poll(kit)); /* up to the first FLUSH */
    assert_int_equal(herald_norm_sender_remove_ack_node(kit->sender, 14, kit->now_ns), 0);
    assert_int_equal(herald_norm_sender_remove_ack_node(kit->sender, 14, kit->now_ns), -ENOENT);
    kit_drain(kit);
    assert_string_equal(kit_trace(kit), "0/0.0 F0/0.0[10,11,12,13] F0/0.0[15]");
    for (uint32_t node = 10; node < 16; node++)
        if (node != 14)
            assert_int_equal(herald_norm_sender_remove_ack_node(kit->sender, node, kit->now_ns), 0);
    kit_drain(kit);
    assert_int_equal(kit_events(kit, HERALD_NORM_SENDER_ACKS_DONE), 1);
    assert_int_equal(kit_last_event(kit, HERALD_NORM_SENDER_ACKS_DONE)->missing_count, 0);
    kit_free(kit);
}

static void a_watermark_waits_until_it_is_sent(void **state)
{
    struct kit *kit = kit_new(NULL);

    (void)state;
    add_nodes(kit, ALICE, 1);
    kit_enqueue(kit, 32, NULL);
    kit_enqueue(kit, 32, NULL);
    request_acks(kit, 0);
    kit_enqueue(kit, 32, NULL);
    kit_drain(kit);
    /* Asked as soon as its object is out, between the others. */
    assert_string_equal(kit_trace(kit), "0/0.0 0/0.1 F0/0.1[100] 1/0.0 1/0.1 2/0.0 2/0.1 F2/0.1");
    kit_ack(kit, ALICE, 0, 0, 1);
    assert_int_equal(kit_events(kit, HERALD_NORM_SENDER_ACKS_DONE), 1);
    assert_int_equal(kit_events(kit, HERALD_NORM_SENDER_FLUSHED), 0);
    kit_run_for(kit, 100 * kit_grtt_ns());
    assert_string_equal(kit_trace(kit), "F2/0.1 F2/0.1");
    kit_free(kit);
}

static void repair_is_progress_of_a_watermark(void **state)
{
    struct kit *kit = kit_new(NULL);

    (void)state;
    add_nodes(kit, ALICE, 1);
    kit_enqueue(kit, 16, NULL);
    request_acks(kit, 0);
    kit_run_for(kit, 3 * kit_grtt_ns()); /* two questions */
    kit_trace(kit);
    kit_nack(kit, ALICE, HD_REQUEST_SEGMENT, 0, 0, 0);
    kit_run_for(kit, 4 * kit_grtt_ns());
    assert_string_equal(kit_trace(kit), ""); /* nobody is asked for what is about to be repaired */
    kit_run_for(kit, 100 * kit_grtt_ns());
    assert_string_equal(kit_trace(kit), "0/0.0 F0/0.0[100] F0/0.0[100] F0/0.0[100]");
    kit_free(kit);
}

static void only_the_exact_position_is_an_acknowledgement(void **state)
{
    struct kit *kit = kit_new(NULL);
    struct herald_norm_sender_statistics statistics;

    (void)state;
    add_nodes(kit, ALICE, 1);
    kit_enqueue(kit, 96, NULL);
    request_acks(kit, 0);
    kit_drain(kit);
    kit_ack(kit, ALICE, 0, 1, 1);
    kit_ack(kit, ALICE, 0, 0, 2);
    kit_ack(kit, ALICE, 1, 1, 2);
    kit_ack(kit, BOB, 0, 1, 2);
    assert_int_equal(herald_norm_sender_ack_status(kit->sender, ALICE), 0);
    kit_ack(kit, ALICE, 0, 1, 2);
    kit_ack(kit, ALICE, 0, 1, 2);
    herald_norm_sender_get_statistics(kit->sender, &statistics);
    assert_int_equal(statistics.acks, 6);
    assert_int_equal(statistics.dropped[HERALD_NORM_DROP_OLD], 3);
    assert_int_equal(statistics.dropped[HERALD_NORM_DROP_INCONSISTENT], 1);
    assert_int_equal(statistics.dropped[HERALD_NORM_DROP_DUPLICATE], 1);
    assert_int_equal(kit_events(kit, HERALD_NORM_SENDER_ACKED), 1);
    kit_free(kit);
}

static void a_new_watermark_replaces_the_last(void **state)
{
    struct kit *kit = kit_new(NULL);

    (void)state;
    add_nodes(kit, ALICE, 2);
    kit_enqueue(kit, 16, NULL);
    kit_enqueue(kit, 16, NULL);
    request_acks(kit, 0);
    kit_drain(kit);
    kit_ack(kit, ALICE, 0, 0, 0);
    kit_trace(kit);
    request_acks(kit, 1);
    assert_int_equal(herald_norm_sender_ack_status(kit->sender, ALICE), 0);
    kit_drain(kit);
    assert_string_equal(kit_trace(kit), "F1/0.0[100,101]");
    kit_free(kit);
}

static void a_node_added_later_is_asked_by_the_next_watermark(void **state)
{
    struct kit *kit = kit_new(NULL);

    (void)state;
    add_nodes(kit, ALICE, 1);
    kit_enqueue(kit, 16, NULL);
    request_acks(kit, 0);
    add_nodes(kit, BOB, 1);
    kit_drain(kit);
    assert_string_equal(kit_trace(kit), "0/0.0 F0/0.0[100]");
    kit_ack(kit, BOB, 0, 0, 0);
    assert_int_equal(herald_norm_sender_ack_status(kit->sender, BOB), 0);
    kit_ack(kit, ALICE, 0, 0, 0);
    assert_int_equal(kit_events(kit, HERALD_NORM_SENDER_ACKS_DONE), 1);
    kit_free(kit);
}

static void the_list_of_nodes_is_limited(void **state)
{
    struct herald_norm_sender_config config = kit_config();
    struct kit *kit;

    (void)state;
    config.ack_nodes_max = 2;
    kit = kit_new(&config);
    kit_enqueue(kit, 16, NULL);
    assert_int_equal(herald_norm_sender_request_acks(kit->sender, 0, kit->now_ns), -EINVAL);
    add_nodes(kit, ALICE, 2);
    assert_int_equal(herald_norm_sender_request_acks(kit->sender, 1, kit->now_ns), -ENOENT);
    assert_int_equal(herald_norm_sender_add_ack_node(kit->sender, CAROL), -ENOBUFS);
    assert_int_equal(herald_norm_sender_add_ack_node(kit->sender, ALICE), -EEXIST);
    assert_int_equal(herald_norm_sender_add_ack_node(kit->sender, HERALD_NORM_NODE_NONE), -EINVAL);
    assert_int_equal(herald_norm_sender_remove_ack_node(kit->sender, ALICE, kit->now_ns), 0);
    assert_int_equal(herald_norm_sender_add_ack_node(kit->sender, CAROL), 0);
    kit_free(kit);
}

static void a_watermark_of_an_object_that_is_never_sent_fails(void **state)
{
    struct kit *kit = kit_new(NULL);

    (void)state;
    add_nodes(kit, ALICE, 1);
    kit_enqueue(kit, 64, NULL);
    request_acks(kit, 0);
    assert_true(kit_poll(kit) && kit_poll(kit));
    assert_int_equal(herald_norm_sender_release(kit->sender, 0, kit->now_ns), 0);
    kit_run_for(kit, 100 * kit_grtt_ns());
    assert_string_equal(kit_trace(kit), "0/0.0");
    assert_int_equal(kit_last_event(kit, HERALD_NORM_SENDER_ACKS_DONE)->missing_count, 1);
    kit_free(kit);
}

static void an_empty_object_can_be_acknowledged(void **state)
{
    struct kit *kit = kit_new(NULL);

    (void)state;
    add_nodes(kit, ALICE, 1);
    kit_enqueue(kit, 0, "empty");
    request_acks(kit, 0);
    kit_drain(kit);
    assert_string_equal(kit_trace(kit), "i0 F0/16777215.255[100]");
    kit_ack(kit, ALICE, 0, 0xffffff, 0xff);
    assert_int_equal(herald_norm_sender_ack_status(kit->sender, ALICE), 1);
    kit_free(kit);
}

/* --- application commands --- */

static void a_command_is_sent_once(void **state)
{
    struct kit *kit = kit_new(NULL);
    const uint8_t content[17] = "0123456789abcdef";

    (void)state;
    assert_int_equal(herald_norm_sender_send_command(kit->sender, content, 17, false, kit->now_ns), -EMSGSIZE);
    assert_int_equal(herald_norm_sender_send_command(kit->sender, content, 16, false, kit->now_ns), 0);
    assert_int_equal(herald_norm_sender_send_command(kit->sender, content, 16, false, kit->now_ns), -EBUSY);
    while (kit->words == 0)
        assert_true(kit_poll(kit));
    assert_int_equal(hd_cursor_left(&kit->message.application), 16);
    assert_memory_equal(kit->message.application.at, content, 16);
    kit_run_for(kit, 100 * kit_grtt_ns());
    assert_string_equal(kit_trace(kit), "M");
    assert_int_equal(kit_events(kit, HERALD_NORM_SENDER_COMMAND_SENT), 1);
    kit_free(kit);
}

static void a_robust_command_is_repeated(void **state)
{
    struct kit *kit = kit_new(NULL);
    uint64_t start_ns = kit->now_ns;

    (void)state;
    assert_int_equal(herald_norm_sender_send_command(kit->sender, NULL, 0, true, kit->now_ns), 0);
    kit_run_for(kit, 100 * kit_grtt_ns());
    assert_int_equal(kit->times_ns[2], start_ns + 4 * kit_grtt_ns());
    assert_string_equal(kit_trace(kit), "M M M");
    assert_int_equal(kit_events(kit, HERALD_NORM_SENDER_COMMAND_SENT), 1);
    kit_free(kit);
}

/* --- requests --- */

static void answer(struct kit *kit, uint32_t node_id, uint8_t ack_type, uint8_t ack_id, const char *content)
{
    struct hd_header header = { .source_id = node_id, .instance_id = KIT_INSTANCE };
    struct hd_timestamp none = { 0 };

    kit->writer = hd_writer_over(kit->feedback, sizeof(kit->feedback));
    hd_wire_put_ack(&kit->writer, &header, KIT_NODE, ack_type, ack_id, none);
    hd_wire_end_header(&kit->writer);
    hd_wire_put_content(&kit->writer, (const uint8_t *)content, strlen(content));
    kit_input(kit, kit->feedback, hd_writer_size(&kit->writer), true);
}

static void a_request_asks_until_all_have_answered(void **state)
{
    const uint32_t nodes[] = { ALICE, BOB };
    struct kit *kit = kit_new(NULL);
    const struct herald_norm_sender_event *event;

    (void)state;
    assert_int_equal(herald_norm_sender_request(kit->sender, 15, 1, nodes, 2, NULL, 0, kit->now_ns), -EINVAL);
    assert_int_equal(herald_norm_sender_request(kit->sender, 16, 1, nodes, 2, NULL, 0, kit->now_ns), 0);
    assert_int_equal(herald_norm_sender_request(kit->sender, 16, 2, nodes, 2, NULL, 0, kit->now_ns), -EBUSY);
    kit_drain(kit);
    answer(kit, BOB, 16, 1, "here");
    event = kit_last_event(kit, HERALD_NORM_SENDER_APPLICATION_ACK);
    assert_int_equal(event->node_id, BOB);
    assert_int_equal(event->ack_type, 16);
    assert_int_equal(event->content_bytes, 4);
    assert_memory_equal(event->content, "here", 4);
    answer(kit, BOB, 16, 1, "here");   /* twice */
    answer(kit, CAROL, 16, 1, "here"); /* not asked */
    answer(kit, ALICE, 16, 2, "else"); /* without being asked: told, but not the answer */
    assert_memory_equal(kit_last_event(kit, HERALD_NORM_SENDER_APPLICATION_ACK)->content, "else", 4);
    kit_run_for(kit, 2 * kit_grtt_ns());
    answer(kit, ALICE, 16, 1, "");
    kit_run_for(kit, 100 * kit_grtt_ns());
    assert_string_equal(kit_trace(kit), "R16.1[100,101] R16.1[100]");
    assert_int_equal(kit_events(kit, HERALD_NORM_SENDER_APPLICATION_ACK), 3);
    assert_int_equal(kit_events(kit, HERALD_NORM_SENDER_REQUEST_DONE), 1);
    assert_int_equal(kit_last_event(kit, HERALD_NORM_SENDER_REQUEST_DONE)->missing_count, 0);
    kit_free(kit);
}

static void a_request_can_be_taken_back(void **state)
{
    const uint32_t nodes[] = { ALICE };
    struct kit *kit = kit_new(NULL);

    (void)state;
    assert_int_equal(herald_norm_sender_request(kit->sender, 16, 1, nodes, 1, NULL, 0, kit->now_ns), 0);
    kit_drain(kit);
    herald_norm_sender_cancel_request(kit->sender);
    kit_run_for(kit, 100 * kit_grtt_ns());
    assert_string_equal(kit_trace(kit), "R16.1[100]");
    assert_int_equal(kit_events(kit, HERALD_NORM_SENDER_REQUEST_DONE), 0);
    assert_int_equal(herald_norm_sender_request(kit->sender, 16, 2, nodes, 1, NULL, 0, kit->now_ns), 0);
    kit_drain(kit);
    assert_string_equal(kit_trace(kit), "R16.2[100]");
    kit_free(kit);
}

static void a_request_gives_up_after_robust_factor_rounds(void **state)
{
    uint32_t nodes[6];
    struct kit *kit = kit_new(NULL);

    (void)state;
    for (uint32_t i = 0; i < 6; i++)
        nodes[i] = 10 + i;
    assert_int_equal(herald_norm_sender_request(kit->sender, 20, 0, nodes, 6, NULL, 0, kit->now_ns), 0);
    kit_run_for(kit, 5 * kit_grtt_ns());
    assert_int_equal(kit_events(kit, HERALD_NORM_SENDER_REQUEST_DONE), 0);
    kit_run_for(kit, 100 * kit_grtt_ns());
    assert_string_equal(kit_trace(kit), "R20.0[10,11,12,13] R20.0[14,15] R20.0[10,11,12,13] R20.0[14,15] "
                                        "R20.0[10,11,12,13] R20.0[14,15]");
    assert_int_equal(kit_last_event(kit, HERALD_NORM_SENDER_REQUEST_DONE)->missing_count, 6);
    answer(kit, 12, 20, 0, "late");
    assert_int_equal(kit_events(kit, HERALD_NORM_SENDER_APPLICATION_ACK), 1);
    kit_free(kit);
}

static void a_request_to_everybody_has_no_list(void **state)
{
    struct kit *kit = kit_new(NULL);
    struct hd_cursor content;

    (void)state;
    assert_int_equal(herald_norm_sender_request(kit->sender, 16, 9, NULL, 0, (const uint8_t *)"who?", 4, kit->now_ns),
                     0);
    while (kit->words == 0)
        assert_true(kit_poll(kit));
    assert_true(kit->message.extensions.present & HD_EXT_APPLICATION);
    content = kit->message.extensions.application;
    assert_true(hd_cursor_left(&content) >= 4);
    assert_memory_equal(content.at, "who?", 4);
    answer(kit, ALICE, 16, 9, "a");
    answer(kit, BOB, 16, 9, "b");
    kit_run_for(kit, 100 * kit_grtt_ns());
    assert_string_equal(kit_trace(kit), "R16.9 R16.9 R16.9");
    assert_int_equal(kit_events(kit, HERALD_NORM_SENDER_APPLICATION_ACK), 2);
    assert_int_equal(kit_last_event(kit, HERALD_NORM_SENDER_REQUEST_DONE)->missing_count, 0);
    kit_free(kit);
}

static void an_answer_longer_than_the_limit_is_counted(void **state)
{
    struct kit *kit = kit_new(NULL);
    struct herald_norm_sender_statistics statistics;

    (void)state;
    assert_int_equal(herald_norm_sender_request(kit->sender, 16, 1, NULL, 0, NULL, 0, kit->now_ns), 0);
    answer(kit, ALICE, 16, 1, "seventeen letters");
    herald_norm_sender_get_statistics(kit->sender, &statistics);
    assert_int_equal(statistics.dropped[HERALD_NORM_DROP_LIMIT], 1);
    assert_int_equal(kit_events(kit, HERALD_NORM_SENDER_APPLICATION_ACK), 0);
    kit_free(kit);
}

static void the_end_waits_for_commands_and_acknowledgements(void **state)
{
    struct kit *kit = kit_new(NULL);

    (void)state;
    add_nodes(kit, ALICE, 1);
    kit_enqueue(kit, 16, NULL);
    request_acks(kit, 0);
    herald_norm_sender_end(kit->sender, kit->now_ns);
    kit_drain(kit);
    assert_string_equal(kit_trace(kit), "0/0.0 F0/0.0[100]");
    kit_ack(kit, ALICE, 0, 0, 0);
    kit_run_for(kit, 100 * kit_grtt_ns());
    assert_string_equal(kit_trace(kit), "F0/0.0 F0/0.0 E E E");
    assert_int_equal(herald_norm_sender_send_command(kit->sender, NULL, 0, false, kit->now_ns), -ESHUTDOWN);
    kit_free(kit);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_watermark_lists_who_has_not_answered),
        cmocka_unit_test(when_all_have_acknowledged_the_flush_goes_on_for_the_others),
        cmocka_unit_test(who_does_not_answer_has_failed_after_robust_factor_rounds),
        cmocka_unit_test(a_long_list_takes_several_messages),
        cmocka_unit_test(nodes_may_leave_in_the_middle_of_a_round),
        cmocka_unit_test(a_watermark_waits_until_it_is_sent),
        cmocka_unit_test(repair_is_progress_of_a_watermark),
        cmocka_unit_test(only_the_exact_position_is_an_acknowledgement),
        cmocka_unit_test(a_new_watermark_replaces_the_last),
        cmocka_unit_test(a_node_added_later_is_asked_by_the_next_watermark),
        cmocka_unit_test(the_list_of_nodes_is_limited),
        cmocka_unit_test(a_watermark_of_an_object_that_is_never_sent_fails),
        cmocka_unit_test(an_empty_object_can_be_acknowledged),
        cmocka_unit_test(a_command_is_sent_once),
        cmocka_unit_test(a_robust_command_is_repeated),
        cmocka_unit_test(a_request_asks_until_all_have_answered),
        cmocka_unit_test(a_request_can_be_taken_back),
        cmocka_unit_test(a_request_gives_up_after_robust_factor_rounds),
        cmocka_unit_test(a_request_to_everybody_has_no_list),
        cmocka_unit_test(an_answer_longer_than_the_limit_is_counted),
        cmocka_unit_test(the_end_waits_for_commands_and_acknowledgements),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
