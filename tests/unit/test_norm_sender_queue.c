/* SPDX-License-Identifier: MIT */
/* The NORM sender's queue: room, release, sources that fail; and what feedback does to GRTT and rate. */
#include "norm_kit.h"
#include "norm_sender.h"
#include "quant.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { ALICE = 100 };

/* --- room --- */

static void a_full_queue_makes_room_after_the_flush(void **state)
{
    struct herald_norm_sender_config config = kit_config();
    struct kit *kit;

    (void)state;
    config.objects_max = 2;
    kit = kit_new(&config);
    kit_enqueue(kit, 16, NULL);
    kit_enqueue(kit, 16, NULL);
    assert_int_equal(kit_try_enqueue(kit, 16), -ENOBUFS);
    kit_drain(kit);
    assert_int_equal(kit_try_enqueue(kit, 16), -ENOBUFS); /* sent, but receivers have not had the time to ask */
    kit_run_for(kit, 100 * kit_grtt_ns());
    assert_int_equal(kit_events(kit, HERALD_NORM_SENDER_FLUSHED), 1);
    assert_int_equal(kit_try_enqueue(kit, 16), 0);
    kit_drain(kit);
    assert_int_equal(kit_last_event(kit, HERALD_NORM_SENDER_RELEASED)->object_id, 0);
    kit_free(kit);
}

static void an_object_that_is_asked_for_is_kept(void **state)
{
    struct herald_norm_sender_config config = kit_config();
    struct kit *kit;

    (void)state;
    config.objects_max = 1;
    kit = kit_new(&config);
    kit_enqueue(kit, 16, NULL);
    kit_run_for(kit, 100 * kit_grtt_ns());
    kit_nack(kit, ALICE, HD_REQUEST_SEGMENT, 0, 0, 0);
    assert_int_equal(kit_try_enqueue(kit, 16), -ENOBUFS);
    kit_run_for(kit, 5 * kit_grtt_ns());
    assert_int_equal(kit_try_enqueue(kit, 16), -ENOBUFS); /* repaired: there is time to ask again */
    kit_run_for(kit, 100 * kit_grtt_ns());
    assert_int_equal(kit_events(kit, HERALD_NORM_SENDER_RELEASED), 1);
    assert_int_equal(kit_try_enqueue(kit, 16), 0);
    kit_free(kit);
}

static void an_object_in_the_place_of_another_has_its_own_bytes(void **state)
{
    struct herald_norm_sender_config config = kit_config();
    struct herald_norm_object object = { .kind = HERALD_NORM_DATA, .size_bytes = 64, .bytes = kit_bytes() + 100 };
    struct kit *kit;
    uint16_t object_id;

    (void)state;
    config.objects_max = 1;
    kit = kit_new(&config);
    kit_enqueue(kit, 64, NULL);
    assert_true(kit_poll(kit) && kit_poll(kit)); /* a probe and a segment */
    assert_int_equal(herald_norm_sender_release(kit->sender, 0, kit->now_ns), 0);
    assert_int_equal(herald_norm_sender_enqueue(kit->sender, &object, kit->now_ns, &object_id), 0);
    assert_true(kit_poll(kit));
    assert_ptr_equal(kit->datagram.payload, kit_bytes() + 100);
    kit_free(kit);
}

static void who_waits_for_room_is_told_even_if_more_is_sent(void **state)
{
    struct herald_norm_sender_config config = kit_config();
    struct kit *kit;

    (void)state;
    config.objects_max = 2;
    config.rate_bytes_per_s = 4800; /* a datagram each 10 ms: the second object takes 640 ms */
    config.burst_ns = 0;
    kit = kit_new(&config);
    kit_enqueue(kit, 16, NULL);
    kit_enqueue(kit, 1024, NULL);
    kit_run_for(kit, 30 * KIT_MS);
    assert_int_equal(kit_try_enqueue(kit, 16), -ENOBUFS);
    kit_run_for(kit, 13 * kit_grtt_ns() + 260 * KIT_MS); /* 2 (K+2) GRTT, and 16 datagrams, headers at their longest */
    assert_int_equal(kit_events(kit, HERALD_NORM_SENDER_RELEASED), 1);
    assert_int_equal(kit_events(kit, HERALD_NORM_SENDER_SENT), 1);
    assert_int_equal(kit_try_enqueue(kit, 16), 0);
    kit_free(kit);
}

