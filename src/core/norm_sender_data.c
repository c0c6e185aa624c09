/* SPDX-License-Identifier: MIT */
/* What the sender sends of its objects: DATA and INFO (RFC 5740 sections 4.2.1 and 4.2.2), and parity. */
#include "norm_sender.h"

#include <errno.h>
#include <string.h>

/* Of what differs from one DATA of an object to the next, in its header (section 4.2.1). */
enum {
    SEQUENCE_OFFSET_BYTES = 2,
    PAYLOAD_ID_OFFSET_BYTES = 16,
};

/* --- headers --- */

static struct hd_fti object_fti(const struct herald_norm_sender *sender, const struct hd_tx_object *object)
{
    const struct herald_norm_sender_config *config = &sender->config;
    uint64_t object_bytes = object->partition.object_bytes;

    /* The size of a stream is its buffer's (as deployed). */
    if (object->kind == HERALD_NORM_STREAM)
        object_bytes = (uint64_t)object->stream.buffer_blocks * config->block_segments * config->segment_bytes;
    return (struct hd_fti){
        .object_bytes = object_bytes,
        .segment_bytes = config->segment_bytes,
        .max_block_symbols = config->block_segments,
        .parity_symbols = config->parity_segments,
    };
}

/* What all DATA of an object begin with. */
static void make_header(struct herald_norm_sender *sender, struct hd_tx_object *object)
{
    struct hd_writer writer = hd_writer_over(object->header, sizeof(object->header));
    struct hd_position position = { .fec_id = sender->config.fec_id, .object_id = object->id };
    struct hd_fti fti = object_fti(sender, object);

    hd_wire_put_data(&writer, &sender->header, object->flags, &position);
    hd_wire_put_ext_fti(&writer, sender->config.fec_id, &fti);
    hd_wire_end_header(&writer);
    assert(!writer.overflow);
    object->header_bytes = (uint8_t)hd_writer_size(&writer);
    object->header_version = sender->header_version;
}

static void put_header(struct herald_norm_sender *sender, struct hd_tx_object *object, uint64_t block, uint16_t symbols,
                       uint16_t symbol, struct herald_norm_datagram *datagram)
{
    uint8_t *id = datagram->buffer + PAYLOAD_ID_OFFSET_BYTES;

    if (object->header_version != sender->header_version)
        make_header(sender, object);
    memcpy(datagram->buffer, object->header, sizeof(object->header)); /* of fixed size: a few moves */
    hd_store_u16(datagram->buffer + SEQUENCE_OFFSET_BYTES, sender->header.sequence++);
    if (sender->config.fec_id == HD_FEC_SMALL_BLOCK) {
        hd_store_u32(id, (uint32_t)block);
        hd_store_u16(id + 4, symbols);
        hd_store_u16(id + 6, symbol);
    } else {
        hd_store_u24(id, (uint32_t)block);
        id[3] = (uint8_t)symbol;
    }
    datagram->header_bytes = object->header_bytes;
}

void hd_tx_send_info(struct herald_norm_sender *sender, struct hd_tx_object *object,
                     struct herald_norm_datagram *datagram)
{
    struct hd_writer writer = hd_tx_writer(sender, datagram);
    struct hd_fti fti = object_fti(sender, object);

    hd_wire_put_info(&writer, &sender->header, object->flags, sender->config.fec_id, object->id);
    hd_wire_put_ext_fti(&writer, sender->config.fec_id, &fti);
    hd_wire_end_header(&writer);
    hd_wire_put_content(&writer, object->info, object->info_bytes);
    hd_tx_finish(sender, datagram, &writer);
    sender->statistics.info_datagrams++;
}

/* --- bytes --- */

/* Finds the block's bytes. @return 0; -EIO: the source has none. */
static int load_view(struct herald_norm_sender *sender, struct hd_tx_object *object, uint64_t block)
{
    struct hd_tx_view *view = &sender->view;
    uint64_t offset_bytes;
    const uint8_t *bytes;

    if (view->object == object && view->block == block)
        return 0;
    offset_bytes = hd_partition_block_offset(&object->partition, block);
    view->object = NULL;
    view->size_bytes = (uint32_t)hd_partition_block_bytes(&object->partition, block);
    bytes = object->bytes ? object->bytes + offset_bytes
                          : object->source.read_at(object->source.user, offset_bytes, view->size_bytes);
    if (!bytes)
        return -EIO;
    view->object = object;
    view->block = block;
    view->bytes = bytes;
    view->symbols = hd_partition_block_symbols(&object->partition, block);
    return 0;
}

