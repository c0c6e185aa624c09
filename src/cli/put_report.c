/* SPDX-License-Identifier: MIT */
/* What herald put says besides how far it is: its records and their fields. */
#include "put.h"
#include "reason.h"
#include "status.h"
#include "words.h"

#include <errno.h>
#include <net/if.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum {
    MISSING_SHOWN = 5,
    OVERHEAD_BYTES_MIN = 100000, /* of less, what the protocol needs is not worth a number */
};

/* ---- receivers ------------------------------------------------------------------------------- */

size_t put_take_recipients(struct put *put)
{
    struct herald_delivery_progress progress;
    size_t count = 0;

    herald_delivery_get_progress(put->delivery, &progress);
    if (progress.receivers > put->recipient_room) {
        size_t room = (size_t)progress.receivers * 2;
        struct herald_recipient *larger = reallocarray(put->recipients, room, sizeof *larger);

        if (larger != NULL) {
            put->recipients = larger;
            put->recipient_room = room;
        }
    }
    while (count < put->recipient_room &&
           herald_delivery_get_recipient(put->delivery, (uint32_t)count, &put->recipients[count]) == 0)
        count++;
    return count;
}

static bool is_complete(const struct herald_recipient *recipient)
{
    return recipient->state == HERALD_RECIPIENT_COMPLETE || recipient->state == HERALD_RECIPIENT_CONFIRMED;
}

struct put_count put_count_recipients(struct put *put)
{
    size_t known = put_take_recipients(put);
    struct put_count count = { .known = (uint32_t)known };

    for (size_t i = 0; i < known; i++) {
        count.answered += put->recipients[i].state != HERALD_RECIPIENT_EXPECTED;
        count.complete += is_complete(&put->recipients[i]);
    }
    count.lacking = count.known - count.complete;
    return count;
}

const char *put_recipient_name(const struct herald_recipient *recipient, char text[HERALD_ENDPOINT_TEXT_BYTES])
{
    if (recipient->host[0] != '\0')
        return recipient->host;
    if (recipient->address.address.family != HERALD_FAMILY_NONE)
        (void)herald_address_format(&recipient->address.address, text, HERALD_ENDPOINT_TEXT_BYTES);
    else
        (void)snprintf(text, HERALD_ENDPOINT_TEXT_BYTES, "node:%u", recipient->node_id);
    return text;
}

static const char *state_name(enum herald_recipient_state state)
{
    switch (state) {
    case HERALD_RECIPIENT_EXPECTED:
        return "expected";
    case HERALD_RECIPIENT_HERE:
        return "here";
    case HERALD_RECIPIENT_RECEIVING:
        return "receiving";
    case HERALD_RECIPIENT_COMPLETE:
        return "complete";
    case HERALD_RECIPIENT_CONFIRMED:
        return "confirmed";
    case HERALD_RECIPIENT_FAILED:
        return "failed";
    case HERALD_RECIPIENT_BEHIND:
        return "behind";
    case HERALD_RECIPIENT_VANISHED:
        return "vanished";
    }
    return "?";
}

/* In the end: whether it has everything, and how sure that is. */
static const char *result_text(enum herald_recipient_state state)
{
    switch (state) {
    case HERALD_RECIPIENT_EXPECTED:
        return "never came";
    case HERALD_RECIPIENT_HERE:
        return "nothing";
    case HERALD_RECIPIENT_RECEIVING:
        return "incomplete";
    case HERALD_RECIPIENT_COMPLETE:
        return "verified";
    case HERALD_RECIPIENT_CONFIRMED:
        return "confirmed";
    case HERALD_RECIPIENT_FAILED:
        return "failed";
    case HERALD_RECIPIENT_BEHIND:
        return "left behind";
    case HERALD_RECIPIENT_VANISHED:
        return "vanished";
    }
    return "?";
}

/* ---- the first line -------------------------------------------------------------------------- */

struct delivering {
    const char *to;
    struct herald_address group;
    uint64_t port;
    const char *interface;
    const char *reason;
    struct herald_address source;
    uint64_t ttl;
    uint64_t node_id;
    int64_t objects; /* -1: not known, as of the next */
    const char *size;
    int64_t bytes;
    const char *name; /* of a stream */
    const char *rate;
    const char *expecting;
    const char *buffer_note;
};

