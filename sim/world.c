/* SPDX-License-Identifier: MIT */
#include "world.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum {
    MEMORIES = 64,                /* packets that an attacker remembers */
    OUTPUT_MAX = 1 << 17,         /* datagrams that a node may want to send at one moment */
    TRUNCATED_HEADER_BYTES = 64,  /* half of the truncations hit so far in */
    FLIPS_MAX = 8,                /* bits */
    SOURCE_ID_OFFSET_BYTES = 4,   /* in every NORM message */
    BUSY_PENALTY_NS = 1000 * 1000 /* how long a node that would loop is put to sleep */
};

enum role { ROLE_UPLINK = 1, ROLE_DOWNLINK, ROLE_ATTACKER };

struct node {
    const struct sim_node_ops *ops; /* NULL while it does not run */
    void *self;
    struct sim_port up;
    struct sim_port down;
    uint64_t clock_offset_ns;
    int32_t clock_drift_ppm;
    uint16_t uplink;
    uint16_t downlink;
    bool group_allowed;
    bool watched;
};

/* A kind of link, and who hears the switch through it. */
struct wiring {
    struct sim_link link;
    uint32_t *nodes;
    uint32_t count;
    uint32_t capacity;
};

struct sim_world {
    uint64_t seed;
    uint64_t now_ns;
    struct node *nodes;
    uint32_t nodes_count;
    uint32_t nodes_max;
    struct wiring *wirings;
    uint32_t wirings_count;
    struct sim_queue queue;
    struct sim_timers timers;
    struct sim_observer observer;
    struct sim_counts counts;
    struct sim_complaint complaint;
    uint64_t trace;
    bool group_restricted;
    bool halted;
    struct sim_random attacker;
    struct sim_packet *memories[MEMORIES];
    uint32_t memories_next;
};

struct sim_world *sim_world_new(uint64_t seed, uint32_t nodes_max)
{
    struct sim_world *world = sim_allocate(1, sizeof *world);

    world->seed = seed;
    world->trace = seed;
    world->nodes = sim_allocate(nodes_max, sizeof *world->nodes);
    world->nodes_max = nodes_max;
    world->attacker = sim_random_derive(seed, ROLE_ATTACKER, 0);
    sim_timers_init(&world->timers, nodes_max);
    return world;
}

struct sim_world *sim_world_free(struct sim_world *world)
{
    if (world == NULL)
        return NULL;
    while (world->queue.count > 0) {
        struct sim_event event = sim_queue_take(&world->queue);

        if (event.kind != SIM_EVENT_ACTION)
            sim_packet_release(event.packet);
    }
    for (int i = 0; i < MEMORIES; i++)
        sim_packet_release(world->memories[i]);
    for (uint32_t i = 0; i < world->wirings_count; i++)
        free(world->wirings[i].nodes);
    free(world->wirings);
    sim_queue_free(&world->queue);
    sim_timers_free(&world->timers);
    free(world->nodes);
    free(world);
    return NULL;
}

/* ------------------------------------------------------------------ building it */

uint32_t sim_world_add_link(struct sim_world *world, const struct sim_link *link)
{
    uint32_t index = world->wirings_count++;

    assert(index < UINT16_MAX);
    world->wirings = sim_reallocate(world->wirings, world->wirings_count, sizeof *world->wirings);
    world->wirings[index] = (struct wiring){ .link = *link };
    return index;
}

void sim_world_set_link(struct sim_world *world, uint32_t link, const struct sim_link *changed)
{
    assert(link < world->wirings_count);
    world->wirings[link].link = *changed;
}

void sim_world_restrict_group(struct sim_world *world)
{
    world->group_restricted = true;
}

uint32_t sim_world_add_node(struct sim_world *world, uint32_t uplink, uint32_t downlink)
{
    uint32_t index = world->nodes_count++;
    struct wiring *wiring = &world->wirings[downlink];

    assert(index < world->nodes_max && uplink < world->wirings_count && downlink < world->wirings_count);
    world->nodes[index] = (struct node){
        .uplink = (uint16_t)uplink,
        .downlink = (uint16_t)downlink,
        .up.random = sim_random_derive(world->seed, ROLE_UPLINK, index),
        .down.random = sim_random_derive(world->seed, ROLE_DOWNLINK, index),
    };
    if (wiring->count == wiring->capacity) {
        wiring->capacity = wiring->capacity == 0 ? 16 : 2 * wiring->capacity;
        wiring->nodes = sim_reallocate(wiring->nodes, wiring->capacity, sizeof *wiring->nodes);
    }
    wiring->nodes[wiring->count++] = index;
    return index;
}

