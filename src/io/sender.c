/* SPDX-License-Identifier: MIT */
#include "sender.h"
#include "address.h"
#include "batch.h"
#include "choose.h"
#include "sockopt.h"

#include <errno.h>
#include <linux/errqueue.h>
#include <linux/net_tstamp.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum {
    IPV4_UDP_HEADER_BYTES = 20 + 8,
    IPV6_UDP_HEADER_BYTES = 40 + 8,
    RECEIVE_BUFFER_BYTES = 16 * 1024 * 1024, /* a small answer takes some 800 bytes of it: room for 20,000 */
    SEND_BUFFER_BYTES = 4 * 1024 * 1024,
};

struct herald_sender {
    int fd;
    bool gso_allowed; /* by the config, and not refused by the kernel so far */
    bool fragment;
    size_t udp_max_bytes;
    struct sockaddr_storage to;
    socklen_t to_length;
    uint64_t sent_ns;        /* CLOCK_REALTIME just before the last single datagram went out */
    uint64_t kernel_sent_ns; /* the kernel's transmit timestamp of it, 0 while there is none */
    struct hd_batch *batch;
    struct herald_sender_facts facts;
    struct herald_sender_stats stats;
};

static uint64_t timespec_ns(const struct timespec *time)
{
    return (uint64_t)time->tv_sec * UINT64_C(1000000000) + (uint64_t)time->tv_nsec;
}

static uint64_t realtime_ns(void)
{
    struct timespec time;

    clock_gettime(CLOCK_REALTIME, &time);
    return timespec_ns(&time);
}

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
    bool ipv6 = endpoint->group.family == HERALD_FAMILY_IPV6;
    size_t header_bytes = ipv6 ? IPV6_UDP_HEADER_BYTES : IPV4_UDP_HEADER_BYTES;
    size_t mtu_bytes;
    int r = hd_choose_interface(config, source, &sender->facts, error);

    if (r < 0)
        return r;
    sender->facts.ttl = config->ttl_given ? config->ttl : 1;
    sender->udp_max_bytes = ipv6 ? HERALD_PAYLOAD_MAX_IPV6_BYTES : HERALD_PAYLOAD_MAX_IPV4_BYTES;
    mtu_bytes = sender->facts.interface.mtu_bytes;
    sender->facts.payload_max_bytes = mtu_bytes > header_bytes ? mtu_bytes - header_bytes : 0;
    if (sender->facts.payload_max_bytes > sender->udp_max_bytes)
        sender->facts.payload_max_bytes = sender->udp_max_bytes;
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
    sender->kernel_sent_ns = UINT64_MAX; /* nothing was sent that could have a timestamp */
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

/* ---- sending --------------------------------------------------------------------------------- */

static int fail_too_large(const struct herald_sender *sender, size_t size_bytes, struct herald_error *error)
{
    const struct herald_sender_facts *facts = &sender->facts;

    if (size_bytes > sender->udp_max_bytes)
        return herald_error_set(error, -EMSGSIZE, "%zu bytes are too many for one datagram: %zu are the most",
                                size_bytes, sender->udp_max_bytes);
    herald_error_set(error, -EMSGSIZE, "%zu bytes do not fit into one packet on %s (MTU %u): %zu fit", size_bytes,
                     facts->interface.name, facts->interface.mtu_bytes, facts->payload_max_bytes);
    herald_error_advise(error,
                        "a smaller message, or --fragment to have IP cut it up (one lost fragment loses it all)");
    return -EMSGSIZE;
}

