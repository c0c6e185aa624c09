/* SPDX-License-Identifier: MIT */
/* herald bench: the family of bench send and bench recv. */
#include "bench.h"
#include "commands.h"
#include "status.h"

#include <errno.h>

static const struct command *const members[] = { &command_bench_send, &command_bench_recv, NULL };

/* Only for what is neither a member nor an option: "herald bench -- x". */
static int run(const void *settings, const struct operands *operands)
{
    struct output output;
    struct herald_error error;

    output_init(&output, "herald bench", settings);
    herald_error_set(&error, -EINVAL, "no command 'bench %.64s'", operands->items[0]);
    herald_error_advise(&error, "herald help bench");
    output_error(&output, &error);
    return STATUS_USAGE;
}

const struct command command_bench = {
    .name = "bench",
    .operands = "send|recv EP",
    .operands_min = 1,
    .operands_max = 64,
    .summary = "measure what a group can carry: rate, loss, jitter, delay",
    .details =
        "Measures a group with a stream of numbered datagrams: herald bench send sends it at a given rate, herald "
        "bench recv counts what arrives on any number of hosts. The receivers report to the sender, which prints "
        "one table: each receiver's rate, loss and where it was lost, duplicates, reordering, jitter, and one-way "
        "delay.\n"
        "\n"
        "The datagrams begin as those of iperf 2 do: iperf -s -u -B GROUP measures herald bench send, and herald "
        "bench recv measures iperf -c GROUP -u.",
    .examples = "# On each receiving host\n"
                "herald bench recv 239.1.2.3:5001\n"
                "# On the sending one: ten seconds at 10 Mbit/s\n"
                "herald bench send 239.1.2.3:5001\n"
                "# The highest rate at which nobody loses anything\n"
                "herald bench send 239.1.2.3:5001 --find-max\n",
    .settings_bytes = sizeof(struct common_settings),
    .run = run,
    .only_help = true,
    .subcommands = members,
};
