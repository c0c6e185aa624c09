/* SPDX-License-Identifier: MIT */
/*
 * The NORM receiver and the sinks of its application: what it tells them, what an earlier run left in them, sinks that
 * have no room, and sinks that cannot be read back.
 */
#include "norm_rx_kit.h"

#include "random.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum {
    ASK_MS = 44,      /* K * GRTT, so that a NACK has left */
    HOLD_OFF_MS = 66, /* (K + 2) * GRTT, so that another one may */
    BLOCK_BYTES = RX_K * RX_SEGMENT_BYTES,
};

/* What is asked for by one cycle that is due now. */
static const char *ask(struct rx *rx)
{
    rx_run_for(rx, ASK_MS * RX_MS);
    return rx_trace(rx);
}

static int mark(struct rx *rx, uint64_t offset_bytes, uint64_t size_bytes)
{
    return herald_norm_receiver_mark_present(rx->receiver, RX_SENDER, 0, offset_bytes, size_bytes, rx->now_ns);
}

/* The kit keeps events of its own; those of the call itself are taken here. @return whether the object is complete */
static bool is_completed_by_call(struct rx *rx)
{
    struct herald_norm_receiver_event event;
    bool is_complete = false;

    while (herald_norm_receiver_poll_event(rx->receiver, &event) > 0)
        is_complete |= event.type == HERALD_NORM_RECEIVER_OBJECT_COMPLETE;
    return is_complete;
}

static struct herald_norm_object_status status_of(const struct rx *rx)
{
    struct herald_norm_object_status status;

    assert_int_equal(herald_norm_receiver_get_object(rx->receiver, RX_SENDER, 0, &status), 0);
    return status;
}

/* --- what a sink is told --- */

static void test_sink_is_told_of_each_complete_block_once(void **state)
{
    struct rx *rx = rx_new(NULL, 5 * BLOCK_BYTES - 3);

    (void)state;
    rx_block(rx, 0, 1);
    assert_string_equal(rx->blocks_told, "+1");
    rx_data(rx, 0, 1, 0);
    for (uint16_t symbol = 1; symbol < 5; symbol++)
        rx_data(rx, 0, 3, symbol); /* decoded */
    assert_string_equal(rx->blocks_told, "+1+3");
    rx_data(rx, 0, 0, 0);
    rx_data(rx, 0, 0, 4);
    rx_block(rx, 0, 4);
    assert_string_equal(rx->blocks_told, "+1+3+4");
    rx_block(rx, 0, 0);
    rx_block(rx, 0, 2);
    assert_string_equal(rx->blocks_told, "+1+3+4+0+2");
    assert_true(rx_is_complete(rx, 0));
    rx_free(rx);
}

static void test_sink_is_told_of_a_block_that_was_forgotten(void **state)
{
    struct herald_norm_receiver_config config = rx_config();
    struct rx *rx;

    (void)state;
    config.partial_blocks_max = 1;
    rx = rx_new(&config, 3 * BLOCK_BYTES);
    rx_data(rx, 0, 0, 1);
    rx_data(rx, 0, 1, 4); /* parity: nothing of it is written */
    assert_string_equal(rx->blocks_told, "-0");
    assert_int_equal(status_of(rx).received_bytes, 0);
    rx_data(rx, 0, 2, 0);
    assert_string_equal(rx->blocks_told, "-0");
    rx_block(rx, 0, 0);
    rx_block(rx, 0, 1);
    assert_string_equal(rx->blocks_told, "-0-2+0+1");
    rx_block(rx, 0, 2);
    assert_true(rx_is_complete(rx, 0));
    rx_free(rx);
}

static void test_sink_need_not_be_told(void **state)
{
    struct herald_norm_receiver_config config = rx_config();
    struct rx *rx;

    (void)state;
    config.partial_blocks_max = 1;
    rx = rx_new(&config, 2 * BLOCK_BYTES);
    rx->is_not_told = true;
    rx_data(rx, 0, 0, 1);
    rx_block(rx, 0, 1);
    rx_block(rx, 0, 0);
    assert_true(rx_is_complete(rx, 0));
    assert_string_equal(rx->blocks_told, "");
    rx_free(rx);
}

