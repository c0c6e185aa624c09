/* SPDX-License-Identifier: MIT */
/*
 * A check is a row: a name, what it needs, and a function that looks at one thing and reports what it found. The rows
 * stand in checks.c in the order in which they run, from the interface outwards; the first fault names the layer.
 */
#ifndef HD_DOCTOR_CHECK_H
#define HD_DOCTOR_CHECK_H

#include <herald/doctor.h>

/* What a check needs; what is not there makes it skipped, and the skipping says why. */
enum hd_check_needs {
    HD_NEEDS_NOTHING = 0,
    HD_NEEDS_ENDPOINT = 1 << 0, /* the user named a group */
    HD_NEEDS_IPV4 = 1 << 1,     /* the examined group is IPv4 */
    HD_NEEDS_IPV6 = 1 << 2,
    HD_NEEDS_NET_RAW = 1 << 3,   /* CAP_NET_RAW: a packet socket */
    HD_NEEDS_NET_ADMIN = 1 << 4, /* CAP_NET_ADMIN: the firewall's rules */
    HD_NEEDS_INTERFACE = 1 << 5, /* an interface that is up was found */
    HD_NEEDS_NETWORK = 1 << 6,   /* and it is not lo */
    HD_NEEDS_PEER = 1 << 7,
    HD_NEEDS_LONG = 1 << 8,
    HD_NEEDS_CENSUS = 1 << 9,
    HD_NEEDS_SOURCE = 1 << 10, /* an address of somebody else who sends: facts.remote_source */
};

struct hd_examination; /* examination.h: what is known so far, shared by all checks */

struct hd_check {
    const char *name; /* short, stable, as in JSON */
    const char *what; /* what it looks at, for people: "reverse path filter" */
    unsigned needs;   /* enum hd_check_needs; a missing IPv4/IPv6/PEER/LONG/CENSUS/ENDPOINT leaves it out silently */
    /* Reports by hd_report_*(); a check that reports nothing has nothing to say. @return 0; -errno: could not look. */
    int (*run)(struct hd_examination *examination, const struct hd_check *check);
};

/* The table, ended by a row without a name. */
extern const struct hd_check hd_checks[];

/* What a check says. `interface` may be NULL. Texts are formatted and cut to their sizes; remedy NULL: none. */
void hd_report_ok(struct hd_examination *examination, const struct hd_check *check, const char *interface,
                  const char *format, ...) __attribute__((format(printf, 4, 5)));
void hd_report_skipped(struct hd_examination *examination, const struct hd_check *check, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* A warning or a fault, to be filled in step by step: the texts of the returned finding are empty; it belongs to the
   examination and is handed out when the check has ended. Never NULL: what there is no room for is lost. */
struct herald_finding *hd_report(struct hd_examination *examination, const struct hd_check *check,
                                 enum herald_finding_level level, const char *interface);
void hd_say(char *text, const char *format, ...) __attribute__((format(printf, 2, 3))); /* HERALD_FINDING_TEXT_BYTES */

#endif
