/* SPDX-License-Identifier: MIT */
/*
 * Loss attribution: of the datagrams that a socket should have received and did not, how many were lost where.
 *
 * Sequence numbers tell how many are missing; the kernel's counters tell how many of these this host dropped itself,
 * and why. What no counter explains was lost before this host.
 *
 * The counters are not all of one kind, which is why every figure comes as bounds:
 *
 *   - A socket's own count (SO_MEMINFO) is exact, but in packets. With UDP_GRO a packet is a run of up to
 *     HERALD_LOSS_PACKET_DATAGRAMS_MAX datagrams; of a herald_receiver, as long as the longest that was delivered.
 *   - Those of UDP and IP (/proc/net/snmp, snmp6 and netstat) count all sockets of the network namespace, those of the
 *     processors' queues (/proc/net/softnet_stat) all of the host, and those of an interface all that it received:
 *     what was lost there may have been somebody else's. They say "at most", and if they have not grown: none.
 *   - The kernel counts what a socket's filter (BPF) rejects with what the socket lost. For such a socket the count of
 *     all sockets' full buffers, which leaves filters out, is the upper bound.
 *
 * Nothing is done per packet: reading takes a few system calls, about 0.2 ms, whenever it is asked for. No privilege
 * is needed. A loss object may be used by one thread at a time, that of its receiver.
 */
#ifndef HERALD_LOSS_H
#define HERALD_LOSS_H

#include <herald/error.h>
#include <herald/socket.h>
#include <herald/types.h>

