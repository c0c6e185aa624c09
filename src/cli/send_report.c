/* SPDX-License-Identifier: MIT */
/* What herald send says: its records and their fields. */
#include "reason.h"
#include "send.h"
#include "status.h"

#include <errno.h>
#include <net/if.h>
#include <string.h>

/* ---- printing -------------------------------------------------------------------------------- */

/* A failure is sticky in the output, and looked at later. */
static void print(struct send *send, enum output_channel channel, const char *event, const struct field *fields,
                  const void *record)
{
    (void)output_record(&send->output, channel, event, fields, record);
}

void send_fail(struct send *send, const struct herald_error *error)
{
    options_report(&send->output, error, STATUS_FAILED);
    send->failed = true;
}

/* ---- where and how --------------------------------------------------------------------------- */

struct sending {
    const char *to;
    struct herald_address group;
    int64_t groups; /* -1: one */
    uint64_t port;
    const char *interface;
    const char *reason;
    const char *from;
    struct herald_address source;
    int64_t source_port; /* -1: each group's sender has its own */
    uint64_t ttl;
    uint64_t payload_bytes;
};

static const struct field sending_fields[] = {
    { .key = "to", .kind = FIELD_TEXT, .offset = offsetof(struct sending, to), .before = "sending to " },
    { .key = "group", .kind = FIELD_ADDRESS, .offset = offsetof(struct sending, group) },
    { .key = "groups", .kind = FIELD_INTEGER, .offset = offsetof(struct sending, groups) },
    { .key = "port", .kind = FIELD_NUMBER, .offset = offsetof(struct sending, port) },
    { .key = "interface", .kind = FIELD_TEXT, .offset = offsetof(struct sending, interface), .before = " on " },
    { .key = "reason", .kind = FIELD_TEXT, .offset = offsetof(struct sending, reason), .before = " (", .after = ")" },
    { .key = "own", .kind = FIELD_TEXT, .offset = offsetof(struct sending, from), .before = " from " },
    { .key = "source", .kind = FIELD_ADDRESS, .offset = offsetof(struct sending, source) },
    { .key = "source_port", .kind = FIELD_INTEGER, .offset = offsetof(struct sending, source_port) },
    { .key = "ttl", .kind = FIELD_NUMBER, .offset = offsetof(struct sending, ttl), .before = ", TTL " },
    { .key = "payload_bytes",
      .kind = FIELD_NUMBER,
      .offset = offsetof(struct sending, payload_bytes),
      .before = ", ",
      .after = " byte(s)" },
    { .key = NULL },
};

/* The own address, with the port if there is one sender only. @return the text, or NULL if nothing is known. */
static const char *own_text(const struct herald_sender_facts *facts, bool with_port,
                            char text[HERALD_ENDPOINT_TEXT_BYTES])
{
    struct herald_peer own = { .address = facts->source, .port = facts->port };
    bool known = facts->source.family != HERALD_FAMILY_NONE;

    if (known && with_port)
        (void)herald_peer_format(&own, facts->interface.name, text, HERALD_ENDPOINT_TEXT_BYTES);
    else if (known)
        (void)herald_address_format(&own.address, text, HERALD_ENDPOINT_TEXT_BYTES);
    else if (with_port)
        (void)snprintf(text, HERALD_ENDPOINT_TEXT_BYTES, "port %u", own.port);
    else
        return NULL;
    return text;
}

void send_report_sender(struct send *send, const herald_sender *sender)
{
    const struct herald_sender_facts *facts = herald_sender_facts(sender);
    struct herald_endpoint to = send->endpoint;
    char to_text[HERALD_ENDPOINT_TEXT_BYTES] = "";
    char own[HERALD_ENDPOINT_TEXT_BYTES] = "";
    bool one_group = to.group_count == 1;
    struct sending record = {
        .to = to_text,
        .group = to.group,
        .groups = one_group ? -1 : (int64_t)to.group_count,
        .port = to.port,
        .interface = facts->interface.name,
        .reason = send->settings->all_interfaces ? "all interfaces" : reason_text(facts->reason),
        .from = own_text(facts, one_group, own),
        .source = facts->source,
        .source_port = one_group ? facts->port : -1,
        .ttl = facts->ttl,
        .payload_bytes = send->payload.size,
    };

    memset(&to.source, 0, sizeof to.source);
    memset(to.interface, 0, sizeof to.interface);
    if (herald_address_needs_zone(&to.group))
        memcpy(to.interface, facts->interface.name, sizeof to.interface);
    (void)herald_endpoint_format(&to, to_text, sizeof to_text);
    print(send, OUTPUT_MESSAGE, "sending", sending_fields, &record);
}

