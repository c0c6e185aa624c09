/* SPDX-License-Identifier: MIT */
/* The senders of herald send: one for each group on each interface. */
#include "send.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <unistd.h>

/*
 * Descriptors that are open besides the senders': three of the standard ones, one each for answers, a question and
 * Ctrl-C, and two for a moment to look at interfaces and routes.
 */
enum { OTHER_DESCRIPTORS = 8 };

/* The interfaces to send on; one NULL: wherever the sender chooses to. */
struct wanted {
    const char **names;
    size_t count;
    struct herald_interface *list; /* what the names point into, or NULL */
};

/* ---- which interfaces ------------------------------------------------------------------------ */

static int check_interface_options(const struct send *send, struct herald_error *error)
{
    const struct send_settings *settings = send->settings;
    const char *own = send->endpoint.interface;

    if (settings->all_interfaces && settings->interfaces.count > 0)
        return herald_error_set(error, -EINVAL, "--interface and --all-interfaces exclude each other");
    if (own[0] != '\0' && (settings->all_interfaces || settings->interfaces.count > 1 ||
                           (settings->interfaces.count == 1 && strcmp(settings->interfaces.items[0], own) != 0)))
        return herald_error_set(error, -EINVAL, "the endpoint names the interface %s, the options another one", own);
    return 0;
}

static int want_all(struct wanted *wanted, struct herald_error *error)
{
    int count = herald_interfaces_list(&wanted->list);

    if (count < 0)
        return herald_error_set(error, count, "cannot list the network interfaces: %s", strerror(-count));
    wanted->names = reallocarray(NULL, (size_t)count + 1, sizeof *wanted->names);
    if (wanted->names == NULL)
        return herald_error_set(error, -ENOMEM, "out of memory");
    for (int i = 0; i < count; i++) {
        if (wanted->list[i].up && wanted->list[i].multicast)
            wanted->names[wanted->count++] = wanted->list[i].name;
    }
    if (wanted->count > 0)
        return 0;
    (void)herald_error_set(error, -ENETDOWN, "no interface is up and can do multicast");
    herald_error_advise(error, "ip link; -i lo reaches this host only");
    return -ENETDOWN;
}

static int want_listed(const struct text_list *list, struct wanted *wanted, struct herald_error *error)
{
    wanted->names = calloc(list->count + 1, sizeof *wanted->names);
    if (wanted->names == NULL)
        return herald_error_set(error, -ENOMEM, "out of memory");
    for (size_t i = 0; i < list->count; i++) {
        size_t k = 0;

        while (k < wanted->count && strcmp(wanted->names[k], list->items[i]) != 0)
            k++;
        if (k == wanted->count)
            wanted->names[wanted->count++] = list->items[i];
    }
    if (wanted->count == 0)
        wanted->count = 1; /* NULL: the sender's choice */
    return 0;
}

/* ---- opening --------------------------------------------------------------------------------- */

/* Raises the limit of open files if that helps. */
static int check_descriptors(size_t groups, size_t interfaces, struct herald_error *error)
{
    struct rlimit limit;
    rlim_t needed = (rlim_t)groups * interfaces + OTHER_DESCRIPTORS;

    if (getrlimit(RLIMIT_NOFILE, &limit) < 0 || limit.rlim_cur >= needed)
        return 0;
    if (limit.rlim_max >= needed) {
        limit.rlim_cur = needed;
        if (setrlimit(RLIMIT_NOFILE, &limit) == 0)
            return 0;
    }
    (void)herald_error_set(error, -EMFILE,
                           "%zu group%s on %zu interface%s need%s %llu open files, and this process may have %llu",
                           groups, groups == 1 ? "" : "s", interfaces, interfaces == 1 ? "" : "s",
                           groups == 1 ? "s" : "", (unsigned long long)needed, (unsigned long long)limit.rlim_max);
    herald_error_advise(error, "ulimit -n %llu%s", (unsigned long long)needed,
                        groups * interfaces > 1 ? ", or fewer groups or interfaces at a time" : "");
    return -EMFILE;
}

