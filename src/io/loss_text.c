/* SPDX-License-Identifier: MIT */
#include "loss_attribute.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { NUMBER_BYTES = 28, SIZE_BYTES = 28, PARTS_SHOWN = 3, BUFFER_BYTES = 4 * 1024 * 1024 };

static const struct {
    const char *name;
    const char *words;
} causes[HERALD_LOSS_CAUSE_COUNT] = {
    [HERALD_LOSS_NETWORK] = { "network", "in the network" },
    [HERALD_LOSS_NIC] = { "nic", "by the network card" },
    [HERALD_LOSS_BACKLOG] = { "backlog", "in a processor's full queue" },
    [HERALD_LOSS_RP_FILTER] = { "rp_filter", "by the reverse path filter" },
    [HERALD_LOSS_FIREWALL] = { "firewall", "by this host's firewall" },
    [HERALD_LOSS_FRAGMENTS] = { "fragments", "for a missing fragment" },
    [HERALD_LOSS_CHECKSUM] = { "checksum", "by damage on the way" },
    [HERALD_LOSS_MEMORY] = { "memory", "for want of kernel memory" },
    [HERALD_LOSS_RECEIVE_BUFFER] = { "receive_buffer", "in the full receive buffer" },
};

const char *herald_loss_cause_name(enum herald_loss_cause cause)
{
    return (unsigned)cause < HERALD_LOSS_CAUSE_COUNT ? causes[cause].name : "?";
}

const char *herald_loss_cause_words(enum herald_loss_cause cause)
{
    return (unsigned)cause < HERALD_LOSS_CAUSE_COUNT ? causes[cause].words : "?";
}

/* Appends to a text of fixed size; what does not fit is cut. */
__attribute__((format(printf, 3, 4))) static void append(char *text, size_t size_bytes, const char *format, ...)
{
    size_t used = strlen(text);
    va_list arguments;

    va_start(arguments, format);
    (void)vsnprintf(text + used, size_bytes - used, format, arguments);
    va_end(arguments);
}

/* "1,234,567" */
static const char *format_number(uint64_t number, char text[NUMBER_BYTES])
{
    char *at = text + NUMBER_BYTES - 1;

    *at = '\0';
    for (int digits = 0; number > 0 || digits == 0; digits++, number /= 10) {
        if (digits > 0 && digits % 3 == 0)
            *--at = ',';
        *--at = (char)('0' + number % 10);
    }
    return at;
}

static void format_size(size_t bytes, char text[SIZE_BYTES])
{
    if (bytes >= 10 * 1024 * 1024)
        (void)snprintf(text, SIZE_BYTES, "%zu MiB", bytes / (1024 * 1024));
    else
        (void)snprintf(text, SIZE_BYTES, "%zu KiB", (bytes + 1023) / 1024);
}

/* "34", or as much as is known of it. */
static void append_part(struct herald_loss_report *report, const struct herald_loss_part *part)
{
    char number[NUMBER_BYTES];
    const char *about = "about ";
    uint64_t shown = part->likely;

    if (part->least == part->most) {
        about = "";
    } else if (part->least > 0 && part->least >= part->likely - part->likely / 10) {
        about = "at least ";
        shown = part->least;
    } else if (part->most != HERALD_LOSS_UNKNOWN && part->likely >= part->most - part->most / 10) {
        about = "at most ";
        shown = part->most;
    }
    append(report->text, sizeof(report->text), "%s%s", about, format_number(shown, number));
}

static void append_words(struct herald_loss_report *report, enum herald_loss_cause cause)
{
    char size[SIZE_BYTES];

    append(report->text, sizeof(report->text), " %s", causes[cause].words);
    if (cause == HERALD_LOSS_RECEIVE_BUFFER && report->receive_buffer_bytes > 0) {
        format_size(report->receive_buffer_bytes, size);
        append(report->text, sizeof(report->text), " (%s)", size);
    } else if (cause == HERALD_LOSS_NIC && report->interface[0] != '\0') {
        append(report->text, sizeof(report->text), " (%s)", report->interface);
    }
}

/* The largest part that is not larger than the one before, and was not shown. @return its cause, or -1. */
static int next_part(const struct herald_loss_report *report, unsigned shown)
{
    int found = -1;

    for (int i = HERALD_LOSS_CAUSE_COUNT - 1; i >= 0; i--)
        if ((shown >> i & 1) == 0 && report->parts[i].likely > 0 &&
            (found < 0 || report->parts[i].likely > report->parts[found].likely))
            found = i;
    return found;
}

static void describe_parts(struct herald_loss_report *report)
{
    unsigned shown = 0;
    int cause = next_part(report, shown);

    for (int count = 0; cause >= 0 && count < PARTS_SHOWN; count++) {
        append(report->text, sizeof(report->text), "%s", count > 0 ? ", " : "");
        append_part(report, &report->parts[cause]);
        append_words(report, (enum herald_loss_cause)cause);
        shown |= 1u << cause;
        cause = next_part(report, shown);
    }
}

