/* SPDX-License-Identifier: MIT */
/*
 * NORM's messages (RFC 5740 section 4): packet bytes to plain structs in host order, and back.
 *
 * Decoding: hd_wire_decode() once per packet. Lists stay in the packet, as cursors whose content was checked: the
 * hd_wire_next_*() functions walk them and cannot fail. Everything is borrowed from the packet.
 *
 * Encoding: hd_wire_put_MESSAGE() starts a message at the beginning of the writer, hd_wire_put_ext_*() add header
 * extensions, hd_wire_end_header() fixes the header's length, then lists or content follow. Look at writer->overflow
 * at the end. List entries are appended until one does not fit, which is no overflow.
 *
 * Quantised fields (grtt, gsize, rate, rtt) stay as they are on the wire; quant.h knows their meaning.
 */
#ifndef HD_WIRE_H
#define HD_WIRE_H

#include "cursor.h"

enum {
    HD_NODE_NONE = 0,              /* no valid source */
    HD_HEADER_BYTES_MAX = 255 * 4, /* what hdr_len can say */
    HD_PACKET_BYTES_MIN = 8,       /* the common header */
    HD_STREAM_HEADER_BYTES = 8,    /* before a stream's data, within the FEC vector */
    HD_DATA_HEADER_BYTES_MAX = 40, /* DATA with FTI, any FEC scheme of ours */
    HD_FTI_BYTES_MAX = 16,         /* within that */
    HD_SYMBOLS_MAX = 255,          /* source and parity of a block: GF(2^8) */
    HD_CC_NODE_BYTES = 8,          /* entry of CMD(CC) */
};
#define HD_NODE_ANY         UINT32_MAX                /* nor is this */
#define HD_OBJECT_BYTES_MAX ((UINT64_C(1) << 48) - 1) /* what FTI can say */

/* A message's type, and a command's sub-type: one switch instead of two. */
enum hd_kind {
    HD_KIND_INFO,
    HD_KIND_DATA,
    HD_KIND_FLUSH,
    HD_KIND_EOT,
    HD_KIND_SQUELCH,
    HD_KIND_CC,
    HD_KIND_REPAIR_ADV,
    HD_KIND_ACK_REQ,
    HD_KIND_APPLICATION,
    HD_KIND_NACK,
    HD_KIND_ACK,
    HD_KIND_REPORT, /* RFC 5740 leaves its content undefined: only the common header is decoded */
};

/* Why a packet was refused; index of a counter. */
enum hd_malformed {
    HD_MALFORMED_NONE,
    HD_MALFORMED_TOO_SHORT,     /* less than the common header */
    HD_MALFORMED_VERSION,       /* not 1 */
    HD_MALFORMED_TYPE,          /* no such message or command */
    HD_MALFORMED_HEADER_LENGTH, /* hdr_len below the type's minimum, or beyond the packet */
    HD_MALFORMED_SOURCE_ID,     /* 0 or 0xffffffff */
    HD_MALFORMED_EXTENSION,     /* length 0, past the header, or wrong for its type */
    HD_MALFORMED_FEC_ID,        /* an FEC scheme that we do not have */
    HD_MALFORMED_FEC_FIELD,     /* fec_id 2 over another field than GF(2^8), or with more than one symbol a packet */
    HD_MALFORMED_FTI,           /* a segment or block of nothing, or more symbols than the field has */
    HD_MALFORMED_LIST,          /* a list that does not end with an entry */
    HD_MALFORMED_REQUEST,       /* repair requests: form, length or items */
    HD_MALFORMED_ACK,           /* an ACK(FLUSH) without a position */
};
enum { HD_MALFORMED_REASONS = HD_MALFORMED_ACK + 1 };

enum {
    HD_FEC_RS_2M = 2,         /* RFC 5510 section 4; m = 8 only */
    HD_FEC_RS_8 = 5,          /* RFC 5510 section 5: ours and NRL's default */
    HD_FEC_SMALL_BLOCK = 129, /* RFC 5445 section 5 */
};

/* Object flags of INFO and DATA. */
enum {
    HD_FLAG_REPAIR = 0x01,
    HD_FLAG_EXPLICIT = 0x02,
    HD_FLAG_INFO = 0x04,
    HD_FLAG_UNRELIABLE = 0x08,
    HD_FLAG_FILE = 0x10,
    HD_FLAG_STREAM = 0x20,
    HD_FLAG_SYN = 0x40, /* NRL's: not in RFC 5740 */
};

