/* SPDX-License-Identifier: MIT */
/* IGMP and MLD as Linux hosts and bridges send them, captured from the wire; and what must not be taken for either. */
#include "census.h"
#include "member_wire.h"

#include <herald/endpoint.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

enum { PACKET_BYTES = 512, TEXT_BYTES = 1024 };

/* A row: a packet in hexadecimal digits from its IP header on, and what it says. */
struct row {
    const char *packet, *wanted;
};

static size_t from_hex(const char *hex, uint8_t bytes[PACKET_BYTES])
{
    size_t size = strlen(hex) / 2;
    unsigned int byte;

    assert_true(size <= PACKET_BYTES);
    for (size_t i = 0; i < size; i++) {
        assert_int_equal(sscanf(hex + i * 2, "%2x", &byte), 1);
        bytes[i] = (uint8_t)byte;
    }
    return size;
}

static void append(char *text, const char *word)
{
    size_t length = strlen(text);

    (void)snprintf(text + length, TEXT_BYTES - length, "%s%s", length > 0 ? " " : "", word);
}

static void append_address(char *text, const struct herald_address *address)
{
    char word[HERALD_ADDRESS_TEXT_BYTES];

    (void)herald_address_format(address, word, sizeof word);
    append(text, word);
}

/* What a message says, records and all. */
static void describe(struct hd_member_message *message, char text[TEXT_BYTES])
{
    static const char *const kinds[] = { "query", "report", "leave" };
    struct hd_member_record record;
    struct herald_address source;
    char word[64];
    int result;

    text[0] = '\0';
    (void)snprintf(word, sizeof word, "%s%u", message->family == HERALD_FAMILY_IPV6 ? "MLD" : "IGMP", message->version);
    append(text, word);
    append(text, kinds[message->kind]);
    append_address(text, &message->from);
    append_address(text, &message->group);
    if (message->kind == HD_MEMBER_QUERY) {
        (void)snprintf(word, sizeof word, "%u ms, every %u s, %u", (unsigned)(message->response_ns / 1000000),
                       (unsigned)(message->interval_ns / 1000000000), message->robustness);
        append(text, word);
    }
    while ((result = hd_member_next_record(message, &record)) == 1) {
        (void)snprintf(word, sizeof word, "/ %d", (int)record.type);
        append(text, word);
        append_address(text, &record.group);
        while (hd_member_next_source(&record, &source) == 1)
            append_address(text, &source);
    }
    if (result < 0)
        append(text, "broken");
}

