/* SPDX-License-Identifier: MIT */
/*
 * What a NACK asks for (RFC 5740 sections 4.3.1 and 5.3), oldest first: objects of which nothing was heard as OBJECT,
 * an INFO as INFO, runs of blocks of which nothing is here as BLOCK ranges, and for the others as many SEGMENTs as
 * the block needs: parity that did not come yet, which helps everyone whatever they lack, then source symbols.
 *
 * As deployed: one or two in a row are ITEMS, more a RANGE; ERASURES are never sent, for they are misread.
 */
#include "norm_receiver.h"

enum {
    REQUEST_HEADER_BYTES = 4,
    ITEM_HEADER_BYTES = 4,
    RANGE_MIN = 3,
};

struct build {
    herald_norm_receiver *receiver;
    struct hd_rx_remote *remote;
    struct hd_writer *writer;
    struct hd_request_writer requests;
    struct hd_rx_place limit;
    size_t run_bytes; /* what a run of items takes at most */
    bool is_empty;    /* nothing was written yet */
};

/* --- what is missing of a block --- */

/* The bits of [0, limit) that are not set. */
static uint16_t clear_bits(const uint64_t *bits, uint64_t limit, uint64_t ret_clear[HD_RX_MASK_WORDS])
{
    memset(ret_clear, 0, HD_RX_MASK_WORDS * sizeof(*ret_clear));
    hd_bits_set_range(ret_clear, 0, limit);
    for (uint64_t i = 0; bits && i < hd_bits_words(limit); i++)
        ret_clear[i] &= ~bits[i];
    return (uint16_t)hd_bits_count(ret_clear, 0, limit);
}

uint16_t hd_rx_block_missing(const struct hd_rx_object *object, const struct hd_rx_partial *partial, uint64_t block,
                             uint32_t symbols, uint64_t ret_missing[HD_RX_MASK_WORDS])
{
    uint16_t source_symbols = hd_rx_block_symbols(object, block);
    const uint64_t *present = partial ? partial->received : NULL;
    uint16_t missing;

    if (hd_rx_object_is_stream(object))
        present = hd_stream_rx_holds(&object->stream, block) ? hd_stream_rx_present(&object->stream, block) : NULL;
    if (symbols < source_symbols) /* the rest was not sent, so there is no parity either */
        return clear_bits(present, symbols, ret_missing);
    missing = clear_bits(present, source_symbols, ret_missing);
    return partial ? (uint16_t)(missing - partial->parity_count) : missing;
}

/* Nothing at all of it is here. */
static bool is_block_empty(const struct build *build, const struct hd_rx_object *object, uint64_t block)
{
    const struct hd_rx_partial *partial;

    if (!hd_rx_object_is_stream(object))
        return !hd_bits_test(object->touched, block);
    if (hd_stream_rx_missing_symbols(&object->stream, block) < object->max_symbols)
        return false;
    partial = object->parity_blocks > 0 ? hd_rx_partial_find(build->receiver, object, block) : NULL;
    return !partial || partial->parity_count == 0;
}

static unsigned block_bits(const struct build *build)
{
    return build->remote->fec_id == HD_FEC_SMALL_BLOCK ? 32 : 24;
}

/* Where the run of blocks ends that are empty and, as the first is, asked for by others or not. */
static uint64_t empty_run_end(const struct build *build, const struct hd_rx_object *object, uint64_t block,
                              uint64_t limit)
{
    bool is_heard = hd_rx_repair_is_block_heard(object, block);
    uint64_t end = block + 1;

    if (hd_rx_object_is_stream(object)) {
        while (end < limit && hd_wrap_wire(end, block_bits(build)) != 0 && is_block_empty(build, object, end) &&
               hd_rx_repair_is_block_heard(object, end) == is_heard)
            end++;
        return end;
    }
    end = hd_bits_first_set(object->complete, block, limit);
    end = hd_bits_first_set(object->touched, block, end);
    if (!object->is_any_heard)
        return end;
    return is_heard ? hd_bits_first_clear(object->heard, block, end) : hd_bits_first_set(object->heard, block, end);
}

/* --- writing --- */

