/* SPDX-License-Identifier: MIT */
/* herald bench recv: measures the test streams that arrive, and reports to their senders. */
#include "bench.h"
#include "interrupt.h"
#include "joins.h"
#include "status.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define MS         INT64_C(1000000)
#define HOUR       (INT64_C(3600) * 1000 * MS)
#define AT(member) offsetof(struct bench_recv_settings, member)

/* Ctrl-C waits no longer for senders to acknowledge. */
#define LINGER_NS (UINT64_C(1000) * 1000 * 1000)

enum { ENDPOINTS_SHOWN = 3, INTERFACES_SHOWN = 16, INTERFACES_MAX = 256 };

struct bench_recv_settings {
    struct common_settings common;
    struct text_list interfaces;
    int64_t count;        /* 0: not given */
    uint64_t for_ns;      /* 0: not given */
    uint64_t interval_ns; /* 0: not given */
    uint64_t receive_buffer_bytes;
    const char *name;
    bool silent;
};

struct bench_recv {
    const struct bench_recv_settings *settings;
    struct output output;
    struct herald_endpoint *endpoints;
    size_t endpoint_count;
    herald_bench_receiver *receiver;
    int interrupt_fd;
    uint64_t start_ns;
    uint64_t line_ns; /* when the next lines are due */
    uint64_t ended;   /* streams */
    uint64_t begun;
    char advised[sizeof(((struct herald_loss_report *)NULL)->advice)]; /* about losses that streams share; "" */
    bool interrupted;
    bool time_up;
};

static const struct option options[] = {
    { "interface", 'i', "IFACE", OPTION_LIST, AT(interfaces), 0, 0, NULL, NULL, "iface",
      "join on this interface only; may be given several times. Without it: on every interface that can do multicast, "
      "and lo" },
    { "count", 0, "N", OPTION_NUMBER, AT(count), 1, INT64_MAX, NULL, NULL, NULL, "end after N streams" },
    { "for", 0, "DURATION", OPTION_DURATION, AT(for_ns), MS, 24 * 366 * HOUR, NULL, NULL, NULL,
      "end after this time; status 4 if nothing arrived" },
    { "interval", 0, "DURATION", OPTION_DURATION, AT(interval_ns), 10 * MS, HOUR, NULL, NULL, NULL,
      "print a line for each stream under way at this interval, about what has come so far" },
    { "rcvbuf", 0, "SIZE", OPTION_SIZE, AT(receive_buffer_bytes), 2048, 1073741824, "4M", NULL, NULL,
      "ask for this much receive buffer per group and interface; the kernel may grant less, which is told" },
    { "name", 0, "TEXT", OPTION_TEXT, AT(name), 0, 0, NULL, NULL, NULL,
      "what to call this receiver in reports, instead of the host's name" },
    { "silent", 0, NULL, OPTION_FLAG, AT(silent), 0, 0, NULL, NULL, NULL, "do not report to senders" },
    { NULL, 0, NULL, OPTION_FLAG, 0, 0, 0, NULL, NULL, NULL, NULL },
};

/* ---- opening ---------------------------------------------------------------------------------- */

static int parse_endpoints(struct bench_recv *recv, const struct operands *operands, struct herald_error *error)
{
    recv->endpoints = calloc(operands->count, sizeof(*recv->endpoints));
    if (recv->endpoints == NULL)
        return herald_error_set(error, -ENOMEM, "out of memory");
    for (size_t i = 0; i < operands->count; i++) {
        int r = herald_endpoint_parse(operands->items[i], &recv->endpoints[i], error);

        if (r < 0)
            return r;
        recv->endpoint_count++;
    }
    return 0;
}

static int open_receiver(struct bench_recv *recv, struct herald_error *error)
{
    const struct bench_recv_settings *settings = recv->settings;
    const struct herald_bench_receiver_config config = {
        .receiver = {
            .endpoints = recv->endpoints,
            .endpoint_count = recv->endpoint_count,
            .interfaces = settings->interfaces.items,
            .interface_count = settings->interfaces.count,
            .receive_buffer_bytes = (size_t)settings->receive_buffer_bytes,
        },
        .host = settings->name,
        .silent = settings->silent,
    };

    joins_raise_descriptor_limit();
    return herald_bench_receiver_new(&recv->receiver, &config, error);
}

