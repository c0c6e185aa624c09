/* SPDX-License-Identifier: MIT */
/* Who is answered, how often, how large, and whether to a group. */
#include "responder_internal.h"

#include "unicast.h" /* of src/io */

#include <errno.h>
#include <string.h>

#define NS_PER_S UINT64_C(1000000000)

static const struct hd_limit source_limit = { NS_PER_S / 50, 100 };
static const struct hd_limit all_limit = { NS_PER_S / 1000, 2000 };
static const struct hd_limit multicast_limit = { NS_PER_S / 20, 60 };
/* ssmping -s has no session: one larger packet a second, as it asks, is not worth forging. */
static const struct hd_limit source_large_limit = { NS_PER_S, 3 };
static const struct hd_limit all_large_limit = { NS_PER_S / 20, 20 };
/* An examination takes the host some milliseconds: for whoever mends something and asks again, not for more. */
static const struct hd_limit examine_limit = { 10 * NS_PER_S, 3 };
static const struct hd_limit told_limit = { NS_PER_S / 10, 20 };

enum { LOOPBACK_INDEX = 1 };

/* ---- limits ---------------------------------------------------------------------------------- */

/* Forged sources would fill somebody's screen otherwise. */
static void tell_peer(struct herald_responder *responder, enum herald_responder_event_kind kind,
                      const struct herald_run *run, const struct hd_mpp *message, uint64_t now_ns)
{
    const struct herald_responder_event event = {
        .kind = kind,
        .peer = run->source,
        .by_multicast = herald_address_is_multicast(&run->group),
        .is_old = message->version < 0,
    };

    if (hd_bucket_take(&responder->told, &told_limit, now_ns))
        hd_responder_tell(responder, &event);
}

/* Large answers count for several: one for each 4 KiB that are begun. */
static uint64_t weight(size_t size_bytes)
{
    return 1 + size_bytes / 4096;
}

/* Whether that source may have one more answer now, of at most that size. */
static bool may_answer(struct herald_responder *responder, const struct herald_run *run, const struct hd_mpp *message,
                       size_t size_bytes, uint64_t now_ns)
{
    struct hd_asker *source = hd_askers_address(responder->askers, &run->source.address);
    uint64_t count = weight(size_bytes);

    if (hd_bucket_take_many(&source->answers, &source_limit, count, now_ns) &&
        hd_bucket_take_many(&responder->all, &all_limit, count, now_ns))
        return true;
    responder->stats.withheld++;
    if (!source->limit_told)
        tell_peer(responder, HERALD_RESPONDER_LIMITED, run, message, now_ns);
    source->limit_told = true;
    return false;
}

/* The largest answer to a request: no larger than itself, but for whom it cannot have been forged. */
static size_t largest_answer(struct herald_responder *responder, const struct herald_run *run,
                             const struct hd_mpp *message, size_t request_bytes, size_t asked_bytes, bool has_session,
                             uint64_t now_ns)
{
    size_t max_bytes = has_session ? HD_SESSION_ANSWER_BYTES_MAX : HD_OLD_ANSWER_BYTES_MAX;
    struct hd_asker *source;

    if (asked_bytes <= request_bytes)
        return request_bytes;
    if (!has_session) {
        source = hd_askers_address(responder->askers, &run->source.address);
        if (message->version >= 0 || !hd_bucket_take(&source->large_answers, &source_large_limit, now_ns) ||
            !hd_bucket_take(&responder->large, &all_large_limit, now_ns))
            return request_bytes;
    }
    return asked_bytes < max_bytes ? asked_bytes : max_bytes;
}

static bool has_session(const struct hd_asker *client, const struct hd_mpp *message)
{
    return message->session.at != NULL && message->session.size_bytes == sizeof(client->session) &&
           memcmp(message->session.at, client->session, sizeof(client->session)) == 0;
}

/* ---- members --------------------------------------------------------------------------------- */

static uint8_t request_hops(const struct hd_mpp *message, const struct herald_run *run)
{
    int hops = message->ttl - run->ttl;

    return message->ttl >= 0 && run->ttl >= 0 && hops >= 0 && hops < 255 ? (uint8_t)hops : 255;
}

/* Remembers the group that was asked by multicast: who then asks by unicast is answered there, too. */
static void remember_group(struct hd_asker *client, const struct herald_run *run, const struct hd_mpp *message)
{
    client->group = run->group;
    client->group_port = run->group_port;
    client->interface_index = run->source.interface_index;
    client->group_ttl = message->ttl >= 0 ? (uint8_t)message->ttl : 1;
}

