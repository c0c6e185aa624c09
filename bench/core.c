/* SPDX-License-Identifier: MIT */
/*
 * What the NORM machines cost, without sockets: nanoseconds per datagram of the sender (poll_output, and whatever NACKs
 * make it do) and of the receiver (input, and decoding), for one object in memory at several rates of loss. In the same
 * run, and between the same calls, the same bytes are copied by memcpy: the ratio is what can be compared between
 * machines. The receiver's figures contain what the sink takes, but for the first row's, whose sink forgets everything.
 * Times are of the processor; reading that clock costs, which is measured and subtracted.
 *
 *     bench-core [MEGABYTES]
 */
#include <herald/herald.h>
#include <herald/norm.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum {
    SEGMENT_BYTES = 1400,
    PACKET_BYTES_MAX = HERALD_NORM_BUFFER_BYTES(SEGMENT_BYTES) + SEGMENT_BYTES,
    BATCH_MAX = 64,
};

#define RATE_BYTES_PER_S UINT64_C(1250000000) /* 10 Gbit/s, of virtual time */
#define GRTT_NS          UINT64_C(1000000)
#define NAP_NS           UINT64_C(50000) /* of virtual time: a loop wakes up not for every datagram */
#define GIVE_UP_NS       UINT64_C(600000000000)

struct packet {
    size_t size_bytes;
    uint8_t bytes[PACKET_BYTES_MAX];
};

/* A row of the table. */
struct row {
    uint32_t loss_ppm;
    bool discards; /* the sink forgets: what remains is the receiver's own cost. Nothing can be lost then */
};

struct run {
    uint32_t loss_ppm;
    bool discards;
    uint64_t random;
    uint64_t now_ns; /* virtual */
    herald_norm_sender *sender;
    herald_norm_receiver *receiver;
    bool complete, failed, flushed;

    const uint8_t *original;
    uint8_t *received;
    uint8_t *copied; /* by memcpy */
    size_t object_bytes;
    size_t copied_bytes;

    uint8_t buffers[BATCH_MAX][HERALD_NORM_BUFFER_BYTES(SEGMENT_BYTES)];
    struct herald_norm_datagram datagrams[BATCH_MAX];
    struct packet packets[BATCH_MAX];

    uint64_t clock_ns;                          /* what one look at the clock takes */
    uint64_t sender_ns, receiver_ns, memcpy_ns; /* real, of the processor */
    uint64_t sent_datagrams, received_datagrams, copied_datagrams;
    uint64_t written_bytes; /* by the sender into datagrams' buffers */
    uint64_t sink_bytes;    /* by the receiver into the sink */
    uint64_t read_back_bytes;
};

/* Of the processor, so that it does not matter who else wants it. */
static uint64_t real_ns(void)
{
    struct timespec time;

    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
    return (uint64_t)time.tv_sec * UINT64_C(1000000000) + (uint64_t)time.tv_nsec;
}

/* The least that lies between two looks. */
static uint64_t clock_cost_ns(void)
{
    uint64_t least_ns = UINT64_MAX;

    for (int i = 0; i < 1000; i++) {
        uint64_t start_ns = real_ns(), time_ns = real_ns() - start_ns;

        least_ns = time_ns < least_ns ? time_ns : least_ns;
    }
    return least_ns;
}

/* Real time since then, without what looking at the clock took. */
static uint64_t took_ns(const struct run *run, uint64_t start_ns)
{
    uint64_t time_ns = real_ns() - start_ns;

    return time_ns > run->clock_ns ? time_ns - run->clock_ns : 0;
}

static bool is_lost(struct run *run)
{
    run->random = run->random * UINT64_C(6364136223846793005) + 1442695040888963407;
    return (run->random >> 33) % 1000000 < run->loss_ppm;
}

/* ------------------------------------------------------------------ the sink */

static int write_at(void *user, uint64_t offset_bytes, const uint8_t *bytes, size_t size_bytes)
{
    struct run *run = user;

    if (!run->discards)
        memcpy(run->received + offset_bytes, bytes, size_bytes);
    run->sink_bytes += size_bytes;
    return 0;
}

static size_t write_many(void *user, uint64_t offset_bytes, const uint8_t *bytes, size_t segment_bytes,
                         size_t stride_bytes, size_t count)
{
    for (size_t i = 0; i < count; i++)
        (void)write_at(user, offset_bytes + i * segment_bytes, bytes + i * stride_bytes, segment_bytes);
    return count;
}

static const uint8_t *read_at(void *user, uint64_t offset_bytes, size_t size_bytes)
{
    struct run *run = user;

    run->read_back_bytes += size_bytes;
    return run->received + offset_bytes;
}

static int accept_object(void *user, const struct herald_norm_offer *offer, struct herald_norm_sink *ret_sink)
{
    struct run *run = user;

    if (offer->size_bytes != run->object_bytes)
        return -1;
    *ret_sink =
        (struct herald_norm_sink){ .user = run, .write_at = write_at, .write_many = write_many, .read_at = read_at };
    return 0;
}

