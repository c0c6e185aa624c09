/* SPDX-License-Identifier: MIT */
/* herald send --rate: the same message back to back, paced in bursts. */
#include "send.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>

#define NS_PER_S UINT64_C(1000000000)

/* A burst is about as long as a timer is late: shorter ones would cost wake-ups, longer ones queues in switches. */
#define BURST_NS 200e3

/* Who was stopped for longer than this starts over instead of catching up with a flood. */
#define BEHIND_MAX_NS (UINT64_C(100) * 1000 * 1000)

/* Without pacing, how many bursts go out between two looks at answers and Ctrl-C. */
enum { BURSTS_BETWEEN_LOOKS = 8 };

struct stream {
    double messages_per_second; /* on each sender; 0: no pacing */
    uint64_t messages_max;      /* or UINT64_MAX */
    uint64_t messages;          /* sent so far on every sender */
    size_t burst;               /* messages at a time */
    uint8_t *run;               /* the message, `burst` times */
    uint64_t base_ns;           /* when the message number `base` was due */
    uint64_t base;
};

/* ---- what is to be done ---------------------------------------------------------------------- */

static double datagrams_per_second(const struct send *send)
{
    const struct rate *rate = &send->settings->rate;

    switch (rate->kind) {
    case RATE_FIXED:
        return (double)rate->value / 8 / (double)send->payload.size;
    case RATE_PACKETS:
        return (double)rate->value;
    case RATE_MAX:
    case RATE_NONE:
        break;
    }
    return 0;
}

/* More than one system call takes would leave a small remainder for a second one. */
static size_t burst_max(size_t size_bytes)
{
    size_t one_call = size_bytes > 0 ? HERALD_PAYLOAD_MAX_IPV4_BYTES / size_bytes : HERALD_RUN_SEGMENTS_MAX;

    if (one_call > HERALD_RUN_SEGMENTS_MAX)
        return HERALD_RUN_SEGMENTS_MAX;
    return one_call > 0 ? one_call : 1;
}

static size_t burst_size(double messages_per_second, size_t size_bytes)
{
    double burst = messages_per_second * BURST_NS / 1e9;
    size_t most = burst_max(size_bytes);

    if (messages_per_second <= 0 || burst >= (double)most)
        return most;
    return burst < 1 ? 1 : (size_t)burst;
}

static int prepare(struct send *send, struct stream *stream)
{
    double rate = datagrams_per_second(send);
    size_t size = send->payload.size;

    /* The rate is that of everything sent, on all groups and interfaces together. */
    stream->messages_per_second = rate / (double)send->sender_count;
    stream->messages_max = send->messages_max;
    stream->burst = burst_size(stream->messages_per_second, size);
    stream->run = malloc(stream->burst * size + 1);
    if (stream->run == NULL)
        return -ENOMEM;
    for (size_t i = 0; i < stream->burst && size > 0; i++)
        memcpy(stream->run + i * size, send->payload.data, size);
    if (rate > 0)
        send_report_pace(send, rate, stream->burst);
    stream->base_ns = herald_clock_ns();
    return 0;
}

/* ---- sending --------------------------------------------------------------------------------- */

/* @return the number of datagrams sent, or -errno. */
static int send_some(const struct send *send, herald_sender *sender, const struct stream *stream, size_t count,
                     struct herald_error *error)
{
    size_t size = send->payload.size;
    int result;

    if (count > 1 && size > 0)
        return herald_sender_send_run(sender, stream->run, count * size, size, error);
    result = herald_sender_send(sender, stream->run, size, error);
    return result < 0 ? result : 1;
}

/* Sends `count` messages on one sender, however long its buffer is full. @return whether to go on. */
static bool send_burst(struct send *send, size_t index, const struct stream *stream, size_t count)
{
    herald_sender *sender = send->senders[index];
    struct herald_error error;

    while (count > 0) {
        int result = send_some(send, sender, stream, count, &error);

        if (result > 0) {
            count -= (size_t)result;
        } else if (result == -EAGAIN || result == -ENOBUFS) {
            /* Above 1 ms POLLOUT may have been missed: the buffer of a device is not that of the socket. */
            if (!send_wait(send, herald_sender_fd(sender), POLLOUT, herald_clock_ns() + NS_PER_S / 1000))
                return false;
        } else {
            send_fail(send, &error);
            return false;
        }
    }
    return true;
}