static struct hd_position position_of(const struct build *build, const struct hd_rx_object *object, uint64_t block,
                                      uint16_t symbol)
{
    uint8_t fec_id = build->remote->fec_id;

    return (struct hd_position){
        .fec_id = fec_id,
        .object_id = (uint16_t)object->id,
        .id = { .block = hd_wrap_wire(block, block_bits(build)),
                .symbol = symbol,
                .block_symbols = fec_id == HD_FEC_SMALL_BLOCK ? hd_rx_block_symbols(object, block) : 0 },
    };
}

/* Is there room for so many runs of items? */
static bool has_room(const struct build *build, uint64_t runs)
{
    return hd_writer_left(build->writer) >= runs * build->run_bytes;
}

/* Appends `count` consecutive things, from first to last. @return false: no room. */
static bool put_run(struct build *build, uint8_t flags, const struct hd_position *first, const struct hd_position *last,
                    uint64_t count)
{
    bool is_written = false;

    if (!has_room(build, 1))
        return false;
    if (count >= RANGE_MIN)
        is_written = hd_request_put_range(&build->requests, flags, first, last);
    else
        is_written = hd_request_put_item(&build->requests, flags, first) &&
                     (count == 1 || hd_request_put_item(&build->requests, flags, last));
    build->is_empty &= !is_written;
    return is_written;
}

static void count_nacked(const struct build *build, struct hd_rx_object *object, uint64_t symbols)
{
    object->segments_nacked += symbols;
    build->receiver->statistics.nacked_segments += symbols;
}

/* --- blocks --- */

/* Have others asked for enough of a block that `need` of these symbols are missing of? */
static bool is_partly_heard_enough(const struct build *build, const struct hd_rx_partial *partial,
                                   const uint64_t missing[HD_RX_MASK_WORDS], uint16_t need, bool is_parity_useful)
{
    uint64_t coming = 0;

    if (!partial || partial->heard_cycle != build->remote->repair_cycle)
        return false;
    if (is_parity_useful)
        coming = partial->heard_parity;
    for (int i = 0; i < HD_RX_MASK_WORDS; i++)
        coming += (uint64_t)__builtin_popcountll(partial->heard_source[i] & missing[i]);
    return coming >= need;
}

/*
 * How much parity of a block is of use: as much as there can be room for, and the last symbol, which needs none. Source
 * symbols need no room: whatever the limits are, a block gets complete.
 */
static uint32_t parity_room(const struct build *build, const struct hd_rx_partial *partial)
{
    return build->receiver->config.parity_buffers_max + 1 - (partial ? partial->parity_count : 0U);
}

/* Which symbols to ask for so that `need` come: parity that is not here, then source symbols. */
static void choose_symbols(const struct build *build, const struct hd_rx_object *object,
                           const struct hd_rx_partial *partial, uint64_t block,
                           const uint64_t missing[HD_RX_MASK_WORDS], uint16_t need, bool is_parity_useful,
                           uint64_t ret_wanted[HD_RX_MASK_WORDS])
{
    uint16_t symbols = hd_rx_block_symbols(object, block);
    bool asks_for_parity = is_parity_useful && !build->receiver->config.no_parity;
    uint16_t limit = asks_for_parity ? (uint16_t)(symbols + object->parity_symbols) : 0;
    uint32_t room = parity_room(build, partial);

    memset(ret_wanted, 0, HD_RX_MASK_WORDS * sizeof(*ret_wanted));
    for (uint16_t i = symbols; i < limit && need > 0 && room > 0; i++) {
        if (partial && hd_bits_test(partial->received, i))
            continue;
        hd_bits_set(ret_wanted, i);
        need--;
        room--;
    }
    for (uint64_t i = hd_bits_first_set(missing, 0, symbols); i < symbols && need > 0;
         i = hd_bits_first_set(missing, i + 1, symbols)) {
        hd_bits_set(ret_wanted, i);
        need--;
    }
}

static uint64_t count_runs(const uint64_t wanted[HD_RX_MASK_WORDS])
{
    uint64_t limit = HD_RX_MASK_WORDS * 64;
    uint64_t count = 0;

    for (uint64_t i = hd_bits_first_set(wanted, 0, limit); i < limit;
         i = hd_bits_first_set(wanted, hd_bits_first_clear(wanted, i, limit), limit))
        count++;
    return count;
}

/*
 * The symbols of one block. All in one packet, for senders compare the numbers of parity symbols that packets ask for;
 * unless not even a whole packet is enough.
 */
