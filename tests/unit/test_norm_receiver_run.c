/* SPDX-License-Identifier: MIT */
/* Packets that come as a run do what they do one by one. */
#include "norm_rx_kit.h"
#include "random.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum {
    RUN_PACKETS = 40,
    PACKET_BYTES = 200,
    ROUNDS = 4000,
    OBJECT_BYTES = 1000, /* 63 segments in 16 blocks; the last one is half a segment */
};

/* What one receiver gets packet by packet, and the other at once. */
struct pair {
    struct rx *single;
    struct rx *bulk;
    struct rx *maker; /* makes the packets */
    struct hd_random random;
    uint8_t run[RUN_PACKETS * PACKET_BYTES];
    size_t run_bytes;
    size_t datagram_bytes;
};

static struct pair *pair_new(uint8_t fec_id, uint64_t seed)
{
    struct pair *pair = calloc(1, sizeof(*pair));

    assert_non_null(pair);
    pair->single = rx_new(NULL, OBJECT_BYTES);
    pair->bulk = rx_new(NULL, OBJECT_BYTES);
    pair->maker = rx_new(NULL, OBJECT_BYTES);
    pair->maker->fec_id = fec_id;
    hd_random_init(&pair->random, seed);
    return pair;
}

static void pair_free(struct pair *pair)
{
    rx_free(pair->single);
    rx_free(pair->bulk);
    rx_free(pair->maker);
    free(pair);
}

/* Adds what the maker made last. @return false: it is too long, as for the kernel, and has to begin a new run. */
static bool add(struct pair *pair)
{
    size_t packet_bytes = hd_writer_size(&pair->maker->writer);

    if (pair->run_bytes == 0)
        pair->datagram_bytes = packet_bytes;
    if (pair->run_bytes % pair->datagram_bytes != 0 || packet_bytes > pair->datagram_bytes ||
        pair->run_bytes == RUN_PACKETS * pair->datagram_bytes)
        return false;
    assert_true(pair->run_bytes + packet_bytes <= sizeof(pair->run));
    memcpy(pair->run + pair->run_bytes, pair->maker->made, packet_bytes);
    pair->run_bytes += packet_bytes;
    return true;
}

static void damage(struct pair *pair)
{
    for (uint64_t i = hd_random_below(&pair->random, 3); i > 0; i--)
        pair->run[hd_random_below(&pair->random, pair->run_bytes)] ^= (uint8_t)(1 << hd_random_below(&pair->random, 8));
}

static void take_in_bulk(struct pair *pair)
{
    struct rx *rx = pair->bulk;
    size_t done_bytes = 0;

    while (done_bytes < pair->run_bytes) {
        int64_t taken = herald_norm_receiver_input_run(rx->receiver, &rx->from, false, pair->run + done_bytes,
                                                       pair->run_bytes - done_bytes, pair->datagram_bytes, rx->now_ns);

        assert_true(taken > 0 && (size_t)taken <= pair->run_bytes - done_bytes);
        done_bytes += (size_t)taken;
        rx_take_events(rx);
    }
}

static void compare(struct pair *pair)
{
    struct herald_norm_receiver_statistics single = rx_statistics(pair->single);
    struct herald_norm_receiver_statistics bulk = rx_statistics(pair->bulk);

    assert_memory_equal(&single, &bulk, sizeof(single));
    assert_int_equal(pair->single->events_count, pair->bulk->events_count);
    for (uint32_t i = 0; i < pair->single->events_count; i++) {
        assert_int_equal(pair->single->events[i].type, pair->bulk->events[i].type);
        assert_int_equal(pair->single->events[i].object_id, pair->bulk->events[i].object_id);
    }
    assert_int_equal(pair->single->writes, pair->bulk->writes);
    for (size_t i = 0; i < RX_OBJECTS; i++)
        assert_memory_equal(pair->single->written[i], pair->bulk->written[i], OBJECT_BYTES);
    assert_string_equal(rx_trace(pair->single), rx_trace(pair->bulk));
    rx_forget_events(pair->single);
    rx_forget_events(pair->bulk);
}

/* Hands the run in both ways, lets some time pass, and compares. */
static void deliver(struct pair *pair, uint64_t later_ns)
{
    for (size_t at = 0; at < pair->run_bytes; at += pair->datagram_bytes) {
        size_t left_bytes = pair->run_bytes - at;

        rx_input(pair->single, pair->run + at, left_bytes < pair->datagram_bytes ? left_bytes : pair->datagram_bytes);
    }
    take_in_bulk(pair);
    pair->run_bytes = 0;
    rx_run_for(pair->single, later_ns);
    rx_run_for(pair->bulk, later_ns);
    compare(pair);
}

