/* SPDX-License-Identifier: MIT */
#include "cc_auto.h"

#include "cc_tfmcc.h"

#include <string.h>

#define MS UINT64_C(1000000)

enum {
    SPAN_DATAGRAMS_MIN = 4, /* with fewer sent between two answers, the later one waits for the next */
    BASE_DATAGRAMS = 512,   /* the base remembers so many, or eight spans if that is more */
    BASE_SPANS = 8,
    BASE_PERCENT_MIN = 30, /* a path that loses more by itself is not to be told from one that is run over */
    EXPECTED_MIN = 32,     /* of which less than a quarter comes: no chance explains that */
    DISPERSION_ONE = 16,   /* a binomial's */
    DISPERSION_MAX = 16 * 64,
    BASE_GUESSED = 32,    /* what a guess is worth */
    BASE_FIRST = 256,     /* after so many it is known well enough for the start */
    STEP_DATAGRAMS = 128, /* and a step of the climb, where there are losses */
    DIP_DATAGRAMS = 64,   /* a dip lasts until so many were sent */

    HOLD_PERCENT = 95,  /* of the capacity that was found */
    DRAIN_PERCENT = 85, /* while a queue stands */
    DIP_PERCENT = 60,
    GROWTH_DATAGRAMS = 32, /* fewer do not tell */
    GROWTH_PERCENT = 125,  /* what arrives must have grown by, when the rate has doubled */
    STUCK_MAX = 3,         /* spans in which it did not */
    USED_PERCENT = 80,     /* a rate that was used less says nothing about itself */

    LATE_REPORTS = 2,     /* in a row */
    LATE_FOREIGN_MAX = 8, /* and nothing arrives more slowly than it is sent: it is not our queue */
    BURST_DATAGRAMS = 64, /* as many may be lost by themselves */
    LOSS_CUTS_MAX = 2,    /* without effect: it is not our loss */

    HOLD_ROUNDS = 16,        /* before the next climb */
    FIRST_HOLD_ROUNDS = 8,   /* before the first climb */
    RETRY_ROUNDS = 4,        /* before a doubtful reduction is undone */
    DIP_ROUNDS = 4,          /* before a dip that is due */
    DELAY_US_MAX = 10000000, /* more is no queue: a clock was set */
};

static const uint64_t hold_ns = 500 * MS;
static const uint64_t retry_min_ns = 500 * MS;
static const uint64_t retry_max_ns = 16000 * MS;
static const uint64_t dips_apart_ns = 3000 * MS;
static const uint64_t delay_window_ns = 10000 * MS;

/* The climb's steps, percent. */
static const uint8_t step_percent[] = { 3, 5, 8, 12, 20, 30, 50 };
enum { STEPS_COUNT = sizeof step_percent };

/* What happened between two answers of a receiver. */
struct span {
    uint64_t sent; /* datagrams */
    uint64_t received;
    uint64_t sent_bps;
    uint64_t arrived_bps; /* 0 = not known */
    uint32_t first_round; /* of the probe at its beginning */
    uint32_t last_round;
};

/* Whether a span was sent at the rate that a reduction led to. */
enum age { BEFORE, BETWEEN, AFTER };

static uint64_t at_least(uint64_t value, uint64_t least)
{
    return value > least ? value : least;
}

static uint64_t at_most(uint64_t value, uint64_t most)
{
    return value < most ? value : most;
}

/* value * numerator / denominator, of which the last is not 0 */
static uint64_t scaled(uint64_t value, uint64_t numerator, uint64_t denominator)
{
    unsigned __int128 result = (unsigned __int128)value * numerator / denominator;

    return result < UINT64_MAX ? (uint64_t)result : UINT64_MAX;
}

static uint64_t percent_of(uint64_t value, uint64_t percent)
{
    return scaled(value, percent, 100);
}

static void set_phase(struct hd_cc_sender *cc, enum hd_cc_phase phase, uint64_t now_ns)
{
    cc->phase = phase;
    cc->phase_ns = now_ns;
    cc->phase_round = cc->round;
    cc->steps_count = 0;
    cc->share_bps = 0;
    cc->stuck_count = 0;
}

