/* SPDX-License-Identifier: MIT */
/*
 * The doctor: why multicast does not work on this host, or on its network, and what mends it.
 *
 * An examination is a list of checks that run one after the other, from the interface outwards: interface, address and
 * route; what this host drops; limits and memberships; the LAN; another host. Each yields findings. Nothing on the
 * system is ever changed, and nothing that others could notice is done unless the config asks for it: the group is
 * joined for a second, as any receiver would, random groups too, and datagrams are sent that stay on this host; with
 * CAP_NET_RAW also a query for memberships that stays on this host, whose kernel then takes the querier's interval for
 * 125 s until the querier speaks next, and if nothing comes, the network card is told to take all groups for a second.
 *
 *     while (herald_doctor_next(doctor, &finding) == 1)
 *         ...print it...
 *     herald_doctor_verdict(doctor, &verdict);
 */
#ifndef HERALD_DOCTOR_H
#define HERALD_DOCTOR_H

#include <herald/endpoint.h>
#include <herald/error.h>
#include <herald/interface.h>
#include <herald/ping.h>
#include <herald/socket.h>
#include <herald/types.h>

#ifdef __cplusplus
extern "C" {
#endif

/** How a check ended. */
enum herald_finding_level {
    HERALD_FINDING_OK,      /**< looked at, nothing wrong */
    HERALD_FINDING_WARNING, /**< it works, but not everywhere, not for ever, or not for all */
    HERALD_FINDING_FAULT,   /**< this is why it does not work */
    HERALD_FINDING_SKIPPED, /**< could not be looked at: `seen` says why and what it would need */
};

enum {
    HERALD_FINDING_TEXT_BYTES = 400,
};

/** What one check found. Texts are for people, one line each, never NULL; `meaning` and `remedy` may be empty. */
struct herald_finding {
    enum herald_finding_level level;
    const char *check;                           /**< its short name, stable: "rp_filter", "querier"; static */
    char interface[HERALD_INTERFACE_NAME_BYTES]; /**< the interface that it concerns, or "" */
    char host[HERALD_INTERFACE_NAME_BYTES * 4];  /**< "" for this host, otherwise whose finding it is */
    char seen[HERALD_FINDING_TEXT_BYTES];        /**< the fact, with its figure: "rp_filter is 1 (strict) on eth1" */
    char meaning[HERALD_FINDING_TEXT_BYTES];     /**< what the user will notice: "packets from 10.9.0.1 are dropped" */
    char remedy[HERALD_FINDING_TEXT_BYTES]; /**< one command that mends it, fit for a shell; or an advice in words */
    bool remedy_is_command;                 /**< `remedy` can be given to a shell as it is */
};

/** What to examine. Zero everything first; zero is the default of every field. Everything is copied. */
struct herald_doctor_config {
    const struct herald_endpoint *endpoint; /**< NULL: the host in general, with a random group of 239.255.0.0/16 */
    const char *interface; /**< name or index; NULL: the endpoint's %IFACE, else the one that a sender would choose */
    const char *peer;      /**< name or address of another host that answers pings; NULL: none */
    bool ttl_given;
    uint8_t ttl;      /**< what the user means to send with; default 1 */
    bool long_watch;  /**< watch for 130 s (queriers), 300 s with a peer; for data 10 s instead of 1 s */
    bool census;      /**< ask every host of the LAN for its groups: others notice it */
    bool trace;       /**< as root: have nftables follow the self-test through the firewall, by a table that vanishes */
    int interrupt_fd; /**< readable: stop early; 0 or -1: none */
};

/** What an examination resolved to. */
struct herald_doctor_facts {
    bool endpoint_given;                 /**< false: `endpoint` is made up, and stands for any */
    struct herald_endpoint endpoint;     /**< its interface is "" */
    bool interface_found;                /**< false: there is none to send on; the first findings tell why */
    struct herald_interface interface;   /**< where a sender would send; it may be down if it was named */
    enum herald_interface_reason reason; /**< why that one */
    struct herald_address own_source;    /**< the own address that it would send from; NONE if there is none */
    struct herald_address remote_source; /**< the endpoint's source, if it is no address of this host; else NONE */
    uint8_t ttl;
    bool net_raw;         /**< we may look at packets on the wire (CAP_NET_RAW) */
    bool net_admin;       /**< we may read the firewall's rules (CAP_NET_ADMIN) */
    uint32_t check_count; /**< rows of the table: the most checks that will run */
};

/** What was sent to the peer in one way, and what became of it. -1: not known. */
struct herald_doctor_trial {
    const char *what;  /**< "steady"; "burst": many requests at once; "answers": many answers at once; "long". Static */
    size_t size_bytes; /**< of each request, and of each answer */
    bool by_multicast; /**< requests went to the group; otherwise to the peer by unicast */
    uint64_t sent;     /**< requests */
    int64_t arrived;   /**< of these, at the peer, as it tells */
    int64_t answers_unicast;   /**< that it was to send by unicast */
    int64_t answers_multicast; /**< that it sent to the group */
    int64_t came_unicast;      /**< of the former, came back */
    int64_t came_multicast;    /**< of the latter */
    int64_t unicast_ns;        /**< the median round trip, back by unicast */
    int64_t multicast_ns;      /**< back by multicast */
};

/** The most trials of an examination. */
#define HERALD_DOCTOR_TRIALS_MAX 16

/** An examination. */
typedef struct herald_doctor herald_doctor;

/**
 * Prepares an examination. Nothing is sent or joined yet.
 *
 * @return 0; -EINVAL for an impossible config; -ENODEV for an unknown interface; -EPERM: `trace` needs CAP_NET_ADMIN;
 *         another negative errno. *error names cause and advice.
 */
HERALD_API HERALD_CHECKED int herald_doctor_new(herald_doctor **ret_doctor, const struct herald_doctor_config *config,
                                                struct herald_error *error);

/** Ends it; leaves all groups. Takes NULL; returns NULL. */
HERALD_API herald_doctor *herald_doctor_free(herald_doctor *doctor);

/**
 * Runs the next check, or hands out its next finding. Blocks as long as the check takes (seconds; minutes with
 * long_watch), at most until interrupt_fd is readable.
 *
 * @return 1 with *ret_finding; 0 when all are done or it was interrupted; a negative errno.
 */
HERALD_API HERALD_CHECKED int herald_doctor_next(herald_doctor *doctor, struct herald_finding *ret_finding);

/** What was resolved. Belongs to the doctor, and does not change. */
HERALD_API const struct herald_doctor_facts *herald_doctor_facts(const herald_doctor *doctor);

/** What the check that runs next looks at, "reverse path filter"; NULL when none is left. Static. */
HERALD_API const char *herald_doctor_upcoming(const herald_doctor *doctor);

/**
 * The first fault so far, else the first warning, else an OK that says what was seen to work. A copy.
 */
HERALD_API void herald_doctor_verdict(const herald_doctor *doctor, struct herald_finding *ret_finding);

/** What was compared with the peer so far. @return how many; up to `max` are in ret_trials. */
HERALD_API size_t herald_doctor_trials(const herald_doctor *doctor, struct herald_doctor_trial *ret_trials, size_t max);

/**
 * Examines this host for another one that has pinged it: what it can see without a privilege, without sending, joining
 * or waiting for anything; about 10 ms, more where thousands of processes run. Writes the faults and warnings as a text
 * that herald_doctor reads on the other side, cut to its room. For struct herald_responder_config.examine.
 *
 * @param endpoint  the group that the other asks about, and the source that is wanted here, if not any
 * @param question  who asks, and whether its requests to the group come through
 * @return the length of the text; a negative errno.
 */
HERALD_API HERALD_CHECKED int herald_doctor_tell(const struct herald_endpoint *endpoint,
                                                 const struct herald_responder_question *question, char *ret_text,
                                                 size_t size_bytes);

#ifdef __cplusplus
}
#endif

#endif
