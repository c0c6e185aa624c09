/* SPDX-License-Identifier: MIT */
#include "store_internal.h"

#include "bits.h"

#include <assert.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int hd_store_init(struct hd_store *store, const struct hd_store_ops *ops, const struct hd_partition *partition)
{
    uint64_t words = hd_bits_words(partition->blocks);
    uint64_t *complete = calloc(words > 0 ? words : 1, sizeof(*complete));
    int r;

    if (complete == NULL)
        return -ENOMEM;
    if ((r = hd_digest_init(&store->digest, partition, NULL)) < 0) {
        free(complete);
        return r;
    }
    store->ops = ops;
    store->complete = complete;
    store->last_segment = partition->segments > 0 ? partition->segments - 1 : 0;
    return 0;
}

struct hd_store *hd_store_free(struct hd_store *store)
{
    if (store == NULL)
        return NULL;
    store->ops->release(store);
    hd_digest_release(&store->digest);
    free(store->complete);
    free(store);
    return NULL;
}

int hd_store_fail(struct hd_store *store, int code, const char *format, ...)
{
    char cause[sizeof(store->text.cause)];
    va_list arguments;

    if (store->error < 0)
        return store->error;
    va_start(arguments, format);
    (void)vsnprintf(cause, sizeof(cause), format, arguments);
    va_end(arguments);
    store->error = herald_error_set(&store->text, code, "%s", cause);
    return code;
}

/* ---- for the transport ----------------------------------------------------------------------- */

void hd_store_leave_block(struct hd_store *store)
{
    store->block_begin_bytes = store->block_end_bytes = 0;
}

/* The block that is at an offset becomes the current one. */
static int enter_block(struct hd_store *store, uint64_t offset_bytes)
{
    const struct hd_partition *partition = &store->digest.partition;
    uint16_t symbol;

    if (offset_bytes >= partition->object_bytes)
        return -EINVAL;
    hd_partition_locate(partition, offset_bytes / partition->segment_bytes, &store->block, &symbol);
    store->block_begin_bytes = hd_partition_block_offset(partition, store->block);
    store->block_end_bytes = store->block_begin_bytes + hd_partition_block_bytes(partition, store->block);
    store->block_is_complete = hd_bits_test(store->complete, store->block);
    return 0;
}

/* The number of the segment that these bytes are. @return 0; -EINVAL: they are not a whole one */
static int number_segment(struct hd_store *store, uint64_t offset_bytes, size_t size_bytes, uint64_t *ret_segment)
{
    const struct hd_partition *partition = &store->digest.partition;
    uint64_t segment = offset_bytes / partition->segment_bytes;

    if (segment * partition->segment_bytes != offset_bytes || segment > store->last_segment)
        return -EINVAL;
    if (size_bytes !=
        (segment < store->last_segment ? partition->segment_bytes : partition->object_bytes - offset_bytes))
        return -EINVAL;
    *ret_segment = segment;
    return 0;
}

static int write_at(void *user, uint64_t offset_bytes, const uint8_t *bytes, size_t size_bytes)
{
    struct hd_store *store = user;
    uint64_t segment;
    int r;

    if (store->error < 0)
        return store->error;
    if (offset_bytes < store->block_begin_bytes || offset_bytes >= store->block_end_bytes)
        if ((r = enter_block(store, offset_bytes)) < 0)
            return r;
    /* Most follow the one before, and spare us a division. */
    if (offset_bytes == store->next_offset_bytes && store->next_segment < store->last_segment &&
        size_bytes == store->digest.partition.segment_bytes)
        segment = store->next_segment;
    else if ((r = number_segment(store, offset_bytes, size_bytes, &segment)) < 0)
        return r;
    if (store->block_is_complete)
        return 0;
    if ((r = store->ops->write(store, offset_bytes, bytes, size_bytes)) < 0)
        return r;
    store->digest.values[store->block] += hd_digest_segment(segment, bytes, size_bytes);
    store->next_offset_bytes = offset_bytes + size_bytes;
    store->next_segment = segment + 1;
    return 0;
}

