/* SPDX-License-Identifier: MIT */
/* The filter for copies that two interfaces on one LAN bring. */
#include "duplicates.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define MS UINT64_C(1000000)

static struct hd_duplicates *filter;

static int open_filter(void **state)
{
    (void)state;
    return hd_duplicates_new(&filter, 42);
}

static int close_filter(void **state)
{
    (void)state;
    filter = hd_duplicates_free(filter);
    return 0;
}

/* A run from 10.0.0.PORT in `buffer`, which arrives on an interface at a time. */
static struct herald_run make_run(const uint8_t *buffer, size_t size, size_t segment, uint32_t interface,
                                  uint64_t time_ns)
{
    struct herald_run run = {
        .payload = buffer,
        .size_bytes = size,
        .segment_bytes = segment,
        .source = { .address = { HERALD_FAMILY_IPV4, { 10, 0, 0, 1 } }, .port = 4000, .interface_index = interface },
        .group = { HERALD_FAMILY_IPV4, { 239, 1, 2, 3 } },
        .group_port = 10000,
        .time_ns = time_ns,
    };

    return run;
}

/* One datagram of text. @return whether it is let through. */
static bool passes(const char *text, uint32_t interface, uint64_t time_ns)
{
    uint8_t buffer[64];
    size_t size = strlen(text);
    struct herald_run run;

    memcpy(buffer, text, size);
    run = make_run(buffer, size, size, interface, time_ns);
    return hd_duplicates_filter(filter, &run, buffer) == 0;
}

static void the_second_copy_on_another_interface_is_dropped(void **state)
{
    (void)state;
    assert_true(passes("a", 1, 1000 * MS));
    assert_false(passes("a", 2, 1001 * MS));
    assert_true(passes("b", 2, 1002 * MS));
    assert_false(passes("b", 1, 1003 * MS));
}

static void a_repeated_message_is_not_a_copy(void **state)
{
    (void)state;
    for (uint64_t i = 0; i < 100; i++) {
        assert_true(passes("tick", 1, (1000 + i) * MS));
        assert_false(passes("tick", 2, (1000 + i) * MS + 1000));
    }
}

static void what_one_interface_loses_is_taken_from_the_other(void **state)
{
    (void)state;
    assert_true(passes("tick", 1, 1000 * MS));
    assert_false(passes("tick", 2, 1000 * MS));
    /* The second tick is lost on interface 1. */
    assert_true(passes("tick", 2, 1010 * MS));
    assert_false(passes("tick", 1, 1020 * MS) && passes("tick", 2, 1020 * MS));
}

static void the_same_bytes_after_the_window_are_a_new_message(void **state)
{
    (void)state;
    assert_true(passes("a", 1, 1000 * MS));
    assert_false(passes("a", 2, 1199 * MS));
    assert_true(passes("a", 2, 1201 * MS));
    assert_false(passes("a", 1, 1202 * MS));
}

static void a_clock_set_back_does_not_swallow_messages(void **state)
{
    (void)state;
    assert_true(passes("a", 1, 9000 * MS));
    assert_true(passes("a", 2, 1000 * MS));
}

static void another_source_port_or_group_is_another_message(void **state)
{
    uint8_t buffer[1] = { 'x' };
    struct herald_run run = make_run(buffer, 1, 1, 1, 1000 * MS);

    (void)state;
    assert_int_equal(hd_duplicates_filter(filter, &run, buffer), 0);
    run = make_run(buffer, 1, 1, 2, 1000 * MS);
    run.source.port = 4001;
    assert_int_equal(hd_duplicates_filter(filter, &run, buffer), 0);
    run = make_run(buffer, 1, 1, 2, 1000 * MS);
    run.source.address.bytes[3] = 2;
    assert_int_equal(hd_duplicates_filter(filter, &run, buffer), 0);
    run = make_run(buffer, 1, 1, 2, 1000 * MS);
    run.group.bytes[3] = 4;
    assert_int_equal(hd_duplicates_filter(filter, &run, buffer), 0);
    run = make_run(buffer, 1, 1, 2, 1000 * MS);
    run.group_port = 10001;
    assert_int_equal(hd_duplicates_filter(filter, &run, buffer), 0);
}

