/* SPDX-License-Identifier: MIT */
/* The table of commands: a new command is a cmd_NAME.c that defines one `struct command`, and a line in commands.c. */
#ifndef CLI_COMMANDS_H
#define CLI_COMMANDS_H

#include "options.h"

extern const struct command command_send;
extern const struct command command_listen;
extern const struct command command_put;
extern const struct command command_get;
extern const struct command command_ping;
extern const struct command command_doctor;
extern const struct command command_bench;
extern const struct command command_help;

/* All of them, in the order of the help; NULL-terminated. */
extern const struct command *const commands[];

/* NULL if there is none of that name. */
const struct command *command_find(const char *name);

/*
 * The command that the words begin with, of a family its member; *count and *words are left with what is behind its
 * name. A family without a member is that itself, which has its help.
 * @return NULL with *error if there is none of that name.
 */
const struct command *command_resolve(size_t *count, char ***words, struct herald_error *error);

/* Says that there is no command of that name, and which one may be meant. */
void command_error(const char *name, struct herald_error *error);

#endif
