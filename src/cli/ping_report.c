/* SPDX-License-Identifier: MIT */
/* What herald ping says: its records and their fields. */
#include "commands.h"
#include "ping.h"
#include "reason.h"
#include "words.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A failure to write is sticky in the output, and looked at later. */
static void print(struct ping *ping, enum output_channel channel, const char *event, const struct field *fields,
                  const void *record)
{
    (void)output_record(&ping->output, channel, event, fields, record);
}

/* ---- where and how --------------------------------------------------------------------------- */

struct start {
    const char *server_peer;
    const char *to;
    struct herald_address server;
    struct herald_address group;
    uint64_t port;
    const char *interface;
    const char *reason;
    const char *own;
    struct herald_address source;
    uint64_t source_port;
    uint64_t ttl;
    uint64_t size_bytes;
    bool joined;
    const char *only;
};

#define START(key, kind, member, before, after)            \
 {                                                         \
  key, kind, offsetof(struct start, member), before, after \
 }

enum { START_TO = 2, START_TTL = 10 };

static const struct field start_fields[] = {
    START("server_peer", FIELD_TEXT, server_peer, "asking ", " for answers to "),
    START("server", FIELD_ADDRESS, server, NULL, NULL),
    START("to", FIELD_TEXT, to, "pinging ", NULL),
    START("group", FIELD_ADDRESS, group, NULL, NULL),
    START("port", FIELD_NUMBER, port, NULL, NULL),
    START("interface", FIELD_TEXT, interface, " on ", NULL),
    START("reason", FIELD_TEXT, reason, " (", ")"),
    START("own", FIELD_TEXT, own, " from ", NULL),
    START("source", FIELD_ADDRESS, source, NULL, NULL),
    START("source_port", FIELD_NUMBER, source_port, NULL, NULL),
    START("ttl", FIELD_NUMBER, ttl, ", TTL ", NULL),
    START("payload_bytes", FIELD_NUMBER, size_bytes, ", ", " byte(s)"),
    START("joined", FIELD_FLAG, joined, "; joined the group to hear answers to it", NULL),
    START("only", FIELD_TEXT, only, "; counting only ", NULL),
    { NULL, FIELD_TEXT, 0, NULL, NULL },
};

void ping_report_start(struct ping *ping)
{
    const struct herald_ping_facts *facts = herald_ping_facts(ping->ping);
    bool has_server = facts->server.family != HERALD_FAMILY_NONE;
    bool by_route = has_server && ping->settings->interface == NULL && ping->endpoint.interface[0] == '\0' &&
                    facts->sender->reason == HERALD_INTERFACE_BY_REQUEST;
    struct herald_endpoint to = ping->endpoint;
    const struct herald_peer own = { .address = facts->sender->source, .port = facts->sender->port };
    char to_text[HERALD_ENDPOINT_TEXT_BYTES] = "";
    char own_text[HERALD_ENDPOINT_TEXT_BYTES] = "";
    char server_text[HERALD_ENDPOINT_TEXT_BYTES] = "";
    struct start record = {
        .to = to_text,
        .server = facts->server,
        .group = to.group,
        .port = to.port,
        .interface = facts->sender->interface.name,
        .reason = by_route ? "route to the server" : reason_text(facts->sender->reason),
        .own = own_text,
        .source = facts->sender->source,
        .source_port = facts->sender->port,
        .ttl = facts->sender->ttl,
        .size_bytes = facts->size_bytes,
        .joined = facts->joined,
        .only = ping->settings->only,
    };
    struct field fields[sizeof(start_fields) / sizeof(start_fields[0])];

    memset(&to.source, 0, sizeof(to.source));
    memset(to.interface, 0, sizeof(to.interface));
    if (herald_address_needs_zone(&to.group))
        memcpy(to.interface, facts->sender->interface.name, sizeof(to.interface));
    (void)herald_endpoint_format(&to, to_text, sizeof(to_text));
    if (own.address.family != HERALD_FAMILY_NONE)
        (void)herald_peer_format(&own, facts->sender->interface.name, own_text, sizeof(own_text));
    else
        snprintf(own_text, sizeof(own_text), "port %u", own.port);
    memcpy(fields, start_fields, sizeof(fields));
    if (has_server) {
        const struct herald_peer server = { .address = facts->server, .port = to.port };

        (void)herald_peer_format(&server, facts->sender->interface.name, server_text, sizeof(server_text));
        record.server_peer = server_text;
        fields[START_TO].before = "";
        fields[START_TTL].before = NULL; /* of multicast: nothing is asked so */
    }
    print(ping, OUTPUT_MESSAGE, "pinging", fields, &record);
}

