/* SPDX-License-Identifier: MIT */
/* The NORM sender: its limits and memory, the five calls, and time. */
#include "norm_sender.h"

#include "cc_flow.h"

#include <errno.h>
#include <stdlib.h>

enum {
    SEGMENT_BYTES_MIN = 16,
    SEGMENT_BYTES_MAX = 65000, /* with every header still a UDP datagram */
    BURST_DATAGRAMS_MAX = 64,
    OBJECTS_MAX = 16384, /* ids are compared by half of their range */
    ACK_NODES_MAX = 1 << 24,
    REPAIR_BLOCKS_MAX = 1 << 24,
    URGENT = HD_TX_DUE_PROBE | HD_TX_DUE_SQUELCH | HD_TX_DUE_ADVERT | HD_TX_DUE_COMMAND | HD_TX_DUE_REQUEST |
             HD_TX_DUE_MARK,
    STREAM_BLOCKS_MAX = 1 << 20, /* an eighth of what 24 bits can number: old blocks are told from new ones */
};
#define BLOCKS_MAX   (UINT64_C(1) << 32)
#define BURST_NS_MAX UINT64_C(1000000000)
#define MS           UINT64_C(1000000)

/* --- config --- */

void herald_norm_sender_config_default(struct herald_norm_sender_config *ret_config)
{
    *ret_config = (struct herald_norm_sender_config){
        .segment_bytes = 1400,
        .fec_id = HD_FEC_RS_8,
        .block_segments = 64,
        .parity_segments = 32,
        .rate_mode = HERALD_NORM_RATE_FIXED,
        .rate_bytes_per_s = 125000,
        .rate_min_bytes_per_s = 12500,
        .rate_max_bytes_per_s = HERALD_NORM_RATE_MAX_BYTES_PER_S,
        .burst_ns = 200000,
        .burst_datagrams_max = BURST_DATAGRAMS_MAX,
        .grtt_initial_ns = 100 * MS,
        .grtt_max_ns = 10000 * MS,
        .backoff_factor = HERALD_NORM_BACKOFF_AUTO,
        .group_size = 1000,
        .robust_factor = 20,
        .objects_max = 256,
        .blocks_per_queue = 1 << 20,
        .repair_blocks_max = 4096,
        .ack_nodes_max = 1024,
    };
}

static const char *check_blocks(const struct herald_norm_sender_config *config)
{
    if (config->segment_bytes < SEGMENT_BYTES_MIN || config->segment_bytes > SEGMENT_BYTES_MAX)
        return "segment_bytes";
    if (hd_wire_payload_id_bytes(config->fec_id) == 0)
        return "fec_id";
    if (config->block_segments < 1 || config->block_segments > HD_SYMBOLS_MAX - 1)
        return "block_segments";
    if (config->parity_segments > HD_SYMBOLS_MAX - config->block_segments)
        return "parity_segments";
    if (config->proactive_parity > config->parity_segments)
        return "proactive_parity";
    return NULL;
}

static const char *check_rate(const struct herald_norm_sender_config *config)
{
    bool is_fixed = config->rate_mode == HERALD_NORM_RATE_FIXED;

    if (!is_fixed && config->rate_mode != HERALD_NORM_RATE_AUTO && config->rate_mode != HERALD_NORM_RATE_TFMCC)
        return "rate_mode";
    if (config->rate_max_bytes_per_s < 1 || config->rate_max_bytes_per_s > HERALD_NORM_RATE_MAX_BYTES_PER_S)
        return "rate_max_bytes_per_s";
    if (!is_fixed && (config->rate_min_bytes_per_s < 1 || config->rate_min_bytes_per_s > config->rate_max_bytes_per_s))
        return "rate_min_bytes_per_s";
    if (config->rate_bytes_per_s < 1 || config->rate_bytes_per_s > config->rate_max_bytes_per_s ||
        (!is_fixed && config->rate_bytes_per_s < config->rate_min_bytes_per_s))
        return "rate_bytes_per_s";
    if (config->burst_ns > BURST_NS_MAX)
        return "burst_ns";
    if (config->burst_datagrams_max < 1 || config->burst_datagrams_max > BURST_DATAGRAMS_MAX)
        return "burst_datagrams_max";
    return NULL;
}

