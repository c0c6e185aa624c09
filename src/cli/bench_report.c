/* SPDX-License-Identifier: MIT */
/* What herald bench send says. */
#include "bench.h"
#include "reason.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define MS_NS UINT64_C(1000000)

static void print(struct bench_send *send, enum output_channel channel, const char *event, const struct field *fields,
                  const void *record)
{
    (void)output_record(&send->output, channel, event, fields, record);
}

/* ---- the first line ------------------------------------------------------------------------------ */

struct sending_record {
    const char *to;
    struct herald_address group;
    uint64_t port;
    const char *interface;
    const char *reason;
    const char *own;
    struct herald_address source;
    uint64_t source_port;
    uint64_t ttl;
    uint64_t size_bytes;
    double rate_bps; /* 0: as fast as it goes */
    const char *pace;
    uint64_t burst;
    int64_t duration_ns;
    int64_t count;
};

#define SENDING(key, kind, member, before, after)                   \
 {                                                                  \
  key, kind, offsetof(struct sending_record, member), before, after \
 }

static const struct field sending_fields[] = {
    SENDING("to", FIELD_TEXT, to, "sending to ", ""),
    SENDING("interface", FIELD_TEXT, interface, " on ", ""),
    SENDING("reason", FIELD_TEXT, reason, " (", ")"),
    SENDING("own", FIELD_TEXT, own, " from ", ""),
    SENDING("ttl", FIELD_NUMBER, ttl, ", TTL ", ""),
    SENDING("pace", FIELD_TEXT, pace, ": ", ""),
    SENDING("duration", FIELD_DURATION, duration_ns, ", for ", ""),
    SENDING("count", FIELD_INTEGER, count, ", ", " datagram(s)"),
    SENDING("group", FIELD_ADDRESS, group, NULL, NULL),
    SENDING("port", FIELD_NUMBER, port, NULL, NULL),
    SENDING("source", FIELD_ADDRESS, source, NULL, NULL),
    SENDING("source_port", FIELD_NUMBER, source_port, NULL, NULL),
    SENDING("size", FIELD_SIZE, size_bytes, NULL, NULL),
    SENDING("rate", FIELD_RATE, rate_bps, NULL, NULL),
    SENDING("burst", FIELD_NUMBER, burst, NULL, NULL),
    { NULL, FIELD_TEXT, 0, NULL, NULL },
};

/* "892.9 a second", "one every 1400 s". */
static void describe_frequency(double per_second, char *text, size_t room)
{
    char gap[UNITS_TEXT_BYTES];

    if (per_second >= 1)
        snprintf(text, room, "%.1f a second", per_second);
    else
        snprintf(text, room, "one every %s", duration_format((int64_t)(1e9 / per_second + 0.5), gap));
}

/* "10.0 Mbit/s in datagrams of 1,400 B, 892.9 a second, bursts of 1". */
static void describe_pace(double rate_bps, uint64_t size_bytes, uint64_t burst, char *text, size_t room)
{
    char rate[UNITS_TEXT_BYTES];
    char size[UNITS_TEXT_BYTES];
    char frequency[64];

    (void)size_format(size_bytes, size);
    if (rate_bps > 0) {
        describe_frequency(rate_bps / 8 / (double)size_bytes, frequency, sizeof(frequency));
        snprintf(text, room, "%s in datagrams of %s, %s, bursts of %llu", rate_format(rate_bps, rate), size, frequency,
                 (unsigned long long)burst);
    } else {
        snprintf(text, room, "as fast as it goes, in datagrams of %s, bursts of %llu", size, (unsigned long long)burst);
    }
}

static double rate_of(const struct herald_bench_run *run, uint64_t size_bytes)
{
    return run->rate_pps > 0 ? (double)run->rate_pps * 8 * (double)size_bytes : (double)run->rate_bps;
}

