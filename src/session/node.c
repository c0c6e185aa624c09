/* SPDX-License-Identifier: MIT */
#include "node.h"

#include "receiver.h" /* of src/io: one set of descriptors for all */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

enum {
    READY_MAX = 8,
    RECEIVE_ROUNDS = 16, /* of up to HERALD_RUNS_MAX runs, before the rest of the world gets its turn */
};

#define NS_PER_S      UINT64_C(1000000000)
#define EXIT_RETRY_NS NS_PER_S

uint64_t hd_random_number(void)
{
    uint64_t number = 0;

    if (getrandom(&number, sizeof(number), 0) < 0)
        number = herald_clock_ns() * UINT64_C(0x9e3779b97f4a7c15);
    return number;
}

/* ---- opening --------------------------------------------------------------------------------- */

int hd_node_init(struct hd_node *node, const struct herald_endpoint *endpoint, struct herald_error *error)
{
    *node = (struct hd_node){ .endpoint = *endpoint, .epoll_fd = epoll_create1(EPOLL_CLOEXEC) };
    if (node->epoll_fd < 0)
        return herald_error_set(error, -errno, "cannot wait for sockets: %s", strerror(errno));
    return 0;
}

void hd_node_release(struct hd_node *node)
{
    if (node->receiver != NULL)
        node->epoll_fd = -1; /* which was the receiver's */
    node->receiver = herald_receiver_free(node->receiver);
    node->responder = herald_responder_free(node->responder);
    for (size_t i = 0; i < node->exit_count; i++)
        herald_sender_free(node->exits[i].sender);
    node->exit_count = 0;
    if (node->epoll_fd >= 0)
        close(node->epoll_fd);
    node->epoll_fd = -1;
}

int hd_node_watch(struct hd_node *node, int fd, uint32_t epoll_events)
{
    struct epoll_event event = { .events = epoll_events, .data.fd = fd };

    if (node->receiver != NULL)
        return hd_receiver_watch(node->receiver, fd, epoll_events);
    if (epoll_ctl(node->epoll_fd, EPOLL_CTL_ADD, fd, &event) == 0)
        return 0;
    if (errno == EEXIST && epoll_ctl(node->epoll_fd, EPOLL_CTL_MOD, fd, &event) == 0)
        return 0;
    return -errno;
}

void hd_node_unwatch(struct hd_node *node, int fd)
{
    (void)epoll_ctl(node->epoll_fd, EPOLL_CTL_DEL, fd, NULL);
}

/* One set for all: what the node has watched so far moves to the receiver's. */
int hd_node_join(struct hd_node *node, const struct herald_receiver_config *config, struct herald_error *error)
{
    int r = herald_receiver_new(&node->receiver, config, error);

    if (r < 0)
        return r;
    close(node->epoll_fd);
    node->epoll_fd = herald_receiver_fd(node->receiver);
    for (size_t i = 0; i < node->exit_count && r == 0; i++)
        if (node->exits[i].sender != NULL)
            r = hd_node_watch(node, herald_sender_fd(node->exits[i].sender), EPOLLIN);
    return r < 0 ? herald_error_set(error, r, "cannot wait for sockets: %s", strerror(-r)) : 0;
}

void hd_node_answer_pings(struct hd_node *node, const struct herald_responder_config *config)
{
    if (herald_responder_new(&node->responder, config, NULL) == 0 &&
        hd_node_watch(node, herald_responder_fd(node->responder), EPOLLIN) < 0)
        node->responder = herald_responder_free(node->responder);
}

void hd_node_wait(struct hd_node *node, uint64_t deadline_ns)
{
    uint64_t now_ns = deadline_ns == 0 || deadline_ns == HERALD_NEVER ? 0 : herald_clock_ns();
    uint64_t wait_ns = deadline_ns > now_ns ? deadline_ns - now_ns : 0;
    struct timespec timeout = { .tv_sec = (time_t)(wait_ns / NS_PER_S), .tv_nsec = (long)(wait_ns % NS_PER_S) };
    struct epoll_event event;
    int n;

    if (wait_ns == 0)
        return;
    if (deadline_ns == HERALD_NEVER) {
        (void)epoll_wait(node->epoll_fd, &event, 1, -1);
        return;
    }
    n = epoll_pwait2(node->epoll_fd, &event, 1, &timeout, NULL);
    if (n < 0 && errno == ENOSYS) /* before Linux 5.11: by milliseconds */
        (void)epoll_wait(node->epoll_fd, &event, 1, wait_ns / 1000000 > 1000 ? 1000 : (int)(wait_ns / 1000000) + 1);
}

/* ---- exits ----------------------------------------------------------------------------------- */

static int open_exit(struct hd_node *node, struct hd_exit *exit, const struct herald_sender_config *config,
                     struct herald_error *error)
{
    int r = herald_sender_new(&exit->sender, config, error);

    if (r < 0)
        return r;
    r = hd_node_watch(node, herald_sender_fd(exit->sender), EPOLLIN);
    if (r == 0)
        return 0;
    exit->sender = herald_sender_free(exit->sender);
    return herald_error_set(error, r, "cannot wait for sockets: %s", strerror(-r));
}

