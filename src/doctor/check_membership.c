/* SPDX-License-Identifier: MIT */
/* What this host has joined, and in which version of IGMP or MLD it says so. */
#include "checks.h"
#include "devices.h"
#include "examination.h"
#include "host.h"
#include "joined.h"
#include "provoke.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* ---- who is joined here ------------------------------------------------------------------------ */

struct tally {
    const struct hd_examination *examination;
    uint32_t groups;                             /* on the interface */
    uint32_t sockets;                            /* that have joined the examined group there */
    char elsewhere[HERALD_INTERFACE_NAME_BYTES]; /* another interface where it is joined */
};

static int tally_one(const struct hd_joined *joined, void *userdata)
{
    struct tally *tally = userdata;
    const struct herald_doctor_facts *facts = &tally->examination->facts;
    bool wanted = herald_address_equal(&joined->group, &facts->endpoint.group);
    const char *name;

    if (joined->group.family == HERALD_FAMILY_NONE)
        return 0;
    if (joined->interface_index == facts->interface.index) {
        tally->groups++;
        tally->sockets += wanted ? joined->users : 0;
    } else if (wanted) {
        name = hd_interface_name(tally->examination, joined->interface_index);
        (void)snprintf(tally->elsewhere, sizeof tally->elsewhere, "%s", name);
    }
    return 0;
}

int hd_check_memberships(struct hd_examination *examination, const struct hd_check *check)
{
    const struct herald_doctor_facts *facts = &examination->facts;
    struct tally tally = { .examination = examination };
    char group[HERALD_ADDRESS_TEXT_BYTES];
    int result = hd_joined_read(facts->endpoint.group.family, tally_one, &tally);

    if (result < 0)
        return result;
    hd_group_text(examination, group);
    if (!facts->endpoint_given)
        hd_report_ok(examination, check, facts->interface.name, "%" PRIu32 " group%s joined on %s", tally.groups,
                     tally.groups == 1 ? "" : "s", facts->interface.name);
    else if (tally.sockets > 0)
        hd_report_ok(examination, check, facts->interface.name, "%s is joined on %s, by %" PRIu32 " socket%s", group,
                     facts->interface.name, tally.sockets, tally.sockets == 1 ? "" : "s");
    else if (tally.elsewhere[0] != '\0')
        hd_report_ok(examination, check, facts->interface.name, "%s is joined on %s, not on %s", group, tally.elsewhere,
                     facts->interface.name);
    else
        hd_report_ok(examination, check, facts->interface.name, "no program of this host has joined %s at the moment",
                     group);
    return 0;
}

/* ---- versions ---------------------------------------------------------------------------------- */

/* The settings that force an old version, as arguments of sysctl that undo it; "" if there are none. */
static void find_forced(const struct hd_examination *examination, bool ipv6, int64_t latest, char *ret_text,
                        size_t size_bytes)
{
    const char *names[] = { "all", examination->facts.interface.name };
    const char *family = ipv6 ? "ipv6" : "ipv4", *setting = ipv6 ? "force_mld_version" : "force_igmp_version";
    size_t length = 0;

    ret_text[0] = '\0';
    for (size_t i = 0; i < 2 && length < size_bytes; i++) {
        char word[HD_WORD_BYTES], dot = strchr(names[i], '.') != NULL ? '/' : '.';
        int64_t value = 0;

        if (hd_host_setting(&value, "net/%s/conf/%s/%s", family, names[i], setting) < 0 || value == 0 ||
            value >= latest)
            continue;
        length += (size_t)snprintf(ret_text + length, size_bytes - length, " net%c%s%cconf%c%s%c%s=0", dot, family, dot,
                                   dot, hd_word(names[i], word), dot, setting);
    }
}

/* How bad it is: a source-specific join loses its source, and routers pass over it in the range that is only for such
   (RFC 4604 section 2.2.1). Joins from any source work as ever. */
static enum herald_finding_level level_of_old(const struct herald_doctor_facts *facts)
{
    if (facts->endpoint.source.family == HERALD_FAMILY_NONE)
        return facts->endpoint_given ? HERALD_FINDING_OK : HERALD_FINDING_WARNING;
    return herald_address_is_ssm(&facts->endpoint.group) ? HERALD_FINDING_FAULT : HERALD_FINDING_WARNING;
}

/* An old querier was heard, and a new one now: either there are two, or it was renewed and the kernel remembers. */
static void say_mixed(const struct hd_examination *examination, bool ipv6, unsigned version,
                      struct herald_finding *finding)
{
    const char *protocol = ipv6 ? "MLD" : "IGMP";
    char word[HD_WORD_BYTES];

    hd_say(finding->seen, "%s still speaks %sv%u, as a querier did; the one that asks now speaks %sv%u",
           examination->facts.interface.name, protocol, version, protocol, examination->querier.version);
    hd_say(finding->remedy,
           "wait 5 minutes, after which the kernel forgets the older one; if it does not, there is a "
           "second querier, and tcpdump -vi %s %s shows its address",
           hd_word(examination->facts.interface.name, word), ipv6 ? "icmp6" : "igmp");
}

