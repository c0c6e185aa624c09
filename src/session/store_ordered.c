/* SPDX-License-Identifier: MIT */
/*
 * To a descriptor, in order. Blocks inside the window, which begins with the block that leaves next, each have a slot;
 * it gets a buffer only when something of it must be kept: because what is before it is not here, because the reader
 * is slow, or because the block is not complete, so that the transport may have to read it back to recover the rest.
 * What comes in order and fills its block is written from where it was received.
 */
#include "store_internal.h"

#include "bits.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum {
    PIECES = 64, /* at least a run of datagrams */
    SYMBOL_WORDS = 4,
    SYMBOLS_MAX = SYMBOL_WORDS * 64,
};

/* A segment as write() was given it. */
struct piece {
    const uint8_t *bytes;
    size_t size_bytes;
    uint64_t offset_bytes;
    uint64_t block;
};

/* A free buffer holds the address of the next. */
struct free_buffer {
    struct free_buffer *next;
};

struct slot {
    uint8_t *buffer;             /* NULL: nothing of the block is kept */
    uint64_t kept[SYMBOL_WORDS]; /* segments that are in the buffer */
};

/*
 * Invariant: everything before out_bytes has left, and out_block is the block that out_bytes is in, or the one before
 * it, as long as that is not complete.
 */
struct store_ordered {
    struct hd_store common;
    int fd;
    enum hd_output_kind kind;
    uint64_t out_bytes;
    uint64_t out_block;
    size_t piece_count;
    uint64_t slot_count;
    struct slot *slots; /* of block b: b % slot_count */
    size_t buffer_bytes;
    struct free_buffer *free_buffers; /* the one that was used last is taken first: it is in the processor's cache */
    struct piece pieces[PIECES];
};

static struct store_ordered *ordered_of(struct hd_store *store)
{
    return (struct store_ordered *)store;
}

static struct slot *slot_of(const struct store_ordered *ordered, uint64_t block)
{
    return &ordered->slots[block % ordered->slot_count];
}

static bool is_complete(const struct store_ordered *ordered, uint64_t block)
{
    return hd_bits_test(ordered->common.complete, block);
}

/* ---- buffers --------------------------------------------------------------------------------- */

static int need_buffer(struct store_ordered *ordered, struct slot *slot)
{
    if (slot->buffer != NULL)
        return 0;
    if (ordered->free_buffers != NULL) {
        slot->buffer = (uint8_t *)ordered->free_buffers;
        ordered->free_buffers = ordered->free_buffers->next;
    } else {
        /* Cleared, for what of a block was never written is handed out by read(), too. */
        slot->buffer = calloc(1, ordered->buffer_bytes);
        if (slot->buffer == NULL)
            return hd_store_fail(&ordered->common, -ENOMEM, "out of memory");
    }
    memset(slot->kept, 0, sizeof(slot->kept));
    return 0;
}

static void drop_buffer(struct store_ordered *ordered, struct slot *slot)
{
    struct free_buffer *buffer = (struct free_buffer *)(void *)slot->buffer;

    if (buffer == NULL)
        return;
    buffer->next = ordered->free_buffers;
    ordered->free_buffers = buffer;
    slot->buffer = NULL;
}

static int keep_piece(struct store_ordered *ordered, const struct piece *piece)
{
    const struct hd_partition *partition = &ordered->common.digest.partition;
    uint64_t begin_bytes = hd_partition_block_offset(partition, piece->block);
    struct slot *slot = slot_of(ordered, piece->block);
    int r = need_buffer(ordered, slot);

    if (r < 0)
        return r;
    memcpy(slot->buffer + (piece->offset_bytes - begin_bytes), piece->bytes, piece->size_bytes);
    hd_bits_set(slot->kept, (piece->offset_bytes - begin_bytes) / partition->segment_bytes);
    return 0;
}

/* ---- leaving --------------------------------------------------------------------------------- */

/* Moves past blocks all of which has left. */
static void advance_block(struct store_ordered *ordered)
{
    const struct hd_partition *partition = &ordered->common.digest.partition;

    while (ordered->out_block < partition->blocks && is_complete(ordered, ordered->out_block) &&
           ordered->out_bytes >= hd_partition_block_offset(partition, ordered->out_block) +
                                     hd_partition_block_bytes(partition, ordered->out_block)) {
        drop_buffer(ordered, slot_of(ordered, ordered->out_block));
        ordered->out_block++;
    }
}

/* The piece that begins at an offset. Most follow the one before: `from` is where to begin to look. */
static const struct piece *find_piece(const struct store_ordered *ordered, uint64_t offset_bytes, size_t *from)
{
    for (size_t i = 0; i < ordered->piece_count; i++) {
        size_t at = *from + i < ordered->piece_count ? *from + i : *from + i - ordered->piece_count;

        if (ordered->pieces[at].offset_bytes == offset_bytes) {
            *from = at + 1;
            return &ordered->pieces[at];
        }
    }
    return NULL;
}

