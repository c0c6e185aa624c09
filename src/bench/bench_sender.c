/* SPDX-License-Identifier: MIT */
#include "bench_sender.h"

#include "bench_host.h"
#include "queue.h"
#include "sender.h" /* of src/io: its counts */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define MS_NS           UINT64_C(1000000)
#define NS_PER_S        UINT64_C(1000000000)
#define SIZE_BYTES      1400
#define INTERVAL_NS     (250 * MS_NS)
#define INTERVAL_MIN_NS (10 * MS_NS)
#define INTERVAL_MAX_NS (60 * NS_PER_S)
#define WAIT_NS         (2 * NS_PER_S)

/* A burst is about as long as a timer is late: shorter ones cost wake-ups, longer ones queues in switches. */
#define BURST_NS (NS_PER_S / 5000)

/* Who was held up for longer than this does not make up for it with a flood. */
#define BEHIND_NS (50 * MS_NS)

/* A full buffer is looked at again after this: that of a device is not told by poll(). */
#define BLOCKED_NS (MS_NS / 2)

/* The end is told again after this, first; then each time after twice as long. */
#define REMIND_NS (60 * MS_NS)

enum { BURSTS_AT_ONCE = 16, REMINDERS_MAX = 5, SPREAD_MS = 25, SPREAD_MS_MAX = 5000, SUPER_PACKET_BYTES = 65000 };

/* Receivers report 1,000 times a second: whoever floods the sender with reports is not answered each time. */
enum { MESSAGES_PER_S = 2000 };

/* ---- opening ---------------------------------------------------------------------------------- */

static int check_config(const struct herald_bench_sender_config *config, struct herald_error *error)
{
    if (config->size_bytes > 0 && config->size_bytes < HERALD_BENCH_SIZE_MIN_BYTES)
        return herald_error_set(error, -EINVAL, "%zu bytes are too few for a datagram: its head has %d",
                                config->size_bytes, HERALD_BENCH_SIZE_MIN_BYTES);
    if (config->report_interval_ns > 0 &&
        (config->report_interval_ns < INTERVAL_MIN_NS || config->report_interval_ns > INTERVAL_MAX_NS))
        return herald_error_set(error, -EINVAL, "the interval between reports must be from 10 ms to 60 s");
    if (config->expect > HD_BENCH_PEERS_MAX)
        return herald_error_set(error, -EINVAL, "more than %d receivers cannot be measured", HD_BENCH_PEERS_MAX);
    return 0;
}

static int choose_size(herald_bench_sender *sender, struct herald_error *error)
{
    const struct herald_sender_facts *facts = herald_sender_facts(sender->sender);
    size_t max_bytes = facts->payload_max_bytes;
    size_t size_bytes = sender->config.size_bytes;

    if (size_bytes == 0)
        size_bytes = max_bytes < SIZE_BYTES ? max_bytes : SIZE_BYTES;
    if (size_bytes > max_bytes && !sender->config.sender.fragment) {
        herald_error_set(error, -EMSGSIZE, "%zu bytes do not fit into one packet on %s: %zu fit", size_bytes,
                         facts->interface.name, max_bytes);
        herald_error_advise(error, "a smaller --size");
        return -EMSGSIZE;
    }
    if (size_bytes < HERALD_BENCH_SIZE_MIN_BYTES)
        return herald_error_set(error, -EMSGSIZE, "only %zu bytes fit into one packet on %s: too few", size_bytes,
                                facts->interface.name);
    sender->size_bytes = size_bytes;
    return 0;
}

int herald_bench_sender_new(herald_bench_sender **ret_sender, const struct herald_bench_sender_config *config,
                            struct herald_error *error)
{
    herald_bench_sender *sender;
    int r = check_config(config, error);

    if (r < 0)
        return r;
    sender = calloc(1, sizeof(*sender));
    if (sender == NULL)
        return herald_error_set(error, -ENOMEM, "out of memory");
    sender->config = *config;
    sender->config.report_interval_ns = config->report_interval_ns > 0 ? config->report_interval_ns : INTERVAL_NS;
    sender->config.wait_ns = config->wait_ns > 0 ? config->wait_ns : WAIT_NS;
    sender->clock_id = hd_bench_clock_id();
    sender->messages = (struct hd_bench_limit){ .per_s = MESSAGES_PER_S, .as_of_ns = herald_clock_ns() };
    r = herald_sender_new(&sender->sender, &config->sender, error);
    if (r >= 0)
        r = choose_size(sender, error);
    if (r >= 0) {
        sender->burst = calloc(HERALD_RUN_SEGMENTS_MAX, sender->size_bytes);
        if (sender->burst == NULL)
            r = herald_error_set(error, -ENOMEM, "out of memory");
    }
    /* What the configuration pointed to belongs to the caller. */
    sender->config.sender.interface = NULL;
    if (r < 0)
        herald_bench_sender_free(sender);
    else
        *ret_sender = sender;
    return r;
}

