/* SPDX-License-Identifier: MIT */
/* The messages of sessions: round trips at the limits, what they look like on the wire, and everything malformed. */
#include "message.h"
#include "message_again.h"

#include <herald/session.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { ROOM_BYTES = 1400 };

#define COUNT(rows) (sizeof(rows) / sizeof((rows)[0]))
/* clang-format off */
#define TEXT(literal) { .at = (literal), .size_bytes = sizeof(literal) - 1 }
/* clang-format on */

/* What stands before the fields. */
#define OURS       "\0hd\x01"
#define FILE_IS    "\x02\0\x01"
#define REQUEST    "hd\x01\x01"
#define ANSWER     "hd\x01\x02"
#define EIGHT      "\x01\x02\x03\x04\x05\x06\x07\x08"
#define TEN        "0123456789"
#define SIXTY      TEN TEN TEN TEN TEN TEN
#define LENGTH_160 SIXTY SIXTY TEN TEN TEN TEN

/* A copy of exactly this size, so that a sanitizer sees a byte read or written too many. */
static uint8_t *exactly(const void *bytes, size_t size_bytes)
{
    uint8_t *copy = malloc(size_bytes > 0 ? size_bytes : 1);

    assert_non_null(copy);
    if (size_bytes > 0)
        memcpy(copy, bytes, size_bytes);
    return copy;
}

static int decode_info(const void *bytes, size_t size_bytes, struct hd_info *ret_info)
{
    return hd_info_decode(bytes, size_bytes, ret_info);
}

/* --- round trips --- */

static const struct hd_info file_info = {
    .name = TEXT("c.txt"),
    .type = HD_ENTRY_FILE,
    .delivery_id = UINT64_C(0x0102030405060708),
    .index = 7,
    .directory = TEXT("a/b"),
    .has_meta = true,
    .mode = 0644,
    .mtime_ns = 1700000000123456789,
    .is_sparse = true,
    .has_digest = true,
    .digest = { 0xf0, 0xe1, 0xd2, 0xc3, 0xb4, 0xa5, 0x96, 0x87, 0x78, 0x69, 0x5a, 0x4b, 0x3c, 0x2d, 0x1e, 0x0f },
};

static const struct hd_info infos[] = {
    { .name = TEXT("x"), .type = HD_ENTRY_FILE },
    { .name = TEXT("x"), .type = HD_ENTRY_DIRECTORY },
    { .name = TEXT("x"), .type = HD_ENTRY_LINK, .link = TEXT("../\xff to/there") },
    { .name = TEXT("x"), .type = HD_ENTRY_BYTES },
    { .name = TEXT("x"), .type = HD_ENTRY_STREAM },
    { .type = HD_ENTRY_DIGEST, .index = 3, .has_digest = true, .digest = { 1 }, .size_bytes = UINT64_MAX },
    { .type = HD_ENTRY_DIGEST, .size_bytes = 1 },
    { .type = HD_ENTRY_WITHDRAWN, .index = 3 },
    { .name = TEXT("h"), .type = HD_ENTRY_FILE },
    { .name = TEXT("hd\x01"), .type = HD_ENTRY_FILE },
    { .name = TEXT("\x01\n\x7f\x80\xfe\xff \\:*"), .type = HD_ENTRY_FILE },
    { .name = TEXT(SIXTY SIXTY SIXTY SIXTY TEN "12345"),
      .type = HD_ENTRY_FILE,
      .directory = TEXT(LENGTH_160 "/" SIXTY) },
    { .name = TEXT("x"), .type = HD_ENTRY_FILE, .delivery_id = UINT64_MAX },
    { .name = TEXT("x"), .type = HD_ENTRY_FILE, .delivery_id = 1 },
    { .name = TEXT("x"), .type = HD_ENTRY_FILE, .index = UINT32_MAX },
    { .name = TEXT("x"), .type = HD_ENTRY_FILE, .directory = TEXT("/../..") },
    { .name = TEXT("x"), .type = HD_ENTRY_FILE, .has_meta = true, .mode = 07777 },
    { .name = TEXT("x"), .type = HD_ENTRY_FILE, .has_meta = true },
    { .name = TEXT("x"), .type = HD_ENTRY_FILE, .has_meta = true, .mtime_ns = INT64_MAX },
    { .name = TEXT("x"), .type = HD_ENTRY_FILE, .has_meta = true, .mtime_ns = INT64_MIN },
    { .name = TEXT("x"), .type = HD_ENTRY_FILE, .has_meta = true, .mtime_ns = -1 },
    { .name = TEXT("x"), .type = HD_ENTRY_FILE, .is_sparse = true },
    { .name = TEXT("x"), .type = HD_ENTRY_FILE, .has_digest = true },
    { .name = TEXT("x"), .type = HD_ENTRY_FILE, .size_bytes = UINT64_MAX },
};

