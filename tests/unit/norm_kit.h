/* SPDX-License-Identifier: MIT */
/*
 * What the tests of the NORM sender share: one in virtual time, hand-made feedback in, a readable trace out.
 *
 * The trace has a word for each datagram, in the order in which they were sent:
 *
 *     i0        INFO of object 0           A         REPAIR_ADV (what it asks for: kit->message)
 *     0/1.3     DATA: block 1, symbol 3    M         application command
 *     F0/2.2    FLUSH, with its place      R16.1     ACK_REQ: type 16, id 1
 *     Q0/0.0    SQUELCH, with its window   E         EOT
 *     C         CMD(CC), unless hidden     [3,4]     behind F, Q and R: the list
 */
#ifndef NORM_KIT_H
#define NORM_KIT_H

#include "wire.h"

#include <herald/norm.h>

#define KIT_MS UINT64_C(1000000)

enum {
    KIT_NODE = 1, /* the sender */
    KIT_INSTANCE = 7,
    KIT_TRACE_BYTES = 1 << 20,
    KIT_TRACE_WORDS = 1 << 16,
    KIT_PACKET_BYTES = 70000,
    KIT_EVENTS = 4096,
};

struct kit {
    herald_norm_sender *sender;
    struct herald_norm_sender_config config;
    uint64_t now_ns;
    bool show_probes; /* in the trace */

    uint8_t packet[KIT_PACKET_BYTES]; /* the last datagram, gathered */
    size_t packet_bytes;
    struct herald_norm_datagram datagram;
    struct hd_message message; /* decoded */

    char trace[KIT_TRACE_BYTES];
    size_t trace_bytes;
    uint64_t times_ns[KIT_TRACE_WORDS]; /* when each word of the trace was sent, since the last kit_trace() */
    uint32_t words;

    struct herald_norm_sender_event events[KIT_EVENTS]; /* all, in order */
    uint32_t events_count;

    /* The feedback that is being made. */
    uint8_t feedback[KIT_PACKET_BYTES];
    struct hd_writer writer;
    struct hd_request_writer requests;
};

/* Segments of 16 bytes, blocks of 4 with 2 of parity, GRTT of 10 ms, no rate limit worth the name. */
struct herald_norm_sender_config kit_config(void);

/* A group of one sender, at 1 s. NULL config: kit_config(). */
struct kit *kit_new(const struct herald_norm_sender_config *config);
struct kit *kit_free(struct kit *kit);

/* At least 1024 bytes of text; static. */
const uint8_t *kit_bytes(void);

/* Enqueues so many bytes of kit_bytes(), with that INFO if it is not NULL. @return its id. */
uint16_t kit_enqueue(struct kit *kit, uint64_t size_bytes, const char *info);

/* Sends one datagram, if there is one. */
bool kit_poll(struct kit *kit);

/* Sends all that can be sent now; checks that the sender then has no deadline that has passed. */
void kit_drain(struct kit *kit);

/* Lets time pass until then, from deadline to deadline. */
void kit_run_until(struct kit *kit, uint64_t until_ns);
void kit_run_for(struct kit *kit, uint64_t duration_ns);

/* What was sent since the last call, words separated by blanks. */
const char *kit_trace(struct kit *kit);

/* How many events of that type came so far; the last of them. */
uint32_t kit_events(const struct kit *kit, enum herald_norm_sender_event_type type);
const struct herald_norm_sender_event *kit_last_event(const struct kit *kit, enum herald_norm_sender_event_type type);

/* Hands in a packet, and the time. */
void kit_input(struct kit *kit, const uint8_t *packet, size_t packet_bytes, bool unicast);

/* A NACK: begin, requests, send. Forms as in wire.h: items, inclusive ranges, erasures. */
void kit_nack_begin(struct kit *kit, uint32_t node_id);
void kit_nack_item(struct kit *kit, uint8_t flags, uint16_t object_id, uint32_t block, uint16_t symbol);
void kit_nack_range(struct kit *kit, uint8_t flags, struct hd_position first, struct hd_position last);
void kit_nack_send(struct kit *kit, bool unicast);

/* A NACK with one request. */
void kit_nack(struct kit *kit, uint32_t node_id, uint8_t flags, uint16_t object_id, uint32_t block, uint16_t symbol);

/* A place, in the sender's FEC scheme. */
struct hd_position kit_position(const struct kit *kit, uint16_t object_id, uint32_t block, uint16_t symbol);

/* An ACK of a watermark. */
void kit_ack(struct kit *kit, uint32_t node_id, uint16_t object_id, uint32_t block, uint16_t symbol);

/* The GRTT of kit_config(), as it is advertised. */
uint64_t kit_grtt_ns(void);
/* How long requests are gathered: (K + 1) GRTT. */
uint64_t kit_gathering_ns(void);
/* One object of `size_bytes` bytes has been sent, and the first FLUSH; the trace is empty. */
struct kit *kit_sent(const struct herald_norm_sender_config *config, uint64_t size_bytes, const char *info);
struct herald_norm_sender_statistics kit_statistics(const struct kit *kit);
/* A DATA object. @return as herald_norm_sender_enqueue(). */
int kit_try_enqueue(struct kit *kit, uint64_t size_bytes);

#endif
