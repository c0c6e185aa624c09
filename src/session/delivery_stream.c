/* SPDX-License-Identifier: MIT */
/*
 * A descriptor as a stream of the transport. What is there is sent at once. Nobody is cut off: no more is read than
 * the slowest receiver can still be repaired for, as it tells by its answers.
 */
#include "delivery.h"

#include "cursor.h"

#define XXH_STATIC_LINKING_ONLY /* for the state's size */
#include <xxhash.h>

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    READ_BYTES = 65536,
    READS_PER_TURN = 16,
};

int hd_stream_check_name(const herald_delivery *delivery, const char *name, struct herald_error *error)
{
    const struct hd_entry entry = { .type = HD_ENTRY_STREAM, .name = name, .path = name };
    uint8_t bytes[HERALD_PAYLOAD_MAX_IPV4_BYTES];
    struct hd_info info;

    hd_delivery_fill_info(delivery, &entry, 0, &info);
    if (hd_info_encode(&info, bytes, delivery->norm_config.segment_bytes) != -EMSGSIZE)
        return 0;
    return hd_path_error(error, -ENAMETOOLONG, "", name, " is too long a name: it must fit into a segment");
}

int hd_stream_feed_init(struct hd_stream_feed *feed, int fd)
{
    struct stat facts;

    *feed = (struct hd_stream_feed){ .fd = fd };
    feed->is_regular = fstat(fd, &facts) == 0 && !S_ISFIFO(facts.st_mode) && !S_ISSOCK(facts.st_mode) &&
                       !S_ISCHR(facts.st_mode);
    feed->buffer = malloc(READ_BYTES);
    feed->hash = XXH3_createState();
    if (feed->buffer == NULL || feed->hash == NULL) {
        hd_stream_feed_release(feed);
        return -ENOMEM;
    }
    XXH3_128bits_reset(feed->hash);
    return 0;
}

void hd_stream_feed_release(struct hd_stream_feed *feed)
{
    free(feed->buffer);
    XXH3_freeState(feed->hash);
    feed->buffer = NULL;
    feed->hash = NULL;
    feed->fd = -1;
}

static void open_stream(herald_delivery *delivery)
{
    struct hd_stream_feed *feed = &delivery->stream;
    const struct herald_norm_sender_config *config = &delivery->norm_config;
    struct hd_slot *slot = hd_delivery_free_slot(delivery);
    struct hd_info info;
    uint8_t bytes[HERALD_PAYLOAD_MAX_IPV4_BYTES];
    struct herald_norm_object object = {
        .kind = HERALD_NORM_STREAM,
        .size_bytes = (uint64_t)HD_STREAM_BLOCKS * config->block_segments * config->segment_bytes,
        .info = bytes,
    };
    int r;

    if (slot == NULL)
        return;
    hd_delivery_fill_info(delivery, hd_tree_entry(delivery->tree, 0), 0, &info);
    r = hd_info_encode(&info, bytes, config->segment_bytes);
    if (r >= 0) {
        object.info_bytes = (uint16_t)r;
        r = herald_norm_sender_enqueue(delivery->norm, &object, delivery->now_ns, &feed->object_id);
    }
    if (r == -ENOBUFS)
        return;
    if (r < 0) {
        hd_delivery_fail(delivery, r, "the stream cannot be sent: its buffer is too large");
        return;
    }
    *slot = (struct hd_slot){ .purpose = HD_SLOT_ENTRY, .object_id = feed->object_id };
    delivery->unsent_count++;
    delivery->last_object_id = feed->object_id;
    feed->is_open = true;
}

/* How much more may be written without cutting anybody off. */
static uint64_t credit(const herald_delivery *delivery)
{
    const struct herald_norm_sender_config *config = &delivery->norm_config;
    uint64_t window_bytes = (uint64_t)HD_STREAM_BLOCKS / 2 * config->block_segments * config->segment_bytes;
    uint64_t least_bytes = hd_people_least_bytes(delivery);
    uint64_t ahead_bytes;

    if (least_bytes >= delivery->stream.written_bytes)
        return window_bytes;
    ahead_bytes = delivery->stream.written_bytes - least_bytes;
    return ahead_bytes < window_bytes ? window_bytes - ahead_bytes : 0;
}

