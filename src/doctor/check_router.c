/* SPDX-License-Identifier: MIT */
/* When this host is a multicast router: what its kernel does with the examined group. */
#include "checks.h"
#include "examination.h"
#include "host.h"
#include "mroute.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LINE_BYTES = 512 };

struct view {
    struct hd_examination *examination;
    const struct hd_check *check;
    char *interfaces; /* the text of ip_mr_vif */
    uint32_t routes;  /* in the cache */
    uint32_t reported;
};

static void report_unresolved(const struct view *view, const char *group, const char *source)
{
    struct herald_finding *finding = hd_report(view->examination, view->check, HERALD_FINDING_FAULT, NULL);

    hd_say(finding->seen, "%s sends to %s, and this router has no multicast route for it", source, group);
    hd_say(finding->meaning,
           "the packets go no further: the routing daemon does not know the group, or does not answer");
    hd_say(finding->remedy, "add a route in the routing daemon, with smcroute: smcroutectl add IN %s %s OUT", source,
           group);
}

static void report_wrong(const struct view *view, const struct hd_mroute *route, const char *group, const char *source)
{
    bool all = route->wrong >= route->packets;
    struct herald_finding *finding = hd_report(view->examination, view->check,
                                               all ? HERALD_FINDING_FAULT : HERALD_FINDING_WARNING, NULL);
    char input[HERALD_INTERFACE_NAME_BYTES];

    hd_mroute_interface(view->interfaces, route->input, input);
    hd_say(finding->seen, "%s%" PRIu64 " packets from %s to %s did not come in by %s", all ? "all " : "", route->wrong,
           source, group, input);
    hd_say(finding->meaning, "a router drops what comes in by another interface than the route says (RPF check)");
    hd_say(finding->remedy,
           "make the multicast route begin at the interface where the packets come in: for a routing "
           "daemon that follows unicast routes, by a route to %s",
           source);
}

static void report_nowhere(const struct view *view, const struct hd_mroute *route, const char *group,
                           const char *source)
{
    struct herald_finding *finding = hd_report(view->examination, view->check, HERALD_FINDING_WARNING, NULL);
    char input[HERALD_INTERFACE_NAME_BYTES];

    hd_mroute_interface(view->interfaces, route->input, input);
    hd_say(finding->seen, "%s from %s comes in by %s, and this router sends it nowhere", group, source, input);
    hd_say(finding->meaning, "nobody on its other networks has asked for the group, or the routing daemon has no route "
                             "for it");
    hd_say(finding->remedy,
           "join the group on the other side; for a static route, with smcroute: "
           "smcroutectl add %s %s %s OUT",
           input, source, group);
}

static void report_fine(const struct view *view, const struct hd_mroute *route, const char *group, const char *source)
{
    char input[HERALD_INTERFACE_NAME_BYTES], output[HERALD_INTERFACE_NAME_BYTES];
    char outputs[128] = "";
    size_t length = 0;

    hd_mroute_interface(view->interfaces, route->input, input);
    for (uint32_t i = 0; i < route->output_count && length + 2 + sizeof output < sizeof outputs; i++) {
        hd_mroute_interface(view->interfaces, route->outputs[i], output);
        length += (size_t)snprintf(outputs + length, sizeof outputs - length, "%s%s", i == 0 ? "" : ", ", output);
    }
    hd_report_ok(view->examination, view->check, NULL, "routes %s from %s: in by %s, out by %s", group, source, input,
                 outputs);
}

static void look_at(struct view *view, const struct hd_mroute *route)
{
    const struct herald_endpoint *endpoint = &view->examination->facts.endpoint;
    char group[HERALD_ADDRESS_TEXT_BYTES], source[HERALD_ADDRESS_TEXT_BYTES];

    view->routes++;
    if (!view->examination->facts.endpoint_given || !herald_address_equal(&route->group, &endpoint->group) ||
        (endpoint->source.family != HERALD_FAMILY_NONE && !herald_address_equal(&route->source, &endpoint->source)))
        return;
    if (hd_is_own_address(&route->source))
        return; /* what we sent ourselves to try it */
    view->reported++;
    hd_address_text(&route->group, group);
    hd_address_text(&route->source, source);
    if (route->input < 0)
        report_unresolved(view, group, source);
    else if (route->wrong > 0)
        report_wrong(view, route, group, source);
    else if (route->output_count == 0)
        report_nowhere(view, route, group, source);
    else
        report_fine(view, route, group, source);
}

static void look_at_all(struct view *view, enum herald_family family, const char *cache)
{
    while (*cache != '\0') {
        size_t length = strcspn(cache, "\n");
        char line[LINE_BYTES];
        struct hd_mroute route;

        (void)snprintf(line, sizeof line, "%.*s", (int)(length < sizeof line ? length : sizeof line - 1), cache);
        if (hd_mroute_parse(family, line, &route) == 0)
            look_at(view, &route);
        cache += length + (cache[length] == '\n');
    }
}

int hd_check_router(struct hd_examination *examination, const struct hd_check *check)
{
    bool ipv6 = hd_is_ipv6(examination);
    struct view view = { .examination = examination, .check = check };
    int64_t forwarding = 0;
    char *cache = NULL;
    int result;

    if (hd_host_setting(&forwarding, "net/%s/conf/all/mc_forwarding", ipv6 ? "ipv6" : "ipv4") < 0 || forwarding == 0)
        return 0; /* most hosts are no multicast router */
    result = hd_host_read_all(ipv6 ? "/proc/net/ip6_mr_vif" : "/proc/net/ip_mr_vif", &view.interfaces);
    if (result >= 0)
        result = hd_host_read_all(ipv6 ? "/proc/net/ip6_mr_cache" : "/proc/net/ip_mr_cache", &cache);
    if (result >= 0) {
        look_at_all(&view, examination->facts.endpoint.group.family, cache);
        if (view.reported == 0)
            hd_report_ok(examination, check, NULL, "this host routes multicast: %" PRIu32 " route%s%s", view.routes,
                         view.routes == 1 ? "" : "s",
                         examination->facts.endpoint_given ? ", none of them for this group" : "");
    }
    free(cache);
    free(view.interfaces);
    return result < 0 ? result : 0;
}
