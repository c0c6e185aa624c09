/* SPDX-License-Identifier: MIT */
/* herald bench send: a paced stream of numbered datagrams, and what each receiver reports of it. */
#include "bench.h"
#include "interrupt.h"
#include "status.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>

#define MS   INT64_C(1000000)
#define HOUR (INT64_C(3600) * 1000 * MS)
/* What a sender can be asked for. */
#define RATE_MAX_BPS UINT64_C(100000000000)

#define AT(member) offsetof(struct bench_send_settings, member)

static const struct option options[] = {
    { "rate", 0, "RATE", OPTION_RATE, AT(rate), 0, 0, "10mbit", NULL, NULL,
      "send at this rate of payload (100mbit), of datagrams (5000pps), or as fast as it goes (max)" },
    { "size", 0, "SIZE", OPTION_SIZE, AT(size_bytes), HERALD_BENCH_SIZE_MIN_BYTES, HERALD_PAYLOAD_MAX_IPV6_BYTES, NULL,
      NULL, NULL, "bytes of payload in each datagram; without it 1,400, or what fits into the MTU if that is less" },
    { "duration", 0, "DURATION", OPTION_DURATION, AT(duration_ns), 10 * MS, 24 * 366 * HOUR, NULL, NULL, NULL,
      "send for this long; without it and --count 10s, with --find-max 1s for each trial" },
    { "count", 0, "N", OPTION_NUMBER, AT(count), 1, INT64_MAX, NULL, NULL, NULL, "send exactly N datagrams" },
    { "burst", 0, "N", OPTION_NUMBER, AT(burst), 1, HERALD_RUN_SEGMENTS_MAX, NULL, NULL, NULL,
      "send N datagrams back to back, then pause as the rate demands; without it about 200 µs worth of them" },
    { "find-max", 0, NULL, OPTION_FLAG, AT(find_max), 0, 0, NULL, NULL, NULL,
      "find the highest rate at which no receiver loses anything, by short trials from --rate on" },
    { "loss-limit", 0, "PERCENT", OPTION_TEXT, AT(loss_limit), 0, 0, "0", NULL, NULL,
      "with --find-max: so much loss is acceptable, such as 0.1" },
    { "expect", 0, "N", OPTION_NUMBER, AT(expect), 1, 10000, NULL, NULL, NULL,
      "end as soon as N receivers have sent their last report; status 1 if fewer do" },
    { "wait", 0, "DURATION", OPTION_DURATION, AT(wait_ns), 10 * MS, HOUR, "2s", NULL, NULL,
      "wait so long for last reports" },
    { "no-reports", 0, NULL, OPTION_FLAG, AT(no_reports), 0, 0, NULL, NULL, NULL,
      "do not ask for reports: for receivers that are not herald's" },
    { "interval", 0, "DURATION", OPTION_DURATION, AT(interval_ns), 10 * MS, HOUR / 60, "1s", NULL, NULL,
      "print a line of progress at this interval" },
    { "plot", 0, "FILE", OPTION_TEXT, AT(plot), 0, 0, NULL, NULL, "file",
      "draw rate and loss over time, and the delays, into this file, as SVG" },
    { "interface", 'i', "IFACE", OPTION_TEXT, AT(interface), 0, 0, NULL, NULL, "iface",
      "send on this interface, by name or index" },
    { "source", 0, "ADDR", OPTION_TEXT, AT(source), 0, 0, NULL, NULL, NULL,
      "send from this address of this host; the same as ADDR@ in the endpoint" },
    { "ttl", 0, "N", OPTION_NUMBER, AT(ttl), 0, 255, "1", NULL, NULL,
      "TTL or hop limit: 0 stays on this host, 1 on this network, each router takes one" },
    { "dscp", 0, "N", OPTION_NUMBER, AT(dscp), 0, 63, "0", NULL, NULL,
      "mark the packets with this DSCP (46: expedited forwarding)" },
    { "no-loop", 0, NULL, OPTION_FLAG, AT(no_loop), 0, 0, NULL, NULL, NULL,
      "do not let receivers on this host hear it" },
    { NULL, 0, NULL, OPTION_FLAG, 0, 0, 0, NULL, NULL, NULL, NULL },
};

/* ---- opening ---------------------------------------------------------------------------------- */

