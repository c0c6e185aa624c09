/* SPDX-License-Identifier: MIT */
/* The responder's sockets and its loop. */
#include "responder_internal.h"

#include "address.h" /* of src/io */
#include "sockopt.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <unistd.h>

#define NS_PER_MS UINT64_C(1000000)

enum { RECEIVE_ROUNDS = 64, DEFAULT_TTL = 64, RECEIVE_BUFFER_BYTES = 1024 * 1024 };

/* ---- opening --------------------------------------------------------------------------------- */

static int set_options(struct hd_responder_socket *socket)
{
    int ttl = DEFAULT_TTL;
    socklen_t length = sizeof(ttl);
    int r;

    if ((r = hd_socket_want_facts(socket->fd, socket->family, false)) < 0)
        return r;
    if (socket->family == HERALD_FAMILY_IPV6) {
        (void)hd_socket_set_int(socket->fd, IPPROTO_IPV6, IPV6_MULTICAST_ALL, 0);
        (void)hd_socket_set_int(socket->fd, IPPROTO_IPV6, IPV6_MTU_DISCOVER, IPV6_PMTUDISC_DO);
        r = getsockopt(socket->fd, IPPROTO_IPV6, IPV6_UNICAST_HOPS, &ttl, &length);
    } else {
        (void)hd_socket_set_int(socket->fd, IPPROTO_IP, IP_MULTICAST_ALL, 0);
        (void)hd_socket_set_int(socket->fd, IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_DO);
        r = getsockopt(socket->fd, IPPROTO_IP, IP_TTL, &ttl, &length);
    }
    socket->unicast_ttl = r == 0 && ttl > 0 && ttl < 256 ? (uint8_t)ttl : DEFAULT_TTL;
    (void)hd_socket_ask_buffer(socket->fd, SO_RCVBUF, RECEIVE_BUFFER_BYTES);
    return 0;
}

static int bind_port(struct hd_responder_socket *socket)
{
    const struct herald_address any = { .family = socket->family };
    struct sockaddr_storage own;
    socklen_t length = hd_sockaddr_make(&any, socket->port, 0, &own);

    return bind(socket->fd, (const struct sockaddr *)&own, length) < 0 ? -errno : 0;
}

static int fail_bind(uint16_t port, int code, struct herald_error *error)
{
    if (code == -EADDRINUSE) {
        herald_error_set(error, code, "port %u is used by another program on this host", port);
        herald_error_advise(error, "ss -ulnp 'sport = %u'", port);
    } else if (code == -EACCES) {
        herald_error_set(error, code, "port %u needs the privilege to use ports below 1024", port);
    } else {
        herald_error_set(error, code, "cannot answer at port %u: %s", port, strerror(-code));
    }
    return code;
}

/* A family that this host does not have is passed over. */
static int open_socket(struct herald_responder *responder, enum herald_family family, uint16_t port,
                       struct herald_error *error)
{
    struct hd_responder_socket *socket = &responder->sockets[responder->socket_count];
    struct epoll_event event = { .events = EPOLLIN, .data.u64 = responder->socket_count };
    int r;

    *socket = (struct hd_responder_socket){ .fd = hd_socket_open(family), .family = family, .port = port };
    if (socket->fd == -EAFNOSUPPORT)
        return 0;
    if (socket->fd < 0)
        return herald_error_set(error, socket->fd, "cannot open a socket to answer from: %s", strerror(-socket->fd));
    responder->socket_count++;
    if ((r = set_options(socket)) < 0)
        return herald_error_set(error, r, "cannot set up a socket to answer from: %s", strerror(-r));
    if ((r = bind_port(socket)) < 0)
        return fail_bind(port, r, error);
    if (epoll_ctl(responder->epoll_fd, EPOLL_CTL_ADD, socket->fd, &event) < 0)
        return herald_error_set(error, -errno, "cannot wait for requests: %s", strerror(errno));
    return 0;
}

static int open_sockets(struct herald_responder *responder, const struct herald_responder_config *config,
                        struct herald_error *error)
{
    static const uint16_t usual[] = { HERALD_PING_PORT_SSMPING, HERALD_PING_PORT_RFC6450 };
    const uint16_t *ports = config->port_count > 0 ? config->ports : usual;
    size_t count = config->port_count > 0 ? config->port_count : sizeof(usual) / sizeof(usual[0]);
    int r;

    if ((r = open_socket(responder, HERALD_FAMILY_IPV4, 0, error)) < 0 ||
        (r = open_socket(responder, HERALD_FAMILY_IPV6, 0, error)) < 0 || !config->serve)
        return r;
    if (count > HD_RESPONDER_PORTS_MAX)
        return herald_error_set(error, -EINVAL, "at most %d ports can be served", HD_RESPONDER_PORTS_MAX);
    for (size_t i = 0; i < count; i++)
        if ((r = open_socket(responder, HERALD_FAMILY_IPV4, ports[i], error)) < 0 ||
            (r = open_socket(responder, HERALD_FAMILY_IPV6, ports[i], error)) < 0)
            return r;
    return 0;
}

