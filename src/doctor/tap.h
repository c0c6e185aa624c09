/* SPDX-License-Identifier: MIT */
/* A packet socket that sees IGMP and MLD on one interface, and nothing else; in both directions. Needs CAP_NET_RAW. */
#ifndef HD_DOCTOR_TAP_H
#define HD_DOCTOR_TAP_H

#include "member_wire.h"

#include <herald/interface.h>
#include <herald/types.h>

enum { HD_TAP_PACKET_BYTES = 65536 };

struct hd_tap {
    int fd;
    uint32_t interface_index;
    uint8_t packet[HD_TAP_PACKET_BYTES];
};

/*
 * Opens it. `every_group`: also what is sent to groups that this host has not joined (reports of IGMPv2 and MLDv1, and
 * queries about one group), for as long as the tap is open.
 * @return 0, to be closed; -EPERM without CAP_NET_RAW; another -errno.
 */
int hd_tap_open(const struct herald_interface *interface, bool every_group, struct hd_tap *ret_tap);
void hd_tap_close(struct hd_tap *tap);

/*
 * Takes the next message; never blocks.
 * @return 1 with *ret_message, which borrows the tap's buffer, and *ret_own: it left this host; 0 none; -errno.
 */
int hd_tap_next(struct hd_tap *tap, struct hd_member_message *ret_message, bool *ret_own);

/*
 * Says it on the link, to the group that it belongs to. `broadcast`: in a frame to all stations, which hosts take as
 * well, and Linux bridges pass on without reading it. @return 0; -errno.
 */
int hd_tap_say(const struct hd_tap *tap, enum hd_member_word word, const struct herald_address *from,
               uint64_t response_ns, bool broadcast);

#endif
