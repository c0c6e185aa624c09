/* SPDX-License-Identifier: MIT */
/*
 * What core_peer (herald's NORM core) and nrl_peer (NRL's libnorm) have in common, so that a test can exchange one for
 * the other: options, the messages of a stream, and what they print. session_peer (herald's sessions) shares of it what
 * a sender of data needs.
 *
 *   PEER send [OPTION...] FILE...     sends each file as an object; its INFO is the bare file name
 *   PEER receive [OPTION...]          stores each object in --directory under the name that its INFO tells
 *
 * Both run until a signal or --seconds ends them, and print one line each time that something is done. A sender that
 * has not heard of all that it asked with --ack exits with status 1. DATA of no bytes is not stored: it may be
 * something that only herald's receivers can use.
 *
 *   ready                                    from now on packets are heard
 *   complete NAME BYTES                      of an object that was received
 *   nothing NAME                             DATA of no bytes was received
 *   stream NAME BYTES starts=N wrong=N       of a stream that was received: starts of messages where they are
 *   aborted WHY
 *   messages COUNT                           of the stream that is sent, all of it is written
 *   acked NODE
 *   done                                     with --ack: all have acknowledged, and the sender ends
 *   failed COUNT                             some have not: libnorm's sender ends, herald's asks again
 */
#ifndef HERALD_TESTS_INTEROP_PEER_H
#define HERALD_TESTS_INTEROP_PEER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

enum peer_kind { PEER_FILE, PEER_DATA, PEER_STREAM };

enum { PEER_ACK_NODES_MAX = 16, PEER_OBJECTS_MAX = 256 };

struct peer_options {
    bool sends;
    const char *group, *interface;
    unsigned port, node;
    uint64_t seed;
    double rx_loss_percent, tx_loss_percent;
    bool unicast; /* sender: expects feedback by unicast; receiver: sends it so */
    bool verbose; /* statistics at the end, events as they come */
    double seconds;

    enum peer_kind kind;
    unsigned message_bytes_max; /* of a stream, see peer_message_bytes(); the receiver must have the same */
    bool flush_messages;        /* each message begins a segment of its own */
    bool no_info;               /* objects have no INFO, and so no name */
    bool congestion_control;    /* as in RFC 5740 */
    bool auto_rate;             /* herald's own, libnorm has none */
    double rate_bytes_per_s, grtt_s;
    unsigned segment_bytes, block_segments, parity_segments, proactive_parity, fec_id, robust_factor;
    unsigned stream_bytes; /* buffer */
    unsigned ack_nodes[PEER_ACK_NODES_MAX];
    unsigned ack_nodes_count;
    char **files;
    int files_count;

    const char *directory;
    bool silent, sync_all;
};

/* A file that is sent, or bytes that were received. */
struct peer_content {
    char *bytes;
    size_t size_bytes, room_bytes;
};

/* Exits with a usage message when they are wrong. */
struct peer_options peer_parse(int argc, char **argv);

/* Set by SIGINT, SIGTERM, and after --seconds. */
bool peer_is_over(void);

/* How long message `index` is: from half of the maximum up to it. */
unsigned peer_message_bytes(const struct peer_options *options, unsigned index);

/* Where messages should start, and where they did. */
struct peer_starts {
    unsigned index; /* of the message that starts next */
    uint64_t offset_bytes;
    unsigned right, wrong;
};

/* A start was found at that offset, which is not before the last one. */
void peer_note_start(const struct peer_options *options, struct peer_starts *starts, uint64_t offset_bytes);

/* Exits when it cannot be read. */
struct peer_content peer_load(const char *path);
const char *peer_base_name(const char *path);

void peer_append(struct peer_content *content, const void *bytes, size_t size_bytes);

/* Writes it to --directory, for nobody to see before all of it is there. */
void peer_store(const struct peer_options *options, const char *name, const char *bytes, size_t size_bytes);

/* Prints a line at once. */
void peer_print(const char *format, ...) __attribute__((format(printf, 1, 2)));
void peer_die(const char *format, ...) __attribute__((format(printf, 1, 2), noreturn));

#ifdef __cplusplus
}
#endif

#endif
