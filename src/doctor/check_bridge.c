/* SPDX-License-Identifier: MIT */
/* When the network is a bridge of this host: settings by which it keeps streams from its ports. */
#include "checks.h"
#include "devices.h"
#include "examination.h"
#include "host.h"

#include <inttypes.h>
#include <stdio.h>

/* What is looked at: one bridge, and how it treats the family of the examined group. */
struct view {
    struct hd_examination *examination;
    const struct hd_check *check;
    const struct hd_devices *devices;
    const struct hd_device *bridge;
    bool asked; /* somebody asks for memberships: then groups go to members only */
    uint32_t querier_port;
};

static const struct hd_device *next_port(const struct view *view, const struct hd_device *last)
{
    const struct hd_device *end = view->devices->items + view->devices->count;

    for (const struct hd_device *device = last == NULL ? view->devices->items : last + 1; device < end; device++)
        if (device->is_port && device->master == view->bridge->index)
            return device;
    return NULL;
}

static struct herald_finding *report(const struct view *view, enum herald_finding_level level)
{
    struct herald_finding *finding = hd_report(view->examination, view->check, level, view->bridge->name);

    finding->remedy_is_command = true;
    return finding;
}

/* Such a port gets what its members asked for; if nobody asks, or nobody listens, it gets nothing. */
static bool report_no_flood(const struct view *view)
{
    const struct hd_bridge *bridge = &view->bridge->bridge;
    const struct hd_device *port = NULL;
    struct herald_finding *finding;
    char word[HD_WORD_BYTES];
    bool found = false;

    if (bridge->snooping && view->asked)
        return false;
    while ((port = next_port(view, port)) != NULL) {
        if (port->port.flood)
            continue;
        found = true;
        finding = report(view, HERALD_FINDING_FAULT);
        hd_say(finding->seen, "%s does not flood multicast to its port %s, and %s", view->bridge->name, port->name,
               bridge->snooping ? "nobody asks for members" : "does not look for members");
        hd_say(finding->meaning, "no group reaches what is behind %s", port->name);
        if (bridge->snooping)
            hd_say(finding->remedy, "ip link set %s type bridge mcast_querier 1", hd_word(view->bridge->name, word));
        else
            hd_say(finding->remedy, "bridge link set dev %s mcast_flood on", hd_word(port->name, word));
        if (bridge->snooping)
            break; /* one command mends all */
    }
    return found;
}

/* Reports go to queriers and routers only, and streams to routers: both are cut off by this setting. */
static bool report_shut_querier(const struct view *view)
{
    const struct hd_device *port = hd_devices_find(view->devices, view->querier_port);
    struct herald_finding *finding;
    char word[HD_WORD_BYTES];

    if (!view->bridge->bridge.snooping || port == NULL || !port->is_port || port->port.router != 0)
        return false;
    finding = report(view, HERALD_FINDING_FAULT);
    hd_say(finding->seen, "the querier is behind port %s of %s, which is told never to lead to a router", port->name,
           view->bridge->name);
    hd_say(finding->meaning,
           "membership reports do not reach the querier: streams that come from there stop about 260 s "
           "after they were joined, or never come");
    hd_say(finding->remedy, "bridge link set dev %s mcast_router 1", hd_word(port->name, word));
    return true;
}

/* One isolated port alone hears all the others. */
static bool report_isolated(const struct view *view)
{
    const struct hd_device *port = NULL, *first = NULL, *second = NULL;
    struct herald_finding *finding;
    char word[HD_WORD_BYTES];

    while ((port = next_port(view, port)) != NULL) {
        if (!port->port.isolated)
            continue;
        if (first == NULL)
            first = port;
        else if (second == NULL)
            second = port;
    }
    if (second == NULL)
        return false;
    finding = report(view, HERALD_FINDING_WARNING);
    hd_say(finding->seen, "ports %s and %s of %s are isolated from each other", first->name, second->name,
           view->bridge->name);
    hd_say(finding->meaning, "nothing that comes in by one goes out by the other");
    hd_say(finding->remedy, "bridge link set dev %s isolated off", hd_word(first->name, word));
    return true;
}

static void report_fine(const struct view *view)
{
    const struct hd_bridge *bridge = &view->bridge->bridge;
    const struct herald_doctor_facts *facts = &view->examination->facts;
    uint32_t groups = 0, member_ports = 0, ports = 0;
    char group[HERALD_ADDRESS_TEXT_BYTES], members[HERALD_ADDRESS_TEXT_BYTES + 64] = "";

    for (const struct hd_device *port = NULL; (port = next_port(view, port)) != NULL;)
        ports++;
    if (!bridge->snooping) {
        hd_report_ok(view->examination, view->check, view->bridge->name,
                     "%s has %" PRIu32 " ports and does not snoop: every group goes to all", view->bridge->name, ports);
        return;
    }
    if (hd_bridge_members(view->bridge->index, &facts->endpoint.group, &groups, &member_ports) == 0 &&
        facts->endpoint_given)
        (void)snprintf(members, sizeof members, "; %s is wanted by %" PRIu32, hd_group_text(view->examination, group),
                       member_ports);
    hd_report_ok(view->examination, view->check, view->bridge->name,
                 "%s snoops: %" PRIu32 " ports, %" PRIu32 " groups%s%s", view->bridge->name, ports, groups, members,
                 view->asked ? "" : "; nobody asks, so every group goes to all");
}

int hd_check_bridge(struct hd_examination *examination, const struct hd_check *check)
{
    bool ipv6 = hd_is_ipv6(examination);
    struct hd_devices devices = { .items = NULL };
    int result = hd_devices_read(&devices);
    struct view view = { .examination = examination, .check = check, .devices = &devices };

    if (result < 0)
        return result;
    view.bridge = hd_devices_bridge_of(&devices, examination->facts.interface.index);
    if (view.bridge != NULL) {
        const struct hd_bridge *bridge = &view.bridge->bridge;
        bool found;

        view.asked = bridge->querier || (ipv6 ? &bridge->elected_ipv6 : &bridge->elected_ipv4)->family != 0;
        view.querier_port = ipv6 ? bridge->elected_port_ipv6 : bridge->elected_port_ipv4;
        found = report_no_flood(&view);
        found = report_shut_querier(&view) || found;
        found = report_isolated(&view) || found;
        if (!found)
            report_fine(&view);
    }
    hd_devices_free(&devices);
    return 0;
}
