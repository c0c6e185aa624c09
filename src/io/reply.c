/* SPDX-License-Identifier: MIT */
#include "reply.h"

#include "address.h"
#include "sockopt.h"
#include "unicast.h"

#include <errno.h>
#include <linux/filter.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

/* What is sent to a socket that only sends would wait there unread. */
static void refuse_input(int fd)
{
    struct sock_filter drop = BPF_STMT(BPF_RET | BPF_K, 0);
    const struct sock_fprog program = { .len = 1, .filter = &drop };

    (void)setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof(program));
}

static int bind_port(int fd, const struct herald_address *address, uint16_t port)
{
    struct sockaddr_storage own;
    socklen_t length = hd_sockaddr_make(address, port, 0, &own);

    return bind(fd, (const struct sockaddr *)&own, length) < 0 ? -errno : 0;
}

/* A socket that sends only: it takes no part in the delivery of any group. */
static int open_mute_socket(enum herald_family family)
{
    int fd = hd_socket_open(family);

    if (fd < 0)
        return fd;
    refuse_input(fd);
    if (family == HERALD_FAMILY_IPV6)
        (void)hd_socket_set_int(fd, IPPROTO_IPV6, IPV6_MULTICAST_ALL, 0);
    else
        (void)hd_socket_set_int(fd, IPPROTO_IP, IP_MULTICAST_ALL, 0);
    return fd;
}

/*
 * Takes the port for a socket that is bound to a multicast address it has not joined: unlike one bound to any address
 * it takes no unicast away from other programs on the port. Binding `guard` without SO_REUSEADDR succeeds only while no
 * socket of this host has the port, and keeps it so until the other one is bound. @return whether it has the port now.
 */
static bool take_port(int fd, const struct herald_address *group, uint16_t port)
{
    const struct herald_address any = { .family = group->family };
    struct herald_address quiet = *group;
    int guard = open_mute_socket(group->family);
    bool taken = false;

    if (guard < 0)
        return false;
    /* A link-local group would tie the socket to one interface; any other that it does not join will do. */
    if (herald_address_needs_zone(group))
        quiet.bytes[1] = (uint8_t)((group->bytes[1] & 0xf0) | 0x05);
    if (bind_port(guard, &any, port) == 0) {
        (void)hd_socket_set_int(guard, SOL_SOCKET, SO_REUSEADDR, 1);
        (void)hd_socket_set_int(fd, SOL_SOCKET, SO_REUSEADDR, 1);
        taken = bind_port(fd, &quiet, port) == 0;
        (void)hd_socket_set_int(fd, SOL_SOCKET, SO_REUSEADDR, taken);
    }
    close(guard);
    return taken;
}

static int open_reply_socket(const struct herald_address *group, uint16_t port)
{
    const struct herald_address any = { .family = group->family };
    int fd = open_mute_socket(group->family);

    /* Without the port a free one is taken at once and for good: by the time of the first answer another program might
       get the same. */
    if (fd >= 0 && !take_port(fd, group, port))
        (void)bind_port(fd, &any, 0);
    return fd;
}

static const struct hd_reply_socket *find(const struct hd_replies *replies, enum herald_family family, uint16_t port)
{
    for (size_t i = 0; i < replies->count; i++)
        if (replies->sockets[i].family == family && replies->sockets[i].port == port)
            return &replies->sockets[i];
    return NULL;
}

static int add(struct hd_replies *replies, const struct herald_address *group, uint16_t port)
{
    struct hd_reply_socket *grown = realloc(replies->sockets, (replies->count + 1) * sizeof(*grown));
    int fd;

    if (grown == NULL)
        return -ENOMEM;
    replies->sockets = grown;
    fd = open_reply_socket(group, port);
    if (fd == -EAFNOSUPPORT)
        return 0; /* no IPv6 here: nothing of it will come in to be answered */
    if (fd < 0)
        return fd;
    grown[replies->count++] = (struct hd_reply_socket){ .family = group->family, .port = port, .fd = fd };
    return 0;
}

int hd_replies_open(struct hd_replies *ret_replies, const struct hd_channels *channels)
{
    struct hd_replies replies = { 0 };
    int r = 0;

    for (size_t i = 0; i < channels->count && r == 0; i++) {
        const struct herald_address *group = hd_channel_group(&channels->list[i]);
        uint16_t port = hd_channel_port(&channels->list[i]);

        if (find(&replies, group->family, port) == NULL)
            r = add(&replies, group, port);
    }
    if (r < 0) {
        hd_replies_close(&replies);
        return r;
    }
    *ret_replies = replies;
    return 0;
}

void hd_replies_close(struct hd_replies *replies)
{
    for (size_t i = 0; i < replies->count; i++)
        close(replies->sockets[i].fd);
    free(replies->sockets);
    *replies = (struct hd_replies){ 0 };
}

/*
 * The send buffer is full of answers to hosts that do not exist: forged sources, for which ARP is asked for seconds.
 * They must not keep honest ones from their answers, so these go out from a socket, and a port, of their own.
 */
static int send_aside(const struct herald_peer *to, const struct iovec *part)
{
    int fd = open_mute_socket(to->address.family);
    int r = fd;

    if (fd >= 0) {
        r = hd_unicast_send(fd, to, part, 1);
        close(fd);
    }
    return r;
}

int hd_replies_send(const struct hd_replies *replies, const struct herald_peer *to, uint16_t port, const void *payload,
                    size_t size_bytes, struct herald_error *error)
{
    const struct hd_reply_socket *from = find(replies, to->address.family, port);
    const struct iovec part = { .iov_base = (void *)(uintptr_t)payload, .iov_len = size_bytes }; /* it is only read */
    int r = hd_unicast_check(to, error);

    if (r < 0)
        return r;
    if (from == NULL) {
        char text[HERALD_ENDPOINT_TEXT_BYTES];

        herald_peer_format(to, NULL, text, sizeof(text));
        return herald_error_set(error, -EINVAL, "cannot answer %s: not a sender to one of the groups", text);
    }
    r = hd_unicast_send(from->fd, to, &part, 1);
    if (r == -EAGAIN)
        r = send_aside(to, &part);
    return r < 0 ? hd_unicast_fail(to, r, size_bytes, error) : 0;
}
