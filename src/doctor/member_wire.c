/* SPDX-License-Identifier: MIT */
#include "member_wire.h"

enum {
    PROTOCOL_IGMP = 2,
    PROTOCOL_ICMPV6 = 58,
    HEADER_HOP_BY_HOP = 0,
    IPV6_EXTENSIONS_MAX = 4, /* one is usual: hop-by-hop, with the router alert */

    IGMP_QUERY = 0x11,
    IGMP_REPORT_V1 = 0x12,
    IGMP_REPORT_V2 = 0x16,
    IGMP_LEAVE = 0x17,
    IGMP_REPORT_V3 = 0x22,

    MLD_QUERY = 130,
    MLD_REPORT_V1 = 131,
    MLD_DONE = 132,
    MLD_REPORT_V2 = 143,

    IGMP_QUERY_V2_BYTES = 8,
    IGMP_QUERY_V3_BYTES = 12,
    MLD_QUERY_V1_BYTES = 24,
    MLD_QUERY_V2_BYTES = 28,
};

#define TENTH_NS  UINT64_C(100000000)
#define MILLI_NS  UINT64_C(1000000)
#define SECOND_NS UINT64_C(1000000000)

/* ---- bytes ---------------------------------------------------------------------------------- */

static int read_address(struct hd_cursor *cursor, enum herald_family family, struct herald_address *ret_address)
{
    struct herald_address address = { .family = family };
    int result = hd_cursor_bytes(cursor, address.bytes, family == HERALD_FAMILY_IPV4 ? 4 : 16);

    if (result == 0)
        *ret_address = address;
    return result;
}

/* The group of a query: all zeros means every group. */
static void none_if_zero(struct herald_address *address)
{
    static const uint8_t zeros[16];

    if (memcmp(address->bytes, zeros, sizeof zeros) == 0)
        address->family = HERALD_FAMILY_NONE;
}

/* The one's complement sum that IP checksums are made of, RFC 1071. */
static uint32_t sum_words(uint32_t sum, const uint8_t *bytes, size_t size_bytes)
{
    size_t i;

    for (i = 0; i + 1 < size_bytes; i += 2)
        sum += hd_load_u16(bytes + i);
    if (i < size_bytes)
        sum += (uint32_t)bytes[i] << 8;
    return sum;
}

static uint16_t sum_fold(uint32_t sum)
{
    while (sum > 0xffff)
        sum = (sum & 0xffff) + (sum >> 16);
    return (uint16_t)sum;
}

/* ICMPv6 covers addresses, length and protocol too: RFC 8200 section 8.1. */
static uint32_t sum_pseudo_header(const uint8_t addresses[32], size_t size_bytes)
{
    return sum_words(0, addresses, 32) + (uint32_t)(size_bytes >> 16) + (uint32_t)(size_bytes & 0xffff) +
           PROTOCOL_ICMPV6;
}

/* The floating point of long times, RFC 3376 section 4.1.1: below 128 as it is, else 1mmm with an exponent. */
static uint32_t long_u8(uint8_t code)
{
    return code < 128 ? code : (UINT32_C(16) | (code & 15)) << ((code >> 4 & 7) + 3);
}

/* The same for MLDv2's response time, RFC 3810 section 5.1.3. */
static uint32_t long_u16(uint16_t code)
{
    return code < 32768 ? code : (UINT32_C(0x1000) | (code & 0xfff)) << ((code >> 12 & 7) + 3);
}

/* ---- messages ------------------------------------------------------------------------------- */

/* What the latest queries carry beyond the group: flags and robustness, interval, sources. */
static int read_query_tail(struct hd_cursor *body, enum herald_family family, struct hd_member_message *message)
{
    uint8_t flags, interval;
    uint16_t sources;

    if (hd_cursor_u8(body, &flags) < 0 || hd_cursor_u8(body, &interval) < 0 || hd_cursor_u16(body, &sources) < 0 ||
        hd_cursor_skip(body, (size_t)sources * (family == HERALD_FAMILY_IPV4 ? 4 : 16)) < 0)
        return -EBADMSG;
    message->robustness = flags & 7;
    message->interval_ns = long_u8(interval) * SECOND_NS;
    return 0;
}