static int keep_groups(struct herald_responder *responder, const struct herald_responder_config *config)
{
    size_t total = 0;

    for (size_t i = 0; i < config->endpoint_count; i++)
        total += config->endpoints[i].group_count;
    responder->groups = calloc(total + 1, sizeof(*responder->groups));
    if (responder->groups == NULL)
        return -ENOMEM;
    for (size_t i = 0; i < config->endpoint_count; i++)
        for (uint32_t k = 0; k < config->endpoints[i].group_count; k++)
            if (herald_endpoint_group(&config->endpoints[i], k, &responder->groups[responder->group_count].address) ==
                0)
                responder->groups[responder->group_count++].port = config->endpoints[i].port;
    return 0;
}

static int open_receiver(struct herald_responder *responder, const struct herald_responder_config *config,
                         struct herald_error *error)
{
    const struct herald_receiver_config receiver = {
        .endpoints = config->endpoints,
        .endpoint_count = config->endpoint_count,
        .interfaces = config->interfaces,
        .interface_count = config->interface_count,
    };
    struct epoll_event event = { .events = EPOLLIN, .data.u64 = UINT64_MAX };
    int r;

    if (config->endpoint_count == 0)
        return 0;
    if (keep_groups(responder, config) < 0)
        return herald_error_set(error, -ENOMEM, "out of memory");
    r = herald_receiver_new(&responder->receiver, &receiver, error);
    if (r < 0)
        return r;
    if (epoll_ctl(responder->epoll_fd, EPOLL_CTL_ADD, herald_receiver_fd(responder->receiver), &event) < 0)
        return herald_error_set(error, -errno, "cannot wait for requests: %s", strerror(errno));
    return 0;
}

static void make_info(struct herald_responder *responder, const char *host)
{
    char name[HERALD_PING_HOST_BYTES] = "";

    if (host == NULL && gethostname(name, sizeof(name) - 1) == 0)
        host = name;
    snprintf(responder->info, sizeof(responder->info), "%.*s (herald %.20s)", HERALD_PING_HOST_BYTES - 1,
             host != NULL ? host : "", herald_version());
}

static int open_responder(struct herald_responder *responder, const struct herald_responder_config *config,
                          struct herald_error *error)
{
    uint64_t seed[3] = { herald_clock_ns(), (uint64_t)getpid(), (uint64_t)(uintptr_t)responder };
    int r;

    (void)getrandom(seed, sizeof(seed), 0);
    hd_random_init(&responder->random, seed[0] ^ seed[2]);
    responder->id = hd_random_hash(seed[1]);
    if (responder->id == 0) /* which is none */
        responder->id = 1;
    responder->served_ttl = config->ttl_given ? config->ttl : DEFAULT_TTL;
    responder->examine = config->examine;
    responder->examine_userdata = config->examine_userdata;
    responder->buffer = malloc(HD_ANSWER_BYTES_MAX);
    responder->askers = calloc(1, sizeof(*responder->askers));
    if (responder->buffer == NULL || responder->askers == NULL || hd_batch_new(&responder->batch) < 0)
        return herald_error_set(error, -ENOMEM, "out of memory");
    responder->askers->seed = seed[2];
    make_info(responder, config->host);
    responder->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    if (responder->epoll_fd < 0)
        return herald_error_set(error, -errno, "cannot wait for requests: %s", strerror(errno));
    r = open_sockets(responder, config, error);
    return r < 0 ? r : open_receiver(responder, config, error);
}

int herald_responder_new(herald_responder **ret_responder, const struct herald_responder_config *config,
                         struct herald_error *error)
{
    struct herald_responder *responder = calloc(1, sizeof(*responder));
    int r;

    if (responder == NULL)
        return herald_error_set(error, -ENOMEM, "out of memory");
    responder->epoll_fd = -1;
    r = open_responder(responder, config, error);
    if (r < 0) {
        herald_responder_free(responder);
        return r;
    }
    *ret_responder = responder;
    return 0;
}

herald_responder *herald_responder_free(herald_responder *responder)
{
    if (responder == NULL)
        return NULL;
    herald_receiver_free(responder->receiver);
    for (size_t i = 0; i < responder->socket_count; i++)
        close(responder->sockets[i].fd);
    if (responder->epoll_fd >= 0)
        close(responder->epoll_fd);
    for (size_t i = 0; i < responder->pending_count; i++)
        free((void *)(uintptr_t)responder->pending[i].reply.request);
    free(responder->pending);
    hd_batch_free(responder->batch);
    free(responder->askers);
    free(responder->groups);
    free(responder->buffer);
    free(responder);
    return NULL;
}

/* ---- events ---------------------------------------------------------------------------------- */

void hd_responder_tell(struct herald_responder *responder, const struct herald_responder_event *event)
{
    if (responder->event_count < sizeof(responder->events) / sizeof(responder->events[0]))
        responder->events[responder->event_count++] = *event;
}

int herald_responder_next_event(herald_responder *responder, struct herald_responder_event *ret_event)
{
    if (responder->event_count == 0)
        return 0;
    *ret_event = responder->events[0];
    responder->event_count--;
    memmove(responder->events, responder->events + 1, responder->event_count * sizeof(responder->events[0]));
    return 1;
}

