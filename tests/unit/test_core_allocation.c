/* SPDX-License-Identifier: MIT */
/*
 * The machines of the NORM core take all their memory in _new. The linker sends every malloc(), calloc(), realloc() and
 * free() of this program through the functions below (--wrap), which count, and refuse when told to.
 */
#include <herald/norm.h>

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { SEGMENT_BYTES = 100, OBJECT_BYTES = 20000, PACKETS_MAX = 4096, NEVER_FAIL = -1 };

/* --- the heap --- */

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *memory, size_t size);
void __real_free(void *memory);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *memory, size_t size);
void __wrap_free(void *memory);

static struct {
    long allocations, frees;
    long fails_at; /* the allocation with this number */
} heap = { .fails_at = NEVER_FAIL };

static bool refuse(void)
{
    return heap.allocations++ == heap.fails_at;
}

void *__wrap_malloc(size_t size)
{
    return refuse() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t count, size_t size)
{
    return refuse() ? NULL : __real_calloc(count, size);
}

void *__wrap_realloc(void *memory, size_t size)
{
    return refuse() ? NULL : __real_realloc(memory, size);
}

void __wrap_free(void *memory)
{
    heap.frees += memory != NULL;
    __real_free(memory);
}

/* --- two machines and a wire --- */

struct packet {
    bool from_sender;
    size_t size_bytes;
    uint8_t bytes[HERALD_NORM_BUFFER_BYTES(SEGMENT_BYTES)];
};

static struct {
    herald_norm_sender *sender;
    herald_norm_receiver *receiver;
    uint64_t now_ns;
    struct packet packets[PACKETS_MAX];
    unsigned packets_count, sent_count;
    uint8_t original[OBJECT_BYTES], received[OBJECT_BYTES];
    unsigned objects_complete;
    uint64_t stream_bytes;
    uint16_t stream_id;
    bool stream_ended;
} pair;

static int write_at(void *user, uint64_t offset_bytes, const uint8_t *bytes, size_t size_bytes)
{
    (void)user;
    memcpy(pair.received + offset_bytes, bytes, size_bytes);
    return 0;
}

static const uint8_t *read_at(void *user, uint64_t offset_bytes, size_t size_bytes)
{
    (void)user;
    (void)size_bytes;
    return pair.received + offset_bytes;
}

static int accept_object(void *user, const struct herald_norm_offer *offer, struct herald_norm_sink *ret_sink)
{
    (void)user;
    (void)offer;
    *ret_sink = (struct herald_norm_sink){ .write_at = write_at, .read_at = read_at };
    return 0;
}

static struct herald_norm_sender_config sender_config(void)
{
    struct herald_norm_sender_config config;

    herald_norm_sender_config_default(&config);
    config.node_id = 1;
    config.instance_id = 1;
    config.segment_bytes = SEGMENT_BYTES;
    config.block_segments = 16;
    config.parity_segments = 8;
    config.rate_bytes_per_s = 1000000;
    config.grtt_initial_ns = 5000000;
    config.group_size = 10;
    config.info_bytes_max = 50;
    config.application_bytes_max = 50;
    config.stream_blocks_max = 8;
    return config;
}

static struct herald_norm_receiver_config receiver_config(void)
{
    struct herald_norm_receiver_config config;

    herald_norm_receiver_config_default(&config);
    config.node_id = 2;
    config.stream_blocks_max = 8;
    config.block_segments_max = 32;
    config.segment_bytes_max = SEGMENT_BYTES;
    config.accept = accept_object;
    return config;
}

static void put(const struct herald_norm_datagram *datagram, bool from_sender)
{
    struct packet *packet = &pair.packets[pair.packets_count];

    /* Every seventh is lost. */
    if (pair.sent_count++ % 7 == 6 || pair.packets_count == PACKETS_MAX)
        return;
    pair.packets_count++;
    packet->from_sender = from_sender;
    packet->size_bytes = datagram->header_bytes + datagram->payload_bytes;
    memcpy(packet->bytes, datagram->buffer, datagram->header_bytes);
    if (datagram->payload_bytes > 0)
        memcpy(packet->bytes + datagram->header_bytes, datagram->payload, datagram->payload_bytes);
}