#define DELIVERING(key, kind, member, before, after)            \
 {                                                              \
  key, kind, offsetof(struct delivering, member), before, after \
 }

static const struct field delivering_fields[] = {
    DELIVERING("objects", FIELD_INTEGER, objects, "putting ", " object(s)"),
    DELIVERING("size", FIELD_TEXT, size, ", ", ","),
    DELIVERING("data_bytes", FIELD_INTEGER, bytes, NULL, NULL),
    DELIVERING("name", FIELD_TEXT, name, "putting standard input as ", ""),
    DELIVERING("to", FIELD_TEXT, to, " to ", ""),
    DELIVERING("group", FIELD_ADDRESS, group, NULL, NULL),
    DELIVERING("port", FIELD_NUMBER, port, NULL, NULL),
    DELIVERING("interface", FIELD_TEXT, interface, " on ", ""),
    DELIVERING("reason", FIELD_TEXT, reason, " (", ")"),
    DELIVERING("source", FIELD_ADDRESS, source, " from ", ""),
    DELIVERING("ttl", FIELD_NUMBER, ttl, ", TTL ", ""),
    DELIVERING("node_id", FIELD_NUMBER, node_id, ", node ", ""),
    DELIVERING("rate_mode", FIELD_TEXT, rate, ", rate ", ""),
    DELIVERING("expecting", FIELD_TEXT, expecting, "; expecting ", ""),
    DELIVERING("receive_buffer_note", FIELD_TEXT, buffer_note, "; ", ""),
    { NULL, FIELD_TEXT, 0, NULL, NULL },
};

/* What the line is made of, besides numbers. */
struct delivering_texts {
    char to[HERALD_ENDPOINT_TEXT_BYTES];
    char size[UNITS_TEXT_BYTES];
    char rate[96];
    char expecting[96];
    char buffer[UNITS_NOTE_BYTES];
};

static const char *rate_text(const struct put *put, char text[96])
{
    const struct herald_delivery_config *config = &put->config;
    char rate[UNITS_TEXT_BYTES];

    switch (config->rate_mode) {
    case HERALD_NORM_RATE_AUTO:
        return "auto";
    case HERALD_NORM_RATE_TFMCC:
        if (config->rate_max_bytes_per_s == 0)
            return "fair to TCP";
        (void)snprintf(text, 96, "fair to TCP, at most %s",
                       rate_format((double)config->rate_max_bytes_per_s * 8, rate));
        return text;
    case HERALD_NORM_RATE_FIXED:
        if (config->rate_bytes_per_s == HERALD_NORM_RATE_MAX_BYTES_PER_S)
            return "max";
        (void)snprintf(text, 96, "%s", rate_format((double)config->rate_bytes_per_s * 8, rate));
        return text;
    }
    return "?";
}

static const char *expecting_text(const struct put *put, char text[96])
{
    long long count = (long long)put->settings->expect;

    if (put->settings->silent_receivers)
        return "no answers";
    if (put->hosts.count > 0 && count > (long long)put->hosts.count)
        (void)snprintf(text, 96, "%lld receivers, and %zu by name among them", count, put->hosts.count);
    else if (put->hosts.count > 0)
        (void)snprintf(text, 96, "%zu receiver%s by name", put->hosts.count, put->hosts.count == 1 ? "" : "s");
    else if (count > 0)
        (void)snprintf(text, 96, "%lld receiver%s", count, count == 1 ? "" : "s");
    else
        return NULL;
    return text;
}

static void warn(struct put *put, int code, const char *cause, const char *advice)
{
    struct herald_error error;

    (void)herald_error_set(&error, code, "%s", cause);
    if (advice != NULL)
        herald_error_advise(&error, "%s", advice);
    output_warning(&put->output, &error);
}

