/* SPDX-License-Identifier: MIT */
#include "bench_receiver.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#define MS_NS      UINT64_C(1000000)
#define IDLE_NS    (2000 * MS_NS)
#define SETTLE_NS  (50 * MS_NS)
#define RESTART_NS (5000 * MS_NS)
#define CAUSES_NS  (100 * MS_NS)

enum { ROUNDS = 64, MESSAGES_PER_S = 1000 };

/* More streams than this begin only if somebody invents them: neither events nor places are for them. */
enum { STREAMS_PER_S = HD_BENCH_STREAMS_MAX };

/* ---- opening ---------------------------------------------------------------------------------- */

static int watch(herald_bench_receiver *receiver, struct herald_error *error)
{
    struct epoll_event event = { .events = EPOLLIN };

    receiver->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    if (receiver->epoll_fd < 0 ||
        epoll_ctl(receiver->epoll_fd, EPOLL_CTL_ADD, herald_receiver_fd(receiver->receiver), &event) < 0)
        return herald_error_set(error, -errno, "cannot wait for sockets: %s", strerror(errno));
    for (size_t i = 0; i < 2; i++)
        if (receiver->report_fds[i] >= 0 &&
            epoll_ctl(receiver->epoll_fd, EPOLL_CTL_ADD, receiver->report_fds[i], &event) < 0)
            return herald_error_set(error, -errno, "cannot wait for sockets: %s", strerror(errno));
    return 0;
}

static int open_receiver(herald_bench_receiver *receiver, const struct herald_bench_receiver_config *config,
                         struct herald_error *error)
{
    struct herald_receiver_config sockets = config->receiver;
    struct herald_loss_config loss = { .fd = -1 };
    int r;

    sockets.keep_duplicates = true;
    if ((r = herald_receiver_new(&receiver->receiver, &sockets, error)) < 0 ||
        (r = hd_bench_reports_open(receiver, &sockets, error)) < 0)
        return r;
    loss.receiver = receiver->receiver;
    r = herald_loss_new(&receiver->loss, &loss, error);
    return r < 0 ? r : watch(receiver, error);
}

static void name_host(herald_bench_receiver *receiver, const char *host)
{
    if (host != NULL)
        strncpy(receiver->host, host, sizeof(receiver->host) - 1);
    else if (gethostname(receiver->host, sizeof(receiver->host) - 1) < 0)
        receiver->host[0] = '\0';
}

int herald_bench_receiver_new(herald_bench_receiver **ret_receiver, const struct herald_bench_receiver_config *config,
                              struct herald_error *error)
{
    herald_bench_receiver *receiver = calloc(1, sizeof(*receiver));
    int r;

    if (receiver == NULL)
        return herald_error_set(error, -ENOMEM, "out of memory");
    receiver->epoll_fd = receiver->report_fds[0] = receiver->report_fds[1] = -1;
    for (size_t i = 0; i < HD_BENCH_STREAMS_MAX; i++)
        receiver->places[i].own_fd = -1;
    receiver->receiver_id = hd_bench_random_id();
    receiver->clock_id = hd_bench_clock_id();
    hd_random_init(&receiver->random, receiver->receiver_id);
    receiver->idle_ns = config->idle_ns > 0 ? config->idle_ns : IDLE_NS;
    receiver->silent = config->silent;
    name_host(receiver, config->host);
    r = open_receiver(receiver, config, error);
    if (r < 0) {
        herald_bench_receiver_free(receiver);
        return r;
    }
    receiver->opened_ns = receiver->restarted_ns = herald_clock_ns();
    receiver->messages = (struct hd_bench_limit){ .per_s = MESSAGES_PER_S, .left = MESSAGES_PER_S };
    receiver->messages.as_of_ns = receiver->opened_ns;
    receiver->begins = (struct hd_bench_limit){ .per_s = STREAMS_PER_S, .left = STREAMS_PER_S };
    receiver->begins.as_of_ns = receiver->opened_ns;
    hd_bench_clock_init(&receiver->clock);
    *ret_receiver = receiver;
    return 0;
}

herald_bench_receiver *herald_bench_receiver_free(herald_bench_receiver *receiver)
{
    if (receiver == NULL)
        return NULL;
    for (size_t i = 0; i < HD_BENCH_STREAMS_MAX; i++)
        hd_flow_release(&receiver->places[i].stream);
    herald_loss_free(receiver->loss);
    herald_receiver_free(receiver->receiver);
    hd_bench_reports_close(receiver);
    if (receiver->epoll_fd >= 0)
        close(receiver->epoll_fd);
    free(receiver->events);
    free(receiver);
    return NULL;
}

