/* SPDX-License-Identifier: MIT */
/* The messages of the Multicast Ping Protocol: as ssmping, asmping and ssmpingd send them, and everything malformed. */
#include "mpp.h"

#include <herald/endpoint.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { ROOM_BYTES = 2000 };

#define COUNT(rows) (sizeof(rows) / sizeof((rows)[0]))

/* Hex digits as bytes in memory of exactly their size, so that a sanitizer sees a byte read too many. */
static uint8_t *bytes_of(const char *hex, size_t *ret_size_bytes)
{
    size_t size_bytes = strlen(hex) / 2;
    uint8_t *bytes = malloc(size_bytes + 1);

    assert_non_null(bytes);
    for (size_t i = 0; i < size_bytes; i++) {
        char digits[3] = { hex[2 * i], hex[2 * i + 1], '\0' };

        bytes[1 + i] = (uint8_t)strtoul(digits, NULL, 16);
    }
    *ret_size_bytes = size_bytes;
    return bytes;
}

static int decode(const char *hex, struct hd_mpp *ret_message, uint8_t **ret_bytes)
{
    size_t size_bytes;

    *ret_bytes = bytes_of(hex, &size_bytes);
    return hd_mpp_decode(*ret_bytes + 1, size_bytes, ret_message);
}

static void assert_address(const struct herald_address *address, const char *wanted)
{
    char text[HERALD_ADDRESS_TEXT_BYTES];

    herald_address_format(address, text, sizeof(text));
    assert_string_equal(text, wanted);
}

/* ---- the older programs, 0.9.1 --------------------------------------------------------------- */

static const struct {
    const char *what;
    const char *hex;
    enum hd_mpp_type type;
    uint32_t sequence;
    const char *group;
    bool wants_info;
    uint16_t reply_bytes;
    const char *info;
} recorded[] = {
    { "ssmping -4 -v", "5100010004000000310002000400000001000300086b03a61f000b883e000500000004000501e82bd3ea",
      HD_MPP_ECHO_REQUEST, 1, "232.43.211.234", true, 0, NULL },
    { "ssmpingd's answer to it",
      "4100010004000000310002000400000002000300086b03a620000b8cb0000500000004000501e82bd3ea"
      "0006001c302e392e312028323030383034313829205b61736d5d5b73697a655d",
      HD_MPP_ECHO_REPLY, 2, "232.43.211.234", true, 0, "0.9.1 (20080418) [asm][size]" },
    { "ssmping -6",
      "5100010004000000340002000400000001000300086b03a621000baa580004001102ff3e0000000000000000000043211234",
      HD_MPP_ECHO_REQUEST, 1, "ff3e::4321:1234", false, 0, NULL },
    { "asmping -4 239.1.2.3 -v", "5100010004000000370002000400000001000300086b03a623000bca8a000500000004000501ef0102ea",
      HD_MPP_ECHO_REQUEST, 1, "239.1.2.234", true, 0, NULL },
    { "asmping -6 ff15::77",
      "51000100040000003a0002000400000002000300086b03a626000bee640004001102ff150000000000000000000043211234",
      HD_MPP_ECHO_REQUEST, 2, "ff15::4321:1234", false, 0, NULL },
    { "ssmping -4 -s 300", "51000100040000003d0002000400000001000300086b03a627000c0d0100070002012c0004000501e82bd3ea",
      HD_MPP_ECHO_REQUEST, 1, "232.43.211.234", false, 300, NULL },
};

static void the_older_programs_are_read(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(recorded); i++) {
        struct hd_mpp message;
        uint8_t *bytes;

        print_message("%s\n", recorded[i].what);
        assert_int_equal(decode(recorded[i].hex, &message, &bytes), 0);
        assert_int_equal(message.type, recorded[i].type);
        assert_int_equal(message.version, -1);
        assert_int_equal(message.client_id.size_bytes, 4);
        assert_true(message.has_sequence && message.has_client_time);
        assert_int_equal(message.sequence, recorded[i].sequence);
        assert_true(message.client_microseconds < 1000000);
        assert_true(message.group_is_old);
        assert_address(&message.group, recorded[i].group);
        assert_int_equal(message.wants_info, recorded[i].wants_info);
        assert_int_equal(message.old_reply_bytes, recorded[i].reply_bytes);
        if (recorded[i].info != NULL) {
            assert_int_equal(message.info.size_bytes, strlen(recorded[i].info));
            assert_memory_equal(message.info.at, recorded[i].info, message.info.size_bytes);
        } else {
            assert_null(message.info.at);
        }
        assert_false(message.has_ask || message.has_told);
        free(bytes);
    }
}

