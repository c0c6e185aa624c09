/* SPDX-License-Identifier: MIT */
#include "cc_model.h"

#include "quant.h"

#include <string.h>

enum { PROBE_BYTES = 100, BURST_NS = 200000, BURST_MAX = 64 };

void model_init(struct model *model, enum herald_norm_rate_mode mode, uint64_t seed)
{
    memset(model, 0, sizeof *model);
    model->config.node_id = 1;
    model->config.segment_bytes = 1400;
    model->config.rate_mode = mode;
    model->config.rate_bytes_per_s = 1 * MBIT;
    model->config.rate_min_bytes_per_s = MBIT / 10;
    model->config.rate_max_bytes_per_s = HERALD_NORM_RATE_MAX_BYTES_PER_S;
    model->now_ns = 1000 * SEC;
    model->reset_ns = model->now_ns;
    model->probe_ns = model->now_ns;
    model->sequence = (uint16_t)(seed * 7919);
    hd_random_init(&model->random, seed);
    hd_cc_sender_init(&model->cc, &model->config, model->now_ns);
    hd_grtt_init(&model->grtt, 100 * MS, 10 * SEC, model->now_ns);
}

struct model_receiver *model_add(struct model *model, const struct model_link *link)
{
    struct model_receiver *receiver = &model->receivers[model->receivers_count++];

    receiver->link = *link;
    receiver->free_ns = &receiver->own_free_ns;
    hd_cc_receiver_init(&receiver->cc);
    return receiver;
}

void model_reset(struct model *model)
{
    model->reset_ns = model->now_ns;
    model->sent = 0;
    model->sent_bytes = 0;
    for (uint32_t i = 0; i < model->receivers_count; i++) {
        model->receivers[i].received_bytes = 0;
        model->receivers[i].overflows = 0;
        model->receivers[i].reports = 0;
        model->receivers[i].delay_max_ns = 0;
    }
}

static bool chance(struct model *model, uint32_t ppm)
{
    return ppm > 0 && hd_random_below(&model->random, 1000000) < ppm;
}

/* @return when it arrives, 0 if it does not */
static uint64_t pass(struct model *model, struct model_receiver *receiver, uint64_t bytes)
{
    const struct model_link *link = &receiver->link;
    uint64_t start_ns = *receiver->free_ns > model->now_ns ? *receiver->free_ns : model->now_ns;
    uint64_t arrival_ns = start_ns;

    if (link->is_cut)
        return 0;
    if (link->rate_bps > 0) {
        if ((start_ns - model->now_ns) * (unsigned __int128)link->rate_bps / SEC + bytes > link->queue_bytes) {
            receiver->overflows++;
            return 0;
        }
        if (start_ns - model->now_ns > receiver->delay_max_ns)
            receiver->delay_max_ns = start_ns - model->now_ns;
        arrival_ns += bytes * SEC / link->rate_bps;
        *receiver->free_ns = arrival_ns;
    }
    if (chance(model, receiver->is_in_burst ? link->burst_leave_ppm : link->burst_enter_ppm))
        receiver->is_in_burst = !receiver->is_in_burst;
    if (receiver->is_in_burst || chance(model, link->loss_ppm))
        return 0;
    arrival_ns += link->delay_ns + hd_random_below(&model->random, link->jitter_ns);
    if (arrival_ns < receiver->arrival_ns)
        arrival_ns = receiver->arrival_ns;
    receiver->arrival_ns = arrival_ns;
    return arrival_ns;
}

static void answer(struct model *model, struct model_receiver *receiver, uint64_t now_ns)
{
    struct hd_cc_feedback feedback;
    struct hd_cc_delivery delivery;
    struct model_event *event = &model->events[model->events_count];

    receiver->reports++;
    if (!hd_cc_receiver_fill(&receiver->cc, &feedback, &delivery) || model->events_count == MODEL_EVENTS ||
        receiver->link.is_cut || chance(model, receiver->link.report_loss_ppm))
        return;
    model->events_count++;
    *event = (struct model_event){
        .time_ns = now_ns + receiver->link.delay_ns,
        .report = { .node_id = 100 + (uint32_t)(receiver - model->receivers),
                    .flags = feedback.flags,
                    .rtt_ns = receiver->probe_rtt_ns,
                    .loss = feedback.loss,
                    .rate_bps = hd_rate_decode_bps(feedback.rate),
                    .sequence = feedback.sequence,
                    .has_delivery = !receiver->has_no_delivery,
                    .delivery = delivery },
    };
}

