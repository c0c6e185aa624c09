/* SPDX-License-Identifier: MIT */
#include "netlink.h"

#include <errno.h>
#include <linux/rtnetlink.h>
#include <stdbool.h>
#include <string.h>

/* Hosts that start containers all the time interrupt dumps now and then, never this often in a row. */
enum { DUMP_TRIES_MAX = 32 };

/* Sequence numbers tell answers of one socket apart; each socket here asks only once. */
enum { SEQUENCE = 1 };

int hd_netlink_open(unsigned int groups, struct mnl_socket **ret_socket)
{
    struct mnl_socket *socket;
    int result;

    socket = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC | (groups != 0 ? SOCK_NONBLOCK : 0));
    if (socket == NULL)
        return -errno;
    if (mnl_socket_bind(socket, groups, MNL_SOCKET_AUTOPID) < 0) {
        result = -errno;
        (void)mnl_socket_close(socket);
        return result;
    }
    *ret_socket = socket;
    return 0;
}

/* What an NLMSG_ERROR or NLMSG_DONE says: a negative errno, or 0. */
static int message_error(const struct nlmsghdr *message)
{
    int code;

    if (mnl_nlmsg_get_payload_len(message) < sizeof code)
        return message->nlmsg_type == NLMSG_DONE ? 0 : -EBADMSG;
    memcpy(&code, mnl_nlmsg_get_payload(message), sizeof code);
    return code < 0 ? code : 0;
}

/* @return 1 when the dump is complete, 0 when more must be read, -EINTR when it must be repeated. */
static int dump_part(const struct hd_netlink_dump *dump, const void *buffer, int size)
{
    const struct nlmsghdr *message;
    int result;

    for (message = buffer; mnl_nlmsg_ok(message, size); message = mnl_nlmsg_next(message, &size)) {
        if (!mnl_nlmsg_seq_ok(message, SEQUENCE))
            continue;
        if ((message->nlmsg_flags & NLM_F_DUMP_INTR) != 0)
            return -EINTR;
        if (message->nlmsg_type == NLMSG_ERROR || message->nlmsg_type == NLMSG_DONE) {
            result = message_error(message);
            return result < 0 ? result : 1;
        }
        if (message->nlmsg_type < NLMSG_MIN_TYPE)
            continue;
        result = dump->message(message, dump->userdata);
        if (result < 0)
            return result;
    }
    return 0;
}

static int dump_try(const struct hd_netlink_dump *dump, struct mnl_socket *socket)
{
    _Alignas(struct nlmsghdr) char buffer[HD_NETLINK_BUFFER_BYTES];
    struct nlmsghdr *request = mnl_nlmsg_put_header(buffer);
    ssize_t size;
    int result = 0;

    request->nlmsg_type = dump->type;
    request->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
    request->nlmsg_seq = SEQUENCE;
    *(uint8_t *)mnl_nlmsg_put_extra_header(request, dump->header_bytes) = dump->family;
    if (mnl_socket_sendto(socket, request, request->nlmsg_len) < 0)
        return -errno;
    while (result == 0) {
        size = mnl_socket_recvfrom(socket, buffer, sizeof buffer);
        if (size < 0 && errno != EINTR)
            return -errno;
        if (size > 0)
            result = dump_part(dump, buffer, (int)size);
    }
    return result < 0 ? result : 0;
}

int hd_netlink_dump(const struct hd_netlink_dump *dump)
{
    struct mnl_socket *socket = NULL;
    int result = -EINTR;

    /* A fresh socket for every try: the rest of an interrupted dump goes away with the old one. */
    for (int tries = 0; result == -EINTR && tries < DUMP_TRIES_MAX; tries++) {
        result = hd_netlink_open(0, &socket);
        if (result < 0)
            return result;
        dump->start(dump->userdata);
        result = dump_try(dump, socket);
        (void)mnl_socket_close(socket);
    }
    return result;
}

static int read_answer(struct mnl_socket *socket, void *buffer, size_t buffer_bytes, const struct nlmsghdr **ret_answer)
{
    const struct nlmsghdr *message = buffer;
    ssize_t size;

    do {
        size = mnl_socket_recvfrom(socket, buffer, buffer_bytes);
    } while (size < 0 && errno == EINTR);
    if (size < 0)
        return -errno;
    if (!mnl_nlmsg_ok(message, (int)size) || !mnl_nlmsg_seq_ok(message, SEQUENCE))
        return -EBADMSG;
    if (message->nlmsg_type == NLMSG_ERROR) {
        int result = message_error(message);

        return result < 0 ? result : -EBADMSG;
    }
    *ret_answer = message;
    return 0;
}

int hd_netlink_ask(struct nlmsghdr *request, void *buffer, size_t buffer_bytes, const struct nlmsghdr **ret_answer)
{
    struct mnl_socket *socket = NULL;
    int result = hd_netlink_open(0, &socket);

    if (result < 0)
        return result;
    request->nlmsg_flags = NLM_F_REQUEST;
    request->nlmsg_seq = SEQUENCE;
    if (mnl_socket_sendto(socket, request, request->nlmsg_len) < 0)
        result = -errno;
    else
        result = read_answer(socket, buffer, buffer_bytes, ret_answer);
    (void)mnl_socket_close(socket);
    return result;
}

int hd_netlink_attributes(const struct nlmsghdr *message, size_t header_bytes, const struct nlattr **ret_table,
                          uint16_t max)
{
    const struct nlattr *attribute;
    const char *end = mnl_nlmsg_get_payload_tail(message);

    if (mnl_nlmsg_get_payload_len(message) < header_bytes)
        return -EBADMSG;
    for (size_t i = 0; i <= max; i++)
        ret_table[i] = NULL;
    attribute = mnl_nlmsg_get_payload_offset(message, header_bytes);
    while (mnl_attr_ok(attribute, (int)(end - (const char *)attribute))) {
        if (mnl_attr_get_type(attribute) <= max)
            ret_table[mnl_attr_get_type(attribute)] = attribute;
        attribute = mnl_attr_next(attribute);
    }
    return 0;
}

const void *hd_netlink_payload(const struct nlattr *attribute, size_t size_bytes)
{
    if (attribute == NULL || mnl_attr_get_payload_len(attribute) < size_bytes)
        return NULL;
    return mnl_attr_get_payload(attribute);
}

uint32_t hd_netlink_u32(const struct nlattr *attribute, uint32_t otherwise)
{
    const void *payload = hd_netlink_payload(attribute, sizeof otherwise);

    if (payload != NULL)
        memcpy(&otherwise, payload, sizeof otherwise);
    return otherwise;
}
