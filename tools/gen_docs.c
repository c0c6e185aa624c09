/* SPDX-License-Identifier: MIT */
/*
 * Writes what is generated from the tables of commands and options, to stdout. Runs at build time; not installed.
 *
 *     gen_docs man COMMAND VERSION DATE        the manual page of one command
 *     gen_docs overview TEMPLATE VERSION DATE  herald(1): the template with its @WORDS@ replaced
 *     gen_docs bash | zsh                      completion
 *     gen_docs check COMMAND...                fails unless these are all commands there are
 */
#include "commands.h"
#include "help.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- manual pages ---------------------------------------------------------------------------- */

/* Text for roff: a hyphen that can be copied, no escapes, and no line that looks like a request. */
static void put_roff(const char *text, size_t length, bool line_start)
{
    if (line_start && length > 0 && (*text == '.' || *text == '\''))
        fputs("\\&", stdout);
    for (size_t i = 0; i < length; i++) {
        if (text[i] == '\\')
            fputs("\\e", stdout);
        else if (text[i] == '-')
            fputs("\\-", stdout);
        else
            putchar(text[i]);
    }
}

static void put_roff_text(const char *text)
{
    put_roff(text, strlen(text), true);
}

static void put_capitalised(const char *text, size_t length)
{
    if (length == 0)
        return;
    putchar(toupper((unsigned char)*text));
    put_roff(text + 1, length - 1, false);
}

/* A phrase of a table as a sentence: capital first, the note in brackets, a full stop last. */
static void put_sentence(const char *text, const char *note)
{
    put_capitalised(text, strlen(text));
    if (note[0] != '\0') {
        fputs(" (", stdout);
        put_roff(note, strlen(note), false);
        putchar(')');
    }
    fputs(".\n", stdout);
}

/* Opens or closes a block whose lines are kept as they are. */
static void set_literal(bool *literal, bool wanted)
{
    if (wanted && !*literal)
        fputs(".RS 4\n.nf\n", stdout);
    else if (!wanted && *literal)
        fputs(".fi\n.RE\n", stdout);
    *literal = wanted;
}

/* As the help prints it: paragraphs are filled, a line that begins with a blank is kept as it is. */
static void put_prose(const char *text)
{
    bool literal = false;
    bool paragraph = false; /* an empty line was seen */

    while (*text != '\0') {
        size_t length = strcspn(text, "\n");
        if (length == 0) {
            paragraph = true;
        } else {
            size_t blanks = strspn(text, " ");
            set_literal(&literal, blanks > 0);
            if (paragraph && !literal)
                fputs(".PP\n", stdout);
            paragraph = false;
            put_roff(text + blanks, length - blanks, true);
            putchar('\n');
        }
        text += length + (text[length] == '\n');
    }
    set_literal(&literal, false);
}

/* Lines of commands under "# what it does". */
static void put_examples(const char *text)
{
    bool literal = false;
    bool first = true;

    while (*text != '\0') {
        size_t length = strcspn(text, "\n");
        if (*text == '#') {
            size_t skip = 1 + strspn(text + 1, " ");
            set_literal(&literal, false);
            if (!first)
                fputs(".PP\n", stdout);
            put_capitalised(text + skip, length - skip);
            fputs(":\n", stdout);
            first = false;
        } else if (length > 0) {
            set_literal(&literal, true);
            put_roff(text, length, true);
            putchar('\n');
        }
        text += length + (text[length] == '\n');
    }
    set_literal(&literal, false);
}

static void put_option(const struct option *option)
{
    char note[HELP_NOTE_BYTES];

    fputs(".TP\n", stdout);
    if (option->letter != 0)
        printf("\\fB\\-%c\\fR, ", option->letter);
    fputs("\\fB\\-\\-", stdout);
    put_roff(option->name, strlen(option->name), false);
    fputs("\\fR", stdout);
    if (option->metavar != NULL)
        printf(" \\fI%s\\fR", option->metavar);
    putchar('\n');
    put_sentence(option->help, help_option_note(option, note));
}

static void put_statuses(void)
{
    for (const struct status_text *row = status_texts; row->text != NULL; row++) {
        printf(".TP\n%d\n", row->status);
        put_sentence(row->text, "");
    }
}

static void put_endpoints(void)
{
    fputs("\\fBEP\\fR is an endpoint, the same for every command:\n.PP\n.RS 4\n", stdout);
    put_roff_text(help_endpoint_grammar);
    fputs("\n.RE\n", stdout);
    for (size_t i = 0; help_endpoint_examples[i] != NULL; i++) {
        size_t length = strcspn(help_endpoint_examples[i], "\t");
        fputs(".TP\n", stdout);
        put_roff(help_endpoint_examples[i], length, true);
        putchar('\n');
        put_sentence(help_endpoint_examples[i] + length + 1, "");
    }
}

