/* SPDX-License-Identifier: MIT */
#include "mpp.h"

#include <string.h>

enum { FAMILY_IPV4 = 1, FAMILY_IPV6 = 2 }; /* IANA's numbers of address families */

enum { FLAG_MULTICAST = 1, FLAG_FRAGMENT = 2 }; /* of what is asked */
enum { FLAG_ASKED_BY_MULTICAST = 1 };           /* of what is told */

/* ---- reading --------------------------------------------------------------------------------- */

static size_t address_bytes(uint16_t family)
{
    return family == FAMILY_IPV4 ? 4 : family == FAMILY_IPV6 ? 16 : 0;
}

static int read_address(struct hd_cursor *value, uint16_t family, size_t size_bytes, struct herald_address *ret_address)
{
    struct herald_address address = { .family = family == FAMILY_IPV4 ? HERALD_FAMILY_IPV4 : HERALD_FAMILY_IPV6 };

    if (address_bytes(family) == 0 || size_bytes > address_bytes(family) ||
        hd_cursor_bytes(value, address.bytes, size_bytes) < 0)
        return -EBADMSG;
    *ret_address = address;
    return 0;
}

/* A family of two bytes by the RFC, of one byte in the older form: the lengths tell them apart. */
static int read_group(struct hd_cursor value, struct hd_mpp *message)
{
    size_t left = hd_cursor_left(&value);
    bool old = left == 1 + 4 || left == 1 + 16;
    uint8_t old_family = 0;
    uint16_t family = 0;

    if (old ? hd_cursor_u8(&value, &old_family) < 0 : hd_cursor_u16(&value, &family) < 0)
        return -EBADMSG;
    if (old)
        family = old_family;
    if (hd_cursor_left(&value) != address_bytes(family))
        return -EBADMSG;
    message->group_is_old = old;
    return read_address(&value, family, address_bytes(family), &message->group);
}

static int read_prefix(struct hd_cursor value, struct hd_mpp *message)
{
    uint16_t family;
    uint8_t bits;
    size_t size_bytes;

    if (hd_cursor_u16(&value, &family) < 0 || hd_cursor_u8(&value, &bits) < 0)
        return -EBADMSG;
    size_bytes = ((size_t)bits + 7) / 8;
    /* As many bytes as the prefix has, or the whole address. */
    if (hd_cursor_left(&value) != size_bytes && hd_cursor_left(&value) != address_bytes(family))
        return -EBADMSG;
    if (size_bytes > address_bytes(family) ||
        read_address(&value, family, hd_cursor_left(&value), &message->prefix) < 0)
        return -EBADMSG;
    memset(message->prefix.bytes + size_bytes, 0, sizeof(message->prefix.bytes) - size_bytes);
    message->prefix_bits = bits;
    return 0;
}

static int read_option_request(struct hd_cursor value, struct hd_mpp *message)
{
    uint16_t option;

    if (hd_cursor_left(&value) == 0) /* the older form */
        message->wants_info = true;
    while (hd_cursor_left(&value) > 0) {
        if (hd_cursor_u16(&value, &option) < 0)
            return -EBADMSG;
        message->wants_info |= option == HD_MPP_SERVER_INFO;
        message->wants_time |= option == HD_MPP_SERVER_TIME;
    }
    return 0;
}

static int read_span(struct hd_cursor value, size_t min_bytes, size_t max_bytes, struct hd_mpp_span *ret_span)
{
    size_t left = hd_cursor_left(&value);

    if (left < min_bytes || left > max_bytes)
        return -EBADMSG;
    *ret_span = (struct hd_mpp_span){ value.at, left };
    return 0;
}

static int read_u8(struct hd_cursor value, int *ret_value)
{
    uint8_t byte;

    if (hd_cursor_left(&value) != 1 || hd_cursor_u8(&value, &byte) < 0)
        return -EBADMSG;
    *ret_value = byte;
    return 0;
}

static int read_time(struct hd_cursor value, uint32_t *ret_seconds, uint32_t *ret_microseconds)
{
    uint32_t seconds;

    if (hd_cursor_left(&value) != 8 || hd_cursor_u32(&value, &seconds) < 0 ||
        hd_cursor_u32(&value, ret_microseconds) < 0)
        return -EBADMSG;
    *ret_seconds = seconds;
    return 0;
}

