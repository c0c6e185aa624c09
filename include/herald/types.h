/* SPDX-License-Identifier: MIT */
/*
 * Basic types shared by every header of libherald.
 *
 * Conventions of the whole library:
 *  - Functions return an int: 0 or a count when all went well, otherwise a negative errno value
 *    (-EINVAL, ...). Out-parameters are named ret_x and are left untouched on failure.
 *  - Units stand last in a name: _ns, _bytes, _segments.
 *  - The library never prints, never exits, installs no signal handler and has no mutable globals.
 *  - Objects (herald_sender, herald_receiver, ...) may be used by one thread at a time; different
 *    objects may be used by different threads at the same time.
 *  - X_new() allocates, X_free() takes NULL and returns NULL: `x = herald_x_free(x);`
 */
#ifndef HERALD_TYPES_H
#define HERALD_TYPES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/** Marks what the shared library exports. */
#define HERALD_API __attribute__((visibility("default")))

/** A result that must not be ignored: it may be an error. */
#define HERALD_CHECKED __attribute__((warn_unused_result))

/** A deadline that never comes. */
#define HERALD_NEVER UINT64_MAX

/** Room for a network interface's name with its final NUL (Linux's IFNAMSIZ). */
#define HERALD_INTERFACE_NAME_BYTES 16

/** The largest payload of one UDP datagram over IPv4, and over IPv6 without jumbograms. */
#define HERALD_PAYLOAD_MAX_IPV4_BYTES 65507
#define HERALD_PAYLOAD_MAX_IPV6_BYTES 65527

/** Address families. The values are the versions' numbers, not the platform's AF_x. */
enum herald_family {
    HERALD_FAMILY_NONE = 0, /**< no address */
    HERALD_FAMILY_IPV4 = 4,
    HERALD_FAMILY_IPV6 = 6,
};

/** An IP address without port or zone. IPv4 uses bytes[0..3], the others are zero. */
struct herald_address {
    enum herald_family family;
    uint8_t bytes[16]; /**< in network order */
};

/** One end of a conversation: who sent a datagram, or where a reply goes. */
struct herald_peer {
    struct herald_address address;
    uint16_t port;
    uint32_t interface_index; /**< where it was heard; the zone of a link-local address; 0 = unknown */
};

/**
 * The library's version as "MAJOR.MINOR.PATCH".
 * The string is static. Any thread.
 */
HERALD_API const char *herald_version(void);

/**
 * The monotonic clock (CLOCK_MONOTONIC) in nanoseconds: the time that every `now_ns` argument and
 * every deadline of this library is measured in. Any thread.
 */
HERALD_API uint64_t herald_clock_ns(void);

#ifdef __cplusplus
}
#endif

#endif
