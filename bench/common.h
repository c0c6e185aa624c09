/* SPDX-License-Identifier: MIT */
/*
 * What the measuring programs share: the command line, the meter, and the flow control of the loss-free rows.
 *
 *     bench-NAME send|receive -g GROUP -p PORT -i IFACE [-s BYTES] [-t SECONDS] [-w FILE -n N]
 *
 * A receiver runs until SIGTERM and a sender for SECONDS; then each prints one JSON object.
 */
#ifndef BENCH_COMMON_H
#define BENCH_COMMON_H

#include <netinet/in.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

enum {
    BENCH_BUFFER_BYTES = 65536,          /* holds any datagram and any coalesced run */
    BENCH_SOCKET_BUFFER_BYTES = 4 << 20, /* asked for by every program alike */
    BENCH_RECEIVERS_MAX = 256,
    BENCH_CLOCK_EVERY = 16, /* calls between two looks at the clock */
};

/*
 * Flow control outside the network: a page shared by the sender and all receivers, in which each receiver
 * writes how much it has. The sender waits for the slowest. It costs every program the same, a load or a
 * store, and makes "how fast without loss" measurable without a protocol.
 */
struct bench_progress {
    _Alignas(64) _Atomic uint64_t bytes;
};

struct bench_window {
    struct bench_progress *progress; /* NULL: no flow control */
    uint64_t limit_bytes;            /* the sender may be this far ahead of the slowest receiver */
    uint64_t lost_bytes;             /* given up after a stall */
    unsigned count;                  /* receivers; for a receiver, its own number */
};

struct bench_job {
    bool receives;
    const char *group_text;
    const char *interface;
    unsigned interface_index;
    struct sockaddr_in group;
    size_t datagram_bytes;
    uint64_t duration_ns;
    struct bench_window window;
};

struct bench_meter {
    uint64_t datagrams;
    uint64_t bytes;
    uint64_t calls;
    uint64_t first_ns;
    uint64_t last_ns;
};

/* Reads the command line; ends the program with a message when it is wrong. */
void bench_job_parse(struct bench_job *ret_job, int argc, char **argv);

/* Plain sockets for the programs that do not use the library. They end the program on failure. */
int bench_open_sender(const struct bench_job *job);
int bench_open_receiver(const struct bench_job *job);

/* The last step of a receiver: from here on datagrams arrive. */
void bench_join(int fd, const struct bench_job *job);

/* From now on SIGTERM does not kill, but makes bench_stopped() true. */
void bench_catch_terminate(void);
bool bench_stopped(void);

/*
 * A bulk receiver should not interrupt the sender at each packet: it takes more at once then, and both get
 * further. No privilege is needed.
 */
void bench_schedule_batch(void);

/*
 * Waits until the slowest receiver is near enough to what was sent. One that does not move any more has lost
 * something: that is given up, so that the measurement goes on.
 */
void bench_window_wait(struct bench_window *window, uint64_t sent_bytes);

/* Prints the JSON result. */
void bench_report(const struct bench_job *job, const struct bench_meter *meter);

_Noreturn void bench_die(const char *what);

static inline uint64_t bench_clock_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

/* Counts one call that moved something. Looks at the clock on the first call and now and then. */
static inline void bench_meter_add(struct bench_meter *meter, uint64_t datagrams, uint64_t bytes)
{
    meter->datagrams += datagrams;
    meter->bytes += bytes;
    if (meter->calls++ % BENCH_CLOCK_EVERY == 0) {
        meter->last_ns = bench_clock_ns();
        if (meter->first_ns == 0)
            meter->first_ns = meter->last_ns;
    }
}

/* A sender's time is up. */
static inline bool bench_over(const struct bench_job *job, const struct bench_meter *meter)
{
    return meter->last_ns - meter->first_ns >= job->duration_ns;
}

/* A receiver tells the sender how much it has. */
static inline void bench_window_show(struct bench_window *window, const struct bench_meter *meter)
{
    if (window->progress)
        atomic_store_explicit(&window->progress[window->count].bytes, meter->bytes, memory_order_release);
}

#endif
