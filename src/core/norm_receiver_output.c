/* SPDX-License-Identifier: MIT */
/*
 * NACKs and ACKs into datagrams. Senders for which something waits are queued, and served in turn.
 */
#include "norm_receiver.h"

/* --- the queue --- */

void hd_rx_output_want(herald_norm_receiver *receiver, struct hd_rx_remote *remote, uint8_t what)
{
    assert(!receiver->config.silent);
    remote->pending |= what;
    if (remote->is_queued)
        return;
    remote->is_queued = true;
    remote->queue_next = NULL;
    *(receiver->queue_last ? &receiver->queue_last->queue_next : &receiver->queue_first) = remote;
    receiver->queue_last = remote;
}

void hd_rx_output_forget(herald_norm_receiver *receiver, struct hd_rx_remote *remote)
{
    struct hd_rx_remote *previous = NULL;

    remote->pending = 0;
    if (!remote->is_queued)
        return;
    for (struct hd_rx_remote *i = receiver->queue_first; i != remote; i = i->queue_next)
        previous = i;
    *(previous ? &previous->queue_next : &receiver->queue_first) = remote->queue_next;
    if (receiver->queue_last == remote)
        receiver->queue_last = previous;
    remote->is_queued = false;
}

void hd_rx_output_expire(herald_norm_receiver *receiver, struct hd_rx_remote *remote, uint64_t now_ns)
{
    if (remote->watermark_ns <= now_ns) {
        remote->watermark_ns = HERALD_NEVER;
        hd_rx_output_want(receiver, remote, HD_RX_SEND_WATERMARK);
    }
    if (remote->application_ns <= now_ns) {
        remote->application_ns = HERALD_NEVER;
        hd_rx_output_want(receiver, remote, HD_RX_SEND_APPLICATION);
    }
    if (!receiver->config.silent && hd_cc_receiver_feedback_due_ns(&remote->cc) <= now_ns)
        hd_rx_output_want(receiver, remote, HD_RX_SEND_CC);
}

/* --- messages --- */

/* When the last probe was sent, moved on by the time that we held it (RFC 5740 section 5.5.1); 0 without a probe. */
static struct hd_timestamp probe_response(const struct hd_rx_remote *remote, uint64_t now_ns)
{
    if (remote->probe_ns == HERALD_NEVER)
        return (struct hd_timestamp){ 0 };
    return hd_timestamp_of_ns(hd_timestamp_ns(remote->probe_sent) + (now_ns - remote->probe_ns));
}

/* Our header. NACKs and ACKs are not counted: their sequence is 0, as deployed. */
static struct hd_header header_of(const herald_norm_receiver *receiver, const struct hd_rx_remote *remote)
{
    return (struct hd_header){ .source_id = receiver->config.node_id, .instance_id = remote->instance_id };
}

/* EXT_CC must be the first extension. */
static void end_header(struct hd_rx_remote *remote, struct hd_writer *writer)
{
    struct hd_cc_feedback feedback;
    struct hd_cc_delivery delivery;

    if (hd_cc_receiver_fill(&remote->cc, &feedback, &delivery)) {
        hd_wire_put_ext_cc(writer, &feedback);
        hd_wire_put_ext_delivery(writer, &delivery);
    }
    hd_wire_end_header(writer);
}

/* An ACK without its payload. */
static void put_ack(const herald_norm_receiver *receiver, struct hd_rx_remote *remote, struct hd_writer *writer,
                    uint8_t ack_type, uint8_t ack_id, uint64_t now_ns)
{
    struct hd_header header = header_of(receiver, remote);

    hd_wire_put_ack(writer, &header, remote->node_id, ack_type, ack_id, probe_response(remote, now_ns));
    end_header(remote, writer);
}

/* RFC 5740: a NACK's content is no longer than a segment; but with tiny segments it still says something. */
static size_t request_bytes_max(const struct hd_rx_remote *remote)
{
    if (remote->has_fti && remote->fti.segment_bytes > HD_RX_REQUEST_BYTES)
        return remote->fti.segment_bytes;
    return HD_RX_REQUEST_BYTES;
}

