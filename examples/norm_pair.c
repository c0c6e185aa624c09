/* SPDX-License-Identifier: MIT */
/*
 * Reliable multicast without a socket: a NORM sender and a NORM receiver in one process, and a wire between them that
 * loses every tenth packet. Time is virtual, so that the example takes no time, and runs the same each time.
 *
 *     cc norm_pair.c $(pkg-config --cflags --libs libherald) -o norm_pair
 *     ./norm_pair
 *
 * A program with sockets has the same loop: sendto() instead of wire_put(), recvfrom() instead of wire_deliver(),
 * and poll() until the earliest deadline instead of setting the clock to it.
 */
#include <herald/herald.h>
#include <herald/norm.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    OBJECT_BYTES = 1000000,
    PACKET_BYTES_MAX = 1600,
    WIRE_PACKETS_MAX = 1024, /* under way at once */
    LOSS_PERCENT = 10,
};

#define WIRE_DELAY_NS UINT64_C(5000000)     /* 5 ms, in each direction */
#define GIVE_UP_NS    UINT64_C(60000000000) /* a minute */

/* ------------------------------------------------------------------ the wire */

struct packet {
    uint64_t arrives_ns;
    bool from_sender;
    size_t size_bytes;
    uint8_t bytes[PACKET_BYTES_MAX];
};

/* First in, first out. */
struct wire {
    struct packet packets[WIRE_PACKETS_MAX];
    unsigned first, count;
    unsigned sent, lost;
    uint64_t random;
};

/* Some random bits: loss need not be of high quality. */
static bool wire_loses(struct wire *wire)
{
    wire->random = wire->random * UINT64_C(6364136223846793005) + 1442695040888963407;
    return (wire->random >> 33) % 100 < LOSS_PERCENT;
}

/* A datagram is a header, which the machine wrote into our buffer, and a piece of the object, which it points to. */
static void wire_put(struct wire *wire, const struct herald_norm_datagram *datagram, bool from_sender, uint64_t now_ns)
{
    struct packet *packet = &wire->packets[(wire->first + wire->count) % WIRE_PACKETS_MAX];

    wire->sent++;
    if (wire_loses(wire) || wire->count == WIRE_PACKETS_MAX) {
        wire->lost++;
        return;
    }
    wire->count++;
    packet->arrives_ns = now_ns + WIRE_DELAY_NS;
    packet->from_sender = from_sender;
    packet->size_bytes = datagram->header_bytes + datagram->payload_bytes;
    memcpy(packet->bytes, datagram->buffer, datagram->header_bytes);
    if (datagram->payload_bytes > 0)
        memcpy(packet->bytes + datagram->header_bytes, datagram->payload, datagram->payload_bytes);
}

/* ------------------------------------------------------------------ where the receiver's bytes go */

struct memory {
    uint8_t *bytes;
    size_t size_bytes;
};

static int write_at(void *user, uint64_t offset_bytes, const uint8_t *bytes, size_t size_bytes)
{
    struct memory *memory = user;

    memcpy(memory->bytes + offset_bytes, bytes, size_bytes);
    return 0;
}

static const uint8_t *read_at(void *user, uint64_t offset_bytes, size_t size_bytes)
{
    const struct memory *memory = user;

    (void)size_bytes;
    return memory->bytes + offset_bytes;
}

/* Asked once for each object. Offsets never go beyond the size that is offered here. */
static int accept_object(void *user, const struct herald_norm_offer *offer, struct herald_norm_sink *ret_sink)
{
    struct memory *memory = user;

    if (offer->size_bytes > memory->size_bytes)
        return -1;
    *ret_sink = (struct herald_norm_sink){ .user = memory, .write_at = write_at, .read_at = read_at };
    return 0;
}

/* ------------------------------------------------------------------ both machines */

struct pair {
    herald_norm_sender *sender;
    herald_norm_receiver *receiver;
    struct wire *wire;
    bool flushed, complete, failed;
};

/* Steps 1 and 2 of norm.h, for each machine: what wants to be sent, and what happened. */
static void drain(struct pair *pair, uint64_t now_ns)
{
    uint8_t buffer[HERALD_NORM_BUFFER_BYTES(1400)];
    struct herald_norm_datagram datagram = { .buffer = buffer, .buffer_bytes = sizeof(buffer) };
    struct herald_norm_sender_event sent;
    struct herald_norm_receiver_event received;

    while (herald_norm_sender_poll_output(pair->sender, &datagram, now_ns) > 0)
        wire_put(pair->wire, &datagram, true, now_ns);
    while (herald_norm_sender_poll_event(pair->sender, &sent) > 0)
        pair->flushed |= sent.type == HERALD_NORM_SENDER_FLUSHED;

    while (herald_norm_receiver_poll_output(pair->receiver, &datagram, now_ns) > 0)
        wire_put(pair->wire, &datagram, false, now_ns);
    while (herald_norm_receiver_poll_event(pair->receiver, &received) > 0) {
        pair->complete |= received.type == HERALD_NORM_RECEIVER_OBJECT_COMPLETE;
        pair->failed |= received.type == HERALD_NORM_RECEIVER_OBJECT_ABORTED;
        if (received.type == HERALD_NORM_RECEIVER_OBJECT_INFO)
            printf("receiving \"%.*s\"\n", (int)received.content_bytes, (const char *)received.content);
    }
}

