/* SPDX-License-Identifier: MIT */
#include "cc_receiver.h"

#include "backoff.h"
#include "cc_tfmcc.h"
#include "quant.h"

enum {
    RATE_DATAGRAMS_MIN = 8, /* fewer make no rate, unless they took RATE_NS_MAX */
    RATE_NS_MIN = 10000000,
    RATE_NS_MAX = 1000000000,
    SPREAD_NS_MIN = 10000000, /* taken for the GRTT when that is shorter */
    BACKOFF_FACTOR_MIN = 4,   /* max(K, 4), as deployed: RFC 5740 section 5.5.2.2 wants no very small one here */
};

void hd_cc_receiver_init(struct hd_cc_receiver *cc)
{
    *cc = (struct hd_cc_receiver){ .feedback_due_ns = HERALD_NEVER };
    hd_loss_history_init(&cc->history);
}

static uint64_t at_least(uint64_t value, uint64_t least)
{
    return value > least ? value : least;
}

static uint64_t at_most(uint64_t value, uint64_t most)
{
    return value < most ? value : most;
}

static uint64_t per_second(uint64_t bytes, uint64_t time_ns)
{
    return (uint64_t)((unsigned __int128)bytes * 1000000000 / at_least(time_ns, 1));
}

static uint64_t rtt_ns(const struct hd_cc_receiver *cc)
{
    return cc->rtt_ns > 0 ? cc->rtt_ns : cc->grtt_ns;
}

/* The receive rate, over an RTT or more (RFC 4654 section 4.3.4). */
static void measure_rate(struct hd_cc_receiver *cc, uint64_t now_ns)
{
    uint64_t time_ns = now_ns - cc->rate_start_ns;
    uint32_t datagrams = cc->received_datagrams - cc->rate_start_datagrams;
    uint32_t bytes = cc->received_bytes - cc->rate_start_bytes;

    if (cc->probe_ns != 0) {
        if (time_ns < at_least(rtt_ns(cc), RATE_NS_MIN))
            return;
        if (datagrams == 0 || (datagrams < RATE_DATAGRAMS_MIN && time_ns < RATE_NS_MAX))
            return;
        cc->receive_rate_bps = per_second(bytes, time_ns);
        cc->packet_bytes = bytes / datagrams;
    } else if (datagrams > 0) {
        cc->packet_bytes = bytes / datagrams;
    }
    cc->rate_start_ns = now_ns;
    cc->rate_start_datagrams = cc->received_datagrams;
    cc->rate_start_bytes = cc->received_bytes;
}

static uint64_t received_bps(const struct hd_cc_receiver *cc)
{
    return at_least(cc->receive_rate_bps > 0 ? cc->receive_rate_bps : cc->send_rate_bps, 1);
}

/*
 * What we could take: without a loss so far, twice what we receive (START: RFC 4654 section 3.6; deployed senders
 * take it as it is, and would not grow if we left it to them to double it); otherwise what the equation says, and at
 * most as much (RFC 5348 section 4.3), for a rate that nobody has tried is not known.
 */
static uint64_t sustained_bps(const struct hd_cc_receiver *cc, bool *ret_is_start)
{
    uint32_t loss = hd_loss_history_rate(&cc->history);
    uint64_t tried_bps = received_bps(cc) * 2;

    *ret_is_start = loss == 0;
    return loss == 0 ? tried_bps : at_most(hd_cc_equation_bps(cc->packet_bytes, rtt_ns(cc), loss), tried_bps);
}

/* True if feedback with that rate makes ours superfluous: it limits more, or less by no more than a tenth. */
static bool is_covered(const struct hd_cc_receiver *cc, bool other_is_start, uint64_t other_bps)
{
    bool is_start;
    uint64_t own_bps = sustained_bps(cc, &is_start);

    if (is_start != other_is_start)
        return is_start;
    return other_bps <= own_bps + own_bps / 10;
}

void hd_cc_probe_add_node(struct hd_cc_probe *probe, const struct hd_cc_node *node, uint32_t our_node_id)
{
    uint64_t rate_bps = hd_rate_decode_bps(node->rate);
    uint64_t *lowest_bps = node->flags & HD_CC_START ? &probe->lowest_start_rate_bps : &probe->lowest_rate_bps;

    probe->nodes_count++;
    if (*lowest_bps == 0 || rate_bps < *lowest_bps)
        *lowest_bps = at_least(rate_bps, 1);
    if (node->node_id == our_node_id) {
        probe->is_listed = true;
        probe->flags = node->flags;
        probe->rtt_ns = hd_rtt_decode_ns(node->rtt);
    }
}

/*
 * A random time (RFC 4654 section 4.5, RFC 5740 section 5.5.2.2); a quarter of it, as deployed, is given to those who
 * limit the most.
 */
