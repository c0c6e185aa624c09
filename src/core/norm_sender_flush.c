/* SPDX-License-Identifier: MIT */
/*
 * FLUSH (RFC 5740 section 4.2.3): how far the sender is, when there is nothing more to send, so that receivers ask for
 * what they miss at the end; and the watermark (section 5.5.3), a FLUSH that lists who shall acknowledge.
 *
 * A watermark at the end of everything is part of the flush: its questions tell the others as much as a FLUSH without
 * a list. When all that were listed have answered, the flush goes on for those that were not.
 */
#include "norm_sender.h"

#include <errno.h>

void hd_tx_flush_set_state(struct herald_norm_sender *sender, enum hd_tx_flush_state state)
{
    static const bool is_legal[][3] = {
        [HD_TX_FLUSH_NONE] = { [HD_TX_FLUSH_WAITING] = true },
        [HD_TX_FLUSH_WAITING] = { [HD_TX_FLUSH_RUNNING] = true, [HD_TX_FLUSH_NONE] = true },
        [HD_TX_FLUSH_RUNNING] = { [HD_TX_FLUSH_WAITING] = true, [HD_TX_FLUSH_NONE] = true },
    };

    assert(is_legal[sender->flush_state][state]);
    sender->flush_state = state;
    sender->flush_count = 0;
    sender->is_flush_round = false;
    sender->flush_ns = HERALD_NEVER;
    sender->due &= ~(unsigned)HD_TX_DUE_FLUSH;
}

void hd_tx_mark_set_state(struct herald_norm_sender *sender, enum hd_tx_mark_state state)
{
    static const bool is_legal[][4] = {
        [HD_TX_MARK_NONE] = { [HD_TX_MARK_WAITING] = true },
        [HD_TX_MARK_WAITING] = { [HD_TX_MARK_WAITING] = true, [HD_TX_MARK_ASKING] = true, [HD_TX_MARK_DONE] = true },
        [HD_TX_MARK_ASKING] = { [HD_TX_MARK_WAITING] = true, [HD_TX_MARK_DONE] = true },
        [HD_TX_MARK_DONE] = { [HD_TX_MARK_WAITING] = true },
    };

    assert(is_legal[sender->mark.state][state]);
    sender->mark.state = state;
    sender->mark.rounds = 0;
    sender->mark.next_slot = 0;
    sender->mark.next_round_ns = HERALD_NEVER;
    sender->due &= ~(unsigned)HD_TX_DUE_MARK;
}

static bool is_mark_active(const struct herald_norm_sender *sender)
{
    return sender->mark.state == HD_TX_MARK_WAITING || sender->mark.state == HD_TX_MARK_ASKING;
}

/* --- flush --- */

void hd_tx_flush_want(struct herald_norm_sender *sender)
{
    if (sender->flush_state != HD_TX_FLUSH_WAITING)
        hd_tx_flush_set_state(sender, HD_TX_FLUSH_WAITING);
}

/*
 * Receivers that have asked by a greater GRTT than today's hold off until slow_ns, and are deaf to a FLUSH: one that is
 * sent before then does not count among the robust_factor, and comes more rarely.
 */
static bool is_counted(const struct herald_norm_sender *sender, uint64_t now_ns)
{
    return now_ns >= sender->slow_ns;
}

/* When a FLUSH is followed by the next. */
static uint64_t again_ns(const struct herald_norm_sender *sender, uint64_t now_ns)
{
    uint64_t slow_ns = is_counted(sender, now_ns) ? 0 : (sender->slow_ns - now_ns) / 4;

    return now_ns + (slow_ns > 2 * sender->grtt_ns ? slow_ns : 2 * sender->grtt_ns);
}

/* A FLUSH of the end of everything is out. */
static void count_flush(struct herald_norm_sender *sender, uint64_t now_ns)
{
    sender->due &= ~(unsigned)HD_TX_DUE_FLUSH;
    if (is_counted(sender, now_ns))
        sender->flush_count++;
    sender->flush_ns = again_ns(sender, now_ns);
}

