/* SPDX-License-Identifier: MIT */
/*
 * Repair (RFC 5740 section 5.4): what NACKs asked for is gathered for (K+1) GRTT, so that all receivers are heard;
 * then it becomes pending and goes before new data; and for one GRTT from then on only requests for what is still
 * ahead count, for the others crossed with the repair.
 *
 * Of each block a bit says whether it is wanted as a whole or partly; only the latter needs a struct hd_tx_repair.
 * When all of those are taken the whole block is sent: that costs bandwidth, never data.
 */
#include "norm_sender.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* --- the blocks that are known in detail --- */

int hd_tx_repairs_init(struct hd_tx_repairs *repairs, uint32_t entries_max)
{
    size_t buckets = 1;

    while (buckets < entries_max)
        buckets *= 2;
    *repairs = (struct hd_tx_repairs){ .bucket_mask = (uint32_t)(buckets - 1),
                                       .free_first = HD_TX_NO_INDEX,
                                       .idle_oldest = HD_TX_NO_INDEX,
                                       .idle_newest = HD_TX_NO_INDEX };
    repairs->entries = calloc(entries_max, sizeof(*repairs->entries));
    repairs->buckets = calloc(buckets, sizeof(*repairs->buckets));
    if (!repairs->entries || !repairs->buckets)
        return -ENOMEM;
    for (size_t i = 0; i < buckets; i++)
        repairs->buckets[i] = HD_TX_NO_INDEX;
    for (uint32_t i = entries_max; i-- > 0;) {
        repairs->entries[i].hash_next = repairs->free_first;
        repairs->free_first = i;
    }
    return 0;
}

void hd_tx_repairs_fini(struct hd_tx_repairs *repairs)
{
    free(repairs->entries);
    free(repairs->buckets);
    *repairs = (struct hd_tx_repairs){ 0 };
}

static uint32_t *bucket_of(struct hd_tx_repairs *repairs, const struct hd_tx_object *object, uint64_t block)
{
    uint64_t hash = (block + ((uint64_t)object->id << 40)) * UINT64_C(0x9e3779b97f4a7c15);

    return &repairs->buckets[(uint32_t)(hash >> 32) & repairs->bucket_mask];
}

static uint32_t index_of(const struct hd_tx_repairs *repairs, const struct hd_tx_repair *repair)
{
    return (uint32_t)(repair - repairs->entries);
}

struct hd_tx_repair *hd_tx_repair_find(struct herald_norm_sender *sender, const struct hd_tx_object *object,
                                       uint64_t block)
{
    struct hd_tx_repairs *repairs = &sender->repairs;
    uint32_t index = *bucket_of(repairs, object, block);

    while (index != HD_TX_NO_INDEX) {
        struct hd_tx_repair *repair = &repairs->entries[index];

        if (repair->object == object && repair->block == block)
            return repair;
        index = repair->hash_next;
    }
    return NULL;
}

static void leave_idle(struct hd_tx_repairs *repairs, struct hd_tx_repair *repair)
{
    if (repair->idle_previous != HD_TX_NO_INDEX)
        repairs->entries[repair->idle_previous].idle_next = repair->idle_next;
    else
        repairs->idle_oldest = repair->idle_next;
    if (repair->idle_next != HD_TX_NO_INDEX)
        repairs->entries[repair->idle_next].idle_previous = repair->idle_previous;
    else
        repairs->idle_newest = repair->idle_previous;
    repair->is_idle = false;
}

static void enter_idle(struct hd_tx_repairs *repairs, struct hd_tx_repair *repair)
{
    uint32_t index = index_of(repairs, repair);

    repair->idle_previous = repairs->idle_newest;
    repair->idle_next = HD_TX_NO_INDEX;
    if (repairs->idle_newest != HD_TX_NO_INDEX)
        repairs->entries[repairs->idle_newest].idle_next = index;
    else
        repairs->idle_oldest = index;
    repairs->idle_newest = index;
    repair->is_idle = true;
}

