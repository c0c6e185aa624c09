/* SPDX-License-Identifier: MIT */
/* herald ping: who is in a group, and how far away. */
#include "commands.h"
#include "interrupt.h"
#include "ping.h"
#include "status.h"
#include "units.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <string.h>
#include <time.h>

#define AT(member) offsetof(struct ping_settings, member)
#define MS         INT64_C(1000000)
#define HOUR       (INT64_C(3600) * 1000 * MS)

enum { ROUNDS_TO_EXPECT = 3 };

static const struct option ping_options[] = {
    { "count", 'c', "N", OPTION_NUMBER, AT(count), 1, 1000000000, NULL, NULL, NULL,
      "ask N times; without it until Ctrl-C, --for or --expect" },
    { "interval", 0, "DURATION", OPTION_DURATION, AT(interval_ns), 20 * MS, 24 * HOUR, "1s", NULL, NULL,
      "time from one request to the next; longer if the answers of many members are spread over more" },
    { "wait", 0, "DURATION", OPTION_DURATION, AT(wait_ns), MS, 60000 * MS, "500ms", NULL, NULL,
      "an answer that has not come after this time, not counting the delay by which answers are spread, is missed" },
    { "for", 0, "DURATION", OPTION_DURATION, AT(for_ns), MS, 24 * 366 * HOUR, NULL, NULL, NULL,
      "ask for this long, then end" },
    { "expect", 0, "N", OPTION_NUMBER, AT(expect), 1, HERALD_PING_MEMBERS_MAX, NULL, NULL, NULL,
      "status 1 if fewer than N members answer. Without --count and --for it ends as soon as N have, and after three "
      "requests in any case" },
    { "only", 0, "HOST", OPTION_TEXT, AT(only), 0, 0, NULL, NULL, NULL, "count only members of that name or address" },
    { "size", 's', "SIZE", OPTION_SIZE, AT(size_bytes), 1, 65507, NULL, NULL, NULL,
      "make requests, and so answers, this large; unless given 224 bytes, which is as small as they get" },
    { "answer-size", 0, "SIZE", OPTION_SIZE, AT(answer_bytes), 1, 65507, NULL, NULL, NULL,
      "ask for answers of this size. Larger ones than the request are given by servers, and by members with "
      "--by-unicast" },
    { "fragment", 0, NULL, OPTION_FLAG, AT(fragment), 0, 0, NULL, NULL, NULL,
      "let IP fragment requests and answers that exceed the MTU" },
    { "spread", 0, "DURATION", OPTION_TEXT, AT(spread), 0, 0, NULL, NULL, NULL,
      "have answers spread over this time, at most 60s; 0 answers at once. Without it 100ms for the roll call, then by "
      "the number of members: 0 up to 20, 200us for each if there are more" },
    { "no-multicast", 0, NULL, OPTION_FLAG, AT(no_multicast), 0, 0, NULL, NULL, NULL,
      "have members answer by unicast only; then this host does not join the group" },
    { "by-unicast", 0, NULL, OPTION_FLAG, AT(by_unicast), 0, 0, NULL, NULL, NULL,
      "find members by multicast, then ask each by unicast: compares the two ways there" },
    { "server", 0, "ADDR", OPTION_TEXT, AT(server), 0, 0, NULL, NULL, NULL,
      "ask this host by unicast at EP's port, and hear its answers to the group, as asmping does" },
    { "interface", 'i', "IFACE", OPTION_TEXT, AT(interface), 0, 0, NULL, NULL, "iface",
      "ask on this interface, by name or index" },
    { "ttl", 0, "N", OPTION_NUMBER, AT(ttl), 1, 255, NULL, NULL, NULL,
      "TTL or hop limit of requests to the group, 1 unless given; members answer the group with the same. With "
      "--respond: of answers to groups for clients that ask by unicast, 64 unless given" },
    { "respond", 0, NULL, OPTION_FLAG, AT(respond), 0, 0, NULL, NULL, NULL,
      "answer pings instead: as a member of each EP, and at ports 4321 and 9903 clients that ask by unicast, such as "
      "ssmping and asmping" },
    { NULL, 0, NULL, OPTION_FLAG, 0, 0, 0, NULL, NULL, NULL, NULL },
};

/* ---- before anything is opened --------------------------------------------------------------- */

static int parse_spread(struct ping *ping, struct herald_error *error)
{
    const char *text = ping->settings->spread;
    uint64_t spread_ns;

    if (text == NULL)
        return 0;
    if (strcmp(text, "0") == 0)
        spread_ns = 0;
    else if (duration_parse(text, &spread_ns) < 0 || spread_ns > (uint64_t)(60000 * MS))
        return herald_error_set(error, -EINVAL, "--spread: '%.40s' is not a duration from 0 to 60s", text);
    ping->config.spread_given = true;
    ping->config.spread_ns = spread_ns;
    return 0;
}

