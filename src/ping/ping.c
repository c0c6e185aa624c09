/* SPDX-License-Identifier: MIT */
/* The asker: opening, the event loop's calls, and what is known. */
#include "ping_internal.h"
#include "route.h" /* of src/io */

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#define NS_PER_S  UINT64_C(1000000000)
#define NS_PER_MS UINT64_C(1000000)

enum { RECEIVE_ROUNDS = 256 };

/* ---- opening --------------------------------------------------------------------------------- */

static int check_config(const struct herald_ping_config *config, struct herald_error *error)
{
    const struct herald_endpoint *endpoint = &config->endpoint;

    if (endpoint->group_count != 1 || !herald_address_is_multicast(&endpoint->group) || endpoint->port == 0)
        return herald_error_set(error, -EINVAL, "a ping needs one multicast group and a port");
    if (config->size_bytes > HD_REQUEST_BYTES_MAX || config->answer_bytes > HD_REQUEST_BYTES_MAX)
        return herald_error_set(error, -EINVAL, "a datagram cannot have more than %d bytes", HD_REQUEST_BYTES_MAX);
    if (config->server.family != HERALD_FAMILY_NONE && config->server.family != endpoint->group.family)
        return herald_error_set(error, -EINVAL, "the server's address must be IPv%d like the group",
                                (int)endpoint->group.family);
    if (herald_address_is_multicast(&config->server))
        return herald_error_set(error, -EINVAL, "the server must be one host, not a group");
    if (config->member.port != 0 && config->member.address.family != endpoint->group.family)
        return herald_error_set(error, -EINVAL, "the member's address must be IPv%d like the group",
                                (int)endpoint->group.family);
    if (config->burst > HERALD_RUN_SEGMENTS_MAX)
        return herald_error_set(error, -EINVAL, "a burst is of at most %d requests", HERALD_RUN_SEGMENTS_MAX);
    return 0;
}

/* @return whether it is an address of this host. */
static bool is_own(const struct herald_address *address)
{
    struct herald_interface *list = NULL;
    int count = herald_interfaces_list(&list);
    struct hd_route route;
    bool own = false;

    for (int i = 0; i < count && !own; i++)
        own = herald_address_equal(&list[i].ipv4, address) || herald_address_equal(&list[i].ipv6, address) ||
              herald_address_equal(&list[i].ipv6_link_local, address);
    free(list);
    /* The list has one address of each; the route to any other own one leads to lo, which is always first. */
    return own || (hd_route_lookup(address, NULL, 0, &route) == 0 && route.interface_index == 1);
}

/* Who is asked: the group, or one server. */
static void choose_mode(struct herald_ping *ping)
{
    struct herald_endpoint *endpoint = &ping->config.endpoint;
    struct herald_address *server = &ping->config.server;

    if (server->family == HERALD_FAMILY_NONE && endpoint->source.family != HERALD_FAMILY_NONE &&
        !is_own(&endpoint->source)) {
        *server = endpoint->source;
        endpoint->source = (struct herald_address){ .family = HERALD_FAMILY_NONE };
    }
    ping->is_server_mode = server->family != HERALD_FAMILY_NONE;
    ping->server = (struct herald_peer){ .address = *server, .port = endpoint->port };
    ping->group = endpoint->group;
    ping->joins_members = !ping->is_server_mode && !ping->config.no_multicast && herald_address_is_ssm(&ping->group);
}

/* The interface of the own address that is to be asked from. @return 0; -errno with *error filled. */
static int find_source(const struct herald_sender_config *config, char interface[HERALD_INTERFACE_NAME_BYTES],
                       struct herald_error *error)
{
    herald_sender *sender;
    int r = herald_sender_new(&sender, config, error); /* knows which, and says what is wrong */

    if (r < 0)
        return r;
    memcpy(interface, herald_sender_facts(sender)->interface.name, HERALD_INTERFACE_NAME_BYTES);
    herald_sender_free(sender);
    return 0;
}

static int set_source(struct herald_ping *ping, const struct herald_address *source, struct herald_error *error)
{
    int r = hd_ping_send_from(ping->sender, source);

    if (r < 0)
        return herald_error_set(error, r, "cannot send from that address on %s: %s", ping->sender_facts.interface.name,
                                strerror(-r));
    ping->sender_facts.source = *source;
    if (ping->config.interface == NULL && ping->config.endpoint.interface[0] == '\0')
        ping->sender_facts.reason = HERALD_INTERFACE_BY_SOURCE;
    return 0;
}

