/* SPDX-License-Identifier: MIT */
/* What a delivery consists of, as far as it has a name but no path: bytes in memory, and streams. */
#include "tree.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static struct hd_tree *tree;
static struct herald_error error;

static int set_up(void **state)
{
    (void)state;
    return hd_tree_new(&tree, NULL, NULL);
}

static int tear_down(void **state)
{
    (void)state;
    tree = hd_tree_free(tree);
    return 0;
}

static void bytes_are_borrowed_under_a_name_that_is_copied(void **state)
{
    char name[] = "greetings/hello";
    static const char bytes[] = "hello";

    (void)state;
    assert_int_equal(hd_tree_add_bytes(tree, name, bytes, 5, &error), 0);
    memset(name, 'x', sizeof(name) - 1);
    assert_string_equal(hd_tree_entry(tree, 0)->name, "greetings/hello");
    assert_int_equal(hd_tree_entry(tree, 0)->type, HD_ENTRY_BYTES);
    assert_ptr_equal(hd_tree_entry(tree, 0)->bytes, bytes);
    assert_int_equal(hd_tree_entry(tree, 0)->size_bytes, 5);
    assert_int_equal(hd_tree_entry(tree, 0)->fd, -1);
    assert_int_equal(hd_tree_add_stream(tree, "stream", 7, &error), 0);
    assert_int_equal(hd_tree_entry(tree, 1)->type, HD_ENTRY_STREAM);
    assert_int_equal(hd_tree_entry(tree, 1)->fd, 7);
    assert_int_equal(hd_tree_bytes(tree), 5);
}

static void sizes_add_up_without_an_overflow(void **state)
{
    (void)state;
    assert_int_equal(hd_tree_add_bytes(tree, "too large", "", (size_t)1 << 48, &error), -EFBIG);
    for (unsigned i = 0; i < 65538; i++) {
        char name[8];

        snprintf(name, sizeof(name), "%u", i);
        assert_int_equal(hd_tree_add_bytes(tree, name, "", ((size_t)1 << 48) - 1, &error), 0);
    }
    assert_true(hd_tree_bytes(tree) == UINT64_MAX);
}

static void names_that_receivers_refuse_are_refused_at_once(void **state)
{
    static const char *const bad[] = { "",
                                       "/",
                                       "/abs",
                                       "a/",
                                       "a//b",
                                       ".",
                                       "..",
                                       "a/../b",
                                       "./a",
                                       "a/.",
                                       "../a",
                                       "a/b/..",
                                       ".herald-partial/x",
                                       "a/.herald-partial" };
    static const char *const good[] = { "a", "a/b", "...", ".a", "a..", "-", "\n", "\xff", ".herald-partial2" };
    char name[1100];

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_int_equal(hd_tree_add_bytes(tree, bad[i], "", 0, &error), -EINVAL);
        assert_int_equal(hd_tree_add_stream(tree, bad[i], 0, &error), -EINVAL);
        assert_int_equal(error.code, -EINVAL);
    }
    assert_int_equal(hd_tree_count(tree), 0);
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
        assert_int_equal(hd_tree_add_bytes(tree, good[i], "", 0, &error), 0);
    memset(name, 'n', sizeof(name));
    name[256] = '\0';
    assert_int_equal(hd_tree_add_bytes(tree, name, "", 0, &error), -ENAMETOOLONG);
    name[255] = '\0';
    assert_int_equal(hd_tree_add_bytes(tree, name, "", 0, &error), 0);
    for (size_t i = 1; i < 1100; i += 2)
        name[i] = '/';
    name[255] = '/';
    name[256] = 'n';
    name[1024] = '\0';
    assert_int_equal(hd_tree_add_bytes(tree, name, "", 0, &error), -ENAMETOOLONG);
    name[1023] = '\0';
    assert_int_equal(hd_tree_add_bytes(tree, name, "", 0, &error), 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(bytes_are_borrowed_under_a_name_that_is_copied),
        TEST(sizes_add_up_without_an_overflow),
        TEST(names_that_receivers_refuse_are_refused_at_once),
    };

    return cmocka_run_group_tests_name("tree, what has no path", tests, NULL, NULL);
}
