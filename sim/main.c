/* SPDX-License-Identifier: MIT */
/* herald-sim: herald's protocol machines on a simulated network. A tool for tests; it is installed nowhere. */
#include "commands.h"
#include "run.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { OVERRIDES_BYTES = 256, DEFAULT_SEEDS = 100 };

static const char help[] =
    "herald-sim: herald's reliable transport on a simulated network, in virtual time.\n"
    "One seed decides everything: the same seed and options give the same run.\n"
    "\n"
    "  herald-sim list                     the scenarios\n"
    "  herald-sim run SCENARIO [OPTION]... one of them, and what it was like\n"
    "  herald-sim all [OPTION]...          all of them with many seeds, on all cores\n"
    "  herald-sim scale [OPTION]...        feedback and redundancy with 10 to 100,000 receivers\n"
    "\n"
    "run\n"
    "  --seed N         seed of all randomness (1)\n"
    "  --receivers N    how many\n"
    "  --bytes N        size of each object\n"
    "  --loss P         lose P percent of the packets to each receiver, such as 0.5\n"
    "  --rate N         bits per second at which the sender sends, or starts\n"
    "  --svg FILE       plot what was sent and received over time\n"
    "  --trace FILE     a line for each packet sent, lost, or heard by a sender; '-' for standard output\n"
    "  --watch N        trace also what receiver N hears, counted from 0\n"
    "all\n"
    "  --seeds N        seeds for each scenario (100; the costly ones have a tenth)\n"
    "  --seed N         the first of them (1)\n"
    "  --jobs N         processes (one per core)\n"
    "  --quick          only a short selection, with one seed unless told\n"
    "  --tap            write as the Test Anything Protocol has it\n"
    "scale\n"
    "  --receivers N    up to so many (100000)\n"
    "  --bytes N        size of the object, in whole blocks of 4096 (65536)\n"
    "  --loss P         percent lost (1)\n"
    "  --seed N, --jobs N\n"
    "\n"
    "Exit status: 0 all as it must be; 1 a scenario failed; 2 usage; 3 could not run.\n";

/* The command line, as far as it was given. */
struct arguments {
    const char *command;
    const char *scenario;
    uint64_t seed;
    uint64_t seeds;
    uint64_t receivers;
    uint64_t jobs;
    uint64_t watched; /* counted from 1 */
    uint64_t bytes;
    uint64_t rate_bps;
    uint32_t loss_ppm;
    bool has_loss, has_bytes, quick, tap;
    const char *svg_path;
    const char *trace_path;
};

enum option_code {
    OPT_SEED = 1000,
    OPT_SEEDS,
    OPT_RECEIVERS,
    OPT_JOBS,
    OPT_BYTES,
    OPT_RATE,
    OPT_LOSS,
    OPT_SVG,
    OPT_TRACE,
    OPT_WATCH,
    OPT_QUICK,
    OPT_TAP,
};

static const struct option options[] = {
    { "seed", required_argument, NULL, OPT_SEED },
    { "seeds", required_argument, NULL, OPT_SEEDS },
    { "receivers", required_argument, NULL, OPT_RECEIVERS },
    { "jobs", required_argument, NULL, OPT_JOBS },
    { "bytes", required_argument, NULL, OPT_BYTES },
    { "rate", required_argument, NULL, OPT_RATE },
    { "loss", required_argument, NULL, OPT_LOSS },
    { "svg", required_argument, NULL, OPT_SVG },
    { "trace", required_argument, NULL, OPT_TRACE },
    { "quick", no_argument, NULL, OPT_QUICK },
    { "tap", no_argument, NULL, OPT_TAP },
    { "help", no_argument, NULL, 'h' },
    { "watch", required_argument, NULL, OPT_WATCH },
    { NULL, 0, NULL, 0 },
};

