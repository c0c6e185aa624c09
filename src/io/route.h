/* SPDX-License-Identifier: MIT */
/* The kernel's answer to "which way would a packet to this address go" (RTM_GETROUTE). No privilege needed. */
#ifndef IO_ROUTE_H
#define IO_ROUTE_H

#include <herald/types.h>

struct hd_route {
    uint32_t interface_index;
    struct herald_address source; /* the preferred source address; NONE if the kernel names none */
    bool gateway;                 /* a next hop is in between: wrong for multicast */
};

/*
 * `interface_index` 0: any; `source` may be NULL.
 * @return 0; -ENETUNREACH when there is no route; another negative errno.
 */
int hd_route_lookup(const struct herald_address *destination, const struct herald_address *source,
                    uint32_t interface_index, struct hd_route *ret_route);

#endif
