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
    const char *words[6];
    int result; /* of words_split() */
} rows[] = {
    { "cat", { "cat" }, 0 },
    { "  cat   -n\t x\n", { "cat", "-n", "x" }, 0 },
    { "echo 'a b' \"c d\"", { "echo", "a b", "c d" }, 0 },
    { "echo a' 'b\" \"c", { "echo", "a b c" }, 0 },
    { "echo ''", { "echo", "" }, 0 },
    { "echo a\\ b \\'", { "echo", "a b", "'" }, 0 },
    { "echo 'a\\b' \"a\\\"b\"", { "echo", "a\\b", "a\"b" }, 0 },
    { "echo $(touch x) | cat", { "echo", "$(touch", "x)", "|", "cat" }, 0 },
    { "", { NULL }, -ENODATA },
    { "   ", { NULL }, -ENODATA },
    { "echo 'open", { NULL }, -EINVAL },
    { "echo \"open", { NULL }, -EINVAL },
    { "echo \\", { NULL }, -EILSEQ },
};

static void words_are_split_as_a_shell_would_but_nothing_is_expanded(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char **words = NULL;
        size_t k = 0;

        assert_int_equal(words_split(rows[i].text, &words), rows[i].result);
        for (; rows[i].words[k] != NULL; k++)
            assert_string_equal(words[k], rows[i].words[k]);
        if (words != NULL)
            assert_null(words[k]);
        words_free(words);
    }
}

static void what_only_a_shell_would_understand_is_found(void **state)
{
    static const struct {
        const char *text;
        const char *syntax;
    } commands[] = {
        { "cat -n x", NULL },
        { "cat | wc", "|" },
        { "cat || echo", "||" },
        { "cat && echo", "&&" },
        { "cat > x", ">" },
        { "cat >>x", ">>" },
        { "cat 2>/dev/null", ">" },
        { "cat < x", "<" },
        { "sleep 1 &", "&" },
        { "sleep 1; echo", ";" },
        { "sleep 1 ; echo", ";" },
        { "echo $(date)", "$(" },
        { "echo day=$(date)", "$(" },
        { "echo \"$(date)\"", "$(" },
        { "echo `date`", "`" },
        /* What is quoted is meant as it stands. */
        { "grep '|' x", NULL },
        { "grep \"|\" x", NULL },
        { "grep \\| x", NULL },
        { "echo '$(date) `date`; x'", NULL },
        { "echo \\$(date)", NULL },
        /* And this is plain text without a shell. */
        { "curl http://x/?a=1&b=2", NULL },
        { "sed s/a|b/c/", NULL },
        { "", NULL },
        { "echo \\", NULL },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
        const char *syntax = words_shell_syntax(commands[i].text);

        if (commands[i].syntax == NULL)
            assert_null(syntax);
        else
            assert_string_equal(syntax, commands[i].syntax);
    }
}

static void a_quoted_text_is_one_word_again(void **state)
{
    static const char *const texts[][2] = {
        { "239.1.2.3%eth0:10000", "239.1.2.3%eth0:10000" },
        { "[ff15::7]:10000", "'[ff15::7]:10000'" },
        { "", "''" },
        { "it's $(x) \"y\" \\ z", "'it'\\''s $(x) \"y\" \\ z'" },
    };
    char quoted[64];
    char small[12];

    (void)state;
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        char **words = NULL;

        assert_string_equal(words_quote(texts[i][0], quoted, sizeof(quoted)), texts[i][1]);
        assert_int_equal(words_split(quoted, &words), 0);
        assert_string_equal(words[0], texts[i][0]);
        assert_null(words[1]);
        words_free(words);
    }
    assert_string_equal(words_quote("a long text", small, sizeof(small)), "'a long'");
}

static void a_name_counts_only_where_the_cause_names_it(void **state)
{
    static const struct {
        const char *cause, *name;
        bool is_about;
    } causes[] = {
        { "file.bin is here already", "file.bin", true },
        { "a/b was changed while it was sent", "a/b", true },
        { "cannot read a/b: Permission denied", "a/b", true },
        { "cannot write x to the disk: Input/output error", "x", true },
        { "the link l leads nowhere", "l", true },
        { "its sender is gone", "g", false },
        { "its sender is gone", "is", false },
        { "its sender is gone", "its", false },
        { "its sender is gone", "its sender", true }, /* as it would read with the name */
        { "it is too large", "it", false },
        { "disk full: 5 B are needed", "disk", false },
        { "file.bin is here already", "file", false },
        { "cannot read a/b: Permission denied", "b", false },
        { "x is here already", "", false },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(causes) / sizeof(causes[0]); i++)
        assert_int_equal(words_are_about(causes[i].cause, causes[i].name), causes[i].is_about);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(words_are_split_as_a_shell_would_but_nothing_is_expanded),
        cmocka_unit_test(what_only_a_shell_would_understand_is_found),
        cmocka_unit_test(a_quoted_text_is_one_word_again),
        cmocka_unit_test(a_name_counts_only_where_the_cause_names_it),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