herald_bench_sender *herald_bench_sender_free(herald_bench_sender *sender)
{
    if (sender == NULL)
        return NULL;
    hd_bench_peers_release(sender);
    herald_sender_free(sender->sender);
    free(sender->burst);
    free(sender->events);
    free(sender);
    return NULL;
}

/* ---- events ------------------------------------------------------------------------------------ */

void hd_bench_sender_tell(herald_bench_sender *sender, enum herald_bench_sender_event_kind kind, size_t peer,
                          const struct herald_error *error)
{
    struct herald_bench_sender_event *event;

    if (sender->event_count == sender->event_capacity) {
        size_t capacity = sender->event_capacity > 0 ? 2 * sender->event_capacity : 16;
        struct herald_bench_sender_event *events = reallocarray(sender->events, capacity, sizeof(*events));

        if (events == NULL)
            return;
        sender->events = events;
        sender->event_capacity = capacity;
    }
    event = &sender->events[sender->event_count++];
    *event = (struct herald_bench_sender_event){ .kind = kind, .peer = peer };
    if (error != NULL)
        event->error = *error;
}

int herald_bench_sender_next_event(herald_bench_sender *sender, struct herald_bench_sender_event *ret_event)
{
    if (sender->event_count == 0)
        return 0;
    *ret_event = sender->events[0];
    sender->event_count--;
    memmove(sender->events, sender->events + 1, sender->event_count * sizeof(*sender->events));
    return 1;
}

/* ---- a run ------------------------------------------------------------------------------------- */

static uint32_t queue_drops(const herald_bench_sender *sender)
{
    return hd_bench_queue_drops(herald_sender_facts(sender->sender)->interface.index);
}

static uint64_t rate_bytes_per_s(const herald_bench_sender *sender)
{
    const struct herald_bench_run *run = &sender->run;

    return run->rate_pps > 0 ? run->rate_pps * sender->size_bytes : run->rate_bps / 8;
}

/* About 200 us worth, and no more than one super-packet. */
uint32_t herald_bench_burst(double rate_bps, size_t size_bytes, uint32_t asked)
{
    size_t fitting = size_bytes > 0 ? SUPER_PACKET_BYTES / size_bytes : HERALD_RUN_SEGMENTS_MAX;
    double most = (double)fitting;
    double burst = rate_bps > 0 ? rate_bps / 8 * (double)BURST_NS / 1e9 / (double)size_bytes : HERALD_RUN_SEGMENTS_MAX;

    if (asked > 0)
        return asked < HERALD_RUN_SEGMENTS_MAX ? asked : HERALD_RUN_SEGMENTS_MAX;
    burst = burst < most ? burst : most;
    if (burst > HERALD_RUN_SEGMENTS_MAX)
        return HERALD_RUN_SEGMENTS_MAX;
    return burst > 1 ? (uint32_t)burst : 1;
}

static int check_run(const herald_bench_sender *sender, const struct herald_bench_run *run, struct herald_error *error)
{
    if (sender->phase != HD_PHASE_IDLE)
        return herald_error_set(error, -EBUSY, "a run is under way");
    if (run->burst > HERALD_RUN_SEGMENTS_MAX)
        return herald_error_set(error, -EINVAL, "a burst has at most %d datagrams", HERALD_RUN_SEGMENTS_MAX);
    if (run->rate_pps > HD_PACER_RATE_MAX_BYTES_PER_S / sender->size_bytes ||
        run->rate_bps / 8 > HD_PACER_RATE_MAX_BYTES_PER_S)
        return herald_error_set(error, -EINVAL, "the rate is above 100 Gbit/s");
    if (run->rate_bps > 0 && run->rate_bps < 8)
        return herald_error_set(error, -EINVAL, "the rate is less than a byte per second");
    return 0;
}

