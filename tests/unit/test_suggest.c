/* SPDX-License-Identifier: MIT */
/* Did you mean: near words are offered, far ones are not. */
#include "options.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

static const char *const words[] = { "send", "listen", "help", "interface", "no-loop", "ttl", "for", "file", NULL };

static void a_mistyped_word_finds_the_nearest(void **state)
{
    static const struct {
        const char *word, *wanted;
    } rows[] = {
        { "lisen", "listen" },   { "lsiten", "listen" },
        { "Listen", "listen" },  { "listenn", "listen" },
        { "sned", "send" },      { "sendd", "send" },
        { "se", "send" },        { "HELP", "help" },
        { "hlep", "help" },      { "interfcae", "interface" },
        { "iface", NULL },       { "inter", "interface" },
        { "noloop", "no-loop" }, { "no_loop", "no-loop" },
        { "tll", "ttl" },        { "tl", "ttl" },
        { "fiel", "file" },      { "fro", "for" },
        { "send", "send" },      { "", NULL },
        { "x", NULL },           { "s", NULL },
        { "xyzzy", NULL },       { "abc", NULL },
        { "receive", NULL },     { "transmit", NULL },
        { "sleep", NULL },       { "a-word-that-is-longer-than-any-option-could-be", NULL },
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const char *found = suggest(rows[i].word, words);
        if (rows[i].wanted == NULL ? found != NULL : found == NULL)
            fail_msg("'%s' found %s", rows[i].word, found != NULL ? found : "nothing");
        if (found != NULL)
            assert_string_equal(found, rows[i].wanted);
    }
}

static void no_candidates_give_no_suggestion(void **state)
{
    static const char *const none[] = { NULL };

    (void)state;
    assert_null(suggest("send", none));
}

static void the_nearer_of_two_wins(void **state)
{
    static const char *const both[] = { "count", "counts", NULL };
    static const char *const reversed[] = { "counts", "count", NULL };

    (void)state;
    assert_string_equal(suggest("counts", both), "counts");
    assert_string_equal(suggest("count", reversed), "count");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_mistyped_word_finds_the_nearest),
        cmocka_unit_test(no_candidates_give_no_suggestion),
        cmocka_unit_test(the_nearer_of_two_wins),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