static void warn_of_interface(struct put *put, const struct herald_sender_facts *facts)
{
    const char *name = facts->interface.name;
    char cause[128];
    char advice[128];

    if (facts->source.family == HERALD_FAMILY_NONE) {
        (void)snprintf(cause, sizeof cause, "%s has no IPv%d address: nobody can answer", name,
                       (int)put->endpoint.group.family);
        (void)snprintf(advice, sizeof advice, "ip address show dev %s", name);
        warn(put, -EADDRNOTAVAIL, cause, advice);
    }
    if (!facts->interface.carrier) {
        (void)snprintf(cause, sizeof cause, "%s has no carrier: nobody but this host can hear it", name);
        (void)snprintf(advice, sizeof advice, "ip link show dev %s; is the cable plugged in?", name);
        warn(put, -ENETDOWN, cause, advice);
    }
}

/* Likely mistyped, and then more is sent than should be. */
static void warn_of_excludes(struct put *put)
{
    const struct text_list *excludes = &put->settings->excludes;
    char cause[200];

    for (size_t i = 0; i < excludes->count; i++) {
        if (herald_delivery_has_excluded(put->delivery, excludes->items[i]))
            continue;
        (void)snprintf(cause, sizeof cause, "--exclude '%.120s' left nothing out", excludes->items[i]);
        warn(put, -ENOENT, cause, NULL);
    }
}

void put_introduce(struct put *put)
{
    const struct herald_sender_facts *facts = herald_delivery_facts(put->delivery);
    struct herald_endpoint to = put->endpoint;
    struct herald_delivery_progress progress;
    struct delivering_texts texts;
    struct delivering record;

    herald_delivery_get_progress(put->delivery, &progress);
    memset(&to.source, 0, sizeof to.source);
    memset(to.interface, 0, sizeof to.interface);
    if (herald_address_needs_zone(&to.group))
        memcpy(to.interface, facts->interface.name, sizeof to.interface);
    (void)herald_endpoint_format(&to, texts.to, sizeof texts.to);
    record = (struct delivering){
        .to = texts.to,
        .group = to.group,
        .port = to.port,
        .interface = facts->interface.name,
        .reason = reason_text(facts->reason),
        .source = facts->source,
        .ttl = facts->ttl,
        .node_id = herald_delivery_node_id(put->delivery),
        .objects = put->reads_stdin ? -1 : (int64_t)progress.objects,
        .size = put->reads_stdin ? NULL : size_format(progress.bytes, texts.size),
        .bytes = put->reads_stdin ? -1 : (int64_t)progress.bytes,
        .name = !put->reads_stdin             ? NULL
                : put->settings->name != NULL ? put->settings->name
                                              : "stdin",
        .rate = rate_text(put, texts.rate),
        .expecting = expecting_text(put, texts.expecting),
        .buffer_note = buffer_note_format(facts->receive_buffer_bytes, facts->receive_buffer_asked_bytes, texts.buffer),
    };
    (void)output_record(&put->output, OUTPUT_MESSAGE, "delivering", delivering_fields, &record);
    warn_of_interface(put, facts);
    warn_of_excludes(put);
    if (put->output.verbose)
        output_note(&put->output,
                    "blocks of %u + %u segments (FEC %u), %u%% of parity unasked; %zu bytes fit into one "
                    "packet on %s",
                    put->config.block_segments, put->config.parity_segments, put->config.fec_id,
                    put->config.fec_percent, facts->payload_max_bytes, facts->interface.name);
}

/* ---- what happens ---------------------------------------------------------------------------- */

struct receiver_record {
    const char *text;
    const char *host;
    const char *peer;
    struct herald_address source;
    int64_t source_port;
    int64_t node_id;
    const char *state;
    bool expected;
    bool is_herald;
    const char *reason;
};

#define RECEIVER(key, kind, member, before, after)                   \
 {                                                                   \
  key, kind, offsetof(struct receiver_record, member), before, after \
 }

enum { RECEIVER_TEXT, RECEIVER_HOST, RECEIVER_PEER, RECEIVER_NODE = 5, RECEIVER_REASON = 9, RECEIVER_END };

