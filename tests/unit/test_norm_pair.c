/* SPDX-License-Identifier: MIT */
/*
 * A NORM sender and its receivers, joined by a wire that loses packets, in virtual time: whatever is lost, every byte
 * arrives, and nobody waits for ever.
 */
#include "random.h"

#include <herald/norm.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define MS UINT64_C(1000000)
#define S  (1000 * MS)

enum {
    RECEIVERS_MAX = 3,
    OBJECTS_MAX = 16,
    FLIGHTS_MAX = 1 << 14,
    PACKET_BYTES = 1600,
    CONTENT_BYTES = 1 << 20,
    SENDER_ID = 1000,
};

/* A packet on its way. Delay is the same for all, so that they arrive in the order in which they were sent. */
struct flight {
    uint64_t at_ns;
    bool to_sender;
    bool unicast;
    int from; /* index of the receiver; -1: the sender */
    size_t size_bytes;
    uint8_t bytes[PACKET_BYTES];
};

/* One receiver, and what came of each object. */
struct listener {
    struct pair *pair;
    herald_norm_receiver *receiver;
    uint32_t loss_ppm; /* of packets to it */
    uint8_t *content[OBJECTS_MAX];
    size_t content_bytes[OBJECTS_MAX];
    bool complete[OBJECTS_MAX];
    bool aborted[OBJECTS_MAX];
    bool info[OBJECTS_MAX];
    bool ended;
    uint32_t watermarks;
    uint32_t pieces;
    uint64_t lost_bytes;
    uint64_t nacks;
};

struct pair {
    uint64_t now_ns;
    uint64_t delay_ns;
    uint32_t feedback_loss_ppm;
    struct hd_random random;
    herald_norm_sender *sender;
    uint8_t *content; /* what is sent */
    struct listener listeners[RECEIVERS_MAX];
    int listeners_count;
    struct flight *flights;
    uint32_t first, count;
    uint32_t acked, unacked;
    bool acks_done;
    uint64_t stream_written;
    size_t stream_size;
    uint64_t sent_datagrams, nack_datagrams;
    bool writes; /* there is a stream, and more to write */
    bool closes;
    uint16_t stream_id;
};

struct options {
    uint64_t seed;
    uint8_t fec_id;
    uint16_t segment_bytes, block_segments, parity, proactive;
    uint32_t loss_ppm[RECEIVERS_MAX];
    uint32_t feedback_loss_ppm;
    int receivers;
    bool unicast, silent, no_parity;
    uint32_t partials_max, parity_buffers_max;
    uint32_t stream_blocks;
    uint64_t rate;
};

/* --- sinks --- */

static int write_at(void *user, uint64_t offset_bytes, const uint8_t *bytes, size_t size_bytes)
{
    memcpy((uint8_t *)user + offset_bytes, bytes, size_bytes);
    return 0;
}

static const uint8_t *read_at(void *user, uint64_t offset_bytes, size_t size_bytes)
{
    (void)size_bytes;
    return (uint8_t *)user + offset_bytes;
}

static int take(void *user, const struct herald_norm_offer *offer, struct herald_norm_sink *ret_sink)
{
    struct listener *listener = user;

    assert_true(offer->object_id < OBJECTS_MAX);
    assert_null(listener->content[offer->object_id]);
    listener->content[offer->object_id] = calloc(1, (size_t)offer->size_bytes + 1);
    listener->content_bytes[offer->object_id] = (size_t)offer->size_bytes;
    *ret_sink = (struct herald_norm_sink){ .user = listener->content[offer->object_id],
                                           .write_at = write_at,
                                           .read_at = read_at };
    return 0;
}

/* --- the pair --- */

static void add_listener(struct pair *pair, const struct options *options, int index)
{
    struct listener *listener = &pair->listeners[index];
    struct herald_norm_receiver_config config;

    herald_norm_receiver_config_default(&config);
    config.node_id = (uint32_t)(1 + index);
    config.seed = options->seed + 77 + (uint64_t)index;
    config.silent = options->silent;
    config.unicast_feedback = options->unicast;
    config.no_parity = options->no_parity;
    config.user = listener;
    config.accept = take;
    config.stream_blocks_max = options->stream_blocks;
    if (options->partials_max)
        config.partial_blocks_max = options->partials_max;
    if (options->parity_buffers_max)
        config.parity_buffers_max = options->parity_buffers_max;
    listener->pair = pair;
    listener->loss_ppm = options->loss_ppm[index];
    assert_int_equal(herald_norm_receiver_new(&listener->receiver, &config, pair->now_ns), 0);
}

