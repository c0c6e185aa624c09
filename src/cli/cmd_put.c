/* SPDX-License-Identifier: MIT */
/* herald put: files to everyone in a group, and a receipt from each. */
#include "commands.h"
#include "interrupt.h"
#include "put.h"
#include "status.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <time.h>

#define MS   INT64_C(1000000)
#define HOUR (INT64_C(3600) * 1000 * MS)
#define DAY  (24 * HOUR)

#define AT(member) offsetof(struct put_settings, member)

static const char *const fec_ids[] = { [PUT_FEC_5] = "5", [PUT_FEC_2] = "2", [PUT_FEC_129] = "129", NULL };

static const struct option put_options[] = {
    { "expect", 0, "N", OPTION_NUMBER, AT(expect), 1, 100000, NULL, NULL, NULL,
      "wait for N receivers before anything is sent; without it whoever answers is sent to" },
    { "expect-hosts", 0, "FILE", OPTION_TEXT, AT(expect_hosts), 0, 0, NULL, NULL, "file",
      "wait for these receivers: one a line, by the name that the host tells, its address, or node:ID; # begins a "
      "comment; - is standard input" },
    { "wait", 0, "DURATION", OPTION_DURATION, AT(wait_ns), MS, DAY, NULL, NULL, NULL,
      "how long the roll call waits: 10s for those who are expected, 2s for anybody at all, unless given" },
    { "rate", 0, "RATE", OPTION_TEXT, AT(rate), 0, 0, "auto", NULL, NULL,
      "auto finds what the slowest receiver and the network sustain; 100mbit is that and nothing else; max is as fast "
      "as this host sends and the receivers take it, whatever the network between them loses" },
    { "tfmcc", 0, NULL, OPTION_FLAG, AT(tfmcc), 0, 0, NULL, NULL, NULL,
      "be fair to TCP on the same network (TFMCC, RFC 4654); --rate is then the limit" },
    { "fec", 0, "PERCENT", OPTION_PERCENT, AT(fec_percent), 0, 200, "0", NULL, NULL,
      "send so much parity unasked, as a share of the data, like 10 or 10%: where losses are sure to come it saves a "
      "round trip" },
    { "unicast-feedback", 0, NULL, OPTION_FLAG, AT(unicast_feedback), 0, 0, NULL, NULL, NULL,
      "receivers answer by unicast instead of to the group; always so with SOURCE@ in the endpoint" },
    { "silent-receivers", 0, NULL, OPTION_FLAG, AT(silent_receivers), 0, 0, NULL, NULL, NULL,
      "nobody can answer: no roll call, no repairs, no receipts; only --fec and --repeat help against losses" },
    { "laggard", 0, "WHAT", OPTION_TEXT, AT(laggard), 0, 0, "wait", NULL, NULL,
      "what to do with a receiver that gets nothing new: wait, drop (after 30s) or drop:TIME" },
    { "give-up", 0, "DURATION", OPTION_DURATION, AT(give_up_ns), MS * 100, DAY, NULL, NULL, NULL,
      "a receiver that is not heard of for this long is given up, unless it is this host's own cable that is out; 20s "
      "unless given" },
    { "repeat", 0, NULL, OPTION_FLAG, AT(repeat), 0, 0, NULL, NULL, NULL,
      "begin again and again until Ctrl-C, for those who come late, whether anybody lacks anything or not: with --rate "
      "auto or max that takes all the bandwidth there is" },
    { "keep-serving", 0, "DURATION", OPTION_DURATION, AT(keep_serving_ns), MS, 365 * DAY, NULL, NULL, NULL,
      "stay for this long after the last receipt, for those who come late" },
    { "exclude", 0, "PATTERN", OPTION_LIST, AT(excludes), 0, 0, NULL, NULL, NULL,
      "leave out what has this name below a directory (*.o), or if it has a slash this path below it (build/*); /*.o "
      "is what lies in the directory itself. May be given several times" },
    { "name", 0, "NAME", OPTION_TEXT, AT(name), 0, 0, NULL, NULL, NULL,
      "what receivers are to call what comes from standard input; \"stdin\" unless given" },
    { "receipts", 0, "FILE", OPTION_TEXT, AT(receipts), 0, 0, NULL, NULL, "file",
      "write the receipts to FILE, a JSON object a line for each receiver; a file that is there is replaced when all "
      "is over, and stays as it is if there are none" },
    { "interface", 'i', "IFACE", OPTION_TEXT, AT(interface), 0, 0, NULL, NULL, "iface",
      "send on this interface, by name or index" },
    { "ttl", 't', "N", OPTION_NUMBER, AT(ttl), 0, 255, "1", NULL, NULL,
      "TTL or hop limit: 0 stays on this host, 1 on this network, each router takes one" },
    { "no-loop", 0, NULL, OPTION_FLAG, AT(no_loop), 0, 0, NULL, NULL, NULL,
      "do not let receivers on this host hear it" },
    { "dscp", 0, "N", OPTION_NUMBER, AT(dscp), 0, 63, "0", NULL, NULL,
      "mark the packets with this DSCP (8: whatever is left over)" },
    { "node-id", 0, "N", OPTION_NUMBER, AT(node_id), 1, 4294967294, NULL, NULL, NULL,
      "this host's NORM node id, unique in the group; otherwise a random one" },
    { "fec-id", 0, "ID", OPTION_CHOICE, AT(fec_id), 0, 0, "5", fec_ids, NULL,
      "advanced: the code of the parity, as receivers that are not herald may need it. 5: Reed-Solomon (RFC 5510, "
      "8 bits), 2: the same with its field's size told, 129: small block systematic (RFC 5445)" },
    { "segment", 0, "SIZE", OPTION_SIZE, AT(segment_bytes), 64, 65000, NULL, NULL, NULL,
      "advanced: data per datagram; otherwise what fits into the interface's MTU, at most 1400" },
    { "block", 0, "K", OPTION_NUMBER, AT(block_segments), 1, 254, NULL, NULL, NULL,
      "advanced: segments of data that share parity; 128, or what --parity and --fec leave room for, unless given" },
    { "parity", 0, "N", OPTION_NUMBER, AT(parity_segments), 1, 254, NULL, NULL, NULL,
      "advanced: segments of parity that can be made of a block; 64, or what --fec needs, unless given. K + N is at "
      "most 255" },
    { NULL, 0, NULL, OPTION_FLAG, 0, 0, 0, NULL, NULL, NULL, NULL },
};

