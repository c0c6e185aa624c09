/* SPDX-License-Identifier: MIT */
/* Whether this host's firewall drops data, and what says that we are members: the one now, the other in minutes. */
#include "address.h"
#include "checks.h"
#include "examination.h"
#include "host.h"
#include "joined.h"
#include "loop.h"
#include "provoke.h"
#include "rules.h"
#include "sockopt.h"
#include "trace.h"
#include "traffic.h"

#include <errno.h>
#include <netinet/icmp6.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { REPORT_WAIT_MS = 1500, QUERY_WAIT_MS = 300, POLL_MS = 20, TRACE_WAIT_MS = 200, JOINED_MS = 1000 };

/* ---- what to do ------------------------------------------------------------------------------ */

/* What is dropped, in nft's words and in the trace's, and what makes it happen once more. */
struct dropped {
    enum hd_chain_place place;
    char rule[128]; /* "ip daddr 239.1.2.3 udp dport 10000" */
    struct hd_trace_match match;
    int (*again)(struct hd_examination *examination);
};

/* With --trace: the very rule. @return 1 it was found; 0; -errno. */
static int advise_traced(struct hd_examination *examination, struct herald_finding *finding,
                         const struct dropped *dropped)
{
    struct hd_trace_drop drop = { .handle = 0 };
    struct hd_trace trace;
    size_t length = strlen(finding->seen);
    int result = hd_trace_open(&dropped->match, &trace);

    if (result < 0)
        return result;
    result = dropped->again(examination);
    if (result == 0)
        result = hd_trace_wait(examination, &trace, herald_clock_ns() + TRACE_WAIT_MS * UINT64_C(1000000), &drop);
    hd_trace_close(&trace);
    if (result <= 0)
        return result;
    if (drop.handle != 0)
        (void)snprintf(finding->seen + length, sizeof finding->seen - length, "; dropped by rule %llu of %s %s %s",
                       (unsigned long long)drop.handle, drop.family, drop.table, drop.chain);
    else
        (void)snprintf(finding->seen + length, sizeof finding->seen - length, "; dropped by the policy of %s %s %s",
                       drop.family, drop.table, drop.chain);
    hd_say(finding->remedy, "nft insert rule %s %s %s %s accept", drop.family, drop.table, drop.chain, dropped->rule);
    finding->remedy_is_command = true;
    return 1;
}

/* The command that opens the firewall, if its rules can be read; else what root would tell. @return 0; -ECANCELED. */
static int advise(struct hd_examination *examination, struct herald_finding *finding, const struct dropped *dropped)
{
    enum herald_family family = examination->facts.endpoint.group.family;
    struct hd_chains chains;
    int result = 0, count = 0;

    if (!examination->facts.net_admin) {
        hd_say(finding->remedy, "allow it in the firewall: as root, herald doctor names the rule to insert");
        return 0;
    }
    if (examination->config.trace)
        result = advise_traced(examination, finding, dropped);
    if (result == 1 || result == -ECANCELED)
        return result == 1 ? 0 : result;
    if (hd_chains_read(&chains) == 0)
        count = hd_chains_remedy(&chains, family, dropped->place, dropped->rule, finding->remedy);
    finding->remedy_is_command = count > 0;
    if (count == -E2BIG)
        hd_say(finding->remedy, "many chains may drop it: herald doctor with --trace names the rule that does");
    else if (count == 0)
        hd_say(finding->remedy, "no chain of nftables drops it: look at iptables-legacy -S, and for BPF programs at "
                                "bpftool net");
    return 0;
}

static int advise_data(struct hd_examination *examination, struct herald_finding *finding, enum hd_chain_place place,
                       int (*again)(struct hd_examination *examination))
{
    const struct herald_endpoint *endpoint = &examination->facts.endpoint;
    struct dropped dropped = {
        .place = place,
        .match = { .family = endpoint->group.family, .protocol = IPPROTO_UDP, .port = endpoint->port },
        .again = again,
    };
    char group[HERALD_ADDRESS_TEXT_BYTES];

    (void)snprintf(dropped.rule, sizeof dropped.rule, "%s daddr %s udp dport %u",
                   hd_is_ipv6(examination) ? "ip6" : "ip", hd_group_text(examination, group), endpoint->port);
    return advise(examination, finding, &dropped);
}