/* The bridge of this host that asks in the old version, as a command; or words for those of others. */
static void say_how_to_renew(struct hd_examination *examination, bool ipv6, struct herald_finding *finding)
{
    struct hd_devices devices = { .items = NULL };
    const struct hd_device *bridge = NULL;
    const char *setting = ipv6 ? "mcast_mld_version 2" : "mcast_igmp_version 3";
    char word[HD_WORD_BYTES];

    if (examination->querier.own && hd_devices_read(&devices) == 0)
        bridge = hd_devices_bridge_of(&devices, examination->facts.interface.index);
    finding->remedy_is_command = bridge != NULL;
    if (bridge != NULL)
        hd_say(finding->remedy, "ip link set %s type bridge %s", hd_word(bridge->name, word), setting);
    else
        hd_say(
            finding->remedy,
            "set the querier to %s, in the switch or router; if it is a Linux bridge: ip link set br0 type bridge %s",
            ipv6 ? "MLDv2" : "IGMPv3", setting);
    hd_devices_free(&devices);
}

static void report_old(struct hd_examination *examination, const struct hd_check *check, bool ipv6, unsigned version)
{
    const struct herald_doctor_facts *facts = &examination->facts;
    enum herald_finding_level level = level_of_old(facts);
    const char *protocol = ipv6 ? "MLD" : "IGMP";
    char forced[256], querier[HERALD_ADDRESS_TEXT_BYTES] = "an older querier";
    struct herald_finding *finding;

    find_forced(examination, ipv6, ipv6 ? 2 : 3, forced, sizeof forced);
    if (examination->querier.heard && !examination->querier.own &&
        examination->querier.address.family != HERALD_FAMILY_NONE)
        hd_address_text(&examination->querier.address, querier);
    if (level == HERALD_FINDING_OK) {
        hd_report_ok(examination, check, facts->interface.name, "%sv%u, which is enough to join from any source",
                     protocol, version);
        return;
    }
    finding = hd_report(examination, check, level, facts->interface.name);
    if (forced[0] != '\0')
        hd_say(finding->seen, "%s speaks %sv%u, because a setting forces it", facts->interface.name, protocol, version);
    else if (examination->querier.own)
        hd_say(finding->seen, "%s speaks %sv%u, as this host's own bridge asks", facts->interface.name, protocol,
               version);
    else
        hd_say(finding->seen, "%s speaks %sv%u, because %s does", facts->interface.name, protocol, version, querier);
    hd_say(finding->meaning,
           "a join of one source (SSM) goes out as a join of any: switches pass on what was not asked "
           "for, and routers nothing at all of 232.0.0.0/8 and ff3x::/32");
    if (forced[0] != '\0') {
        hd_say(finding->remedy, "sysctl -w%s", forced);
        finding->remedy_is_command = true;
    } else if (examination->querier.heard && examination->querier.version > version) {
        say_mixed(examination, ipv6, version, finding);
    } else {
        say_how_to_renew(examination, ipv6, finding);
    }
}

int hd_check_igmp_version(struct hd_examination *examination, const struct hd_check *check)
{
    const struct herald_address none = { .family = HERALD_FAMILY_NONE };
    struct hd_joined joined;
    int result = hd_joined_find(HERALD_FAMILY_IPV4, examination->facts.interface.index, &none, &joined);

    if (result < 0)
        return result;
    /* A query that was heard just now may not have reached the table yet. */
    if (examination->querier.heard && examination->querier.version != 0 && examination->querier.version < 3)
        joined.igmp_version = examination->querier.version;
    if (joined.igmp_version < 3)
        report_old(examination, check, false, joined.igmp_version);
    else
        hd_report_ok(examination, check, examination->facts.interface.name, "IGMPv3: sources can be chosen");
    return 0;
}

/* ---- MLD --------------------------------------------------------------------------------------- */

struct mld_reports {
    uint64_t v1, v2;
};

static void count_mld_reports(const struct herald_interface *interface, struct mld_reports *ret_reports)
{
    char path[64];

    *ret_reports = (struct mld_reports){ 0, 0 };
    (void)snprintf(path, sizeof path, "/proc/net/dev_snmp6/%s", interface->name);
    (void)hd_host_counter(path, NULL, "Icmp6OutGroupMembResponses", &ret_reports->v1);
    (void)hd_host_counter(path, NULL, "Icmp6OutMLDv2Reports", &ret_reports->v2);
}

/* The kernel does not tell which version it speaks, but counts what it sends: a random group is joined for that. */
int hd_check_mld_version(struct hd_examination *examination, const struct hd_check *check)
{
    const struct herald_interface *interface = &examination->facts.interface;
    uint64_t end_ns = herald_clock_ns() + UINT64_C(500000000), now_ns;
    struct hd_provocation provocation;
    struct mld_reports before, after;
    bool joined;
    int result;

    count_mld_reports(interface, &before);
    after = before;
    result = hd_provoke_join(interface, HERALD_FAMILY_IPV6, &provocation);
    joined = result == 0;
    while (result == 0 && after.v1 == before.v1 && after.v2 == before.v2 && (now_ns = herald_clock_ns()) < end_ns) {
        result = hd_wait(examination, -1, now_ns + UINT64_C(5000000));
        count_mld_reports(interface, &after);
    }
    if (joined)
        hd_provoke_leave(&provocation);
    if (result < 0)
        return result;
    if (after.v1 > before.v1)
        report_old(examination, check, true, 1);
    else if (after.v2 > before.v2)
        hd_report_ok(examination, check, interface->name, "MLDv2: sources can be chosen");
    return 0;
}
