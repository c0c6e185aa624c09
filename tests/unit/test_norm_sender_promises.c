/* SPDX-License-Identifier: MIT */
/* The NORM sender: what its interface promises about who gets the end of an object, room, the end, and the config. */
#include "norm_kit.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum {
    ALICE = 100,
    SEGMENT = 16,
    BLOCK = 4 * SEGMENT,
    DATAGRAM = SEGMENT + 40, /* with its header */
};

static uint16_t enqueue_stream(struct kit *kit, uint64_t blocks)
{
    struct herald_norm_object object = { .kind = HERALD_NORM_STREAM, .size_bytes = blocks * BLOCK };
    uint16_t object_id = 0;

    assert_int_equal(herald_norm_sender_enqueue(kit->sender, &object, kit->now_ns, &object_id), 0);
    return object_id;
}

static int64_t write_some(struct kit *kit, uint16_t object_id, size_t size_bytes)
{
    return herald_norm_sender_stream_write(kit->sender, object_id, kit_bytes(), size_bytes, 0, kit->now_ns);
}

/* Somebody echoes a probe that was sent rtt_ns ago. */
static void echo(struct kit *kit, uint64_t rtt_ns)
{
    struct hd_header header = { .source_id = ALICE, .instance_id = KIT_INSTANCE };
    struct hd_timestamp sent = hd_timestamp_of_ns(kit->now_ns + UINT64_C(1000000000) - rtt_ns);

    kit->writer = hd_writer_over(kit->feedback, sizeof(kit->feedback));
    hd_wire_put_ack(&kit->writer, &header, KIT_NODE, HD_ACK_CC, 0, sent);
    hd_wire_end_header(&kit->writer);
    kit_input(kit, kit->feedback, hd_writer_size(&kit->writer), false);
}

/* --- the flush is for everybody --- */

static void ask_alice(struct kit *kit, uint16_t object_id)
{
    assert_int_equal(herald_norm_sender_add_ack_node(kit->sender, ALICE), 0);
    assert_int_equal(herald_norm_sender_request_acks(kit->sender, object_id, kit->now_ns), 0);
}

/* The first place of an event of that type. */
static uint32_t event_index(const struct kit *kit, enum herald_norm_sender_event_type type)
{
    uint32_t index = 0;

    while (index < kit->events_count && kit->events[index].type != type)
        index++;
    return index;
}

static void the_flush_goes_on_for_those_that_were_not_listed(void **state)
{
    struct kit *kit = kit_new(NULL);

    (void)state;
    kit_enqueue(kit, 16, NULL);
    ask_alice(kit, 0);
    kit_run_for(kit, 3 * kit_grtt_ns());
    kit_ack(kit, ALICE, 0, 0, 0);
    assert_int_equal(kit_events(kit, HERALD_NORM_SENDER_ACKS_DONE), 1); /* at once */
    assert_int_equal(kit_events(kit, HERALD_NORM_SENDER_FLUSHED), 0);
    kit_run_for(kit, 100 * kit_grtt_ns());
    assert_string_equal(kit_trace(kit), "0/0.0 F0/0.0[100] F0/0.0[100] F0/0.0"); /* three in all */
    assert_int_equal(kit_events(kit, HERALD_NORM_SENDER_FLUSHED), 1);
    kit_free(kit);
}

static void a_flush_without_a_list_comes_two_grtt_after_the_one_with_it(void **state)
{
    struct kit *kit = kit_new(NULL);
    uint64_t start_ns = kit->now_ns;

    (void)state;
    kit_enqueue(kit, 16, NULL);
    ask_alice(kit, 0);
    kit_drain(kit);
    kit_run_for(kit, kit_grtt_ns());
    kit_ack(kit, ALICE, 0, 0, 0);
    kit_run_for(kit, 100 * kit_grtt_ns());
    assert_int_equal(kit->words, 4);
    assert_int_equal(kit->times_ns[1], start_ns);
    assert_int_equal(kit->times_ns[2], start_ns + 2 * kit_grtt_ns());
    assert_int_equal(kit->times_ns[3], start_ns + 4 * kit_grtt_ns());
    kit_free(kit);
}

