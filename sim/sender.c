/* SPDX-License-Identifier: MIT */
#include "sender.h"
#include "receiver.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MESSAGE_BYTES_MAX = 3000 };

/* ------------------------------------------------------------------ feeding it */

static const uint8_t *source_read_at(void *user, uint64_t offset_bytes, size_t size_bytes)
{
    const struct sim_source *source = user;
    const struct sim_run *run = source->sender->run;

    if (offset_bytes > run->scenario.object_bytes || size_bytes > run->scenario.object_bytes - offset_bytes) {
        sim_fail(&source->sender->run->failures, "the source of object %u was read behind its end", source->object);
        return NULL;
    }
    return sim_content_at(&run->content, sim_run_content_number(run, source->sender->index, source->object),
                          offset_bytes, size_bytes);
}

static uint64_t clock_of(const struct sim_sender *sender)
{
    return sim_node_clock(sender->run->world, sender->index);
}

uint64_t sim_message_bytes(uint64_t offset_bytes)
{
    return 1 + sim_mix(offset_bytes) % MESSAGE_BYTES_MAX;
}

/* Writes as much of the stream as there is room for, and ends it when that was all. */
static void write_stream(struct sim_sender *sender)
{
    const struct sim_run *run = sender->run;
    uint64_t size_bytes = run->scenario.object_bytes;

    if (sender->enqueued == 0)
        return;
    while (sender->stream_written_bytes < size_bytes) {
        uint64_t at = sender->stream_written_bytes;
        bool starts = at == sender->message_end_bytes;
        uint64_t end = starts ? at + sim_message_bytes(at) : sender->message_end_bytes;
        unsigned flags = starts ? HERALD_NORM_STREAM_MESSAGE_START : 0;
        int64_t taken;

        if (end >= size_bytes) {
            end = size_bytes;
            flags |= HERALD_NORM_STREAM_FLUSH;
        }
        taken = herald_norm_sender_stream_write(
            sender->machine, sender->ids[0],
            sim_content_at(&run->content, sim_run_content_number(run, sender->index, 0), at, end - at), end - at, flags,
            clock_of(sender));
        if (taken < 0) {
            sim_fail(&sender->run->failures, "stream_write: %s", strerror((int)-taken));
            return;
        }
        if (taken > 0)
            sender->message_end_bytes = end;
        sender->stream_written_bytes += (uint64_t)taken;
        if ((uint64_t)taken < end - at)
            return;
    }
    if (herald_norm_sender_stream_close(sender->machine, sender->ids[0], clock_of(sender)) < 0)
        sim_fail(&sender->run->failures, "stream_close failed");
}

static void ask_for_acks(struct sim_sender *sender)
{
    const struct sim_scenario *scenario = &sender->run->scenario;

    if (!sender->acks_asked) {
        for (uint32_t i = 0; i < scenario->receivers; i++) {
            if (herald_norm_sender_add_ack_node(sender->machine, sim_node_id(sim_run_receiver_node(sender->run, i))) <
                0)
                sim_fail(&sender->run->failures, "add_ack_node refused receiver %u", i);
        }
    }
    sender->acks_asked = true;
    if (herald_norm_sender_request_acks(sender->machine, sender->ids[scenario->objects - 1], clock_of(sender)) < 0)
        sim_fail(&sender->run->failures, "request_acks failed");
}

/* @return false when the machine has no room for the next object */
static bool enqueue(struct sim_sender *sender)
{
    const struct sim_scenario *scenario = &sender->run->scenario;
    uint32_t number = sender->enqueued;
    char info[64];
    struct herald_norm_object object = {
        .kind = scenario->kind,
        .size_bytes = scenario->object_bytes,
        .source = { &sender->sources[number], source_read_at },
        .info = (const uint8_t *)info,
        .info_bytes = (uint16_t)sim_run_info(sender->index, number, info, sizeof info),
    };
    int result;

    if (scenario->kind == HERALD_NORM_STREAM) {
        object.size_bytes = (uint64_t)SIM_STREAM_BLOCKS * scenario->block_segments * scenario->segment_bytes;
        object.info = NULL;
        object.info_bytes = 0;
    }
    result = herald_norm_sender_enqueue(sender->machine, &object, clock_of(sender), &sender->ids[number]);
    if (result < 0 && result != -ENOBUFS)
        sim_fail(&sender->run->failures, "enqueue: %s", strerror(-result));
    if (result < 0)
        return false;
    if (sender->ids[number] != (uint16_t)(sender->ids[0] + number))
        sim_fail(&sender->run->failures, "object %u has the id %u, not the next one", number, sender->ids[number]);
    sender->enqueued++;
    return true;
}

