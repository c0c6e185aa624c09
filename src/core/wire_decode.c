/* SPDX-License-Identifier: MIT */
/* RFC 5740 section 4, from packet bytes to structs. Every function returns 0 or a negated reason. */
#include "wire.h"
#include "wire_internal.h"

/* Fields of a packet, for hd_wire_decode_next(). */
enum { HEADER_WORDS_AT = 1, SEQUENCE_AT = 2, SOURCE_AT = 4, PAYLOAD_ID_AT = 16, HEADER_BYTES_MAX = UINT8_MAX * 4 };

/*
 * A reader's -EBADMSG as a reason. The header cursor ends where hdr_len says, so a field that is missing there is a
 * header length too small for the type.
 */
#define CHECK(read, reason)            \
 do {                                  \
  if (__builtin_expect((read) < 0, 0)) \
   return -(reason);                   \
 } while (0)

static bool fec_id_is_known(uint8_t fec_id)
{
    return fec_id == HD_FEC_RS_8 || fec_id == HD_FEC_RS_2M || fec_id == HD_FEC_SMALL_BLOCK;
}

/* RFC 5445 section 5.2.1 for 129, RFC 5510 sections 4.1 (with m = 8) and 5.1 for the others. */
static inline int read_payload_id(struct hd_cursor *cursor, uint8_t fec_id, struct hd_payload_id *ret_id)
{
    struct hd_payload_id id = { 0 };
    uint8_t symbol;

    if (fec_id == HD_FEC_SMALL_BLOCK) {
        if (hd_cursor_u32(cursor, &id.block) < 0 || hd_cursor_u16(cursor, &id.block_symbols) < 0 ||
            hd_cursor_u16(cursor, &id.symbol) < 0)
            return -EBADMSG;
    } else {
        if (hd_cursor_u24(cursor, &id.block) < 0 || hd_cursor_u8(cursor, &symbol) < 0)
            return -EBADMSG;
        id.symbol = symbol;
    }
    *ret_id = id;
    return 0;
}

/* What FLUSH and SQUELCH begin with: fec_id, object, payload id. */
static int decode_position(struct hd_cursor *header, struct hd_position *position)
{
    CHECK(hd_cursor_u8(header, &position->fec_id), HD_MALFORMED_HEADER_LENGTH);
    CHECK(hd_cursor_u16(header, &position->object_id), HD_MALFORMED_HEADER_LENGTH);
    if (!fec_id_is_known(position->fec_id))
        return -HD_MALFORMED_FEC_ID;
    CHECK(read_payload_id(header, position->fec_id, &position->id), HD_MALFORMED_HEADER_LENGTH);
    return 0;
}

static int decode_timestamp(struct hd_cursor *header, struct hd_timestamp *time)
{
    CHECK(hd_cursor_u32(header, &time->sec), HD_MALFORMED_HEADER_LENGTH);
    CHECK(hd_cursor_u32(header, &time->usec), HD_MALFORMED_HEADER_LENGTH);
    return 0;
}

/* The content behind FTI's object size for fec_id 5 (RFC 5510 section 5.2.4.1, its last byte as it is deployed). */
static int decode_fti_rs_8(struct hd_cursor *content, struct hd_fti *fti)
{
    uint8_t max_block, parity;

    CHECK(hd_cursor_u16(content, &fti->segment_bytes), HD_MALFORMED_EXTENSION);
    CHECK(hd_cursor_u8(content, &max_block), HD_MALFORMED_EXTENSION);
    CHECK(hd_cursor_u8(content, &parity), HD_MALFORMED_EXTENSION);
    fti->max_block_symbols = max_block;
    fti->parity_symbols = parity;
    return 0;
}

/*
 * The same for fec_id 2 (RFC 5510 section 4.2.4.1) and 129 (RFC 5445 section 5.2.2), where the first 16 bits differ:
 * the field's size m and the symbols per packet G, or the instance of the code. Only m = 8 and G = 1, or instance 0,
 * is the code that we have.
 */
