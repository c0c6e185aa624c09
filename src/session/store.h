/* SPDX-License-Identifier: MIT */
/*
 * Where the bytes of one received object go: a file in the making, a descriptor in order, or memory.
 *
 * A store takes segments in any order from the transport. What write() is given may be kept by reference until
 * flush(), which whoever receives calls before the packets' buffer is used again: so a whole run of segments leaves for
 * a descriptor by one call, from where it was received. A file's segments are copied, to be written in aligned parts,
 * and what is not a whole part yet is held back beyond flush(). What completes a block is not kept by reference beyond
 * block_changed(), for recovered segments lie in memory that is used again at once. An error that shows only in flush()
 * is returned by it and is sticky: the object has failed.
 */
#ifndef SESSION_STORE_H
#define SESSION_STORE_H

#include "digest.h"
#include "place.h"

#include <herald/norm.h>

struct hd_store;

/* What is known when an object is opened; the name is not, as long as its INFO has not come. */
struct hd_store_facts {
    struct hd_partition partition;
    bool is_sparse;      /* zeroes need not be written. Can be set later: hd_store_set_sparse() */
    bool is_provisional; /* it may turn out to be sparse: nothing is reserved until hd_store_reserve() */
    uint32_t sender_id;
    uint16_t instance_id, object_id;
};

/*
 * A file in the making below `place` (its ".herald-partial" directory), preallocated unless it is sparse; with a
 * journal of its blocks' values if it has more than a few blocks, so that it can be gone on with after a crash.
 * @return 0; -ENOSPC, -EDQUOT, -EROFS, -EACCES, -EFBIG, ... with *error in the user's terms ("disk full: 5.2 GB are
 * needed, 1.1 GB are free in DIR").
 */
HERALD_CHECKED int hd_store_new_file(struct hd_store **ret_store, struct hd_place *place,
                                     const struct hd_store_facts *facts, struct herald_error *error);

/*
 * To a descriptor, each byte in its order, as soon as all before it is there. Blocks that came too early are kept in
 * at most `window_bytes` of memory; what does not fit is refused with -EAGAIN, which the transport takes as lost. A
 * reader that does not read makes it refuse too: when poll(2) says POLLOUT, hd_store_flush() goes on.
 * No flag of the descriptor is changed: pipes and sockets are written to by calls that do not wait, and what knows none
 * only when poll(2) says that it can take something (at most PIPE_BUF then). To /dev/null nothing is written.
 */
HERALD_CHECKED int hd_store_new_descriptor(struct hd_store **ret_store, int fd, size_t window_bytes,
                                           const struct hd_store_facts *facts, struct herald_error *error);

/* Whether a descriptor is /dev/null: a store for it keeps nothing, and its sink cannot be read back. */
bool hd_store_discards(int fd);

/*
 * Memory of stores that are gone, for the next ones: new memory costs the kernel as much as receiving what goes there.
 * All zero: none yet.
 */
struct hd_spares {
    struct hd_spare {
        uint8_t *bytes;
        size_t size_bytes;
    } buffers[4]; /* the last is taken first: it is the one that a cache may still have */
    size_t count;
};

void hd_spares_release(struct hd_spares *spares);

/* In memory. -EFBIG if it is larger than `max_bytes`. The spares must outlive the store. */
HERALD_CHECKED int hd_store_new_memory(struct hd_store **ret_store, struct hd_spares *spares, size_t max_bytes,
                                       const struct hd_store_facts *facts, struct herald_error *error);

/* An unfinished file and its journal stay where they are, unless it was discarded or is finished. */
struct hd_store *hd_store_free(struct hd_store *store);

/* For the transport; `user` is the store. */
void hd_store_as_sink(struct hd_store *store, struct herald_norm_sink *ret_sink);

/* What write() was given is written, or copied. @return 0; the store's sticky -errno. */
HERALD_CHECKED int hd_store_flush(struct hd_store *store);

/* The sticky error and its text, "" if there is none. */
int hd_store_error(const struct hd_store *store, struct herald_error *error);

void hd_store_set_sparse(struct hd_store *store);

/* Is there room for all of it? Reserves it, as hd_store_new_file() does; for provisional files, once it is known that
   they are not sparse. If an earlier run has left what may be the same file, hd_store_resume() does it: without room
   the store has failed then. @return as hd_store_new_file(). */
