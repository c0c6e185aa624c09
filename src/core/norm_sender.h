/* SPDX-License-Identifier: MIT */
/*
 * Inside the NORM sender (RFC 5740): what its files share.
 *
 *   norm_sender.c          config, memory, the five calls, time
 *   norm_sender_queue.c    objects: in, out, found by id
 *   norm_sender_data.c     DATA and INFO: what is sent next, its bytes, parity
 *   norm_sender_nack.c     NACKs into requests for blocks
 *   norm_sender_repair.c   requests gathered, made pending, sent
 *   norm_sender_flush.c    FLUSH, the watermark and who acknowledged it
 *   norm_sender_feedback.c round-trip time and congestion control from feedback, CMD(CC)
 *   norm_sender_command.c  SQUELCH, REPAIR_ADV, application commands, requests, EOT
 *   norm_sender_stream.c   the API of streams
 *   norm_sender_nodes.c    lists of receivers that are asked
 *
 * Blocks are numbered by uint64_t inside; on the wire streams wrap (wrap.h). A deadline is a field named _ns, and
 * HERALD_NEVER when nothing is awaited; herald_norm_sender_next_timeout() is their minimum. What wants to leave is a
 * bit of `due`, the repair, or the object at `sending`: when there is none, poll_output() has nothing to say.
 */
#ifndef HD_NORM_SENDER_H
#define HD_NORM_SENDER_H

#include "bits.h"
#include "cc_sender.h"
#include "events.h"
#include "extents.h"
#include "fec.h"
#include "grtt.h"
#include "norm_sender_nodes.h"
#include "pacer.h"
#include "partition.h"
#include "quant.h"
#include "stream_tx.h"
#include "wire.h"
#include "wrap.h"

#include <herald/norm.h>

enum {
    HD_TX_MASK_WORDS = 4,     /* bits for every symbol of a block: 255 at most */
    HD_TX_INLINE_BLOCKS = 64, /* objects of so few blocks need no memory of the arena */
    HD_TX_SQUELCH_IDS = 64,   /* ids named by one SQUELCH; the rest is asked for again */
    HD_TX_EVENTS = 256,       /* several runs of output, and a call that causes a few events, behind each other */
    HD_TX_EVENTS_SPARE = 8,   /* what one call causes at most, but for a loop that looks at the room */
};

#define HD_TX_NO_INDEX UINT32_MAX

/* Timestamps of probes are not 0 even if the clock is: 0 means "none" in an echo. */
#define HD_TX_CLOCK_BASE_NS UINT64_C(1000000000)

/* --- objects --- */

enum hd_tx_object_state {
    HD_TX_FREE,
    HD_TX_QUEUED,  /* nothing of it was sent */
    HD_TX_SENDING, /* part of it was; open streams are here for ever */
    HD_TX_SENT,    /* all of it was, once: when receivers had the time to ask, it may be forgotten to make room */
};

/* Bitmaps with a bit for each block of an object. */
enum hd_tx_bitmap {
    HD_TX_GATHERED_WHOLE,  /* asked for as a whole, in the aggregation that is going on */
    HD_TX_GATHERED_PARTLY, /* some symbols were; the block's struct hd_tx_repair says which */
    HD_TX_PENDING_WHOLE,   /* to be sent again, from an aggregation that is over */
    HD_TX_PENDING_PARTLY,
    HD_TX_BITMAPS,
};

struct hd_tx_object {
    enum hd_tx_object_state state; /* by hd_tx_object_set_state() only */
    uint16_t id;
    enum herald_norm_kind kind;
    uint8_t flags;           /* of DATA and INFO: constant, for receivers may see any packet first */
    bool has_info;           /* `info` counts: an INFO of no bytes exists too */
    bool is_info_sent;       /* first transmission; INFO comes before everything */
    uint8_t info_left;       /* how often it is still sent without being asked: what parity is to blocks */
    uint64_t info_block;     /* before which it last was */
    bool is_info_gathered;   /* asked for, as the bitmaps */
    bool is_info_pending;    /* to be sent again */
    bool has_gathered;       /* any of the above or of the bitmaps: spares walks over idle objects */
    bool has_pending;        /* the same for what is pending */
    bool is_partition_empty; /* no bytes: INFO only, and its place is told by all ones */
    uint16_t info_bytes;     /* of them */
    uint8_t *info;           /* the object's part of the sender's `infos` */
    const uint8_t *bytes;    /* in memory; NULL: the source is asked */
    struct herald_norm_source source;
    struct hd_partition partition; /* FILE and DATA: geometry */

