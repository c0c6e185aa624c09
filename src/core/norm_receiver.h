/* SPDX-License-Identifier: MIT */
/*
 * Inside the NORM receiver (RFC 5740): what its files share.
 *
 *   norm_receiver.c          config, memory, the five calls, statistics
 *   norm_receiver_remote.c   senders: found, made room for, restarted, gone, silent
 *   norm_receiver_timer.c    which sender's deadline is next
 *   norm_receiver_window.c   which of a sender's objects are wanted: sync, the window, SQUELCH
 *   norm_receiver_object.c   objects: opened, INFO, completed, aborted
 *   norm_receiver_partial.c  blocks of which something but not all is here, and their parity: memory
 *   norm_receiver_block.c    DATA into blocks, decoding
 *   norm_receiver_stream.c   the same for streams, and reading them
 *   norm_receiver_repair.c   what is due, when to ask for it, what others asked for
 *   norm_receiver_nack.c     what is asked for
 *   norm_receiver_command.c  FLUSH, CMD(CC), application commands and requests
 *   norm_receiver_output.c   NACKs and ACKs into datagrams
 *
 * Object ids and the block numbers of streams are unwrapped (wrap.h) as soon as they are read: they only grow. Indices
 * into pools are uint32_t, HD_RX_NONE for none. Deadlines are fields named _ns, HERALD_NEVER when nothing is awaited.
 */
#ifndef HD_NORM_RECEIVER_H
#define HD_NORM_RECEIVER_H

#include "bits.h"
#include "cc_receiver.h"
#include "events.h"
#include "extents.h"
#include "fec.h"
#include "partition.h"
#include "quant.h"
#include "random.h"
#include "stream_rx.h"
#include "wire.h"
#include "wrap.h"

#include <herald/norm.h>

enum {
    HD_RX_MASK_WORDS = 4,      /* bits for every symbol of a block: 255 at most */
    HD_RX_NACKS_PER_CYCLE = 4, /* datagrams; what does not fit waits for the next cycle */
    HD_RX_ROBUST = 20,         /* RFC 5740's ROBUST_FACTOR, which senders do not tell: how often we ask the silent */
    HD_RX_ID_BITS = 16,        /* of an object_transport_id */
    HD_RX_BELIEVE = 3,         /* packets in a row that agree with each other, but with nothing before */
    HD_RX_REQUEST_BYTES = 100, /* room for repair requests in a NACK, even if segments are smaller */
};

#define HD_RX_NONE            UINT32_MAX
#define HD_RX_ACTIVITY_MIN_NS UINT64_C(1000000000)

/* --- the window --- */

/* What is known of an object of a sender's window: the index of its struct hd_rx_object, or one of these. */
enum {
    HD_RX_SLOTS_MAX = 0xfff0,
    HD_RX_UNHEARD,  /* wanted, but nothing of it came yet, or there was no room for it: it is asked for as a whole */
    HD_RX_DONE,     /* complete */
    HD_RX_REFUSED,  /* not wanted by the application, if it is what its first packet said; */
    HD_RX_EXCEEDED, /* likewise, but beyond our limits */
    HD_RX_FAILED,   /* aborted: what comes of it is ignored, and no watermark is acknowledged for it */
    HD_RX_UNSYNCED, /* behind the window, and nothing of it was ever here: from before we joined, */
    HD_RX_LOST,     /* or from after that, but given up unheard: a failure, too */
};

/*
 * A place in what a sender sends, as an end: everything before it. The units of an object are its INFO (0), and its
 * blocks (1 + block number), in the order in which they are sent.
 */
struct hd_rx_place {
    uint64_t object;
    uint64_t unit;    /* units before this one, */
    uint32_t symbols; /* and of this one the source symbols before this one */
};

/* --- blocks --- */

/*
 * A block of which some symbols are here, but too few. Of FILE and DATA every such block has one; of a stream, which
 * keeps its source symbols itself, those with parity or with requests of others.
 * Invariant: source_count and parity_count are the bits of `received` below and from k on; so much parity is in the
 * chain at parity_first.
 */
struct hd_rx_partial {
    uint64_t received[HD_RX_MASK_WORDS];     /* by encoding symbol id */
    uint64_t heard_source[HD_RX_MASK_WORDS]; /* source symbols that other receivers asked for, */
    uint64_t block;
    uint32_t heard_cycle;  /* in this repair cycle of ours; 0 = none. Spares clearing them all at each cycle's start */
    uint16_t heard_parity; /* and the most parity that one of them asked for */
    uint16_t source_count;
    uint16_t parity_count;
    uint16_t object; /* slot */
    uint32_t parity_first;
    uint32_t hash_next;              /* also links the free ones */
    uint32_t order_next, order_prev; /* by creation: the newest is the first to go when there is no room */
};