static int open_sender(struct herald_ping *ping, struct herald_error *error)
{
    char interface[HERALD_INTERFACE_NAME_BYTES];
    struct herald_sender_config config = {
        .endpoint = ping->config.endpoint,
        .interface = ping->config.interface,
        .ttl_given = ping->config.ttl_given,
        .ttl = ping->config.ttl,
        .reply_port = ping->config.reply_port,
        .fragment = ping->config.fragment,
    };
    const struct herald_address source = config.endpoint.source;
    bool free_choice = config.interface == NULL && config.endpoint.interface[0] == '\0';
    struct hd_route route;
    int r;

    if (source.family != HERALD_FAMILY_NONE) {
        r = find_source(&config, interface, error);
        if (r < 0)
            return r;
        config.interface = interface;
        config.endpoint.source = (struct herald_address){ .family = HERALD_FAMILY_NONE };
    } else if (ping->is_server_mode && free_choice && !is_own(&ping->server.address) &&
               hd_route_lookup(&ping->server.address, NULL, 0, &route) == 0) {
        /* A server's answers to the group come the way that leads to it. */
        snprintf(interface, sizeof(interface), "%u", route.interface_index);
        config.interface = interface;
    }
    r = herald_sender_new(&ping->sender, &config, error);
    if (r < 0)
        return r;
    ping->sender_facts = *herald_sender_facts(ping->sender);
    ping->facts.sender = &ping->sender_facts;
    ping->server.interface_index = ping->sender_facts.interface.index;
    return source.family != HERALD_FAMILY_NONE ? set_source(ping, &source, error) : 0;
}

static int join(struct herald_ping *ping, struct herald_error *error)
{
    bool ssm = ping->is_server_mode && herald_address_is_ssm(&ping->group);
    char group[HERALD_ADDRESS_TEXT_BYTES];
    int r;

    if (ping->config.no_multicast)
        return 0;
    ping->facts.joined = true;
    if (ping->joins_members)
        return 0;
    r = hd_ping_join(ping->sender, &ping->group, ssm ? &ping->server.address : NULL);
    if (r == 0)
        return 0;
    herald_address_format(&ping->group, group, sizeof(group));
    herald_error_set(error, r, "cannot join %s on %s: %s", group, ping->facts.sender->interface.name, strerror(-r));
    if (r == -ENOBUFS)
        herald_error_advise(error, "sysctl net.ipv4.igmp_max_memberships");
    return r;
}

static void take_only(struct herald_ping *ping)
{
    if (ping->config.only == NULL)
        return;
    snprintf(ping->only, sizeof(ping->only), "%s", ping->config.only);
    if (herald_address_parse(ping->only, &ping->only_address) < 0)
        ping->only_address = (struct herald_address){ .family = HERALD_FAMILY_NONE };
}

static bool config_has_member(const struct herald_ping *ping)
{
    return ping->config.member.port != 0;
}

static int open_ping(struct herald_ping *ping, struct herald_error *error)
{
    uint64_t seed = herald_clock_ns();
    int r;

    (void)getrandom(&seed, sizeof(seed), 0);
    if (getrandom(ping->client_id, sizeof(ping->client_id), 0) < 0)
        memcpy(ping->client_id, &seed, sizeof(ping->client_id));
    hd_random_init(&ping->random, seed);
    hd_members_init(&ping->members, hd_random_u64(&ping->random));
    hd_samples_init(&ping->unicast, HD_ALL_SAMPLES);
    hd_samples_init(&ping->multicast, HD_ALL_SAMPLES);
    ping->buffer = malloc(HD_REQUEST_BYTES_MAX);
    if (ping->buffer == NULL)
        return herald_error_set(error, -ENOMEM, "out of memory");
    take_only(ping);
    choose_mode(ping);
    if (config_has_member(ping))
        ping->next_sequence = ping->attempts = 1; /* as if the roll call were over */
    r = open_sender(ping, error);
    if (r < 0 || (r = join(ping, error)) < 0 || (r = hd_ping_request_bytes(ping, error)) < 0)
        return r;
    ping->facts.size_bytes = (size_t)r;
    ping->facts.server = ping->config.server;
    return 0;
}

