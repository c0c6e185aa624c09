/* SPDX-License-Identifier: MIT */
/* herald send: a message to a group, and who answers. */
#include "commands.h"
#include "interrupt.h"
#include "send.h"
#include "status.h"
#include "words.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define MS   INT64_C(1000000)
#define HOUR (INT64_C(3600) * 1000 * MS)

static const struct option options[] = {
    { .name = "file",
      .metavar = "PATH",
      .kind = OPTION_TEXT,
      .offset = offsetof(struct send_settings, file),
      .complete = "file",
      .help = "send the contents of this file, as one datagram" },
    { .name = "hex",
      .metavar = "HEX",
      .kind = OPTION_TEXT,
      .offset = offsetof(struct send_settings, hex),
      .help = "send these bytes, in hex digits; blanks and colons between them are skipped" },
    { .name = "interface",
      .letter = 'i',
      .metavar = "IFACE",
      .kind = OPTION_LIST,
      .offset = offsetof(struct send_settings, interfaces),
      .complete = "iface",
      .help = "send on this interface, by name or index; given several times, once on each" },
    { .name = "all-interfaces",
      .kind = OPTION_FLAG,
      .offset = offsetof(struct send_settings, all_interfaces),
      .help = "send once on every interface that is up and can do multicast" },
    { .name = "ttl",
      .metavar = "N",
      .kind = OPTION_NUMBER,
      .offset = offsetof(struct send_settings, ttl),
      .min = 0,
      .max = 255,
      .default_text = "1",
      .help = "TTL or hop limit: 0 stays on this host, 1 on this network, each router takes one" },
    { .name = "no-loop",
      .kind = OPTION_FLAG,
      .offset = offsetof(struct send_settings, no_loop),
      .help = "do not let listeners on this host hear it" },
    { .name = "source",
      .metavar = "ADDR",
      .kind = OPTION_TEXT,
      .offset = offsetof(struct send_settings, source),
      .help = "send from this address of this host; the same as ADDR@ in the endpoint" },
    { .name = "reply-port",
      .metavar = "PORT",
      .kind = OPTION_NUMBER,
      .offset = offsetof(struct send_settings, reply_port),
      .min = 1,
      .max = 65535,
      .help = "send from this port, where answers come back; otherwise any free one" },
    { .name = "dscp",
      .metavar = "N",
      .kind = OPTION_NUMBER,
      .offset = offsetof(struct send_settings, dscp),
      .min = 0,
      .max = 63,
      .default_text = "0",
      .help = "mark the packets with this DSCP (46: expedited forwarding)" },
    { .name = "fragment",
      .kind = OPTION_FLAG,
      .offset = offsetof(struct send_settings, fragment),
      .help = "let IP fragment a message that exceeds the MTU; if one fragment is lost, all of it is" },
    { .name = "wait",
      .metavar = "DURATION",
      .kind = OPTION_DURATION,
      .offset = offsetof(struct send_settings, wait_ns),
      .min = 0,
      .max = 24 * HOUR,
      .default_text = "500ms",
      .help = "end when no further response has come for this long" },
    { .name = "for",
      .metavar = "DURATION",
      .kind = OPTION_DURATION,
      .offset = offsetof(struct send_settings, limit_ns),
      .min = MS / 1000,
      .max = HOUR * 24 * 366,
      .help = "end after this long in any case" },
    { .name = "expect",
      .metavar = "N",
      .kind = OPTION_NUMBER,
      .offset = offsetof(struct send_settings, expect),
      .min = 0,
      .max = TALLY_MAX,
      .help = "end as soon as N different responders have answered; status 1 if fewer do" },
    { .name = "retry",
      .metavar = "N",
      .kind = OPTION_NUMBER,
      .offset = offsetof(struct send_settings, retry),
      .min = 0,
      .max = 1000000,
      .help = "send again up to N times, each after --wait, while fewer than --expect (or nobody) answered" },
    { .name = "count",
      .metavar = "N",
      .kind = OPTION_NUMBER,
      .offset = offsetof(struct send_settings, count),
      .min = 1,
      .max = INT64_MAX,
      .help = "send exactly N messages; without it one, or with --interval or --rate as many as there is time for" },
    { .name = "interval",
      .metavar = "DURATION",
      .kind = OPTION_DURATION,
      .offset = offsetof(struct send_settings, interval_ns),
      .min = MS / 100,
      .max = 24 * HOUR,
      .help = "time from one message to the next, 1s unless given; without --count they go on until --for or Ctrl-C" },
    { .name = "rate",
      .metavar = "RATE",
      .kind = OPTION_RATE,
      .offset = offsetof(struct send_settings, rate),
      .help =
          "stream messages back to back at this rate of payload (100mbit), of datagrams (5000pps) or without pacing "
          "(max), until --count or --for ends it, --expect without them, or Ctrl-C; answers are counted, not shown" },
    { .name = NULL },
};

