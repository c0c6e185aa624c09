/* SPDX-License-Identifier: MIT */
/*
 * Runs a program for each datagram or received object, one after the other in the order of arrival: payload on its
 * standard input, facts in its environment, and, if wanted, its output as the answer. No shell is involved unless it is
 * asked for.
 */
#ifndef CLI_RUNNER_H
#define CLI_RUNNER_H

#include <herald/herald.h>

#include <poll.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Datagrams that wait for their turn; those beyond are not run, and counted. And the most facts of a job. */
enum { RUNNER_QUEUE_MAX = 1024, RUNNER_FACTS_MAX = 8 };

struct runner_config {
    const char *command_line; /* split at blanks, with '…' "…" and \ as in a shell; nothing is expanded */
    bool shell;               /* give it to /bin/sh -c as it is */
    bool reply;               /* its output is wanted */
    bool output_to_stderr;    /* without `reply`: its standard output goes there, not among our data */
    uint64_t timeout_ns;      /* then it is killed, with its children; 0: it may take as long as it likes */
    size_t queue_max;         /* 0: RUNNER_QUEUE_MAX */
};

/* A datagram to run the program for. Everything is copied. */
struct runner_job {
    const uint8_t *payload;
    size_t size_bytes;
    struct herald_peer peer; /* the sender */
    uint16_t group_port;
    const char *group; /* texts for the environment */
    const char *interface;
    int ttl;
    uint64_t time_ns;
    const char *const *facts; /* NULL; or in place of all but the payload: "NAME=value", NULL at the end */
};

/* How a run ended. */
struct runner_result {
    struct herald_peer peer;
    uint16_t group_port;
    const uint8_t *output; /* with config.reply; valid until the next runner call */
    size_t output_bytes;
    bool failed; /* `error` says why; the output is not to be used */
    struct herald_error error;
};

struct runner;

/*
 * Finds the program now, so that a wrong name is told at once. Programs will have the descriptor limit and the
 * scheduling policy that this process has now. @return 0; -errno with *error filled.
 */
int runner_new(struct runner **ret_runner, const struct runner_config *config, struct herald_error *error);

/* Kills what still runs. Takes NULL; returns NULL. */
struct runner *runner_free(struct runner *runner);

/* @return 0; -EBUSY when the queue is full; -ENOMEM. */
int runner_submit(struct runner *runner, const struct runner_job *job);

/* What to poll: up to 2 descriptors. @return their number. */
size_t runner_poll_fds(const struct runner *runner, struct pollfd *ret_fds);

uint64_t runner_deadline(const struct runner *runner);

/* Moves on, never blocks. @return 1 with a result; 0 when there is none yet. */
int runner_process(struct runner *runner, uint64_t now_ns, struct runner_result *ret_result);

/* How many datagrams wait, or are being worked on. */
size_t runner_unfinished(const struct runner *runner);

/* Forgets those that wait; what runs goes on. @return their number. */
size_t runner_drop_waiting(struct runner *runner);

/* Whether nothing runs and nothing waits. */
bool runner_is_idle(const struct runner *runner);

#endif