    uint64_t next_block;   /* first transmission: the next symbol is this one of that block; */
    uint16_t next_symbol;  /* from its source symbols on it counts proactive parity */
    uint64_t last_sent_ns; /* any of it: how long receivers have had to ask */

    uint64_t *bitmaps; /* HD_TX_BITMAPS times bitmap_words: an extent, or the words within */
    uint64_t inline_words[HD_TX_BITMAPS];
    uint64_t bitmap_words;  /* of one bitmap */
    uint64_t bitmap_blocks; /* bits of one; streams use them as a ring */
    uint64_t repair_block;  /* no block before this one is pending */
    uint32_t first_repair;  /* list of its struct hd_tx_repair, so that releasing finds them; HD_TX_NO_INDEX */

    struct hd_stream_tx stream; /* STREAM: its buffer */
    uint64_t *stream_slots;     /* its extent: place in the stream memory, and of each block when it was last sent */
    uint64_t acked_block;       /* blocks before this one have been acknowledged by all that were asked */
    bool is_write_blocked;      /* a write was cut short: STREAM_WRITABLE is due */
    bool is_closing;            /* the end mark waits for room */

    uint8_t header[HD_DATA_HEADER_BYTES_MAX]; /* of a DATA, but for its sequence and payload id */
    uint8_t header_bytes;
    uint32_t header_version; /* of the sender's header that it was made from */

    struct hd_tx_object *older, *newer; /* in the queue, by id; `newer` also links the free ones */
    struct hd_tx_object *hash_next;     /* of the same bucket */
};

/* --- repair --- */

/* What is known of one block's repair. It lives on when nothing is asked for, to remember what parity was sent. */
struct hd_tx_repair {
    struct hd_tx_object *object; /* NULL: unused */
    uint64_t block;
    uint16_t parity_sent;     /* rows 0 .. parity_sent - 1 have been sent: the next ones are new to everybody */
    uint16_t gathered_parity; /* the most that one receiver asked for, in this aggregation */
    uint16_t pending_parity;  /* the same, of the last one */
    uint16_t nack_parity;     /* asked for by the NACK that is being read, */
    uint32_t nack_number;     /* which has this number */
    uint64_t gathered[HD_TX_MASK_WORDS]; /* symbols that were named, source and parity */
    uint64_t pending[HD_TX_MASK_WORDS];
    uint32_t hash_next;
    uint32_t object_next, object_previous; /* of the same object */
    uint32_t idle_next, idle_previous;     /* by the time since when nothing is asked for: reused from the oldest on */
    bool is_idle;
};

/* Fixed number of struct hd_tx_repair, found by object and block. Invariant: each is in use, with its object's list
 * and one bucket, and in the idle list exactly if nothing is gathered or pending; or in the free list. */
struct hd_tx_repairs {
    struct hd_tx_repair *entries;
    uint32_t *buckets;
    uint32_t bucket_mask;
    uint32_t free_first; /* by hash_next */
    uint32_t idle_oldest, idle_newest;
};

enum hd_tx_repair_state {
    HD_TX_REPAIR_IDLE,
    HD_TX_REPAIR_GATHERING, /* (K+1) GRTT from the first NACK on: requests are added up (RFC 5740 section 5.4) */
    HD_TX_REPAIR_HOLDOFF,   /* one GRTT from the first repair on: only what is still ahead is heard */
};

/* The block that is being repaired. */
struct hd_tx_run {
    struct hd_tx_object *object; /* NULL: none */
    uint64_t block;
    uint16_t symbols;                /* source symbols of it */
    uint64_t left[HD_TX_MASK_WORDS]; /* symbols to be sent */
};

/* --- what is read, and computed --- */