int hd_node_open_exit(struct hd_node *node, const struct herald_sender_config *config, struct herald_error *error)
{
    struct hd_exit *exit = &node->exits[0];
    int r = open_exit(node, exit, config, error);

    if (r < 0)
        return r;
    exit->interface_index = herald_sender_facts(exit->sender)->interface.index;
    node->exit_count = 1;
    return 0;
}

/* Feedback goes as far as the data may have come from. */
static void try_exit(struct hd_node *node, struct hd_exit *exit, uint64_t now_ns)
{
    char interface[16];
    struct herald_sender_config config = {
        .endpoint = node->endpoint,
        .interface = interface,
        .ttl_given = true,
        .ttl = 255,
    };

    snprintf(interface, sizeof(interface), "%u", exit->interface_index);
    config.endpoint.source = (struct herald_address){ 0 };
    config.endpoint.interface[0] = '\0';
    exit->retry_ns = open_exit(node, exit, &config, NULL) < 0 ? now_ns + EXIT_RETRY_NS : 0;
}

/* An interface that was deleted leaves a socket of no use. */
static void close_exit(struct hd_exit *exit, uint64_t now_ns)
{
    exit->sender = herald_sender_free(exit->sender);
    exit->retry_ns = now_ns + EXIT_RETRY_NS;
}

/* Interfaces come and go, as containers do: one that is closed makes room. */
static struct hd_exit *find_room(struct hd_node *node)
{
    if (node->exit_count < HD_EXITS_MAX)
        return &node->exits[node->exit_count++];
    for (size_t i = 0; i < node->exit_count; i++)
        if (node->exits[i].sender == NULL)
            return &node->exits[i];
    return NULL;
}

/* @return the exit to an interface, NULL if there is none now. */
static struct hd_exit *find_exit(struct hd_node *node, uint32_t interface_index, uint64_t now_ns)
{
    struct hd_exit *exit = NULL;

    for (size_t i = 0; i < node->exit_count && exit == NULL; i++)
        if (node->exits[i].interface_index == interface_index)
            exit = &node->exits[i];
    if (exit == NULL) {
        exit = find_room(node);
        if (exit == NULL)
            return NULL;
        *exit = (struct hd_exit){ .interface_index = interface_index };
    }
    if (exit->sender == NULL && now_ns >= exit->retry_ns)
        try_exit(node, exit, now_ns);
    return exit->sender != NULL ? exit : NULL;
}

int hd_node_send(struct hd_node *node, const struct herald_norm_datagram *datagram, uint64_t now_ns)
{
    struct hd_exit *exit = find_exit(node, datagram->destination.interface_index, now_ns);
    struct iovec parts[2] = {
        { .iov_base = datagram->buffer, .iov_len = datagram->header_bytes },
        { .iov_base = (void *)(uintptr_t)datagram->payload, .iov_len = datagram->payload_bytes },
    };
    size_t size_bytes = datagram->header_bytes + datagram->payload_bytes;
    size_t count = datagram->payload_bytes > 0 ? 2 : 1;
    int r;

    if (exit == NULL)
        return 0;
    if (datagram->to_group)
        r = hd_sender_send_parts(exit->sender, parts, count, size_bytes, size_bytes, NULL);
    else
        r = hd_sender_send_to(exit->sender, &datagram->destination, parts, count, NULL);
    if (r == -EAGAIN)
        return r;
    if (r == -ENODEV || r == -ENXIO)
        close_exit(exit, now_ns);
    return 0;
}

/* ---- receiving ------------------------------------------------------------------------------- */

/* Which descriptors of the node, beside the receiver's, have something: one look at all is cheaper than asking each. */
struct ready {
    int fds[READY_MAX];
    size_t count;
};

static void find_ready(struct hd_node *node, struct ready *ret_ready)
{
    struct epoll_event events[READY_MAX];
    int n;

    ret_ready->count = 0;
    if (node->receiver != NULL) {
        ret_ready->count = hd_receiver_take_guests(node->receiver, ret_ready->fds, READY_MAX);
        return;
    }
    n = epoll_wait(node->epoll_fd, events, READY_MAX, 0);
    for (int i = 0; i < n; i++)
        ret_ready->fds[ret_ready->count++] = events[i].data.fd;
}

static bool is_ready(const struct ready *ready, int fd)
{
    for (size_t i = 0; i < ready->count; i++)
        if (ready->fds[i] == fd)
            return true;
    return ready->count == READY_MAX; /* nobody knows */
}

/* What came to a sending socket: unicast feedback. */
static int receive_unicast(struct hd_node *node, const struct ready *ready, hd_node_input *input, void *user)
{
    int more = 0;

    for (size_t i = 0; i < node->exit_count; i++) {
        struct hd_exit *exit = &node->exits[i];
        struct herald_run runs[HERALD_RUNS_MAX];
        int n = 0;

        if (exit->sender != NULL && is_ready(ready, herald_sender_fd(exit->sender)))
            n = herald_sender_receive(exit->sender, runs, HERALD_RUNS_MAX);
        for (int k = 0; k < n; k++) {
            /* The socket knows by which interface it hears; the kernel may not have said it. */
            if (runs[k].source.interface_index == 0)
                runs[k].source.interface_index = exit->interface_index;
            input(user, &runs[k], true);
        }
        if (n == HERALD_RUNS_MAX)
            more = 1;
    }
    return more;
}