void hd_tx_repair_update(struct herald_norm_sender *sender, struct hd_tx_repair *repair)
{
    bool is_idle = repair->gathered_parity == 0 && repair->pending_parity == 0 && !hd_tx_mask_any(repair->gathered) &&
                   !hd_tx_mask_any(repair->pending);

    if (is_idle && !repair->is_idle)
        enter_idle(&sender->repairs, repair);
    else if (!is_idle && repair->is_idle)
        leave_idle(&sender->repairs, repair);
}

static void unlink_repair(struct hd_tx_repairs *repairs, struct hd_tx_repair *repair)
{
    uint32_t index = index_of(repairs, repair);
    uint32_t *link;

    assert(repair->object);
    link = bucket_of(repairs, repair->object, repair->block);
    while (*link != index)
        link = &repairs->entries[*link].hash_next;
    *link = repair->hash_next;
    if (repair->object_previous != HD_TX_NO_INDEX)
        repairs->entries[repair->object_previous].object_next = repair->object_next;
    else
        repair->object->first_repair = repair->object_next;
    if (repair->object_next != HD_TX_NO_INDEX)
        repairs->entries[repair->object_next].object_previous = repair->object_previous;
    if (repair->is_idle)
        leave_idle(repairs, repair);
    *repair = (struct hd_tx_repair){ .hash_next = repairs->free_first };
    repairs->free_first = index;
}

struct hd_tx_repair *hd_tx_repair_get(struct herald_norm_sender *sender, struct hd_tx_object *object, uint64_t block)
{
    struct hd_tx_repairs *repairs = &sender->repairs;
    struct hd_tx_repair *repair = hd_tx_repair_find(sender, object, block);
    uint32_t *bucket = bucket_of(repairs, object, block);
    uint32_t index;

    if (repair)
        return repair;
    if (repairs->free_first == HD_TX_NO_INDEX && repairs->idle_oldest != HD_TX_NO_INDEX)
        unlink_repair(repairs, &repairs->entries[repairs->idle_oldest]);
    index = repairs->free_first;
    if (index == HD_TX_NO_INDEX)
        return NULL;
    repair = &repairs->entries[index];
    repairs->free_first = repair->hash_next;
    *repair = (struct hd_tx_repair){ .object = object,
                                     .block = block,
                                     .parity_sent = sender->config.proactive_parity,
                                     .hash_next = *bucket,
                                     .object_next = object->first_repair,
                                     .object_previous = HD_TX_NO_INDEX };
    *bucket = index;
    if (object->first_repair != HD_TX_NO_INDEX)
        repairs->entries[object->first_repair].object_previous = index;
    object->first_repair = index;
    enter_idle(repairs, repair);
    return repair;
}

void hd_tx_repair_forget(struct herald_norm_sender *sender, struct hd_tx_object *object)
{
    while (object->first_repair != HD_TX_NO_INDEX)
        unlink_repair(&sender->repairs, &sender->repairs.entries[object->first_repair]);
}

void hd_tx_repair_forget_block(struct herald_norm_sender *sender, struct hd_tx_object *object, uint64_t block)
{
    struct hd_tx_repair *repair = hd_tx_repair_find(sender, object, block);

    for (int bitmap = 0; bitmap < HD_TX_BITMAPS; bitmap++)
        hd_bits_clear(hd_tx_bitmap(object, (enum hd_tx_bitmap)bitmap), hd_tx_bit(object, block));
    if (repair)
        unlink_repair(&sender->repairs, repair);
    if (sender->run.object == object && sender->run.block == block)
        sender->run.object = NULL;
}

/* --- from the first NACK to the end of the hold-off --- */

static void set_state(struct herald_norm_sender *sender, enum hd_tx_repair_state state)
{
    static const bool is_legal[][3] = {
        [HD_TX_REPAIR_IDLE] = { [HD_TX_REPAIR_GATHERING] = true },
        [HD_TX_REPAIR_GATHERING] = { [HD_TX_REPAIR_HOLDOFF] = true, [HD_TX_REPAIR_IDLE] = true },
        [HD_TX_REPAIR_HOLDOFF] = { [HD_TX_REPAIR_IDLE] = true },
    };

    assert(is_legal[sender->repair_state][state]);
    sender->repair_state = state;
}