/* A parity symbol that waits for its block to become decodable; the bytes are in the pool's `bytes`. */
struct hd_rx_parity {
    uint32_t next;
    uint16_t symbol;
    uint16_t size_bytes;
};

/* All memory for incomplete blocks. */
struct hd_rx_pool {
    struct hd_rx_partial *partials;
    uint32_t *buckets;
    uint32_t bucket_mask;
    uint32_t free_partial;
    uint32_t oldest, newest; /* ends of the order of creation */
    struct hd_rx_parity *parity;
    uint8_t *parity_bytes;
    uint32_t parity_stride_bytes;
    uint32_t free_parity;
};

/* --- objects --- */

enum hd_rx_object_state {
    HD_RX_OBJECT_FREE,
    HD_RX_OBJECT_OPEN,  /* parts of it are missing; a stream: more may come */
    HD_RX_OBJECT_DRAIN, /* a stream whose sender is gone, that has been received but not read to its end */
    HD_RX_OBJECT_STATES,
};

struct hd_rx_object {
    enum hd_rx_object_state state; /* by hd_rx_object_set_state() only */
    enum herald_norm_kind kind;
    struct hd_rx_remote *remote; /* whose it is */
    uint64_t id;
    uint64_t object_bytes; /* FTI; of a stream, the sender's buffer */
    bool wants_info;       /* it has an INFO that is not here */
    bool has_info;         /* it is here: a second one is a duplicate */
    bool is_info_heard;    /* another receiver asked for the INFO, in this repair cycle */
    bool is_any_heard;     /* some bit of `heard` is set: spares clearing it */
    bool is_readable_told; /* stream: the application knows that there is something to read */
    uint16_t max_symbols;  /* FTI: the largest block that is allowed; also of every block of a stream */
    uint16_t parity_symbols;
    uint16_t segment_bytes;

    /* FILE and DATA */
    struct hd_partition partition;
    struct herald_norm_sink sink;
    uint64_t *complete; /* a bit for each block: all of it is in the sink */
    uint64_t *touched;  /* it has a struct hd_rx_partial: whole runs of missing blocks are found by words */
    uint64_t complete_count;
    uint64_t received_bytes;

    /* STREAM */
    struct hd_stream_rx stream;
    uint64_t *stream_extent;  /* its part of the memory for streams */
    uint32_t stream_blocks;   /* so many blocks */
    bool is_started;          /* `stream` counts: DATA or FLUSH has told a block to begin with */
    uint32_t parity_blocks;   /* how many of its blocks have a struct hd_rx_partial: none, usually */
    uint64_t purged_block;    /* none of them is before this block */
    uint64_t lost_told_bytes; /* of stream.lost_bytes, in the statistics */
    struct hd_rx_place known; /* how far it was heard of, by DATA and FLUSH */
    uint64_t far_block;       /* far ahead, and heard last: only several packets in a row move the buffer there */
    uint8_t far_count;
    uint8_t behind_count;   /* packets of blocks that the sender cannot have any more, if we are where it is */
    struct hd_rx_place end; /* behind the sender's end mark; all zero: not seen */

    uint64_t *heard;           /* blocks that others asked for as a whole; a stream's as a ring */
    uint64_t heard_bits;       /* of them */
    uint64_t first_incomplete; /* no block before it lacks anything: where every search begins */
    uint64_t reach_blocks;     /* so far behind that the sink has had room; 0: it never refused anything */
    uint32_t current;          /* partial of the block that came last: spares the hash */
    uint64_t segments_nacked;

    struct hd_rx_object *next, *prev; /* open objects of the remote, by id; `next` also links the free ones */
};

/* --- senders --- */

enum hd_rx_remote_state {
    HD_RX_REMOTE_FREE,
    HD_RX_REMOTE_UNSYNCED, /* heard, but of no object yet */
    HD_RX_REMOTE_SYNCED,
    HD_RX_REMOTE_GONE, /* it sent EOT: stragglers of that instance are ignored */
    HD_RX_REMOTE_STATES,
};