static void raise_to(struct hd_cc_sender *cc, uint64_t rate_bps, uint64_t now_ns)
{
    cc->raised_ns = now_ns;
    cc->raised_datagrams = cc->sent_datagrams;
    hd_cc_sender_change_rate(cc, rate_bps);
}

/* --- what was sent, and what came --- */

/* A receiver without EXT_DELIVERY: as if all came, with its round-trip as the delay. */
static struct hd_cc_delivery guess_delivery(const struct hd_cc_peer *peer, const struct hd_cc_mark *mark)
{
    return (struct hd_cc_delivery){
        .received_datagrams = (uint32_t)mark->datagrams,
        .received_bytes = (uint32_t)mark->bytes,
        .arrival_us = (uint32_t)(mark->sent_ns / 1000 + peer->rtt_ns / 1000),
    };
}

/* @return false if the report says nothing new */
static bool make_point(const struct hd_cc_sender *cc, struct hd_cc_peer *peer, const struct hd_cc_report *report,
                       struct hd_cc_point *ret_point)
{
    const struct hd_cc_mark *mark = hd_cc_sender_find_mark(cc, report->sequence);

    if (!mark || !mark->is_usual || (!report->has_delivery && peer->has_delivery))
        return false;
    if (peer->points_count > 0 && mark->round <= peer->points[0].mark.round)
        return false;
    if (report->has_delivery && !peer->has_delivery) {
        peer->has_delivery = true;
        peer->points_count = 0;
    }
    ret_point->mark = *mark;
    ret_point->delivery = report->has_delivery ? report->delivery : guess_delivery(peer, mark);
    return true;
}

static void add_point(struct hd_cc_peer *peer, const struct hd_cc_point *point)
{
    memmove(peer->points + 1, peer->points, sizeof peer->points - sizeof peer->points[0]);
    peer->points[0] = *point;
    if (peer->points_count < HD_CC_POINTS)
        peer->points_count++;
}

static uint64_t per_second(uint64_t bytes, uint64_t time_ns)
{
    return at_most(scaled(bytes, 1000000000, at_least(time_ns, 1)), HD_CC_EQUATION_MAX_BPS);
}

static struct span span_between(const struct hd_cc_point *first, const struct hd_cc_point *last)
{
    uint32_t datagrams = last->delivery.received_datagrams - first->delivery.received_datagrams;
    uint32_t bytes = last->delivery.received_bytes - first->delivery.received_bytes;
    uint32_t arrival_us = last->delivery.arrival_us - first->delivery.arrival_us;
    struct span span = {
        .sent = last->mark.datagrams - first->mark.datagrams,
        .sent_bps = per_second(last->mark.bytes - first->mark.bytes, last->mark.sent_ns - first->mark.sent_ns),
        .first_round = first->mark.round,
        .last_round = last->mark.round,
    };

    span.received = at_most(datagrams, span.sent); /* duplicates are no gain */
    if (arrival_us > 0 && arrival_us <= INT32_MAX)
        span.arrived_bps = per_second(at_most(bytes, last->mark.bytes - first->mark.bytes),
                                      arrival_us * UINT64_C(1000));
    return span;
}

/* False for counters that went back (the receiver began anew), or that count what was never sent. */
static bool is_credible(const struct hd_cc_peer *peer, const struct hd_cc_point *point)
{
    const struct hd_cc_point *before = &peer->points[0];
    uint64_t sent = point->mark.datagrams - before->mark.datagrams;

    return point->delivery.received_datagrams - before->delivery.received_datagrams <= sent + sent / 2 + 64;
}

/* From the last answer before the last reduction, or the oldest that is known. */
static const struct hd_cc_point *oldest_point(const struct hd_cc_sender *cc, const struct hd_cc_peer *peer)
{
    uint8_t index = 0;

    while (index + 1 < peer->points_count && peer->points[index + 1].mark.round >= cc->cut_round)
        index++;
    return &peer->points[index];
}

/* --- loss --- */

/* What of `sent` would have come if nothing were congested. */
static uint64_t expected(const struct hd_cc_peer *peer, uint64_t sent)
{
    return scaled(sent, peer->base_received, peer->base_sent);
}

