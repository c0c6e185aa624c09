/* SPDX-License-Identifier: MIT */
/* herald send without --rate: each message is a question, and its answers are reported as they come. */
#include "send.h"

#include "interrupt.h"

#include <errno.h>
#include <poll.h>
#include <string.h>

#define NS_PER_S UINT64_C(1000000000)

enum { RECEIVE_CALLS_MAX = 256 };

/* ---- waiting --------------------------------------------------------------------------------- */

bool send_wait(struct send *send, int fd, short events, uint64_t until_ns)
{
    struct pollfd fds[] = {
        { .fd = send->interrupt_fd, .events = POLLIN },
        { .fd = fd, .events = events },
    };
    uint64_t end_ns = until_ns < send->end_ns ? until_ns : send->end_ns;
    uint64_t now_ns = herald_clock_ns();
    uint64_t left_ns = end_ns > now_ns ? end_ns - now_ns : 0;
    struct timespec timeout = { .tv_sec = (time_t)(left_ns / NS_PER_S), .tv_nsec = (long)(left_ns % NS_PER_S) };

    /* An error of ppoll() shows as no descriptor being ready; the deadlines end the wait in any case. */
    (void)ppoll(fds, 2, end_ns == HERALD_NEVER ? NULL : &timeout, NULL);
    if (fds[0].revents != 0 && interrupt_came(send->interrupt_fd))
        send->interrupted = true;
    if (herald_clock_ns() >= send->end_ns)
        send->time_up = true;
    return !send->interrupted && !send->time_up && send->output.write_error == 0;
}

/* A run of the sender's socket is one datagram, or several of one responder. */
static void take_run(struct send *send, size_t sender_index, const struct herald_run *run, bool print)
{
    uint64_t sent_ns = herald_sender_sent_time_ns(send->senders[sender_index]);
    bool timed = print && sent_ns != 0 && run->time_ns >= sent_ns;

    for (size_t i = 0; i < herald_run_count(run); i++) {
        struct herald_response response = {
            .peer = run->source,
            .time_ns = run->time_ns,
            .round_trip_ns = timed ? (int64_t)(run->time_ns - sent_ns) : -1,
            .attempt = 1,
            .sender_index = sender_index,
            .ttl = run->ttl,
            .first = tally_is_first(&send->tally, &run->source, send->message.number),
        };

        response.payload = herald_run_datagram(run, i, &response.size_bytes);
        send_report_response(send, &response, print);
    }
}

void send_take_answers(struct send *send, bool print)
{
    for (size_t i = 0; i < send->sender_count; i++) {
        struct herald_run runs[HERALD_RUNS_MAX];
        int count = 1;

        /* Not for ever: answers may come as fast as they are taken. */
        for (int calls = 0; calls < RECEIVE_CALLS_MAX && count > 0; calls++) {
            count = herald_sender_receive(send->senders[i], runs, HERALD_RUNS_MAX);
            for (int k = 0; k < count; k++)
                take_run(send, i, &runs[k], print);
        }
    }
}

/* ---- one message ----------------------------------------------------------------------------- */

static void count_sent(struct send *send)
{
    for (size_t i = 0; send->sender_count > 1 && i < send->sender_count; i++) {
        struct herald_sender_stats stats;

        herald_sender_stats(send->senders[i], &stats);
        send->sent[i] = stats.datagrams;
    }
}

/*
 * A question goes out as long as any sender can send. One that could not is asked once more, for the reason: if that
 * succeeds, all is well, because the message went out there once.
 */
static void find_silent_senders(struct send *send)
{
    for (size_t i = 0; send->sender_count > 1 && i < send->sender_count; i++) {
        struct herald_sender_stats stats;
        struct herald_error error;

        herald_sender_stats(send->senders[i], &stats);
        if (stats.datagrams > send->sent[i])
            continue;
        if (herald_sender_send(send->senders[i], send->payload.data, send->payload.size, &error) >= 0)
            continue;
        output_warning(&send->output, &error);
        send->sender_lost = send->sender_lost || !send->settings->all_interfaces;
    }
}

/* How long the question may last: until the next message is due, or the end by --for. 0: no limit. */
static uint64_t question_limit(const struct send *send, uint64_t now_ns, uint64_t next_due_ns)
{
    uint64_t end_ns = send->end_ns < next_due_ns ? send->end_ns : next_due_ns;

    if (end_ns == HERALD_NEVER)
        return 0;
    return end_ns > now_ns ? end_ns - now_ns : 1;
}

