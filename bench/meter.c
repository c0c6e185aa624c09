/* SPDX-License-Identifier: MIT */
/*
 * Runs a command in a network namespace and measures it:
 *
 *     bench-meter NETNS LOG MARKER COMMAND [ARGUMENT...]
 *
 * What the command prints goes to LOG, of which only the beginning is kept. On its own stdout the meter tells, in
 * nanoseconds of CLOCK_MONOTONIC, when the command was started, when it printed MARKER for the first time ("" for none)
 * and when it ended, with what it has used:
 *
 *     start NS
 *     marker NS
 *     exit NS STATUS USER_US SYSTEM_US MAXRSS_KB       STATUS: as a shell tells it, 128 + the signal's number
 *
 * The first SIGTERM is handed on to the command and what it has started, the second one kills them. Not done by the
 * script that compares the programs, because a process begins with the memory peak of whoever started it, and because
 * that script would wake up all the time.
 */
#include "common.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
    LOG_BYTES_MAX = 1 << 20,
    READ_BYTES = 16384,
    MARKER_BYTES_MAX = 64,
};

struct meter {
    pid_t child;
    int signal_fd;
    int output_fd; /* -1: ended */
    int log_fd;
    size_t log_bytes;
    const char *marker; /* NULL: none, or it was seen */
    unsigned terminated;
    char kept[MARKER_BYTES_MAX]; /* the end of what was read before: a marker may come in two parts */
    size_t kept_bytes;
};

static void tell(const char *what)
{
    printf("%s %llu\n", what, (unsigned long long)bench_clock_ns());
    fflush(stdout);
}

static void enter(const char *netns)
{
    int fd = open(netns, O_RDONLY | O_CLOEXEC);

    if (fd < 0 || setns(fd, CLONE_NEWNET) < 0)
        bench_die(netns);
    close(fd);
}

static _Noreturn void become(char **argv, const sigset_t *signals, int output_fd)
{
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    setpgid(0, 0);
    sigprocmask(SIG_UNBLOCK, signals, NULL);
    if (dup2(output_fd, STDOUT_FILENO) < 0 || dup2(output_fd, STDERR_FILENO) < 0)
        _exit(126);
    execvp(argv[0], argv);
    fprintf(stderr, "%s: %s\n", argv[0], strerror(errno));
    _exit(127);
}

static void start(struct meter *meter, char **argv)
{
    sigset_t signals;
    int ends[2];

    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGCHLD);
    sigprocmask(SIG_BLOCK, &signals, NULL);
    meter->signal_fd = signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK);
    if (meter->signal_fd < 0 || pipe2(ends, O_CLOEXEC) < 0)
        bench_die("meter");
    tell("start");
    meter->child = fork();
    if (meter->child < 0)
        bench_die("fork");
    if (meter->child == 0)
        become(argv, &signals, ends[1]);
    setpgid(meter->child, meter->child); /* whoever of the two comes first */
    close(ends[1]);
    meter->output_fd = ends[0];
    if (fcntl(meter->output_fd, F_SETFL, O_NONBLOCK) < 0)
        bench_die("pipe");
}

static void look_for_marker(struct meter *meter, const char *bytes, size_t size_bytes)
{
    char joined[MARKER_BYTES_MAX + READ_BYTES];
    size_t joined_bytes = meter->kept_bytes + size_bytes;
    size_t marker_bytes;

    if (!meter->marker)
        return;
    marker_bytes = strlen(meter->marker);
    memcpy(joined, meter->kept, meter->kept_bytes);
    memcpy(joined + meter->kept_bytes, bytes, size_bytes);
    if (memmem(joined, joined_bytes, meter->marker, marker_bytes)) {
        tell("marker");
        meter->marker = NULL;
        return;
    }
    meter->kept_bytes = joined_bytes < marker_bytes - 1 ? joined_bytes : marker_bytes - 1;
    memcpy(meter->kept, joined + joined_bytes - meter->kept_bytes, meter->kept_bytes);
}

static void take_output(struct meter *meter)
{
    char bytes[READ_BYTES];
    ssize_t got;

    while (meter->output_fd >= 0 && (got = read(meter->output_fd, bytes, sizeof(bytes))) != 0) {
        if (got < 0 && errno == EAGAIN)
            return;
        if (got < 0)
            bench_die("pipe");
        look_for_marker(meter, bytes, (size_t)got);
        if (meter->log_bytes < LOG_BYTES_MAX && write(meter->log_fd, bytes, (size_t)got) != got)
            bench_die("log");
        meter->log_bytes += (size_t)got;
    }
    close(meter->output_fd);
    meter->output_fd = -1;
}

/* @return whether the command has ended. */
static bool reap(struct meter *meter)
{
    struct rusage usage;
    int status;
    uint64_t now_ns = bench_clock_ns();

    if (wait4(meter->child, &status, WNOHANG, &usage) != meter->child)
        return false;
    if (meter->output_fd >= 0)
        take_output(meter);
    kill(-meter->child, SIGKILL); /* whatever it has started, too */
    printf("exit %llu %d %lld %lld %ld\n", (unsigned long long)now_ns,
           WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status),
           (long long)usage.ru_utime.tv_sec * 1000000 + usage.ru_utime.tv_usec,
           (long long)usage.ru_stime.tv_sec * 1000000 + usage.ru_stime.tv_usec, usage.ru_maxrss);
    fflush(stdout);
    return true;
}

/* @return whether the command has ended. */
static bool take_signals(struct meter *meter)
{
    struct signalfd_siginfo info;
    bool has_ended = false;

    while (read(meter->signal_fd, &info, sizeof(info)) == (ssize_t)sizeof(info)) {
        if (info.ssi_signo == SIGTERM)
            kill(-meter->child, meter->terminated++ == 0 ? SIGTERM : SIGKILL);
        else if (info.ssi_signo == SIGCHLD)
            has_ended = reap(meter);
    }
    return has_ended;
}

int main(int argc, char **argv)
{
    struct meter meter = { .output_fd = -1 };

    if (argc < 5 || strlen(argv[3]) >= MARKER_BYTES_MAX) {
        fprintf(stderr, "usage: %s NETNS LOG MARKER COMMAND [ARGUMENT...]\n", argv[0]);
        return 2;
    }
    meter.marker = argv[3][0] ? argv[3] : NULL;
    meter.log_fd = open(argv[2], O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (meter.log_fd < 0)
        bench_die(argv[2]);
    prctl(PR_SET_PDEATHSIG, SIGKILL); /* a bench that is killed leaves nothing behind */
    enter(argv[1]);
    start(&meter, argv + 4);
    for (;;) {
        struct pollfd waits[] = {
            { .fd = meter.signal_fd, .events = POLLIN },
            { .fd = meter.output_fd, .events = POLLIN },
        };

        if (poll(waits, 2, -1) < 0)
            bench_die("poll");
        if (waits[1].revents)
            take_output(&meter);
        if (waits[0].revents && take_signals(&meter))
            return 0;
    }
}