/* RFC 5740 section 5.3: one cycle of asking. */
enum hd_rx_repair_state {
    HD_RX_REPAIR_IDLE,
    HD_RX_REPAIR_BACKOFF, /* something is missing; others may ask for it before we do */
    HD_RX_REPAIR_SEND,    /* NACKs leave with poll_output() */
    HD_RX_REPAIR_HOLDOFF, /* the sender is given the time to answer */
    HD_RX_REPAIR_STATES,
};

/* What wants to be sent to a sender. */
enum {
    HD_RX_SEND_NACK = 1,
    HD_RX_SEND_WATERMARK = 2,
    HD_RX_SEND_APPLICATION = 4,
    HD_RX_SEND_CC = 8,
};

struct hd_rx_remote {
    enum hd_rx_remote_state state;        /* by hd_rx_remote_set_state() only */
    enum hd_rx_repair_state repair_state; /* by hd_rx_repair_set_state() only */
    uint32_t index;                       /* in the receiver's remotes */
    uint32_t node_id;
    struct herald_peer address; /* of its last packet: where unicast feedback goes, and by which interface all does */

    uint16_t instance_id;
    uint16_t former_instance_id; /* what comes late from before a restart must not look like another one, */
    bool has_former;             /* unless it goes on: */
    uint8_t former_count;        /* so many packets of it came, and none of this instance since */

    uint8_t quantised_grtt, backoff_factor, quantised_gsize; /* as in its last packet: decoded again when they change */
    uint64_t grtt_ns;
    uint32_t group_size;

    uint8_t fec_id; /* of its packets; repair requests repeat it */
    bool has_fti;   /* fti counts. It is constant during an instance, as deployed, but for the size */
    struct hd_fti fti;
    bool is_beyond_limits;  /* it does not, and what was heard is more than we can take: nothing is asked for */
    uint8_t contradictions; /* packets in a row that said otherwise */

    uint64_t heard_ns;    /* last packet */
    uint64_t sending_ns;  /* last INFO, DATA or FLUSH: probes alone do not tell that something is missing */
    bool is_silent;       /* the application was told so */
    uint8_t silent_count; /* how often we asked since sending_ns */
    uint8_t undead_count; /* packets since its EOT has ended, in a row */

    /* The window: objects first_object .. next_object - 1. slots[id & mask]; ids before first_object, as far as the
     * ring reaches, tell how they ended. */
    uint64_t first_object; /* nothing before it is wanted any more */
    uint64_t next_object;  /* the newest that was heard of, plus 1 */
    uint64_t sync_object;  /* where we joined */
    uint64_t own_object;   /* the first that was heard, later than sync_object with SYNC_ALL: ours from here on */
    uint64_t far_object;   /* far outside of it, and heard last: one packet does not move us there, */
    uint64_t far_ns;       /* but several in a row since then do */
    uint8_t far_count;     /* so many */
    uint8_t near_count;    /* packets within it since we joined, up to HD_RX_BELIEVE: is it the right place? */
    uint16_t *slots;
    uint32_t *refused;      /* of those that were refused: what the packet said of them (a hash);
                               unheard: not 0 if the application knows that it is beyond our limits */
    uint64_t doubt_object;  /* refused or open, but the last packet said something else of it, */
    uint32_t doubt_said;    /* namely this, */
    uint8_t doubt_count;    /* and so many did in a row */
    uint8_t *heard_objects; /* others asked for that one as a whole, in this repair cycle */
    bool is_any_object_heard;
    uint64_t unheard_count; /* of the window: HD_RX_UNHEARD */
    struct hd_rx_object *open_first, *open_last;
    struct hd_rx_object *last_object; /* of the last DATA: spares the look-up */

    /* Repair */
    struct hd_rx_place at; /* where the sender is: what lies before is due. Goes back when it repairs */
    uint32_t repair_cycle; /* number of the current one; never 0 */
    uint8_t flush_count;   /* FLUSHes in a row that say the same place: there is nothing behind it */
    bool is_asking_all; /* it sends nothing any more: ask for all that is missing, not only for what lies before `at` */
    bool has_covered;   /* NACK building met something that others had asked for */
    uint8_t nacks_count;          /* datagrams of this cycle */
    struct hd_rx_place nack_from; /* where the next one goes on */
    uint64_t repair_ns;           /* end of back-off or hold-off */
    bool has_moved;               /* the sender was heard to go on during the hold-off */

