/* SPDX-License-Identifier: MIT */
#include "inbox.h"

#include "tree.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

enum {
    RECEIVE_BUFFER_BYTES = 8 << 20,
    UNFINISHED_DAYS = 7,      /* after which nobody will go on with an unfinished file */
    STREAM_BLOCKS = 112,      /* each of 255 segments, so that it is 42 MB, untouched until a stream comes */
    OBJECTS_PER_SENDER = 512, /* not less than a delivery keeps */
};

#define S(n) (UINT64_C(1000000000) * (n))

#define UNFINISHED_S (UNFINISHED_DAYS * UINT64_C(86400))
#define SWEEP_NS     S(86400) /* a run may last for years */

/* Whoever has all it wants stays so long after the last question, and after the last that was heard of a sender. */
#define LINGER_ANSWERED_NS S(1)
#define LINGER_SILENT_NS   S(3)
#define LINGER_MAX_NS      S(30)
#define LOST_NS            S(30)
#define QUIET_NS           S(2)
#define STOP_MAX_NS        S(1)
/* What is less is the slowness of this host, by which senders have to time repairs as well as by the way. */
#define STOPPED_NS (S(1) / 2)

/* ---- events ---------------------------------------------------------------------------------- */

static void release_note(struct hd_inbox_note *note)
{
    free(note->name);
    free(note->path);
    hd_store_free(note->store);
    *note = (struct hd_inbox_note){ 0 };
}

void hd_inbox_tell(herald_inbox *inbox, const struct herald_inbox_event *event, struct hd_store *store)
{
    struct hd_inbox_note *note = hd_ring_add(&inbox->notes);

    if (note == NULL) {
        hd_store_free(store);
        return;
    }
    *note = (struct hd_inbox_note){ .event = *event, .store = store };
    if (event->object.name != NULL)
        note->name = strdup(event->object.name);
    if (event->object.path != NULL)
        note->path = strdup(event->object.path);
}

void hd_inbox_tell_object(herald_inbox *inbox, enum herald_inbox_event_kind kind, struct hd_arrival *arrival,
                          const char *path, const struct herald_error *error)
{
    struct herald_inbox_event event = { .kind = kind };
    struct hd_store *store = NULL;

    hd_arrival_describe(inbox, arrival, &event.object);
    event.object.path = path;
    if (error != NULL)
        event.error = *error;
    if (kind == HERALD_INBOX_DONE && inbox->config.kind == HERALD_INBOX_MEMORY) {
        store = arrival->store; /* with the bytes: it stays as long as the event */
        arrival->store = NULL;
    }
    hd_inbox_tell(inbox, &event, store);
}

int herald_inbox_next_event(herald_inbox *inbox, struct herald_inbox_event *ret_event)
{
    struct hd_inbox_note *current = &inbox->current;

    release_note(current);
    if (!hd_ring_take(&inbox->notes, current))
        return 0;
    current->event.object.name = current->name;
    current->event.object.path = current->path;
    if (current->store != NULL)
        current->event.object.bytes = hd_store_growing_bytes(current->store) != NULL
                                          ? hd_store_growing_bytes(current->store)
                                          : hd_store_bytes(current->store);
    *ret_event = current->event;
    return 1;
}

/* ---- opening --------------------------------------------------------------------------------- */

static int set_defaults(herald_inbox *inbox, const struct herald_inbox_config *given)
{
    struct herald_inbox_config *config = &inbox->config;

    *config = *given;
    config->host = config->directory = config->path = NULL;
    while (config->node_id == HERALD_NORM_NODE_NONE || config->node_id == HERALD_NORM_NODE_ANY)
        config->node_id = (uint32_t)hd_random_number();
    if (config->endpoint.source.family != HERALD_FAMILY_NONE || herald_address_is_ssm(&config->endpoint.group))
        config->unicast_feedback = true;
    if (given->host != NULL)
        snprintf(inbox->host, sizeof(inbox->host), "%s", given->host);
    else if (gethostname(inbox->host, sizeof(inbox->host) - 1) < 0)
        inbox->host[0] = '\0';
    if (given->accept_count > 0) {
        inbox->accept = calloc(given->accept_count, sizeof(*inbox->accept));
        if (inbox->accept == NULL)
            return -ENOMEM;
        memcpy(inbox->accept, given->accept, given->accept_count * sizeof(*inbox->accept));
    }
    config->accept = inbox->accept;
    inbox->discards = given->kind == HERALD_INBOX_DESCRIPTOR && hd_store_discards(given->fd);
    inbox->arrivals = calloc(HD_ARRIVALS_MAX, sizeof(*inbox->arrivals));
    return inbox->arrivals != NULL ? 0 : -ENOMEM;
}