void bench_report_sending(struct bench_send *send, const struct herald_bench_run *run)
{
    const struct herald_sender_facts *facts = herald_bench_sender_facts(send->sender);
    const struct herald_peer own = { .address = facts->source, .port = facts->port };
    struct herald_endpoint to = send->endpoint;
    char to_text[HERALD_ENDPOINT_TEXT_BYTES] = "";
    char own_text[HERALD_ENDPOINT_TEXT_BYTES] = "";
    char pace[160];
    struct sending_record record = {
        .to = to_text,
        .group = to.group,
        .port = to.port,
        .interface = facts->interface.name,
        .reason = reason_text(facts->reason),
        .own = own_text,
        .source = facts->source,
        .source_port = facts->port,
        .ttl = facts->ttl,
        .size_bytes = herald_bench_sender_size_bytes(send->sender),
        .pace = pace,
        .duration_ns = run->duration_ns > 0 ? (int64_t)run->duration_ns : -1,
        .count = run->count > 0 ? (int64_t)run->count : -1,
    };

    record.rate_bps = rate_of(run, record.size_bytes);
    record.burst = herald_bench_burst(record.rate_bps, record.size_bytes, run->burst);
    memset(&to.source, 0, sizeof(to.source));
    (void)herald_endpoint_format(&to, to_text, sizeof(to_text));
    if (facts->source.family != HERALD_FAMILY_NONE)
        (void)herald_peer_format(&own, facts->interface.name, own_text, sizeof(own_text));
    else
        snprintf(own_text, sizeof(own_text), "port %u", facts->port);
    describe_pace(record.rate_bps, record.size_bytes, record.burst, pace, sizeof(pace));
    print(send, OUTPUT_MESSAGE, "sending", sending_fields, &record);
}

/* ---- progress --------------------------------------------------------------------------------------- */

struct progress_record {
    int64_t elapsed_ns;
    double rate_bps;
    uint64_t receivers;
    double slowest_bps; /* 0: nobody has reported */
    uint64_t lost;      /* of all together */
};

#define PROGRESS(key, kind, member, before, after)                   \
 {                                                                   \
  key, kind, offsetof(struct progress_record, member), before, after \
 }

static const struct field progress_fields[] = {
    PROGRESS("elapsed", FIELD_DURATION, elapsed_ns, "", ""),
    PROGRESS("rate", FIELD_RATE, rate_bps, ": sent at ", ""),
    PROGRESS("receivers", FIELD_NUMBER, receivers, "; ", " receiver(s) reported"),
    PROGRESS("slowest", FIELD_RATE, slowest_bps, ", slowest ", ""),
    PROGRESS("lost", FIELD_NUMBER, lost, ", lost ", " in all"),
    { NULL, FIELD_TEXT, 0, NULL, NULL },
};

enum { PROGRESS_REPORTED = 3 }; /* from this row on nothing is known while nobody has reported */

void bench_report_progress(struct bench_send *send)
{
    struct field fields[sizeof(progress_fields) / sizeof(progress_fields[0])];
    struct herald_bench_sent sent;
    struct progress_record record = { .receivers = 0 };
    double seconds;

    herald_bench_sender_sent(send->sender, &sent);
    seconds = (double)(sent.elapsed_ns - send->line_sent.elapsed_ns) / 1e9; /* of sending, not of waiting afterwards */
    if (sent.datagrams <= send->line_sent.datagrams + 1)
        return; /* it only waits for reports */
    for (size_t i = 0; i < herald_bench_sender_peer_count(send->sender); i++) {
        struct herald_bench_peer peer;

        herald_bench_sender_peer(send->sender, i, &peer);
        if (!bench_is_heard(&peer))
            continue;
        if (record.receivers == 0 || peer.figures.rate_bps < record.slowest_bps)
            record.slowest_bps = peer.figures.rate_bps;
        record.receivers++;
        record.lost += peer.figures.lost;
    }
    record.elapsed_ns = (int64_t)sent.elapsed_ns;
    record.rate_bps = seconds > 0 ? (double)(sent.bytes - send->line_sent.bytes) * 8 / seconds : 0;
    send->line_sent = sent;
    memcpy(fields, progress_fields, sizeof(fields));
    if (record.receivers == 0)
        fields[PROGRESS_REPORTED].key = NULL;
    print(send, OUTPUT_MESSAGE, "progress", fields, &record);
}

