/* SPDX-License-Identifier: MIT */
/*
 * Which sender's deadline is next: a binary heap, so that a receiver of thousands of senders looks at one of them.
 *
 * Invariant: heap[i]->wake_ns >= heap[(i - 1) / 2]->wake_ns and heap[i]->heap_place == i.
 */
#include "norm_receiver.h"

static void put(herald_norm_receiver *receiver, uint32_t place, struct hd_rx_remote *remote)
{
    receiver->heap[place] = remote;
    remote->heap_place = place;
}

static void rise(herald_norm_receiver *receiver, struct hd_rx_remote *remote)
{
    uint32_t place = remote->heap_place;

    while (place > 0 && receiver->heap[(place - 1) / 2]->wake_ns > remote->wake_ns) {
        put(receiver, place, receiver->heap[(place - 1) / 2]);
        place = (place - 1) / 2;
    }
    put(receiver, place, remote);
}

static void sink(herald_norm_receiver *receiver, struct hd_rx_remote *remote)
{
    uint32_t place = remote->heap_place;

    for (;;) {
        uint32_t child = 2 * place + 1;

        if (child + 1 < receiver->heap_count && receiver->heap[child + 1]->wake_ns < receiver->heap[child]->wake_ns)
            child++;
        if (child >= receiver->heap_count || receiver->heap[child]->wake_ns >= remote->wake_ns)
            break;
        put(receiver, place, receiver->heap[child]);
        place = child;
    }
    put(receiver, place, remote);
}

static uint64_t earlier(uint64_t a_ns, uint64_t b_ns)
{
    return a_ns < b_ns ? a_ns : b_ns;
}

/* The earliest of a sender's deadlines. Feedback that waits for poll_output() is not one any more. */
static uint64_t wake_time(const herald_norm_receiver *receiver, const struct hd_rx_remote *remote)
{
    uint64_t wake_ns = earlier(remote->repair_ns, remote->activity_ns);

    wake_ns = earlier(wake_ns, earlier(remote->watermark_ns, remote->application_ns));
    if (receiver->config.silent || remote->pending & HD_RX_SEND_CC)
        return wake_ns;
    return earlier(wake_ns, hd_cc_receiver_feedback_due_ns(&remote->cc));
}

void hd_rx_timer_add(herald_norm_receiver *receiver, struct hd_rx_remote *remote)
{
    assert(receiver->heap_count < receiver->config.senders_max);
    remote->wake_ns = wake_time(receiver, remote);
    put(receiver, receiver->heap_count++, remote);
    rise(receiver, remote);
}

void hd_rx_timer_remove(herald_norm_receiver *receiver, struct hd_rx_remote *remote)
{
    struct hd_rx_remote *last = receiver->heap[--receiver->heap_count];

    assert(receiver->heap[remote->heap_place] == remote || last == remote);
    if (last == remote)
        return;
    put(receiver, remote->heap_place, last);
    rise(receiver, last);
    sink(receiver, last);
}

void hd_rx_timer_update(herald_norm_receiver *receiver, struct hd_rx_remote *remote)
{
    uint64_t wake_ns = wake_time(receiver, remote);

    if (wake_ns == remote->wake_ns)
        return;
    remote->wake_ns = wake_ns;
    rise(receiver, remote);
    sink(receiver, remote);
}
