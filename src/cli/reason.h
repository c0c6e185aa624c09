/* SPDX-License-Identifier: MIT */
/* Why an interface was chosen, as the first line of every command that sends says it. */
#ifndef CLI_REASON_H
#define CLI_REASON_H

#include <herald/socket.h>

const char *reason_text(enum herald_interface_reason reason);

#endif
