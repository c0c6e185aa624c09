/* SPDX-License-Identifier: MIT */
/* The sender's queue of objects: in, out, and found by id. */
#include "norm_sender.h"

#include <errno.h>
#include <string.h>

/* Of an INFO, after its first time: enough for one in 3 million of the receivers to miss it at 5% loss. */
enum { INFO_REPEATS_MAX = 4 };

/* What a receiver may lose in a row before a packet comes that tells it of the loss. */
enum { LOST_DATAGRAMS = 16 };

/* What was acknowledged so long ago says nothing of ids that come round again. */
enum { ACKED_IDS_MAX = 16384 };

/* --- states --- */

void hd_tx_object_set_state(struct hd_tx_object *object, enum hd_tx_object_state state)
{
    static const bool is_legal[][4] = {
        [HD_TX_FREE] = { [HD_TX_QUEUED] = true },
        [HD_TX_QUEUED] = { [HD_TX_SENDING] = true, [HD_TX_FREE] = true },
        [HD_TX_SENDING] = { [HD_TX_SENT] = true, [HD_TX_FREE] = true },
        [HD_TX_SENT] = { [HD_TX_FREE] = true },
    };

    assert(is_legal[object->state][state]);
    object->state = state;
}

/* --- places --- */

struct hd_position hd_tx_position(const struct herald_norm_sender *sender, const struct hd_tx_object *object,
                                  uint64_t block, uint16_t symbol)
{
    bool is_small_block = sender->config.fec_id == HD_FEC_SMALL_BLOCK;
    struct hd_position position = { .fec_id = sender->config.fec_id, .object_id = object->id };

    if (object->is_partition_empty) {
        /* As deployed: an object without bytes has its place behind everything, all ones. */
        position.id.block = hd_wrap_wire(UINT64_MAX, sender->block_bits);
        position.id.symbol = is_small_block ? UINT16_MAX : UINT8_MAX;
        return position;
    }
    position.id.block = hd_wrap_wire(block, sender->block_bits);
    position.id.symbol = symbol;
    position.id.block_symbols = is_small_block ? hd_tx_block_symbols(object, block) : 0;
    return position;
}

bool hd_tx_object_end(const struct hd_tx_object *object, uint64_t *ret_block, uint16_t *ret_symbol)
{
    bool is_stream = object->kind == HERALD_NORM_STREAM;
    uint64_t blocks = is_stream ? hd_tx_sent_blocks(object) : object->partition.blocks;

    if (blocks == 0 && !object->is_partition_empty)
        return false;
    *ret_block = blocks > 0 ? blocks - 1 : 0;
    *ret_symbol = 0;
    if (is_stream)
        *ret_symbol = (uint16_t)(hd_tx_sent_symbols(object, *ret_block) - 1);
    else if (!object->is_partition_empty)
        *ret_symbol = (uint16_t)(hd_tx_block_symbols(object, *ret_block) - 1);
    return true;
}

/* --- found by id --- */

static struct hd_tx_object **bucket_of(const struct herald_norm_sender *sender, uint16_t object_id)
{
    return &sender->buckets[object_id & sender->bucket_mask];
}

struct hd_tx_object *hd_tx_object_find(const struct herald_norm_sender *sender, uint16_t object_id)
{
    struct hd_tx_object *object = *bucket_of(sender, object_id);

    while (object && object->id != object_id)
        object = object->hash_next;
    return object;
}

static void link_object(struct herald_norm_sender *sender, struct hd_tx_object *object)
{
    struct hd_tx_object **bucket = bucket_of(sender, object->id);

    object->hash_next = *bucket;
    *bucket = object;
    object->older = sender->newest;
    object->newer = NULL;
    if (sender->newest)
        sender->newest->newer = object;
    else
        sender->oldest = object;
    sender->newest = object;
    sender->objects_count++;
}

static void unlink_object(struct herald_norm_sender *sender, struct hd_tx_object *object)
{
    struct hd_tx_object **link = bucket_of(sender, object->id);

    while (*link != object)
        link = &(*link)->hash_next;
    *link = object->hash_next;
    if (object->older)
        object->older->newer = object->newer;
    else
        sender->oldest = object->newer;
    if (object->newer)
        object->newer->older = object->older;
    else
        sender->newest = object->older;
    sender->objects_count--;
}

/* --- out --- */