/* ---- before anything is opened --------------------------------------------------------------- */

/* A library's cause quotes strange characters in a way of its own, which would be escaped again when it is printed. */
static bool is_plain(const char *text)
{
    for (; *text != '\0'; text++) {
        if (*text < 0x20 || *text > 0x7e)
            return false;
    }
    return true;
}

static int parse_endpoint(const struct operands *operands, struct herald_endpoint *endpoint, struct herald_error *error)
{
    const char *text = operands->items[0];
    const char *message = operands->count > 1 ? operands->items[1] : NULL;
    int result = herald_endpoint_parse(text, endpoint, error);
    struct herald_endpoint other;
    char word[128];
    char ep[128];

    if (result < 0 && message != NULL && herald_endpoint_parse(message, &other, NULL) >= 0) {
        (void)herald_error_set(error, result, "'%.64s' is not an endpoint: EP comes first, then MESSAGE", text);
        herald_error_advise(error, "herald send %s %s", words_quote(message, ep, sizeof ep),
                            strlen(text) < 64 && is_plain(text) ? words_quote(text, word, sizeof word) : "MESSAGE");
    } else if (result < 0 && !is_plain(text)) {
        (void)herald_error_set(error, result, "'%.64s' is not an endpoint", text);
    }
    return result;
}

/* The largest message that any datagram to that group can carry. */
static size_t payload_max(const struct herald_endpoint *endpoint)
{
    return endpoint->group.family == HERALD_FAMILY_IPV6 ? HERALD_PAYLOAD_MAX_IPV6_BYTES : HERALD_PAYLOAD_MAX_IPV4_BYTES;
}

static int parse_source(struct send *send, struct herald_error *error)
{
    const char *text = send->settings->source;

    send->source = send->endpoint.source;
    if (text == NULL)
        return 0;
    if (herald_address_parse(text, &send->source) < 0 || herald_address_is_multicast(&send->source))
        return herald_error_set(error, -EINVAL, "--source: '%.60s' is not the numeric address of one host", text);
    if (send->source.family != send->endpoint.group.family)
        return herald_error_set(error, -EINVAL, "--source is IPv%d, the group is IPv%d", (int)send->source.family,
                                (int)send->endpoint.group.family);
    if (send->endpoint.source.family != HERALD_FAMILY_NONE &&
        !herald_address_equal(&send->source, &send->endpoint.source))
        return herald_error_set(error, -EINVAL, "the endpoint and --source name two different sources");
    return 0;
}

static int check_rate(const struct send *send, struct herald_error *error)
{
    const struct send_settings *settings = send->settings;

    if (settings->rate.kind == RATE_NONE)
        return 0;
    if (settings->interval_ns != 0)
        return herald_error_set(error, -EINVAL, "--rate and --interval exclude each other");
    if (settings->retry != 0)
        return herald_error_set(error, -EINVAL, "--rate and --retry exclude each other");
    if (settings->rate.kind == RATE_FIXED && send->payload.size == 0) {
        (void)herald_error_set(error, -EINVAL, "--rate: empty messages have no bits per second");
        herald_error_advise(error, "--rate 1000pps");
        return -EINVAL;
    }
    return 0;
}

static int prepare(struct send *send, const struct operands *operands, struct herald_error *error)
{
    int result = parse_endpoint(operands, &send->endpoint, error);

    if (result >= 0)
        result = parse_source(send, error);
    if (result >= 0)
        result = send_payload_read(send->settings, operands, payload_max(&send->endpoint), &send->payload, error);
    if (result >= 0)
        result = check_rate(send, error);
    if (result >= 0)
        result = send_open(send, error);
    if (result < 0)
        return result;
    send->interrupt_fd = interrupt_open();
    if (send->interrupt_fd < 0)
        return herald_error_set(error, send->interrupt_fd, "cannot catch Ctrl-C: %s", strerror(-send->interrupt_fd));
    send->output.interrupt_fd = send->interrupt_fd;
    return 0;
}

/* ---- the run --------------------------------------------------------------------------------- */

/* --count says it; otherwise who repeats does so until something else ends it. */
static uint64_t messages_max(const struct send_settings *settings)
{
    if (settings->count > 0)
        return (uint64_t)settings->count;
    return settings->interval_ns > 0 || settings->rate.kind != RATE_NONE ? UINT64_MAX : 1;
}

static int send_all(struct send *send)
{
    send_introduce(send);
    send->start_ns = herald_clock_ns();
    send->end_ns = send->settings->limit_ns > 0 ? send->start_ns + send->settings->limit_ns : HERALD_NEVER;
    send->output.end_ns = send->end_ns;
    if (send->settings->rate.kind != RATE_NONE)
        send_stream(send);
    else
        send_ask_all(send);
    if (send->totals.messages > 0)
        send_report_summary(send);
    if (send->failed)
        return STATUS_FAILED;
    return send->totals.short_messages > 0 || send->totals.unsent > 0 || send->sender_lost ? STATUS_NOT_EVERYONE
                                                                                           : STATUS_DONE;
}

