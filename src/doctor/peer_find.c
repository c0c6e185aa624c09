/* SPDX-License-Identifier: MIT */
/* Looking for the peer: in the group, at its address, and with what may have kept it from answering left out. */
#include "address.h" /* of src/io */
#include "host.h"
#include "lookup.h"
#include "peer.h"

#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define NS_PER_MS UINT64_C(1000000)

enum { CALLS = 3, CALL_INTERVAL_MS = 300, CALL_WAIT_MS = 1000, FAR_TTL = 32 };

/* ---- who it is ------------------------------------------------------------------------------- */

/* "beta" is "beta.example.org", and the other way round. */
static bool same_name(const char *a, const char *b)
{
    size_t length = strcspn(a, ".");

    if (strcasecmp(a, b) == 0)
        return true;
    return length > 0 && length == strcspn(b, ".") && strncasecmp(a, b, length) == 0 &&
           (a[length] == '\0' || b[length] == '\0');
}

static bool is_peer(const struct hd_examination *examination, const struct herald_ping_member *member)
{
    const struct herald_address *address = &examination->peer->resolved;

    if (address->family != HERALD_FAMILY_NONE && herald_address_equal(address, &member->peer.address))
        return true;
    return member->host[0] != '\0' && same_name(member->host, examination->config.peer);
}

/*
 * HOST by its name, once: a resolver that gives no answer now is not asked again. What fails is like a name that is not
 * known. @return 0; -ECANCELED.
 */
static int resolve(struct hd_examination *examination)
{
    struct hd_peer *peer = examination->peer;

    if (peer->resolved.family != HERALD_FAMILY_NONE || peer->looked_up)
        return 0;
    peer->looked_up = true;
    return hd_lookup(examination, examination->config.peer, &peer->resolved) == -ECANCELED ? -ECANCELED : 0;
}

/* HOST as an address, which takes no time; it may have a zone. */
static void resolve_number(struct hd_examination *examination)
{
    const struct addrinfo hints = {
        .ai_family = hd_is_ipv6(examination) ? AF_INET6 : AF_INET,
        .ai_socktype = SOCK_DGRAM,
        .ai_flags = AI_NUMERICHOST,
    };
    struct addrinfo *list;
    struct herald_peer peer;

    if (getaddrinfo(examination->config.peer, NULL, &hints, &list) != 0)
        return;
    hd_peer_from_sockaddr(list->ai_addr, &peer);
    examination->peer->resolved = peer.address;
    freeaddrinfo(list);
}

static void settle(struct hd_examination *examination, const struct herald_ping_member *member,
                   enum hd_peer_found found)
{
    struct hd_peer *peer = examination->peer;
    char address[HERALD_ADDRESS_TEXT_BYTES];

    peer->found = found;
    peer->id = member->id;
    peer->at = member->peer;
    peer->hops = member->hops_unicast;
    peer->is_us = false;
    if (peer->at.interface_index == 0)
        peer->at.interface_index = examination->facts.interface.index;
    hd_address_text(&member->peer.address, address);
    (void)snprintf(peer->host, sizeof peer->host, "%.63s", member->host[0] != '\0' ? member->host : address);
    if (member->host[0] != '\0')
        (void)snprintf(peer->name, sizeof peer->name, "%.60s (%.46s)", member->host, address);
    else
        (void)snprintf(peer->name, sizeof peer->name, "%.46s", address);
}

/* ---- in the group ---------------------------------------------------------------------------- */

static bool watch_for_peer(void *userdata, herald_ping *ping, const struct herald_ping_event *event)
{
    struct hd_examination *examination = userdata;
    struct herald_ping_member member;

    /* By its answer by unicast it can be asked so. Another program here may have a host name in common with it. */
    if (event == NULL || event->kind != HERALD_PING_NEW || herald_ping_member(ping, event->member, &member) < 0 ||
        !is_peer(examination, &member) || examination->peer->found != HD_PEER_NOT_FOUND)
        return false;
    if (hd_is_own_address(&member.peer.address)) {
        examination->peer->is_us = true;
        return false;
    }
    settle(examination, &member, HD_PEER_BY_GROUP);
    return true;
}

static void note_others(struct hd_peer *peer, herald_ping *ping)
{
    size_t length = 0;

    peer->other_count = 0;
    for (size_t i = 0; i < herald_ping_members(ping); i++) {
        struct herald_ping_member member;
        char address[HERALD_ADDRESS_TEXT_BYTES];
        int more;

        if (herald_ping_member(ping, i, &member) < 0)
            continue;
        peer->other_count++;
        hd_address_text(&member.peer.address, address);
        more = snprintf(peer->others + length, sizeof peer->others - length, "%s%s%s%s", length > 0 ? ", " : "",
                        member.host, member.host[0] != '\0' ? " " : "", address);
        if (more < 0 || (size_t)more >= sizeof peer->others - length) {
            peer->others[length] = '\0';
            return;
        }
        length += (size_t)more;
    }
}

