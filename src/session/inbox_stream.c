/* SPDX-License-Identifier: MIT */
/*
 * Streams into a descriptor, a file that grows, or memory. A descriptor whose reader is slow is not waited for: the
 * stream stays in the transport's buffer, the sender hears how far we are, and holds on.
 */
#include "inbox.h"

#define XXH_STATIC_LINKING_ONLY
#include <xxhash.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum {
    READ_BYTES = 65536,
    READS_PER_TURN = 64,
};

void hd_stream_release(struct hd_arrival *arrival)
{
    free(arrival->stream.buffer);
    XXH3_freeState(arrival->stream.hash);
    arrival->stream.buffer = NULL;
    arrival->stream.hash = NULL;
}

int hd_stream_open(herald_inbox *inbox, struct hd_arrival *arrival, struct herald_error *error)
{
    size_t memory_bytes = inbox->config.memory_bytes > 0 ? inbox->config.memory_bytes : 64 << 20;

    if (inbox->place != NULL)
        return hd_store_new_growing_file(&arrival->store, inbox->place, error);
    if (inbox->config.kind == HERALD_INBOX_MEMORY)
        return hd_store_new_growing_memory(&arrival->store, memory_bytes, error);
    if (!hd_arrival_has_turn(inbox, arrival))
        return 0;
    hd_arrival_note_writer(inbox, arrival);
    return hd_store_new_growing_descriptor(&arrival->store, inbox->config.fd, error);
}

void hd_stream_on_new(herald_inbox *inbox, const struct herald_norm_receiver_event *event)
{
    struct hd_arrival *arrival;
    struct herald_error error = { 0 };

    if (inbox->is_finishing || hd_arrival_find(inbox, event->sender_id, event->object_id) != NULL)
        return;
    if (hd_origin_get(inbox, event->sender_id) == NULL ||
        (arrival = hd_arrival_add(inbox, event->sender_id, event->object_id)) == NULL) {
        (void)herald_norm_receiver_abort(inbox->norm, event->sender_id, event->object_id);
        return;
    }
    arrival->kind = HERALD_NORM_STREAM;
    arrival->stream.is_stream = true;
    arrival->stream.buffer = malloc(READ_BYTES);
    arrival->stream.hash = XXH3_createState();
    if (arrival->stream.buffer == NULL || arrival->stream.hash == NULL)
        herald_error_set(&error, -ENOMEM, "out of memory");
    else
        XXH3_128bits_reset(arrival->stream.hash);
    if (error.code != 0 || hd_stream_open(inbox, arrival, &error) < 0)
        hd_arrival_fail(inbox, arrival, &error);
}

/* @return 1: all that was read is written; 0: the descriptor has no room; -1: it has failed and is gone. */
static int write_buffer(herald_inbox *inbox, struct hd_arrival *arrival)
{
    struct hd_stream_sink *stream = &arrival->stream;
    struct herald_error error;

    while (stream->buffer_from < stream->buffer_to) {
        size_t left_bytes = stream->buffer_to - stream->buffer_from;
        int64_t n = hd_store_append(arrival->store, stream->buffer + stream->buffer_from, left_bytes, &error);

        if (n < 0) {
            hd_arrival_fail(inbox, arrival, &error);
            return -1;
        }
        if (n == 0) {
            hd_inbox_watch_reader(inbox, true);
            return 0;
        }
        stream->buffer_from += (size_t)n;
        stream->position_bytes += (uint64_t)n;
    }
    return 1;
}

/* @return whether something was read. */
static bool read_piece(herald_inbox *inbox, struct hd_arrival *arrival)
{
    struct hd_stream_sink *stream = &arrival->stream;
    struct herald_norm_stream_piece piece;

    if (herald_norm_receiver_stream_read(inbox->norm, arrival->sender_id, arrival->object_id, stream->buffer,
                                         READ_BYTES, &piece, inbox->now_ns) <= 0)
        return false;
    /* Who joins late has not lost anything that was there for him, but has not everything either. */
    stream->lost_bytes += piece.lost_bytes;
    if (stream->position_bytes == 0 && stream->lost_bytes == 0)
        stream->lost_bytes = piece.offset_bytes;
    stream->position_bytes += piece.lost_bytes;
    if (stream->position_bytes == 0)
        stream->position_bytes = stream->lost_bytes;
    XXH3_128bits_update(stream->hash, stream->buffer, piece.size_bytes);
    stream->buffer_from = 0;
    stream->buffer_to = piece.size_bytes;
    return true;
}

/* All was read and written. A stream with a hole in it is not what was sent. */
static void end_stream(herald_inbox *inbox, struct hd_arrival *arrival)
{
    const struct hd_stream_sink *stream = &arrival->stream;
    struct hd_origin *origin = hd_origin_find(inbox, arrival->sender_id);
    struct herald_error error;

    if (arrival->state != HD_ARRIVAL_OPEN)
        return;
    if (stream->lost_bytes > 0) {
        herald_error_set(&error, -ENODATA, "%llu bytes of it are missing here", (unsigned long long)stream->lost_bytes);
        hd_arrival_fail(inbox, arrival, &error);
        return;
    }
    if (hd_arrival_name_unnamed(inbox, arrival, &error) < 0) {
        hd_arrival_fail(inbox, arrival, &error);
        return;
    }
    arrival->state = HD_ARRIVAL_UNCHECKED;
    arrival->size_bytes = stream->position_bytes;
    if (!arrival->facts.has_digest && origin != NULL && arrival->facts.is_entry)
        (void)hd_origin_take_digest(origin, arrival);
    if (arrival->facts.has_digest || !arrival->facts.is_entry)
        hd_arrival_conclude(inbox, arrival);
    else /* the sender may not have its digest any more */
        hd_arrival_set_gone(inbox, arrival);
}

void hd_stream_read(herald_inbox *inbox, struct hd_arrival *arrival)
{
    if (arrival->store == NULL)
        return; /* it is not its turn */
    for (int i = 0; i < READS_PER_TURN; i++) {
        if (write_buffer(inbox, arrival) <= 0)
            return;
        if (!read_piece(inbox, arrival)) {
            if (arrival->stream.has_ended)
                end_stream(inbox, arrival);
            return;
        }
    }
    inbox->is_busy = true;
}

bool hd_stream_is_verified(const struct hd_arrival *arrival)
{
    XXH128_canonical_t canonical;

    XXH128_canonicalFromHash(&canonical, XXH3_128bits_digest(arrival->stream.hash));
    return arrival->facts.digest_size_bytes == arrival->stream.position_bytes &&
           memcmp(canonical.digest, arrival->facts.digest, HD_DIGEST_BYTES) == 0;
}
