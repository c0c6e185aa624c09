/* SPDX-License-Identifier: MIT */
/* What herald-sim can be asked for. Each returns the exit status: 0 as it must be, 1 not, 3 could not run. */
#ifndef SIM_COMMANDS_H
#define SIM_COMMANDS_H

#include "scenario.h"

enum sim_status { SIM_OK = 0, SIM_FAILED = 1, SIM_USAGE = 2, SIM_CANNOT = 3 };

/* One scenario with one seed. */
struct sim_run_options {
    struct sim_scenario scenario; /* with what the command line changed, and defaults */
    uint64_t seed;
    const char *svg_path;   /* NULL: no plot */
    const char *trace_path; /* NULL: none */
    const char *overrides;  /* the options that changed the scenario, each with a blank before it */
};

int sim_command_run(const struct sim_run_options *options);

/* All scenarios with many seeds. */
struct sim_all_options {
    uint64_t first_seed;
    uint32_t seeds_count;
    unsigned jobs;
    bool quick;
    bool tap;
};

int sim_command_all(const struct sim_all_options *options);

/* From ten receivers to a hundred thousand. */
struct sim_scale_options {
    uint32_t receivers_max;
    uint32_t blocks; /* of the object */
    uint32_t loss_ppm;
    uint64_t seed;
    unsigned jobs;
};

int sim_command_scale(const struct sim_scale_options *options);

#endif
