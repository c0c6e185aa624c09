/* SPDX-License-Identifier: MIT */
/* The endpoint grammar: every good form, every bad one with its exact cause; addresses and group ranges. */
#include <herald/herald.h>

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define LONG_TEXT "222222222222222222222222222222222222222222222222222222222222"

/* ---- what is accepted ------------------------------------------------------------------------ */

struct good {
    const char *text;
    const char *canonical; /* NULL: the same */
    const char *source;
    const char *group;
    uint32_t group_count;
    uint16_t port;
    const char *interface;
};

static const struct good good_forms[] = {
    { "239.1.2.3:10000", NULL, "-", "239.1.2.3", 1, 10000, "" },
    { "224.0.0.1:1", NULL, "-", "224.0.0.1", 1, 1, "" },
    { "239.255.255.255:65535", NULL, "-", "239.255.255.255", 1, 65535, "" },
    { "239.1.2.3+16:10000", NULL, "-", "239.1.2.3", 16, 10000, "" },
    { "239.1.2.3+1:10000", "239.1.2.3:10000", "-", "239.1.2.3", 1, 10000, "" },
    { "239.255.255.250+6:9", NULL, "-", "239.255.255.250", 6, 9, "" },
    { "239.1.0.0+65536:9", NULL, "-", "239.1.0.0", 65536, 9, "" },
    { "239.1.2.3%eth0:10000", NULL, "-", "239.1.2.3", 1, 10000, "eth0" },
    { "239.1.2.3%2:10000", NULL, "-", "239.1.2.3", 1, 10000, "2" },
    { "239.1.2.3%fifteen-letters:10000", NULL, "-", "239.1.2.3", 1, 10000, "fifteen-letters" },
    { "239.1.2.3+2%a@b+c%d]:1", NULL, "-", "239.1.2.3", 2, 1, "a@b+c%d]" },
    { "239.1.2.3+4%eth0.7:5", NULL, "-", "239.1.2.3", 4, 5, "eth0.7" },
    { "192.0.2.5@232.1.2.3:10000", NULL, "192.0.2.5", "232.1.2.3", 1, 10000, "" },
    { "192.0.2.5@239.1.2.3:10000", NULL, "192.0.2.5", "239.1.2.3", 1, 10000, "" },
    { "192.0.2.5@224.0.1.0:10000", NULL, "192.0.2.5", "224.0.1.0", 1, 10000, "" },
    { "192.0.2.5@232.1.2.3+2%eth0:7", NULL, "192.0.2.5", "232.1.2.3", 2, 7, "eth0" },
    { "127.0.0.1@232.1.2.3:7", NULL, "127.0.0.1", "232.1.2.3", 1, 7, "" },
    { "[ff15::7]:10000", NULL, "-", "ff15::7", 1, 10000, "" },
    { "[FF15:0:0:0:0:0:0:7]:10000", "[ff15::7]:10000", "-", "ff15::7", 1, 10000, "" },
    { "[ff15::0.0.0.7]:10000", "[ff15::7]:10000", "-", "ff15::7", 1, 10000, "" },
    { "[ff02::1]:10000", NULL, "-", "ff02::1", 1, 10000, "" },
    { "[ff12::7%eth0]:10000", NULL, "-", "ff12::7", 1, 10000, "eth0" },
    { "[ff12::7%a]b@c]:10000", NULL, "-", "ff12::7", 1, 10000, "a]b@c" },
    { "[ff15::7+4]:1", NULL, "-", "ff15::7", 4, 1, "" },
    { "[ff15::7]+4:1", "[ff15::7+4]:1", "-", "ff15::7", 4, 1, "" },
    { "[ff3e::7%eth0]+4:10000", "[ff3e::7+4%eth0]:10000", "-", "ff3e::7", 4, 10000, "eth0" },
    { "[2001:db8::5]@[ff3e::7+4%eth0]:10000", NULL, "2001:db8::5", "ff3e::7", 4, 10000, "eth0" },
    { "[2001:db8::5]@[ff15::7]:10000", NULL, "2001:db8::5", "ff15::7", 1, 10000, "" },
    { "[fe80::1]@[ff32::7%eth0]:10000", NULL, "fe80::1", "ff32::7", 1, 10000, "eth0" },
    { "[::1]@[ff31::7]:10000", NULL, "::1", "ff31::7", 1, 10000, "" },
};

static void check_address(const struct herald_address *address, const char *expected)
{
    char text[HERALD_ADDRESS_TEXT_BYTES];

    assert_int_equal(herald_address_format(address, text, sizeof text), strlen(expected));
    assert_string_equal(text, expected);
}

