/* SPDX-License-Identifier: MIT */
/* The command line: every form an option may have, and the exact message for every mistake. */
#include "commands.h"
#include "help.h"
#include "options.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

enum { ARGUMENTS_MAX = 80 };

struct settings {
    struct common_settings common;
    bool flag;
    const char *text;
    struct text_list list;
    int64_t number;
    int64_t any;
    int64_t positive;
    int64_t percent;
    uint64_t duration;
    uint64_t size;
    struct rate rate;
    int choice;
};

#define AT(member) offsetof(struct settings, member)

static const char *const choices[] = { "text", "hex", "raw", NULL };

static const struct option table[] = {
    { .name = "flag", .letter = 'f', .kind = OPTION_FLAG, .offset = AT(flag), .help = "a flag" },
    { .name = "text", .letter = 't', .metavar = "TEXT", .kind = OPTION_TEXT, .offset = AT(text), .help = "a text" },
    { .name = "interface", .letter = 'i', .metavar = "IFACE", .kind = OPTION_LIST, .offset = AT(list), .help = "some" },
    { .name = "ttl",
      .metavar = "N",
      .kind = OPTION_NUMBER,
      .offset = AT(number),
      .max = 255,
      .default_text = "1",
      .help = "hops" },
    { .name = "any", .metavar = "N", .kind = OPTION_NUMBER, .offset = AT(any), .help = "any number" },
    { .name = "positive",
      .metavar = "N",
      .kind = OPTION_NUMBER,
      .offset = AT(positive),
      .min = 1,
      .max = INT64_MAX,
      .default_text = "1",
      .help = "a positive number" },
    { .name = "share",
      .metavar = "PERCENT",
      .kind = OPTION_PERCENT,
      .offset = AT(percent),
      .max = 200,
      .default_text = "0",
      .help = "a share" },
    { .name = "wait",
      .letter = 'w',
      .metavar = "DURATION",
      .kind = OPTION_DURATION,
      .offset = AT(duration),
      .min = 1000000,
      .max = 5400000000000,
      .default_text = "500ms",
      .help = "a duration" },
    { .name = "size",
      .metavar = "SIZE",
      .kind = OPTION_SIZE,
      .offset = AT(size),
      .min = 1,
      .max = 65536,
      .help = "a size" },
    { .name = "rate", .metavar = "RATE", .kind = OPTION_RATE, .offset = AT(rate), .help = "a rate" },
    { .name = "format",
      .metavar = "FORMAT",
      .kind = OPTION_CHOICE,
      .offset = AT(choice),
      .choices = choices,
      .default_text = "hex",
      .help = "a format" },
    { .name = NULL },
};

static const struct command command = {
    .name = "test",
    .operands = "EP [MESSAGE]",
    .operands_min = 1,
    .operands_max = 2,
    .summary = "a command for this test",
    .options = table,
    .settings_bytes = sizeof(struct settings),
};

/* Splits `line` at blanks and scans it. A "_" stands for an empty argument. */
static int scan(const char *line, struct settings *settings, struct operands *operands, struct herald_error *error)
{
    static char copy[1024];
    static char empty[] = "";
    static char *argv[ARGUMENTS_MAX + 1];
    int argc = 0;

    snprintf(copy, sizeof copy, "%s", line);
    for (char *word = strtok(copy, " "); word != NULL; word = strtok(NULL, " ")) {
        assert_true(argc < ARGUMENTS_MAX);
        argv[argc++] = strcmp(word, "_") == 0 ? empty : word;
    }
    argv[argc] = NULL;
    memset(settings, 0xA5, sizeof *settings);
    return options_scan(&command, argc, argv, settings, operands, error);
}

static struct settings scan_good(const char *line, struct operands *operands)
{
    struct settings settings;
    struct herald_error error;

    if (scan(line, &settings, operands, &error) != 0)
        fail_msg("'%s' was refused: %s", line, error.cause);
    return settings;
}

static void what_is_not_given_has_its_default(void **state)
{
    struct operands operands;
    struct settings settings = scan_good("ep", &operands);

    (void)state;
    assert_false(settings.flag || settings.common.help || settings.common.json || settings.common.quiet);
    assert_null(settings.text);
    assert_int_equal(settings.list.count, 0);
    assert_int_equal(settings.number, 1);
    assert_int_equal(settings.any, 0);
    assert_int_equal(settings.duration, 500000000);
    assert_int_equal(settings.size, 0);
    assert_int_equal(settings.rate.kind, RATE_NONE);
    assert_int_equal(settings.choice, 1);
    assert_int_equal(operands.count, 1);
    assert_string_equal(operands.items[0], "ep");
}

