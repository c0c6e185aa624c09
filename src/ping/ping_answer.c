/* SPDX-License-Identifier: MIT */
/* Answers to the asker: whose they are, to which round, and how long they took. */
#include "ping_internal.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* What an answer is made out to be. */
struct answer {
    const struct herald_run *run;
    const struct hd_mpp *message;
    struct hd_round *round;
    bool by_multicast;
    bool is_closed; /* the round's time is over */
    int64_t round_trip_ns;
    int64_t held_ns;
};

/* ---- whether it is one ----------------------------------------------------------------------- */

static bool is_ours(const struct herald_ping *ping, const struct hd_mpp *message)
{
    size_t size_bytes = message->version < 0 ? HD_OLD_CLIENT_ID_BYTES : HD_CLIENT_ID_BYTES;

    return message->client_id.at != NULL && message->client_id.size_bytes == size_bytes &&
           memcmp(message->client_id.at, ping->client_id, size_bytes) == 0;
}

/* The round that it answers, if that is not too long ago. */
static struct hd_round *find_round(struct herald_ping *ping, const struct hd_mpp *message)
{
    struct hd_round *round = &ping->rounds[message->sequence % HD_SLOTS];

    if (!message->has_sequence || message->sequence >= ping->next_sequence ||
        ping->next_sequence - message->sequence > HD_SLOTS || round->sequence != message->sequence)
        return NULL;
    return round;
}

/* The kernel's times are those of a clock that may be set meanwhile: then what has passed since by another counts. */
static uint64_t elapsed_since(const struct hd_round *round, uint64_t sent_ns, uint64_t arrived_ns)
{
    uint64_t now_ns = herald_clock_ns();
    uint64_t longest_ns = now_ns > round->start_ns ? now_ns - round->start_ns : 0;

    return arrived_ns < sent_ns || arrived_ns - sent_ns > longest_ns ? longest_ns : arrived_ns - sent_ns;
}

/* By the kernel's clock, from the departure of the request to the arrival of the answer, without what it was held. */
static void measure(struct herald_ping *ping, const struct hd_member *member, struct answer *answer)
{
    struct hd_round *round = answer->round;
    uint64_t held_ns = answer->message->has_told ? answer->message->told.held_ns : 0;
    uint64_t sent_ns = round->sent_ns;
    uint64_t elapsed_ns;

    if (sent_ns == 0 && hd_sender_called_ns(ping->sender) == round->called_ns)
        sent_ns = herald_sender_sent_time_ns(ping->sender);
    /* Members on this host may have it before it has left the interface. */
    if (sent_ns == 0 || sent_ns > answer->run->time_ns)
        sent_ns = round->called_ns;
    if (member->asked_ns != 0 && member->asked_sequence == round->sequence)
        sent_ns = member->asked_ns;
    elapsed_ns = elapsed_since(round, sent_ns, answer->run->time_ns);
    /* More than all of the time is no fact: a clock was set, or it is a lie. */
    answer->held_ns = answer->message->has_told && held_ns <= elapsed_ns ? (int64_t)held_ns : -1;
    answer->round_trip_ns = (int64_t)(held_ns <= elapsed_ns ? elapsed_ns - held_ns : elapsed_ns);
}

/* ---- whose it is ----------------------------------------------------------------------------- */

static void copy_text(char *to, size_t to_bytes, const uint8_t *from, size_t size_bytes)
{
    if (size_bytes >= to_bytes)
        size_bytes = to_bytes - 1;
    memcpy(to, from, size_bytes);
    to[size_bytes] = '\0';
}

/* A herald's is "NAME (herald VERSION)". */
static void learn_info(struct herald_ping_member *facts, const struct hd_mpp *message)
{
    static const char mark[] = " (herald ";
    const uint8_t *at = message->info.at;
    size_t name_bytes = 0;

    if (at == NULL || facts->info[0] != '\0')
        return;
    copy_text(facts->info, sizeof(facts->info), at, message->info.size_bytes);
    if (!message->has_told)
        return;
    for (size_t i = 0; i + sizeof(mark) - 1 <= message->info.size_bytes; i++)
        if (memcmp(at + i, mark, sizeof(mark) - 1) == 0)
            name_bytes = i;
    copy_text(facts->host, sizeof(facts->host), at, name_bytes);
}