static void after_a_repair_an_unlisted_receiver_has_a_whole_flush(void **state)
{
    struct kit *kit = kit_new(NULL);

    (void)state;
    kit_enqueue(kit, 32, NULL);
    ask_alice(kit, 0);
    kit_run_for(kit, 5 * kit_grtt_ns()); /* three questions */
    kit_trace(kit);
    kit_nack(kit, ALICE, HD_REQUEST_SEGMENT, 0, 0, 1);
    kit_run_for(kit, 11 * kit_grtt_ns() / 2);
    kit_ack(kit, ALICE, 0, 0, 1);
    kit_run_for(kit, 100 * kit_grtt_ns());
    assert_string_equal(kit_trace(kit), "0/0.1 F0/0.1[100] F0/0.1 F0/0.1");
    kit_free(kit);
}

static void flushed_comes_after_acks_done(void **state)
{
    struct kit *kit = kit_new(NULL);

    (void)state;
    kit_enqueue(kit, 16, NULL);
    ask_alice(kit, 0);
    herald_norm_sender_end(kit->sender, kit->now_ns);
    kit_run_for(kit, 100 * kit_grtt_ns()); /* nobody answers */
    assert_string_equal(kit_trace(kit), "0/0.0 F0/0.0[100] F0/0.0[100] F0/0.0[100] E E E");
    assert_int_equal(kit_events(kit, HERALD_NORM_SENDER_FLUSHED), 1);
    assert_true(event_index(kit, HERALD_NORM_SENDER_ACKS_DONE) < event_index(kit, HERALD_NORM_SENDER_FLUSHED));
    assert_true(event_index(kit, HERALD_NORM_SENDER_FLUSHED) < event_index(kit, HERALD_NORM_SENDER_ENDED));
    kit_free(kit);
}

static void open_streams_have_their_flush_after_a_watermark_behind_them(void **state)
{
    struct herald_norm_sender_config config = kit_config();
    struct kit *kit;

    (void)state;
    config.stream_blocks_max = 2;
    kit = kit_new(&config);
    assert_int_equal(write_some(kit, enqueue_stream(kit, 2), 2 * SEGMENT), 2 * SEGMENT);
    kit_enqueue(kit, 16, NULL);
    ask_alice(kit, 1);
    kit_drain(kit);
    kit_ack(kit, ALICE, 1, 0, 0);
    kit_run_for(kit, 100 * kit_grtt_ns());
    assert_string_equal(kit_trace(kit), "0/0.0 0/0.1 1/0.0 F1/0.0[100] F0/0.1 F1/0.0 F0/0.1 F1/0.0 F0/0.1 F1/0.0");
    assert_int_equal(kit_events(kit, HERALD_NORM_SENDER_FLUSHED), 1);
    kit_free(kit);
}

static void the_flush_goes_on_when_its_watermark_was_released(void **state)
{
    struct kit *kit = kit_new(NULL);

    (void)state;
    kit_enqueue(kit, 16, NULL);
    kit_enqueue(kit, 16, NULL);
    ask_alice(kit, 1);
    kit_run_for(kit, kit_grtt_ns());
    kit_trace(kit);
    assert_int_equal(herald_norm_sender_release(kit->sender, 1, kit->now_ns), 0);
    kit_run_for(kit, 100 * kit_grtt_ns());
    assert_int_equal(kit_events(kit, HERALD_NORM_SENDER_ACKS_DONE), 1);
    assert_int_equal(kit_events(kit, HERALD_NORM_SENDER_FLUSHED), 1);
    assert_non_null(strstr(kit_trace(kit), "F0/0.0"));
    kit_free(kit);
}

/* --- room --- */