void hd_tx_repair_gathered(struct herald_norm_sender *sender, struct hd_tx_object *object, uint64_t now_ns)
{
    object->has_gathered = true;
    if (sender->repair_state != HD_TX_REPAIR_IDLE)
        return;
    set_state(sender, HD_TX_REPAIR_GATHERING);
    sender->repair_ns = now_ns + (sender->config.backoff_factor + UINT64_C(1)) * sender->grtt_ns;
    hd_tx_wake(sender, now_ns);
    /* What is about to be repaired is not to be asked about. */
    if (sender->flush_state == HD_TX_FLUSH_RUNNING)
        hd_tx_flush_set_state(sender, HD_TX_FLUSH_WAITING);
    if (sender->mark.state == HD_TX_MARK_ASKING)
        hd_tx_mark_set_state(sender, HD_TX_MARK_WAITING);
}

void hd_tx_repair_pending(struct herald_norm_sender *sender, struct hd_tx_object *object, uint64_t block)
{
    if (!object->has_pending || block < object->repair_block)
        object->repair_block = block;
    object->has_pending = true;
    if (!sender->repair_from || hd_tx_id_before(object->id, sender->repair_from->id))
        sender->repair_from = object;
}

uint64_t hd_tx_repair_ahead(const struct herald_norm_sender *sender, const struct hd_tx_object *object)
{
    /* While a block is being sent, repair_from is not behind it, and its object's repair_block is the next. */
    const struct hd_tx_object *current = sender->repair_from;

    if (!current || hd_tx_id_before(object->id, current->id))
        return UINT64_MAX;
    return object == current ? object->repair_block : hd_tx_first_block(object);
}

uint64_t hd_tx_next_marked(const struct hd_tx_object *object, enum hd_tx_bitmap whole, enum hd_tx_bitmap partly,
                           uint64_t from, uint64_t limit)
{
    /* A stream's bitmaps are rings: at most two pieces. */
    while (from < limit) {
        uint64_t first = hd_tx_bit(object, from);
        uint64_t end = limit - from < object->bitmap_blocks - first ? first + (limit - from) : object->bitmap_blocks;
        uint64_t found = hd_bits_first_set(hd_tx_bitmap(object, whole), first, end);

        found = hd_bits_first_set(hd_tx_bitmap(object, partly), first, found);
        if (found < end)
            return from + (found - first);
        from += end - first;
    }
    return limit;
}

/*
 * They may be in the hold-off after their last NACK, (K+2) GRTT, and then back off for up to K GRTT; 2 GRTT for the way
 * there and back. What they ask for is sent again, and the time begins anew.
 *
 * All that is drawn with the GRTT that they know by then. When it falls, as it does at the start from a guess to what
 * is measured, they may be in a hold-off that lasts until slow_ns, and only what follows is as short as it is now. But
 * never does it take longer than if all of it were drawn with the greater one: what was sent long ago is done with,
 * even if the GRTT falls, little by little, all the time.
 */
uint64_t hd_tx_repair_until_ns(const struct herald_norm_sender *sender, uint64_t sent_ns, uint64_t notice_ns)
{
    uint64_t backoff_ns = (sender->config.backoff_factor + UINT64_C(2)) * sender->grtt_ns;
    uint64_t slow_backoff_ns = (sender->config.backoff_factor + UINT64_C(2)) * sender->slow_grtt_ns;
    uint64_t until_ns = sent_ns + notice_ns + 2 * backoff_ns;
    uint64_t slow_until_ns = sent_ns + notice_ns + 2 * slow_backoff_ns;

    if (slow_until_ns > sender->slow_ns + backoff_ns)
        slow_until_ns = sender->slow_ns + backoff_ns;
    return until_ns > slow_until_ns ? until_ns : slow_until_ns;
}