/* ---- the loop -------------------------------------------------------------------------------- */

/* @return whether a signal came. */
static bool wait_for_something(const struct put *put)
{
    struct pollfd fds[] = {
        { .fd = put->interrupted ? -1 : put->interrupt_fd, .events = POLLIN },
        { .fd = herald_delivery_fd(put->delivery), .events = POLLIN },
    };
    uint64_t deadline_ns = herald_delivery_deadline(put->delivery);
    uint64_t now_ns = herald_clock_ns();
    uint64_t left_ns;
    struct timespec timeout;

    if (deadline_ns > put->progress.due_ns)
        deadline_ns = put->progress.due_ns;
    left_ns = deadline_ns > now_ns ? deadline_ns - now_ns : 0;
    timeout = (struct timespec){ .tv_sec = (time_t)(left_ns / 1000000000), .tv_nsec = (long)(left_ns % 1000000000) };
    return ppoll(fds, sizeof fds / sizeof *fds, &timeout, NULL) > 0 && fds[0].revents != 0;
}

/* The first Ctrl-C lets it say good-bye, which takes a moment; the second one ends the process. */
static void look_for_interrupt(struct put *put)
{
    if (put->interrupted || !interrupt_came(put->interrupt_fd))
        return;
    put->interrupted = true;
    put->output.interrupt_fd = -1;
    herald_delivery_stop(put->delivery);
}

/* @return what herald_delivery_run() would. */
static int deliver(struct put *put, struct herald_error *error)
{
    int result = 0;

    while (result == 0) {
        if (wait_for_something(put))
            look_for_interrupt(put);
        result = herald_delivery_process(put->delivery, herald_clock_ns(), error);
        put_report_events(put);
        if (result == 0)
            put_show(put, herald_clock_ns());
    }
    return result < 0 ? result : herald_delivery_result(put->delivery, error);
}

static int fail(struct put *put, int result, struct herald_error *error)
{
    int status = result == -EINVAL ? STATUS_USAGE : STATUS_FAILED;

    if (status == STATUS_USAGE && error->advice[0] == '\0')
        herald_error_advise(error, "herald help put");
    options_report(&put->output, error, status);
    return status;
}