static bool put_symbols(struct build *build, struct hd_rx_object *object, uint64_t block,
                        const uint64_t wanted[HD_RX_MASK_WORDS])
{
    uint64_t limit = HD_RX_MASK_WORDS * 64;
    uint64_t end;

    if (!build->is_empty && !has_room(build, count_runs(wanted)))
        return false;
    for (uint64_t i = hd_bits_first_set(wanted, 0, limit); i < limit; i = hd_bits_first_set(wanted, end, limit)) {
        struct hd_position first = position_of(build, object, block, (uint16_t)i);
        struct hd_position last;

        end = hd_bits_first_clear(wanted, i, limit);
        last = position_of(build, object, block, (uint16_t)(end - 1));
        if (!put_run(build, HD_REQUEST_SEGMENT, &first, &last, end - i))
            break;
        count_nacked(build, object, end - i);
    }
    return true;
}

/* A block of which something is here, or that was not sent as a whole (`symbols`). @return false: no room. */
static bool put_part(struct build *build, struct hd_rx_object *object, uint64_t block, uint32_t symbols)
{
    const struct hd_rx_partial *partial = hd_rx_partial_find(build->receiver, object, block);
    bool is_parity_useful = symbols >= hd_rx_block_symbols(object, block) && hd_rx_object_takes_parity(object);
    uint64_t missing[HD_RX_MASK_WORDS];
    uint64_t wanted[HD_RX_MASK_WORDS];
    uint16_t need = hd_rx_block_missing(object, partial, block, symbols, missing);

    if (hd_rx_repair_is_block_heard(object, block) ||
        is_partly_heard_enough(build, partial, missing, need, is_parity_useful)) {
        build->remote->has_covered = true;
        return true;
    }
    choose_symbols(build, object, partial, block, missing, need, is_parity_useful, wanted);
    return put_symbols(build, object, block, wanted);
}

/* Blocks block .. end - 1, of which nothing is here. @return false: no room. */
static bool put_blocks(struct build *build, struct hd_rx_object *object, uint64_t block, uint64_t end)
{
    struct hd_position first = position_of(build, object, block, 0);
    struct hd_position last = position_of(build, object, end - 1, 0);

    if (hd_rx_repair_is_block_heard(object, block)) {
        build->remote->has_covered = true;
        return true;
    }
    if (!put_run(build, HD_REQUEST_BLOCK, &first, &last, end - block))
        return false;
    if (hd_rx_object_is_stream(object))
        count_nacked(build, object, (end - block) * object->max_symbols);
    else
        count_nacked(build, object,
                     hd_partition_block_segment(&object->partition, end) -
                         hd_partition_block_segment(&object->partition, block));
    return true;
}

/* --- objects --- */

static bool put_info(struct build *build, const struct hd_rx_object *object)
{
    struct hd_position position = { .fec_id = build->remote->fec_id, .object_id = (uint16_t)object->id };

    if (!object->is_info_heard)
        return put_run(build, HD_REQUEST_INFO, &position, &position, 1);
    build->remote->has_covered = true;
    return true;
}

/*
 * Of a stream only what its buffer can hold: a single forged packet may claim that it is billions of blocks ahead.
 * Of an object whose sink refuses what is far away, because its reader is slow: only what may find room.
 */
static struct hd_rx_place place_within_reach(const struct hd_rx_object *object, const struct hd_rx_place *limit)
{
    struct hd_rx_place within = hd_rx_place_within(object, limit);

    if (hd_rx_stream_is_ahead(object, &within))
        return (struct hd_rx_place){ .object = object->id,
                                     .unit = object->stream.next_block + object->stream.buffer_blocks + 1 };
    if (object->reach_blocks > 0 && within.unit > object->first_incomplete + object->reach_blocks + 1)
        return (struct hd_rx_place){ .object = object->id,
                                     .unit = object->first_incomplete + object->reach_blocks + 1 };
    return within;
}

