/* SPDX-License-Identifier: MIT */
/* herald bench send --find-max: trials, what they show, and who set the limit. */
#include "bench.h"
#include "status.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* Fewer datagrams than this in a trial say nothing about loss. */
#define TRIAL_DATAGRAMS 25

enum { CONFIRM_TIMES = 3, TEXT_BYTES = 512 };

/* What became of a trial. */
struct verdict {
    bool passed;
    bool nobody; /* reported */
    char text[TEXT_BYTES];
    char who[TEXT_BYTES]; /* a failure: whose */
    char why[TEXT_BYTES];
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

static void judge(struct bench_send *send, struct verdict *verdict)
{
    size_t count = herald_bench_sender_peer_count(send->sender);
    size_t finals = 0;
    double worst = 0;

    *verdict = (struct verdict){ .nobody = count == 0 };
    for (size_t i = 0; i < count; i++) {
        struct herald_bench_peer peer;
        double bad;

        herald_bench_sender_peer(send->sender, i, &peer);
        bad = badness(&peer);
        finals += bench_is_whole(&peer);
        if (bad > send->loss_limit && bad > worst) {
            worst = bad;
            blame(verdict, &peer);
        }
    }
    verdict->passed = worst <= 0 && finals > 0 && finals >= (size_t)send->settings->expect;
    if (verdict->passed) {
        snprintf(verdict->text, sizeof(verdict->text), "passed, %zu receiver%s", finals, finals == 1 ? "" : "s");
    } else if (worst > 0) {
        snprintf(verdict->text, sizeof(verdict->text), "failed: %.120s %.300s", verdict->who, verdict->why);
    } else {
        snprintf(verdict->why, sizeof(verdict->why), "only %zu of %lld receivers reported", finals,
                 (long long)(send->settings->expect > 0 ? send->settings->expect : 1));
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

/* @return false if there is no use in going on: interrupted, failed, or nobody is there. */
static bool try_rate(struct bench_send *send, struct herald_bench_search *search, const struct herald_bench_run *plan,
                     struct verdict *verdict)
{
    struct herald_bench_run run = *plan;
    struct herald_bench_sent sent;

    run.rate_pps = 0;
    run.rate_bps = (uint64_t)search->rate_bps;
    if (search->state == HERALD_BENCH_SEARCH_CONFIRM)
        run.duration_ns *= CONFIRM_TIMES;
    if (!bench_send_run(send, &run, true))
        return false;
    judge(send, verdict);
    if (verdict->nobody)
        return false;
    herald_bench_sender_sent(send->sender, &sent);
    if (!verdict->passed && sent.queue_drops > 0)
        blame_queue(send, verdict, sent.queue_drops);
    if (sent.rate_bps < 0.95 * search->rate_bps) {
        char rate[UNITS_TEXT_BYTES];
        size_t length = strlen(verdict->text);

        snprintf(verdict->text + length, sizeof(verdict->text) - length, ", but only %s were sent",
                 rate_format(sent.rate_bps, rate));
    }
    bench_report_trial(send, search, verdict->passed, verdict->text);
    herald_bench_search_result(search, verdict->passed, sent.rate_bps);
    return send->output.write_error == 0;
}

static int conclude(struct bench_send *send, const struct herald_bench_search *search, const struct verdict *last,
                    const struct verdict *limit)
{
    struct herald_error error;

    if (send->failed)
        return STATUS_FAILED;
    if (last->nobody) {
        herald_error_set(&error, -ETIMEDOUT, "no receiver has reported");
        herald_error_advise(&error, "herald bench recv EP on the receiving hosts");
        output_error(&send->output, &error);
        return send->settings->expect > 0 ? STATUS_NOT_EVERYONE : STATUS_NOTHING;
    }
    if (search->state == HERALD_BENCH_SEARCH_FOUND) {
        if (search->sender_limited)
            bench_report_found(send, search, "this host", "it cannot send faster");
        else
            bench_report_found(send, search, limit->who[0] != '\0' ? limit->who : NULL,
                               limit->who[0] != '\0' ? limit->why : NULL);
        return STATUS_DONE;
    }
    if (send->interrupted) {
        char best[UNITS_TEXT_BYTES];

        output_note(&send->output, "interrupted after %u trials; the highest that has passed so far: %s",
                    search->trials, search->best_bps > 0 ? rate_format(search->best_bps, best) : "none");
        return STATUS_NOT_EVERYONE;
    }
    herald_error_set(&error, -ENODATA, "even at the lowest rate %s%s%s", limit->who, limit->who[0] != '\0' ? " " : "",
                     limit->why);
    herald_error_advise(&error, "herald doctor EP, or --loss-limit if some loss is no fault here");
    output_error(&send->output, &error);
    return STATUS_NOT_EVERYONE;
}

int bench_find_max(struct bench_send *send)
{
    struct herald_bench_search search;
    struct herald_bench_run plan;
    struct verdict verdict = { .nobody = false };
    struct verdict limit = { .nobody = false };

    bench_send_plan(send, &plan);
    bench_report_sending(send, &plan);
    herald_bench_search_init(&search, start_bps(send, &plan), least_bps(send, &plan));
    while (search.state == HERALD_BENCH_SEARCH_TRY || search.state == HERALD_BENCH_SEARCH_CONFIRM) {
        if (!try_rate(send, &search, &plan, &verdict))
            break;
        if (!verdict.passed)
            limit = verdict;
    }
    return conclude(send, &search, &verdict, &limit);
}
