/* SPDX-License-Identifier: MIT */
#include "pool.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { WORKERS_MAX = 64 };

/* Below PIPE_BUF, so that it is written in one piece. */
struct message {
    uint64_t job;
    unsigned worker;
    _Alignas(max_align_t) uint8_t record[SIM_RECORD_BYTES];
};

/* Worker w does jobs w, w + workers, w + 2 * workers ... */
struct worker {
    pid_t pid; /* 0: finished */
    uint64_t next_job;
};

struct state {
    const struct sim_pool *pool;
    struct worker workers[WORKERS_MAX];
    unsigned workers_count;
    unsigned running_count;
    int pipe[2];
};

static _Noreturn void be_worker(const struct state *state, unsigned worker)
{
    const struct sim_pool *pool = state->pool;

    close(state->pipe[0]);
    for (uint64_t job = state->workers[worker].next_job; job < pool->jobs_count; job += state->workers_count) {
        struct message message = { .job = job, .worker = worker };

        pool->work(pool->user, job, message.record);
        if (write(state->pipe[1], &message, sizeof message) != (ssize_t)sizeof message)
            _exit(1);
    }
    _exit(0);
}

static int start_worker(struct state *state, unsigned worker)
{
    pid_t pid;

    if (state->workers[worker].next_job >= state->pool->jobs_count)
        return 0;
    fflush(stdout);
    pid = fork();
    if (pid < 0)
        return -errno;
    if (pid == 0)
        be_worker(state, worker);
    state->workers[worker].pid = pid;
    state->running_count++;
    return 0;
}

static void take(struct state *state, const struct message *message)
{
    const struct sim_pool *pool = state->pool;

    state->workers[message->worker].next_job = message->job + state->workers_count;
    pool->done(pool->user, message->job, message->record);
}

/* All pipe ends but ours are closed: every worker has ended, so look how. */
static int reap(struct state *state)
{
    for (unsigned i = 0; i < state->workers_count; i++) {
        struct worker *worker = &state->workers[i];
        int status;

        if (worker->pid == 0)
            continue;
        if (waitpid(worker->pid, &status, 0) < 0)
            return -errno;
        worker->pid = 0;
        state->running_count--;
        if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
            state->pool->done(state->pool->user, worker->next_job, NULL);
            worker->next_job += state->workers_count;
        }
    }
    return 0;
}

/* One round: all workers run until they have ended or crashed. */
static int run_round(struct state *state)
{
    struct message message;
    int result = 0;

    if (pipe(state->pipe) < 0)
        return -errno;
    for (unsigned i = 0; i < state->workers_count && result == 0; i++)
        result = start_worker(state, i);
    close(state->pipe[1]);
    for (;;) {
        ssize_t bytes = read(state->pipe[0], &message, sizeof message);

        if (bytes == (ssize_t)sizeof message)
            take(state, &message);
        else if (bytes >= 0 || errno != EINTR)
            break;
    }
    close(state->pipe[0]);
    if (result == 0)
        result = reap(state);
    else
        reap(state);
    return result;
}

int sim_pool_run(const struct sim_pool *pool)
{
    struct state state = { .pool = pool, .workers_count = pool->workers_count };
    int result = 0;

    assert(pool->record_bytes <= SIM_RECORD_BYTES);
    if (state.workers_count == 0)
        state.workers_count = 1;
    if (state.workers_count > WORKERS_MAX)
        state.workers_count = WORKERS_MAX;
    for (unsigned i = 0; i < state.workers_count; i++)
        state.workers[i].next_job = i;
    while (result == 0) {
        bool left = false;

        for (unsigned i = 0; i < state.workers_count; i++)
            left = left || state.workers[i].next_job < pool->jobs_count;
        if (!left)
            break;
        result = run_round(&state);
    }
    return result;
}