/* ---- events ------------------------------------------------------------------------------------ */

struct herald_bench_receiver_event *hd_bench_tell(herald_bench_receiver *receiver,
                                                  enum herald_bench_receiver_event_kind kind,
                                                  const struct hd_bench_place *place)
{
    struct hd_bench_queued *queued;

    if (receiver->event_count == receiver->event_capacity) {
        size_t capacity = receiver->event_capacity > 0 ? 2 * receiver->event_capacity : 8;
        struct hd_bench_queued *events = reallocarray(receiver->events, capacity, sizeof(*events));

        if (events == NULL)
            return NULL;
        receiver->events = events;
        receiver->event_capacity = capacity;
    }
    queued = &receiver->events[receiver->event_count++];
    *queued = (struct hd_bench_queued){ .event.kind = kind };
    if (place != NULL) {
        queued->event.stream = place->stream.facts;
        memcpy(queued->interface, place->stream.interface, sizeof(queued->interface));
    }
    return &queued->event;
}

int herald_bench_receiver_next_event(herald_bench_receiver *receiver, struct herald_bench_receiver_event *ret_event)
{
    struct herald_receiver_event membership;

    while (herald_receiver_next_event(receiver->receiver, &membership) > 0) {
        struct herald_bench_receiver_event *event = hd_bench_tell(receiver, HERALD_BENCH_MEMBERSHIP, NULL);

        if (event != NULL)
            event->membership = membership;
    }
    if (receiver->event_count == 0)
        return 0;
    *ret_event = receiver->events[0].event;
    memcpy(receiver->event_interface, receiver->events[0].interface, sizeof(receiver->event_interface));
    ret_event->stream.interface = receiver->event_interface;
    receiver->event_count--;
    memmove(receiver->events, receiver->events + 1, receiver->event_count * sizeof(*receiver->events));
    return 1;
}

/* ---- causes of loss ------------------------------------------------------------------------------ */

static uint64_t minus(uint64_t a, uint64_t b)
{
    return a > b ? a - b : 0;
}

/* What is missing of all streams since the counters of causes were noted. */
static uint64_t count_missing(const herald_bench_receiver *receiver, bool *ret_shared)
{
    uint64_t missing = receiver->settled_lost;
    size_t active = receiver->settled_lost > 0;

    for (size_t i = 0; i < HD_BENCH_STREAMS_MAX; i++) {
        if (!hd_bench_place_is_active(&receiver->places[i]))
            continue;
        missing += minus(hd_track_lost(&receiver->places[i].stream.track), receiver->places[i].kept_lost);
        active++;
    }
    *ret_shared = active > 1;
    return missing;
}

/* Splits `lost` as the whole is split, rounded so that nothing is left over. */
static void split_causes(const struct herald_loss_report *loss, uint64_t lost, uint64_t ret_by[HERALD_LOSS_CAUSE_COUNT])
{
    unsigned __int128 whole = 0;
    unsigned __int128 before = 0;

    for (size_t i = 0; i < HERALD_LOSS_CAUSE_COUNT; i++)
        whole += loss->parts[i].likely;
    for (size_t i = 0; i < HERALD_LOSS_CAUSE_COUNT; i++) {
        unsigned __int128 after = before + loss->parts[i].likely;

        ret_by[i] = whole > 0 ? (uint64_t)(after * lost / whole - before * lost / whole) : 0;
        before = after;
    }
    if (whole == 0)
        ret_by[HERALD_LOSS_NETWORK] = lost;
}

/* Adds what was lost before the stream went on; less, if some of that has come after all. */
static void add_kept(const struct hd_bench_place *place, struct herald_bench_figures *figures)
{
    uint64_t found = minus(place->kept_lost, figures->lost);

    for (size_t i = 0; i < HERALD_LOSS_CAUSE_COUNT; i++) {
        uint64_t taken = found < place->kept_by[i] ? found : place->kept_by[i];

        figures->lost_by[i] += place->kept_by[i] - taken;
        found -= taken;
    }
}

/*
 * Reads what the kernel counts, which takes longer than all else about a report: those that are due together share it.
 * Causes are shares of the whole, so that they need not be of the very moment.
 */