/* It falls at each of a window's many probes, which says nothing about what was sent long ago. */
static void what_was_sent_long_ago_is_done_with_while_the_grtt_falls(void **state)
{
    struct kit *kit = kit_new(NULL);
    struct herald_norm_sender *sender = kit->sender;
    uint64_t now_ns = 1000 * kit_grtt_ns();

    (void)state;
    sender->slow_grtt_ns = kit_grtt_ns() * 11 / 10;
    sender->slow_ns = now_ns + 6 * sender->slow_grtt_ns; /* K is 4 */
    assert_true(hd_tx_repair_until_ns(sender, now_ns - 14 * kit_grtt_ns(), 0) < now_ns);
    assert_int_equal(hd_tx_repair_until_ns(sender, now_ns, 0), sender->slow_ns + 6 * kit_grtt_ns());
    kit_free(kit);
}

static void blocks_are_counted_over_all_objects(void **state)
{
    struct herald_norm_sender_config config = kit_config();
    struct kit *kit;

    (void)state;
    config.blocks_per_queue = 10;
    kit = kit_new(&config);
    assert_int_equal(kit_try_enqueue(kit, 64 * 10 + 1), -EFBIG);
    assert_int_equal(kit_try_enqueue(kit, 64 * 8), 0);
    assert_int_equal(kit_try_enqueue(kit, 64 * 3), -ENOBUFS);
    assert_int_equal(kit_try_enqueue(kit, 64 * 2), 0);
    kit_free(kit);
}

static void what_can_never_be_sent_is_refused(void **state)
{
    struct kit *kit = kit_new(NULL);
    struct herald_norm_object object = { .kind = HERALD_NORM_DATA, .size_bytes = 16 };
    uint16_t object_id = 99;

    (void)state;
    assert_int_equal(herald_norm_sender_enqueue(kit->sender, &object, kit->now_ns, &object_id), -EINVAL);
    object.bytes = kit_bytes();
    object.kind = (enum herald_norm_kind)7;
    assert_int_equal(herald_norm_sender_enqueue(kit->sender, &object, kit->now_ns, &object_id), -EINVAL);
    object.kind = HERALD_NORM_DATA;
    object.info_bytes = 1;
    assert_int_equal(herald_norm_sender_enqueue(kit->sender, &object, kit->now_ns, &object_id), -EINVAL);
    object.info = kit_bytes();
    object.info_bytes = 17;
    assert_int_equal(herald_norm_sender_enqueue(kit->sender, &object, kit->now_ns, &object_id), -EFBIG);
    object.info_bytes = 16;
    object.size_bytes = UINT64_C(1) << 48;
    assert_int_equal(herald_norm_sender_enqueue(kit->sender, &object, kit->now_ns, &object_id), -EFBIG);
    object.kind = HERALD_NORM_STREAM; /* stream_blocks_max is 0 */
    object.size_bytes = 100;
    assert_int_equal(herald_norm_sender_enqueue(kit->sender, &object, kit->now_ns, &object_id), -EFBIG);
    assert_int_equal(object_id, 99);
    kit_free(kit);
}

static void blocks_must_fit_the_width_of_their_number(void **state)
{
    struct herald_norm_sender_config config = kit_config();
    struct kit *kit;

    (void)state;
    config.segment_bytes = 1400;
    config.block_segments = 1;
    config.blocks_per_queue = UINT64_C(1) << 25;
    config.repair_blocks_max = 16;
    kit = kit_new(&config);
    assert_int_equal(kit_try_enqueue(kit, 1400 * ((UINT64_C(1) << 24) + 1)), -EFBIG);
    assert_int_equal(kit_try_enqueue(kit, 1400 * (UINT64_C(1) << 24)), 0);
    kit_free(kit);
    config.fec_id = HD_FEC_SMALL_BLOCK;
    kit = kit_new(&config);
    assert_int_equal(kit_try_enqueue(kit, 1400 * ((UINT64_C(1) << 24) + 1)), 0);
    kit_free(kit);
}

static void the_largest_object_there_is_can_be_sent(void **state)
{
    struct herald_norm_sender_config config = kit_config();
    struct kit *kit;

    (void)state;
    config.segment_bytes = 65000;
    config.block_segments = 254;
    config.parity_segments = 1;
    config.fec_id = HD_FEC_SMALL_BLOCK;
    config.blocks_per_queue = UINT64_C(1) << 25;
    kit = kit_new(&config);
    assert_int_equal(kit_try_enqueue(kit, (UINT64_C(1) << 48) - 1), 0);
    assert_int_equal(herald_norm_sender_release(kit->sender, 0, kit->now_ns), 0);
    kit_free(kit);
}