static struct node *node_at(const struct sim_world *world, uint32_t node)
{
    assert(node < world->nodes_count);
    return &world->nodes[node];
}

void sim_node_allow_group(struct sim_world *world, uint32_t node)
{
    node_at(world, node)->group_allowed = true;
}

void sim_node_watch(struct sim_world *world, uint32_t node)
{
    node_at(world, node)->watched = true;
}

void sim_node_set_clock(struct sim_world *world, uint32_t node, uint64_t offset_ns, int32_t drift_ppm)
{
    assert(drift_ppm > -1000000 && drift_ppm <= 1000000);
    node_at(world, node)->clock_offset_ns = offset_ns;
    node_at(world, node)->clock_drift_ppm = drift_ppm;
}

void sim_world_at(struct sim_world *world, const struct sim_action *action)
{
    sim_queue_add(&world->queue,
                  (struct sim_event){ .time_ns = action->time_ns, .kind = SIM_EVENT_ACTION, .action = action });
}

void sim_world_observe(struct sim_world *world, const struct sim_observer *observer)
{
    world->observer = *observer;
}

/* ------------------------------------------------------------------ clocks */

static uint64_t clock_of(const struct node *node, uint64_t time_ns)
{
    /* Whole millions first, so that nothing overflows and the clock never runs backwards. */
    int64_t drift = (int64_t)(time_ns / 1000000) * node->clock_drift_ppm +
                    (int64_t)(time_ns % 1000000) * node->clock_drift_ppm / 1000000;

    return node->clock_offset_ns + time_ns + (uint64_t)drift;
}

/* The first time at which the node's clock shows `clock_ns` or later. */
static uint64_t time_of(const struct node *node, uint64_t clock_ns)
{
    unsigned __int128 scaled;
    uint64_t time_ns;

    if (clock_ns == SIM_NEVER)
        return SIM_NEVER;
    if (clock_ns <= node->clock_offset_ns)
        return 0;
    scaled = (unsigned __int128)(clock_ns - node->clock_offset_ns) * 1000000;
    scaled /= (unsigned)(1000000 + node->clock_drift_ppm);
    if (scaled >= INT64_MAX / 2)
        return SIM_NEVER;
    time_ns = (uint64_t)scaled;
    while (time_ns > 0 && clock_of(node, time_ns - 1) >= clock_ns)
        time_ns--;
    while (clock_of(node, time_ns) < clock_ns)
        time_ns++;
    return time_ns;
}

uint64_t sim_node_clock(const struct sim_world *world, uint32_t node)
{
    return clock_of(node_at(world, node), world->now_ns);
}

/* ------------------------------------------------------------------ nodes */

static void complain(struct sim_world *world, enum sim_offence offence, uint32_t node)
{
    if (world->complaint.offence == SIM_NO_OFFENCE)
        world->complaint = (struct sim_complaint){ offence, node, world->now_ns };
}

static void schedule(struct sim_world *world, enum sim_event_kind kind, uint64_t time_ns, struct sim_packet *packet,
                     uint32_t target)
{
    sim_queue_add(&world->queue,
                  (struct sim_event){ .time_ns = time_ns, .kind = kind, .packet = packet, .target = target });
}

static void drop(struct sim_world *world, uint32_t node, const struct sim_packet *packet, enum sim_loss loss)
{
    world->counts.dropped[loss]++;
    if (world->observer.dropped != NULL)
        world->observer.dropped(world->observer.user, node, packet, loss);
}

static void transmit(struct sim_world *world, uint32_t from, const struct sim_datagram *datagram)
{
    struct node *node = &world->nodes[from];
    struct sim_packet *packet = sim_packet_new(from, datagram->to, datagram->data, datagram->bytes);
    uint64_t arrival_ns;
    enum sim_loss loss;

    world->counts.sent_packets++;
    world->counts.sent_bytes += packet->bytes;
    if (world->observer.sent != NULL)
        world->observer.sent(world->observer.user, packet, world->now_ns);
    loss = sim_link_enter(&world->wirings[node->uplink].link, &node->up, world->now_ns, packet->bytes, &arrival_ns);
    if (loss == SIM_PASSED) {
        schedule(world, SIM_EVENT_SWITCH, arrival_ns, packet, from);
    } else {
        drop(world, from, packet, loss);
        sim_packet_release(packet);
    }
}

