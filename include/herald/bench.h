/* SPDX-License-Identifier: MIT */
/*
 * Measuring what a group can carry: a sender of numbered, paced datagrams, and receivers that count them and report to
 * the sender.
 *
 * The datagrams begin with the head of iperf 2's UDP streams, so that an iperf server measures them, and a receiver
 * measures an iperf client's stream. Receivers report by unicast to the address and port that the stream comes from,
 * at the interval that the stream asks for and at its end, until the sender has acknowledged it. They never send more
 * bytes to a source than came from it, and nothing to iperf.
 *
 * Both objects work like those of socket.h: poll x_fd() for POLLIN no longer than until x_deadline(), call
 * x_process(now), take x_next_event() until it returns 0. A sender paces by its deadline: whoever polls must do so by
 * nanoseconds (ppoll()), and with the least timer slack (PR_SET_TIMERSLACK) if the rate matters.
 *
 * An object may be used by one thread at a time. All rates are of payload: what UDP carries.
 */
#ifndef HERALD_BENCH_H
#define HERALD_BENCH_H

#include <herald/error.h>
#include <herald/histogram.h>
#include <herald/loss.h>
#include <herald/socket.h>
#include <herald/types.h>

#ifdef __cplusplus
extern "C" {
#endif

/** The least size of a datagram: that of its head. */
#define HERALD_BENCH_SIZE_MIN_BYTES 64

/** Room for a host's name in a report, with its NUL. */
#define HERALD_BENCH_HOST_BYTES 65

/** The most histogram buckets that a report brings. */
#define HERALD_BENCH_BUCKETS_MAX 96

/* ---- figures --------------------------------------------------------------------------------- */

/** How a one-way delay is known. */
enum herald_bench_clock {
    HERALD_BENCH_CLOCK_NONE,     /**< it is not: the clocks of the two ends differ by an unknown time */
    HERALD_BENCH_CLOCK_SAME,     /**< sender and receiver run on one kernel: exact */
    HERALD_BENCH_CLOCK_EXCHANGE, /**< from the quickest exchange of times with the receiver, as NTP does it */
};

/** One-way delays, from the sender's clock before the system call to the kernel's receive time. */
struct herald_bench_delay {
    uint64_t count; /**< datagrams measured; 0: all below is 0 */
    enum herald_bench_clock clock;
    int64_t uncertainty_ns; /**< EXCHANGE: half the round trip, and 15 us for each second of the stream, by which
                                clocks may drift: the delays are right to within this; else 0 */
    int64_t min_ns, mean_ns, p50_ns, p90_ns, p99_ns, p999_ns, max_ns; /**< NONE: their differences mean something */
};

/** What a receiver has counted of a stream. */
struct herald_bench_figures {
    uint64_t received; /**< datagrams that arrived, copies included */
    uint64_t received_bytes;
    uint64_t expected;      /**< that should have arrived since it listens, as far as is known */
    uint64_t lost;          /**< of these */
    uint64_t duplicates;    /**< copies, those that came too late to be told from copies included */
    uint64_t reordered;     /**< arrived after a later one (RFC 4737) */
    uint64_t bursts;        /**< of loss: runs of lost datagrams */
    uint64_t longest_burst; /**< the most lost in a row */
    uint64_t missed;        /**< sent before it listened, or had room; not in `expected` */
    uint64_t elapsed_ns;    /**< from the first arrival to the last */
    double rate_bps;        /**< of what arrived after the first instant, over that time; 0 if it has no duration */
    uint64_t jitter_ns;     /**< interarrival jitter (RFC 3550 6.4.1); what left in one burst counts once */
    uint64_t lost_by[HERALD_LOSS_CAUSE_COUNT]; /**< `lost`, by enum herald_loss_cause: the best guesses of loss.h */
    bool causes_shared;            /**< other streams came at the same time: the causes are split in proportion */
    uint64_t receive_buffer_bytes; /**< as granted */
    int hops;                      /**< routers on the way; -1: not known */
    bool ended;                    /**< the last datagram, or word of it, has come; if not, these are no figures of
                                        the whole stream, even if final */
    struct herald_bench_delay delay;
};

/* ---- receiver -------------------------------------------------------------------------------- */

/** What to receive. Zero everything first. */
struct herald_bench_receiver_config {
    struct herald_receiver_config receiver; /**< duplicates are kept, whatever it says: they are counted */
    const char *host;                       /**< what to call this host in reports; NULL: its host name */
    bool silent;                            /**< do not report to senders */
    uint64_t idle_ns; /**< a stream from which nothing has come for so long has ended, unless more comes; 0: 2 s */
};

/** A stream: what one sender sends from one port, heard by one interface. */
struct herald_bench_stream {
    uint64_t number; /**< of this receiver's streams, from 1 on */
    struct herald_peer source;
    struct herald_address group;
    uint16_t group_port;
    const char *interface; /**< valid as long as the event */
    bool iperf;            /**< not herald's */
    uint64_t size_bytes;   /**< of its first datagram */
    uint64_t stream_id;    /**< 0: iperf's */
};

/** What happens at a receiver. */
enum herald_bench_receiver_event_kind {
    HERALD_BENCH_STREAM_BEGAN,
    HERALD_BENCH_STREAM_ENDED,   /**< figures are final; `ended` tells whether the sender said so */
    HERALD_BENCH_STREAM_RESUMED, /**< one that had ended without a word goes on; it will end once more */
    HERALD_BENCH_STREAM_REFUSED, /**< more than 64 at a time, or beginning in a second: not measured. Told once */
    HERALD_BENCH_REPORT_FAILED,  /**< its sender cannot be reported to: `error` says why. Told once per stream */
    HERALD_BENCH_REPORT_UNHEARD, /**< the sender has not acknowledged the last report */
    HERALD_BENCH_MEMBERSHIP,     /**< `membership` */
};

struct herald_bench_receiver_event {
    enum herald_bench_receiver_event_kind kind;
    struct herald_bench_stream stream;
    struct herald_bench_figures figures;     /**< STREAM_ENDED */
    struct herald_loss_report loss;          /**< STREAM_ENDED: of the whole receiver, since the stream began */
    struct herald_receiver_event membership; /**< MEMBERSHIP */
    struct herald_error error;               /**< REPORT_FAILED */
};

/** Counts of a whole receiver. */
struct herald_bench_receiver_stats {
    struct herald_receiver_stats receiver;
    uint64_t foreign;  /**< datagrams of no test stream */
    uint64_t refused;  /**< datagrams of more streams than there can be */
    uint64_t reports;  /**< sent */
    uint64_t withheld; /**< not sent: more than the source has sent itself, or more than 1,000 a second */
};

typedef struct herald_bench_receiver herald_bench_receiver;

/** Joins. @return as herald_receiver_new(). */
HERALD_API HERALD_CHECKED int herald_bench_receiver_new(herald_bench_receiver **ret_receiver,
                                                        const struct herald_bench_receiver_config *config,
                                                        struct herald_error *error);

/** Takes NULL; returns NULL. */
HERALD_API herald_bench_receiver *herald_bench_receiver_free(herald_bench_receiver *receiver);

/** The descriptor to poll for POLLIN. It belongs to the receiver and stays the same. */
HERALD_API int herald_bench_receiver_fd(const herald_bench_receiver *receiver);

/** When herald_bench_receiver_process() must be called even if nothing arrives (monotonic), or HERALD_NEVER. */
HERALD_API uint64_t herald_bench_receiver_deadline(const herald_bench_receiver *receiver);

/** Takes what has arrived, for a while, and does what is due. @return 0; a negative errno: it is of no use any more. */
HERALD_API HERALD_CHECKED int herald_bench_receiver_process(herald_bench_receiver *receiver, uint64_t now_ns);

/** @return 1 with *ret_event; 0 when there is none. */
HERALD_API HERALD_CHECKED int herald_bench_receiver_next_event(herald_bench_receiver *receiver,
                                                               struct herald_bench_receiver_event *ret_event);

/** Ends all streams now: their events follow, and last reports go out. */
HERALD_API void herald_bench_receiver_stop(herald_bench_receiver *receiver, uint64_t now_ns);

/** Whether a report waits to be sent or acknowledged. */
HERALD_API bool herald_bench_receiver_is_reporting(const herald_bench_receiver *receiver);

/** The streams under way. @return 1 with the next one at or after *position (0 at first); 0 at the end. */
HERALD_API HERALD_CHECKED int herald_bench_receiver_next_stream(herald_bench_receiver *receiver, size_t *position,
                                                                struct herald_bench_stream *ret_stream,
                                                                struct herald_bench_figures *ret_figures);

/** Fills *ret_stats with the counts so far. */
HERALD_API void herald_bench_receiver_stats(herald_bench_receiver *receiver,
                                            struct herald_bench_receiver_stats *ret_stats);

/** The receiver below, to ask for its interfaces. It belongs to the bench receiver; nothing may be taken from it. */
HERALD_API const herald_receiver *herald_bench_receiver_sockets(const herald_bench_receiver *receiver);

/* ---- sender ---------------------------------------------------------------------------------- */

/** Where and what to send. Zero everything first. */
struct herald_bench_sender_config {
    struct herald_sender_config sender;
    size_t size_bytes;           /**< of each datagram; 0: 1,400 or what fits into the MTU, if that is less */
    uint64_t report_interval_ns; /**< at which receivers report, 10 ms .. 60 s; 0: 250 ms. Longer when they are many */
    bool no_reports;             /**< do not ask for reports */
    uint32_t expect;             /**< receivers; 0: whoever reports */
    uint64_t wait_ns;            /**< how long to wait for last reports after the last datagram; 0: 2 s */
};

/** One run of datagrams. Zero everything first. */
struct herald_bench_run {
    uint64_t rate_bps;    /**< of payload; or */
    uint64_t rate_pps;    /**< of datagrams; both 0: as fast as it goes */
    uint32_t burst;       /**< datagrams that leave back to back, at most 64; 0: about 200 us worth */
    uint64_t duration_ns; /**< 0: until `count` are sent */
    uint64_t count;       /**< 0: until the duration is over; both 0: until herald_bench_sender_stop() */
};

/** What a sender did in a run. */
struct herald_bench_sent {
    uint64_t datagrams;
    uint64_t bytes;
    uint64_t elapsed_ns;  /**< from the first datagram to the last */
    double asked_bps;     /**< 0: as fast as it goes */
    double rate_bps;      /**< as sent after the first instant; 0 if there was only one */
    uint32_t burst;       /**< datagrams back to back */
    uint64_t waits;       /**< how often the send buffer was full */
    bool segmented;       /**< bursts went out by UDP_SEGMENT */
    uint64_t queue_drops; /**< packets that the interface's queue on this host has dropped meanwhile, of whomever:
                               known when the run is done */
};

/** What is known of a receiver. */
enum herald_bench_peer_state {
    HERALD_BENCH_PEER_REPORTING, /**< has reported in this run */
    HERALD_BENCH_PEER_FINAL,     /**< has sent its last report */
    HERALD_BENCH_PEER_SILENT,    /**< has reported in an earlier run, but not in this one */
    HERALD_BENCH_PEER_GIVEN_UP,  /**< the same, and it is not waited for: see herald_bench_sender_give_up() */
};

/** A point of the development over time, as reported. Everything is since the stream began. */
struct herald_bench_sample {
    uint64_t elapsed_ns;
    uint64_t received_bytes;
    uint64_t expected;
    uint64_t lost;
};

/** A receiver as the sender knows it. Pointers are valid until the next call on the sender. */
struct herald_bench_peer {
    uint64_t id;
    struct herald_peer address;                  /**< that its reports come from */
    char host[HERALD_BENCH_HOST_BYTES];          /**< as it says; may be "" */
    char interface[HERALD_INTERFACE_NAME_BYTES]; /**< that it hears the stream by, as it says */
    enum herald_bench_peer_state state;
    uint64_t reports;
    struct herald_bench_figures figures;
    const struct herald_bench_sample *samples;
    size_t sample_count;
    const struct herald_histogram_bucket *buckets; /**< of the delays: coarser than the percentiles */
    size_t bucket_count;
};

enum herald_bench_sender_event_kind {
    HERALD_BENCH_PEER_NEW,    /**< a receiver reports for the first time */
    HERALD_BENCH_PEER_REPORT, /**< a report has come */
    HERALD_BENCH_PEER_LAST,   /**< its last report of this run has come */
    HERALD_BENCH_RUN_SENT,    /**< the last datagram has left */
    HERALD_BENCH_RUN_DONE,    /**< all last reports are in, or the time to wait for them is over */
    HERALD_BENCH_RUN_FAILED,  /**< sending is not possible any more: `error`. RUN_DONE follows */
};

struct herald_bench_sender_event {
    enum herald_bench_sender_event_kind kind;
    size_t peer; /**< PEER_x: for herald_bench_sender_peer() */
    struct herald_error error;
};

typedef struct herald_bench_sender herald_bench_sender;

/**
 * Opens it; nothing is sent.
 *
 * @return as herald_sender_new(); -EMSGSIZE when the size does not fit into one packet; -EINVAL for one that is too
 *         small for the head, or an interval or number out of range.
 */
HERALD_API HERALD_CHECKED int herald_bench_sender_new(herald_bench_sender **ret_sender,
                                                      const struct herald_bench_sender_config *config,
                                                      struct herald_error *error);

/** Takes NULL; returns NULL. */
HERALD_API herald_bench_sender *herald_bench_sender_free(herald_bench_sender *sender);

/** The burst, in datagrams, that a run at `rate_bps` (0: as fast as it goes) has if `asked` is 0. Any thread. */
HERALD_API uint32_t herald_bench_burst(double rate_bps, size_t size_bytes, uint32_t asked);

/** Begins a run: a stream of its own, from the same port. Not while another one is under way. @return 0; -EINVAL;
 *  -EBUSY. */
HERALD_API HERALD_CHECKED int herald_bench_sender_start(herald_bench_sender *sender, const struct herald_bench_run *run,
                                                        uint64_t now_ns, struct herald_error *error);

/** Sends the last datagram of the run and goes on to collect reports. */
HERALD_API void herald_bench_sender_stop(herald_bench_sender *sender, uint64_t now_ns);

/** Does not wait for further reports: RUN_DONE follows. */
HERALD_API void herald_bench_sender_finish(herald_bench_sender *sender);

/**
 * Does not wait, at the end of later runs, for those that have not reported in the latest one: those that are SILENT,
 * and those of config.expect that have never been heard. Who reports after all is waited for again.
 */
HERALD_API void herald_bench_sender_give_up(herald_bench_sender *sender);

/** The descriptor to poll for POLLIN. It belongs to the sender and stays the same. */
HERALD_API int herald_bench_sender_fd(const herald_bench_sender *sender);

/** When herald_bench_sender_process() must be called next (monotonic), by the nanosecond; HERALD_NEVER. */
HERALD_API uint64_t herald_bench_sender_deadline(const herald_bench_sender *sender);

/** Sends what is due, takes reports. @return 0; a negative errno: it is of no use any more. */
HERALD_API HERALD_CHECKED int herald_bench_sender_process(herald_bench_sender *sender, uint64_t now_ns);

/** @return 1 with *ret_event; 0 when there is none. */
HERALD_API HERALD_CHECKED int herald_bench_sender_next_event(herald_bench_sender *sender,
                                                             struct herald_bench_sender_event *ret_event);

/** What the sender resolved to: see herald_sender_facts(). */
HERALD_API const struct herald_sender_facts *herald_bench_sender_facts(const herald_bench_sender *sender);

/** The size of its datagrams, as asked for or as chosen. */
HERALD_API size_t herald_bench_sender_size_bytes(const herald_bench_sender *sender);

/** What the latest run has sent so far. */
HERALD_API void herald_bench_sender_sent(const herald_bench_sender *sender, struct herald_bench_sent *ret_sent);

/** How many receivers are known, of this run and earlier ones. */
HERALD_API size_t herald_bench_sender_peer_count(const herald_bench_sender *sender);

/** Fills *ret_peer with what is known of receiver `index`, less than herald_bench_sender_peer_count(). */
HERALD_API void herald_bench_sender_peer(const herald_bench_sender *sender, size_t index,
                                         struct herald_bench_peer *ret_peer);

/* ---- the highest rate without loss ----------------------------------------------------------- */

/** Why a search goes on or has ended. */
enum herald_bench_search_state {
    HERALD_BENCH_SEARCH_TRY,     /**< try `rate_bps` */
    HERALD_BENCH_SEARCH_CONFIRM, /**< the same, for the last time, and for longer */
    HERALD_BENCH_SEARCH_FOUND,   /**< `best_bps` */
    HERALD_BENCH_SEARCH_NOTHING, /**< even the least rate failed */
};

/** A search: doubling until it fails (or halving until it does not), then bisection. The caller owns it. */
struct herald_bench_search {
    enum herald_bench_search_state state;
    double rate_bps;     /**< the next to be tried */
    double best_bps;     /**< the highest that passed; 0: none yet */
    double worst_bps;    /**< the lowest that failed; 0: none yet */
    double least_bps;    /**< it looks no further down */
    bool sender_limited; /**< it ended because the sender could not send faster */
    uint32_t trials;
    uint32_t shortfalls; /**< in a row: trials in which the sender did not reach the rate */
    uint32_t confirmations;
};

/** Begins with `start_bps`; below `least_bps`, more than 0, nothing is sought. */
HERALD_API void herald_bench_search_init(struct herald_bench_search *search, double start_bps, double least_bps);

/**
 * What became of the trial at search->rate_bps.
 *
 * @param passed    nothing (or little enough) was lost
 * @param sent_bps  the rate that the sender really reached
 */
HERALD_API void herald_bench_search_result(struct herald_bench_search *search, bool passed, double sent_bps);

#ifdef __cplusplus
}
#endif

#endif
