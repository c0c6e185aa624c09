/* SPDX-License-Identifier: MIT */
/*
 * Fuzz target: the NORM receiver as a machine. The input chooses a config, then packets from senders and from other
 * receivers, calls of the API, how time passes, and when a sink fails. Whatever it is: bytes go to their sink once and
 * inside the object, what comes out are packets that decode and fit, and once all is drained the receiver sleeps until
 * some time that is still to come.
 */
#include "fuzz.h"
#include "norm.h"

#include <errno.h>
#include <stdlib.h>

enum {
    SEGMENT_BYTES_MAX = 96,
    BLOCK_SEGMENTS_MAX = 16,
    BLOCK_BYTES_MAX = SEGMENT_BYTES_MAX * BLOCK_SEGMENTS_MAX,
    SINKS = 64,               /* more objects than these are refused */
    TRACKED_BYTES_MAX = 8192, /* of objects up to this size it is known which bytes were written */
    OUTPUT_MAX = 10000,       /* datagrams at one time: more would be endless */
};

struct target;

struct sink {
    struct target *target;
    uint64_t size_bytes;
    uint64_t block_bytes;
    uint32_t sender_id;
    uint16_t object_id;    /* of four, one has no room at times, one cannot be read back, one has some blocks already */
    uint64_t blocks_ended; /* that block_changed() told to be complete */
    bool *written;         /* of each byte; NULL: too large to be tracked */
};

struct target {
    struct fuzz_supply supply;
    struct fuzz_world world;
    struct herald_norm_receiver_config config;
    herald_norm_receiver *receiver;
    uint64_t now_ns;
    struct sink sinks[SINKS];
    uint32_t sinks_count;
    uint32_t sink_calls;
    uint32_t sink_fails_at; /* that call of write_at() or read_at() */
    bool is_written_twice;  /* some byte of a sink was */
    bool has_new_sink;      /* the last one, which has its first half already */
    uint8_t block[BLOCK_BYTES_MAX];
};

/* --- where bytes go --- */

static int write_at(void *user, uint64_t offset_bytes, const uint8_t *bytes, size_t size_bytes)
{
    struct sink *sink = user;

    fuzz_require(size_bytes > 0 && size_bytes <= BLOCK_BYTES_MAX);
    fuzz_require(offset_bytes <= sink->size_bytes && size_bytes <= sink->size_bytes - offset_bytes);
    fuzz_require(bytes[0] + bytes[size_bytes - 1] >= 0);
    if (++sink->target->sink_calls == sink->target->sink_fails_at)
        return -28;
    if (sink->object_id % 4 == 1 && sink->target->sink_calls % 3 == 0)
        return -EAGAIN;
    for (size_t i = 0; sink->written && i < size_bytes; i++) {
        sink->target->is_written_twice |= sink->written[offset_bytes + i];
        sink->written[offset_bytes + i] = true;
    }
    return 0;
}

static size_t write_many(void *user, uint64_t offset_bytes, const uint8_t *bytes, size_t segment_bytes,
                         size_t stride_bytes, size_t count)
{
    struct sink *sink = user;

    fuzz_require(count > 0 && stride_bytes > segment_bytes && count * segment_bytes <= sink->block_bytes);
    for (size_t i = 0; i < count; i++)
        if (write_at(user, offset_bytes + i * segment_bytes, bytes + i * stride_bytes, segment_bytes) < 0)
            return i;
    return count;
}

static const uint8_t *read_at(void *user, uint64_t offset_bytes, size_t size_bytes)
{
    struct sink *sink = user;

    fuzz_require(size_bytes > 0 && size_bytes <= sink->block_bytes && size_bytes <= BLOCK_BYTES_MAX);
    fuzz_require(offset_bytes <= sink->size_bytes && size_bytes <= sink->size_bytes - offset_bytes);
    if (++sink->target->sink_calls == sink->target->sink_fails_at)
        return NULL;
    return sink->target->block;
}

