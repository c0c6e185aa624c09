/* SPDX-License-Identifier: MIT */
/* The list of those who are expected: what is taken, what is refused, and how it is told. */
#include "put_hosts.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

static int parse(const char *text, struct put_hosts *hosts, struct herald_error *error)
{
    return put_hosts_parse(text, strlen(text), "hosts.txt", hosts, error);
}

static void names_addresses_and_node_ids_are_told_apart(void **state)
{
    struct put_hosts hosts;
    struct herald_error error;
    struct herald_address ipv4;
    struct herald_address ipv6;

    (void)state;
    assert_int_equal(herald_address_parse("10.0.0.7", &ipv4), 0);
    assert_int_equal(herald_address_parse("fd00::7", &ipv6), 0);
    assert_int_equal(parse("web1\n10.0.0.7\nfd00::7\nnode:17\nnode:0xff\nweb-2.example.org\n", &hosts, &error), 0);
    assert_int_equal(hosts.count, 6);
    assert_string_equal(hosts.items[0].host, "web1");
    assert_null(hosts.items[1].host);
    assert_true(herald_address_equal(&hosts.items[1].address, &ipv4));
    assert_true(herald_address_equal(&hosts.items[2].address, &ipv6));
    assert_int_equal(hosts.items[3].node_id, 17);
    assert_int_equal(hosts.items[3].address.family, HERALD_FAMILY_NONE);
    assert_int_equal(hosts.items[4].node_id, 255);
    assert_string_equal(hosts.items[5].host, "web-2.example.org");
    put_hosts_release(&hosts);
    assert_int_equal(hosts.count, 0);
}

static void comments_blanks_and_empty_lines_are_skipped(void **state)
{
    struct put_hosts hosts;
    struct herald_error error;

    (void)state;
    assert_int_equal(parse("# all of them\n\n  web1\t\r\n   \nweb2# the second\n#web3\nweb4", &hosts, &error), 0);
    assert_int_equal(hosts.count, 3);
    assert_string_equal(hosts.items[0].host, "web1");
    assert_string_equal(hosts.items[1].host, "web2");
    assert_string_equal(hosts.items[2].host, "web4");
    put_hosts_release(&hosts);
}

static void whoever_stands_there_twice_counts_once_and_the_order_stays(void **state)
{
    struct put_hosts hosts;
    struct herald_error error;

    (void)state;
    assert_int_equal(parse("web2\n10.0.0.1\nWEB2\nnode:1\nweb1\nnode:0x1\n10.0.0.1\n", &hosts, &error), 0);
    assert_int_equal(hosts.count, 4);
    assert_string_equal(hosts.items[0].host, "web2");
    assert_int_equal(hosts.items[1].address.family, HERALD_FAMILY_IPV4);
    assert_int_equal(hosts.items[2].node_id, 1);
    assert_string_equal(hosts.items[3].host, "web1");
    put_hosts_release(&hosts);
}