/* A receiver that heard of 100 ms waits for 6 times that after a NACK, and then 4 times 10 ms. */
static void a_stream_is_kept_as_long_as_receivers_wait_by_an_older_grtt(void **state)
{
    struct herald_norm_sender_config config = kit_config();
    uint64_t fall_ns;
    struct kit *kit;
    uint16_t stream;

    (void)state;
    config.grtt_initial_ns = 100 * KIT_MS;
    config.stream_blocks_max = 2;
    kit = kit_new(&config);
    stream = enqueue_stream(kit, 2);
    assert_int_equal(write_some(kit, stream, 2 * BLOCK), 2 * BLOCK);
    kit_run_for(kit, 20 * KIT_MS);
    echo(kit, 10 * KIT_MS);
    fall_ns = kit->now_ns;
    assert_in_range(kit_last_event(kit, HERALD_NORM_SENDER_GRTT)->value, 9 * KIT_MS, 11 * KIT_MS);
    assert_int_equal(write_some(kit, stream, SEGMENT), 0);
    kit_run_until(kit, fall_ns + 6 * 100 * KIT_MS + 5 * 10 * KIT_MS);
    assert_int_equal(write_some(kit, stream, SEGMENT), 0);
    kit_run_until(kit, fall_ns + 6 * 105 * KIT_MS + 7 * 11 * KIT_MS);
    assert_int_equal(kit_events(kit, HERALD_NORM_SENDER_STREAM_WRITABLE), 1);
    assert_int_equal(write_some(kit, stream, SEGMENT), SEGMENT);
    kit_free(kit);
}

static void an_object_is_kept_as_long_as_receivers_wait_by_an_older_grtt(void **state)
{
    struct herald_norm_sender_config config = kit_config();
    uint64_t fall_ns;
    struct kit *kit;

    (void)state;
    config.grtt_initial_ns = 100 * KIT_MS;
    config.objects_max = 1;
    kit = kit_new(&config);
    kit_enqueue(kit, 16, NULL);
    kit_run_for(kit, 20 * KIT_MS);
    echo(kit, 10 * KIT_MS);
    fall_ns = kit->now_ns;
    kit_run_until(kit, fall_ns + 6 * 100 * KIT_MS + 5 * 10 * KIT_MS);
    assert_int_equal(kit_try_enqueue(kit, 16), -ENOBUFS);
    kit_run_until(kit, fall_ns + 6 * 105 * KIT_MS + 7 * 11 * KIT_MS);
    assert_int_equal(kit_try_enqueue(kit, 16), 0);
    kit_free(kit);
}

/* Who has asked holds off for K + 2 of the GRTT that was valid then. */
static void a_flush_outlasts_the_hold_offs_of_an_older_grtt(void **state)
{
    struct herald_norm_sender_config config = kit_config();
    uint64_t fall_ns;
    struct kit *kit;

    (void)state;
    config.grtt_initial_ns = 100 * KIT_MS;
    config.robust_factor = 3;
    kit = kit_new(&config);
    kit_enqueue(kit, 16, NULL);
    assert_int_equal(herald_norm_sender_add_ack_node(kit->sender, 9), 0);
    assert_int_equal(herald_norm_sender_request_acks(kit->sender, 0, kit->now_ns), 0);
    kit_run_for(kit, 20 * KIT_MS);
    echo(kit, 10 * KIT_MS);
    fall_ns = kit->now_ns;
    kit_run_until(kit, fall_ns + 6 * 100 * KIT_MS);
    assert_int_equal(herald_norm_sender_ack_status(kit->sender, 9), HERALD_NORM_ACK_WAITED_FOR);
    assert_int_equal(kit_events(kit, HERALD_NORM_SENDER_FLUSHED), 0);
    kit_run_for(kit, 200 * KIT_MS);
    assert_int_equal(herald_norm_sender_ack_status(kit->sender, 9), HERALD_NORM_ACK_MISSED);
    assert_int_equal(kit_events(kit, HERALD_NORM_SENDER_FLUSHED), 1);
    kit_free(kit);
}

static void an_object_is_kept_for_the_time_to_ask_and_not_for_a_flush(void **state)
{
    struct herald_norm_sender_config config = kit_config();
    struct kit *kit;

    (void)state;
    config.robust_factor = 255;
    config.objects_max = 1;
    kit = kit_new(&config);
    kit_enqueue(kit, 16, NULL);
    kit_drain(kit);
    assert_int_equal(kit_try_enqueue(kit, 16), -ENOBUFS);
    kit_run_for(kit, 12 * kit_grtt_ns() - KIT_MS); /* 2 (K+2) */
    assert_int_equal(kit_try_enqueue(kit, 16), -ENOBUFS);
    kit_run_for(kit, 2 * KIT_MS);
    assert_int_equal(kit_events(kit, HERALD_NORM_SENDER_RELEASED), 1);
    assert_int_equal(kit_try_enqueue(kit, 16), 0);
    kit_free(kit);
}