/* One NACK of the cycle, the last one ends it. @return false: there was nothing to ask for. */
static bool put_nack(herald_norm_receiver *receiver, struct hd_rx_remote *remote, struct hd_writer *writer,
                     uint64_t now_ns)
{
    struct hd_header header = header_of(receiver, remote);
    struct hd_cc_receiver cc = remote->cc;
    size_t header_bytes;
    bool is_done;

    hd_wire_put_nack(writer, &header, remote->node_id, probe_response(remote, now_ns));
    end_header(remote, writer);
    if (writer->overflow)
        return false;
    header_bytes = hd_writer_size(writer);
    hd_writer_limit(writer, request_bytes_max(remote));
    is_done = hd_rx_nack_build(receiver, remote, writer);
    if (hd_writer_size(writer) == header_bytes) {
        remote->cc = cc; /* nothing was said */
        receiver->statistics.nacks_suppressed += remote->nacks_count == 0 && remote->has_covered;
        remote->pending &= (uint8_t)~HD_RX_SEND_NACK;
        hd_rx_repair_hold_off(remote, now_ns);
        return false;
    }
    receiver->statistics.nacks++;
    receiver->statistics.nack_bytes += hd_writer_size(writer);
    remote->pending &= (uint8_t)~HD_RX_SEND_CC;
    if (++remote->nacks_count == HD_RX_NACKS_PER_CYCLE || is_done) {
        remote->pending &= (uint8_t)~HD_RX_SEND_NACK;
        hd_rx_repair_hold_off(remote, now_ns);
    }
    return true;
}

/* What is most urgent for a sender. @return false: nothing was written. */
static bool put_one(herald_norm_receiver *receiver, struct hd_rx_remote *remote, struct hd_writer *writer,
                    struct herald_norm_datagram *datagram, uint64_t now_ns)
{
    uint8_t what = (uint8_t)(remote->pending & -remote->pending);

    datagram->to_group = !receiver->config.unicast_feedback;
    if (what == HD_RX_SEND_NACK)
        return put_nack(receiver, remote, writer, now_ns);
    if (what == HD_RX_SEND_WATERMARK) {
        put_ack(receiver, remote, writer, HD_ACK_FLUSH, 0, now_ns);
        hd_wire_put_position(writer, &remote->watermark);
    } else if (what == HD_RX_SEND_APPLICATION) {
        datagram->to_group &= remote->is_answer_for_all;
        put_ack(receiver, remote, writer, remote->application_type, remote->application_id, now_ns);
        datagram->payload = remote->application_size_bytes > 0 ? remote->application_bytes : NULL;
        datagram->payload_bytes = remote->application_size_bytes;
    } else {
        /* The sender's list tells everybody what we limit: nobody else has to hear this often from us. */
        datagram->to_group &= remote->cc.flags == 0;
        put_ack(receiver, remote, writer, HD_ACK_CC, 0, now_ns);
    }
    if (writer->overflow)
        return false;
    remote->pending &= (uint8_t) ~(what | HD_RX_SEND_CC); /* each of them carries the feedback */
    receiver->statistics.acks++;
    return true;
}

static void take_first(herald_norm_receiver *receiver)
{
    struct hd_rx_remote *remote = receiver->queue_first;

    receiver->queue_first = remote->queue_next;
    if (!receiver->queue_first)
        receiver->queue_last = NULL;
    remote->is_queued = false;
}

int herald_norm_receiver_poll_output(herald_norm_receiver *receiver, struct herald_norm_datagram *datagram,
                                     uint64_t now_ns)
{
    if (datagram->buffer_bytes < HERALD_NORM_BUFFER_BYTES(0))
        return -EMSGSIZE;
    while (receiver->queue_first) {
        struct hd_rx_remote *remote = receiver->queue_first;
        struct hd_writer writer = hd_writer_over(datagram->buffer, datagram->buffer_bytes);
        bool is_written = false;

        datagram->payload = NULL;
        datagram->payload_bytes = 0;
        if (remote->pending != 0) {
            is_written = put_one(receiver, remote, &writer, datagram, now_ns);
            hd_rx_timer_update(receiver, remote);
        }
        if (remote->pending == 0)
            take_first(receiver);
        if (!is_written)
            continue;
        assert(!writer.overflow); /* 128 bytes are enough for every header of ours */
        datagram->header_bytes = hd_writer_size(&writer);
        datagram->destination = remote->address;
        return 1;
    }
    return 0;
}