static void a_number_is_taken_in_every_form(void **state)
{
    static const struct {
        const char *line;
        int64_t ttl, any;
    } rows[] = {
        { "ep --ttl 3", 3, 0 },
        { "ep --ttl=3", 3, 0 },
        { "--ttl 3 ep", 3, 0 },
        { "ep --ttl 0", 0, 0 },
        { "ep --ttl 255", 255, 0 },
        { "ep --ttl 3 --ttl 4", 4, 0 }, /* the last one counts */
        { "ep --any -5", 1, -5 },
        { "ep --any=-5", 1, -5 },
        { "ep --any 9223372036854775807", 1, INT64_MAX },
        { "ep --any -9223372036854775808", 1, INT64_MIN },
        { "ep -- --ttl", 1, 0 },
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct operands operands;
        struct settings settings = scan_good(rows[i].line, &operands);
        assert_int_equal(settings.number, rows[i].ttl);
        assert_int_equal(settings.any, rows[i].any);
    }
}

static void a_percentage_may_say_that_it_is_one(void **state)
{
    static const struct {
        const char *line;
        int64_t percent;
    } rows[] = {
        { "ep", 0 },
        { "ep --share 10", 10 },
        { "ep --share 10%", 10 },
        { "ep --share=10%", 10 },
        { "ep --share 0%", 0 },
        { "ep --share 200%", 200 },
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct operands operands;
        assert_int_equal(scan_good(rows[i].line, &operands).percent, rows[i].percent);
    }
}

static void what_is_no_percentage_is_refused(void **state)
{
    static const struct {
        const char *line, *cause;
    } rows[] = {
        { "ep --share 201%", "--share 201%: must be between 0 and 200" },
        { "ep --share -1%", "--share -1%: must be between 0 and 200" },
        { "ep --share %", "--share %: must be a whole number of percent like 10 or 10%, between 0 and 200" },
        { "ep --share 10%%", "--share 10%%: must be a whole number of percent like 10 or 10%, between 0 and 200" },
        { "ep --share 1.5%", "--share 1.5%: must be a whole number of percent like 10 or 10%, between 0 and 200" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct settings settings;
        struct operands operands;
        struct herald_error error;
        assert_int_equal(scan(rows[i].line, &settings, &operands, &error), -EINVAL);
        assert_string_equal(error.cause, rows[i].cause);
    }
}

static void short_options_cluster_and_take_attached_values(void **state)
{
    static const char *const lines[] = {
        "ep -fqi eth0", "ep -fqieth0", "-f -q -i eth0 ep", "-qf ep -ieth0", "ep --flag --quiet --interface=eth0",
    };

    (void)state;
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
        struct operands operands;
        struct settings settings = scan_good(lines[i], &operands);
        assert_true(settings.flag && settings.common.quiet);
        assert_int_equal(settings.list.count, 1);
        assert_string_equal(settings.list.items[0], "eth0");
        assert_int_equal(operands.count, 1);
        assert_string_equal(operands.items[0], "ep");
    }
}

static void every_kind_is_parsed(void **state)
{
    struct operands operands;
    struct settings settings = scan_good("ep -i a -ib --interface c -t x=y --wait 1.5s --size 64K --rate 5000pps "
                                         "--format raw --json -v --positive 7",
                                         &operands);

    (void)state;
    assert_int_equal(settings.list.count, 3);
    assert_string_equal(settings.list.items[1], "b");
    assert_string_equal(settings.list.items[2], "c");
    assert_string_equal(settings.text, "x=y");
    assert_int_equal(settings.duration, 1500000000);
    assert_int_equal(settings.size, 65536);
    assert_int_equal(settings.rate.kind, RATE_PACKETS);
    assert_int_equal(settings.rate.value, 5000);
    assert_int_equal(settings.choice, 2);
    assert_int_equal(settings.positive, 7);
    assert_true(settings.common.json && settings.common.verbose);
}