static void an_object_that_must_be_acknowledged_is_kept(void **state)
{
    struct herald_norm_sender_config config = kit_config();
    struct kit *kit;

    (void)state;
    config.objects_max = 1;
    config.robust_factor = 20;
    kit = kit_new(&config);
    assert_int_equal(herald_norm_sender_add_ack_node(kit->sender, ALICE), 0);
    kit_enqueue(kit, 16, NULL);
    assert_int_equal(herald_norm_sender_request_acks(kit->sender, 0, kit->now_ns), 0);
    kit_run_for(kit, 30 * kit_grtt_ns());
    assert_int_equal(kit_try_enqueue(kit, 16), -ENOBUFS);
    kit_ack(kit, ALICE, 0, 0, 0);
    assert_int_equal(kit_try_enqueue(kit, 16), 0);
    kit_free(kit);
}

/* A queue of two objects, sent; `nodes` receivers are asked whether they have them. */
static struct kit *ask_for_room(uint32_t nodes)
{
    struct herald_norm_sender_config config = kit_config();
    struct kit *kit;

    config.objects_max = 2;
    config.robust_factor = 20;
    kit = kit_new(&config);
    for (uint32_t i = 0; i < nodes; i++)
        assert_int_equal(herald_norm_sender_add_ack_node(kit->sender, ALICE + i), 0);
    kit_enqueue(kit, 16, NULL);
    kit_enqueue(kit, 16, NULL);
    assert_int_equal(herald_norm_sender_request_room(kit->sender, 1, kit->now_ns), 0);
    kit_drain(kit);
    assert_int_equal(kit_try_enqueue(kit, 16), -ENOBUFS);
    return kit;
}

static void what_all_have_acknowledged_makes_room_at_once(void **state)
{
    struct kit *kit = ask_for_room(2);

    (void)state;
    kit_ack(kit, ALICE, 1, 0, 0);
    kit_run_for(kit, 0);
    assert_int_equal(kit_try_enqueue(kit, 16), -ENOBUFS);
    kit_ack(kit, ALICE + 1, 1, 0, 0);
    kit_run_for(kit, 0);
    assert_int_equal(kit_events(kit, HERALD_NORM_SENDER_RELEASED), 1); /* who waits for room is told */
    assert_int_equal(kit_try_enqueue(kit, 16), 0);
    assert_int_equal(kit_try_enqueue(kit, 16), 0);
    kit_drain(kit);
    assert_int_equal(kit_try_enqueue(kit, 16), -ENOBUFS); /* these are not acknowledged */
    kit_free(kit);
}

static void what_is_asked_for_is_kept_although_all_have_acknowledged(void **state)
{
    struct kit *kit = ask_for_room(1);

    (void)state;
    kit_nack(kit, ALICE + 1, HD_REQUEST_SEGMENT, 0, 0, 0); /* somebody who was not asked */
    kit_ack(kit, ALICE, 1, 0, 0);
    kit_run_for(kit, 0);
    assert_int_equal(kit_try_enqueue(kit, 16), -ENOBUFS);
    kit_run_for(kit, 7 * kit_grtt_ns()); /* repaired */
    assert_int_equal(kit_try_enqueue(kit, 16), 0);
    kit_free(kit);
}

static void asking_for_room_keeps_nothing(void **state)
{
    struct kit *kit = ask_for_room(1);

    (void)state;
    kit_run_for(kit, 20 * kit_grtt_ns()); /* receivers had the time to ask, and the question is still open */
    assert_int_equal(kit_events(kit, HERALD_NORM_SENDER_ACKS_DONE), 0);
    assert_int_equal(kit_try_enqueue(kit, 16), 0);
    kit_free(kit);
}

static void nobody_left_to_ask_has_acknowledged_nothing(void **state)
{
    struct kit *kit = ask_for_room(1);

    (void)state;
    assert_int_equal(herald_norm_sender_remove_ack_node(kit->sender, ALICE, kit->now_ns), 0);
    kit_run_for(kit, 0);
    assert_int_equal(kit_events(kit, HERALD_NORM_SENDER_ACKS_DONE), 1);
    assert_int_equal(kit_try_enqueue(kit, 16), -ENOBUFS);
    kit_free(kit);
}

