/* SPDX-License-Identifier: MIT */
/*
 * Makes a querier speak up: when a member of a group changes what it wants, the querier asks whether others still want
 * the rest (RFC 3376 section 6.4.2, RFC 3810 section 7.4.2). The group is a random one that nobody uses. Nobody but a
 * switch or router takes notice, as of any program that joins and leaves. No privilege needed.
 */
#ifndef HD_DOCTOR_PROVOKE_H
#define HD_DOCTOR_PROVOKE_H

#include <herald/interface.h>
#include <herald/types.h>

struct hd_provocation {
    int fd;
    uint32_t interface_index;
    char interface_name[HERALD_INTERFACE_NAME_BYTES];
    struct herald_address group;
    struct herald_address source; /* the only one that is wanted after hd_provoke_narrow() */
    uint64_t queries;             /* MLD: counted by the kernel before */
};

/* Joins a random group of 239.255.0.0/16 or ff15::/16. @return 0, to be closed by hd_provoke_leave(); -errno. */
int hd_provoke_join(const struct herald_interface *interface, enum herald_family family,
                    struct hd_provocation *ret_provocation);

/* Wants it only from an own address from now on. Still a member: even a switch that drops leavers at once asks. */
int hd_provoke_narrow(struct hd_provocation *provocation);

/* A second time does nothing. */
void hd_provoke_leave(struct hd_provocation *provocation);

/*
 * Whether the kernel has heard a query: of IPv4, that a timer for the answer runs in /proc/net/igmp at this moment; of
 * IPv6, by its counter. Only means something with IGMPv3, as members of IGMPv2 report of their own accord.
 */
bool hd_provoke_heard(const struct hd_provocation *provocation);

#endif