    /* Acknowledgements. What failed is told by the missing one of the first watermark at or behind it, only. */
    struct hd_position asked; /* the last watermark, whether or not it could be acknowledged, */
    uint64_t asked_object;    /* and its object */
    bool has_asked;
    bool was_acknowledged;        /* it was */
    uint64_t told_end;            /* what failed before this object was told by watermarks before that one */
    uint64_t failed_end;          /* behind the newest that failed and that the ring does not reach any more */
    struct hd_position watermark; /* acknowledged last, or about to be */
    bool has_watermark;
    uint64_t watermark_ns;
    uint8_t application_type, application_id;
    uint16_t application_size_bytes;
    uint8_t *application_bytes;
    uint64_t application_ns;
    uint8_t request_type, request_id; /* the last question of the application's; type 0: there was none */
    bool is_answer_for_all;           /* its answer goes to the group */

    /* Congestion control */
    struct hd_cc_receiver cc;
    struct hd_timestamp probe_sent; /* send time of the last CMD(CC), by the sender's clock, */
    uint64_t probe_ns;              /* and when it came; HERALD_NEVER: none has */

    uint64_t activity_ns; /* when its silence is looked at: not moved by each packet, but when it has come */
    uint64_t wake_ns;     /* the earliest of its deadlines: its key in the heap */
    uint32_t heap_place;
    uint8_t pending; /* HD_RX_SEND_*: it is in the queue of those with output if not 0 */
    bool is_queued;
    struct hd_rx_remote *queue_next;

    struct hd_rx_remote *hash_next;           /* also links the free ones */
    struct hd_rx_remote *lru_next, *lru_prev; /* towards those that were heard longer ago; towards the latest */
};

struct herald_norm_receiver {
    struct herald_norm_receiver_config config;
    struct hd_random random;
    uint64_t waited_ns;                                /* herald_norm_receiver_set_waited() */
    struct herald_norm_receiver_statistics statistics; /* lost_datagrams: of senders that are forgotten */

    struct hd_rx_remote *remotes;
    struct hd_rx_remote **remote_buckets;
    uint32_t remote_mask;
    uint32_t remotes_used; /* those from here on were never used */
    struct hd_rx_remote *free_remote;
    struct hd_rx_remote *last_remote; /* of the last packet: spares the hash */
    struct hd_rx_remote *lru_first, *lru_last;
    struct hd_rx_remote **heap; /* by wake_ns, the earliest first; all that are not free */
    uint32_t heap_count;
    struct hd_rx_remote *queue_first, *queue_last;

    uint16_t *slots; /* the windows of all remotes, window_mask + 1 each */
    uint32_t *refused;
    uint8_t *heard_objects;
    uint32_t window_mask;
    uint8_t *application_bytes; /* answers of all remotes */

    struct hd_rx_object *objects;
    struct hd_rx_object *free_object;
    uint32_t objects_used;   /* those from here on were never used */
    uint64_t blocks_used;    /* of blocks_per_queue */
    bool is_short_of_blocks; /* an object found no room for its bitmaps: none is asked for until another one ends */
    struct hd_extents bitmaps;

    struct hd_rx_pool pool;
    struct hd_fec_decoder *decoder;
    uint8_t *scratch; /* recovered segments on their way into a sink */

    struct hd_extents stream_units; /* one word stands for a block's worth of stream_memory */
    uint8_t *stream_memory;
    size_t stream_unit_bytes;
    uint32_t stream_blocks_used;

    struct hd_events events;
    uint8_t *content; /* of the event that carries one */
};

/* --- norm_receiver.c --- */

static inline void hd_rx_drop(herald_norm_receiver *receiver, enum herald_norm_drop reason)
{
    receiver->statistics.dropped[reason]++;
}

/* Tells the application. */
void hd_rx_tell(herald_norm_receiver *receiver, const struct herald_norm_receiver_event *event);

/* The same, with the kind of event and the sender only. */
void hd_rx_tell_sender(herald_norm_receiver *receiver, const struct hd_rx_remote *remote,
                       enum herald_norm_receiver_event_type type);

/* Copies what an event points to, as much as there is room for. */
const uint8_t *hd_rx_keep_content(herald_norm_receiver *receiver, const struct hd_cursor *content);

/* --- norm_receiver_timer.c --- */

void hd_rx_timer_add(herald_norm_receiver *receiver, struct hd_rx_remote *remote);
void hd_rx_timer_remove(herald_norm_receiver *receiver, struct hd_rx_remote *remote);

/* After anything that may have changed one of its deadlines. */
void hd_rx_timer_update(herald_norm_receiver *receiver, struct hd_rx_remote *remote);

/* --- norm_receiver_remote.c --- */