static int prepare(struct bench_recv *recv, const struct operands *operands, struct herald_error *error)
{
    int r = parse_endpoints(recv, operands, error);

    if (r >= 0)
        r = open_receiver(recv, error);
    if (r < 0)
        return r;
    recv->interrupt_fd = interrupt_open();
    if (recv->interrupt_fd < 0)
        return herald_error_set(error, recv->interrupt_fd, "cannot catch Ctrl-C: %s", strerror(-recv->interrupt_fd));
    recv->output.interrupt_fd = recv->interrupt_fd;
    return 0;
}

/* ---- what is said first -------------------------------------------------------------------------- */

struct start_record {
    struct list endpoints;
    struct list interfaces;
    uint64_t memberships;
    const char *reporting;
    uint64_t buffer_bytes;
    uint64_t buffer_asked_bytes;
    const char *clamped;
};

#define START(key, kind, member, before, after)                   \
 {                                                                \
  key, kind, offsetof(struct start_record, member), before, after \
 }

static const struct field start_fields[] = {
    START("endpoints", FIELD_LIST, endpoints, "measuring streams to ", ""),
    START("interfaces", FIELD_LIST, interfaces, " on ", ""),
    START("memberships", FIELD_NUMBER, memberships, NULL, NULL),
    START("reporting", FIELD_TEXT, reporting, "; ", ""),
    START("receive_buffer", FIELD_SIZE, buffer_bytes, NULL, NULL),
    START("receive_buffer_asked", FIELD_SIZE, buffer_asked_bytes, NULL, NULL),
    START("receive_buffer_note", FIELD_TEXT, clamped, "; ", ""),
    { NULL, FIELD_TEXT, 0, NULL, NULL },
};

static void report_start(struct bench_recv *recv, char **const endpoint_texts)
{
    char(*names)[HERALD_INTERFACE_NAME_BYTES] = calloc(INTERFACES_MAX, sizeof(*names));
    const char *items[INTERFACES_MAX];
    struct herald_bench_receiver_stats stats;
    char clamped[UNITS_NOTE_BYTES];
    size_t count = 0;
    struct start_record record;

    if (names != NULL)
        count = herald_receiver_interfaces(herald_bench_receiver_sockets(recv->receiver), names, INTERFACES_MAX);
    count = count < INTERFACES_MAX ? count : INTERFACES_MAX;
    for (size_t i = 0; i < count; i++)
        items[i] = names[i];
    herald_bench_receiver_stats(recv->receiver, &stats);
    record = (struct start_record){
        .endpoints = { (const char *const *)endpoint_texts, recv->endpoint_count, ENDPOINTS_SHOWN, NULL },
        .interfaces = { items, count, INTERFACES_SHOWN, "no interface yet" },
        .memberships = stats.receiver.memberships,
        .reporting = recv->settings->silent ? "not reporting to senders" : "reporting to senders",
        .buffer_bytes = stats.receiver.receive_buffer_bytes,
        .buffer_asked_bytes = stats.receiver.receive_buffer_asked_bytes,
    };
    if (stats.receiver.sockets > 0)
        record.clamped = buffer_note_format(record.buffer_bytes, record.buffer_asked_bytes, clamped);
    (void)output_record(&recv->output, OUTPUT_MESSAGE, "listening", start_fields, &record);
    free(names);
}

/* ---- streams --------------------------------------------------------------------------------------- */

struct stream_record {
    uint64_t stream;
    const char *name;
    const char *sender;
    const char *to;
    const char *interface;
    uint64_t size_bytes;
};

#define STREAM(key, kind, member, before, after)                   \
 {                                                                 \
  key, kind, offsetof(struct stream_record, member), before, after \
 }

static const struct field stream_fields[] = {
    STREAM("stream", FIELD_NUMBER, stream, "stream ", ""),
    STREAM("name", FIELD_TEXT, name, " from ", ""),
    STREAM("sender", FIELD_TEXT, sender, " (", ")"),
    STREAM("to", FIELD_TEXT, to, " to ", ""),
    STREAM("interface", FIELD_TEXT, interface, " on ", ""),
    STREAM("size", FIELD_SIZE, size_bytes, " begins, datagrams of ", ""),
    { NULL, FIELD_TEXT, 0, NULL, NULL },
};

static void report_begin(struct bench_recv *recv, const struct herald_bench_stream *stream)
{
    const struct herald_peer group = { .address = stream->group, .port = stream->group_port };
    char name[HERALD_ENDPOINT_TEXT_BYTES] = "";
    char to[HERALD_ENDPOINT_TEXT_BYTES] = "";
    const struct stream_record record = {
        .stream = stream->number,
        .name = name,
        .sender = stream->iperf ? "iperf" : "herald",
        .to = to,
        .interface = stream->interface,
        .size_bytes = stream->size_bytes,
    };

    (void)herald_peer_format(&stream->source, stream->interface, name, sizeof(name));
    (void)herald_peer_format(&group, stream->interface, to, sizeof(to));
    if (recv->ended >= recv->begun++) /* it is the only one */
        recv->advised[0] = '\0';
    (void)output_record(&recv->output, OUTPUT_MESSAGE, "stream", stream_fields, &record);
}