struct pace {
    uint64_t datagrams_per_second;
    double rate;
    uint64_t burst;
};

static const struct field pace_fields[] = {
    { .key = "datagrams_per_second",
      .kind = FIELD_NUMBER,
      .offset = offsetof(struct pace, datagrams_per_second),
      .before = "pacing ",
      .after = " datagram(s)" },
    { .key = "rate",
      .kind = FIELD_RATE,
      .offset = offsetof(struct pace, rate),
      .before = " per second (",
      .after = ")" },
    { .key = "burst", .kind = FIELD_NUMBER, .offset = offsetof(struct pace, burst), .before = " in bursts of " },
    { .key = NULL },
};

void send_report_pace(struct send *send, double datagrams_per_second, size_t burst)
{
    struct pace record = {
        .datagrams_per_second = (uint64_t)(datagrams_per_second + 0.5),
        .rate = datagrams_per_second * (double)send->payload.size * 8,
        .burst = burst,
    };

    print(send, OUTPUT_MESSAGE, "pace", pace_fields, &record);
}

/* ---- answers --------------------------------------------------------------------------------- */

struct response {
    const char *peer;
    struct herald_address source;
    uint64_t source_port;
    struct bytes payload;
    int64_t round_trip_ns;
    const char *interface;
    struct herald_address group;
    uint64_t message;
    uint64_t attempt;
    int64_t ttl;
    bool first;
    const char *note;
    uint64_t time_ns;
};

enum { RESPONSE_INTERFACE = 5 };

static const struct field response_fields[] = {
    { .key = "peer", .kind = FIELD_TEXT, .offset = offsetof(struct response, peer), .before = "" },
    { .key = "source", .kind = FIELD_ADDRESS, .offset = offsetof(struct response, source) },
    { .key = "source_port", .kind = FIELD_NUMBER, .offset = offsetof(struct response, source_port) },
    { .key = "payload",
      .kind = FIELD_BYTES,
      .offset = offsetof(struct response, payload),
      .before = "  \"",
      .after = "\"" },
    { .key = "round_trip", .kind = FIELD_DURATION, .offset = offsetof(struct response, round_trip_ns), .before = "  " },
    [RESPONSE_INTERFACE] = { .key = "interface", .kind = FIELD_TEXT, .offset = offsetof(struct response, interface) },
    { .key = "group", .kind = FIELD_ADDRESS, .offset = offsetof(struct response, group) },
    { .key = "message", .kind = FIELD_NUMBER, .offset = offsetof(struct response, message) },
    { .key = "attempt", .kind = FIELD_NUMBER, .offset = offsetof(struct response, attempt) },
    { .key = "ttl", .kind = FIELD_INTEGER, .offset = offsetof(struct response, ttl) },
    { .key = "first", .kind = FIELD_FLAG, .offset = offsetof(struct response, first) },
    { .key = "note", .kind = FIELD_TEXT, .offset = offsetof(struct response, note), .before = "  (", .after = ")" },
    { .key = "time", .kind = FIELD_TIME, .offset = offsetof(struct response, time_ns) },
    { .key = NULL },
};

/* The name of the interface that an address is valid on: nearly always the sender's. */
static const char *zone_name(uint32_t index, const struct herald_sender_facts *facts, char buffer[IF_NAMESIZE])
{
    if (index == 0 || index == facts->interface.index)
        return facts->interface.name;
    return if_indextoname(index, buffer) != NULL ? buffer : "?";
}