/* @return whether all that was read is written now. */
static bool write_buffer(herald_delivery *delivery)
{
    struct hd_stream_feed *feed = &delivery->stream;

    while (feed->buffer_from < feed->buffer_to) {
        size_t left_bytes = feed->buffer_to - feed->buffer_from;
        uint64_t credit_bytes = credit(delivery);
        size_t size_bytes = left_bytes < credit_bytes ? left_bytes : (size_t)credit_bytes;
        int64_t taken;

        if (size_bytes == 0)
            return false;
        taken = herald_norm_sender_stream_write(delivery->norm, feed->object_id, feed->buffer + feed->buffer_from,
                                                size_bytes, 0, delivery->now_ns);
        if (taken <= 0)
            return false;
        XXH3_128bits_update(feed->hash, feed->buffer + feed->buffer_from, (size_t)taken);
        feed->buffer_from += (size_t)taken;
        feed->written_bytes += (uint64_t)taken;
        feed->needs_flush = true;
    }
    return true;
}

/* @return whether there may be more at once. */
static bool read_some(herald_delivery *delivery)
{
    struct hd_stream_feed *feed = &delivery->stream;
    char cause[HERALD_REASON_BYTES];
    struct pollfd poll_fd = { .fd = feed->fd, .events = POLLIN };
    ssize_t n;

    /* The descriptor may be shared with others, so that it is not made non-blocking. */
    if (!feed->is_regular && poll(&poll_fd, 1, 0) <= 0)
        return false;
    do
        n = read(feed->fd, feed->buffer, READ_BYTES);
    while (n < 0 && errno == EINTR);
    if (n < 0 && errno == EAGAIN)
        return false;
    if (n < 0) { /* that is not its end: nobody must take what there is for all of it */
        int code = -errno;

        snprintf(cause, sizeof(cause), "the stream cannot be read: %s", strerror(-code));
        hd_delivery_fail(delivery, code, cause);
        return false;
    }
    feed->buffer_from = 0;
    feed->buffer_to = n > 0 ? (size_t)n : 0;
    feed->has_ended = n == 0;
    return n > 0;
}

/*
 * The digest is an object of its own, and what is asked for after it is asked for by its name: a receiver that lacks
 * the stream's last packet would never learn of it. So it waits until all have the stream, or it was flushed for those
 * who do not say.
 */
static void close_stream(herald_delivery *delivery)
{
    struct hd_stream_feed *feed = &delivery->stream;
    uint64_t least_bytes = hd_people_least_bytes(delivery);
    XXH128_canonical_t canonical;

    if (!feed->is_ended) {
        (void)herald_norm_sender_stream_close(delivery->norm, feed->object_id, delivery->now_ns);
        feed->is_ended = true;
        return;
    }
    if (least_bytes == UINT64_MAX ? !feed->is_flushed : least_bytes < feed->written_bytes)
        return;
    XXH128_canonicalFromHash(&canonical, XXH3_128bits_digest(feed->hash));
    feed->is_closed = hd_delivery_enqueue_note(delivery, HD_ENTRY_DIGEST, 0, canonical.digest, feed->written_bytes) ==
                      0;
}

void hd_delivery_on_flushed(herald_delivery *delivery)
{
    struct hd_stream_feed *feed = &delivery->stream;

    if (feed->fd < 0 || !feed->is_ended || feed->is_closed)
        return;
    feed->is_flushed = true;
    if (hd_people_least_bytes(delivery) < feed->written_bytes)
        herald_norm_sender_flush(delivery->norm, delivery->now_ns); /* somebody was cut off meanwhile */
}

/* The node is woken by the descriptor only while something could be done with what it has. */
static void watch(herald_delivery *delivery, bool wanted)
{
    struct hd_stream_feed *feed = &delivery->stream;

    if (feed->is_regular || wanted == feed->is_watched)
        return;
    if (wanted && hd_node_watch(&delivery->node, feed->fd, EPOLLIN) == -EPERM)
        feed->is_regular = true;
    if (!wanted)
        hd_node_unwatch(&delivery->node, feed->fd);
    feed->is_watched = wanted;
}

void hd_delivery_feed_stream(herald_delivery *delivery)
{
    struct hd_stream_feed *feed = &delivery->stream;
    bool has_room = true;

    if (!feed->is_open)
        open_stream(delivery);
    if (!feed->is_open || feed->is_closed)
        return;
    for (int i = 0; i < READS_PER_TURN; i++) {
        has_room = write_buffer(delivery);
        if (!has_room || feed->has_ended || !read_some(delivery))
            break;
    }
    if (delivery->phase >= HERALD_DELIVERY_ENDING)
        return; /* it could not be read */
    if (feed->needs_flush && feed->buffer_from == feed->buffer_to) {
        /* Nothing more at the moment: what there is goes out now. */
        feed->needs_flush = herald_norm_sender_stream_write(delivery->norm, feed->object_id, NULL, 0,
                                                            HERALD_NORM_STREAM_FLUSH, delivery->now_ns) < 0;
    }
    watch(delivery, has_room && !feed->has_ended);
    if (feed->has_ended && feed->buffer_from == feed->buffer_to)
        close_stream(delivery);
}
