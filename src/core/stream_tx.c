/* SPDX-License-Identifier: MIT */
#include "stream_tx.h"

static size_t vector_room_bytes(const struct hd_stream_tx *tx)
{
    return HD_STREAM_HEADER_BYTES + (size_t)tx->segment_bytes;
}

/* Where a symbol's vector is; a block's slot is its number modulo the buffer's blocks. */
static uint8_t *vector_at(const struct hd_stream_tx *tx, uint64_t block, uint16_t symbol)
{
    size_t slot = (size_t)(block % tx->buffer_blocks) * tx->block_symbols + symbol;

    return tx->vectors + slot * vector_room_bytes(tx);
}

size_t hd_stream_tx_memory_bytes(uint32_t buffer_blocks, uint16_t block_symbols, uint16_t segment_bytes)
{
    return (size_t)buffer_blocks * block_symbols * (HD_STREAM_HEADER_BYTES + (size_t)segment_bytes);
}

void hd_stream_tx_init(struct hd_stream_tx *tx, uint8_t *memory, uint32_t buffer_blocks, uint16_t block_symbols,
                       uint16_t segment_bytes)
{
    assert(buffer_blocks >= 2 && block_symbols > 0 && segment_bytes > 0);
    *tx = (struct hd_stream_tx){
        .buffer_blocks = buffer_blocks,
        .block_symbols = block_symbols,
        .segment_bytes = segment_bytes,
    };
    tx->vectors = memory;
}

/* Makes the open symbol ready, empty or not, and goes on to the next. */
static void end_symbol(struct hd_stream_tx *tx)
{
    struct hd_writer writer = hd_writer_over(vector_at(tx, tx->next_block, tx->next_symbol), HD_STREAM_HEADER_BYTES);
    struct hd_stream_header header = {
        .size_bytes = tx->open_bytes,
        .message_start = tx->open_start,
        .offset_bytes = (uint32_t)(tx->written_bytes - tx->open_bytes),
    };

    hd_wire_put_stream_header(&writer, &header);
    tx->open_bytes = 0;
    tx->open_start = 0;
    if (++tx->next_symbol == tx->block_symbols) {
        tx->next_symbol = 0;
        tx->next_block++;
    }
}

/* Fills the open symbol. @return how many bytes it took. */
static size_t fill_symbol(struct hd_stream_tx *tx, const uint8_t *bytes, size_t size_bytes)
{
    uint8_t *vector = vector_at(tx, tx->next_block, tx->next_symbol);
    size_t room_bytes = (size_t)tx->segment_bytes - tx->open_bytes;
    size_t taken_bytes = size_bytes < room_bytes ? size_bytes : room_bytes;

    memcpy(vector + HD_STREAM_HEADER_BYTES + tx->open_bytes, bytes, taken_bytes);
    tx->open_bytes = (uint16_t)(tx->open_bytes + taken_bytes);
    tx->written_bytes += taken_bytes;
    if (tx->open_bytes == tx->segment_bytes)
        end_symbol(tx);
    return taken_bytes;
}

size_t hd_stream_tx_write(struct hd_stream_tx *tx, const uint8_t *bytes, size_t size_bytes, bool is_message_start)
{
    size_t taken_bytes = 0;

    if (tx->is_closed || size_bytes == 0)
        return 0;
    if (is_message_start && tx->open_start != 0)
        end_symbol(tx);
    if (is_message_start && !hd_stream_tx_is_full(tx))
        tx->open_start = (uint16_t)(tx->open_bytes + 1);
    while (taken_bytes < size_bytes && !hd_stream_tx_is_full(tx))
        taken_bytes += fill_symbol(tx, bytes + taken_bytes, size_bytes - taken_bytes);
    return taken_bytes;
}

bool hd_stream_tx_flush(struct hd_stream_tx *tx)
{
    if (tx->open_bytes == 0)
        return false;
    end_symbol(tx);
    return true;
}

int hd_stream_tx_close(struct hd_stream_tx *tx)
{
    if (tx->is_closed)
        return 0;
    hd_stream_tx_flush(tx);
    if (hd_stream_tx_is_full(tx))
        return -ENOBUFS;
    end_symbol(tx);
    tx->is_closed = true;
    return 0;
}

uint64_t hd_stream_tx_room_bytes(const struct hd_stream_tx *tx)
{
    uint64_t free_symbols;

    if (tx->is_closed || hd_stream_tx_is_full(tx))
        return 0;
    free_symbols = (tx->first_block + tx->buffer_blocks - tx->next_block) * tx->block_symbols - tx->next_symbol;
    return free_symbols * tx->segment_bytes - tx->open_bytes;
}

bool hd_stream_tx_drop_block(struct hd_stream_tx *tx)
{
    if (tx->first_block == tx->next_block)
        return false;
    tx->first_block++;
    return true;
}

struct hd_fec_symbol hd_stream_tx_vector(const struct hd_stream_tx *tx, uint64_t block, uint16_t symbol)
{
    const uint8_t *vector = vector_at(tx, block, symbol);

    assert(hd_stream_tx_has(tx, block, symbol));
    return (struct hd_fec_symbol){ .data = vector, .bytes = HD_STREAM_HEADER_BYTES + (size_t)hd_load_u16(vector) };
}

uint16_t hd_stream_tx_block(const struct hd_stream_tx *tx, uint64_t block, struct hd_fec_symbol ret_source[])
{
    uint16_t symbols_count = hd_stream_tx_ready_symbols(tx, block);

    for (uint16_t symbol = 0; symbol < symbols_count; symbol++)
        ret_source[symbol] = hd_stream_tx_vector(tx, block, symbol);
    return symbols_count;
}