static void test_offer_names_the_run_of_the_sender(void **state)
{
    struct rx *rx = rx_new(NULL, 64);

    (void)state;
    rx_data(rx, 0, 0, 0);
    assert_int_equal(rx->offer.instance_id, RX_INSTANCE);
    rx->header.instance_id = 999;
    rx_data(rx, 0, 0, 0);
    assert_int_equal(rx->offers, 2);
    assert_int_equal(rx->offer.instance_id, 999);
    rx_free(rx);
}

static void test_object_that_was_refused_is_not_offered_again(void **state)
{
    struct rx *rx = rx_new(NULL, 3 * BLOCK_BYTES);

    (void)state;
    rx->accept_result = -1;
    for (uint32_t block = 0; block < 3; block++)
        rx_block(rx, 0, block);
    rx_flush(rx, 0, 2, 3, 0);
    assert_string_equal(ask(rx), "");
    assert_int_equal(rx->offers, 1);
    assert_int_equal(mark(rx, 0, BLOCK_BYTES), -ENOENT);
    rx->accept_result = 0;
    rx_block(rx, 1, 0);
    rx_block(rx, 0, 0);
    assert_int_equal(rx->offers, 2);
    assert_int_equal(rx->offer.object_id, 1);
    assert_int_equal(rx->writes, RX_K);
    rx_free(rx);
}

static void test_feedback_to_the_group_names_the_sender_it_is_for(void **state)
{
    struct rx *rx = rx_new(NULL, 2 * BLOCK_BYTES);

    (void)state;
    rx->from.interface_index = 7;
    rx_data(rx, 0, 1, 0);
    assert_string_equal(ask(rx), "N(b0/0)");
    assert_true(rx->datagram.to_group);
    assert_memory_equal(&rx->datagram.destination, &rx->from, sizeof(rx->from));
    rx_free(rx);
}

/* --- what is present already --- */

static void test_blocks_that_are_present_are_not_asked_for(void **state)
{
    struct rx *rx = rx_new(NULL, 8 * BLOCK_BYTES);

    (void)state;
    rx_data(rx, 0, 7, 0);
    /* The ends are a byte short of block 1, and a byte into block 5. */
    assert_int_equal(mark(rx, BLOCK_BYTES + 1, 4 * BLOCK_BYTES), 0);
    assert_int_equal(status_of(rx).complete_blocks, 3);
    assert_int_equal(status_of(rx).received_bytes, 3 * BLOCK_BYTES + RX_SEGMENT_BYTES);
    assert_string_equal(ask(rx), "N(b0/0,b0/1,b0/5,b0/6)");
    rx_block(rx, 0, 3);
    assert_int_equal(rx_dropped(rx, HERALD_NORM_DROP_DUPLICATE), RX_K);
    assert_int_equal(rx->writes, 1);
    assert_string_equal(rx->blocks_told, "");
    /* Again, and overlapping: nothing counts twice. */
    assert_int_equal(mark(rx, BLOCK_BYTES, 5 * BLOCK_BYTES), 0);
    assert_int_equal(status_of(rx).complete_blocks, 5);
    assert_int_equal(status_of(rx).received_bytes, 5 * BLOCK_BYTES + RX_SEGMENT_BYTES);
    assert_false(is_completed_by_call(rx));
    rx_free(rx);
}

static void test_object_that_is_present_is_complete(void **state)
{
    struct rx *rx = rx_new(NULL, 3 * BLOCK_BYTES - 5);

    (void)state;
    rx_data(rx, 0, 0, 0);
    assert_int_equal(mark(rx, 0, 3 * BLOCK_BYTES - 6), 0); /* the last, short block is not whole */
    assert_int_equal(status_of(rx).complete_blocks, 2);
    assert_false(is_completed_by_call(rx));
    assert_int_equal(mark(rx, 2 * BLOCK_BYTES, BLOCK_BYTES - 5), 0);
    assert_true(is_completed_by_call(rx));
    assert_int_equal(mark(rx, 0, 0), -ENOENT);
    rx_flush(rx, 0, 2, 3, RX_NODE);
    rx_run_for(rx, ASK_MS * RX_MS);
    assert_string_equal(rx_trace(rx), "F0/2.3");
    assert_int_equal(rx_statistics(rx).objects, 0);
    rx_free(rx);
}