/* Of what comes of `sent`, by chance alone: a binomial's, and that of the base, which is itself only measured. */
static uint64_t variance(const struct hd_cc_peer *peer, uint64_t sent)
{
    uint64_t all = at_most(peer->base_sent, UINT32_MAX) + 2;
    uint64_t kept = at_most(at_most(peer->base_received, UINT32_MAX) + 1, all - 1);
    uint64_t binomial = scaled(scaled(sent, kept, all), all - kept, all);

    return at_most(binomial + scaled(binomial, sent, all), UINT32_MAX);
}

/* How far chance may take it, in standard deviations. Losses that come in bursts deviate more than a binomial's. */
static uint64_t margin(const struct hd_cc_peer *peer, uint64_t sent, unsigned deviations)
{
    uint64_t dispersed = variance(peer, sent) * at_least(peer->dispersion, DISPERSION_ONE) / DISPERSION_ONE;

    return (uint64_t)deviations * hd_cc_isqrt(dispersed) + 2 + sent / 128;
}

static bool is_short(const struct hd_cc_peer *peer, uint64_t sent, uint64_t received, uint64_t doubtful)
{
    uint64_t usual = expected(peer, sent);

    return received + doubtful < usual || (usual >= EXPECTED_MIN && received < usual / 4);
}

/* At a rate that is known to be possible, whatever deviates from the base is chance: how much is usual? */
static void note_dispersion(struct hd_cc_peer *peer, const struct span *span)
{
    uint64_t usual = expected(peer, span->sent);
    uint64_t off = at_most(usual > span->received ? usual - span->received : span->received - usual, UINT32_MAX);
    uint64_t before = at_least(peer->dispersion, DISPERSION_ONE);
    uint64_t seen = at_most(off * off * DISPERSION_ONE / at_least(variance(peer, span->sent), 1), before * 6);

    peer->dispersion = (uint32_t)at_most(at_least((before * 7 + seen) / 8, DISPERSION_ONE), DISPERSION_MAX);
}

/*
 * Does less come than usual? One bad span may be a burst of losses: so it takes two in a row, or a queue besides, or
 * several that are poor, without the worst of them. While the rate doubles, too much is far too much, there is
 * no time to see it twice, and little is known: a tenth more must be missing.
 */
static bool is_lossy(const struct hd_cc_sender *cc, const struct hd_cc_peer *peer)
{
    struct span last = span_between(&peer->points[1], &peer->points[0]);
    uint64_t sent = 0;
    uint64_t received = 0;
    struct span worst = { 0 };
    int short_count = 0; /* the newest, in a row */
    int poor_count = 0;

    if (cc->phase == HD_CC_DOUBLE && last.sent >= BURST_DATAGRAMS)
        return is_short(peer, last.sent, last.received, margin(peer, last.sent, 5) + last.sent / 10);
    for (uint8_t i = 0; i + 1 < peer->points_count; i++) {
        struct span span = span_between(&peer->points[i + 1], &peer->points[i]);

        if (i > 0 && span.first_round < cc->cut_round)
            break;
        if (short_count == i && is_short(peer, span.sent, span.received, margin(peer, span.sent, 5)))
            short_count++;
        if (is_short(peer, span.sent, span.received, margin(peer, span.sent, 2)))
            poor_count++;
        if (span.sent - span.received >= worst.sent - worst.received)
            worst = span;
        sent += span.sent;
        received += span.received;
    }
    if (short_count > 1 || (short_count > 0 && peer->late_count > 0))
        return true;
    sent -= worst.sent;
    return poor_count > 2 && is_short(peer, sent, received - worst.received, margin(peer, sent, 4));
}

static void set_base(struct hd_cc_peer *peer, uint64_t sent, uint64_t received)
{
    peer->base_sent = at_least(sent, 1);
    peer->base_received = at_least(at_least(at_most(received, sent), percent_of(sent, BASE_PERCENT_MIN)), 1);
}

/*
 * The first span of a receiver. At the rate that the config calls safe, what is lost is the path's own loss, though
 * not more than half of it: that would be a very bad guess. At a higher rate we begin with no loss, as a weak guess.
 */