static void set_group(struct herald_responder *responder, struct hd_reply *reply, const struct hd_asker *client,
                      const struct hd_mpp_ask *ask, uint64_t now_ns)
{
    /* Answers to the group's own port would be data for every member, whoever forged that. */
    if (!ask->by_multicast || responder->id % ask->modulus != ask->remainder ||
        client->group.family == HERALD_FAMILY_NONE || reply->to.port == client->group_port)
        return;
    if (!hd_bucket_take_many(&responder->multicast, &multicast_limit, weight(reply->size_max_bytes), now_ns)) {
        responder->stats.withheld++;
        return;
    }
    reply->group = client->group;
    reply->interface_index = client->interface_index;
    reply->group_ttl = client->group_ttl;
}

/* As large as is asked for, and allowed. */
static void set_size(struct herald_responder *responder, struct hd_reply *reply, const struct herald_run *run,
                     const struct hd_mpp *message, bool may_exceed, uint64_t now_ns)
{
    size_t asked_bytes = message->ask.answer_bytes > 0 ? message->ask.answer_bytes : reply->request_bytes;

    reply->size_max_bytes = largest_answer(responder, run, message, reply->request_bytes, asked_bytes, may_exceed,
                                           now_ns);
    reply->size_bytes = asked_bytes < reply->size_max_bytes ? asked_bytes : reply->size_max_bytes;
}

static void fill_reply(struct herald_responder *responder, struct hd_reply *reply, const struct hd_asker *client,
                       const struct hd_mpp *message, const struct herald_run *run)
{
    reply->told = client->told;
    reply->told.id = responder->id;
    reply->told.asked_by_multicast = herald_address_is_multicast(&run->group);
    reply->told.request_hops = request_hops(message, run);
    reply->has_told = true;
    reply->tells_session = true;
    memcpy(reply->session, client->session, sizeof(reply->session));
}

/* What this host finds about itself is told to whom it cannot have been forged for, and to nobody by multicast. */
static void examine(struct herald_responder *responder, struct hd_reply *reply, const struct hd_asker *client,
                    const struct hd_mpp *message, const struct herald_run *run, uint64_t now_ns)
{
    const struct herald_responder_question question = {
        .asker = run->source,
        .group = message->group.family != HERALD_FAMILY_NONE ? message->group : client->group,
        .hears_group = client->told.heard_multicast > 0,
    };
    int size_bytes;

    if (responder->examine == NULL || message->text.at == NULL || message->ask.delay_us > 0 ||
        herald_address_is_multicast(&run->group) || !has_session(client, message) ||
        !hd_bucket_take(&responder->examinations, &examine_limit, now_ns))
        return;
    size_bytes = responder->examine(responder->examine_userdata, &question, responder->text, sizeof(responder->text));
    if (size_bytes <= 0)
        return;
    reply->text_bytes = (size_t)size_bytes < sizeof(responder->text) ? (size_t)size_bytes : sizeof(responder->text);
    if (reply->size_max_bytes < HD_SESSION_ANSWER_BYTES_MAX)
        reply->size_max_bytes = HD_SESSION_ANSWER_BYTES_MAX;
}

/* Now, or after a random time within what the asker allows. */
static void answer_in_time(struct herald_responder *responder, const struct hd_reply *reply, uint32_t delay_us,
                           uint64_t now_ns)
{
    uint64_t delay_ns = hd_random_uniform_ns(&responder->random, (uint64_t)delay_us * 1000);

    if (delay_us == 0)
        hd_responder_send(responder, reply);
    else if (hd_responder_defer(responder, reply, now_ns + delay_ns) < 0)
        responder->stats.withheld++;
}