static bool is_wanted(const struct herald_ping *ping, const struct answer *answer)
{
    struct herald_ping_member facts = { 0 };

    if (ping->is_server_mode)
        return herald_address_equal(&answer->run->source.address, &ping->server.address);
    if (ping->config.only_id != 0 && (!answer->message->has_told || answer->message->told.id != ping->config.only_id))
        return false;
    if (ping->only[0] == '\0')
        return true;
    if (herald_address_equal(&answer->run->source.address, &ping->only_address))
        return true;
    learn_info(&facts, answer->message);
    return strcmp(facts.host, ping->only) == 0;
}

static void join_member(struct herald_ping *ping, struct hd_member *member)
{
    if (ping->joins_members)
        member->is_deaf = hd_ping_join(ping->sender, &ping->group, &member->facts.peer.address) < 0;
}

static void meet(struct herald_ping *ping, size_t index, const struct answer *answer)
{
    struct hd_member *member = ping->members.list[index];
    struct herald_ping_event event = {
        .kind = HERALD_PING_NEW,
        .sequence = answer->round->sequence,
        .member = index,
        .unicast_ns = -1,
        .multicast_ns = -1,
        .held_ns = -1,
        .ttl = answer->run->ttl,
    };

    member->facts.first_sequence = answer->round->sequence;
    member->facts.peer = answer->run->source;
    learn_info(&member->facts, answer->message);
    join_member(ping, member);
    hd_ping_tell(ping, &event);
}

static int find_member(struct herald_ping *ping, const struct answer *answer)
{
    uint64_t id = answer->message->has_told ? answer->message->told.id : 0;
    bool is_new = false;
    int index;

    if (!is_wanted(ping, answer)) {
        ping->summary.ignored++;
        return -ENOENT;
    }
    index = hd_members_find(&ping->members, id, &answer->run->source.address, &is_new);
    if (index == -ENOSPC)
        ping->summary.refused++;
    if (index >= 0 && is_new)
        meet(ping, (size_t)index, answer);
    return index;
}

/* ---- what it tells --------------------------------------------------------------------------- */

static int hops(const struct hd_mpp *message, int ttl)
{
    return message->ttl >= ttl && ttl >= 0 ? message->ttl - ttl : -1;
}

static void learn(struct hd_member *member, const struct answer *answer, bool multicast_asked)
{
    const struct hd_mpp *message = answer->message;
    struct herald_ping_member *facts = &member->facts;

    learn_info(facts, message);
    if (!answer->by_multicast && (!member->has_unicast_peer || member->facts.id != 0)) {
        facts->peer = answer->run->source;
        member->has_unicast_peer = true;
    }
    if (!answer->by_multicast && message->session.at != NULL) {
        memcpy(member->session, message->session.at, message->session.size_bytes);
        member->session_bytes = message->session.size_bytes;
    }
    if (!answer->by_multicast && message->text.at != NULL && member->findings == NULL)
        member->findings = strndup((const char *)message->text.at, message->text.size_bytes);
    if (hops(message, answer->run->ttl) >= 0)
        *(answer->by_multicast ? &facts->hops_multicast : &facts->hops_unicast) = hops(message, answer->run->ttl);
    if (!message->has_told)
        return;
    if (message->told.request_hops != 255)
        facts->hops_there = message->told.request_hops;
    if (answer->held_ns > facts->held_max_ns)
        facts->held_max_ns = answer->held_ns;
    hd_member_told(member, answer->round->sequence, &message->told, multicast_asked);
}

