/* SPDX-License-Identifier: MIT */
#include "receiver.h"
#include "sender.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { READ_BYTES = 4096, BLOCKS_MAX = 4096, UNWRITTEN = 0xa5, SLOW_PIECES = 32 };

static uint32_t object_of(const struct sim_take *take)
{
    return take->number % take->receiver->run->scenario.objects;
}

/* Nothing is expected of it. */
static bool is_tainted(const struct sim_take *take)
{
    return take->is_spoiled || sim_run_is_tainted(take->receiver->run, object_of(take));
}

static uint32_t index_of(const struct sim_receiver *receiver)
{
    return receiver->node - receiver->run->scenario.senders;
}

/* ------------------------------------------------------------------ where the bytes go */

static bool was_written(const struct sim_take *take, uint64_t segment)
{
    return (take->segments[segment / 8] >> (segment % 8) & 1) != 0;
}

static void note_written(struct sim_take *take, uint64_t offset_bytes, size_t size_bytes)
{
    struct sim_run *run = take->receiver->run;
    uint64_t first = offset_bytes / take->segment_bytes;
    uint64_t end = (offset_bytes + size_bytes + take->segment_bytes - 1) / take->segment_bytes;

    for (uint64_t segment = first; segment < end; segment++) {
        if (was_written(take, segment) && !is_tainted(take))
            sim_fail(&run->failures, "receiver %u wrote segment %llu of object %u twice", index_of(take->receiver),
                     (unsigned long long)segment, object_of(take));
        take->segments[segment / 8] |= (uint8_t)(1U << (segment % 8));
    }
    take->bytes += size_bytes;
    sim_tally_written(&run->tally, size_bytes, sim_world_now(run->world));
}

static int sink_write_at(void *user, uint64_t offset_bytes, const uint8_t *bytes, size_t size_bytes)
{
    struct sim_take *take = user;
    struct sim_run *run = take->receiver->run;

    if (offset_bytes > run->scenario.object_bytes || size_bytes > run->scenario.object_bytes - offset_bytes) {
        sim_fail(&run->failures, "receiver %u wrote behind the end of object %u", index_of(take->receiver),
                 object_of(take));
        return -EFBIG;
    }
    if (take->state != SIM_TAKE_OPEN) {
        if (!is_tainted(take))
            sim_fail(&run->failures, "receiver %u wrote to object %u, which is not open", index_of(take->receiver),
                     object_of(take));
        return -EIO;
    }
    if (!is_tainted(take) &&
        memcmp(bytes, sim_content_at(&run->content, take->number, offset_bytes, size_bytes), size_bytes) != 0)
        sim_fail(&run->failures, "receiver %u wrote wrong bytes into object %u at %llu", index_of(take->receiver),
                 object_of(take), (unsigned long long)offset_bytes);
    note_written(take, offset_bytes, size_bytes);
    return 0;
}

/* What was not written reads as something else, so that nobody can rely on it. */
static const uint8_t *sink_read_at(void *user, uint64_t offset_bytes, size_t size_bytes)
{
    struct sim_take *take = user;
    const struct sim_content *content = &take->receiver->run->content;
    uint64_t first = offset_bytes / take->segment_bytes;
    uint64_t end = (offset_bytes + size_bytes + take->segment_bytes - 1) / take->segment_bytes;

    if (take->state != SIM_TAKE_OPEN || size_bytes > SIM_CONTENT_READ_MAX ||
        offset_bytes + size_bytes > take->receiver->run->scenario.object_bytes) {
        sim_fail(&take->receiver->run->failures, "receiver %u read outside of object %u, or when it is not open",
                 index_of(take->receiver), object_of(take));
        return NULL;
    }
    memcpy(content->scratch, sim_content_at(content, take->number, offset_bytes, size_bytes), size_bytes);
    for (uint64_t segment = first; segment < end; segment++) {
        uint64_t from = segment * take->segment_bytes;
        uint64_t until = from + take->segment_bytes;

        from = from > offset_bytes ? from : offset_bytes;
        until = until < offset_bytes + size_bytes ? until : offset_bytes + size_bytes;
        if (!was_written(take, segment))
            memset(content->scratch + (from - offset_bytes), UNWRITTEN, until - from);
    }
    return content->scratch;
}