/* Symbol number `symbol` of the view. */
static struct hd_fec_symbol view_symbol(const struct herald_norm_sender *sender, uint16_t symbol)
{
    uint32_t segment_bytes = sender->config.segment_bytes;
    uint32_t offset_bytes = symbol * segment_bytes;
    uint32_t left_bytes = sender->view.size_bytes - offset_bytes;

    return (struct hd_fec_symbol){ .data = sender->view.bytes + offset_bytes,
                                   .bytes = left_bytes < segment_bytes ? left_bytes : segment_bytes };
}

/* --- parity --- */

/* The encoder's input: every source symbol of the block. @return how many; the view is loaded already. */
static uint16_t gather_source(struct herald_norm_sender *sender, const struct hd_tx_object *object, uint64_t block)
{
    if (object->kind == HERALD_NORM_STREAM)
        return hd_stream_tx_block(&object->stream, block, sender->source_symbols);
    for (uint16_t symbol = 0; symbol < sender->view.symbols; symbol++)
        sender->source_symbols[symbol] = view_symbol(sender, symbol);
    return sender->view.symbols;
}

/* Computes parity rows, in the room that each has. */
static void compute_parity(struct herald_norm_sender *sender, struct hd_tx_object *object, uint64_t block,
                           uint16_t first_row, uint16_t rows)
{
    struct hd_tx_parity *parity = &sender->parity;
    uint16_t symbols = gather_source(sender, object, block);
    size_t longest_bytes = 0;
    int r;

    for (uint16_t symbol = 0; symbol < symbols; symbol++) {
        if (sender->source_symbols[symbol].bytes > longest_bytes)
            longest_bytes = sender->source_symbols[symbol].bytes;
        sender->statistics.parity_bytes_encoded += sender->source_symbols[symbol].bytes;
    }
    if (parity->object != object || parity->block != block)
        memset(parity->computed, 0, sizeof(parity->computed));
    parity->object = object;
    parity->block = block;
    parity->row_bytes = (uint16_t)longest_bytes;
    r = hd_fec_encode(sender->encoder, sender->source_symbols, symbols, first_row, rows,
                      sender->parity_rows + first_row, longest_bytes);
    assert(r == 0);
    (void)r;
    hd_bits_set_range(parity->computed, first_row, (uint64_t)first_row + rows);
}

static void send_parity(struct herald_norm_sender *sender, struct hd_tx_object *object, uint64_t block,
                        uint16_t symbols, uint16_t symbol, uint16_t rows, struct herald_norm_datagram *datagram)
{
    struct hd_tx_parity *parity = &sender->parity;
    uint16_t row = (uint16_t)(symbol - symbols);

    assert(row + rows <= sender->config.parity_segments);
    if (parity->object != object || parity->block != block || !hd_bits_test(parity->computed, row))
        compute_parity(sender, object, block, row, rows);
    put_header(sender, object, block, symbols, symbol, datagram);
    memcpy(datagram->buffer + datagram->header_bytes, sender->parity_rows[row], parity->row_bytes);
    datagram->header_bytes += parity->row_bytes;
    datagram->payload = NULL;
    datagram->payload_bytes = 0;
    sender->statistics.parity_datagrams++;
}

/* --- symbols --- */

int hd_tx_send_symbol(struct herald_norm_sender *sender, struct hd_tx_object *object, uint64_t block, uint16_t symbol,
                      uint16_t rows, struct herald_norm_datagram *datagram, uint64_t now_ns)
{
    bool is_stream = object->kind == HERALD_NORM_STREAM;
    struct hd_fec_symbol payload;
    uint16_t symbols;

    if (!is_stream && load_view(sender, object, block) < 0) {
        hd_tx_object_fail(sender, object, now_ns);
        return 0;
    }
    symbols = is_stream ? object->stream.block_symbols : sender->view.symbols;
    object->last_sent_ns = now_ns;
    hd_tx_flush_want(sender);
    if (symbol >= symbols) {
        send_parity(sender, object, block, symbols, symbol, rows, datagram);
        return 1;
    }
    payload = is_stream ? hd_stream_tx_vector(&object->stream, block, symbol) : view_symbol(sender, symbol);
    put_header(sender, object, block, symbols, symbol, datagram);
    datagram->payload = payload.data;
    datagram->payload_bytes = payload.bytes;
    sender->statistics.source_datagrams++;
    return 1;
}