static void start_base(const struct hd_cc_sender *cc, struct hd_cc_peer *peer, const struct span *span)
{
    if (span->sent_bps <= percent_of(cc->rate_start_bps, 125))
        set_base(peer, span->sent, at_least(span->received, span->sent / 2));
    else
        set_base(peer, BASE_GUESSED, BASE_GUESSED);
}

/*
 * The base follows what is seen while the rate is known to be possible. While it is being tried, losses may already be
 * ours; only clearly fewer of them are believed.
 */
static void absorb(const struct hd_cc_sender *cc, struct hd_cc_peer *peer, const struct span *span)
{
    uint64_t most = at_least(BASE_DATAGRAMS, span->sent * BASE_SPANS);
    bool is_trying = cc->phase == HD_CC_CLIMB || (cc->phase == HD_CC_DOUBLE && peer->base_sent > BASE_FIRST);

    if (is_trying && cc->rate_bps < cc->rate_max_bps &&
        span->received <= expected(peer, span->sent) + margin(peer, span->sent, 2))
        return;
    set_base(peer, peer->base_sent + span->sent, peer->base_received + span->received);
    if (peer->base_sent > most)
        set_base(peer, most, scaled(peer->base_received, most, peer->base_sent));
}

/* --- delay --- */

static uint64_t late_us(const struct hd_cc_sender *cc, const struct hd_cc_peer *peer)
{
    uint64_t datagram_us = at_most(cc->datagram_bytes * UINT64_C(1000000) / cc->rate_bps, 50000);

    return 3000 + 4 * datagram_us + 4 * at_most(peer->jitter_us, 10000) + 2 * at_most(peer->usual_us, 5000) +
           at_most(peer->rtt_ns / 8000, 20000);
}

static void rebase_delay(struct hd_cc_peer *peer, uint32_t transit_us, uint64_t now_ns)
{
    peer->delay_base_us = transit_us;
    peer->delay_next_us = transit_us;
    peer->delay_last_us = transit_us;
    peer->delay_window_ns = now_ns;
    peer->late_count = 0;
    peer->foreign_count = 0;
}

/* The clocks of both ends differ; so only differences of transit times mean anything. */
static void note_delay(const struct hd_cc_sender *cc, struct hd_cc_peer *peer, const struct hd_cc_point *point,
                       uint64_t now_ns)
{
    uint32_t transit_us = point->delivery.arrival_us - (uint32_t)(point->mark.sent_ns / 1000);
    int32_t change_us = (int32_t)(transit_us - peer->delay_last_us);
    int32_t above_us;

    if (now_ns - peer->delay_window_ns > delay_window_ns) {
        peer->delay_base_us = peer->delay_next_us;
        peer->delay_next_us = transit_us;
        peer->delay_window_ns = now_ns;
    }
    if ((int32_t)(transit_us - peer->delay_next_us) < 0)
        peer->delay_next_us = transit_us;
    if ((int32_t)(transit_us - peer->delay_base_us) < 0)
        peer->delay_base_us = transit_us;
    above_us = (int32_t)(transit_us - peer->delay_base_us);
    if (above_us > DELAY_US_MAX || change_us > DELAY_US_MAX || change_us < -DELAY_US_MAX) {
        rebase_delay(peer, transit_us, now_ns);
        return;
    }
    peer->delay_last_us = transit_us;
    if ((uint64_t)above_us > late_us(cc, peer)) {
        if (peer->late_count < UINT8_MAX)
            peer->late_count++;
        return;
    }
    peer->late_count = 0;
    peer->foreign_count = 0;
    if (cc->phase == HD_CC_HOLD)
        peer->usual_us = (peer->usual_us * 15 + (uint32_t)above_us) / 16;
    peer->jitter_us = (peer->jitter_us * 7 + (uint32_t)(change_us < 0 ? -change_us : change_us)) / 8;
}

/* Not yet late, perhaps, but more than nothing. */
static bool has_queue(const struct hd_cc_sender *cc, const struct hd_cc_peer *peer)
{
    uint32_t above_us = peer->delay_last_us - peer->delay_base_us;

    return peer->late_count > 0 || above_us * UINT64_C(3) > late_us(cc, peer);
}

/* While the rate doubles there is no time to see it twice. */
static bool is_late(const struct hd_cc_sender *cc, const struct hd_cc_peer *peer)
{
    return peer->late_count >= (cc->phase == HD_CC_DOUBLE ? 1 : LATE_REPORTS);
}

