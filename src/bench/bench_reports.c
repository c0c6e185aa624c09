/* SPDX-License-Identifier: MIT */
/*
 * Reports: when they are sent, and what senders ask. Nobody is told more bytes than came from him, however a stream's
 * source was forged, and no more than 1,000 messages a second leave in all.
 */
#include "bench_receiver.h"

#include "address.h" /* of src/io, as the next two */
#include "sockopt.h"
#include "unicast.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#define MS_NS       UINT64_C(1000000)
#define RETRY_NS    (150 * MS_NS)
#define INTERVAL_MS 10 /* reports are not sent more often */

/* A sender asks for no more: whoever does would only occupy a place. */
#define SPREAD_MS_MAX 5000

enum { TRIES_MAX = 8, REQUEST_ROUNDS = 16 };

/* Without names and buckets. */
enum { REPORT_LEAST_BYTES = 290 };

/* Of the messages in a second, those that streams under way leave to last reports and answers. */
enum { RESERVE = 500 };

/* ---- sockets ------------------------------------------------------------------------------------ */

static int *socket_of(herald_bench_receiver *receiver, enum herald_family family)
{
    return &receiver->report_fds[family == HERALD_FAMILY_IPV6];
}

int hd_bench_reports_open(herald_bench_receiver *receiver, const struct herald_receiver_config *config,
                          struct herald_error *error)
{
    int r = hd_batch_new(&receiver->batch);

    for (size_t i = 0; i < config->endpoint_count && r >= 0; i++) {
        enum herald_family family = config->endpoints[i].group.family;
        int *fd = socket_of(receiver, family);

        if (*fd >= 0)
            continue;
        r = *fd = hd_socket_open(family);
        if (r >= 0)
            r = hd_socket_want_facts(*fd, family, false);
    }
    return r < 0 ? herald_error_set(error, r, "cannot open a socket to report from: %s", strerror(-r)) : 0;
}

void hd_bench_reports_close(herald_bench_receiver *receiver)
{
    for (size_t i = 0; i < 2; i++)
        if (receiver->report_fds[i] >= 0)
            close(receiver->report_fds[i]);
    for (size_t i = 0; i < HD_BENCH_STREAMS_MAX; i++)
        hd_bench_reports_release(&receiver->places[i]);
    receiver->batch = hd_batch_free(receiver->batch);
}

void hd_bench_reports_release(struct hd_bench_place *place)
{
    if (place->own_fd >= 0)
        close(place->own_fd);
    place->own_fd = -1;
}

/*
 * The socket for all is full of reports to hosts that do not exist: forged sources, for which ARP is asked for seconds.
 * They must not keep honest ones from theirs. @return 0; -errno.
 */
static int open_own(herald_bench_receiver *receiver, struct hd_bench_place *place)
{
    enum herald_family family = place->stream.facts.source.address.family;
    struct epoll_event event = { .events = EPOLLIN };
    int r = place->own_fd = hd_socket_open(family);

    if (r >= 0)
        r = hd_socket_want_facts(place->own_fd, family, false);
    if (r >= 0 && epoll_ctl(receiver->epoll_fd, EPOLL_CTL_ADD, place->own_fd, &event) < 0)
        r = -errno;
    if (r < 0)
        hd_bench_reports_release(place);
    return r;
}

/* ---- limits ------------------------------------------------------------------------------------- */

/* Whether a message of at least that size may be sent about the stream; if so, one less may. */
static bool may_send(herald_bench_receiver *receiver, const struct hd_bench_place *place, size_t size_bytes,
                     uint64_t now_ns)
{
    uint64_t reserve = place->state == HD_PLACE_RUNNING ? RESERVE : 0;

    if (size_bytes + HD_BENCH_HEADERS_BYTES <= place->credit_bytes &&
        hd_bench_limit_allows(&receiver->messages, reserve, now_ns))
        return true;
    receiver->stats.withheld++;
    return false;
}

static int send_by(herald_bench_receiver *receiver, struct hd_bench_place *place, const struct iovec *part)
{
    const struct herald_peer *to = &place->stream.facts.source;
    int fd = place->own_fd >= 0 ? place->own_fd : *socket_of(receiver, to->address.family);
    int r = hd_unicast_send(fd, to, part, 1);

    if (r == -ECONNREFUSED) /* that was an earlier one: the sender may have gone */
        r = hd_unicast_send(fd, to, part, 1);
    if (r == -EAGAIN && place->own_fd < 0 && open_own(receiver, place) >= 0)
        r = hd_unicast_send(place->own_fd, to, part, 1);
    return r;
}

