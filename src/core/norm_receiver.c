/* SPDX-License-Identifier: MIT */
/*
 * The NORM receiver as a whole: config, memory, the five calls, statistics.
 */
#include "norm_receiver.h"

/* --- config --- */

enum {
    BITMAPS = 3,         /* of an object's blocks */
    EVENTS_SPARE = 16,   /* what one packet causes besides ends of objects, at most */
    OBJECTS_MAX = 16384, /* of a window: a quarter of the ids, so that nearer and farther stay apart */
    COUNT_MAX = 1 << 28, /* of small things in a pool */
    SEGMENT_BYTES_MAX = 65000,
};

#define BLOCKS_MAX (UINT64_C(1) << 40)

void herald_norm_receiver_config_default(struct herald_norm_receiver_config *ret_config)
{
    *ret_config = (struct herald_norm_receiver_config){
        .sync = HERALD_NORM_SYNC_CURRENT,
        .senders_max = 16,
        .objects_max = 256,
        .objects_per_sender = 256,
        .blocks_per_queue = UINT64_C(1) << 20,
        .partial_blocks_max = 4096,
        .parity_buffers_max = 4096,
        .segment_bytes_max = 1472,
        .block_segments_max = HD_FEC_SYMBOLS_MAX,
        .info_bytes_max = 1472,
        .application_bytes_max = 1472,
    };
}

const char *herald_norm_receiver_config_check(const struct herald_norm_receiver_config *config)
{
    if (config->node_id == HERALD_NORM_NODE_NONE || config->node_id == HERALD_NORM_NODE_ANY)
        return "node_id";
    if (config->sync != HERALD_NORM_SYNC_CURRENT && config->sync != HERALD_NORM_SYNC_ALL)
        return "sync";
    if (config->senders_max == 0)
        return "senders_max";
    if (config->objects_max == 0 || config->objects_max >= HD_RX_SLOTS_MAX)
        return "objects_max";
    if (config->objects_per_sender == 0 || config->objects_per_sender > OBJECTS_MAX)
        return "objects_per_sender";
    if (config->blocks_per_queue == 0 || config->blocks_per_queue > BLOCKS_MAX)
        return "blocks_per_queue";
    if (config->partial_blocks_max == 0 || config->partial_blocks_max > COUNT_MAX)
        return "partial_blocks_max";
    if (config->parity_buffers_max > COUNT_MAX)
        return "parity_buffers_max";
    if (config->segment_bytes_max == 0 || config->segment_bytes_max > SEGMENT_BYTES_MAX)
        return "segment_bytes_max";
    if (config->block_segments_max == 0 || config->block_segments_max > HD_FEC_SYMBOLS_MAX)
        return "block_segments_max";
    if (config->stream_blocks_max == 1 || config->stream_blocks_max > COUNT_MAX)
        return "stream_blocks_max";
    return NULL;
}

/* --- memory --- */

static uint32_t power_of_two(uint32_t at_least)
{
    uint32_t power = 1;

    while (power < at_least)
        power *= 2;
    return power;
}

static int alloc_remotes(herald_norm_receiver *receiver)
{
    const struct herald_norm_receiver_config *config = &receiver->config;
    size_t remotes = config->senders_max;
    uint32_t buckets = power_of_two(config->senders_max);
    uint32_t window = power_of_two(config->objects_per_sender);

    receiver->remote_mask = buckets - 1;
    receiver->window_mask = window - 1;
    receiver->remotes = calloc(remotes, sizeof(*receiver->remotes));
    receiver->remote_buckets = calloc(buckets, sizeof(struct hd_rx_remote *));
    receiver->heap = calloc(remotes, sizeof(struct hd_rx_remote *));
    receiver->slots = calloc(remotes * window, sizeof(*receiver->slots));
    receiver->refused = calloc(remotes * window, sizeof(*receiver->refused));
    receiver->heard_objects = calloc(remotes, window);
    receiver->application_bytes = calloc(remotes, (size_t)config->application_bytes_max + 1);
    if (!receiver->remotes || !receiver->remote_buckets || !receiver->heap || !receiver->slots || !receiver->refused ||
        !receiver->heard_objects || !receiver->application_bytes)
        return -ENOMEM;
    return 0;
}

/* Bitmaps are handed out in whole words: so many bits more, that the limits are those of the config alone. */
static int alloc_objects(herald_norm_receiver *receiver)
{
    const struct herald_norm_receiver_config *config = &receiver->config;
    uint64_t block_bits = BITMAPS * (config->blocks_per_queue + UINT64_C(64) * config->objects_max);
    uint64_t stream_bits = config->stream_blocks_max + UINT64_C(64) * config->objects_max;
    size_t scratch_segments = config->block_segments_max / 2 + 1; /* lost <= parity, and both within the block */
    int r;

    receiver->objects = calloc(config->objects_max, sizeof(*receiver->objects));
    receiver->scratch = malloc(scratch_segments * config->segment_bytes_max);
    if (!receiver->objects || !receiver->scratch)
        return -ENOMEM;
    r = hd_extents_init(&receiver->bitmaps, block_bits + stream_bits, config->objects_max);
    if (r < 0)
        return r;
    r = hd_rx_pool_init(&receiver->pool, config);
    if (r < 0)
        return r;
    return hd_fec_decoder_new(&receiver->decoder, config->block_segments_max);
}

