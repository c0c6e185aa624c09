/* SPDX-License-Identifier: MIT */
/*
 * What herald's senders and receivers tell each other beyond NORM (doc/transfer.md): the content of an object's INFO,
 * and of application-defined requests and acknowledgements. NORM nodes that are not herald ignore all of it.
 *
 * Encoding and decoding only. Texts are borrowed from the message, without a NUL at their end.
 */
#ifndef SESSION_MESSAGE_H
#define SESSION_MESSAGE_H

#include <herald/types.h>

enum {
    HD_ACK_TYPE = 0x68, /* of all our requests and acknowledgements (RFC 5740: 16 .. 255 are ours to use) */
    HD_DIGEST_BYTES = 16,
    HD_MESSAGE_BYTES = 1000, /* a request or an answer is no longer */
    HD_RANGES_MAX = 64,      /* missing entries that one receipt can name */
};

struct hd_text {
    const char *at;
    size_t size_bytes;
};

/* ---- INFO ---- */

enum hd_entry_type {
    HD_ENTRY_UNKNOWN = 0, /* the INFO is not herald's, or of a type that we do not know */
    HD_ENTRY_FILE = 'f',
    HD_ENTRY_DIRECTORY = 'd',
    HD_ENTRY_LINK = 'l',
    HD_ENTRY_BYTES = 'b',
    HD_ENTRY_STREAM = 's',
    HD_ENTRY_WITHDRAWN = 'X', /* not an entry itself: entry `index` will not come, the sender cannot read it */
    HD_ENTRY_DIGEST =
        'D', /* not an entry itself: the digest of entry `index`, which was not known when its INFO was sent */
};

/*
 * The INFO of an object: the bare file name as other NORM programs expect it, then, behind a NUL, what only herald
 * reads. An INFO without that decodes to type UNKNOWN, name = all of it up to a NUL, and the rest zero.
 */
struct hd_info {
    struct hd_text name; /* the last part of the path; never empty in what we send, but for DIGEST */
    enum hd_entry_type type;
    uint64_t delivery_id;     /* random, the same in all messages of a delivery */
    uint32_t index;           /* of the entry in the delivery */
    struct hd_text directory; /* what stands before the name: "a/b" of "a/b/c"; empty: nothing */
    bool has_meta;            /* mode and mtime mean something */
    uint16_t mode;            /* permissions, 07777 */
    int64_t mtime_ns;         /* since 1970 */
    bool is_sparse;           /* it has holes: zeroes need not be written */
    bool has_digest;
    uint8_t digest[HD_DIGEST_BYTES];
    uint64_t size_bytes; /* DIGEST: of the entry (streams); otherwise 0 */
    struct hd_text link; /* LINK: where it points */
};

/* @return its length; -EMSGSIZE: it does not fit; -EINVAL: a name with a NUL or a slash, or empty. */
HERALD_CHECKED int hd_info_encode(const struct hd_info *info, uint8_t *ret_bytes, size_t size_bytes);

/* @return 0; -EBADMSG: it claims to be ours and is not well-formed (*ret_info is untouched). */
HERALD_CHECKED int hd_info_decode(const uint8_t *bytes, size_t size_bytes, struct hd_info *ret_info);

/* ---- requests, sender to receivers ---- */

enum hd_request_kind {
    HD_REQUEST_ROLL_CALL = 1, /* who is here? Answered by HD_ANSWER_HERE */
    HD_REQUEST_STATUS = 2,    /* how far are you? Answered by HD_ANSWER_STATUS */
    HD_REQUEST_RECEIPT = 3,   /* everything was sent: what have you got? HD_ANSWER_STATUS with what is missing */
    HD_REQUEST_DISMISS = 4, /* goes on without you (laggard): answered by HD_ANSWER_STATUS; `reason` is for the user */
};

struct hd_request {
    enum hd_request_kind kind;
    uint64_t delivery_id;
    uint32_t entries;    /* in the delivery; 0: not known yet */
    uint64_t size_bytes; /* of all entries; 0: not known yet */
    struct hd_text host; /* the sender's name */
    struct hd_text reason;
};

HERALD_CHECKED int hd_request_encode(const struct hd_request *request, uint8_t *ret_bytes, size_t size_bytes);
/* @return 0; -EBADMSG: malformed, or not ours; -ENOTSUP: of a kind or version that we do not know. */
HERALD_CHECKED int hd_request_decode(const uint8_t *bytes, size_t size_bytes, struct hd_request *ret_request);

/* ---- answers, receiver to sender ---- */

enum hd_answer_kind {
    HD_ANSWER_HERE = 1,
    HD_ANSWER_STATUS = 2,
};

enum hd_answer_state {
    HD_STATE_RECEIVING = 0, /* not everything yet */
    HD_STATE_COMPLETE = 1,  /* all entries are in their place, and verified, but for unverified_count of them */
    HD_STATE_ENDED = 2,     /* all are here or have failed for good: failed_count, reason */
};

struct hd_range {
    uint32_t first, last; /* inclusive */
};

struct hd_answer {
    enum hd_answer_kind kind;
    uint64_t delivery_id;
    struct hd_text host;
    enum hd_answer_state state;
    uint32_t complete_count; /* entries */
    uint32_t failed_count;
    uint32_t unverified_count; /* of the complete: they were here already, by size and time, and not received */
    bool has_left;             /* ENDED: its user has stopped it; it may come again, as another node */
    uint64_t received_bytes;   /* of this delivery, in place or on the way */
    uint64_t repaired_segments;
    struct hd_text reason; /* the first failure: "name: disk full"; at most HERALD_REASON_BYTES - 1 are sent */
    /* Entries that it knows to be missing; of those behind the last that it has heard of, too, if it was told how many
       there are. In order, not overlapping. As many as fit. */
    struct hd_range missing[HD_RANGES_MAX];
    size_t missing_count;
};

/* As many ranges as fit are sent, from the first. @return the length; -EMSGSIZE. */
HERALD_CHECKED int hd_answer_encode(const struct hd_answer *answer, uint8_t *ret_bytes, size_t size_bytes);
/* As hd_request_decode(). Ranges that are not in order or overlap: -EBADMSG. */
HERALD_CHECKED int hd_answer_decode(const uint8_t *bytes, size_t size_bytes, struct hd_answer *ret_answer);

#endif
