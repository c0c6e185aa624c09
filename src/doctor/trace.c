/* SPDX-License-Identifier: MIT */
#include "trace.h"

#include "nested.h"
#include "netlink.h"

#include <arpa/inet.h>
#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    BATCH_BYTES = 8192,
    PRIORITY = -350, /* before everything that decides: raw is -300; fragments are still apart then (-400 joins them) */
    MESSAGES = 5,    /* a table, two chains, two rules: each is acknowledged */
};

/* ---- composing ------------------------------------------------------------------------------- */

struct batch {
    _Alignas(struct nlmsghdr) char bytes[BATCH_BYTES];
    size_t size_bytes;
    uint32_t sequence;
    uint8_t family;
    char table[32];
};

static struct nlmsghdr *put_message(struct batch *batch, uint16_t type, uint16_t flags, uint8_t family, uint16_t id)
{
    struct nlmsghdr *message = mnl_nlmsg_put_header(batch->bytes + batch->size_bytes);
    struct nfgenmsg *header;

    message->nlmsg_type = type;
    message->nlmsg_flags = (uint16_t)(NLM_F_REQUEST | flags);
    message->nlmsg_seq = ++batch->sequence;
    header = mnl_nlmsg_put_extra_header(message, sizeof *header);
    header->nfgen_family = family;
    header->version = NFNETLINK_V0;
    header->res_id = htons(id);
    return message;
}

static void end_message(struct batch *batch, const struct nlmsghdr *message)
{
    batch->size_bytes += NLMSG_ALIGN(message->nlmsg_len);
}

static struct nlmsghdr *put_new(struct batch *batch, uint16_t type)
{
    return put_message(batch, (uint16_t)(NFNL_SUBSYS_NFTABLES << 8 | type), NLM_F_CREATE | NLM_F_ACK, batch->family, 0);
}

static void put_be32(struct nlmsghdr *message, uint16_t type, uint32_t value)
{
    mnl_attr_put_u32(message, type, htonl(value));
}

static void put_table(struct batch *batch)
{
    struct nlmsghdr *message = put_new(batch, NFT_MSG_NEWTABLE);

    mnl_attr_put_strz(message, NFTA_TABLE_NAME, batch->table);
    put_be32(message, NFTA_TABLE_FLAGS, NFT_TABLE_F_OWNER);
    end_message(batch, message);
}

static void put_chain(struct batch *batch, const char *name, uint32_t hook)
{
    struct nlmsghdr *message = put_new(batch, NFT_MSG_NEWCHAIN);
    struct nlattr *nest;

    mnl_attr_put_strz(message, NFTA_CHAIN_TABLE, batch->table);
    mnl_attr_put_strz(message, NFTA_CHAIN_NAME, name);
    nest = mnl_attr_nest_start(message, NFTA_CHAIN_HOOK);
    put_be32(message, NFTA_HOOK_HOOKNUM, hook);
    put_be32(message, NFTA_HOOK_PRIORITY, (uint32_t)PRIORITY);
    mnl_attr_nest_end(message, nest);
    put_be32(message, NFTA_CHAIN_POLICY, NF_ACCEPT);
    mnl_attr_put_strz(message, NFTA_CHAIN_TYPE, "filter");
    end_message(batch, message);
}

/* An expression is begun, filled with its attributes, and ended. */
struct expression {
    struct nlattr *element, *data;
};

static struct expression begin(struct nlmsghdr *message, const char *name)
{
    struct expression expression;

    expression.element = mnl_attr_nest_start(message, NFTA_LIST_ELEM);
    mnl_attr_put_strz(message, NFTA_EXPR_NAME, name);
    expression.data = mnl_attr_nest_start(message, NFTA_EXPR_DATA);
    return expression;
}

static void end(struct nlmsghdr *message, const struct expression *expression)
{
    mnl_attr_nest_end(message, expression->data);
    mnl_attr_nest_end(message, expression->element);
}

static void put_value(struct nlmsghdr *message, uint16_t type, const void *bytes, size_t size_bytes)
{
    struct nlattr *nest = mnl_attr_nest_start(message, type);

    mnl_attr_put(message, NFTA_DATA_VALUE, size_bytes, bytes);
    mnl_attr_nest_end(message, nest);
}

/* "register 1 must be this", or the rule ends. */
static void put_compare(struct nlmsghdr *message, const void *bytes, size_t size_bytes)
{
    struct expression expression = begin(message, "cmp");

    put_be32(message, NFTA_CMP_SREG, NFT_REG_1);
    put_be32(message, NFTA_CMP_OP, NFT_CMP_EQ);
    put_value(message, NFTA_CMP_DATA, bytes, size_bytes);
    end(message, &expression);
}