/* ---- while it goes on ------------------------------------------------------------------------ */

/* Who is spoken of. */
struct who {
    char peer[HERALD_ENDPOINT_TEXT_BYTES];
    struct herald_ping_member facts;
};

static void look_up(struct ping *ping, size_t index, struct who *who)
{
    who->peer[0] = '\0';
    memset(&who->facts, 0, sizeof(who->facts));
    if (herald_ping_member(ping->ping, index, &who->facts) == 0)
        (void)herald_peer_format(&who->facts.peer, herald_ping_facts(ping->ping)->sender->interface.name, who->peer,
                                 sizeof(who->peer));
}

static const char *or_null(const char *text)
{
    return text[0] != '\0' ? text : NULL;
}

struct happening {
    const char *what;
    const char *text;
    const char *host;
    const char *peer;
    struct herald_address source;
    uint64_t source_port;
    const char *info;
    uint64_t sequence;
};

#define HAPPENING(key, kind, member, before, after)            \
 {                                                             \
  key, kind, offsetof(struct happening, member), before, after \
 }

static const struct field happening_fields[] = {
    HAPPENING("what", FIELD_TEXT, what, NULL, NULL),
    HAPPENING("text", FIELD_TEXT, text, "", ": "),
    HAPPENING("host", FIELD_TEXT, host, "", "  "),
    HAPPENING("peer", FIELD_TEXT, peer, "", NULL),
    HAPPENING("source", FIELD_ADDRESS, source, NULL, NULL),
    HAPPENING("source_port", FIELD_NUMBER, source_port, NULL, NULL),
    HAPPENING("info", FIELD_TEXT, info, "  (", ")"),
    HAPPENING("sequence", FIELD_NUMBER, sequence, NULL, NULL),
    { NULL, FIELD_TEXT, 0, NULL, NULL },
};

static bool is_crowd(const struct ping *ping)
{
    return herald_ping_members(ping->ping) > PING_MEMBERS_SHOWN;
}

static void report_happening(struct ping *ping, const struct herald_ping_event *event)
{
    struct field fields[sizeof(happening_fields) / sizeof(happening_fields[0])];
    struct who who;
    struct happening record = { .sequence = event->sequence };

    look_up(ping, event->member, &who);
    record.what = event->kind == HERALD_PING_NEW ? "new" : event->kind == HERALD_PING_BACK ? "back" : "vanished";
    record.text = event->kind == HERALD_PING_NEW    ? "new"
                  : event->kind == HERALD_PING_BACK ? "back"
                                                    : "vanished (no answer to 3 requests)";
    record.host = or_null(who.facts.host);
    record.peer = who.peer;
    record.source = who.facts.peer.address;
    record.source_port = who.facts.peer.port;
    record.info = or_null(who.facts.info);
    memcpy(fields, happening_fields, sizeof(fields));
    if (who.facts.id != 0)
        fields[6].before = NULL; /* a herald says nothing else there */
    /* The members of a crowd at the start would fill the screen; who comes and goes later is told. */
    if (event->kind == HERALD_PING_NEW && is_crowd(ping) && event->sequence <= 1 && !ping->settings->common.verbose)
        for (size_t i = 0; fields[i].key != NULL; i++)
            fields[i].before = NULL;
    print(ping, OUTPUT_DATA, "presence", fields, &record);
}

struct answer {
    const char *host;
    const char *peer;
    struct herald_address source;
    uint64_t source_port;
    uint64_t sequence;
    int64_t unicast_ns;
    const char *no_unicast;
    int64_t multicast_ns;
    const char *no_multicast;
    bool multicast_asked;
    int64_t held_ns;
    int64_t hops;
    bool lost;
    bool late;
};

#define ANSWER(key, kind, member, before, after)            \
 {                                                          \
  key, kind, offsetof(struct answer, member), before, after \
 }

enum { ANSWER_HELD = 10 };

