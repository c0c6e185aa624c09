/* SPDX-License-Identifier: MIT */
/* herald's NORM core on a socket, for tests against other implementations: see peer.h. */
#include "peer.h"

#include <herald/norm.h>

#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

enum { PACKET_BYTES = 65536, INFO_BYTES = 256, STREAM_READ_BYTES = 65536, SOCKET_BYTES = 4 << 20 };

/* A signal that comes just before the wait ends it so late. */
#define WAIT_MAX_NS UINT64_C(100000000)

/* An object that is received. */
struct incoming {
    bool is_used, is_readable;
    uint32_t sender_id;
    uint16_t object_id;
    char name[INFO_BYTES];
    struct peer_content content; /* with its whole size, unless it is a stream */
    struct peer_starts starts;
};

/* A node: one of sender and receiver is NULL. */
struct node {
    struct peer_options options;
    struct sockaddr_in group;
    int socket;
    uint64_t random;
    herald_norm_sender *sender;
    herald_norm_receiver *receiver;
    int exit_status;
    bool is_done;

    struct peer_content contents[PEER_OBJECTS_MAX];
    int enqueued_count;
    uint16_t stream_id;
    size_t written_bytes, message_end_bytes;
    unsigned messages;
    bool stream_is_closed, acks_are_asked;

    struct incoming incoming[PEER_OBJECTS_MAX];
};

static uint64_t now_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000U + (uint64_t)now.tv_nsec;
}

/* Marsaglia's xorshift: losses need no better. */
static bool is_lost(struct node *node, double percent)
{
    node->random ^= node->random << 13;
    node->random ^= node->random >> 7;
    node->random ^= node->random << 17;
    return (double)(node->random >> 11) * (100.0 / 9007199254740992.0) < percent;
}

/* ------------------------------------------------------------------ the socket */

static void must(int result, const char *what)
{
    if (result < 0)
        peer_die("%s: %s", what, strerror(errno));
}

static void set(int socket, int level, int name, int value)
{
    must(setsockopt(socket, level, name, &value, sizeof value), "setsockopt");
}

static void open_socket(struct node *node)
{
    const struct peer_options *options = &node->options;
    struct ip_mreqn membership = { .imr_ifindex = (int)if_nametoindex(options->interface) };
    struct sockaddr_in any = { .sin_family = AF_INET, .sin_port = htons((uint16_t)options->port) };

    node->group = any;
    if (inet_pton(AF_INET, options->group, &node->group.sin_addr) != 1 || membership.imr_ifindex == 0)
        peer_die("no such group or interface");
    membership.imr_multiaddr = node->group.sin_addr;
    node->socket = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    must(node->socket, "socket");
    set(node->socket, SOL_SOCKET, SO_REUSEADDR, 1);
    set(node->socket, SOL_SOCKET, SO_RCVBUF, SOCKET_BYTES);
    set(node->socket, IPPROTO_IP, IP_PKTINFO, 1);
    set(node->socket, IPPROTO_IP, IP_MULTICAST_ALL, 0);
    must(bind(node->socket, (struct sockaddr *)&any, sizeof any), "bind");
    must(setsockopt(node->socket, IPPROTO_IP, IP_ADD_MEMBERSHIP, &membership, sizeof membership), "join");
    must(setsockopt(node->socket, IPPROTO_IP, IP_MULTICAST_IF, &membership, sizeof membership), "interface");
}

static void send_datagram(struct node *node, const struct herald_norm_datagram *datagram)
{
    struct sockaddr_in to = node->group;
    struct iovec parts[2] = { { datagram->buffer, datagram->header_bytes },
                              { (void *)(uintptr_t)datagram->payload, datagram->payload_bytes } };
    struct msghdr message = { .msg_name = &to, .msg_namelen = sizeof to, .msg_iov = parts, .msg_iovlen = 2 };

    if (is_lost(node, node->options.tx_loss_percent))
        return;
    if (!datagram->to_group) {
        memcpy(&to.sin_addr, datagram->destination.address.bytes, 4);
        to.sin_port = htons(datagram->destination.port);
    }
    if (sendmsg(node->socket, &message, 0) < 0 && errno != ENOBUFS && errno != ECONNREFUSED)
        peer_die("sendmsg: %s", strerror(errno));
}

