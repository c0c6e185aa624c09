/* SPDX-License-Identifier: MIT */
/* Findings as one host tells them to another, whole, cut and malformed; and which of their commands may be run. */
#include "told.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

enum { ROOM_BYTES = 1000, FINDINGS_MAX = 4 };

static struct herald_finding finding_of(enum herald_finding_level level, const char *seen, const char *remedy)
{
    struct herald_finding finding = { .level = level, .check = "rp_filter", .interface = "eth0" };

    (void)snprintf(finding.seen, sizeof finding.seen, "%s", seen);
    (void)snprintf(finding.meaning, sizeof finding.meaning, "nothing comes");
    (void)snprintf(finding.remedy, sizeof finding.remedy, "%s", remedy);
    finding.remedy_is_command = true;
    return finding;
}

static void what_is_told_is_understood(void **state)
{
    const struct herald_finding told[] = {
        finding_of(HERALD_FINDING_FAULT, "tab\tand\nline", "sysctl -w net.a=2"),
        finding_of(HERALD_FINDING_OK, "fine", ""),
        finding_of(HERALD_FINDING_WARNING, "second", "rm -rf /"),
    };
    struct herald_finding read[FINDINGS_MAX];
    char text[ROOM_BYTES];
    size_t length = hd_told_write(text, sizeof text, told, 3);
    bool is_whole;

    (void)state;
    assert_int_equal(length, strlen(text));
    assert_int_equal(hd_told_read(text, read, FINDINGS_MAX, &is_whole), 2);
    assert_true(is_whole);
    assert_int_equal(read[0].level, HERALD_FINDING_FAULT);
    assert_string_equal(read[0].check, "rp_filter");
    assert_string_equal(read[0].interface, "eth0");
    assert_string_equal(read[0].seen, "tab and line");
    assert_string_equal(read[0].meaning, "nothing comes");
    assert_string_equal(read[0].remedy, "sysctl -w net.a=2");
    assert_true(read[0].remedy_is_command);
    assert_string_equal(read[0].host, "");
    assert_int_equal(read[1].level, HERALD_FINDING_WARNING);
    assert_false(read[1].remedy_is_command);
    assert_int_equal(hd_told_read(text, read, 1, &is_whole), 1);
}

/* And who reads it knows that there was more. */
static void what_does_not_fit_is_left_out_whole(void **state)
{
    const struct herald_finding fault = finding_of(HERALD_FINDING_FAULT, "seen", "sysctl -w net.a=2");
    const struct herald_finding told[] = { fault, fault, fault };
    struct herald_finding read[FINDINGS_MAX];
    int seen = 0;

    (void)state;
    for (size_t room = 64; room < 300; room++) {
        char text[300];
        bool is_whole;
        size_t length = hd_told_write(text, room, told, 3);
        int count = hd_told_read(text, read, FINDINGS_MAX, &is_whole);

        assert_true(length < room);
        assert_int_equal(length, strlen(text));
        assert_in_range(count, seen, seen + 1); /* more room, more findings */
        assert_true(is_whole == (count == 3));
        seen = count;
    }
    assert_int_equal(seen, 3);
}

static void anything_else_is_passed_over(void **state)
{
    static const struct {
        const char *text;
        int count; /* or -EBADMSG */
        bool is_whole;
    } rows[] = {
        { "", -EBADMSG, false },
        { "herald", -EBADMSG, false },
        { "herald 1", -EBADMSG, false },
        { "herald 2\nend\n", -EBADMSG, false },
        { "herald 1\n", 0, false },
        { "herald 1\nend", 0, false },
        { "herald 1\nend\n", 0, true },
        { "herald 1\nend\nfault\tttl\t\ts\tm\tr\twords\n", 0, true },
        { "herald 1\nfault\tttl\t\ts\tm\tr\twords", 0, false },
        { "herald 1\nfault\tttl\t\ts\tm\tr\twords\n", 1, false },
        { "herald 1\nfault\tttl\t\ts\tm\tr\n", 0, false },
        { "herald 1\nfault\tttl\t\ts\tm\nend\n", 0, true },
        { "herald 1\nfault\nfault\t\n\n\t\t\t\t\t\t\t\nend\n", 0, true },
        { "herald 1\nnews\ta\tb\nfault\tttl\t\ts\tm\tr\twords\tmore\tparts\nend\n", 1, true },
        { "herald 1\nwarning\tunheard of\t\ts\tm\tr\tcommand\nend\n", 1, true },
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct herald_finding read[FINDINGS_MAX];
        bool is_whole = false;
        int count = hd_told_read(rows[i].text, read, FINDINGS_MAX, &is_whole);

        assert_int_equal(count, rows[i].count);
        assert_int_equal(is_whole, rows[i].is_whole);
        if (count == 1)
            assert_true(strcmp(read[0].check, "ttl") == 0 || strcmp(read[0].check, "other") == 0);
    }
}

