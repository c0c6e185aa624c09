/* SPDX-License-Identifier: MIT */
#include "message.h"

#include "cursor.h"

#include <herald/session.h>

enum {
    MARK_1 = 'h',
    MARK_2 = 'd',
    VERSION = 1,
    MODE_MAX = 07777,
    HOST_BYTES_MAX = HERALD_HOST_NAME_BYTES - 1,
    REASON_BYTES_MAX = HERALD_REASON_BYTES - 1,
    RANGE_BYTES = 8,
    PADDING_BYTES_MAX = 3,
    FIELD_HEAD_BYTES = 3,
    NOT_KNOWN = 1, /* of a field: this message has none of that number */
};

/* One number for each meaning, whichever message it stands in; never given to anything else (doc/transfer.md). */
enum {
    FIELD_DELIVERY_ID = 1,
    FIELD_ENTRY_TYPE = 2,
    FIELD_INDEX = 3,
    FIELD_DIRECTORY = 4,
    FIELD_MODE = 5,
    FIELD_MTIME = 6,
    FIELD_SPARSE = 7,
    FIELD_DIGEST = 8,
    FIELD_SIZE = 9,
    FIELD_LINK = 10,
    FIELD_HOST = 11,
    FIELD_ENTRIES = 12,
    FIELD_REASON = 13,
    FIELD_STATE = 14,
    FIELD_COMPLETE = 15,
    FIELD_FAILED = 16,
    FIELD_RECEIVED = 17,
    FIELD_REPAIRED = 18,
    FIELD_MISSING = 19,
    FIELD_UNVERIFIED = 20,
    FIELD_LEFT = 21, /* all numbers are below 32: see decode_fields() */
};

/* ---- texts ---- */

static const char *find(struct hd_text text, char byte)
{
    return text.size_bytes > 0 ? memchr(text.at, byte, text.size_bytes) : NULL;
}

static bool is_continuation(char byte)
{
    return ((unsigned char)byte & 0xc0) == 0x80;
}

/* What of a text for people is sent: at most max_bytes, of its last character all or nothing, and nothing from a NUL
   on, which decoding would refuse. What is not UTF-8 is cut anywhere. */
static struct hd_text cut(struct hd_text text, size_t max_bytes)
{
    const char *nul = find(text, '\0');
    size_t character = max_bytes;

    if (nul)
        text.size_bytes = (size_t)(nul - text.at);
    if (text.size_bytes <= max_bytes)
        return text;
    while (character > 0 && max_bytes - character < 3 && is_continuation(text.at[character]))
        character--;
    text.size_bytes = is_continuation(text.at[character]) ? max_bytes : character;
    return text;
}

/* ---- writing fields: what is zero or empty is left out ---- */

static void put_head(struct hd_writer *writer, uint8_t field, size_t size_bytes)
{
    hd_writer_u8(writer, field);
    hd_writer_u16(writer, (uint16_t)size_bytes); /* a writer has less room than this can count */
}

static void put_u8(struct hd_writer *writer, uint8_t field, uint8_t value)
{
    if (value == 0)
        return;
    put_head(writer, field, 1);
    hd_writer_u8(writer, value);
}

static void put_u32(struct hd_writer *writer, uint8_t field, uint32_t value)
{
    if (value == 0)
        return;
    put_head(writer, field, 4);
    hd_writer_u32(writer, value);
}

static void put_u64(struct hd_writer *writer, uint8_t field, uint64_t value)
{
    if (value == 0)
        return;
    put_head(writer, field, 8);
    hd_writer_u32(writer, (uint32_t)(value >> 32));
    hd_writer_u32(writer, (uint32_t)value);
}

static void put_text(struct hd_writer *writer, uint8_t field, struct hd_text text)
{
    if (text.size_bytes == 0)
        return;
    put_head(writer, field, text.size_bytes);
    hd_writer_bytes(writer, (const uint8_t *)text.at, text.size_bytes);
}

/* No message is longer than a length field can say, nor, then, is any field of one. */
static struct hd_writer start_message(uint8_t *bytes, size_t size_bytes, size_t max_bytes)
{
    struct hd_writer writer = hd_writer_over(bytes, size_bytes);

    assert(max_bytes <= UINT16_MAX);
    hd_writer_limit(&writer, max_bytes);
    return writer;
}

static void put_mark(struct hd_writer *writer)
{
    static const uint8_t mark[] = { MARK_1, MARK_2, VERSION };

    hd_writer_bytes(writer, mark, sizeof(mark));
}

