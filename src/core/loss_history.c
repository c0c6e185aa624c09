/* SPDX-License-Identifier: MIT */
#include "loss_history.h"

#include <string.h>

void hd_loss_history_init(struct hd_loss_history *history)
{
    *history = (struct hd_loss_history){ 0 };
}

/* Packets from `packet` on are lost, as is known now. They begin a loss event, or belong to the last. */
static void lose(struct hd_loss_history *history, uint32_t packet, uint32_t count, uint64_t now_ns)
{
    history->lost_datagrams += count;
    if (history->intervals_count > 0 && now_ns - history->event_ns <= history->rtt_ns)
        return;
    memmove(history->intervals + 1, history->intervals, sizeof history->intervals - sizeof history->intervals[0]);
    history->intervals[0] = packet - history->event_packet;
    if (history->intervals[0] == 0)
        history->intervals[0] = 1;
    history->has_new_first |= history->intervals_count == 0;
    if (history->intervals_count < HD_LOSS_INTERVALS)
        history->intervals_count++;
    history->event_ns = now_ns;
    history->event_packet = packet;
}

static unsigned oldest(uint64_t bits)
{
    return 63 - (unsigned)__builtin_clzll(bits);
}

/* What three packets have overtaken is lost, the oldest first. */
static void resolve(struct hd_loss_history *history, uint64_t now_ns)
{
    while (history->unresolved) {
        unsigned age = oldest(history->unresolved);
        uint64_t later = (UINT64_C(1) << age) - 1;

        if (age - (unsigned)__builtin_popcountll(history->missing & later) < HD_LOSS_REORDER)
            return;
        history->unresolved &= later;
        lose(history, history->highest - age, 1, now_ns);
    }
}

/* The new packet is `ahead` (1 .. HD_LOSS_JUMP_MAX) after the highest. */
static void advance(struct hd_loss_history *history, uint32_t ahead, uint64_t now_ns)
{
    uint64_t skipped = 0;

    if (history->unresolved == 0)
        history->missing = 0;
    while (history->unresolved && oldest(history->unresolved) + ahead >= HD_LOSS_WINDOW) {
        unsigned age = oldest(history->unresolved);

        history->unresolved &= ~(UINT64_C(1) << age);
        lose(history, history->highest - age, 1, now_ns);
    }
    if (ahead > HD_LOSS_WINDOW)
        lose(history, history->highest + 1, ahead - HD_LOSS_WINDOW, now_ns);
    history->highest += ahead;
    if (ahead >= HD_LOSS_WINDOW) {
        skipped = ~UINT64_C(1);
        history->missing = 0;
    } else {
        skipped = (UINT64_C(1) << ahead) - 2;
        history->missing <<= ahead;
        history->unresolved <<= ahead;
    }
    history->missing |= skipped;
    history->unresolved |= skipped;
    resolve(history, now_ns);
}

/* What was not heard is nobody's loss: the open interval goes on at the other side. */
static void jump(struct hd_loss_history *history, uint16_t sequence)
{
    uint32_t open_packets = history->highest - history->event_packet;

    history->highest += (uint16_t)(sequence - (uint16_t)history->highest);
    history->event_packet = history->highest - open_packets - 1;
    history->missing = 0;
    history->unresolved = 0;
}

void hd_loss_history_on_other(struct hd_loss_history *history, uint16_t sequence, uint64_t now_ns)
{
    int ahead = (int16_t)(uint16_t)(sequence - (uint16_t)history->highest);

    if (!history->is_started) {
        history->is_started = true;
        history->highest = sequence;
        history->event_packet = sequence;
    } else if (ahead > HD_LOSS_JUMP_MAX || ahead < -HD_LOSS_JUMP_MAX) {
        jump(history, sequence);
    } else if (ahead > 0) {
        advance(history, (uint32_t)ahead, now_ns);
    } else if (-ahead < HD_LOSS_WINDOW) {
        uint64_t late = UINT64_C(1) << -ahead;

        history->missing &= ~late;
        history->unresolved &= ~late;
        resolve(history, now_ns);
    }
}

void hd_loss_history_seed(struct hd_loss_history *history, uint32_t interval_packets)
{
    history->has_new_first = false;
    if (history->intervals_count > 0)
        history->intervals[history->intervals_count - 1] = interval_packets;
}

uint32_t hd_loss_history_rate(const struct hd_loss_history *history)
{
    /* RFC 5348 section 5.4: 1, 1, 1, 1, 0.8, 0.6, 0.4, 0.2, five times */
    static const uint8_t weights[HD_LOSS_INTERVALS] = { 5, 5, 5, 5, 4, 3, 2, 1 };
    uint64_t open_packets = (uint64_t)(history->highest - history->event_packet) + 1;
    uint64_t with_open = open_packets * weights[0];
    uint64_t without_open = 0;
    uint64_t weight = 0;
    uint64_t greater;

    if (history->intervals_count == 0)
        return 0;
    for (int i = 0; i < history->intervals_count; i++) {
        without_open += (uint64_t)history->intervals[i] * weights[i];
        if (i + 1 < history->intervals_count)
            with_open += (uint64_t)history->intervals[i] * weights[i + 1];
        weight += weights[i];
    }
    greater = with_open > without_open ? with_open : without_open;
    greater = weight * UINT32_MAX / greater;
    return greater > 0 ? (uint32_t)(greater < UINT32_MAX ? greater : UINT32_MAX) : 1;
}
