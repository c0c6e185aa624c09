/* SPDX-License-Identifier: MIT */
/*
 * Objects: opened by the first INFO or DATA that says how large they are, offered to the application, completed or
 * given up.
 */
#include "norm_receiver.h"

enum {
    BITMAPS = 3,             /* complete, touched, heard */
    CONTRADICTIONS_MAX = 16, /* packets in a row with other parameters of the code, or the object; none with ours */
};

void hd_rx_object_set_state(struct hd_rx_object *object, enum hd_rx_object_state state)
{
    static const bool legal[HD_RX_OBJECT_STATES][HD_RX_OBJECT_STATES] = {
        [HD_RX_OBJECT_FREE] = { [HD_RX_OBJECT_OPEN] = true },
        [HD_RX_OBJECT_OPEN] = { [HD_RX_OBJECT_FREE] = true, [HD_RX_OBJECT_DRAIN] = true },
        [HD_RX_OBJECT_DRAIN] = { [HD_RX_OBJECT_FREE] = true },
    };

    assert(legal[object->state][state]);
    object->state = state;
}

void hd_rx_object_tell(herald_norm_receiver *receiver, const struct hd_rx_object *object,
                       enum herald_norm_receiver_event_type type)
{
    struct herald_norm_receiver_event event = {
        .type = type,
        .sender_id = object->remote->node_id,
        .object_id = (uint16_t)object->id,
        .kind = object->kind,
        .size_bytes = object->object_bytes,
    };

    hd_rx_tell(receiver, &event);
}

/* --- the end --- */

static void list_remove(struct hd_rx_object *object)
{
    struct hd_rx_remote *remote = object->remote;

    *(object->prev ? &object->prev->next : &remote->open_first) = object->next;
    *(object->next ? &object->next->prev : &remote->open_last) = object->prev;
    if (remote->last_object == object)
        remote->last_object = NULL;
}

/* By id; a new object nearly always belongs to the end. */
static void list_add(struct hd_rx_object *object)
{
    struct hd_rx_remote *remote = object->remote;
    struct hd_rx_object *prev = remote->open_last;

    while (prev && prev->id > object->id)
        prev = prev->prev;
    object->prev = prev;
    object->next = prev ? prev->next : remote->open_first;
    *(object->next ? &object->next->prev : &remote->open_last) = object;
    *(prev ? &prev->next : &remote->open_first) = object;
}

/* Gives memory back; the struct is not in any list. */
static void release(herald_norm_receiver *receiver, struct hd_rx_object *object)
{
    if (hd_rx_object_is_stream(object))
        hd_rx_stream_close(receiver, object);
    else
        receiver->blocks_used -= object->partition.blocks;
    hd_extents_free(&receiver->bitmaps, hd_rx_object_is_stream(object) ? object->heard : object->complete);
    receiver->is_short_of_blocks = false;
    object->next = receiver->free_object;
    receiver->free_object = object;
}

void hd_rx_object_close(herald_norm_receiver *receiver, struct hd_rx_object *object, uint16_t how)
{
    struct hd_rx_remote *remote = object->remote;
    uint64_t id = object->id;

    hd_rx_partial_remove_all(receiver, object);
    list_remove(object);
    hd_rx_object_set_state(object, HD_RX_OBJECT_FREE);
    release(receiver, object);
    receiver->statistics.objects--;
    hd_rx_window_end(receiver, remote, id, how);
}

/* The event of an object that ends without being complete. */
static void tell_aborted(herald_norm_receiver *receiver, const struct hd_rx_object *object, enum herald_norm_abort why,
                         int error)
{
    struct herald_norm_receiver_event event = {
        .type = HERALD_NORM_RECEIVER_OBJECT_ABORTED,
        .sender_id = object->remote->node_id,
        .object_id = (uint16_t)object->id,
        .kind = object->kind,
        .size_bytes = object->object_bytes,
        .abort = why,
        .error = error,
    };

    receiver->statistics.objects_aborted++;
    hd_rx_tell(receiver, &event);
}

void hd_rx_object_abort(herald_norm_receiver *receiver, struct hd_rx_object *object, enum herald_norm_abort why,
                        int error)
{
    tell_aborted(receiver, object, why, error);
    hd_rx_object_close(receiver, object, HD_RX_FAILED);
}

