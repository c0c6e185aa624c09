/* SPDX-License-Identifier: MIT */
/* The simulator's network, with toy nodes: what a link does to packets, who hears them, and that a run replays. */
#include "world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#define MS   UINT64_C(1000000)
#define S    UINT64_C(1000000000)
#define EVER (1000 * S)

enum { PACKET_BYTES = 972, RECEIVED_MAX = 20000 }; /* 1,000 bytes on a link */

/* Sends `count` numbered packets, one each `gap_ns`; keeps what comes. */
struct toy {
    uint32_t to;
    uint32_t count;
    uint64_t gap_ns;
    uint64_t next_ns;
    uint32_t sent;
    bool loops; /* never satisfied with a time-out */
    uint8_t packet[PACKET_BYTES];
    uint32_t received;
    uint32_t numbers[RECEIVED_MAX];
    uint64_t times_ns[RECEIVED_MAX];
    uint32_t bytes[RECEIVED_MAX];
    uint32_t from[RECEIVED_MAX];
};

static void toy_input(void *self, const struct sim_packet *packet, uint64_t now_ns)
{
    struct toy *toy = self;
    uint32_t number = UINT32_MAX;

    if (packet->bytes >= sizeof number)
        memcpy(&number, packet->data, sizeof number);
    assert_true(toy->received < RECEIVED_MAX);
    toy->numbers[toy->received] = number;
    toy->times_ns[toy->received] = now_ns;
    toy->bytes[toy->received] = packet->bytes;
    toy->from[toy->received] = packet->from;
    toy->received++;
}

static bool toy_poll_output(void *self, uint64_t now_ns, struct sim_datagram *ret_datagram)
{
    struct toy *toy = self;

    if (toy->sent == toy->count || now_ns < toy->next_ns)
        return false;
    memcpy(toy->packet, &toy->sent, sizeof toy->sent);
    toy->sent++;
    toy->next_ns += toy->gap_ns;
    *ret_datagram = (struct sim_datagram){ toy->to, toy->packet, sizeof toy->packet };
    return true;
}

static uint64_t toy_next_timeout(void *self)
{
    struct toy *toy = self;

    if (toy->loops)
        return 1;
    return toy->sent == toy->count ? SIM_NEVER : toy->next_ns;
}

static void toy_handle_timeout(void *self, uint64_t now_ns)
{
    (void)self;
    (void)now_ns;
}

static const struct sim_node_ops toy_ops = { toy_input, toy_poll_output, toy_next_timeout, toy_handle_timeout };

enum { TOYS_MAX = 8 };

/* One sender, node 0, and receivers behind links of one kind. */
struct bed {
    struct sim_world *world;
    struct toy *toys;
    uint32_t toys_count;
    uint32_t down;
};

static struct bed bed_new(uint64_t seed, uint32_t receivers, const struct sim_link *up, const struct sim_link *down)
{
    struct bed bed = { .world = sim_world_new(seed, TOYS_MAX), .toys_count = 1 + receivers };
    uint32_t sender_up = sim_world_add_link(bed.world, up);
    uint32_t plain = sim_world_add_link(bed.world, &(struct sim_link){ 0 });

    bed.toys = sim_allocate(TOYS_MAX, sizeof *bed.toys);
    bed.down = sim_world_add_link(bed.world, down);
    sim_world_add_node(bed.world, sender_up, plain);
    for (uint32_t i = 1; i <= receivers; i++)
        sim_world_add_node(bed.world, plain, bed.down);
    return bed;
}

static void bed_start(struct bed *bed, uint32_t count, uint64_t gap_ns)
{
    bed->toys[0] = (struct toy){ .to = SIM_GROUP, .count = count, .gap_ns = gap_ns };
    for (uint32_t i = 0; i < bed->toys_count; i++)
        sim_node_start(bed->world, i, &toy_ops, &bed->toys[i]);
}

