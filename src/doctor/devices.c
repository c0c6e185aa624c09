/* SPDX-License-Identifier: MIT */
#include "devices.h"

#include "address.h"
#include "nested.h"
#include "netlink.h"

#include <herald/endpoint.h>

#include <errno.h>
#include <linux/if_bridge.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <stdlib.h>
#include <string.h>

enum { DEVICES_ROOM_FIRST = 16 };

/* ---- attributes ----------------------------------------------------------------------------- */

static uint8_t u8(const struct nlattr *attribute, uint8_t otherwise)
{
    const uint8_t *payload = hd_netlink_payload(attribute, 1);

    return payload != NULL ? *payload : otherwise;
}

static void text(const struct nlattr *attribute, char *ret_text, size_t room)
{
    size_t length;

    ret_text[0] = '\0';
    if (attribute == NULL)
        return;
    length = strnlen(mnl_attr_get_payload(attribute), mnl_attr_get_payload_len(attribute));
    if (length >= room)
        length = room - 1;
    memcpy(ret_text, mnl_attr_get_payload(attribute), length);
    ret_text[length] = '\0';
}

/* ---- one device ----------------------------------------------------------------------------- */

static void read_elected(const struct nlattr *attribute, struct hd_bridge *bridge)
{
    const struct nlattr *table[BRIDGE_QUERIER_IPV6_PORT + 1];
    const void *address;

    hd_nested_table(attribute, table, BRIDGE_QUERIER_IPV6_PORT);
    address = hd_netlink_payload(table[BRIDGE_QUERIER_IP_ADDRESS], sizeof(struct in_addr));
    if (address != NULL)
        hd_address_from_in(address, &bridge->elected_ipv4);
    address = hd_netlink_payload(table[BRIDGE_QUERIER_IPV6_ADDRESS], sizeof(struct in6_addr));
    if (address != NULL)
        hd_address_from_in6(address, &bridge->elected_ipv6);
    bridge->elected_port_ipv4 = hd_netlink_u32(table[BRIDGE_QUERIER_IP_PORT], 0);
    bridge->elected_port_ipv6 = hd_netlink_u32(table[BRIDGE_QUERIER_IPV6_PORT], 0);
}

/* A kernel that does not tell a setting has its default. */
static void read_bridge(const struct nlattr *data, struct hd_bridge *ret_bridge)
{
    const struct nlattr *table[IFLA_BR_MCAST_QUERIER_STATE + 1];

    hd_nested_table(data, table, IFLA_BR_MCAST_QUERIER_STATE);
    *ret_bridge = (struct hd_bridge){
        .snooping = u8(table[IFLA_BR_MCAST_SNOOPING], 1) != 0,
        .querier = u8(table[IFLA_BR_MCAST_QUERIER], 0) != 0,
        .router = u8(table[IFLA_BR_MCAST_ROUTER], 1),
        .igmp_version = u8(table[IFLA_BR_MCAST_IGMP_VERSION], 2),
        .mld_version = u8(table[IFLA_BR_MCAST_MLD_VERSION], 1),
    };
    read_elected(table[IFLA_BR_MCAST_QUERIER_STATE], ret_bridge);
}

static void read_port(const struct nlattr *data, struct hd_bridge_port *ret_port)
{
    const struct nlattr *table[IFLA_BRPORT_ISOLATED + 1];

    hd_nested_table(data, table, IFLA_BRPORT_ISOLATED);
    *ret_port = (struct hd_bridge_port){
        .flood = u8(table[IFLA_BRPORT_MCAST_FLOOD], 1) != 0,
        .isolated = u8(table[IFLA_BRPORT_ISOLATED], 0) != 0,
        .router = u8(table[IFLA_BRPORT_MULTICAST_ROUTER], 1),
    };
}

static int read_device(const struct nlmsghdr *message, struct hd_device *ret_device)
{
    const struct ifinfomsg *header = mnl_nlmsg_get_payload(message);
    const struct nlattr *table[IFLA_PARENT_DEV_NAME + 1];
    const struct nlattr *info[IFLA_INFO_SLAVE_DATA + 1];
    char slave_kind[HD_DEVICE_KIND_BYTES];
    int result = hd_netlink_attributes(message, sizeof *header, table, IFLA_PARENT_DEV_NAME);

    if (result < 0)
        return result;
    hd_nested_table(table[IFLA_LINKINFO], info, IFLA_INFO_SLAVE_DATA);
    *ret_device = (struct hd_device){
        .index = (uint32_t)header->ifi_index,
        .hardware = table[IFLA_PARENT_DEV_NAME] != NULL,
        .master = hd_netlink_u32(table[IFLA_MASTER], 0),
    };
    text(table[IFLA_IFNAME], ret_device->name, sizeof ret_device->name);
    text(info[IFLA_INFO_KIND], ret_device->kind, sizeof ret_device->kind);
    text(info[IFLA_INFO_SLAVE_KIND], slave_kind, sizeof slave_kind);
    ret_device->is_port = ret_device->master != 0 && strcmp(slave_kind, "bridge") == 0;
    if (strcmp(ret_device->kind, "bridge") == 0)
        read_bridge(info[IFLA_INFO_DATA], &ret_device->bridge);
    if (ret_device->is_port)
        read_port(info[IFLA_INFO_SLAVE_DATA], &ret_device->port);
    return 0;
}

