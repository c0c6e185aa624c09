/* SPDX-License-Identifier: MIT */
#include "cc_flow.h"

enum {
    WINDOW_START_BYTES = 256 << 10,
    WINDOW_MIN_BYTES = 64 << 10, /* what fits the smallest usual receive buffer: net.core.rmem_default, halved */
    PROBES_PER_WINDOW = 4,
    SPAN_DATAGRAMS_MIN = 128, /* fewer do not tell: of 16, chance takes 2 soon, where 5% are lost */
    MUCH_PART = 8,            /* of what was sent: losing more is no chance */
    LITTLE_PART = 64,
    SHRINK_PERCENT = 70,
    GROWTH_PART = 16, /* of what was taken, once it was too much */
    AGAIN_COUNT_MAX = 5,
};

/* A process that has to wait for its turn on a busy host answers late; and who is overrun misses probes, too. */
#define SILENCE_NS UINT64_C(1000000000)

/* An answer is late after two round trips, but not so soon, and then after twice as long each time, up to this. */
#define AGAIN_MIN_NS UINT64_C(1000000)
#define AGAIN_MAX_NS UINT64_C(20000000)

void hd_cc_flow_init(struct hd_cc_sender *cc, uint32_t window_bytes_max)
{
    uint32_t least = window_bytes_max < WINDOW_START_BYTES ? window_bytes_max : WINDOW_START_BYTES;

    cc->flow = (struct hd_cc_flow){ .window_bytes_max = window_bytes_max, .window_bytes = least, .is_doubling = true };
}

bool hd_cc_flow_wants_probe(const struct hd_cc_sender *cc)
{
    const struct hd_cc_mark *last = &cc->marks[(cc->round - 1) % HD_CC_PROBES];

    return cc->flow.window_bytes_max > 0 && cc->peers_count > 0 &&
           cc->sent_bytes - last->bytes >= cc->flow.window_bytes / PROBES_PER_WINDOW;
}

static bool is_waited_for(const struct hd_cc_peer *peer, uint64_t now_ns)
{
    return peer->has_taken && now_ns < peer->taken_ns + SILENCE_NS;
}

/* Nobody has said anything yet: the first probe is still to be answered, if somebody is there. */
static uint64_t first_answer_until_ns(struct hd_cc_sender *cc, uint64_t now_ns)
{
    if (cc->flow.begun_ns == 0)
        cc->flow.begun_ns = now_ns;
    if (cc->is_heard || cc->sent_bytes < cc->flow.window_bytes || now_ns >= cc->flow.begun_ns + SILENCE_NS)
        return 0;
    return cc->flow.begun_ns + SILENCE_NS;
}

bool hd_cc_flow_is_open(struct hd_cc_sender *cc, uint64_t now_ns, uint64_t *ret_until_ns)
{
    uint64_t until_ns;

    if (cc->flow.window_bytes_max == 0)
        return true;
    until_ns = first_answer_until_ns(cc, now_ns);
    for (uint32_t i = 0; i < cc->peers_count; i++) {
        const struct hd_cc_peer *peer = &cc->peers[i];

        if (is_waited_for(peer, now_ns) && cc->sent_bytes - peer->taken.bytes >= cc->flow.window_bytes &&
            peer->taken_ns + SILENCE_NS > until_ns)
            until_ns = peer->taken_ns + SILENCE_NS;
    }
    if (until_ns == 0)
        return true;
    cc->flow.was_full = true;
    *ret_until_ns = until_ns;
    return false;
}

