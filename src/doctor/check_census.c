/* SPDX-License-Identifier: MIT */
/*
 * Asks every host of the LAN which groups it has joined. Others notice it: switches that snoop take the port of whoever
 * asks for the way to a router, and send all groups there until that is forgotten, in about 255 s. Only on request.
 */
#include "census.h"
#include "checks.h"
#include "examination.h"
#include "ipv6.h"
#include "tap.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SECOND_NS UINT64_C(1000000000)

/* Hosts answer at a random moment within this time; those of the last moment need a while. */
#define ANSWER_NS (2 * SECOND_NS)
#define LISTEN_NS (3 * SECOND_NS)

/* Everything that is large. */
struct work {
    struct hd_tap tap;
    struct hd_census census;
    struct hd_census_entry entries[HD_CENSUS_MAX];
};

static bool has_ipv6(const struct herald_interface *interface)
{
    return interface->ipv6_link_local.family == HERALD_FAMILY_IPV6 && !hd_ipv6_is_off(interface->name);
}

/* Whether a querier with an address of its own was heard. */
static bool is_asked(const struct hd_examination *examination, enum herald_family family)
{
    static const uint8_t nobody[16];
    const struct herald_address *querier = &examination->querier.address;

    return querier->family == family && memcmp(querier->bytes, nobody, sizeof nobody) != 0;
}

/*
 * Reports go to routers only: so we advertise one (RFC 4286), then ask. Of two queriers the one with the lower address
 * goes on, and the other falls silent for 255 s (RFC 3810 section 7.6.2); that must not happen to the one that asks
 * here. From 0.0.0.0 a query takes no part in that (RFC 4541 section 2.1.1), and MLD, which wants a link-local address,
 * gets the highest there is. Only Linux bridges that ask as 0.0.0.0, or not at all, would follow us: they do not read
 * what comes in a broadcast frame, and so get that unless somebody with an address was heard to ask.
 */
static int ask(const struct hd_examination *examination, const struct work *work)
{
    const struct herald_interface *interface = &examination->facts.interface;
    const struct herald_address nobody = { .family = HERALD_FAMILY_IPV4 };
    const struct herald_address own = interface->ipv4.family == HERALD_FAMILY_IPV4 ? interface->ipv4 : nobody;
    struct herald_address highest = { .family = HERALD_FAMILY_IPV6, .bytes = { 0xfe, 0x80 } };
    int result = hd_tap_say(&work->tap, HD_SAY_ADVERTISE, &own, 0, false);

    if (result == 0)
        result = hd_tap_say(&work->tap, HD_SAY_QUERY, &nobody, ANSWER_NS, !is_asked(examination, HERALD_FAMILY_IPV4));
    memset(highest.bytes + 8, 0xff, 8);
    if (result < 0 || !has_ipv6(interface))
        return result;
    result = hd_tap_say(&work->tap, HD_SAY_ADVERTISE, &interface->ipv6_link_local, 0, false);
    if (result == 0)
        result = hd_tap_say(&work->tap, HD_SAY_QUERY, &highest, ANSWER_NS, !is_asked(examination, HERALD_FAMILY_IPV6));
    return result;
}

/* Switches that know the advertisement forget us at once; others when it is time. */
static void take_back(const struct hd_examination *examination, const struct work *work)
{
    const struct herald_interface *interface = &examination->facts.interface;

    if (interface->ipv4.family == HERALD_FAMILY_IPV4)
        (void)hd_tap_say(&work->tap, HD_SAY_TERMINATE, &interface->ipv4, 0, false);
    if (has_ipv6(interface))
        (void)hd_tap_say(&work->tap, HD_SAY_TERMINATE, &interface->ipv6_link_local, 0, false);
}

static int gather(const struct hd_examination *examination, struct work *work)
{
    uint64_t end_ns = herald_clock_ns() + LISTEN_NS;
    struct hd_member_message message;
    bool own;
    int result = 0;

    while (result == 0 && herald_clock_ns() < end_ns) {
        result = hd_wait(examination, work->tap.fd, end_ns);
        /* One at a time: a flood of reports must not keep us here for ever. */
        if (result == 1)
            result = hd_tap_next(&work->tap, &message, &own);
        if (result == 1) {
            if (!own)
                hd_census_take(&work->census, &message);
            result = 0;
        }
    }
    return result;
}

static void summary_text(const struct hd_census *census, enum herald_family family, char *ret_text, size_t size_bytes)
{
    size_t hosts, groups;

    hd_census_count(census, family, &hosts, &groups);
    (void)snprintf(ret_text, size_bytes, "%zu host%s in %zu group%s by %s", hosts, hosts == 1 ? "" : "s", groups,
                   groups == 1 ? "" : "s", family == HERALD_FAMILY_IPV4 ? "IGMP" : "MLD");
}

static void report(struct hd_examination *examination, const struct hd_check *check, const struct hd_census *census)
{
    const char *interface = examination->facts.interface.name;
    char ipv4[80], ipv6[80], line[HERALD_FINDING_TEXT_BYTES];
    size_t place = 0, lines = 1;

    summary_text(census, HERALD_FAMILY_IPV4, ipv4, sizeof ipv4);
    summary_text(census, HERALD_FAMILY_IPV6, ipv6, sizeof ipv6);
    hd_report_ok(examination, check, interface,
                 "others on %s: %s, %s; for about 255 s switches take this port for the way to a router", interface,
                 ipv4, ipv6);
    while (place < census->count && lines < HD_FINDINGS_MAX - 2) {
        place = hd_census_group_text(census, place, line, sizeof line);
        hd_report_ok(examination, check, interface, "%s", line);
        lines++;
    }
    if (place < census->count || census->lost > 0)
        hd_report_ok(examination, check, interface, "and %zu memberships more", census->count - place + census->lost);
}

int hd_check_census(struct hd_examination *examination, const struct hd_check *check)
{
    struct work *work = malloc(sizeof *work);
    int result;

    if (work == NULL)
        return -ENOMEM;
    work->census = (struct hd_census){ .entries = work->entries };
    result = hd_tap_open(&examination->facts.interface, true, &work->tap);
    if (result == 0) {
        result = ask(examination, work);
        if (result == 0)
            result = gather(examination, work);
        take_back(examination, work);
        hd_tap_close(&work->tap);
    }
    if (result == 0) {
        hd_census_sort(&work->census);
        report(examination, check, &work->census);
    }
    free(work);
    return result;
}
