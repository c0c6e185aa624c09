/* SPDX-License-Identifier: MIT */
/* The command line, read by the rows of the option tables. */
#include "options.h"
#include "help.h"
#include "output.h"
#include "status.h"
#include "words.h"

#include <herald/endpoint.h>

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

enum { ROWS_MAX = 64, ALLOWED_BYTES = 192 };

const struct option common_options[] = {
    { .name = "help",
      .letter = 'h',
      .kind = OPTION_FLAG,
      .offset = offsetof(struct common_settings, help),
      .help = "print this help and exit" },
    { .name = "json",
      .kind = OPTION_FLAG,
      .offset = offsetof(struct common_settings, json),
      .help = "write everything to standard output as JSON, one object per line" },
    { .name = "quiet",
      .letter = 'q',
      .kind = OPTION_FLAG,
      .offset = offsetof(struct common_settings, quiet),
      .help = "no messages, only data and errors" },
    { .name = "verbose",
      .letter = 'v',
      .kind = OPTION_FLAG,
      .offset = offsetof(struct common_settings, verbose),
      .help = "tell more about what is done and why" },
    { .name = NULL },
};

const struct option *options_row(const struct command *command, size_t index)
{
    size_t own = 0;
    size_t common = command->only_help ? 1 : sizeof common_options / sizeof *common_options - 1;

    while (command->options != NULL && command->options[own].name != NULL)
        own++;
    if (index < own)
        return &command->options[index];
    return index - own < common ? &common_options[index - own] : NULL;
}

/* What is being parsed, and where the result goes. */
struct scan {
    const struct command *command;
    char **argv;
    size_t argc;
    size_t next; /* the argument after the current one */
    void *settings;
    struct operands operands;
    struct herald_error *error;
};

static const struct option *find_name(const struct command *command, const char *name, size_t length)
{
    const struct option *option;

    for (size_t i = 0; (option = options_row(command, i)) != NULL; i++) {
        if (strlen(option->name) == length && memcmp(option->name, name, length) == 0)
            return option;
    }
    return NULL;
}

static const struct option *find_letter(const struct command *command, char letter)
{
    const struct option *option;

    for (size_t i = 0; (option = options_row(command, i)) != NULL; i++) {
        if (option->letter == letter)
            return option;
    }
    return NULL;
}

/* The nearest long option to a word of `length` without its dashes, or NULL. */
static const char *near_name(const struct command *command, const char *name, size_t length)
{
    const char *names[ROWS_MAX + 1];
    char word[ROWS_MAX];
    size_t count = 0;
    const struct option *option;

    while (count < ROWS_MAX && (option = options_row(command, count)) != NULL)
        names[count++] = option->name;
    names[count] = NULL;
    if (length >= sizeof word)
        return NULL;
    memcpy(word, name, length);
    word[length] = '\0';
    return suggest(word, names);
}

/* An exact number of units as one would type it: 1500 ms as "1500ms". */
static void unit_text(uint64_t value, const char *const *names, const uint64_t *factors, char *text, size_t size)
{
    size_t i = 0;

    while (value % factors[i] != 0)
        i++;
    snprintf(text, size, "%llu%s", (unsigned long long)(value / factors[i]), names[i]);
}

static void bound_text(const struct option *option, int64_t bound, char *text, size_t size)
{
    static const char *const duration_names[] = { "h", "m", "s", "ms", "us", "ns" };
    static const uint64_t duration_factors[] = { 3600000000000, 60000000000, 1000000000, 1000000, 1000, 1 };
    static const char *const size_names[] = { "G", "M", "K", "" };
    static const uint64_t size_factors[] = { UINT64_C(1) << 30, UINT64_C(1) << 20, UINT64_C(1) << 10, 1 };

    if (bound == 0 || option->kind == OPTION_NUMBER || option->kind == OPTION_PERCENT)
        snprintf(text, size, "%lld", (long long)bound);
    else if (option->kind == OPTION_DURATION)
        unit_text((uint64_t)bound, duration_names, duration_factors, text, size);
    else
        unit_text((uint64_t)bound, size_names, size_factors, text, size);
}