/* --- too much --- */

/* A span that was begun before the reduction, but hardly used the old rate, tells as much as one after it. */
static enum age age_of(const struct hd_cc_sender *cc, const struct span *span)
{
    if (span->last_round < cc->cut_round)
        return BEFORE;
    if (span->first_round >= cc->cut_round || span->sent_bps <= percent_of(cc->rate_bps, 115))
        return AFTER;
    return BETWEEN;
}

/* This receiver takes so much and no more. Only ever lowers the rate. */
static void reduce(struct hd_cc_sender *cc, struct hd_cc_peer *peer, uint64_t capacity_bps, uint64_t percent,
                   uint64_t now_ns)
{
    uint64_t rate_bps = percent_of(capacity_bps, percent);
    bool was_doubling = cc->phase == HD_CC_DOUBLE;

    if (rate_bps >= cc->rate_bps && peer != &cc->peers[0])
        return;
    peer->capacity_bps = capacity_bps;
    set_phase(cc, HD_CC_HOLD, now_ns);
    if (was_doubling) {
        /* What was found in such a hurry is soon looked at again. */
        cc->phase_ns = now_ns - hold_ns;
        cc->phase_round = cc->round - HOLD_ROUNDS + FIRST_HOLD_ROUNDS;
    }
    if (rate_bps < cc->rate_bps) {
        if (rate_bps < cc->rate_bps / 2 && !was_doubling)
            cc->resume_bps = cc->rate_bps;
        cc->cut_round = cc->round;
        hd_cc_sender_change_rate(cc, rate_bps);
    }
    hd_cc_sender_limit_by(cc, peer);
}

/*
 * What went through, as a rate to send at: of what was sent, the share that came (compared with the base); and what
 * came by the receiver's clock, over two spans, for one is sensitive to jitter. The first is too high while a queue
 * still grows, the second while it drains: the lower one is right.
 */
static uint64_t estimate_bps(const struct hd_cc_peer *peer, const struct span *last, const struct span *two)
{
    uint64_t share_bps = scaled(last->sent_bps, at_most(last->received, expected(peer, last->sent)),
                                at_least(expected(peer, last->sent), 1));

    if (two->arrived_bps > 0)
        share_bps = at_most(share_bps, scaled(two->arrived_bps, peer->base_sent, peer->base_received));
    return at_least(share_bps, last->sent_bps / 32);
}

static void cut_for_loss(struct hd_cc_sender *cc, struct hd_cc_peer *peer, const struct span *last,
                         const struct span *two, const struct span *whole, uint64_t now_ns)
{
    enum age age = age_of(cc, last);
    uint64_t through_bps;

    if (age == BETWEEN)
        return;
    if (age == AFTER && peer->loss_cuts_count >= LOSS_CUTS_MAX && !has_queue(cc, peer)) {
        /* Sending less has not helped: so it is not for our sending. */
        peer->loss_cuts_count = 0;
        cc->resume_bps = 0;
        set_base(peer, whole->sent, whole->received);
        peer->dispersion = DISPERSION_ONE;
        set_phase(cc, HD_CC_CLIMB, now_ns);
        cc->steps_count = 3;
        return;
    }
    if (age == AFTER && peer->loss_cuts_count < UINT8_MAX)
        peer->loss_cuts_count++;
    through_bps = estimate_bps(peer, last, two);
    /* Without a queue it may be chance: not too far down at once, and it is tried again. */
    if (has_queue(cc, peer)) {
        cc->doubtful_bps = 0;
    } else {
        through_bps = at_least(through_bps, cc->rate_bps / 2);
        cc->doubtful_bps = at_least(cc->doubtful_bps, cc->rate_bps);
        cc->was_doubling = cc->phase == HD_CC_DOUBLE;
    }
    reduce(cc, peer, through_bps, HOLD_PERCENT, now_ns);
}

/*
 * A queue that is ours grows as long as more is sent than comes out of it, and drains after a reduction. One that does
 * neither is somebody else's, or the path has become longer.
 */
