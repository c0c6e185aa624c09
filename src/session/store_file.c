/* SPDX-License-Identifier: MIT */
#include "store_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

enum {
    JOURNAL_BLOCKS_MIN = 8, /* a file of fewer is received again faster than it is looked through */
    ATTEMPTS = 16,          /* at a name for it; one fails if another process is just tidying up */
    PART_BYTES = 32 << 10,  /* the largest folio that the kernel has at hand for each processor */
};

static struct hd_store_file *file_of(struct hd_store *store)
{
    return (struct hd_store_file *)store;
}

/* ---- what can go wrong ----------------------------------------------------------------------- */

/* Why the disk did not take it, in the user's terms. */
static int explain(struct herald_error *error, const struct hd_store_file *file, int code)
{
    const char *directory = file->place->directory;
    char needed[HD_SIZE_TEXT_BYTES], available[HD_SIZE_TEXT_BYTES];
    struct statfs status;

    if (code == -ENOSPC && fstatfs(file->partial.fd, &status) == 0)
        return herald_error_set(error, code, "disk full: the file has %s, %s are free in %s",
                                hd_size_text(needed, file->common.digest.partition.object_bytes),
                                hd_size_text(available, (uint64_t)status.f_bavail * (uint64_t)status.f_bsize),
                                directory);
    if (code == -EDQUOT)
        return herald_error_set(error, code, "disk quota exceeded in %s: the file has %s", directory,
                                hd_size_text(needed, file->common.digest.partition.object_bytes));
    if (code == -EFBIG)
        return herald_error_set(error, code, "a file of %s is larger than what %s can hold",
                                hd_size_text(needed, file->common.digest.partition.object_bytes), directory);
    return herald_error_set(error, code, "cannot write to %s: %s", directory, strerror(-code));
}

static int fail(struct hd_store_file *file, int code)
{
    struct herald_error error;

    (void)explain(&error, file, code);
    return hd_store_fail(&file->common, code, "%s", error.cause);
}

/* ---- writing --------------------------------------------------------------------------------- */

/*
 * What comes is held back until it fills its part of the file, or until something comes that does not follow it. For a
 * whole part that is aligned, a file system can take one large folio of the page cache; for the runs as they come it
 * takes several small ones, and writing costs nearly twice as much.
 */
static int write_stretch(struct hd_store_file *file)
{
    while (file->stretch_begin_bytes < file->stretch_end_bytes) {
        ssize_t n = pwrite(file->partial.fd, file->held + file->stretch_begin_bytes % PART_BYTES,
                           (size_t)(file->stretch_end_bytes - file->stretch_begin_bytes),
                           (off_t)file->stretch_begin_bytes);

        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0) {
            file->stretch_begin_bytes = file->stretch_end_bytes;
            return fail(file, n < 0 ? -errno : -EIO);
        }
        file->stretch_begin_bytes += (uint64_t)n;
    }
    return 0;
}

int hd_store_file_write_out(struct hd_store_file *file)
{
    int r = file->common.error < 0 ? file->common.error : write_stretch(file);

    file->stretch_begin_bytes = file->stretch_end_bytes;
    free(file->held);
    file->held = NULL;
    return r;
}

static int need_memory(struct hd_store_file *file)
{
    uint64_t size_bytes = file->common.digest.partition.object_bytes;

    if (file->held == NULL)
        file->held = malloc(size_bytes < PART_BYTES ? (size_t)size_bytes : PART_BYTES);
    return file->held != NULL ? 0 : hd_store_fail(&file->common, -ENOMEM, "out of memory");
}

static bool is_zero(const uint8_t *bytes, size_t size_bytes)
{
    return bytes[0] == 0 && memcmp(bytes, bytes + 1, size_bytes - 1) == 0;
}

static int file_write(struct hd_store *store, uint64_t offset_bytes, const uint8_t *bytes, size_t size_bytes)
{
    struct hd_store_file *file = file_of(store);
    int r;

    if (file->is_sparse && !file->has_garbage && is_zero(bytes, size_bytes))
        return 0;
    if (offset_bytes != file->stretch_end_bytes && (r = write_stretch(file)) < 0)
        return r;
    if ((r = need_memory(file)) < 0)
        return r;
    if (file->stretch_begin_bytes == file->stretch_end_bytes)
        file->stretch_begin_bytes = file->stretch_end_bytes = offset_bytes;
    while (size_bytes > 0) {
        size_t at_bytes = (size_t)(file->stretch_end_bytes % PART_BYTES);
        size_t n = size_bytes < PART_BYTES - at_bytes ? size_bytes : PART_BYTES - at_bytes;

        memcpy(file->held + at_bytes, bytes, n);
        bytes += n;
        size_bytes -= n;
        file->stretch_end_bytes += n;
        if (at_bytes + n == PART_BYTES && (r = write_stretch(file)) < 0)
            return r;
    }
    return 0;
}