static int read_igmp_query(struct hd_cursor *body, size_t size_bytes, uint8_t code, struct hd_member_message *message)
{
    message->kind = HD_MEMBER_QUERY;
    if (read_address(body, HERALD_FAMILY_IPV4, &message->group) < 0)
        return -EBADMSG;
    none_if_zero(&message->group);
    /* Versions are told apart by the length, and other lengths are neither: RFC 3376 section 7.1. */
    if (size_bytes == IGMP_QUERY_V2_BYTES) {
        message->version = code == 0 ? 1 : 2;
        message->response_ns = code * TENTH_NS;
        return 0;
    }
    if (size_bytes < IGMP_QUERY_V3_BYTES)
        return -EBADMSG;
    message->version = 3;
    message->response_ns = long_u8(code) * TENTH_NS;
    return read_query_tail(body, HERALD_FAMILY_IPV4, message);
}

static int read_records(struct hd_cursor *body, struct hd_member_message *message)
{
    uint16_t reserved;

    message->kind = HD_MEMBER_REPORT;
    if (hd_cursor_u16(body, &reserved) < 0 || hd_cursor_u16(body, &message->record_count) < 0)
        return -EBADMSG;
    message->records = *body;
    return 0;
}

static int read_group(struct hd_cursor *body, enum herald_family family, enum hd_member_kind kind, uint8_t version,
                      struct hd_member_message *message)
{
    message->kind = kind;
    message->version = version;
    return read_address(body, family, &message->group);
}

int hd_member_parse_igmp(struct hd_cursor body, struct hd_member_message *ret_message)
{
    struct hd_member_message message = { .family = HERALD_FAMILY_IPV4, .version = 3 };
    size_t size_bytes = hd_cursor_left(&body);
    uint8_t type, code;
    uint16_t checksum;
    int result;

    if (hd_cursor_u8(&body, &type) < 0 || hd_cursor_u8(&body, &code) < 0 || hd_cursor_u16(&body, &checksum) < 0)
        return -EBADMSG;
    switch (type) {
    case IGMP_QUERY:
        result = read_igmp_query(&body, size_bytes, code, &message);
        break;
    case IGMP_REPORT_V1:
        result = read_group(&body, HERALD_FAMILY_IPV4, HD_MEMBER_REPORT, 1, &message);
        break;
    case IGMP_REPORT_V2:
        result = read_group(&body, HERALD_FAMILY_IPV4, HD_MEMBER_REPORT, 2, &message);
        break;
    case IGMP_LEAVE:
        result = read_group(&body, HERALD_FAMILY_IPV4, HD_MEMBER_LEAVE, 2, &message);
        break;
    case IGMP_REPORT_V3:
        result = read_records(&body, &message);
        break;
    default:
        return -ENOMSG; /* PIM, DVMRP and others come as IGMP too */
    }
    if (result == 0)
        *ret_message = message;
    return result;
}

/* Response time, a reserved field, and the group: MLDv1's whole message, and how each query begins. */
static int read_mld_head(struct hd_cursor *body, uint16_t *ret_code, struct herald_address *ret_group)
{
    return hd_cursor_u16(body, ret_code) < 0 || hd_cursor_skip(body, 2) < 0 ||
                   read_address(body, HERALD_FAMILY_IPV6, ret_group) < 0
               ? -EBADMSG
               : 0;
}

static int read_mld_query(struct hd_cursor *body, size_t size_bytes, struct hd_member_message *message)
{
    uint16_t code;

    message->kind = HD_MEMBER_QUERY;
    if (read_mld_head(body, &code, &message->group) < 0)
        return -EBADMSG;
    none_if_zero(&message->group);
    /* RFC 3810 section 8.1: any other length is neither version. */
    if (size_bytes == MLD_QUERY_V1_BYTES) {
        message->version = 1;
        message->response_ns = code * MILLI_NS;
        return 0;
    }
    if (size_bytes < MLD_QUERY_V2_BYTES)
        return -EBADMSG;
    message->version = 2;
    message->response_ns = long_u16(code) * MILLI_NS;
    return read_query_tail(body, HERALD_FAMILY_IPV6, message);
}

