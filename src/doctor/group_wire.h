/* SPDX-License-Identifier: MIT */
/* Packets as an interface brings them, before anything on this host can drop them. Needs CAP_NET_RAW. */
#ifndef HD_DOCTOR_GROUP_WIRE_H
#define HD_DOCTOR_GROUP_WIRE_H

#include <herald/types.h>

/* A UDP datagram or a fragment of one. */
struct hd_wire_packet {
    struct herald_address source;
    uint16_t port; /* it is sent to; 0 of a later fragment */
    uint32_t interface_index;
    bool fragment;
};

/* Opens a socket that sees what comes in for the group, on all interfaces. @return it, non-blocking; -errno. */
int hd_wire_open_group(const struct herald_address *group);

/* Takes the next UDP packet. @return 1 with *ret_packet; 0 there is none; -errno. */
int hd_wire_take(int fd, struct hd_wire_packet *ret_packet);

/* Reads an IP packet. @return 0; -EBADMSG: it is no UDP over IP, or is cut short. */
int hd_wire_parse(const uint8_t *bytes, size_t size_bytes, struct hd_wire_packet *ret_packet);

#endif
