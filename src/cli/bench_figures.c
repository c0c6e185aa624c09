/* SPDX-License-Identifier: MIT */
/* What was counted of a stream, the same at both ends. */
#include "bench.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define F(key, kind, member, before, after)                         \
 {                                                                  \
  key, kind, offsetof(struct figures_record, member), before, after \
 }

/* Members that only JSON has; a cause of loss has one each, by the names of herald_loss_cause_name(). */
#define HIDDEN_FIELDS                                                                                               \
 F("peer", FIELD_TEXT, peer, NULL, NULL), F("host", FIELD_TEXT, host, NULL, NULL),                                  \
     F("source", FIELD_ADDRESS, source, NULL, NULL), F("source_port", FIELD_NUMBER, source_port, NULL, NULL),       \
     F("received", FIELD_NUMBER, received, NULL, NULL), F("received", FIELD_SIZE, received_bytes, NULL, NULL),      \
     F("expected", FIELD_NUMBER, expected, NULL, NULL), F("lost", FIELD_NUMBER, lost, NULL, NULL),                  \
     F("loss_ppm", FIELD_NUMBER, loss_ppm, NULL, NULL), F("bursts", FIELD_NUMBER, bursts, NULL, NULL),              \
     F("longest_burst", FIELD_NUMBER, longest_burst, NULL, NULL), F("missed", FIELD_INTEGER, missed, NULL, NULL),   \
     F("hops", FIELD_INTEGER, hops, NULL, NULL), F("receive_buffer", FIELD_SIZE, receive_buffer_bytes, NULL, NULL), \
     F("lost_network", FIELD_NUMBER, lost_by[HERALD_LOSS_NETWORK], NULL, NULL),                                     \
     F("lost_nic", FIELD_NUMBER, lost_by[HERALD_LOSS_NIC], NULL, NULL),                                             \
     F("lost_backlog", FIELD_NUMBER, lost_by[HERALD_LOSS_BACKLOG], NULL, NULL),                                     \
     F("lost_rp_filter", FIELD_NUMBER, lost_by[HERALD_LOSS_RP_FILTER], NULL, NULL),                                 \
     F("lost_firewall", FIELD_NUMBER, lost_by[HERALD_LOSS_FIREWALL], NULL, NULL),                                   \
     F("lost_fragments", FIELD_NUMBER, lost_by[HERALD_LOSS_FRAGMENTS], NULL, NULL),                                 \
     F("lost_checksum", FIELD_NUMBER, lost_by[HERALD_LOSS_CHECKSUM], NULL, NULL),                                   \
     F("lost_memory", FIELD_NUMBER, lost_by[HERALD_LOSS_MEMORY], NULL, NULL),                                       \
     F("lost_receive_buffer", FIELD_NUMBER, lost_by[HERALD_LOSS_RECEIVE_BUFFER], NULL, NULL),                       \
     F("delay_clock", FIELD_TEXT, clock, NULL, NULL),                                                               \
     F("delay_uncertainty", FIELD_DURATION, delay_uncertainty_ns, NULL, NULL),                                      \
     F("delay_min", FIELD_DURATION, delay_min_ns, NULL, NULL),                                                      \
     F("delay_mean", FIELD_DURATION, delay_mean_ns, NULL, NULL),                                                    \
     F("delay_p90", FIELD_DURATION, delay_p90_ns, NULL, NULL),                                                      \
     F("delay_p999", FIELD_DURATION, delay_p999_ns, NULL, NULL), F("elapsed", FIELD_DURATION, elapsed_ns, NULL, NULL)

const struct field bench_table_fields[] = {
    F("name", FIELD_TEXT, name, "RECEIVER", ""),
    F("interface", FIELD_TEXT, interface, "BY", ""),
    F("rate", FIELD_RATE, rate_bps, "RATE", ""),
    F("loss", FIELD_TEXT, loss, "LOST", ""),
    F("duplicates", FIELD_NUMBER, duplicates, "DUPLICATES", ""),
    F("reordered", FIELD_NUMBER, reordered, "REORDERED", ""),
    F("jitter", FIELD_DURATION, jitter_ns, "JITTER", ""),
    F("delay_p50", FIELD_DURATION, delay_p50_ns, "DELAY p50", ""),
    F("delay_p99", FIELD_DURATION, delay_p99_ns, "p99", ""),
    F("delay_max", FIELD_DURATION, delay_max_ns, "max", ""),
    F("delay_note", FIELD_TEXT, clock_note, "CLOCK", ""),
    F("causes", FIELD_TEXT, causes, "LOST WHERE", ""),
    F("state", FIELD_TEXT, state, "REPORT", ""),
    HIDDEN_FIELDS,
    { NULL, FIELD_TEXT, 0, NULL, NULL },
};