/* The newest object of which anything was sent, and the last place in it. @return NULL: nothing of it is left. */
static const struct hd_tx_object *last_sent(const struct herald_norm_sender *sender, uint64_t *ret_block,
                                            uint16_t *ret_symbol)
{
    const struct hd_tx_object *object = sender->newest;

    while (object && (object->state == HD_TX_QUEUED || !hd_tx_object_end(object, ret_block, ret_symbol)))
        object = object->older;
    return object;
}

/* The last place of everything that was sent. @return false: nothing of it is left. */
static bool flush_position(const struct herald_norm_sender *sender, struct hd_position *ret_position)
{
    uint64_t block;
    uint16_t symbol;
    const struct hd_tx_object *object = last_sent(sender, &block, &symbol);

    if (object)
        *ret_position = hd_tx_position(sender, object, block, symbol);
    return object != NULL;
}

/*
 * A FLUSH says of objects before its own that they are complete. A stream that is open has no end that receivers
 * could know: it needs a FLUSH of its own.
 *
 * @return the next one that this round has not had, and its last place; NULL: all had theirs
 */
static const struct hd_tx_object *next_stream(const struct herald_norm_sender *sender, uint64_t *ret_block,
                                              uint16_t *ret_symbol)
{
    uint64_t block;
    uint16_t symbol;
    const struct hd_tx_object *last = last_sent(sender, &block, &symbol);
    const struct hd_tx_object *object = sender->oldest;

    while (object && object != last &&
           (object->kind != HERALD_NORM_STREAM || object->state != HD_TX_SENDING ||
            (sender->is_flush_round && hd_tx_id_before(object->id, sender->flush_from_id)) ||
            !hd_tx_object_end(object, ret_block, ret_symbol)))
        object = object->newer;
    return object != last ? object : NULL;
}

static bool next_stream_position(struct herald_norm_sender *sender, struct hd_position *ret_position)
{
    uint64_t block;
    uint16_t symbol;
    const struct hd_tx_object *object = next_stream(sender, &block, &symbol);

    sender->is_flush_round = object != NULL;
    if (!object)
        return false;
    sender->flush_from_id = (uint16_t)(object->id + 1);
    *ret_position = hd_tx_position(sender, object, block, symbol);
    return true;
}

/* block_symbols is left out: it says nothing that the others do not. */
static bool is_same_position(const struct hd_position *a, const struct hd_position *b)
{
    return a->fec_id == b->fec_id && a->object_id == b->object_id && a->id.block == b->id.block &&
           a->id.symbol == b->id.symbol;
}

static bool is_mark_at_end(const struct herald_norm_sender *sender)
{
    struct hd_position end;

    return flush_position(sender, &end) && is_same_position(&end, &sender->mark.position);
}

/* Does the watermark ask about the end of everything now? Then no other FLUSH is needed. */
static bool is_mark_flushing(const struct herald_norm_sender *sender)
{
    return is_mark_active(sender) && is_mark_at_end(sender);
}

static void end_flush(struct herald_norm_sender *sender)
{
    hd_tx_flush_set_state(sender, HD_TX_FLUSH_NONE);
    hd_tx_event(sender, HERALD_NORM_SENDER_FLUSHED, 0);
}

void hd_tx_flush_idle(struct herald_norm_sender *sender, uint64_t now_ns)
{
    struct hd_position position;

    if (sender->repair_state == HD_TX_REPAIR_GATHERING || is_mark_flushing(sender))
        return;
    if (sender->flush_state != HD_TX_FLUSH_NONE && !flush_position(sender, &position)) {
        end_flush(sender); /* all that was sent has been released */
    } else if (sender->flush_state == HD_TX_FLUSH_WAITING) {
        hd_tx_flush_set_state(sender, HD_TX_FLUSH_RUNNING);
        sender->due |= HD_TX_DUE_FLUSH;
        hd_tx_wake(sender, now_ns);
    }
    if (sender->life == HD_TX_ENDING && sender->flush_state == HD_TX_FLUSH_NONE && !is_mark_active(sender) &&
        !sender->command.is_active && !sender->request.is_active && !hd_tx_stream_is_any_closing(sender)) {
        hd_tx_set_life(sender, HD_TX_EOT);
        sender->eot.left = sender->config.robust_factor;
        sender->due |= HD_TX_DUE_EOT;
    }
}

