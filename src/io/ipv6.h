/* SPDX-License-Identifier: MIT */
/* Whether an interface has IPv6 at all. */
#ifndef IO_IPV6_H
#define IO_IPV6_H

#include <herald/error.h>
#include <herald/types.h>

/*
 * Whether IPv6 is switched off there. The kernel lets one join and send nevertheless, and drops everything.
 * @return false also when it cannot be told.
 */
bool hd_ipv6_is_off(const char *interface_name);

/* Says so, with the command that switches it on. @return `code`. */
int hd_ipv6_fail_off(struct herald_error *error, int code, const char *interface_name);

#endif