int hd_member_parse_mld(struct hd_cursor body, struct hd_member_message *ret_message)
{
    struct hd_member_message message = { .family = HERALD_FAMILY_IPV6, .version = 2 };
    size_t size_bytes = hd_cursor_left(&body);
    uint8_t type, code;
    uint16_t checksum, response;
    int result;

    if (hd_cursor_u8(&body, &type) < 0 || hd_cursor_u8(&body, &code) < 0 || hd_cursor_u16(&body, &checksum) < 0)
        return -EBADMSG;
    switch (type) {
    case MLD_QUERY:
        result = read_mld_query(&body, size_bytes, &message);
        break;
    case MLD_REPORT_V1:
    case MLD_DONE:
        message.kind = type == MLD_DONE ? HD_MEMBER_LEAVE : HD_MEMBER_REPORT;
        message.version = 1;
        result = read_mld_head(&body, &response, &message.group);
        break;
    case MLD_REPORT_V2:
        result = read_records(&body, &message);
        break;
    default:
        return -ENOMSG;
    }
    if (result == 0)
        *ret_message = message;
    return result;
}

int hd_member_next_record(struct hd_member_message *message, struct hd_member_record *ret_record)
{
    while (message->record_count > 0) {
        size_t address_bytes = message->family == HERALD_FAMILY_IPV4 ? 4 : 16;
        struct hd_member_record record = { .source_count = 0 };
        uint8_t type, auxiliary_words;

        message->record_count--;
        if (hd_cursor_u8(&message->records, &type) < 0 || hd_cursor_u8(&message->records, &auxiliary_words) < 0 ||
            hd_cursor_u16(&message->records, &record.source_count) < 0 ||
            read_address(&message->records, message->family, &record.group) < 0 ||
            hd_cursor_sub(&message->records, record.source_count * address_bytes, &record.sources) < 0 ||
            hd_cursor_skip(&message->records, (size_t)auxiliary_words * 4) < 0) {
            message->record_count = 0;
            return -EBADMSG;
        }
        if (type < HD_RECORD_IS_INCLUDE || type > HD_RECORD_BLOCK)
            continue; /* RFC 3376 section 4.2.12: ignored */
        record.type = (enum hd_member_record_type)type;
        *ret_record = record;
        return 1;
    }
    return 0;
}

int hd_member_next_source(struct hd_member_record *record, struct herald_address *ret_source)
{
    if (record->source_count == 0 || read_address(&record->sources, record->group.family, ret_source) < 0)
        return 0;
    record->source_count--;
    return 1;
}

/* ---- packets -------------------------------------------------------------------------------- */

static int parse_ipv4(struct hd_cursor packet, struct hd_member_message *ret_message)
{
    struct hd_cursor header = packet, body;
    struct herald_address from;
    uint8_t first, protocol;
    uint16_t total_bytes, fragment;
    size_t header_bytes;
    int result;

    if (hd_cursor_u8(&header, &first) < 0 || hd_cursor_skip(&header, 1) < 0 ||
        hd_cursor_u16(&header, &total_bytes) < 0 || hd_cursor_skip(&header, 2) < 0 ||
        hd_cursor_u16(&header, &fragment) < 0 || hd_cursor_skip(&header, 1) < 0 ||
        hd_cursor_u8(&header, &protocol) < 0 || hd_cursor_skip(&header, 2) < 0 ||
        read_address(&header, HERALD_FAMILY_IPV4, &from) < 0)
        return -EBADMSG;
    if (protocol != PROTOCOL_IGMP)
        return -ENOMSG;
    header_bytes = (size_t)(first & 15) * 4;
    if (header_bytes < 20 || total_bytes < header_bytes || (fragment & 0x3fff) != 0 ||
        hd_cursor_skip(&packet, header_bytes) < 0 || hd_cursor_sub(&packet, total_bytes - header_bytes, &body) < 0 ||
        sum_fold(sum_words(0, body.at, hd_cursor_left(&body))) != 0xffff)
        return -EBADMSG;
    result = hd_member_parse_igmp(body, ret_message);
    if (result == 0)
        ret_message->from = from;
    return result;
}