static bool has_range(const struct option *option)
{
    return option->min != 0 || option->max != 0;
}

/* The range in words; "" without one. */
static const char *range_text(const struct option *option, char text[ALLOWED_BYTES])
{
    char least[UNITS_TEXT_BYTES];
    char most[UNITS_TEXT_BYTES];

    text[0] = '\0';
    if (!has_range(option))
        return text;
    bound_text(option, option->min, least, sizeof least);
    bound_text(option, option->max, most, sizeof most);
    if (option->max == INT64_MAX)
        snprintf(text, ALLOWED_BYTES, "at least %s", least);
    else
        snprintf(text, ALLOWED_BYTES, "between %s and %s", least, most);
    return text;
}

static void append(char *text, size_t size, const char *piece)
{
    size_t length = strlen(text);

    snprintf(text + length, size - length, "%s", piece);
}

static const char *choices_text(const struct option *option, char text[ALLOWED_BYTES])
{
    text[0] = '\0';
    for (size_t i = 0; option->choices[i] != NULL; i++) {
        if (i > 0)
            append(text, ALLOWED_BYTES, option->choices[i + 1] == NULL ? " or " : ", ");
        append(text, ALLOWED_BYTES, option->choices[i]);
    }
    return text;
}

/* What a value must be: the end of "must be ...". */
static const char *allowed_text(const struct option *option, char text[ALLOWED_BYTES])
{
    char range[ALLOWED_BYTES];
    const char *kind = "";

    switch (option->kind) {
    case OPTION_CHOICE:
        return choices_text(option, text);
    case OPTION_FLAG:
    case OPTION_TEXT:
    case OPTION_LIST:
        return option->metavar;
    case OPTION_NUMBER:
        kind = "a whole number";
        break;
    case OPTION_PERCENT:
        kind = "a whole number of percent like 10 or 10%";
        break;
    case OPTION_DURATION:
        kind = "a duration like 200ms, 5s or 1.5h";
        break;
    case OPTION_SIZE:
        kind = "a size like 1472, 64K or 1.5M";
        break;
    case OPTION_RATE:
        kind = "max, or a number with kbit, mbit, gbit or pps, like 100mbit or 5000pps";
        break;
    }
    snprintf(text, ALLOWED_BYTES, "%s", kind);
    if (has_range(option)) {
        append(text, ALLOWED_BYTES, option->kind == OPTION_NUMBER ? " " : ", ");
        append(text, ALLOWED_BYTES, range_text(option, range));
    }
    return text;
}

const char *help_option_note(const struct option *option, char note[HELP_NOTE_BYTES])
{
    char text[ALLOWED_BYTES];

    note[0] = '\0';
    if (option->kind == OPTION_CHOICE)
        append(note, HELP_NOTE_BYTES, choices_text(option, text));
    else if (has_range(option))
        append(note, HELP_NOTE_BYTES, range_text(option, text));
    if (option->default_text != NULL) {
        append(note, HELP_NOTE_BYTES, note[0] != '\0' ? "; default " : "default ");
        append(note, HELP_NOTE_BYTES, option->default_text);
    }
    return note;
}

/* @return 0, -EINVAL for what is no number, -ERANGE for one outside of int64_t. */
static int integer_parse(const char *text, int64_t *ret_value)
{
    bool negative = *text == '-';
    int64_t value = 0;
    bool overflow = false;

    if (negative)
        text++;
    if (*text == '\0')
        return -EINVAL;
    for (; *text != '\0'; text++) {
        if (*text < '0' || *text > '9')
            return -EINVAL;
        int64_t digit = negative ? -(int64_t)(*text - '0') : *text - '0';
        overflow = overflow || __builtin_mul_overflow(value, INT64_C(10), &value) ||
                   __builtin_add_overflow(value, digit, &value);
    }
    if (overflow)
        return -ERANGE;
    *ret_value = value;
    return 0;
}

static int choice_parse(const struct option *option, const char *text, int *ret_choice)
{
    for (int i = 0; option->choices[i] != NULL; i++) {
        if (strcmp(option->choices[i], text) == 0) {
            *ret_choice = i;
            return 0;
        }
    }
    return -EINVAL;
}