/* Step 3: when there is something to do. */
static uint64_t next_time(const struct pair *pair)
{
    uint64_t next_ns = herald_norm_sender_next_timeout(pair->sender);
    uint64_t receiver_ns = herald_norm_receiver_next_timeout(pair->receiver);

    if (receiver_ns < next_ns)
        next_ns = receiver_ns;
    if (pair->wire->count > 0 && pair->wire->packets[pair->wire->first].arrives_ns < next_ns)
        next_ns = pair->wire->packets[pair->wire->first].arrives_ns;
    return next_ns;
}

/* Step 4: a packet that arrives. Events are drained after each. */
static void wire_deliver(struct pair *pair, uint64_t now_ns)
{
    static const struct herald_peer sender = { .address = { HERALD_FAMILY_IPV4, { 10, 0, 0, 1 } }, .port = 6003 };
    static const struct herald_peer receiver = { .address = { HERALD_FAMILY_IPV4, { 10, 0, 0, 2 } }, .port = 6003 };
    struct wire *wire = pair->wire;

    while (wire->count > 0 && wire->packets[wire->first].arrives_ns <= now_ns) {
        const struct packet *packet = &wire->packets[wire->first];

        if (packet->from_sender)
            herald_norm_receiver_input(pair->receiver, &sender, false, packet->bytes, packet->size_bytes, now_ns);
        else
            herald_norm_sender_input(pair->sender, &receiver, false, packet->bytes, packet->size_bytes, now_ns);
        wire->first = (wire->first + 1) % WIRE_PACKETS_MAX;
        wire->count--;
        drain(pair, now_ns);
    }
}

/* @return the time at which everything had arrived, and the sender knew of nobody who lacks anything. */
static uint64_t run(struct pair *pair)
{
    uint64_t now_ns = 0;

    drain(pair, now_ns);
    while (!(pair->complete && pair->flushed) && !pair->failed && now_ns < GIVE_UP_NS) {
        now_ns = next_time(pair);
        wire_deliver(pair, now_ns);
        herald_norm_sender_handle_timeout(pair->sender, now_ns); /* step 5 */
        herald_norm_receiver_handle_timeout(pair->receiver, now_ns);
        drain(pair, now_ns);
    }
    return now_ns;
}

static int open_pair(struct pair *pair, struct memory *received)
{
    struct herald_norm_sender_config from;
    struct herald_norm_receiver_config to;

    herald_norm_sender_config_default(&from);
    from.node_id = 1;
    from.instance_id = 1;
    from.rate_bytes_per_s = 1000000;
    from.group_size = 10;

    herald_norm_receiver_config_default(&to);
    to.node_id = 2;
    to.seed = 2;
    to.accept = accept_object;
    to.user = received;

    if (herald_norm_sender_new(&pair->sender, &from, 0) < 0 || herald_norm_receiver_new(&pair->receiver, &to, 0) < 0)
        return -1;
    return 0;
}

/* Sends `original`, and reports. @return 0: it was received as it was sent. */
static int transfer(struct pair *pair, const struct memory *original, const struct memory *received)
{
    static const char name[] = "a million bytes";
    struct herald_norm_object object = {
        .kind = HERALD_NORM_DATA,
        .size_bytes = original->size_bytes,
        .bytes = original->bytes,
        .info = (const uint8_t *)name,
        .info_bytes = sizeof(name) - 1,
    };
    struct herald_norm_sender_statistics sent;
    struct herald_norm_receiver_statistics got;
    uint16_t object_id;
    uint64_t took_ns;

    if (herald_norm_sender_enqueue(pair->sender, &object, 0, &object_id) < 0)
        return -1;
    took_ns = run(pair);

    herald_norm_sender_get_statistics(pair->sender, &sent);
    herald_norm_receiver_get_statistics(pair->receiver, &got);
    printf("%u packets, of which %u were lost\n", pair->wire->sent, pair->wire->lost);
    printf("%llu NACKs, answered by %llu parity and %llu source segments\n", (unsigned long long)got.nacks,
           (unsigned long long)sent.repair_parity_datagrams, (unsigned long long)sent.repair_source_datagrams);
    printf("%llu segments recovered from parity\n", (unsigned long long)got.decoded_segments);
    if (!pair->complete || memcmp(original->bytes, received->bytes, original->size_bytes) != 0) {
        printf("not received\n");
        return -1;
    }
    printf("received, and settled after %.3f s\n", (double)took_ns / 1e9);
    return 0;
}

int main(void)
{
    struct memory original = { .bytes = malloc(OBJECT_BYTES), .size_bytes = OBJECT_BYTES };
    struct memory received = { .bytes = calloc(1, OBJECT_BYTES), .size_bytes = OBJECT_BYTES };
    struct pair pair = { .wire = calloc(1, sizeof(struct wire)) };
    int result = -1;

    if (original.bytes && received.bytes && pair.wire && open_pair(&pair, &received) == 0) {
        for (size_t i = 0; i < OBJECT_BYTES; i++)
            original.bytes[i] = (uint8_t)(i * 31 + i / 1000);
        result = transfer(&pair, &original, &received);
    }
    herald_norm_sender_free(pair.sender);
    herald_norm_receiver_free(pair.receiver);
    free(pair.wire);
    free(received.bytes);
    free(original.bytes);
    return result < 0 ? 1 : 0;
}
