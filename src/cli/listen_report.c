/* SPDX-License-Identifier: MIT */
#include "listen.h"

#include "units.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { NAMES_SHOWN = 16, ENDPOINTS_SHOWN = 3, LIST_BYTES = 1024 };

/* ---- lists in words -------------------------------------------------------------------------- */

static void append(char *list, const char *separator, const char *text)
{
    size_t used = strlen(list);

    if (used > 0 && used + strlen(separator) < LIST_BYTES) {
        memcpy(list + used, separator, strlen(separator) + 1);
        used += strlen(separator);
    }
    if (used + strlen(text) < LIST_BYTES)
        memcpy(list + used, text, strlen(text) + 1);
}

static void append_rest(char *list, size_t rest)
{
    char text[32];

    if (rest == 0)
        return;
    snprintf(text, sizeof(text), "%zu more", rest);
    append(list, " and ", text);
}

static void list_endpoints(const struct listener *listener, char list[LIST_BYTES])
{
    size_t shown = listener->endpoint_count < ENDPOINTS_SHOWN ? listener->endpoint_count : ENDPOINTS_SHOWN;

    list[0] = '\0';
    for (size_t i = 0; i < shown; i++) {
        char text[HERALD_ENDPOINT_TEXT_BYTES];

        herald_endpoint_format(&listener->endpoints[i], text, sizeof(text));
        append(list, ", ", text);
    }
    append_rest(list, listener->endpoint_count - shown);
}

static size_t list_interfaces(const struct listener *listener, char list[LIST_BYTES])
{
    char names[NAMES_SHOWN][HERALD_INTERFACE_NAME_BYTES];
    size_t count = herald_receiver_interfaces(listener->receiver, names, NAMES_SHOWN);
    size_t shown = count < NAMES_SHOWN ? count : NAMES_SHOWN;

    list[0] = '\0';
    for (size_t i = 0; i < shown; i++)
        append(list, ", ", names[i]);
    append_rest(list, count - shown);
    return count;
}

/* ---- the first line -------------------------------------------------------------------------- */

struct start_record {
    const char *endpoints;
    const char *interfaces;
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
    START("endpoints", FIELD_TEXT, endpoints, "listening to ", ""),
    START("interfaces", FIELD_TEXT, interfaces, " on ", ""),
    START("memberships", FIELD_NUMBER, memberships, NULL, NULL),
    START("answer", FIELD_TEXT, answer, "; answering \"", "\""),
    START("program", FIELD_TEXT, program, "; running ", ""),
    START("receive_buffer", FIELD_SIZE, buffer_bytes, NULL, NULL),
    START("receive_buffer_asked", FIELD_SIZE, buffer_asked_bytes, NULL, NULL),
    START("receive_buffer_note", FIELD_TEXT, clamped, "; ", ""),
    { NULL, FIELD_TEXT, 0, NULL, NULL },
};

/* "receive buffer 208 KiB, not 4.00 MiB (net.core.rmem_max)": nobody is told by the kernel that it was clamped. */
static const char *describe_clamping(const struct herald_receiver_stats *stats, char *text, size_t size)
{
    char granted[UNITS_TEXT_BYTES];
    char asked[UNITS_TEXT_BYTES];

    if (stats->sockets == 0 || stats->receive_buffer_bytes >= stats->receive_buffer_asked_bytes)
        return NULL;
    size_format(stats->receive_buffer_bytes, granted);
    size_format(stats->receive_buffer_asked_bytes, asked);
    snprintf(text, size, "receive buffer %s, not %s (net.core.rmem_max)", granted, asked);
    return text;
}

