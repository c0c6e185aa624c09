/* SPDX-License-Identifier: MIT */
/* herald send: what its parts share. */
#ifndef CLI_SEND_H
#define CLI_SEND_H

#include "options.h"
#include "output.h"
#include "send_tally.h"

#include <herald/herald.h>

/* What the command line says. */
struct send_settings {
    struct common_settings common;
    const char *file;
    const char *hex;
    int64_t ttl;
    bool no_loop;
    struct text_list interfaces;
    bool all_interfaces;
    const char *source;
    int64_t dscp;
    int64_t reply_port;
    bool fragment;
    uint64_t wait_ns;
    uint64_t limit_ns; /* --for; 0: none */
    int64_t expect;
    int64_t retry;
    int64_t count;        /* 0: not given */
    uint64_t interval_ns; /* 0: not given */
    struct rate rate;
};

/* The message: bytes of its own. */
struct payload {
    uint8_t *data;
    size_t size;
};

/* What is counted over the whole run. */
struct send_totals {
    uint64_t messages;       /* sent on at least one sender */
    uint64_t unsent;         /* that could be sent on none */
    uint64_t short_messages; /* answered by fewer than --expect */
    uint64_t attempts;
    uint64_t responses;
    int64_t slowest_ns; /* of the first answer of each responder to each message; -1: none */
    int64_t sending_ns; /* --rate: how long sending took; -1 otherwise */
    int64_t pacing_ns;  /* --rate: the same, with the interval that the last message takes: what rates are made of */
};

/* The message under way: what answers it, until the next one goes out. */
struct message {
    uint64_t number; /* from 1; 0: none yet */
    uint64_t responders;
    uint32_t attempts;
    int64_t slowest_ns; /* -1: no answer with a known round trip */
    bool closed;        /* has been reported */
};

/* One run of the command. */
struct send {
    const struct send_settings *settings;
    struct output output;
    struct payload payload;
    uint64_t messages_max; /* UINT64_MAX: until something else ends it */
    struct message message;
    struct herald_endpoint endpoint;
    struct herald_address source; /* own address asked for, or NONE */
    herald_sender **senders;      /* for each interface each group */
    uint64_t *sent;               /* by each, before the message under way */
    size_t sender_count;
    size_t interface_count;
    int interrupt_fd;
    int answers_fd; /* epoll on all senders, for when no question is under way */
    bool interrupted;
    bool time_up;
    bool failed;      /* cannot go on; has been reported */
    bool sender_lost; /* a message did not go out on an interface that was asked for */
    uint64_t start_ns;
    uint64_t end_ns; /* by --for, or HERALD_NEVER */
    struct tally tally;
    struct send_totals totals;
};

/* ---- send_payload.c -------------------------------------------------------------------------- */

/*
 * The message from the operand, --file, --hex or standard input: at most `max_bytes`.
 * @return 0, the caller frees ret_payload->data; -EINVAL for a mistake on the command line; another negative errno.
 */
int send_payload_read(const struct send_settings *settings, const struct operands *operands, size_t max_bytes,
                      struct payload *ret_payload, struct herald_error *error);

/* ---- send_open.c ----------------------------------------------------------------------------- */

/*
 * Opens a sender for each group on each interface, and checks that the message fits on one of them at least.
 * @return 0; -EINVAL for a mistake on the command line; -errno.
 */
int send_open(struct send *send, struct herald_error *error);

/* Closes them. */
void send_close(struct send *send);

/* Says where and how is sent, and warns of what looks wrong. */
void send_introduce(struct send *send);

/* ---- send_ask.c, send_rate.c ----------------------------------------------------------------- */

/* Sends every message as a question, and reports the answers. Errors are reported here and set send->failed. */
void send_ask_all(struct send *send);

/* Streams the message at --rate; answers are counted. Errors as above. */
void send_stream(struct send *send);

/*
 * Waits until `fd` (with `events`), or until `until_ns`, or for Ctrl-C, which sets send->interrupted; also stops at
 * the end set by --for, which sets send->time_up.
 * @return whether to go on at all.
 */
bool send_wait(struct send *send, int fd, short events, uint64_t until_ns);

/* Takes all answers that wait in the senders, outside of a question. */
void send_take_answers(struct send *send, bool print);

/* ---- send_report.c --------------------------------------------------------------------------- */

/* Why it cannot go on. */
void send_fail(struct send *send, const struct herald_error *error);

/* Where and how: of the senders on one interface, the first. */
void send_report_sender(struct send *send, const herald_sender *sender);

/* An answer to the message under way. It is counted too. */
void send_report_response(struct send *send, const struct herald_response *response, bool print);

/* It is being sent again. */
void send_report_retry(struct send *send, uint32_t responders, uint32_t attempt);

/* What became of the message under way, one of several. */
void send_report_message(struct send *send);

/* How fast --rate sends. */
void send_report_pace(struct send *send, double datagrams_per_second, size_t burst);

/* Everything together, at the end. */
void send_report_summary(struct send *send);

#endif