static struct sim_take *find_take(const struct sim_receiver *receiver, uint32_t sender_id, uint16_t object_id)
{
    const struct sim_run *run = receiver->run;
    uint32_t sender = sender_id - sim_node_id(0);
    int64_t object;

    if (sender >= run->scenario.senders)
        return NULL;
    object = sim_sender_find(&run->senders[sender], object_id);
    if (object < 0)
        return NULL;
    return &receiver->takes[sim_run_content_number(run, sender, (uint32_t)object)];
}

static void expect(struct sim_take *take)
{
    if (take->is_expected || is_tainted(take))
        return;
    take->is_expected = true;
    take->receiver->pending++;
    take->receiver->run->objects_pending++;
}

static void settle_take(struct sim_take *take, enum sim_take_state state)
{
    struct sim_receiver *receiver = take->receiver;

    take->state = state;
    if (!take->is_expected)
        return;
    take->is_expected = false;
    receiver->pending--;
    if (receiver->pending == 0)
        receiver->complete_ns = sim_world_now(receiver->run->world);
    sim_run_object_done(receiver->run);
}

/* Under attack something may come of an object before it exists; nobody can tell later which one is right. */
static void look_for_spoiling(struct sim_take *take)
{
    const struct sim_run *run = take->receiver->run;

    if (run->scenario.tainted_ns == 0 || is_tainted(take) ||
        sim_world_now(run->world) >= object_of(take) * run->scenario.object_gap_ns)
        return;
    take->is_spoiled = true;
    settle_take(take, SIM_TAKE_GIVEN_UP);
}

static int accept_object(void *user, const struct herald_norm_offer *offer, struct herald_norm_sink *ret_sink)
{
    struct sim_receiver *receiver = user;
    struct sim_run *run = receiver->run;
    struct sim_take *take = find_take(receiver, offer->sender_id, offer->object_id);

    if (take != NULL)
        look_for_spoiling(take);
    if (take == NULL || offer->size_bytes != run->scenario.object_bytes || offer->kind != run->scenario.kind ||
        offer->segment_bytes != run->scenario.segment_bytes) {
        if (run->scenario.tainted_ns == 0)
            sim_fail(&run->failures, "receiver %u was offered object %u of node %u, which does not exist so",
                     index_of(receiver), offer->object_id, offer->sender_id);
        return -ENOENT;
    }
    if ((take->state == SIM_TAKE_OPEN || take->state == SIM_TAKE_COMPLETE) && !is_tainted(take))
        sim_fail(&run->failures, "receiver %u was offered object %u twice", index_of(receiver), object_of(take));
    free(take->segments);
    take->segment_bytes = offer->segment_bytes;
    take->segments = sim_allocate(offer->size_bytes / offer->segment_bytes / 8 + 1, 1);
    take->bytes = 0;
    take->info_came = false;
    take->state = SIM_TAKE_OPEN;
    *ret_sink = (struct herald_norm_sink){ .user = take, .write_at = sink_write_at, .read_at = sink_read_at };
    return 0;
}

/* ------------------------------------------------------------------ hearing of it */

static void complete(struct sim_take *take)
{
    struct sim_run *run = take->receiver->run;
    uint32_t receiver = index_of(take->receiver);

    if (!is_tainted(take) && take->bytes != run->scenario.object_bytes)
        sim_fail(&run->failures, "receiver %u completed object %u with %llu of %llu bytes", receiver, object_of(take),
                 (unsigned long long)take->bytes, (unsigned long long)run->scenario.object_bytes);
    if (!is_tainted(take) && !take->info_came)
        sim_fail(&run->failures, "receiver %u completed object %u without its INFO", receiver, object_of(take));
    if (!is_tainted(take) && take->state != SIM_TAKE_OPEN)
        sim_fail(&run->failures, "receiver %u completed object %u, which is not open", receiver, object_of(take));
    settle_take(take, SIM_TAKE_COMPLETE);
    free(take->segments);
    take->segments = NULL;
}