static int start_question(struct send *send, uint64_t next_due_ns, herald_ask **ret_ask, struct herald_error *error)
{
    const struct send_settings *settings = send->settings;
    uint64_t now_ns = herald_clock_ns();
    struct herald_ask_config config = {
        .senders = send->senders,
        .sender_count = send->sender_count,
        .payload = send->payload.data,
        .size_bytes = send->payload.size,
        .wait_ns = settings->wait_ns > 0 ? settings->wait_ns : 1,
        .limit_ns = question_limit(send, now_ns, next_due_ns),
        .expect = (uint32_t)settings->expect,
        .retries = (uint32_t)settings->retry,
    };

    return herald_ask_new(ret_ask, &config, now_ns, error);
}

/* Reads and reports; tells of a repetition. A repetition that fails is a warning, if the question can go on. */
static void process_question(struct send *send, herald_ask *ask)
{
    uint32_t attempts = herald_ask_attempts(ask);
    struct herald_response response;
    struct herald_error error;
    int result = herald_ask_process(ask, herald_clock_ns(), &error);

    while (herald_ask_next_response(ask, &response) > 0)
        send_report_response(send, &response, true);
    if (herald_ask_attempts(ask) > attempts)
        send_report_retry(send, herald_ask_responders(ask), herald_ask_attempts(ask));
    if (result < 0 && herald_ask_attempts(ask) > attempts)
        output_warning(&send->output, &error);
    else if (result < 0)
        send_fail(send, &error);
}

/* Judges the message under way: nothing that comes from now on is an answer to it in time. */
static void close_message(struct send *send)
{
    struct message *message = &send->message;

    if (message->number == 0 || message->closed)
        return;
    message->closed = true;
    if (message->responders < (uint64_t)send->settings->expect)
        send->totals.short_messages++;
    if (send->messages_max != 1)
        send_report_message(send);
}

static void ask_message(struct send *send, uint64_t number, uint64_t next_due_ns)
{
    struct herald_error error;
    herald_ask *ask;

    count_sent(send);
    if (start_question(send, next_due_ns, &ask, &error) < 0) {
        /* The first that cannot be sent is the end; later it may be a cable that comes back. */
        if (send->totals.messages == 0) {
            send_fail(send, &error);
            return;
        }
        send->totals.unsent++;
        output_warning(&send->output, &error);
        return;
    }
    send->message = (struct message){ .number = number, .slowest_ns = -1 };
    send->totals.messages++;
    find_silent_senders(send);
    while (!herald_ask_done(ask) && !send->failed) {
        bool go_on = send_wait(send, herald_ask_fd(ask), POLLIN, herald_ask_deadline(ask));

        process_question(send, ask);
        if (!go_on)
            break;
    }
    send->message.attempts = herald_ask_attempts(ask);
    send->totals.attempts += herald_ask_attempts(ask);
    (void)herald_ask_free(ask);
}

/* ---- all of them ----------------------------------------------------------------------------- */

/* What comes between two questions is an answer to the earlier one that took longer than --wait. */
static bool pause_until(struct send *send, uint64_t until_ns)
{
    bool go_on = true;

    do {
        go_on = send_wait(send, send->answers_fd, POLLIN, until_ns) && !send->failed;
        send_take_answers(send, true);
    } while (go_on && herald_clock_ns() < until_ns);
    return go_on;
}

void send_ask_all(struct send *send)
{
    const struct send_settings *settings = send->settings;
    uint64_t interval_ns = settings->interval_ns > 0 ? settings->interval_ns : NS_PER_S;
    uint64_t due_ns = send->start_ns;

    for (uint64_t number = 1; number <= send->messages_max; number++) {
        bool last = number == send->messages_max;

        if (number > 1 && !pause_until(send, due_ns))
            break;
        close_message(send);
        due_ns += interval_ns;
        if (due_ns < herald_clock_ns()) /* repetitions took longer than the interval: no hurry to catch up */
            due_ns = herald_clock_ns();
        /* Repeating it may take longer than the interval. */
        ask_message(send, number, last || settings->retry > 0 ? HERALD_NEVER : due_ns);
        if (send->failed || send->interrupted || send->time_up || send->output.write_error != 0)
            break;
    }
    close_message(send);
}
