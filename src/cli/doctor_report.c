/* SPDX-License-Identifier: MIT */
/* What herald doctor says: its records and their fields. */
#include "doctor.h"
#include "reason.h"

#include <stdio.h>
#include <string.h>

/* ---- what is examined ------------------------------------------------------------------------ */

struct examining {
    const char *group_text; /* for people */
    struct herald_address group;
    uint64_t port;
    const char *interface;
    const char *reason;
    struct herald_address source;
    struct herald_address sender;
    uint64_t ttl;
    bool see_packets;
    bool read_firewall;
    const char *missing; /* for people */
};

#define EXAMINING(name, type, member, text_before, text_after)                                          \
 {                                                                                                      \
  .key = (name), .kind = (type), .offset = offsetof(struct examining, member), .before = (text_before), \
  .after = (text_after)                                                                                 \
 }

static const struct field examining_fields[] = {
    EXAMINING("group_text", FIELD_TEXT, group_text, "examining ", NULL),
    EXAMINING("group", FIELD_ADDRESS, group, NULL, NULL),
    EXAMINING("port", FIELD_NUMBER, port, NULL, NULL),
    EXAMINING("interface", FIELD_TEXT, interface, " on ", NULL),
    EXAMINING("reason", FIELD_TEXT, reason, " (", ")"),
    EXAMINING("source", FIELD_ADDRESS, source, " from ", NULL),
    EXAMINING("sender", FIELD_ADDRESS, sender, ", sent by ", NULL),
    EXAMINING("ttl", FIELD_NUMBER, ttl, ", TTL ", NULL),
    EXAMINING("see_packets", FIELD_FLAG, see_packets, NULL, NULL),
    EXAMINING("read_firewall", FIELD_FLAG, read_firewall, NULL, NULL),
    EXAMINING("missing", FIELD_TEXT, missing, "; ", NULL),
    { .key = NULL },
};

void doctor_report_start(struct output *output, const struct herald_doctor_facts *facts)
{
    char group[HERALD_ENDPOINT_TEXT_BYTES] = "this host";
    struct herald_peer peer = { .address = facts->endpoint.group, .port = facts->endpoint.port };
    struct examining record = {
        .group_text = output->json ? NULL : group,
        .group = facts->endpoint.group,
        .port = facts->endpoint.port,
        .interface = facts->interface_found ? facts->interface.name : NULL,
        .reason = facts->interface_found ? reason_text(facts->reason) : NULL,
        .source = facts->own_source,
        .sender = facts->remote_source,
        .ttl = facts->ttl,
        .see_packets = facts->net_raw,
        .read_firewall = facts->net_admin,
    };

    if (facts->endpoint_given)
        (void)herald_peer_format(&peer, facts->interface.name, group, sizeof group);
    if (!output->json && (!facts->net_raw || !facts->net_admin))
        record.missing = "root would see more";
    (void)output_record(output, OUTPUT_MESSAGE, "examining", examining_fields, &record);
}

/* ---- findings -------------------------------------------------------------------------------- */

struct row {
    const char *line; /* for people: the level and the check in columns */
    const char *level;
    const char *check;
    const char *interface;
    const char *host;
    const char *seen;
    const char *meaning;
    const char *remedy;
    bool remedy_is_command;
    bool interrupted;
    const char *command; /* for people: the remedy, on a line of its own, to be copied from there */
    const char *words;   /* the same, if it is no command */
};

#define ROW(name, type, member, text_before)                                                     \
 {                                                                                               \
  .key = (name), .kind = (type), .offset = offsetof(struct row, member), .before = (text_before) \
 }

static const struct field finding_fields[] = {
    ROW("line", FIELD_TEXT, line, ""),
    ROW("level", FIELD_TEXT, level, NULL),
    ROW("check", FIELD_TEXT, check, NULL),
    ROW("interface", FIELD_TEXT, interface, NULL),
    ROW("host", FIELD_TEXT, host, NULL),
    ROW("seen", FIELD_TEXT, seen, ""),
    ROW("meaning", FIELD_TEXT, meaning, NULL),
    ROW("remedy", FIELD_TEXT, remedy, NULL),
    ROW("remedy_is_command", FIELD_FLAG, remedy_is_command, NULL),
    { .key = NULL },
};

static const struct field verdict_fields[] = {
    ROW("line", FIELD_TEXT, line, ""),
    ROW("level", FIELD_TEXT, level, NULL),
    ROW("check", FIELD_TEXT, check, NULL),
    ROW("interface", FIELD_TEXT, interface, NULL),
    ROW("host", FIELD_TEXT, host, NULL),
    ROW("seen", FIELD_TEXT, seen, ""),
    ROW("meaning", FIELD_TEXT, meaning, ": "),
    ROW("remedy", FIELD_TEXT, remedy, NULL),
    ROW("remedy_is_command", FIELD_FLAG, remedy_is_command, NULL),
    ROW("interrupted", FIELD_FLAG, interrupted, NULL),
    ROW("command", FIELD_TEXT, command, "\n  try: "),
    ROW("words", FIELD_TEXT, words, "\n  remedy: "),
    { .key = NULL },
};

