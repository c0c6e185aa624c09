/* SPDX-License-Identifier: MIT */
/* Another host: whether it is there, what it finds itself, and small datagrams there and back in both ways. */
#include "address.h" /* of src/io */
#include "checks.h"
#include "host.h"
#include "peer.h"
#include "rules.h"

#include <ifaddrs.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define NS_PER_US 1000

static const char conntrack_meaning[] = "a firewall here lets in only answers that it knows the question of (ct state "
                                        "established), and a question to a group has no such answers: herald send and "
                                        "ping hear nobody";

/* ---- whether it is there --------------------------------------------------------------------- */

/* The endpoint as the other host would name it: of an SSM group it wants us as the source. */
static const char *endpoint_text(const struct hd_examination *examination, char ret_text[HERALD_ENDPOINT_TEXT_BYTES])
{
    struct herald_endpoint endpoint = examination->facts.endpoint;

    endpoint.group_count = 1;
    if (herald_address_is_ssm(&endpoint.group))
        endpoint.source = examination->facts.own_source;
    else
        endpoint.source = (struct herald_address){ .family = HERALD_FAMILY_NONE };
    (void)herald_endpoint_format(&endpoint, ret_text, HERALD_ENDPOINT_TEXT_BYTES);
    return ret_text;
}

static void report_missing(struct hd_examination *examination, const struct hd_check *check)
{
    const struct hd_peer *peer = examination->peer;
    struct herald_finding *finding = hd_report(examination, check, HERALD_FINDING_FAULT, NULL);
    const char *name = examination->config.peer;
    char endpoint[HERALD_ENDPOINT_TEXT_BYTES];
    char address[HERALD_ADDRESS_TEXT_BYTES] = "";

    hd_address_text(&peer->resolved, address);
    if (peer->resolved.family == HERALD_FAMILY_NONE)
        hd_say(finding->seen, "nobody called %.64s answers in the group, and the name has no %s address", name,
               hd_is_ipv6(examination) ? "IPv6" : "IPv4");
    else
        hd_say(finding->seen, "%.64s%s%s does not answer: not to the group, and not by unicast at ports 9903 and 4321",
               name, strcmp(name, address) != 0 ? ", " : "", strcmp(name, address) != 0 ? address : "");
    if (peer->other_count > 0)
        hd_say(finding->meaning, "the group itself works: %zu other%s answer%s (%s)", peer->other_count,
               peer->other_count == 1 ? "" : "s", peer->other_count == 1 ? "s" : "", peer->others);
    else
        hd_say(finding->meaning, "no herald that answers runs there, or nothing gets through, not even by unicast");
    hd_say(finding->remedy, "on %.64s: herald ping --respond %s", name, endpoint_text(examination, endpoint));
}

static const char *how_found(enum hd_peer_found found)
{
    switch (found) {
    case HD_PEER_NOT_FOUND:
        return "was not found";
    case HD_PEER_BY_GROUP:
        return "answers to the group";
    case HD_PEER_BY_UNICAST:
        return "answers by unicast only";
    case HD_PEER_BY_PORT:
        return "answers to the group, but to its own port only";
    case HD_PEER_BY_TTL:
        return "answers to the group with a larger TTL";
    }
    return "?";
}

int hd_check_peer(struct hd_examination *examination, const struct hd_check *check)
{
    struct hd_peer *peer;
    int result = hd_peer_find(examination);

    if (result < 0)
        return result;
    peer = examination->peer;
    if (peer->found == HD_PEER_NOT_FOUND && peer->is_us) {
        hd_report_skipped(examination, check, "%.64s is this host: name another one", examination->config.peer);
        return 0;
    }
    if (peer->found == HD_PEER_NOT_FOUND) {
        report_missing(examination, check);
        return 0;
    }
    result = hd_peer_ask_findings(examination);
    if (result == 0)
        result = hd_peer_ask_in_turns(examination, 1, examination->facts.ttl, &peer->sizes[0]);
    if (result < 0)
        return result;
    if (peer->hops < 0)
        peer->hops = peer->sizes[0].member.hops_unicast;
    hd_peer_keep(peer, "steady", &peer->sizes[0]);
    hd_report_ok(examination, check, examination->facts.interface.name, "%s %s%s", peer->name, how_found(peer->found),
                 peer->hops > 0 ? ", from behind a router" : "");
    return 0;
}

