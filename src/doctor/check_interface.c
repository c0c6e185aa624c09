/* SPDX-License-Identifier: MIT */
/* Which interface packets to the group use, and whether it can carry them at all. */
#include "checks.h"
#include "examination.h"
#include "host.h"
#include "ipv6.h"

#include <errno.h>
#include <linux/if_addr.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- the zone -------------------------------------------------------------------------------- */

int hd_check_zone(struct hd_examination *examination, const struct hd_check *check)
{
    const struct herald_doctor_facts *facts = &examination->facts;
    char group[HERALD_ADDRESS_TEXT_BYTES];
    char zone[HD_WORD_BYTES];
    struct herald_finding *finding;

    if (!herald_address_needs_zone(&facts->endpoint.group))
        return 0;
    hd_group_text(examination, group);
    if (!examination->zone_missing) {
        hd_report_ok(examination, check, facts->interface.name, "%s is meant on %s", group, facts->interface.name);
        return 0;
    }
    finding = hd_report(examination, check, HERALD_FINDING_FAULT, NULL);
    hd_say(finding->seen, "%s is a link-local group, and no interface is named", group);
    hd_say(finding->meaning, "every interface has its own group of that name: a sender and a receiver that name none "
                             "may each take another, or be refused");
    hd_word(facts->interface.name, zone);
    if (facts->interface_found && strcmp(zone, facts->interface.name) == 0) {
        hd_say(finding->remedy, "herald doctor '[%s%%%s]:%u'", group, zone, facts->endpoint.port);
        finding->remedy_is_command = true;
    } else {
        hd_say(finding->remedy, "name it: [%s%%IFACE]:%u", group, facts->endpoint.port);
    }
    return 0;
}

/* ---- the interface --------------------------------------------------------------------------- */

static bool has_directory(const char *interface, const char *name)
{
    char path[128];

    (void)snprintf(path, sizeof path, "/sys/class/net/%s/%s", interface, name);
    return access(path, F_OK) == 0;
}

/*
 * How likely it is that the user means this one, of those that do not work: hardware before software, and what only
 * waits for guests (a bridge of containers) last; then that which lacks least.
 */
static int likelihood(const struct herald_interface *interface)
{
    int value = 0;

    if (interface->loopback)
        return -1;
    if (has_directory(interface->name, "device"))
        value += 16;
    if (!has_directory(interface->name, "bridge"))
        value += 8;
    if (interface->up)
        value += interface->carrier ? 4 : 2;
    return interface->multicast ? value + 1 : value;
}

const struct herald_interface *hd_likely_interface(const struct hd_examination *examination)
{
    const struct herald_interface *likely = NULL;

    for (size_t i = 0; i < examination->interface_count; i++) {
        const struct herald_interface *interface = &examination->interfaces[i];

        if (!interface->loopback && (likely == NULL || likelihood(interface) > likelihood(likely)))
            likely = interface;
    }
    return likely;
}

const struct herald_interface *hd_other_interface(const struct hd_examination *examination)
{
    for (size_t i = 0; i < examination->interface_count; i++) {
        const struct herald_interface *interface = &examination->interfaces[i];
        bool addressed = hd_is_ipv6(examination) ? interface->ipv6_link_local.family != HERALD_FAMILY_NONE
                                                 : interface->ipv4.family != HERALD_FAMILY_NONE;

        if (interface->index != examination->facts.interface.index && hd_interface_works(interface) && addressed)
            return interface;
    }
    return NULL;
}

static void report_down(struct hd_examination *examination, const struct hd_check *check,
                        const struct herald_interface *interface)
{
    struct herald_finding *finding = hd_report(examination, check, HERALD_FINDING_FAULT, interface->name);
    char name[HD_WORD_BYTES];

    hd_say(finding->seen, "%s is down", interface->name);
    hd_say(finding->meaning, "nothing is sent or received on it");
    hd_say(finding->remedy, "ip link set %s up multicast on", hd_word(interface->name, name));
    finding->remedy_is_command = true;
}

static void report_no_carrier(struct hd_examination *examination, const struct hd_check *check,
                              const struct herald_interface *interface)
{
    struct herald_finding *finding = hd_report(examination, check, HERALD_FINDING_FAULT, interface->name);

    hd_say(finding->seen, "%s is up, but has no carrier", interface->name);
    hd_say(finding->meaning, "nobody but this host hears what is sent, and nothing comes in: no cable, or the other "
                             "end of it is off");
    hd_say(finding->remedy, "plug in %s, or name another interface: -i IFACE", interface->name);
}