/* Of EXT_CC and cc_node. */
enum {
    HD_CC_CLR = 0x01,
    HD_CC_PLR = 0x02,
    HD_CC_RTT = 0x04,
    HD_CC_START = 0x08,
    HD_CC_LEAVE = 0x10,
    HD_CC_LIMIT = 0x20, /* NRL's: not in RFC 5740 */
};

enum { HD_REPAIR_ADV_LIMIT = 0x01 };

enum {
    HD_ACK_CC = 1,
    HD_ACK_FLUSH = 2,
    HD_ACK_APPLICATION_MIN = 16, /* 16..255 are the application's */
};

enum hd_request_form {
    HD_REQUEST_ITEMS = 1,
    HD_REQUEST_RANGES = 2,   /* pairs of items, both ends included */
    HD_REQUEST_ERASURES = 3, /* the symbol of an item is a count */
};

/* What a repair request is for. */
enum {
    HD_REQUEST_SEGMENT = 0x01,
    HD_REQUEST_BLOCK = 0x02,
    HD_REQUEST_INFO = 0x04,
    HD_REQUEST_OBJECT = 0x08,
};

/* Header extensions that were decoded: bits of hd_extensions.present. */
enum {
    HD_EXT_AUTH = 0x01,
    HD_EXT_CC = 0x02,
    HD_EXT_FTI = 0x04,
    HD_EXT_RATE = 0x08,
    HD_EXT_APPLICATION = 0x10,
    HD_EXT_DELIVERY = 0x20,
};

/* The FEC payload id. */
struct hd_payload_id {
    uint32_t block;
    uint16_t symbol;
    uint16_t block_symbols; /* source symbols of the block: fec_id 129 only, else 0 */
};

/* A place in an object: of a DATA's payload, a watermark, an end of a repair request. */
struct hd_position {
    uint8_t fec_id;
    uint16_t object_id;
    struct hd_payload_id id;
};

/* FEC object transmission information; its layout depends on the fec_id beside it. */
struct hd_fti {
    uint64_t object_bytes; /* 48 bits */
    uint16_t segment_bytes;
    uint16_t max_block_symbols;
    uint16_t parity_symbols; /* their number, as deployed; not RFC 5510's max n */
};

/* A time as its owner's clock told it; only its owner gives it a meaning. */
struct hd_timestamp {
    uint32_t sec;
    uint32_t usec;
};

/* EXT_CC: a receiver's congestion control feedback. */
struct hd_cc_feedback {
    uint16_t sequence;
    uint8_t flags;
    uint8_t rtt;
    uint32_t loss; /* parts of UINT32_MAX: cc_loss and below it what NRL puts into the reserved field */
    uint16_t rate;
};

/*
 * EXT_DELIVERY, an extension of ours (doc/norm.md): what of a sender had come to a receiver, and when, as the CMD(CC)
 * arrived whose sequence EXT_CC names. All modulo 2^32.
 */
struct hd_cc_delivery {
    uint32_t received_datagrams;
    uint32_t received_bytes;
    uint32_t arrival_us; /* by the receiver's clock */
};

struct hd_cc_node {
    uint32_t node_id;
    uint8_t flags;
    uint8_t rtt;
    uint16_t rate;
};

/* Only what present has a bit for has a value. Of an extension that comes twice the first counts. */
struct hd_extensions {
    uint8_t present;
    uint8_t ignored_count; /* unknown, repeated, or without sense in this message */
    uint16_t rate;
    struct hd_fti fti;
    struct hd_cc_feedback cc;
    struct hd_cc_delivery delivery;
    struct hd_cursor auth;        /* all of it, from its first byte */
    struct hd_cursor application; /* NRL's type 65: the content, padded with zeros to whole words */
};

/* In front of every message. A receiver's (NACK, ACK) has neither grtt, backoff nor gsize. */
struct hd_header {
    uint32_t source_id;
    uint16_t sequence;
    uint16_t instance_id; /* of the sender, in both directions; not in REPORT */
    uint8_t grtt;
    uint8_t backoff; /* K, 0..15 */
    uint8_t gsize;   /* 0..15 */
};

/* INFO and DATA. INFO has no payload id: zeros. */
struct hd_data {
    uint8_t flags;
    struct hd_position position;
    struct hd_cursor
        payload; /* a stream's begins with its header, in parity by way of the code: hd_wire_stream_header() */
};

struct hd_flush {
    struct hd_position position;
    struct hd_cursor nodes; /* who shall acknowledge: hd_wire_next_node() */
};

struct hd_squelch {
    struct hd_position position; /* where the repair window begins */
    struct hd_cursor objects;    /* which are gone: hd_wire_next_object() */
};

struct hd_cc {
    uint16_t sequence;
    struct hd_timestamp sent;
    struct hd_cursor nodes; /* hd_wire_next_cc_node() */
};

