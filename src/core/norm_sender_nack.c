/* SPDX-License-Identifier: MIT */
/*
 * NACKs (RFC 5740 section 4.3.1): repair requests of every form and flag, into what is wanted of which block.
 *
 * Nothing that a packet says is believed: ranges are cut to what was sent, in steps of whole words of the bitmaps;
 * requests for what is gone end in a SQUELCH, those for what never was are counted. A packet that asks for everything
 * again and again is not read to its end.
 */
#include "norm_sender.h"

/* A NACK while it is read. */
struct nack {
    struct herald_norm_sender *sender;
    uint64_t now_ns;
    bool is_news;   /* something was gathered that had not been before */
    uint64_t steps; /* that may still be made for it: objects, and words of bitmaps */
    bool is_cut;    /* they were not enough */
};

/* More than every NACK needs that asks for each thing once. */
static uint64_t steps_max(const struct herald_norm_sender *sender)
{
    return 8192 + 2 * (sender->objects_count + sender->blocks_used / 64);
}

static void count_inconsistent(const struct nack *nack)
{
    nack->sender->statistics.dropped[HERALD_NORM_DROP_INCONSISTENT]++;
}

/* @return false: the NACK has asked for too much already */
static bool may_step(struct nack *nack, uint64_t steps)
{
    if (steps <= nack->steps) {
        nack->steps -= steps;
        return true;
    }
    nack->steps = 0;
    nack->is_cut = true;
    return false;
}

/* --- what may be asked for now --- */

static bool is_holdoff(const struct nack *nack)
{
    return nack->sender->repair_state == HD_TX_REPAIR_HOLDOFF;
}

static void gathered(struct nack *nack, struct hd_tx_object *object)
{
    hd_tx_repair_gathered(nack->sender, object, nack->now_ns);
    nack->is_news = true;
}

/* --- whole blocks --- */

/* Sets the bits of words [word, end) that are not pending yet. No masks: a hostile range may be long. */
static bool mark_words(uint64_t *bits, const uint64_t *pending, uint64_t word, uint64_t end)
{
    uint64_t news = 0;

    for (; word < end; word++) {
        news |= ~(pending[word] | bits[word]);
        bits[word] |= ~pending[word];
    }
    return news != 0;
}

/* The same for some bits of one word. */
static bool mark_bits(uint64_t *bits, const uint64_t *pending, uint64_t word, uint64_t mask)
{
    uint64_t fresh = mask & ~(pending[word] | bits[word]);

    bits[word] |= fresh;
    return fresh != 0;
}

/* Sets the bits of blocks [from, limit) that are not pending as a whole already. @return whether there was any. */
static bool mark_whole(struct hd_tx_object *object, enum hd_tx_bitmap bitmap, uint64_t from, uint64_t limit)
{
    uint64_t *bits = hd_tx_bitmap(object, bitmap);
    const uint64_t *pending = hd_tx_bitmap(object, HD_TX_PENDING_WHOLE);
    bool is_news = false;

    while (from < limit) { /* one piece of a stream's ring at a time */
        uint64_t first = hd_tx_bit(object, from);
        uint64_t end = limit - from < object->bitmap_blocks - first ? first + (limit - from) : object->bitmap_blocks;
        uint64_t last_word = (end - 1) / 64;

        is_news |= mark_bits(bits, pending, first / 64, hd_bits_mask(first / 64, first, end));
        if (last_word > first / 64) {
            is_news |= mark_words(bits, pending, first / 64 + 1, last_word);
            is_news |= mark_bits(bits, pending, last_word, hd_bits_mask(last_word, first, end));
        }
        from += end - first;
    }
    return is_news;
}

/* Blocks [from, limit), all of which were sent, if only in part. */
static void ask_whole(struct nack *nack, struct hd_tx_object *object, uint64_t from, uint64_t limit)
{
    struct herald_norm_sender *sender = nack->sender;
    uint64_t ahead;

    if (!may_step(nack, 1 + (limit - from) / 64))
        return;
    if (object->kind == HERALD_NORM_STREAM)
        sender->statistics.nacked_segments += (limit - from) * object->stream.block_symbols;
    else
        sender->statistics.nacked_segments += hd_partition_block_segment(&object->partition, limit) -
                                              hd_partition_block_segment(&object->partition, from);
    if (!is_holdoff(nack)) {
        if (mark_whole(object, HD_TX_GATHERED_WHOLE, from, limit))
            gathered(nack, object);
        return;
    }
    ahead = hd_tx_repair_ahead(sender, object);
    if (from < ahead)
        from = ahead;
    if (from < limit && mark_whole(object, HD_TX_PENDING_WHOLE, from, limit))
        hd_tx_repair_pending(sender, object, from);
}

