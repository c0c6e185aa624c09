/* SPDX-License-Identifier: MIT */
#include "cc_sender.h"

#include "cc_auto.h"
#include "cc_flow.h"
#include "cc_tfmcc.h"
#include "quant.h"

#include <errno.h>
#include <string.h>

#define MS UINT64_C(1000000)

enum {
    HEADER_BYTES = 32,     /* about, of a DATA */
    FAST_DATAGRAMS = 8,    /* between two probes, at least, while the rate doubles */
    APART_DATAGRAMS = 2,   /* at any time */
    STEADY_DATAGRAMS = 32, /* and later: fewer say little about loss */
    LOST_ROUNDS = 16,      /* so many probes unanswered, and a receiver is forgotten */
    SILENT_ROUNDS = 6,     /* nobody answers: the rate is halved */
    SILENT_DATAGRAMS = 64, /* by AUTO only if so many were sent meanwhile */
    USUAL_PERCENT = 75,    /* of the usual interval: so long after the last one a probe counts as usual */
    GAP_ROUNDS_MAX = 16,
    GAPS = 8,              /* both only after so many times the usual gap: answers are lost, too */
    RATE_DOUBTFUL = 65536, /* below it, the high half of the loss is missing */
};

static uint64_t at_least(uint64_t value, uint64_t least)
{
    return value > least ? value : least;
}

static uint64_t at_most(uint64_t value, uint64_t most)
{
    return value < most ? value : most;
}

void hd_cc_sender_init(struct hd_cc_sender *cc, const struct herald_norm_sender_config *config, uint64_t now_ns)
{
    *cc = (struct hd_cc_sender){
        .mode = config->rate_mode,
        .rate_bps = at_least(config->rate_bytes_per_s, 1),
        .rate_start_bps = config->rate_bytes_per_s,
        .rate_min_bps = 1,
        .rate_max_bps = HERALD_NORM_RATE_MAX_BYTES_PER_S,
        .datagram_bytes = (uint32_t)config->segment_bytes + HEADER_BYTES,
        .round = 1,
        .change_round = 1,
        .heard_ns = now_ns,
        .phase = HD_CC_DOUBLE,
        .phase_ns = now_ns,
        .is_slow_start = true,
        .increase_ns = now_ns,
    };
    hd_cc_flow_init(cc, cc->mode != HERALD_NORM_RATE_TFMCC ? config->window_bytes_max : 0);
    if (cc->mode != HERALD_NORM_RATE_FIXED) {
        cc->rate_min_bps = at_least(config->rate_min_bytes_per_s, 1);
        cc->rate_max_bps = at_least(config->rate_max_bytes_per_s, cc->rate_min_bps);
        hd_cc_sender_change_rate(cc, cc->rate_bps);
    }
}

void hd_cc_sender_set_rate(struct hd_cc_sender *cc, uint64_t rate_bps)
{
    hd_cc_sender_change_rate(cc, rate_bps);
}

void hd_cc_sender_change_rate(struct hd_cc_sender *cc, uint64_t rate_bps)
{
    rate_bps = at_least(at_most(rate_bps, cc->rate_max_bps), cc->rate_min_bps);
    if (rate_bps == cc->rate_bps)
        return;
    cc->rate_bps = rate_bps;
    cc->change_round = cc->round;
}

void hd_cc_sender_limit_by(struct hd_cc_sender *cc, struct hd_cc_peer *peer)
{
    struct hd_cc_peer first = cc->peers[0];

    if (peer == &cc->peers[0])
        return;
    cc->peers[0] = *peer;
    *peer = first;
}

/* --- receivers --- */

static struct hd_cc_peer *find_peer(struct hd_cc_sender *cc, uint32_t node_id)
{
    for (uint32_t i = 0; i < cc->peers_count; i++) {
        if (cc->peers[i].node_id == node_id)
            return &cc->peers[i];
    }
    return NULL;
}

static void drop_peer(struct hd_cc_sender *cc, uint32_t index, uint64_t now_ns)
{
    cc->peers_count--;
    cc->peers[index] = cc->peers[cc->peers_count];
    if (index > 0 || cc->peers_count == 0)
        return;
    if (cc->mode == HERALD_NORM_RATE_AUTO)
        hd_cc_auto_on_limit_gone(cc, now_ns);
    else if (cc->mode == HERALD_NORM_RATE_TFMCC)
        hd_cc_tfmcc_on_limit_gone(cc, now_ns);
}