void hd_responder_ask(struct herald_responder *responder, struct hd_responder_socket *socket,
                      const struct herald_run *run, const uint8_t *bytes, size_t size_bytes, uint64_t now_ns)
{
    bool by_multicast = herald_address_is_multicast(&run->group);
    struct hd_reply reply = {
        .socket = socket,
        .to = run->source,
        .arrived_ns = run->time_ns,
        .request = bytes,
        .request_bytes = size_bytes,
    };
    struct hd_asker *client;
    struct hd_mpp message;
    bool is_new;

    if (!by_multicast)
        reply.asked = run->group;
    if (hd_unicast_check(&run->source, NULL) < 0 || hd_mpp_decode(bytes, size_bytes, &message) < 0 ||
        (message.has_only && message.only != responder->id))
        return;
    client = hd_askers_client(responder->askers, &run->source, message.client_id, &is_new);
    responder->stats.requests++;
    if (is_new)
        tell_peer(responder, HERALD_RESPONDER_ASKED, run, &message, now_ns);
    if (!hd_asker_note(client, message.sequence)) {
        client->told.duplicates++;
        responder->stats.duplicates++;
        return;
    }
    *(by_multicast ? &client->told.heard_multicast : &client->told.heard_unicast) += 1;
    set_size(responder, &reply, run, &message, !by_multicast && has_session(client, &message), now_ns);
    if (!may_answer(responder, run, &message, reply.size_max_bytes, now_ns))
        return;
    if (by_multicast)
        remember_group(client, run, &message);
    set_group(responder, &reply, client, &message.ask, now_ns);
    client->told.answered_unicast++;
    client->told.answered_multicast += reply.group.family != HERALD_FAMILY_NONE;
    reply.may_fragment = message.ask.may_fragment;
    reply.wants_info = message.wants_info;
    reply.wants_time = message.wants_time;
    fill_reply(responder, &reply, client, &message, run);
    examine(responder, &reply, client, &message, run, now_ns);
    answer_in_time(responder, &reply, message.ask.delay_us, now_ns);
}

/* ---- servers --------------------------------------------------------------------------------- */

/* The groups that ssmping asks for by itself. */
static struct herald_address default_group(enum herald_family family)
{
    static const struct herald_address ipv4 = { HERALD_FAMILY_IPV4, { 232, 43, 211, 234 } };
    static const struct herald_address ipv6 = { HERALD_FAMILY_IPV6,
                                                { 0xff, 0x3e, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x43, 0x21, 0x12, 0x34 } };

    return family == HERALD_FAMILY_IPV6 ? ipv6 : ipv4;
}

/* Whether it is joined here, and not data for its members at that port. */
static bool is_joined(const struct herald_responder *responder, const struct herald_address *group, uint16_t port)
{
    bool joined = false;

    for (size_t i = 0; i < responder->group_count; i++) {
        if (!herald_address_equal(&responder->groups[i].address, group))
            continue;
        if (responder->groups[i].port == port)
            return false;
        joined = true;
    }
    return joined;
}

/* What may be sent to for anybody who asks: kept for this by its last digits. */
static bool is_kept(const struct herald_address *group)
{
    static const uint8_t ipv6_end[4] = { 0x43, 0x21, 0x12, 0x34 };

    if (!herald_address_is_multicast(group) || herald_address_needs_zone(group))
        return false;
    if (group->family == HERALD_FAMILY_IPV6)
        return memcmp(group->bytes + 12, ipv6_end, sizeof(ipv6_end)) == 0;
    /* 224.0.0.0/24 is what routers talk to each other by. */
    return group->bytes[3] == 234 && !(group->bytes[0] == 224 && group->bytes[1] == 0 && group->bytes[2] == 0);
}

static bool covers(const struct herald_address *prefix, int bits, const struct herald_address *address)
{
    if (prefix->family != address->family)
        return false;
    for (int i = 0; i < bits; i++)
        if (((prefix->bytes[i / 8] ^ address->bytes[i / 8]) >> (7 - i % 8) & 1) != 0)
            return false;
    return true;
}

/*
 * The group for who asks for one, or for one by a prefix, or does not care. The one is that of a client whose session
 * is not known any more: after a new start of ours it is to stay there. @return family NONE: there is none.
 */
static struct herald_address choose_group(const struct herald_responder *responder, const struct hd_mpp *message,
                                          enum herald_family family)
{
    const struct herald_address fallback = default_group(family);
    bool by_prefix = message->prefix_bits >= 0;
    struct herald_address prefix = by_prefix ? message->prefix : message->group;
    int all_bits = prefix.family == HERALD_FAMILY_IPV6 ? 128 : 32;
    int bits = by_prefix ? message->prefix_bits : all_bits;

    if (prefix.family == HERALD_FAMILY_NONE || covers(&prefix, bits, &fallback))
        return fallback;
    if (prefix.family == family && bits == all_bits && is_kept(&prefix))
        return prefix;
    for (size_t i = 0; i < responder->group_count; i++)
        if (covers(&prefix, bits, &responder->groups[i].address))
            return responder->groups[i].address;
    return (struct herald_address){ .family = HERALD_FAMILY_NONE };
}