static struct pair *pair_new(const struct options *options)
{
    struct pair *pair = calloc(1, sizeof(*pair));
    struct herald_norm_sender_config config;

    hd_random_init(&pair->random, options->seed);
    pair->now_ns = 5 * S;
    pair->delay_ns = 2 * MS;
    pair->feedback_loss_ppm = options->feedback_loss_ppm;
    pair->flights = calloc(FLIGHTS_MAX, sizeof(*pair->flights));
    pair->content = malloc(CONTENT_BYTES);
    for (size_t i = 0; i < CONTENT_BYTES; i++)
        pair->content[i] = (uint8_t)hd_random_u64(&pair->random);
    herald_norm_sender_config_default(&config);
    config.node_id = SENDER_ID;
    config.instance_id = 1;
    config.seed = options->seed;
    config.segment_bytes = options->segment_bytes ? options->segment_bytes : 200;
    config.info_bytes_max = 20;
    config.application_bytes_max = 16;
    config.fec_id = options->fec_id ? options->fec_id : 5;
    config.block_segments = options->block_segments ? options->block_segments : 16;
    config.parity_segments = options->parity ? options->parity : 8;
    config.proactive_parity = options->proactive;
    config.rate_bytes_per_s = options->rate ? options->rate : 1000000;
    config.grtt_initial_ns = 10 * MS;
    config.group_size = 10;
    config.unicast_feedback = options->unicast;
    config.stream_blocks_max = options->stream_blocks;
    if (config.segment_bytes < config.info_bytes_max)
        config.info_bytes_max = config.segment_bytes;
    if (config.segment_bytes < config.application_bytes_max)
        config.application_bytes_max = config.segment_bytes;
    assert_string_equal(herald_norm_sender_config_check(&config) ? herald_norm_sender_config_check(&config) : "", "");
    assert_int_equal(herald_norm_sender_new(&pair->sender, &config, pair->now_ns), 0);
    pair->listeners_count = options->receivers ? options->receivers : 1;
    for (int i = 0; i < pair->listeners_count; i++)
        add_listener(pair, options, i);
    return pair;
}

static void pair_free(struct pair *pair)
{
    for (int i = 0; i < pair->listeners_count; i++) {
        struct listener *listener = &pair->listeners[i];

        for (int j = 0; j < OBJECTS_MAX; j++)
            free(listener->content[j]);
        herald_norm_receiver_free(listener->receiver);
    }
    herald_norm_sender_free(pair->sender);
    free(pair->flights);
    free(pair->content);
    free(pair);
}

/* --- the wire --- */

static void launch(struct pair *pair, const struct herald_norm_datagram *datagram, int from)
{
    struct flight *flight = &pair->flights[(pair->first + pair->count) % FLIGHTS_MAX];

    assert_true(pair->count < FLIGHTS_MAX);
    assert_true(datagram->header_bytes + datagram->payload_bytes <= PACKET_BYTES);
    flight->at_ns = pair->now_ns + pair->delay_ns;
    flight->from = from;
    flight->unicast = !datagram->to_group;
    flight->size_bytes = datagram->header_bytes + datagram->payload_bytes;
    memcpy(flight->bytes, datagram->buffer, datagram->header_bytes);
    if (datagram->payload_bytes > 0)
        memcpy(flight->bytes + datagram->header_bytes, datagram->payload, datagram->payload_bytes);
    pair->count++;
}

static bool is_lost(struct pair *pair, uint32_t loss_ppm)
{
    return hd_random_below(&pair->random, 1000000) < loss_ppm;
}

static void sender_events(struct pair *pair)
{
    struct herald_norm_sender_event event;

    while (herald_norm_sender_poll_event(pair->sender, &event) > 0) {
        pair->acked += event.type == HERALD_NORM_SENDER_ACKED;
        if (event.type == HERALD_NORM_SENDER_ACKS_DONE) {
            pair->acks_done = true;
            pair->unacked = event.missing_count;
        }
    }
}

