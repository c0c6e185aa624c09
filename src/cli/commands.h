/* SPDX-License-Identifier: MIT */
/* The table of commands: a new command is a cmd_NAME.c that defines one `struct command`, and a line in commands.c. */
#ifndef CLI_COMMANDS_H
#define CLI_COMMANDS_H

#include "options.h"

extern const struct command command_send;
extern const struct command command_listen;
extern const struct command command_put;
extern const struct command command_get;
extern const struct command command_help;

/* All of them, in the order of the help; NULL-terminated. */
extern const struct command *const commands[];

/* NULL if there is none of that name. */
const struct command *command_find(const char *name);

/* Says that there is no command of that name, and which one may be meant. */
void command_error(const char *name, struct herald_error *error);

#endif