static void test_object_that_is_present_waits_for_its_info(void **state)
{
    struct rx *rx = rx_new(NULL, BLOCK_BYTES);

    (void)state;
    rx->flags = HD_FLAG_INFO;
    rx_data(rx, 0, 0, 2);
    assert_int_equal(mark(rx, 0, BLOCK_BYTES), 0);
    assert_int_equal(status_of(rx).received_bytes, BLOCK_BYTES);
    assert_false(is_completed_by_call(rx));
    rx_flush(rx, 0, 0, 3, 0);
    assert_string_equal(ask(rx), "N(i0)");
    rx_info(rx, 0, "name");
    assert_int_equal(rx_events(rx, HERALD_NORM_RECEIVER_OBJECT_COMPLETE), 1);
    rx_free(rx);
}

static void test_what_came_of_a_block_that_is_present_is_given_back(void **state)
{
    struct herald_norm_receiver_config config = rx_config();
    struct rx *rx;

    (void)state;
    config.partial_blocks_max = 1;
    config.parity_buffers_max = 1;
    rx = rx_new(&config, 2 * BLOCK_BYTES);
    rx_data(rx, 0, 0, 1);
    rx_data(rx, 0, 0, 2);
    rx_data(rx, 0, 0, 4);
    assert_int_equal(mark(rx, 0, BLOCK_BYTES), 0);
    assert_int_equal(status_of(rx).received_bytes, BLOCK_BYTES);
    rx_data(rx, 0, 1, 4);
    for (uint16_t symbol = 0; symbol < 3; symbol++)
        rx_data(rx, 0, 1, symbol);
    assert_int_equal(rx_events(rx, HERALD_NORM_RECEIVER_OBJECT_COMPLETE), 1);
    assert_int_equal(rx_statistics(rx).decoded_blocks, 1);
    assert_int_equal(rx_statistics(rx).partial_blocks_forgotten, 0);
    assert_string_equal(rx->blocks_told, "+1");
    rx_free(rx);
}

static void test_what_cannot_be_present_is_an_error(void **state)
{
    struct rx *rx = rx_new(NULL, 100);
    struct rx *stream = rx_new(NULL, 512);

    (void)state;
    assert_int_equal(mark(rx, 0, 1), -ENOENT); /* no such sender */
    rx_data(rx, 0, 0, 0);
    assert_int_equal(mark(rx, 0, 101), -EINVAL);
    assert_int_equal(mark(rx, 101, 0), -EINVAL);
    assert_int_equal(mark(rx, 2, UINT64_MAX), -EINVAL);
    assert_int_equal(mark(rx, 100, 0), 0);
    assert_int_equal(mark(rx, 33, 0), 0);
    assert_int_equal(status_of(rx).complete_blocks, 0);
    assert_int_equal(herald_norm_receiver_mark_present(rx->receiver, RX_SENDER, 1, 0, 1, rx->now_ns), -ENOENT);
    assert_int_equal(mark(rx, 0, 100), 0);
    assert_int_equal(mark(rx, 0, 100), -EBUSY);
    assert_true(is_completed_by_call(rx));

    rx_stream_data(stream, 0, 0, 0, 8, 0, 0);
    assert_int_equal(mark(stream, 0, 1), -EINVAL);
    rx_free(stream);
    rx_free(rx);
}

/* An object that finds no room is asked for as soon as another one turns out to be here already. */
static void test_object_that_is_present_makes_room_for_another(void **state)
{
    struct herald_norm_receiver_config config = rx_config();
    struct rx *rx;

    (void)state;
    config.objects_max = 1;
    rx = rx_new(&config, 2 * BLOCK_BYTES);
    rx_block(rx, 0, 0);
    rx_data(rx, 0, 1, 0);
    rx_block(rx, 1, 0);
    rx_flush(rx, 1, 1, 3, 0);
    assert_string_equal(ask(rx), "N(s0/1.1,s0/1.4,s0/1.5)");
    rx_run_for(rx, HOLD_OFF_MS * RX_MS);
    assert_int_equal(mark(rx, 0, 2 * BLOCK_BYTES), 0);
    assert_true(is_completed_by_call(rx));
    assert_string_equal(ask(rx), "N(o1)");
    rx_free(rx);
}

