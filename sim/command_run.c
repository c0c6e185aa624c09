/* SPDX-License-Identifier: MIT */
/* `herald-sim run`: one scenario, one seed, and everything about it. */
#include "commands.h"
#include "report.h"
#include "run.h"
#include "svg.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static FILE *open_output(const char *path)
{
    FILE *file = strcmp(path, "-") == 0 ? stdout : fopen(path, "w");

    if (file == NULL)
        fprintf(stderr, "herald-sim: cannot write '%s': %s\n", path, strerror(errno));
    return file;
}

static int close_output(FILE *file, const char *path)
{
    int failed = ferror(file);

    if (file != stdout)
        failed = fclose(file) != 0 || failed;
    if (failed)
        fprintf(stderr, "herald-sim: writing '%s' failed\n", path);
    return failed ? -EIO : 0;
}

static int plot(const struct sim_run_options *options, const struct sim_result *result)
{
    const struct sim_series *series = &result->tally.series;
    double factor = 8e3 / (double)series->bucket_ns;
    double sent[SIM_BUCKETS];
    double written[SIM_BUCKETS];
    char title[160];
    const struct sim_svg_line lines[] = {
        { "sent", "#c0392b", sent },
        { "written by a receiver (mean)", "#2471a3", written },
    };
    FILE *file = open_output(options->svg_path);

    if (file == NULL)
        return -EIO;
    for (uint32_t i = 0; i < series->count; i++) {
        sent[i] = (double)series->sent_bytes[i] * factor;
        written[i] = (double)series->written_bytes[i] * factor / result->receivers_count;
    }
    snprintf(title, sizeof title, "%s: %s", options->scenario.name, options->scenario.about);
    sim_svg_write(file, &(struct sim_svg_plot){ .title = title,
                                                .x_label = "time [s]",
                                                .y_label = "rate [Mbit/s]",
                                                .x_step = (double)series->bucket_ns / 1e9,
                                                .values_count = series->count,
                                                .lines = lines,
                                                .lines_count = sizeof lines / sizeof *lines });
    return close_output(file, options->svg_path);
}

static int run_traced(const struct sim_run_options *options, struct sim_result *result)
{
    FILE *trace = NULL;

    if (options->trace_path != NULL) {
        trace = open_output(options->trace_path);
        if (trace == NULL)
            return -EIO;
    }
    sim_run(&options->scenario, options->seed, trace, result);
    return trace != NULL ? close_output(trace, options->trace_path) : 0;
}

int sim_command_run(const struct sim_run_options *options)
{
    struct sim_result *result = sim_allocate(1, sizeof *result);
    int status = SIM_CANNOT;

    if (run_traced(options, result) == 0) {
        printf("%s: %s\nseed            %llu\n", options->scenario.name, options->scenario.about,
               (unsigned long long)options->seed);
        sim_report(result);
        sim_report_failures(options->scenario.name, &result->failures, options->seed, options->overrides);
        status = result->failures.count > 0 ? SIM_FAILED : SIM_OK;
        if (options->svg_path != NULL && plot(options, result) < 0)
            status = SIM_CANNOT;
    }
    free(result);
    return status;
}
