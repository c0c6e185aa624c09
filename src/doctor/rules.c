/* SPDX-License-Identifier: MIT */
#include "rules.h"

#include "nested.h"
#include "netlink.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <stdio.h>
#include <string.h>

/* ---- asking ---------------------------------------------------------------------------------- */

static int ask(struct mnl_socket *netlink, uint16_t type)
{
    _Alignas(struct nlmsghdr) char buffer[256];
    struct nlmsghdr *request = mnl_nlmsg_put_header(buffer);
    struct nfgenmsg *header;

    request->nlmsg_type = (uint16_t)(NFNL_SUBSYS_NFTABLES << 8 | type);
    request->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
    header = mnl_nlmsg_put_extra_header(request, sizeof *header);
    header->nfgen_family = NFPROTO_UNSPEC;
    header->version = NFNETLINK_V0;
    return mnl_socket_sendto(netlink, request, request->nlmsg_len) < 0 ? -errno : 0;
}

static int dump(uint16_t type, mnl_cb_t each, void *userdata)
{
    _Alignas(struct nlmsghdr) char buffer[HD_NETLINK_BUFFER_BYTES];
    struct mnl_socket *netlink = mnl_socket_open2(NETLINK_NETFILTER, SOCK_CLOEXEC);
    int result;

    if (netlink == NULL)
        return -errno;
    result = mnl_socket_bind(netlink, 0, MNL_SOCKET_AUTOPID) < 0 ? -errno : ask(netlink, type);
    while (result == 0) {
        ssize_t size = mnl_socket_recvfrom(netlink, buffer, sizeof buffer);
        int part;

        if (size < 0 && errno == EINTR)
            continue;
        if (size <= 0) {
            result = size < 0 ? -errno : -EBADMSG;
            break;
        }
        part = mnl_cb_run(buffer, (size_t)size, 0, mnl_socket_get_portid(netlink), each, userdata);
        if (part <= MNL_CB_STOP)
            result = part < 0 ? -errno : 1;
    }
    (void)mnl_socket_close(netlink);
    return result < 0 ? result : 0;
}

/* ---- chains ---------------------------------------------------------------------------------- */

static enum hd_chain_place place_of(uint8_t family, uint32_t hook)
{
    if (family == NFPROTO_NETDEV)
        return hook == NF_NETDEV_INGRESS ? HD_PLACE_IN : HD_PLACE_OUT;
    switch (hook) {
    case NF_INET_PRE_ROUTING:
    case NF_INET_LOCAL_IN:
    case NF_INET_INGRESS:
        return HD_PLACE_IN;
    case NF_INET_LOCAL_OUT:
    case NF_INET_POST_ROUTING:
        return HD_PLACE_OUT;
    default:
        return HD_PLACE_OTHER;
    }
}

static int take_chain(const struct nlmsghdr *message, void *userdata)
{
    const struct nfgenmsg *header = mnl_nlmsg_get_payload(message);
    const struct nlattr *table[NFTA_CHAIN_MAX + 1];
    const struct nlattr *hook[NFTA_HOOK_MAX + 1];
    struct hd_chains *chains = userdata;
    struct hd_chain chain = { .family = NULL };

    if (hd_netlink_attributes(message, sizeof *header, table, NFTA_CHAIN_MAX) < 0 || table[NFTA_CHAIN_HOOK] == NULL ||
        chains->count == HD_CHAINS_MAX)
        return MNL_CB_OK;
    chain.family = hd_chain_family(header->nfgen_family);
    if (chain.family == NULL)
        return MNL_CB_OK;
    hd_nested_table(table[NFTA_CHAIN_HOOK], hook, NFTA_HOOK_MAX);
    hd_nested_name(table[NFTA_CHAIN_TABLE], chain.table);
    hd_nested_name(table[NFTA_CHAIN_NAME], chain.name);
    chain.place = place_of(header->nfgen_family, hd_nested_be32(hook[NFTA_HOOK_HOOKNUM], NF_INET_FORWARD));
    chain.may_drop = hd_nested_be32(table[NFTA_CHAIN_POLICY], NF_ACCEPT) == NF_DROP;
    chains->items[chains->count++] = chain;
    return MNL_CB_OK;
}

/* ---- rules ----------------------------------------------------------------------------------- */

/* Whether the verdict may be the packet's end: a drop, or a chain in which there may be one. */
static bool verdict_may_drop(const struct nlattr *data)
{
    const struct nlattr *value[NFTA_DATA_MAX + 1];
    const struct nlattr *verdict[NFTA_VERDICT_MAX + 1];
    int32_t code;

    hd_nested_table(data, value, NFTA_DATA_MAX);
    if (value[NFTA_DATA_VERDICT] == NULL)
        return false;
    hd_nested_table(value[NFTA_DATA_VERDICT], verdict, NFTA_VERDICT_MAX);
    code = (int32_t)hd_nested_be32(verdict[NFTA_VERDICT_CODE], (uint32_t)NFT_CONTINUE);
    return code == NF_DROP || code == NFT_JUMP || code == NFT_GOTO;
}

