/* SPDX-License-Identifier: MIT */
/* RFC 5740 section 4, from structs to packet bytes. */
#include "wire.h"
#include "wire_internal.h"

/* Of a message's fixed part, for one check of the room instead of one per field. */
enum {
    COMMON_BYTES = 8,
    SENDER_BYTES = 12,   /* with instance, grtt, backoff and gsize */
    RECEIVER_BYTES = 24, /* of NACK and ACK */
};

/* The common header; hdr_len is fixed by hd_wire_end_header(). */
static inline void store_common(uint8_t *at, uint8_t type, const struct hd_header *header)
{
    at[0] = (uint8_t)(HD_NORM_VERSION << 4 | type);
    at[1] = 0;
    hd_store_u16(at + 2, header->sequence);
    hd_store_u32(at + 4, header->source_id);
}

static inline void store_sender(uint8_t *at, uint8_t type, const struct hd_header *header)
{
    store_common(at, type, header);
    hd_store_u16(at + 8, header->instance_id);
    at[10] = header->grtt;
    at[11] = (uint8_t)(header->backoff << 4 | (header->gsize & 0x0f));
}

/* @return its size */
static inline size_t store_payload_id(uint8_t *at, uint8_t fec_id, const struct hd_payload_id *id)
{
    if (fec_id == HD_FEC_SMALL_BLOCK) {
        hd_store_u32(at, id->block);
        hd_store_u16(at + 4, id->block_symbols);
        hd_store_u16(at + 6, id->symbol);
        return 8;
    }
    hd_store_u24(at, id->block);
    at[3] = (uint8_t)id->symbol;
    return 4;
}

/* Only our own FEC schemes are ever sent. */
static inline size_t payload_id_bytes(uint8_t fec_id)
{
    assert(fec_id == HD_FEC_RS_8 || fec_id == HD_FEC_RS_2M || fec_id == HD_FEC_SMALL_BLOCK);
    return fec_id == HD_FEC_SMALL_BLOCK ? 8 : 4;
}

/* --- messages --- */

static inline void store_data(uint8_t *at, uint8_t flags, uint8_t fec_id, uint16_t object_id)
{
    at[SENDER_BYTES] = flags;
    at[SENDER_BYTES + 1] = fec_id;
    hd_store_u16(at + SENDER_BYTES + 2, object_id);
}

void hd_wire_put_info(struct hd_writer *writer, const struct hd_header *header, uint8_t flags, uint8_t fec_id,
                      uint16_t object_id)
{
    uint8_t *at = hd_writer_claim(writer, SENDER_BYTES + 4);

    if (!at)
        return;
    store_sender(at, HD_TYPE_INFO, header);
    store_data(at, flags, fec_id, object_id);
}

void hd_wire_put_data(struct hd_writer *writer, const struct hd_header *header, uint8_t flags,
                      const struct hd_position *position)
{
    uint8_t *at = hd_writer_claim(writer, SENDER_BYTES + 4 + payload_id_bytes(position->fec_id));

    if (!at)
        return;
    store_sender(at, HD_TYPE_DATA, header);
    store_data(at, flags, position->fec_id, position->object_id);
    store_payload_id(at + SENDER_BYTES + 4, position->fec_id, &position->id);
}

/* Up to the sub-type and the three bytes behind it. @return where those are; NULL without room */
static uint8_t *put_command(struct hd_writer *writer, const struct hd_header *header, uint8_t command)
{
    uint8_t *at = hd_writer_claim(writer, SENDER_BYTES + 4);

    if (!at)
        return NULL;
    store_sender(at, HD_TYPE_COMMAND, header);
    at += SENDER_BYTES;
    at[0] = command;
    memset(at + 1, 0, 3);
    return at + 1;
}

static void put_command_position(struct hd_writer *writer, const struct hd_header *header, uint8_t command,
                                 const struct hd_position *position)
{
    uint8_t *fields = put_command(writer, header, command);
    uint8_t *id = hd_writer_claim(writer, payload_id_bytes(position->fec_id));

    if (!fields || !id)
        return;
    fields[0] = position->fec_id;
    hd_store_u16(fields + 1, position->object_id);
    store_payload_id(id, position->fec_id, &position->id);
}