static int read_extension(struct hd_cursor *value, size_t size_bytes, uint8_t *ret_flags)
{
    uint8_t extension;

    if (hd_cursor_left(value) != size_bytes || hd_cursor_u8(value, &extension) < 0 ||
        extension != HD_MPP_EXTENSION_NUMBER)
        return -EBADMSG;
    return hd_cursor_u8(value, ret_flags);
}

static int read_ask(struct hd_cursor value, struct hd_mpp *message)
{
    struct hd_mpp_ask *ask = &message->ask;
    uint8_t flags;

    if (read_extension(&value, HD_MPP_ASK_BYTES, &flags) < 0 || (flags & ~(FLAG_MULTICAST | FLAG_FRAGMENT)) != 0 ||
        hd_cursor_u16(&value, &ask->modulus) < 0 || hd_cursor_u16(&value, &ask->remainder) < 0 ||
        hd_cursor_u32(&value, &ask->delay_us) < 0 || hd_cursor_u16(&value, &ask->answer_bytes) < 0)
        return -EBADMSG;
    if (ask->modulus == 0 || ask->remainder >= ask->modulus || ask->delay_us > HD_MPP_DELAY_MAX_MS * 1000U)
        return -EBADMSG;
    ask->by_multicast = flags & FLAG_MULTICAST;
    ask->may_fragment = flags & FLAG_FRAGMENT;
    message->has_ask = true;
    return 0;
}

static int read_told(struct hd_cursor value, struct hd_mpp *message)
{
    struct hd_mpp_told *told = &message->told;
    uint32_t high, low;
    uint8_t flags, reserved;

    if (read_extension(&value, HD_MPP_TOLD_BYTES, &flags) < 0 || hd_cursor_u8(&value, &told->request_hops) < 0 ||
        hd_cursor_u8(&value, &reserved) < 0 || hd_cursor_u32(&value, &high) < 0 || hd_cursor_u32(&value, &low) < 0 ||
        hd_cursor_skip(&value, 2) < 0 || hd_cursor_u48(&value, &told->held_ns) < 0 ||
        hd_cursor_u32(&value, &told->heard_multicast) < 0 || hd_cursor_u32(&value, &told->heard_unicast) < 0 ||
        hd_cursor_u32(&value, &told->answered_unicast) < 0 || hd_cursor_u32(&value, &told->answered_multicast) < 0 ||
        hd_cursor_u32(&value, &told->duplicates) < 0)
        return -EBADMSG;
    told->id = (uint64_t)high << 32 | low;
    told->asked_by_multicast = flags & FLAG_ASKED_BY_MULTICAST;
    message->has_told = true;
    return 0;
}

static int read_fixed(uint16_t option, struct hd_cursor value, struct hd_mpp *message)
{
    bool *has = option == HD_MPP_CLIENT_TIME ? &message->has_client_time : &message->has_server_time;

    if (option == HD_MPP_SEQUENCE) {
        if (hd_cursor_left(&value) != 4)
            return -EBADMSG;
        message->has_sequence = true;
        return hd_cursor_u32(&value, &message->sequence);
    }
    *has = true;
    if (option == HD_MPP_CLIENT_TIME)
        return read_time(value, &message->client_seconds, &message->client_microseconds);
    return read_time(value, &message->server_seconds, &message->server_microseconds);
}

static int read_reply_size(struct hd_cursor value, struct hd_mpp *message)
{
    if (message->version >= 0) /* the number means nothing any more: copied only */
        return 0;
    return hd_cursor_left(&value) == 2 ? hd_cursor_u16(&value, &message->old_reply_bytes) : -EBADMSG;
}

static int read_only(struct hd_cursor value, struct hd_mpp *message)
{
    uint32_t high, low;

    if (hd_cursor_left(&value) != 8 || hd_cursor_u32(&value, &high) < 0 || hd_cursor_u32(&value, &low) < 0)
        return -EBADMSG;
    message->only = (uint64_t)high << 32 | low;
    message->has_only = true;
    return 0;
}