void hd_rx_object_restart(herald_norm_receiver *receiver, struct hd_rx_object *object)
{
    struct hd_rx_remote *remote = object->remote;
    uint64_t id = object->id;

    hd_rx_object_abort(receiver, object, HERALD_NORM_ABORT_RESTARTED, 0);
    hd_rx_window_revive(receiver, remote, id);
}

void hd_rx_object_abort_all(herald_norm_receiver *receiver, struct hd_rx_remote *remote, enum herald_norm_abort why)
{
    while (remote->open_first)
        hd_rx_object_abort(receiver, remote->open_first, why, 0);
}

void hd_rx_object_check_complete(herald_norm_receiver *receiver, struct hd_rx_object *object)
{
    if (object->complete_count < object->partition.blocks || object->wants_info)
        return;
    receiver->statistics.objects_complete++;
    hd_rx_object_tell(receiver, object, HERALD_NORM_RECEIVER_OBJECT_COMPLETE);
    hd_rx_object_close(receiver, object, HD_RX_DONE);
}

/* --- the beginning --- */

static enum herald_norm_kind kind_of(uint8_t flags)
{
    if (flags & HD_FLAG_STREAM)
        return HERALD_NORM_STREAM;
    return flags & HD_FLAG_FILE ? HERALD_NORM_FILE : HERALD_NORM_DATA;
}

/* Objects of a sender that fell silent or is gone hold their memory in vain when others need it. */
static void take_from_the_silent(herald_norm_receiver *receiver, const struct hd_rx_remote *but)
{
    for (struct hd_rx_remote *remote = receiver->lru_last; remote && remote != but; remote = remote->lru_prev) {
        if (!remote->open_first || (!remote->is_silent && remote->state != HD_RX_REMOTE_GONE))
            continue;
        hd_rx_object_abort(receiver, remote->open_first, HERALD_NORM_ABORT_WINDOW, 0);
        return;
    }
}

static struct hd_rx_object *take_object(herald_norm_receiver *receiver, const struct hd_rx_remote *remote)
{
    struct hd_rx_object *object;

    if (!receiver->free_object && receiver->objects_used == receiver->config.objects_max)
        take_from_the_silent(receiver, remote);
    object = receiver->free_object;
    if (object) {
        receiver->free_object = object->next;
        return object;
    }
    if (receiver->objects_used == receiver->config.objects_max)
        return NULL;
    return &receiver->objects[receiver->objects_used++];
}

/* The bitmaps of a FILE or DATA object. @return 0; -EFBIG: never; -ENOBUFS: not now. */
static int take_blocks(herald_norm_receiver *receiver, struct hd_rx_object *object)
{
    uint64_t blocks = object->partition.blocks;
    uint64_t words = hd_bits_words(blocks);

    if (blocks > receiver->config.blocks_per_queue)
        return -EFBIG;
    if (blocks > receiver->config.blocks_per_queue - receiver->blocks_used)
        return -ENOBUFS;
    if (blocks > 0) {
        object->complete = hd_extents_alloc(&receiver->bitmaps, words * 64 * BITMAPS);
        if (!object->complete)
            return -ENOBUFS;
        object->touched = object->complete + words;
        object->heard = object->touched + words;
        object->heard_bits = blocks;
    }
    receiver->blocks_used += blocks;
    return 0;
}

/* Asks the application. */
static int offer(herald_norm_receiver *receiver, struct hd_rx_object *object, const struct hd_message *message)
{
    const struct hd_partition *partition = &object->partition;
    uint64_t block_bytes = (uint64_t)partition->large_symbols * partition->segment_bytes;
    struct herald_norm_offer offer = {
        .sender_id = object->remote->node_id,
        .instance_id = object->remote->instance_id,
        .object_id = (uint16_t)object->id,
        .kind = object->kind,
        .size_bytes = object->object_bytes,
        .has_info = object->wants_info,
        .segment_bytes = object->segment_bytes,
        .block_bytes = block_bytes < object->object_bytes ? block_bytes : object->object_bytes,
    };

    if (!receiver->config.accept)
        return -ENOENT;
    if (message->kind == HD_KIND_INFO) {
        offer.info = message->data.payload.at;
        offer.info_bytes = (uint16_t)hd_cursor_left(&message->data.payload);
    }
    if (receiver->config.accept(receiver->config.user, &offer, &object->sink) != 0)
        return -ENOENT;
    return object->sink.write_at ? 0 : -EINVAL;
}

