/* SPDX-License-Identifier: MIT */
/*
 * Reliable multicast: NORM (RFC 5740) as two state machines without input or output of their own.
 *
 * A *sender* multicasts objects (files, data in memory, streams); *receivers* ask for what they miss. Neither opens
 * a socket, reads a clock or starts a thread: packets and time go in, datagrams, events and a deadline come out, so
 * they can be driven from any event loop, and simulated. Each machine is moved by five calls and nothing else:
 *
 *     for (;;) {
 *         while (herald_norm_sender_poll_output(s, now_ns, &datagram) > 0)       1. send what wants to be sent,
 *             send(&datagram);
 *         while (herald_norm_sender_poll_event(s, &event) > 0)                   2. hear what happened,
 *             look_at(&event);
 *         wait for a packet, or until herald_norm_sender_next_timeout(s);        3. sleep,
 *         if (a packet came)
 *             herald_norm_sender_input(s, &from, unicast, bytes, size, now_ns);  4. hand in every packet,
 *         herald_norm_sender_handle_timeout(s, now_ns);                          5. and the time.
 *     }
 *
 * The receiver has the same five. A node that does both hands every packet to both machines: each ignores what is
 * not for it, and its own.
 *
 * Rules:
 *  - Time is nanoseconds of any clock that never runs backwards (herald_clock_ns(), or a simulated one). An earlier
 *    `now_ns` than in the call before does no harm but delays what is due. All times that are told are of that clock.
 *  - After handle_timeout(now) and draining the output, next_timeout() is later than `now`.
 *  - Events are drained after each call: while some are left, input() and handle_timeout() return -EBUSY and do
 *    nothing, next_timeout() may lie in the past, and a loop without poll_event() spins. What an event points to is
 *    valid until the next call on that machine other than poll_event().
 *  - All memory is allocated by _new, from the limits in the config. A limit that is reached is an event or a
 *    counter, never a failure of the machine.
 *  - A packet that is malformed, hostile or not for us is counted by reason and dropped.
 *  - One thread at a time for each machine; different machines may be in different threads.
 */
#ifndef HERALD_NORM_H
#define HERALD_NORM_H

#include <herald/types.h>

