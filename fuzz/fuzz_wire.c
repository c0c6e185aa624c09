/* SPDX-License-Identifier: MIT */
/*
 * Fuzz target: the wire layer of the NORM core. The input is one packet. Whatever decodes is walked through to the
 * end of every list; what has an encoder is encoded again, and must then decode to the same.
 */
#include "../src/core/wire.h"
#include "../tests/unit/wire_again.h"
#include "fuzz.h"

#include <stdlib.h>
#include <string.h>

enum { PACKET_BYTES_MAX = 65507 };

/* An assertion that no build option switches off. */
static void require(bool truth)
{
    if (!truth)
        abort();
}

static void require_inside(struct hd_cursor part, const uint8_t *packet, size_t packet_bytes)
{
    require(part.at >= packet && part.at <= part.end && part.end <= packet + packet_bytes);
}

static void require_requests(struct hd_cursor requests)
{
    struct hd_request request;
    struct hd_position first, last;

    while (hd_wire_next_request(&requests, &request)) {
        if (request.form == HD_REQUEST_RANGES) {
            while (hd_wire_next_range(&request.items, &first, &last))
                continue;
        } else {
            while (hd_wire_next_item(&request.items, &first))
                require(hd_wire_payload_id_bytes(first.fec_id) > 0);
        }
        require(hd_cursor_left(&request.items) == 0);
    }
    require(hd_cursor_left(&requests) == 0);
}

static void require_nodes(struct hd_cursor nodes)
{
    uint32_t node_id;

    while (hd_wire_next_node(&nodes, &node_id))
        continue;
    require(hd_cursor_left(&nodes) == 0);
}

static void require_cc_nodes(struct hd_cursor nodes)
{
    struct hd_cc_node node;

    while (hd_wire_next_cc_node(&nodes, &node))
        continue;
    require(hd_cursor_left(&nodes) == 0);
}

static void require_objects(struct hd_cursor objects)
{
    uint16_t object_id;

    while (hd_wire_next_object(&objects, &object_id))
        continue;
    require(hd_cursor_left(&objects) == 0);
}

static void require_payload(const struct hd_data *data)
{
    struct hd_cursor payload = data->payload;
    struct hd_stream_header header;

    if ((data->flags & HD_FLAG_STREAM) && hd_wire_stream_header(&payload, &header) == 0) {
        require(hd_cursor_left(&payload) == header.size_bytes);
        require_inside(payload, data->payload.at, hd_cursor_left(&data->payload));
    }
}

/* @return what follows the header, every list in it having been walked to its end */
static struct hd_cursor require_body(const struct hd_message *message)
{
    switch (message->kind) {
    case HD_KIND_INFO:
    case HD_KIND_DATA:
        require_payload(&message->data);
        return message->data.payload;
    case HD_KIND_FLUSH:
        require_nodes(message->flush.nodes);
        return message->flush.nodes;
    case HD_KIND_SQUELCH:
        require_objects(message->squelch.objects);
        return message->squelch.objects;
    case HD_KIND_CC:
        require_cc_nodes(message->cc.nodes);
        return message->cc.nodes;
    case HD_KIND_REPAIR_ADV:
        require_requests(message->repair_adv.requests);
        return message->repair_adv.requests;
    case HD_KIND_ACK_REQ:
        require_nodes(message->ack_req.nodes);
        return message->ack_req.nodes;
    case HD_KIND_APPLICATION:
        return message->application;
    case HD_KIND_NACK:
        require_requests(message->nack.requests);
        return message->nack.requests;
    case HD_KIND_ACK:
        return message->ack.payload;
    case HD_KIND_EOT:
    case HD_KIND_REPORT:
        break;
    }
    return (struct hd_cursor){ 0 };
}

static void require_sound(const struct hd_message *message, const uint8_t *packet, size_t packet_bytes)
{
    const struct hd_extensions *extensions = &message->extensions;
    struct hd_cursor body = require_body(message);

    require(message->header.source_id != HD_NODE_NONE && message->header.source_id != HD_NODE_ANY);
    if (body.at)
        require_inside(body, packet, packet_bytes);
    if (extensions->present & HD_EXT_AUTH)
        require_inside(extensions->auth, packet, packet_bytes);
    if (extensions->present & HD_EXT_APPLICATION)
        require_inside(extensions->application, packet, packet_bytes);
    if (extensions->present & HD_EXT_FTI)
        require(extensions->fti.segment_bytes > 0 && extensions->fti.max_block_symbols > 0);
}

/* Encoded again and again, it stays the same. */
static void require_round_trip(const struct hd_message *message, size_t packet_bytes)
{
    static uint8_t once[PACKET_BYTES_MAX], twice[PACKET_BYTES_MAX];
    struct hd_writer first = hd_writer_over(once, sizeof(once)), second = hd_writer_over(twice, sizeof(twice));
    struct hd_message again;

    if (!wire_encode_again(message, &first))
        return;
    require(!first.overflow);
    if (message->kind != HD_KIND_EOT && message->extensions.ignored_count == 0)
        require(hd_writer_size(&first) == packet_bytes);
    require(hd_wire_decode(once, hd_writer_size(&first), &again) == 0);
    require(again.kind == message->kind);
    require(again.header.source_id == message->header.source_id && again.header.sequence == message->header.sequence);
    require(again.extensions.present == message->extensions.present && again.extensions.ignored_count == 0);
    require(wire_encode_again(&again, &second));
    require(hd_writer_size(&first) == hd_writer_size(&second));
    require(memcmp(once, twice, hd_writer_size(&first)) == 0);
}

/* The shorter way to decode a packet like this one makes the same of it. The byte at `place` differs. */
static void require_shorter_way(const struct hd_message *message, const uint8_t *packet, size_t packet_bytes,
                                size_t place)
{
    static uint8_t once[PACKET_BYTES_MAX], twice[PACKET_BYTES_MAX];
    struct hd_writer first = hd_writer_over(once, sizeof(once)), second = hd_writer_over(twice, sizeof(twice));
    struct hd_message next = *message, again;
    uint8_t *other = malloc(packet_bytes + 1);

    require(other != NULL);
    memcpy(other + 1, packet, packet_bytes);
    other[1 + place % packet_bytes] ^= (uint8_t)(place / packet_bytes + 1);
    if (hd_wire_decode_next(other + 1, packet_bytes, packet, &next)) {
        require(hd_wire_decode(other + 1, packet_bytes, &again) == 0);
        require(again.data.payload.at == next.data.payload.at && again.data.payload.end == next.data.payload.end);
        require(wire_encode_again(&next, &first) && wire_encode_again(&again, &second));
        require(hd_writer_size(&first) == hd_writer_size(&second));
        require(memcmp(once, twice, hd_writer_size(&first)) == 0);
    }
    free(other);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size_bytes)
{
    struct hd_message message;
    uint8_t *packet;
    int result;

    if (size_bytes > PACKET_BYTES_MAX)
        return 0;
    /* A copy of exactly this size, so that a byte read too many is seen wherever the input lies. */
    packet = malloc(size_bytes + 1);
    require(packet != NULL);
    memcpy(packet + 1, data, size_bytes);

    result = hd_wire_decode(packet + 1, size_bytes, &message);
    if (result < 0) {
        require(-result > HD_MALFORMED_NONE && -result < HD_MALFORMED_REASONS);
    } else {
        require_sound(&message, packet + 1, size_bytes);
        require_round_trip(&message, size_bytes);
        require_shorter_way(&message, packet + 1, size_bytes, (size_t)message.header.sequence * 7);
    }
    free(packet);
    return 0;
}