void hd_rx_remote_set_state(struct hd_rx_remote *remote, enum hd_rx_remote_state state);

/* @return NULL if there is none */
struct hd_rx_remote *hd_rx_remote_find(const herald_norm_receiver *receiver, uint32_t node_id);

/* The sender of a packet, made known, brought up to date, its packet counted. @return NULL: dropped, counted. */
struct hd_rx_remote *hd_rx_remote_hear(herald_norm_receiver *receiver, const struct hd_message *message,
                                       const struct herald_peer *from, size_t packet_bytes, uint64_t now_ns);

/* The same for the next packets of a run: from the same sender, and in nothing but their numbers new. */
void hd_rx_remote_hear_next(herald_norm_receiver *receiver, struct hd_rx_remote *remote, uint16_t sequence,
                            uint16_t count, size_t packet_bytes, uint64_t now_ns);

/* How long it may be silent (RFC 5740 section 5.3). */
uint64_t hd_rx_remote_activity_timeout_ns(const struct hd_rx_remote *remote);

/* What we believe of it was wrong, or is not true any more: begin anew. */
void hd_rx_remote_restart(herald_norm_receiver *receiver, struct hd_rx_remote *remote);

/* It sent EOT. */
void hd_rx_remote_end(herald_norm_receiver *receiver, struct hd_rx_remote *remote);

/* Activity time-out: silence is noticed, and what is missing asked for (RFC 5740 section 5.3). */
void hd_rx_remote_check_activity(herald_norm_receiver *receiver, struct hd_rx_remote *remote, uint64_t now_ns);

/* --- norm_receiver_window.c --- */

static inline uint16_t *hd_rx_window_slot(const herald_norm_receiver *receiver, const struct hd_rx_remote *remote,
                                          uint64_t id)
{
    return &remote->slots[id & receiver->window_mask];
}

/* Is the id one of the window? */
static inline bool hd_rx_window_holds(const struct hd_rx_remote *remote, uint64_t id)
{
    return id >= remote->first_object && id < remote->next_object;
}

static inline uint64_t hd_rx_window_unwrap(const struct hd_rx_remote *remote, uint16_t object_id)
{
    return hd_wrap_near(remote->next_object, object_id, HD_RX_ID_BITS);
}

/* The open object with that id; NULL. */
struct hd_rx_object *hd_rx_window_open_object(const herald_norm_receiver *receiver, const struct hd_rx_remote *remote,
                                              uint64_t id);

/* Joins the sender at an object (RFC 5740 section 5.2). */
void hd_rx_window_sync(herald_norm_receiver *receiver, struct hd_rx_remote *remote, uint16_t object_id);

/* Nothing is known of any object. */
void hd_rx_window_reset(const herald_norm_receiver *receiver, struct hd_rx_remote *remote);

/* So many packets of an object of the window came. */
static inline void hd_rx_window_near(struct hd_rx_remote *remote, uint32_t count)
{
    remote->far_count = 0;
    remote->near_count = (uint8_t)(remote->near_count + count < HD_RX_BELIEVE ? remote->near_count + count
                                                                              : HD_RX_BELIEVE);
}

/*
 * May a packet of that object move the window there? Not if it is far outside: then others must follow it, so that a
 * single packet, damaged or forged, does not cost all that is open. @return false: dropped, counted.
 */
bool hd_rx_window_admit(herald_norm_receiver *receiver, struct hd_rx_remote *remote, uint64_t id, uint64_t now_ns);

/* Objects from `end` on do not exist, whatever we heard. */
void hd_rx_window_cut(herald_norm_receiver *receiver, struct hd_rx_remote *remote, uint64_t end);

/* Did an object fail, of first .. last, that was not refused, nor is from before we joined? */
bool hd_rx_window_has_failed(const herald_norm_receiver *receiver, const struct hd_rx_remote *remote, uint64_t first,
                             uint64_t last);

/* Makes the window reach to an object, and gives up what falls out of it. */
void hd_rx_window_extend(herald_norm_receiver *receiver, struct hd_rx_remote *remote, uint64_t id);

/* An object of the window has ended; the window's beginning follows. */
void hd_rx_window_end(const herald_norm_receiver *receiver, struct hd_rx_remote *remote, uint64_t id, uint16_t how);

/* It ends refused or exceeded, for what was said of it. */
void hd_rx_window_refuse(const herald_norm_receiver *receiver, struct hd_rx_remote *remote, uint64_t id, uint16_t how,
                         uint32_t said);