static const char *level_name(enum herald_finding_level level)
{
    switch (level) {
    case HERALD_FINDING_OK:
        return "ok";
    case HERALD_FINDING_WARNING:
        return "warning";
    case HERALD_FINDING_FAULT:
        return "fault";
    case HERALD_FINDING_SKIPPED:
        return "skipped";
    }
    return "?";
}

static const char *known(const char *text)
{
    return text[0] != '\0' ? text : NULL;
}

static struct row make_row(const struct herald_finding *finding)
{
    return (struct row){
        .level = level_name(finding->level),
        .check = known(finding->check),
        .interface = known(finding->interface),
        .host = known(finding->host),
        .seen = finding->seen,
        .meaning = known(finding->meaning),
        .remedy = known(finding->remedy),
        .remedy_is_command = finding->remedy_is_command,
    };
}

void doctor_report_skipped(struct output *output, struct doctor_skipped *skipped)
{
    char line[sizeof skipped->checks + 16], count[24], seen[sizeof skipped->why + sizeof skipped->checks + 8];
    struct row row = { .line = line, .seen = skipped->why };

    if (skipped->count == 0)
        return;
    (void)snprintf(count, sizeof count, "%u checks", skipped->count);
    (void)snprintf(line, sizeof line, "%-8s %-17s ", level_name(HERALD_FINDING_SKIPPED),
                   skipped->count == 1 ? skipped->checks : count);
    if (skipped->count > 1) {
        (void)snprintf(seen, sizeof seen, "%s (%s)", skipped->why, skipped->checks);
        row.seen = seen;
    }
    (void)output_record(output, OUTPUT_DATA, "finding", finding_fields, &row);
    skipped->count = 0;
}

/* Of a row of checks that one thing keeps from looking, that thing is said once. */
static void add_skipped(struct output *output, struct doctor_skipped *skipped, const struct herald_finding *finding)
{
    size_t length;

    if (skipped->count > 0 && strcmp(skipped->why, finding->seen) != 0)
        doctor_report_skipped(output, skipped);
    length = skipped->count > 0 ? strlen(skipped->checks) : 0;
    (void)snprintf(skipped->why, sizeof skipped->why, "%s", finding->seen);
    (void)snprintf(skipped->checks + length, sizeof skipped->checks - length, "%s%s", length > 0 ? ", " : "",
                   finding->check);
    skipped->count++;
}

void doctor_report_finding(struct output *output, const struct herald_finding *finding, struct doctor_skipped *skipped)
{
    struct row row = make_row(finding);
    char line[128];

    if (output->quiet)
        return;
    if (!output->json && finding->level == HERALD_FINDING_SKIPPED && finding->host[0] == '\0') {
        add_skipped(output, skipped, finding);
        return;
    }
    doctor_report_skipped(output, skipped);
    /* A fault stands out; in JSON it is spelled like the others. */
    (void)snprintf(line, sizeof line, "%-8s %-17s %s%s", finding->level == HERALD_FINDING_FAULT ? "FAULT" : row.level,
                   finding->check, finding->host, finding->host[0] != '\0' ? ": " : "");
    if (!output->json)
        row.line = line;
    (void)output_record(output, OUTPUT_DATA, "finding", finding_fields, &row);
}

void doctor_report_verdict(struct output *output, const struct herald_finding *verdict, bool interrupted)
{
    struct row row = make_row(verdict);
    char there[sizeof verdict->host + sizeof verdict->remedy + 8];
    char line[HERALD_FINDING_TEXT_BYTES + 32];

    row.interrupted = interrupted;
    (void)snprintf(line, sizeof line, "%s%s%s", interrupted ? "interrupted; so far: " : "", verdict->host,
                   verdict->host[0] != '\0' ? ": " : "");
    if (!output->json) {
        if (!output->quiet)
            (void)output_text(output, OUTPUT_DATA, "\n", 1);
        row.line = line;
        /* What another host is to do must not be copied into a shell here. */
        (void)snprintf(there, sizeof there, "on %s: %s", verdict->host, verdict->remedy);
        if (verdict->host[0] != '\0' && row.remedy != NULL)
            row.words = there;
        else if (verdict->remedy_is_command)
            row.command = row.remedy;
        else
            row.words = row.remedy;
    }
    (void)output_record(output, OUTPUT_DATA, "verdict", verdict_fields, &row);
}