static int check_reply_port(const struct send *send, size_t senders, struct herald_error *error)
{
    if (send->settings->reply_port == 0 || senders <= 1)
        return 0;
    (void)herald_error_set(error, -EINVAL, "--reply-port: only one sender can have port %lld, and this takes %zu",
                           (long long)send->settings->reply_port, senders);
    herald_error_advise(error, "one group and one interface at a time, or no --reply-port");
    return -EINVAL;
}

static int open_sender(struct send *send, const char *interface, uint32_t group, struct herald_error *error)
{
    const struct send_settings *settings = send->settings;
    struct herald_sender_config config;
    int result;

    memset(&config, 0, sizeof config);
    config.endpoint = send->endpoint;
    config.endpoint.group_count = 1;
    result = herald_endpoint_group(&send->endpoint, group, &config.endpoint.group);
    if (result < 0)
        return herald_error_set(error, result, "the endpoint has no group number %u", group);
    config.interface = interface;
    config.source = send->source;
    config.ttl_given = true;
    config.ttl = (uint8_t)settings->ttl;
    config.no_loop = settings->no_loop;
    config.dscp = (uint8_t)settings->dscp;
    config.reply_port = (uint16_t)settings->reply_port;
    config.fragment = settings->fragment;
    result = herald_sender_new(&send->senders[send->sender_count], &config, error);
    if (result >= 0)
        send->sender_count++;
    return result;
}

/* All groups on one interface, or none of them. */
static int open_interface(struct send *send, const char *interface, struct herald_error *error)
{
    size_t before = send->sender_count;
    int result = 0;

    for (uint32_t group = 0; group < send->endpoint.group_count && result >= 0; group++)
        result = open_sender(send, interface, group, error);
    if (result < 0) {
        while (send->sender_count > before)
            (void)herald_sender_free(send->senders[--send->sender_count]);
        return result;
    }
    send->interface_count++;
    return 0;
}

static int open_all(struct send *send, const struct wanted *wanted, struct herald_error *error)
{
    size_t senders = wanted->count * send->endpoint.group_count;
    int result = check_reply_port(send, senders, error);

    if (result >= 0)
        result = check_descriptors(send->endpoint.group_count, wanted->count, error);
    if (result < 0)
        return result;
    send->senders = calloc(senders, sizeof(herald_sender *));
    send->sent = calloc(senders, sizeof *send->sent);
    if (send->senders == NULL || send->sent == NULL)
        return herald_error_set(error, -ENOMEM, "out of memory");
    for (size_t i = 0; i < wanted->count; i++) {
        struct herald_error local;

        result = open_interface(send, wanted->names[i], &local);
        if (result >= 0)
            continue;
        /* Of all interfaces some may be unfit; one that was named may not. */
        if (!send->settings->all_interfaces || (i + 1 == wanted->count && send->interface_count == 0)) {
            *error = local;
            return result;
        }
        output_warning(&send->output, &local);
    }
    return 0;
}

static int watch_answers(struct send *send, struct herald_error *error)
{
    send->answers_fd = epoll_create1(EPOLL_CLOEXEC);
    if (send->answers_fd < 0)
        return herald_error_set(error, -errno, "cannot wait for answers: %s", strerror(errno));
    for (size_t i = 0; i < send->sender_count; i++) {
        struct epoll_event event = { .events = EPOLLIN, .data.u64 = i };

        if (epoll_ctl(send->answers_fd, EPOLL_CTL_ADD, herald_sender_fd(send->senders[i]), &event) < 0)
            return herald_error_set(error, -errno, "cannot wait for answers: %s", strerror(errno));
    }
    return 0;
}

/*
 * Whether the message fits into one packet anywhere: it is sent where it does. Said before anything else is, as the
 * sender would say it.
 */
