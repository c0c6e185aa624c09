/* SPDX-License-Identifier: MIT */
#include "links.h"

#include "address.h"
#include "netlink.h"

#include <errno.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <stdlib.h>
#include <string.h>

/* linux/if.h has it too, but cannot be included beside net/if.h. */
#ifndef IFF_LOWER_UP
# define IFF_LOWER_UP (1u << 16)
#endif

enum { LINKS_ROOM_FIRST = 16 };

/* ---- the array ------------------------------------------------------------------------------- */

/* The place of the first item whose index is not below `index`. */
static size_t links_place(const struct hd_links *links, uint32_t index)
{
    size_t low = 0;
    size_t high = links->count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (links->items[middle].interface.index < index)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

struct hd_link *hd_links_find(const struct hd_links *links, uint32_t index)
{
    size_t place = links_place(links, index);

    if (place == links->count || links->items[place].interface.index != index)
        return NULL;
    return &links->items[place];
}

int hd_links_put(struct hd_links *links, const struct hd_link *link)
{
    size_t place = links_place(links, link->interface.index);

    if (place < links->count && links->items[place].interface.index == link->interface.index) {
        links->items[place] = *link;
        return 0;
    }
    if (links->count == links->room) {
        size_t room = links->room == 0 ? LINKS_ROOM_FIRST : links->room * 2;
        struct hd_link *items = reallocarray(links->items, room, sizeof *items);

        if (items == NULL)
            return -ENOMEM;
        links->items = items;
        links->room = room;
    }
    memmove(links->items + place + 1, links->items + place, (links->count - place) * sizeof *links->items);
    links->items[place] = *link;
    links->count++;
    return 0;
}

void hd_links_remove(struct hd_links *links, uint32_t index)
{
    size_t place = links_place(links, index);

    if (place == links->count || links->items[place].interface.index != index)
        return;
    links->count--;
    memmove(links->items + place, links->items + place + 1, (links->count - place) * sizeof *links->items);
}

void hd_links_clear(struct hd_links *links)
{
    free(links->items);
    memset(links, 0, sizeof *links);
}

/* ---- from rtnetlink -------------------------------------------------------------------------- */

/* The name in a NEWLINK: a text within its attribute, cut to what fits. */
static void read_name(const struct nlattr *attribute, char name[HERALD_INTERFACE_NAME_BYTES])
{
    size_t length;

    if (attribute == NULL)
        return;
    length = strnlen(mnl_attr_get_payload(attribute), mnl_attr_get_payload_len(attribute));
    if (length >= HERALD_INTERFACE_NAME_BYTES)
        length = HERALD_INTERFACE_NAME_BYTES - 1;
    memset(name, 0, HERALD_INTERFACE_NAME_BYTES);
    memcpy(name, mnl_attr_get_payload(attribute), length);
}

int hd_link_update(const struct nlmsghdr *message, struct hd_link *link)
{
    const struct nlattr *table[IFLA_MAX + 1];
    const struct ifinfomsg *info = mnl_nlmsg_get_payload(message);
    struct herald_interface *interface = &link->interface;

    if (hd_netlink_attributes(message, sizeof *info, table, IFLA_MAX) < 0 || info->ifi_index <= 0)
        return -EBADMSG;
    interface->index = (uint32_t)info->ifi_index;
    interface->up = (info->ifi_flags & IFF_UP) != 0;
    interface->carrier = (info->ifi_flags & IFF_LOWER_UP) != 0;
    interface->multicast = (info->ifi_flags & IFF_MULTICAST) != 0;
    interface->loopback = (info->ifi_flags & IFF_LOOPBACK) != 0;
    interface->mtu_bytes = hd_netlink_u32(table[IFLA_MTU], interface->mtu_bytes);
    read_name(table[IFLA_IFNAME], interface->name);
    link->carrier_losses = hd_netlink_u32(table[IFLA_CARRIER_DOWN_COUNT], link->carrier_losses);
    return 0;
}

static int add_link(const struct nlmsghdr *message, void *userdata)
{
    struct hd_link link;

    memset(&link, 0, sizeof link);
    if (message->nlmsg_type != RTM_NEWLINK || hd_link_update(message, &link) < 0)
        return 0;
    return hd_links_put(userdata, &link);
}

static void add_ipv4(struct herald_interface *interface, const struct nlattr *const *table)
{
    /* On a point-to-point link IFA_ADDRESS is the peer's. */
    const struct nlattr *attribute = table[IFA_LOCAL] != NULL ? table[IFA_LOCAL] : table[IFA_ADDRESS];
    const void *payload = hd_netlink_payload(attribute, sizeof(struct in_addr));

    if (payload != NULL && interface->ipv4.family == HERALD_FAMILY_NONE)
        hd_address_from_in(payload, &interface->ipv4);
}

static void add_ipv6(struct herald_interface *interface, const struct nlattr *const *table, unsigned char scope,
                     uint32_t flags)
{
    const struct nlattr *attribute = table[IFA_LOCAL] != NULL ? table[IFA_LOCAL] : table[IFA_ADDRESS];
    const void *payload = hd_netlink_payload(attribute, sizeof(struct in6_addr));
    struct herald_address *place = scope == RT_SCOPE_LINK ? &interface->ipv6_link_local : &interface->ipv6;

    /* Nothing can be sent from an address before duplicate address detection has let it through. */
    if ((flags & (IFA_F_TENTATIVE | IFA_F_DADFAILED)) != 0 && (flags & IFA_F_OPTIMISTIC) == 0)
        return;
    if (payload != NULL && place->family == HERALD_FAMILY_NONE)
        hd_address_from_in6(payload, place);
}

static int add_address(const struct nlmsghdr *message, void *userdata)
{
    const struct nlattr *table[IFA_MAX + 1];
    const struct ifaddrmsg *info = mnl_nlmsg_get_payload(message);
    struct hd_link *link;

    if (message->nlmsg_type != RTM_NEWADDR || hd_netlink_attributes(message, sizeof *info, table, IFA_MAX) < 0)
        return 0;
    link = hd_links_find(userdata, info->ifa_index);
    if (link == NULL)
        return 0;
    if (info->ifa_family == AF_INET)
        add_ipv4(&link->interface, table);
    else if (info->ifa_family == AF_INET6)
        add_ipv6(&link->interface, table, info->ifa_scope, hd_netlink_u32(table[IFA_FLAGS], info->ifa_flags));
    return 0;
}

static void forget_links(void *userdata)
{
    hd_links_clear(userdata);
}

static void forget_addresses(void *userdata)
{
    struct hd_links *links = userdata;

    for (size_t i = 0; i < links->count; i++) {
        struct herald_interface *interface = &links->items[i].interface;

        memset(&interface->ipv4, 0, sizeof interface->ipv4);
        memset(&interface->ipv6, 0, sizeof interface->ipv6);
        memset(&interface->ipv6_link_local, 0, sizeof interface->ipv6_link_local);
    }
}

int hd_links_read_addresses(struct hd_links *links)
{
    struct hd_netlink_dump dump = {
        .type = RTM_GETADDR,
        .header_bytes = sizeof(struct ifaddrmsg),
        .start = forget_addresses,
        .message = add_address,
        .userdata = links,
    };

    return hd_netlink_dump(&dump);
}

int hd_links_read(struct hd_links *links)
{
    struct hd_netlink_dump dump = {
        .type = RTM_GETLINK,
        .header_bytes = sizeof(struct ifinfomsg),
        .start = forget_links,
        .message = add_link,
        .userdata = links,
    };
    int result;

    memset(links, 0, sizeof *links);
    result = hd_netlink_dump(&dump);
    if (result >= 0)
        result = hd_links_read_addresses(links);
    if (result < 0)
        hd_links_clear(links);
    return result;
}
