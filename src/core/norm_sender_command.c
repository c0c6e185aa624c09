/* SPDX-License-Identifier: MIT */
/*
 * The sender's other commands (RFC 5740 section 4.2.3): SQUELCH, REPAIR_ADV, application-defined commands, requests
 * for acknowledgement, EOT.
 */
#include "norm_sender.h"

#include <errno.h>
#include <string.h>

enum {
    ADVERT_FLAGS_OFFSET_BYTES = 13, /* of REPAIR_ADV's flags in the message: known when the content is written */
    REQUEST_CONTENT_MAX = 1002,     /* what fits a header extension behind ACK_REQ's own header: 251 words - 2 */
    RANGE_BLOCKS_MIN = 3,           /* as deployed: one or two neighbours are items, more are a range */
    ADVERTS_PER_GRTT = 4,           /* of those that grow: the sooner they are heard, the fewer NACKs follow */
    ADVERT_PAUSE = 4,               /* after each, so many times its own: whoever asks, data goes on */
};

/* Of what is repeated: one is out. @return whether it was the last. */
static bool repeat_sent(const struct herald_norm_sender *sender, struct hd_tx_repeat *repeat, uint64_t now_ns)
{
    assert(repeat->left > 0);
    repeat->left--;
    repeat->next_ns = now_ns + 2 * sender->grtt_ns;
    return repeat->left == 0;
}

/* --- SQUELCH --- */

void hd_tx_squelch_want(struct herald_norm_sender *sender, uint16_t object_id, bool is_in_window, uint64_t now_ns)
{
    uint32_t index = 0;

    while (index < sender->squelch_count && sender->squelch_ids[index] != object_id)
        index++;
    if (is_in_window && index == sender->squelch_count && index < HD_TX_SQUELCH_IDS)
        sender->squelch_ids[sender->squelch_count++] = object_id;
    if (sender->is_squelch_wanted)
        return;
    sender->is_squelch_wanted = true;
    if (now_ns >= sender->squelch_allowed_ns)
        sender->due |= HD_TX_DUE_SQUELCH;
    else
        sender->squelch_ns = sender->squelch_allowed_ns;
}

/* Where the objects begin that can still be repaired. */
static struct hd_position squelch_window(const struct herald_norm_sender *sender)
{
    const struct hd_tx_object *oldest = sender->oldest;

    if (oldest && !oldest->is_partition_empty)
        return hd_tx_position(sender, oldest, hd_tx_first_block(oldest), 0);
    return (struct hd_position){ .fec_id = sender->config.fec_id, .object_id = oldest ? oldest->id : sender->next_id };
}

void hd_tx_send_squelch(struct herald_norm_sender *sender, struct herald_norm_datagram *datagram, uint64_t now_ns)
{
    struct hd_writer writer = hd_tx_writer(sender, datagram);
    struct hd_position window = squelch_window(sender);

    hd_wire_put_squelch(&writer, &sender->header, &window);
    hd_wire_end_header(&writer);
    hd_writer_limit(&writer, sender->config.segment_bytes);
    for (uint32_t i = 0; i < sender->squelch_count; i++)
        if (hd_tx_id_before(window.object_id, sender->squelch_ids[i]))
            hd_wire_put_object(&writer, sender->squelch_ids[i]);
    hd_tx_finish(sender, datagram, &writer);
    sender->due &= ~(unsigned)HD_TX_DUE_SQUELCH;
    sender->squelch_count = 0;
    sender->is_squelch_wanted = false;
    sender->squelch_ns = HERALD_NEVER;
    sender->squelch_allowed_ns = now_ns + 2 * sender->grtt_ns;
    sender->statistics.squelches++;
}

/* --- REPAIR_ADV --- */

void hd_tx_advert_want(struct herald_norm_sender *sender, uint64_t now_ns)
{
    if (now_ns >= sender->advert_allowed_ns)
        sender->due |= HD_TX_DUE_ADVERT;
    else
        sender->advert_ns = sender->advert_allowed_ns;
}

