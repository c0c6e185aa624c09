/* SPDX-License-Identifier: MIT */
#include "commands.h"

#include <errno.h>
#include <string.h>

enum { COMMANDS_MAX = 32 };

const struct command *const commands[] = {
    &command_send,   &command_listen, &command_put,  &command_get, &command_ping,
    &command_doctor, &command_bench,  &command_help, NULL,
};

const struct command *command_find(const char *name)
{
    for (size_t i = 0; commands[i] != NULL; i++) {
        if (strcmp(commands[i]->name, name) == 0)
            return commands[i];
    }
    return NULL;
}

/* The last word of a member's name. */
static const char *member_name(const struct command *member)
{
    return strrchr(member->name, ' ') + 1;
}

static const struct command *find_member(const struct command *family, const char *name, struct herald_error *error)
{
    const char *names[COMMANDS_MAX + 1] = { NULL };
    const char *near;

    for (size_t i = 0; family->subcommands[i] != NULL && i < COMMANDS_MAX; i++) {
        names[i] = member_name(family->subcommands[i]);
        if (strcmp(names[i], name) == 0)
            return family->subcommands[i];
    }
    near = suggest(name, names);
    if (near != NULL)
        herald_error_set(error, -EINVAL, "no command '%s %.64s'; did you mean '%s %s'?", family->name, name,
                         family->name, near);
    else
        herald_error_set(error, -EINVAL, "no command '%s %.64s'", family->name, name);
    herald_error_advise(error, "herald help %s", family->name);
    return NULL;
}

const struct command *command_resolve(size_t *count, char ***words, struct herald_error *error)
{
    const struct command *command = command_find((*words)[0]);

    if (command == NULL) {
        command_error((*words)[0], error);
        return NULL;
    }
    (*count)--;
    (*words)++;
    if (command->subcommands == NULL || *count == 0 || (*words)[0][0] == '-')
        return command;
    command = find_member(command, (*words)[0], error);
    (*count)--;
    (*words)++;
    return command;
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