void hd_wire_put_flush(struct hd_writer *writer, const struct hd_header *header, const struct hd_position *position)
{
    put_command_position(writer, header, HD_COMMAND_FLUSH, position);
}

void hd_wire_put_squelch(struct hd_writer *writer, const struct hd_header *header, const struct hd_position *window)
{
    put_command_position(writer, header, HD_COMMAND_SQUELCH, window);
}

void hd_wire_put_eot(struct hd_writer *writer, const struct hd_header *header)
{
    put_command(writer, header, HD_COMMAND_EOT);
}

void hd_wire_put_cc(struct hd_writer *writer, const struct hd_header *header, uint16_t cc_sequence,
                    struct hd_timestamp sent)
{
    uint8_t *fields = put_command(writer, header, HD_COMMAND_CC);

    if (fields)
        hd_store_u16(fields + 1, cc_sequence);
    hd_writer_u32(writer, sent.sec);
    hd_writer_u32(writer, sent.usec);
}

void hd_wire_put_repair_adv(struct hd_writer *writer, const struct hd_header *header, uint8_t flags)
{
    uint8_t *fields = put_command(writer, header, HD_COMMAND_REPAIR_ADV);

    if (fields)
        fields[0] = flags;
}

void hd_wire_put_ack_req(struct hd_writer *writer, const struct hd_header *header, uint8_t ack_type, uint8_t ack_id)
{
    uint8_t *fields = put_command(writer, header, HD_COMMAND_ACK_REQ);

    if (!fields)
        return;
    fields[1] = ack_type;
    fields[2] = ack_id;
}

void hd_wire_put_application(struct hd_writer *writer, const struct hd_header *header)
{
    put_command(writer, header, HD_COMMAND_APPLICATION);
}

/* NACK and ACK differ in two bytes, which are reserved in a NACK. */
static void put_receiver(struct hd_writer *writer, uint8_t type, const struct hd_header *header, uint32_t server_id,
                         uint16_t detail, struct hd_timestamp response)
{
    uint8_t *at = hd_writer_claim(writer, RECEIVER_BYTES);

    if (!at)
        return;
    store_common(at, type, header);
    hd_store_u32(at + COMMON_BYTES, server_id);
    hd_store_u16(at + COMMON_BYTES + 4, header->instance_id);
    hd_store_u16(at + COMMON_BYTES + 6, detail);
    hd_store_u32(at + COMMON_BYTES + 8, response.sec);
    hd_store_u32(at + COMMON_BYTES + 12, response.usec);
}

void hd_wire_put_nack(struct hd_writer *writer, const struct hd_header *header, uint32_t server_id,
                      struct hd_timestamp response)
{
    put_receiver(writer, HD_TYPE_NACK, header, server_id, 0, response);
}

void hd_wire_put_ack(struct hd_writer *writer, const struct hd_header *header, uint32_t server_id, uint8_t ack_type,
                     uint8_t ack_id, struct hd_timestamp response)
{
    put_receiver(writer, HD_TYPE_ACK, header, server_id, (uint16_t)(ack_type << 8 | ack_id), response);
}

/* --- header extensions --- */

void hd_wire_put_ext_fti(struct hd_writer *writer, uint8_t fec_id, const struct hd_fti *fti)
{
    uint8_t words = fec_id == HD_FEC_RS_8 ? HD_HEL_FTI_RS_8 : HD_HEL_FTI_LONG;
    uint8_t *at = hd_writer_claim(writer, words * 4u);

    if (!at)
        return;
    at[0] = HD_HET_FTI;
    at[1] = words;
    hd_store_u16(at + 2, (uint16_t)(fti->object_bytes >> 32));
    hd_store_u32(at + 4, (uint32_t)fti->object_bytes);
    if (fec_id == HD_FEC_RS_8) {
        hd_store_u16(at + 8, fti->segment_bytes);
        at[10] = (uint8_t)fti->max_block_symbols;
        at[11] = (uint8_t)fti->parity_symbols;
        return;
    }
    hd_store_u16(at + 8, fec_id == HD_FEC_RS_2M ? HD_FTI_RS_2M_CODE : 0);
    hd_store_u16(at + 10, fti->segment_bytes);
    hd_store_u16(at + 12, fti->max_block_symbols);
    hd_store_u16(at + 14, fti->parity_symbols);
}