/* Calls the roll. With `keep`, the group stays joined afterwards. */
static int call(struct hd_examination *examination, struct herald_ping_config *config, bool keep)
{
    struct hd_peer *peer = examination->peer;
    herald_ping *ping;
    int result;

    config->count = CALLS;
    config->interval_ns = CALL_INTERVAL_MS * NS_PER_MS;
    config->wait_ns = CALL_WAIT_MS * NS_PER_MS;
    result = herald_ping_new(&ping, config, NULL);
    if (result < 0)
        return result;
    result = hd_peer_run(examination, ping, watch_for_peer, examination, NULL);
    /* By its name it was not among them; by its address it may be. */
    if (result == 0 && peer->found == HD_PEER_NOT_FOUND && peer->resolved.family == HERALD_FAMILY_NONE) {
        result = resolve(examination);
        for (size_t i = 0; i < herald_ping_members(ping) && result == 0; i++)
            (void)watch_for_peer(examination, ping,
                                 &(const struct herald_ping_event){ .kind = HERALD_PING_NEW, .member = i });
    }
    if (peer->found == HD_PEER_NOT_FOUND && herald_ping_members(ping) > peer->other_count)
        note_others(peer, ping);
    if (keep)
        peer->anchor = ping;
    else
        (void)herald_ping_free(ping);
    return result;
}

/* ---- elsewhere ------------------------------------------------------------------------------- */

/* At the ports that a responder of its own serves. */
static int try_unicast(struct hd_examination *examination)
{
    static const uint16_t ports[] = { HERALD_PING_PORT_RFC6450, HERALD_PING_PORT_SSMPING };
    struct hd_peer *peer = examination->peer;
    char address[HERALD_ADDRESS_TEXT_BYTES];
    struct hd_peer_series series;

    for (size_t i = 0; i < sizeof ports / sizeof *ports; i++) {
        struct herald_ping_config config = hd_peer_config(examination);
        int result;

        config.member = (struct herald_peer){ peer->resolved, ports[i], examination->facts.interface.index };
        config.only = hd_address_text(&peer->resolved, address);
        config.count = 3;
        config.interval_ns = CALL_INTERVAL_MS * NS_PER_MS;
        config.wait_ns = CALL_WAIT_MS * NS_PER_MS;
        result = hd_peer_ask(examination, &config, &series);
        if (result < 0)
            return result;
        if (series.answered && series.member.id != 0) {
            settle(examination, &series.member, HD_PEER_BY_UNICAST);
            peer->at = config.member;
            return 0;
        }
    }
    return 0;
}

/* With the group's own port to be answered at: a firewall here may let in that one alone. */
static int try_own_port(struct hd_examination *examination)
{
    struct herald_ping_config config = hd_peer_config(examination);
    int result;

    config.reply_port = examination->facts.endpoint.port;
    result = call(examination, &config, false);
    if (result == 0 && examination->peer->found == HD_PEER_BY_GROUP)
        examination->peer->found = HD_PEER_BY_PORT;
    return result == -EADDRINUSE || result == -EACCES ? 0 : result;
}

static bool is_behind_router(const struct herald_address *host)
{
    const struct hd_route_question question = { .destination = *host };
    struct hd_route_answer answer = { .gateway = false };

    return hd_host_route(&question, &answer) == 0 && answer.gateway;
}

/* Behind routers: with a TTL that passes them. */
static int try_far(struct hd_examination *examination)
{
    struct herald_ping_config config = hd_peer_config(examination);
    struct hd_peer *peer = examination->peer;
    int result;

    if (peer->resolved.family == HERALD_FAMILY_NONE || config.ttl >= FAR_TTL || !is_behind_router(&peer->resolved))
        return 0;
    config.ttl = FAR_TTL;
    result = call(examination, &config, false);
    if (result == 0 && peer->found == HD_PEER_BY_GROUP)
        peer->found = HD_PEER_BY_TTL;
    return result;
}

int hd_peer_find(struct hd_examination *examination)
{
    struct herald_ping_config config;
    struct hd_peer *peer = calloc(1, sizeof *peer);
    int result;

    if (peer == NULL)
        return -ENOMEM;
    peer->hops = -1;
    examination->peer = peer;
    resolve_number(examination);
    config = hd_peer_config(examination);
    result = call(examination, &config, true);
    if (result < 0 || peer->found != HD_PEER_NOT_FOUND)
        return result;
    if (peer->resolved.family != HERALD_FAMILY_NONE)
        peer->is_us = hd_is_own_address(&peer->resolved);
    if (peer->is_us)
        return 0;
    if (peer->resolved.family != HERALD_FAMILY_NONE)
        result = try_unicast(examination);
    if (result == 0 && peer->found == HD_PEER_NOT_FOUND)
        result = try_own_port(examination);
    if (result == 0 && peer->found == HD_PEER_NOT_FOUND)
        result = try_far(examination);
    return result;
}
