/* SPDX-License-Identifier: MIT */
#include "membership.h"

#include "address.h"
#include "ipv6.h"
#include "sockopt.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

/* ---- what is wanted where -------------------------------------------------------------------- */

static bool want_concerns(const struct hd_want *want, const struct herald_interface *interface, bool all)
{
    return want->zone[0] == '\0' ? all : strcmp(want->zone, interface->name) == 0;
}

bool hd_membership_wanted(const struct hd_channel *channel, const struct herald_interface *interface, bool all)
{
    for (size_t i = 0; i < channel->want_count; i++)
        if (want_concerns(&channel->wants[i], interface, all))
            return true;
    return false;
}

/* Wants are sorted by source, so that "any" comes first, and it includes every other. */
static bool wants_any_source(const struct hd_channel *channel, const struct herald_interface *interface, bool all)
{
    for (size_t i = 0; i < channel->want_count; i++)
        if (channel->wants[i].source.family == HERALD_FAMILY_NONE && want_concerns(&channel->wants[i], interface, all))
            return true;
    return false;
}

bool hd_membership_exists(const struct hd_channel *channel, uint32_t interface_index)
{
    for (const struct hd_socket *socket = channel->sockets; socket != NULL; socket = socket->next)
        if (socket->interface_index == interface_index)
            return true;
    return false;
}

/* ---- the kernel's side ----------------------------------------------------------------------- */

static int change_group(const struct hd_socket *socket, int operation)
{
    const struct herald_address *group = hd_channel_group(socket->channel);
    struct group_req request = { .gr_interface = socket->interface_index };

    hd_sockaddr_make(group, 0, 0, &request.gr_group);
    return setsockopt(socket->fd, group->family == HERALD_FAMILY_IPV6 ? IPPROTO_IPV6 : IPPROTO_IP, operation, &request,
                      sizeof(request)) < 0
               ? -errno
               : 0;
}

static int change_source(const struct hd_socket *socket, int operation, const struct herald_address *source)
{
    const struct herald_address *group = hd_channel_group(socket->channel);
    struct group_source_req request = { .gsr_interface = socket->interface_index };

    hd_sockaddr_make(group, 0, 0, &request.gsr_group);
    hd_sockaddr_make(source, 0, 0, &request.gsr_source);
    return setsockopt(socket->fd, group->family == HERALD_FAMILY_IPV6 ? IPPROTO_IPV6 : IPPROTO_IP, operation, &request,
                      sizeof(request)) < 0
               ? -errno
               : 0;
}

static int set_up_socket(struct hd_socket *socket, struct hd_socket_plan *plan)
{
    const struct herald_address *group = hd_channel_group(socket->channel);
    bool ipv6 = group->family == HERALD_FAMILY_IPV6;
    struct epoll_event event = { .events = EPOLLIN, .data.ptr = socket };
    struct sockaddr_storage own;
    socklen_t length = hd_sockaddr_make(group, hd_channel_port(socket->channel), socket->interface_index, &own);
    int r;

    if ((r = hd_socket_set_int(socket->fd, SOL_SOCKET, SO_REUSEADDR, 1)) < 0 ||
        (r = hd_socket_want_facts(socket->fd, group->family, plan->gro)) < 0)
        return r;
    if (plan->first_nibbles != 0 && (r = hd_socket_filter_first_nibbles(socket->fd, plan->first_nibbles)) < 0)
        return r;
    /* Before Linux 5.7 binding to a device took a privilege; then the receiver's own check of the interface does. */
    socket->exclusive = hd_socket_set_int(socket->fd, SOL_SOCKET, SO_BINDTOIFINDEX, (int)socket->interface_index) == 0;
    /* IP_PKTINFO makes the kernel look up a route for each packet; here it could only tell what is known. */
    if (socket->exclusive && !ipv6)
        (void)hd_socket_set_int(socket->fd, IPPROTO_IP, IP_PKTINFO, 0);
    /* By default a socket hears every group that any socket of the host has joined. */
    if (ipv6)
        (void)hd_socket_set_int(socket->fd, IPPROTO_IPV6, IPV6_MULTICAST_ALL, 0); /* Linux 4.20 */
    else if ((r = hd_socket_set_int(socket->fd, IPPROTO_IP, IP_MULTICAST_ALL, 0)) < 0)
        return r;
    plan->granted_bytes = hd_socket_ask_buffer(socket->fd, SO_RCVBUF, plan->receive_buffer_bytes);
    if (bind(socket->fd, (const struct sockaddr *)&own, length) < 0 ||
        epoll_ctl(plan->epoll_fd, EPOLL_CTL_ADD, socket->fd, &event) < 0)
        return -errno;
    return 0;
}