/* The directory of a path, and its last part in *ret_name. The caller frees it. */
static char *split_path(const char *path, const char **ret_name)
{
    const char *slash = strrchr(path, '/');

    *ret_name = slash != NULL ? slash + 1 : path;
    if (slash == NULL)
        return strdup(".");
    return slash == path ? strdup("/") : strndup(path, (size_t)(slash - path));
}

static int open_place(herald_inbox *inbox, const struct herald_inbox_config *config, struct herald_error *error)
{
    struct hd_place_config place = {
        .directory = config->directory != NULL ? config->directory : ".",
        .clash = config->clash,
        .any_links = config->any_links,
        .no_sync = config->no_sync,
    };
    char *directory = NULL;
    int r;

    if (config->kind == HERALD_INBOX_FILE) {
        if (config->path == NULL)
            return herald_error_set(error, -EINVAL, "no file to receive into");
        place.directory = directory = split_path(config->path, &place.only_name);
        if (directory == NULL)
            return herald_error_set(error, -ENOMEM, "out of memory");
    }
    r = hd_place_new(&inbox->place, &place, error);
    if (r == 0) {
        r = hd_store_scan(inbox->place, UNFINISHED_S, &inbox->stats.unfinished_files, &inbox->stats.unfinished_bytes);
        inbox->sweep_ns = inbox->now_ns + SWEEP_NS;
        if (r < 0)
            herald_error_set(error, r, "cannot look for unfinished files in %s/.herald-partial: %s", place.directory,
                             strerror(-r));
    }
    free(directory);
    return r;
}

static int open_transport(herald_inbox *inbox, struct herald_error *error)
{
    struct herald_norm_receiver_config norm;
    int r;

    herald_norm_receiver_config_default(&norm);
    norm.node_id = inbox->config.node_id;
    norm.seed = hd_random_number();
    norm.silent = inbox->config.silent;
    norm.unicast_feedback = inbox->config.unicast_feedback;
    norm.sync = HERALD_NORM_SYNC_ALL;
    norm.senders_max = HD_INBOX_SENDERS_MAX;
    norm.objects_max = norm.objects_per_sender = OBJECTS_PER_SENDER;
    norm.stream_blocks_max = STREAM_BLOCKS;
    norm.user = inbox;
    norm.accept = hd_arrival_accept;
    r = herald_norm_receiver_new(&inbox->norm, &norm, inbox->now_ns);
    inbox->send_buffer_bytes = HERALD_NORM_BUFFER_BYTES(norm.segment_bytes_max);
    inbox->send_buffer = malloc(inbox->send_buffer_bytes);
    if (r < 0 || inbox->send_buffer == NULL)
        return herald_error_set(error, r < 0 ? r : -ENOMEM, "cannot prepare the transport: %s",
                                strerror(r < 0 ? -r : ENOMEM));
    return 0;
}

