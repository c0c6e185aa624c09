/* SPDX-License-Identifier: MIT */
/* What the simulator counts and writes: the ideal code, blocks, kinds of packets, processes, plots. */
#include "content.h"
#include "ideal.h"
#include "pool.h"
#include "svg.h"
#include "tally.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

static void content_differs_by_place_and_object(void **state)
{
    struct sim_content content;
    const uint8_t *at;

    (void)state;
    sim_content_init(&content);
    at = sim_content_at(&content, 3, 5000000, 1000);
    assert_memory_equal(at + 100, sim_content_at(&content, 3, 5000100, 900), 900);
    assert_memory_not_equal(at, sim_content_at(&content, 3, 5000001, 1000), 1000);
    assert_memory_not_equal(at, sim_content_at(&content, 4, 5000000, 1000), 1000);
    assert_memory_equal(at, sim_content_at(&content, 3, 5000000, SIM_CONTENT_READ_MAX), 1000);
    sim_content_free(&content);
}

static void ideal_code_needs_what_theory_says(void **state)
{
    (void)state;
    assert_true(sim_ideal_packets(64, 1000, 0) == 64);
    /* One receiver: k / (1 - p). */
    assert_true(fabs(sim_ideal_packets(64, 1, 0.2) - (80)) < 1e-6);
    assert_true(fabs(sim_ideal_packets(1, 1, 0.5) - (2)) < 1e-6);
    /* The larger of two geometric numbers: 2/q - 1/(1 - p^2), at p = 1/2. */
    assert_true(fabs(sim_ideal_packets(1, 2, 0.5) - (4 - 4.0 / 3)) < 1e-6);
    assert_true(sim_ideal_packets(64, 1000, 0.01) > sim_ideal_packets(64, 100, 0.01));
}

static void blocks_are_partitioned_as_rfc_5052_has_it(void **state)
{
    struct sim_scenario scenario = { .objects = 1, .object_bytes = 9901, .segment_bytes = 1000, .block_segments = 4 };

    (void)state;
    assert_int_equal(sim_scenario_blocks(&scenario), 3);
    assert_int_equal(sim_scenario_block_segments(&scenario, 0), 4);
    assert_int_equal(sim_scenario_block_segments(&scenario, 1), 3);
    assert_int_equal(sim_scenario_block_segments(&scenario, 2), 3);
}

static struct sim_packet *data_packet(uint8_t fec_id, uint32_t block, uint8_t symbol)
{
    uint8_t bytes[40] = { 0x12, 4, [13] = fec_id, [15] = 1 };

    bytes[fec_id == 129 ? 19 : 18] = (uint8_t)block;
    bytes[fec_id == 129 ? 23 : 19] = symbol;
    return sim_packet_new(0, SIM_GROUP, bytes, sizeof bytes);
}

static void parity_begins_behind_the_block(void **state)
{
    /* Blocks of 4, 3 and 3. */
    struct sim_scenario scenario = {
        .senders = 1, .objects = 2, .object_bytes = 9901, .segment_bytes = 1000, .block_segments = 4
    };
    static const struct {
        uint8_t fec_id, block, symbol;
        enum sim_kind kind;
    } rows[] = {
        { 5, 0, 3, SIM_KIND_SOURCE },   { 5, 0, 4, SIM_KIND_PARITY },   { 5, 2, 3, SIM_KIND_PARITY },
        { 129, 2, 2, SIM_KIND_SOURCE }, { 129, 2, 3, SIM_KIND_PARITY },
    };
    struct sim_tally tally;

    (void)state;
    sim_tally_init(&tally, &scenario);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct sim_packet *packet = data_packet(rows[i].fec_id, rows[i].block, rows[i].symbol);
        struct sim_seen seen = sim_tally_see(&tally, packet);

        assert_int_equal(seen.kind, rows[i].kind);
        assert_int_equal(seen.object_id, 1);
        assert_int_equal(seen.block, rows[i].block);
        sim_tally_lost(&tally, 1, packet, 0);
        sim_packet_release(packet);
    }
    assert_int_equal(tally.lost_packets, 5);
    assert_int_equal(tally.lost_blocks, 2);
    sim_tally_free(&tally);
}

