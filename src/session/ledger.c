/* SPDX-License-Identifier: MIT */
#include "ledger.h"

#include "place_internal.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xxhash.h>

/* "heraldL1" on a little-endian machine; the other byte order does not match. */
#define MAGIC UINT64_C(0x314c646c61726568)

struct header {
    uint64_t magic;
    uint64_t delivery_id;
};

/* Of one file; its path follows, without a NUL. */
struct line {
    uint64_t check; /* of all the rest, and the path */
    uint32_t index;
    uint32_t path_bytes;
    uint64_t inode;
    uint64_t size_bytes;
    int64_t mtime_ns;
    int64_t ctime_ns;
};

static_assert(sizeof(struct line) == 48, "no padding");

struct hd_ledger {
    int fd;
    char name[HD_TEMPORARY_BYTES];
};

/* A line as it is read and written. */
union record {
    struct line line;
    uint8_t bytes[sizeof(struct line) + HD_NAME_BYTES];
};

static uint64_t check_of(const union record *record)
{
    const size_t from = sizeof(record->line.check);

    return XXH3_64bits(record->bytes + from, sizeof(struct line) - from + record->line.path_bytes);
}

static int64_t nanoseconds(const struct timespec *time)
{
    return (int64_t)time->tv_sec * 1000000000 + time->tv_nsec;
}

/* @return whether there is a file of that path; then the line is filled, but for index and check. */
static bool look_at(const struct hd_place *place, const char *path, struct line *ret_line)
{
    struct stat status;

    if (!hd_place_look_at(place, path, &status) || !S_ISREG(status.st_mode))
        return false;
    *ret_line = (struct line){
        .path_bytes = (uint32_t)strlen(path),
        .inode = status.st_ino,
        .size_bytes = (uint64_t)status.st_size,
        .mtime_ns = nanoseconds(&status.st_mtim),
        .ctime_ns = nanoseconds(&status.st_ctim),
    };
    return true;
}

/* ---- reading --------------------------------------------------------------------------------- */

/* @return whether there was another line, and a whole one: a crash may have cut the last. */
static bool read_record(FILE *file, union record *ret_record)
{
    struct line *line = &ret_record->line;

    return fread(line, sizeof(*line), 1, file) == 1 && line->path_bytes > 0 && line->path_bytes < HD_NAME_BYTES &&
           fread(ret_record->bytes + sizeof(*line), line->path_bytes, 1, file) == 1 &&
           line->check == check_of(ret_record);
}

static bool is_untouched(const struct hd_place *place, const union record *record)
{
    char path[HD_NAME_BYTES];
    struct line now;

    memcpy(path, record->bytes + sizeof(struct line), record->line.path_bytes);
    path[record->line.path_bytes] = '\0';
    return look_at(place, path, &now) && now.inode == record->line.inode && now.size_bytes == record->line.size_bytes &&
           now.mtime_ns == record->line.mtime_ns && now.ctime_ns == record->line.ctime_ns;
}

/* Ends behind the last good line, where the next one goes. @return whether it is this delivery's. */
static bool read_all(int fd, const struct hd_place *place, uint64_t delivery_id, hd_ledger_found *found, void *user)
{
    int own_fd = dup(fd);
    FILE *file = own_fd >= 0 ? fdopen(own_fd, "r") : NULL;
    off_t end_bytes = sizeof(struct header);
    struct header header;
    union record record;

    if (file == NULL) {
        if (own_fd >= 0)
            (void)close(own_fd);
        return false;
    }
    if (fread(&header, sizeof(header), 1, file) != 1 || header.magic != MAGIC || header.delivery_id != delivery_id) {
        (void)fclose(file);
        return false;
    }
    while (read_record(file, &record)) {
        end_bytes += (off_t)(sizeof(struct line) + record.line.path_bytes);
        if (is_untouched(place, &record))
            found(user, record.line.index, record.line.size_bytes);
    }
    (void)fclose(file);
    return ftruncate(fd, end_bytes) == 0 && lseek(fd, end_bytes, SEEK_SET) == end_bytes;
}

/* ---- opening --------------------------------------------------------------------------------- */

static struct hd_ledger *make(uint64_t delivery_id)
{
    struct hd_ledger *ledger = calloc(1, sizeof(*ledger));

    if (ledger == NULL)
        return NULL;
    ledger->fd = -1;
    (void)snprintf(ledger->name, sizeof(ledger->name), "%016llx" HD_LEDGER_SUFFIX, (unsigned long long)delivery_id);
    return ledger;
}

/* @return whether it is open, and nobody else's: file systems that know no locks have no ledgers. */
static bool open_file(struct hd_ledger *ledger, const struct hd_place *place, int flags)
{
    ledger->fd = openat(place->partial_fd, ledger->name, O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | flags, 0600);
    return ledger->fd >= 0 && flock(ledger->fd, LOCK_EX | LOCK_NB) == 0;
}

struct hd_ledger *hd_ledger_open(struct hd_place *place, uint64_t delivery_id, hd_ledger_found *found, void *user)
{
    struct hd_ledger *ledger;
    struct stat status;

    if (fstatat(place->directory_fd, HD_PARTIAL_NAME, &status, AT_SYMLINK_NOFOLLOW) < 0 ||
        hd_place_open_partial(place, false, NULL) < 0 || (ledger = make(delivery_id)) == NULL)
        return NULL;
    if (!open_file(ledger, place, 0) || fstat(ledger->fd, &status) < 0 || !S_ISREG(status.st_mode) ||
        !read_all(ledger->fd, place, delivery_id, found, user))
        return hd_ledger_close(ledger);
    return ledger;
}

struct hd_ledger *hd_ledger_new(struct hd_place *place, uint64_t delivery_id)
{
    const struct header header = { .magic = MAGIC, .delivery_id = delivery_id };
    struct hd_ledger *ledger;

    /* What is not synced need not be what it was, after a crash of the host. */
    if (place->no_sync || place->only_name != NULL || hd_place_open_partial(place, false, NULL) < 0 ||
        (ledger = make(delivery_id)) == NULL)
        return NULL;
    if (!open_file(ledger, place, O_CREAT | O_EXCL) ||
        write(ledger->fd, &header, sizeof(header)) != (ssize_t)sizeof(header))
        return hd_ledger_close(ledger);
    return ledger;
}

void hd_ledger_add(struct hd_ledger *ledger, const struct hd_place *place, uint32_t index, const char *path)
{
    union record record;
    size_t size_bytes;

    if (strlen(path) >= HD_NAME_BYTES || !look_at(place, path, &record.line))
        return;
    size_bytes = sizeof(struct line) + record.line.path_bytes;
    memcpy(record.bytes + sizeof(struct line), path, record.line.path_bytes);
    record.line.index = index;
    record.line.check = check_of(&record);
    (void)!write(ledger->fd, record.bytes, size_bytes); /* a disk that is full cuts it, and it will not be read */
}

struct hd_ledger *hd_ledger_close(struct hd_ledger *ledger)
{
    if (ledger == NULL)
        return NULL;
    if (ledger->fd >= 0)
        (void)close(ledger->fd);
    free(ledger);
    return NULL;
}

struct hd_ledger *hd_ledger_delete(struct hd_ledger *ledger, const struct hd_place *place)
{
    if (ledger != NULL)
        (void)unlinkat(place->partial_fd, ledger->name, 0);
    return hd_ledger_close(ledger);
}
