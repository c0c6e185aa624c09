/* SPDX-License-Identifier: MIT */
/*
 * The NORM sender with configs at their limits, called in any order: it never sends what does not decode, never has a
 * deadline in the past, and ends when it is told to.
 */
#include "norm_kit.h"
#include "norm_sender.h"
#include "random.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define OBJECT_BYTES_MAX ((UINT64_C(1) << 48) - 1)

enum { NODES = 40, CALLS = 3000, BLOCK_BYTES_MAX = 254 * 65000, DEADLINES_MAX = 200000 };

static uint8_t block_bytes[BLOCK_BYTES_MAX];

struct world {
    struct kit *kit;
    struct hd_random random;
    uint16_t last_id;
};

static const uint8_t *read_at(void *user, uint64_t offset_bytes, size_t size_bytes)
{
    (void)user;
    assert_true(size_bytes > 0 && size_bytes <= BLOCK_BYTES_MAX);
    assert_true(offset_bytes <= OBJECT_BYTES_MAX && size_bytes <= OBJECT_BYTES_MAX - offset_bytes);
    return block_bytes;
}

static uint32_t below(struct world *world, uint32_t count)
{
    return (uint32_t)hd_random_below(&world->random, count);
}

static uint32_t some_node(struct world *world)
{
    return 100 + below(world, NODES);
}

static uint16_t some_object(struct world *world)
{
    return (uint16_t)(world->last_id - below(world, 6));
}

/* --- time --- */

/* At most so many datagrams, for at 100 Gbit/s there is no end of them. */
static void drain(struct world *world, uint32_t datagrams_max)
{
    struct kit *kit = world->kit;

    while (datagrams_max-- > 0 && kit_poll(kit))
        kit_trace(kit);
}

/* To the next deadline, and all that is due then. */
static void pass(struct world *world)
{
    struct kit *kit = world->kit;
    struct herald_norm_sender_event event;
    uint64_t next_ns = herald_norm_sender_next_timeout(kit->sender);

    while (herald_norm_sender_poll_event(kit->sender, &event) > 0)
        kit->events[event.type] = event;
    if (next_ns != HERALD_NEVER && next_ns > kit->now_ns)
        kit->now_ns = next_ns;
    assert_int_equal(herald_norm_sender_handle_timeout(kit->sender, kit->now_ns), 0);
    while (kit_poll(kit) || herald_norm_sender_poll_event(kit->sender, &event) > 0)
        kit_trace(kit);
    assert_true(herald_norm_sender_next_timeout(kit->sender) > kit->now_ns);
}

/* --- calls --- */

static void enqueue(struct world *world)
{
    static const uint64_t sizes_bytes[] = { 0, 1, 1000, 1000000, OBJECT_BYTES_MAX };
    struct herald_norm_object object = {
        .kind = (enum herald_norm_kind)below(world, 3),
        .size_bytes = sizes_bytes[below(world, 5)],
        .source = { .read_at = read_at },
        .info = (const uint8_t *)"x",
        .info_bytes = 1,
    };

    if (object.kind == HERALD_NORM_STREAM)
        object.size_bytes = 1;
    (void)!herald_norm_sender_enqueue(world->kit->sender, &object, world->kit->now_ns, &world->last_id);
}

static void nack(struct world *world)
{
    static const uint8_t flags[] = { HD_REQUEST_SEGMENT, HD_REQUEST_BLOCK, HD_REQUEST_INFO, HD_REQUEST_OBJECT };
    uint8_t flag = flags[below(world, 4)];
    uint32_t block = below(world, 2) ? below(world, 4) : (uint32_t)hd_random_u64(&world->random) & 0xffffff;

    kit_nack_begin(world->kit, some_node(world));
    kit_nack_item(world->kit, flag, some_object(world), block, (uint16_t)below(world, 256));
    kit_nack_range(world->kit, flag, kit_position(world->kit, some_object(world), 0, (uint16_t)below(world, 256)),
                   kit_position(world->kit, some_object(world), block, (uint16_t)below(world, 256)));
    kit_nack_send(world->kit, below(world, 2));
}

static void write_stream(struct world *world)
{
    herald_norm_sender *sender = world->kit->sender;

    (void)!herald_norm_sender_stream_write(sender, some_object(world), block_bytes, below(world, 5000), below(world, 8),
                                           world->kit->now_ns);
    if (below(world, 10) == 0)
        herald_norm_sender_stream_close(sender, some_object(world), world->kit->now_ns);
}

static void want_acks(struct world *world)
{
    herald_norm_sender *sender = world->kit->sender;
    uint32_t node_id = some_node(world);

    herald_norm_sender_add_ack_node(sender, node_id);
    if (below(world, 5) == 0)
        herald_norm_sender_remove_ack_node(sender, node_id, world->kit->now_ns);
    herald_norm_sender_request_acks(sender, some_object(world), world->kit->now_ns);
    (void)!herald_norm_sender_request(sender, 20, 1, &node_id, 1, block_bytes, 8, world->kit->now_ns);
    (void)!herald_norm_sender_send_command(sender, block_bytes, 8, below(world, 2), world->kit->now_ns);
}

static void call(struct world *world)
{
    switch (below(world, 8)) {
    case 0:
        enqueue(world);
        break;
    case 1:
        write_stream(world);
        break;
    case 2:
        want_acks(world);
        break;
    case 3:
        herald_norm_sender_release(world->kit->sender, some_object(world), world->kit->now_ns);
        break;
    case 4:
        herald_norm_sender_set_rate(world->kit->sender, 1 + (hd_random_u64(&world->random) >> below(world, 63)),
                                    world->kit->now_ns);
        break;
    case 5:
    case 6:
        nack(world);
        break;
    default:
        drain(world, below(world, 100));
        pass(world);
        break;
    }
}

