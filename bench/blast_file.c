/* SPDX-License-Identifier: MIT */
/*
 * The limit of file delivery on this machine: so many bytes by UDP_SEGMENT and UDP_GRO with the least that a program
 * can do, no protocol, no repairs. Each receiver throws away what arrives (-), or writes it into a file, or looks at
 * all of it once, for herald's digest, or copies it into memory as well.
 *
 *     bench-blast-file BYTES FILE|-|digest|memory send|receive ...
 *
 * The rest of the options is as common.h has it; -w and -n are needed.
 *
 * The sender keeps within what the slowest receiver takes, by the shared page of common.h. Each datagram begins with
 * the number of bytes up to its end, so that loss, if the network has any, does not stop it: what is lost is missing.
 */
#include "common.h"

#include "digest.h" /* of src/session */

#include <errno.h>
#include <fcntl.h>
#include <netinet/udp.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

enum {
    RUN_BYTES = 65507,      /* the most that one UDP datagram, and so one run, can have */
    RING = 8,               /* send buffers in turn: together they fit the level 2 cache */
    BATCH = 4,              /* coalesced packets per recvmmsg() */
    MEMORY_BYTES = 2 << 20, /* two objects as bench-copy-data receives them: one is complete, the next comes */
    AGAIN_US = 1000,        /* the last datagram is sent again so often, until all have it */
    STALL_NS = 1000000000,
};

/* Every datagram tells where it ends. */
static void number_run(unsigned char *run, size_t run_bytes, size_t datagram_bytes, uint64_t before)
{
    for (size_t at = 0; at < run_bytes; at += datagram_bytes) {
        uint64_t position = before + at + datagram_bytes;

        memcpy(run + at, &position, sizeof(position));
    }
}

static uint64_t slowest_position(const struct bench_window *window)
{
    uint64_t slowest = UINT64_MAX;

    for (unsigned i = 0; i < window->count; i++) {
        uint64_t position = atomic_load_explicit(&window->progress[i].bytes, memory_order_acquire);

        if (position < slowest)
            slowest = position;
    }
    return slowest;
}

static void send_run(int fd, struct msghdr *message, unsigned char *run, size_t run_bytes)
{
    message->msg_iov->iov_base = run;
    message->msg_iov->iov_len = run_bytes;
    while (sendmsg(fd, message, 0) < 0)
        if (errno != ENOBUFS && errno != EINTR)
            bench_die("sendmsg");
}

/* Tells again how much was sent, for whoever has lost all that told it. */
static void send_last_again(int fd, struct msghdr *message, const struct bench_job *job, uint64_t sent)
{
    unsigned char last[BENCH_BUFFER_BYTES] = { 0 };

    number_run(last, job->datagram_bytes, job->datagram_bytes, sent - job->datagram_bytes);
    send_run(fd, message, last, job->datagram_bytes);
}

/*
 * Waits until the slowest receiver is near enough. Not bench_window_wait(): here the receivers tell positions, so that
 * one that does not move is only slow, however long that takes on a machine with more receivers than cores.
 */
static void keep_pace(int fd, struct msghdr *message, const struct bench_job *job, uint64_t sent)
{
    uint64_t since_ns = bench_clock_ns();

    while (sent > slowest_position(&job->window) + job->window.limit_bytes) {
        sched_yield();
        if (bench_clock_ns() - since_ns > STALL_NS) {
            send_last_again(fd, message, job, sent);
            since_ns = bench_clock_ns();
        }
    }
}

static void send_all(struct bench_job *job, uint64_t total)
{
    static unsigned char ring[RING][BENCH_BUFFER_BYTES];
    size_t run_bytes_max = RUN_BYTES / job->datagram_bytes * job->datagram_bytes;
    struct iovec io = { .iov_len = 0 };
    struct msghdr message = {
        .msg_name = &job->group, .msg_namelen = sizeof(job->group), .msg_iov = &io, .msg_iovlen = 1
    };
    uint64_t start_ns = bench_clock_ns();
    uint64_t sent = 0;
    int segment_bytes = (int)job->datagram_bytes;
    int fd = bench_open_sender(job);

    if (setsockopt(fd, IPPROTO_UDP, UDP_SEGMENT, &segment_bytes, sizeof(segment_bytes)) < 0)
        bench_die("UDP_SEGMENT");
    for (unsigned i = 0; sent < total; i++) {
        unsigned char *run = ring[i % RING];
        size_t run_bytes = total - sent < run_bytes_max ? (size_t)(total - sent) : run_bytes_max;

        keep_pace(fd, &message, job, sent);
        number_run(run, run_bytes, job->datagram_bytes, sent);
        send_run(fd, &message, run, run_bytes);
        sent += run_bytes;
    }
    while (slowest_position(&job->window) < total) {
        usleep(AGAIN_US);
        send_last_again(fd, &message, job, total);
    }
    printf("{\"start_ns\": %llu, \"bytes\": %llu}\n", (unsigned long long)start_ns, (unsigned long long)total);
}

/* One recvmmsg() worth of places. */
struct batch {
    unsigned char payload[BATCH][BENCH_BUFFER_BYTES];
    struct iovec io[BATCH];
    struct mmsghdr messages[BATCH];
};