static bool says_more(uint8_t flags, uint64_t rate_bps, const struct hd_cc_peer *other)
{
    if ((flags & HD_CC_START) != (other->flags & HD_CC_START))
        return flags & HD_CC_START;
    return rate_bps > other->rate_bps;
}

/* Whoever can take the most makes room for one who can take less; the CLR never does. @return NULL: nobody */
static struct hd_cc_peer *displace_peer(struct hd_cc_sender *cc, const struct hd_cc_report *report)
{
    struct hd_cc_peer *most = &cc->peers[1];

    for (uint32_t i = 2; i < cc->peers_count; i++) {
        if (says_more(cc->peers[i].flags, cc->peers[i].rate_bps, most))
            most = &cc->peers[i];
    }
    return says_more(report->flags, report->rate_bps, most) ? NULL : most;
}

static struct hd_cc_peer *add_peer(struct hd_cc_sender *cc, const struct hd_cc_report *report)
{
    struct hd_cc_peer *peer = cc->peers_count < HD_CC_NODES ? &cc->peers[cc->peers_count++] : displace_peer(cc, report);

    if (peer)
        *peer = (struct hd_cc_peer){ .node_id = report->node_id, .heard_round = cc->round, .gap_rounds = 16 };
    return peer;
}

/* The mean gap between answers: of several in one round, only the first counts. */
static void note_gap(const struct hd_cc_sender *cc, uint32_t *heard_round, uint32_t *gap_rounds)
{
    uint32_t gap = (uint32_t)at_most(cc->round - *heard_round, GAP_ROUNDS_MAX);

    *heard_round = cc->round;
    if (gap > 0)
        *gap_rounds = (*gap_rounds * 7 + gap * 16) / 8;
}

static void update_peer(struct hd_cc_sender *cc, struct hd_cc_peer *peer, const struct hd_cc_report *report,
                        uint64_t now_ns)
{
    uint64_t rtt_ns = at_most(report->rtt_ns, HD_RTT_MAX_NS);

    note_gap(cc, &peer->heard_round, &peer->gap_rounds);
    peer->heard_ns = now_ns;
    if (rtt_ns > 0)
        peer->rtt_ns = peer->rtt_ns > 0 ? (peer->rtt_ns * 3 + rtt_ns) / 4 : rtt_ns;
    /* NRL's NACKs lack the high half of the loss; their rate is right. */
    if (!report->is_nack || (report->flags & HD_CC_START) || report->loss >= RATE_DOUBTFUL)
        peer->loss = report->loss;
    peer->flags = report->flags;
    peer->rate_bps = at_most(at_least(report->rate_bps, 1), HD_CC_EQUATION_MAX_BPS);
}

void hd_cc_sender_on_report(struct hd_cc_sender *cc, const struct hd_cc_report *report, uint64_t now_ns)
{
    struct hd_cc_peer *peer = find_peer(cc, report->node_id);

    if (report->node_id == HERALD_NORM_NODE_NONE || report->node_id == HERALD_NORM_NODE_ANY)
        return;
    if (!cc->is_heard)
        cc->heard_round = cc->round;
    cc->is_heard = true;
    note_gap(cc, &cc->heard_round, &cc->gap_rounds);
    cc->heard_ns = now_ns;
    cc->heard_datagrams = cc->sent_datagrams;
    if (report->flags & HD_CC_LEAVE) {
        if (peer)
            drop_peer(cc, (uint32_t)(peer - cc->peers), now_ns);
        return;
    }
    if (!peer)
        peer = add_peer(cc, report);
    if (!peer)
        return;
    update_peer(cc, peer, report, now_ns);
    if (cc->flow.window_bytes_max > 0)
        hd_cc_flow_on_report(cc, peer, report, now_ns);
    if (cc->mode == HERALD_NORM_RATE_AUTO)
        hd_cc_auto_on_report(cc, peer, report, now_ns);
    else if (cc->mode == HERALD_NORM_RATE_TFMCC)
        hd_cc_tfmcc_on_report(cc, peer, now_ns);
}

