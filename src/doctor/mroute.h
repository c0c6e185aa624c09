/* SPDX-License-Identifier: MIT */
/* What this host forwards as a multicast router, by /proc/net/ip_mr_cache and ip6_mr_cache. */
#ifndef HD_DOCTOR_MROUTE_H
#define HD_DOCTOR_MROUTE_H

#include <herald/types.h>

enum { HD_MROUTE_OUTPUTS_MAX = 32 };

/* An entry of the cache. Inputs and outputs are numbers of virtual interfaces: see hd_mroute_interface(). */
struct hd_mroute {
    struct herald_address group, source;
    int input;        /* where packets must come in; -1: no route, packets wait for one */
    uint64_t packets; /* that came, also those that were not forwarded, by TTL 1 or by the next */
    uint64_t wrong;   /* that came in elsewhere, and were dropped */
    uint32_t output_count;
    int outputs[HD_MROUTE_OUTPUTS_MAX];
};

/* Reads a line of the cache. @return 0; -EBADMSG: it is none, such as the headline. */
int hd_mroute_parse(enum herald_family family, const char *line, struct hd_mroute *ret_route);

/* Finds the name of virtual interface `number` in the text of ip_mr_vif; "?" if there is none. */
void hd_mroute_interface(const char *vif_text, int number, char ret_name[HERALD_INTERFACE_NAME_BYTES]);

#endif
