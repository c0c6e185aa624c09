/* SPDX-License-Identifier: MIT */
#include "commands.h"
#include "interrupt.h"
#include "joins.h"
#include "listen.h"
#include "status.h"
#include "words.h"

#include <errno.h>
#include <poll.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static const char *const format_names[] = { "text", "hex", "raw", "json", NULL };

#define AT(member) offsetof(struct listen_settings, member)

static const struct option listen_options[] = {
    { "interface", 'i', "IFACE", OPTION_LIST, AT(interfaces), 0, 0, NULL, NULL, "iface",
      "join on this interface only; may be given several times. Without it: on every interface that can do multicast, "
      "and lo" },
    { "ack", 0, "TEXT", OPTION_TEXT, AT(ack), 0, 0, NULL, NULL, NULL,
      "answer every datagram with TEXT instead of \"ack\", at most 50 times a second per source; \"never\" does not "
      "answer, \"always\" answers without that limit" },
    { "format", 0, "FORMAT", OPTION_CHOICE, AT(format), 0, 0, "text", format_names, NULL,
      "how datagrams are printed: text is a line each with what is not printable escaped, hex a line of digits each, "
      "raw the payloads alone, json the same as --json" },
    { "output", 'o', "FILE", OPTION_TEXT, AT(output_path), 0, 0, NULL, NULL, "file",
      "write the datagrams to FILE instead of standard output, which - is too" },
    { "exec", 0, "CMD", OPTION_TEXT, AT(exec), 0, 0, NULL, NULL, "command",
      "run CMD for each datagram, in order: the payload on its standard input, the facts in HERALD_SOURCE, "
      "HERALD_SOURCE_PORT, HERALD_GROUP, HERALD_PORT, HERALD_INTERFACE, HERALD_TTL, HERALD_SIZE and HERALD_TIME. What "
      "CMD prints goes to standard error, or with --no-print or -o to standard output" },
    { "reply-exec", 0, "CMD", OPTION_TEXT, AT(reply_exec), 0, 0, NULL, NULL, "command",
      "the same, and answer with what CMD writes to its standard output instead of the ack" },
    { "shell", 0, NULL, OPTION_FLAG, AT(shell), 0, 0, NULL, NULL, NULL,
      "give CMD to /bin/sh -c; without it CMD is split at blanks and no shell sees it. Only the shell ends with a "
      "listener that is killed by force (kill -9), not what it has started" },
    { "exec-timeout", 0, "DURATION", OPTION_DURATION, AT(exec_timeout_ns), 1000000, 86400000000000, "10s", NULL, NULL,
      "kill CMD when it takes longer" },
    { "count", 0, "N", OPTION_NUMBER, AT(count), 1, INT64_MAX, NULL, NULL, NULL, "end after N datagrams" },
    { "for", 0, "DURATION", OPTION_DURATION, AT(for_ns), 1000000, INT64_MAX, NULL, NULL, NULL,
      "end after this time; status 4 if nothing arrived. What still waits for CMD then is dropped and counted; the one "
      "that runs may end" },
    { "stats", 0, "DURATION", OPTION_DURATION, AT(stats_ns), 10000000, 86400000000000, NULL, NULL, NULL,
      "print rate, sources and losses at this interval. What the kernel dropped is counted in packets of one or more "
      "datagrams: at least so many are lost" },
    { "rcvbuf", 0, "SIZE", OPTION_SIZE, AT(receive_buffer_bytes), 2048, 1073741824, "4M", NULL, NULL,
      "ask for this much receive buffer per group and interface; the kernel may grant less, which is told" },
    { "keep-duplicates", 0, NULL, OPTION_FLAG, AT(keep_duplicates), 0, 0, NULL, NULL, NULL,
      "print the copies too that two interfaces on one LAN bring" },
    { "no-ping", 0, NULL, OPTION_FLAG, AT(no_ping), 0, 0, NULL, NULL, NULL,
      "do not answer herald ping, nor tell herald doctor --peer what is wrong with this host: their requests are "
      "printed and acknowledged like other datagrams" },
    { "no-print", 0, NULL, OPTION_FLAG, AT(no_print), 0, 0, NULL, NULL, NULL,
      "do not print the datagrams, only count them" },
    { NULL, 0, NULL, OPTION_FLAG, 0, 0, 0, NULL, NULL, NULL, NULL },
};

