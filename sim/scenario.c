/* SPDX-License-Identifier: MIT */
#include "scenario.h"

enum { LINKS = 7 }; /* of a scenario */

static void number_default(uint32_t *number, uint32_t value)
{
    if (*number == 0)
        *number = value;
}

static void quantity_default(uint64_t *quantity, uint64_t value)
{
    if (*quantity == 0)
        *quantity = value;
}

static void short_default(uint16_t *number, uint16_t value)
{
    if (*number == 0)
        *number = value;
}

void sim_scenario_complete(struct sim_scenario *scenario)
{
    struct sim_link *links[LINKS] = { &scenario->sender_up,   &scenario->sender_down, &scenario->up,
                                      &scenario->down,        &scenario->odd_up,      &scenario->odd_down,
                                      &scenario->changed_down };

    for (int i = 0; i < LINKS; i++)
        quantity_default(&links[i]->delay_ns, SIM_MS(1));
    number_default(&scenario->senders, 1);
    number_default(&scenario->receivers, 10);
    number_default(&scenario->objects, 1);
    number_default(&scenario->group_size, scenario->receivers);
    /* A row without any size means the usual one; one of several objects without a byte says so by their number. */
    if (scenario->objects == 1)
        quantity_default(&scenario->object_bytes, SIM_MB(1));
    quantity_default(&scenario->rate_bytes_per_s,
                     scenario->rate_mode == HERALD_NORM_RATE_FIXED ? SIM_MBIT(10) : SIM_MBIT(1));
    quantity_default(&scenario->grtt_initial_ns, SIM_MS(100));
    quantity_default(&scenario->complete_within_ns, SIM_SEC(60));
    short_default(&scenario->segment_bytes, 1400);
    short_default(&scenario->block_segments, 64);
    short_default(&scenario->parity_segments, scenario->proactive_parity > 32 ? scenario->proactive_parity : 32);
    if (scenario->fec_id == 0)
        scenario->fec_id = 5;
    if (scenario->without_parity)
        scenario->parity_segments = 0;
}

void sim_scenario_set_loss(struct sim_scenario *scenario, uint32_t loss_ppm)
{
    scenario->down.loss_ppm = loss_ppm;
    scenario->odd_down.loss_ppm = loss_ppm;
    scenario->changed_down.loss_ppm = loss_ppm;
}

static uint64_t segments_of(const struct sim_scenario *scenario)
{
    return (scenario->object_bytes + scenario->segment_bytes - 1) / scenario->segment_bytes;
}

uint64_t sim_scenario_blocks(const struct sim_scenario *scenario)
{
    return (segments_of(scenario) + scenario->block_segments - 1) / scenario->block_segments;
}

uint32_t sim_scenario_block_segments(const struct sim_scenario *scenario, uint64_t block)
{
    uint64_t blocks = sim_scenario_blocks(scenario);
    uint64_t segments = segments_of(scenario);

    if (scenario->kind == HERALD_NORM_STREAM || blocks == 0)
        return scenario->block_segments;
    return (uint32_t)(segments / blocks) + (block < segments % blocks ? 1 : 0);
}