/* Everything that is left is released: with a byte per second nobody could wait for it. */
static void end(struct world *world)
{
    herald_norm_sender *sender = world->kit->sender;
    uint32_t deadlines = 0;

    for (uint32_t id = 0; id <= UINT16_MAX; id++)
        herald_norm_sender_release(sender, (uint16_t)id, world->kit->now_ns);
    herald_norm_sender_end(sender, world->kit->now_ns);
    for (pass(world); herald_norm_sender_next_timeout(sender) != HERALD_NEVER; pass(world))
        assert_true(++deadlines < DEADLINES_MAX);
}

static void live(const struct herald_norm_sender_config *config, uint64_t seed)
{
    struct world world = { .kit = kit_new(config) };

    hd_random_init(&world.random, seed);
    for (int i = 0; i < CALLS; i++) {
        call(&world);
        pass(&world);
    }
    end(&world);
    kit_free(world.kit);
}

/* --- configs --- */

static struct herald_norm_sender_config large_config(void)
{
    struct herald_norm_sender_config config = kit_config();

    config.objects_max = 64;
    config.blocks_per_queue = UINT64_C(1) << 26;
    config.stream_blocks_max = 8;
    config.ack_nodes_max = NODES;
    return config;
}

static void any_calls_with_the_largest_segments(void **state)
{
    static const uint64_t rates_bytes_per_s[] = { 1, 125000, HERALD_NORM_RATE_MAX_BYTES_PER_S };

    (void)state;
    for (size_t i = 0; i < 3; i++) {
        struct herald_norm_sender_config config = large_config();

        config.segment_bytes = 65000;
        config.block_segments = 254;
        config.parity_segments = 1;
        config.rate_bytes_per_s = rates_bytes_per_s[i];
        for (uint64_t seed = 0; seed < 4; seed++)
            live(&config, 4 * i + seed);
    }
}

static void any_calls_with_the_smallest_of_everything(void **state)
{
    static const uint8_t fec_ids[] = { HD_FEC_RS_8, HD_FEC_SMALL_BLOCK };

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        struct herald_norm_sender_config config = large_config();

        config.fec_id = fec_ids[i];
        config.block_segments = 1;
        config.parity_segments = 0;
        config.rate_bytes_per_s = 1;
        config.burst_ns = 0;
        config.burst_datagrams_max = 1;
        config.robust_factor = 1;
        config.backoff_factor = 0;
        config.group_size = 1;
        config.repair_blocks_max = 1;
        config.objects_max = 2;
        config.grtt_initial_ns = 1;
        config.stream_blocks_max = 2;
        for (uint64_t seed = 0; seed < 8; seed++)
            live(&config, 100 + 8 * i + seed);
    }
}

static void any_calls_with_the_longest_times(void **state)
{
    struct herald_norm_sender_config config = large_config();

    (void)state;
    config.grtt_max_ns = HD_RTT_MAX_NS;
    config.grtt_initial_ns = HD_RTT_MAX_NS;
    config.robust_factor = 255;
    config.backoff_factor = 15;
    config.group_size = UINT32_MAX;
    config.objects_max = 16384;
    config.unicast_feedback = true;
    live(&config, 20);
}

static void any_calls_while_the_rate_is_found(void **state)
{
    static const enum herald_norm_rate_mode modes[] = { HERALD_NORM_RATE_AUTO, HERALD_NORM_RATE_TFMCC };

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        struct herald_norm_sender_config config = large_config();

        config.rate_mode = modes[i];
        config.rate_min_bytes_per_s = 1;
        config.proactive_parity = 2;
        live(&config, 30 + i);
    }
}

/* The kit remembers so many events only. */
static void run_for(struct kit *kit, uint64_t duration_ns)
{
    for (uint64_t left_ns = duration_ns; left_ns > 0; left_ns -= KIT_MS) {
        kit_run_for(kit, KIT_MS);
        kit->events_count = 0;
    }
}

/* 65,536 ids go round twice, with the window at its largest. */
static void ids_wrap_with_the_largest_window(void **state)
{
    struct herald_norm_sender_config config = kit_config();
    struct kit *kit;

    (void)state;
    config.objects_max = 16384;
    config.rate_bytes_per_s = 100000000;
    kit = kit_new(&config);
    for (uint32_t first = 0; first < 2 * 65536; first += 16384) {
        char word[32];

        for (uint32_t i = 0; i < 16384; i++) {
            assert_int_equal(kit_enqueue(kit, 16, NULL), (uint16_t)(first + i));
            if (hd_events_room(&kit->sender->events) < 16)
                run_for(kit, KIT_MS);
        }
        run_for(kit, 200 * KIT_MS); /* and the flush ends */
        kit_trace(kit);
        kit_nack(kit, 100, HD_REQUEST_SEGMENT, (uint16_t)first, 0, 0);
        run_for(kit, 100 * KIT_MS);
        snprintf(word, sizeof word, "%u/0.0 F", (unsigned)(uint16_t)first);
        assert_int_equal(strncmp(kit_trace(kit), word, strlen(word)), 0);
        run_for(kit, 100 * KIT_MS);
        kit_trace(kit);
    }
    kit_free(kit);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(any_calls_with_the_largest_segments),
        cmocka_unit_test(any_calls_with_the_smallest_of_everything),
        cmocka_unit_test(any_calls_with_the_longest_times),
        cmocka_unit_test(any_calls_while_the_rate_is_found),
        cmocka_unit_test(ids_wrap_with_the_largest_window),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
