/* SPDX-License-Identifier: MIT */
/*
 * Loss events, as TCP-friendly rate control counts them (RFC 5348 section 5, RFC 4654 section 5): what is lost
 * within one round-trip is one event; the loss event rate is 1 / the weighted average of the last eight intervals
 * between events, and of the one that grows. In integers.
 *
 * Packets are numbered by the sender's one 16 bit counter. A packet is lost once three later ones have come.
 */
#ifndef HD_LOSS_HISTORY_H
#define HD_LOSS_HISTORY_H

#include <stdbool.h>
#include <stdint.h>

enum {
    HD_LOSS_INTERVALS = 8,   /* RFC 5348 section 5.4 */
    HD_LOSS_REORDER = 3,     /* NDUPACK of RFC 5348 section 5.1 */
    HD_LOSS_WINDOW = 64,     /* packets that may still come late */
    HD_LOSS_JUMP_MAX = 1024, /* a greater jump, either way, is another beginning: a partition, or the path was down */
};

struct hd_loss_history {
    uint64_t missing;    /* bit i: packet highest - i has not come; of those since the last time that none was open */
    uint64_t unresolved; /* of these: not yet taken for lost */
    uint64_t event_ns;   /* when the last loss event began */
    uint64_t rtt_ns;     /* what belongs to one event */
    uint32_t highest;    /* the newest packet; the low 16 bits are its sequence */
    uint32_t event_packet;
    uint32_t lost_datagrams;
    uint32_t intervals[HD_LOSS_INTERVALS]; /* packets; the newest first */
    uint8_t intervals_count;
    bool is_started;
    bool has_new_first; /* the first loss event has come: hd_loss_history_seed() wants to be called */
};

void hd_loss_history_init(struct hd_loss_history *history);

/* What is not the next packet: for hd_loss_history_on_packets(). */
void hd_loss_history_on_other(struct hd_loss_history *history, uint16_t sequence, uint64_t now_ns);

/* So many packets have come, which count on from the first. */
static inline void hd_loss_history_on_packets(struct hd_loss_history *history, uint16_t first, uint16_t count,
                                              uint64_t now_ns)
{
    for (; count > 0; first++, count--) {
        if (history->is_started && history->unresolved == 0 && (uint16_t)(history->highest + 1) == first) {
            history->highest += count;
            return;
        }
        hd_loss_history_on_other(history, first, now_ns);
    }
}

static inline void hd_loss_history_on_packet(struct hd_loss_history *history, uint16_t sequence, uint64_t now_ns)
{
    hd_loss_history_on_packets(history, sequence, 1, now_ns);
}

/* From now on, losses within rtt_ns are one event. */
static inline void hd_loss_history_set_rtt(struct hd_loss_history *history, uint64_t rtt_ns)
{
    history->rtt_ns = rtt_ns;
}

/* RFC 5348 section 6.3.1: the interval before the first loss is not what was counted, but what fits the rate then. */
void hd_loss_history_seed(struct hd_loss_history *history, uint32_t interval_packets);

/* The loss event rate in parts of UINT32_MAX; 0 before the first loss. */
uint32_t hd_loss_history_rate(const struct hd_loss_history *history);

#endif
