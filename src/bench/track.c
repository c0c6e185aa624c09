/* SPDX-License-Identifier: MIT */
#include "track.h"

#include <string.h>

static bool is_seen(const struct hd_track *track, uint64_t number)
{
    return (track->seen[number / 64 % HD_TRACK_WORDS] >> number % 64 & 1) != 0;
}

static void set_seen(struct hd_track *track, uint64_t number, bool seen)
{
    uint64_t bit = UINT64_C(1) << number % 64;
    uint64_t *word = &track->seen[number / 64 % HD_TRACK_WORDS];

    *word = seen ? *word | bit : *word & ~bit;
}

/* A burst under way, wherever it is kept. */
struct run {
    uint64_t open;
    struct hd_track_bursts bursts;
};

static void run_lost(struct run *run, uint64_t count)
{
    run->bursts.count += run->open == 0 && count > 0;
    run->open += count;
    if (run->open > run->bursts.longest)
        run->bursts.longest = run->open;
}

static void run_over(struct run *run, const struct hd_track *track, uint64_t from, uint64_t to)
{
    while (from < to) {
        uint64_t rest = to - from;

        /* Whole words of nothing but arrivals are the rule. */
        if (from % 64 == 0 && rest >= 64 && track->seen[from / 64 % HD_TRACK_WORDS] == UINT64_MAX) {
            run->open = 0;
            from += 64;
            continue;
        }
        if (is_seen(track, from))
            run->open = 0;
        else
            run_lost(run, 1);
        from++;
    }
}

void hd_track_init(struct hd_track *track, uint64_t first)
{
    *track = (struct hd_track){ .first = first, .next = first, .settled = first };
}

/* What lies below `end` leaves the window. */
static void settle(struct hd_track *track, uint64_t end)
{
    struct run run = { .open = track->open, .bursts = { .count = track->bursts, .longest = track->longest } };
    uint64_t known = end < track->next ? end : track->next;

    if (end <= track->settled)
        return;
    run_over(&run, track, track->settled, known);
    if (end > known)
        run_lost(&run, end - known);
    track->settled = end;
    track->open = run.open;
    track->bursts = run.bursts.count;
    track->longest = run.bursts.longest;
}

/* Makes `next` the next number, with all between the old one and it lost so far. */
static void advance(struct hd_track *track, uint64_t next)
{
    if (next > HD_TRACK_WINDOW)
        settle(track, next - HD_TRACK_WINDOW);
    if (next - track->next >= HD_TRACK_WINDOW) {
        memset(track->seen, 0, sizeof(track->seen));
    } else {
        for (uint64_t number = track->next; number < next; number++)
            set_seen(track, number, false);
    }
    track->next = next;
}

static void take_next(struct hd_track *track, uint64_t number)
{
    advance(track, number + 1);
    set_seen(track, number, true);
    track->unique++;
}

static void believe(struct hd_track *track)
{
    uint64_t number = track->doubtful;

    track->doubtful = 0;
    if (number >= track->next)
        take_next(track, number);
}

static bool is_near_doubtful(const struct hd_track *track, uint64_t number)
{
    uint64_t distance = number > track->doubtful ? number - track->doubtful : track->doubtful - number;

    return track->doubtful != 0 && distance > 0 && distance < HD_TRACK_WINDOW;
}

enum hd_track_verdict hd_track_arrived(struct hd_track *track, uint64_t number)
{
    if (number < track->first || (number >= track->next && number - track->next > HD_TRACK_JUMP_MAX)) {
        track->strange++;
        return HD_TRACK_STRANGE;
    }
    if (number > track->next && number - track->next > HD_TRACK_WINDOW) {
        if (!is_near_doubtful(track, number)) {
            track->doubtful = number;
            return HD_TRACK_DOUBTFUL;
        }
        believe(track);
    }
    if (number >= track->next) {
        take_next(track, number);
        return HD_TRACK_NEW;
    }
    if (number < track->settled) {
        track->stale++;
        return HD_TRACK_STALE;
    }
    if (is_seen(track, number)) {
        track->duplicates++;
        return HD_TRACK_DUPLICATE;
    }
    set_seen(track, number, true);
    track->unique++;
    track->reordered++;
    return HD_TRACK_REORDERED;
}

void hd_track_extend(struct hd_track *track, uint64_t end)
{
    if (track->doubtful != 0 && track->doubtful < end)
        believe(track);
    if (end > track->next && end - track->next <= HD_TRACK_JUMP_MAX)
        advance(track, end);
}

struct hd_track_bursts hd_track_count_bursts(const struct hd_track *track)
{
    struct run run = { .open = track->open, .bursts = { .count = track->bursts, .longest = track->longest } };

    run_over(&run, track, track->settled, track->next);
    return run.bursts;
}