/* ------------------------------------------------------------------ one step of each */

/* As many datagrams as leave now, up to a batch. */
static int send_batch(struct run *run)
{
    struct herald_norm_sender_event event;
    uint64_t start_ns = real_ns();
    int count = 0;

    while (count < BATCH_MAX) {
        struct herald_norm_datagram *datagram = &run->datagrams[count];

        datagram->buffer = run->buffers[count];
        datagram->buffer_bytes = sizeof(run->buffers[count]);
        if (herald_norm_sender_poll_output(run->sender, datagram, run->now_ns) <= 0)
            break;
        count++;
    }
    while (herald_norm_sender_poll_event(run->sender, &event) > 0)
        run->flushed |= event.type == HERALD_NORM_SENDER_FLUSHED;
    run->sender_ns += took_ns(run, start_ns);
    run->sent_datagrams += (uint64_t)count;
    return count;
}

/* The wire, which nobody measures. @return how many packets arrive. */
static int carry(struct run *run, int count)
{
    int arrived = 0;

    for (int i = 0; i < count; i++) {
        const struct herald_norm_datagram *datagram = &run->datagrams[i];
        struct packet *packet = &run->packets[arrived];

        run->written_bytes += datagram->header_bytes;
        packet->size_bytes = datagram->header_bytes + datagram->payload_bytes;
        memcpy(packet->bytes, datagram->buffer, datagram->header_bytes);
        if (datagram->payload_bytes > 0)
            memcpy(packet->bytes + datagram->header_bytes, datagram->payload, datagram->payload_bytes);
        arrived += !is_lost(run);
    }
    return arrived;
}

static void receive_batch(struct run *run, int count)
{
    static const struct herald_peer from = { .address = { HERALD_FAMILY_IPV4, { 10, 0, 0, 1 } }, .port = 6003 };
    struct herald_norm_receiver_event event;
    uint64_t start_ns = real_ns();

    for (int i = 0; i < count; i++) {
        herald_norm_receiver_input(run->receiver, &from, false, run->packets[i].bytes, run->packets[i].size_bytes,
                                   run->now_ns);
        while (herald_norm_receiver_poll_event(run->receiver, &event) > 0) {
            run->complete |= event.type == HERALD_NORM_RECEIVER_OBJECT_COMPLETE;
            run->failed |= event.type == HERALD_NORM_RECEIVER_OBJECT_ABORTED;
        }
    }
    run->receiver_ns += took_ns(run, start_ns);
    run->received_datagrams += (uint64_t)count;
}

/* The same bytes, to a place of their own. */
static void copy_batch(struct run *run, int count)
{
    uint64_t start_ns = real_ns();

    for (int i = 0; i < count; i++) {
        if (run->copied_bytes + SEGMENT_BYTES > run->object_bytes)
            run->copied_bytes = 0;
        memcpy(run->copied + run->copied_bytes, run->packets[i].bytes + 32, SEGMENT_BYTES);
        run->copied_bytes += SEGMENT_BYTES;
    }
    run->memcpy_ns += took_ns(run, start_ns);
    run->copied_datagrams += (uint64_t)count;
}

/* The receiver's feedback; it is not lost. */
static void answer(struct run *run)
{
    static const struct herald_peer from = { .address = { HERALD_FAMILY_IPV4, { 10, 0, 0, 2 } }, .port = 6003 };
    struct herald_norm_receiver_event event;
    uint64_t start_ns = real_ns();
    int count = 0;

    herald_norm_receiver_handle_timeout(run->receiver, run->now_ns);
    while (count < BATCH_MAX) {
        struct herald_norm_datagram *datagram = &run->datagrams[count];

        datagram->buffer = run->buffers[count];
        datagram->buffer_bytes = sizeof(run->buffers[count]);
        if (herald_norm_receiver_poll_output(run->receiver, datagram, run->now_ns) <= 0)
            break;
        count++;
    }
    while (herald_norm_receiver_poll_event(run->receiver, &event) > 0)
        run->failed |= event.type == HERALD_NORM_RECEIVER_OBJECT_ABORTED;
    run->receiver_ns += took_ns(run, start_ns);
    start_ns = real_ns();
    for (int i = 0; i < count; i++)
        herald_norm_sender_input(run->sender, &from, false, run->datagrams[i].buffer, run->datagrams[i].header_bytes,
                                 run->now_ns);
    herald_norm_sender_handle_timeout(run->sender, run->now_ns);
    run->sender_ns += took_ns(run, start_ns);
}

/* ------------------------------------------------------------------ a run */

