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
    const struct command *command = command_find(operands->items[0]);
    if (command == NULL) {
        command_error(operands->items[0], &error);
        output_error(&output, &error);
        return STATUS_USAGE;
    }
    options_print_help(command);
    return STATUS_DONE;
}

const struct command command_help = {
    .name = "help",
    .operands = "[COMMAND]",
    .operands_max = 1,
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
