/* SPDX-License-Identifier: MIT */
/* The receivers that report to a sender: their figures, their clocks, and what is asked of them. */
#include "bench_host.h"
#include "bench_sender.h"
#include "sender.h" /* of src/io: unicast from the sender's port */
#include "sockopt.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define MS_NS INT64_C(1000000)

/* What a clock may drift (RFC 5905, PHI): 15 us in a second. */
#define DRIFT_PPM 15

enum { ROUNDS = 16 };

/* ---- who is there ------------------------------------------------------------------------------- */

static struct hd_bench_peer *find_peer(const herald_bench_sender *sender, uint64_t id, size_t *ret_index)
{
    for (size_t i = 0; i < sender->peer_count; i++) {
        if (sender->peer_ids[i] == id) {
            *ret_index = i;
            return sender->peers[i];
        }
    }
    return NULL;
}

static struct hd_bench_peer *add_peer(herald_bench_sender *sender, uint64_t id)
{
    struct hd_bench_peer *peer;

    if (sender->peer_count == HD_BENCH_PEERS_MAX)
        return NULL;
    if (sender->peer_count == sender->peer_capacity) {
        size_t capacity = sender->peer_capacity > 0 ? 2 * sender->peer_capacity : 16;
        struct hd_bench_peer **peers = reallocarray(sender->peers, capacity, sizeof(struct hd_bench_peer *));
        uint64_t *ids;

        if (peers == NULL)
            return NULL;
        sender->peers = peers;
        ids = reallocarray(sender->peer_ids, capacity, sizeof(*ids));
        if (ids == NULL)
            return NULL;
        sender->peer_ids = ids;
        sender->peer_capacity = capacity;
    }
    peer = calloc(1, sizeof(*peer));
    if (peer == NULL)
        return NULL;
    peer->facts.id = id;
    peer->facts.state = HERALD_BENCH_PEER_SILENT;
    sender->peer_ids[sender->peer_count] = id;
    sender->peers[sender->peer_count++] = peer;
    return peer;
}

void hd_bench_peers_restart(herald_bench_sender *sender)
{
    sender->finals = 0;
    for (size_t i = 0; i < sender->peer_count; i++) {
        struct hd_bench_peer *peer = sender->peers[i];

        if (peer->facts.state != HERALD_BENCH_PEER_GIVEN_UP)
            peer->facts.state = HERALD_BENCH_PEER_SILENT;
        peer->facts.reports = 0;
        memset(&peer->facts.figures, 0, sizeof(peer->facts.figures));
        peer->facts.sample_count = 0;
        peer->facts.bucket_count = 0;
    }
}

void hd_bench_peers_release(herald_bench_sender *sender)
{
    for (size_t i = 0; i < sender->peer_count; i++) {
        free(sender->peers[i]->samples);
        free(sender->peers[i]);
    }
    free(sender->peers);
    free(sender->peer_ids);
}

void herald_bench_sender_give_up(herald_bench_sender *sender)
{
    size_t heard = 0;

    for (size_t i = 0; i < sender->peer_count; i++) {
        enum herald_bench_peer_state *state = &sender->peers[i]->facts.state;

        if (*state == HERALD_BENCH_PEER_SILENT)
            *state = HERALD_BENCH_PEER_GIVEN_UP;
        heard += *state != HERALD_BENCH_PEER_GIVEN_UP;
    }
    sender->absent = heard < sender->config.expect ? sender->config.expect - heard : 0;
}

bool hd_bench_peers_complete(const herald_bench_sender *sender)
{
    if (sender->finals + sender->absent < sender->config.expect)
        return false;
    for (size_t i = 0; i < sender->peer_count; i++) {
        enum herald_bench_peer_state state = sender->peers[i]->facts.state;

        if (state != HERALD_BENCH_PEER_FINAL && state != HERALD_BENCH_PEER_GIVEN_UP)
            return false;
    }
    /* Nobody knows of those who could not be heard yet: without a number, somebody at least must be. */
    return sender->finals > 0 && (sender->config.expect > 0 || sender->reminders > 0);
}