/* The block of a FILE or DATA object that is being sent: its geometry and bytes, found once. */
struct hd_tx_view {
    struct hd_tx_object *object; /* NULL: none */
    uint64_t block;
    const uint8_t *bytes;
    uint32_t size_bytes;
    uint16_t symbols;
};

/* Parity of one block, as far as it was computed. */
struct hd_tx_parity {
    struct hd_tx_object *object; /* NULL: none */
    uint64_t block;
    uint16_t row_bytes;                  /* of each row: the longest symbol of the block */
    uint64_t computed[HD_TX_MASK_WORDS]; /* rows that are there */
    uint8_t *rows;                       /* parity_segments of them, row_room_bytes apart */
    uint32_t row_room_bytes;
};

/* --- flush and watermark --- */

enum hd_tx_flush_state {
    HD_TX_FLUSH_NONE,    /* nothing was sent since the last flush ended */
    HD_TX_FLUSH_WAITING, /* something was; there is more to send */
    HD_TX_FLUSH_RUNNING, /* nothing more to send: FLUSH is repeated */
};

enum hd_tx_mark_state {
    HD_TX_MARK_NONE,    /* no watermark was set */
    HD_TX_MARK_WAITING, /* not sent up to it yet, or repair is under way */
    HD_TX_MARK_ASKING,
    HD_TX_MARK_DONE,
};

struct hd_tx_mark {
    enum hd_tx_mark_state state; /* by hd_tx_mark_set_state() only */
    bool is_for_room;            /* nothing is kept for its sake */
    struct hd_position position;
    struct hd_tx_object *object; /* NULL once it is released */
    uint64_t block;              /* of the position: the last one that counts, */
    uint16_t symbol;             /* and its last symbol */
    uint32_t rounds;             /* questions since the last progress */
    uint32_t next_slot;          /* where the list goes on in this round */
    uint64_t next_round_ns;
};

/* --- everything else that is repeated --- */

struct hd_tx_repeat {
    uint32_t left;    /* how often it is still to be sent */
    uint64_t next_ns; /* when */
};

struct hd_tx_request {
    bool is_active;
    bool has_nodes; /* a list; otherwise whoever hears it */
    uint8_t ack_type, ack_id;
    uint16_t content_bytes;
    uint8_t *content;
    struct hd_norm_nodes nodes;
    uint32_t next_slot; /* where the list goes on in this round */
    struct hd_tx_repeat repeat;
};

struct hd_tx_command {
    bool is_active;
    uint16_t content_bytes;
    uint8_t *content;
    struct hd_tx_repeat repeat;
};

enum hd_tx_life {
    HD_TX_OPEN,
    HD_TX_ENDING, /* no new objects; what is there is finished */
    HD_TX_EOT,    /* EOT is repeated */
    HD_TX_ENDED,
};

/* What is to be sent besides data, in the order in which it goes: FLUSH and EOT after data, the others before. */
enum {
    HD_TX_DUE_PROBE = 0x01,
    HD_TX_DUE_SQUELCH = 0x02,
    HD_TX_DUE_ADVERT = 0x04,
    HD_TX_DUE_COMMAND = 0x08,
    HD_TX_DUE_REQUEST = 0x10,
    HD_TX_DUE_MARK = 0x20,  /* a watermark round that is not complete */
    HD_TX_DUE_FLUSH = 0x40, /* the next FLUSH, once nothing else is to be sent */
    HD_TX_DUE_EOT = 0x80,
};

struct herald_norm_sender {
    struct herald_norm_sender_config config;
    struct hd_header header; /* of every message: sequence is the next one's, grtt the advertised one */
    uint32_t header_version; /* changes with grtt: the objects' own headers are then made anew */
    uint64_t grtt_ns;        /* as advertised: what every timer counts in, on both sides; */
    uint64_t slow_ns;        /* but until then receivers may be in a back-off or hold-off drawn with a greater one, */
    uint64_t slow_grtt_ns;   /* at most this */
    uint8_t block_bits;      /* of a block number on the wire */
    enum hd_tx_life life;    /* by hd_tx_set_life() only */
    unsigned due;            /* HD_TX_DUE_* */