static int open_sockets(herald_inbox *inbox, const struct herald_inbox_config *config, struct herald_error *error)
{
    const struct herald_receiver_config receiver = {
        .endpoints = &config->endpoint,
        .endpoint_count = 1,
        .interfaces = config->interfaces,
        .interface_count = config->interface_count,
        .receive_buffer_bytes = config->receive_buffer_bytes > 0 ? config->receive_buffer_bytes : RECEIVE_BUFFER_BYTES,
        .keep_duplicates = true, /* the transport knows them by their numbers */
    };
    const struct herald_responder_config responder = {
        .host = inbox->host,
        .examine = config->examine,
        .examine_userdata = config->examine_userdata,
    };
    int r = hd_node_init(&inbox->node, &config->endpoint, error);

    if (r < 0 || (r = hd_node_join(&inbox->node, &receiver, error)) < 0)
        return r;
    if (!config->silent && !config->no_ping)
        hd_node_answer_pings(&inbox->node, &responder);
    if (inbox->place != NULL && (r = hd_node_watch(&inbox->node, hd_place_fd(inbox->place), EPOLLIN)) < 0)
        return herald_error_set(error, r, "cannot wait for the disk: %s", strerror(-r));
    return herald_loss_new(&inbox->loss, &(struct herald_loss_config){ .receiver = inbox->node.receiver }, error);
}

int herald_inbox_new(herald_inbox **ret_inbox, const struct herald_inbox_config *config, struct herald_error *error)
{
    herald_inbox *inbox;
    int r;

    if (config->endpoint.group_count != 1)
        return herald_error_set(error, -EINVAL, "an inbox listens to one group");
    inbox = calloc(1, sizeof(*inbox));
    if (inbox == NULL)
        return herald_error_set(error, -ENOMEM, "out of memory");
    inbox->node.epoll_fd = -1;
    inbox->now_ns = herald_clock_ns();
    inbox->sweep_ns = HERALD_NEVER;
    hd_ring_init(&inbox->notes, sizeof(struct hd_inbox_note), HD_INBOX_EVENTS_MAX);
    r = set_defaults(inbox, config);
    if (r < 0)
        herald_error_set(error, r, "out of memory");
    if (r == 0 && (config->kind == HERALD_INBOX_DIRECTORY || config->kind == HERALD_INBOX_FILE))
        r = open_place(inbox, config, error);
    if (r < 0 || (r = open_transport(inbox, error)) < 0 || (r = open_sockets(inbox, config, error)) < 0) {
        herald_inbox_free(inbox);
        return r;
    }
    inbox->config.interfaces = NULL;
    *ret_inbox = inbox;
    return 0;
}

herald_inbox *herald_inbox_free(herald_inbox *inbox)
{
    if (inbox == NULL)
        return NULL;
    herald_norm_receiver_free(inbox->norm);
    for (uint32_t i = 0; i < inbox->arrival_end; i++)
        if (inbox->arrivals[i].state != HD_ARRIVAL_FREE)
            hd_arrival_remove(inbox, &inbox->arrivals[i]);
    for (size_t i = 0; i < HD_INBOX_SENDERS_MAX; i++)
        hd_origin_release(inbox, &inbox->origins[i]);
    hd_place_free(inbox->place);
    herald_loss_free(inbox->loss);
    hd_node_release(&inbox->node);
    do
        release_note(&inbox->current);
    while (hd_ring_take(&inbox->notes, &inbox->current));
    hd_ring_release(&inbox->notes);
    hd_spares_release(&inbox->spares);
    free(inbox->arrivals);
    free(inbox->accept);
    free(inbox->send_buffer);
    free(inbox);
    return NULL;
}

/* ---- the transport's events ------------------------------------------------------------------ */

static void tell_sender(herald_inbox *inbox, uint32_t sender_id)
{
    struct hd_origin *origin = hd_origin_get(inbox, sender_id);
    struct herald_inbox_event event = { .kind = HERALD_INBOX_SENDER };

    if (origin == NULL)
        return;
    hd_origin_on_back(origin);
    for (uint32_t i = 0;; i++) {
        struct herald_norm_sender_status status;

        if (herald_norm_receiver_get_sender(inbox->norm, i, &status) < 0)
            break;
        if (status.node_id == sender_id)
            origin->peer = status.address;
    }
    event.object.sender_id = sender_id;
    event.object.sender = origin->peer;
    memcpy(event.object.sender_host, origin->host, sizeof(origin->host));
    if (!origin->is_told)
        hd_inbox_tell(inbox, &event, NULL);
    origin->is_told = true;
}

