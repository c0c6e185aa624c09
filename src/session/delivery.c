/* SPDX-License-Identifier: MIT */
#include "delivery.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

enum {
    SEGMENT_BYTES = 1400,
    HEADERS_BYTES = 48, /* the largest header of DATA that we send, with its extension */
    RECEIVERS_MAX = 1024,
    WINDOW_BYTES_MAX = 4 << 20,         /* what a receive buffer of 8 MiB takes */
    FEEDBACK_NIBBLES = 1 << 4 | 1 << 5, /* NACK and ACK: our own data must not come back to us */
};

#define S(n)  (UINT64_C(1000000000) * (n))
#define MS(n) (UINT64_C(1000000) * (n))

/* A process that is woken late makes up for so much, at twice the rate: a busy host wakes by milliseconds. */
#define CATCH_UP_NS MS(10)

/* A group that does not leave the LAN answers fast; the transport measures it soon. */
#define GRTT_LAN_NS                MS(3)
#define GRTT_WAN_NS                MS(100)
#define RATE_START_LAN_BYTES_PER_S UINT64_C(12500000)
#define RATE_START_WAN_BYTES_PER_S UINT64_C(125000)

/* ---- events ---------------------------------------------------------------------------------- */

void hd_delivery_tell(herald_delivery *delivery, const struct herald_delivery_event *event)
{
    struct hd_delivery_note *note = hd_ring_add(&delivery->notes);

    if (note == NULL)
        return;
    *note = (struct hd_delivery_note){ .event = *event };
    if (event->recipient != NULL)
        note->recipient = *event->recipient;
    if (event->path != NULL)
        note->path = strdup(event->path);
}

void hd_delivery_tell_unreadable(herald_delivery *delivery, const char *path, const struct herald_error *error)
{
    const struct herald_delivery_event event = { .kind = HERALD_DELIVERY_UNREADABLE, .path = path, .error = *error };

    hd_delivery_tell(delivery, &event);
}

static void complain(void *user, const char *path, const struct herald_error *error)
{
    hd_delivery_tell_unreadable(user, path, error);
}

int herald_delivery_next_event(herald_delivery *delivery, struct herald_delivery_event *ret_event)
{
    struct hd_delivery_note *current = &delivery->current;

    free(current->path);
    current->path = NULL;
    if (!hd_ring_take(&delivery->notes, current))
        return 0;
    if (current->event.recipient != NULL)
        current->event.recipient = &current->recipient;
    current->event.path = current->path;
    *ret_event = current->event;
    return 1;
}

/* ---- opening --------------------------------------------------------------------------------- */

/* What the config leaves open. */
static void set_defaults(herald_delivery *delivery, const struct herald_delivery_config *given)
{
    struct herald_delivery_config *config = &delivery->config;

    *config = *given;
    config->expected = NULL;
    config->interface = config->host = NULL;
    if (config->receivers_max == 0)
        config->receivers_max = RECEIVERS_MAX;
    if (config->wait_ns == 0)
        config->wait_ns = config->expect_count > 0 || config->expected_count > 0 ? S(10) : S(2);
    if (config->give_up_ns == 0)
        config->give_up_ns = S(20);
    while (config->node_id == HERALD_NORM_NODE_NONE || config->node_id == HERALD_NORM_NODE_ANY)
        config->node_id = (uint32_t)hd_random_number();
    if (config->endpoint.source.family != HERALD_FAMILY_NONE || herald_address_is_ssm(&config->endpoint.group))
        config->unicast_feedback = true;
    if (given->host != NULL)
        snprintf(delivery->host, sizeof(delivery->host), "%s", given->host);
    else if (gethostname(delivery->host, sizeof(delivery->host) - 1) < 0)
        delivery->host[0] = '\0';
}

static int open_sockets(herald_delivery *delivery, const struct herald_delivery_config *config,
                        struct herald_error *error)
{
    const struct herald_sender_config sender = {
        .endpoint = config->endpoint,
        .interface = config->interface,
        .ttl_given = config->ttl_given,
        .ttl = config->ttl,
        .no_loop = config->no_loop,
        .dscp = config->dscp,
    };
    struct herald_receiver_config receiver = {
        .endpoints = &delivery->config.endpoint,
        .endpoint_count = 1,
        .keep_duplicates = true,
        .first_nibbles = FEEDBACK_NIBBLES,
    };
    const char *interface;
    int r = hd_node_init(&delivery->node, &config->endpoint, error);