/* Every other block by a call of its own, then all of them: work must not grow with their square. */
static void test_hundreds_of_thousands_of_blocks_can_be_present(void **state)
{
    enum { BLOCKS = 250000 };
    struct herald_norm_receiver_config config = rx_config();
    struct rx *rx;

    (void)state;
    config.blocks_per_queue = BLOCKS;
    rx = rx_new(&config, (uint64_t)BLOCKS * BLOCK_BYTES);
    rx_data_with(rx, 0, BLOCKS - 1, 0, rx_bytes(), RX_SEGMENT_BYTES);
    for (uint64_t block = 0; block < BLOCKS; block += 2)
        assert_int_equal(mark(rx, block * BLOCK_BYTES, BLOCK_BYTES), 0);
    assert_int_equal(status_of(rx).complete_blocks, BLOCKS / 2);
    assert_int_equal(status_of(rx).received_bytes, BLOCKS / 2 * BLOCK_BYTES + RX_SEGMENT_BYTES);
    assert_int_equal(mark(rx, 0, (uint64_t)(BLOCKS - 1) * BLOCK_BYTES), 0);
    assert_int_equal(status_of(rx).complete_blocks, BLOCKS - 1);
    assert_int_equal(status_of(rx).received_bytes, (BLOCKS - 1) * BLOCK_BYTES + RX_SEGMENT_BYTES);
    rx_flush(rx, 0, BLOCKS - 1, 3, 0);
    assert_string_equal(ask(rx), "N(s0/249999.1,s0/249999.4,s0/249999.5)");
    rx_free(rx);
}

/* --- a sink without room --- */

static void test_segment_that_a_sink_refused_comes_again(void **state)
{
    struct rx *rx = rx_new(NULL, 2 * BLOCK_BYTES);

    (void)state;
    rx->write_result = -EAGAIN;
    rx_block(rx, 0, 0);
    assert_int_equal(rx_dropped(rx, HERALD_NORM_DROP_LIMIT), RX_K);
    assert_int_equal(rx_events(rx, HERALD_NORM_RECEIVER_OBJECT_ABORTED), 0);
    assert_int_equal(status_of(rx).received_bytes, 0);
    rx->write_result = 0;
    rx_data(rx, 0, 1, 0);
    assert_string_equal(ask(rx), "N(b0/0)");
    rx_block(rx, 0, 0);
    rx_block(rx, 0, 1);
    assert_true(rx_is_complete(rx, 0));
    assert_string_equal(rx->blocks_told, "+0+1");
    rx_free(rx);
}

/* A reader that is slow for a long time would otherwise have the whole rest of the object sent again and again. */
static void test_what_is_too_far_away_for_a_sink_is_not_asked_for(void **state)
{
    struct rx *rx = rx_new(NULL, 8 * BLOCK_BYTES);

    (void)state;
    rx_block(rx, 0, 0);
    rx_data(rx, 0, 1, 0); /* the rest of this block is lost */
    rx_block(rx, 0, 2);
    rx->write_result = -EAGAIN;
    for (uint32_t block = 3; block < 8; block++)
        rx_block(rx, 0, block);
    rx_block(rx, 0, 3); /* two behind the first that lacks something: so far there is room */
    rx->write_result = 0;
    rx_flush(rx, 0, 7, RX_K - 1, 0);
    assert_string_equal(ask(rx), "N(s0/1.1,s0/1.4,s0/1.5)"); /* not b0/3-7 */
    for (uint32_t block = 1; block < 8; block++)
        rx_block(rx, 0, block);
    assert_true(rx_is_complete(rx, 0));
    rx_free(rx);
}

/* Nothing is remembered of what was refused: a block that has something does not make room for it. */
static void test_segment_that_a_sink_refused_displaces_nothing(void **state)
{
    struct herald_norm_receiver_config config = rx_config();
    struct rx *rx;

    (void)state;
    config.partial_blocks_max = 1;
    rx = rx_new(&config, 3 * BLOCK_BYTES);
    rx_data(rx, 0, 0, 0);
    rx->write_result = -EAGAIN;
    rx_block(rx, 0, 1);
    rx_block(rx, 0, 2);
    assert_string_equal(rx->blocks_told, "");
    assert_int_equal(rx_statistics(rx).partial_blocks_forgotten, 0);
    assert_int_equal(status_of(rx).received_bytes, RX_SEGMENT_BYTES);
    rx_free(rx);
}