static const struct field receiver_fields[] = {
    [RECEIVER_TEXT] = RECEIVER("text", FIELD_TEXT, text, "", ""),
    [RECEIVER_HOST] = RECEIVER("host", FIELD_TEXT, host, "", ""),
    [RECEIVER_PEER] = RECEIVER("peer", FIELD_TEXT, peer, "  ", ""),
    RECEIVER("source", FIELD_ADDRESS, source, NULL, NULL),
    RECEIVER("source_port", FIELD_INTEGER, source_port, NULL, NULL),
    [RECEIVER_NODE] = RECEIVER("node_id", FIELD_INTEGER, node_id, "  node ", ""),
    RECEIVER("state", FIELD_TEXT, state, NULL, NULL),
    RECEIVER("expected", FIELD_FLAG, expected, NULL, NULL),
    RECEIVER("herald", FIELD_FLAG, is_herald, NULL, NULL),
    [RECEIVER_REASON] = RECEIVER("reason", FIELD_TEXT, reason, ": ", ""),
    [RECEIVER_END] = { NULL, FIELD_TEXT, 0, NULL, NULL },
};

/* What a change of state is worth to be told in words; NULL: it only is in JSON. */
static const char *state_words(enum herald_recipient_state state)
{
    switch (state) {
    case HERALD_RECIPIENT_HERE:
        return "here: ";
    case HERALD_RECIPIENT_FAILED:
        return "failed: ";
    case HERALD_RECIPIENT_BEHIND:
        return "left behind: ";
    case HERALD_RECIPIENT_VANISHED:
        return "not heard of any more: ";
    case HERALD_RECIPIENT_EXPECTED:
    case HERALD_RECIPIENT_RECEIVING:
    case HERALD_RECIPIENT_COMPLETE:
    case HERALD_RECIPIENT_CONFIRMED:
        return NULL;
    }
    return NULL;
}

static const char *peer_text(const struct herald_recipient *recipient, char text[HERALD_ENDPOINT_TEXT_BYTES])
{
    char interface[IF_NAMESIZE] = "";

    if (recipient->address.address.family == HERALD_FAMILY_NONE)
        return NULL;
    (void)if_indextoname(recipient->address.interface_index, interface);
    (void)herald_peer_format(&recipient->address, interface, text, HERALD_ENDPOINT_TEXT_BYTES);
    return text;
}

static void report_recipient(struct put *put, const struct herald_recipient *recipient)
{
    struct field fields[RECEIVER_END + 1];
    char peer[HERALD_ENDPOINT_TEXT_BYTES];
    struct receiver_record record = {
        .text = state_words(recipient->state),
        .host = recipient->host[0] != '\0' ? recipient->host : NULL,
        .peer = peer_text(recipient, peer),
        .source = recipient->address.address,
        .source_port = recipient->address.port > 0 ? recipient->address.port : -1,
        .node_id = recipient->node_id != HERALD_NORM_NODE_NONE ? (int64_t)recipient->node_id : -1,
        .state = state_name(recipient->state),
        .expected = recipient->is_expected,
        .is_herald = recipient->is_herald,
        .reason = recipient->reason[0] != '\0' ? recipient->reason : NULL,
    };

    if (record.text == NULL && !put->output.json)
        return;
    memcpy(fields, receiver_fields, sizeof fields);
    if (put->output.json)
        record.text = NULL;
    if (record.host == NULL)
        fields[RECEIVER_PEER].before = "";
    (void)output_record(&put->output, OUTPUT_MESSAGE, "receiver", fields, &record);
}

/* A fifo, socket or device: that it is left out is said, but nobody misses it. */
static bool is_special(const char *path)
{
    struct stat status;

    return lstat(path, &status) == 0 && !S_ISREG(status.st_mode) && !S_ISDIR(status.st_mode) &&
           !S_ISLNK(status.st_mode);
}

static void report_unreadable(struct put *put, const struct herald_delivery_event *event)
{
    struct herald_error warning = event->error;

    put->unreadable += event->path == NULL || !is_special(event->path);
    if (event->path != NULL && !words_are_about(warning.cause, event->path)) {
        (void)herald_error_set(&warning, event->error.code, "%.120s: %.120s", event->path, event->error.cause);
        herald_error_advise(&warning, "%s", event->error.advice);
    }
    output_warning(&put->output, &warning);
}

