/* SPDX-License-Identifier: MIT */
/*
 * Reliable sessions: send files, memory and streams to everyone in a group, and know who has them.
 *
 * A *delivery* sends; an *inbox* receives. Both speak NORM (RFC 5740, <herald/norm.h>) over real sockets, add what
 * NORM leaves to applications (who is there, what a file is called, a digest of its content, a receipt from each
 * receiver: doc/transfer.md), and work with receivers and senders that only speak NORM, too.
 *
 * The calls of a sender, of which each but the last may fail (examples/greet.c is the whole):
 *
 *     herald_endpoint_parse("239.1.2.3:10000", &config.endpoint, &error);
 *     herald_delivery_new(&delivery, &config, &error);
 *     herald_delivery_add_bytes(delivery, "greeting", bytes, size, &error);
 *     missing = herald_delivery_run(delivery, NULL, NULL, &error);     0: all who are there have it, verified
 *     herald_delivery_free(delivery);
 *
 * _run() blocks. To use an event loop of your own instead, for both kinds:
 *
 *     poll x_fd() for POLLIN, no longer than until x_deadline()
 *     x_process(now)                 sends and receives what it can without blocking
 *     x_next_event() until 0         tells what happened
 *
 * Rules: one thread at a time for each object. Files are read and written by that thread; an inbox has a second one
 * of its own that only waits for disks (fsync, rename). What an event points to is valid until the next call on the
 * same object. Nothing is printed, no signal handler is installed, the working directory stays as it is.
 */
#ifndef HERALD_SESSION_H
#define HERALD_SESSION_H

#include <herald/endpoint.h>
#include <herald/error.h>
#include <herald/loss.h>
#include <herald/norm.h>
#include <herald/ping.h>
#include <herald/socket.h>
#include <herald/types.h>