    struct hd_tx_object *objects; /* objects_max */
    struct hd_tx_object *free_objects;
    struct hd_tx_object *oldest, *newest; /* the queue */
    struct hd_tx_object *unsent;          /* no object before this one is QUEUED or SENDING; NULL: none is */
    struct hd_tx_object *sending;         /* whose next symbol is sent next; NULL: nothing new is to be sent */
    struct hd_tx_object **buckets;        /* by id */
    uint32_t bucket_mask;
    uint16_t next_id;
    uint32_t objects_count;
    uint64_t blocks_used;           /* of blocks_per_queue */
    struct hd_extents bitmaps;      /* memory of the objects' bitmaps */
    uint8_t *infos;                 /* memory of their INFO */
    struct hd_extents stream_slots; /* a word for each block of stream memory, so that it can be shared out */
    uint8_t *stream_memory;
    bool is_room_wanted; /* an enqueue was refused: RELEASED shall tell */
    uint64_t room_ns;    /* when the first object may be forgotten for that */
    bool has_acked;      /* at least once, all that were asked have acknowledged all */
    uint16_t acked_id;   /* up to this object */

    enum hd_tx_repair_state repair_state; /* by set_state() of norm_sender_repair.c only */
    uint64_t repair_ns;                   /* when that state ends */
    struct hd_tx_repairs repairs;
    struct hd_tx_run run;
    struct hd_tx_object *repair_from; /* no object before this one has_pending; NULL: none has */
    uint32_t nack_number;

    struct hd_tx_view view;
    struct hd_tx_parity parity;
    struct hd_fec_encoder *encoder;
    struct hd_fec_symbol source_symbols[HD_SYMBOLS_MAX]; /* the encoder's input */
    uint8_t *parity_rows[HD_SYMBOLS_MAX];                /* its output */

    enum hd_tx_flush_state flush_state; /* by hd_tx_flush_set_state() only */
    uint32_t flush_count;               /* of this flush */
    bool is_flush_round;                /* a FLUSH of one of several open streams is out, that of the end is not; */
    uint16_t flush_from_id;             /* the next stream has this id or a later one */
    uint64_t flush_ns;                  /* the next, or the end of it */
    struct hd_tx_mark mark;
    struct hd_norm_nodes ack_nodes;
    uint64_t write_ns; /* when a stream whose writer waits may have room */

    uint16_t squelch_ids[HD_TX_SQUELCH_IDS];
    uint32_t squelch_count;
    bool is_squelch_wanted;
    uint64_t squelch_ns;         /* when it may go, if wanted */
    uint64_t squelch_allowed_ns; /* one per 2 GRTT */
    uint64_t advert_ns;          /* when a REPAIR_ADV may go, if there is news */
    uint64_t advert_allowed_ns;  /* a few per GRTT */

    struct hd_tx_command command;
    struct hd_tx_request request;
    struct hd_tx_repeat eot;

    struct hd_pacer pacer;
    struct hd_grtt grtt;
    struct hd_cc_sender cc;
    bool is_probing; /* something is going on */
    bool has_probed;
    uint64_t probe_ns; /* the next CMD(CC) */
    uint64_t held_ns;  /* data waits for receivers, at most until then; 0: it does not (cc_flow.h) */
    uint64_t last_probe_ns;
    uint64_t reported_rate_bytes_per_s; /* by the last RATE event */

    struct hd_events events;
    uint8_t *event_content; /* of the application ACK that the last event tells of */
    struct herald_norm_sender_statistics statistics;
};

/* --- norm_sender.c --- */
void hd_tx_event(struct herald_norm_sender *sender, enum herald_norm_sender_event_type type, uint16_t object_id);
void hd_tx_event_push(struct herald_norm_sender *sender, const struct herald_norm_sender_event *event);
void hd_tx_set_life(struct herald_norm_sender *sender, enum hd_tx_life life);
/* Something is going on again: probe. */
void hd_tx_wake(struct herald_norm_sender *sender, uint64_t now_ns);
/* Starts a datagram: its header's writer. */
struct hd_writer hd_tx_writer(struct herald_norm_sender *sender, struct herald_norm_datagram *datagram);
/* Ends it: everything was written, nothing was too long. */
void hd_tx_finish(struct herald_norm_sender *sender, struct herald_norm_datagram *datagram, struct hd_writer *writer);

