/* SPDX-License-Identifier: MIT */
/*
 * Fuzz target: the messages of the Multicast Ping Protocol. What decodes is written again and must then decode to the
 * same, and be answered by something that decodes.
 */
#include "fuzz.h"
#include "mpp.h"

#include <herald/endpoint.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { MESSAGE_BYTES_MAX = 65507 };

/* An assertion that no build option switches off. */
static void require(bool truth)
{
    if (!truth)
        abort();
}

static bool same_span(struct hd_mpp_span a, struct hd_mpp_span b)
{
    return (a.at == NULL) == (b.at == NULL) && a.size_bytes == b.size_bytes &&
           (a.at == NULL || memcmp(a.at, b.at, a.size_bytes) == 0);
}

static void require_same(const struct hd_mpp *a, const struct hd_mpp *b)
{
    require(a->type == b->type && a->version == b->version && a->ttl == b->ttl);
    require(a->has_sequence == b->has_sequence && a->sequence == b->sequence);
    require(a->has_client_time == b->has_client_time && a->client_seconds == b->client_seconds &&
            a->client_microseconds == b->client_microseconds);
    require(a->has_server_time == b->has_server_time && a->server_seconds == b->server_seconds);
    require(herald_address_equal(&a->group, &b->group) && a->group_is_old == b->group_is_old);
    require(a->prefix_bits == b->prefix_bits && herald_address_equal(&a->prefix, &b->prefix));
    require(a->wants_info == b->wants_info && a->wants_time == b->wants_time);
    require(same_span(a->client_id, b->client_id) && same_span(a->session, b->session));
    require(same_span(a->info, b->info) && same_span(a->text, b->text));
    require(a->has_ask == b->has_ask && a->ask.delay_us == b->ask.delay_us && a->ask.modulus == b->ask.modulus &&
            a->ask.remainder == b->ask.remainder && a->ask.by_multicast == b->ask.by_multicast);
    require(a->has_only == b->has_only && a->only == b->only);
    require(a->has_told == b->has_told && a->told.id == b->told.id && a->told.held_ns == b->told.held_ns);
}

/* Any request is answered in both forms by a message. */
static void answer(const uint8_t *bytes, size_t size_bytes, bool old, uint8_t *room, size_t room_bytes)
{
    struct hd_writer writer = hd_writer_over(room, room_bytes);
    struct hd_mpp message;

    hd_mpp_begin_answer(&writer, bytes, size_bytes, old);
    hd_mpp_pad(&writer, HD_MPP_PADDING, size_bytes + 100);
    require(!writer.overflow);
    require(hd_mpp_decode(room, hd_writer_size(&writer), &message) == 0);
    require(message.type == HD_MPP_ECHO_REPLY);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size_bytes)
{
    struct hd_mpp message, again;
    uint8_t *copy, *room;
    int result;

    if (size_bytes == 0 || size_bytes > MESSAGE_BYTES_MAX)
        return 0;
    copy = malloc(size_bytes + 1); /* one byte off, so that a byte read too many is seen wherever the input lies */
    room = malloc(size_bytes + 200);
    require(copy != NULL && room != NULL);
    memcpy(copy + 1, data, size_bytes);
    result = hd_mpp_decode(copy + 1, size_bytes, &message);
    require(result == 0 || result == -EBADMSG);
    require(result == 0 || !hd_mpp_is_ask(copy + 1, size_bytes));
    if (result == 0) {
        int encoded = hd_mpp_encode(&message, room, size_bytes + 200);

        require(encoded > 0);
        require(hd_mpp_decode(room, (size_t)encoded, &again) == 0);
        require_same(&message, &again);
        answer(copy + 1, size_bytes, false, room, size_bytes + 200);
        answer(copy + 1, size_bytes, true, room, size_bytes + 200);
    }
    free(room);
    free(copy);
    return 0;
}
