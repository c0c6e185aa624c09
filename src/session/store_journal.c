/* SPDX-License-Identifier: MIT */
/*
 * Journals are written by pwrite(2) and never mapped: one that somebody else makes shorter would end the process by
 * SIGBUS.
 */
#include "store_internal.h"

#include "bits.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xxhash.h>

/* "heraldJ1" on a little-endian machine; the other byte order does not match. */
#define MAGIC UINT64_C(0x314a646c61726568)

enum {
    VERSION = 1,
    GAP_BLOCKS = 64,       /* values that are written again rather than by a call of their own */
    DUE_BYTES = 1 << 20,   /* at most so many received bytes are lost if the process is killed */
    VALUES_AT_ONCE = 1024, /* composed on the stack */
};

struct header {
    uint64_t magic;
    uint32_t version;
    uint32_t header_bytes;
    uint64_t size_bytes;
    int64_t mtime_ns;
    uint32_t sender_id;
    uint16_t instance_id, object_id;
    uint16_t segment_bytes, block_symbols;
    uint32_t zero;
    char name[HD_NAME_BYTES];
    uint64_t check; /* of all before */
};

static_assert(sizeof(struct header) == 48 + HD_NAME_BYTES + 8, "no padding");
static_assert(sizeof(((struct hd_identity *)0)->name) == HD_NAME_BYTES, "names fit");

static uint64_t check_of(const struct header *header)
{
    return XXH3_64bits(header, offsetof(struct header, check));
}

int hd_journal_write_header(const struct hd_journal *journal, const struct hd_identity *identity)
{
    struct header header = {
        .magic = MAGIC,
        .version = VERSION,
        .header_bytes = sizeof(header),
        .size_bytes = identity->size_bytes,
        .mtime_ns = identity->mtime_ns,
        .sender_id = identity->sender_id,
        .instance_id = identity->instance_id,
        .object_id = identity->object_id,
        .segment_bytes = identity->segment_bytes,
        .block_symbols = identity->block_symbols,
    };
    ssize_t n;

    memcpy(header.name, identity->name, strnlen(identity->name, sizeof(header.name) - 1));
    header.check = check_of(&header);
    do
        n = pwrite(journal->fd, &header, sizeof(header), 0);
    while (n < 0 && errno == EINTR);
    if (n < 0)
        return -errno;
    return (size_t)n == sizeof(header) ? 0 : -ENOSPC;
}

int hd_journal_begin(const struct hd_journal *journal, const struct hd_identity *identity, uint64_t blocks)
{
    /* Values that were never written are 0. */
    if (ftruncate(journal->fd, (off_t)(sizeof(struct header) + blocks * sizeof(uint64_t))) < 0)
        return -errno;
    return hd_journal_write_header(journal, identity);
}

void hd_journal_write(struct hd_journal *journal, const struct hd_store *store)
{
    uint64_t values[VALUES_AT_ONCE];

    for (uint64_t block = journal->first; journal->fd >= 0 && block < journal->end;) {
        size_t count = 0;
        ssize_t n;

        while (count < VALUES_AT_ONCE && block + count < journal->end) {
            values[count] = hd_store_value(store, block + count);
            count++;
        }
        do
            n = pwrite(journal->fd, values, count * sizeof(*values),
                       (off_t)(sizeof(struct header) + block * sizeof(*values)));
        while (n < 0 && errno == EINTR);
        /* What is not in it is received again after a crash. That is no reason to fail now. */
        block += count;
    }
    journal->first = journal->end = 0;
    journal->due_bytes = 0;
}

void hd_journal_note(struct hd_journal *journal, const struct hd_store *store, uint64_t block)
{
    if (journal->fd < 0)
        return;
    if (journal->first < journal->end && (block + GAP_BLOCKS < journal->first || block > journal->end + GAP_BLOCKS))
        hd_journal_write(journal, store);
    if (journal->first == journal->end) {
        journal->first = block;
        journal->end = block + 1;
    } else if (block < journal->first) {
        journal->first = block;
    } else if (block >= journal->end) {
        journal->end = block + 1;
    }
    journal->due_bytes += hd_partition_block_bytes(&store->digest.partition, block);
    if (journal->due_bytes >= DUE_BYTES)
        hd_journal_write(journal, store);
}

void hd_journal_close(struct hd_journal *journal)
{
    if (journal->fd >= 0)
        (void)close(journal->fd);
    journal->fd = -1;
}

/* Reads exactly so many bytes. @return 0; -EBADMSG: there are fewer; -errno */
static int read_whole(int fd, void *ret_bytes, size_t size_bytes, off_t offset_bytes)
{
    uint8_t *at = ret_bytes;

    while (size_bytes > 0) {
        ssize_t n = pread(fd, at, size_bytes, offset_bytes);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -errno;
        if (n == 0)
            return -EBADMSG;
        at += n;
        size_bytes -= (size_t)n;
        offset_bytes += n;
    }
    return 0;
}

static int read_header(int fd, struct header *ret_header, struct hd_partition *ret_partition)
{
    int r = read_whole(fd, ret_header, sizeof(*ret_header), 0);

    if (r < 0)
        return r;
    if (ret_header->magic != MAGIC || ret_header->version != VERSION ||
        ret_header->header_bytes != sizeof(*ret_header) || ret_header->check != check_of(ret_header) ||
        ret_header->name[HD_NAME_BYTES - 1] != '\0')
        return -EBADMSG;
    if (hd_partition_init(ret_partition, ret_header->size_bytes, ret_header->segment_bytes, ret_header->block_symbols) <
        0)
        return -EBADMSG;
    return 0;
}

int hd_journal_read(int fd, struct hd_identity *ret_identity, struct hd_partition *ret_partition, uint64_t **ret_values)
{
    struct hd_partition partition;
    struct header header;
    struct stat status;
    uint64_t *values;
    int r;

    if ((r = read_header(fd, &header, &partition)) < 0)
        return r;
    if (fstat(fd, &status) < 0)
        return -errno;
    /* The file bounds what is allocated, not what its header says. */
    if (status.st_size < (off_t)sizeof(header) ||
        ((uint64_t)status.st_size - sizeof(header)) / sizeof(*values) < partition.blocks)
        return -EBADMSG;
    values = calloc(partition.blocks > 0 ? partition.blocks : 1, sizeof(*values));
    if (values == NULL)
        return -ENOMEM;
    if ((r = read_whole(fd, values, partition.blocks * sizeof(*values), sizeof(header))) < 0) {
        free(values);
        return r;
    }
    *ret_identity = (struct hd_identity){
        .size_bytes = header.size_bytes,
        .segment_bytes = header.segment_bytes,
        .block_symbols = header.block_symbols,
        .mtime_ns = header.mtime_ns,
        .sender_id = header.sender_id,
        .instance_id = header.instance_id,
        .object_id = header.object_id,
    };
    memcpy(ret_identity->name, header.name, sizeof(header.name));
    *ret_partition = partition;
    *ret_values = values;
    return 0;
}