/* --- single symbols --- */

/* What a request wants of one block. */
struct wish {
    uint64_t mask[HD_TX_MASK_WORDS]; /* symbols by name, source and parity, */
    uint16_t parity;                 /* of which so many are parity */
};

static bool is_subset(const uint64_t *mask, const uint64_t *of)
{
    for (int word = 0; word < HD_TX_MASK_WORDS; word++)
        if (mask[word] & ~of[word])
            return false;
    return true;
}

/* Source symbols of a mask. */
static void keep_source(uint64_t *mask, uint16_t symbols)
{
    hd_bits_clear_range(mask, symbols, UINT64_C(64) * HD_TX_MASK_WORDS);
}

/* Will what is asked for be sent anyway? Parity stands for any other parity. */
static bool is_coming(const struct herald_norm_sender *sender, const struct hd_tx_object *object, uint64_t block,
                      const struct hd_tx_repair *repair, const struct wish *wish)
{
    uint16_t symbols = hd_tx_block_symbols(object, block);
    uint64_t source[HD_TX_MASK_WORDS];
    const uint64_t *coming = repair->pending;
    uint64_t parity = repair->pending_parity;

    if (hd_tx_test(object, HD_TX_PENDING_WHOLE, block))
        return true;
    if (sender->run.object == object && sender->run.block == block) {
        coming = sender->run.left;
        parity = hd_bits_count(coming, symbols, UINT64_C(64) * HD_TX_MASK_WORDS);
    }
    for (int word = 0; word < HD_TX_MASK_WORDS; word++)
        source[word] = wish->mask[word];
    keep_source(source, symbols);
    return is_subset(source, coming) && repair->nack_parity <= parity;
}

static void gather_wish(struct nack *nack, struct hd_tx_object *object, struct hd_tx_repair *repair,
                        const struct wish *wish)
{
    bool is_news = false;

    if (repair->nack_parity > repair->gathered_parity) {
        repair->gathered_parity = repair->nack_parity;
        is_news = true;
    }
    for (int word = 0; word < HD_TX_MASK_WORDS; word++) {
        is_news |= (wish->mask[word] & ~repair->gathered[word]) != 0;
        repair->gathered[word] |= wish->mask[word];
    }
    if (!is_news)
        return;
    hd_bits_set(hd_tx_bitmap(object, HD_TX_GATHERED_PARTLY), hd_tx_bit(object, repair->block));
    gathered(nack, object);
}

static void add_to_pending(struct nack *nack, struct hd_tx_object *object, struct hd_tx_repair *repair,
                           const struct wish *wish)
{
    if (repair->nack_parity > repair->pending_parity)
        repair->pending_parity = repair->nack_parity;
    for (int word = 0; word < HD_TX_MASK_WORDS; word++)
        repair->pending[word] |= wish->mask[word];
    hd_bits_set(hd_tx_bitmap(object, HD_TX_PENDING_PARTLY), hd_tx_bit(object, repair->block));
    hd_tx_repair_pending(nack->sender, object, repair->block);
}

static void ask_wish(struct nack *nack, struct hd_tx_object *object, uint64_t block, const struct wish *wish)
{
    struct herald_norm_sender *sender = nack->sender;
    bool is_ahead = block >= hd_tx_repair_ahead(sender, object);
    struct hd_tx_repair *repair;

    if (is_holdoff(nack) && !is_ahead)
        return;
    repair = hd_tx_repair_get(sender, object, block);
    if (!repair) {
        ask_whole(nack, object, block, block + 1);
        return;
    }
    if (repair->nack_number != sender->nack_number) {
        repair->nack_number = sender->nack_number;
        repair->nack_parity = 0;
    }
    /* More than there is does not help anybody, and a hostile sum must not run over. */
    repair->nack_parity = (uint16_t)(repair->nack_parity + wish->parity);
    if (repair->nack_parity > sender->config.parity_segments)
        repair->nack_parity = sender->config.parity_segments;
    if (is_coming(sender, object, block, repair, wish))
        return;
    if (is_holdoff(nack))
        add_to_pending(nack, object, repair, wish);
    else
        gather_wish(nack, object, repair, wish);
    hd_tx_repair_update(sender, repair);
}

