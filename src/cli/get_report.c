/* SPDX-License-Identifier: MIT */
/* What herald get says: its records and their fields. */
#include "get.h"

#include "joins.h"
#include "losses.h"
#include "status.h"
#include "words.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { INTERFACES_SHOWN = 16, BARS_MAX = 5, TEXT_BYTES = 96 };

/* ---- the first line -------------------------------------------------------------------------- */

struct receiving {
    const char *from;
    struct herald_address group;
    uint64_t port;
    struct list interfaces;
    uint64_t interface_count;
    const char *into;
    uint64_t node_id;
    const char *unfinished;
    int64_t unfinished_files; /* this and the next -1: none */
    int64_t unfinished_bytes;
    uint64_t buffer_bytes;
    uint64_t buffer_asked_bytes;
    const char *buffer_note;
};

#define RECEIVING(key, kind, member, before, after)            \
 {                                                             \
  key, kind, offsetof(struct receiving, member), before, after \
 }

static const struct field receiving_fields[] = {
    RECEIVING("endpoint", FIELD_TEXT, from, "getting from ", ""),
    RECEIVING("group", FIELD_ADDRESS, group, NULL, NULL),
    RECEIVING("port", FIELD_NUMBER, port, NULL, NULL),
    RECEIVING("interfaces", FIELD_LIST, interfaces, " on ", ""),
    RECEIVING("memberships", FIELD_NUMBER, interface_count, NULL, NULL),
    RECEIVING("into", FIELD_TEXT, into, " into ", ""),
    RECEIVING("node_id", FIELD_NUMBER, node_id, ", node ", ""),
    RECEIVING("unfinished", FIELD_TEXT, unfinished, "; ", ""),
    RECEIVING("unfinished_files", FIELD_INTEGER, unfinished_files, NULL, NULL),
    RECEIVING("unfinished_bytes", FIELD_INTEGER, unfinished_bytes, NULL, NULL),
    RECEIVING("receive_buffer", FIELD_SIZE, buffer_bytes, NULL, NULL),
    RECEIVING("receive_buffer_asked", FIELD_SIZE, buffer_asked_bytes, NULL, NULL),
    RECEIVING("receive_buffer_note", FIELD_TEXT, buffer_note, "; ", ""),
    { NULL, FIELD_TEXT, 0, NULL, NULL },
};

static bool is_among(const char *const *names, size_t count, const char *name)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(names[i], name) == 0)
            return true;
    return false;
}

/* The interfaces that were asked for, or else all that can be joined on. @return their number. */
static size_t collect_interfaces(const struct get *get, struct herald_interface **ret_list,
                                 const char *names[TEXT_LIST_MAX])
{
    const struct text_list *asked = &get->settings->interfaces;
    size_t count = 0;
    int listed;

    *ret_list = NULL;
    if (get->endpoint.interface[0] != '\0') {
        names[0] = get->endpoint.interface;
        return 1;
    }
    for (size_t i = 0; i < asked->count; i++)
        if (!is_among(names, count, asked->items[i]))
            names[count++] = asked->items[i];
    if (asked->count > 0)
        return count;
    listed = herald_interfaces_list(ret_list);
    for (int i = 0; i < listed && count < TEXT_LIST_MAX; i++) {
        const struct herald_interface *interface = &(*ret_list)[i];

        if (interface->up && (interface->multicast || interface->loopback))
            names[count++] = interface->name;
    }
    return count;
}

static const char *unfinished_text(const struct herald_inbox_stats *stats, char text[TEXT_BYTES])
{
    char size[UNITS_TEXT_BYTES];

    if (stats->unfinished_files == 0)
        return NULL;
    (void)snprintf(text, TEXT_BYTES, "%llu unfinished file%s (%s) can be gone on with",
                   (unsigned long long)stats->unfinished_files, stats->unfinished_files == 1 ? "" : "s",
                   size_format(stats->unfinished_bytes, size));
    return text;
}

