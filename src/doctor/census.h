/* SPDX-License-Identifier: MIT */
/* Who has joined what on a LAN: a table that is filled from membership reports. Pure. */
#ifndef HD_DOCTOR_CENSUS_H
#define HD_DOCTOR_CENSUS_H

#include "member_wire.h"

enum { HD_CENSUS_MAX = 4096 }; /* memberships; whoever makes up more is not believed, but counted */

/* One host's membership of one group. */
struct hd_census_entry {
    struct herald_address group, host;
    bool any_source;
    uint16_t source_count;        /* wanted, if not any */
    struct herald_address source; /* the first of these */
};

struct hd_census {
    struct hd_census_entry *entries; /* room for HD_CENSUS_MAX, the caller's */
    size_t count;
    uint64_t lost; /* for which there was no room */
};

/*
 * Takes a message: what it reports as wanted. Queries, leaves, what is no multicast group, and the IPv6 groups of
 * address resolution, which every host has, are passed over; so is what stands behind a record that breaks off.
 */
void hd_census_take(struct hd_census *census, struct hd_member_message *message);

/* Sorts by group, then by host. */
void hd_census_sort(struct hd_census *census);

/* How many different hosts, and groups, of one family. After sorting. */
void hd_census_count(const struct hd_census *census, enum herald_family family, size_t *ret_hosts, size_t *ret_groups);

/*
 * Writes "239.1.2.3: 10.0.0.1, 10.0.0.2 (from 10.0.0.9), and 3 more" for the group whose entries begin at `first`.
 * @return where those of the next group begin.
 */
size_t hd_census_group_text(const struct hd_census *census, size_t first, char *ret_text, size_t size_bytes);

#endif
