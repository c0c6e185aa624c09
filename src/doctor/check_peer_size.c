/* SPDX-License-Identifier: MIT */
/* Another host: datagrams that fill a packet or exceed it, many at once, and five minutes of small ones. */
#include "checks.h"
#include "peer.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define NS_PER_S  UINT64_C(1000000000)
#define NS_PER_MS UINT64_C(1000000)

enum {
    PACKET_BYTES = 1400, /* fits into a packet nearly everywhere */
    FRAGMENTS_BYTES = 3000,
    BURST_CALLS = 3,
    BURST_INTERVAL_MS = 200,
    LONG_S = 300,
    HEADERS_IPV4 = 28,
    HEADERS_IPV6 = 48,
};

/* The peer, if small datagrams reach it and some answers come back; NULL: there is nothing to compare. */
static struct hd_peer *ready(const struct hd_examination *examination)
{
    struct hd_peer *peer = examination->peer;

    return peer != NULL && peer->found != HD_PEER_NOT_FOUND && peer->sizes[0].answered ? peer : NULL;
}

/* ---- large ones ------------------------------------------------------------------------------ */

/* What of a larger size gets lost although the smallest does not. */
struct lost {
    bool there_group, there_host;
    bool back_unicast, back_multicast;
};

static bool came_back(const struct hd_peer_series *series, bool by_multicast)
{
    return by_multicast ? series->to_group.by_multicast + series->to_host.by_multicast > 0
                        : series->to_group.by_unicast + series->to_host.by_unicast > 0;
}

/* When nothing came back at all it is open which way lost it: large requests with small answers tell. */
static int find_lost(struct hd_examination *examination, const struct hd_peer_series *large, struct lost *ret_lost)
{
    const struct hd_peer_series *small = &examination->peer->sizes[0];
    struct hd_peer_series there = *large;
    struct lost lost = { .there_group = false };

    if (!large->answered) {
        struct herald_ping_config config = hd_peer_config(examination);
        int result;

        config.member = examination->peer->at;
        config.count = 5;
        config.size_bytes = large->size_bytes;
        config.answer_bytes = small->size_bytes;
        config.fragment = true;
        result = hd_peer_ask(examination, &config, &there);
        if (result < 0)
            return result;
    }
    lost.there_group = small->to_group.arrived > 0 && there.to_group.arrived <= 0;
    lost.there_host = small->to_host.arrived > 0 && there.to_host.arrived <= 0;
    if (!lost.there_group || !lost.there_host) {
        lost.back_unicast = came_back(small, false) && !came_back(large, false);
        lost.back_multicast = !lost.there_group && came_back(small, true) && !came_back(large, true);
    }
    *ret_lost = lost;
    return 0;
}

static const char *which(bool unicast, bool multicast)
{
    return unicast && multicast ? "in both ways" : unicast ? "by unicast" : "by multicast";
}

static void report_lost(struct hd_examination *examination, const struct hd_check *check,
                        const struct hd_peer_series *large, const struct lost *lost)
{
    const struct hd_peer *peer = examination->peer;
    bool is_fragments = large->size_bytes > PACKET_BYTES;
    /* Only whoever sends so much at a time meets it. */
    struct herald_finding *finding = hd_report(examination, check,
                                               is_fragments ? HERALD_FINDING_WARNING : HERALD_FINDING_FAULT,
                                               examination->facts.interface.name);
    uint32_t mtu_bytes = examination->facts.interface.mtu_bytes;
    bool there = lost->there_group || lost->there_host;
    bool back = lost->back_unicast || lost->back_multicast;
    int headers = hd_is_ipv6(examination) ? HEADERS_IPV6 : HEADERS_IPV4;

    hd_say(finding->seen, "datagrams of %zu bytes do not get %s%s%s%s%s%s, and smaller ones do", large->size_bytes,
           there ? "to " : "", there ? peer->name : "",
           there ? lost->there_group && lost->there_host ? " in any way"
                   : lost->there_group                   ? " by multicast"
                                                         : " by unicast"
                 : "",
           there && back ? ", nor " : "", back ? "back from it " : "",
           back ? which(lost->back_unicast, lost->back_multicast) : "");
    if (is_fragments) {
        hd_say(finding->meaning, "something drops fragments: whatever exceeds %u bytes is lost whole",
               mtu_bytes > 0 ? mtu_bytes - (uint32_t)headers : 0);
        hd_say(finding->remedy, "send at most %u bytes at a time, as herald put does by itself, or let fragments pass",
               mtu_bytes > 0 ? mtu_bytes - (uint32_t)headers : 0);
    } else {
        hd_say(finding->meaning, "a link between has a smaller MTU than the %u bytes here, and says nothing",
               mtu_bytes);
        hd_say(finding->remedy, "send smaller datagrams, or set the MTU of %s to what the path bears",
               examination->facts.interface.name);
    }
}

