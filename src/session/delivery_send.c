/* SPDX-License-Identifier: MIT */
/* Entries into the transport's queue, and what the transport puts out onto the network. */
#include "delivery.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

enum {
    RUNS_PER_TURN = 12,           /* some milliseconds at most, then feedback is looked at */
    DIGEST_FIRST_BYTES = 1 << 20, /* what is no larger is read before it is sent: its digest goes along */
    QUEUE_BYTES_MIN = 1 << 20,    /* what waits to be sent before more objects are opened: */
    QUEUE_BYTES_MAX = 8 << 20,    /* within these limits, */
    QUEUE_PER_SECOND = 4,         /* what takes a quarter of a second; */
    QUEUE_PARTS = 4,              /* and in number such a part of the queue, most of which is for repairs */
    REST_DATAGRAMS = 16,          /* after a run of fewer, more are let gather, */
    ROOM_PEOPLE_MAX = 64,         /* so many are asked who has all, */
    ROOM_PARTS = 2,               /* each time that such a part of the queue was sent */
};

#define NS_PER_S UINT64_C(1000000000)
#define REST_NS  UINT64_C(300000) /* for so long */

/* ---- slots ----------------------------------------------------------------------------------- */

struct hd_slot *hd_delivery_free_slot(herald_delivery *delivery)
{
    for (size_t i = 0; i < HD_DELIVERY_SLOTS; i++)
        if (delivery->slots[i].purpose == HD_SLOT_FREE)
            return &delivery->slots[i];
    return NULL;
}

static bool is_in_queue(const struct hd_slot *slot)
{
    return slot->purpose != HD_SLOT_FREE && !slot->is_released;
}

static struct hd_slot *find_slot(herald_delivery *delivery, uint16_t object_id)
{
    struct hd_slot *slot = &delivery->slots[object_id % HD_DELIVERY_SLOTS];

    if (is_in_queue(slot) && slot->object_id == object_id)
        return slot;
    for (size_t i = 0; i < HD_DELIVERY_SLOTS; i++)
        if (is_in_queue(&delivery->slots[i]) && delivery->slots[i].object_id == object_id)
            return &delivery->slots[i];
    return NULL;
}

static void free_slot(struct hd_slot *slot)
{
    slot->source = hd_source_close(slot->source);
    slot->purpose = HD_SLOT_FREE;
}

void hd_delivery_close_slots(herald_delivery *delivery)
{
    for (size_t i = 0; i < HD_DELIVERY_SLOTS; i++)
        free_slot(&delivery->slots[i]);
    free_slot(&delivery->pending);
}

void hd_delivery_forget_all(herald_delivery *delivery)
{
    for (size_t i = 0; i < HD_DELIVERY_SLOTS; i++)
        if (is_in_queue(&delivery->slots[i]))
            (void)herald_norm_sender_release(delivery->norm, delivery->slots[i].object_id, delivery->now_ns);
    hd_delivery_close_slots(delivery);
    delivery->unsent_count = 0;
    delivery->unsent_bytes = 0;
}

/* ---- which entry is next --------------------------------------------------------------------- */

static bool bit_is_set(const uint64_t *bits, uint32_t index)
{
    return bits[index / 64] >> index % 64 & 1;
}

static bool is_live(const herald_delivery *delivery, uint32_t index)
{
    for (size_t i = 0; i < HD_DELIVERY_SLOTS; i++) {
        const struct hd_slot *slot = &delivery->slots[i];

        if (slot->purpose == HD_SLOT_ENTRY && !slot->is_released && slot->index == index)
            return true;
    }
    return delivery->pending.purpose == HD_SLOT_ENTRY && delivery->pending.index == index;
}

void hd_delivery_send_again(herald_delivery *delivery, uint32_t first, uint32_t last, bool even_if_live)
{
    uint32_t count = hd_tree_count(delivery->tree);
    uint32_t live[HD_DELIVERY_SLOTS + 1];
    size_t live_count = 0;

    if (delivery->stream.fd >= 0)
        return; /* it is not kept: what the transport cannot repair is lost */
    for (size_t i = 0; i <= HD_DELIVERY_SLOTS && !even_if_live; i++) {
        uint32_t index = i < HD_DELIVERY_SLOTS ? delivery->slots[i].index : delivery->pending.index;

        /* Marked while the others are: there may be very many of them. */
        if (index >= first && index <= last && !bit_is_set(delivery->again, index) && is_live(delivery, index)) {
            delivery->again[index / 64] |= UINT64_C(1) << index % 64;
            live[live_count++] = index;
        }
    }
    for (uint32_t index = first; index <= last && index < count; index++) {
        if (bit_is_set(delivery->again, index))
            continue;
        delivery->again[index / 64] |= UINT64_C(1) << index % 64;
        delivery->again_count++;
    }
    for (size_t i = 0; i < live_count; i++)
        delivery->again[live[i] / 64] &= ~(UINT64_C(1) << live[i] % 64);
    delivery->again_next = 0;
}