void get_introduce(struct get *get)
{
    const char *names[TEXT_LIST_MAX] = { NULL };
    char from[HERALD_ENDPOINT_TEXT_BYTES] = "";
    struct herald_interface *list;
    struct herald_inbox_stats stats;
    char unfinished[TEXT_BYTES];
    char buffer[UNITS_NOTE_BYTES];
    struct receiving record;

    herald_inbox_get_statistics(get->inbox, &stats);
    (void)herald_endpoint_format(&get->endpoint, from, sizeof from);
    record = (struct receiving){
        .from = from,
        .group = get->endpoint.group,
        .port = get->endpoint.port,
        .interfaces = { names, collect_interfaces(get, &list, names), INTERFACES_SHOWN, "no interface yet" },
        .interface_count = stats.sockets.memberships,
        .into = get->to_stdout           ? "standard output"
                : get->directory != NULL ? get->directory
                                         : get->settings->output_path,
        .node_id = herald_inbox_node_id(get->inbox),
        .unfinished = unfinished_text(&stats, unfinished),
        .unfinished_files = stats.unfinished_files > 0 ? (int64_t)stats.unfinished_files : -1,
        .unfinished_bytes = stats.unfinished_files > 0 ? (int64_t)stats.unfinished_bytes : -1,
        .buffer_bytes = stats.sockets.receive_buffer_bytes,
        .buffer_asked_bytes = stats.sockets.receive_buffer_asked_bytes,
    };
    if (stats.sockets.memberships == 0)
        record.interfaces.count = 0;
    if (stats.sockets.sockets > 0)
        record.buffer_note = buffer_note_format(record.buffer_bytes, record.buffer_asked_bytes, buffer);
    (void)output_record(&get->output, OUTPUT_MESSAGE, "receiving", receiving_fields, &record);
    free(list);
}

/* ---- objects --------------------------------------------------------------------------------- */

struct object_record {
    const char *name;
    const char *path;
    const char *what; /* for people: NULL for what is a file */
    const char *type;
    const char *size; /* for people: NULL for what has none */
    uint64_t size_bytes;
    uint64_t resumed_bytes;
    const char *resumed;
    int64_t duration_ns;
    double rate;
    uint64_t repairs;
    bool verified;
    const char *verification;
    const char *sender_host;
    struct herald_address sender;
    uint64_t sender_id;
    const char *cause;
    const char *advice;
};

#define OBJECT(key, kind, member, before, after)                   \
 {                                                                 \
  key, kind, offsetof(struct object_record, member), before, after \
 }

enum {
    OBJECT_NAME,
    OBJECT_PATH,
    OBJECT_SIZE = 4,
    OBJECT_DURATION = 8,
    OBJECT_RATE,
    OBJECT_CAUSE = 13,
    OBJECT_SENDER = 15,
    OBJECT_END = 18
};

static const struct field object_fields[] = {
    [OBJECT_NAME] = OBJECT("name", FIELD_TEXT, name, NULL, NULL),
    [OBJECT_PATH] = OBJECT("path", FIELD_TEXT, path, "", ""),
    OBJECT("what", FIELD_TEXT, what, "  ", ""),
    OBJECT("type", FIELD_TEXT, type, NULL, NULL),
    [OBJECT_SIZE] = OBJECT("size_text", FIELD_TEXT, size, "  ", ""),
    OBJECT("size", FIELD_SIZE, size_bytes, NULL, NULL),
    OBJECT("resumed", FIELD_SIZE, resumed_bytes, NULL, NULL),
    OBJECT("resumed_text", FIELD_TEXT, resumed, " (", " of it from before)"),
    [OBJECT_DURATION] = OBJECT("duration", FIELD_DURATION, duration_ns, " in ", ""),
    [OBJECT_RATE] = OBJECT("rate", FIELD_RATE, rate, " (", ")"),
    OBJECT("repaired_segments", FIELD_NUMBER, repairs, NULL, NULL),
    OBJECT("verified", FIELD_FLAG, verified, NULL, NULL),
    OBJECT("verification", FIELD_TEXT, verification, ", ", ""),
    [OBJECT_CAUSE] = OBJECT("cause", FIELD_TEXT, cause, ": ", ""),
    OBJECT("sender_host", FIELD_TEXT, sender_host, ", from ", ""),
    [OBJECT_SENDER] = OBJECT("source", FIELD_ADDRESS, sender, " (", ")"),
    OBJECT("sender_id", FIELD_NUMBER, sender_id, NULL, NULL),
    OBJECT("advice", FIELD_TEXT, advice, "\n  try: ", ""),
    [OBJECT_END] = { NULL, FIELD_TEXT, 0, NULL, NULL },
};