void hd_tx_flush_timeout(struct herald_norm_sender *sender, uint64_t now_ns)
{
    (void)now_ns;
    sender->flush_ns = HERALD_NEVER;
    if (is_mark_flushing(sender))
        return; /* its end resumes the flush */
    if (sender->flush_count < sender->config.robust_factor)
        sender->due |= HD_TX_DUE_FLUSH;
    else
        end_flush(sender);
}

static void put_flush(struct herald_norm_sender *sender, struct hd_writer *writer, const struct hd_position *position)
{
    hd_wire_put_flush(writer, &sender->header, position);
    hd_wire_end_header(writer);
    sender->statistics.flushes++;
}

void hd_tx_send_flush(struct herald_norm_sender *sender, struct herald_norm_datagram *datagram, uint64_t now_ns)
{
    struct hd_writer writer = hd_tx_writer(sender, datagram);
    struct hd_position position;
    bool is_any;

    if (next_stream_position(sender, &position)) {
        put_flush(sender, &writer, &position);
        hd_tx_finish(sender, datagram, &writer);
        return;
    }
    /* Objects may have been released since: the place is the end of what is left; hd_tx_flush_idle() saw that there
     * is some. */
    is_any = flush_position(sender, &position);
    assert(is_any);
    put_flush(sender, &writer, &position);
    hd_tx_finish(sender, datagram, &writer);
    count_flush(sender, now_ns);
}

void herald_norm_sender_flush(herald_norm_sender *sender, uint64_t now_ns)
{
    if (sender->life >= HD_TX_EOT || sender->flush_state != HD_TX_FLUSH_NONE)
        return; /* one is under way */
    hd_tx_flush_want(sender);
    hd_tx_wake(sender, now_ns);
}

/* --- watermark --- */

bool hd_tx_mark_needs(const struct herald_norm_sender *sender, uint16_t object_id)
{
    return is_mark_active(sender) && !sender->mark.is_for_room &&
           !hd_tx_id_before(sender->mark.position.object_id, object_id);
}

/* Has everything up to it been sent? */
static bool is_mark_sent(const struct hd_tx_mark *mark)
{
    const struct hd_tx_object *object = mark->object;

    if (!object)
        return true;
    if (object->kind != HERALD_NORM_STREAM)
        return object->state >= HD_TX_SENT;
    return object->next_block > mark->block ||
           (object->next_block == mark->block && object->next_symbol > mark->symbol);
}

static uint32_t count_answers(const struct herald_norm_sender *sender, enum hd_norm_answer answer)
{
    const struct hd_norm_nodes *nodes = &sender->ack_nodes;
    uint32_t count = 0;

    for (uint32_t slot = 0; slot < nodes->used_slots; slot++)
        count += nodes->slots[slot].node_id != HERALD_NORM_NODE_NONE && nodes->slots[slot].answer == answer;
    return count;
}

/* All that were asked have everything up to it. Of a stream that need not be all of the object. */
static void note_acknowledged(struct herald_norm_sender *sender, uint64_t now_ns)
{
    struct hd_tx_mark *mark = &sender->mark;
    bool is_stream = mark->object && mark->object->kind == HERALD_NORM_STREAM;

    hd_tx_room_on_acked(sender, (uint16_t)(mark->position.object_id - is_stream), now_ns);
    if (!is_stream)
        return;
    mark->object->acked_block = mark->block;
    hd_tx_stream_check(sender, now_ns);
}

/* All have answered, or will not be asked any more. */
static void end_mark(struct herald_norm_sender *sender, uint64_t now_ns)
{
    struct hd_tx_mark *mark = &sender->mark;
    struct herald_norm_sender_event event = { .type = HERALD_NORM_SENDER_ACKS_DONE,
                                              .object_id = mark->position.object_id,
                                              .missing_count = count_answers(sender, HD_NORM_ANSWER_FAILED) };

    hd_tx_mark_set_state(sender, HD_TX_MARK_DONE);
    /* Also called from the application's calls, which may come in any number before events are read. */
    if (hd_events_room(&sender->events) > HD_TX_EVENTS_SPARE / 2)
        hd_tx_event_push(sender, &event);
    /* Who was taken off the list before it answered says nothing of the others. */
    if (event.missing_count == 0 && count_answers(sender, HD_NORM_ANSWER_GIVEN) > 0)
        note_acknowledged(sender, now_ns);
    if (sender->flush_state == HD_TX_FLUSH_RUNNING && sender->flush_ns == HERALD_NEVER &&
        !(sender->due & HD_TX_DUE_FLUSH))
        sender->flush_ns = now_ns; /* the next FLUSH, or the end, was due while the watermark was asked about */
}

