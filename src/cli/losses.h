/* SPDX-License-Identifier: MIT */
/* What was lost where, as every command that receives says it. */
#ifndef CLI_LOSSES_H
#define CLI_LOSSES_H

#include "output.h"

/* Says what a report has, as an event "loss"; nothing if nothing is known to be lost. */
void losses_report(struct output *output, const struct herald_loss_report *report);

#endif