/* Into every room: too small ones are refused, and the first that is large enough is filled to its end. */
static void assert_info_again(const struct hd_info *info)
{
    uint8_t room[ROOM_BYTES], *copy;
    struct hd_info again;
    int size_bytes = hd_info_encode(info, room, sizeof(room));

    assert_in_range(size_bytes, 1, sizeof(room));
    for (size_t less_bytes = 0; less_bytes < (size_t)size_bytes; less_bytes++) {
        copy = exactly(room, less_bytes);
        assert_int_equal(hd_info_encode(info, copy, less_bytes), -EMSGSIZE);
        free(copy);
    }
    copy = exactly(room, (size_t)size_bytes);
    memset(copy, 0xee, (size_t)size_bytes);
    assert_int_equal(hd_info_encode(info, copy, (size_t)size_bytes), size_bytes);
    assert_int_equal(hd_info_decode(copy, (size_t)size_bytes, &again), 0);
    assert_true(same_info(&again, info));
    free(copy);
}

static void an_info_round_trips_with_each_field_and_its_extremes(void **state)
{
    (void)state;
    assert_info_again(&file_info);
    for (size_t i = 0; i < COUNT(infos); i++)
        assert_info_again(&infos[i]);
}

static const struct hd_request requests[] = {
    { .kind = HD_REQUEST_ROLL_CALL, .delivery_id = UINT64_MAX, .host = TEXT("alpha.example") },
    { .kind = HD_REQUEST_STATUS, .host = TEXT(SIXTY "1234") },
    { .kind = HD_REQUEST_RECEIPT, .delivery_id = 1, .entries = UINT32_MAX, .size_bytes = UINT64_MAX },
    { .kind = HD_REQUEST_DISMISS, .reason = TEXT(SIXTY SIXTY TEN TEN TEN "12345678\xff") },
    { .kind = HD_REQUEST_DISMISS, .entries = 1, .size_bytes = 1, .reason = TEXT("no progress for 30 s\n\x1b[2J") },
};

static void a_request_round_trips_with_each_field_and_its_extremes(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(requests); i++) {
        uint8_t room[HD_MESSAGE_BYTES], *copy;
        struct hd_request again;
        int size_bytes = hd_request_encode(&requests[i], room, sizeof(room));

        assert_in_range(size_bytes, 4, sizeof(room));
        for (size_t less_bytes = 0; less_bytes < (size_t)size_bytes; less_bytes++) {
            copy = exactly(room, less_bytes);
            assert_int_equal(hd_request_encode(&requests[i], copy, less_bytes), -EMSGSIZE);
            free(copy);
        }
        copy = exactly(room, (size_t)size_bytes);
        assert_int_equal(hd_request_decode(copy, (size_t)size_bytes, &again), 0);
        assert_true(same_request(&again, &requests[i]));
        free(copy);
    }
}

static const struct hd_answer answers[] = {
    { .kind = HD_ANSWER_HERE, .host = TEXT("beta") },
    { .kind = HD_ANSWER_HERE, .delivery_id = UINT64_MAX, .host = TEXT(SIXTY "1234") },
    { .kind = HD_ANSWER_STATUS, .complete_count = UINT32_MAX, .failed_count = UINT32_MAX },
    { .kind = HD_ANSWER_STATUS, .received_bytes = UINT64_MAX, .repaired_segments = UINT64_MAX },
    { .kind = HD_ANSWER_STATUS, .state = HD_STATE_COMPLETE, .complete_count = 1 },
    { .kind = HD_ANSWER_STATUS, .state = HD_STATE_ENDED, .failed_count = 1, .reason = TEXT("a: disk full") },
    { .kind = HD_ANSWER_STATUS, .missing = { { 0, 0 } }, .missing_count = 1 },
    { .kind = HD_ANSWER_STATUS, .missing = { { 0, UINT32_MAX } }, .missing_count = 1 },
    { .kind = HD_ANSWER_STATUS, .missing = { { 0, 1 }, { 2, 2 }, { UINT32_MAX, UINT32_MAX } }, .missing_count = 3 },
};

/* The longest that there is. */
static struct hd_answer full_answer(void)
{
    struct hd_answer answer = {
        .kind = HD_ANSWER_STATUS,
        .delivery_id = UINT64_MAX,
        .host = TEXT(SIXTY "1234"),
        .state = HD_STATE_ENDED,
        .complete_count = UINT32_MAX,
        .failed_count = UINT32_MAX,
        .received_bytes = UINT64_MAX,
        .repaired_segments = UINT64_MAX,
        .unverified_count = UINT32_MAX,
        .has_left = true,
        .reason = TEXT(SIXTY SIXTY TEN TEN TEN "123456789"),
        .missing_count = HD_RANGES_MAX,
    };

    for (uint32_t i = 0; i < HD_RANGES_MAX; i++)
        answer.missing[i] = (struct hd_range){ 3 * i, 3 * i + 1 };
    return answer;
}