static void cut_for_queue(struct hd_cc_sender *cc, struct hd_cc_peer *peer, const struct span *seen, uint64_t now_ns)
{
    enum age age = age_of(cc, seen);
    uint64_t through_bps = scaled(seen->arrived_bps, peer->base_sent, peer->base_received);

    if (age == BETWEEN || through_bps == 0)
        return;
    if (age == AFTER && through_bps > percent_of(seen->sent_bps, 97)) {
        if (through_bps <= percent_of(seen->sent_bps, 105) && ++peer->foreign_count > LATE_FOREIGN_MAX)
            rebase_delay(peer, peer->delay_last_us, now_ns);
        return;
    }
    cc->doubtful_bps = 0;
    reduce(cc, peer, through_bps, DRAIN_PERCENT, now_ns);
}

/* --- more --- */

static bool has_losses(const struct hd_cc_peer *peer)
{
    return scaled(peer->base_received, 1000, peer->base_sent) < 985;
}

static bool is_dip_due(const struct hd_cc_sender *cc, const struct hd_cc_peer *peer, uint64_t now_ns)
{
    return has_losses(peer) && now_ns - cc->dipped_ns >= dips_apart_ns;
}

static void end_dip(struct hd_cc_sender *cc, struct hd_cc_peer *peer, const struct span *dip, uint64_t now_ns)
{
    uint64_t usual = expected(peer, dip->sent);
    uint64_t rate_bps = cc->resume_bps;

    cc->dipped_ns = now_ns;
    set_phase(cc, HD_CC_CLIMB, now_ns);
    if (dip->received > usual + margin(peer, dip->sent, 2)) {
        /* Less was lost when less was sent: what went through before is all that goes through. */
        set_phase(cc, HD_CC_HOLD, now_ns);
        cc->dipped_ns = now_ns - dips_apart_ns; /* there may be more to find */
        peer->capacity_bps = scaled(rate_bps, usual, dip->received);
        rate_bps = percent_of(peer->capacity_bps, HOLD_PERCENT);
        set_base(peer, dip->sent, dip->received);
    }
    hd_cc_sender_change_rate(cc, rate_bps);
}

/*
 * The rate was reduced for losses without a queue: it may have been a burst of losses. Then what was sent before is
 * tried again, soon the first time, and after each failure only after twice as long.
 */
static bool is_retry_due(const struct hd_cc_sender *cc, uint64_t now_ns)
{
    return cc->round - cc->cut_round >= RETRY_ROUNDS && cc->rate_bps < percent_of(cc->doubtful_bps, 80) &&
           now_ns - cc->retried_ns >= cc->retry_wait_ns;
}

static void retry(struct hd_cc_sender *cc, struct hd_cc_peer *peer, uint64_t now_ns)
{
    cc->retried_ns = now_ns;
    cc->retried_bps = cc->doubtful_bps;
    cc->retry_wait_ns = at_most(at_least(cc->retry_wait_ns * 2, retry_min_ns), retry_max_ns);
    peer->capacity_bps = cc->was_doubling ? 0 : scaled(cc->doubtful_bps, 100, HOLD_PERCENT);
    cc->doubtful_bps = 0;
    set_phase(cc, HD_CC_DOUBLE, now_ns);
}

static void hold(struct hd_cc_sender *cc, struct hd_cc_peer *peer, uint64_t now_ns)
{
    uint64_t full_bps = percent_of(peer->capacity_bps, HOLD_PERCENT);
    uint32_t rounds = cc->round - cc->phase_round;

    if (cc->rate_bps < full_bps) {
        raise_to(cc, full_bps, now_ns); /* the queue has drained */
    } else if (is_retry_due(cc, now_ns)) {
        retry(cc, peer, now_ns);
    } else if (rounds >= DIP_ROUNDS && is_dip_due(cc, peer, now_ns)) {
        set_phase(cc, HD_CC_DIP, now_ns);
        cc->resume_bps = cc->rate_bps;
        cc->cut_round = cc->round; /* what came before has nothing to do with it */
        hd_cc_sender_change_rate(cc, percent_of(cc->rate_bps, DIP_PERCENT));
    } else if (rounds >= HOLD_ROUNDS && now_ns - cc->phase_ns >= hold_ns) {
        set_phase(cc, HD_CC_CLIMB, now_ns);
        if (cc->resume_bps > cc->rate_bps * 2) {
            /* It fell far: was it for the path, or for a burst? Doubling tells at once; tried once. */
            set_phase(cc, HD_CC_DOUBLE, now_ns);
            peer->capacity_bps = 0;
        }
        cc->resume_bps = 0;
    }
}