static bool is_same_host(const struct herald_peer *one, const struct herald_peer *other)
{
    return one->port == other->port && herald_address_equal(&one->address, &other->address);
}

/* ---- requests ------------------------------------------------------------------------------------ */

static void send_request(herald_bench_sender *sender, const struct hd_bench_peer *peer, bool acknowledge, bool end)
{
    uint8_t bytes[HD_BENCH_REQUEST_BYTES];
    const struct hd_bench_request request = {
        .stream_id = sender->stream_id,
        .receiver_id = peer->facts.id,
        .acknowledge = acknowledge,
        .end = end,
        .probe = true,
        .total = sender->sent.datagrams,
        .time_ns = hd_bench_clock_ns(&sender->clock),
    };
    int size_bytes = hd_bench_request_encode(&request, bytes, sizeof(bytes));
    const struct iovec part = { .iov_base = bytes, .iov_len = (size_t)size_bytes };
    struct herald_error error;

    /* What waits for ARP, asked for forged receivers, must leave room for the stream: both leave from one port. */
    if (!hd_socket_has_room(herald_sender_fd(sender->sender), sender->phase == HD_PHASE_ENDING ? 2 : 4) ||
        !hd_bench_limit_allows(&sender->messages, 0, herald_clock_ns()) ||
        hd_sender_send_to(sender->sender, &peer->facts.address, &part, 1, &error) < 0)
        return; /* a receiver that cannot be told goes on reporting, and is asked again */
}

void hd_bench_peers_remind(herald_bench_sender *sender)
{
    for (size_t i = 0; i < sender->peer_count; i++)
        if (sender->peers[i]->facts.state == HERALD_BENCH_PEER_REPORTING)
            send_request(sender, sender->peers[i], false, true);
}

/* ---- delays -------------------------------------------------------------------------------------- */

static int64_t add(int64_t a, int64_t b)
{
    int64_t sum;

    return __builtin_add_overflow(a, b, &sum) ? (b < 0 ? INT64_MIN : INT64_MAX) : sum;
}

/* What two clocks may have drifted apart in a time, which may be a peer's word. */
static uint64_t drift_ns(uint64_t time_ns)
{
    return time_ns / 1000000 * DRIFT_PPM;
}

/*
 * Delays come relative to the receiver's base, by the two clocks as they are. The identity of a kernel is not enough to
 * believe in one clock, for copies of a virtual machine may share it: an exchange of times must not contradict.
 */
static void place_delays(const herald_bench_sender *sender, struct hd_bench_peer *peer,
                         const struct hd_bench_report *report)
{
    struct herald_bench_delay *delay = &peer->facts.figures.delay;
    int64_t *const values[] = { &delay->min_ns, &delay->mean_ns, &delay->p50_ns, &delay->p90_ns,
                                &delay->p99_ns, &delay->p999_ns, &delay->max_ns };
    int64_t offset_ns = peer->offset.offset_ns;
    uint64_t distance_ns = offset_ns < 0 ? 0 - (uint64_t)offset_ns : (uint64_t)offset_ns;
    int64_t base_ns = report->delay_base_ns;

    delay->clock = HERALD_BENCH_CLOCK_NONE;
    delay->uncertainty_ns = 0;
    if (sender->clock_id != 0 && peer->clock_id == sender->clock_id &&
        (!peer->offset.known || distance_ns <= peer->offset.round_trip_ns / 2 + (uint64_t)MS_NS)) {
        delay->clock = HERALD_BENCH_CLOCK_SAME;
    } else if (peer->offset.known) {
        delay->clock = HERALD_BENCH_CLOCK_EXCHANGE;
        delay->uncertainty_ns = (int64_t)((peer->offset.round_trip_ns + 1) / 2 + drift_ns(report->figures.elapsed_ns));
        base_ns = add(base_ns, offset_ns == INT64_MIN ? INT64_MAX : -offset_ns);
    } else {
        /* Only differences mean something: the quickest counts as 0. */
        base_ns = delay->min_ns == INT64_MIN ? INT64_MAX : -delay->min_ns;
    }
    for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++)
        *values[i] = add(*values[i], base_ns);
    peer->facts.bucket_count = 0;
    for (size_t i = 0; i < report->coarse.count; i++) {
        struct herald_histogram_bucket bucket = hd_coarse_bucket(&report->coarse, i, base_ns);

        if (bucket.count > 0)
            peer->buckets[peer->facts.bucket_count++] = bucket;
    }
}