const struct field bench_line_fields[] = {
    F("stream", FIELD_NUMBER, stream, "stream ", ""),
    F("name", FIELD_TEXT, name, " from ", ""),
    F("interval", FIELD_DURATION, interval_ns, ", ", ""),
    F("state", FIELD_TEXT, state, " ", ""),
    F("rate", FIELD_RATE, rate_bps, ": ", ""),
    F("sender", FIELD_TEXT, sender, NULL, NULL),
    F("interface", FIELD_TEXT, interface, NULL, NULL),
    F("loss", FIELD_TEXT, loss, ", lost ", ""),
    F("causes", FIELD_TEXT, causes, ": ", ""),
    F("duplicates", FIELD_NUMBER, duplicates, ", duplicates ", ""),
    F("reordered", FIELD_NUMBER, reordered, ", reordered ", ""),
    F("jitter", FIELD_DURATION, jitter_ns, ", jitter ", ""),
    F("delay_p50", FIELD_DURATION, delay_p50_ns, ", delay p50 ", ""),
    F("delay_p99", FIELD_DURATION, delay_p99_ns, ", p99 ", ""),
    F("delay_max", FIELD_DURATION, delay_max_ns, ", max ", ""),
    F("delay_note", FIELD_TEXT, clock_note, " (", ")"),
    HIDDEN_FIELDS,
    { NULL, FIELD_TEXT, 0, NULL, NULL },
};

const char *bench_percent(uint64_t lost, uint64_t expected, char text[BENCH_LOSS_TEXT_BYTES])
{
    double percent = expected > 0 ? 100 * (double)lost / (double)expected : 0;
    int digits = percent >= 10 ? 1 : percent >= 0.1 ? 2 : 4;

    if (lost == 0)
        snprintf(text, BENCH_LOSS_TEXT_BYTES, "0%%");
    else
        snprintf(text, BENCH_LOSS_TEXT_BYTES, "%.*f%%", digits, percent);
    return text;
}

static void fill_loss(struct figures_record *record, const struct herald_bench_figures *figures)
{
    char percent[BENCH_LOSS_TEXT_BYTES];
    size_t length = 0;

    (void)bench_percent(figures->lost, figures->expected, percent);
    snprintf(record->loss_text, sizeof(record->loss_text), "%llu%s%.20s%s", (unsigned long long)figures->lost,
             figures->lost > 0 ? " (" : "", figures->lost > 0 ? percent : "", figures->lost > 0 ? ")" : "");
    record->loss = record->loss_text;
    record->loss_ppm = figures->expected > 0
                           ? (uint64_t)((unsigned __int128)figures->lost * 1000000 / figures->expected)
                           : 0;
    for (int cause = 0; cause < HERALD_LOSS_CAUSE_COUNT; cause++) {
        if (figures->lost_by[cause] == 0 || length >= sizeof(record->causes_text))
            continue;
        length += (size_t)snprintf(record->causes_text + length, sizeof(record->causes_text) - length, "%s%llu %s",
                                   length > 0 ? ", " : "", (unsigned long long)figures->lost_by[cause],
                                   herald_loss_cause_words((enum herald_loss_cause)cause));
    }
    record->causes = length > 0 ? record->causes_text : NULL;
    memcpy(record->lost_by, figures->lost_by, sizeof(record->lost_by));
}

static int64_t beyond(int64_t delay_ns, int64_t base_ns)
{
    int64_t difference_ns;

    /* Both may be a peer's word. */
    if (__builtin_sub_overflow(delay_ns, base_ns, &difference_ns))
        return delay_ns < base_ns ? INT64_MIN : INT64_MAX;
    return difference_ns;
}

/* Negative delays are a fault of the clocks, or of the estimate: they are shown as 0, which is nearest to them. */
static int64_t shown_delay(int64_t delay_ns, int64_t base_ns)
{
    int64_t shown_ns = beyond(delay_ns, base_ns);

    return shown_ns > 0 ? shown_ns : 0;
}