/* Sends what may be sent, and takes the price. */
static int send_message(herald_bench_receiver *receiver, struct hd_bench_place *place, const uint8_t *bytes,
                        size_t size_bytes, struct herald_error *error)
{
    const struct herald_peer *to = &place->stream.facts.source;
    const struct iovec part = { .iov_base = (void *)(uintptr_t)bytes, .iov_len = size_bytes }; /* only read */
    int r = hd_unicast_check(to, error);

    if (r < 0)
        return r;
    place->credit_bytes -= size_bytes + HD_BENCH_HEADERS_BYTES;
    r = send_by(receiver, place, &part);
    if (r == -ECONNREFUSED || r == -EAGAIN)
        return 0; /* it will be asked for again, or nobody wants it */
    return r < 0 ? hd_unicast_fail(to, r, size_bytes, error) : 0;
}

/* ---- reports ------------------------------------------------------------------------------------ */

static uint64_t random_below(herald_bench_receiver *receiver, uint64_t limit)
{
    return hd_random_below(&receiver->random, limit);
}

static uint64_t spread_ns(const struct hd_bench_place *place)
{
    uint64_t ms = place->stream.report_spread_ms;

    return (ms < SPREAD_MS_MAX ? ms : SPREAD_MS_MAX) * MS_NS;
}

void hd_bench_reports_begin(herald_bench_receiver *receiver, struct hd_bench_place *place, uint64_t now_ns)
{
    if (receiver->silent || place->stream.facts.iperf || place->stream.report_interval_ms == 0)
        place->report_ns = HERALD_NEVER;
    else /* all receivers have seen the same datagram at the same time */
        place->report_ns = now_ns + random_below(receiver, spread_ns(place) + 1);
}

/* When to say it again, or to say more. */
static uint64_t next_report_ns(herald_bench_receiver *receiver, const struct hd_bench_place *place, uint64_t now_ns)
{
    uint64_t interval_ms = place->stream.report_interval_ms > INTERVAL_MS ? place->stream.report_interval_ms
                                                                          : INTERVAL_MS;

    if (place->state == HD_PLACE_LAST)
        return now_ns + RETRY_NS * place->tries + random_below(receiver, spread_ns(place) + RETRY_NS);
    return now_ns + interval_ms * MS_NS * 7 / 8 + random_below(receiver, interval_ms * MS_NS / 4);
}

static int compose(herald_bench_receiver *receiver, struct hd_bench_place *place, uint8_t *bytes)
{
    size_t room_bytes = HD_BENCH_REPORT_BYTES_MAX;
    struct herald_loss_report loss;
    struct hd_bench_report report = {
        .stream_id = place->stream.facts.stream_id,
        /* Two interfaces of a host are two receivers. */
        .receiver_id = receiver->receiver_id ^ hd_random_hash(place->stream.facts.source.interface_index),
        .clock_id = receiver->clock_id,
        .number = ++place->report_number,
        .last = place->state == HD_PLACE_LAST,
        .delay_base_ns = place->stream.delay_base_ns,
    };

    if (place->credit_bytes < HD_BENCH_HEADERS_BYTES + HD_BENCH_REPORT_BYTES_MAX)
        room_bytes = place->credit_bytes > HD_BENCH_HEADERS_BYTES ? place->credit_bytes - HD_BENCH_HEADERS_BYTES : 0;
    if (report.last)
        report.figures = place->final;
    else
        hd_bench_figures(receiver, place, false, &report.figures, &loss);
    memcpy(report.host, receiver->host, sizeof(report.host));
    memcpy(report.interface, place->stream.interface, sizeof(report.interface));
    hd_coarse_fill(&report.coarse, place->stream.delays);
    return hd_bench_report_encode(&report, bytes, room_bytes);
}

static void tell_failure(herald_bench_receiver *receiver, struct hd_bench_place *place,
                         const struct herald_error *error)
{
    struct herald_bench_receiver_event *event;

    if (place->failure_told)
        return;
    place->failure_told = true;
    event = hd_bench_tell(receiver, HERALD_BENCH_REPORT_FAILED, place);
    if (event != NULL)
        event->error = *error;
}

void hd_bench_reports_send(herald_bench_receiver *receiver, struct hd_bench_place *place, uint64_t now_ns)
{
    uint8_t bytes[HD_BENCH_REPORT_BYTES_MAX];
    struct herald_error error;
    int size_bytes;

    if (now_ns < place->report_ns)
        return;
    if (place->state == HD_PLACE_LAST && place->tries++ == TRIES_MAX) {
        place->state = HD_PLACE_OVER;
        if (!place->failure_told)
            (void)hd_bench_tell(receiver, HERALD_BENCH_REPORT_UNHEARD, place);
        return;
    }
    place->report_ns = next_report_ns(receiver, place, now_ns);
    /* Before it is made: that takes most of the time. */
    if (!may_send(receiver, place, REPORT_LEAST_BYTES, now_ns))
        return;
    size_bytes = compose(receiver, place, bytes);
    if (size_bytes < 0) {
        receiver->stats.withheld++;
        return;
    }
    receiver->stats.reports++;
    if (send_message(receiver, place, bytes, (size_t)size_bytes, &error) < 0)
        tell_failure(receiver, place, &error);
}

/* ---- requests ----------------------------------------------------------------------------------- */