static void room_is_announced_in_time_when_grtt_has_fallen(void **state)
{
    struct herald_norm_sender_config config = kit_config();
    uint64_t start_ns;
    struct kit *kit;

    (void)state;
    config.grtt_initial_ns = 1000 * KIT_MS;
    config.robust_factor = 20;
    config.objects_max = 1;
    kit = kit_new(&config);
    start_ns = kit->now_ns;
    kit_enqueue(kit, 16, NULL);
    kit_drain(kit);
    assert_int_equal(kit_try_enqueue(kit, 16), -ENOBUFS); /* at this GRTT there is room after 12 s */
    kit_run_for(kit, 20 * KIT_MS);
    echo(kit, 10 * KIT_MS);
    kit_run_until(kit, start_ns + 6500 * KIT_MS);
    assert_int_equal(kit_events(kit, HERALD_NORM_SENDER_RELEASED), 1);
    kit_free(kit);
}

static void who_waits_for_room_before_anything_is_sent_is_told_in_time(void **state)
{
    struct herald_norm_sender_config config = kit_config();
    struct kit *kit;

    (void)state;
    config.objects_max = 1;
    config.robust_factor = 255;
    config.rate_bytes_per_s = 100 * DATAGRAM; /* one each 10 ms */
    config.burst_ns = 0;
    kit = kit_new(&config);
    kit_enqueue(kit, 640, NULL);
    assert_int_equal(kit_try_enqueue(kit, 16), -ENOBUFS);
    kit_run_for(kit, 420 * KIT_MS);
    assert_int_equal(kit_events(kit, HERALD_NORM_SENDER_SENT), 1);
    kit_run_for(kit, 160 * KIT_MS + 13 * kit_grtt_ns()); /* 16 datagrams, and the time to ask */
    assert_int_equal(kit_events(kit, HERALD_NORM_SENDER_RELEASED), 1);
    kit_free(kit);
}

/* At GRTT 10 ms: 256 in 120 ms, and the rate is the limit. */
static void many_small_objects_go_out_at_the_rate(void **state)
{
    struct herald_norm_sender_config config = kit_config();
    struct kit *kit;
    uint64_t start_ns;

    (void)state;
    herald_norm_sender_config_default(&config);
    config.node_id = KIT_NODE;
    config.instance_id = KIT_INSTANCE;
    config.grtt_initial_ns = 10 * KIT_MS;
    config.rate_bytes_per_s = 1000000;
    kit = kit_new(&config);
    start_ns = kit->now_ns;
    for (int i = 0; i < 1000; i++) {
        while (kit_try_enqueue(kit, 1024) == -ENOBUFS)
            kit_run_for(kit, KIT_MS);
        kit_drain(kit);
    }
    assert_in_range(kit->now_ns - start_ns, 700 * KIT_MS, 1150 * KIT_MS); /* 744 are out: 0.8 s */
    kit_free(kit);
}

/* So receivers that keep as many objects give none up that can be repaired. */
static void the_ids_of_kept_objects_span_no_more_than_their_number(void **state)
{
    struct herald_norm_sender_config config = kit_config();
    struct kit *kit;

    (void)state;
    config.objects_max = 4;
    kit = kit_new(&config);
    for (int i = 0; i < 4; i++)
        kit_enqueue(kit, 16, NULL);
    kit_run_for(kit, 11 * kit_grtt_ns());
    kit_nack(kit, ALICE, HD_REQUEST_SEGMENT, 0, 0, 0);
    kit_run_for(kit, 3 * kit_grtt_ns()); /* the others had their time */
    assert_int_equal(kit_try_enqueue(kit, 16), -ENOBUFS);
    kit_run_for(kit, 16 * kit_grtt_ns());
    assert_int_equal(kit_events(kit, HERALD_NORM_SENDER_RELEASED), 1);
    assert_int_equal(kit_last_event(kit, HERALD_NORM_SENDER_RELEASED)->object_id, 0);
    kit_free(kit);
}

