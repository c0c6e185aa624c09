/* SPDX-License-Identifier: MIT */
#include "commands.h"

#include <errno.h>
#include <string.h>

enum { COMMANDS_MAX = 32 };

const struct command *const commands[] = {
    &command_send, &command_listen, &command_put, &command_get, &command_help, NULL,
};

const struct command *command_find(const char *name)
{
    for (size_t i = 0; commands[i] != NULL; i++) {
        if (strcmp(commands[i]->name, name) == 0)
            return commands[i];
    }
    return NULL;
}

void command_error(const char *name, struct herald_error *error)
{
    const char *names[COMMANDS_MAX + 1];
    size_t count = 0;

    for (; commands[count] != NULL && count < COMMANDS_MAX; count++)
        names[count] = commands[count]->name;
    names[count] = NULL;
    const char *near = suggest(name, names);
    if (near != NULL)
        herald_error_set(error, -EINVAL, "no command '%.64s'; did you mean '%s'?", name, near);
    else
        herald_error_set(error, -EINVAL, "no command '%.64s'", name);
    herald_error_advise(error, "herald help");
}