/* ---- data ------------------------------------------------------------------------------------ */

static int loop_again(struct hd_examination *examination)
{
    struct hd_loop loop;

    return hd_loop_try(examination, &loop);
}

static int report_loop(struct hd_examination *examination, const struct hd_check *check, const struct hd_loop *loop)
{
    const struct herald_doctor_facts *facts = &examination->facts;
    bool refused = loop->outcome == HD_LOOP_REFUSED;
    /* A firewall that opens ports one by one has none open for a group that we made up. */
    struct herald_finding *finding = hd_report(examination, check,
                                               facts->endpoint_given ? HERALD_FINDING_FAULT : HERALD_FINDING_WARNING,
                                               facts->interface.name);
    char group[HERALD_ADDRESS_TEXT_BYTES];

    hd_group_text(examination, group);
    if (!refused && !facts->endpoint_given) {
        hd_say(finding->seen, "this host's firewall drops datagrams to a port that was taken at random (%u)",
               loop->port);
        hd_say(finding->meaning, "programs here hear a group only if the firewall has its port open");
    } else if (refused) {
        hd_say(finding->seen, "this host's firewall does not let it send to %s port %u on %s", group, loop->port,
               facts->interface.name);
        hd_say(finding->meaning, "senders get \"Operation not permitted\", and nothing leaves");
    } else {
        hd_say(finding->seen, "a datagram to %s port %u, sent and joined on %s, does not come back to this host", group,
               loop->port, facts->interface.name);
        hd_say(finding->meaning, "the firewall of this host drops data of the group, and programs here hear nothing");
    }
    if (!facts->endpoint_given)
        hd_say(finding->remedy, "name the group, to see whether it is let in: herald doctor GROUP:PORT");
    else
        return advise_data(examination, finding, refused ? HD_PLACE_OUT : HD_PLACE_IN, loop_again);
    return 0;
}

/* Somebody whose datagrams come in on an interface that was joined, but reach no socket; NULL. */
static const struct hd_stream *find_unheard(const struct hd_examination *examination, const struct hd_traffic *traffic)
{
    const struct herald_doctor_facts *facts = &examination->facts;

    for (size_t i = 0; i < traffic->stream_count; i++) {
        const struct hd_stream *stream = &traffic->streams[i];
        bool whole = stream->wire_count > stream->fragment_count;
        bool wanted = facts->endpoint.source.family == HERALD_FAMILY_NONE ||
                      herald_address_equal(&facts->endpoint.source, &stream->source);
        const struct herald_interface *interface = hd_interface_by_index(examination, stream->interface_index);
        bool joined = interface != NULL && hd_interface_works(interface) &&
                      (examination->config.interface == NULL || interface->index == facts->interface.index);

        if (stream->port == facts->endpoint.port && whole && wanted && joined &&
            !hd_traffic_hears(traffic, &stream->source) && !hd_is_own_address(&stream->source))
            return stream;
    }
    return NULL;
}

/* Is a member for a moment: what others send comes in meanwhile. */
static int join_again(struct hd_examination *examination)
{
    struct herald_endpoint endpoint = examination->facts.endpoint;
    const struct herald_receiver_config config = {
        .endpoints = &endpoint,
        .endpoint_count = 1,
        .interfaces = &examination->config.interface,
        .interface_count = examination->config.interface != NULL ? 1 : 0,
    };
    herald_receiver *receiver;
    int result;

    endpoint.group_count = 1;
    result = herald_receiver_new(&receiver, &config, NULL);
    if (result < 0)
        return result;
    result = hd_wait(examination, -1, herald_clock_ns() + JOINED_MS * UINT64_C(1000000));
    (void)herald_receiver_free(receiver);
    return result;
}