static void give_up(struct sim_take *take, enum herald_norm_abort reason)
{
    static const char *const names[] = {
        [HERALD_NORM_ABORT_SQUELCHED] = "squelched", [HERALD_NORM_ABORT_WINDOW] = "window",
        [HERALD_NORM_ABORT_RESTARTED] = "restarted", [HERALD_NORM_ABORT_GONE] = "sender gone",
        [HERALD_NORM_ABORT_SINK] = "sink",           [HERALD_NORM_ABORT_LIMIT] = "limit",
        [HERALD_NORM_ABORT_LOCAL] = "local",
    };
    struct sim_run *run = take->receiver->run;

    /* The object is waited for again already, and may even have been offered again. */
    if (reason == HERALD_NORM_ABORT_RESTARTED && (run->scenario.sender_revive_ns > 0 || is_tainted(take)))
        return;
    look_for_spoiling(take);
    if (!is_tainted(take))
        sim_fail(&run->failures, "receiver %u gave up object %u: %s", index_of(take->receiver), object_of(take),
                 names[reason]);
    settle_take(take, SIM_TAKE_GIVEN_UP);
}

static void check_info(struct sim_take *take, const struct herald_norm_receiver_event *event)
{
    struct sim_run *run = take->receiver->run;
    char info[64];
    size_t bytes = sim_run_info(take->number / run->scenario.objects, object_of(take), info, sizeof info);

    take->info_came = true;
    if (!is_tainted(take) && (event->content_bytes != bytes || memcmp(event->content, info, bytes) != 0))
        sim_fail(&run->failures, "receiver %u got a wrong INFO for object %u", index_of(take->receiver),
                 object_of(take));
}

static bool is_slow_reader(const struct sim_receiver *receiver)
{
    return receiver->run->scenario.reader_gap_ns > 0 && index_of(receiver) < receiver->run->scenario.odd;
}

/* Where the stream goes on: after a loss at the start of a message, otherwise where it was. */
static void check_place(struct sim_receiver *receiver, const struct herald_norm_stream_piece *piece)
{
    struct sim_run *run = receiver->run;

    if (piece->lost_bytes > 0 && !is_slow_reader(receiver))
        sim_fail(&run->failures, "receiver %u lost %llu bytes of the stream at %llu", index_of(receiver),
                 (unsigned long long)piece->lost_bytes, (unsigned long long)receiver->stream_bytes);
    receiver->stream_bytes += piece->lost_bytes;
    while (piece->lost_bytes > 0 && receiver->stream_message_bytes < receiver->stream_bytes)
        receiver->stream_message_bytes += sim_message_bytes(receiver->stream_message_bytes);
    if (piece->offset_bytes != receiver->stream_bytes ||
        (piece->lost_bytes > 0 && receiver->stream_message_bytes != receiver->stream_bytes))
        sim_fail(&run->failures, "receiver %u read the stream at %llu instead of %llu, %llu lost, message at %llu",
                 index_of(receiver), (unsigned long long)piece->offset_bytes,
                 (unsigned long long)receiver->stream_bytes, (unsigned long long)piece->lost_bytes,
                 (unsigned long long)receiver->stream_message_bytes);
}