void listen_report_start(struct listener *listener)
{
    const struct listen_settings *settings = listener->settings;
    struct herald_receiver_stats stats;
    char endpoints[LIST_BYTES];
    char interfaces[LIST_BYTES];
    char clamped[128];
    struct start_record record;

    herald_receiver_stats(listener->receiver, &stats);
    list_endpoints(listener, endpoints);
    if (list_interfaces(listener, interfaces) == 0)
        append(interfaces, "", "no interface yet");
    record = (struct start_record){
        .endpoints = endpoints,
        .interfaces = interfaces,
        .memberships = stats.memberships,
        .answer = listener->answers.enabled ? listener->answers.text : NULL,
        .program = settings->exec != NULL ? settings->exec : settings->reply_exec,
        .buffer_bytes = stats.receive_buffer_bytes,
        .buffer_asked_bytes = stats.receive_buffer_asked_bytes,
        .clamped = describe_clamping(&stats, clamped, sizeof(clamped)),
    };
    output_record(&listener->messages, OUTPUT_MESSAGE, "listening", start_fields, &record);
}

/* ---- what happens to the memberships --------------------------------------------------------- */

struct membership_record {
    const char *what;
    const char *interface;
    const char *text;
    uint64_t groups;
    const char *cause;
};

#define MEMBERSHIP(key, kind, member, before, after)                   \
 {                                                                     \
  key, kind, offsetof(struct membership_record, member), before, after \
 }

static const struct field membership_fields[] = {
    MEMBERSHIP("text", FIELD_TEXT, text, "", ""),
    MEMBERSHIP("what", FIELD_TEXT, what, NULL, NULL),
    MEMBERSHIP("interface", FIELD_TEXT, interface, NULL, NULL),
    MEMBERSHIP("groups", FIELD_NUMBER, groups, NULL, NULL),
    MEMBERSHIP("cause", FIELD_TEXT, cause, ": ", ""),
    { NULL, FIELD_TEXT, 0, NULL, NULL },
};

static void report_event(struct listener *listener, const struct herald_receiver_event *event)
{
    struct membership_record record = { .interface = event->interface, .groups = event->group_count };
    const char *before = "";
    const char *after = "";
    char text[64];

    switch (event->kind) {
    case HERALD_RECEIVER_JOINED:
        record.what = "joined";
        before = "joined on ";
        break;
    case HERALD_RECEIVER_REJOINED:
        record.what = "rejoined";
        before = "rejoined on ";
        break;
    case HERALD_RECEIVER_LOST:
        record.what = "lost";
        after = event->group_count > 0 ? " lost carrier" : " has no carrier; waiting for it";
        break;
    case HERALD_RECEIVER_DOWN:
        record.what = "down";
        after = event->group_count > 0 ? " was set down" : " is down; waiting for it";
        break;
    case HERALD_RECEIVER_GONE:
        record.what = "gone";
        after = " is gone";
        break;
    case HERALD_RECEIVER_JOIN_FAILED:
        record.what = "failed";
        before = "not joined on ";
        record.cause = event->error.cause;
        break;
    }
    snprintf(text, sizeof(text), "%s%s%s", before, event->interface, after);
    record.text = text;
    output_record(&listener->messages, OUTPUT_MESSAGE, "membership", membership_fields, &record);
}