static void block_changed(void *user, uint64_t block, bool is_complete)
{
    struct sink *sink = user;

    fuzz_require(block < sink->size_bytes);
    sink->blocks_ended += is_complete;
    fuzz_require(sink->blocks_ended <= sink->size_bytes);
    for (size_t i = 0; sink->written && !is_complete && i < sink->size_bytes; i++)
        sink->written[i] = false; /* of that block; of the others it is not watched any more */
}

static int accept_object(void *user, const struct herald_norm_offer *offer, struct herald_norm_sink *ret_sink)
{
    struct target *target = user;
    struct sink *sink = &target->sinks[target->sinks_count];

    fuzz_require(offer->size_bytes < UINT64_C(1) << 48);
    if (offer->info_bytes > 0)
        fuzz_require(offer->info[0] + offer->info[offer->info_bytes - 1] >= 0);
    if (target->sinks_count == SINKS || offer->object_id % 16 == 15)
        return -1;
    target->sinks_count++;
    *sink = (struct sink){ .target = target,
                           .size_bytes = offer->size_bytes,
                           .block_bytes = offer->block_bytes,
                           .sender_id = offer->sender_id,
                           .object_id = offer->object_id };
    if (offer->size_bytes <= TRACKED_BYTES_MAX)
        sink->written = calloc(offer->size_bytes + 1, sizeof(*sink->written));
    *ret_sink = (struct herald_norm_sink){ .user = sink, .write_at = write_at, .block_changed = block_changed };
    if (offer->object_id % 4 != 2)
        ret_sink->read_at = read_at;
    if (offer->object_id % 8 < 6)
        ret_sink->write_many = write_many;
    target->has_new_sink = offer->object_id % 4 == 3;
    return 0;
}

/* --- after each call --- */

static void drain_events(struct target *target)
{
    struct herald_norm_receiver_event event;

    while (herald_norm_receiver_poll_event(target->receiver, &event) > 0) {
        if (event.content_bytes > 0)
            fuzz_require(event.content[0] + event.content[event.content_bytes - 1] >= 0);
    }
}

static void mark_present(struct target *target)
{
    const struct sink *sink = &target->sinks[target->sinks_count - 1];
    struct herald_norm_object_status object;

    target->has_new_sink = false;
    (void)herald_norm_receiver_mark_present(target->receiver, sink->sender_id, sink->object_id, 0,
                                            (sink->size_bytes + 1) / 2, target->now_ns);
    if (herald_norm_receiver_get_object(target->receiver, sink->sender_id, sink->object_id, &object) == 0)
        fuzz_require(object.received_bytes <= object.size_bytes);
    drain_events(target);
}

/* A byte is written once, unless its block was forgotten for lack of memory, and asked for again. */
static void check_writes(struct target *target)
{
    struct herald_norm_receiver_statistics statistics;

    if (!target->is_written_twice)
        return;
    herald_norm_receiver_get_statistics(target->receiver, &statistics);
    fuzz_require(statistics.partial_blocks_forgotten > 0);
}

static void drain(struct target *target)
{
    uint8_t buffer[HERALD_NORM_BUFFER_BYTES(SEGMENT_BYTES_MAX)];
    struct herald_norm_datagram datagram = { .buffer = buffer, .buffer_bytes = sizeof(buffer) };
    uint32_t count = 0;

    check_writes(target);
    drain_events(target);
    if (target->has_new_sink)
        mark_present(target);
    while (herald_norm_receiver_poll_output(target->receiver, &datagram, target->now_ns) > 0) {
        fuzz_check_datagram(&target->world, &datagram);
        fuzz_require(!target->config.silent);
        fuzz_require(++count < OUTPUT_MAX);
        drain_events(target);
    }
}

static void pass_time(struct target *target, uint64_t time_ns)
{
    target->now_ns += time_ns;
    fuzz_require(herald_norm_receiver_handle_timeout(target->receiver, target->now_ns) == 0);
    drain(target);
    fuzz_require(herald_norm_receiver_next_timeout(target->receiver) > target->now_ns);
}

/* As an event loop does it: to the next deadline, several times. */
static void pass_deadlines(struct target *target, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        uint64_t next_ns = herald_norm_receiver_next_timeout(target->receiver);

        if (next_ns == HERALD_NEVER)
            return;
        pass_time(target, next_ns > target->now_ns ? next_ns - target->now_ns : 0);
    }
}