static void bed_run(struct bed *bed, uint32_t count, uint64_t gap_ns)
{
    bed_start(bed, count, gap_ns);
    assert_false(sim_world_run(bed->world, EVER));
    assert_int_equal(sim_world_complaint(bed->world)->offence, SIM_NO_OFFENCE);
}

static void bed_free(struct bed *bed)
{
    sim_world_free(bed->world);
    free(bed->toys);
}

static const struct sim_link plain;

static void delay_is_that_of_both_links(void **state)
{
    struct bed bed = bed_new(1, 2, &(struct sim_link){ .delay_ns = 3 * MS }, &(struct sim_link){ .delay_ns = 2 * MS });

    (void)state;
    bed_run(&bed, 3, 10 * MS);
    for (uint32_t i = 1; i <= 2; i++) {
        assert_int_equal(bed.toys[i].received, 3);
        for (uint32_t n = 0; n < 3; n++) {
            assert_int_equal(bed.toys[i].numbers[n], n);
            assert_int_equal(bed.toys[i].times_ns[n], (10 * n + 5) * MS);
        }
    }
    assert_int_equal(bed.toys[0].received, 0);
    bed_free(&bed);
}

static void jitter_delays_and_keeps_the_order(void **state)
{
    struct bed bed = bed_new(1, 1, &plain, &(struct sim_link){ .delay_ns = MS, .jitter_ns = 5 * MS });
    uint64_t least_ns = SIM_NEVER;
    uint64_t most_ns = 0;

    (void)state;
    bed_run(&bed, 1000, MS);
    assert_int_equal(bed.toys[1].received, 1000);
    for (uint32_t n = 0; n < 1000; n++) {
        uint64_t took_ns = bed.toys[1].times_ns[n] - n * MS;

        assert_int_equal(bed.toys[1].numbers[n], n);
        least_ns = took_ns < least_ns ? took_ns : least_ns;
        most_ns = took_ns > most_ns ? took_ns : most_ns;
    }
    assert_in_range(least_ns, MS, 2 * MS);
    assert_in_range(most_ns, 5 * MS, 6 * MS);
    bed_free(&bed);
}

static void rate_spaces_packets_and_a_full_queue_drops_the_last(void **state)
{
    struct bed bed = bed_new(1, 1, &plain, &(struct sim_link){ .rate_bytes_per_s = 1000000, .queue_bytes = 10000 });

    (void)state;
    bed_run(&bed, 100, 0); /* all at once: ten of them fit */
    assert_int_equal(bed.toys[1].received, 10);
    assert_int_equal(sim_world_counts(bed.world)->dropped[SIM_QUEUE_FULL], 90);
    for (uint32_t n = 0; n < 10; n++) {
        assert_int_equal(bed.toys[1].numbers[n], n);
        assert_int_equal(bed.toys[1].times_ns[n], MS + n * MS);
    }
    bed_free(&bed);
}

static void loss_strikes_its_share_at_each_receiver_alone(void **state)
{
    struct bed bed = bed_new(1, 2, &plain, &(struct sim_link){ .loss_ppm = 100000 });
    uint32_t both = 0;

    (void)state;
    bed_run(&bed, 10000, MS);
    for (uint32_t i = 1; i <= 2; i++)
        assert_in_range(bed.toys[i].received, 8900, 9100);
    for (uint32_t a = 0, b = 0; a < bed.toys[1].received; a++) {
        while (b < bed.toys[2].received && bed.toys[2].numbers[b] < bed.toys[1].numbers[a])
            b++;
        both += b < bed.toys[2].received && bed.toys[2].numbers[b] == bed.toys[1].numbers[a];
    }
    assert_in_range(both, 8000, 8200);
    bed_free(&bed);
}

