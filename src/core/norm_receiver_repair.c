/* SPDX-License-Identifier: MIT */
/*
 * When a receiver asks for what it lacks (RFC 5740 section 5.3).
 *
 * What lies before the sender's present place is due. When the sender goes on to another block or object, or says
 * where it stands (FLUSH), and something due is missing, a cycle begins:
 *
 *   IDLE --missing--> BACKOFF --expired--> SEND --last NACK, or others asked for all--> HOLDOFF --expired--> IDLE
 *                        '--nothing due is missing any more--> IDLE
 *
 * At a hold-off's end the sender has answered, so that what lies before its place then was lost again.
 *
 * A sender that repairs goes back in its data; its place goes back with it, so what it is about to send again is not
 * asked for, and a back-off that ends meanwhile finds nothing due.
 */
#include "backoff.h"
#include "norm_receiver.h"

void hd_rx_repair_set_state(struct hd_rx_remote *remote, enum hd_rx_repair_state state)
{
    static const bool legal[HD_RX_REPAIR_STATES][HD_RX_REPAIR_STATES] = {
        [HD_RX_REPAIR_IDLE] = { [HD_RX_REPAIR_IDLE] = true, [HD_RX_REPAIR_BACKOFF] = true },
        [HD_RX_REPAIR_BACKOFF] = { [HD_RX_REPAIR_IDLE] = true, [HD_RX_REPAIR_SEND] = true },
        [HD_RX_REPAIR_SEND] = { [HD_RX_REPAIR_IDLE] = true, [HD_RX_REPAIR_HOLDOFF] = true },
        [HD_RX_REPAIR_HOLDOFF] = { [HD_RX_REPAIR_IDLE] = true },
    };

    assert(legal[remote->repair_state][state]);
    remote->repair_state = state;
}

void hd_rx_repair_reset(struct hd_rx_remote *remote)
{
    hd_rx_repair_set_state(remote, HD_RX_REPAIR_IDLE);
    remote->repair_ns = HERALD_NEVER;
    remote->is_asking_all = false;
    remote->at = (struct hd_rx_place){ 0 };
}

/* --- what is missing --- */

struct hd_rx_place hd_rx_place_within(const struct hd_rx_object *object, const struct hd_rx_place *place)
{
    if (place->object < object->id)
        return (struct hd_rx_place){ .object = object->id };
    if (hd_rx_object_is_stream(object))
        return place->object == object->id ? *place : object->known;
    /* An object may have been opened anew, and smaller, since the place was heard. */
    if (place->object == object->id && place->unit <= object->partition.blocks)
        return *place;
    return (struct hd_rx_place){ .object = object->id, .unit = object->partition.blocks + 1 };
}