static int decode_fti_long(struct hd_cursor *content, uint8_t fec_id, struct hd_fti *fti)
{
    uint16_t code;

    CHECK(hd_cursor_u16(content, &code), HD_MALFORMED_EXTENSION);
    CHECK(hd_cursor_u16(content, &fti->segment_bytes), HD_MALFORMED_EXTENSION);
    CHECK(hd_cursor_u16(content, &fti->max_block_symbols), HD_MALFORMED_EXTENSION);
    CHECK(hd_cursor_u16(content, &fti->parity_symbols), HD_MALFORMED_EXTENSION);
    if (fec_id == HD_FEC_RS_2M && code != HD_FTI_RS_2M_CODE)
        return -HD_MALFORMED_FEC_FIELD;
    if (fec_id == HD_FEC_SMALL_BLOCK && code != 0)
        return -HD_MALFORMED_FEC_ID;
    return 0;
}

static int decode_fti(struct hd_cursor content, uint8_t fec_id, struct hd_fti *fti)
{
    size_t content_bytes = (fec_id == HD_FEC_RS_8 ? HD_HEL_FTI_RS_8 : HD_HEL_FTI_LONG) * 4 - 2;
    int result;

    if (hd_cursor_left(&content) != content_bytes)
        return -HD_MALFORMED_EXTENSION;
    CHECK(hd_cursor_u48(&content, &fti->object_bytes), HD_MALFORMED_EXTENSION);
    result = fec_id == HD_FEC_RS_8 ? decode_fti_rs_8(&content, fti) : decode_fti_long(&content, fec_id, fti);
    if (result < 0)
        return result;
    if (fti->segment_bytes == 0 || fti->max_block_symbols == 0 ||
        (uint32_t)fti->max_block_symbols + fti->parity_symbols > HD_SYMBOLS_MAX)
        return -HD_MALFORMED_FTI;
    return 0;
}

/* RFC 5740 section 4.2.3.5; NRL fills the reserved bits at the end with the low half of the loss fraction. */
static int decode_cc_feedback(struct hd_cursor content, struct hd_cc_feedback *cc)
{
    uint16_t loss, loss_low;

    if (hd_cursor_left(&content) != HD_HEL_CC * 4 - 2)
        return -HD_MALFORMED_EXTENSION;
    CHECK(hd_cursor_u16(&content, &cc->sequence), HD_MALFORMED_EXTENSION);
    CHECK(hd_cursor_u8(&content, &cc->flags), HD_MALFORMED_EXTENSION);
    CHECK(hd_cursor_u8(&content, &cc->rtt), HD_MALFORMED_EXTENSION);
    CHECK(hd_cursor_u16(&content, &loss), HD_MALFORMED_EXTENSION);
    CHECK(hd_cursor_u16(&content, &cc->rate), HD_MALFORMED_EXTENSION);
    CHECK(hd_cursor_u16(&content, &loss_low), HD_MALFORMED_EXTENSION);
    cc->loss = (uint32_t)loss << 16 | loss_low;
    return 0;
}

static int decode_delivery(struct hd_cursor content, struct hd_cc_delivery *delivery)
{
    CHECK(hd_cursor_skip(&content, 2), HD_MALFORMED_EXTENSION);
    CHECK(hd_cursor_u32(&content, &delivery->received_datagrams), HD_MALFORMED_EXTENSION);
    CHECK(hd_cursor_u32(&content, &delivery->received_bytes), HD_MALFORMED_EXTENSION);
    CHECK(hd_cursor_u32(&content, &delivery->arrival_us), HD_MALFORMED_EXTENSION);
    return 0;
}

/* The bit of hd_extensions.present; 0 for a type that we do not know, or that means nothing here. */
static uint8_t extension_bit(uint8_t het, uint8_t fec_id)
{
    switch (het) {
    case HD_HET_AUTH:
        return HD_EXT_AUTH;
    case HD_HET_CC:
        return HD_EXT_CC;
    case HD_HET_FTI: /* of no known layout in a message without fec_id */
        return fec_id ? HD_EXT_FTI : 0;
    case HD_HET_APPLICATION:
        return HD_EXT_APPLICATION;
    case HD_HET_DELIVERY:
        return HD_EXT_DELIVERY;
    case HD_HET_RATE:
        return HD_EXT_RATE;
    default:
        return 0;
    }
}

