/* SPDX-License-Identifier: MIT */
/* herald ping --respond: answers those who ask. */
#include "examined.h"
#include "interrupt.h"
#include "joins.h"
#include "ping.h"
#include "status.h"

#include <errno.h>
#include <net/if.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

struct respond {
    struct output *output;
    const struct ping_settings *settings;
    struct herald_endpoint *endpoints;
    size_t endpoint_count;
    bool serves;
    struct examined examined;
    herald_responder *responder;
};

/* ---- opening --------------------------------------------------------------------------------- */

/* The defaults of the options. */
#define INTERVAL_NS UINT64_C(1000000000)
#define WAIT_NS     UINT64_C(500000000)

/* Options of who asks would do nothing here. */
static int check_settings(const struct ping_settings *settings, struct herald_error *error)
{
    const struct {
        const char *name;
        bool given;
    } asking[] = {
        { "--count", settings->count > 0 },
        { "--interval", settings->interval_ns != INTERVAL_NS },
        { "--wait", settings->wait_ns != WAIT_NS },
        { "--expect", settings->expect > 0 },
        { "--only", settings->only != NULL },
        { "--size", settings->size_bytes > 0 },
        { "--answer-size", settings->answer_bytes > 0 },
        { "--fragment", settings->fragment },
        { "--spread", settings->spread != NULL },
        { "--no-multicast", settings->no_multicast },
        { "--by-unicast", settings->by_unicast },
        { "--server", settings->server != NULL },
    };

    for (size_t i = 0; i < sizeof(asking) / sizeof(asking[0]); i++)
        if (asking[i].given)
            return herald_error_set(error, -EINVAL, "%s is for asking: it cannot go with --respond", asking[i].name);
    return 0;
}

static int parse_endpoints(struct respond *respond, const struct operands *operands, struct herald_error *error)
{
    respond->endpoints = calloc(operands->count + 1, sizeof(*respond->endpoints));
    if (respond->endpoints == NULL)
        return herald_error_set(error, -ENOMEM, "out of memory");
    for (size_t i = 0; i < operands->count; i++) {
        int r = herald_endpoint_parse(operands->items[i], &respond->endpoints[i], error);

        if (r < 0)
            return r;
        respond->endpoint_count++;
    }
    return 0;
}

static int open_responder(struct respond *respond, struct herald_error *error)
{
    const struct ping_settings *settings = respond->settings;
    struct herald_responder_config config = {
        .endpoints = respond->endpoints,
        .endpoint_count = respond->endpoint_count,
        .interfaces = &settings->interface,
        .interface_count = settings->interface != NULL,
        .serve = true,
        .ttl_given = settings->ttl_given,
        .ttl = (uint8_t)settings->ttl,
        .examine = examined_tell,
        .examine_userdata = &respond->examined,
    };
    int r;

    respond->examined = (struct examined){ respond->endpoints, respond->endpoint_count };
    r = herald_responder_new(&respond->responder, &config, error);
    respond->serves = r == 0;
    if (r != -EADDRINUSE || respond->endpoint_count == 0)
        return r;
    /* A member can do without the ports: another program answers there. */
    output_warning(respond->output, error);
    output_note(respond->output, "clients that ask this host by unicast are not answered; members of the group are");
    config.serve = false;
    return herald_responder_new(&respond->responder, &config, error);
}

/* ---- what is said ---------------------------------------------------------------------------- */

struct start_record {
    struct list endpoints;
    struct list interfaces;
    struct list ports;
};

enum { START_ENDPOINTS, START_INTERFACES, START_PORTS };

static const struct field start_fields[] = {
    { "endpoints", FIELD_LIST, offsetof(struct start_record, endpoints), "answering pings to ", NULL },
    { "interfaces", FIELD_LIST, offsetof(struct start_record, interfaces), " on ", NULL },
    { "ports", FIELD_LIST, offsetof(struct start_record, ports), ", and by unicast at ports ", NULL },
    { NULL, FIELD_TEXT, 0, NULL, NULL },
};

