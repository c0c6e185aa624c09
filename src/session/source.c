/* SPDX-License-Identifier: MIT */
#include "source.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    BUFFERS_USUAL = 8, /* used in turn: they stay in the processor's cache */
    BUFFERS_MAX = 66,  /* a block for each of 64 datagrams, the one before them, and one to compute a digest */
    ALIGN_BYTES = 64
};

#define AHEAD_BYTES   (UINT64_C(4) << 20)   /* that the system is asked to read before we need it */
#define COMPARE_BYTES (UINT64_C(256) << 20) /* that are read once more at most, while nothing else goes on */

struct buffer {
    uint8_t *bytes; /* NULL: not allocated yet */
    const struct hd_source *owner;
    uint64_t block;
    uint64_t used;  /* when, by cache->clock */
    uint64_t batch; /* that holds it; pinned if it is the cache's */
};

struct hd_block_cache {
    size_t block_bytes;
    uint64_t clock, batch; /* count what was handed out, and batches, from 1 */
    struct buffer *last;   /* handed out last: pinned in every batch */
    struct buffer buffers[BUFFERS_MAX];
};

struct hd_source {
    struct hd_block_cache *cache;
    struct hd_digest digest;
    const char *path;
    const uint8_t *bytes; /* in memory; NULL: a file, or nothing */
    int fd;               /* -1: no file */
    struct stat facts;    /* when it was opened */
    uint64_t ahead_bytes; /* up to where the system was asked to read */
    struct herald_error error;
};

/* --- buffers --- */

int hd_block_cache_new(struct hd_block_cache **ret_cache, size_t block_bytes)
{
    struct hd_block_cache *cache = calloc(1, sizeof(*cache));

    if (cache == NULL)
        return -ENOMEM;
    cache->block_bytes = block_bytes;
    cache->batch = 1;
    *ret_cache = cache;
    return 0;
}

struct hd_block_cache *hd_block_cache_free(struct hd_block_cache *cache)
{
    if (cache == NULL)
        return NULL;
    for (size_t i = 0; i < BUFFERS_MAX; i++)
        free(cache->buffers[i].bytes);
    free(cache);
    return NULL;
}

void hd_block_cache_batch_sent(struct hd_block_cache *cache)
{
    cache->batch++;
    if (cache->last != NULL) /* the next batch may go on with it */
        cache->last->batch = cache->batch;
}

static struct buffer *find_block(struct hd_block_cache *cache, const struct hd_source *source, uint64_t block)
{
    if (cache->last != NULL && cache->last->owner == source && cache->last->block == block)
        return cache->last;
    for (size_t i = 0; i < BUFFERS_MAX; i++)
        if (cache->buffers[i].owner == source && cache->buffers[i].block == block)
            return &cache->buffers[i];
    return NULL;
}

/* @return the buffer to use next, whether allocated or not; NULL: all are pinned. */
static struct buffer *choose(struct hd_block_cache *cache, bool only_allocated)
{
    struct buffer *best = NULL;

    for (size_t i = 0; i < BUFFERS_MAX; i++) {
        struct buffer *buffer = &cache->buffers[i];

        if (i >= BUFFERS_USUAL && best != NULL)
            break;
        if (buffer->batch == cache->batch || (only_allocated && buffer->bytes == NULL))
            continue;
        if (best == NULL || buffer->used < best->used)
            best = buffer;
    }
    return best;
}

/* Takes a buffer for something new. @return 0; -ENOBUFS: all are pinned; -ENOMEM. */
static int take_buffer(struct hd_block_cache *cache, struct buffer **ret_buffer)
{
    struct buffer *buffer = choose(cache, false);
    size_t room = (cache->block_bytes + ALIGN_BYTES - 1) / ALIGN_BYTES * ALIGN_BYTES;

    if (buffer == NULL)
        return -ENOBUFS;
    if (buffer->bytes == NULL) {
        buffer->bytes = aligned_alloc(ALIGN_BYTES, room);
        if (buffer->bytes == NULL)
            buffer = choose(cache, true);
        if (buffer == NULL)
            return -ENOMEM;
    }
    buffer->owner = NULL;
    *ret_buffer = buffer;
    return 0;
}