    if (r < 0 || (r = hd_node_open_exit(&delivery->node, &sender, error)) < 0)
        return r;
    if (delivery->config.unicast_feedback || delivery->config.silent_receivers)
        return 0;
    interface = herald_sender_facts(delivery->node.exits[0].sender)->interface.name;
    receiver.interfaces = &interface;
    receiver.interface_count = 1;
    return hd_node_join(&delivery->node, &receiver, error);
}

static void set_rate(struct herald_norm_sender_config *norm, const struct herald_delivery_config *config, bool is_lan)
{
    uint64_t start = is_lan ? RATE_START_LAN_BYTES_PER_S : RATE_START_WAN_BYTES_PER_S;
    bool is_max;

    norm->rate_mode = config->rate_mode;
    if (config->rate_mode == HERALD_NORM_RATE_FIXED && config->rate_bytes_per_s == 0)
        norm->rate_mode = HERALD_NORM_RATE_AUTO;
    is_max = norm->rate_mode == HERALD_NORM_RATE_FIXED && config->rate_bytes_per_s == HERALD_NORM_RATE_MAX_BYTES_PER_S;
    /* Nothing else keeps a host from overflowing its receivers' buffers: without a rate; and on itself, or a LAN of its
       own speed, where they are full before the automatic rate has heard of it. */
    if ((is_max || (norm->rate_mode == HERALD_NORM_RATE_AUTO && is_lan)) && !config->silent_receivers)
        norm->window_bytes_max = WINDOW_BYTES_MAX;
    norm->rate_bytes_per_s = config->rate_bytes_per_s > 0 ? config->rate_bytes_per_s : start;
    if (config->rate_max_bytes_per_s > 0)
        norm->rate_max_bytes_per_s = config->rate_max_bytes_per_s;
    if (norm->rate_bytes_per_s > norm->rate_max_bytes_per_s)
        norm->rate_bytes_per_s = norm->rate_max_bytes_per_s;
    if (norm->rate_min_bytes_per_s > norm->rate_bytes_per_s)
        norm->rate_min_bytes_per_s = norm->rate_bytes_per_s;
}

static int fill_norm_config(herald_delivery *delivery, struct herald_error *error)
{
    const struct herald_delivery_config *config = &delivery->config;
    const struct herald_sender_facts *facts = herald_delivery_facts(delivery);
    struct herald_norm_sender_config *norm = &delivery->norm_config;
    size_t fitting_bytes = facts->payload_max_bytes > HEADERS_BYTES ? facts->payload_max_bytes - HEADERS_BYTES : 0;

    herald_norm_sender_config_default(norm);
    norm->node_id = config->node_id;
    norm->instance_id = (uint16_t)(hd_random_number() | 1);
    norm->seed = hd_random_number();
    norm->segment_bytes = fitting_bytes < SEGMENT_BYTES ? (uint16_t)fitting_bytes : SEGMENT_BYTES;
    if (config->segment_bytes > 0)
        norm->segment_bytes = config->segment_bytes;
    if (norm->segment_bytes < HD_SEGMENT_BYTES_MIN)
        return herald_error_set(error, -EINVAL, "segments of %u bytes are too small: %d are needed for descriptions",
                                norm->segment_bytes, HD_SEGMENT_BYTES_MIN);
    if (norm->segment_bytes > fitting_bytes)
        return herald_error_set(error, -EMSGSIZE, "segments of %u bytes do not fit into packets on %s: %zu do",
                                norm->segment_bytes, facts->interface.name, fitting_bytes);
    norm->fec_id = config->fec_id > 0 ? config->fec_id : norm->fec_id;
    /* Shorter blocks need more parity for the worst of many receivers; far longer ones take long to recover. */
    norm->block_segments = config->block_segments > 0 ? config->block_segments : HERALD_BLOCK_SEGMENTS;
    norm->parity_segments = config->parity_segments > 0 ? config->parity_segments : HERALD_PARITY_SEGMENTS;
    norm->proactive_parity = (uint16_t)((norm->block_segments * config->fec_percent + 99) / 100);
    if (norm->proactive_parity > norm->parity_segments)
        return herald_error_set(error, -EINVAL, "%u%% of parity are more than blocks of %u segments with %u of parity",
                                config->fec_percent, norm->block_segments, norm->parity_segments);
    set_rate(norm, config, facts->ttl <= 1);
    norm->burst_ns = CATCH_UP_NS;
    norm->grtt_initial_ns = facts->ttl <= 1 ? GRTT_LAN_NS : GRTT_WAN_NS;
    norm->unicast_feedback = config->unicast_feedback;
    norm->objects_max = HD_DELIVERY_OBJECTS_MAX;
    norm->ack_nodes_max = config->receivers_max;
    norm->stream_blocks_max = HD_STREAM_BLOCKS;
    if (herald_norm_sender_config_check(norm) != NULL)
        return herald_error_set(error, -EINVAL, "the transport does not take this value of %s",
                                herald_norm_sender_config_check(norm));
    return 0;
}