/* Takes what the node wants to send. */
static void drain(struct sim_world *world, uint32_t index, uint64_t clock_ns)
{
    struct node *node = &world->nodes[index];
    struct sim_datagram datagram;
    uint32_t count = 0;

    while (node->ops->poll_output(node->self, clock_ns, &datagram)) {
        transmit(world, index, &datagram);
        if (++count == OUTPUT_MAX) {
            complain(world, SIM_ENDLESS_OUTPUT, index);
            break;
        }
    }
}

/*
 * Takes the node's output and sets its timer. One that is already set to an earlier time is left alone: it then fires
 * for nothing and is set again. So a deadline that every packet postpones costs nothing.
 */
static void settle(struct sim_world *world, uint32_t index, bool timed_out)
{
    struct node *node = &world->nodes[index];
    uint64_t clock_ns = clock_of(node, world->now_ns);
    uint64_t timeout_ns;
    uint64_t time_ns;

    drain(world, index, clock_ns);
    timeout_ns = node->ops->next_timeout(node->self);
    time_ns = time_of(node, timeout_ns);
    if (time_ns < world->now_ns)
        time_ns = world->now_ns;
    if (timed_out && timeout_ns <= clock_ns) {
        complain(world, SIM_BUSY_LOOP, index);
        time_ns = world->now_ns + BUSY_PENALTY_NS;
    }
    if (time_ns < sim_timers_get(&world->timers, index))
        sim_timers_set(&world->timers, index, time_ns);
}

void sim_node_start(struct sim_world *world, uint32_t node, const struct sim_node_ops *ops, void *self)
{
    struct node *started = node_at(world, node);

    assert(started->ops == NULL);
    started->ops = ops;
    started->self = self;
    settle(world, node, false);
}

void sim_node_stop(struct sim_world *world, uint32_t node)
{
    struct node *stopped = node_at(world, node);

    stopped->ops = NULL;
    stopped->self = NULL;
    sim_timers_set(&world->timers, node, SIM_NEVER);
}

void sim_node_touch(struct sim_world *world, uint32_t node)
{
    if (node_at(world, node)->ops != NULL)
        settle(world, node, false);
}

static void fire(struct sim_world *world, uint32_t index)
{
    struct node *node = &world->nodes[index];
    uint64_t clock_ns = clock_of(node, world->now_ns);

    sim_timers_set(&world->timers, index, SIM_NEVER);
    if (node->ops->next_timeout(node->self) <= clock_ns) {
        node->ops->handle_timeout(node->self, clock_ns);
        settle(world, index, true);
    } else {
        settle(world, index, false);
    }
}

/* ------------------------------------------------------------------ packets on their way */

static void hand_over(struct sim_world *world, uint32_t index, const struct sim_packet *packet)
{
    struct node *node = &world->nodes[index];
    uint64_t words[3] = { world->now_ns, (uint64_t)packet->from << 32 | index, packet->hash };

    world->trace = sim_hash(world->trace, (const uint8_t *)words, sizeof words);
    world->counts.delivered_packets++;
    if (node->watched && world->observer.delivered != NULL)
        world->observer.delivered(world->observer.user, index, packet, world->now_ns);
    node->ops->input(node->self, packet, clock_of(node, world->now_ns));
    settle(world, index, false);
}

/* A packet of before; NULL if there is none. */
static const struct sim_packet *recall(struct sim_world *world)
{
    uint32_t count = world->memories_next < MEMORIES ? world->memories_next : MEMORIES;

    return world->memories[sim_random_below(&world->attacker, count)];
}

/* A changed copy: cut short, with bits turned over, or in another's name. */
static struct sim_packet *tamper(struct sim_world *world, const struct sim_packet *packet, struct sim_attack attack)
{
    struct sim_random *random = &world->attacker;
    struct sim_packet *copy = sim_packet_new(packet->from, packet->to, packet->data, packet->bytes);
    uint32_t range = copy->bytes;

