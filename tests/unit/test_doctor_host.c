/* SPDX-License-Identifier: MIT */
/* What the doctor reads in /proc, and how it writes names for a shell. */
#include "host.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

static const char columns[] = "TcpExt: SyncookiesSent IPReversePathFilter Last\n"
                              "TcpExt: 1 17 18446744073709551615\n"
                              "IpExt: InNoRoutes OutMcastPkts\n"
                              "IpExt: 3 4\n";
static const char lines[] = "Ip6InReceives      \t12\nUdp6IgnoredMulti   \t7\nUdp6Ignored \t9";

static void counters_are_found(void **state)
{
    static const struct {
        const char *text, *section, *name;
        int result;
        uint64_t value;
    } rows[] = {
        { columns, "TcpExt", "SyncookiesSent", 0, 1 },
        { columns, "TcpExt", "IPReversePathFilter", 0, 17 },
        { columns, "TcpExt", "Last", 0, UINT64_MAX },
        { columns, "IpExt", "OutMcastPkts", 0, 4 },
        { columns, "TcpExt", "OutMcastPkts", -ENOENT, 0 },
        { columns, "Ext", "OutMcastPkts", -ENOENT, 0 },
        { columns, "TcpExt", "IPReverse", -ENOENT, 0 },
        { columns, "TcpExt", "", -ENOENT, 0 },
        { lines, NULL, "Ip6InReceives", 0, 12 },
        { lines, NULL, "Udp6Ignored", 0, 9 },
        { lines, NULL, "Udp6IgnoredMulti", 0, 7 },
        { lines, NULL, "Udp6", -ENOENT, 0 },
        /* Cut short, or no numbers: the file is somebody else's. */
        { "", "TcpExt", "A", -ENOENT, 0 },
        { "", NULL, "A", -ENOENT, 0 },
        { "\n\n", NULL, "A", -ENOENT, 0 },
        { "TcpExt:", "TcpExt", "A", -ENOENT, 0 },
        { "TcpExt: A", "TcpExt", "A", -ENOENT, 0 },
        { "TcpExt: A\n", "TcpExt", "A", -ENOENT, 0 },
        { "TcpExt: A B\nTcpExt: 1", "TcpExt", "B", -EBADMSG, 0 },
        { "TcpExt: A\nTcpExt: x", "TcpExt", "A", -EBADMSG, 0 },
        { "A x", NULL, "A", -EBADMSG, 0 },
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        uint64_t value = 0;

        assert_int_equal(hd_host_find_counter(rows[i].text, rows[i].section, rows[i].name, &value), rows[i].result);
        assert_int_equal(value, rows[i].value);
    }
}

static void settings_are_read(void **state)
{
    int64_t value = -7;

    (void)state;
    assert_int_equal(hd_host_setting(&value, "net/ipv4/conf/%s/rp_filter", "lo"), 0);
    assert_in_range((unsigned long)value, 0, 2);
    value = -7;
    assert_int_equal(hd_host_setting(&value, "net/ipv4/conf/%s/rp_filter", "no-such"), -ENOENT);
    assert_int_equal(hd_host_setting(&value, "net/%0300d", 0), -ENAMETOOLONG);
    assert_int_equal(hd_host_setting(&value, "kernel/ostype"), -EBADMSG);
    assert_int_equal(value, -7);
}

static void names_are_one_word(void **state)
{
    static const struct {
        const char *name, *word;
    } rows[] = {
        { "eth0", "eth0" },
        { "br-0123@if.7:1", "br-0123@if.7:1" },
        { "-x", "'-x'" },
        { "a;reboot", "'a;reboot'" },
        { "a'b", "'a'\\''b'" },
        { "$(id)", "'$(id)'" },
        { "'''''''''''''''", "''\\'''\\'''\\'''\\'''\\'''\\'''\\'''\\'''\\'''\\'''\\'''\\'''\\'''\\'''\\'''" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char word[HD_WORD_BYTES];

        assert_string_equal(hd_word(rows[i].name, word), rows[i].word);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(counters_are_found),
        cmocka_unit_test(settings_are_read),
        cmocka_unit_test(names_are_one_word),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