static int open_run(struct run *run)
{
    struct herald_norm_sender_config from;
    struct herald_norm_receiver_config to;
    struct herald_norm_object object = { .kind = HERALD_NORM_DATA,
                                         .size_bytes = run->object_bytes,
                                         .bytes = run->original };
    uint16_t object_id;

    herald_norm_sender_config_default(&from);
    from.node_id = 1;
    from.instance_id = 1;
    from.segment_bytes = SEGMENT_BYTES;
    from.rate_bytes_per_s = RATE_BYTES_PER_S;
    from.grtt_initial_ns = GRTT_NS;
    from.group_size = 10;
    from.robust_factor = 5;

    herald_norm_receiver_config_default(&to);
    to.node_id = 2;
    to.accept = accept_object;
    to.user = run;

    if (herald_norm_sender_new(&run->sender, &from, 0) < 0 || herald_norm_receiver_new(&run->receiver, &to, 0) < 0)
        return -1;
    return herald_norm_sender_enqueue(run->sender, &object, 0, &object_id);
}

static void transfer(struct run *run)
{
    while (!(run->complete && run->flushed) && !run->failed && run->now_ns < GIVE_UP_NS) {
        uint64_t sender_ns, receiver_ns;
        int count = send_batch(run);

        if (count > 0) {
            int arrived = carry(run, count);

            receive_batch(run, arrived);
            copy_batch(run, arrived);
        }
        answer(run);
        sender_ns = herald_norm_sender_next_timeout(run->sender);
        receiver_ns = herald_norm_receiver_next_timeout(run->receiver);
        if (count < BATCH_MAX) {
            uint64_t next_ns = sender_ns < receiver_ns ? sender_ns : receiver_ns;

            run->now_ns = next_ns > run->now_ns + NAP_NS ? next_ns : run->now_ns + NAP_NS;
        }
    }
}

static void report(const struct run *run)
{
    double memcpy_ns = (double)run->memcpy_ns / (double)run->copied_datagrams;
    double sender_ns = (double)run->sender_ns / (double)run->sent_datagrams;
    double receiver_ns = (double)run->receiver_ns / (double)run->received_datagrams;
    struct herald_norm_sender_statistics sent;
    struct herald_norm_receiver_statistics received;

    herald_norm_sender_get_statistics(run->sender, &sent);
    herald_norm_receiver_get_statistics(run->receiver, &received);
    printf("%3u%%  %-6s  %9llu  %6.1f  %6.1f %5.2f  %6.1f %5.2f  %7.1f  %7.1f  %7.1f  %6llu  %8llu  %8llu\n",
           run->loss_ppm / 10000, run->discards ? "none" : "memory", (unsigned long long)run->sent_datagrams, memcpy_ns,
           sender_ns, sender_ns / memcpy_ns, receiver_ns, receiver_ns / memcpy_ns,
           (double)run->written_bytes / (double)run->sent_datagrams,
           (double)run->sink_bytes / (double)run->received_datagrams,
           (double)run->read_back_bytes / (double)run->received_datagrams, (unsigned long long)received.nacks,
           (unsigned long long)sent.repair_parity_datagrams, (unsigned long long)received.decoded_segments);
}

/* @return 0: transferred, without a difference. */
static int measure(const uint8_t *original, uint8_t *received, uint8_t *copied, size_t object_bytes,
                   const struct row *row)
{
    struct run *run = calloc(1, sizeof(*run));
    int result = -1;

    if (!run)
        return -1;
    run->clock_ns = clock_cost_ns();
    run->loss_ppm = row->loss_ppm;
    run->discards = row->discards;
    run->original = original;
    run->received = received;
    run->copied = copied;
    run->object_bytes = object_bytes;
    memset(received, 1, object_bytes);
    memset(copied, 1, object_bytes);
    if (open_run(run) == 0) {
        transfer(run);
        report(run);
        if (run->complete && (run->discards || memcmp(original, received, object_bytes) == 0))
            result = 0;
        else
            printf("      not received\n");
    }
    herald_norm_sender_free(run->sender);
    herald_norm_receiver_free(run->receiver);
    free(run);
    return result;
}

int main(int argc, char **argv)
{
    static const struct row rows[] = { { 0, true }, { 0, false }, { 10000, false }, { 50000, false } };
    size_t object_bytes = (argc > 1 ? strtoul(argv[1], NULL, 10) : 64) * 1000000;
    uint8_t *original = malloc(object_bytes), *received = malloc(object_bytes), *copied = malloc(object_bytes);
    int result = 0;

    if (!original || !received || !copied || object_bytes == 0) {
        fprintf(stderr, "usage: bench-core [MEGABYTES]\n");
        result = -1;
    } else {
        for (size_t i = 0; i < object_bytes; i++)
            original[i] = (uint8_t)(i * 2654435761 >> 13);
        printf("ns per datagram of %d bytes, k = 64; x: times memcpy of the same bytes; bytes per datagram\n",
               SEGMENT_BYTES);
        printf(
            "loss  sink    datagrams  memcpy  sender     x  receiv     x  written     sink  re-read   NACKs    parity"
            "   decoded\n");
        for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
            result |= measure(original, received, copied, object_bytes, &rows[i]);
    }
    free(original);
    free(received);
    free(copied);
    return result < 0 ? 1 : 0;
}