static bool expression_may_drop(const struct nlattr *expression)
{
    const struct nlattr *table[NFTA_EXPR_MAX + 1];
    const struct nlattr *data[NFTA_IMMEDIATE_MAX + 1];
    char name[HD_CHAIN_NAME_BYTES];

    hd_nested_table(expression, table, NFTA_EXPR_MAX);
    hd_nested_name(table[NFTA_EXPR_NAME], name);
    if (strcmp(name, "immediate") == 0) {
        hd_nested_table(table[NFTA_EXPR_DATA], data, NFTA_IMMEDIATE_MAX);
        return verdict_may_drop(data[NFTA_IMMEDIATE_DATA]);
    }
    /* "lookup" may be a verdict map, and a target or match of iptables may do anything. */
    return strcmp(name, "reject") == 0 || strcmp(name, "target") == 0 || strcmp(name, "lookup") == 0 ||
           strcmp(name, "queue") == 0;
}

static int take_rule(const struct nlmsghdr *message, void *userdata)
{
    const struct nfgenmsg *header = mnl_nlmsg_get_payload(message);
    const struct nlattr *attributes[NFTA_RULE_MAX + 1];
    const char *family = hd_chain_family(header->nfgen_family);
    const struct nlattr *expression = NULL;
    struct hd_chains *chains = userdata;
    char table[HD_CHAIN_NAME_BYTES];
    char name[HD_CHAIN_NAME_BYTES];
    bool may_drop = false;

    if (hd_netlink_attributes(message, sizeof *header, attributes, NFTA_RULE_MAX) < 0 || family == NULL ||
        attributes[NFTA_RULE_EXPRESSIONS] == NULL)
        return MNL_CB_OK;
    while ((expression = hd_nested_next(attributes[NFTA_RULE_EXPRESSIONS], expression)) != NULL)
        may_drop = may_drop || expression_may_drop(expression);
    hd_nested_name(attributes[NFTA_RULE_TABLE], table);
    hd_nested_name(attributes[NFTA_RULE_CHAIN], name);
    for (size_t i = 0; i < chains->count && may_drop; i++) {
        struct hd_chain *chain = &chains->items[i];

        if (strcmp(chain->family, family) == 0 && strcmp(chain->table, table) == 0 && strcmp(chain->name, name) == 0)
            chain->may_drop = true;
    }
    return MNL_CB_OK;
}

int hd_chains_read(struct hd_chains *ret_chains)
{
    struct hd_chains chains = { .count = 0 };
    int result = dump(NFT_MSG_GETCHAIN, take_chain, &chains);

    if (result == 0)
        result = dump(NFT_MSG_GETRULE, take_rule, &chains);
    if (result < 0)
        return result;
    *ret_chains = chains;
    return 0;
}

/* ---- what to do ------------------------------------------------------------------------------ */

static bool is_in_the_way(const struct hd_chain *chain, enum herald_family family, enum hd_chain_place place)
{
    const char *foreign = family == HERALD_FAMILY_IPV4 ? "ip6" : "ip";

    return chain->may_drop && chain->place == place && strcmp(chain->family, foreign) != 0;
}

int hd_chains_remedy(const struct hd_chains *chains, enum herald_family family, enum hd_chain_place place,
                     const char *match, char *ret_text)
{
    char text[HERALD_FINDING_TEXT_BYTES] = "";
    size_t length = 0;
    int count = 0;

    for (size_t i = 0; i < chains->count; i++) {
        const struct hd_chain *chain = &chains->items[i];
        int more;

        if (!is_in_the_way(chain, family, place) || chain->table[0] == '\0' || chain->name[0] == '\0')
            continue;
        more = snprintf(text + length, sizeof text - length, "%snft insert rule %s %s %s %s accept",
                        count > 0 ? " && " : "", chain->family, chain->table, chain->name, match);
        if (more < 0 || (size_t)more >= sizeof text - length)
            return -E2BIG;
        length += (size_t)more;
        count++;
    }
    if (count > 0)
        (void)snprintf(ret_text, HERALD_FINDING_TEXT_BYTES, "%.*s", (int)length, text);
    return count;
}

const char *hd_chains_name(const struct hd_chains *chains, enum herald_family family, enum hd_chain_place place,
                           char *ret_text)
{
    ret_text[0] = '\0';
    for (size_t i = 0; i < chains->count; i++) {
        const struct hd_chain *chain = &chains->items[i];

        if (!is_in_the_way(chain, family, place))
            continue;
        (void)snprintf(ret_text, 3 * HD_CHAIN_NAME_BYTES, "%s %s %s", chain->family, chain->table, chain->name);
        break;
    }
    return ret_text;
}