/*
 * Twice as much, as long as more arrives, too: whatever the base says, what does not grow with the rate is at its
 * limit. Chance may hide that it grew, so it is looked at a few times. What was found before is not run over.
 */
static void speed_up(struct hd_cc_sender *cc, struct hd_cc_peer *peer, const struct span *last, uint64_t now_ns)
{
    uint64_t share_bps = scaled(last->sent_bps, last->received, at_least(last->sent, 1));
    uint64_t full_bps = percent_of(peer->capacity_bps, HOLD_PERCENT);
    uint64_t rate_bps = cc->rate_bps * 2;

    if (last->sent >= GROWTH_DATAGRAMS && share_bps < percent_of(cc->share_bps, GROWTH_PERCENT)) {
        if (++cc->stuck_count >= STUCK_MAX)
            reduce(cc, peer, scaled(share_bps, peer->base_sent, peer->base_received), HOLD_PERCENT, now_ns);
        return;
    }
    cc->share_bps = last->sent >= GROWTH_DATAGRAMS / 2 ? share_bps : 0;
    cc->stuck_count = 0;
    if (full_bps > 0 && rate_bps > full_bps) {
        rate_bps = at_least(full_bps, cc->rate_bps);
        set_phase(cc, HD_CC_CLIMB, now_ns);
    }
    raise_to(cc, rate_bps, now_ns);
}

static void climb(struct hd_cc_sender *cc, uint64_t now_ns)
{
    uint64_t percent = cc->rate_bps < cc->rate_start_bps ? step_percent[STEPS_COUNT - 1]
                                                         : step_percent[cc->steps_count];

    if (cc->steps_count + 1 < STEPS_COUNT)
        cc->steps_count++;
    raise_to(cc, percent_of(cc->rate_bps, 100 + percent), now_ns);
}

/* The limiting receiver is content with what was sent in that span. */
static void go_on(struct hd_cc_sender *cc, struct hd_cc_peer *peer, const struct span *last, const struct span *whole,
                  uint64_t now_ns)
{
    bool is_fresh = last->first_round >= cc->change_round;

    /* The farthest receiver must have had the time to object to the last rise. */
    if (last->sent_bps < percent_of(cc->rate_bps, USED_PERCENT) || now_ns - cc->raised_ns < cc->grtt_ns)
        return;
    if (is_fresh && cc->rate_bps >= cc->retried_bps)
        cc->retry_wait_ns = 0;
    switch (cc->phase) {
    case HD_CC_DOUBLE:
        speed_up(cc, peer, last, now_ns);
        break;
    case HD_CC_HOLD:
        if (is_fresh)
            hold(cc, peer, now_ns);
        break;
    case HD_CC_CLIMB:
        /* The more chance there is in what arrives, the more of it must be seen. */
        if (is_fresh && (!has_losses(peer) || cc->sent_datagrams - cc->raised_datagrams >= STEP_DATAGRAMS))
            climb(cc, now_ns);
        break;
    case HD_CC_DIP:
        if (is_fresh && (whole->sent >= DIP_DATAGRAMS || cc->round - cc->phase_round > HD_CC_POINTS))
            end_dip(cc, peer, whole, now_ns);
        break;
    }
}

/* --- reports --- */

/*
 * Of a receiver without EXT_DELIVERY we know nothing of what arrived: once it has had losses, the rate that it says
 * (TFMCC's) is the most it gets.
 */
static void judge_by_word(struct hd_cc_sender *cc, struct hd_cc_peer *peer, const struct span *last,
                          const struct span *two, uint64_t now_ns)
{
    if (is_late(cc, peer)) {
        cut_for_queue(cc, peer, cc->phase == HD_CC_DOUBLE ? last : two, now_ns);
    } else if (!(peer->flags & HD_CC_START) && peer->rate_bps < cc->rate_bps) {
        reduce(cc, peer, peer->rate_bps, 100, now_ns);
    } else if (peer->late_count == 0 && peer == &cc->peers[0]) {
        go_on(cc, peer, last, last, now_ns);
        if (!(peer->flags & HD_CC_START))
            hd_cc_sender_change_rate(cc, at_most(cc->rate_bps, peer->rate_bps));
    }
}