static const char *check_group(const struct herald_norm_sender_config *config)
{
    if (config->grtt_max_ns < HD_GRTT_MIN_NS || config->grtt_max_ns > HD_RTT_MAX_NS)
        return "grtt_max_ns";
    if (config->grtt_initial_ns < 1 || config->grtt_initial_ns > config->grtt_max_ns)
        return "grtt_initial_ns";
    if (config->backoff_factor > 15 && config->backoff_factor != HERALD_NORM_BACKOFF_AUTO)
        return "backoff_factor";
    if (config->group_size < 1)
        return "group_size";
    if (config->robust_factor < 1)
        return "robust_factor";
    return NULL;
}

static const char *check_limits(const struct herald_norm_sender_config *config)
{
    if (config->objects_max < 1 || config->objects_max > OBJECTS_MAX)
        return "objects_max";
    if (config->blocks_per_queue < 1 || config->blocks_per_queue > BLOCKS_MAX)
        return "blocks_per_queue";
    if (config->repair_blocks_max < 1 || config->repair_blocks_max > REPAIR_BLOCKS_MAX)
        return "repair_blocks_max";
    if (config->info_bytes_max > config->segment_bytes)
        return "info_bytes_max";
    if (config->ack_nodes_max > ACK_NODES_MAX)
        return "ack_nodes_max";
    if (config->stream_blocks_max == 1 || config->stream_blocks_max > STREAM_BLOCKS_MAX)
        return "stream_blocks_max";
    if (config->application_bytes_max > config->segment_bytes)
        return "application_bytes_max";
    return NULL;
}

const char *herald_norm_sender_config_check(const struct herald_norm_sender_config *config)
{
    const char *wrong = NULL;

    if (config->node_id == HERALD_NORM_NODE_NONE || config->node_id == HERALD_NORM_NODE_ANY)
        return "node_id";
    if ((wrong = check_blocks(config)) || (wrong = check_rate(config)) || (wrong = check_group(config)))
        return wrong;
    return check_limits(config);
}

/* --- memory --- */

static int new_queue(struct herald_norm_sender *sender)
{
    const struct herald_norm_sender_config *config = &sender->config;
    uint64_t bits = HD_TX_BITMAPS * (config->blocks_per_queue + UINT64_C(64) * config->objects_max);
    size_t buckets = 1;

    while (buckets < config->objects_max)
        buckets *= 2;
    sender->bucket_mask = (uint32_t)(buckets - 1);
    sender->objects = calloc(config->objects_max, sizeof(*sender->objects));
    sender->buckets = calloc(buckets, sizeof(struct hd_tx_object *));
    sender->infos = calloc(config->objects_max, config->info_bytes_max);
    if (!sender->objects || !sender->buckets || !sender->infos)
        return -ENOMEM;
    for (uint32_t i = config->objects_max; i-- > 0;) {
        sender->objects[i].info = sender->infos + (size_t)i * config->info_bytes_max;
        sender->objects[i].newer = sender->free_objects;
        sender->free_objects = &sender->objects[i];
    }
    return hd_extents_init(&sender->bitmaps, bits, config->objects_max);
}

static int new_streams(struct herald_norm_sender *sender)
{
    const struct herald_norm_sender_config *config = &sender->config;
    uint32_t blocks = config->stream_blocks_max;

    if (blocks == 0)
        return 0;
    sender->stream_memory = calloc(hd_stream_tx_memory_bytes(blocks, config->block_segments, config->segment_bytes), 1);
    if (!sender->stream_memory)
        return -ENOMEM;
    return hd_extents_init(&sender->stream_slots, (uint64_t)blocks * 64, config->objects_max);
}

