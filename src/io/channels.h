/* SPDX-License-Identifier: MIT */
/*
 * Channels: what a receiver's endpoints come to when their ranges are expanded and what overlaps is merged.
 * One channel is one group and port, with everything that is wanted of it.
 */
#ifndef IO_CHANNELS_H
#define IO_CHANNELS_H

#include <herald/endpoint.h>
#include <herald/interface.h>

struct hd_socket;

/* One way in which a channel is wanted. */
struct hd_want {
    struct herald_address group;
    uint16_t port;
    struct herald_address source;           /* NONE: any */
    char zone[HERALD_INTERFACE_NAME_BYTES]; /* "": on all the receiver's interfaces */
};

struct hd_channel {
    const struct hd_want *wants; /* all of the same group and port */
    size_t want_count;
    struct hd_socket *sockets; /* the list of its open ones, see membership.h */
};

struct hd_channels {
    struct hd_want *wants; /* sorted */
    size_t want_count;
    struct hd_channel *list;
    size_t count;
};

/* @return 0 or -ENOMEM */
int hd_channels_build(struct hd_channels *ret_channels, const struct herald_endpoint *endpoints, size_t count);
void hd_channels_release(struct hd_channels *channels);

static inline const struct herald_address *hd_channel_group(const struct hd_channel *channel)
{
    return &channel->wants[0].group;
}

static inline uint16_t hd_channel_port(const struct hd_channel *channel)
{
    return channel->wants[0].port;
}

#endif
