/* SPDX-License-Identifier: MIT */
/*
 * The thread that waits for disks. It takes all that waits at once: so many small files are synced together, and cost
 * hardly more than one. What it shares with the others is under the place's mutex; a store that it was given is its
 * own.
 */
#include "store_internal.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    UNFINISHED_MAX = 128, /* stores that wait: each has its file open */
    SYNC_EACH_MAX = 8,    /* files that are synced one by one; more: all of the file system at once */
};

/* First what is to be done, then the result. */
struct hd_job {
    struct hd_job *next;
    struct hd_store_file *file; /* NULL: the directories' modes and times are to be set */
    char *name;
    bool has_meta;
    uint16_t mode;
    int64_t mtime_ns;
    int parent_fd; /* its directory, to be synced; -1: it is not */
    struct hd_finished result;
};

struct timespec hd_timespec(int64_t time_ns)
{
    int64_t seconds = time_ns / 1000000000, rest_ns = time_ns % 1000000000;

    if (rest_ns < 0) {
        seconds--;
        rest_ns += 1000000000;
    }
    return (struct timespec){ .tv_sec = seconds, .tv_nsec = rest_ns };
}

static struct hd_job *job_free(struct hd_job *job)
{
    if (job->file != NULL) {
        hd_store_discard(&job->file->common);
        (void)hd_store_free(&job->file->common);
    }
    free(job->name);
    free(job);
    return NULL;
}

/* ---- one file after the other ---------------------------------------------------------------- */

static void fail(struct hd_job *job, int code)
{
    if (job->result.error.code == 0)
        (void)herald_error_set(&job->result.error, code, "cannot write %.200s to the disk: %s", job->name,
                               strerror(-code));
}

/* A file system without modes or times is no reason to fail. */
static void set_meta(const struct hd_job *job)
{
    const struct timespec times[2] = { { .tv_nsec = UTIME_OMIT }, hd_timespec(job->mtime_ns) };
    int fd = job->file->partial.fd;

    if (!job->has_meta)
        return;
    (void)fchmod(fd, job->mode & 0777);
    (void)futimens(fd, times);
}

static void sync_file(struct hd_job *job)
{
    /* Not fdatasync(2), which leaves out mode and time. */
    if (fsync(job->file->partial.fd) < 0)
        fail(job, -errno);
}

static bool is_to_be_put(const struct hd_job *job)
{
    return job->file != NULL && job->result.error.code == 0;
}

static size_t count_files(const struct hd_job *jobs)
{
    size_t count = 0;

    for (; jobs != NULL; jobs = jobs->next)
        count += is_to_be_put(jobs);
    return count;
}

static void sync_all(struct hd_job *jobs, size_t count)
{
    struct hd_job *first = jobs;

    while (first != NULL && !is_to_be_put(first))
        first = first->next;
    if (first == NULL)
        return;
    /* If it fails, each is asked: it may have been another's fault. */
    if (count > SYNC_EACH_MAX && syncfs(first->file->partial.fd) == 0)
        return;
    for (struct hd_job *job = first; job != NULL; job = job->next)
        if (is_to_be_put(job))
            sync_file(job);
}

/* @param sync  its directory is to be synced, later */
static void put(struct hd_place *place, struct hd_job *job, bool sync)
{
    char last[NAME_MAX + 1];
    const char *wanted;
    int parent = hd_place_open_parent(place, job->name, true, false, &wanted, &job->result.error);

    if (parent >= 0 && hd_place_put(place, job->file->partial.name, parent, wanted, last, &job->result.error) == 0) {
        (void)snprintf(job->result.path, sizeof(job->result.path), "%.*s%s", (int)(wanted - job->name), job->name,
                       last);
        if (sync) {
            job->parent_fd = parent;
            parent = -1;
        }
        hd_store_file_arrived(job->file);
        job->file = NULL;
    }
    /* One that only its place is lacking can be had from here when it is sent again. */
    if (job->file != NULL && job->result.error.code != -EEXIST) {
        (void)hd_store_free(&job->file->common);
        job->file = NULL;
    }
    if (parent >= 0)
        (void)close(parent);
}