/* Nobody else may know the object from here on. */
static void forget_pointers(struct herald_norm_sender *sender, struct hd_tx_object *object)
{
    if (sender->view.object == object)
        sender->view.object = NULL;
    if (sender->parity.object == object)
        sender->parity.object = NULL;
    if (sender->run.object == object)
        sender->run.object = NULL;
    if (sender->repair_from == object)
        sender->repair_from = object->newer;
    if (sender->unsent == object)
        sender->unsent = object->newer;
    if (sender->sending == object)
        sender->sending = NULL;
}

/* Removes it from everywhere. */
static void release(struct herald_norm_sender *sender, struct hd_tx_object *object, uint64_t now_ns)
{
    uint16_t info_room_index = (uint16_t)(object - sender->objects);
    bool was_sending = sender->sending == object;

    hd_tx_mark_release(sender, object, now_ns);
    hd_tx_repair_forget(sender, object);
    forget_pointers(sender, object);
    unlink_object(sender, object);
    if (object->kind == HERALD_NORM_STREAM)
        hd_tx_stream_free(sender, object);
    sender->blocks_used -= object->bitmap_blocks;
    if (object->bitmaps != object->inline_words)
        hd_extents_free(&sender->bitmaps, object->bitmaps);
    hd_tx_object_set_state(object, HD_TX_FREE);
    memset(object, 0, sizeof(*object));
    object->info = sender->infos + (size_t)info_room_index * sender->config.info_bytes_max;
    object->newer = sender->free_objects;
    sender->free_objects = object;
    if (was_sending)
        hd_tx_choose_sending(sender);
}

void hd_tx_object_fail(struct herald_norm_sender *sender, struct hd_tx_object *object, uint64_t now_ns)
{
    uint16_t object_id = object->id;

    release(sender, object, now_ns);
    hd_tx_event(sender, HERALD_NORM_SENDER_FAILED, object_id);
    /* Receivers that have part of it would wait for the rest. */
    hd_tx_squelch_want(sender, object_id, sender->oldest && hd_tx_id_before(sender->oldest->id, object_id), now_ns);
}

int herald_norm_sender_release(herald_norm_sender *sender, uint16_t object_id, uint64_t now_ns)
{
    struct hd_tx_object *object = hd_tx_object_find(sender, object_id);

    if (!object)
        return -ENOENT;
    release(sender, object, now_ns);
    return 0;
}

/*
 * When it may be forgotten to make room: receivers had the time to ask; HERALD_NEVER: not before something happens. So
 * what passes through the queue in that time has to fit into it, or the queue is what limits the rate.
 */
static uint64_t done_ns(const struct herald_norm_sender *sender, const struct hd_tx_object *object)
{
    uint64_t lost_bytes;

    if (object->state != HD_TX_SENT || object->has_gathered || object->has_pending || sender->run.object == object ||
        hd_tx_mark_needs(sender, object->id))
        return HERALD_NEVER;
    if (sender->has_acked && !hd_tx_id_before(sender->acked_id, object->id))
        return object->last_sent_ns; /* all that were asked have it */
    lost_bytes = LOST_DATAGRAMS * ((uint64_t)HD_DATA_HEADER_BYTES_MAX + sender->config.segment_bytes);
    return hd_tx_repair_until_ns(sender, object->last_sent_ns,
                                 lost_bytes * 1000000000 / sender->pacer.rate_bytes_per_s);
}

static struct hd_tx_object *oldest_to_forget(const struct herald_norm_sender *sender)
{
    struct hd_tx_object *object = sender->oldest;

    while (object && object->kind == HERALD_NORM_STREAM && object->state == HD_TX_SENDING)
        object = object->newer;
    return object;
}

/*
 * Forgets the oldest object, if it may be; streams that are open are passed over. Never one behind it: what is kept
 * would spread over more ids than receivers with room for as many objects keep.
 *
 * @return whether there was one
 */
static bool evict(struct herald_norm_sender *sender, uint64_t now_ns)
{
    struct hd_tx_object *object;
    uint16_t object_id;

    if (hd_events_room(&sender->events) < HD_TX_EVENTS_SPARE)
        return false; /* the application has events to read: they tell of room */
    object = oldest_to_forget(sender);
    if (!object || done_ns(sender, object) > now_ns)
        return false;
    object_id = object->id;
    release(sender, object, now_ns);
    hd_tx_event(sender, HERALD_NORM_SENDER_RELEASED, object_id);
    sender->is_room_wanted = false;
    return true;
}