/* What of an object's texts has to be made. */
struct object_texts {
    char type[2];
    char size[UNITS_TEXT_BYTES];
    char resumed[UNITS_TEXT_BYTES];
};

static bool has_content(const struct herald_inbox_object *object)
{
    return object->type != 'd' && object->type != 'l';
}

static struct object_record make_object(const struct herald_inbox_object *object, struct object_texts *texts)
{
    double seconds = (double)object->duration_ns / 1e9;

    texts->type[0] = object->type;
    texts->type[1] = '\0';
    return (struct object_record){
        .name = object->name,
        .path = object->path,
        .what = object->type == 'd'   ? "directory"
                : object->type == 'l' ? "link"
                                      : NULL,
        .type = texts->type,
        .size = has_content(object) ? size_format(object->size_bytes, texts->size) : NULL,
        .size_bytes = object->size_bytes,
        .resumed_bytes = object->resumed_bytes,
        .resumed = object->resumed_bytes > 0 ? size_format(object->resumed_bytes, texts->resumed) : NULL,
        .duration_ns = has_content(object) ? (int64_t)object->duration_ns : -1,
        .rate = has_content(object) && seconds > 0 && object->size_bytes > object->resumed_bytes
                    ? (double)(object->size_bytes - object->resumed_bytes) * 8 / seconds
                    : -1,
        .repairs = object->repaired_segments,
        .verified = object->is_verified,
        .verification = object->is_verified ? "verified" : "not verified: its sender gives no digest",
        .sender_host = object->sender_host[0] != '\0' ? object->sender_host : NULL,
        .sender = object->sender.address,
        .sender_id = object->sender_id,
    };
}

static void print_object(struct get *get, enum output_channel channel, const char *event, struct field *fields,
                         struct object_record *record)
{
    if (record->sender_host == NULL) {
        fields[OBJECT_SENDER].before = ", from ";
        fields[OBJECT_SENDER].after = "";
    }
    if (get->output.json) /* said by others, as numbers */
        record->what = record->size = record->resumed = record->verification = NULL;
    (void)output_record(&get->output, channel, event, fields, record);
}

static void report_done(struct get *get, const struct herald_inbox_object *object)
{
    struct object_texts texts;
    struct object_record record = make_object(object, &texts);
    struct field fields[OBJECT_END + 1];

    memcpy(fields, object_fields, sizeof fields);
    /* Into one place the name is the news, not where it is. */
    if (get->directory == NULL)
        record.path = get->output.json && !get->to_stdout ? get->settings->output_path : NULL;
    if (record.path == NULL)
        fields[OBJECT_NAME].before = "";
    print_object(get, get->to_stdout ? OUTPUT_MESSAGE : OUTPUT_DATA, "object", fields, &record);
    get_submit(get, object);
}

