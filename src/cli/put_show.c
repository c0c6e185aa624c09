/* SPDX-License-Identifier: MIT */
/* How far herald put is. */
#include "put.h"

#include <stdlib.h>
#include <string.h>

enum { TEXT_BYTES = 96 };

/* What is said of the whole, in words. */
struct words {
    char share[TEXT_BYTES];
    char bytes[TEXT_BYTES];
    char rate[TEXT_BYTES];
    char repairs[TEXT_BYTES];
    char receivers[TEXT_BYTES];
    char failed[TEXT_BYTES];
    char eta[TEXT_BYTES];
};

/* ---- the whole in words ---------------------------------------------------------------------- */

static const char *phase_name(enum herald_delivery_phase phase)
{
    switch (phase) {
    case HERALD_DELIVERY_ROLL_CALL:
        return "roll_call";
    case HERALD_DELIVERY_SENDING:
        return "sending";
    case HERALD_DELIVERY_RECEIPTS:
        return "receipts";
    case HERALD_DELIVERY_SERVING:
        return "serving";
    case HERALD_DELIVERY_ENDING:
        return "ending";
    case HERALD_DELIVERY_DONE:
        return "done";
    }
    return "?";
}

static int permille(uint64_t part, uint64_t whole)
{
    if (whole == 0 || part >= whole)
        return 1000;
    return (int)((double)part * 1000 / (double)whole);
}

/* Repaired datagrams as a share of those that carry data; negative: none were sent yet. */
static double repair_percent(const struct put *put)
{
    struct herald_norm_sender_statistics statistics;
    uint64_t repairs;
    uint64_t first;

    herald_delivery_get_statistics(put->delivery, &statistics);
    repairs = statistics.repair_source_datagrams + statistics.repair_parity_datagrams;
    first = statistics.source_datagrams - statistics.repair_source_datagrams;
    return first > 0 ? (double)repairs * 100 / (double)first : -1;
}

static void say_share(const struct put *put, const struct herald_delivery_progress *now, char text[TEXT_BYTES])
{
    switch (now->phase) {
    case HERALD_DELIVERY_ROLL_CALL:
        (void)snprintf(text, TEXT_BYTES, "roll call");
        break;
    case HERALD_DELIVERY_SENDING:
        if (now->has_unread)
            (void)snprintf(text, TEXT_BYTES, "sending");
        else
            (void)snprintf(text, TEXT_BYTES, "%d%%", permille(now->bytes_sent, now->bytes) / 10);
        break;
    case HERALD_DELIVERY_RECEIPTS:
        (void)snprintf(text, TEXT_BYTES, "all sent, waiting for receipts");
        break;
    case HERALD_DELIVERY_SERVING:
        (void)snprintf(text, TEXT_BYTES, "all sent, serving those who come late");
        break;
    case HERALD_DELIVERY_ENDING:
    case HERALD_DELIVERY_DONE:
        (void)snprintf(text, TEXT_BYTES,
                       put->interrupted || now->objects_sent < now->objects || now->bytes_sent < now->bytes
                           ? "ending"
                           : "all sent");
        break;
    }
}

static void say_bytes(const struct herald_delivery_progress *now, char text[TEXT_BYTES])
{
    char sent[UNITS_TEXT_BYTES];
    char all[UNITS_TEXT_BYTES];

    if (now->has_unread || now->bytes_sent >= now->bytes)
        (void)snprintf(text, TEXT_BYTES, "%s", size_format(now->bytes_sent, sent));
    else
        (void)snprintf(text, TEXT_BYTES, "%s of %s", size_format(now->bytes_sent, sent), size_format(now->bytes, all));
}

static void say_receivers(const struct put *put, const struct herald_delivery_progress *now,
                          const struct put_count *count, struct words *words)
{
    if (put->settings->silent_receivers)
        return;
    if (now->phase == HERALD_DELIVERY_ROLL_CALL && count->known > count->answered)
        (void)snprintf(words->receivers, TEXT_BYTES, "%u of %u here", count->answered, count->known);
    else if (now->phase == HERALD_DELIVERY_ROLL_CALL && put->settings->expect > (int64_t)count->answered)
        (void)snprintf(words->receivers, TEXT_BYTES, "%u of %lld here", count->answered,
                       (long long)put->settings->expect);
    else if (now->phase == HERALD_DELIVERY_ROLL_CALL)
        (void)snprintf(words->receivers, TEXT_BYTES, "%u here", count->answered);
    else
        (void)snprintf(words->receivers, TEXT_BYTES, "%u of %u receiver%s done", now->complete, now->receivers,
                       now->receivers == 1 ? "" : "s");
    if (now->failed > 0)
        (void)snprintf(words->failed, TEXT_BYTES, "%u failed", now->failed);
}