/* ---- the table ---------------------------------------------------------------------------------------- */

struct peer_texts {
    char name[HERALD_BENCH_HOST_BYTES + HERALD_ENDPOINT_TEXT_BYTES];
    char peer[HERALD_ENDPOINT_TEXT_BYTES];
    char host[HERALD_BENCH_HOST_BYTES];
    char interface[HERALD_INTERFACE_NAME_BYTES];
};

static const char *state_text(const struct herald_bench_peer *peer)
{
    switch (peer->state) {
    case HERALD_BENCH_PEER_REPORTING:
        return "unfinished";
    case HERALD_BENCH_PEER_FINAL:
        return peer->figures.ended ? "final" : "left early";
    case HERALD_BENCH_PEER_SILENT:
    case HERALD_BENCH_PEER_GIVEN_UP:
        return "silent";
    }
    return "?";
}

static void fill_peer(struct figures_record *record, struct peer_texts *texts, const struct herald_bench_peer *peer)
{
    char address[HERALD_ADDRESS_TEXT_BYTES];

    bench_fill_figures(record, &peer->figures);
    (void)herald_peer_format(&peer->address, NULL, texts->peer, sizeof(texts->peer));
    (void)herald_address_format(&peer->address.address, address, sizeof(address));
    memcpy(texts->host, peer->host, sizeof(texts->host));
    memcpy(texts->interface, peer->interface, sizeof(texts->interface));
    snprintf(texts->name, sizeof(texts->name), "%s%s%s%s", peer->host, peer->host[0] != '\0' ? " (" : "", address,
             peer->host[0] != '\0' ? ")" : "");
    record->name = texts->name;
    record->peer = texts->peer;
    record->host = texts->host[0] != '\0' ? texts->host : NULL;
    record->interface = texts->interface[0] != '\0' ? texts->interface : NULL;
    record->source = peer->address.address;
    record->source_port = peer->address.port;
    record->state = state_text(peer);
}

void bench_report_receivers(struct bench_send *send)
{
    size_t count = herald_bench_sender_peer_count(send->sender);
    struct figures_record *records = calloc(count + 1, sizeof(*records));
    struct peer_texts *texts = calloc(count + 1, sizeof(*texts));
    size_t *order = bench_order(send->sender);

    for (size_t i = 0; records != NULL && texts != NULL && order != NULL && i < count; i++) {
        struct herald_bench_peer peer;

        herald_bench_sender_peer(send->sender, order[i], &peer);
        fill_peer(&records[i], &texts[i], &peer);
    }
    if (records != NULL && texts != NULL && order != NULL && count > 0)
        (void)output_table(&send->output, OUTPUT_DATA, "receiver", bench_table_fields, records, sizeof(*records),
                           count);
    free(records);
    free(texts);
    free(order);
}

/* ---- the summary ---------------------------------------------------------------------------------------- */

struct summary_record {
    uint64_t datagrams;
    uint64_t sent_bytes;
    int64_t elapsed_ns;
    double rate_bps; /* -1: all of it left in one instant */
    double asked_bps;
    const char *short_of; /* NULL: the rate was reached */
    uint64_t burst;
    bool segmented;
    uint64_t waits;
    uint64_t queue_drops;
    uint64_t receivers;
    int64_t expected; /* -1: nobody in particular */
    uint64_t unfinished;
    uint64_t lossy;
    bool interrupted;
};

#define SUMMARY(key, kind, member, before, after)                   \
 {                                                                  \
  key, kind, offsetof(struct summary_record, member), before, after \
 }