static void fail_due(struct herald_norm_sender *sender)
{
    struct hd_norm_nodes *nodes = &sender->ack_nodes;
    uint32_t slot = 0;

    while ((slot = hd_norm_nodes_next_due(nodes, slot)) != HD_NORM_NO_SLOT)
        hd_norm_nodes_set(nodes, slot++, HD_NORM_ANSWER_FAILED);
}

void hd_tx_mark_check(struct herald_norm_sender *sender)
{
    if (sender->mark.state != HD_TX_MARK_WAITING || hd_tx_is_repairing(sender) || !is_mark_sent(&sender->mark))
        return;
    hd_tx_mark_set_state(sender, HD_TX_MARK_ASKING);
    sender->due |= HD_TX_DUE_MARK;
}

void hd_tx_mark_timeout(struct herald_norm_sender *sender, uint64_t now_ns)
{
    struct hd_tx_mark *mark = &sender->mark;

    mark->next_round_ns = HERALD_NEVER;
    if (mark->rounds < sender->config.robust_factor) {
        mark->next_slot = 0;
        sender->due |= HD_TX_DUE_MARK;
        return;
    }
    fail_due(sender);
    end_mark(sender, now_ns);
}

void hd_tx_mark_release(struct herald_norm_sender *sender, struct hd_tx_object *object, uint64_t now_ns)
{
    bool is_lost = is_mark_active(sender) && !is_mark_sent(&sender->mark);

    if (sender->mark.object != object)
        return;
    sender->mark.object = NULL;
    if (is_lost) { /* what was never sent cannot be acknowledged */
        fail_due(sender);
        end_mark(sender, now_ns);
    }
}

/* A round of questions is out. If it was about the end of everything, the flush has had one FLUSH more. */
static void end_round(struct herald_norm_sender *sender, uint64_t now_ns)
{
    struct hd_tx_mark *mark = &sender->mark;
    uint64_t block;
    uint16_t symbol;

    sender->due &= ~(unsigned)HD_TX_DUE_MARK;
    if (is_counted(sender, now_ns))
        mark->rounds++;
    mark->next_slot = 0;
    mark->next_round_ns = again_ns(sender, now_ns);
    if (sender->flush_state == HD_TX_FLUSH_NONE || sender->sending || !is_mark_flushing(sender) ||
        next_stream(sender, &block, &symbol))
        return; /* open streams need a FLUSH of their own: the flush begins when the watermark is done */
    if (sender->flush_state == HD_TX_FLUSH_WAITING)
        hd_tx_flush_set_state(sender, HD_TX_FLUSH_RUNNING);
    count_flush(sender, now_ns);
}

/* One message of a round: as many of those that have not answered as fit a segment. */
void hd_tx_send_mark(struct herald_norm_sender *sender, struct herald_norm_datagram *datagram, uint64_t now_ns)
{
    struct hd_tx_mark *mark = &sender->mark;
    const struct hd_norm_nodes *nodes = &sender->ack_nodes;
    struct hd_writer writer = hd_tx_writer(sender, datagram);
    uint32_t slot = hd_norm_nodes_next_due(nodes, mark->next_slot);

    put_flush(sender, &writer, &mark->position);
    hd_writer_limit(&writer, sender->config.segment_bytes);
    if (slot == HD_NORM_NO_SLOT) /* the rest of the list has answered meanwhile */
        slot = hd_norm_nodes_next_due(nodes, 0);
    while (slot != HD_NORM_NO_SLOT && hd_wire_put_node(&writer, nodes->slots[slot].node_id))
        slot = hd_norm_nodes_next_due(nodes, slot + 1);
    mark->next_slot = slot;
    if (slot == HD_NORM_NO_SLOT)
        end_round(sender, now_ns);
    hd_tx_finish(sender, datagram, &writer);
}

