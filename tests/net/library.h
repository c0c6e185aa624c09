/* SPDX-License-Identifier: MIT */
/* What the tests of the library's sockets share: a namespace of their own, short ways to open, patient ways to wait. */
#ifndef TESTS_LIBRARY_H
#define TESTS_LIBRARY_H

#include <herald/herald.h>

#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <poll.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#define PATIENCE_NS UINT64_C(10000000000)

static inline void write_file(const char *path, const char *text)
{
    int fd = open(path, O_WRONLY | O_CLOEXEC);

    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    close(fd);
}

/* A namespace in which only lo is up: no privilege needed, and nothing of this machine is touched. */
static inline int enter_namespace(void **state)
{
    struct ifreq request = { .ifr_name = "lo" };
    char map[32];
    unsigned uid = getuid();
    unsigned gid = getgid();
    int fd;

    (void)state;
    if (unshare(CLONE_NEWUSER | CLONE_NEWNET) < 0) {
        fprintf(stderr, "user namespaces are not allowed here: %s\n", strerror(errno));
        exit(77);
    }
    write_file("/proc/self/setgroups", "deny");
    snprintf(map, sizeof(map), "0 %u 1", uid);
    write_file("/proc/self/uid_map", map);
    snprintf(map, sizeof(map), "0 %u 1", gid);
    write_file("/proc/self/gid_map", map);
    fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    request.ifr_flags = IFF_UP;
    assert_int_equal(ioctl(fd, SIOCSIFFLAGS, &request), 0);
    close(fd);
    /* Every interface has this route but lo. */
    assert_int_equal(system("ip -6 route add local ff00::/8 dev lo table local"), 0);
    return 0;
}

static inline struct herald_endpoint endpoint(const char *text)
{
    struct herald_endpoint result;

    assert_int_equal(herald_endpoint_parse(text, &result, NULL), 0);
    return result;
}

static inline herald_receiver *open_receiver(const char *text, struct herald_receiver_config config)
{
    struct herald_endpoint where = endpoint(text);
    struct herald_error error;
    herald_receiver *receiver = NULL;

    config.endpoints = &where;
    config.endpoint_count = 1;
    if (herald_receiver_new(&receiver, &config, &error) < 0)
        fail_msg("%s", error.cause);
    return receiver;
}

static inline herald_sender *open_sender(const char *text, struct herald_sender_config config)
{
    struct herald_error error;
    herald_sender *sender = NULL;

    config.endpoint = endpoint(text);
    if (herald_sender_new(&sender, &config, &error) < 0)
        fail_msg("%s", error.cause);
    return sender;
}

static inline void wait_readable(int fd)
{
    struct pollfd poll_fd = { .fd = fd, .events = POLLIN };

    assert_int_equal(poll(&poll_fd, 1, (int)(PATIENCE_NS / 1000000)), 1);
}

/* Waits for the next runs. */
static inline size_t receive(herald_receiver *receiver, struct herald_run *runs)
{
    for (;;) {
        int n;

        wait_readable(herald_receiver_fd(receiver));
        assert_int_equal(herald_receiver_process(receiver, herald_clock_ns()), 0);
        n = herald_receiver_receive(receiver, runs, HERALD_RUNS_MAX);
        assert_true(n >= 0);
        if (n > 0)
            return (size_t)n;
    }
}

static inline void run_command(const char *command)
{
    assert_int_equal(system(command), 0);
}

/* Lets the receiver follow the interfaces until that has happened. */
static inline void wait_event(herald_receiver *receiver, enum herald_receiver_event_kind kind)
{
    struct herald_receiver_event event = { .kind = kind };
    uint64_t end_ns = herald_clock_ns() + PATIENCE_NS;

    do {
        assert_true(herald_clock_ns() < end_ns);
        assert_int_equal(herald_receiver_wait(receiver, end_ns), 0);
        assert_int_equal(herald_receiver_process(receiver, herald_clock_ns()), 0);
        while (herald_receiver_next_event(receiver, &event) > 0)
            if (event.kind == kind)
                return;
    } while (true);
}

/* Whether this kernel has UDP_GRO (Linux 5.0). */
static inline bool kernel_coalesces(void)
{
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    int on = 1;
    bool works = setsockopt(fd, IPPROTO_UDP, UDP_GRO, &on, sizeof(on)) == 0;

    close(fd);
    return works;
}

#endif
