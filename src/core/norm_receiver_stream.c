/* SPDX-License-Identifier: MIT */
/*
 * Streams: DATA into stream_rx's buffer, parity beside it, and the application's reading.
 *
 * The buffer keeps source symbols itself; a struct hd_rx_partial holds only a block's parity, in `received` too.
 */
#include "norm_receiver.h"

/* --- begin and end --- */

int hd_rx_stream_open(herald_norm_receiver *receiver, struct hd_rx_object *object)
{
    uint64_t block_bytes = (uint64_t)object->max_symbols * object->segment_bytes;
    uint64_t blocks = object->object_bytes / block_bytes + (object->object_bytes % block_bytes != 0);
    uint32_t room = receiver->config.stream_blocks_max - receiver->stream_blocks_used;

    if (blocks < 2)
        blocks = 2;
    if (blocks > room)
        blocks = room;
    if (blocks < 2)
        return -ENOBUFS;
    object->stream_extent = hd_extents_alloc(&receiver->stream_units, blocks * 64);
    object->heard = hd_extents_alloc(&receiver->bitmaps, blocks);
    if (!object->stream_extent || !object->heard) {
        hd_extents_free(&receiver->stream_units, object->stream_extent);
        hd_extents_free(&receiver->bitmaps, object->heard);
        return -ENOBUFS;
    }
    object->heard_bits = blocks;
    object->stream_blocks = (uint32_t)blocks;
    receiver->stream_blocks_used += object->stream_blocks;
    return 0;
}

void hd_rx_stream_close(herald_norm_receiver *receiver, struct hd_rx_object *object)
{
    receiver->stream_blocks_used -= object->stream_blocks;
    hd_extents_free(&receiver->stream_units, object->stream_extent);
}

/* With SYNC_ALL as far back as the buffer allows; SQUELCH will tell what the sender no longer has. */
static void start(const herald_norm_receiver *receiver, struct hd_rx_object *object, unsigned bits, uint32_t wire_block)
{
    size_t unit = (size_t)(object->stream_extent - receiver->stream_units.words);
    uint32_t before = 0;

    if (receiver->config.sync == HERALD_NORM_SYNC_ALL)
        before = wire_block < object->stream_blocks - 1 ? wire_block : object->stream_blocks - 1;
    hd_stream_rx_init(&object->stream, receiver->stream_memory + unit * receiver->stream_unit_bytes,
                      object->stream_blocks, object->max_symbols, object->segment_bytes,
                      hd_wrap_origin(wire_block, bits) - before);
    object->is_started = true;
}

/* Payload ids have 24 bits of block number (RFC 5510), or 32 (RFC 5445). */
uint64_t hd_rx_stream_block(const herald_norm_receiver *receiver, struct hd_rx_object *object, uint8_t fec_id,
                            uint32_t wire_block)
{
    unsigned bits = fec_id == HD_FEC_SMALL_BLOCK ? 32 : 24;

    if (!object->is_started)
        start(receiver, object, bits, wire_block);
    return hd_stream_rx_unwrap(&object->stream, wire_block, bits);
}

void hd_rx_stream_know(struct hd_rx_object *object, uint64_t block, uint32_t symbols)
{
    uint64_t unit = block + 1;

    if (unit > object->known.unit)
        object->known = (struct hd_rx_place){ .object = object->id, .unit = unit, .symbols = symbols };
    else if (unit == object->known.unit && symbols > object->known.symbols)
        object->known.symbols = symbols;
}

/* --- blocks --- */

/* Parity of blocks that were read or dropped is of no use. */
static void purge(herald_norm_receiver *receiver, struct hd_rx_object *object)
{
    uint32_t slot = hd_rx_object_index(receiver, object);
    uint32_t next;

    if (object->purged_block == object->stream.next_block)
        return;
    object->purged_block = object->stream.next_block;
    for (uint32_t i = receiver->pool.oldest; i != HD_RX_NONE && object->parity_blocks > 0; i = next) {
        struct hd_rx_partial *partial = &receiver->pool.partials[i];

        next = partial->order_next;
        if (partial->object == slot && partial->block < object->purged_block)
            hd_rx_partial_remove(receiver, partial);
    }
}