static int new_encoder(struct herald_norm_sender *sender)
{
    const struct herald_norm_sender_config *config = &sender->config;
    struct hd_tx_parity *parity = &sender->parity;

    parity->row_room_bytes = (uint32_t)config->segment_bytes + HD_STREAM_HEADER_BYTES;
    parity->rows = calloc(config->parity_segments > 0 ? config->parity_segments : 1, parity->row_room_bytes);
    if (!parity->rows)
        return -ENOMEM;
    for (uint32_t row = 0; row < config->parity_segments; row++)
        sender->parity_rows[row] = parity->rows + (size_t)row * parity->row_room_bytes;
    return hd_fec_encoder_new(&sender->encoder, config->block_segments, config->parity_segments);
}

static int new_memory(struct herald_norm_sender *sender)
{
    const struct herald_norm_sender_config *config = &sender->config;
    int r;

    sender->command.content = calloc(config->application_bytes_max, 1);
    sender->request.content = calloc(config->application_bytes_max, 1);
    sender->event_content = calloc(config->application_bytes_max, 1);
    if (!sender->command.content || !sender->request.content || !sender->event_content)
        return -ENOMEM;
    if ((r = new_queue(sender)) < 0 || (r = new_streams(sender)) < 0 || (r = new_encoder(sender)) < 0 ||
        (r = hd_tx_repairs_init(&sender->repairs, config->repair_blocks_max)) < 0 ||
        (r = hd_norm_nodes_init(&sender->ack_nodes, config->ack_nodes_max)) < 0 ||
        (r = hd_norm_nodes_init(&sender->request.nodes, config->ack_nodes_max)) < 0)
        return r;
    return hd_events_init(&sender->events, sizeof(struct herald_norm_sender_event), HD_TX_EVENTS);
}

/*
 * How many of R receivers that miss the same speak before they hear another is about (e * R)^(1 / K): with K = 4 it
 * grows as the fourth root of the group. With K = (ln R + 1) / 2 it would be e^2 for any R; rounded up, and at least
 * RFC 5740's 4. By the group size as the wire has it: powers of ten from 10 on, then five times those.
 */
static uint8_t backoff_of_group(uint8_t gsize)
{
    static const uint8_t factors[16] = { 4, 4, 4, 6, 7, 8, 9, 10, 4, 4, 5, 6, 8, 9, 10, 11 };

    return factors[gsize & 0x0f];
}

static void init_time(struct herald_norm_sender *sender, uint64_t now_ns)
{
    const struct herald_norm_sender_config *config = &sender->config;

    hd_grtt_init(&sender->grtt, config->grtt_initial_ns, config->grtt_max_ns, now_ns);
    hd_cc_sender_init(&sender->cc, config, now_ns);
    sender->reported_rate_bytes_per_s = hd_cc_sender_rate(&sender->cc);
    hd_pacer_init(&sender->pacer, sender->reported_rate_bytes_per_s, config->burst_ns, config->burst_datagrams_max,
                  now_ns);
    sender->header = (struct hd_header){
        .source_id = config->node_id,
        .instance_id = config->instance_id,
        .grtt = hd_rtt_encode(hd_grtt_ns(&sender->grtt)),
        .backoff = config->backoff_factor,
        .gsize = hd_gsize_encode(config->group_size),
    };
    sender->header_version = 1;
    sender->grtt_ns = hd_rtt_decode_ns(sender->header.grtt);
    sender->repair_ns = HERALD_NEVER;
    sender->flush_ns = HERALD_NEVER;
    sender->mark.next_round_ns = HERALD_NEVER;
    sender->squelch_ns = HERALD_NEVER;
    sender->advert_ns = HERALD_NEVER;
    sender->command.repeat.next_ns = HERALD_NEVER;
    sender->request.repeat.next_ns = HERALD_NEVER;
    sender->eot.next_ns = HERALD_NEVER;
    sender->probe_ns = HERALD_NEVER;
    sender->room_ns = HERALD_NEVER;
    sender->write_ns = HERALD_NEVER;
}