static void print_response(struct send *send, const struct herald_response *response)
{
    const struct herald_sender_facts *facts = herald_sender_facts(send->senders[response->sender_index]);
    struct field fields[sizeof response_fields / sizeof *response_fields];
    char peer[HERALD_ENDPOINT_TEXT_BYTES] = "";
    char name[IF_NAMESIZE];
    const char *zone = zone_name(response->peer.interface_index, facts, name);
    struct response record = {
        .peer = peer,
        .source = response->peer.address,
        .source_port = response->peer.port,
        .payload = { .data = response->payload, .size = response->size_bytes },
        .round_trip_ns = response->round_trip_ns,
        .interface = facts->interface.name, /* where it was asked, by whichever way the answer came */
        .message = send->message.number,
        .attempt = response->attempt,
        .ttl = response->ttl,
        .first = response->first,
        .note = response->first ? NULL : "again",
        .time_ns = response->time_ns,
    };

    (void)herald_peer_format(&response->peer, zone, peer, sizeof peer);
    /* The senders stand in the order interface by interface, group by group. */
    (void)herald_endpoint_group(&send->endpoint, (uint32_t)(response->sender_index % send->endpoint.group_count),
                                &record.group);
    memcpy(fields, response_fields, sizeof fields);
    if (send->interface_count > 1)
        fields[RESPONSE_INTERFACE].before = "  on ";
    (void)output_record(&send->output, OUTPUT_DATA, "response", fields, &record);
}

/* The first answer of a responder to this message. */
static void count_responder(struct send *send, int64_t round_trip_ns)
{
    send->message.responders++;
    if (round_trip_ns > send->message.slowest_ns)
        send->message.slowest_ns = round_trip_ns;
    if (round_trip_ns > send->totals.slowest_ns)
        send->totals.slowest_ns = round_trip_ns;
}

void send_report_response(struct send *send, const struct herald_response *response, bool to_print)
{
    int first = tally_add(&send->tally, &response->peer, send->message.number, response->round_trip_ns);
    struct herald_error error;

    send->totals.responses++;
    if (first > 0)
        count_responder(send, response->round_trip_ns);
    if (to_print)
        print_response(send, response);
    if (first >= 0 || send->failed)
        return;
    (void)herald_error_set(&error, first, "out of memory after %zu responders", send->tally.count);
    send_fail(send, &error);
}

/* ---- messages -------------------------------------------------------------------------------- */

struct retry {
    uint64_t message;
    uint64_t responders;
    int64_t expected;
    uint64_t attempt;
    uint64_t attempts_max;
    bool none;
};

static const struct field retry_fields[] = {
    { .key = "message", .kind = FIELD_NUMBER, .offset = offsetof(struct retry, message) },
    { .key = "unanswered",
      .kind = FIELD_FLAG,
      .offset = offsetof(struct retry, none),
      .before = "no response; sending again (try " },
    { .key = "responders", .kind = FIELD_NUMBER, .offset = offsetof(struct retry, responders), .before = "" },
    { .key = "expected",
      .kind = FIELD_INTEGER,
      .offset = offsetof(struct retry, expected),
      .before = " of ",
      .after = " answered; sending again (try " },
    { .key = "attempt", .kind = FIELD_NUMBER, .offset = offsetof(struct retry, attempt), .before = "" },
    { .key = "attempts_max",
      .kind = FIELD_NUMBER,
      .offset = offsetof(struct retry, attempts_max),
      .before = " of ",
      .after = ")" },
    { .key = NULL },
};

void send_report_retry(struct send *send, uint32_t responders, uint32_t attempt)
{
    enum { UNANSWERED = 1, RESPONDERS };
    struct field fields[sizeof retry_fields / sizeof *retry_fields];
    bool expecting = send->settings->expect > 0;
    struct retry record = {
        .message = send->message.number,
        .responders = responders,
        .expected = expecting ? send->settings->expect : -1,
        .attempt = attempt,
        .attempts_max = (uint64_t)send->settings->retry + 1,
        .none = responders == 0,
    };

    memcpy(fields, retry_fields, sizeof fields);
    fields[expecting ? UNANSWERED : RESPONDERS].before = NULL; /* without --expect one answer is enough */
    print(send, OUTPUT_MESSAGE, "retry", fields, &record);
}

struct message_result {
    uint64_t message;
    uint64_t responders;
    int64_t expected;
    uint64_t attempts;
    int64_t slowest_ns;
    bool none;
};

static const struct field message_fields[] = {
    { .key = "message",
      .kind = FIELD_NUMBER,
      .offset = offsetof(struct message_result, message),
      .before = "message " },
    { .key = "unanswered",
      .kind = FIELD_FLAG,
      .offset = offsetof(struct message_result, none),
      .before = ": no response" },
    { .key = "responders",
      .kind = FIELD_NUMBER,
      .offset = offsetof(struct message_result, responders),
      .before = ": ",
      .after = " responder(s)" },
    { .key = "expected",
      .kind = FIELD_INTEGER,
      .offset = offsetof(struct message_result, expected),
      .before = " of ",
      .after = " expected" },
    { .key = "attempts", .kind = FIELD_NUMBER, .offset = offsetof(struct message_result, attempts) },
    { .key = "slowest",
      .kind = FIELD_DURATION,
      .offset = offsetof(struct message_result, slowest_ns),
      .before = ", slowest " },
    { .key = NULL },
};