/* ---- opening --------------------------------------------------------------------------------- */

static int fail_usage(struct listener *listener, const char *cause)
{
    struct herald_error error;

    herald_error_set(&error, -EINVAL, "%s", cause);
    herald_error_advise(&error, "herald help listen");
    options_report(&listener->messages, &error, STATUS_USAGE);
    return STATUS_USAGE;
}

static int check_settings(struct listener *listener)
{
    const struct listen_settings *settings = listener->settings;

    if (settings->exec != NULL && settings->reply_exec != NULL)
        return fail_usage(listener, "--exec and --reply-exec do not go together: one program is run for each datagram");
    if (settings->shell && settings->exec == NULL && settings->reply_exec == NULL)
        return fail_usage(listener, "--shell needs --exec or --reply-exec");
    if (settings->reply_exec != NULL && settings->ack != NULL)
        return fail_usage(listener, "--ack and --reply-exec do not go together: the answer is what the program writes");
    if (settings->output_path != NULL && settings->output_path[0] == '\0')
        return fail_usage(listener, "--output needs the name of a file; - is standard output");
    return STATUS_DONE;
}

/* What cannot be an endpoint is most likely a message, which is for the other command. */
static void explain_operand(const struct operands *operands, size_t index, struct herald_error *error)
{
    const char *text = operands->items[index];
    char endpoint[100];
    char message[100];

    if (text[0] != '\0' && strpbrk(text, ".:[") == NULL) {
        herald_error_set(error, -EINVAL, "'%.100s' is no endpoint (GROUP:PORT)", text);
        if (index > 0)
            herald_error_advise(error, "herald send %s %s", words_quote(operands->items[0], endpoint, sizeof(endpoint)),
                                words_quote(text, message, sizeof(message)));
        else
            herald_error_advise(error, "herald listen 239.1.2.3:10000");
    } else if (error->advice[0] == '\0') {
        herald_error_advise(error, "herald help listen");
    }
}

static int parse_endpoints(struct listener *listener, const struct operands *operands)
{
    struct herald_error error;

    listener->endpoints = calloc(operands->count, sizeof(*listener->endpoints));
    if (listener->endpoints == NULL)
        return STATUS_FAILED;
    for (size_t i = 0; i < operands->count; i++) {
        if (herald_endpoint_parse(operands->items[i], &listener->endpoints[i], &error) < 0) {
            explain_operand(operands, i, &error);
            options_report(&listener->messages, &error, STATUS_USAGE);
            return STATUS_USAGE;
        }
        listener->endpoint_count++;
    }
    return STATUS_DONE;
}

/* What is wrong with the command line is one thing, what this host cannot do another. @return the status. */
static int fail_open(struct listener *listener, int code, const struct herald_error *error)
{
    int status = code == -EINVAL ? STATUS_USAGE : STATUS_FAILED;

    options_report(&listener->messages, error, status);
    return status;
}

/* Where what is missing was lost. */
static int open_losses(struct listener *listener)
{
    const struct herald_loss_config config = { .receiver = listener->receiver };
    struct herald_error error;
    int r = herald_loss_new(&listener->loss, &config, &error);

    if (r == 0 && listener->settings->stats_ns > 0)
        r = herald_loss_new(&listener->interval_loss, &config, &error);
    return r == 0 ? STATUS_DONE : fail_open(listener, r, &error);
}

