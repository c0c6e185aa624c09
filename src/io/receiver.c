/* SPDX-License-Identifier: MIT */
#include "receiver.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

#define NS_PER_S UINT64_C(1000000000)

/* Marks what epoll is told of a descriptor that is not the receiver's: no pointer is odd. */
#define GUEST UINT64_C(1)

enum {
    RECEIVE_BUFFER_BYTES = 4 * 1024 * 1024, /* 1 MiB lost packets at 9 Gbit/s */
    LONE_TURNS_MAX = 16,
};

/* ---- opening --------------------------------------------------------------------------------- */

static int check_endpoint(const struct herald_endpoint *endpoint, bool interfaces_given, struct herald_error *error)
{
    char group[HERALD_ADDRESS_TEXT_BYTES];

    if (!herald_address_is_multicast(&endpoint->group) || endpoint->port == 0 || endpoint->group_count == 0)
        return herald_error_set(error, -EINVAL, "an endpoint needs a multicast group and a port");
    if (herald_address_needs_zone(&endpoint->group) && endpoint->interface[0] == '\0' && !interfaces_given) {
        herald_address_format(&endpoint->group, group, sizeof(group));
        herald_error_set(error, -EINVAL, "%s is a link-local group: it needs an interface", group);
        herald_error_advise(error, "[%s%%IFACE]:%u, or -i IFACE", group, endpoint->port);
        return -EINVAL;
    }
    return 0;
}

/* Looks a name up, unless the endpoint before had the same: asking the kernel for each of thousands takes seconds. */
static int resolve_interface(struct herald_endpoint *endpoint, const struct herald_endpoint *before,
                             const struct herald_endpoint *before_resolved, struct herald_error *error)
{
    struct herald_interface interface;
    int r;

    if (before != NULL && strcmp(before->interface, endpoint->interface) == 0) {
        memcpy(endpoint->interface, before_resolved->interface, sizeof(endpoint->interface));
        return 0;
    }
    r = herald_interface_find(endpoint->interface, &interface, error);
    if (r == 0)
        memcpy(endpoint->interface, interface.name, sizeof(endpoint->interface));
    return r;
}

/*
 * Checks the endpoints and copies them, with their interfaces by the names that the kernel uses: they may have been
 * given by index or by an alternative name. @return 0 with a list to be freed; -errno with *error filled.
 */
static int resolve_endpoints(const struct herald_receiver_config *config, struct herald_endpoint **ret_endpoints,
                             struct herald_error *error)
{
    struct herald_endpoint *endpoints;
    int r = 0;

    if (config->endpoint_count == 0)
        return herald_error_set(error, -EINVAL, "no endpoint to listen to");
    endpoints = calloc(config->endpoint_count, sizeof(*endpoints));
    if (endpoints == NULL)
        return herald_error_set(error, -ENOMEM, "out of memory");
    for (size_t i = 0; i < config->endpoint_count && r == 0; i++) {
        endpoints[i] = config->endpoints[i];
        r = check_endpoint(&endpoints[i], config->interface_count > 0, error);
        if (r == 0 && endpoints[i].interface[0] != '\0')
            r = resolve_interface(&endpoints[i], i > 0 ? &config->endpoints[i - 1] : NULL,
                                  i > 0 ? &endpoints[i - 1] : NULL, error);
    }
    if (r < 0)
        free(endpoints);
    else
        *ret_endpoints = endpoints;
    return r;
}

/* Names are kept, not indices: a recreated interface has the same name. */
static int keep_names(struct herald_receiver *receiver, const struct herald_receiver_config *config,
                      struct herald_error *error)
{
    if (config->interface_count == 0)
        return 0;
    receiver->names = calloc(config->interface_count, sizeof(*receiver->names));
    if (receiver->names == NULL)
        return herald_error_set(error, -ENOMEM, "out of memory");
    for (size_t i = 0; i < config->interface_count; i++) {
        struct herald_interface interface;
        int r = herald_interface_find(config->interfaces[i], &interface, error);

        if (r < 0)
            return r;
        memcpy(receiver->names[receiver->name_count++], interface.name, sizeof(interface.name));
    }
    return 0;
}

static int allocate_parts(struct herald_receiver *receiver, const struct herald_receiver_config *config,
                          const struct herald_endpoint *endpoints)
{
    uint64_t seed = 0;
    int r;

    if ((r = hd_channels_build(&receiver->channels, endpoints, config->endpoint_count)) < 0 ||
        (r = hd_batch_new(&receiver->batch)) < 0)
        return r;
    if (getrandom(&seed, sizeof(seed), 0) < 0)
        seed = herald_clock_ns();
    return config->keep_duplicates ? 0 : hd_duplicates_new(&receiver->duplicates, seed);
}