static bool parse_number(const char *name, const char *text, uint64_t least, uint64_t most, uint64_t *ret_value)
{
    char *end;
    unsigned long long value;

    errno = 0;
    value = strtoull(text, &end, 10);
    if (errno != 0 || end == text || *end != '\0' || *text == '-' || value < least || value > most) {
        fprintf(stderr, "herald-sim: --%s wants a whole number from %llu to %llu, not '%s'\n", name,
                (unsigned long long)least, (unsigned long long)most, text);
        return false;
    }
    *ret_value = value;
    return true;
}

static bool parse_loss(const char *text, uint32_t *ret_ppm)
{
    char *end;
    double percent = strtod(text, &end);

    if (end == text || (*end != '\0' && strcmp(end, "%") != 0) || !(percent >= 0 && percent < 100)) {
        fprintf(stderr, "herald-sim: --loss wants percent, from 0 to below 100, not '%s'\n", text);
        return false;
    }
    *ret_ppm = (uint32_t)(percent * 1e4 + 0.5);
    return true;
}

static bool take_option(struct arguments *arguments, int code, const char *text)
{
    switch (code) {
    case OPT_SEED:
        return parse_number("seed", text, 0, UINT64_MAX, &arguments->seed);
    case OPT_SEEDS:
        return parse_number("seeds", text, 1, 1000000, &arguments->seeds);
    case OPT_RECEIVERS:
        return parse_number("receivers", text, 1, 1000000, &arguments->receivers);
    case OPT_JOBS:
        return parse_number("jobs", text, 1, 64, &arguments->jobs);
    case OPT_BYTES:
        arguments->has_bytes = true;
        return parse_number("bytes", text, 0, UINT64_C(1) << 40, &arguments->bytes);
    case OPT_RATE:
        return parse_number("rate", text, 8, HERALD_NORM_RATE_MAX_BYTES_PER_S * 8, &arguments->rate_bps);
    case OPT_LOSS:
        arguments->has_loss = true;
        return parse_loss(text, &arguments->loss_ppm);
    case OPT_SVG:
        arguments->svg_path = text;
        return true;
    case OPT_TRACE:
        arguments->trace_path = text;
        return true;
    case OPT_WATCH:
        if (!parse_number("watch", text, 0, 1000000, &arguments->watched))
            return false;
        arguments->watched++;
        return true;
    case OPT_QUICK:
        arguments->quick = true;
        return true;
    case OPT_TAP:
        arguments->tap = true;
        return true;
    default:
        return false;
    }
}

static int command_list(void)
{
    for (const struct sim_scenario *row = sim_scenarios; row->name != NULL; row++)
        printf("%-20s %s\n", row->name, row->about);
    return SIM_OK;
}

static unsigned jobs_of(const struct arguments *arguments)
{
    long cores = sysconf(_SC_NPROCESSORS_ONLN);

    if (arguments->jobs > 0)
        return (unsigned)arguments->jobs;
    return cores > 0 ? (unsigned)cores : 1;
}

/* Changes the scenario as told, and keeps how it was told. */
static bool override(const struct arguments *arguments, struct sim_scenario *scenario, char *ret_overrides)
{
    char *text = ret_overrides;
    size_t left = OVERRIDES_BYTES;

    *text = '\0';
    if (arguments->receivers > 0) {
        if (arguments->receivers < scenario->odd) {
            fprintf(stderr, "herald-sim: %s needs %u receivers at least\n", scenario->name, scenario->odd);
            return false;
        }
        scenario->receivers = (uint32_t)arguments->receivers;
        snprintf(text + strlen(text), left - strlen(text), " --receivers %u", scenario->receivers);
    }
    if (arguments->has_bytes) {
        scenario->object_bytes = arguments->bytes;
        snprintf(text + strlen(text), left - strlen(text), " --bytes %llu", (unsigned long long)arguments->bytes);
    }
    if (arguments->rate_bps > 0) {
        scenario->rate_bytes_per_s = arguments->rate_bps / 8;
        snprintf(text + strlen(text), left - strlen(text), " --rate %llu", (unsigned long long)arguments->rate_bps);
    }
    if (arguments->has_loss) {
        sim_scenario_set_loss(scenario, arguments->loss_ppm);
        snprintf(text + strlen(text), left - strlen(text), " --loss %g", arguments->loss_ppm / 1e4);
    }
    return true;
}

