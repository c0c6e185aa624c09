/* SPDX-License-Identifier: MIT */
/* How many groups one socket may join. herald opens more sockets; most programs have one. */
#include "address.h"
#include "checks.h"
#include "examination.h"
#include "host.h"
#include "sockopt.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

enum {
    /* What the kernel keeps for each group that a socket has joined, with room to spare: 48 and 56 bytes. */
    GROUP_BYTES = 64,
    OPTMEM_DEFAULT_BYTES = 131072,
};

/*
 * Joins the endpoint's groups on lo, where nobody notices, with one socket, until the kernel has had enough.
 * @return how many; *ret_error says why no more: 0, -ENOBUFS, -ENOMEM...
 */
static uint32_t join_on_loopback(const struct hd_examination *examination, uint32_t loopback_index, int *ret_error)
{
    const struct herald_endpoint *endpoint = &examination->facts.endpoint;
    bool ipv6 = endpoint->group.family == HERALD_FAMILY_IPV6;
    struct group_req request = { .gr_interface = loopback_index };
    struct herald_address group;
    uint32_t joined = 0;
    int fd = hd_socket_open(endpoint->group.family);

    *ret_error = fd < 0 ? fd : 0;
    while (*ret_error == 0 && joined < endpoint->group_count) {
        (void)herald_endpoint_group(endpoint, joined, &group);
        (void)hd_sockaddr_make(&group, 0, loopback_index, &request.gr_group);
        if (setsockopt(fd, ipv6 ? IPPROTO_IPV6 : IPPROTO_IP, MCAST_JOIN_GROUP, &request, sizeof request) < 0)
            *ret_error = -errno;
        else
            joined++;
    }
    if (fd >= 0)
        (void)close(fd);
    return joined;
}

/* The settings that would let one socket join all. */
static void say_remedy(const struct hd_examination *examination, char *remedy)
{
    uint32_t groups = examination->facts.endpoint.group_count;
    int64_t groups_max = INT64_MAX, memory_max = OPTMEM_DEFAULT_BYTES, memory;
    char settings[2][64] = { "", "" };

    if (examination->facts.endpoint.group.family == HERALD_FAMILY_IPV4)
        (void)hd_host_setting(&groups_max, "net/ipv4/igmp_max_memberships");
    (void)hd_host_setting(&memory_max, "net/core/optmem_max");
    if (groups_max < groups)
        (void)snprintf(settings[0], sizeof settings[0], " net.ipv4.igmp_max_memberships=%" PRIu32, groups);
    memory = (int64_t)groups * GROUP_BYTES;
    if (memory < OPTMEM_DEFAULT_BYTES)
        memory = OPTMEM_DEFAULT_BYTES;
    if (memory_max < memory)
        (void)snprintf(settings[1], sizeof settings[1], " net.core.optmem_max=%" PRId64, memory);
    hd_say(remedy, "sysctl -w%s%s", settings[0], settings[1]);
}

static void report_all(struct hd_examination *examination, const struct hd_check *check)
{
    uint32_t groups = examination->facts.endpoint.group_count;
    int64_t groups_max = 0, sources_max = 0;

    if (groups > 1)
        hd_report_ok(examination, check, NULL, "one socket may join all %" PRIu32 " groups", groups);
    else if (examination->facts.endpoint.group.family == HERALD_FAMILY_IPV4 &&
             hd_host_setting(&groups_max, "net/ipv4/igmp_max_memberships") == 0 &&
             hd_host_setting(&sources_max, "net/ipv4/igmp_max_msf") == 0)
        hd_report_ok(examination, check, NULL,
                     "one socket may join %" PRId64 " groups, and %" PRId64 " sources of each", groups_max,
                     sources_max);
    else
        hd_report_ok(examination, check, NULL, "a socket may join groups");
}

int hd_check_limits(struct hd_examination *examination, const struct hd_check *check)
{
    uint32_t groups = examination->facts.endpoint.group_count, joined;
    struct herald_finding *finding;
    uint32_t loopback_index = 0;
    int error;

    for (size_t i = 0; i < examination->interface_count; i++)
        if (examination->interfaces[i].loopback)
            loopback_index = examination->interfaces[i].index;
    if (loopback_index == 0)
        return 0;
    joined = join_on_loopback(examination, loopback_index, &error);
    if (joined == groups) {
        report_all(examination, check);
        return 0;
    }
    if (error != -ENOBUFS && error != -ENOMEM)
        return error;
    finding = hd_report(examination, check, joined == 0 ? HERALD_FINDING_FAULT : HERALD_FINDING_WARNING, NULL);
    hd_say(finding->seen, "one socket can join %" PRIu32 " of the %" PRIu32 " group%s", joined, groups,
           groups == 1 ? "" : "s");
    if (joined == 0)
        hd_say(finding->meaning, "no program can join anything: \"No buffer space available\" (ENOBUFS)");
    else
        hd_say(finding->meaning, "herald opens as many sockets as it takes; programs with one socket fail with \"%s",
               error == -ENOMEM ? "Cannot allocate memory\" (ENOMEM)" : "No buffer space available\" (ENOBUFS)");
    say_remedy(examination, finding->remedy);
    finding->remedy_is_command = true;
    return 0;
}