static bool has_same_parent(const struct hd_job *a, const struct hd_job *b)
{
    const char *a_slash = strrchr(a->name, '/'), *b_slash = strrchr(b->name, '/');
    size_t a_bytes = a_slash != NULL ? (size_t)(a_slash - a->name) : 0;
    size_t b_bytes = b_slash != NULL ? (size_t)(b_slash - b->name) : 0;

    return a_bytes == b_bytes && memcmp(a->name, b->name, a_bytes) == 0;
}

/* Files of one directory mostly come one behind the other: it is synced once for them all. */
static void sync_parents(struct hd_job *jobs)
{
    const struct hd_job *last = NULL;
    int r = 0;

    for (struct hd_job *job = jobs; job != NULL; job = job->next) {
        if (job->parent_fd < 0)
            continue;
        if (last == NULL || !has_same_parent(last, job))
            r = hd_place_sync_directory(job->parent_fd);
        if (r < 0)
            fail(job, r);
        (void)close(job->parent_fd);
        job->parent_fd = -1;
        last = job;
    }
}

/* ---- all that waits -------------------------------------------------------------------------- */

/* What was not synced is deleted: nobody knows what there is of it. */
static void run(struct hd_place *place, struct hd_job *jobs)
{
    size_t count = count_files(jobs);
    int sync_fd = -1;

    for (struct hd_job *job = jobs; job != NULL; job = job->next)
        if (is_to_be_put(job))
            set_meta(job);
    if (!place->no_sync)
        sync_all(jobs, count);
    if (!place->no_sync && count > SYNC_EACH_MAX)
        sync_fd = place->partial_fd;
    for (struct hd_job *job = jobs; job != NULL; job = job->next) {
        if (is_to_be_put(job))
            put(place, job, !place->no_sync && sync_fd < 0);
        else if (job->file == NULL)
            hd_place_settle_directories(place, false);
        if (job->file != NULL) {
            hd_store_discard(&job->file->common);
            (void)hd_store_free(&job->file->common);
            job->file = NULL;
        }
    }
    sync_parents(jobs);
    if (sync_fd >= 0 && syncfs(sync_fd) < 0)
        for (struct hd_job *job = jobs; job != NULL; job = job->next)
            if (job->name != NULL)
                fail(job, -errno);
}

static struct hd_job *take_waiting(struct hd_place *place)
{
    struct hd_job *jobs = place->waiting;

    place->waiting = place->waiting_end = NULL;
    return jobs;
}

/* Results in the order of the jobs; the directories have none. */
static void hand_back(struct hd_place *place, struct hd_job *jobs)
{
    uint64_t count = 0;

    while (jobs != NULL) {
        struct hd_job *job = jobs;

        jobs = job->next;
        job->next = NULL;
        place->unfinished_count--;
        if (job->name == NULL) {
            (void)job_free(job);
            continue;
        }
        if (place->done_end != NULL)
            place->done_end->next = job;
        else
            place->done = job;
        place->done_end = job;
        count++;
    }
    if (count > 0) /* cannot fail: it is nowhere near its limit */
        (void)!write(place->event_fd, &count, sizeof(count));
    (void)pthread_cond_broadcast(&place->changed);
}

static void *work(void *user)
{
    struct hd_place *place = user;

    (void)pthread_mutex_lock(&place->mutex);
    for (;;) {
        struct hd_job *jobs = take_waiting(place);

        if (jobs != NULL) {
            (void)pthread_mutex_unlock(&place->mutex);
            run(place, jobs);
            (void)pthread_mutex_lock(&place->mutex);
            hand_back(place, jobs);
        } else if (place->is_ending) {
            break;
        } else {
            (void)pthread_cond_wait(&place->changed, &place->mutex);
        }
    }
    (void)pthread_mutex_unlock(&place->mutex);
    return NULL;
}