/* ---- all devices ---------------------------------------------------------------------------- */

static void start_over(void *userdata)
{
    struct hd_devices *devices = userdata;

    devices->count = 0;
}

static int add_device(const struct nlmsghdr *message, void *userdata)
{
    struct hd_devices *devices = userdata;
    int result;

    if (message->nlmsg_type != RTM_NEWLINK)
        return 0;
    if (devices->count == devices->room) {
        size_t room = devices->room == 0 ? DEVICES_ROOM_FIRST : devices->room * 2;
        struct hd_device *items = reallocarray(devices->items, room, sizeof *items);

        if (items == NULL)
            return -ENOMEM;
        devices->items = items;
        devices->room = room;
    }
    result = read_device(message, &devices->items[devices->count]);
    if (result == 0)
        devices->count++;
    return result;
}

int hd_devices_read(struct hd_devices *ret_devices)
{
    struct hd_devices devices = { .items = NULL };
    struct hd_netlink_dump dump = {
        .type = RTM_GETLINK,
        .header_bytes = sizeof(struct ifinfomsg),
        .start = start_over,
        .message = add_device,
        .userdata = &devices,
    };
    int result = hd_netlink_dump(&dump);

    if (result < 0) {
        free(devices.items);
        return result;
    }
    *ret_devices = devices;
    return 0;
}

void hd_devices_free(struct hd_devices *devices)
{
    free(devices->items);
    *devices = (struct hd_devices){ .items = NULL };
}

const struct hd_device *hd_devices_find(const struct hd_devices *devices, uint32_t index)
{
    for (size_t i = 0; i < devices->count; i++)
        if (devices->items[i].index == index)
            return &devices->items[i];
    return NULL;
}

const struct hd_device *hd_devices_bridge_of(const struct hd_devices *devices, uint32_t index)
{
    const struct hd_device *device = hd_devices_find(devices, index);

    if (device != NULL && device->is_port)
        device = hd_devices_find(devices, device->master);
    return device != NULL && strcmp(device->kind, "bridge") == 0 ? device : NULL;
}

/* ---- a bridge's members ----------------------------------------------------------------------- */

struct members {
    uint32_t bridge_index;
    const struct herald_address *group;
    struct herald_address last; /* entries of one group follow each other */
    uint32_t groups, ports;
};

static void forget_members(void *userdata)
{
    struct members *members = userdata;

    members->groups = members->ports = 0;
    members->last = (struct herald_address){ .family = HERALD_FAMILY_NONE };
}

static void count_entry(struct members *members, const struct br_mdb_entry *entry)
{
    struct herald_address group = { .family = HERALD_FAMILY_NONE };

    if (entry->addr.proto == htons(ETH_P_IP))
        hd_address_from_in((const struct in_addr *)&entry->addr.u.ip4, &group);
    else if (entry->addr.proto == htons(ETH_P_IPV6))
        hd_address_from_in6(&entry->addr.u.ip6, &group);
    else
        return;
    if (!herald_address_equal(&group, &members->last))
        members->groups++;
    members->last = group;
    if (herald_address_equal(&group, members->group) && entry->ifindex != members->bridge_index)
        members->ports++;
}

static int count_members(const struct nlmsghdr *message, void *userdata)
{
    const struct br_port_msg *header = mnl_nlmsg_get_payload(message);
    struct members *members = userdata;
    const struct nlattr *table[MDBA_MDB + 1], *group = NULL, *info;
    int result = hd_netlink_attributes(message, sizeof *header, table, MDBA_MDB);

    if (result < 0 || header->ifindex != members->bridge_index || table[MDBA_MDB] == NULL)
        return result;
    while ((group = hd_nested_next(table[MDBA_MDB], group)) != NULL) {
        for (info = hd_nested_next(group, NULL); info != NULL; info = hd_nested_next(group, info)) {
            struct br_mdb_entry entry;
            const void *payload = hd_netlink_payload(info, sizeof entry);

            if (payload == NULL)
                continue;
            memcpy(&entry, payload, sizeof entry);
            count_entry(members, &entry);
        }
    }
    return 0;
}

int hd_bridge_members(uint32_t bridge_index, const struct herald_address *group, uint32_t *ret_groups,
                      uint32_t *ret_ports)
{
    struct members members = { .bridge_index = bridge_index, .group = group };
    struct hd_netlink_dump dump = {
        .type = RTM_GETMDB,
        .family = AF_BRIDGE,
        .header_bytes = sizeof(struct br_port_msg),
        .start = forget_members,
        .message = count_members,
        .userdata = &members,
    };
    int result = hd_netlink_dump(&dump);

    if (result < 0)
        return result;
    *ret_groups = members.groups;
    *ret_ports = members.ports;
    return 0;
}
