/* SPDX-License-Identifier: MIT */
/* Sending: single datagrams with their transmit times, runs of datagrams, and what the kernel's refusals mean. */
#include "sender.h"
#include "unicast.h"

#include <errno.h>
#include <linux/errqueue.h>
#include <linux/net_tstamp.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

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

/* ---- refusals -------------------------------------------------------------------------------- */

static int fail_too_large(const struct herald_sender *sender, size_t size_bytes, struct herald_error *error)
{
    const struct herald_sender_facts *facts = &sender->facts;

    if (size_bytes > sender->udp_max_bytes)
        return herald_error_set(error, -EMSGSIZE, "%zu bytes are too many for one datagram: %zu are the most",
                                size_bytes, sender->udp_max_bytes);
    herald_error_set(error, -EMSGSIZE, "%zu bytes do not fit into one packet on %s: %zu fit", size_bytes,
                     facts->interface.name, facts->payload_max_bytes);
    herald_error_advise(error,
                        "a smaller message, or --fragment to have IP cut it up (one lost fragment loses it all)");
    return -EMSGSIZE;
}

/* The kernel says "no route" of an interface that is down, too. @return the code that tells more. */
static int look_closer(const struct herald_sender *sender, int code)
{
    struct herald_interface *list;
    int count = herald_interfaces_list(&list);
    int result = -ENODEV;

    if (count < 0)
        return code;
    for (int i = 0; i < count; i++)
        if (list[i].index == sender->facts.interface.index)
            result = list[i].up ? code : -ENETDOWN;
    free(list);
    return result;
}