static void every_good_form_is_understood(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof good_forms / sizeof *good_forms; i++) {
        const struct good *good = &good_forms[i];
        struct herald_error error = { .cause = "" };
        struct herald_endpoint endpoint;

        if (herald_endpoint_parse(good->text, &endpoint, &error) != 0)
            fail_msg("%s: %s", good->text, error.cause);
        check_address(&endpoint.source, good->source);
        check_address(&endpoint.group, good->group);
        assert_int_equal(endpoint.group_count, good->group_count);
        assert_int_equal(endpoint.port, good->port);
        assert_string_equal(endpoint.interface, good->interface);
    }
}

static void what_is_formatted_parses_as_the_same(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof good_forms / sizeof *good_forms; i++) {
        const char *expected = good_forms[i].canonical != NULL ? good_forms[i].canonical : good_forms[i].text;
        struct herald_endpoint endpoint;
        struct herald_endpoint again;
        char text[HERALD_ENDPOINT_TEXT_BYTES];

        assert_int_equal(herald_endpoint_parse(good_forms[i].text, &endpoint, NULL), 0);
        assert_int_equal(herald_endpoint_format(&endpoint, text, sizeof text), strlen(expected));
        assert_string_equal(text, expected);
        assert_int_equal(herald_endpoint_parse(text, &again, NULL), 0);
        assert_memory_equal(&endpoint, &again, sizeof endpoint);
    }
}

static void formatting_into_too_little_room_fails_and_stays_inside(void **state)
{
    struct herald_endpoint endpoint;
    char text[64];

    (void)state;
    assert_int_equal(herald_endpoint_parse("239.1.2.3:10000", &endpoint, NULL), 0);
    memset(text, 'x', sizeof text);
    assert_int_equal(herald_endpoint_format(&endpoint, text, strlen("239.1.2.3:10000")), -ENOSPC);
    assert_int_equal(text[strlen("239.1.2.3:10000")], 'x');
    assert_int_equal(herald_endpoint_format(&endpoint, text, strlen("239.1.2.3:10000") + 1), 15);
}

/* ---- what is refused ------------------------------------------------------------------------- */

struct bad {
    const char *text;
    const char *cause;
};