/* What was in its buffers is found no more, but stays where it is as long as it is pinned. */
static void drop_blocks(struct hd_block_cache *cache, const struct hd_source *source)
{
    for (size_t i = 0; i < BUFFERS_MAX; i++) {
        struct buffer *buffer = &cache->buffers[i];

        if (buffer->owner != source)
            continue;
        buffer->owner = NULL;
        buffer->used = 0;
        if (cache->last == buffer)
            cache->last = NULL;
    }
}

/* --- opening and closing --- */

/* Opens the directory that the last part of `path` is in; no links are followed from `below` on. @return 0; -errno. */
static int open_parent(const char *path, const char *below, const char **ret_last, int *ret_fd)
{
    const int flags = O_PATH | O_DIRECTORY | O_CLOEXEC;
    char part[PATH_MAX];
    size_t size = (size_t)(below - path);
    const char *slash;
    int fd;

    if (strlen(path) >= sizeof(part))
        return -ENAMETOOLONG;
    memcpy(part, size > 0 ? path : ".", size > 0 ? size : 1);
    part[size > 0 ? size : 1] = '\0';
    fd = open(part, flags);
    if (fd < 0)
        return -errno;
    while ((slash = strchr(below, '/')) != NULL) {
        int next;

        memcpy(part, below, (size_t)(slash - below));
        part[slash - below] = '\0';
        next = openat(fd, part, flags | O_NOFOLLOW);
        if (next < 0)
            next = -errno;
        close(fd);
        if (next < 0)
            return next;
        fd = next;
        below = slash + 1;
    }
    *ret_last = below;
    *ret_fd = fd;
    return 0;
}

/* @return a descriptor, of whatever is there; -errno. */
static int open_path(const char *path, const char *below)
{
    int flags = O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC;
    const char *last = NULL;
    int parent = -1;
    int fd;

    if (below == NULL) {
        fd = open(path, flags);
        return fd >= 0 ? fd : -errno;
    }
    fd = open_parent(path, below, &last, &parent);
    if (fd < 0)
        return fd;
    assert(last != NULL);
    fd = openat(parent, last, flags | O_NOFOLLOW);
    if (fd < 0)
        fd = -errno;
    close(parent);
    return fd;
}

/* What the kernel makes up when it is read, in /proc and /sys: its size says nothing. */
static int size_unknown(struct herald_error *error, const char *path)
{
    hd_path_error(error, -EINVAL, "", path, ": its size is not known before it is read");
    herald_error_advise(error, "put it by standard input: herald put EP - <FILE");
    return -EINVAL;
}

/*
 * In /proc that size is 0: as an empty file it would be verified, too. A file that has grown just now has a size if it
 * is asked again. @return 0; -errno.
 */
static int check_empty(struct hd_source *source, const struct hd_entry *entry, struct herald_error *error)
{
    uint8_t byte;
    ssize_t got;

    do
        got = pread(source->fd, &byte, 1, 0);
    while (got < 0 && errno == EINTR);
    if (got == 0)
        return 0;
    if (got < 0 && errno != ESPIPE && errno != EAGAIN)
        return hd_path_error(error, -errno, "cannot read ", entry->path, NULL);
    if (fstat(source->fd, &source->facts) == 0 && source->facts.st_size > 0)
        return 0;
    return size_unknown(error, entry->path);
}

static int open_file(struct hd_source *source, const struct hd_entry *entry, struct herald_error *error)
{
    source->fd = open_path(entry->path, entry->below);
    if (source->fd == -ELOOP && entry->below != NULL)
        return hd_path_error(error, -ELOOP, "", entry->path, " has become a symbolic link");
    if (source->fd == -EWOULDBLOCK) /* waiting until it is given back could take a minute */
        return hd_path_error(error, -EWOULDBLOCK, "cannot read ", entry->path, ": another program has a lease on it");
    if (source->fd == -ENXIO)
        return hd_path_error(error, -EINVAL, "", entry->path, " is not a file any more");
    if (source->fd < 0)
        return hd_path_error(error, source->fd, "cannot read ", entry->path, NULL);
    if (fstat(source->fd, &source->facts) < 0)
        return hd_path_error(error, -errno, "cannot read ", entry->path, NULL);
    if (!S_ISREG(source->facts.st_mode))
        return hd_path_error(error, -EINVAL, "", entry->path, " is not a file any more");
    return source->facts.st_size > 0 ? 0 : check_empty(source, entry, error);
}