/* --- rounds --- */

const struct hd_cc_mark *hd_cc_sender_find_mark(const struct hd_cc_sender *cc, uint16_t sequence)
{
    uint16_t rounds_ago = (uint16_t)((uint16_t)cc->round - sequence);
    const struct hd_cc_mark *mark = &cc->marks[(cc->round - rounds_ago) % HD_CC_PROBES];

    if (rounds_ago == 0 || rounds_ago >= HD_CC_PROBES || rounds_ago >= cc->round)
        return NULL;
    return mark;
}

static bool is_overdue(const struct hd_cc_sender *cc, uint32_t heard_round, uint32_t gap_rounds, uint32_t rounds)
{
    return cc->round - heard_round > at_least(rounds, gap_rounds * GAPS / 16);
}

/* One of several that fell silent is taken for gone; if all did, it is the network (below). */
static void drop_lost(struct hd_cc_sender *cc, uint64_t grtt_ns, uint64_t now_ns)
{
    uint64_t patience_ns = at_least(4 * grtt_ns, 300 * MS);

    if (is_overdue(cc, cc->heard_round, cc->gap_rounds, SILENT_ROUNDS))
        return;
    for (uint32_t i = cc->peers_count; i-- > 0;) {
        const struct hd_cc_peer *peer = &cc->peers[i];

        if (is_overdue(cc, peer->heard_round, peer->gap_rounds, LOST_ROUNDS) && now_ns - peer->heard_ns > patience_ns)
            drop_peer(cc, i, now_ns);
    }
}

/*
 * RFC 4654 in our rounds: without feedback the rate is halved, again and again. Before the first feedback
 * ever there is nothing to lose: the rate is the one that the config calls safe, and nobody may be there.
 */
static void halve_when_silent(struct hd_cc_sender *cc, uint64_t grtt_ns, uint64_t now_ns)
{
    if (!cc->is_heard || cc->mode == HERALD_NORM_RATE_FIXED)
        return;
    if (!is_overdue(cc, cc->heard_round, cc->gap_rounds, SILENT_ROUNDS) ||
        now_ns - cc->heard_ns < at_least(4 * grtt_ns, 200 * MS))
        return;
    /* AUTO: who hardly sends anything, since all is sent, has nothing to take back. */
    if (cc->mode == HERALD_NORM_RATE_AUTO && cc->sent_datagrams - cc->heard_datagrams < SILENT_DATAGRAMS)
        return;
    cc->heard_round = cc->round;
    cc->heard_ns = now_ns;
    cc->heard_datagrams = cc->sent_datagrams;
    hd_cc_sender_change_rate(cc, cc->rate_bps / 2);
    if (cc->mode == HERALD_NORM_RATE_AUTO)
        hd_cc_auto_on_silence(cc, now_ns);
    else
        cc->increase_ns = now_ns;
}

/* The window asks much more often than a rate has to be judged: spans so short would tell mostly of chance. */
static bool is_usual(const struct hd_cc_sender *cc, uint64_t now_ns)
{
    uint64_t least_ns = hd_cc_sender_probe_interval_ns(cc, cc->grtt_ns) * USUAL_PERCENT / 100;

    return cc->flow.window_bytes_max == 0 || now_ns - cc->usual_ns >= least_ns;
}

uint16_t hd_cc_sender_probe(struct hd_cc_sender *cc, uint64_t grtt_ns, uint64_t now_ns)
{
    struct hd_cc_mark *mark;
    uint32_t round;

    grtt_ns = at_most(grtt_ns, HD_RTT_MAX_NS);
    cc->grtt_ns = grtt_ns;
    drop_lost(cc, grtt_ns, now_ns);
    halve_when_silent(cc, grtt_ns, now_ns);
    round = cc->round++;
    mark = &cc->marks[round % HD_CC_PROBES];
    *mark = (struct hd_cc_mark){
        .sent_ns = now_ns,
        .datagrams = cc->sent_datagrams,
        .bytes = cc->sent_bytes,
        .round = round,
        .is_usual = is_usual(cc, now_ns),
    };
    if (mark->is_usual)
        cc->usual_ns = now_ns;
    return (uint16_t)round;
}