static void operands_keep_their_order_and_may_look_like_options(void **state)
{
    static const struct {
        const char *line, *first, *second;
    } rows[] = {
        { "ep -f message", "ep", "message" },
        { "-t x ep --ttl 3 message", "ep", "message" },
        { "ep -", "ep", "-" },
        { "ep -- -f", "ep", "-f" },
        { "-- -f --", "-f", "--" },
        { "ep _", "ep", "" },
        { "ep --text -- -f -- message", "ep", "message" }, /* the first -- is a value */
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct operands operands;
        scan_good(rows[i].line, &operands);
        assert_int_equal(operands.count, 2);
        assert_string_equal(operands.items[0], rows[i].first);
        assert_string_equal(operands.items[1], rows[i].second);
    }
}

static void every_mistake_has_its_message(void **state)
{
    static const struct {
        const char *line, *cause;
    } rows[] = {
        { "", "EP is missing: herald test [OPTION...] EP [MESSAGE]" },
        { "-f", "EP is missing: herald test [OPTION...] EP [MESSAGE]" },
        { "ep a b", "'b' is one operand too many; quote a text with blanks" },
        { "ep --ttl 256", "--ttl 256: must be between 0 and 255" },
        { "ep --ttl -1", "--ttl -1: must be between 0 and 255" },
        { "ep --ttl 99999999999999999999", "--ttl 99999999999999999999: must be between 0 and 255" },
        { "ep --ttl x", "--ttl x: must be a whole number between 0 and 255" },
        { "ep --ttl 1.5", "--ttl 1.5: must be a whole number between 0 and 255" },
        { "ep --ttl 0x10", "--ttl 0x10: must be a whole number between 0 and 255" },
        { "ep --ttl +1", "--ttl +1: must be a whole number between 0 and 255" },
        { "ep --ttl -", "--ttl -: must be a whole number between 0 and 255" },
        { "ep --ttl=", "--ttl '': must be a whole number between 0 and 255" },
        { "ep --ttl _", "--ttl '': must be a whole number between 0 and 255" },
        { "ep --ttl --json", "--ttl --json: must be a whole number between 0 and 255" },
        { "ep --ttl", "--ttl: needs a value: a whole number between 0 and 255" },
        { "ep --any x", "--any x: must be a whole number" },
        { "ep --any 9223372036854775808", "--any 9223372036854775808: must be a whole number" },
        { "ep --any -9223372036854775809", "--any -9223372036854775809: must be a whole number" },
        { "ep --positive 0", "--positive 0: must be at least 1" },
        { "ep --json --ttl 256", "--ttl 256: must be between 0 and 255" },
        { "ep --wait 5", "--wait 5: must be a duration like 200ms, 5s or 1.5h, between 1ms and 90m" },
        { "ep -w5", "-w 5: must be a duration like 200ms, 5s or 1.5h, between 1ms and 90m" },
        { "ep --wait 2h", "--wait 2h: must be between 1ms and 90m" },
        { "ep --wait -1s", "--wait -1s: must be a duration like 200ms, 5s or 1.5h, between 1ms and 90m" },
        { "ep --wait 999us", "--wait 999us: must be between 1ms and 90m" },
        { "ep --size 0", "--size 0: must be between 1 and 64K" },
        { "ep --size 1G", "--size 1G: must be between 1 and 64K" },
        { "ep --size big", "--size big: must be a size like 1472, 64K or 1.5M, between 1 and 64K" },
        { "ep --rate 100m",
          "--rate 100m: must be max, or a number with kbit, mbit, gbit or pps, like 100mbit or 5000pps" },
        { "ep --rate",
          "--rate: needs a value: max, or a number with kbit, mbit, gbit or pps, like 100mbit or 5000pps" },
        { "ep --format jsn", "--format jsn: must be text, hex or raw" },
        { "ep --format", "--format: needs a value: text, hex or raw" },
        { "ep -i", "-i: needs a value: IFACE" },
        { "ep -fi", "-i: needs a value: IFACE" },
        { "ep --text", "--text: needs a value: TEXT" },
        { "ep --flag=1", "--flag: takes no value" },
        { "ep --flag=", "--flag: takes no value" },
        { "ep --tll 3", "no option '--tll'; did you mean '--ttl'?" },
        { "ep --tll=3", "no option '--tll'; did you mean '--ttl'?" },
        { "ep --intreface eth0", "no option '--intreface'; did you mean '--interface'?" },
        { "ep --interf eth0", "no option '--interf'; did you mean '--interface'?" }, /* no abbreviations */
        { "ep --xyzzy", "no option '--xyzzy'" },
        { "ep --=3", "no option '--'" },
        { "ep -x", "no option '-x'" },
        { "ep -fx", "no option '-x'" },
        { "ep -sizes=3", "no option '-sizes=3'; did you mean '--size'?" },
        { "ep -5", "no option '-5'; '--' must stand before an operand that begins with '-'" },
        { "ep -\xc3\xbc", "no option '-\xc3\xbc'" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct settings settings;
        struct operands operands = { .count = 77 };
        struct herald_error error;
        if (scan(rows[i].line, &settings, &operands, &error) != -EINVAL)
            fail_msg("'%s' was taken", rows[i].line);
        assert_string_equal(error.cause, rows[i].cause);
        assert_string_equal(error.advice, "herald help test");
        assert_int_equal(operands.count, 77);
    }
}

static void a_list_has_a_limit(void **state)
{
    char line[1024] = "ep";
    struct settings settings;
    struct operands operands;
    struct herald_error error;

    (void)state;
    for (int i = 0; i < TEXT_LIST_MAX; i++)
        strcat(line, " -ix");
    assert_int_equal(scan(line, &settings, &operands, &error), 0);
    assert_int_equal(settings.list.count, TEXT_LIST_MAX);
    strcat(line, " -ix");
    assert_int_equal(scan(line, &settings, &operands, &error), -EINVAL);
    assert_string_equal(error.cause, "-i: may be given 64 times at most");
}

static void a_very_long_value_is_cut_in_the_message(void **state)
{
    char line[400] = "ep --ttl ";
    struct settings settings;
    struct operands operands;
    struct herald_error error;

    (void)state;
    memset(line + strlen(line), 'x', 300);
    assert_int_equal(scan(line, &settings, &operands, &error), -EINVAL);
    assert_non_null(strstr(error.cause, "xxxx: must be a whole number between 0 and 255"));
    memcpy(line, "ep --xxx ", 9);
    line[8] = 'x';
    assert_int_equal(scan(line, &settings, &operands, &error), -EINVAL);
}

static void help_needs_no_operands(void **state)
{
    struct operands operands;

    (void)state;
    assert_true(scan_good("--help", &operands).common.help);
    assert_true(scan_good("-h a b c d", &operands).common.help);
}

static void the_help_has_every_row_and_keeps_the_width(void **state)
{
    char *text = NULL;
    size_t size = 0;
    FILE *stream = open_memstream(&text, &size);

    (void)state;
    assert_non_null(stream);
    help_print_command(stream, 66, &command);
    fclose(stream);
    assert_non_null(strstr(text, "Usage: herald test [OPTION...] EP [MESSAGE]\n"));
    assert_non_null(strstr(text, "herald test: a command for this test\n"));
    assert_non_null(strstr(text, "      --ttl N             hops (between 0 and 255; default 1)\n"));
    assert_non_null(strstr(text, "  -i, --interface IFACE   some\n"));
    assert_non_null(strstr(text, "(text, hex or raw; default hex)"));
    assert_non_null(strstr(text, "(between 1ms and 90m; default\n"));
    for (const struct option *option = table; option->name != NULL; option++)
        assert_non_null(strstr(text, option->name));
    for (const char *line = text; *line != '\0'; line += strcspn(line, "\n") + 1) {
        if (strstr(line, "Endpoint") == line)
            break; /* words of the grammar may be longer */
        assert_in_range(strcspn(line, "\n"), 0, 66);
    }
    free(text);
}

static size_t kind_bytes(enum option_kind kind)
{
    static const size_t bytes[] = {
        [OPTION_FLAG] = sizeof(bool),
        [OPTION_TEXT] = sizeof(char *),
        [OPTION_LIST] = sizeof(struct text_list),
        [OPTION_NUMBER] = sizeof(int64_t),
        [OPTION_PERCENT] = sizeof(int64_t),
        [OPTION_DURATION] = sizeof(uint64_t),
        [OPTION_SIZE] = sizeof(uint64_t),
        [OPTION_RATE] = sizeof(struct rate),
        [OPTION_CHOICE] = sizeof(int),
    };

    return bytes[kind];
}

static void check_row(const struct command *owner, size_t index)
{
    const struct option *option = options_row(owner, index);
    const struct option *other;
    const char *name = option->name;

    if ((option->metavar == NULL) != (option->kind == OPTION_FLAG))
        fail_msg("%s --%s: a value has a metavar, a flag has none", owner->name, name);
    if ((option->choices != NULL) != (option->kind == OPTION_CHOICE))
        fail_msg("%s --%s: choices belong to a choice", owner->name, name);
    if (option->kind == OPTION_LIST && option->default_text != NULL)
        fail_msg("%s --%s: a list cannot have a default", owner->name, name);
    if (option->min > option->max)
        fail_msg("%s --%s: min is above max", owner->name, name);
    if (option->offset + kind_bytes(option->kind) > owner->settings_bytes)
        fail_msg("%s --%s: lies outside of the settings", owner->name, name);
    if (option->help == NULL || option->help[0] == '\0' || option->help[strlen(option->help) - 1] == '.')
        fail_msg("%s --%s: the help is missing or ends with a full stop", owner->name, name);
    for (size_t i = index + 1; (other = options_row(owner, i)) != NULL; i++) {
        if (strcmp(other->name, name) == 0 || (option->letter != 0 && other->letter == option->letter))
            fail_msg("%s: --%s and --%s have the same name or letter", owner->name, name, other->name);
    }
}

static void check_command(const struct command *each)
{
    char dashes[] = "--";
    char *argv[] = { dashes, NULL };
    struct operands operands;
    struct herald_error error;
    void *settings = calloc(1, each->settings_bytes);

    assert_non_null(settings);
    for (size_t row = 0; options_row(each, row) != NULL; row++)
        check_row(each, row);
    /* Every default can be parsed, or this asserts. */
    assert_int_equal(options_scan(each, 1, argv, settings, &operands, &error), each->operands_min > 0 ? -EINVAL : 0);
    free(settings);
}

static void the_tables_of_all_commands_are_sound(void **state)
{
    (void)state;
    for (size_t i = 0; commands[i] != NULL; i++) {
        check_command(commands[i]);
        assert_ptr_equal(command_find(commands[i]->name), commands[i]);
        for (size_t at = 0; commands[i]->subcommands != NULL && commands[i]->subcommands[at] != NULL; at++)
            check_command(commands[i]->subcommands[at]);
    }
}

static void a_member_is_found_behind_its_family(void **state)
{
    static const struct {
        const char *words[4];
        const char *name; /* NULL: none */
        size_t left;
    } rows[] = {
        { { "send", "x", NULL }, "send", 1 },
        { { "bench", "send", "x", NULL }, "bench send", 1 },
        { { "bench", "recv", NULL }, "bench recv", 0 },
        { { "bench", NULL }, "bench", 0 },
        { { "bench", "--help", NULL }, "bench", 1 },
        { { "bench", "x", NULL }, NULL, 0 },
        { { "sned", NULL }, NULL, 0 },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char *copies[4] = { NULL };
        char **words = copies;
        size_t count = 0;
        struct herald_error error;
        const struct command *found;

        for (; rows[i].words[count] != NULL; count++)
            copies[count] = strdup(rows[i].words[count]);
        found = command_resolve(&count, &words, &error);
        if (rows[i].name == NULL) {
            assert_null(found);
            assert_true(error.cause[0] != '\0');
        } else {
            assert_non_null(found);
            assert_string_equal(found->name, rows[i].name);
            assert_int_equal(count, rows[i].left);
        }
        for (size_t at = 0; at < 4; at++)
            free(copies[at]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_not_given_has_its_default),
        cmocka_unit_test(a_number_is_taken_in_every_form),
        cmocka_unit_test(a_percentage_may_say_that_it_is_one),
        cmocka_unit_test(what_is_no_percentage_is_refused),
        cmocka_unit_test(short_options_cluster_and_take_attached_values),
        cmocka_unit_test(every_kind_is_parsed),
        cmocka_unit_test(operands_keep_their_order_and_may_look_like_options),
        cmocka_unit_test(every_mistake_has_its_message),
        cmocka_unit_test(a_list_has_a_limit),
        cmocka_unit_test(a_very_long_value_is_cut_in_the_message),
        cmocka_unit_test(help_needs_no_operands),
        cmocka_unit_test(the_help_has_every_row_and_keeps_the_width),
        cmocka_unit_test(the_tables_of_all_commands_are_sound),
        cmocka_unit_test(a_member_is_found_behind_its_family),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
