/* SPDX-License-Identifier: MIT */
/*
 * What the tests of the NORM receiver share: one in virtual time, hand-made packets of senders in, a readable trace of
 * its feedback out.
 *
 * The trace has a word for each datagram:
 *
 *     N(i0,s0/1.4-5,b0/2-7,o3)   NACK: INFO, segments, blocks, objects; a range is joined by '-', an item stands alone
 *     F0/2.3                     ACK of a watermark
 *     A16.1                      ACK of an application's request
 *     C                          ACK(CC)
 *
 * All objects have the same bytes: rx_bytes(), from the first on.
 */
#ifndef NORM_RX_KIT_H
#define NORM_RX_KIT_H

#include "fec.h"
#include "partition.h"
#include "wire.h"

#include <herald/norm.h>

#define RX_MS UINT64_C(1000000)
#define RX_S  (UINT64_C(1000) * RX_MS)

enum {
    RX_NODE = 2,   /* the receiver */
    RX_SENDER = 1, /* who sends, unless it is changed */
    RX_INSTANCE = 7,
    RX_OBJECTS = 256,
    RX_CONTENT_BYTES = 4096,
    RX_EVENTS = 4096,
    RX_TRACE_BYTES = 1 << 16,
    RX_K = 4, /* segments of a block, if not changed */
    RX_PARITY = 2,
    RX_SEGMENT_BYTES = 16,
};

struct rx {
    herald_norm_receiver *receiver;
    struct herald_norm_receiver_config config;
    uint64_t now_ns;

    /* The sender that the packets are made for. Change at will. */
    struct hd_header header;
    uint8_t fec_id;
    struct hd_fti fti;
    uint8_t flags;
    bool omit_fti;
    struct herald_peer from;

    /* What the application did. */
    uint8_t written[RX_OBJECTS][RX_CONTENT_BYTES];
    uint32_t writes; /* segments that were stored, or refused */
    uint32_t many;   /* of them by write_many() */
    uint32_t offers;
    struct herald_norm_offer offer; /* the last */
    int accept_result;
    int write_result;
    bool read_fails;
    bool is_unreadable;          /* sinks have no read_at(), */
    bool is_not_told;            /* no block_changed() */
    uint32_t refuses_from_write; /* write_at() says -EAGAIN to this and later calls of it, counted from 1; 0: to none */
    char blocks_told[512];       /* by block_changed(): "+3" is complete, "-3" was forgotten */

    struct herald_norm_receiver_event events[RX_EVENTS]; /* since the last rx_forget_events() */
    uint32_t events_count;
    uint8_t event_content[2048]; /* of the last event that had any */

    char trace[RX_TRACE_BYTES];
    size_t trace_bytes;
    uint8_t packet[2048]; /* the last datagram of the receiver, gathered */
    size_t packet_bytes;
    struct herald_norm_datagram datagram;
    struct hd_message message; /* decoded */
    uint64_t sent_ns;

    uint8_t made[2048]; /* the packet that is being made */
    struct hd_writer writer;
    struct hd_request_writer requests;
};

/* A receiver that takes every object. Limits are small: segments of 1400 bytes at most. */
struct herald_norm_receiver_config rx_config(void);

/* NULL: rx_config(). Time is 1 s; GRTT 10 ms, K 4, group size 10. The objects have `size_bytes`. */
struct rx *rx_new(const struct herald_norm_receiver_config *config, uint64_t size_bytes);
struct rx *rx_free(struct rx *rx);

const uint8_t *rx_bytes(void);

/* Hands in a packet, and the time. Then checks that no deadline has passed. */
void rx_input(struct rx *rx, const uint8_t *packet, size_t packet_bytes);

/* Packets of the sender. DATA is right in every respect: source symbols and parity of rx_bytes(). */
void rx_data(struct rx *rx, uint16_t object_id, uint32_t block, uint16_t symbol);
void rx_data_with(struct rx *rx, uint16_t object_id, uint32_t block, uint16_t symbol, const uint8_t *payload,
                  size_t payload_bytes);
void rx_block(struct rx *rx, uint16_t object_id, uint32_t block); /* all its source symbols */
void rx_info(struct rx *rx, uint16_t object_id, const char *info);
void rx_flush(struct rx *rx, uint16_t object_id, uint32_t block, uint16_t symbol, uint32_t ack_node);
void rx_squelch(struct rx *rx, uint16_t object_id, uint32_t block, const uint16_t *objects, size_t objects_count);
void rx_eot(struct rx *rx);
void rx_probe(struct rx *rx, uint16_t sequence, uint64_t sent_ns, bool is_listed);
void rx_request(struct rx *rx, uint8_t ack_type, uint8_t ack_id, uint32_t node_id, const char *content);
void rx_command(struct rx *rx, const char *content);

/* A symbol of a stream, whose bytes are rx_bytes() from the offset on. */
void rx_stream_data(struct rx *rx, uint16_t object_id, uint32_t block, uint16_t symbol, uint16_t size_bytes,
                    uint16_t message_start, uint32_t offset_bytes);

/* Another receiver's NACK, or the sender's REPAIR_ADV: begin, requests, send. */
void rx_nack_begin(struct rx *rx, uint32_t node_id, uint32_t server_id, uint16_t instance_id);
void rx_repair_adv_begin(struct rx *rx);
void rx_nack_item(struct rx *rx, uint8_t flags, uint16_t object_id, uint32_t block, uint16_t symbol);
void rx_nack_range(struct rx *rx, uint8_t flags, uint16_t first_object, uint32_t first_block, uint16_t first_symbol,
                   uint16_t last_object, uint32_t last_block, uint16_t last_symbol);
void rx_nack_send(struct rx *rx);

/* Takes the events that input() left. */
void rx_take_events(struct rx *rx);

/* Sends all that wants to be sent now. */
void rx_drain(struct rx *rx);

/* Lets time pass, from deadline to deadline. */
void rx_run_for(struct rx *rx, uint64_t duration_ns);

/* What was sent since the last call. */
const char *rx_trace(struct rx *rx);

uint32_t rx_events(const struct rx *rx, enum herald_norm_receiver_event_type type);
const struct herald_norm_receiver_event *rx_last_event(const struct rx *rx, enum herald_norm_receiver_event_type type);
void rx_forget_events(struct rx *rx);

uint64_t rx_dropped(const struct rx *rx, enum herald_norm_drop reason);
struct herald_norm_receiver_statistics rx_statistics(const struct rx *rx);

/* Was that object completed, with the right bytes? */
bool rx_is_complete(const struct rx *rx, uint16_t object_id);

#endif
