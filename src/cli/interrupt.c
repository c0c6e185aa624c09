/* SPDX-License-Identifier: MIT */
#include "interrupt.h"

#include <errno.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <time.h>
#include <unistd.h>

static void ending_signals(sigset_t *ret_set)
{
    struct sigaction action;

    sigemptyset(ret_set);
    sigaddset(ret_set, SIGINT);
    sigaddset(ret_set, SIGTERM);
    if (sigaction(SIGHUP, NULL, &action) == 0 && action.sa_handler != SIG_IGN)
        sigaddset(ret_set, SIGHUP); /* unless it is ignored, as under nohup */
}

int interrupt_open(void)
{
    sigset_t set;
    int fd;

    ending_signals(&set);
    fd = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
    if (fd < 0)
        return -errno;
    return sigprocmask(SIG_BLOCK, &set, NULL) < 0 ? -errno : fd;
}

bool interrupt_came(int interrupt_fd)
{
    const struct timespec moment = { .tv_nsec = 20000000 };
    struct signalfd_siginfo info;
    sigset_t set;

    if (read(interrupt_fd, &info, sizeof(info)) != (ssize_t)sizeof(info))
        return false;
    ending_signals(&set);
    /* timeout(1) sends each signal to the process and to its group, and so twice: that is no second Ctrl-C. */
    (void)sigtimedwait(&set, NULL, &moment);
    sigprocmask(SIG_UNBLOCK, &set, NULL);
    return true;
}
