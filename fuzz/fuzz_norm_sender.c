/* SPDX-License-Identifier: MIT */
/*
 * Fuzz target: the NORM sender as a machine. The input chooses a config, then calls of the API, packets from
 * receivers, and how time passes. Whatever it is: what comes out are packets that decode and fit, taken from inside the
 * objects' bytes, and once all is drained the sender sleeps until some time that is still to come.
 */
#include "fuzz.h"
#include "norm.h"

#include <stdlib.h>

enum {
    SEGMENT_BYTES_MAX = 96,
    OBJECT_BYTES_MAX = 4096,
    OUTPUT_MAX = 100000, /* datagrams at one time: more would be endless */
};

struct target {
    struct fuzz_supply supply;
    struct fuzz_world world;
    struct herald_norm_sender_config config;
    herald_norm_sender *sender;
    uint64_t now_ns;
    uint16_t last_object_id;
    uint8_t *bytes; /* of all objects; of exactly the size that they may have */
    uint32_t source_calls;
    uint32_t source_fails_at; /* that call of read_at() */
};

/* --- the objects' bytes --- */

static const uint8_t *read_at(void *user, uint64_t offset_bytes, size_t size_bytes)
{
    struct target *target = user;

    fuzz_require(size_bytes > 0);
    fuzz_require(size_bytes <= (size_t)target->config.block_segments * target->config.segment_bytes);
    fuzz_require(offset_bytes <= OBJECT_BYTES_MAX && size_bytes <= OBJECT_BYTES_MAX - offset_bytes);
    if (++target->source_calls == target->source_fails_at)
        return NULL;
    return target->bytes + offset_bytes;
}

/* --- after each call --- */

static void drain(struct target *target)
{
    uint8_t buffer[HERALD_NORM_BUFFER_BYTES(SEGMENT_BYTES_MAX)];
    struct herald_norm_datagram datagram = { .buffer = buffer };
    struct herald_norm_sender_event event;
    uint32_t count = 0;

    datagram.buffer_bytes = HERALD_NORM_BUFFER_BYTES(target->config.segment_bytes);
    while (herald_norm_sender_poll_output(target->sender, &datagram, target->now_ns) > 0) {
        fuzz_check_datagram(&target->world, &datagram);
        fuzz_require(datagram.to_group);
        while (herald_norm_sender_poll_event(target->sender, &event) > 0) {
            if (event.content_bytes > 0)
                fuzz_require(event.content[0] + event.content[event.content_bytes - 1] >= 0);
        }
        fuzz_require(++count < OUTPUT_MAX);
    }
    while (herald_norm_sender_poll_event(target->sender, &event) > 0) {
        if (event.content_bytes > 0)
            fuzz_require(event.content[0] + event.content[event.content_bytes - 1] >= 0);
    }
}

static void pass_time(struct target *target, uint64_t time_ns)
{
    target->now_ns += time_ns;
    fuzz_require(herald_norm_sender_handle_timeout(target->sender, target->now_ns) == 0);
    drain(target);
    fuzz_require(herald_norm_sender_next_timeout(target->sender) > target->now_ns);
}

/* As an event loop does it: to the next deadline, several times. */
static void pass_deadlines(struct target *target, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        uint64_t next_ns = herald_norm_sender_next_timeout(target->sender);

        if (next_ns == HERALD_NEVER)
            return;
        pass_time(target, next_ns > target->now_ns ? next_ns - target->now_ns : 0);
    }
}

/* --- calls --- */

static void enqueue(struct target *target)
{
    struct fuzz_supply *supply = &target->supply;
    struct herald_norm_object object = {
        .kind = (enum herald_norm_kind)fuzz_below(supply, 3),
        .size_bytes = fuzz_below(supply, OBJECT_BYTES_MAX + 1),
        .info_bytes = (uint16_t)fuzz_below(supply, SEGMENT_BYTES_MAX + 2),
        .info = target->bytes,
    };

    if (fuzz_flip(supply))
        object.info_bytes = 0;
    if (fuzz_flip(supply))
        object.bytes = target->bytes;
    else
        object.source = (struct herald_norm_source){ .user = target, .read_at = read_at };
    (void)!herald_norm_sender_enqueue(target->sender, &object, target->now_ns, &target->last_object_id);
}