static const struct field answer_fields[] = {
    ANSWER("host", FIELD_TEXT, host, "", "  "),
    ANSWER("peer", FIELD_TEXT, peer, "", NULL),
    ANSWER("source", FIELD_ADDRESS, source, NULL, NULL),
    ANSWER("source_port", FIELD_NUMBER, source_port, NULL, NULL),
    ANSWER("sequence", FIELD_NUMBER, sequence, "  seq ", NULL),
    ANSWER("unicast", FIELD_DURATION, unicast_ns, "  unicast ", NULL),
    ANSWER("unicast_note", FIELD_TEXT, no_unicast, "  unicast ", NULL),
    ANSWER("multicast", FIELD_DURATION, multicast_ns, "  multicast ", NULL),
    ANSWER("multicast_note", FIELD_TEXT, no_multicast, "  multicast ", NULL),
    ANSWER("multicast_asked", FIELD_FLAG, multicast_asked, NULL, NULL),
    [ANSWER_HELD] = ANSWER("held", FIELD_DURATION, held_ns, NULL, NULL),
    ANSWER("hops", FIELD_INTEGER, hops, "  ", " hop(s)"),
    ANSWER("lost", FIELD_FLAG, lost, "  no answer", NULL),
    ANSWER("late", FIELD_FLAG, late, "  (late)", NULL),
    { NULL, FIELD_TEXT, 0, NULL, NULL },
};

/* One line for each member, as long as there are few of them. */
static void report_answer(struct ping *ping, const struct herald_ping_event *event)
{
    const int64_t worth_telling_ns = 1000000;
    struct field fields[sizeof(answer_fields) / sizeof(answer_fields[0])];
    bool lost = event->kind == HERALD_PING_LOST;
    struct who who;
    struct answer record;

    look_up(ping, event->member, &who);
    record = (struct answer){
        .host = or_null(who.facts.host),
        .peer = who.peer,
        .source = who.facts.peer.address,
        .source_port = who.facts.peer.port,
        .sequence = event->sequence,
        .unicast_ns = event->unicast_ns,
        .no_unicast = lost || event->late || event->unicast_ns >= 0 ? NULL : "none", /* the other may still come */
        .multicast_ns = event->multicast_ns,
        .no_multicast = lost || event->late || !event->multicast_asked || event->multicast_ns >= 0 ? NULL : "none",
        .multicast_asked = event->multicast_asked,
        .held_ns = event->held_ns,
        .hops = who.facts.hops_unicast >= 0 ? who.facts.hops_unicast : who.facts.hops_multicast,
        .lost = lost,
        .late = event->late,
    };
    if (lost)
        record.hops = -1;
    memcpy(fields, answer_fields, sizeof(fields));
    if (event->held_ns >= worth_telling_ns) {
        fields[ANSWER_HELD].before = "  held ";
        fields[ANSWER_HELD].after = " there";
    }
    for (size_t i = 0; is_crowd(ping) && fields[i].key != NULL; i++)
        fields[i].before = NULL;
    print(ping, OUTPUT_DATA, lost ? "lost" : "answer", fields, &record);
}

struct round {
    uint64_t sequence;
    uint64_t answered;
    uint64_t asked;
    uint64_t multicast;
    uint64_t multicast_asked;
    int64_t spread_ns;
};

#define ROUND(key, kind, member, before, after)            \
 {                                                         \
  key, kind, offsetof(struct round, member), before, after \
 }

static const struct field round_fields[] = {
    ROUND("sequence", FIELD_NUMBER, sequence, "seq ", NULL),
    ROUND("answered", FIELD_NUMBER, answered, ": ", NULL),
    ROUND("members", FIELD_NUMBER, asked, " of ", " member(s) answered"),
    ROUND("multicast", FIELD_NUMBER, multicast, ", ", NULL),
    ROUND("multicast_asked", FIELD_NUMBER, multicast_asked, " of ", " by multicast, too"),
    ROUND("spread", FIELD_DURATION, spread_ns, "; answers spread over ", NULL),
    { NULL, FIELD_TEXT, 0, NULL, NULL },
};

static void tell_silence(struct ping *ping)
{
    struct herald_error error;

    if (ping->silence_told || ping->rounds < HERALD_PING_VANISHED_ROUNDS || herald_ping_members(ping->ping) > 0 ||
        ping->settings->expect > 0 || ping->settings->count > 0)
        return;
    ping->silence_told = true;
    ping_explain_silence(ping, &error);
    output_warning(&ping->output, &error);
}