#ifdef __cplusplus
extern "C" {
#endif

/** Room for a host's name as receivers and senders tell it, with its NUL. Longer ones are cut. */
#define HERALD_HOST_NAME_BYTES 65

/** Room for the reason of a failure at the other end, with its NUL. */
#define HERALD_REASON_BYTES 160

/** Segments of data in a block, and of parity that can be made of it, unless a delivery's config says otherwise. */
#define HERALD_BLOCK_SEGMENTS  128
#define HERALD_PARITY_SEGMENTS 64

/* ---- sending --------------------------------------------------------------------------------- */

/** One who is expected: the first member that is set counts. */
struct herald_expected {
    const char *host;              /**< the name that it tells, or that with anything after the first dot left out */
    struct herald_address address; /**< where its answers come from */
    uint32_t node_id;              /**< a NORM node id: also for receivers that are not herald */
};

/** What to send, to whom and how. Zero everything first: zero is the default of every field but the endpoint. */
struct herald_delivery_config {
    struct herald_endpoint endpoint; /**< one group. Its source, if any, is the own address to send from (SSM) */
    const char *interface;           /**< as in struct herald_sender_config, as the next four */
    bool ttl_given;
    uint8_t ttl;
    uint8_t dscp;
    bool no_loop;
    uint32_t node_id; /**< unique in the group; 0: random */
    const char *host; /**< what receivers are told as this host's name; NULL: the system's */

    enum herald_norm_rate_mode rate_mode; /**< FIXED; see rate_bytes_per_s */
    /** FIXED: the rate; HERALD_NORM_RATE_MAX_BYTES_PER_S: as fast as receivers take it. 0: mode AUTO, whatever
        rate_mode says, unless it is TFMCC. */
    uint64_t rate_bytes_per_s;
    uint64_t rate_max_bytes_per_s; /**< AUTO and TFMCC stay below; 0: no limit */

    uint8_t fec_id;           /**< 5, 2 or 129; 0: 5 */
    uint16_t segment_bytes;   /**< 0: what fits into the interface's MTU, at most 1400 */
    uint16_t block_segments;  /**< k; 0: HERALD_BLOCK_SEGMENTS */
    uint16_t parity_segments; /**< n - k; 0: HERALD_PARITY_SEGMENTS */
    uint8_t fec_percent;      /**< parity that is sent unasked, as a share of the data, up to 100 * (n - k) / k */
    bool unicast_feedback;    /**< receivers answer by unicast; always so if the endpoint is source-specific */
    bool silent_receivers;    /**< nobody answers: no roll call, no receipts; run() sends and is done */

    uint32_t expect_count;                  /**< wait for so many before sending; 0: for nobody */
    const struct herald_expected *expected; /**< and for these; the strings are copied */
    size_t expected_count;
    uint64_t wait_ns;         /**< how long the roll call waits for them; 0: 10 s, or 2 s for anybody at all */
    uint64_t laggard_drop_ns; /**< a receiver that got nothing new for so long is left behind; 0: never */
    /** One that is not heard of any more for so long counts as lost; 0: 20 s. A delivery ends, too, when nobody is left
        who could still get more of it, unless it is to repeat or to keep serving. */
    uint64_t give_up_ns;
    uint64_t keep_serving_ns; /**< stay so long after the last receipt, for those who join late; 0: not at all */
    bool repeat;              /**< begin again and again until herald_delivery_stop() */
    uint32_t receivers_max;   /**< that can be told apart; 0: 1024 */
};

/** One delivery: everything that is added to it, to everyone who is there. */
typedef struct herald_delivery herald_delivery;

/** Where a delivery is. */
enum herald_delivery_phase {
    HERALD_DELIVERY_ROLL_CALL, /**< who is here? */
    HERALD_DELIVERY_SENDING,   /**< first transmission and repairs */
    HERALD_DELIVERY_RECEIPTS,  /**< everything is out: each is asked what it has; what is missing is sent again */
    HERALD_DELIVERY_SERVING,   /**< all receipts are here; late joiners are served (keep_serving_ns) */
    HERALD_DELIVERY_ENDING,    /**< says good-bye */
    HERALD_DELIVERY_DONE,
};

/** What is known of a receiver. */
enum herald_recipient_state {
    HERALD_RECIPIENT_EXPECTED,  /**< it was to be here, and is not */
    HERALD_RECIPIENT_HERE,      /**< it answered the roll call */
    HERALD_RECIPIENT_RECEIVING, /**< it told that it has part of it */
    HERALD_RECIPIENT_COMPLETE,  /**< it has everything, verified */
    /** It confirmed all without comparing digests: by a watermark's ACK, as receivers that are not herald do; or as it
        has files of the same names, sizes and times already (HERALD_CLASH_SKIP). */
    HERALD_RECIPIENT_CONFIRMED,
    HERALD_RECIPIENT_FAILED,   /**< it told that it cannot have everything: see reason */
    HERALD_RECIPIENT_BEHIND,   /**< left behind (laggard_drop_ns) */
    HERALD_RECIPIENT_VANISHED, /**< not heard of for give_up_ns, or some round-trips if that is longer */
};

/** A receiver. */
struct herald_recipient {
    uint32_t node_id;                  /**< 0: expected, and not known yet */
    char host[HERALD_HOST_NAME_BYTES]; /**< as it says, or as it was expected; "" if it says nothing */
    struct herald_peer address;
    bool is_herald; /**< it answers roll calls and gives receipts */
    bool is_expected;
    enum herald_recipient_state state;
    uint64_t bytes;                   /**< that it has, of this delivery */
    uint64_t objects;                 /**< complete and verified */
    uint64_t failed_objects;          /**< that it could not take */
    uint64_t repaired_segments;       /**< that it asked for again */
    uint64_t duration_ns;             /**< from the start of sending until it had everything; 0 before */
    uint64_t heard_ns;                /**< when it was heard last (monotonic) */
    char reason[HERALD_REASON_BYTES]; /**< FAILED: why, in its words: "data/x.iso: disk full" */
};

/** The whole. */
struct herald_delivery_progress {
    enum herald_delivery_phase phase;
    uint64_t objects, objects_sent; /**< added; out for the first time */
    uint64_t bytes;                 /**< of everything that was added; of streams, what was read so far */
    uint64_t bytes_sent;            /**< of these, out for the first time */
    uint64_t wire_bytes;            /**< UDP payload sent, repairs and all else included */
    uint64_t repair_datagrams;
    uint64_t rate_bytes_per_s; /**< of now, as the transport paces it */
    uint64_t elapsed_ns;       /**< since sending began */
    uint64_t eta_ns;           /**< until the slowest receiver has everything; HERALD_NEVER: cannot be told */
    uint32_t receivers;        /**< known, the expected ones included */
    uint32_t complete, failed; /**< COMPLETE or CONFIRMED; FAILED, BEHIND or VANISHED */
    bool has_unread;           /**< a descriptor has not ended yet, so that bytes will grow */
};

enum herald_delivery_event_kind {
    HERALD_DELIVERY_NETWORK,    /**< error: the interface refuses to send, it is tried again; code 0: it works again */
    HERALD_DELIVERY_RECIPIENT,  /**< recipient: new, or its state has changed */
    HERALD_DELIVERY_PHASE,      /**< progress.phase is another */
    HERALD_DELIVERY_UNREADABLE, /**< path, error: it could not be read, and is not sent, or was given up */
    HERALD_DELIVERY_SAME_ID,    /**< recipient, error: another one has its node id, and is not listened to; told once */
};

struct herald_delivery_event {
    enum herald_delivery_event_kind kind;
    enum herald_delivery_phase phase;
    const struct herald_recipient *recipient;
    const char *path;
    struct herald_error error;
};

/**
 * Opens a delivery and its sockets. Nothing is sent yet.
 * @return 0; -errno with *error filled, as herald_sender_new() and herald_receiver_new(); -EINVAL.
 */
HERALD_API HERALD_CHECKED int herald_delivery_new(herald_delivery **ret_delivery,
                                                  const struct herald_delivery_config *config,
                                                  struct herald_error *error);

/** Closes it, whatever its state. Takes NULL; returns NULL. */
HERALD_API herald_delivery *herald_delivery_free(herald_delivery *delivery);

/**
 * Adds a file, or a directory with everything below it; before the first _process() or _run() only. A directory's
 * name is kept as the first part of all names, unless the path ends in "/" or is ".". Symbolic links below a
 * directory stay links; `path` itself is followed. Devices, sockets and fifos are left out, with an UNREADABLE event;
 * a directory ".herald-partial" is left out without one, for an inbox keeps unfinished files there.
 *
 * @param excludes       NULL or patterns (fnmatch(3)) that are matched with each name below, and if they hold a
 *                       slash with its path below `path`; what matches is left out, directories with all below them.
 *                       One that begins with "/" or "./" names what begins right below `path`
 * @return 0; -ENOENT, -EACCES, ... with *error filled; -EBUSY: it has begun.
 */
HERALD_API HERALD_CHECKED int herald_delivery_add_path(herald_delivery *delivery, const char *path,
                                                       const char *const *excludes, size_t exclude_count,
                                                       struct herald_error *error);

/** Whether anything that was added so far has lacked something because of this pattern: if not, it may be mistyped. */
HERALD_API bool herald_delivery_has_excluded(const herald_delivery *delivery, const char *pattern);

/** Adds bytes under a name; they must stay as they are until the delivery is freed. @return as _add_path(). */
HERALD_API HERALD_CHECKED int herald_delivery_add_bytes(herald_delivery *delivery, const char *name, const void *bytes,
                                                        size_t size_bytes, struct herald_error *error);

/**
 * Adds what can be read from a descriptor until its end: a pipe, a terminal, a socket. It is sent as a stream, as it
 * comes. It must be the only thing added. The descriptor stays the caller's, and open.
 * @return as _add_path().
 */
HERALD_API HERALD_CHECKED int herald_delivery_add_descriptor(herald_delivery *delivery, const char *name, int fd,
                                                             struct herald_error *error);

/** Which interface, source address, TTL it uses. Belongs to the delivery. */
HERALD_API const struct herald_sender_facts *herald_delivery_facts(const herald_delivery *delivery);

/** Its own NORM node id. */
HERALD_API uint32_t herald_delivery_node_id(const herald_delivery *delivery);

/**
 * Does everything, and waits for it.
 * @param on_event  NULL, or called for each event with `user`
 * @return the number of receivers that lack something (of those that were here or expected), 0 if none does;
 *         -ENOENT: nobody answered the roll call, nothing was sent; -ETIMEDOUT: not all expected came within wait_ns,
 *         nothing was sent; -EINTR: herald_delivery_stop() ended it; another -errno. *error is filled.
 */
HERALD_API HERALD_CHECKED int herald_delivery_run(herald_delivery *delivery,
                                                  void (*on_event)(void *user,
                                                                   const struct herald_delivery_event *event),
                                                  void *user, struct herald_error *error);

/** Ends it as soon as possible: receivers are told. May be called from on_event, or between calls. */
HERALD_API void herald_delivery_stop(herald_delivery *delivery);

/** The descriptor to poll for POLLIN. */
HERALD_API int herald_delivery_fd(const herald_delivery *delivery);

/** When herald_delivery_process() must be called at the latest (monotonic), or HERALD_NEVER. */
HERALD_API uint64_t herald_delivery_deadline(const herald_delivery *delivery);

/**
 * Sends and receives what can be sent and received now; returns after a few milliseconds even if there is more.
 * @return 1: it is done, herald_delivery_result() tells how; 0: go on; -errno with *error filled: it cannot go on.
 */
HERALD_API HERALD_CHECKED int herald_delivery_process(herald_delivery *delivery, uint64_t now_ns,
                                                      struct herald_error *error);

/** What herald_delivery_run() would have returned; for a delivery that is done. */
HERALD_API int herald_delivery_result(const herald_delivery *delivery, struct herald_error *error);

/** Takes the next event. When 16,384 wait, further ones are lost. @return 1 with *ret_event; 0: none. */
HERALD_API HERALD_CHECKED int herald_delivery_next_event(herald_delivery *delivery,
                                                         struct herald_delivery_event *ret_event);

/** How far it is. */
HERALD_API void herald_delivery_get_progress(const herald_delivery *delivery,
                                             struct herald_delivery_progress *ret_progress);

/** Number `index` of the receivers, in the order in which they became known. @return 0; -ENOENT: fewer are known. */
HERALD_API int herald_delivery_get_recipient(const herald_delivery *delivery, uint32_t index,
                                             struct herald_recipient *ret_recipient);

/** The transport's counters. */
HERALD_API void herald_delivery_get_statistics(const herald_delivery *delivery,
                                               struct herald_norm_sender_statistics *ret_statistics);

/* ---- receiving ------------------------------------------------------------------------------- */

/** Where an inbox puts what it receives. */
enum herald_inbox_kind {
    HERALD_INBOX_DIRECTORY,  /**< each object becomes a file below `directory` */
    HERALD_INBOX_FILE,       /**< each object replaces the file `path`, whatever its name; of a delivery only one can */
    HERALD_INBOX_DESCRIPTOR, /**< the bytes of one object after the other are written to `fd`, in order; if one fails of
                                  which some were written, nothing follows it, and the inbox ends. Directories and
                                  links fail, unless it is /dev/null */
    HERALD_INBOX_MEMORY,     /**< DONE events carry the bytes */
};

/** What to do with a name that exists already. */
enum herald_inbox_clash {
    HERALD_CLASH_OVERWRITE, /**< the new file takes its place, once it is complete */
    HERALD_CLASH_RENAME,    /**< the new one is called "name.1", "name.2", ... */
    /** It is not received. If it is a file of the same size and time the sender is told that it is there, though it was
        not compared; otherwise, that this object has failed, and why. */
    HERALD_CLASH_SKIP,
};

/** Zero everything first: zero is the default of every field but the endpoint. Strings are copied. */
struct herald_inbox_config {
    struct herald_endpoint endpoint;
    const char *const *interfaces; /**< as in struct herald_receiver_config */
    size_t interface_count;
    uint32_t node_id;      /**< unique in the group; 0: random */
    const char *host;      /**< what senders are told as this host's name; NULL: the system's */
    bool unicast_feedback; /**< answer senders by unicast; always so if the endpoint is source-specific */
    bool silent;           /**< never send anything */
    bool no_ping;          /**< do not answer herald_ping; `silent` does not either */
    /** What askers are told of this host: as in struct herald_responder_config. NULL: nothing. */
    int (*examine)(void *userdata, const struct herald_responder_question *question, char *ret_text, size_t size_bytes);
    void *examine_userdata;

    enum herald_inbox_kind kind;
    const char *directory; /**< DIRECTORY */
    const char *path;      /**< FILE */
    int fd;                /**< DESCRIPTOR; stays the caller's */
    size_t memory_bytes;   /**< MEMORY: the largest object that is accepted; 0: 64 MiB */
    enum herald_inbox_clash clash;
    bool any_links; /**< accept symbolic links that lead outside the directory; otherwise they are refused */
    bool no_sync;   /**< do not wait until the disk has it before it counts as received */
    bool all_again; /**< DIRECTORY: a run that was killed during a delivery left files in their places: receive, and
                         tell of, these again, for a program that may not have seen them; otherwise they are there */
    const struct herald_address *accept; /**< senders that are listened to; none: all */
    size_t accept_count;
    uint64_t count;              /**< finish after so many objects, those that were skipped included; 0: never */
    bool once;                   /**< finish when a sender's whole delivery is here, or has failed. DESCRIPTOR: nothing
                                      of others is written once that has begun */
    size_t receive_buffer_bytes; /**< per socket; 0: 8 MiB asked */
};

/** A receiver of deliveries. */
typedef struct herald_inbox herald_inbox;

/** What is, or was, received. */
struct herald_inbox_object {
    uint32_t sender_id;
    struct herald_peer sender;
    char sender_host[HERALD_HOST_NAME_BYTES]; /**< "" if it does not tell */
    const char *name;                         /**< as it was sent; a made-up one if it has none */
    const char *path;           /**< DONE: where it is, relative to the directory; NULL if it is not a file */
    char type;                  /**< 'f' file, 'd' directory, 'l' symbolic link, 'b' bytes (DATA), 's' stream */
    uint64_t size_bytes;        /**< of streams: so far */
    uint64_t received_bytes;    /**< in place; after DONE the same as size_bytes */
    uint64_t resumed_bytes;     /**< of these, from an earlier run */
    bool is_verified;           /**< DONE: its digest is the sender's; false: the sender gave none (plain NORM) */
    uint64_t repaired_segments; /**< asked for again */
    uint64_t duration_ns;       /**< since its first packet */
    const uint8_t *bytes;       /**< DONE, MEMORY only */
};

enum herald_inbox_event_kind {
    HERALD_INBOX_SENDER,   /**< object.sender_id, sender, sender_host: heard for the first time, or named */
    HERALD_INBOX_BEGIN,    /**< object: something of it has come, its name is known */
    HERALD_INBOX_DONE,     /**< object: complete, and in its place */
    HERALD_INBOX_FAILED,   /**< object, error: it will not come, or not now */
    HERALD_INBOX_SKIPPED,  /**< object, error: not received, because of `clash` */
    HERALD_INBOX_DELIVERY, /**< a sender's whole delivery has ended here: objects, failed_objects, untaken_objects
                              (enough had come, or the inbox was stopped), object.sender_*;
                              error, if the sender goes on without this receiver: why (code -ECANCELED; otherwise 0) */
    HERALD_INBOX_GONE,     /**< object.sender_*: the sender said good-bye, or was not heard for long */
    HERALD_INBOX_NETWORK,  /**< network: interfaces came or went */
    HERALD_INBOX_SILENT,   /**< object.sender_*: nothing is heard of one whose objects are under way */
    HERALD_INBOX_IGNORED,  /**< object.sender: one that `accept` does not name sends; told once, of 64 at most */
};

struct herald_inbox_event {
    enum herald_inbox_event_kind kind;
    struct herald_inbox_object object;
    uint64_t objects, failed_objects, untaken_objects, bytes;
    struct herald_error error;
    struct herald_receiver_event network;
};

/**
 * Opens an inbox: looks through unfinished files of earlier runs, which are gone on with if they are offered
 * again, and joins the group.
 * @return 0; -errno with *error filled: a directory that cannot be written, as herald_receiver_new(), -EINVAL.
 */
HERALD_API HERALD_CHECKED int herald_inbox_new(herald_inbox **ret_inbox, const struct herald_inbox_config *config,
                                               struct herald_error *error);

/** Closes it. Unfinished files stay, to be gone on with. Takes NULL; returns NULL. */
HERALD_API herald_inbox *herald_inbox_free(herald_inbox *inbox);

/** Its own NORM node id. */
HERALD_API uint32_t herald_inbox_node_id(const herald_inbox *inbox);

/**
 * Receives until `count` or `once` is reached, or herald_inbox_stop().
 * @return the number of objects that failed; -EINTR: stopped; -EIO: DESCRIPTOR, what was written of an object cannot be
 * completed; another -errno with *error filled.
 */
HERALD_API HERALD_CHECKED int herald_inbox_run(herald_inbox *inbox,
                                               void (*on_event)(void *user, const struct herald_inbox_event *event),
                                               void *user, struct herald_error *error);

/** Ends it, within a second: senders are told that nothing more is taken. May be called from on_event, or between
    calls. */
HERALD_API void herald_inbox_stop(herald_inbox *inbox);

/** The descriptor to poll for POLLIN. */
HERALD_API int herald_inbox_fd(const herald_inbox *inbox);

/** When herald_inbox_process() must be called at the latest (monotonic), or HERALD_NEVER. */
HERALD_API uint64_t herald_inbox_deadline(const herald_inbox *inbox);

/** As herald_delivery_process(). @return 1: it is done, herald_inbox_result() tells how; 0: go on; -errno with *error
    filled. */
HERALD_API HERALD_CHECKED int herald_inbox_process(herald_inbox *inbox, uint64_t now_ns, struct herald_error *error);

/** What herald_inbox_run() would have returned; for an inbox that is done. */
HERALD_API int herald_inbox_result(const herald_inbox *inbox, struct herald_error *error);

/** Takes the next event. When 16,384 wait, further ones are lost, of MEMORY with their bytes.
    @return 1 with *ret_event; 0: none. */
HERALD_API HERALD_CHECKED int herald_inbox_next_event(herald_inbox *inbox, struct herald_inbox_event *ret_event);

/** Number `index` of the objects that are being received. @return 0; -ENOENT: fewer are. */
HERALD_API int herald_inbox_get_object(const herald_inbox *inbox, uint32_t index,
                                       struct herald_inbox_object *ret_object);

/** What it counted. */
struct herald_inbox_stats {
    struct herald_norm_receiver_statistics norm;
    struct herald_receiver_stats sockets;
    uint64_t objects, failed_objects, skipped_objects, bytes; /**< done, given up, skipped; bytes of those done */
    uint64_t unfinished_files, unfinished_bytes;              /**< found at the start, of earlier runs */
    uint64_t under_way_objects; /**< begun and not complete, those included that were left so when it ended */
    uint64_t resumable_objects; /**< of these: those of which enough is here to be kept and gone on with */
};

/** Fills *ret_stats. */
HERALD_API void herald_inbox_get_statistics(const herald_inbox *inbox, struct herald_inbox_stats *ret_stats);

/**
 * Where datagrams were lost since the inbox was opened, repaired or not: gaps in the senders' sequence against the
 * kernel's counters.
 * @return 0; a negative errno.
 */
HERALD_API HERALD_CHECKED int herald_inbox_get_loss(const herald_inbox *inbox, struct herald_loss_report *ret_report);

#ifdef __cplusplus
}
#endif

#endif