static void put_port(struct nlmsghdr *message, uint16_t port)
{
    const uint16_t wire_port = htons(port);
    struct expression expression = begin(message, "payload");

    put_be32(message, NFTA_PAYLOAD_DREG, NFT_REG_1);
    put_be32(message, NFTA_PAYLOAD_BASE, NFT_PAYLOAD_TRANSPORT_HEADER);
    put_be32(message, NFTA_PAYLOAD_OFFSET, 2);
    put_be32(message, NFTA_PAYLOAD_LEN, sizeof wire_port);
    end(message, &expression);
    put_compare(message, &wire_port, sizeof wire_port);
}

/* meta l4proto PROTOCOL [th dport PORT] meta nftrace set 1 */
static void put_rule(struct batch *batch, const char *chain, const struct hd_trace_match *match)
{
    struct nlmsghdr *message = put_new(batch, NFT_MSG_NEWRULE);
    const uint8_t on = 1;
    struct expression expression;
    struct nlattr *list;

    mnl_attr_put_strz(message, NFTA_RULE_TABLE, batch->table);
    mnl_attr_put_strz(message, NFTA_RULE_CHAIN, chain);
    list = mnl_attr_nest_start(message, NFTA_RULE_EXPRESSIONS);
    expression = begin(message, "meta");
    put_be32(message, NFTA_META_DREG, NFT_REG_1);
    put_be32(message, NFTA_META_KEY, NFT_META_L4PROTO);
    end(message, &expression);
    put_compare(message, &match->protocol, sizeof match->protocol);
    if (match->port != 0)
        put_port(message, match->port);
    expression = begin(message, "immediate");
    put_be32(message, NFTA_IMMEDIATE_DREG, NFT_REG_1);
    put_value(message, NFTA_IMMEDIATE_DATA, &on, sizeof on);
    end(message, &expression);
    expression = begin(message, "meta");
    put_be32(message, NFTA_META_KEY, NFT_META_NFTRACE);
    put_be32(message, NFTA_META_SREG, NFT_REG_1);
    end(message, &expression);
    mnl_attr_nest_end(message, list);
    end_message(batch, message);
}

static void compose(struct batch *batch, const struct hd_trace_match *match)
{
    batch->family = match->family == HERALD_FAMILY_IPV4 ? NFPROTO_IPV4 : NFPROTO_IPV6;
    (void)snprintf(batch->table, sizeof batch->table, "herald-doctor-%d", (int)getpid());
    end_message(batch, put_message(batch, NFNL_MSG_BATCH_BEGIN, 0, AF_UNSPEC, NFNL_SUBSYS_NFTABLES));
    put_table(batch);
    put_chain(batch, "in", NF_INET_PRE_ROUTING);
    put_chain(batch, "out", NF_INET_LOCAL_OUT);
    put_rule(batch, "in", match);
    put_rule(batch, "out", match);
    end_message(batch, put_message(batch, NFNL_MSG_BATCH_END, 0, AF_UNSPEC, NFNL_SUBSYS_NFTABLES));
}

/* ---- opening --------------------------------------------------------------------------------- */

/* @return 0 when all parts were acknowledged; the kernel's -errno. */
static int read_acks(const struct mnl_socket *netlink)
{
    _Alignas(struct nlmsghdr) char buffer[BATCH_BYTES];
    int acks = 0;

    while (acks < MESSAGES) {
        ssize_t size = mnl_socket_recvfrom(netlink, buffer, sizeof buffer);
        int left = (int)size;

        if (size < 0 && errno == EINTR)
            continue;
        if (size <= 0)
            return size < 0 ? -errno : -EBADMSG;
        for (const struct nlmsghdr *message = (const void *)buffer; mnl_nlmsg_ok(message, left);
             message = mnl_nlmsg_next(message, &left)) {
            const struct nlmsgerr *error = mnl_nlmsg_get_payload(message);

            if (message->nlmsg_type != NLMSG_ERROR || mnl_nlmsg_get_payload_len(message) < sizeof *error)
                return -EBADMSG;
            if (error->error != 0)
                return error->error;
            acks++;
        }
    }
    return 0;
}