static struct hd_socket *free_socket(struct hd_socket *socket)
{
    if (socket == NULL)
        return NULL;
    if (socket->fd >= 0) {
        /* close() alone would leave it in the set while a fork of this process has a copy of the descriptor. */
        (void)epoll_ctl(socket->epoll_fd, EPOLL_CTL_DEL, socket->fd, NULL);
        close(socket->fd); /* which leaves its groups */
    }
    free(socket->sources);
    free(socket);
    return NULL;
}

static int open_socket(struct hd_channel *channel, uint32_t interface_index, struct hd_socket_plan *plan,
                       struct hd_socket **ret_socket)
{
    struct hd_socket *socket = calloc(1, sizeof(*socket));
    int r;

    if (socket == NULL)
        return -ENOMEM;
    socket->channel = channel;
    socket->epoll_fd = plan->epoll_fd;
    socket->interface_index = interface_index;
    socket->fd = hd_socket_open(hd_channel_group(channel)->family);
    r = socket->fd;
    if (r >= plan->descriptor_max)
        r = -EMFILE;
    if (r >= 0)
        r = set_up_socket(socket, plan);
    if (r < 0) {
        free_socket(socket);
        return r;
    }
    *ret_socket = socket;
    return 0;
}

/* ---- joining --------------------------------------------------------------------------------- */

static int fail_join(const struct hd_channel *channel, const struct herald_interface *interface, int code,
                     struct herald_error *error)
{
    char group[HERALD_ADDRESS_TEXT_BYTES];

    herald_address_format(hd_channel_group(channel), group, sizeof(group));
    switch (code) {
    case -EADDRINUSE:
        herald_error_set(error, code, "port %u is used by a program that does not share it", hd_channel_port(channel));
        herald_error_advise(error, "ss -ulnp 'sport = %u'", hd_channel_port(channel));
        return code;
    case -EACCES:
        return herald_error_set(error, code, "port %u needs the privilege to use ports below 1024",
                                hd_channel_port(channel));
    case -ENODEV:
    case -EADDRNOTAVAIL:
        return herald_error_set(error, code, "interface %s cannot do IPv%d multicast", interface->name,
                                (int)hd_channel_group(channel)->family);
    case -EAFNOSUPPORT:
        return herald_error_set(error, code, "this host has no IPv%d", (int)hd_channel_group(channel)->family);
    case -ENOBUFS:
    case -ENOMEM:
        herald_error_set(error, code, "cannot join %s on %s: a limit of the kernel is reached", group, interface->name);
        herald_error_advise(error, "sysctl net.ipv4.igmp_max_memberships net.ipv4.igmp_max_msf net.core.optmem_max");
        return code;
    case -EMFILE:
    case -ENFILE:
        herald_error_set(error, code, "cannot join %s on %s: too many open files", group, interface->name);
        herald_error_advise(error, "ulimit -n");
        return code;
    default:
        return herald_error_set(error, code, "cannot join %s on %s: %s", group, interface->name, strerror(-code));
    }
}

static int remember_source(struct hd_socket *socket, const struct herald_address *source)
{
    struct herald_address *sources = realloc(socket->sources, (socket->source_count + 1) * sizeof(*sources));

    if (sources == NULL)
        return -ENOMEM;
    sources[socket->source_count] = *source;
    socket->sources = sources;
    socket->source_count++;
    return 0;
}

static bool has_source(const struct hd_socket *list, const struct herald_address *source)
{
    for (; list != NULL; list = list->next)
        for (size_t i = 0; i < list->source_count; i++)
            if (herald_address_equal(&list->sources[i], source))
                return true;
    return false;
}