static int read_causes(herald_bench_receiver *receiver, uint64_t missing, bool anew,
                       struct herald_loss_report *ret_loss)
{
    uint64_t now_ns = herald_clock_ns();
    int r = 0;

    if (anew || receiver->causes_ns == 0 || now_ns >= receiver->causes_ns + CAUSES_NS) {
        receiver->causes_ns = 0;
        r = herald_loss_read(receiver->loss, missing, &receiver->causes);
        if (r < 0)
            return r;
        receiver->causes_ns = now_ns;
    }
    *ret_loss = receiver->causes;
    return r;
}

void hd_bench_figures(herald_bench_receiver *receiver, const struct hd_bench_place *place, bool last,
                      struct herald_bench_figures *ret_figures, struct herald_loss_report *ret_loss)
{
    struct herald_receiver_stats stats;
    uint64_t missing;
    bool shared;

    hd_flow_figures(&place->stream, ret_figures);
    herald_receiver_stats(receiver->receiver, &stats);
    ret_figures->receive_buffer_bytes = stats.receive_buffer_bytes;
    memset(ret_loss, 0, sizeof(*ret_loss));
    missing = count_missing(receiver, &shared);
    if (ret_figures->lost == 0 || read_causes(receiver, missing, last, ret_loss) < 0) {
        ret_figures->lost_by[HERALD_LOSS_NETWORK] = ret_figures->lost;
        return;
    }
    ret_figures->causes_shared = shared;
    split_causes(ret_loss, minus(ret_figures->lost, place->kept_lost), ret_figures->lost_by);
    add_kept(place, ret_figures);
}

/* What happened while nobody sent must not be blamed for what is lost later. */
static void restart_causes(herald_bench_receiver *receiver, uint64_t now_ns)
{
    for (size_t i = 0; i < HD_BENCH_STREAMS_MAX; i++)
        if (hd_bench_place_is_active(&receiver->places[i]))
            return;
    receiver->settled_lost = 0;
    receiver->restarted_ns = now_ns;
    receiver->causes_ns = 0;
    (void)herald_loss_restart(receiver->loss);
}

/* ---- streams ------------------------------------------------------------------------------------- */

static bool is_of(const struct hd_bench_place *place, const struct herald_run *run,
                  const struct hd_stream_header *header)
{
    const struct herald_bench_stream *facts = &place->stream.facts;

    return place->state != HD_PLACE_FREE && facts->stream_id == header->stream_id &&
           facts->source.port == run->source.port && facts->group_port == run->group_port &&
           facts->source.interface_index == run->source.interface_index &&
           herald_address_equal(&facts->source.address, &run->source.address) &&
           herald_address_equal(&facts->group, &run->group);
}

/* Makes the figures final, and tells them. */
static void conclude(herald_bench_receiver *receiver, struct hd_bench_place *place, enum hd_bench_place_state state,
                     uint64_t now_ns)
{
    struct herald_bench_receiver_event *event;
    struct herald_loss_report loss;

    hd_flow_finish(&place->stream);
    hd_bench_figures(receiver, place, true, &place->final, &loss);
    event = hd_bench_tell(receiver, HERALD_BENCH_STREAM_ENDED, place);
    if (event != NULL) {
        event->figures = place->final;
        event->loss = loss;
    }
    receiver->settled_lost += minus(place->final.lost, place->kept_lost); /* that is in it, or before all this */
    place->state = state;
    restart_causes(receiver, now_ns);
}

/* The end is known, or it is here: the sender is to know, too. */
static void end_stream(herald_bench_receiver *receiver, struct hd_bench_place *place, uint64_t now_ns)
{
    conclude(receiver, place, HD_PLACE_OVER, now_ns);
    if (receiver->silent || place->stream.facts.iperf || place->stream.report_interval_ms == 0)
        return;
    place->state = HD_PLACE_LAST;
    place->tries = 0;
    hd_bench_reports_begin(receiver, place, now_ns);
}

/* No last report: an interruption on the way looks the same, and then the sender would believe that this is all. */
static void break_off(herald_bench_receiver *receiver, struct hd_bench_place *place, uint64_t now_ns)
{
    conclude(receiver, place, place->stream.facts.iperf ? HD_PLACE_OVER : HD_PLACE_IDLE, now_ns);
}