static void deliver_probe(struct model *model, struct model_receiver *receiver, uint16_t sequence, uint64_t arrival_ns)
{
    struct hd_cc_probe probe = {
        .sequence = sequence,
        .send_rate_bps = hd_cc_sender_rate(&model->cc),
        .grtt_ns = hd_grtt_ns(&model->grtt),
        .backoff_factor = 4,
        .group_size = 1000,
    };
    struct hd_cc_node node;

    for (uint32_t i = 0; hd_cc_sender_list_node(&model->cc, i, &node); i++)
        hd_cc_probe_add_node(&probe, &node, 100 + (uint32_t)(receiver - model->receivers));
    receiver->probe_rtt_ns = arrival_ns - model->now_ns + receiver->link.delay_ns;
    hd_cc_receiver_on_probe(&receiver->cc, &probe, &model->random, arrival_ns);
    if (hd_cc_receiver_feedback_due_ns(&receiver->cc) <= arrival_ns)
        answer(model, receiver, arrival_ns);
}

static void send(struct model *model, uint64_t bytes, bool is_probe, uint16_t cc_sequence)
{
    uint16_t sequence = model->sequence++;

    hd_cc_sender_on_sent(&model->cc, bytes);
    model->sent++;
    model->sent_bytes += bytes;
    for (uint32_t i = 0; i < model->receivers_count; i++) {
        struct model_receiver *receiver = &model->receivers[i];
        uint64_t arrival_ns = pass(model, receiver, bytes);

        if (arrival_ns == 0)
            continue;
        receiver->received_bytes += bytes;
        hd_cc_receiver_on_datagram(&receiver->cc, sequence, bytes, arrival_ns);
        if (is_probe)
            deliver_probe(model, receiver, cc_sequence, arrival_ns);
    }
}

static void send_probe(struct model *model)
{
    uint16_t sequence;

    hd_grtt_on_probe(&model->grtt, model->config.segment_bytes, hd_cc_sender_rate(&model->cc), model->now_ns);
    sequence = hd_cc_sender_probe(&model->cc, hd_grtt_ns(&model->grtt), model->now_ns);
    model->probe_ns = model->now_ns;
    send(model, PROBE_BYTES, true, sequence);
}

static void take_reports(struct model *model)
{
    for (uint32_t i = 0; i < model->events_count;) {
        struct model_event event = model->events[i];

        if (event.time_ns > model->now_ns) {
            i++;
            continue;
        }
        model->events_count--;
        memmove(&model->events[i], &model->events[i + 1], (model->events_count - i) * sizeof event);
        hd_grtt_on_sample(&model->grtt, event.report.rtt_ns);
        hd_cc_sender_on_report(&model->cc, &event.report, event.time_ns);
    }
}

static void step(struct model *model)
{
    uint64_t rate_bps = hd_cc_sender_rate(&model->cc);
    uint64_t burst;

    for (uint32_t i = 0; i < model->receivers_count; i++) {
        if (hd_cc_receiver_feedback_due_ns(&model->receivers[i].cc) <= model->now_ns)
            answer(model, &model->receivers[i], model->now_ns);
    }
    take_reports(model);
    if (model->now_ns >= model->probe_ns + hd_cc_sender_probe_interval_ns(&model->cc, hd_grtt_ns(&model->grtt)))
        send_probe(model);
    if (model->application_bps > 0 && model->application_bps < rate_bps)
        rate_bps = model->application_bps;
    burst = rate_bps / MODEL_DATAGRAM_BYTES * BURST_NS / SEC;
    burst = burst < 1 ? 1 : burst > BURST_MAX ? BURST_MAX : burst;
    for (uint64_t i = 0; i < burst; i++)
        send(model, MODEL_DATAGRAM_BYTES, false, 0);
    model->now_ns += burst * MODEL_DATAGRAM_BYTES * SEC / rate_bps;
}

void model_run(struct model *model, uint64_t until_ns)
{
    uint64_t end_ns = 1000 * SEC + until_ns;

    if (model->cc.round == 1)
        send_probe(model);
    while (model->now_ns < end_ns)
        step(model);
}

void model_run_both(struct model *one, struct model *other, uint64_t until_ns)
{
    model_run(one, 0);
    model_run(other, 0);
    while (one->now_ns < 1000 * SEC + until_ns)
        step(one->now_ns <= other->now_ns ? one : other);
}

void model_run_on(struct model *model, uint64_t time_ns)
{
    model_run(model, model->now_ns - 1000 * SEC + time_ns);
}

uint64_t model_used_percent(const struct model *model, const struct model_receiver *receiver)
{
    uint64_t possible_bytes = receiver->link.rate_bps * ((model->now_ns - model->reset_ns) / 1000) / 1000000;

    return receiver->received_bytes * 100 / (possible_bytes + 1);
}

uint64_t model_overflow_permille(const struct model *model, const struct model_receiver *receiver)
{
    return receiver->overflows * 1000 / (model->sent + 1);
}
