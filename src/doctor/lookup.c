/* SPDX-License-Identifier: MIT */
/* getaddrinfo() knows no end but its own: it runs in a thread, which nobody waits for once the user wants to go. */
#include "lookup.h"

#include "address.h" /* of src/io */

#include <errno.h>
#include <netdb.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* What the thread works on, and frees. */
struct job {
    int fd; /* the answer goes here: an address, of no family if there is none */
    int family;
    char name[];
};

static void *look_up(void *argument)
{
    struct job *job = argument;
    const struct addrinfo hints = { .ai_family = job->family, .ai_socktype = SOCK_DGRAM };
    struct herald_peer peer = { .port = 0 };
    struct addrinfo *list;

    if (getaddrinfo(job->name, NULL, &hints, &list) == 0) {
        hd_peer_from_sockaddr(list->ai_addr, &peer);
        freeaddrinfo(list);
    }
    (void)!send(job->fd, &peer.address, sizeof peer.address, MSG_NOSIGNAL); /* nobody may be there any more */
    close(job->fd);
    free(job);
    return NULL;
}

/* Signals are for the threads of the program. @return 0; -errno. */
static int start(struct job *job)
{
    pthread_attr_t attributes;
    sigset_t every, before;
    pthread_t thread;
    int result = pthread_attr_init(&attributes);

    if (result != 0)
        return -result;
    (void)pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    sigfillset(&every);
    (void)pthread_sigmask(SIG_SETMASK, &every, &before);
    result = pthread_create(&thread, &attributes, look_up, job);
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    (void)pthread_attr_destroy(&attributes);
    return -result;
}

int hd_lookup(const struct hd_examination *examination, const char *name, struct herald_address *ret_address)
{
    struct job *job = malloc(sizeof *job + strlen(name) + 1);
    struct herald_address address = { 0 };
    int ends[2];
    int result;

    if (job == NULL)
        return -ENOMEM;
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0) {
        result = -errno;
        free(job);
        return result;
    }
    job->fd = ends[1];
    job->family = hd_is_ipv6(examination) ? AF_INET6 : AF_INET;
    memcpy(job->name, name, strlen(name) + 1);
    result = start(job);
    if (result < 0) {
        close(ends[1]);
        free(job);
    } else {
#ifdef __clang_analyzer__ /* which does not see that the thread has it */
        free(job);
#endif
        result = hd_wait(examination, ends[0], HERALD_NEVER);
    }
    if (result == 1)
        result = recv(ends[0], &address, sizeof address, 0) == (ssize_t)sizeof address ? 0 : -ENOENT;
    close(ends[0]);
    if (result < 0)
        return result;
    if (address.family == HERALD_FAMILY_NONE)
        return -ENOENT;
    *ret_address = address;
    return 0;
}
