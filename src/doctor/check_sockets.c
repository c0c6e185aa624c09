/* SPDX-License-Identifier: MIT */
/* The last steps to a program: the port, who else has it, and the buffer. */
#include "address.h"
#include "checks.h"
#include "examination.h"
#include "host.h"
#include "sockets.h"
#include "sockopt.h"
#include "traffic.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum {
    BUFFER_WANTED_BYTES = 4 * 1024 * 1024, /* what herald asks for: 1 Gbit/s for 30 ms */
    OWNER_BYTES = HD_PROGRAM_BYTES + 32,
};

/* ---- whether the port can be had ------------------------------------------------------------- */

/* Whether a receiver could bind to the group and port, as everybody does who shares. */
static bool is_taken(const struct herald_endpoint *endpoint, uint32_t interface_index)
{
    struct sockaddr_storage at;
    socklen_t length = hd_sockaddr_make(&endpoint->group, endpoint->port, interface_index, &at);
    int fd = hd_socket_open(endpoint->group.family);
    bool taken;

    if (fd < 0)
        return false;
    (void)hd_socket_set_int(fd, SOL_SOCKET, SO_REUSEADDR, 1);
    taken = bind(fd, (const struct sockaddr *)&at, length) < 0 && errno == EADDRINUSE;
    close(fd);
    return taken;
}

static bool is_any(const struct herald_address *address)
{
    static const uint8_t zeros[sizeof address->bytes];

    return memcmp(address->bytes, zeros, sizeof zeros) == 0;
}

int hd_check_port_taken(struct hd_examination *examination, const struct hd_check *check)
{
    const struct herald_endpoint *endpoint = &examination->facts.endpoint;
    struct hd_socket sockets[HD_SOCKETS_MAX];
    struct herald_finding *finding;
    char owner[OWNER_BYTES] = "another program";
    int count;

    if (!is_taken(endpoint, examination->facts.interface.index)) {
        hd_report_ok(examination, check, NULL, "port %u can be had", endpoint->port);
        return 0;
    }
    count = hd_sockets_list(endpoint->group.family, endpoint->port, sockets, HD_SOCKETS_MAX);
    for (int i = 0; i < count && i < HD_SOCKETS_MAX; i++) {
        if (is_any(&sockets[i].address) || herald_address_equal(&sockets[i].address, &endpoint->group)) {
            hd_socket_owner(&sockets[i], owner);
            break;
        }
    }
    finding = hd_report(examination, check, HERALD_FINDING_FAULT, NULL);
    hd_say(finding->seen, "%s has UDP port %u for itself", owner, endpoint->port);
    hd_say(finding->meaning, "no other program on this host can receive on that port (Address already in use)");
    hd_say(finding->remedy, "end it, or have it set SO_REUSEADDR, or take another port");
    return 0;
}

/* ---- whether anything goes to the port ------------------------------------------------------- */

/* @return the busiest stream to another port, none if the examined one has any; NULL. */
static const struct hd_stream *find_other_port(const struct hd_examination *examination,
                                               const struct hd_traffic *traffic)
{
    const struct herald_endpoint *endpoint = &examination->facts.endpoint;
    const struct hd_stream *busiest = NULL;

    for (size_t i = 0; i < traffic->stream_count; i++) {
        const struct hd_stream *stream = &traffic->streams[i];

        if (stream->port == endpoint->port)
            return NULL;
        if (stream->port != 0 && (busiest == NULL || stream->wire_count > busiest->wire_count))
            busiest = stream;
    }
    return busiest;
}

static void report_other_port(struct hd_examination *examination, const struct hd_check *check,
                              const struct hd_stream *stream)
{
    const struct herald_endpoint *endpoint = &examination->facts.endpoint;
    struct herald_finding *finding = hd_report(examination, check, HERALD_FINDING_FAULT,
                                               hd_interface_name(examination, stream->interface_index));
    struct herald_endpoint right = *endpoint;
    const char *quote = hd_is_ipv6(examination) ? "'" : "";
    char group[HERALD_ADDRESS_TEXT_BYTES];
    char source[HERALD_ADDRESS_TEXT_BYTES];
    char text[HERALD_ENDPOINT_TEXT_BYTES];
    char word[HD_WORD_BYTES];

    right.group_count = 1;
    right.port = stream->port;
    if (herald_address_needs_zone(&endpoint->group))
        memcpy(right.interface, examination->facts.interface.name, sizeof right.interface);
    (void)herald_endpoint_format(&right, text, sizeof text);
    hd_group_text(examination, group);
    hd_say(finding->seen, "%s sends to %s port %u, and nobody to port %u", hd_address_text(&stream->source, source),
           group, stream->port, endpoint->port);
    hd_say(finding->meaning, "the group is right and the port is wrong: a listener to port %u hears nothing",
           endpoint->port);
    hd_say(finding->remedy, "herald doctor %s%s%s", quote, text, quote);
    finding->remedy_is_command = strcmp(hd_word(right.interface, word), right.interface) == 0;
}