/* Byte for byte what ssmping sends, and what ssmpingd makes of it. */
static void the_older_programs_are_written(void **state)
{
    uint8_t made[ROOM_BYTES];
    struct hd_writer writer = hd_writer_over(made, sizeof(made));
    struct hd_mpp message;
    size_t size_bytes;
    uint8_t *request, *wanted;

    (void)state;
    assert_int_equal(decode(recorded[0].hex, &message, &request), 0);
    wanted = bytes_of(recorded[0].hex, &size_bytes);
    assert_int_equal(hd_mpp_encode(&message, made, sizeof(made)), size_bytes);
    assert_memory_equal(made, wanted + 1, size_bytes);
    free(wanted);

    hd_mpp_begin_answer(&writer, request + 1, size_bytes, true);
    hd_mpp_put_info(&writer, "0.9.1 (20080418) [asm][size]");
    wanted = bytes_of("4100010004000000310002000400000001000300086b03a61f000b883e000500000004000501e82bd3ea"
                      "0006001c302e392e312028323030383034313829205b61736d5d5b73697a655d",
                      &size_bytes);
    assert_int_equal(hd_writer_size(&writer), size_bytes);
    assert_memory_equal(made, wanted + 1, size_bytes);
    free(wanted);
    free(request);
}

static void the_older_padding_ends_at_the_size_asked_for(void **state)
{
    uint8_t made[ROOM_BYTES];
    struct hd_writer writer = hd_writer_over(made, sizeof(made));
    struct hd_mpp message;
    size_t size_bytes;
    uint8_t *request = bytes_of(recorded[5].hex, &size_bytes);

    (void)state;
    hd_mpp_begin_answer(&writer, request + 1, size_bytes, true);
    hd_mpp_pad(&writer, HD_MPP_OLD_PADDING, 300);
    assert_int_equal(hd_writer_size(&writer), 300);
    /* As recorded from ssmpingd: 252 zeros behind 44 bytes and the head. */
    assert_memory_equal(made + 44, "\x00\x08\x00\xfc\x00", 5);
    assert_int_equal(hd_mpp_decode(made, 300, &message), 0);
    free(request);
}

/* ---- RFC 6450 -------------------------------------------------------------------------------- */

static struct hd_mpp full_request(void)
{
    static const uint8_t client[8] = "clientid";
    static const uint8_t session[8] = "session!";

    return (struct hd_mpp){
        .type = HD_MPP_ECHO_REQUEST,
        .version = HD_MPP_VERSION_NUMBER,
        .client_id = { client, sizeof(client) },
        .has_sequence = true,
        .sequence = 0x01020304,
        .has_client_time = true,
        .client_seconds = 5,
        .client_microseconds = 6,
        .group = { HERALD_FAMILY_IPV4, { 239, 1, 2, 3 } },
        .wants_info = true,
        .wants_time = true,
        .ttl = 7,
        .prefix = { HERALD_FAMILY_IPV6, { 0xff, 0x3e } },
        .prefix_bits = 16,
        .session = { session, sizeof(session) },
        .has_ask = true,
        .ask = { true, 50, 49, true, 60000000, 1400 },
    };
}