/* What was recovered and refused is recovered anew with the next symbol, for which the block asks. */
static void test_recovered_segments_that_a_sink_refused_are_recovered_again(void **state)
{
    struct rx *rx = rx_new(NULL, BLOCK_BYTES);

    (void)state;
    rx_data(rx, 0, 0, 0);
    rx_data(rx, 0, 0, 4);
    rx_data(rx, 0, 0, 1);
    rx->write_result = -EAGAIN;
    rx_data(rx, 0, 0, 5); /* enough for 2 and 3, both of which are refused */
    assert_int_equal(rx_dropped(rx, HERALD_NORM_DROP_LIMIT), 2);
    assert_int_equal(rx_statistics(rx).decoded_segments, 0);
    assert_int_equal(status_of(rx).received_bytes, 2 * RX_SEGMENT_BYTES);
    rx_flush(rx, 0, 0, 3, 0);
    assert_string_equal(ask(rx), "N(s0/0.5)");
    assert_string_equal(rx->blocks_told, "");
    rx->write_result = 0;
    rx_data(rx, 0, 0, 5);
    assert_true(rx_is_complete(rx, 0));
    assert_int_equal(rx_statistics(rx).decoded_segments, 2);
    assert_string_equal(rx->blocks_told, "+0");
    rx_free(rx);
}

/* Of three that are lost the first fits: now there is more parity than the block needs. */
static void test_block_of_which_a_sink_takes_a_part_needs_one_more_symbol(void **state)
{
    struct rx *rx;

    (void)state;
    for (uint32_t taken = 0; taken < 3; taken++) {
        rx = rx_new(NULL, BLOCK_BYTES);
        rx->fti.parity_symbols = 4;
        for (uint16_t symbol = 4; symbol < 7; symbol++)
            rx_data(rx, 0, 0, symbol);
        rx->refuses_from_write = 2 + taken;
        rx_data(rx, 0, 0, 2); /* the first write; then come those of 0, 1 and 3 */
        assert_int_equal(status_of(rx).received_bytes, (1 + taken) * RX_SEGMENT_BYTES);
        assert_int_equal(rx_dropped(rx, HERALD_NORM_DROP_LIMIT), 3 - taken);
        rx_flush(rx, 0, 0, 3, 0);
        rx_run_for(rx, ASK_MS * RX_MS);
        assert_int_equal(status_of(rx).segments_nacked, 1);
        rx->refuses_from_write = 0;
        rx_data(rx, 0, 0, 7);
        assert_true(rx_is_complete(rx, 0));
        assert_int_equal(rx_statistics(rx).decoded_blocks, 1);
        rx_free(rx);
    }
}

/* --- a sink that cannot be read back --- */

static void test_sink_that_cannot_be_read_is_repaired_without_parity(void **state)
{
    struct rx *rx = rx_new(NULL, 2 * BLOCK_BYTES);

    (void)state;
    rx->is_unreadable = true;
    rx_data(rx, 0, 0, 0);
    rx_data(rx, 0, 0, 3);
    rx_data(rx, 0, 0, 4);
    rx_data(rx, 0, 0, 5);
    assert_int_equal(rx_dropped(rx, HERALD_NORM_DROP_UNSUPPORTED), 2);
    assert_int_equal(status_of(rx).received_bytes, 2 * RX_SEGMENT_BYTES);
    rx_data(rx, 0, 1, 4);
    rx_flush(rx, 0, 1, 3, 0);
    assert_string_equal(ask(rx), "N(s0/0.1,s0/0.2,b0/1)");
    rx_block(rx, 0, 0);
    rx_block(rx, 0, 1);
    assert_true(rx_is_complete(rx, 0));
    rx_free(rx);
}

/* Parity that others ask for is of no use to it; the segments that they name are. */
static void test_sink_that_cannot_be_read_does_not_count_on_parity_for_others(void **state)
{
    struct rx *rx = rx_new(NULL, 2 * BLOCK_BYTES);

    (void)state;
    rx->is_unreadable = true;
    for (uint32_t block = 0; block < 2; block++) {
        rx_data(rx, 0, block, 0);
        rx_data(rx, 0, block, 3);
    }
    rx_flush(rx, 0, 1, 3, 0);
    rx_nack_begin(rx, 9, RX_SENDER, RX_INSTANCE);
    rx_nack_range(rx, HD_REQUEST_SEGMENT, 0, 0, 4, 0, 0, 5);
    rx_nack_range(rx, HD_REQUEST_SEGMENT, 0, 1, 1, 0, 1, 2);
    rx_nack_send(rx);
    assert_string_equal(ask(rx), "N(s0/0.1,s0/0.2)");
    rx_free(rx);
}

