/* SPDX-License-Identifier: MIT */
/*
 * Ping: who is in a group, and how long the way there and back takes; and answering those who ask.
 *
 * The protocol is the Multicast Ping Protocol (RFC 6450). There a client asks one server by unicast, which answers by
 * unicast and by multicast to a group. Here a group is asked by multicast, too, by an extension: every member answers
 * by unicast, and by multicast to the group and the asker's own port, where nobody else hears it. So no list of members
 * is needed, and both ways are measured side by side. Answers to many are spread by a random delay, which each answer
 * tells, and which is taken out of its round trip.
 *
 * A round is one request to everyone. Round 0 is a roll call: it finds members and is not measured. After it the number
 * of members is known, and with it over how long answers are to be spread, and how many answers by multicast a
 * network bears: with more than HERALD_PING_MULTICAST_MAX members each answers by multicast in some rounds only.
 *
 * Both objects fit into any event loop: poll x_fd() for POLLIN until x_deadline(), x_process(), take the events.
 */
#ifndef HERALD_PING_H
#define HERALD_PING_H

#include <herald/endpoint.h>
#include <herald/error.h>
#include <herald/socket.h>
#include <herald/types.h>

#ifdef __cplusplus
extern "C" {
#endif

/** The most members that are asked to answer by multicast in one round. */
#define HERALD_PING_MULTICAST_MAX 20

/** Whoever forges answers from ever new members meets this limit. */
#define HERALD_PING_MEMBERS_MAX 16384

/** A member that has answered nothing for this many rounds has vanished. */
#define HERALD_PING_VANISHED_ROUNDS 3

/** Room for a host name with its NUL, and for what a server says about itself. */
#define HERALD_PING_HOST_BYTES 65
#define HERALD_PING_INFO_BYTES 256

/** UDP ports that requests by unicast are answered at: that of ssmping, and the one assigned by RFC 6450. */
#define HERALD_PING_PORT_SSMPING 4321
#define HERALD_PING_PORT_RFC6450 9903

/* ---- asking ---------------------------------------------------------------------------------- */

/** What to ask. Zero everything first: zero is the default of every field but the endpoint. */
struct herald_ping_config {
    /**
     * group_count must be 1. A source that is an own address is the one to ask from; any other is the server to ask by
     * unicast, at the endpoint's port, for answers to the group, as ssmping does.
     */
    struct herald_endpoint endpoint;
    struct herald_address server; /**< the server to ask by unicast, as asmping does; NONE: see above */
    const char *interface;        /**< name or index; NULL: as a sender chooses */
    bool ttl_given;               /**< false: TTL 1 */
    uint8_t ttl;                  /**< of requests to the group; members answer the group with the same */
    uint32_t count;               /**< rounds, not counting the roll call; 0: until herald_ping_stop() */
    uint64_t interval_ns; /**< from round to round; 0: 1 s. More if answers have to be spread for longer. An answer that
                               comes after 128 more requests is not counted: members answer 100 at once, 50 a second */
    uint64_t wait_ns;     /**< an answer that is not there after this long (and its delay) is missed; 0: 500 ms */
    uint32_t expect;      /**< stop as soon as this many members have answered a round; 0: do not */
    size_t size_bytes; /**< of a request's payload; less than a request needs (224 to a group): as small as it can be */
    size_t
        answer_bytes; /**< of an answer's; 0: as the request. Larger than the request only by_unicast and to a server */
    bool fragment;    /**< requests and answers that exceed the MTU may be fragmented; otherwise they fail */
    bool spread_given;   /**< false: by the number of members */
    uint64_t spread_ns;  /**< answers are spread over this long, at most 60 s */
    bool no_multicast;   /**< have answers come by unicast only; the group is not joined */
    bool by_unicast;     /**< after the roll call, ask each member by unicast instead of the group */
    const char *only;    /**< count only members of this host name or address (borrowed until _free); NULL: all */
    uint64_t only_id;    /**< ask only the member with this id: others do not answer; 0: all */
    uint16_t reply_port; /**< to ask from and be answered at; 0: any free one */
    uint32_t burst;      /**< send the first request to the group so many times in a row; 0: once */
    uint32_t rush;       /**< so many requests follow each other at once, then one each interval; 0: none */
    /**
     * A member that is known already: there is no roll call, and requests go in turns to it by unicast (1, 3, 5...)
     * and to the group (2, 4, 6...), so that both ways there can be compared. Port 0: none.
     */
    struct herald_peer member;
    bool findings; /**< ask that member what it finds about itself: herald_ping_findings() */
};

/** Times of one way. -1 where nothing was measured. */
struct herald_ping_times {
    uint64_t count; /**< how many were measured */
    int64_t min_ns, p50_ns, p99_ns, max_ns;
};

/** What is known of a member. Everything is counted from its first answer on, and without the roll call. */
struct herald_ping_member {
    struct herald_peer peer;            /**< where its unicast answers come from, or else those by multicast */
    char host[HERALD_PING_HOST_BYTES];  /**< as it calls itself, escape it before printing; empty: not told */
    char info[HERALD_PING_INFO_BYTES];  /**< what a server says about itself; likewise */
    uint64_t id;                        /**< of a herald; 0: another implementation */
    bool present;                       /**< it has not vanished */
    uint32_t first_sequence;            /**< the round that it first answered */
    uint64_t sent;                      /**< requests since then whose time is over */
    uint64_t answered;                  /**< of those, answered in at least one way */
    uint64_t lost;                      /**< of those, not answered at all */
    uint64_t by_unicast;                /**< answered by unicast */
    uint64_t multicast_asked;           /**< of those, it was to answer by multicast */
    uint64_t by_multicast;              /**< and did */
    uint64_t duplicates;                /**< answers that came once more */
    uint64_t reordered;                 /**< answers that a later one had overtaken */
    uint64_t late;                      /**< answers after wait_ns; they count as answered */
    int64_t requests_lost;              /**< on the way to the member, as it tells; -1: not known */
    int64_t request_duplicates;         /**< that arrived there more than once; -1: not known */
    int64_t heard_multicast;            /**< requests that reached it by multicast, as it tells, the roll call too */
    int64_t heard_unicast;              /**< by unicast; both -1: not known */
    int64_t answers_lost_unicast;       /**< on the way back by unicast; -1: not known */
    int64_t answers_lost_multicast;     /**< on the way back by multicast; -1: not known */
    int64_t answers_withheld;           /**< by the limits of the member, which has heard the requests; -1: not known */
    int hops_there;                     /**< routers that a request goes through; -1: not known */
    int hops_unicast;                   /**< that an answer by unicast comes through */
    int hops_multicast;                 /**< by multicast */
    int64_t held_max_ns;                /**< the longest that it held an answer back */
    uint32_t multicast_first_sequence;  /**< the first round answered by multicast; 0: none yet, or the roll call */
    struct herald_ping_times unicast;   /**< round trips: multicast there, unicast back (by_unicast: both unicast) */
    struct herald_ping_times multicast; /**< multicast there and back */
};

/** Everything together. */
struct herald_ping_summary {
    uint32_t rounds;   /**< sent, without the roll call */
    uint64_t requests; /**< datagrams sent, with it */
    size_t members;    /**< that have answered at all */
    size_t present;    /**< and have not vanished */
    uint64_t sent, answered, lost, by_unicast, multicast_asked, by_multicast, duplicates, reordered, late;
    uint64_t ignored; /**< datagrams that were no answer to this question */
    uint64_t dropped; /**< answers that the kernel dropped since the receive buffer was full */
    uint64_t refused; /**< answers of members beyond HERALD_PING_MEMBERS_MAX */
    struct herald_ping_times unicast, multicast;
};

/** What a ping resolved to. */
struct herald_ping_facts {
    const struct herald_sender_facts *sender; /**< interface, address, port, TTL; belongs to the ping */
    struct herald_address server;             /**< asked by unicast; NONE: the group is asked */
    bool joined;                              /**< the group: answers by multicast can be heard */
    uint64_t interval_ns, wait_ns;            /**< with the defaults filled in */
    size_t size_bytes;                        /**< of a request */
};

/** What happened. */
enum herald_ping_event_kind {
    HERALD_PING_NEW,         /**< a member that was not known */
    HERALD_PING_VANISHED,    /**< it has not answered for HERALD_PING_VANISHED_ROUNDS rounds */
    HERALD_PING_BACK,        /**< it had vanished and answers again */
    HERALD_PING_ANSWERED,    /**< a member's answers to one request: all that there were, or all that is waited for */
    HERALD_PING_LOST,        /**< it has not answered within wait_ns */
    HERALD_PING_ROUND,       /**< a round is over, the roll call too */
    HERALD_PING_REFUSED,     /**< the server does not serve this group */
    HERALD_PING_SEND_FAILED, /**< a request could not be sent: `error` */
    HERALD_PING_GROUP,       /**< the server answers to another group from now on; `error` if it cannot be joined */
};

/** One event. */
struct herald_ping_event {
    enum herald_ping_event_kind kind;
    uint32_t sequence;     /**< the round; 0 is the roll call */
    size_t member;         /**< of NEW, VANISHED, BACK, ANSWERED, LOST: its index */
    int64_t unicast_ns;    /**< ANSWERED: the round trip without what the answer was held back; -1: no such answer */
    int64_t multicast_ns;  /**< likewise */
    bool multicast_asked;  /**< it was to answer by multicast */
    int64_t held_ns;       /**< how long the member held its answer back; -1: not told */
    int ttl;               /**< of the unicast answer, or else the other, on arrival; -1: not known */
    bool late;             /**< ANSWERED: after wait_ns; LOST was told before */
    size_t asked;          /**< ROUND: members that should have answered */
    size_t answered;       /**< ROUND: that did */
    size_t multicast;      /**< ROUND: that did so by multicast, too */
    size_t multicast_want; /**< ROUND: that were to */
    uint64_t spread_ns;    /**< ROUND: answers were spread over this long */
    struct herald_error error;
    struct herald_address group; /**< GROUP: it */
};

/** A ping under way. */
typedef struct herald_ping herald_ping;

/**
 * Opens the sockets. The roll call goes out with the first herald_ping_process().
 *
 * @return 0; -EINVAL for an impossible config; otherwise as herald_sender_new(). *error names cause and advice.
 */
HERALD_API HERALD_CHECKED int herald_ping_new(herald_ping **ret_ping, const struct herald_ping_config *config,
                                              struct herald_error *error);

/** Ends it. Takes NULL; returns NULL. */
HERALD_API herald_ping *herald_ping_free(herald_ping *ping);

/** What it resolved to. Belongs to the ping. */
HERALD_API const struct herald_ping_facts *herald_ping_facts(const herald_ping *ping);

/** The descriptor to poll for POLLIN. It belongs to the ping. */
HERALD_API int herald_ping_fd(const herald_ping *ping);

/** When herald_ping_process() must be called at the latest (monotonic). */
HERALD_API uint64_t herald_ping_deadline(const herald_ping *ping);

/**
 * Takes answers, ends rounds, and sends the next one when it is due.
 *
 * @return 1 when it is over, and nothing more will happen; 0; a negative errno with *error filled.
 */
HERALD_API HERALD_CHECKED int herald_ping_process(herald_ping *ping, uint64_t now_ns, struct herald_error *error);

/** No more rounds: what is under way is waited for, then it is over. */
HERALD_API void herald_ping_stop(herald_ping *ping);

/** Takes the next event. @return 1 with *ret_event, 0 when there is none. */
HERALD_API HERALD_CHECKED int herald_ping_next_event(herald_ping *ping, struct herald_ping_event *ret_event);

/** How many members have answered so far. They keep their indices. */
HERALD_API size_t herald_ping_members(const herald_ping *ping);

/** Fills *ret_member. @return 0; -ERANGE. */
HERALD_API int herald_ping_member(herald_ping *ping, size_t index, struct herald_ping_member *ret_member);

/** What a member has told about itself on request, NUL-terminated, as it came; NULL: nothing. Belongs to the ping. */
HERALD_API const char *herald_ping_findings(const herald_ping *ping, size_t index);

/** Fills *ret_summary. */
HERALD_API void herald_ping_summary(herald_ping *ping, struct herald_ping_summary *ret_summary);

/**
 * Blocks until it is over, calling `on_event` (may be NULL) for each event.
 *
 * @return 0; a negative errno with *error filled.
 */
HERALD_API HERALD_CHECKED int herald_ping_run(herald_ping *ping,
                                              void (*on_event)(void *userdata, const struct herald_ping_event *event),
                                              void *userdata, struct herald_error *error);

/* ---- answering ------------------------------------------------------------------------------- */

/** Who asks this host for what it finds about itself. */
struct herald_responder_question {
    struct herald_peer asker;    /**< and the interface that its request came in by */
    struct herald_address group; /**< that it asks about; NONE: it does not say */
    bool hears_group;            /**< requests of this asker have come by multicast, too */
};

/** What to answer. Zero everything first. */
struct herald_responder_config {
    const struct herald_endpoint *endpoints; /**< groups to join and answer for; none: see herald_responder_take() */
    size_t endpoint_count;
    const char *const *interfaces; /**< to join on; none: all, as a receiver does */
    size_t interface_count;
    bool serve;            /**< also answer clients that ask this host by unicast: ssmping, asmping, RFC 6450 */
    const uint16_t *ports; /**< at these ports; none: HERALD_PING_PORT_SSMPING and HERALD_PING_PORT_RFC6450 */
    size_t port_count;
    bool ttl_given;   /**< false: 64, which ssmping computes distances from */
    uint8_t ttl;      /**< of multicast answers to such clients. Members of a group are answered with the asker's */
    const char *host; /**< what to call this host; NULL: its host name */
    /**
     * Writes what this host finds about itself, for an asker that asks for it by unicast and has shown by its session
     * that it gets what is sent to its address: text, up to `size_bytes`, which goes out as it is. Called from
     * herald_responder_process() and _take(), at most once in 10 s (three times at once); it should take a few
     * milliseconds. NULL: nothing is told. herald_doctor_tell() does it. @return its length; 0 or less: say nothing.
     */
    int (*examine)(void *userdata, const struct herald_responder_question *question, char *ret_text, size_t size_bytes);
    void *examine_userdata;
};

/** What a responder counted. */
struct herald_responder_stats {
    uint64_t requests;        /**< that could be answered */
    uint64_t answers_unicast; /**< sent */
    uint64_t answers_multicast;
    uint64_t withheld;   /**< answers that the limits on their rate forbade */
    uint64_t duplicates; /**< requests that came once more, and were not answered again */
    uint64_t failed;     /**< answers that could not be sent */
    uint64_t malformed;  /**< datagrams to the ports served that were no requests */
};

/** What happened at a responder. */
enum herald_responder_event_kind {
    HERALD_RESPONDER_ASKED,   /**< somebody asks who has not asked before, or not for long; at most ten a second */
    HERALD_RESPONDER_LIMITED, /**< somebody asks more often than is answered */
    HERALD_RESPONDER_FAILED,  /**< an answer could not be sent: `error`; told once */
};

/** One event. */
struct herald_responder_event {
    enum herald_responder_event_kind kind;
    struct herald_peer peer;
    bool by_multicast; /**< the group was asked; otherwise this host by unicast */
    bool is_old;       /**< in the older form of ssmping and asmping */
    struct herald_error error;
};

/**
 * Answers pings.
 *
 * It cannot be used to flood others: each source gets at most 50 answers a second (100 at once), all together 1,000;
 * 20 answers a second go to groups (60 at once), and none to a group's own port; each 4 KiB count once more. A member's
 * answer is larger than its request only if the asker has shown, by a session id (RFC 6450, section 5), that it gets
 * what is sent to its address. Clients that ask by unicast get answers to a group only in ranges kept for this, as from
 * ssmpingd: IPv4 groups that end in .234, IPv6 groups that end in 4321:1234; with a session also to groups joined here.
 */
typedef struct herald_responder herald_responder;

/**
 * Opens a responder.
 *
 * @return 0; -EADDRINUSE when another program has a port that is to be served; otherwise as herald_receiver_new().
 */
HERALD_API HERALD_CHECKED int herald_responder_new(herald_responder **ret_responder,
                                                   const struct herald_responder_config *config,
                                                   struct herald_error *error);

/** Closes it; answers that still wait are not sent. Takes NULL; returns NULL. */
HERALD_API herald_responder *herald_responder_free(herald_responder *responder);

/** The descriptor to poll for POLLIN. It belongs to the responder. */
HERALD_API int herald_responder_fd(const herald_responder *responder);

/** When herald_responder_process() must be called at the latest (monotonic), or HERALD_NEVER. */
HERALD_API uint64_t herald_responder_deadline(const herald_responder *responder);

/** Takes what has arrived, sends what is due. @return 0; a negative errno that means that it is of no use any more. */
HERALD_API HERALD_CHECKED int herald_responder_process(herald_responder *responder, uint64_t now_ns);

/**
 * For a program that has a receiver of its own in the group: looks at a run that the receiver delivered. It is taken if
 * it is a ping: if every datagram of it is, from the first byte to the last, a request by this extension. Then it is
 * answered, now or from herald_responder_process(), and the program should pass it over. Cheap for anything else.
 *
 * @return whether it was taken.
 */
HERALD_API bool herald_responder_take(herald_responder *responder, const struct herald_run *run, uint64_t now_ns);

/** Takes the next event. @return 1 with *ret_event, 0 when there is none. */
HERALD_API HERALD_CHECKED int herald_responder_next_event(herald_responder *responder,
                                                          struct herald_responder_event *ret_event);

/** The receiver of the groups in the config, for its facts and its events; NULL without any. */
HERALD_API herald_receiver *herald_responder_receiver(herald_responder *responder);

/** Fills *ret_stats. */
HERALD_API void herald_responder_stats(const herald_responder *responder, struct herald_responder_stats *ret_stats);

#ifdef __cplusplus
}
#endif

#endif