/* --- calls --- */

/* Packets that came together: the same again and again, but for one byte of each. */
static void input_run(struct target *target, const uint8_t *packet, size_t packet_bytes, uint32_t count)
{
    static const struct herald_peer from = { .address = { HERALD_FAMILY_IPV4, { 10, 0, 0, 1 } }, .port = 6003 };
    bool unicast = fuzz_flip(&target->supply);
    size_t run_bytes = packet_bytes * count;
    size_t done_bytes = 0;
    uint8_t *run = malloc(run_bytes > 0 ? run_bytes : 1); /* of exactly its size, so that ASan guards its end */

    if (!run)
        return;
    for (uint32_t i = 0; i < count; i++) {
        memcpy(run + i * packet_bytes, packet, packet_bytes);
        if (i > 0 && packet_bytes > 0)
            run[i * packet_bytes + fuzz_below(&target->supply, (uint32_t)packet_bytes)] = fuzz_u8(&target->supply);
    }
    do {
        int64_t taken_bytes = herald_norm_receiver_input_run(target->receiver, &from, unicast, run + done_bytes,
                                                             run_bytes - done_bytes, packet_bytes, target->now_ns);

        fuzz_require(taken_bytes >= 0 && (size_t)taken_bytes <= run_bytes - done_bytes);
        fuzz_require(taken_bytes > 0 || run_bytes == 0);
        done_bytes += (size_t)taken_bytes;
        drain_events(target);
    } while (done_bytes < run_bytes);
    free(run);
}

static void input(struct target *target, bool from_sender)
{
    uint8_t packet[FUZZ_PACKET_BYTES_MAX];

    if (from_sender)
        input_run(target, packet, fuzz_sending(&target->supply, &target->world, packet),
                  1 + fuzz_below(&target->supply, 4));
    else
        input_run(target, packet, fuzz_feedback(&target->supply, &target->world, packet), 1);
}

static uint16_t some_object(struct target *target)
{
    return (uint16_t)(target->world.first_object_id + fuzz_below(&target->supply, 6));
}

static void read_stream(struct target *target)
{
    uint8_t buffer[256];
    size_t size_bytes = fuzz_below(&target->supply, sizeof(buffer) + 1);
    uint16_t object_id = some_object(target);
    struct herald_norm_stream_piece piece;
    uint32_t count = 0;

    while (herald_norm_receiver_stream_read(target->receiver, target->world.senders[0], object_id, buffer, size_bytes,
                                            &piece, target->now_ns) > 0) {
        fuzz_require(piece.size_bytes > 0 && piece.size_bytes <= size_bytes);
        fuzz_require(++count < OUTPUT_MAX);
        drain_events(target);
    }
}

static void call_other(struct target *target)
{
    struct fuzz_supply *supply = &target->supply;
    struct herald_norm_receiver_statistics statistics;
    struct herald_norm_object_status object;
    struct herald_norm_sender_status sender;

    switch (fuzz_below(supply, 4)) {
    case 0:
        (void)!herald_norm_receiver_acknowledge(target->receiver, target->world.senders[0],
                                                (uint8_t)(15 + fuzz_below(supply, 4)), fuzz_u8(supply), target->block,
                                                fuzz_below(supply, SEGMENT_BYTES_MAX), target->now_ns);
        break;
    case 1:
        herald_norm_receiver_abort(target->receiver, target->world.senders[0], some_object(target));
        break;
    case 2:
        if (herald_norm_receiver_get_object(target->receiver, target->world.senders[0], some_object(target), &object) ==
                0 &&
            object.kind != HERALD_NORM_STREAM)
            fuzz_require(object.complete_blocks <= object.blocks && object.received_bytes <= object.size_bytes);
        break;
    default:
        herald_norm_receiver_get_statistics(target->receiver, &statistics);
        for (uint32_t i = 0; herald_norm_receiver_get_sender(target->receiver, i, &sender) == 0; i++)
            fuzz_require(i < target->config.senders_max);
        break;
    }
}