/* What a new object is made of. @return 0; -EFBIG: it is too large; -ENOBUFS: not now; otherwise it is refused. */
static int fill_object(herald_norm_receiver *receiver, struct hd_rx_object *object, const struct hd_message *message)
{
    int r;

    if (hd_rx_object_is_stream(object)) {
        r = hd_rx_stream_open(receiver, object);
        return r == -ENOBUFS ? -EFBIG : r;
    }
    r = hd_partition_init(&object->partition, object->object_bytes, object->segment_bytes, object->max_symbols);
    if (r < 0)
        return -EFBIG;
    r = take_blocks(receiver, object);
    if (r < 0)
        return r;
    if (offer(receiver, object, message) == 0)
        return 0;
    receiver->blocks_used -= object->partition.blocks;
    hd_extents_free(&receiver->bitmaps, object->complete);
    return -ENOENT;
}

/* What a packet says its object is: a hash, or 0 if it does not say it. */
static uint32_t said_of(const struct hd_message *message)
{
    if (!(message->extensions.present & HD_EXT_FTI))
        return 0;
    return 1 | (uint32_t)hd_random_hash(message->extensions.fti.object_bytes << 2 | kind_of(message->data.flags));
}

/* It was not opened. */
static void refuse(herald_norm_receiver *receiver, struct hd_rx_object *object, const struct hd_message *message,
                   int why)
{
    struct hd_rx_remote *remote = object->remote;
    uint64_t id = object->id;

    object->next = receiver->free_object;
    receiver->free_object = object;
    if (why == -ENOBUFS) {
        receiver->is_short_of_blocks = true;
        hd_rx_drop(receiver, HERALD_NORM_DROP_LIMIT);
    } else if (why == -EFBIG) {
        tell_aborted(receiver, object, HERALD_NORM_ABORT_LIMIT, 0);
        hd_rx_window_refuse(receiver, remote, id, HD_RX_EXCEEDED, said_of(message));
    } else {
        receiver->statistics.objects_refused++;
        hd_rx_window_refuse(receiver, remote, id, HD_RX_REFUSED, said_of(message));
    }
}

/* Opens an object of the window of which nothing was heard. @return NULL: dropped, counted. */
static struct hd_rx_object *open_object(herald_norm_receiver *receiver, struct hd_rx_remote *remote, uint64_t id,
                                        const struct hd_message *message)
{
    struct hd_rx_object *object = take_object(receiver, remote);
    const struct hd_fti *fti = &message->extensions.fti;
    int r;

    if (!object) {
        hd_rx_drop(receiver, HERALD_NORM_DROP_LIMIT);
        return NULL;
    }
    *object = (struct hd_rx_object){
        .kind = kind_of(message->data.flags),
        .remote = remote,
        .id = id,
        .object_bytes = fti->object_bytes,
        .wants_info = message->kind == HD_KIND_INFO || message->data.flags & HD_FLAG_INFO,
        .max_symbols = fti->max_block_symbols,
        .parity_symbols = fti->parity_symbols,
        .segment_bytes = fti->segment_bytes,
        .current = HD_RX_NONE,
    };
    r = fill_object(receiver, object, message);
    if (r < 0) {
        refuse(receiver, object, message, r);
        return NULL;
    }
    hd_rx_object_set_state(object, HD_RX_OBJECT_OPEN);
    list_add(object);
    *hd_rx_window_slot(receiver, remote, id) = (uint16_t)hd_rx_object_index(receiver, object);
    remote->unheard_count--;
    receiver->statistics.objects++;
    if (hd_rx_object_is_stream(object))
        hd_rx_object_tell(receiver, object, HERALD_NORM_RECEIVER_STREAM_NEW);
    return object;
}

/* --- INFO and DATA --- */

/* Does a packet agree with the FEC parameters that the sender gave before? */
static bool is_same_fec(const struct hd_rx_remote *remote, const struct hd_message *message)
{
    const struct hd_fti *fti = &message->extensions.fti;

    if (message->data.position.fec_id != remote->fec_id)
        return false;
    return !(message->extensions.present & HD_EXT_FTI) ||
           (fti->segment_bytes == remote->fti.segment_bytes && fti->parity_symbols == remote->fti.parity_symbols &&
            fti->max_block_symbols == remote->fti.max_block_symbols);
}