static const char *silence(const struct hd_traffic *traffic)
{
    if (hd_traffic_heard(traffic) > 0)
        return "";
    return traffic->saw_wire && traffic->stream_count == 0 ? ": nothing for the group came in"
                                                           : ": nobody sent, or it did not get here";
}

int hd_check_port(struct hd_examination *examination, const struct hd_check *check)
{
    const struct herald_endpoint *endpoint = &examination->facts.endpoint;
    const struct hd_traffic *traffic;
    const struct hd_stream *other;
    struct herald_finding *finding;
    uint64_t heard;
    int result = hd_traffic_watch(examination, &traffic);

    if (result < 0)
        return result;
    if (traffic->join_code < 0) {
        hd_report_skipped(examination, check, "cannot listen: %.200s", traffic->join_error.cause);
        return 0;
    }
    heard = hd_traffic_heard(traffic);
    other = find_other_port(examination, traffic);
    if (other != NULL) {
        report_other_port(examination, check, other);
    } else if (heard == 0 && traffic->compared && !traffic->saw_wire &&
               traffic->member.ignored > 2 * traffic->absent.ignored + 2) {
        finding = hd_report(examination, check, HERALD_FINDING_WARNING, NULL);
        hd_say(finding->seen, "%llu datagrams came that no socket wanted while the group was joined, %llu without it",
               (unsigned long long)traffic->member.ignored, (unsigned long long)traffic->absent.ignored);
        hd_say(finding->meaning, "somebody sends to the group, but not to port %u", endpoint->port);
        hd_say(finding->remedy, "ask the sender for the port; root would see it here");
    } else {
        hd_report_ok(examination, check, NULL, "heard %llu datagrams in %llu s%s", (unsigned long long)heard,
                     (unsigned long long)(traffic->duration_ns / 1000000000), silence(traffic));
    }
    return 0;
}

/* ---- who shares it --------------------------------------------------------------------------- */

/*
 * Two sockets that share a port by SO_REUSEPORT, and want their own groups only (IP_MULTICAST_ALL off): the kernel
 * gives each packet to one of them, whatever they joined. @return the first of the two, or -1.
 */
static int find_thieves(const struct hd_socket *sockets, int count, int *ret_second)
{
    for (int i = 0; i < count; i++) {
        for (int k = i + 1; k < count; k++) {
            if (sockets[i].reuse_port == 1 && sockets[k].reuse_port == 1 && !sockets[i].all_groups &&
                !sockets[k].all_groups && is_any(&sockets[i].address) && is_any(&sockets[k].address)) {
                *ret_second = k;
                return i;
            }
        }
    }
    return -1;
}

int hd_check_reuseport(struct hd_examination *examination, const struct hd_check *check)
{
    const struct herald_endpoint *endpoint = &examination->facts.endpoint;
    struct hd_socket sockets[HD_SOCKETS_MAX];
    struct herald_finding *finding;
    char owners[2][OWNER_BYTES];
    bool unknown = false;
    int second = 0;
    int first;
    int total;
    int count = hd_sockets_list(endpoint->group.family, endpoint->port, sockets, HD_SOCKETS_MAX);

    if (count < 0)
        return count;
    total = count;
    if (count > HD_SOCKETS_MAX)
        count = HD_SOCKETS_MAX;
    first = find_thieves(sockets, count, &second);
    for (int i = 0; i < count; i++)
        unknown = unknown || sockets[i].reuse_port < 0;
    if (first >= 0) {
        finding = hd_report(examination, check, HERALD_FINDING_FAULT, NULL);
        hd_say(finding->seen, "%s and %s share port %u by SO_REUSEPORT", hd_socket_owner(&sockets[first], owners[0]),
               hd_socket_owner(&sockets[second], owners[1]), endpoint->port);
        hd_say(finding->meaning, "if they joined different groups, the kernel gives each of them packets of the "
                                 "other, and about half of them are lost");
        hd_say(finding->remedy, "SO_REUSEADDR alone in both programs, or end one of them");
    } else if (count == 0) {
        hd_report_ok(examination, check, NULL, "no program uses port %u at the moment", endpoint->port);
    } else if (unknown && count > 1) {
        hd_report_skipped(examination, check,
                          "%d sockets use port %u; whether they share it by SO_REUSEPORT, root "
                          "would see",
                          total, endpoint->port);
    } else {
        hd_report_ok(examination, check, NULL, "%d socket%s on port %u%s%s", total, total == 1 ? " is" : "s are",
                     endpoint->port, count > 0 ? ", one of " : "",
                     count > 0 ? hd_socket_owner(&sockets[0], owners[0]) : "");
    }
    return 0;
}

/* ---- the buffer ------------------------------------------------------------------------------ */

