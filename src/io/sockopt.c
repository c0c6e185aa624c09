/* SPDX-License-Identifier: MIT */
#include "sockopt.h"

#include <errno.h>
#include <linux/filter.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <sys/socket.h>
#include <unistd.h>

int hd_socket_set_int(int fd, int level, int name, int value)
{
    return setsockopt(fd, level, name, &value, sizeof(value)) < 0 ? -errno : 0;
}

int hd_socket_open(enum herald_family family)
{
    int fd = socket(family == HERALD_FAMILY_IPV6 ? AF_INET6 : AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    if (fd < 0)
        return -errno;
    if (family == HERALD_FAMILY_IPV6) {
        int r = hd_socket_set_int(fd, IPPROTO_IPV6, IPV6_V6ONLY, 1);

        if (r < 0) {
            close(fd);
            return r;
        }
    }
    return fd;
}

size_t hd_socket_ask_buffer(int fd, int name, size_t asked_bytes)
{
    int asked = asked_bytes > INT32_MAX / 2 ? INT32_MAX / 2 : (int)asked_bytes;
    int forced = name == SO_RCVBUF ? SO_RCVBUFFORCE : SO_SNDBUFFORCE;
    int granted = 0;
    socklen_t length = sizeof(granted);

    /* Forcing needs CAP_NET_ADMIN; who has not got it receives what the system's limit allows. */
    if (hd_socket_set_int(fd, SOL_SOCKET, forced, asked) < 0)
        (void)hd_socket_set_int(fd, SOL_SOCKET, name, asked);
    if (getsockopt(fd, SOL_SOCKET, name, &granted, &length) < 0 || granted < 0)
        return 0;
    return (size_t)granted / 2; /* the kernel reports twice what was asked, to cover its own overhead */
}

int hd_socket_want_facts(int fd, enum herald_family family, bool gro)
{
    int r;

    if (family == HERALD_FAMILY_IPV6) {
        if ((r = hd_socket_set_int(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, 1)) < 0 ||
            (r = hd_socket_set_int(fd, IPPROTO_IPV6, IPV6_RECVHOPLIMIT, 1)) < 0)
            return r;
    } else {
        if ((r = hd_socket_set_int(fd, IPPROTO_IP, IP_PKTINFO, 1)) < 0 ||
            (r = hd_socket_set_int(fd, IPPROTO_IP, IP_RECVTTL, 1)) < 0)
            return r;
    }
    if ((r = hd_socket_set_int(fd, SOL_SOCKET, SO_TIMESTAMPNS, 1)) < 0 ||
        (r = hd_socket_set_int(fd, SOL_SOCKET, SO_RXQ_OVFL, 1)) < 0)
        return r;
    if (gro)
        (void)hd_socket_set_int(fd, IPPROTO_UDP, UDP_GRO, 1); /* before Linux 5.0: one datagram at a time */
    return 0;
}

int hd_socket_filter_first_nibbles(int fd, uint16_t nibbles)
{
    enum { UDP_HEADER_BYTES = 8 }; /* what a UDP socket's filter sees begins with it */
    struct sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_B | BPF_ABS, UDP_HEADER_BYTES), /* an empty datagram ends here, and is dropped */
        BPF_STMT(BPF_ALU | BPF_AND | BPF_K, 0x0f),
        BPF_STMT(BPF_MISC | BPF_TAX, 0),
        BPF_STMT(BPF_LD | BPF_IMM, nibbles),
        BPF_STMT(BPF_ALU | BPF_RSH | BPF_X, 0),
        BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, 1, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, UINT32_MAX), /* all of it */
        BPF_STMT(BPF_RET | BPF_K, 0),
    };
    const struct sock_fprog program = { .len = sizeof(code) / sizeof(code[0]), .filter = code };

    if (setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof(program)) < 0)
        return -errno;
    return hd_socket_set_int(fd, SOL_SOCKET, SO_RXQ_OVFL, 0);
}

bool hd_socket_has_room(int fd, unsigned parts)
{
    uint32_t memory[SK_MEMINFO_VARS] = { 0 };
    socklen_t length = sizeof(memory);

    return getsockopt(fd, SOL_SOCKET, SO_MEMINFO, memory, &length) < 0 ||
           memory[SK_MEMINFO_WMEM_ALLOC] < memory[SK_MEMINFO_SNDBUF] / parts;
}

uint32_t hd_socket_drops(int fd)
{
    uint32_t memory[SK_MEMINFO_VARS] = { 0 };
    socklen_t length = sizeof(memory);

    if (getsockopt(fd, SOL_SOCKET, SO_MEMINFO, memory, &length) < 0)
        return 0;
    return memory[SK_MEMINFO_DROPS];
}