/* Is parity of that block to be had? Not while a stream's block is being written. */
static bool has_parity(const struct hd_tx_object *object, uint64_t block)
{
    return object->kind != HERALD_NORM_STREAM || block < object->stream.next_block;
}

/* Symbols [first, limit) of one block, source and parity. */
static void ask_symbols(struct nack *nack, struct hd_tx_object *object, uint64_t block, uint32_t first, uint32_t limit)
{
    struct herald_norm_sender *sender = nack->sender;
    uint16_t symbols = hd_tx_block_symbols(object, block);
    uint16_t sent_symbols = hd_tx_sent_symbols(object, block);
    uint32_t end = symbols + (uint32_t)sender->config.parity_segments;
    uint32_t source_limit = limit < sent_symbols ? limit : sent_symbols;
    uint32_t parity_first = first > symbols ? first : symbols;
    struct wish wish = { .parity = 0 };

    if (limit > end)
        limit = end;
    if (first < source_limit) {
        hd_bits_set_range(wish.mask, first, source_limit);
        sender->statistics.nacked_segments += source_limit - first;
    }
    if (parity_first < limit) {
        sender->statistics.nacked_segments += limit - parity_first;
        if (!has_parity(object, block)) {
            ask_whole(nack, object, block, block + 1);
            return;
        }
        hd_bits_set_range(wish.mask, parity_first, limit);
        wish.parity = (uint16_t)(limit - parity_first);
    }
    if (hd_tx_mask_any(wish.mask))
        ask_wish(nack, object, block, &wish);
    else
        count_inconsistent(nack);
}

/* --- objects --- */

/* Ids [first, limit): none is in the queue. Those behind it will be one day, the others are gone. */
static void ask_missing(struct nack *nack, uint16_t first, uint16_t limit)
{
    struct herald_norm_sender *sender = nack->sender;

    if (!hd_tx_id_before(first, sender->next_id)) {
        count_inconsistent(nack);
        return;
    }
    if (!sender->oldest || hd_tx_id_before(first, sender->oldest->id)) {
        /* The window itself, which begins with the oldest object, tells. */
        hd_tx_squelch_want(sender, first, false, nack->now_ns);
        return;
    }
    for (uint32_t count = 0; first != limit && count < HD_TX_SQUELCH_IDS && may_step(nack, 1); first++, count++)
        if (hd_tx_id_before(first, sender->next_id))
            hd_tx_squelch_want(sender, first, true, nack->now_ns);
}

/* Walks over the objects that a range names: from NULL to the first, from each to the next, to NULL at the end. Ids
 * between them that are in no queue are dealt with on the way. */
static struct hd_tx_object *next_object(struct nack *nack, struct hd_tx_object *object, uint16_t first, uint16_t last)
{
    uint16_t expected = object ? (uint16_t)(object->id + 1) : first;
    struct hd_tx_object *next = object ? object->newer : hd_tx_object_find(nack->sender, first);

    if (object && object->id == last)
        return NULL;
    if (!next && !object && hd_tx_id_before(first, nack->sender->next_id)) {
        next = nack->sender->oldest;
        while (next && hd_tx_id_before(next->id, first)) {
            if (!may_step(nack, 1))
                return NULL;
            next = next->newer;
        }
    }
    if (next && hd_tx_id_before(last, next->id))
        next = NULL;
    if (!next)
        ask_missing(nack, expected, (uint16_t)(last + 1));
    else if (next->id != expected)
        ask_missing(nack, expected, next->id);
    return next;
}

