/* SPDX-License-Identifier: MIT */
/*
 * Commands of a sender: FLUSH and its watermark, probes, application commands and requests (RFC 5740 section 4.2.3).
 */
#include "norm_receiver.h"

/* Of one acknowledgement, when many come to one sender. */
#define ACKNOWLEDGEMENT_NS UINT64_C(50000)

/* --- FLUSH --- */

/* A FLUSH of an object without bytes has all ones for a place. */
static bool is_all_ones(const struct hd_position *position)
{
    uint32_t block = position->fec_id == HD_FEC_SMALL_BLOCK ? UINT32_MAX : 0xffffff;

    return position->id.block == block;
}

/* The end of what a position includes, in an object whose block sizes are known. */
static struct hd_rx_place place_behind(const struct hd_rx_object *object, uint64_t block, uint16_t symbol)
{
    if (symbol + 1 >= hd_rx_block_symbols(object, block))
        return (struct hd_rx_place){ .object = object->id, .unit = block + 2 };
    return (struct hd_rx_place){ .object = object->id, .unit = block + 1, .symbols = symbol + 1U };
}

/* Everything up to and including a FLUSH's position is due. @return false: it names what does not exist. */
static bool find_place(const herald_norm_receiver *receiver, const struct hd_rx_remote *remote,
                       const struct hd_position *position, struct hd_rx_place *ret_place)
{
    uint64_t id = hd_rx_window_unwrap(remote, position->object_id);
    struct hd_rx_object *object = hd_rx_window_open_object(receiver, remote, id);
    uint64_t block = position->id.block;

    if (!object || (is_all_ones(position) &&
                    (hd_rx_object_is_stream(object) ? !object->is_started : object->partition.blocks == 0))) {
        *ret_place = (struct hd_rx_place){ .object = id, .unit = 1 };
        return true;
    }
    if (hd_rx_object_is_stream(object)) {
        block = hd_rx_stream_block(receiver, object, position->fec_id, position->id.block);
        if (hd_rx_stream_is_near(object, block)) /* otherwise it is due, but forgotten when the sender goes on */
            hd_rx_stream_know(object, block, position->id.symbol + 1U);
    } else if (block >= object->partition.blocks) {
        return false;
    }
    *ret_place = place_behind(object, block, position->id.symbol);
    return true;
}

static bool is_same_position(const struct hd_position *a, const struct hd_position *b)
{
    return a->fec_id == b->fec_id && a->object_id == b->object_id && a->id.block == b->id.block &&
           a->id.symbol == b->id.symbol && a->id.block_symbols == b->id.block_symbols;
}

/* Was some stream's buffer too full, because nobody reads it, to hold all that lies before a place? */
static bool is_any_stream_ahead(const struct hd_rx_remote *remote, const struct hd_rx_place *place)
{
    for (const struct hd_rx_object *object = remote->open_first; object && object->id <= place->object;
         object = object->next) {
        struct hd_rx_place within = hd_rx_place_within(object, place);

        if (hd_rx_stream_is_ahead(object, &within))
            return true;
    }
    return false;
}

/* Is everything up to a place here, as far as the application wanted it, but for what was told to have failed? */
static bool has_all(const herald_norm_receiver *receiver, const struct hd_rx_remote *remote,
                    const struct hd_rx_place *place)
{
    if (place->object >= remote->next_object || remote->next_object - place->object > receiver->window_mask)
        return false;
    for (uint64_t id = remote->first_object; id <= place->object; id++)
        if (*hd_rx_window_slot(receiver, remote, id) == HD_RX_UNHEARD)
            return false;
    if (hd_rx_window_has_failed(receiver, remote, remote->told_end, place->object))
        return false;
    switch (*hd_rx_window_slot(receiver, remote, place->object)) {
    case HD_RX_REFUSED:
    case HD_RX_EXCEEDED:
    case HD_RX_FAILED:
    case HD_RX_UNSYNCED:
    case HD_RX_LOST:
        return false;
    default:
        return !is_any_stream_ahead(remote, place) && !hd_rx_repair_is_missing(receiver, remote, place);
    }
}

/*
 * Another watermark: what failed at or before the one that came last was told by that one's missing acknowledgement.
 * An earlier one again is not believed to tell anything.
 */
static void note_asked(struct hd_rx_remote *remote, const struct hd_position *position, uint64_t id)
{
    if (remote->has_asked && is_same_position(&remote->asked, position))
        return;
    remote->told_end = 0;
    if (remote->has_asked && id >= remote->asked_object)
        remote->told_end = remote->asked_object + !remote->was_acknowledged;
    remote->has_asked = true;
    remote->asked = *position;
    remote->asked_object = id;
    remote->was_acknowledged = false;
}

