/* SPDX-License-Identifier: MIT */
/* herald get: receives what herald put sends. */
#include "commands.h"
#include "get.h"
#include "interrupt.h"
#include "notify.h"
#include "status.h"

#include <errno.h>
#include <poll.h>
#include <sched.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define AT(member) offsetof(struct get_settings, member)
#define GOODBYE_NS UINT64_C(1000000000)

static const struct option get_options[] = {
    { "directory", 'd', "DIR", OPTION_TEXT, AT(directory), 0, 0, NULL, NULL, "dir",
      "where files go; the directory you are in, unless given" },
    { "output", 'o', "FILE", OPTION_TEXT, AT(output_path), 0, 0, NULL, NULL, "file",
      "what comes becomes this file, whatever its name; - is standard output, as it comes, and so is a fifo or "
      "device. Ends after one object unless --count or --once is given; a file is not replaced by another of the same "
      "delivery. If what was written to a fifo or device, or standard output, cannot be completed, nothing follows it: "
      "status 1" },
    { "count", 0, "N", OPTION_NUMBER, AT(count), 1, INT64_MAX, NULL, NULL, NULL,
      "end after N objects, skipped ones included" },
    { "once", 0, NULL, OPTION_FLAG, AT(once), 0, 0, NULL, NULL, NULL,
      "end when all that one herald put sends is here, or has failed; with -o -, nothing of others gets among it" },
    { "for", 0, "DURATION", OPTION_DURATION, AT(for_ns), 1000000, INT64_MAX, NULL, NULL, NULL,
      "end after this time; status 4 if nothing came, 1 if what --count or --once want is not complete" },
    { "on-complete", 0, "CMD", OPTION_TEXT, AT(on_complete), 0, 0, NULL, NULL, "command",
      "run CMD for each file that is complete, one after the other, with HERALD_PATH, HERALD_NAME, HERALD_SIZE, "
      "HERALD_SENDER, HERALD_SENDER_HOST and HERALD_VERIFIED (1 or 0) in its environment. What it prints goes to "
      "standard error. If get is killed and started again, files are received, and CMD is run, again rather than not" },
    { "shell", 0, NULL, OPTION_FLAG, AT(shell), 0, 0, NULL, NULL, NULL,
      "give CMD to /bin/sh -c; without it CMD is split at blanks and no shell sees it" },
    { "accept", 0, "ADDR", OPTION_LIST, AT(accept), 0, 0, NULL, NULL, NULL,
      "only from this sender's address; may be given several times" },
    { "overwrite", 0, NULL, OPTION_FLAG, AT(overwrite), 0, 0, NULL, NULL, NULL,
      "a file that comes takes the place of one of that name, once it is complete: this is the default" },
    { "rename", 0, NULL, OPTION_FLAG, AT(rename), 0, 0, NULL, NULL, NULL,
      "a file whose name is taken is called NAME.1, NAME.2 and so on" },
    { "skip", 0, NULL, OPTION_FLAG, AT(skip), 0, 0, NULL, NULL, NULL,
      "a file whose name is taken is not received. The sender is told so: as a failure, unless size and time are the "
      "same" },
    { "any-links", 0, NULL, OPTION_FLAG, AT(any_links), 0, 0, NULL, NULL, NULL,
      "take symbolic links that lead out of the directory, too; otherwise they are refused" },
    { "no-sync", 0, NULL, OPTION_FLAG, AT(no_sync), 0, 0, NULL, NULL, NULL,
      "do not wait for the disk before the sender is told that it is received: faster, but a power cut may lose it" },
    { "silent", 0, NULL, OPTION_FLAG, AT(silent), 0, 0, NULL, NULL, NULL,
      "never send anything: ask for no repairs, give no receipts" },
    { "no-ping", 0, NULL, OPTION_FLAG, AT(no_ping), 0, 0, NULL, NULL, NULL,
      "do not answer herald ping, nor tell herald doctor --peer what is wrong with this host" },
    { "unicast-feedback", 0, NULL, OPTION_FLAG, AT(unicast_feedback), 0, 0, NULL, NULL, NULL,
      "answer by unicast instead of to the group; always so with SOURCE@ in the endpoint" },
    { "interface", 'i', "IFACE", OPTION_LIST, AT(interfaces), 0, 0, NULL, NULL, "iface",
      "join on this interface only; may be given several times. Without it: on every interface that can do multicast, "
      "and lo" },
    { "node-id", 0, "N", OPTION_NUMBER, AT(node_id), 1, 4294967294, NULL, NULL, NULL,
      "this host's NORM node id, unique in the group; otherwise a random one" },
    { "rcvbuf", 0, "SIZE", OPTION_SIZE, AT(receive_buffer_bytes), 2048, 1073741824, "8M", NULL, NULL,
      "ask for this much receive buffer per interface; the kernel may grant less, which is told" },
    { NULL, 0, NULL, OPTION_FLAG, 0, 0, 0, NULL, NULL, NULL, NULL },
};