static void handle_object_event(herald_inbox *inbox, const struct herald_norm_receiver_event *event)
{
    bool is_aborted = event->type == HERALD_NORM_RECEIVER_OBJECT_ABORTED;
    struct hd_arrival *arrival = is_aborted ? hd_arrival_find_aborted(inbox, event->sender_id, event->object_id)
                                            : hd_arrival_find(inbox, event->sender_id, event->object_id);

    if (arrival == NULL)
        return;
    if (event->type == HERALD_NORM_RECEIVER_OBJECT_INFO) {
        hd_arrival_on_info(inbox, arrival, event->content, event->content_bytes);
    } else if (event->type == HERALD_NORM_RECEIVER_OBJECT_COMPLETE) {
        hd_arrival_on_complete(inbox, arrival);
    } else if (is_aborted) {
        hd_arrival_on_aborted(inbox, arrival, event);
    } else if (arrival->stream.is_stream) {
        arrival->stream.has_ended |= event->type == HERALD_NORM_RECEIVER_STREAM_END;
        hd_stream_read(inbox, arrival);
    }
}

static void handle_event(herald_inbox *inbox, const struct herald_norm_receiver_event *event)
{
    struct hd_origin *origin = hd_origin_find(inbox, event->sender_id);

    switch (event->type) {
    case HERALD_NORM_RECEIVER_SENDER_NEW:
    case HERALD_NORM_RECEIVER_SENDER_RESTARTED:
    case HERALD_NORM_RECEIVER_SENDER_ACTIVE:
        tell_sender(inbox, event->sender_id);
        break;
    case HERALD_NORM_RECEIVER_SENDER_SILENT:
        if (origin != NULL)
            origin->silent_ns = inbox->now_ns;
        break;
    case HERALD_NORM_RECEIVER_SENDER_GONE:
        hd_origin_on_gone(inbox, event->sender_id);
        break;
    case HERALD_NORM_RECEIVER_OBJECT_INFO:
    case HERALD_NORM_RECEIVER_OBJECT_COMPLETE:
    case HERALD_NORM_RECEIVER_OBJECT_ABORTED:
    case HERALD_NORM_RECEIVER_STREAM_READABLE:
    case HERALD_NORM_RECEIVER_STREAM_END:
        handle_object_event(inbox, event);
        break;
    case HERALD_NORM_RECEIVER_STREAM_NEW:
        hd_stream_on_new(inbox, event);
        break;
    case HERALD_NORM_RECEIVER_REQUEST:
        hd_origin_on_request(inbox, event);
        break;
    case HERALD_NORM_RECEIVER_WATERMARK:
        if (origin != NULL && !origin->is_herald)
            origin->receipt_ns = inbox->now_ns; /* as far as it asks for one */
        break;
    case HERALD_NORM_RECEIVER_COMMAND:
        break;
    }
}

static void drain(herald_inbox *inbox)
{
    struct herald_norm_receiver_event event;

    while (herald_norm_receiver_poll_event(inbox->norm, &event) > 0)
        handle_event(inbox, &event);
}

/* ---- the loop -------------------------------------------------------------------------------- */

static bool is_accepted(const herald_inbox *inbox, const struct herald_address *address)
{
    if (inbox->config.accept_count == 0)
        return true;
    for (size_t i = 0; i < inbox->config.accept_count; i++)
        if (herald_address_equal(&inbox->accept[i], address))
            return true;
    return false;
}

/* Other receivers are not accepted either, but nobody waits for them. */
static void tell_ignored(herald_inbox *inbox, const struct herald_run *run)
{
    struct herald_inbox_event event = { .kind = HERALD_INBOX_IGNORED, .object.sender = run->source };

    for (uint32_t i = 0; i < inbox->ignored_count; i++)
        if (herald_address_equal(&inbox->ignored[i], &run->source.address))
            return;
    if (inbox->ignored_count == HD_IGNORED_MAX || !hd_origin_is_sender(run->payload, run->size_bytes))
        return;
    inbox->ignored[inbox->ignored_count++] = run->source.address;
    hd_inbox_tell(inbox, &event, NULL);
}

