/* SPDX-License-Identifier: MIT */
/*
 * What a delivery consists of: files, directories, links, found below the paths that were given.
 *
 * Entries are numbered in the order in which they are sent: a directory before what is in it, names sorted. Only names
 * and facts are kept; files are opened when their turn comes. The strings of an entry live as long as the tree.
 */
#ifndef SESSION_TREE_H
#define SESSION_TREE_H

#include "message.h"

#include <herald/error.h>

enum {
    HD_NAME_BYTES_MAX = 1023,          /* of a name as sent: receivers take no longer one */
    HD_NAME_AND_LINK_BYTES_MAX = 1200, /* of name and link together: they share an INFO */
};

struct hd_entry {
    enum hd_entry_type type;
    const char *path; /* where it is, to be opened relative to the working directory; of BYTES and STREAM the name */
    /* The part of `path` that was found below the directory that was given: nothing in it may be a symbolic link, or
       somebody could have us read what lies elsewhere. NULL: it was given itself, and links in it are followed. */
    const char *below;
    const char *name;    /* as sent: "dir/sub/file" */
    const char *link;    /* LINK: its target, NULL otherwise */
    uint64_t size_bytes; /* 0 unless it is FILE or BYTES */
    uint16_t mode;       /* BYTES and STREAM: 0, as mtime_ns */
    int64_t mtime_ns;
    bool is_sparse;       /* fewer blocks allocated than its size needs */
    const uint8_t *bytes; /* BYTES: borrowed from the caller */
    int fd;               /* STREAM; otherwise -1 */
};

struct hd_tree;

/* What was left out, and why: told while adding. Both are valid during the call only. */
typedef void hd_tree_complain(void *user, const char *path, const struct herald_error *error);

int hd_tree_new(struct hd_tree **ret_tree, hd_tree_complain *complain, void *user);
struct hd_tree *hd_tree_free(struct hd_tree *tree);

/*
 * See herald_delivery_add_path(). A mistake in `path` itself is returned with *error, what lies below is complained
 * of. A name that is there already (two paths with the same last part) is an error: -EEXIST. After an error the tree
 * is as it was before.
 *
 * Facts are those of the moment; files are looked at again when they are opened. What cannot be read is left out, and,
 * without a complaint, an inbox's directory of unfinished files. For the patterns see hd_exclude_matches().
 */
HERALD_CHECKED int hd_tree_add_path(struct hd_tree *tree, const char *path, const char *const *excludes,
                                    size_t exclude_count, struct herald_error *error);
/* Whether something was left out because of this pattern, in any of the paths so far. */
bool hd_tree_has_excluded(const struct hd_tree *tree, const char *pattern);
/* The name must be one that receivers take: relative, no part empty, "." or "..". -EINVAL, -ENAMETOOLONG. */
HERALD_CHECKED int hd_tree_add_bytes(struct hd_tree *tree, const char *name, const void *bytes, size_t size_bytes,
                                     struct herald_error *error);
HERALD_CHECKED int hd_tree_add_stream(struct hd_tree *tree, const char *name, int fd, struct herald_error *error);

uint32_t hd_tree_count(const struct hd_tree *tree);
uint64_t hd_tree_bytes(const struct hd_tree *tree); /* the sizes of all entries together */
/* Entry number `index`, which exists. Valid until the tree is freed or added to. */
const struct hd_entry *hd_tree_entry(const struct hd_tree *tree, uint32_t index);

/*
 * Fills *error, which may be NULL: `before` the path, the path, and `after` it; NULL: a colon and what the code means.
 * Of a long path only the end is quoted, so that there is room for the rest. @return code.
 */
int hd_path_error(struct herald_error *error, int code, const char *before, const char *path, const char *after);

/* Copies a path for a text: all of it, or "..." and its end. @return ret_text. */
const char *hd_quote_path(char *ret_text, size_t room_bytes, const char *path);

#endif