/* The symbols gathered for one block join those that are pending. */
static void make_block_pending(struct herald_norm_sender *sender, struct hd_tx_object *object, uint64_t block)
{
    struct hd_tx_repair *repair = hd_tx_repair_find(sender, object, block);

    assert(repair);
    if (repair->gathered_parity > repair->pending_parity)
        repair->pending_parity = repair->gathered_parity;
    for (int word = 0; word < HD_TX_MASK_WORDS; word++)
        repair->pending[word] |= repair->gathered[word];
    repair->gathered_parity = 0;
    memset(repair->gathered, 0, sizeof(repair->gathered));
    hd_tx_repair_update(sender, repair);
}

static void make_pending(struct herald_norm_sender *sender, struct hd_tx_object *object)
{
    uint64_t first = hd_tx_first_block(object);
    uint64_t limit = hd_tx_sent_blocks(object);
    uint64_t *gathered = hd_tx_bitmap(object, HD_TX_GATHERED_WHOLE);
    uint64_t *pending = hd_tx_bitmap(object, HD_TX_PENDING_WHOLE);
    uint64_t block = hd_tx_next_marked(object, HD_TX_GATHERED_PARTLY, HD_TX_GATHERED_PARTLY, first, limit);

    for (; block < limit;
         block = hd_tx_next_marked(object, HD_TX_GATHERED_PARTLY, HD_TX_GATHERED_PARTLY, block + 1, limit))
        make_block_pending(sender, object, block);
    hd_tx_repair_pending(sender, object,
                         hd_tx_next_marked(object, HD_TX_GATHERED_WHOLE, HD_TX_GATHERED_PARTLY, first, limit));
    /* The bitmaps lie in their order: whole and partly, gathered and then pending. */
    for (uint64_t word = 0; word < 2 * object->bitmap_words; word++) {
        pending[word] |= gathered[word];
        gathered[word] = 0;
    }
    object->is_info_pending |= object->is_info_gathered;
    object->is_info_gathered = false;
    object->has_gathered = false;
}

void hd_tx_repair_timeout(struct herald_norm_sender *sender, uint64_t now_ns)
{
    bool is_any = false;

    sender->repair_ns = HERALD_NEVER;
    if (sender->repair_state == HD_TX_REPAIR_HOLDOFF) {
        set_state(sender, HD_TX_REPAIR_IDLE);
        return;
    }
    sender->due &= ~(unsigned)HD_TX_DUE_ADVERT;
    sender->advert_ns = HERALD_NEVER;
    for (struct hd_tx_object *object = sender->oldest; object; object = object->newer) {
        if (!object->has_gathered)
            continue;
        make_pending(sender, object);
        is_any = true;
    }
    if (!is_any) { /* what was asked for has been released */
        set_state(sender, HD_TX_REPAIR_IDLE);
        return;
    }
    sender->statistics.repair_cycles++;
    set_state(sender, HD_TX_REPAIR_HOLDOFF);
    sender->repair_ns = now_ns + sender->grtt_ns;
}

/* --- sending --- */

/* As many parity symbols as were asked for, that nobody has seen; when they run out, those that were named. */
static void choose_parity(struct herald_norm_sender *sender, struct hd_tx_repair *repair, struct hd_tx_run *run)
{
    uint16_t rows = (uint16_t)(sender->config.parity_segments - repair->parity_sent);
    uint32_t first = run->symbols + (uint32_t)repair->parity_sent;
    bool is_enough = repair->pending_parity <= rows;

    if (is_enough)
        rows = repair->pending_parity;
    hd_bits_set_range(run->left, first, (uint64_t)first + rows);
    repair->parity_sent = (uint16_t)(repair->parity_sent + rows);
    if (is_enough)
        hd_bits_clear_range(repair->pending, run->symbols, UINT64_C(64) * HD_TX_MASK_WORDS);
}

