/* SPDX-License-Identifier: MIT */
#include "sender.h"
#include "address.h"
#include "choose.h"
#include "sockopt.h"

#include <errno.h>
#include <linux/net_tstamp.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    RECEIVE_BUFFER_BYTES = 16 * 1024 * 1024, /* a small answer takes some 800 bytes of it: room for 20,000 */
    SEND_BUFFER_BYTES = 4 * 1024 * 1024,
};

/* ---- opening --------------------------------------------------------------------------------- */

static int check_config(const struct herald_sender_config *config, const struct herald_address *source,
                        struct herald_error *error)
{
    const struct herald_endpoint *endpoint = &config->endpoint;

    if (!herald_address_is_multicast(&endpoint->group))
        return herald_error_set(error, -EINVAL, "the endpoint has no multicast group");
    if (endpoint->group_count != 1)
        return herald_error_set(error, -EINVAL, "a sender has one group; open one for each of a range");
    if (endpoint->port == 0)
        return herald_error_set(error, -EINVAL, "the endpoint has no port");
    if (config->ttl_given && config->ttl == 0 && config->no_loop)
        return herald_error_set(error, -EINVAL, "TTL 0 stays on this host, and without loopback nobody hears it here");
    if (config->dscp > 63)
        return herald_error_set(error, -EINVAL, "DSCP %u is not between 0 and 63", config->dscp);
    if (source->family != HERALD_FAMILY_NONE && source->family != endpoint->group.family)
        return herald_error_set(error, -EINVAL, "the source address must be IPv%d like the group",
                                (int)endpoint->group.family);
    return 0;
}

static int set_ipv4_options(const struct herald_sender *sender, const struct herald_sender_config *config)
{
    struct ip_mreqn interface = { .imr_ifindex = (int)sender->facts.interface.index };
    int discover = config->fragment ? IP_PMTUDISC_DONT : IP_PMTUDISC_DO;
    int r;

    /* Left to itself the kernel sends from 0.0.0.0 over lo: its address is not one to be seen elsewhere. */
    if (sender->facts.interface.loopback)
        memcpy(&interface.imr_address, sender->facts.interface.ipv4.bytes, sizeof(interface.imr_address));
    if (setsockopt(sender->fd, IPPROTO_IP, IP_MULTICAST_IF, &interface, sizeof(interface)) < 0)
        return -errno;
    if ((r = hd_socket_set_int(sender->fd, IPPROTO_IP, IP_MULTICAST_TTL, sender->facts.ttl)) < 0 ||
        (r = hd_socket_set_int(sender->fd, IPPROTO_IP, IP_MULTICAST_LOOP, !config->no_loop)) < 0 ||
        (r = hd_socket_set_int(sender->fd, IPPROTO_IP, IP_MULTICAST_ALL, 0)) < 0 ||
        (r = hd_socket_set_int(sender->fd, IPPROTO_IP, IP_TOS, config->dscp << 2)) < 0)
        return r;
    return hd_socket_set_int(sender->fd, IPPROTO_IP, IP_MTU_DISCOVER, discover);
}

/*
 * The kernel lets a packet with hop limit 0 out to the network unless the group has a member on this host (it is only
 * dropped behind the loopback of multicast). So this socket becomes one.
 */
static int keep_on_this_host(const struct herald_sender *sender)
{
    struct group_req request = { .gr_interface = sender->facts.interface.index };

    memcpy(&request.gr_group, &sender->to, sizeof(sender->to));
    return setsockopt(sender->fd, IPPROTO_IPV6, MCAST_JOIN_GROUP, &request, sizeof(request)) < 0 ? -errno : 0;
}