static void assert_answer_again(const struct hd_answer *answer)
{
    uint8_t room[HD_MESSAGE_BYTES], *copy;
    struct hd_answer again;
    int size_bytes = hd_answer_encode(answer, room, sizeof(room));

    assert_in_range(size_bytes, 4, sizeof(room));
    copy = exactly(room, (size_t)size_bytes);
    assert_int_equal(hd_answer_decode(copy, (size_t)size_bytes, &again), 0);
    assert_true(same_answer(&again, answer));
    free(copy);
}

static void an_answer_round_trips_with_each_field_and_its_extremes(void **state)
{
    struct hd_answer full = full_answer();

    (void)state;
    for (size_t i = 0; i < COUNT(answers); i++)
        assert_answer_again(&answers[i]);
    assert_answer_again(&full);
}

/* --- what it looks like: other programs rely on it --- */

static void an_info_looks_as_it_always_did(void **state)
{
    static const char expected[] = "c.txt" OURS FILE_IS "f"
                                   "\x01\0\x08" EIGHT "\x03\0\x04\0\0\0\x07"
                                   "\x04\0\x03"
                                   "a/b"
                                   "\x05\0\x02\x01\xa4"
                                   "\x06\0\x08\x17\x97\x9c\xfe\x3d\x85\xcd\x15"
                                   "\x07\0\0"
                                   "\x08\0\x10\xf0\xe1\xd2\xc3\xb4\xa5\x96\x87\x78\x69\x5a\x4b\x3c\x2d\x1e\x0f";
    uint8_t room[ROOM_BYTES];

    (void)state;
    assert_int_equal(hd_info_encode(&file_info, room, sizeof(room)), sizeof(expected) - 1);
    assert_memory_equal(room, expected, sizeof(expected) - 1);
}

static void requests_and_answers_look_as_they_always_did(void **state)
{
    static const char request_expected[] = "hd\x01\x03\x01\0\x08" EIGHT "\x0c\0\x04\0\0\x01\x02"
                                           "\x09\0\x08\0\0\x01\0\0\0\0\0\x0b\0\x01z\x0d\0\x02no";
    static const char answer_expected[] =
        "hd\x01\x02\x01\0\x08" EIGHT "\x0b\0\x01z\x0e\0\x01\x02\x0f\0\x04\0\0\0\x05\x10\0\x04\0\0\0\x06"
        "\x11\0\x08\0\0\0\0\0\0\0\x07\x12\0\x08\0\0\0\0\0\0\0\x08\x14\0\x04\0\0\0\x0b\x15\0\0\x0d\0\x02no"
        "\x13\0\x08\0\0\0\x09\0\0\0\x0a";
    const struct hd_request request = {
        .kind = HD_REQUEST_RECEIPT,
        .delivery_id = file_info.delivery_id,
        .entries = 0x102,
        .size_bytes = UINT64_C(1) << 40,
        .host = TEXT("z"),
        .reason = TEXT("no"),
    };
    const struct hd_answer answer = {
        .kind = HD_ANSWER_STATUS,
        .delivery_id = file_info.delivery_id,
        .host = TEXT("z"),
        .state = HD_STATE_ENDED,
        .complete_count = 5,
        .failed_count = 6,
        .received_bytes = 7,
        .repaired_segments = 8,
        .unverified_count = 11,
        .has_left = true,
        .reason = TEXT("no"),
        .missing = { { 9, 10 } },
        .missing_count = 1,
    };
    uint8_t room[ROOM_BYTES];

    (void)state;
    assert_int_equal(hd_request_encode(&request, room, sizeof(room)), sizeof(request_expected) - 1);
    assert_memory_equal(room, request_expected, sizeof(request_expected) - 1);
    assert_int_equal(hd_answer_encode(&answer, room, sizeof(room)), sizeof(answer_expected) - 1);
    assert_memory_equal(room, answer_expected, sizeof(answer_expected) - 1);
}

static void what_is_zero_or_empty_costs_nothing(void **state)
{
    uint8_t room[ROOM_BYTES];
    const struct hd_request request = { .kind = HD_REQUEST_STATUS };
    const struct hd_answer answer = { .kind = HD_ANSWER_STATUS };

    (void)state;
    assert_int_equal(hd_info_encode(&infos[0], room, sizeof(room)), sizeof("x" OURS FILE_IS "f") - 1);
    assert_int_equal(hd_request_encode(&request, room, sizeof(room)), 4);
    assert_int_equal(hd_answer_encode(&answer, room, sizeof(room)), 4);
}

/* --- texts --- */

static const struct {
    const char *text;
    size_t size_bytes, sent_bytes;
} cuts[] = {
    { SIXTY "1234", 64, 64 },
    { SIXTY "12345", 65, 64 },
    { SIXTY "123\xc3\xa4", 65, 63 },              /* two bytes */
    { SIXTY "12\xc3\xa4z", 65, 64 },              /* fits exactly */
    { SIXTY "12\xe2\x82\xac", 65, 62 },           /* three bytes */
    { SIXTY "1\xf0\x9f\x93\xa3", 65, 61 },        /* four bytes */
    { SIXTY "\x80\x80\x80\x80\x80\x80", 66, 64 }, /* not UTF-8 */
    { "alpha\0beta", 10, 5 },
    { "\0", 1, 0 },
    { SIXTY "1234\0"
            "567",
      68, 64 },
};