/* Reads what there is of a stream, checking every byte against what was written. */
static void read_stream(struct pair *pair, struct listener *listener, uint16_t object_id)
{
    uint8_t buffer[300];
    struct herald_norm_stream_piece piece;

    while (herald_norm_receiver_stream_read(listener->receiver, SENDER_ID, object_id, buffer, sizeof(buffer), &piece,
                                            pair->now_ns) > 0) {
        assert_true(piece.size_bytes > 0);
        assert_true(piece.offset_bytes + piece.size_bytes <= pair->stream_written);
        assert_memory_equal(buffer, pair->content + piece.offset_bytes, piece.size_bytes);
        listener->pieces += piece.message_start;
        listener->lost_bytes += piece.lost_bytes;
        listener->content_bytes[object_id] += piece.size_bytes;
    }
}

static void listener_events(struct pair *pair, struct listener *listener)
{
    struct herald_norm_receiver_event event;
    bool readable = false;
    uint16_t object_id = 0;

    while (herald_norm_receiver_poll_event(listener->receiver, &event) > 0) {
        listener->complete[event.object_id] |= event.type == HERALD_NORM_RECEIVER_OBJECT_COMPLETE;
        listener->aborted[event.object_id] |= event.type == HERALD_NORM_RECEIVER_OBJECT_ABORTED;
        listener->info[event.object_id] |= event.type == HERALD_NORM_RECEIVER_OBJECT_INFO;
        listener->watermarks += event.type == HERALD_NORM_RECEIVER_WATERMARK;
        listener->ended |= event.type == HERALD_NORM_RECEIVER_STREAM_END;
        if (event.type == HERALD_NORM_RECEIVER_STREAM_READABLE) {
            readable = true;
            object_id = event.object_id;
        }
    }
    if (readable) {
        read_stream(pair, listener, object_id);
        listener_events(pair, listener);
    }
}

static struct herald_peer peer_of(int index)
{
    struct herald_peer peer = {
        .address = { .family = HERALD_FAMILY_IPV4, .bytes = { 10, 0, 0, (uint8_t)(index + 2) } }, .port = 6000
    };

    return peer;
}

static void deliver(struct pair *pair, const struct flight *flight)
{
    struct herald_peer from = peer_of(flight->from);

    if (flight->from >= 0 && !is_lost(pair, pair->feedback_loss_ppm))
        assert_int_equal(herald_norm_sender_input(pair->sender, &from, flight->unicast, flight->bytes,
                                                  flight->size_bytes, pair->now_ns),
                         0);
    sender_events(pair);
    for (int i = 0; i < pair->listeners_count && !flight->unicast; i++) {
        struct listener *listener = &pair->listeners[i];

        if (i == flight->from || is_lost(pair, listener->loss_ppm))
            continue;
        assert_int_equal(herald_norm_receiver_input(listener->receiver, &from, false, flight->bytes, flight->size_bytes,
                                                    pair->now_ns),
                         0);
        listener_events(pair, listener);
    }
}

static void write_more(struct pair *pair)
{
    while (pair->writes) {
        size_t left = pair->stream_size - (size_t)pair->stream_written;
        size_t chunk = left < 333 ? left : 333;
        unsigned flags = pair->stream_written % 333 == 0 ? HERALD_NORM_STREAM_MESSAGE_START : 0;
        int64_t n;

        if (chunk > 333 - pair->stream_written % 333)
            chunk = 333 - pair->stream_written % 333;
        n = herald_norm_sender_stream_write(pair->sender, pair->stream_id, pair->content + pair->stream_written, chunk,
                                            flags, pair->now_ns);

        assert_true(n >= 0);
        pair->stream_written += (uint64_t)n;
        if (pair->stream_written == pair->stream_size) {
            assert_int_equal(herald_norm_sender_stream_close(pair->sender, pair->stream_id, pair->now_ns), 0);
            pair->writes = false;
        }
        if (n < (int64_t)chunk)
            return;
    }
}

