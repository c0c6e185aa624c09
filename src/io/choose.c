/* SPDX-License-Identifier: MIT */
#include "choose.h"

#include "address.h"
#include "ipv6.h"
#include "route.h"
#include "sockopt.h"

#include <errno.h>
#include <ifaddrs.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* An address with a label, such as eth0:1, has that in place of its interface's name, which has no colon in it. */
static int find_labelled(const char *label, struct herald_interface *ret_interface, struct herald_error *error)
{
    char name[HERALD_INTERFACE_NAME_BYTES];
    size_t length = strcspn(label, ":");

    (void)snprintf(name, sizeof(name), "%.*s", (int)(length < sizeof(name) ? length : sizeof(name) - 1), label);
    return herald_interface_find(name, ret_interface, error);
}

/* An interface's first address is not enough here: any of its addresses may be the source. */
static int find_by_address(const struct herald_address *address, struct herald_interface *ret_interface,
                           struct herald_error *error)
{
    char text[HERALD_ADDRESS_TEXT_BYTES];
    struct ifaddrs *list;
    int r = -EADDRNOTAVAIL;

    herald_address_format(address, text, sizeof(text));
    if (getifaddrs(&list) < 0)
        return herald_error_set(error, -errno, "cannot list this host's addresses: %s", strerror(errno));
    for (const struct ifaddrs *i = list; i != NULL; i = i->ifa_next) {
        struct herald_peer own;

        if (i->ifa_addr == NULL)
            continue;
        hd_peer_from_sockaddr(i->ifa_addr, &own);
        if (herald_address_equal(&own.address, address)) {
            r = find_labelled(i->ifa_name, ret_interface, error);
            break;
        }
    }
    freeifaddrs(list);
    if (r == -EADDRNOTAVAIL) {
        herald_error_set(error, r, "%s is not an address of this host", text);
        herald_error_advise(error, "ip address");
    }
    return r;
}

static bool has_address(const struct herald_interface *interface, enum herald_family family)
{
    if (family == HERALD_FAMILY_IPV4)
        return interface->ipv4.family != HERALD_FAMILY_NONE;
    return interface->ipv6.family != HERALD_FAMILY_NONE || interface->ipv6_link_local.family != HERALD_FAMILY_NONE;
}

/* Without a route: the first interface that could reach anybody, else lo. */
static int guess_interface(enum herald_family family, struct herald_sender_facts *facts, struct herald_error *error)
{
    struct herald_interface *list;
    int count = herald_interfaces_list(&list);
    int r = -ENETDOWN;

    if (count < 0)
        return herald_error_set(error, count, "cannot list the network interfaces: %s", strerror(-count));
    for (int i = 0; i < count && r < 0; i++)
        if (list[i].up && list[i].carrier && list[i].multicast && !list[i].loopback && has_address(&list[i], family)) {
            facts->interface = list[i];
            facts->reason = HERALD_INTERFACE_BY_GUESS;
            r = 0;
        }
    for (int i = 0; i < count && r < 0; i++)
        if (list[i].up && list[i].loopback) {
            facts->interface = list[i];
            facts->reason = HERALD_INTERFACE_LOOPBACK;
            r = 0;
        }
    free(list);
    if (r < 0) {
        herald_error_set(error, r, "no network interface is up, not even lo");
        herald_error_advise(error, "ip link set lo up");
    }
    return r;
}

static int find_by_index(uint32_t index, struct herald_interface *ret_interface)
{
    struct herald_interface *list;
    int count = herald_interfaces_list(&list);
    int r = -ENODEV;

    for (int i = 0; i < count; i++)
        if (list[i].index == index) {
            *ret_interface = list[i];
            r = 0;
        }
    if (count > 0)
        free(list);
    return r;
}

static int refuse_missing_zone(const struct herald_address *group, struct herald_error *error)
{
    char text[HERALD_ADDRESS_TEXT_BYTES];

    herald_address_format(group, text, sizeof(text));
    herald_error_set(error, -EINVAL, "%s is a link-local group: it needs an interface", text);
    herald_error_advise(error, "[%s%%IFACE]:PORT, or -i IFACE", text);
    return -EINVAL;
}

int hd_choose_interface(const struct herald_sender_config *config, const struct herald_address *source,
                        struct herald_sender_facts *facts, struct herald_error *error)
{
    const char *name = config->interface;
    struct hd_route route;
    int r;