static void report_no_multicast(struct hd_examination *examination, const struct hd_check *check,
                                const struct herald_interface *interface)
{
    struct herald_finding *finding = hd_report(examination, check, HERALD_FINDING_FAULT, interface->name);
    char name[HD_WORD_BYTES];

    hd_say(finding->seen, "%s does not have the MULTICAST flag", interface->name);
    hd_say(finding->meaning, "the kernel makes no memberships known on it, and programs pass it over");
    hd_say(finding->remedy, "ip link set %s multicast on", hd_word(interface->name, name));
    finding->remedy_is_command = true;
}

/* A route leads to an interface that cannot, such as a tunnel, while another one can. @return whether it is so. */
static bool report_dead_end(struct hd_examination *examination, const struct hd_check *check,
                            const struct herald_interface *interface)
{
    const struct herald_interface *other = hd_other_interface(examination);
    struct herald_finding *finding;

    if (examination->facts.reason != HERALD_INTERFACE_BY_ROUTE || other == NULL || hd_interface_works(interface))
        return false;
    finding = hd_report(examination, check, HERALD_FINDING_FAULT, interface->name);
    hd_say(finding->seen, "the route to the group leads to %s, which %s, though %s works", interface->name,
           interface->carrier ? "does not have the MULTICAST flag" : "has no carrier", other->name);
    hd_say(finding->meaning, "programs that name no interface send and join where nobody is");
    hd_route_remedy(finding, examination, other->name);
    return true;
}

/* @return whether something is wrong with it. */
static bool report_state(struct hd_examination *examination, const struct hd_check *check,
                         const struct herald_interface *interface)
{
    if (!interface->up)
        report_down(examination, check, interface);
    else if (!interface->carrier)
        report_no_carrier(examination, check, interface);
    else if (!interface->multicast)
        report_no_multicast(examination, check, interface);
    else
        return false;
    return true;
}

/* lo was chosen: because it was wanted, or because nothing else works. */
static int check_loopback(struct hd_examination *examination, const struct hd_check *check)
{
    const struct herald_doctor_facts *facts = &examination->facts;
    const struct herald_interface *likely = hd_likely_interface(examination);
    struct herald_finding *finding;

    if (facts->reason != HERALD_INTERFACE_LOOPBACK) {
        hd_report_ok(examination, check, facts->interface.name, "%s: reaches this host only", facts->interface.name);
        return 0;
    }
    if (likely != NULL) {
        if (!report_state(examination, check, likely)) /* what it lacks, an address, is another check's */
            hd_report_ok(examination, check, likely->name, "%s is up", likely->name);
        return 0;
    }
    finding = hd_report(examination, check, HERALD_FINDING_WARNING, facts->interface.name);
    hd_say(finding->seen, "there is no network interface but %s", facts->interface.name);
    hd_say(finding->meaning, "multicast reaches this host only, where it works between its programs");
    return 0;
}

/* Without IPv6 an interface may work, and be passed over nevertheless. @return whether it is so. */
static bool report_ipv6_off(struct hd_examination *examination, const struct hd_check *check)
{
    const struct herald_interface *interface = &examination->facts.interface;
    const struct herald_interface *likely = hd_likely_interface(examination);
    struct herald_finding *finding;
    char name[HD_WORD_BYTES];

    if (examination->config.interface == NULL && likely != NULL)
        interface = likely;
    if (!hd_interface_works(interface) || !hd_ipv6_is_off(interface->name))
        return false;
    finding = hd_report(examination, check, HERALD_FINDING_FAULT, interface->name);
    hd_say(finding->seen, "IPv6 is switched off on %s", interface->name);
    hd_say(finding->meaning, "nothing can be sent to an IPv6 group, nor received");
    hd_say(finding->remedy, "sysctl -w net/ipv6/conf/%s/disable_ipv6=0", hd_word(interface->name, name));
    finding->remedy_is_command = true;
    return true;
}

int hd_check_interface(struct hd_examination *examination, const struct hd_check *check)
{
    const struct herald_doctor_facts *facts = &examination->facts;
    const struct herald_interface *interface = &facts->interface;
    struct herald_finding *finding;

    if (facts->interface_found && interface->loopback)
        return check_loopback(examination, check);
    if (hd_is_ipv6(examination) && !facts->interface_found && report_ipv6_off(examination, check))
        return 0;
    if (interface->index != 0 &&
        (report_dead_end(examination, check, interface) || report_state(examination, check, interface)))
        return 0;
    if (facts->interface_found) {
        hd_report_ok(examination, check, interface->name, "%s is up and has carrier, MTU %u", interface->name,
                     interface->mtu_bytes);
        return 0;
    }
    finding = hd_report(examination, check, HERALD_FINDING_FAULT, interface->name);
    hd_say(finding->seen, "%s", examination->choose_error.cause);
    hd_say(finding->meaning, "nothing can be sent or received");
    hd_say(finding->remedy, "%s", examination->choose_error.advice);
    finding->remedy_is_command = finding->remedy[0] != '\0';
    return 0;
}