int herald_bench_sender_start(herald_bench_sender *sender, const struct herald_bench_run *run, uint64_t now_ns,
                              struct herald_error *error)
{
    uint64_t bytes_per_s;
    int r = check_run(sender, run, error);

    if (r < 0)
        return r;
    sender->run = *run;
    sender->phase = HD_PHASE_SENDING;
    sender->stream_id = hd_bench_random_id();
    hd_bench_clock_init(&sender->clock);
    bytes_per_s = rate_bytes_per_s(sender);
    sender->paced = bytes_per_s > 0;
    sender->sent = (struct herald_bench_sent){
        .asked_bps = (double)bytes_per_s * 8,
        .burst = herald_bench_burst((double)bytes_per_s * 8, sender->size_bytes, run->burst),
    };
    if (sender->paced) {
        /* Begins without credit: the first burst is paid for like all others. */
        hd_pacer_init(&sender->pacer, bytes_per_s, BEHIND_NS, sender->sent.burst, now_ns);
        hd_pacer_sent(&sender->pacer, (size_t)(bytes_per_s * BEHIND_NS / NS_PER_S), now_ns);
        sender->pacer.run_datagrams = 0;
    }
    sender->start_ns = sender->first_ns = sender->last_ns = now_ns;
    sender->first_bytes = 0;
    sender->queue_drops = queue_drops(sender);
    sender->blocked_ns = 0;
    sender->number = 1;
    sender->pending = 0;
    sender->reminders = 0;
    hd_bench_peers_restart(sender);
    return 0;
}

/* ---- datagrams --------------------------------------------------------------------------------- */

/* With many receivers each reports less often: 1,000 reports a second are enough. */
static uint16_t interval_ms(const herald_bench_sender *sender)
{
    uint64_t ms = sender->config.report_interval_ns / MS_NS;

    uint64_t people = sender->peer_count > sender->config.expect ? sender->peer_count : sender->config.expect;

    if (sender->config.no_reports)
        return 0;
    ms = people > ms ? people : ms;
    return (uint16_t)(ms < UINT16_MAX ? ms : UINT16_MAX);
}

static uint16_t spread_ms(const herald_bench_sender *sender)
{
    uint64_t people = sender->peer_count > sender->config.expect ? sender->peer_count : sender->config.expect;
    uint64_t ms = people > SPREAD_MS ? people : SPREAD_MS;

    return (uint16_t)(ms < SPREAD_MS_MAX ? ms : SPREAD_MS_MAX);
}

static void fill_header(const herald_bench_sender *sender, struct hd_stream_header *header, uint64_t now_ns)
{
    *header = (struct hd_stream_header){
        .number = sender->number,
        .time_ns = hd_bench_clock_ns(&sender->clock),
        .ttl = herald_sender_facts(sender->sender)->ttl,
        .stream_id = sender->stream_id,
        .elapsed_ns = now_ns - sender->start_ns,
        .clock_id = sender->clock_id,
        .report_interval_ms = interval_ms(sender),
        .report_spread_ms = spread_ms(sender),
    };
}

/* Writes the heads of `count` datagrams that leave together. */
static void compose(herald_bench_sender *sender, size_t count, uint64_t now_ns)
{
    struct hd_stream_header header;

    fill_header(sender, &header, now_ns);
    hd_stream_header_encode(&header, sender->burst);
    for (size_t i = 1; i < count; i++) {
        uint8_t *at = sender->burst + i * sender->size_bytes;

        memcpy(at, sender->burst, HD_STREAM_HEADER_BYTES);
        hd_stream_header_renumber(at, sender->number + i);
    }
    sender->pending = count;
    sender->pending_from = 0;
}

static void fail(herald_bench_sender *sender, const struct herald_error *error)
{
    hd_bench_sender_tell(sender, HERALD_BENCH_RUN_FAILED, 0, error);
    hd_bench_sender_tell(sender, HERALD_BENCH_RUN_DONE, 0, NULL);
    sender->phase = HD_PHASE_IDLE;
}

static bool is_full(int code)
{
    return code == -EAGAIN || code == -ENOBUFS;
}

