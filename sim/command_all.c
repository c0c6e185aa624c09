/* SPDX-License-Identifier: MIT */
/* `herald-sim all`: every scenario with many seeds, on all cores. */
#include "commands.h"
#include "pool.h"
#include "report.h"
#include "run.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

enum { COSTLY_SHARE = 10, REPLAYS_MAX = 5 };

struct job {
    const struct sim_scenario *scenario;
    uint32_t row; /* of the report */
    uint64_t seed;
    bool twice; /* to compare the traces */
};

/* What a worker tells of one run. */
struct record {
    struct sim_failures failures;
    uint64_t last_ns;
};

struct row {
    const struct sim_scenario *scenario;
    uint32_t seeds_count; /* to be run */
    uint32_t done_count;
    uint32_t failed_count;
    uint64_t slowest_ns;
};

struct all {
    const struct sim_all_options *options;
    struct job *jobs;
    uint64_t jobs_count;
    struct row *rows;
    uint32_t rows_count;
    uint64_t failed_count;
};

_Static_assert(sizeof(struct record) <= SIM_RECORD_BYTES, "a record must fit into the pool's");

static void work(void *user, uint64_t index, void *record_memory)
{
    const struct all *all = user;
    const struct job *job = &all->jobs[index];
    struct sim_scenario scenario = *job->scenario;
    struct record *record = record_memory;
    struct sim_result *result = sim_allocate(1, sizeof *result);
    uint64_t trace;

    sim_scenario_complete(&scenario);
    sim_run(&scenario, job->seed, NULL, result);
    record->failures = result->failures;
    record->last_ns = result->last_ns;
    trace = result->trace;
    if (job->twice) {
        sim_run(&scenario, job->seed, NULL, result);
        if (result->trace != trace)
            sim_fail(&record->failures, "the same seed gave two traces, %016" PRIx64 " and %016" PRIx64, trace,
                     result->trace);
    }
    free(result);
}

static const char *comment(const struct all *all)
{
    return all->options->tap ? "# " : "";
}

static void print_failures(const struct all *all, const struct job *job, const struct row *row,
                           const struct record *record)
{
    if (row->failed_count > REPLAYS_MAX)
        return;
    if (record == NULL)
        printf("%sFAILED %s: it crashed\n", comment(all), job->scenario->name);
    for (uint32_t i = 0; record != NULL && i < record->failures.count && i < SIM_FAILURES_MAX; i++)
        printf("%sFAILED %s: %s\n", comment(all), job->scenario->name, record->failures.texts[i]);
    printf("%sagain: herald-sim run %s --seed %" PRIu64 "\n", comment(all), job->scenario->name, job->seed);
    if (row->failed_count == REPLAYS_MAX)
        printf("%sfurther failures of %s are only counted\n", comment(all), job->scenario->name);
}

static void print_row(const struct all *all, uint32_t index)
{
    const struct row *row = &all->rows[index];
    const char *verdict = row->failed_count == 0 ? "ok" : "not ok";

    if (all->options->tap)
        /* Without numbers: they end in any order. */
        printf("%s - %s (%" PRIu32 " seeds)\n", verdict, row->scenario->name, row->seeds_count);
    else
        printf("%-7s %-20s %6" PRIu32 " seeds, %" PRIu32 " failed, slowest receiver at %.3f s\n", verdict,
               row->scenario->name, row->seeds_count, row->failed_count, (double)row->slowest_ns / 1e9);
    fflush(stdout);
}

static void done(void *user, uint64_t index, const void *record_memory)
{
    struct all *all = user;
    const struct job *job = &all->jobs[index];
    const struct record *record = record_memory;
    struct row *row = &all->rows[job->row];

    row->done_count++;
    if (record == NULL || record->failures.count > 0) {
        row->failed_count++;
        all->failed_count++;
        print_failures(all, job, row, record);
    } else if (record->last_ns != SIM_NEVER && record->last_ns > row->slowest_ns) {
        row->slowest_ns = record->last_ns;
    }
    if (row->done_count == row->seeds_count)
        print_row(all, job->row);
}

/* The costly scenarios get fewer seeds, or they would take most of the time. */
static uint32_t seeds_of(const struct sim_all_options *options, const struct sim_scenario *scenario)
{
    uint32_t count = options->seeds_count;

    if (scenario->costly)
        count /= COSTLY_SHARE;
    return count > 0 ? count : 1;
}

static void add_scenario(struct all *all, const struct sim_scenario *scenario)
{
    uint32_t seeds_count = seeds_of(all->options, scenario);
    uint32_t row = all->rows_count++;

    all->rows = sim_reallocate(all->rows, all->rows_count, sizeof *all->rows);
    all->rows[row] = (struct row){ .scenario = scenario, .seeds_count = seeds_count };
    all->jobs = sim_reallocate(all->jobs, all->jobs_count + seeds_count, sizeof *all->jobs);
    for (uint32_t i = 0; i < seeds_count; i++)
        all->jobs[all->jobs_count++] = (struct job){ scenario, row, all->options->first_seed + i, i == 0 };
}

int sim_command_all(const struct sim_all_options *options)
{
    struct all all = { .options = options };
    struct sim_pool pool = { .workers_count = options->jobs, .record_bytes = sizeof(struct record), .user = &all };
    int result;

    for (const struct sim_scenario *scenario = sim_scenarios; scenario->name != NULL; scenario++) {
        if (scenario->quick || !options->quick)
            add_scenario(&all, scenario);
    }
    if (options->tap)
        printf("1..%" PRIu32 "\n", all.rows_count);
    pool.jobs_count = all.jobs_count;
    pool.work = work;
    pool.done = done;
    result = sim_pool_run(&pool);
    if (result < 0)
        fprintf(stderr, "herald-sim: no further process can be started\n");
    printf("%s%" PRIu64 " runs of %" PRIu32 " scenarios, %" PRIu64 " failed\n", comment(&all), all.jobs_count,
           all.rows_count, all.failed_count);
    free(all.jobs);
    free(all.rows);
    if (result < 0)
        return SIM_CANNOT;
    return all.failed_count > 0 ? SIM_FAILED : SIM_OK;
}