/* @return whether there is one. */
static bool next_entry(herald_delivery *delivery, uint32_t *ret_index)
{
    uint32_t count = hd_tree_count(delivery->tree);

    if (delivery->stream.fd >= 0)
        return false;
    if (delivery->next_index < count) {
        *ret_index = delivery->next_index++;
        return true;
    }
    while (delivery->again_count > 0 && delivery->again_next < count) {
        uint32_t index = delivery->again_next++;

        if (!bit_is_set(delivery->again, index))
            continue;
        delivery->again[index / 64] &= ~(UINT64_C(1) << index % 64);
        delivery->again_count--;
        *ret_index = index;
        return true;
    }
    return false;
}

/* ---- into the queue -------------------------------------------------------------------------- */

void hd_delivery_fill_info(const herald_delivery *delivery, const struct hd_entry *entry, uint32_t index,
                           struct hd_info *ret_info)
{
    const char *slash = strrchr(entry->name, '/');
    const char *name = slash != NULL ? slash + 1 : entry->name;

    *ret_info = (struct hd_info){
        .name = { name, strlen(name) },
        .type = entry->type,
        .delivery_id = delivery->delivery_id,
        .index = index,
        .directory = { entry->name, slash != NULL ? (size_t)(slash - entry->name) : 0 },
        .has_meta = entry->type != HD_ENTRY_BYTES && entry->type != HD_ENTRY_STREAM,
        .mode = entry->mode,
        .mtime_ns = entry->mtime_ns,
        .is_sparse = entry->is_sparse,
    };
    if (entry->link != NULL)
        ret_info->link = (struct hd_text){ entry->link, strlen(entry->link) };
}

/* @return 0: the slot is taken and the object in the queue; -ENOBUFS: no room now; another -errno. */
static int enqueue(herald_delivery *delivery, const struct hd_slot *slot, const struct hd_info *info,
                   enum herald_norm_kind kind)
{
    uint8_t bytes[HERALD_PAYLOAD_MAX_IPV4_BYTES];
    struct hd_slot *free_slot_found = hd_delivery_free_slot(delivery);
    struct herald_norm_object object = { .kind = kind, .size_bytes = slot->size_bytes, .info = bytes };
    uint16_t object_id;
    int r;

    if (free_slot_found == NULL)
        return -ENOBUFS;
    r = hd_info_encode(info, bytes, delivery->norm_config.segment_bytes);
    if (r < 0)
        return r;
    object.info_bytes = (uint16_t)r;
    if (slot->source != NULL)
        hd_source_as_norm(slot->source, &object.source);
    r = herald_norm_sender_enqueue(delivery->norm, &object, delivery->now_ns, &object_id);
    if (r < 0)
        return r;
    /* Nearly always the place where it will be looked for first. */
    if (delivery->slots[object_id % HD_DELIVERY_SLOTS].purpose == HD_SLOT_FREE)
        free_slot_found = &delivery->slots[object_id % HD_DELIVERY_SLOTS];
    *free_slot_found = *slot;
    free_slot_found->object_id = object_id;
    free_slot_found->is_sent = false;
    delivery->last_object_id = object_id;
    delivery->unsent_count++;
    delivery->unsent_bytes += slot->size_bytes;
    return 0;
}

int hd_delivery_enqueue_note(herald_delivery *delivery, enum hd_entry_type type, uint32_t index,
                             const uint8_t digest[HD_DIGEST_BYTES], uint64_t size_bytes)
{
    const struct hd_slot slot = { .purpose = HD_SLOT_NOTE, .index = index };
    struct hd_info info = {
        .name = { "", 0 }, .type = type, .delivery_id = delivery->delivery_id, .index = index, .size_bytes = size_bytes
    };

    if (digest != NULL) {
        info.has_digest = true;
        memcpy(info.digest, digest, HD_DIGEST_BYTES);
    }
    return enqueue(delivery, &slot, &info, HERALD_NORM_DATA);
}

/* An entry that cannot be read. */
static void note_void(herald_delivery *delivery, uint32_t index, const struct herald_error *error)
{
    if (bit_is_set(delivery->void_entries, index))
        return;
    delivery->void_entries[index / 64] |= UINT64_C(1) << index % 64;
    delivery->void_count++;
    hd_delivery_tell_unreadable(delivery, hd_tree_entry(delivery->tree, index)->path, error);
}

