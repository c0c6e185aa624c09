/* SPDX-License-Identifier: MIT */
/* What the checks of one examination share: what is looked at, what is known so far, and what was found. */
#ifndef HD_DOCTOR_EXAMINATION_H
#define HD_DOCTOR_EXAMINATION_H

#include "check.h"

#include <herald/doctor.h>

enum {
    HD_FINDINGS_MAX = 256, /* of one check: a census has many */
};

struct hd_traffic; /* traffic.h */
struct hd_peer;    /* peer.h */

/* Who asks for memberships on the examined interface, once check_querier.c has looked. */
struct hd_querier {
    bool heard;
    bool own;                      /* a bridge of this host */
    uint8_t version;               /* of IGMP or MLD; 0: not known */
    struct herald_address address; /* NONE: not known */
};

struct hd_examination {
    struct herald_doctor_config config; /* its strings and its endpoint are ours */
    struct herald_doctor_facts facts;
    struct herald_error choose_error; /* why there is no interface; cause "" if there is one */
    bool interface_lost;              /* it was up when the examination began, and is not any more */
    bool zone_missing;                /* a link-local group, and no interface named: the first that can is taken */

    /* All interfaces, when the examination began: sorted by index. */
    struct herald_interface *interfaces;
    size_t interface_count;

    int route_error;            /* 0, or the kernel's -errno for a packet to the group when no interface is named */
    struct hd_traffic *traffic; /* what came in during the watch, once that has been made */

    struct hd_querier querier;
    struct hd_peer *peer; /* the other host, once it was looked for */
    bool passive;         /* for another host: nothing may be joined, sent or waited for */

    /* What the running check has found, and how much of that was handed out. */
    struct herald_finding findings[HD_FINDINGS_MAX];
    size_t finding_count;
    size_t finding_next;
    struct herald_finding lost; /* what there was no room for */
};

/* What a doctor looks at, for whoever runs checks by another list than the table. */
struct hd_examination *hd_doctor_examination(herald_doctor *doctor);

/* Whether the user wants it to end. */
bool hd_interrupted(const struct hd_examination *examination);

/*
 * Waits until `fd` (-1: none) can be read, or the time has come (monotonic).
 * @return 1 readable, 0 it is time, -ECANCELED the user wants it to end: to be returned by the check.
 */
int hd_wait(const struct hd_examination *examination, int fd, uint64_t deadline_ns);

/* The interface of that index, or NULL; its name, or "?". */
const struct herald_interface *hd_interface_by_index(const struct hd_examination *examination, uint32_t index);
const char *hd_interface_name(const struct hd_examination *examination, uint32_t index);

/* Works for multicast with others: up, with carrier, says MULTICAST, and is not lo. */
bool hd_interface_works(const struct herald_interface *interface);

/* Of all but lo the one that the user most likely means, whether it works or not; NULL: there is only lo. */
const struct herald_interface *hd_likely_interface(const struct hd_examination *examination);

/*
 * The command that makes packets to the group leave by `interface`: in the entry of the routes that matches now if that
 * one is for multicast alone, otherwise in one for all groups (check_route.c).
 */
void hd_route_remedy(struct herald_finding *finding, const struct hd_examination *examination, const char *interface);

/* An interface that could carry the group instead: it works, has an address, and is not the chosen one. Or NULL. */
const struct herald_interface *hd_other_interface(const struct hd_examination *examination);

/* Whether it is an address of this host. */
bool hd_is_own_address(const struct herald_address *address);

/* Whether `family` of the examined group. */
static inline bool hd_is_ipv6(const struct hd_examination *examination)
{
    return examination->facts.endpoint.group.family == HERALD_FAMILY_IPV6;
}

/* "239.1.2.3", of the examined group. @return ret_text */
const char *hd_group_text(const struct hd_examination *examination, char ret_text[HERALD_ADDRESS_TEXT_BYTES]);
const char *hd_address_text(const struct herald_address *address, char ret_text[HERALD_ADDRESS_TEXT_BYTES]);

#endif