static int open_parts(herald_delivery *delivery, struct herald_error *error)
{
    const struct herald_norm_sender_config *norm = &delivery->norm_config;
    int r;

    if ((r = herald_norm_sender_new(&delivery->norm, norm, delivery->now_ns)) < 0 ||
        (r = hd_tree_new(&delivery->tree, complain, delivery)) < 0 ||
        (r = hd_block_cache_new(&delivery->cache, (size_t)norm->block_segments * norm->segment_bytes)) < 0 ||
        (r = hd_run_out_init(&delivery->run_out, norm->segment_bytes)) < 0)
        return herald_error_set(error, r, "cannot prepare the transport: %s", strerror(-r));
    return 0;
}

int herald_delivery_new(herald_delivery **ret_delivery, const struct herald_delivery_config *config,
                        struct herald_error *error)
{
    herald_delivery *delivery;
    int r;

    if (config->endpoint.group_count != 1)
        return herald_error_set(error, -EINVAL, "a delivery goes to one group");
    delivery = calloc(1, sizeof(*delivery));
    if (delivery == NULL)
        return herald_error_set(error, -ENOMEM, "out of memory");
    delivery->node.epoll_fd = -1;
    delivery->stream.fd = -1;
    hd_ring_init(&delivery->notes, sizeof(struct hd_delivery_note), HD_DELIVERY_EVENTS_MAX);
    delivery->now_ns = herald_clock_ns();
    delivery->phase_ns = delivery->new_ns = delivery->now_ns;
    delivery->delivery_id = hd_random_number() | 1;
    set_defaults(delivery, config);
    r = hd_people_init(delivery, config);
    if (r < 0)
        herald_error_set(error, r, r == -E2BIG ? "more receivers are expected than receivers_max" : "out of memory");
    if (r < 0 || (r = open_sockets(delivery, config, error)) < 0 || (r = fill_norm_config(delivery, error)) < 0 ||
        (r = open_parts(delivery, error)) < 0) {
        herald_delivery_free(delivery);
        return r;
    }
    *ret_delivery = delivery;
    return 0;
}

herald_delivery *herald_delivery_free(herald_delivery *delivery)
{
    if (delivery == NULL)
        return NULL;
    hd_delivery_close_slots(delivery);
    herald_norm_sender_free(delivery->norm);
    hd_block_cache_free(delivery->cache);
    hd_tree_free(delivery->tree);
    hd_run_out_release(&delivery->run_out);
    hd_stream_feed_release(&delivery->stream);
    hd_node_release(&delivery->node);
    do
        free(delivery->current.path);
    while (hd_ring_take(&delivery->notes, &delivery->current));
    hd_ring_release(&delivery->notes);
    free(delivery->people);
    free(delivery->again);
    free(delivery->void_entries);
    free(delivery);
    return NULL;
}

/* ---- what is sent ---------------------------------------------------------------------------- */