/* ---- its address ----------------------------------------------------------------------------- */

/* The flags of its IPv6 addresses, put together, as /proc/net/if_inet6 has them in the fifth column. */
static unsigned ipv6_flags(uint32_t interface_index)
{
    unsigned all = 0;
    char *text;

    if (hd_host_read_all("/proc/net/if_inet6", &text) < 0)
        return 0;
    for (const char *line = text; *line != '\0'; line += strcspn(line, "\n"), line += *line == '\n') {
        unsigned index;
        unsigned flags;

        if (sscanf(line, "%*32[0-9a-f] %x %*x %*x %x", &index, &flags) == 2 && index == interface_index)
            all |= flags;
    }
    free(text);
    return all;
}

static void report_no_ipv4(struct hd_examination *examination, const struct hd_check *check, const char *interface)
{
    struct herald_finding *finding = hd_report(examination, check, HERALD_FINDING_FAULT, interface);

    hd_say(finding->seen, "%s has no IPv4 address", interface);
    hd_say(finding->meaning, "what is sent comes from 0.0.0.0: receivers drop it or cannot answer, and switches may "
                             "ignore our membership reports");
    hd_say(finding->remedy, "ip address add ADDRESS/PREFIX dev %s", interface);
}

static void report_no_ipv6(struct hd_examination *examination, const struct hd_check *check,
                           const struct herald_interface *interface)
{
    unsigned flags = ipv6_flags(interface->index);
    bool tentative = (flags & IFA_F_TENTATIVE) != 0;
    struct herald_finding *finding =
        hd_report(examination, check, tentative ? HERALD_FINDING_WARNING : HERALD_FINDING_FAULT, interface->name);
    char name[HD_WORD_BYTES];

    hd_word(interface->name, name);
    if (hd_ipv6_is_off(interface->name)) {
        hd_say(finding->seen, "IPv6 is switched off on %s", interface->name);
        hd_say(finding->remedy, "sysctl -w net/ipv6/conf/%s/disable_ipv6=0", name);
        finding->remedy_is_command = true;
    } else if ((flags & IFA_F_DADFAILED) != 0) {
        hd_say(finding->seen, "another host has the IPv6 address of %s: duplicate address detection failed",
               interface->name);
        hd_say(finding->remedy, "ip -6 address show dev %s dadfailed shows it: give %s another one, or the other host",
               name, interface->name);
    } else if (tentative) {
        hd_say(finding->seen, "the IPv6 address of %s is still being checked for duplicates", interface->name);
        hd_say(finding->remedy, "wait two seconds, and ask again");
    } else {
        hd_say(finding->seen, "%s has no IPv6 address, not even a link-local one", interface->name);
        /* Taking the interface down would do too, and cut off whoever is logged in by IPv4. */
        hd_say(finding->remedy,
               "sysctl -w net/ipv6/conf/%s/addr_gen_mode=0 net/ipv6/conf/%s/disable_ipv6=1 "
               "net/ipv6/conf/%s/disable_ipv6=0",
               name, name, name);
        finding->remedy_is_command = true;
    }
    hd_say(finding->meaning, "it cannot send to the group, and its memberships are not made known (MLD needs a "
                             "link-local address)");
}

int hd_check_address(struct hd_examination *examination, const struct hd_check *check)
{
    const struct herald_doctor_facts *facts = &examination->facts;
    const struct herald_interface *interface = &facts->interface;
    char address[HERALD_ADDRESS_TEXT_BYTES];
    bool has_ipv6;

    if (interface->loopback && facts->reason == HERALD_INTERFACE_LOOPBACK)
        interface = hd_likely_interface(examination);
    if (interface == NULL || !interface->up || !interface->carrier || interface->loopback)
        return 0;
    has_ipv6 = interface->ipv6.family != HERALD_FAMILY_NONE || interface->ipv6_link_local.family != HERALD_FAMILY_NONE;
    if (!hd_is_ipv6(examination) && interface->ipv4.family == HERALD_FAMILY_NONE)
        report_no_ipv4(examination, check, interface->name);
    else if (hd_is_ipv6(examination) && !has_ipv6)
        report_no_ipv6(examination, check, interface);
    else
        hd_report_ok(examination, check, interface->name, "a datagram to the group would come from %s",
                     hd_address_text(&facts->own_source, address));
    return 0;
}