/* What did not come, or was not wanted. */
static void report_lack(struct get *get, const char *event, const char *opening, enum output_channel channel,
                        const struct herald_inbox_event *told)
{
    struct object_texts texts;
    struct object_record record = make_object(&told->object, &texts);
    struct field fields[OBJECT_END + 1];

    memcpy(fields, object_fields, sizeof fields);
    for (size_t i = OBJECT_SIZE; i <= OBJECT_RATE; i++)
        fields[i].before = NULL;
    record.path = NULL;
    record.what = NULL;
    record.verification = NULL;
    record.cause = told->error.cause;
    record.advice = told->error.advice[0] != '\0' ? told->error.advice : NULL;
    fields[OBJECT_NAME].before = opening;
    if (record.name != NULL && words_are_about(record.cause, record.name)) { /* it names it already */
        fields[OBJECT_NAME].before = NULL;
        fields[OBJECT_CAUSE].before = opening;
    }
    print_object(get, channel, event, fields, &record);
}

/* ---- senders --------------------------------------------------------------------------------- */

struct sender_record {
    const char *text;
    const char *host;
    struct herald_address source;
    uint64_t sender_id;
    int64_t objects; /* this and the next three -1: not said now */
    int64_t bytes;
    int64_t failed;
    int64_t untaken;
    const char *note;
};

#define SENDER(key, kind, member, before, after)                   \
 {                                                                 \
  key, kind, offsetof(struct sender_record, member), before, after \
 }

enum { SENDER_SOURCE = 2, SENDER_END = 9 };

static const struct field sender_fields[] = {
    SENDER("text", FIELD_TEXT, text, "", " "),
    SENDER("sender_host", FIELD_TEXT, host, "", ""),
    [SENDER_SOURCE] = SENDER("source", FIELD_ADDRESS, source, " (", ")"),
    SENDER("sender_id", FIELD_NUMBER, sender_id, NULL, NULL),
    SENDER("objects", FIELD_INTEGER, objects, ": ", " object(s)"),
    SENDER("bytes", FIELD_INTEGER, bytes, NULL, NULL),
    SENDER("failed_objects", FIELD_INTEGER, failed, ", ", " failed"),
    SENDER("untaken_objects", FIELD_INTEGER, untaken, ", ", " not taken"),
    SENDER("note", FIELD_TEXT, note, ": ", ""),
    [SENDER_END] = { NULL, FIELD_TEXT, 0, NULL, NULL },
};

static void report_sender(struct get *get, const char *event, const char *text, const struct herald_inbox_event *told)
{
    const struct herald_inbox_object *object = &told->object;
    bool is_delivery = told->kind == HERALD_INBOX_DELIVERY;
    struct field fields[SENDER_END + 1];
    struct sender_record record = {
        .text = get->output.json ? NULL : text,
        .host = object->sender_host[0] != '\0' ? object->sender_host : NULL,
        .source = object->sender.address,
        .sender_id = object->sender_id,
        .objects = is_delivery ? (int64_t)told->objects : -1,
        .bytes = is_delivery ? (int64_t)told->bytes : -1,
        .failed = is_delivery && (told->failed_objects > 0 || get->output.json) ? (int64_t)told->failed_objects : -1,
        .untaken = is_delivery && (told->untaken_objects > 0 || get->output.json) ? (int64_t)told->untaken_objects : -1,
    };

    if (is_delivery && told->untaken_objects > 0 && !get->output.json)
        record.note = get->is_stopping ? "it was stopped" : "enough had come";
    if (told->kind == HERALD_INBOX_SILENT && !get->output.json)
        record.note = "nothing is heard of it";
    if (told->kind == HERALD_INBOX_IGNORED && !get->output.json)
        record.note = "--accept does not name it";

    memcpy(fields, sender_fields, sizeof fields);
    if (record.host == NULL) {
        fields[SENDER_SOURCE].before = "";
        fields[SENDER_SOURCE].after = "";
    }
    (void)output_record(&get->output, OUTPUT_MESSAGE, event, fields, &record);
}

/* ---- what happens ---------------------------------------------------------------------------- */

static uint64_t count_under_way(const struct get *get)
{
    struct herald_inbox_object object;
    uint32_t count = 0;

    while (herald_inbox_get_object(get->inbox, count, &object) == 0)
        count++;
    return count;
}