static int parse_server(struct ping *ping, struct herald_error *error)
{
    const char *text = ping->settings->server;

    if (text == NULL)
        return 0;
    if (herald_address_parse(text, &ping->config.server) < 0 || herald_address_is_multicast(&ping->config.server))
        return herald_error_set(error, -EINVAL, "--server: '%.60s' is not the numeric address of one host", text);
    return 0;
}

static int check_operands(const struct operands *operands, struct herald_error *error)
{
    if (operands->count == 0) {
        herald_error_set(error, -EINVAL, "which group? EP is missing");
        herald_error_advise(error, "herald ping 239.1.2.3:10000");
        return -EINVAL;
    }
    if (operands->count == 1)
        return 0;
    herald_error_set(error, -EINVAL, "one EP at a time can be asked, not also '%.60s'", operands->items[1]);
    herald_error_advise(error, "herald help ping");
    return -EINVAL;
}

static int check_settings(struct ping *ping, struct herald_error *error)
{
    const struct ping_settings *settings = ping->settings;

    if (ping->endpoint.group_count > 1)
        return herald_error_set(error, -EINVAL, "one group at a time can be asked, not %u", ping->endpoint.group_count);
    if (settings->by_unicast && settings->server != NULL)
        return herald_error_set(error, -EINVAL, "--by-unicast and --server exclude each other: a server is asked so");
    return 0;
}

/* Options about members and requests to the group would do nothing with a server, as the source of EP may be one. */
static int check_server(const struct ping *ping, struct herald_error *error)
{
    const struct ping_settings *settings = ping->settings;
    const struct {
        const char *name;
        bool given;
    } asking[] = {
        { "--only", settings->only != NULL },
        { "--spread", settings->spread != NULL },
        { "--ttl", settings->ttl_given },
    };

    if (herald_ping_facts(ping->ping)->server.family == HERALD_FAMILY_NONE)
        return 0;
    if (settings->by_unicast)
        return herald_error_set(error, -EINVAL, "--by-unicast is for groups: a server, as this EP names, is asked so");
    for (size_t i = 0; i < sizeof(asking) / sizeof(asking[0]); i++)
        if (asking[i].given)
            return herald_error_set(error, -EINVAL, "%s is for groups: here one server is asked, by unicast",
                                    asking[i].name);
    return 0;
}

/* Once it is known whether a group is asked or a server. */
static int check_sizes(const struct ping *ping, struct herald_error *error)
{
    const struct ping_settings *settings = ping->settings;
    const struct herald_ping_facts *facts = herald_ping_facts(ping->ping);
    size_t max_bytes = facts->sender->payload_max_bytes;

    if (settings->answer_bytes > max_bytes && !settings->fragment) {
        herald_error_set(error, -EINVAL,
                         "--answer-size: answers of %" PRIu64 " bytes do not fit into one packet: %zu do",
                         settings->answer_bytes, max_bytes);
        herald_error_advise(error, "--answer-size %zu, or --fragment to have IP cut them up", max_bytes);
        return -EINVAL;
    }
    if (settings->answer_bytes <= facts->size_bytes || settings->by_unicast ||
        facts->server.family != HERALD_FAMILY_NONE)
        return 0;
    herald_error_set(error, -EINVAL,
                     "--answer-size: a group is not asked for answers larger than the request (%zu bytes)",
                     facts->size_bytes);
    herald_error_advise(error, "--size %" PRIu64 ", or --by-unicast", settings->answer_bytes);
    return -EINVAL;
}

static int prepare(struct ping *ping, const struct operands *operands, struct herald_error *error)
{
    const struct ping_settings *settings = ping->settings;
    bool ends = settings->count > 0 || settings->for_ns > 0;
    int r = check_operands(operands, error);

    if (r < 0 || (r = herald_endpoint_parse(operands->items[0], &ping->endpoint, error)) < 0 ||
        (r = check_settings(ping, error)) < 0)
        return r;
    ping->config = (struct herald_ping_config){
        .endpoint = ping->endpoint,
        .interface = settings->interface,
        .ttl_given = settings->ttl_given,
        .ttl = (uint8_t)settings->ttl,
        .count = (uint32_t)(settings->count > 0 || ends || settings->expect == 0 ? settings->count : ROUNDS_TO_EXPECT),
        .interval_ns = settings->interval_ns,
        .wait_ns = settings->wait_ns,
        .expect = ends ? 0 : (uint32_t)settings->expect,
        .size_bytes = settings->size_bytes,
        .answer_bytes = settings->answer_bytes,
        .fragment = settings->fragment,
        .no_multicast = settings->no_multicast,
        .by_unicast = settings->by_unicast,
        .only = settings->only,
    };
    if ((r = parse_spread(ping, error)) < 0 || (r = parse_server(ping, error)) < 0)
        return r;
    r = herald_ping_new(&ping->ping, &ping->config, error);
    if (r < 0 || (r = check_server(ping, error)) < 0 || (r = check_sizes(ping, error)) < 0)
        return r;
    ping->interrupt_fd = interrupt_open();
    if (ping->interrupt_fd < 0)
        return herald_error_set(error, ping->interrupt_fd, "cannot catch Ctrl-C: %s", strerror(-ping->interrupt_fd));
    ping->output.interrupt_fd = ping->interrupt_fd;
    return 0;
}