int herald_ping_new(herald_ping **ret_ping, const struct herald_ping_config *config, struct herald_error *error)
{
    struct herald_ping *ping;
    int r = check_config(config, error);

    if (r < 0)
        return r;
    ping = calloc(1, sizeof(*ping));
    if (ping == NULL)
        return herald_error_set(error, -ENOMEM, "out of memory");
    ping->config = *config;
    ping->facts.interval_ns = config->interval_ns > 0 ? config->interval_ns : NS_PER_S;
    ping->facts.wait_ns = config->wait_ns > 0 ? config->wait_ns : 500 * NS_PER_MS;
    r = open_ping(ping, error);
    if (r < 0) {
        herald_ping_free(ping);
        return r;
    }
    *ret_ping = ping;
    return 0;
}

herald_ping *herald_ping_free(herald_ping *ping)
{
    if (ping == NULL)
        return NULL;
    herald_sender_free(ping->sender);
    hd_members_release(&ping->members);
    hd_samples_release(&ping->unicast);
    hd_samples_release(&ping->multicast);
    free(ping->events);
    free(ping->buffer);
    free(ping);
    return NULL;
}

/* ---- events ---------------------------------------------------------------------------------- */

void hd_ping_tell(struct herald_ping *ping, const struct herald_ping_event *event)
{
    if (ping->event_count == ping->event_capacity) {
        size_t capacity = ping->event_capacity * 2 + 16;
        struct herald_ping_event *grown = reallocarray(ping->events, capacity, sizeof(*grown));

        if (grown == NULL)
            return;
        ping->events = grown;
        ping->event_capacity = capacity;
    }
    ping->events[ping->event_count++] = *event;
}

int herald_ping_next_event(herald_ping *ping, struct herald_ping_event *ret_event)
{
    if (ping->event_next == ping->event_count) {
        ping->event_next = ping->event_count = 0;
        return 0;
    }
    *ret_event = ping->events[ping->event_next++];
    return 1;
}

/* ---- the event loop's calls ------------------------------------------------------------------ */

int herald_ping_fd(const herald_ping *ping)
{
    return herald_sender_fd(ping->sender);
}

static bool has_more_rounds(const struct herald_ping *ping)
{
    return !ping->stopped && (ping->config.count == 0 || ping->attempts <= ping->config.count);
}

uint64_t herald_ping_deadline(const herald_ping *ping)
{
    uint64_t deadline_ns = has_more_rounds(ping) ? ping->due_ns : HERALD_NEVER;
    bool waits = false;

    if (ping->over)
        return 0;
    for (size_t i = 0; i < HD_SLOTS; i++) {
        waits |= ping->rounds[i].open;
        if (ping->rounds[i].open && ping->rounds[i].close_ns < deadline_ns)
            deadline_ns = ping->rounds[i].close_ns;
    }
    return waits || has_more_rounds(ping) ? deadline_ns : 0;
}

/* @return 0; -errno. */
static int receive(struct herald_ping *ping)
{
    for (int round = 0; round < RECEIVE_ROUNDS; round++) {
        struct herald_run runs[HERALD_RUNS_MAX];
        int n = herald_sender_receive(ping->sender, runs, HERALD_RUNS_MAX);

        if (n == -ENETDOWN || n == -ECONNREFUSED || n == -EHOSTUNREACH || n == -ENETUNREACH)
            continue; /* left on the socket by an earlier packet */
        if (n <= 0)
            return n;
        for (int i = 0; i < n; i++)
            for (size_t k = 0; k < herald_run_count(&runs[i]); k++) {
                size_t size_bytes;
                const uint8_t *bytes = herald_run_datagram(&runs[i], k, &size_bytes);

                hd_ping_take(ping, &runs[i], bytes, size_bytes);
            }
    }
    return 0;
}

/* Whether a round need not be waited for any more: what is known to come has come. */
static bool may_end_early(const struct herald_ping *ping, const struct hd_round *round)
{
    if (round->sequence == 0)
        return ping->is_server_mode && ping->members.count > 0;
    return !has_more_rounds(ping) && (ping->config.expect == 0 || ping->members.present >= ping->config.expect) &&
           hd_ping_round_is_complete(ping, round);
}