static void read_stream(void)
{
    uint8_t buffer[64];
    struct herald_norm_stream_piece piece;

    while (herald_norm_receiver_stream_read(pair.receiver, 1, pair.stream_id, buffer, sizeof(buffer), &piece,
                                            pair.now_ns) > 0)
        pair.stream_bytes += piece.size_bytes;
}

static void drain(void)
{
    uint8_t buffer[HERALD_NORM_BUFFER_BYTES(SEGMENT_BYTES)];
    struct herald_norm_datagram datagram = { .buffer = buffer, .buffer_bytes = sizeof(buffer) };
    struct herald_norm_sender_event sent;
    struct herald_norm_receiver_event received;

    while (herald_norm_sender_poll_output(pair.sender, &datagram, pair.now_ns) > 0)
        put(&datagram, true);
    while (herald_norm_sender_poll_event(pair.sender, &sent) > 0) {
    }
    while (herald_norm_receiver_poll_output(pair.receiver, &datagram, pair.now_ns) > 0)
        put(&datagram, false);
    while (herald_norm_receiver_poll_event(pair.receiver, &received) > 0) {
        pair.objects_complete += received.type == HERALD_NORM_RECEIVER_OBJECT_COMPLETE;
        pair.stream_ended |= received.type == HERALD_NORM_RECEIVER_STREAM_END;
    }
}

static void deliver(void)
{
    static const struct herald_peer from = { .address = { HERALD_FAMILY_IPV4, { 10, 0, 0, 1 } }, .port = 6003 };
    unsigned count = pair.packets_count;

    for (unsigned i = 0; i < count; i++) {
        const struct packet *packet = &pair.packets[i];

        if (packet->from_sender)
            herald_norm_receiver_input(pair.receiver, &from, false, packet->bytes, packet->size_bytes, pair.now_ns);
        else
            herald_norm_sender_input(pair.sender, &from, false, packet->bytes, packet->size_bytes, pair.now_ns);
        drain();
    }
    memmove(pair.packets, pair.packets + count, (pair.packets_count - count) * sizeof(pair.packets[0]));
    pair.packets_count -= count;
}

/* A millisecond a step: packets take one to arrive. */
static void run_for(unsigned steps)
{
    for (unsigned i = 0; i < steps && !pair.stream_ended; i++) {
        pair.now_ns += 1000000;
        deliver();
        herald_norm_sender_handle_timeout(pair.sender, pair.now_ns);
        herald_norm_receiver_handle_timeout(pair.receiver, pair.now_ns);
        drain();
        read_stream();
        drain();
    }
}

static void use_everything(void)
{
    struct herald_norm_object file = { .kind = HERALD_NORM_FILE, .size_bytes = OBJECT_BYTES, .bytes = pair.original };
    struct herald_norm_object stream = { .kind = HERALD_NORM_STREAM, .size_bytes = UINT64_C(4) * 16 * SEGMENT_BYTES };
    uint16_t file_id;
    uint64_t written_bytes = 0;

    file.info = (const uint8_t *)"name";
    file.info_bytes = 4;
    assert_int_equal(herald_norm_sender_enqueue(pair.sender, &file, pair.now_ns, &file_id), 0);
    assert_int_equal(herald_norm_sender_enqueue(pair.sender, &stream, pair.now_ns, &pair.stream_id), 0);
    assert_int_equal(herald_norm_sender_add_ack_node(pair.sender, 2), 0);
    assert_int_equal(herald_norm_sender_request_acks(pair.sender, file_id, pair.now_ns), 0);
    assert_int_equal(herald_norm_sender_send_command(pair.sender, pair.original, 20, true, pair.now_ns), 0);
    assert_int_equal(herald_norm_sender_request(pair.sender, 16, 1, NULL, 0, pair.original, 20, pair.now_ns), 0);
    while (written_bytes < OBJECT_BYTES) {
        int64_t taken = herald_norm_sender_stream_write(pair.sender, pair.stream_id, pair.original + written_bytes,
                                                        OBJECT_BYTES - written_bytes, 0, pair.now_ns);

        assert_true(taken >= 0);
        written_bytes += (uint64_t)taken;
        run_for(1);
        assert_true(pair.now_ns < UINT64_C(600000000000));
    }
    assert_int_equal(herald_norm_sender_stream_close(pair.sender, pair.stream_id, pair.now_ns), 0);
    run_for(20000);
}