void listen_report_events(struct listener *listener)
{
    struct herald_receiver_event event;

    while (herald_receiver_next_event(listener->receiver, &event) > 0)
        report_event(listener, &event);
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

static const struct field stats_fields[] = {
    STATS("interval", FIELD_DURATION, interval_ns, "", ": "),
    STATS("datagrams", FIELD_NUMBER, datagrams, NULL, NULL),
    STATS("datagrams_per_second", FIELD_NUMBER, datagrams_per_second, "", " datagrams/s"),
    STATS("rate", FIELD_RATE, rate_bps, ", ", ""),
    STATS("sources", FIELD_NUMBER, sources, ", sources ", ""),
    STATS("gaps", FIELD_TEXT, gaps, ", gaps ", ""),
    STATS("duplicates", FIELD_NUMBER, duplicates, ", duplicates ", ""),
    STATS("kernel_drops", FIELD_NUMBER, kernel_drops, ", dropped by the kernel ", ""),
    STATS("strays", FIELD_NUMBER, strays, NULL, NULL),
    STATS("runs", FIELD_NUMBER, runs, NULL, NULL),
    { NULL, FIELD_TEXT, 0, NULL, NULL },
};

void listen_report_stats(struct listener *listener, uint64_t now_ns)
{
    const struct herald_receiver_stats *last = &listener->stats_last;
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
    output_record(&listener->messages, OUTPUT_MESSAGE, "stats", stats_fields, &record);
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
    uint64_t duplicates;
    uint64_t kernel_drops;
    uint64_t strays;
    const char *drops_note;
    int64_t not_run; /* -1: no program was to be run */
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
    SUMMARY("kernel_drops", FIELD_NUMBER, kernel_drops, ", ", " dropped"),
    SUMMARY("drops_note", FIELD_TEXT, drops_note, " (", ")"),
    SUMMARY("strays", FIELD_NUMBER, strays, NULL, NULL),
    SUMMARY("answers", FIELD_NUMBER, answers, ", ", " answered"),
    SUMMARY("answers_withheld", FIELD_NUMBER, answers_withheld, NULL, NULL),
    SUMMARY("answers_failed", FIELD_NUMBER, answers_failed, NULL, NULL),
    SUMMARY("not_run", FIELD_INTEGER, not_run, ", not done by the program ", ""),
    { NULL, FIELD_TEXT, 0, NULL, NULL },
};

void listen_report_end(struct listener *listener, uint64_t now_ns)
{
    struct herald_receiver_stats stats;
    struct summary_record record;

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
        .duplicates = stats.duplicates,
        .kernel_drops = stats.kernel_drops,
        .strays = stats.strays,
        .drops_note =
            stats.kernel_drops > 0
                ? "packets of one or more datagrams: the receive buffer was full; see --rcvbuf, net.core.rmem_max"
                : NULL,
        .not_run = listener->not_run > 0 ? (int64_t)listener->not_run : -1,
    };
    output_record(&listener->messages, OUTPUT_MESSAGE, "summary", summary_fields, &record);
}

/* The most likely cause that can be seen from here; what needs a longer look belongs to a command of its own. */
static void find_cause(const struct listener *listener, const struct herald_receiver_stats *stats,
                       struct herald_error *error)
{
    struct herald_interface *list;
    int count = herald_interfaces_list(&list);
    char names[NAMES_SHOWN][HERALD_INTERFACE_NAME_BYTES];
    size_t joined = herald_receiver_interfaces(listener->receiver, names, NAMES_SHOWN);
    size_t working = 0;
    const char *dead = NULL;

    for (int i = 0; i < count; i++)
        for (size_t k = 0; k < joined && k < NAMES_SHOWN; k++) {
            if (strcmp(list[i].name, names[k]) != 0 || list[i].loopback)
                continue;
            if (list[i].carrier)
                working++;
            else
                dead = names[k];
        }
    if (stats->kernel_drops > 0)
        herald_error_set(error, -EAGAIN, "nothing could be taken in: the receive buffer was full");
    else if (joined == 0)
        herald_error_set(error, -EAGAIN,
                         "nothing arrived: no interface is joined, because none that was asked for is up");
    else if (working == 0 && dead != NULL)
        herald_error_set(error, -EAGAIN, "nothing arrived: %s has no carrier (cable, switch port, WiFi)", dead);
    else if (working == 0)
        herald_error_set(error, -EAGAIN, "nothing arrived: only lo is joined, so only this host could be heard");
    else if (listener->endpoints[0].source.family != HERALD_FAMILY_NONE)
        herald_error_set(error, -EAGAIN,
                         "nothing arrived: most likely nobody sends from that source address to this group and port");
    else
        herald_error_set(error, -EAGAIN,
                         "nothing arrived: most likely nobody sends to this group and port, or the sender's TTL is too "
                         "small for a router in between");
    if (count > 0)
        free(list);
}

void listen_report_silence(struct listener *listener)
{
    struct herald_receiver_stats stats;
    struct herald_error error;
    char endpoint[HERALD_ENDPOINT_TEXT_BYTES];

    herald_receiver_stats(listener->receiver, &stats);
    find_cause(listener, &stats, &error);
    herald_endpoint_format(&listener->endpoints[0], endpoint, sizeof(endpoint));
    herald_error_advise(&error,
                        "herald send %s hello, here and on another host; herald doctor will look further when "
                        "this version has it",
                        endpoint);
    output_error(&listener->messages, &error);
}
