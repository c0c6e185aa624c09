/* SPDX-License-Identifier: MIT */
/*
 * Many members of a group on one host, each with a responder of its own: ping_crowd ENDPOINT COUNT. Says "ready N".
 * Ends when it is told to, and then says how many answers were sent.
 */
#include <herald/herald.h>

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <time.h>

static herald_responder **crowd;
static size_t crowd_count;
static herald_receiver *receiver;

static int fail(const struct herald_error *error)
{
    fprintf(stderr, "%s\n", error->cause);
    return 1;
}

static int gather(const char *text, size_t count, struct herald_error *error)
{
    const struct herald_responder_config config = { .host = "crowd" };
    struct rlimit limit = { 0 };
    struct herald_endpoint endpoint;
    struct herald_receiver_config joined = { .endpoints = &endpoint, .endpoint_count = 1 };
    int r = herald_endpoint_parse(text, &endpoint, error);

    (void)getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = limit.rlim_max;
    (void)setrlimit(RLIMIT_NOFILE, &limit);
    if (r == 0)
        r = herald_receiver_new(&receiver, &joined, error);
    crowd = calloc(count + 1, sizeof(herald_responder *));
    for (; r == 0 && crowd_count < count; crowd_count++)
        r = herald_responder_new(&crowd[crowd_count], &config, error);
    return r;
}

static uint64_t next_deadline(void)
{
    uint64_t deadline_ns = herald_receiver_deadline(receiver);

    for (size_t i = 0; i < crowd_count; i++)
        if (herald_responder_deadline(crowd[i]) < deadline_ns)
            deadline_ns = herald_responder_deadline(crowd[i]);
    return deadline_ns;
}

static void step(void)
{
    uint64_t now_ns = herald_clock_ns();
    struct herald_run runs[HERALD_RUNS_MAX];
    int n;

    (void)!herald_receiver_process(receiver, now_ns);
    while ((n = herald_receiver_receive(receiver, runs, HERALD_RUNS_MAX)) > 0)
        for (int i = 0; i < n; i++)
            for (size_t k = 0; k < crowd_count; k++)
                (void)herald_responder_take(crowd[k], &runs[i], now_ns);
    for (size_t i = 0; i < crowd_count; i++)
        if (herald_responder_deadline(crowd[i]) <= now_ns)
            (void)!herald_responder_process(crowd[i], now_ns);
}

static void say_goodbye(void)
{
    uint64_t answers = 0;

    for (size_t i = 0; i < crowd_count; i++) {
        struct herald_responder_stats stats;

        herald_responder_stats(crowd[i], &stats);
        answers += stats.answers_unicast;
        herald_responder_free(crowd[i]);
    }
    free(crowd);
    herald_receiver_free(receiver);
    printf("answers %llu\n", (unsigned long long)answers);
}

int main(int argc, char **argv)
{
    struct herald_error error;
    sigset_t ending;
    int signals;

    if (argc != 3 || gather(argv[1], strtoul(argv[2], NULL, 10), &error) < 0)
        return argc != 3 ? 2 : fail(&error);
    sigemptyset(&ending);
    sigaddset(&ending, SIGINT);
    sigprocmask(SIG_BLOCK, &ending, NULL);
    signals = signalfd(-1, &ending, SFD_CLOEXEC);
    printf("ready %zu\n", crowd_count);
    fflush(stdout);
    for (;;) {
        struct pollfd fds[2] = { { .fd = herald_receiver_fd(receiver), .events = POLLIN },
                                 { .fd = signals, .events = POLLIN } };
        uint64_t now_ns = herald_clock_ns();
        uint64_t deadline_ns = next_deadline();
        uint64_t left_ns = deadline_ns > now_ns ? deadline_ns - now_ns : 0;
        struct timespec timeout = { (time_t)(left_ns / 1000000000), (long)(left_ns % 1000000000) };

        if (ppoll(fds, 2, deadline_ns == HERALD_NEVER ? NULL : &timeout, NULL) > 0 && fds[1].revents != 0)
            break;
        step();
    }
    say_goodbye();
    return 0;
}
