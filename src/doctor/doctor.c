/* SPDX-License-Identifier: MIT */
/* The frame: resolves what is to be examined, runs the checks of the table one by one, and remembers the worst. */
#include "address.h"
#include "choose.h"
#include "examination.h"
#include "host.h"
#include "peer.h"
#include "traffic.h"

#include <assert.h>
#include <errno.h>
#include <ifaddrs.h>
#include <libmnl/libmnl.h>
#include <linux/if_ether.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/rtnetlink.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

/* Groups and ports of an examination that the user gave no endpoint for: local scope (RFC 2365), dynamic ports. */
enum { RANDOM_PORT_FIRST = 49152, RANDOM_PORTS = 16384 };

struct herald_doctor {
    struct hd_examination examination;
    size_t next; /* row of the table */
    uint32_t run_count;
    uint32_t skipped_count;
    struct herald_finding fault;   /* the first; check NULL: none */
    struct herald_finding warning; /* the first */
    bool interrupted;
};

/* ---- what checks call ------------------------------------------------------------------------ */

void hd_say(char *text, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    (void)vsnprintf(text, HERALD_FINDING_TEXT_BYTES, format, arguments);
    va_end(arguments);
}

struct herald_finding *hd_report(struct hd_examination *examination, const struct hd_check *check,
                                 enum herald_finding_level level, const char *interface)
{
    struct herald_finding *finding = &examination->lost;

    if (examination->finding_count < HD_FINDINGS_MAX)
        finding = &examination->findings[examination->finding_count++];
    memset(finding, 0, sizeof *finding);
    finding->level = level;
    finding->check = check->name;
    if (interface != NULL)
        (void)snprintf(finding->interface, sizeof finding->interface, "%s", interface);
    return finding;
}

void hd_report_ok(struct hd_examination *examination, const struct hd_check *check, const char *interface,
                  const char *format, ...)
{
    struct herald_finding *finding = hd_report(examination, check, HERALD_FINDING_OK, interface);
    va_list arguments;

    va_start(arguments, format);
    (void)vsnprintf(finding->seen, sizeof finding->seen, format, arguments);
    va_end(arguments);
}

void hd_report_skipped(struct hd_examination *examination, const struct hd_check *check, const char *format, ...)
{
    struct herald_finding *finding = hd_report(examination, check, HERALD_FINDING_SKIPPED, NULL);
    va_list arguments;

    va_start(arguments, format);
    (void)vsnprintf(finding->seen, sizeof finding->seen, format, arguments);
    va_end(arguments);
}

int hd_wait(const struct hd_examination *examination, int fd, uint64_t deadline_ns)
{
    for (;;) {
        struct pollfd fds[2] = {
            { .fd = fd, .events = POLLIN },
            { .fd = examination->config.interrupt_fd, .events = POLLIN },
        };
        uint64_t now_ns = herald_clock_ns();
        uint64_t left_ns = deadline_ns > now_ns ? deadline_ns - now_ns : 0;
        struct timespec timeout = { .tv_sec = (time_t)(left_ns / 1000000000), .tv_nsec = (long)(left_ns % 1000000000) };
        int ready = ppoll(fds, 2, deadline_ns == HERALD_NEVER ? NULL : &timeout, NULL);

        if (ready < 0 && errno != EINTR)
            return -errno;
        if (ready > 0 && fds[1].revents != 0)
            return -ECANCELED;
        if (ready > 0)
            return 1;
        if (ready == 0)
            return 0;
    }
}

bool hd_interrupted(const struct hd_examination *examination)
{
    return hd_wait(examination, -1, 0) == -ECANCELED;
}

const struct herald_interface *hd_interface_by_index(const struct hd_examination *examination, uint32_t index)
{
    for (size_t i = 0; i < examination->interface_count; i++) {
        if (examination->interfaces[i].index == index)
            return &examination->interfaces[i];
    }
    return NULL;
}

const char *hd_interface_name(const struct hd_examination *examination, uint32_t index)
{
    const struct herald_interface *interface = hd_interface_by_index(examination, index);

    return interface != NULL ? interface->name : "?";
}

bool hd_interface_works(const struct herald_interface *interface)
{
    return interface->up && interface->carrier && interface->multicast && !interface->loopback;
}

