/* SPDX-License-Identifier: MIT */
/* Exit statuses, the same for every command. In --help and the manual. */
#ifndef CLI_STATUS_H
#define CLI_STATUS_H

enum status {
    STATUS_DONE = 0,         /* done as asked */
    STATUS_NOT_EVERYONE = 1, /* fewer than expected, or some failed */
    STATUS_USAGE = 2,        /* the command line is wrong */
    STATUS_FAILED = 3,       /* could not run at all */
    STATUS_NOTHING = 4,      /* nothing arrived in the time given */
};

#endif