static void report_round(struct ping *ping, const struct herald_ping_event *event)
{
    struct field fields[sizeof(round_fields) / sizeof(round_fields[0])];
    const struct round record = {
        .sequence = event->sequence,
        .answered = event->answered,
        .asked = event->asked,
        .multicast = event->multicast,
        .multicast_asked = event->multicast_want,
        .spread_ns = (int64_t)event->spread_ns,
    };

    ping->rounds += event->sequence > 0;
    tell_silence(ping);
    memcpy(fields, round_fields, sizeof(fields));
    if (is_crowd(ping) && !ping->crowd_told) {
        ping->crowd_told = true;
        output_note(&ping->output, "more than %d members: one line for each request, not for each answer",
                    PING_MEMBERS_SHOWN);
    }
    for (size_t i = 0; (!is_crowd(ping) || event->sequence == 0) && fields[i].key != NULL; i++)
        fields[i].before = NULL;
    if (event->multicast_want == 0)
        fields[3].before = fields[4].before = NULL;
    if (event->spread_ns == 0)
        fields[5].before = NULL;
    print(ping, OUTPUT_DATA, "round", fields, &record);
}

static void report_refusal(struct ping *ping)
{
    struct herald_error error;

    ping->refused = true;
    herald_error_set(&error, -EOPNOTSUPP, "the server does not answer to this group");
    herald_error_advise(&error, "a group that ends in %s",
                        ping->endpoint.group.family == HERALD_FAMILY_IPV6 ? "4321:1234" : ".234");
    output_warning(&ping->output, &error);
}

struct offer {
    struct herald_address group;
    struct herald_address asked;
    uint64_t sequence;
};

static const struct field offer_fields[] = {
    { "group", FIELD_ADDRESS, offsetof(struct offer, group), "the server answers to ", NULL },
    { "asked", FIELD_ADDRESS, offsetof(struct offer, asked), ", not to ", NULL },
    { "sequence", FIELD_NUMBER, offsetof(struct offer, sequence), NULL, NULL },
    { NULL, FIELD_TEXT, 0, NULL, NULL },
};

static void report_offer(struct ping *ping, const struct herald_ping_event *event)
{
    struct offer record = { .group = event->group, .asked = ping->endpoint.group, .sequence = event->sequence };

    if (herald_address_equal(&record.group, &record.asked))
        record.asked = (struct herald_address){ .family = HERALD_FAMILY_NONE };
    print(ping, OUTPUT_MESSAGE, "group", offer_fields, &record);
    if (event->error.code != 0)
        output_warning(&ping->output, &event->error);
}

/* If nothing can be sent at all, that is said at the end; until then it may still change. */
static void report_failure(struct ping *ping, const struct herald_error *failure)
{
    struct herald_ping_summary summary;

    herald_ping_summary(ping->ping, &summary);
    ping->failure = *failure;
    if (summary.requests > 0 || (ping->settings->count == 0 && ping->settings->for_ns == 0))
        output_warning(&ping->output, failure);
}

void ping_report_event(struct ping *ping, const struct herald_ping_event *event)
{
    switch (event->kind) {
    case HERALD_PING_NEW:
    case HERALD_PING_VANISHED:
    case HERALD_PING_BACK:
        report_happening(ping, event);
        break;
    case HERALD_PING_ANSWERED:
    case HERALD_PING_LOST:
        report_answer(ping, event);
        break;
    case HERALD_PING_ROUND:
        report_round(ping, event);
        break;
    case HERALD_PING_REFUSED:
        report_refusal(ping);
        break;
    case HERALD_PING_SEND_FAILED:
        report_failure(ping, &event->error);
        break;
    case HERALD_PING_GROUP:
        report_offer(ping, event);
        break;
    }
}

/* ---- the end --------------------------------------------------------------------------------- */

struct member_record {
    const char *host;
    const char *peer;
    struct herald_address source;
    uint64_t source_port;
    const char *info;
    bool present;
    const char *vanished;
    uint64_t sent;
    uint64_t answered;
    uint64_t by_unicast;
    uint64_t by_multicast;
    uint64_t multicast_asked;
    uint64_t lost;
    int64_t lost_there;
    int64_t lost_unicast;
    int64_t lost_multicast;
    int64_t withheld;
    uint64_t duplicates;
    int64_t request_duplicates;
    uint64_t reordered;
    uint64_t late;
    int64_t hops_there, hops_unicast, hops_multicast;
    int64_t held_max_ns;
    int64_t heard_multicast, heard_unicast;
    struct herald_ping_times unicast;
    struct herald_ping_times multicast;
    char peer_text[HERALD_ENDPOINT_TEXT_BYTES];
    char host_text[HERALD_PING_HOST_BYTES];
    char info_text[HERALD_PING_INFO_BYTES];
};