static int check_size(const struct send *send, struct herald_error *error)
{
    const struct herald_sender_facts *facts = herald_sender_facts(send->senders[0]);

    if (send->settings->fragment)
        return 0; /* what no datagram can carry has not been read */
    for (size_t i = 0; i < send->sender_count; i++) {
        if (send->payload.size <= herald_sender_facts(send->senders[i])->payload_max_bytes)
            return 0;
    }
    (void)herald_error_set(error, -EMSGSIZE, "%zu bytes do not fit into one packet on %s: %zu fit", send->payload.size,
                           facts->interface.name, facts->payload_max_bytes);
    herald_error_advise(error,
                        "a smaller message, or --fragment to have IP cut it up (one lost fragment loses it all)");
    return -EMSGSIZE;
}

int send_open(struct send *send, struct herald_error *error)
{
    struct wanted wanted = { .names = NULL };
    int result = check_interface_options(send, error);

    if (result >= 0)
        result = send->settings->all_interfaces ? want_all(&wanted, error)
                                                : want_listed(&send->settings->interfaces, &wanted, error);
    if (result >= 0)
        result = open_all(send, &wanted, error);
    if (result >= 0)
        result = check_size(send, error);
    if (result >= 0)
        result = watch_answers(send, error);
    free(wanted.names);
    free(wanted.list);
    return result;
}

void send_close(struct send *send)
{
    for (size_t i = 0; i < send->sender_count; i++)
        (void)herald_sender_free(send->senders[i]);
    if (send->answers_fd >= 0)
        (void)close(send->answers_fd);
    free(send->senders);
    free(send->sent);
}

/* ---- what is said first ---------------------------------------------------------------------- */

static void warn_of_source(struct send *send, const struct herald_sender_facts *facts)
{
    const char *name = facts->interface.name;
    bool ipv6 = send->endpoint.group.family == HERALD_FAMILY_IPV6;
    struct herald_error error;

    (void)herald_error_set(&error, -EADDRNOTAVAIL, "%s has no IPv%d address: nobody can answer", name, ipv6 ? 6 : 4);
    if (ipv6)
        herald_error_advise(&error, "ip address show dev %s; a new address takes two seconds to be usable", name);
    else
        herald_error_advise(&error, "ip address add ADDRESS/PREFIX dev %s", name);
    output_warning(&send->output, &error);
}

static void warn_of_carrier(struct send *send, const char *name)
{
    struct herald_error error;

    (void)herald_error_set(&error, -ENETDOWN, "%s has no carrier: nobody but this host can hear it", name);
    herald_error_advise(&error, "ip link show dev %s; is the cable plugged in?", name);
    output_warning(&send->output, &error);
}

/* With -v: what stands behind the first line. */
static void note_sizes(struct send *send, const struct herald_sender_facts *facts)
{
    bool clamped = facts->receive_buffer_bytes < facts->receive_buffer_asked_bytes;
    char got[UNITS_TEXT_BYTES];

    if (send->output.verbose)
        output_note(&send->output, "%zu bytes fit into one packet on %s; the receive buffer for answers is %s%s",
                    facts->payload_max_bytes, facts->interface.name, size_format(facts->receive_buffer_bytes, got),
                    clamped ? ", less than asked for, by the limit net.core.rmem_max" : "");
}

void send_introduce(struct send *send)
{
    /* The senders stand interface by interface: what is said is the same for all groups of one. */
    for (size_t i = 0; i < send->sender_count; i += send->endpoint.group_count) {
        const struct herald_sender_facts *facts = herald_sender_facts(send->senders[i]);

        send_report_sender(send, send->senders[i]);
        if (facts->source.family == HERALD_FAMILY_NONE)
            warn_of_source(send, facts);
        if (!facts->interface.carrier)
            warn_of_carrier(send, facts->interface.name);
        if (i == 0)
            note_sizes(send, facts);
    }
}