    if (name == NULL && config->endpoint.interface[0] != '\0')
        name = config->endpoint.interface;
    if (name != NULL) {
        r = herald_interface_find(name, &facts->interface, error);
        facts->reason = HERALD_INTERFACE_BY_REQUEST;
    } else if (source->family != HERALD_FAMILY_NONE) {
        r = find_by_address(source, &facts->interface, error);
        facts->reason = HERALD_INTERFACE_BY_SOURCE;
    } else if (herald_address_needs_zone(&config->endpoint.group)) {
        return refuse_missing_zone(&config->endpoint.group, error);
    } else if (hd_route_lookup(&config->endpoint.group, NULL, 0, &route) == 0 &&
               find_by_index(route.interface_index, &facts->interface) == 0) {
        facts->reason = HERALD_INTERFACE_BY_ROUTE;
        r = 0;
    } else {
        r = guess_interface(config->endpoint.group.family, facts, error);
    }
    if (r == 0 && !facts->interface.up) {
        herald_error_set(error, r = -ENETDOWN, "interface %s is down", facts->interface.name);
        herald_error_advise(error, "ip link set %s up", facts->interface.name);
    }
    if (r == 0 && config->endpoint.group.family == HERALD_FAMILY_IPV6 && hd_ipv6_is_off(facts->interface.name))
        r = hd_ipv6_fail_off(error, -ENETDOWN, facts->interface.name);
    return r;
}

static int set_multicast_interface(int fd, enum herald_family family, uint32_t interface_index)
{
    struct ip_mreqn interface = { .imr_ifindex = (int)interface_index };

    if (family == HERALD_FAMILY_IPV6)
        return hd_socket_set_int(fd, IPPROTO_IPV6, IPV6_MULTICAST_IF, (int)interface_index);
    return setsockopt(fd, IPPROTO_IP, IP_MULTICAST_IF, &interface, sizeof(interface)) < 0 ? -errno : 0;
}

static bool is_unspecified(const struct herald_address *address)
{
    for (size_t i = 0; i < sizeof(address->bytes); i++)
        if (address->bytes[i] != 0)
            return false;
    return true;
}

/*
 * A connected socket has the source address and the MTU that the kernel would use; this one never sends.
 * @return it, or -errno.
 */
static int open_probe(const struct herald_endpoint *endpoint, const struct herald_interface *interface)
{
    enum herald_family family = endpoint->group.family;
    struct sockaddr_storage to;
    socklen_t length = hd_sockaddr_make(&endpoint->group, endpoint->port, interface->index, &to);
    int fd = hd_socket_open(family);

    if (fd < 0)
        return fd;
    if (set_multicast_interface(fd, family, interface->index) < 0 ||
        connect(fd, (const struct sockaddr *)&to, length) < 0) {
        close(fd);
        return -ENETUNREACH;
    }
    return fd;
}

struct herald_address hd_choose_source(const struct herald_endpoint *endpoint, const struct herald_interface *interface)
{
    struct herald_peer own = { .address.family = HERALD_FAMILY_NONE };
    struct sockaddr_storage address;
    socklen_t length = sizeof(address);
    int fd;

    if (interface->loopback && endpoint->group.family == HERALD_FAMILY_IPV4)
        return interface->ipv4;
    if (interface->loopback) /* there may be no route yet that a connected socket could follow */
        return (struct herald_address){ HERALD_FAMILY_IPV6, { [15] = 1 } };
    fd = open_probe(endpoint, interface);
    if (fd >= 0 && getsockname(fd, (struct sockaddr *)&address, &length) == 0)
        hd_peer_from_sockaddr((const struct sockaddr *)&address, &own);
    if (fd >= 0)
        close(fd);
    if (is_unspecified(&own.address))
        own.address = (struct herald_address){ .family = HERALD_FAMILY_NONE };
    return own.address;
}

size_t hd_choose_mtu(const struct herald_endpoint *endpoint, const struct herald_interface *interface)
{
    bool ipv6 = endpoint->group.family == HERALD_FAMILY_IPV6;
    int fd = open_probe(endpoint, interface);
    int mtu_bytes = 0;
    socklen_t length = sizeof(mtu_bytes);

    if (fd < 0)
        return interface->mtu_bytes;
    if (getsockopt(fd, ipv6 ? IPPROTO_IPV6 : IPPROTO_IP, ipv6 ? IPV6_MTU : IP_MTU, &mtu_bytes, &length) < 0)
        mtu_bytes = 0;
    close(fd);
    return mtu_bytes > 0 ? (size_t)mtu_bytes : interface->mtu_bytes;
}