static void copies_are_taken_out_of_the_middle_of_a_run(void **state)
{
    uint8_t first[] = "aaabbbccc";
    uint8_t second[] = "aaaXXXcccYY";
    struct herald_run run = make_run(first, 9, 3, 1, 1000 * MS);

    (void)state;
    assert_int_equal(hd_duplicates_filter(filter, &run, first), 0);
    assert_int_equal(run.size_bytes, 9);
    run = make_run(second, 11, 3, 2, 1000 * MS);
    assert_int_equal(hd_duplicates_filter(filter, &run, second), 2);
    assert_int_equal(run.size_bytes, 5);
    assert_int_equal(herald_run_count(&run), 2);
    assert_memory_equal(run.payload, "XXXYY", 5);
}

static void a_run_of_copies_vanishes_and_so_does_an_empty_copy(void **state)
{
    uint8_t buffer[] = "aaabbb";
    struct herald_run run = make_run(buffer, 6, 3, 1, 1000 * MS);

    (void)state;
    assert_int_equal(hd_duplicates_filter(filter, &run, buffer), 0);
    run = make_run(buffer, 6, 3, 2, 1000 * MS);
    assert_int_equal(hd_duplicates_filter(filter, &run, buffer), 2);
    run = make_run(buffer, 0, 0, 1, 1000 * MS);
    assert_int_equal(hd_duplicates_filter(filter, &run, buffer), 0);
    run = make_run(buffer, 0, 0, 2, 1000 * MS);
    assert_int_equal(hd_duplicates_filter(filter, &run, buffer), 1);
}

static void more_interfaces_than_are_remembered_still_bring_only_copies(void **state)
{
    (void)state;
    assert_true(passes("a", 1, 1000 * MS));
    for (uint32_t interface = 2; interface < 10; interface++)
        assert_false(passes("a", interface, 1000 * MS));
}

static void many_datagrams_at_once_are_all_recognised(void **state)
{
    (void)state;
    for (int round = 0; round < 2; round++)
        for (uint32_t i = 0; i < 8192; i++) {
            uint8_t buffer[4];
            struct herald_run run = make_run(buffer, 4, 4, round == 0 ? 1 : 2, (1000 + i / 1000) * MS);

            memcpy(buffer, &i, 4);
            assert_int_equal(hd_duplicates_filter(filter, &run, buffer), round == 0 ? 0 : 1);
        }
}

static void what_a_clock_set_back_left_in_the_future_makes_room(void **state)
{
    uint8_t buffer[4];

    (void)state;
    for (uint32_t i = 0; i < 200000; i++) {
        struct herald_run run = make_run(buffer, 4, 4, 1, 3600000 * MS);

        memcpy(buffer, &i, 4);
        hd_duplicates_filter(filter, &run, buffer);
    }
    many_datagrams_at_once_are_all_recognised(state);
}

int main(void)
{
#define FILTER_TEST(test) cmocka_unit_test_setup_teardown(test, open_filter, close_filter)
    const struct CMUnitTest tests[] = {
        FILTER_TEST(the_second_copy_on_another_interface_is_dropped),
        FILTER_TEST(a_repeated_message_is_not_a_copy),
        FILTER_TEST(what_one_interface_loses_is_taken_from_the_other),
        FILTER_TEST(the_same_bytes_after_the_window_are_a_new_message),
        FILTER_TEST(a_clock_set_back_does_not_swallow_messages),
        FILTER_TEST(another_source_port_or_group_is_another_message),
        FILTER_TEST(copies_are_taken_out_of_the_middle_of_a_run),
        FILTER_TEST(a_run_of_copies_vanishes_and_so_does_an_empty_copy),
        FILTER_TEST(more_interfaces_than_are_remembered_still_bring_only_copies),
        FILTER_TEST(many_datagrams_at_once_are_all_recognised),
        FILTER_TEST(what_a_clock_set_back_left_in_the_future_makes_room),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