static uint64_t datagrams_ns(const struct hd_cc_sender *cc, uint64_t datagrams)
{
    return datagrams * cc->datagram_bytes * UINT64_C(1000000000) / cc->rate_bps;
}

/* At first after two GRTT, then ever more rarely. */
static uint64_t fixed_interval_ns(const struct hd_cc_sender *cc, uint64_t grtt_ns)
{
    uint64_t interval_ns = 2 * grtt_ns;

    for (uint32_t i = 2; i < cc->round && interval_ns < 5000 * MS; i++)
        interval_ns += interval_ns / 2;
    return at_most(interval_ns, 5000 * MS);
}

static uint64_t usual_interval_ns(const struct hd_cc_sender *cc, uint64_t grtt_ns)
{
    uint64_t rtt_ns;

    switch (cc->mode) {
    case HERALD_NORM_RATE_FIXED:
        if (cc->flow.window_bytes_max > 0)
            return at_most(at_least(grtt_ns, 10 * MS), 100 * MS);
        return fixed_interval_ns(cc, grtt_ns);
    case HERALD_NORM_RATE_AUTO:
        if (cc->phase == HD_CC_DOUBLE)
            return at_least(at_most(at_least(grtt_ns, 10 * MS), 100 * MS),
                            at_most(datagrams_ns(cc, FAST_DATAGRAMS), 250 * MS));
        return at_least(at_most(at_least(grtt_ns, 20 * MS), 100 * MS),
                        at_most(datagrams_ns(cc, STEADY_DATAGRAMS), 250 * MS));
    case HERALD_NORM_RATE_TFMCC:
        break;
    }
    rtt_ns = cc->peers_count > 0 && cc->peers[0].rtt_ns > 0 ? at_most(grtt_ns, cc->peers[0].rtt_ns) : grtt_ns;
    return at_least(at_least(rtt_ns, 5 * MS), at_most(datagrams_ns(cc, FAST_DATAGRAMS), 1000 * MS));
}

uint64_t hd_cc_sender_probe_interval_ns(const struct hd_cc_sender *cc, uint64_t grtt_ns)
{
    uint64_t interval_ns = usual_interval_ns(cc, at_least(at_most(grtt_ns, HD_RTT_MAX_NS), MS));

    /* However low the rate is: something else is to be sent, too. */
    return at_least(interval_ns, datagrams_ns(cc, APART_DATAGRAMS));
}

/* --- what is known --- */

bool hd_cc_sender_list_node(const struct hd_cc_sender *cc, uint32_t index, struct hd_cc_node *ret_node)
{
    const struct hd_cc_peer *peer = &cc->peers[index % HD_CC_NODES];

    if ((cc->mode == HERALD_NORM_RATE_FIXED && cc->flow.window_bytes_max == 0) || index >= cc->peers_count)
        return false;
    *ret_node = (struct hd_cc_node){
        .node_id = peer->node_id,
        .flags = (uint8_t)((index == 0 ? HD_CC_CLR : HD_CC_PLR) | (peer->rtt_ns > 0 ? HD_CC_RTT : 0) |
                           (peer->flags & HD_CC_START)),
        .rtt = hd_rtt_encode(peer->rtt_ns),
        .rate = hd_rate_encode(peer->rate_bps),
    };
    return true;
}

int hd_cc_sender_get_report(const struct hd_cc_sender *cc, uint32_t index,
                            struct herald_norm_receiver_report *ret_report)
{
    const struct hd_cc_peer *peer = &cc->peers[index % HD_CC_NODES];

    if (index >= cc->peers_count)
        return -ENOENT;
    *ret_report = (struct herald_norm_receiver_report){
        .node_id = peer->node_id,
        .is_limiting = index == 0 && cc->mode != HERALD_NORM_RATE_FIXED,
        .rtt_ns = peer->rtt_ns,
        .loss_ppm = (uint32_t)(peer->loss * UINT64_C(1000000) / UINT32_MAX),
        .rate_bytes_per_s = peer->delivered_bps > 0 ? peer->delivered_bps : peer->rate_bps,
        .heard_ns = peer->heard_ns,
    };
    return 0;
}