/* @return how many bytes of it were taken: the first datagram at least. */
static size_t input_some(herald_inbox *inbox, const struct herald_run *run, size_t from_bytes, bool unicast)
{
    const uint8_t *packet = run->payload + from_bytes;
    size_t left_bytes = run->size_bytes - from_bytes;
    size_t packet_bytes = left_bytes < run->segment_bytes ? left_bytes : run->segment_bytes;
    int64_t taken_bytes;

    if (hd_origin_is_impostor(inbox, &run->source, packet, packet_bytes))
        return packet_bytes;
    taken_bytes = herald_norm_receiver_input_run(inbox->norm, &run->source, unicast, packet, left_bytes,
                                                 run->segment_bytes, inbox->now_ns);
    drain(inbox);
    if (inbox->has_new) {
        hd_arrival_resume_new(inbox);
        drain(inbox);
    }
    return taken_bytes > 0 ? (size_t)taken_bytes : packet_bytes;
}

/* A leap of the time: the process was stopped, and what has come meanwhile has waited for that. Or nothing came. */
static void set_time(herald_inbox *inbox, uint64_t now_ns)
{
    if (now_ns <= inbox->now_ns)
        return;
    if (now_ns - inbox->now_ns >= STOPPED_NS)
        inbox->resumed_ns = hd_realtime_ns();
    inbox->now_ns = now_ns;
}

static void input(void *user, const struct herald_run *run, bool unicast)
{
    herald_inbox *inbox = user;
    uint64_t waited_ns = run->time_ns > 0 && run->time_ns < inbox->resumed_ns ? inbox->resumed_ns - run->time_ns : 0;

    if (!is_accepted(inbox, &run->source.address)) {
        tell_ignored(inbox, run);
        return;
    }
    herald_norm_receiver_set_waited(inbox->norm, waited_ns);
    for (size_t done_bytes = 0; done_bytes < run->size_bytes;)
        done_bytes += input_some(inbox, run, done_bytes, unicast);
    hd_arrival_flush_all(inbox);
    drain(inbox);
    set_time(inbox, herald_clock_ns());
}

static void tell_network(herald_inbox *inbox)
{
    struct herald_inbox_event event = { .kind = HERALD_INBOX_NETWORK };

    while (herald_receiver_next_event(inbox->node.receiver, &event.network) > 0)
        hd_inbox_tell(inbox, &event, NULL);
}

void hd_inbox_watch_reader(herald_inbox *inbox, bool wanted)
{
    if (inbox->config.kind != HERALD_INBOX_DESCRIPTOR)
        return;
    if (wanted && !inbox->waits_for_reader) /* a regular file always has room, and cannot be watched */
        inbox->is_reader_unwatchable = hd_node_watch(&inbox->node, inbox->config.fd, EPOLLOUT) < 0;
    else if (!wanted && inbox->waits_for_reader)
        hd_node_unwatch(&inbox->node, inbox->config.fd);
    inbox->waits_for_reader = wanted;
    inbox->is_busy |= wanted && inbox->is_reader_unwatchable;
}

/* The transport's payload does not last until it can be sent. */
static void keep_payload(struct herald_norm_datagram *datagram)
{
    uint8_t *copy = datagram->buffer + datagram->header_bytes;

    if (datagram->payload_bytes == 0 || datagram->payload == copy ||
        datagram->header_bytes + datagram->payload_bytes > datagram->buffer_bytes)
        return;
    memcpy(copy, datagram->payload, datagram->payload_bytes);
    datagram->payload = copy;
}

/* How much was asked for is known as long as an object is not complete: noted each time that something is asked for. */
static void note_requests(herald_inbox *inbox)
{
    struct herald_norm_object_status status;

    for (uint32_t i = 0; i < inbox->arrival_end; i++) {
        struct hd_arrival *arrival = &inbox->arrivals[i];

        if (arrival->state == HD_ARRIVAL_OPEN &&
            herald_norm_receiver_get_object(inbox->norm, arrival->sender_id, arrival->object_id, &status) == 0)
            arrival->repaired_segments = status.segments_nacked;
    }
}