enum { SUMMARY_UNFINISHED = 9, SUMMARY_LOSSY = 10 }; /* rows that say nothing to people when they are 0 */

static const struct field summary_fields[] = {
    SUMMARY("interrupted", FIELD_FLAG, interrupted, "interrupted; ", ""),
    SUMMARY("datagrams", FIELD_NUMBER, datagrams, "sent ", " datagram(s)"),
    SUMMARY("sent", FIELD_SIZE, sent_bytes, ", ", ""),
    SUMMARY("elapsed", FIELD_DURATION, elapsed_ns, " in ", ""),
    SUMMARY("rate", FIELD_RATE, rate_bps, ": ", ""),
    SUMMARY("short_of", FIELD_TEXT, short_of, ", ", ""),
    SUMMARY("burst", FIELD_NUMBER, burst, " in bursts of ", ""),
    SUMMARY("receivers", FIELD_NUMBER, receivers, "; ", " receiver(s) reported"),
    SUMMARY("expected", FIELD_INTEGER, expected, " of ", " expected"),
    [SUMMARY_UNFINISHED] = SUMMARY("unfinished", FIELD_NUMBER, unfinished, ", ", " not to the end"),
    [SUMMARY_LOSSY] = SUMMARY("lossy", FIELD_NUMBER, lossy, "; ", " lost something"),
    SUMMARY("asked", FIELD_RATE, asked_bps, NULL, NULL),
    SUMMARY("segmented", FIELD_FLAG, segmented, NULL, NULL),
    SUMMARY("waits", FIELD_NUMBER, waits, NULL, NULL),
    SUMMARY("queue_drops", FIELD_NUMBER, queue_drops, NULL, NULL),
    { NULL, FIELD_TEXT, 0, NULL, NULL },
};

/* Receivers cannot tell this from loss in the network, and each send has succeeded. */
static void warn_of_queue(struct bench_send *send, uint64_t drops)
{
    const char *interface = herald_bench_sender_facts(send->sender)->interface.name;
    struct herald_error error;

    herald_error_set(&error, -ENOBUFS, "this host itself has dropped %llu packet%s, in the queue of %s",
                     (unsigned long long)drops, drops == 1 ? "" : "s", interface);
    herald_error_advise(&error, "a lower --rate; tc -s qdisc show dev %s", interface);
    output_warning(&send->output, &error);
}

void bench_report_summary(struct bench_send *send)
{
    struct field fields[sizeof(summary_fields) / sizeof(summary_fields[0])];
    struct herald_bench_sent sent;
    char rate[UNITS_TEXT_BYTES];
    char short_of[128];
    struct summary_record record = {
        .interrupted = send->interrupted,
        .expected = send->settings->expect > 0 ? send->settings->expect : -1,
    };

    herald_bench_sender_sent(send->sender, &sent);
    for (size_t i = 0; i < herald_bench_sender_peer_count(send->sender); i++) {
        struct herald_bench_peer peer;

        herald_bench_sender_peer(send->sender, i, &peer);
        record.receivers += bench_is_heard(&peer);
        record.unfinished += !bench_is_whole(&peer);
        record.lossy += peer.figures.lost > 0;
    }
    record.datagrams = sent.datagrams;
    record.sent_bytes = sent.bytes;
    record.elapsed_ns = (int64_t)sent.elapsed_ns;
    record.rate_bps = sent.rate_bps > 0 ? sent.rate_bps : -1;
    record.asked_bps = sent.asked_bps;
    record.burst = sent.burst;
    record.segmented = sent.segmented;
    record.waits = sent.waits;
    record.queue_drops = sent.queue_drops;
    if (sent.asked_bps > 0 && sent.rate_bps < 0.98 * sent.asked_bps && sent.elapsed_ns > 500 * MS_NS) {
        snprintf(short_of, sizeof(short_of), "not the %s asked for: %s,", rate_format(sent.asked_bps, rate),
                 sent.waits > 0 ? "the interface is slower" : "this host was not fast enough");
        record.short_of = short_of;
    }
    memcpy(fields, summary_fields, sizeof(fields));
    if (record.unfinished == 0)
        fields[SUMMARY_UNFINISHED].before = NULL;
    if (record.lossy == 0)
        fields[SUMMARY_LOSSY].before = NULL;
    print(send, OUTPUT_MESSAGE, "summary", fields, &record);
    if (sent.queue_drops > 0)
        warn_of_queue(send, sent.queue_drops);
}

