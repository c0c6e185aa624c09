/* SPDX-License-Identifier: MIT */
/* The UDP sockets of this host, and whose they are (/proc/net/udp, sock_diag). No privilege needed for one's own. */
#ifndef HD_DOCTOR_SOCKETS_H
#define HD_DOCTOR_SOCKETS_H

#include <herald/types.h>

#include <sys/types.h>

enum { HD_PROGRAM_BYTES = 32 };

struct hd_socket {
    struct herald_address address; /* bound to; all zero: any */
    uint64_t inode;
    uint64_t drops;                 /* packets that were dropped since its receive buffer was full */
    uint64_t buffer_bytes;          /* its receive buffer; 0: unknown */
    unsigned user;                  /* whose it is */
    bool all_groups;                /* IP_MULTICAST_ALL: hears what anybody on the host has joined */
    pid_t process;                  /* 0: it cannot be told without root */
    char program[HD_PROGRAM_BYTES]; /* its name, "" if unknown */
    int reuse_port;                 /* SO_REUSEPORT: 1 or 0; -1: cannot be told without root */
};

/* How many sockets of that family are bound to the port. An IPv6 socket may hear IPv4 too, and is counted for both. */
size_t hd_sockets_on_port(enum herald_family family, uint16_t port);

/* The same with what is known of each. @return how many; up to `max` are in ret_sockets; -errno. */
int hd_sockets_list(enum herald_family family, uint16_t port, struct hd_socket *ret_sockets, size_t max);

/* What a socket had dropped at some time. */
struct hd_socket_drops {
    uint64_t inode;
    uint64_t drops;
};

/* As hd_sockets_list(), without looking for their programs. */
int hd_sockets_drops(enum herald_family family, uint16_t port, struct hd_socket_drops *ret_drops, size_t max);

/* "python3 (pid 123)", or "a program of user 1000". @return ret_text */
const char *hd_socket_owner(const struct hd_socket *socket, char ret_text[HD_PROGRAM_BYTES + 32]);

#endif