/* --- norm_sender_queue.c --- */
void hd_tx_object_set_state(struct hd_tx_object *object, enum hd_tx_object_state state);
struct hd_tx_object *hd_tx_object_find(const struct herald_norm_sender *sender, uint16_t object_id);
/* Is a before b? Ids are less than half their range apart. */
static inline bool hd_tx_id_before(uint16_t a, uint16_t b)
{
    return (uint16_t)(a - b) >= 0x8000;
}
/* The source failed: FAILED event, released, receivers are told. */
void hd_tx_object_fail(struct herald_norm_sender *sender, struct hd_tx_object *object, uint64_t now_ns);
/* At room_ns: releases what may be forgotten, if an enqueue was refused. */
void hd_tx_make_room(struct herald_norm_sender *sender, uint64_t now_ns);
/* There may be room at another time than thought: an object was sent, or GRTT has changed. */
void hd_tx_room_on_sent(struct herald_norm_sender *sender, const struct hd_tx_object *object);
void hd_tx_room_on_grtt(struct herald_norm_sender *sender, uint64_t now_ns);
/* All that were asked have everything up to that object. */
void hd_tx_room_on_acked(struct herald_norm_sender *sender, uint16_t object_id, uint64_t now_ns);
/* Looks for the oldest object with something new to send. */
void hd_tx_choose_sending(struct herald_norm_sender *sender);
/* A place in an object as the wire tells it. */
struct hd_position hd_tx_position(const struct herald_norm_sender *sender, const struct hd_tx_object *object,
                                  uint64_t block, uint16_t symbol);
/* Of the last source symbol of a FILE or DATA object, or the last one sent of a stream; false: there is none. */
bool hd_tx_object_end(const struct hd_tx_object *object, uint64_t *ret_block, uint16_t *ret_symbol);

/* How many source symbols a block has. */
static inline uint16_t hd_tx_block_symbols(const struct hd_tx_object *object, uint64_t block)
{
    return object->kind == HERALD_NORM_STREAM ? object->stream.block_symbols
                                              : hd_partition_block_symbols(&object->partition, block);
}

/* The first block that is kept. */
static inline uint64_t hd_tx_first_block(const struct hd_tx_object *object)
{
    return object->kind == HERALD_NORM_STREAM ? object->stream.first_block : 0;
}

/* Behind the last block of which any symbol was sent. */
static inline uint64_t hd_tx_sent_blocks(const struct hd_tx_object *object)
{
    return object->next_block + (object->next_symbol > 0);
}

/* How many source symbols of a block were sent: no repair goes beyond them. */
static inline uint16_t hd_tx_sent_symbols(const struct hd_tx_object *object, uint64_t block)
{
    uint16_t symbols = hd_tx_block_symbols(object, block);

    return block < object->next_block || object->next_symbol > symbols ? symbols : object->next_symbol;
}

/* --- norm_sender_data.c --- */
/* Both fill the datagram. @return 1; 0: the object's source failed, and it is gone. */
int hd_tx_send_new(struct herald_norm_sender *sender, struct herald_norm_datagram *datagram, uint64_t now_ns);
/* Any symbol of a block. Of parity, `rows` tells how many rows from this one on will be wanted: computed at once. */
int hd_tx_send_symbol(struct herald_norm_sender *sender, struct hd_tx_object *object, uint64_t block, uint16_t symbol,
                      uint16_t rows, struct herald_norm_datagram *datagram, uint64_t now_ns);
void hd_tx_send_info(struct herald_norm_sender *sender, struct hd_tx_object *object,
                     struct herald_norm_datagram *datagram);

/* --- norm_sender_nack.c --- */
void hd_tx_on_nack(struct herald_norm_sender *sender, const struct hd_nack *nack, bool unicast, uint64_t now_ns);