/* ---- the run --------------------------------------------------------------------------------- */

static void wait_for_something(struct ping *ping, uint64_t end_ns)
{
    struct pollfd fds[3] = {
        { .fd = ping->interrupt_fd, .events = POLLIN },
        { .fd = herald_ping_fd(ping->ping), .events = POLLIN },
        { .fd = ping->output.write_error == 0 ? ping->output.data_fd : -1, .events = 0 },
    };
    uint64_t deadline_ns = herald_ping_deadline(ping->ping);
    uint64_t now_ns = herald_clock_ns();
    struct timespec timeout = { 0 };

    if (end_ns > now_ns && end_ns < deadline_ns) /* once it has passed it is not waited for any more */
        deadline_ns = end_ns;
    if (deadline_ns > now_ns) {
        timeout.tv_sec = (time_t)((deadline_ns - now_ns) / 1000000000);
        timeout.tv_nsec = (long)((deadline_ns - now_ns) % 1000000000);
    }
    if (ppoll(fds, 3, deadline_ns == HERALD_NEVER ? NULL : &timeout, NULL) > 0 && (fds[2].revents & POLLERR) != 0)
        output_reader_gone(&ping->output);
    if (fds[0].revents != 0 && interrupt_came(ping->interrupt_fd))
        ping->interrupted = true;
}

static int ask(struct ping *ping, struct herald_error *error)
{
    uint64_t now_ns = herald_clock_ns();
    uint64_t end_ns = ping->settings->for_ns > 0 ? now_ns + ping->settings->for_ns : HERALD_NEVER;

    if (end_ns != HERALD_NEVER)
        ping->output.end_ns = end_ns + ping->settings->wait_ns; /* for the last answers */
    for (;;) {
        struct herald_ping_event event;
        int r;

        now_ns = herald_clock_ns();
        if (ping->interrupted || now_ns >= end_ns || ping->output.write_error != 0)
            herald_ping_stop(ping->ping);
        r = herald_ping_process(ping->ping, now_ns, error);
        while (herald_ping_next_event(ping->ping, &event) > 0)
            ping_report_event(ping, &event);
        if (r != 0)
            return r;
        wait_for_something(ping, end_ns);
    }
}

static int conclude(struct ping *ping)
{
    const struct ping_settings *settings = ping->settings;
    struct herald_ping_summary summary;
    struct herald_error error;

    herald_ping_summary(ping->ping, &summary);
    if (summary.requests == 0 && ping->failure.code != 0) {
        options_report(&ping->output, &ping->failure, STATUS_FAILED);
        return STATUS_FAILED;
    }
    ping_report_end(ping);
    if (summary.members == 0) {
        ping_explain_silence(ping, &error);
        options_report(&ping->output, &error, STATUS_NOTHING);
        return STATUS_NOTHING;
    }
    return settings->expect > 0 && summary.members < (uint64_t)settings->expect ? STATUS_NOT_EVERYONE : STATUS_DONE;
}

static int ask_all(struct ping *ping)
{
    struct herald_error error;
    int r;

    ping_report_start(ping);
    r = ask(ping, &error);
    if (r >= 0)
        return conclude(ping);
    ping_report_end(ping);
    options_report(&ping->output, &error, STATUS_FAILED);
    return STATUS_FAILED;
}