static const struct bad bad_forms[] = {
    /* nothing, or parts missing */
    { "", "the endpoint is empty" },
    { NULL, "the endpoint is empty" },
    { "239.1.2.3", "no port after the group; write 239.1.2.3:PORT" },
    { "239.1.2.3:", "no port after the group; write 239.1.2.3:PORT" },
    { "239.1.2.3%eth0", "no port after the group; write 239.1.2.3:PORT" },
    { "[ff15::7]", "no port after the group; write [ff15::7]:PORT" },
    { "[ff15::7]:", "no port after the group; write [ff15::7]:PORT" },
    { ":10000", "no group address" },
    { "%eth0:10000", "no group address" },
    { "+4:10000", "no group address" },
    { "[]:10000", "no group address" },
    { "[::1]@", "no group address" },
    { "@239.1.2.3:1", "no source address before the @" },
    { "[]@239.1.2.3:1", "no source address before the @" },
    /* ports */
    { "239.1.2.3:0", "port 0 is not between 1 and 65535" },
    { "239.1.2.3:65536", "port 65536 is not between 1 and 65535" },
    { "239.1.2.3:70000", "port 70000 is not between 1 and 65535" },
    { "239.1.2.3:99999999999999999999999", "port 99999999999999999999999 is not between 1 and 65535" },
    { "239.1.2.3:-1", "port '-1' is not a number between 1 and 65535" },
    { "239.1.2.3:+1", "port '+1' is not a number between 1 and 65535" },
    { "239.1.2.3: 1", "port ' 1' is not a number between 1 and 65535" },
    { "239.1.2.3:1 ", "port '1 ' is not a number between 1 and 65535" },
    { "239.1.2.3:010", "port '010' is not a number between 1 and 65535" },
    { "239.1.2.3:0x10", "port '0x10' is not a number between 1 and 65535" },
    { "239.1.2.3:http", "port 'http' is not a number between 1 and 65535" },
    { "239.1.2.3:10:20", "port '10:20' is not a number between 1 and 65535" },
    { "239.1.2.3:10%eth0", "port '10%eth0' is not a number between 1 and 65535" },
    { "239.1.2.3:10\n", "port '10\\x0a' is not a number between 1 and 65535" },
    /* groups that are none */
    { "10.0.0.1:1", "10.0.0.1 is not a multicast address (224.0.0.0 to 239.255.255.255)" },
    { "223.255.255.255:1", "223.255.255.255 is not a multicast address (224.0.0.0 to 239.255.255.255)" },
    { "240.0.0.0:1", "240.0.0.0 is not a multicast address (224.0.0.0 to 239.255.255.255)" },
    { "255.255.255.255:1", "255.255.255.255 is not a multicast address (224.0.0.0 to 239.255.255.255)" },
    { "[fe80::1]:1", "fe80::1 is not a multicast address (ff00::/8)" },
    { "[::]:1", ":: is not a multicast address (ff00::/8)" },
    { "[::ffff:239.1.2.3]:1", "::ffff:239.1.2.3 is IPv4 written as IPv6; write the IPv4 address alone" },
    { "239.1.2:1", "'239.1.2' is not an IPv4 address: four numbers from 0 to 255 without leading zeros" },
    { "239.1.2.3.4:1", "'239.1.2.3.4' is not an IPv4 address: four numbers from 0 to 255 without leading zeros" },
    { "239.1.2.300:1", "'239.1.2.300' is not an IPv4 address: four numbers from 0 to 255 without leading zeros" },
    { "239.01.2.3:1", "'239.01.2.3' is not an IPv4 address: four numbers from 0 to 255 without leading zeros" },
    { "4009820675:1", "'4009820675' is not an IPv4 address: four numbers from 0 to 255 without leading zeros" },
    { "[ff15:::7]:1", "'ff15:::7' is not an IPv6 address" },
    { "[ff15::12345]:1", "'ff15::12345' is not an IPv6 address" },
    { "[ff15::zz]:1", "'ff15::zz' is not a numeric IP address (names are not looked up)" },
    { "example.org:1", "'example.org' is not a numeric IP address (names are not looked up)" },
    { " 239.1.2.3:1", "' 239.1.2.3' is not a numeric IP address (names are not looked up)" },
    { "239.1.2.3/24:1", "'239.1.2.3/24' is not a numeric IP address (names are not looked up)" },
    { "udp://@239.1.2.3:1", "'udp://' is not a numeric IP address (names are not looked up)" },
    { "]", "']' is not a numeric IP address (names are not looked up)" },
    /* brackets */
    { "[ff15::7", "no closing ] in '[ff15::7'" },
    { "[", "no closing ] in '['" },
    { "[@", "no closing ] in '[@'" },
    { "[::1]@[ff15::7:1", "no closing ] in '[ff15::7:1'" },
    { "[ff15::7]x:1", "'x' after the ] is not understood" },
    { "[ff02::1]%eth0:1", "the interface belongs before the ]: [ff02::1%eth0]:PORT" },
    { "[239.1.2.3]:1", "an IPv4 group stands without brackets: 239.1.2.3:PORT" },
    { "ff15::7:10000", "an IPv6 group must stand in brackets: [ff15::7]:10000" },
    { "ff15:0:0:0:0:0:0:1:99", "an IPv6 group must stand in brackets: [ff15:0:0:0:0:0:0:1]:99" },
    { "ff15::7", "an IPv6 group must stand in brackets: [ff15::7]:PORT" },
    { "ff15::", "an IPv6 group must stand in brackets: [ff15::]:PORT" },
    { "ff15::7%eth0", "an IPv6 group must stand in brackets: [ff15::7%eth0]:PORT" },
    { "ff12::7%eth0:1000", "an IPv6 group must stand in brackets: [ff12::7%eth0]:1000" },
    { "ff15::7+3:9", "an IPv6 group must stand in brackets: [ff15::7+3]:9" },
    /* sources */
    { "192.0.2.5@224.0.0.251:5353", "192.0.2.5@224.0.0.251: groups in 224.0.0.0/24 never have a source" },
    { "192.0.2.5@224.0.0.0:5353", "192.0.2.5@224.0.0.0: groups in 224.0.0.0/24 never have a source" },
    { "[fe80::1]@[ff02::fb]:1", "fe80::1@ff02::fb: IPv6 groups of interface-local or link-local scope outside "
                                "ff30::/12 never have a source" },
    { "[::1]@[ff11::1]:1", "::1@ff11::1: IPv6 groups of interface-local or link-local scope outside ff30::/12 "
                           "never have a source" },
    { "0.0.0.0@239.1.2.3:1", "the source 0.0.0.0 is not the address of one host" },
    { "255.255.255.255@239.1.2.3:1", "the source 255.255.255.255 is not the address of one host" },
    { "239.1.1.1@239.1.2.3:1", "the source 239.1.1.1 is not the address of one host" },
    { "[::]@[ff3e::1]:1", "the source :: is not the address of one host" },
    { "[ff3e::2]@[ff3e::1]:1", "the source ff3e::2 is not the address of one host" },
    { "10.0.0.1@[ff3e::1]:1", "the source 10.0.0.1 is IPv4 but the group ff3e::1 is IPv6" },
    { "[2001:db8::5]@239.1.2.3:1", "the source 2001:db8::5 is IPv6 but the group 239.1.2.3 is IPv4" },
    { "2001:db8::5@[ff3e::1]:1", "an IPv6 source must stand in brackets: [2001:db8::5]@" },
    { "[10.0.0.1]@239.1.2.3:1", "an IPv4 source stands without brackets: 10.0.0.1@" },
    { "[::ffff:10.0.0.1]@[ff3e::1]:1", "::ffff:10.0.0.1 is IPv4 written as IPv6; write the IPv4 address alone" },
    { "[fe80::1%eth0]@[ff32::7]:1", "the interface stands after the group, not after the source" },
    { "host@239.1.2.3:1", "'host' is not a numeric IP address (names are not looked up)" },
    { "10.0.0.1@10.0.0.2@239.1.2.3:1", "'10.0.0.2@239.1.2.3' is not a numeric IP address (names are not looked up)" },
    /* ranges */
    { "239.1.2.3+:1", "no number of groups after the +" },
    { "239.1.2.3+0:1", "+0: the number of groups is not between 1 and 65536" },
    { "239.1.2.3+65537:1", "+65537: the number of groups is not between 1 and 65536" },
    { "239.1.2.3+-1:1", "'-1' after the + is not a number of groups" },
    { "239.1.2.3+4+4:1", "'4+4' after the + is not a number of groups" },
    { "239.255.255.250+7:1", "239.255.255.250+7 runs past 239.255.255.255" },
    { "232.255.255.255+2:1", "232.255.255.255+2 runs past 232.255.255.255" },
    { "[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff]+2:1",
      "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff+2 runs past the last group of ffff::/16" },
    { "[ff02:ffff:ffff:ffff:ffff:ffff:ffff:ffff]+2:1",
      "ff02:ffff:ffff:ffff:ffff:ffff:ffff:ffff+2 runs past the last group of ff02::/16" },
    { "[ff3e::7+2]+4:1", "two numbers of groups: one before the ] and one after it" },
    /* interfaces */
    { "239.1.2.3%:1", "no interface name after the %" },
    { "239.1.2.3%sixteen-letters.:1", "the interface name 'sixteen-letters.' is longer than 15 characters" },
    { "239.1.2.3%a/b:1", "'a/b' cannot be the name of an interface" },
    { "239.1.2.3%a b:1", "'a b' cannot be the name of an interface" },
    { "[ff12::7%a:b]:1", "'a:b' cannot be the name of an interface" },
    { "239.1.2.3%..:1", "'..' cannot be the name of an interface" },
    { "239.1.2.3%.:1", "'.' cannot be the name of an interface" },
    /* hostile */
    { "239.\033[31m:1", "'239.\\x1b[31m' is not a numeric IP address (names are not looked up)" },
    { "239.1.2.3%\a:1", "'\\x07' cannot be the name of an interface" },
    { "\xc2\x9b:1", "'\\xc2\\x9b' is not a numeric IP address (names are not looked up)" },
    { LONG_TEXT LONG_TEXT ":1",
      "'222222222222222222222222222222222222222222222222222222222...' is not an IPv4 address: "
      "four numbers from 0 to 255 without leading zeros" },
    { LONG_TEXT LONG_TEXT LONG_TEXT, "the endpoint is longer than 159 characters" },
};