static int finish_message(const struct hd_writer *writer)
{
    return writer->overflow ? -EMSGSIZE : (int)hd_writer_size(writer);
}

/* ---- reading fields: each has exactly the length that it should have ---- */

static int take_u8(struct hd_cursor *value, uint8_t *ret_value)
{
    return hd_cursor_left(value) == 1 ? hd_cursor_u8(value, ret_value) : -EBADMSG;
}

static int take_u16(struct hd_cursor *value, uint16_t *ret_value)
{
    return hd_cursor_left(value) == 2 ? hd_cursor_u16(value, ret_value) : -EBADMSG;
}

static int take_u32(struct hd_cursor *value, uint32_t *ret_value)
{
    return hd_cursor_left(value) == 4 ? hd_cursor_u32(value, ret_value) : -EBADMSG;
}

static int take_u64(struct hd_cursor *value, uint64_t *ret_value)
{
    uint32_t high, low;

    if (hd_cursor_left(value) != 8 || hd_cursor_u32(value, &high) < 0 || hd_cursor_u32(value, &low) < 0)
        return -EBADMSG;
    *ret_value = (uint64_t)high << 32 | low;
    return 0;
}

static int take_text(const struct hd_cursor *value, size_t max_bytes, struct hd_text *ret_text)
{
    struct hd_text text = { .at = (const char *)value->at, .size_bytes = hd_cursor_left(value) };

    if (text.size_bytes > max_bytes || find(text, '\0'))
        return -EBADMSG;
    *ret_text = text;
    return 0;
}

/* @return 0; -EBADMSG; NOT_KNOWN: the field is to be skipped. */
typedef int take_field(void *message, uint8_t field, struct hd_cursor *value);

/* A header extension, in which requests travel, is filled up with zeroes to whole words. */
static bool is_padding(struct hd_cursor cursor)
{
    if (hd_cursor_left(&cursor) > PADDING_BYTES_MAX)
        return false;
    while (cursor.at < cursor.end)
        if (*cursor.at++ != 0)
            return false;
    return true;
}

/* Hands all that is left, field by field, to `take`. Fields that this version does not know may be there any number of
   times: it does not know what that means. */
static int decode_fields(struct hd_cursor *cursor, take_field *take, void *message)
{
    uint32_t seen = 0;

    while (hd_cursor_left(cursor) > 0 && !is_padding(*cursor)) {
        struct hd_cursor value;
        uint8_t field;
        uint16_t size_bytes;
        int result;

        if (hd_cursor_u8(cursor, &field) < 0 || hd_cursor_u16(cursor, &size_bytes) < 0 ||
            hd_cursor_sub(cursor, size_bytes, &value) < 0)
            return -EBADMSG;
        result = take(message, field, &value);
        if (result < 0)
            return result;
        if (result == NOT_KNOWN)
            continue;
        assert(field < 32);
        if (seen & UINT32_C(1) << field)
            return -EBADMSG;
        seen |= UINT32_C(1) << field;
    }
    return 0;
}

/* Whether herald's mark is next; it is taken then. */
static bool take_mark(struct hd_cursor *cursor)
{
    struct hd_cursor ahead = *cursor;
    uint8_t first, second;

    if (hd_cursor_u8(&ahead, &first) < 0 || hd_cursor_u8(&ahead, &second) < 0 || first != MARK_1 || second != MARK_2)
        return false;
    *cursor = ahead;
    return true;
}

/* ---- INFO ---- */

static bool is_known_type(uint8_t type)
{
    return type == HD_ENTRY_FILE || type == HD_ENTRY_DIRECTORY || type == HD_ENTRY_LINK || type == HD_ENTRY_BYTES ||
           type == HD_ENTRY_STREAM || type == HD_ENTRY_WITHDRAWN || type == HD_ENTRY_DIGEST;
}

/* Whether it is about an entry rather than one itself. What is not known may be either. */
static bool may_lack_name(enum hd_entry_type type)
{
    return type == HD_ENTRY_WITHDRAWN || type == HD_ENTRY_DIGEST || type == HD_ENTRY_UNKNOWN;
}

/* What holds for every INFO of ours, sent or received. */
static bool is_sound(const struct hd_info *info)
{
    if (find(info->name, '/'))
        return false;
    if (info->type == HD_ENTRY_LINK && info->link.size_bytes == 0)
        return false;
    return info->name.size_bytes > 0 || may_lack_name(info->type);
}

