/* SPDX-License-Identifier: MIT */
/*
 * Sockets from which a receiver answers: one for each family and port.
 *
 * An answer comes from the port that the question was sent to, as the classic receivers do it. Only if another socket
 * of this host has that port already, it comes from a free one: otherwise two receivers on one host would look like
 * one to whoever counts them.
 */
#ifndef IO_REPLY_H
#define IO_REPLY_H

#include "channels.h"

#include <herald/error.h>

struct hd_reply_socket {
    enum herald_family family;
    uint16_t port;
    int fd;
};

struct hd_replies {
    struct hd_reply_socket *sockets;
    size_t count;
};

/* Before any group's socket is bound: they would hold the ports themselves. @return 0; -errno. */
int hd_replies_open(struct hd_replies *ret_replies, const struct hd_channels *channels);
void hd_replies_close(struct hd_replies *replies);

int hd_replies_send(const struct hd_replies *replies, const struct herald_peer *to, uint16_t port, const void *payload,
                    size_t size_bytes, struct herald_error *error);

#endif