/* "message 2: 1 responder of 2 expected, slowest 213 µs"; "message 3: no response, 2 expected" */
void send_report_message(struct send *send)
{
    enum { RESPONDERS = 2, EXPECTED };
    struct field fields[sizeof message_fields / sizeof *message_fields];
    const struct message *message = &send->message;
    struct message_result record = {
        .message = message->number,
        .responders = message->responders,
        .expected = send->settings->expect > 0 ? send->settings->expect : -1,
        .attempts = message->attempts,
        .slowest_ns = message->slowest_ns,
        .none = message->responders == 0,
    };

    memcpy(fields, message_fields, sizeof fields);
    if (message->responders >= (uint64_t)send->settings->expect)
        fields[EXPECTED].before = NULL;
    if (message->responders == 0) {
        fields[RESPONDERS].before = NULL;
        fields[EXPECTED].before = ", ";
    }
    print(send, OUTPUT_MESSAGE, "message", fields, &record);
}

/* ---- the end --------------------------------------------------------------------------------- */

struct responder_result {
    const char *peer;
    struct herald_address source;
    uint64_t source_port;
    uint64_t answered;
    uint64_t messages;
    uint64_t responses;
    int64_t mean_ns;
    int64_t slowest_ns;
};

static const struct field responder_fields[] = {
    { .key = "peer", .kind = FIELD_TEXT, .offset = offsetof(struct responder_result, peer), .before = "" },
    { .key = "source", .kind = FIELD_ADDRESS, .offset = offsetof(struct responder_result, source) },
    { .key = "source_port", .kind = FIELD_NUMBER, .offset = offsetof(struct responder_result, source_port) },
    { .key = "answered",
      .kind = FIELD_NUMBER,
      .offset = offsetof(struct responder_result, answered),
      .before = "  answered " },
    { .key = "messages",
      .kind = FIELD_NUMBER,
      .offset = offsetof(struct responder_result, messages),
      .before = " of " },
    { .key = "responses", .kind = FIELD_NUMBER, .offset = offsetof(struct responder_result, responses) },
    { .key = "mean",
      .kind = FIELD_DURATION,
      .offset = offsetof(struct responder_result, mean_ns),
      .before = ", mean " },
    { .key = "slowest",
      .kind = FIELD_DURATION,
      .offset = offsetof(struct responder_result, slowest_ns),
      .before = ", slowest " },
    { .key = NULL },
};

static void report_responders(struct send *send)
{
    for (size_t i = 0; i < send->tally.count; i++) {
        const struct responder *responder = &send->tally.items[i];
        char peer[HERALD_ENDPOINT_TEXT_BYTES] = "";
        char name[IF_NAMESIZE] = "";
        struct responder_result record = {
            .peer = peer,
            .source = responder->peer.address,
            .source_port = responder->peer.port,
            .answered = responder->answered,
            .messages = send->totals.messages,
            .responses = responder->responses,
            .mean_ns = responder->timed > 0 ? responder->sum_ns / (int64_t)responder->timed : -1,
            .slowest_ns = responder->slowest_ns,
        };

        (void)if_indextoname(responder->peer.interface_index, name);
        (void)herald_peer_format(&responder->peer, name, peer, sizeof peer);
        print(send, OUTPUT_MESSAGE, "responder", responder_fields, &record);
    }
}

struct summary {
    int64_t messages; /* this and attempts -1: the datagrams tell as much */
    uint64_t datagrams;
    uint64_t bytes;
    int64_t sending_ns;
    double rate;
    int64_t datagrams_per_second;
    int64_t wait_ns;
    bool interrupted;
    bool time_up;
    uint64_t responders;
    int64_t expected;
    uint64_t responses;
    int64_t slowest_ns;
    int64_t attempts;
    uint64_t dropped;
    int64_t unsent;
};