static int report_unheard(struct hd_examination *examination, const struct hd_check *check,
                          const struct hd_stream *stream)
{
    const char *interface = hd_interface_name(examination, stream->interface_index);
    struct herald_finding *finding = hd_report(examination, check, HERALD_FINDING_FAULT, interface);
    char group[HERALD_ADDRESS_TEXT_BYTES];
    char source[HERALD_ADDRESS_TEXT_BYTES];

    hd_say(finding->seen, "%llu datagrams from %s to %s came in on %s, and none of them reached a socket",
           (unsigned long long)stream->wire_count, hd_address_text(&stream->source, source),
           hd_group_text(examination, group), interface);
    hd_say(finding->meaning, "the firewall of this host drops them");
    return advise_data(examination, finding, HD_PLACE_IN, join_again);
}

int hd_check_firewall(struct hd_examination *examination, const struct hd_check *check)
{
    const struct herald_doctor_facts *facts = &examination->facts;
    const struct hd_stream *unheard = NULL;
    const struct hd_traffic *traffic;
    struct hd_loop loop;
    int result = hd_loop_try(examination, &loop);

    if (result == -EADDRINUSE)
        return 0; /* another check's */
    if (result < 0)
        return result;
    if (loop.outcome != HD_LOOP_HEARD)
        return report_loop(examination, check, &loop);
    if (facts->endpoint_given) {
        result = hd_traffic_watch(examination, &traffic);
        if (result < 0)
            return result;
        unheard = find_unheard(examination, traffic);
    }
    if (unheard != NULL)
        return report_unheard(examination, check, unheard);
    hd_report_ok(examination, check, facts->interface.name, "a datagram on %s came back after %llu us%s",
                 facts->interface.name, (unsigned long long)(loop.delay_ns / 1000),
                 loop.other_port ? " (by another port: a program uses this one)" : "");
    return 0;
}

/* ---- answers --------------------------------------------------------------------------------- */

static void report_replies(struct hd_examination *examination, const struct hd_check *check)
{
    const struct herald_doctor_facts *facts = &examination->facts;
    struct herald_finding *finding = hd_report(examination, check, HERALD_FINDING_WARNING, facts->interface.name);
    unsigned port = facts->endpoint.port == UINT16_MAX ? 1024U : facts->endpoint.port + 1U;
    struct hd_chains chains;
    char rule[64];
    char command[HERALD_FINDING_TEXT_BYTES];

    hd_say(finding->seen, "the firewall lets port %u in, but not the ports that answers come to", facts->endpoint.port);
    hd_say(finding->meaning,
           "who sends to a group from here hears no answers, for they come from hosts that it has not "
           "sent to (\"ct state established\" does not match); receiving is not affected");
    (void)snprintf(rule, sizeof rule, "udp dport %u", port);
    if (facts->net_admin && hd_chains_read(&chains) == 0 &&
        hd_chains_remedy(&chains, facts->endpoint.group.family, HD_PLACE_IN, rule, command) > 0)
        hd_say(finding->remedy, "send with --reply-port %u, and open it: %.300s", port, command);
    else
        hd_say(finding->remedy, "send with --reply-port %u, and allow UDP port %u in the firewall", port, port);
}

/*
 * An answer comes by unicast to a port of the kernel's choice, and is new to connection tracking. A firewall that opens
 * ports one by one shows itself by a datagram to such a port, which is as new to it.
 */
int hd_check_firewall_replies(struct hd_examination *examination, const struct hd_check *check)
{
    struct hd_loop loop;
    int result = hd_loop_try_answer_port(examination, &loop);

    if (result == 0 && loop.outcome == HD_LOOP_HEARD) {
        hd_report_ok(examination, check, examination->facts.interface.name, "ports that answers come to are open");
        return 0;
    }
    if (result == 0)
        result = hd_loop_try(examination, &loop);
    if (result < 0)
        return result;
    /* Otherwise more is wrong than this, and has been said. */
    if (loop.outcome == HD_LOOP_HEARD && !loop.other_port)
        report_replies(examination, check);
    return 0;
}

/* ---- membership reports that go out ---------------------------------------------------------- */

