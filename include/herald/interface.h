/* SPDX-License-Identifier: MIT */
/*
 * Network interfaces: a list of what there is now, and a watch on what changes (rtnetlink).
 */
#ifndef HERALD_INTERFACE_H
#define HERALD_INTERFACE_H

#include <herald/error.h>
#include <herald/types.h>

#ifdef __cplusplus
extern "C" {
#endif

/** One interface as the kernel describes it. */
struct herald_interface {
    uint32_t index; /**< never 0; a recreated interface gets another one */
    char name[HERALD_INTERFACE_NAME_BYTES];
    uint32_t mtu_bytes;
    bool up;        /**< administratively up (IFF_UP) */
    bool carrier;   /**< the link works (IFF_LOWER_UP) */
    bool multicast; /**< says that it can do multicast (IFF_MULTICAST); lo never says so, yet works */
    bool loopback;
    struct herald_address ipv4;            /**< its first address, family NONE if it has none */
    struct herald_address ipv6;            /**< its first address that is not link-local, or NONE */
    struct herald_address ipv6_link_local; /**< its fe80:: address, or NONE */
    /* IPv6 addresses count once duplicate address detection has let them through, 1 to 2 s after they came. */
};

/** What happened to an interface. */
enum herald_interface_event_kind {
    HERALD_INTERFACE_APPEARED,    /**< it exists now; `interface` tells in which state */
    HERALD_INTERFACE_DISAPPEARED, /**< it was deleted or moved away; memberships on it are gone */
    HERALD_INTERFACE_UP,          /**< it is up and has carrier now, and did not before */
    HERALD_INTERFACE_DOWN,        /**< it lost carrier or was set down */
    HERALD_INTERFACE_CHANGED,     /**< an address, the MTU, the name or a flag changed */
};

/** One event of a watch. */
struct herald_interface_event {
    enum herald_interface_event_kind kind;
    struct herald_interface interface; /**< its state after the event (before it, if it disappeared) */
};

/** A watch on all interfaces of the network namespace. */
typedef struct herald_interface_watch herald_interface_watch;

/**
 * Lists the interfaces, sorted by index. The caller frees *ret_list with free(); it is NULL when
 * there are none.
 *
 * @return the number of interfaces; -ENOMEM; another negative errno from netlink. Any thread.
 */
HERALD_API HERALD_CHECKED int herald_interfaces_list(struct herald_interface **ret_list);

/**
 * Finds one interface by name, by index when `name` is all digits and no interface has that name, or by
 * alternative name.
 *
 * @return 0; -ENODEV with *error filled: it names the interfaces there are. Any thread.
 */
HERALD_API HERALD_CHECKED int herald_interface_find(const char *name, struct herald_interface *ret_interface,
                                                    struct herald_error *error);

/**
 * Starts a watch. What exists at that moment is known to it and gives no event.
 *
 * @return 0; a negative errno with *error filled.
 */
HERALD_API HERALD_CHECKED int herald_interface_watch_new(herald_interface_watch **ret_watch,
                                                         struct herald_error *error);

/** Ends a watch. Takes NULL; returns NULL. */
HERALD_API herald_interface_watch *herald_interface_watch_free(herald_interface_watch *watch);

/** The descriptor to poll for POLLIN. It belongs to the watch. */
HERALD_API int herald_interface_watch_fd(const herald_interface_watch *watch);

/**
 * Takes the next event; never blocks. Call it until it returns 0 when the descriptor is readable.
 * A carrier that went and came back between two calls is reported as DOWN and then UP. When the kernel lost
 * notifications, the watch compares a new list with what it knew, and reports every interface
 * that is up as DOWN and UP too, since a flap may have been missed.
 *
 * @return 1 with *ret_event; 0 when there is none; a negative errno.
 */
HERALD_API HERALD_CHECKED int herald_interface_watch_next(herald_interface_watch *watch,
                                                          struct herald_interface_event *ret_event);

/**
 * The interfaces as the watch knows them after the events taken so far, sorted by index.
 * The list belongs to the watch and is valid until the next call of herald_interface_watch_next().
 *
 * @return their number.
 */
HERALD_API size_t herald_interface_watch_list(const herald_interface_watch *watch,
                                              const struct herald_interface **ret_list);

#ifdef __cplusplus
}
#endif

#endif