static void loss_on_the_senders_uplink_strikes_all(void **state)
{
    struct bed bed = bed_new(1, 2, &(struct sim_link){ .loss_ppm = 100000 }, &plain);

    (void)state;
    bed_run(&bed, 10000, MS);
    assert_in_range(bed.toys[1].received, 8900, 9100);
    assert_int_equal(bed.toys[1].received, bed.toys[2].received);
    assert_memory_equal(bed.toys[1].numbers, bed.toys[2].numbers, bed.toys[1].received * sizeof(uint32_t));
    bed_free(&bed);
}

static void bursts_lose_neighbours(void **state)
{
    /* Bad for 10 packets, good for 90, on average. */
    struct sim_link down = { .burst_enter_ppm = 11111, .burst_leave_ppm = 100000, .burst_loss_ppm = 1000000 };
    struct bed bed = bed_new(1, 1, &plain, &down);
    uint32_t gaps = 0;

    (void)state;
    bed_run(&bed, 18000, MS);
    assert_in_range(bed.toys[1].received, 15000, 17000);
    for (uint32_t n = 1; n < bed.toys[1].received; n++)
        gaps += bed.toys[1].numbers[n] != bed.toys[1].numbers[n - 1] + 1;
    assert_in_range(18000 - bed.toys[1].received, 7 * gaps, 13 * gaps);
    bed_free(&bed);
}

static void duplicates_come_in_their_share(void **state)
{
    struct bed bed = bed_new(1, 1, &plain, &(struct sim_link){ .duplicate_ppm = 50000, .lag_ns = MS });
    uint8_t *seen = sim_allocate(10000, 1);

    (void)state;
    bed_run(&bed, 10000, MS);
    assert_in_range(bed.toys[1].received, 10400, 10600);
    for (uint32_t n = 0; n < bed.toys[1].received; n++)
        seen[bed.toys[1].numbers[n]]++;
    for (uint32_t n = 0; n < 10000; n++)
        assert_in_range(seen[n], 1, 2);
    free(seen);
    bed_free(&bed);
}

static void late_packets_are_overtaken(void **state)
{
    struct bed bed = bed_new(1, 1, &plain, &(struct sim_link){ .reorder_ppm = 20000, .lag_ns = 100 * MS });
    uint32_t overtaken = 0;
    uint32_t most = 0;

    (void)state;
    bed_run(&bed, 10000, MS);
    assert_int_equal(bed.toys[1].received, 10000);
    for (uint32_t n = 0; n < 10000; n++) {
        uint32_t late = n > bed.toys[1].numbers[n] ? n - bed.toys[1].numbers[n] : 0;

        overtaken += late > 4; /* a few places are lost to the late ones before it */
        most = late > most ? late : most;
    }
    assert_in_range(overtaken, 150, 250);
    assert_in_range(most, 80, 100);
    bed_free(&bed);
}

static void partition_cuts_and_heals(void **state)
{
    struct bed bed = bed_new(1, 1, &plain, &(struct sim_link){ .cuts = { { 10 * MS, 20 * MS } } });

    (void)state;
    bed_run(&bed, 30, MS);
    assert_int_equal(bed.toys[1].received, 20);
    assert_int_equal(bed.toys[1].numbers[9], 9);
    assert_int_equal(bed.toys[1].numbers[10], 20);
    assert_int_equal(sim_world_counts(bed.world)->dropped[SIM_CUT], 10);
    bed_free(&bed);
}

static void attacker_changes_only_in_his_time(void **state)
{
    struct sim_link down = { .attack = { 100 * MS, 200 * MS }, .truncate_ppm = 500000, .replay_ppm = 500000 };
    struct bed bed = bed_new(1, 1, &plain, &down);
    uint32_t cut = 0;

    (void)state;
    bed_run(&bed, 300, MS);
    assert_in_range(bed.toys[1].received, 320, 380);
    for (uint32_t n = 0; n < bed.toys[1].received; n++) {
        bool attacked = bed.toys[1].times_ns[n] >= 100 * MS && bed.toys[1].times_ns[n] < 200 * MS;

        cut += bed.toys[1].bytes[n] < PACKET_BYTES;
        if (!attacked)
            assert_int_equal(bed.toys[1].bytes[n], PACKET_BYTES);
    }
    assert_in_range(cut, 30, 70);
    bed_free(&bed);
}

