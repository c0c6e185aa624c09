/* SPDX-License-Identifier: MIT */
/* What went wrong in a run, in words. */
#ifndef SIM_CHECK_H
#define SIM_CHECK_H

#include <stdint.h>

enum { SIM_FAILURES_MAX = 8, SIM_FAILURE_BYTES = 200 };

struct sim_failures {
    uint32_t count; /* all; the first ones are kept */
    char texts[SIM_FAILURES_MAX][SIM_FAILURE_BYTES];
};

struct sim_result;
struct sim_run;

void sim_fail(struct sim_failures *failures, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* At the end: everything complete in time, limits kept, no offence. */
void sim_check_end(struct sim_run *run, const struct sim_result *result);

#endif