static void send_feedback(herald_inbox *inbox)
{
    for (;;) {
        struct herald_norm_datagram *datagram = &inbox->unsent;

        if (!inbox->has_unsent) {
            datagram->buffer = inbox->send_buffer;
            datagram->buffer_bytes = inbox->send_buffer_bytes;
            if (herald_norm_receiver_poll_output(inbox->norm, datagram, inbox->now_ns) <= 0)
                return;
            note_requests(inbox);
        }
        inbox->has_unsent = hd_node_send(&inbox->node, datagram, inbox->now_ns) == -EAGAIN;
        if (inbox->has_unsent) {
            keep_payload(datagram);
            return; /* feedback is little: the buffer is free again soon */
        }
    }
}

static void read_streams(herald_inbox *inbox)
{
    for (uint32_t i = 0; i < inbox->arrival_end; i++) {
        struct hd_arrival *arrival = &inbox->arrivals[i];

        if (arrival->state == HD_ARRIVAL_OPEN && arrival->stream.is_stream)
            hd_stream_read(inbox, arrival);
    }
}

void hd_inbox_check_count(herald_inbox *inbox)
{
    if (inbox->config.count == 0 || inbox->is_finishing ||
        inbox->stats.objects + inbox->stats.skipped_objects < inbox->config.count)
        return;
    inbox->has_enough = inbox->has_waiting = inbox->is_finishing = true;
    inbox->finishing_ns = inbox->now_ns;
}

/* Whoever does not read any more is not misled. */
bool hd_inbox_check_cut(herald_inbox *inbox, const struct hd_arrival *arrival, const struct herald_error *error)
{
    const char *name = arrival->name != NULL ? arrival->name : "an object";
    char quote[65];

    if (inbox->is_stopped || error->code == -EPIPE || error->code == -ECONNRESET || arrival->store == NULL ||
        !hd_store_has_left(arrival->store))
        return false;
    inbox->is_cut = inbox->is_stopped = true;
    hd_quote_path(quote, sizeof(quote), name);
    inbox->result = herald_error_set(&inbox->result_error, -EIO,
                                     "what was written of %s is incomplete or wrong: %.140s", quote, error->cause);
    return true;
}

/* All that was wanted is here; the senders should still learn of it. */
static bool has_lingered(const herald_inbox *inbox)
{
    if (inbox->now_ns - inbox->finishing_ns >= LINGER_MAX_NS)
        return true;
    /* What is still missing of other senders' objects is not waited for. */
    for (uint32_t i = 0; i < inbox->arrival_end && inbox->config.count == 0; i++)
        if (inbox->arrivals[i].state == HD_ARRIVAL_FINISHING)
            return false;
    if (inbox->config.silent)
        return true;
    for (size_t i = 0; i < HD_INBOX_SENDERS_MAX; i++) {
        const struct hd_origin *origin = &inbox->origins[i];

        if (origin->node_id == 0 || origin->is_gone || inbox->now_ns - origin->heard_ns >= LINGER_SILENT_NS)
            continue;
        if (origin->receipt_ns == 0 || inbox->now_ns < origin->receipt_ns + LINGER_ANSWERED_NS)
            return false;
    }
    return true;
}

void hd_inbox_note_heard(herald_inbox *inbox)
{
    /* How long ago a sender was heard is known well enough by whether the transport calls it active. */
    for (uint32_t i = 0;; i++) {
        struct herald_norm_sender_status status;
        struct hd_origin *origin;

        if (herald_norm_receiver_get_sender(inbox->norm, i, &status) < 0)
            return;
        origin = hd_origin_find(inbox, status.node_id);
        if (origin != NULL && status.is_active && !origin->is_gone)
            origin->heard_ns = inbox->now_ns;
    }
}

/* A sender that asks now and then, and has not been heard for so long, does not send any more. */
static uint64_t lost_ns(const struct hd_origin *origin)
{
    if (origin->node_id == 0 || origin->is_gone || !origin->asks || origin->silent_ns == 0)
        return HERALD_NEVER;
    return origin->silent_ns + LOST_NS;
}

