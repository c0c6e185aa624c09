/* SPDX-License-Identifier: MIT */
#include "norm.h"

#include <stdlib.h>

/* --- the supply --- */

uint8_t fuzz_u8(struct fuzz_supply *supply)
{
    if (supply->left_bytes == 0)
        return 0;
    supply->left_bytes--;
    return *supply->at++;
}

uint16_t fuzz_u16(struct fuzz_supply *supply)
{
    uint8_t high = fuzz_u8(supply);

    return (uint16_t)(high << 8 | fuzz_u8(supply));
}

uint32_t fuzz_u32(struct fuzz_supply *supply)
{
    uint32_t high = fuzz_u16(supply);

    return high << 16 | fuzz_u16(supply);
}

bool fuzz_flip(struct fuzz_supply *supply)
{
    return fuzz_u8(supply) & 1;
}

uint32_t fuzz_below(struct fuzz_supply *supply, uint32_t count)
{
    return count <= 256 ? fuzz_u8(supply) % count : fuzz_u16(supply) % count;
}

uint64_t fuzz_time_ns(struct fuzz_supply *supply)
{
    uint8_t byte = fuzz_u8(supply);

    /* 4 bits of mantissa, and powers of 8: 1 us to about an hour. */
    return (uint64_t)(byte & 0x0f) * 1000 << 3 * (byte >> 4 & 7) << (byte >> 7 ? 7 : 0);
}

size_t fuzz_bytes(struct fuzz_supply *supply, uint8_t *bytes, size_t size_max)
{
    size_t size_bytes = supply->left_bytes < size_max ? supply->left_bytes : size_max;

    for (size_t i = 0; i < size_bytes; i++)
        bytes[i] = fuzz_u8(supply);
    return size_bytes;
}

void fuzz_require(bool truth)
{
    if (!truth)
        abort();
}

/* --- parts of packets --- */

/* Mostly the first of three, which is the one that matters. */
static uint32_t one_of(struct fuzz_supply *supply, const uint32_t ids[3])
{
    uint8_t byte = fuzz_u8(supply);

    return ids[byte < 200 ? 0 : byte % 3];
}

/* Mostly `value`, sometimes anything. */
static uint16_t mostly(struct fuzz_supply *supply, uint16_t value)
{
    return fuzz_u8(supply) < 250 ? value : fuzz_u16(supply);
}

static struct hd_position put_together(struct fuzz_supply *supply, const struct fuzz_world *world)
{
    struct hd_position position = {
        .fec_id = fuzz_u8(supply) < 250 ? world->fec_id : (uint8_t)(fuzz_u8(supply) & 7),
        .object_id = (uint16_t)(world->first_object_id + fuzz_below(supply, 4)),
        .id = {
            .block = world->first_block + fuzz_below(supply, 6),
            .symbol = (uint16_t)fuzz_below(supply, (uint32_t)world->block_symbols + world->parity_symbols + 1),
            .block_symbols = mostly(supply, world->block_symbols),
        },
    };

    if (hd_wire_payload_id_bytes(position.fec_id) == 0)
        position.fec_id = world->fec_id;
    if (fuzz_u8(supply) >= 250) {
        position.object_id = fuzz_u16(supply);
        position.id.block = fuzz_u32(supply);
        position.id.symbol = fuzz_u16(supply);
    }
    return position;
}

/* Repair requests: what to ask for, and of which form. */
static void put_requests(struct fuzz_supply *supply, const struct fuzz_world *world, struct hd_writer *writer)
{
    struct hd_request_writer requests = hd_request_writer_over(writer);

    for (uint32_t count = fuzz_below(supply, 8); count > 0; count--) {
        uint8_t byte = fuzz_u8(supply), flags = byte & 0x0f;
        struct hd_position first = put_together(supply, world), last;

        if (fuzz_flip(supply)) {
            if (hd_request_put_item(&requests, flags, &first) && byte >= 0xe0)
                hd_writer_patch_u8(writer, requests.request_offset, HD_REQUEST_ERASURES);
            continue;
        }
        last = fuzz_flip(supply) ? first : put_together(supply, world);
        last.id.symbol = (uint16_t)(last.id.symbol + fuzz_below(supply, 4));
        last.id.block += fuzz_below(supply, 3);
        hd_request_put_range(&requests, flags, &first, &last);
    }
}