/* Only where the random delays have not mixed them. */
static void count_order(struct hd_member *member, const struct answer *answer)
{
    uint32_t *highest = answer->by_multicast ? &member->highest_multicast : &member->highest_unicast;

    if (answer->round->sequence < *highest)
        member->facts.reordered += answer->round->spread_ns == 0;
    else
        *highest = answer->round->sequence;
}

static void count_unicast(struct herald_ping *ping, struct hd_member *member, int64_t round_trip_ns)
{
    member->facts.by_unicast++;
    hd_samples_add(&member->unicast, &ping->random, round_trip_ns);
    hd_samples_add(&ping->unicast, &ping->random, round_trip_ns);
}

static void count_multicast(struct herald_ping *ping, struct hd_member *member, const struct hd_slot *slot,
                            int64_t round_trip_ns)
{
    hd_member_multicast_came(member, slot);
    hd_samples_add(&member->multicast, &ping->random, round_trip_ns);
    hd_samples_add(&ping->multicast, &ping->random, round_trip_ns);
}

/* The first answer of a member to a round. */
static void count_first(struct herald_ping *ping, struct hd_member *member, struct hd_slot *slot,
                        const struct answer *answer)
{
    slot->multicast_asked = hd_ping_is_multicast_asked(ping, member, answer->round);
    slot->late = answer->is_closed;
    if (answer->round->sequence == 0)
        return;
    if (member->facts.answered++ == 0)
        ping->heard_of++;
    if (!answer->is_closed)
        return;
    member->facts.late++;
    if (!slot->closed)
        member->facts.sent++; /* it was not known when the time was over */
    slot->closed = true;
    hd_member_multicast_asked(member, slot, answer->by_multicast);
}

static void come_back(struct herald_ping *ping, size_t index, uint32_t sequence)
{
    struct hd_member *member = ping->members.list[index];
    const struct herald_ping_event event = {
        .kind = HERALD_PING_BACK,
        .sequence = sequence,
        .member = index,
        .unicast_ns = -1,
        .multicast_ns = -1,
        .held_ns = -1,
        .ttl = -1,
    };

    member->missed_rounds = 0;
    if (member->facts.present)
        return;
    member->facts.present = true;
    ping->members.present++;
    hd_ping_tell(ping, &event);
}

void hd_ping_tell_answer(struct herald_ping *ping, size_t index, struct hd_slot *slot)
{
    const struct herald_ping_event event = {
        .kind = HERALD_PING_ANSWERED,
        .sequence = slot->sequence,
        .member = index,
        .unicast_ns = slot->unicast_ns,
        .multicast_ns = slot->multicast_ns,
        .multicast_asked = slot->multicast_asked,
        .held_ns = slot->held_ns,
        .ttl = slot->ttl,
        .late = slot->late,
    };

    if (slot->reported || slot->sequence == 0)
        return;
    slot->reported = true;
    hd_ping_tell(ping, &event);
}

/* An answer of that member. */
static void count(struct herald_ping *ping, size_t index, const struct answer *answer)
{
    struct hd_member *member = ping->members.list[index];
    struct hd_slot *slot = hd_member_slot(member, answer->round->sequence);
    int64_t *time_ns = answer->by_multicast ? &slot->multicast_ns : &slot->unicast_ns;

    if (*time_ns >= 0) {
        member->facts.duplicates++;
        return;
    }
    come_back(ping, index, answer->round->sequence);
    if (slot->unicast_ns < 0 && slot->multicast_ns < 0)
        count_first(ping, member, slot, answer);
    learn(member, answer, slot->multicast_asked);
    *time_ns = answer->round_trip_ns;
    slot->held_ns = answer->held_ns;
    if (!answer->by_multicast || slot->ttl < 0)
        slot->ttl = answer->run->ttl;
    *(answer->by_multicast ? &member->got_multicast : &member->got_unicast) += 1;
    if (answer->round->sequence == 0)
        return;
    count_order(member, answer);
    if (answer->by_multicast)
        count_multicast(ping, member, slot, answer->round_trip_ns);
    else
        count_unicast(ping, member, answer->round_trip_ns);
    if (answer->is_closed || (slot->unicast_ns >= 0 && (!slot->multicast_asked || slot->multicast_ns >= 0)))
        hd_ping_tell_answer(ping, index, slot);
}