static void process_responder(struct hd_node *node, const struct ready *ready, uint64_t now_ns)
{
    if (!is_ready(ready, herald_responder_fd(node->responder)) && now_ns < herald_responder_deadline(node->responder))
        return;
    if (herald_responder_process(node->responder, now_ns) < 0)
        node->responder = herald_responder_free(node->responder);
}

static int receive_group(struct hd_node *node, hd_node_input *input, void *user, uint64_t now_ns)
{
    for (int round = 0; round < RECEIVE_ROUNDS; round++) {
        struct herald_run runs[HERALD_RUNS_MAX];
        int n = herald_receiver_receive(node->receiver, runs, HERALD_RUNS_MAX);

        if (n <= 0)
            return n;
        for (int i = 0; i < n; i++)
            if (node->responder == NULL || !herald_responder_take(node->responder, &runs[i], now_ns))
                input(user, &runs[i], false);
    }
    return 1;
}

int hd_node_receive(struct hd_node *node, hd_node_input *input, void *user, uint64_t now_ns)
{
    struct ready ready;
    int more;
    int r = 0;

    find_ready(node, &ready);
    more = receive_unicast(node, &ready, input, user);
    if (node->receiver != NULL && hd_receiver_is_ready(node->receiver))
        r = receive_group(node, input, user, now_ns);
    if (node->responder != NULL)
        process_responder(node, &ready, now_ns);
    return r != 0 ? r : more;
}

uint64_t hd_realtime_ns(void)
{
    struct timespec time;

    (void)clock_gettime(CLOCK_REALTIME, &time);
    return (uint64_t)time.tv_sec * NS_PER_S + (uint64_t)time.tv_nsec;
}

/* ---- runs ------------------------------------------------------------------------------------ */

int hd_run_out_init(struct hd_run_out *run, uint16_t segment_bytes)
{
    *run = (struct hd_run_out){ .buffer_bytes = (HERALD_NORM_BUFFER_BYTES(segment_bytes) + 63) / 64 * 64 };
    run->buffers = calloc(HD_RUN_DATAGRAMS_MAX, run->buffer_bytes);
    return run->buffers != NULL ? 0 : -ENOMEM;
}

void hd_run_out_release(struct hd_run_out *run)
{
    free(run->buffers);
    run->buffers = NULL;
}

void hd_run_out_prepare(struct hd_run_out *run, struct herald_norm_datagram *datagram)
{
    datagram->buffer = run->buffers + run->gathered * run->buffer_bytes;
    datagram->buffer_bytes = run->buffer_bytes;
}

static void put_parts(struct hd_run_out *run, const struct herald_norm_datagram *datagram)
{
    run->parts[run->part_count++] = (struct iovec){ datagram->buffer, datagram->header_bytes };
    if (datagram->payload_bytes > 0)
        run->parts[run->part_count++] = (struct iovec){ (void *)(uintptr_t)datagram->payload, datagram->payload_bytes };
}

bool hd_run_out_add(struct hd_run_out *run, const struct herald_norm_datagram *datagram)
{
    size_t size_bytes = datagram->header_bytes + datagram->payload_bytes;

    if (run->gathered == 0)
        run->segment_bytes = size_bytes;
    else if (size_bytes > run->segment_bytes)
        return false;
    put_parts(run, datagram);
    run->datagrams++;
    run->gathered++;
    run->size_bytes += size_bytes;
    run->is_closed = size_bytes < run->segment_bytes || run->gathered == HD_RUN_DATAGRAMS_MAX ||
                     run->size_bytes + run->segment_bytes > HD_RUN_BYTES_MAX;
    return true;
}

static void empty(struct hd_run_out *run)
{
    run->part_count = run->first_part = run->datagrams = run->gathered = run->size_bytes = 0;
    run->is_closed = false;
}

/* Takes the first `count` datagrams off. */
static void take_off(struct hd_run_out *run, size_t count)
{
    while (count > 0 && run->datagrams > 0) {
        size_t size_bytes = 0;
        size_t full_bytes = run->datagrams > 1 ? run->segment_bytes : run->size_bytes;

        while (size_bytes < full_bytes)
            size_bytes += run->parts[run->first_part++].iov_len;
        run->size_bytes -= size_bytes;
        run->datagrams--;
        count--;
    }
}

int hd_run_out_send(struct hd_run_out *run, herald_sender *sender, struct herald_error *error)
{
    while (run->datagrams > 0) {
        int n = hd_sender_send_parts(sender, run->parts + run->first_part, run->part_count - run->first_part,
                                     run->size_bytes, run->segment_bytes, error);

        if (n == -EAGAIN)
            return n;
        if (n < 0) { /* lost, as packets are: the interface may come back */
            empty(run);
            return n;
        }
        take_off(run, (size_t)n);
    }
    empty(run);
    return 0;
}