static uint64_t larger(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

static uint64_t smaller(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

/* What was read, given up, or is ahead of the buffer is not asked for. */
static uint64_t next_incomplete_of_stream(const struct hd_stream_rx *stream, uint64_t from, uint64_t limit)
{
    uint64_t end = smaller(limit, stream->next_block + stream->buffer_blocks);

    for (uint64_t i = larger(from, larger(stream->next_block, stream->give_up_before)); i < end; i++)
        if (hd_stream_rx_missing_symbols(stream, i) > 0)
            return i;
    return limit;
}

uint64_t hd_rx_object_next_incomplete(const struct hd_rx_object *object, uint64_t from, uint64_t limit)
{
    uint64_t end = smaller(limit, object->partition.blocks);
    uint64_t found;

    from = larger(from, object->first_incomplete);
    if (hd_rx_object_is_stream(object))
        return object->is_started ? next_incomplete_of_stream(&object->stream, from, limit) : limit;
    found = hd_bits_first_clear(object->complete, from, end);
    return found < end ? found : limit;
}

bool hd_rx_object_is_missing(const herald_norm_receiver *receiver, const struct hd_rx_object *object,
                             const struct hd_rx_place *within)
{
    uint64_t missing[HD_RX_MASK_WORDS];
    uint64_t block = within->unit - 1;

    if (within->unit == 0)
        return false;
    if (object->wants_info || hd_rx_object_next_incomplete(object, 0, block) < block)
        return true;
    return within->symbols > 0 && hd_rx_object_next_incomplete(object, block, block + 1) == block &&
           hd_rx_block_missing(object, hd_rx_partial_find(receiver, object, block), block, within->symbols, missing) >
               0;
}

/* An object of which nothing was heard, or for which there was no room, is only due when there is room now. */
static bool is_unheard_due(const herald_norm_receiver *receiver, const struct hd_rx_remote *remote,
                           const struct hd_rx_place *place)
{
    uint64_t limit = smaller(remote->next_object, place->object + (place->unit > 0 && place->object < UINT64_MAX));

    if (remote->unheard_count == 0 || remote->is_beyond_limits || !hd_rx_object_has_room(receiver))
        return false;
    for (uint64_t id = remote->first_object; id < limit; id++)
        if (*hd_rx_window_slot(receiver, remote, id) == HD_RX_UNHEARD)
            return true;
    return false;
}

bool hd_rx_repair_is_missing(const herald_norm_receiver *receiver, const struct hd_rx_remote *remote,
                             const struct hd_rx_place *place)
{
    for (const struct hd_rx_object *object = remote->open_first; object && object->id <= place->object;
         object = object->next) {
        struct hd_rx_place within = hd_rx_place_within(object, place);

        if (hd_rx_object_is_missing(receiver, object, &within))
            return true;
    }
    return is_unheard_due(receiver, remote, place);
}

struct hd_rx_place hd_rx_repair_limit(const struct hd_rx_remote *remote)
{
    return remote->is_asking_all ? (struct hd_rx_place){ .object = UINT64_MAX } : remote->at;
}

/* --- when --- */

static void clear_heard(const herald_norm_receiver *receiver, struct hd_rx_remote *remote)
{
    for (struct hd_rx_object *object = remote->open_first; object; object = object->next) {
        if (object->is_any_heard)
            memset(object->heard, 0, (size_t)hd_bits_words(object->heard_bits) * sizeof(*object->heard));
        object->is_any_heard = false;
        object->is_info_heard = false;
    }
    if (remote->is_any_object_heard)
        memset(remote->heard_objects, 0, (size_t)receiver->window_mask + 1);
    remote->is_any_object_heard = false;
    if (++remote->repair_cycle == 0)
        remote->repair_cycle = 1;
}

void hd_rx_repair_check(herald_norm_receiver *receiver, struct hd_rx_remote *remote, uint64_t now_ns)
{
    struct hd_rx_place limit = hd_rx_repair_limit(remote);
    uint64_t backoff_ns = 0;

    if (receiver->config.silent || remote->repair_state != HD_RX_REPAIR_IDLE ||
        !hd_rx_repair_is_missing(receiver, remote, &limit))
        return;
    if (!receiver->config.no_suppression)
        backoff_ns = hd_backoff_ns(&receiver->random, remote->backoff_factor * remote->grtt_ns, remote->group_size);
    clear_heard(receiver, remote);
    hd_rx_repair_set_state(remote, HD_RX_REPAIR_BACKOFF);
    remote->repair_ns = now_ns + backoff_ns;
}

void hd_rx_repair_move(herald_norm_receiver *receiver, struct hd_rx_remote *remote, const struct hd_rx_place *place,
                       uint64_t now_ns)
{
    if (remote->at.object == place->object && remote->at.unit == place->unit) {
        if (place->symbols > remote->at.symbols)
            remote->at.symbols = place->symbols;
        return;
    }
    remote->at = *place;
    remote->has_moved = true;
    hd_rx_repair_check(receiver, remote, now_ns);
}

void hd_rx_repair_hold_off(struct hd_rx_remote *remote, uint64_t now_ns)
{
    hd_rx_repair_set_state(remote, HD_RX_REPAIR_HOLDOFF);
    remote->has_moved = false;
    remote->repair_ns = now_ns + (remote->backoff_factor + UINT64_C(2)) * remote->grtt_ns;
}

void hd_rx_repair_expire(herald_norm_receiver *receiver, struct hd_rx_remote *remote, uint64_t now_ns)
{
    struct hd_rx_place limit = hd_rx_repair_limit(remote);
    bool was_held_off = remote->repair_state == HD_RX_REPAIR_HOLDOFF;

    remote->repair_ns = HERALD_NEVER;
    if (remote->repair_state == HD_RX_REPAIR_BACKOFF && hd_rx_repair_is_missing(receiver, remote, &limit)) {
        hd_rx_repair_set_state(remote, HD_RX_REPAIR_SEND);
        remote->nack_from = (struct hd_rx_place){ .object = remote->first_object };
        remote->nacks_count = 0;
        remote->has_covered = false;
        hd_rx_output_want(receiver, remote, HD_RX_SEND_NACK);
    } else {
        hd_rx_repair_set_state(remote, HD_RX_REPAIR_IDLE);
    }
    if (was_held_off && remote->has_moved)
        hd_rx_repair_check(receiver, remote, now_ns);
}

/* --- what others ask for --- */

/*
 * The requests of one packet. The parity that it asks for of a block is added up; of packets the largest sum counts.
 * No packet needs to name an object or block twice: one that names more of them than there can be is not looked at
 * any further, for each of its ranges could be as long as all that is open.
 */
struct hearing {
    herald_norm_receiver *receiver;
    struct hd_rx_remote *remote;
    struct hd_rx_partial *partial;
    uint32_t parity_count;
    uint64_t objects_left;
    uint64_t blocks_left;
};

static void settle(struct hearing *hearing)
{
    if (hearing->partial && hearing->parity_count > hearing->partial->heard_parity)
        hearing->partial->heard_parity = (uint16_t)smaller(hearing->parity_count, HD_FEC_SYMBOLS_MAX);
    hearing->partial = NULL;
    hearing->parity_count = 0;
}

static void hear_objects(struct hearing *hearing, uint64_t first, uint64_t last)
{
    struct hd_rx_remote *remote = hearing->remote;
    uint64_t end = smaller(last + 1, remote->next_object);

    for (uint64_t id = larger(first, remote->first_object); id < end && hearing->objects_left > 0; id++) {
        hearing->objects_left--;
        remote->heard_objects[id & hearing->receiver->window_mask] = 1;
        remote->is_any_object_heard = true;
    }
}

bool hd_rx_repair_is_block_heard(const struct hd_rx_object *object, uint64_t block)
{
    return object->is_any_heard && hd_bits_test(object->heard, block % object->heard_bits);
}

static void hear_blocks(struct hearing *hearing, struct hd_rx_object *object, uint64_t first, uint64_t last)
{
    bool is_stream = hd_rx_object_is_stream(object);
    uint64_t start = is_stream ? object->stream.next_block : 0;
    uint64_t end = smaller(last + 1, start + object->heard_bits);

    start = larger(first, start);
    if (start >= end || end - start > hearing->blocks_left)
        return;
    hearing->blocks_left -= end - start;
    object->is_any_heard = true;
    if (!is_stream)
        hd_bits_set_range(object->heard, start, end);
    for (uint64_t i = start; is_stream && i < end; i++)
        hd_bits_set(object->heard, i % object->heard_bits);
}

/* What is remembered of a block that is incomplete here; of one that has nothing yet, part of it is no help. */
static struct hd_rx_partial *partial_to_hear(struct hearing *hearing, struct hd_rx_object *object, uint64_t block)
{
    struct hd_rx_partial *partial = NULL;

    if (hd_rx_object_next_incomplete(object, block, block + 1) == block) {
        partial = hd_rx_partial_find(hearing->receiver, object, block);
        if (!partial && hd_rx_object_is_stream(object))
            partial = hd_rx_partial_add(hearing->receiver, object, block, false);
    }
    if (partial != hearing->partial)
        settle(hearing);
    if (partial && partial->heard_cycle != hearing->remote->repair_cycle) {
        partial->heard_cycle = hearing->remote->repair_cycle;
        partial->heard_parity = 0;
        memset(partial->heard_source, 0, sizeof(partial->heard_source));
    }
    hearing->partial = partial;
    return partial;
}

static void hear_symbols(struct hearing *hearing, struct hd_rx_object *object, uint64_t block, uint16_t first,
                         uint16_t last)
{
    struct hd_rx_partial *partial = partial_to_hear(hearing, object, block);
    uint16_t symbols;

    if (!partial || first > last)
        return;
    symbols = hd_rx_block_symbols(object, block);
    hd_bits_set_range(partial->heard_source, first, smaller(last + UINT64_C(1), symbols));
    if (last >= symbols)
        hearing->parity_count += 1U + last - (first > symbols ? first : symbols);
}

/* One item, or the ends of a range of them. */
static void hear_range(struct hearing *hearing, const struct hd_request *request, const struct hd_position *first,
                       const struct hd_position *last)
{
    uint64_t id = hd_rx_window_unwrap(hearing->remote, first->object_id);
    struct hd_rx_object *object = hd_rx_window_open_object(hearing->receiver, hearing->remote, id);
    uint64_t first_block = first->id.block;
    uint64_t last_block = last->id.block;

    if (request->flags & HD_REQUEST_OBJECT) {
        hear_objects(hearing, id, hd_rx_window_unwrap(hearing->remote, last->object_id));
        return;
    }
    if (!object || first->object_id != last->object_id)
        return;
    object->is_info_heard |= (request->flags & HD_REQUEST_INFO) != 0;
    if (hd_rx_object_is_stream(object)) {
        if (!object->is_started)
            return;
        first_block = hd_rx_stream_block(hearing->receiver, object, first->fec_id, first->id.block);
        last_block = hd_rx_stream_block(hearing->receiver, object, last->fec_id, last->id.block);
    }
    if (request->flags & HD_REQUEST_BLOCK) {
        hear_blocks(hearing, object, first_block, last_block);
    } else if (request->flags & HD_REQUEST_SEGMENT && first_block == last_block) {
        if (request->form == HD_REQUEST_ERASURES) {
            if (partial_to_hear(hearing, object, first_block))
                hearing->parity_count += first->id.symbol;
        } else {
            hear_symbols(hearing, object, first_block, first->id.symbol, last->id.symbol);
        }
    }
}

void hd_rx_repair_hear(herald_norm_receiver *receiver, struct hd_rx_remote *remote, struct hd_cursor requests)
{
    struct hearing hearing = {
        .receiver = receiver,
        .remote = remote,
        .objects_left = receiver->config.objects_per_sender,
        .blocks_left = receiver->config.blocks_per_queue + receiver->config.stream_blocks_max,
    };
    struct hd_request request;
    struct hd_position first;
    struct hd_position last;

    if (remote->repair_state != HD_RX_REPAIR_BACKOFF || receiver->config.no_suppression)
        return;
    while (hd_wire_next_request(&requests, &request)) {
        if (request.form == HD_REQUEST_RANGES) {
            while (hd_wire_next_range(&request.items, &first, &last))
                hear_range(&hearing, &request, &first, &last);
        } else {
            while (hd_wire_next_item(&request.items, &first))
                hear_range(&hearing, &request, &first, &first);
        }
    }
    settle(&hearing);
}