/* One extension, from its first byte to its last. */
static int decode_extension(struct hd_cursor whole, uint8_t fec_id, struct hd_extensions *extensions)
{
    uint8_t het = whole.at[0];
    struct hd_cursor content = { .at = whole.at + 2, .end = whole.end };
    uint8_t bit = extension_bit(het, fec_id);

    /* The type of EXT_DELIVERY is not registered: of another length it is somebody else's. */
    if (het == HD_HET_DELIVERY && hd_cursor_left(&whole) != HD_HEL_DELIVERY * 4)
        bit = 0;
    if (bit == 0 || (extensions->present & bit)) {
        extensions->ignored_count++;
        return 0;
    }
    extensions->present |= bit;
    switch (het) {
    case HD_HET_AUTH:
        extensions->auth = whole;
        return 0;
    case HD_HET_CC:
        return decode_cc_feedback(content, &extensions->cc);
    case HD_HET_FTI:
        return decode_fti(content, fec_id, &extensions->fti);
    case HD_HET_APPLICATION:
        extensions->application = content;
        return 0;
    case HD_HET_DELIVERY:
        return decode_delivery(content, &extensions->delivery);
    default: /* HD_HET_RATE: reserved8, then the rate */
        extensions->rate = hd_load_u16(whole.at + 2);
        return 0;
    }
}

/* What is left of the header (RFC 5740 section 4.1). fec_id: 0 where the message has none. */
static int decode_extensions(struct hd_cursor *header, uint8_t fec_id, struct hd_extensions *extensions)
{
    struct hd_cursor whole;
    int result;

    while (hd_cursor_left(header) > 0) {
        /* The header is made of whole words: where there is one byte there are four. */
        size_t words = header->at[0] >= HD_HET_SHORT ? 1 : header->at[1];

        if (words == 0)
            return -HD_MALFORMED_EXTENSION;
        CHECK(hd_cursor_sub(header, words * 4, &whole), HD_MALFORMED_EXTENSION);
        result = decode_extension(whole, fec_id, extensions);
        if (result < 0)
            return result;
    }
    return 0;
}

/* --- repair requests (RFC 5740 section 4.3.1) --- */

static int read_item(struct hd_cursor *items, struct hd_position *ret_item)
{
    struct hd_cursor rest = *items;
    struct hd_position item;

    if (hd_cursor_u8(&rest, &item.fec_id) < 0 || hd_cursor_skip(&rest, 1) < 0 ||
        hd_cursor_u16(&rest, &item.object_id) < 0 || !fec_id_is_known(item.fec_id) ||
        read_payload_id(&rest, item.fec_id, &item.id) < 0)
        return -EBADMSG;
    *items = rest;
    *ret_item = item;
    return 0;
}

static int read_request(struct hd_cursor *requests, struct hd_request *ret_request)
{
    struct hd_cursor rest = *requests;
    struct hd_request request;
    uint8_t form;
    uint16_t items_bytes;

    if (hd_cursor_u8(&rest, &form) < 0 || hd_cursor_u8(&rest, &request.flags) < 0 ||
        hd_cursor_u16(&rest, &items_bytes) < 0 || hd_cursor_sub(&rest, items_bytes, &request.items) < 0 ||
        form < HD_REQUEST_ITEMS || form > HD_REQUEST_ERASURES)
        return -EBADMSG;
    request.form = (enum hd_request_form)form;
    *requests = rest;
    *ret_request = request;
    return 0;
}

/* Everything that the iterators will meet. */
static int check_requests(struct hd_cursor requests)
{
    struct hd_request request;
    struct hd_position item;

    while (hd_cursor_left(&requests) > 0) {
        unsigned item_count = 0;

        CHECK(read_request(&requests, &request), HD_MALFORMED_REQUEST);
        while (hd_cursor_left(&request.items) > 0) {
            CHECK(read_item(&request.items, &item), HD_MALFORMED_REQUEST);
            item_count++;
        }
        if (request.form == HD_REQUEST_RANGES && item_count % 2 != 0)
            return -HD_MALFORMED_REQUEST;
    }
    return 0;
}

/* --- messages: the header cursor stands behind what the functions before have read, body is what follows it --- */

