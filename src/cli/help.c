/* SPDX-License-Identifier: MIT */
/* Help is printed from the tables of commands and options; only the words around them are here. */
#include "help.h"
#include "commands.h"
#include "status.h"

#include <string.h>
#include <sys/ioctl.h>

enum { COLUMNS_DEFAULT = 80, COLUMNS_MIN = 40, COLUMNS_MAX = 100, LABEL_INDENT = 26, LABEL_BYTES = 96 };

const struct status_text status_texts[] = {
    { STATUS_DONE, "done as asked" },
    { STATUS_NOT_EVERYONE, "not everyone: fewer than expected, or some failed; doctor: a fault was found" },
    { STATUS_USAGE, "the command line is wrong" },
    { STATUS_FAILED, "could not run at all, or could not write the output" },
    { STATUS_NOTHING, "nothing arrived in the time given" },
    { 0, NULL },
};

const char help_slogan[] = "send once, reach everyone, know who heard";

const char help_endpoint_grammar[] = "[SOURCE@]GROUP[+N][%IFACE]:PORT";

const char *const help_endpoint_examples[] = {
    "239.1.2.3:10000\tany source",
    "239.1.2.3%eth0:10000\ton eth0 only",
    "239.1.2.3+16:10000\t16 consecutive groups, from 239.1.2.3 to 239.1.2.18",
    "192.0.2.5@232.1.2.3:10000\tfrom that source only",
    "[ff12::7%eth0]:10000\tIPv6; a link-local group needs its interface",
    NULL,
};

const char help_examples[] = "# On one host, or on many: join a group, print and answer what arrives\n"
                             "herald listen 239.1.2.3:10000\n"
                             "# On another, or in a second terminal: send a message and see who heard it\n"
                             "herald send 239.1.2.3:10000 hello\n";

int help_columns(FILE *stream)
{
    struct winsize size;

    if (ioctl(fileno(stream), TIOCGWINSZ, &size) < 0 || size.ws_col == 0)
        return COLUMNS_DEFAULT;
    if (size.ws_col < COLUMNS_MIN)
        return COLUMNS_MIN;
    return size.ws_col < COLUMNS_MAX ? size.ws_col : COLUMNS_MAX;
}

/* A paragraph as it is being written. */
struct wrap {
    FILE *stream;
    int columns;
    int indent; /* of every line but the first, which begins at `column` */
    int column;
    bool any; /* a word stands in this line */
};

static int text_width(const char *text, size_t length)
{
    int width = 0;

    for (size_t i = 0; i < length; i++)
        width += ((unsigned char)text[i] & 0xC0) != 0x80; /* UTF-8 continuation bytes take no room */
    return width;
}

static void wrap_word(struct wrap *wrap, const char *word, size_t length)
{
    int width = text_width(word, length);

    if (wrap->any && wrap->column + 1 + width > wrap->columns) {
        putc('\n', wrap->stream);
        wrap->column = 0;
        wrap->any = false;
    }
    if (wrap->any) {
        putc(' ', wrap->stream);
        wrap->column++;
    }
    for (; wrap->column < wrap->indent; wrap->column++)
        putc(' ', wrap->stream);
    fwrite(word, 1, length, wrap->stream);
    wrap->column += width;
    wrap->any = true;
}

static void wrap_text(struct wrap *wrap, const char *text, size_t length)
{
    const char *end = text + length;

    while (text < end) {
        size_t blanks = strspn(text, " \n");
        size_t word = strcspn(text + blanks, " \n");
        if (text + blanks >= end)
            break;
        wrap_word(wrap, text + blanks, word);
        text += blanks + word;
    }
}

static void wrap_end(struct wrap *wrap)
{
    if (wrap->any)
        putc('\n', wrap->stream);
    wrap->column = 0;
    wrap->any = false;
}

/* Paragraphs are filled; an empty line separates them; a line that begins with a blank is printed as it is. */
static void print_prose(FILE *stream, int columns, const char *text)
{
    struct wrap wrap = { .stream = stream, .columns = columns };

    while (*text != '\0') {
        size_t length = strcspn(text, "\n");
        if (length == 0 || *text == ' ') {
            wrap_end(&wrap);
            fprintf(stream, "%.*s\n", (int)length, text);
        } else {
            wrap_text(&wrap, text, length);
        }
        text += length + (text[length] == '\n');
    }
    wrap_end(&wrap);
}

/* Text as it is, indented. */
static void print_indented(FILE *stream, const char *text)
{
    while (*text != '\0') {
        size_t length = strcspn(text, "\n");
        fprintf(stream, "%s%.*s\n", length > 0 ? "  " : "", (int)length, text);
        text += length + (text[length] == '\n');
    }
}