/* Are FEC parameters within our limits? */
static bool is_supported_fec(const herald_norm_receiver *receiver, const struct hd_fti *fti)
{
    const struct herald_norm_receiver_config *config = &receiver->config;

    return fti->segment_bytes > 0 && fti->segment_bytes <= config->segment_bytes_max && fti->max_block_symbols > 0 &&
           (uint32_t)fti->max_block_symbols + fti->parity_symbols <= config->block_segments_max;
}

/*
 * FEC parameters do not change during an instance, as deployed. If everything contradicts them, it was the
 * packet that brought them which was damaged. Those beyond our limits are not kept, for the same reason.
 * @return false: dropped, counted.
 */
static bool check_fec(herald_norm_receiver *receiver, struct hd_rx_remote *remote, const struct hd_message *message)
{
    if (remote->has_fti) {
        if (is_same_fec(remote, message)) {
            remote->contradictions = 0;
            return true;
        }
        hd_rx_drop(receiver, HERALD_NORM_DROP_INCONSISTENT);
        if (++remote->contradictions == CONTRADICTIONS_MAX)
            hd_rx_remote_restart(receiver, remote);
        return false;
    }
    remote->fec_id = message->data.position.fec_id; /* repair requests have it, even if only this much is known */
    if (!(message->extensions.present & HD_EXT_FTI))
        return true;
    remote->is_beyond_limits = !is_supported_fec(receiver, &message->extensions.fti);
    if (remote->is_beyond_limits)
        return true;
    remote->fti = message->extensions.fti;
    remote->has_fti = true;
    return true;
}

/*
 * Which object a packet is of; the window follows. A late joiner does not begin at a repair, nor at DATA
 * that does not tell the object's size and announces no INFO that will. @return false: dropped, counted.
 */
static bool find_id(herald_norm_receiver *receiver, struct hd_rx_remote *remote, const struct hd_message *message,
                    uint64_t now_ns, uint64_t *ret_id)
{
    const struct hd_data *data = &message->data;
    bool is_promising = message->extensions.present & HD_EXT_FTI || data->flags & HD_FLAG_INFO;

    if (remote->state == HD_RX_REMOTE_UNSYNCED) {
        if (data->flags & HD_FLAG_REPAIR || !is_promising) {
            hd_rx_drop(receiver,
                       data->flags & HD_FLAG_REPAIR ? HERALD_NORM_DROP_UNSYNCED : HERALD_NORM_DROP_UNSUPPORTED);
            return false;
        }
        hd_rx_window_sync(receiver, remote, data->position.object_id);
    }
    *ret_id = hd_rx_window_unwrap(remote, data->position.object_id);
    if (*ret_id >= remote->next_object && !is_promising) {
        hd_rx_drop(receiver, HERALD_NORM_DROP_UNSUPPORTED);
        return false;
    }
    if (!hd_rx_window_admit(receiver, remote, *ret_id, now_ns))
        return false;
    hd_rx_window_extend(receiver, remote, *ret_id);
    return true;
}

/* A packet of a code that we cannot take: nothing of its object is asked for, and the application knows why. */
static void exceed(herald_norm_receiver *receiver, struct hd_rx_remote *remote, const struct hd_message *message,
                   uint64_t id)
{
    const struct hd_rx_object object = {
        .kind = kind_of(message->data.flags),
        .remote = remote,
        .id = id,
        .object_bytes = message->extensions.fti.object_bytes,
    };
    uint32_t *is_told = &remote->refused[id & receiver->window_mask];

    hd_rx_drop(receiver, HERALD_NORM_DROP_UNSUPPORTED);
    if (!hd_rx_window_holds(remote, id) || *hd_rx_window_slot(receiver, remote, id) != HD_RX_UNHEARD || *is_told)
        return;
    *is_told = 1;
    tell_aborted(receiver, &object, HERALD_NORM_ABORT_LIMIT, 0);
}