/* What the kernel counts once a packet has passed the firewall's output. -1: it does not. */
static int64_t reports_out(const struct hd_examination *examination)
{
    char path[64];
    uint64_t value, value_v1;

    if (!hd_is_ipv6(examination))
        return hd_host_counter("/proc/net/netstat", "IpExt", "OutMcastPkts", &value) < 0 ? -1 : (int64_t)value;
    (void)snprintf(path, sizeof path, "/proc/net/dev_snmp6/%s", examination->facts.interface.name);
    /* Of both versions of MLD: an old querier makes the kernel speak the first. */
    if (hd_host_counter(path, NULL, "Icmp6OutMLDv2Reports", &value) < 0 ||
        hd_host_counter(path, NULL, "Icmp6OutGroupMembResponses", &value_v1) < 0)
        return -1;
    return (int64_t)(value + value_v1);
}

/* Joining makes the kernel report within a second. @return 1 it did, 0 nothing left; -errno. */
static int watch_report(const struct hd_examination *examination, int64_t before)
{
    uint64_t deadline_ns = herald_clock_ns() + REPORT_WAIT_MS * UINT64_C(1000000);

    while (reports_out(examination) <= before) {
        int result = hd_wait(examination, -1, herald_clock_ns() + POLL_MS * UINT64_C(1000000));

        if (result < 0)
            return result;
        if (herald_clock_ns() >= deadline_ns)
            return 0;
    }
    return 1;
}

/* ---- queries that come in -------------------------------------------------------------------- */

/*
 * A query about the group that was just joined, heard by this host alone (TTL 0). With ten seconds for the answer, a
 * timer runs then; it ends when the group is left, and nothing is answered. RFC 3376, section 4.1. The kernel takes
 * robustness and interval from each query: 0 stands for its own settings and 125 s, until the querier speaks again,
 * which check_querier.c makes it do in a moment.
 */
static int send_query_ipv4(const struct hd_provocation *provocation)
{
    uint8_t query[12] = { 0x11, 100 };
    struct ip_mreqn interface = { .imr_ifindex = (int)provocation->interface_index };
    struct sockaddr_storage to;
    socklen_t length = hd_sockaddr_make(&provocation->group, 0, 0, &to);
    int fd = socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_IGMP);
    uint32_t sum = 0;
    int result = 0;

    if (fd < 0)
        return -errno;
    memcpy(query + 4, provocation->group.bytes, 4);
    for (size_t i = 0; i < sizeof query; i += 2)
        sum += (uint32_t)(query[i] << 8 | query[i + 1]);
    sum = (sum & 0xffff) + (sum >> 16);
    sum = (sum & 0xffff) + (sum >> 16);
    query[2] = (uint8_t)(~sum >> 8);
    query[3] = (uint8_t)~sum;
    if (setsockopt(fd, IPPROTO_IP, IP_MULTICAST_IF, &interface, sizeof interface) < 0 ||
        hd_socket_set_int(fd, IPPROTO_IP, IP_MULTICAST_TTL, 0) < 0 ||
        sendto(fd, query, sizeof query, 0, (const struct sockaddr *)&to, length) < 0)
        result = errno == EPERM ? -EACCES : -errno;
    close(fd);
    return result;
}

/* With hop limit 0 it stays on this host, is counted when it comes in, and means nothing to the kernel (RFC 2710). */
static int send_query_ipv6(const struct hd_provocation *provocation)
{
    uint8_t query[28] = { 130 };
    struct sockaddr_storage to;
    socklen_t length = hd_sockaddr_make(&provocation->group, 0, provocation->interface_index, &to);
    int fd = socket(AF_INET6, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_ICMPV6);
    int result = 0;

    if (fd < 0)
        return -errno;
    memcpy(query + 8, provocation->group.bytes, 16);
    if (hd_socket_set_int(fd, IPPROTO_IPV6, IPV6_MULTICAST_IF, (int)provocation->interface_index) < 0 ||
        hd_socket_set_int(fd, IPPROTO_IPV6, IPV6_MULTICAST_HOPS, 0) < 0 ||
        sendto(fd, query, sizeof query, 0, (const struct sockaddr *)&to, length) < 0)
        result = errno == EPERM ? -EACCES : -errno;
    close(fd);
    return result;
}

