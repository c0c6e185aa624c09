/* SPDX-License-Identifier: MIT */
/* Stores of streams: bytes come in order, how many is not known before the end. */
#include "store_internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Invariant: common.received_bytes is the size so far, as it is for files that grow. */
struct store_growing {
    struct hd_store common;
    enum hd_output_kind kind; /* of fd */
    int fd;                   /* -1: in memory */
    uint8_t *bytes;
    size_t room_bytes, max_bytes;
};

static struct store_growing *growing_of(struct hd_store *store)
{
    return (struct store_growing *)store;
}

/* Segments never come to one: streams are read. */
static int refuse_segment(struct hd_store *store, uint64_t offset_bytes, const uint8_t *bytes, size_t size_bytes)
{
    (void)store;
    (void)offset_bytes;
    (void)bytes;
    (void)size_bytes;
    return -EINVAL;
}

static const uint8_t *read_nothing(struct hd_store *store, uint64_t offset_bytes, size_t size_bytes)
{
    (void)store;
    (void)offset_bytes;
    (void)size_bytes;
    return NULL;
}

static void complete_nothing(struct hd_store *store, uint64_t block)
{
    (void)store;
    (void)block;
}

static bool growing_has_left(const struct hd_store *store)
{
    return ((const struct store_growing *)store)->fd >= 0 && store->received_bytes > 0;
}

static void growing_release(struct hd_store *store)
{
    free(growing_of(store)->bytes);
}

static const struct hd_store_ops growing_ops = {
    .write = refuse_segment,
    .read = read_nothing,
    .complete = complete_nothing,
    .has_left = growing_has_left,
    .release = growing_release,
};

/* @return NULL with *error: no memory. */
static struct store_growing *new_growing(struct herald_error *error)
{
    struct store_growing *growing = calloc(1, sizeof(*growing));
    const struct hd_partition nothing = { .segment_bytes = 1 };

    if (growing == NULL || hd_store_init(&growing->common, &growing_ops, &nothing) < 0) {
        free(growing);
        herald_error_set(error, -ENOMEM, "out of memory");
        return NULL;
    }
    growing->fd = -1;
    return growing;
}

int hd_store_new_growing_file(struct hd_store **ret_store, struct hd_place *place, struct herald_error *error)
{
    const struct hd_store_facts facts = { .partition = { .segment_bytes = 1 } };

    return hd_store_new_file(ret_store, place, &facts, error);
}

int hd_store_new_growing_memory(struct hd_store **ret_store, size_t max_bytes, struct herald_error *error)
{
    struct store_growing *growing = new_growing(error);

    if (growing == NULL)
        return -ENOMEM;
    growing->max_bytes = max_bytes;
    *ret_store = &growing->common;
    return 0;
}

int hd_store_new_growing_descriptor(struct hd_store **ret_store, int fd, struct herald_error *error)
{
    struct store_growing *growing;
    enum hd_output_kind kind;
    int r = hd_output_examine(fd, &kind);

    if (r < 0)
        return herald_error_set(error, r, "cannot write the output: %s", strerror(-r));
    growing = new_growing(error);
    if (growing == NULL)
        return -ENOMEM;
    growing->fd = fd;
    growing->kind = kind;
    *ret_store = &growing->common;
    return 0;
}

/* ---- appending ------------------------------------------------------------------------------- */

static int64_t append_to_file(struct hd_store_file *file, const uint8_t *bytes, size_t size_bytes)
{
    ssize_t n;

    /* Up to the limit the kernel writes what fits, without a signal. */
    if (size_bytes > 0 && hd_store_file_exceeds_limit(file->common.received_bytes + 1))
        return -EFBIG;
    do
        n = pwrite(file->partial.fd, bytes, size_bytes, (off_t)file->common.received_bytes);
    while (n < 0 && errno == EINTR);
    return n < 0 ? -errno : n;
}

static int64_t append_to_memory(struct store_growing *growing, const uint8_t *bytes, size_t size_bytes)
{
    size_t end_bytes = (size_t)growing->common.received_bytes + size_bytes;

    if (end_bytes > growing->max_bytes)
        return -EFBIG;
    if (end_bytes > growing->room_bytes) {
        size_t room_bytes = growing->room_bytes > 0 ? growing->room_bytes : 65536;
        uint8_t *room;

        while (room_bytes < end_bytes)
            room_bytes *= 2;
        room = realloc(growing->bytes, room_bytes);
        if (room == NULL)
            return -ENOMEM;
        growing->bytes = room;
        growing->room_bytes = room_bytes;
    }
    memcpy(growing->bytes + growing->common.received_bytes, bytes, size_bytes);
    return (int64_t)size_bytes;
}

static int64_t explain(struct herald_error *error, int code, bool is_memory)
{
    if (code == -ENOSPC || code == -EDQUOT)
        return herald_error_set(error, code, "disk full");
    if (code == -EPIPE || code == -ECONNRESET)
        return herald_error_set(error, code, "cannot write the output: its reader is gone");
    if (code == -EFBIG && is_memory)
        return herald_error_set(error, code, "it is larger than what can be kept here");
    if (code == -EFBIG)
        return herald_error_set(error, code, "it exceeds the limit of a file's size (ulimit -f)");
    return herald_error_set(error, code, "cannot write it: %s", strerror(-code));
}

int64_t hd_store_append(struct hd_store *store, const uint8_t *bytes, size_t size_bytes, struct herald_error *error)
{
    struct hd_store_file *file = hd_store_as_file(store);
    struct store_growing *growing = growing_of(store);
    const struct iovec piece = { .iov_base = (void *)(uintptr_t)bytes, .iov_len = size_bytes };
    int64_t n;

    if (file != NULL)
        n = append_to_file(file, bytes, size_bytes);
    else if (growing->fd >= 0)
        n = hd_output_write(growing->fd, &growing->kind, &piece, 1);
    else
        n = append_to_memory(growing, bytes, size_bytes);
    if (n < 0)
        return explain(error, (int)n, file == NULL && growing->fd < 0);
    store->received_bytes += (uint64_t)n;
    return n;
}

const uint8_t *hd_store_growing_bytes(const struct hd_store *store)
{
    return store->ops == &growing_ops ? ((const struct store_growing *)store)->bytes : NULL;
}
