/* SPDX-License-Identifier: MIT */
/* What the parts of herald doctor share. */
#ifndef CLI_DOCTOR_H
#define CLI_DOCTOR_H

#include "output.h"

#include <herald/doctor.h>

/* The first line: what is examined. */
void doctor_report_start(struct output *output, const struct herald_doctor_facts *facts);

/* Checks in a row that were skipped for one reason, not yet told. Zero first. */
struct doctor_skipped {
    unsigned count;
    char why[HERALD_FINDING_TEXT_BYTES];
    char checks[1024]; /* "address, route" */
};

/* A line for what a check found; for people, one for several that were skipped. */
void doctor_report_finding(struct output *output, const struct herald_finding *finding, struct doctor_skipped *skipped);

/* The line for those that are not yet told. */
void doctor_report_skipped(struct output *output, struct doctor_skipped *skipped);

/* With --peer: all that was sent there and came back, as a table. Nothing without. */
void doctor_report_trials(struct output *output, const herald_doctor *doctor);

/* The end: what it comes to. `interrupted`: not all checks have run. */
void doctor_report_verdict(struct output *output, const struct herald_finding *verdict, bool interrupted);

#endif