static int run(const void *settings, const struct operands *operands)
{
    struct put put = { .settings = settings, .operands = operands, .interrupt_fd = -1, .receipts.output.data_fd = -1 };
    struct herald_error error = { 0 };
    int status;
    int result;

    output_init(&put.output, "herald put", settings);
    result = put_open(&put, &error);
    if (result >= 0) {
        put.interrupt_fd = interrupt_open();
        if (put.interrupt_fd < 0)
            result = herald_error_set(&error, put.interrupt_fd, "cannot catch Ctrl-C: %s", strerror(-put.interrupt_fd));
    }
    if (result < 0) {
        status = fail(&put, result, &error);
    } else {
        put.output.interrupt_fd = put.receipts.output.interrupt_fd = put.interrupt_fd;
        put_introduce(&put);
        progress_open(&put.progress, &put.output, true, herald_clock_ns());
        result = deliver(&put, &error);
        progress_close(&put.progress);
        status = put_conclude(&put, result, &error);
    }
    put_close(&put);
    return output_status(&put.output, status);
}

const struct command command_put = {
    .name = "put",
    .operands = "EP PATH...",
    .operands_min = 2,
    .operands_max = SIZE_MAX,
    .summary = "send files to everyone in a group, and get a receipt from each",
    .details =
        "Sends files, directories with all below them, or with - what comes from standard input, to every herald get "
        "that listens to the group: once over the network, however many they are. What a receiver misses is sent "
        "again. In the end each gives a receipt: that it has everything, with the digest of the original, or why "
        "not.\n"
        "\n"
        "First the roll call: who is here? With --expect or --expect-hosts it waits until all of them are, and sends "
        "nothing if they do not come within --wait. Otherwise whoever answers within 2 s is sent to. Those who come "
        "later are served too, as long as it lasts: --keep-serving and --repeat make it last longer.\n"
        "\n"
        "A directory's name is the first part of what arrives, unless its path ends in /: put EP dir makes dir/file at "
        "the receivers, put EP dir/ makes file. Modes, modification times and symbolic links are kept; owners are not, "
        "and of hard links each becomes a file of its own. Sockets, devices and fifos are left out.\n"
        "\n"
        "The rate follows the slowest receiver. One that gets nothing new for a while holds up all others with "
        "--laggard wait, and is left behind with --laggard drop; one that is silent for --give-up counts as lost. Both "
        "make the status 1, and the receipt tells. When nobody is left who could still get more of it, put ends. "
        "Started again, it sends all of it again, although receivers ask for nothing that they kept of unfinished "
        "files.\n"
        "\n"
        "The last lines are a table of the receipts on standard output: \"verified\" is a receiver that compared "
        "digests, \"confirmed\" one that confirmed all of it as NORM (RFC 5740) does, without a digest, and from where "
        "it joined, or that had files of the same names, sizes and times already (get --skip). Receivers of any kind "
        "that speak NORM are served.\n"
        "\n"
        "The status is 0 only if everyone who was expected or answered has everything; 1 if somebody lacks something, "
        "or something could not be read; 4 if nobody answered.",
    .examples = "# A file to everyone who listens\n"
                "herald put 239.1.2.3:10000 disk.img\n"
                "# A directory, without what was built, to three receivers or not at all\n"
                "herald put 239.1.2.3:10000 . --exclude '*.o' --exclude build --expect 3 --wait 1s\n"
                "# To the hosts of a list; receipts for a script\n"
                "herald put 239.1.2.3:10000 disk.img --expect-hosts hosts.txt --receipts receipts.json --wait 1s\n"
                "# The output of a program\n"
                "date | herald put 239.1.2.3:10000 - --name date.txt\n"
                "# At 50 Mbit/s, with a tenth of parity, through up to three routers\n"
                "herald put 239.1.2.3:10000 disk.img --rate 50mbit --fec 10 --ttl 4\n"
                "# Where nobody can answer: again and again, until Ctrl-C\n"
                "herald put 239.1.2.3:10000 disk.img --silent-receivers --fec 20 --repeat --rate 10mbit\n",
    .options = put_options,
    .settings_bytes = sizeof(struct put_settings),
    .run = run,
    .complete = "file",
};
