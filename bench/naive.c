/* SPDX-License-Identifier: MIT */
/* The classic way: one sendto() and one recvfrom() per datagram. */
#include "common.h"

#include <sys/socket.h>

static void send_all(struct bench_job *job)
{
    static unsigned char payload[BENCH_BUFFER_BYTES];
    const struct sockaddr *to = (const struct sockaddr *)&job->group;
    struct bench_meter meter = { 0 };
    int fd = bench_open_sender(job);

    do {
        bench_window_wait(&job->window, meter.bytes);
        if (sendto(fd, payload, job->datagram_bytes, 0, to, sizeof(job->group)) < 0)
            bench_die("sendto");
        bench_meter_add(&meter, 1, job->datagram_bytes);
    } while (!bench_over(job, &meter));
    bench_report(job, &meter);
}

static void receive_all(struct bench_job *job)
{
    static unsigned char payload[BENCH_BUFFER_BYTES];
    struct bench_meter meter = { 0 };
    int fd = bench_open_receiver(job);

    bench_catch_terminate();
    bench_join(fd, job);
    while (!bench_stopped()) {
        struct sockaddr_in from;
        socklen_t from_bytes = sizeof(from);
        ssize_t got = recvfrom(fd, payload, sizeof(payload), 0, (struct sockaddr *)&from, &from_bytes);

        if (got < 0)
            continue; /* the patience ran out: look for SIGTERM */
        bench_meter_add(&meter, 1, (uint64_t)got);
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
