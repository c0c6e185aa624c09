/* SPDX-License-Identifier: MIT */
/* Encodes again what was decoded: for the tests and the fuzz target of the wire layer. */
#ifndef WIRE_AGAIN_H
#define WIRE_AGAIN_H

#include "../../src/core/wire.h"

static inline void wire_again_extensions(const struct hd_extensions *extensions, uint8_t fec_id,
                                         struct hd_writer *writer)
{
    struct hd_cursor auth = extensions->auth, application = extensions->application;

    if (extensions->present & HD_EXT_AUTH)
        hd_wire_put_ext_auth(writer, auth.at + 2, hd_cursor_left(&auth) - 2);
    if (extensions->present & HD_EXT_CC)
        hd_wire_put_ext_cc(writer, &extensions->cc);
    if (extensions->present & HD_EXT_DELIVERY)
        hd_wire_put_ext_delivery(writer, &extensions->delivery);
    if (extensions->present & HD_EXT_FTI)
        hd_wire_put_ext_fti(writer, fec_id, &extensions->fti);
    if (extensions->present & HD_EXT_APPLICATION)
        hd_wire_put_ext_application(writer, application.at, hd_cursor_left(&application));
    if (extensions->present & HD_EXT_RATE)
        hd_wire_put_ext_rate(writer, extensions->rate);
}

/* @return false for what is never sent: ERASURES, and a request for nothing */
static inline bool wire_again_request(struct hd_request request, struct hd_writer *writer)
{
    /* A writer for each: requests alike that came apart stay apart. */
    struct hd_request_writer requests = hd_request_writer_over(writer);
    struct hd_position first, last;

    if (request.form == HD_REQUEST_ERASURES || hd_cursor_left(&request.items) == 0)
        return false;
    if (request.form == HD_REQUEST_RANGES) {
        while (hd_wire_next_range(&request.items, &first, &last))
            if (!hd_request_put_range(&requests, request.flags, &first, &last))
                return false;
    } else {
        while (hd_wire_next_item(&request.items, &first))
            if (!hd_request_put_item(&requests, request.flags, &first))
                return false;
    }
    return true;
}

static inline bool wire_again_requests(struct hd_cursor requests, struct hd_writer *writer)
{
    struct hd_request request;

    while (hd_wire_next_request(&requests, &request))
        if (!wire_again_request(request, writer))
            return false;
    return true;
}

static inline void wire_again_nodes(struct hd_cursor nodes, struct hd_writer *writer)
{
    uint32_t node_id;

    while (hd_wire_next_node(&nodes, &node_id))
        if (!hd_wire_put_node(writer, node_id))
            hd_writer_u32(writer, node_id); /* sets overflow */
}

static inline void wire_again_cc_nodes(struct hd_cursor nodes, struct hd_writer *writer)
{
    struct hd_cc_node node;

    while (hd_wire_next_cc_node(&nodes, &node))
        if (!hd_wire_put_cc_node(writer, &node))
            hd_writer_zero(writer, HD_CC_NODE_BYTES);
}

static inline void wire_again_objects(struct hd_cursor objects, struct hd_writer *writer)
{
    uint16_t object_id;

    while (hd_wire_next_object(&objects, &object_id))
        if (!hd_wire_put_object(writer, object_id))
            hd_writer_u16(writer, object_id);
}

static inline void wire_again_rest(struct hd_cursor rest, struct hd_writer *writer)
{
    hd_wire_put_content(writer, rest.at, hd_cursor_left(&rest));
}

/* The fixed part. @return the fec_id for FTI, 0 without one */
static inline uint8_t wire_again_start(const struct hd_message *message, struct hd_writer *writer)
{
    const struct hd_header *header = &message->header;

    switch (message->kind) {
    case HD_KIND_INFO:
        hd_wire_put_info(writer, header, message->data.flags, message->data.position.fec_id,
                         message->data.position.object_id);
        return message->data.position.fec_id;
    case HD_KIND_DATA:
        hd_wire_put_data(writer, header, message->data.flags, &message->data.position);
        return message->data.position.fec_id;
    case HD_KIND_FLUSH:
        hd_wire_put_flush(writer, header, &message->flush.position);
        return message->flush.position.fec_id;
    case HD_KIND_EOT:
        hd_wire_put_eot(writer, header);
        return 0;
    case HD_KIND_SQUELCH:
        hd_wire_put_squelch(writer, header, &message->squelch.position);
        return message->squelch.position.fec_id;
    case HD_KIND_CC:
        hd_wire_put_cc(writer, header, message->cc.sequence, message->cc.sent);
        return 0;
    case HD_KIND_REPAIR_ADV:
        hd_wire_put_repair_adv(writer, header, message->repair_adv.flags);
        return 0;
    case HD_KIND_ACK_REQ:
        hd_wire_put_ack_req(writer, header, message->ack_req.ack_type, message->ack_req.ack_id);
        return 0;
    case HD_KIND_APPLICATION:
        hd_wire_put_application(writer, header);
        return 0;
    case HD_KIND_NACK:
        hd_wire_put_nack(writer, header, message->nack.server_id, message->nack.response);
        return 0;
    case HD_KIND_ACK:
        hd_wire_put_ack(writer, header, message->ack.server_id, message->ack.ack_type, message->ack.ack_id,
                        message->ack.response);
        return 0;
    case HD_KIND_REPORT:
        return 0;
    }
    return 0;
}

/* @return false when there is no encoder for it; look at writer->overflow too */
static inline bool wire_encode_again(const struct hd_message *message, struct hd_writer *writer)
{
    uint8_t fec_id;

    if (message->kind == HD_KIND_REPORT)
        return false;
    fec_id = wire_again_start(message, writer);
    wire_again_extensions(&message->extensions, fec_id, writer);
    hd_wire_end_header(writer);
    switch (message->kind) {
    case HD_KIND_INFO:
    case HD_KIND_DATA:
        wire_again_rest(message->data.payload, writer);
        return true;
    case HD_KIND_FLUSH:
        wire_again_nodes(message->flush.nodes, writer);
        return true;
    case HD_KIND_SQUELCH:
        wire_again_objects(message->squelch.objects, writer);
        return true;
    case HD_KIND_CC:
        wire_again_cc_nodes(message->cc.nodes, writer);
        return true;
    case HD_KIND_REPAIR_ADV:
        return wire_again_requests(message->repair_adv.requests, writer);
    case HD_KIND_ACK_REQ:
        wire_again_nodes(message->ack_req.nodes, writer);
        return true;
    case HD_KIND_APPLICATION:
        wire_again_rest(message->application, writer);
        return true;
    case HD_KIND_NACK:
        return wire_again_requests(message->nack.requests, writer);
    case HD_KIND_ACK:
        wire_again_rest(message->ack.payload, writer);
        return true;
    case HD_KIND_EOT:
    case HD_KIND_REPORT:
        return true;
    }
    return true;
}

#endif