/*
 * Is an object that is not open wanted, by a packet that says so of it? Who was refused for what a single packet said,
 * which may have been damaged, is wanted again when several others say something else.
 */
bool hd_rx_window_wants(const herald_norm_receiver *receiver, struct hd_rx_remote *remote, uint64_t id, uint32_t said);

/* A packet says something else of an object than is known of it. @return how many in a row said the same (not 0). */
uint8_t hd_rx_window_doubt(struct hd_rx_remote *remote, uint64_t id, uint32_t said);

/* An object that has ended, not longer ago than the ring reaches, is wanted again, as if it had not been heard. */
void hd_rx_window_revive(const herald_norm_receiver *receiver, struct hd_rx_remote *remote, uint64_t id);

/* Why a packet of that object, which is not open, is dropped. */
enum herald_norm_drop hd_rx_window_drop_reason(const struct hd_rx_remote *remote, uint64_t id);

/* CMD(SQUELCH): the sender no longer has something. */
void hd_rx_window_squelch(herald_norm_receiver *receiver, struct hd_rx_remote *remote,
                          const struct hd_squelch *squelch);

/* --- norm_receiver_object.c --- */

static inline uint32_t hd_rx_object_index(const herald_norm_receiver *receiver, const struct hd_rx_object *object)
{
    return (uint32_t)(object - receiver->objects);
}

static inline bool hd_rx_object_is_stream(const struct hd_rx_object *object)
{
    return object->kind == HERALD_NORM_STREAM;
}

void hd_rx_object_set_state(struct hd_rx_object *object, enum hd_rx_object_state state);

/* Is there room for one more? */
static inline bool hd_rx_object_has_room(const herald_norm_receiver *receiver)
{
    return !receiver->is_short_of_blocks &&
           (receiver->free_object || receiver->objects_used < receiver->config.objects_max);
}

/* The object that a packet was of which has been taken, if it may take many DATA at once; otherwise NULL. */
struct hd_rx_object *hd_rx_object_of_run(const struct hd_rx_remote *remote, const struct hd_message *message);

/* INFO and DATA. */
void hd_rx_object_input(herald_norm_receiver *receiver, struct hd_rx_remote *remote, const struct hd_message *message,
                        uint64_t now_ns);

/* Completes a FILE or DATA object if nothing is missing. */
void hd_rx_object_check_complete(herald_norm_receiver *receiver, struct hd_rx_object *object);

/* Gives it up. */
void hd_rx_object_abort(herald_norm_receiver *receiver, struct hd_rx_object *object, enum herald_norm_abort why,
                        int error);

/* What we believed of it was wrong: it begins anew with its next packet. */
void hd_rx_object_restart(herald_norm_receiver *receiver, struct hd_rx_object *object);

/* Everything it has is given back, and its place in the window says how it ended. */
void hd_rx_object_close(herald_norm_receiver *receiver, struct hd_rx_object *object, uint16_t how);

void hd_rx_object_abort_all(herald_norm_receiver *receiver, struct hd_rx_remote *remote, enum herald_norm_abort why);

/* The kind, ids and size of it, for an event. */
void hd_rx_object_tell(herald_norm_receiver *receiver, const struct hd_rx_object *object,
                       enum herald_norm_receiver_event_type type);

/* --- norm_receiver_partial.c --- */

HERALD_CHECKED int hd_rx_pool_init(struct hd_rx_pool *pool, const struct herald_norm_receiver_config *config);
void hd_rx_pool_fini(struct hd_rx_pool *pool);

static inline struct hd_rx_partial *hd_rx_partial_at(const herald_norm_receiver *receiver, uint32_t index)
{
    return index == HD_RX_NONE ? NULL : &receiver->pool.partials[index];
}

struct hd_rx_partial *hd_rx_partial_find(const herald_norm_receiver *receiver, const struct hd_rx_object *object,
                                         uint64_t block);

/* A new, empty one. When there is no room, the newest goes, if `may_evict`. @return NULL: no room. */
struct hd_rx_partial *hd_rx_partial_add(herald_norm_receiver *receiver, struct hd_rx_object *object, uint64_t block,
                                        bool may_evict);

/* How many bytes of it were written to the sink of its FILE or DATA object. */
uint64_t hd_rx_partial_written_bytes(const struct hd_rx_object *object, const struct hd_rx_partial *partial);

/* Forgets parity until no more than so many symbols are left. */
void hd_rx_partial_trim_parity(herald_norm_receiver *receiver, struct hd_rx_partial *partial, uint16_t symbols);