/* A source symbol is there, received or recovered: is it the sender's end mark, a header without anything? */
static void look_for_end(struct hd_rx_object *object, uint64_t block, uint16_t symbol)
{
    struct hd_fec_symbol vector = hd_stream_rx_vector(&object->stream, block, symbol);
    struct hd_cursor payload = hd_cursor_over(vector.data, vector.bytes);
    struct hd_stream_header header;

    if (hd_wire_stream_header(&payload, &header) == 0 && header.size_bytes == 0 && header.message_start == 0)
        object->end = (struct hd_rx_place){ .object = object->id, .unit = block + 1, .symbols = symbol + 1U };
}

/* After a block got its last symbol. */
static void finish(herald_norm_receiver *receiver, struct hd_rx_object *object, uint64_t block)
{
    struct hd_rx_partial *partial = object->parity_blocks > 0 ? hd_rx_partial_find(receiver, object, block) : NULL;

    if (partial)
        hd_rx_partial_remove(receiver, partial);
    if (object->first_incomplete < object->stream.next_block)
        object->first_incomplete = object->stream.next_block;
    while (object->first_incomplete <= object->stream.newest_block &&
           hd_stream_rx_missing_symbols(&object->stream, object->first_incomplete) == 0)
        object->first_incomplete++;
}

/* Recovers all that is missing of a block, into the buffer. */
static void decode(herald_norm_receiver *receiver, struct hd_rx_object *object, const struct hd_rx_partial *partial,
                   const struct hd_fec_parity *last)
{
    struct hd_stream_rx *stream = &object->stream;
    struct hd_fec_symbol source[HD_FEC_SYMBOLS_MAX];
    struct hd_fec_parity parity[HD_FEC_SYMBOLS_MAX];
    struct hd_fec_lost lost[HD_FEC_SYMBOLS_MAX];
    struct hd_fec_repair repair = { .source = source,
                                    .parity = parity,
                                    .lost = lost,
                                    .source_symbols_max = object->max_symbols,
                                    .source_symbols = object->max_symbols };
    size_t vector_bytes = HD_STREAM_HEADER_BYTES + (size_t)object->segment_bytes;
    uint64_t block = partial->block;
    int r;

    repair.parity_count = hd_rx_block_collect_parity(receiver, partial, object->max_symbols, parity);
    if (last)
        parity[repair.parity_count++] = *last;
    for (uint16_t i = 0; i < object->max_symbols; i++) {
        source[i] = (struct hd_fec_symbol){ 0 };
        if (hd_stream_rx_has(stream, block, i))
            source[i] = hd_stream_rx_vector(stream, block, i);
        else
            lost[repair.lost_count++] =
                (struct hd_fec_lost){ .data = hd_stream_rx_room(stream, block, i), .bytes = vector_bytes, .symbol = i };
    }
    r = hd_fec_decode(receiver->decoder, &repair);
    assert(r == 0); /* every symbol was checked when it came */
    for (uint16_t i = 0; i < repair.lost_count; i++) {
        if (hd_stream_rx_recovered(stream, block, lost[i].symbol, vector_bytes) < 0)
            hd_rx_drop(receiver, HERALD_NORM_DROP_INCONSISTENT);
        else
            look_for_end(object, block, lost[i].symbol);
    }
    receiver->statistics.decoded_segments += repair.lost_count;
    receiver->statistics.decoded_blocks++;
}

/* A source symbol was stored, or parity was: is the block complete now? */
static void check_block(herald_norm_receiver *receiver, struct hd_rx_object *object, uint64_t block)
{
    uint16_t missing = hd_stream_rx_missing_symbols(&object->stream, block);

    if (missing > 0 && object->parity_blocks > 0) {
        const struct hd_rx_partial *partial = hd_rx_partial_find(receiver, object, block);

        if (!partial || partial->parity_count < missing)
            return;
        decode(receiver, object, partial, NULL);
        missing = 0;
    }
    if (missing == 0)
        finish(receiver, object, block);
}

/* --- DATA --- */