bool hd_is_own_address(const struct herald_address *address)
{
    struct ifaddrs *list;
    bool own = false;

    if (getifaddrs(&list) < 0)
        return false;
    for (const struct ifaddrs *i = list; i != NULL && !own; i = i->ifa_next) {
        struct herald_peer peer;

        if (i->ifa_addr == NULL)
            continue;
        hd_peer_from_sockaddr(i->ifa_addr, &peer);
        own = herald_address_equal(&peer.address, address);
    }
    freeifaddrs(list);
    return own;
}

const char *hd_address_text(const struct herald_address *address, char ret_text[HERALD_ADDRESS_TEXT_BYTES])
{
    (void)herald_address_format(address, ret_text, HERALD_ADDRESS_TEXT_BYTES);
    return ret_text;
}

const char *hd_group_text(const struct hd_examination *examination, char ret_text[HERALD_ADDRESS_TEXT_BYTES])
{
    return hd_address_text(&examination->facts.endpoint.group, ret_text);
}

/* ---- what we may do -------------------------------------------------------------------------- */

/*
 * Tried rather than read from our capabilities: in a user namespace these say nothing about the network's. The socket
 * has no protocol yet and sees no packet.
 */
static bool may_see_packets(void)
{
    int fd = socket(AF_PACKET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

    if (fd < 0)
        return false;
    close(fd);
    return true;
}

/* Asks for the list of nftables' tables; that there may be none, or no nftables, is no refusal. */
static bool may_read_rules(void)
{
    _Alignas(struct nlmsghdr) char buffer[8192];
    struct mnl_socket *socket = mnl_socket_open2(NETLINK_NETFILTER, SOCK_CLOEXEC);
    struct nlmsghdr *request = mnl_nlmsg_put_header(buffer);
    struct nfgenmsg *header;
    bool may = false;
    ssize_t size;

    if (socket == NULL)
        return false;
    request->nlmsg_type = NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_GETTABLE;
    request->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
    header = mnl_nlmsg_put_extra_header(request, sizeof *header);
    header->nfgen_family = AF_UNSPEC;
    header->version = NFNETLINK_V0;
    if (mnl_socket_bind(socket, 0, MNL_SOCKET_AUTOPID) == 0 &&
        mnl_socket_sendto(socket, request, request->nlmsg_len) > 0) {
        size = mnl_socket_recvfrom(socket, buffer, sizeof buffer);
        may = size > 0 && mnl_cb_run(buffer, (size_t)size, 0, mnl_socket_get_portid(socket), NULL, NULL) >= 0;
        may = may || (size > 0 && errno != EPERM);
    }
    (void)mnl_socket_close(socket);
    return may;
}

/* ---- what is examined ------------------------------------------------------------------------ */

static void make_up_endpoint(struct herald_endpoint *endpoint, bool ipv6)
{
    uint8_t random[4] = { 1, 2, 3, 4 };
    char text[40];
    int port, result;

    (void)!getrandom(random, sizeof random, GRND_NONBLOCK); /* anything will do */
    port = RANDOM_PORT_FIRST + (random[2] << 8 | random[3]) % RANDOM_PORTS;
    if (ipv6)
        (void)snprintf(text, sizeof text, "[ff15::%x:%x]:%d", random[0], random[1], port);
    else
        (void)snprintf(text, sizeof text, "239.255.%u.%u:%d", random[0], random[1], port);
    result = herald_endpoint_parse(text, endpoint, NULL);
    assert(result == 0);
}

static int copy_config(struct hd_examination *examination, const struct herald_doctor_config *config,
                       struct herald_error *error)
{
    struct herald_doctor_facts *facts = &examination->facts;
    const char *interface = config->interface;

    facts->endpoint_given = config->endpoint != NULL;
    if (config->endpoint != NULL)
        facts->endpoint = *config->endpoint;
    else
        make_up_endpoint(&facts->endpoint, false);
    if (interface == NULL && facts->endpoint.interface[0] != '\0')
        interface = facts->endpoint.interface;
    else if (interface != NULL && facts->endpoint.interface[0] != '\0' &&
             strcmp(interface, facts->endpoint.interface) != 0)
        return herald_error_set(error, -EINVAL, "the endpoint names the interface %s, the options name %.40s",
                                facts->endpoint.interface, interface);
    examination->config = *config;
    examination->config.endpoint = NULL;
    examination->config.interface = interface != NULL ? strdup(interface) : NULL;
    examination->config.peer = config->peer != NULL ? strdup(config->peer) : NULL;
    if ((interface != NULL && examination->config.interface == NULL) ||
        (config->peer != NULL && examination->config.peer == NULL))
        return herald_error_set(error, -ENOMEM, "out of memory");
    if (config->interrupt_fd <= 0)
        examination->config.interrupt_fd = -1;
    facts->endpoint.interface[0] = '\0';
    facts->ttl = config->ttl_given ? config->ttl : 1;
    return 0;
}

/* The first interface that is there although nothing can be sent on it: for the check that explains it. */
static void find_broken_interface(struct hd_examination *examination, struct herald_sender_facts *sender)
{
    for (size_t i = 0; i < examination->interface_count && sender->interface.index == 0; i++) {
        if (!examination->interfaces[i].loopback)
            sender->interface = examination->interfaces[i];
    }
}

static int choose(struct hd_examination *examination, struct herald_error *error)
{
    struct herald_doctor_facts *facts = &examination->facts;
    struct herald_sender_config config = { .endpoint = facts->endpoint, .interface = examination->config.interface };
    struct herald_sender_facts sender = { .ttl = 0 };
    struct herald_address source = facts->endpoint.source;
    int result;

    if (source.family != HERALD_FAMILY_NONE && !hd_is_own_address(&source)) {
        facts->remote_source = source;
        source = (struct herald_address){ .family = HERALD_FAMILY_NONE };
    }
    if (config.interface == NULL && herald_address_needs_zone(&facts->endpoint.group)) {
        examination->zone_missing = true;
        /* Any will do to go on with: the one for a group of wider scope. */
        config.endpoint.group.bytes[1] = (uint8_t)((config.endpoint.group.bytes[1] & 0xf0) | 5);
    }
    result = hd_choose_interface(&config, &source, &sender, &examination->choose_error);
    if (result == -ENODEV || result == -EINVAL) {
        *error = examination->choose_error;
        return result;
    }
    if (result == 0)
        examination->choose_error = (struct herald_error){ .code = 0 };
    else
        find_broken_interface(examination, &sender);
    facts->interface_found = result == 0;
    facts->interface = sender.interface;
    facts->reason = sender.reason;
    if (source.family != HERALD_FAMILY_NONE)
        facts->own_source = source;
    else if (result == 0)
        facts->own_source = hd_choose_source(&config.endpoint, &sender.interface);
    return 0;
}

/* Whether this host has a network of IPv6, and none of IPv4: which is no fault. */
static bool has_ipv6_only(const struct hd_examination *examination)
{
    bool found = false;

    for (size_t i = 0; i < examination->interface_count; i++) {
        const struct herald_interface *interface = &examination->interfaces[i];

        if (interface->loopback)
            continue;
        if (interface->ipv4.family != HERALD_FAMILY_NONE)
            return false;
        found = found || (hd_interface_works(interface) && interface->ipv6.family != HERALD_FAMILY_NONE);
    }
    return found;
}

static int prepare(struct hd_examination *examination, const struct herald_doctor_config *config,
                   struct herald_error *error)
{
    int result = copy_config(examination, config, error);
    int count;

    if (result < 0)
        return result;
    count = herald_interfaces_list(&examination->interfaces);
    if (count < 0)
        return herald_error_set(error, count, "cannot list the network interfaces: %s", strerror(-count));
    examination->interface_count = (size_t)count;
    if (!examination->facts.endpoint_given && has_ipv6_only(examination))
        make_up_endpoint(&examination->facts.endpoint, true);
    result = choose(examination, error);
    if (result < 0)
        return result;
    examination->facts.net_raw = may_see_packets();
    examination->facts.net_admin = may_read_rules();
    if (examination->config.trace && !examination->facts.net_admin) {
        (void)herald_error_set(error, -EPERM, "the firewall can be traced by root (CAP_NET_ADMIN) only");
        herald_error_advise(error, "sudo herald doctor, or without --trace");
        return -EPERM;
    }
    while (hd_checks[examination->facts.check_count].name != NULL)
        examination->facts.check_count++;
    return 0;
}

int herald_doctor_new(herald_doctor **ret_doctor, const struct herald_doctor_config *config, struct herald_error *error)
{
    struct herald_doctor *doctor = calloc(1, sizeof *doctor);
    int result;

    if (doctor == NULL)
        return herald_error_set(error, -ENOMEM, "out of memory");
    result = prepare(&doctor->examination, config, error);
    if (result < 0) {
        (void)herald_doctor_free(doctor);
        return result;
    }
    *ret_doctor = doctor;
    return 0;
}

herald_doctor *herald_doctor_free(herald_doctor *doctor)
{
    if (doctor == NULL)
        return NULL;
    hd_traffic_free(doctor->examination.traffic);
    hd_peer_free(doctor->examination.peer);
    free(doctor->examination.interfaces);
    free((void *)(uintptr_t)doctor->examination.config.interface);
    free((void *)(uintptr_t)doctor->examination.config.peer);
    free(doctor);
    return NULL;
}

struct hd_examination *hd_doctor_examination(herald_doctor *doctor)
{
    return &doctor->examination;
}

size_t herald_doctor_trials(const herald_doctor *doctor, struct herald_doctor_trial *ret_trials, size_t max)
{
    return hd_peer_trials(doctor->examination.peer, ret_trials, max);
}

const struct herald_doctor_facts *herald_doctor_facts(const herald_doctor *doctor)
{
    return &doctor->examination.facts;
}

/* ---- running --------------------------------------------------------------------------------- */

/* Whether the question does not arise: nothing is said about such a check. */
static bool is_left_out(const struct hd_examination *examination, unsigned needs)
{
    bool ipv6 = hd_is_ipv6(examination);

    return ((needs & HD_NEEDS_ENDPOINT) != 0 && !examination->facts.endpoint_given) ||
           ((needs & HD_NEEDS_IPV4) != 0 && ipv6) || ((needs & HD_NEEDS_IPV6) != 0 && !ipv6) ||
           ((needs & HD_NEEDS_PEER) != 0 && examination->config.peer == NULL) ||
           ((needs & HD_NEEDS_LONG) != 0 && !examination->config.long_watch) ||
           ((needs & HD_NEEDS_CENSUS) != 0 && !examination->config.census);
}

/* What is missing, for people; NULL: nothing. */
static const char *missing(const struct hd_examination *examination, unsigned needs)
{
    const struct herald_doctor_facts *facts = &examination->facts;

    if ((needs & (HD_NEEDS_INTERFACE | HD_NEEDS_NETWORK)) != 0 && examination->interface_lost)
        return "the interface was lost";
    if ((needs & (HD_NEEDS_INTERFACE | HD_NEEDS_NETWORK)) != 0 && !facts->interface_found)
        return "no interface to look at is up";
    if ((needs & HD_NEEDS_NETWORK) != 0 && facts->interface.loopback)
        return facts->reason == HERALD_INTERFACE_LOOPBACK ? "there is no network but lo"
                                                          : "of a network, and lo is none";
    if ((needs & HD_NEEDS_SOURCE) != 0 && facts->remote_source.family == HERALD_FAMILY_NONE)
        return "needs the address of the sender: SOURCE@GROUP:PORT";
    if ((needs & HD_NEEDS_NET_RAW) != 0 && !facts->net_raw)
        return "needs root (CAP_NET_RAW), to see packets on the wire";
    if ((needs & HD_NEEDS_NET_ADMIN) != 0 && !facts->net_admin)
        return "needs root (CAP_NET_ADMIN), to read the firewall's rules";
    return NULL;
}

/* What has become of the examined interface, which had been up, since the examination began; NULL: nothing. */
static const char *misfortune(const struct hd_examination *examination)
{
    const struct herald_interface *before = &examination->facts.interface;
    struct herald_interface now = { .index = 0 };

    if (!examination->facts.interface_found || examination->interface_lost)
        return NULL;
    switch (herald_interface_find(before->name, &now, NULL)) {
    case 0:
        break;
    case -ENODEV:
        return "has vanished";
    default:
        return NULL; /* nobody knows */
    }
    if (now.index != before->index)
        return "has vanished"; /* and another has its name */
    if (before->up && !now.up)
        return "was set down";
    return before->carrier && !now.carrier ? "has lost its carrier" : NULL;
}

/* Then what the last check has seen, or could not see, may come of that. */
static void report_misfortune(struct hd_examination *examination, const struct hd_check *check, const char *what)
{
    const char *interface = examination->facts.interface.name;
    struct herald_finding *finding;

    examination->interface_lost = true;
    examination->finding_count = 0;
    finding = hd_report(examination, check, HERALD_FINDING_FAULT, interface);
    hd_say(finding->seen, "%s %s while it was examined", interface, what);
    hd_say(finding->meaning, "programs that use it have lost it too; what was seen of it just before may be wrong");
    hd_say(finding->remedy, "find out what does that, and examine it again");
}

/* @return 0; -ECANCELED. */
static int run_check(struct herald_doctor *doctor, const struct hd_check *check)
{
    struct hd_examination *examination = &doctor->examination;
    const char *what;
    int result;

    examination->finding_count = 0;
    examination->finding_next = 0;
    what = missing(examination, check->needs);
    if (what != NULL) {
        hd_report_skipped(examination, check, "%s", what);
        return 0;
    }
    result = check->run(examination, check);
    if (result == -ECANCELED)
        return result;
    what = misfortune(examination);
    if (what != NULL)
        report_misfortune(examination, check, what);
    else if (result < 0 && examination->finding_count == 0)
        hd_report_skipped(examination, check, "could not look: %s", strerror(-result));
    return 0;
}

/* The row that runs next, or the one that ends the table. */
static const struct hd_check *upcoming(const struct herald_doctor *doctor)
{
    const struct hd_check *check = &hd_checks[doctor->next];

    while (check->name != NULL && is_left_out(&doctor->examination, check->needs))
        check++;
    return check;
}

const char *herald_doctor_upcoming(const herald_doctor *doctor)
{
    return doctor->interrupted ? NULL : upcoming(doctor)->what;
}

static void remember(struct herald_doctor *doctor, const struct herald_finding *finding)
{
    if (finding->level == HERALD_FINDING_FAULT && doctor->fault.check == NULL)
        doctor->fault = *finding;
    if (finding->level == HERALD_FINDING_WARNING && doctor->warning.check == NULL)
        doctor->warning = *finding;
    if (finding->level == HERALD_FINDING_SKIPPED)
        doctor->skipped_count++;
}

int herald_doctor_next(herald_doctor *doctor, struct herald_finding *ret_finding)
{
    struct hd_examination *examination = &doctor->examination;

    while (examination->finding_next == examination->finding_count) {
        const struct hd_check *check = upcoming(doctor);

        if (doctor->interrupted || check->name == NULL)
            return 0;
        if (hd_interrupted(examination) || run_check(doctor, check) == -ECANCELED) {
            doctor->interrupted = true;
            examination->finding_count = examination->finding_next = 0; /* what a check has half found */
            return 0;
        }
        doctor->next = (size_t)(check - hd_checks) + 1;
        doctor->run_count += examination->finding_count > 0;
    }
    *ret_finding = examination->findings[examination->finding_next++];
    remember(doctor, ret_finding);
    return 1;
}

/* ---- the verdict ----------------------------------------------------------------------------- */

void herald_doctor_verdict(const herald_doctor *doctor, struct herald_finding *ret_finding)
{
    const struct hd_examination *examination = &doctor->examination;
    const struct herald_doctor_facts *facts = &examination->facts;
    char group[HERALD_ADDRESS_TEXT_BYTES];
    bool local = facts->interface_found && facts->interface.loopback;

    if (doctor->fault.check != NULL) {
        *ret_finding = doctor->fault;
        return;
    }
    if (doctor->warning.check != NULL) {
        *ret_finding = doctor->warning;
        return;
    }
    memset(ret_finding, 0, sizeof *ret_finding);
    ret_finding->level = HERALD_FINDING_OK;
    ret_finding->check = "";
    memcpy(ret_finding->interface, facts->interface.name, sizeof ret_finding->interface);
    hd_say(ret_finding->seen, "nothing stands in the way of %s on %s%s (%u checks, %u of them skipped)",
           facts->endpoint_given ? hd_group_text(examination, group) : "multicast", facts->interface.name,
           local ? ", which reaches this host only" : "", doctor->run_count, doctor->skipped_count);
}
