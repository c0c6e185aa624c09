/* SPDX-License-Identifier: MIT */
/*
 * A sender's and some receivers' congestion control, joined by links of their own in virtual time: each with a rate,
 * a delay, a queue and losses. Nothing but congestion control: every datagram is as good as any other.
 */
#ifndef CC_MODEL_H
#define CC_MODEL_H

#include "cc_receiver.h"
#include "cc_sender.h"
#include "grtt.h"
#include "random.h"

#define MS   UINT64_C(1000000)
#define SEC  UINT64_C(1000000000)
#define MBIT UINT64_C(125000) /* bytes per second */

enum { MODEL_RECEIVERS = 4, MODEL_EVENTS = 512, MODEL_DATAGRAM_BYTES = 1432 };

struct model_link {
    uint64_t rate_bps; /* 0: no limit */
    uint64_t delay_ns; /* each way */
    uint64_t jitter_ns;
    uint64_t queue_bytes;
    uint32_t loss_ppm;        /* of datagrams */
    uint32_t report_loss_ppm; /* of feedback */
    uint32_t burst_enter_ppm; /* bursts of losses: their beginning, and their end */
    uint32_t burst_leave_ppm;
    bool is_cut;
};

struct model_receiver {
    struct model_link link;
    uint64_t *free_ns; /* when the link's queue is empty; may be another's: then they share the link */
    uint64_t own_free_ns;
    struct hd_cc_receiver cc;
    bool has_no_delivery; /* as NRL's */
    uint64_t arrival_ns;
    bool is_in_burst;
    uint64_t probe_rtt_ns;   /* of the last probe that came */
    uint64_t received_bytes; /* these since model_reset() */
    uint64_t overflows;
    uint64_t reports;
    uint64_t delay_max_ns; /* in the queue */
};

struct model_event {
    uint64_t time_ns;
    struct hd_cc_report report;
};

struct model {
    struct herald_norm_sender_config config;
    struct hd_cc_sender cc;
    struct hd_grtt grtt;
    struct hd_random random;
    struct model_receiver receivers[MODEL_RECEIVERS];
    uint32_t receivers_count;
    struct model_event events[MODEL_EVENTS];
    uint32_t events_count;
    uint64_t application_bps; /* 0: always something to send */
    uint64_t now_ns;
    uint64_t probe_ns;
    uint64_t reset_ns;
    uint64_t sent; /* datagrams, since model_reset() */
    uint64_t sent_bytes;
    uint16_t sequence;
};

void model_init(struct model *model, enum herald_norm_rate_mode mode, uint64_t seed);
struct model_receiver *model_add(struct model *model, const struct model_link *link);
void model_run(struct model *model, uint64_t until_ns);

/* Two that share a link. */
void model_run_both(struct model *one, struct model *other, uint64_t until_ns);

/* And for so much longer. */
void model_run_on(struct model *model, uint64_t time_ns);

/* From now on it is counted. */
void model_reset(struct model *model);

/* Of a receiver since model_reset(): received per second, in percent of its link's rate, and of what was sent how
 * much found the queue full, per mille. */
uint64_t model_used_percent(const struct model *model, const struct model_receiver *receiver);
uint64_t model_overflow_permille(const struct model *model, const struct model_receiver *receiver);

#endif