static struct hd_bench_place *find_place(herald_bench_receiver *receiver, const struct hd_bench_request *request,
                                         const struct herald_peer *from)
{
    for (size_t i = 0; i < HD_BENCH_STREAMS_MAX; i++) {
        struct hd_bench_place *place = &receiver->places[i];
        const struct herald_bench_stream *facts = &place->stream.facts;
        uint64_t id = receiver->receiver_id ^ hd_random_hash(facts->source.interface_index);

        if (place->state != HD_PLACE_FREE && !facts->iperf && facts->stream_id == request->stream_id &&
            id == request->receiver_id && facts->source.port == from->port &&
            herald_address_equal(&facts->source.address, &from->address))
            return place;
    }
    return NULL;
}

/* By the clock that the delays of the stream are measured by. */
static void answer_time(herald_bench_receiver *receiver, struct hd_bench_place *place,
                        const struct hd_bench_request *request, uint64_t received_ns, uint64_t now_ns)
{
    int64_t set_ns = hd_bench_clock_set_ns(&receiver->clock, received_ns, now_ns);
    const struct hd_bench_time time = {
        .stream_id = request->stream_id,
        .receiver_id = request->receiver_id,
        .asked_ns = request->time_ns,
        .received_ns = received_ns - (uint64_t)(set_ns - place->set_before_ns),
        .answered_ns = hd_bench_clock_ns(&receiver->clock) + (uint64_t)place->set_before_ns,
    };
    uint8_t bytes[HD_BENCH_TIME_BYTES];
    struct herald_error error;
    int size_bytes = hd_bench_time_encode(&time, bytes, sizeof(bytes));

    if (size_bytes > 0 && may_send(receiver, place, (size_t)size_bytes, now_ns) &&
        send_message(receiver, place, bytes, (size_t)size_bytes, &error) < 0)
        tell_failure(receiver, place, &error);
}

static void take_request(herald_bench_receiver *receiver, const struct herald_run *run, const uint8_t *bytes,
                         size_t size_bytes, uint64_t now_ns)
{
    struct hd_bench_request request;
    struct hd_bench_place *place;

    if (hd_bench_request_decode(bytes, size_bytes, &request) < 0)
        return;
    place = find_place(receiver, &request, &run->source);
    if (place == NULL)
        return;
    place->credit_bytes += size_bytes + HD_BENCH_HEADERS_BYTES;
    if (request.probe)
        answer_time(receiver, place, &request, run->time_ns, now_ns);
    if (request.acknowledge && place->state == HD_PLACE_LAST)
        place->state = HD_PLACE_OVER;
    if (!request.end)
        return;
    if (place->state == HD_PLACE_IDLE)
        hd_bench_go_on(receiver, place, now_ns);
    if (hd_bench_place_is_active(place)) {
        place->stream.total = request.total > place->stream.total ? request.total : place->stream.total;
        if (place->state == HD_PLACE_RUNNING) {
            place->state = HD_PLACE_SETTLING;
            place->settled_ns = now_ns + RETRY_NS;
        }
    } else if (place->report_ns != HERALD_NEVER) { /* the sender has not heard the last report */
        place->state = HD_PLACE_LAST;
        place->tries = place->tries < TRIES_MAX ? place->tries : TRIES_MAX - 1;
        place->report_ns = now_ns;
    }
}

static void take_from(herald_bench_receiver *receiver, int fd, uint64_t now_ns)
{
    for (int round = 0; round < REQUEST_ROUNDS && fd >= 0; round++) {
        struct herald_run runs[HERALD_RUNS_MAX];
        int n = hd_batch_receive(receiver->batch, fd, 0, runs, HERALD_RUNS_MAX);

        if (n <= 0 && n != -ECONNREFUSED)
            return;
        for (int at = 0; at < n; at++)
            take_request(receiver, &runs[at], runs[at].payload, runs[at].size_bytes, now_ns);
    }
}

/* Of those that have something: to ask each of 64 would take longer than the stream that is measured has time for. */
static void take_from_own(herald_bench_receiver *receiver, uint64_t now_ns)
{
    struct pollfd fds[HD_BENCH_STREAMS_MAX];
    nfds_t count = 0;

    for (size_t i = 0; i < HD_BENCH_STREAMS_MAX; i++)
        if (receiver->places[i].own_fd >= 0)
            fds[count++] = (struct pollfd){ .fd = receiver->places[i].own_fd, .events = POLLIN };
    if (count == 0 || poll(fds, count, 0) <= 0)
        return;
    for (nfds_t i = 0; i < count; i++)
        if (fds[i].revents != 0)
            take_from(receiver, fds[i].fd, now_ns);
}

void hd_bench_reports_take(herald_bench_receiver *receiver, uint64_t now_ns)
{
    hd_bench_clock_watch(&receiver->clock);
    for (size_t i = 0; i < 2; i++)
        take_from(receiver, receiver->report_fds[i], now_ns);
    take_from_own(receiver, now_ns);
}
