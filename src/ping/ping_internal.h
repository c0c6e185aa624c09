/* SPDX-License-Identifier: MIT */
/* A ping from inside: ping.c opens and drives it, ping_ask.c sends requests, ping_answer.c takes answers. */
#ifndef PING_PING_INTERNAL_H
#define PING_PING_INTERNAL_H

#include "members.h"
#include "sender.h" /* of src/io */

#include <herald/ping.h>

enum {
    HD_CLIENT_ID_BYTES = 8,
    HD_OLD_CLIENT_ID_BYTES = 4, /* what the older programs send */
    HD_REQUEST_BYTES_MAX = 65507,
    HD_ASK_BYTES_MIN = 224, /* no answer is larger than its request, and so much one may tell */
};

/* A request to everyone. */
struct hd_round {
    uint32_t sequence;
    bool open;
    bool by_multicast; /* answers by multicast were asked for ... */
    uint16_t modulus;  /* ... from some of the members */
    uint16_t remainder;
    uint64_t called_ns; /* CLOCK_REALTIME just before it was sent */
    uint64_t sent_ns;   /* when it left, by the kernel; 0: not known (yet) */
    uint64_t start_ns;  /* monotonic */
    uint64_t close_ns;
    uint64_t spread_ns;
};

/* How a server is to be spoken to. */
enum hd_dialect {
    HD_DIALECT_UNKNOWN, /* both ways, until it answers */
    HD_DIALECT_OLD,
    HD_DIALECT_RFC6450,
};

struct herald_ping {
    struct herald_ping_config config; /* its pointers are not used after _new() */
    char only[HERALD_PING_HOST_BYTES];
    struct herald_address only_address;
    struct herald_ping_facts facts;
    struct herald_sender_facts sender_facts; /* with the source that was asked for */
    herald_sender *sender;
    uint8_t *buffer; /* a request is made here */
    uint8_t client_id[HD_CLIENT_ID_BYTES];
    struct hd_random random;

    bool is_server_mode; /* one server is asked by unicast */
    struct herald_peer server;
    enum hd_dialect dialect;
    struct herald_address group; /* that answers come to: the endpoint's, or what a server offers */
    bool joins_members;          /* SSM: each member's own channel is joined when it is known */
    bool refusal_told;

    struct hd_round rounds[HD_SLOTS];
    uint32_t next_sequence;    /* of the next round */
    uint32_t oldest_open;      /* the first round that may be open */
    uint32_t attempts;         /* rounds that were to be sent, and one roll call */
    uint64_t due_ns;           /* of the next round */
    uint64_t multicast_due_ns; /* when answers by multicast may be asked for again */
    bool stopped;
    bool over;
    int send_failure; /* the last one told, so that it is not told twice */
    size_t heard_of;  /* members that have answered to a round, not only to the roll call */

    struct herald_ping_event *events; /* not taken yet */
    size_t event_count, event_next, event_capacity;
    struct hd_members members;
    struct herald_ping_summary summary;
    struct hd_samples unicast, multicast;
};

/* Adds an event; without memory it is lost. */
void hd_ping_tell(struct herald_ping *ping, const struct herald_ping_event *event);

/* ---- ping_ask.c ------------------------------------------------------------------------------ */

/* How large a request is at least, and at most. @return the size; -EMSGSIZE with *error filled. */
int hd_ping_request_bytes(struct herald_ping *ping, struct herald_error *error);

/* Sends the next round. Failures become events. @return 0; -errno when there is no point in going on. */
int hd_ping_send_round(struct herald_ping *ping, uint64_t now_ns, struct herald_error *error);

/* Ends the time of a round: who has not answered has lost it. */
void hd_ping_close_round(struct herald_ping *ping, struct hd_round *round);

/* Whether everyone has answered in each way that was asked for. */
bool hd_ping_round_is_complete(const struct herald_ping *ping, const struct hd_round *round);

/* Whether the member is to answer that round by multicast, too. */
bool hd_ping_is_multicast_asked(const struct herald_ping *ping, const struct hd_member *member,
                                const struct hd_round *round);

/* ---- ping_answer.c --------------------------------------------------------------------------- */

/* Takes a datagram that may be an answer. */
void hd_ping_take(struct herald_ping *ping, const struct herald_run *run, const uint8_t *bytes, size_t size_bytes);

/* Tells of a member's answers to a round. */
void hd_ping_tell_answer(struct herald_ping *ping, size_t index, struct hd_slot *slot);

/* ---- join.c ---------------------------------------------------------------------------------- */

/* Joins the group on the sender's own socket, from that source alone unless it is NULL. @return 0; -errno. */
int hd_ping_join(herald_sender *sender, const struct herald_address *group, const struct herald_address *source);

/*
 * Has what is sent to the group come from that own address. A socket that is bound to it would not hear the group.
 * @return 0; -errno.
 */
int hd_ping_send_from(herald_sender *sender, const struct herald_address *source);

/* Leaves it. What fails leaves nothing behind that matters. */
void hd_ping_leave(herald_sender *sender, const struct herald_address *group, const struct herald_address *source);

#endif
