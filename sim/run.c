/* SPDX-License-Identifier: MIT */
#include "run.h"
#include "receiver.h"
#include "sender.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TAIL_NS SIM_SEC(3) /* how long it goes on after everything is done: nothing bad may come then either */

enum { ROLE_CLOCK = 77, CLOCK_DRIFT_PPM = 200, PORT = 10000 };

/* ------------------------------------------------------------------ for the nodes */

/* 10.x.y.z, the node's index: nothing is ever sent there. */
struct herald_peer sim_node_peer(uint32_t node)
{
    struct herald_peer peer = { .address.family = HERALD_FAMILY_IPV4, .port = PORT };

    peer.address.bytes[0] = 10;
    peer.address.bytes[1] = (uint8_t)(node >> 16);
    peer.address.bytes[2] = (uint8_t)(node >> 8);
    peer.address.bytes[3] = (uint8_t)node;
    return peer;
}

static uint32_t node_of_peer(const struct herald_peer *peer)
{
    return (uint32_t)peer->address.bytes[1] << 16 | (uint32_t)peer->address.bytes[2] << 8 | peer->address.bytes[3];
}

struct sim_datagram sim_run_datagram(struct sim_run *run, const struct herald_norm_datagram *datagram)
{
    size_t bytes = datagram->header_bytes + datagram->payload_bytes;

    if (bytes > sizeof run->datagram || (datagram->payload_bytes > 0 && datagram->payload == NULL)) {
        sim_fail(&run->failures, "a datagram of %zu bytes without room or payload", bytes);
        bytes = 0;
    } else if (datagram->payload_bytes > 0) {
        memcpy(run->datagram + datagram->header_bytes, datagram->payload, datagram->payload_bytes);
    }
    return (struct sim_datagram){ datagram->to_group ? SIM_GROUP : node_of_peer(&datagram->destination), run->datagram,
                                  bytes };
}

static void finish_if_done(struct sim_run *run)
{
    if (run->objects_pending > 0 || run->acks_pending > 0 || run->done_ns != SIM_NEVER)
        return;
    run->done_ns = sim_world_now(run->world);
    sim_world_halt(run->world);
}

void sim_run_object_done(struct sim_run *run)
{
    run->objects_pending--;
    finish_if_done(run);
}

void sim_run_acks_done(struct sim_run *run)
{
    run->acks_pending--;
    finish_if_done(run);
}

bool sim_run_is_tainted(const struct sim_run *run, uint32_t object)
{
    return object * run->scenario.object_gap_ns < run->scenario.tainted_ns;
}

size_t sim_run_info(uint32_t sender, uint32_t object, char *text, size_t size)
{
    return (size_t)snprintf(text, size, "%u-%u.bin", sender, object);
}

/* ------------------------------------------------------------------ what is observed */

static void observe_sent(void *user, const struct sim_packet *packet, uint64_t now_ns)
{
    struct sim_run *run = user;

    sim_tally_sent(&run->tally, packet, now_ns);
}

static void observe_delivered(void *user, uint32_t node, const struct sim_packet *packet, uint64_t now_ns)
{
    struct sim_run *run = user;

    sim_tally_heard(&run->tally, node, packet, now_ns);
}

static void observe_dropped(void *user, uint32_t node, const struct sim_packet *packet, enum sim_loss loss)
{
    struct sim_run *run = user;

    (void)loss;
    sim_tally_lost(&run->tally, node, packet, sim_world_now(run->world));
}

/* ------------------------------------------------------------------ what happens */

static void add_action(struct sim_run *run, uint64_t time_ns, void (*act)(struct sim_world *, void *, uint32_t),
                       uint32_t argument)
{
    struct sim_action *action = &run->actions[run->actions_count++];

    *action = (struct sim_action){ time_ns, act, run, argument };
    sim_world_at(run->world, action);
}

static void start_receiver(struct sim_world *world, void *user, uint32_t receiver)
{
    struct sim_run *run = user;

    (void)world;
    sim_receiver_start(&run->receivers[receiver]);
}

static void kill_receiver(struct sim_world *world, void *user, uint32_t receiver)
{
    struct sim_run *run = user;

    (void)world;
    sim_receiver_kill(&run->receivers[receiver]);
}

static void kill_sender(struct sim_world *world, void *user, uint32_t sender)
{
    struct sim_run *run = user;

    (void)world;
    sim_sender_kill(&run->senders[sender]);
}