/* The series of the smallest datagrams; NULL: there is no peer. */
static const struct hd_peer_series *small(const struct hd_examination *examination)
{
    const struct hd_peer *peer = examination->peer;

    return peer != NULL && peer->found != HD_PEER_NOT_FOUND ? &peer->sizes[0] : NULL;
}

/* ---- what it finds itself -------------------------------------------------------------------- */

int hd_check_peer_told(struct hd_examination *examination, const struct hd_check *check)
{
    const struct hd_peer *peer = examination->peer;

    if (small(examination) == NULL)
        return 0;
    if (!peer->has_told) {
        hd_report_skipped(examination, check,
                          "%s does not tell what it finds: unicast does not get there and back, or it is asked too "
                          "often (then wait 10 s), or it is an older herald",
                          peer->name);
        return 0;
    }
    for (int i = 0; i < peer->told_count; i++) {
        struct herald_finding *finding = hd_report(examination, check, peer->told[i].level, NULL);

        *finding = peer->told[i];
        (void)snprintf(finding->host, sizeof finding->host, "%s", peer->host);
    }
    if (!peer->told_is_whole) {
        struct herald_finding *finding = hd_report(examination, check, HERALD_FINDING_WARNING, NULL);
        char endpoint[HERALD_ENDPOINT_TEXT_BYTES];

        hd_say(finding->seen, "%s finds more than it could tell", peer->name);
        hd_say(finding->remedy, "on %.64s: herald doctor %s", peer->host, endpoint_text(examination, endpoint));
    } else if (peer->told_count == 0) {
        hd_report_ok(examination, check, NULL, "%s finds nothing wrong with itself, as far as it sees in passing",
                     peer->name);
    }
    return 0;
}

/* ---- there ----------------------------------------------------------------------------------- */

/* Could not even be sent, or not any more. @return whether that was it. */
static bool report_unsent(struct hd_examination *examination, const struct hd_check *check,
                          const struct hd_peer_series *series, const struct hd_peer_way *way)
{
    struct herald_finding *finding;

    if (series->code == 0 || (way->sent > 0 && !series->broken))
        return false;
    finding = hd_report(examination, check, HERALD_FINDING_FAULT, examination->facts.interface.name);
    hd_say(finding->seen, "this host cannot %s to %s: %s", way->sent > 0 ? "go on sending" : "send",
           examination->peer->name, series->error.cause);
    hd_say(finding->remedy, "%s", series->error.advice);
    return true;
}

int hd_check_peer_unicast(struct hd_examination *examination, const struct hd_check *check)
{
    const struct hd_peer_series *series = small(examination);
    const struct hd_peer_way *way;
    struct herald_finding *finding;
    char median[48] = "";
    const char *name;

    if (series == NULL || report_unsent(examination, check, series, &series->to_host))
        return 0;
    way = &series->to_host;
    name = examination->peer->name;
    if (!series->answered) {
        finding = hd_report(examination, check, HERALD_FINDING_FAULT, NULL);
        hd_say(finding->seen, "%s answered when it was called, but none of %u requests after that", name, way->sent);
        hd_say(finding->meaning, "it has just ended, or what answers is limited in rate on the way");
        hd_say(finding->remedy, "ask again");
    } else if (way->answered == 0) {
        hd_report_skipped(examination, check,
                          "requests by unicast to port %u of %s %s: they cannot be compared with those to the group",
                          examination->peer->at.port, name,
                          way->arrived == 0 ? "do not arrive, perhaps by its firewall" : "are not answered");
    } else if (way->answered + 1 < way->sent && series->member.answers_withheld <= 0) {
        finding = hd_report(examination, check, HERALD_FINDING_WARNING, NULL);
        hd_say(finding->seen, "%u of %u requests by unicast to %s were answered", way->answered, way->sent, name);
        hd_say(finding->meaning, "the network loses packets even one at a time: look at cables, WiFi, load");
    } else {
        if (way->by_unicast > 0) /* otherwise its answers came by multicast alone */
            (void)snprintf(median, sizeof median, ", median %" PRId64 " us",
                           hd_peer_median(way->unicast_ns, way->by_unicast) / NS_PER_US);
        hd_report_ok(examination, check, NULL, "%u of %u requests answered%s", way->answered, way->sent, median);
    }
    return 0;
}

