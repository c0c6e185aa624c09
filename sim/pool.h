/* SPDX-License-Identifier: MIT */
/*
 * Jobs in several processes. Each job fills a record, which the parent gets in the order in which jobs end. A job
 * that crashes costs only itself: its worker is started again behind it.
 */
#ifndef SIM_POOL_H
#define SIM_POOL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { SIM_RECORD_BYTES = 2048 };

struct sim_pool {
    uint64_t jobs_count;
    unsigned workers_count;
    size_t record_bytes; /* SIM_RECORD_BYTES at most */
    void *user;
    void (*work)(void *user, uint64_t job, void *record);       /* in a worker */
    void (*done)(void *user, uint64_t job, const void *record); /* in the parent; record NULL: it crashed */
};

/* @return 0; -errno: no process or pipe */
int sim_pool_run(const struct sim_pool *pool);

#endif
