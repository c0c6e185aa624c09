/* SPDX-License-Identifier: MIT */
/*
 * The yardstick: the fastest loop around UDP_SEGMENT and UDP_GRO, with nothing else in it. It knows neither
 * interfaces nor errors, checks no destination, and serves one socket with one group. The library's blast is
 * compared with it.
 */
#include "common.h"

#include <netinet/udp.h>
#include <string.h>
#include <sys/socket.h>

enum {
    RUN_BYTES = 65507, /* the most that one UDP datagram, and so one run, can have */
    RING = 8,          /* send buffers in turn: together they fit the level 2 cache */
    BATCH = 4,         /* coalesced packets per recvmmsg() */
    CONTROL_BYTES = CMSG_SPACE(sizeof(int)) + CMSG_SPACE(sizeof(struct timespec)),
};

static void send_all(struct bench_job *job)
{
    static unsigned char ring[RING][BENCH_BUFFER_BYTES];
    size_t run_datagrams = RUN_BYTES / job->datagram_bytes;
    struct iovec io = { .iov_len = run_datagrams * job->datagram_bytes };
    struct msghdr message = {
        .msg_name = &job->group, .msg_namelen = sizeof(job->group), .msg_iov = &io, .msg_iovlen = 1
    };
    struct bench_meter meter = { 0 };
    int segment_bytes = (int)job->datagram_bytes;
    int fd = bench_open_sender(job);

    if (setsockopt(fd, IPPROTO_UDP, UDP_SEGMENT, &segment_bytes, sizeof(segment_bytes)) < 0)
        bench_die("UDP_SEGMENT");
    do {
        bench_window_wait(&job->window, meter.bytes);
        io.iov_base = ring[meter.calls % RING];
        if (sendmsg(fd, &message, 0) < 0)
            bench_die("sendmsg");
        bench_meter_add(&meter, run_datagrams, io.iov_len);
    } while (!bench_over(job, &meter));
    bench_report(job, &meter);
}

/* One recvmmsg() worth of places. */
struct batch {
    unsigned char payload[BATCH][BENCH_BUFFER_BYTES];
    _Alignas(struct cmsghdr) unsigned char control[BATCH][CONTROL_BYTES];
    struct iovec io[BATCH];
    struct sockaddr_in from[BATCH];
    struct mmsghdr messages[BATCH];
};

static void prepare_batch(struct batch *batch)
{
    for (size_t i = 0; i < BATCH; i++) {
        batch->io[i] = (struct iovec){ .iov_base = batch->payload[i], .iov_len = BENCH_BUFFER_BYTES };
        batch->messages[i].msg_hdr = (struct msghdr){
            .msg_name = &batch->from[i],
            .msg_namelen = sizeof(batch->from[i]),
            .msg_iov = &batch->io[i],
            .msg_iovlen = 1,
            .msg_control = batch->control[i],
            .msg_controllen = CONTROL_BYTES,
        };
    }
}

/* A lone datagram comes without a segment size. */
static size_t segment_bytes(struct msghdr *message, size_t size_bytes)
{
    for (struct cmsghdr *c = CMSG_FIRSTHDR(message); c; c = CMSG_NXTHDR(message, c)) {
        if (c->cmsg_level == IPPROTO_UDP && c->cmsg_type == UDP_GRO) {
            int value;

            memcpy(&value, CMSG_DATA(c), sizeof(value));
            return (size_t)value;
        }
    }
    return size_bytes;
}

static void count_batch(struct batch *batch, int count, struct bench_meter *meter)
{
    uint64_t datagrams = 0;
    uint64_t bytes = 0;

    for (int i = 0; i < count; i++) {
        struct msghdr *message = &batch->messages[i].msg_hdr;
        size_t size = batch->messages[i].msg_len;
        size_t segment = segment_bytes(message, size);

        bytes += size;
        datagrams += segment ? (size + segment - 1) / segment : 1;
        message->msg_controllen = CONTROL_BYTES;
        message->msg_namelen = sizeof(batch->from[i]);
    }
    bench_meter_add(meter, datagrams, bytes);
}

static void receive_all(struct bench_job *job)
{
    static struct batch batch;
    struct bench_meter meter = { 0 };
    int fd = bench_open_receiver(job);
    int on = 1;

    if (setsockopt(fd, IPPROTO_UDP, UDP_GRO, &on, sizeof(on)) < 0)
        bench_die("UDP_GRO");
    if (setsockopt(fd, SOL_SOCKET, SO_TIMESTAMPNS, &on, sizeof(on)) < 0)
        bench_die("SO_TIMESTAMPNS");
    prepare_batch(&batch);
    bench_schedule_batch();
    bench_catch_terminate();
    bench_join(fd, job);
    while (!bench_stopped()) {
        int count = recvmmsg(fd, batch.messages, BATCH, MSG_WAITFORONE, NULL);

        if (count < 0)
            continue; /* the patience ran out: look for SIGTERM */
        count_batch(&batch, count, &meter);
        bench_window_show(&job->window, &meter);
    }
    bench_report(job, &meter);
}

int main(int argc, char **argv)
{
    struct bench_job job;

    bench_job_parse(&job, argc, argv);
    if (job.receives)
        receive_all(&job);
    else
        send_all(&job);
    return 0;
}
