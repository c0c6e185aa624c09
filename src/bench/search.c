/* SPDX-License-Identifier: MIT */
#include <herald/bench.h>

/* Between what passed and what failed: closer than this is found. */
#define CLOSE_ENOUGH 0.05

/* A sender that reaches less than this part of the rate cannot go faster. */
#define REACHED 0.95

/* A host may be held up once; who falls short so often cannot do it. */
enum { SHORTFALLS_MAX = 3, CONFIRMATIONS_MAX = 4 };

void herald_bench_search_init(struct herald_bench_search *search, double start_bps, double least_bps)
{
    *search = (struct herald_bench_search){
        .state = HERALD_BENCH_SEARCH_TRY,
        .rate_bps = start_bps > least_bps ? start_bps : least_bps,
        .least_bps = least_bps,
    };
}

/* The last word has a longer trial: what one of a second bears may fill a queue in three. */
static void confirm(struct herald_bench_search *search)
{
    search->state = HERALD_BENCH_SEARCH_CONFIRM;
    search->rate_bps = search->best_bps;
}

static void seek_on(struct herald_bench_search *search)
{
    if (search->best_bps <= 0) {
        if (search->worst_bps <= search->least_bps)
            search->state = HERALD_BENCH_SEARCH_NOTHING;
        search->rate_bps = search->worst_bps / 2 > search->least_bps ? search->worst_bps / 2 : search->least_bps;
    } else if (search->worst_bps <= 0) {
        search->rate_bps = 2 * search->best_bps;
    } else if (search->worst_bps - search->best_bps <= CLOSE_ENOUGH * search->worst_bps) {
        confirm(search);
    } else {
        search->rate_bps = (search->best_bps + search->worst_bps) / 2;
    }
}

static void confirmed(struct herald_bench_search *search, bool passed)
{
    search->confirmations++;
    if (passed) {
        search->state = HERALD_BENCH_SEARCH_FOUND;
        return;
    }
    search->worst_bps = search->rate_bps;
    search->best_bps = search->rate_bps * (1 - CLOSE_ENOUGH);
    search->sender_limited = false;
    if (search->confirmations < CONFIRMATIONS_MAX && search->best_bps > search->least_bps) {
        confirm(search);
        return;
    }
    /* Not even near the last that passed: begin again below. */
    search->state = HERALD_BENCH_SEARCH_TRY;
    search->confirmations = 0;
    search->best_bps = 0;
    seek_on(search);
}

void herald_bench_search_result(struct herald_bench_search *search, bool passed, double sent_bps)
{
    search->trials++;
    if (search->state == HERALD_BENCH_SEARCH_CONFIRM) {
        confirmed(search, passed);
        return;
    }
    if (search->state != HERALD_BENCH_SEARCH_TRY)
        return;
    if (passed && sent_bps < REACHED * search->rate_bps) {
        search->best_bps = sent_bps > search->best_bps ? sent_bps : search->best_bps;
        if (++search->shortfalls == SHORTFALLS_MAX) {
            search->sender_limited = true;
            confirm(search);
        }
        return;
    }
    search->shortfalls = 0;
    if (!passed) {
        double tried_bps = sent_bps > 0 && sent_bps < search->rate_bps ? sent_bps : search->rate_bps;

        if (search->worst_bps <= 0 || tried_bps < search->worst_bps)
            search->worst_bps = tried_bps;
        seek_on(search);
    } else {
        search->best_bps = search->rate_bps;
        seek_on(search);
    }
}