static void drain(struct pair *pair)
{
    uint8_t buffer[PACKET_BYTES];
    struct herald_norm_datagram datagram = { .buffer = buffer, .buffer_bytes = sizeof(buffer) };

    write_more(pair);
    assert_int_equal(herald_norm_sender_handle_timeout(pair->sender, pair->now_ns), 0);
    sender_events(pair);
    while (herald_norm_sender_poll_output(pair->sender, &datagram, pair->now_ns) > 0) {
        launch(pair, &datagram, -1);
        sender_events(pair);
        pair->sent_datagrams++;
    }
    for (int i = 0; i < pair->listeners_count; i++) {
        struct listener *listener = &pair->listeners[i];

        assert_int_equal(herald_norm_receiver_handle_timeout(listener->receiver, pair->now_ns), 0);
        listener_events(pair, listener);
        while (herald_norm_receiver_poll_output(listener->receiver, &datagram, pair->now_ns) > 0)
            launch(pair, &datagram, i);
        assert_true(herald_norm_receiver_next_timeout(listener->receiver) > pair->now_ns);
    }
}

static uint64_t next_time(const struct pair *pair)
{
    uint64_t next_ns = herald_norm_sender_next_timeout(pair->sender);

    if (pair->count > 0 && pair->flights[pair->first].at_ns < next_ns)
        next_ns = pair->flights[pair->first].at_ns;
    for (int i = 0; i < pair->listeners_count; i++) {
        uint64_t other_ns = herald_norm_receiver_next_timeout(pair->listeners[i].receiver);

        if (other_ns < next_ns)
            next_ns = other_ns;
    }
    return next_ns;
}

/* Lets time pass until is_done() says so, or for so long. @return is_done() in time. */
static bool run(struct pair *pair, bool (*is_done)(const struct pair *pair), uint64_t duration_ns)
{
    uint64_t until_ns = pair->now_ns + duration_ns;

    for (;;) {
        uint64_t next_ns;

        drain(pair);
        if (is_done && is_done(pair))
            return true;
        next_ns = next_time(pair);
        if (next_ns > until_ns)
            return false;
        if (next_ns > pair->now_ns)
            pair->now_ns = next_ns;
        while (pair->count > 0 && pair->flights[pair->first].at_ns <= pair->now_ns) {
            const struct flight *flight = &pair->flights[pair->first];

            deliver(pair, flight);
            pair->first = (pair->first + 1) % FLIGHTS_MAX;
            pair->count--;
        }
    }
}

/* --- objects --- */

static void enqueue(struct pair *pair, enum herald_norm_kind kind, size_t size_bytes, const char *info)
{
    uint16_t id;
    struct herald_norm_object object = { .kind = kind,
                                         .size_bytes = size_bytes,
                                         .bytes = size_bytes ? pair->content : NULL,
                                         .info = (const uint8_t *)info,
                                         .info_bytes = info ? (uint16_t)strlen(info) : 0 };

    assert_int_equal(herald_norm_sender_enqueue(pair->sender, &object, pair->now_ns, &id), 0);
    if (kind == HERALD_NORM_STREAM)
        pair->stream_id = id;
}

static bool is_first_complete(const struct pair *pair)
{
    for (int i = 0; i < pair->listeners_count; i++)
        if (!pair->listeners[i].complete[0])
            return false;
    return true;
}

/* Sends one object, and checks that everybody gets it. */
static void transfer(const struct options *options, enum herald_norm_kind kind, size_t size_bytes, const char *info)
{
    struct pair *pair = pair_new(options);

    enqueue(pair, kind, size_bytes, info);
    if (!run(pair, is_first_complete, 300 * S)) {
        struct herald_norm_receiver_statistics st;
        herald_norm_receiver_get_statistics(pair->listeners[0].receiver, &st);
        fail_msg("not complete: seed %llu, %zu bytes, loss %u (nacks %llu, source %llu, parity %llu)",
                 (unsigned long long)options->seed, size_bytes, options->loss_ppm[0], (unsigned long long)st.nacks,
                 (unsigned long long)st.source_datagrams, (unsigned long long)st.parity_datagrams);
    }
    for (int i = 0; i < pair->listeners_count; i++) {
        struct listener *listener = &pair->listeners[i];

        assert_int_equal(listener->content_bytes[0], size_bytes);
        assert_memory_equal(listener->content[0], pair->content, size_bytes);
        assert_int_equal(listener->info[0], info != NULL);
        assert_false(listener->aborted[0]);
    }
    pair_free(pair);
}