static void report_start(struct respond *respond)
{
    enum { INTERFACES_MAX = 64, ENDPOINTS_SHOWN = 4, INTERFACES_SHOWN = 6 };
    struct field fields[sizeof(start_fields) / sizeof(start_fields[0])];
    herald_receiver *receiver = herald_responder_receiver(respond->responder);
    char(*texts)[HERALD_ENDPOINT_TEXT_BYTES] = calloc(respond->endpoint_count + 1, sizeof(*texts));
    const char **items = calloc(respond->endpoint_count + 1, sizeof(*items));
    char names[INTERFACES_MAX][HERALD_INTERFACE_NAME_BYTES];
    const char *name_items[INTERFACES_MAX];
    size_t name_count = receiver != NULL ? herald_receiver_interfaces(receiver, names, INTERFACES_MAX) : 0;
    char ports[2][8];
    const char *port_items[2] = { ports[0], ports[1] };
    struct start_record record;

    if (texts == NULL || items == NULL)
        goto out;
    if (name_count > INTERFACES_MAX)
        name_count = INTERFACES_MAX;
    for (size_t i = 0; i < respond->endpoint_count; i++) {
        (void)herald_endpoint_format(&respond->endpoints[i], texts[i], sizeof(texts[i]));
        items[i] = texts[i];
    }
    for (size_t i = 0; i < name_count; i++)
        name_items[i] = names[i];
    snprintf(ports[0], sizeof(ports[0]), "%d", HERALD_PING_PORT_SSMPING);
    snprintf(ports[1], sizeof(ports[1]), "%d", HERALD_PING_PORT_RFC6450);
    record.ports = (struct list){ port_items, respond->serves ? 2 : 0, 2, "" };
    record.endpoints = (struct list){ items, respond->endpoint_count, ENDPOINTS_SHOWN, "" };
    record.interfaces = (struct list){ name_items, name_count, INTERFACES_SHOWN, "no interface yet" };
    memcpy(fields, start_fields, sizeof(fields));
    if (respond->endpoint_count == 0) {
        fields[START_ENDPOINTS].before = fields[START_INTERFACES].before = NULL;
        fields[START_PORTS].before = "answering pings by unicast at ports ";
    }
    if (!respond->serves)
        fields[START_PORTS].before = NULL;
    (void)output_record(respond->output, OUTPUT_MESSAGE, "responding", fields, &record);
out:
    free(texts);
    free(items);
}

struct asked_record {
    const char *what;
    const char *peer;
    struct herald_address source;
    uint64_t source_port;
    const char *way;
};

static const struct field asked_fields[] = {
    { "what", FIELD_TEXT, offsetof(struct asked_record, what), "", " " },
    { "peer", FIELD_TEXT, offsetof(struct asked_record, peer), "", NULL },
    { "source", FIELD_ADDRESS, offsetof(struct asked_record, source), NULL, NULL },
    { "source_port", FIELD_NUMBER, offsetof(struct asked_record, source_port), NULL, NULL },
    { "way", FIELD_TEXT, offsetof(struct asked_record, way), " (", ")" },
    { NULL, FIELD_TEXT, 0, NULL, NULL },
};

static void report_events(struct respond *respond)
{
    herald_receiver *receiver = herald_responder_receiver(respond->responder);
    struct herald_responder_event event;
    struct herald_receiver_event change;
    char peer[HERALD_ENDPOINT_TEXT_BYTES];
    char name[IF_NAMESIZE];

    while (receiver != NULL && herald_receiver_next_event(receiver, &change) > 0)
        joins_report(respond->output, &change);
    while (herald_responder_next_event(respond->responder, &event) > 0) {
        const struct asked_record record = {
            .what = event.kind == HERALD_RESPONDER_LIMITED ? "limiting answers to" : "asked by",
            .peer = peer,
            .source = event.peer.address,
            .source_port = event.peer.port,
            .way = event.by_multicast ? "multicast"
                   : event.is_old     ? "unicast, as ssmping and asmping do"
                                      : "unicast",
        };

        (void)herald_peer_format(&event.peer, if_indextoname(event.peer.interface_index, name), peer, sizeof(peer));
        if (event.kind == HERALD_RESPONDER_FAILED)
            output_warning(respond->output, &event.error);
        else
            (void)output_record(respond->output, OUTPUT_DATA, "asked", asked_fields, &record);
    }
}

