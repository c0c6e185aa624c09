/* SPDX-License-Identifier: MIT */
#include "listen.h"

#include "joins.h"
#include "losses.h"
#include "units.h"

#include <stdlib.h>
#include <string.h>

enum { INTERFACES_SHOWN = 16, ENDPOINTS_SHOWN = 3 };

/* ---- the first line -------------------------------------------------------------------------- */

struct start_record {
    struct list endpoints;
    struct list interfaces;
    uint64_t memberships;
    const char *answer; /* NULL: none */
    const char *program;
    uint64_t buffer_bytes;
    uint64_t buffer_asked_bytes;
    const char *clamped; /* NULL when the buffer is as asked */
};

#define START(key, kind, member, before, after)                   \
 {                                                                \
  key, kind, offsetof(struct start_record, member), before, after \
 }

static const struct field start_fields[] = {
    START("endpoints", FIELD_LIST, endpoints, "listening to ", ""),
    START("interfaces", FIELD_LIST, interfaces, " on ", ""),
    START("memberships", FIELD_NUMBER, memberships, NULL, NULL),
    START("answer", FIELD_TEXT, answer, "; answering \"", "\""),
    START("program", FIELD_TEXT, program, "; running ", ""),
    START("receive_buffer", FIELD_SIZE, buffer_bytes, NULL, NULL),
    START("receive_buffer_asked", FIELD_SIZE, buffer_asked_bytes, NULL, NULL),
    START("receive_buffer_note", FIELD_TEXT, clamped, "; ", ""),
    { NULL, FIELD_TEXT, 0, NULL, NULL },
};

/* Texts of equal room one behind the other, and pointers to them. Without memory there are none. */
struct texts {
    char *room;
    const char **items;
    size_t count;
};

static char *allocate_texts(struct texts *texts, size_t count, size_t each_bytes)
{
    *texts = (struct texts){ .room = calloc(count + 1, each_bytes), .items = calloc(count + 1, sizeof(char *)) };
    if (texts->room == NULL || texts->items == NULL)
        return NULL;
    for (texts->count = 0; texts->count < count; texts->count++)
        texts->items[texts->count] = texts->room + texts->count * each_bytes;
    return texts->room;
}

static void release_texts(struct texts *texts)
{
    free(texts->room);
    free(texts->items);
}

static void collect_endpoints(const struct listener *listener, struct texts *texts)
{
    char *room = allocate_texts(texts, listener->endpoint_count, HERALD_ENDPOINT_TEXT_BYTES);

    for (size_t i = 0; i < texts->count; i++)
        herald_endpoint_format(&listener->endpoints[i], room + i * HERALD_ENDPOINT_TEXT_BYTES,
                               HERALD_ENDPOINT_TEXT_BYTES);
}

static void collect_interfaces(const struct listener *listener, struct texts *texts)
{
    size_t count = herald_receiver_interfaces(listener->receiver, NULL, 0);
    char *room = allocate_texts(texts, count, HERALD_INTERFACE_NAME_BYTES);

    if (room != NULL)
        (void)herald_receiver_interfaces(listener->receiver, (char(*)[HERALD_INTERFACE_NAME_BYTES])room, count);
}

/* With -v: what stands behind the first line. */
static void note_start(struct listener *listener, const struct herald_receiver_stats *stats)
{
    char granted[UNITS_TEXT_BYTES];

    if (listener->messages.verbose)
        output_note(
            &listener->messages, "memberships: %u, interfaces: %u, sockets: %u, each with a receive buffer of %s",
            stats->memberships, stats->interfaces, stats->sockets, size_format(stats->receive_buffer_bytes, granted));
}

/* With -v: what stands behind the summary. */
static void note_end(struct listener *listener, const struct herald_receiver_stats *stats)
{
    if (listener->messages.verbose)
        output_note(&listener->messages,
                    "%llu datagrams came in %llu packets (UDP GRO); %llu were not for a joined group; %llu answers "
                    "withheld, %llu failed",
                    (unsigned long long)stats->datagrams, (unsigned long long)stats->runs,
                    (unsigned long long)stats->strays, (unsigned long long)listener->answers.withheld,
                    (unsigned long long)listener->answers.failed);
}