int hd_info_encode(const struct hd_info *info, uint8_t *ret_bytes, size_t size_bytes)
{
    struct hd_writer writer = start_message(ret_bytes, size_bytes, UINT16_MAX);

    if (!is_known_type((uint8_t)info->type) || !is_sound(info))
        return -EINVAL;
    if (find(info->name, '\0') || find(info->directory, '\0') || find(info->link, '\0'))
        return -EINVAL;
    hd_writer_bytes(&writer, (const uint8_t *)info->name.at, info->name.size_bytes);
    hd_writer_u8(&writer, 0);
    put_mark(&writer);
    put_u8(&writer, FIELD_ENTRY_TYPE, (uint8_t)info->type);
    put_u64(&writer, FIELD_DELIVERY_ID, info->delivery_id);
    put_u32(&writer, FIELD_INDEX, info->index);
    put_text(&writer, FIELD_DIRECTORY, info->directory);
    if (info->has_meta) {
        put_head(&writer, FIELD_MODE, 2); /* 0 is a mode, too */
        hd_writer_u16(&writer, info->mode & MODE_MAX);
        put_u64(&writer, FIELD_MTIME, (uint64_t)info->mtime_ns);
    }
    if (info->is_sparse)
        put_head(&writer, FIELD_SPARSE, 0);
    if (info->has_digest) {
        put_head(&writer, FIELD_DIGEST, HD_DIGEST_BYTES);
        hd_writer_bytes(&writer, info->digest, HD_DIGEST_BYTES);
    }
    put_u64(&writer, FIELD_SIZE, info->size_bytes);
    put_text(&writer, FIELD_LINK, info->link);
    return finish_message(&writer);
}

static int take_mode(struct hd_cursor *value, uint16_t *ret_mode)
{
    uint16_t mode;

    if (take_u16(value, &mode) < 0 || mode > MODE_MAX)
        return -EBADMSG;
    *ret_mode = mode;
    return 0;
}

static int take_mtime(struct hd_cursor *value, int64_t *ret_mtime_ns)
{
    uint64_t mtime_ns;

    if (take_u64(value, &mtime_ns) < 0)
        return -EBADMSG;
    *ret_mtime_ns = (int64_t)mtime_ns; /* two's complement */
    return 0;
}

/* What is being decoded, and whether it was said what it is. */
struct info_decoding {
    struct hd_info info;
    bool has_type;
};

static int take_entry_type(struct hd_cursor *value, struct info_decoding *decoding)
{
    uint8_t type;

    if (take_u8(value, &type) < 0)
        return -EBADMSG;
    decoding->info.type = is_known_type(type) ? (enum hd_entry_type)type : HD_ENTRY_UNKNOWN;
    decoding->has_type = true;
    return 0;
}

static int take_digest(struct hd_cursor *value, struct hd_info *info)
{
    if (hd_cursor_left(value) != HD_DIGEST_BYTES)
        return -EBADMSG;
    info->has_digest = true;
    return hd_cursor_bytes(value, info->digest, HD_DIGEST_BYTES);
}

static int take_info_field(void *message, uint8_t field, struct hd_cursor *value)
{
    struct info_decoding *decoding = message;
    struct hd_info *info = &decoding->info;

    switch (field) {
    case FIELD_ENTRY_TYPE:
        return take_entry_type(value, decoding);
    case FIELD_DELIVERY_ID:
        return take_u64(value, &info->delivery_id);
    case FIELD_INDEX:
        return take_u32(value, &info->index);
    case FIELD_DIRECTORY:
        return take_text(value, UINT16_MAX, &info->directory);
    case FIELD_MODE:
        info->has_meta = true;
        return take_mode(value, &info->mode);
    case FIELD_MTIME:
        return take_mtime(value, &info->mtime_ns);
    case FIELD_SPARSE:
        info->is_sparse = true;
        return hd_cursor_left(value) == 0 ? 0 : -EBADMSG;
    case FIELD_DIGEST:
        return take_digest(value, info);
    case FIELD_SIZE:
        return take_u64(value, &info->size_bytes);
    case FIELD_LINK:
        return take_text(value, UINT16_MAX, &info->link);
    default:
        return NOT_KNOWN;
    }
}