int herald_norm_sender_new(herald_norm_sender **ret_sender, const struct herald_norm_sender_config *config,
                           uint64_t now_ns)
{
    struct herald_norm_sender *sender;
    int r;

    if (herald_norm_sender_config_check(config))
        return -EINVAL;
    sender = calloc(1, sizeof(*sender));
    if (!sender)
        return -ENOMEM;
    sender->config = *config;
    if (config->backoff_factor == HERALD_NORM_BACKOFF_AUTO)
        sender->config.backoff_factor = backoff_of_group(hd_gsize_encode(config->group_size));
    if (config->info_bytes_max == 0)
        sender->config.info_bytes_max = config->segment_bytes;
    if (config->application_bytes_max == 0)
        sender->config.application_bytes_max = config->segment_bytes;
    sender->block_bits = config->fec_id == HD_FEC_SMALL_BLOCK ? 32 : 24;
    if ((r = new_memory(sender)) < 0) {
        herald_norm_sender_free(sender);
        return r;
    }
    init_time(sender, now_ns);
    *ret_sender = sender;
    return 0;
}

herald_norm_sender *herald_norm_sender_free(herald_norm_sender *sender)
{
    if (!sender)
        return NULL;
    hd_events_fini(&sender->events);
    hd_norm_nodes_fini(&sender->request.nodes);
    hd_norm_nodes_fini(&sender->ack_nodes);
    hd_tx_repairs_fini(&sender->repairs);
    hd_fec_encoder_free(sender->encoder);
    free(sender->parity.rows);
    hd_extents_fini(&sender->stream_slots);
    free(sender->stream_memory);
    hd_extents_fini(&sender->bitmaps);
    free(sender->infos);
    free(sender->buckets);
    free(sender->objects);
    free(sender->event_content);
    free(sender->request.content);
    free(sender->command.content);
    free(sender);
    return NULL;
}

/* --- small things that all files use --- */

void hd_tx_event_push(struct herald_norm_sender *sender, const struct herald_norm_sender_event *event)
{
    hd_events_push(&sender->events, event);
}

void hd_tx_event(struct herald_norm_sender *sender, enum herald_norm_sender_event_type type, uint16_t object_id)
{
    struct herald_norm_sender_event event = { .type = type, .object_id = object_id };

    hd_events_push(&sender->events, &event);
}

void hd_tx_set_life(struct herald_norm_sender *sender, enum hd_tx_life life)
{
    static const bool is_legal[][4] = {
        [HD_TX_OPEN] = { [HD_TX_ENDING] = true },
        [HD_TX_ENDING] = { [HD_TX_EOT] = true },
        [HD_TX_EOT] = { [HD_TX_ENDED] = true },
        [HD_TX_ENDED] = { false },
    };

    assert(is_legal[sender->life][life]);
    sender->life = life;
}

void hd_tx_wake(struct herald_norm_sender *sender, uint64_t now_ns)
{
    uint64_t next_ns = now_ns;

    if (sender->is_probing || sender->life == HD_TX_ENDED)
        return;
    sender->is_probing = true;
    if (sender->has_probed)
        next_ns = sender->last_probe_ns + hd_cc_sender_probe_interval_ns(&sender->cc, sender->grtt_ns);
    if (next_ns > now_ns)
        sender->probe_ns = next_ns;
    else
        sender->due |= HD_TX_DUE_PROBE;
}

struct hd_writer hd_tx_writer(struct herald_norm_sender *sender, struct herald_norm_datagram *datagram)
{
    return hd_writer_over(datagram->buffer, HERALD_NORM_BUFFER_BYTES(sender->config.segment_bytes));
}