/* A span in which nothing is wrong enough to be acted upon. If it is a poor one, nothing good is concluded either. */
static void be_content(struct hd_cc_sender *cc, struct hd_cc_peer *peer, const struct span *last,
                       const struct span *whole, uint64_t now_ns)
{
    bool is_poor = is_short(peer, last->sent, last->received, margin(peer, last->sent, 3));

    if (!is_short(peer, last->sent, last->received, margin(peer, last->sent, 5)))
        absorb(cc, peer, last);
    if (is_poor && cc->phase == HD_CC_DOUBLE && last->sent >= GROWTH_DATAGRAMS && ++cc->stuck_count >= STUCK_MAX)
        reduce(cc, peer, estimate_bps(peer, last, last), HOLD_PERCENT, now_ns);
    if (is_poor)
        return;
    if (age_of(cc, last) == AFTER)
        peer->loss_cuts_count = 0;
    if (peer == &cc->peers[0])
        go_on(cc, peer, last, whole, now_ns);
}

static void judge(struct hd_cc_sender *cc, struct hd_cc_peer *peer, const struct hd_cc_point *point, uint64_t now_ns)
{
    struct span last = span_between(&peer->points[0], point);
    struct span two = span_between(&peer->points[peer->points_count > 1], point);
    struct span whole = span_between(oldest_point(cc, peer), point);
    bool is_losing;

    add_point(peer, point);
    note_delay(cc, peer, point, now_ns);
    if (peer->base_sent == 0)
        start_base(cc, peer, &last);
    if (!peer->has_delivery) {
        judge_by_word(cc, peer, &last, &two, now_ns);
        return;
    }
    peer->delivered_bps = last.arrived_bps;
    is_losing = is_lossy(cc, peer);
    if (cc->phase == HD_CC_HOLD && peer->late_count == 0 && age_of(cc, &last) == AFTER)
        note_dispersion(peer, &last);
    if (is_losing) {
        cut_for_loss(cc, peer, &last, &two, &whole, now_ns);
    } else if (is_late(cc, peer)) {
        cut_for_queue(cc, peer, cc->phase == HD_CC_DOUBLE ? &last : &two, now_ns);
    } else if (peer->late_count == 0) {
        be_content(cc, peer, &last, &whole, now_ns);
    }
}

void hd_cc_auto_on_report(struct hd_cc_sender *cc, struct hd_cc_peer *peer, const struct hd_cc_report *report,
                          uint64_t now_ns)
{
    struct hd_cc_point point;

    if (!make_point(cc, peer, report, &point))
        return;
    if (peer->points_count == 0 || !is_credible(peer, &point)) {
        peer->points_count = 0;
        add_point(peer, &point);
        rebase_delay(peer, point.delivery.arrival_us - (uint32_t)(point.mark.sent_ns / 1000), now_ns);
    } else if (point.mark.datagrams - peer->points[0].mark.datagrams >= SPAN_DATAGRAMS_MIN) {
        judge(cc, peer, &point, now_ns);
    }
}

void hd_cc_auto_on_silence(struct hd_cc_sender *cc, uint64_t now_ns)
{
    set_phase(cc, HD_CC_DOUBLE, now_ns);
}

void hd_cc_auto_on_limit_gone(struct hd_cc_sender *cc, uint64_t now_ns)
{
    struct hd_cc_peer *lowest = &cc->peers[0];

    for (uint32_t i = 1; i < cc->peers_count; i++) {
        uint64_t capacity_bps = cc->peers[i].capacity_bps;

        if (capacity_bps > 0 && (lowest->capacity_bps == 0 || capacity_bps < lowest->capacity_bps))
            lowest = &cc->peers[i];
    }
    hd_cc_sender_limit_by(cc, lowest);
    cc->doubtful_bps = 0;
    set_phase(cc, HD_CC_CLIMB, now_ns);
}