/* Splits off the name. What is left begins behind the NUL, or is empty if there is none. */
static struct hd_text take_name(struct hd_cursor *cursor)
{
    struct hd_text name = { .at = (const char *)cursor->at, .size_bytes = hd_cursor_left(cursor) };
    const char *nul = find(name, '\0');

    if (nul)
        name.size_bytes = (size_t)(nul - name.at);
    (void)hd_cursor_skip(cursor, name.size_bytes + (nul != NULL));
    return name;
}

int hd_info_decode(const uint8_t *bytes, size_t size_bytes, struct hd_info *ret_info)
{
    struct hd_cursor cursor = hd_cursor_over(bytes, size_bytes);
    struct info_decoding decoding = { .info = { .name = take_name(&cursor) } };
    bool is_ours = take_mark(&cursor);
    uint8_t version = VERSION;

    if (is_ours && hd_cursor_u8(&cursor, &version) < 0)
        return -EBADMSG;
    /* Of a version that is not ours, the name is all that can be understood, as of a stranger's. */
    if (is_ours && version == VERSION) {
        if (decode_fields(&cursor, take_info_field, &decoding) < 0)
            return -EBADMSG;
        if (!decoding.has_type || !is_sound(&decoding.info))
            return -EBADMSG;
    }
    if (!decoding.info.has_meta)
        decoding.info.mtime_ns = 0; /* only together with a mode */
    *ret_info = decoding.info;
    return 0;
}

/* ---- requests and answers ---- */

static struct hd_writer start_talk(uint8_t *bytes, size_t size_bytes, uint8_t kind)
{
    struct hd_writer writer = start_message(bytes, size_bytes, HD_MESSAGE_BYTES);

    put_mark(&writer);
    hd_writer_u8(&writer, kind);
    return writer;
}

/* @return 0 with *ret_kind, which is 1 .. kind_max; -EBADMSG; -ENOTSUP. */
static int take_talk(struct hd_cursor *cursor, uint8_t kind_max, uint8_t *ret_kind)
{
    uint8_t version, kind;

    if (!take_mark(cursor) || hd_cursor_u8(cursor, &version) < 0 || hd_cursor_u8(cursor, &kind) < 0)
        return -EBADMSG;
    if (version != VERSION || kind == 0 || kind > kind_max)
        return -ENOTSUP;
    *ret_kind = kind;
    return 0;
}

int hd_request_encode(const struct hd_request *request, uint8_t *ret_bytes, size_t size_bytes)
{
    struct hd_writer writer = start_talk(ret_bytes, size_bytes, (uint8_t)request->kind);

    put_u64(&writer, FIELD_DELIVERY_ID, request->delivery_id);
    put_u32(&writer, FIELD_ENTRIES, request->entries);
    put_u64(&writer, FIELD_SIZE, request->size_bytes);
    put_text(&writer, FIELD_HOST, cut(request->host, HOST_BYTES_MAX));
    put_text(&writer, FIELD_REASON, cut(request->reason, REASON_BYTES_MAX));
    return finish_message(&writer);
}

static int take_request_field(void *message, uint8_t field, struct hd_cursor *value)
{
    struct hd_request *request = message;

    switch (field) {
    case FIELD_DELIVERY_ID:
        return take_u64(value, &request->delivery_id);
    case FIELD_ENTRIES:
        return take_u32(value, &request->entries);
    case FIELD_SIZE:
        return take_u64(value, &request->size_bytes);
    case FIELD_HOST:
        return take_text(value, HOST_BYTES_MAX, &request->host);
    case FIELD_REASON:
        return take_text(value, REASON_BYTES_MAX, &request->reason);
    default:
        return NOT_KNOWN;
    }
}

int hd_request_decode(const uint8_t *bytes, size_t size_bytes, struct hd_request *ret_request)
{
    struct hd_cursor cursor = hd_cursor_over(bytes, size_bytes);
    struct hd_request request = { 0 };
    uint8_t kind;
    int result = take_talk(&cursor, HD_REQUEST_DISMISS, &kind);

    if (result < 0)
        return result;
    request.kind = (enum hd_request_kind)kind;
    if (decode_fields(&cursor, take_request_field, &request) < 0)
        return -EBADMSG;
    *ret_request = request;
    return 0;
}