#define MEMBER(key, kind, member, before, after)                   \
 {                                                                 \
  key, kind, offsetof(struct member_record, member), before, after \
 }

static const struct field member_fields[] = {
    MEMBER("host", FIELD_TEXT, host, "host", NULL),
    MEMBER("peer", FIELD_TEXT, peer, "member", NULL),
    MEMBER("source", FIELD_ADDRESS, source, NULL, NULL),
    MEMBER("source_port", FIELD_NUMBER, source_port, NULL, NULL),
    MEMBER("info", FIELD_TEXT, info, NULL, NULL),
    MEMBER("present", FIELD_FLAG, present, NULL, NULL),
    MEMBER("sent", FIELD_NUMBER, sent, "sent", NULL),
    MEMBER("answered", FIELD_NUMBER, answered, NULL, NULL),
    MEMBER("by_unicast", FIELD_NUMBER, by_unicast, "unicast", NULL),
    MEMBER("by_multicast", FIELD_NUMBER, by_multicast, "multicast", NULL),
    MEMBER("multicast_asked", FIELD_NUMBER, multicast_asked, "of", NULL),
    MEMBER("lost", FIELD_NUMBER, lost, "lost", NULL),
    MEMBER("lost_there", FIELD_INTEGER, lost_there, "there", NULL),
    MEMBER("lost_unicast", FIELD_INTEGER, lost_unicast, "back", NULL),
    MEMBER("lost_multicast", FIELD_INTEGER, lost_multicast, "back by group", NULL),
    MEMBER("withheld", FIELD_INTEGER, withheld, "withheld", NULL),
    MEMBER("duplicates", FIELD_NUMBER, duplicates, "twice", NULL),
    MEMBER("request_duplicates", FIELD_INTEGER, request_duplicates, NULL, NULL),
    MEMBER("reordered", FIELD_NUMBER, reordered, NULL, NULL),
    MEMBER("late", FIELD_NUMBER, late, NULL, NULL),
    MEMBER("hops_there", FIELD_INTEGER, hops_there, NULL, NULL),
    MEMBER("hops", FIELD_INTEGER, hops_unicast, "hops", NULL),
    MEMBER("hops_multicast", FIELD_INTEGER, hops_multicast, NULL, NULL),
    MEMBER("held_max", FIELD_DURATION, held_max_ns, NULL, NULL),
    MEMBER("heard_multicast", FIELD_INTEGER, heard_multicast, NULL, NULL),
    MEMBER("heard_unicast", FIELD_INTEGER, heard_unicast, NULL, NULL),
    MEMBER("unicast_min", FIELD_DURATION, unicast.min_ns, "u: min", NULL),
    MEMBER("unicast_p50", FIELD_DURATION, unicast.p50_ns, "p50", NULL),
    MEMBER("unicast_p99", FIELD_DURATION, unicast.p99_ns, "p99", NULL),
    MEMBER("unicast_max", FIELD_DURATION, unicast.max_ns, "max", NULL),
    MEMBER("multicast_min", FIELD_DURATION, multicast.min_ns, "m: min", NULL),
    MEMBER("multicast_p50", FIELD_DURATION, multicast.p50_ns, "p50", NULL),
    MEMBER("multicast_p99", FIELD_DURATION, multicast.p99_ns, "p99", NULL),
    MEMBER("multicast_max", FIELD_DURATION, multicast.max_ns, "max", NULL),
    MEMBER("vanished", FIELD_TEXT, vanished, "", NULL),
    { NULL, FIELD_TEXT, 0, NULL, NULL },
};