static void put_cc_feedback(struct fuzz_supply *supply, const struct fuzz_world *world, struct hd_writer *writer)
{
    struct hd_cc_feedback feedback = {
        .sequence = (uint16_t)(world->last_cc_sequence - fuzz_below(supply, 3)),
        .flags = fuzz_u8(supply),
        .rtt = fuzz_u8(supply),
        .loss = (uint32_t)fuzz_u8(supply) << 24,
        .rate = fuzz_u16(supply),
    };

    hd_wire_put_ext_cc(writer, &feedback);
    if (fuzz_flip(supply)) {
        struct hd_cc_delivery delivery = {
            .received_datagrams = fuzz_u16(supply),
            .received_bytes = (uint32_t)fuzz_u16(supply) << fuzz_below(supply, 16),
            .arrival_us = (uint32_t)fuzz_u16(supply) << fuzz_below(supply, 16),
        };

        hd_wire_put_ext_delivery(writer, &delivery);
    }
}

static void put_nodes(struct fuzz_supply *supply, const struct fuzz_world *world, struct hd_writer *writer)
{
    for (uint32_t count = fuzz_below(supply, 4); count > 0; count--)
        hd_wire_put_node(writer, one_of(supply, world->receivers));
}

/* Some bytes of a few values: what they are hardly matters, how many does. */
static void put_filling(struct fuzz_supply *supply, struct hd_writer *writer, size_t size_bytes)
{
    uint8_t value = fuzz_u8(supply);

    for (size_t i = 0; i < size_bytes && hd_writer_left(writer) > 0; i++)
        hd_writer_u8(writer, (uint8_t)(value + i));
}

/* Changes a few bytes, cuts, or leaves the packet as it is. @return its size. */
static size_t damage(struct fuzz_supply *supply, uint8_t *packet, size_t size_bytes)
{
    uint8_t kind = fuzz_u8(supply);

    if (kind < 192 || size_bytes == 0)
        return size_bytes;
    if (kind < 208)
        return fuzz_below(supply, (uint32_t)size_bytes + 1);
    for (uint32_t count = 1 + fuzz_below(supply, 3); count > 0; count--)
        packet[fuzz_below(supply, size_bytes < 64 ? (uint32_t)size_bytes : 64)] ^= fuzz_u8(supply);
    return size_bytes;
}

/* --- what receivers send --- */

static struct hd_timestamp response_of(struct fuzz_supply *supply, const struct fuzz_world *world)
{
    struct hd_timestamp response = world->last_cc_sent;
    uint8_t byte = fuzz_u8(supply);

    if (byte >= 250)
        response = (struct hd_timestamp){ .sec = fuzz_u32(supply), .usec = fuzz_u32(supply) };
    else if (byte >= 200)
        response = (struct hd_timestamp){ 0 };
    else
        response.usec += byte;
    return response;
}

static void put_ack(struct fuzz_supply *supply, const struct fuzz_world *world, const struct hd_header *header,
                    struct hd_writer *writer)
{
    static const uint8_t types[] = { HD_ACK_FLUSH, HD_ACK_CC, 16, 255, 0 };
    uint8_t type = types[fuzz_below(supply, sizeof(types))], id = fuzz_u8(supply) & 3;
    struct hd_position position = fuzz_flip(supply) ? world->last_position : put_together(supply, world);

    if (hd_wire_payload_id_bytes(position.fec_id) == 0)
        position.fec_id = world->fec_id;
    hd_wire_put_ack(writer, header, one_of(supply, world->senders), type, id, response_of(supply, world));
    if (fuzz_flip(supply))
        put_cc_feedback(supply, world, writer);
    hd_wire_end_header(writer);
    if (type == HD_ACK_FLUSH)
        hd_wire_put_position(writer, &position);
    else
        put_filling(supply, writer, fuzz_below(supply, 32));
}

size_t fuzz_feedback(struct fuzz_supply *supply, const struct fuzz_world *world, uint8_t *packet)
{
    struct hd_writer writer = hd_writer_over(packet, FUZZ_PACKET_BYTES_MAX);
    struct hd_header header = {
        .source_id = one_of(supply, world->receivers),
        .instance_id = mostly(supply, world->instance_id),
    };
    uint8_t kind = fuzz_u8(supply);

    if (kind >= 248)
        return fuzz_bytes(supply, packet, 64);
    if (kind >= 240)
        return fuzz_sending(supply, world, packet);
    if (kind % 3 == 0) {
        put_ack(supply, world, &header, &writer);
    } else {
        hd_wire_put_nack(&writer, &header, one_of(supply, world->senders), response_of(supply, world));
        if (fuzz_flip(supply))
            put_cc_feedback(supply, world, &writer);
        hd_wire_end_header(&writer);
        put_requests(supply, world, &writer);
    }
    return damage(supply, packet, hd_writer_size(&writer));
}