static void say_whole(const struct put *put, const struct herald_delivery_progress *now, const struct put_count *count,
                      struct words *words)
{
    char text[UNITS_TEXT_BYTES];
    double percent = repair_percent(put);
    bool is_under_way = now->phase == HERALD_DELIVERY_SENDING || now->phase == HERALD_DELIVERY_RECEIPTS;

    *words = (struct words){ 0 };
    say_share(put, now, words->share);
    say_receivers(put, now, count, words);
    if (now->phase == HERALD_DELIVERY_ROLL_CALL)
        return;
    say_bytes(now, words->bytes);
    if (is_under_way)
        (void)snprintf(words->rate, TEXT_BYTES, "%s", rate_format((double)now->rate_bytes_per_s * 8, text));
    if (percent >= 0)
        (void)snprintf(words->repairs, TEXT_BYTES, "repairs %.1f%%", percent);
    if (is_under_way && now->eta_ns != HERALD_NEVER && now->eta_ns > 0 && !now->has_unread)
        (void)snprintf(words->eta, TEXT_BYTES, "%s left", duration_format((int64_t)now->eta_ns, text));
}

/* ---- drawn ----------------------------------------------------------------------------------- */

static enum progress_kind bar_kind(enum herald_recipient_state state)
{
    switch (state) {
    case HERALD_RECIPIENT_EXPECTED:
        return PROGRESS_WAITING;
    case HERALD_RECIPIENT_HERE:
    case HERALD_RECIPIENT_RECEIVING:
        return PROGRESS_MOVING;
    case HERALD_RECIPIENT_COMPLETE:
    case HERALD_RECIPIENT_CONFIRMED:
        return PROGRESS_DONE;
    case HERALD_RECIPIENT_FAILED:
    case HERALD_RECIPIENT_BEHIND:
    case HERALD_RECIPIENT_VANISHED:
        return PROGRESS_FAILED;
    }
    return PROGRESS_WAITING;
}

static void fill_note(const struct herald_recipient *recipient, struct progress_bar *bar)
{
    char text[UNITS_TEXT_BYTES];

    switch (recipient->state) {
    case HERALD_RECIPIENT_EXPECTED:
        (void)snprintf(bar->note, sizeof bar->note, "not here");
        break;
    case HERALD_RECIPIENT_HERE:
        (void)snprintf(bar->note, sizeof bar->note, "here");
        break;
    case HERALD_RECIPIENT_RECEIVING:
        (void)snprintf(bar->note, sizeof bar->note, "%s", size_format(recipient->bytes, text));
        break;
    case HERALD_RECIPIENT_COMPLETE:
        (void)snprintf(bar->note, sizeof bar->note, "verified");
        break;
    case HERALD_RECIPIENT_CONFIRMED:
        (void)snprintf(bar->note, sizeof bar->note, "confirmed");
        break;
    case HERALD_RECIPIENT_FAILED:
        text_escape((const uint8_t *)recipient->reason, strlen(recipient->reason), bar->note, sizeof bar->note);
        break;
    case HERALD_RECIPIENT_BEHIND:
        (void)snprintf(bar->note, sizeof bar->note, "left behind");
        break;
    case HERALD_RECIPIENT_VANISHED:
        (void)snprintf(bar->note, sizeof bar->note, "not heard of any more");
        break;
    }
}

static void fill_bar(const struct herald_recipient *recipient, const struct herald_delivery_progress *now,
                     struct progress_bar *bar)
{
    char text[HERALD_ENDPOINT_TEXT_BYTES];
    const char *name = put_recipient_name(recipient, text);

    *bar = (struct progress_bar){ .kind = bar_kind(recipient->state), .permille = -1 };
    text_escape((const uint8_t *)name, strlen(name), bar->name, sizeof bar->name);
    if (bar->kind == PROGRESS_DONE)
        bar->permille = 1000;
    else if (recipient->state == HERALD_RECIPIENT_RECEIVING && !now->has_unread)
        bar->permille = permille(recipient->bytes, now->bytes);
    fill_note(recipient, bar);
}

/* Slowest first; those that are done, one way or the other, are no longer slow. */
static int by_progress(const void *a, const void *b)
{
    static const int order[] = {
        [PROGRESS_MOVING] = 0, [PROGRESS_WAITING] = 1, [PROGRESS_FAILED] = 2, [PROGRESS_DONE] = 3
    };
    const struct herald_recipient *left = a;
    const struct herald_recipient *right = b;
    int left_order = order[bar_kind(left->state)];
    int right_order = order[bar_kind(right->state)];

    if (left_order != right_order)
        return left_order - right_order;
    if (left->bytes != right->bytes)
        return left->bytes < right->bytes ? -1 : 1;
    return left->node_id < right->node_id ? -1 : left->node_id > right->node_id;
}