int hd_source_open(struct hd_source **ret_source, const struct hd_entry *entry, struct hd_block_cache *cache,
                   uint16_t segment_bytes, uint16_t block_segments, uint64_t *ret_size_bytes,
                   struct herald_error *error)
{
    struct hd_source *source = calloc(1, sizeof(*source));
    struct hd_partition partition = { 0 };
    uint64_t size_bytes = entry->size_bytes;
    int r = 0;

    assert(entry->type == HD_ENTRY_FILE || entry->type == HD_ENTRY_BYTES);
    assert((size_t)segment_bytes * block_segments <= cache->block_bytes);
    if (source == NULL)
        return hd_path_error(error, -ENOMEM, "cannot read ", entry->path, NULL);
    source->cache = cache;
    source->path = entry->path;
    source->bytes = entry->bytes;
    source->fd = -1;
    if (entry->type == HD_ENTRY_FILE) {
        r = open_file(source, entry, error);
        size_bytes = (uint64_t)source->facts.st_size;
    }
    if (r == 0) {
        r = hd_partition_init(&partition, size_bytes, segment_bytes, block_segments);
        if (r == 0)
            r = hd_digest_init(&source->digest, &partition, NULL);
        if (r < 0)
            hd_path_error(error, r, "cannot send ", entry->path, r == -EFBIG ? ": it is too large" : NULL);
    }
    if (r < 0) {
        hd_source_close(source);
        return r;
    }
    if (source->fd >= 0 && partition.blocks > 1)
        posix_fadvise(source->fd, 0, 0, POSIX_FADV_SEQUENTIAL);
    *ret_size_bytes = size_bytes;
    *ret_source = source;
    return 0;
}

struct hd_source *hd_source_close(struct hd_source *source)
{
    if (source == NULL)
        return NULL;
    drop_blocks(source->cache, source);
    hd_digest_release(&source->digest);
    if (source->fd >= 0)
        close(source->fd);
    free(source);
    return NULL;
}

/* --- reading --- */

/* Asks the system to read what is needed soon. Only for what is read for the first time, in order. */
static void read_ahead(struct hd_source *source, uint64_t offset_bytes)
{
    if (source->digest.partition.blocks == 1 || offset_bytes + AHEAD_BYTES / 2 < source->ahead_bytes)
        return;
    if (source->ahead_bytes < offset_bytes)
        source->ahead_bytes = offset_bytes;
    if (source->ahead_bytes >= source->digest.partition.object_bytes)
        return;
    posix_fadvise(source->fd, (off_t)source->ahead_bytes, (off_t)AHEAD_BYTES, POSIX_FADV_WILLNEED);
    source->ahead_bytes += AHEAD_BYTES;
}

/* It ends before its size. */
static int ended_early(struct hd_source *source)
{
    struct stat now;

    if (fstat(source->fd, &now) == 0 && now.st_size >= source->facts.st_size)
        return size_unknown(&source->error, source->path);
    return hd_path_error(&source->error, -ESTALE, "", source->path, " became shorter while it was sent");
}

/* Fills a buffer. @return 0; -errno, which is the source's error from then on. */
static int read_exactly(struct hd_source *source, uint8_t *bytes, uint64_t offset_bytes, uint64_t size_bytes)
{
    while (size_bytes > 0) {
        ssize_t got = pread(source->fd, bytes, size_bytes, (off_t)offset_bytes);

        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return hd_path_error(&source->error, -errno, "cannot read ", source->path, NULL);
        if (got == 0)
            return ended_early(source);
        bytes += got;
        offset_bytes += (uint64_t)got;
        size_bytes -= (uint64_t)got;
    }
    return 0;
}

/* Notes a block's value, or compares it with what it was before. */
static int check_value(struct hd_source *source, uint64_t block, const uint8_t *bytes)
{
    uint64_t *known = &source->digest.values[block];
    uint64_t value = hd_digest_of_block(&source->digest, block, bytes);

    if (*known != 0 && *known != value)
        return hd_path_error(&source->error, -ESTALE, "", source->path, " was changed while it was sent");
    *known = value;
    return 0;
}

static bool is_same_time(const struct timespec *a, const struct timespec *b)
{
    return a->tv_sec == b->tv_sec && a->tv_nsec == b->tv_nsec;
}

/*
 * What was read at different times need not belong together if the file was written to meanwhile: then what is there
 * now must be what was read. So what is only appended, as to a log, does no harm.
 */
