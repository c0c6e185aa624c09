/* SPDX-License-Identifier: MIT */
#include "loss_counters.h"
#include "netlink.h"

#include <errno.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <stdlib.h>
#include <string.h>

enum { LINKS_ROOM_FIRST = 16 };

/* Kinds whose IFLA_LINK is the interface that their packets come in by. That of a veth is its other end. */
static const char *const stacked_kinds[] = { "vlan", "macvlan", "macvtap", "ipvlan", "ipvtap", "macsec" };

static bool is_stacked(const struct nlattr *information)
{
    const struct nlattr *attribute;
    const char *end;
    const char *kind = NULL;
    size_t length = 0;

    if (information == NULL)
        return false;
    end = (const char *)mnl_attr_get_payload(information) + mnl_attr_get_payload_len(information);
    for (attribute = mnl_attr_get_payload(information); mnl_attr_ok(attribute, (int)(end - (const char *)attribute));
         attribute = mnl_attr_next(attribute)) {
        if (mnl_attr_get_type(attribute) != IFLA_INFO_KIND)
            continue;
        kind = mnl_attr_get_payload(attribute);
        length = strnlen(kind, mnl_attr_get_payload_len(attribute));
    }
    for (size_t i = 0; kind != NULL && i < sizeof(stacked_kinds) / sizeof(stacked_kinds[0]); i++)
        if (length == strlen(stacked_kinds[i]) && memcmp(kind, stacked_kinds[i], length) == 0)
            return true;
    return false;
}

static void read_statistics(const struct nlattr *attribute, struct hd_loss_link *link)
{
    struct rtnl_link_stats64 stats = { 0 };

    if (attribute == NULL)
        return;
    /* Older kernels have fewer members, newer ones more. */
    memcpy(&stats, mnl_attr_get_payload(attribute),
           mnl_attr_get_payload_len(attribute) < sizeof(stats) ? mnl_attr_get_payload_len(attribute) : sizeof(stats));
    link->errors = stats.rx_missed_errors + stats.rx_fifo_errors + stats.rx_over_errors + stats.rx_crc_errors +
                   stats.rx_frame_errors + stats.rx_length_errors;
    link->dropped = stats.rx_dropped;
}

static void read_name(const struct nlattr *attribute, char name[HERALD_INTERFACE_NAME_BYTES])
{
    size_t length;

    if (attribute == NULL)
        return;
    length = strnlen(mnl_attr_get_payload(attribute), mnl_attr_get_payload_len(attribute));
    memcpy(name, mnl_attr_get_payload(attribute),
           length < HERALD_INTERFACE_NAME_BYTES ? length : HERALD_INTERFACE_NAME_BYTES - 1);
}

static int put(struct hd_loss_links *links, const struct hd_loss_link *link)
{
    if (links->count == links->room) {
        size_t room = links->room == 0 ? LINKS_ROOM_FIRST : links->room * 2;
        struct hd_loss_link *items = reallocarray(links->items, room, sizeof(*items));

        if (items == NULL)
            return -ENOMEM;
        links->items = items;
        links->room = room;
    }
    links->items[links->count++] = *link;
    return 0;
}

static int add_link(const struct nlmsghdr *message, void *userdata)
{
    const struct nlattr *table[IFLA_MAX + 1];
    const struct ifinfomsg *info = mnl_nlmsg_get_payload(message);
    struct hd_loss_link link = { 0 };

    if (message->nlmsg_type != RTM_NEWLINK || hd_netlink_attributes(message, sizeof(*info), table, IFLA_MAX) < 0 ||
        info->ifi_index <= 0)
        return 0;
    link.index = (uint32_t)info->ifi_index;
    link.loopback = (info->ifi_flags & IFF_LOOPBACK) != 0;
    link.master = hd_netlink_u32(table[IFLA_MASTER], 0);
    /* With a namespace's id, the number is of an interface elsewhere. */
    if (table[IFLA_LINK_NETNSID] == NULL && is_stacked(table[IFLA_LINKINFO]))
        link.lower = hd_netlink_u32(table[IFLA_LINK], 0);
    read_name(table[IFLA_IFNAME], link.name);
    read_statistics(table[IFLA_STATS64], &link);
    return put(userdata, &link);
}

void hd_loss_links_clear(struct hd_loss_links *links)
{
    free(links->items);
    *links = (struct hd_loss_links){ 0 };
}

static void forget_links(void *userdata)
{
    hd_loss_links_clear(userdata);
}

int hd_loss_links_read(struct hd_loss_links *ret_links)
{
    struct hd_loss_links links = { 0 };
    const struct hd_netlink_dump dump = {
        .type = RTM_GETLINK,
        .header_bytes = sizeof(struct ifinfomsg),
        .start = forget_links,
        .message = add_link,
        .userdata = &links,
    };
    int result = hd_netlink_dump(&dump);

    if (result < 0)
        hd_loss_links_clear(&links);
    *ret_links = links;
    return result;
}

const struct hd_loss_link *hd_loss_links_find(const struct hd_loss_links *links, uint32_t index)
{
    for (size_t i = 0; i < links->count; i++)
        if (links->items[i].index == index)
            return &links->items[i];
    return NULL;
}

static bool is_below(const struct hd_loss_links *links, const bool *marks, const struct hd_loss_link *link)
{
    for (size_t i = 0; i < links->count; i++)
        if (marks[i] && (link->master == links->items[i].index || link->index == links->items[i].lower))
            return true;
    return false;
}

void hd_loss_links_mark_below(const struct hd_loss_links *links, bool *marks)
{
    enum { DEPTH_MAX = 8 }; /* the kernel's MAX_NEST_DEV */
    bool found = true;

    for (int depth = 0; depth < DEPTH_MAX && found; depth++) {
        found = false;
        for (size_t i = 0; i < links->count; i++)
            if (!marks[i] && is_below(links, marks, &links->items[i]))
                marks[i] = found = true;
    }
}