/* Turns the kernel's refusal into the user's terms. EAGAIN is no failure: the buffer is full at the moment. */
static int fail_send(struct herald_sender *sender, size_t size_bytes, int code, struct herald_error *error)
{
    const char *name = sender->facts.interface.name;

    if (code == -ENETUNREACH || code == -EHOSTUNREACH || code == -ENXIO)
        code = look_closer(sender, code);
    switch (code) {
    case -EAGAIN:
        return herald_error_set(error, code, "the send buffer of %s is full", name);
    case -EMSGSIZE: /* the MTU has shrunk */
        hd_sender_refresh_payload_max(sender);
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
    case -EINVAL: /* a source address that this interface must not send from, such as 127.0.0.1 */
        herald_error_set(error, code, "the kernel refuses to send from the source address on %s", name);
        herald_error_advise(error, "ip address show dev %s", name);
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

    while (all || (sender->called_ns != 0 && sender->kernel_sent_ns == 0)) {
        message = (struct msghdr){ .msg_control = control.bytes, .msg_controllen = sizeof(control) };
        if (recvmsg(sender->fd, &message, MSG_ERRQUEUE | MSG_DONTWAIT) < 0)
            return;
        for (struct cmsghdr *cmsg = CMSG_FIRSTHDR(&message); cmsg != NULL; cmsg = CMSG_NXTHDR(&message, cmsg)) {
            struct scm_timestamping times;

            if (cmsg->cmsg_level != SOL_SOCKET || cmsg->cmsg_type != SCM_TIMESTAMPING)
                continue;
            memcpy(&times, CMSG_DATA(cmsg), sizeof(times));
            if (timespec_ns(&times.ts[0]) >= sender->called_ns)
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

void hd_sender_clear_timestamps(herald_sender *sender)
{
    read_transmit_time(sender, true);
}

/* What is still to be sent of a run that lies in pieces: it begins `offset_bytes` into the first of the parts. */
struct rest {
    const struct iovec *parts;
    size_t offset_bytes;
    size_t size_bytes;
};

/* Goes on by what was sent. */
static void rest_advance(struct rest *rest, size_t size_bytes)
{
    rest->size_bytes -= size_bytes;
    rest->offset_bytes += size_bytes;
    while (rest->offset_bytes > 0 && rest->offset_bytes >= rest->parts->iov_len) {
        rest->offset_bytes -= rest->parts->iov_len;
        rest->parts++;
    }
}

/* A message to the group with one control message of one small value. */
struct outgoing {
    struct msghdr header;
    struct iovec vectors[HD_SENDER_PARTS_MAX];
    union {
        char bytes[CMSG_SPACE(sizeof(uint32_t))];
        struct cmsghdr align;
    } control;
};

/* Of the first `size_bytes` of what is to be sent. */
static void outgoing_init(struct outgoing *out, struct herald_sender *sender, const struct rest *rest,
                          size_t size_bytes)
{
    size_t offset_bytes = rest->offset_bytes;

    out->header = (struct msghdr){
        .msg_name = &sender->to,
        .msg_namelen = sender->to_length,
        .msg_iov = out->vectors,
    };
    for (const struct iovec *part = rest->parts; size_bytes > 0; part++) {
        size_t left_bytes = part->iov_len - offset_bytes;
        size_t taken_bytes = left_bytes < size_bytes ? left_bytes : size_bytes;

        if (taken_bytes > 0)
            out->vectors[out->header.msg_iovlen++] = (struct iovec){
                .iov_base = (uint8_t *)part->iov_base + offset_bytes,
                .iov_len = taken_bytes,
            };
        size_bytes -= taken_bytes;
        offset_bytes = 0;
    }
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

/* Whether a datagram of that size may be sent. The MTU may have grown since it was looked at. */
static bool fits(struct herald_sender *sender, size_t size_bytes)
{
    if (sender->fragment || size_bytes > sender->udp_max_bytes)
        return size_bytes <= sender->udp_max_bytes;
    if (size_bytes > sender->facts.payload_max_bytes)
        hd_sender_refresh_payload_max(sender);
    return size_bytes <= sender->facts.payload_max_bytes;
}

int herald_sender_send(herald_sender *sender, const void *payload, size_t size_bytes, struct herald_error *error)
{
    const uint32_t stamp = SOF_TIMESTAMPING_TX_SOFTWARE;
    const struct iovec part = { .iov_base = (void *)(uintptr_t)payload, .iov_len = size_bytes }; /* it is only read */
    const struct rest rest = { .parts = &part, .size_bytes = size_bytes };
    struct outgoing out;
    ssize_t n;

    if (!fits(sender, size_bytes))
        return fail_too_large(sender, size_bytes, error);
    outgoing_init(&out, sender, &rest, size_bytes);
    outgoing_control(&out, SOL_SOCKET, SO_TIMESTAMPING, &stamp, sizeof(stamp));
    read_transmit_time(sender, false); /* of the last one, if nobody has: left alone they would crowd out answers */
    sender->called_ns = realtime_ns();
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

static ssize_t send_segments(struct herald_sender *sender, const struct rest *rest, size_t segment_bytes)
{
    const uint16_t segment = (uint16_t)segment_bytes; /* 16 bits, or the kernel refuses it */
    size_t max_bytes = sender->udp_max_bytes / segment_bytes * segment_bytes;
    struct outgoing out;

    outgoing_init(&out, sender, rest, rest->size_bytes < max_bytes ? rest->size_bytes : max_bytes);
    outgoing_control(&out, IPPROTO_UDP, UDP_SEGMENT, &segment, sizeof(segment));
    sender->stats.calls++;
    return send_message(sender, &out.header);
}

/* No checksum offload (EIO), no UDP_SEGMENT in this kernel, a tunnel that cannot do it. */
static bool refuses_segments(ssize_t result)
{
    return result == -EIO || result == -EINVAL || result == -EOPNOTSUPP || result == -ENOPROTOOPT;
}

/* Sends as much of a run as one call takes. @return the bytes sent or -errno. */
static ssize_t send_part(struct herald_sender *sender, const struct rest *rest, size_t segment_bytes)
{
    bool worth_it = rest->size_bytes > segment_bytes && segment_bytes <= sender->facts.payload_max_bytes &&
                    2 * segment_bytes <= sender->udp_max_bytes;
    ssize_t refusal = 0;
    struct outgoing out;
    ssize_t n;

    if (sender->gso_allowed && worth_it) {
        n = send_segments(sender, rest, segment_bytes);
        if (n >= 0)
            sender->stats.gso = true;
        if (!refuses_segments(n))
            return n;
        refusal = n;
    }
    outgoing_init(&out, sender, rest, rest->size_bytes < segment_bytes ? rest->size_bytes : segment_bytes);
    sender->stats.calls++;
    n = send_message(sender, &out.header);
    if (refusal < 0 && n >= 0)
        sender->gso_allowed = false; /* what was refused was the segmentation: never try again */
    return n;
}

static int send_run(struct herald_sender *sender, struct rest *rest, size_t segment_bytes, struct herald_error *error)
{
    size_t size_bytes = rest->size_bytes;
    size_t datagrams = 0;

    if (segment_bytes == 0 || size_bytes == 0 || size_bytes > segment_bytes * HERALD_RUN_SEGMENTS_MAX)
        return herald_error_set(error, -EINVAL, "a run has 1 to %d datagrams", HERALD_RUN_SEGMENTS_MAX);
    if (!fits(sender, segment_bytes))
        return fail_too_large(sender, segment_bytes, error);
    sender->stats.gso = false;
    while (rest->size_bytes > 0) {
        ssize_t n = send_part(sender, rest, segment_bytes);

        if (n < 0 && datagrams == 0)
            return fail_send(sender, segment_bytes, (int)n, error);
        if (n < 0)
            break; /* what has gone out counts; the next call meets the same error again */
        rest_advance(rest, (size_t)n);
        datagrams += ((size_t)n + segment_bytes - 1) / segment_bytes;
    }
    sender->stats.datagrams += datagrams;
    sender->stats.bytes += size_bytes - rest->size_bytes;
    return (int)datagrams;
}

int herald_sender_send_run(herald_sender *sender, const void *payload, size_t size_bytes, size_t segment_bytes,
                           struct herald_error *error)
{
    const struct iovec part = { .iov_base = (void *)(uintptr_t)payload, .iov_len = size_bytes }; /* it is only read */
    struct rest rest = { .parts = &part, .size_bytes = size_bytes };

    return send_run(sender, &rest, segment_bytes, error);
}

static size_t count_bytes(const struct iovec *parts, size_t part_count)
{
    size_t bytes = 0;

    for (size_t i = 0; i < part_count; i++)
        bytes += parts[i].iov_len;
    return bytes;
}

int hd_sender_send_parts(herald_sender *sender, const struct iovec *parts, size_t part_count, size_t size_bytes,
                         size_t segment_bytes, struct herald_error *error)
{
    struct rest rest = { .parts = parts, .size_bytes = size_bytes };

    if (part_count > HD_SENDER_PARTS_MAX || count_bytes(parts, part_count) != size_bytes)
        return herald_error_set(error, -EINVAL, "%zu parts do not make a run of %zu bytes", part_count, size_bytes);
    return send_run(sender, &rest, segment_bytes, error);
}

int hd_sender_send_to(herald_sender *sender, const struct herald_peer *to, const struct iovec *parts, size_t part_count,
                      struct herald_error *error)
{
    size_t size_bytes = count_bytes(parts, part_count);
    int r = hd_unicast_check(to, error);

    if (r < 0)
        return r;
    sender->stats.calls++;
    r = to->address.family == sender->endpoint.group.family ? hd_unicast_send(sender->fd, to, parts, part_count)
                                                            : -EAFNOSUPPORT;
    if (r < 0)
        return hd_unicast_fail(to, r, size_bytes, error);
    sender->stats.datagrams++;
    sender->stats.bytes += size_bytes;
    return 0;
}

uint64_t herald_sender_sent_time_ns(herald_sender *sender)
{
    read_transmit_time(sender, false);
    if (sender->called_ns == 0)
        return 0;
    return sender->kernel_sent_ns != 0 ? sender->kernel_sent_ns : sender->called_ns;
}

uint64_t hd_sender_called_ns(const herald_sender *sender)
{
    return sender->called_ns;
}