static void revive_sender(struct sim_world *world, void *user, uint32_t sender)
{
    struct sim_run *run = user;

    (void)world;
    for (uint32_t i = 0; i < run->scenario.receivers; i++)
        sim_receiver_expect_again(&run->receivers[i], sender);
    sim_sender_start(&run->senders[sender]);
}

static void next_objects(struct sim_world *world, void *user, uint32_t unused)
{
    struct sim_run *run = user;

    (void)world;
    (void)unused;
    for (uint32_t i = 0; i < run->scenario.senders; i++)
        sim_sender_next_object(&run->senders[i]);
}

static void change_link(struct sim_world *world, void *user, uint32_t unused)
{
    struct sim_run *run = user;

    (void)unused;
    sim_world_set_link(world, run->links[SIM_LINK_DOWN], &run->scenario.changed_down);
}

static void plan(struct sim_run *run)
{
    const struct sim_scenario *scenario = &run->scenario;

    run->actions = sim_allocate(3 * (size_t)scenario->odd + scenario->objects + 3, sizeof *run->actions);
    for (uint32_t i = 0; i < scenario->odd; i++) {
        if (scenario->late_ns > 0)
            add_action(run, scenario->late_ns, start_receiver, i);
        if (scenario->kill_ns > 0) {
            add_action(run, scenario->kill_ns, kill_receiver, i);
            add_action(run, scenario->revive_ns, start_receiver, i);
        }
    }
    if (scenario->sender_kill_ns > 0) {
        add_action(run, scenario->sender_kill_ns, kill_sender, 0);
        add_action(run, scenario->sender_revive_ns, revive_sender, 0);
    }
    if (scenario->change_ns > 0)
        add_action(run, scenario->change_ns, change_link, 0);
    for (uint32_t i = 0; scenario->object_gap_ns > 0 && i < scenario->objects; i++)
        add_action(run, i * scenario->object_gap_ns, next_objects, 0);
}

/* ------------------------------------------------------------------ building and running it */

static void set_clock(struct sim_run *run, uint32_t node)
{
    struct sim_random random = sim_random_derive(run->seed, ROLE_CLOCK, node);
    uint64_t offset_ns = sim_random_below(&random, SIM_SEC(36000));
    int32_t drift_ppm = (int32_t)sim_random_below(&random, 2 * CLOCK_DRIFT_PPM + 1) - CLOCK_DRIFT_PPM;

    if (run->scenario.clocks_differ)
        sim_node_set_clock(run->world, node, offset_ns, drift_ppm);
}

static void build_network(struct sim_run *run)
{
    const struct sim_scenario *scenario = &run->scenario;
    const struct sim_link *const kinds[] = { &scenario->sender_up, &scenario->sender_down, &scenario->up,
                                             &scenario->down,      &scenario->odd_up,      &scenario->odd_down };

    run->world = sim_world_new(run->seed, scenario->senders + scenario->receivers);
    for (size_t i = 0; i < sizeof run->links / sizeof *run->links; i++)
        run->links[i] = sim_world_add_link(run->world, kinds[i]);
    for (uint32_t i = 0; i < scenario->senders; i++) {
        uint32_t node = sim_world_add_node(run->world, run->links[SIM_LINK_SENDER_UP],
                                           run->links[SIM_LINK_SENDER_DOWN]);

        sim_node_allow_group(run->world, node);
        sim_node_watch(run->world, node);
        set_clock(run, node);
    }
    for (uint32_t i = 0; i < scenario->receivers; i++) {
        bool odd = i < scenario->odd;

        set_clock(run, sim_world_add_node(run->world, run->links[odd ? SIM_LINK_ODD_UP : SIM_LINK_UP],
                                          run->links[odd ? SIM_LINK_ODD_DOWN : SIM_LINK_DOWN]));
    }
    if (scenario->watched > 0 && scenario->watched <= scenario->receivers)
        sim_node_watch(run->world, sim_run_receiver_node(run, scenario->watched - 1));
    if (scenario->ssm)
        sim_world_restrict_group(run->world);
    sim_world_observe(run->world, &(struct sim_observer){ run, observe_sent, observe_delivered, observe_dropped });
}

