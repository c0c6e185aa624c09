/* SPDX-License-Identifier: MIT */
/* What the kernel prints about memberships and multicast routes, and what firmware says about where a machine is. */
#include "clouds.h"
#include "joined.h"
#include "mroute.h"

#include <herald/endpoint.h>

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

enum { TEXT_BYTES = 1024 };

static const char igmp[] = "Idx\tDevice    : Count Querier\tGroup    Users Timer\tReporter\n"
                           "1\tlo        :     1      V3\n"
                           "\t\t\t\t010000E0     1 0:00000000\t\t0\n"
                           "12\teth0.100_a_long:     2      V2\n"
                           "\t\t\t\t030201EF     2 1:00000010\t\t1\n"
                           "\t\t\t\t010000E0     1 0:00000000\t\t0\n";

static const char igmp6[] = "1    lo              ff020000000000000000000000000001     1 0000000C 0\n"
                            "2    eth0            ff15000000000000000000000000abcd     3 00000005 17\n"
                            "2    eth0            ff02000000000000000000000000000      1 0000000C 0\n"
                            "2    eth0            zz020000000000000000000000000001     1 0000000C 0\n";

static int write_down(const struct hd_joined *joined, void *userdata)
{
    char *text = userdata, address[HERALD_ADDRESS_TEXT_BYTES];
    size_t length = strlen(text);

    (void)herald_address_format(&joined->group, address, sizeof address);
    (void)snprintf(text + length, TEXT_BYTES - length, "%u v%u %s %u %d;", joined->interface_index,
                   joined->igmp_version, address, joined->users, joined->timer_running);
    return 0;
}

static int stop_at_once(const struct hd_joined *joined, void *userdata)
{
    (void)joined;
    ++*(int *)userdata;
    return -ECANCELED;
}

static void memberships_are_read(void **state)
{
    char text[TEXT_BYTES] = "";
    int calls = 0;

    (void)state;
    assert_int_equal(hd_joined_parse(HERALD_FAMILY_IPV4, igmp, write_down, text), 0);
    assert_string_equal(text, "1 v3 - 0 0;1 v3 224.0.0.1 1 0;12 v2 - 0 0;12 v2 239.1.2.3 2 1;12 v2 224.0.0.1 1 0;");
    text[0] = '\0';
    assert_int_equal(hd_joined_parse(HERALD_FAMILY_IPV6, igmp6, write_down, text), 0);
    assert_string_equal(text, "1 v0 ff02::1 1 0;2 v0 ff15::abcd 3 1;");
    assert_int_equal(hd_joined_parse(HERALD_FAMILY_IPV4, igmp, stop_at_once, &calls), -ECANCELED);
    assert_int_equal(calls, 1);
}

static void nonsense_is_passed_over(void **state)
{
    static const char *const texts[] = {
        "", "\n\n", "V", "V3", "x V3\n", "3 eth0 : 1 V9\n", "\t\t\t\t010000E0 1 0:0\n", "\t\t\t\tgroup\n",
    };
    char text[TEXT_BYTES] = "", line[600];

    (void)state;
    memset(line, '1', sizeof line);
    line[sizeof line - 1] = '\0';
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        assert_int_equal(hd_joined_parse(HERALD_FAMILY_IPV4, texts[i], write_down, text), 0);
        assert_int_equal(hd_joined_parse(HERALD_FAMILY_IPV6, texts[i], write_down, text), 0);
    }
    assert_int_equal(hd_joined_parse(HERALD_FAMILY_IPV4, line, write_down, text), 0);
    assert_int_equal(hd_joined_parse(HERALD_FAMILY_IPV6, line, write_down, text), 0);
    assert_string_equal(text, "");
}

static void describe_route(const struct hd_mroute *route, char text[TEXT_BYTES])
{
    char group[HERALD_ADDRESS_TEXT_BYTES], source[HERALD_ADDRESS_TEXT_BYTES];
    size_t length;

    (void)herald_address_format(&route->group, group, sizeof group);
    (void)herald_address_format(&route->source, source, sizeof source);
    (void)snprintf(text, TEXT_BYTES, "%s %s in %d packets %u wrong %u out", group, source, route->input,
                   (unsigned)route->packets, (unsigned)route->wrong);
    for (uint32_t i = 0; i < route->output_count; i++) {
        length = strlen(text);
        (void)snprintf(text + length, TEXT_BYTES - length, " %d", route->outputs[i]);
    }
}

