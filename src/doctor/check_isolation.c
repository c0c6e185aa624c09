/* SPDX-License-Identifier: MIT */
/* Whether this host can reach any other: an echo request to all hosts of the link (ff02::1). Only on request. */
#include "address.h"
#include "checks.h"
#include "cursor.h"
#include "examination.h"
#include "ipv6.h"

#include <errno.h>
#include <inttypes.h>
#include <netinet/icmp6.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#define WAIT_NS UINT64_C(1000000000)

enum { ANSWERERS_MAX = 256, READS_MAX = 4096, ECHO_BYTES = 16, IDENTIFIER = 0x6865 };

struct answerers {
    uint32_t count;
    struct herald_address items[ANSWERERS_MAX];
};

/* A ping socket where the system allows it (net.ipv4.ping_group_range), else a raw one. @return it; -errno. */
static int open_echo(uint32_t interface_index)
{
    int fd = socket(AF_INET6, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_ICMPV6);
    int index = (int)interface_index, one = 1, zero = 0;
    struct icmp6_filter filter;

    if (fd < 0) {
        fd = socket(AF_INET6, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_ICMPV6);
        if (fd < 0)
            return -errno;
        ICMP6_FILTER_SETBLOCKALL(&filter);
        ICMP6_FILTER_SETPASS(ICMP6_ECHO_REPLY, &filter);
        (void)setsockopt(fd, IPPROTO_ICMPV6, ICMP6_FILTER, &filter, sizeof filter);
    }
    if (setsockopt(fd, IPPROTO_IPV6, IPV6_MULTICAST_IF, &index, sizeof index) < 0 ||
        setsockopt(fd, IPPROTO_IPV6, IPV6_MULTICAST_HOPS, &one, sizeof one) < 0 ||
        setsockopt(fd, IPPROTO_IPV6, IPV6_MULTICAST_LOOP, &zero, sizeof zero) < 0) {
        int result = -errno;

        (void)close(fd);
        return result;
    }
    return fd;
}

static int send_echo(int fd, uint32_t interface_index)
{
    static const uint8_t request[ECHO_BYTES] = {
        ICMP6_ECHO_REQUEST, 0, 0, 0, IDENTIFIER >> 8, IDENTIFIER & 0xff, 0, 1
    };
    struct sockaddr_in6 to = {
        .sin6_family = AF_INET6,
        .sin6_addr.s6_addr = { 0xff, 2, [15] = 1 },
        .sin6_scope_id = interface_index,
    };

    return sendto(fd, request, sizeof request, MSG_NOSIGNAL, (const struct sockaddr *)&to, sizeof to) < 0 ? -errno : 0;
}

static void note(struct answerers *answerers, const struct herald_address *address)
{
    for (uint32_t i = 0; i < answerers->count; i++)
        if (herald_address_equal(&answerers->items[i], address))
            return;
    if (answerers->count < ANSWERERS_MAX)
        answerers->items[answerers->count++] = *address;
}

/*
 * Takes what has come. The kernel has checked the checksum. Answers to all hosts of a link come from link-local
 * addresses of it; a raw socket sees those to other pings of this host as well.
 */
static void take_answers(int fd, const struct herald_interface *interface, struct answerers *answerers)
{
    for (int reads = 0; reads < READS_MAX; reads++) {
        struct sockaddr_in6 from = { .sin6_family = AF_UNSPEC };
        socklen_t from_bytes = sizeof from;
        struct herald_address address;
        uint8_t packet[ECHO_BYTES];
        ssize_t size = recvfrom(fd, packet, sizeof packet, 0, (struct sockaddr *)&from, &from_bytes);

        if (size < 0)
            return;
        if (size < 1 || packet[0] != ICMP6_ECHO_REPLY || from.sin6_family != AF_INET6 ||
            from.sin6_scope_id != interface->index)
            continue;
        hd_address_from_in6(&from.sin6_addr, &address);
        if (!herald_address_equal(&address, &interface->ipv6_link_local))
            note(answerers, &address);
    }
}

static void report(struct hd_examination *examination, const struct hd_check *check, const struct answerers *answerers)
{
    const char *interface = examination->facts.interface.name;
    char first[HERALD_ADDRESS_TEXT_BYTES];
    struct herald_finding *finding;

    if (answerers->count == 1) {
        hd_report_ok(examination, check, interface, "1 host answers a ping to all of %s: %s", interface,
                     hd_address_text(&answerers->items[0], first));
        return;
    }
    if (answerers->count > 0) {
        hd_report_ok(examination, check, interface, "%" PRIu32 "%s hosts answer a ping to all of %s", answerers->count,
                     answerers->count == ANSWERERS_MAX ? " or more" : "", interface);
        return;
    }
    finding = hd_report(examination, check, HERALD_FINDING_WARNING, interface);
    hd_say(finding->seen, "nobody on %s answers a ping to all hosts (ff02::1)", interface);
    hd_say(finding->meaning, "there is no other host, or the network keeps its hosts apart (guest WiFi, private VLAN, "
                             "isolated ports), or none of them answers pings");
    hd_say(finding->remedy, "ask whoever runs the network whether hosts may reach each other; a ping to one host whose "
                            "address you know tells");
}

int hd_check_isolation(struct hd_examination *examination, const struct hd_check *check)
{
    const struct herald_interface *interface = &examination->facts.interface;
    struct answerers answerers = { .count = 0 };
    uint64_t end_ns = herald_clock_ns() + WAIT_NS;
    int fd, result;

    if (interface->ipv6_link_local.family == HERALD_FAMILY_NONE || hd_ipv6_is_off(interface->name)) {
        hd_report_skipped(examination, check, "needs IPv6, which %s does not have", interface->name);
        return 0;
    }
    fd = open_echo(interface->index);
    if (fd == -EPERM || fd == -EACCES) {
        hd_report_skipped(examination, check, "a ping needs root (CAP_NET_RAW), or net.ipv4.ping_group_range");
        return 0;
    }
    if (fd < 0)
        return fd;
    result = send_echo(fd, interface->index);
    while (result == 0 && herald_clock_ns() < end_ns) {
        result = hd_wait(examination, fd, end_ns);
        if (result == 1) {
            take_answers(fd, interface, &answerers);
            result = 0;
        }
    }
    (void)close(fd);
    if (result == 0)
        report(examination, check, &answerers);
    return result;
}