/* Tries the TTL that the distance asks for. @return 1 that is it, and it was reported; 0; -ECANCELED. */
static int try_ttl(struct hd_examination *examination, const struct hd_check *check)
{
    const struct hd_peer *peer = examination->peer;
    struct herald_finding *finding;
    struct hd_peer_series series;
    int result;

    if (peer->hops <= 0 || peer->hops >= 254 || examination->facts.ttl > peer->hops)
        return 0;
    result = hd_peer_ask_in_turns(examination, 1, (uint8_t)(peer->hops + 1), &series);
    if (result < 0 || series.to_group.arrived <= 0)
        return result;
    finding = hd_report(examination, check, HERALD_FINDING_FAULT, examination->facts.interface.name);
    finding->check = "ttl";
    hd_say(finding->seen,
           "%s is behind %d router%s: with TTL %u nothing sent to the group reaches it, with TTL %d all does",
           peer->name, peer->hops, peer->hops == 1 ? "" : "s", examination->facts.ttl, peer->hops + 1);
    hd_say(finding->meaning, "each router takes one off the TTL, and what has none left is dropped");
    hd_say(finding->remedy, "send with --ttl %d", peer->hops + 1);
    return 1;
}

static void report_not_there(struct hd_examination *examination, const struct hd_check *check,
                             const struct hd_peer_way *way)
{
    const struct hd_peer *peer = examination->peer;
    struct herald_finding *finding = hd_report(examination, check, HERALD_FINDING_FAULT,
                                               examination->facts.interface.name);
    char endpoint[HERALD_ENDPOINT_TEXT_BYTES];
    char source[HERALD_ADDRESS_TEXT_BYTES];
    char group[HERALD_ADDRESS_TEXT_BYTES];

    hd_say(finding->seen, "%s gets unicast from here, and none of %u datagrams to %s", peer->name, way->sent,
           hd_group_text(examination, group));
    if (peer->hops > 0)
        hd_say(finding->meaning, "the %d router%s between do%s not forward the group from here", peer->hops,
               peer->hops == 1 ? "" : "s", peer->hops == 1 ? "es" : "");
    else
        hd_say(finding->meaning,
               "it is not in the group, its firewall drops them, or a switch between does not know it as a member: no "
               "querier, or its IGMP is dropped");
    endpoint_text(examination, endpoint);
    hd_address_text(&examination->facts.own_source, source);
    hd_say(finding->remedy, "on %.64s, as root: herald doctor %s%s%s", peer->host,
           strchr(endpoint, '@') == NULL && !hd_is_ipv6(examination) ? source : "",
           strchr(endpoint, '@') == NULL && !hd_is_ipv6(examination) ? "@" : "", endpoint);
}