static void routes_are_read(void **state)
{
    static const struct {
        enum herald_family family;
        const char *line, *wanted; /* NULL: it is no route */
    } rows[] = {
        { HERALD_FAMILY_IPV4, "Group    Origin   Iif     Pkts    Bytes    Wrong Oifs", NULL },
        { HERALD_FAMILY_IPV4, "030201EF 0100000A 0          3      120        1  1:1    2:1  ",
          "239.1.2.3 10.0.0.1 in 0 packets 3 wrong 1 out 1 2" },
        { HERALD_FAMILY_IPV4, "030201EF 0100000A -1         0        0        0",
          "239.1.2.3 10.0.0.1 in -1 packets 0 wrong 0 out" },
        { HERALD_FAMILY_IPV4, "030201EF 00000000 0          0        0        0  1:x",
          "239.1.2.3 0.0.0.0 in 0 packets 0 wrong 0 out" },
        { HERALD_FAMILY_IPV6,
          "ff15:0000:0000:0000:0000:0000:0000:0007 fd00:0000:0000:0000:0000:0000:0000:0001 1   5   400   0  0:1",
          "ff15::7 fd00::1 in 1 packets 5 wrong 0 out 0" },
        { HERALD_FAMILY_IPV6, "030201EF 0100000A 0          3      120        1  1:1", NULL },
        { HERALD_FAMILY_IPV4, "030201EF 0100000 0          3      120        1  1:1", NULL },
        { HERALD_FAMILY_IPV4, "030201EF 0100000A 0          3      120", NULL },
        { HERALD_FAMILY_IPV4, "", NULL },
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct hd_mroute route;
        char text[TEXT_BYTES];

        if (rows[i].wanted == NULL) {
            assert_int_equal(hd_mroute_parse(rows[i].family, rows[i].line, &route), -EBADMSG);
            continue;
        }
        assert_int_equal(hd_mroute_parse(rows[i].family, rows[i].line, &route), 0);
        describe_route(&route, text);
        assert_string_equal(text, rows[i].wanted);
    }
}

static void more_outputs_than_there_is_room_for(void **state)
{
    char line[2048] = "030201EF 0100000A 0 3 120 1";
    struct hd_mroute route;

    (void)state;
    for (int i = 0; i < 100; i++)
        strcat(line, " 7:1");
    assert_int_equal(hd_mroute_parse(HERALD_FAMILY_IPV4, line, &route), 0);
    assert_int_equal(route.output_count, HD_MROUTE_OUTPUTS_MAX);
}

static void virtual_interfaces_have_names(void **state)
{
    static const char vifs[] = "Interface      BytesIn  PktsIn  BytesOut PktsOut Flags Local    Remote\n"
                               " 0 eth0              0       0         0       0 00000 00000000 00000000\n"
                               " 1 eth1              0       0         0       0 00000 00000000 00000000\n"
                               "10 none\n";
    char name[HERALD_INTERFACE_NAME_BYTES];

    (void)state;
    hd_mroute_interface(vifs, 1, name);
    assert_string_equal(name, "eth1");
    hd_mroute_interface(vifs, 10, name);
    assert_string_equal(name, "none");
    hd_mroute_interface(vifs, 7, name);
    assert_string_equal(name, "?");
    hd_mroute_interface("", 0, name);
    assert_string_equal(name, "?");
}

static void clouds_are_known_by_their_firmware(void **state)
{
    static const struct {
        const char *vendor, *product, *asset, *wanted; /* NULL: no cloud */
    } rows[] = {
        { "Amazon EC2\n", "c5.large\n", "Amazon EC2\n", "Amazon EC2" },
        { "Google\n", "Google Compute Engine\n", "\n", "Google Cloud" },
        { "Google\n", "Link\n", "\n", NULL }, /* a Chromebook */
        { "Microsoft Corporation\n", "Virtual Machine\n", "7783-7084-3265-9085-8269-3286-77\n", "Microsoft Azure" },
        { "Microsoft Corporation\n", "Virtual Machine\n", "0000-0001\n", NULL }, /* Hyper-V at home */
        { "QEMU\n", "Standard PC\n", "OracleCloud.com\n", "Oracle Cloud" },
        { "QEMU\n", "Standard PC\n", "\n", NULL },
        { "", "", "", NULL },
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const struct hd_cloud *cloud = hd_cloud_find(rows[i].vendor, rows[i].product, rows[i].asset);

        if (rows[i].wanted == NULL)
            assert_null(cloud);
        else
            assert_string_equal(cloud->name, rows[i].wanted);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(memberships_are_read),
        cmocka_unit_test(nonsense_is_passed_over),
        cmocka_unit_test(routes_are_read),
        cmocka_unit_test(more_outputs_than_there_is_room_for),
        cmocka_unit_test(virtual_interfaces_have_names),
        cmocka_unit_test(clouds_are_known_by_their_firmware),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