struct hd_repair_adv {
    uint8_t flags;
    struct hd_cursor requests; /* hd_wire_next_request() */
};

struct hd_ack_req {
    uint8_t ack_type;
    uint8_t ack_id;
    struct hd_cursor nodes; /* hd_wire_next_node() */
};

struct hd_nack {
    uint32_t server_id;
    struct hd_timestamp response; /* the last probe's send time, moved on by the time it was held */
    struct hd_cursor requests;    /* hd_wire_next_request() */
};

struct hd_ack {
    uint32_t server_id;
    struct hd_timestamp response;
    uint8_t ack_type;
    uint8_t ack_id;
    struct hd_position position; /* HD_ACK_FLUSH only */
    struct hd_cursor payload;
};

struct hd_message {
    enum hd_kind kind;
    struct hd_header header;
    struct hd_extensions extensions;
    union {
        struct hd_data data; /* INFO and DATA */
        struct hd_flush flush;
        struct hd_squelch squelch;
        struct hd_cc cc;
        struct hd_repair_adv repair_adv;
        struct hd_ack_req ack_req;
        struct hd_cursor application;
        struct hd_nack nack;
        struct hd_ack ack;
    };
};

/* One repair request; its items by hd_wire_next_item(), or hd_wire_next_range() for HD_REQUEST_RANGES. */
struct hd_request {
    enum hd_request_form form;
    uint8_t flags;
    struct hd_cursor items;
};

/* In front of the data in each source symbol of a stream (RFC 5740 section 4.2.1). */
struct hd_stream_header {
    uint16_t size_bytes;
    uint16_t message_start; /* offset of the first message that starts here, plus 1; 0 if none does */
    uint32_t offset_bytes;  /* in the stream, modulo 2^32 */
};

/* --- decoding: wire_decode.c --- */

/*
 * Decodes one packet. fec_id 2 is read with m = 8, and an FTI that says otherwise is refused.
 *
 * @param message  the result; on failure its content is undefined
 * @return 0; a negated enum hd_malformed
 */
int hd_wire_decode(const uint8_t *packet, size_t packet_bytes, struct hd_message *message);

/*
 * Decodes a DATA that follows another one of the same block: the same header, but for the sequence number and the
 * symbol. The packets of one run mostly do, and most of their decoding is spared.
 *
 * @param last     the packet that message was decoded from
 * @param message  becomes what hd_wire_decode() would make of packet
 * @return false: it is another packet; message untouched
 */
bool hd_wire_decode_next(const uint8_t *packet, size_t packet_bytes, const uint8_t *last, struct hd_message *message);

/*
 * How many packets at the beginning of a run count on from a DATA: only sequence number and symbol differ, and each is
 * one more than before.
 *
 * @param last     the packet that message was decoded from
 * @param max      no more are looked at
 */
size_t hd_wire_count_next(const uint8_t *run, size_t datagram_bytes, size_t max, const uint8_t *last,
                          const struct hd_message *message);

/* A short text, in lower case: "header length". */
const char *hd_malformed_name(enum hd_malformed reason);

/* @return 4 or 8; 0 for an FEC scheme that we do not have */
size_t hd_wire_payload_id_bytes(uint8_t fec_id);

/* Each takes one entry off its list. @return false at the end */
bool hd_wire_next_node(struct hd_cursor *nodes, uint32_t *ret_node_id);
bool hd_wire_next_object(struct hd_cursor *objects, uint16_t *ret_object_id);
bool hd_wire_next_cc_node(struct hd_cursor *nodes, struct hd_cc_node *ret_node);
bool hd_wire_next_request(struct hd_cursor *requests, struct hd_request *ret_request);
bool hd_wire_next_item(struct hd_cursor *items, struct hd_position *ret_item);
bool hd_wire_next_range(struct hd_cursor *items, struct hd_position *ret_first, struct hd_position *ret_last);

/*
 * Takes the stream header off a source symbol, received or recovered, and cuts off what lies behind its data.
 *
 * @return 0; -EBADMSG when there is no header or less data than it says, payload untouched
 */
int hd_wire_stream_header(struct hd_cursor *payload, struct hd_stream_header *ret_header);

/* --- encoding: wire_encode.c --- */

/* Each starts a message. Reserved fields are zero. Of backoff and gsize the low four bits count. */
void hd_wire_put_info(struct hd_writer *writer, const struct hd_header *header, uint8_t flags, uint8_t fec_id,
                      uint16_t object_id);
void hd_wire_put_data(struct hd_writer *writer, const struct hd_header *header, uint8_t flags,
                      const struct hd_position *position);