#ifdef __cplusplus
extern "C" {
#endif

/** Node ids that nobody can have: RFC 5740's NORM_NODE_NONE and NORM_NODE_ANY. */
#define HERALD_NORM_NODE_NONE UINT32_C(0)
#define HERALD_NORM_NODE_ANY  UINT32_C(0xffffffff)

/** The room that a datagram's `buffer` needs, for a config's segment_bytes. */
#define HERALD_NORM_BUFFER_BYTES(segment_bytes) ((size_t)(segment_bytes) + 128)

/** Nothing is sent faster than this: 100 Gbit/s. Also what "as fast as possible" is called. */
#define HERALD_NORM_RATE_MAX_BYTES_PER_S UINT64_C(12500000000)

/** A backoff_factor that follows from the group_size. */
#define HERALD_NORM_BACKOFF_AUTO 255

/* ------------------------------------------------------------------ datagrams */

/**
 * One datagram to send: first `header_bytes` of `buffer`, then `payload_bytes` of `payload`.
 *
 * The caller sets `buffer` and `buffer_bytes` (HERALD_NORM_BUFFER_BYTES()) and owns the buffer. The payload is not
 * copied: it points to where the object's source has it, and stays valid as long as the source keeps it: for memory
 * and mapped files until the object is released, for streams until the next herald_norm_sender_stream_write().
 */
struct herald_norm_datagram {
    uint8_t *buffer;
    size_t buffer_bytes;
    size_t header_bytes;
    const uint8_t *payload; /**< NULL if payload_bytes is 0 */
    size_t payload_bytes;
    bool to_group;                  /**< true: to the group; false: to `destination` (unicast feedback) */
    struct herald_peer destination; /**< of a receiver: the sender that it is for, as it was last given to input(). With
                                         to_group only its interface matters: that is where to send by */
};

/* ------------------------------------------------------------------ objects */

enum herald_norm_kind {
    HERALD_NORM_FILE,   /**< NORM_OBJECT_FILE; the INFO is the bare file name by convention */
    HERALD_NORM_DATA,   /**< NORM_OBJECT_DATA */
    HERALD_NORM_STREAM, /**< NORM_OBJECT_STREAM: bytes without an end, optionally divided into messages */
};

/** Where the bytes of a FILE or DATA object are read from. */
struct herald_norm_source {
    void *user;
    /**
     * @return where `size_bytes` bytes at `offset_bytes` are, all inside the object; NULL if they cannot be had: the
     *         object is then aborted. At most one block (block_segments * segment_bytes) is asked for at a time.
     *         Valid until the next call on this source, and, for what became a datagram's payload, until the caller
     *         has sent it.
     */
    const uint8_t *(*read_at)(void *user, uint64_t offset_bytes, size_t size_bytes);
};

/** Where the bytes of a FILE or DATA object go. write_at must be set. None of them may call the receiver. */
struct herald_norm_sink {
    void *user;
    /** Stores bytes, which are valid during the call. Segments come in any order; rarely one comes again
     *  (after partial_blocks_max was reached).
     *  @return 0; -EAGAIN: no room now, nothing of it was stored: it counts as lost (HERALD_NORM_DROP_LIMIT) and is
     *          asked for again; another -errno: the object is aborted with that error. */
    int (*write_at)(void *user, uint64_t offset_bytes, const uint8_t *bytes, size_t size_bytes);
    /** NULL, or stores what follows each other without a gap, as it lies in the packets that came together: `count`
     *  segments of `segment_bytes`, of one block, each `stride_bytes` behind the one before. It spares many calls of
     *  write_at(), which is called for all else, and for what this one did not take.
     *  @return how many were stored, from the first on, 0 to `count`. */
    size_t (*write_many)(void *user, uint64_t offset_bytes, const uint8_t *bytes, size_t segment_bytes,
                         size_t stride_bytes, size_t count);
    /** What was written, a block at most, to repair the rest of it. Parts that were never written may hold anything.
     *  NULL instead of a function: it cannot be read back. Then only what was lost itself is asked for, and parity
     *  that comes is dropped (HERALD_NORM_DROP_UNSUPPORTED).
     *  @return where it is, valid until the next call on this sink; NULL: the object is aborted with -EIO. */
    const uint8_t *(*read_at)(void *user, uint64_t offset_bytes, size_t size_bytes);
    /** NULL, or is told of blocks, which are those of RFC 5052 section 9.1, counted from 0. `is_complete`: all bytes
     *  of the block were written; once for each, but not for those of herald_norm_receiver_mark_present(). Otherwise:
     *  what was written of it counts for nothing, and comes again (partial_blocks_max was reached). */
    void (*block_changed)(void *user, uint64_t block, bool is_complete);
};

/* ------------------------------------------------------------------ the sender */

typedef struct herald_norm_sender herald_norm_sender;

/** Who decides the rate. */
enum herald_norm_rate_mode {
    HERALD_NORM_RATE_FIXED, /**< the config's rate_bytes_per_s, or herald_norm_sender_set_rate() */
    HERALD_NORM_RATE_AUTO,  /**< what the slowest receiver sustains, found from its feedback */
    HERALD_NORM_RATE_TFMCC, /**< fair to TCP: RFC 4654, RFC 5740 section 5.5.2 */
};

/** Fill by herald_norm_sender_config_default(), then change. Copied by _new. */
struct herald_norm_sender_config {
    uint32_t node_id;     /**< must be set: unique in the group, not NONE nor ANY */
    uint16_t instance_id; /**< must differ from this node's last run, so that receivers notice the restart */
    uint64_t seed;        /**< of all randomness; the same seed and inputs give the same run */

    uint16_t segment_bytes;    /**< payload of a datagram, 16 .. 65000; 1400 */
    uint8_t fec_id;            /**< 5, 2 (m = 8) or 129; 5 */
    uint16_t block_segments;   /**< k: source segments of a block, 1 .. 254; 64 */
    uint16_t parity_segments;  /**< n - k: parity segments that a block can have, k + this <= 255; 32 */
    uint16_t proactive_parity; /**< sent with each block without being asked, <= parity_segments; 0 */

    enum herald_norm_rate_mode rate_mode; /**< FIXED */
    uint64_t rate_bytes_per_s;            /**< FIXED: the rate; otherwise where it starts; 125000 (1 Mbit/s) */
    uint64_t rate_min_bytes_per_s;        /**< AUTO and TFMCC never go below; 12500 */
    uint64_t rate_max_bytes_per_s;        /**< no mode goes above; HERALD_NORM_RATE_MAX_BYTES_PER_S */
    uint32_t window_bytes_max;    /**< FIXED, AUTO: waits while more than a window lies between what was sent and what
                                               the slowest of up to 16 receivers has taken out of its buffer (as those
                                               with EXT_DELIVERY tell); the window adapts itself up to this. 0: never */
    uint64_t burst_ns;            /**< what may be sent at once, as time at the rate; 200 us */
    uint16_t burst_datagrams_max; /**< and at most so many, 1 .. 64 (above 100 NRL's receivers resync); 64 */

    uint64_t grtt_initial_ns; /**< the group's round-trip time before it is measured; 100 ms */
    uint64_t grtt_max_ns;     /**< and its limit; 10 s */
    uint8_t backoff_factor;   /**< K of RFC 5740: NACKs are spread over K * GRTT, 0 .. 15; or
                                   HERALD_NORM_BACKOFF_AUTO: 4 for groups of up to 1,000, 6 of 10,000, 8 of 1,000,000,
                                   so that the NACKs grow no faster than the group's logarithm; AUTO */
    uint32_t group_size;      /**< estimate of how many receivers; 1000 */
    uint8_t robust_factor;    /**< how often FLUSH, EOT and requests are repeated, 1 .. 255; 20 */
    bool unicast_feedback;    /**< expect NACKs by unicast: advertise them to the group (REPAIR_ADV) */

    uint16_t objects_max;           /**< objects kept for transmission and repair, 1 .. 16384; 256. No more pass in the
                                         time that receivers have to ask, see _enqueue(); and receivers whose
                                         objects_per_sender is less may give up some that could be repaired */
    uint64_t blocks_per_queue;      /**< blocks of all kept objects together; 1 << 20 (at 64 * 1400 bytes: 94 GB) */
    uint32_t repair_blocks_max;     /**< blocks whose repair is remembered in detail; 4096 */
    uint16_t info_bytes_max;        /**< of an object's INFO, <= segment_bytes; 0: as much as that */
    uint32_t ack_nodes_max;         /**< receivers that can be asked for acknowledgement; 1024 */
    uint32_t stream_blocks_max;     /**< blocks of stream buffer, for all open streams together; 0: no streams */
    uint16_t application_bytes_max; /**< of an application command or request, <= segment_bytes; 0: as much as that */
};

/** Fills *ret_config with the defaults named above. Any thread. */
HERALD_API void herald_norm_sender_config_default(struct herald_norm_sender_config *ret_config);

/** @return NULL if _new accepts the config, otherwise the name of the first field that is wrong. Any thread. */
HERALD_API const char *herald_norm_sender_config_check(const struct herald_norm_sender_config *config);

/** @return 0; -EINVAL (ask _config_check()); -ENOMEM. The caller owns *ret_sender. */
HERALD_API HERALD_CHECKED int herald_norm_sender_new(herald_norm_sender **ret_sender,
                                                     const struct herald_norm_sender_config *config, uint64_t now_ns);

/** Frees everything; nothing more is sent. @return NULL. */
HERALD_API herald_norm_sender *herald_norm_sender_free(herald_norm_sender *sender);

/** What to send. */
struct herald_norm_object {
    enum herald_norm_kind kind;
    /** FILE and DATA: below 2^48; 0 needs an INFO, which is all that is sent then. STREAM: its buffer, rounded up to
     *  whole blocks and to two at least, within the config's stream_blocks_max. */
    uint64_t size_bytes;
    const uint8_t *bytes;             /**< FILE and DATA in memory: must stay until released. Otherwise NULL, and: */
    struct herald_norm_source source; /**< where to read from */
    const uint8_t *info;              /**< copied; NULL = no INFO */
    uint16_t info_bytes;
};

/**
 * Puts an object into the queue behind those that are there.
 *
 * Objects are kept after transmission, to repair them, until herald_norm_sender_release(), or until a new one needs
 * the room: then the oldest goes, once all that were asked have acknowledged it, or receivers had the time to ask for
 * what they miss, 2 * (K + 2) GRTT (the GRTT that they may still be using) and 16 datagrams after anything of it was
 * last sent, unless repair of it is under way or an acknowledgement by _request_acks() is still due. A RELEASED event
 * tells.
 *
 * @param ret_object_id  its object_transport_id on the wire
 * @return 0; -EINVAL; -ENOBUFS: no room now, wait for a RELEASED event; -EFBIG: there never will be;
 *         -ESHUTDOWN after _end().
 */
HERALD_API HERALD_CHECKED int herald_norm_sender_enqueue(herald_norm_sender *sender,
                                                         const struct herald_norm_object *object, uint64_t now_ns,
                                                         uint16_t *ret_object_id);

/**
 * Forgets an object, whatever its state; receivers that ask for it are told so (SQUELCH). No event follows.
 * @return 0; -ENOENT.
 */
HERALD_API int herald_norm_sender_release(herald_norm_sender *sender, uint16_t object_id, uint64_t now_ns);

/** What a _stream_write() is to do besides appending. Bits. */
enum herald_norm_stream_flags {
    HERALD_NORM_STREAM_MESSAGE_START = 1, /**< the first byte starts a message: receivers find it after a loss */
    HERALD_NORM_STREAM_FLUSH = 2,         /**< send the last segment now, although it is not full */
    HERALD_NORM_STREAM_PUSH = 4,          /**< overwrite the oldest data even if it may still need repair */
};

/**
 * Appends bytes to a stream. They leave in whole segments; a last one that is not full waits for more, for FLUSH
 * (NULL, 0 and FLUSH is a way to say just that), _request_acks(), _stream_close() or _end(). A segment that is flushed
 * takes the room of a full one in all buffers, however short: lines of a chat need buffers counted in lines.
 *
 * A call starts at most one message, with its first byte. After a short write the rest is written without
 * MESSAGE_START. Receivers learn where a message starts, not where it ends: its length is for the application to say.
 *
 * Without PUSH, data is only overwritten once it was sent, no repair of it is under way, and either it was
 * acknowledged by all that were asked (_add_ack_node()) or receivers had the time to ask: the writer is slowed down
 * rather than the receivers cut off. A STREAM_WRITABLE event follows a short write when there is room again.
 *
 * @return the bytes taken, 0 .. size_bytes; -ENOENT; -EINVAL: not a stream; -ESHUTDOWN: closed.
 */
HERALD_API HERALD_CHECKED int64_t herald_norm_sender_stream_write(herald_norm_sender *sender, uint16_t object_id,
                                                                  const uint8_t *bytes, size_t size_bytes,
                                                                  unsigned flags, uint64_t now_ns);

/** Ends a stream: receivers that have all of it get a STREAM_END event. @return 0; -ENOENT; -EINVAL. */
HERALD_API int herald_norm_sender_stream_close(herald_norm_sender *sender, uint16_t object_id, uint64_t now_ns);

/** Sets the rate of mode FIXED, from now on. @return 0; -EINVAL: not that mode, or 0, or above rate_max_bytes_per_s. */
HERALD_API int herald_norm_sender_set_rate(herald_norm_sender *sender, uint64_t rate_bytes_per_s, uint64_t now_ns);

/**
 * Tells again how far it is (FLUSH), when all that is queued is sent: receivers that were away the first time then ask
 * for what they miss. It comes by itself after whatever is sent.
 */
HERALD_API void herald_norm_sender_flush(herald_norm_sender *sender, uint64_t now_ns);

/**
 * Adds a receiver to those that are asked to acknowledge. There is one list, used by every later _request_acks(): who
 * is added while a watermark is under way counts from the next one.
 * @return 0; -EEXIST; -ENOBUFS: ack_nodes_max; -EINVAL.
 */
HERALD_API int herald_norm_sender_add_ack_node(herald_norm_sender *sender, uint32_t node_id);

/** Takes it off the list; what is due from it is no longer waited for. @return 0; -ENOENT. */
HERALD_API int herald_norm_sender_remove_ack_node(herald_norm_sender *sender, uint32_t node_id, uint64_t now_ns);

/**
 * Sets the watermark: once everything up to the end of that object (of a stream: up to what was written) is sent,
 * the listed receivers are asked to acknowledge that they have it (FLUSH with their ids, RFC 5740 section 5.5.3).
 * An ACKED event tells of each, an ACKS_DONE event when all did or robust_factor questions, two GRTT apart, remained
 * unanswered. Asking again for the same object is allowed then, and FLUSHes again. A new watermark replaces the last.
 *
 * A receiver acknowledges when nothing that it accepted is missing from where it joined up to there, and nothing of
 * that failed since the watermark before (its sink, a limit). An object that its application refused does not count,
 * unless it is the watermark's own.
 * @return 0; -ENOENT; -EINVAL: the list is empty.
 */
HERALD_API int herald_norm_sender_request_acks(herald_norm_sender *sender, uint16_t object_id, uint64_t now_ns);

/**
 * Sets the watermark like _request_acks(), only to make room sooner: what all have acknowledged need not be kept for as
 * long as receivers could ask, but nothing is kept longer until they have. For queues of many small objects.
 * @return 0; -ENOENT; -EINVAL: the list is empty.
 */
HERALD_API int herald_norm_sender_request_room(herald_norm_sender *sender, uint16_t object_id, uint64_t now_ns);

/** What _ack_status() says of a listed receiver. */
enum herald_norm_ack_status {
    HERALD_NORM_ACK_WAITED_FOR = 0, /**< not yet, or it was listed after the watermark was set */
    HERALD_NORM_ACK_RECEIVED = 1,   /**< it has acknowledged the watermark */
    HERALD_NORM_ACK_MISSED = 2,     /**< it did not in time */
};

/** @return an enum herald_norm_ack_status; -ENOENT: it is not listed. */
HERALD_API int herald_norm_sender_ack_status(const herald_norm_sender *sender, uint32_t node_id);

/**
 * Multicasts an application-defined command (NORM_CMD(APPLICATION)), robust_factor times if `robust`. It is not
 * reliable: a receiver hears it several times or not at all.
 * @return 0; -EMSGSIZE: above application_bytes_max; -EBUSY: the last one is not out yet; -ESHUTDOWN: after EOT.
 */
HERALD_API HERALD_CHECKED int herald_norm_sender_send_command(herald_norm_sender *sender, const uint8_t *content,
                                                              size_t content_bytes, bool robust, uint64_t now_ns);

/**
 * Asks receivers for an application-defined acknowledgement (NORM_CMD(ACK_REQ)), robust_factor times at most.
 * An APPLICATION_ACK event comes for each answer; REQUEST_DONE when all have answered or the last question is out.
 *
 * @param ack_type  16 .. 255
 * @param ack_id    of your choice, echoed in the answers
 * @param nodes     whom; copied, at most ack_nodes_max. NULL: whoever hears it, so it is asked robust_factor times
 * @param content   handed to the receivers' applications; NULL = none
 * @return 0; -EINVAL; -EMSGSIZE: above application_bytes_max, or 1,002 bytes, which a header can carry; -EBUSY: the
 *         last request is not done; -ESHUTDOWN: after EOT.
 */
HERALD_API HERALD_CHECKED int herald_norm_sender_request(herald_norm_sender *sender, uint8_t ack_type, uint8_t ack_id,
                                                         const uint32_t *nodes, uint32_t nodes_count,
                                                         const uint8_t *content, size_t content_bytes, uint64_t now_ns);

/** Does not ask any further, as if it had not been asked: no REQUEST_DONE comes, but answers may still. */
HERALD_API void herald_norm_sender_cancel_request(herald_norm_sender *sender);

/**
 * Finishes: closes the open streams; after what is queued, and its flush, EOT is sent and an ENDED event follows.
 * Nothing can be enqueued or written any more.
 */
HERALD_API void herald_norm_sender_end(herald_norm_sender *sender, uint64_t now_ns);

/**
 * Hands in a packet: feedback from receivers. `from` is where answers to it would go; `unicast` tells that it was
 * sent to this host rather than to the group.
 * @return 0: used, or counted and dropped; -EBUSY: events first.
 */
HERALD_API int herald_norm_sender_input(herald_norm_sender *sender, const struct herald_peer *from, bool unicast,
                                        const uint8_t *packet, size_t packet_bytes, uint64_t now_ns);

/** @return 1: *datagram is filled; 0: nothing to send before next_timeout(); -EMSGSIZE: the buffer is too small. */
HERALD_API HERALD_CHECKED int herald_norm_sender_poll_output(herald_norm_sender *sender,
                                                             struct herald_norm_datagram *datagram, uint64_t now_ns);

/** When handle_timeout() wants to be called: the time of that, or HERALD_NEVER. */
HERALD_API uint64_t herald_norm_sender_next_timeout(const herald_norm_sender *sender);

/** Tells the time. Harmless when early. @return 0; -EBUSY: events first. */
HERALD_API int herald_norm_sender_handle_timeout(herald_norm_sender *sender, uint64_t now_ns);

enum herald_norm_sender_event_type {
    HERALD_NORM_SENDER_SENT,            /**< object_id: its last segment is out for the first time */
    HERALD_NORM_SENDER_FLUSHED,         /**< everything is out, and all of the flush after it, ACKS_DONE or not */
    HERALD_NORM_SENDER_RELEASED,        /**< object_id: to make room; its bytes are no longer needed */
    HERALD_NORM_SENDER_FAILED,          /**< object_id: its source gave no bytes; it was aborted and released */
    HERALD_NORM_SENDER_STREAM_WRITABLE, /**< object_id: there is room again */
    HERALD_NORM_SENDER_ACKED,           /**< node_id: has everything up to the watermark; object_id */
    HERALD_NORM_SENDER_ACKS_DONE,       /**< missing_count: how many of the list have not acknowledged; object_id */
    HERALD_NORM_SENDER_COMMAND_SENT,    /**< the command is out for the last time */
    HERALD_NORM_SENDER_APPLICATION_ACK, /**< node_id, ack_type, ack_id, content: an answer, or unasked */
    HERALD_NORM_SENDER_REQUEST_DONE,    /**< ack_type, ack_id; missing_count: how many of those asked did not answer */
    HERALD_NORM_SENDER_RATE,            /**< value: the new rate in bytes/s (AUTO and TFMCC; when it moved by 1/8) */
    HERALD_NORM_SENDER_GRTT,            /**< value: the new group round-trip time in ns, as advertised */
    HERALD_NORM_SENDER_ENDED,           /**< EOT is out for the last time */
};

struct herald_norm_sender_event {
    enum herald_norm_sender_event_type type;
    uint16_t object_id;
    uint32_t node_id;
    uint32_t missing_count;
    uint64_t value;
    uint8_t ack_type, ack_id;
    const uint8_t *content; /**< valid until the next call other than poll_event() */
    size_t content_bytes;
};

/** @return 1: *ret_event is filled; 0: none left. */
HERALD_API HERALD_CHECKED int herald_norm_sender_poll_event(herald_norm_sender *sender,
                                                            struct herald_norm_sender_event *ret_event);

/** Why packets were dropped: index of the counters below. */
enum herald_norm_drop {
    HERALD_NORM_DROP_MALFORMED,    /**< no message of RFC 5740 */
    HERALD_NORM_DROP_NOT_FOR_US,   /**< another node's conversation, or our own packet */
    HERALD_NORM_DROP_INSTANCE,     /**< feedback to an earlier run of the sender */
    HERALD_NORM_DROP_UNSUPPORTED,  /**< an FEC scheme or parameters outside what is supported or configured;
                                        parity for a sink without read_at */
    HERALD_NORM_DROP_INCONSISTENT, /**< contradicts what the sender said before, or itself */
    HERALD_NORM_DROP_LIMIT,        /**< a limit of the config was reached, or a sink had no room (-EAGAIN) */
    HERALD_NORM_DROP_OLD,          /**< of an object or block that is done with */
    HERALD_NORM_DROP_DUPLICATE,    /**< already there */
    HERALD_NORM_DROP_UNSYNCED,     /**< data from before the point where this receiver joined */
    HERALD_NORM_DROP_REASONS,
};

/** Everything that was counted since _new. */
struct herald_norm_sender_statistics {
    uint64_t datagrams, bytes;                                   /**< all that was sent, UDP payload */
    uint64_t source_datagrams, parity_datagrams, info_datagrams; /**< first transmissions and repairs */
    uint64_t repair_source_datagrams, repair_parity_datagrams, repair_info_datagrams; /**< of these: repairs */
    uint64_t payload_bytes; /**< of objects, first transmissions only */
    uint64_t flushes, squelches, cc_probes, repair_adverts, ack_requests, commands, eots;
    uint64_t nacks, acks;     /**< received and for us */
    uint64_t nacked_segments; /**< asked for, counted before aggregation */
    uint64_t repair_cycles;
    uint64_t parity_bytes_encoded; /**< source bytes that went through the encoder */
    uint64_t dropped[HERALD_NORM_DROP_REASONS];
    uint64_t grtt_ns;
    uint64_t rate_bytes_per_s;
    uint32_t objects, receivers_heard; /**< now in the queue; node ids tracked for congestion control */
};

/** Copies the counters. */
HERALD_API void herald_norm_sender_get_statistics(const herald_norm_sender *sender,
                                                  struct herald_norm_sender_statistics *ret_statistics);

/** What congestion control knows of a receiver it tracks. */
struct herald_norm_receiver_report {
    uint32_t node_id;
    bool is_limiting; /**< the current limiting receiver (CLR) */
    uint64_t rtt_ns;  /**< 0 = not measured */
    uint32_t loss_ppm;
    uint64_t rate_bytes_per_s; /**< what it says it can take (TFMCC) or receives (AUTO) */
    uint64_t heard_ns;         /**< when it was last heard */
};

/** Number `index` of the tracked receivers. @return 0; -ENOENT: fewer are tracked. */
HERALD_API int herald_norm_sender_get_report(const herald_norm_sender *sender, uint32_t index,
                                             struct herald_norm_receiver_report *ret_report);

/* ------------------------------------------------------------------ the receiver */

typedef struct herald_norm_receiver herald_norm_receiver;

/** Where to begin with a sender that is already sending. */
enum herald_norm_sync {
    HERALD_NORM_SYNC_CURRENT, /**< at the first object heard of, all of it; in a stream at the block first heard */
    HERALD_NORM_SYNC_ALL,     /**< ask for the earlier objects too, as far as the sender still has them */
};

/** What a receiver knows of an object when it decides whether to take it. */
struct herald_norm_offer {
    uint32_t sender_id;
    uint16_t instance_id; /**< of the sender's run */
    uint16_t object_id;
    enum herald_norm_kind kind;
    uint64_t size_bytes; /**< of a stream: the sender's buffer */
    bool has_info;       /**< an INFO will come, or is here already: */
    const uint8_t *info; /**< NULL if it was not received yet */
    uint16_t info_bytes;
    uint16_t segment_bytes;
    uint64_t block_bytes; /**< of the largest block: what read_at() is asked for at most. With the size and
                               segment_bytes it tells all blocks */
};

/** Fill by herald_norm_receiver_config_default(), then change. Copied by _new. */
struct herald_norm_receiver_config {
    uint32_t node_id; /**< must be set: unique in the group, not NONE nor ANY */
    uint64_t seed;

    bool silent;                /**< never send anything; live on the sender's proactive parity */
    bool unicast_feedback;      /**< answer the sender by unicast instead of the group (always so in SSM) */
    enum herald_norm_sync sync; /**< CURRENT */
    bool no_suppression;        /**< for experiments: send every NACK at once, whatever others sent */
    bool no_parity;             /**< for experiments: never ask for parity, only for what was lost */

    uint16_t senders_max;           /**< at once; one that was not heard for a second makes room; 16 */
    uint16_t objects_max;           /**< open at once, of all senders; 256 */
    uint16_t objects_per_sender;    /**< the window: an object this far behind the newest is given up; 256 */
    uint64_t blocks_per_queue;      /**< blocks of all open objects together; 1 << 20 */
    uint32_t partial_blocks_max;    /**< blocks of which some but not all segments are here; 4096 */
    uint32_t parity_buffers_max;    /**< parity segments kept for blocks that are not complete; 4096 */
    uint16_t segment_bytes_max;     /**< 1472 */
    uint16_t block_segments_max;    /**< k, and k + parity, that is accepted; 255 */
    uint16_t info_bytes_max;        /**< 1472 */
    uint32_t stream_blocks_max;     /**< blocks of stream buffer, for all streams together; 0: streams are refused */
    uint16_t application_bytes_max; /**< of commands and requests that are passed on; 1472 */

    void *user; /**< for the callback */
    /**
     * Decides about a new FILE or DATA object, during input(). Sets *ret_sink and returns 0 to take it, or returns
     * something else to refuse it: it is then never asked for, and no event follows. Must not call the receiver.
     * NULL: every object is refused.
     * Streams are not offered; they are read by herald_norm_receiver_stream_read().
     */
    int (*accept)(void *user, const struct herald_norm_offer *offer, struct herald_norm_sink *ret_sink);
};

/** Fills *ret_config with the defaults named above. Any thread. */
HERALD_API void herald_norm_receiver_config_default(struct herald_norm_receiver_config *ret_config);

/** @return NULL if _new accepts the config, otherwise the name of the first field that is wrong. Any thread. */
HERALD_API const char *herald_norm_receiver_config_check(const struct herald_norm_receiver_config *config);

/** @return 0; -EINVAL (ask _config_check()); -ENOMEM. The caller owns *ret_receiver. */
HERALD_API HERALD_CHECKED int herald_norm_receiver_new(herald_norm_receiver **ret_receiver,
                                                       const struct herald_norm_receiver_config *config,
                                                       uint64_t now_ns);

/** Frees everything. The sinks are not called. @return NULL. */
HERALD_API herald_norm_receiver *herald_norm_receiver_free(herald_norm_receiver *receiver);

/**
 * Hands in a packet: of senders, or another receiver's feedback, which may make ours unnecessary. `from` is where
 * unicast feedback to its sender goes; `unicast` tells that it was sent to this host rather than to the group.
 * Calls the sinks and config.accept.
 * @return 0: used, or counted and dropped; -EBUSY: events first.
 */
HERALD_API int herald_norm_receiver_input(herald_norm_receiver *receiver, const struct herald_peer *from, bool unicast,
                                          const uint8_t *packet, size_t packet_bytes, uint64_t now_ns);

/**
 * The same for several packets that arrived together and lie behind each other, each of `datagram_bytes` but for the
 * last, which may be shorter: what UDP GRO hands over. Those of one block are taken together, up to the first event;
 * the rest is to be handed in again, after the events. A run is cheaper than its packets.
 * @return the bytes that were taken, more than 0 unless run_bytes is; -EBUSY: events first.
 */
HERALD_API int64_t herald_norm_receiver_input_run(herald_norm_receiver *receiver, const struct herald_peer *from,
                                                  bool unicast, const uint8_t *run, size_t run_bytes,
                                                  size_t datagram_bytes, uint64_t now_ns);

/**
 * Tells how long the packets that are handed in from now on have waited on this host, such as in a socket's buffer
 * while the process was stopped; 0 at first. Answers to probes among them say so, and so the sender does not take the
 * wait for a long way, by which it would slow down repairs for everybody (RFC 5740 section 5.5.1). Nothing else is
 * timed by it.
 */
HERALD_API void herald_norm_receiver_set_waited(herald_norm_receiver *receiver, uint64_t waited_ns);

/**
 * Feedback to send: to the group, or to a sender by unicast. It lies in the buffer, which needs
 * HERALD_NORM_BUFFER_BYTES(segment_bytes_max); only the content of an answer given to _acknowledge() is a payload,
 * valid until the next call of that or of input().
 * @return 1: *datagram is filled; 0: nothing to send before next_timeout(); -EMSGSIZE: the buffer is too small.
 */
HERALD_API HERALD_CHECKED int herald_norm_receiver_poll_output(herald_norm_receiver *receiver,
                                                               struct herald_norm_datagram *datagram, uint64_t now_ns);

/** When handle_timeout() wants to be called: the time of that, or HERALD_NEVER. */
HERALD_API uint64_t herald_norm_receiver_next_timeout(const herald_norm_receiver *receiver);

/** Tells the time. Harmless when early. @return 0; -EBUSY: events first. */
HERALD_API int herald_norm_receiver_handle_timeout(herald_norm_receiver *receiver, uint64_t now_ns);

/** Why an object ended without being complete. */
enum herald_norm_abort {
    HERALD_NORM_ABORT_SQUELCHED, /**< the sender no longer has it */
    HERALD_NORM_ABORT_WINDOW,    /**< too many newer objects came (objects_per_sender, objects_max) */
    HERALD_NORM_ABORT_RESTARTED, /**< the sender began anew, or the packet that opened the object was damaged */
    HERALD_NORM_ABORT_GONE,      /**< the sender ended (EOT), or was dropped for another (senders_max) */
    HERALD_NORM_ABORT_SINK,      /**< the sink failed: see error */
    HERALD_NORM_ABORT_LIMIT,     /**< it exceeds a limit of the config */
    HERALD_NORM_ABORT_LOCAL,     /**< herald_norm_receiver_abort() */
};

enum herald_norm_receiver_event_type {
    HERALD_NORM_RECEIVER_SENDER_NEW,       /**< sender_id is heard for the first time */
    HERALD_NORM_RECEIVER_SENDER_RESTARTED, /**< it has a new instance_id */
    HERALD_NORM_RECEIVER_SENDER_SILENT,    /**< unheard for 2 * ROBUST * GRTT, at least 1 s: as any that is idle */
    HERALD_NORM_RECEIVER_SENDER_ACTIVE,    /**< it is heard again */
    HERALD_NORM_RECEIVER_SENDER_GONE,      /**< it said so (EOT), or made room. What was not complete is then ABORTED */
    HERALD_NORM_RECEIVER_OBJECT_INFO,      /**< content: the object's INFO has come */
    HERALD_NORM_RECEIVER_OBJECT_COMPLETE,  /**< all bytes are in the sink, and the INFO if there is one */
    HERALD_NORM_RECEIVER_OBJECT_ABORTED,   /**< abort, error: it will not be completed; the sink is not used again */
    HERALD_NORM_RECEIVER_STREAM_NEW,       /**< object_id is a stream and can be read */
    HERALD_NORM_RECEIVER_STREAM_READABLE,  /**< there is something to read, after there was not */
    HERALD_NORM_RECEIVER_STREAM_END,       /**< everything was read, and the sender closed it */
    HERALD_NORM_RECEIVER_COMMAND,          /**< content: an application command. A robust one comes again and again */
    HERALD_NORM_RECEIVER_REQUEST,   /**< ack_type, ack_id, content: answer by _acknowledge(), or not. May come again */
    HERALD_NORM_RECEIVER_WATERMARK, /**< the sender asked us, and we have everything up to object_id */
};

struct herald_norm_receiver_event {
    enum herald_norm_receiver_event_type type;
    uint32_t sender_id;
    uint16_t object_id;
    enum herald_norm_kind kind;
    uint64_t size_bytes; /**< of the object */
    enum herald_norm_abort abort;
    int error; /**< ABORT_SINK: the sink's -errno */
    uint8_t ack_type, ack_id;
    const uint8_t *content; /**< valid until the next call other than poll_event() */
    size_t content_bytes;
};

/** @return 1: *ret_event is filled; 0: none left. */
HERALD_API HERALD_CHECKED int herald_norm_receiver_poll_event(herald_norm_receiver *receiver,
                                                              struct herald_norm_receiver_event *ret_event);

/** What was found in a stream. */
struct herald_norm_stream_piece {
    size_t size_bytes;     /**< bytes written to the caller's buffer */
    bool message_start;    /**< the first of them starts a message */
    uint64_t lost_bytes;   /**< before them, so many were lost for good (a slow reader, or the sender moved on) */
    uint64_t offset_bytes; /**< position of the first of them in the stream, as far as 32 bits on the wire tell */
};

/**
 * Reads the next bytes of a stream, in order. Stops before the start of a message, so that each message begins with
 * a call of its own. A reader that is too slow, so that the buffer is full when new data comes, loses the oldest data:
 * lost_bytes tells, and reading goes on at the next start of a message, or at the next byte if the sender marks none.
 *
 * @return 1: *ret_piece is filled, and size_bytes > 0; 0: nothing now; -ENOENT: no such stream (any more).
 */
HERALD_API HERALD_CHECKED int herald_norm_receiver_stream_read(herald_norm_receiver *receiver, uint32_t sender_id,
                                                               uint16_t object_id, uint8_t *buffer, size_t buffer_bytes,
                                                               struct herald_norm_stream_piece *ret_piece,
                                                               uint64_t now_ns);

/** Answers a REQUEST event, repeats an answer, or says something without being asked.
 *  @return 0; -ENOENT: no such sender; -EMSGSIZE; -EBUSY: one is due; -EINVAL: ack_type below 16; -EPERM: the receiver
 *          is silent. */
HERALD_API HERALD_CHECKED int herald_norm_receiver_acknowledge(herald_norm_receiver *receiver, uint32_t sender_id,
                                                               uint8_t ack_type, uint8_t ack_id, const uint8_t *content,
                                                               size_t content_bytes, uint64_t now_ns);

/** Gives an object up: no more of it is asked for or written. @return 0; -ENOENT. */
HERALD_API int herald_norm_receiver_abort(herald_norm_receiver *receiver, uint32_t sender_id, uint16_t object_id);

/**
 * The sink of an open FILE or DATA object already holds these bytes, from an earlier run: the blocks that lie as a
 * whole in the range are complete, and are neither asked for nor written any more. Parts of blocks at its ends do not
 * count. An OBJECT_COMPLETE event follows when nothing else is missing. At any time without events outstanding; the
 * best is right after the input() in which config.accept took the object and after what events that brought.
 * @return 0; -EBUSY: events first; -ENOENT: not open (any more); -EINVAL: a stream, or a range outside the object.
 */
HERALD_API int herald_norm_receiver_mark_present(herald_norm_receiver *receiver, uint32_t sender_id, uint16_t object_id,
                                                 uint64_t offset_bytes, uint64_t size_bytes, uint64_t now_ns);

/** How far an object is. */
struct herald_norm_object_status {
    enum herald_norm_kind kind;
    uint64_t size_bytes;
    uint64_t received_bytes; /**< in the sink, what was marked present included */
    uint64_t blocks, complete_blocks;
    uint64_t segments_nacked; /**< asked for, each time counted */
};

/** @return 0; -ENOENT: not open (any more). */
HERALD_API int herald_norm_receiver_get_object(const herald_norm_receiver *receiver, uint32_t sender_id,
                                               uint16_t object_id, struct herald_norm_object_status *ret_status);

/** What is known of a sender. */
struct herald_norm_sender_status {
    uint32_t node_id;
    uint16_t instance_id;
    struct herald_peer address;
    bool is_active;
    uint64_t grtt_ns;                  /**< as it advertises it */
    uint64_t rtt_ns;                   /**< as it told us; 0 = not yet */
    uint64_t rate_bytes_per_s;         /**< at which it sends, if it says so */
    uint64_t receive_rate_bytes_per_s; /**< at which we hear it */
    uint32_t loss_ppm;                 /**< packets missing in the sequence, recent average */
};

/** Number `index` of the known senders. @return 0; -ENOENT: fewer are known. */
HERALD_API int herald_norm_receiver_get_sender(const herald_norm_receiver *receiver, uint32_t index,
                                               struct herald_norm_sender_status *ret_status);

struct herald_norm_receiver_statistics {
    uint64_t datagrams, bytes; /**< from senders */
    uint64_t source_datagrams, parity_datagrams, info_datagrams, command_datagrams;
    uint64_t payload_bytes;                    /**< delivered to sinks and streams */
    uint64_t lost_datagrams;                   /**< gaps in the senders' sequence */
    uint64_t decoded_segments, decoded_blocks; /**< recovered from parity */
    uint64_t nacks, nack_bytes, acks;          /**< sent */
    uint64_t nacks_suppressed;                 /**< not sent, because others had asked for the same */
    uint64_t nacks_heard;                      /**< of others */
    uint64_t nacked_segments;
    uint64_t objects_complete, objects_aborted, objects_refused;
    uint64_t stream_lost_bytes;
    uint64_t partial_blocks_forgotten; /**< for lack of partial_blocks_max: their segments are asked for again */
    uint64_t dropped[HERALD_NORM_DROP_REASONS];
    uint32_t senders, objects; /**< now */
};

/** Copies the counters. */
HERALD_API void herald_norm_receiver_get_statistics(const herald_norm_receiver *receiver,
                                                    struct herald_norm_receiver_statistics *ret_statistics);

#ifdef __cplusplus
}
#endif

#endif