/* When it is told that a sender is silent, if that keeps something back. */
static uint64_t quiet_ns(const struct hd_origin *origin)
{
    if (origin->node_id == 0 || origin->is_gone || origin->is_silence_told || origin->silent_ns == 0)
        return HERALD_NEVER;
    return origin->silent_ns + QUIET_NS;
}

static void tell_silent(herald_inbox *inbox, struct hd_origin *origin)
{
    struct herald_inbox_event event = {
        .kind = HERALD_INBOX_SILENT,
        .object = { .sender_id = origin->node_id, .sender = origin->peer },
    };

    origin->is_silence_told = true;
    if (inbox->is_finishing || !hd_arrival_is_awaited(inbox, origin->node_id))
        return;
    memcpy(event.object.sender_host, origin->host, sizeof(origin->host));
    hd_inbox_tell(inbox, &event, NULL);
}

static void look_for_lost(herald_inbox *inbox)
{
    for (size_t i = 0; i < HD_INBOX_SENDERS_MAX; i++) {
        struct hd_origin *origin = &inbox->origins[i];

        if (inbox->now_ns >= quiet_ns(origin))
            tell_silent(inbox, origin);
        if (inbox->now_ns >= lost_ns(origin))
            hd_origin_on_gone(inbox, origin->node_id);
    }
}

static void sweep(herald_inbox *inbox)
{
    if (inbox->now_ns < inbox->sweep_ns)
        return;
    hd_store_sweep(inbox->place, UNFINISHED_S);
    inbox->sweep_ns = inbox->now_ns + SWEEP_NS;
}

/* What is complete and on its way into its place counts as such, unless the disk is slow. */
static bool waits_for_disk(const herald_inbox *inbox)
{
    if (inbox->now_ns >= inbox->stop_ns - STOP_MAX_NS / 2)
        return false;
    for (uint32_t i = 0; i < inbox->arrival_end; i++)
        if (inbox->arrivals[i].state == HD_ARRIVAL_FINISHING)
            return true;
    return false;
}

/* Senders are told, so that they do not wait for us; an answer takes up to a round-trip to leave. */
static void stop(herald_inbox *inbox)
{
    if (inbox->stop_ns == 0) {
        if (!inbox->is_cut)
            inbox->result = herald_error_set(&inbox->result_error, -EINTR, "it was stopped");
        inbox->stop_ns = inbox->now_ns + STOP_MAX_NS;
        inbox->is_finishing = true;
        inbox->finishing_ns = inbox->now_ns;
    }
    if (waits_for_disk(inbox))
        return;
    inbox->is_done = hd_origin_say_good_bye(inbox) <= inbox->now_ns || inbox->now_ns >= inbox->stop_ns;
}

int herald_inbox_process(herald_inbox *inbox, uint64_t now_ns, struct herald_error *error)
{
    int r;

    set_time(inbox, now_ns);
    inbox->is_busy = false;
    if (inbox->is_done)
        return 1;
    r = herald_receiver_process(inbox->node.receiver, inbox->now_ns);
    tell_network(inbox);
    if (r == 0)
        r = hd_node_receive(&inbox->node, input, inbox, inbox->now_ns);
    if (r < 0)
        return herald_error_set(error, r, "cannot receive: %s", strerror(-r));
    /* All that waited is taken; the clock may be set before there is more. */
    if (r == 0)
        inbox->resumed_ns = 0;
    drain(inbox); /* with events that wait, as what was abandoned leaves them, it would do nothing */
    (void)herald_norm_receiver_handle_timeout(inbox->norm, inbox->now_ns);
    drain(inbox);
    look_for_lost(inbox);
    sweep(inbox);
    hd_arrival_collect(inbox);
    if (inbox->arrival_count > 0)
        read_streams(inbox);
    drain(inbox);
    hd_arrival_settle_waiting(inbox);
    send_feedback(inbox);
    inbox->is_busy |= r > 0;
    if (inbox->is_finishing)
        hd_inbox_note_heard(inbox);
    if (inbox->is_stopped)
        stop(inbox);
    else
        inbox->is_done = inbox->is_finishing && has_lingered(inbox);
    return inbox->is_done;
}