void hd_wire_put_flush(struct hd_writer *writer, const struct hd_header *header, const struct hd_position *position);
void hd_wire_put_eot(struct hd_writer *writer, const struct hd_header *header);
void hd_wire_put_squelch(struct hd_writer *writer, const struct hd_header *header, const struct hd_position *window);
void hd_wire_put_cc(struct hd_writer *writer, const struct hd_header *header, uint16_t cc_sequence,
                    struct hd_timestamp sent);
void hd_wire_put_repair_adv(struct hd_writer *writer, const struct hd_header *header, uint8_t flags);
void hd_wire_put_ack_req(struct hd_writer *writer, const struct hd_header *header, uint8_t ack_type, uint8_t ack_id);
void hd_wire_put_application(struct hd_writer *writer, const struct hd_header *header);
void hd_wire_put_nack(struct hd_writer *writer, const struct hd_header *header, uint32_t server_id,
                      struct hd_timestamp response);
void hd_wire_put_ack(struct hd_writer *writer, const struct hd_header *header, uint32_t server_id, uint8_t ack_type,
                     uint8_t ack_id, struct hd_timestamp response);

/* Header extensions. NRL's sender reads only the first of a NACK: EXT_CC goes first there. */
void hd_wire_put_ext_fti(struct hd_writer *writer, uint8_t fec_id, const struct hd_fti *fti);
void hd_wire_put_ext_rate(struct hd_writer *writer, uint16_t rate);
void hd_wire_put_ext_cc(struct hd_writer *writer, const struct hd_cc_feedback *feedback);
void hd_wire_put_ext_delivery(struct hd_writer *writer, const struct hd_cc_delivery *delivery);
/* content_bytes + 2 must be whole words. @return where the content went, NULL if nowhere: a MAC is computed last */
uint8_t *hd_wire_put_ext_auth(struct hd_writer *writer, const uint8_t *content, size_t content_bytes);
/* NRL's type 65; padded with zeros to whole words. */
void hd_wire_put_ext_application(struct hd_writer *writer, const uint8_t *content, size_t content_bytes);

/* Fixes hdr_len by what was written since the start. */
void hd_wire_end_header(struct hd_writer *writer);

/* List entries. @return false, with nothing written, when there is no room */
bool hd_wire_put_node(struct hd_writer *writer, uint32_t node_id);
bool hd_wire_put_object(struct hd_writer *writer, uint16_t object_id);
bool hd_wire_put_cc_node(struct hd_writer *writer, const struct hd_cc_node *node);

/* The payload of an ACK(FLUSH). */
void hd_wire_put_position(struct hd_writer *writer, const struct hd_position *position);

void hd_wire_put_stream_header(struct hd_writer *writer, const struct hd_stream_header *header);

/* Content: an INFO's, a payload, a command's. */
static inline void hd_wire_put_content(struct hd_writer *writer, const uint8_t *content, size_t content_bytes)
{
    hd_writer_bytes(writer, content, content_bytes);
}

/* Of the header of a DATA without other extensions; 0 for an FEC scheme that we do not have. */
size_t hd_wire_data_header_bytes(uint8_t fec_id, bool with_fti);

/* --- repair requests: wire_encode.c --- */

/* Appends repair requests to a NACK or REPAIR_ADV. What is written is complete after every call. */
struct hd_request_writer {
    struct hd_writer *writer;
    size_t request_offset; /* of the request that grows; of no meaning while there is none */
    enum hd_request_form form;
    uint8_t flags;
    bool open;
};

/* To begin behind a finished header; the writer's end is the limit (hd_writer_limit()). */
struct hd_request_writer hd_request_writer_over(struct hd_writer *writer);

/*
 * Both go on with the last request when it has the same form and flags, and begin another otherwise.
 *
 * @return false, with nothing written, when there is no room
 */
bool hd_request_put_item(struct hd_request_writer *requests, uint8_t flags, const struct hd_position *item);
bool hd_request_put_range(struct hd_request_writer *requests, uint8_t flags, const struct hd_position *first,
                          const struct hd_position *last);

/* --- times --- */

static inline struct hd_timestamp hd_timestamp_of_ns(uint64_t time_ns)
{
    return (struct hd_timestamp){ .sec = (uint32_t)(time_ns / 1000000000),
                                  .usec = (uint32_t)(time_ns / 1000 % 1000000) };
}

static inline uint64_t hd_timestamp_ns(struct hd_timestamp time)
{
    return time.sec * UINT64_C(1000000000) + time.usec * UINT64_C(1000);
}

static inline bool hd_timestamp_is_set(struct hd_timestamp time)
{
    return time.sec != 0 || time.usec != 0;
}

#endif