static int check_number(const struct option *option, const char *text, int64_t *ret_value)
{
    int64_t value = 0;
    int result = integer_parse(text, &value);

    if (result < 0)
        return result;
    if (has_range(option) && (value < option->min || value > option->max))
        return -ERANGE;
    *ret_value = value;
    return 0;
}

static int check_percent(const struct option *option, const char *text, int64_t *ret_value)
{
    size_t length = strlen(text);
    char digits[32];

    if (length > 0 && text[length - 1] == '%')
        length--;
    if (length >= sizeof digits)
        return -EINVAL;
    memcpy(digits, text, length);
    digits[length] = '\0';
    return check_number(option, digits, ret_value);
}

static int check_quantity(const struct option *option, int parsed, uint64_t value, uint64_t *ret_value)
{
    if (parsed < 0)
        return parsed;
    if (has_range(option) && (value < (uint64_t)option->min || value > (uint64_t)option->max))
        return -ERANGE;
    *ret_value = value;
    return 0;
}

/* @return 0; -EINVAL for a malformed value; -ERANGE for one outside of the range; -E2BIG for too many. */
static int value_set(const struct option *option, const char *text, void *settings)
{
    void *field = (char *)settings + option->offset;
    uint64_t quantity = 0;

    switch (option->kind) {
    case OPTION_FLAG:
        *(bool *)field = true;
        return 0;
    case OPTION_TEXT:
        *(const char **)field = text;
        return 0;
    case OPTION_LIST: {
        struct text_list *list = field;
        if (list->count == TEXT_LIST_MAX)
            return -E2BIG;
        list->items[list->count++] = text;
        return 0;
    }
    case OPTION_NUMBER:
        return check_number(option, text, field);
    case OPTION_PERCENT:
        return check_percent(option, text, field);
    case OPTION_DURATION: {
        int parsed = duration_parse(text, &quantity);
        return check_quantity(option, parsed, quantity, field);
    }
    case OPTION_SIZE: {
        int parsed = size_parse(text, &quantity);
        return check_quantity(option, parsed, quantity, field);
    }
    case OPTION_RATE:
        return rate_parse(text, field);
    case OPTION_CHOICE:
        return choice_parse(option, text, field);
    }
    return -EINVAL;
}

/* Sets the value of `label` ("--ttl", "-i") or says what is wrong with it. */
static int take_value(struct scan *scan, const struct option *option, const char *label, const char *value)
{
    char allowed[ALLOWED_BYTES];
    int result = value_set(option, value, scan->settings);
    const char *shown = value[0] != '\0' ? value : "''";

    if (result == -E2BIG)
        return herald_error_set(scan->error, -EINVAL, "%s: may be given %d times at most", label, (int)TEXT_LIST_MAX);
    if (result == -ERANGE && has_range(option))
        return herald_error_set(scan->error, -EINVAL, "%s %.64s: must be %s", label, shown,
                                range_text(option, allowed));
    if (result < 0)
        return herald_error_set(scan->error, -EINVAL, "%s %.64s: must be %s", label, shown,
                                allowed_text(option, allowed));
    return 0;
}

/* The value is the rest of the argument, if there is one, else the next argument, even one that begins with a dash. */
static int take_option(struct scan *scan, const struct option *option, const char *label, const char *attached)
{
    char allowed[ALLOWED_BYTES];

    if (option->kind == OPTION_FLAG) {
        if (attached != NULL)
            return herald_error_set(scan->error, -EINVAL, "%s: takes no value", label);
        return take_value(scan, option, label, "");
    }
    if (attached != NULL)
        return take_value(scan, option, label, attached);
    if (scan->next == scan->argc)
        return herald_error_set(scan->error, -EINVAL, "%s: needs a value: %s", label, allowed_text(option, allowed));
    return take_value(scan, option, label, scan->argv[scan->next++]);
}

