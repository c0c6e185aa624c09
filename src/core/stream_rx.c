/* SPDX-License-Identifier: MIT */
#include "stream_rx.h"

static size_t room_bytes(uint16_t segment_bytes)
{
    return HD_STREAM_HEADER_BYTES + (size_t)segment_bytes;
}

static size_t slot_of(const struct hd_stream_rx *rx, uint64_t block, uint16_t symbol)
{
    assert(hd_stream_rx_holds(rx, block) && symbol < rx->block_symbols);
    return (size_t)(block % rx->buffer_blocks) * rx->block_symbols + symbol;
}

size_t hd_stream_rx_memory_bytes(uint32_t buffer_blocks, uint16_t block_symbols, uint16_t segment_bytes)
{
    size_t present_bytes = (size_t)hd_bits_words(block_symbols) * sizeof(uint64_t);
    size_t symbol_bytes = sizeof(uint16_t) + room_bytes(segment_bytes);

    return buffer_blocks * (present_bytes + block_symbols * symbol_bytes);
}

void hd_stream_rx_init(struct hd_stream_rx *rx, void *memory, uint32_t buffer_blocks, uint16_t block_symbols,
                       uint16_t segment_bytes, uint64_t first_block)
{
    uint32_t words_per_block = (uint32_t)hd_bits_words(block_symbols);
    uint64_t *present = memory;
    uint16_t *sizes_bytes = (uint16_t *)(void *)(present + (size_t)buffer_blocks * words_per_block);

    assert(buffer_blocks >= 2 && block_symbols > 0 && segment_bytes > 0);
    *rx = (struct hd_stream_rx){
        .present = present,
        .sizes_bytes = sizes_bytes,
        .vectors = (uint8_t *)(sizes_bytes + (size_t)buffer_blocks * block_symbols),
        .buffer_blocks = buffer_blocks,
        .words_per_block = words_per_block,
        .block_symbols = block_symbols,
        .segment_bytes = segment_bytes,
        .next_block = first_block,
        .newest_block = first_block,
    };
    memset(present, 0, (size_t)buffer_blocks * words_per_block * sizeof(*present));
}

uint64_t *hd_stream_rx_present(const struct hd_stream_rx *rx, uint64_t block)
{
    assert(hd_stream_rx_holds(rx, block));
    return rx->present + (size_t)(block % rx->buffer_blocks) * rx->words_per_block;
}

uint16_t hd_stream_rx_missing_symbols(const struct hd_stream_rx *rx, uint64_t block)
{
    if (block < rx->next_block)
        return 0;
    if (!hd_stream_rx_holds(rx, block))
        return rx->block_symbols;
    return (uint16_t)(rx->block_symbols - hd_bits_count(hd_stream_rx_present(rx, block), 0, rx->block_symbols));
}

/* --- storing --- */

/* Does a header fit what follows it? Where it says that a message starts, there must be a byte. */
static int parse_vector(const uint8_t *vector, size_t vector_bytes, struct hd_stream_header *ret_header)
{
    struct hd_cursor payload = hd_cursor_over(vector, vector_bytes);
    struct hd_stream_header header;

    if (hd_wire_stream_header(&payload, &header) < 0 || header.message_start > header.size_bytes)
        return -EBADMSG;
    *ret_header = header;
    return 0;
}

static void mark_present(struct hd_stream_rx *rx, uint64_t block, uint16_t symbol, size_t vector_bytes)
{
    rx->sizes_bytes[slot_of(rx, block, symbol)] = (uint16_t)vector_bytes;
    hd_bits_set(hd_stream_rx_present(rx, block), symbol);
    if (block > rx->newest_block)
        rx->newest_block = block;
}

int hd_stream_rx_store(struct hd_stream_rx *rx, uint64_t block, uint16_t symbol, const uint8_t *vector,
                       size_t vector_bytes)
{
    struct hd_stream_header header;

    if (symbol >= rx->block_symbols || vector_bytes > room_bytes(rx->segment_bytes))
        return -EBADMSG;
    if (hd_stream_rx_has(rx, block, symbol))
        return -EALREADY;
    if (!hd_stream_rx_holds(rx, block))
        return -ERANGE;
    if (parse_vector(vector, vector_bytes, &header) < 0)
        return -EBADMSG;
    memcpy(hd_stream_rx_room(rx, block, symbol), vector, vector_bytes);
    mark_present(rx, block, symbol, vector_bytes);
    rx->has_messages |= header.message_start > 0;
    return 0;
}

uint8_t *hd_stream_rx_room(const struct hd_stream_rx *rx, uint64_t block, uint16_t symbol)
{
    return rx->vectors + slot_of(rx, block, symbol) * room_bytes(rx->segment_bytes);
}