static void report_network(struct put *put, const struct herald_error *error)
{
    if (error->code != 0)
        output_warning(&put->output, error);
    else
        output_note(&put->output, "sending works again on %s", herald_delivery_facts(put->delivery)->interface.name);
}

/* When the last of it was out for the first time: where nobody answers there is no other end. */
static void note_phase(struct put *put, enum herald_delivery_phase phase)
{
    struct herald_delivery_progress progress;

    if (phase <= HERALD_DELIVERY_SENDING || put->sent_after_ns > 0)
        return;
    herald_delivery_get_progress(put->delivery, &progress);
    put->sent_after_ns = progress.elapsed_ns;
}

void put_report_events(struct put *put)
{
    struct herald_delivery_event event;

    while (herald_delivery_next_event(put->delivery, &event) > 0) {
        switch (event.kind) {
        case HERALD_DELIVERY_RECIPIENT:
            report_recipient(put, event.recipient);
            break;
        case HERALD_DELIVERY_PHASE:
            note_phase(put, event.phase);
            put_show_phase(put);
            break;
        case HERALD_DELIVERY_UNREADABLE:
            report_unreadable(put, &event);
            break;
        case HERALD_DELIVERY_NETWORK:
            report_network(put, &event.error);
            break;
        case HERALD_DELIVERY_SAME_ID:
            warn(put, event.error.code, event.error.cause,
                 "herald get with another --node-id, or none, at one of them");
            break;
        }
    }
}

/* ---- receipts -------------------------------------------------------------------------------- */

struct receipt {
    const char *host;
    struct herald_address source;
    int64_t node_id;
    uint64_t bytes;
    uint64_t objects;
    uint64_t failed_objects;
    const char *result;
    const char *state;
    bool complete;
    bool verified;
    bool expected;
    bool is_herald;
    uint64_t repairs;
    int64_t duration_ns;
    const char *reason;
};

#define RECEIPT(key, kind, member, before, after)            \
 {                                                           \
  key, kind, offsetof(struct receipt, member), before, after \
 }

static const struct field receipt_fields[] = {
    RECEIPT("host", FIELD_TEXT, host, "RECEIVER", NULL),
    RECEIPT("source", FIELD_ADDRESS, source, "ADDRESS", NULL),
    RECEIPT("node_id", FIELD_INTEGER, node_id, "NODE", NULL),
    RECEIPT("received", FIELD_SIZE, bytes, "HAS", NULL),
    RECEIPT("objects", FIELD_NUMBER, objects, NULL, NULL),
    RECEIPT("failed_objects", FIELD_NUMBER, failed_objects, NULL, NULL),
    RECEIPT("repaired_segments", FIELD_NUMBER, repairs, "REPAIRS", NULL),
    RECEIPT("duration", FIELD_DURATION, duration_ns, "TIME", NULL),
    RECEIPT("result", FIELD_TEXT, result, "RESULT", NULL),
    RECEIPT("state", FIELD_TEXT, state, NULL, NULL),
    RECEIPT("complete", FIELD_FLAG, complete, NULL, NULL),
    RECEIPT("verified", FIELD_FLAG, verified, NULL, NULL),
    RECEIPT("expected", FIELD_FLAG, expected, NULL, NULL),
    RECEIPT("herald", FIELD_FLAG, is_herald, NULL, NULL),
    RECEIPT("reason", FIELD_TEXT, reason, "WHY", NULL),
    { NULL, FIELD_TEXT, 0, NULL, NULL },
};

static struct receipt make_receipt(const struct herald_recipient *recipient)
{
    return (struct receipt){
        .host = recipient->host[0] != '\0' ? recipient->host : NULL,
        .source = recipient->address.address,
        .node_id = recipient->node_id != HERALD_NORM_NODE_NONE ? (int64_t)recipient->node_id : -1,
        .bytes = recipient->bytes,
        .objects = recipient->objects,
        .failed_objects = recipient->failed_objects,
        .result = result_text(recipient->state),
        .state = state_name(recipient->state),
        .complete = is_complete(recipient),
        .verified = recipient->state == HERALD_RECIPIENT_COMPLETE,
        .expected = recipient->is_expected,
        .is_herald = recipient->is_herald,
        .repairs = recipient->repaired_segments,
        .duration_ns = is_complete(recipient) ? (int64_t)recipient->duration_ns : -1,
        .reason = recipient->reason[0] != '\0' ? recipient->reason : NULL,
    };
}

