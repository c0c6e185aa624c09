/* SPDX-License-Identifier: MIT */
#include "store_internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { SPARE_BYTES_MAX = 4 << 20 }; /* more is given back at once */

struct store_memory {
    struct hd_store common;
    struct hd_spares *spares;
    uint8_t *bytes;
    size_t room_bytes;
};

/* ---- spares ---------------------------------------------------------------------------------- */

void hd_spares_release(struct hd_spares *spares)
{
    while (spares->count > 0)
        free(spares->buffers[--spares->count].bytes);
}

/* Takes one off, whatever its place. */
static struct hd_spare take_spare(struct hd_spares *spares, size_t index)
{
    struct hd_spare spare = spares->buffers[index];

    spares->count--;
    memmove(&spares->buffers[index], &spares->buffers[index + 1], (spares->count - index) * sizeof(spare));
    return spare;
}

/* Not cleared: of a block that is read back only the symbols that came are looked at. @return whether there is any. */
static bool take_memory(struct store_memory *store, size_t size_bytes)
{
    struct hd_spares *spares = store->spares;

    for (size_t i = spares->count; i-- > 0;) {
        struct hd_spare spare;

        if (spares->buffers[i].size_bytes < size_bytes || spares->buffers[i].size_bytes / 2 > size_bytes)
            continue;
        spare = take_spare(spares, i);
        store->bytes = spare.bytes;
        store->room_bytes = spare.size_bytes;
        return true;
    }
    store->room_bytes = size_bytes > 0 ? size_bytes : 1;
    store->bytes = malloc(store->room_bytes);
    return store->bytes != NULL;
}

static void give_memory(struct store_memory *store)
{
    struct hd_spares *spares = store->spares;

    if (store->room_bytes > SPARE_BYTES_MAX) {
        free(store->bytes);
        return;
    }
    if (spares->count == sizeof(spares->buffers) / sizeof(spares->buffers[0]))
        free(take_spare(spares, 0).bytes);
    spares->buffers[spares->count++] = (struct hd_spare){ store->bytes, store->room_bytes };
}

/* ---- the store ------------------------------------------------------------------------------- */

static int memory_write(struct hd_store *store, uint64_t offset_bytes, const uint8_t *bytes, size_t size_bytes)
{
    memcpy(((struct store_memory *)store)->bytes + offset_bytes, bytes, size_bytes);
    return 0;
}

static const uint8_t *memory_read(struct hd_store *store, uint64_t offset_bytes, size_t size_bytes)
{
    (void)size_bytes;
    return ((struct store_memory *)store)->bytes + offset_bytes;
}

static void memory_complete(struct hd_store *store, uint64_t block)
{
    (void)store;
    (void)block;
}

static void memory_release(struct hd_store *store)
{
    give_memory((struct store_memory *)store);
}

static const struct hd_store_ops memory_ops = {
    .write = memory_write,
    .read = memory_read,
    .complete = memory_complete,
    .release = memory_release,
};

int hd_store_new_memory(struct hd_store **ret_store, struct hd_spares *spares, size_t max_bytes,
                        const struct hd_store_facts *facts, struct herald_error *error)
{
    uint64_t size_bytes = facts->partition.object_bytes;
    char size_text[HD_SIZE_TEXT_BYTES], max_text[HD_SIZE_TEXT_BYTES];
    struct store_memory *store;

    if (size_bytes > max_bytes)
        return herald_error_set(error, -EFBIG, "it is larger (%s) than what is accepted in memory (%s)",
                                hd_size_text(size_text, size_bytes), hd_size_text(max_text, max_bytes));
    store = calloc(1, sizeof(*store));
    if (store != NULL)
        store->spares = spares;
    if (store == NULL || !take_memory(store, (size_t)size_bytes) ||
        hd_store_init(&store->common, &memory_ops, &facts->partition) < 0) {
        if (store != NULL)
            free(store->bytes);
        free(store);
        return herald_error_set(error, -ENOMEM, "out of memory: %s are needed", hd_size_text(size_text, size_bytes));
    }
    *ret_store = &store->common;
    return 0;
}

const uint8_t *hd_store_bytes(const struct hd_store *store)
{
    return store->ops == &memory_ops ? ((const struct store_memory *)store)->bytes : NULL;
}
