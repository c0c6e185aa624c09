/* SPDX-License-Identifier: MIT */
/* A bench receiver from inside: bench_receiver.c counts, bench_reports.c talks to the senders. */
#ifndef BENCH_RECEIVER_H
#define BENCH_RECEIVER_H

#include "batch.h" /* of src/io */
#include "bench_host.h"
#include "flow.h"
#include "random.h"
#include "talk.h"

#include <herald/bench.h>

/* Headers of IPv4 and UDP: what comes and goes is at least so much more than its payload. */
enum { HD_BENCH_STREAMS_MAX = 64, HD_BENCH_HEADERS_BYTES = 28 };

enum hd_bench_place_state {
    HD_PLACE_FREE,
    HD_PLACE_RUNNING,  /* datagrams come */
    HD_PLACE_SETTLING, /* the end is known; stragglers may come until settled_ns */
    HD_PLACE_LAST,     /* the last report is to be sent until it is acknowledged */
    HD_PLACE_IDLE,     /* nothing has come for long, but nobody has said that it is the end: it may go on */
    HD_PLACE_OVER,     /* nothing to be done; it is kept for senders that ask again, until it is needed */
};

/* A place for a stream, and for what is to be told about it. */
struct hd_bench_place {
    enum hd_bench_place_state state;
    struct hd_flow stream;
    uint64_t seen_ns;      /* monotonic: the last arrival */
    uint64_t settled_ns;   /* monotonic */
    uint64_t report_ns;    /* monotonic: when the next report is due */
    uint64_t credit_bytes; /* what came from the source, less what was sent to it */
    uint32_t report_number;
    uint32_t tries; /* of the last report */
    int own_fd;     /* what is sent about it leaves by this, since the sockets for all were full; -1 */
    bool failure_told;
    int64_t set_before_ns;             /* by how much the clock had been set before the stream began */
    struct herald_bench_figures final; /* from LAST on, and when IDLE */
    uint64_t kept_lost;                /* of a stream that went on: lost before, by causes */
    uint64_t kept_by[HERALD_LOSS_CAUSE_COUNT];
};

struct hd_bench_queued {
    struct herald_bench_receiver_event event;
    char interface[HERALD_INTERFACE_NAME_BYTES];
};

struct herald_bench_receiver {
    herald_receiver *receiver;
    herald_loss *loss;
    int epoll_fd;
    int report_fds[2]; /* IPv4, IPv6; -1: not needed */
    struct hd_batch *batch;
    struct hd_random random;
    uint64_t receiver_id;
    uint64_t clock_id;
    uint64_t idle_ns;
    uint64_t opened_ns;               /* monotonic */
    uint64_t refused_ns;              /* monotonic: the last datagram of a stream that found no place; 0: none */
    struct hd_bench_clock clock;      /* since this was opened */
    struct hd_bench_limit messages;   /* to senders */
    struct hd_bench_limit begins;     /* of streams */
    uint64_t restarted_ns;            /* monotonic: when the counters of causes were noted */
    uint64_t settled_lost;            /* of streams that have ended since then */
    struct herald_loss_report causes; /* as they were read last */
    uint64_t causes_ns;               /* monotonic: when that was; 0: not since the counters were noted */
    bool silent;
    bool refusal_told;
    char host[HERALD_BENCH_HOST_BYTES];

    struct hd_bench_place places[HD_BENCH_STREAMS_MAX];
    struct hd_bench_place *latest; /* which the last datagram was of; NULL */
    uint64_t stream_count;         /* so far */
    struct hd_bench_queued *events;
    size_t event_count, event_capacity;
    char event_interface[HERALD_INTERFACE_NAME_BYTES];

    struct herald_bench_receiver_stats stats;
};

static inline bool hd_bench_place_is_active(const struct hd_bench_place *place)
{
    return place->state == HD_PLACE_RUNNING || place->state == HD_PLACE_SETTLING;
}

/* Tells something about a stream; the caller may fill in more. @return NULL without memory. */
struct herald_bench_receiver_event *hd_bench_tell(herald_bench_receiver *receiver,
                                                  enum herald_bench_receiver_event_kind kind,
                                                  const struct hd_bench_place *place);

/*
 * Figures with causes; those that are not the last ones may have causes of just before. *ret_loss is that of the whole
 * receiver, all zero if nothing is lost.
 */
void hd_bench_figures(herald_bench_receiver *receiver, const struct hd_bench_place *place, bool last,
                      struct herald_bench_figures *ret_figures, struct herald_loss_report *ret_loss);

/* There is more of a stream of which nothing had come for long. */
void hd_bench_go_on(herald_bench_receiver *receiver, struct hd_bench_place *place, uint64_t now_ns);

/* The sockets that reports are sent from, one for each family of the endpoints. @return 0; -errno. */
int hd_bench_reports_open(herald_bench_receiver *receiver, const struct herald_receiver_config *config,
                          struct herald_error *error);
void hd_bench_reports_close(herald_bench_receiver *receiver);

/* Closes what a place has opened for itself. */
void hd_bench_reports_release(struct hd_bench_place *place);

/* When the first report about a stream is due. */
void hd_bench_reports_begin(herald_bench_receiver *receiver, struct hd_bench_place *place, uint64_t now_ns);

/* Takes what the senders ask. */
void hd_bench_reports_take(herald_bench_receiver *receiver, uint64_t now_ns);

/* Sends the report about a stream if it is due. */
void hd_bench_reports_send(herald_bench_receiver *receiver, struct hd_bench_place *place, uint64_t now_ns);

#endif