static const uint32_t losses_ppm[] = { 0, 1000, 10000, 50000, 200000, 500000 };

static void test_pair_delivers_files_at_every_loss(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(losses_ppm) / sizeof(losses_ppm[0]); i++)
        for (uint64_t seed = 1; seed <= 5; seed++) {
            struct options options = { .seed = seed, .loss_ppm = { losses_ppm[i] } };

            transfer(&options, HERALD_NORM_FILE, 100000, "file.txt");
        }
}

static void test_pair_delivers_odd_sizes(void **state)
{
    /* Segments of 100 bytes, blocks of 4: around every boundary. */
    static const size_t sizes[] = {
        1, 2, 99, 100, 101, 199, 399, 400, 401, 799, 800, 801, 900, 1199, 1201, 4000, 4001
    };

    (void)state;
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
        for (uint64_t seed = 1; seed <= 3; seed++) {
            struct options options = {
                .seed = seed, .segment_bytes = 100, .block_segments = 4, .parity = 3, .loss_ppm = { 200000 }
            };

            transfer(&options, HERALD_NORM_DATA, sizes[i], NULL);
        }
}

static void test_pair_delivers_objects_that_are_info_only(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 5; seed++) {
        struct options options = { .seed = seed, .loss_ppm = { 400000 } };

        transfer(&options, HERALD_NORM_DATA, 0, "nothing else");
    }
}

static void test_pair_delivers_with_every_fec_scheme(void **state)
{
    static const uint8_t fec_ids[] = { 2, 5, 129 };

    (void)state;
    for (size_t i = 0; i < sizeof(fec_ids); i++)
        for (uint64_t seed = 1; seed <= 3; seed++) {
            struct options options = { .seed = seed, .fec_id = fec_ids[i], .loss_ppm = { 100000 } };

            transfer(&options, HERALD_NORM_FILE, 54321, "name");
        }
}

static void test_pair_delivers_with_extreme_codes(void **state)
{
    static const uint16_t codes[][2] = {
        { 1, 0 }, { 1, 1 }, { 1, 254 }, { 254, 1 }, { 127, 128 }, { 20, 0 }, { 2, 250 }
    };

    (void)state;
    for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++) {
        struct options options = { .seed = i + 1,
                                   .segment_bytes = 50,
                                   .block_segments = codes[i][0],
                                   .parity = codes[i][1],
                                   .loss_ppm = { 150000 } };

        if (codes[i][1] == 0)
            options.no_parity = true;
        transfer(&options, HERALD_NORM_FILE, 20000, "name");
    }
}

static void test_pair_delivers_with_tiny_segments(void **state)
{
    struct options options = { .seed = 3, .segment_bytes = 16, .loss_ppm = { 200000 } };

    (void)state;
    transfer(&options, HERALD_NORM_DATA, 5000, NULL);
}

static void test_pair_delivers_without_parity_requests(void **state)
{
    struct options options = { .seed = 4, .no_parity = true, .loss_ppm = { 200000 } };

    (void)state;
    transfer(&options, HERALD_NORM_DATA, 50000, NULL);
}

static void test_pair_delivers_by_unicast_feedback(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 5; seed++) {
        struct options options = {
            .seed = seed, .unicast = true, .receivers = 3, .loss_ppm = { 100000, 10000, 300000 }
        };

        transfer(&options, HERALD_NORM_FILE, 60000, "name");
    }
}

static void test_pair_delivers_to_receivers_with_different_losses(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 5; seed++) {
        struct options options = { .seed = seed, .receivers = 3, .loss_ppm = { 0, 10000, 300000 } };

        transfer(&options, HERALD_NORM_FILE, 100000, "name");
    }
}

static void test_pair_delivers_when_feedback_is_lost_too(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 5; seed++) {
        struct options options = { .seed = seed, .feedback_loss_ppm = 500000, .loss_ppm = { 300000 } };

        transfer(&options, HERALD_NORM_FILE, 50000, "name");
    }
}

static void test_pair_delivers_to_a_receiver_of_little_memory(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 5; seed++) {
        struct options options = { .seed = seed, .partials_max = 2, .parity_buffers_max = 1, .loss_ppm = { 200000 } };

        transfer(&options, HERALD_NORM_FILE, 50000, "name");
    }
}

