/* SPDX-License-Identifier: MIT */
/* Who has sent something, and how many answers each may get. */
#include "sources.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define SECOND UINT64_C(1000000000)

static struct herald_address address(uint32_t number)
{
    struct herald_address result = { .family = HERALD_FAMILY_IPV4 };

    memcpy(result.bytes, &number, sizeof(number));
    return result;
}

static void each_source_is_counted_once_with_its_datagrams(void **state)
{
    struct sources sources;

    (void)state;
    sources_init(&sources);
    for (int round = 1; round <= 2; round++)
        for (uint32_t i = 0; i < 10000; i++) {
            struct herald_address from = address(i);

            assert_int_equal(sources_count(&sources, &from, 3)->datagrams, 3 * round);
        }
    assert_int_equal(sources.count, 10000);
    sources_release(&sources);
}

static void forged_sources_fill_no_memory_and_lock_nobody_out(void **state)
{
    struct sources sources;
    struct herald_address known = address(1);

    (void)state;
    sources_init(&sources);
    for (uint32_t i = 0; i < 3 * SOURCES_MAX; i++) {
        struct herald_address from = address(i);

        assert_non_null(sources_count(&sources, &from, 1));
        assert_true(sources.count <= SOURCES_MAX);
    }
    assert_non_null(sources_count(&sources, &known, 1));
    assert_true(sources.slot_count <= (size_t)4 * SOURCES_MAX);
    assert_int_equal(sources.seen, 3 * SOURCES_MAX + 1);
    sources_release(&sources);
}

static void fifty_answers_a_second_and_the_limit_is_told_once(void **state)
{
    struct source source = { .datagrams = 1 };
    uint64_t now_ns = 10 * SECOND;
    bool tell;

    (void)state;
    for (int i = 0; i < ANSWERS_PER_SECOND_MAX; i++)
        assert_true(source_may_be_answered(&source, now_ns + (uint64_t)i, &tell));
    assert_false(source_may_be_answered(&source, now_ns + 100, &tell));
    assert_true(tell);
    assert_false(source_may_be_answered(&source, now_ns + 101, &tell));
    assert_false(tell);
    assert_true(source_may_be_answered(&source, now_ns + SECOND, &tell));
    assert_false(tell);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_source_is_counted_once_with_its_datagrams),
        cmocka_unit_test(forged_sources_fill_no_memory_and_lock_nobody_out),
        cmocka_unit_test(fifty_answers_a_second_and_the_limit_is_told_once),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