/* --- with a sender, and a wire that loses packets --- */

enum { WIRE_BYTES = 30000, WIRE_PACKETS = 4096, WIRE_PACKET_BYTES = 400, WIRE_NODES = 2 };

/* A receiver of one object, and its sink. */
struct listener {
    struct wire *wire;
    herald_norm_receiver *receiver;
    bool is_unreadable;
    uint32_t refuse_ppm; /* of writes, until refuse_until_ns */
    uint64_t refuse_until_ns;
    uint64_t refused;
    bool is_complete, is_aborted;
    uint8_t bytes[WIRE_BYTES];
};

struct packet {
    uint64_t at_ns;
    int from; /* the listener; -1: the sender */
    size_t size_bytes;
    uint8_t bytes[WIRE_PACKET_BYTES];
};

struct wire {
    struct hd_random random;
    uint64_t now_ns;
    herald_norm_sender *sender;
    uint8_t content[WIRE_BYTES];
    struct listener listeners[WIRE_NODES];
    struct packet packets[WIRE_PACKETS];
    uint32_t first, count;
};

static bool happens(struct wire *wire, uint32_t ppm)
{
    return hd_random_below(&wire->random, 1000000) < ppm;
}

static int wire_write_at(void *user, uint64_t offset_bytes, const uint8_t *bytes, size_t size_bytes)
{
    struct listener *listener = user;

    if (listener->wire->now_ns < listener->refuse_until_ns && happens(listener->wire, listener->refuse_ppm)) {
        listener->refused++;
        return -EAGAIN;
    }
    assert_true(offset_bytes + size_bytes <= WIRE_BYTES);
    memcpy(listener->bytes + offset_bytes, bytes, size_bytes);
    return 0;
}

static const uint8_t *wire_read_at(void *user, uint64_t offset_bytes, size_t size_bytes)
{
    struct listener *listener = user;

    assert_true(offset_bytes + size_bytes <= WIRE_BYTES);
    return listener->bytes + offset_bytes;
}

static int wire_accept(void *user, const struct herald_norm_offer *offer, struct herald_norm_sink *ret_sink)
{
    struct listener *listener = user;

    assert_int_equal(offer->size_bytes, WIRE_BYTES);
    *ret_sink = (struct herald_norm_sink){ .user = listener,
                                           .write_at = wire_write_at,
                                           .read_at = listener->is_unreadable ? NULL : wire_read_at };
    return 0;
}

static struct wire *wire_new(uint64_t seed, uint32_t partial_blocks_max)
{
    struct wire *wire = calloc(1, sizeof(*wire));
    struct herald_norm_sender_config sending;
    struct herald_norm_object object = { .kind = HERALD_NORM_DATA, .size_bytes = WIRE_BYTES, .bytes = wire->content };
    uint16_t object_id;

    wire->now_ns = RX_S;
    hd_random_init(&wire->random, seed);
    for (size_t i = 0; i < WIRE_BYTES; i++)
        wire->content[i] = (uint8_t)hd_random_u64(&wire->random);
    herald_norm_sender_config_default(&sending);
    sending.node_id = RX_SENDER;
    sending.seed = seed;
    sending.segment_bytes = 100;
    sending.block_segments = 16;
    sending.parity_segments = 8;
    sending.rate_bytes_per_s = 1000000;
    sending.grtt_initial_ns = 10 * RX_MS;
    sending.group_size = 10;
    assert_int_equal(herald_norm_sender_new(&wire->sender, &sending, wire->now_ns), 0);
    for (uint32_t i = 0; i < WIRE_NODES; i++) {
        struct herald_norm_receiver_config config;

        herald_norm_receiver_config_default(&config);
        config.node_id = RX_NODE + i;
        config.seed = seed + i;
        config.partial_blocks_max = partial_blocks_max;
        config.user = &wire->listeners[i];
        config.accept = wire_accept;
        wire->listeners[i].wire = wire;
        assert_int_equal(herald_norm_receiver_new(&wire->listeners[i].receiver, &config, wire->now_ns), 0);
    }
    assert_int_equal(herald_norm_sender_enqueue(wire->sender, &object, wire->now_ns, &object_id), 0);
    return wire;
}