static void a_mistake_is_told_with_the_number_of_its_line(void **state)
{
    static const struct {
        const char *text;
        const char *cause;
    } rows[] = {
        { "web1\nweb2 web3\n", "hosts.txt, line 2: 'web2 web3' is more than one word" },
        { "\n#\n10.0.0.300\n", "hosts.txt, line 3: '10.0.0.300' is neither" },
        { "10.0.0.1:80", "hosts.txt, line 1: '10.0.0.1:80' is neither" },
        { "10.0.0.0/24", "hosts.txt, line 1: '10.0.0.0/24' is neither" },
        { "fe80::1%eth0", "hosts.txt, line 1: 'fe80::1%eth0' is neither" },
        { "239.1.2.3", "hosts.txt, line 1: '239.1.2.3' is a group" },
        { "node:", "hosts.txt, line 1: 'node:' is no node id" },
        { "node:0", "hosts.txt, line 1: 'node:0' is no node id" },
        { "node:-1", "hosts.txt, line 1: 'node:-1' is no node id" },
        { "node: 7", "hosts.txt, line 1: 'node: 7' is more than one word" },
        { "node:4294967295", "hosts.txt, line 1: 'node:4294967295' is no node id" },
        { "node:99999999999999999999999", "hosts.txt, line 1: 'node:99999999999999999999999' is no node id" },
        { "node:0x", "hosts.txt, line 1: 'node:0x' is no node id" },
        { "node:0xfg", "hosts.txt, line 1: 'node:0xfg' is no node id" },
        { "we$b", "hosts.txt, line 1: 'we$b' is no host's name" },
        { "w\x01", "hosts.txt, line 1: 'w?' is no host's name" },
        { "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "longer than a host's name" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct put_hosts hosts = { .count = 77 };
        struct herald_error error;

        if (parse(rows[i].text, &hosts, &error) != -EINVAL)
            fail_msg("'%s' was taken", rows[i].text);
        if (strstr(error.cause, rows[i].cause) == NULL)
            fail_msg("'%s' was refused with '%s'", rows[i].text, error.cause);
        assert_int_equal(hosts.count, 77);
    }
}

static void a_text_that_names_nobody_is_refused(void **state)
{
    static const char *const rows[] = { "", "\n", "# web1\n", " \r\n" };
    struct put_hosts hosts;
    struct herald_error error;

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        assert_int_equal(parse(rows[i], &hosts, &error), -EINVAL);
        assert_string_equal(error.cause, "hosts.txt names nobody");
    }
    assert_int_equal(put_hosts_parse("web1\0web2", 9, "hosts.txt", &hosts, &error), -EINVAL);
    assert_non_null(strstr(error.cause, "no text"));
}

static void a_list_of_more_than_65536_is_refused(void **state)
{
    size_t size = 0;
    char *text = NULL;
    FILE *stream = open_memstream(&text, &size);
    struct put_hosts hosts;
    struct herald_error error;

    (void)state;
    for (int i = 1; i <= PUT_HOSTS_MAX; i++)
        fprintf(stream, "node:%d\n", i);
    assert_int_equal(fflush(stream), 0);
    assert_int_equal(put_hosts_parse(text, size, "hosts.txt", &hosts, &error), 0);
    assert_int_equal(hosts.count, PUT_HOSTS_MAX);
    assert_int_equal(hosts.items[PUT_HOSTS_MAX - 1].node_id, PUT_HOSTS_MAX);
    put_hosts_release(&hosts);
    fputs("one-more\n", stream);
    assert_int_equal(fclose(stream), 0);
    assert_int_equal(put_hosts_parse(text, size, "hosts.txt", &hosts, &error), -EINVAL);
    free(text);
}

static void a_file_is_read_and_a_missing_one_named(void **state)
{
    char directory[] = "/tmp/hosts_XXXXXX";
    char path[64];
    struct put_hosts hosts;
    struct herald_error error;
    FILE *file;

    (void)state;
    assert_non_null(mkdtemp(directory));
    snprintf(path, sizeof path, "%s/hosts", directory);
    assert_int_equal(put_hosts_read(path, &hosts, &error), -ENOENT);
    assert_non_null(strstr(error.cause, path));
    assert_int_equal(put_hosts_read(directory, &hosts, &error), -EISDIR);
    file = fopen(path, "w");
    fputs("web1\n", file);
    fclose(file);
    assert_int_equal(put_hosts_read(path, &hosts, &error), 0);
    assert_int_equal(hosts.count, 1);
    put_hosts_release(&hosts);
    unlink(path);
    rmdir(directory);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_addresses_and_node_ids_are_told_apart),
        cmocka_unit_test(comments_blanks_and_empty_lines_are_skipped),
        cmocka_unit_test(whoever_stands_there_twice_counts_once_and_the_order_stays),
        cmocka_unit_test(a_mistake_is_told_with_the_number_of_its_line),
        cmocka_unit_test(a_text_that_names_nobody_is_refused),
        cmocka_unit_test(a_list_of_more_than_65536_is_refused),
        cmocka_unit_test(a_file_is_read_and_a_missing_one_named),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
