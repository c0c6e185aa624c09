/* SPDX-License-Identifier: MIT */
#include "exclude.h"

#include <fnmatch.h>
#include <limits.h>
#include <string.h>

static const char *skip_anchor(const char *pattern)
{
    while (pattern[0] == '/' || (pattern[0] == '.' && pattern[1] == '/'))
        pattern += pattern[0] == '/' ? 1 : 2;
    return pattern;
}

static bool matches_path(const char *pattern, const struct hd_exclude_found *found)
{
    const char *anchored = skip_anchor(pattern);

    return fnmatch(pattern, found->path, 0) == 0 || fnmatch(pattern, found->sent_as, 0) == 0 ||
           fnmatch(anchored, found->below, anchored > pattern ? FNM_PATHNAME : 0) == 0;
}

bool hd_exclude_matches(const char *pattern, const struct hd_exclude_found *found)
{
    size_t size = strlen(pattern);
    char shorter[PATH_MAX];

    if (size > 1 && pattern[size - 1] == '/') {
        while (size > 1 && pattern[size - 1] == '/')
            size--;
        if (!found->is_directory || size >= sizeof(shorter))
            return false;
        memcpy(shorter, pattern, size);
        shorter[size] = '\0';
        pattern = shorter;
    }
    return fnmatch(pattern, found->name, 0) == 0 || (strchr(pattern, '/') != NULL && matches_path(pattern, found));
}
