/* SPDX-License-Identifier: MIT */
/* A responder's answers: made when they are sent, since they tell how long that took. */
#include "responder_internal.h"

#include "address.h" /* of src/io */
#include "sockopt.h"
#include "unicast.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

enum { LOOPBACK_INDEX = 1 }; /* lo has it in every network namespace */

static uint64_t realtime_ns(void)
{
    struct timespec time;

    clock_gettime(CLOCK_REALTIME, &time);
    return (uint64_t)time.tv_sec * UINT64_C(1000000000) + (uint64_t)time.tv_nsec;
}

/* ---- one datagram ---------------------------------------------------------------------------- */

/* Room for the interface or address to send from, and for the TTL. */
union control {
    char bytes[CMSG_SPACE(sizeof(struct in6_pktinfo)) + CMSG_SPACE(sizeof(int))];
    struct cmsghdr align;
};

static void put_control(struct msghdr *message, int level, int type, const void *value, size_t value_bytes)
{
    struct cmsghdr *cmsg = (struct cmsghdr *)(void *)((char *)message->msg_control + message->msg_controllen);

    cmsg->cmsg_level = level;
    cmsg->cmsg_type = type;
    cmsg->cmsg_len = CMSG_LEN(value_bytes);
    memcpy(CMSG_DATA(cmsg), value, value_bytes);
    message->msg_controllen += CMSG_SPACE(value_bytes);
}

/* `ttl` -1: the system's. */
static void put_controls(struct msghdr *message, enum herald_family family, const struct herald_address *from,
                         uint32_t interface_index, int ttl)
{
    if (family == HERALD_FAMILY_IPV6) {
        struct in6_pktinfo info = { .ipi6_ifindex = interface_index };

        if (from->family == family)
            memcpy(&info.ipi6_addr, from->bytes, sizeof(info.ipi6_addr));
        put_control(message, IPPROTO_IPV6, IPV6_PKTINFO, &info, sizeof(info));
        if (ttl >= 0)
            put_control(message, IPPROTO_IPV6, IPV6_HOPLIMIT, &ttl, sizeof(ttl));
        return;
    }
    struct in_pktinfo info = { .ipi_ifindex = (int)interface_index };

    if (from->family == family)
        memcpy(&info.ipi_spec_dst, from->bytes, sizeof(info.ipi_spec_dst));
    put_control(message, IPPROTO_IP, IP_PKTINFO, &info, sizeof(info));
    if (ttl > 0)
        put_control(message, IPPROTO_IP, IP_TTL, &ttl, sizeof(ttl));
}

static int send_packet(const struct hd_responder_socket *socket, const struct herald_peer *to,
                       const struct herald_address *from, uint32_t interface_index, int ttl, const uint8_t *bytes,
                       size_t size_bytes)
{
    union control control = { .bytes = { 0 } };
    struct sockaddr_storage address;
    struct iovec part = { .iov_base = (void *)(uintptr_t)bytes, .iov_len = size_bytes }; /* it is only read */
    struct msghdr message = {
        .msg_name = &address,
        .msg_namelen = hd_sockaddr_make(&to->address, to->port, to->interface_index, &address),
        .msg_iov = &part,
        .msg_iovlen = 1,
        .msg_control = control.bytes,
    };
    ssize_t n;

    put_controls(&message, socket->family, from, interface_index, ttl);
    do
        n = sendmsg(socket->fd, &message, MSG_DONTWAIT);
    while (n < 0 && errno == EINTR);
    return n < 0 ? -errno : 0;
}

/* Whoever is on the same LAN can be reached without a route too: by the interface that brought the question. */
static int send_unicast(const struct hd_reply *reply, const uint8_t *bytes, size_t size_bytes)
{
    const struct herald_address *from = reply->from.family != HERALD_FAMILY_NONE ? &reply->from : &reply->asked;
    int r = send_packet(reply->socket, &reply->to, from, 0, -1, bytes, size_bytes);

    if ((r == -ENETUNREACH || r == -EHOSTUNREACH) && reply->to.interface_index != 0)
        r = send_packet(reply->socket, &reply->to, from, reply->to.interface_index, -1, bytes, size_bytes);
    return r;
}