static int run(const void *settings, const struct operands *operands)
{
    struct send send = { .settings = settings, .answers_fd = -1, .interrupt_fd = -1, .end_ns = HERALD_NEVER };
    struct herald_error error;
    int status;
    int result;

    send.totals.slowest_ns = -1;
    send.totals.sending_ns = -1;
    send.messages_max = messages_max(settings);
    output_init(&send.output, "herald send", settings);
    result = prepare(&send, operands, &error);
    if (result < 0) {
        status = result == -EINVAL ? STATUS_USAGE : STATUS_FAILED;
        if (status == STATUS_USAGE && error.advice[0] == '\0')
            herald_error_advise(&error, "herald help send");
        options_report(&send.output, &error, status);
    } else {
        status = send_all(&send);
    }
    send_close(&send);
    tally_release(&send.tally);
    free(send.payload.data);
    return output_status(&send.output, status);
}

const struct command command_send = {
    .name = "send",
    .operands = "EP [MESSAGE]",
    .operands_min = 1,
    .operands_max = 2,
    .summary = "send a message to a group once, and report who answers",
    .details =
        "Sends MESSAGE as one datagram to the group, then prints every response as it comes: who answered, what, and "
        "the round trip by the kernel's timestamps. It ends when no further response has come for --wait. Listeners of "
        "any kind may answer: herald listen does so with \"ack\", as the classic programs of this kind do.\n"
        "\n"
        "MESSAGE is sent as it is, without a newline at its end; \"-\" reads it from standard input, and so does "
        "leaving it out when standard input is not a terminal. An empty message (\"\") is a datagram without payload. "
        "A message that does not fit into one packet is refused unless --fragment is given.\n"
        "\n"
        "The first line says where the message goes: on which interface and why, from which address and port, with "
        "which TTL. The interface is the one given by -i or by %IFACE in the endpoint; otherwise the one that has the "
        "--source address; otherwise the one of the route to the group; without a route the first that is up and has "
        "an address; and without any network lo, which reaches this host only. SOURCE@ in the endpoint is the own "
        "address to send from. With +N in the endpoint the message goes to each of the N groups.\n"
        "\n"
        "A responder is an address and port: it is counted once, however often it answers. With --expect N the command "
        "ends as soon as N have answered, and has status 1 if fewer did; without it, silence is no error. --retry "
        "sends the same message again while too few have answered. --count sends several messages, one every "
        "--interval, and --interval alone goes on until Ctrl-C or --for. When the next message is due, a line tells "
        "what became of the last one, and at the end a line for each responder how many it answered; an answer that "
        "comes after the next message has gone out counts for that one.\n"
        "\n"
        "With --rate the message is repeated back to back, in bursts of about 200 µs worth and at most 64 datagrams. "
        "The rate is that of all groups and interfaces together.\n"
        "\n"
        "Thousands of responses at once are counted if the receive buffer can hold them: 16 MiB are asked for, and the "
        "kernel grants up to net.core.rmem_max. What it had to drop is counted and reported. Ctrl-C ends the command "
        "with its summary; a second one ends it at once.",
    .examples = "# Send a message, see who is there\n"
                "herald send 239.1.2.3:10000 hello\n"
                "# Three listeners must answer; send up to four times until they have\n"
                "herald send 239.1.2.3:10000 reload --expect 3 --retry 3\n"
                "# The contents of a file; the output of a program; bytes\n"
                "herald send 239.1.2.3:10000 --file message.txt\n"
                "date | herald send 239.1.2.3:10000 -\n"
                "herald send 239.1.2.3:10000 --hex '01 02 ff'\n"
                "# Through up to three routers, on two interfaces\n"
                "herald send 239.1.2.3:10000 hello --ttl 4 -i eth0 -i lo\n"
                "# IPv6, link-local\n"
                "herald send '[ff12::1234%eth0]:10000' hello\n"
                "# Ten messages, two a second: who answers how many\n"
                "herald send 239.1.2.3:10000 ping --count 10 --interval 500ms\n"
                "# One a second, until Ctrl-C\n"
                "herald send 239.1.2.3:10000 ping --interval 1s\n"
                "# A test stream of 20 Mbit/s for two seconds\n"
                "herald send 239.1.2.3:10000 --file message.txt --rate 20mbit --for 2s\n"
                "# The addresses of all who answer, for a script\n"
                "herald send 239.1.2.3:10000 hello --json -q\n",
    .options = options,
    .settings_bytes = sizeof(struct send_settings),
    .run = run,
};