static void an_old_acknowledgement_says_nothing_of_ids_that_come_round_again(void **state)
{
    struct kit *kit = ask_for_room(1);

    (void)state;
    kit_ack(kit, ALICE, 1, 0, 0);
    kit_run_for(kit, 0);
    assert_int_equal(herald_norm_sender_release(kit->sender, 1, kit->now_ns), 0);
    for (uint32_t i = 0; i < 0x9000; i++) {
        uint16_t object_id = kit_enqueue(kit, 16, NULL);

        assert_int_equal(herald_norm_sender_release(kit->sender, object_id, kit->now_ns), 0);
    }
    kit_enqueue(kit, 16, NULL);
    kit_enqueue(kit, 16, NULL);
    kit_drain(kit);
    assert_int_equal(kit_try_enqueue(kit, 16), -ENOBUFS);
    kit_free(kit);
}

static void object_ids_wrap(void **state)
{
    struct kit *kit = kit_new(NULL);

    (void)state;
    for (uint32_t i = 0; i < 0xfffe; i++) {
        assert_int_equal(kit_enqueue(kit, 16, NULL), i);
        assert_int_equal(herald_norm_sender_release(kit->sender, (uint16_t)i, kit->now_ns), 0);
    }
    for (int i = 0; i < 4; i++)
        kit_enqueue(kit, 16, NULL);
    kit_drain(kit);
    assert_string_equal(kit_trace(kit), "65534/0.0 65535/0.0 0/0.0 1/0.0 F1/0.0");
    kit_nack_begin(kit, ALICE);
    kit_nack_range(kit, HD_REQUEST_OBJECT, kit_position(kit, 65535, 0, 0), kit_position(kit, 0, 0, 0));
    kit_nack_item(kit, HD_REQUEST_OBJECT, 65000, 0, 0); /* long gone */
    kit_nack_send(kit, false);
    kit_run_for(kit, 5 * kit_grtt_ns());
    assert_string_equal(kit_trace(kit), "Q65534/0.0 65535/0.0 0/0.0 F1/0.0");
    kit_free(kit);
}

/* --- release, failure --- */

static void an_object_may_be_released_while_it_is_sent(void **state)
{
    struct kit *kit = kit_new(NULL);

    (void)state;
    kit_enqueue(kit, 64, NULL);
    kit_enqueue(kit, 16, NULL);
    assert_true(kit_poll(kit) && kit_poll(kit));
    assert_int_equal(herald_norm_sender_release(kit->sender, 0, kit->now_ns), 0);
    assert_int_equal(herald_norm_sender_release(kit->sender, 0, kit->now_ns), -ENOENT);
    kit_drain(kit);
    assert_string_equal(kit_trace(kit), "0/0.0 1/0.0 F1/0.0");
    kit_free(kit);
}

/* A source that has its first so many blocks only. */
struct broken {
    uint64_t good_bytes;
    uint32_t calls;
};

static const uint8_t *broken_read(void *user, uint64_t offset_bytes, size_t size_bytes)
{
    struct broken *broken = user;

    broken->calls++;
    return offset_bytes + size_bytes <= broken->good_bytes ? kit_bytes() + offset_bytes : NULL;
}

static uint16_t enqueue_broken(struct kit *kit, struct broken *broken, uint64_t size_bytes)
{
    struct herald_norm_object object = { .kind = HERALD_NORM_FILE,
                                         .size_bytes = size_bytes,
                                         .source = { .user = broken, .read_at = broken_read } };
    uint16_t object_id;

    assert_int_equal(herald_norm_sender_enqueue(kit->sender, &object, kit->now_ns, &object_id), 0);
    return object_id;
}

static void a_source_is_asked_once_for_each_block(void **state)
{
    struct kit *kit = kit_new(NULL);
    struct broken broken = { .good_bytes = 160 };

    (void)state;
    enqueue_broken(kit, &broken, 160);
    kit_drain(kit);
    assert_int_equal(broken.calls, 3);
    kit_free(kit);
}

static void an_object_whose_source_fails_is_squelched(void **state)
{
    struct kit *kit = kit_new(NULL);
    struct broken broken = { .good_bytes = 64 };

    (void)state;
    kit_enqueue(kit, 16, NULL);
    enqueue_broken(kit, &broken, 160);
    kit_enqueue(kit, 16, NULL);
    kit_drain(kit);
    assert_string_equal(kit_trace(kit), "0/0.0 1/0.0 1/0.1 1/0.2 1/0.3 Q0/0.0[1] 2/0.0 F2/0.0");
    assert_int_equal(kit_events(kit, HERALD_NORM_SENDER_FAILED), 1);
    assert_int_equal(kit_last_event(kit, HERALD_NORM_SENDER_FAILED)->object_id, 1);
    assert_int_equal(herald_norm_sender_release(kit->sender, 1, kit->now_ns), -ENOENT);
    kit_free(kit);
}