static void long_host_names_are_cut_between_characters(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(cuts); i++) {
        uint8_t room[HD_MESSAGE_BYTES];
        char *text = (char *)exactly(cuts[i].text, cuts[i].size_bytes);
        const struct hd_request request = { .kind = HD_REQUEST_STATUS, .host = { text, cuts[i].size_bytes } };
        const struct hd_answer answer = { .kind = HD_ANSWER_HERE, .host = { text, cuts[i].size_bytes } };
        struct hd_request request_again;
        struct hd_answer answer_again;
        int size_bytes = hd_request_encode(&request, room, sizeof(room));

        assert_true(size_bytes > 0);
        assert_int_equal(hd_request_decode(room, (size_t)size_bytes, &request_again), 0);
        assert_int_equal(request_again.host.size_bytes, cuts[i].sent_bytes);
        size_bytes = hd_answer_encode(&answer, room, sizeof(room));
        assert_true(size_bytes > 0);
        assert_int_equal(hd_answer_decode(room, (size_t)size_bytes, &answer_again), 0);
        assert_int_equal(answer_again.host.size_bytes, cuts[i].sent_bytes);
        free(text);
    }
}

static void long_reasons_are_cut_between_characters(void **state)
{
    static const char reason[] = SIXTY SIXTY TEN TEN TEN "12345678\xc3\xa4 and more";
    const struct hd_request request = { .kind = HD_REQUEST_DISMISS, .reason = TEXT(reason) };
    const struct hd_answer answer = { .kind = HD_ANSWER_STATUS, .reason = TEXT(reason) };
    struct hd_request request_again;
    struct hd_answer answer_again;
    uint8_t room[HD_MESSAGE_BYTES];
    int size_bytes = hd_request_encode(&request, room, sizeof(room));

    (void)state;
    assert_true(size_bytes > 0);
    assert_int_equal(hd_request_decode(room, (size_t)size_bytes, &request_again), 0);
    assert_int_equal(request_again.reason.size_bytes, 158);
    size_bytes = hd_answer_encode(&answer, room, sizeof(room));
    assert_true(size_bytes > 0);
    assert_int_equal(hd_answer_decode(room, (size_t)size_bytes, &answer_again), 0);
    assert_int_equal(answer_again.reason.size_bytes, 158);
}

static void what_cannot_be_said_in_an_info_is_refused(void **state)
{
    static const struct hd_info rows[] = {
        { .name = TEXT("a/b"), .type = HD_ENTRY_FILE },
        { .name = TEXT("/"), .type = HD_ENTRY_FILE },
        { .name = TEXT("a\0b"), .type = HD_ENTRY_FILE },
        { .name = TEXT("a\0"), .type = HD_ENTRY_DIGEST },
        { .type = HD_ENTRY_FILE },
        { .type = HD_ENTRY_STREAM },
        { .name = TEXT("a"), .type = HD_ENTRY_LINK },
        { .name = TEXT("a"), .type = HD_ENTRY_LINK, .link = TEXT("b\0c") },
        { .name = TEXT("a"), .type = HD_ENTRY_FILE, .directory = TEXT("b\0c") },
        { .name = TEXT("a"), .type = HD_ENTRY_UNKNOWN },
        { .name = TEXT("a"), .type = (enum hd_entry_type)'?' },
    };
    uint8_t room[ROOM_BYTES] = { 0xee };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++)
        assert_int_equal(hd_info_encode(&rows[i], room, sizeof(room)), -EINVAL);
    assert_int_equal(room[0], 0xee);
}

/* Lengths have 16 bits. */
static void a_text_beyond_64_kilobytes_does_not_fit(void **state)
{
    enum { LONG_BYTES = 65536 + 3, LARGE_BYTES = 200000 };
    char *text = malloc(LONG_BYTES);
    uint8_t *room = malloc(LARGE_BYTES);
    struct hd_info info = infos[0];

    (void)state;
    assert_non_null(text);
    assert_non_null(room);
    memset(text, 'x', LONG_BYTES);
    info.directory = (struct hd_text){ text, LONG_BYTES };
    assert_int_equal(hd_info_encode(&info, room, LARGE_BYTES), -EMSGSIZE);
    info = infos[2];
    info.link = (struct hd_text){ text, LONG_BYTES };
    assert_int_equal(hd_info_encode(&info, room, LARGE_BYTES), -EMSGSIZE);
    info = infos[0];
    info.name = (struct hd_text){ text, LONG_BYTES };
    assert_int_equal(hd_info_encode(&info, room, LARGE_BYTES), -EMSGSIZE);
    free(room);
    free(text);
}

/* --- what others send --- */