void hd_tx_on_flush_ack(struct herald_norm_sender *sender, uint32_t node_id, const struct hd_position *position,
                        uint64_t now_ns)
{
    struct hd_tx_mark *mark = &sender->mark;
    struct herald_norm_sender_event event = { .type = HERALD_NORM_SENDER_ACKED,
                                              .object_id = position->object_id,
                                              .node_id = node_id };
    uint32_t slot = hd_norm_nodes_find(&sender->ack_nodes, node_id);

    if (mark->state == HD_TX_MARK_NONE || !is_same_position(&mark->position, position)) {
        sender->statistics.dropped[HERALD_NORM_DROP_OLD]++;
        return;
    }
    if (slot == HD_NORM_NO_SLOT || sender->ack_nodes.slots[slot].answer == HD_NORM_ANSWER_NONE) {
        sender->statistics.dropped[HERALD_NORM_DROP_INCONSISTENT]++; /* nobody asked it */
        return;
    }
    if (sender->ack_nodes.slots[slot].answer == HD_NORM_ANSWER_GIVEN) {
        sender->statistics.dropped[HERALD_NORM_DROP_DUPLICATE]++;
        return;
    }
    hd_norm_nodes_set(&sender->ack_nodes, slot, HD_NORM_ANSWER_GIVEN);
    hd_tx_event_push(sender, &event);
    mark->rounds = 0;
    if (is_mark_active(sender) && sender->ack_nodes.due_count == 0)
        end_mark(sender, now_ns);
}

int herald_norm_sender_add_ack_node(herald_norm_sender *sender, uint32_t node_id)
{
    if (node_id == HERALD_NORM_NODE_NONE || node_id == HERALD_NORM_NODE_ANY || node_id == sender->config.node_id)
        return -EINVAL;
    return hd_norm_nodes_add(&sender->ack_nodes, node_id);
}

int herald_norm_sender_remove_ack_node(herald_norm_sender *sender, uint32_t node_id, uint64_t now_ns)
{
    int r = hd_norm_nodes_remove(&sender->ack_nodes, node_id);

    if (r == 0 && is_mark_active(sender) && sender->ack_nodes.due_count == 0)
        end_mark(sender, now_ns);
    return r;
}

static int set_mark(struct herald_norm_sender *sender, uint16_t object_id, bool is_for_room, uint64_t now_ns)
{
    struct hd_tx_object *object = hd_tx_object_find(sender, object_id);
    struct hd_tx_mark *mark = &sender->mark;
    uint64_t block = 0;
    uint16_t symbol = 0;

    if (!object)
        return -ENOENT;
    if (sender->ack_nodes.count == 0 || sender->life >= HD_TX_EOT)
        return -EINVAL;
    if (object->kind == HERALD_NORM_STREAM ? !hd_tx_stream_end(sender, object, &block, &symbol)
                                           : !hd_tx_object_end(object, &block, &symbol))
        return -EINVAL; /* a stream into which nothing was written */
    hd_tx_mark_set_state(sender, HD_TX_MARK_WAITING);
    mark->is_for_room = is_for_room;
    mark->object = object;
    mark->block = block;
    mark->symbol = symbol;
    mark->position = hd_tx_position(sender, object, block, symbol);
    hd_norm_nodes_set_all(&sender->ack_nodes, HD_NORM_ANSWER_DUE);
    hd_tx_wake(sender, now_ns);
    hd_tx_mark_check(sender);
    return 0;
}

int herald_norm_sender_request_acks(herald_norm_sender *sender, uint16_t object_id, uint64_t now_ns)
{
    return set_mark(sender, object_id, false, now_ns);
}

int herald_norm_sender_request_room(herald_norm_sender *sender, uint16_t object_id, uint64_t now_ns)
{
    return set_mark(sender, object_id, true, now_ns);
}

int herald_norm_sender_ack_status(const herald_norm_sender *sender, uint32_t node_id)
{
    uint32_t slot = hd_norm_nodes_find(&sender->ack_nodes, node_id);

    if (slot == HD_NORM_NO_SLOT)
        return -ENOENT;
    switch (sender->ack_nodes.slots[slot].answer) {
    case HD_NORM_ANSWER_NONE:
    case HD_NORM_ANSWER_DUE:
        return 0;
    case HD_NORM_ANSWER_GIVEN:
        return 1;
    case HD_NORM_ANSWER_FAILED:
        return 2;
    }
    return 0;
}