/* Whether the kernel got our query. @return 1 yes, 0 no, -EACCES our own could not be sent; -errno. */
static int watch_query(const struct hd_examination *examination, const struct hd_provocation *provocation)
{
    uint64_t deadline_ns;
    int result = hd_is_ipv6(examination) ? send_query_ipv6(provocation) : send_query_ipv4(provocation);

    deadline_ns = herald_clock_ns() + QUERY_WAIT_MS * UINT64_C(1000000);
    while (result == 0 && !hd_provoke_heard(provocation)) {
        if (herald_clock_ns() >= deadline_ns)
            return 0;
        result = hd_wait(examination, -1, herald_clock_ns() + POLL_MS * UINT64_C(1000000));
    }
    return result < 0 ? result : 1;
}

/* ---- both ------------------------------------------------------------------------------------ */

static int igmp_again(struct hd_examination *examination)
{
    struct hd_provocation provocation;
    int result = hd_provoke_join(&examination->facts.interface, examination->facts.endpoint.group.family, &provocation);

    if (result < 0)
        return result;
    result = watch_query(examination, &provocation);
    hd_provoke_leave(&provocation);
    return result == -ECANCELED ? result : 0;
}

static int report_memberships(struct hd_examination *examination, const struct hd_check *check, bool out)
{
    const char *interface = examination->facts.interface.name;
    struct herald_finding *finding = hd_report(examination, check, HERALD_FINDING_FAULT, interface);
    bool ipv6 = hd_is_ipv6(examination);
    const char *protocol = ipv6 ? "MLD" : "IGMP";
    struct dropped dropped = {
        .match = { .family = examination->facts.endpoint.group.family,
                   .protocol = ipv6 ? IPPROTO_ICMPV6 : IPPROTO_IGMP },
        .again = igmp_again,
    };

    if (out) {
        hd_say(finding->seen, "this host joined a group on %s, and its %s report did not leave", interface, protocol);
        hd_say(finding->meaning, "switches and routers do not learn that it is a member: nothing comes, or only until "
                                 "the first time-out");
    } else {
        hd_say(finding->seen, "the firewall of this host drops %s queries on %s", protocol, interface);
        hd_say(finding->meaning, "it never answers who still wants the group: reception works about 4 minutes after "
                                 "joining, then stops");
    }
    dropped.place = out ? HD_PLACE_OUT : HD_PLACE_IN;
    (void)snprintf(dropped.rule, sizeof dropped.rule, "%s",
                   ipv6 ? "icmpv6 type '{ 130, 131, 132, 143 }'" : "ip protocol igmp");
    return advise(examination, finding, &dropped);
}

int hd_check_firewall_igmp(struct hd_examination *examination, const struct hd_check *check)
{
    const struct herald_doctor_facts *facts = &examination->facts;
    const char *protocol = hd_is_ipv6(examination) ? "MLD" : "IGMP";
    int64_t before = reports_out(examination);
    struct hd_provocation provocation;
    int in = -EPERM;
    int out;
    int result;

    if (before < 0)
        return -ENOTSUP;
    result = hd_provoke_join(&facts->interface, facts->endpoint.group.family, &provocation);
    if (result < 0)
        return result;
    /* The query first: it is answered at once. An ordinary user may not send one. */
    if (facts->net_raw)
        in = watch_query(examination, &provocation);
    out = watch_report(examination, before);
    hd_provoke_leave(&provocation);
    if (in == -ECANCELED || out < 0)
        return out < 0 ? out : in;
    if (out == 0 || in == 0)
        return report_memberships(examination, check, out == 0);
    hd_report_ok(examination, check, facts->interface.name, "%s reports leave%s", protocol,
                 in == 1 ? ", and queries come in" : "; whether queries come in, root would see");
    return 0;
}