static void a_source_may_fail_in_a_repair(void **state)
{
    struct kit *kit = kit_new(NULL);
    struct broken broken = { .good_bytes = 160 };

    (void)state;
    enqueue_broken(kit, &broken, 160);
    kit_drain(kit);
    kit_trace(kit);
    kit_nack(kit, ALICE, HD_REQUEST_SEGMENT, 0, 0, 4);
    broken.good_bytes = 0;
    kit_run_for(kit, 100 * kit_grtt_ns());
    assert_string_equal(kit_trace(kit), "Q1/0.0");
    assert_int_equal(kit_events(kit, HERALD_NORM_SENDER_FAILED), 1);
    kit_free(kit);
}

static void many_failures_wait_for_their_events_to_be_read(void **state)
{
    struct herald_norm_sender_config config = kit_config();
    struct broken broken = { .good_bytes = 0 };
    struct herald_norm_datagram datagram = { 0 };
    struct herald_norm_sender_event event;
    struct kit *kit;
    uint32_t failed = 0;

    (void)state;
    config.objects_max = 1000;
    kit = kit_new(&config);
    for (int i = 0; i < 1000; i++)
        enqueue_broken(kit, &broken, 160);
    datagram.buffer = kit->packet;
    datagram.buffer_bytes = sizeof(kit->packet);
    while (failed < 1000) {
        while (herald_norm_sender_poll_output(kit->sender, &datagram, kit->now_ns) > 0)
            continue;
        while (herald_norm_sender_poll_event(kit->sender, &event) > 0)
            failed += event.type == HERALD_NORM_SENDER_FAILED;
    }
    kit_free(kit);
}

static void events_come_before_more_input(void **state)
{
    struct kit *kit = kit_new(NULL);
    struct herald_norm_sender_event event;
    struct herald_peer from = { 0 };

    (void)state;
    kit_enqueue(kit, 16, NULL);
    while (kit_poll(kit))
        continue;
    assert_int_equal(herald_norm_sender_input(kit->sender, &from, false, kit->packet, 1, kit->now_ns), -EBUSY);
    assert_int_equal(herald_norm_sender_handle_timeout(kit->sender, kit->now_ns), -EBUSY);
    assert_int_equal(herald_norm_sender_poll_event(kit->sender, &event), 1);
    assert_int_equal(event.type, HERALD_NORM_SENDER_SENT);
    assert_int_equal(herald_norm_sender_poll_event(kit->sender, &event), 0);
    assert_int_equal(herald_norm_sender_input(kit->sender, &from, false, kit->packet, 1, kit->now_ns), 0);
    kit_free(kit);
}

/* --- round-trip time and congestion control --- */

/* An ACK(CC) with what is given of it. */
static void feed_back(struct kit *kit, struct hd_timestamp response, const struct hd_cc_feedback *feedback)
{
    struct hd_header header = { .source_id = ALICE, .instance_id = KIT_INSTANCE };

    kit->writer = hd_writer_over(kit->feedback, sizeof(kit->feedback));
    hd_wire_put_ack(&kit->writer, &header, KIT_NODE, HD_ACK_CC, 0, response);
    if (feedback)
        hd_wire_put_ext_cc(&kit->writer, feedback);
    hd_wire_end_header(&kit->writer);
    kit_input(kit, kit->feedback, hd_writer_size(&kit->writer), false);
}

static void an_echo_measures_the_grtt(void **state)
{
    struct herald_norm_sender_config config = kit_config();
    struct herald_norm_sender_statistics statistics;
    struct hd_timestamp sent;
    struct kit *kit;

    (void)state;
    config.rate_bytes_per_s = 48 * 1000; /* a datagram each ms: the object takes 64 ms */
    config.burst_ns = 0;
    kit = kit_new(&config);
    kit_enqueue(kit, 1024, NULL);
    assert_true(kit_poll(kit));
    assert_int_equal(kit->message.kind, HD_KIND_CC);
    sent = kit->message.cc.sent;
    kit_run_for(kit, 3 * KIT_MS);
    feed_back(kit, sent, NULL);
    kit_run_for(kit, 45 * KIT_MS);
    assert_true(kit_events(kit, HERALD_NORM_SENDER_GRTT) > 0);
    herald_norm_sender_get_statistics(kit->sender, &statistics);
    assert_in_range(statistics.grtt_ns, 2 * KIT_MS, 5 * KIT_MS);
    assert_int_equal(kit_last_event(kit, HERALD_NORM_SENDER_GRTT)->value, statistics.grtt_ns);
    /* In the middle of an object, whose header was made before. */
    do {
        kit->now_ns = herald_norm_sender_next_timeout(kit->sender);
        assert_int_equal(herald_norm_sender_handle_timeout(kit->sender, kit->now_ns), 0);
        kit_drain(kit);
    } while (kit->message.kind != HD_KIND_DATA);
    assert_int_equal(kit->message.header.grtt, hd_rtt_encode(statistics.grtt_ns));
    kit_free(kit);
}

