/* SPDX-License-Identifier: MIT */
/*
 * A NORM node's sockets: the group is joined to hear the others, and each interface that something is sent by has a
 * sending socket, which unicast feedback comes to as well.
 */
#ifndef SESSION_NODE_H
#define SESSION_NODE_H

#include "sender.h" /* of src/io: gathered runs, unicast */

#include <herald/norm.h>
#include <herald/ping.h>
#include <herald/socket.h>

enum {
    HD_EXITS_MAX = 32, /* interfaces that feedback is sent by */
    HD_RUN_DATAGRAMS_MAX = HERALD_RUN_SEGMENTS_MAX,
    HD_RUN_BYTES_MAX = 65000, /* of one run: one super-packet of the kernel's */
};

struct hd_exit {
    uint32_t interface_index;
    uint64_t retry_ns; /* when opening it may be tried again, since it failed; 0: it is open */
    herald_sender *sender;
};

struct hd_node {
    struct herald_endpoint endpoint;
    herald_receiver *receiver;   /* NULL: feedback comes by unicast only */
    herald_responder *responder; /* answers pings to the group; NULL: nobody does */
    struct hd_exit exits[HD_EXITS_MAX];
    size_t exit_count;
    int epoll_fd; /* the receiver's, if there is one */
};

/*
 * What is called for each run that arrives; its bytes are used again afterwards. `unicast`: it was sent to this host
 * rather than to the group.
 */
typedef void hd_node_input(void *user, const struct herald_run *run, bool unicast);

/* For node ids and the like. */
uint64_t hd_random_number(void);

int hd_node_init(struct hd_node *node, const struct herald_endpoint *endpoint, struct herald_error *error);
void hd_node_release(struct hd_node *node);

/* Adds a descriptor to what wakes the node. @return 0; -errno: -EPERM for a regular file, which is always readable. */
int hd_node_watch(struct hd_node *node, int fd, uint32_t epoll_events);
void hd_node_unwatch(struct hd_node *node, int fd);

/* Joins; see herald_receiver_config. Before anything but exits is watched. */
HERALD_CHECKED int hd_node_join(struct hd_node *node, const struct herald_receiver_config *config,
                                struct herald_error *error);

/* Answers pings from here on. Without the means it goes on without. */
void hd_node_answer_pings(struct hd_node *node, const struct herald_responder_config *config);

/* Blocks until something comes or the deadline has come; 0 does not wait. */
void hd_node_wait(struct hd_node *node, uint64_t deadline_ns);

/* Opens the first exit, which a sender sends by. */
HERALD_CHECKED int hd_node_open_exit(struct hd_node *node, const struct herald_sender_config *config,
                                     struct herald_error *error);

/*
 * Takes what has arrived, a few runs at most, and answers pings. A receiver has to have been processed before: that
 * tells what is ready. @return 1: there may be more; 0: there is nothing; -errno.
 */
HERALD_CHECKED int hd_node_receive(struct hd_node *node, hd_node_input *input, void *user, uint64_t now_ns);

/* The clock by which the kernel says when packets came: CLOCK_REALTIME. */
uint64_t hd_realtime_ns(void);

/*
 * Sends one datagram by the interface on which its destination was heard: to the group, or by unicast. What cannot be
 * sent is lost, as packets are. @return 0; -EAGAIN: the send buffer is full.
 */
int hd_node_send(struct hd_node *node, const struct herald_norm_datagram *datagram, uint64_t now_ns);

/* A run that is being gathered: datagrams to the group, equal in size but for the last. */
struct hd_run_out {
    uint8_t *buffers; /* HD_RUN_DATAGRAMS_MAX of buffer_bytes each, for the headers */
    size_t buffer_bytes;
    struct iovec parts[2 * HD_RUN_DATAGRAMS_MAX];
    size_t part_count;
    size_t first_part; /* not sent yet */
    size_t datagrams;  /* not sent yet */
    size_t gathered;   /* all, sent or not */
    size_t segment_bytes;
    size_t size_bytes; /* not sent yet */
    bool is_closed;    /* nothing can be added: the last is shorter, or it is full */
};

int hd_run_out_init(struct hd_run_out *run, uint16_t segment_bytes);
void hd_run_out_release(struct hd_run_out *run);

/* Where the next datagram's header is to be written. The run must not be closed. */
void hd_run_out_prepare(struct hd_run_out *run, struct herald_norm_datagram *datagram);

/*
 * Adds a datagram that was filled after _prepare(). @return false: it does not fit behind the others, being longer: the
 * run has to be sent first, and then the datagram be added, its header being moved.
 */
bool hd_run_out_add(struct hd_run_out *run, const struct herald_norm_datagram *datagram);

/* @return 0: all of it is sent, or was lost; the run is empty. -EAGAIN: the buffer is full, the rest waits. */
int hd_run_out_send(struct hd_run_out *run, herald_sender *sender, struct herald_error *error);

#endif