void hd_wire_put_ext_rate(struct hd_writer *writer, uint16_t rate)
{
    hd_writer_u16(writer, HD_HET_RATE << 8);
    hd_writer_u16(writer, rate);
}

void hd_wire_put_ext_cc(struct hd_writer *writer, const struct hd_cc_feedback *feedback)
{
    uint8_t *at = hd_writer_claim(writer, HD_HEL_CC * 4);

    if (!at)
        return;
    at[0] = HD_HET_CC;
    at[1] = HD_HEL_CC;
    hd_store_u16(at + 2, feedback->sequence);
    at[4] = feedback->flags;
    at[5] = feedback->rtt;
    hd_store_u16(at + 6, (uint16_t)(feedback->loss >> 16));
    hd_store_u16(at + 8, feedback->rate);
    hd_store_u16(at + 10, (uint16_t)feedback->loss);
}

void hd_wire_put_ext_delivery(struct hd_writer *writer, const struct hd_cc_delivery *delivery)
{
    uint8_t *at = hd_writer_claim(writer, HD_HEL_DELIVERY * 4);

    if (!at)
        return;
    at[0] = HD_HET_DELIVERY;
    at[1] = HD_HEL_DELIVERY;
    hd_store_u16(at + 2, 0);
    hd_store_u32(at + 4, delivery->received_datagrams);
    hd_store_u32(at + 8, delivery->received_bytes);
    hd_store_u32(at + 12, delivery->arrival_us);
}

/* @return where its content goes, content_bytes padded with zeros to whole words; NULL without room */
static uint8_t *put_extension(struct hd_writer *writer, uint8_t het, size_t content_bytes)
{
    size_t words = (2 + content_bytes + 3) / 4;
    uint8_t *at;

    assert(words <= UINT8_MAX);
    at = hd_writer_claim(writer, words * 4);
    if (!at)
        return NULL;
    memset(at, 0, words * 4);
    at[0] = het;
    at[1] = (uint8_t)words;
    return at + 2;
}

uint8_t *hd_wire_put_ext_auth(struct hd_writer *writer, const uint8_t *content, size_t content_bytes)
{
    uint8_t *at;

    assert((content_bytes + 2) % 4 == 0);
    at = put_extension(writer, HD_HET_AUTH, content_bytes);
    if (at)
        memcpy(at, content, content_bytes);
    return at;
}

void hd_wire_put_ext_application(struct hd_writer *writer, const uint8_t *content, size_t content_bytes)
{
    uint8_t *at = put_extension(writer, HD_HET_APPLICATION, content_bytes);

    if (at && content_bytes > 0)
        memcpy(at, content, content_bytes);
}

void hd_wire_end_header(struct hd_writer *writer)
{
    size_t header_bytes = hd_writer_size(writer);

    if (writer->overflow)
        return;
    assert(header_bytes % 4 == 0 && header_bytes <= HD_HEADER_BYTES_MAX);
    hd_writer_patch_u8(writer, 1, (uint8_t)(header_bytes / 4));
}

/* --- what follows the header --- */

bool hd_wire_put_node(struct hd_writer *writer, uint32_t node_id)
{
    if (hd_writer_left(writer) < 4)
        return false;
    hd_writer_u32(writer, node_id);
    return true;
}

bool hd_wire_put_object(struct hd_writer *writer, uint16_t object_id)
{
    if (hd_writer_left(writer) < 2)
        return false;
    hd_writer_u16(writer, object_id);
    return true;
}

