/* SPDX-License-Identifier: MIT */
/* Round-trip times and congestion control: probes out (RFC 5740 section 4.2.3, CMD(CC)), what receivers say in. */
#include "norm_sender.h"

/* The clock that probes carry. */
static uint64_t probe_clock_ns(uint64_t now_ns)
{
    return now_ns + HD_TX_CLOCK_BASE_NS;
}

/* The estimate as it can be said on the wire: what receivers, and so our own timers, count in. */
static void update_grtt(struct herald_norm_sender *sender, uint64_t now_ns)
{
    uint8_t quantised = hd_rtt_encode(hd_grtt_ns(&sender->grtt));
    struct herald_norm_sender_event event = { .type = HERALD_NORM_SENDER_GRTT };
    uint64_t old_grtt_ns = sender->grtt_ns;
    uint64_t slow_ns = now_ns + (sender->config.backoff_factor + UINT64_C(2)) * old_grtt_ns;

    if (quantised == sender->header.grtt)
        return;
    if (now_ns >= sender->slow_ns || old_grtt_ns > sender->slow_grtt_ns)
        sender->slow_grtt_ns = old_grtt_ns;
    sender->header.grtt = quantised;
    sender->header_version++;
    sender->grtt_ns = hd_rtt_decode_ns(quantised);
    if (slow_ns > sender->slow_ns)
        sender->slow_ns = slow_ns;
    event.value = sender->grtt_ns;
    hd_tx_event_push(sender, &event);
    hd_tx_room_on_grtt(sender, now_ns);
}

/* The rate of congestion control, to the pacer. */
static void update_rate(struct herald_norm_sender *sender, uint64_t now_ns)
{
    uint64_t rate = hd_cc_sender_rate(&sender->cc);
    uint64_t reported = sender->reported_rate_bytes_per_s;
    struct herald_norm_sender_event event = { .type = HERALD_NORM_SENDER_RATE, .value = rate };

    if (rate != sender->pacer.rate_bytes_per_s)
        hd_pacer_set_rate(&sender->pacer, rate, now_ns);
    if (sender->config.rate_mode == HERALD_NORM_RATE_FIXED ||
        (rate > reported ? rate - reported : reported - rate) < reported / 8 || rate == reported)
        return;
    sender->reported_rate_bytes_per_s = rate;
    hd_tx_event_push(sender, &event);
}

static struct hd_cc_report report_of(const struct hd_message *message, uint64_t rtt_ns)
{
    const struct hd_extensions *extensions = &message->extensions;

    return (struct hd_cc_report){
        .node_id = message->header.source_id,
        .is_nack = message->kind == HD_KIND_NACK,
        .flags = extensions->cc.flags,
        .rtt_ns = rtt_ns,
        .loss = extensions->cc.loss,
        .rate_bps = hd_rate_decode_bps(extensions->cc.rate),
        .sequence = extensions->cc.sequence,
        .has_delivery = (extensions->present & HD_EXT_DELIVERY) != 0,
        .delivery = extensions->delivery,
    };
}

void hd_tx_on_feedback(struct herald_norm_sender *sender, const struct hd_message *message,
                       struct hd_timestamp response, uint64_t now_ns)
{
    struct hd_cc_report report;
    uint64_t rtt_ns = 0;

    if (hd_timestamp_is_set(response))
        rtt_ns = hd_grtt_measure_ns(&sender->grtt, hd_timestamp_ns(response), probe_clock_ns(now_ns));
    hd_grtt_on_sample(&sender->grtt, rtt_ns);
    update_grtt(sender, now_ns);
    if (!(message->extensions.present & HD_EXT_CC))
        return;
    report = report_of(message, rtt_ns);
    hd_cc_sender_on_report(&sender->cc, &report, now_ns);
    update_rate(sender, now_ns);
    if (sender->is_probing && !(sender->due & HD_TX_DUE_PROBE))
        sender->probe_ns = sender->last_probe_ns + hd_cc_sender_probe_interval_ns(&sender->cc, sender->grtt_ns);
}

/* Is anything going on that receivers answer to? */
static bool is_busy(const struct herald_norm_sender *sender)
{
    return sender->sending || hd_tx_is_repairing(sender) || sender->flush_state != HD_TX_FLUSH_NONE ||
           sender->mark.state == HD_TX_MARK_WAITING || sender->mark.state == HD_TX_MARK_ASKING ||
           sender->command.is_active || sender->request.is_active;
}

void hd_tx_probe_timeout(struct herald_norm_sender *sender, uint64_t now_ns)
{
    (void)now_ns;
    sender->probe_ns = HERALD_NEVER;
    if (is_busy(sender))
        sender->due |= HD_TX_DUE_PROBE;
    else
        sender->is_probing = false;
}

void hd_tx_send_probe(struct herald_norm_sender *sender, struct herald_norm_datagram *datagram, uint64_t now_ns)
{
    struct hd_writer writer = hd_tx_writer(sender, datagram);
    struct hd_cc_node node;
    uint16_t sequence;

    hd_grtt_on_probe(&sender->grtt, sender->config.segment_bytes, hd_cc_sender_rate(&sender->cc), now_ns);
    update_grtt(sender, now_ns);
    sequence = hd_cc_sender_probe(&sender->cc, sender->grtt_ns, now_ns);
    update_rate(sender, now_ns);
    hd_wire_put_cc(&writer, &sender->header, sequence, hd_timestamp_of_ns(probe_clock_ns(now_ns)));
    hd_wire_put_ext_rate(&writer, hd_rate_encode(hd_cc_sender_rate(&sender->cc)));
    hd_wire_end_header(&writer);
    hd_writer_limit(&writer, sender->config.segment_bytes);
    for (uint32_t i = 0; hd_cc_sender_list_node(&sender->cc, i, &node) && hd_wire_put_cc_node(&writer, &node);)
        i++;
    hd_tx_finish(sender, datagram, &writer);
    sender->due &= ~(unsigned)HD_TX_DUE_PROBE;
    sender->has_probed = true;
    sender->last_probe_ns = now_ns;
    sender->probe_ns = now_ns + hd_cc_sender_probe_interval_ns(&sender->cc, sender->grtt_ns);
    sender->statistics.cc_probes++;
}