/* When that will be, as far as one can tell now. */
static uint64_t next_room_ns(const struct herald_norm_sender *sender, uint64_t now_ns)
{
    const struct hd_tx_object *object = oldest_to_forget(sender);
    uint64_t next_ns = object ? done_ns(sender, object) : HERALD_NEVER;

    if (next_ns == HERALD_NEVER) /* they wait for repair or acknowledgements, whose end nobody tells: look again */
        next_ns = hd_tx_repair_until_ns(sender, now_ns, 0);
    return next_ns > now_ns ? next_ns : now_ns + sender->grtt_ns;
}

void hd_tx_make_room(struct herald_norm_sender *sender, uint64_t now_ns)
{
    sender->room_ns = HERALD_NEVER;
    if (sender->is_room_wanted && !evict(sender, now_ns))
        sender->room_ns = next_room_ns(sender, now_ns);
}

void hd_tx_room_on_sent(struct herald_norm_sender *sender, const struct hd_tx_object *object)
{
    if (sender->is_room_wanted && object == oldest_to_forget(sender))
        sender->room_ns = done_ns(sender, object);
}

void hd_tx_room_on_acked(struct herald_norm_sender *sender, uint16_t object_id, uint64_t now_ns)
{
    sender->has_acked = true;
    sender->acked_id = object_id;
    if (!sender->is_room_wanted)
        return;
    sender->room_ns = now_ns;
    hd_tx_wake(sender, now_ns);
}

void hd_tx_room_on_grtt(struct herald_norm_sender *sender, uint64_t now_ns)
{
    if (sender->is_room_wanted)
        sender->room_ns = next_room_ns(sender, now_ns);
}

/* --- in --- */

static int check_object(const struct herald_norm_sender *sender, const struct herald_norm_object *object)
{
    if (object->info_bytes > 0 && !object->info)
        return -EINVAL;
    if (object->info_bytes > sender->config.info_bytes_max)
        return -EFBIG;
    if (object->kind == HERALD_NORM_STREAM)
        return object->size_bytes > HD_OBJECT_BYTES_MAX ? -EFBIG : 0;
    if (object->kind != HERALD_NORM_FILE && object->kind != HERALD_NORM_DATA)
        return -EINVAL;
    if (object->size_bytes > HD_OBJECT_BYTES_MAX)
        return -EFBIG;
    if (object->size_bytes == 0 ? !object->info : !object->bytes && !object->source.read_at)
        return -EINVAL; /* nothing to send, or nothing to send it from */
    return 0;
}

/* How many blocks the queue has to remember for it. @return 0; -EFBIG */
static int count_blocks(const struct herald_norm_sender *sender, const struct herald_norm_object *object,
                        struct hd_partition *partition, uint64_t *ret_blocks)
{
    const struct herald_norm_sender_config *config = &sender->config;
    bool is_stream = object->kind == HERALD_NORM_STREAM;
    uint64_t blocks;
    int r = hd_partition_init(partition, is_stream ? 0 : object->size_bytes, config->segment_bytes,
                              config->block_segments);

    if (r < 0)
        return r;
    blocks = is_stream ? hd_tx_stream_blocks(config, object->size_bytes) : partition->blocks;
    if (blocks > config->blocks_per_queue || blocks > UINT64_C(1) << sender->block_bits ||
        (is_stream && blocks > config->stream_blocks_max))
        return -EFBIG;
    *ret_blocks = blocks;
    return 0;
}

/* Memory for `blocks` blocks. @return 0; -ENOBUFS */
static int take_memory(struct herald_norm_sender *sender, struct hd_tx_object *object, uint64_t blocks)
{
    if (sender->blocks_used + blocks > sender->config.blocks_per_queue)
        return -ENOBUFS;
    object->bitmap_blocks = blocks;
    object->bitmap_words = hd_bits_words(blocks);
    object->bitmaps = object->inline_words;
    if (blocks > HD_TX_INLINE_BLOCKS) {
        object->bitmaps = hd_extents_alloc(&sender->bitmaps, HD_TX_BITMAPS * object->bitmap_words * 64);
        if (!object->bitmaps)
            return -ENOBUFS;
    }
    if (object->kind == HERALD_NORM_STREAM && hd_tx_stream_open(sender, object, (uint32_t)blocks) < 0) {
        if (object->bitmaps != object->inline_words)
            hd_extents_free(&sender->bitmaps, object->bitmaps);
        return -ENOBUFS;
    }
    sender->blocks_used += blocks;
    return 0;
}