static void feed(struct sim_sender *sender)
{
    const struct sim_scenario *scenario = &sender->run->scenario;

    while (sender->enqueued < sender->due && enqueue(sender))
        ;
    if (scenario->kind == HERALD_NORM_STREAM)
        write_stream(sender);
    if (scenario->acks && !sender->acks_asked && sender->enqueued == scenario->objects &&
        (scenario->kind != HERALD_NORM_STREAM || sender->stream_written_bytes == scenario->object_bytes))
        ask_for_acks(sender);
}

void sim_sender_next_object(struct sim_sender *sender)
{
    sender->due++;
    if (sender->machine == NULL)
        return;
    feed(sender);
    sim_node_touch(sender->run->world, sender->index);
}

int64_t sim_sender_find(const struct sim_sender *sender, uint16_t object_id)
{
    uint16_t object = (uint16_t)(object_id - sender->ids[0]);

    return sender->enqueued > 0 && object < sender->run->scenario.objects ? object : -1;
}

/* ------------------------------------------------------------------ hearing of it */

/* Who acknowledges must have it. */
static void check_ack(struct sim_sender *sender, const struct herald_norm_sender_event *event)
{
    const struct sim_run *run = sender->run;
    uint32_t receiver = event->node_id - sim_node_id(run->scenario.senders);
    int64_t last = sim_sender_find(sender, event->object_id);

    if (receiver >= run->scenario.receivers || last < 0) {
        sim_fail(&sender->run->failures, "an acknowledgement of object %u by node %u, that was not asked",
                 event->object_id, event->node_id);
        return;
    }
    for (uint32_t i = 0; i <= (uint32_t)last && run->scenario.kind != HERALD_NORM_STREAM; i++) {
        uint32_t number = (uint32_t)sim_run_content_number(run, sender->index, i);

        if (run->receivers[receiver].takes[number].state != SIM_TAKE_COMPLETE && !sim_run_is_tainted(run, i))
            sim_fail(&sender->run->failures, "receiver %u acknowledged object %u that it does not have", receiver, i);
    }
}

static void handle_event(struct sim_sender *sender, const struct herald_norm_sender_event *event)
{
    switch (event->type) {
    case HERALD_NORM_SENDER_RELEASED:
    case HERALD_NORM_SENDER_FLUSHED:
    case HERALD_NORM_SENDER_STREAM_WRITABLE:
        feed(sender);
        break;
    case HERALD_NORM_SENDER_FAILED:
        sim_fail(&sender->run->failures, "the sender gave up object %u", event->object_id);
        break;
    case HERALD_NORM_SENDER_ACKED:
        check_ack(sender, event);
        break;
    case HERALD_NORM_SENDER_ACKS_DONE:
        if (event->missing_count > 0) {
            ask_for_acks(sender);
        } else if (!sender->acks_finished) {
            sender->acks_finished = true;
            sim_run_acks_done(sender->run);
        }
        break;
    case HERALD_NORM_SENDER_SENT:
    case HERALD_NORM_SENDER_COMMAND_SENT:
    case HERALD_NORM_SENDER_APPLICATION_ACK:
    case HERALD_NORM_SENDER_REQUEST_DONE:
    case HERALD_NORM_SENDER_RATE:
    case HERALD_NORM_SENDER_GRTT:
    case HERALD_NORM_SENDER_ENDED:
        break;
    }
}

static void hear(struct sim_sender *sender)
{
    struct herald_norm_sender_event event;

    while (herald_norm_sender_poll_event(sender->machine, &event) > 0)
        handle_event(sender, &event);
}

/* ------------------------------------------------------------------ the node */

static void node_input(void *self, const struct sim_packet *packet, uint64_t now_ns)
{
    struct sim_sender *sender = self;
    struct herald_peer from = sim_node_peer(packet->from);
    int result = herald_norm_sender_input(sender->machine, &from, packet->to != SIM_GROUP, packet->data, packet->bytes,
                                          now_ns);

    if (result < 0)
        sim_fail(&sender->run->failures, "sender_input: %s although all events were taken", strerror(-result));
    hear(sender);
}

