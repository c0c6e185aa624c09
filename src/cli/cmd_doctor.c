/* SPDX-License-Identifier: MIT */
/* herald doctor: why multicast does not work here, and the command that mends it. */
#include "commands.h"
#include "doctor.h"
#include "interrupt.h"
#include "status.h"

#include <errno.h>
#include <string.h>

struct doctor_settings {
    struct common_settings common; /* first */
    const char *interface;
    int64_t ttl;
    const char *peer;
    bool long_watch;
    bool census;
    bool trace;
};

#define AT(member) offsetof(struct doctor_settings, member)

static const struct option options[] = {
    { .name = "interface",
      .letter = 'i',
      .metavar = "IFACE",
      .kind = OPTION_TEXT,
      .offset = AT(interface),
      .complete = "iface",
      .help = "examine this interface; without it the one that a sender would take" },
    { .name = "ttl",
      .metavar = "N",
      .kind = OPTION_NUMBER,
      .offset = AT(ttl),
      .min = 0,
      .max = 255,
      .default_text = "1",
      .help = "the TTL or hop limit that is meant to be sent with" },
    { .name = "peer",
      .metavar = "HOST",
      .kind = OPTION_TEXT,
      .offset = AT(peer),
      .help = "compare both ends with this host, which is in the group with herald listen, herald get or herald ping "
              "--respond; its name, as it tells it, or its address" },
    { .name = "long",
      .kind = OPTION_FLAG,
      .offset = AT(long_watch),
      .help =
          "watch for two minutes what takes so long to show: queriers that stay silent when a group is left; and for "
          "ten seconds instead of one what comes to the group" },
    { .name = "census",
      .kind = OPTION_FLAG,
      .offset = AT(census),
      .help = "ask all hosts of the network for their groups; switches then take this host for a router for some "
              "minutes, and send it all groups" },
    { .name = "trace",
      .kind = OPTION_FLAG,
      .offset = AT(trace),
      .help = "as root: have the firewall say which rule drops the test datagram, by a table of nftables that the "
              "kernel removes when the command ends" },
    { .name = NULL },
};

/* ---- the run --------------------------------------------------------------------------------- */

/* With --long a check may take minutes: said before it begins. @return what it looks at, static, or NULL. */
static const char *announce(struct output *output, const herald_doctor *doctor, const char *announced)
{
    const char *upcoming = herald_doctor_upcoming(doctor);

    if (upcoming != NULL && upcoming != announced)
        output_note(output, "looking at: %s", upcoming);
    return upcoming;
}

/* @return the status. */
static int examine(struct output *output, herald_doctor *doctor, const struct doctor_settings *settings)
{
    struct doctor_skipped skipped = { .count = 0 };
    const char *announced = NULL;
    struct herald_finding finding;
    struct herald_finding verdict;
    bool interrupted;
    int result;

    doctor_report_start(output, herald_doctor_facts(doctor));
    if (settings->long_watch)
        output_note(output, "this may take %s; Ctrl-C ends it with what is known by then",
                    settings->peer != NULL ? "8 minutes" : "2 minutes and a half");
    for (;;) {
        if (settings->long_watch)
            announced = announce(output, doctor, announced);
        result = herald_doctor_next(doctor, &finding);
        if (result != 1 || output->write_error != 0)
            break;
        doctor_report_finding(output, &finding, &skipped);
    }
    doctor_report_skipped(output, &skipped);
    if (result < 0) {
        struct herald_error error;

        (void)herald_error_set(&error, result, "cannot go on: %s", strerror(-result));
        options_report(output, &error, STATUS_FAILED);
        return STATUS_FAILED;
    }
    doctor_report_trials(output, doctor);
    herald_doctor_verdict(doctor, &verdict);
    interrupted = output->interrupt_fd >= 0 && interrupt_came(output->interrupt_fd);
    doctor_report_verdict(output, &verdict, interrupted);
    /* What was not looked at may be at fault. */
    return verdict.level == HERALD_FINDING_FAULT || interrupted ? STATUS_NOT_EVERYONE : STATUS_DONE;
}