/* ---- servers --------------------------------------------------------------------------------- */

static void refuse(struct herald_ping *ping, uint32_t sequence)
{
    const struct herald_ping_event event = { .kind = HERALD_PING_REFUSED, .sequence = sequence };

    if (!ping->refusal_told)
        hd_ping_tell(ping, &event);
    ping->refusal_told = true;
}

/* A server may offer another group than the one that it was asked for (RFC 6450, section 3.4). */
static void change_group(struct herald_ping *ping, const struct herald_address *group, uint32_t sequence)
{
    const struct herald_address *source = herald_address_is_ssm(group) ? &ping->server.address : NULL;
    struct herald_ping_event event = { .kind = HERALD_PING_GROUP, .sequence = sequence, .group = *group };
    char text[HERALD_ADDRESS_TEXT_BYTES];
    int r;

    if (herald_address_equal(group, &ping->group) || group->family != ping->group.family ||
        !herald_address_is_multicast(group) || ping->config.no_multicast)
        return;
    hd_ping_leave(ping->sender, &ping->group, herald_address_is_ssm(&ping->group) ? &ping->server.address : NULL);
    ping->group = *group;
    r = hd_ping_join(ping->sender, group, source);
    if (r < 0) {
        herald_address_format(group, text, sizeof(text));
        herald_error_set(&event.error, r, "cannot join %s on %s: %s", text, ping->facts.sender->interface.name,
                         strerror(-r));
    }
    hd_ping_tell(ping, &event);
}

/* RFC 6450, section 3.4: a session, and perhaps a group, or that there is none. */
static void take_response(struct herald_ping *ping, const struct answer *answer)
{
    const struct hd_mpp *message = answer->message;
    int index = find_member(ping, answer);
    struct hd_member *member;

    if (index < 0)
        return;
    member = ping->members.list[index];
    ping->dialect = HD_DIALECT_RFC6450;
    learn_info(&member->facts, message);
    if (message->session.at != NULL) {
        memcpy(member->session, message->session.at, message->session.size_bytes);
        member->session_bytes = message->session.size_bytes;
    }
    if (message->group.family != HERALD_FAMILY_NONE)
        change_group(ping, &message->group, answer->round->sequence);
    else
        refuse(ping, answer->round->sequence);
}

/* An answer in the older form, or in the RFC's by who has answered to the older form before. */
static void learn_dialect(struct herald_ping *ping, const struct hd_mpp *message)
{
    if (ping->is_server_mode && ping->dialect == HD_DIALECT_UNKNOWN && message->version < 0)
        ping->dialect = HD_DIALECT_OLD;
}

/* ---- taking ---------------------------------------------------------------------------------- */

void hd_ping_take(struct herald_ping *ping, const struct herald_run *run, const uint8_t *bytes, size_t size_bytes)
{
    struct hd_mpp message;
    struct answer answer = { .run = run, .message = &message, .by_multicast = false };
    int index;

    if (hd_mpp_decode(bytes, size_bytes, &message) < 0 || !is_ours(ping, &message) ||
        (answer.round = find_round(ping, &message)) == NULL) {
        ping->summary.ignored++;
        return;
    }
    answer.by_multicast = herald_address_is_multicast(&run->group);
    answer.is_closed = !answer.round->open;
    if (message.type == HD_MPP_SERVER_RESPONSE && ping->is_server_mode) {
        take_response(ping, &answer);
        return;
    }
    if (message.type != HD_MPP_ECHO_REPLY || (!ping->is_server_mode && !message.has_told)) {
        ping->summary.ignored++;
        return;
    }
    learn_dialect(ping, &message);
    index = find_member(ping, &answer);
    if (index < 0)
        return;
    measure(ping, ping->members.list[index], &answer);
    count(ping, (size_t)index, &answer);
}