static int send_multicast(const struct hd_reply *reply, const uint8_t *bytes, size_t size_bytes)
{
    const struct herald_address loopback = { .family = HERALD_FAMILY_IPV4, .bytes = { 127, 0, 0, 1 } };
    const struct herald_peer to = { .address = reply->group,
                                    .port = reply->to.port,
                                    .interface_index = reply->interface_index };
    const struct herald_address *from = &reply->from;
    int r;

    /* Left to itself the kernel sends from 0.0.0.0 over lo. */
    if (reply->interface_index == LOOPBACK_INDEX && from->family == HERALD_FAMILY_NONE)
        from = &loopback;
    r = send_packet(reply->socket, &to, from, reply->interface_index, reply->group_ttl, bytes, size_bytes);
    if (r == -ENETUNREACH && reply->interface_index == 0) /* this host asks itself, and there is no network */
        r = send_packet(reply->socket, &to, from, LOOPBACK_INDEX, reply->group_ttl, bytes, size_bytes);
    return r;
}

static void set_fragments(struct hd_responder_socket *socket, bool fragments)
{
    if (socket->fragments == fragments)
        return;
    socket->fragments = fragments;
    if (socket->family == HERALD_FAMILY_IPV6)
        (void)hd_socket_set_int(socket->fd, IPPROTO_IPV6, IPV6_MTU_DISCOVER,
                                fragments ? IPV6_PMTUDISC_DONT : IPV6_PMTUDISC_DO);
    else
        (void)hd_socket_set_int(socket->fd, IPPROTO_IP, IP_MTU_DISCOVER, fragments ? IP_PMTUDISC_DONT : IP_PMTUDISC_DO);
}

/* By the first socket that is not full. */
static int send_anyhow(struct herald_responder *responder, const struct hd_reply *reply, size_t size_bytes,
                       bool by_multicast)
{
    struct hd_reply attempt = *reply;
    int r;

    do {
        set_fragments(attempt.socket, reply->may_fragment);
        r = by_multicast ? send_multicast(&attempt, responder->buffer, size_bytes)
                         : send_unicast(&attempt, responder->buffer, size_bytes);
        if (r == -EAGAIN)
            attempt.socket = hd_responder_next_socket(responder, attempt.socket);
    } while (r == -EAGAIN && attempt.socket != NULL);
    return r;
}

static void count_result(struct herald_responder *responder, const struct hd_reply *reply, int r, size_t size_bytes,
                         uint64_t *count)
{
    struct herald_responder_event event = { .kind = HERALD_RESPONDER_FAILED, .peer = reply->to };

    if (r == 0) {
        ++*count;
        return;
    }
    responder->stats.failed++;
    /* EACCES: a broadcast address, where nobody asks from. */
    if (responder->failure_told || r == -EAGAIN || r == -EACCES)
        return;
    responder->failure_told = true;
    (void)hd_unicast_fail(&reply->to, r, size_bytes, &event.error);
    hd_responder_tell(responder, &event);
}

/* ---- answers --------------------------------------------------------------------------------- */

/* Puts the optional parts behind, the less needed the less room there is. */
static void put_options(const struct herald_responder *responder, struct hd_writer *writer,
                        const struct hd_reply *reply, bool by_multicast)
{
    size_t info_bytes = HD_MPP_OPTION_HEAD_BYTES + strlen(responder->info);
    size_t session_bytes = HD_MPP_OPTION_HEAD_BYTES + HD_SESSION_BYTES;
    struct hd_mpp_told told = reply->told;

    if (!reply->is_old)
        hd_mpp_put_ttl(writer, by_multicast ? reply->group_ttl : reply->socket->unicast_ttl);
    if (!reply->is_old && reply->wants_time)
        hd_mpp_put_time(writer, HD_MPP_SERVER_TIME, realtime_ns());
    if (reply->has_told) {
        uint64_t now_ns = realtime_ns();

        told.held_ns = now_ns > reply->arrived_ns ? now_ns - reply->arrived_ns : 0;
        hd_mpp_put_told(writer, &told);
    }
    if (reply->wants_info && (reply->is_old || hd_writer_size(writer) + info_bytes <= reply->size_max_bytes))
        hd_mpp_put_info(writer, responder->info);
    if (reply->tells_session && !by_multicast && hd_writer_size(writer) + session_bytes <= reply->size_max_bytes)
        hd_mpp_put_session(writer, reply->session, sizeof(reply->session));
    if (reply->text_bytes > 0 && !by_multicast)
        hd_mpp_put_text(writer, responder->text, reply->text_bytes);
}