int hd_check_peer_sizes(struct hd_examination *examination, const struct hd_check *check)
{
    static const size_t sizes[HD_PEER_SIZES] = { 1, PACKET_BYTES, FRAGMENTS_BYTES };
    struct hd_peer *peer = ready(examination);

    for (size_t i = 1; i < HD_PEER_SIZES && peer != NULL; i++) {
        struct hd_peer_series *large = &peer->sizes[i];
        struct lost lost;
        int result = hd_peer_ask_in_turns(examination, sizes[i], examination->facts.ttl, large);

        if (result < 0)
            return result;
        hd_peer_keep(peer, "steady", large);
        if (large->broken || (large->to_group.sent == 0 && large->to_host.sent == 0)) {
            hd_report_skipped(examination, check, "%zu bytes cannot be sent: %s", sizes[i], large->error.cause);
            return 0;
        }
        result = find_lost(examination, large, &lost);
        if (result < 0)
            return result;
        if (lost.there_group || lost.there_host || lost.back_unicast || lost.back_multicast) {
            report_lost(examination, check, large, &lost);
            return 0; /* larger ones fare no better */
        }
    }
    if (peer != NULL)
        hd_report_ok(examination, check, NULL, "%d and %d bytes get there and back as well as small ones", PACKET_BYTES,
                     FRAGMENTS_BYTES);
    return 0;
}

/* ---- many at once ---------------------------------------------------------------------------- */

static struct herald_finding *report_burst(struct hd_examination *examination, const struct hd_check *check,
                                           const char *where, uint64_t lost, uint64_t sent)
{
    struct herald_finding *finding = hd_report(examination, check,
                                               lost * 10 >= sent ? HERALD_FINDING_FAULT : HERALD_FINDING_WARNING,
                                               examination->facts.interface.name);

    hd_say(finding->seen, "of %" PRIu64 " datagrams of %d bytes at once %" PRIu64 " were lost %s", sent, PACKET_BYTES,
           lost, where);
    hd_say(finding->meaning, "one at a time gets through: a rate limit, a small queue, or a receive buffer is full at "
                             "once");
    hd_say(finding->remedy,
           "send slower (herald send --rate, put --rate), or enlarge what is too small: --rcvbuf at the "
           "receiver, storm control and rate limits in switches");
    return finding;
}

/* It has told that its receive buffer was too small before: then it is now, most likely, and it has told what helps. */
static void blame_buffer(const struct hd_peer *peer, struct herald_finding *finding)
{
    for (int i = 0; i < peer->told_count; i++) {
        if (strcmp(peer->told[i].check, "buffer") != 0)
            continue;
        hd_say(finding->meaning,
               "one at a time gets through, and %s has lost packets for want of room before: its "
               "receive buffer is too small, most likely",
               peer->host);
        hd_say(finding->remedy, "on %s: %s", peer->host, peer->told[i].remedy);
        return;
    }
}

/* Many copies of one request: all but the first are counted there as such, and not answered. */
static int burst_there(struct hd_examination *examination, struct hd_peer *peer)
{
    struct herald_ping_config config = hd_peer_config(examination);
    struct hd_peer_series *series = &peer->burst;
    int result;

    config.count = BURST_CALLS;
    config.interval_ns = BURST_INTERVAL_MS * NS_PER_MS;
    config.size_bytes = PACKET_BYTES;
    config.fragment = true;
    config.burst = HD_PEER_BURST;
    config.spread_given = true;
    result = hd_peer_ask(examination, &config, series);
    if (result < 0 || !series->answered)
        return result;
    /* The roll call is a request, too. */
    series->to_group.sent += HD_PEER_BURST;
    series->to_group.arrived = series->member.heard_multicast + series->member.request_duplicates;
    hd_peer_keep(peer, "burst", series);
    peer->trials[peer->trial_count - 1].answers_unicast = -1; /* to copies there are none */
    peer->trials[peer->trial_count - 1].answers_multicast = -1;
    return 0;
}

