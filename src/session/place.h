/* SPDX-License-Identifier: MIT */
/*
 * A directory that files are received into, and nothing outside of it: each name that a sender gives is walked by
 * openat2(2) with RESOLVE_BENEATH, so that neither "..", nor an absolute path, nor a symbolic link leads out.
 *
 * A file is made under a temporary name in the directory ".herald-partial", then synced, given its mode and time, and
 * renamed. Waiting for disks is done by a thread of the place's own, so that the network does not wait.
 */
#ifndef SESSION_PLACE_H
#define SESSION_PLACE_H

#include "message.h"

#include <herald/error.h>
#include <herald/session.h>

struct hd_place;
struct hd_store;

struct hd_place_config {
    const char *directory;
    const char *only_name; /* every file is called so: herald_inbox_config.path; NULL: as the sender says */
    enum herald_inbox_clash clash;
    bool any_links;
    bool no_sync;
};

/* @return 0; -errno with *error: "cannot write to DIR: read-only file system". Creates ".herald-partial" lazily. */
HERALD_CHECKED int hd_place_new(struct hd_place **ret_place, const struct hd_place_config *config,
                                struct herald_error *error);
/* Waits for the thread's work. Unfinished files stay; an empty ".herald-partial" is removed. */
struct hd_place *hd_place_free(struct hd_place *place);

/*
 * Whether a name can be used: relative, no empty part, no "." or "..", no part above 255 bytes, nothing in
 * ".herald-partial", no NUL, at most 1,023 bytes. Any other byte is allowed.
 * @return 0; -EINVAL with *error naming the fault.
 */
HERALD_CHECKED int hd_place_check_name(const char *name, struct herald_error *error);

/*
 * With clash SKIP: whether something of that name is here already (-EEXIST with *error), so that it need not be
 * received. Otherwise 0.
 */
HERALD_CHECKED int hd_place_check_clash(const struct hd_place *place, const char *name, struct herald_error *error);

/* Whether what has that name is a file of that size, last changed then: the same, as far as can be seen. */
bool hd_place_has_like(const struct hd_place *place, const char *name, uint64_t size_bytes, int64_t mtime_ns);

/* A directory, or a link, made at once. A directory that exists is fine. Its mode and time are set by
   hd_place_finish_directories(): until then files must get in, but nobody whom the mode keeps out. */
HERALD_CHECKED int hd_place_make_directory(struct hd_place *place, const char *name, uint16_t mode, int64_t mtime_ns,
                                           struct herald_error *error);
HERALD_CHECKED int hd_place_make_link(struct hd_place *place, const char *name, const char *target, int64_t mtime_ns,
                                      struct herald_error *error);

/* Has the thread set modes and times of the directories that were made, deepest first, when it is done with the files
   that it was given before. Those that were here already keep theirs. Errors are ignored. */
void hd_place_finish_directories(struct hd_place *place);

/* What is to be done with a complete and verified file. */
struct hd_finish {
    const char *name; /* copied */
    bool has_meta;    /* mode and mtime are known */
    uint16_t mode;    /* 0777 of it are used, never set-user-id and the like */
    int64_t mtime_ns;
    uint64_t cookie; /* told with the result */
};

/* Has the thread sync and rename it; the store belongs to the place from now on, whatever happens.
   Directories above it that are missing are made. Waits if hundreds of files wait for the disk already, for each is
   open. @return 0; -ENOMEM (the store is discarded). */
HERALD_CHECKED int hd_place_finish(struct hd_place *place, struct hd_store *store, const struct hd_finish *finish);

/* A thread's result. */
struct hd_finished {
    uint64_t cookie;
    char path[1100];           /* its name in the end, relative to the directory */
    struct herald_error error; /* code 0: it is in its place */
};

int hd_place_fd(const struct hd_place *place); /* readable when there is a result */
HERALD_CHECKED int hd_place_next_finished(struct hd_place *place, struct hd_finished *ret_finished); /* 1 or 0 */
bool hd_place_is_idle(struct hd_place *place); /* nothing waits for the thread, and every result was taken */

#endif