static int check_list(struct hd_cursor list, size_t entry_bytes)
{
    return hd_cursor_left(&list) % entry_bytes == 0 ? 0 : -HD_MALFORMED_LIST;
}

/* RFC 5740 sections 4.2.1 and 4.2.2 */
static int decode_data(struct hd_cursor header, struct hd_cursor body, struct hd_message *message)
{
    struct hd_data *data = &message->data;

    CHECK(hd_cursor_u8(&header, &data->flags), HD_MALFORMED_HEADER_LENGTH);
    CHECK(hd_cursor_u8(&header, &data->position.fec_id), HD_MALFORMED_HEADER_LENGTH);
    CHECK(hd_cursor_u16(&header, &data->position.object_id), HD_MALFORMED_HEADER_LENGTH);
    if (!fec_id_is_known(data->position.fec_id))
        return -HD_MALFORMED_FEC_ID;
    if (message->kind == HD_KIND_DATA)
        CHECK(read_payload_id(&header, data->position.fec_id, &data->position.id), HD_MALFORMED_HEADER_LENGTH);
    else
        data->position.id = (struct hd_payload_id){ 0 };
    data->payload = body;
    return decode_extensions(&header, data->position.fec_id, &message->extensions);
}

static int decode_flush(struct hd_cursor header, struct hd_cursor body, struct hd_message *message)
{
    int result = decode_position(&header, &message->flush.position);

    if (result < 0)
        return result;
    message->flush.nodes = body;
    result = decode_extensions(&header, message->flush.position.fec_id, &message->extensions);
    return result < 0 ? result : check_list(body, 4);
}

static int decode_squelch(struct hd_cursor header, struct hd_cursor body, struct hd_message *message)
{
    int result = decode_position(&header, &message->squelch.position);

    if (result < 0)
        return result;
    message->squelch.objects = body;
    result = decode_extensions(&header, message->squelch.position.fec_id, &message->extensions);
    return result < 0 ? result : check_list(body, 2);
}

static int decode_cc(struct hd_cursor header, struct hd_cursor body, struct hd_message *message)
{
    int result;

    CHECK(hd_cursor_skip(&header, 1), HD_MALFORMED_HEADER_LENGTH);
    CHECK(hd_cursor_u16(&header, &message->cc.sequence), HD_MALFORMED_HEADER_LENGTH);
    result = decode_timestamp(&header, &message->cc.sent);
    if (result < 0)
        return result;
    message->cc.nodes = body;
    result = decode_extensions(&header, 0, &message->extensions);
    return result < 0 ? result : check_list(body, HD_CC_NODE_BYTES);
}

static int decode_repair_adv(struct hd_cursor header, struct hd_cursor body, struct hd_message *message)
{
    int result;

    CHECK(hd_cursor_u8(&header, &message->repair_adv.flags), HD_MALFORMED_HEADER_LENGTH);
    CHECK(hd_cursor_skip(&header, 2), HD_MALFORMED_HEADER_LENGTH);
    message->repair_adv.requests = body;
    result = decode_extensions(&header, 0, &message->extensions);
    return result < 0 ? result : check_requests(body);
}

static int decode_ack_req(struct hd_cursor header, struct hd_cursor body, struct hd_message *message)
{
    int result;

    CHECK(hd_cursor_skip(&header, 1), HD_MALFORMED_HEADER_LENGTH);
    CHECK(hd_cursor_u8(&header, &message->ack_req.ack_type), HD_MALFORMED_HEADER_LENGTH);
    CHECK(hd_cursor_u8(&header, &message->ack_req.ack_id), HD_MALFORMED_HEADER_LENGTH);
    message->ack_req.nodes = body;
    result = decode_extensions(&header, 0, &message->extensions);
    return result < 0 ? result : check_list(body, 4);
}

