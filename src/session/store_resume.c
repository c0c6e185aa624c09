/* SPDX-License-Identifier: MIT */
/*
 * What earlier runs left below a place, and going on with it. Only a block whose bytes have the value that its journal
 * says is taken for received; a file is worked on by whoever holds its lock.
 */
#include "store_internal.h"

#include "bits.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum {
    KEPT_MAX = 128, /* each has a file open */
    DIGITS = 16,
    YOUNG_S = 60, /* what another process may just be making */
};

/* An unfinished file that nobody works on. Its blocks whose values are not 0 are good. */
struct hd_kept {
    struct hd_kept *next;
    struct hd_partial_file partial; /* with its identity; the journal is closed */
    struct hd_digest digest;
    uint64_t valid_bytes;
};

static struct hd_kept *kept_free(struct hd_place *place, struct hd_kept *kept, bool delete)
{
    struct hd_partial_file *partial = &kept->partial;

    if (delete)
        hd_partial_delete(place, partial);
    else
        hd_partial_close(partial);
    hd_digest_release(&kept->digest);
    free(kept);
    return NULL;
}

void hd_kept_free_all(struct hd_place *place)
{
    while (place->kept != NULL) {
        struct hd_kept *next = place->kept->next;

        (void)kept_free(place, place->kept, false);
        place->kept = next;
    }
    place->kept_count = 0;
}

bool hd_kept_has_like(const struct hd_place *place, const struct hd_partition *partition)
{
    for (const struct hd_kept *kept = place->kept; kept != NULL; kept = kept->next)
        if (kept->digest.partition.object_bytes == partition->object_bytes &&
            kept->digest.partition.segment_bytes == partition->segment_bytes &&
            kept->digest.partition.blocks == partition->blocks)
            return true;
    return false;
}

static void list(struct hd_place *place, struct hd_kept *kept)
{
    kept->next = place->kept;
    place->kept = kept;
    place->kept_count++;
}

static struct hd_kept *unlist(struct hd_place *place, struct hd_kept **at)
{
    struct hd_kept *kept = *at;

    *at = kept->next;
    place->kept_count--;
    return kept;
}

void hd_store_drop_kept(struct hd_place *place, const char *name)
{
    struct hd_kept **at = &place->kept;

    if (place->clash == HERALD_CLASH_RENAME)
        return;
    while (*at != NULL)
        if (strcmp((*at)->partial.identity->name, name) == 0)
            (void)kept_free(place, unlist(place, at), true);
        else
            at = &(*at)->next;
}

/* ---- looking through ------------------------------------------------------------------------- */

/* Is it "0123456789abcdef" and the suffix? Nothing else is ours to touch. */
static bool is_ours(const char *name, const char *suffix)
{
    for (int i = 0; i < DIGITS; i++)
        if (!(name[i] >= '0' && name[i] <= '9') && !(name[i] >= 'a' && name[i] <= 'f'))
            return false;
    return strcmp(name + DIGITS, suffix) == 0;
}

/* Reads a stretch. @return whether all of it is there */
static bool read_stretch(int fd, uint8_t *ret_bytes, uint64_t offset_bytes, uint64_t size_bytes)
{
    while (size_bytes > 0) {
        ssize_t n = pread(fd, ret_bytes, (size_t)size_bytes, (off_t)offset_bytes);

        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return false;
        ret_bytes += n;
        offset_bytes += (uint64_t)n;
        size_bytes -= (uint64_t)n;
    }
    return true;
}

/* Sets the values of all blocks to 0 that are not as they say. @return 0; -ENOMEM */
static int verify(struct hd_kept *kept)
{
    const struct hd_partition *partition = &kept->digest.partition;
    uint8_t *bytes = malloc((size_t)partition->large_symbols * partition->segment_bytes + 1);

    if (bytes == NULL)
        return -ENOMEM;
    for (uint64_t block = 0; block < partition->blocks; block++) {
        uint64_t size_bytes = hd_partition_block_bytes(partition, block);

        if (kept->digest.values[block] == 0)
            continue;
        if (read_stretch(kept->partial.fd, bytes, hd_partition_block_offset(partition, block), size_bytes) &&
            hd_digest_of_block(&kept->digest, block, bytes) == kept->digest.values[block])
            kept->valid_bytes += size_bytes;
        else
            kept->digest.values[block] = 0;
    }
    free(bytes);
    return 0;
}