static void an_open_stream_is_not_in_the_way_of_room(void **state)
{
    struct herald_norm_sender_config config = kit_config();
    struct kit *kit;

    (void)state;
    config.objects_max = 2;
    config.stream_blocks_max = 2;
    kit = kit_new(&config);
    assert_int_equal(write_some(kit, enqueue_stream(kit, 2), SEGMENT), SEGMENT);
    kit_enqueue(kit, 16, NULL);
    kit_run_for(kit, 13 * kit_grtt_ns());
    assert_int_equal(kit_try_enqueue(kit, 16), 0);
    assert_int_equal(write_some(kit, 0, SEGMENT), SEGMENT);
    kit_free(kit);
}

/* --- the end --- */

static void the_end_closes_the_streams_that_are_open(void **state)
{
    struct herald_norm_sender_config config = kit_config();
    struct kit *kit;

    (void)state;
    config.stream_blocks_max = 4;
    kit = kit_new(&config);
    for (uint16_t stream = 0; stream < 2; stream++)
        assert_int_equal(write_some(kit, enqueue_stream(kit, 2), SEGMENT + 5), SEGMENT + 5);
    herald_norm_sender_end(kit->sender, kit->now_ns);
    assert_int_equal(write_some(kit, 0, 1), -ESHUTDOWN);
    assert_int_equal(write_some(kit, 1, 1), -ESHUTDOWN);
    kit_run_for(kit, 100 * kit_grtt_ns());
    assert_int_equal(kit_events(kit, HERALD_NORM_SENDER_SENT), 2);
    assert_int_equal(kit_events(kit, HERALD_NORM_SENDER_ENDED), 1);
    assert_string_equal(kit_trace(kit), "0/0.0 0/0.1 0/0.2 1/0.0 1/0.1 1/0.2 F1/0.2 F1/0.2 F1/0.2 E E E");
    assert_int_equal(write_some(kit, 0, 1), -ESHUTDOWN);
    kit_free(kit);
}

static void the_end_waits_for_room_for_the_end_of_a_stream(void **state)
{
    struct herald_norm_sender_config config = kit_config();
    const char *trace;
    struct kit *kit;

    (void)state;
    config.stream_blocks_max = 2;
    config.robust_factor = 1;
    kit = kit_new(&config);
    assert_in_range(write_some(kit, enqueue_stream(kit, 2), 3 * BLOCK), 2 * BLOCK, 2 * BLOCK);
    herald_norm_sender_end(kit->sender, kit->now_ns);
    kit_run_for(kit, 100 * kit_grtt_ns());
    trace = kit_trace(kit);
    assert_non_null(strstr(trace, "0/2.0"));
    assert_true(strstr(trace, "0/2.0") < strstr(trace, "E"));
    assert_int_equal(kit_events(kit, HERALD_NORM_SENDER_STREAM_WRITABLE), 0); /* there is nothing to write any more */
    kit_free(kit);
}

/* --- config --- */

static struct herald_norm_sender_config default_config(void)
{
    struct herald_norm_sender_config config;

    herald_norm_sender_config_default(&config);
    config.node_id = KIT_NODE;
    config.instance_id = KIT_INSTANCE;
    return config;
}

static void segments_may_be_made_shorter_without_more(void **state)
{
    struct herald_norm_sender_config config = default_config();
    uint8_t content[201] = { 0 };
    struct herald_norm_object object = { .kind = HERALD_NORM_DATA, .info = content, .info_bytes = 201 };
    uint16_t object_id;
    struct kit *kit;

    (void)state;
    config.segment_bytes = 200;
    assert_null(herald_norm_sender_config_check(&config));
    kit = kit_new(&config);
    assert_int_equal(herald_norm_sender_enqueue(kit->sender, &object, kit->now_ns, &object_id), -EFBIG);
    object.info_bytes = 200; /* as much as a segment allows */
    assert_int_equal(herald_norm_sender_enqueue(kit->sender, &object, kit->now_ns, &object_id), 0);
    assert_int_equal(herald_norm_sender_send_command(kit->sender, content, 201, false, kit->now_ns), -EMSGSIZE);
    assert_int_equal(herald_norm_sender_send_command(kit->sender, content, 200, false, kit->now_ns), 0);
    kit_run_for(kit, 100 * KIT_MS);
    assert_int_equal(kit_events(kit, HERALD_NORM_SENDER_COMMAND_SENT), 1);
    kit_free(kit);
}