/* In which those that are listed answer: a GRTT is for so many that they are not all listed in one message. */
static uint64_t acknowledgement_spread_ns(const struct hd_rx_remote *remote, const struct hd_cursor *nodes)
{
    uint64_t spread_ns = hd_cursor_left(nodes) / sizeof(uint32_t) * ACKNOWLEDGEMENT_NS;

    return spread_ns < remote->grtt_ns ? spread_ns : remote->grtt_ns;
}

/* RFC 5740 section 5.5.3: who is listed and has everything acknowledges, each time it is asked. */
static void input_watermark(herald_norm_receiver *receiver, struct hd_rx_remote *remote, const struct hd_flush *flush,
                            uint64_t now_ns)
{
    const struct hd_position *position = &flush->position;

    struct herald_norm_receiver_event event = {
        .type = HERALD_NORM_RECEIVER_WATERMARK,
        .sender_id = remote->node_id,
        .object_id = position->object_id,
    };

    if (!remote->has_watermark || !is_same_position(&remote->watermark, position))
        hd_rx_tell(receiver, &event);
    remote->has_watermark = true;
    remote->was_acknowledged = true;
    remote->watermark = *position;
    if (receiver->config.silent || remote->watermark_ns != HERALD_NEVER || remote->pending & HD_RX_SEND_WATERMARK)
        return;
    remote->watermark_ns = now_ns +
                           hd_random_uniform_ns(&receiver->random, acknowledgement_spread_ns(remote, &flush->nodes));
}

static bool lists_us(const herald_norm_receiver *receiver, struct hd_cursor nodes)
{
    uint32_t node_id;

    while (hd_wire_next_node(&nodes, &node_id))
        if (node_id == receiver->config.node_id)
            return true;
    return false;
}

/*
 * The place of a FLUSH that does not ask for acknowledgement is the end of what was sent. When it stays so, objects
 * behind it were made up by damaged packets.
 */
static void check_end(herald_norm_receiver *receiver, struct hd_rx_remote *remote, const struct hd_flush *flush,
                      const struct hd_rx_place *place)
{
    bool is_same = remote->at.object == place->object && remote->at.unit == place->unit;

    if (!is_same || hd_cursor_left(&flush->nodes) > 0)
        remote->flush_count = 0;
    if (remote->flush_count < HD_RX_BELIEVE)
        remote->flush_count++;
    if (remote->flush_count == HD_RX_BELIEVE && place->object + 1 < remote->next_object)
        hd_rx_window_cut(receiver, remote, place->object + 1);
}

void hd_rx_command_flush(herald_norm_receiver *receiver, struct hd_rx_remote *remote, const struct hd_flush *flush,
                         uint64_t now_ns)
{
    const struct hd_position *position = &flush->position;
    struct hd_rx_place place;
    uint64_t id;

    if (remote->has_fti && position->fec_id != remote->fec_id) {
        hd_rx_drop(receiver, HERALD_NORM_DROP_INCONSISTENT);
        return;
    }
    remote->fec_id = position->fec_id;
    if (remote->state == HD_RX_REMOTE_UNSYNCED)
        hd_rx_window_sync(receiver, remote, position->object_id);
    id = hd_rx_window_unwrap(remote, position->object_id);
    if (!hd_rx_window_admit(receiver, remote, id, now_ns))
        return;
    hd_rx_window_extend(receiver, remote, id);
    if (!find_place(receiver, remote, position, &place)) {
        hd_rx_drop(receiver, HERALD_NORM_DROP_INCONSISTENT);
        return;
    }
    check_end(receiver, remote, flush, &place);
    hd_rx_repair_move(receiver, remote, &place, now_ns);
    hd_rx_repair_check(receiver, remote, now_ns);
    if (!lists_us(receiver, flush->nodes))
        return;
    note_asked(remote, position, id);
    if (has_all(receiver, remote, &place))
        input_watermark(receiver, remote, flush, now_ns);
}

/* --- CMD(CC) --- */