static void put_see_also(const struct command *self)
{
    fputs(".SH SEE ALSO\n.BR herald (1)", stdout);
    for (size_t i = 0; commands[i] != NULL; i++) {
        if (commands[i] != self)
            printf(",\n.BR herald\\-%s (1)", commands[i]->name);
    }
    putchar('\n');
}

static void put_upper(const char *text)
{
    for (; *text != '\0'; text++)
        putchar(toupper((unsigned char)*text));
}

static void put_options(const struct command *command)
{
    const struct option *option;

    for (size_t i = 0; (option = options_row(command, i)) != NULL; i++)
        put_option(option);
}

static void put_synopsis(const struct command *command)
{
    printf("\\fBherald %s\\fR [\\fIOPTION\\fR...] %s\n", command->name, command->operands);
}

/* A member of a family has sections of its own on the family's page. */
static void put_member_sections(const struct command *member)
{
    printf(".SH \"HERALD ");
    put_upper(member->name);
    fputs("\"\n", stdout);
    put_prose(member->details);
    fputs(".SS Options\n", stdout);
    put_options(member);
    if (member->examples != NULL) {
        fputs(".SS Examples\n", stdout);
        put_examples(member->examples);
    }
}

static bool takes_endpoint(const struct command *command)
{
    for (size_t i = 0; command->subcommands != NULL && command->subcommands[i] != NULL; i++)
        if (takes_endpoint(command->subcommands[i]))
            return true;
    return strncmp(command->operands, "EP", 2) == 0;
}

static void put_command_page(const struct command *command, const char *version, const char *date)
{
    const struct command *const *members = command->subcommands;

    fputs(".\\\" Generated from the tables of the command.\n.TH HERALD\\-", stdout);
    put_upper(command->name);
    printf(" 1 \"%s\" \"herald %s\" \"User Commands\"\n", date, version);
    fputs(".nh\n.ad l\n", stdout); /* names and options are not hyphenated */
    printf(".SH NAME\nherald\\-%s \\- ", command->name);
    put_roff(command->summary, strlen(command->summary), false);
    fputs("\n.SH SYNOPSIS\n", stdout);
    if (members == NULL)
        put_synopsis(command);
    for (size_t i = 0; members != NULL && members[i] != NULL; i++) {
        fputs(i > 0 ? ".br\n" : "", stdout);
        put_synopsis(members[i]);
    }
    fputs(".SH DESCRIPTION\n", stdout);
    if (command->details != NULL)
        put_prose(command->details);
    else
        put_sentence(command->summary, "");
    for (size_t i = 0; members != NULL && members[i] != NULL; i++)
        put_member_sections(members[i]);
    if (members == NULL) {
        fputs(".SH OPTIONS\n", stdout);
        put_options(command);
    }
    if (takes_endpoint(command)) {
        fputs(".SH ENDPOINTS\n", stdout);
        put_endpoints();
    }
    fputs(".SH EXIT STATUS\n", stdout);
    put_statuses();
    if (command->examples != NULL) {
        fputs(".SH EXAMPLES\n", stdout);
        put_examples(command->examples);
    }
    put_see_also(command);
}

static void put_command_items(const struct command *const *list)
{
    for (size_t i = 0; list[i] != NULL; i++) {
        if (list[i]->subcommands != NULL) {
            put_command_items(list[i]->subcommands);
            continue;
        }
        printf(".TP\n\\fBherald %s\\fR %s\n", list[i]->name, list[i]->operands);
        put_sentence(list[i]->summary, "");
    }
}

static void put_command_list(void)
{
    put_command_items(commands);
}

/* Replaces a line of a template that is a lone @WORD@; @VERSION@ and @DATE@ may also stand inside of a line. */
static bool put_block(const char *line)
{
    if (strcmp(line, "@COMMANDS@\n") == 0)
        put_command_list();
    else if (strcmp(line, "@ENDPOINTS@\n") == 0)
        put_endpoints();
    else if (strcmp(line, "@EXIT@\n") == 0)
        put_statuses();
    else if (strcmp(line, "@EXAMPLES@\n") == 0)
        put_examples(help_examples);
    else if (strcmp(line, "@SEE_ALSO@\n") == 0)
        put_see_also(NULL);
    else
        return false;
    return true;
}

