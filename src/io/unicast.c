/* SPDX-License-Identifier: MIT */
#include "unicast.h"

#include "address.h"

#include <herald/endpoint.h>

#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

static bool is_believable(const struct herald_peer *peer)
{
    enum { LOOPBACK_INDEX = 1 };                                    /* lo has it in every network namespace */
    static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff }; /* IPv4 inside a host, never on a wire */
    const struct herald_address unspecified = { .family = peer->address.family };
    bool local = herald_address_equal(&peer->address, &unspecified) || hd_address_is_loopback(&peer->address);

    if (peer->port == 0 || herald_address_is_multicast(&peer->address))
        return false;
    if (peer->address.family == HERALD_FAMILY_IPV6 && memcmp(peer->address.bytes, mapped, sizeof(mapped)) == 0)
        return false;
    return !local || peer->interface_index == LOOPBACK_INDEX;
}

int hd_unicast_check(const struct herald_peer *to, struct herald_error *error)
{
    char text[HERALD_ENDPOINT_TEXT_BYTES];

    if (is_believable(to))
        return 0;
    herald_peer_format(to, NULL, text, sizeof(text));
    return herald_error_set(error, -EINVAL, "did not answer %s: that source is forged", text);
}

/* `interface_index` 0: by the routing table. */
static int send_by(int fd, const struct herald_peer *to, uint32_t interface_index, const struct iovec *parts,
                   size_t part_count)
{
    union {
        char bytes[CMSG_SPACE(sizeof(struct in_pktinfo))];
        struct cmsghdr align;
    } control = { .bytes = { 0 } };
    struct in_pktinfo info = { .ipi_ifindex = (int)interface_index };
    struct sockaddr_storage address;
    struct msghdr message = {
        .msg_name = &address,
        .msg_namelen = hd_sockaddr_make(&to->address, to->port, to->interface_index, &address),
        .msg_iov = (struct iovec *)(uintptr_t)parts, /* sendmsg() does not write to it */
        .msg_iovlen = part_count,
    };
    ssize_t n;

    if (interface_index != 0) {
        struct cmsghdr *cmsg;

        message.msg_control = control.bytes;
        message.msg_controllen = sizeof(control);
        cmsg = CMSG_FIRSTHDR(&message);
        cmsg->cmsg_level = IPPROTO_IP;
        cmsg->cmsg_type = IP_PKTINFO;
        cmsg->cmsg_len = CMSG_LEN(sizeof(info));
        memcpy(CMSG_DATA(cmsg), &info, sizeof(info));
    }
    do
        n = sendmsg(fd, &message, MSG_DONTWAIT);
    while (n < 0 && errno == EINTR);
    return n < 0 ? -errno : 0;
}

int hd_unicast_send(int fd, const struct herald_peer *to, const struct iovec *parts, size_t part_count)
{
    int r = send_by(fd, to, 0, parts, part_count);

    /* Whoever is on the same LAN can be reached without a route too: by the interface that brought the question. */
    if ((r == -ENETUNREACH || r == -EHOSTUNREACH) && to->address.family == HERALD_FAMILY_IPV4 &&
        to->interface_index != 0)
        r = send_by(fd, to, to->interface_index, parts, part_count);
    return r;
}

int hd_unicast_fail(const struct herald_peer *to, int code, size_t size_bytes, struct herald_error *error)
{
    char text[HERALD_ENDPOINT_TEXT_BYTES];
    char address[HERALD_ADDRESS_TEXT_BYTES];

    herald_peer_format(to, NULL, text, sizeof(text));
    herald_address_format(&to->address, address, sizeof(address));
    if (code == -EPERM) {
        herald_error_set(error, code, "a firewall on this host forbids answering %s", text);
        herald_error_advise(error, "nft list ruleset");
    } else if (code == -ENETUNREACH || code == -EHOSTUNREACH) {
        herald_error_set(error, code, "cannot answer %s: there is no route to it", text);
        herald_error_advise(error, "ip route get %s", address);
    } else if (code == -EMSGSIZE) {
        herald_error_set(error, code, "cannot answer %s: %zu bytes are too many for one datagram", text, size_bytes);
    } else {
        herald_error_set(error, code, "cannot answer %s: %s", text, strerror(-code));
    }
    return code;
}
