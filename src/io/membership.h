/* SPDX-License-Identifier: MIT */
/*
 * Membership of one channel on one interface: a socket that is bound to the group, the port and the interface,
 * and has joined there. Bound like this, it gets nothing else, whatever other sockets of the host have joined.
 *
 * SO_REUSEADDR is set so that other programs may listen too; never SO_REUSEPORT, by which the kernel hands
 * each datagram to only one of the sockets.
 */
#ifndef IO_MEMBERSHIP_H
#define IO_MEMBERSHIP_H

#include "channels.h"

#include <herald/error.h>
#include <herald/interface.h>

/* Mostly one for each channel and interface; more when a channel has more sources than one socket may have. */
struct hd_socket {
    int fd;
    int epoll_fd; /* the set it is in */
    uint32_t interface_index;
    struct hd_channel *channel;
    struct hd_socket *next;         /* in the channel's list */
    struct herald_address *sources; /* those joined; NULL for any source */
    size_t source_count;
    bool exclusive; /* bound to its group and interface by the kernel: nothing else can come in */
};

/* How a receiver opens its sockets. */
struct hd_socket_plan {
    int epoll_fd; /* each socket is added to it with itself as data.ptr */
    size_t receive_buffer_bytes;
    bool gro;
    uint16_t first_nibbles; /* of herald_receiver_config */
    int descriptor_max;     /* descriptors from here on are left to the rest of the process */
    size_t granted_bytes;   /* filled in: what the last socket got */
};

/* The wants of a channel that concern an interface: `all` tells whether wants without a zone do. */
bool hd_membership_wanted(const struct hd_channel *channel, const struct herald_interface *interface, bool all);

/* Whether the channel is joined on that interface. */
bool hd_membership_exists(const struct hd_channel *channel, uint32_t interface_index);

/* Opens and joins what is wanted. All or nothing. @return the number of sockets opened; -errno with *error filled. */
int hd_membership_join(struct hd_channel *channel, const struct herald_interface *interface, bool all,
                       struct hd_socket_plan *plan, struct herald_error *error);

/*
 * Leaves, or joins again, on every socket of the channel there; the sockets stay. With a pause in between, all the
 * host's sockets that do the same give up the group together, and only then does the kernel report it anew.
 */
void hd_membership_leave(const struct hd_channel *channel, uint32_t interface_index);
void hd_membership_return(const struct hd_channel *channel, uint32_t interface_index);

/* What a socket has lost to a full buffer, with what its filter has rejected; 0 if that cannot be told. */
uint32_t hd_membership_drops(const struct hd_socket *socket);

/* Closes the channel's sockets there (0: everywhere). @return their number; their drops are added to *drops. */
size_t hd_membership_close(struct hd_channel *channel, uint32_t interface_index, uint64_t *drops);

#endif
