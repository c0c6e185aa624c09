/* SPDX-License-Identifier: MIT */
#include "listen.h"

#include <errno.h>
#include <string.h>

void listen_setup_answers(struct listener *listener)
{
    const struct listen_settings *settings = listener->settings;
    struct answers *answers = &listener->answers;

    answers->text = settings->ack != NULL ? settings->ack : "ack";
    answers->enabled = settings->reply_exec == NULL; /* the program's output is the answer then */
    if (strcmp(answers->text, "never") == 0) {
        answers->enabled = false;
    } else if (strcmp(answers->text, "always") == 0) {
        answers->unlimited = true;
        answers->text = "ack";
    }
}

static void count_failure(struct listener *listener, const struct herald_error *error)
{
    listener->answers.failed++;
    if (!listener->answers.failure_told) /* once: a log storm would hide what matters */
        output_warning(&listener->messages, error);
    listener->answers.failure_told = true;
}

static void tell_limit(struct listener *listener, const struct herald_address *source)
{
    char text[HERALD_ADDRESS_TEXT_BYTES];

    herald_address_format(source, text, sizeof(text));
    output_note(&listener->messages, "stopped answering %s more than %d times a second (--ack always lifts the limit)",
                text, ANSWERS_PER_SECOND_MAX);
}

static void answer(struct listener *listener, const struct herald_peer *to, uint16_t group_port, const void *payload,
                   size_t size)
{
    struct herald_error error;

    if (herald_receiver_reply(listener->receiver, to, group_port, payload, size, &error) < 0)
        count_failure(listener, &error);
    else
        listener->answers.sent++;
}

void listen_answer_run(struct listener *listener, const struct herald_run *run, struct source *source, size_t count,
                       uint64_t now_ns)
{
    struct answers *answers = &listener->answers;
    size_t length = strlen(answers->text);

    if (!answers->enabled)
        return;
    for (size_t i = 0; i < count; i++) {
        bool tell = false;

        if (!answers->unlimited && (source == NULL || !source_may_be_answered(source, now_ns, &tell))) {
            answers->withheld += count - i; /* the rest of the run comes in the same second */
            if (tell)
                tell_limit(listener, &run->source.address);
            return;
        }
        answer(listener, &run->source, run->group_port, answers->text, length);
    }
}

/* Once, when it begins: the number comes at the end. */
static void tell_overflow(struct listener *listener)
{
    struct herald_error error;

    if (listener->overflow_told)
        return;
    listener->overflow_told = true;
    herald_error_set(
        &error, -EBUSY,
        "datagrams come faster than the program takes them: %d wait, the program is not run for those that "
        "find no room",
        (int)RUNNER_QUEUE_MAX);
    output_warning(&listener->messages, &error);
}

void listen_submit_run(struct listener *listener, const struct herald_run *run, size_t count)
{
    char group[HERALD_ADDRESS_TEXT_BYTES];

    if (listener->runner == NULL)
        return;
    herald_address_format(&run->group, group, sizeof(group));
    for (size_t i = 0; i < count; i++) {
        struct runner_job job = {
            .peer = run->source,
            .group_port = run->group_port,
            .group = group,
            .interface = herald_receiver_interface_name(listener->receiver, run->source.interface_index),
            .ttl = run->ttl,
            .time_ns = run->time_ns,
        };

        job.payload = herald_run_datagram(run, i, &job.size_bytes);
        if (runner_submit(listener->runner, &job) < 0) {
            listener->not_run++;
            tell_overflow(listener);
        }
    }
}

void listen_run_programs(struct listener *listener, uint64_t now_ns)
{
    struct runner_result result;

    if (listener->runner == NULL)
        return;
    while (runner_process(listener->runner, now_ns, &result) > 0) {
        if (result.failed)
            output_warning(&listener->messages, &result.error);
        else if (listener->settings->reply_exec != NULL)
            answer(listener, &result.peer, result.group_port, result.output, result.output_bytes);
    }
}