static int alloc_streams(herald_norm_receiver *receiver)
{
    const struct herald_norm_receiver_config *config = &receiver->config;
    size_t unit_bytes = hd_stream_rx_memory_bytes(1, config->block_segments_max, config->segment_bytes_max);

    if (config->stream_blocks_max == 0)
        return 0;
    receiver->stream_unit_bytes = (unit_bytes + sizeof(uint64_t) - 1) / sizeof(uint64_t) * sizeof(uint64_t);
    receiver->stream_memory = malloc(config->stream_blocks_max * receiver->stream_unit_bytes);
    if (!receiver->stream_memory)
        return -ENOMEM;
    return hd_extents_init(&receiver->stream_units, UINT64_C(64) * config->stream_blocks_max, config->objects_max);
}

static int alloc_events(herald_norm_receiver *receiver)
{
    const struct herald_norm_receiver_config *config = &receiver->config;
    size_t content_bytes = config->info_bytes_max;
    uint32_t events = 2U * config->objects_max + config->senders_max + EVENTS_SPARE;

    if (content_bytes < config->application_bytes_max)
        content_bytes = config->application_bytes_max;
    receiver->content = calloc(1, content_bytes + 1);
    if (!receiver->content)
        return -ENOMEM;
    return hd_events_init(&receiver->events, sizeof(struct herald_norm_receiver_event), events);
}

int herald_norm_receiver_new(herald_norm_receiver **ret_receiver, const struct herald_norm_receiver_config *config,
                             uint64_t now_ns)
{
    herald_norm_receiver *receiver;
    int r;

    (void)now_ns;
    if (herald_norm_receiver_config_check(config))
        return -EINVAL;
    receiver = calloc(1, sizeof(*receiver));
    if (!receiver)
        return -ENOMEM;
    receiver->config = *config;
    hd_random_init(&receiver->random, config->seed);
    r = alloc_remotes(receiver);
    if (r == 0)
        r = alloc_objects(receiver);
    if (r == 0)
        r = alloc_streams(receiver);
    if (r == 0)
        r = alloc_events(receiver);
    if (r < 0) {
        herald_norm_receiver_free(receiver);
        return r;
    }
    *ret_receiver = receiver;
    return 0;
}

herald_norm_receiver *herald_norm_receiver_free(herald_norm_receiver *receiver)
{
    if (!receiver)
        return NULL;
    free(receiver->remotes);
    free(receiver->remote_buckets);
    free(receiver->heap);
    free(receiver->slots);
    free(receiver->refused);
    free(receiver->heard_objects);
    free(receiver->application_bytes);
    free(receiver->objects);
    free(receiver->scratch);
    hd_extents_fini(&receiver->bitmaps);
    hd_rx_pool_fini(&receiver->pool);
    hd_fec_decoder_free(receiver->decoder);
    free(receiver->stream_memory);
    hd_extents_fini(&receiver->stream_units);
    hd_events_fini(&receiver->events);
    free(receiver->content);
    free(receiver);
    return NULL;
}

/* --- events --- */

void hd_rx_tell(herald_norm_receiver *receiver, const struct herald_norm_receiver_event *event)
{
    hd_events_push(&receiver->events, event);
}

void hd_rx_tell_sender(herald_norm_receiver *receiver, const struct hd_rx_remote *remote,
                       enum herald_norm_receiver_event_type type)
{
    struct herald_norm_receiver_event event = { .type = type, .sender_id = remote->node_id };

    hd_rx_tell(receiver, &event);
}

const uint8_t *hd_rx_keep_content(herald_norm_receiver *receiver, const struct hd_cursor *content)
{
    struct hd_cursor from = *content;

    (void)hd_cursor_bytes(&from, receiver->content, hd_cursor_left(content));
    return receiver->content;
}

int herald_norm_receiver_poll_event(herald_norm_receiver *receiver, struct herald_norm_receiver_event *ret_event)
{
    return hd_events_pop(&receiver->events, ret_event);
}

/* --- packets --- */

