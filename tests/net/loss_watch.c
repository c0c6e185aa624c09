/* SPDX-License-Identifier: MIT */
/*
 * Somebody's own program with a socket of its own, or with a herald_receiver, that asks where its datagrams were lost.
 *
 *   loss_watch fd|gro|filtered|receiver GROUP PORT IFACE BUFFER_BYTES EXPECTED
 *
 * Prints "ready" when it has joined. At SIGINT it prints what the library says of the EXPECTED datagrams ("-": it does
 * not know how many) that did not come, as NAME=LEAST/MOST/LIKELY for each cause, and ends.
 */
#include <herald/herald.h>

#include <arpa/inet.h>
#include <errno.h>
#include <linux/filter.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/socket.h>

struct watcher {
    int fd; /* -1: a receiver */
    herald_receiver *receiver;
    herald_loss *loss;
    uint64_t received;
};

static void die(const char *what)
{
    fprintf(stderr, "%s: %s\n", what, strerror(errno));
    exit(1);
}

static void die_of(const struct herald_error *error)
{
    fprintf(stderr, "%s\n", error->cause);
    exit(1);
}

/* Wants what begins with an 'x': a filter of its own, as the kernel counts its rejects with the losses. */
static void attach_filter(int fd)
{
    struct sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_B | BPF_ABS, 8),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 'x', 0, 1),
        BPF_STMT(BPF_RET | BPF_K, UINT32_MAX),
        BPF_STMT(BPF_RET | BPF_K, 0),
    };
    const struct sock_fprog program = { .len = sizeof(code) / sizeof(code[0]), .filter = code };

    if (setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof(program)) < 0)
        die("SO_ATTACH_FILTER");
}

static int open_socket(const char *kind, const char *group, const char *port, const char *interface, int buffer)
{
    struct sockaddr_in own = { .sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(port)) };
    struct ip_mreqn membership = { .imr_ifindex = (int)if_nametoindex(interface) };
    int on = 1;
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);

    if (fd < 0 || inet_pton(AF_INET, group, &own.sin_addr) != 1)
        die("socket");
    membership.imr_multiaddr = own.sin_addr;
    if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) < 0 ||
        setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &buffer, sizeof(buffer)) < 0 ||
        bind(fd, (const struct sockaddr *)&own, sizeof(own)) < 0 ||
        setsockopt(fd, IPPROTO_IP, IP_ADD_MEMBERSHIP, &membership, sizeof(membership)) < 0)
        die("join");
    if (strcmp(kind, "gro") == 0 && setsockopt(fd, IPPROTO_UDP, UDP_GRO, &on, sizeof(on)) < 0)
        die("UDP_GRO");
    if (strcmp(kind, "filtered") == 0)
        attach_filter(fd);
    return fd;
}

static void open_watcher(struct watcher *watcher, char **arguments)
{
    const char *interface = arguments[3];
    struct herald_loss_config config = { .interfaces = &interface, .interface_count = 1 };
    struct herald_error error;

    watcher->fd = -1;
    if (strcmp(arguments[0], "receiver") == 0) {
        struct herald_endpoint endpoint;
        struct herald_receiver_config receiver = { .endpoints = &endpoint, .endpoint_count = 1 };
        char text[HERALD_ENDPOINT_TEXT_BYTES];

        receiver.interfaces = &interface;
        receiver.interface_count = 1;
        receiver.receive_buffer_bytes = (size_t)atol(arguments[4]);
        snprintf(text, sizeof(text), "%s:%s", arguments[1], arguments[2]);
        if (herald_endpoint_parse(text, &endpoint, &error) < 0 ||
            herald_receiver_new(&watcher->receiver, &receiver, &error) < 0)
            die_of(&error);
        config.receiver = watcher->receiver;
    } else {
        watcher->fd = open_socket(arguments[0], arguments[1], arguments[2], interface, atoi(arguments[4]));
        config.fd = watcher->fd;
    }
    if (herald_loss_new(&watcher->loss, &config, &error) < 0)
        die_of(&error);
}

static void take(struct watcher *watcher)
{
    static char buffer[65536];
    struct herald_run runs[HERALD_RUNS_MAX];
    int n;

    if (watcher->fd < 0) {
        if (herald_receiver_process(watcher->receiver, herald_clock_ns()) < 0)
            die("process");
        while ((n = herald_receiver_receive(watcher->receiver, runs, HERALD_RUNS_MAX)) > 0)
            for (int i = 0; i < n; i++)
                watcher->received += herald_run_count(&runs[i]);
        return;
    }
    for (;;) {
        char control[CMSG_SPACE(sizeof(int))];
        struct iovec vector = { buffer, sizeof(buffer) };
        struct msghdr message = {
            .msg_iov = &vector, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof(control)
        };
        ssize_t size = recvmsg(watcher->fd, &message, 0);
        const struct cmsghdr *cmsg;
        int segment = 0;

        if (size < 0)
            return;
        cmsg = CMSG_FIRSTHDR(&message);
        if (cmsg != NULL && cmsg->cmsg_level == IPPROTO_UDP && cmsg->cmsg_type == UDP_GRO)
            memcpy(&segment, CMSG_DATA(cmsg), sizeof(segment));
        watcher->received += segment > 0 ? ((size_t)size + (size_t)segment - 1) / (size_t)segment : 1;
    }
}

static void report(struct watcher *watcher, const char *expected)
{
    uint64_t count = strtoull(expected, NULL, 10);
    struct herald_loss_report told;

    if (herald_loss_read(watcher->loss,
                         strcmp(expected, "-") == 0  ? HERALD_LOSS_UNKNOWN
                         : count > watcher->received ? count - watcher->received
                                                     : 0,
                         &told) < 0)
        die("herald_loss_read");
    printf("received=%llu\n", (unsigned long long)watcher->received);
    printf("lost=%llu\n", (unsigned long long)told.lost);
    printf("main=%s\n", herald_loss_cause_name(told.main_cause));
    for (int i = 0; i < HERALD_LOSS_CAUSE_COUNT; i++)
        printf("%s=%llu/%lld/%llu\n", herald_loss_cause_name((enum herald_loss_cause)i),
               (unsigned long long)told.parts[i].least, (long long)told.parts[i].most,
               (unsigned long long)told.parts[i].likely);
    printf("socket_drops=%llu\n", (unsigned long long)told.counters.socket_drops);
    printf("nic_dropped=%llu\n", (unsigned long long)told.counters.nic_dropped);
    printf("text=%s\nadvice=%s\n", told.text, told.advice);
}

int main(int argc, char **argv)
{
    struct watcher watcher = { 0 };
    sigset_t signals;
    struct pollfd fds[2];

    if (argc != 7)
        return 2;
    setvbuf(stdout, NULL, _IOLBF, 0);
    sigemptyset(&signals);
    sigaddset(&signals, SIGINT);
    sigprocmask(SIG_BLOCK, &signals, NULL);
    open_watcher(&watcher, argv + 1);
    fds[0] = (struct pollfd){ .fd = signalfd(-1, &signals, SFD_CLOEXEC), .events = POLLIN };
    fds[1] = (struct pollfd){ .events = POLLIN };
    fds[1].fd = watcher.fd >= 0 ? watcher.fd : herald_receiver_fd(watcher.receiver);
    printf("ready\n");
    do {
        if (poll(fds, 2, -1) < 0)
            die("poll");
        take(&watcher);
    } while (fds[0].revents == 0);
    report(&watcher, argv[6]);
    herald_loss_free(watcher.loss);
    herald_receiver_free(watcher.receiver);
    return 0;
}