/* --- norm_sender_repair.c --- */
HERALD_CHECKED int hd_tx_repairs_init(struct hd_tx_repairs *repairs, uint32_t entries_max);
void hd_tx_repairs_fini(struct hd_tx_repairs *repairs);
/* @return what is known of the block; NULL. */
struct hd_tx_repair *hd_tx_repair_find(struct herald_norm_sender *sender, const struct hd_tx_object *object,
                                       uint64_t block);
/* The same, made if need be; NULL: all are busy. */
struct hd_tx_repair *hd_tx_repair_get(struct herald_norm_sender *sender, struct hd_tx_object *object, uint64_t block);
/* Puts it into the idle list or takes it out, as its requests say. */
void hd_tx_repair_update(struct herald_norm_sender *sender, struct hd_tx_repair *repair);
/* Forgets all requests for an object, or for one block of a stream. */
void hd_tx_repair_forget(struct herald_norm_sender *sender, struct hd_tx_object *object);
void hd_tx_repair_forget_block(struct herald_norm_sender *sender, struct hd_tx_object *object, uint64_t block);
/* Something was gathered in that object. */
void hd_tx_repair_gathered(struct herald_norm_sender *sender, struct hd_tx_object *object, uint64_t now_ns);
/* Something, from that block on, is pending in that object. */
void hd_tx_repair_pending(struct herald_norm_sender *sender, struct hd_tx_object *object, uint64_t block);
/* The first block of an object that the repair under way has still ahead of it; UINT64_MAX: none. */
uint64_t hd_tx_repair_ahead(const struct herald_norm_sender *sender, const struct hd_tx_object *object);
/* Until when receivers may ask for what was last sent at sent_ns, if they notice notice_ns later that it is missing. */
uint64_t hd_tx_repair_until_ns(const struct herald_norm_sender *sender, uint64_t sent_ns, uint64_t notice_ns);
/* At repair_ns. */
void hd_tx_repair_timeout(struct herald_norm_sender *sender, uint64_t now_ns);
/* @return 1; 0: nothing is pending after all. */
int hd_tx_send_repair(struct herald_norm_sender *sender, struct herald_norm_datagram *datagram, uint64_t now_ns);
/* One bitmap of an object, and a block's bit in it. */
static inline uint64_t *hd_tx_bitmap(const struct hd_tx_object *object, enum hd_tx_bitmap bitmap)
{
    return object->bitmaps + (uint64_t)bitmap * object->bitmap_words;
}
static inline uint64_t hd_tx_bit(const struct hd_tx_object *object, uint64_t block)
{
    return object->kind == HERALD_NORM_STREAM ? block % object->bitmap_blocks : block;
}
static inline bool hd_tx_test(const struct hd_tx_object *object, enum hd_tx_bitmap bitmap, uint64_t block)
{
    return hd_bits_test(hd_tx_bitmap(object, bitmap), hd_tx_bit(object, block));
}
/* The first block in [from, limit) that is in `whole` or in `partly`; limit if none is. */
uint64_t hd_tx_next_marked(const struct hd_tx_object *object, enum hd_tx_bitmap whole, enum hd_tx_bitmap partly,
                           uint64_t from, uint64_t limit);
/* Is any symbol in the mask? */
static inline bool hd_tx_mask_any(const uint64_t *mask)
{
    return (mask[0] | mask[1] | mask[2] | mask[3]) != 0;
}
/* Is repair gathered, pending or being sent? Then receivers will get something before they are asked. */
static inline bool hd_tx_is_repairing(const struct herald_norm_sender *sender)
{
    return sender->run.object || sender->repair_from || sender->repair_state == HD_TX_REPAIR_GATHERING;
}