static int parse_loss_limit(struct bench_send *send, struct herald_error *error)
{
    const char *text = send->settings->loss_limit;
    char *end;
    double percent;

    percent = strtod(text, &end);
    if (*end == '%')
        end++;
    if (text[0] < '0' || text[0] > '9' || *end != '\0' || !(percent >= 0 && percent <= 50))
        return herald_error_set(error, -EINVAL, "--loss-limit %.40s: must be a percentage from 0 to 50, like 0.1",
                                text);
    send->loss_limit = percent / 100;
    return 0;
}

static int check_settings(struct bench_send *send, struct herald_error *error)
{
    const struct bench_send_settings *settings = send->settings;

    if (settings->find_max && settings->count > 0)
        return herald_error_set(error, -EINVAL, "--find-max and --count exclude each other: trials take --duration");
    if (settings->find_max && settings->no_reports)
        return herald_error_set(error, -EINVAL, "--find-max needs reports: --no-reports excludes it");
    if (settings->find_max && settings->plot != NULL)
        return herald_error_set(error, -EINVAL,
                                "--find-max and --plot exclude each other: plot a run at what it finds");
    if (settings->no_reports && (settings->expect > 0 || settings->plot != NULL))
        return herald_error_set(error, -EINVAL, "--expect and --plot need reports: --no-reports excludes them");
    if (settings->rate.kind == RATE_FIXED && (settings->rate.value < 8 || settings->rate.value > RATE_MAX_BPS))
        return herald_error_set(error, -EINVAL, "--rate: must be between 8bit and 100gbit");
    if (send->endpoint.group_count > 1)
        return herald_error_set(error, -EINVAL, "one group at a time is measured, not a range of %u",
                                send->endpoint.group_count);
    return parse_loss_limit(send, error);
}

static int parse_source(const struct bench_send *send, struct herald_address *ret_source, struct herald_error *error)
{
    const char *text = send->settings->source;

    if (text == NULL)
        return 0;
    if (herald_address_parse(text, ret_source) < 0 || herald_address_is_multicast(ret_source) ||
        ret_source->family != send->endpoint.group.family)
        return herald_error_set(error, -EINVAL, "--source: '%.60s' is not the numeric IPv%d address of one host", text,
                                (int)send->endpoint.group.family);
    return 0;
}

static int open_sender(struct bench_send *send, struct herald_error *error)
{
    const struct bench_send_settings *settings = send->settings;
    struct herald_bench_sender_config config = {
        .sender = {
            .endpoint = send->endpoint,
            .interface = settings->interface,
            .ttl_given = true,
            .ttl = (uint8_t)settings->ttl,
            .no_loop = settings->no_loop,
            .dscp = (uint8_t)settings->dscp,
        },
        .size_bytes = (size_t)settings->size_bytes,
        .no_reports = settings->no_reports,
        .expect = (uint32_t)settings->expect,
        .wait_ns = settings->wait_ns,
    };
    int r = parse_source(send, &config.sender.source, error);

    return r < 0 ? r : herald_bench_sender_new(&send->sender, &config, error);
}

static int prepare(struct bench_send *send, const struct operands *operands, struct herald_error *error)
{
    int r = herald_endpoint_parse(operands->items[0], &send->endpoint, error);

    if (r >= 0)
        r = check_settings(send, error);
    if (r >= 0 && send->settings->plot != NULL)
        r = bench_plot_check(send->settings->plot, error); /* not when all has been sent */
    if (r >= 0)
        r = open_sender(send, error);
    if (r < 0)
        return r;
    send->interrupt_fd = interrupt_open();
    if (send->interrupt_fd < 0)
        return herald_error_set(error, send->interrupt_fd, "cannot catch Ctrl-C: %s", strerror(-send->interrupt_fd));
    send->output.interrupt_fd = send->interrupt_fd;
    (void)prctl(PR_SET_TIMERSLACK, 1UL); /* paced wake-ups are 50 µs late otherwise */
    return 0;
}

/* ---- a run -------------------------------------------------------------------------------------- */

void bench_send_plan(const struct bench_send *send, struct herald_bench_run *ret_run)
{
    const struct bench_send_settings *settings = send->settings;

    *ret_run = (struct herald_bench_run){
        .burst = (uint32_t)settings->burst,
        .duration_ns = settings->duration_ns,
        .count = (uint64_t)settings->count,
    };
    if (settings->rate.kind == RATE_FIXED)
        ret_run->rate_bps = settings->rate.value;
    else if (settings->rate.kind == RATE_PACKETS)
        ret_run->rate_pps = settings->rate.value;
    if (ret_run->duration_ns == 0 && ret_run->count == 0)
        ret_run->duration_ns = (uint64_t)(settings->find_max ? 1000 : 10000) * MS;
}

