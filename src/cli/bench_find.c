/* SPDX-License-Identifier: MIT */
/* herald bench send --find-max: trials, what they show, and who set the limit. */
#include "bench.h"
#include "status.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* Fewer datagrams than this in a trial say nothing about loss. */
#define TRIAL_DATAGRAMS 25

/*
 * Who was silent in so many trials in a row is not overloaded, but gone: the second one was slower. Giving up on
 * somebody costs trials: who comes and goes must not keep the search from its end.
 */
enum { CONFIRM_TIMES = 3, SILENT_TRIALS_MAX = 2, GIVE_UPS_MAX = 8, TEXT_BYTES = 512 };

/* What became of a trial. */
struct verdict {
    bool passed;
    size_t heard;      /* receivers that have reported, */
    size_t unfinished; /* of these, those that have not to the end, */
    size_t silent;     /* and those that should have reported, but did not */
    char text[TEXT_BYTES];
    char who[TEXT_BYTES]; /* a failure: whose */
    char why[TEXT_BYTES];
};

/* A search under way. */
struct hunt {
    struct herald_bench_search search;
    struct verdict verdict; /* of the latest trial */
    struct verdict limit;   /* of the latest one that failed */
    unsigned silent_trials; /* in a row, in which somebody was silent */
    unsigned give_ups;
    bool doubtful;                            /* it fails because somebody ends or is silent: overloaded, or gone */
    struct herald_bench_search search_before; /* when that began, */
    struct verdict limit_before;
};

static void name_peer(const struct herald_bench_peer *peer, char *text, size_t size_bytes)
{
    char address[HERALD_ADDRESS_TEXT_BYTES];

    (void)herald_address_format(&peer->address.address, address, sizeof(address));
    if (peer->host[0] != '\0')
        snprintf(text, size_bytes, "%s (%s)", peer->host, address);
    else
        snprintf(text, size_bytes, "%s", address);
}

static void blame(struct verdict *verdict, const struct herald_bench_peer *peer)
{
    struct figures_record figures;

    name_peer(peer, verdict->who, sizeof(verdict->who));
    if (!bench_is_whole(peer)) {
        snprintf(verdict->why, sizeof(verdict->why), "%s",
                 peer->state == HERALD_BENCH_PEER_FINAL ? "left before the end" : "its last report did not come");
        return;
    }
    bench_fill_figures(&figures, &peer->figures);
    snprintf(verdict->why, sizeof(verdict->why), "lost %s: %s", figures.loss,
             figures.causes != NULL ? figures.causes : "");
}

/* How bad it is: a report that did not come is worse than any loss. */
static double badness(const struct herald_bench_peer *peer)
{
    if (!bench_is_whole(peer))
        return 2;
    return peer->figures.expected > 0 ? (double)peer->figures.lost / (double)peer->figures.expected : 1;
}

/* `everyone`: nobody was given up, so that as many as --expect says must have reported. */
static void judge(struct bench_send *send, bool everyone, struct verdict *verdict)
{
    size_t expect = everyone && send->settings->expect > 0 ? (size_t)send->settings->expect : 1;
    size_t count = herald_bench_sender_peer_count(send->sender);
    size_t finals = 0;
    double worst = 0;

    *verdict = (struct verdict){ .silent = everyone && expect > count ? expect - count : 0 };
    for (size_t i = 0; i < count; i++) {
        struct herald_bench_peer peer;
        double bad;

        herald_bench_sender_peer(send->sender, i, &peer);
        if (peer.state == HERALD_BENCH_PEER_GIVEN_UP)
            continue;
        bad = badness(&peer);
        finals += bench_is_whole(&peer);
        verdict->heard += bench_is_heard(&peer);
        verdict->unfinished += bench_is_heard(&peer) && !bench_is_whole(&peer);
        verdict->silent += peer.state == HERALD_BENCH_PEER_SILENT;
        if (bad > send->loss_limit && bad > worst) {
            worst = bad;
            blame(verdict, &peer);
        }
    }
    verdict->passed = worst <= 0 && finals >= expect;
    if (verdict->passed) {
        snprintf(verdict->text, sizeof(verdict->text), "passed, %zu receiver%s", finals, finals == 1 ? "" : "s");
    } else if (worst > 0) {
        snprintf(verdict->text, sizeof(verdict->text), "failed: %.120s %.300s", verdict->who, verdict->why);
    } else {
        snprintf(verdict->why, sizeof(verdict->why), "only %zu of %zu receivers reported", finals, expect);
        snprintf(verdict->text, sizeof(verdict->text), "failed: %.300s", verdict->why);
    }
}