/* "  LABEL    text, wrapped beside it". */
static void print_row(FILE *stream, int columns, int indent, const char *label, const char *text, const char *note)
{
    struct wrap wrap = { .stream = stream, .columns = columns, .indent = indent };
    int width = text_width(label, strlen(label));

    fprintf(stream, "  %s", label);
    wrap.column = 2 + width;
    if (wrap.column + 2 > indent) {
        putc('\n', stream);
        wrap.column = 0;
    }
    wrap_text(&wrap, text, strlen(text));
    if (note[0] != '\0') {
        char bracketed[HELP_NOTE_BYTES + 2];
        snprintf(bracketed, sizeof bracketed, "(%s)", note);
        wrap_text(&wrap, bracketed, strlen(bracketed));
    }
    wrap_end(&wrap);
}

/* A command, or each member of a family. */
static void print_command_rows(FILE *stream, int columns, const struct command *command)
{
    char label[LABEL_BYTES];

    for (size_t i = 0; command->subcommands != NULL && command->subcommands[i] != NULL; i++)
        print_command_rows(stream, columns, command->subcommands[i]);
    if (command->subcommands != NULL)
        return;
    snprintf(label, sizeof label, "%s %s", command->name, command->operands);
    print_row(stream, columns, LABEL_INDENT, label, command->summary, "");
}

static void print_statuses(FILE *stream)
{
    fprintf(stream, "\nExit status:\n");
    for (const struct status_text *row = status_texts; row->text != NULL; row++)
        fprintf(stream, "  %d  %s\n", row->status, row->text);
}

static void print_endpoint_grammar(FILE *stream, int columns)
{
    fprintf(stream, "\nEndpoint (EP): %s\n", help_endpoint_grammar);
    for (size_t i = 0; help_endpoint_examples[i] != NULL; i++) {
        const char *tab = strchr(help_endpoint_examples[i], '\t');
        char label[LABEL_BYTES];
        snprintf(label, sizeof label, "%.*s", (int)(tab - help_endpoint_examples[i]), help_endpoint_examples[i]);
        print_row(stream, columns, LABEL_INDENT + 4, label, tab + 1, "");
    }
}

void help_print_overview(FILE *stream, int columns)
{
    fprintf(stream, "herald: IP multicast; %s\n\n", help_slogan);
    fprintf(stream, "Usage: herald COMMAND [OPTION...] [OPERAND...]\n\nCommands:\n");
    for (size_t i = 0; commands[i] != NULL; i++)
        print_command_rows(stream, columns, commands[i]);
    fprintf(stream, "\nOptions:\n");
    print_row(stream, columns, LABEL_INDENT, "-h, --help", "print this help and exit", "");
    print_row(stream, columns, LABEL_INDENT, "--version", "print the version and exit", "");
    print_endpoint_grammar(stream, columns);
    print_statuses(stream);
    fprintf(stream, "\nExamples:\n");
    print_indented(stream, help_examples);
    fprintf(stream, "\n'herald help COMMAND' tells everything about a command.\n");
}

static void print_option(FILE *stream, int columns, const struct option *option)
{
    char label[LABEL_BYTES];
    char note[HELP_NOTE_BYTES];
    char letter[] = { '-', option->letter, ',', ' ', '\0' };

    snprintf(label, sizeof label, "%s--%s%s%s", option->letter != 0 ? letter : "    ", option->name,
             option->metavar != NULL ? " " : "", option->metavar != NULL ? option->metavar : "");
    print_row(stream, columns, LABEL_INDENT, label, option->help, help_option_note(option, note));
}

void help_print_command(FILE *stream, int columns, const struct command *command)
{
    const struct option *option;

    fprintf(stream, "Usage: herald %s %s%s\n\n", command->name, command->subcommands == NULL ? "[OPTION...] " : "",
            command->operands);
    fprintf(stream, "herald %s: %s\n", command->name, command->summary);
    if (command->details != NULL) {
        putc('\n', stream);
        print_prose(stream, columns, command->details);
    }
    if (command->subcommands != NULL) {
        fprintf(stream, "\nCommands:\n");
        print_command_rows(stream, columns, command);
    }
    fprintf(stream, "\nOptions:\n");
    for (size_t i = 0; (option = options_row(command, i)) != NULL; i++)
        print_option(stream, columns, option);
    if (strncmp(command->operands, "EP", 2) == 0)
        print_endpoint_grammar(stream, columns);
    print_statuses(stream);
    if (command->examples != NULL) {
        fprintf(stream, "\nExamples:\n");
        print_indented(stream, command->examples);
    }
}