/* The sender moves on, or begins anew. */
static void change_world(struct target *target)
{
    switch (fuzz_below(&target->supply, 4)) {
    case 0:
        target->world.instance_id++;
        break;
    case 1:
        target->world.first_block += fuzz_below(&target->supply, 300);
        break;
    case 2:
        target->world.first_block = UINT32_C(0xffffff) - fuzz_below(&target->supply, 4);
        break;
    default:
        target->world.first_object_id = (uint16_t)(target->world.first_object_id + fuzz_below(&target->supply, 40));
        break;
    }
}

static void step(struct target *target)
{
    uint8_t choice = fuzz_u8(&target->supply);

    if (choice < 144)
        input(target, true);
    else if (choice < 160)
        input(target, false);
    else if (choice < 180)
        pass_time(target, fuzz_time_ns(&target->supply));
    else if (choice < 212)
        pass_deadlines(target, choice - 179u);
    else if (choice < 228)
        read_stream(target);
    else if (choice < 240)
        change_world(target);
    else
        call_other(target);
    drain(target);
}

/* --- the whole --- */

static void choose_config(struct target *target)
{
    struct fuzz_supply *supply = &target->supply;
    struct herald_norm_receiver_config *config = &target->config;
    uint8_t choice = fuzz_u8(supply);

    herald_norm_receiver_config_default(config);
    config->node_id = 2;
    config->seed = choice;
    config->silent = choice % 8 == 7;
    config->unicast_feedback = choice & 16;
    config->sync = choice & 32 ? HERALD_NORM_SYNC_ALL : HERALD_NORM_SYNC_CURRENT;
    config->no_suppression = choice % 16 == 6;
    config->no_parity = choice % 16 == 5;
    config->senders_max = (uint16_t)(1 + fuzz_below(supply, 3));
    config->objects_max = (uint16_t)(1 + fuzz_below(supply, 6));
    config->objects_per_sender = (uint16_t)(1 + fuzz_below(supply, 6));
    config->blocks_per_queue = 1 + fuzz_below(supply, 200);
    config->partial_blocks_max = 1 + fuzz_below(supply, 8);
    config->parity_buffers_max = 1 + fuzz_below(supply, 16);
    config->segment_bytes_max = SEGMENT_BYTES_MAX;
    config->block_segments_max = BLOCK_SEGMENTS_MAX;
    config->info_bytes_max = 32;
    config->stream_blocks_max = fuzz_below(supply, 9);
    config->application_bytes_max = 48;
    config->accept = accept_object;
    config->user = target;
}

static void choose_world(struct target *target)
{
    static const uint8_t fec_ids[] = { 5, 5, 129, 2 };
    static const uint16_t segments_bytes[] = { 16, 32, SEGMENT_BYTES_MAX, SEGMENT_BYTES_MAX + 1 };
    struct fuzz_supply *supply = &target->supply;

    target->world = (struct fuzz_world){
        .senders = { 1, 99, 2 },
        .receivers = { 2, 3, 1 },
        .instance_id = 7,
        .fec_id = fec_ids[fuzz_below(supply, 4)],
        .segment_bytes = segments_bytes[fuzz_below(supply, 4)],
        .block_symbols = (uint16_t)(1 + fuzz_below(supply, 8)),
        .parity_symbols = (uint16_t)fuzz_below(supply, 8),
        .first_object_id = (uint16_t)(fuzz_flip(supply) ? 65534 : 0),
    };
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size_bytes)
{
    struct target *target = calloc(1, sizeof(*target));

    if (!target)
        return 0;
    target->supply = (struct fuzz_supply){ .at = data, .left_bytes = size_bytes };
    target->now_ns = 1000;
    choose_config(target);
    choose_world(target);
    target->sink_fails_at = fuzz_u8(&target->supply);
    if (!herald_norm_receiver_config_check(&target->config) &&
        herald_norm_receiver_new(&target->receiver, &target->config, target->now_ns) == 0) {
        while (target->supply.left_bytes > 0)
            step(target);
        pass_deadlines(target, 100);
    }
    herald_norm_receiver_free(target->receiver);
    for (uint32_t i = 0; i < target->sinks_count; i++)
        free(target->sinks[i].written);
    free(target);
    return 0;
}
