/* SPDX-License-Identifier: MIT */
/* What this host finds about itself, for herald doctor --peer on another: of listen, get and ping --respond. */
#ifndef CLI_EXAMINED_H
#define CLI_EXAMINED_H

#include <herald/herald.h>

/* The groups that the command has joined; borrowed. */
struct examined {
    const struct herald_endpoint *endpoints;
    size_t count;
};

/* For struct herald_responder_config.examine; its userdata is a struct examined. */
int examined_tell(void *userdata, const struct herald_responder_question *question, char *ret_text, size_t size_bytes);

#endif