static const struct field summary_fields[] = {
    { "requests", FIELD_NUMBER, offsetof(struct herald_responder_stats, requests), "", " request(s)" },
    { "answers_unicast", FIELD_NUMBER, offsetof(struct herald_responder_stats, answers_unicast),
      ", answers: ", " by unicast" },
    { "answers_multicast", FIELD_NUMBER, offsetof(struct herald_responder_stats, answers_multicast), ", ",
      " by multicast" },
    { "answers_withheld", FIELD_NUMBER, offsetof(struct herald_responder_stats, withheld), ", ",
      " withheld by the limits" },
    { "answers_failed", FIELD_NUMBER, offsetof(struct herald_responder_stats, failed), ", ", " failed" },
    { "duplicates", FIELD_NUMBER, offsetof(struct herald_responder_stats, duplicates), NULL, NULL },
    { "malformed", FIELD_NUMBER, offsetof(struct herald_responder_stats, malformed), NULL, NULL },
    { NULL, FIELD_TEXT, 0, NULL, NULL },
};

static void report_end(struct respond *respond)
{
    struct herald_responder_stats stats;

    herald_responder_stats(respond->responder, &stats);
    (void)output_record(respond->output, OUTPUT_MESSAGE, "summary", summary_fields, &stats);
}

/* ---- the loop -------------------------------------------------------------------------------- */

/* @return whether Ctrl-C came. */
static bool wait_for_something(struct respond *respond, int interrupt_fd, uint64_t end_ns)
{
    struct pollfd fds[3] = {
        { .fd = interrupt_fd, .events = POLLIN },
        { .fd = herald_responder_fd(respond->responder), .events = POLLIN },
        { .fd = respond->output->data_fd, .events = 0 },
    };
    uint64_t deadline_ns = herald_responder_deadline(respond->responder);
    uint64_t now_ns = herald_clock_ns();
    struct timespec timeout = { 0 };

    if (end_ns < deadline_ns)
        deadline_ns = end_ns;
    if (deadline_ns > now_ns) {
        timeout.tv_sec = (time_t)((deadline_ns - now_ns) / 1000000000);
        timeout.tv_nsec = (long)((deadline_ns - now_ns) % 1000000000);
    }
    if (ppoll(fds, 3, deadline_ns == HERALD_NEVER ? NULL : &timeout, NULL) > 0 && (fds[2].revents & POLLERR) != 0)
        output_reader_gone(respond->output);
    return fds[0].revents != 0 && interrupt_came(interrupt_fd);
}

static int answer(struct respond *respond, int interrupt_fd)
{
    uint64_t start_ns = herald_clock_ns();
    uint64_t end_ns = respond->settings->for_ns > 0 ? start_ns + respond->settings->for_ns : HERALD_NEVER;
    struct herald_error error;

    respond->output->end_ns = end_ns;
    report_start(respond);
    while (respond->output->write_error == 0) {
        uint64_t now_ns;
        int r;

        report_events(respond);
        if (wait_for_something(respond, interrupt_fd, end_ns))
            break;
        now_ns = herald_clock_ns();
        r = herald_responder_process(respond->responder, now_ns);
        if (r < 0) {
            herald_error_set(&error, r, "cannot go on: %s", strerror(-r));
            options_report(respond->output, &error, STATUS_FAILED);
            return STATUS_FAILED;
        }
        if (now_ns >= end_ns)
            break;
    }
    report_events(respond);
    report_end(respond);
    return STATUS_DONE;
}

int ping_respond(struct output *output, const struct ping_settings *settings, const struct operands *operands)
{
    struct respond respond = { .output = output, .settings = settings };
    struct herald_error error;
    int interrupt_fd = -1;
    int status = STATUS_DONE;
    int r = check_settings(settings, &error);

    if (r == 0)
        r = parse_endpoints(&respond, operands, &error);
    if (r == 0)
        r = open_responder(&respond, &error);
    if (r == 0 && (interrupt_fd = interrupt_open()) < 0)
        r = herald_error_set(&error, interrupt_fd, "cannot catch Ctrl-C: %s", strerror(-interrupt_fd));
    if (r < 0) {
        status = r == -EINVAL ? STATUS_USAGE : STATUS_FAILED;
        if (status == STATUS_USAGE && error.advice[0] == '\0')
            herald_error_advise(&error, "herald help ping");
        options_report(output, &error, status);
    } else {
        output->interrupt_fd = interrupt_fd;
        status = answer(&respond, interrupt_fd);
    }
    herald_responder_free(respond.responder);
    free(respond.endpoints);
    return status;
}