static void fill_delay(struct figures_record *record, const struct herald_bench_delay *delay)
{
    char uncertainty[UNITS_TEXT_BYTES];
    /* Without a common clock the quickest datagram counts as 0. */
    int64_t base_ns = delay->clock == HERALD_BENCH_CLOCK_NONE ? delay->min_ns : 0;

    record->delay_uncertainty_ns = -1;
    record->delay_min_ns = record->delay_mean_ns = record->delay_p50_ns = record->delay_p90_ns = -1;
    record->delay_p99_ns = record->delay_p999_ns = record->delay_max_ns = -1;
    if (delay->count == 0)
        return;
    switch (delay->clock) {
    case HERALD_BENCH_CLOCK_NONE:
        record->clock = "none";
        snprintf(record->clock_text, sizeof(record->clock_text), "beyond the quickest");
        break;
    case HERALD_BENCH_CLOCK_SAME:
        record->clock = "same";
        snprintf(record->clock_text, sizeof(record->clock_text), "same clock");
        break;
    case HERALD_BENCH_CLOCK_EXCHANGE:
        record->clock = "exchange";
        record->delay_uncertainty_ns = delay->uncertainty_ns;
        snprintf(record->clock_text, sizeof(record->clock_text), "\302\261%s",
                 duration_format(delay->uncertainty_ns, uncertainty));
        break;
    }
    record->clock_note = record->clock_text;
    record->delay_min_ns = shown_delay(delay->min_ns, base_ns);
    record->delay_mean_ns = shown_delay(delay->mean_ns, base_ns);
    record->delay_p50_ns = shown_delay(delay->p50_ns, base_ns);
    record->delay_p90_ns = shown_delay(delay->p90_ns, base_ns);
    record->delay_p99_ns = shown_delay(delay->p99_ns, base_ns);
    record->delay_p999_ns = shown_delay(delay->p999_ns, base_ns);
    record->delay_max_ns = shown_delay(delay->max_ns, base_ns);
}

void bench_fill_figures(struct figures_record *record, const struct herald_bench_figures *figures)
{
    memset(record, 0, sizeof(*record));
    record->interval_ns = -1;
    record->received = figures->received;
    record->received_bytes = figures->received_bytes;
    record->expected = figures->expected;
    record->lost = figures->lost;
    record->duplicates = figures->duplicates;
    record->reordered = figures->reordered;
    record->bursts = figures->bursts;
    record->longest_burst = figures->longest_burst;
    record->missed = figures->missed > 0 ? (int64_t)figures->missed : -1;
    record->elapsed_ns = (int64_t)figures->elapsed_ns;
    record->rate_bps = figures->rate_bps;
    record->jitter_ns = (int64_t)figures->jitter_ns;
    record->hops = figures->hops;
    record->receive_buffer_bytes = figures->receive_buffer_bytes;
    fill_loss(record, figures);
    fill_delay(record, &figures->delay);
}

bool bench_is_heard(const struct herald_bench_peer *peer)
{
    return peer->state == HERALD_BENCH_PEER_REPORTING || peer->state == HERALD_BENCH_PEER_FINAL;
}

bool bench_is_whole(const struct herald_bench_peer *peer)
{
    return peer->state == HERALD_BENCH_PEER_FINAL && peer->figures.ended;
}

/* ---- the order ---------------------------------------------------------------------------------- */

struct place {
    size_t index;
    bool whole;
    double lost; /* the part */
    struct herald_peer address;
};

static int compare_places(const void *left, const void *right)
{
    const struct place *a = left;
    const struct place *b = right;
    int order;

    if (a->whole != b->whole)
        return a->whole ? 1 : -1;
    if (a->lost > b->lost || a->lost < b->lost)
        return a->lost > b->lost ? -1 : 1;
    order = memcmp(a->address.address.bytes, b->address.address.bytes, sizeof(a->address.address.bytes));
    if (order == 0)
        order = (a->address.port > b->address.port) - (a->address.port < b->address.port);
    return order != 0 ? order : (a->index > b->index) - (a->index < b->index);
}

size_t *bench_order(const herald_bench_sender *sender)
{
    size_t count = herald_bench_sender_peer_count(sender);
    struct place *places = calloc(count + 1, sizeof(*places));
    size_t *order = calloc(count + 1, sizeof(*order));

    for (size_t i = 0; places != NULL && i < count; i++) {
        struct herald_bench_peer peer;

        herald_bench_sender_peer(sender, i, &peer);
        places[i] = (struct place){ .index = i, .whole = bench_is_whole(&peer), .address = peer.address };
        if (peer.figures.expected > 0)
            places[i].lost = (double)peer.figures.lost / (double)peer.figures.expected;
    }
    if (places == NULL || order == NULL) {
        free(places);
        free(order);
        return NULL;
    }
    qsort(places, count, sizeof(*places), compare_places);
    for (size_t i = 0; i < count; i++)
        order[i] = places[i].index;
    free(places);
    return order;
}

void bench_wait(int fd, int interrupt_fd, uint64_t deadline_ns)
{
    struct pollfd fds[2] = { { .fd = fd, .events = POLLIN }, { .fd = interrupt_fd, .events = POLLIN } };
    uint64_t now_ns = herald_clock_ns();
    struct timespec timeout = { 0 };

    if (deadline_ns > now_ns) {
        timeout.tv_sec = (time_t)((deadline_ns - now_ns) / UINT64_C(1000000000));
        timeout.tv_nsec = (long)((deadline_ns - now_ns) % UINT64_C(1000000000));
    }
    (void)ppoll(fds, 2, deadline_ns == HERALD_NEVER ? NULL : &timeout, NULL);
}
