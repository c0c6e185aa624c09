/* SPDX-License-Identifier: MIT */
/*
 * Who asks for memberships on this network. A switch that snoops forgets members whom nobody asks, and then cuts their
 * streams: about 260 s after they joined, by the defaults of RFC 3376 section 8.
 */
#include "checks.h"
#include "devices.h"
#include "examination.h"
#include "host.h"
#include "joined.h"
#include "provoke.h"
#include "tap.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define MILLI_NS UINT64_C(1000000)

enum {
    REPORT_MS = 200,   /* the kernel reports a join in a few */
    ANSWER_MS = 1500,  /* a querier answers in about one */
    POLL_MS = 4,       /* without a tap: the timer for the answer runs for a random part of a second */
    LONG_MS = 130000,  /* every querier asks everybody in 125 s: RFC 3376 section 8.2 */
    LONG_POLL_MS = 40, /* that timer runs for a random part of 10 s */
    ELSEWHERE_MAX = 3, /* other interfaces that are probed: each takes as long as the first */
};

struct probe {
    struct hd_examination *examination;
    const struct herald_interface *interface;
    enum herald_family family;
    struct hd_querier querier; /* that was heard there */
    struct hd_provocation provocation;
    struct hd_tap *tap; /* while it is made; NULL without CAP_NET_RAW */
    bool saw_wire;      /* there was one */
    uint8_t igmp_version;
    bool own_report;   /* our report was seen to leave */
    bool other_report; /* and another host's to arrive */
    struct herald_address other;
};

static const char *protocol(enum herald_family family)
{
    return family == HERALD_FAMILY_IPV6 ? "MLD" : "IGMP";
}

static const uint8_t nobody[16];

static void look_at_message(struct probe *probe, const struct hd_member_message *message, bool own)
{
    struct hd_querier *querier = &probe->querier;

    if (message->family != probe->family)
        return;
    if (message->kind == HD_MEMBER_QUERY) {
        querier->heard = true;
        querier->version = message->version;
        querier->address = message->from;
    } else if (own) {
        probe->own_report = true;
    } else if (message->from.family == HERALD_FAMILY_IPV4 && memcmp(message->from.bytes, nobody, sizeof nobody) != 0) {
        probe->other_report = true; /* switches have no address, or report by IPv6 only, for themselves */
        probe->other = message->from;
    }
}

/* Listens until a querier is heard, or (if `report`) our own report has left, or the time is over. */
static int listen(struct probe *probe, uint64_t for_ms, uint64_t poll_ms, bool report)
{
    struct hd_querier *querier = &probe->querier;
    uint64_t end_ns = herald_clock_ns() + for_ms * MILLI_NS, now_ns;
    struct hd_member_message message;
    bool own;
    int result;

    while (!querier->heard && !(report && probe->own_report) && (now_ns = herald_clock_ns()) < end_ns) {
        if (probe->tap == NULL) {
            result = hd_wait(probe->examination, -1, now_ns + poll_ms * MILLI_NS);
            querier->heard = probe->igmp_version == 3 && hd_provoke_heard(&probe->provocation);
        } else {
            result = hd_wait(probe->examination, probe->tap->fd, end_ns);
            if (result == 1) /* one at a time: a flood must not keep us here for ever */
                result = hd_tap_next(probe->tap, &message, &own);
            if (result == 1)
                look_at_message(probe, &message, own);
        }
        if (result < 0)
            return result;
    }
    return 0;
}

/*
 * Joins, then asks for less, then leaves: each makes a querier ask. Leaving comes last, and is for those that do not
 * mind the second; a switch that drops leavers at once ("fast leave") does not ask then.
 */