/* @return 0; -errno, which was told. */
static int write_receipts(struct put *put, const struct receipt *receipts, size_t count)
{
    struct herald_error error;
    int result = put_receipts_begin(put, &error);

    if (result >= 0) {
        (void)output_table(&put->receipts.output, OUTPUT_DATA, "receipt", receipt_fields, receipts, sizeof *receipts,
                           count);
        result = put_receipts_end(put, &error);
    }
    if (result < 0)
        options_report(&put->output, &error, STATUS_FAILED);
    return result;
}

/* @return 0; -errno: not all of them could be written. */
static int print_receipts(struct put *put, size_t count)
{
    int result = 0;

    struct receipt *receipts = calloc(count + 1, sizeof *receipts);

    if (receipts == NULL)
        return -ENOMEM;
    for (size_t i = 0; i < count; i++)
        receipts[i] = make_receipt(&put->recipients[i]);
    (void)output_table(&put->output, OUTPUT_DATA, "receipt", receipt_fields, receipts, sizeof *receipts, count);
    if (put->settings->receipts != NULL && count > 0)
        result = write_receipts(put, receipts, count);
    free(receipts);
    return result;
}

/* ---- the last line --------------------------------------------------------------------------- */

struct summary {
    uint64_t complete;
    uint64_t receivers;
    uint64_t objects;
    uint64_t bytes;
    uint64_t sent_bytes;
    int64_t elapsed_ns;
    double rate;
    uint64_t wire_bytes;
    const char *overhead;
    uint64_t repairs;
    int64_t unreadable; /* -1: none */
    struct list missing;
    int64_t never_heard; /* more are expected than were heard or named; -1: none */
    bool interrupted;
};

#define SUMMARY(key, kind, member, before, after)            \
 {                                                           \
  key, kind, offsetof(struct summary, member), before, after \
 }

enum {
    SUMMARY_INTERRUPTED,
    SUMMARY_COMPLETE,
    SUMMARY_RECEIVERS,
    SUMMARY_OBJECTS,
    SUMMARY_SENT = 5,
    SUMMARY_MISSING = 11,
    SUMMARY_NEVER_HEARD,
    SUMMARY_END = 14
};

static const struct field summary_fields[] = {
    [SUMMARY_INTERRUPTED] = SUMMARY("interrupted", FIELD_FLAG, interrupted, "interrupted: ", ""),
    [SUMMARY_COMPLETE] = SUMMARY("complete", FIELD_NUMBER, complete, "", ""),
    [SUMMARY_RECEIVERS] = SUMMARY("receivers", FIELD_NUMBER, receivers, " of ", " receiver(s) have everything: "),
    [SUMMARY_OBJECTS] = SUMMARY("objects", FIELD_NUMBER, objects, "", " object(s), "),
    SUMMARY("data", FIELD_SIZE, bytes, "", ""),
    [SUMMARY_SENT] = SUMMARY("sent", FIELD_SIZE, sent_bytes, NULL, " of it sent)"),
    SUMMARY("elapsed", FIELD_DURATION, elapsed_ns, " in ", ""),
    SUMMARY("rate", FIELD_RATE, rate, " (", ")"),
    SUMMARY("wire", FIELD_SIZE, wire_bytes, NULL, NULL),
    SUMMARY("overhead", FIELD_TEXT, overhead, ", ", " sent per byte"),
    SUMMARY("repairs", FIELD_NUMBER, repairs, NULL, NULL),
    [SUMMARY_MISSING] = SUMMARY("missing", FIELD_LIST, missing, NULL, ""),
    [SUMMARY_NEVER_HEARD] = SUMMARY("never_heard", FIELD_INTEGER, never_heard, "; missing: ", " that were never heard"),
    SUMMARY("unreadable", FIELD_INTEGER, unreadable, "; not sent for they could not be read: ", ""),
    [SUMMARY_END] = { NULL, FIELD_TEXT, 0, NULL, NULL },
};

