/* SPDX-License-Identifier: MIT */
/*
 * Writing to a descriptor that belongs to the caller: its flags stay as they are, so that whoever shares it is not
 * surprised. It must not make us wait, and its reader's end must not end us.
 */
#include "store_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <time.h>
#include <unistd.h>

enum { LITTLE_BYTES = 4096 }; /* PIPE_BUF: when poll(2) says POLLOUT, a pipe takes so much at once */

int hd_output_examine(int fd, enum hd_output_kind *ret_kind)
{
    struct stat status;
    int flags = fcntl(fd, F_GETFL);

    if (flags < 0 || fstat(fd, &status) < 0)
        return -errno;
    if ((flags & O_ACCMODE) == O_RDONLY || (flags & O_PATH) != 0)
        return -EBADF;
    if (S_ISREG(status.st_mode) || S_ISBLK(status.st_mode))
        *ret_kind = HD_OUTPUT_FILE;
    else if (S_ISCHR(status.st_mode) && status.st_rdev == makedev(1, 3))
        *ret_kind = HD_OUTPUT_NULL;
    else if (S_ISSOCK(status.st_mode))
        *ret_kind = HD_OUTPUT_SOCKET;
    else
        *ret_kind = S_ISFIFO(status.st_mode) ? HD_OUTPUT_PIPE : HD_OUTPUT_OTHER;
    return 0;
}

bool hd_store_discards(int fd)
{
    enum hd_output_kind kind = HD_OUTPUT_OTHER;

    return hd_output_examine(fd, &kind) == 0 && kind == HD_OUTPUT_NULL;
}

/* ---- signals --------------------------------------------------------------------------------- */

/* SIGPIPE and SIGXFSZ are of the thread that writes: it keeps them off while it does, and takes back what it caused. */
struct shield {
    sigset_t signals;
    sigset_t before;
    sigset_t pending; /* of them, before */
};

static void shield_raise(struct shield *ret_shield)
{
    (void)sigemptyset(&ret_shield->signals);
    (void)sigaddset(&ret_shield->signals, SIGPIPE);
    (void)sigaddset(&ret_shield->signals, SIGXFSZ);
    (void)pthread_sigmask(SIG_BLOCK, &ret_shield->signals, &ret_shield->before);
    (void)sigpending(&ret_shield->pending);
}

static void shield_lower(const struct shield *shield, int error)
{
    int caused = error == EPIPE ? SIGPIPE : error == EFBIG ? SIGXFSZ : 0;

    if (caused != 0 && sigismember(&shield->pending, caused) == 0) {
        const struct timespec at_once = { 0 };
        sigset_t only;

        (void)sigemptyset(&only);
        (void)sigaddset(&only, caused);
        while (sigtimedwait(&only, NULL, &at_once) < 0 && errno == EINTR)
            ;
    }
    (void)pthread_sigmask(SIG_SETMASK, &shield->before, NULL);
}

/* ---- writing --------------------------------------------------------------------------------- */

static int64_t send_now(int fd, const struct iovec *pieces, size_t count)
{
    struct msghdr message = { .msg_iov = (struct iovec *)(uintptr_t)pieces, .msg_iovlen = count };
    ssize_t n;

    do
        n = sendmsg(fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
    while (n < 0 && errno == EINTR);
    return n >= 0 ? n : -errno;
}

/* The first pieces, or the beginning of the first, as far as they are little. */
static int64_t write_little(int fd, const struct iovec *pieces, size_t count)
{
    struct pollfd wanted = { .fd = fd, .events = POLLOUT };
    struct iovec first = pieces[0];
    size_t fitting = 0, sum_bytes = 0;
    ssize_t n;

    while ((n = poll(&wanted, 1, 0)) < 0 && errno == EINTR)
        ;
    if (n < 0)
        return -errno;
    if (n == 0)
        return -EAGAIN;
    if ((wanted.revents & POLLNVAL) != 0)
        return -EBADF;
    if ((wanted.revents & POLLOUT) == 0 && (wanted.revents & (POLLERR | POLLHUP)) != 0)
        return -EPIPE;
    while (fitting < count && sum_bytes + pieces[fitting].iov_len <= LITTLE_BYTES)
        sum_bytes += pieces[fitting++].iov_len;
    if (fitting == 0) {
        first.iov_len = LITTLE_BYTES;
        pieces = &first;
        fitting = 1;
    }
    n = writev(fd, pieces, (int)fitting);
    return n >= 0 ? n : -errno;
}

static int64_t write_now(int fd, enum hd_output_kind *kind, const struct iovec *pieces, size_t count)
{
    ssize_t n;

    if (*kind == HD_OUTPUT_PIPE) {
        n = pwritev2(fd, pieces, (int)count, -1, RWF_NOWAIT);
        if (n >= 0)
            return n;
        if (errno != EOPNOTSUPP && errno != ENOSYS && errno != EINVAL)
            return -errno;
        *kind = HD_OUTPUT_OTHER; /* Linux before 6.4 */
    }
    if (*kind == HD_OUTPUT_OTHER)
        return write_little(fd, pieces, count);
    n = writev(fd, pieces, (int)count);
    return n >= 0 ? n : -errno;
}

int64_t hd_output_write(int fd, enum hd_output_kind *kind, const struct iovec *pieces, size_t count)
{
    struct shield shield;
    int64_t n;

    if (*kind == HD_OUTPUT_SOCKET) {
        n = send_now(fd, pieces, count);
    } else {
        shield_raise(&shield);
        do
            n = write_now(fd, kind, pieces, count);
        while (n == -EINTR);
        shield_lower(&shield, n < 0 ? (int)-n : 0);
    }
    return n == -EAGAIN || n == -EWOULDBLOCK ? 0 : n;
}
