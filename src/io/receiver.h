/* SPDX-License-Identifier: MIT */
/* A receiver from inside: receiver.c receives, attachments.c follows the interfaces. */
#ifndef IO_RECEIVER_H
#define IO_RECEIVER_H

#include "batch.h"
#include "channels.h"
#include "duplicates.h"
#include "membership.h"
#include "reply.h"

#include <herald/socket.h>

/* An interface on which something is wanted. */
struct hd_attachment {
    uint32_t index;
    char name[HERALD_INTERFACE_NAME_BYTES];
    bool loopback;
    uint32_t mtu_bytes;
    bool broken;          /* down or without carrier at the moment */
    bool loss_told;       /* and nothing better since */
    uint32_t memberships; /* channels joined on it */
    uint64_t return_ns;   /* when the groups that were left after a loss of carrier are joined again; HERALD_NEVER */
    uint64_t retry_ns;    /* when joins that failed for want of resources are tried again; HERALD_NEVER */
    int failure;          /* the last -errno told, so that it is not told twice */
};

struct herald_receiver {
    int epoll_fd;
    struct hd_channels channels;
    char (*names)[HERALD_INTERFACE_NAME_BYTES]; /* restrict to these, if any */
    size_t name_count;
    struct hd_socket_plan plan;
    struct hd_replies replies;
    herald_interface_watch *watch;

    uint64_t watch_retry_ns; /* when the watch is read again that had no memory or descriptor; HERALD_NEVER */

    struct hd_attachment *attachments;
    size_t attachment_count;
    struct herald_receiver_event *events; /* not taken yet, oldest first */
    size_t event_count, event_capacity;

    struct hd_batch *batch;
    struct hd_duplicates *duplicates; /* NULL: delivered */
    bool check_duplicates;            /* at least two real interfaces are joined */
    struct hd_socket *ready[64];      /* what epoll named and was not looked at yet */
    size_t ready_count, ready_next;
    bool ready_left;     /* one of them had more than was taken */
    unsigned lone_turns; /* how often a socket that is ready alone was read in a row */
    bool said_empty;     /* all that epoll named is taken: the next call says so without asking again */
    bool watch_ready;    /* epoll named the watch */
    int guests[16];      /* what else it named, see hd_receiver_watch() */
    size_t guest_count;

    struct herald_receiver_stats stats;
    uint64_t closed_drops; /* of sockets that are closed */
    size_t longest_run;    /* datagrams in the longest run that came */
};

/* What all its sockets have lost since it was opened, with what their filters have rejected. */
uint64_t hd_receiver_drops(const struct herald_receiver *receiver);

/*
 * Adds a descriptor of the caller's to what wakes the receiver, or changes for what: then one set tells all that is
 * ready, where a set within a set would pass on each wake-up and be asked after it. @return 0 or -errno.
 */
int hd_receiver_watch(struct herald_receiver *receiver, int fd, uint32_t epoll_events);
void hd_receiver_unwatch(struct herald_receiver *receiver, int fd);

/* Takes those descriptors that were ready when the set was last asked; more come next time. @return how many. */
size_t hd_receiver_take_guests(struct herald_receiver *receiver, int *ret_fds, size_t max);

/* Whether the set has named a socket of the receiver's own that was not read empty since. */
bool hd_receiver_is_ready(const struct herald_receiver *receiver);

/* Whether the process may have as many descriptors as this takes. @return 0; -EMFILE with *error filled. */
int hd_attachments_check(struct herald_receiver *receiver, struct herald_error *error);

/* Joins what is wanted on every interface there is now. @return 0; -errno with *error if nothing could be joined. */
int hd_attachments_start(struct herald_receiver *receiver, struct herald_error *error);

/* Takes what the watch has and does what is due. @return 0 or -errno. */
int hd_attachments_process(struct herald_receiver *receiver, uint64_t now_ns);

/* The next time that hd_attachments_process() has something to do. */
uint64_t hd_attachments_deadline(const struct herald_receiver *receiver);

#endif