/* --- what senders send --- */

/* Objects by their id: small, uneven, of several blocks, and one that is too large to be taken. */
static struct hd_fti fti_of(const struct fuzz_world *world, const struct hd_position *position)
{
    uint64_t block_bytes = (uint64_t)world->segment_bytes * world->block_symbols;
    const uint64_t sizes[] = { 2 * block_bytes, 3 * block_bytes + 1, world->segment_bytes / 2 + 1, UINT64_C(1) << 40 };

    return (struct hd_fti){
        .object_bytes = sizes[position->object_id % 4],
        .segment_bytes = world->segment_bytes,
        .max_block_symbols = world->block_symbols,
        .parity_symbols = world->parity_symbols,
    };
}

static void put_fti(struct fuzz_supply *supply, const struct fuzz_world *world, const struct hd_position *position,
                    struct hd_writer *writer)
{
    struct hd_fti fti = fti_of(world, position);
    uint8_t byte = fuzz_u8(supply);

    if (byte < 16)
        return;
    if (byte < 20) {
        fti.object_bytes = (uint64_t)fuzz_u16(supply) << 8 * (fuzz_u8(supply) % 5);
        fti.segment_bytes = fuzz_u16(supply);
    } else if (byte < 24) {
        fti.max_block_symbols = fuzz_u8(supply);
        fti.parity_symbols = fuzz_u8(supply);
    }
    hd_wire_put_ext_fti(writer, position->fec_id, &fti);
}

/* The flags of an object are its own: FILE, DATA, and the first two streams now and then. */
static uint8_t flags_of(struct fuzz_supply *supply, const struct hd_position *position)
{
    uint8_t byte = fuzz_u8(supply);

    if (byte >= 248)
        return fuzz_u8(supply);
    if (byte >= 200)
        return HD_FLAG_STREAM;
    return position->object_id & 1 ? HD_FLAG_FILE : HD_FLAG_INFO;
}

static void put_data(struct fuzz_supply *supply, const struct fuzz_world *world, const struct hd_header *header,
                     struct hd_writer *writer)
{
    struct hd_position position = put_together(supply, world);
    uint8_t flags = flags_of(supply, &position);
    uint16_t size_bytes = fuzz_u8(supply) < 200 ? world->segment_bytes
                                                : (uint16_t)fuzz_below(supply, (uint32_t)world->segment_bytes + 16);

    hd_wire_put_data(writer, header, flags, &position);
    put_fti(supply, world, &position, writer);
    hd_wire_end_header(writer);
    if (flags & HD_FLAG_STREAM && position.id.symbol < world->block_symbols) {
        struct hd_stream_header stream = {
            .size_bytes = mostly(supply, fuzz_u8(supply) < 4 ? 0 : size_bytes),
            .message_start = (uint16_t)fuzz_below(supply, 3),
            .offset_bytes = (position.id.block * world->block_symbols + position.id.symbol) * world->segment_bytes,
        };

        hd_wire_put_stream_header(writer, &stream);
    }
    put_filling(supply, writer, size_bytes);
}

static void put_info(struct fuzz_supply *supply, const struct fuzz_world *world, const struct hd_header *header,
                     struct hd_writer *writer)
{
    struct hd_position position = put_together(supply, world);
    bool is_unknown = header->sequence % 16 == 15;

    /* An INFO has no payload id: whatever FEC scheme it names, it can be decoded. */
    hd_wire_put_info(writer, header, HD_FLAG_INFO, is_unknown ? 77 : position.fec_id, position.object_id);
    if (!is_unknown)
        put_fti(supply, world, &position, writer);
    hd_wire_end_header(writer);
    put_filling(supply, writer, fuzz_below(supply, 40));
}

static void put_probe(struct fuzz_supply *supply, const struct fuzz_world *world, const struct hd_header *header,
                      struct hd_writer *writer)
{
    struct hd_timestamp sent = { .sec = 1 + fuzz_u8(supply), .usec = fuzz_u16(supply) };

