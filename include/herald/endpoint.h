/* SPDX-License-Identifier: MIT */
/*
 * Endpoints: which group, from which source, on which interface and port.
 *
 *   [SOURCE@]GROUP[+N][%IFACE]:PORT
 *
 *   239.1.2.3:10000                         any source (ASM)
 *   239.1.2.3+16:10000                      16 consecutive groups: 239.1.2.3 .. 239.1.2.18
 *   239.1.2.3%eth0:10000                    on eth0 only
 *   192.0.2.5@232.1.2.3:10000               that source only (SSM, RFC 4607)
 *   [ff15::7]:10000   [ff12::7%eth0]:10000   IPv6 in brackets; link-local scope needs the zone
 *   [2001:db8::5]@[ff3e::7+4%eth0]:10000    the +N may also follow the bracket
 *
 * This is the only parser of endpoints: the command line and embedding programs use the same one.
 */
#ifndef HERALD_ENDPOINT_H
#define HERALD_ENDPOINT_H

#include <herald/error.h>
#include <herald/types.h>

#ifdef __cplusplus
extern "C" {
#endif

/** More groups than this in one endpoint are refused: it is a typing error. */
#define HERALD_GROUPS_MAX 65536

/** Room for any text that herald_endpoint_format() and herald_peer_format() make, with its NUL. */
#define HERALD_ENDPOINT_TEXT_BYTES 160

/** Room for any text that herald_address_format() makes, with its NUL. */
#define HERALD_ADDRESS_TEXT_BYTES 46

/** A parsed endpoint. */
struct herald_endpoint {
    struct herald_address source;                /**< family HERALD_FAMILY_NONE: any source */
    struct herald_address group;                 /**< the first group; always a multicast address */
    uint32_t group_count;                        /**< 1 .. HERALD_GROUPS_MAX consecutive groups */
    uint16_t port;                               /**< 1 .. 65535, host order */
    char interface[HERALD_INTERFACE_NAME_BYTES]; /**< after %, "" = not given. Not checked to exist */
};

/**
 * Parses `text` by the grammar above. The whole text must match. No name is ever looked up.
 *
 * Refused, each with a cause that names the faulty part: a group that is not multicast, a source
 * that is not unicast or not of the group's family, a source with a group that has no source-specific
 * form (224.0.0.0/24 and IPv6 groups of node or link-local scope below ff30::/12, which routers and
 * IGMP/MLD treat as any-source), port 0 or above 65535, a range that runs past the last
 * multicast address of its family, out of the first group's /8 (IPv4) or out of its flags and scope
 * (IPv6), an interface name that Linux could not have, and an IPv4-mapped IPv6 address.
 * That a link-local group lacks its zone is no mistake here: the interface may be given elsewhere.
 *
 * @return 0; -EINVAL with *error filled. Any thread.
 */
HERALD_API HERALD_CHECKED int herald_endpoint_parse(const char *text, struct herald_endpoint *ret_endpoint,
                                                    struct herald_error *error);

/**
 * Writes the canonical text of an endpoint, which herald_endpoint_parse() reads back as an equal one.
 *
 * @return the length without the NUL; -ENOSPC when `size_bytes` is too small. Any thread.
 */
HERALD_API int herald_endpoint_format(const struct herald_endpoint *endpoint, char *ret_text, size_t size_bytes);

/**
 * The group number `index` of an endpoint, 0 .. group_count - 1.
 *
 * @return 0; -ERANGE. Any thread.
 */
HERALD_API int herald_endpoint_group(const struct herald_endpoint *endpoint, uint32_t index,
                                     struct herald_address *ret_group);

/**
 * Parses a numeric IPv4 (dotted, four parts, no leading zeros) or IPv6 address, without brackets or zone.
 *
 * @return 0; -EINVAL. Any thread.
 */
HERALD_API HERALD_CHECKED int herald_address_parse(const char *text, struct herald_address *ret_address);

/**
 * Writes an address in its canonical form (RFC 5952 for IPv6), without brackets; "-" for family NONE.
 *
 * @return the length without the NUL; -ENOSPC when `size_bytes` is too small. Any thread.
 */
HERALD_API int herald_address_format(const struct herald_address *address, char *ret_text, size_t size_bytes);

/**
 * Writes ADDRESS:PORT, or [ADDRESS]:PORT for IPv6; a link-local address gets %ZONE, where ZONE is
 * `interface_name`, or the peer's interface index if that is NULL or empty.
 *
 * @return the length without the NUL; -ENOSPC when `size_bytes` is too small. Any thread.
 */
HERALD_API int herald_peer_format(const struct herald_peer *peer, const char *interface_name, char *ret_text,
                                  size_t size_bytes);

/** Whether two addresses are the same. Any thread. */
HERALD_API bool herald_address_equal(const struct herald_address *a, const struct herald_address *b);

/** Whether it is a multicast address: 224.0.0.0/4 (RFC 5771) or ff00::/8 (RFC 4291). Any thread. */
HERALD_API bool herald_address_is_multicast(const struct herald_address *address);

/** Whether it only means something together with an interface: fe80::/10, or a multicast address of
 *  interface-local (ffx1::) or link-local (ffx2::) scope. Any thread. */
HERALD_API bool herald_address_needs_zone(const struct herald_address *address);

/** Whether it lies in the source-specific range: 232.0.0.0/8 or ff3x::/96 (RFC 4607). Any thread. */
HERALD_API bool herald_address_is_ssm(const struct herald_address *address);

#ifdef __cplusplus
}
#endif

#endif
