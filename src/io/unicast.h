/* SPDX-License-Identifier: MIT */
/* Datagrams by unicast to somebody who was heard: the answers of receivers, and what senders of the group are told. */
#ifndef IO_UNICAST_H
#define IO_UNICAST_H

#include <herald/error.h>
#include <herald/types.h>

#include <sys/uio.h>

/*
 * Whether a datagram can really have come from there. A forged source of 0.0.0.0 or :: would have the answer go to
 * this host's own services, even to those that only listen on loopback.
 * @return 0; -EINVAL with *error filled.
 */
HERALD_CHECKED int hd_unicast_check(const struct herald_peer *to, struct herald_error *error);

/*
 * Sends one datagram. A link-local IPv6 address is looked for on the peer's interface, any other by the routes; if
 * there is none, an IPv4 host is taken to be on the LAN of the peer's interface. @return 0; -errno.
 */
HERALD_CHECKED int hd_unicast_send(int fd, const struct herald_peer *to, const struct iovec *parts, size_t part_count);

/* Puts the kernel's refusal into the user's terms. @return the code. */
int hd_unicast_fail(const struct herald_peer *to, int code, size_t size_bytes, struct herald_error *error);

#endif
