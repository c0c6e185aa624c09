/* SPDX-License-Identifier: MIT */
/* Where packets to the group would go, and how far. */
#include "checks.h"
#include "examination.h"
#include "host.h"
#include "joined.h"

#include <errno.h>
#include <linux/rtnetlink.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- the route ------------------------------------------------------------------------------- */

void hd_route_remedy(struct herald_finding *finding, const struct hd_examination *examination, const char *interface)
{
    const struct hd_route_question question = { .destination = examination->facts.endpoint.group, .match = true };
    struct hd_route_answer entry = { .table = RT_TABLE_UNSPEC };
    char prefix[HERALD_ADDRESS_TEXT_BYTES + 8];
    char address[HERALD_ADDRESS_TEXT_BYTES];
    char table[24] = "";
    char name[HD_WORD_BYTES];

    (void)hd_host_route(&question, &entry);
    hd_word(interface, name);
    if (hd_is_ipv6(examination)) {
        /* ff00::/8 of each interface stands in the local table, which comes first: a longer prefix there wins. */
        hd_say(finding->remedy, "ip -6 route replace multicast %s/128 dev %s table local",
               hd_group_text(examination, address), name);
    } else {
        (void)snprintf(prefix, sizeof prefix, "224.0.0.0/4");
        if (herald_address_is_multicast(&entry.prefix))
            (void)snprintf(prefix, sizeof prefix, "%s/%u", hd_address_text(&entry.prefix, address), entry.prefix_bits);
        if (herald_address_is_multicast(&entry.prefix) && entry.table != RT_TABLE_MAIN &&
            entry.table != RT_TABLE_UNSPEC)
            (void)snprintf(table, sizeof table, " table %u", entry.table);
        hd_say(finding->remedy, "ip route replace %s dev %s%s", prefix, name, table);
    }
    finding->remedy_is_command = true;
}

/* What forbids names no entry: one for the group alone comes before it, or takes its place. */
static void forbidden_remedy(struct herald_finding *finding, const struct hd_examination *examination,
                             const char *interface)
{
    char group[HERALD_ADDRESS_TEXT_BYTES];
    char name[HD_WORD_BYTES];

    if (hd_is_ipv6(examination)) {
        hd_route_remedy(finding, examination, interface);
        return;
    }
    hd_say(finding->remedy, "ip route replace %s/32 dev %s", hd_group_text(examination, group),
           hd_word(interface, name));
    finding->remedy_is_command = true;
}

static void report_no_route(struct hd_examination *examination, const struct hd_check *check, int error)
{
    const struct herald_doctor_facts *facts = &examination->facts;
    struct herald_finding *finding = hd_report(examination, check, HERALD_FINDING_FAULT, facts->interface.name);
    char group[HERALD_ADDRESS_TEXT_BYTES];

    hd_group_text(examination, group);
    if (error == -ENETUNREACH)
        hd_say(finding->seen, "there is no route to %s", facts->endpoint_given ? group : "multicast groups");
    else
        hd_say(finding->seen, "a route forbids sending to %s: %s", group, strerror(-error));
    hd_say(
        finding->meaning, "programs that name no interface cannot send (%s) nor join (%s); herald takes %s by itself",
        error == -ENETUNREACH ? "Network is unreachable" : strerror(-error), "No such device", facts->interface.name);
    if (!hd_is_ipv6(examination) && error == -ENETUNREACH) {
        char name[HD_WORD_BYTES];

        hd_say(finding->remedy, "ip route add 224.0.0.0/4 dev %s", hd_word(facts->interface.name, name));
        finding->remedy_is_command = true;
    } else {
        forbidden_remedy(finding, examination, facts->interface.name);
    }
}

static void report_gateway(struct hd_examination *examination, const struct hd_check *check,
                           const struct hd_route_answer *answer)
{
    const char *interface = hd_interface_name(examination, answer->interface_index);
    struct herald_finding *finding = hd_report(examination, check, HERALD_FINDING_FAULT, interface);
    char group[HERALD_ADDRESS_TEXT_BYTES];
    char via[HERALD_ADDRESS_TEXT_BYTES];

    hd_say(finding->seen, "the route to %s goes via %s", hd_group_text(examination, group),
           hd_address_text(&answer->via, via));
    hd_say(finding->meaning, "packets to the group are handed to the next hop alone, and nobody on the network hears "
                             "them; multicast is sent on a link, never to a gateway");
    hd_route_remedy(finding, examination, interface);
}

