/* SPDX-License-Identifier: MIT */
/*
 * DATA into the blocks of FILE and DATA objects.
 *
 * Source symbols go straight into the sink. Parity is kept. As soon as both together are as many as the block has
 * source symbols, the block is read back, and what is missing recovered and written.
 *
 * A sink may have no room (-EAGAIN). The symbol is lost then, as if it had not come.
 */
#include "norm_receiver.h"

/* --- a block is complete --- */

static void finish(herald_norm_receiver *receiver, struct hd_rx_object *object, struct hd_rx_partial *partial)
{
    uint64_t block = partial->block;

    hd_rx_partial_remove(receiver, partial);
    hd_bits_set(object->complete, block);
    object->complete_count++;
    if (object->first_incomplete == block)
        object->first_incomplete = hd_bits_first_clear(object->complete, block + 1, object->partition.blocks);
    if (object->sink.block_changed)
        object->sink.block_changed(object->sink.user, block, true);
    hd_rx_object_check_complete(receiver, object);
}

/* Where a block begins; where the object ends, for the block behind the last. */
static uint64_t place_bytes(const struct hd_partition *partition, uint64_t block)
{
    return block < partition->blocks ? hd_partition_block_offset(partition, block) : partition->object_bytes;
}

/* In steps of words of the bitmaps, and of runs: an object that is resumed may have hundreds of thousands of blocks. */
void hd_rx_block_mark_present(herald_norm_receiver *receiver, struct hd_rx_object *object, uint64_t from,
                              uint64_t limit)
{
    uint64_t end;

    for (uint64_t block = hd_bits_first_set(object->touched, from, limit); block < limit;
         block = hd_bits_first_set(object->touched, block + 1, limit)) {
        struct hd_rx_partial *partial = hd_rx_partial_find(receiver, object, block);

        object->received_bytes -= hd_rx_partial_written_bytes(object, partial);
        hd_rx_partial_remove(receiver, partial);
    }
    for (uint64_t block = hd_bits_first_clear(object->complete, from, limit); block < limit;
         block = hd_bits_first_clear(object->complete, end, limit)) {
        end = hd_bits_first_set(object->complete, block, limit);
        object->received_bytes += place_bytes(&object->partition, end) - place_bytes(&object->partition, block);
        object->complete_count += end - block;
    }
    hd_bits_set_range(object->complete, from, limit);
    object->first_incomplete = hd_bits_first_clear(object->complete, object->first_incomplete,
                                                   object->partition.blocks);
}

/* --- decoding --- */

uint16_t hd_rx_block_collect_parity(const herald_norm_receiver *receiver, const struct hd_rx_partial *partial,
                                    uint16_t source_symbols, struct hd_fec_parity ret_parity[HD_FEC_SYMBOLS_MAX])
{
    const struct hd_rx_pool *pool = &receiver->pool;
    uint16_t count = 0;

    for (uint32_t i = partial->parity_first; i != HD_RX_NONE; i = pool->parity[i].next)
        ret_parity[count++] = (struct hd_fec_parity){
            .data = pool->parity_bytes + (size_t)i * pool->parity_stride_bytes,
            .bytes = pool->parity[i].size_bytes,
            .row = (uint16_t)(pool->parity[i].symbol - source_symbols),
        };
    return count;
}

/* What is here of a block, and what is to be recovered into scratch. */
static void collect_source(const herald_norm_receiver *receiver, const struct hd_rx_object *object,
                           const struct hd_rx_partial *partial, const uint8_t *bytes,
                           struct hd_fec_symbol source[HD_FEC_SYMBOLS_MAX], struct hd_fec_lost lost[HD_FEC_SYMBOLS_MAX])
{
    uint16_t symbols = hd_partition_block_symbols(&object->partition, partial->block);
    uint8_t *scratch = receiver->scratch;

