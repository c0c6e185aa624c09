/* SPDX-License-Identifier: MIT */
/* What kinds of devices there are, and how this host's bridges treat multicast: rtnetlink, no privilege needed. */
#ifndef HD_DOCTOR_DEVICES_H
#define HD_DOCTOR_DEVICES_H

#include <herald/interface.h>
#include <herald/types.h>

enum { HD_DEVICE_KIND_BYTES = 16 };

/* Settings of `ip link set BR type bridge`, and whom it takes for the querier. */
struct hd_bridge {
    bool snooping;
    bool querier; /* asks by itself, if nobody else does and snooping is on */
    uint8_t router;
    uint8_t igmp_version, mld_version;
    struct herald_address elected_ipv4, elected_ipv6; /* the querier; NONE: nobody */
    uint32_t elected_port_ipv4, elected_port_ipv6;    /* the port that it is behind; 0: the bridge itself */
};

/* Settings of `bridge link set dev PORT`. */
struct hd_bridge_port {
    bool flood;     /* gets groups that nobody asked for */
    bool isolated;  /* from other isolated ports */
    uint8_t router; /* 0: never taken for the way to a router or querier */
};

struct hd_device {
    uint32_t index;
    char name[HERALD_INTERFACE_NAME_BYTES];
    char kind[HD_DEVICE_KIND_BYTES]; /* "bridge", "veth", "wireguard", ...; "" for hardware and lo */
    bool hardware;                   /* belongs to a device on a bus */
    bool is_port;                    /* of a bridge, `master` */
    uint32_t master;
    struct hd_bridge bridge;    /* if kind is "bridge" */
    struct hd_bridge_port port; /* if is_port */
};

struct hd_devices {
    struct hd_device *items;
    size_t count, room;
};

/* @return 0, with a list to be given to hd_devices_free(); -errno. */
int hd_devices_read(struct hd_devices *ret_devices);
void hd_devices_free(struct hd_devices *devices);

/* NULL if there is none of that index. */
const struct hd_device *hd_devices_find(const struct hd_devices *devices, uint32_t index);

/* The bridge that the interface is, or is a port of; NULL: neither. */
const struct hd_device *hd_devices_bridge_of(const struct hd_devices *devices, uint32_t index);

/* How many groups the bridge has learned, and of these, through how many ports that one. @return 0; -errno. */
int hd_bridge_members(uint32_t bridge_index, const struct herald_address *group, uint32_t *ret_groups,
                      uint32_t *ret_ports);

#endif