/* RFC 5740 section 4.2.3: the sub-type, then what belongs to it. */
static int decode_command(struct hd_cursor header, struct hd_cursor body, struct hd_message *message)
{
    uint8_t command;

    CHECK(hd_cursor_u8(&header, &command), HD_MALFORMED_HEADER_LENGTH);
    switch (command) {
    case HD_COMMAND_FLUSH:
        message->kind = HD_KIND_FLUSH;
        return decode_flush(header, body, message);
    case HD_COMMAND_SQUELCH:
        message->kind = HD_KIND_SQUELCH;
        return decode_squelch(header, body, message);
    case HD_COMMAND_CC:
        message->kind = HD_KIND_CC;
        return decode_cc(header, body, message);
    case HD_COMMAND_REPAIR_ADV:
        message->kind = HD_KIND_REPAIR_ADV;
        return decode_repair_adv(header, body, message);
    case HD_COMMAND_ACK_REQ:
        message->kind = HD_KIND_ACK_REQ;
        return decode_ack_req(header, body, message);
    case HD_COMMAND_EOT:
        message->kind = HD_KIND_EOT;
        break;
    case HD_COMMAND_APPLICATION:
        message->kind = HD_KIND_APPLICATION;
        message->application = body;
        break;
    default:
        return -HD_MALFORMED_TYPE;
    }
    CHECK(hd_cursor_skip(&header, 3), HD_MALFORMED_HEADER_LENGTH);
    return decode_extensions(&header, 0, &message->extensions);
}

/* RFC 5740 section 4.3.1 */
static int decode_nack(struct hd_cursor header, struct hd_cursor body, struct hd_message *message)
{
    struct hd_nack *nack = &message->nack;
    int result;

    CHECK(hd_cursor_u32(&header, &nack->server_id), HD_MALFORMED_HEADER_LENGTH);
    CHECK(hd_cursor_u16(&header, &message->header.instance_id), HD_MALFORMED_HEADER_LENGTH);
    CHECK(hd_cursor_skip(&header, 2), HD_MALFORMED_HEADER_LENGTH);
    result = decode_timestamp(&header, &nack->response);
    if (result < 0)
        return result;
    nack->requests = body;
    result = decode_extensions(&header, 0, &message->extensions);
    return result < 0 ? result : check_requests(body);
}

/* RFC 5740 section 4.3.2 */
static int decode_ack(struct hd_cursor header, struct hd_cursor body, struct hd_message *message)
{
    struct hd_ack *ack = &message->ack;
    int result;

    CHECK(hd_cursor_u32(&header, &ack->server_id), HD_MALFORMED_HEADER_LENGTH);
    CHECK(hd_cursor_u16(&header, &message->header.instance_id), HD_MALFORMED_HEADER_LENGTH);
    CHECK(hd_cursor_u8(&header, &ack->ack_type), HD_MALFORMED_HEADER_LENGTH);
    CHECK(hd_cursor_u8(&header, &ack->ack_id), HD_MALFORMED_HEADER_LENGTH);
    result = decode_timestamp(&header, &ack->response);
    if (result < 0)
        return result;
    ack->payload = body;
    ack->position = (struct hd_position){ 0 };
    if (ack->ack_type == HD_ACK_FLUSH)
        CHECK(read_item(&body, &ack->position), HD_MALFORMED_ACK);
    return decode_extensions(&header, 0, &message->extensions);
}

/* What INFO, DATA and CMD have in common: instance, grtt, backoff, gsize. */
static int decode_sender_header(struct hd_cursor *cursor, struct hd_header *header)
{
    uint8_t backoff_gsize;

    CHECK(hd_cursor_u16(cursor, &header->instance_id), HD_MALFORMED_HEADER_LENGTH);
    CHECK(hd_cursor_u8(cursor, &header->grtt), HD_MALFORMED_HEADER_LENGTH);
    CHECK(hd_cursor_u8(cursor, &backoff_gsize), HD_MALFORMED_HEADER_LENGTH);
    header->backoff = backoff_gsize >> 4;
    header->gsize = backoff_gsize & 0x0f;
    return 0;
}

static int decode_typed(uint8_t type, struct hd_cursor header, struct hd_cursor body, struct hd_message *message)
{
    int result;

    if (type == HD_TYPE_NACK) {
        message->kind = HD_KIND_NACK;
        return decode_nack(header, body, message);
    }
    if (type == HD_TYPE_ACK) {
        message->kind = HD_KIND_ACK;
        return decode_ack(header, body, message);
    }
    result = decode_sender_header(&header, &message->header);
    if (result < 0)
        return result;
    if (type == HD_TYPE_COMMAND)
        return decode_command(header, body, message);
    message->kind = type == HD_TYPE_DATA ? HD_KIND_DATA : HD_KIND_INFO;
    return decode_data(header, body, message);
}

