/* SPDX-License-Identifier: MIT */
/*
 * What comes in: for a moment the group is joined as a receiver would join it, and what the socket hears is compared
 * with what is on the wire (if we may look) and with what the kernel counts as dropped.
 */
#ifndef HD_DOCTOR_TRAFFIC_H
#define HD_DOCTOR_TRAFFIC_H

#include "examination.h"
#include "sockets.h"

#include <herald/loss.h>

enum {
    HD_STREAMS_MAX = 64, /* (source, group, port, interface) that are told apart */
    HD_SOCKETS_MAX = 64, /* of the port */
};

/* What one sender sends to one group and port, as it comes in on one interface. */
struct hd_stream {
    struct herald_address source;
    uint16_t port; /* it is sent to; 0: unknown, of a later fragment */
    uint32_t interface_index;
    uint64_t wire_count;     /* datagrams that the interface brought */
    uint64_t fragment_count; /* of these, parts of larger ones */
    uint64_t heard_count;    /* datagrams that the socket got */
};

/* Counters of the host that matter here: by how much they grew. */
struct hd_host_counts {
    uint64_t reverse_path; /* dropped by the reverse path filter */
    uint64_t ignored;      /* multicast datagrams that no socket wanted */
    uint64_t fragments;    /* fragments that came */
    uint64_t reassembled;  /* datagrams that were put together from them */
};

struct hd_traffic {
    struct herald_error join_error; /* why the group could not be joined; cause "": it was */
    int join_code;                  /* 0, or what herald_receiver_new() said */
    bool saw_wire;
    uint64_t duration_ns;
    struct hd_host_counts member;   /* while joined */
    struct herald_loss_report loss; /* meanwhile: of the own sockets, and in the interfaces and queues before them */
    uint64_t filtered; /* that came only while the network card was told to take all groups; nothing came before */
    struct hd_host_counts absent; /* as long, after leaving; only if `compared` */
    bool compared;
    struct hd_stream streams[HD_STREAMS_MAX];
    size_t stream_count;
    struct hd_socket_drops dropped[HD_SOCKETS_MAX]; /* by the sockets of the port, before the watch */
    int socket_count;                               /* more than there is room for: the rest is not known */
};

/*
 * Makes the watch if it has not been made yet: 1 s, with --long 10 s, twice if something looks wrong. The group must be
 * the user's. @return 0 with *ret_traffic, which belongs to the examination; -ECANCELED; another negative errno.
 */
int hd_traffic_watch(struct hd_examination *examination, const struct hd_traffic **ret_traffic);

/* Datagrams to the examined port that were heard. */
uint64_t hd_traffic_heard(const struct hd_traffic *traffic);

/*
 * Whether datagrams of that source were heard, wherever they came in: a packet of a bridge or bond is on the wire of
 * its port as well, where nobody hears it.
 */
bool hd_traffic_hears(const struct hd_traffic *traffic, const struct herald_address *source);

/* How much of what a socket of the port has dropped it has dropped since the watch began. Without a watch: 0. */
uint64_t hd_traffic_dropped(const struct hd_traffic *traffic, const struct hd_socket *socket);

void hd_traffic_free(struct hd_traffic *traffic);

#endif
