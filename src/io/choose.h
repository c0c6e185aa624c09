/* SPDX-License-Identifier: MIT */
/* Which interface and which own address a sender uses, and why. */
#ifndef IO_CHOOSE_H
#define IO_CHOOSE_H

#include <herald/socket.h>

/*
 * Fills facts->interface and facts->reason, by the order of enum herald_interface_reason.
 * @return 0; -errno with *error filled.
 */
int hd_choose_interface(const struct herald_sender_config *config, const struct herald_address *source,
                        struct herald_sender_facts *facts, struct herald_error *error);

/* The address that the kernel would send from on that interface; NONE if it has none. */
struct herald_address hd_choose_source(const struct herald_endpoint *endpoint,
                                       const struct herald_interface *interface);

/* The largest IP packet to the group on that interface at the moment: by the route if it says less than the device. */
size_t hd_choose_mtu(const struct herald_endpoint *endpoint, const struct herald_interface *interface);

#endif