static uint16_t some_object(struct target *target)
{
    return (uint16_t)(target->last_object_id - fuzz_below(&target->supply, 4));
}

static void write_stream(struct target *target)
{
    uint16_t object_id = some_object(target);
    size_t size_bytes = fuzz_below(&target->supply, 512);
    unsigned flags = fuzz_u8(&target->supply) & 7;
    int64_t taken = herald_norm_sender_stream_write(target->sender, object_id, target->bytes, size_bytes, flags,
                                                    target->now_ns);

    fuzz_require(taken <= (int64_t)size_bytes);
}

static void send_request(struct target *target)
{
    struct fuzz_supply *supply = &target->supply;
    uint8_t type = (uint8_t)(14 + fuzz_below(supply, 4)), id = fuzz_u8(supply);
    uint32_t nodes_count = fuzz_below(supply, 4);
    size_t content_bytes = fuzz_below(supply, SEGMENT_BYTES_MAX);

    (void)!herald_norm_sender_request(target->sender, type, id, nodes_count > 0 ? target->world.receivers : NULL,
                                      nodes_count, target->bytes, content_bytes, target->now_ns);
}

static void change_acks(struct target *target)
{
    struct fuzz_supply *supply = &target->supply;
    uint32_t node_id = fuzz_u8(supply) & 3; /* 0 is nobody, 1 the sender itself */

    switch (fuzz_below(supply, 5)) {
    case 0:
        (void)!herald_norm_sender_add_ack_node(target->sender, node_id);
        break;
    case 1:
        herald_norm_sender_remove_ack_node(target->sender, node_id, target->now_ns);
        break;
    case 2:
        herald_norm_sender_request_room(target->sender, some_object(target), target->now_ns);
        break;
    default:
        herald_norm_sender_request_acks(target->sender, some_object(target), target->now_ns);
        break;
    }
    (void)herald_norm_sender_ack_status(target->sender, node_id);
}

/* What is rarely called. */
static void call_other(struct target *target)
{
    struct fuzz_supply *supply = &target->supply;
    struct herald_norm_sender_statistics statistics;
    struct herald_norm_receiver_report report;

    switch (fuzz_below(supply, 8)) {
    case 0:
        herald_norm_sender_release(target->sender, some_object(target), target->now_ns);
        break;
    case 1:
        herald_norm_sender_stream_close(target->sender, some_object(target), target->now_ns);
        break;
    case 2:
        herald_norm_sender_set_rate(target->sender, (uint64_t)fuzz_u16(supply) << fuzz_below(supply, 20),
                                    target->now_ns);
        break;
    case 3:
        (void)!herald_norm_sender_send_command(target->sender, target->bytes, fuzz_below(supply, SEGMENT_BYTES_MAX),
                                               fuzz_flip(supply), target->now_ns);
        break;
    case 4:
        send_request(target);
        break;
    case 5:
        if (fuzz_u8(supply) >= 192)
            herald_norm_sender_end(target->sender, target->now_ns);
        break;
    case 6:
        herald_norm_sender_flush(target->sender, target->now_ns);
        break;
    default:
        herald_norm_sender_get_statistics(target->sender, &statistics);
        for (uint32_t i = 0; herald_norm_sender_get_report(target->sender, i, &report) == 0; i++)
            fuzz_require(i < 65536);
        break;
    }
}