HERALD_CHECKED int hd_store_reserve(struct hd_store *store, struct herald_error *error);

/* @return whether all bytes have left: of a descriptor, the last may wait for its reader. */
bool hd_store_is_drained(const struct hd_store *store);

/* Whether some of it has left for a descriptor, and so cannot be taken back. */
bool hd_store_has_left(const struct hd_store *store);

/* The digest of what was written; -EAGAIN: not everything is here. */
HERALD_CHECKED int hd_store_digest(const struct hd_store *store, uint8_t ret_bytes[HD_DIGEST_BYTES]);

uint64_t hd_store_received_bytes(const struct hd_store *store); /* in complete blocks, resumed ones included */

const uint8_t *hd_store_bytes(const struct hd_store *store); /* memory only; NULL otherwise */

/* ---- streams: bytes in order, how many is not known before the end ---- */

HERALD_CHECKED int hd_store_new_growing_file(struct hd_store **ret_store, struct hd_place *place,
                                             struct herald_error *error);
HERALD_CHECKED int hd_store_new_growing_memory(struct hd_store **ret_store, size_t max_bytes,
                                               struct herald_error *error);
HERALD_CHECKED int hd_store_new_growing_descriptor(struct hd_store **ret_store, int fd, struct herald_error *error);

/* @return how much was taken, at once and without waiting; 0: its reader has no room now; -errno with *error. */
HERALD_CHECKED int64_t hd_store_append(struct hd_store *store, const uint8_t *bytes, size_t size_bytes,
                                       struct herald_error *error);

/* Of one that grows in memory; NULL otherwise. */
const uint8_t *hd_store_growing_bytes(const struct hd_store *store);

/* ---- resuming: files only ---- */

/* What a file is, written to its journal as soon as it is known, so that a later run recognises it. */
struct hd_identity {
    uint64_t size_bytes;
    uint16_t segment_bytes;
    uint16_t block_symbols; /* of the largest block */
    int64_t mtime_ns;       /* as the sender says; 0: not known */
    uint32_t sender_id;
    uint16_t instance_id, object_id;
    char name[1024]; /* with its directory; "": not known */
};

HERALD_CHECKED int hd_store_set_identity(struct hd_store *store, const struct hd_identity *identity);

/*
 * Looks through what earlier runs left below a place: each file whose journal is intact, and that no other process
 * is working on (flock(2)), is read, and the blocks whose values agree are noted. What is not to be used any more
 * (no journal, nothing valid, untouched for `max_age_s`) is deleted. Of more than 128 the others stay as they are,
 * unless they are too old.
 * @return 0; -errno.
 */
HERALD_CHECKED int hd_store_scan(struct hd_place *place, uint64_t max_age_s, uint64_t *ret_files, uint64_t *ret_bytes);

/* As long as a run lasts: deletes what hd_store_scan() would for its age, and what is on the place's list. Nothing is
   read, and nothing is put on the list. */
void hd_store_sweep(struct hd_place *place, uint64_t max_age_s);

/* A file of that name has come: others of that name that are on the place's list are not wanted any more. Unless each
   is to have a name of its own (clash RENAME). */
void hd_store_drop_kept(struct hd_place *place, const char *name);

/*
 * Is there an unfinished file that is the same? By the sender's ids and the size while the name is not known (name
 * ""), otherwise by name, size, mtime and partition. Its blocks that are valid and not yet in the store are copied to
 * it, or the file takes the store's place and the store's blocks are copied, if that is less; then it is gone from the
 * list.
 * `mark` is called for each stretch of blocks that are here now, by their offset and size: the transport needs to know.
 * @return the bytes that were resumed; 0: none.
 */
uint64_t hd_store_resume(struct hd_store *store, struct hd_place *place, const struct hd_identity *identity,
                         void (*mark)(void *user, uint64_t offset_bytes, uint64_t size_bytes), void *user);

/* Keeps the blocks of a store that has been given up (its sender has restarted), as hd_store_scan() would: its file is
   on the place's list then, and the store is freed. If a file of its name has come meanwhile, nothing is kept. */
void hd_store_keep(struct hd_store *store, struct hd_place *place);

/* Whether what is here would be worth something to a later run: it has a journal, and a block. */
bool hd_store_is_resumable(struct hd_store *store);

/* Deletes file and journal: at hd_store_free() nothing stays. */
void hd_store_discard(struct hd_store *store);

#endif