    for (uint16_t i = 0; i < symbols; i++) {
        uint16_t size_bytes = hd_partition_bytes(&object->partition, partial->block, i);

        if (hd_bits_test(partial->received, i)) {
            source[i] = (struct hd_fec_symbol){ .data = bytes + (size_t)i * object->segment_bytes,
                                                .bytes = size_bytes };
        } else {
            source[i] = (struct hd_fec_symbol){ 0 };
            *lost++ = (struct hd_fec_lost){ .data = scratch, .bytes = size_bytes, .symbol = i };
            scratch += object->segment_bytes;
        }
    }
}

/* A source symbol is in the sink. */
static void count_written(herald_norm_receiver *receiver, struct hd_rx_object *object, struct hd_rx_partial *partial,
                          uint16_t symbol, size_t size_bytes)
{
    object->received_bytes += size_bytes;
    receiver->statistics.payload_bytes += size_bytes;
    hd_bits_set(partial->received, symbol);
    partial->source_count++;
}

/* The sink has no room for it. What is farther away than that is not asked for until the object has got on. */
static void refused(herald_norm_receiver *receiver, struct hd_rx_object *object, uint64_t block)
{
    hd_rx_drop(receiver, HERALD_NORM_DROP_LIMIT);
    object->reach_blocks = block > object->first_incomplete ? block - object->first_incomplete : 1;
}

/* Hands recovered symbols to the sink, which may have room for some of them only. @return 0 or the sink's error */
static int write_recovered(herald_norm_receiver *receiver, struct hd_rx_object *object, struct hd_rx_partial *partial,
                           const struct hd_fec_lost *lost, uint16_t lost_count)
{
    for (uint16_t i = 0; i < lost_count; i++) {
        uint64_t offset_bytes = hd_partition_offset(&object->partition, partial->block, lost[i].symbol);
        int r = object->sink.write_at(object->sink.user, offset_bytes, lost[i].data, lost[i].bytes);

        if (r == -EAGAIN) {
            refused(receiver, object, partial->block);
            continue;
        }
        if (r < 0)
            return r;
        count_written(receiver, object, partial, lost[i].symbol, lost[i].bytes);
        receiver->statistics.decoded_segments++;
    }
    receiver->statistics.decoded_blocks += partial->source_count ==
                                           hd_partition_block_symbols(&object->partition, partial->block);
    return 0;
}

/*
 * Recovers a block that has enough, together with `last`, the parity symbol that has just come, if it is not NULL.
 * @return 0 or -errno of the sink
 */
static int decode(herald_norm_receiver *receiver, struct hd_rx_object *object, struct hd_rx_partial *partial,
                  const struct hd_fec_parity *last)
{
    struct hd_fec_symbol source[HD_FEC_SYMBOLS_MAX];
    struct hd_fec_parity parity[HD_FEC_SYMBOLS_MAX];
    struct hd_fec_lost lost[HD_FEC_SYMBOLS_MAX];
    struct hd_fec_repair repair = {
        .source = source,
        .parity = parity,
        .lost = lost,
        .source_symbols_max = object->max_symbols,
        .source_symbols = hd_partition_block_symbols(&object->partition, partial->block),
    };
    const uint8_t *bytes = NULL;
    int r;

    repair.parity_count = hd_rx_block_collect_parity(receiver, partial, repair.source_symbols, parity);
    if (last)
        parity[repair.parity_count++] = *last;
    repair.lost_count = (uint16_t)(repair.source_symbols - partial->source_count);
    if (partial->source_count > 0) {
        bytes = object->sink.read_at(object->sink.user, hd_partition_block_offset(&object->partition, partial->block),
                                     (size_t)hd_partition_block_bytes(&object->partition, partial->block));
        if (!bytes)
            return -EIO;
    }
    collect_source(receiver, object, partial, bytes, source, lost);
    r = hd_fec_decode(receiver->decoder, &repair);
    assert(r == 0); /* every symbol was checked when it came */
    return write_recovered(receiver, object, partial, lost, repair.lost_count);
}