/* Adds bytes to what is to be written, to the piece before if they follow it in memory. */
static size_t add(struct iovec *pieces, size_t count, const uint8_t *bytes, size_t size_bytes)
{
    if (count > 0 && (const uint8_t *)pieces[count - 1].iov_base + pieces[count - 1].iov_len == bytes) {
        pieces[count - 1].iov_len += size_bytes;
        return count;
    }
    pieces[count] = (struct iovec){ .iov_base = (void *)(uintptr_t)bytes, .iov_len = size_bytes };
    return count + 1;
}

/* What can leave next, without a gap. @return the number of pieces */
static size_t gather(const struct store_ordered *ordered, struct iovec *ret_pieces)
{
    const struct hd_partition *partition = &ordered->common.digest.partition;
    uint64_t at_bytes = ordered->out_bytes;
    size_t count = 0, from = 0;

    for (uint64_t block = ordered->out_block; block < partition->blocks; block++) {
        uint64_t begin_bytes = hd_partition_block_offset(partition, block);
        uint64_t end_bytes = begin_bytes + hd_partition_block_bytes(partition, block);
        const struct slot *slot = slot_of(ordered, block);

        while (at_bytes < end_bytes && count < PIECES) {
            uint64_t symbol = (at_bytes - begin_bytes) / partition->segment_bytes;
            uint64_t segment_bytes = begin_bytes + symbol * partition->segment_bytes;
            uint16_t size_bytes = hd_partition_bytes(partition, block, (uint16_t)symbol);
            size_t skipped_bytes = (size_t)(at_bytes - segment_bytes);
            const struct piece *piece;

            if (slot->buffer != NULL && hd_bits_test(slot->kept, symbol))
                count = add(ret_pieces, count, slot->buffer + (at_bytes - begin_bytes), size_bytes - skipped_bytes);
            else if ((piece = find_piece(ordered, segment_bytes, &from)) != NULL)
                count = add(ret_pieces, count, piece->bytes + skipped_bytes, size_bytes - skipped_bytes);
            else
                return count;
            at_bytes = segment_bytes + size_bytes;
        }
        /* Behind the window nothing is kept, and the slot is another block's. */
        if (count == PIECES || !is_complete(ordered, block) || block + 1 - ordered->out_block >= ordered->slot_count)
            break;
    }
    return count;
}

static int fail_output(struct store_ordered *ordered, int code)
{
    if (code == -EPIPE || code == -ECONNRESET)
        return hd_store_fail(&ordered->common, code, "cannot write the output: its reader is gone");
    if (code == -ENOSPC)
        return hd_store_fail(&ordered->common, code, "cannot write the output: disk full");
    if (code == -EFBIG)
        return hd_store_fail(&ordered->common, code, "cannot write the output: it exceeds the limit of a file's size");
    return hd_store_fail(&ordered->common, code, "cannot write the output: %s", strerror(-code));
}

/* Writes what can be written now. @return 0; -errno */
static int drain(struct store_ordered *ordered)
{
    struct iovec pieces[PIECES];
    size_t count;

    while ((count = gather(ordered, pieces)) > 0) {
        size_t wanted_bytes = 0;
        int64_t n;

        for (size_t i = 0; i < count; i++)
            wanted_bytes += pieces[i].iov_len;
        n = hd_output_write(ordered->fd, &ordered->kind, pieces, count);
        if (n < 0)
            return fail_output(ordered, (int)n);
        ordered->out_bytes += (uint64_t)n;
        advance_block(ordered);
        /* Of the others, none or an error tells. */
        if (n == 0 ||
            ((size_t)n < wanted_bytes && (ordered->kind == HD_OUTPUT_PIPE || ordered->kind == HD_OUTPUT_SOCKET)))
            break;
    }
    advance_block(ordered);
    return 0;
}

/* Writes what can leave, and copies what must be kept. Afterwards nothing refers to what write() was given. */
static int push(struct store_ordered *ordered)
{
    int r = drain(ordered);

    for (size_t i = 0; r == 0 && i < ordered->piece_count; i++) {
        const struct piece *piece = &ordered->pieces[i];

        if (piece->block < ordered->out_block)
            continue;
        if (!is_complete(ordered, piece->block) || piece->offset_bytes + piece->size_bytes > ordered->out_bytes)
            r = keep_piece(ordered, piece);
    }
    ordered->piece_count = 0;
    return r;
}

/* ---- for the common part --------------------------------------------------------------------- */

static int ordered_write(struct hd_store *store, uint64_t offset_bytes, const uint8_t *bytes, size_t size_bytes)
{
    struct store_ordered *ordered = ordered_of(store);
    int r;

    /* The window only moves forward, and not by what is refused: of the segments that are recovered together, all are
       taken or none, so that none waits in memory that is used again (see hd_store_as_sink()). */
    if (store->block - ordered->out_block >= ordered->slot_count)
        return -EAGAIN;
    if (ordered->piece_count == PIECES && (r = push(ordered)) < 0)
        return r;
    ordered->pieces[ordered->piece_count++] =
        (struct piece){ .bytes = bytes, .size_bytes = size_bytes, .offset_bytes = offset_bytes, .block = store->block };
    return 0;
}