/* ---- the search ------------------------------------------------------------------------------------------ */

struct trial_record {
    uint64_t trial;
    const char *kind;
    double rate_bps;
    double sent_bps;
    bool passed;
    const char *verdict;
};

#define TRIAL(key, kind, member, before, after)                   \
 {                                                                \
  key, kind, offsetof(struct trial_record, member), before, after \
 }

static const struct field trial_fields[] = {
    TRIAL("trial", FIELD_NUMBER, trial, "trial ", ""),
    TRIAL("kind", FIELD_TEXT, kind, " (", ")"),
    TRIAL("asked", FIELD_RATE, rate_bps, ": ", ""),
    TRIAL("rate", FIELD_RATE, sent_bps, NULL, NULL),
    TRIAL("passed", FIELD_FLAG, passed, NULL, NULL),
    TRIAL("verdict", FIELD_TEXT, verdict, ": ", ""),
    { NULL, FIELD_TEXT, 0, NULL, NULL },
};

void bench_report_trial(struct bench_send *send, const struct herald_bench_search *search, bool passed,
                        const char *verdict)
{
    struct herald_bench_sent sent;
    struct trial_record record = {
        .trial = search->trials + 1,
        .kind = search->state == HERALD_BENCH_SEARCH_CONFIRM ? "longer, to confirm" : NULL,
        .rate_bps = search->rate_bps,
        .passed = passed,
        .verdict = verdict,
    };

    herald_bench_sender_sent(send->sender, &sent);
    record.sent_bps = sent.rate_bps;
    print(send, OUTPUT_MESSAGE, "trial", trial_fields, &record);
}

struct found_record {
    double rate_bps;
    uint64_t datagrams_per_second;
    uint64_t size_bytes;
    uint64_t trials;
    const char *limit;
    const char *cause;
};

#define FOUND(key, kind, member, before, after)                   \
 {                                                                \
  key, kind, offsetof(struct found_record, member), before, after \
 }

static const struct field found_fields[] = {
    FOUND("rate", FIELD_RATE, rate_bps, "highest rate without loss: ", ""),
    FOUND("datagrams_per_second", FIELD_NUMBER, datagrams_per_second, " (", " datagram(s) a second"),
    FOUND("size", FIELD_SIZE, size_bytes, " of ", ")"),
    FOUND("trials", FIELD_NUMBER, trials, ", after ", " trial(s)"),
    FOUND("limit", FIELD_TEXT, limit, "; limited by ", ""),
    FOUND("cause", FIELD_TEXT, cause, ": ", ""),
    { NULL, FIELD_TEXT, 0, NULL, NULL },
};

void bench_report_found(struct bench_send *send, const struct herald_bench_search *search, const char *limit,
                        const char *cause)
{
    struct field fields[sizeof(found_fields) / sizeof(found_fields[0])];
    uint64_t size_bytes = herald_bench_sender_size_bytes(send->sender);
    const struct found_record record = {
        .rate_bps = search->best_bps,
        .datagrams_per_second = (uint64_t)(search->best_bps / 8 / (double)size_bytes + 0.5),
        .size_bytes = size_bytes,
        .trials = search->trials,
        .limit = limit,
        .cause = cause,
    };

    memcpy(fields, found_fields, sizeof(fields));
    if (send->loss_limit > 0)
        fields[0].before = "highest rate within --loss-limit: ";
    print(send, OUTPUT_DATA, "found", fields, &record);
}