/* Receivers are told, so that they do not wait for it. */
static void give_entry_up(herald_delivery *delivery, uint32_t index, const struct herald_error *error)
{
    note_void(delivery, index, error);
    delivery->pending = (struct hd_slot){ .purpose = HD_SLOT_NOTE, .index = index };
}

/* Opens entry `index` as the pending slot. */
static void open_entry(herald_delivery *delivery, uint32_t index)
{
    const struct hd_entry *entry = hd_tree_entry(delivery->tree, index);
    struct hd_slot *slot = &delivery->pending;
    struct herald_error error;

    *slot = (struct hd_slot){ .purpose = HD_SLOT_ENTRY, .index = index };
    if (bit_is_set(delivery->void_entries, index)) {
        slot->purpose = HD_SLOT_NOTE;
        return;
    }
    if (entry->type != HD_ENTRY_FILE && entry->type != HD_ENTRY_BYTES)
        return;
    if (hd_source_open(&slot->source, entry, delivery->cache, delivery->norm_config.segment_bytes,
                       delivery->norm_config.block_segments, &slot->size_bytes, &error) < 0)
        give_entry_up(delivery, index, &error);
}

/* @return 0: it is in the queue, or given up; -ENOBUFS. */
static int enqueue_pending(herald_delivery *delivery)
{
    struct hd_slot *slot = &delivery->pending;
    const struct hd_entry *entry = hd_tree_entry(delivery->tree, slot->index);
    struct herald_error error = { 0 };
    struct hd_info info;
    int r;

    if (slot->purpose == HD_SLOT_NOTE) {
        r = hd_delivery_enqueue_note(delivery, HD_ENTRY_WITHDRAWN, slot->index, NULL, 0);
        if (r == 0)
            slot->purpose = HD_SLOT_FREE;
        return r;
    }
    hd_delivery_fill_info(delivery, entry, slot->index, &info);
    if (slot->source != NULL && slot->size_bytes <= DIGEST_FIRST_BYTES) {
        r = hd_source_digest(slot->source, true, info.digest);
        info.has_digest = r == 0;
        if (r < 0 && hd_source_error(slot->source, &error) == 0)
            herald_error_set(&error, r, "it cannot be read: %s", strerror(-r));
    }
    slot->needs_digest = slot->source != NULL && !info.has_digest;
    r = error.code != 0
            ? error.code
            : enqueue(delivery, slot, &info, entry->type == HD_ENTRY_FILE ? HERALD_NORM_FILE : HERALD_NORM_DATA);
    if (r == 0) { /* its source went along */
        slot->purpose = HD_SLOT_FREE;
        slot->source = NULL;
    }
    if (r == 0 || r == -ENOBUFS)
        return r;
    if (error.code == 0)
        herald_error_set(&error, r, r == -EFBIG ? "it is too large: longer blocks are needed" : "it cannot be sent: %s",
                         strerror(-r));
    slot->source = hd_source_close(slot->source);
    give_entry_up(delivery, slot->index, &error);
    return 0;
}

/*
 * The digest of a large file is known when all of it was read.
 * @return false: there is no room for it now.
 */
static bool send_digests(herald_delivery *delivery)
{
    for (size_t i = 0; i < HD_DELIVERY_SLOTS; i++) {
        struct hd_slot *slot = &delivery->slots[i];
        uint8_t digest[HD_DIGEST_BYTES];
        struct herald_error error;
        int r;

        if (slot->purpose != HD_SLOT_ENTRY || !slot->needs_digest || !slot->is_sent)
            continue;
        r = hd_source_digest(slot->source, false, digest);
        if (r == 0)
            r = hd_delivery_enqueue_note(delivery, HD_ENTRY_DIGEST, slot->index, digest, slot->size_bytes);
        if (r == -ENOBUFS)
            return false;
        slot->needs_digest = false;
        if (r < 0) {
            if (hd_source_error(slot->source, &error) == 0)
                herald_error_set(&error, r, "its digest cannot be sent: %s", strerror(-r));
            note_void(delivery, slot->index, &error);
            hd_delivery_send_again(delivery, slot->index, slot->index, true);
        }
        if (slot->is_released)
            free_slot(slot);
    }
    return true;
}

