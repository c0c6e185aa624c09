/* SPDX-License-Identifier: MIT */
/*
 * A responder from inside: responder.c has its sockets and its loop, responder_answer.c decides who is answered,
 * responder_send.c makes answers and sends them.
 */
#ifndef PING_RESPONDER_INTERNAL_H
#define PING_RESPONDER_INTERNAL_H

#include "askers.h"
#include "batch.h"  /* of src/io */
#include "random.h" /* of src/core */

#include <herald/ping.h>

enum {
    HD_RESPONDER_SPARES_MAX = 14,
    HD_RESPONDER_SOCKETS_MAX = 10 + HD_RESPONDER_SPARES_MAX, /* one for each family, and the ports served */
    HD_RESPONDER_PORTS_MAX = 4,
    HD_PENDING_MAX = 1024,
    HD_PENDING_BYTES_MAX = 4 * 1024 * 1024,
    HD_ANSWER_BYTES_MAX = 65507,
    HD_SESSION_ANSWER_BYTES_MAX = 9000, /* answers larger than their request, to who has shown a session */
    HD_OLD_ANSWER_BYTES_MAX = 1452,     /* answers larger than their request, to ssmping -s: a packet */
};

struct hd_responder_socket {
    int fd;
    enum herald_family family;
    uint16_t port; /* that is served; 0: the own one that members answer from */
    uint8_t unicast_ttl;
    bool fragments; /* set on the socket now */
};

/* A group that is joined. */
struct hd_responder_group {
    struct herald_address address;
    uint16_t port;
};

/* Where an answer goes, and how. */
struct hd_reply {
    struct hd_responder_socket *socket;
    struct herald_peer to;
    struct herald_address from;  /* own address to answer from; NONE: the kernel's choice, but for: */
    struct herald_address asked; /* own address that was asked, to answer from by unicast; NONE */
    struct herald_address group; /* answer there, too, at the same port; NONE: do not */
    uint32_t interface_index;    /* of what goes to the group; 0: by route */
    uint8_t group_ttl;
    bool may_fragment;
    size_t size_bytes;     /* to be padded to */
    size_t size_max_bytes; /* not to be exceeded by what is optional */
    uint64_t arrived_ns;   /* CLOCK_REALTIME */
    bool is_old;
    bool has_told;
    struct hd_mpp_told told;
    bool wants_info;
    bool wants_time;
    bool tells_session;
    uint8_t session[HD_SESSION_BYTES];
    size_t text_bytes; /* of the responder's text, to be told; never in an answer that waits */
    const uint8_t *request;
    size_t request_bytes;
};

/* An answer that waits. */
struct hd_pending {
    uint64_t due_ns;
    struct hd_reply reply; /* its request is a copy that is freed with it */
};

struct herald_responder {
    int epoll_fd;
    struct hd_responder_socket sockets[HD_RESPONDER_SOCKETS_MAX];
    size_t socket_count;
    herald_receiver *receiver; /* of the groups, or NULL */
    struct hd_responder_group *groups;
    size_t group_count;
    struct hd_batch *batch;
    struct hd_askers *askers;
    struct hd_random random;
    uint64_t id;
    uint8_t served_ttl;
    char info[HERALD_PING_HOST_BYTES + 32]; /* "NAME (herald VERSION)" */
    struct hd_bucket all;                   /* answers */
    struct hd_bucket multicast;             /* answers to groups */
    struct hd_bucket large;                 /* answers larger than their requests, without a session */
    int (*examine)(void *userdata, const struct herald_responder_question *question, char *ret_text, size_t size_bytes);
    void *examine_userdata;
    struct hd_bucket examinations;
    char text[HD_MPP_TEXT_BYTES_MAX]; /* what the last one found */
    struct hd_pending *pending;
    size_t pending_count, pending_capacity, pending_bytes;
    uint8_t *buffer;
    struct herald_responder_event events[32];
    size_t event_count;
    bool failure_told;
    struct hd_bucket told; /* events about askers */
    struct herald_responder_stats stats;
};

/* Adds an event, unless too many wait: nobody may want them. */
void hd_responder_tell(struct herald_responder *responder, const struct herald_responder_event *event);

/* The socket of a family that members answer from; NULL if that family is not there. */
struct hd_responder_socket *hd_responder_socket(struct herald_responder *responder, enum herald_family family);

/*
 * Another socket that members answer from, for when this one is full: answers to addresses that nobody has, as forged
 * ones, stay in it for seconds. @return NULL: there are enough of them.
 */
struct hd_responder_socket *hd_responder_next_socket(struct herald_responder *responder,
                                                     const struct hd_responder_socket *socket);

/* ---- responder_answer.c ---------------------------------------------------------------------- */

/* A request to a group's members, which hd_mpp_is_ask() of. `socket` is what answers come from. */
void hd_responder_ask(struct herald_responder *responder, struct hd_responder_socket *socket,
                      const struct herald_run *run, const uint8_t *bytes, size_t size_bytes, uint64_t now_ns);

/* A datagram to a port that is served. */
void hd_responder_serve(struct herald_responder *responder, struct hd_responder_socket *socket,
                        const struct herald_run *run, const uint8_t *bytes, size_t size_bytes, uint64_t now_ns);

/* ---- responder_send.c ------------------------------------------------------------------------ */

/* Sends an answer now, by unicast and, if so, to the group. */
void hd_responder_send(struct herald_responder *responder, const struct hd_reply *reply);

/* Sends bytes by unicast: a Server Response. */
void hd_responder_send_bytes(struct herald_responder *responder, const struct hd_reply *reply, size_t size_bytes);

/* Keeps an answer until it is due. @return 0; -ENOBUFS; -ENOMEM. */
int hd_responder_defer(struct herald_responder *responder, const struct hd_reply *reply, uint64_t due_ns);

/* Sends what is due. */
void hd_responder_send_due(struct herald_responder *responder, uint64_t now_ns);

#endif