/* Without sequence numbers, and one cause only: "about 2,280 datagrams (at least 57) lost in the full buffer". */
static void describe_only(struct herald_loss_report *report)
{
    const struct herald_loss_part *part = &report->parts[report->main_cause];
    char number[NUMBER_BYTES];
    char least[NUMBER_BYTES];

    append(report->text, sizeof(report->text), "%s%s datagram%s",
           part->likely > part->least  ? "about "
           : part->most > part->likely ? "at least "
                                       : "",
           format_number(part->likely, number), part->likely == 1 ? "" : "s");
    if (part->likely > part->least)
        append(report->text, sizeof(report->text), " (at least %s)", format_number(part->least, least));
    append(report->text, sizeof(report->text), " lost");
    append_words(report, report->main_cause);
}

static bool is_only_cause(const struct herald_loss_report *report)
{
    for (int i = 0; i < HERALD_LOSS_CAUSE_COUNT; i++)
        if (report->parts[i].likely > 0 && i != (int)report->main_cause)
            return false;
    return true;
}

static void describe_text(struct herald_loss_report *report)
{
    const struct herald_loss_part *part = &report->parts[report->main_cause];
    char number[NUMBER_BYTES];

    if (report->lost == 0 && (report->missing_is_known || part->likely == 0))
        return;
    if (report->lost == 0) {
        append(report->text, sizeof(report->text), "perhaps lost: ");
        describe_parts(report);
        return;
    }
    if (!report->missing_is_known && is_only_cause(report)) {
        describe_only(report);
        return;
    }
    append(report->text, sizeof(report->text), "%s%s datagram%s lost",
           report->missing_is_known && report->lost == report->missing ? "" : "at least ",
           format_number(report->lost, number), report->lost == 1 ? "" : "s");
    if (part->likely == report->lost && report->missing_is_known) {
        append(report->text, sizeof(report->text), "%s", part->least == report->lost ? "," : ", most likely");
        append(report->text, sizeof(report->text), "%s", report->lost > 1 ? " all" : "");
        append_words(report, report->main_cause);
    } else {
        append(report->text, sizeof(report->text), ": ");
        describe_parts(report);
    }
}

static void advise_receive_buffer(struct herald_loss_report *report, const struct hd_loss_limits *limits)
{
    size_t better_bytes = report->receive_buffer_bytes > 0 ? report->receive_buffer_bytes * 4 : BUFFER_BYTES;
    char allowed[SIZE_BYTES];

    format_size(limits->allowed_bytes, allowed);
    if (limits->asked_bytes > 0)
        append(report->advice, sizeof(report->advice), "sysctl -w net.core.rmem_max=%zu, to get the buffer asked for",
               limits->asked_bytes);
    else if (limits->allowed_bytes >= better_bytes)
        append(report->advice, sizeof(report->advice),
               "a larger receive buffer (--rcvbuf, SO_RCVBUF), of up to %s here; or read faster", allowed);
    else
        append(report->advice, sizeof(report->advice),
               "sysctl -w net.core.rmem_max=%zu, then as large a receive buffer (--rcvbuf, SO_RCVBUF); or read faster",
               better_bytes);
}

static void describe_advice(struct herald_loss_report *report, const struct hd_loss_limits *limits)
{
    const char *interface = report->interface[0] != '\0' ? report->interface : "IFACE";
    char *advice = report->advice;
    size_t room = sizeof(report->advice);

    switch (report->main_cause) {
    case HERALD_LOSS_NETWORK:
        append(advice, room, "send slower, and look at the drop counters of the switches on the way");
        return;
    case HERALD_LOSS_NIC:
        append(advice, room, "ethtool -S %s tells why; ethtool -G %s rx 4096 makes its ring larger", interface,
               interface);
        return;
    case HERALD_LOSS_BACKLOG:
        append(advice, room, "sysctl -w net.core.netdev_max_backlog=10000");
        return;
    case HERALD_LOSS_RP_FILTER:
        append(advice, room, "sysctl -w net.ipv4.conf.all.rp_filter=2, or a route to the source by that interface");
        return;
    case HERALD_LOSS_FIREWALL:
        append(advice, room, "as root: nft list ruleset");
        return;
    case HERALD_LOSS_FRAGMENTS:
        append(advice, room, "datagrams that fit the MTU: at most 1472 bytes on Ethernet, 1452 with IPv6");
        return;
    case HERALD_LOSS_CHECKSUM:
        append(advice, room, "a cable, switch or card damages what it carries: ethtool -S %s", interface);
        return;
    case HERALD_LOSS_MEMORY:
        append(advice, room, "sysctl net.ipv4.udp_mem limits what all UDP sockets together may hold: raise it");
        return;
    case HERALD_LOSS_RECEIVE_BUFFER:
        advise_receive_buffer(report, limits);
        return;
    }
}

void hd_loss_describe(struct herald_loss_report *report, const struct hd_loss_limits *limits)
{
    report->text[0] = report->advice[0] = '\0';
    describe_text(report);
    if (report->text[0] != '\0')
        describe_advice(report, limits);
}
