/* SPDX-License-Identifier: MIT */
/*
 * A receiver's half of congestion control, one for each remote sender: it counts, finds losses, knows the rate that
 * it could take (RFC 4654 section 4, RFC 5740 section 5.5.2), and decides when to say so.
 *
 *   every packet of the sender that counts in its sequence (INFO, DATA, CMD), first of all: _on_datagram()
 *   CMD(CC):                                                after that                      _on_probe()
 *   NACK or ACK of another receiver to this sender, with EXT_CC:                            _on_other_feedback()
 *   at feedback_due_ns, an ACK(CC); and in every NACK, which stands for it:                 _fill()
 *   another instance_id, or the sender was forgotten:                                       _init()
 */
#ifndef HD_CC_RECEIVER_H
#define HD_CC_RECEIVER_H

#include "cc_sender.h"
#include "loss_history.h"
#include "random.h"

struct hd_cc_receiver {
    struct hd_loss_history history;
    uint32_t received_datagrams; /* modulo 2^32, of all */
    uint32_t received_bytes;
    uint64_t datagram_ns; /* when the newest came */

    struct hd_cc_delivery at_probe; /* what EXT_DELIVERY says: as it was when the last probe came */
    uint64_t probe_ns;              /* when that was; 0 = none has come */
    uint64_t rate_start_ns;         /* the receive rate is measured from here */
    uint32_t rate_start_bytes;
    uint32_t rate_start_datagrams;
    uint32_t packet_bytes; /* their mean size */
    uint64_t receive_rate_bps;
    uint64_t send_rate_bps; /* EXT_RATE; 0 = not told */
    uint64_t rtt_ns;        /* as the sender told us; 0 = not measured: the GRTT is taken */
    uint64_t grtt_ns;
    uint64_t feedback_due_ns; /* HERALD_NEVER: nothing to say */
    uint16_t sequence;        /* cc_sequence of that probe */
    uint8_t flags;            /* HD_CC_CLR and HD_CC_PLR as the sender's list has us */
};

/* What a CMD(CC) says, in our units. */
struct hd_cc_probe {
    uint16_t sequence;
    uint64_t send_rate_bps; /* EXT_RATE; 0 = none: then nothing is answered */
    uint64_t grtt_ns;
    uint8_t backoff_factor; /* K */
    uint64_t group_size;
    bool is_listed; /* an entry of the list is ours: */
    uint8_t flags;  /* its flags (HD_CC_*) */
    uint64_t rtt_ns;
    uint32_t nodes_count;           /* entries of the list */
    uint64_t lowest_rate_bps;       /* the smallest rate in the list, of the entries without HD_CC_START; 0 = none */
    uint64_t lowest_start_rate_bps; /* the same of those with it */
};

void hd_cc_receiver_init(struct hd_cc_receiver *cc);

/* So many datagrams have come, which count on from that sequence. @param bytes  UDP payload of each: what the sender
   counts */
static inline void hd_cc_receiver_on_datagrams(struct hd_cc_receiver *cc, uint16_t sequence, uint16_t count,
                                               size_t bytes, uint64_t now_ns)
{
    cc->received_datagrams += count;
    cc->received_bytes += (uint32_t)(count * bytes);
    cc->datagram_ns = now_ns;
    hd_loss_history_on_packets(&cc->history, sequence, count, now_ns);
}

static inline void hd_cc_receiver_on_datagram(struct hd_cc_receiver *cc, uint16_t sequence, size_t bytes,
                                              uint64_t now_ns)
{
    hd_cc_receiver_on_datagrams(cc, sequence, 1, bytes, now_ns);
}

/* To be called for each entry of the list, before on_probe(). */
void hd_cc_probe_add_node(struct hd_cc_probe *probe, const struct hd_cc_node *node, uint32_t our_node_id);

/*
 * A probe has come. Sets feedback_due_ns: now for who is in the list, otherwise after a random time, unless there is
 * nothing worth saying.
 *
 * @param random  the machine's generator
 */
void hd_cc_receiver_on_probe(struct hd_cc_receiver *cc, const struct hd_cc_probe *probe, struct hd_random *random,
                             uint64_t now_ns);

/* Another receiver's EXT_CC was heard: ours may have become superfluous. */
void hd_cc_receiver_on_other_feedback(struct hd_cc_receiver *cc, uint8_t flags, uint64_t rate_bps);

/* When an ACK(CC) wants to be sent, or HERALD_NEVER. */
static inline uint64_t hd_cc_receiver_feedback_due_ns(const struct hd_cc_receiver *cc)
{
    return cc->feedback_due_ns;
}

/*
 * Fills what an ACK(CC) or NACK that goes out now says, and takes the pending feedback for sent.
 *
 * @return false, with nothing filled, as long as no probe has come: then neither extension is sent
 */
bool hd_cc_receiver_fill(struct hd_cc_receiver *cc, struct hd_cc_feedback *ret_feedback,
                         struct hd_cc_delivery *ret_delivery);

/* For herald_norm_sender_status. */
uint32_t hd_cc_receiver_loss_ppm(const struct hd_cc_receiver *cc);
uint64_t hd_cc_receiver_rate_bps(const struct hd_cc_receiver *cc); /* receive rate */

static inline uint64_t hd_cc_receiver_rtt_ns(const struct hd_cc_receiver *cc)
{
    return cc->rtt_ns;
}

static inline uint32_t hd_cc_receiver_lost_datagrams(const struct hd_cc_receiver *cc)
{
    return cc->history.lost_datagrams;
}

#endif