static void what_is_written_is_read_again(void **state)
{
    const struct hd_mpp message = full_request();
    struct hd_mpp again;
    uint8_t made[ROOM_BYTES];
    int size = hd_mpp_encode(&message, made, sizeof(made));

    (void)state;
    assert_true(size > 0);
    assert_int_equal(hd_mpp_decode(made, (size_t)size, &again), 0);
    assert_int_equal(again.version, 2);
    assert_int_equal(again.sequence, message.sequence);
    assert_int_equal(again.client_seconds, 5);
    assert_int_equal(again.client_microseconds, 6);
    assert_memory_equal(again.client_id.at, "clientid", 8);
    assert_memory_equal(again.session.at, "session!", 8);
    assert_true(herald_address_equal(&again.group, &message.group));
    assert_false(again.group_is_old);
    assert_true(again.wants_info && again.wants_time);
    assert_int_equal(again.ttl, 7);
    assert_int_equal(again.prefix_bits, 16);
    assert_true(herald_address_equal(&again.prefix, &message.prefix));
    assert_true(again.has_ask);
    assert_true(again.ask.by_multicast && again.ask.may_fragment);
    assert_int_equal(again.ask.modulus, 50);
    assert_int_equal(again.ask.remainder, 49);
    assert_int_equal(again.ask.delay_us, 60000000);
    assert_int_equal(again.ask.answer_bytes, 1400);
    assert_true(hd_mpp_is_ask(made, (size_t)size));
    for (int less = 0; less < size; less++) /* too little room is told, and nothing is written behind it */
        assert_int_equal(hd_mpp_encode(&message, made, (size_t)less), -EMSGSIZE);
}

/* The numbers of RFC 6450, section 3.2, and its address families of two bytes. */
static void the_options_have_the_numbers_of_the_rfc(void **state)
{
    struct hd_mpp message = full_request();
    uint8_t made[ROOM_BYTES];
    size_t size_bytes;
    uint8_t *wanted = bytes_of("51"
                               "0000000102"
                               "00010008636c69656e746964"
                               "0002000401020304"
                               "000300080000000500000006"
                               "000500040006000c"
                               "000400060001ef010203"
                               "0009000107"
                               "000a0005000210ff3e"
                               "000b000873657373696f6e21",
                               &size_bytes);

    (void)state;
    message.has_ask = false;
    assert_int_equal(hd_mpp_encode(&message, made, sizeof(made)), size_bytes);
    assert_memory_equal(made, wanted + 1, size_bytes);
    free(wanted);
}

/* RFC 6450, section 5: in their order, but for those that the server has values of its own for. */
static void an_answer_copies_what_it_must(void **state)
{
    const struct hd_mpp message = full_request();
    struct hd_mpp answer;
    uint8_t request[ROOM_BYTES], made[ROOM_BYTES];
    struct hd_writer writer = hd_writer_over(made, sizeof(made));
    int size = hd_mpp_encode(&message, request, sizeof(request));

    (void)state;
    assert_true(size > 0);
    hd_mpp_begin_answer(&writer, request, (size_t)size, false);
    hd_mpp_put_ttl(&writer, 64);
    assert_int_equal(hd_mpp_decode(made, hd_writer_size(&writer), &answer), 0);
    assert_int_equal(answer.type, HD_MPP_ECHO_REPLY);
    assert_int_equal(answer.version, 2);
    assert_int_equal(answer.sequence, message.sequence);
    assert_memory_equal(answer.client_id.at, "clientid", 8);
    assert_true(herald_address_equal(&answer.group, &message.group));
    assert_int_equal(answer.ttl, 64);
    assert_null(answer.session.at);
    assert_int_equal(answer.prefix_bits, -1);
    assert_false(answer.has_ask);
}

static void what_a_herald_tells_is_read_again(void **state)
{
    const struct hd_mpp_told told = { UINT64_C(0x0123456789abcdef), true, 3, UINT64_C(0xffffffffffff), 4, 5, 6, 7, 8 };
    uint8_t made[ROOM_BYTES];
    struct hd_writer writer = hd_writer_over(made, sizeof(made));
    struct hd_mpp message;

    (void)state;
    hd_writer_u8(&writer, HD_MPP_ECHO_REPLY);
    hd_mpp_put_told(&writer, &told);
    assert_int_equal(hd_mpp_decode(made, hd_writer_size(&writer), &message), 0);
    assert_true(message.has_told);
    assert_true(message.told.id == told.id && message.told.held_ns == told.held_ns);
    assert_true(message.told.asked_by_multicast);
    assert_int_equal(message.told.request_hops, 3);
    assert_int_equal(message.told.heard_multicast, 4);
    assert_int_equal(message.told.heard_unicast, 5);
    assert_int_equal(message.told.answered_unicast, 6);
    assert_int_equal(message.told.answered_multicast, 7);
    assert_int_equal(message.told.duplicates, 8);
}