static void series_keeps_its_sum_when_it_widens(void **state)
{
    struct sim_scenario scenario = {
        .senders = 1, .receivers = 1, .objects = 1, .segment_bytes = 1, .block_segments = 1
    };
    struct sim_tally tally;
    uint64_t sum = 0;

    (void)state;
    sim_tally_init(&tally, &scenario);
    for (uint64_t i = 0; i < 1000; i++)
        sim_tally_written(&tally, i, SIM_MS(10 * i));
    for (uint32_t i = 0; i < tally.series.count; i++)
        sum += tally.series.written_bytes[i];
    assert_int_equal(sum, 999 * 1000 / 2);
    assert_in_range(tally.series.count, SIM_BUCKETS / 2, SIM_BUCKETS);
    sim_tally_free(&tally);
}

enum { POOL_JOBS = 20, CRASHING_JOB = 7 };

struct pool_seen {
    uint64_t sum;
    int done_count;
    int crashed_count;
};

static void pool_work(void *user, uint64_t job, void *record)
{
    uint64_t square = job * job;

    (void)user;
    if (job == CRASHING_JOB)
        _Exit(9);
    memcpy(record, &square, sizeof square);
}

static void pool_done(void *user, uint64_t job, const void *record)
{
    struct pool_seen *seen = user;
    uint64_t square;

    seen->done_count++;
    if (record == NULL) {
        assert_int_equal(job, CRASHING_JOB);
        seen->crashed_count++;
        return;
    }
    memcpy(&square, record, sizeof square);
    assert_int_equal(square, job * job);
    seen->sum += square;
}

static void pool_survives_a_job_that_crashes(void **state)
{
    struct pool_seen seen = { 0 };
    struct sim_pool pool = { POOL_JOBS, 3, sizeof(uint64_t), &seen, pool_work, pool_done };

    (void)state;
    assert_int_equal(sim_pool_run(&pool), 0);
    assert_int_equal(seen.done_count, POOL_JOBS);
    assert_int_equal(seen.crashed_count, 1);
    assert_int_equal(seen.sum, 2470 - CRASHING_JOB * CRASHING_JOB);
}

static void ticks_are_round(void **state)
{
    static const struct {
        double range, tick;
    } rows[] = { { 8, 1 }, { 9, 2 }, { 16, 2 }, { 40, 5 }, { 41, 10 }, { 0.8, 0.1 }, { 1000, 200 }, { 0, 1 } };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        assert_true(fabs(sim_svg_tick(rows[i].range, 8) - (rows[i].tick)) < 1e-9);
}

static void plot_has_axes_units_and_legend(void **state)
{
    static const double values[] = { 1, 2, 3 };
    const struct sim_svg_line line = { "a <line>", "#123456", values };
    char *text = NULL;
    size_t size = 0;
    FILE *file = open_memstream(&text, &size);

    (void)state;
    assert_non_null(file);
    assert_int_equal(sim_svg_write(file, &(struct sim_svg_plot){ "title", "time [s]", "rate", 0.5, 3, &line, 1 }), 0);
    fclose(file);
    assert_non_null(strstr(text, "time [s]"));
    assert_non_null(strstr(text, "a &lt;line>"));
    assert_non_null(strstr(text, "stroke=\"#123456\""));
    assert_non_null(strstr(text, ">1.5</text>"));
    assert_string_equal(text + size - 7, "</svg>\n");
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(content_differs_by_place_and_object),
        cmocka_unit_test(ideal_code_needs_what_theory_says),
        cmocka_unit_test(blocks_are_partitioned_as_rfc_5052_has_it),
        cmocka_unit_test(parity_begins_behind_the_block),
        cmocka_unit_test(series_keeps_its_sum_when_it_widens),
        cmocka_unit_test(pool_survives_a_job_that_crashes),
        cmocka_unit_test(ticks_are_round),
        cmocka_unit_test(plot_has_axes_units_and_legend),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