/* A Server Response: here is a session, and a group (RFC 6450, section 5). */
static void respond(struct herald_responder *responder, const struct hd_reply *reply, const struct hd_mpp *request,
                    const struct hd_asker *client)
{
    struct hd_mpp response = {
        .type = HD_MPP_SERVER_RESPONSE,
        .version = HD_MPP_VERSION_NUMBER,
        .client_id = request->client_id,
        .has_sequence = request->has_sequence,
        .sequence = request->sequence,
        .group = choose_group(responder, request, reply->to.address.family),
        .ttl = -1,
        .prefix_bits = -1,
        .session = { client->session, sizeof(client->session) },
    };
    int size;

    if (request->wants_info)
        response.info = (struct hd_mpp_span){ (const uint8_t *)responder->info, strlen(responder->info) };
    size = hd_mpp_encode(&response, responder->buffer, HD_ANSWER_BYTES_MAX);
    if (size > 0)
        hd_responder_send_bytes(responder, reply, (size_t)size);
}

/* Which group an Echo Request is answered to, if any. */
static struct herald_address served_group(struct herald_responder *responder, const struct hd_mpp *message,
                                          const struct hd_reply *reply, uint64_t now_ns)
{
    enum herald_family family = reply->to.address.family;
    struct herald_address group = message->group;
    bool joined;

    if (group.family == HERALD_FAMILY_NONE)
        group = default_group(family);
    /* Without a session, as in the older form, anybody may have forged it. */
    joined = message->version >= 0 && is_joined(responder, &group, reply->to.port);
    if (group.family == family && (joined || is_kept(&group))) {
        if (hd_bucket_take_many(&responder->multicast, &multicast_limit, weight(reply->request_bytes), now_ns))
            return group;
        responder->stats.withheld++;
    }
    return (struct herald_address){ .family = HERALD_FAMILY_NONE };
}

static void echo(struct herald_responder *responder, struct hd_reply *reply, const struct herald_run *run,
                 const struct hd_mpp *message, uint64_t now_ns)
{
    reply->group = served_group(responder, message, reply, now_ns);
    /* The interface that leads to the client; a client on this host has joined where the route leads. */
    reply->interface_index = run->source.interface_index == LOOPBACK_INDEX ? 0 : run->source.interface_index;
    reply->group_ttl = responder->served_ttl;
    reply->is_old = message->version < 0;
    reply->wants_info = message->wants_info;
    reply->wants_time = message->wants_time;
    reply->size_bytes = message->old_reply_bytes;
    reply->size_max_bytes = largest_answer(responder, run, message, reply->request_bytes, reply->size_bytes, false,
                                           now_ns);
    if (reply->size_bytes > reply->size_max_bytes)
        reply->size_bytes = reply->size_max_bytes;
    /* What is told of this host takes little, and is told only on request. */
    reply->size_max_bytes = HD_ANSWER_BYTES_MAX;
    hd_responder_send(responder, reply);
}

void hd_responder_serve(struct herald_responder *responder, struct hd_responder_socket *socket,
                        const struct herald_run *run, const uint8_t *bytes, size_t size_bytes, uint64_t now_ns)
{
    struct hd_reply reply = {
        .socket = socket,
        .to = run->source,
        .from = run->group, /* the address that was asked */
        .arrived_ns = run->time_ns,
        .request = bytes,
        .request_bytes = size_bytes,
    };
    struct hd_asker *client;
    struct hd_mpp message;
    bool is_new;

    if (hd_unicast_check(&run->source, NULL) < 0 || hd_mpp_decode(bytes, size_bytes, &message) < 0 ||
        (message.type != HD_MPP_ECHO_REQUEST && message.type != HD_MPP_INIT) ||
        (message.version != HD_MPP_VERSION_NUMBER && message.version != -1) ||
        (message.type == HD_MPP_INIT && message.version < 0)) {
        responder->stats.malformed++;
        return;
    }
    client = hd_askers_client(responder->askers, &run->source, message.client_id, &is_new);
    responder->stats.requests++;
    if (is_new)
        tell_peer(responder, HERALD_RESPONDER_ASKED, run, &message, now_ns);
    if (!may_answer(responder, run, &message, size_bytes, now_ns))
        return;
    if (message.type == HD_MPP_INIT || (message.version >= 0 && !has_session(client, &message)))
        respond(responder, &reply, &message, client);
    else
        echo(responder, &reply, run, &message, now_ns);
}