static void wire_free(struct wire *wire)
{
    for (int i = 0; i < WIRE_NODES; i++)
        herald_norm_receiver_free(wire->listeners[i].receiver);
    herald_norm_sender_free(wire->sender);
    free(wire);
}

static void wire_events(struct wire *wire)
{
    struct herald_norm_sender_event sent;
    struct herald_norm_receiver_event event;

    while (herald_norm_sender_poll_event(wire->sender, &sent) > 0)
        continue;
    for (int i = 0; i < WIRE_NODES; i++)
        while (herald_norm_receiver_poll_event(wire->listeners[i].receiver, &event) > 0) {
            wire->listeners[i].is_complete |= event.type == HERALD_NORM_RECEIVER_OBJECT_COMPLETE;
            wire->listeners[i].is_aborted |= event.type == HERALD_NORM_RECEIVER_OBJECT_ABORTED;
        }
}

static void wire_launch(struct wire *wire, const struct herald_norm_datagram *datagram, int from)
{
    struct packet *packet = &wire->packets[(wire->first + wire->count++) % WIRE_PACKETS];

    assert_true(wire->count <= WIRE_PACKETS && datagram->header_bytes + datagram->payload_bytes <= WIRE_PACKET_BYTES);
    packet->at_ns = wire->now_ns + 2 * RX_MS;
    packet->from = from;
    packet->size_bytes = datagram->header_bytes + datagram->payload_bytes;
    memcpy(packet->bytes, datagram->buffer, datagram->header_bytes);
    if (datagram->payload_bytes > 0)
        memcpy(packet->bytes + datagram->header_bytes, datagram->payload, datagram->payload_bytes);
}

/* Tells everybody the time, and takes what they send. @return when something happens next */
static uint64_t wire_drain(struct wire *wire)
{
    uint8_t buffer[WIRE_PACKET_BYTES];
    struct herald_norm_datagram datagram = { .buffer = buffer, .buffer_bytes = sizeof(buffer) };
    uint64_t next_ns;

    assert_int_equal(herald_norm_sender_handle_timeout(wire->sender, wire->now_ns), 0);
    while (herald_norm_sender_poll_output(wire->sender, &datagram, wire->now_ns) > 0)
        wire_launch(wire, &datagram, -1);
    wire_events(wire);
    next_ns = herald_norm_sender_next_timeout(wire->sender);
    for (int i = 0; i < WIRE_NODES; i++) {
        herald_norm_receiver *receiver = wire->listeners[i].receiver;

        assert_int_equal(herald_norm_receiver_handle_timeout(receiver, wire->now_ns), 0);
        while (herald_norm_receiver_poll_output(receiver, &datagram, wire->now_ns) > 0)
            wire_launch(wire, &datagram, i);
        assert_true(herald_norm_receiver_next_timeout(receiver) > wire->now_ns);
        if (herald_norm_receiver_next_timeout(receiver) < next_ns)
            next_ns = herald_norm_receiver_next_timeout(receiver);
    }
    wire_events(wire);
    if (wire->count > 0 && wire->packets[wire->first].at_ns < next_ns)
        next_ns = wire->packets[wire->first].at_ns;
    return next_ns;
}

static void wire_deliver(struct wire *wire, const struct packet *packet, uint32_t loss_ppm)
{
    static const struct herald_peer from = { .address = { HERALD_FAMILY_IPV4, { 10, 0, 0, 1 } }, .port = 6003 };

    if (packet->from >= 0)
        assert_int_equal(
            herald_norm_sender_input(wire->sender, &from, false, packet->bytes, packet->size_bytes, wire->now_ns), 0);
    wire_events(wire);
    for (int i = 0; i < WIRE_NODES; i++)
        if (i != packet->from && !happens(wire, loss_ppm))
            assert_int_equal(herald_norm_receiver_input(wire->listeners[i].receiver, &from, false, packet->bytes,
                                                        packet->size_bytes, wire->now_ns),
                             0);
    wire_events(wire);
}