/* Joins one source on the newest socket of *list, on a further one when the kernel's limit is reached. */
static int join_source(struct hd_channel *channel, uint32_t interface_index, const struct herald_address *source,
                       struct hd_socket_plan *plan, struct hd_socket **list)
{
    int r = -ENOBUFS;

    if (has_source(*list, source))
        return 0;
    if (*list != NULL)
        r = change_source(*list, MCAST_JOIN_SOURCE_GROUP, source);
    if (r == -ENOBUFS || r == -ENOMEM) {
        struct hd_socket *socket;

        r = open_socket(channel, interface_index, plan, &socket);
        if (r < 0)
            return r;
        socket->next = *list;
        *list = socket;
        r = change_source(socket, MCAST_JOIN_SOURCE_GROUP, source);
    }
    return r < 0 ? r : remember_source(*list, source);
}

static int join_sources(struct hd_channel *channel, const struct herald_interface *interface, bool all,
                        struct hd_socket_plan *plan, struct hd_socket **list)
{
    int r = 0;

    for (size_t i = 0; i < channel->want_count && r == 0; i++)
        if (want_concerns(&channel->wants[i], interface, all))
            r = join_source(channel, interface->index, &channel->wants[i].source, plan, list);
    return r;
}

int hd_membership_join(struct hd_channel *channel, const struct herald_interface *interface, bool all,
                       struct hd_socket_plan *plan, struct herald_error *error)
{
    bool ipv6 = hd_channel_group(channel)->family == HERALD_FAMILY_IPV6;
    struct hd_socket *list = NULL;
    int opened = 0;
    int r;

    if (ipv6 && hd_ipv6_is_off(interface->name))
        return hd_ipv6_fail_off(error, -ENODEV, interface->name);
    if (wants_any_source(channel, interface, all)) {
        r = open_socket(channel, interface->index, plan, &list);
        if (r == 0)
            r = change_group(list, MCAST_JOIN_GROUP);
    } else {
        r = join_sources(channel, interface, all, plan, &list);
    }
    if (ipv6 && r == -EINVAL) /* what the kernel says of an interface that has no IPv6 at all */
        r = -ENODEV;
    while (list != NULL) {
        struct hd_socket *next = list->next;

        if (r < 0) {
            free_socket(list);
        } else {
            list->next = channel->sockets;
            channel->sockets = list;
            opened++;
        }
        list = next;
    }
    return r < 0 ? fail_join(channel, interface, r, error) : opened;
}

static void change_all(const struct hd_channel *channel, uint32_t interface_index, int group_operation,
                       int source_operation)
{
    for (const struct hd_socket *socket = channel->sockets; socket != NULL; socket = socket->next) {
        if (socket->interface_index != interface_index)
            continue;
        if (socket->source_count == 0)
            (void)change_group(socket, group_operation);
        for (size_t i = 0; i < socket->source_count; i++)
            (void)change_source(socket, source_operation, &socket->sources[i]);
    }
}

void hd_membership_leave(const struct hd_channel *channel, uint32_t interface_index)
{
    change_all(channel, interface_index, MCAST_LEAVE_GROUP, MCAST_LEAVE_SOURCE_GROUP);
}

void hd_membership_return(const struct hd_channel *channel, uint32_t interface_index)
{
    change_all(channel, interface_index, MCAST_JOIN_GROUP, MCAST_JOIN_SOURCE_GROUP);
}

uint32_t hd_membership_drops(const struct hd_socket *socket)
{
    return hd_socket_drops(socket->fd);
}

size_t hd_membership_close(struct hd_channel *channel, uint32_t interface_index, uint64_t *drops)
{
    struct hd_socket **link = &channel->sockets;
    size_t closed = 0;

    while (*link != NULL) {
        struct hd_socket *socket = *link;

        if (interface_index != 0 && socket->interface_index != interface_index) {
            link = &socket->next;
            continue;
        }
        *link = socket->next;
        *drops += hd_membership_drops(socket);
        free_socket(socket);
        closed++;
    }
    return closed;
}