static void fill_member(struct ping *ping, size_t index, struct member_record *record)
{
    struct who who;

    look_up(ping, index, &who);
    *record = (struct member_record){
        .source = who.facts.peer.address,
        .source_port = who.facts.peer.port,
        .present = who.facts.present,
        .vanished = who.facts.present ? NULL : "vanished",
        .sent = who.facts.sent,
        .answered = who.facts.answered,
        .by_unicast = who.facts.by_unicast,
        .by_multicast = who.facts.by_multicast,
        .multicast_asked = who.facts.multicast_asked,
        .lost = who.facts.lost,
        .lost_there = who.facts.requests_lost,
        .lost_unicast = who.facts.answers_lost_unicast,
        .lost_multicast = who.facts.answers_lost_multicast,
        .withheld = who.facts.answers_withheld,
        .duplicates = who.facts.duplicates,
        .request_duplicates = who.facts.request_duplicates,
        .reordered = who.facts.reordered,
        .late = who.facts.late,
        .hops_there = who.facts.hops_there,
        .hops_unicast = who.facts.hops_unicast,
        .hops_multicast = who.facts.hops_multicast,
        .held_max_ns = who.facts.held_max_ns,
        .heard_multicast = who.facts.heard_multicast,
        .heard_unicast = who.facts.heard_unicast,
        .unicast = who.facts.unicast,
        .multicast = who.facts.multicast,
    };
    memcpy(record->peer_text, who.peer, sizeof(record->peer_text));
    memcpy(record->host_text, who.facts.host, sizeof(record->host_text));
    memcpy(record->info_text, who.facts.info, sizeof(record->info_text));
}

/* Once all of them are where they stay. */
static void set_texts(struct member_record *records, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        records[i].peer = records[i].peer_text;
        records[i].host = or_null(records[i].host_text);
        records[i].info = or_null(records[i].info_text);
    }
}

static bool is_troubled(const struct member_record *record)
{
    return !record->present || record->lost > 0 || record->duplicates > 0 || record->lost_there > 0 ||
           record->lost_unicast > 0 || record->lost_multicast > 0 || record->by_multicast < record->multicast_asked;
}

/* Columns that say nothing are not shown; in JSON everything is. */
static void choose_columns(struct field *fields, const struct member_record *records, size_t count)
{
    bool directions = false;
    bool asked_less = false;
    bool twice = false;
    bool withheld = false;
    bool multicast = false;

    for (size_t i = 0; i < count; i++) {
        directions |= records[i].lost_there > 0 || records[i].lost_unicast > 0 || records[i].lost_multicast > 0;
        asked_less |= records[i].multicast_asked != records[i].answered;
        multicast |= records[i].multicast_asked > 0;
        twice |= records[i].duplicates > 0;
        withheld |= records[i].withheld > 0;
    }
    for (size_t i = 0; fields[i].key != NULL; i++) {
        if (!directions && strncmp(fields[i].key, "lost_", 5) == 0)
            fields[i].before = NULL;
        if (!withheld && strcmp(fields[i].key, "withheld") == 0)
            fields[i].before = NULL;
        if (!twice && strcmp(fields[i].key, "duplicates") == 0)
            fields[i].before = NULL;
        if (!asked_less && strcmp(fields[i].key, "multicast_asked") == 0)
            fields[i].before = NULL;
        if (!multicast && (strcmp(fields[i].key, "by_multicast") == 0 || strcmp(fields[i].key, "multicast_asked") == 0))
            fields[i].before = NULL;
    }
}

static void report_members(struct ping *ping)
{
    struct field fields[sizeof(member_fields) / sizeof(member_fields[0])];
    size_t count = herald_ping_members(ping->ping);
    bool only_troubled = count > PING_MEMBERS_LISTED && !ping->output.json && !ping->settings->common.verbose;
    struct member_record *records = calloc(count + 1, sizeof(*records));
    size_t listed = 0;

    if (records == NULL)
        return;
    for (size_t i = 0; i < count; i++) {
        fill_member(ping, i, &records[listed]);
        if (!only_troubled || is_troubled(&records[listed]))
            listed++;
    }
    set_texts(records, listed);
    memcpy(fields, member_fields, sizeof(fields));
    choose_columns(fields, records, listed);
    if (listed > 0)
        (void)output_table(&ping->output, OUTPUT_DATA, "member", fields, records, sizeof(*records), listed);
    if (listed < count)
        output_note(&ping->output, "%zu members without loss are not listed; -v lists all", count - listed);
    free(records);
}

struct summary_record {
    uint64_t members;
    uint64_t present;
    uint64_t vanished;
    int64_t expected;
    uint64_t rounds;
    uint64_t requests;
    uint64_t sent;
    uint64_t answered;
    uint64_t lost;
    const char *lost_percent;
    uint64_t by_unicast;
    uint64_t by_multicast;
    uint64_t multicast_asked;
    uint64_t duplicates;
    uint64_t reordered;
    uint64_t late;
    uint64_t ignored;
    uint64_t dropped;
    bool interrupted;
};

#define SUMMARY(key, kind, member, before, after)                   \
 {                                                                  \
  key, kind, offsetof(struct summary_record, member), before, after \
 }