static const struct {
    const char *bytes;
    size_t size_bytes, name_bytes;
} foreign[] = {
    { "", 0, 0 },
    { "movie.mkv", 9, 9 },
    { "dir/movie.mkv", 13, 13 },
    { "name\0", 5, 4 },
    { "name\0h", 6, 4 },
    { "name\0hD\x01", 8, 4 },
    { "name\0dh\x01", 8, 4 },
    { "name\0more\0hd\x01", 13, 4 }, /* the mark must be behind the first NUL */
    { "namehd\x01\x02", 8, 8 },
    { "\0\0\0\0", 4, 0 },
    { "\0name", 5, 0 },
    { "\xff\xfe\x80\x00\xff", 5, 3 },
    { "name\0hd\x02\x02\0\x01g", 12, 4 }, /* ours, of a version of which only the name is known */
    { "name\0hd\0", 8, 4 },
    { "a/b\0hd\xff\xff", 8, 3 },
};

static void a_foreign_info_is_a_name(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(foreign); i++) {
        uint8_t *copy = exactly(foreign[i].bytes, foreign[i].size_bytes);
        const struct hd_info expected = { .name = { (const char *)copy, foreign[i].name_bytes } };
        struct hd_info info;

        memset(&info, 0xee, sizeof(info));
        assert_int_equal(hd_info_decode(copy, foreign[i].size_bytes, &info), 0);
        assert_true(same_info(&info, &expected));
        free(copy);
    }
}

static void nothing_at_all_is_a_foreign_info_and_no_request(void **state)
{
    struct hd_info info;
    struct hd_request request;
    struct hd_answer answer;

    (void)state;
    assert_int_equal(hd_info_decode(NULL, 0, &info), 0);
    assert_int_equal(info.name.size_bytes, 0);
    assert_int_equal(info.type, HD_ENTRY_UNKNOWN);
    assert_int_equal(hd_request_decode(NULL, 0, &request), -EBADMSG);
    assert_int_equal(hd_answer_decode(NULL, 0, &answer), -EBADMSG);
}

/* --- later versions --- */

static void a_type_that_is_not_known_keeps_name_and_place(void **state)
{
    static const char bytes[] = "name" OURS "\x02\0\x01?\x03\0\x04\0\0\0\x07";
    struct hd_info info;

    (void)state;
    assert_int_equal(decode_info(bytes, sizeof(bytes) - 1, &info), 0);
    assert_int_equal(info.type, HD_ENTRY_UNKNOWN);
    assert_int_equal(info.name.size_bytes, 4);
    assert_int_equal(info.index, 7);
}

static void fields_that_are_not_known_are_skipped(void **state)
{
    static const char info_bytes[] = "n" OURS "\xff\0\x03"
                                     "abc\0\0\0" FILE_IS "f\xff\0\0\x13\0\x01!\x03\0\x04\0\0\0\x07";
    static const char talk_bytes[] = ANSWER "\xff\0\x03"
                                            "abc\x02\0\0\xff\0\0\x0b\0\x01z";
    struct hd_info info;
    struct hd_request request;
    struct hd_answer answer;

    (void)state;
    assert_int_equal(decode_info(info_bytes, sizeof(info_bytes) - 1, &info), 0);
    assert_int_equal(info.type, HD_ENTRY_FILE);
    assert_int_equal(info.index, 7);
    assert_int_equal(hd_answer_decode((const uint8_t *)talk_bytes, sizeof(talk_bytes) - 1, &answer), 0);
    assert_int_equal(answer.host.size_bytes, 1);
    assert_int_equal(hd_request_decode((const uint8_t *)talk_bytes, sizeof(talk_bytes) - 1, &request), 0);
    assert_int_equal(request.host.size_bytes, 1);
}

static void kinds_and_versions_that_are_not_known_are_told_apart_from_nonsense(void **state)
{
    static const struct {
        const char *bytes;
        size_t size_bytes;
        int request, answer;
    } rows[] = {
        { "hd\x01\x00", 4, -ENOTSUP, -ENOTSUP },
        { "hd\x01\x01", 4, 0, 0 },
        { "hd\x01\x02", 4, 0, 0 },
        { "hd\x01\x03", 4, 0, -ENOTSUP },
        { "hd\x01\x04", 4, 0, -ENOTSUP },
        { "hd\x01\x05", 4, -ENOTSUP, -ENOTSUP },
        { "hd\x01\xff\x01", 5, -ENOTSUP, -ENOTSUP }, /* what follows is not looked at */
        { "hd\x00\x01", 4, -ENOTSUP, -ENOTSUP },
        { "hd\x02\x01\xff\xff", 6, -ENOTSUP, -ENOTSUP },
        { "hd\x01", 3, -EBADMSG, -EBADMSG },
        { "hd", 2, -EBADMSG, -EBADMSG },
        { "h", 1, -EBADMSG, -EBADMSG },
        { "Hd\x01\x01", 4, -EBADMSG, -EBADMSG },
        { "hh\x01\x01", 4, -EBADMSG, -EBADMSG },
        { "somebody else's", 15, -EBADMSG, -EBADMSG },
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        uint8_t *copy = exactly(rows[i].bytes, rows[i].size_bytes);
        struct hd_request request = { .entries = 77 };
        struct hd_answer answer = { .failed_count = 77 };

        assert_int_equal(hd_request_decode(copy, rows[i].size_bytes, &request), rows[i].request);
        assert_int_equal(request.entries, rows[i].request < 0 ? 77 : 0);
        assert_int_equal(hd_answer_decode(copy, rows[i].size_bytes, &answer), rows[i].answer);
        assert_int_equal(answer.failed_count, rows[i].answer < 0 ? 77 : 0);
        free(copy);
    }
}