/*
 * RFC 5905, 10: the quickest exchange is the least asymmetric one; but the older it is, the less it says, by what the
 * clocks may have drifted.
 */
static void take_time(herald_bench_sender *sender, const struct hd_bench_time *time, const struct herald_peer *from,
                      uint64_t arrived_ns)
{
    size_t index;
    struct hd_bench_peer *peer = find_peer(sender, time->receiver_id, &index);
    int64_t there = (int64_t)(time->received_ns - time->asked_ns);
    int64_t back = (int64_t)(time->answered_ns - arrived_ns);
    uint64_t whole_ns = arrived_ns - time->asked_ns;
    uint64_t own_ns = time->answered_ns - time->received_ns;

    /* What makes no sense is no exchange: a forged answer, or a clock that was set. */
    if (peer == NULL || time->stream_id != sender->stream_id || arrived_ns < time->asked_ns || own_ns > whole_ns ||
        whole_ns > UINT64_C(10000) * MS_NS || !is_same_host(from, &peer->facts.address))
        return;
    if (peer->offset.known && peer->offset.stream_id == time->stream_id && arrived_ns >= peer->offset.time_ns &&
        whole_ns - own_ns >= peer->offset.round_trip_ns + 2 * drift_ns(arrived_ns - peer->offset.time_ns))
        return;
    peer->offset.known = true;
    peer->offset.stream_id = time->stream_id;
    peer->offset.time_ns = arrived_ns;
    peer->offset.round_trip_ns = whole_ns - own_ns;
    peer->offset.offset_ns = (int64_t)(((__int128)there + back) / 2);
}

/* ---- reports ------------------------------------------------------------------------------------- */

static void thin_out(struct hd_bench_peer *peer)
{
    peer->facts.sample_count /= 2;
    for (size_t i = 0; i < peer->facts.sample_count; i++)
        peer->samples[i] = peer->samples[2 * i + 1];
    peer->sample_every *= 2;
}

/* @return whether there is room for one more; never for more than HD_BENCH_SAMPLES_MAX. */
static bool make_room(struct hd_bench_peer *peer)
{
    size_t capacity = peer->sample_capacity > 0 ? 2 * peer->sample_capacity : 16;
    struct herald_bench_sample *samples;

    if (peer->facts.sample_count < peer->sample_capacity)
        return true;
    samples = reallocarray(peer->samples, capacity, sizeof(*samples));
    if (samples == NULL)
        return false;
    peer->samples = samples;
    peer->sample_capacity = capacity;
    return true;
}

static void keep_sample(const herald_bench_sender *sender, struct hd_bench_peer *peer, bool last)
{
    const struct herald_bench_figures *figures = &peer->facts.figures;
    size_t most = sender->peer_count > HD_BENCH_PEERS_MANY ? HD_BENCH_SAMPLES_FEW : HD_BENCH_SAMPLES_MAX;

    if (peer->facts.sample_count == 0) {
        peer->sample_every = 1;
        peer->sample_skip = 0;
    }
    if (!last && ++peer->sample_skip < peer->sample_every)
        return;
    peer->sample_skip = 0;
    if (peer->facts.sample_count >= most)
        thin_out(peer);
    if (!make_room(peer))
        return;
    peer->samples[peer->facts.sample_count++] = (struct herald_bench_sample){
        .elapsed_ns = figures->elapsed_ns,
        .received_bytes = figures->received_bytes,
        .expected = figures->expected,
        .lost = figures->lost,
    };
}