/* @return whether it was sent to this host rather than to the group */
static bool was_unicast(struct msghdr *message)
{
    struct cmsghdr *control = CMSG_FIRSTHDR(message);
    struct in_pktinfo info;

    if (control == NULL || control->cmsg_level != IPPROTO_IP || control->cmsg_type != IP_PKTINFO)
        return false;
    memcpy(&info, CMSG_DATA(control), sizeof info);
    return !IN_MULTICAST(ntohl(info.ipi_addr.s_addr));
}

/* ------------------------------------------------------------------ sending */

static bool enqueue(struct node *node, int index)
{
    const char *name = peer_base_name(node->options.files[index]);
    struct herald_norm_object object = {
        .kind = node->options.kind == PEER_FILE   ? HERALD_NORM_FILE
                : node->options.kind == PEER_DATA ? HERALD_NORM_DATA
                                                  : HERALD_NORM_STREAM,
        .size_bytes = node->contents[index].size_bytes,
        .bytes = (const uint8_t *)node->contents[index].bytes,
        .info = (const uint8_t *)name,
        .info_bytes = node->options.no_info ? 0 : (uint16_t)strlen(name),
    };
    int result;

    if (object.kind == HERALD_NORM_STREAM) {
        object.size_bytes = node->options.stream_bytes;
        object.bytes = NULL;
    }
    result = herald_norm_sender_enqueue(node->sender, &object, now_ns(), &node->stream_id);
    if (result < 0 && result != -ENOBUFS)
        peer_die("enqueue %s: %s", name, strerror(-result));
    return result == 0;
}

static void ask_for_acks(struct node *node)
{
    int result;

    if (node->acks_are_asked || node->options.ack_nodes_count == 0)
        return;
    node->acks_are_asked = true;
    result = herald_norm_sender_request_acks(node->sender, node->stream_id, now_ns());
    if (result < 0)
        peer_die("request_acks: %s", strerror(-result));
}

/* As much as there is room for. */
static void write_stream(struct node *node)
{
    const struct peer_options *options = &node->options;
    const struct peer_content *content = &node->contents[0];

    while (node->written_bytes < content->size_bytes) {
        bool starts = options->message_bytes_max > 0 && node->written_bytes == node->message_end_bytes;
        size_t end = options->message_bytes_max > 0 ? node->message_end_bytes : content->size_bytes;
        unsigned flags = starts ? HERALD_NORM_STREAM_MESSAGE_START : 0;
        int64_t taken;

        if (starts)
            end += peer_message_bytes(options, node->messages);
        end = end < content->size_bytes ? end : content->size_bytes;
        if (options->flush_messages || end == content->size_bytes)
            flags |= HERALD_NORM_STREAM_FLUSH;
        taken = herald_norm_sender_stream_write(node->sender, node->stream_id,
                                                (const uint8_t *)content->bytes + node->written_bytes,
                                                end - node->written_bytes, flags, now_ns());
        if (taken < 0)
            peer_die("stream_write: %s", strerror((int)-taken));
        if (taken == 0)
            return;
        if (starts) {
            node->messages++;
            node->message_end_bytes = end;
        }
        node->written_bytes += (size_t)taken;
    }
    if (!node->stream_is_closed)
        (void)herald_norm_sender_stream_close(node->sender, node->stream_id, now_ns());
    if (!node->stream_is_closed && node->messages > 0)
        peer_print("messages %u", node->messages);
    node->stream_is_closed = true;
    ask_for_acks(node);
}

static void feed(struct node *node)
{
    int count = node->options.files_count;

    while (node->enqueued_count < count && enqueue(node, node->enqueued_count))
        node->enqueued_count++;
    if (node->enqueued_count < count)
        return;
    if (node->options.kind == PEER_STREAM)
        write_stream(node);
    else
        ask_for_acks(node);
}