static bool put_symbols(const struct herald_norm_sender *sender, struct hd_request_writer *requests,
                        const struct hd_tx_object *object, uint64_t block, uint32_t first, uint32_t limit)
{
    struct hd_position from = hd_tx_position(sender, object, block, (uint16_t)first);
    struct hd_position to = hd_tx_position(sender, object, block, (uint16_t)(limit - 1));

    if (limit - first >= RANGE_BLOCKS_MIN)
        return hd_request_put_range(requests, HD_REQUEST_SEGMENT, &from, &to);
    for (; first < limit; first++) {
        from.id.symbol = (uint16_t)first;
        if (!hd_request_put_item(requests, HD_REQUEST_SEGMENT, &from))
            return false;
    }
    return true;
}

/* A block's gathered symbols. Parity is a number: as many from the first row on, whichever were named. */
static bool put_partly(struct herald_norm_sender *sender, struct hd_request_writer *requests,
                       const struct hd_tx_object *object, uint64_t block)
{
    const struct hd_tx_repair *repair = hd_tx_repair_find(sender, object, block);
    uint32_t symbols = hd_tx_block_symbols(object, block);
    uint32_t first = 0;

    assert(repair);
    while ((first = (uint32_t)hd_bits_first_set(repair->gathered, first, symbols)) < symbols) {
        uint32_t limit = (uint32_t)hd_bits_first_clear(repair->gathered, first, symbols);

        if (!put_symbols(sender, requests, object, block, first, limit))
            return false;
        first = limit;
    }
    return repair->gathered_parity == 0 ||
           put_symbols(sender, requests, object, block, symbols, symbols + repair->gathered_parity);
}

/* Behind the last of the blocks, from that one on, that are all gathered as a whole. */
static uint64_t whole_end(const struct hd_tx_object *object, uint64_t block, uint64_t limit)
{
    const uint64_t *whole = hd_tx_bitmap(object, HD_TX_GATHERED_WHOLE);

    while (block < limit) {
        uint64_t first = hd_tx_bit(object, block);
        uint64_t end = limit - block < object->bitmap_blocks - first ? first + (limit - block) : object->bitmap_blocks;
        uint64_t found = hd_bits_first_clear(whole, first, end);

        block += found - first;
        if (found < end)
            break;
    }
    return block;
}

static bool put_whole(const struct herald_norm_sender *sender, struct hd_request_writer *requests,
                      const struct hd_tx_object *object, uint64_t block, uint64_t limit)
{
    struct hd_position from = hd_tx_position(sender, object, block, 0);
    struct hd_position to = hd_tx_position(sender, object, limit - 1, 0);

    if (limit - block >= RANGE_BLOCKS_MIN)
        return hd_request_put_range(requests, HD_REQUEST_BLOCK, &from, &to);
    return hd_request_put_item(requests, HD_REQUEST_BLOCK, &from) &&
           (limit - block < 2 || hd_request_put_item(requests, HD_REQUEST_BLOCK, &to));
}

static bool put_object(struct herald_norm_sender *sender, struct hd_request_writer *requests,
                       const struct hd_tx_object *object)
{
    uint64_t block = hd_tx_first_block(object);
    uint64_t limit = hd_tx_sent_blocks(object);
    struct hd_position start = { .fec_id = sender->config.fec_id, .object_id = object->id };
    bool has_room = true;

    if (object->is_info_gathered)
        has_room = hd_request_put_item(requests, HD_REQUEST_INFO, &start);
    while (has_room &&
           (block = hd_tx_next_marked(object, HD_TX_GATHERED_WHOLE, HD_TX_GATHERED_PARTLY, block, limit)) < limit) {
        if (hd_tx_test(object, HD_TX_GATHERED_WHOLE, block)) {
            uint64_t end = whole_end(object, block, limit);

            has_room = put_whole(sender, requests, object, block, end);
            block = end;
        } else {
            has_room = put_partly(sender, requests, object, block++);
        }
    }
    return has_room;
}