/*
 * The block has as many symbols as it needs. If the sink had no room for some, so much parity is forgotten that it
 * needs one again: that one is asked for, and with it the rest is recovered anew.
 */
static void complete(herald_norm_receiver *receiver, struct hd_rx_object *object, struct hd_rx_partial *partial,
                     const struct hd_fec_parity *last)
{
    uint16_t symbols = hd_partition_block_symbols(&object->partition, partial->block);
    int r = 0;

    if (partial->source_count < symbols)
        r = decode(receiver, object, partial, last);
    if (r < 0)
        hd_rx_object_abort(receiver, object, HERALD_NORM_ABORT_SINK, r);
    else if (partial->source_count == symbols)
        finish(receiver, object, partial);
    else
        hd_rx_partial_trim_parity(receiver, partial, (uint16_t)(symbols - partial->source_count - 1));
}

/* --- a symbol comes --- */

/* Is there such a block, and as long as the packet says, if it does (RFC 5445 section 5.2.1)? */
static bool names_block(const struct hd_rx_object *object, const struct hd_position *position)
{
    if (position->id.block >= object->partition.blocks)
        return false;
    return position->fec_id != HD_FEC_SMALL_BLOCK ||
           position->id.block_symbols == hd_partition_block_symbols(&object->partition, position->id.block);
}

/* What is remembered of a block that something has come of; `partial` if there is one already. */
static struct hd_rx_partial *remember(herald_norm_receiver *receiver, struct hd_rx_object *object,
                                      struct hd_rx_partial *partial, uint64_t block)
{
    if (!partial)
        partial = hd_rx_partial_add(receiver, object, block, true);
    object->current = (uint32_t)(partial - receiver->pool.partials);
    return partial;
}

static bool input_source(herald_norm_receiver *receiver, struct hd_rx_object *object, const struct hd_data *data)
{
    uint64_t block = data->position.id.block;
    uint16_t symbol = data->position.id.symbol;
    size_t size_bytes = hd_cursor_left(&data->payload);
    struct hd_rx_partial *partial;
    int r;

    if (size_bytes != hd_partition_bytes(&object->partition, block, symbol)) {
        hd_rx_drop(receiver, HERALD_NORM_DROP_INCONSISTENT);
        return false;
    }
    partial = hd_rx_partial_find(receiver, object, block);
    if (partial && hd_bits_test(partial->received, symbol)) {
        hd_rx_drop(receiver, HERALD_NORM_DROP_DUPLICATE);
        return true;
    }
    receiver->statistics.source_datagrams++;
    r = object->sink.write_at(object->sink.user, hd_partition_offset(&object->partition, block, symbol),
                              data->payload.at, size_bytes);
    if (r == -EAGAIN) { /* before anything is remembered of the block: another one would have to make room for it */
        refused(receiver, object, block);
        return true;
    }
    if (r < 0) {
        hd_rx_object_abort(receiver, object, HERALD_NORM_ABORT_SINK, r);
        return true;
    }
    partial = remember(receiver, object, partial, block);
    count_written(receiver, object, partial, symbol, size_bytes);
    if (partial->source_count + partial->parity_count >= hd_partition_block_symbols(&object->partition, block))
        complete(receiver, object, partial, NULL);
    return true;
}

uint16_t hd_rx_block_room(const herald_norm_receiver *receiver, const struct hd_rx_object *object,
                          const struct hd_position *after)
{
    uint64_t block = after->id.block;
    uint32_t next = after->id.symbol + 1u;
    const struct hd_rx_partial *partial;
    uint16_t symbols;

    if (!names_block(object, after))
        return 0;
    partial = hd_rx_partial_find(receiver, object, block);
    symbols = hd_partition_block_symbols(&object->partition, block);
    if (hd_partition_bytes(&object->partition, block, (uint16_t)(symbols - 1)) != object->segment_bytes)
        symbols--; /* the end of the object, a short one */
    if (!partial || partial->parity_count > 0 || next >= symbols)
        return 0;
    return (uint16_t)(hd_bits_first_set(partial->received, next, symbols) - next);
}