static void report_delivery(struct get *get, const struct herald_inbox_event *event)
{
    const char *text = event->failed_objects > 0    ? "incomplete from"
                       : event->untaken_objects > 0 ? "not all taken from"
                                                    : "all here from";

    report_sender(get, "delivery", text, event);
    if (event->error.code != 0)
        output_warning(&get->output, &event->error);
}

static void report_event(struct get *get, const struct herald_inbox_event *event)
{
    switch (event->kind) {
    case HERALD_INBOX_SENDER:
        if (get->output.json || get->output.verbose)
            report_sender(get, "sender", "hearing", event);
        break;
    case HERALD_INBOX_BEGIN:
        break; /* shown by how far it is */
    case HERALD_INBOX_DONE:
        report_done(get, &event->object);
        break;
    case HERALD_INBOX_FAILED:
        report_lack(get, "failed", "failed: ", OUTPUT_ERROR, event);
        break;
    case HERALD_INBOX_SKIPPED:
        report_lack(get, "skipped", "skipped: ", OUTPUT_MESSAGE, event);
        break;
    case HERALD_INBOX_DELIVERY:
        report_delivery(get, event);
        break;
    case HERALD_INBOX_GONE:
        if (get->output.json || get->output.verbose || count_under_way(get) > 0)
            report_sender(get, "gone", "no longer hearing", event);
        break;
    case HERALD_INBOX_NETWORK:
        joins_report(&get->output, &event->network);
        break;
    case HERALD_INBOX_SILENT:
        report_sender(get, "silent", "waiting for", event);
        break;
    case HERALD_INBOX_IGNORED:
        report_sender(get, "ignored", "ignoring", event);
        break;
    }
}

void get_report_events(struct get *get)
{
    struct herald_inbox_event event;

    while (herald_inbox_next_event(get->inbox, &event) > 0)
        report_event(get, &event);
}

/* ---- how far it is --------------------------------------------------------------------------- */

struct progress_record {
    const char *text;
    uint64_t objects;
    uint64_t under_way;
    uint64_t bytes;
    double rate;
};

#define PROGRESS(key, kind, member, before)                       \
 {                                                                \
  key, kind, offsetof(struct progress_record, member), before, "" \
 }

static const struct field progress_fields[] = {
    PROGRESS("text", FIELD_TEXT, text, ""),
    PROGRESS("objects", FIELD_NUMBER, objects, NULL),
    PROGRESS("under_way", FIELD_NUMBER, under_way, NULL),
    PROGRESS("payload", FIELD_SIZE, bytes, NULL),
    PROGRESS("rate", FIELD_RATE, rate, NULL),
    { NULL, FIELD_TEXT, 0, NULL, NULL },
};

static void fill_bar(const struct herald_inbox_object *object, struct progress_bar *bar)
{
    char received[UNITS_TEXT_BYTES];
    char size[UNITS_TEXT_BYTES];
    const char *name = object->name != NULL ? object->name : "";

    *bar = (struct progress_bar){ .kind = PROGRESS_MOVING, .permille = -1 };
    text_escape((const uint8_t *)name, strlen(name), bar->name, sizeof bar->name);
    if (object->type == 's' || object->size_bytes == 0) {
        (void)snprintf(bar->note, sizeof bar->note, "%s", size_format(object->received_bytes, received));
        return;
    }
    bar->permille = object->received_bytes >= object->size_bytes
                        ? 1000
                        : (int)((double)object->received_bytes * 1000 / (double)object->size_bytes);
    (void)snprintf(bar->note, sizeof bar->note, "%s of %s", size_format(object->received_bytes, received),
                   size_format(object->size_bytes, size));
}

static void show_line(struct get *get, const struct herald_inbox_stats *stats, const struct progress_view *view,
                      double rate)
{
    char text[4 * TEXT_BYTES] = "";
    size_t used = 0;
    struct progress_record record = {
        .text = text,
        .objects = stats->objects,
        .under_way = stats->under_way_objects,
        .bytes = stats->norm.payload_bytes,
        .rate = rate,
    };

    for (size_t i = 0; i < view->piece_count; i++)
        if (view->pieces[i].text[0] != '\0')
            used += (size_t)snprintf(text + used, sizeof text - used, "%s%s", used > 0 ? ", " : "",
                                     view->pieces[i].text);
    (void)output_record(&get->output, OUTPUT_MESSAGE, "progress", progress_fields, &record);
}

