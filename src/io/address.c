/* SPDX-License-Identifier: MIT */
#include "address.h"

#include <herald/endpoint.h>

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

/* RFC 4291, section 2.7: ff, then four bits of flags and four of scope. */
enum { SCOPE_INTERFACE_LOCAL = 1, SCOPE_LINK_LOCAL = 2, FLAGS_SSM = 3 };

int hd_address_af(const struct herald_address *address)
{
    switch (address->family) {
    case HERALD_FAMILY_IPV4:
        return AF_INET;
    case HERALD_FAMILY_IPV6:
        return AF_INET6;
    case HERALD_FAMILY_NONE:
        break;
    }
    return AF_UNSPEC;
}

socklen_t hd_sockaddr_make(const struct herald_address *address, uint16_t port, uint32_t scope_id,
                           struct sockaddr_storage *ret_sockaddr)
{
    struct sockaddr_in in = { .sin_family = AF_INET, .sin_port = htons(port) };
    struct sockaddr_in6 in6 = { .sin6_family = AF_INET6, .sin6_port = htons(port) };

    memset(ret_sockaddr, 0, sizeof *ret_sockaddr);
    switch (address->family) {
    case HERALD_FAMILY_IPV4:
        memcpy(&in.sin_addr, address->bytes, sizeof in.sin_addr);
        memcpy(ret_sockaddr, &in, sizeof in);
        return sizeof in;
    case HERALD_FAMILY_IPV6:
        memcpy(&in6.sin6_addr, address->bytes, sizeof in6.sin6_addr);
        if (herald_address_needs_zone(address))
            in6.sin6_scope_id = scope_id;
        memcpy(ret_sockaddr, &in6, sizeof in6);
        return sizeof in6;
    case HERALD_FAMILY_NONE:
        break;
    }
    return 0;
}

void hd_peer_from_sockaddr(const struct sockaddr *sockaddr, struct herald_peer *ret_peer)
{
    struct sockaddr_in in;
    struct sockaddr_in6 in6;

    memset(ret_peer, 0, sizeof *ret_peer);
    if (sockaddr->sa_family == AF_INET) {
        memcpy(&in, sockaddr, sizeof in);
        hd_address_from_in(&in.sin_addr, &ret_peer->address);
        ret_peer->port = ntohs(in.sin_port);
    } else if (sockaddr->sa_family == AF_INET6) {
        memcpy(&in6, sockaddr, sizeof in6);
        hd_address_from_in6(&in6.sin6_addr, &ret_peer->address);
        ret_peer->port = ntohs(in6.sin6_port);
        ret_peer->interface_index = in6.sin6_scope_id;
    }
}

void hd_address_from_in(const struct in_addr *in, struct herald_address *ret_address)
{
    memset(ret_address, 0, sizeof *ret_address);
    ret_address->family = HERALD_FAMILY_IPV4;
    memcpy(ret_address->bytes, in, sizeof *in);
}

void hd_address_from_in6(const struct in6_addr *in6, struct herald_address *ret_address)
{
    memset(ret_address, 0, sizeof *ret_address);
    ret_address->family = HERALD_FAMILY_IPV6;
    memcpy(ret_address->bytes, in6, sizeof *in6);
}

bool hd_address_is_loopback(const struct herald_address *address)
{
    static const struct in6_addr loopback = IN6ADDR_LOOPBACK_INIT;

    if (address->family == HERALD_FAMILY_IPV4)
        return address->bytes[0] == 127;
    return address->family == HERALD_FAMILY_IPV6 && memcmp(address->bytes, &loopback, sizeof loopback) == 0;
}

int herald_address_parse(const char *text, struct herald_address *ret_address)
{
    struct in_addr in;
    struct in6_addr in6;

    if (text == NULL)
        return -EINVAL;
    if (inet_pton(AF_INET, text, &in) == 1) {
        hd_address_from_in(&in, ret_address);
        return 0;
    }
    if (inet_pton(AF_INET6, text, &in6) == 1) {
        hd_address_from_in6(&in6, ret_address);
        return 0;
    }
    return -EINVAL;
}

int herald_address_format(const struct herald_address *address, char *ret_text, size_t size_bytes)
{
    char text[INET6_ADDRSTRLEN] = "-";
    size_t length;

    if (address->family != HERALD_FAMILY_NONE)
        (void)inet_ntop(hd_address_af(address), address->bytes, text, sizeof text);
    length = strlen(text);
    if (length >= size_bytes)
        return -ENOSPC;
    memcpy(ret_text, text, length + 1);
    return (int)length;
}

int herald_peer_format(const struct herald_peer *peer, const char *interface_name, char *ret_text, size_t size_bytes)
{
    char address[HERALD_ADDRESS_TEXT_BYTES];
    char zone[HERALD_INTERFACE_NAME_BYTES + 1] = "";
    bool ipv6 = peer->address.family == HERALD_FAMILY_IPV6;
    int length;

    (void)herald_address_format(&peer->address, address, sizeof address);
    if (herald_address_needs_zone(&peer->address)) {
        if (interface_name != NULL && interface_name[0] != '\0')
            (void)snprintf(zone, sizeof zone, "%%%.15s", interface_name);
        else if (peer->interface_index != 0)
            (void)snprintf(zone, sizeof zone, "%%%u", peer->interface_index);
    }
    length = snprintf(ret_text, size_bytes, "%s%s%s%s:%u", ipv6 ? "[" : "", address, zone, ipv6 ? "]" : "", peer->port);
    return (size_t)length < size_bytes ? length : -ENOSPC;
}

bool herald_address_equal(const struct herald_address *a, const struct herald_address *b)
{
    if (a->family != b->family)
        return false;
    switch (a->family) {
    case HERALD_FAMILY_IPV4:
        return memcmp(a->bytes, b->bytes, sizeof(struct in_addr)) == 0;
    case HERALD_FAMILY_IPV6:
        return memcmp(a->bytes, b->bytes, sizeof(struct in6_addr)) == 0;
    case HERALD_FAMILY_NONE:
        break;
    }
    return true;
}

bool herald_address_is_multicast(const struct herald_address *address)
{
    if (address->family == HERALD_FAMILY_IPV4)
        return address->bytes[0] >> 4 == 0xe;
    return address->family == HERALD_FAMILY_IPV6 && address->bytes[0] == 0xff;
}

bool herald_address_needs_zone(const struct herald_address *address)
{
    unsigned int scope = address->bytes[1] & 0xfu;

    if (address->family != HERALD_FAMILY_IPV6)
        return false;
    if (address->bytes[0] == 0xff)
        return scope == SCOPE_INTERFACE_LOCAL || scope == SCOPE_LINK_LOCAL;
    return address->bytes[0] == 0xfe && (address->bytes[1] & 0xc0u) == 0x80u;
}

bool herald_address_is_ssm(const struct herald_address *address)
{
    static const uint8_t zeros[10];

    if (address->family == HERALD_FAMILY_IPV4)
        return address->bytes[0] == 232;
    return address->family == HERALD_FAMILY_IPV6 && address->bytes[0] == 0xff && address->bytes[1] >> 4 == FLAGS_SSM &&
           memcmp(address->bytes + 2, zeros, sizeof zeros) == 0;
}