/* Many requests in a row: their answers come so, too. */
static int burst_back(struct hd_examination *examination, struct hd_peer *peer)
{
    struct herald_ping_config config = hd_peer_config(examination);
    struct hd_peer_series *series = &peer->burst_back;
    int result;

    config.count = HD_PEER_BURST_BACK + 1; /* the last one tells of the others */
    config.rush = HD_PEER_BURST_BACK;
    config.interval_ns = BURST_INTERVAL_MS * NS_PER_MS;
    config.size_bytes = PACKET_BYTES;
    config.fragment = true;
    config.spread_given = true;
    result = hd_peer_ask(examination, &config, series);
    if (result < 0 || !series->answered)
        return result;
    if (series->to_group.arrived > 0)
        series->to_group.arrived--; /* the roll call */
    hd_peer_keep(peer, "answers", series);
    return 0;
}

int hd_check_peer_burst(struct hd_examination *examination, const struct hd_check *check)
{
    struct hd_peer *peer = ready(examination);
    const struct hd_peer_way *there;
    const struct herald_ping_member *back;
    char where[HD_PEER_NAME_BYTES + 32];
    int64_t lost;
    int result;

    if (peer == NULL || peer->sizes[1].to_group.arrived <= 0 || peer->sizes[0].to_group.answered == 0)
        return 0;
    result = burst_there(examination, peer);
    if (result == 0)
        result = burst_back(examination, peer);
    if (result < 0)
        return result;
    there = &peer->burst.to_group;
    back = &peer->burst_back.member;
    if (peer->burst.answered && there->arrived < there->sent) {
        (void)snprintf(where, sizeof where, "on the way to %s", peer->name);
        blame_buffer(peer,
                     report_burst(examination, check, where, there->sent - (uint64_t)there->arrived, there->sent));
        return 0;
    }
    lost = back->answers_lost_unicast > back->answers_lost_multicast ? back->answers_lost_unicast
                                                                     : back->answers_lost_multicast;
    if (peer->burst_back.answered && lost > 0)
        (void)report_burst(examination, check, "on the way back", (uint64_t)lost, HD_PEER_BURST_BACK);
    else if (!peer->burst.answered || !peer->burst_back.answered)
        hd_report_skipped(examination, check, "nothing came back to tell");
    else
        hd_report_ok(examination, check, NULL, "all of %u datagrams of %d bytes at once arrived, and %u answers",
                     there->sent, PACKET_BYTES, HD_PEER_BURST_BACK);
    return 0;
}

/* ---- a long time ----------------------------------------------------------------------------- */

int hd_check_peer_long(struct hd_examination *examination, const struct hd_check *check)
{
    struct hd_peer *peer = ready(examination);
    struct herald_ping_config config = hd_peer_config(examination);
    const struct hd_peer_way *way;
    struct herald_finding *finding;
    int result;

    if (peer == NULL || peer->sizes[0].to_group.arrived <= 0)
        return 0;
    config.member = peer->at;
    config.count = LONG_S + 1;
    config.interval_ns = NS_PER_S;
    config.fragment = true;
    result = hd_peer_ask(examination, &config, &peer->steady);
    hd_peer_keep(peer, "long", &peer->steady);
    if (result < 0)
        return result;
    way = &peer->steady.to_group;
    if (peer->steady.answered && way->arrived + 1 >= way->sent && way->answered + 1 >= way->sent) {
        hd_report_ok(examination, check, NULL, "%u of %u requests to the group answered within %d s", way->answered,
                     way->sent, LONG_S);
        return 0;
    }
    finding = hd_report(examination, check, HERALD_FINDING_FAULT, examination->facts.interface.name);
    if (peer->steady.broken) {
        hd_say(finding->seen, "after %u s this host could not go on: %s", way->last, peer->steady.error.cause);
        hd_say(finding->remedy, "%s", peer->steady.error.advice);
        return 0;
    }
    if (way->last + 10 < LONG_S) {
        hd_say(finding->seen, "multicast to %s and back worked for %u s, then no more", peer->name, way->last);
        hd_say(finding->meaning,
               "a membership timed out in a switch or router: nobody asks who still wants the group, or "
               "the question or its answer is dropped");
        hd_say(finding->remedy, "a querier in the switch or router; on a Linux bridge: ip link set br0 type bridge "
                                "mcast_querier 1");
        return 0;
    }
    finding->level = HERALD_FINDING_WARNING;
    hd_say(finding->seen, "of %u requests to the group within %d s %" PRId64 " reached %s and %u were answered",
           way->sent, LONG_S, way->arrived, peer->name, way->answered);
    hd_say(finding->meaning, "now and then a datagram is lost: look at WiFi, load, and the errors of interfaces");
    return 0;
}
