/* SPDX-License-Identifier: MIT */
/*
 * The sender's half of congestion control: who limits the group, and the rate.
 *
 * Time passes in rounds, from probe to probe; an idle sender that does not probe stays as it is.
 *
 *   every datagram, whatever it is:                      _on_sent()
 *   a CMD(CC) goes out:                                  _probe(), then _list_node() for its entries, then _on_sent()
 *   the next one is due at the last + interval:          _probe_interval_ns(): ask anew after each report
 *   a NACK or ACK with EXT_CC:                           _on_report()
 *   the pacer:                                           _rate(), which may change with each report or probe
 *
 * There is nothing to call when the application is the limit: what was sent between two probes tells. A rate is only
 * raised when it was used, and judged by what was really sent.
 */
#ifndef HD_CC_SENDER_H
#define HD_CC_SENDER_H

#include "wire.h"
#include <herald/norm.h>

enum {
    HD_CC_NODES = 16,  /* tracked receivers: the CLR, and PLRs */
    HD_CC_PROBES = 64, /* whose answers may still come */
    HD_CC_POINTS = 5,  /* answers remembered of each receiver */
};

/* A receiver's feedback, in our units. */
struct hd_cc_report {
    uint32_t node_id;
    bool is_nack;      /* NRL's NACKs have half of the loss only */
    uint8_t flags;     /* HD_CC_* */
    uint64_t rtt_ns;   /* from the echo, hd_grtt_measure_ns(); 0 = none */
    uint32_t loss;     /* parts of UINT32_MAX */
    uint64_t rate_bps; /* decoded */
    uint16_t sequence; /* cc_sequence */
    bool has_delivery;
    struct hd_cc_delivery delivery;
};

/* What had been sent before a probe. */
struct hd_cc_mark {
    uint64_t sent_ns;
    uint64_t datagrams;
    uint64_t bytes;
    uint32_t round; /* number of the probe; its low 16 bits are cc_sequence */
    bool is_usual;  /* sent for its time; otherwise for the window */
};

/* A probe that a receiver answered: what had been sent, what had come. */
struct hd_cc_point {
    struct hd_cc_mark mark;
    struct hd_cc_delivery delivery;
};

/* A tracked receiver. */
struct hd_cc_peer {
    uint32_t node_id;
    uint8_t flags; /* as it last said */
    bool has_delivery;
    uint32_t heard_round; /* of the next probe, when it was last heard */
    uint32_t gap_rounds;  /* usually so many until it is heard again, times 16 */
    uint64_t heard_ns;
    uint64_t rtt_ns; /* smoothed; 0 = not measured */
    uint32_t loss;
    uint64_t rate_bps;        /* what it says that it can take */
    uint64_t delivered_bps;   /* what it receives, by EXT_DELIVERY; 0 = not known */
    bool has_taken;           /* a window is kept, and it has answered: */
    struct hd_cc_mark taken;  /* the newest probe that it has answered */
    uint32_t taken_datagrams; /* what had come then */
    uint64_t taken_ns;        /* and when it did */

    /* AUTO only, from here on. */
    struct hd_cc_point points[HD_CC_POINTS]; /* the newest first */
    uint8_t points_count;
    uint64_t base_sent; /* datagrams, decaying: what comes of what is sent when nothing is congested */
    uint64_t base_received;
    uint32_t dispersion;      /* how much that varies, compared with chance: times 16; 0 = 1 */
    uint64_t delay_window_ns; /* when this window began */
    uint32_t delay_base_us;   /* the least of arrival - sending (two clocks: modulo 2^32) in the last window */
    uint32_t delay_next_us;   /* and in this one */
    uint32_t delay_last_us;
    uint32_t jitter_us;
    uint32_t usual_us;       /* mean delay above the base, while nothing is tried */
    uint8_t late_count;      /* reports in a row that tell of a standing queue */
    uint8_t foreign_count;   /* of these in a row that tell that it is not ours */
    uint8_t loss_cuts_count; /* reductions in a row that did not end the losses */
    uint64_t capacity_bps;   /* as it was found then; 0 = never */
};

/* How AUTO searches. */
enum hd_cc_phase {
    HD_CC_DOUBLE, /* at the start, and after silence: twice as much each round */
    HD_CC_HOLD,   /* below the capacity that was found */
    HD_CC_CLIMB,  /* a little more each round, in ever greater steps, until it is too much */
    HD_CC_DIP,    /* less, for a moment: is it we who cause the losses? */
};

/* How much may be on its way (cc_flow.h). */
struct hd_cc_flow {
    uint32_t window_bytes_max; /* 0: there is no window */
    uint32_t window_bytes;
    uint64_t begun_ns;   /* when something was first to be sent; 0: not yet */
    uint32_t cut_round;  /* first probe after the last reduction */
    bool is_doubling;    /* it was never too much */
    bool was_full;       /* since it last grew */
    uint8_t again_count; /* probes in a row that were sent again */
};