static int set_ipv6_options(const struct herald_sender *sender, const struct herald_sender_config *config)
{
    int discover = config->fragment ? IPV6_PMTUDISC_DONT : IPV6_PMTUDISC_DO;
    int r;

    if ((r = hd_socket_set_int(sender->fd, IPPROTO_IPV6, IPV6_MULTICAST_IF, (int)sender->facts.interface.index)) < 0 ||
        (r = hd_socket_set_int(sender->fd, IPPROTO_IPV6, IPV6_MULTICAST_HOPS, sender->facts.ttl)) < 0 ||
        (r = hd_socket_set_int(sender->fd, IPPROTO_IPV6, IPV6_MULTICAST_LOOP, !config->no_loop)) < 0 ||
        (r = hd_socket_set_int(sender->fd, IPPROTO_IPV6, IPV6_TCLASS, config->dscp << 2)) < 0)
        return r;
    (void)hd_socket_set_int(sender->fd, IPPROTO_IPV6, IPV6_MULTICAST_ALL, 0); /* Linux 4.20 */
    (void)hd_socket_set_int(sender->fd, IPPROTO_IPV6, IPV6_DONTFRAG, !config->fragment);
    if (sender->facts.ttl == 0 && (r = keep_on_this_host(sender)) < 0)
        return r;
    return hd_socket_set_int(sender->fd, IPPROTO_IPV6, IPV6_MTU_DISCOVER, discover);
}

static int set_options(struct herald_sender *sender, const struct herald_sender_config *config)
{
    enum herald_family family = config->endpoint.group.family;
    struct herald_sender_facts *facts = &sender->facts;
    int r = family == HERALD_FAMILY_IPV6 ? set_ipv6_options(sender, config) : set_ipv4_options(sender, config);

    if (r < 0 || (r = hd_socket_want_facts(sender->fd, family, false)) < 0)
        return r;
    /* Only reporting is switched on here; the single datagrams that want a timestamp ask for it one by one. */
    (void)hd_socket_set_int(sender->fd, SOL_SOCKET, SO_TIMESTAMPING,
                            SOF_TIMESTAMPING_SOFTWARE | SOF_TIMESTAMPING_OPT_TSONLY);
    facts->receive_buffer_asked_bytes = config->receive_buffer_bytes > 0 ? config->receive_buffer_bytes
                                                                         : RECEIVE_BUFFER_BYTES;
    facts->receive_buffer_bytes = hd_socket_ask_buffer(sender->fd, SO_RCVBUF, facts->receive_buffer_asked_bytes);
    (void)hd_socket_ask_buffer(sender->fd, SO_SNDBUF,
                               config->send_buffer_bytes > 0 ? config->send_buffer_bytes : SEND_BUFFER_BYTES);
    return 0;
}

static int bind_socket(struct herald_sender *sender, enum herald_family family, const struct herald_address *source,
                       uint16_t port, struct herald_error *error)
{
    struct herald_address any = { .family = family };
    struct sockaddr_storage own;
    socklen_t length = hd_sockaddr_make(source->family != HERALD_FAMILY_NONE ? source : &any, port,
                                        sender->facts.interface.index, &own);
    struct herald_peer bound;
    char text[HERALD_ADDRESS_TEXT_BYTES];

    if (bind(sender->fd, (const struct sockaddr *)&own, length) < 0) {
        int r = -errno;

        herald_address_format(source, text, sizeof(text));
        if (r == -EADDRINUSE) {
            herald_error_set(error, r, "port %u is used by another program on this host", port);
            herald_error_advise(error, "ss -ulnp 'sport = %u'", port);
        } else if (r == -EADDRNOTAVAIL) {
            herald_error_set(error, r, "%s is not an address of this host", text);
            herald_error_advise(error, "ip address");
        } else if (r == -EACCES) {
            herald_error_set(error, r, "port %u needs the privilege to use ports below 1024", port);
        } else {
            herald_error_set(error, r, "cannot send from %s port %u: %s", text, port, strerror(-r));
        }
        return r;
    }
    length = sizeof(own);
    if (getsockname(sender->fd, (struct sockaddr *)&own, &length) < 0)
        return herald_error_set(error, -errno, "cannot read the own port: %s", strerror(errno));
    hd_peer_from_sockaddr((const struct sockaddr *)&own, &bound);
    sender->facts.port = bound.port;
    return 0;
}