static void ask_info(struct nack *nack, struct hd_tx_object *object)
{
    struct herald_norm_sender *sender = nack->sender;

    if (!object->is_info_sent) {
        count_inconsistent(nack);
        return;
    }
    sender->statistics.nacked_segments++;
    if (object->is_info_pending || object->is_info_gathered)
        return;
    if (!is_holdoff(nack)) {
        object->is_info_gathered = true;
        gathered(nack, object);
    } else if (hd_tx_repair_ahead(sender, object) == hd_tx_first_block(object)) {
        object->is_info_pending = true;
        hd_tx_repair_pending(sender, object, hd_tx_first_block(object));
    }
}

static void ask_object(struct nack *nack, struct hd_tx_object *object)
{
    uint64_t first = hd_tx_first_block(object);
    uint64_t limit = hd_tx_sent_blocks(object);

    if (object->is_info_sent)
        ask_info(nack, object);
    if (first < limit)
        ask_whole(nack, object, first, limit);
    else if (!object->is_info_sent)
        count_inconsistent(nack); /* nothing of it was ever sent */
}

/* --- places --- */

/* A block number on the wire, into ours. */
static uint64_t unwrap_block(const struct nack *nack, const struct hd_tx_object *object, uint32_t block)
{
    if (object->kind != HERALD_NORM_STREAM)
        return block;
    return hd_wrap_near(object->next_block, block, nack->sender->block_bits);
}

/* Cuts blocks [from, limit) to those that were sent and are kept. @return false: there is none */
static bool clip_blocks(struct nack *nack, const struct hd_tx_object *object, uint64_t *from, uint64_t *limit)
{
    uint64_t first_block = hd_tx_first_block(object);
    uint64_t sent_blocks = hd_tx_sent_blocks(object);

    if (*from >= *limit || *from >= sent_blocks) {
        count_inconsistent(nack);
        return false;
    }
    if (*from < first_block) {
        /* A stream has gone on: the window in the SQUELCH tells where it begins. */
        hd_tx_squelch_want(nack->sender, object->id, false, nack->now_ns);
        *from = first_block;
    }
    if (*limit > sent_blocks)
        *limit = sent_blocks;
    return *from < *limit;
}

static void ask_blocks(struct nack *nack, struct hd_tx_object *object, uint64_t from, uint64_t limit)
{
    if (clip_blocks(nack, object, &from, &limit))
        ask_whole(nack, object, from, limit);
}

/* Symbols [first, limit) of a block that may not exist. */
static void ask_block_symbols(struct nack *nack, struct hd_tx_object *object, uint64_t block, uint32_t first,
                              uint32_t limit)
{
    uint64_t block_limit = block + 1;

    if (clip_blocks(nack, object, &block, &block_limit))
        ask_symbols(nack, object, block, first, limit);
}

/* Which part of an object a range [first, last] of places covers. */
struct part {
    uint64_t first_block, last_block;
    uint32_t first_symbol, limit_symbol; /* of the first, and of the last block */
};

static struct part part_of(const struct nack *nack, const struct hd_tx_object *object, const struct hd_position *first,
                           const struct hd_position *last)
{
    struct part part = { .first_block = hd_tx_first_block(object), .limit_symbol = HD_SYMBOLS_MAX + 1 };
    uint64_t blocks = hd_tx_sent_blocks(object);

    part.last_block = blocks > 0 ? blocks - 1 : 0;
    if (object->id == first->object_id) {
        part.first_block = unwrap_block(nack, object, first->id.block);
        part.first_symbol = first->id.symbol;
    }
    if (object->id == last->object_id) {
        part.last_block = unwrap_block(nack, object, last->id.block);
        part.limit_symbol = last->id.symbol + UINT32_C(1);
    }
    return part;
}

/* A range of symbols that may begin in one block and end in another: what lies between is wanted as a whole. */
static void ask_part(struct nack *nack, struct hd_tx_object *object, const struct part *part)
{
    uint64_t from = part->first_block;
    uint64_t limit = part->last_block + 1;

    if (part->first_block == part->last_block && part->limit_symbol <= HD_SYMBOLS_MAX) {
        ask_block_symbols(nack, object, part->first_block, part->first_symbol, part->limit_symbol);
        return;
    }
    if (part->first_block > part->last_block) {
        count_inconsistent(nack);
        return;
    }
    if (part->first_symbol > 0) {
        struct hd_tx_object *named = object;

        if (from < hd_tx_sent_blocks(named) && from >= hd_tx_first_block(named))
            ask_symbols(nack, named, from, part->first_symbol, hd_tx_block_symbols(named, from));
        from++;
    }
    if (part->limit_symbol <= HD_SYMBOLS_MAX) {
        limit--;
        if (limit >= part->first_block)
            ask_block_symbols(nack, object, limit, 0, part->limit_symbol);
    }
    if (from < limit)
        ask_blocks(nack, object, from, limit);
}