/* Reads an option that was not there before. */
static int read_option(uint16_t option, struct hd_cursor value, struct hd_mpp *message)
{
    switch (option) {
    case HD_MPP_VERSION:
        return read_u8(value, &message->version);
    case HD_MPP_CLIENT_ID:
        return read_span(value, 1, HD_MPP_ID_BYTES_MAX, &message->client_id);
    case HD_MPP_SEQUENCE:
    case HD_MPP_CLIENT_TIME:
    case HD_MPP_SERVER_TIME:
        return read_fixed(option, value, message);
    case HD_MPP_GROUP:
        return read_group(value, message);
    case HD_MPP_OPTION_REQUEST:
        return read_option_request(value, message);
    case HD_MPP_SERVER_INFO:
        return read_span(value, 1, HD_MPP_INFO_BYTES_MAX, &message->info);
    case HD_MPP_OLD_REPLY_SIZE:
        return read_reply_size(value, message);
    case HD_MPP_TTL:
        return read_u8(value, &message->ttl);
    case HD_MPP_PREFIX:
        return read_prefix(value, message);
    case HD_MPP_SESSION:
        return read_span(value, 1, HD_MPP_ID_BYTES_MAX, &message->session);
    case HD_MPP_ASK:
        return read_ask(value, message);
    case HD_MPP_TOLD:
        return read_told(value, message);
    case HD_MPP_TEXT:
        return read_span(value, 1, HD_MPP_TEXT_BYTES_MAX, &message->text);
    case HD_MPP_ONLY:
        return read_only(value, message);
    default:
        return 0;
    }
}

/* One bit for each option that counts once. */
static uint32_t option_bit(uint16_t option)
{
    if (option <= HD_MPP_SERVER_TIME)
        return UINT32_C(1) << option;
    if (option >= HD_MPP_ASK && option <= HD_MPP_ONLY)
        return UINT32_C(1) << (16 + option - HD_MPP_ASK);
    return 0;
}

static int read_head(struct hd_cursor *cursor, uint16_t *ret_option, struct hd_cursor *ret_value)
{
    uint16_t size_bytes;

    if (hd_cursor_u16(cursor, ret_option) < 0 || hd_cursor_u16(cursor, &size_bytes) < 0)
        return -EBADMSG;
    return hd_cursor_sub(cursor, size_bytes, ret_value);
}

int hd_mpp_decode(const uint8_t *bytes, size_t size_bytes, struct hd_mpp *ret_message)
{
    struct hd_mpp message = { .version = -1, .ttl = -1, .prefix_bits = -1 };
    struct hd_cursor cursor = hd_cursor_over(bytes, size_bytes);
    uint32_t seen = 0;
    uint8_t type;

    if (hd_cursor_u8(&cursor, &type) < 0 || (type != HD_MPP_INIT && type != HD_MPP_SERVER_RESPONSE &&
                                             type != HD_MPP_ECHO_REQUEST && type != HD_MPP_ECHO_REPLY))
        return -EBADMSG;
    message.type = (enum hd_mpp_type)type;
    while (hd_cursor_left(&cursor) > 0) {
        struct hd_cursor value;
        uint16_t option;

        if (read_head(&cursor, &option, &value) < 0)
            return -EBADMSG;
        if ((seen & option_bit(option)) != 0)
            continue;
        seen |= option_bit(option);
        if (read_option(option, value, &message) < 0)
            return -EBADMSG;
    }
    *ret_message = message;
    return 0;
}

bool hd_mpp_is_ask(const uint8_t *bytes, size_t size_bytes)
{
    struct hd_mpp message;

    return size_bytes > 1 && bytes[0] == HD_MPP_ECHO_REQUEST && hd_mpp_decode(bytes, size_bytes, &message) == 0 &&
           message.version == HD_MPP_VERSION_NUMBER && message.has_ask && message.has_sequence &&
           message.client_id.at != NULL;
}

/* ---- writing --------------------------------------------------------------------------------- */

static void put_head(struct hd_writer *writer, enum hd_mpp_option option, size_t size_bytes)
{
    hd_writer_u16(writer, (uint16_t)option);
    hd_writer_u16(writer, (uint16_t)size_bytes);
}

static void put_span(struct hd_writer *writer, enum hd_mpp_option option, struct hd_mpp_span span)
{
    if (span.at == NULL)
        return;
    put_head(writer, option, span.size_bytes);
    hd_writer_bytes(writer, span.at, span.size_bytes);
}

static void put_u8(struct hd_writer *writer, enum hd_mpp_option option, uint8_t value)
{
    put_head(writer, option, 1);
    hd_writer_u8(writer, value);
}

static void put_seconds(struct hd_writer *writer, enum hd_mpp_option option, uint32_t seconds, uint32_t microseconds)
{
    put_head(writer, option, 8);
    hd_writer_u32(writer, seconds);
    hd_writer_u32(writer, microseconds);
}