static void unicast_reaches_only_its_node(void **state)
{
    struct bed bed = bed_new(1, 3, &plain, &plain);

    (void)state;
    bed.toys[2] = (struct toy){ .to = 0, .count = 5, .gap_ns = MS };
    bed_run(&bed, 0, 0);
    assert_int_equal(bed.toys[0].received, 5);
    assert_int_equal(bed.toys[0].from[0], 2);
    assert_int_equal(bed.toys[1].received + bed.toys[2].received + bed.toys[3].received, 0);
    bed_free(&bed);
}

static void restricted_group_carries_only_the_sender(void **state)
{
    struct bed bed = bed_new(1, 2, &plain, &plain);

    (void)state;
    sim_world_restrict_group(bed.world);
    sim_node_allow_group(bed.world, 0);
    bed.toys[1] = (struct toy){ .to = SIM_GROUP, .count = 5, .gap_ns = MS };
    bed_run(&bed, 7, MS);
    assert_int_equal(bed.toys[0].received, 0);
    assert_int_equal(bed.toys[2].received, 7);
    assert_int_equal(sim_world_counts(bed.world)->not_forwarded, 5);
    bed_free(&bed);
}

static void stop_node(struct sim_world *world, void *user, uint32_t argument)
{
    (void)user;
    sim_node_stop(world, argument);
}

static void start_node(struct sim_world *world, void *user, uint32_t argument)
{
    sim_node_start(world, argument, &toy_ops, user);
}

static void killed_node_hears_nothing_until_restarted(void **state)
{
    struct bed bed = bed_new(1, 2, &plain, &(struct sim_link){ .delay_ns = 100 });
    struct sim_action kill = { .time_ns = 10 * MS, .run = stop_node, .argument = 1 };
    struct sim_action restart = { .time_ns = 20 * MS, .run = start_node, .user = &bed.toys[7], .argument = 1 };

    (void)state;
    sim_world_at(bed.world, &kill);
    sim_world_at(bed.world, &restart);
    bed_run(&bed, 30, MS);
    assert_int_equal(bed.toys[1].received, 10); /* what was sent at 10 ms comes too late */
    assert_int_equal(bed.toys[7].received, 10);
    assert_int_equal(bed.toys[7].numbers[0], 20);
    assert_int_equal(bed.toys[2].received, 30);
    bed_free(&bed);
}

static void clocks_differ_by_offset_and_drift(void **state)
{
    struct bed bed = bed_new(1, 2, &plain, &plain);

    (void)state;
    sim_node_set_clock(bed.world, 0, 0, 1000); /* 1001 of its milliseconds are 1000 of the world's */
    sim_node_set_clock(bed.world, 1, 5 * S, -500);
    bed_run(&bed, 2, 1001 * MS);
    assert_int_equal(bed.toys[2].received, 2);
    assert_int_equal(bed.toys[2].times_ns[1], S);
    assert_int_equal(bed.toys[1].times_ns[0], 5 * S);
    assert_int_equal(bed.toys[1].times_ns[1], 5 * S + S - S / 2000);
    bed_free(&bed);
}

static void busy_loop_is_noticed(void **state)
{
    struct bed bed = bed_new(1, 1, &plain, &plain);

    (void)state;
    bed.toys[1].loops = true;
    bed_start(&bed, 1, MS);
    sim_world_run(bed.world, 10 * MS);
    assert_int_equal(sim_world_complaint(bed.world)->offence, SIM_BUSY_LOOP);
    assert_int_equal(sim_world_complaint(bed.world)->node, 1);
    bed_free(&bed);
}