static void padding_fills_exactly_or_not_at_all(void **state)
{
    uint8_t made[ROOM_BYTES];

    (void)state;
    for (size_t size_bytes = 0; size_bytes < 40; size_bytes++) {
        struct hd_writer writer = hd_writer_over(made, 30);

        hd_writer_u8(&writer, HD_MPP_ECHO_REQUEST);
        hd_mpp_pad(&writer, HD_MPP_PADDING, size_bytes);
        assert_int_equal(hd_writer_size(&writer), size_bytes >= 5 && size_bytes <= 30 ? size_bytes : 1);
        assert_false(writer.overflow);
    }
}

/* ---- everything malformed -------------------------------------------------------------------- */

static const struct {
    const char *what;
    const char *hex;
} malformed[] = {
    { "nothing", "" },
    { "another type", "50" },
    { "data that begins like a request", "51756974" },
    { "half an option's head", "510000" },
    { "an option that ends too late", "51000000020201ff"
                                      "00" },
    { "a version of two bytes", "5100000002"
                                "0002" },
    { "an empty client id", "5100010000" },
    { "a sequence number of three bytes", "5100020003010203" },
    { "a time of seven bytes", "510003000701020304050607" },
    { "a group of no family", "5100040000" },
    { "an old group of family 3", "5100040005"
                                  "03e0000001" },
    { "an old IPv6 group that is too short", "5100040005"
                                             "02e0000001" },
    { "a new IPv4 group that is too long", "5100040007"
                                           "0001e000000100" },
    { "half an option number", "5100050001"
                               "00" },
    { "an empty server information", "5100060000" },
    { "an old reply size of one byte", "5100070001"
                                       "05" },
    { "a TTL of two bytes", "5100090002"
                            "0505" },
    { "a prefix longer than its address", "51000a0008"
                                          "0001"
                                          "21"
                                          "e000000100" },
    { "a prefix shorter than it says", "51000a0004"
                                       "0001"
                                       "18"
                                       "e0" },
    { "a prefix of no family", "51000a0003"
                               "0007"
                               "00" },
    { "an empty session", "51000b0000" },
    { "a server time that is too short", "51000c0004"
                                         "00000001" },
    { "a question of another extension", "51f4e0000c"
                                         "02000001000000000000"
                                         "0000" },
    { "a question with an unknown flag", "51f4e0000c"
                                         "01040001000000000000"
                                         "0000" },
    { "a question of one byte too few", "51f4e0000b"
                                        "0100000100000000000000" },
    { "a question to no share", "51f4e0000c"
                                "01000000000000000000"
                                "0000" },
    { "a question to a share that is none", "51f4e0000c"
                                            "01000001000100000000"
                                            "0000" },
    { "a question that waits for an hour", "51f4e0000c"
                                           "010000010000d693a400"
                                           "0000" },
    { "an answer that tells too little", "41f4e10004"
                                         "01000000" },
    { "an empty text", "41f4e30000" },
};

static void what_is_malformed_is_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(malformed); i++) {
        struct hd_mpp message = { .sequence = 77 };
        uint8_t *bytes;

        print_message("%s\n", malformed[i].what);
        assert_int_equal(decode(malformed[i].hex, &message, &bytes), -EBADMSG);
        assert_int_equal(message.sequence, 77); /* untouched */
        free(bytes);
    }
}

static void a_text_has_at_most_1000_bytes(void **state)
{
    uint8_t text[HD_MPP_TEXT_BYTES_MAX + 1];
    uint8_t made[ROOM_BYTES];
    struct hd_mpp message = { .type = HD_MPP_ECHO_REPLY, .version = -1, .ttl = -1, .prefix_bits = -1 };
    struct hd_mpp again;
    int size;

    (void)state;
    memset(text, 'x', sizeof(text));
    message.text = (struct hd_mpp_span){ text, HD_MPP_TEXT_BYTES_MAX };
    size = hd_mpp_encode(&message, made, sizeof(made));
    assert_int_equal(hd_mpp_decode(made, (size_t)size, &again), 0);
    assert_int_equal(again.text.size_bytes, HD_MPP_TEXT_BYTES_MAX);
    message.text.size_bytes++;
    size = hd_mpp_encode(&message, made, sizeof(made));
    assert_int_equal(hd_mpp_decode(made, (size_t)size, &again), -EBADMSG);
}