/* What write_at() does, with the block and the first segment looked up once. */
static size_t write_many(void *user, uint64_t offset_bytes, const uint8_t *bytes, size_t segment_bytes,
                         size_t stride_bytes, size_t count)
{
    struct hd_store *store = user;
    uint64_t sum = 0;
    uint64_t segment;
    size_t i;

    if (store->error < 0 || count == 0)
        return 0;
    if ((offset_bytes < store->block_begin_bytes || offset_bytes >= store->block_end_bytes) &&
        enter_block(store, offset_bytes) < 0)
        return 0;
    if (number_segment(store, offset_bytes, segment_bytes, &segment) < 0 || store->block_is_complete ||
        count * segment_bytes > store->block_end_bytes - offset_bytes)
        return 0;
    for (i = 0; i < count; i++, bytes += stride_bytes, offset_bytes += segment_bytes) {
        if (store->ops->write(store, offset_bytes, bytes, segment_bytes) < 0)
            break; /* write_at() will say why */
        sum += hd_digest_segment(segment + i, bytes, segment_bytes);
    }
    store->digest.values[store->block] += sum;
    store->next_offset_bytes = offset_bytes;
    store->next_segment = segment + i;
    return i;
}

static const uint8_t *read_at(void *user, uint64_t offset_bytes, size_t size_bytes)
{
    struct hd_store *store = user;
    uint64_t object_bytes = store->digest.partition.object_bytes;

    if (store->error < 0 || offset_bytes > object_bytes || size_bytes > object_bytes - offset_bytes)
        return NULL;
    return store->ops->read(store, offset_bytes, size_bytes);
}

void hd_store_note_complete(struct hd_store *store, uint64_t block, uint64_t value)
{
    assert(!hd_bits_test(store->complete, block));
    store->digest.values[block] = value != 0 ? value : 1;
    hd_bits_set(store->complete, block);
    store->complete_count++;
    store->received_bytes += hd_partition_block_bytes(&store->digest.partition, block);
    if (block == store->block)
        store->block_is_complete = true;
}

static void block_changed(void *user, uint64_t block, bool is_complete)
{
    struct hd_store *store = user;

    assert(block < store->digest.partition.blocks);
    if (store->error < 0 || hd_bits_test(store->complete, block))
        return;
    if (is_complete) {
        hd_store_note_complete(store, block, store->digest.values[block]);
        store->ops->complete(store, block);
    } else {
        store->digest.values[block] = 0;
        if (store->ops->reset != NULL)
            store->ops->reset(store, block);
    }
}

/*
 * Segments that were received lie in the packets' buffer until hd_store_flush(). Those that were recovered do not: the
 * transport uses their memory for the next block that it recovers, of this object or another. They are the last of
 * their block, however, and so are out of the way when block_changed() returns.
 */
void hd_store_as_sink(struct hd_store *store, struct herald_norm_sink *ret_sink)
{
    *ret_sink = (struct herald_norm_sink){
        .user = store, .write_at = write_at, .write_many = write_many, .block_changed = block_changed
    };
    if (store->ops->read != NULL)
        ret_sink->read_at = read_at;
}

/* ---- for the session ------------------------------------------------------------------------- */

int hd_store_flush(struct hd_store *store)
{
    return store->error < 0 || store->ops->flush == NULL ? store->error : store->ops->flush(store);
}

int hd_store_error(const struct hd_store *store, struct herald_error *error)
{
    if (error != NULL)
        *error = store->text;
    return store->error;
}

bool hd_store_is_drained(const struct hd_store *store)
{
    return store->ops->is_drained == NULL || store->ops->is_drained(store);
}

bool hd_store_has_left(const struct hd_store *store)
{
    return store->ops->has_left != NULL && store->ops->has_left(store);
}

int hd_store_digest(const struct hd_store *store, uint8_t ret_bytes[HD_DIGEST_BYTES])
{
    /* Blocks that are not complete have sums that are not 0, so hd_digest_finish() would not notice. */
    return hd_store_is_complete(store) ? hd_digest_finish(&store->digest, ret_bytes) : -EAGAIN;
}

uint64_t hd_store_received_bytes(const struct hd_store *store)
{
    return store->received_bytes;
}

uint64_t hd_store_value(const struct hd_store *store, uint64_t block)
{
    return hd_bits_test(store->complete, block) ? store->digest.values[block] : 0;
}