static uint64_t trace_of(uint64_t seed, uint32_t receivers)
{
    struct sim_link down = { .delay_ns = MS,
                             .jitter_ns = MS,
                             .loss_ppm = 50000,
                             .duplicate_ppm = 50000,
                             .reorder_ppm = 50000,
                             .lag_ns = 10 * MS,
                             .attack = { 0, EVER },
                             .flip_ppm = 10000,
                             .replay_ppm = 10000,
                             .forge_ppm = 10000 };
    struct bed bed = bed_new(seed, receivers, &plain, &down);
    uint64_t trace;

    bed_run(&bed, 1000, MS);
    trace = sim_world_trace(bed.world);
    bed_free(&bed);
    return trace;
}

static void same_seed_gives_the_same_trace(void **state)
{
    (void)state;
    assert_int_equal(trace_of(7, 3), trace_of(7, 3));
    assert_int_not_equal(trace_of(7, 3), trace_of(8, 3));
}

static void another_node_changes_nothing_for_the_others(void **state)
{
    struct sim_link down = { .delay_ns = MS, .loss_ppm = 100000, .reorder_ppm = 10000, .lag_ns = MS };
    struct bed few = bed_new(3, 2, &plain, &down);
    struct bed more = bed_new(3, 3, &plain, &down);

    (void)state;
    bed_run(&few, 1000, MS);
    bed_run(&more, 1000, MS);
    for (uint32_t i = 1; i <= 2; i++)
        assert_memory_equal(&few.toys[i], &more.toys[i], sizeof few.toys[i]);
    bed_free(&few);
    bed_free(&more);
}

static void timers_come_in_order_however_they_move(void **state)
{
    enum { NODES = 300 };
    struct sim_timers timers;
    struct sim_random random = sim_random_derive(1, 1, 1);
    uint64_t set_ns[NODES];
    uint64_t last_ns = 0;

    (void)state;
    sim_timers_init(&timers, NODES);
    for (uint32_t i = 0; i < 10000; i++) {
        uint32_t node = (uint32_t)sim_random_below(&random, NODES);

        set_ns[node] = sim_random_chance(&random, 100000) ? SIM_NEVER : sim_random_below(&random, 1000);
        sim_timers_set(&timers, node, set_ns[node]);
        assert_int_equal(sim_timers_get(&timers, node), set_ns[node]);
    }
    while (sim_timers_first(&timers) != NULL) {
        struct sim_timer first = *sim_timers_first(&timers);

        assert_true(first.time_ns >= last_ns);
        assert_int_equal(first.time_ns, set_ns[first.node]);
        last_ns = first.time_ns;
        sim_timers_set(&timers, first.node, SIM_NEVER);
    }
    sim_timers_free(&timers);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(delay_is_that_of_both_links),
        cmocka_unit_test(jitter_delays_and_keeps_the_order),
        cmocka_unit_test(rate_spaces_packets_and_a_full_queue_drops_the_last),
        cmocka_unit_test(loss_strikes_its_share_at_each_receiver_alone),
        cmocka_unit_test(loss_on_the_senders_uplink_strikes_all),
        cmocka_unit_test(bursts_lose_neighbours),
        cmocka_unit_test(duplicates_come_in_their_share),
        cmocka_unit_test(late_packets_are_overtaken),
        cmocka_unit_test(partition_cuts_and_heals),
        cmocka_unit_test(attacker_changes_only_in_his_time),
        cmocka_unit_test(unicast_reaches_only_its_node),
        cmocka_unit_test(restricted_group_carries_only_the_sender),
        cmocka_unit_test(killed_node_hears_nothing_until_restarted),
        cmocka_unit_test(clocks_differ_by_offset_and_drift),
        cmocka_unit_test(busy_loop_is_noticed),
        cmocka_unit_test(same_seed_gives_the_same_trace),
        cmocka_unit_test(another_node_changes_nothing_for_the_others),
        cmocka_unit_test(timers_come_in_order_however_they_move),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
