/* SPDX-License-Identifier: MIT */
/*
 * What the tests of stores and places share: a directory of their own, an object whose bytes can be told from each
 * other, and a sender's part: segments that lie in a buffer which is used again after each flush, as packets do.
 */
#ifndef STORE_KIT_H
#define STORE_KIT_H

#include "place.h"
#include "store.h"

#include <stddef.h>
#include <stdint.h>

enum {
    KIT_SEGMENT_BYTES = 100,
    KIT_BLOCK_SYMBOLS = 8,
    KIT_RUN = 5, /* segments between two flushes: no divisor of a block's */
    KIT_PATH_BYTES = 300,
};

struct kit {
    char directory[KIT_PATH_BYTES];
    struct hd_place *place;
    struct hd_spares spares;
    struct hd_store *store;
    struct herald_norm_sink sink;
    struct herald_error error;

    struct hd_store_facts facts;
    uint8_t *bytes; /* the object */
    uint8_t *here;  /* a flag for each segment that was given to the store, in the current state of its block */
    uint8_t run[KIT_RUN][KIT_SEGMENT_BYTES];
    size_t run_count;
};

/* setup and teardown of a cmocka test: *state is the kit, with an empty directory, without place, store or object. */
int kit_setup(void **state);
int kit_teardown(void **state);

/* An object of so many bytes, none of them zero if `seed` is not. */
void kit_object(struct kit *kit, uint64_t size_bytes, uint8_t seed);

void kit_open_place(struct kit *kit, enum herald_inbox_clash clash, bool any_links);
void kit_reopen_place(struct kit *kit);
void kit_close_place(struct kit *kit);

/* A file below the place, for the kit's object. */
void kit_open_file(struct kit *kit);

/* The store that a test has opened itself is in kit->store: takes its sink. */
void kit_use_store(struct kit *kit);

/* Gives a segment to the store, and tells of its block when all of it has come. Flushes after each run.
   @return what write_at() returned */
int kit_segment(struct kit *kit, uint64_t segment);
void kit_segments(struct kit *kit, uint64_t first, uint64_t count); /* each of which is taken */
void kit_blocks(struct kit *kit, uint64_t first, uint64_t count);
void kit_everything(struct kit *kit);
void kit_flush(struct kit *kit);

/* The store's digest is the object's. */
void kit_require_digest(struct kit *kit);

/* Has the place finish the store, and waits for the result. */
void kit_finish(struct kit *kit, const struct hd_finish *finish, struct hd_finished *ret_finished);
/* The object becomes a file of that name, which must succeed. */
void kit_receive(struct kit *kit, const char *name);
/* @return the error's code */
int kit_try_receive(struct kit *kit, const char *name);

/* "directory/name" */
const char *kit_path(struct kit *kit, const char *name);
void kit_write_file(struct kit *kit, const char *name, const void *bytes, size_t size_bytes);
void kit_require_file(struct kit *kit, const char *name, const void *bytes, size_t size_bytes);
void kit_require_object(struct kit *kit, const char *name);
bool kit_exists(struct kit *kit, const char *name); /* links are not followed */
/* How many entries of a directory end in `suffix`; 0 if there is no such directory. */
size_t kit_count(struct kit *kit, const char *name, const char *suffix);
/* The path of the only entry in ".herald-partial" that ends so. */
const char *kit_partial(struct kit *kit, const char *suffix);

/*
 * Runs `test` in a child whose directory is a tmpfs of its own, mounted with these options. Skipped where that is not
 * allowed. A child has no use for assert_x(): kit_require_step() ends it, and the step's number is shown.
 */
void kit_in_file_system(struct kit *kit, const char *options, void (*test)(struct kit *kit));
void kit_require_step(bool condition, int step);

#endif
