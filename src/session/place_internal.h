/* SPDX-License-Identifier: MIT */
/* What the parts of a place know of each other: names and directories, the thread, and what earlier runs left. */
#ifndef SESSION_PLACE_INTERNAL_H
#define SESSION_PLACE_INTERNAL_H

#include "place.h"
#include "store.h"

#include <limits.h>
#include <pthread.h>
#include <sys/stat.h>
#include <time.h>

#define HD_PARTIAL_NAME  ".herald-partial"
#define HD_LEDGER_SUFFIX ".done"

enum {
    HD_NAME_BYTES = 1024, /* room for a name with its directories */
    HD_TEMPORARY_BYTES = 32,
};

/* A directory that this place has made, or made writable. */
struct hd_made {
    char *name;
    bool has_meta; /* its own entry has come, and not only a file that is in it */
    bool is_old;   /* it was here before: `mode` is what it had, and its time is its own */
    uint16_t mode;
    int64_t mtime_ns;
};

struct hd_job;
struct hd_kept;

struct hd_place {
    int directory_fd; /* O_PATH */
    int partial_fd;   /* of ".herald-partial"; -1: not needed yet. Once open, its number stays the same */
    bool walks;       /* openat2(2) is not to be had: part by part, and through no symbolic link at all */
    char *directory;
    char *only_name; /* NULL: as the sender says */
    enum herald_inbox_clash clash;
    bool any_links;
    bool no_sync;

    /* For blocks that are read back, one at a time. */
    uint8_t *block;
    size_t block_bytes;

    struct hd_kept *kept; /* unfinished files of earlier runs */
    size_t kept_count;

    /* The rest is shared with the thread. */
    pthread_mutex_t mutex;
    struct hd_made *made; /* sorted by name */
    size_t made_count, made_room;

    pthread_cond_t changed; /* any of the following */
    pthread_t thread;
    bool has_thread;
    bool is_ending;
    int event_fd;                         /* counts results */
    struct hd_job *waiting, *waiting_end; /* in order */
    struct hd_job *done, *done_end;
    size_t unfinished_count; /* waiting, or with the thread */
};

/* ---- names: place_names.c ---- */

/* Makes and opens ".herald-partial" if that was not done yet, or anew after another process has removed it. */
HERALD_CHECKED int hd_place_open_partial(struct hd_place *place, bool anew, struct herald_error *error);

/* Removes it, if it is empty and no other process uses it. */
void hd_place_remove_partial(struct hd_place *place);

/* @return whether something has that name, a sound one; then *ret_status is filled, of a link itself. */
bool hd_place_look_at(const struct hd_place *place, const char *name, struct stat *ret_status);

/* Opens (O_PATH) the directory `name`, of which only the first name_bytes count; 0: the place itself.
   `no_links`: not through symbolic links that stay inside, either. @return the descriptor; -errno. */
HERALD_CHECKED int hd_place_open_below(const struct hd_place *place, const char *name, size_t name_bytes,
                                       bool no_links);

/*
 * Opens the directory that `name` is in. `make`: directories that are missing are made.
 * @return the descriptor, with *ret_last the last part of the name; -ENOENT; another -errno, each with *error.
 */
HERALD_CHECKED int hd_place_open_parent(struct hd_place *place, const char *name, bool make, bool no_links,
                                        const char **ret_last, struct herald_error *error);

/* Notes a directory that was made, or, if `only_known`, the mode and time of one that was noted before; who must not
   look into it then is kept out at once. Takes the name. @return whether it is noted. */
bool hd_place_note_made(struct hd_place *place, const struct hd_made *made, bool only_known);

/* An earlier delivery may have left a directory of ours that even we must not write to: we may until it is settled. */
void hd_place_make_writable(struct hd_place *place, const char *name, size_t name_bytes, int path_fd);

/* Sets what was noted, and forgets it. `has_broken_off`: more is to come another time into those that were made. */
void hd_place_settle_directories(struct hd_place *place, bool has_broken_off);

/*
 * Gives what is called `temporary` in ".herald-partial" its place, as `clash` demands it.
 * @return 0 with *ret_last what it is called now; -errno with *error.
 */
HERALD_CHECKED int hd_place_put(struct hd_place *place, const char *temporary, int parent_fd, const char *last,
                                char ret_last[NAME_MAX + 1], struct herald_error *error);

/* That a new entry of a directory survives a crash. @return 0; -errno */
HERALD_CHECKED int hd_place_sync_directory(int path_fd);

/* "1.5 GB" */
enum { HD_SIZE_TEXT_BYTES = 24 };
const char *hd_size_text(char text[HD_SIZE_TEXT_BYTES], uint64_t size_bytes);

struct timespec hd_timespec(int64_t time_ns);

/* A name for ".herald-partial" that nobody can guess: 16 digits and the suffix. */
void hd_temporary_name(char ret_name[HD_TEMPORARY_BYTES], const char *suffix);

/* ---- what earlier runs left: store_resume.c ---- */

void hd_kept_free_all(struct hd_place *place);

/* Is there one that may be the same, by its size and its blocks? */
bool hd_kept_has_like(const struct hd_place *place, const struct hd_partition *partition);

/* ---- the thread: place_finish.c ---- */

void hd_place_end_thread(struct hd_place *place);

#endif