static void put_group(struct hd_writer *writer, const struct hd_mpp *message)
{
    uint16_t family = message->group.family == HERALD_FAMILY_IPV4 ? FAMILY_IPV4 : FAMILY_IPV6;

    put_head(writer, HD_MPP_GROUP, (message->group_is_old ? 1 : 2) + address_bytes(family));
    if (message->group_is_old)
        hd_writer_u8(writer, (uint8_t)family);
    else
        hd_writer_u16(writer, family);
    hd_writer_bytes(writer, message->group.bytes, address_bytes(family));
}

static void put_prefix(struct hd_writer *writer, const struct hd_mpp *message)
{
    uint16_t family = message->prefix.family == HERALD_FAMILY_IPV4 ? FAMILY_IPV4 : FAMILY_IPV6;
    size_t size_bytes = ((size_t)message->prefix_bits + 7) / 8;

    put_head(writer, HD_MPP_PREFIX, 3 + size_bytes);
    hd_writer_u16(writer, family);
    hd_writer_u8(writer, (uint8_t)message->prefix_bits);
    hd_writer_bytes(writer, message->prefix.bytes, size_bytes);
}

static void put_option_request(struct hd_writer *writer, const struct hd_mpp *message)
{
    bool old = message->version < 0 && !message->wants_time;

    put_head(writer, HD_MPP_OPTION_REQUEST, old ? 0 : 2 * ((size_t)message->wants_info + message->wants_time));
    if (!old && message->wants_info)
        hd_writer_u16(writer, HD_MPP_SERVER_INFO);
    if (!old && message->wants_time)
        hd_writer_u16(writer, HD_MPP_SERVER_TIME);
}

static void put_ask(struct hd_writer *writer, const struct hd_mpp_ask *ask)
{
    put_head(writer, HD_MPP_ASK, HD_MPP_ASK_BYTES);
    hd_writer_u8(writer, HD_MPP_EXTENSION_NUMBER);
    hd_writer_u8(writer, (uint8_t)((ask->by_multicast ? FLAG_MULTICAST : 0) | (ask->may_fragment ? FLAG_FRAGMENT : 0)));
    hd_writer_u16(writer, ask->modulus);
    hd_writer_u16(writer, ask->remainder);
    hd_writer_u32(writer, ask->delay_us);
    hd_writer_u16(writer, ask->answer_bytes);
}

void hd_mpp_put_told(struct hd_writer *writer, const struct hd_mpp_told *told)
{
    put_head(writer, HD_MPP_TOLD, HD_MPP_TOLD_BYTES);
    hd_writer_u8(writer, HD_MPP_EXTENSION_NUMBER);
    hd_writer_u8(writer, told->asked_by_multicast ? FLAG_ASKED_BY_MULTICAST : 0);
    hd_writer_u8(writer, told->request_hops);
    hd_writer_u8(writer, 0);
    hd_writer_u32(writer, (uint32_t)(told->id >> 32));
    hd_writer_u32(writer, (uint32_t)told->id);
    hd_writer_u16(writer, 0);
    hd_writer_u48(writer, told->held_ns);
    hd_writer_u32(writer, told->heard_multicast);
    hd_writer_u32(writer, told->heard_unicast);
    hd_writer_u32(writer, told->answered_unicast);
    hd_writer_u32(writer, told->answered_multicast);
    hd_writer_u32(writer, told->duplicates);
}

void hd_mpp_put_text(struct hd_writer *writer, const char *text, size_t size_bytes)
{
    put_span(writer, HD_MPP_TEXT, (struct hd_mpp_span){ (const uint8_t *)text, size_bytes });
}

static void put_only(struct hd_writer *writer, uint64_t id)
{
    put_head(writer, HD_MPP_ONLY, 8);
    hd_writer_u32(writer, (uint32_t)(id >> 32));
    hd_writer_u32(writer, (uint32_t)id);
}

void hd_mpp_put_info(struct hd_writer *writer, const char *text)
{
    struct hd_mpp_span span = { (const uint8_t *)text, strnlen(text, HD_MPP_INFO_BYTES_MAX) };

    if (span.size_bytes > 0)
        put_span(writer, HD_MPP_SERVER_INFO, span);
}

void hd_mpp_put_ttl(struct hd_writer *writer, uint8_t ttl)
{
    put_u8(writer, HD_MPP_TTL, ttl);
}