/* Pings are answered too, if this host can. */
static void open_responder(struct listener *listener)
{
    const struct herald_responder_config config = { .examine = examined_tell, .examine_userdata = &listener->examined };
    struct herald_error error;

    listener->examined = (struct examined){ listener->endpoints, listener->endpoint_count };
    if (!listener->settings->no_ping && herald_responder_new(&listener->responder, &config, &error) < 0)
        output_warning(&listener->messages, &error);
}

static int open_receiver(struct listener *listener)
{
    const struct listen_settings *settings = listener->settings;
    const struct herald_receiver_config config = {
        .endpoints = listener->endpoints,
        .endpoint_count = listener->endpoint_count,
        .interfaces = settings->interfaces.items,
        .interface_count = settings->interfaces.count,
        .receive_buffer_bytes = settings->receive_buffer_bytes,
        .keep_duplicates = settings->keep_duplicates,
    };
    struct herald_error error;
    int r;

    joins_raise_descriptor_limit();
    r = herald_receiver_new(&listener->receiver, &config, &error);
    if (r < 0)
        return fail_open(listener, r, &error);
    open_responder(listener);
    return open_losses(listener);
}

static void warn_without_shell(struct listener *listener, const char *command_line)
{
    const char *syntax = words_shell_syntax(command_line);
    struct herald_error error;

    if (syntax == NULL)
        return;
    herald_error_set(&error, -EINVAL, "no shell reads '%s' in '%.150s': the program gets it as it is", syntax,
                     command_line);
    herald_error_advise(&error, "--shell, if a shell shall read the command");
    output_warning(&listener->messages, &error);
}

static int open_runner(struct listener *listener)
{
    const struct listen_settings *settings = listener->settings;
    const struct runner_config config = {
        .command_line = settings->exec != NULL ? settings->exec : settings->reply_exec,
        .shell = settings->shell,
        .reply = settings->reply_exec != NULL,
        /* What it prints must not get between datagrams or JSON objects on standard output. */
        .output_to_stderr = settings->exec != NULL &&
                            (listener->messages.json || !(settings->no_print || listener->output_path != NULL)),
        .timeout_ns = settings->exec_timeout_ns,
    };
    struct herald_error error;
    int r;

    if (config.command_line == NULL)
        return STATUS_DONE;
    r = runner_new(&listener->runner, &config, &error);
    if (r < 0)
        return fail_open(listener, r, &error);
    if (!config.shell)
        warn_without_shell(listener, config.command_line);
    return STATUS_DONE;
}

static int open_output(struct listener *listener)
{
    struct herald_error error;

    if (listen_open_output(listener, &error) < 0) {
        options_report(&listener->messages, &error, STATUS_FAILED);
        return STATUS_FAILED;
    }
    return STATUS_DONE;
}

static void init_listener(struct listener *listener, const struct listen_settings *settings)
{
    struct common_settings common = settings->common;

    if (settings->format == FORMAT_JSON)
        common.json = true;
    *listener = (struct listener){
        .settings = settings,
        .output_path = listen_output_path(settings->output_path),
        .data_end = -1,
    };
    output_init(&listener->messages, "herald listen", &common);
    /* In raw and hex form standard output belongs to the payloads alone: JSON messages would break them. */
    listener->data = listener->messages;
    if (listener->output_path == NULL && (settings->format == FORMAT_RAW || settings->format == FORMAT_HEX))
        listener->messages.json = false;
    sources_init(&listener->sources);
    listen_setup_answers(listener);
}

static void release_listener(struct listener *listener)
{
    listener->runner = runner_free(listener->runner);
    listener->loss = herald_loss_free(listener->loss);
    listener->interval_loss = herald_loss_free(listener->interval_loss);
    listener->receiver = herald_receiver_free(listener->receiver);
    listener->responder = herald_responder_free(listener->responder);
    sources_release(&listener->sources);
    free(listener->endpoints);
}

/* ---- the loop -------------------------------------------------------------------------------- */