static void the_longest_segments_allow_the_longest_content(void **state)
{
    struct herald_norm_sender_config config = default_config();
    static uint8_t content[65000];
    struct kit *kit;

    (void)state;
    config.segment_bytes = 65000;
    config.rate_bytes_per_s = 1000000000;
    kit = kit_new(&config);
    assert_int_equal(herald_norm_sender_send_command(kit->sender, content, 65000, false, kit->now_ns), 0);
    kit_run_for(kit, 100 * KIT_MS);
    assert_int_equal(kit_events(kit, HERALD_NORM_SENDER_COMMAND_SENT), 1);
    kit_free(kit);
}

static void limits_that_were_set_are_kept(void **state)
{
    struct herald_norm_sender_config config = default_config();

    (void)state;
    config.segment_bytes = 1000;
    config.info_bytes_max = 1001;
    assert_string_equal(herald_norm_sender_config_check(&config), "info_bytes_max");
    config.info_bytes_max = 1000;
    config.application_bytes_max = 1001;
    assert_string_equal(herald_norm_sender_config_check(&config), "application_bytes_max");
}

static void a_fixed_rate_stays_below_the_maximum(void **state)
{
    struct herald_norm_sender_config config = default_config();
    struct herald_norm_sender_statistics statistics;
    struct kit *kit;

    (void)state;
    config.rate_bytes_per_s = 3000000;
    config.rate_max_bytes_per_s = 2000000;
    assert_string_equal(herald_norm_sender_config_check(&config), "rate_bytes_per_s");
    config.rate_bytes_per_s = 1000000;
    kit = kit_new(&config);
    assert_int_equal(herald_norm_sender_set_rate(kit->sender, 2000001, kit->now_ns), -EINVAL);
    assert_int_equal(herald_norm_sender_set_rate(kit->sender, 2000000, kit->now_ns), 0);
    herald_norm_sender_get_statistics(kit->sender, &statistics);
    assert_int_equal(statistics.rate_bytes_per_s, 2000000);
    kit_free(kit);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_flush_goes_on_for_those_that_were_not_listed),
        cmocka_unit_test(a_flush_without_a_list_comes_two_grtt_after_the_one_with_it),
        cmocka_unit_test(after_a_repair_an_unlisted_receiver_has_a_whole_flush),
        cmocka_unit_test(flushed_comes_after_acks_done),
        cmocka_unit_test(open_streams_have_their_flush_after_a_watermark_behind_them),
        cmocka_unit_test(the_flush_goes_on_when_its_watermark_was_released),
        cmocka_unit_test(a_stream_is_kept_as_long_as_receivers_wait_by_an_older_grtt),
        cmocka_unit_test(an_object_is_kept_as_long_as_receivers_wait_by_an_older_grtt),
        cmocka_unit_test(a_flush_outlasts_the_hold_offs_of_an_older_grtt),
        cmocka_unit_test(an_object_is_kept_for_the_time_to_ask_and_not_for_a_flush),
        cmocka_unit_test(room_is_announced_in_time_when_grtt_has_fallen),
        cmocka_unit_test(who_waits_for_room_before_anything_is_sent_is_told_in_time),
        cmocka_unit_test(many_small_objects_go_out_at_the_rate),
        cmocka_unit_test(the_ids_of_kept_objects_span_no_more_than_their_number),
        cmocka_unit_test(an_open_stream_is_not_in_the_way_of_room),
        cmocka_unit_test(the_end_closes_the_streams_that_are_open),
        cmocka_unit_test(the_end_waits_for_room_for_the_end_of_a_stream),
        cmocka_unit_test(segments_may_be_made_shorter_without_more),
        cmocka_unit_test(the_longest_segments_allow_the_longest_content),
        cmocka_unit_test(limits_that_were_set_are_kept),
        cmocka_unit_test(a_fixed_rate_stays_below_the_maximum),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