void hd_rx_command_probe(herald_norm_receiver *receiver, struct hd_rx_remote *remote, const struct hd_message *message,
                         uint64_t now_ns)
{
    struct hd_cursor nodes = message->cc.nodes;
    struct hd_cc_node node;
    struct hd_cc_probe probe = {
        .sequence = message->cc.sequence,
        .grtt_ns = remote->grtt_ns,
        .backoff_factor = remote->backoff_factor,
        .group_size = remote->group_size,
    };

    if (message->extensions.present & HD_EXT_RATE)
        probe.send_rate_bps = hd_rate_decode_bps(message->extensions.rate);
    while (hd_wire_next_cc_node(&nodes, &node))
        hd_cc_probe_add_node(&probe, &node, receiver->config.node_id);
    hd_cc_receiver_on_probe(&remote->cc, &probe, &receiver->random, now_ns);
    remote->probe_sent = message->cc.sent;
    remote->probe_ns = receiver->waited_ns < now_ns ? now_ns - receiver->waited_ns : 0;
}

/* --- the application's --- */

static void tell_content(herald_norm_receiver *receiver, struct herald_norm_receiver_event *event,
                         const struct hd_cursor *content)
{
    event->content_bytes = hd_cursor_left(content);
    if (event->content_bytes > receiver->config.application_bytes_max) {
        hd_rx_drop(receiver, HERALD_NORM_DROP_LIMIT);
        return;
    }
    event->content = hd_rx_keep_content(receiver, content);
    hd_rx_tell(receiver, event);
}

void hd_rx_command_application(herald_norm_receiver *receiver, struct hd_rx_remote *remote,
                               const struct hd_cursor *content)
{
    struct herald_norm_receiver_event event = {
        .type = HERALD_NORM_RECEIVER_COMMAND,
        .sender_id = remote->node_id,
    };

    tell_content(receiver, &event, content);
}

/*
 * Who hears the answer: among many receivers each one to the group is heard by all the others, who have no use for it.
 * A sender that knows us gets it alone, unless it asks again: where a firewall or a route keeps unicast from it, the
 * group may be the way. A sender that asks everybody does not know us yet; but it repeats that question for newcomers,
 * and one answer by either way each time is enough.
 */
static void choose_way(struct hd_rx_remote *remote, const struct hd_ack_req *request, bool is_listed)
{
    bool is_repeated = remote->request_type == request->ack_type && remote->request_id == request->ack_id;

    remote->is_answer_for_all = is_listed == is_repeated;
    remote->request_type = request->ack_type;
    remote->request_id = request->ack_id;
}

void hd_rx_command_request(herald_norm_receiver *receiver, struct hd_rx_remote *remote,
                           const struct hd_message *message)
{
    const struct hd_ack_req *request = &message->ack_req;
    struct hd_cursor content = { 0 };
    struct herald_norm_receiver_event event = {
        .type = HERALD_NORM_RECEIVER_REQUEST,
        .sender_id = remote->node_id,
        .ack_type = request->ack_type,
        .ack_id = request->ack_id,
    };
    bool is_listed = lists_us(receiver, request->nodes);
    bool is_answer_due = remote->application_ns != HERALD_NEVER || remote->pending & HD_RX_SEND_APPLICATION;

    /* A list without an entry is a question to everybody. */
    if (request->ack_type < HD_ACK_APPLICATION_MIN || (!is_listed && hd_cursor_left(&request->nodes) > 0)) {
        hd_rx_drop(receiver, HERALD_NORM_DROP_NOT_FOR_US);
        return;
    }
    if (is_answer_due && remote->application_type == request->ack_type && remote->application_id == request->ack_id)
        return; /* asked again while the answer waits for its time */
    choose_way(remote, request, is_listed);
    if (message->extensions.present & HD_EXT_APPLICATION)
        content = message->extensions.application;
    tell_content(receiver, &event, &content);
}

int herald_norm_receiver_acknowledge(herald_norm_receiver *receiver, uint32_t sender_id, uint8_t ack_type,
                                     uint8_t ack_id, const uint8_t *content, size_t content_bytes, uint64_t now_ns)
{
    struct hd_rx_remote *remote = hd_rx_remote_find(receiver, sender_id);

    if (ack_type < HD_ACK_APPLICATION_MIN)
        return -EINVAL;
    if (!remote || remote->state == HD_RX_REMOTE_GONE)
        return -ENOENT;
    if (content_bytes > receiver->config.application_bytes_max)
        return -EMSGSIZE;
    if (remote->application_ns != HERALD_NEVER || remote->pending & HD_RX_SEND_APPLICATION)
        return -EBUSY;
    if (receiver->config.silent)
        return -EPERM;
    remote->application_type = ack_type;
    remote->application_id = ack_id;
    remote->application_size_bytes = (uint16_t)content_bytes;
    if (content_bytes > 0)
        memcpy(remote->application_bytes, content, content_bytes);
    remote->application_ns = now_ns + hd_random_uniform_ns(&receiver->random, remote->grtt_ns);
    hd_rx_timer_update(receiver, remote);
    return 0;
}