int hd_check_route(struct hd_examination *examination, const struct hd_check *check)
{
    const struct herald_doctor_facts *facts = &examination->facts;
    bool named = facts->reason == HERALD_INTERFACE_BY_REQUEST || facts->reason == HERALD_INTERFACE_BY_SOURCE ||
                 examination->zone_missing;
    const struct hd_route_question question = {
        .destination = facts->endpoint.group,
        .output_interface = named ? facts->interface.index : 0,
    };
    struct hd_route_answer answer = { .gateway = false };
    int result;

    if (facts->interface.loopback && facts->reason != HERALD_INTERFACE_BY_ROUTE)
        return 0;
    result = hd_host_route(&question, &answer);
    if (result == 0 && answer.gateway)
        report_gateway(examination, check, &answer);
    else if (named)
        hd_report_ok(examination, check, facts->interface.name, "not needed: the interface is named");
    else if (result < 0)
        report_no_route(examination, check, result);
    else
        hd_report_ok(examination, check, facts->interface.name, "it leads to %s",
                     hd_interface_name(examination, answer.interface_index));
    return 0;
}

/* ---- the interface of the members ------------------------------------------------------------ */

/* Whether a program of this host, or the kernel, is a member of the examined group on that interface. */
static bool is_member(const struct hd_examination *examination, const struct herald_interface *interface)
{
    const struct herald_address *group = &examination->facts.endpoint.group;
    struct hd_joined joined;

    return hd_joined_find(group->family, interface->index, group, &joined) == 0;
}

/* The interface with a member of the group, if the one that is sent on has none; NULL. */
static const struct herald_interface *members_elsewhere(const struct hd_examination *examination)
{
    if (is_member(examination, &examination->facts.interface))
        return NULL;
    for (size_t i = 0; i < examination->interface_count; i++) {
        const struct herald_interface *interface = &examination->interfaces[i];

        if (hd_interface_works(interface) && is_member(examination, interface))
            return interface;
    }
    return NULL;
}

int hd_check_wrong_interface(struct hd_examination *examination, const struct hd_check *check)
{
    const struct herald_doctor_facts *facts = &examination->facts;
    const struct herald_interface *better = facts->interface.loopback ? hd_other_interface(examination) : NULL;
    const struct herald_interface *elsewhere = members_elsewhere(examination);
    struct herald_finding *finding;
    char group[HERALD_ADDRESS_TEXT_BYTES];

    /* Who names an interface means it. */
    if (facts->reason == HERALD_INTERFACE_BY_REQUEST || facts->reason == HERALD_INTERFACE_BY_SOURCE ||
        (better == NULL && elsewhere == NULL)) {
        if (facts->endpoint_given)
            hd_report_ok(examination, check, facts->interface.name, "no program here expects %s elsewhere",
                         hd_group_text(examination, group));
        return 0;
    }
    hd_group_text(examination, group);
    finding = hd_report(examination, check, HERALD_FINDING_FAULT, facts->interface.name);
    if (elsewhere != NULL) {
        better = elsewhere;
        hd_say(finding->seen, "what is sent to %s leaves by %s, but the members of it on this host joined on %s", group,
               facts->interface.name, better->name);
        hd_say(finding->meaning, "a program that names no interface sends and joins on %s, not where the others are",
               facts->interface.name);
    } else {
        hd_say(finding->seen, "the route to %s leads to %s, though %s works", facts->endpoint_given ? group : "groups",
               facts->interface.name, better->name);
        hd_say(finding->meaning, "programs that name no interface reach this host only");
    }
    hd_route_remedy(finding, examination, better->name);
    return 0;
}

/* ---- the group ------------------------------------------------------------------------------- */

struct objection {
    const char *seen;
    const char *meaning;
    const char *remedy;
};

static const struct objection link_control = {
    "is of 224.0.0.0/24, which is for routing and control on one link",
    "no router ever forwards it, and switches send it to every port",
    "a group of 239.0.0.0/8, which is for private use: 239.1.2.3",
};
static const struct objection ssm_without_source = {
    "is source-specific, and no source is named",
    "routers forward nothing to who joins it without a source, and some switches neither",
    "name the sender: SOURCE@GROUP:PORT, or take a group of 239.0.0.0/8 (IPv6: ff15::/16)",
};
static const struct objection shared_mac = {
    "has the Ethernet address of a group of 224.0.0.0/24",
    "switches send it to every port, as they must with that one: all hosts of the LAN get it",
    "a group whose second byte is neither 0 nor 128, or whose third is not 0: 239.1.2.3",
};
static const struct objection host_only = {
    "is of interface-local scope",
    "it never leaves this host",
    "ff12:: for one link, ff15:: for a site",
};
static const struct objection reserved_scope = {
    "has a scope that is reserved (RFC 7346)",
    "what becomes of it is up to each system",
    "ff12:: for one link, ff15:: for a site",
};
static const struct objection well_known = {
    "is of the groups that IANA assigns (ff0x::)",
    "another service may own it, on every network",
    "a group of your own: ff12:: for one link, ff15:: for a site",
};