static size_t take_bars(const struct get *get, struct progress_bar *bars, size_t room)
{
    struct herald_inbox_object object;
    size_t count = 0;

    while (count < room && herald_inbox_get_object(get->inbox, (uint32_t)count, &object) == 0)
        fill_bar(&object, &bars[count++]);
    return count;
}

void get_show(struct get *get, uint64_t now_ns)
{
    enum { LOOKED_AT = 1024 }; /* those beyond are not counted either */
    struct progress_bar *bars;
    struct herald_inbox_stats stats;
    char texts[4][TEXT_BYTES] = { "" };
    char unit[UNITS_TEXT_BYTES];
    struct progress_view view = { .bars_max = BARS_MAX, .piece_count = 4 };
    double rate = -1;

    if (!progress_is_due(&get->progress, now_ns) || (bars = calloc(LOOKED_AT, sizeof *bars)) == NULL)
        return;
    herald_inbox_get_statistics(get->inbox, &stats);
    view.bars = bars;
    view.bar_count = take_bars(get, bars, LOOKED_AT);
    if (get->shown_ns > 0 && now_ns > get->shown_ns && stats.norm.payload_bytes >= get->shown_bytes)
        rate = (double)(stats.norm.payload_bytes - get->shown_bytes) * 8e9 / (double)(now_ns - get->shown_ns);
    (void)snprintf(texts[0], TEXT_BYTES, "%llu under way", (unsigned long long)stats.under_way_objects);
    (void)snprintf(texts[1], TEXT_BYTES, "%llu done", (unsigned long long)stats.objects);
    if (rate >= 0)
        (void)snprintf(texts[2], TEXT_BYTES, "%s", rate_format(rate, unit));
    if (stats.failed_objects > 0)
        (void)snprintf(texts[3], TEXT_BYTES, "%llu failed", (unsigned long long)stats.failed_objects);
    for (int i = 0; i < 4; i++)
        view.pieces[i] = (struct progress_piece){ texts[i], i };
    if (view.bar_count == 0)
        progress_erase(&get->progress);
    else if (!progress_draw(&get->progress, &view) && stats.norm.payload_bytes != get->shown_bytes)
        show_line(get, &stats, &view, rate);
    get->shown_bytes = stats.norm.payload_bytes;
    get->shown_ns = now_ns;
    free(bars);
}

/* ---- the end --------------------------------------------------------------------------------- */

struct summary {
    uint64_t objects;
    uint64_t bytes;
    int64_t failed; /* this and those below -1: none */
    int64_t skipped;
    int64_t unfinished;
    int64_t resumable;
    int64_t programs_failed;
    int64_t not_run;
    int64_t kernel_drops;
    int64_t elapsed_ns;
    bool interrupted;
    bool time_up;
};

#define SUMMARY(key, kind, member, before, after)            \
 {                                                           \
  key, kind, offsetof(struct summary, member), before, after \
 }