static int run(const void *given, const struct operands *operands)
{
    struct ping_settings settings = *(const struct ping_settings *)given;
    struct ping ping = { .settings = &settings, .interrupt_fd = -1 };
    struct herald_error error;
    int status;
    int r;

    settings.ttl_given = settings.ttl > 0;
    output_init(&ping.output, "herald ping", &settings.common);
    if (settings.respond)
        return output_status(&ping.output, ping_respond(&ping.output, &settings, operands));
    r = prepare(&ping, operands, &error);
    if (r < 0) {
        status = r == -EINVAL || r == -EMSGSIZE ? STATUS_USAGE : STATUS_FAILED;
        if (status == STATUS_USAGE && error.advice[0] == '\0')
            herald_error_advise(&error, "herald help ping");
        options_report(&ping.output, &error, status);
    } else {
        status = ask_all(&ping);
    }
    herald_ping_free(ping.ping);
    return output_status(&ping.output, status);
}

const struct command command_ping = {
    .name = "ping",
    .operands = "EP",
    .operands_min = 0,
    .operands_max = 64,
    .summary = "find and measure every member of a group, without a list",
    .details =
        "Asks the group by multicast, and every member that can answer does: herald listen, herald get, herald "
        "ping --respond. Each answers by unicast, and by multicast to the group and the asker's port, so that the "
        "round trip of both ways stands side by side. New members are said, and those that have vanished: who has "
        "not answered three requests. A member is known by a number that it chooses, and shown with the host name "
        "that it tells and its address.\n"
        "\n"
        "First comes a roll call, which is not measured. From then on it is known how many members there are. Up "
        "to 20 answer at once, and each gets a line for each request. The answers of more are spread by a random "
        "delay, which each answer tells and which is taken out of its round trip: the time that an answer was "
        "held at the member never counts. Then a line tells of each request, and each member answers by multicast "
        "only to some, so that about 20 do at a time.\n"
        "\n"
        "Loss is counted from a member's first answer on; of answers by multicast from the first of those, since "
        "switches and routers learn of a new member only by and by. What members tell of the requests that "
        "reached them says which direction lost how many. Hops are the routers on the way, by the TTL on arrival: "
        "there, back by unicast, back by multicast. Times are by the kernel's timestamps.\n"
        "\n"
        "EP may be ADDR@GROUP:PORT. If ADDR is an address of this host it is the one to ask from, as members of a "
        "source-specific group (SSM) expect; then each member's own answers to the group are joined, the first "
        "ten of them. Any other ADDR is a server, which is asked by unicast at PORT and answers by unicast and to "
        "the group: ssmpingd (port 4321), or any server of the Multicast Ping Protocol (RFC 6450, port 9903), or "
        "herald ping --respond. With --server the group need not be source-specific, as with asmping. ssmpingd "
        "only serves groups that end in .234, or in 4321:1234 (IPv6), and by default 232.43.211.234 and "
        "ff3e::4321:1234; so does herald ping --respond, but for groups that it is a member of.\n"
        "\n"
        "The answers to the group are heard only by joining it: what else is sent there comes to this host "
        "meanwhile. --no-multicast does without.\n"
        "\n"
        "Who answers is limited so that nobody can use it against others: 50 answers a second for each asker's "
        "address, 20 to groups a second, and none larger than its request unless the asker has shown that it gets "
        "what is sent to it. ssmping -s, which cannot show it, gets one larger answer a second.\n"
        "\n"
        "herald doctor --peer on another host may ask who answers, here and with listen and get, what is wrong with "
        "this host. Told are faults and warnings that show without a privilege and without sending anything "
        "(interface, address, reverse path filter, buffers, who shares the port, the version of IGMP) and, as root, "
        "which chain of the firewall may drop the group; by unicast only, to askers that have shown that they get what "
        "is sent to them, and not more often than every 10 s (three times at once).\n"
        "\n"
        "Ctrl-C ends it with a table of all members and a summary. The status is 4 if nobody has answered.",
    .examples = "# Who is there? Until Ctrl-C\n"
                "herald ping 239.1.2.3:10000\n"
                "# Five members must answer; the status tells\n"
                "herald ping 239.1.2.3:10000 --expect 5\n"
                "# Ten requests, five a second, in packets of 1,400 bytes\n"
                "herald ping 239.1.2.3:10000 --count 10 --interval 200ms --size 1400\n"
                "# For a script\n"
                "herald ping 239.1.2.3:10000 --count 3 --json\n"
                "# Through up to three routers; IPv6, link-local\n"
                "herald ping 239.1.2.3:10000 --ttl 4\n"
                "herald ping '[ff12::1234%eth0]:10000'\n"
                "# Only answer: as a member of the group, and ssmping and asmping as ssmpingd does\n"
                "herald ping --respond 239.1.2.3:10000\n"
                "# As ssmping and asmping ask a server\n"
                "herald ping 10.0.0.1@232.43.211.234:4321\n"
                "herald ping 239.1.2.234:4321 --server 10.0.0.1",
    .options = ping_options,
    .settings_bytes = sizeof(struct ping_settings),
    .run = run,
};