enum { SUMMARY_ANSWERED = 6, SUMMARY_ANSWER_FIELDS = 4, SUMMARY_BY_MULTICAST = 11 };

static const struct field summary_fields[] = {
    SUMMARY("members", FIELD_NUMBER, members, "", " member(s)"),
    SUMMARY("expected", FIELD_INTEGER, expected, " of ", " expected"),
    SUMMARY("present", FIELD_NUMBER, present, NULL, NULL),
    SUMMARY("vanished", FIELD_NUMBER, vanished, ", ", " of them vanished"),
    SUMMARY("rounds", FIELD_NUMBER, rounds, ", ", " request(s)"),
    SUMMARY("requests", FIELD_NUMBER, requests, NULL, NULL),
    SUMMARY("answered", FIELD_NUMBER, answered, "; ", NULL),
    SUMMARY("sent", FIELD_NUMBER, sent, " of ", " answered"),
    SUMMARY("lost", FIELD_NUMBER, lost, ", ", " lost"),
    SUMMARY("lost_percent", FIELD_TEXT, lost_percent, " (", "%)"),
    SUMMARY("by_unicast", FIELD_NUMBER, by_unicast, NULL, NULL),
    SUMMARY("by_multicast", FIELD_NUMBER, by_multicast, "; ", NULL),
    SUMMARY("multicast_asked", FIELD_NUMBER, multicast_asked, " of ", " by multicast, too"),
    SUMMARY("duplicates", FIELD_NUMBER, duplicates, ", ", " twice"),
    SUMMARY("reordered", FIELD_NUMBER, reordered, ", ", " out of order"),
    SUMMARY("late", FIELD_NUMBER, late, ", ", " late"),
    SUMMARY("ignored", FIELD_NUMBER, ignored, NULL, NULL),
    SUMMARY("kernel_drops", FIELD_NUMBER, dropped, ", ", " answer(s) dropped by this host's receive buffer"),
    SUMMARY("interrupted", FIELD_FLAG, interrupted, NULL, NULL),
    { NULL, FIELD_TEXT, 0, NULL, NULL },
};

/* What is 0 is not worth a word to people. */
static void drop_zeros(struct field *fields, const void *record)
{
    static const char *const only_if_any[] = { "vanished", "duplicates", "reordered", "late", "kernel_drops", NULL };

    for (size_t i = 0; fields[i].key != NULL; i++)
        for (size_t k = 0; only_if_any[k] != NULL; k++)
            if (strcmp(fields[i].key, only_if_any[k]) == 0 &&
                *(const uint64_t *)(const void *)((const char *)record + fields[i].offset) == 0)
                fields[i].before = NULL;
}

static void report_summary(struct ping *ping, const struct herald_ping_summary *summary)
{
    struct field fields[sizeof(summary_fields) / sizeof(summary_fields[0])];
    char percent[32];
    const struct summary_record record = {
        .members = summary->members,
        .present = summary->present,
        .vanished = summary->members - summary->present,
        .expected = ping->settings->expect > 0 ? ping->settings->expect : -1,
        .rounds = summary->rounds,
        .requests = summary->requests,
        .sent = summary->sent,
        .answered = summary->answered,
        .lost = summary->lost,
        .lost_percent = percent,
        .by_unicast = summary->by_unicast,
        .by_multicast = summary->by_multicast,
        .multicast_asked = summary->multicast_asked,
        .duplicates = summary->duplicates,
        .reordered = summary->reordered,
        .late = summary->late,
        .ignored = summary->ignored,
        .dropped = summary->dropped,
        .interrupted = ping->interrupted,
    };

    snprintf(percent, sizeof(percent), "%.3g",
             summary->sent > 0 ? 100 * (double)summary->lost / (double)summary->sent : 0.0);
    memcpy(fields, summary_fields, sizeof(fields));
    drop_zeros(fields, &record);
    if (summary->multicast_asked == 0)
        fields[SUMMARY_BY_MULTICAST].before = fields[SUMMARY_BY_MULTICAST + 1].before = NULL;
    for (size_t i = 0; summary->members == 0 && i < SUMMARY_ANSWER_FIELDS; i++)
        fields[SUMMARY_ANSWERED + i].before = NULL;
    print(ping, OUTPUT_MESSAGE, "summary", fields, &record);
}

struct times_record {
    const char *way;
    struct herald_ping_times times;
};