struct resumed_record {
    uint64_t stream;
    const char *name;
};

static const struct field resumed_fields[] = {
    { "stream", FIELD_NUMBER, offsetof(struct resumed_record, stream), "stream ", "" },
    { "name", FIELD_TEXT, offsetof(struct resumed_record, name), " from ", " goes on" },
    { NULL, FIELD_TEXT, 0, NULL, NULL },
};

/* It was counted as ended. */
static void report_resumed(struct bench_recv *recv, const struct herald_bench_stream *stream)
{
    char name[HERALD_ENDPOINT_TEXT_BYTES] = "";
    const struct resumed_record record = { .stream = stream->number, .name = name };

    (void)herald_peer_format(&stream->source, stream->interface, name, sizeof(name));
    recv->ended--;
    (void)output_record(&recv->output, OUTPUT_MESSAGE, "resumed", resumed_fields, &record);
}

static void report_figures(struct bench_recv *recv, enum output_channel channel, const char *event,
                           const struct herald_bench_stream *stream, const struct herald_bench_figures *figures,
                           int64_t interval_ns)
{
    char name[HERALD_ENDPOINT_TEXT_BYTES] = "";
    struct figures_record record;

    bench_fill_figures(&record, figures);
    (void)herald_peer_format(&stream->source, stream->interface, name, sizeof(name));
    record.stream = stream->number;
    record.name = record.peer = name;
    record.sender = stream->iperf ? "iperf" : "herald";
    record.interface = stream->interface;
    record.source = stream->source.address;
    record.source_port = stream->source.port;
    record.interval_ns = interval_ns;
    if (interval_ns < 0)
        record.state = figures->ended ? "ended" : "broke off";
    (void)output_record(&recv->output, channel, event, bench_line_fields, &record);
}

/* What streams at the same time have lost is told for all of them together: once is enough. */
static void report_loss(struct bench_recv *recv, const struct herald_bench_receiver_event *event)
{
    bool told = event->figures.causes_shared && strcmp(recv->advised, event->loss.advice) == 0;
    struct herald_error error;

    if (event->figures.lost > 0 && event->loss.advice[0] != '\0' && !told) {
        herald_error_set(&error, -ENOBUFS, "%s", event->loss.text);
        herald_error_advise(&error, "%s", event->loss.advice);
        output_warning(&recv->output, &error);
        memcpy(recv->advised, event->loss.advice, sizeof(recv->advised));
    }
}

static void report_end(struct bench_recv *recv, const struct herald_bench_receiver_event *event)
{
    recv->ended++;
    report_figures(recv, OUTPUT_DATA, "ended", &event->stream, &event->figures, -1);
    if (event->figures.missed > 0)
        output_note(&recv->output, "%llu datagram%s sent before this host listened: not counted as lost",
                    (unsigned long long)event->figures.missed, event->figures.missed == 1 ? " was" : "s were");
    report_loss(recv, event);
}

static void report_lines(struct bench_recv *recv, uint64_t now_ns)
{
    struct herald_bench_stream stream;
    struct herald_bench_figures figures;
    size_t position = 0;

    while (herald_bench_receiver_next_stream(recv->receiver, &position, &stream, &figures) > 0)
        report_figures(recv, OUTPUT_MESSAGE, "stats", &stream, &figures, (int64_t)figures.elapsed_ns);
    recv->line_ns += recv->settings->interval_ns;
    if (recv->line_ns <= now_ns)
        recv->line_ns = now_ns + recv->settings->interval_ns;
}

static void warn(struct bench_recv *recv, const char *cause, const char *advice)
{
    struct herald_error error;

    herald_error_set(&error, -EIO, "%s", cause);
    if (advice != NULL)
        herald_error_advise(&error, "%s", advice);
    output_warning(&recv->output, &error);
}

