/* SPDX-License-Identifier: MIT */
/* Streams of the sender: their buffers, and how writers are slowed down rather than receivers cut off. */
#include "norm_sender.h"

#include <errno.h>

/* --- buffers --- */

uint64_t hd_tx_stream_blocks(const struct herald_norm_sender_config *config, uint64_t size_bytes)
{
    uint64_t block_bytes = (uint64_t)config->block_segments * config->segment_bytes;
    uint64_t blocks = size_bytes / block_bytes + (size_bytes % block_bytes != 0);

    return blocks < 2 ? 2 : blocks;
}

int hd_tx_stream_open(struct herald_norm_sender *sender, struct hd_tx_object *object, uint32_t buffer_blocks)
{
    const struct herald_norm_sender_config *config = &sender->config;
    size_t slot;

    object->stream_slots = hd_extents_alloc(&sender->stream_slots, (uint64_t)buffer_blocks * 64);
    if (!object->stream_slots)
        return -ENOBUFS;
    slot = (size_t)(object->stream_slots - sender->stream_slots.words);
    hd_stream_tx_init(&object->stream,
                      sender->stream_memory +
                          slot * hd_stream_tx_memory_bytes(1, config->block_segments, config->segment_bytes),
                      buffer_blocks, config->block_segments, config->segment_bytes);
    return 0;
}

void hd_tx_stream_free(struct herald_norm_sender *sender, struct hd_tx_object *object)
{
    hd_extents_free(&sender->stream_slots, object->stream_slots);
    object->stream_slots = NULL;
}

/* When a block, one of those that are held, was last sent. */
static uint64_t *sent_ns(const struct hd_tx_object *object, uint64_t block)
{
    return &object->stream_slots[block % object->stream.buffer_blocks];
}

/* --- room --- */

/* How long receivers may still ask for a block that was last sent then: they notice at the end of a later block. */
static uint64_t repair_until_ns(const struct herald_norm_sender *sender, uint64_t last_sent_ns)
{
    const struct herald_norm_sender_config *config = &sender->config;
    uint64_t datagrams = (uint64_t)config->block_segments + config->proactive_parity;
    uint64_t block_bytes = datagrams * (HD_DATA_HEADER_BYTES_MAX + HD_STREAM_HEADER_BYTES + config->segment_bytes);

    return hd_tx_repair_until_ns(sender, last_sent_ns, 2 * (block_bytes * 1000000000 / sender->pacer.rate_bytes_per_s));
}

/*
 * When the oldest block may be overwritten: now or earlier, later, or (HERALD_NEVER) not before something happens. At
 * least half of the buffer is for what was sent: data that waits to be sent can as well wait at the writer.
 */
static uint64_t droppable_ns(const struct herald_norm_sender *sender, const struct hd_tx_object *object)
{
    const struct hd_stream_tx *stream = &object->stream;
    uint64_t block = stream->first_block;

    if (block >= object->next_block || (sender->run.object == object && sender->run.block == block))
        return HERALD_NEVER;
    for (int bitmap = 0; bitmap < HD_TX_BITMAPS; bitmap++)
        if (hd_tx_test(object, (enum hd_tx_bitmap)bitmap, block))
            return HERALD_NEVER;
    if (block < object->acked_block)
        return 0;
    if (stream->next_block - object->next_block > stream->buffer_blocks / 2)
        return HERALD_NEVER;
    return repair_until_ns(sender, *sent_ns(object, block));
}

static bool drop_block(struct herald_norm_sender *sender, struct hd_tx_object *object)
{
    uint64_t block = object->stream.first_block;

    if (!hd_stream_tx_drop_block(&object->stream))
        return false;
    hd_tx_repair_forget_block(sender, object, block);
    if (sender->parity.object == object && sender->parity.block == block)
        sender->parity.object = NULL;
    if (object->next_block <= block) { /* PUSH: it was never sent as a whole */
        object->next_block = block + 1;
        object->next_symbol = 0;
    }
    return true;
}

/* Makes room in a full buffer. @return false: not now. */
static bool make_room(struct herald_norm_sender *sender, struct hd_tx_object *object, bool is_push, uint64_t now_ns)
{
    if (!hd_stream_tx_is_full(&object->stream))
        return true;
    if (!is_push && droppable_ns(sender, object) > now_ns)
        return false;
    return drop_block(sender, object);
}

/* --- what was written is sent --- */

/* There may be more to send than before. */
static void resume(struct herald_norm_sender *sender, struct hd_tx_object *object, uint64_t now_ns)
{
    bool is_older = sender->sending && hd_tx_id_before(object->id, sender->sending->id);

    if (!sender->sending || is_older)
        hd_tx_choose_sending(sender);
    if (sender->sending)
        hd_tx_wake(sender, now_ns);
}

/* Appends the end mark, if there is room. */
static void try_close(struct herald_norm_sender *sender, struct hd_tx_object *object, uint64_t now_ns)
{
    if (make_room(sender, object, false, now_ns) && hd_stream_tx_close(&object->stream) == 0)
        resume(sender, object, now_ns);
}