/* The place's buffer is shared by all its files: the transport recovers one block at a time. */
static const uint8_t *file_read(struct hd_store *store, uint64_t offset_bytes, size_t size_bytes)
{
    struct hd_store_file *file = file_of(store);
    struct hd_place *place = file->place;
    size_t done_bytes = 0;

    if (write_stretch(file) < 0)
        return NULL;
    if (size_bytes > place->block_bytes) {
        uint8_t *block = realloc(place->block, size_bytes);

        if (block == NULL) {
            (void)hd_store_fail(store, -ENOMEM, "out of memory");
            return NULL;
        }
        place->block = block;
        place->block_bytes = size_bytes;
    }
    while (done_bytes < size_bytes) {
        ssize_t n = pread(file->partial.fd, place->block + done_bytes, size_bytes - done_bytes,
                          (off_t)(offset_bytes + done_bytes));

        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0) {
            int code = n < 0 ? -errno : -EIO; /* somebody has made it shorter */

            (void)hd_store_fail(store, code, "cannot read what was written to %s: %s", place->directory,
                                strerror(-code));
            return NULL;
        }
        done_bytes += (size_t)n;
    }
    return place->block;
}

static void file_complete(struct hd_store *store, uint64_t block)
{
    /* The end of it may be held back: if that is lost, its value does not match, and the block comes again. */
    hd_journal_note(&file_of(store)->partial.journal, store, block);
}

static void file_reset(struct hd_store *store, uint64_t block)
{
    struct hd_store_file *file = file_of(store);
    const struct hd_partition *partition = &store->digest.partition;

    (void)write_stretch(file); /* of another block, perhaps */
    if (file->is_sparse && !file->has_garbage &&
        fallocate(file->partial.fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
                  (off_t)hd_partition_block_offset(partition, block),
                  (off_t)hd_partition_block_bytes(partition, block)) < 0)
        file->has_garbage = true;
}

/* ---- the end --------------------------------------------------------------------------------- */

void hd_partial_close(struct hd_partial_file *partial)
{
    hd_journal_close(&partial->journal);
    if (partial->fd >= 0)
        (void)close(partial->fd);
    partial->fd = -1;
    free(partial->identity);
    partial->identity = NULL;
}

void hd_partial_delete(struct hd_place *place, struct hd_partial_file *partial)
{
    if (partial->fd >= 0) {
        (void)unlinkat(place->partial_fd, partial->name, 0);
        (void)unlinkat(place->partial_fd, partial->journal_name, 0);
    }
    hd_partial_close(partial);
}

static void file_release(struct hd_store *store)
{
    struct hd_store_file *file = file_of(store);

    if (file->is_discarded || file->partial.identity == NULL || store->complete_count == 0) {
        free(file->held);
        hd_partial_delete(file->place, &file->partial);
        return;
    }
    (void)!hd_store_file_write_out(file);
    hd_journal_write(&file->partial.journal, store);
    hd_partial_close(&file->partial);
}

static const struct hd_store_ops file_ops = {
    .write = file_write,
    .read = file_read,
    .complete = file_complete,
    .reset = file_reset,
    .release = file_release,
};

struct hd_store_file *hd_store_as_file(struct hd_store *store)
{
    return store->ops == &file_ops ? file_of(store) : NULL;
}

void hd_store_discard(struct hd_store *store)
{
    struct hd_store_file *file = hd_store_as_file(store);

    if (file != NULL)
        file->is_discarded = true;
}

void hd_store_file_arrived(struct hd_store_file *file)
{
    if (file->partial.identity != NULL)
        (void)unlinkat(file->place->partial_fd, file->partial.journal_name, 0);
    hd_partial_close(&file->partial);
    (void)hd_store_free(&file->common);
}

/* ---- room ------------------------------------------------------------------------------------ */

/* Reserving takes real memory, or may be done byte by byte, or is not known to be either. */
static bool is_reserving_cheap(const struct statfs *status)
{
    return status->f_type != TMPFS_MAGIC && status->f_type != RAMFS_MAGIC && status->f_type != OVERLAYFS_SUPER_MAGIC;
}