static int watch_interfaces(struct herald_receiver *receiver, struct herald_error *error)
{
    struct epoll_event event = { .events = EPOLLIN, .data.ptr = NULL }; /* NULL: the watch, not a socket */
    int r;

    receiver->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    if (receiver->epoll_fd < 0)
        return herald_error_set(error, -errno, "cannot wait for sockets: %s", strerror(errno));
    receiver->plan.epoll_fd = receiver->epoll_fd;
    r = herald_interface_watch_new(&receiver->watch, error);
    if (r < 0)
        return r;
    if (epoll_ctl(receiver->epoll_fd, EPOLL_CTL_ADD, herald_interface_watch_fd(receiver->watch), &event) < 0)
        return herald_error_set(error, -errno, "cannot wait for interface changes: %s", strerror(errno));
    return 0;
}

static int open_receiver(struct herald_receiver *receiver, const struct herald_receiver_config *config,
                         struct herald_error *error)
{
    struct herald_endpoint *endpoints = NULL;
    int r = resolve_endpoints(config, &endpoints, error);

    if (r < 0 || (r = keep_names(receiver, config, error)) < 0) {
        free(endpoints);
        return r;
    }
    receiver->plan.gro = !config->no_gro;
    receiver->plan.first_nibbles = config->first_nibbles;
    receiver->plan.receive_buffer_bytes = config->receive_buffer_bytes > 0 ? config->receive_buffer_bytes
                                                                           : RECEIVE_BUFFER_BYTES;
    r = allocate_parts(receiver, config, endpoints);
    free(endpoints);
    if (r < 0)
        return herald_error_set(error, r, "cannot listen: %s", strerror(-r));
    if ((r = watch_interfaces(receiver, error)) < 0 || (r = hd_attachments_check(receiver, error)) < 0)
        return r;
    r = hd_replies_open(&receiver->replies, &receiver->channels); /* before the groups' sockets take the ports */
    if (r < 0)
        return herald_error_set(error, r, "cannot open a socket to answer from: %s", strerror(-r));
    return hd_attachments_start(receiver, error);
}

int herald_receiver_new(herald_receiver **ret_receiver, const struct herald_receiver_config *config,
                        struct herald_error *error)
{
    struct herald_receiver *receiver = calloc(1, sizeof(*receiver));
    int r;

    if (receiver == NULL)
        return herald_error_set(error, -ENOMEM, "out of memory");
    receiver->epoll_fd = -1;
    receiver->watch_retry_ns = HERALD_NEVER;
    r = open_receiver(receiver, config, error);
    if (r < 0) {
        herald_receiver_free(receiver);
        return r;
    }
    *ret_receiver = receiver;
    return 0;
}

herald_receiver *herald_receiver_free(herald_receiver *receiver)
{
    if (receiver == NULL)
        return NULL;
    for (size_t i = 0; i < receiver->channels.count; i++)
        hd_membership_close(&receiver->channels.list[i], 0, &receiver->closed_drops);
    hd_channels_release(&receiver->channels);
    hd_replies_close(&receiver->replies);
    herald_interface_watch_free(receiver->watch);
    if (receiver->epoll_fd >= 0)
        close(receiver->epoll_fd);
    hd_batch_free(receiver->batch);
    hd_duplicates_free(receiver->duplicates);
    free(receiver->names);
    free(receiver->attachments);
    free(receiver->events);
    free(receiver);
    return NULL;
}

/* ---- the event loop's calls ------------------------------------------------------------------ */

int herald_receiver_fd(const herald_receiver *receiver)
{
    return receiver->epoll_fd;
}

uint64_t herald_receiver_deadline(const herald_receiver *receiver)
{
    return hd_attachments_deadline(receiver);
}

/* epoll_wait() until a deadline: 0 does not wait, HERALD_NEVER has no limit. */
static int wait_for_events(const struct herald_receiver *receiver, struct epoll_event *events, int max,
                           uint64_t deadline_ns)
{
    uint64_t now_ns = deadline_ns == 0 ? 0 : herald_clock_ns();
    uint64_t wait_ns = deadline_ns > now_ns ? deadline_ns - now_ns : 0;
    struct timespec timeout = { .tv_sec = (time_t)(wait_ns / NS_PER_S), .tv_nsec = (long)(wait_ns % NS_PER_S) };
    int n;

    if (deadline_ns == 0 || deadline_ns == HERALD_NEVER)
        return epoll_wait(receiver->epoll_fd, events, max, deadline_ns == 0 ? 0 : -1);
    n = epoll_pwait2(receiver->epoll_fd, events, max, &timeout, NULL);
    if (n < 0 && errno == ENOSYS) { /* before Linux 5.11: by milliseconds */
        uint64_t wait_ms = wait_ns / 1000000 + 1;

        n = epoll_wait(receiver->epoll_fd, events, max, wait_ms > INT32_MAX ? INT32_MAX : (int)wait_ms);
    }
    return n;
}