int hd_wire_decode(const uint8_t *packet, size_t packet_bytes, struct hd_message *message)
{
    struct hd_cursor cursor = hd_cursor_over(packet, packet_bytes);
    struct hd_cursor header;
    uint8_t version_type, header_words;

    CHECK(hd_cursor_u8(&cursor, &version_type), HD_MALFORMED_TOO_SHORT);
    CHECK(hd_cursor_u8(&cursor, &header_words), HD_MALFORMED_TOO_SHORT);
    message->header = (struct hd_header){ 0 };
    CHECK(hd_cursor_u16(&cursor, &message->header.sequence), HD_MALFORMED_TOO_SHORT);
    CHECK(hd_cursor_u32(&cursor, &message->header.source_id), HD_MALFORMED_TOO_SHORT);
    message->extensions.present = 0;
    message->extensions.ignored_count = 0;

    uint8_t type = version_type & 0x0f;
    if (version_type >> 4 != HD_NORM_VERSION)
        return -HD_MALFORMED_VERSION;
    if (type < HD_TYPE_INFO || type > HD_TYPE_REPORT)
        return -HD_MALFORMED_TYPE;
    if (message->header.source_id == HD_NODE_NONE || message->header.source_id == HD_NODE_ANY)
        return -HD_MALFORMED_SOURCE_ID;
    if (type == HD_TYPE_REPORT) {
        message->kind = HD_KIND_REPORT;
        return 0;
    }
    if (header_words < HD_PACKET_BYTES_MIN / 4)
        return -HD_MALFORMED_HEADER_LENGTH;
    CHECK(hd_cursor_sub(&cursor, header_words * 4u - HD_PACKET_BYTES_MIN, &header), HD_MALFORMED_HEADER_LENGTH);
    return decode_typed(type, header, cursor, message);
}

/* Has the next packet of a run what a DATA before it had? Some extensions are views of the packet that they were in. */
static bool can_go_on(const struct hd_message *message, size_t header_bytes, size_t packet_bytes)
{
    return message->kind == HD_KIND_DATA && packet_bytes >= header_bytes &&
           !(message->extensions.present & (HD_EXT_AUTH | HD_EXT_APPLICATION));
}

bool hd_wire_decode_next(const uint8_t *packet, size_t packet_bytes, const uint8_t *last, struct hd_message *message)
{
    size_t header_bytes = (size_t)last[HEADER_WORDS_AT] * 4;
    size_t id_end;
    size_t symbol_at;

    if (!can_go_on(message, header_bytes, packet_bytes))
        return false;
    id_end = PAYLOAD_ID_AT + hd_wire_payload_id_bytes(message->data.position.fec_id);
    symbol_at = id_end - (message->data.position.fec_id == HD_FEC_SMALL_BLOCK ? 2 : 1);
    if (memcmp(packet, last, SEQUENCE_AT) != 0 ||
        memcmp(packet + SOURCE_AT, last + SOURCE_AT, symbol_at - SOURCE_AT) != 0 ||
        memcmp(packet + id_end, last + id_end, header_bytes - id_end) != 0)
        return false;
    message->header.sequence = hd_load_u16(packet + SEQUENCE_AT);
    message->data.position.id.symbol = id_end - symbol_at == 2 ? hd_load_u16(packet + symbol_at) : packet[symbol_at];
    message->data.payload = hd_cursor_over(packet + header_bytes, packet_bytes - header_bytes);
    return true;
}