void hd_bench_go_on(herald_bench_receiver *receiver, struct hd_bench_place *place, uint64_t now_ns)
{
    restart_causes(receiver, now_ns);
    place->kept_lost = place->final.lost;
    memcpy(place->kept_by, place->final.lost_by, sizeof(place->kept_by));
    place->state = HD_PLACE_RUNNING;
    place->seen_ns = now_ns;
    hd_bench_reports_begin(receiver, place, now_ns);
    (void)hd_bench_tell(receiver, HERALD_BENCH_STREAM_RESUMED, place);
}

/* How dispensable a place is; 0: not at all. Whoever does not acknowledge a last report may have been invented. */
static int spareness(const struct hd_bench_place *place)
{
    switch (place->state) {
    case HD_PLACE_FREE:
        return 3;
    case HD_PLACE_OVER:
    case HD_PLACE_IDLE:
        return 2;
    case HD_PLACE_LAST:
        return place->tries > 0;
    case HD_PLACE_RUNNING:
    case HD_PLACE_SETTLING:
        break;
    }
    return 0;
}

/* The most dispensable place; of several the one of which nothing has come for longest. */
static struct hd_bench_place *find_room(herald_bench_receiver *receiver)
{
    struct hd_bench_place *best = NULL;

    for (size_t i = 0; i < HD_BENCH_STREAMS_MAX; i++) {
        struct hd_bench_place *place = &receiver->places[i];
        int more = spareness(place) - (best != NULL ? spareness(best) : 0);

        if (more > 0 || (more == 0 && best != NULL && place->seen_ns < best->seen_ns))
            best = place;
    }
    return best;
}

/* A sender that begins anew from the same port has ended what it sent before. */
static void conclude_earlier(herald_bench_receiver *receiver, const struct hd_bench_place *newer, uint64_t now_ns)
{
    for (size_t i = 0; i < HD_BENCH_STREAMS_MAX; i++) {
        struct hd_bench_place *place = &receiver->places[i];
        const struct herald_bench_stream *facts = &place->stream.facts;

        if (place != newer && hd_bench_place_is_active(place) &&
            facts->source.port == newer->stream.facts.source.port &&
            facts->source.interface_index == newer->stream.facts.source.interface_index &&
            facts->group_port == newer->stream.facts.group_port &&
            herald_address_equal(&facts->group, &newer->stream.facts.group) &&
            herald_address_equal(&facts->source.address, &newer->stream.facts.source.address))
            conclude(receiver, place, HD_PLACE_OVER, now_ns); /* nobody asks for reports about it any more */
    }
}

/* What was refused before it began is no loss of a stream. */
static uint64_t listening_since(const herald_bench_receiver *receiver)
{
    return receiver->refused_ns > receiver->opened_ns ? receiver->refused_ns : receiver->opened_ns;
}

static struct hd_bench_place *begin_stream(herald_bench_receiver *receiver, const struct herald_run *run,
                                           const struct hd_stream_header *header, size_t size_bytes, uint64_t now_ns)
{
    struct hd_bench_place *place = find_room(receiver);
    struct herald_bench_stream facts = {
        .source = run->source,
        .group = run->group,
        .group_port = run->group_port,
        .iperf = !header->own,
        .size_bytes = size_bytes,
        .stream_id = header->stream_id,
    };

    if (place == NULL || !hd_bench_limit_allows(&receiver->begins, 0, now_ns)) {
        receiver->refused_ns = now_ns;
        receiver->stats.refused++;
        if (!receiver->refusal_told)
            (void)hd_bench_tell(receiver, HERALD_BENCH_STREAM_REFUSED, NULL);
        receiver->refusal_told = true;
        return NULL;
    }
    hd_flow_release(&place->stream);
    hd_bench_reports_release(place);
    memset(place, 0, sizeof(*place));
    place->own_fd = -1;
    if (hd_flow_init(&place->stream, header, run->time_ns, now_ns - listening_since(receiver), receiver->clock_id) < 0)
        return NULL;
    facts.number = ++receiver->stream_count;
    place->stream.facts = facts;
    strncpy(place->stream.interface, herald_receiver_interface_name(receiver->receiver, run->source.interface_index),
            sizeof(place->stream.interface) - 1);
    if (header->own && run->ttl >= 0 && run->ttl <= header->ttl)
        place->stream.hops = header->ttl - run->ttl;
    place->state = HD_PLACE_RUNNING;
    place->set_before_ns = hd_bench_clock_set_ns(&receiver->clock, run->time_ns, now_ns);
    place->stream.report_interval_ms = header->report_interval_ms;
    place->stream.report_spread_ms = header->report_spread_ms;
    conclude_earlier(receiver, place, now_ns);
    hd_bench_reports_begin(receiver, place, now_ns);
    (void)hd_bench_tell(receiver, HERALD_BENCH_STREAM_BEGAN, place);
    return place;
}