static void packets_say_what_they_say(void **state)
{
    static const struct row rows[] = {
        { "46c00024000040000102041300000000e0000001940400001101ecfd0000000002010000",
          "IGMP3 query 0.0.0.0 - 100 ms, every 1 s, 2" },
        { "46c00024000040000102f30f00000000ef01020394040000110afbefef01020302010000",
          "IGMP3 query 0.0.0.0 239.1.2.3 1000 ms, every 1 s, 2" },
        { "46c00034000040000102f9ec0a000001e0000016940400002200efe90000000204000000ef01020305000001e8010203"
          "0a000009",
          "IGMP3 report 10.0.0.1 - / 4 239.1.2.3 / 5 232.1.2.3 10.0.0.9" },
        { "46c00034000040000102f9ec0a000001e0000016940400002200efe90000000203000000ef01020306000001e8010203"
          "0a000009",
          "IGMP3 report 10.0.0.1 - / 3 239.1.2.3 / 6 232.1.2.3 10.0.0.9" },
        { "46c00020000040000102041700000000e0000001940400001101eefe00000000",
          "IGMP2 query 0.0.0.0 - 100 ms, every 0 s, 0" },
        { "46c00020000040000102e9120a000001ef010203940400001600f8faef010203", "IGMP2 report 10.0.0.1 239.1.2.3" },
        { "46c00020000040000102fa140a000001e0000002940400001700f7faef010203", "IGMP2 leave 10.0.0.1 239.1.2.3" },
        { "46c00020000040000102e9120a000001ef010203940400001200fcfaef010203", "IGMP1 report 10.0.0.1 239.1.2.3" },
        { "6000000000240001fe800000000000002c3779fffeed301eff0200000000000000000000000000013a00050200000000"
          "8200a87c006400000000000000000000000000000000000002010000",
          "MLD2 query fe80::2c37:79ff:feed:301e - 100 ms, every 1 s, 2" },
        { "6000000000240001fe800000000000002c3779fffeed301eff1500000000000000000000000000083a00050200000000"
          "8200a5c003e80000ff15000000000000000000000000000802010000",
          "MLD2 query fe80::2c37:79ff:feed:301e ff15::8 1000 ms, every 1 s, 2" },
        { "6000000000480001fe80000000000000289385fffe5c651bff0200000000000000000000000000163a00050200000100"
          "8f005c780000000205000001ff350000000000000000000000000007fd00000000000000000000000000000904000000"
          "ff150000000000000000000000000008",
          "MLD2 report fe80::2893:85ff:fe5c:651b - / 5 ff35::7 fd00::9 / 4 ff15::8" },
        { "6000000000200001fe800000000000002c3779fffeed301eff0200000000000000000000000000013a00050200000000"
          "8200aa810064000000000000000000000000000000000000",
          "MLD1 query fe80::2c37:79ff:feed:301e - 100 ms, every 0 s, 0" },
        { "6000000000200001fe80000000000000289385fffe5c651bff1500000000000000000000000000083a00050200000100"
          "83006de500000000ff150000000000000000000000000008",
          "MLD1 report fe80::2893:85ff:fe5c:651b ff15::8" },
        { "6000000000200001fe80000000000000289385fffe5c651bff0200000000000000000000000000023a00050200000100"
          "84006cfe00000000ff150000000000000000000000000008",
          "MLD1 leave fe80::2893:85ff:fe5c:651b ff15::8" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        uint8_t packet[PACKET_BYTES];
        struct hd_member_message message;
        char text[TEXT_BYTES];
        size_t size = from_hex(rows[i].packet, packet);

        assert_int_equal(hd_member_parse(packet, size, &message), 0);
        describe(&message, text);
        assert_string_equal(text, rows[i].wanted);
        /* A switch may have padded it; a byte less, or another one, is not believed. */
        packet[size] = 0x55;
        assert_int_equal(hd_member_parse(packet, size + 1, &message), 0);
        assert_int_equal(hd_member_parse(packet, size - 1, &message), -EBADMSG);
        packet[size - 1] ^= 1;
        assert_int_equal(hd_member_parse(packet, size, &message), -EBADMSG);
    }
}

static void others_are_passed_over(void **state)
{
    static const struct {
        const char *packet;
        int wanted;
    } rows[] = {
        { "", -EBADMSG },
        { "46", -EBADMSG },
        { "60", -EBADMSG },
        { "00", -ENOMSG },
        /* UDP; a fragment; a header of 16 bytes; a total length below the header's, and beyond the packet */
        { "45000024000040000111041300000000e00000011101ecfd0000000002010000", -ENOMSG },
        { "46c00024000020000102041300000000e0000001940400001101ecfd0000000002010000", -EBADMSG },
        { "44c00024000040000102041300000000e0000001940400001101ecfd0000000002010000", -EBADMSG },
        { "46c00010000040000102041300000000e0000001940400001101ecfd0000000002010000", -EBADMSG },
        { "46c00025000040000102041300000000e0000001940400001101ecfd0000000002010000", -EBADMSG },
        /* PIM's number within IGMP */
        { "46c00020000040000102041700000000e0000001940400001400ebff00000000", -ENOMSG },
        /* a query of 10 bytes is of no version */
        { "46c00022000040000102041700000000e0000001940400001101eefe000000000000", -EBADMSG },
        /* IPv6: no hop-by-hop header and no ICMPv6 */
        { "6000000000083b01fe800000000000002c3779fffeed301eff020000000000000000000000000001", -EBADMSG },
        { "6000000000003b01fe800000000000002c3779fffeed301eff020000000000000000000000000001", -ENOMSG },
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        uint8_t packet[PACKET_BYTES];
        struct hd_member_message message;

        assert_int_equal(hd_member_parse(packet, from_hex(rows[i].packet, packet), &message), rows[i].wanted);
    }
}

/* Bodies, whose checksum nobody has computed. */
static void counts_are_not_believed(void **state)
{
    static const struct row rows[] = {
        { "22000000000000ff", "IGMP3 report - - broken" },
        { "220000000000000204000000ef010203", "IGMP3 report - - / 4 239.1.2.3 broken" },
        { "220000000000000104000002ef0102030a000009", "IGMP3 report - - broken" },
        /* auxiliary data is passed over, and so are records of types that are not known */
        { "220000000000000204010000ef0102030000000004000000ef010204", "IGMP3 report - - / 4 239.1.2.3 / 4 239.1.2.4" },
        { "220000000000000207000000ef01020304000000ef010204", "IGMP3 report - - / 4 239.1.2.4" },
        { "220000000000000104ff0000ef010203", "IGMP3 report - - broken" },
        /* floating point: 0x8f = (16 | 15) << 3 tenths; 0xff = 31 << 10 seconds */
        { "118f00000000000002ff0000", "IGMP3 query - - 24800 ms, every 31744 s, 2" },
        { "1100000000000000", "IGMP1 query - - 0 ms, every 0 s, 0" },
        { "11640000ef010203", "IGMP2 query - 239.1.2.3 10000 ms, every 0 s, 0" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        uint8_t body[PACKET_BYTES];
        struct hd_member_message message;
        char text[TEXT_BYTES];
        size_t size = from_hex(rows[i].packet, body);

        assert_int_equal(hd_member_parse_igmp(hd_cursor_over(body, size), &message), 0);
        describe(&message, text);
        assert_string_equal(text, rows[i].wanted);
    }
    /* A query that says it names more sources than there are. */
    uint8_t query[12] = { 0x11, [11] = 1 };
    struct hd_member_message message;

    assert_int_equal(hd_member_parse_igmp(hd_cursor_over(query, sizeof query), &message), -EBADMSG);
}

static void own_queries_can_be_read(void **state)
{
    struct herald_address from = { .family = HERALD_FAMILY_IPV4 };
    uint8_t packet[HD_MEMBER_PACKET_BYTES];
    struct hd_member_message message;
    char text[TEXT_BYTES];
    size_t size = hd_member_write(HD_SAY_QUERY, &from, UINT64_C(2000000000), packet);

    (void)state;
    assert_int_equal(size, 36);
    assert_int_equal(hd_member_parse(packet, size, &message), 0);
    describe(&message, text);
    assert_string_equal(text, "IGMP3 query 0.0.0.0 - 2000 ms, every 125 s, 2");
    /* The IP header's own checksum, which the parser leaves to the kernel; as the bridge's, but for the length. */
    assert_int_equal(hd_load_u16(packet + 10), 0x0413);

    assert_int_equal(herald_address_parse("fe80::7", &from), 0);
    size = hd_member_write(HD_SAY_QUERY, &from, UINT64_C(2000000000), packet);
    assert_int_equal(size, 76);
    assert_int_equal(hd_member_parse(packet, size, &message), 0);
    describe(&message, text);
    assert_string_equal(text, "MLD2 query fe80::7 - 2000 ms, every 125 s, 2");
}

/* RFC 4286 sections 3 and 5; nothing that a host or a querier reads. */
static void advertisements_are_as_the_rfc_says(void **state)
{
    static const struct {
        enum hd_member_word word;
        const char *from;
        size_t size_bytes, type_at;
        uint8_t type, to_last;
    } rows[] = {
        { HD_SAY_ADVERTISE, "10.0.0.1", 32, 24, 0x30, 0x6a },
        { HD_SAY_TERMINATE, "10.0.0.1", 28, 24, 0x32, 0x6a },
        { HD_SAY_ADVERTISE, "fe80::7", 56, 48, 151, 0x6a },
        { HD_SAY_TERMINATE, "fe80::7", 52, 48, 153, 0x6a },
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        uint8_t packet[HD_MEMBER_PACKET_BYTES];
        struct herald_address from;
        struct hd_member_message message;

        assert_int_equal(herald_address_parse(rows[i].from, &from), 0);
        assert_int_equal(hd_member_write(rows[i].word, &from, 0, packet), rows[i].size_bytes);
        assert_int_equal(packet[rows[i].type_at], rows[i].type);
        assert_int_equal(packet[from.family == HERALD_FAMILY_IPV4 ? 19 : 39], rows[i].to_last);
        /* Not -EBADMSG: lengths and checksum are right. */
        assert_int_equal(hd_member_parse(packet, rows[i].size_bytes, &message), -ENOMSG);
    }
}

/* ---- the census --------------------------------------------------------------------------------- */

static void census_take_hex(struct hd_census *census, const char *from, const char *hex)
{
    uint8_t body[PACKET_BYTES];
    struct hd_member_message message;

    assert_int_equal(hd_member_parse_igmp(hd_cursor_over(body, from_hex(hex, body)), &message), 0);
    assert_int_equal(herald_address_parse(from, &message.from), 0);
    hd_census_take(census, &message);
}

static void census_lists_groups(void **state)
{
    static struct hd_census_entry entries[HD_CENSUS_MAX];
    struct hd_census census = { .entries = entries };
    char text[400];
    size_t hosts, groups, place;

    (void)state;
    census_take_hex(&census, "10.0.0.2", "16000000ef010203");                         /* v2 */
    census_take_hex(&census, "10.0.0.1", "220000000000000102000000ef010203");         /* all but nobody */
    census_take_hex(&census, "10.0.0.1", "220000000000000102000000ef010203");         /* again */
    census_take_hex(&census, "10.0.0.3", "220000000000000101000001ef0102030a000009"); /* from one source */
    census_take_hex(&census, "10.0.0.3", "220000000000000101000002e80102030a0000090a000008");
    census_take_hex(&census, "10.0.0.4", "220000000000000103000000ef010203");         /* gone */
    census_take_hex(&census, "10.0.0.4", "220000000000000106000001ef0102030a000009"); /* wants less */
    census_take_hex(&census, "10.0.0.4", "17000000ef010203");                         /* gone */
    census_take_hex(&census, "10.0.0.5", "16000000c0000201");                         /* no group */
    hd_census_sort(&census);
    hd_census_count(&census, HERALD_FAMILY_IPV4, &hosts, &groups);
    assert_int_equal(hosts, 3);
    assert_int_equal(groups, 2);
    hd_census_count(&census, HERALD_FAMILY_IPV6, &hosts, &groups);
    assert_int_equal(hosts + groups, 0);
    place = hd_census_group_text(&census, 0, text, sizeof text);
    assert_string_equal(text, "232.1.2.3: 10.0.0.3 (from 10.0.0.9 and 1 other)");
    place = hd_census_group_text(&census, place, text, sizeof text);
    assert_string_equal(text, "239.1.2.3: 10.0.0.1, 10.0.0.2, 10.0.0.3 (from 10.0.0.9)");
    assert_int_equal(place, census.count);
}

static void census_is_bounded(void **state)
{
    static struct hd_census_entry entries[HD_CENSUS_MAX];
    struct hd_census census = { .entries = entries };
    char host[32], text[100];
    size_t hosts, groups;

    (void)state;
    for (int i = 0; i < HD_CENSUS_MAX + 10; i++) {
        (void)snprintf(host, sizeof host, "10.0.%d.%d", i / 256, i % 256);
        census_take_hex(&census, host, "16000000ef010203");
    }
    hd_census_sort(&census);
    hd_census_count(&census, HERALD_FAMILY_IPV4, &hosts, &groups);
    assert_int_equal(hosts, HD_CENSUS_MAX);
    assert_int_equal(census.lost, 10);
    assert_int_equal(hd_census_group_text(&census, 0, text, sizeof text), HD_CENSUS_MAX);
    assert_string_equal(
        text, "239.1.2.3: 10.0.0.0, 10.0.0.1, 10.0.0.2, 10.0.0.3, 10.0.0.4, 10.0.0.5, 10.0.0.6, and 4089 more");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(packets_say_what_they_say),
        cmocka_unit_test(others_are_passed_over),
        cmocka_unit_test(counts_are_not_believed),
        cmocka_unit_test(own_queries_can_be_read),
        cmocka_unit_test(advertisements_are_as_the_rfc_says),
        cmocka_unit_test(census_lists_groups),
        cmocka_unit_test(census_is_bounded),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