static uint64_t backoff_ns(const struct hd_cc_receiver *cc, const struct hd_cc_probe *probe, struct hd_random *random)
{
    uint64_t factor = at_least(probe->backoff_factor, BACKOFF_FACTOR_MIN);
    uint64_t spread_ns = factor * at_least(probe->grtt_ns, SPREAD_NS_MIN);
    bool is_start;
    uint64_t limit_bps = sustained_bps(cc, &is_start);
    uint64_t percent =
        (uint64_t)((unsigned __int128)(is_start ? received_bps(cc) : limit_bps) * 100 / probe->send_rate_bps);
    uint64_t bias = at_most(at_least(percent, 50), 90) - 50; /* 0 .. 40 */

    return spread_ns / 4 * bias / 40 +
           hd_backoff_ns(random, spread_ns / 4 * 3, (uint32_t)at_most(probe->group_size, UINT32_MAX));
}

/*
 * The list already has who limits more. As long as the sender has room for us, and we do not know our RTT, that is no
 * reason for silence: in a small group it shall know everyone before it becomes fast.
 */
static bool is_listed_enough(const struct hd_cc_receiver *cc, const struct hd_cc_probe *probe)
{
    if (cc->rtt_ns == 0 && probe->nodes_count < HD_CC_NODES)
        return false;
    return (probe->lowest_rate_bps > 0 && is_covered(cc, false, probe->lowest_rate_bps)) ||
           (probe->lowest_start_rate_bps > 0 && is_covered(cc, true, probe->lowest_start_rate_bps));
}

static void schedule(struct hd_cc_receiver *cc, const struct hd_cc_probe *probe, struct hd_random *random,
                     uint64_t now_ns)
{
    if (probe->send_rate_bps == 0 || (!probe->is_listed && is_listed_enough(cc, probe))) {
        cc->feedback_due_ns = HERALD_NEVER;
    } else if (probe->is_listed) {
        cc->feedback_due_ns = now_ns;
    } else if (cc->feedback_due_ns == HERALD_NEVER) {
        cc->feedback_due_ns = now_ns + backoff_ns(cc, probe, random);
    }
}

void hd_cc_receiver_on_probe(struct hd_cc_receiver *cc, const struct hd_cc_probe *probe, struct hd_random *random,
                             uint64_t now_ns)
{
    cc->at_probe = (struct hd_cc_delivery){
        .received_datagrams = cc->received_datagrams,
        .received_bytes = cc->received_bytes,
        .arrival_us = (uint32_t)(now_ns / 1000),
    };
    cc->sequence = probe->sequence;
    cc->grtt_ns = at_least(probe->grtt_ns, 1);
    cc->send_rate_bps = probe->send_rate_bps;
    cc->flags = probe->is_listed ? probe->flags & (HD_CC_CLR | HD_CC_PLR) : 0;
    if (probe->is_listed && (probe->flags & HD_CC_RTT) && probe->rtt_ns > 0)
        cc->rtt_ns = probe->rtt_ns;
    measure_rate(cc, now_ns);
    cc->probe_ns = at_least(now_ns, 1);
    hd_loss_history_set_rtt(&cc->history, rtt_ns(cc));
    /* RFC 4654 section 5.6, with half the rate: the first loss came at up to twice the rate that is possible. */
    if (cc->history.has_new_first)
        hd_loss_history_seed(&cc->history,
                             hd_cc_equation_interval(cc->packet_bytes, rtt_ns(cc), cc->receive_rate_bps / 2));
    schedule(cc, probe, random, now_ns);
}

void hd_cc_receiver_on_other_feedback(struct hd_cc_receiver *cc, uint8_t flags, uint64_t rate_bps)
{
    if (cc->feedback_due_ns == HERALD_NEVER || cc->flags != 0)
        return;
    if (is_covered(cc, flags & HD_CC_START, rate_bps))
        cc->feedback_due_ns = HERALD_NEVER;
}

bool hd_cc_receiver_fill(struct hd_cc_receiver *cc, struct hd_cc_feedback *ret_feedback,
                         struct hd_cc_delivery *ret_delivery)
{
    bool is_start;
    uint64_t rate_bps;

    cc->feedback_due_ns = HERALD_NEVER;
    if (cc->probe_ns == 0)
        return false;
    rate_bps = sustained_bps(cc, &is_start);
    *ret_feedback = (struct hd_cc_feedback){
        .sequence = cc->sequence,
        .flags = (uint8_t)(cc->flags | (cc->rtt_ns > 0 ? HD_CC_RTT : 0) | (is_start ? HD_CC_START : 0)),
        .rtt = hd_rtt_encode(rtt_ns(cc)),
        .loss = hd_loss_history_rate(&cc->history),
        .rate = hd_rate_encode(rate_bps),
    };
    *ret_delivery = cc->at_probe;
    return true;
}

uint32_t hd_cc_receiver_loss_ppm(const struct hd_cc_receiver *cc)
{
    return (uint32_t)(hd_loss_history_rate(&cc->history) * UINT64_C(1000000) / UINT32_MAX);
}

uint64_t hd_cc_receiver_rate_bps(const struct hd_cc_receiver *cc)
{
    return cc->receive_rate_bps;
}
