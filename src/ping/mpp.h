/* SPDX-License-Identifier: MIT */
/*
 * The messages of the Multicast Ping Protocol (RFC 6450): a byte that says what it is, then options of type, length
 * and value. What is not known is passed over.
 *
 * The programs ssmping, asmping and ssmpingd speak an older form: no version, a family of one byte in front of the
 * group, and options 5, 7 and 8 with a meaning of their own. Both forms are read by the same function, for the
 * options that differ cannot be mistaken for each other.
 *
 * herald adds options of its own. Their numbers are not registered: the RFC keeps only 65532 to 65535 for experiments
 * (section 7), and these are far above all that are assigned. Other implementations pass over them, and copy them into
 * their answers as they copy everything.
 */
#ifndef PING_MPP_H
#define PING_MPP_H

#include "cursor.h" /* of src/core */

#include <herald/types.h>

enum hd_mpp_type {
    HD_MPP_INIT = 'I',
    HD_MPP_SERVER_RESPONSE = 'S',
    HD_MPP_ECHO_REQUEST = 'Q',
    HD_MPP_ECHO_REPLY = 'A',
};

/* RFC 6450, section 3. */
enum hd_mpp_option {
    HD_MPP_VERSION = 0,
    HD_MPP_CLIENT_ID = 1,
    HD_MPP_SEQUENCE = 2,
    HD_MPP_CLIENT_TIME = 3,
    HD_MPP_GROUP = 4,
    HD_MPP_OPTION_REQUEST = 5, /* older form, empty: tell the server's version */
    HD_MPP_SERVER_INFO = 6,
    HD_MPP_OLD_REPLY_SIZE = 7,
    HD_MPP_OLD_PADDING = 8,
    HD_MPP_TTL = 9,
    HD_MPP_PREFIX = 10,
    HD_MPP_SESSION = 11,
    HD_MPP_SERVER_TIME = 12,
    /* Ours. */
    HD_MPP_ASK = 0xf4e0,     /* in a request: this is herald asking */
    HD_MPP_TOLD = 0xf4e1,    /* in an answer: what a herald tells about itself and the request */
    HD_MPP_PADDING = 0xf4e2, /* never copied */
    HD_MPP_TEXT = 0xf4e3,    /* opaque, by unicast only; in a request: tell yours */
    HD_MPP_ONLY = 0xf4e4,    /* in a request: whoever has another id than this is not asked */
};

enum {
    HD_MPP_VERSION_NUMBER = 2,
    HD_MPP_EXTENSION_NUMBER = 1, /* of our options */
    HD_MPP_ID_BYTES_MAX = 64,    /* longer ids of clients and sessions are refused */
    HD_MPP_INFO_BYTES_MAX = 255,
    HD_MPP_TEXT_BYTES_MAX = 1000,
    HD_MPP_OPTION_HEAD_BYTES = 4,
    HD_MPP_ASK_BYTES = 12,
    HD_MPP_TOLD_BYTES = 40,
    HD_MPP_DELAY_MAX_MS = 60000, /* no answer waits for longer */
};

/* What herald asks for. */
struct hd_mpp_ask {
    bool by_multicast; /* answer to the group, too ... */
    uint16_t modulus;  /* ... but only those whose id leaves this remainder: 1, 0 are all */
    uint16_t remainder;
    bool may_fragment;     /* the answer may be cut up by IP */
    uint32_t delay_us;     /* answer after a random time of at most this long */
    uint16_t answer_bytes; /* 0: as long as the request */
};

/* What a herald tells. */
struct hd_mpp_told {
    uint64_t id;              /* chosen at random by each responder when it starts: who it is */
    bool asked_by_multicast;  /* the request came by multicast; otherwise by unicast */
    uint8_t request_hops;     /* routers that the request went through; 255: not known */
    uint64_t held_ns;         /* from the arrival of the request to the departure of the answer; 48 bits */
    uint32_t heard_multicast; /* different requests of this asker that came by multicast, this one included */
    uint32_t heard_unicast;
    uint32_t answered_unicast; /* answers sent to this asker by unicast, this one included */
    uint32_t answered_multicast;
    uint32_t duplicates; /* requests that came more than once */
};

/* Bytes of the message, borrowed. */
struct hd_mpp_span {
    const uint8_t *at; /* NULL: the option is not there */
    size_t size_bytes;
};

struct hd_mpp {
    enum hd_mpp_type type;
    int version; /* -1: not told, which is the older form */
    struct hd_mpp_span client_id;
    bool has_sequence;
    uint32_t sequence;
    bool has_client_time;
    uint32_t client_seconds, client_microseconds;
    struct herald_address group; /* NONE if not told */
    bool group_is_old;           /* it has the older form */
    bool wants_info;
    bool wants_time;
    struct hd_mpp_span info;
    uint16_t old_reply_bytes; /* 0: not told */
    int ttl;                  /* -1: not told */
    struct herald_address prefix;
    int prefix_bits; /* -1: no prefix was told */
    struct hd_mpp_span session;
    bool has_server_time;
    uint32_t server_seconds, server_microseconds;
    bool has_ask;
    struct hd_mpp_ask ask;
    bool has_told;
    struct hd_mpp_told told;
    struct hd_mpp_span text;
    bool has_only;
    uint64_t only; /* id */
};

/*
 * Reads a message, to its last byte. Of an option that stands there twice the first counts. The spans point into
 * `bytes`. @return 0; -EBADMSG.
 */
HERALD_CHECKED int hd_mpp_decode(const uint8_t *bytes, size_t size_bytes, struct hd_mpp *ret_message);

/* Writes the whole message, all that is there in it. @return the size; -EMSGSIZE. */
HERALD_CHECKED int hd_mpp_encode(const struct hd_mpp *message, uint8_t *bytes, size_t size_bytes);

/* Whether that is a request that herald makes of a group's members, well-formed to its last byte. Cheap for others. */
bool hd_mpp_is_ask(const uint8_t *bytes, size_t size_bytes);

/*
 * Begins the answer to a request: its options are copied in their order (RFC 6450, section 5), but for those that an
 * answer has values of its own for. With `old`, copies all of them, as the older programs do. The request must have
 * been decoded. What fails shows in the writer.
 */
void hd_mpp_begin_answer(struct hd_writer *writer, const uint8_t *request, size_t size_bytes, bool old);

/* Single options, to be put behind what an answer begins with. */
void hd_mpp_put_info(struct hd_writer *writer, const char *text);
void hd_mpp_put_ttl(struct hd_writer *writer, uint8_t ttl);
void hd_mpp_put_session(struct hd_writer *writer, const uint8_t *session, size_t size_bytes);
void hd_mpp_put_time(struct hd_writer *writer, enum hd_mpp_option option, uint64_t realtime_ns);
void hd_mpp_put_told(struct hd_writer *writer, const struct hd_mpp_told *told);
void hd_mpp_put_text(struct hd_writer *writer, const char *text, size_t size_bytes);

/* Fills up to `size_bytes` with an option of zeros, if there is room for one at all; never more than fits. */
void hd_mpp_pad(struct hd_writer *writer, enum hd_mpp_option option, size_t size_bytes);

#endif