int hd_store_file_reserve(struct hd_store_file *file, struct herald_error *error)
{
    uint64_t size_bytes = file->common.digest.partition.object_bytes, free_bytes;
    char needed[HD_SIZE_TEXT_BYTES], available[HD_SIZE_TEXT_BYTES];
    struct statfs status;
    struct stat own;

    if (fstatfs(file->partial.fd, &status) < 0 || fstat(file->partial.fd, &own) < 0)
        return 0;
    free_bytes = (uint64_t)(geteuid() == 0 ? status.f_bfree : status.f_bavail) * (uint64_t)status.f_bsize +
                 (uint64_t)own.st_blocks * 512;
    if (status.f_blocks > 0 && size_bytes > free_bytes)
        return herald_error_set(error, -ENOSPC, "disk full: %s are needed, %s are free in %s",
                                hd_size_text(needed, size_bytes), hd_size_text(available, free_bytes),
                                file->place->directory);
    if (file->partial.identity != NULL && is_reserving_cheap(&status) &&
        fallocate(file->partial.fd, FALLOC_FL_KEEP_SIZE, 0, (off_t)size_bytes) < 0 &&
        (errno == ENOSPC || errno == EDQUOT || errno == EIO))
        return explain(error, file, -errno);
    file->is_reserved = true;
    return 0;
}

int hd_store_reserve(struct hd_store *store, struct herald_error *error)
{
    struct hd_store_file *file = hd_store_as_file(store);

    if (file == NULL || file->is_sparse || file->is_reserved)
        return 0;
    file->wants_room = true;
    /* What an earlier run has left of it takes room already, and may take this one's place: hd_store_resume() tells. */
    if (hd_kept_has_like(file->place, &store->digest.partition))
        return 0;
    return hd_store_file_reserve(file, error);
}

/* Makes all blocks zero of which nothing has come, and takes no room for them. @return whether that worked */
static bool punch_rest(struct hd_store_file *file)
{
    const struct hd_store *store = &file->common;
    const struct hd_partition *partition = &store->digest.partition;
    bool has_worked = true;

    for (uint64_t block = 0, begin = 0; block <= partition->blocks; block++) {
        uint64_t begin_bytes, end_bytes;

        if (block < partition->blocks && store->digest.values[block] == 0)
            continue;
        if (begin < block) {
            begin_bytes = hd_partition_block_offset(partition, begin);
            end_bytes = block < partition->blocks ? hd_partition_block_offset(partition, block)
                                                  : partition->object_bytes;
            if (fallocate(file->partial.fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (off_t)begin_bytes,
                          (off_t)(end_bytes - begin_bytes)) < 0)
                has_worked = false;
        }
        begin = block + 1;
    }
    return has_worked;
}

/* Is there a block of which some has come, but not all? */
static bool has_parts(const struct hd_store *store)
{
    for (uint64_t block = 0; block < store->digest.partition.blocks; block++)
        if (store->digest.values[block] != 0 && hd_store_value(store, block) == 0)
            return true;
    return false;
}

void hd_store_file_clear_rest(struct hd_store_file *file)
{
    if (!file->is_sparse || !punch_rest(file))
        file->has_garbage = true;
}

void hd_store_set_sparse(struct hd_store *store)
{
    struct hd_store_file *file = hd_store_as_file(store);
    bool has_worked;

    if (file == NULL || file->is_sparse || write_stretch(file) < 0)
        return;
    file->is_sparse = true;
    if (!file->is_reserved && !file->has_garbage)
        return;
    has_worked = punch_rest(file);
    file->is_reserved = false;
    /* Parts that have not come of blocks that were begun are not zero then. */
    file->has_garbage = file->has_garbage && (!has_worked || has_parts(store));
}

/* ---- opening --------------------------------------------------------------------------------- */