static int provoke(struct probe *probe, bool long_watch)
{
    bool counts = probe->tap != NULL || probe->family == HERALD_FAMILY_IPV6;
    int result = listen(probe, REPORT_MS, POLL_MS, true);

    if (result < 0)
        return result;
    if (!probe->querier.heard && hd_provoke_narrow(&probe->provocation) == 0)
        result = listen(probe, ANSWER_MS, POLL_MS, false);
    if (result == 0 && !probe->querier.heard && counts) {
        hd_provoke_leave(&probe->provocation);
        result = listen(probe, ANSWER_MS, POLL_MS, false);
    }
    if (result == 0 && !probe->querier.heard && long_watch)
        result = listen(probe, LONG_MS, LONG_POLL_MS, false);
    return result;
}

/* ---- what it means ---------------------------------------------------------------------------- */

static void report_heard(const struct probe *probe, const struct hd_check *check)
{
    const struct hd_querier *querier = &probe->querier;
    const char *interface = probe->examination->facts.interface.name;
    char address[HERALD_ADDRESS_TEXT_BYTES];

    if (querier->address.family == HERALD_FAMILY_NONE)
        hd_report_ok(probe->examination, check, interface, "a querier asks for memberships%s",
                     probe->family == HERALD_FAMILY_IPV4 ? " (IGMPv3)" : "");
    else if (memcmp(querier->address.bytes, nobody, sizeof nobody) == 0)
        hd_report_ok(probe->examination, check, interface, "a switch asks for memberships (%sv%u, from %s)",
                     protocol(probe->family), querier->version, hd_address_text(&querier->address, address));
    else
        hd_report_ok(probe->examination, check, interface, "%s asks for memberships (%sv%u)",
                     hd_address_text(&querier->address, address), protocol(probe->family), querier->version);
}

/* A packet socket sees what the firewall has let pass: what is not there was dropped on this host. */
static void report_mute(const struct probe *probe, const struct hd_check *check)
{
    struct herald_finding *finding = hd_report(probe->examination, check, HERALD_FINDING_FAULT,
                                               probe->examination->facts.interface.name);
    const char *name = protocol(probe->family);

    hd_say(finding->seen, "this host's %s reports do not leave %s", name, probe->examination->facts.interface.name);
    hd_say(finding->meaning,
           "switches and routers do not learn what this host wants: streams never come, or stop after "
           "about 260 s");
    hd_say(finding->remedy, "let %s out: a firewall rule of this host drops it", name);
}

static void report_none(const struct probe *probe, const struct hd_check *check, const struct hd_device *bridge)
{
    const char *interface = probe->examination->facts.interface.name;
    const char *name = protocol(probe->family);
    char other[HERALD_ADDRESS_TEXT_BYTES], word[HD_WORD_BYTES];
    struct herald_finding *finding;

    if (bridge != NULL && !bridge->bridge.snooping) {
        hd_report_ok(probe->examination, check, interface, "no querier; %s does not snoop and needs none",
                     bridge->name);
        return;
    }
    if (bridge == NULL && probe->other_report) {
        hd_report_ok(probe->examination, check, interface,
                     "no querier, and none is needed: the switch passes %s's report on to everybody",
                     hd_address_text(&probe->other, other));
        return;
    }
    finding = hd_report(probe->examination, check, HERALD_FINDING_WARNING, interface);
    hd_say(finding->seen, "nobody asks for memberships on %s (no %s querier in %s)", interface, name,
           probe->examination->config.long_watch ? "130 s" : "3 s");
    if (bridge != NULL) {
        hd_say(finding->meaning,
               "%s sends every group to every port until somebody asks; snooping switches behind it stop "
               "streams about 260 s after they were joined",
               bridge->name);
        hd_say(finding->remedy, "ip link set %s type bridge mcast_querier 1", hd_word(bridge->name, word));
        finding->remedy_is_command = true;
    } else {
        hd_say(finding->meaning,
               "behind a switch that snoops %s, streams stop about 260 s after they were joined; "
               "behind any other it does no harm",
               name);
        hd_say(finding->remedy,
               "switch the %s querier on, in the switch or router; if it is a Linux bridge: "
               "ip link set br0 type bridge mcast_querier 1",
               name);
    }
}