static void feedback_reaches_congestion_control(void **state)
{
    struct herald_norm_sender_config config = kit_config();
    struct hd_cc_feedback feedback = { .flags = HD_CC_RTT, .rtt = hd_rtt_encode(3 * KIT_MS) };
    struct herald_norm_receiver_report report;
    struct hd_timestamp sent;
    struct kit *kit;
    struct hd_cc_node node;
    uint32_t listed = 0;

    (void)state;
    config.rate_mode = HERALD_NORM_RATE_TFMCC;
    config.rate_bytes_per_s = 100000;
    kit = kit_new(&config);
    for (int i = 0; i < 60; i++)
        kit_enqueue(kit, 1024, NULL);
    assert_true(kit_poll(kit));
    feedback.sequence = kit->message.cc.sequence;
    sent = kit->message.cc.sent;
    feedback.rate = hd_rate_encode(50000);
    feedback.loss = UINT32_MAX / 100;
    kit_run_for(kit, 3 * KIT_MS);
    assert_int_equal(herald_norm_sender_get_report(kit->sender, 0, &report), -ENOENT);
    feed_back(kit, sent, &feedback);
    assert_int_equal(herald_norm_sender_get_report(kit->sender, 0, &report), 0);
    assert_int_equal(report.node_id, ALICE);
    for (uint64_t end_ns = kit->now_ns + 100 * KIT_MS; kit->now_ns < end_ns && listed == 0;) {
        assert_int_equal(herald_norm_sender_handle_timeout(kit->sender, kit->now_ns), 0);
        while (listed == 0 && kit_poll(kit))
            if (kit->message.kind == HD_KIND_CC && hd_wire_next_cc_node(&kit->message.cc.nodes, &node))
                listed = node.node_id;
        kit_drain(kit);
        kit->now_ns = herald_norm_sender_next_timeout(kit->sender);
    }
    assert_int_equal(listed, ALICE);
    kit_free(kit);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_full_queue_makes_room_after_the_flush),
        cmocka_unit_test(an_object_that_is_asked_for_is_kept),
        cmocka_unit_test(an_object_in_the_place_of_another_has_its_own_bytes),
        cmocka_unit_test(who_waits_for_room_is_told_even_if_more_is_sent),
        cmocka_unit_test(what_was_sent_long_ago_is_done_with_while_the_grtt_falls),
        cmocka_unit_test(blocks_are_counted_over_all_objects),
        cmocka_unit_test(what_can_never_be_sent_is_refused),
        cmocka_unit_test(blocks_must_fit_the_width_of_their_number),
        cmocka_unit_test(the_largest_object_there_is_can_be_sent),
        cmocka_unit_test(an_object_that_must_be_acknowledged_is_kept),
        cmocka_unit_test(what_all_have_acknowledged_makes_room_at_once),
        cmocka_unit_test(what_is_asked_for_is_kept_although_all_have_acknowledged),
        cmocka_unit_test(asking_for_room_keeps_nothing),
        cmocka_unit_test(nobody_left_to_ask_has_acknowledged_nothing),
        cmocka_unit_test(an_old_acknowledgement_says_nothing_of_ids_that_come_round_again),
        cmocka_unit_test(object_ids_wrap),
        cmocka_unit_test(an_object_may_be_released_while_it_is_sent),
        cmocka_unit_test(a_source_is_asked_once_for_each_block),
        cmocka_unit_test(an_object_whose_source_fails_is_squelched),
        cmocka_unit_test(a_source_may_fail_in_a_repair),
        cmocka_unit_test(many_failures_wait_for_their_events_to_be_read),
        cmocka_unit_test(events_come_before_more_input),
        cmocka_unit_test(an_echo_measures_the_grtt),
        cmocka_unit_test(feedback_reaches_congestion_control),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