void hd_tx_finish(struct herald_norm_sender *sender, struct herald_norm_datagram *datagram, struct hd_writer *writer)
{
    assert(!writer->overflow);
    sender->header.sequence++;
    datagram->header_bytes = hd_writer_size(writer);
    datagram->payload = NULL;
    datagram->payload_bytes = 0;
}

/* --- input --- */

static void on_ack(struct herald_norm_sender *sender, const struct hd_message *message, uint64_t now_ns)
{
    const struct hd_ack *ack = &message->ack;

    sender->statistics.acks++;
    hd_tx_on_feedback(sender, message, ack->response, now_ns);
    if (ack->ack_type == HD_ACK_FLUSH)
        hd_tx_on_flush_ack(sender, message->header.source_id, &ack->position, now_ns);
    else if (ack->ack_type >= HD_ACK_APPLICATION_MIN)
        hd_tx_on_application_ack(sender, message);
}

/* What is for this run of this sender. */
static void on_message(struct herald_norm_sender *sender, const struct hd_message *message, bool unicast,
                       uint64_t now_ns)
{
    if (message->kind == HD_KIND_ACK) {
        on_ack(sender, message, now_ns);
        return;
    }
    sender->statistics.nacks++;
    hd_tx_on_feedback(sender, message, message->nack.response, now_ns);
    hd_tx_on_nack(sender, &message->nack, unicast, now_ns);
}

int herald_norm_sender_input(herald_norm_sender *sender, const struct herald_peer *from, bool unicast,
                             const uint8_t *packet, size_t packet_bytes, uint64_t now_ns)
{
    struct hd_message message;
    uint32_t server_id;

    (void)from; /* nothing that a sender says goes to one receiver only */
    if (hd_events_pending(&sender->events))
        return -EBUSY;
    if (hd_wire_decode(packet, packet_bytes, &message) < 0) {
        sender->statistics.dropped[HERALD_NORM_DROP_MALFORMED]++;
        return 0;
    }
    if (message.kind != HD_KIND_NACK && message.kind != HD_KIND_ACK) {
        sender->statistics.dropped[HERALD_NORM_DROP_NOT_FOR_US]++;
        return 0;
    }
    server_id = message.kind == HD_KIND_NACK ? message.nack.server_id : message.ack.server_id;
    if (server_id != sender->config.node_id || message.header.source_id == sender->config.node_id)
        sender->statistics.dropped[HERALD_NORM_DROP_NOT_FOR_US]++;
    else if (message.header.instance_id != sender->config.instance_id)
        sender->statistics.dropped[HERALD_NORM_DROP_INSTANCE]++;
    else if (sender->life >= HD_TX_EOT)
        sender->statistics.dropped[HERALD_NORM_DROP_OLD]++;
    else
        on_message(sender, &message, unicast, now_ns);
    return 0;
}

/* --- output --- */

/* What goes before data. @return 1; 0: nothing after all. */
static int send_urgent(struct herald_norm_sender *sender, struct herald_norm_datagram *datagram, uint64_t now_ns)
{
    unsigned due = sender->due;

    if (due & HD_TX_DUE_PROBE)
        hd_tx_send_probe(sender, datagram, now_ns);
    else if (due & HD_TX_DUE_SQUELCH)
        hd_tx_send_squelch(sender, datagram, now_ns);
    else if (due & HD_TX_DUE_ADVERT)
        return hd_tx_send_advert(sender, datagram, now_ns);
    else if (due & HD_TX_DUE_COMMAND)
        hd_tx_send_command(sender, datagram, now_ns);
    else if (due & HD_TX_DUE_REQUEST)
        hd_tx_send_request(sender, datagram, now_ns);
    else
        hd_tx_send_mark(sender, datagram, now_ns);
    return 1;
}

