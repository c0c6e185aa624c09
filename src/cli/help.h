/* SPDX-License-Identifier: MIT */
/* The texts that the help and the manual share, and the help itself. */
#ifndef CLI_HELP_H
#define CLI_HELP_H

#include "options.h"

#include <stdio.h>

enum { HELP_NOTE_BYTES = 256 };

struct status_text {
    int status;
    const char *text; /* NULL ends the table */
};

extern const struct status_text status_texts[];

extern const char help_slogan[];

/* The grammar of an endpoint, and lines of examples of it: "TEXT\tMEANING". */
extern const char help_endpoint_grammar[];
extern const char *const help_endpoint_examples[];

/* Examples of the whole command, in the form of a command's examples. */
extern const char help_examples[];

/* How wide help may be on `stream`: a terminal's width between 40 and 100, else 80. */
int help_columns(FILE *stream);

/* All commands at a glance. */
void help_print_overview(FILE *stream, int columns);

/* One command in full. */
void help_print_command(FILE *stream, int columns, const struct command *command);

/*
 * What a row allows, beyond its help: "between 0 and 255; default 1", "text, hex, raw or json; default text"; empty
 * if there is nothing to say. Returns the text.
 */
const char *help_option_note(const struct option *option, char note[HELP_NOTE_BYTES]);

#endif