bool hd_wire_put_cc_node(struct hd_writer *writer, const struct hd_cc_node *node)
{
    if (hd_writer_left(writer) < HD_CC_NODE_BYTES)
        return false;
    hd_writer_u32(writer, node->node_id);
    hd_writer_u8(writer, node->flags);
    hd_writer_u8(writer, node->rtt);
    hd_writer_u16(writer, node->rate);
    return true;
}

void hd_wire_put_position(struct hd_writer *writer, const struct hd_position *position)
{
    uint8_t *at = hd_writer_claim(writer, HD_ITEM_HEAD_BYTES + payload_id_bytes(position->fec_id));

    if (!at)
        return;
    at[0] = position->fec_id;
    at[1] = 0;
    hd_store_u16(at + 2, position->object_id);
    store_payload_id(at + HD_ITEM_HEAD_BYTES, position->fec_id, &position->id);
}

void hd_wire_put_stream_header(struct hd_writer *writer, const struct hd_stream_header *header)
{
    uint8_t *at = hd_writer_claim(writer, HD_STREAM_HEADER_BYTES);

    if (!at)
        return;
    hd_store_u16(at, header->size_bytes);
    hd_store_u16(at + 2, header->message_start);
    hd_store_u32(at + 4, header->offset_bytes);
}

size_t hd_wire_data_header_bytes(uint8_t fec_id, bool with_fti)
{
    size_t id_bytes = hd_wire_payload_id_bytes(fec_id);
    size_t fti_bytes = (fec_id == HD_FEC_RS_8 ? HD_HEL_FTI_RS_8 : HD_HEL_FTI_LONG) * 4;

    if (id_bytes == 0)
        return 0;
    return SENDER_BYTES + 4 + id_bytes + (with_fti ? fti_bytes : 0);
}

/* --- repair requests (RFC 5740 section 4.3.1) --- */

struct hd_request_writer hd_request_writer_over(struct hd_writer *writer)
{
    return (struct hd_request_writer){ .writer = writer };
}

static size_t item_bytes(const struct hd_position *item)
{
    return HD_ITEM_HEAD_BYTES + payload_id_bytes(item->fec_id);
}

/*
 * Makes sure that items_bytes of items can follow, in the last request or in a new one, and counts them in.
 *
 * @return false, with nothing written, when there is no room
 */
static bool begin_items(struct hd_request_writer *requests, enum hd_request_form form, uint8_t flags,
                        size_t items_bytes)
{
    struct hd_writer *writer = requests->writer;
    bool same = requests->open && requests->form == form && requests->flags == flags;
    size_t size_bytes = same ? hd_writer_size(writer) - requests->request_offset - HD_REQUEST_HEAD_BYTES : 0;

    /* length is 16 bits: a request that is full is followed by another of the same kind. */
    if (size_bytes + items_bytes > UINT16_MAX) {
        same = false;
        size_bytes = 0;
    }
    if (hd_writer_left(writer) < items_bytes + (same ? 0 : HD_REQUEST_HEAD_BYTES))
        return false;
    if (!same) {
        requests->request_offset = hd_writer_reserve(writer, HD_REQUEST_HEAD_BYTES);
        hd_writer_patch_u8(writer, requests->request_offset, (uint8_t)form);
        hd_writer_patch_u8(writer, requests->request_offset + 1, flags);
        requests->form = form;
        requests->flags = flags;
        requests->open = true;
    }
    hd_writer_patch_u16(writer, requests->request_offset + 2, (uint16_t)(size_bytes + items_bytes));
    return true;
}

bool hd_request_put_item(struct hd_request_writer *requests, uint8_t flags, const struct hd_position *item)
{
    if (!begin_items(requests, HD_REQUEST_ITEMS, flags, item_bytes(item)))
        return false;
    hd_wire_put_position(requests->writer, item);
    return true;
}

bool hd_request_put_range(struct hd_request_writer *requests, uint8_t flags, const struct hd_position *first,
                          const struct hd_position *last)
{
    if (!begin_items(requests, HD_REQUEST_RANGES, flags, item_bytes(first) + item_bytes(last)))
        return false;
    hd_wire_put_position(requests->writer, first);
    hd_wire_put_position(requests->writer, last);
    return true;
}