/* ---- the loop -------------------------------------------------------------------------------- */

static uint64_t earlier(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static uint64_t next_deadline(const struct get *get, bool finished)
{
    uint64_t deadline_ns = get->progress.due_ns;

    if (!finished)
        deadline_ns = earlier(deadline_ns, herald_inbox_deadline(get->inbox));
    if (get->settings->for_ns > 0 && !get->time_up)
        deadline_ns = earlier(deadline_ns, get->start_ns + get->settings->for_ns);
    if (get->unwanted_ns > 0 && !get->is_stopping && !finished)
        deadline_ns = earlier(deadline_ns, get->unwanted_ns);
    if (get->runner != NULL)
        deadline_ns = earlier(deadline_ns, runner_deadline(get->runner));
    return deadline_ns;
}

/* `finished`: only the last programs are waited for. @return whether a signal came. */
static bool wait_for_something(struct get *get, int interrupt_fd, bool finished)
{
    bool watches_stdout = !finished && !get->stdout_is_file && get->output.write_error == 0;
    struct pollfd fds[5] = {
        { .fd = get->interrupted ? -1 : interrupt_fd, .events = POLLIN },
        { .fd = finished ? -1 : herald_inbox_fd(get->inbox), .events = POLLIN },
        { .fd = watches_stdout ? STDOUT_FILENO : -1, .events = 0 },
    };
    size_t count = 3;
    uint64_t deadline_ns = next_deadline(get, finished);
    uint64_t now_ns = herald_clock_ns();
    uint64_t left_ns = deadline_ns > now_ns ? deadline_ns - now_ns : 0;
    struct timespec timeout = { .tv_sec = (time_t)(left_ns / 1000000000), .tv_nsec = (long)(left_ns % 1000000000) };

    if (get->runner != NULL)
        count += runner_poll_fds(get->runner, fds + count);
    if (ppoll(fds, count, &timeout, NULL) <= 0)
        return false;
    if (fds[2].revents != 0)
        output_reader_gone(&get->output);
    return fds[0].revents != 0;
}

/*
 * Nobody reads what is received, or told, any more: then nobody wants it. Who sends into a pipe that was closed is told
 * so before it ends: he asks, or else hears it unasked.
 */
static bool is_unwanted(struct get *get, uint64_t now_ns)
{
    if (get->output.write_error == 0)
        return false;
    if (get->unwanted_ns == 0)
        get->unwanted_ns = get->to_stdout ? now_ns + GOODBYE_NS : now_ns;
    return now_ns >= get->unwanted_ns;
}

static bool is_time_up(const struct get *get, uint64_t now_ns)
{
    return get->settings->for_ns > 0 && now_ns >= get->start_ns + get->settings->for_ns;
}

/* Senders are told that nothing more is taken, so that they do not wait: that takes a moment. */
static void leave(struct get *get)
{
    get->is_stopping = true;
    herald_inbox_stop(get->inbox);
}

static bool wants_to_leave(struct get *get, uint64_t now_ns)
{
    get->time_up |= is_time_up(get, now_ns);
    return get->interrupted || get->time_up || is_unwanted(get, now_ns);
}

/* The second Ctrl-C ends the process. @return what herald_inbox_run() would, but 0 when it was stopped. */
static int receive(struct get *get, int interrupt_fd, struct herald_error *error)
{
    bool finished = false;
    int result = 0;

    while (!finished || (!get->interrupted && get->runner != NULL && !runner_is_idle(get->runner))) {
        uint64_t now_ns;

        if (wait_for_something(get, interrupt_fd, finished) && interrupt_came(interrupt_fd))
            get->interrupted = true;
        now_ns = herald_clock_ns();
        if (!finished) {
            if (!get->is_stopping && wants_to_leave(get, now_ns))
                leave(get);
            result = herald_inbox_process(get->inbox, now_ns, error);
            get_report_events(get);
            finished = result != 0;
        }
        get_run_programs(get, now_ns);
        if (result < 0)
            return result;
        if (!finished)
            get_show(get, now_ns);
    }
    return 0;
}

static void tell_manager(struct get *get, const char *state)
{
    int result = notify_send(state);
    struct herald_error error;

    if (result >= 0)
        return;
    (void)herald_error_set(&error, result, "cannot tell the service manager (NOTIFY_SOCKET) that it is %s: %s",
                           strcmp(state, "READY=1") == 0 ? "ready" : "ending", strerror(-result));
    output_warning(&get->output, &error);
}

static int run_inbox(struct get *get)
{
    const struct sched_param no_priority = { 0 };
    struct herald_error error = { 0 };
    int interrupt_fd = interrupt_open();
    int result;

    if (interrupt_fd < 0) {
        (void)herald_error_set(&error, interrupt_fd, "cannot catch Ctrl-C: %s", strerror(-interrupt_fd));
        options_report(&get->output, &error, STATUS_FAILED);
        return STATUS_FAILED;
    }
    get->start_ns = herald_clock_ns();
    /* Fewer wake-ups, each for more datagrams. */
    (void)sched_setscheduler(0, SCHED_BATCH, &no_priority);
    get->output.interrupt_fd = interrupt_fd;
    get_introduce(get);
    get_report_events(get);
    tell_manager(get, "READY=1");
    /* What is received into a terminal must not be drawn over. */
    progress_open(&get->progress, &get->output, !get->to_stdout || !isatty(STDOUT_FILENO), get->start_ns);
    result = receive(get, interrupt_fd, &error);
    get_report_events(get);
    progress_close(&get->progress);
    tell_manager(get, "STOPPING=1");
    return get_conclude(get, result, &error);
}

static int run(const void *settings, const struct operands *operands)
{
    struct get get = { .settings = settings, .operands = operands, .device_fd = -1 };
    struct herald_error error = { 0 };
    int status;
    int result;

    output_init(&get.output, "herald get", settings);
    get.stdout_is_file = get.output.data_is_file;
    result = get_open(&get, &error);
    if (result < 0) {
        status = result == -EINVAL ? STATUS_USAGE : STATUS_FAILED;
        if (status == STATUS_USAGE && error.advice[0] == '\0')
            herald_error_advise(&error, "herald help get");
        options_report(&get.output, &error, status);
    } else {
        status = run_inbox(&get);
    }
    get_close(&get);
    return output_status(&get.output, status);
}

const struct command command_get = {
    .name = "get",
    .operands = "EP",
    .operands_min = 1,
    .operands_max = 1,
    .summary = "receive what others put into a group, and confirm it",
    .details =
        "Joins the group and receives whatever herald put, or another sender that speaks NORM (RFC 5740), sends to it: "
        "files and directories below --directory, or one object into --output. What is lost on the way is asked for "
        "again. Each file is written beside its place and moved there when it is complete and its digest is that of "
        "the original, so that nobody ever sees half a file; then the sender gets a receipt.\n"
        "\n"
        "It goes on until Ctrl-C, --count, --once or --for ends it, and tells the senders, who do not wait for it "
        "then: that takes a second at most, and a second Ctrl-C ends it at once. Unfinished files are kept, unless "
        "they are small, and gone on with when the sender offers them again: for 7 days, in .herald-partial beside the "
        "others, which may be deleted when no get runs there.\n"
        "\n"
        "Names from the network never lead out of the directory: neither by .., nor by an absolute path, nor through a "
        "symbolic link. A file whose name is taken replaces the old one, as scp and rsync do, so that putting a "
        "directory again refreshes it; see --rename and --skip. Files belong to whoever runs this command, and never "
        "become setuid.\n"
        "\n"
        "If datagrams were lost on the way, although they came again, a last line says how many, and where: in the "
        "network, or on this host by its network card, its firewall or a full receive buffer (--rcvbuf).\n"
        "\n"
        "Each object that is complete is a line on standard output; what is said about it goes to standard error, "
        "except that -o - writes nothing but the data to standard output.\n"
        "\n"
        "With NOTIFY_SOCKET in the environment the service manager is told when the group is joined (Type=notify of "
        "systemd). The unit herald-get@NAME.service makes a service of it: EP=... and OPTIONS=... are lines of "
        "/etc/herald/NAME, and files go to /var/lib/herald/NAME.\n"
        "\n"
        "The status is 0 if nothing failed, also after Ctrl-C; 1 if an object or a program failed; 4 if nothing came "
        "within --for.",
    .examples = "# Whatever comes, into this directory, until Ctrl-C\n"
                "herald get 239.1.2.3:10000\n"
                "# One delivery, at most ten minutes, into another directory\n"
                "herald get 239.1.2.3:10000 --once --for 10m -d .\n"
                "# One file under a name of its own; its content into a program\n"
                "herald get 239.1.2.3:10000 -o disk.img\n"
                "herald get 239.1.2.3:10000 -o - --for 1s | wc -c\n"
                "# Only what one host sends; a program for each file\n"
                "herald get 239.1.2.3:10000 --accept 10.0.0.2 --on-complete 'tar xf \"$HERALD_PATH\"' --shell\n"
                "# Without a word to the network\n"
                "herald get 239.1.2.3:10000 --silent\n",
    .options = get_options,
    .settings_bytes = sizeof(struct get_settings),
    .run = run,
    .surplus = "-d",
};