uint16_t hd_rx_block_input_many(herald_norm_receiver *receiver, struct hd_rx_object *object,
                                const struct hd_rx_stretch *stretch)
{
    uint64_t block = stretch->first.block;
    uint16_t symbol = stretch->first.symbol;
    struct hd_rx_partial *partial = hd_rx_partial_find(receiver, object, block);
    size_t count = object->sink.write_many(object->sink.user, hd_partition_offset(&object->partition, block, symbol),
                                           stretch->bytes, object->segment_bytes, stretch->stride_bytes,
                                           stretch->count);

    assert(count <= stretch->count);
    receiver->statistics.source_datagrams += count;
    receiver->statistics.payload_bytes += count * object->segment_bytes;
    object->received_bytes += count * object->segment_bytes;
    hd_bits_set_range(partial->received, symbol, symbol + count);
    partial->source_count = (uint16_t)(partial->source_count + count);
    if (partial->source_count == hd_partition_block_symbols(&object->partition, block))
        complete(receiver, object, partial, NULL);
    return (uint16_t)count;
}

/* The last parity symbol that a block needs is decoded from where it is; only the others take memory. */
static bool input_parity(herald_norm_receiver *receiver, struct hd_rx_object *object, const struct hd_data *data)
{
    uint64_t block = data->position.id.block;
    uint16_t symbol = data->position.id.symbol;
    uint16_t source_symbols = hd_partition_block_symbols(&object->partition, block);
    const struct hd_fec_parity parity = { .data = data->payload.at,
                                          .bytes = hd_cursor_left(&data->payload),
                                          .row = (uint16_t)(symbol - source_symbols) };
    struct hd_rx_partial *partial;

    /* The first symbol is the longest, and parity as long; what is shorter goes on with zeros. */
    if (parity.bytes == 0 || parity.bytes > hd_partition_bytes(&object->partition, block, 0)) {
        hd_rx_drop(receiver, HERALD_NORM_DROP_INCONSISTENT);
        return false;
    }
    if (!hd_rx_object_takes_parity(object)) {
        hd_rx_drop(receiver, HERALD_NORM_DROP_UNSUPPORTED);
        return true;
    }
    partial = remember(receiver, object, hd_rx_partial_find(receiver, object, block), block);
    if (hd_bits_test(partial->received, symbol)) {
        hd_rx_drop(receiver, HERALD_NORM_DROP_DUPLICATE);
        return true;
    }
    receiver->statistics.parity_datagrams++;
    if (partial->source_count + partial->parity_count + 1 >= source_symbols)
        complete(receiver, object, partial, &parity);
    else if (hd_rx_partial_keep_parity(receiver, partial, symbol, &data->payload) < 0)
        hd_rx_drop(receiver, HERALD_NORM_DROP_LIMIT);
    return true;
}

bool hd_rx_block_input(herald_norm_receiver *receiver, struct hd_rx_object *object, const struct hd_data *data)
{
    uint64_t block = data->position.id.block;
    uint32_t symbol = data->position.id.symbol;
    uint32_t source_symbols;

    if (!names_block(object, &data->position)) {
        hd_rx_drop(receiver, HERALD_NORM_DROP_INCONSISTENT);
        return false;
    }
    source_symbols = hd_partition_block_symbols(&object->partition, block);
    if (symbol >= source_symbols + object->parity_symbols) {
        hd_rx_drop(receiver, HERALD_NORM_DROP_INCONSISTENT);
        return false;
    }
    if (hd_bits_test(object->complete, block)) {
        hd_rx_drop(receiver, HERALD_NORM_DROP_DUPLICATE);
        return true;
    }
    return symbol < source_symbols ? input_source(receiver, object, data) : input_parity(receiver, object, data);
}
