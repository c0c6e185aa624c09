/* SPDX-License-Identifier: MIT */
/*
 * What a sender keeps of a stream: the last blocks of it, as they go onto the wire and into the encoder.
 *
 * A symbol is a *vector*: the stream header (RFC 5740 section 4.2.1: length, first message start, offset) and its
 * bytes, in one piece, so that it is a datagram's payload and an encoder's input without being copied. Every symbol
 * holds at most one message start: a second one begins a symbol of its own, since the header can name only one and
 * receivers shall find each. A symbol ends when it is full, flushed, or followed by such a start; it then is *ready*
 * and never changes. Unused room behind a vector's end is not sent, and counts as zeros in the code.
 *
 * Invariants: blocks first_block .. next_block - 1 are complete (all block_symbols ready); of next_block the symbols
 * before next_symbol are ready, and the symbol next_symbol has open_bytes bytes that are not. At most buffer_blocks
 * are held; nothing is overwritten but by hd_stream_tx_drop_block(). Block numbers have 64 bits (wrap.h).
 */
#ifndef HD_STREAM_TX_H
#define HD_STREAM_TX_H

#include "fec.h"
#include "wire.h"

struct hd_stream_tx {
    uint8_t *vectors;
    uint32_t buffer_blocks;
    uint16_t block_symbols;
    uint16_t segment_bytes; /* without the stream header */
    uint64_t first_block;   /* the oldest that is held */
    uint64_t next_block;    /* where the next byte goes */
    uint16_t next_symbol;
    uint16_t open_bytes;    /* of that symbol, so far */
    uint16_t open_start;    /* its message start + 1; 0 if there is none */
    uint64_t written_bytes; /* of the stream, so far; the offset of the next byte */
    bool is_closed;         /* and the end mark is its last symbol */
};

/* The memory that a buffer needs: buffer_blocks >= 2. */
size_t hd_stream_tx_memory_bytes(uint32_t buffer_blocks, uint16_t block_symbols, uint16_t segment_bytes);

/* `memory` is borrowed until the buffer is no longer used. Blocks are numbered from 0. */
void hd_stream_tx_init(struct hd_stream_tx *tx, uint8_t *memory, uint32_t buffer_blocks, uint16_t block_symbols,
                       uint16_t segment_bytes);

/* Appends bytes, as many as there is room for; is_message_start concerns the first of them. @return how many. */
size_t hd_stream_tx_write(struct hd_stream_tx *tx, const uint8_t *bytes, size_t size_bytes, bool is_message_start);

/* Ends the open symbol, if it has any byte. @return true: there was one. */
bool hd_stream_tx_flush(struct hd_stream_tx *tx);

/* Appends the end mark: a symbol without bytes and message start. @return 0, also if closed before; -ENOBUFS: full. */
HERALD_CHECKED int hd_stream_tx_close(struct hd_stream_tx *tx);

/* Bytes that the next hd_stream_tx_write() takes at least, if it starts no message. */
uint64_t hd_stream_tx_room_bytes(const struct hd_stream_tx *tx);

/* Forgets the oldest block to make room. @return false: there is no complete block to forget. */
bool hd_stream_tx_drop_block(struct hd_stream_tx *tx);

/* Is every symbol taken? Then writing needs hd_stream_tx_drop_block() first. */
static inline bool hd_stream_tx_is_full(const struct hd_stream_tx *tx)
{
    return tx->next_block - tx->first_block >= tx->buffer_blocks;
}

/* How many symbols of a block are ready: from symbol 0 on, all of them for a complete block, 0 for one not held. */
static inline uint16_t hd_stream_tx_ready_symbols(const struct hd_stream_tx *tx, uint64_t block)
{
    if (block < tx->first_block || block > tx->next_block)
        return 0;
    return block < tx->next_block ? tx->block_symbols : tx->next_symbol;
}

/* Can this symbol be sent? */
static inline bool hd_stream_tx_has(const struct hd_stream_tx *tx, uint64_t block, uint32_t symbol)
{
    return symbol < hd_stream_tx_ready_symbols(tx, block);
}

/* A ready symbol: stream header and bytes. Valid until the block is dropped and written anew. */
struct hd_fec_symbol hd_stream_tx_vector(const struct hd_stream_tx *tx, uint64_t block, uint16_t symbol);

/* A block's ready symbols, as the encoder wants them. ret_source has room for block_symbols. @return how many. */
uint16_t hd_stream_tx_block(const struct hd_stream_tx *tx, uint64_t block, struct hd_fec_symbol ret_source[]);

#endif
