/* SPDX-License-Identifier: MIT */
/*
 * The same file to each receiver by TCP, all at once: what multicast is there to beat.
 *
 *     bench-copy-tcp receive FILE PORT            takes one connection and writes what comes
 *     bench-copy-tcp send FILE PORT ADDRESS...    one thread each; ends when all have closed
 */
#include "common.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PIECE_BYTES = 256 << 10 };

_Noreturn void bench_die(const char *what)
{
    fprintf(stderr, "bench-copy-tcp: %s: %s\n", what, strerror(errno));
    exit(3);
}

static struct sockaddr_in address_of(const char *text, const char *port)
{
    struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(port)) };

    if (text && inet_pton(AF_INET, text, &address.sin_addr) != 1)
        bench_die(text);
    return address;
}

static void write_all(int fd, const unsigned char *bytes, size_t size_bytes)
{
    while (size_bytes > 0) {
        ssize_t written = write(fd, bytes, size_bytes);

        if (written < 0)
            bench_die("write");
        bytes += written;
        size_bytes -= (size_t)written;
    }
}

static void receive_file(const char *path, const char *port)
{
    static unsigned char piece[PIECE_BYTES];
    struct sockaddr_in address = address_of(NULL, port);
    int on = 1;
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int file = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    ssize_t got;

    if (file < 0)
        bench_die(path);
    if (listener < 0 || setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) < 0 ||
        bind(listener, (struct sockaddr *)&address, sizeof(address)) < 0 || listen(listener, 1) < 0)
        bench_die("listen");
    int connection = accept4(listener, NULL, NULL, SOCK_CLOEXEC);

    if (connection < 0)
        bench_die("accept");
    while ((got = read(connection, piece, sizeof(piece))) > 0)
        write_all(file, piece, (size_t)got);
    if (got < 0)
        bench_die("read");
    if (close(file) < 0)
        bench_die(path);
    close(connection);
    close(listener);
}

struct copy {
    pthread_t thread;
    const char *path;
    struct sockaddr_in to;
};

static void *send_file(void *user)
{
    struct copy *copy = user;
    struct stat status;
    off_t at = 0;
    char byte;
    int file = open(copy->path, O_RDONLY | O_CLOEXEC);
    int connection = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (file < 0 || fstat(file, &status) < 0)
        bench_die(copy->path);
    if (connection < 0 || connect(connection, (struct sockaddr *)&copy->to, sizeof(copy->to)) < 0)
        bench_die("connect");
    while (at < status.st_size)
        if (sendfile(connection, file, &at, (size_t)(status.st_size - at)) <= 0)
            bench_die("sendfile");
    if (shutdown(connection, SHUT_WR) < 0)
        bench_die("shutdown");
    if (read(connection, &byte, 1) != 0)
        bench_die("the receiver broke off");
    close(connection);
    close(file);
    return NULL;
}

static void send_to_all(const char *path, const char *port, char **addresses, size_t count)
{
    struct copy *copies = calloc(count, sizeof(*copies));

    if (!copies)
        bench_die("memory");
    for (size_t i = 0; i < count; i++) {
        copies[i].path = path;
        copies[i].to = address_of(addresses[i], port);
        errno = pthread_create(&copies[i].thread, NULL, send_file, &copies[i]);
        if (errno)
            bench_die("pthread_create");
    }
    for (size_t i = 0; i < count; i++)
        pthread_join(copies[i].thread, NULL);
    free(copies);
}

int main(int argc, char **argv)
{
    if (argc == 4 && strcmp(argv[1], "receive") == 0) {
        receive_file(argv[2], argv[3]);
    } else if (argc > 4 && strcmp(argv[1], "send") == 0) {
        send_to_all(argv[2], argv[3], argv + 4, (size_t)argc - 4);
    } else {
        fprintf(stderr, "usage: %s receive FILE PORT | send FILE PORT ADDRESS...\n", argv[0]);
        return 2;
    }
    return 0;
}