static double start_bps(const struct bench_send *send, const struct herald_bench_run *run)
{
    if (run->rate_pps > 0)
        return (double)run->rate_pps * 8 * (double)herald_bench_sender_size_bytes(send->sender);
    return run->rate_bps > 0 ? (double)run->rate_bps : 1e9; /* "max": somewhere high */
}

/* The rate at which a trial has as many datagrams as it must have. */
static double least_bps(const struct bench_send *send, const struct herald_bench_run *run)
{
    double size_bits = 8 * (double)herald_bench_sender_size_bytes(send->sender);

    return TRIAL_DATAGRAMS * size_bits / ((double)run->duration_ns / 1e9);
}

/* A receiver cannot know that it was not the network. */
static void blame_queue(const struct bench_send *send, struct verdict *verdict, uint64_t drops)
{
    snprintf(verdict->who, sizeof(verdict->who), "this host");
    snprintf(verdict->why, sizeof(verdict->why), "dropped %llu packet%s in the queue of %s", (unsigned long long)drops,
             drops == 1 ? "" : "s", herald_bench_sender_facts(send->sender)->interface.name);
    snprintf(verdict->text, sizeof(verdict->text), "failed: %.120s %.300s", verdict->who, verdict->why);
}

static void tell_gone(struct bench_send *send, size_t count)
{
    char name[TEXT_BYTES] = "";
    struct herald_error error;

    for (size_t i = 0; count == 1 && i < herald_bench_sender_peer_count(send->sender); i++) {
        struct herald_bench_peer peer;

        herald_bench_sender_peer(send->sender, i, &peer);
        if (peer.state == HERALD_BENCH_PEER_SILENT)
            name_peer(&peer, name, sizeof(name));
    }
    if (name[0] == '\0')
        snprintf(name, sizeof(name), "%zu receiver%s", count, count == 1 ? "" : "s");
    herald_error_set(&error, -ETIMEDOUT, "nothing was heard of %.120s in %d trials: the search goes on without", name,
                     (int)SILENT_TRIALS_MAX);
    herald_error_advise(&error, "herald bench recv EP there, and the search again");
    output_warning(&send->output, &error);
}

/* Gives up who is gone. The search goes on as if the trials that failed for that had not been made. */
static void give_up(struct bench_send *send, struct hunt *hunt)
{
    uint32_t trials = hunt->search.trials + 1;

    tell_gone(send, hunt->verdict.silent);
    herald_bench_sender_give_up(send->sender);
    hunt->give_ups++;
    hunt->silent_trials = 0;
    hunt->doubtful = false;
    hunt->search = hunt->search_before;
    hunt->search.trials = trials;
    hunt->limit = hunt->limit_before;
}

/* Draws the conclusion from a trial. @return false if there is no use in going on. */
static bool take_verdict(struct bench_send *send, struct hunt *hunt, double sent_bps)
{
    const struct verdict *verdict = &hunt->verdict;

    if (!hunt->doubtful) {
        hunt->search_before = hunt->search;
        hunt->limit_before = hunt->limit;
    }
    hunt->doubtful = verdict->unfinished + verdict->silent > 0;
    hunt->silent_trials = verdict->silent > 0 ? hunt->silent_trials + 1 : 0;
    if (hunt->silent_trials >= SILENT_TRIALS_MAX && hunt->give_ups < GIVE_UPS_MAX) {
        if (verdict->heard > 0)
            give_up(send, hunt);
        return verdict->heard > 0;
    }
    if (!verdict->passed)
        hunt->limit = *verdict;
    herald_bench_search_result(&hunt->search, verdict->passed, sent_bps);
    return true;
}