    hd_wire_put_cc(writer, header, fuzz_u16(supply), sent);
    if (fuzz_flip(supply))
        hd_wire_put_ext_rate(writer, fuzz_u16(supply));
    hd_wire_end_header(writer);
    for (uint32_t count = fuzz_below(supply, 4); count > 0; count--) {
        struct hd_cc_node node = {
            .node_id = one_of(supply, world->receivers),
            .flags = fuzz_u8(supply),
            .rtt = fuzz_u8(supply),
            .rate = fuzz_u16(supply),
        };

        hd_wire_put_cc_node(writer, &node);
    }
}

/* Commands that are no probe. */
static void put_command(struct fuzz_supply *supply, const struct fuzz_world *world, const struct hd_header *header,
                        struct hd_writer *writer)
{
    struct hd_position position = put_together(supply, world);

    switch (fuzz_below(supply, 6)) {
    case 0:
        hd_wire_put_flush(writer, header, &position);
        hd_wire_end_header(writer);
        put_nodes(supply, world, writer);
        break;
    case 1:
        hd_wire_put_squelch(writer, header, &position);
        hd_wire_end_header(writer);
        for (uint32_t count = fuzz_below(supply, 4); count > 0; count--)
            hd_wire_put_object(writer, (uint16_t)(world->first_object_id + fuzz_below(supply, 8)));
        break;
    case 2:
        hd_wire_put_repair_adv(writer, header, fuzz_u8(supply) & HD_REPAIR_ADV_LIMIT);
        hd_wire_end_header(writer);
        put_requests(supply, world, writer);
        break;
    case 3:
        hd_wire_put_ack_req(writer, header, (uint8_t)(16 + fuzz_below(supply, 4)), fuzz_u8(supply));
        hd_wire_put_ext_application(writer, (const uint8_t *)"question", fuzz_below(supply, 9));
        hd_wire_end_header(writer);
        put_nodes(supply, world, writer);
        break;
    case 4:
        hd_wire_put_application(writer, header);
        hd_wire_end_header(writer);
        put_filling(supply, writer, fuzz_below(supply, 64));
        break;
    default:
        hd_wire_put_eot(writer, header);
        hd_wire_end_header(writer);
        break;
    }
}

size_t fuzz_sending(struct fuzz_supply *supply, const struct fuzz_world *world, uint8_t *packet)
{
    struct hd_writer writer = hd_writer_over(packet, FUZZ_PACKET_BYTES_MAX);
    struct hd_header header = {
        .source_id = one_of(supply, world->senders),
        .sequence = fuzz_u16(supply),
        .instance_id = mostly(supply, world->instance_id),
        .grtt = fuzz_u8(supply),
        .backoff = fuzz_u8(supply) & 0x0f,
        .gsize = fuzz_u8(supply) & 0x0f,
    };
    uint8_t kind = fuzz_u8(supply);

    if (kind >= 248)
        return fuzz_bytes(supply, packet, 64);
    if (kind < 144)
        put_data(supply, world, &header, &writer);
    else if (kind < 168)
        put_info(supply, world, &header, &writer);
    else if (kind < 184)
        put_probe(supply, world, &header, &writer);
    else
        put_command(supply, world, &header, &writer);
    return damage(supply, packet, hd_writer_size(&writer));
}

/* --- what comes out --- */

void fuzz_check_datagram(struct fuzz_world *world, const struct herald_norm_datagram *datagram)
{
    uint8_t packet[FUZZ_PACKET_BYTES_MAX];
    size_t packet_bytes = datagram->header_bytes + datagram->payload_bytes;
    struct hd_message message;

    fuzz_require(datagram->header_bytes > 0 && datagram->header_bytes <= datagram->buffer_bytes);
    fuzz_require((datagram->payload_bytes == 0) == (datagram->payload == NULL));
    fuzz_require(packet_bytes <= datagram->buffer_bytes && packet_bytes <= sizeof(packet));
    memcpy(packet, datagram->buffer, datagram->header_bytes);
    if (datagram->payload_bytes > 0)
        memcpy(packet + datagram->header_bytes, datagram->payload, datagram->payload_bytes);
    fuzz_require(hd_wire_decode(packet, packet_bytes, &message) == 0);
    fuzz_require(message.extensions.ignored_count == 0);
    if (message.kind == HD_KIND_FLUSH)
        world->last_position = message.flush.position;
    if (message.kind == HD_KIND_CC) {
        world->last_cc_sequence = message.cc.sequence;
        world->last_cc_sent = message.cc.sent;
    }
}