/* When the next burst is due. */
static uint64_t due_ns(const struct stream *stream)
{
    if (stream->messages_per_second <= 0)
        return 0;
    return stream->base_ns + (uint64_t)((double)(stream->messages - stream->base) * 1e9 / stream->messages_per_second);
}

/* Waits until the next burst is due, and takes answers meanwhile. @return whether to go on. */
static bool wait_for_turn(struct send *send, struct stream *stream)
{
    uint64_t due = due_ns(stream);
    uint64_t now_ns = herald_clock_ns();

    if (due != 0 && now_ns > due + BEHIND_MAX_NS) {
        stream->base = stream->messages;
        stream->base_ns = now_ns;
        due = now_ns;
    }
    do {
        bool go_on = send_wait(send, send->answers_fd, POLLIN, due);

        send_take_answers(send, false);
        if (!go_on || send->failed)
            return false;
    } while (herald_clock_ns() < due);
    return true;
}

static bool has_enough_responders(const struct send *send)
{
    return send->settings->expect > 0 && send->tally.count >= (uint64_t)send->settings->expect;
}

static void send_stream_bursts(struct send *send, struct stream *stream)
{
    bool endless = stream->messages_max == UINT64_MAX && send->settings->limit_ns == 0;

    for (uint64_t bursts = 0; stream->messages < stream->messages_max; bursts++) {
        uint64_t left = stream->messages_max - stream->messages;
        size_t count = left < stream->burst ? (size_t)left : stream->burst;

        if (endless && has_enough_responders(send)) /* nothing else but --expect says when to end */
            return;
        if ((stream->messages_per_second > 0 || bursts % BURSTS_BETWEEN_LOOKS == 0) && !wait_for_turn(send, stream))
            return;
        for (size_t i = 0; i < send->sender_count; i++) {
            if (!send_burst(send, i, stream, count))
                return;
        }
        stream->messages += count;
    }
}

/* ---- answers after the last message ---------------------------------------------------------- */

static void wait_for_answers(struct send *send)
{
    uint64_t responses = send->totals.responses;
    uint64_t until_ns = herald_clock_ns() + send->settings->wait_ns;
    bool go_on = true;

    while (go_on && !has_enough_responders(send) && herald_clock_ns() < until_ns) {
        go_on = send_wait(send, send->answers_fd, POLLIN, until_ns);
        send_take_answers(send, false);
        if (send->totals.responses > responses)
            until_ns = herald_clock_ns() + send->settings->wait_ns;
        responses = send->totals.responses;
    }
}

/* A message is worth its interval, the last too: five at 100 a second are 50 ms, though the fifth leaves at 40 ms. */
static void count_stream(struct send *send, const struct stream *stream)
{
    uint64_t now_ns = herald_clock_ns();
    uint64_t end_ns = due_ns(stream) > now_ns ? due_ns(stream) : now_ns;

    send->totals.sending_ns = (int64_t)(now_ns - send->start_ns);
    send->totals.pacing_ns = (int64_t)(end_ns - send->start_ns);
    send->totals.messages = stream->messages;
}

void send_stream(struct send *send)
{
    struct stream stream = { .messages = 0 };
    struct herald_error error;

    send->message.number = 1; /* they are all the same: an answer to one is an answer to all */

    (void)prctl(PR_SET_TIMERSLACK, 1UL); /* paced wake-ups are 50 µs late otherwise */
    if (prepare(send, &stream) < 0) {
        (void)herald_error_set(&error, -ENOMEM, "out of memory");
        send_fail(send, &error);
        return;
    }
    send_stream_bursts(send, &stream);
    count_stream(send, &stream);
    free(stream.run);
    if (!send->failed && !send->interrupted && !send->time_up && send->output.write_error == 0)
        wait_for_answers(send);
    if (send->tally.count < (uint64_t)send->settings->expect)
        send->totals.short_messages++;
}