static void pause_adverts(struct herald_norm_sender *sender, size_t advert_bytes, uint64_t now_ns)
{
    uint64_t pause_ns = ADVERT_PAUSE * advert_bytes * UINT64_C(1000000000) / sender->pacer.rate_bytes_per_s;

    if (pause_ns < sender->grtt_ns / ADVERTS_PER_GRTT)
        pause_ns = sender->grtt_ns / ADVERTS_PER_GRTT;
    sender->advert_allowed_ns = now_ns + pause_ns;
}

int hd_tx_send_advert(struct herald_norm_sender *sender, struct herald_norm_datagram *datagram, uint64_t now_ns)
{
    struct hd_writer writer = hd_tx_writer(sender, datagram);
    struct hd_request_writer requests;
    bool has_room = true;

    sender->due &= ~(unsigned)HD_TX_DUE_ADVERT;
    sender->advert_ns = HERALD_NEVER;
    if (sender->repair_state != HD_TX_REPAIR_GATHERING)
        return 0;
    hd_wire_put_repair_adv(&writer, &sender->header, 0);
    hd_wire_end_header(&writer);
    hd_writer_limit(&writer, sender->config.segment_bytes);
    requests = hd_request_writer_over(&writer);
    for (const struct hd_tx_object *object = sender->oldest; object && has_room; object = object->newer)
        if (object->has_gathered)
            has_room = put_object(sender, &requests, object);
    if (!has_room)
        hd_writer_patch_u8(&writer, ADVERT_FLAGS_OFFSET_BYTES, HD_REPAIR_ADV_LIMIT);
    hd_tx_finish(sender, datagram, &writer);
    pause_adverts(sender, datagram->header_bytes, now_ns);
    sender->statistics.repair_adverts++;
    return 1;
}

/* --- application-defined commands --- */

int herald_norm_sender_send_command(herald_norm_sender *sender, const uint8_t *content, size_t content_bytes,
                                    bool robust, uint64_t now_ns)
{
    struct hd_tx_command *command = &sender->command;

    if (content_bytes > sender->config.application_bytes_max)
        return -EMSGSIZE;
    if (sender->life >= HD_TX_EOT)
        return -ESHUTDOWN;
    if (command->is_active)
        return -EBUSY;
    command->is_active = true;
    command->content_bytes = (uint16_t)content_bytes;
    if (content_bytes > 0)
        memcpy(command->content, content, content_bytes);
    command->repeat.left = robust ? sender->config.robust_factor : 1;
    sender->due |= HD_TX_DUE_COMMAND;
    hd_tx_wake(sender, now_ns);
    return 0;
}

void hd_tx_send_command(struct herald_norm_sender *sender, struct herald_norm_datagram *datagram, uint64_t now_ns)
{
    struct hd_tx_command *command = &sender->command;
    struct hd_writer writer = hd_tx_writer(sender, datagram);

    hd_wire_put_application(&writer, &sender->header);
    hd_wire_end_header(&writer);
    hd_wire_put_content(&writer, command->content, command->content_bytes);
    hd_tx_finish(sender, datagram, &writer);
    sender->due &= ~(unsigned)HD_TX_DUE_COMMAND;
    sender->statistics.commands++;
    if (repeat_sent(sender, &command->repeat, now_ns)) {
        command->is_active = false;
        command->repeat.next_ns = HERALD_NEVER;
        hd_tx_event(sender, HERALD_NORM_SENDER_COMMAND_SENT, 0);
    }
}

/* --- requests for acknowledgement --- */

static int list_nodes(struct hd_norm_nodes *list, const uint32_t *nodes, uint32_t nodes_count)
{
    hd_norm_nodes_clear(list);
    for (uint32_t i = 0; i < nodes_count; i++) {
        int r = nodes[i] == HERALD_NORM_NODE_NONE || nodes[i] == HERALD_NORM_NODE_ANY
                    ? -EINVAL
                    : hd_norm_nodes_add(list, nodes[i]);

        if (r < 0 && r != -EEXIST)
            return -EINVAL;
    }
    hd_norm_nodes_set_all(list, HD_NORM_ANSWER_DUE);
    return 0;
}