static void take_run(struct listener *listener, const struct herald_run *run, uint64_t now_ns)
{
    const struct listen_settings *settings = listener->settings;
    size_t count = herald_run_count(run);
    uint64_t left = settings->count > 0 ? (uint64_t)settings->count - listener->datagrams : UINT64_MAX;
    struct source *source;

    if (listener->finished || (listener->responder != NULL && herald_responder_take(listener->responder, run, now_ns)))
        return;
    if (count > left)
        count = (size_t)left;
    source = sources_count(&listener->sources, &run->source.address, count);
    if (listener->first_ns == 0)
        listener->first_ns = now_ns;
    /* The answer first: whoever waits for it measures the time. */
    listen_answer_run(listener, run, source, count, now_ns);
    listener->datagrams += count;
    listener->bytes += count == herald_run_count(run) ? run->size_bytes : count * run->segment_bytes;
    if (settings->count > 0 && listener->datagrams >= (uint64_t)settings->count)
        listener->finished = true;
    listen_submit_run(listener, run, count);
    if (!settings->no_print)
        listen_print_run(listener, run, count);
}

/* Takes what is there, but returns now and then to look at the clock and at Ctrl-C. */
static int receive(struct listener *listener)
{
    enum { ROUNDS = 64 };

    for (int round = 0; round < ROUNDS && !listener->finished; round++) {
        struct herald_run runs[HERALD_RUNS_MAX];
        int n = herald_receiver_receive(listener->receiver, runs, HERALD_RUNS_MAX);
        uint64_t now_ns;

        if (n <= 0)
            return n;
        now_ns = herald_clock_ns();
        for (int i = 0; i < n; i++)
            take_run(listener, &runs[i], now_ns);
    }
    return 0;
}