    if (attack.forge && copy->bytes >= SOURCE_ID_OFFSET_BYTES + sizeof(uint32_t)) {
        const struct sim_packet *other = recall(world);
        uint32_t id = (uint32_t)sim_random_next(random);

        if (other != NULL && other->bytes >= SOURCE_ID_OFFSET_BYTES + sizeof id && sim_random_chance(random, 500000))
            memcpy(&id, other->data + SOURCE_ID_OFFSET_BYTES, sizeof id);
        memcpy(copy->data + SOURCE_ID_OFFSET_BYTES, &id, sizeof id);
    }
    if (range > TRUNCATED_HEADER_BYTES && sim_random_chance(random, 500000))
        range = TRUNCATED_HEADER_BYTES;
    if (attack.flip && range > 0) {
        for (uint64_t flips = 1 + sim_random_below(random, FLIPS_MAX); flips > 0; flips--) {
            uint64_t bit = sim_random_below(random, (uint64_t)range * 8);

            copy->data[bit / 8] ^= (uint8_t)(1U << (bit % 8));
        }
    }
    if (attack.truncate)
        copy->bytes = (uint32_t)sim_random_below(random, range);
    copy->hash = sim_hash(copy->from, copy->data, copy->bytes);
    return copy;
}

/* Remembers packets that pass an attacked link, to replay them later. */
static void remember(struct sim_world *world, struct sim_packet *packet)
{
    struct sim_packet **memory = &world->memories[world->memories_next++ % MEMORIES];

    sim_packet_release(*memory);
    *memory = sim_packet_hold(packet);
}

static void deliver(struct sim_world *world, uint32_t index, struct sim_packet *packet)
{
    struct node *node = &world->nodes[index];
    struct sim_attack attack = sim_link_attack(&world->wirings[node->downlink].link, &node->down, world->now_ns);

    if (attack.truncate || attack.flip || attack.forge) {
        struct sim_packet *changed = tamper(world, packet, attack);

        world->counts.attacked++;
        hand_over(world, index, changed);
        sim_packet_release(changed);
    } else {
        hand_over(world, index, packet);
    }
    if (attack.replay) {
        const struct sim_packet *earlier = recall(world);

        if (earlier != NULL) {
            world->counts.attacked++;
            hand_over(world, index, earlier);
        }
    }
    if (attack.present)
        remember(world, packet);
}

/* At the end of a downlink, before its fate is known. */
static void arrive(struct sim_world *world, uint32_t index, struct sim_packet *packet)
{
    struct node *node = &world->nodes[index];
    struct sim_fate fate;

    if (node->ops == NULL)
        return;
    fate = sim_link_fate(&world->wirings[node->downlink].link, &node->down, world->now_ns);
    if (fate.loss != SIM_PASSED) {
        drop(world, index, packet, fate.loss);
        return;
    }
    if (fate.duplicate) {
        world->counts.duplicated++;
        schedule(world, SIM_EVENT_DELIVER, world->now_ns + fate.duplicate_ns, sim_packet_hold(packet), index);
    }
    if (fate.late_ns > 0) {
        world->counts.reordered++;
        schedule(world, SIM_EVENT_DELIVER, world->now_ns + fate.late_ns, sim_packet_hold(packet), index);
        return;
    }
    deliver(world, index, packet);
}

/* Into the downlink of one node. */
static void enter_downlink(struct sim_world *world, uint32_t index, struct sim_packet *packet)
{
    struct node *node = &world->nodes[index];
    uint64_t arrival_ns;
    enum sim_loss loss = sim_link_enter(&world->wirings[node->downlink].link, &node->down, world->now_ns, packet->bytes,
                                        &arrival_ns);

    if (loss == SIM_PASSED)
        schedule(world, SIM_EVENT_ARRIVE, arrival_ns, sim_packet_hold(packet), index);
    else if (node->ops != NULL)
        drop(world, index, packet, loss);
}

static void forward_to_group(struct sim_world *world, struct sim_packet *packet)
{
    for (uint32_t i = 0; i < world->wirings_count; i++) {
        const struct wiring *wiring = &world->wirings[i];

        if (wiring->count == 0)
            continue;
        if (sim_link_is_flat(&wiring->link)) {
            schedule(world, SIM_EVENT_FANOUT, world->now_ns + wiring->link.delay_ns, sim_packet_hold(packet), i);
            continue;
        }
        for (uint32_t n = 0; n < wiring->count; n++) {
            if (wiring->nodes[n] != packet->from)
                enter_downlink(world, wiring->nodes[n], packet);
        }
    }
}