/* What flags want of an object that exists. */
static void ask(struct nack *nack, struct hd_tx_object *object, unsigned flags, const struct hd_position *first,
                const struct hd_position *last)
{
    struct part part;

    if (flags & HD_REQUEST_OBJECT) {
        ask_object(nack, object);
        return;
    }
    if (flags & HD_REQUEST_INFO)
        ask_info(nack, object);
    if (!(flags & (HD_REQUEST_BLOCK | HD_REQUEST_SEGMENT)))
        return;
    part = part_of(nack, object, first, last);
    if (flags & HD_REQUEST_BLOCK)
        ask_blocks(nack, object, part.first_block, part.last_block + 1);
    else
        ask_part(nack, object, &part);
}

/* --- requests --- */

static void read_range(struct nack *nack, unsigned flags, const struct hd_position *first,
                       const struct hd_position *last)
{
    const unsigned known = HD_REQUEST_SEGMENT | HD_REQUEST_BLOCK | HD_REQUEST_INFO | HD_REQUEST_OBJECT;
    struct hd_tx_object *object = NULL;
    uint8_t fec_id = nack->sender->config.fec_id;

    if (!(flags & known) || first->fec_id != fec_id || last->fec_id != fec_id ||
        hd_tx_id_before(last->object_id, first->object_id)) {
        count_inconsistent(nack);
        return;
    }
    while (may_step(nack, 1) && (object = next_object(nack, object, first->object_id, last->object_id)))
        ask(nack, object, flags, first, last);
}

/* A number of symbols that are missing in a block, whichever (RFC 5740 section 4.3.1): as much parity. */
static void read_erasures(struct nack *nack, unsigned flags, const struct hd_position *item)
{
    struct hd_tx_object *object = hd_tx_object_find(nack->sender, item->object_id);
    struct hd_position first = *item;
    struct hd_position last = *item;
    uint64_t block;

    if ((flags & HD_REQUEST_SEGMENT) && object && item->fec_id == nack->sender->config.fec_id && item->id.symbol > 0) {
        block = unwrap_block(nack, object, item->id.block);
        if (block >= hd_tx_first_block(object) && block < hd_tx_sent_blocks(object)) {
            first.id.symbol = hd_tx_block_symbols(object, block);
            last.id.symbol = (uint16_t)(first.id.symbol + item->id.symbol - 1);
            /* More than all the parity: only the block itself helps. */
            if (item->id.symbol > nack->sender->config.parity_segments)
                flags = HD_REQUEST_BLOCK;
        }
    }
    read_range(nack, flags, &first, &last);
}

void hd_tx_on_nack(struct herald_norm_sender *sender, const struct hd_nack *nack, bool unicast, uint64_t now_ns)
{
    struct nack reading = { .sender = sender, .now_ns = now_ns, .steps = steps_max(sender) };
    struct hd_cursor requests = nack->requests;
    struct hd_request request;
    struct hd_position first, last;

    sender->nack_number++;
    while (hd_wire_next_request(&requests, &request)) {
        if (request.form == HD_REQUEST_RANGES) {
            while (hd_wire_next_range(&request.items, &first, &last))
                read_range(&reading, request.flags, &first, &last);
            continue;
        }
        while (hd_wire_next_item(&request.items, &first)) {
            if (request.form == HD_REQUEST_ERASURES)
                read_erasures(&reading, request.flags, &first);
            else
                read_range(&reading, request.flags, &first, &first);
        }
    }
    if (reading.is_cut)
        sender->statistics.dropped[HERALD_NORM_DROP_LIMIT]++;
    if (reading.is_news && (unicast || sender->config.unicast_feedback))
        hd_tx_advert_want(sender, now_ns);
}