/* --- malformed --- */

#define ROW(literal)                      \
 {                                        \
  .bytes = (literal), sizeof(literal) - 1 \
 }

struct malformed {
    const char *bytes;
    size_t size_bytes;
};

static void malformed_infos_are_refused(void **state)
{
    static const struct malformed rows[] = {
        ROW("n\0hd"),                              /* no version */
        ROW("n" OURS),                             /* no type */
        ROW("n" OURS "\x03\0\x04\0\0\0\x07"),      /* no type */
        ROW("" OURS FILE_IS "f"),                  /* no name */
        ROW("a/b" OURS FILE_IS "f"),               /* a slash */
        ROW("a/b" OURS FILE_IS "?"),               /* whatever it is */
        ROW("n" OURS FILE_IS "f\x01"),             /* half a field's head */
        ROW("n" OURS FILE_IS "f\xff\0"),           /* even of one that is not known */
        ROW("n" OURS FILE_IS "f\xff\0\x01"),       /* a value that is not there */
        ROW("n" OURS FILE_IS "f\xff\xff\xff"),     /* a long one */
        ROW("n" OURS FILE_IS "f" FILE_IS "f"),     /* twice */
        ROW("n" OURS FILE_IS "f\x07\0\0\x07\0\0"), /* twice, empty */
        ROW("n" OURS "\x02\0\0"),                  /* lengths: the type */
        ROW("n" OURS "\x02\0\x02"
            "ff"), /* of two letters */
        ROW("n" OURS FILE_IS "f\x01\0\x07"
            "1234567"), /* the delivery */
        ROW("n" OURS FILE_IS "f\x01\0\x09"
            "123456789"),
        ROW("n" OURS FILE_IS "f\x01\0\0"),
        ROW("n" OURS FILE_IS "f\x03\0\x03"
            "123"), /* the index */
        ROW("n" OURS FILE_IS "f\x03\0\x05"
            "12345"),
        ROW("n" OURS FILE_IS "f\x05\0\x01"
            "1"), /* the mode */
        ROW("n" OURS FILE_IS "f\x05\0\x03\0\0\0"),
        ROW("n" OURS FILE_IS "f\x05\0\x02\x10\0"), /* a file type in it */
        ROW("n" OURS FILE_IS "f\x06\0\x04"
            "1234"),                                         /* the time */
        ROW("n" OURS FILE_IS "f\x07\0\x01\x01"),             /* sparse */
        ROW("n" OURS FILE_IS "f\x08\0\x08" EIGHT),           /* the digest */
        ROW("n" OURS FILE_IS "f\x08\0\x11" EIGHT EIGHT "1"), /* a byte more */
        ROW("n" OURS FILE_IS "f\x09\0\x04"
            "1234"), /* the size */
        ROW("n" OURS FILE_IS "f\x04\0\x03"
            "a\0b"), /* a NUL in the directory */
        ROW("n" OURS FILE_IS "f\x04\0\x01\0"),
        ROW("n" OURS FILE_IS "l\x0a\0\x02"
            "a\0"),                /* a NUL in the link */
        ROW("n" OURS FILE_IS "l"), /* a link to nothing */
        ROW("n" OURS FILE_IS "l\x0a\0\0"),
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        uint8_t *copy = exactly(rows[i].bytes, rows[i].size_bytes);
        struct hd_info info = { .index = 77 };

        assert_int_equal(hd_info_decode(copy, rows[i].size_bytes, &info), -EBADMSG);
        assert_int_equal(info.index, 77);
        free(copy);
    }
}

static void malformed_requests_are_refused(void **state)
{
    static const struct malformed rows[] = {
        ROW(REQUEST "\x01"),
        ROW(REQUEST "\x01\0"),
        ROW(REQUEST "\x01\0\x08"
                    "1234567"),
        ROW(REQUEST "\x01\0\x07"
                    "1234567"),
        ROW(REQUEST "\x01\0\x08" EIGHT "\x01\0\x08" EIGHT),
        ROW(REQUEST "\x0c\0\x02"
                    "12"),
        ROW(REQUEST "\x09\0\x04"
                    "1234"),
        ROW(REQUEST "\x0b\0\x03"
                    "a\0b"),
        ROW(REQUEST "\x0b\0\x41" SIXTY "12345"), /* a host name of 65 bytes */
        ROW(REQUEST "\x0d\0\x01\0"),
        ROW(REQUEST "\x0d\0\xa0" LENGTH_160), /* a reason of 160 bytes */
        ROW(REQUEST "\x0d\0\x01z\x0d\0\0"),
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        uint8_t *copy = exactly(rows[i].bytes, rows[i].size_bytes);
        struct hd_request request = { .entries = 77 };

        assert_int_equal(hd_request_decode(copy, rows[i].size_bytes, &request), -EBADMSG);
        assert_int_equal(request.entries, 77);
        free(copy);
    }
}