/* Until --seconds are over: receivers may have been silent for longer than the questions lasted. */
static void end_or_ask_again(struct node *node, uint32_t missing_count)
{
    if (missing_count == 0) {
        peer_print("done");
        node->is_done = true;
        node->exit_status = 0;
    } else {
        peer_print("failed %u", missing_count);
        node->acks_are_asked = false;
    }
}

static void drain_sender(struct node *node)
{
    struct herald_norm_sender_event event;

    while (herald_norm_sender_poll_event(node->sender, &event) > 0) {
        if (event.type == HERALD_NORM_SENDER_ACKED)
            peer_print("acked %u", event.node_id);
        if (event.type == HERALD_NORM_SENDER_ACKS_DONE)
            end_or_ask_again(node, event.missing_count);
        if (event.type == HERALD_NORM_SENDER_FAILED)
            peer_print("aborted by the source");
        if (event.type == HERALD_NORM_SENDER_FLUSHED)
            peer_print("flushed");
    }
    feed(node);
}

static void open_sender(struct node *node)
{
    const struct peer_options *options = &node->options;
    struct herald_norm_sender_config config;

    herald_norm_sender_config_default(&config);
    config.node_id = options->node;
    config.instance_id = (uint16_t)now_ns();
    config.seed = options->seed;
    config.segment_bytes = (uint16_t)options->segment_bytes;
    config.fec_id = (uint8_t)options->fec_id;
    config.block_segments = (uint16_t)options->block_segments;
    config.parity_segments = (uint16_t)options->parity_segments;
    config.proactive_parity = (uint16_t)options->proactive_parity;
    if (options->congestion_control)
        config.rate_mode = HERALD_NORM_RATE_TFMCC;
    if (options->auto_rate)
        config.rate_mode = HERALD_NORM_RATE_AUTO;
    config.rate_bytes_per_s = (uint64_t)options->rate_bytes_per_s;
    config.grtt_initial_ns = (uint64_t)(options->grtt_s * 1e9);
    config.robust_factor = (uint8_t)options->robust_factor;
    config.unicast_feedback = options->unicast;
    config.application_bytes_max = 0;
    config.info_bytes_max = INFO_BYTES < config.segment_bytes ? INFO_BYTES : config.segment_bytes;
    config.stream_blocks_max = options->kind == PEER_STREAM ? 4096 : 0;
    if (herald_norm_sender_new(&node->sender, &config, now_ns()) < 0)
        peer_die("config: %s", herald_norm_sender_config_check(&config));
    for (unsigned i = 0; i < options->ack_nodes_count; i++)
        if (herald_norm_sender_add_ack_node(node->sender, options->ack_nodes[i]) < 0)
            peer_die("add_ack_node");
    for (int i = 0; i < options->files_count; i++)
        node->contents[i] = peer_load(options->files[i]);
    feed(node);
}

/* ------------------------------------------------------------------ receiving */

static struct incoming *find_incoming(struct node *node, uint32_t sender_id, uint16_t object_id)
{
    for (unsigned i = 0; i < PEER_OBJECTS_MAX; i++) {
        struct incoming *incoming = &node->incoming[i];

        if (incoming->is_used && incoming->sender_id == sender_id && incoming->object_id == object_id)
            return incoming;
    }
    return NULL;
}

static struct incoming *add_incoming(struct node *node, uint32_t sender_id, uint16_t object_id)
{
    for (unsigned i = 0; i < PEER_OBJECTS_MAX; i++) {
        struct incoming *incoming = &node->incoming[i];

        if (!incoming->is_used) {
            *incoming = (struct incoming){ .is_used = true, .sender_id = sender_id, .object_id = object_id };
            snprintf(incoming->name, sizeof incoming->name, "object-%u-%u", sender_id, object_id);
            return incoming;
        }
    }
    peer_die("too many objects");
}

static void remove_incoming(struct incoming *incoming)
{
    free(incoming->content.bytes);
    incoming->is_used = false;
}