static void report(const struct probe *probe, const struct hd_check *check, const struct hd_device *bridge)
{
    struct hd_examination *examination = probe->examination;
    const char *interface = examination->facts.interface.name;

    if (probe->querier.heard)
        report_heard(probe, check);
    else if (probe->family == HERALD_FAMILY_IPV4 && probe->igmp_version < 3)
        /* In IGMPv2 nothing but leaving provokes, and not every switch. What the version says is another check's. */
        hd_report_skipped(
            examination, check,
            "%s speaks IGMPv%u: it has heard such a querier, or was told to; its answer was not heard now", interface,
            probe->igmp_version);
    else if (!probe->saw_wire)
        hd_report_skipped(examination, check,
                          "no querier was noticed; as root (CAP_NET_RAW) doctor would hear every query on %s",
                          interface);
    else if (!probe->own_report)
        report_mute(probe, check);
    else
        report_none(probe, check, bridge);
}

/* ---- the check -------------------------------------------------------------------------------- */

/* A tunnel between two ends has no switch in between. */
static bool is_tunnel(const struct hd_device *device)
{
    static const char *const kinds[] = { "wireguard", "tun", "ppp", "gre", "ipip", "sit", "ip6tnl", "ip6gre", "vti" };

    for (size_t i = 0; device != NULL && i < sizeof kinds / sizeof kinds[0]; i++)
        if (strcmp(device->kind, kinds[i]) == 0)
            return true;
    return false;
}

static int probe_run(struct probe *probe, bool long_watch)
{
    const struct herald_address none = { .family = HERALD_FAMILY_NONE };
    struct hd_joined joined;
    int result = hd_provoke_join(probe->interface, probe->family, &probe->provocation);

    if (result < 0)
        return result;
    probe->igmp_version = 3; /* of MLD no version makes a difference here */
    if (probe->family == HERALD_FAMILY_IPV4 &&
        hd_joined_find(HERALD_FAMILY_IPV4, probe->interface->index, &none, &joined) == 0)
        probe->igmp_version = joined.igmp_version;
    result = provoke(probe, long_watch);
    hd_provoke_leave(&probe->provocation);
    return result;
}

/* Opens the tap, if that is allowed, and probes. */
static int probe_make(struct probe *probe, bool long_watch)
{
    struct hd_tap *tap = malloc(sizeof *tap);
    int result;

    if (tap == NULL)
        return -ENOMEM;
    if (hd_tap_open(probe->interface, true, tap) == 0)
        probe->tap = tap;
    result = probe_run(probe, long_watch);
    probe->saw_wire = probe->tap != NULL;
    if (probe->saw_wire)
        hd_tap_close(tap);
    probe->tap = NULL;
    free(tap);
    return result;
}

/* This host's own bridge may be the one that asks: then there is nothing to provoke. */
static bool report_own_bridge(struct hd_examination *examination, const struct hd_check *check,
                              const struct hd_device *bridge, enum herald_family family)
{
    bool ipv6 = family == HERALD_FAMILY_IPV6;
    uint8_t version;

    if (bridge == NULL || !bridge->bridge.snooping || !bridge->bridge.querier)
        return false;
    if ((ipv6 ? bridge->bridge.elected_port_ipv6 : bridge->bridge.elected_port_ipv4) != 0)
        return false; /* somebody else was elected, and will be heard */
    if (ipv6 && examination->facts.interface.ipv6_link_local.family == HERALD_FAMILY_NONE)
        return false; /* without an address of its own it asks nobody */
    version = ipv6 ? bridge->bridge.mld_version : bridge->bridge.igmp_version;
    examination->querier = (struct hd_querier){ .heard = true, .own = true, .version = version };
    hd_report_ok(examination, check, bridge->name, "this host's bridge %s asks for memberships (%sv%u)", bridge->name,
                 protocol(family), version);
    return true;
}

/* ---- other interfaces ------------------------------------------------------------------------- */