/* Feedback of another receiver: what it asks for we need not ask for, what it reports we need not report. */
static void input_feedback(herald_norm_receiver *receiver, const struct hd_message *message)
{
    bool is_nack = message->kind == HD_KIND_NACK;
    struct hd_rx_remote *remote = hd_rx_remote_find(receiver,
                                                    is_nack ? message->nack.server_id : message->ack.server_id);

    if (!remote) {
        hd_rx_drop(receiver, HERALD_NORM_DROP_NOT_FOR_US);
        return;
    }
    if (remote->instance_id != message->header.instance_id) {
        hd_rx_drop(receiver, HERALD_NORM_DROP_INSTANCE);
        return;
    }
    if (message->extensions.present & HD_EXT_CC)
        hd_cc_receiver_on_other_feedback(&remote->cc, message->extensions.cc.flags,
                                         hd_rate_decode_bps(message->extensions.cc.rate));
    if (is_nack) {
        receiver->statistics.nacks_heard++;
        hd_rx_repair_hear(receiver, remote, message->nack.requests);
    }
    hd_rx_timer_update(receiver, remote);
}

static void input_sender(herald_norm_receiver *receiver, struct hd_rx_remote *remote, const struct hd_message *message,
                         uint64_t now_ns)
{
    if (message->kind != HD_KIND_DATA && message->kind != HD_KIND_INFO)
        receiver->statistics.command_datagrams++;
    switch (message->kind) {
    case HD_KIND_DATA:
    case HD_KIND_INFO:
        hd_rx_object_input(receiver, remote, message, now_ns);
        break;
    case HD_KIND_FLUSH:
        hd_rx_command_flush(receiver, remote, &message->flush, now_ns);
        break;
    case HD_KIND_EOT:
        hd_rx_remote_end(receiver, remote);
        break;
    case HD_KIND_SQUELCH:
        hd_rx_window_squelch(receiver, remote, &message->squelch);
        break;
    case HD_KIND_CC:
        hd_rx_command_probe(receiver, remote, message, now_ns);
        break;
    case HD_KIND_REPAIR_ADV:
        hd_rx_repair_hear(receiver, remote, message->repair_adv.requests);
        break;
    case HD_KIND_ACK_REQ:
        hd_rx_command_request(receiver, remote, message);
        break;
    case HD_KIND_APPLICATION:
        hd_rx_command_application(receiver, remote, &message->application);
        break;
    case HD_KIND_NACK:
    case HD_KIND_ACK:
    case HD_KIND_REPORT:
        break;
    }
}

/* @return the sender whose packet it was and is still to be timed; NULL: another one's, or dropped and counted. */
static struct hd_rx_remote *input_packet(herald_norm_receiver *receiver, const struct herald_peer *from,
                                         const uint8_t *packet, size_t packet_bytes, struct hd_message *message,
                                         uint64_t now_ns)
{
    struct hd_rx_remote *remote;

    if (hd_wire_decode(packet, packet_bytes, message) < 0) {
        hd_rx_drop(receiver, HERALD_NORM_DROP_MALFORMED);
        return NULL;
    }
    if (message->header.source_id == receiver->config.node_id || message->kind == HD_KIND_REPORT) {
        hd_rx_drop(receiver, HERALD_NORM_DROP_NOT_FOR_US);
        return NULL;
    }
    if (message->kind == HD_KIND_NACK || message->kind == HD_KIND_ACK) {
        input_feedback(receiver, message);
        return NULL;
    }
    remote = hd_rx_remote_hear(receiver, message, from, packet_bytes, now_ns);
    if (remote)
        input_sender(receiver, remote, message, now_ns);
    return remote;
}

/* Where a receiver is in a run of DATA. */
struct run {
    struct hd_rx_remote *remote;
    const uint8_t *last; /* the packet that was taken last */
    struct hd_message message;
    struct hd_cursor rest;
    size_t datagram_bytes;
};

/* The next packet, if it is of the block that the one before is of: nothing of the sender changes with it. */
static bool input_next(herald_norm_receiver *receiver, struct run *run, uint64_t now_ns)
{
    size_t left_bytes = hd_cursor_left(&run->rest);
    size_t packet_bytes = left_bytes < run->datagram_bytes ? left_bytes : run->datagram_bytes;

    if (!hd_wire_decode_next(run->rest.at, packet_bytes, run->last, &run->message))
        return false;
    hd_rx_remote_hear_next(receiver, run->remote, run->message.header.sequence, 1, packet_bytes, now_ns);
    input_sender(receiver, run->remote, &run->message, now_ns);
    run->last = run->rest.at;
    run->rest.at += packet_bytes;
    return true;
}

/* How many packets can be taken at once: source symbols that count on from the one before. */
static size_t count_stretch(const herald_norm_receiver *receiver, const struct run *run,
                            const struct hd_rx_object *object)
{
    size_t max = hd_cursor_left(&run->rest) / run->datagram_bytes;
    size_t room;

    if (max == 0)
        return 0;
    room = hd_rx_block_room(receiver, object, &run->message.data.position);
    return hd_wire_count_next(run->rest.at, run->datagram_bytes, room < max ? room : max, run->last, &run->message);
}