static void note_guest(struct herald_receiver *receiver, int fd)
{
    if (receiver->guest_count < sizeof(receiver->guests) / sizeof(receiver->guests[0]))
        receiver->guests[receiver->guest_count++] = fd;
}

/* Asks which sockets have something. */
static int find_ready(struct herald_receiver *receiver, uint64_t deadline_ns)
{
    struct epoll_event events[sizeof(receiver->ready) / sizeof(receiver->ready[0])];
    int n = wait_for_events(receiver, events, sizeof(events) / sizeof(events[0]), deadline_ns);

    receiver->ready_next = receiver->ready_count = receiver->guest_count = 0;
    receiver->ready_left = receiver->said_empty = false;
    receiver->lone_turns = 0;
    if (n < 0)
        return errno == EINTR ? 0 : -errno;
    for (int i = 0; i < n; i++) {
        if (events[i].data.u64 & GUEST)
            note_guest(receiver, (int)(events[i].data.u64 >> 1));
        else if (events[i].data.ptr != NULL)
            receiver->ready[receiver->ready_count++] = events[i].data.ptr;
        else
            receiver->watch_ready = true;
    }
    return 0;
}

int hd_receiver_watch(struct herald_receiver *receiver, int fd, uint32_t epoll_events)
{
    struct epoll_event event = { .events = epoll_events, .data.u64 = (uint64_t)fd << 1 | GUEST };

    if (epoll_ctl(receiver->epoll_fd, EPOLL_CTL_ADD, fd, &event) == 0)
        return 0;
    if (errno == EEXIST && epoll_ctl(receiver->epoll_fd, EPOLL_CTL_MOD, fd, &event) == 0)
        return 0;
    return -errno;
}

void hd_receiver_unwatch(struct herald_receiver *receiver, int fd)
{
    (void)epoll_ctl(receiver->epoll_fd, EPOLL_CTL_DEL, fd, NULL);
}

size_t hd_receiver_take_guests(struct herald_receiver *receiver, int *ret_fds, size_t max)
{
    size_t count = receiver->guest_count < max ? receiver->guest_count : max;

    memcpy(ret_fds, receiver->guests, count * sizeof(*ret_fds));
    receiver->guest_count = 0;
    return count;
}

bool hd_receiver_is_ready(const struct herald_receiver *receiver)
{
    return receiver->ready_next < receiver->ready_count;
}

int herald_receiver_wait(herald_receiver *receiver, uint64_t deadline_ns)
{
    uint64_t own_ns = hd_attachments_deadline(receiver);

    if (receiver->ready_next < receiver->ready_count || receiver->watch_ready)
        return 0;
    return find_ready(receiver, own_ns < deadline_ns ? own_ns : deadline_ns);
}

int herald_receiver_process(herald_receiver *receiver, uint64_t now_ns)
{
    if (receiver->ready_next == receiver->ready_count) {
        int r = find_ready(receiver, 0);

        if (r < 0)
            return r;
    }
    /* Netlink is only read when it has something: this is called for every batch of datagrams. */
    if (!receiver->watch_ready && now_ns < hd_attachments_deadline(receiver))
        return 0;
    receiver->watch_ready = false;
    return hd_attachments_process(receiver, now_ns);
}

int herald_receiver_next_event(herald_receiver *receiver, struct herald_receiver_event *ret_event)
{
    if (receiver->event_count == 0)
        return 0;
    *ret_event = receiver->events[0];
    receiver->event_count--;
    memmove(receiver->events, receiver->events + 1, receiver->event_count * sizeof(*receiver->events));
    return 1;
}

/* ---- receiving ------------------------------------------------------------------------------- */

/* The kernel has checked group and source; this holds even where it could not bind to the interface. */
static bool belongs(const struct hd_socket *socket, const struct herald_run *run)
{
    return run->source.interface_index == socket->interface_index &&
           herald_address_equal(&run->group, hd_channel_group(socket->channel));
}

/* @return whether anything of the run is left to be delivered. */
static bool filter_run(struct herald_receiver *receiver, const struct hd_socket *socket, struct herald_run *run)
{
    size_t count = herald_run_count(run);

    if (count > receiver->longest_run)
        receiver->longest_run = count;
    if (socket->exclusive) {
        run->group = *hd_channel_group(socket->channel);
        run->source.interface_index = socket->interface_index;
    } else if (!belongs(socket, run)) {
        receiver->stats.strays += count;
        return false;
    }
    if (receiver->check_duplicates) {
        size_t removed = hd_duplicates_filter(receiver->duplicates, run, hd_batch_buffer(receiver->batch, run));

        receiver->stats.duplicates += removed;
        if (removed == count)
            return false;
        count -= removed;
    }
    receiver->stats.datagrams += count;
    receiver->stats.bytes += run->size_bytes;
    receiver->stats.runs++;
    receiver->stats.truncated += run->truncated;
    return true;
}