/* Its memory is given back; so is its parity. */
void hd_rx_partial_remove(herald_norm_receiver *receiver, struct hd_rx_partial *partial);

void hd_rx_partial_remove_all(herald_norm_receiver *receiver, const struct hd_rx_object *object);

/* Keeps a parity symbol; one of a newer block makes room. @return 0; -ENOBUFS. */
HERALD_CHECKED int hd_rx_partial_keep_parity(herald_norm_receiver *receiver, struct hd_rx_partial *partial,
                                             uint16_t symbol, const struct hd_cursor *payload);

/* --- norm_receiver_block.c --- */

/* How many source symbols a block has. */
static inline uint16_t hd_rx_block_symbols(const struct hd_rx_object *object, uint64_t block)
{
    return hd_rx_object_is_stream(object) ? object->max_symbols : hd_partition_block_symbols(&object->partition, block);
}

/* Is parity of any use? Not if a block cannot be read back to be decoded. */
static inline bool hd_rx_object_takes_parity(const struct hd_rx_object *object)
{
    return object->sink.read_at || hd_rx_object_is_stream(object);
}

/* Source symbols of one block, one behind the other, as the packets of a run bring them. */
struct hd_rx_stretch {
    struct hd_payload_id first;
    const uint8_t *bytes; /* of the first */
    size_t stride_bytes;  /* from one to the next */
    uint16_t count;
};

/* How many source symbols can follow that one at once: full ones, none of which is here. 0: one by one is as well. */
uint16_t hd_rx_block_room(const herald_norm_receiver *receiver, const struct hd_rx_object *object,
                          const struct hd_position *after);

/* Takes them; the object may be closed by it. @return how many: of the next the sink wants to hear alone */
uint16_t hd_rx_block_input_many(herald_norm_receiver *receiver, struct hd_rx_object *object,
                                const struct hd_rx_stretch *stretch);

/* DATA of an open FILE or DATA object, which may be closed by it. @return false: it names what does not exist. */
bool hd_rx_block_input(herald_norm_receiver *receiver, struct hd_rx_object *object, const struct hd_data *data);

/* Blocks [from, limit) of an open FILE or DATA object are complete, whatever was known of them. It stays open. */
void hd_rx_block_mark_present(herald_norm_receiver *receiver, struct hd_rx_object *object, uint64_t from,
                              uint64_t limit);

/* The kept parity of a block, as the decoder wants it. @return how many. */
uint16_t hd_rx_block_collect_parity(const herald_norm_receiver *receiver, const struct hd_rx_partial *partial,
                                    uint16_t source_symbols, struct hd_fec_parity ret_parity[HD_FEC_SYMBOLS_MAX]);

/* --- norm_receiver_stream.c --- */

/* Takes memory for the buffer. @return 0; -ENOBUFS. */
HERALD_CHECKED int hd_rx_stream_open(herald_norm_receiver *receiver, struct hd_rx_object *object);
void hd_rx_stream_close(herald_norm_receiver *receiver, struct hd_rx_object *object);

/* The number of a stream's block, from the wire. The first one is where we begin. */
uint64_t hd_rx_stream_block(const herald_norm_receiver *receiver, struct hd_rx_object *object, uint8_t fec_id,
                            uint32_t wire_block);

/* Is the block not much farther ahead than what came before? */
static inline bool hd_rx_stream_is_near(const struct hd_rx_object *object, uint64_t block)
{
    return block < object->stream.newest_block + 2 * (uint64_t)object->stream.buffer_blocks;
}

/* The stream was heard of as far as there. */
void hd_rx_stream_know(struct hd_rx_object *object, uint64_t block, uint32_t symbols);

/* Does a place in an open object reach beyond what a stream's buffer can hold now? */
static inline bool hd_rx_stream_is_ahead(const struct hd_rx_object *object, const struct hd_rx_place *within)
{
    return hd_rx_object_is_stream(object) && object->is_started &&
           within->unit + (within->symbols > 0) > object->stream.next_block + object->stream.buffer_blocks + 1;
}

/* DATA of an open stream, which may be closed by it. @return false: it names what does not exist. */
bool hd_rx_stream_input(herald_norm_receiver *receiver, struct hd_rx_object *object, const struct hd_data *data,
                        uint64_t block);

/* The sender no longer repairs what lies before a block. */
void hd_rx_stream_squelch(herald_norm_receiver *receiver, struct hd_rx_object *object, uint64_t block);