/* --- the first transmission --- */

/* All of the object is out for the first time. */
static void end_object(struct herald_norm_sender *sender, struct hd_tx_object *object)
{
    hd_tx_object_set_state(object, HD_TX_SENT);
    hd_tx_event(sender, HERALD_NORM_SENDER_SENT, object->id);
    hd_tx_choose_sending(sender);
    hd_tx_room_on_sent(sender, object);
}

/* Of a FILE or DATA object. */
static bool is_all_sent(const struct hd_tx_object *object)
{
    return object->next_block == object->partition.blocks && object->info_left == 0;
}

/* A symbol of a stream is out: is there another? */
static void advance_stream(struct herald_norm_sender *sender, struct hd_tx_object *object)
{
    const struct hd_stream_tx *stream = &object->stream;

    if (object->next_symbol >= stream->block_symbols ||
        hd_stream_tx_has(stream, object->next_block, object->next_symbol))
        return;
    if (stream->is_closed)
        end_object(sender, object);
    else
        hd_tx_choose_sending(sender);
}

static void advance(struct herald_norm_sender *sender, struct hd_tx_object *object, uint64_t now_ns)
{
    bool is_stream = object->kind == HERALD_NORM_STREAM;
    uint16_t symbols = is_stream ? object->stream.block_symbols : sender->view.symbols;

    if (is_stream)
        hd_tx_stream_sent(object, object->next_block, now_ns);
    object->next_symbol++;
    if (object->next_symbol == symbols + sender->config.proactive_parity) {
        object->next_symbol = 0;
        object->next_block++;
        if (object->is_write_blocked || object->is_closing)
            hd_tx_stream_check(sender, now_ns);
    }
    if (is_stream)
        advance_stream(sender, object);
    else if (is_all_sent(object))
        end_object(sender, object);
}

/*
 * INFO goes first. Where parity is sent without being asked for, for receivers that cannot ask, INFO is repeated for
 * them too: before each of the next blocks, for losses come in bursts, and what is left of it at the end.
 */
static bool is_info_next(const struct hd_tx_object *object)
{
    if (object->info_left == 0)
        return false;
    if (!object->is_info_sent)
        return true;
    if (object->kind != HERALD_NORM_STREAM && object->next_block == object->partition.blocks)
        return true;
    return object->next_symbol == 0 && object->next_block > object->info_block;
}

static void send_new_info(struct herald_norm_sender *sender, struct hd_tx_object *object,
                          struct herald_norm_datagram *datagram, uint64_t now_ns)
{
    hd_tx_send_info(sender, object, datagram);
    object->is_info_sent = true;
    object->info_left--;
    object->info_block = object->next_block;
    object->last_sent_ns = now_ns;
    hd_tx_flush_want(sender);
    if (object->kind == HERALD_NORM_STREAM)
        hd_tx_choose_sending(sender);
    else if (is_all_sent(object))
        end_object(sender, object);
}

int hd_tx_send_new(struct herald_norm_sender *sender, struct herald_norm_datagram *datagram, uint64_t now_ns)
{
    struct hd_tx_object *object = sender->sending;
    uint16_t rows;

    if (object->state == HD_TX_QUEUED)
        hd_tx_object_set_state(object, HD_TX_SENDING);
    if (is_info_next(object)) {
        send_new_info(sender, object, datagram, now_ns);
        return 1;
    }
    rows = (uint16_t)(hd_tx_block_symbols(object, object->next_block) + sender->config.proactive_parity -
                      object->next_symbol);
    if (!hd_tx_send_symbol(sender, object, object->next_block, object->next_symbol, rows, datagram, now_ns))
        return 0;
    sender->statistics.payload_bytes += object->kind == HERALD_NORM_STREAM && datagram->payload_bytes > 0
                                            ? datagram->payload_bytes - HD_STREAM_HEADER_BYTES
                                            : datagram->payload_bytes;
    advance(sender, object, now_ns);
    return 1;
}