/* @return a slot with memory for the object; NULL: there is no room now. */
static struct hd_tx_object *take_slot(struct herald_norm_sender *sender, enum herald_norm_kind kind, uint64_t blocks,
                                      uint64_t now_ns)
{
    for (;;) {
        struct hd_tx_object *slot = sender->free_objects;
        bool has_id = !sender->oldest || (uint16_t)(sender->next_id - sender->oldest->id) < INT16_MAX;

        if (slot && has_id) {
            slot->kind = kind;
            if (take_memory(sender, slot, blocks) == 0) {
                sender->free_objects = slot->newer;
                return slot;
            }
        }
        if (!evict(sender, now_ns)) {
            sender->is_room_wanted = true;
            sender->room_ns = next_room_ns(sender, now_ns);
            return NULL;
        }
    }
}

static uint8_t object_flags(const struct herald_norm_object *object)
{
    unsigned flags = object->info ? HD_FLAG_INFO : 0;

    if (object->kind == HERALD_NORM_FILE)
        flags |= HD_FLAG_FILE;
    else if (object->kind == HERALD_NORM_STREAM)
        flags |= HD_FLAG_STREAM;
    return (uint8_t)flags;
}

int herald_norm_sender_enqueue(herald_norm_sender *sender, const struct herald_norm_object *object, uint64_t now_ns,
                               uint16_t *ret_object_id)
{
    struct hd_partition partition;
    struct hd_tx_object *slot;
    uint64_t blocks;
    int r;

    if (sender->life != HD_TX_OPEN)
        return -ESHUTDOWN;
    if ((r = check_object(sender, object)) < 0 || (r = count_blocks(sender, object, &partition, &blocks)) < 0)
        return r;
    slot = take_slot(sender, object->kind, blocks, now_ns);
    if (!slot)
        return -ENOBUFS;
    hd_tx_object_set_state(slot, HD_TX_QUEUED);
    slot->id = sender->next_id++;
    if ((uint16_t)(slot->id - sender->acked_id) >= ACKED_IDS_MAX)
        sender->has_acked = false;
    slot->flags = object_flags(object);
    slot->partition = partition;
    slot->is_partition_empty = object->kind != HERALD_NORM_STREAM && object->size_bytes == 0;
    slot->bytes = object->bytes;
    slot->source = object->source;
    slot->has_info = object->info != NULL;
    slot->info_bytes = object->info ? object->info_bytes : 0;
    if (slot->info_bytes > 0)
        memcpy(slot->info, object->info, slot->info_bytes);
    if (slot->has_info)
        slot->info_left = (uint8_t)(1 + (sender->config.proactive_parity < INFO_REPEATS_MAX
                                             ? sender->config.proactive_parity
                                             : INFO_REPEATS_MAX));
    slot->first_repair = HD_TX_NO_INDEX;
    slot->last_sent_ns = now_ns;
    link_object(sender, slot);
    if (!sender->unsent)
        sender->unsent = slot;
    if (!sender->sending)
        hd_tx_choose_sending(sender);
    if (sender->sending)
        hd_tx_wake(sender, now_ns);
    *ret_object_id = slot->id;
    return 0;
}

/* --- what is next --- */

static bool has_new(const struct hd_tx_object *object)
{
    if (object->state != HD_TX_QUEUED && object->state != HD_TX_SENDING)
        return false;
    if (object->kind != HERALD_NORM_STREAM || (object->has_info && !object->is_info_sent))
        return true;
    return object->next_symbol >= object->stream.block_symbols ||
           hd_stream_tx_has(&object->stream, object->next_block, object->next_symbol);
}

void hd_tx_choose_sending(struct herald_norm_sender *sender)
{
    struct hd_tx_object *object;

    while (sender->unsent && sender->unsent->state > HD_TX_SENDING)
        sender->unsent = sender->unsent->newer;
    object = sender->unsent;
    while (object && !has_new(object))
        object = object->newer;
    sender->sending = object;
}
