/* SPDX-License-Identifier: MIT */
#include "loop.h"

#include "address.h"
#include "host.h"
#include "sockets.h"
#include "sockopt.h"

#include <errno.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <unistd.h>

enum { TOKEN_BYTES = 24, WAIT_MS = 300, TRIES = 2, PORT_TRIES = 64 };

/* ---- the two sockets ------------------------------------------------------------------------- */

static int join(int fd, const struct hd_examination *examination)
{
    bool ipv6 = hd_is_ipv6(examination);
    struct group_req request = { .gr_interface = examination->facts.interface.index };

    (void)hd_sockaddr_make(&examination->facts.endpoint.group, 0, request.gr_interface, &request.gr_group);
    if (setsockopt(fd, ipv6 ? IPPROTO_IPV6 : IPPROTO_IP, MCAST_JOIN_GROUP, &request, sizeof request) < 0)
        return -errno;
    return hd_socket_set_int(fd, ipv6 ? IPPROTO_IPV6 : IPPROTO_IP, ipv6 ? IPV6_MULTICAST_ALL : IP_MULTICAST_ALL, 0);
}

/* @return a socket that hears the group on that port; -errno. */
static int open_ear(const struct hd_examination *examination, uint16_t port)
{
    const struct herald_address *group = &examination->facts.endpoint.group;
    struct sockaddr_storage at;
    socklen_t length = hd_sockaddr_make(group, port, examination->facts.interface.index, &at);
    int fd = hd_socket_open(group->family);
    int result;

    if (fd < 0)
        return fd;
    result = hd_socket_set_int(fd, SOL_SOCKET, SO_REUSEADDR, 1);
    if (result == 0 && bind(fd, (const struct sockaddr *)&at, length) < 0)
        result = -errno;
    if (result == 0)
        result = join(fd, examination);
    if (result < 0) {
        close(fd);
        return result;
    }
    return fd;
}

static int aim(int fd, const struct hd_examination *examination)
{
    uint32_t index = examination->facts.interface.index;
    struct ip_mreqn interface = { .imr_ifindex = (int)index };
    int result;

    if (hd_is_ipv6(examination)) {
        result = hd_socket_set_int(fd, IPPROTO_IPV6, IPV6_MULTICAST_IF, (int)index);
        return result < 0 ? result : hd_socket_set_int(fd, IPPROTO_IPV6, IPV6_MULTICAST_HOPS, 0);
    }
    if (setsockopt(fd, IPPROTO_IP, IP_MULTICAST_IF, &interface, sizeof interface) < 0)
        return -errno;
    return hd_socket_set_int(fd, IPPROTO_IP, IP_MULTICAST_TTL, 0);
}

/* @return a socket whose datagrams to groups go to the chosen interface, but never out of it; -errno. */
static int open_mouth(const struct hd_examination *examination)
{
    int fd = hd_socket_open(examination->facts.endpoint.group.family);
    int result;

    if (fd < 0)
        return fd;
    result = aim(fd, examination);
    if (result < 0) {
        close(fd);
        return result;
    }
    return fd;
}

/* ---- the test -------------------------------------------------------------------------------- */

/* @return 1 the token came; 0 it did not in time; -errno. */
static int wait_for_token(const struct hd_examination *examination, int ear, const uint8_t token[TOKEN_BYTES])
{
    uint64_t deadline_ns = herald_clock_ns() + WAIT_MS * UINT64_C(1000000);
    uint8_t heard[TOKEN_BYTES + 1];

    for (;;) {
        int result = hd_wait(examination, ear, deadline_ns);

        if (result <= 0)
            return result;
        if (recv(ear, heard, sizeof heard, MSG_DONTWAIT) == TOKEN_BYTES && memcmp(heard, token, TOKEN_BYTES) == 0)
            return 1;
        /* A busy group never lets the time run out by itself. */
        if (herald_clock_ns() >= deadline_ns)
            return 0;
    }
}

static int send_and_hear(const struct hd_examination *examination, int ear, int mouth, struct hd_loop *loop)
{
    struct sockaddr_storage to;
    socklen_t length = hd_sockaddr_make(&examination->facts.endpoint.group, loop->port,
                                        examination->facts.interface.index, &to);
    uint8_t token[TOKEN_BYTES] = "herald doctor";
    uint64_t start_ns;
    int result = 0;

    (void)!getrandom(token + 16, sizeof token - 16, GRND_NONBLOCK);
    loop->outcome = HD_LOOP_SILENT;
    for (int i = 0; i < TRIES && result == 0; i++) {
        start_ns = herald_clock_ns();
        if (sendto(mouth, token, sizeof token, 0, (const struct sockaddr *)&to, length) < 0) {
            if (errno != EPERM)
                return -errno;
            loop->outcome = HD_LOOP_REFUSED;
            return 0;
        }
        result = wait_for_token(examination, ear, token);
        if (result > 0) {
            loop->outcome = HD_LOOP_HEARD;
            loop->delay_ns = herald_clock_ns() - start_ns;
        }
    }
    return result < 0 ? result : 0;
}

/* One of the ports that the kernel hands out, in use by nobody; 0: none was found. */
static uint16_t free_port(const struct hd_examination *examination)
{
    enum herald_family family = examination->facts.endpoint.group.family;
    unsigned first = 32768;
    unsigned last = 60999;
    char text[64];
    uint16_t random;

    if (hd_host_read("/proc/sys/net/ipv4/ip_local_port_range", text, sizeof text) > 0 &&
        (sscanf(text, "%u %u", &first, &last) != 2 || first == 0 || first >= last || last > UINT16_MAX)) {
        first = 32768;
        last = 60999;
    }
    for (int i = 0; i < PORT_TRIES; i++) {
        unsigned port;

        (void)!getrandom(&random, sizeof random, 0);
        port = first + random % (last - first + 1);
        if (port != examination->facts.endpoint.port && hd_sockets_on_port(family, (uint16_t)port) == 0)
            return (uint16_t)port;
    }
    return 0;
}

static int try_port(struct hd_examination *examination, struct hd_loop *loop)
{
    int ear = loop->port != 0 ? open_ear(examination, loop->port) : -EADDRINUSE;
    int mouth;
    int result;

    if (ear < 0)
        return ear;
    mouth = open_mouth(examination);
    result = mouth < 0 ? mouth : send_and_hear(examination, ear, mouth, loop);
    if (mouth >= 0)
        close(mouth);
    close(ear);
    return result;
}

int hd_loop_try(struct hd_examination *examination, struct hd_loop *ret_loop)
{
    struct hd_loop loop = { .port = examination->facts.endpoint.port };
    int result;

    loop.other_port = hd_sockets_on_port(examination->facts.endpoint.group.family, loop.port) > 0;
    if (loop.other_port)
        loop.port = free_port(examination);
    result = try_port(examination, &loop);
    if (result == 0)
        *ret_loop = loop;
    return result;
}

int hd_loop_try_answer_port(struct hd_examination *examination, struct hd_loop *ret_loop)
{
    struct hd_loop loop = { .port = free_port(examination), .other_port = true };
    int result = try_port(examination, &loop);

    if (result == 0)
        *ret_loop = loop;
    return result;
}