static void take_events(struct bench_recv *recv)
{
    struct herald_bench_receiver_event event;

    while (herald_bench_receiver_next_event(recv->receiver, &event) > 0) {
        switch (event.kind) {
        case HERALD_BENCH_STREAM_BEGAN:
            report_begin(recv, &event.stream);
            break;
        case HERALD_BENCH_STREAM_ENDED:
            report_end(recv, &event);
            break;
        case HERALD_BENCH_STREAM_RESUMED:
            report_resumed(recv, &event.stream);
            break;
        case HERALD_BENCH_STREAM_REFUSED:
            warn(recv, "more than 64 streams at a time, or begun in a second: the others are not measured", NULL);
            break;
        case HERALD_BENCH_REPORT_FAILED:
            output_warning(&recv->output, &event.error);
            break;
        case HERALD_BENCH_REPORT_UNHEARD:
            warn(recv, "the sender has not acknowledged the last report: it has ended, or a firewall drops reports",
                 "herald doctor EP --peer HOST");
            break;
        case HERALD_BENCH_MEMBERSHIP:
            joins_report(&recv->output, &event.membership);
            break;
        }
    }
}

/* ---- the run ------------------------------------------------------------------------------------------ */

static bool is_finished(const struct bench_recv *recv)
{
    return recv->interrupted || recv->time_up || recv->output.write_error != 0 ||
           (recv->settings->count > 0 && recv->ended >= (uint64_t)recv->settings->count);
}

static uint64_t next_deadline(const struct bench_recv *recv)
{
    uint64_t deadline_ns = herald_bench_receiver_deadline(recv->receiver);
    uint64_t end_ns = recv->settings->for_ns > 0 ? recv->start_ns + recv->settings->for_ns : HERALD_NEVER;

    deadline_ns = end_ns < deadline_ns ? end_ns : deadline_ns;
    return recv->line_ns < deadline_ns ? recv->line_ns : deadline_ns;
}

static int loop(struct bench_recv *recv)
{
    while (!is_finished(recv)) {
        uint64_t now_ns;
        int r;

        bench_wait(herald_bench_receiver_fd(recv->receiver), recv->interrupt_fd, next_deadline(recv));
        recv->interrupted = interrupt_came(recv->interrupt_fd);
        r = herald_bench_receiver_process(recv->receiver, herald_clock_ns());
        take_events(recv);
        if (r < 0)
            return r;
        now_ns = herald_clock_ns();
        if (now_ns >= recv->line_ns)
            report_lines(recv, now_ns);
        recv->time_up = recv->settings->for_ns > 0 && now_ns >= recv->start_ns + recv->settings->for_ns;
    }
    return 0;
}

/* Streams under way end here; their senders learn of it. */
static void linger(struct bench_recv *recv)
{
    uint64_t end_ns = herald_clock_ns() + LINGER_NS;

    herald_bench_receiver_stop(recv->receiver, herald_clock_ns());
    take_events(recv);
    while (herald_bench_receiver_is_reporting(recv->receiver) && herald_clock_ns() < end_ns) {
        uint64_t deadline_ns = herald_bench_receiver_deadline(recv->receiver);

        bench_wait(herald_bench_receiver_fd(recv->receiver), -1, deadline_ns < end_ns ? deadline_ns : end_ns);
        if (herald_bench_receiver_process(recv->receiver, herald_clock_ns()) < 0)
            return;
        take_events(recv);
    }
}

struct recv_summary {
    uint64_t streams;
    uint64_t datagrams;
    uint64_t payload_bytes;
    uint64_t foreign;
    const char *foreign_note;
    uint64_t reports;
    uint64_t reports_withheld;
    int64_t elapsed_ns;
    bool interrupted;
};

#define SUMMARY(key, kind, member, before, after)                 \
 {                                                                \
  key, kind, offsetof(struct recv_summary, member), before, after \
 }

static const struct field summary_fields[] = {
    SUMMARY("streams", FIELD_NUMBER, streams, "", " stream(s)"),
    SUMMARY("datagrams", FIELD_NUMBER, datagrams, ", ", " datagram(s)"),
    SUMMARY("payload", FIELD_SIZE, payload_bytes, ", ", ""),
    SUMMARY("foreign_note", FIELD_TEXT, foreign_note, "; ", ""),
    SUMMARY("foreign", FIELD_NUMBER, foreign, NULL, NULL),
    SUMMARY("reports", FIELD_NUMBER, reports, "; ", " report(s) sent"),
    SUMMARY("reports_withheld", FIELD_NUMBER, reports_withheld, NULL, NULL),
    SUMMARY("elapsed", FIELD_DURATION, elapsed_ns, NULL, NULL),
    SUMMARY("interrupted", FIELD_FLAG, interrupted, NULL, NULL),
    { NULL, FIELD_TEXT, 0, NULL, NULL },
};