int hd_check_peer_multicast(struct hd_examination *examination, const struct hd_check *check)
{
    const struct hd_peer_series *series = small(examination);
    const struct hd_peer_way *way;
    struct herald_finding *finding;
    int result;

    if (series == NULL || report_unsent(examination, check, series, &series->to_group))
        return 0;
    way = &series->to_group;
    if (way->arrived < 0) {
        hd_report_skipped(examination, check, "nothing came back to tell");
    } else if (way->arrived == 0) {
        result = try_ttl(examination, check);
        if (result == 0)
            report_not_there(examination, check, way);
        return result < 0 ? result : 0;
    } else if (way->arrived + 1 < way->sent) {
        finding = hd_report(examination, check, HERALD_FINDING_WARNING, NULL);
        hd_say(finding->seen, "%" PRId64 " of %u small datagrams to the group reached %s", way->arrived, way->sent,
               examination->peer->name);
        hd_say(finding->meaning, "the network loses multicast even one datagram at a time: look at WiFi, rate limits");
    } else {
        hd_report_ok(examination, check, NULL, "%" PRId64 " of %u reached %s", way->arrived, way->sent,
                     examination->peer->name);
    }
    return 0;
}

/* ---- back ------------------------------------------------------------------------------------ */

/* What the kernel gives to sockets that do not ask for a port. */
static void free_ports(char *ret_text, size_t size_bytes)
{
    int first = 32768;
    int last = 60999;
    char text[64];

    if (hd_host_read("/proc/sys/net/ipv4/ip_local_port_range", text, sizeof text) > 0)
        (void)sscanf(text, "%d %d", &first, &last);
    (void)snprintf(ret_text, size_bytes, "%d-%d", first, last);
}

/* The part of the network that we share with the peer, "10.0.0.0/24"; its address if it is not on ours. */
static void neighbourhood(const struct hd_examination *examination, char *ret_text, size_t size_bytes)
{
    const struct herald_address *peer = &examination->peer->at.address;
    size_t address_bytes = peer->family == HERALD_FAMILY_IPV4 ? 4 : 16;
    char address[HERALD_ADDRESS_TEXT_BYTES];
    struct ifaddrs *list = NULL;

    (void)snprintf(ret_text, size_bytes, "%s", hd_address_text(peer, address));
    if (getifaddrs(&list) < 0)
        return;
    for (const struct ifaddrs *i = list; i != NULL; i = i->ifa_next) {
        struct herald_peer own, mask;
        struct herald_address network = *peer;
        bool same = true;
        int bits = 0;

        if (i->ifa_addr == NULL || i->ifa_netmask == NULL)
            continue;
        hd_peer_from_sockaddr(i->ifa_addr, &own);
        hd_peer_from_sockaddr(i->ifa_netmask, &mask);
        for (size_t k = 0; k < address_bytes; k++) {
            network.bytes[k] = peer->bytes[k] & mask.address.bytes[k];
            same = same && (own.address.bytes[k] & mask.address.bytes[k]) == network.bytes[k];
            bits += __builtin_popcount(mask.address.bytes[k]);
        }
        if (own.address.family != peer->family || !same || bits == 0)
            continue;
        (void)snprintf(ret_text, size_bytes, "%s/%d", hd_address_text(&network, address), bits);
        break;
    }
    freeifaddrs(list);
}

/* The rule that lets in what the peer, and its neighbours, send to such ports. */
static void advise_rule(const struct hd_examination *examination, struct herald_finding *finding)
{
    const struct herald_doctor_facts *facts = &examination->facts;
    char network[HERALD_ADDRESS_TEXT_BYTES + 8];
    struct hd_chains chains;
    char match[160];
    char ports[24];

    free_ports(ports, sizeof ports);
    neighbourhood(examination, network, sizeof network);
    (void)snprintf(match, sizeof match, "%s saddr %s udp dport %s", hd_is_ipv6(examination) ? "ip6" : "ip", network,
                   ports);
    if (facts->net_admin && hd_chains_read(&chains) == 0 &&
        hd_chains_remedy(&chains, facts->endpoint.group.family, HD_PLACE_IN, match, finding->remedy) > 0)
        finding->remedy_is_command = true;
    else
        hd_say(
            finding->remedy,
            "herald send --reply-port N, and open UDP port N in the firewall; or let all answers in: nft insert rule "
            "inet filter input %s accept",
            match);
}