static void test_pair_delivers_to_silent_receivers_by_proactive_parity(void **state)
{
    struct options options = { .seed = 9, .silent = true, .proactive = 8, .loss_ppm = { 30000 } };
    struct pair *pair = pair_new(&options);

    (void)state;
    enqueue(pair, HERALD_NORM_DATA, 200000, NULL);
    assert_true(run(pair, is_first_complete, 60 * S));
    assert_memory_equal(pair->listeners[0].content[0], pair->content, 200000);
    pair_free(pair);
}

/* --- many objects --- */

static bool are_all_complete(const struct pair *pair)
{
    for (int i = 0; i < pair->listeners_count; i++)
        for (int j = 0; j < 10; j++)
            if (!pair->listeners[i].complete[j])
                return false;
    return true;
}

static void test_pair_delivers_many_objects(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 5; seed++) {
        struct options options = { .seed = seed, .receivers = 2, .loss_ppm = { 100000, 200000 } };
        struct pair *pair = pair_new(&options);

        for (int i = 0; i < 10; i++)
            enqueue(pair, HERALD_NORM_DATA, (size_t)(i % 3) * 3001, "info");
        assert_true(run(pair, are_all_complete, 300 * S));
        for (int i = 0; i < 2; i++)
            for (int j = 0; j < 10; j++)
                assert_memory_equal(pair->listeners[i].content[j], pair->content, (size_t)(j % 3) * 3001);
        pair_free(pair);
    }
}

/* --- late --- */

static bool is_half_sent(const struct pair *pair)
{
    return pair->sent_datagrams > 250;
}

static void test_pair_delivers_to_a_receiver_that_joins_late(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 3; seed++) {
        struct options options = { .seed = seed, .receivers = 1, .loss_ppm = { 50000, 50000 } };
        struct pair *pair = pair_new(&options);

        enqueue(pair, HERALD_NORM_FILE, 100000, "name");
        assert_true(run(pair, is_half_sent, 60 * S));
        add_listener(pair, &options, 1);
        pair->listeners_count = 2;
        assert_true(run(pair, is_first_complete, 60 * S));
        assert_memory_equal(pair->listeners[1].content[0], pair->content, 100000);
        pair_free(pair);
    }
}

static void test_pair_delivers_to_a_receiver_that_began_anew(void **state)
{
    struct options options = { .seed = 1, .receivers = 2, .loss_ppm = { 50000, 50000 } };
    struct pair *pair = pair_new(&options);
    struct listener *listener = &pair->listeners[1];

    (void)state;
    enqueue(pair, HERALD_NORM_FILE, 100000, "name");
    assert_true(run(pair, is_half_sent, 60 * S));
    herald_norm_receiver_free(listener->receiver);
    free(listener->content[0]);
    memset(listener, 0, sizeof(*listener));
    add_listener(pair, &options, 1);
    assert_true(run(pair, is_first_complete, 60 * S));
    assert_memory_equal(listener->content[0], pair->content, 100000);
    pair_free(pair);
}

/* --- watermarks --- */

static bool are_acks_done(const struct pair *pair)
{
    return pair->acks_done;
}

static void test_pair_acknowledges_watermarks(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 5; seed++) {
        struct options options = { .seed = seed, .receivers = 3, .loss_ppm = { 0, 100000, 300000 } };
        struct pair *pair = pair_new(&options);

        for (uint32_t i = 1; i <= 3; i++)
            assert_int_equal(herald_norm_sender_add_ack_node(pair->sender, i), 0);
        enqueue(pair, HERALD_NORM_FILE, 50000, "name");
        assert_int_equal(herald_norm_sender_request_acks(pair->sender, 0, pair->now_ns), 0);
        assert_true(run(pair, are_acks_done, 300 * S));
        assert_int_equal(pair->acked, 3);
        assert_int_equal(pair->unacked, 0);
        for (int i = 0; i < 3; i++) {
            assert_true(pair->listeners[i].complete[0]);
            assert_int_equal(pair->listeners[i].watermarks, 1);
        }
        pair_free(pair);
    }
}

/* --- streams --- */