/* An object's digest comes behind all that is in the queue when it was sent: receivers keep it until then. */
static uint64_t queue_limit_bytes(const herald_delivery *delivery)
{
    struct herald_norm_sender_statistics statistics;
    uint64_t limit_bytes;

    herald_norm_sender_get_statistics(delivery->norm, &statistics);
    limit_bytes = statistics.rate_bytes_per_s / QUEUE_PER_SECOND;
    if (limit_bytes < QUEUE_BYTES_MIN)
        return QUEUE_BYTES_MIN;
    return limit_bytes < QUEUE_BYTES_MAX ? limit_bytes : QUEUE_BYTES_MAX;
}

/*
 * The transport keeps what was sent for as long as receivers may ask for it, many round-trip times. Small objects would
 * fill its queue, and wait; so those who take part are asked whether they have it. A question that is still open when
 * all it asked about is gone is of no use any more. What one who is not herald lacks is kept until it has answered, or
 * vanished: nobody sends it again later.
 */
static void ask_for_room(herald_delivery *delivery)
{
    uint32_t due_count = delivery->is_room_asked ? HD_DELIVERY_OBJECTS_MAX : HD_DELIVERY_OBJECTS_MAX / ROOM_PARTS;
    int r;

    if (delivery->phase != HERALD_DELIVERY_SENDING || delivery->unasked_count < due_count || delivery->acks_active ||
        delivery->config.silent_receivers || delivery->people_count > ROOM_PEOPLE_MAX)
        return;
    hd_people_list_all(delivery, true);
    if (hd_people_has_strangers(delivery))
        r = herald_norm_sender_request_acks(delivery->norm, delivery->sent_object_id, delivery->now_ns);
    else
        r = herald_norm_sender_request_room(delivery->norm, delivery->sent_object_id, delivery->now_ns);
    delivery->is_room_asked = r == 0;
    delivery->unasked_count = 0;
}

void hd_delivery_feed(herald_delivery *delivery)
{
    uint64_t limit_bytes;
    uint32_t index;

    /* What waits to be sent of a stream points to what writing to it may overwrite. */
    if (delivery->stream.fd >= 0 && delivery->run_out.datagrams == 0 && !delivery->has_held)
        hd_delivery_feed_stream(delivery);
    ask_for_room(delivery);
    if (!send_digests(delivery))
        return; /* they are waited for: new entries would take the room */
    limit_bytes = queue_limit_bytes(delivery);
    while (delivery->unsent_bytes < limit_bytes && delivery->unsent_count < HD_DELIVERY_OBJECTS_MAX / QUEUE_PARTS) {
        if (delivery->pending.purpose == HD_SLOT_FREE) {
            if (!next_entry(delivery, &index))
                break;
            open_entry(delivery, index);
        }
        if (enqueue_pending(delivery) < 0)
            break;
    }
}

/* ---- what became of it ----------------------------------------------------------------------- */

static void forget_unsent(herald_delivery *delivery, const struct hd_slot *slot)
{
    delivery->unsent_count--;
    delivery->unsent_bytes -= slot->size_bytes;
}

void hd_delivery_on_sent(herald_delivery *delivery, uint16_t object_id)
{
    struct hd_slot *slot = find_slot(delivery, object_id);

    if (slot == NULL || slot->is_sent)
        return;
    slot->is_sent = true;
    forget_unsent(delivery, slot);
    delivery->sent_object_id = object_id;
    delivery->unasked_count++;
    if (slot->purpose == HD_SLOT_ENTRY && delivery->objects_sent < hd_tree_count(delivery->tree))
        delivery->objects_sent++;
    (void)send_digests(delivery);
}

void hd_delivery_on_released(herald_delivery *delivery, uint16_t object_id, bool has_failed)
{
    struct hd_slot *slot = find_slot(delivery, object_id);
    struct herald_error error;
    uint32_t index;

    if (slot == NULL)
        return;
    index = slot->index;
    if (!slot->is_sent)
        forget_unsent(delivery, slot);
    if (has_failed && slot->purpose == HD_SLOT_ENTRY) {
        if (slot->source == NULL || hd_source_error(slot->source, &error) == 0)
            herald_error_set(&error, -EIO, "it could not be read");
        free_slot(slot);
        /* The pending slot may be in use: receivers are told when it is the entry's turn again. */
        note_void(delivery, index, &error);
        hd_delivery_send_again(delivery, index, index, true);
    } else if (!has_failed && slot->needs_digest && slot->is_sent) {
        slot->is_released = true; /* perhaps just to make room for its digest */
    } else {
        free_slot(slot);
    }
    (void)send_digests(delivery);
}