uint64_t herald_inbox_deadline(const herald_inbox *inbox)
{
    const uint64_t step_ns = UINT64_C(20000000);
    uint64_t deadline_ns = herald_norm_receiver_next_timeout(inbox->norm);
    uint64_t sockets_ns = herald_receiver_deadline(inbox->node.receiver);

    if (inbox->is_busy || inbox->is_done || (inbox->is_stopped && inbox->stop_ns == 0))
        return 0;
    if (sockets_ns < deadline_ns)
        deadline_ns = sockets_ns;
    if (inbox->sweep_ns < deadline_ns)
        deadline_ns = inbox->sweep_ns;
    if (inbox->node.responder != NULL && herald_responder_deadline(inbox->node.responder) < deadline_ns)
        deadline_ns = herald_responder_deadline(inbox->node.responder);
    for (size_t i = 0; i < HD_INBOX_SENDERS_MAX; i++) {
        if (lost_ns(&inbox->origins[i]) < deadline_ns)
            deadline_ns = lost_ns(&inbox->origins[i]);
        if (quiet_ns(&inbox->origins[i]) < deadline_ns)
            deadline_ns = quiet_ns(&inbox->origins[i]);
    }
    if ((inbox->is_finishing || inbox->has_unsent) && inbox->now_ns + step_ns < deadline_ns)
        deadline_ns = inbox->now_ns + step_ns;
    return deadline_ns;
}

int herald_inbox_fd(const herald_inbox *inbox)
{
    return inbox->node.epoll_fd;
}

void herald_inbox_stop(herald_inbox *inbox)
{
    inbox->is_stopped = true;
}

int herald_inbox_run(herald_inbox *inbox, void (*on_event)(void *user, const struct herald_inbox_event *event),
                     void *user, struct herald_error *error)
{
    for (;;) {
        struct herald_inbox_event event;
        int r = herald_inbox_process(inbox, herald_clock_ns(), error);

        while (herald_inbox_next_event(inbox, &event) > 0)
            if (on_event != NULL)
                on_event(user, &event);
        if (r < 0)
            return r;
        if (r > 0)
            return herald_inbox_result(inbox, error);
        hd_node_wait(&inbox->node, herald_inbox_deadline(inbox));
    }
}

/* ---- asked ----------------------------------------------------------------------------------- */

int herald_inbox_result(const herald_inbox *inbox, struct herald_error *error)
{
    if (inbox->result < 0 && error != NULL)
        *error = inbox->result_error;
    return inbox->result < 0 ? inbox->result : (int)(inbox->stats.failed_objects & INT32_MAX);
}

uint32_t herald_inbox_node_id(const herald_inbox *inbox)
{
    return inbox->config.node_id;
}

int herald_inbox_get_object(const herald_inbox *inbox, uint32_t index, struct herald_inbox_object *ret_object)
{
    for (uint32_t i = 0; i < inbox->arrival_end; i++) {
        const struct hd_arrival *arrival = &inbox->arrivals[i];

        if (arrival->state == HD_ARRIVAL_FREE || !arrival->is_begun || index-- > 0)
            continue;
        hd_arrival_describe(inbox, arrival, ret_object);
        return 0;
    }
    return -ENOENT;
}

void herald_inbox_get_statistics(const herald_inbox *inbox, struct herald_inbox_stats *ret_stats)
{
    struct herald_inbox_stats stats = inbox->stats;

    hd_arrival_count_under_way((herald_inbox *)(uintptr_t)inbox, &stats); /* which changes nothing */
    herald_norm_receiver_get_statistics(inbox->norm, &stats.norm);
    herald_receiver_stats(inbox->node.receiver, &stats.sockets);
    *ret_stats = stats;
}

int herald_inbox_get_loss(const herald_inbox *inbox, struct herald_loss_report *ret_report)
{
    struct herald_norm_receiver_statistics statistics;

    herald_norm_receiver_get_statistics(inbox->norm, &statistics);
    return herald_loss_read(inbox->loss, statistics.lost_datagrams, ret_report);
}