int herald_norm_sender_request(herald_norm_sender *sender, uint8_t ack_type, uint8_t ack_id, const uint32_t *nodes,
                               uint32_t nodes_count, const uint8_t *content, size_t content_bytes, uint64_t now_ns)
{
    struct hd_tx_request *request = &sender->request;

    if (ack_type < HD_ACK_APPLICATION_MIN || (nodes && nodes_count == 0) || (!nodes && nodes_count > 0))
        return -EINVAL;
    if (content_bytes > sender->config.application_bytes_max || content_bytes > REQUEST_CONTENT_MAX)
        return -EMSGSIZE;
    if (sender->life >= HD_TX_EOT)
        return -ESHUTDOWN;
    if (request->is_active)
        return -EBUSY;
    if (list_nodes(&request->nodes, nodes, nodes_count) < 0)
        return -EINVAL;
    request->is_active = true;
    request->has_nodes = nodes != NULL;
    request->ack_type = ack_type;
    request->ack_id = ack_id;
    request->content_bytes = content ? (uint16_t)content_bytes : 0;
    if (request->content_bytes > 0)
        memcpy(request->content, content, request->content_bytes);
    request->next_slot = 0;
    request->repeat.left = sender->config.robust_factor;
    sender->due |= HD_TX_DUE_REQUEST;
    hd_tx_wake(sender, now_ns);
    return 0;
}

static void end_request(struct herald_norm_sender *sender)
{
    struct hd_tx_request *request = &sender->request;
    struct herald_norm_sender_event event = { .type = HERALD_NORM_SENDER_REQUEST_DONE,
                                              .ack_type = request->ack_type,
                                              .ack_id = request->ack_id,
                                              .missing_count = request->nodes.due_count };

    request->is_active = false;
    request->repeat.next_ns = HERALD_NEVER;
    sender->due &= ~(unsigned)HD_TX_DUE_REQUEST;
    hd_tx_event_push(sender, &event);
}

void herald_norm_sender_cancel_request(herald_norm_sender *sender)
{
    sender->request.is_active = false;
    sender->request.repeat.next_ns = HERALD_NEVER;
    sender->due &= ~(unsigned)HD_TX_DUE_REQUEST;
}

/* One message of a round: as many of those that have not answered as fit a segment. */
void hd_tx_send_request(struct herald_norm_sender *sender, struct herald_norm_datagram *datagram, uint64_t now_ns)
{
    struct hd_tx_request *request = &sender->request;
    struct hd_writer writer = hd_tx_writer(sender, datagram);
    uint32_t slot = hd_norm_nodes_next_due(&request->nodes, request->next_slot);

    hd_wire_put_ack_req(&writer, &sender->header, request->ack_type, request->ack_id);
    if (request->content_bytes > 0)
        hd_wire_put_ext_application(&writer, request->content, request->content_bytes);
    hd_wire_end_header(&writer);
    /* The content takes from the list's room, but never all of it. */
    hd_writer_limit(&writer, sender->config.segment_bytes > request->content_bytes + 16
                                 ? sender->config.segment_bytes - request->content_bytes
                                 : 16);
    if (slot == HD_NORM_NO_SLOT)
        slot = hd_norm_nodes_next_due(&request->nodes, 0);
    while (slot != HD_NORM_NO_SLOT && hd_wire_put_node(&writer, request->nodes.slots[slot].node_id))
        slot = hd_norm_nodes_next_due(&request->nodes, slot + 1);
    hd_tx_finish(sender, datagram, &writer);
    sender->statistics.ack_requests++;
    request->next_slot = slot;
    if (slot == HD_NORM_NO_SLOT) {
        request->next_slot = 0;
        sender->due &= ~(unsigned)HD_TX_DUE_REQUEST;
        repeat_sent(sender, &request->repeat, now_ns);
    }
}