static int parse_ipv6(struct hd_cursor packet, struct hd_member_message *ret_message)
{
    struct hd_cursor body;
    struct herald_address from;
    uint8_t addresses[32], next, length;
    uint16_t payload_bytes;
    int result;

    if (hd_cursor_skip(&packet, 4) < 0 || hd_cursor_u16(&packet, &payload_bytes) < 0 ||
        hd_cursor_u8(&packet, &next) < 0 || hd_cursor_skip(&packet, 1) < 0 ||
        hd_cursor_bytes(&packet, addresses, sizeof addresses) < 0 || hd_cursor_sub(&packet, payload_bytes, &body) < 0)
        return -EBADMSG;
    for (int i = 0; next == HEADER_HOP_BY_HOP && i < IPV6_EXTENSIONS_MAX; i++)
        if (hd_cursor_u8(&body, &next) < 0 || hd_cursor_u8(&body, &length) < 0 ||
            hd_cursor_skip(&body, 6 + (size_t)length * 8) < 0)
            return -EBADMSG;
    if (next != PROTOCOL_ICMPV6)
        return -ENOMSG;
    if (sum_fold(sum_words(sum_pseudo_header(addresses, hd_cursor_left(&body)), body.at, hd_cursor_left(&body))) !=
        0xffff)
        return -EBADMSG;
    from = (struct herald_address){ .family = HERALD_FAMILY_IPV6 };
    memcpy(from.bytes, addresses, sizeof from.bytes);
    result = hd_member_parse_mld(body, ret_message);
    if (result == 0)
        ret_message->from = from;
    return result;
}

int hd_member_parse(const uint8_t *packet, size_t size_bytes, struct hd_member_message *ret_message)
{
    if (size_bytes == 0)
        return -EBADMSG;
    switch (packet[0] >> 4) {
    case 4:
        return parse_ipv4(hd_cursor_over(packet, size_bytes), ret_message);
    case 6:
        return parse_ipv6(hd_cursor_over(packet, size_bytes), ret_message);
    default:
        return -ENOMSG;
    }
}

/* ---- writing -------------------------------------------------------------------------------- */

enum {
    /* The values of RFC 3376 section 8, so that hosts that take theirs from us (4.1.6, 4.1.7) go on as they were. */
    ROBUSTNESS = 2,
    INTERVAL_S = 125,
    ADVERTISING_S = 20, /* how often routers do: RFC 4286 section 3.1.1 */

    /* The last byte of 224.0.0.106 and ff02::6a, where routers say to switches that they are there, or no more. */
    ALL_SNOOPERS = 0x6a,

    IGMP_ADVERTISE = 0x30,
    IGMP_TERMINATE = 0x32,
    ICMPV6_ADVERTISE = 151,
    ICMPV6_TERMINATE = 153,
};

/* What stands behind the IP header, its checksum 0. */
static void write_body(struct hd_writer *writer, enum hd_member_word word, bool ipv6, uint64_t response_ns)
{
    uint64_t tenths = response_ns / TENTH_NS, millis = response_ns / MILLI_NS;

    switch (word) {
    case HD_SAY_QUERY:
        hd_writer_u8(writer, ipv6 ? MLD_QUERY : IGMP_QUERY);
        hd_writer_u8(writer, ipv6 ? 0 : tenths < 127 ? (uint8_t)tenths : 127);
        hd_writer_u16(writer, 0);
        if (ipv6) {
            hd_writer_u16(writer, millis < 32767 ? (uint16_t)millis : 32767);
            hd_writer_u16(writer, 0);
        }
        hd_writer_zero(writer, ipv6 ? 16 : 4); /* no group: all */
        hd_writer_u8(writer, ROBUSTNESS);
        hd_writer_u8(writer, INTERVAL_S);
        hd_writer_u16(writer, 0);
        return;
    case HD_SAY_ADVERTISE:
        hd_writer_u8(writer, ipv6 ? ICMPV6_ADVERTISE : IGMP_ADVERTISE);
        hd_writer_u8(writer, ADVERTISING_S);
        hd_writer_zero(writer, 6);
        return;
    case HD_SAY_TERMINATE:
        hd_writer_u8(writer, ipv6 ? ICMPV6_TERMINATE : IGMP_TERMINATE);
        hd_writer_zero(writer, 3);
        return;
    }
}