/* The open object that a packet is of; opens it. @return NULL: dropped, counted. */
static struct hd_rx_object *find_object(herald_norm_receiver *receiver, struct hd_rx_remote *remote,
                                        const struct hd_message *message, uint64_t id)
{
    struct hd_rx_object *object = hd_rx_window_open_object(receiver, remote, id);

    if (object)
        return object;
    if (remote->is_beyond_limits && message->extensions.present & HD_EXT_FTI) {
        exceed(receiver, remote, message, id);
        return NULL;
    }
    if (!hd_rx_window_wants(receiver, remote, id, said_of(message))) {
        hd_rx_drop(receiver, hd_rx_window_drop_reason(remote, id));
        return NULL;
    }
    if (!(message->extensions.present & HD_EXT_FTI)) { /* its size is not known */
        hd_rx_drop(receiver, HERALD_NORM_DROP_UNSUPPORTED);
        return NULL;
    }
    if (message->kind == HD_KIND_DATA && message->extensions.fti.object_bytes == 0) {
        hd_rx_drop(receiver, HERALD_NORM_DROP_INCONSISTENT);
        return NULL;
    }
    return open_object(receiver, remote, id, message);
}

static void input_info(herald_norm_receiver *receiver, struct hd_rx_object *object, const struct hd_data *data)
{
    size_t info_bytes = hd_cursor_left(&data->payload);
    struct herald_norm_receiver_event event = {
        .type = HERALD_NORM_RECEIVER_OBJECT_INFO,
        .sender_id = object->remote->node_id,
        .object_id = (uint16_t)object->id,
        .kind = object->kind,
        .size_bytes = object->object_bytes,
        .content_bytes = info_bytes,
    };

    if (object->has_info) {
        hd_rx_drop(receiver, HERALD_NORM_DROP_DUPLICATE);
        return;
    }
    if (info_bytes > receiver->config.info_bytes_max) {
        hd_rx_object_abort(receiver, object, HERALD_NORM_ABORT_LIMIT, 0);
        return;
    }
    receiver->statistics.info_datagrams++;
    object->has_info = true;
    object->wants_info = false;
    event.content = hd_rx_keep_content(receiver, &data->payload);
    hd_rx_tell(receiver, &event);
    if (!hd_rx_object_is_stream(object))
        hd_rx_object_check_complete(receiver, object);
}

/* Does a packet say of its object what others said? */
static bool is_consistent(const struct hd_rx_object *object, const struct hd_message *message)
{
    if (message->extensions.present & HD_EXT_FTI && message->extensions.fti.object_bytes != object->object_bytes)
        return false;
    return kind_of(message->data.flags) == object->kind;
}

/*
 * A packet says something else of its object than the one that opened it. When all do, that one was damaged, and what
 * it opened is none. Without this, a single packet could keep an object from ever being complete.
 */
static void contradict(herald_norm_receiver *receiver, struct hd_rx_object *object, const struct hd_message *message)
{
    hd_rx_drop(receiver, HERALD_NORM_DROP_INCONSISTENT);
    if (hd_rx_window_doubt(object->remote, object->id, said_of(message)) >= CONTRADICTIONS_MAX)
        hd_rx_object_restart(receiver, object);
}

struct hd_rx_object *hd_rx_object_of_run(const struct hd_rx_remote *remote, const struct hd_message *message)
{
    struct hd_rx_object *object = remote->last_object;

    if (message->kind != HD_KIND_DATA || !object || (uint16_t)object->id != message->data.position.object_id ||
        hd_rx_object_is_stream(object) || !object->sink.write_many)
        return NULL;
    return remote->has_fti && is_same_fec(remote, message) && is_consistent(object, message) ? object : NULL;
}

/* The part that every packet of the block in progress takes, besides storing it, is the first `if` only. */
void hd_rx_object_input(herald_norm_receiver *receiver, struct hd_rx_remote *remote, const struct hd_message *message,
                        uint64_t now_ns)
{
    const struct hd_data *data = &message->data;
    struct hd_rx_object *object = remote->last_object;
    struct hd_rx_place place = { 0 };

    if (!check_fec(receiver, remote, message))
        return;
    if (!object || (uint16_t)object->id != data->position.object_id) {
        if (!find_id(receiver, remote, message, now_ns, &place.object))
            return;
        object = find_object(receiver, remote, message, place.object);
        if (!object)
            goto moved; /* it tells where the sender is, all the same */
        remote->last_object = object;
    } else {
        hd_rx_window_near(remote, 1);
    }
    place.object = object->id;
    if (!is_consistent(object, message)) {
        contradict(receiver, object, message);
        return;
    }
    remote->doubt_count = 0;
    if (message->kind == HD_KIND_INFO) {
        input_info(receiver, object, data);
    } else if (hd_rx_object_is_stream(object)) {
        uint64_t block = hd_rx_stream_block(receiver, object, data->position.fec_id, data->position.id.block);

        place.unit = block + 1;
        if (!hd_rx_stream_input(receiver, object, data, block))
            return;
    } else {
        place.unit = (uint64_t)data->position.id.block + 1;
        if (!hd_rx_block_input(receiver, object, data))
            return;
    }
moved:
    if (remote->state == HD_RX_REMOTE_SYNCED)
        hd_rx_repair_move(receiver, remote, &place, now_ns);
}