static int receive_from(struct herald_receiver *receiver, const struct hd_socket *socket, struct herald_run *ret_runs,
                        size_t max_runs, bool *ret_drained)
{
    int received = hd_batch_receive(receiver->batch, socket->fd, hd_channel_port(socket->channel), ret_runs, max_runs);
    int kept = 0;

    if (received < 0)
        return received;
    *ret_drained = (size_t)received < max_runs;
    for (int i = 0; i < received; i++) {
        if (!filter_run(receiver, socket, &ret_runs[i]))
            continue;
        if (kept != i)
            ret_runs[kept] = ret_runs[i];
        kept++;
    }
    return kept;
}

/* A device that goes down leaves ENETDOWN on its sockets; the watch tells of it too. */
static bool is_passing_error(int code)
{
    return code == -ENETDOWN || code == -ENODEV || code == -ENXIO || code == -ECONNREFUSED;
}

int herald_receiver_receive(herald_receiver *receiver, struct herald_run *ret_runs, size_t max_runs)
{
    int r = 0;

    if (max_runs == 0 || max_runs > HERALD_RUNS_MAX)
        return -EINVAL;
    if (receiver->ready_next == receiver->ready_count && !receiver->said_empty)
        r = find_ready(receiver, 0);
    receiver->said_empty = false;
    while (r == 0 && receiver->ready_next < receiver->ready_count) {
        const struct hd_socket *socket = receiver->ready[receiver->ready_next];
        bool drained = true;

        r = receive_from(receiver, socket, ret_runs, max_runs, &drained);
        if (r < 0 && is_passing_error(r))
            r = 0;
        receiver->ready_left |= !drained;
        /* One that is ready alone is read again without asking epoll, but not for ever: others, and the watch, may have
           become ready meanwhile. Several take turns. */
        if (drained || receiver->ready_count > 1 || ++receiver->lone_turns >= LONE_TURNS_MAX)
            receiver->ready_next++;
        else if (r == 0)
            break; /* all was filtered out: the caller may have other work than a flood of nothing */
    }
    /* What comes after this is found by the caller's poll. */
    receiver->said_empty = r > 0 && receiver->ready_next == receiver->ready_count && !receiver->ready_left;
    return r;
}

int herald_receiver_reply(herald_receiver *receiver, const struct herald_peer *to, uint16_t group_port,
                          const void *payload, size_t size_bytes, struct herald_error *error)
{
    return hd_replies_send(&receiver->replies, to, group_port, payload, size_bytes, error);
}

/* ---- what is known --------------------------------------------------------------------------- */

uint64_t hd_receiver_drops(const struct herald_receiver *receiver)
{
    uint64_t drops = receiver->closed_drops;

    for (size_t i = 0; i < receiver->channels.count; i++)
        for (const struct hd_socket *socket = receiver->channels.list[i].sockets; socket != NULL; socket = socket->next)
            drops += hd_membership_drops(socket);
    return drops;
}

void herald_receiver_stats(herald_receiver *receiver, struct herald_receiver_stats *ret_stats)
{
    struct herald_receiver_stats stats = receiver->stats;

    stats.kernel_drops = receiver->plan.first_nibbles != 0 ? 0 : hd_receiver_drops(receiver);
    for (size_t i = 0; i < receiver->channels.count; i++)
        for (const struct hd_socket *socket = receiver->channels.list[i].sockets; socket != NULL; socket = socket->next)
            stats.sockets++;
    for (size_t i = 0; i < receiver->attachment_count; i++) {
        stats.memberships += receiver->attachments[i].memberships;
        stats.interfaces += receiver->attachments[i].memberships > 0;
    }
    stats.receive_buffer_bytes = receiver->plan.granted_bytes;
    stats.receive_buffer_asked_bytes = receiver->plan.receive_buffer_bytes;
    *ret_stats = stats;
}

const char *herald_receiver_interface_name(const herald_receiver *receiver, uint32_t interface_index)
{
    for (size_t i = 0; i < receiver->attachment_count; i++)
        if (receiver->attachments[i].index == interface_index)
            return receiver->attachments[i].name;
    return "?";
}

size_t herald_receiver_interfaces(const herald_receiver *receiver, char (*ret_names)[HERALD_INTERFACE_NAME_BYTES],
                                  size_t max)
{
    size_t count = 0;

    for (size_t i = 0; i < receiver->attachment_count; i++) {
        if (receiver->attachments[i].memberships == 0)
            continue;
        if (count < max)
            memcpy(ret_names[count], receiver->attachments[i].name, HERALD_INTERFACE_NAME_BYTES);
        count++;
    }
    return count;
}
