/* SPDX-License-Identifier: MIT */
/*
 * Multicast sockets: a sender for one group, a receiver for any number of groups.
 *
 * Both work with *runs*: datagrams of one flow that share everything but their payload, lie one
 * behind the other in memory, and are all `segment_bytes` long except perhaps the last. One system
 * call moves a whole run (UDP_SEGMENT out, UDP_GRO in), which is many times faster than one call per
 * datagram. A single datagram is a run of one.
 *
 * Both fit into anyone's event loop, in this order:
 *
 *     poll x_fd() for POLLIN, no longer than until x_deadline()
 *     x_process(now)            does what is due; for a receiver: follows the interfaces
 *     x_receive(runs) until 0   takes what has arrived
 *     x_next_event() until 0    tells what happened meanwhile (receiver only)
 *
 * None of these calls blocks. A program that only receives may call herald_receiver_wait() in place of poll(). A
 * sender needs none of it unless it wants answers.
 */
#ifndef HERALD_SOCKET_H
#define HERALD_SOCKET_H

#include <herald/endpoint.h>
#include <herald/error.h>
#include <herald/interface.h>
#include <herald/types.h>

#ifdef __cplusplus
extern "C" {
#endif

/** One receive call never yields more runs than this. */
#define HERALD_RUNS_MAX 4

/** The most datagrams in one run sent by herald_sender_send_run(): the NORM transport's burst limit. */
#define HERALD_RUN_SEGMENTS_MAX 64

/** A run of datagrams as it was received. Everything it points to belongs to the object it came from. */
struct herald_run {
    const uint8_t *payload;
    size_t size_bytes;           /**< of all datagrams together; 0 for one empty datagram */
    size_t segment_bytes;        /**< of every datagram but the last, which may be shorter */
    struct herald_peer source;   /**< who sent it, and the interface it came in by */
    struct herald_address group; /**< its destination: a joined group, or an own unicast address */
    uint16_t group_port;         /**< the port it was sent to */
    int ttl;                     /**< TTL or hop limit on arrival; -1 when the kernel did not say */
    uint64_t time_ns;            /**< kernel receive time, CLOCK_REALTIME since 1970 */
    uint32_t kernel_drops;       /**< what its socket had lost to a full buffer when it was queued (SO_RXQ_OVFL); 0
                                        with herald_receiver_config.first_nibbles */
    bool truncated;              /**< it was longer than the buffer: the rest is lost */
};

/** The number of datagrams in a run: at least 1. */
static inline size_t herald_run_count(const struct herald_run *run)
{
    if (run->size_bytes <= run->segment_bytes || run->segment_bytes == 0)
        return 1;
    return (run->size_bytes + run->segment_bytes - 1) / run->segment_bytes;
}

/** The payload of datagram `index` (less than herald_run_count()), and its size. */
static inline const uint8_t *herald_run_datagram(const struct herald_run *run, size_t index, size_t *ret_size_bytes)
{
    size_t start = index * run->segment_bytes;
    size_t rest = run->size_bytes - start;

    *ret_size_bytes = rest < run->segment_bytes ? rest : run->segment_bytes;
    return run->payload + start;
}

/* ---- sender ---------------------------------------------------------------------------------- */

/** Why a sender uses the interface that it uses. */
enum herald_interface_reason {
    HERALD_INTERFACE_BY_REQUEST, /**< config.interface or the endpoint's %IFACE named it */
    HERALD_INTERFACE_BY_SOURCE,  /**< it has the source address that was asked for */
    HERALD_INTERFACE_BY_ROUTE,   /**< the route to the group leads there */
    HERALD_INTERFACE_BY_GUESS,   /**< no route; it is the first that is up, has carrier and an address */
    HERALD_INTERFACE_LOOPBACK,   /**< no route and no usable interface: this host only */
};

/** What to open. Zero everything first: zero is the default of every field but the endpoint. */
struct herald_sender_config {
    struct herald_endpoint endpoint; /**< group_count must be 1. Its source, if any, is the own address to send from */
    const char *interface;           /**< name or index; NULL: the endpoint's %IFACE, else chosen as above */
    struct herald_address
        source;                  /**< own address to send from; NONE: the endpoint's source, else the kernel's choice */
    bool ttl_given;              /**< false: TTL 1 */
    uint8_t ttl;                 /**< TTL or hop limit, 0 (this host only) .. 255 */
    bool no_loop;                /**< members on this host do not hear it */
    uint8_t dscp;                /**< 0 .. 63 */
    uint16_t reply_port;         /**< port to send from and be answered at; 0: any free one */
    bool fragment;               /**< let IP fragment what exceeds the MTU; otherwise that is an error */
    bool no_gso;                 /**< never use UDP_SEGMENT (for comparison; it falls back by itself) */
    size_t receive_buffer_bytes; /**< for answers; 0: 16 MiB asked, enough for thousands at once */
    size_t send_buffer_bytes;    /**< 0: 4 MiB asked */
};

/** What a sender resolved to. */
struct herald_sender_facts {
    struct herald_interface interface;
    enum herald_interface_reason reason;
    struct herald_address source; /**< the address it will send from; NONE if the interface has none */
    uint16_t port;                /**< the port it sends from and hears answers at */
    uint8_t ttl;
    size_t payload_max_bytes;    /**< the largest datagram that is sent unfragmented */
    size_t receive_buffer_bytes; /**< as granted; the kernel clamps silently to net.core.rmem_max */
    size_t receive_buffer_asked_bytes;
};

/** What a sender counted since it was opened. */
struct herald_sender_stats {
    uint64_t datagrams;       /**< sent */
    uint64_t bytes;           /**< of payload sent */
    uint64_t calls;           /**< system calls that sent them */
    uint64_t answers;         /**< datagrams received */
    uint64_t answers_dropped; /**< receive buffer overruns by the kernel's count (a coalesced packet counts once) */
    bool gso;                 /**< the last run went out by UDP_SEGMENT */
};

/** An open sending socket: one group, one interface. */
typedef struct herald_sender herald_sender;

/**
 * Opens a sender. Nothing is sent yet.
 *
 * @return 0; -EINVAL for an impossible config; -ENODEV for an unknown interface; -EADDRNOTAVAIL for a
 *         source that is not an own address; -ENETDOWN when not even lo is up; another negative errno.
 *         *error names cause and advice.
 */
HERALD_API HERALD_CHECKED int herald_sender_new(herald_sender **ret_sender, const struct herald_sender_config *config,
                                                struct herald_error *error);

/** Closes a sender. Takes NULL; returns NULL. */
HERALD_API herald_sender *herald_sender_free(herald_sender *sender);

/** What the sender resolved to. Belongs to the sender; only payload_max_bytes changes, with the MTU. */
HERALD_API const struct herald_sender_facts *herald_sender_facts(const herald_sender *sender);

/** Fills *ret_stats with the counts so far. */
HERALD_API void herald_sender_stats(const herald_sender *sender, struct herald_sender_stats *ret_stats);

/**
 * Sends one datagram to the group.
 *
 * @return 0; -EMSGSIZE when it exceeds the MTU and fragments were not allowed (*error tells what fits);
 *         -EAGAIN when the send buffer is full; -EPERM when a firewall forbids it; -ENETDOWN,
 *         -ENETUNREACH, ... with *error filled.
 */
HERALD_API HERALD_CHECKED int herald_sender_send(herald_sender *sender, const void *payload, size_t size_bytes,
                                                 struct herald_error *error);

/**
 * Sends a run: `size_bytes` cut into datagrams of `segment_bytes`, the last perhaps shorter, in order
 * and in as few system calls as the kernel allows; without UDP_SEGMENT one call per datagram.
 *
 * @return the number of datagrams sent, less than asked when the send buffer is full (-EAGAIN if none);
 *         -EINVAL for more than HERALD_RUN_SEGMENTS_MAX datagrams or segment_bytes 0;
 *         otherwise as herald_sender_send().
 */
HERALD_API HERALD_CHECKED int herald_sender_send_run(herald_sender *sender, const void *payload, size_t size_bytes,
                                                     size_t segment_bytes, struct herald_error *error);

/**
 * When the last datagram of herald_sender_send() left (runs do not count), by the kernel's clock, CLOCK_REALTIME in
 * ns: the software transmit timestamp where the driver gives one, otherwise the time just before the system call.
 * 0 if none was sent.
 */
HERALD_API uint64_t herald_sender_sent_time_ns(herald_sender *sender);

/** The descriptor to poll for POLLIN (answers) or POLLOUT (room to send). It belongs to the sender. */
HERALD_API int herald_sender_fd(const herald_sender *sender);

/**
 * Takes answers: datagrams sent to the sender's own port. Valid until the next call on this sender.
 *
 * @param max_runs  1 .. HERALD_RUNS_MAX
 * @return the number of runs; 0 when nothing is there; a negative errno.
 */
HERALD_API HERALD_CHECKED int herald_sender_receive(herald_sender *sender, struct herald_run *ret_runs,
                                                    size_t max_runs);

/* ---- receiver -------------------------------------------------------------------------------- */

/** What to join. Zero everything first; the arrays are copied. */
struct herald_receiver_config {
    const struct herald_endpoint *endpoints; /**< at least one; families, ports, ASM and SSM may be mixed */
    size_t endpoint_count;
    const char *const *interfaces; /**< names or indices to join on; none: every interface that can multicast, and lo */
    size_t interface_count;        /**< an endpoint's own %IFACE comes before both */
    size_t receive_buffer_bytes;   /**< per socket; 0: 4 MiB asked */
    bool keep_duplicates;          /**< deliver the copies that two interfaces on one LAN bring */
    bool no_gro;                   /**< never use UDP_GRO (for comparison) */
    /**
     * 0: everything is delivered. Otherwise bit n set: only datagrams whose first byte's low four bits are n are
     * wanted (the message type of NORM, RFC 5740); others are dropped by the kernel, before they are copied, and unseen
     * by any count. Datagrams that a kernel has joined into one packet go the way of the first of them: what is
     * delivered may still be of another type. The kernel counts what it drops here as lost to full buffers, so such a
     * receiver's kernel_drops are always 0.
     */
    uint16_t first_nibbles;
};

/** What happened to a receiver's memberships. */
enum herald_receiver_event_kind {
    HERALD_RECEIVER_JOINED,      /**< an interface appeared or came up, and was joined */
    HERALD_RECEIVER_REJOINED,    /**< it works again: left and joined again, so that the network learns of it */
    HERALD_RECEIVER_LOST,        /**< it lost carrier, or has none at the start; joined anew when it returns */
    HERALD_RECEIVER_DOWN,        /**< it was set down, or is down at the start; joined anew when it is up again */
    HERALD_RECEIVER_GONE,        /**< it was deleted */
    HERALD_RECEIVER_JOIN_FAILED, /**< `error` says why; tried again when the interface changes */
};

/** One event. */
struct herald_receiver_event {
    enum herald_receiver_event_kind kind;
    char interface[HERALD_INTERFACE_NAME_BYTES];
    uint32_t group_count;      /**< memberships that it concerns on that interface */
    struct herald_error error; /**< for JOIN_FAILED */
};

/** What a receiver counted since it was opened. */
struct herald_receiver_stats {
    uint64_t datagrams;          /**< delivered */
    uint64_t bytes;              /**< of payload delivered */
    uint64_t runs;               /**< delivered: datagrams / runs tells what coalescing gained */
    uint64_t duplicates;         /**< dropped copies that another interface brought first */
    uint64_t strays;             /**< dropped: not sent to a joined group on a joined interface */
    uint64_t truncated;          /**< delivered, but longer than the buffer */
    uint64_t kernel_drops;       /**< lost to full receive buffers, by the kernel (SO_MEMINFO); a coalesced
                                        packet of several datagrams counts once; 0 with first_nibbles */
    uint32_t sockets;            /**< open now */
    uint32_t memberships;        /**< (group, interface) pairs joined now */
    uint32_t interfaces;         /**< interfaces joined on now */
    size_t receive_buffer_bytes; /**< per socket, as granted */
    size_t receive_buffer_asked_bytes;
};

/** Open receiving sockets with their memberships. */
typedef struct herald_receiver herald_receiver;

/**
 * Joins everything. It succeeds when at least one membership could be made, or when every wanted
 * interface may still come (none is up yet); what failed is told by herald_receiver_next_event().
 * Each group has a socket of its own on each interface, bound to both, so that no other group's and no unicast
 * traffic can get in, no limit of memberships per socket matters, and other programs keep their unicast.
 * More sources than the kernel allows on one socket (igmp_max_msf) get further sockets.
 *
 * @return 0; -EINVAL; -ENODEV for an unknown interface; -EMFILE when it needs more descriptors than the
 *         process may have (*error tells how many); -ENETDOWN when not even lo is up; another negative errno.
 */
HERALD_API HERALD_CHECKED int herald_receiver_new(herald_receiver **ret_receiver,
                                                  const struct herald_receiver_config *config,
                                                  struct herald_error *error);

/** Leaves all groups and closes. Takes NULL; returns NULL. */
HERALD_API herald_receiver *herald_receiver_free(herald_receiver *receiver);

/** The descriptor to poll for POLLIN. It belongs to the receiver and stays the same. */
HERALD_API int herald_receiver_fd(const herald_receiver *receiver);

/** When herald_receiver_process() must be called even if nothing arrives (monotonic), or HERALD_NEVER. */
HERALD_API uint64_t herald_receiver_deadline(const herald_receiver *receiver);

/**
 * Blocks until something has arrived, an interface has changed, herald_receiver_deadline() has come, or `deadline_ns`
 * (monotonic; HERALD_NEVER: no limit; 0: does not block). For programs without an event loop, and a little cheaper
 * than poll() on the descriptor. A signal ends it early.
 *
 * @return 0; a negative errno.
 */
HERALD_API HERALD_CHECKED int herald_receiver_wait(herald_receiver *receiver, uint64_t deadline_ns);

/**
 * Follows the interfaces: joins on those that appeared, joins again on those that regained carrier.
 * Cheap when nothing changed.
 *
 * @return 0; a negative errno that means that the receiver is of no use any more.
 */
HERALD_API HERALD_CHECKED int herald_receiver_process(herald_receiver *receiver, uint64_t now_ns);

/**
 * Takes what has arrived, fairly from all sockets. Only datagrams sent to a joined group on a joined
 * interface are delivered. Valid until the next call on this receiver.
 *
 * @param max_runs  1 .. HERALD_RUNS_MAX
 * @return the number of runs; 0 when nothing is there; a negative errno.
 */
HERALD_API HERALD_CHECKED int herald_receiver_receive(herald_receiver *receiver, struct herald_run *ret_runs,
                                                      size_t max_runs);

/** Takes the next event. @return 1 with *ret_event, 0 when there is none. */
HERALD_API HERALD_CHECKED int herald_receiver_next_event(herald_receiver *receiver,
                                                         struct herald_receiver_event *ret_event);

/** Fills *ret_stats with the counts so far; asks the kernel for its drop counts. */
HERALD_API void herald_receiver_stats(herald_receiver *receiver, struct herald_receiver_stats *ret_stats);

/** The name of an interface that the receiver knows; "?" for any other. Valid until the next call. */
HERALD_API const char *herald_receiver_interface_name(const herald_receiver *receiver, uint32_t interface_index);

/** The interfaces joined on now. @return their number; names up to `max` are copied into ret_names. */
HERALD_API size_t herald_receiver_interfaces(const herald_receiver *receiver,
                                             char (*ret_names)[HERALD_INTERFACE_NAME_BYTES], size_t max);

/**
 * Answers the sender of a run by unicast, from the port it was sent to. When another program on this host
 * already used that port as the receiver was opened, answers come from a port of the receiver's own, so that
 * an asker can tell the two apart.
 *
 * @return 0; -EMSGSIZE; -EPERM when a firewall forbids it; -ENETUNREACH, ... with *error filled.
 */
HERALD_API HERALD_CHECKED int herald_receiver_reply(herald_receiver *receiver, const struct herald_peer *to,
                                                    uint16_t group_port, const void *payload, size_t size_bytes,
                                                    struct herald_error *error);

#ifdef __cplusplus
}
#endif

#endif