/* @return false if there is no use in going on: interrupted, failed, or nobody is there. */
static bool try_rate(struct bench_send *send, struct hunt *hunt, const struct herald_bench_run *plan)
{
    struct verdict *verdict = &hunt->verdict;
    struct herald_bench_run run = *plan;
    struct herald_bench_sent sent;

    run.rate_pps = 0;
    run.rate_bps = (uint64_t)hunt->search.rate_bps;
    if (hunt->search.state == HERALD_BENCH_SEARCH_CONFIRM)
        run.duration_ns *= CONFIRM_TIMES;
    if (!bench_send_run(send, &run, true))
        return false;
    judge(send, hunt->give_ups == 0, verdict);
    if (herald_bench_sender_peer_count(send->sender) == 0)
        return false;
    herald_bench_sender_sent(send->sender, &sent);
    if (!verdict->passed && sent.queue_drops > 0)
        blame_queue(send, verdict, sent.queue_drops);
    if (sent.rate_bps < 0.95 * hunt->search.rate_bps) {
        char rate[UNITS_TEXT_BYTES];
        size_t length = strlen(verdict->text);

        snprintf(verdict->text + length, sizeof(verdict->text) - length, ", but only %s were sent",
                 rate_format(sent.rate_bps, rate));
    }
    bench_report_trial(send, &hunt->search, verdict->passed, verdict->text);
    return take_verdict(send, hunt, sent.rate_bps) && send->output.write_error == 0;
}

/* Nobody was there, or is any more. */
static int conclude_unheard(struct bench_send *send)
{
    bool ever = herald_bench_sender_peer_count(send->sender) > 0;
    struct herald_error error;

    herald_error_set(&error, -ETIMEDOUT, ever ? "no receiver reports any more" : "no receiver has reported");
    herald_error_advise(&error, "herald bench recv EP on the receiving hosts");
    output_error(&send->output, &error);
    return ever || send->settings->expect > 0 ? STATUS_NOT_EVERYONE : STATUS_NOTHING;
}

static int conclude_found(struct bench_send *send, const struct hunt *hunt)
{
    const struct verdict *limit = &hunt->limit;

    if (hunt->search.sender_limited)
        bench_report_found(send, &hunt->search, "this host", "it cannot send faster");
    else
        bench_report_found(send, &hunt->search, limit->who[0] != '\0' ? limit->who : NULL,
                           limit->who[0] != '\0' ? limit->why : NULL);
    return hunt->give_ups > 0 ? STATUS_NOT_EVERYONE : STATUS_DONE;
}

static int conclude(struct bench_send *send, const struct hunt *hunt)
{
    const struct herald_bench_search *search = &hunt->search;
    const struct verdict *limit = &hunt->limit;
    struct herald_error error;

    if (send->failed || send->output.write_error != 0)
        return STATUS_FAILED;
    if (search->state == HERALD_BENCH_SEARCH_FOUND)
        return conclude_found(send, hunt);
    if (send->interrupted) {
        char best[UNITS_TEXT_BYTES];

        output_note(&send->output, "interrupted after %u trials; the highest that has passed so far: %s",
                    search->trials, search->best_bps > 0 ? rate_format(search->best_bps, best) : "none");
        return STATUS_NOT_EVERYONE;
    }
    if (hunt->verdict.heard == 0)
        return conclude_unheard(send);
    herald_error_set(&error, -ENODATA, "even at the lowest rate %s%s%s", limit->who, limit->who[0] != '\0' ? " " : "",
                     limit->why);
    herald_error_advise(&error, "herald doctor EP, or --loss-limit if some loss is no fault here");
    output_error(&send->output, &error);
    return STATUS_NOT_EVERYONE;
}

int bench_find_max(struct bench_send *send)
{
    struct hunt hunt = { .give_ups = 0 };
    struct herald_bench_run plan;

    bench_send_plan(send, &plan);
    bench_report_sending(send, &plan);
    herald_bench_search_init(&hunt.search, start_bps(send, &plan), least_bps(send, &plan));
    while (hunt.search.state == HERALD_BENCH_SEARCH_TRY || hunt.search.state == HERALD_BENCH_SEARCH_CONFIRM)
        if (!try_rate(send, &hunt, &plan))
            break;
    return conclude(send, &hunt);
}