/* --- what the application asks --- */

int herald_norm_receiver_abort(herald_norm_receiver *receiver, uint32_t sender_id, uint16_t object_id)
{
    struct hd_rx_remote *remote = hd_rx_remote_find(receiver, sender_id);
    struct hd_rx_object *object;
    uint64_t id;

    if (!remote)
        return -ENOENT;
    id = hd_rx_window_unwrap(remote, object_id);
    object = hd_rx_window_open_object(receiver, remote, id);
    if (object) {
        hd_rx_object_abort(receiver, object, HERALD_NORM_ABORT_LOCAL, 0);
        return 0;
    }
    if (!hd_rx_window_holds(remote, id) || *hd_rx_window_slot(receiver, remote, id) != HD_RX_UNHEARD)
        return -ENOENT;
    hd_rx_window_end(receiver, remote, id, HD_RX_FAILED);
    return 0;
}

/* The block that a place is in; the number of blocks if it is the end. */
static uint64_t block_at(const struct hd_partition *partition, uint64_t offset_bytes)
{
    uint64_t block;
    uint16_t symbol;

    if (offset_bytes == partition->object_bytes)
        return partition->blocks;
    hd_partition_locate(partition, offset_bytes / partition->segment_bytes, &block, &symbol);
    return block;
}

int herald_norm_receiver_mark_present(herald_norm_receiver *receiver, uint32_t sender_id, uint16_t object_id,
                                      uint64_t offset_bytes, uint64_t size_bytes, uint64_t now_ns)
{
    struct hd_rx_remote *remote = hd_rx_remote_find(receiver, sender_id);
    struct hd_rx_object *object;
    uint64_t from;
    uint64_t limit;

    if (hd_events_pending(&receiver->events))
        return -EBUSY;
    if (!remote)
        return -ENOENT;
    object = hd_rx_window_open_object(receiver, remote, hd_rx_window_unwrap(remote, object_id));
    if (!object)
        return -ENOENT;
    if (hd_rx_object_is_stream(object) || offset_bytes > object->object_bytes ||
        size_bytes > object->object_bytes - offset_bytes)
        return -EINVAL;
    from = block_at(&object->partition, offset_bytes);
    limit = block_at(&object->partition, offset_bytes + size_bytes);
    if (from < limit && hd_partition_block_offset(&object->partition, from) < offset_bytes)
        from++;
    if (from == limit)
        return 0;
    hd_rx_block_mark_present(receiver, object, from, limit);
    hd_rx_object_check_complete(receiver, object);
    if (object->state != HD_RX_OBJECT_OPEN)
        hd_rx_repair_check(receiver, remote, now_ns); /* an object for which there was no room may have some now */
    hd_rx_timer_update(receiver, remote);
    return 0;
}

int herald_norm_receiver_get_object(const herald_norm_receiver *receiver, uint32_t sender_id, uint16_t object_id,
                                    struct herald_norm_object_status *ret_status)
{
    const struct hd_rx_remote *remote = hd_rx_remote_find(receiver, sender_id);
    const struct hd_rx_object *object;

    if (!remote)
        return -ENOENT;
    object = hd_rx_window_open_object(receiver, remote, hd_rx_window_unwrap(remote, object_id));
    if (!object)
        return -ENOENT;
    *ret_status = (struct herald_norm_object_status){
        .kind = object->kind,
        .size_bytes = object->object_bytes,
        .received_bytes = object->received_bytes,
        .blocks = object->partition.blocks,
        .complete_blocks = object->complete_count,
        .segments_nacked = object->segments_nacked,
    };
    return 0;
}