static bool have_all_ended(const struct pair *pair)
{
    for (int i = 0; i < pair->listeners_count; i++)
        if (!pair->listeners[i].ended)
            return false;
    return true;
}

/* Sends a stream of messages of 333 bytes, with so much buffer, and checks what is read, byte by byte. */
static void stream(const struct options *options, size_t size_bytes, size_t buffer_bytes)
{
    struct pair *pair = pair_new(options);

    pair->stream_size = size_bytes;
    enqueue(pair, HERALD_NORM_STREAM, buffer_bytes, NULL);
    pair->writes = true;
    if (!run(pair, have_all_ended, 300 * S))
        fail_msg("stream not ended: seed %llu, read %zu of %zu, written %zu", (unsigned long long)options->seed,
                 pair->listeners[0].content_bytes[0], size_bytes, (size_t)pair->stream_written);
    for (int i = 0; i < pair->listeners_count; i++) {
        const struct listener *listener = &pair->listeners[i];

        assert_int_equal(listener->content_bytes[0] + listener->lost_bytes, size_bytes);
        if (buffer_bytes < size_bytes)
            continue;
        assert_int_equal(listener->lost_bytes, 0);
        assert_int_equal(listener->pieces, (size_bytes + 332) / 333);
    }
    pair_free(pair);
}

static void test_pair_delivers_streams_at_every_loss(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(losses_ppm) / sizeof(losses_ppm[0]); i++)
        for (uint64_t seed = 1; seed <= 3; seed++) {
            struct options options = { .seed = seed, .stream_blocks = 40, .loss_ppm = { losses_ppm[i] } };

            stream(&options, 100000, 120000);
        }
}

static void test_pair_delivers_streams_through_a_small_buffer(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 3; seed++) {
        struct options options = { .seed = seed, .stream_blocks = 4, .loss_ppm = { 10000 } };

        stream(&options, 300000, 10000);
    }
}

static void test_pair_delivers_streams_with_every_fec_scheme(void **state)
{
    static const uint8_t fec_ids[] = { 2, 5, 129 };

    (void)state;
    for (size_t i = 0; i < sizeof(fec_ids); i++) {
        struct options options = {
            .seed = i + 1, .fec_id = fec_ids[i], .stream_blocks = 40, .receivers = 2, .loss_ppm = { 100000, 50000 }
        };

        stream(&options, 80000, 100000);
    }
}

static void test_pair_gives_silent_receivers_streams_with_holes(void **state)
{
    struct options options = { .seed = 1, .stream_blocks = 10, .silent = true, .proactive = 2, .loss_ppm = { 100000 } };

    (void)state;
    stream(&options, 200000, 30000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pair_delivers_files_at_every_loss),
        cmocka_unit_test(test_pair_delivers_odd_sizes),
        cmocka_unit_test(test_pair_delivers_objects_that_are_info_only),
        cmocka_unit_test(test_pair_delivers_with_every_fec_scheme),
        cmocka_unit_test(test_pair_delivers_with_extreme_codes),
        cmocka_unit_test(test_pair_delivers_with_tiny_segments),
        cmocka_unit_test(test_pair_delivers_without_parity_requests),
        cmocka_unit_test(test_pair_delivers_by_unicast_feedback),
        cmocka_unit_test(test_pair_delivers_to_receivers_with_different_losses),
        cmocka_unit_test(test_pair_delivers_when_feedback_is_lost_too),
        cmocka_unit_test(test_pair_delivers_to_a_receiver_of_little_memory),
        cmocka_unit_test(test_pair_delivers_to_silent_receivers_by_proactive_parity),
        cmocka_unit_test(test_pair_delivers_many_objects),
        cmocka_unit_test(test_pair_delivers_to_a_receiver_that_joins_late),
        cmocka_unit_test(test_pair_delivers_to_a_receiver_that_began_anew),
        cmocka_unit_test(test_pair_acknowledges_watermarks),
        cmocka_unit_test(test_pair_delivers_streams_at_every_loss),
        cmocka_unit_test(test_pair_delivers_streams_through_a_small_buffer),
        cmocka_unit_test(test_pair_delivers_streams_with_every_fec_scheme),
        cmocka_unit_test(test_pair_gives_silent_receivers_streams_with_holes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