static int sink_write_at(void *user, uint64_t offset_bytes, const uint8_t *bytes, size_t size_bytes)
{
    struct incoming *incoming = user;

    if (offset_bytes + size_bytes > incoming->content.size_bytes)
        peer_die("the sink is written behind its end");
    memcpy(incoming->content.bytes + offset_bytes, bytes, size_bytes);
    return 0;
}

static const uint8_t *sink_read_at(void *user, uint64_t offset_bytes, size_t size_bytes)
{
    const struct incoming *incoming = user;

    if (offset_bytes + size_bytes > incoming->content.size_bytes)
        peer_die("the sink is read behind its end");
    return (const uint8_t *)incoming->content.bytes + offset_bytes;
}

static int accept_object(void *user, const struct herald_norm_offer *offer, struct herald_norm_sink *ret_sink)
{
    struct incoming *incoming = add_incoming(user, offer->sender_id, offer->object_id);

    incoming->content.size_bytes = offer->size_bytes;
    incoming->content.bytes = malloc(offer->size_bytes + 1);
    if (incoming->content.bytes == NULL)
        peer_die("no memory");
    *ret_sink = (struct herald_norm_sink){ .user = incoming, .write_at = sink_write_at, .read_at = sink_read_at };
    return 0;
}

static void read_stream(struct node *node, struct incoming *incoming)
{
    static uint8_t buffer[STREAM_READ_BYTES];
    struct herald_norm_stream_piece piece;

    while (herald_norm_receiver_stream_read(node->receiver, incoming->sender_id, incoming->object_id, buffer,
                                            sizeof buffer, &piece, now_ns()) > 0) {
        if (piece.lost_bytes > 0)
            peer_print("lost %llu", (unsigned long long)piece.lost_bytes);
        if (piece.message_start)
            peer_note_start(&node->options, &incoming->starts, piece.offset_bytes);
        peer_append(&incoming->content, buffer, piece.size_bytes);
    }
}

static void store(struct node *node, struct incoming *incoming, const struct herald_norm_receiver_event *event)
{
    const struct peer_content *content = &incoming->content;

    if (event->kind == HERALD_NORM_DATA && content->size_bytes == 0) {
        peer_print("nothing %s", incoming->name);
    } else {
        peer_store(&node->options, incoming->name, content->bytes, content->size_bytes);
        peer_print("complete %s %zu", incoming->name, content->size_bytes);
    }
    remove_incoming(incoming);
}

static void store_stream(struct node *node, struct incoming *incoming)
{
    const struct peer_content *content = &incoming->content;

    read_stream(node, incoming);
    peer_store(&node->options, incoming->name, content->bytes, content->size_bytes);
    peer_print("stream %s %zu starts=%u wrong=%u", incoming->name, content->size_bytes, incoming->starts.right,
               incoming->starts.wrong);
    remove_incoming(incoming);
}

static void handle_event(struct node *node, const struct herald_norm_receiver_event *event)
{
    struct incoming *incoming = find_incoming(node, event->sender_id, event->object_id);

    if (node->options.verbose)
        fprintf(stderr, "event %d object %u\n", (int)event->type, event->object_id);
    if (event->type == HERALD_NORM_RECEIVER_STREAM_NEW && incoming == NULL)
        incoming = add_incoming(node, event->sender_id, event->object_id);
    if (incoming == NULL) {
        if (event->type == HERALD_NORM_RECEIVER_OBJECT_ABORTED)
            peer_print("aborted %d, an object that was not offered", (int)event->abort);
        return;
    }
    if (event->type == HERALD_NORM_RECEIVER_OBJECT_INFO)
        snprintf(incoming->name, sizeof incoming->name, "%.*s", (int)event->content_bytes,
                 (const char *)event->content);
    if (event->type == HERALD_NORM_RECEIVER_STREAM_READABLE)
        incoming->is_readable = true;
    if (event->type == HERALD_NORM_RECEIVER_OBJECT_COMPLETE)
        store(node, incoming, event);
    if (event->type == HERALD_NORM_RECEIVER_STREAM_END)
        store_stream(node, incoming);
    if (event->type == HERALD_NORM_RECEIVER_OBJECT_ABORTED) {
        peer_print("aborted %d", (int)event->abort);
        remove_incoming(incoming);
    }
}

