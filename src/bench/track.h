/* SPDX-License-Identifier: MIT */
/*
 * What became of the numbered datagrams of a stream: which are missing, came twice, or came too late.
 *
 * A bit for each of the last HD_TRACK_WINDOW numbers tells what has come. A number counts as lost as soon as a higher
 * one has come, and no longer when it comes after all: then it was reordered (RFC 4737: below the next one expected).
 * One number alone cannot make millions lost: what is further above than the window is believed when another one near
 * it has come (as RFC 3550 A.1 does it).
 *
 * Runs of lost numbers ("bursts") are final when they leave the window; those inside are counted when asked for.
 */
#ifndef BENCH_TRACK_H
#define BENCH_TRACK_H

#include <stdbool.h>
#include <stdint.h>

enum { HD_TRACK_WINDOW = 1 << 15, HD_TRACK_WORDS = HD_TRACK_WINDOW / 64 };

/* Nobody sends so many while nothing arrives: such a number is no part of the stream. */
#define HD_TRACK_JUMP_MAX (UINT64_C(1) << 32)

struct hd_track {
    uint64_t first;      /* the first number that counts */
    uint64_t next;       /* above the highest that has come; `first` if none has */
    uint64_t unique;     /* different ones that came */
    uint64_t duplicates; /* that came again */
    uint64_t reordered;  /* that came after a higher one, for the first time */
    uint64_t stale;      /* below the window: came again, or far too late; nobody knows */
    uint64_t strange;    /* before `first`, or far above what can be */
    uint64_t doubtful;   /* so far above all others that another near it must come first; 0: none */
    uint64_t settled;    /* up to here (excluded) bursts are final */
    uint64_t bursts;     /* final */
    uint64_t longest;    /* final */
    uint64_t open;       /* numbers lost just below `settled`: a burst that may go on */
    uint64_t seen[HD_TRACK_WORDS];
};

struct hd_track_bursts {
    uint64_t count;
    uint64_t longest;
};

enum hd_track_verdict {
    HD_TRACK_NEW, /* also if a doubtful one is believed now: `unique` has grown by 2 */
    HD_TRACK_REORDERED,
    HD_TRACK_DUPLICATE,
    HD_TRACK_STALE,
    HD_TRACK_STRANGE,
    HD_TRACK_DOUBTFUL,
};

void hd_track_init(struct hd_track *track, uint64_t first);

/* A datagram of that number has come. */
enum hd_track_verdict hd_track_arrived(struct hd_track *track, uint64_t number);

/* Numbers below `end` were sent: what has not come of them is lost, even if nothing came after it. */
void hd_track_extend(struct hd_track *track, uint64_t end);

/* Numbers from first until before next: what should have come. */
static inline uint64_t hd_track_expected(const struct hd_track *track)
{
    return track->next - track->first;
}

static inline uint64_t hd_track_lost(const struct hd_track *track)
{
    return hd_track_expected(track) - track->unique;
}

/* Runs of lost numbers so far. */
struct hd_track_bursts hd_track_count_bursts(const struct hd_track *track);

#endif