static void build_nodes(struct sim_run *run)
{
    const struct sim_scenario *scenario = &run->scenario;

    run->senders = sim_allocate(scenario->senders, sizeof *run->senders);
    run->receivers = sim_allocate(scenario->receivers, sizeof *run->receivers);
    run->acks_pending = scenario->acks ? scenario->senders : 0;
    for (uint32_t i = 0; i < scenario->senders; i++)
        sim_sender_init(&run->senders[i], run, i);
    for (uint32_t i = 0; i < scenario->receivers; i++)
        sim_receiver_init(&run->receivers[i], run, i);
    for (uint32_t i = 0; i < scenario->receivers; i++) {
        if (i >= scenario->odd || scenario->late_ns == 0)
            sim_receiver_start(&run->receivers[i]);
    }
    for (uint32_t i = 0; i < scenario->senders; i++) {
        run->senders[i].due = scenario->object_gap_ns > 0 ? 0 : scenario->objects;
        sim_sender_start(&run->senders[i]);
    }
}

static int compare_times(const void *a, const void *b)
{
    const uint64_t *left = a;
    const uint64_t *right = b;

    return (*left > *right) - (*left < *right);
}

static void collect_times(const struct sim_run *run, struct sim_result *result)
{
    uint32_t count = run->scenario.receivers;
    uint64_t *times = sim_allocate(count, sizeof *times);

    for (uint32_t i = 0; i < count; i++) {
        times[i] = run->receivers[i].complete_ns;
        result->complete_count += times[i] != SIM_NEVER;
    }
    qsort(times, count, sizeof *times, compare_times);
    result->receivers_count = count;
    result->first_ns = times[0];
    result->median_ns = times[count / 2];
    result->last_ns = times[count - 1];
    free(times);
}

static void collect(struct sim_run *run, struct sim_result *ret_result)
{
    const struct sim_scenario *scenario = &run->scenario;
    struct sim_result result = { .seed = run->seed, .end_ns = run->done_ns };
    uint64_t until_ns = scenario->goodput_until_ns;

    collect_times(run, &result);
    result.source_bytes = scenario->object_bytes * scenario->objects * scenario->senders;
    for (int kind = 0; kind < SIM_KIND_NACK; kind++)
        result.sent_bytes += run->tally.bytes[kind];
    if (scenario->watched > 0 && scenario->watched <= scenario->receivers &&
        run->receivers[scenario->watched - 1].machine != NULL)
        herald_norm_receiver_get_statistics(run->receivers[scenario->watched - 1].machine, &result.watched);
    for (uint32_t i = 0; i < scenario->receivers; i++) {
        sim_receiver_kill(&run->receivers[i]);
        result.nacks_sent += run->receivers[i].nacks_sent;
        result.nacks_suppressed += run->receivers[i].nacks_suppressed;
    }
    result.nacks_heard = run->tally.nacks_heard;
    result.lost_blocks = run->tally.lost_blocks;
    if (until_ns == 0 || (run->done_ns != SIM_NEVER && until_ns > run->done_ns))
        until_ns = run->done_ns != SIM_NEVER ? run->done_ns : sim_world_now(run->world);
    if (until_ns > scenario->goodput_from_ns)
        result.goodput_bytes_per_s = (uint64_t)((unsigned __int128)run->tally.goodput_bytes * 1000000000 /
                                                (until_ns - scenario->goodput_from_ns) / scenario->receivers);
    result.trace = sim_world_trace(run->world);
    result.counts = *sim_world_counts(run->world);
    result.tally = run->tally;
    result.tally.lost_map = NULL;
    result.tally.trace = NULL;
    *ret_result = result;
}

static void clear(struct sim_run *run)
{
    for (uint32_t i = 0; i < run->scenario.senders; i++)
        sim_sender_free(&run->senders[i]);
    for (uint32_t i = 0; i < run->scenario.receivers; i++)
        sim_receiver_free(&run->receivers[i]);
    free(run->senders);
    free(run->receivers);
    free(run->actions);
    sim_tally_free(&run->tally);
    sim_content_free(&run->content);
    run->world = sim_world_free(run->world);
}

void sim_run(const struct sim_scenario *scenario, uint64_t seed, FILE *trace, struct sim_result *ret_result)
{
    struct sim_run *run = sim_allocate(1, sizeof *run);

    run->scenario = *scenario;
    run->seed = seed;
    run->done_ns = SIM_NEVER;
    sim_content_init(&run->content);
    sim_tally_init(&run->tally, &run->scenario);
    run->tally.trace = trace;
    build_network(run);
    build_nodes(run);
    plan(run);
    if (run->failures.count == 0)
        sim_world_run(run->world, scenario->complete_within_ns);
    if (run->done_ns != SIM_NEVER)
        sim_world_run(run->world, run->done_ns + TAIL_NS);
    collect(run, ret_result);
    sim_check_end(run, ret_result);
    ret_result->failures = run->failures;
    ret_result->tally.scenario = scenario;
    clear(run);
    free(run);
}