static void count_sent(herald_bench_sender *sender, uint64_t count, uint64_t now_ns)
{
    if (sender->sent.datagrams == 0)
        sender->first_ns = now_ns;
    if (now_ns == sender->first_ns)
        sender->first_bytes += count * sender->size_bytes;
    sender->number += count;
    sender->sent.datagrams += count;
    sender->sent.bytes += count * sender->size_bytes;
    sender->last_ns = now_ns;
}

/* Sends what is pending. @return whether all of it has left. */
static bool flush(herald_bench_sender *sender, uint64_t now_ns)
{
    size_t size_bytes = sender->size_bytes;

    while (sender->pending > 0) {
        const uint8_t *from = sender->burst + sender->pending_from * size_bytes;
        struct herald_error error;
        int n = herald_sender_send_run(sender->sender, from, sender->pending * size_bytes, size_bytes, &error);

        if (n < 0 && is_full(n)) {
            sender->sent.waits++;
            sender->blocked_ns = now_ns + BLOCKED_NS;
            return false;
        }
        if (n < 0) {
            fail(sender, &error);
            return false;
        }
        sender->sent.segmented |= sender->sender->stats.gso; /* herald_sender_stats() takes a system call */
        count_sent(sender, (uint64_t)n, now_ns);
        sender->pending -= (size_t)n;
        sender->pending_from += (size_t)n;
        for (int i = 0; i < n && sender->paced; i++)
            hd_pacer_sent(&sender->pacer, size_bytes, now_ns);
    }
    return true;
}

/* The last datagram, by iperf's sign: a negative number. It counts like any other, once. */
static int send_last(herald_bench_sender *sender, bool repeated, uint64_t now_ns, struct herald_error *error)
{
    struct hd_stream_header header;

    fill_header(sender, &header, now_ns);
    header.last = true;
    header.repeated = repeated;
    if (repeated)
        header.number = sender->sent.datagrams;
    hd_stream_header_encode(&header, sender->burst);
    return herald_sender_send_run(sender->sender, sender->burst, sender->size_bytes, sender->size_bytes, error);
}

static void begin_ending(herald_bench_sender *sender, uint64_t now_ns)
{
    uint64_t spread_ns = spread_ms(sender) * MS_NS;

    sender->phase = HD_PHASE_ENDING;
    sender->remind_ns = now_ns + REMIND_NS + spread_ns;
    /* Who does not report must still hear of the end if its first word was lost. */
    sender->done_ns = now_ns + (sender->config.no_reports ? 4 * REMIND_NS : sender->config.wait_ns) + spread_ns;
    hd_bench_sender_tell(sender, HERALD_BENCH_RUN_SENT, 0, NULL);
}

/* @return whether it has left; if not, it is tried again when blocked_ns has come. */
static bool end_run(herald_bench_sender *sender, uint64_t now_ns)
{
    struct herald_error error;
    int r = send_last(sender, false, now_ns, &error);

    if (r < 0 && is_full(r)) {
        sender->sent.waits++;
        sender->blocked_ns = now_ns + BLOCKED_NS;
        return false;
    }
    if (r < 0) {
        fail(sender, &error);
        return false;
    }
    count_sent(sender, 1, now_ns);
    begin_ending(sender, now_ns);
    return true;
}

static bool is_time_over(const herald_bench_sender *sender, uint64_t now_ns)
{
    return sender->run.duration_ns > 0 && now_ns - sender->start_ns >= sender->run.duration_ns;
}

/* How many more there are to be sent, the last one not counted; none when the time is over. */
static uint64_t left_to_send(const herald_bench_sender *sender, uint64_t now_ns)
{
    const struct herald_bench_run *run = &sender->run;

    if (is_time_over(sender, now_ns))
        return 0;
    if (run->count == 0)
        return UINT64_MAX;
    return run->count > sender->number ? run->count - sender->number : 0;
}

static void send_due(herald_bench_sender *sender, uint64_t now_ns)
{
    for (int bursts = 0; bursts < BURSTS_AT_ONCE && sender->phase == HD_PHASE_SENDING; bursts++) {
        uint64_t left;

        if (now_ns < sender->blocked_ns || (sender->pending > 0 && !flush(sender, now_ns)))
            return;
        left = left_to_send(sender, now_ns);
        /* When the time is over, it is: at a slow rate the next datagram may be due in hours. */
        if (!is_time_over(sender, now_ns) && sender->paced && !hd_pacer_ready(&sender->pacer, now_ns))
            return;
        if (left == 0) {
            (void)end_run(sender, now_ns);
            return;
        }
        compose(sender, left < sender->sent.burst ? (size_t)left : sender->sent.burst, now_ns);
        (void)flush(sender, now_ns);
        now_ns = herald_clock_ns();
    }
}

