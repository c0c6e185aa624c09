/* SPDX-License-Identifier: MIT */
/*
 * An option is one row of a table. Parsing, defaults, --help, shell completion and the manual's option
 * list all come from that row.
 */
#ifndef CLI_OPTIONS_H
#define CLI_OPTIONS_H

#include "units.h"

#include <herald/error.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum option_kind {
    OPTION_FLAG,     /* bool: --name sets it */
    OPTION_TEXT,     /* const char *, NULL without a default */
    OPTION_LIST,     /* struct text_list: may be given several times */
    OPTION_NUMBER,   /* int64_t within min..max */
    OPTION_PERCENT,  /* the same, with or without a % behind it */
    OPTION_DURATION, /* uint64_t ns within min..max (ns) */
    OPTION_SIZE,     /* uint64_t bytes within min..max */
    OPTION_RATE,     /* struct rate */
    OPTION_CHOICE,   /* int: an index into choices */
};

enum { TEXT_LIST_MAX = 64 };

struct text_list {
    const char *items[TEXT_LIST_MAX];
    size_t count;
};

struct option {
    const char *name;    /* long name without dashes; NULL ends the table */
    char letter;         /* short name, or 0 */
    const char *metavar; /* "DURATION", "IFACE"; NULL for a flag */
    enum option_kind kind;
    size_t offset;              /* of its field in the command's settings struct */
    int64_t min, max;           /* NUMBER, PERCENT, DURATION, SIZE; both 0: no limit */
    const char *default_text;   /* parsed like a given value, shown in the help; NULL: zero */
    const char *const *choices; /* CHOICE: NULL-terminated */
    const char *complete;       /* what the shell offers: "iface", "file", "dir", "command", or NULL */
    const char *help;           /* one sentence or more, lower case start, no final full stop */
};

/* What remains of the command line when the options are taken out. Options may stand anywhere; "--" ends them. */
struct operands {
    char **items;
    size_t count;
};

struct command {
    const char *name;
    const char *operands; /* as shown: "EP [MESSAGE]" */
    size_t operands_min, operands_max;
    const char *summary;  /* one line, lower case start, no final full stop */
    const char *details;  /* paragraphs for --help and the manual's DESCRIPTION */
    const char *examples; /* lines of commands with "# comments", for --help and the manual */
    const struct option *options;
    size_t settings_bytes;
    int (*run)(const void *settings, const struct operands *operands); /* returns enum status */
    const char *surplus;  /* the option that one operand too many may have been meant for: "-d"; or NULL */
    const char *complete; /* what the shell offers for operands behind EP: "file", or NULL */
    bool only_help;       /* of the common options it has --help alone */
    /* Of a family of commands: its members, named "FAMILY MEMBER", NULL-terminated; otherwise NULL. */
    const struct command *const *subcommands;
};

struct output;

/* Options that every command has (--help, --json, --quiet, --verbose) begin each settings struct. */
struct common_settings {
    bool help;
    bool json;
    bool quiet;
    bool verbose;
};

/* The rows for them; parsed for every command after its own table. */
extern const struct option common_options[];

/*
 * Parses argv[0..argc-1] (without the command's name) into `settings` (zeroed, then defaults, then what is given).
 * On a mistake prints one line "herald send: ..." to stderr, with "did you mean" where that helps and the
 * place to look further, and returns -EINVAL; if --json stands among the options, it is a JSON object on stdout.
 * *ret_operands points into argv, which is reordered. With --help among the options, operand counts are not checked.
 */
int options_parse(const struct command *command, int argc, char **argv, void *settings, struct operands *ret_operands);

/*
 * The same without printing: *error has the cause and the advice. What options_parse() is made of.
 * @return 0 or -EINVAL.
 */
int options_scan(const struct command *command, int argc, char **argv, void *settings, struct operands *ret_operands,
                 struct herald_error *error);

/* Prints an error that ends the command: as output_error(), in JSON with the "status" that it ends with. */
void options_report(struct output *output, const struct herald_error *error, int status);

/* The rows that a command takes, its own and then the common ones, one at a time: NULL at the end. */
const struct option *options_row(const struct command *command, size_t index);

/* Prints the command's help to stdout. */
void options_print_help(const struct command *command);

/* The nearest of `candidates` (NULL-terminated) to a mistyped word, or NULL if none is near. */
const char *suggest(const char *word, const char *const *candidates);

#endif