/* When there is neither repair nor anything new. */
static int send_idle(struct herald_norm_sender *sender, struct herald_norm_datagram *datagram, uint64_t now_ns)
{
    hd_tx_flush_idle(sender, now_ns);
    if (sender->due & HD_TX_DUE_FLUSH)
        hd_tx_send_flush(sender, datagram, now_ns);
    else if (sender->due & HD_TX_DUE_EOT)
        hd_tx_send_eot(sender, datagram, now_ns);
    else
        return 0;
    return 1;
}

static bool has_data(const struct herald_norm_sender *sender)
{
    return sender->run.object || sender->repair_from || sender->sending;
}

/* The window (cc_flow.h): a probe is due first, or receivers have to take more before there is more. */
static bool is_held(struct herald_norm_sender *sender, uint64_t now_ns)
{
    uint64_t again_ns;

    sender->held_ns = 0;
    if (!hd_cc_flow_wants_probe(&sender->cc)) {
        if (hd_cc_flow_is_open(&sender->cc, now_ns, &sender->held_ns))
            return false;
        if (!hd_cc_flow_asks_again(&sender->cc, now_ns, &again_ns)) {
            if (again_ns < sender->held_ns)
                sender->held_ns = again_ns;
            return true;
        }
    }
    sender->due |= HD_TX_DUE_PROBE;
    return true;
}

/* Each turn sends something, or has one thing less to send. */
static int send_next(struct herald_norm_sender *sender, struct herald_norm_datagram *datagram, uint64_t now_ns)
{
    while (hd_events_room(&sender->events) >= HD_TX_EVENTS_SPARE) {
        if (sender->mark.state == HD_TX_MARK_WAITING)
            hd_tx_mark_check(sender);
        if (sender->due & URGENT) {
            if (send_urgent(sender, datagram, now_ns))
                return 1;
        } else if (has_data(sender) && is_held(sender, now_ns)) {
            if (!(sender->due & HD_TX_DUE_PROBE))
                return 0;
        } else if (sender->run.object || sender->repair_from) {
            if (hd_tx_send_repair(sender, datagram, now_ns))
                return 1;
        } else if (sender->sending) {
            if (hd_tx_send_new(sender, datagram, now_ns))
                return 1;
        } else {
            return send_idle(sender, datagram, now_ns);
        }
    }
    return 0;
}

/* Is anything waiting for the pacer? */
static bool has_output(const struct herald_norm_sender *sender)
{
    return sender->due || has_data(sender);
}

/* The pacer is not ready: what will be sent when it is? If something will, next_timeout() must know. */
static void look_ahead(struct herald_norm_sender *sender, uint64_t now_ns)
{
    if (hd_events_room(&sender->events) < HD_TX_EVENTS_SPARE)
        return;
    if (sender->mark.state == HD_TX_MARK_WAITING)
        hd_tx_mark_check(sender);
    if (!has_output(sender))
        hd_tx_flush_idle(sender, now_ns);
}

int herald_norm_sender_poll_output(herald_norm_sender *sender, struct herald_norm_datagram *datagram, uint64_t now_ns)
{
    size_t bytes;

    if (datagram->buffer_bytes < HERALD_NORM_BUFFER_BYTES(sender->config.segment_bytes))
        return -EMSGSIZE;
    if (sender->life == HD_TX_ENDED)
        return 0;
    sender->held_ns = 0;
    if (!hd_pacer_ready(&sender->pacer, now_ns)) {
        look_ahead(sender, now_ns);
        return 0;
    }
    if (!send_next(sender, datagram, now_ns))
        return 0;
    datagram->to_group = true;
    bytes = datagram->header_bytes + datagram->payload_bytes;
    hd_pacer_sent(&sender->pacer, bytes, now_ns);
    hd_cc_sender_on_sent(&sender->cc, bytes);
    sender->statistics.datagrams++;
    sender->statistics.bytes += bytes;
    return 1;
}

int herald_norm_sender_poll_event(herald_norm_sender *sender, struct herald_norm_sender_event *ret_event)
{
    return hd_events_pop(&sender->events, ret_event);
}