static int check_all(struct hd_source *source)
{
    const struct hd_partition *partition = &source->digest.partition;
    struct stat now;
    uint8_t *bytes;
    int r = 0;

    if (source->fd < 0 || fstat(source->fd, &now) < 0 ||
        (is_same_time(&now.st_mtim, &source->facts.st_mtim) && now.st_size == source->facts.st_size))
        return 0;
    if (partition->object_bytes > COMPARE_BYTES)
        return hd_path_error(&source->error, -ESTALE, "", source->path, " was changed while it was sent");
    bytes = malloc(source->cache->block_bytes);
    if (bytes == NULL)
        return hd_path_error(&source->error, -ENOMEM, "cannot read ", source->path, NULL);
    for (uint64_t block = 0; r == 0 && block < partition->blocks; block++) {
        r = read_exactly(source, bytes, hd_partition_block_offset(partition, block),
                         hd_partition_block_bytes(partition, block));
        if (r == 0)
            r = check_value(source, block, bytes);
    }
    free(bytes);
    return r;
}

/* Has a block of a file in a buffer. @return 0; -errno, which is the source's error from then on. */
static int load_block(struct hd_source *source, uint64_t block, struct buffer **ret_buffer)
{
    const struct hd_partition *partition = &source->digest.partition;
    struct hd_block_cache *cache = source->cache;
    struct buffer *buffer = find_block(cache, source, block);
    uint64_t offset_bytes = hd_partition_block_offset(partition, block);
    int r;

    if (buffer == NULL) {
        r = take_buffer(cache, &buffer);
        if (r < 0)
            return hd_path_error(&source->error, r, "cannot read ", source->path, NULL);
        if (source->digest.values[block] == 0)
            read_ahead(source, offset_bytes);
        r = read_exactly(source, buffer->bytes, offset_bytes, hd_partition_block_bytes(partition, block));
        if (r == 0)
            r = check_value(source, block, buffer->bytes);
        if (r < 0)
            return r;
        buffer->owner = source;
        buffer->block = block;
    }
    buffer->used = ++cache->clock;
    *ret_buffer = buffer;
    return 0;
}

static const uint8_t *read_at(void *user, uint64_t offset_bytes, size_t size_bytes)
{
    struct hd_source *source = user;
    const struct hd_partition *partition = &source->digest.partition;
    struct buffer *buffer = NULL;
    uint64_t block, begin_bytes;
    uint16_t symbol;

    assert(size_bytes > 0 && offset_bytes < partition->object_bytes);
    if (source->error.code != 0)
        return NULL;
    hd_partition_locate(partition, offset_bytes / partition->segment_bytes, &block, &symbol);
    begin_bytes = hd_partition_block_offset(partition, block);
    assert(offset_bytes + size_bytes <= begin_bytes + hd_partition_block_bytes(partition, block));
    if (source->bytes != NULL) {
        if (source->digest.values[block] == 0)
            source->digest.values[block] = hd_digest_of_block(&source->digest, block, source->bytes + begin_bytes);
        return source->bytes + offset_bytes;
    }
    if (load_block(source, block, &buffer) < 0)
        return NULL;
    assert(buffer != NULL);
    buffer->batch = source->cache->batch;
    source->cache->last = buffer;
    return buffer->bytes + (offset_bytes - begin_bytes);
}

void hd_source_as_norm(struct hd_source *source, struct herald_norm_source *ret_norm_source)
{
    *ret_norm_source = (struct herald_norm_source){ .user = source, .read_at = read_at };
}

/* --- what is known of it --- */

int hd_source_digest(struct hd_source *source, bool read_now, uint8_t ret_bytes[HD_DIGEST_BYTES])
{
    const struct hd_partition *partition = &source->digest.partition;
    int r;

    if (source->error.code != 0)
        return source->error.code;
    for (uint64_t block = 0; read_now && block < partition->blocks; block++) {
        struct buffer *buffer;

        if (source->digest.values[block] != 0)
            continue;
        if (source->bytes != NULL)
            r = check_value(source, block, source->bytes + hd_partition_block_offset(partition, block));
        else
            r = load_block(source, block, &buffer);
        if (r < 0)
            return r;
    }
    r = hd_digest_finish(&source->digest, ret_bytes);
    return r < 0 ? r : check_all(source);
}

int hd_source_error(const struct hd_source *source, struct herald_error *error)
{
    if (source->error.code != 0 && error != NULL)
        *error = source->error;
    return source->error.code;
}
