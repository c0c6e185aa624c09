/* SPDX-License-Identifier: MIT */
/* Splitting a command line without a shell. */
#include "words.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static const struct {
    const char *text;
    const char *words[6]; /* none: -EINVAL is expected */
} rows[] = {
    { "cat", { "cat" } },
    { "  cat   -n\t x\n", { "cat", "-n", "x" } },
    { "echo 'a b' \"c d\"", { "echo", "a b", "c d" } },
    { "echo a' 'b\" \"c", { "echo", "a b c" } },
    { "echo ''", { "echo", "" } },
    { "echo a\\ b \\'", { "echo", "a b", "'" } },
    { "echo 'a\\b' \"a\\\"b\"", { "echo", "a\\b", "a\"b" } },
    { "echo $(touch x) | cat", { "echo", "$(touch", "x)", "|", "cat" } },
    { "", { NULL } },
    { "   ", { NULL } },
    { "echo 'open", { NULL } },
    { "echo \"open", { NULL } },
    { "echo \\", { NULL } },
};

static void words_are_split_as_a_shell_would_but_nothing_is_expanded(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char **words = NULL;
        size_t k = 0;

        assert_int_equal(words_split(rows[i].text, &words), rows[i].words[0] == NULL ? -EINVAL : 0);
        for (; rows[i].words[k] != NULL; k++)
            assert_string_equal(words[k], rows[i].words[k]);
        if (words != NULL)
            assert_null(words[k]);
        words_free(words);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(words_are_split_as_a_shell_would_but_nothing_is_expanded),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