/* Who does not have everything. @return their number; texts in `names` and `rooms`, both with place for `count`. */
static size_t collect_missing(const struct put *put, size_t count, const char **names,
                              char (*rooms)[HERALD_ENDPOINT_TEXT_BYTES])
{
    size_t missing = 0;

    for (size_t i = 0; i < count; i++)
        if (!is_complete(&put->recipients[i])) {
            names[missing] = put_recipient_name(&put->recipients[i], rooms[missing]);
            missing++;
        }
    return missing;
}

/* Until the last receiver had everything, if all have; staying on for those who come late does not count. */
static uint64_t time_taken(const struct put *put, size_t count, size_t missing, uint64_t elapsed_ns)
{
    uint64_t slowest_ns = 0;

    if (put->settings->silent_receivers)
        return put->sent_after_ns > 0 && !put->settings->repeat ? put->sent_after_ns : elapsed_ns;
    for (size_t i = 0; i < count; i++)
        if (put->recipients[i].duration_ns > slowest_ns)
            slowest_ns = put->recipients[i].duration_ns;
    return missing == 0 && slowest_ns > 0 ? slowest_ns : elapsed_ns;
}

static void print_summary(struct put *put, size_t count)
{
    const char **names = calloc(count + 1, sizeof *names);
    char(*rooms)[HERALD_ENDPOINT_TEXT_BYTES] = calloc(count + 1, sizeof *rooms);
    size_t missing = names != NULL && rooms != NULL ? collect_missing(put, count, names, rooms) : 0;
    struct field fields[SUMMARY_END + 1];
    struct herald_delivery_progress progress;
    int64_t unheard;
    double seconds;
    char overhead[32];
    struct summary record;

    herald_delivery_get_progress(put->delivery, &progress);
    progress.elapsed_ns = time_taken(put, count, missing, progress.elapsed_ns);
    unheard = put->settings->expect - (int64_t)progress.receivers;
    seconds = (double)progress.elapsed_ns / 1e9;
    (void)snprintf(overhead, sizeof overhead, "%.3f bytes",
                   progress.bytes_sent > 0 ? (double)progress.wire_bytes / (double)progress.bytes_sent : 0);
    record = (struct summary){
        .interrupted = put->interrupted && progress.phase != HERALD_DELIVERY_SERVING,
        .complete = progress.complete,
        .receivers = progress.receivers + (uint64_t)(unheard > 0 ? unheard : 0),
        .objects = progress.objects,
        .bytes = progress.bytes,
        .sent_bytes = progress.bytes_sent,
        .elapsed_ns = (int64_t)progress.elapsed_ns,
        .rate = seconds > 0 ? (double)progress.bytes_sent * 8 / seconds : -1,
        .wire_bytes = progress.wire_bytes,
        .overhead = progress.bytes_sent >= OVERHEAD_BYTES_MIN ? overhead : NULL,
        .repairs = progress.repair_datagrams,
        .unreadable = put->unreadable > 0 ? (int64_t)put->unreadable : -1,
        .missing = { names, missing, MISSING_SHOWN, NULL },
        .never_heard = unheard > 0 ? unheard : -1,
    };
    memcpy(fields, summary_fields, sizeof fields);
    if (missing > 0) {
        fields[SUMMARY_MISSING].before = "; missing: ";
        fields[SUMMARY_NEVER_HEARD].before = ", and ";
    }
    if (unheard == 1)
        fields[SUMMARY_NEVER_HEARD].after = " that was never heard";
    if (progress.bytes_sent < progress.bytes)
        fields[SUMMARY_SENT].before = " (";
    if (record.receivers == 1)
        fields[SUMMARY_RECEIVERS].after = " receiver has everything: ";
    if (put->settings->silent_receivers) {
        fields[SUMMARY_COMPLETE].before = fields[SUMMARY_RECEIVERS].before = NULL;
        fields[SUMMARY_OBJECTS].before = "sent ";
    }
    (void)output_record(&put->output, OUTPUT_MESSAGE, "summary", fields, &record);
    free(names);
    free(rooms);
}