static void fail(struct bench_send *send, const struct herald_error *error)
{
    options_report(&send->output, error, STATUS_FAILED);
    send->failed = true;
}

/* @return whether the run is over. */
static bool take_events(struct bench_send *send)
{
    struct herald_bench_sender_event event;
    bool done = false;

    while (herald_bench_sender_next_event(send->sender, &event) > 0) {
        switch (event.kind) {
        case HERALD_BENCH_RUN_DONE:
            done = true;
            break;
        case HERALD_BENCH_RUN_FAILED:
            fail(send, &event.error);
            break;
        case HERALD_BENCH_PEER_NEW:
        case HERALD_BENCH_PEER_REPORT:
        case HERALD_BENCH_PEER_LAST:
            break;
        case HERALD_BENCH_RUN_SENT:
            send->waiting = true;
            break;
        }
    }
    return done;
}

static void heed_interrupt(struct bench_send *send)
{
    if (!interrupt_came(send->interrupt_fd))
        return;
    send->interrupted = true;
    if (send->waiting) /* whoever has not reported by now is not waited for */
        herald_bench_sender_finish(send->sender);
    else
        herald_bench_sender_stop(send->sender, herald_clock_ns());
}

bool bench_send_run(struct bench_send *send, const struct herald_bench_run *run, bool quiet)
{
    uint64_t interval_ns = send->settings->interval_ns;
    struct herald_error error;
    uint64_t now_ns = herald_clock_ns();
    uint64_t line_ns = quiet ? HERALD_NEVER : now_ns + interval_ns;
    int r = herald_bench_sender_start(send->sender, run, now_ns, &error);

    memset(&send->line_sent, 0, sizeof(send->line_sent));
    send->waiting = false;
    for (bool done = false; r >= 0 && !done;) {
        uint64_t deadline_ns = herald_bench_sender_deadline(send->sender);

        bench_wait(herald_bench_sender_fd(send->sender), send->interrupt_fd,
                   deadline_ns < line_ns ? deadline_ns : line_ns);
        heed_interrupt(send);
        r = herald_bench_sender_process(send->sender, herald_clock_ns());
        if (r < 0)
            herald_error_set(&error, r, "cannot go on: %s", strerror(-r));
        now_ns = herald_clock_ns();
        done = take_events(send);
        if (now_ns >= line_ns && !done) {
            bench_report_progress(send);
            line_ns = now_ns + interval_ns - (now_ns - line_ns) % interval_ns;
        }
        if (send->output.write_error != 0)
            return false;
    }
    if (r < 0)
        fail(send, &error);
    return !send->failed && !send->interrupted;
}

/* ---- the end -------------------------------------------------------------------------------------- */

static int conclude(struct bench_send *send)
{
    const struct bench_send_settings *settings = send->settings;
    size_t known = herald_bench_sender_peer_count(send->sender);
    size_t finals = 0;
    struct herald_error error;

    for (size_t i = 0; i < known; i++) {
        struct herald_bench_peer peer;

        herald_bench_sender_peer(send->sender, i, &peer);
        finals += bench_is_whole(&peer);
    }
    if (settings->no_reports)
        return STATUS_DONE;
    if (known == 0) {
        herald_error_set(&error, -ETIMEDOUT, "no receiver has reported");
        herald_error_advise(&error, "herald bench recv EP on the receiving hosts, or --no-reports if iperf receives");
        output_warning(&send->output, &error);
        return settings->expect > 0 ? STATUS_NOT_EVERYONE : STATUS_NOTHING;
    }
    return finals < known || finals < (size_t)settings->expect ? STATUS_NOT_EVERYONE : STATUS_DONE;
}

static int write_plot(struct bench_send *send)
{
    char title[HERALD_ENDPOINT_TEXT_BYTES] = "";
    struct herald_error error;

    if (send->settings->plot == NULL)
        return 0;
    (void)herald_endpoint_format(&send->endpoint, title, sizeof(title));
    if (bench_plot(send->sender, title, send->settings->plot, &error) == 0)
        return 0;
    options_report(&send->output, &error, STATUS_FAILED);
    return -EIO;
}