enum summary_index {
    SUMMARY_MESSAGES,
    SUMMARY_DATAGRAMS,
    SUMMARY_BYTES,
    SUMMARY_SENDING,
    SUMMARY_RATE,
    SUMMARY_PER_SECOND,
    SUMMARY_WAIT,
    SUMMARY_INTERRUPTED,
    SUMMARY_TIME_UP,
    SUMMARY_RESPONDERS,
    SUMMARY_EXPECTED,
    SUMMARY_RESPONSES,
    SUMMARY_SLOWEST,
    SUMMARY_ATTEMPTS,
    SUMMARY_DROPPED,
    SUMMARY_UNSENT,
    SUMMARY_END,
};

/* The human line is put together by summary_words(). */
static const struct field summary_fields[] = {
    [SUMMARY_MESSAGES] = { .key = "messages", .kind = FIELD_INTEGER, .offset = offsetof(struct summary, messages) },
    [SUMMARY_DATAGRAMS] = { .key = "datagrams", .kind = FIELD_NUMBER, .offset = offsetof(struct summary, datagrams) },
    [SUMMARY_BYTES] = { .key = "payload", .kind = FIELD_SIZE, .offset = offsetof(struct summary, bytes) },
    [SUMMARY_SENDING] = { .key = "sending", .kind = FIELD_DURATION, .offset = offsetof(struct summary, sending_ns) },
    [SUMMARY_RATE] = { .key = "rate", .kind = FIELD_RATE, .offset = offsetof(struct summary, rate) },
    [SUMMARY_PER_SECOND] = { .key = "datagrams_per_second",
                             .kind = FIELD_INTEGER,
                             .offset = offsetof(struct summary, datagrams_per_second) },
    [SUMMARY_WAIT] = { .key = "wait", .kind = FIELD_DURATION, .offset = offsetof(struct summary, wait_ns) },
    [SUMMARY_INTERRUPTED] = { .key = "interrupted",
                              .kind = FIELD_FLAG,
                              .offset = offsetof(struct summary, interrupted) },
    [SUMMARY_TIME_UP] = { .key = "time_up", .kind = FIELD_FLAG, .offset = offsetof(struct summary, time_up) },
    [SUMMARY_RESPONDERS] = { .key = "responders",
                             .kind = FIELD_NUMBER,
                             .offset = offsetof(struct summary, responders) },
    [SUMMARY_EXPECTED] = { .key = "expected", .kind = FIELD_INTEGER, .offset = offsetof(struct summary, expected) },
    [SUMMARY_RESPONSES] = { .key = "responses", .kind = FIELD_NUMBER, .offset = offsetof(struct summary, responses) },
    [SUMMARY_SLOWEST] = { .key = "slowest", .kind = FIELD_DURATION, .offset = offsetof(struct summary, slowest_ns) },
    [SUMMARY_ATTEMPTS] = { .key = "attempts", .kind = FIELD_INTEGER, .offset = offsetof(struct summary, attempts) },
    [SUMMARY_DROPPED] = { .key = "kernel_drops", .kind = FIELD_NUMBER, .offset = offsetof(struct summary, dropped) },
    [SUMMARY_UNSENT] = { .key = "unsent", .kind = FIELD_INTEGER, .offset = offsetof(struct summary, unsent) },
    [SUMMARY_END] = { .key = NULL },
};

static void say(struct field *fields, enum summary_index index, const char *before, const char *after)
{
    fields[index].before = before;
    fields[index].after = after;
}

/* "2 responders of 3 expected, 4 responses, slowest 213 µs"; what was expected is not worth a word if it came true. */
static void answer_words(const struct summary *summary, const char *opening, struct field *fields)
{
    say(fields, SUMMARY_RESPONDERS, opening, " responder(s)");
    if ((int64_t)summary->responders < summary->expected)
        say(fields, SUMMARY_EXPECTED, " of ", " expected");
    say(fields, SUMMARY_RESPONSES, ", ", " response(s)");
    say(fields, SUMMARY_SLOWEST, ", slowest ", NULL);
}

/* "no response within 500 ms, 3 expected" */
static void no_answer_words(const struct summary *summary, struct field *fields)
{
    if (summary->interrupted)
        say(fields, SUMMARY_INTERRUPTED, "no response", NULL);
    else if (summary->time_up)
        say(fields, SUMMARY_TIME_UP, "no response in the time given", NULL);
    else
        say(fields, SUMMARY_WAIT, "no response within ", NULL);
    say(fields, SUMMARY_EXPECTED, ", ", " expected");
}