/* Where the last datagram of a batch ends. */
static uint64_t position_of(struct batch *batch, int count, size_t datagram_bytes)
{
    size_t size_bytes = batch->messages[count - 1].msg_len;
    uint64_t position;

    if (size_bytes < datagram_bytes)
        return 0;
    memcpy(&position, batch->payload[count - 1] + (size_bytes - 1) / datagram_bytes * datagram_bytes, sizeof(position));
    return position;
}

/* What a receiver does with what arrives. */
struct sink {
    int file_fd; /* -1: no file */
    bool has_digest;
    uint8_t *memory; /* used again and again, or NULL */
    size_t datagram_bytes;
    uint64_t bytes, datagrams, digest;
};

static void take_datagram(struct sink *sink, const unsigned char *datagram, size_t size_bytes)
{
    sink->digest += hd_digest_segment(sink->datagrams++, datagram, size_bytes);
    if (sink->memory)
        memcpy(sink->memory + sink->bytes % MEMORY_BYTES, datagram, size_bytes);
    sink->bytes += size_bytes;
}

static void take_batch(struct sink *sink, struct batch *batch, int count)
{
    struct iovec parts[BATCH];
    ssize_t bytes = 0;

    for (int i = 0; i < count; i++) {
        parts[i] = (struct iovec){ .iov_base = batch->payload[i], .iov_len = batch->messages[i].msg_len };
        bytes += batch->messages[i].msg_len;
        for (size_t at = 0; sink->has_digest && at < parts[i].iov_len; at += sink->datagram_bytes)
            take_datagram(sink, batch->payload[i] + at,
                          parts[i].iov_len - at < sink->datagram_bytes ? parts[i].iov_len - at : sink->datagram_bytes);
    }
    if (!sink->has_digest)
        sink->bytes += (uint64_t)bytes;
    if (sink->file_fd >= 0 && writev(sink->file_fd, parts, count) != bytes)
        bench_die("writev");
}

static void receive_all(struct bench_job *job, uint64_t total, struct sink *sink)
{
    static struct batch batch;
    struct bench_meter meter = { 0 };
    int fd = bench_open_receiver(job);
    int on = 1;

    if (setsockopt(fd, IPPROTO_UDP, UDP_GRO, &on, sizeof(on)) < 0)
        bench_die("UDP_GRO");
    for (size_t i = 0; i < BATCH; i++) {
        batch.io[i] = (struct iovec){ .iov_base = batch.payload[i], .iov_len = BENCH_BUFFER_BYTES };
        batch.messages[i].msg_hdr = (struct msghdr){ .msg_iov = &batch.io[i], .msg_iovlen = 1 };
    }
    bench_schedule_batch();
    bench_catch_terminate();
    bench_join(fd, job);
    while (!bench_stopped() && meter.bytes < total) {
        int count = recvmmsg(fd, batch.messages, BATCH, MSG_WAITFORONE, NULL);

        if (count <= 0)
            continue; /* the patience ran out: look for SIGTERM */
        take_batch(sink, &batch, count);
        meter.bytes = position_of(&batch, count, job->datagram_bytes);
        bench_window_show(&job->window, &meter);
    }
    printf("{\"end_ns\": %llu, \"bytes\": %llu, \"digest\": \"%016llx\"}\n", (unsigned long long)bench_clock_ns(),
           (unsigned long long)sink->bytes, (unsigned long long)sink->digest);
}

static struct sink open_sink(const char *name, size_t datagram_bytes)
{
    struct sink sink = { .file_fd = -1, .datagram_bytes = datagram_bytes };

    if (strcmp(name, "memory") == 0 && !(sink.memory = malloc(MEMORY_BYTES + BENCH_BUFFER_BYTES)))
        bench_die("memory");
    sink.has_digest = sink.memory || strcmp(name, "digest") == 0;
    if (!sink.has_digest && strcmp(name, "-") != 0 &&
        (sink.file_fd = open(name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600)) < 0)
        bench_die(name);
    return sink;
}

int main(int argc, char **argv)
{
    struct bench_job job;

    if (argc < 4) {
        fprintf(stderr, "usage: %s BYTES FILE|-|digest|memory send|receive ...\n", argv[0]);
        return 2;
    }
    const char *path = argv[2];

    argv[2] = argv[0];
    bench_job_parse(&job, argc - 2, argv + 2);
    if (!job.window.progress || job.datagram_bytes < sizeof(uint64_t)) {
        fprintf(stderr, "%s: -w is needed, and datagrams that hold a number\n", argv[0]);
        return 2;
    }
    /* Whole datagrams only: the page counts bytes, whose sum has to be reached. */
    uint64_t datagrams = strtoull(argv[1], NULL, 10) / job.datagram_bytes + 1;
    uint64_t total = datagrams * job.datagram_bytes;
    struct sink sink;

    if (job.receives) {
        sink = open_sink(path, job.datagram_bytes);
        receive_all(&job, total, &sink);
        free(sink.memory);
    } else {
        send_all(&job, total);
    }
    return 0;
}