static int conclude(struct bench_recv *recv, int result)
{
    struct herald_bench_receiver_stats stats;
    struct herald_error error;
    char foreign[96];
    struct recv_summary record;

    herald_bench_receiver_stats(recv->receiver, &stats);
    record = (struct recv_summary){
        .streams = recv->ended,
        .datagrams = stats.receiver.datagrams,
        .payload_bytes = stats.receiver.bytes,
        .foreign = stats.foreign,
        .reports = stats.reports,
        .reports_withheld = stats.withheld,
        .elapsed_ns = (int64_t)(herald_clock_ns() - recv->start_ns),
        .interrupted = recv->interrupted,
    };
    if (stats.foreign > 0) {
        snprintf(foreign, sizeof(foreign), "%llu of them of no test stream", (unsigned long long)stats.foreign);
        record.foreign_note = foreign;
    }
    (void)output_record(&recv->output, OUTPUT_MESSAGE, "summary", summary_fields, &record);
    if (result < 0) {
        herald_error_set(&error, result, "cannot go on: %s", strerror(-result));
        options_report(&recv->output, &error, STATUS_FAILED);
        return STATUS_FAILED;
    }
    if (recv->time_up && recv->begun == 0)
        return STATUS_NOTHING;
    return !recv->interrupted && recv->ended < (uint64_t)recv->settings->count ? STATUS_NOT_EVERYONE : STATUS_DONE;
}

static int run_receiver(struct bench_recv *recv, char **const endpoint_texts)
{
    int result;

    recv->start_ns = herald_clock_ns();
    recv->line_ns = recv->settings->interval_ns > 0 ? recv->start_ns + recv->settings->interval_ns : HERALD_NEVER;
    take_events(recv);
    report_start(recv, endpoint_texts);
    result = loop(recv);
    linger(recv);
    return conclude(recv, result);
}

static int run(const void *settings, const struct operands *operands)
{
    struct bench_recv recv = { .settings = settings, .interrupt_fd = -1 };
    struct herald_error error;
    int status;
    int r;

    output_init(&recv.output, "herald bench recv", settings);
    r = prepare(&recv, operands, &error);
    if (r < 0) {
        status = r == -EINVAL ? STATUS_USAGE : STATUS_FAILED;
        if (status == STATUS_USAGE && error.advice[0] == '\0')
            herald_error_advise(&error, "herald help bench recv");
        options_report(&recv.output, &error, status);
    } else {
        status = run_receiver(&recv, operands->items);
    }
    herald_bench_receiver_free(recv.receiver);
    free(recv.endpoints);
    return output_status(&recv.output, status);
}

const struct command command_bench_recv = {
    .name = "bench recv",
    .operands = "EP...",
    .operands_min = 1,
    .operands_max = 64,
    .summary = "measure the test streams that arrive, and report to their senders",
    .details =
        "Joins the groups and counts what arrives of each stream: one that herald bench send or an iperf 2 client "
        "(iperf -c GROUP -u) sends. For each stream a line tells, when it has ended, the rate, what was lost and "
        "where, duplicates, reordering and jitter; the delay too if the sender runs on the same host, otherwise "
        "how much the delays differ from the quickest. The senders get reports meanwhile, if they are herald's.\n"
        "\n"
        "What is missing by the numbers of the datagrams is compared with the kernel's counters, which tell what "
        "this host itself has lost, in the receive buffer, the network card or elsewhere; the rest was lost in the "
        "network. Datagrams that were sent before this host listened are not lost, but told.\n"
        "\n"
        "A stream has ended when its sender says so. It has broken off when nothing has come for two seconds (of a "
        "slow one, for four times its pace); if more comes, it goes on, and what was missing meanwhile is lost. Up "
        "to 64 streams are measured at a time, and as many may begin in a second. No sender is sent more bytes than "
        "came from it, and no more than 1,000 reports leave in a second.\n"
        "\n"
        "It goes on until Ctrl-C, --for or --count; streams that are under way then end here, and their senders "
        "are told. A host that hears a group by two interfaces measures, and reports, each by itself.",
    .examples = "# Measure whatever is sent, until Ctrl-C\n"
                "herald bench recv 239.1.2.3:5001\n"
                "# One stream, with a line each second\n"
                "herald bench recv 239.1.2.3:5001 --count 1 --interval 1s\n"
                "# A larger receive buffer, on one interface, for two groups\n"
                "herald bench recv 239.1.2.3:5001 239.1.2.4:5001 --rcvbuf 16M -i eth0\n",
    .options = options,
    .settings_bytes = sizeof(struct bench_recv_settings),
    .run = run,
};