static void put_template_line(const char *line, const char *version, const char *date)
{
    static const char version_word[] = "@VERSION@";
    static const char date_word[] = "@DATE@";

    while (*line != '\0') {
        if (strncmp(line, version_word, strlen(version_word)) == 0) {
            fputs(version, stdout);
            line += strlen(version_word);
        } else if (strncmp(line, date_word, strlen(date_word)) == 0) {
            fputs(date, stdout);
            line += strlen(date_word);
        } else {
            putchar(*line++);
        }
    }
}

static int put_overview_page(const char *path, const char *version, const char *date)
{
    char line[1024];
    FILE *template = fopen(path, "r");

    if (template == NULL) {
        perror(path);
        return EXIT_FAILURE;
    }
    while (fgets(line, sizeof line, template) != NULL) {
        if (!put_block(line))
            put_template_line(line, version, date);
    }
    fclose(template);
    return EXIT_SUCCESS;
}

/* ---- completion ------------------------------------------------------------------------------ */

static void put_choices(const struct option *option)
{
    for (size_t i = 0; option->choices[i] != NULL; i++)
        printf("%s%s", i > 0 ? " " : "", option->choices[i]);
}

static bool completes(const struct option *option, const char *kind)
{
    return option->complete != NULL && strcmp(option->complete, kind) == 0;
}

/* The name of a command as one word: a member of a family as FAMILY-MEMBER. */
static void put_key(const struct command *command)
{
    for (const char *at = command->name; *at != '\0'; at++)
        putchar(*at == ' ' ? '-' : *at);
}

/* The last word of a command's name. */
static const char *last_word(const struct command *command)
{
    const char *blank = strrchr(command->name, ' ');

    return blank != NULL ? blank + 1 : command->name;
}

static void put_names(const struct command *const *list)
{
    for (size_t i = 0; list[i] != NULL; i++)
        printf("%s%s", i > 0 ? " " : "", last_word(list[i]));
}

/* What bash runs when the word before the cursor is this option. */
static void put_bash_value(const struct command *command, const struct option *option)
{
    if (option->kind == OPTION_FLAG)
        return;
    fputs("    ", stdout);
    put_key(command);
    printf(":--%s", option->name);
    if (option->letter != 0) {
        fputs(" | ", stdout);
        put_key(command);
        printf(":-%c", option->letter);
    }
    fputs(")\n", stdout);
    if (option->kind == OPTION_CHOICE) {
        fputs("        _herald_words '", stdout);
        put_choices(option);
        fputs("'\n", stdout);
    } else if (completes(option, "iface")) {
        fputs("        _herald_interfaces\n", stdout);
    } else if (completes(option, "file")) {
        fputs("        _herald_paths -f\n", stdout);
    } else if (completes(option, "dir")) {
        fputs("        _herald_paths -d\n", stdout);
    } else if (completes(option, "command")) {
        fputs("        _herald_paths -c\n", stdout);
    }
    fputs("        return\n        ;;\n", stdout);
}

static void put_bash_options(const struct command *command)
{
    const struct option *option;

    fputs("    ", stdout);
    put_key(command);
    fputs(") _herald_words '", stdout);
    for (size_t i = 0; (option = options_row(command, i)) != NULL; i++)
        printf("%s--%s", i > 0 ? " " : "", option->name);
    fputs("' ;;\n", stdout);
    for (size_t i = 0; command->subcommands != NULL && command->subcommands[i] != NULL; i++)
        put_bash_options(command->subcommands[i]);
}

static void put_bash_values(const struct command *command)
{
    const struct option *option;

    for (size_t row = 0; (option = options_row(command, row)) != NULL; row++)
        put_bash_value(command, option);
    for (size_t i = 0; command->subcommands != NULL && command->subcommands[i] != NULL; i++)
        put_bash_values(command->subcommands[i]);
}

/* The second word of a family is one of its members, and names the command together with the first. */
static void put_bash_families(void)
{
    fputs("    case $command in\n", stdout);
    for (size_t i = 0; commands[i] != NULL; i++) {
        if (commands[i]->subcommands == NULL)
            continue;
        printf("    %s)\n        if ((COMP_CWORD == 2)); then\n            _herald_words '", commands[i]->name);
        put_names(commands[i]->subcommands);
        printf(" --help'\n            return\n        fi\n        command=%s-${COMP_WORDS[2]}\n        ;;\n",
               commands[i]->name);
    }
    fputs("    esac\n", stdout);
}