/* Reading streams makes room, and events. */
static bool read_streams(struct node *node)
{
    bool was_read = false;

    for (unsigned i = 0; i < PEER_OBJECTS_MAX; i++) {
        struct incoming *incoming = &node->incoming[i];

        if (incoming->is_used && incoming->is_readable) {
            incoming->is_readable = false;
            read_stream(node, incoming);
            was_read = true;
        }
    }
    return was_read;
}

static void drain_receiver(struct node *node)
{
    struct herald_norm_receiver_event event;

    do {
        while (herald_norm_receiver_poll_event(node->receiver, &event) > 0)
            handle_event(node, &event);
    } while (read_streams(node));
}

static void open_receiver(struct node *node)
{
    const struct peer_options *options = &node->options;
    struct herald_norm_receiver_config config;

    herald_norm_receiver_config_default(&config);
    config.node_id = options->node;
    config.seed = options->seed;
    config.silent = options->silent;
    config.unicast_feedback = options->unicast;
    config.sync = options->sync_all ? HERALD_NORM_SYNC_ALL : HERALD_NORM_SYNC_CURRENT;
    config.stream_blocks_max = options->kind == PEER_STREAM ? 4096 : 0;
    config.user = node;
    config.accept = accept_object;
    if (herald_norm_receiver_new(&node->receiver, &config, now_ns()) < 0)
        peer_die("config: %s", herald_norm_receiver_config_check(&config));
}

/* ------------------------------------------------------------------ the loop */

static void drain_events(struct node *node)
{
    if (node->sender != NULL)
        drain_sender(node);
    else
        drain_receiver(node);
}

static void send_all(struct node *node)
{
    static uint8_t buffer[HERALD_NORM_BUFFER_BYTES(65000)];
    struct herald_norm_datagram datagram = { .buffer = buffer, .buffer_bytes = sizeof buffer };
    int result;

    do {
        result = node->sender != NULL ? herald_norm_sender_poll_output(node->sender, &datagram, now_ns())
                                      : herald_norm_receiver_poll_output(node->receiver, &datagram, now_ns());
        if (result < 0)
            peer_die("poll_output: %s", strerror(-result));
        if (result > 0)
            send_datagram(node, &datagram);
        drain_events(node);
    } while (result > 0);
}

/* @return false when no packet is there */
static bool receive_one(struct node *node)
{
    static uint8_t packet[PACKET_BYTES];
    struct sockaddr_in from;
    char control[CMSG_SPACE(sizeof(struct in_pktinfo))];
    struct iovec part = { packet, sizeof packet };
    struct msghdr message = { .msg_name = &from,
                              .msg_namelen = sizeof from,
                              .msg_iov = &part,
                              .msg_iovlen = 1,
                              .msg_control = control,
                              .msg_controllen = sizeof control };
    struct herald_peer peer = { .address.family = HERALD_FAMILY_IPV4 };
    ssize_t got = recvmsg(node->socket, &message, MSG_DONTWAIT);
    int result;

    if (got < 0)
        return false;
    if (is_lost(node, node->options.rx_loss_percent))
        return true;
    memcpy(peer.address.bytes, &from.sin_addr, 4);
    peer.port = ntohs(from.sin_port);
    result = node->sender != NULL
                 ? herald_norm_sender_input(node->sender, &peer, was_unicast(&message), packet, (size_t)got, now_ns())
                 : herald_norm_receiver_input(node->receiver, &peer, was_unicast(&message), packet, (size_t)got,
                                              now_ns());
    if (result < 0)
        peer_die("input: %s", strerror(-result));
    drain_events(node);
    return true;
}

static void wait_for_packet(const struct node *node)
{
    uint64_t until_ns = node->sender != NULL ? herald_norm_sender_next_timeout(node->sender)
                                             : herald_norm_receiver_next_timeout(node->receiver);
    uint64_t at_ns = now_ns();
    uint64_t left_ns = until_ns > at_ns ? until_ns - at_ns : 0;
    struct pollfd poll_fd = { .fd = node->socket, .events = POLLIN };
    struct timespec timeout;

    timeout = (struct timespec){ .tv_nsec = (long)(left_ns < WAIT_MAX_NS ? left_ns : WAIT_MAX_NS) };
    (void)ppoll(&poll_fd, 1, &timeout, NULL);
}