size_t hd_wire_count_next(const uint8_t *run, size_t datagram_bytes, size_t max, const uint8_t *last,
                          const struct hd_message *message)
{
    size_t header_bytes = (size_t)last[HEADER_WORDS_AT] * 4;
    size_t symbol_at = PAYLOAD_ID_AT + hd_wire_payload_id_bytes(message->data.position.fec_id) - 1;
    uint8_t expected[HEADER_BYTES_MAX];
    size_t count = 0;

    if (!can_go_on(message, header_bytes, datagram_bytes))
        return 0;
    memcpy(expected, last, header_bytes);
    /* The low byte of the symbol is the last of its field with every scheme; a block has less than 256. */
    while (count < max && expected[symbol_at] < UINT8_MAX) {
        expected[symbol_at]++;
        hd_store_u16(expected + SEQUENCE_AT, (uint16_t)(message->header.sequence + count + 1));
        if (memcmp(run + count * datagram_bytes, expected, header_bytes) != 0)
            break;
        count++;
    }
    return count;
}

const char *hd_malformed_name(enum hd_malformed reason)
{
    switch (reason) {
    case HD_MALFORMED_NONE:
        return "none";
    case HD_MALFORMED_TOO_SHORT:
        return "too short";
    case HD_MALFORMED_VERSION:
        return "version";
    case HD_MALFORMED_TYPE:
        return "type";
    case HD_MALFORMED_HEADER_LENGTH:
        return "header length";
    case HD_MALFORMED_SOURCE_ID:
        return "source id";
    case HD_MALFORMED_EXTENSION:
        return "header extension";
    case HD_MALFORMED_FEC_ID:
        return "unknown FEC scheme";
    case HD_MALFORMED_FEC_FIELD:
        return "FEC field other than GF(256)";
    case HD_MALFORMED_FTI:
        return "FEC parameters";
    case HD_MALFORMED_LIST:
        return "list";
    case HD_MALFORMED_REQUEST:
        return "repair request";
    case HD_MALFORMED_ACK:
        return "acknowledgement";
    }
    return "unknown";
}

size_t hd_wire_payload_id_bytes(uint8_t fec_id)
{
    if (!fec_id_is_known(fec_id))
        return 0;
    return fec_id == HD_FEC_SMALL_BLOCK ? 8 : 4;
}

/* --- iterators: the decoder has checked what they walk over --- */

bool hd_wire_next_node(struct hd_cursor *nodes, uint32_t *ret_node_id)
{
    return hd_cursor_u32(nodes, ret_node_id) == 0;
}

bool hd_wire_next_object(struct hd_cursor *objects, uint16_t *ret_object_id)
{
    return hd_cursor_u16(objects, ret_object_id) == 0;
}

bool hd_wire_next_cc_node(struct hd_cursor *nodes, struct hd_cc_node *ret_node)
{
    struct hd_cursor rest = *nodes;
    struct hd_cc_node node;

    if (hd_cursor_u32(&rest, &node.node_id) < 0 || hd_cursor_u8(&rest, &node.flags) < 0 ||
        hd_cursor_u8(&rest, &node.rtt) < 0 || hd_cursor_u16(&rest, &node.rate) < 0)
        return false;
    *nodes = rest;
    *ret_node = node;
    return true;
}

bool hd_wire_next_request(struct hd_cursor *requests, struct hd_request *ret_request)
{
    return read_request(requests, ret_request) == 0;
}

bool hd_wire_next_item(struct hd_cursor *items, struct hd_position *ret_item)
{
    return read_item(items, ret_item) == 0;
}

bool hd_wire_next_range(struct hd_cursor *items, struct hd_position *ret_first, struct hd_position *ret_last)
{
    struct hd_cursor rest = *items;
    struct hd_position first, last;

    if (read_item(&rest, &first) < 0 || read_item(&rest, &last) < 0)
        return false;
    *items = rest;
    *ret_first = first;
    *ret_last = last;
    return true;
}

/* RFC 5740 section 4.2.1: payload_len, payload_msg_start, payload_offset. */
int hd_wire_stream_header(struct hd_cursor *payload, struct hd_stream_header *ret_header)
{
    struct hd_cursor rest = *payload, data;
    struct hd_stream_header header;

    if (hd_cursor_u16(&rest, &header.size_bytes) < 0 || hd_cursor_u16(&rest, &header.message_start) < 0 ||
        hd_cursor_u32(&rest, &header.offset_bytes) < 0 || hd_cursor_sub(&rest, header.size_bytes, &data) < 0)
        return -EBADMSG;
    *payload = data;
    *ret_header = header;
    return 0;
}