bool hd_cc_flow_asks_again(struct hd_cc_sender *cc, uint64_t now_ns, uint64_t *ret_next_ns)
{
    const struct hd_cc_mark *last = &cc->marks[(cc->round - 1) % HD_CC_PROBES];
    uint64_t wait_ns = 2 * cc->grtt_ns > AGAIN_MIN_NS ? 2 * cc->grtt_ns : AGAIN_MIN_NS;

    wait_ns <<= cc->flow.again_count;
    *ret_next_ns = last->sent_ns + (wait_ns < AGAIN_MAX_NS ? wait_ns : AGAIN_MAX_NS);
    if (cc->peers_count == 0) /* nobody would answer at once */
        *ret_next_ns = HERALD_NEVER;
    if (now_ns < *ret_next_ns)
        return false;
    if (cc->flow.again_count < AGAIN_COUNT_MAX)
        cc->flow.again_count++;
    return true;
}

static void shrink(struct hd_cc_sender *cc)
{
    uint32_t least = cc->flow.window_bytes_max < WINDOW_MIN_BYTES ? cc->flow.window_bytes_max : WINDOW_MIN_BYTES;

    cc->flow.window_bytes = (uint32_t)((uint64_t)cc->flow.window_bytes * SHRINK_PERCENT / 100);
    if (cc->flow.window_bytes < least)
        cc->flow.window_bytes = least;
    cc->flow.cut_round = cc->round; /* what is on its way was sent before */
    cc->flow.is_doubling = false;
}

/* Whether all others that are waited for have answered that probe, or a later one. */
static bool is_last(const struct hd_cc_sender *cc, const struct hd_cc_peer *peer, const struct hd_cc_mark *mark,
                    uint64_t now_ns)
{
    for (uint32_t i = 0; i < cc->peers_count; i++) {
        const struct hd_cc_peer *other = &cc->peers[i];

        if (other != peer && is_waited_for(other, now_ns) && other->taken.bytes < mark->bytes)
            return false;
    }
    return true;
}

/* It was too small if it was what held the sender back. */
static void grow(struct hd_cc_sender *cc, uint64_t taken_bytes)
{
    uint64_t window_bytes = cc->flow.window_bytes;

    if (!cc->flow.was_full)
        return;
    window_bytes += cc->flow.is_doubling ? taken_bytes : taken_bytes / GROWTH_PART;
    if (window_bytes > cc->flow.window_bytes_max)
        window_bytes = cc->flow.window_bytes_max;
    cc->flow.window_bytes = (uint32_t)window_bytes;
    cc->flow.was_full = false;
}

/* Without what the path loses by itself, as far as the automatic rate has found that out. */
static uint64_t lost_by_us(const struct hd_cc_peer *peer, uint64_t sent, uint64_t lost)
{
    uint64_t usual = peer->base_sent > 0 ? sent * (peer->base_sent - peer->base_received) / peer->base_sent : 0;

    return lost > usual ? lost - usual : 0;
}

void hd_cc_flow_on_report(struct hd_cc_sender *cc, struct hd_cc_peer *peer, const struct hd_cc_report *report,
                          uint64_t now_ns)
{
    const struct hd_cc_mark *mark = hd_cc_sender_find_mark(cc, report->sequence);
    uint32_t came = report->delivery.received_datagrams - peer->taken_datagrams;
    uint64_t sent;

    if (mark == NULL || !report->has_delivery || (peer->has_taken && mark->round <= peer->taken.round))
        return;
    peer->taken_ns = now_ns;
    cc->flow.again_count = 0;
    sent = mark->datagrams - peer->taken.datagrams;
    if (peer->has_taken && sent < SPAN_DATAGRAMS_MIN) {
        peer->taken.bytes = mark->bytes; /* the next answer tells of both spans */
        peer->taken.round = mark->round;
        return;
    }
    if (peer->has_taken && came <= sent && peer->taken.round >= cc->flow.cut_round) {
        uint64_t lost = lost_by_us(peer, sent, sent - came);

        if (lost > sent / MUCH_PART)
            shrink(cc);
        else if (lost <= sent / LITTLE_PART && is_last(cc, peer, mark, now_ns))
            grow(cc, mark->bytes - peer->taken.bytes);
    }
    peer->has_taken = true;
    peer->taken = *mark;
    peer->taken_datagrams = report->delivery.received_datagrams;
}