/* Tells the application what can be read; closes a stream that was read to its end. */
void hd_rx_stream_check(herald_norm_receiver *receiver, struct hd_rx_object *object);

/* Is everything up to the sender's end mark here? */
bool hd_rx_stream_is_complete(const herald_norm_receiver *receiver, const struct hd_rx_object *object);

/* --- norm_receiver_repair.c --- */

void hd_rx_repair_set_state(struct hd_rx_remote *remote, enum hd_rx_repair_state state);

/*
 * How much of an open object lies before a place, as a place in that object. Of a stream that the sender has left for
 * a later object: what is known of it.
 */
struct hd_rx_place hd_rx_place_within(const struct hd_rx_object *object, const struct hd_rx_place *place);

/* The first block of [from, limit) that lacks anything and may still come; limit if there is none. */
uint64_t hd_rx_object_next_incomplete(const struct hd_rx_object *object, uint64_t from, uint64_t limit);

/* Is anything of an object missing before a place in it (hd_rx_place_within())? */
bool hd_rx_object_is_missing(const herald_norm_receiver *receiver, const struct hd_rx_object *object,
                             const struct hd_rx_place *within);

/* Is anything missing before a place? */
bool hd_rx_repair_is_missing(const herald_norm_receiver *receiver, const struct hd_rx_remote *remote,
                             const struct hd_rx_place *place);

/* The sender is here now: if something before it is missing, a cycle begins. */
void hd_rx_repair_move(herald_norm_receiver *receiver, struct hd_rx_remote *remote, const struct hd_rx_place *place,
                       uint64_t now_ns);

/* A cycle begins, unless one is under way or there is nothing to ask for. */
void hd_rx_repair_check(herald_norm_receiver *receiver, struct hd_rx_remote *remote, uint64_t now_ns);

/* Back-off or hold-off ends. */
void hd_rx_repair_expire(herald_norm_receiver *receiver, struct hd_rx_remote *remote, uint64_t now_ns);

/* After the last NACK of a cycle, or when others have asked for everything. */
void hd_rx_repair_hold_off(struct hd_rx_remote *remote, uint64_t now_ns);

void hd_rx_repair_reset(struct hd_rx_remote *remote);

/* Another receiver's NACK, or the sender's REPAIR_ADV. */
void hd_rx_repair_hear(herald_norm_receiver *receiver, struct hd_rx_remote *remote, struct hd_cursor requests);

/* What may be asked for now lies before this place. */
struct hd_rx_place hd_rx_repair_limit(const struct hd_rx_remote *remote);

/* Was it asked for, by others and in this cycle? */
bool hd_rx_repair_is_block_heard(const struct hd_rx_object *object, uint64_t block);

/* --- norm_receiver_nack.c --- */

/* The source symbols of a block, before `symbols`, that are not here. @return how many symbols must still come. */
uint16_t hd_rx_block_missing(const struct hd_rx_object *object, const struct hd_rx_partial *partial, uint64_t block,
                             uint32_t symbols, uint64_t ret_missing[HD_RX_MASK_WORDS]);

/* Appends repair requests, from remote->nack_from on. @return true: all of them; false: the room was not enough. */
bool hd_rx_nack_build(herald_norm_receiver *receiver, struct hd_rx_remote *remote, struct hd_writer *writer);

/* --- norm_receiver_command.c --- */

void hd_rx_command_flush(herald_norm_receiver *receiver, struct hd_rx_remote *remote, const struct hd_flush *flush,
                         uint64_t now_ns);
void hd_rx_command_probe(herald_norm_receiver *receiver, struct hd_rx_remote *remote, const struct hd_message *message,
                         uint64_t now_ns);
void hd_rx_command_application(herald_norm_receiver *receiver, struct hd_rx_remote *remote,
                               const struct hd_cursor *content);
void hd_rx_command_request(herald_norm_receiver *receiver, struct hd_rx_remote *remote,
                           const struct hd_message *message);

/* --- norm_receiver_output.c --- */

/* Something (HD_RX_SEND_*) is to be sent. */
void hd_rx_output_want(herald_norm_receiver *receiver, struct hd_rx_remote *remote, uint8_t what);

/* Nothing is any more. */
void hd_rx_output_forget(herald_norm_receiver *receiver, struct hd_rx_remote *remote);

/* Moves the deadlines of output that have come into what is pending. */
void hd_rx_output_expire(herald_norm_receiver *receiver, struct hd_rx_remote *remote, uint64_t now_ns);

#endif