static int make_table(struct mnl_socket *netlink, const struct hd_trace_match *match)
{
    struct batch batch = { .size_bytes = 0 };

    compose(&batch, match);
    if (mnl_socket_bind(netlink, 0, MNL_SOCKET_AUTOPID) < 0 ||
        mnl_socket_sendto(netlink, batch.bytes, batch.size_bytes) < 0)
        return -errno;
    return read_acks(netlink);
}

static int listen_to_events(struct mnl_socket *netlink)
{
    int group = NFNLGRP_NFTRACE;

    if (mnl_socket_bind(netlink, 0, MNL_SOCKET_AUTOPID) < 0 ||
        mnl_socket_setsockopt(netlink, NETLINK_ADD_MEMBERSHIP, &group, sizeof group) < 0)
        return -errno;
    return 0;
}

int hd_trace_open(const struct hd_trace_match *match, struct hd_trace *ret_trace)
{
    struct hd_trace trace = {
        .owner = mnl_socket_open2(NETLINK_NETFILTER, SOCK_CLOEXEC),
        .events = mnl_socket_open2(NETLINK_NETFILTER, SOCK_CLOEXEC | SOCK_NONBLOCK),
    };
    int result = trace.owner == NULL || trace.events == NULL ? -errno : listen_to_events(trace.events);

    if (result == 0)
        result = make_table(trace.owner, match);
    if (result < 0) {
        hd_trace_close(&trace);
        return result;
    }
    *ret_trace = trace;
    return 0;
}

void hd_trace_close(struct hd_trace *trace)
{
    if (trace->owner != NULL)
        (void)mnl_socket_close(trace->owner);
    if (trace->events != NULL)
        (void)mnl_socket_close(trace->events);
    trace->owner = NULL;
    trace->events = NULL;
}

/* ---- what the kernel tells ------------------------------------------------------------------- */

static bool read_event(const struct nlmsghdr *message, struct hd_trace_drop *drop)
{
    const struct nfgenmsg *header = mnl_nlmsg_get_payload(message);
    const struct nlattr *table[NFTA_TRACE_MAX + 1];
    const struct nlattr *verdict[NFTA_VERDICT_MAX + 1];
    const void *handle;
    uint32_t type;

    if (message->nlmsg_type != (NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_TRACE) ||
        hd_netlink_attributes(message, sizeof *header, table, NFTA_TRACE_MAX) < 0)
        return false;
    type = hd_nested_be32(table[NFTA_TRACE_TYPE], NFT_TRACETYPE_UNSPEC);
    hd_nested_table(table[NFTA_TRACE_VERDICT], verdict, NFTA_VERDICT_MAX);
    if (!(type == NFT_TRACETYPE_POLICY && hd_nested_be32(table[NFTA_TRACE_POLICY], NF_ACCEPT) == NF_DROP) &&
        !(type == NFT_TRACETYPE_RULE && hd_nested_be32(verdict[NFTA_VERDICT_CODE], NF_ACCEPT) == NF_DROP))
        return false;
    *drop = (struct hd_trace_drop){ .family = hd_chain_family(header->nfgen_family) };
    hd_nested_name(table[NFTA_TRACE_TABLE], drop->table);
    hd_nested_name(table[NFTA_TRACE_CHAIN], drop->chain);
    handle = hd_netlink_payload(table[NFTA_TRACE_RULE_HANDLE], sizeof drop->handle);
    if (handle != NULL && type == NFT_TRACETYPE_RULE) {
        memcpy(&drop->handle, handle, sizeof drop->handle);
        drop->handle = be64toh(drop->handle);
    }
    return drop->family != NULL && drop->table[0] != '\0' && drop->chain[0] != '\0';
}

int hd_trace_wait(const struct hd_examination *examination, const struct hd_trace *trace, uint64_t deadline_ns,
                  struct hd_trace_drop *ret_drop)
{
    _Alignas(struct nlmsghdr) char buffer[HD_NETLINK_BUFFER_BYTES];

    for (;;) {
        int result = hd_wait(examination, mnl_socket_get_fd(trace->events), deadline_ns);
        ssize_t size;
        int left;

        if (result <= 0)
            return result;
        size = mnl_socket_recvfrom(trace->events, buffer, sizeof buffer);
        left = size > 0 ? (int)size : 0;
        /* More came than it could keep (ENOBUFS): the next ones will tell the same. */
        for (const struct nlmsghdr *message = (const void *)buffer; mnl_nlmsg_ok(message, left);
             message = mnl_nlmsg_next(message, &left)) {
            if (read_event(message, ret_drop))
                return 1;
        }
        if (herald_clock_ns() >= deadline_ns)
            return 0;
    }
}