struct hd_fec_symbol hd_stream_rx_vector(const struct hd_stream_rx *rx, uint64_t block, uint16_t symbol)
{
    assert(hd_bits_test(hd_stream_rx_present(rx, block), symbol));
    return (struct hd_fec_symbol){
        .data = hd_stream_rx_room(rx, block, symbol),
        .bytes = rx->sizes_bytes[slot_of(rx, block, symbol)],
    };
}

int hd_stream_rx_recovered(struct hd_stream_rx *rx, uint64_t block, uint16_t symbol, size_t vector_bytes)
{
    struct hd_stream_header header;

    assert(vector_bytes <= room_bytes(rx->segment_bytes));
    if (parse_vector(hd_stream_rx_room(rx, block, symbol), vector_bytes, &header) < 0) {
        mark_present(rx, block, symbol, 0);
        rx->inconsistent_symbols++;
        return -EBADMSG;
    }
    mark_present(rx, block, symbol, vector_bytes);
    rx->has_messages |= header.message_start > 0;
    return 0;
}

/* --- moving on --- */

/* Makes the buffer begin at a later block. What lies between was missed, unless it had been read. */
static void move_to_block(struct hd_stream_rx *rx, uint64_t block)
{
    uint64_t passed_blocks = block - rx->next_block;
    uint64_t cleared_blocks = passed_blocks < rx->buffer_blocks ? passed_blocks : rx->buffer_blocks;

    for (uint64_t i = 0; i < cleared_blocks; i++)
        memset(hd_stream_rx_present(rx, rx->next_block + i), 0, rx->words_per_block * sizeof(*rx->present));
    rx->next_block = block;
    rx->next_symbol = 0;
    rx->next_byte = 0;
    if (block > rx->newest_block)
        rx->newest_block = block;
}

static void next_symbol(struct hd_stream_rx *rx)
{
    rx->next_byte = 0;
    if (++rx->next_symbol == rx->block_symbols)
        move_to_block(rx, rx->next_block + 1);
}

static void miss_symbols(struct hd_stream_rx *rx, uint64_t symbols_count)
{
    rx->missed_symbols += symbols_count;
    rx->resync = true;
}

uint64_t hd_stream_rx_make_room(struct hd_stream_rx *rx, uint64_t block)
{
    uint64_t dropped_blocks;

    if (block < rx->next_block || hd_stream_rx_holds(rx, block))
        return 0;
    dropped_blocks = block - rx->next_block - rx->buffer_blocks + 1;
    miss_symbols(rx, dropped_blocks * rx->block_symbols - rx->next_symbol);
    move_to_block(rx, rx->next_block + dropped_blocks);
    return dropped_blocks;
}

void hd_stream_rx_give_up(struct hd_stream_rx *rx, uint64_t before_block)
{
    if (before_block <= rx->give_up_before || before_block <= rx->next_block)
        return;
    /* So that stepping over never takes longer than the buffer is. */
    hd_stream_rx_make_room(rx, before_block - 1);
    rx->give_up_before = before_block;
}

/* --- reading --- */

/* Who joins in the middle has lost nothing until it has found a beginning. */
static void lose_bytes(struct hd_stream_rx *rx, uint64_t size_bytes)
{
    if (!rx->joined)
        return;
    rx->missed_bytes += size_bytes;
    rx->lost_bytes += size_bytes;
}

/*
 * At the first byte of a symbol: its offset tells what was lost before it. No more than the missed symbols could have
 * held is believed.
 */
static void follow_offset(struct hd_stream_rx *rx, uint32_t offset_bytes)
{
    uint64_t limit_bytes = rx->missed_symbols * rx->segment_bytes;
    uint32_t gap_bytes = offset_bytes - (uint32_t)rx->next_offset;

    if (!rx->joined) {
        rx->next_offset = offset_bytes;
        rx->resync = offset_bytes > 0;
    } else if (gap_bytes <= limit_bytes) {
        rx->next_offset += gap_bytes;
        lose_bytes(rx, gap_bytes);
    } else {
        rx->next_offset = hd_wrap_near(rx->next_offset, offset_bytes, 32);
        rx->inconsistent_symbols++;
        lose_bytes(rx, limit_bytes);
    }
    rx->missed_symbols = 0;
}

/* The header of the symbol that the reader is at. @return false: it is missing, or bad. */
static bool here(const struct hd_stream_rx *rx, struct hd_stream_header *ret_header)
{
    struct hd_fec_symbol vector;

    if (!hd_bits_test(hd_stream_rx_present(rx, rx->next_block), rx->next_symbol))
        return false;
    vector = hd_stream_rx_vector(rx, rx->next_block, rx->next_symbol);
    return parse_vector(vector.data, vector.bytes, ret_header) == 0;
}

