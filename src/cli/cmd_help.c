/* SPDX-License-Identifier: MIT */
/* herald help: all commands at a glance, or one in full. */
#include "commands.h"
#include "help.h"
#include "output.h"
#include "status.h"

#include <errno.h>

static int run(const void *settings, const struct operands *operands)
{
    struct output output;
    struct herald_error error;

    output_init(&output, "herald help", settings);
    if (operands->count == 0) {
        help_print_overview(stdout, help_columns(stdout));
        return STATUS_DONE;
    }
    size_t count = operands->count;
    char **words = operands->items;
    const struct command *command = command_resolve(&count, &words, &error);
    if (command != NULL && count > 0) {
        herald_error_set(&error, -EINVAL, "'%.64s' is one operand too many", words[0]);
        herald_error_advise(&error, "herald help %s", command->name);
        command = NULL;
    }
    if (command == NULL) {
        output_error(&output, &error);
        return STATUS_USAGE;
    }
    options_print_help(command);
    return STATUS_DONE;
}

const struct command command_help = {
    .name = "help",
    .operands = "[COMMAND]",
    .operands_max = 2, /* of a family its member, too */
    .summary = "explain herald or one of its commands",
    .details = "Without an operand it lists the commands and what they have in common; with a command's name it "
               "prints everything about that command, as COMMAND --help does.",
    .examples = "# All commands at a glance\n"
                "herald help\n"
                "# Everything about herald send\n"
                "herald help send\n",
    .settings_bytes = sizeof(struct common_settings),
    .run = run,
    .only_help = true,
};