/* Writes nothing: what has not left stays readable until then. */
static const uint8_t *ordered_read(struct hd_store *store, uint64_t offset_bytes, size_t size_bytes)
{
    struct store_ordered *ordered = ordered_of(store);
    const struct hd_partition *partition = &store->digest.partition;
    uint64_t block, begin_bytes;
    uint16_t symbol;
    size_t left = 0;

    if (offset_bytes >= partition->object_bytes)
        return NULL;
    hd_partition_locate(partition, offset_bytes / partition->segment_bytes, &block, &symbol);
    begin_bytes = hd_partition_block_offset(partition, block);
    if (block < ordered->out_block || block - ordered->out_block >= ordered->slot_count ||
        offset_bytes + size_bytes > begin_bytes + hd_partition_block_bytes(partition, block))
        return NULL;
    if (need_buffer(ordered, slot_of(ordered, block)) < 0)
        return NULL;
    for (size_t i = 0; i < ordered->piece_count; i++) {
        if (ordered->pieces[i].block != block)
            ordered->pieces[left++] = ordered->pieces[i];
        else if (keep_piece(ordered, &ordered->pieces[i]) < 0)
            return NULL;
    }
    ordered->piece_count = left;
    return slot_of(ordered, block)->buffer + (offset_bytes - begin_bytes);
}

static void ordered_complete(struct hd_store *store, uint64_t block)
{
    (void)block;
    (void)push(ordered_of(store));
}

/* What has left has left: it is not written a second time when it comes again. */
static void ordered_reset(struct hd_store *store, uint64_t block)
{
    struct store_ordered *ordered = ordered_of(store);
    size_t left = 0;

    for (size_t i = 0; i < ordered->piece_count; i++)
        if (ordered->pieces[i].block != block)
            ordered->pieces[left++] = ordered->pieces[i];
    ordered->piece_count = left;
    if (block >= ordered->out_block && block - ordered->out_block < ordered->slot_count)
        drop_buffer(ordered, slot_of(ordered, block));
}

static int ordered_flush(struct hd_store *store)
{
    return push(ordered_of(store));
}

static bool ordered_is_drained(const struct hd_store *store)
{
    const struct store_ordered *ordered = (const struct store_ordered *)store;

    return ordered->out_block == store->digest.partition.blocks;
}

static bool ordered_has_left(const struct hd_store *store)
{
    return ((const struct store_ordered *)store)->out_bytes > 0;
}

static void ordered_release(struct hd_store *store)
{
    struct store_ordered *ordered = ordered_of(store);

    for (uint64_t i = 0; i < ordered->slot_count; i++)
        free(ordered->slots[i].buffer);
    while (ordered->free_buffers != NULL) {
        struct free_buffer *next = ordered->free_buffers->next;

        free(ordered->free_buffers);
        ordered->free_buffers = next;
    }
    free(ordered->slots);
}

static const struct hd_store_ops ordered_ops = {
    .write = ordered_write,
    .read = ordered_read,
    .complete = ordered_complete,
    .reset = ordered_reset,
    .flush = ordered_flush,
    .is_drained = ordered_is_drained,
    .has_left = ordered_has_left,
    .release = ordered_release,
};

/* ---- opening --------------------------------------------------------------------------------- */

static uint64_t slots_for(const struct hd_partition *partition, size_t window_bytes, size_t buffer_bytes)
{
    uint64_t count = window_bytes / buffer_bytes;

    if (count > partition->blocks)
        count = partition->blocks;
    return count > 0 ? count : 1;
}

int hd_store_new_descriptor(struct hd_store **ret_store, int fd, size_t window_bytes,
                            const struct hd_store_facts *facts, struct herald_error *error)
{
    const struct hd_partition *partition = &facts->partition;
    struct store_ordered *ordered;
    enum hd_output_kind kind;
    int r;

    if ((r = hd_output_examine(fd, &kind)) < 0)
        return herald_error_set(error, r, "cannot write to descriptor %d: %s", fd, strerror(-r));
    if (kind == HD_OUTPUT_NULL)
        return hd_store_new_discard(ret_store, facts, error);
    if (partition->large_symbols > SYMBOLS_MAX)
        return herald_error_set(error, -EINVAL, "a block of %u segments is not possible", partition->large_symbols);
    if ((ordered = calloc(1, sizeof(*ordered))) == NULL)
        return herald_error_set(error, -ENOMEM, "out of memory");
    ordered->fd = fd;
    ordered->kind = kind;
    ordered->buffer_bytes = (size_t)partition->large_symbols * partition->segment_bytes;
    if (ordered->buffer_bytes < sizeof(struct free_buffer))
        ordered->buffer_bytes = sizeof(struct free_buffer);
    ordered->slot_count = slots_for(partition, window_bytes, ordered->buffer_bytes);
    ordered->slots = calloc(ordered->slot_count, sizeof(*ordered->slots));
    if (ordered->slots == NULL || hd_store_init(&ordered->common, &ordered_ops, partition) < 0) {
        free(ordered->slots);
        free(ordered);
        return herald_error_set(error, -ENOMEM, "out of memory");
    }
    *ret_store = &ordered->common;
    return 0;
}