static int take_long(struct scan *scan, const char *argument)
{
    const char *name = argument + 2;
    const char *equals = strchr(name, '=');
    size_t length = equals != NULL ? (size_t)(equals - name) : strlen(name);
    const struct option *option = find_name(scan->command, name, length);
    char label[ROWS_MAX];

    if (option == NULL) {
        const char *near = near_name(scan->command, name, length);
        int shown = length < ROWS_MAX ? (int)length : ROWS_MAX;
        if (near != NULL)
            return herald_error_set(scan->error, -EINVAL, "no option '--%.*s'; did you mean '--%s'?", shown, name,
                                    near);
        return herald_error_set(scan->error, -EINVAL, "no option '--%.*s'", shown, name);
    }
    snprintf(label, sizeof label, "--%s", option->name);
    return take_option(scan, option, label, equals != NULL ? equals + 1 : NULL);
}

/* An unknown letter: perhaps a long option with one dash, or an operand that looks like an option. */
static int refuse_letter(struct scan *scan, const char *argument, const char *letter)
{
    const char *equals = strchr(argument, '=');
    size_t length = (equals != NULL ? (size_t)(equals - argument) : strlen(argument)) - 1;
    const char *near = letter == argument + 1 && length > 1 ? near_name(scan->command, argument + 1, length) : NULL;

    if (near != NULL)
        return herald_error_set(scan->error, -EINVAL, "no option '%.64s'; did you mean '--%s'?", argument, near);
    if (*letter >= '0' && *letter <= '9')
        return herald_error_set(scan->error, -EINVAL,
                                "no option '%.64s'; '--' must stand before an operand that begins with '-'", argument);
    if (*letter > ' ' && *letter < 0x7f)
        return herald_error_set(scan->error, -EINVAL, "no option '-%c'", *letter);
    return herald_error_set(scan->error, -EINVAL, "no option '%.64s'", argument);
}

/* One argument of short options: "-q", "-qv", "-ieth0", "-qi eth0". */
static int take_letters(struct scan *scan, const char *argument)
{
    for (const char *letter = argument + 1; *letter != '\0'; letter++) {
        const struct option *option = find_letter(scan->command, *letter);
        const char label[] = { '-', *letter, '\0' };
        if (option == NULL)
            return refuse_letter(scan, argument, letter);
        if (option->kind != OPTION_FLAG)
            return take_option(scan, option, label, letter[1] != '\0' ? letter + 1 : NULL);
        int result = take_option(scan, option, label, NULL);
        if (result < 0)
            return result;
    }
    return 0;
}

/* The word number `index` of "EP [MESSAGE]", or the last one, without brackets and dots. */
static void operand_name(const char *operands, size_t index, char *text, size_t size)
{
    const char *word = operands;

    for (; index > 0 && strchr(word, ' ') != NULL; index--)
        word = strchr(word, ' ') + 1;
    word += strspn(word, "[");
    snprintf(text, size, "%.*s", (int)strcspn(word, " .]"), word);
}

/* Of those that are missing the first is, and the others stand in its place. */
static bool lacks_endpoint(const struct command *command, const struct operands *operands)
{
    struct herald_endpoint endpoint;
    struct herald_error error;

    return operands->count > 0 && strncmp(command->operands, "EP ", 3) == 0 &&
           herald_endpoint_parse(operands->items[0], &endpoint, &error) < 0;
}

static int refuse_surplus(struct scan *scan)
{
    const struct command *command = scan->command;
    const char *surplus = scan->operands.items[command->operands_max];
    char ep[128], word[128];

    words_quote(scan->operands.items[0], ep, sizeof ep);
    words_quote(surplus, word, sizeof word);
    herald_error_set(scan->error, -EINVAL, "'%.64s' is one operand too many", surplus);
    herald_error_advise(scan->error, "herald %s %s %s %s", command->name, ep, command->surplus, word);
    return -EINVAL;
}