/* Its answers came when the group's own port was asked from, and did not when another was. */
static void report_own_port(struct hd_examination *examination, const struct hd_check *check)
{
    struct herald_finding *finding = hd_report(examination, check, HERALD_FINDING_FAULT,
                                               examination->facts.interface.name);
    char group[HERALD_ADDRESS_TEXT_BYTES];

    hd_say(finding->seen, "%s answers requests to %s by unicast, which comes back to port %u and to no other",
           examination->peer->name, hd_group_text(examination, group), examination->facts.endpoint.port);
    hd_say(finding->meaning, "%s", conntrack_meaning);
    advise_rule(examination, finding);
}

int hd_check_peer_replies(struct hd_examination *examination, const struct hd_check *check)
{
    const struct hd_peer_series *series = small(examination);
    struct herald_finding *finding;
    const char *name;

    if (series == NULL || series->to_group.arrived <= 0)
        return 0;
    name = examination->peer->name;
    if (examination->peer->found == HD_PEER_BY_PORT) {
        report_own_port(examination, check);
        return 0;
    }
    if (series->to_group.by_unicast > 0) {
        hd_report_ok(examination, check, NULL, "%s answers the group's requests by unicast, median %" PRId64 " us",
                     name, hd_peer_median(series->to_group.unicast_ns, series->to_group.by_unicast) / NS_PER_US);
        return 0;
    }
    finding = hd_report(examination, check, HERALD_FINDING_FAULT, examination->facts.interface.name);
    hd_say(finding->seen,
           "%s got %" PRId64 " requests to the group and answered by unicast, and no answer came back; to requests by "
           "unicast %s",
           name, series->to_group.arrived, series->to_host.by_unicast > 0 ? "they come" : "none comes either");
    if (series->to_host.by_unicast > 0)
        hd_say(finding->meaning, "%s", conntrack_meaning);
    else
        hd_say(finding->meaning, "a firewall here or between drops what it sends to this host");
    advise_rule(examination, finding);
    return 0;
}

int hd_check_peer_back(struct hd_examination *examination, const struct hd_check *check)
{
    const struct hd_peer_series *series = small(examination);
    struct herald_finding *finding;
    uint64_t came;
    uint64_t sent;

    if (series == NULL || !series->answered)
        return 0;
    came = (uint64_t)series->to_group.by_multicast + series->to_host.by_multicast;
    sent = came + (series->member.answers_lost_multicast > 0 ? (uint64_t)series->member.answers_lost_multicast : 0);
    if (sent == 0) {
        hd_report_skipped(examination, check, "%s has sent nothing to the group%s", examination->peer->name,
                          series->to_group.arrived == 0 ? ", of which it hears nothing" : "");
    } else if (came == 0 || came + 2 < sent) {
        finding = hd_report(examination, check, came == 0 ? HERALD_FINDING_FAULT : HERALD_FINDING_WARNING,
                            examination->facts.interface.name);
        hd_say(finding->seen, "%" PRIu64 " of %" PRIu64 " answers that %s sent to the group reached this host", came,
               sent, examination->peer->name);
        hd_say(finding->meaning,
               came == 0 ? "multicast gets there but not back: a switch does not know this host as a member (no "
                           "querier, IGMP dropped), or a firewall here or there drops it"
                         : "the network loses multicast even one datagram at a time: look at WiFi, rate limits");
        if (came == 0)
            hd_say(finding->remedy,
                   "see with tcpdump whether they arrive on %s: if so, open UDP ports in the firewall here, if not, "
                   "mend the switch; bridge mdb show tells whom a Linux bridge knows",
                   examination->facts.interface.name);
    } else {
        hd_report_ok(examination, check, NULL, "%" PRIu64 " of %" PRIu64 " answers to the group arrived here", came,
                     sent);
    }
    return 0;
}