/*
 * Steps over what is missing where the reader is, if that was given up, or over a bad symbol.
 * @return false: it is waited for.
 */
static bool step_over(struct hd_stream_rx *rx)
{
    const uint64_t *present = hd_stream_rx_present(rx, rx->next_block);
    uint16_t first_present = (uint16_t)hd_bits_first_set(present, rx->next_symbol, rx->block_symbols);

    if (first_present == rx->next_symbol) {
        miss_symbols(rx, 1);
        next_symbol(rx);
        return true;
    }
    if (rx->next_block >= rx->give_up_before)
        return false;
    miss_symbols(rx, (uint64_t)first_present - rx->next_symbol);
    rx->next_symbol = first_present;
    if (first_present == rx->block_symbols)
        move_to_block(rx, rx->next_block + 1);
    return true;
}

/* Steps over bytes until the message start that follows a loss. @return false: not in this symbol. */
static bool find_start(struct hd_stream_rx *rx, const struct hd_stream_header *header)
{
    uint16_t skipped_bytes = header->size_bytes;

    if (rx->has_messages && rx->resync) {
        rx->resync = header->message_start == 0;
        if (header->message_start > 0)
            skipped_bytes = (uint16_t)(header->message_start - 1);
        lose_bytes(rx, skipped_bytes);
        rx->next_offset += skipped_bytes;
        rx->next_byte = skipped_bytes;
    }
    rx->resync &= rx->has_messages;
    if (rx->next_byte == header->size_bytes)
        return false;
    rx->joined = true;
    return true;
}

enum hd_stream_rx_next hd_stream_rx_look(struct hd_stream_rx *rx)
{
    struct hd_stream_header header;

    while (!rx->at_end) {
        if (!here(rx, &header)) {
            if (!step_over(rx))
                return HD_STREAM_RX_WAIT;
            continue;
        }
        if (rx->next_byte > 0)
            return HD_STREAM_RX_DATA;
        follow_offset(rx, header.offset_bytes);
        rx->at_end = header.size_bytes == 0 && header.message_start == 0;
        if (rx->at_end)
            break;
        if (find_start(rx, &header))
            return HD_STREAM_RX_DATA;
        next_symbol(rx);
    }
    return HD_STREAM_RX_END;
}

/*
 * Copies from the symbol that the reader is at, up to a message start behind its first byte.
 * @return how many bytes; 0 if something stands between them and the piece so far.
 */
static size_t read_symbol(struct hd_stream_rx *rx, uint8_t *buffer, size_t buffer_bytes,
                          struct herald_norm_stream_piece *piece)
{
    struct hd_stream_header header;
    const uint8_t *bytes = hd_stream_rx_room(rx, rx->next_block, rx->next_symbol) + HD_STREAM_HEADER_BYTES;
    size_t size_bytes;
    bool at_start;

    if (!here(rx, &header))
        return 0;
    at_start = header.message_start == rx->next_byte + 1;
    if (piece->size_bytes == 0) {
        piece->message_start = at_start;
        piece->offset_bytes = rx->next_offset;
        piece->lost_bytes = rx->missed_bytes;
    } else if (at_start || rx->missed_bytes > 0) {
        return 0;
    }
    size_bytes = (size_t)header.size_bytes - rx->next_byte;
    if (header.message_start > rx->next_byte + 1)
        size_bytes = (size_t)header.message_start - 1 - rx->next_byte;
    if (size_bytes > buffer_bytes)
        size_bytes = buffer_bytes;
    memcpy(buffer, bytes + rx->next_byte, size_bytes);
    rx->missed_bytes = 0;
    rx->next_offset += size_bytes;
    rx->next_byte = (uint16_t)(rx->next_byte + size_bytes);
    if (rx->next_byte == header.size_bytes)
        next_symbol(rx);
    return size_bytes;
}

int hd_stream_rx_read(struct hd_stream_rx *rx, uint8_t *buffer, size_t buffer_bytes,
                      struct herald_norm_stream_piece *ret_piece)
{
    struct herald_norm_stream_piece piece = { 0 };

    while (piece.size_bytes < buffer_bytes && hd_stream_rx_look(rx) == HD_STREAM_RX_DATA) {
        size_t size_bytes = read_symbol(rx, buffer + piece.size_bytes, buffer_bytes - piece.size_bytes, &piece);

        if (size_bytes == 0)
            break;
        piece.size_bytes += size_bytes;
    }
    if (piece.size_bytes == 0)
        return 0;
    *ret_piece = piece;
    return 1;
}