static void malformed_answers_are_refused(void **state)
{
    static const struct malformed rows[] = {
        ROW(ANSWER "\x01"),
        ROW(ANSWER "\x01\0\x09"
                   "123456789"),
        ROW(ANSWER "\x0e\0\0"), /* the state */
        ROW(ANSWER "\x0e\0\x01\x03"),
        ROW(ANSWER "\x0e\0\x01\xff"),
        ROW(ANSWER "\x0e\0\x02\0\x01"),
        ROW(ANSWER "\x0e\0\x01\x01\x0e\0\x01\x01"),
        ROW(ANSWER "\x0f\0\x02"
                   "12"),
        ROW(ANSWER "\x10\0\x08" EIGHT),
        ROW(ANSWER "\x11\0\x04"
                   "1234"),
        ROW(ANSWER "\x12\0\x04"
                   "1234"),
        ROW(ANSWER "\x0b\0\x41" SIXTY "12345"),
        ROW(ANSWER "\x0d\0\xa0" LENGTH_160),
        ROW(ANSWER "\x13\0\x04\0\0\0\x01"),                                         /* half a range */
        ROW(ANSWER "\x13\0\x09\0\0\0\x01\0\0\0\x02\x03"),                           /* and a byte */
        ROW(ANSWER "\x13\0\x08\0\0\0\x02\0\0\0\x01"),                               /* backwards */
        ROW(ANSWER "\x13\0\x10\0\0\0\x01\0\0\0\x02\0\0\0\x02\0\0\0\x03"),           /* overlapping */
        ROW(ANSWER "\x13\0\x10\0\0\0\x05\0\0\0\x05\0\0\0\x05\0\0\0\x05"),           /* the same */
        ROW(ANSWER "\x13\0\x10\0\0\0\x05\0\0\0\x06\0\0\0\x01\0\0\0\x02"),           /* not in order */
        ROW(ANSWER "\x13\0\x10\0\0\0\0\xff\xff\xff\xff\0\0\0\0\0\0\0\0"),           /* nothing can follow the last */
        ROW(ANSWER "\x13\0\x08\0\0\0\x01\0\0\0\x02\x13\0\x08\0\0\0\x03\0\0\0\x04"), /* twice */
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        uint8_t *copy = exactly(rows[i].bytes, rows[i].size_bytes);
        struct hd_answer answer = { .failed_count = 77 };

        assert_int_equal(hd_answer_decode(copy, rows[i].size_bytes, &answer), -EBADMSG);
        assert_int_equal(answer.failed_count, 77);
        free(copy);
    }
}

/* Each beginning: it decodes, or it is malformed. What decodes ends where a field does. */
static void every_beginning_of_a_message_is_safe(void **state)
{
    struct hd_answer full = full_answer(), answer;
    struct hd_request request;
    struct hd_info info;
    uint8_t room[ROOM_BYTES];
    int decoded[3] = { 0 };
    size_t info_bytes = (size_t)hd_info_encode(&file_info, room, sizeof(room));

    (void)state;
    for (size_t i = 0; i <= info_bytes; i++) {
        uint8_t *copy = exactly(room, i);
        int result = hd_info_decode(copy, i, &info);

        assert_true(result == 0 || result == -EBADMSG);
        decoded[0] += result == 0;
        free(copy);
    }
    for (int pass = 1; pass <= 2; pass++) {
        int size_bytes = pass == 1 ? hd_request_encode(&requests[2], room, sizeof(room))
                                   : hd_answer_encode(&full, room, sizeof(room));

        for (size_t i = 0; i <= (size_t)size_bytes; i++) {
            uint8_t *copy = exactly(room, i);
            int result = pass == 1 ? hd_request_decode(copy, i, &request) : hd_answer_decode(copy, i, &answer);

            assert_true(result == 0 || result == -EBADMSG);
            decoded[pass] += result == 0;
            free(copy);
        }
    }
    assert_int_equal(decoded[0], 8 + 8); /* as a stranger's, up to the mark's first byte; then one for each field */
    assert_int_equal(decoded[1], 1 + 3);
    assert_int_equal(decoded[2], 1 + 11);
}

/* --- missing ranges --- */

