/* SPDX-License-Identifier: MIT */
/* Errors: filled, cut, cleaned, and allowed to be absent. */
#include <herald/error.h>

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static void setting_fills_code_and_cause_and_clears_the_advice(void **state)
{
    struct herald_error error;

    (void)state;
    memset(&error, 0x5a, sizeof error);
    assert_int_equal(herald_error_set(&error, -EINVAL, "port %d", 7), -EINVAL);
    assert_int_equal(error.code, -EINVAL);
    assert_string_equal(error.cause, "port 7");
    assert_string_equal(error.advice, "");
    herald_error_advise(&error, "try %s", "this");
    assert_string_equal(error.advice, "try this");
    assert_int_equal(herald_error_set(&error, -ENODEV, "other"), -ENODEV);
    assert_string_equal(error.advice, "");
}

static void no_error_wanted_is_no_problem(void **state)
{
    (void)state;
    assert_int_equal(herald_error_set(NULL, -ENOMEM, "x"), -ENOMEM);
    herald_error_advise(NULL, "x");
}

static void a_text_too_long_is_cut(void **state)
{
    struct herald_error error;
    char text[1000];

    (void)state;
    memset(text, 'a', sizeof text);
    text[sizeof text - 1] = '\0';
    (void)herald_error_set(&error, -EINVAL, "%s", text);
    assert_int_equal(strlen(error.cause), sizeof error.cause - 1);
    herald_error_advise(&error, "%s", text);
    assert_int_equal(strlen(error.advice), sizeof error.advice - 1);
}

static void a_cause_is_one_line_that_no_terminal_obeys(void **state)
{
    struct herald_error error;

    (void)state;
    (void)herald_error_set(&error, -EINVAL, "%s", "a\nb\033[2Jc\177");
    assert_string_equal(error.cause, "a?b?[2Jc?");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(setting_fills_code_and_cause_and_clears_the_advice),
        cmocka_unit_test(no_error_wanted_is_no_problem),
        cmocka_unit_test(a_text_too_long_is_cut),
        cmocka_unit_test(a_cause_is_one_line_that_no_terminal_obeys),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