static void close_rounds(struct herald_ping *ping, uint64_t now_ns)
{
    while (ping->oldest_open < ping->next_sequence) {
        struct hd_round *round = &ping->rounds[ping->oldest_open % HD_SLOTS];

        if (round->open && now_ns < round->close_ns && !may_end_early(ping, round))
            return;
        if (round->open) {
            hd_ping_close_round(ping, round);
            if (round->sequence == 0)
                ping->due_ns = now_ns;
        }
        ping->oldest_open++;
    }
}

int herald_ping_process(herald_ping *ping, uint64_t now_ns, struct herald_error *error)
{
    int r = receive(ping);

    if (r < 0)
        return herald_error_set(error, r, "cannot receive answers: %s", strerror(-r));
    /* A later request than the one that they have answered is under way: it is waited for. */
    if (ping->config.expect > 0 && ping->heard_of >= ping->config.expect)
        ping->stopped = true;
    close_rounds(ping, now_ns);
    if (has_more_rounds(ping) && now_ns >= ping->due_ns) {
        r = hd_ping_send_round(ping, now_ns, error);
        if (r < 0)
            return r;
    }
    ping->over = !has_more_rounds(ping) && ping->oldest_open == ping->next_sequence;
    return ping->over;
}

void herald_ping_stop(herald_ping *ping)
{
    ping->stopped = true;
}

/* ---- what is known --------------------------------------------------------------------------- */

const struct herald_ping_facts *herald_ping_facts(const herald_ping *ping)
{
    return &ping->facts;
}

size_t herald_ping_members(const herald_ping *ping)
{
    return ping->members.count;
}

int herald_ping_member(herald_ping *ping, size_t index, struct herald_ping_member *ret_member)
{
    if (index >= ping->members.count)
        return -ERANGE;
    hd_member_facts(ping->members.list[index], ret_member);
    return 0;
}

const char *herald_ping_findings(const herald_ping *ping, size_t index)
{
    return index < ping->members.count ? ping->members.list[index]->findings : NULL;
}

void herald_ping_summary(herald_ping *ping, struct herald_ping_summary *ret_summary)
{
    struct herald_ping_summary summary = ping->summary;
    struct herald_sender_stats stats;

    summary.members = ping->members.count;
    summary.present = ping->members.present;
    for (size_t i = 0; i < ping->members.count; i++) {
        const struct herald_ping_member *facts = &ping->members.list[i]->facts;

        summary.sent += facts->sent;
        summary.answered += facts->answered;
        summary.by_unicast += facts->by_unicast;
        summary.multicast_asked += facts->multicast_asked;
        summary.by_multicast += facts->by_multicast;
        summary.duplicates += facts->duplicates;
        summary.reordered += facts->reordered;
        summary.late += facts->late;
    }
    summary.lost = summary.sent > summary.answered ? summary.sent - summary.answered : 0;
    herald_sender_stats(ping->sender, &stats);
    summary.dropped = stats.answers_dropped;
    hd_samples_times(&ping->unicast, &summary.unicast);
    hd_samples_times(&ping->multicast, &summary.multicast);
    *ret_summary = summary;
}

/* ---- blocking -------------------------------------------------------------------------------- */

static int wait_for_answers(const struct herald_ping *ping, struct herald_error *error)
{
    struct pollfd poll_fd = { .fd = herald_ping_fd(ping), .events = POLLIN };
    uint64_t now_ns = herald_clock_ns();
    uint64_t deadline_ns = herald_ping_deadline(ping);
    uint64_t left_ns = deadline_ns > now_ns ? deadline_ns - now_ns : 0;
    struct timespec timeout = { .tv_sec = (time_t)(left_ns / NS_PER_S), .tv_nsec = (long)(left_ns % NS_PER_S) };

    if (ppoll(&poll_fd, 1, deadline_ns == HERALD_NEVER ? NULL : &timeout, NULL) < 0 && errno != EINTR)
        return herald_error_set(error, -errno, "cannot wait for answers: %s", strerror(errno));
    return 0;
}

int herald_ping_run(herald_ping *ping, void (*on_event)(void *userdata, const struct herald_ping_event *event),
                    void *userdata, struct herald_error *error)
{
    for (;;) {
        struct herald_ping_event event;
        int r = herald_ping_process(ping, herald_clock_ns(), error);

        while (herald_ping_next_event(ping, &event) > 0)
            if (on_event != NULL)
                on_event(userdata, &event);
        if (r != 0)
            return r < 0 ? r : 0;
        r = wait_for_answers(ping, error);
        if (r < 0)
            return r;
    }
}