static const char bash_start[] =
    "# bash completion for herald. Generated from the tables of the command.\n"
    "\n"
    "_herald_words()\n"
    "{\n"
    "    mapfile -t COMPREPLY < <(compgen -W \"$1\" -- \"$current\")\n"
    "}\n"
    "\n"
    "# Not by compgen -W, which would expand what a name contains.\n"
    "_herald_interfaces()\n"
    "{\n"
    "    local path\n"
    "    for path in /sys/class/net/*; do\n"
    "        [[ -d $path && ${path##*/} == \"$current\"* ]] && COMPREPLY+=(\"${path##*/}\")\n"
    "    done\n"
    "}\n"
    "\n"
    "_herald_paths()\n"
    "{\n"
    "    compopt -o filenames 2>/dev/null\n"
    "    mapfile -t COMPREPLY < <(compgen \"$1\" -- \"$current\")\n"
    "}\n"
    "\n"
    "_herald()\n"
    "{\n"
    "    local current=${COMP_WORDS[COMP_CWORD]}\n"
    "    local previous=${COMP_WORDS[COMP_CWORD - 1]}\n"
    "    local command=${COMP_WORDS[1]}\n"
    "\n"
    "    COMPREPLY=()\n"
    "    # --name=value comes as three words.\n"
    "    if [[ $current == = ]]; then\n"
    "        current=\n"
    "    elif [[ $previous == = ]]; then\n"
    "        previous=${COMP_WORDS[COMP_CWORD - 2]}\n"
    "    fi\n";

/* What is no option. The first operand is the endpoint, which nobody can guess. */
static void put_bash_operands(void)
{
    fputs("    if [[ $current != -* ]]; then\n        case $command in\n", stdout);
    for (size_t i = 0; commands[i] != NULL; i++)
        if (commands[i]->complete != NULL && strcmp(commands[i]->complete, "file") == 0)
            printf("        %s) ((COMP_CWORD < 3)) || _herald_paths -f ;;\n", commands[i]->name);
    fputs("        esac\n        return\n    fi\n", stdout);
}

static void put_bash(void)
{
    fputs(bash_start, stdout);
    fputs("    if ((COMP_CWORD == 1)); then\n        _herald_words '", stdout);
    put_names(commands);
    fputs(" --help --version'\n        return\n    fi\n", stdout);
    put_bash_families();
    fputs("    case $command:$previous in\n", stdout);
    for (size_t i = 0; commands[i] != NULL; i++)
        put_bash_values(commands[i]);
    fputs("    help:help)\n        _herald_words '", stdout);
    put_names(commands);
    fputs(" --help'\n        return\n        ;;\n    esac\n", stdout);
    put_bash_operands();
    fputs("    case $command in\n", stdout);
    for (size_t i = 0; commands[i] != NULL; i++)
        put_bash_options(commands[i]);
    fputs("    esac\n}\n\ncomplete -F _herald herald\n", stdout);
}

/* Inside of '...', and of the [...] and :...: of a specification of _arguments. */
static void put_zsh_text(const char *text)
{
    for (; *text != '\0'; text++) {
        if (*text == '\'')
            fputs("'\\''", stdout);
        else if (strchr("[]:\\", *text) != NULL)
            printf("\\%c", *text);
        else
            putchar(*text);
    }
}

static void put_zsh_value(const struct option *option)
{
    if (option->kind == OPTION_FLAG)
        return;
    putchar(':');
    put_zsh_text(option->metavar);
    putchar(':');
    if (option->kind == OPTION_CHOICE) {
        putchar('(');
        put_choices(option);
        putchar(')');
    } else if (completes(option, "iface")) {
        fputs("_herald_interfaces", stdout);
    } else if (completes(option, "file")) {
        fputs("_files", stdout);
    } else if (completes(option, "dir")) {
        fputs("_files -/", stdout);
    } else if (completes(option, "command")) {
        fputs("_command_names -e", stdout);
    } else {
        putchar(' ');
    }
}

static void put_zsh_option(const struct option *option)
{
    const char *equals = option->kind == OPTION_FLAG ? "" : "=";
    const char *plus = option->kind == OPTION_FLAG ? "" : "+";

    fputs("            ", stdout);
    if (option->letter == 0)
        printf("%s--%s%s'", option->kind == OPTION_LIST ? "'*'" : "", option->name, equals);
    else if (option->kind == OPTION_LIST)
        printf("'*'{-%c%s,--%s%s}'", option->letter, plus, option->name, equals);
    else
        printf("'(-%c --%s)'{-%c%s,--%s%s}'", option->letter, option->name, option->letter, plus, option->name, equals);
    putchar('[');
    put_zsh_text(option->help);
    putchar(']');
    put_zsh_value(option);
    fputs("' \\\n", stdout);
}