/* Signals are for the program's own threads. */
static bool start_thread(struct hd_place *place)
{
    sigset_t all, before;

    if (place->has_thread)
        return true;
    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    place->has_thread = pthread_create(&place->thread, NULL, work, place) == 0;
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    return place->has_thread;
}

static void submit(struct hd_place *place, struct hd_job *job)
{
    bool has_thread = start_thread(place);

    (void)pthread_mutex_lock(&place->mutex);
    while (has_thread && place->unfinished_count >= UNFINISHED_MAX)
        (void)pthread_cond_wait(&place->changed, &place->mutex);
    place->unfinished_count++;
    if (has_thread) {
        if (place->waiting_end != NULL)
            place->waiting_end->next = job;
        else
            place->waiting = job;
        place->waiting_end = job;
        (void)pthread_cond_broadcast(&place->changed);
    } else {
        /* There are too many threads: then whoever receives waits. */
        (void)pthread_mutex_unlock(&place->mutex);
        run(place, job);
        (void)pthread_mutex_lock(&place->mutex);
        hand_back(place, job);
    }
    (void)pthread_mutex_unlock(&place->mutex);
}

void hd_place_end_thread(struct hd_place *place)
{
    if (place->has_thread) {
        (void)pthread_mutex_lock(&place->mutex);
        place->is_ending = true;
        (void)pthread_cond_broadcast(&place->changed);
        (void)pthread_mutex_unlock(&place->mutex);
        (void)pthread_join(place->thread, NULL);
        place->has_thread = false;
    }
    while (place->done != NULL) {
        struct hd_job *next = place->done->next;

        (void)job_free(place->done);
        place->done = next;
    }
}

/* ---- for the session ------------------------------------------------------------------------- */

int hd_place_finish(struct hd_place *place, struct hd_store *store, const struct hd_finish *finish)
{
    const char *name = place->only_name != NULL ? place->only_name : finish->name;
    struct hd_job *job = calloc(1, sizeof(*job));

    assert(hd_store_as_file(store) != NULL && hd_store_is_complete(store));
    if (job == NULL || (job->name = strdup(name)) == NULL) {
        free(job);
        hd_store_discard(store);
        (void)hd_store_free(store);
        return -ENOMEM;
    }
    job->parent_fd = -1;
    job->file = hd_store_as_file(store);
    hd_journal_write(&job->file->partial.journal, store);
    hd_journal_close(&job->file->partial.journal);
    job->has_meta = finish->has_meta;
    job->mode = finish->mode;
    job->mtime_ns = finish->mtime_ns;
    job->result.cookie = finish->cookie;
    if (place->only_name == NULL && hd_place_check_name(name, &job->result.error) < 0)
        hd_store_discard(store);
    else if (hd_store_file_write_out(job->file) < 0)
        (void)hd_store_error(store, &job->result.error);
    submit(place, job);
    return 0;
}

void hd_place_finish_directories(struct hd_place *place)
{
    struct hd_job *job = calloc(1, sizeof(*job));

    if (job == NULL)
        return;
    job->parent_fd = -1;
    submit(place, job);
}

int hd_place_fd(const struct hd_place *place)
{
    return place->event_fd;
}

int hd_place_next_finished(struct hd_place *place, struct hd_finished *ret_finished)
{
    struct hd_job *job;
    uint64_t count;

    (void)pthread_mutex_lock(&place->mutex);
    job = place->done;
    if (job != NULL)
        place->done = job->next;
    if (place->done == NULL) {
        place->done_end = NULL;
        (void)!read(place->event_fd, &count, sizeof(count));
    }
    (void)pthread_mutex_unlock(&place->mutex);
    if (job == NULL)
        return 0;
    *ret_finished = job->result;
    (void)job_free(job);
    return 1;
}

bool hd_place_is_idle(struct hd_place *place)
{
    bool is_idle;

    (void)pthread_mutex_lock(&place->mutex);
    is_idle = place->unfinished_count == 0 && place->done == NULL;
    (void)pthread_mutex_unlock(&place->mutex);
    return is_idle;
}