static int open_sender(struct herald_sender *sender, const struct herald_sender_config *config,
                       const struct herald_address *source, struct herald_error *error)
{
    const struct herald_endpoint *endpoint = &config->endpoint;
    int r = hd_choose_interface(config, source, &sender->facts, error);

    if (r < 0)
        return r;
    sender->facts.ttl = config->ttl_given ? config->ttl : 1;
    sender->udp_max_bytes = endpoint->group.family == HERALD_FAMILY_IPV6 ? HERALD_PAYLOAD_MAX_IPV6_BYTES
                                                                         : HERALD_PAYLOAD_MAX_IPV4_BYTES;
    sender->endpoint = *endpoint;
    hd_sender_refresh_payload_max(sender);
    sender->to_length = hd_sockaddr_make(&endpoint->group, endpoint->port, sender->facts.interface.index, &sender->to);
    sender->fd = hd_socket_open(endpoint->group.family);
    if (sender->fd < 0)
        return herald_error_set(error, sender->fd, "cannot open an IPv%d socket: %s", (int)endpoint->group.family,
                                strerror(-sender->fd));
    r = set_options(sender, config);
    if (r < 0)
        return herald_error_set(error, r, "cannot send multicast on %s: %s", sender->facts.interface.name,
                                strerror(-r));
    r = bind_socket(sender, endpoint->group.family, source, config->reply_port, error);
    if (r < 0)
        return r;
    sender->facts.source = source->family != HERALD_FAMILY_NONE ? *source
                                                                : hd_choose_source(endpoint, &sender->facts.interface);
    return 0;
}

int herald_sender_new(herald_sender **ret_sender, const struct herald_sender_config *config, struct herald_error *error)
{
    const struct herald_address *source = config->source.family != HERALD_FAMILY_NONE ? &config->source
                                                                                      : &config->endpoint.source;
    struct herald_sender *sender;
    int r = check_config(config, source, error);

    if (r < 0)
        return r;
    sender = calloc(1, sizeof(*sender));
    if (sender == NULL)
        return herald_error_set(error, -ENOMEM, "out of memory");
    sender->fd = -1;
    sender->gso_allowed = !config->no_gso;
    sender->fragment = config->fragment;
    r = hd_batch_new(&sender->batch);
    if (r < 0)
        herald_error_set(error, r, "out of memory");
    else
        r = open_sender(sender, config, source, error);
    if (r < 0) {
        herald_sender_free(sender);
        return r;
    }
    *ret_sender = sender;
    return 0;
}

herald_sender *herald_sender_free(herald_sender *sender)
{
    if (sender == NULL)
        return NULL;
    if (sender->fd >= 0)
        close(sender->fd);
    hd_batch_free(sender->batch);
    free(sender);
    return NULL;
}

void hd_sender_refresh_payload_max(herald_sender *sender)
{
    bool ipv6 = sender->endpoint.group.family == HERALD_FAMILY_IPV6;
    size_t header_bytes = ipv6 ? HD_IPV6_UDP_HEADER_BYTES : HD_IPV4_UDP_HEADER_BYTES;
    size_t mtu_bytes = hd_choose_mtu(&sender->endpoint, &sender->facts.interface);
    size_t payload_bytes = mtu_bytes > header_bytes ? mtu_bytes - header_bytes : 0;

    sender->facts.payload_max_bytes = payload_bytes < sender->udp_max_bytes ? payload_bytes : sender->udp_max_bytes;
}

/* ---- what is known --------------------------------------------------------------------------- */

const struct herald_sender_facts *herald_sender_facts(const herald_sender *sender)
{
    return &sender->facts;
}

void herald_sender_stats(const herald_sender *sender, struct herald_sender_stats *ret_stats)
{
    *ret_stats = sender->stats;
    ret_stats->answers_dropped = hd_socket_drops(sender->fd);
}

int herald_sender_fd(const herald_sender *sender)
{
    return sender->fd;
}

/* ---- answers --------------------------------------------------------------------------------- */

int herald_sender_receive(herald_sender *sender, struct herald_run *ret_runs, size_t max_runs)
{
    int n = hd_batch_receive(sender->batch, sender->fd, sender->facts.port, ret_runs, max_runs);

    if (n == 0)
        hd_sender_clear_timestamps(sender);
    if (n > 0)
        sender->stats.answers += (uint64_t)n;
    return n;
}