static int check_not_begun(const herald_delivery *delivery, struct herald_error *error)
{
    if (delivery->has_begun)
        return herald_error_set(error, -EBUSY, "the delivery has begun: nothing can be added");
    if (delivery->stream.fd >= 0)
        return herald_error_set(error, -EBUSY, "a descriptor is sent alone: nothing can be added");
    return 0;
}

int herald_delivery_add_path(herald_delivery *delivery, const char *path, const char *const *excludes,
                             size_t exclude_count, struct herald_error *error)
{
    int r = check_not_begun(delivery, error);

    return r < 0 ? r : hd_tree_add_path(delivery->tree, path, excludes, exclude_count, error);
}

bool herald_delivery_has_excluded(const herald_delivery *delivery, const char *pattern)
{
    return hd_tree_has_excluded(delivery->tree, pattern);
}

int herald_delivery_add_bytes(herald_delivery *delivery, const char *name, const void *bytes, size_t size_bytes,
                              struct herald_error *error)
{
    int r = check_not_begun(delivery, error);

    return r < 0 ? r : hd_tree_add_bytes(delivery->tree, name, bytes, size_bytes, error);
}

int herald_delivery_add_descriptor(herald_delivery *delivery, const char *name, int fd, struct herald_error *error)
{
    int r = check_not_begun(delivery, error);

    if (r < 0)
        return r;
    if (hd_tree_count(delivery->tree) > 0)
        return herald_error_set(error, -EBUSY, "a descriptor is sent alone: something else was added before");
    if (delivery->config.repeat)
        return herald_error_set(error, -EINVAL, "what is read from a descriptor cannot be sent repeatedly");
    r = hd_stream_check_name(delivery, name, error);
    if (r < 0 || (r = hd_tree_add_stream(delivery->tree, name, fd, error)) < 0)
        return r;
    r = hd_stream_feed_init(&delivery->stream, fd);
    return r < 0 ? herald_error_set(error, r, "out of memory") : 0;
}

/* The first call: from now on nothing can be added. */
static int begin(herald_delivery *delivery, struct herald_error *error)
{
    size_t words = hd_tree_count(delivery->tree) / 64 + 1;

    if (delivery->has_begun)
        return 0;
    if (hd_tree_count(delivery->tree) == 0)
        return herald_error_set(error, -EINVAL, "there is nothing to send");
    if (hd_tree_count(delivery->tree) > HD_DELIVERY_ENTRIES_MAX)
        return herald_error_set(error, -E2BIG, "these are more than %d files and directories", HD_DELIVERY_ENTRIES_MAX);
    delivery->again = calloc(words, sizeof(*delivery->again));
    delivery->void_entries = calloc(words, sizeof(*delivery->void_entries));
    if (delivery->again == NULL || delivery->void_entries == NULL)
        return herald_error_set(error, -ENOMEM, "out of memory");
    delivery->tree_bytes = hd_tree_bytes(delivery->tree);
    delivery->phase_ns = delivery->new_ns = delivery->now_ns;
    delivery->has_begun = true;
    return 0;
}

/* ---- the loop -------------------------------------------------------------------------------- */

static void handle_event(herald_delivery *delivery, const struct herald_norm_sender_event *event)
{
    switch (event->type) {
    case HERALD_NORM_SENDER_SENT:
        hd_delivery_on_sent(delivery, event->object_id);
        break;
    case HERALD_NORM_SENDER_RELEASED:
        hd_delivery_on_released(delivery, event->object_id, false);
        break;
    case HERALD_NORM_SENDER_FAILED:
        hd_delivery_on_released(delivery, event->object_id, true);
        break;
    case HERALD_NORM_SENDER_ACKED:
        hd_people_on_acked(delivery, event->node_id, event->object_id);
        break;
    case HERALD_NORM_SENDER_ACKS_DONE:
        hd_delivery_on_acks_done(delivery, event->missing_count);
        break;
    case HERALD_NORM_SENDER_APPLICATION_ACK:
        if (event->ack_type == HD_ACK_TYPE)
            hd_people_on_answer(delivery, event->node_id, event->content, event->content_bytes);
        break;
    case HERALD_NORM_SENDER_REQUEST_DONE:
        hd_delivery_on_request_done(delivery);
        break;
    case HERALD_NORM_SENDER_ENDED:
        delivery->has_ended = true;
        break;
    case HERALD_NORM_SENDER_FLUSHED:
        hd_delivery_on_flushed(delivery);
        break;
    case HERALD_NORM_SENDER_STREAM_WRITABLE:
    case HERALD_NORM_SENDER_COMMAND_SENT:
    case HERALD_NORM_SENDER_RATE:
    case HERALD_NORM_SENDER_GRTT:
        break;
    }
}