/* Mostly what comes next; but also gaps, repetitions, parity, other objects, and what is no DATA. */
static void make_packet(struct pair *pair, uint16_t *object_id, uint32_t *segment)
{
    struct rx *rx = pair->maker;

    switch (hd_random_below(&pair->random, 20)) {
    case 0:
        *segment = (uint32_t)hd_random_below(&pair->random, 63);
        break;
    case 1:
        rx->header.sequence += (uint16_t)hd_random_below(&pair->random, 3);
        break;
    case 2:
        rx_data(rx, *object_id, *segment / RX_K, (uint16_t)(RX_K - 1 + hd_random_below(&pair->random, RX_PARITY)));
        return;
    case 3:
        rx_flush(rx, *object_id, *segment / RX_K, (uint16_t)(*segment % RX_K),
                 (uint32_t)hd_random_below(&pair->random, 2) * RX_NODE);
        return;
    case 4:
        *object_id += (uint16_t)hd_random_below(&pair->random, 2);
        break;
    default:
        break;
    }
    rx_data(rx, *object_id, *segment / RX_K, (uint16_t)(*segment % RX_K));
    *segment = (*segment + 1) % 63;
}

static void check_random_runs(uint8_t fec_id, bool is_damaged)
{
    struct pair *pair = pair_new(fec_id, fec_id);
    uint16_t object_id = 0;
    uint32_t segment = 0;

    for (int round = 0; round < ROUNDS; round++) {
        make_packet(pair, &object_id, &segment);
        rx_forget_events(pair->maker);
        if (hd_random_below(&pair->random, RUN_PACKETS) != 0 && add(pair))
            continue;
        if (is_damaged && pair->run_bytes > 0)
            damage(pair);
        deliver(pair, hd_random_below(&pair->random, 3) * 20 * RX_MS);
        assert_true(add(pair));
    }
    pair_free(pair);
}

static void a_run_does_what_its_packets_do(void **state)
{
    (void)state;
    check_random_runs(HD_FEC_RS_8, false);
    check_random_runs(HD_FEC_SMALL_BLOCK, false);
}

static void so_does_a_damaged_one(void **state)
{
    (void)state;
    check_random_runs(HD_FEC_RS_8, true);
    check_random_runs(HD_FEC_SMALL_BLOCK, true);
}

static void add_block(struct pair *pair, uint32_t block)
{
    for (int i = 0; i < RX_K; i++) {
        rx_data(pair->maker, 0, block, (uint16_t)i);
        assert_true(add(pair));
    }
}

static void a_block_is_taken_at_once(void **state)
{
    struct pair *pair = pair_new(HD_FEC_RS_8, 1);
    struct rx *rx = pair->bulk;

    (void)state;
    add_block(pair, 0);
    add_block(pair, 1);
    take_in_bulk(pair); /* the first packet opens the object, and has an event; each block begins anew */
    assert_int_equal(rx_statistics(rx).source_datagrams, 2 * RX_K);
    pair->run_bytes = 0;
    add_block(pair, 2);
    assert_int_equal(herald_norm_receiver_input_run(rx->receiver, &rx->from, false, pair->run, pair->run_bytes,
                                                    pair->datagram_bytes, rx->now_ns),
                     pair->run_bytes);
    assert_int_equal(rx_statistics(rx).source_datagrams, 3 * RX_K);
    assert_int_equal(rx->many, 2 + (RX_K - 1) + (RX_K - 1)); /* of the first block one packet came before */
    pair_free(pair);
}

static void what_a_sink_refuses_of_a_run_is_asked_for_again(void **state)
{
    struct pair *pair = pair_new(HD_FEC_RS_8, 1);

    (void)state;
    pair->single->refuses_from_write = pair->bulk->refuses_from_write = RX_K + 3;
    for (uint32_t block = 0; block < 3; block++)
        add_block(pair, block);
    deliver(pair, 0);
    assert_int_equal(rx_dropped(pair->bulk, HERALD_NORM_DROP_LIMIT), 2 * RX_K - 2);
    pair->single->refuses_from_write = pair->bulk->refuses_from_write = 0;
    for (uint32_t block = 1; block < 3; block++)
        add_block(pair, block);
    deliver(pair, 0);
    assert_int_equal(rx_statistics(pair->bulk).source_datagrams, 3 * RX_K + 2 * RX_K - 2);
    pair_free(pair);
}

static void a_run_without_a_size_is_one_packet(void **state)
{
    struct pair *pair = pair_new(HD_FEC_RS_8, 1);
    struct rx *rx = pair->bulk;

    (void)state;
    rx_data(pair->maker, 0, 0, 0);
    assert_true(add(pair));
    assert_int_equal(
        herald_norm_receiver_input_run(rx->receiver, &rx->from, false, pair->run, pair->run_bytes, 0, rx->now_ns),
        pair->run_bytes);
    rx_take_events(rx);
    assert_int_equal(herald_norm_receiver_input_run(rx->receiver, &rx->from, false, pair->run, 0, 0, rx->now_ns), 0);
    assert_int_equal(rx_dropped(rx, HERALD_NORM_DROP_MALFORMED), 1);
    pair_free(pair);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_run_does_what_its_packets_do),
        cmocka_unit_test(so_does_a_damaged_one),
        cmocka_unit_test(a_block_is_taken_at_once),
        cmocka_unit_test(what_a_sink_refuses_of_a_run_is_asked_for_again),
        cmocka_unit_test(a_run_without_a_size_is_one_packet),
    };

    return cmocka_run_group_tests_name("norm_receiver_run", tests, NULL, NULL);
}