/* Turns the kernel's refusal into the user's terms. EAGAIN is no failure: the buffer is full at the moment. */
static int fail_send(const struct herald_sender *sender, size_t size_bytes, int code, struct herald_error *error)
{
    const char *name = sender->facts.interface.name;

    switch (code) {
    case -EAGAIN:
        return herald_error_set(error, code, "the send buffer of %s is full", name);
    case -EMSGSIZE:
        return fail_too_large(sender, size_bytes, error);
    case -EPERM:
        herald_error_set(error, code, "a firewall on this host forbids sending to the group on %s", name);
        herald_error_advise(error, "nft list ruleset");
        return code;
    case -ENETDOWN:
        herald_error_set(error, code, "interface %s is down", name);
        herald_error_advise(error, "ip link set %s up", name);
        return code;
    case -ENODEV:
    case -ENXIO:
        return herald_error_set(error, code, "interface %s does not exist any more", name);
    case -ENETUNREACH:
    case -EHOSTUNREACH:
        herald_error_set(error, code, "there is no route to the group on %s", name);
        if (sender->facts.interface.loopback) /* IPv6 only: the kernel gives every interface this route but lo */
            herald_error_advise(error, "ip -6 route add local ff00::/8 dev lo table local");
        else
            herald_error_advise(error, "another interface with -i, or a route to the group");
        return code;
    case -EADDRNOTAVAIL:
        herald_error_set(error, code, "interface %s has no address to send from", name);
        herald_error_advise(error, "ip address show dev %s", name);
        return code;
    default:
        return herald_error_set(error, code, "cannot send on %s: %s", name, strerror(-code));
    }
}

/*
 * The transmit timestamps wait in the error queue; the one that belongs to the last datagram counts. Unless `all` are
 * to be cleared away, it stops there: who measures a round trip is waiting.
 */
static void read_transmit_time(struct herald_sender *sender, bool all)
{
    union {
        char bytes[256];
        struct cmsghdr align;
    } control;
    struct msghdr message;

    while (all || sender->kernel_sent_ns == 0) {
        message = (struct msghdr){ .msg_control = control.bytes, .msg_controllen = sizeof(control) };
        if (recvmsg(sender->fd, &message, MSG_ERRQUEUE | MSG_DONTWAIT) < 0)
            return;
        for (struct cmsghdr *cmsg = CMSG_FIRSTHDR(&message); cmsg != NULL; cmsg = CMSG_NXTHDR(&message, cmsg)) {
            struct scm_timestamping times;

            if (cmsg->cmsg_level != SOL_SOCKET || cmsg->cmsg_type != SCM_TIMESTAMPING)
                continue;
            memcpy(&times, CMSG_DATA(cmsg), sizeof(times));
            if (timespec_ns(&times.ts[0]) >= sender->sent_ns)
                sender->kernel_sent_ns = timespec_ns(&times.ts[0]);
        }
    }
}

static ssize_t send_message(const struct herald_sender *sender, const struct msghdr *message)
{
    ssize_t n;

    do
        n = sendmsg(sender->fd, message, MSG_DONTWAIT);
    while (n < 0 && errno == EINTR);
    return n < 0 ? -errno : n;
}

/* A message to the group with one control message of one small value. */
struct outgoing {
    struct msghdr header;
    struct iovec vector;
    union {
        char bytes[CMSG_SPACE(sizeof(uint32_t))];
        struct cmsghdr align;
    } control;
};

static void outgoing_init(struct outgoing *out, struct herald_sender *sender, const void *payload, size_t size_bytes)
{
    out->vector.iov_base = (void *)(uintptr_t)payload; /* sendmsg() does not write to it */
    out->vector.iov_len = size_bytes;
    out->header = (struct msghdr){
        .msg_name = &sender->to,
        .msg_namelen = sender->to_length,
        .msg_iov = &out->vector,
        .msg_iovlen = 1,
    };
}

static void outgoing_control(struct outgoing *out, int level, int type, const void *value, size_t value_bytes)
{
    struct cmsghdr *cmsg;

    out->header.msg_control = out->control.bytes;
    out->header.msg_controllen = CMSG_SPACE(value_bytes);
    cmsg = CMSG_FIRSTHDR(&out->header);
    cmsg->cmsg_level = level;
    cmsg->cmsg_type = type;
    cmsg->cmsg_len = CMSG_LEN(value_bytes);
    memcpy(CMSG_DATA(cmsg), value, value_bytes);
}

int herald_sender_send(herald_sender *sender, const void *payload, size_t size_bytes, struct herald_error *error)
{
    const uint32_t stamp = SOF_TIMESTAMPING_TX_SOFTWARE;
    struct outgoing out;
    ssize_t n;

    if (size_bytes > (sender->fragment ? sender->udp_max_bytes : sender->facts.payload_max_bytes))
        return fail_too_large(sender, size_bytes, error);
    outgoing_init(&out, sender, payload, size_bytes);
    outgoing_control(&out, SOL_SOCKET, SO_TIMESTAMPING, &stamp, sizeof(stamp));
    read_transmit_time(sender, false); /* of the last one, if nobody has: left alone they would crowd out answers */
    sender->sent_ns = realtime_ns();
    sender->kernel_sent_ns = 0;
    n = send_message(sender, &out.header);
    if (n == -EINVAL) { /* before Linux 4.6 there were no timestamps on request */
        out.header.msg_controllen = 0;
        n = send_message(sender, &out.header);
    }
    if (n < 0)
        return fail_send(sender, size_bytes, (int)n, error);
    sender->stats.calls++;
    sender->stats.datagrams++;
    sender->stats.bytes += size_bytes;
    return 0;
}