static void every_bad_form_is_refused_with_its_cause(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof bad_forms / sizeof *bad_forms; i++) {
        struct herald_error error = { .cause = "" };
        struct herald_endpoint endpoint;
        struct herald_endpoint untouched;
        const char *text = bad_forms[i].text;

        memset(&endpoint, 0x5a, sizeof endpoint);
        memset(&untouched, 0x5a, sizeof untouched);
        if (herald_endpoint_parse(text, &endpoint, &error) != -EINVAL)
            fail_msg("accepted: %s", text);
        if (strcmp(error.cause, bad_forms[i].cause) != 0)
            fail_msg("%s\n  expected: %s\n  got:      %s", text, bad_forms[i].cause, error.cause);
        assert_int_equal(error.code, -EINVAL);
        assert_memory_equal(&endpoint, &untouched, sizeof endpoint);
        assert_int_equal(herald_endpoint_parse(text, &endpoint, NULL), -EINVAL);
    }
}

/* Whatever is cut off or put into a good text: it never crashes, and a cause is always one printable line. */
static void mutilated_texts_are_handled(void **state)
{
    static const char inserted[] = "[]@%+:.0f\x01\x7f\xff";

    (void)state;
    for (size_t i = 0; i < sizeof good_forms / sizeof *good_forms; i++) {
        size_t length = strlen(good_forms[i].text);

        for (size_t place = 0; place <= length; place++) {
            for (size_t k = 0; k < sizeof inserted; k++) {
                struct herald_error error = { .cause = "" };
                struct herald_endpoint endpoint;
                char text[HERALD_ENDPOINT_TEXT_BYTES];

                (void)snprintf(text, sizeof text, "%.*s%c%s", (int)place, good_forms[i].text, inserted[k],
                               good_forms[i].text + place);
                if (herald_endpoint_parse(text, &endpoint, &error) == 0)
                    continue;
                assert_int_not_equal(error.cause[0], '\0');
                for (const char *c = error.cause; *c != '\0'; c++)
                    assert_in_range(*c, 0x20, 0x7e);
            }
        }
    }
}

