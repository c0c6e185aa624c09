/* SPDX-License-Identifier: MIT */
#include "reason.h"

const char *reason_text(enum herald_interface_reason reason)
{
    switch (reason) {
    case HERALD_INTERFACE_BY_REQUEST:
        return "as asked";
    case HERALD_INTERFACE_BY_SOURCE:
        return "source address";
    case HERALD_INTERFACE_BY_ROUTE:
        return "route";
    case HERALD_INTERFACE_BY_GUESS:
        return "no route; the first that can";
    case HERALD_INTERFACE_LOOPBACK:
        return "no network: this host only";
    }
    return "?";
}