/* Takes many packets at once, with the same effect as one by one. @return false: one by one is as well */
static bool input_stretch(herald_norm_receiver *receiver, struct run *run, uint64_t now_ns)
{
    struct hd_data *data = &run->message.data;
    struct hd_rx_object *object = hd_rx_object_of_run(run->remote, &run->message);
    struct hd_rx_stretch stretch;
    size_t header_bytes;

    if (!object || run->datagram_bytes <= object->segment_bytes)
        return false;
    header_bytes = run->datagram_bytes - object->segment_bytes;
    if (run->last + header_bytes != data->payload.at)
        return false;
    stretch = (struct hd_rx_stretch){ .first = data->position.id,
                                      .bytes = run->rest.at + header_bytes,
                                      .stride_bytes = run->datagram_bytes,
                                      .count = (uint16_t)count_stretch(receiver, run, object) };
    stretch.first.symbol++;
    if (stretch.count < 2)
        return false;
    stretch.count = hd_rx_block_input_many(receiver, object, &stretch);
    if (stretch.count == 0)
        return false;
    hd_rx_remote_hear_next(receiver, run->remote, (uint16_t)(run->message.header.sequence + 1), stretch.count,
                           run->datagram_bytes, now_ns);
    hd_rx_window_near(run->remote, stretch.count);
    run->rest.at += stretch.count * run->datagram_bytes;
    run->last = run->rest.at - run->datagram_bytes;
    run->message.header.sequence += stretch.count;
    data->position.id.symbol += stretch.count;
    data->payload = hd_cursor_over(run->last + header_bytes, run->datagram_bytes - header_bytes);
    return true;
}

int64_t herald_norm_receiver_input_run(herald_norm_receiver *receiver, const struct herald_peer *from, bool unicast,
                                       const uint8_t *run, size_t run_bytes, size_t datagram_bytes, uint64_t now_ns)
{
    size_t first_bytes = run_bytes < datagram_bytes || datagram_bytes == 0 ? run_bytes : datagram_bytes;
    struct run left = { .last = run,
                        .rest = hd_cursor_over(run + first_bytes, run_bytes - first_bytes),
                        .datagram_bytes = datagram_bytes };

    (void)unicast; /* a sender that knows us well may talk to us alone */
    if (hd_events_pending(&receiver->events))
        return -EBUSY;
    left.remote = input_packet(receiver, from, run, first_bytes, &left.message, now_ns);
    if (!left.remote)
        return (int64_t)first_bytes;
    while (hd_cursor_left(&left.rest) > 0 && !hd_events_pending(&receiver->events))
        if (!input_stretch(receiver, &left, now_ns) && !input_next(receiver, &left, now_ns))
            break;
    hd_rx_timer_update(receiver, left.remote);
    return (int64_t)(left.rest.at - run);
}

int herald_norm_receiver_input(herald_norm_receiver *receiver, const struct herald_peer *from, bool unicast,
                               const uint8_t *packet, size_t packet_bytes, uint64_t now_ns)
{
    int64_t r = herald_norm_receiver_input_run(receiver, from, unicast, packet, packet_bytes, packet_bytes, now_ns);

    return r < 0 ? (int)r : 0;
}

void herald_norm_receiver_set_waited(herald_norm_receiver *receiver, uint64_t waited_ns)
{
    receiver->waited_ns = waited_ns;
}

/* --- time --- */

uint64_t herald_norm_receiver_next_timeout(const herald_norm_receiver *receiver)
{
    return receiver->heap_count > 0 ? receiver->heap[0]->wake_ns : HERALD_NEVER;
}

int herald_norm_receiver_handle_timeout(herald_norm_receiver *receiver, uint64_t now_ns)
{
    if (hd_events_pending(&receiver->events))
        return -EBUSY;
    while (herald_norm_receiver_next_timeout(receiver) <= now_ns) {
        struct hd_rx_remote *remote = receiver->heap[0];

        if (remote->repair_ns <= now_ns)
            hd_rx_repair_expire(receiver, remote, now_ns);
        hd_rx_output_expire(receiver, remote, now_ns);
        if (remote->activity_ns <= now_ns)
            hd_rx_remote_check_activity(receiver, remote, now_ns);
        hd_rx_timer_update(receiver, remote);
    }
    return 0;
}

/* --- statistics --- */

void herald_norm_receiver_get_statistics(const herald_norm_receiver *receiver,
                                         struct herald_norm_receiver_statistics *ret_statistics)
{
    *ret_statistics = receiver->statistics;
    for (uint32_t i = 0; i < receiver->heap_count; i++)
        ret_statistics->lost_datagrams += hd_cc_receiver_lost_datagrams(&receiver->heap[i]->cc);
}