/* ---- group ranges ---------------------------------------------------------------------------- */

static void groups_of_a_range_are_consecutive(void **state)
{
    static const struct {
        const char *endpoint;
        uint32_t index;
        const char *group;
    } rows[] = {
        { "239.1.2.3:1", 0, "239.1.2.3" },
        { "239.1.2.3+16:1", 15, "239.1.2.18" },
        { "239.1.2.250+16:1", 6, "239.1.3.0" },
        { "239.1.255.255+2:1", 1, "239.2.0.0" },
        { "239.1.2.3+65536:1", 65535, "239.2.2.2" },
        { "[ff15::fffe]+4:1", 3, "ff15::1:1" },
        { "[ff15::ffff:ffff:ffff]+2:1", 1, "ff15::1:0:0:0" },
        { "[ff15::1+65536]:1", 65535, "ff15::1:0" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct herald_endpoint endpoint;
        struct herald_address group;

        assert_int_equal(herald_endpoint_parse(rows[i].endpoint, &endpoint, NULL), 0);
        assert_int_equal(herald_endpoint_group(&endpoint, rows[i].index, &group), 0);
        check_address(&group, rows[i].group);
        assert_int_equal(herald_endpoint_group(&endpoint, endpoint.group_count, &group), -ERANGE);
    }
}

/* ---- addresses and peers --------------------------------------------------------------------- */

static void addresses_have_one_canonical_text(void **state)
{
    static const char *const rows[][2] = {
        { "0.0.0.0", "0.0.0.0" },
        { "255.255.255.255", "255.255.255.255" },
        { "2001:DB8:0:0:0:0:0:1", "2001:db8::1" },
        { "2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1" },
        { "2001:0:0:1:0:0:0:1", "2001:0:0:1::1" },
        { "2001:db8:0:0:1:0:0:1", "2001:db8::1:0:0:1" },
        { "::", "::" },
        { "::ffff:1.2.3.4", "::ffff:1.2.3.4" },
        { "1111:2222:3333:4444:5555:6666:7777:8888", "1111:2222:3333:4444:5555:6666:7777:8888" },
    };
    struct herald_address address;
    char text[HERALD_ADDRESS_TEXT_BYTES];

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        assert_int_equal(herald_address_parse(rows[i][0], &address), 0);
        check_address(&address, rows[i][1]);
    }
    memset(&address, 0, sizeof address);
    check_address(&address, "-");
    assert_int_equal(herald_address_parse("10.0.0.1", &address), 0);
    assert_int_equal(herald_address_format(&address, text, strlen("10.0.0.1")), -ENOSPC);
}

static void what_is_no_address_is_refused(void **state)
{
    static const char *const rows[] = { "",          "1",         "1.2.3",      "1.2.3.4.5", "01.2.3.4", "1.2.3.256",
                                        "1.2.3.4 ",  "[::1]",     "fe80::1%lo", "1::2::3",   "12345::",  "localhost",
                                        "0x1.2.3.4", "1.2.3.4:5", "::g",        ":" };
    struct herald_address address;

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        if (herald_address_parse(rows[i], &address) != -EINVAL)
            fail_msg("accepted: %s", rows[i]);
    }
    assert_int_equal(herald_address_parse(NULL, &address), -EINVAL);
}