bool hd_store_file_exceeds_limit(uint64_t size_bytes)
{
    struct rlimit limit;

    return getrlimit(RLIMIT_FSIZE, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY && size_bytes > limit.rlim_cur;
}

/* @return the descriptor, locked; -EAGAIN: another process has taken it for a left one; -errno */
static int create_locked(int partial_fd, const char *name)
{
    int fd = openat(partial_fd, name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0666);
    struct stat status;
    int r;

    if (fd < 0)
        return errno == EEXIST ? -EAGAIN : -errno;
    /* Who looks through what was left has it for a moment at most: it is young. Without locks we are alone, or the
       user has wanted it so. */
    do
        r = flock(fd, LOCK_EX);
    while (r < 0 && errno == EINTR);
    if (fstat(fd, &status) < 0 || status.st_nlink == 0) {
        (void)close(fd);
        return -EAGAIN;
    }
    return fd;
}

static int create(struct hd_place *place, struct hd_partial_file *partial)
{
    char name[HD_TEMPORARY_BYTES];
    int fd = -EAGAIN;

    for (int i = 0; i < ATTEMPTS && (fd == -EAGAIN || fd == -ENOENT); i++) {
        int r = hd_place_open_partial(place, fd == -ENOENT, NULL);

        if (r < 0)
            return r;
        hd_temporary_name(name, ".part");
        fd = create_locked(place->partial_fd, name);
    }
    if (fd < 0)
        return fd;
    partial->fd = fd;
    memcpy(partial->name, name, sizeof(partial->name));
    /* The same digits. */
    memcpy(partial->journal_name, name, sizeof(partial->journal_name));
    strcpy(strrchr(partial->journal_name, '.'), ".journal");
    return 0;
}

/* Without a journal the file is received all the same. */
static void create_journal(struct hd_store_file *file, const struct hd_store_facts *facts)
{
    struct hd_partial_file *partial = &file->partial;
    struct hd_identity *identity = calloc(1, sizeof(*identity));

    if (identity == NULL)
        return;
    *identity = (struct hd_identity){
        .size_bytes = facts->partition.object_bytes,
        .segment_bytes = facts->partition.segment_bytes,
        .block_symbols = facts->partition.large_symbols,
        .sender_id = facts->sender_id,
        .instance_id = facts->instance_id,
        .object_id = facts->object_id,
    };
    partial->journal.fd = openat(file->place->partial_fd, partial->journal_name,
                                 O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (partial->journal.fd >= 0 && hd_journal_begin(&partial->journal, identity, facts->partition.blocks) < 0) {
        (void)unlinkat(file->place->partial_fd, partial->journal_name, 0);
        hd_journal_close(&partial->journal);
    }
    if (partial->journal.fd >= 0)
        partial->identity = identity;
    else
        free(identity);
}

void hd_partial_reopen_journal(struct hd_place *place, struct hd_partial_file *partial)
{
    partial->journal.fd = openat(place->partial_fd, partial->journal_name,
                                 O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (partial->journal.fd >= 0)
        return;
    /* Somebody has deleted it. Then what is received cannot be gone on with another time. */
    free(partial->identity);
    partial->identity = NULL;
}

static int open_file(struct hd_store_file *file, const struct hd_store_facts *facts, struct herald_error *error)
{
    uint64_t size_bytes = facts->partition.object_bytes;
    char text[HD_SIZE_TEXT_BYTES];
    int r;

    if (hd_store_file_exceeds_limit(size_bytes))
        return herald_error_set(error, -EFBIG, "a file of %s exceeds the limit of a file's size (ulimit -f)",
                                hd_size_text(text, size_bytes));
    if ((r = hd_place_open_partial(file->place, false, error)) < 0)
        return r;
    if ((r = create(file->place, &file->partial)) < 0)
        return explain(error, file, r);
    if (ftruncate(file->partial.fd, (off_t)size_bytes) < 0)
        return explain(error, file, -errno);
    if (facts->partition.blocks >= JOURNAL_BLOCKS_MIN)
        create_journal(file, facts);
    return facts->is_sparse || facts->is_provisional ? 0 : hd_store_reserve(&file->common, error);
}

int hd_store_new_file(struct hd_store **ret_store, struct hd_place *place, const struct hd_store_facts *facts,
                      struct herald_error *error)
{
    struct hd_store_file *file = calloc(1, sizeof(*file));
    int r;

    if (file == NULL)
        return herald_error_set(error, -ENOMEM, "out of memory");
    file->place = place;
    file->is_sparse = facts->is_sparse;
    file->partial.fd = file->partial.journal.fd = -1;
    if (hd_store_init(&file->common, &file_ops, &facts->partition) < 0) {
        free(file);
        return herald_error_set(error, -ENOMEM, "out of memory");
    }
    if ((r = open_file(file, facts, error)) < 0) {
        file->is_discarded = true;
        (void)hd_store_free(&file->common);
        return r;
    }
    *ret_store = &file->common;
    return 0;
}

int hd_store_set_identity(struct hd_store *store, const struct hd_identity *identity)
{
    struct hd_store_file *file = hd_store_as_file(store);
    struct hd_partial_file *partial;

    if (file == NULL || file->partial.identity == NULL)
        return 0;
    partial = &file->partial;
    *partial->identity = *identity;
    partial->identity->size_bytes = store->digest.partition.object_bytes;
    partial->identity->segment_bytes = store->digest.partition.segment_bytes;
    partial->identity->block_symbols = store->digest.partition.large_symbols;
    return hd_journal_write_header(&partial->journal, partial->identity);
}