/* Messages begin where they were begun, and the bytes are those of their place. */
static void check_piece(struct sim_take *take, const uint8_t *bytes, const struct herald_norm_stream_piece *piece)
{
    struct sim_receiver *receiver = take->receiver;
    struct sim_run *run = receiver->run;
    uint64_t at;
    bool starts;

    check_place(receiver, piece);
    at = receiver->stream_bytes;
    starts = at == receiver->stream_message_bytes;
    if (piece->message_start != starts)
        sim_fail(&run->failures, "receiver %u: a message starts%s at %llu", index_of(receiver),
                 piece->message_start ? "" : " not", (unsigned long long)at);
    if (starts)
        receiver->stream_message_bytes = at + sim_message_bytes(at);
    if (memcmp(bytes, sim_content_at(&run->content, take->number, at, piece->size_bytes), piece->size_bytes) != 0)
        sim_fail(&run->failures, "receiver %u read wrong bytes at %llu of the stream", index_of(receiver),
                 (unsigned long long)at);
    receiver->stream_bytes += piece->size_bytes;
    if (receiver->stream_bytes > receiver->stream_message_bytes)
        sim_fail(&run->failures, "receiver %u read over the start of a message", index_of(receiver));
    sim_tally_written(&run->tally, piece->size_bytes, sim_world_now(run->world));
}

static void read_stream(struct sim_receiver *receiver, uint32_t sender_id, uint16_t object_id, uint64_t now_ns)
{
    struct sim_take *take = find_take(receiver, sender_id, object_id);
    uint8_t buffer[READ_BYTES];
    struct herald_norm_stream_piece piece;
    uint32_t pieces_left = is_slow_reader(receiver) ? SLOW_PIECES : UINT32_MAX;

    while (take != NULL && pieces_left-- > 0 &&
           herald_norm_receiver_stream_read(receiver->machine, sender_id, object_id, buffer, sizeof buffer, &piece,
                                            now_ns) > 0) {
        check_piece(take, buffer, &piece);
    }
}

static void stream_readable(struct sim_receiver *receiver, const struct herald_norm_receiver_event *event)
{
    uint64_t now_ns = sim_node_clock(receiver->run->world, receiver->node);

    if (!is_slow_reader(receiver)) {
        read_stream(receiver, event->sender_id, event->object_id, now_ns);
    } else if (receiver->next_read_ns == SIM_NEVER) {
        receiver->stream_sender_id = event->sender_id;
        receiver->stream_object_id = event->object_id;
        receiver->next_read_ns = now_ns + receiver->run->scenario.reader_gap_ns;
    }
}

/* The slow reader's next portion. */
static void read_slowly(struct sim_receiver *receiver, uint64_t now_ns)
{
    if (now_ns < receiver->next_read_ns)
        return;
    receiver->next_read_ns = now_ns + receiver->run->scenario.reader_gap_ns;
    read_stream(receiver, receiver->stream_sender_id, receiver->stream_object_id, now_ns);
}

static void end_stream(struct sim_take *take)
{
    const struct sim_receiver *receiver = take->receiver;

    if (receiver->stream_bytes != receiver->run->scenario.object_bytes)
        sim_fail(&receiver->run->failures, "receiver %u: the stream ended at %llu", index_of(receiver),
                 (unsigned long long)receiver->stream_bytes);
    take->receiver->next_read_ns = SIM_NEVER;
    settle_take(take, SIM_TAKE_COMPLETE);
}

static void handle_event(struct sim_receiver *receiver, const struct herald_norm_receiver_event *event)
{
    struct sim_take *take = find_take(receiver, event->sender_id, event->object_id);

    if (take == NULL)
        return;
    switch (event->type) {
    case HERALD_NORM_RECEIVER_OBJECT_INFO:
        check_info(take, event);
        break;
    case HERALD_NORM_RECEIVER_OBJECT_COMPLETE:
        complete(take);
        break;
    case HERALD_NORM_RECEIVER_OBJECT_ABORTED:
        give_up(take, event->abort);
        break;
    case HERALD_NORM_RECEIVER_STREAM_NEW:
    case HERALD_NORM_RECEIVER_STREAM_READABLE:
        stream_readable(receiver, event);
        break;
    case HERALD_NORM_RECEIVER_STREAM_END:
        end_stream(take);
        break;
    case HERALD_NORM_RECEIVER_SENDER_NEW:
    case HERALD_NORM_RECEIVER_SENDER_RESTARTED:
    case HERALD_NORM_RECEIVER_SENDER_SILENT:
    case HERALD_NORM_RECEIVER_SENDER_ACTIVE:
    case HERALD_NORM_RECEIVER_SENDER_GONE:
    case HERALD_NORM_RECEIVER_COMMAND:
    case HERALD_NORM_RECEIVER_REQUEST:
    case HERALD_NORM_RECEIVER_WATERMARK:
        break;
    }
}

