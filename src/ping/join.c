/* SPDX-License-Identifier: MIT */
/*
 * Answers to the group come to the asker's own port. So its socket joins the group itself, and sees what comes by
 * unicast and what by multicast in the order in which it came.
 */
#include "address.h" /* of src/io */
#include "ping_internal.h"

#include <errno.h>
#include <netinet/in.h>
#include <string.h>

static int change(herald_sender *sender, const struct herald_address *group, const struct herald_address *source,
                  bool join)
{
    uint32_t index = herald_sender_facts(sender)->interface.index;
    int level = group->family == HERALD_FAMILY_IPV6 ? IPPROTO_IPV6 : IPPROTO_IP;
    int fd = herald_sender_fd(sender);

    if (source != NULL) {
        struct group_source_req request = { .gsr_interface = index };

        hd_sockaddr_make(group, 0, index, &request.gsr_group);
        hd_sockaddr_make(source, 0, index, &request.gsr_source);
        return setsockopt(fd, level, join ? MCAST_JOIN_SOURCE_GROUP : MCAST_LEAVE_SOURCE_GROUP, &request,
                          sizeof(request)) < 0
                   ? -errno
                   : 0;
    }
    struct group_req request = { .gr_interface = index };

    hd_sockaddr_make(group, 0, index, &request.gr_group);
    return setsockopt(fd, level, join ? MCAST_JOIN_GROUP : MCAST_LEAVE_GROUP, &request, sizeof(request)) < 0 ? -errno
                                                                                                             : 0;
}

int hd_ping_join(herald_sender *sender, const struct herald_address *group, const struct herald_address *source)
{
    int r = change(sender, group, source, true);

    return r == -EADDRINUSE || r == -EADDRNOTAVAIL ? 0 : r; /* joined already */
}

void hd_ping_leave(herald_sender *sender, const struct herald_address *group, const struct herald_address *source)
{
    (void)change(sender, group, source, false);
}

int hd_ping_send_from(herald_sender *sender, const struct herald_address *source)
{
    uint32_t index = herald_sender_facts(sender)->interface.index;
    int fd = herald_sender_fd(sender);
    struct ip_mreqn interface = { .imr_ifindex = (int)index };
    struct in6_pktinfo info = { .ipi6_ifindex = index };

    if (source->family == HERALD_FAMILY_IPV6) {
        memcpy(&info.ipi6_addr, source->bytes, sizeof(info.ipi6_addr));
        return setsockopt(fd, IPPROTO_IPV6, IPV6_PKTINFO, &info, sizeof(info)) < 0 ? -errno : 0;
    }
    memcpy(&interface.imr_address, source->bytes, sizeof(interface.imr_address));
    return setsockopt(fd, IPPROTO_IP, IP_MULTICAST_IF, &interface, sizeof(interface)) < 0 ? -errno : 0;
}
