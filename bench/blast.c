/* SPDX-License-Identifier: MIT */
/* The library as fast as it goes: herald_sender_send_run() and herald_receiver_receive(), nothing else. */
#include "common.h"

#include <herald/herald.h>

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    RUN_BYTES = 65507, /* more would not fit one system call */
    RING = 8,          /* as the bare loop */
    WAIT_MS = 100,     /* how often an idle receiver looks for SIGTERM */
};

static _Noreturn void die(const struct herald_error *error)
{
    fprintf(stderr, "bench-blast: %s\n", error->cause);
    exit(3);
}

static void make_endpoint(const struct bench_job *job, struct herald_endpoint *ret_endpoint)
{
    char text[HERALD_ENDPOINT_TEXT_BYTES];
    struct herald_error error;

    snprintf(text, sizeof(text), "%s%%%s:%u", job->group_text, job->interface, ntohs(job->group.sin_port));
    if (herald_endpoint_parse(text, ret_endpoint, &error) < 0)
        die(&error);
}

static void wait_for(int fd, short events)
{
    struct pollfd wait = { .fd = fd, .events = events };

    (void)poll(&wait, 1, WAIT_MS);
}

static void send_all(struct bench_job *job)
{
    static unsigned char ring[RING][BENCH_BUFFER_BYTES];
    struct herald_sender_config config = { .ttl = 0 };
    struct bench_meter meter = { 0 };
    herald_sender *sender;
    struct herald_error error;
    size_t most = RUN_BYTES / job->datagram_bytes;
    size_t run_bytes = (most < HERALD_RUN_SEGMENTS_MAX ? most : HERALD_RUN_SEGMENTS_MAX) * job->datagram_bytes;

    make_endpoint(job, &config.endpoint);
    if (herald_sender_new(&sender, &config, &error) < 0)
        die(&error);
    do {
        bench_window_wait(&job->window, meter.bytes);
        int sent = herald_sender_send_run(sender, ring[meter.calls % RING], run_bytes, job->datagram_bytes, &error);

        if (sent == -EAGAIN)
            wait_for(herald_sender_fd(sender), POLLOUT);
        else if (sent < 0)
            die(&error);
        else
            bench_meter_add(&meter, (uint64_t)sent, (uint64_t)sent * job->datagram_bytes);
    } while (!bench_over(job, &meter));
    bench_report(job, &meter);
    herald_sender_free(sender);
}

/* Takes everything that is there. */
static void drain(struct bench_job *job, herald_receiver *receiver, struct bench_meter *meter)
{
    struct herald_run runs[HERALD_RUNS_MAX];
    int count;

    while ((count = herald_receiver_receive(receiver, runs, HERALD_RUNS_MAX)) > 0) {
        uint64_t datagrams = 0;
        uint64_t bytes = 0;

        for (int i = 0; i < count; i++) {
            datagrams += herald_run_count(&runs[i]);
            bytes += runs[i].size_bytes;
        }
        bench_meter_add(meter, datagrams, bytes);
        bench_window_show(&job->window, meter);
    }
}

static void receive_all(struct bench_job *job)
{
    struct herald_endpoint endpoint;
    struct herald_receiver_config config = { .endpoints = &endpoint, .endpoint_count = 1 };
    struct bench_meter meter = { 0 };
    herald_receiver *receiver;
    struct herald_error error;

    make_endpoint(job, &endpoint);
    bench_schedule_batch();
    bench_catch_terminate();
    if (herald_receiver_new(&receiver, &config, &error) < 0)
        die(&error);
    while (!bench_stopped()) {
        if (herald_receiver_wait(receiver, HERALD_NEVER) < 0 ||
            herald_receiver_process(receiver, herald_clock_ns()) < 0)
            break;
        drain(job, receiver, &meter);
    }
    bench_report(job, &meter);
    herald_receiver_free(receiver);
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