/* The switch has the packet and sends it on. */
static void forward(struct sim_world *world, struct sim_packet *packet)
{
    if (packet->to != SIM_GROUP) {
        if (packet->to < world->nodes_count)
            enter_downlink(world, packet->to, packet);
    } else if (world->group_restricted && !world->nodes[packet->from].group_allowed) {
        world->counts.not_forwarded++;
    } else {
        forward_to_group(world, packet);
    }
}

/* At the end of an uplink: what is lost here is lost for all. */
static void reach_switch(struct sim_world *world, struct sim_packet *packet)
{
    struct node *node = &world->nodes[packet->from];
    const struct sim_link *link = &world->wirings[node->uplink].link;
    struct sim_fate fate = sim_link_fate(link, &node->up, world->now_ns);
    struct sim_attack attack;

    if (fate.loss != SIM_PASSED) {
        drop(world, packet->from, packet, fate.loss);
        return;
    }
    if (fate.duplicate) {
        world->counts.duplicated++;
        schedule(world, SIM_EVENT_FORWARD, world->now_ns + fate.duplicate_ns, sim_packet_hold(packet), 0);
    }
    if (fate.late_ns > 0) {
        world->counts.reordered++;
        schedule(world, SIM_EVENT_FORWARD, world->now_ns + fate.late_ns, sim_packet_hold(packet), 0);
        return;
    }
    attack = sim_link_attack(link, &node->up, world->now_ns);
    if (attack.truncate || attack.flip || attack.forge) {
        struct sim_packet *changed = tamper(world, packet, attack);

        world->counts.attacked++;
        forward(world, changed);
        sim_packet_release(changed);
        return;
    }
    forward(world, packet);
}

static void fan_out(struct sim_world *world, uint32_t link, struct sim_packet *packet)
{
    for (uint32_t n = 0; n < world->wirings[link].count; n++) {
        uint32_t node = world->wirings[link].nodes[n];

        if (node != packet->from)
            arrive(world, node, packet);
    }
}

/* ------------------------------------------------------------------ time passes */

static void happen(struct sim_world *world, const struct sim_event *event)
{
    switch (event->kind) {
    case SIM_EVENT_SWITCH:
        reach_switch(world, event->packet);
        break;
    case SIM_EVENT_FORWARD:
        forward(world, event->packet);
        break;
    case SIM_EVENT_FANOUT:
        fan_out(world, event->target, event->packet);
        break;
    case SIM_EVENT_ARRIVE:
        arrive(world, event->target, event->packet);
        break;
    case SIM_EVENT_DELIVER:
        if (world->nodes[event->target].ops != NULL)
            deliver(world, event->target, event->packet);
        break;
    case SIM_EVENT_ACTION:
        event->action->run(world, event->action->user, event->action->argument);
        return;
    }
    sim_packet_release(event->packet);
}

bool sim_world_run(struct sim_world *world, uint64_t until_ns)
{
    world->halted = false;
    while (!world->halted) {
        const struct sim_timer *timer = sim_timers_first(&world->timers);
        uint64_t event_ns = sim_queue_time(&world->queue);
        uint64_t timer_ns = timer != NULL ? timer->time_ns : SIM_NEVER;
        uint64_t time_ns = event_ns <= timer_ns ? event_ns : timer_ns;

        if (time_ns > until_ns) {
            if (world->now_ns < until_ns && until_ns != SIM_NEVER)
                world->now_ns = until_ns;
            return time_ns != SIM_NEVER;
        }
        if (time_ns == SIM_NEVER)
            return false;
        assert(time_ns >= world->now_ns);
        world->now_ns = time_ns;
        world->counts.events++;
        if (event_ns <= timer_ns) {
            struct sim_event event = sim_queue_take(&world->queue);

            happen(world, &event);
        } else {
            fire(world, timer->node);
        }
    }
    return true;
}

void sim_world_halt(struct sim_world *world)
{
    world->halted = true;
}

uint64_t sim_world_now(const struct sim_world *world)
{
    return world->now_ns;
}

uint64_t sim_world_trace(const struct sim_world *world)
{
    return world->trace;
}

const struct sim_counts *sim_world_counts(const struct sim_world *world)
{
    return &world->counts;
}

const struct sim_complaint *sim_world_complaint(const struct sim_world *world)
{
    return &world->complaint;
}
