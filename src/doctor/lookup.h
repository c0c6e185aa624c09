/* SPDX-License-Identifier: MIT */
/* The address of a host's name. */
#ifndef HD_DOCTOR_LOOKUP_H
#define HD_DOCTOR_LOOKUP_H

#include "examination.h"

/*
 * Looks a name up, of the family of the examined group. The resolver may take minutes; Ctrl-C ends the wait, and the
 * resolver ends by itself. @return 0; -ENOENT: it has no such address, as far as is known; -ECANCELED; another -errno.
 */
int hd_lookup(const struct hd_examination *examination, const char *name, struct herald_address *ret_address);

#endif