static int check_operands(struct scan *scan)
{
    const struct command *command = scan->command;
    const struct operands *operands = &scan->operands;

    if (operands->count < command->operands_min) {
        char name[ROWS_MAX];
        if (lacks_endpoint(command, operands))
            return herald_error_set(scan->error, -EINVAL, "EP is missing, as '%.64s' is none: herald %s [OPTION...] %s",
                                    operands->items[0], command->name, command->operands);
        operand_name(command->operands, operands->count, name, sizeof name);
        return herald_error_set(scan->error, -EINVAL, "%s is missing: herald %s [OPTION...] %s", name, command->name,
                                command->operands);
    }
    if (operands->count > command->operands_max && command->surplus == NULL)
        return herald_error_set(scan->error, -EINVAL, "'%.64s' is one operand too many; quote a text with blanks",
                                operands->items[command->operands_max]);
    return operands->count > command->operands_max ? refuse_surplus(scan) : 0;
}

static void set_defaults(const struct command *command, void *settings)
{
    const struct option *option;

    memset(settings, 0, command->settings_bytes);
    for (size_t i = 0; (option = options_row(command, i)) != NULL; i++) {
        if (option->default_text == NULL)
            continue;
        int result = value_set(option, option->default_text, settings);
        assert(result == 0); /* a mistake in our own table */
        (void)result;
    }
}

static int scan_arguments(struct scan *scan)
{
    bool options_ended = false;

    while (scan->next < scan->argc) {
        char *argument = scan->argv[scan->next++];
        int result = 0;
        if (options_ended || argument[0] != '-' || argument[1] == '\0')
            scan->operands.items[scan->operands.count++] = argument; /* never overtakes scan->next */
        else if (strcmp(argument, "--") == 0)
            options_ended = true;
        else if (argument[1] == '-')
            result = take_long(scan, argument);
        else
            result = take_letters(scan, argument);
        if (result < 0)
            return result;
    }
    return 0;
}

int options_scan(const struct command *command, int argc, char **argv, void *settings, struct operands *ret_operands,
                 struct herald_error *error)
{
    struct scan scan = {
        .command = command,
        .argv = argv,
        .argc = (size_t)argc,
        .settings = settings,
        .operands = { .items = argv },
        .error = error,
    };

    assert(command->settings_bytes >= sizeof(struct common_settings));
    set_defaults(command, settings);
    int result = scan_arguments(&scan);
    if (result == 0 && !((const struct common_settings *)settings)->help)
        result = check_operands(&scan);
    if (result < 0) {
        if (error->advice[0] == '\0')
            herald_error_advise(error, "herald help %s", command->name);
        return result;
    }
    *ret_operands = scan.operands;
    return 0;
}

/* What a mistake in the command line must know although the command line cannot be read. */
static bool wants_json(int argc, char *const *argv)
{
    for (int i = 0; i < argc && strcmp(argv[i], "--") != 0; i++) {
        if (strcmp(argv[i], "--json") == 0)
            return true;
    }
    return false;
}

int options_parse(const struct command *command, int argc, char **argv, void *settings, struct operands *ret_operands)
{
    struct common_settings common = { .json = !command->only_help && wants_json(argc, argv) }; /* argv is reordered */
    struct herald_error error;
    struct output output;
    char prefix[ROWS_MAX];
    int result = options_scan(command, argc, argv, settings, ret_operands, &error);

    if (result < 0) {
        snprintf(prefix, sizeof prefix, "herald %s", command->name);
        output_init(&output, prefix, &common);
        options_report(&output, &error, STATUS_USAGE);
    }
    return result;
}

/* An error in JSON. */
struct problem {
    const char *cause;
    const char *advice;
    uint64_t status;
};

static const struct field problem_fields[] = {
    { .key = "cause", .kind = FIELD_TEXT, .offset = offsetof(struct problem, cause) },
    { .key = "advice", .kind = FIELD_TEXT, .offset = offsetof(struct problem, advice) },
    { .key = "status", .kind = FIELD_NUMBER, .offset = offsetof(struct problem, status) },
    { .key = NULL },
};

void options_report(struct output *output, const struct herald_error *error, int status)
{
    struct problem problem = {
        .cause = error->cause,
        .advice = error->advice[0] != '\0' ? error->advice : NULL,
        .status = (uint64_t)status,
    };

    if (output->json)
        (void)output_record(output, OUTPUT_ERROR, "error", problem_fields, &problem);
    else
        output_error(output, error);
}

void options_print_help(const struct command *command)
{
    help_print_command(stdout, help_columns(stdout), command);
}
