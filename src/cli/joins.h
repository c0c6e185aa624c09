/* SPDX-License-Identifier: MIT */
/* What happens to a receiver's memberships, in one line each: the same in every command that joins groups. */
#ifndef CLI_JOINS_H
#define CLI_JOINS_H

#include "output.h"

void joins_report(struct output *messages, const struct herald_receiver_event *event);

/* Lets this process have as many descriptors as it may: every group takes one on each interface. */
void joins_raise_descriptor_limit(void);

#endif