void hd_mpp_put_session(struct hd_writer *writer, const uint8_t *session, size_t size_bytes)
{
    put_span(writer, HD_MPP_SESSION, (struct hd_mpp_span){ session, size_bytes });
}

void hd_mpp_put_time(struct hd_writer *writer, enum hd_mpp_option option, uint64_t realtime_ns)
{
    put_seconds(writer, option, (uint32_t)(realtime_ns / 1000000000), (uint32_t)(realtime_ns % 1000000000 / 1000));
}

void hd_mpp_pad(struct hd_writer *writer, enum hd_mpp_option option, size_t size_bytes)
{
    size_t used = hd_writer_size(writer);

    if (size_bytes < used + HD_MPP_OPTION_HEAD_BYTES || hd_writer_left(writer) < size_bytes - used)
        return;
    put_head(writer, option, size_bytes - used - HD_MPP_OPTION_HEAD_BYTES);
    hd_writer_zero(writer, size_bytes - used - HD_MPP_OPTION_HEAD_BYTES);
}

/* The options that both sides have. */
static void put_common(struct hd_writer *writer, const struct hd_mpp *message)
{
    if (message->version >= 0)
        put_u8(writer, HD_MPP_VERSION, (uint8_t)message->version);
    put_span(writer, HD_MPP_CLIENT_ID, message->client_id);
    if (message->has_sequence) {
        put_head(writer, HD_MPP_SEQUENCE, 4);
        hd_writer_u32(writer, message->sequence);
    }
    if (message->has_client_time)
        put_seconds(writer, HD_MPP_CLIENT_TIME, message->client_seconds, message->client_microseconds);
    if (message->wants_info || message->wants_time)
        put_option_request(writer, message);
    if (message->version < 0 && message->old_reply_bytes > 0) {
        put_head(writer, HD_MPP_OLD_REPLY_SIZE, 2);
        hd_writer_u16(writer, message->old_reply_bytes);
    }
    /* Behind the others: the older servers read no further than here. */
    if (message->group.family != HERALD_FAMILY_NONE)
        put_group(writer, message);
}

int hd_mpp_encode(const struct hd_mpp *message, uint8_t *bytes, size_t size_bytes)
{
    struct hd_writer writer = hd_writer_over(bytes, size_bytes);

    hd_writer_u8(&writer, (uint8_t)message->type);
    put_common(&writer, message);
    put_span(&writer, HD_MPP_SERVER_INFO, message->info);
    if (message->ttl >= 0)
        put_u8(&writer, HD_MPP_TTL, (uint8_t)message->ttl);
    if (message->prefix_bits >= 0)
        put_prefix(&writer, message);
    put_span(&writer, HD_MPP_SESSION, message->session);
    if (message->has_server_time)
        put_seconds(&writer, HD_MPP_SERVER_TIME, message->server_seconds, message->server_microseconds);
    if (message->has_ask)
        put_ask(&writer, &message->ask);
    if (message->has_told)
        hd_mpp_put_told(&writer, &message->told);
    put_span(&writer, HD_MPP_TEXT, message->text);
    if (message->has_only)
        put_only(&writer, message->only);
    return writer.overflow ? -EMSGSIZE : (int)hd_writer_size(&writer);
}

static bool is_copied(uint16_t option)
{
    return option != HD_MPP_SERVER_INFO && option != HD_MPP_TTL && option != HD_MPP_PREFIX &&
           option != HD_MPP_SESSION && option != HD_MPP_SERVER_TIME && option != HD_MPP_ASK && option != HD_MPP_TOLD &&
           option != HD_MPP_PADDING && option != HD_MPP_TEXT && option != HD_MPP_ONLY;
}

void hd_mpp_begin_answer(struct hd_writer *writer, const uint8_t *request, size_t size_bytes, bool old)
{
    struct hd_cursor cursor = hd_cursor_over(request, size_bytes);
    struct hd_cursor value;
    uint16_t option;

    hd_writer_u8(writer, HD_MPP_ECHO_REPLY);
    if (hd_cursor_skip(&cursor, 1) < 0)
        return;
    while (hd_cursor_left(&cursor) > 0 && read_head(&cursor, &option, &value) == 0) {
        if (!old && !is_copied(option))
            continue;
        hd_writer_u16(writer, option);
        hd_writer_u16(writer, (uint16_t)hd_cursor_left(&value));
        hd_writer_bytes(writer, value.at, hd_cursor_left(&value));
    }
}