static struct hd_bench_place *place_of(herald_bench_receiver *receiver, const struct herald_run *run,
                                       const struct hd_stream_header *header, size_t size_bytes, uint64_t now_ns)
{
    if (receiver->latest != NULL && is_of(receiver->latest, run, header))
        return receiver->latest;
    receiver->latest = NULL;
    for (size_t i = 0; i < HD_BENCH_STREAMS_MAX && receiver->latest == NULL; i++)
        if (is_of(&receiver->places[i], run, header))
            receiver->latest = &receiver->places[i];
    /* An iperf that has ended and begins again has no other name. */
    if (receiver->latest != NULL && !header->own && !header->last && !hd_bench_place_is_active(receiver->latest)) {
        receiver->latest->state = HD_PLACE_FREE;
        receiver->latest = NULL;
    }
    /* One that is repeated tells of the end of a stream, and is no part of it. */
    if (receiver->latest == NULL && !header->repeated)
        receiver->latest = begin_stream(receiver, run, header, size_bytes, now_ns);
    return receiver->latest;
}

static void take_datagram(herald_bench_receiver *receiver, const struct herald_run *run, const uint8_t *bytes,
                          size_t size_bytes, uint64_t now_ns)
{
    struct hd_stream_header header;
    struct hd_bench_place *place;

    if (hd_stream_header_decode(bytes, size_bytes, &header) < 0) {
        receiver->stats.foreign++;
        return;
    }
    place = place_of(receiver, run, &header, size_bytes, now_ns);
    if (place == NULL)
        return;
    place->credit_bytes += size_bytes + HD_BENCH_HEADERS_BYTES;
    if (place->state == HD_PLACE_IDLE)
        hd_bench_go_on(receiver, place, now_ns);
    if (!hd_bench_place_is_active(place))
        return; /* its figures are final */
    place->stream.set_ns = hd_bench_clock_set_ns(&receiver->clock, run->time_ns, now_ns) - place->set_before_ns;
    hd_flow_arrived(&place->stream, &header, size_bytes, run->time_ns);
    place->seen_ns = now_ns;
    if (header.last && place->state == HD_PLACE_RUNNING) {
        place->state = HD_PLACE_SETTLING;
        place->settled_ns = now_ns + SETTLE_NS;
    }
}

static void take_run(herald_bench_receiver *receiver, const struct herald_run *run, uint64_t now_ns)
{
    size_t count = herald_run_count(run);

    for (size_t i = 0; i < count; i++) {
        size_t size_bytes;
        const uint8_t *bytes = herald_run_datagram(run, i, &size_bytes);

        take_datagram(receiver, run, bytes, size_bytes, now_ns);
    }
}

/* ---- the event loop's calls ------------------------------------------------------------------------ */

int herald_bench_receiver_fd(const herald_bench_receiver *receiver)
{
    return receiver->epoll_fd;
}

/* A stream of a datagram every five seconds is slow, not over. */
static uint64_t idle_limit_ns(const herald_bench_receiver *receiver, const struct hd_flow *stream)
{
    uint64_t pace_ns = stream->received > 1 ? (stream->last_time_ns - stream->first_time_ns) / (stream->received - 1)
                                            : 0;

    return 4 * pace_ns > receiver->idle_ns ? 4 * pace_ns : receiver->idle_ns;
}

static uint64_t place_deadline(const herald_bench_receiver *receiver, const struct hd_bench_place *place)
{
    uint64_t idle_ns;

    switch (place->state) {
    case HD_PLACE_FREE:
    case HD_PLACE_IDLE:
    case HD_PLACE_OVER:
        return HERALD_NEVER;
    case HD_PLACE_LAST:
        return place->report_ns;
    case HD_PLACE_SETTLING:
        return place->settled_ns;
    case HD_PLACE_RUNNING:
        idle_ns = place->seen_ns + idle_limit_ns(receiver, &place->stream);
        return place->report_ns < idle_ns ? place->report_ns : idle_ns;
    }
    return HERALD_NEVER;
}

