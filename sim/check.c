/* SPDX-License-Identifier: MIT */
#include "check.h"
#include "receiver.h"
#include "run.h"

#include <stdarg.h>
#include <stdio.h>

void sim_fail(struct sim_failures *failures, const char *format, ...)
{
    va_list arguments;

    if (failures->count < SIM_FAILURES_MAX) {
        va_start(arguments, format);
        vsnprintf(failures->texts[failures->count], SIM_FAILURE_BYTES, format, arguments);
        va_end(arguments);
    }
    failures->count++;
}

static void check_complete(struct sim_run *run)
{
    uint32_t missing = 0;
    uint32_t first = 0;

    for (uint32_t i = run->scenario.receivers; i-- > 0;) {
        if (run->receivers[i].pending > 0) {
            missing++;
            first = i;
        }
    }
    if (missing > 0)
        sim_fail(&run->failures, "%u of %u receivers are not complete after %.1f s: receiver %u lacks %u objects",
                 missing, run->scenario.receivers, (double)run->scenario.complete_within_ns / 1e9, first,
                 run->receivers[first].pending);
    else if (run->acks_pending > 0)
        sim_fail(&run->failures, "%u of %u senders still wait for acknowledgements after %.1f s", run->acks_pending,
                 run->scenario.senders, (double)run->scenario.complete_within_ns / 1e9);
}

static void check_offence(struct sim_run *run)
{
    static const char *const names[] = {
        [SIM_BUSY_LOOP] = "wants handle_timeout() again at once",
        [SIM_ENDLESS_OUTPUT] = "never ends its output",
    };
    const struct sim_complaint *complaint = sim_world_complaint(run->world);
    bool is_sender = complaint->node < run->scenario.senders;

    if (complaint->offence != SIM_NO_OFFENCE)
        sim_fail(&run->failures, "%s %u %s, at %.6f s", is_sender ? "sender" : "receiver",
                 is_sender ? complaint->node : complaint->node - run->scenario.senders, names[complaint->offence],
                 (double)complaint->time_ns / 1e9);
}

static void check_limits(struct sim_run *run, const struct sim_result *result)
{
    const struct sim_scenario *scenario = &run->scenario;
    uint64_t blocks = result->lost_blocks > 0 ? result->lost_blocks : 1;

    if (scenario->nacks_max > 0 && result->nacks_heard * 100 > scenario->nacks_max * blocks)
        sim_fail(&run->failures, "%llu NACKs for %llu blocks that lost something: more than %.2f each",
                 (unsigned long long)result->nacks_heard, (unsigned long long)result->lost_blocks,
                 scenario->nacks_max / 100.0);
    if (scenario->redundancy_max > 0 && result->sent_bytes * 100 > scenario->redundancy_max * result->source_bytes)
        sim_fail(&run->failures, "%.3f bytes were sent for each byte: more than %.2f",
                 (double)result->sent_bytes / (double)result->source_bytes, scenario->redundancy_max / 100.0);
    if (result->goodput_bytes_per_s < scenario->goodput_min_bytes_per_s)
        sim_fail(&run->failures, "goodput %.2f Mbit/s: less than %.2f", (double)result->goodput_bytes_per_s * 8e-6,
                 (double)scenario->goodput_min_bytes_per_s * 8e-6);
    if (result->end_ns != SIM_NEVER && result->tally.packets[SIM_KIND_OTHER] > 0 && scenario->tainted_ns == 0)
        sim_fail(&run->failures, "%llu packets that are no NORM messages",
                 (unsigned long long)result->tally.packets[SIM_KIND_OTHER]);
    if (scenario->silent && result->nacks_sent + result->tally.packets[SIM_KIND_ACK] > 0)
        sim_fail(&run->failures, "a silent receiver sent something");
}

void sim_check_end(struct sim_run *run, const struct sim_result *result)
{
    check_complete(run);
    check_offence(run);
    check_limits(run, result);
}