/* --- tests --- */

static void nothing_is_allocated_nor_freed_after_new(void **state)
{
    struct herald_norm_sender_config from = sender_config();
    struct herald_norm_receiver_config to = receiver_config();
    long allocations, frees;

    (void)state;
    for (unsigned i = 0; i < OBJECT_BYTES; i++)
        pair.original[i] = (uint8_t)(i * 7 + i / 256);
    assert_int_equal(herald_norm_sender_new(&pair.sender, &from, 0), 0);
    assert_int_equal(herald_norm_receiver_new(&pair.receiver, &to, 0), 0);
    allocations = heap.allocations;
    frees = heap.frees;
    use_everything();
    assert_int_equal(heap.allocations, allocations);
    assert_int_equal(heap.frees, frees);
    /* It did work, and with repairs. */
    assert_int_equal(pair.objects_complete, 1);
    assert_memory_equal(pair.received, pair.original, OBJECT_BYTES);
    assert_int_equal(pair.stream_bytes, OBJECT_BYTES);
    assert_true(pair.stream_ended);
    assert_null(herald_norm_sender_free(pair.sender));
    assert_null(herald_norm_receiver_free(pair.receiver));
}

/* Each allocation of _new fails once: it says so, and leaves nothing behind. */
static void a_sender_that_gets_no_memory_leaves_none_behind(void **state)
{
    struct herald_norm_sender_config config = sender_config();
    herald_norm_sender *sender = NULL;
    long count = 0;
    int result;

    (void)state;
    do {
        heap.allocations = heap.frees = 0;
        heap.fails_at = count++;
        result = herald_norm_sender_new(&sender, &config, 0);
        heap.fails_at = NEVER_FAIL;
        if (result < 0) {
            assert_int_equal(result, -ENOMEM);
            assert_null(sender);
            assert_int_equal(heap.frees, heap.allocations - 1);
        }
    } while (result < 0);
    assert_true(count > 3);
    herald_norm_sender_free(sender);
    assert_int_equal(heap.frees, heap.allocations);
}

static void a_receiver_that_gets_no_memory_leaves_none_behind(void **state)
{
    struct herald_norm_receiver_config config = receiver_config();
    herald_norm_receiver *receiver = NULL;
    long count = 0;
    int result;

    (void)state;
    do {
        heap.allocations = heap.frees = 0;
        heap.fails_at = count++;
        result = herald_norm_receiver_new(&receiver, &config, 0);
        heap.fails_at = NEVER_FAIL;
        if (result < 0) {
            assert_int_equal(result, -ENOMEM);
            assert_null(receiver);
            assert_int_equal(heap.frees, heap.allocations - 1);
        }
    } while (result < 0);
    assert_true(count > 3);
    herald_norm_receiver_free(receiver);
    assert_int_equal(heap.frees, heap.allocations);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_is_allocated_nor_freed_after_new),
        cmocka_unit_test(a_sender_that_gets_no_memory_leaves_none_behind),
        cmocka_unit_test(a_receiver_that_gets_no_memory_leaves_none_behind),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
