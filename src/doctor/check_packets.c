/* SPDX-License-Identifier: MIT */
/* What is lost below the sockets: fragments, and packets that nobody had room for. */
#include "checks.h"
#include "examination.h"
#include "host.h"
#include "rules.h"
#include "traffic.h"

#include <stdio.h>
#include <stdlib.h>

enum { HEADERS_IPV4 = 28, HEADERS_IPV6 = 48 };

/* ---- fragments ------------------------------------------------------------------------------- */

/* Somebody whose fragments come in while none of his datagrams is heard whole; NULL. */
static const struct hd_stream *find_fragments(const struct hd_traffic *traffic)
{
    for (size_t i = 0; i < traffic->stream_count; i++) {
        const struct hd_stream *stream = &traffic->streams[i];

        if (stream->fragment_count > 0 && stream->fragment_count == stream->wire_count &&
            !hd_traffic_hears(traffic, &stream->source))
            return stream;
    }
    return NULL;
}

static void report_fragments(struct hd_examination *examination, const struct hd_check *check,
                             const struct hd_stream *stream, const struct hd_host_counts *counts)
{
    const struct herald_doctor_facts *facts = &examination->facts;
    bool ipv6 = hd_is_ipv6(examination);
    const char *interface = stream != NULL ? hd_interface_name(examination, stream->interface_index) : NULL;
    struct herald_finding *finding = hd_report(examination, check, HERALD_FINDING_FAULT, interface);
    uint32_t mtu_bytes = facts->interface.mtu_bytes > 0 ? facts->interface.mtu_bytes : 1500;
    char source[HERALD_ADDRESS_TEXT_BYTES];
    char group[HERALD_ADDRESS_TEXT_BYTES];
    char match[128];
    struct hd_chains chains;

    hd_group_text(examination, group);
    if (stream != NULL)
        hd_say(finding->seen, "%llu fragments from %s to %s came in, and no datagram was put together from them",
               (unsigned long long)stream->fragment_count, hd_address_text(&stream->source, source), group);
    else
        hd_say(finding->seen, "%llu fragments came in, and no datagram was put together from them",
               (unsigned long long)counts->fragments);
    hd_say(finding->meaning,
           "datagrams larger than %u bytes are lost on the way in: something drops some or all of "
           "their fragments",
           mtu_bytes - (ipv6 ? HEADERS_IPV6 : HEADERS_IPV4));
    (void)snprintf(match, sizeof match, "%s daddr %s", ipv6 ? "ip6" : "ip", group);
    if (facts->net_admin && hd_chains_read(&chains) == 0 &&
        hd_chains_remedy(&chains, facts->endpoint.group.family, HD_PLACE_IN, match, finding->remedy) > 0)
        finding->remedy_is_command = true;
    else
        hd_say(finding->remedy,
               "have the sender send at most %u bytes at a time, or let fragments through the firewall",
               mtu_bytes - (ipv6 ? HEADERS_IPV6 : HEADERS_IPV4));
}

int hd_check_fragments(struct hd_examination *examination, const struct hd_check *check)
{
    const struct hd_traffic *traffic;
    const struct hd_stream *stream;
    const struct hd_host_counts *counts;
    int result = hd_traffic_watch(examination, &traffic);

    if (result < 0 || traffic->join_code < 0)
        return result;
    counts = &traffic->member;
    stream = find_fragments(traffic);
    if (stream != NULL)
        report_fragments(examination, check, stream, counts);
    else if (counts->fragments > 1 && counts->reassembled == 0)
        report_fragments(examination, check, NULL, counts);
    else if (counts->fragments > 0)
        hd_report_ok(examination, check, NULL, "%llu datagrams were put together from %llu fragments",
                     (unsigned long long)counts->reassembled, (unsigned long long)counts->fragments);
    else
        hd_report_ok(examination, check, NULL, "none came");
    return 0;
}

/* ---- room ------------------------------------------------------------------------------------ */

static void report_backlog(struct hd_examination *examination, const struct hd_check *check, uint64_t dropped)
{
    struct herald_finding *finding = hd_report(examination, check, HERALD_FINDING_FAULT, NULL);
    int64_t backlog = 1000;

    (void)hd_host_setting(&backlog, "net/core/netdev_max_backlog");
    hd_say(finding->seen, "the kernel dropped %llu packets while we looked: a processor's backlog was full",
           (unsigned long long)dropped);
    hd_say(finding->meaning, "more comes in at once than this host can look at; any traffic may suffer");
    hd_say(finding->remedy, "sysctl -w net.core.netdev_max_backlog=%lld", 8 * (long long)backlog);
    finding->remedy_is_command = true;
}

static void report_nic(struct hd_examination *examination, const struct hd_check *check,
                       const struct herald_loss_report *loss)
{
    const char *interface = loss->interface[0] != '\0' ? loss->interface : examination->facts.interface.name;
    struct herald_finding *finding = hd_report(examination, check, HERALD_FINDING_FAULT, interface);
    char word[HD_WORD_BYTES];

    hd_word(interface, word);
    hd_say(finding->seen, "%s dropped %llu packets while we looked: its ring was full, or they came damaged", interface,
           (unsigned long long)loss->counters.nic_errors);
    hd_say(finding->meaning, "more comes in at once than this host fetches, or the cable is bad; any traffic may "
                             "suffer");
    hd_say(finding->remedy,
           "ethtool -S %s tells which; ethtool -g %s shows how large its ring may become, and ethtool -G sets it", word,
           word);
}

/* Told to take all groups it brings the packets, and otherwise not, though the kernel told it the group. */
static void report_filter(struct hd_examination *examination, const struct hd_check *check, uint64_t count)
{
    const char *interface = examination->facts.interface.name;
    struct herald_finding *finding = hd_report(examination, check, HERALD_FINDING_FAULT, interface);
    char group[HERALD_ADDRESS_TEXT_BYTES], word[HD_WORD_BYTES];

    hd_group_text(examination, group);
    hd_say(finding->seen,
           "%s brings nothing to %s, though it is joined; told to take all groups it brought %llu packets", interface,
           group, (unsigned long long)count);
    hd_say(finding->meaning, "the filter of the network card or of its driver loses groups that it should let in");
    hd_say(finding->remedy, "ip link set %s allmulticast on", hd_word(interface, word));
    finding->remedy_is_command = true;
}

int hd_check_nic(struct hd_examination *examination, const struct hd_check *check)
{
    const struct hd_traffic *traffic;
    int result = hd_traffic_watch(examination, &traffic);

    if (result < 0 || traffic->join_code < 0)
        return result;
    if (traffic->filtered > 0)
        report_filter(examination, check, traffic->filtered);
    else if (traffic->loss.counters.backlog_drops > 0)
        report_backlog(examination, check, traffic->loss.counters.backlog_drops);
    else if (traffic->loss.counters.nic_errors > 0)
        report_nic(examination, check, &traffic->loss);
    else
        hd_report_ok(examination, check, NULL, "nothing was dropped for lack of room");
    return 0;
}