/* Moves what is pending of a block into the run. */
static void load_run(struct herald_norm_sender *sender, struct hd_tx_object *object, uint64_t block)
{
    struct hd_tx_run *run = &sender->run;
    struct hd_tx_repair *repair = hd_tx_repair_find(sender, object, block);
    bool is_whole = hd_tx_test(object, HD_TX_PENDING_WHOLE, block);

    *run = (struct hd_tx_run){ .object = object, .block = block, .symbols = hd_tx_block_symbols(object, block) };
    if (is_whole)
        hd_bits_set_range(run->left, 0, hd_tx_sent_symbols(object, block));
    if (repair && hd_tx_test(object, HD_TX_PENDING_PARTLY, block)) {
        if (!is_whole && repair->pending_parity > 0)
            choose_parity(sender, repair, run);
        for (int word = 0; word < HD_TX_MASK_WORDS && !is_whole; word++)
            run->left[word] |= repair->pending[word];
        repair->pending_parity = 0;
        memset(repair->pending, 0, sizeof(repair->pending));
        hd_tx_repair_update(sender, repair);
    }
    hd_bits_clear(hd_tx_bitmap(object, HD_TX_PENDING_WHOLE), hd_tx_bit(object, block));
    hd_bits_clear(hd_tx_bitmap(object, HD_TX_PENDING_PARTLY), hd_tx_bit(object, block));
    object->repair_block = block + 1;
    if (!hd_tx_mask_any(run->left))
        run->object = NULL;
}

/* Finds the next thing to repair. @return an object whose INFO is to be sent; NULL: look at the run. */
static struct hd_tx_object *find_repair(struct herald_norm_sender *sender)
{
    struct hd_tx_object *object;

    while (!sender->run.object && (object = sender->repair_from)) {
        uint64_t limit = hd_tx_sent_blocks(object);
        uint64_t block = hd_tx_first_block(object);

        if (object->has_pending && object->is_info_pending)
            return object;
        if (block < object->repair_block)
            block = object->repair_block;
        if (object->has_pending)
            block = hd_tx_next_marked(object, HD_TX_PENDING_WHOLE, HD_TX_PENDING_PARTLY, block, limit);
        if (object->has_pending && block < limit) {
            load_run(sender, object, block);
        } else {
            object->has_pending = false;
            sender->repair_from = object->newer;
        }
    }
    return NULL;
}

static void send_repair_info(struct herald_norm_sender *sender, struct hd_tx_object *object,
                             struct herald_norm_datagram *datagram, uint64_t now_ns)
{
    hd_tx_send_info(sender, object, datagram);
    object->is_info_pending = false;
    object->last_sent_ns = now_ns;
    hd_tx_flush_want(sender);
    sender->statistics.repair_info_datagrams++;
}

/* How many symbols in a row, from that one on, are to be sent. */
static uint16_t count_left(const struct hd_tx_run *run, uint64_t symbol)
{
    return (uint16_t)(hd_bits_first_clear(run->left, symbol, UINT64_C(64) * HD_TX_MASK_WORDS) - symbol);
}

int hd_tx_send_repair(struct herald_norm_sender *sender, struct herald_norm_datagram *datagram, uint64_t now_ns)
{
    struct hd_tx_run *run = &sender->run;
    struct hd_tx_object *object = find_repair(sender);
    uint64_t block;
    uint16_t symbol, rows;

    if (object) {
        send_repair_info(sender, object, datagram, now_ns);
        return 1;
    }
    object = run->object;
    if (!object)
        return 0;
    block = run->block;
    symbol = (uint16_t)hd_bits_first_set(run->left, 0, UINT64_C(64) * HD_TX_MASK_WORDS);
    rows = count_left(run, symbol);
    if (!hd_tx_send_symbol(sender, object, block, symbol, rows, datagram, now_ns))
        return 0;
    if (symbol < run->symbols)
        sender->statistics.repair_source_datagrams++;
    else
        sender->statistics.repair_parity_datagrams++;
    hd_bits_clear(run->left, symbol);
    if (!hd_tx_mask_any(run->left))
        run->object = NULL;
    if (object->kind == HERALD_NORM_STREAM)
        hd_tx_stream_sent(object, block, now_ns);
    return 1;
}