static void hear(struct sim_receiver *receiver)
{
    struct herald_norm_receiver_event event;

    while (herald_norm_receiver_poll_event(receiver->machine, &event) > 0)
        handle_event(receiver, &event);
}

/* ------------------------------------------------------------------ the node */

static void node_input(void *self, const struct sim_packet *packet, uint64_t now_ns)
{
    struct sim_receiver *receiver = self;
    struct herald_peer from = sim_node_peer(packet->from);
    int result = herald_norm_receiver_input(receiver->machine, &from, packet->to != SIM_GROUP, packet->data,
                                            packet->bytes, now_ns);

    if (result < 0)
        sim_fail(&receiver->run->failures, "receiver_input: %s although all events were taken", strerror(-result));
    hear(receiver);
}

static bool node_poll_output(void *self, uint64_t now_ns, struct sim_datagram *ret_datagram)
{
    struct sim_receiver *receiver = self;
    struct herald_norm_datagram datagram = { .buffer = receiver->run->datagram,
                                             .buffer_bytes = sizeof receiver->run->datagram };
    int result = herald_norm_receiver_poll_output(receiver->machine, &datagram, now_ns);

    if (result < 0)
        sim_fail(&receiver->run->failures, "receiver_poll_output: %s", strerror(-result));
    if (result > 0)
        *ret_datagram = sim_run_datagram(receiver->run, &datagram);
    return result > 0;
}

static uint64_t node_next_timeout(void *self)
{
    const struct sim_receiver *receiver = self;
    uint64_t timeout_ns = herald_norm_receiver_next_timeout(receiver->machine);

    return timeout_ns < receiver->next_read_ns ? timeout_ns : receiver->next_read_ns;
}

static void node_handle_timeout(void *self, uint64_t now_ns)
{
    struct sim_receiver *receiver = self;
    int result = herald_norm_receiver_handle_timeout(receiver->machine, now_ns);

    if (result < 0)
        sim_fail(&receiver->run->failures, "receiver_handle_timeout: %s although all events were taken",
                 strerror(-result));
    hear(receiver);
    read_slowly(receiver, now_ns);
    hear(receiver);
}

static const struct sim_node_ops receiver_ops = { node_input, node_poll_output, node_next_timeout,
                                                  node_handle_timeout };

static uint32_t at_most(uint64_t value, uint32_t limit)
{
    return value < limit ? (uint32_t)value : limit;
}

static void configure(struct sim_receiver *receiver, struct herald_norm_receiver_config *ret_config)
{
    const struct sim_scenario *scenario = &receiver->run->scenario;
    uint64_t blocks = sim_scenario_blocks(scenario) * scenario->objects * scenario->senders + 1;

    herald_norm_receiver_config_default(ret_config);
    ret_config->node_id = sim_node_id(receiver->node);
    ret_config->seed = sim_random_derive(receiver->run->seed, 1000 + receiver->incarnation, receiver->node).state;
    ret_config->silent = scenario->silent;
    ret_config->unicast_feedback = scenario->unicast;
    ret_config->sync = scenario->sync;
    ret_config->no_suppression = scenario->no_suppression;
    ret_config->no_parity = scenario->no_parity;
    if (scenario->senders > ret_config->senders_max)
        ret_config->senders_max = (uint16_t)scenario->senders;
    if (scenario->senders > ret_config->objects_max)
        ret_config->objects_max = (uint16_t)(2 * scenario->senders);
    ret_config->partial_blocks_max = at_most(blocks, BLOCKS_MAX);
    ret_config->parity_buffers_max = at_most(blocks * (scenario->parity_segments + 1U), BLOCKS_MAX);
    ret_config->stream_blocks_max = scenario->kind == HERALD_NORM_STREAM ? SIM_STREAM_BLOCKS : 0;
    ret_config->user = receiver;
    ret_config->accept = accept_object;
    if (scenario->small) {
        ret_config->senders_max = 1;
        ret_config->objects_max = 1;
        ret_config->objects_per_sender = 1;
        ret_config->blocks_per_queue = blocks;
        ret_config->partial_blocks_max = at_most(blocks, 8);
        ret_config->parity_buffers_max = 64;
        ret_config->segment_bytes_max = scenario->segment_bytes;
        ret_config->block_segments_max = (uint16_t)(scenario->block_segments + scenario->parity_segments);
        ret_config->info_bytes_max = 32;
        ret_config->application_bytes_max = 16;
    }
}