static void summary_words(const struct send *send, const struct summary *summary, struct field *fields)
{
    if (send->settings->rate.kind != RATE_NONE) {
        say(fields, SUMMARY_DATAGRAMS, "", " datagram(s)");
        say(fields, SUMMARY_BYTES, ", ", NULL);
        say(fields, SUMMARY_SENDING, " in ", NULL);
        say(fields, SUMMARY_RATE, " (", ", ");
        say(fields, SUMMARY_PER_SECOND, "", " datagram(s)/s)");
        answer_words(summary, "; ", fields);
    } else if (send->messages_max != 1) {
        say(fields, SUMMARY_MESSAGES, "", " message(s)");
        answer_words(summary, ": ", fields);
        say(fields, SUMMARY_UNSENT, "; ", " not sent");
    } else if (summary->responses > 0) {
        answer_words(summary, "", fields);
    } else {
        no_answer_words(summary, fields);
    }
}

static void count_senders(const struct send *send, struct summary *summary)
{
    for (size_t i = 0; i < send->sender_count; i++) {
        struct herald_sender_stats stats;

        herald_sender_stats(send->senders[i], &stats);
        summary->datagrams += stats.datagrams;
        summary->bytes += stats.bytes;
        summary->dropped += stats.answers_dropped;
    }
}

static void warn_of_drops(struct send *send, uint64_t dropped)
{
    const struct herald_sender_facts *facts = herald_sender_facts(send->senders[0]);
    struct herald_error error;

    (void)herald_error_set(&error, -ENOBUFS,
                           "%llu answers were lost here: they came faster than they were read, and the receive buffer "
                           "has only %zu KiB",
                           (unsigned long long)dropped, facts->receive_buffer_bytes / 1024);
    if (facts->receive_buffer_bytes < facts->receive_buffer_asked_bytes)
        herald_error_advise(&error, "sudo sysctl -w net.core.rmem_max=%zu", facts->receive_buffer_asked_bytes);
    output_warning(&send->output, &error);
}

/* With -v: how the datagrams went out. */
static void note_calls(struct send *send)
{
    uint64_t datagrams = 0;
    uint64_t calls = 0;
    bool gso = false;

    for (size_t i = 0; i < send->sender_count; i++) {
        struct herald_sender_stats stats;

        herald_sender_stats(send->senders[i], &stats);
        datagrams += stats.datagrams;
        calls += stats.calls;
        gso = gso || stats.gso;
    }
    if (send->output.verbose)
        output_note(&send->output, "%llu datagrams went out by %llu system calls%s", (unsigned long long)datagrams,
                    (unsigned long long)calls, gso ? " (UDP GSO)" : "");
}

void send_report_summary(struct send *send)
{
    const struct send_totals *totals = &send->totals;
    bool stream = send->settings->rate.kind != RATE_NONE;
    struct field fields[sizeof summary_fields / sizeof *summary_fields];
    struct summary summary = {
        .messages = stream && send->sender_count == 1 ? -1 : (int64_t)totals->messages,
        .sending_ns = totals->sending_ns,
        .rate = -1,
        .datagrams_per_second = -1,
        .wait_ns = (int64_t)send->settings->wait_ns,
        .interrupted = send->interrupted,
        .time_up = send->time_up,
        .responders = send->tally.count,
        .expected = send->settings->expect > 0 ? send->settings->expect : -1,
        .responses = totals->responses,
        .slowest_ns = totals->slowest_ns,
        .attempts = stream ? -1 : (int64_t)totals->attempts,
        .unsent = totals->unsent > 0 ? (int64_t)totals->unsent : -1,
    };

    count_senders(send, &summary);
    if (totals->pacing_ns > 0) {
        double seconds = (double)totals->pacing_ns / 1e9;

        summary.rate = (double)summary.bytes * 8 / seconds;
        summary.datagrams_per_second = (int64_t)((double)summary.datagrams / seconds + 0.5);
    }
    memcpy(fields, summary_fields, sizeof fields);
    summary_words(send, &summary, fields);
    if (send->messages_max != 1 && !stream)
        report_responders(send);
    print(send, OUTPUT_MESSAGE, "summary", fields, &summary);
    note_calls(send);
    if (summary.dropped > 0)
        warn_of_drops(send, summary.dropped);
}
