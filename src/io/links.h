/* SPDX-License-Identifier: MIT */
/* Interfaces as rtnetlink describes them: shared by the list and the watch. */
#ifndef IO_LINKS_H
#define IO_LINKS_H

#include <herald/interface.h>

#include <libmnl/libmnl.h>

/* An interface and what only the watch needs to know of it. */
struct hd_link {
    struct herald_interface interface;
    uint32_t carrier_losses; /* how often it lost carrier since it was made (IFLA_CARRIER_DOWN_COUNT) */
};

/* A growing array, sorted by index. All zero: empty. */
struct hd_links {
    struct hd_link *items;
    size_t count;
    size_t room;
};

/* Reads all interfaces with their addresses. @return 0; a negative errno, *links then empty. */
int hd_links_read(struct hd_links *links);

/* Reads the addresses of the interfaces in the array anew.
   @return 0; a negative errno, the addresses then incomplete. */
int hd_links_read_addresses(struct hd_links *links);

/* Frees the array. */
void hd_links_clear(struct hd_links *links);

/* The interface of that index, or NULL. Valid until the array changes. */
struct hd_link *hd_links_find(const struct hd_links *links, uint32_t index);

/* Puts an interface in its place; replaces the one of the same index. @return 0; -ENOMEM. */
int hd_links_put(struct hd_links *links, const struct hd_link *link);

/* Takes the interface of that index out. */
void hd_links_remove(struct hd_links *links, uint32_t index);

/*
 * Applies an RTM_NEWLINK message to *link: what the message does not mention stays as it is.
 * @return 0; -EBADMSG.
 */
int hd_link_update(const struct nlmsghdr *message, struct hd_link *link);

/* Whether packets can pass: up and with carrier. */
static inline bool hd_link_works(const struct hd_link *link)
{
    return link->interface.up && link->interface.carrier;
}

#endif