#define TIMES(key, kind, member, before, after)                   \
 {                                                                \
  key, kind, offsetof(struct times_record, member), before, after \
 }

static const struct field times_fields[] = {
    TIMES("way", FIELD_TEXT, way, "", ":"),
    TIMES("count", FIELD_NUMBER, times.count, NULL, NULL),
    TIMES("min", FIELD_DURATION, times.min_ns, " min ", NULL),
    TIMES("p50", FIELD_DURATION, times.p50_ns, ", p50 ", NULL),
    TIMES("p99", FIELD_DURATION, times.p99_ns, ", p99 ", NULL),
    TIMES("max", FIELD_DURATION, times.max_ns, ", max ", NULL),
    { NULL, FIELD_TEXT, 0, NULL, NULL },
};

static void report_times(struct ping *ping, const char *way, const struct herald_ping_times *times)
{
    const struct times_record record = { .way = way, .times = *times };

    if (times->count > 0)
        print(ping, OUTPUT_MESSAGE, "times", times_fields, &record);
}

/* Answers come by unicast and none of those that were to come by multicast did. */
static void warn_of_deafness(struct ping *ping, const struct herald_ping_summary *summary)
{
    struct herald_error error;
    char text[HERALD_ENDPOINT_TEXT_BYTES];
    char quoted[HERALD_ENDPOINT_TEXT_BYTES + 8];

    if (ping->refused || summary->multicast_asked < 2 || summary->by_multicast > 0)
        return;
    herald_endpoint_format(&ping->endpoint, text, sizeof(text));
    herald_error_set(&error, -EAGAIN,
                     "no answer came by multicast: a switch, router or firewall on the way keeps the group from this "
                     "host%s",
                     herald_ping_facts(ping->ping)->server.family != HERALD_FAMILY_NONE
                         ? ", or the server does not answer to this group (ssmpingd: those that end in .234 or "
                           "4321:1234)"
                         : "");
    if (command_find("doctor") != NULL)
        herald_error_advise(&error, "herald doctor %s", words_quote(text, quoted, sizeof(quoted)));
    output_warning(&ping->output, &error);
}

void ping_report_end(struct ping *ping)
{
    struct herald_ping_summary summary;

    herald_ping_summary(ping->ping, &summary);
    if (summary.members > 0 && summary.rounds > 0)
        report_members(ping);
    report_summary(ping, &summary);
    if (summary.refused > 0)
        output_note(&ping->output, "no more than %d members are counted: %" PRIu64 " answers of others were not",
                    HERALD_PING_MEMBERS_MAX, summary.refused);
    report_times(ping, "unicast", &summary.unicast);
    report_times(ping, "multicast", &summary.multicast);
    warn_of_deafness(ping, &summary);
}

void ping_explain_silence(const struct ping *ping, struct herald_error *error)
{
    const struct herald_ping_facts *facts = herald_ping_facts(ping->ping);
    struct herald_endpoint endpoint = ping->endpoint;
    char text[HERALD_ENDPOINT_TEXT_BYTES];
    char quoted[HERALD_ENDPOINT_TEXT_BYTES + 8];
    char server[HERALD_ADDRESS_TEXT_BYTES];

    herald_address_format(&facts->server, server, sizeof(server));
    if (facts->server.family != HERALD_FAMILY_NONE)
        herald_error_set(
            error, -EAGAIN,
            "%s does not answer at port %u: no ssmpingd or herald ping --respond runs there, or a firewall "
            "is in between",
            server, ping->endpoint.port);
    else if (ping->settings->only != NULL)
        herald_error_set(error, -EAGAIN, "no member of the name or address '%.60s' answers", ping->settings->only);
    else if (facts->sender->reason == HERALD_INTERFACE_LOOPBACK)
        herald_error_set(error, -EAGAIN,
                         "nobody answers: there is no network, and on this host no herald listens to this group and "
                         "port");
    else
        herald_error_set(error, -EAGAIN,
                         "nobody answers: no herald listens to this group and port on the network of %s, or TTL %u is "
                         "too small for a router, or a switch or firewall is in the way",
                         facts->sender->interface.name, facts->sender->ttl);
    if (command_find("doctor") == NULL)
        return;
    endpoint.group_count = 1;
    herald_endpoint_format(&endpoint, text, sizeof(text));
    herald_error_advise(error, "herald doctor %s", words_quote(text, quoted, sizeof(quoted)));
}