bool hd_delivery_is_all_sent(const herald_delivery *delivery)
{
    for (size_t i = 0; i < HD_DELIVERY_SLOTS; i++)
        if (delivery->slots[i].purpose == HD_SLOT_ENTRY && delivery->slots[i].needs_digest)
            return false;
    if (delivery->stream.fd >= 0 && !delivery->stream.is_closed)
        return false;
    return delivery->unsent_count == 0 && delivery->pending.purpose == HD_SLOT_FREE && delivery->again_count == 0 &&
           (delivery->stream.fd >= 0 || delivery->next_index == hd_tree_count(delivery->tree));
}

/* ---- onto the network ------------------------------------------------------------------------ */

/* Fills the run with what the transport has. @return whether there is anything. */
static bool gather(herald_delivery *delivery)
{
    struct hd_run_out *run = &delivery->run_out;

    if (delivery->has_held) {
        uint8_t *header = delivery->held.buffer;

        hd_run_out_prepare(run, &delivery->held);
        if (delivery->held.buffer != header)
            memmove(delivery->held.buffer, header, delivery->held.header_bytes);
        (void)hd_run_out_add(run, &delivery->held);
        delivery->has_held = false;
    }
    while (!run->is_closed) {
        struct herald_norm_datagram *datagram = &delivery->held;

        hd_run_out_prepare(run, datagram);
        if (herald_norm_sender_poll_output(delivery->norm, datagram, delivery->now_ns) <= 0)
            break;
        if (!datagram->to_group) {
            (void)hd_node_send(&delivery->node, datagram, delivery->now_ns);
            continue;
        }
        if (!hd_run_out_add(run, datagram)) {
            delivery->has_held = true;
            break;
        }
    }
    return run->datagrams > 0;
}

static void wait_for_room(herald_delivery *delivery, bool is_blocked)
{
    if (is_blocked == delivery->is_blocked)
        return;
    delivery->is_blocked = is_blocked;
    (void)hd_node_watch(&delivery->node, herald_sender_fd(delivery->node.exits[0].sender),
                        EPOLLIN | (is_blocked ? (uint32_t)EPOLLOUT : 0));
}

/*
 * An interface that is down: what was to be sent is lost, as packets are, but the rest waits until it is up again.
 * @return whether to go on.
 */
static bool note_failure(herald_delivery *delivery, int result)
{
    const uint64_t pause_ns = UINT64_C(100000000);
    struct herald_delivery_event event = { .kind = HERALD_DELIVERY_NETWORK };

    if (delivery->is_failing != (result < 0)) {
        delivery->is_failing = result < 0;
        if (result < 0)
            event.error = delivery->send_error;
        hd_delivery_tell(delivery, &event);
    }
    if (result < 0)
        delivery->pause_ns = delivery->now_ns + pause_ns;
    return result == 0;
}

/*
 * The rate has allowed a few datagrams only, and will allow one more in a moment. A packet costs sender, network and
 * receivers about as much as a run of many, and a wake-up more: more of them are let gather, but not for so long that
 * the rate could not be kept. @return whether to rest.
 */
static bool rest(herald_delivery *delivery, size_t sent_datagrams)
{
    struct herald_norm_sender_statistics statistics;
    uint64_t half_run_ns;

    if (sent_datagrams >= REST_DATAGRAMS || herald_norm_sender_next_timeout(delivery->norm) <= delivery->now_ns ||
        hd_delivery_is_all_sent(delivery))
        return false;
    herald_norm_sender_get_statistics(delivery->norm, &statistics);
    if (statistics.rate_bytes_per_s == 0)
        return false;
    half_run_ns = (uint64_t)HD_RUN_DATAGRAMS_MAX * delivery->norm_config.segment_bytes * (NS_PER_S / 2) /
                  statistics.rate_bytes_per_s;
    delivery->rest_until_ns = herald_clock_ns() + (half_run_ns < REST_NS ? half_run_ns : REST_NS);
    return true;
}

bool hd_delivery_pump(herald_delivery *delivery)
{
    herald_sender *sender = delivery->node.exits[0].sender;

    for (int i = 0; i < RUNS_PER_TURN; i++) {
        size_t datagrams;
        int r;

        if (delivery->now_ns < delivery->pause_ns || (delivery->run_out.datagrams == 0 && !gather(delivery)))
            return false;
        datagrams = delivery->run_out.datagrams;
        r = hd_run_out_send(&delivery->run_out, sender, &delivery->send_error);
        wait_for_room(delivery, r == -EAGAIN);
        if (r == -EAGAIN || !note_failure(delivery, r))
            return false;
        if (!delivery->has_held)
            hd_block_cache_batch_sent(delivery->cache);
        if (rest(delivery, datagrams))
            return false;
        if (herald_clock_ns() > delivery->now_ns)
            delivery->now_ns = herald_clock_ns();
    }
    return true;
}