static bool input_source(herald_norm_receiver *receiver, struct hd_rx_object *object, const struct hd_data *data,
                         uint64_t block)
{
    uint16_t symbol = data->position.id.symbol;
    size_t size_bytes = hd_cursor_left(&data->payload);
    int r = hd_stream_rx_store(&object->stream, block, symbol, data->payload.at, size_bytes);

    if (r == -ERANGE) {
        hd_stream_rx_make_room(&object->stream, block);
        r = hd_stream_rx_store(&object->stream, block, symbol, data->payload.at, size_bytes);
    }
    if (r == -EALREADY) {
        hd_rx_drop(receiver, HERALD_NORM_DROP_DUPLICATE);
        return true;
    }
    if (r < 0) {
        hd_rx_drop(receiver, HERALD_NORM_DROP_INCONSISTENT);
        return false;
    }
    receiver->statistics.source_datagrams++;
    receiver->statistics.payload_bytes += size_bytes - HD_STREAM_HEADER_BYTES;
    object->received_bytes += size_bytes - HD_STREAM_HEADER_BYTES;
    if (size_bytes == HD_STREAM_HEADER_BYTES)
        look_for_end(object, block, symbol);
    check_block(receiver, object, block);
    return true;
}

static bool input_parity(herald_norm_receiver *receiver, struct hd_rx_object *object, const struct hd_data *data,
                         uint64_t block)
{
    uint16_t symbol = data->position.id.symbol;
    const struct hd_fec_parity parity = { .data = data->payload.at,
                                          .bytes = hd_cursor_left(&data->payload),
                                          .row = (uint16_t)(symbol - object->max_symbols) };
    struct hd_rx_partial *partial;

    if (parity.bytes == 0 || parity.bytes > HD_STREAM_HEADER_BYTES + (size_t)object->segment_bytes) {
        hd_rx_drop(receiver, HERALD_NORM_DROP_INCONSISTENT);
        return false;
    }
    hd_stream_rx_make_room(&object->stream, block);
    if (hd_stream_rx_missing_symbols(&object->stream, block) == 0) {
        hd_rx_drop(receiver, HERALD_NORM_DROP_DUPLICATE);
        return true;
    }
    partial = hd_rx_partial_find(receiver, object, block);
    if (!partial)
        partial = hd_rx_partial_add(receiver, object, block, true);
    if (hd_bits_test(partial->received, symbol)) {
        hd_rx_drop(receiver, HERALD_NORM_DROP_DUPLICATE);
        return true;
    }
    receiver->statistics.parity_datagrams++;
    if (hd_stream_rx_missing_symbols(&object->stream, block) <= partial->parity_count + 1) {
        decode(receiver, object, partial, &parity);
        finish(receiver, object, block);
    } else if (hd_rx_partial_keep_parity(receiver, partial, symbol, &data->payload) < 0) {
        hd_rx_drop(receiver, HERALD_NORM_DROP_LIMIT);
    }
    return true;
}

/* Far ahead of what was heard: only when several packets say so, for it costs all that was not read. */
static bool is_believable(struct hd_rx_object *object, uint64_t block)
{
    uint64_t buffer_blocks = object->stream.buffer_blocks;

    if (hd_rx_stream_is_near(object, block)) {
        object->far_count = 0;
        return true;
    }
    if (block + buffer_blocks < object->far_block || block > object->far_block + buffer_blocks)
        object->far_count = 0;
    object->far_block = block;
    return ++object->far_count >= HD_RX_BELIEVE;
}

/*
 * Next to nothing came where we began, and the sender sends what lies farther behind than its own buffer reaches: the
 * packet that told where to begin was damaged.
 */
static bool is_misplaced(struct hd_rx_object *object, uint64_t block)
{
    uint64_t sender_blocks = object->object_bytes / object->segment_bytes / object->max_symbols + 2;

    if (object->received_bytes >= HD_RX_BELIEVE * (uint64_t)object->segment_bytes ||
        block + sender_blocks >= object->stream.newest_block)
        return false;
    return ++object->behind_count >= HD_RX_BELIEVE;
}