/* ---- the end --------------------------------------------------------------------------------- */

/* Nobody at all: what to look at next. */
static int fail_alone(struct put *put, const char *cause)
{
    struct herald_error error;
    char ep[HERALD_ENDPOINT_TEXT_BYTES];

    words_quote(put->operands->items[0], ep, sizeof ep);
    (void)herald_error_set(&error, -ENOENT, "%s", cause);
    herald_error_advise(&error,
                        "herald get %.80s on the receivers; herald send %.80s hello shows whether multicast "
                        "gets through",
                        ep, ep);
    options_report(&put->output, &error, STATUS_NOTHING);
    return STATUS_NOTHING;
}

/* Adds the names of those who were expected and are not here: a few of them. */
static void name_absent(struct put *put, size_t count, char *text, size_t size)
{
    size_t named = 0;
    size_t absent = 0;

    for (size_t i = 0; i < count; i++) {
        char room[HERALD_ENDPOINT_TEXT_BYTES];
        size_t used = strlen(text);

        if (put->recipients[i].state != HERALD_RECIPIENT_EXPECTED)
            continue;
        absent++;
        if (named == MISSING_SHOWN)
            continue;
        (void)snprintf(text + used, size - used, "%s%.32s", named == 0 ? ": " : ", ",
                       put_recipient_name(&put->recipients[i], room));
        named++;
    }
    if (absent > named)
        (void)snprintf(text + strlen(text), size - strlen(text), " and %zu more", absent - named);
}

/* Some of those who were expected did not come, and nothing was sent. */
static int fail_incomplete(struct put *put, const struct put_count *count, const struct herald_error *error)
{
    struct herald_error advised;
    char absent[256] = "";

    if (count->answered == 0)
        return fail_alone(put, error->cause);
    name_absent(put, count->known, absent, sizeof absent);
    if (absent[0] != '\0')
        (void)herald_error_set(&advised, -ETIMEDOUT, "nothing was sent: not here%s", absent);
    else
        (void)herald_error_set(&advised, -ETIMEDOUT, "nothing was sent: %u of %lld expected receivers answered",
                               count->answered, (long long)put->settings->expect);
    herald_error_advise(&advised, "a longer --wait, or without those who are not here");
    options_report(&put->output, &advised, STATUS_NOT_EVERYONE);
    return STATUS_NOT_EVERYONE;
}

/* The status of a delivery that came to its end, or was ended by Ctrl-C. */
static int judge(const struct put *put, int result, const struct put_count *count)
{
    struct herald_delivery_progress progress;

    herald_delivery_get_progress(put->delivery, &progress);
    if (put->unreadable > 0)
        return STATUS_NOT_EVERYONE;
    if (result >= 0)
        return result > 0 || count->lacking > 0 ? STATUS_NOT_EVERYONE : STATUS_DONE;
    if (put->settings->silent_receivers)
        return progress.objects_sent >= progress.objects ? STATUS_DONE : STATUS_NOT_EVERYONE;
    if (count->answered == 0)
        return STATUS_NOTHING;
    return count->lacking > 0 ? STATUS_NOT_EVERYONE : STATUS_DONE;
}

int put_conclude(struct put *put, int result, const struct herald_error *error)
{
    struct put_count count = put_count_recipients(put);
    int written;
    int status;

    if (result == -ENOENT)
        return fail_alone(put, error->cause);
    written = print_receipts(put, count.known);
    if (result == -ETIMEDOUT) {
        status = fail_incomplete(put, &count, error);
    } else if (result < 0 && result != -EINTR) {
        print_summary(put, count.known);
        options_report(&put->output, error, STATUS_FAILED);
        status = STATUS_FAILED;
    } else {
        print_summary(put, count.known);
        status = judge(put, result, &count);
    }
    return written < 0 ? STATUS_FAILED : output_status(&put->receipts.output, status);
}
