/* SPDX-License-Identifier: MIT */
#include "report.h"

#include <stdio.h>

enum { SPARKS = 60, LEVELS = 8, SECONDS_BYTES = 32 };

const char *sim_seconds_text(uint64_t time_ns, char *text)
{
    if (time_ns == SIM_NEVER)
        snprintf(text, SECONDS_BYTES, "-");
    else
        snprintf(text, SECONDS_BYTES, "%.3f s", (double)time_ns / 1e9);
    return text;
}

static void print_times(const struct sim_result *result)
{
    char first[SECONDS_BYTES];
    char median[SECONDS_BYTES];
    char last[SECONDS_BYTES];

    printf("complete        %u of %u receivers: first %s, median %s, last %s\n", result->complete_count,
           result->receivers_count, sim_seconds_text(result->first_ns, first),
           sim_seconds_text(result->median_ns, median), sim_seconds_text(result->last_ns, last));
}

static void print_packets(const struct sim_result *result)
{
    printf("packets sent    %-18s %12s %14s\n", "kind", "packets", "bytes");
    for (int kind = 0; kind < SIM_KINDS; kind++) {
        if (result->tally.packets[kind] > 0)
            printf("                %-18s %12llu %14llu\n", sim_kind_name((enum sim_kind)kind),
                   (unsigned long long)result->tally.packets[kind], (unsigned long long)result->tally.bytes[kind]);
    }
}

static void print_costs(const struct sim_result *result)
{
    double blocks = result->lost_blocks > 0 ? (double)result->lost_blocks : 1.0;

    if (result->source_bytes > 0)
        printf("redundancy      %.4f bytes sent for each byte of %llu\n",
               (double)result->sent_bytes / (double)result->source_bytes, (unsigned long long)result->source_bytes);
    printf("lost            %llu DATA packets, in %llu blocks; %llu full queues, %llu cut\n",
           (unsigned long long)result->tally.lost_packets, (unsigned long long)result->lost_blocks,
           (unsigned long long)result->counts.dropped[SIM_QUEUE_FULL],
           (unsigned long long)result->counts.dropped[SIM_CUT]);
    printf("NACKs           %llu sent, %llu suppressed, %llu reached the sender: %.3f per lost block\n",
           (unsigned long long)result->nacks_sent, (unsigned long long)result->nacks_suppressed,
           (unsigned long long)result->nacks_heard, (double)result->nacks_heard / blocks);
    printf("goodput         %.3f Mbit/s, mean of the receivers\n", (double)result->goodput_bytes_per_s * 8e-6);
}

static double rate_of(const uint64_t *bytes, uint32_t from, uint32_t until, uint64_t bucket_ns, uint32_t shares)
{
    uint64_t sum = 0;

    for (uint32_t i = from; i < until; i++)
        sum += bytes[i];
    return (double)sum * 8e3 / ((double)bucket_ns * (until - from)) / shares;
}

static void print_series(const char *label, const uint64_t *bytes, const struct sim_series *series, uint32_t shares)
{
    static const char *const levels[LEVELS + 1] = { " ", "▁", "▂", "▃", "▄", "▅", "▆", "▇", "█" };
    uint32_t step = (series->count + SPARKS - 1) / SPARKS;
    double most = 0;

    if (step == 0)
        return;
    for (uint32_t i = 0; i + step <= series->count; i += step) {
        double rate = rate_of(bytes, i, i + step, series->bucket_ns, shares);

        most = rate > most ? rate : most;
    }
    printf("%s|", label);
    for (uint32_t i = 0; i + step <= series->count && most > 0; i += step) {
        double rate = rate_of(bytes, i, i + step, series->bucket_ns, shares);
        int level = (int)(rate * LEVELS / most + 0.5);

        fputs(levels[level == 0 && rate > 0 ? 1 : level], stdout);
    }
    printf("| to %.3f Mbit/s, each %.0f ms\n", most, (double)(series->bucket_ns * step) / 1e6);
}

static void print_watched(const struct sim_result *result)
{
    static const char *const reasons[HERALD_NORM_DROP_REASONS] = {
        [HERALD_NORM_DROP_MALFORMED] = "malformed",
        [HERALD_NORM_DROP_NOT_FOR_US] = "not for it",
        [HERALD_NORM_DROP_INSTANCE] = "old instance",
        [HERALD_NORM_DROP_UNSUPPORTED] = "unsupported",
        [HERALD_NORM_DROP_INCONSISTENT] = "inconsistent",
        [HERALD_NORM_DROP_LIMIT] = "limit",
        [HERALD_NORM_DROP_OLD] = "old",
        [HERALD_NORM_DROP_DUPLICATE] = "duplicate",
        [HERALD_NORM_DROP_UNSYNCED] = "unsynced",
    };
    const struct herald_norm_receiver_statistics *watched = &result->watched;

    if (watched->datagrams == 0)
        return;
    printf("watched         %llu datagrams; objects: %llu complete, %llu aborted, %llu refused; now %u senders, "
           "%u objects\n                dropped:",
           (unsigned long long)watched->datagrams, (unsigned long long)watched->objects_complete,
           (unsigned long long)watched->objects_aborted, (unsigned long long)watched->objects_refused, watched->senders,
           watched->objects);
    for (int i = 0; i < HERALD_NORM_DROP_REASONS; i++) {
        if (watched->dropped[i] > 0)
            printf(" %llu %s", (unsigned long long)watched->dropped[i], reasons[i]);
    }
    putchar('\n');
}

void sim_report(const struct sim_result *result)
{
    const struct sim_series *series = &result->tally.series;

    print_times(result);
    print_packets(result);
    print_costs(result);
    print_series("sent            ", series->sent_bytes, series, 1);
    print_series("written         ", series->written_bytes, series, result->receivers_count);
    print_watched(result);
    printf("trace           %016llx, %llu events, %llu deliveries\n", (unsigned long long)result->trace,
           (unsigned long long)result->counts.events, (unsigned long long)result->counts.delivered_packets);
}

void sim_report_failures(const char *name, const struct sim_failures *failures, uint64_t seed, const char *overrides)
{
    for (uint32_t i = 0; i < failures->count && i < SIM_FAILURES_MAX; i++)
        printf("FAILED: %s\n", failures->texts[i]);
    if (failures->count > SIM_FAILURES_MAX)
        printf("FAILED: and %u more\n", failures->count - SIM_FAILURES_MAX);
    if (failures->count > 0)
        printf("again: herald-sim run %s --seed %llu%s\n", name, (unsigned long long)seed, overrides);
}