static void input(struct target *target)
{
    static const struct herald_peer from = { .address = { HERALD_FAMILY_IPV4, { 10, 0, 0, 2 } }, .port = 6003 };
    uint8_t packet[FUZZ_PACKET_BYTES_MAX];
    size_t size_bytes = fuzz_feedback(&target->supply, &target->world, packet);
    uint8_t *copy = malloc(size_bytes > 0 ? size_bytes : 1); /* of exactly its size, so that ASan guards its end */

    if (!copy)
        return;
    memcpy(copy, packet, size_bytes);
    fuzz_require(herald_norm_sender_input(target->sender, &from, fuzz_flip(&target->supply), copy, size_bytes,
                                          target->now_ns) == 0);
    free(copy);
}

static void step(struct target *target)
{
    uint8_t choice = fuzz_u8(&target->supply);

    if (choice < 96)
        input(target);
    else if (choice < 128)
        pass_time(target, fuzz_time_ns(&target->supply));
    else if (choice < 176)
        pass_deadlines(target, choice - 127);
    else if (choice < 200)
        enqueue(target);
    else if (choice < 224)
        write_stream(target);
    else if (choice < 236)
        change_acks(target);
    else
        call_other(target);
    drain(target);
}

/* --- the whole --- */

static void choose_config(struct target *target)
{
    static const uint8_t fec_ids[] = { 5, 5, 129, 2 };
    static const uint16_t segments_bytes[] = { 16, 32, SEGMENT_BYTES_MAX };
    struct fuzz_supply *supply = &target->supply;
    struct herald_norm_sender_config *config = &target->config;
    uint8_t choice = fuzz_u8(supply);

    herald_norm_sender_config_default(config);
    config->node_id = 1;
    config->instance_id = 7;
    config->seed = choice;
    config->fec_id = fec_ids[choice & 3];
    config->unicast_feedback = choice & 4;
    config->rate_mode = (enum herald_norm_rate_mode)(choice % 3);
    config->window_bytes_max = choice & 8 ? 500U << (choice >> 6) : 0; /* a few datagrams */
    config->segment_bytes = segments_bytes[fuzz_below(supply, 3)];
    config->block_segments = (uint16_t)(1 + fuzz_below(supply, 8));
    config->parity_segments = (uint16_t)fuzz_below(supply, 8);
    config->proactive_parity = (uint16_t)fuzz_below(supply, config->parity_segments + 1u);
    config->rate_bytes_per_s = UINT64_C(20000) << fuzz_below(supply, 10);
    config->backoff_factor = fuzz_u8(supply) & 0x0f;
    config->group_size = 10;
    config->robust_factor = (uint8_t)(1 + fuzz_below(supply, 4));
    config->objects_max = (uint16_t)(1 + fuzz_below(supply, 5));
    config->blocks_per_queue = 1 + fuzz_below(supply, 200);
    config->repair_blocks_max = 1 + fuzz_below(supply, 8);
    config->info_bytes_max = config->segment_bytes;
    config->ack_nodes_max = 1 + fuzz_below(supply, 6);
    config->stream_blocks_max = fuzz_below(supply, 9);
    config->application_bytes_max = config->segment_bytes;
}

static struct fuzz_world world_of(const struct herald_norm_sender_config *config)
{
    return (struct fuzz_world){
        .senders = { config->node_id, 99, 2 },
        .receivers = { 2, 3, config->node_id },
        .instance_id = config->instance_id,
        .fec_id = config->fec_id,
        .segment_bytes = config->segment_bytes,
        .block_symbols = config->block_segments,
        .parity_symbols = config->parity_segments,
    };
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size_bytes)
{
    struct target target = { .supply = { .at = data, .left_bytes = size_bytes }, .now_ns = 1000 };

    choose_config(&target);
    target.world = world_of(&target.config);
    target.source_fails_at = fuzz_u8(&target.supply);
    target.bytes = calloc(1, OBJECT_BYTES_MAX);
    if (target.bytes && !herald_norm_sender_config_check(&target.config) &&
        herald_norm_sender_new(&target.sender, &target.config, target.now_ns) == 0) {
        while (target.supply.left_bytes > 0)
            step(&target);
        pass_deadlines(&target, 100);
    }
    herald_norm_sender_free(target.sender);
    free(target.bytes);
    return 0;
}