/* An answer's content: our receivers' payload, or NRL's header extension. */
static struct hd_cursor ack_content(const struct hd_message *message)
{
    if (hd_cursor_left(&message->ack.payload) == 0 && (message->extensions.present & HD_EXT_APPLICATION))
        return message->extensions.application;
    return message->ack.payload;
}

void hd_tx_on_application_ack(struct herald_norm_sender *sender, const struct hd_message *message)
{
    struct hd_tx_request *request = &sender->request;
    struct hd_cursor content = ack_content(message);
    struct herald_norm_sender_event event = { .type = HERALD_NORM_SENDER_APPLICATION_ACK,
                                              .node_id = message->header.source_id,
                                              .ack_type = message->ack.ack_type,
                                              .ack_id = message->ack.ack_id,
                                              .content = sender->event_content,
                                              .content_bytes = hd_cursor_left(&content) };
    uint32_t slot = hd_norm_nodes_find(&request->nodes, event.node_id);
    /* One that comes after the last question is still an answer; one that nobody asked for is passed on, too. */
    bool is_answer = event.ack_type == request->ack_type && event.ack_id == request->ack_id;

    if (is_answer && request->has_nodes && slot == HD_NORM_NO_SLOT) {
        sender->statistics.dropped[HERALD_NORM_DROP_OLD]++;
        return;
    }
    if (event.content_bytes > sender->config.application_bytes_max) {
        sender->statistics.dropped[HERALD_NORM_DROP_LIMIT]++;
        return;
    }
    if (is_answer && request->has_nodes && request->nodes.slots[slot].answer == HD_NORM_ANSWER_GIVEN) {
        sender->statistics.dropped[HERALD_NORM_DROP_DUPLICATE]++;
        return;
    }
    hd_cursor_bytes(&content, sender->event_content, event.content_bytes);
    hd_tx_event_push(sender, &event);
    if (!is_answer || !request->has_nodes)
        return;
    hd_norm_nodes_set(&request->nodes, slot, HD_NORM_ANSWER_GIVEN);
    if (request->is_active && request->nodes.due_count == 0)
        end_request(sender);
}

/* --- EOT --- */

void hd_tx_send_eot(struct herald_norm_sender *sender, struct herald_norm_datagram *datagram, uint64_t now_ns)
{
    struct hd_writer writer = hd_tx_writer(sender, datagram);

    hd_wire_put_eot(&writer, &sender->header);
    hd_wire_end_header(&writer);
    hd_tx_finish(sender, datagram, &writer);
    sender->due &= ~(unsigned)HD_TX_DUE_EOT;
    sender->statistics.eots++;
    if (repeat_sent(sender, &sender->eot, now_ns)) {
        sender->eot.next_ns = HERALD_NEVER;
        hd_tx_set_life(sender, HD_TX_ENDED);
        hd_tx_event(sender, HERALD_NORM_SENDER_ENDED, 0);
    }
}

/* --- time --- */

/* Is it time? Then it waits for nothing any more. */
static bool has_come(uint64_t *deadline_ns, uint64_t now_ns)
{
    if (now_ns < *deadline_ns)
        return false;
    *deadline_ns = HERALD_NEVER;
    return true;
}

void hd_tx_command_timeout(struct herald_norm_sender *sender, uint64_t now_ns)
{
    if (has_come(&sender->squelch_ns, now_ns))
        sender->due |= HD_TX_DUE_SQUELCH;
    if (has_come(&sender->advert_ns, now_ns))
        sender->due |= HD_TX_DUE_ADVERT;
    if (has_come(&sender->command.repeat.next_ns, now_ns))
        sender->due |= HD_TX_DUE_COMMAND;
    if (has_come(&sender->eot.next_ns, now_ns))
        sender->due |= HD_TX_DUE_EOT;
    if (!has_come(&sender->request.repeat.next_ns, now_ns))
        return;
    if (sender->request.repeat.left == 0)
        end_request(sender);
    else
        sender->due |= HD_TX_DUE_REQUEST;
}