void listen_report_start(struct listener *listener)
{
    const struct listen_settings *settings = listener->settings;
    struct herald_receiver_stats stats;
    struct texts endpoints;
    struct texts interfaces;
    char clamped[UNITS_NOTE_BYTES];
    struct start_record record;

    herald_receiver_stats(listener->receiver, &stats);
    collect_endpoints(listener, &endpoints);
    collect_interfaces(listener, &interfaces);
    record = (struct start_record){
        .endpoints = { endpoints.items, endpoints.count, ENDPOINTS_SHOWN, NULL },
        .interfaces = { interfaces.items, interfaces.count, INTERFACES_SHOWN, "no interface yet" },
        .memberships = stats.memberships,
        .answer = listener->answers.enabled ? listener->answers.text : NULL,
        .program = settings->exec != NULL ? settings->exec : settings->reply_exec,
        .buffer_bytes = stats.receive_buffer_bytes,
        .buffer_asked_bytes = stats.receive_buffer_asked_bytes,
    };
    if (stats.sockets > 0)
        record.clamped = buffer_note_format(stats.receive_buffer_bytes, stats.receive_buffer_asked_bytes, clamped);
    output_record(&listener->messages, OUTPUT_MESSAGE, "listening", start_fields, &record);
    note_start(listener, &stats);
    release_texts(&endpoints);
    release_texts(&interfaces);
}

/* ---- what happens to the memberships --------------------------------------------------------- */

void listen_report_events(struct listener *listener)
{
    struct herald_receiver_event event;

    while (herald_receiver_next_event(listener->receiver, &event) > 0)
        joins_report(&listener->messages, &event);
}

/* ---- losses ---------------------------------------------------------------------------------- */

/*
 * Plain datagrams have no sequence numbers: only what the kernel has counted is known. What may have been somebody
 * else's is no news at each interval; and if nothing came at all, more is said of it.
 */
static void report_losses(struct listener *listener, herald_loss *loss, bool with_suspicions)
{
    struct herald_loss_report report;

    if (herald_loss_read(loss, HERALD_LOSS_UNKNOWN, &report) == 0 && (report.lost > 0 || with_suspicions))
        losses_report(&listener->messages, &report);
}

/* ---- statistics ------------------------------------------------------------------------------ */

struct stats_record {
    int64_t interval_ns;
    uint64_t datagrams;
    uint64_t datagrams_per_second;
    double rate_bps;
    uint64_t sources;
    const char *gaps;
    uint64_t duplicates;
    uint64_t kernel_drops;
    uint64_t strays;
    uint64_t runs;
};

#define STATS(key, kind, member, before, after)                   \
 {                                                                \
  key, kind, offsetof(struct stats_record, member), before, after \
 }

enum { STATS_DROPS = 7, SUMMARY_DROPS = 6 }; /* rows that say "at least" when there is something to say */

static const struct field stats_fields[] = {
    STATS("interval", FIELD_DURATION, interval_ns, "", ": "),
    STATS("datagrams", FIELD_NUMBER, datagrams, NULL, NULL),
    STATS("datagrams_per_second", FIELD_NUMBER, datagrams_per_second, "", " datagrams/s"),
    STATS("rate", FIELD_RATE, rate_bps, ", ", ""),
    STATS("sources", FIELD_NUMBER, sources, ", sources ", ""),
    STATS("gaps", FIELD_TEXT, gaps, ", gaps ", ""),
    STATS("duplicates", FIELD_NUMBER, duplicates, ", duplicates ", ""),
    [STATS_DROPS] = STATS("kernel_drops", FIELD_NUMBER, kernel_drops, ", dropped by the kernel ", ""),
    STATS("strays", FIELD_NUMBER, strays, NULL, NULL),
    STATS("runs", FIELD_NUMBER, runs, NULL, NULL),
    { NULL, FIELD_TEXT, 0, NULL, NULL },
};

void listen_report_stats(struct listener *listener, uint64_t now_ns)
{
    const struct herald_receiver_stats *last = &listener->stats_last;
    struct field fields[sizeof(stats_fields) / sizeof(stats_fields[0])];
    struct herald_receiver_stats stats;
    uint64_t interval_ns = now_ns - listener->stats_last_ns;
    double seconds = (double)interval_ns / 1e9;
    struct stats_record record;

    herald_receiver_stats(listener->receiver, &stats);
    if (seconds <= 0)
        return;
    record = (struct stats_record){
        .interval_ns = (int64_t)interval_ns,
        .datagrams = stats.datagrams - last->datagrams,
        .datagrams_per_second = (uint64_t)((double)(stats.datagrams - last->datagrams) / seconds + 0.5),
        .rate_bps = (double)(stats.bytes - last->bytes) * 8 / seconds,
        .sources = listener->sources.seen,
        .gaps = "unknown", /* plain datagrams have no sequence numbers */
        .duplicates = stats.duplicates - last->duplicates,
        .kernel_drops = stats.kernel_drops - last->kernel_drops,
        .strays = stats.strays - last->strays,
        .runs = stats.runs - last->runs,
    };
    memcpy(fields, stats_fields, sizeof(fields));
    if (record.kernel_drops > 0)
        fields[STATS_DROPS].before = ", dropped by the kernel at least ";
    output_record(&listener->messages, OUTPUT_MESSAGE, "stats", fields, &record);
    report_losses(listener, listener->interval_loss, false);
    (void)herald_loss_restart(listener->interval_loss);
    listener->stats_last = stats;
    listener->stats_last_ns = now_ns;
}

