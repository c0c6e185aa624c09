/* SPDX-License-Identifier: MIT */
/* `herald-sim scale`: how feedback and redundancy grow with the number of receivers. */
#include "commands.h"
#include "ideal.h"
#include "pool.h"
#include "report.h"
#include "run.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SEGMENT_BYTES = 64, BLOCK_SEGMENTS = 64, PARITY_SEGMENTS = 64, SIZES = 5, VARIANTS = 3 };

struct variant {
    const char *name;
    bool no_suppression;
    bool without_parity;
};

static const struct variant variants[VARIANTS] = {
    { "NORM", false, false },
    { "no suppression", true, false },
    { "no parity", false, true },
};

struct scale {
    const struct sim_scale_options *options;
    uint32_t sizes[SIZES];
    uint32_t sizes_count;
    struct row *rows; /* by variant, then size */
};

struct row {
    bool crashed;
    uint32_t failures_count;
    char failure[SIM_FAILURE_BYTES];
    double nacks_per_block;
    uint64_t nacks_heard;
    uint64_t nacks_suppressed;
    uint64_t data_packets;
    uint64_t other_bytes; /* of the sender: not DATA */
    uint64_t sent_bytes;
    uint64_t median_ns, last_ns;
};

static struct sim_scenario scenario_of(const struct scale *scale, const struct variant *variant, uint32_t receivers)
{
    struct sim_scenario scenario = {
        .name = variant->name,
        .about = "one object to many receivers",
        .receivers = receivers,
        .object_bytes = (uint64_t)scale->options->blocks * BLOCK_SEGMENTS * SEGMENT_BYTES,
        .segment_bytes = SEGMENT_BYTES,
        .block_segments = BLOCK_SEGMENTS,
        .parity_segments = PARITY_SEGMENTS,
        .rate_bytes_per_s = SIM_MBIT(1),
        .small = true,
        .no_suppression = variant->no_suppression,
        .without_parity = variant->without_parity,
        .complete_within_ns = SIM_SEC(600),
        /* Nobody listens to others' NACKs then, so that they need not be brought to everyone. */
        .unicast = variant->no_suppression,
        .ssm = variant->no_suppression,
    };

    sim_scenario_complete(&scenario);
    sim_scenario_set_loss(&scenario, scale->options->loss_ppm);
    return scenario;
}

static void work(void *user, uint64_t index, void *record)
{
    const struct scale *scale = user;
    struct sim_scenario scenario = scenario_of(scale, &variants[index % VARIANTS], scale->sizes[index / VARIANTS]);
    struct sim_result *result = sim_allocate(1, sizeof *result);
    struct row row = { .failures_count = 0 };

    sim_run(&scenario, scale->options->seed, NULL, result);
    row.failures_count = result->failures.count;
    memcpy(row.failure, result->failures.texts[0], sizeof row.failure);
    row.nacks_heard = result->nacks_heard;
    row.nacks_suppressed = result->nacks_suppressed;
    row.nacks_per_block = result->lost_blocks > 0 ? (double)result->nacks_heard / (double)result->lost_blocks : 0;
    row.data_packets = result->tally.packets[SIM_KIND_SOURCE] + result->tally.packets[SIM_KIND_PARITY];
    row.sent_bytes = result->sent_bytes;
    row.other_bytes = result->sent_bytes - result->tally.bytes[SIM_KIND_SOURCE] - result->tally.bytes[SIM_KIND_PARITY];
    row.median_ns = result->median_ns;
    row.last_ns = result->last_ns;
    memcpy(record, &row, sizeof row);
    free(result);
}

static void done(void *user, uint64_t index, const void *record)
{
    struct scale *scale = user;
    uint32_t receivers = scale->sizes[index / VARIANTS];

    if (record != NULL)
        memcpy(&scale->rows[index], record, sizeof scale->rows[index]);
    else
        scale->rows[index].crashed = true;
    /* The table comes at the end, which may be long after. */
    fprintf(stderr, "%u receivers, %s: %.3f NACKs per block, %llu DATA\n", receivers, variants[index % VARIANTS].name,
            scale->rows[index].nacks_per_block, (unsigned long long)scale->rows[index].data_packets);
}

/* @return false if there is nothing to tell but that it failed */
static bool print_row(const struct scale *scale, uint32_t receivers, const struct row *row)
{
    double sources = (double)scale->options->blocks * BLOCK_SEGMENTS;
    double ideal = sim_ideal_packets(BLOCK_SEGMENTS, receivers, scale->options->loss_ppm / 1e6) *
                   scale->options->blocks;
    char median[32];
    char last[32];

    if (row->crashed) {
        printf("%9u  crashed\n", receivers);
        return false;
    }
    printf("%9u %12.3f %10llu %12llu %11.4f %8.4f %9.3f %9.4f %10s %10s\n", receivers, row->nacks_per_block,
           (unsigned long long)row->nacks_heard, (unsigned long long)row->nacks_suppressed,
           (double)row->data_packets / sources, ideal / sources, (double)row->data_packets / ideal,
           (double)row->other_bytes / (double)row->sent_bytes, sim_seconds_text(row->median_ns, median),
           sim_seconds_text(row->last_ns, last));
    if (row->failures_count > 0)
        printf("           FAILED: %s\n", row->failure);
    return row->failures_count == 0;
}

static bool print_all(const struct scale *scale)
{
    bool good = true;

    printf("An object of %u blocks of %u segments, %.2f%% of the packets lost at each receiver alone, seed %llu.\n"
           "DATA sent and its ideal are per source segment; ideal: an erasure code of which any %u packets will do.\n",
           scale->options->blocks, (unsigned)BLOCK_SEGMENTS, scale->options->loss_ppm / 1e4,
           (unsigned long long)scale->options->seed, (unsigned)BLOCK_SEGMENTS);
    for (unsigned v = 0; v < VARIANTS; v++) {
        printf("\n%s\n%9s %12s %10s %12s %11s %8s %9s %9s %10s %10s\n", variants[v].name, "receivers", "NACKs/block",
               "NACKs", "suppressed", "DATA sent", "ideal", "to ideal", "overhead", "median", "last");
        for (uint32_t i = 0; i < scale->sizes_count; i++)
            good = print_row(scale, scale->sizes[i], &scale->rows[i * VARIANTS + v]) && good;
    }
    printf(
        "\nNACKs/block: that reached the sender, per block of which somebody lost something. overhead: the share of\n"
        "the sender's bytes that is not DATA; with segments of %u bytes it is more than in real use. The ideal is a\n"
        "mean: a single run may need less.\n",
        (unsigned)SEGMENT_BYTES);
    return good;
}

int sim_command_scale(const struct sim_scale_options *options)
{
    struct scale scale = { .options = options };
    struct sim_pool pool = { .workers_count = options->jobs, .record_bytes = sizeof(struct row), .user = &scale };
    bool good = false;
    int result;

    for (uint32_t size = 10; size <= options->receivers_max && scale.sizes_count < SIZES; size *= 10)
        scale.sizes[scale.sizes_count++] = size;
    scale.rows = sim_allocate((size_t)scale.sizes_count * VARIANTS, sizeof *scale.rows);
    pool.jobs_count = (uint64_t)scale.sizes_count * VARIANTS;
    pool.work = work;
    pool.done = done;
    result = sim_pool_run(&pool);
    if (result == 0)
        good = print_all(&scale);
    free(scale.rows);
    if (result < 0)
        return SIM_CANNOT;
    return good ? SIM_OK : SIM_FAILED;
}