static int64_t buffer_limit(void)
{
    int64_t bytes;

    return hd_host_setting(&bytes, "net/core/rmem_max") < 0 ? -1 : bytes;
}

/* The kernel doubles what is asked for; the limit is for the asking. */
static void say_larger(char *remedy, const struct hd_socket *socket)
{
    int64_t limit = buffer_limit();

    if (limit >= 0 && limit < BUFFER_WANTED_BYTES && (int64_t)socket->buffer_bytes >= 2 * limit)
        hd_say(remedy, "sysctl -w net.core.rmem_max=%d, and start it again", 4 * BUFFER_WANTED_BYTES);
    else
        hd_say(remedy,
               "start it again with a larger buffer (SO_RCVBUF; herald listen --rcvbuf 8M; the limit "
               "is net.core.rmem_max = %lld)",
               (long long)limit);
}

static void report_drops(struct hd_examination *examination, const struct hd_check *check,
                         const struct hd_socket *socket, uint64_t drops)
{
    struct herald_finding *finding = hd_report(examination, check, HERALD_FINDING_FAULT, NULL);
    char owner[OWNER_BYTES];

    hd_say(finding->seen, "%s lost %llu packets on port %u while we looked: its receive buffer of %llu bytes was full",
           hd_socket_owner(socket, owner), (unsigned long long)drops, examination->facts.endpoint.port,
           (unsigned long long)socket->buffer_bytes);
    hd_say(finding->meaning, "it does not fetch them fast enough, or not evenly enough for so small a buffer");
    say_larger(finding->remedy, socket);
}

/* The kernel counts from when the socket was opened, which may be long ago, and it has been well since. */
static void report_old_drops(struct hd_examination *examination, const struct hd_check *check,
                             const struct hd_socket *socket)
{
    struct herald_finding *finding = hd_report(examination, check, HERALD_FINDING_WARNING, NULL);
    char owner[OWNER_BYTES];

    hd_say(finding->seen,
           "%s has lost %llu packets on port %u since it began, nobody knows when%s: its receive buffer of %llu bytes "
           "was full",
           hd_socket_owner(socket, owner), (unsigned long long)socket->drops, examination->facts.endpoint.port,
           examination->traffic != NULL ? ", and none while we looked" : "", (unsigned long long)socket->buffer_bytes);
    hd_say(finding->meaning, "at some time it did not fetch them fast enough, or not evenly enough for so small a "
                             "buffer; it may happen again");
    say_larger(finding->remedy, socket);
}

/* What we lost ourselves while we listened. */
static void report_own_loss(struct hd_examination *examination, const struct hd_check *check,
                            const struct herald_loss_report *loss)
{
    struct herald_finding *finding = hd_report(examination, check, HERALD_FINDING_WARNING, NULL);

    hd_say(finding->seen, "herald doctor itself, listening to the group: %s", loss->text);
    hd_say(finding->meaning, "more comes at once than a program on this host can fetch in time");
    hd_say(finding->remedy, "%s", loss->advice);
}

/* Of the sockets of the port the one that lost most while we looked, or else ever. @return whether there is one. */
static bool report_worst(struct hd_examination *examination, const struct hd_check *check,
                         const struct hd_socket *sockets, int count)
{
    const struct hd_socket *worst = NULL;
    uint64_t most = 0;

    for (int i = 0; i < count; i++) {
        uint64_t drops = hd_traffic_dropped(examination->traffic, &sockets[i]);

        if (drops > most || (most == 0 && sockets[i].drops > (worst != NULL ? worst->drops : 0)))
            worst = &sockets[i];
        most = drops > most ? drops : most;
    }
    if (worst == NULL)
        return false;
    if (most > 0)
        report_drops(examination, check, worst, most);
    else
        report_old_drops(examination, check, worst);
    return true;
}

int hd_check_buffer(struct hd_examination *examination, const struct hd_check *check)
{
    const struct herald_doctor_facts *facts = &examination->facts;
    const struct hd_traffic *traffic = examination->traffic;
    struct hd_socket sockets[HD_SOCKETS_MAX];
    int64_t limit = buffer_limit();
    int count = 0;
    bool told;

    if (facts->endpoint_given)
        count = hd_sockets_list(facts->endpoint.group.family, facts->endpoint.port, sockets, HD_SOCKETS_MAX);
    told = report_worst(examination, check, sockets, count < HD_SOCKETS_MAX ? count : HD_SOCKETS_MAX);
    if (traffic != NULL && traffic->loss.parts[HERALD_LOSS_RECEIVE_BUFFER].least > 0)
        report_own_loss(examination, check, &traffic->loss);
    else if (told)
        return 0;
    else if (limit < 0)
        return -ENOENT;
    else
        hd_report_ok(examination, check, NULL, "a program may ask for %lld KiB (net.core.rmem_max)%s",
                     (long long)(limit / 1024), count > 0 ? ", and nothing was lost for want of room" : "");
    return 0;
}
