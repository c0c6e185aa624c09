/* SPDX-License-Identifier: MIT */
/* Socket options that sending and receiving sockets share, each with what Linux makes of it. */
#ifndef IO_SOCKOPT_H
#define IO_SOCKOPT_H

#include <herald/types.h>

/* A non-blocking UDP socket of that family (IPv6 only, not dual-stack). @return the descriptor or -errno. */
int hd_socket_open(enum herald_family family);

int hd_socket_set_int(int fd, int level, int name, int value);

/*
 * Asks for a buffer: SO_RCVBUF or SO_SNDBUF. Past net.core.rmem_max or wmem_max the kernel clamps silently unless
 * we may force it, so the granted size is read back.
 */
size_t hd_socket_ask_buffer(int fd, int name, size_t asked_bytes);

/* Has the kernel tell destination, interface, TTL, time and drops of each packet; coalesce if `gro`. */
int hd_socket_want_facts(int fd, enum herald_family family, bool gro);

/*
 * Has the kernel drop every datagram whose first byte's low four bits are not among those of the mask. From then on
 * the socket's own count of drops means nothing, for these are in it. @return 0; -errno.
 */
int hd_socket_filter_first_nibbles(int fd, uint16_t nibbles);

/* Whether less than one of so many parts of the send buffer is taken. */
bool hd_socket_has_room(int fd, unsigned parts);

/* How many packets the socket has dropped so far (SO_MEMINFO): also those after which nothing was queued any more. */
uint32_t hd_socket_drops(int fd);

#endif
