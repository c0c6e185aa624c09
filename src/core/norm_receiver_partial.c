/* SPDX-License-Identifier: MIT */
/*
 * Memory for blocks of which some symbols are here but too few, and for their parity.
 *
 * When either runs out, the newest block pays: older ones are what the sender repairs first, so one at least always
 * gets on. What is forgotten is simply asked for again.
 */
#include "norm_receiver.h"

enum {
    EVICT_LOOKS = 8, /* how far a victim of the same sender is looked for */
};

/* --- memory --- */

static void link_free(struct hd_rx_pool *pool, uint32_t partials, uint32_t parity)
{
    for (uint32_t i = 0; i < partials; i++)
        pool->partials[i].hash_next = i + 1 < partials ? i + 1 : HD_RX_NONE;
    for (uint32_t i = 0; i < parity; i++)
        pool->parity[i].next = i + 1 < parity ? i + 1 : HD_RX_NONE;
    pool->free_partial = partials > 0 ? 0 : HD_RX_NONE;
    pool->free_parity = parity > 0 ? 0 : HD_RX_NONE;
}

int hd_rx_pool_init(struct hd_rx_pool *pool, const struct herald_norm_receiver_config *config)
{
    uint32_t buckets = 1;
    uint32_t stride_bytes = HD_STREAM_HEADER_BYTES + (uint32_t)config->segment_bytes_max;

    while (buckets < config->partial_blocks_max)
        buckets *= 2;
    *pool = (struct hd_rx_pool){
        .partials = calloc(config->partial_blocks_max, sizeof(*pool->partials)),
        .buckets = calloc(buckets, sizeof(*pool->buckets)),
        .bucket_mask = buckets - 1,
        .oldest = HD_RX_NONE,
        .newest = HD_RX_NONE,
        .parity = calloc((size_t)config->parity_buffers_max + 1, sizeof(*pool->parity)),
        .parity_bytes = malloc(((size_t)config->parity_buffers_max + 1) * stride_bytes), /* not touched before use */
        .parity_stride_bytes = stride_bytes,
    };
    if (!pool->partials || !pool->buckets || !pool->parity || !pool->parity_bytes)
        return -ENOMEM;
    for (uint32_t i = 0; i < buckets; i++)
        pool->buckets[i] = HD_RX_NONE;
    link_free(pool, config->partial_blocks_max, config->parity_buffers_max);
    return 0;
}

void hd_rx_pool_fini(struct hd_rx_pool *pool)
{
    free(pool->partials);
    free(pool->buckets);
    free(pool->parity);
    free(pool->parity_bytes);
}

/* --- found --- */

static uint32_t *bucket_of(const struct hd_rx_pool *pool, uint32_t object, uint64_t block)
{
    return &pool->buckets[hd_random_hash(block << 16 | object) & pool->bucket_mask];
}

static uint32_t index_of(const struct hd_rx_pool *pool, const struct hd_rx_partial *partial)
{
    return (uint32_t)(partial - pool->partials);
}

struct hd_rx_partial *hd_rx_partial_find(const herald_norm_receiver *receiver, const struct hd_rx_object *object,
                                         uint64_t block)
{
    const struct hd_rx_pool *pool = &receiver->pool;
    uint32_t slot = hd_rx_object_index(receiver, object);
    uint32_t index = object->current;

    if (index != HD_RX_NONE && pool->partials[index].block == block)
        return &pool->partials[index];
    for (index = *bucket_of(pool, slot, block); index != HD_RX_NONE; index = pool->partials[index].hash_next)
        if (pool->partials[index].object == slot && pool->partials[index].block == block)
            return &pool->partials[index];
    return NULL;
}

/* --- given back --- */

static void unlink_hash(struct hd_rx_pool *pool, const struct hd_rx_partial *partial)
{
    uint32_t *link = bucket_of(pool, partial->object, partial->block);

    while (*link != index_of(pool, partial))
        link = &pool->partials[*link].hash_next;
    *link = partial->hash_next;
}

static void unlink_order(struct hd_rx_pool *pool, const struct hd_rx_partial *partial)
{
    *(partial->order_prev != HD_RX_NONE ? &pool->partials[partial->order_prev].order_next
                                        : &pool->oldest) = partial->order_next;
    *(partial->order_next != HD_RX_NONE ? &pool->partials[partial->order_next].order_prev
                                        : &pool->newest) = partial->order_prev;
}

/* Forgets parity of a block, but for so many symbols. */
static void release_parity(struct hd_rx_pool *pool, struct hd_rx_partial *partial, uint16_t keep)
{
    while (partial->parity_count > keep) {
        struct hd_rx_parity *parity = &pool->parity[partial->parity_first];
        uint32_t next = parity->next;

        hd_bits_clear(partial->received, parity->symbol);
        parity->next = pool->free_parity;
        pool->free_parity = partial->parity_first;
        partial->parity_first = next;
        partial->parity_count--;
    }
}

void hd_rx_partial_trim_parity(herald_norm_receiver *receiver, struct hd_rx_partial *partial, uint16_t symbols)
{
    release_parity(&receiver->pool, partial, symbols);
}

void hd_rx_partial_remove(herald_norm_receiver *receiver, struct hd_rx_partial *partial)
{
    struct hd_rx_pool *pool = &receiver->pool;
    struct hd_rx_object *object = &receiver->objects[partial->object];

    release_parity(pool, partial, 0);
    unlink_hash(pool, partial);
    unlink_order(pool, partial);
    if (hd_rx_object_is_stream(object))
        object->parity_blocks--;
    else
        hd_bits_clear(object->touched, partial->block);
    if (object->current == index_of(pool, partial))
        object->current = HD_RX_NONE;
    partial->hash_next = pool->free_partial;
    pool->free_partial = index_of(pool, partial);
}

