/* SPDX-License-Identifier: MIT */
#include "common.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

static volatile sig_atomic_t stopped;

enum { STALL_NS = 100000000 }; /* a receiver that has not moved for this long has lost something */

_Noreturn void bench_die(const char *what)
{
    fprintf(stderr, "bench: %s: %s\n", what, strerror(errno));
    exit(3);
}

static _Noreturn void usage(const char *program)
{
    fprintf(stderr,
            "usage: %s send|receive -g GROUP -p PORT -i IFACE [-s BYTES] [-t SECONDS] [-w FILE -n RECEIVERS|INDEX]\n",
            program);
    exit(2);
}

/* A quarter of what a receiver's socket really gets: a buffer holds less payload than its size says. */
static uint64_t window_limit_bytes(void)
{
    int buffer_bytes = BENCH_SOCKET_BUFFER_BYTES;
    socklen_t size = sizeof(buffer_bytes);
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

    if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &buffer_bytes, size) < 0 ||
        getsockopt(fd, SOL_SOCKET, SO_RCVBUF, &buffer_bytes, &size) < 0)
        bench_die("SO_RCVBUF");
    close(fd);
    return (uint64_t)buffer_bytes / 4;
}

static void map_window(struct bench_window *window, const char *path)
{
    size_t size_bytes = BENCH_RECEIVERS_MAX * sizeof(struct bench_progress);
    int fd = open(path, O_RDWR | O_CLOEXEC);

    if (fd < 0 || ftruncate(fd, (off_t)size_bytes) < 0)
        bench_die(path);
    window->progress = mmap(NULL, size_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (window->progress == MAP_FAILED)
        bench_die(path);
    close(fd);
    window->limit_bytes = window_limit_bytes();
}

static void parse_options(struct bench_job *job, int argc, char **argv)
{
    int option;

    while ((option = getopt(argc, argv, "g:p:i:s:t:w:n:")) != -1) {
        if (option == 'g')
            job->group_text = optarg;
        else if (option == 'p')
            job->group.sin_port = htons((uint16_t)atoi(optarg));
        else if (option == 'i')
            job->interface = optarg;
        else if (option == 's')
            job->datagram_bytes = (size_t)atoi(optarg);
        else if (option == 't')
            job->duration_ns = (uint64_t)(atof(optarg) * 1e9);
        else if (option == 'w')
            map_window(&job->window, optarg);
        else if (option == 'n')
            job->window.count = (unsigned)atoi(optarg);
        else
            usage(argv[0]);
    }
}

void bench_job_parse(struct bench_job *ret_job, int argc, char **argv)
{
    struct bench_job job = { .datagram_bytes = 1400, .duration_ns = 1000000000 };

    if (argc < 2 || (strcmp(argv[1], "send") != 0 && strcmp(argv[1], "receive") != 0))
        usage(argv[0]);
    job.receives = strcmp(argv[1], "receive") == 0;
    job.group.sin_family = AF_INET;
    parse_options(&job, argc - 1, argv + 1);
    if (!job.group_text || !job.interface || job.group.sin_port == 0 || job.datagram_bytes == 0 ||
        job.datagram_bytes > BENCH_BUFFER_BYTES || job.window.count >= BENCH_RECEIVERS_MAX ||
        inet_pton(AF_INET, job.group_text, &job.group.sin_addr) != 1)
        usage(argv[0]);
    job.interface_index = if_nametoindex(job.interface);
    if (job.interface_index == 0)
        bench_die(job.interface);
    *ret_job = job;
}

static void set_option(int fd, int level, int name, const void *value, size_t size_bytes, const char *what)
{
    if (setsockopt(fd, level, name, value, (socklen_t)size_bytes) < 0)
        bench_die(what);
}

int bench_open_sender(const struct bench_job *job)
{
    struct ip_mreqn interface = { .imr_ifindex = (int)job->interface_index };
    int buffer_bytes = BENCH_SOCKET_BUFFER_BYTES;
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

    if (fd < 0)
        bench_die("socket");
    set_option(fd, IPPROTO_IP, IP_MULTICAST_IF, &interface, sizeof(interface), "IP_MULTICAST_IF");
    set_option(fd, SOL_SOCKET, SO_SNDBUF, &buffer_bytes, sizeof(buffer_bytes), "SO_SNDBUF");
    return fd;
}

int bench_open_receiver(const struct bench_job *job)
{
    struct timeval patience = { .tv_usec = 100000 }; /* how often a blocked receiver looks for SIGTERM */
    int buffer_bytes = BENCH_SOCKET_BUFFER_BYTES;
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

    if (fd < 0)
        bench_die("socket");
    set_option(fd, SOL_SOCKET, SO_RCVBUF, &buffer_bytes, sizeof(buffer_bytes), "SO_RCVBUF");
    set_option(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience), "SO_RCVTIMEO");
    if (bind(fd, (const struct sockaddr *)&job->group, sizeof(job->group)) < 0)
        bench_die("bind");
    return fd;
}

void bench_join(int fd, const struct bench_job *job)
{
    struct group_req join = { .gr_interface = job->interface_index };

    memcpy(&join.gr_group, &job->group, sizeof(job->group));
    set_option(fd, IPPROTO_IP, MCAST_JOIN_GROUP, &join, sizeof(join), "MCAST_JOIN_GROUP");
}

static void on_terminate(int number)
{
    (void)number;
    stopped = 1;
    alarm(1); /* and again: the first may have come just before a wait without end */
}

void bench_catch_terminate(void)
{
    struct sigaction action = { .sa_handler = on_terminate };

    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGALRM, &action, NULL);
}

bool bench_stopped(void)
{
    return stopped;
}

void bench_schedule_batch(void)
{
    struct sched_param priority = { .sched_priority = 0 };

    if (sched_setscheduler(0, SCHED_BATCH, &priority) < 0)
        bench_die("SCHED_BATCH");
}

static uint64_t slowest_bytes(const struct bench_window *window)
{
    uint64_t slowest = UINT64_MAX;

    for (unsigned i = 0; i < window->count; i++) {
        uint64_t bytes = atomic_load_explicit(&window->progress[i].bytes, memory_order_acquire);

        if (bytes < slowest)
            slowest = bytes;
    }
    return slowest;
}

void bench_window_wait(struct bench_window *window, uint64_t sent_bytes)
{
    uint64_t since_ns = 0;
    uint64_t before = 0;

    if (!window->progress)
        return;
    for (;;) {
        uint64_t slowest = slowest_bytes(window) + window->lost_bytes;

        if (sent_bytes <= slowest + window->limit_bytes)
            return;
        uint64_t now_ns = bench_clock_ns();

        if (since_ns == 0 || slowest != before)
            since_ns = now_ns;
        else if (now_ns - since_ns > STALL_NS)
            window->lost_bytes += sent_bytes - slowest;
        before = slowest;
        sched_yield();
    }
}

void bench_report(const struct bench_job *job, const struct bench_meter *meter)
{
    uint64_t end_ns = job->receives ? meter->last_ns : bench_clock_ns();
    double seconds = meter->first_ns ? (double)(end_ns - meter->first_ns) / 1e9 : 0;

    printf("{\"datagrams\": %llu, \"bytes\": %llu, \"calls\": %llu, \"seconds\": %.6f}\n",
           (unsigned long long)meter->datagrams, (unsigned long long)meter->bytes, (unsigned long long)meter->calls,
           seconds);
}