bool hd_tx_stream_end(struct herald_norm_sender *sender, struct hd_tx_object *object, uint64_t *ret_block,
                      uint16_t *ret_symbol)
{
    struct hd_stream_tx *stream = &object->stream;

    if (hd_stream_tx_flush(stream))
        hd_tx_choose_sending(sender);
    if (stream->next_block == 0 && stream->next_symbol == 0)
        return false;
    *ret_block = stream->next_symbol > 0 ? stream->next_block : stream->next_block - 1;
    *ret_symbol = (uint16_t)((stream->next_symbol > 0 ? stream->next_symbol : stream->block_symbols) - 1);
    return true;
}

void hd_tx_stream_sent(struct hd_tx_object *object, uint64_t block, uint64_t now_ns)
{
    if (block < object->stream.first_block)
        return;
    *sent_ns(object, block) = now_ns;
}

static uint64_t earlier(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static bool is_closing(const struct hd_tx_object *object)
{
    return object->kind == HERALD_NORM_STREAM && object->is_closing && !object->stream.is_closed;
}

bool hd_tx_stream_is_any_closing(const struct herald_norm_sender *sender)
{
    const struct hd_tx_object *object = sender->oldest;

    while (object && !is_closing(object))
        object = object->newer;
    return object != NULL;
}

void hd_tx_stream_check(struct herald_norm_sender *sender, uint64_t now_ns)
{
    sender->write_ns = HERALD_NEVER;
    for (struct hd_tx_object *object = sender->oldest; object; object = object->newer) {
        uint64_t ready_ns;

        if (object->kind != HERALD_NORM_STREAM || !(object->is_write_blocked || is_closing(object)))
            continue;
        ready_ns = hd_stream_tx_is_full(&object->stream) ? droppable_ns(sender, object) : now_ns;
        if (ready_ns > now_ns) {
            if (ready_ns == HERALD_NEVER) /* it is being sent or repaired: look again in a while */
                ready_ns = repair_until_ns(sender, now_ns);
            sender->write_ns = earlier(sender->write_ns, ready_ns);
        } else if (is_closing(object)) {
            try_close(sender, object, now_ns);
        } else if (hd_events_room(&sender->events) > HD_TX_EVENTS_SPARE) {
            object->is_write_blocked = false;
            hd_tx_event(sender, HERALD_NORM_SENDER_STREAM_WRITABLE, object->id);
        } else { /* the application has a lot to read first */
            sender->write_ns = earlier(sender->write_ns, now_ns + sender->grtt_ns);
        }
    }
}

/* --- the application's calls --- */

static int find_stream(const struct herald_norm_sender *sender, uint16_t object_id, struct hd_tx_object **ret_object)
{
    struct hd_tx_object *object = hd_tx_object_find(sender, object_id);

    if (!object)
        return -ENOENT;
    if (object->kind != HERALD_NORM_STREAM)
        return -EINVAL;
    *ret_object = object;
    return 0;
}

int64_t herald_norm_sender_stream_write(herald_norm_sender *sender, uint16_t object_id, const uint8_t *bytes,
                                        size_t size_bytes, unsigned flags, uint64_t now_ns)
{
    bool is_start = (flags & HERALD_NORM_STREAM_MESSAGE_START) != 0;
    bool is_push = (flags & HERALD_NORM_STREAM_PUSH) != 0;
    struct hd_tx_object *object;
    size_t taken_bytes = 0;
    int r = find_stream(sender, object_id, &object);

    if (r < 0)
        return r;
    if (object->is_closing || sender->life >= HD_TX_EOT)
        return -ESHUTDOWN;
    while (taken_bytes < size_bytes && make_room(sender, object, is_push, now_ns))
        taken_bytes += hd_stream_tx_write(&object->stream, bytes + taken_bytes, size_bytes - taken_bytes,
                                          is_start && taken_bytes == 0);
    if (taken_bytes == size_bytes) {
        if (flags & HERALD_NORM_STREAM_FLUSH)
            hd_stream_tx_flush(&object->stream);
    } else { /* the rest will follow: no reason to send a segment that is not full */
        object->is_write_blocked = true;
        hd_tx_stream_check(sender, now_ns);
    }
    resume(sender, object, now_ns);
    return (int64_t)taken_bytes;
}

static void close_stream(struct herald_norm_sender *sender, struct hd_tx_object *object, uint64_t now_ns)
{
    if (object->is_closing)
        return;
    object->is_closing = true;
    object->is_write_blocked = false; /* there will be room, but not for writers */
    hd_stream_tx_flush(&object->stream);
    try_close(sender, object, now_ns);
    resume(sender, object, now_ns);
    if (!object->stream.is_closed)
        hd_tx_stream_check(sender, now_ns);
}

int herald_norm_sender_stream_close(herald_norm_sender *sender, uint16_t object_id, uint64_t now_ns)
{
    struct hd_tx_object *object;
    int r = find_stream(sender, object_id, &object);

    if (r == 0)
        close_stream(sender, object, now_ns);
    return r;
}

void hd_tx_stream_close_all(struct herald_norm_sender *sender, uint64_t now_ns)
{
    for (struct hd_tx_object *object = sender->oldest; object; object = object->newer)
        if (object->kind == HERALD_NORM_STREAM)
            close_stream(sender, object, now_ns);
}