/* @return the size of the answer in the responder's buffer; 0 if it would be too large. */
static size_t make_answer(const struct herald_responder *responder, const struct hd_reply *reply, bool by_multicast)
{
    struct hd_writer writer = hd_writer_over(responder->buffer, HD_ANSWER_BYTES_MAX);

    hd_mpp_begin_answer(&writer, reply->request, reply->request_bytes, reply->is_old);
    put_options(responder, &writer, reply, by_multicast);
    hd_mpp_pad(&writer, reply->is_old ? HD_MPP_OLD_PADDING : HD_MPP_PADDING, reply->size_bytes);
    if (writer.overflow || (reply->has_told && hd_writer_size(&writer) > reply->size_max_bytes))
        return 0;
    return hd_writer_size(&writer);
}

void hd_responder_send(struct herald_responder *responder, const struct hd_reply *reply)
{
    size_t size_bytes = make_answer(responder, reply, false);

    if (size_bytes == 0) {
        responder->stats.withheld++;
        return;
    }
    count_result(responder, reply, send_anyhow(responder, reply, size_bytes, false), size_bytes,
                 &responder->stats.answers_unicast);
    if (reply->group.family == HERALD_FAMILY_NONE)
        return;
    size_bytes = make_answer(responder, reply, true);
    if (size_bytes > 0)
        count_result(responder, reply, send_anyhow(responder, reply, size_bytes, true), size_bytes,
                     &responder->stats.answers_multicast);
}

void hd_responder_send_bytes(struct herald_responder *responder, const struct hd_reply *reply, size_t size_bytes)
{
    set_fragments(reply->socket, false);
    count_result(responder, reply, send_unicast(reply, responder->buffer, size_bytes), size_bytes,
                 &responder->stats.answers_unicast);
}

/* ---- answers that wait ----------------------------------------------------------------------- */

static bool is_full(const struct herald_responder *responder, size_t request_bytes)
{
    return responder->pending_count >= HD_PENDING_MAX ||
           responder->pending_bytes + request_bytes > HD_PENDING_BYTES_MAX;
}

/* Who asks for the longest delays must not keep others out: what would wait longest goes. @return whether any. */
static bool drop_latest(struct herald_responder *responder, uint64_t due_ns)
{
    struct hd_pending dropped;
    size_t latest = 0;

    for (size_t i = 1; i < responder->pending_count; i++)
        if (responder->pending[i].due_ns > responder->pending[latest].due_ns)
            latest = i;
    if (responder->pending_count == 0 || responder->pending[latest].due_ns <= due_ns)
        return false;
    dropped = responder->pending[latest];
    responder->pending[latest] = responder->pending[--responder->pending_count];
    responder->stats.withheld++;
    responder->pending_bytes -= dropped.reply.request_bytes;
#ifndef __clang_analyzer__ /* it takes what has moved into the place of this one for this one */
    free((void *)(uintptr_t)dropped.reply.request);
#endif
    return true;
}

int hd_responder_defer(struct herald_responder *responder, const struct hd_reply *reply, uint64_t due_ns)
{
    uint8_t *copy;

    while (is_full(responder, reply->request_bytes))
        if (!drop_latest(responder, due_ns))
            return -ENOBUFS;
    if (responder->pending_count == responder->pending_capacity) {
        size_t capacity = responder->pending_capacity * 2 + 4;
        struct hd_pending *grown = reallocarray(responder->pending, capacity, sizeof(*grown));

        if (grown == NULL)
            return -ENOMEM;
        responder->pending = grown;
        responder->pending_capacity = capacity;
    }
    copy = malloc(reply->request_bytes + 1);
    if (copy == NULL)
        return -ENOMEM;
    memcpy(copy, reply->request, reply->request_bytes);
    responder->pending[responder->pending_count] = (struct hd_pending){ due_ns, *reply };
    responder->pending[responder->pending_count++].reply.request = copy;
    responder->pending_bytes += reply->request_bytes;
    return 0;
}

void hd_responder_send_due(struct herald_responder *responder, uint64_t now_ns)
{
    size_t left = 0;

    for (size_t i = 0; i < responder->pending_count; i++) {
        struct hd_pending *pending = &responder->pending[i];

        if (pending->due_ns > now_ns) {
            responder->pending[left++] = *pending;
            continue;
        }
        hd_responder_send(responder, &pending->reply);
        responder->pending_bytes -= pending->reply.request_bytes;
        free((void *)(uintptr_t)pending->reply.request); /* it is the copy that was made for it */
    }
    responder->pending_count = left;
}
