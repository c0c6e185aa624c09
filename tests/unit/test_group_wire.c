/* SPDX-License-Identifier: MIT */
/* Packets from the wire, as the doctor reads them. */
#include "group_wire.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const uint8_t ipv4[] = { 0x45, 0, 0,   32, 0, 1, 0x40, 0,    1,    17,   0, 0,  10, 0,
                                0,    2, 239, 1,  2, 3, 0x30, 0x39, 0x27, 0x10, 0, 12, 0,  0 };
static const uint8_t ipv6[] = { 0x60, 0, 0, 0, 0, 8, 17, 1, 0xfe, 0x80, 0,    0,    0, 0, 0, 0,
                                0,    0, 0, 0, 0, 0, 0,  1, 0xff, 0x15, 0,    0,    0, 0, 0, 0,
                                0,    0, 0, 0, 0, 0, 0,  7, 0x30, 0x39, 0x27, 0x10, 0, 8, 0, 0 };

static void datagrams_are_read(void **state)
{
    struct hd_wire_packet packet;

    (void)state;
    assert_int_equal(hd_wire_parse(ipv4, sizeof ipv4, &packet), 0);
    assert_int_equal(packet.source.family, HERALD_FAMILY_IPV4);
    assert_memory_equal(packet.source.bytes, "\x0a\x00\x00\x02", 4);
    assert_int_equal(packet.port, 10000);
    assert_false(packet.fragment);
    assert_int_equal(hd_wire_parse(ipv6, sizeof ipv6, &packet), 0);
    assert_int_equal(packet.source.family, HERALD_FAMILY_IPV6);
    assert_memory_equal(packet.source.bytes, ipv6 + 8, 16);
    assert_int_equal(packet.port, 10000);
    assert_false(packet.fragment);
}

static void options_are_passed_over(void **state)
{
    struct hd_wire_packet packet;
    uint8_t bytes[sizeof ipv4 + 4];

    (void)state;
    memcpy(bytes, ipv4, 20);
    memset(bytes + 20, 1, 4);
    memcpy(bytes + 24, ipv4 + 20, sizeof ipv4 - 20);
    bytes[0] = 0x46;
    assert_int_equal(hd_wire_parse(bytes, sizeof bytes, &packet), 0);
    assert_int_equal(packet.port, 10000);
}

static void fragments_are_told(void **state)
{
    struct hd_wire_packet packet;
    uint8_t bytes[64];

    (void)state;
    memcpy(bytes, ipv4, sizeof ipv4);
    bytes[6] = 0x20; /* the first of several */
    assert_int_equal(hd_wire_parse(bytes, sizeof ipv4, &packet), 0);
    assert_true(packet.fragment);
    assert_int_equal(packet.port, 10000);
    bytes[6] = 0;
    bytes[7] = 185; /* the last: no ports in it */
    assert_int_equal(hd_wire_parse(bytes, sizeof ipv4, &packet), 0);
    assert_true(packet.fragment);
    assert_int_equal(packet.port, 0);

    memcpy(bytes, ipv6, 40);
    bytes[6] = 44;
    memcpy(bytes + 40, (const uint8_t[]){ 17, 0, 0, 1, 0, 0, 0, 9 }, 8);
    memcpy(bytes + 48, ipv6 + 40, 8);
    assert_int_equal(hd_wire_parse(bytes, 56, &packet), 0);
    assert_true(packet.fragment);
    assert_int_equal(packet.port, 10000);
    bytes[43] = 8;
    assert_int_equal(hd_wire_parse(bytes, 56, &packet), 0);
    assert_int_equal(packet.port, 0);
}

static void others_are_refused(void **state)
{
    struct hd_wire_packet packet = { .port = 7 };
    uint8_t bytes[sizeof ipv4];

    (void)state;
    for (size_t size = 0; size < 24; size++)
        assert_int_equal(hd_wire_parse(ipv4, size, &packet), -EBADMSG);
    for (size_t size = 0; size < 44; size++)
        assert_int_equal(hd_wire_parse(ipv6, size, &packet), -EBADMSG);
    memcpy(bytes, ipv4, sizeof bytes);
    bytes[9] = 6;
    assert_int_equal(hd_wire_parse(bytes, sizeof bytes, &packet), -EBADMSG);
    memcpy(bytes, ipv4, sizeof bytes);
    bytes[0] = 0x44; /* shorter than a header can be */
    assert_int_equal(hd_wire_parse(bytes, sizeof bytes, &packet), -EBADMSG);
    bytes[0] = 0x4f; /* longer than the packet */
    assert_int_equal(hd_wire_parse(bytes, sizeof bytes, &packet), -EBADMSG);
    bytes[0] = 0x55;
    assert_int_equal(hd_wire_parse(bytes, sizeof bytes, &packet), -EBADMSG);
    assert_int_equal(packet.port, 7);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(datagrams_are_read),
        cmocka_unit_test(options_are_passed_over),
        cmocka_unit_test(fragments_are_told),
        cmocka_unit_test(others_are_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