static bool is_candidate(const struct probe *probe, const struct hd_devices *devices,
                         const struct herald_interface *interface)
{
    const struct hd_device *device = hd_devices_find(devices, interface->index);
    bool addressed = probe->family == HERALD_FAMILY_IPV6 ? interface->ipv6_link_local.family != HERALD_FAMILY_NONE
                                                         : interface->ipv4.family != HERALD_FAMILY_NONE;

    /* A bridge of this host, as containers have: what it is asked by itself, or not at all, tells nothing. */
    return interface->index != probe->interface->index && hd_interface_works(interface) && addressed &&
           device != NULL && strcmp(device->kind, "bridge") != 0 && !device->is_port && !is_tunnel(device);
}

static void report_elsewhere(const struct probe *probe, const struct probe *other, const struct hd_check *check)
{
    struct hd_examination *examination = probe->examination;
    const char *interface = probe->interface->name;
    struct herald_finding *finding = hd_report(examination, check, HERALD_FINDING_WARNING, interface);

    hd_say(finding->seen, "nobody asks for memberships on %s, where groups are sent, but somebody does on %s (%s)",
           interface, other->interface->name, protocol(probe->family));
    hd_say(finding->meaning,
           "%s may be the network that is meant for multicast: a program that names no interface sends and joins on "
           "%s, and misses whoever is on %s",
           other->interface->name, interface, other->interface->name);
    hd_route_remedy(finding, examination, other->interface->name);
}

/* Whoever named no interface may have got the wrong one. @return 1 there are queries on another one; 0; -errno. */
static int look_elsewhere(const struct probe *probe, const struct hd_check *check, const struct hd_devices *devices)
{
    struct hd_examination *examination = probe->examination;
    int probed = 0;

    if (examination->facts.reason == HERALD_INTERFACE_BY_REQUEST ||
        examination->facts.reason == HERALD_INTERFACE_BY_SOURCE || probe->other_report || probe->igmp_version < 3)
        return 0;
    for (size_t i = 0; i < examination->interface_count && probed < ELSEWHERE_MAX; i++) {
        struct probe other = {
            .examination = examination,
            .interface = &examination->interfaces[i],
            .family = probe->family,
        };
        int result;

        if (!is_candidate(probe, devices, other.interface))
            continue;
        probed++;
        result = probe_make(&other, false);
        if (result == -ECANCELED)
            return result;
        if (result == 0 && other.querier.heard) {
            report_elsewhere(probe, &other, check);
            return 1;
        }
    }
    return 0;
}

/* ---- all of it -------------------------------------------------------------------------------- */

static int look(struct probe *probe, const struct hd_check *check, const struct hd_devices *devices)
{
    struct hd_examination *examination = probe->examination;
    const struct hd_device *device = hd_devices_find(devices, probe->interface->index);
    const struct hd_device *bridge = hd_devices_bridge_of(devices, probe->interface->index);
    int result;

    if (report_own_bridge(examination, check, bridge, probe->family))
        return 0;
    if (is_tunnel(device)) {
        probe->igmp_version = 3;
        result = look_elsewhere(probe, check, devices);
        return result < 0 ? result : 0;
    }
    result = probe_make(probe, examination->config.long_watch);
    if (result < 0)
        return result;
    examination->querier = probe->querier;
    if (!probe->querier.heard && (probe->own_report || !probe->saw_wire))
        result = look_elsewhere(probe, check, devices);
    if (result == 0)
        report(probe, check, bridge);
    return result < 0 ? result : 0;
}

int hd_check_querier(struct hd_examination *examination, const struct hd_check *check)
{
    struct probe probe = {
        .examination = examination,
        .interface = &examination->facts.interface,
        .family = examination->facts.endpoint.group.family,
    };
    struct hd_devices devices = { .items = NULL };
    int result = hd_devices_read(&devices);

    if (result < 0)
        return result;
    result = look(&probe, check, &devices);
    hd_devices_free(&devices);
    return result;
}