static int open_doctor(const struct doctor_settings *settings, const struct operands *operands, int interrupt_fd,
                       herald_doctor **ret_doctor, struct herald_error *error)
{
    struct herald_endpoint endpoint;
    struct herald_address address;
    const struct herald_doctor_config config = {
        .endpoint = operands->count > 0 ? &endpoint : NULL,
        .interface = settings->interface,
        .ttl_given = true,
        .ttl = (uint8_t)settings->ttl,
        .peer = settings->peer,
        .long_watch = settings->long_watch,
        .census = settings->census,
        .trace = settings->trace,
        .interrupt_fd = interrupt_fd,
    };
    int result = 0;

    if (settings->peer != NULL && operands->count == 0) {
        (void)herald_error_set(error, -EINVAL, "--peer needs the group that the other host is in: EP");
        herald_error_advise(error, "herald doctor 239.1.2.3:10000 --peer %.60s", settings->peer);
        return -EINVAL;
    }
    if (settings->peer != NULL && (settings->peer[0] == '\0' || (herald_address_parse(settings->peer, &address) == 0 &&
                                                                 herald_address_is_multicast(&address))))
        return herald_error_set(error, -EINVAL, "--peer: '%.60s' is not the name or address of a host", settings->peer);
    if (operands->count > 0)
        result = herald_endpoint_parse(operands->items[0], &endpoint, error);
    return result < 0 ? result : herald_doctor_new(ret_doctor, &config, error);
}

static int run(const void *settings, const struct operands *operands)
{
    herald_doctor *doctor = NULL;
    struct herald_error error;
    struct output output;
    int status;
    int result;

    output_init(&output, "herald doctor", settings);
    output.interrupt_fd = interrupt_open();
    if (output.interrupt_fd < 0)
        result = herald_error_set(&error, output.interrupt_fd, "cannot catch Ctrl-C: %s",
                                  strerror(-output.interrupt_fd));
    else
        result = open_doctor(settings, operands, output.interrupt_fd, &doctor, &error);
    if (result < 0) {
        status = result == -EINVAL ? STATUS_USAGE : STATUS_FAILED;
        if (status == STATUS_USAGE && error.advice[0] == '\0')
            herald_error_advise(&error, "herald help doctor");
        options_report(&output, &error, status);
    } else {
        status = examine(&output, doctor, settings);
    }
    (void)herald_doctor_free(doctor);
    return output_status(&output, status);
}

const struct command command_doctor = {
    .name = "doctor",
    .operands = "[EP]",
    .operands_min = 0,
    .operands_max = 1,
    .summary = "find out why multicast does not work here, and what mends it",
    .details =
        "Runs a list of checks, from the interface outwards: interface, address and route; what this host drops; "
        "limits and memberships; the network. A line for each tells what was seen. The end is a verdict: the first "
        "fault, what it means, and the command that mends it. Exit status 1 means that a fault was found, or that "
        "Ctrl-C ended it before everything was looked at; a warning (it works, but not everywhere or not for ever) is "
        "none. With --quiet the verdict comes alone.\n"
        "\n"
        "EP is the group that does not work, with SOURCE@ if it should come from a certain host. Without EP the host "
        "is examined in general. It is best run on both sides, while the sender sends: much can be told only from "
        "packets that come.\n"
        "\n"
        "Nothing on the system is changed. The group is joined for a moment, and a test datagram is sent to it with "
        "TTL 0, which stays on this host. As root it also sends itself a query for memberships, in the same way, and "
        "if nothing comes it has the network card take all groups for a second. --census does what others notice, "
        "and --trace makes a table in the firewall that vanishes with the command: neither happens unless asked for.\n"
        "\n"
        "--peer HOST compares both ends: HOST, where herald listen, herald get or herald ping --respond runs in the "
        "same group, is pinged by unicast and by multicast, with 224, 1,400 and 3,000 bytes and in a burst, and with "
        "--long for five minutes. It tells what has reached it, so that a table says for each size and each way what "
        "got there and what came back; the first step that fails is the verdict. It also looks at itself and tells the "
        "faults that it sees, which stand in the list with its name. Members know these pings and print nothing, but "
        "other programs in the group see them as datagrams: about 75, 61 of them of 1,400 bytes within half a second. "
        "With a HOST behind a router some have a TTL that reaches it, and with one that does not answer TTL 32.\n"
        "\n"
        "No privilege is needed. Root sees more: the packets on the wire, and the firewall's rules; what is skipped "
        "without it is said.",
    .examples = "# Why does nobody hear this group?\n"
                "herald doctor 239.1.2.3:10000\n"
                "# What should come from 10.0.0.2, on eth0\n"
                "herald doctor 10.0.0.2@232.1.2.3:10000 -i eth0\n"
                "# Both ends: on 10.0.0.2 herald listen or herald ping --respond runs\n"
                "herald doctor 239.1.2.3:10000 --peer 10.0.0.2\n"
                "# This host in general, with root's eyes\n"
                "sudo herald doctor\n"
                "# Only the verdict, for a script\n"
                "herald doctor 239.1.2.3:10000 --json -q\n",
    .options = options,
    .settings_bytes = sizeof(struct doctor_settings),
    .run = run,
};
