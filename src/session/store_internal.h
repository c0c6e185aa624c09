/* SPDX-License-Identifier: MIT */
/* What the kinds of stores have in common (store.c), and what a file has that place_finish.c moves into its place. */
#ifndef SESSION_STORE_INTERNAL_H
#define SESSION_STORE_INTERNAL_H

#include "place_internal.h"
#include "store.h"

#include <sys/uio.h>

/* What differs. All of them are set, but `reset`, `is_drained` and `has_left` may be NULL, `read` if nothing is kept,
   and `flush` if write() keeps nothing by reference. */
struct hd_store_ops {
    /* A segment of the store's current block. -EAGAIN: no room now. */
    int (*write)(struct hd_store *store, uint64_t offset_bytes, const uint8_t *bytes, size_t size_bytes);
    const uint8_t *(*read)(struct hd_store *store, uint64_t offset_bytes, size_t size_bytes);
    /* The block is complete. What write() was given of it may be gone after this call: see hd_store_as_sink(). */
    void (*complete)(struct hd_store *store, uint64_t block);
    void (*reset)(struct hd_store *store, uint64_t block);
    int (*flush)(struct hd_store *store);
    bool (*is_drained)(const struct hd_store *store);
    bool (*has_left)(const struct hd_store *store);
    void (*release)(struct hd_store *store); /* all but the struct itself */
};

/*
 * Invariant: bit b of `complete` is set if and only if all bytes of block b are here; values[b] is its value then, and
 * otherwise the sum of what has come of it so far. The first members are all that a segment in its order touches.
 */
struct hd_store {
    const struct hd_store_ops *ops;
    uint64_t next_offset_bytes; /* where the segment would begin that follows the last one */
    uint64_t next_segment;
    uint64_t block; /* the current one: of the last segment */
    uint64_t block_begin_bytes, block_end_bytes;
    uint64_t last_segment; /* of the object */
    int error;             /* sticky */
    bool block_is_complete;
    struct hd_digest digest;
    uint64_t *complete;
    uint64_t complete_count; /* blocks */
    uint64_t received_bytes; /* in them */
    struct herald_error text;
};

/* For /dev/null. */
HERALD_CHECKED int hd_store_new_discard(struct hd_store **ret_store, const struct hd_store_facts *facts,
                                        struct herald_error *error);

HERALD_CHECKED int hd_store_init(struct hd_store *store, const struct hd_store_ops *ops,
                                 const struct hd_partition *partition);

/* The store has failed: the first reason stays. @return code */
int hd_store_fail(struct hd_store *store, int code, const char *format, ...) __attribute__((format(printf, 3, 4)));

/* Notes that a block is here whose value is known. */
void hd_store_note_complete(struct hd_store *store, uint64_t block, uint64_t value);

/* The current block is not to be relied upon any more: something else than segments has changed it. */
void hd_store_leave_block(struct hd_store *store);

static inline bool hd_store_is_complete(const struct hd_store *store)
{
    return store->complete_count == store->digest.partition.blocks;
}

/* The value of a block if it is complete, otherwise 0. */
uint64_t hd_store_value(const struct hd_store *store, uint64_t block);

/* ---- journals: store_journal.c ---- */

/*
 * A journal is a header and the blocks' values. A value says what its block must be like, and is only written when the
 * block was: nothing needs to reach the disk in any order, for what a crash has torn does not match.
 */
struct hd_journal {
    int fd;              /* -1: none */
    uint64_t first, end; /* blocks that are complete and whose values may not be in it yet */
    uint64_t due_bytes;  /* in them */
};

HERALD_CHECKED int hd_journal_begin(const struct hd_journal *journal, const struct hd_identity *identity,
                                    uint64_t blocks);
HERALD_CHECKED int hd_journal_write_header(const struct hd_journal *journal, const struct hd_identity *identity);
/* A block has become complete: its value is written now, or with some others. */
void hd_journal_note(struct hd_journal *journal, const struct hd_store *store, uint64_t block);
void hd_journal_write(struct hd_journal *journal, const struct hd_store *store);
void hd_journal_close(struct hd_journal *journal);

/* @return 0 with the values, to be freed; -EBADMSG: it is not one of ours, or damaged; another -errno. */
HERALD_CHECKED int hd_journal_read(int fd, struct hd_identity *ret_identity, struct hd_partition *ret_partition,
                                   uint64_t **ret_values);

/* ---- files: store_file.c ---- */

/* A file below ".herald-partial". Its lock is held as long as fd is open. The journal is not open all the time: there
   may be many of them, and descriptors are few. */
struct hd_partial_file {
    int fd;
    char name[HD_TEMPORARY_BYTES];         /* "0123456789abcdef.part" */
    char journal_name[HD_TEMPORARY_BYTES]; /* with ".journal" */
    struct hd_journal journal;
    struct hd_identity *identity; /* NULL if it has no journal */
};

struct hd_store_file {
    struct hd_store common;
    struct hd_place *place;
    struct hd_partial_file partial;
    bool is_discarded;
    bool is_sparse;
    bool wants_room; /* all of it is to be reserved */
    bool is_reserved;
    bool has_garbage; /* where nothing was written there may be something else than zeroes */
    /* What is held back: one stretch of the file without a gap; the bytes lie in `held` as in its part of the file. */
    uint64_t stretch_begin_bytes, stretch_end_bytes;
    uint8_t *held; /* NULL: not needed yet */
};

/* @return NULL if it is not a file. */
struct hd_store_file *hd_store_as_file(struct hd_store *store);

/* Closes file and journal, which stay where they are. */
void hd_partial_close(struct hd_partial_file *partial);

/* Opens the journal of a file that was left, to go on with it. */
void hd_partial_reopen_journal(struct hd_place *place, struct hd_partial_file *partial);

/* Deletes file and journal and closes both. */
void hd_partial_delete(struct hd_place *place, struct hd_partial_file *partial);

/* Writes what is held back, and frees its memory. @return 0; the store's sticky -errno */
HERALD_CHECKED int hd_store_file_write_out(struct hd_store_file *file);

/* hd_store_reserve(), whatever earlier runs may have left. */
HERALD_CHECKED int hd_store_file_reserve(struct hd_store_file *file, struct herald_error *error);

/* The file has become one that was written to before: what is not of this object must become zero where zeroes are not
   written. */
void hd_store_file_clear_rest(struct hd_store_file *file);

/* Whether a file may not be so large (ulimit -f). Writing beyond raises SIGXFSZ, which ends a process: we must not get
   there. */
bool hd_store_file_exceeds_limit(uint64_t size_bytes);

/* The file lies in its place: only the journal is deleted, and the store freed. */
void hd_store_file_arrived(struct hd_store_file *file);

/* ---- descriptors: store_output.c ---- */

enum hd_output_kind {
    HD_OUTPUT_FILE, /* regular files and block devices: never make wait for a reader */
    HD_OUTPUT_NULL, /* /dev/null */
    HD_OUTPUT_SOCKET,
    HD_OUTPUT_PIPE,  /* takes RWF_NOWAIT, as far as is known */
    HD_OUTPUT_OTHER, /* poll(2), then a little */
};

HERALD_CHECKED int hd_output_examine(int fd, enum hd_output_kind *ret_kind);
/* Writes without waiting, and without SIGPIPE or SIGXFSZ. *kind may become OTHER.
   @return how many bytes; 0: none now; -errno. */
HERALD_CHECKED int64_t hd_output_write(int fd, enum hd_output_kind *kind, const struct iovec *pieces, size_t count);

#endif