static void drain(herald_delivery *delivery)
{
    struct herald_norm_sender_event event;

    while (herald_norm_sender_poll_event(delivery->norm, &event) > 0)
        handle_event(delivery, &event);
}

static void input(void *user, const struct herald_run *run, bool unicast)
{
    herald_delivery *delivery = user;
    size_t count = herald_run_count(run);

    for (size_t i = 0; i < count; i++) {
        size_t packet_bytes;
        const uint8_t *packet = herald_run_datagram(run, i, &packet_bytes);

        if (!hd_people_on_packet(delivery, &run->source, packet, packet_bytes))
            continue;
        (void)herald_norm_sender_input(delivery->norm, &run->source, unicast, packet, packet_bytes, delivery->now_ns);
        drain(delivery);
    }
}

static int process_network(herald_delivery *delivery, struct herald_error *error)
{
    struct herald_receiver_event event;
    int r = 0;

    if (delivery->node.receiver != NULL) {
        r = herald_receiver_process(delivery->node.receiver, delivery->now_ns);
        /* Its joins follow the interface; what goes wrong shows when sending, if it is not only the cable. */
        while (herald_receiver_next_event(delivery->node.receiver, &event) > 0)
            delivery->is_cut = event.kind == HERALD_RECEIVER_LOST || event.kind == HERALD_RECEIVER_DOWN;
    }
    if (r == 0)
        r = hd_node_receive(&delivery->node, input, delivery, delivery->now_ns);
    if (r < 0)
        return herald_error_set(error, r, "cannot receive feedback: %s", strerror(-r));
    return r;
}

int herald_delivery_process(herald_delivery *delivery, uint64_t now_ns, struct herald_error *error)
{
    int r;

    delivery->now_ns = now_ns > delivery->now_ns ? now_ns : delivery->now_ns;
    r = begin(delivery, error);
    if (r < 0)
        return r;
    if (delivery->phase == HERALD_DELIVERY_DONE)
        return 1;
    r = process_network(delivery, error);
    if (r < 0)
        return r;
    (void)herald_norm_sender_handle_timeout(delivery->norm, delivery->now_ns);
    drain(delivery);
    if (delivery->phase == HERALD_DELIVERY_SENDING || delivery->phase == HERALD_DELIVERY_RECEIPTS)
        hd_delivery_feed(delivery);
    hd_delivery_step(delivery);
    delivery->is_busy = hd_delivery_pump(delivery) || r > 0;
    drain(delivery);
    hd_delivery_step(delivery);
    return delivery->phase == HERALD_DELIVERY_DONE;
}

uint64_t herald_delivery_deadline(const herald_delivery *delivery)
{
    uint64_t deadline_ns = hd_delivery_step_deadline(delivery);
    uint64_t norm_ns = herald_norm_sender_next_timeout(delivery->norm);

    if (!delivery->has_begun || delivery->is_busy || delivery->phase == HERALD_DELIVERY_DONE)
        return 0;
    if (delivery->is_blocked) /* the transport's next datagram waits for POLLOUT, its time-outs for that */
        norm_ns = HERALD_NEVER;
    if (norm_ns < delivery->pause_ns)
        norm_ns = delivery->pause_ns;
    if (norm_ns < delivery->rest_until_ns)
        norm_ns = delivery->rest_until_ns;
    if (norm_ns < deadline_ns)
        deadline_ns = norm_ns;
    if (delivery->node.receiver != NULL && herald_receiver_deadline(delivery->node.receiver) < deadline_ns)
        deadline_ns = herald_receiver_deadline(delivery->node.receiver);
    return deadline_ns;
}

