/* SPDX-License-Identifier: MIT */
/* What a run was like, as text. */
#ifndef SIM_REPORT_H
#define SIM_REPORT_H

#include "run.h"

void sim_report(const struct sim_result *result);

/* The command that runs it again is printed with every failure: `overrides` are the options it was run with. */
void sim_report_failures(const char *name, const struct sim_failures *failures, uint64_t seed, const char *overrides);

/* A quantity of seconds or "-" for SIM_NEVER; `text` has room for 32 characters. */
const char *sim_seconds_text(uint64_t time_ns, char *text);

#endif