void herald_bench_sender_stop(herald_bench_sender *sender, uint64_t now_ns)
{
    if (sender->phase != HD_PHASE_SENDING)
        return;
    /* What is pending has no number yet that anybody knows. */
    sender->pending = 0;
    sender->run.duration_ns = 1;
    sender->paced = false;
    (void)end_run(sender, now_ns);
}

void herald_bench_sender_finish(herald_bench_sender *sender)
{
    if (sender->phase == HD_PHASE_ENDING)
        sender->done_ns = 0;
}

/* ---- the end ----------------------------------------------------------------------------------- */

static void remind(herald_bench_sender *sender, uint64_t now_ns)
{
    struct herald_error error;

    if (now_ns < sender->remind_ns || sender->reminders >= REMINDERS_MAX)
        return;
    sender->reminders++;
    sender->remind_ns = now_ns + (REMIND_NS << sender->reminders);
    /* To all, for nobody knows who has not been heard of yet; and to those who are known by unicast. */
    (void)send_last(sender, true, now_ns, &error);
    hd_bench_peers_remind(sender);
}

static void process_ending(herald_bench_sender *sender, uint64_t now_ns)
{
    uint32_t after;

    if (now_ns >= sender->done_ns || hd_bench_peers_complete(sender)) {
        sender->phase = HD_PHASE_IDLE;
        after = queue_drops(sender);
        /* Less: the queue was put there anew. */
        sender->sent.queue_drops = after > sender->queue_drops ? after - sender->queue_drops : 0;
        hd_bench_sender_tell(sender, HERALD_BENCH_RUN_DONE, 0, NULL);
        return;
    }
    remind(sender, now_ns);
}

/* ---- the event loop's calls ---------------------------------------------------------------------- */

int herald_bench_sender_fd(const herald_bench_sender *sender)
{
    return herald_sender_fd(sender->sender);
}

static uint64_t sending_deadline(const herald_bench_sender *sender)
{
    uint64_t end_ns = sender->run.duration_ns > 0 ? sender->start_ns + sender->run.duration_ns : HERALD_NEVER;
    uint64_t due_ns = sender->paced && sender->pending == 0 ? hd_pacer_next_ns(&sender->pacer) : 0;

    if (due_ns < sender->blocked_ns)
        due_ns = sender->blocked_ns;
    return due_ns < end_ns ? due_ns : end_ns > sender->blocked_ns ? end_ns : sender->blocked_ns;
}

uint64_t herald_bench_sender_deadline(const herald_bench_sender *sender)
{
    switch (sender->phase) {
    case HD_PHASE_IDLE:
        break;
    case HD_PHASE_SENDING:
        return sending_deadline(sender);
    case HD_PHASE_ENDING:
        return sender->reminders < REMINDERS_MAX && sender->remind_ns < sender->done_ns ? sender->remind_ns
                                                                                        : sender->done_ns;
    }
    return HERALD_NEVER;
}

int herald_bench_sender_process(herald_bench_sender *sender, uint64_t now_ns)
{
    int r;

    if (sender->phase == HD_PHASE_SENDING)
        send_due(sender, now_ns);
    r = hd_bench_peers_take(sender);
    if (sender->phase == HD_PHASE_ENDING)
        process_ending(sender, herald_clock_ns());
    return r;
}

/* ---- what is known --------------------------------------------------------------------------------- */

const struct herald_sender_facts *herald_bench_sender_facts(const herald_bench_sender *sender)
{
    return herald_sender_facts(sender->sender);
}

size_t herald_bench_sender_size_bytes(const herald_bench_sender *sender)
{
    return sender->size_bytes;
}

void herald_bench_sender_sent(const herald_bench_sender *sender, struct herald_bench_sent *ret_sent)
{
    *ret_sent = sender->sent;
    ret_sent->elapsed_ns = sender->last_ns - sender->first_ns;
    /* The first burst left at the very beginning: the time is that of all after it. */
    if (ret_sent->elapsed_ns > 0)
        ret_sent->rate_bps = (double)(ret_sent->bytes - sender->first_bytes) * 8e9 / (double)ret_sent->elapsed_ns;
}