static void put_zsh_command(const struct command *command);

/* One more word is taken off, and chooses a member. */
static void put_zsh_family(const struct command *family)
{
    printf("    %s)\n        if ((CURRENT == 2)); then\n            compadd ", family->name);
    put_names(family->subcommands);
    fputs(" --help\n            return\n        fi\n"
          "        shift words\n        ((CURRENT--))\n        case $words[1] in\n",
          stdout);
    for (size_t i = 0; family->subcommands[i] != NULL; i++)
        put_zsh_command(family->subcommands[i]);
    fputs("        esac\n        ;;\n", stdout);
}

static void put_zsh_command(const struct command *command)
{
    const struct option *option;

    if (command->subcommands != NULL) {
        put_zsh_family(command);
        return;
    }
    printf("    %s)\n        _arguments -s -S : \\\n", last_word(command));
    for (size_t i = 0; (option = options_row(command, i)) != NULL; i++)
        put_zsh_option(option);
    fputs("            '*:", stdout);
    put_zsh_text(command->operands);
    putchar(':');
    if (command == &command_help) {
        putchar('(');
        put_names(commands);
        putchar(')');
    } else if (command->complete != NULL && strcmp(command->complete, "file") == 0) {
        fputs("_files", stdout);
    } else {
        putchar(' ');
    }
    fputs("'\n        ;;\n", stdout);
}

static void put_zsh(void)
{
    fputs("#compdef herald\n"
          "# zsh completion for herald. Generated from the tables of the command.\n"
          "\n"
          "_herald_interfaces()\n"
          "{\n"
          "    local -a names\n"
          "    names=(/sys/class/net/*(N-/:t))\n"
          "    compadd -a names\n"
          "}\n"
          "\n"
          "_herald()\n"
          "{\n"
          "    local -a commands\n"
          "    commands=(\n",
          stdout);
    for (size_t i = 0; commands[i] != NULL; i++) {
        printf("        '%s:", commands[i]->name);
        put_zsh_text(commands[i]->summary);
        fputs("'\n", stdout);
    }
    fputs("        '--help:print help and exit'\n"
          "        '--version:print the version and exit'\n"
          "    )\n"
          "    if ((CURRENT == 2)); then\n"
          "        _describe command commands\n"
          "        return\n"
          "    fi\n"
          "    shift words\n"
          "    ((CURRENT--))\n"
          "    case $words[1] in\n",
          stdout);
    for (size_t i = 0; commands[i] != NULL; i++)
        put_zsh_command(commands[i]);
    fputs("    esac\n}\n\n_herald \"$@\"\n", stdout);
}

/* ---- main ------------------------------------------------------------------------------------ */

static int check_names(char **names, size_t count)
{
    size_t known = 0;

    while (commands[known] != NULL)
        known++;
    for (size_t i = 0; i < count; i++) {
        if (command_find(names[i]) == NULL) {
            fprintf(stderr, "gen_docs: no command '%s' in commands.c\n", names[i]);
            return EXIT_FAILURE;
        }
    }
    if (count != known) {
        fprintf(stderr, "gen_docs: commands.c has %zu commands, cli_commands in src/cli/meson.build %zu\n", known,
                count);
        return EXIT_FAILURE;
    }
    return EXIT_SUCCESS;
}

static int generate(int argc, char **argv)
{
    const char *what = argc > 1 ? argv[1] : "";

    if (strcmp(what, "man") == 0 && argc == 5 && command_find(argv[2]) != NULL)
        put_command_page(command_find(argv[2]), argv[3], argv[4]);
    else if (strcmp(what, "overview") == 0 && argc == 5)
        return put_overview_page(argv[2], argv[3], argv[4]);
    else if (strcmp(what, "bash") == 0)
        put_bash();
    else if (strcmp(what, "zsh") == 0)
        put_zsh();
    else if (strcmp(what, "check") == 0)
        return check_names(argv + 2, (size_t)argc - 2);
    else {
        fprintf(stderr, "gen_docs: see the head of tools/gen_docs.c\n");
        return EXIT_FAILURE;
    }
    return EXIT_SUCCESS;
}

int main(int argc, char **argv)
{
    int status = generate(argc, argv);

    if (fclose(stdout) != 0) {
        perror("gen_docs: standard output");
        return EXIT_FAILURE;
    }
    return status;
}
