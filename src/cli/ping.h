/* SPDX-License-Identifier: MIT */
/* herald ping from inside: cmd_ping.c asks, ping_report.c says what came, ping_respond.c answers others. */
#ifndef CLI_PING_H
#define CLI_PING_H

#include "options.h"
#include "output.h"

enum {
    PING_MEMBERS_SHOWN = 20,  /* with more, a line tells of a round instead of one for each member */
    PING_MEMBERS_LISTED = 50, /* with more, the table at the end has only those that something is wrong with */
};

struct ping_settings {
    struct common_settings common;
    const char *interface;
    int64_t ttl;
    bool ttl_given; /* set from it: 0 cannot be given */
    int64_t count;
    uint64_t interval_ns;
    uint64_t wait_ns;
    uint64_t for_ns;
    int64_t expect;
    uint64_t size_bytes;
    uint64_t answer_bytes;
    bool fragment;
    const char *spread;
    bool no_multicast;
    bool by_unicast;
    const char *server;
    const char *only;
    bool respond;
};

struct ping {
    const struct ping_settings *settings;
    struct output output;
    struct herald_endpoint endpoint;
    struct herald_ping_config config;
    herald_ping *ping;
    int interrupt_fd;
    bool interrupted;
    bool crowd_told;             /* that there is one line for each round now */
    bool silence_told;           /* that nobody answers, while it goes on */
    bool refused;                /* the server does not serve the group */
    uint64_t rounds;             /* that are over, without the roll call */
    struct herald_error failure; /* why the first could not be sent */
};

/* ---- ping_report.c --------------------------------------------------------------------------- */

/* Where and how is asked. */
void ping_report_start(struct ping *ping);

void ping_report_event(struct ping *ping, const struct herald_ping_event *event);

/* The table of members, and everything together. */
void ping_report_end(struct ping *ping);

/* Why nobody answers, most likely. */
void ping_explain_silence(const struct ping *ping, struct herald_error *error);

/* ---- ping_respond.c -------------------------------------------------------------------------- */

/* herald ping --respond [EP...]. @return the status. */
int ping_respond(struct output *output, const struct ping_settings *settings, const struct operands *operands);

#endif
