/* SPDX-License-Identifier: MIT */
/* Patterns that say what of a directory is not sent. */
#ifndef SESSION_EXCLUDE_H
#define SESSION_EXCLUDE_H

#include <stdbool.h>

/* Something below a directory that was given. */
struct hd_exclude_found {
    const char *name;    /* the last part of all of these: */
    const char *path;    /* as it is found from the working directory */
    const char *sent_as; /* what receivers call it */
    const char *below;   /* from the given directory on */
    bool is_directory;
};

/*
 * Whether a pattern (fnmatch(3)) means it: by the name, or if the pattern has a slash by one of the paths, where a star
 * matches slashes, too. A pattern that begins with "/" or "./" begins at the given directory, and its stars match no
 * slashes there: else it would mean no more than without its slash. One that ends in a slash means directories only.
 */
bool hd_exclude_matches(const char *pattern, const struct hd_exclude_found *found);

#endif