/* Sends as much of a run as one call takes. @return the bytes sent or -errno. */
static ssize_t send_part(struct herald_sender *sender, const uint8_t *payload, size_t size_bytes, size_t segment_bytes)
{
    size_t max_bytes = sender->udp_max_bytes / segment_bytes * segment_bytes;
    size_t part_bytes = size_bytes < segment_bytes ? size_bytes : segment_bytes;
    struct outgoing out;
    ssize_t n;

    sender->stats.calls++;
    if (sender->gso_allowed && size_bytes > segment_bytes && segment_bytes <= sender->facts.payload_max_bytes &&
        max_bytes > segment_bytes) {
        const uint16_t segment = (uint16_t)segment_bytes; /* 16 bits, or the kernel refuses it */

        outgoing_init(&out, sender, payload, size_bytes < max_bytes ? size_bytes : max_bytes);
        outgoing_control(&out, IPPROTO_UDP, UDP_SEGMENT, &segment, sizeof(segment));
        n = send_message(sender, &out.header);
        sender->stats.gso = n >= 0;
        /* No checksum offload (EIO), no UDP_SEGMENT in this kernel, a tunnel that cannot: never try again. */
        if (n != -EIO && n != -EINVAL && n != -EOPNOTSUPP && n != -EMSGSIZE && n != -ENOPROTOOPT)
            return n;
        sender->gso_allowed = false;
    }
    outgoing_init(&out, sender, payload, part_bytes);
    sender->stats.gso = false;
    return send_message(sender, &out.header);
}

int herald_sender_send_run(herald_sender *sender, const void *payload, size_t size_bytes, size_t segment_bytes,
                           struct herald_error *error)
{
    const uint8_t *bytes = payload;
    size_t sent_bytes = 0;
    size_t datagrams = 0;

    if (segment_bytes == 0 || size_bytes == 0 || size_bytes > segment_bytes * HERALD_RUN_SEGMENTS_MAX)
        return herald_error_set(error, -EINVAL, "a run has 1 to %d datagrams", HERALD_RUN_SEGMENTS_MAX);
    if (segment_bytes > (sender->fragment ? sender->udp_max_bytes : sender->facts.payload_max_bytes))
        return fail_too_large(sender, segment_bytes, error);
    while (sent_bytes < size_bytes) {
        ssize_t n = send_part(sender, bytes + sent_bytes, size_bytes - sent_bytes, segment_bytes);

        if (n < 0 && datagrams == 0)
            return fail_send(sender, segment_bytes, (int)n, error);
        if (n < 0)
            break; /* what has gone out counts; the next call meets the same error again */
        sent_bytes += (size_t)n;
        datagrams += ((size_t)n + segment_bytes - 1) / segment_bytes;
    }
    sender->stats.datagrams += datagrams;
    sender->stats.bytes += sent_bytes;
    return (int)datagrams;
}

uint64_t herald_sender_sent_time_ns(herald_sender *sender)
{
    read_transmit_time(sender, false);
    if (sender->sent_ns == 0)
        return 0;
    return sender->kernel_sent_ns != 0 ? sender->kernel_sent_ns : sender->sent_ns;
}

uint64_t hd_sender_called_ns(const herald_sender *sender)
{
    return sender->sent_ns;
}

/* ---- answers --------------------------------------------------------------------------------- */

int herald_sender_receive(herald_sender *sender, struct herald_run *ret_runs, size_t max_runs)
{
    int n = hd_batch_receive(sender->batch, sender->fd, sender->facts.port, ret_runs, max_runs);

    if (n == 0)
        read_transmit_time(sender, true); /* late timestamps would keep the descriptor in an error state */
    if (n > 0)
        sender->stats.answers += (uint64_t)n;
    return n;
}
