/* SPDX-License-Identifier: MIT */
/*
 * For /dev/null: nothing is kept, so bytes may come in any order, but nothing can be read back either. The digest is
 * computed all the same. What is lost is asked for itself, since without the rest of its block it cannot be recovered.
 */
#include "store_internal.h"

#include <errno.h>
#include <stdlib.h>

static int discard_write(struct hd_store *store, uint64_t offset_bytes, const uint8_t *bytes, size_t size_bytes)
{
    (void)store;
    (void)offset_bytes;
    (void)bytes;
    (void)size_bytes;
    return 0;
}

static void discard_complete(struct hd_store *store, uint64_t block)
{
    (void)store;
    (void)block;
}

static void discard_release(struct hd_store *store)
{
    (void)store;
}

static const struct hd_store_ops discard_ops = {
    .write = discard_write,
    .complete = discard_complete,
    .release = discard_release,
};

int hd_store_new_discard(struct hd_store **ret_store, const struct hd_store_facts *facts, struct herald_error *error)
{
    struct hd_store *store = calloc(1, sizeof(*store));

    if (store == NULL || hd_store_init(store, &discard_ops, &facts->partition) < 0) {
        free(store);
        return herald_error_set(error, -ENOMEM, "out of memory");
    }
    *ret_store = store;
    return 0;
}