struct hd_cc_sender {
    enum herald_norm_rate_mode mode;
    uint64_t rate_bps;
    uint64_t rate_start_bps;
    uint64_t rate_min_bps;
    uint64_t rate_max_bps;
    uint32_t datagram_bytes; /* of a full one, about */

    uint64_t sent_datagrams;
    uint64_t sent_bytes;
    struct hd_cc_mark marks[HD_CC_PROBES]; /* by round modulo HD_CC_PROBES */
    uint32_t round;                        /* of the next probe; from 1 */
    uint32_t change_round;                 /* the first probe at this rate */

    struct hd_cc_peer peers[HD_CC_NODES]; /* the CLR first */
    uint32_t peers_count;
    bool is_heard;        /* anyone, ever */
    uint32_t heard_round; /* of the next probe, when anyone was last heard, or the rate was halved for silence */
    uint32_t gap_rounds;  /* usually so many until someone is heard again, times 16 */
    uint64_t usual_ns;    /* when the last usual probe was sent */
    uint64_t heard_ns;
    uint64_t heard_datagrams; /* what had been sent then */

    struct hd_cc_flow flow;

    enum hd_cc_phase phase; /* AUTO, from here on */
    uint64_t grtt_ns;       /* when the last probe went out */
    uint64_t phase_ns;      /* since */
    uint32_t phase_round;
    uint32_t steps_count; /* of the climb */
    uint32_t stuck_count; /* while it doubles: spans in which no more arrived than before */
    uint64_t share_bps;   /* what of the rate arrived before it was doubled */
    uint32_t cut_round;   /* first probe after the last reduction, and after a dip begins */
    uint64_t raised_ns;   /* when the rate last rose */
    uint64_t raised_datagrams;
    uint64_t resume_bps; /* the rate before a dip, or before a deep fall */
    uint64_t dipped_ns;
    uint64_t doubtful_bps;  /* the rate before reductions that may have been for bursts of losses; 0 = none */
    bool was_doubling;      /* at that time */
    uint64_t retried_bps;   /* what was last tried again, */
    uint64_t retried_ns;    /* when, */
    uint64_t retry_wait_ns; /* and how long not again */

    bool is_slow_start;   /* TFMCC, from here on */
    uint64_t increase_ns; /* when the rate was last raised */
};

void hd_cc_sender_init(struct hd_cc_sender *cc, const struct herald_norm_sender_config *config, uint64_t now_ns);

/* @param bytes  UDP payload, all of it */
static inline void hd_cc_sender_on_sent(struct hd_cc_sender *cc, size_t bytes)
{
    cc->sent_datagrams++;
    cc->sent_bytes += bytes;
}

/* Mode FIXED. */
void hd_cc_sender_set_rate(struct hd_cc_sender *cc, uint64_t rate_bps);

/* Bytes (UDP payload) per second. Within the config's limits, always. */
static inline uint64_t hd_cc_sender_rate(const struct hd_cc_sender *cc)
{
    return cc->rate_bps;
}

/* A probe goes out now; receivers that fell silent are forgotten. @return its cc_sequence */
uint16_t hd_cc_sender_probe(struct hd_cc_sender *cc, uint64_t grtt_ns, uint64_t now_ns);

/* How long after the last probe the next one is due. Shorter after a report, often: then ask again. All modes. */
uint64_t hd_cc_sender_probe_interval_ns(const struct hd_cc_sender *cc, uint64_t grtt_ns);

/* Whatever it says: nothing overflows, and the rate stays within its limits. */
void hd_cc_sender_on_report(struct hd_cc_sender *cc, const struct hd_cc_report *report, uint64_t now_ns);

/* Entry number `index` of CMD(CC)'s list. Mode FIXED has none. @return false at the end */
bool hd_cc_sender_list_node(const struct hd_cc_sender *cc, uint32_t index, struct hd_cc_node *ret_node);

/* For herald_norm_sender_get_report(), in all modes. @return 0; -ENOENT */
int hd_cc_sender_get_report(const struct hd_cc_sender *cc, uint32_t index,
                            struct herald_norm_receiver_report *ret_report);

/* For cc_auto.c and cc_flow.c: what had been sent when a probe went out; NULL if that is too long ago, or never was. */
const struct hd_cc_mark *hd_cc_sender_find_mark(const struct hd_cc_sender *cc, uint16_t sequence);

/* For cc_auto.c and cc_tfmcc.c: the rate, kept within its limits; and another CLR. */
void hd_cc_sender_change_rate(struct hd_cc_sender *cc, uint64_t rate_bps);
void hd_cc_sender_limit_by(struct hd_cc_sender *cc, struct hd_cc_peer *peer);

static inline uint32_t hd_cc_sender_nodes_count(const struct hd_cc_sender *cc)
{
    return cc->peers_count;
}

#endif
