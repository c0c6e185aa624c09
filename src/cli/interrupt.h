/* SPDX-License-Identifier: MIT */
/* Ctrl-C ends a command cleanly, with its summary; a second one ends it at once. */
#ifndef CLI_INTERRUPT_H
#define CLI_INTERRUPT_H

#include <stdbool.h>

/*
 * From now on SIGINT, SIGTERM and SIGHUP make the returned descriptor readable instead of ending the process.
 * @return the descriptor, which lasts as long as the process; -errno.
 */
int interrupt_open(void);

/* Whether one of them has come, without waiting; if so, another one within 20 ms is the same. Afterwards they end the
   process again. */
bool interrupt_came(int interrupt_fd);

#endif