static void as_many_ranges_are_sent_as_fit(void **state)
{
    struct hd_answer full = full_answer(), bare, again;
    uint8_t room[HD_MESSAGE_BYTES];
    size_t bare_bytes, full_bytes = (size_t)hd_answer_encode(&full, room, sizeof(room));

    (void)state;
    bare = full;
    bare.missing_count = 0;
    bare_bytes = (size_t)hd_answer_encode(&bare, room, sizeof(room));
    assert_int_equal(full_bytes, bare_bytes + 3 + HD_RANGES_MAX * 8);
    for (size_t size_bytes = 0; size_bytes <= full_bytes; size_bytes++) {
        uint8_t *copy = exactly(room, size_bytes);
        size_t fit = size_bytes >= bare_bytes + 3 ? (size_bytes - bare_bytes - 3) / 8 : 0;
        int result = hd_answer_encode(&full, copy, size_bytes);

        if (size_bytes < bare_bytes) {
            assert_int_equal(result, -EMSGSIZE);
        } else {
            assert_int_equal(result, bare_bytes + (fit > 0 ? 3 + fit * 8 : 0));
            assert_int_equal(hd_answer_decode(copy, (size_t)result, &again), 0);
            bare.missing_count = fit;
            assert_true(same_answer(&again, &bare));
        }
        free(copy);
    }
}

static void more_ranges_than_there_is_room_for_are_malformed(void **state)
{
    uint8_t message[7 + (HD_RANGES_MAX + 1) * 8] = "hd\x01\x02\x13";
    struct hd_answer answer;

    (void)state;
    for (size_t i = 0; i <= HD_RANGES_MAX; i++) {
        message[7 + i * 8 + 3] = (uint8_t)(2 * i);
        message[7 + i * 8 + 7] = (uint8_t)(2 * i);
    }
    message[5] = (uint8_t)(HD_RANGES_MAX * 8 >> 8);
    message[6] = (uint8_t)(HD_RANGES_MAX * 8);
    assert_int_equal(hd_answer_decode(message, sizeof(message) - 8, &answer), 0);
    assert_int_equal(answer.missing_count, HD_RANGES_MAX);
    message[5] = (uint8_t)((HD_RANGES_MAX + 1) * 8 >> 8);
    message[6] = (uint8_t)((HD_RANGES_MAX + 1) * 8);
    assert_int_equal(hd_answer_decode(message, sizeof(message), &answer), -EBADMSG);
}

/* However large the caller's buffer is, an acknowledgement has room for no more. */
static void the_longest_messages_keep_below_their_limit(void **state)
{
    struct hd_answer full = full_answer();
    const struct hd_request request = {
        .kind = HD_REQUEST_DISMISS,
        .delivery_id = UINT64_MAX,
        .entries = UINT32_MAX,
        .size_bytes = UINT64_MAX,
        .host = TEXT(LENGTH_160),
        .reason = TEXT(LENGTH_160 LENGTH_160),
    };
    uint8_t room[2 * HD_MESSAGE_BYTES];

    (void)state;
    full.host = full.reason = request.reason;
    assert_in_range(hd_answer_encode(&full, room, sizeof(room)), 512, HD_MESSAGE_BYTES);
    assert_in_range(hd_request_encode(&request, room, sizeof(room)), 64, HD_MESSAGE_BYTES);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_info_round_trips_with_each_field_and_its_extremes),
        cmocka_unit_test(a_request_round_trips_with_each_field_and_its_extremes),
        cmocka_unit_test(an_answer_round_trips_with_each_field_and_its_extremes),
        cmocka_unit_test(an_info_looks_as_it_always_did),
        cmocka_unit_test(requests_and_answers_look_as_they_always_did),
        cmocka_unit_test(what_is_zero_or_empty_costs_nothing),
        cmocka_unit_test(long_host_names_are_cut_between_characters),
        cmocka_unit_test(long_reasons_are_cut_between_characters),
        cmocka_unit_test(what_cannot_be_said_in_an_info_is_refused),
        cmocka_unit_test(a_text_beyond_64_kilobytes_does_not_fit),
        cmocka_unit_test(a_foreign_info_is_a_name),
        cmocka_unit_test(nothing_at_all_is_a_foreign_info_and_no_request),
        cmocka_unit_test(a_type_that_is_not_known_keeps_name_and_place),
        cmocka_unit_test(fields_that_are_not_known_are_skipped),
        cmocka_unit_test(kinds_and_versions_that_are_not_known_are_told_apart_from_nonsense),
        cmocka_unit_test(malformed_infos_are_refused),
        cmocka_unit_test(malformed_requests_are_refused),
        cmocka_unit_test(malformed_answers_are_refused),
        cmocka_unit_test(every_beginning_of_a_message_is_safe),
        cmocka_unit_test(as_many_ranges_are_sent_as_fit),
        cmocka_unit_test(more_ranges_than_there_is_room_for_are_malformed),
        cmocka_unit_test(the_longest_messages_keep_below_their_limit),
    };

    return cmocka_run_group_tests_name("message", tests, NULL, NULL);
}