/* Opens and locks what a name says. @return the descriptor; -EAGAIN: another process is working on it; -errno */
static int open_locked(const struct hd_place *place, const char *name)
{
    int fd = openat(place->partial_fd, name, O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    struct stat status;
    bool is_in_use;
    int r = 0;

    if (fd < 0)
        return -errno;
    is_in_use = flock(fd, LOCK_EX | LOCK_NB) < 0 && errno == EWOULDBLOCK; /* otherwise this file system cannot tell */
    if (fstat(fd, &status) < 0 || !S_ISREG(status.st_mode))
        r = -EINVAL;
    else if (is_in_use || status.st_nlink == 0) /* or deleted before it was locked */
        r = -EAGAIN;
    if (r < 0) {
        (void)close(fd);
        return r;
    }
    return fd;
}

static bool is_young(const struct stat *status, uint64_t max_age_s)
{
    time_t now = time(NULL);

    return now <= status->st_mtim.tv_sec || (uint64_t)(now - status->st_mtim.tv_sec) <= max_age_s;
}

static bool is_recent(int fd, uint64_t max_age_s)
{
    struct stat status;

    return fstat(fd, &status) == 0 && is_young(&status, max_age_s);
}

/* Has neither the file nor its journal been written to for so long? */
static bool is_stale(const struct hd_place *place, const struct hd_partial_file *partial, uint64_t max_age_s)
{
    struct stat journal;

    if (is_recent(partial->fd, max_age_s))
        return false;
    return fstatat(place->partial_fd, partial->journal_name, &journal, AT_SYMLINK_NOFOLLOW) < 0 ||
           !is_young(&journal, max_age_s);
}

/* @return 0: it is worth keeping, kept->digest and all else are set; -errno: there is nothing in it; -ENOMEM */
static int examine(struct hd_place *place, struct hd_kept *kept, uint64_t max_age_s)
{
    struct hd_partial_file *partial = &kept->partial;
    struct hd_partition partition;
    uint64_t *values;
    int r;

    partial->journal.fd = openat(place->partial_fd, partial->journal_name,
                                 O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (partial->journal.fd < 0)
        return -errno;
    if (!is_recent(partial->journal.fd, max_age_s) && !is_recent(partial->fd, max_age_s))
        return -ESTALE;
    if ((partial->identity = calloc(1, sizeof(*partial->identity))) == NULL)
        return -ENOMEM;
    r = hd_journal_read(partial->journal.fd, partial->identity, &partition, &values);
    hd_journal_close(&partial->journal);
    if (r < 0)
        return r;
    kept->digest = (struct hd_digest){ .partition = partition, .values = values, .is_owner = true };
    if ((r = verify(kept)) < 0)
        return r;
    return kept->valid_bytes > 0 ? 0 : -ENODATA;
}

/* Another process makes the file, locks it, gives it its length, and then makes the journal. If it has a length, and
   the lock can be had, nobody works on it any more; where there are no locks only its age tells. */
static bool may_be_in_the_making(int fd)
{
    struct stat status;

    if (flock(fd, LOCK_EX | LOCK_NB) == 0 && fstat(fd, &status) == 0 && status.st_size > 0)
        return false;
    return is_recent(fd, YOUNG_S);
}

static bool is_useless(const struct hd_kept *kept, int examined)
{
    if (examined == -ENOENT)
        return !may_be_in_the_making(kept->partial.fd);
    return examined == -EBADMSG || examined == -ESTALE || examined == -ENODATA;
}

static void set_names(struct hd_partial_file *partial, const char *part_name)
{
    memcpy(partial->name, part_name, DIGITS);
    memcpy(partial->journal_name, part_name, DIGITS);
    strcpy(partial->name + DIGITS, ".part");
    strcpy(partial->journal_name + DIGITS, ".journal");
}

/* One that is not read and listed: only its age counts. */
static void sweep_part(struct hd_place *place, const char *name, uint64_t max_age_s)
{
    struct hd_partial_file partial = { .journal.fd = -1 };

    set_names(&partial, name);
    if ((partial.fd = open_locked(place, name)) < 0)
        return;
    if (is_stale(place, &partial, max_age_s))
        hd_partial_delete(place, &partial);
    else
        hd_partial_close(&partial);
}

static void scan_part(struct hd_place *place, const char *name, uint64_t max_age_s)
{
    struct hd_kept *kept;
    int r;

    if (place->kept_count >= KEPT_MAX) {
        sweep_part(place, name, max_age_s);
        return;
    }
    if ((kept = calloc(1, sizeof(*kept))) == NULL)
        return;
    set_names(&kept->partial, name);
    kept->partial.journal.fd = -1;
    if ((kept->partial.fd = open_locked(place, name)) < 0) {
        free(kept);
        return;
    }
    r = examine(place, kept, max_age_s);
    if (r == 0)
        list(place, kept);
    else
        (void)kept_free(place, kept, is_useless(kept, r));
}

/* A journal without a file, which a crash can leave. Nobody makes the journal first. */
static void scan_journal(const struct hd_place *place, const char *name)
{
    struct hd_partial_file partial;
    struct stat status;

    set_names(&partial, name);
    if (fstatat(place->partial_fd, partial.name, &status, AT_SYMLINK_NOFOLLOW) < 0 && errno == ENOENT)
        (void)unlinkat(place->partial_fd, name, 0);
}

/* A link on its way into its place, where it is a moment later, unless there was a crash. */
static void scan_link(const struct hd_place *place, const char *name)
{
    struct stat status;
    time_t now = time(NULL);

    if (fstatat(place->partial_fd, name, &status, AT_SYMLINK_NOFOLLOW) == 0 && now - status.st_ctim.tv_sec > YOUNG_S)
        (void)unlinkat(place->partial_fd, name, 0);
}

/* What a run that was killed has noted of a delivery, and nobody goes on with. */
static void scan_ledger(const struct hd_place *place, const char *name, uint64_t max_age_s)
{
    int fd = open_locked(place, name);

    if (fd < 0)
        return;
    if (!is_recent(fd, max_age_s))
        (void)unlinkat(place->partial_fd, name, 0);
    (void)close(fd);
}

static bool is_listed(const struct hd_place *place, const char *name)
{
    for (const struct hd_kept *kept = place->kept; kept != NULL; kept = kept->next)
        if (strcmp(kept->partial.name, name) == 0)
            return true;
    return false;
}

/* Names are gathered first, for the directory changes under way. */
static int scan_directory(struct hd_place *place, uint64_t max_age_s,
                          void (*with_part)(struct hd_place *place, const char *name, uint64_t max_age_s))
{
    int fd = openat(place->partial_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *directory = fd >= 0 ? fdopendir(fd) : NULL;
    struct dirent *entry;

    if (directory == NULL) {
        int r = -errno;

        if (fd >= 0)
            (void)close(fd);
        return r;
    }
    while ((entry = readdir(directory)) != NULL) {
        if (strlen(entry->d_name) < DIGITS)
            continue;
        if (is_ours(entry->d_name, ".part") && !is_listed(place, entry->d_name))
            with_part(place, entry->d_name, max_age_s);
        else if (is_ours(entry->d_name, ".journal"))
            scan_journal(place, entry->d_name);
        else if (is_ours(entry->d_name, ".link"))
            scan_link(place, entry->d_name);
        else if (is_ours(entry->d_name, HD_LEDGER_SUFFIX))
            scan_ledger(place, entry->d_name, max_age_s);
    }
    (void)closedir(directory);
    return 0;
}

int hd_store_scan(struct hd_place *place, uint64_t max_age_s, uint64_t *ret_files, uint64_t *ret_bytes)
{
    struct stat status;
    uint64_t bytes = 0;
    int r;

    if (fstatat(place->directory_fd, HD_PARTIAL_NAME, &status, AT_SYMLINK_NOFOLLOW) < 0) {
        if (errno != ENOENT)
            return -errno;
    } else {
        if ((r = hd_place_open_partial(place, false, NULL)) < 0 ||
            (r = scan_directory(place, max_age_s, scan_part)) < 0)
            return r;
    }
    for (const struct hd_kept *kept = place->kept; kept != NULL; kept = kept->next)
        bytes += kept->valid_bytes;
    *ret_files = place->kept_count;
    *ret_bytes = bytes;
    return 0;
}

void hd_store_sweep(struct hd_place *place, uint64_t max_age_s)
{
    struct stat status;

    if (fstatat(place->directory_fd, HD_PARTIAL_NAME, &status, AT_SYMLINK_NOFOLLOW) < 0 ||
        hd_place_open_partial(place, false, NULL) < 0)
        return;
    for (struct hd_kept **at = &place->kept; *at != NULL;)
        if (is_stale(place, &(*at)->partial, max_age_s))
            (void)kept_free(place, unlist(place, at), true);
        else
            at = &(*at)->next;
    (void)!scan_directory(place, max_age_s, sweep_part);
}

/* ---- going on -------------------------------------------------------------------------------- */

static bool is_same(const struct hd_identity *kept, const struct hd_identity *wanted)
{
    if (kept->size_bytes != wanted->size_bytes || kept->segment_bytes != wanted->segment_bytes ||
        kept->block_symbols != wanted->block_symbols)
        return false;
    if (wanted->name[0] == '\0')
        return kept->sender_id == wanted->sender_id && kept->instance_id == wanted->instance_id &&
               kept->object_id == wanted->object_id;
    return kept->mtime_ns == wanted->mtime_ns && strcmp(kept->name, wanted->name) == 0;
}

/* Takes the one that has most off the list. */
static struct hd_kept *take(struct hd_place *place, const struct hd_identity *identity)
{
    struct hd_kept **best = NULL;

    for (struct hd_kept **at = &place->kept; *at != NULL; at = &(*at)->next)
        if (is_same((*at)->partial.identity, identity) && (best == NULL || (*at)->valid_bytes > (*best)->valid_bytes))
            best = at;
    return best != NULL ? unlist(place, best) : NULL;
}

/* Copies a stretch between files at the same offset. @return whether all of it was copied */
static bool copy_stretch(int from_fd, int to_fd, uint64_t offset_bytes, uint64_t size_bytes)
{
    uint8_t buffer[16384];
    off64_t from_bytes = (off64_t)offset_bytes, to_bytes = (off64_t)offset_bytes;

    while (size_bytes > 0) {
        ssize_t n = copy_file_range(from_fd, &from_bytes, to_fd, &to_bytes, (size_t)size_bytes, 0);

        if (n <= 0)
            break;
        size_bytes -= (uint64_t)n;
    }
    while (size_bytes > 0) {
        size_t part_bytes = size_bytes < sizeof(buffer) ? (size_t)size_bytes : sizeof(buffer);
        ssize_t n;

        if (!read_stretch(from_fd, buffer, (uint64_t)from_bytes, part_bytes))
            return false;
        n = pwrite(to_fd, buffer, part_bytes, to_bytes);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return false;
        from_bytes += n;
        to_bytes += n;
        size_bytes -= (uint64_t)n;
    }
    return true;
}

static bool copy_block(const struct hd_partition *partition, uint64_t block, int from_fd, int to_fd)
{
    return copy_stretch(from_fd, to_fd, hd_partition_block_offset(partition, block),
                        hd_partition_block_bytes(partition, block));
}

/*
 * The kept file takes the store's place: the store's own blocks are copied into it, and parts of blocks that are not
 * good there. @return whether that worked; if not, the store is as it was
 */
static bool adopt(struct hd_store_file *file, struct hd_kept *kept)
{
    struct hd_store *store = &file->common;
    const struct hd_partition *partition = &store->digest.partition;
    struct hd_partial_file own = file->partial;

    if (ftruncate(kept->partial.fd, (off_t)partition->object_bytes) < 0)
        return false;
    for (uint64_t block = 0; block < partition->blocks; block++) {
        uint64_t value = hd_store_value(store, block);

        if (store->digest.values[block] == 0 || (kept->digest.values[block] != 0 && value == 0) ||
            (value != 0 && kept->digest.values[block] == value))
            continue;
        if (!copy_block(partition, block, own.fd, kept->partial.fd))
            return false;
    }
    file->partial = kept->partial;
    kept->partial = own;
    hd_partial_reopen_journal(file->place, &file->partial);
    return true;
}

/* Blocks are copied out of the kept file into the store's. What cannot be copied is received again. */
static void copy_in(struct hd_store_file *file, struct hd_kept *kept)
{
    struct hd_store *store = &file->common;

    for (uint64_t block = 0; block < store->digest.partition.blocks; block++) {
        if (kept->digest.values[block] == 0 || hd_bits_test(store->complete, block) ||
            copy_block(&store->digest.partition, block, kept->partial.fd, file->partial.fd))
            continue;
        kept->digest.values[block] = 0;
        file->has_garbage = true;
        if (store->digest.values[block] != 0) /* parts of it that were received are perhaps not there any more */
            (void)hd_store_fail(store, -EIO, "cannot write to %s what was received earlier", file->place->directory);
    }
}

/* Now that it is known what is left of it: is there room for the rest? */
static void reserve_rest(struct hd_store_file *file)
{
    struct herald_error error;
    bool is_due = file->wants_room && !file->is_reserved && !file->is_sparse;
    int r = is_due ? hd_store_file_reserve(file, &error) : 0;

    if (r < 0)
        (void)hd_store_fail(&file->common, r, "%s", error.cause);
}

/* Notes the blocks that were resumed, and tells of each stretch. @return their bytes */
static uint64_t note_resumed(struct hd_store *store, const struct hd_kept *kept,
                             void (*mark)(void *user, uint64_t offset_bytes, uint64_t size_bytes), void *user)
{
    const struct hd_partition *partition = &store->digest.partition;
    uint64_t begin_bytes = 0, end_bytes = 0, sum_bytes = 0;

    for (uint64_t block = 0; block < partition->blocks; block++) {
        if (kept->digest.values[block] == 0 || hd_bits_test(store->complete, block))
            continue;
        if (hd_partition_block_offset(partition, block) != end_bytes) {
            if (begin_bytes < end_bytes)
                mark(user, begin_bytes, end_bytes - begin_bytes);
            begin_bytes = hd_partition_block_offset(partition, block);
        }
        end_bytes = hd_partition_block_offset(partition, block) + hd_partition_block_bytes(partition, block);
        sum_bytes += hd_partition_block_bytes(partition, block);
        hd_store_note_complete(store, block, kept->digest.values[block]);
    }
    if (begin_bytes < end_bytes)
        mark(user, begin_bytes, end_bytes - begin_bytes);
    return sum_bytes;
}

static uint64_t go_on_with(struct hd_store_file *file, struct hd_kept *kept, const struct hd_identity *identity,
                           void (*mark)(void *user, uint64_t offset_bytes, uint64_t size_bytes), void *user)
{
    struct hd_store *store = &file->common;
    bool is_adopted = kept->valid_bytes >= store->received_bytes && adopt(file, kept);
    uint64_t resumed_bytes;

    if (is_adopted)
        file->is_reserved = false;
    else
        copy_in(file, kept);
    resumed_bytes = note_resumed(store, kept, mark, user);
    if (is_adopted)
        hd_store_file_clear_rest(file);
    hd_store_leave_block(store);
    /* Written anew as a whole: values in it may have turned out to be wrong. */
    file->partial.journal.first = 0;
    file->partial.journal.end = store->digest.partition.blocks;
    hd_journal_write(&file->partial.journal, store);
    if (identity->name[0] != '\0')
        (void)!hd_store_set_identity(store, identity);
    return resumed_bytes;
}

uint64_t hd_store_resume(struct hd_store *store, struct hd_place *place, const struct hd_identity *identity,
                         void (*mark)(void *user, uint64_t offset_bytes, uint64_t size_bytes), void *user)
{
    struct hd_store_file *file = hd_store_as_file(store);
    struct hd_kept *kept;
    uint64_t resumed_bytes = 0;

    if (file == NULL || hd_store_file_write_out(file) < 0)
        return 0;
    kept = take(place, identity);
    if (kept != NULL) {
        resumed_bytes = go_on_with(file, kept, identity, mark, user);
        (void)kept_free(place, kept, true);
    }
    reserve_rest(file);
    return resumed_bytes;
}

bool hd_store_is_resumable(struct hd_store *store)
{
    const struct hd_store_file *file = hd_store_as_file(store);

    return file != NULL && !file->is_discarded && file->partial.identity != NULL && store->received_bytes > 0;
}

/* Has a file of that name come since the last of this one? Then it has changed, and nobody sends it so any more. */
static bool is_superseded(const struct hd_place *place, const struct hd_partial_file *partial)
{
    struct stat part, here;

    if (place->clash == HERALD_CLASH_RENAME || partial->identity->name[0] == '\0' || fstat(partial->fd, &part) < 0 ||
        !hd_place_look_at(place, partial->identity->name, &here) || !S_ISREG(here.st_mode))
        return false;
    return here.st_ctim.tv_sec > part.st_mtim.tv_sec ||
           (here.st_ctim.tv_sec == part.st_mtim.tv_sec && here.st_ctim.tv_nsec > part.st_mtim.tv_nsec);
}

void hd_store_keep(struct hd_store *store, struct hd_place *place)
{
    struct hd_store_file *file = hd_store_as_file(store);
    struct hd_kept *kept;

    if (hd_store_is_resumable(store) && is_superseded(place, &file->partial))
        hd_store_discard(store);
    if (!hd_store_is_resumable(store) || hd_store_file_write_out(file) < 0 || place->kept_count >= KEPT_MAX ||
        (kept = calloc(1, sizeof(*kept))) == NULL) {
        (void)hd_store_free(store);
        return;
    }
    hd_journal_write(&file->partial.journal, store);
    hd_journal_close(&file->partial.journal);
    for (uint64_t block = 0; block < store->digest.partition.blocks; block++)
        store->digest.values[block] = hd_store_value(store, block);
    kept->valid_bytes = store->received_bytes;
    kept->partial = file->partial;
    kept->digest = store->digest;
    list(place, kept);
    /* Nothing of it is the store's any more. */
    file->partial = (struct hd_partial_file){ .fd = -1, .journal.fd = -1 };
    store->digest.is_owner = false;
    store->digest.values = NULL;
    store->complete_count = 0;
    (void)hd_store_free(store);
}