static void take_report(herald_bench_sender *sender, const struct herald_peer *from,
                        const struct hd_bench_report *report)
{
    bool first = false;
    size_t index = sender->peer_count;
    struct hd_bench_peer *peer;

    /* Whoever claims that there was more than was sent has invented it. */
    if (report->stream_id != sender->stream_id || sender->phase == HD_PHASE_IDLE ||
        report->figures.expected > sender->sent.datagrams)
        return;
    peer = find_peer(sender, report->receiver_id, &index);
    if (peer == NULL) {
        peer = add_peer(sender, report->receiver_id);
        if (peer == NULL)
            return;
        first = true;
    }
    if ((first || peer->facts.state == HERALD_BENCH_PEER_GIVEN_UP) && sender->absent > 0)
        sender->absent--;
    peer->facts.address = *from;
    if (peer->facts.state == HERALD_BENCH_PEER_FINAL) { /* it has not heard that it was heard */
        if (report->last)
            send_request(sender, peer, true, false);
        return;
    }
    if (peer->stream_id == report->stream_id && report->number <= peer->report_number)
        return; /* overtaken by a newer one */
    peer->stream_id = report->stream_id;
    peer->report_number = report->number;
    peer->clock_id = report->clock_id;
    peer->facts.reports++;
    peer->facts.state = report->last ? HERALD_BENCH_PEER_FINAL : HERALD_BENCH_PEER_REPORTING;
    memcpy(peer->facts.host, report->host, sizeof(peer->facts.host));
    memcpy(peer->facts.interface, report->interface, sizeof(peer->facts.interface));
    peer->facts.figures = report->figures;
    place_delays(sender, peer, report);
    keep_sample(sender, peer, report->last);
    sender->finals += report->last;
    send_request(sender, peer, report->last, false);
    if (first)
        hd_bench_sender_tell(sender, HERALD_BENCH_PEER_NEW, index, NULL);
    hd_bench_sender_tell(sender, report->last ? HERALD_BENCH_PEER_LAST : HERALD_BENCH_PEER_REPORT, index, NULL);
}

static void take_message(herald_bench_sender *sender, const struct herald_run *run, const uint8_t *bytes,
                         size_t size_bytes)
{
    enum hd_bench_message_kind kind;
    struct hd_bench_report report;
    struct hd_bench_time time;

    if (hd_bench_message_kind(bytes, size_bytes, &kind) < 0)
        return;
    switch (kind) {
    case HD_BENCH_REPORT:
        if (hd_bench_report_decode(bytes, size_bytes, &report) == 0)
            take_report(sender, &run->source, &report);
        break;
    case HD_BENCH_TIME:
        if (hd_bench_time_decode(bytes, size_bytes, &time) == 0)
            take_time(sender, &time, &run->source,
                      run->time_ns - (uint64_t)hd_bench_clock_set_ns(&sender->clock, run->time_ns, herald_clock_ns()));
        break;
    case HD_BENCH_REQUEST:
        break; /* for receivers */
    }
}

int hd_bench_peers_take(herald_bench_sender *sender)
{
    for (int round = 0; round < ROUNDS; round++) {
        struct herald_run runs[HERALD_RUNS_MAX];
        int n = herald_sender_receive(sender->sender, runs, HERALD_RUNS_MAX);

        if (n == 0 || n == -ECONNREFUSED)
            return 0;
        if (n < 0)
            return n;
        hd_bench_clock_watch(&sender->clock);
        for (int i = 0; i < n; i++) {
            for (size_t at = 0; at < herald_run_count(&runs[i]); at++) {
                size_t size_bytes;
                const uint8_t *bytes = herald_run_datagram(&runs[i], at, &size_bytes);

                take_message(sender, &runs[i], bytes, size_bytes);
            }
        }
    }
    return 0;
}

/* ---- what is known --------------------------------------------------------------------------------- */

size_t herald_bench_sender_peer_count(const herald_bench_sender *sender)
{
    return sender->peer_count;
}

void herald_bench_sender_peer(const herald_bench_sender *sender, size_t index, struct herald_bench_peer *ret_peer)
{
    const struct hd_bench_peer *peer = sender->peers[index];

    *ret_peer = peer->facts;
    ret_peer->samples = peer->samples;
    ret_peer->buckets = peer->buckets;
}