static void kinds_of_addresses_are_told_apart(void **state)
{
    static const struct {
        const char *text;
        bool multicast, zone, ssm;
    } rows[] = {
        { "223.255.255.255", false, false, false },
        { "224.0.0.0", true, false, false },
        { "232.1.2.3", true, false, true },
        { "239.255.255.255", true, false, false },
        { "240.0.0.0", false, false, false },
        { "fe80::1", false, true, false },
        { "febf::1", false, true, false },
        { "fec0::1", false, false, false },
        { "2001:db8::1", false, false, false },
        { "ff01::1", true, true, false },
        { "ff02::1", true, true, false },
        { "ff05::1", true, false, false },
        { "ff12::1", true, true, false },
        { "ff15::1", true, false, false },
        { "ff32::1", true, true, true },
        { "ff3e::8000:1", true, false, true },
        { "ff3e:0:0:1::1", true, false, false },
        { "ff7e::1", true, false, false },
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct herald_address address;

        assert_int_equal(herald_address_parse(rows[i].text, &address), 0);
        if (herald_address_is_multicast(&address) != rows[i].multicast ||
            herald_address_needs_zone(&address) != rows[i].zone || herald_address_is_ssm(&address) != rows[i].ssm)
            fail_msg("%s is taken for another kind", rows[i].text);
    }
}

static void addresses_are_equal_by_family_and_bytes(void **state)
{
    struct herald_address a;
    struct herald_address b;

    (void)state;
    assert_int_equal(herald_address_parse("10.0.0.1", &a), 0);
    assert_int_equal(herald_address_parse("10.0.0.1", &b), 0);
    assert_true(herald_address_equal(&a, &b));
    b.bytes[3] = 2;
    assert_false(herald_address_equal(&a, &b));
    assert_int_equal(herald_address_parse("a00:1::", &b), 0); /* the same first four bytes */
    assert_false(herald_address_equal(&a, &b));
    assert_int_equal(herald_address_parse("a00:1::1", &a), 0);
    assert_false(herald_address_equal(&a, &b));
    memset(&a, 0, sizeof a);
    memset(&b, 0, sizeof b);
    assert_true(herald_address_equal(&a, &b));
}

static void peers_carry_a_zone_where_they_need_one(void **state)
{
    static const struct {
        const char *address;
        uint32_t index;
        const char *name;
        const char *text;
    } rows[] = {
        { "10.0.0.1", 3, "eth0", "10.0.0.1:7" },      { "2001:db8::1", 3, "eth0", "[2001:db8::1]:7" },
        { "fe80::1", 3, "eth0", "[fe80::1%eth0]:7" }, { "fe80::1", 3, NULL, "[fe80::1%3]:7" },
        { "fe80::1", 3, "", "[fe80::1%3]:7" },        { "fe80::1", 0, NULL, "[fe80::1]:7" },
        { "ff02::1", 3, NULL, "[ff02::1%3]:7" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct herald_peer peer = { .port = 7, .interface_index = rows[i].index };
        char text[HERALD_ENDPOINT_TEXT_BYTES];

        assert_int_equal(herald_address_parse(rows[i].address, &peer.address), 0);
        assert_int_equal(herald_peer_format(&peer, rows[i].name, text, sizeof text), strlen(rows[i].text));
        assert_string_equal(text, rows[i].text);
        assert_int_equal(herald_peer_format(&peer, rows[i].name, text, strlen(rows[i].text)), -ENOSPC);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_good_form_is_understood),
        cmocka_unit_test(what_is_formatted_parses_as_the_same),
        cmocka_unit_test(formatting_into_too_little_room_fails_and_stays_inside),
        cmocka_unit_test(every_bad_form_is_refused_with_its_cause),
        cmocka_unit_test(mutilated_texts_are_handled),
        cmocka_unit_test(groups_of_a_range_are_consecutive),
        cmocka_unit_test(addresses_have_one_canonical_text),
        cmocka_unit_test(what_is_no_address_is_refused),
        cmocka_unit_test(kinds_of_addresses_are_told_apart),
        cmocka_unit_test(addresses_are_equal_by_family_and_bytes),
        cmocka_unit_test(peers_carry_a_zone_where_they_need_one),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