int herald_delivery_fd(const herald_delivery *delivery)
{
    return delivery->node.epoll_fd;
}

void herald_delivery_stop(herald_delivery *delivery)
{
    delivery->is_stopped = true;
}

int herald_delivery_run(herald_delivery *delivery,
                        void (*on_event)(void *user, const struct herald_delivery_event *event), void *user,
                        struct herald_error *error)
{
    for (;;) {
        struct herald_delivery_event event;
        int r = herald_delivery_process(delivery, herald_clock_ns(), error);

        while (herald_delivery_next_event(delivery, &event) > 0)
            if (on_event != NULL)
                on_event(user, &event);
        if (r < 0)
            return r;
        if (r > 0)
            return herald_delivery_result(delivery, error);
        hd_node_wait(&delivery->node, herald_delivery_deadline(delivery));
    }
}

/* ---- asked ----------------------------------------------------------------------------------- */

int herald_delivery_result(const herald_delivery *delivery, struct herald_error *error)
{
    uint32_t missing = hd_people_missing(delivery);

    if (delivery->result < 0) {
        if (error != NULL)
            *error = delivery->result_error;
        return delivery->result;
    }
    if (delivery->config.silent_receivers || missing == 0)
        return 0;
    herald_error_set(error, -EREMOTEIO, "%u receiver(s) lack something", missing);
    return missing < INT32_MAX ? (int)missing : INT32_MAX;
}

const struct herald_sender_facts *herald_delivery_facts(const herald_delivery *delivery)
{
    return herald_sender_facts(delivery->node.exits[0].sender);
}

uint32_t herald_delivery_node_id(const herald_delivery *delivery)
{
    return delivery->config.node_id;
}

int herald_delivery_get_recipient(const herald_delivery *delivery, uint32_t index,
                                  struct herald_recipient *ret_recipient)
{
    for (uint32_t i = 0; i < delivery->people_count; i++) {
        if (!hd_recipient_counts(&delivery->people[i]) || index-- > 0)
            continue;
        *ret_recipient = delivery->people[i].facts;
        return 0;
    }
    return -ENOENT;
}

void herald_delivery_get_statistics(const herald_delivery *delivery,
                                    struct herald_norm_sender_statistics *ret_statistics)
{
    herald_norm_sender_get_statistics(delivery->norm, ret_statistics);
}

void herald_delivery_get_progress(const herald_delivery *delivery, struct herald_delivery_progress *ret_progress)
{
    struct herald_norm_sender_statistics statistics;
    uint64_t end_ns = delivery->end_ns != 0 ? delivery->end_ns : delivery->now_ns;
    struct herald_delivery_progress progress = {
        .phase = delivery->phase,
        .objects = hd_tree_count(delivery->tree),
        .objects_sent = delivery->objects_sent,
        .bytes = hd_tree_bytes(delivery->tree) + delivery->stream.written_bytes,
        .elapsed_ns = delivery->begin_ns != 0 ? end_ns - delivery->begin_ns : 0,
        .has_unread = delivery->stream.fd >= 0 && !delivery->stream.has_ended,
    };

    herald_norm_sender_get_statistics(delivery->norm, &statistics);
    progress.bytes_sent = statistics.payload_bytes < progress.bytes ? statistics.payload_bytes : progress.bytes;
    progress.wire_bytes = statistics.bytes;
    progress.repair_datagrams = statistics.repair_source_datagrams + statistics.repair_parity_datagrams +
                                statistics.repair_info_datagrams;
    progress.rate_bytes_per_s = statistics.rate_bytes_per_s;
    for (uint32_t i = 0; i < delivery->people_count; i++) {
        const struct hd_recipient *recipient = &delivery->people[i];

        if (!hd_recipient_counts(recipient))
            continue;
        progress.receivers++;
        progress.complete += hd_recipient_has_all(recipient);
        progress.failed += hd_recipient_is_final(recipient) && !hd_recipient_has_all(recipient) &&
                           recipient->facts.state != HERALD_RECIPIENT_EXPECTED;
    }
    progress.eta_ns = hd_people_eta_ns(delivery, progress.bytes, progress.bytes_sent, end_ns);
    *ret_progress = progress;
}