static size_t write_ipv4(enum hd_member_word word, const struct herald_address *from, uint64_t response_ns,
                         uint8_t packet[HD_MEMBER_PACKET_BYTES])
{
    enum { HEADER_BYTES = 24 };
    static const uint8_t header[] = { 0x46, 0xc0, 0, 0, 0, 0, 0x40, 0, 1, PROTOCOL_IGMP, 0, 0 };
    static const uint8_t router_alert[] = { 0x94, 4, 0, 0 };
    struct hd_writer writer = hd_writer_over(packet, HD_MEMBER_PACKET_BYTES);
    size_t size;

    hd_writer_bytes(&writer, header, sizeof header);
    hd_writer_bytes(&writer, from->bytes, 4);
    hd_writer_u32(&writer, word == HD_SAY_QUERY ? 0xe0000001 : 0xe0000000 | ALL_SNOOPERS);
    hd_writer_bytes(&writer, router_alert, sizeof router_alert);
    write_body(&writer, word, false, response_ns);
    assert(!writer.overflow);
    size = hd_writer_size(&writer);
    hd_writer_patch_u16(&writer, 2, (uint16_t)size);
    hd_writer_patch_u16(&writer, 10, (uint16_t)~sum_fold(sum_words(0, packet, HEADER_BYTES)));
    hd_writer_patch_u16(&writer, HEADER_BYTES + 2,
                        (uint16_t)~sum_fold(sum_words(0, packet + HEADER_BYTES, size - HEADER_BYTES)));
    return size;
}

static size_t write_ipv6(enum hd_member_word word, const struct herald_address *from, uint64_t response_ns,
                         uint8_t packet[HD_MEMBER_PACKET_BYTES])
{
    enum { FIXED_BYTES = 40, HEADERS_BYTES = 48 };
    static const uint8_t router_alert[8] = { PROTOCOL_ICMPV6, 0, 5, 2, 0, 0, 1, 0 };
    uint8_t to[16] = { 0xff, 2, [15] = word == HD_SAY_QUERY ? 1 : ALL_SNOOPERS };
    struct hd_writer writer = hd_writer_over(packet, HD_MEMBER_PACKET_BYTES);
    size_t size;
    uint32_t sum;

    hd_writer_u32(&writer, UINT32_C(6) << 28);
    hd_writer_u16(&writer, 0);
    hd_writer_u8(&writer, HEADER_HOP_BY_HOP);
    hd_writer_u8(&writer, 1);
    hd_writer_bytes(&writer, from->bytes, 16);
    hd_writer_bytes(&writer, to, sizeof to);
    hd_writer_bytes(&writer, router_alert, sizeof router_alert);
    write_body(&writer, word, true, response_ns);
    assert(!writer.overflow);
    size = hd_writer_size(&writer);
    hd_writer_patch_u16(&writer, 4, (uint16_t)(size - FIXED_BYTES));
    sum = sum_pseudo_header(packet + 8, size - HEADERS_BYTES);
    sum = sum_words(sum, packet + HEADERS_BYTES, size - HEADERS_BYTES);
    hd_writer_patch_u16(&writer, HEADERS_BYTES + 2, (uint16_t)~sum_fold(sum));
    return size;
}

size_t hd_member_write(enum hd_member_word word, const struct herald_address *from, uint64_t response_ns,
                       uint8_t ret_packet[HD_MEMBER_PACKET_BYTES])
{
    return from->family == HERALD_FAMILY_IPV6 ? write_ipv6(word, from, response_ns, ret_packet)
                                              : write_ipv4(word, from, response_ns, ret_packet);
}