static void handle_timeout(struct node *node)
{
    int result = node->sender != NULL ? herald_norm_sender_handle_timeout(node->sender, now_ns())
                                      : herald_norm_receiver_handle_timeout(node->receiver, now_ns());

    if (result < 0)
        peer_die("handle_timeout: %s", strerror(-result));
    drain_events(node);
}

static void print_dropped(const uint64_t *dropped)
{
    static const char *const names[HERALD_NORM_DROP_REASONS] = {
        [HERALD_NORM_DROP_MALFORMED] = "malformed",
        [HERALD_NORM_DROP_NOT_FOR_US] = "not_for_us",
        [HERALD_NORM_DROP_INSTANCE] = "instance",
        [HERALD_NORM_DROP_UNSUPPORTED] = "unsupported",
        [HERALD_NORM_DROP_INCONSISTENT] = "inconsistent",
        [HERALD_NORM_DROP_LIMIT] = "limit",
        [HERALD_NORM_DROP_OLD] = "old",
        [HERALD_NORM_DROP_DUPLICATE] = "duplicate",
        [HERALD_NORM_DROP_UNSYNCED] = "unsynced",
    };

    for (unsigned i = 0; i < HERALD_NORM_DROP_REASONS; i++)
        if (dropped[i] > 0)
            fprintf(stderr, " dropped_%s=%llu", names[i], (unsigned long long)dropped[i]);
    fputc('\n', stderr);
}

static void print_statistics(const struct node *node)
{
    struct herald_norm_sender_statistics sent;
    struct herald_norm_receiver_statistics got;

    if (node->sender != NULL) {
        herald_norm_sender_get_statistics(node->sender, &sent);
        fprintf(stderr,
                "source=%llu parity=%llu repair_source=%llu repair_parity=%llu nacks=%llu acks=%llu "
                "squelches=%llu adverts=%llu grtt_us=%llu rate=%llu",
                (unsigned long long)sent.source_datagrams, (unsigned long long)sent.parity_datagrams,
                (unsigned long long)sent.repair_source_datagrams, (unsigned long long)sent.repair_parity_datagrams,
                (unsigned long long)sent.nacks, (unsigned long long)sent.acks, (unsigned long long)sent.squelches,
                (unsigned long long)sent.repair_adverts, (unsigned long long)sent.grtt_ns / 1000,
                (unsigned long long)sent.rate_bytes_per_s);
        print_dropped(sent.dropped);
    } else {
        herald_norm_receiver_get_statistics(node->receiver, &got);
        fprintf(stderr,
                "source=%llu parity=%llu lost=%llu decoded=%llu nacks=%llu suppressed=%llu acks=%llu heard=%llu",
                (unsigned long long)got.source_datagrams, (unsigned long long)got.parity_datagrams,
                (unsigned long long)got.lost_datagrams, (unsigned long long)got.decoded_segments,
                (unsigned long long)got.nacks, (unsigned long long)got.nacks_suppressed, (unsigned long long)got.acks,
                (unsigned long long)got.nacks_heard);
        print_dropped(got.dropped);
    }
}

int main(int argc, char **argv)
{
    static struct node node;

    node.options = peer_parse(argc, argv);
    node.exit_status = node.options.ack_nodes_count > 0;
    node.random = 0x9e3779b97f4a7c15 ^ node.options.seed;
    open_socket(&node);
    if (node.options.sends)
        open_sender(&node);
    else
        open_receiver(&node);
    peer_print("ready");
    while (!peer_is_over() && !node.is_done) {
        send_all(&node);
        wait_for_packet(&node);
        while (receive_one(&node))
            ;
        handle_timeout(&node);
    }
    print_statistics(&node);
    herald_norm_sender_free(node.sender);
    herald_norm_receiver_free(node.receiver);
    return node.exit_status;
}