/* --- time --- */

static uint64_t earlier(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

uint64_t herald_norm_sender_next_timeout(const herald_norm_sender *sender)
{
    uint64_t next_ns = HERALD_NEVER;

    if (sender->life == HD_TX_ENDED)
        return HERALD_NEVER;
    if (sender->held_ns > 0 && !(sender->due & URGENT))
        next_ns = sender->held_ns;
    else if (has_output(sender))
        next_ns = hd_pacer_next_ns(&sender->pacer);
    next_ns = earlier(next_ns, sender->repair_ns);
    next_ns = earlier(next_ns, sender->flush_ns);
    next_ns = earlier(next_ns, sender->mark.next_round_ns);
    next_ns = earlier(next_ns, sender->squelch_ns);
    next_ns = earlier(next_ns, sender->advert_ns);
    next_ns = earlier(next_ns, sender->command.repeat.next_ns);
    next_ns = earlier(next_ns, sender->request.repeat.next_ns);
    next_ns = earlier(next_ns, sender->eot.next_ns);
    next_ns = earlier(next_ns, sender->probe_ns);
    next_ns = earlier(next_ns, sender->room_ns);
    return earlier(next_ns, sender->write_ns);
}

int herald_norm_sender_handle_timeout(herald_norm_sender *sender, uint64_t now_ns)
{
    if (hd_events_pending(&sender->events))
        return -EBUSY;
    if (sender->life == HD_TX_ENDED)
        return 0;
    if (now_ns >= sender->repair_ns)
        hd_tx_repair_timeout(sender, now_ns);
    if (now_ns >= sender->probe_ns)
        hd_tx_probe_timeout(sender, now_ns);
    if (now_ns >= sender->mark.next_round_ns)
        hd_tx_mark_timeout(sender, now_ns);
    if (now_ns >= sender->flush_ns)
        hd_tx_flush_timeout(sender, now_ns);
    if (now_ns >= sender->room_ns)
        hd_tx_make_room(sender, now_ns);
    if (now_ns >= sender->write_ns)
        hd_tx_stream_check(sender, now_ns);
    hd_tx_command_timeout(sender, now_ns);
    return 0;
}

/* --- what is known --- */

int herald_norm_sender_set_rate(herald_norm_sender *sender, uint64_t rate_bytes_per_s, uint64_t now_ns)
{
    if (sender->config.rate_mode != HERALD_NORM_RATE_FIXED || rate_bytes_per_s == 0 ||
        rate_bytes_per_s > sender->config.rate_max_bytes_per_s)
        return -EINVAL;
    hd_cc_sender_set_rate(&sender->cc, rate_bytes_per_s);
    hd_pacer_set_rate(&sender->pacer, rate_bytes_per_s, now_ns);
    return 0;
}

void herald_norm_sender_end(herald_norm_sender *sender, uint64_t now_ns)
{
    if (sender->life != HD_TX_OPEN)
        return;
    hd_tx_set_life(sender, HD_TX_ENDING); /* the next poll_output() sees whether anything is left */
    hd_tx_stream_close_all(sender, now_ns);
}

void herald_norm_sender_get_statistics(const herald_norm_sender *sender,
                                       struct herald_norm_sender_statistics *ret_statistics)
{
    *ret_statistics = sender->statistics;
    ret_statistics->grtt_ns = sender->grtt_ns;
    ret_statistics->rate_bytes_per_s = hd_cc_sender_rate(&sender->cc);
    ret_statistics->objects = sender->objects_count;
    ret_statistics->receivers_heard = hd_cc_sender_nodes_count(&sender->cc);
}

int herald_norm_sender_get_report(const herald_norm_sender *sender, uint32_t index,
                                  struct herald_norm_receiver_report *ret_report)
{
    return hd_cc_sender_get_report(&sender->cc, index, ret_report);
}