/* ---- the event loop's calls ------------------------------------------------------------------ */

int herald_responder_fd(const herald_responder *responder)
{
    return responder->epoll_fd;
}

uint64_t herald_responder_deadline(const herald_responder *responder)
{
    uint64_t deadline_ns = responder->receiver != NULL ? herald_receiver_deadline(responder->receiver) : HERALD_NEVER;

    for (size_t i = 0; i < responder->pending_count; i++)
        if (responder->pending[i].due_ns < deadline_ns)
            deadline_ns = responder->pending[i].due_ns;
    return deadline_ns;
}

struct hd_responder_socket *hd_responder_socket(struct herald_responder *responder, enum herald_family family)
{
    for (size_t i = 0; i < responder->socket_count; i++)
        if (responder->sockets[i].family == family && responder->sockets[i].port == 0)
            return &responder->sockets[i];
    return NULL;
}

struct hd_responder_socket *hd_responder_next_socket(struct herald_responder *responder,
                                                     const struct hd_responder_socket *socket)
{
    size_t next = (size_t)(socket - responder->sockets) + 1;
    size_t count = responder->socket_count;

    if (socket->port != 0) /* clients wait for answers from there */
        return NULL;
    for (; next < count; next++)
        if (responder->sockets[next].family == socket->family && responder->sockets[next].port == 0)
            return &responder->sockets[next];
    if (count == HD_RESPONDER_SOCKETS_MAX)
        return NULL;
    if (open_socket(responder, socket->family, 0, NULL) < 0 && responder->socket_count > count)
        close(responder->sockets[--responder->socket_count].fd);
    return responder->socket_count > count ? &responder->sockets[count] : NULL;
}

bool herald_responder_take(herald_responder *responder, const struct herald_run *run, uint64_t now_ns)
{
    struct hd_responder_socket *socket;
    size_t count = herald_run_count(run);
    size_t size_bytes;

    if (run->size_bytes == 0 || run->payload[0] != HD_MPP_ECHO_REQUEST || run->truncated)
        return false;
    for (size_t i = 0; i < count; i++) {
        const uint8_t *bytes = herald_run_datagram(run, i, &size_bytes);

        if (!hd_mpp_is_ask(bytes, size_bytes))
            return false;
    }
    socket = hd_responder_socket(responder, run->source.address.family);
    for (size_t i = 0; i < count && socket != NULL; i++) {
        const uint8_t *bytes = herald_run_datagram(run, i, &size_bytes);

        hd_responder_ask(responder, socket, run, bytes, size_bytes, now_ns);
    }
    return true;
}

static void take_unicast(struct herald_responder *responder, struct hd_responder_socket *socket,
                         const struct herald_run *run, uint64_t now_ns)
{
    if (herald_address_is_multicast(&run->group) || run->truncated)
        return;
    if (hd_mpp_is_ask(run->payload, run->size_bytes))
        hd_responder_ask(responder, socket, run, run->payload, run->size_bytes, now_ns);
    else if (socket->port != 0)
        hd_responder_serve(responder, socket, run, run->payload, run->size_bytes, now_ns);
}

static void receive_unicast(struct herald_responder *responder, struct hd_responder_socket *socket, uint64_t now_ns)
{
    for (int round = 0; round < RECEIVE_ROUNDS; round++) {
        struct herald_run runs[HERALD_RUNS_MAX];
        int n = hd_batch_receive(responder->batch, socket->fd, socket->port, runs, HERALD_RUNS_MAX);

        for (int i = 0; i < n; i++)
            take_unicast(responder, socket, &runs[i], now_ns);
        if (n < HERALD_RUNS_MAX) /* also an error that an earlier answer left: the next call is free of it */
            return;
    }
}

static int receive_groups(struct herald_responder *responder, uint64_t now_ns)
{
    int r = herald_receiver_process(responder->receiver, now_ns);

    for (int round = 0; round < RECEIVE_ROUNDS && r >= 0; round++) {
        struct herald_run runs[HERALD_RUNS_MAX];

        r = herald_receiver_receive(responder->receiver, runs, HERALD_RUNS_MAX);
        for (int i = 0; i < r; i++)
            (void)herald_responder_take(responder, &runs[i], now_ns);
        if (r == 0)
            break;
    }
    return r < 0 ? r : 0;
}

int herald_responder_process(herald_responder *responder, uint64_t now_ns)
{
    int r = 0;

    for (size_t i = 0; i < responder->socket_count; i++)
        receive_unicast(responder, &responder->sockets[i], now_ns);
    if (responder->receiver != NULL)
        r = receive_groups(responder, now_ns);
    hd_responder_send_due(responder, now_ns);
    return r;
}

/* ---- what is known --------------------------------------------------------------------------- */

herald_receiver *herald_responder_receiver(herald_responder *responder)
{
    return responder->receiver;
}

void herald_responder_stats(const herald_responder *responder, struct herald_responder_stats *ret_stats)
{
    *ret_stats = responder->stats;
}