/* Lets a minute pass, and checks that everybody has everything. */
static void wire_run(struct wire *wire, uint32_t loss_ppm)
{
    uint64_t until_ns = wire->now_ns + 60 * RX_S;
    uint64_t next_ns = wire_drain(wire);

    while (next_ns < until_ns && !(wire->listeners[0].is_complete && wire->listeners[1].is_complete)) {
        wire->now_ns = next_ns > wire->now_ns ? next_ns : wire->now_ns;
        for (; wire->count > 0 && wire->packets[wire->first].at_ns <= wire->now_ns; wire->count--) {
            wire_deliver(wire, &wire->packets[wire->first], loss_ppm);
            wire->first = (wire->first + 1) % WIRE_PACKETS;
        }
        next_ns = wire_drain(wire);
    }
    for (int i = 0; i < WIRE_NODES; i++) {
        assert_false(wire->listeners[i].is_aborted);
        assert_true(wire->listeners[i].is_complete);
        assert_memory_equal(wire->listeners[i].bytes, wire->content, WIRE_BYTES);
    }
}

static void test_object_completes_after_its_sink_refused_a_while(void **state)
{
    static const uint32_t refusals_ppm[] = { 100000, 500000, 900000, 1000000 };
    static const uint32_t partials_max[] = { 4096, 2 };

    (void)state;
    for (uint64_t seed = 1; seed <= 5; seed++)
        for (size_t i = 0; i < sizeof(refusals_ppm) / sizeof(refusals_ppm[0]); i++)
            for (size_t j = 0; j < sizeof(partials_max) / sizeof(partials_max[0]); j++) {
                struct wire *wire = wire_new(seed, partials_max[j]);
                struct listener *listener = &wire->listeners[1];
                struct herald_norm_receiver_statistics statistics;

                listener->refuse_ppm = refusals_ppm[i];
                listener->refuse_until_ns = wire->now_ns + RX_S;
                listener->is_unreadable = seed % 2 == 0;
                wire_run(wire, 50000);
                herald_norm_receiver_get_statistics(listener->receiver, &statistics);
                assert_true(listener->refused > 0);
                if (j == 0)
                    assert_int_equal(statistics.dropped[HERALD_NORM_DROP_LIMIT], listener->refused);
                wire_free(wire);
            }
}

static void test_object_completes_in_a_sink_that_cannot_be_read(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 10; seed++) {
        struct wire *wire = wire_new(seed, seed % 2 ? 4096 : 2);
        struct herald_norm_sender_statistics statistics;
        bool is_alone = seed % 5 != 0; /* the other one uses parity otherwise, for which both have to wait */

        wire->listeners[0].is_unreadable = is_alone;
        wire->listeners[1].is_unreadable = true;
        wire_run(wire, 200000);
        herald_norm_sender_get_statistics(wire->sender, &statistics);
        assert_int_equal(statistics.repair_parity_datagrams == 0, is_alone);
        wire_free(wire);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sink_is_told_of_each_complete_block_once),
        cmocka_unit_test(test_sink_is_told_of_a_block_that_was_forgotten),
        cmocka_unit_test(test_sink_need_not_be_told),
        cmocka_unit_test(test_offer_names_the_run_of_the_sender),
        cmocka_unit_test(test_object_that_was_refused_is_not_offered_again),
        cmocka_unit_test(test_feedback_to_the_group_names_the_sender_it_is_for),
        cmocka_unit_test(test_blocks_that_are_present_are_not_asked_for),
        cmocka_unit_test(test_object_that_is_present_is_complete),
        cmocka_unit_test(test_object_that_is_present_waits_for_its_info),
        cmocka_unit_test(test_what_came_of_a_block_that_is_present_is_given_back),
        cmocka_unit_test(test_what_cannot_be_present_is_an_error),
        cmocka_unit_test(test_object_that_is_present_makes_room_for_another),
        cmocka_unit_test(test_hundreds_of_thousands_of_blocks_can_be_present),
        cmocka_unit_test(test_segment_that_a_sink_refused_comes_again),
        cmocka_unit_test(test_what_is_too_far_away_for_a_sink_is_not_asked_for),
        cmocka_unit_test(test_segment_that_a_sink_refused_displaces_nothing),
        cmocka_unit_test(test_recovered_segments_that_a_sink_refused_are_recovered_again),
        cmocka_unit_test(test_block_of_which_a_sink_takes_a_part_needs_one_more_symbol),
        cmocka_unit_test(test_sink_that_cannot_be_read_is_repaired_without_parity),
        cmocka_unit_test(test_sink_that_cannot_be_read_does_not_count_on_parity_for_others),
        cmocka_unit_test(test_object_completes_after_its_sink_refused_a_while),
        cmocka_unit_test(test_object_completes_in_a_sink_that_cannot_be_read),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
