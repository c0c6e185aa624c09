/* SPDX-License-Identifier: MIT */
/* A sender from inside: sender.c opens it and takes answers, transmit.c sends. */
#ifndef IO_SENDER_H
#define IO_SENDER_H

#include "batch.h"

#include <herald/socket.h>

#include <sys/socket.h>
#include <sys/uio.h>

enum {
    HD_SENDER_PARTS_MAX = 2 * HERALD_RUN_SEGMENTS_MAX, /* a header and a payload for each datagram of a run */
    HD_IPV4_UDP_HEADER_BYTES = 20 + 8,
    HD_IPV6_UDP_HEADER_BYTES = 40 + 8,
};

struct herald_sender {
    int fd;
    bool gso_allowed; /* by the config, and not refused by the kernel so far */
    bool fragment;
    size_t udp_max_bytes;
    struct herald_endpoint endpoint;
    struct sockaddr_storage to;
    socklen_t to_length;
    uint64_t called_ns;      /* CLOCK_REALTIME just before the last single datagram went out; 0: none did */
    uint64_t kernel_sent_ns; /* the kernel's transmit timestamp of it; 0 while there is none */
    struct hd_batch *batch;
    struct herald_sender_facts facts;
    struct herald_sender_stats stats;
};

/*
 * CLOCK_REALTIME just before the last single datagram was handed to the kernel: no answer to it is older. (Members on
 * this host may well answer before the datagram has left the interface, which is what its transmit timestamp tells.)
 * 0 if none was sent.
 */
uint64_t hd_sender_called_ns(const herald_sender *sender);

/*
 * Sends a run that lies in pieces: at most HD_SENDER_PARTS_MAX parts, one behind the other, are `size_bytes` together.
 * Otherwise as herald_sender_send_run(), which it is the general form of.
 */
HERALD_CHECKED int hd_sender_send_parts(herald_sender *sender, const struct iovec *parts, size_t part_count,
                                        size_t size_bytes, size_t segment_bytes, struct herald_error *error);

/*
 * Sends one datagram by unicast, from the same port: to somebody who was heard. Neither interface nor TTL of the
 * multicast concern it: it goes where the routes lead, with the system's TTL.
 *
 * @return 0; -EINVAL for a source that nobody can have; -EAFNOSUPPORT for one of the other family; -EAGAIN when the
 *         send buffer is full; -EMSGSIZE, -EPERM, -ENETUNREACH, ...; *error is filled.
 */
HERALD_CHECKED int hd_sender_send_to(herald_sender *sender, const struct herald_peer *to, const struct iovec *parts,
                                     size_t part_count, struct herald_error *error);

/* Asks the kernel anew how large an unfragmented datagram to the group may be: MTUs change. */
void hd_sender_refresh_payload_max(herald_sender *sender);

/* Clears transmit timestamps away that nobody asked for: they would keep the descriptor in an error state. */
void hd_sender_clear_timestamps(herald_sender *sender);

#endif