static int run_fixed(struct bench_send *send)
{
    struct herald_bench_run run;
    struct herald_bench_sent sent;

    bench_send_plan(send, &run);
    bench_report_sending(send, &run);
    (void)bench_send_run(send, &run, false);
    herald_bench_sender_sent(send->sender, &sent);
    if (sent.datagrams > 0) {
        bench_report_receivers(send);
        bench_report_summary(send);
    }
    if (send->failed || write_plot(send) < 0)
        return STATUS_FAILED;
    return conclude(send);
}

static int run(const void *settings, const struct operands *operands)
{
    struct bench_send send = { .settings = settings, .interrupt_fd = -1 };
    struct herald_error error;
    int status;
    int r;

    output_init(&send.output, "herald bench send", settings);
    r = prepare(&send, operands, &error);
    if (r < 0) {
        status = r == -EINVAL ? STATUS_USAGE : STATUS_FAILED;
        if (status == STATUS_USAGE && error.advice[0] == '\0')
            herald_error_advise(&error, "herald help bench send");
        options_report(&send.output, &error, status);
    } else {
        status = send.settings->find_max ? bench_find_max(&send) : run_fixed(&send);
    }
    herald_bench_sender_free(send.sender);
    return output_status(&send.output, status);
}

const struct command command_bench_send = {
    .name = "bench send",
    .operands = "EP",
    .operands_min = 1,
    .operands_max = 1,
    .summary = "send a paced test stream, and show what each receiver reports",
    .details =
        "Sends numbered datagrams to the group, then prints one table: for each herald bench recv that heard them "
        "the rate, what was lost and where, duplicates, reordering, jitter and one-way delay. Without options it "
        "sends datagrams of 1,400 bytes at 10 Mbit/s for 10 seconds. The rate is that of the payload.\n"
        "\n"
        "Datagrams leave in bursts of about 200 µs worth of the rate, at most 64; the first line tells how many. "
        "After a delay of this host it catches up at twice the rate, for 50 ms worth at most; the summary tells "
        "the rate that was really reached.\n"
        "\n"
        "Receivers report every 250 ms, when they are many less often (1,000 reports a second in all), and at the "
        "end. LOST WHERE tells which of the losses the receiving host itself has seen, by the kernel's counters; "
        "the rest was lost in the network. JITTER is the interarrival jitter of RFC 3550, in which the datagrams "
        "of one burst count once. DELAY is one way: from just before the system call to the receiver's kernel. "
        "CLOCK tells how it is known: same clock, if both ends run on one kernel (exact); ± half the round trip "
        "and what clocks may drift meanwhile, if the receiver's was compared with this one by an exchange of times;"
        " beyond the quickest, if there was no answer: then only differences are known, and the quickest datagram "
        "counts as 0.\n"
        "\n"
        "--find-max makes short trials: the rate is doubled until somebody loses something, then narrowed to 5 %, "
        "and the result is tried once more for three times as long. Rates at which a trial has fewer than 25 "
        "datagrams are not tried. A receiver that does not report has failed the trial; if nothing is heard of it in "
        "two trials in a row, the search goes on without it, and the status is 1. The last line tells which receiver "
        "set the limit, and where it lost.\n"
        "\n"
        "The table begins with those whose figures are not of the whole run: unfinished, who has died or cannot be "
        "reached, and left early, who was ended before the stream. The others follow, the greatest loss first. What "
        "this host itself has dropped in the queue of its interface is told below.\n"
        "\n"
        "Status 4 tells that nobody has reported, status 1 that some did not to the end, or fewer than --expect. "
        "Ctrl-C ends the stream, and the figures up to then are printed.",
    .examples = "# Ten seconds at 10 Mbit/s; receivers run herald bench recv\n"
                "herald bench send 239.1.2.3:5001\n"
                "# Small datagrams, 20,000 a second, until two receivers have reported\n"
                "herald bench send 239.1.2.3:5001 --rate 20000pps --size 100 --expect 2\n"
                "# With a picture of rate, loss and delay\n"
                "herald bench send 239.1.2.3:5001 --rate 50mbit --duration 1s --plot bench.svg\n"
                "# The highest rate without loss, from 1 Mbit/s on\n"
                "herald bench send 239.1.2.3:5001 --find-max --rate 1mbit\n"
                "# Receivers run iperf -s -u -B 239.1.2.3\n"
                "herald bench send 239.1.2.3:5001 --no-reports --duration 1s\n"
                "# The loss of each receiver, for a script\n"
                "herald bench send 239.1.2.3:5001 --json -q\n",
    .options = options,
    .settings_bytes = sizeof(struct bench_send_settings),
    .run = run,
};