static uint64_t earlier(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static uint64_t next_deadline(const struct listener *listener)
{
    const struct listen_settings *settings = listener->settings;
    uint64_t deadline_ns = herald_receiver_deadline(listener->receiver);

    if (listener->responder != NULL)
        deadline_ns = earlier(deadline_ns, herald_responder_deadline(listener->responder));
    if (settings->for_ns > 0 && !listener->time_up)
        deadline_ns = earlier(deadline_ns, listener->start_ns + settings->for_ns);
    if (settings->stats_ns > 0)
        deadline_ns = earlier(deadline_ns, listener->stats_due_ns);
    if (listener->runner != NULL)
        deadline_ns = earlier(deadline_ns, runner_deadline(listener->runner));
    return deadline_ns;
}

/* The output whose reader ends the listener when it goes: the one that datagrams or JSON objects are written to. */
static struct output *watched_output(struct listener *listener)
{
    bool silent = listener->settings->no_print || listener->data.data_is_file;
    struct output *output = silent ? &listener->messages : &listener->data;

    if (output->write_error != 0 || output->data_is_file || (silent && !output->json))
        return NULL;
    return output;
}

static void wait_for_something(struct listener *listener, int interrupt_fd)
{
    struct output *output = watched_output(listener);
    struct pollfd fds[6] = {
        { .fd = interrupt_fd, .events = POLLIN },
        /* Once finished, only the last programs are waited for. */
        { .fd = listener->finished ? -1 : herald_receiver_fd(listener->receiver), .events = POLLIN },
        { .fd = output != NULL ? output->data_fd : -1, .events = 0 },
        { .fd = listener->responder != NULL ? herald_responder_fd(listener->responder) : -1, .events = POLLIN },
    };
    size_t count = 4;
    uint64_t now_ns = herald_clock_ns();
    uint64_t deadline_ns = next_deadline(listener);
    struct timespec timeout = { 0 };

    if (listener->runner != NULL)
        count += runner_poll_fds(listener->runner, fds + count);
    if (deadline_ns > now_ns) {
        timeout.tv_sec = (time_t)((deadline_ns - now_ns) / UINT64_C(1000000000));
        timeout.tv_nsec = (long)((deadline_ns - now_ns) % UINT64_C(1000000000));
    }
    if (ppoll(fds, count, deadline_ns == HERALD_NEVER ? NULL : &timeout, NULL) > 0 && fds[2].revents != 0) {
        output_reader_gone(output);
        listener->finished = true;
    }
}

/* @return 0; -errno when the receiver is of no use any more. */
static int step(struct listener *listener)
{
    const struct listen_settings *settings = listener->settings;
    uint64_t now_ns = herald_clock_ns();
    int r = herald_receiver_process(listener->receiver, now_ns);

    listen_report_events(listener);
    if (r == 0)
        r = receive(listener);
    if (r == 0 && listener->responder != NULL)
        r = herald_responder_process(listener->responder, now_ns);
    listen_run_programs(listener, now_ns);
    now_ns = herald_clock_ns();
    if (settings->stats_ns > 0 && now_ns >= listener->stats_due_ns) {
        listen_report_stats(listener, now_ns);
        /* Without drift, but without a backlog either if this host was asleep. */
        listener->stats_due_ns += settings->stats_ns;
        if (listener->stats_due_ns <= now_ns)
            listener->stats_due_ns = now_ns + settings->stats_ns;
    }
    if (settings->for_ns > 0 && !listener->time_up && now_ns >= listener->start_ns + settings->for_ns) {
        listener->finished = listener->time_up = true;
        if (listener->runner != NULL)
            listener->not_run += runner_drop_waiting(listener->runner);
    }
    return r;
}

/* In JSON both write to standard output: what one of them has said about it, the other must not say again. */
static void share_write_error(struct listener *listener)
{
    struct output *data = &listener->data;
    struct output *messages = &listener->messages;

    if (messages->write_error != 0)
        listener->finished = true;
    if (!messages->json || listener->output_path != NULL)
        return;
    if (data->write_error == 0)
        data->write_error = messages->write_error;
    else
        messages->write_error = data->write_error;
}

static int run_loop(struct listener *listener, int interrupt_fd, bool *ret_interrupted)
{
    *ret_interrupted = false;
    while (!listener->finished || (listener->runner != NULL && !runner_is_idle(listener->runner))) {
        int r;

        wait_for_something(listener, interrupt_fd);
        if (interrupt_came(interrupt_fd)) {
            *ret_interrupted = true;
            return 0;
        }
        r = step(listener);
        share_write_error(listener);
        if (r < 0)
            return r;
    }
    return 0;
}

static int conclude(struct listener *listener, int result, bool interrupted)
{
    const struct listen_settings *settings = listener->settings;
    struct herald_error error;

    if (result < 0) {
        herald_error_set(&error, result, "cannot go on: %s", strerror(-result));
        output_error(&listener->messages, &error);
    }
    if (listener->runner != NULL)
        listener->not_run += runner_unfinished(listener->runner);
    listen_report_end(listener, herald_clock_ns());
    listen_close_output(listener);
    if (result < 0 || listener->data.write_error != 0 || listener->messages.write_error != 0)
        return STATUS_FAILED;
    if (interrupted)
        return output_status(&listener->messages, STATUS_DONE);
    if (listener->datagrams == 0) {
        listen_report_silence(listener);
        return STATUS_NOTHING;
    }
    if (settings->count > 0 && listener->datagrams < (uint64_t)settings->count) {
        listen_report_shortage(listener);
        return STATUS_NOT_EVERYONE;
    }
    return output_status(&listener->messages, STATUS_DONE);
}

static int listen_until_done(struct listener *listener)
{
    const struct sched_param no_priority = { 0 };
    int interrupt_fd = interrupt_open();
    bool interrupted;
    int r;

    if (interrupt_fd < 0)
        return STATUS_FAILED;
    /* Who only counts wants throughput: fewer wake-ups, each for more datagrams, are 1.6 times faster. */
    if (listener->settings->no_print)
        (void)sched_setscheduler(0, SCHED_BATCH, &no_priority);
    listener->start_ns = herald_clock_ns();
    listener->data.interrupt_fd = listener->messages.interrupt_fd = interrupt_fd;
    if (listener->settings->for_ns > 0)
        listener->data.end_ns = listener->messages.end_ns = listener->start_ns + listener->settings->for_ns;
    listener->stats_last_ns = listener->start_ns;
    listener->stats_due_ns = listener->start_ns + listener->settings->stats_ns;
    listen_report_start(listener);
    listen_report_events(listener);
    r = run_loop(listener, interrupt_fd, &interrupted);
    return conclude(listener, r, interrupted);
}

static int run(const void *settings, const struct operands *operands)
{
    struct listener listener;
    int status;

    init_listener(&listener, settings);
    if ((status = check_settings(&listener)) == STATUS_DONE &&
        (status = parse_endpoints(&listener, operands)) == STATUS_DONE &&
        (status = open_runner(&listener)) == STATUS_DONE && (status = open_receiver(&listener)) == STATUS_DONE &&
        (status = open_output(&listener)) == STATUS_DONE)
        status = listen_until_done(&listener);
    release_listener(&listener);
    return status;
}

const struct command command_listen = {
    .name = "listen",
    .operands = "EP...",
    .operands_min = 1,
    .operands_max = SIZE_MAX,
    .summary = "join groups, print and acknowledge what arrives",
    .details =
        "Joins every group on every interface that can do multicast, and on lo, and prints each datagram that arrives: "
        "time, sender, group, interface, TTL on arrival, size and payload. Each is answered with \"ack\" by unicast to "
        "its sender, so that the sender knows who heard. Who asks by herald ping gets the answer to that instead.\n"
        "\n"
        "EP is GROUP:PORT, such as 239.1.2.3:10000 or [ff15::7]:10000. GROUP+N means N consecutive groups, GROUP%IFACE "
        "one interface, SOURCE@GROUP only what that source sends (SSM). IPv4 and IPv6 may be mixed. IPv6 groups of "
        "link-local scope (ff02::) need %IFACE or -i.\n"
        "\n"
        "Interfaces are followed: one that appears, or is created again, is joined; one that loses and regains carrier "
        "is joined anew, because a switch may have forgotten it. Each such change is told in one line. When two "
        "interfaces are on the same LAN, every datagram comes twice: the second copy is dropped and counted.\n"
        "\n"
        "Only datagrams to the joined groups are printed, whatever other programs on this host have joined, and other "
        "programs may listen to the same groups and ports at the same time.\n"
        "\n"
        "What full receive buffers lose is told in the summary and by --stats as the kernel counts it: in packets of "
        "one or more datagrams, so that at least so many are lost. --rcvbuf makes the buffers larger. If datagrams "
        "were lost on this host, a line below says where, by the kernel's counters, and what helps. Some of these "
        "count what other programs lost, too: then it says \"at most\" or \"perhaps\".\n"
        "\n"
        "Ctrl-C ends it with a summary. The status is 0 then; 1 when fewer than --count datagrams came within --for; 4 "
        "when none came.",
    .examples = "# print and answer whatever comes to a group\n"
                "herald listen 239.1.2.3:10000\n"
                "# three groups, IPv4 and IPv6, on one interface\n"
                "herald listen -i eth0 239.1.2.3+2:10000 [ff15::7]:10000\n"
                "# only what one source sends (SSM)\n"
                "herald listen 10.0.0.2@232.1.2.3:10000\n"
                "# wait for one message at most 5 seconds; the status tells\n"
                "herald listen --count 1 --for 5s 239.1.2.3:10000\n"
                "# store a stream as it is, and watch its rate\n"
                "herald listen --ack never --format raw -o stream.ts --stats 1s 239.1.2.3:5004\n"
                "# answer with this host's name\n"
                "herald listen --reply-exec hostname 239.1.2.3:10000",
    .options = listen_options,
    .settings_bytes = sizeof(struct listen_settings),
    .run = run,
};