uint64_t herald_bench_receiver_deadline(const herald_bench_receiver *receiver)
{
    uint64_t deadline_ns = herald_receiver_deadline(receiver->receiver);
    uint64_t restart_ns = receiver->restarted_ns + RESTART_NS;

    for (size_t i = 0; i < HD_BENCH_STREAMS_MAX; i++) {
        uint64_t own_ns = place_deadline(receiver, &receiver->places[i]);

        deadline_ns = own_ns < deadline_ns ? own_ns : deadline_ns;
        if (hd_bench_place_is_active(&receiver->places[i]))
            restart_ns = HERALD_NEVER;
    }
    return restart_ns < deadline_ns ? restart_ns : deadline_ns;
}

static void process_place(herald_bench_receiver *receiver, struct hd_bench_place *place, uint64_t now_ns)
{
    if (place->state == HD_PLACE_SETTLING && now_ns >= place->settled_ns)
        end_stream(receiver, place, now_ns);
    else if (place->state == HD_PLACE_RUNNING && now_ns >= place->seen_ns + idle_limit_ns(receiver, &place->stream))
        break_off(receiver, place, now_ns);
    if (place->state == HD_PLACE_RUNNING || place->state == HD_PLACE_LAST)
        hd_bench_reports_send(receiver, place, now_ns);
}

/* @return whether nothing is left to be received; -errno. */
static int receive(herald_bench_receiver *receiver)
{
    for (int round = 0; round < ROUNDS; round++) {
        struct herald_run runs[HERALD_RUNS_MAX];
        int n = herald_receiver_receive(receiver->receiver, runs, HERALD_RUNS_MAX);
        uint64_t now_ns;

        if (n <= 0)
            return n == 0 ? 1 : n;
        now_ns = herald_clock_ns();
        /* Arrivals are told by CLOCK_REALTIME, which may be set at any time: no time has passed then. */
        hd_bench_clock_watch(&receiver->clock);
        for (int i = 0; i < n; i++)
            take_run(receiver, &runs[i], now_ns);
    }
    return 0;
}

int herald_bench_receiver_process(herald_bench_receiver *receiver, uint64_t now_ns)
{
    int r = herald_receiver_process(receiver->receiver, now_ns);
    bool drained;

    if (r >= 0)
        r = receive(receiver);
    if (r < 0)
        return r;
    drained = r > 0;
    now_ns = herald_clock_ns();
    /* Word of the end must not overtake what waits to be read; nor does time pass for a stream before that. */
    hd_bench_reports_take(receiver, now_ns);
    for (size_t i = 0; i < HD_BENCH_STREAMS_MAX; i++)
        if (drained || receiver->places[i].state == HD_PLACE_LAST)
            process_place(receiver, &receiver->places[i], now_ns);
    if (drained && now_ns >= receiver->restarted_ns + RESTART_NS)
        restart_causes(receiver, now_ns);
    return 0;
}

void herald_bench_receiver_stop(herald_bench_receiver *receiver, uint64_t now_ns)
{
    for (size_t i = 0; i < HD_BENCH_STREAMS_MAX; i++)
        if (hd_bench_place_is_active(&receiver->places[i]))
            end_stream(receiver, &receiver->places[i], now_ns);
}

/* ---- what is known ----------------------------------------------------------------------------------- */

bool herald_bench_receiver_is_reporting(const herald_bench_receiver *receiver)
{
    for (size_t i = 0; i < HD_BENCH_STREAMS_MAX; i++)
        if (receiver->places[i].state == HD_PLACE_LAST)
            return true;
    return false;
}

int herald_bench_receiver_next_stream(herald_bench_receiver *receiver, size_t *position,
                                      struct herald_bench_stream *ret_stream, struct herald_bench_figures *ret_figures)
{
    struct herald_loss_report loss;

    for (size_t i = *position; i < HD_BENCH_STREAMS_MAX; i++) {
        if (!hd_bench_place_is_active(&receiver->places[i]))
            continue;
        *position = i + 1;
        *ret_stream = receiver->places[i].stream.facts;
        ret_stream->interface = receiver->places[i].stream.interface;
        hd_bench_figures(receiver, &receiver->places[i], false, ret_figures, &loss);
        return 1;
    }
    return 0;
}

void herald_bench_receiver_stats(herald_bench_receiver *receiver, struct herald_bench_receiver_stats *ret_stats)
{
    *ret_stats = receiver->stats;
    herald_receiver_stats(receiver->receiver, &ret_stats->receiver);
}

const herald_receiver *herald_bench_receiver_sockets(const herald_bench_receiver *receiver)
{
    return receiver->receiver;
}