#ifdef __cplusplus
extern "C" {
#endif

/** For herald_loss_read(): there are no sequence numbers. */
#define HERALD_LOSS_UNKNOWN UINT64_MAX

/** The most datagrams in one packet that the kernel counts once (UDP_MAX_SEGMENTS). */
#define HERALD_LOSS_PACKET_DATAGRAMS_MAX 128

/** Where datagrams are lost, in the order of their way. */
enum herald_loss_cause {
    HERALD_LOSS_NETWORK,        /**< before this host: whatever no counter here explains */
    HERALD_LOSS_NIC,            /**< the network card or its driver: ring full, broken frames; IFLA_STATS64 */
    HERALD_LOSS_BACKLOG,        /**< a processor's queue of packets was full; softnet_stat */
    HERALD_LOSS_RP_FILTER,      /**< the reverse path filter refused the source; TcpExt IPReversePathFilter */
    HERALD_LOSS_FIREWALL,       /**< between IP and UDP, most likely by this host's firewall; Ip InReceives that are
                                    neither delivered nor counted as anything else */
    HERALD_LOSS_FRAGMENTS,      /**< fragments of which one was missing; Ip ReasmFails, Ip6ReasmFails */
    HERALD_LOSS_CHECKSUM,       /**< damaged on the way; Udp InCsumErrors, IpExt InCsumErrors, Ip InHdrErrors */
    HERALD_LOSS_MEMORY,         /**< the kernel had no memory for it; Udp MemErrors, Ip InDiscards */
    HERALD_LOSS_RECEIVE_BUFFER, /**< the receiving socket's buffer was full: the program was too slow */
};

/** Their number. */
#define HERALD_LOSS_CAUSE_COUNT 9

/** How many datagrams were lost to one cause. least == most: exactly so many. */
struct herald_loss_part {
    uint64_t least; /**< certainly so many */
    uint64_t most;  /**< no more than this; HERALD_LOSS_UNKNOWN: no bound, as of the network without sequence numbers */
    uint64_t likely; /**< the best guess, between the two. If the total is known, the guesses add up to it */
};

/** How much the kernel's counters have grown. Packets, each of one or more datagrams. */
struct herald_loss_counters {
    uint64_t socket_drops;      /**< of the sockets themselves, SO_MEMINFO; with `is_filtered` what filters rejected
                                    is included */
    uint64_t udp_buffer_errors; /**< Udp and Udp6 RcvbufErrors: all sockets of the namespace, as all below */
    uint64_t udp_memory_errors; /**< MemErrors: net.ipv4.udp_mem */
    uint64_t udp_errors;        /**< InErrors: the two above, checksums, and what filters rejected */
    uint64_t udp_checksum;      /**< InCsumErrors */
    uint64_t udp_ignored;       /**< IgnoredMulti: came to a joined group, but no socket wanted that port */
    uint64_t ip_header;         /**< Ip and Ip6 InHdrErrors, IpExt InCsumErrors and InTruncatedPkts */
    uint64_t ip_discards;       /**< InDiscards */
    uint64_t ip_reassembly;     /**< ReasmFails */
    uint64_t ip_reverse_path;   /**< TcpExt IPReversePathFilter (IPv4 only) */
    uint64_t ip_vanished;      /**< InReceives without InDelivers, and counted as nothing else: dropped by the firewall,
                                    or of groups that are not joined here */
    uint64_t ip_forwarded;     /**< ForwDatagrams: this host is a router; they are among ip_vanished */
    uint64_t backlog_drops;    /**< softnet_stat: of the whole host */
    uint64_t backlog_squeezes; /**< softnet_stat time_squeeze: a processor did not get through; nothing is lost yet */
    uint64_t nic_errors;       /**< rx_missed, fifo, over, crc, frame and length errors of the interfaces joined, and
                                    of those below them (VLAN, bond, bridge, macvlan) */
    uint64_t nic_dropped;      /**< their rx_dropped: what the driver dropped, the backlog's drops, and frames of
                                    protocols that nobody wants: a hint */
    bool is_filtered;          /**< a socket has a filter, so that socket_drops are not only losses */
    bool is_coalesced;         /**< a socket uses UDP_GRO: its packets are of one or more datagrams */
};

/** What was lost where, since the loss object was opened or restarted. No pointer in it. */
struct herald_loss_report {
    bool missing_is_known; /**< sequence numbers were there */
    uint64_t missing;      /**< as given to herald_loss_read(); 0 if unknown */
    uint64_t lost;         /**< `missing`, or what is certain by the sockets' counts if that is more: what was lost last
                              has no later sequence number that would show it. If unknown, the latter only */
    struct herald_loss_part parts[HERALD_LOSS_CAUSE_COUNT]; /**< by enum herald_loss_cause */
    enum herald_loss_cause main_cause;                      /**< the part that is likely the largest, if anything is */
    char interface[HERALD_INTERFACE_NAME_BYTES];            /**< NIC: which one dropped most; "" if none did */
    size_t receive_buffer_bytes;                            /**< of a socket, as granted */
    struct herald_loss_counters counters;
    char text[256];   /**< one line, what was lost where; "" if nothing is known to be lost */
    char advice[256]; /**< what to do about the main cause; "" if there is nothing */
};

/** What to watch. Zero everything first. Nothing in it is kept but the receiver and the descriptor. */
struct herald_loss_config {
    herald_receiver *receiver;     /**< its sockets and interfaces; it must outlive the loss object. NULL: `fd` */
    int fd;                        /**< a UDP socket of any program's own; it stays the caller's, and open */
    const char *const *interfaces; /**< with `fd`: names or indices where its groups are joined; none: all but lo */
    size_t interface_count;
};

/** The state of the counters when it was opened, and whose they are. */
typedef struct herald_loss herald_loss;

/**
 * Opens it, and notes the counters' state.
 *
 * @return 0; -EBADF, -ENOTSOCK or -EINVAL for something that is no UDP socket; -ENODEV for an unknown interface;
 *         -ENOMEM; with *error filled. Counters that cannot be read (no /proc) count as not grown.
 */
HERALD_API HERALD_CHECKED int herald_loss_new(herald_loss **ret_loss, const struct herald_loss_config *config,
                                              struct herald_error *error);

/** Closes it; not the receiver, not the descriptor. Takes NULL; returns NULL. */
HERALD_API herald_loss *herald_loss_free(herald_loss *loss);

/** Notes the counters' state anew: what comes later counts, for instance for the next interval. @return 0; -errno. */
HERALD_API int herald_loss_restart(herald_loss *loss);

/**
 * Reads the counters and attributes what was lost since it was opened or restarted.
 *
 * @param missing  datagrams that are missing by their sequence numbers, of all that its sockets should have received
 *                 since then; HERALD_LOSS_UNKNOWN if there are none: then only what the kernel counted can be told
 * @return 0 with *ret_report; -errno.
 */
HERALD_API HERALD_CHECKED int herald_loss_read(herald_loss *loss, uint64_t missing,
                                               struct herald_loss_report *ret_report);

/**
 * The name of a cause as JSON members have it: "network", "nic", "backlog", "rp_filter", "firewall", "fragments",
 * "checksum", "memory", "receive_buffer". Static. Any thread.
 */
HERALD_API const char *herald_loss_cause_name(enum herald_loss_cause cause);

/** The same for people: "in the network", "in the receive buffer". Static. Any thread. */
HERALD_API const char *herald_loss_cause_words(enum herald_loss_cause cause);

#ifdef __cplusplus
}
#endif

#endif