static const struct field summary_fields[] = {
    SUMMARY("objects", FIELD_NUMBER, objects, "", " object(s)"),
    SUMMARY("data", FIELD_SIZE, bytes, ", ", ""),
    SUMMARY("failed_objects", FIELD_INTEGER, failed, "; ", " failed"),
    SUMMARY("skipped_objects", FIELD_INTEGER, skipped, "; ", " skipped"),
    SUMMARY("under_way", FIELD_INTEGER, unfinished, "; ", " not finished"),
    SUMMARY("resumable", FIELD_INTEGER, resumable, ", ", " of them to be gone on with"),
    SUMMARY("programs_failed", FIELD_INTEGER, programs_failed, "; the program failed for ", ""),
    SUMMARY("not_run", FIELD_INTEGER, not_run, "; not done by the program ", ""),
    SUMMARY("kernel_drops", FIELD_INTEGER, kernel_drops, "; at least ",
            " packets dropped for the receive buffer was full; see --rcvbuf, net.core.rmem_max"),
    SUMMARY("elapsed", FIELD_DURATION, elapsed_ns, NULL, NULL),
    SUMMARY("interrupted", FIELD_FLAG, interrupted, NULL, NULL),
    SUMMARY("time_up", FIELD_FLAG, time_up, NULL, NULL),
    { NULL, FIELD_TEXT, 0, NULL, NULL },
};

static int64_t some(uint64_t count)
{
    return count > 0 ? (int64_t)count : -1;
}

static int fail_silence(struct get *get)
{
    struct herald_error error;
    char time[UNITS_TEXT_BYTES];
    char ep[HERALD_ENDPOINT_TEXT_BYTES];

    words_quote(get->operands->items[0], ep, sizeof ep);
    (void)herald_error_set(&error, -ETIMEDOUT, "nothing came within %s",
                           duration_format((int64_t)get->settings->for_ns, time));
    herald_error_advise(&error,
                        "herald put %.80s FILE on the sender; herald listen %.80s here shows whether multicast "
                        "gets through",
                        ep, ep);
    options_report(&get->output, &error, STATUS_NOTHING);
    return STATUS_NOTHING;
}

/* What was lost, whether it came again or not. What the network loses is not for the receiver to mend. */
static void report_losses(struct get *get)
{
    struct herald_loss_report report;

    if (herald_inbox_get_loss(get->inbox, &report) < 0)
        return;
    if (report.main_cause == HERALD_LOSS_NETWORK)
        report.advice[0] = '\0';
    losses_report(&get->output, &report);
}

int get_conclude(struct get *get, int result, struct herald_error *error)
{
    struct herald_inbox_stats stats;
    struct summary record;
    uint64_t under_way;
    uint64_t objects;

    herald_inbox_get_statistics(get->inbox, &stats);
    under_way = stats.under_way_objects;
    objects = stats.objects + stats.skipped_objects;
    if (get->runner != NULL)
        get->not_run += runner_unfinished(get->runner);
    record = (struct summary){
        .objects = stats.objects,
        .bytes = stats.bytes,
        .failed = some(stats.failed_objects),
        .skipped = some(stats.skipped_objects),
        .unfinished = some(under_way),
        .resumable = some(stats.resumable_objects),
        .programs_failed = some(get->programs_failed),
        .not_run = some(get->not_run),
        .kernel_drops = some(stats.sockets.kernel_drops),
        .elapsed_ns = (int64_t)(herald_clock_ns() - get->start_ns),
        .interrupted = get->interrupted,
        .time_up = get->time_up,
    };
    (void)output_record(&get->output, OUTPUT_MESSAGE, "summary", summary_fields, &record);
    report_losses(get);
    if (result < 0) {
        options_report(&get->output, error, STATUS_FAILED);
        return STATUS_FAILED;
    }
    if (herald_inbox_result(get->inbox, error) == -EIO) {
        herald_error_advise(error, "throw away what was written, and get it again; with -o FILE only what is complete "
                                   "gets there");
        options_report(&get->output, error, STATUS_NOT_EVERYONE);
        return STATUS_NOT_EVERYONE;
    }
    if (get->time_up && objects == 0 && stats.failed_objects == 0 && under_way == 0)
        return fail_silence(get);
    if (stats.failed_objects > 0 || get->programs_failed > 0 || (get->not_run > 0 && !get->interrupted))
        return STATUS_NOT_EVERYONE;
    /* --for came before --count or --once had what they want. */
    if (get->time_up && (under_way > 0 || get->settings->once || objects < (uint64_t)get->settings->count))
        return STATUS_NOT_EVERYONE;
    return STATUS_DONE;
}