/* As many as there is room for, from the first. Comes last. */
static void put_missing(struct hd_writer *writer, const struct hd_answer *answer)
{
    size_t left_bytes = hd_writer_left(writer);
    size_t room = left_bytes > FIELD_HEAD_BYTES ? (left_bytes - FIELD_HEAD_BYTES) / RANGE_BYTES : 0;
    size_t count = answer->missing_count < room ? answer->missing_count : room;

    assert(answer->missing_count <= HD_RANGES_MAX);
    if (count == 0)
        return;
    put_head(writer, FIELD_MISSING, count * RANGE_BYTES);
    for (size_t i = 0; i < count; i++) {
        hd_writer_u32(writer, answer->missing[i].first);
        hd_writer_u32(writer, answer->missing[i].last);
    }
}

int hd_answer_encode(const struct hd_answer *answer, uint8_t *ret_bytes, size_t size_bytes)
{
    struct hd_writer writer = start_talk(ret_bytes, size_bytes, (uint8_t)answer->kind);

    put_u64(&writer, FIELD_DELIVERY_ID, answer->delivery_id);
    put_text(&writer, FIELD_HOST, cut(answer->host, HOST_BYTES_MAX));
    put_u8(&writer, FIELD_STATE, (uint8_t)answer->state);
    put_u32(&writer, FIELD_COMPLETE, answer->complete_count);
    put_u32(&writer, FIELD_FAILED, answer->failed_count);
    put_u64(&writer, FIELD_RECEIVED, answer->received_bytes);
    put_u64(&writer, FIELD_REPAIRED, answer->repaired_segments);
    put_u32(&writer, FIELD_UNVERIFIED, answer->unverified_count);
    if (answer->has_left)
        put_head(&writer, FIELD_LEFT, 0);
    put_text(&writer, FIELD_REASON, cut(answer->reason, REASON_BYTES_MAX));
    put_missing(&writer, answer);
    return finish_message(&writer);
}

static int take_state(struct hd_cursor *value, struct hd_answer *answer)
{
    uint8_t state;

    if (take_u8(value, &state) < 0 || state > HD_STATE_ENDED)
        return -EBADMSG;
    answer->state = (enum hd_answer_state)state;
    return 0;
}

static int take_missing(struct hd_cursor *value, struct hd_answer *answer)
{
    size_t count = hd_cursor_left(value) / RANGE_BYTES;

    if (hd_cursor_left(value) % RANGE_BYTES != 0 || count > HD_RANGES_MAX)
        return -EBADMSG;
    for (size_t i = 0; i < count; i++) {
        struct hd_range *range = &answer->missing[i];

        if (hd_cursor_u32(value, &range->first) < 0 || hd_cursor_u32(value, &range->last) < 0)
            return -EBADMSG;
        if (range->first > range->last || (i > 0 && range->first <= range[-1].last))
            return -EBADMSG;
    }
    answer->missing_count = count;
    return 0;
}

static int take_answer_field(void *message, uint8_t field, struct hd_cursor *value)
{
    struct hd_answer *answer = message;

    switch (field) {
    case FIELD_DELIVERY_ID:
        return take_u64(value, &answer->delivery_id);
    case FIELD_HOST:
        return take_text(value, HOST_BYTES_MAX, &answer->host);
    case FIELD_STATE:
        return take_state(value, answer);
    case FIELD_COMPLETE:
        return take_u32(value, &answer->complete_count);
    case FIELD_FAILED:
        return take_u32(value, &answer->failed_count);
    case FIELD_RECEIVED:
        return take_u64(value, &answer->received_bytes);
    case FIELD_REPAIRED:
        return take_u64(value, &answer->repaired_segments);
    case FIELD_UNVERIFIED:
        return take_u32(value, &answer->unverified_count);
    case FIELD_LEFT:
        answer->has_left = true;
        return hd_cursor_left(value) == 0 ? 0 : -EBADMSG;
    case FIELD_REASON:
        return take_text(value, REASON_BYTES_MAX, &answer->reason);
    case FIELD_MISSING:
        return take_missing(value, answer);
    default:
        return NOT_KNOWN;
    }
}

int hd_answer_decode(const uint8_t *bytes, size_t size_bytes, struct hd_answer *ret_answer)
{
    struct hd_cursor cursor = hd_cursor_over(bytes, size_bytes);
    struct hd_answer answer = { 0 };
    uint8_t kind;
    int result = take_talk(&cursor, HD_ANSWER_STATUS, &kind);

    if (result < 0)
        return result;
    answer.kind = (enum hd_answer_kind)kind;
    if (decode_fields(&cursor, take_answer_field, &answer) < 0)
        return -EBADMSG;
    *ret_answer = answer;
    return 0;
}
