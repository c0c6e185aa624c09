/* SPDX-License-Identifier: MIT */
/* Addresses between the public form and the socket API's. */
#ifndef IO_ADDRESS_H
#define IO_ADDRESS_H

#include <herald/types.h>

#include <netinet/in.h>
#include <sys/socket.h>

/* AF_INET, AF_INET6, or AF_UNSPEC. */
int hd_address_af(const struct herald_address *address);

/* Builds a socket address; `scope_id` only counts where the address needs a zone.
   @return its length, 0 for family NONE. */
socklen_t hd_sockaddr_make(const struct herald_address *address, uint16_t port, uint32_t scope_id,
                           struct sockaddr_storage *ret_sockaddr);

/* The reverse; the scope id becomes the peer's interface index. An unknown family gives family NONE. */
void hd_peer_from_sockaddr(const struct sockaddr *sockaddr, struct herald_peer *ret_peer);

void hd_address_from_in(const struct in_addr *in, struct herald_address *ret_address);
void hd_address_from_in6(const struct in6_addr *in6, struct herald_address *ret_address);

/* 127.0.0.0/8 or ::1. */
bool hd_address_is_loopback(const struct herald_address *address);

#endif