bool hd_rx_stream_input(herald_norm_receiver *receiver, struct hd_rx_object *object, const struct hd_data *data,
                        uint64_t block)
{
    uint32_t symbol = data->position.id.symbol;
    bool is_valid = false;

    if (symbol >= (uint32_t)object->max_symbols + object->parity_symbols ||
        (data->position.fec_id == HD_FEC_SMALL_BLOCK && data->position.id.block_symbols != object->max_symbols) ||
        !is_believable(object, block)) {
        hd_rx_drop(receiver, HERALD_NORM_DROP_INCONSISTENT);
        return false;
    }
    if (block < object->stream.next_block) {
        hd_rx_drop(receiver, HERALD_NORM_DROP_OLD);
        if (!is_misplaced(object, block))
            return true;
        hd_rx_object_restart(receiver, object);
        return false;
    }
    if (symbol < object->max_symbols)
        is_valid = input_source(receiver, object, data, block);
    else
        is_valid = input_parity(receiver, object, data, block);
    if (!is_valid)
        return false;
    hd_rx_stream_know(object, block, symbol < object->max_symbols ? symbol + 1 : object->max_symbols);
    if (receiver->config.silent && block > 0) /* nothing can be asked for: what is late by two blocks is lost */
        hd_stream_rx_give_up(&object->stream, block - 1);
    hd_rx_stream_check(receiver, object);
    return true;
}

void hd_rx_stream_squelch(herald_norm_receiver *receiver, struct hd_rx_object *object, uint64_t block)
{
    if (block <= object->stream.next_block)
        return;
    if (block > object->stream.newest_block + 1) { /* not even sent, as far as we know: nothing we could lack */
        hd_rx_drop(receiver, HERALD_NORM_DROP_INCONSISTENT);
        return;
    }
    hd_stream_rx_give_up(&object->stream, block);
    hd_rx_stream_check(receiver, object);
}

bool hd_rx_stream_is_complete(const herald_norm_receiver *receiver, const struct hd_rx_object *object)
{
    return object->is_started && object->end.unit > 0 && !hd_rx_object_is_missing(receiver, object, &object->end);
}

/* --- reading --- */

static void count_lost(herald_norm_receiver *receiver, struct hd_rx_object *object)
{
    receiver->statistics.stream_lost_bytes += object->stream.lost_bytes - object->lost_told_bytes;
    object->lost_told_bytes = object->stream.lost_bytes;
}

void hd_rx_stream_check(herald_norm_receiver *receiver, struct hd_rx_object *object)
{
    enum hd_stream_rx_next next = HD_STREAM_RX_WAIT;

    if (!object->is_readable_told)
        next = hd_stream_rx_look(&object->stream);
    purge(receiver, object);
    count_lost(receiver, object);
    if (next == HD_STREAM_RX_DATA) {
        object->is_readable_told = true;
        hd_rx_object_tell(receiver, object, HERALD_NORM_RECEIVER_STREAM_READABLE);
    } else if (next == HD_STREAM_RX_END) {
        hd_rx_object_tell(receiver, object, HERALD_NORM_RECEIVER_STREAM_END);
        receiver->statistics.objects_complete++;
        hd_rx_object_close(receiver, object, HD_RX_DONE);
    }
}

int herald_norm_receiver_stream_read(herald_norm_receiver *receiver, uint32_t sender_id, uint16_t object_id,
                                     uint8_t *buffer, size_t buffer_bytes, struct herald_norm_stream_piece *ret_piece,
                                     uint64_t now_ns)
{
    struct hd_rx_remote *remote = hd_rx_remote_find(receiver, sender_id);
    struct hd_rx_object *object = NULL;
    uint64_t next_block;

    if (remote)
        object = hd_rx_window_open_object(receiver, remote, hd_rx_window_unwrap(remote, object_id));
    if (!object || !hd_rx_object_is_stream(object))
        return -ENOENT;
    if (!object->is_started || buffer_bytes == 0)
        return 0;
    next_block = object->stream.next_block;
    if (hd_stream_rx_read(&object->stream, buffer, buffer_bytes, ret_piece) > 0) {
        count_lost(receiver, object);
        if (object->stream.next_block != next_block) { /* the buffer reaches farther: what was ahead of it is due now */
            hd_rx_repair_check(receiver, remote, now_ns);
            hd_rx_timer_update(receiver, remote);
        }
        return 1;
    }
    object->is_readable_told = false;
    hd_rx_stream_check(receiver, object);
    return 0;
}