static const struct objection *object_ipv4(const struct herald_endpoint *endpoint)
{
    const uint8_t *bytes = endpoint->group.bytes;

    if (bytes[0] == 224 && bytes[1] == 0 && bytes[2] == 0)
        return &link_control;
    if (bytes[0] == 232 && endpoint->source.family == HERALD_FAMILY_NONE)
        return &ssm_without_source;
    if ((bytes[1] & 0x7f) == 0 && bytes[2] == 0)
        return &shared_mac;
    return NULL;
}

/* RFC 4291, section 2.7 and RFC 7346: ff, four bits of flags, four of scope. */
static const struct objection *object_ipv6(const struct herald_endpoint *endpoint)
{
    unsigned flags = endpoint->group.bytes[1] >> 4;
    unsigned scope = endpoint->group.bytes[1] & 15;

    if (scope == 0 || scope == 15)
        return &reserved_scope;
    if (scope == 1)
        return &host_only;
    if (flags == 0)
        return &well_known;
    if (herald_address_is_ssm(&endpoint->group) && endpoint->source.family == HERALD_FAMILY_NONE)
        return &ssm_without_source;
    return NULL;
}

/* Services that belong where nobody should choose a group: what is objected to is as they want it. */
static const struct service {
    const char *group;
    uint16_t port;
    const char *name;
} services[] = {
    { "224.0.0.251", 5353, "mDNS (RFC 6762)" },  { "ff02::fb", 5353, "mDNS (RFC 6762)" },
    { "224.0.0.252", 5355, "LLMNR (RFC 4795)" }, { "ff02::1:3", 5355, "LLMNR (RFC 4795)" },
    { "ff02::c", 1900, "SSDP (UPnP)" },          { "ff05::c", 1900, "SSDP (UPnP)" },
    { "ff02::6b", 319, "PTP (IEEE 1588)" },      { "ff02::6b", 320, "PTP (IEEE 1588)" },
};

static const char *service_of(const char *group, uint16_t port)
{
    for (size_t i = 0; i < sizeof services / sizeof services[0]; i++)
        if (services[i].port == port && strcmp(services[i].group, group) == 0)
            return services[i].name;
    return NULL;
}

int hd_check_group(struct hd_examination *examination, const struct hd_check *check)
{
    const struct herald_endpoint *endpoint = &examination->facts.endpoint;
    const struct objection *objection = hd_is_ipv6(examination) ? object_ipv6(endpoint) : object_ipv4(endpoint);
    struct herald_finding *finding;
    char group[HERALD_ADDRESS_TEXT_BYTES];

    hd_group_text(examination, group);
    if (service_of(group, endpoint->port) != NULL) {
        hd_report_ok(examination, check, NULL, "%s port %u is that of %s", group, endpoint->port,
                     service_of(group, endpoint->port));
        return 0;
    }
    if (objection == NULL) {
        hd_report_ok(examination, check, NULL, "%s is well chosen", group);
        return 0;
    }
    finding = hd_report(examination, check, HERALD_FINDING_WARNING, NULL);
    hd_say(finding->seen, "%s %s", group, objection->seen);
    hd_say(finding->meaning, "%s", objection->meaning);
    hd_say(finding->remedy, "%s", objection->remedy);
    return 0;
}

/* ---- how far --------------------------------------------------------------------------------- */

/* Whether there is a router between us and that host. */
static bool is_behind_router(const struct herald_address *host)
{
    const struct hd_route_question question = { .destination = *host };
    struct hd_route_answer answer = { .gateway = false };

    return host->family != HERALD_FAMILY_NONE && hd_host_route(&question, &answer) == 0 && answer.gateway;
}

int hd_check_ttl(struct hd_examination *examination, const struct hd_check *check)
{
    const struct herald_doctor_facts *facts = &examination->facts;
    struct herald_finding *finding;
    char source[HERALD_ADDRESS_TEXT_BYTES];

    if (facts->ttl == 0) {
        finding = hd_report(examination, check, HERALD_FINDING_WARNING, NULL);
        hd_say(finding->seen, "TTL 0");
        hd_say(finding->meaning, "what is sent stays on this host");
        hd_say(finding->remedy, "--ttl 1 reaches this network, and each router on the way takes one more");
    } else if (facts->ttl == 1 && is_behind_router(&facts->remote_source)) {
        hd_address_text(&facts->remote_source, source);
        finding = hd_report(examination, check, HERALD_FINDING_WARNING, facts->interface.name);
        hd_say(finding->seen, "TTL 1, and %s is behind a router", source);
        hd_say(finding->meaning,
               "what is sent with TTL 1 reaches no host behind a router; %s too must send with 2 or "
               "more to be heard here",
               source);
        hd_say(finding->remedy, "--ttl N with one more than there are routers on the way");
    } else {
        hd_report_ok(examination, check, NULL, "%u: %s", facts->ttl,
                     facts->ttl == 1 ? "reaches this network, and passes no router" : "passes routers that forward it");
    }
    return 0;
}