/* All objects of all senders are waited for, but those that an attacker may spoil. */
static void expect_all(struct sim_receiver *receiver)
{
    struct sim_run *run = receiver->run;
    uint32_t total = run->scenario.senders * run->scenario.objects;

    for (uint32_t i = 0; i < total; i++) {
        struct sim_take *take = &receiver->takes[i];

        free(take->segments);
        *take = (struct sim_take){ .receiver = receiver, .number = i, .is_expected = take->is_expected };
        expect(take);
    }
    receiver->complete_ns = SIM_NEVER;
    receiver->stream_bytes = 0;
    receiver->stream_message_bytes = 0;
    receiver->next_read_ns = SIM_NEVER;
}

void sim_receiver_init(struct sim_receiver *receiver, struct sim_run *run, uint32_t index)
{
    *receiver = (struct sim_receiver){ .run = run, .node = sim_run_receiver_node(run, index) };
    receiver->takes = sim_allocate((size_t)run->scenario.senders * run->scenario.objects, sizeof *receiver->takes);
    expect_all(receiver);
}

void sim_receiver_free(struct sim_receiver *receiver)
{
    receiver->machine = herald_norm_receiver_free(receiver->machine);
    for (uint32_t i = 0; i < receiver->run->scenario.senders * receiver->run->scenario.objects; i++)
        free(receiver->takes[i].segments);
    free(receiver->takes);
}

void sim_receiver_expect_again(struct sim_receiver *receiver, uint32_t sender)
{
    struct sim_run *run = receiver->run;

    for (uint32_t i = 0; i < run->scenario.objects; i++) {
        struct sim_take *take = &receiver->takes[sim_run_content_number(run, sender, i)];

        expect(take);
        take->state = SIM_TAKE_WAITING;
    }
    receiver->complete_ns = SIM_NEVER;
}

void sim_receiver_start(struct sim_receiver *receiver)
{
    struct herald_norm_receiver_config config;

    expect_all(receiver);
    configure(receiver, &config);
    receiver->incarnation++;
    if (herald_norm_receiver_new(&receiver->machine, &config, sim_node_clock(receiver->run->world, receiver->node)) <
        0) {
        const char *field = herald_norm_receiver_config_check(&config);

        sim_fail(&receiver->run->failures, "the receiver's config is refused: %s", field != NULL ? field : "no memory");
        return;
    }
    sim_node_start(receiver->run->world, receiver->node, &receiver_ops, receiver);
}

/* Takes over what the machine has counted. */
void sim_receiver_kill(struct sim_receiver *receiver)
{
    struct herald_norm_receiver_statistics statistics;

    if (receiver->machine == NULL)
        return;
    herald_norm_receiver_get_statistics(receiver->machine, &statistics);
    receiver->nacks_sent += statistics.nacks;
    receiver->nacks_suppressed += statistics.nacks_suppressed;
    sim_node_stop(receiver->run->world, receiver->node);
    receiver->machine = herald_norm_receiver_free(receiver->machine);
}