/* Plain datagrams must never be taken for pings, nor pings of other programs. */
static void only_a_whole_request_of_ours_is_a_ping(void **state)
{
    const struct hd_mpp whole = full_request();
    uint8_t made[ROOM_BYTES];
    int size = hd_mpp_encode(&whole, made, sizeof(made));
    struct hd_mpp part;

    (void)state;
    for (size_t less = 0; less < (size_t)size; less++)
        assert_false(hd_mpp_is_ask(made, less));
    made[size] = 'x';
    assert_false(hd_mpp_is_ask(made, (size_t)size + 1));
    part = whole;
    part.has_ask = false;
    size = hd_mpp_encode(&part, made, sizeof(made));
    assert_false(hd_mpp_is_ask(made, (size_t)size));
    part = whole;
    part.version = 3;
    size = hd_mpp_encode(&part, made, sizeof(made));
    assert_false(hd_mpp_is_ask(made, (size_t)size));
    part = whole;
    part.client_id.at = NULL;
    size = hd_mpp_encode(&part, made, sizeof(made));
    assert_false(hd_mpp_is_ask(made, (size_t)size));
    assert_false(hd_mpp_is_ask((const uint8_t *)"Quit", 4));
}

static void of_an_option_that_comes_twice_the_first_counts(void **state)
{
    struct hd_mpp message;
    uint8_t *bytes;

    (void)state;
    assert_int_equal(decode("51"
                            "0002000400000001"
                            "0002000400000002"
                            "00020001ff",
                            &message, &bytes),
                     0);
    assert_int_equal(message.sequence, 1);
    free(bytes);
}

/* ---- one member alone, and what it finds ----------------------------------------------------- */

static void whom_is_asked_and_what_is_told_come_through(void **state)
{
    const struct hd_mpp ask = {
        .type = HD_MPP_ECHO_REQUEST,
        .version = HD_MPP_VERSION_NUMBER,
        .client_id = { (const uint8_t *)"client", 6 },
        .has_sequence = true,
        .sequence = 7,
        .ttl = -1,
        .prefix_bits = -1,
        .has_ask = true,
        .ask = { .modulus = 1 },
        .text = { (const uint8_t *)"?", 1 },
        .has_only = true,
        .only = UINT64_C(0x0123456789abcdef),
    };
    uint8_t bytes[ROOM_BYTES], answer[ROOM_BYTES];
    struct hd_writer writer = hd_writer_over(answer, sizeof(answer));
    struct hd_mpp message;
    int size = hd_mpp_encode(&ask, bytes, sizeof(bytes));

    (void)state;
    assert_true(size > 0 && hd_mpp_is_ask(bytes, (size_t)size));
    assert_int_equal(hd_mpp_decode(bytes, (size_t)size, &message), 0);
    assert_true(message.has_only && message.only == ask.only);
    assert_int_equal(message.text.size_bytes, 1);
    /* Neither is copied into the answer, which has a text of its own. */
    hd_mpp_begin_answer(&writer, bytes, (size_t)size, false);
    hd_mpp_put_text(&writer, "herald 1\nend\n", 13);
    assert_int_equal(hd_mpp_decode(answer, hd_writer_size(&writer), &message), 0);
    assert_false(message.has_only);
    assert_int_equal(message.text.size_bytes, 13);
    /* An id has eight bytes. */
    bytes[size - 9]--;
    assert_int_equal(hd_mpp_decode(bytes, (size_t)size - 1, &message), -EBADMSG);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_older_programs_are_read),
        cmocka_unit_test(the_older_programs_are_written),
        cmocka_unit_test(the_older_padding_ends_at_the_size_asked_for),
        cmocka_unit_test(what_is_written_is_read_again),
        cmocka_unit_test(the_options_have_the_numbers_of_the_rfc),
        cmocka_unit_test(an_answer_copies_what_it_must),
        cmocka_unit_test(what_a_herald_tells_is_read_again),
        cmocka_unit_test(padding_fills_exactly_or_not_at_all),
        cmocka_unit_test(what_is_malformed_is_refused),
        cmocka_unit_test(a_text_has_at_most_1000_bytes),
        cmocka_unit_test(only_a_whole_request_of_ours_is_a_ping),
        cmocka_unit_test(of_an_option_that_comes_twice_the_first_counts),
        cmocka_unit_test(whom_is_asked_and_what_is_told_come_through),
    };

    return cmocka_run_group_tests_name("mpp", tests, NULL, NULL);
}