/* ---- the end --------------------------------------------------------------------------------- */

struct summary_record {
    uint64_t datagrams;
    uint64_t bytes;
    uint64_t sources;
    int64_t first_ns;
    int64_t elapsed_ns;
    uint64_t answers;
    uint64_t answers_withheld;
    uint64_t answers_failed;
    int64_t pings; /* -1: none */
    uint64_t duplicates;
    uint64_t kernel_drops;
    uint64_t strays;
    const char *drops_note;
    int64_t not_run; /* -1: no program was to be run */
    int64_t printed; /* -1: all of them, or none was to be */
};

#define SUMMARY(key, kind, member, before, after)                   \
 {                                                                  \
  key, kind, offsetof(struct summary_record, member), before, after \
 }

static const struct field summary_fields[] = {
    SUMMARY("datagrams", FIELD_NUMBER, datagrams, "", " datagram(s)"),
    SUMMARY("payload", FIELD_SIZE, bytes, ", ", ""),
    SUMMARY("sources", FIELD_NUMBER, sources, " from ", " source(s)"),
    SUMMARY("first_after", FIELD_DURATION, first_ns, ", first after ", ""),
    SUMMARY("elapsed", FIELD_DURATION, elapsed_ns, NULL, NULL),
    SUMMARY("duplicates", FIELD_NUMBER, duplicates, "; ", " duplicate(s)"),
    [SUMMARY_DROPS] = SUMMARY("kernel_drops", FIELD_NUMBER, kernel_drops, ", ", " dropped"),
    SUMMARY("drops_note", FIELD_TEXT, drops_note, " (", ")"),
    SUMMARY("strays", FIELD_NUMBER, strays, NULL, NULL),
    SUMMARY("answers", FIELD_NUMBER, answers, ", ", " answered"),
    SUMMARY("answers_withheld", FIELD_NUMBER, answers_withheld, NULL, NULL),
    SUMMARY("answers_failed", FIELD_NUMBER, answers_failed, NULL, NULL),
    SUMMARY("pings", FIELD_INTEGER, pings, ", ", " ping(s) answered"),
    SUMMARY("not_run", FIELD_INTEGER, not_run, ", not done by the program ", ""),
    SUMMARY("printed", FIELD_INTEGER, printed, "; only ", " printed, what came later is lost"),
    { NULL, FIELD_TEXT, 0, NULL, NULL },
};

void listen_report_end(struct listener *listener, uint64_t now_ns)
{
    struct field fields[sizeof(summary_fields) / sizeof(summary_fields[0])];
    struct herald_responder_stats pings = { 0 };
    struct herald_receiver_stats stats;
    struct summary_record record;

    if (listener->responder != NULL)
        herald_responder_stats(listener->responder, &pings);
    herald_receiver_stats(listener->receiver, &stats);
    record = (struct summary_record){
        .datagrams = listener->datagrams,
        .bytes = listener->bytes,
        .sources = listener->sources.seen,
        .first_ns = listener->first_ns > 0 ? (int64_t)(listener->first_ns - listener->start_ns) : -1,
        .elapsed_ns = (int64_t)(now_ns - listener->start_ns),
        .answers = listener->answers.sent,
        .answers_withheld = listener->answers.withheld,
        .answers_failed = listener->answers.failed,
        .pings = pings.answers_unicast > 0 ? (int64_t)pings.answers_unicast : -1,
        .duplicates = stats.duplicates,
        .kernel_drops = stats.kernel_drops,
        .strays = stats.strays,
        .drops_note =
            stats.kernel_drops > 0
                ? "packets of one or more datagrams: the receive buffer was full; see --rcvbuf, net.core.rmem_max"
                : NULL,
        .not_run = listener->not_run > 0 ? (int64_t)listener->not_run : -1,
        .printed = listener->data.write_error != 0 && !listener->settings->no_print ? (int64_t)listener->printed : -1,
    };
    memcpy(fields, summary_fields, sizeof(fields));
    if (record.kernel_drops > 0)
        fields[SUMMARY_DROPS].before = ", at least ";
    output_record(&listener->messages, OUTPUT_MESSAGE, "summary", fields, &record);
    report_losses(listener, listener->loss, listener->datagrams > 0);
    note_end(listener, &stats);
}

void listen_report_shortage(struct listener *listener)
{
    output_note(&listener->messages, "%llu of %lld expected", (unsigned long long)listener->datagrams,
                (long long)listener->settings->count);
}