static int command_run(const struct arguments *arguments)
{
    const struct sim_scenario *row;
    char overrides[OVERRIDES_BYTES];
    struct sim_run_options run = { .seed = arguments->seed,
                                   .svg_path = arguments->svg_path,
                                   .trace_path = arguments->trace_path,
                                   .overrides = overrides };

    if (arguments->scenario == NULL) {
        fprintf(stderr, "herald-sim: run which scenario? 'herald-sim list' names them\n");
        return SIM_USAGE;
    }
    row = sim_scenario_find(arguments->scenario);
    if (row == NULL) {
        fprintf(stderr, "herald-sim: no scenario '%s'; 'herald-sim list' names them\n", arguments->scenario);
        return SIM_USAGE;
    }
    run.scenario = *row;
    run.scenario.watched = (uint32_t)arguments->watched;
    if (!override(arguments, &run.scenario, overrides))
        return SIM_USAGE;
    sim_scenario_complete(&run.scenario);
    return sim_command_run(&run);
}

static int command_all(const struct arguments *arguments)
{
    struct sim_all_options all = { .first_seed = arguments->seed,
                                   .seeds_count = arguments->quick ? 1 : DEFAULT_SEEDS,
                                   .jobs = jobs_of(arguments),
                                   .quick = arguments->quick,
                                   .tap = arguments->tap };

    if (arguments->seeds > 0)
        all.seeds_count = (uint32_t)arguments->seeds;
    return sim_command_all(&all);
}

static int command_scale(const struct arguments *arguments)
{
    struct sim_scale_options scale = { .receivers_max = 100000,
                                       .blocks = 16,
                                       .loss_ppm = arguments->has_loss ? arguments->loss_ppm : 10000,
                                       .seed = arguments->seed,
                                       .jobs = jobs_of(arguments) };

    if (arguments->receivers > 0)
        scale.receivers_max = (uint32_t)arguments->receivers;
    if (scale.receivers_max < 10) {
        fprintf(stderr, "herald-sim: scale begins with 10 receivers\n");
        return SIM_USAGE;
    }
    if (arguments->has_bytes)
        scale.blocks = (uint32_t)(arguments->bytes / 4096 > 0 ? arguments->bytes / 4096 : 1);
    return sim_command_scale(&scale);
}

static int dispatch(const struct arguments *arguments)
{
    if (strcmp(arguments->command, "list") == 0)
        return command_list();
    if (strcmp(arguments->command, "run") == 0)
        return command_run(arguments);
    if (strcmp(arguments->command, "all") == 0)
        return command_all(arguments);
    if (strcmp(arguments->command, "scale") == 0)
        return command_scale(arguments);
    fprintf(stderr, "herald-sim: no command '%s'; there are list, run, all and scale\n", arguments->command);
    return SIM_USAGE;
}

int main(int argc, char **argv)
{
    struct arguments arguments = { .seed = 1 };
    int code;

    while ((code = getopt_long(argc, argv, "h", options, NULL)) != -1) {
        if (code == 'h') {
            fputs(help, stdout);
            return SIM_OK;
        }
        if (!take_option(&arguments, code, optarg))
            return SIM_USAGE;
    }
    if (optind == argc) {
        fputs(help, stderr);
        return SIM_USAGE;
    }
    arguments.command = argv[optind++];
    if (optind < argc && strcmp(arguments.command, "run") == 0)
        arguments.scenario = argv[optind++];
    if (optind < argc) {
        fprintf(stderr, "herald-sim: '%s' is one argument too many\n", argv[optind]);
        return SIM_USAGE;
    }
    return dispatch(&arguments);
}