void hd_rx_partial_remove_all(herald_norm_receiver *receiver, const struct hd_rx_object *object)
{
    struct hd_rx_pool *pool = &receiver->pool;
    uint64_t blocks = object->partition.blocks; /* 0 for a stream */
    uint32_t slot = hd_rx_object_index(receiver, object);
    uint32_t next;

    for (uint64_t block = hd_bits_first_set(object->touched, 0, blocks); block < blocks;
         block = hd_bits_first_set(object->touched, block + 1, blocks))
        hd_rx_partial_remove(receiver, hd_rx_partial_find(receiver, object, block));
    for (uint32_t i = pool->oldest; i != HD_RX_NONE && object->parity_blocks > 0; i = next) {
        next = pool->partials[i].order_next;
        if (pool->partials[i].object == slot)
            hd_rx_partial_remove(receiver, &pool->partials[i]);
    }
}

/* --- taken --- */

/* The newest block, of the same sender if one is near, so that senders at the limit do not take from each other. */
static struct hd_rx_partial *find_victim(const herald_norm_receiver *receiver, const struct hd_rx_object *object)
{
    const struct hd_rx_pool *pool = &receiver->pool;
    uint32_t index = pool->newest;

    for (int i = 0; i < EVICT_LOOKS && index != HD_RX_NONE; i++) {
        if (receiver->objects[pool->partials[index].object].remote == object->remote)
            return &pool->partials[index];
        index = pool->partials[index].order_prev;
    }
    return &pool->partials[pool->newest];
}

uint64_t hd_rx_partial_written_bytes(const struct hd_rx_object *object, const struct hd_rx_partial *partial)
{
    uint64_t symbols = hd_rx_block_symbols(object, partial->block);
    uint64_t written_bytes = 0;

    for (uint64_t i = hd_bits_first_set(partial->received, 0, symbols); i < symbols;
         i = hd_bits_first_set(partial->received, i + 1, symbols))
        written_bytes += hd_partition_bytes(&object->partition, partial->block, (uint16_t)i);
    return written_bytes;
}

/* What was received of a FILE or DATA block will come again. */
static void forget(herald_norm_receiver *receiver, struct hd_rx_partial *partial)
{
    struct hd_rx_object *object = &receiver->objects[partial->object];
    uint64_t block = partial->block;
    bool was_written = partial->source_count > 0; /* a stream's source symbols are kept elsewhere */

    if (was_written)
        object->received_bytes -= hd_rx_partial_written_bytes(object, partial);
    receiver->statistics.partial_blocks_forgotten++;
    hd_rx_partial_remove(receiver, partial);
    if (was_written && object->sink.block_changed)
        object->sink.block_changed(object->sink.user, block, false);
}

struct hd_rx_partial *hd_rx_partial_add(herald_norm_receiver *receiver, struct hd_rx_object *object, uint64_t block,
                                        bool may_evict)
{
    struct hd_rx_pool *pool = &receiver->pool;
    uint32_t slot = hd_rx_object_index(receiver, object);
    struct hd_rx_partial *partial;
    uint32_t *bucket;

    if (pool->free_partial == HD_RX_NONE && !may_evict)
        return NULL;
    if (pool->free_partial == HD_RX_NONE)
        forget(receiver, find_victim(receiver, object));
    partial = &pool->partials[pool->free_partial];
    pool->free_partial = partial->hash_next;
    bucket = bucket_of(pool, slot, block);
    *partial = (struct hd_rx_partial){
        .block = block,
        .object = (uint16_t)slot,
        .parity_first = HD_RX_NONE,
        .hash_next = *bucket,
        .order_next = HD_RX_NONE,
        .order_prev = pool->newest,
    };
    *bucket = index_of(pool, partial);
    *(pool->newest != HD_RX_NONE ? &pool->partials[pool->newest].order_next : &pool->oldest) = *bucket;
    pool->newest = *bucket;
    if (hd_rx_object_is_stream(object))
        object->parity_blocks++;
    else
        hd_bits_set(object->touched, block);
    return partial;
}

/* Frees parity of the newest block that has any. @return false: none is newer than this one. */
static bool steal_parity(struct hd_rx_pool *pool, const struct hd_rx_partial *partial)
{
    for (uint32_t index = pool->newest; index != index_of(pool, partial); index = pool->partials[index].order_prev) {
        if (pool->partials[index].parity_count == 0)
            continue;
        release_parity(pool, &pool->partials[index], 0);
        return true;
    }
    return false;
}

int hd_rx_partial_keep_parity(herald_norm_receiver *receiver, struct hd_rx_partial *partial, uint16_t symbol,
                              const struct hd_cursor *payload)
{
    struct hd_rx_pool *pool = &receiver->pool;
    struct hd_cursor from = *payload;
    size_t size_bytes = hd_cursor_left(payload);
    uint32_t index;

    if (pool->free_parity == HD_RX_NONE && !steal_parity(pool, partial))
        return -ENOBUFS;
    index = pool->free_parity;
    pool->free_parity = pool->parity[index].next;
    pool->parity[index] = (struct hd_rx_parity){
        .next = partial->parity_first,
        .symbol = symbol,
        .size_bytes = (uint16_t)size_bytes,
    };
    (void)hd_cursor_bytes(&from, pool->parity_bytes + (size_t)index * pool->parity_stride_bytes, size_bytes);
    partial->parity_first = index;
    partial->parity_count++;
    hd_bits_set(partial->received, symbol);
    return 0;
}
