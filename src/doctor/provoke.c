/* SPDX-License-Identifier: MIT */
#include "provoke.h"

#include "address.h"
#include "host.h"
#include "joined.h"
#include "sockopt.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

static int random_group(enum herald_family family, struct herald_address *ret_group)
{
    struct herald_address group = { .family = family, .bytes = { 239, 255 } };

    if (family == HERALD_FAMILY_IPV6) {
        group.bytes[0] = 0xff;
        group.bytes[1] = 0x15;
    }
    if (getrandom(group.bytes + 2, family == HERALD_FAMILY_IPV6 ? 14 : 2, 0) < 0)
        return -errno;
    *ret_group = group;
    return 0;
}

static int level(enum herald_family family)
{
    return family == HERALD_FAMILY_IPV6 ? IPPROTO_IPV6 : IPPROTO_IP;
}

/* How many queries the kernel has counted on the interface. */
static uint64_t counted_queries(const struct hd_provocation *provocation)
{
    char path[64];
    uint64_t value = 0;

    (void)snprintf(path, sizeof path, "/proc/net/dev_snmp6/%s", provocation->interface_name);
    return hd_host_counter(path, NULL, "Icmp6InGroupMembQueries", &value) < 0 ? 0 : value;
}

int hd_provoke_join(const struct herald_interface *interface, enum herald_family family,
                    struct hd_provocation *ret_provocation)
{
    struct hd_provocation provocation = {
        .interface_index = interface->index,
        .source = family == HERALD_FAMILY_IPV6 ? interface->ipv6_link_local : interface->ipv4,
    };
    struct group_req request = { .gr_interface = interface->index };
    int result = random_group(family, &provocation.group);

    if (result < 0)
        return result;
    memcpy(provocation.interface_name, interface->name, sizeof provocation.interface_name);
    provocation.queries = family == HERALD_FAMILY_IPV6 ? counted_queries(&provocation) : 0;
    provocation.fd = hd_socket_open(family);
    if (provocation.fd < 0)
        return provocation.fd;
    (void)hd_sockaddr_make(&provocation.group, 0, interface->index, &request.gr_group);
    if (setsockopt(provocation.fd, level(family), MCAST_JOIN_GROUP, &request, sizeof request) < 0) {
        result = -errno;
        (void)close(provocation.fd);
        return result;
    }
    *ret_provocation = provocation;
    return 0;
}

int hd_provoke_narrow(struct hd_provocation *provocation)
{
    struct group_filter filter = {
        .gf_interface = provocation->interface_index,
        .gf_fmode = MCAST_INCLUDE,
        .gf_numsrc = 1,
    };

    if (provocation->source.family == HERALD_FAMILY_NONE)
        return -EADDRNOTAVAIL;
    (void)hd_sockaddr_make(&provocation->group, 0, provocation->interface_index, &filter.gf_group);
    (void)hd_sockaddr_make(&provocation->source, 0, 0, &filter.gf_slist[0]);
    return setsockopt(provocation->fd, level(provocation->group.family), MCAST_MSFILTER, &filter,
                      GROUP_FILTER_SIZE(1)) < 0
               ? -errno
               : 0;
}

void hd_provoke_leave(struct hd_provocation *provocation)
{
    if (provocation->fd >= 0)
        (void)close(provocation->fd);
    provocation->fd = -1;
}

bool hd_provoke_heard(const struct hd_provocation *provocation)
{
    struct hd_joined joined;

    if (provocation->group.family == HERALD_FAMILY_IPV6)
        return counted_queries(provocation) > provocation->queries;
    return hd_joined_find(HERALD_FAMILY_IPV4, provocation->interface_index, &provocation->group, &joined) == 0 &&
           joined.timer_running;
}