/* @return whether it could be drawn. */
static bool draw(struct put *put, const struct herald_delivery_progress *now, const struct words *words)
{
    size_t count = put_take_recipients(put);
    struct progress_bar *bars = calloc(count + 1, sizeof *bars);
    struct progress_view view = {
        .pieces = { { words->share, 0 },
                    { words->bytes, 5 },
                    { words->rate, 3 },
                    { words->repairs, 6 },
                    { words->receivers, 1 },
                    { words->failed, 2 },
                    { words->eta, 4 } },
        .piece_count = 7,
        .bars = bars,
    };
    bool drawn;

    if (bars != NULL) {
        qsort(put->recipients, count, sizeof *put->recipients, by_progress);
        for (size_t i = 0; i < count; i++)
            fill_bar(&put->recipients[i], now, &bars[i]);
        view.bar_count = count;
    }
    drawn = progress_draw(&put->progress, &view);
    free(bars);
    return drawn;
}

/* ---- in lines -------------------------------------------------------------------------------- */

struct progress_record {
    const char *text;
    const char *phase;
    uint64_t objects;
    uint64_t objects_sent;
    uint64_t bytes;
    uint64_t bytes_sent;
    uint64_t wire_bytes;
    uint64_t repairs;
    double rate;
    uint64_t receivers;
    uint64_t complete;
    uint64_t failed;
    int64_t elapsed_ns;
    int64_t left_ns;
};

#define PROGRESS(key, kind, member)                             \
 {                                                              \
  key, kind, offsetof(struct progress_record, member), NULL, "" \
 }

static const struct field progress_fields[] = {
    { "text", FIELD_TEXT, offsetof(struct progress_record, text), "", "" },
    PROGRESS("phase", FIELD_TEXT, phase),
    PROGRESS("objects", FIELD_NUMBER, objects),
    PROGRESS("objects_sent", FIELD_NUMBER, objects_sent),
    PROGRESS("data", FIELD_SIZE, bytes),
    PROGRESS("sent", FIELD_SIZE, bytes_sent),
    PROGRESS("wire", FIELD_SIZE, wire_bytes),
    PROGRESS("repairs", FIELD_NUMBER, repairs),
    PROGRESS("rate", FIELD_RATE, rate),
    PROGRESS("receivers", FIELD_NUMBER, receivers),
    PROGRESS("complete", FIELD_NUMBER, complete),
    PROGRESS("failed", FIELD_NUMBER, failed),
    PROGRESS("elapsed", FIELD_DURATION, elapsed_ns),
    PROGRESS("left", FIELD_DURATION, left_ns),
    { NULL, FIELD_TEXT, 0, NULL, NULL },
};

static void print_line(struct put *put, const struct herald_delivery_progress *now, const struct words *words)
{
    const char *const parts[] = { words->share,     words->bytes,  words->rate, words->repairs,
                                  words->receivers, words->failed, words->eta };
    char text[sizeof parts / sizeof *parts * TEXT_BYTES] = "";
    size_t used = 0;
    struct progress_record record = {
        .text = text,
        .phase = phase_name(now->phase),
        .objects = now->objects,
        .objects_sent = now->objects_sent,
        .bytes = now->bytes,
        .bytes_sent = now->bytes_sent,
        .wire_bytes = now->wire_bytes,
        .repairs = now->repair_datagrams,
        .rate = (double)now->rate_bytes_per_s * 8,
        .receivers = now->receivers,
        .complete = now->complete,
        .failed = now->failed,
        .elapsed_ns = (int64_t)now->elapsed_ns,
        .left_ns = now->eta_ns == HERALD_NEVER ? -1 : (int64_t)now->eta_ns,
    };

    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        if (parts[i][0] != '\0')
            used += (size_t)snprintf(text + used, sizeof text - used, "%s%s", used > 0 ? ", " : "", parts[i]);
    (void)output_record(&put->output, OUTPUT_MESSAGE, "progress", progress_fields, &record);
}

static void show(struct put *put, bool may_draw)
{
    struct herald_delivery_progress now;
    struct put_count count = put_count_recipients(put);
    struct words words;

    herald_delivery_get_progress(put->delivery, &now);
    say_whole(put, &now, &count, &words);
    if (!may_draw || !draw(put, &now, &words))
        print_line(put, &now, &words);
}

void put_show(struct put *put, uint64_t now_ns)
{
    if (progress_is_due(&put->progress, now_ns))
        show(put, true);
}

void put_show_phase(struct put *put)
{
    if (put->output.json)
        show(put, false);
}
