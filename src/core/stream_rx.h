/* SPDX-License-Identifier: MIT */
/*
 * What a receiver keeps of a stream: symbols as they arrive, until they are read in order.
 *
 * A symbol is a vector, as in stream_tx.h: stream header and bytes. The buffer holds the blocks from the one that is
 * read, next_block, on: [next_block, next_block + buffer_blocks). A block stays, although parts of it were read, until
 * its last symbol was, for the decoder may need it. Block numbers have 64 bits (wrap.h).
 *
 * What is lost: hd_stream_rx_make_room() drops the oldest blocks, read or not; hd_stream_rx_give_up() lets the reader
 * step over missing symbols. Reading then goes on at the next message start, or at the next byte if no symbol so far
 * had one. How much was lost follows from the offsets in the headers, and cannot exceed what the missing symbols could
 * have held. Offsets that contradict each other are counted, never trusted beyond that.
 *
 * Invariants: a present symbol's vector lies within its room, and holds its header and all the bytes which that names,
 * or it is a *bad* one (size 0), recovered by parity from contradictions, which is stepped over like a lost one.
 */
#ifndef HD_STREAM_RX_H
#define HD_STREAM_RX_H

#include "bits.h"
#include "fec.h"
#include "wire.h"
#include "wrap.h"

#include <herald/norm.h>

struct hd_stream_rx {
    uint64_t *present;     /* words_per_block words for each block of the buffer */
    uint16_t *sizes_bytes; /* of the vectors */
    uint8_t *vectors;
    uint32_t buffer_blocks;
    uint32_t words_per_block;
    uint16_t block_symbols;
    uint16_t segment_bytes; /* without the stream header */

    uint64_t next_block; /* the reader: the next byte is here, */
    uint16_t next_symbol;
    uint16_t next_byte;      /* behind so many bytes of that symbol */
    uint64_t next_offset;    /* which is, in the stream, this one */
    uint64_t give_up_before; /* blocks whose missing symbols are stepped over */
    uint64_t newest_block;   /* of which anything was stored */
    uint64_t missed_symbols; /* stepped over since the last byte was read: bounds what can have been lost */
    uint64_t missed_bytes;   /* lost since then, for the next piece */
    bool joined;             /* a byte was found to begin with: next_offset has a meaning */
    bool resync;             /* something was lost: continue at a message start */
    bool has_messages;       /* a message start was seen */
    bool at_end;             /* the end mark was read */

    uint64_t lost_bytes;           /* in all */
    uint64_t inconsistent_symbols; /* whose headers contradicted others */
};

/* What the reader would find. */
enum hd_stream_rx_next {
    HD_STREAM_RX_WAIT, /* the next symbol is missing */
    HD_STREAM_RX_DATA,
    HD_STREAM_RX_END, /* everything was read, and the sender closed the stream */
};

/* The memory that a buffer needs, in a piece that is aligned for uint64_t: buffer_blocks >= 2. */
size_t hd_stream_rx_memory_bytes(uint32_t buffer_blocks, uint16_t block_symbols, uint16_t segment_bytes);

/* `memory` is borrowed. first_block is where reading begins: hd_wrap_origin() of what was first heard. */
void hd_stream_rx_init(struct hd_stream_rx *rx, void *memory, uint32_t buffer_blocks, uint16_t block_symbols,
                       uint16_t segment_bytes, uint64_t first_block);

/* The block that a wire number of `bits` bits means. */
static inline uint64_t hd_stream_rx_unwrap(const struct hd_stream_rx *rx, uint32_t wire_block, unsigned bits)
{
    return hd_wrap_near(rx->newest_block, wire_block, bits);
}

/* Is the block in the buffer's window? */
static inline bool hd_stream_rx_holds(const struct hd_stream_rx *rx, uint64_t block)
{
    return block >= rx->next_block && block - rx->next_block < rx->buffer_blocks;
}

/* The bitmap (block_symbols bits) of the symbols that are present in a block of the window. */
uint64_t *hd_stream_rx_present(const struct hd_stream_rx *rx, uint64_t block);

/* Is the symbol here, or was it, or will it never be wanted again? */
static inline bool hd_stream_rx_has(const struct hd_stream_rx *rx, uint64_t block, uint16_t symbol)
{
    return block < rx->next_block ||
           (hd_stream_rx_holds(rx, block) && hd_bits_test(hd_stream_rx_present(rx, block), symbol));
}

/* How many symbols of a block are not present: 0 when it was read, all when it is ahead of the window. */
uint16_t hd_stream_rx_missing_symbols(const struct hd_stream_rx *rx, uint64_t block);

/* Drops the oldest blocks, read or not, until `block` is in the window. @return how many. */
uint64_t hd_stream_rx_make_room(struct hd_stream_rx *rx, uint64_t block);

/*
 * Stores a source symbol as it came: stream header and bytes.
 * @return 0; -EALREADY: present, or read; -ERANGE: the block is ahead of the window, hd_stream_rx_make_room() first;
 *         -EBADMSG: no such symbol in a block, too long, or the header names more than there is.
 */
HERALD_CHECKED int hd_stream_rx_store(struct hd_stream_rx *rx, uint64_t block, uint16_t symbol, const uint8_t *vector,
                                      size_t vector_bytes);

/* --- for the decoder --- */

/* The room of a symbol of a block in the window: HD_STREAM_HEADER_BYTES + segment_bytes, where it is recovered to. */
uint8_t *hd_stream_rx_room(const struct hd_stream_rx *rx, uint64_t block, uint16_t symbol);

/* A present symbol. */
struct hd_fec_symbol hd_stream_rx_vector(const struct hd_stream_rx *rx, uint64_t block, uint16_t symbol);

/* Marks a symbol as present that was recovered into its room. @return 0; -EBADMSG: it is bad (and stepped over). */
int hd_stream_rx_recovered(struct hd_stream_rx *rx, uint64_t block, uint16_t symbol, size_t vector_bytes);

/* --- for the reader --- */

/*
 * From now on, symbols that are missing in blocks before this one are stepped over. The block before it is brought into
 * the window.
 */
void hd_stream_rx_give_up(struct hd_stream_rx *rx, uint64_t before_block);

/* Steps over what shall not be delivered. @return what comes then. */
enum hd_stream_rx_next hd_stream_rx_look(struct hd_stream_rx *rx);

/*
 * As herald_norm_receiver_stream_read(): reads up to the next message start, loss, missing symbol or the buffer's end.
 * @return 1: *ret_piece is filled, size_bytes > 0; 0: nothing now, or buffer_bytes is 0.
 */
HERALD_CHECKED int hd_stream_rx_read(struct hd_stream_rx *rx, uint8_t *buffer, size_t buffer_bytes,
                                     struct herald_norm_stream_piece *ret_piece);

#endif