/* What is missing of an open object, from nack_from on. @return false: no room. */
static bool put_object(struct build *build, struct hd_rx_object *object)
{
    struct hd_rx_place within = place_within_reach(object, &build->limit);
    struct hd_rx_place *from = &build->remote->nack_from;
    uint64_t limit = within.unit > 0 ? within.unit - 1 : 0;
    uint64_t end;

    if (within.unit == 0)
        return true;
    if (from->unit == 0 && object->wants_info && !put_info(build, object))
        return false;
    if (from->unit == 0)
        from->unit = 1;
    for (uint64_t block = hd_rx_object_next_incomplete(object, from->unit - 1, limit); block < limit;
         block = hd_rx_object_next_incomplete(object, end, limit)) {
        bool is_empty = is_block_empty(build, object, block);

        end = is_empty ? empty_run_end(build, object, block, limit) : block + 1;
        if (is_empty ? !put_blocks(build, object, block, end) : !put_part(build, object, block, UINT32_MAX))
            return false;
        from->unit = end + 1;
    }
    if (within.symbols == 0 || hd_rx_object_next_incomplete(object, limit, limit + 1) != limit)
        return true;
    return put_part(build, object, limit, within.symbols);
}

/* Objects first .. end - 1, of which nothing was heard. @return false: no room. */
static bool put_unheard(struct build *build, uint64_t first, uint64_t end)
{
    struct hd_position from = { .fec_id = build->remote->fec_id, .object_id = (uint16_t)first };
    struct hd_position to = { .fec_id = build->remote->fec_id, .object_id = (uint16_t)(end - 1) };

    return put_run(build, HD_REQUEST_OBJECT, &from, &to, end - first);
}

static bool is_asked_as_unheard(const struct build *build, uint64_t id)
{
    return *hd_rx_window_slot(build->receiver, build->remote, id) == HD_RX_UNHEARD &&
           !build->remote->heard_objects[id & build->receiver->window_mask];
}

/* How many more objects could be opened: more are not asked for. */
static uint64_t room_for_objects(const herald_norm_receiver *receiver)
{
    return hd_rx_object_has_room(receiver) ? receiver->config.objects_max - receiver->statistics.objects : 0;
}

/* One object of the window, or a run of unheard ones. @return false: no room. */
static bool put_next(struct build *build, uint64_t limit, uint64_t *room)
{
    struct hd_rx_place *from = &build->remote->nack_from;
    struct hd_rx_object *object = hd_rx_window_open_object(build->receiver, build->remote, from->object);
    uint64_t end = from->object + 1;

    if (object) {
        if (build->remote->heard_objects[object->id & build->receiver->window_mask]) {
            struct hd_rx_place within = hd_rx_place_within(object, &build->limit);

            build->remote->has_covered |= hd_rx_object_is_missing(build->receiver, object, &within);
        } else if (!put_object(build, object)) {
            return false;
        }
    } else if (is_asked_as_unheard(build, from->object) && *room > 0) {
        while (end < limit && end - from->object < *room && (uint16_t)end != 0 && is_asked_as_unheard(build, end))
            end++; /* a range does not wrap */
        if (!put_unheard(build, from->object, end))
            return false;
        *room -= end - from->object;
    } else if (*hd_rx_window_slot(build->receiver, build->remote, from->object) == HD_RX_UNHEARD && *room > 0) {
        build->remote->has_covered = true;
    }
    *from = (struct hd_rx_place){ .object = end };
    return true;
}

bool hd_rx_nack_build(herald_norm_receiver *receiver, struct hd_rx_remote *remote, struct hd_writer *writer)
{
    size_t item_bytes = ITEM_HEADER_BYTES + hd_wire_payload_id_bytes(remote->fec_id);
    struct build build = {
        .receiver = receiver,
        .remote = remote,
        .writer = writer,
        .requests = hd_request_writer_over(writer),
        .limit = hd_rx_repair_limit(remote),
        .run_bytes = REQUEST_HEADER_BYTES + 2 * item_bytes,
        .is_empty = true,
    };
    uint64_t room = remote->is_beyond_limits ? 0 : room_for_objects(receiver);
    uint64_t limit = remote->next_object;

    if (build.limit.object < limit) /* an unheard object where the sender is now is due when more than its INFO is */
        limit = build.limit.object + (build.limit.unit > 0);
    if (remote->nack_from.object < remote->first_object)
        remote->nack_from = (struct hd_rx_place){ .object = remote->first_object };
    while (remote->nack_from.object < limit)
        if (!put_next(&build, limit, &room))
            return false;
    return true;
}