static void control_characters_do_not_come_through(void **state)
{
    struct herald_finding read[FINDINGS_MAX];
    bool is_whole;

    (void)state;
    assert_int_equal(hd_told_read("herald 1\nfault\tttl\te\x1b\ta\x07"
                                  "b\x7f\x1b[2J\tm\r\tr\twords\nend\n",
                                  read, FINDINGS_MAX, &is_whole),
                     1);
    assert_string_equal(read[0].interface, "e?");
    assert_string_equal(read[0].seen, "a?b??[2J");
    assert_string_equal(read[0].meaning, "m?");
}

static void only_harmless_commands_are_commands(void **state)
{
    static const struct {
        const char *command;
        bool is_harmless;
    } rows[] = {
        { "sysctl -w net.ipv4.conf.eth0.rp_filter=2", true },
        { "sysctl -w net/ipv4/conf/eth0.5/rp_filter=2", true },
        { "sysctl -w net.ipv4.igmp_max_memberships=30 net.core.optmem_max=131072", true },
        { "sysctl -w net.a=1 kernel.core_pattern=x", false },
        { "sysctl -w kernel.core_pattern=x", false },
        { "sysctl -w net.a=1; rm x", false },
        { "sysctl -w net.a=1 && rm x", false },
        { "sysctl -w net.a=1 &&", false },
        { "sysctl -w net.a=1 & rm x", false },
        { "sysctl -w net.a=$(rm x)", false },
        { "sysctl -w net.a=`rm x`", false },
        { "sysctl -w net.a=1\nrm x", false },
        { "sysctl -w net.a=1 > x", false },
        { "sysctl -w net.a=1 && sysctl -w net.b=2", true },
        { "nft insert rule inet filter input ip daddr 239.1.2.3 udp dport 10000 accept", true },
        { "nft insert rule inet a b ip daddr 239.1.2.3 udp dport 1 accept && nft insert rule ip a b ip daddr 239.1.2.3 "
          "udp dport 1 accept",
          true },
        { "nft insert rule inet filter input accept", false },
        { "nft insert rule inet filter input ip daddr 0.0.0.0/0 udp dport 1 accept", false },
        { "nft insert rule inet filter input ip daddr 239.1.2.3 udp dport 1 drop", false },
        { "nft insert rule inet filter input ip6 daddr ff15::7 udp dport 10000 accept", true },
        { "nft insert rule inet filter input ip daddr 0.0.0.0-255.255.255.255 udp dport 1 accept", false },
        { "nft insert rule inet filter input ip daddr 10.0.0.1 udp dport 1 accept", false },
        { "nft insert rule inet filter input ip daddr 239.1.2.3 udp dport 1-65535 accept", false },
        { "nft insert rule inet filter input tcp dport 22 accept ip daddr 239.1.2.3 udp dport 1 accept", false },
        { "nft insert rule inet filter input ip daddr 239.1.2.3 udp dport 1", false },
        { "nft flush ruleset", false },
        { "ip route add 10.0.0.1/32 dev eth0", true },
        { "ip route add 10.0.0.1/32 dev eth0 table local", false },
        { "ip route add default dev eth0", false },
        { "ip route add 10.0.0.1/32 via 10.0.0.66", false },
        { "ip route add 10.0.0.1/32 dev eth0 via 10.0.0.66", false },
        { "ip link set eth0 up multicast on", true },
        { "ip link set eth0 multicast on", true },
        { "ip link set eth0 up", true },
        { "ip link set eth0 up up", false },
        { "ip link set eth0 down multicast on", false },
        { "ip link set eth0 address 02:00:00:00:00:01 up", false },
        { "ip link set eth0 master br0 up", false },
        { "ip link set -r up", false },
        { "ip link set eth0 down", false },
        { "ip link set eth0 netns x up", false },
        { "ip netns exec x reboot", false },
        { "ip -b file", false },
        { "rm -rf /", false },
        { " sysctl -w net.a=1", false },
        { "", false },
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        if (hd_told_is_harmless(rows[i].command) != rows[i].is_harmless)
            fail_msg("'%s' should be %s", rows[i].command, rows[i].is_harmless ? "harmless" : "refused");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_told_is_understood),          cmocka_unit_test(what_does_not_fit_is_left_out_whole),
        cmocka_unit_test(anything_else_is_passed_over),        cmocka_unit_test(control_characters_do_not_come_through),
        cmocka_unit_test(only_harmless_commands_are_commands),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