static bool node_poll_output(void *self, uint64_t now_ns, struct sim_datagram *ret_datagram)
{
    struct sim_sender *sender = self;
    struct herald_norm_datagram datagram = { .buffer = sender->run->datagram,
                                             .buffer_bytes = sizeof sender->run->datagram };
    int result = herald_norm_sender_poll_output(sender->machine, &datagram, now_ns);

    if (result < 0)
        sim_fail(&sender->run->failures, "sender_poll_output: %s", strerror(-result));
    /* Before it is sent: what events lead to must not touch what the datagram points to. */
    if (result > 0)
        *ret_datagram = sim_run_datagram(sender->run, &datagram);
    hear(sender);
    return result > 0;
}

static uint64_t node_next_timeout(void *self)
{
    const struct sim_sender *sender = self;

    return herald_norm_sender_next_timeout(sender->machine);
}

static void node_handle_timeout(void *self, uint64_t now_ns)
{
    struct sim_sender *sender = self;
    int result = herald_norm_sender_handle_timeout(sender->machine, now_ns);

    if (result < 0)
        sim_fail(&sender->run->failures, "sender_handle_timeout: %s although all events were taken", strerror(-result));
    hear(sender);
}

static const struct sim_node_ops sender_ops = { node_input, node_poll_output, node_next_timeout, node_handle_timeout };

static void configure(const struct sim_sender *sender, struct herald_norm_sender_config *ret_config)
{
    const struct sim_scenario *scenario = &sender->run->scenario;

    herald_norm_sender_config_default(ret_config);
    ret_config->node_id = sim_node_id(sender->index);
    ret_config->instance_id = sender->instance_id;
    ret_config->seed = sim_random_derive(sender->run->seed, sender->instance_id, sender->index).state;
    ret_config->segment_bytes = scenario->segment_bytes;
    ret_config->fec_id = scenario->fec_id;
    ret_config->block_segments = scenario->block_segments;
    ret_config->parity_segments = scenario->parity_segments;
    ret_config->proactive_parity = scenario->proactive_parity;
    ret_config->rate_mode = scenario->rate_mode;
    ret_config->rate_bytes_per_s = scenario->rate_bytes_per_s;
    ret_config->window_bytes_max = scenario->window_bytes_max;
    ret_config->grtt_initial_ns = scenario->grtt_initial_ns;
    ret_config->group_size = scenario->group_size;
    ret_config->unicast_feedback = scenario->unicast;
    ret_config->info_bytes_max = 64 < scenario->segment_bytes ? 64 : scenario->segment_bytes;
    ret_config->application_bytes_max = ret_config->info_bytes_max;
    ret_config->stream_blocks_max = scenario->kind == HERALD_NORM_STREAM ? SIM_STREAM_BLOCKS : 0;
    ret_config->ack_nodes_max = scenario->acks ? scenario->receivers : 1;
}

void sim_sender_init(struct sim_sender *sender, struct sim_run *run, uint32_t index)
{
    uint32_t objects = run->scenario.objects;

    *sender = (struct sim_sender){ .run = run, .index = index };
    sender->instance_id = (uint16_t)sim_random_derive(run->seed, UINT16_MAX, index).state;
    sender->ids = sim_allocate(objects, sizeof *sender->ids);
    sender->sources = sim_allocate(objects, sizeof *sender->sources);
    for (uint32_t i = 0; i < objects; i++)
        sender->sources[i] = (struct sim_source){ sender, i };
}

void sim_sender_free(struct sim_sender *sender)
{
    sender->machine = herald_norm_sender_free(sender->machine);
    free(sender->ids);
    free(sender->sources);
}

void sim_sender_start(struct sim_sender *sender)
{
    struct herald_norm_sender_config config;

    sender->instance_id++;
    sender->enqueued = 0;
    sender->acks_asked = false;
    sender->stream_written_bytes = 0;
    sender->message_end_bytes = 0;
    configure(sender, &config);
    if (herald_norm_sender_new(&sender->machine, &config, clock_of(sender)) < 0) {
        const char *field = herald_norm_sender_config_check(&config);

        sim_fail(&sender->run->failures, "the sender's config is refused: %s", field != NULL ? field : "no memory");
        return;
    }
    feed(sender);
    sim_node_start(sender->run->world, sender->index, &sender_ops, sender);
}

void sim_sender_kill(struct sim_sender *sender)
{
    if (sender->machine == NULL)
        return;
    sim_node_stop(sender->run->world, sender->index);
    sender->machine = herald_norm_sender_free(sender->machine);
}