/* --- norm_sender_flush.c --- */
void hd_tx_flush_set_state(struct herald_norm_sender *sender, enum hd_tx_flush_state state);
void hd_tx_mark_set_state(struct herald_norm_sender *sender, enum hd_tx_mark_state state);
/* Something was sent, new or again: a flush is to follow. */
void hd_tx_flush_want(struct herald_norm_sender *sender);
/* Called when there is nothing else to send; sets what is due. */
void hd_tx_flush_idle(struct herald_norm_sender *sender, uint64_t now_ns);
void hd_tx_flush_timeout(struct herald_norm_sender *sender, uint64_t now_ns);
void hd_tx_send_flush(struct herald_norm_sender *sender, struct herald_norm_datagram *datagram, uint64_t now_ns);
/* The watermark may have been reached: begins to ask. */
void hd_tx_mark_check(struct herald_norm_sender *sender);
void hd_tx_mark_timeout(struct herald_norm_sender *sender, uint64_t now_ns);
void hd_tx_mark_release(struct herald_norm_sender *sender, struct hd_tx_object *object, uint64_t now_ns);
void hd_tx_send_mark(struct herald_norm_sender *sender, struct herald_norm_datagram *datagram, uint64_t now_ns);
void hd_tx_on_flush_ack(struct herald_norm_sender *sender, uint32_t node_id, const struct hd_position *position,
                        uint64_t now_ns);
/* Is an acknowledgement due that needs this object? */
bool hd_tx_mark_needs(const struct herald_norm_sender *sender, uint16_t object_id);

/* --- norm_sender_feedback.c --- */
/* What NACK and ACK have in common: round-trip time, congestion control. */
void hd_tx_on_feedback(struct herald_norm_sender *sender, const struct hd_message *message,
                       struct hd_timestamp response, uint64_t now_ns);
void hd_tx_probe_timeout(struct herald_norm_sender *sender, uint64_t now_ns);
void hd_tx_send_probe(struct herald_norm_sender *sender, struct herald_norm_datagram *datagram, uint64_t now_ns);

/* --- norm_sender_command.c --- */
void hd_tx_squelch_want(struct herald_norm_sender *sender, uint16_t object_id, bool is_in_window, uint64_t now_ns);
void hd_tx_send_squelch(struct herald_norm_sender *sender, struct herald_norm_datagram *datagram, uint64_t now_ns);
/* The gathered requests grew. */
void hd_tx_advert_want(struct herald_norm_sender *sender, uint64_t now_ns);
/* @return 0: nothing is gathered any more. */
int hd_tx_send_advert(struct herald_norm_sender *sender, struct herald_norm_datagram *datagram, uint64_t now_ns);
void hd_tx_send_command(struct herald_norm_sender *sender, struct herald_norm_datagram *datagram, uint64_t now_ns);
void hd_tx_send_request(struct herald_norm_sender *sender, struct herald_norm_datagram *datagram, uint64_t now_ns);
void hd_tx_send_eot(struct herald_norm_sender *sender, struct herald_norm_datagram *datagram, uint64_t now_ns);
void hd_tx_command_timeout(struct herald_norm_sender *sender, uint64_t now_ns);
void hd_tx_on_application_ack(struct herald_norm_sender *sender, const struct hd_message *message);

/* --- norm_sender_stream.c --- */
/* Room for a stream's buffer. @return 0; -ENOBUFS. */
HERALD_CHECKED int hd_tx_stream_open(struct herald_norm_sender *sender, struct hd_tx_object *object,
                                     uint32_t buffer_blocks);
void hd_tx_stream_free(struct herald_norm_sender *sender, struct hd_tx_object *object);
/* How many blocks a stream's buffer of that size has. */
uint64_t hd_tx_stream_blocks(const struct herald_norm_sender_config *config, uint64_t size_bytes);
/* Makes what was written ready to be sent. @return false: nothing was ever written; otherwise its last symbol. */
bool hd_tx_stream_end(struct herald_norm_sender *sender, struct hd_tx_object *object, uint64_t *ret_block,
                      uint16_t *ret_symbol);
/* Ends all streams that are open. */
void hd_tx_stream_close_all(struct herald_norm_sender *sender, uint64_t now_ns);
/* A symbol of that block was sent. */
void hd_tx_stream_sent(struct hd_tx_object *object, uint64_t block, uint64_t now_ns);
/* Does an end mark wait for room? */
bool hd_tx_stream_is_any_closing(const struct herald_norm_sender *sender);
/* Is there room for writers that wait? Tells them, or finds out when to look again. */
void hd_tx_stream_check(struct herald_norm_sender *sender, uint64_t now_ns);

#endif
