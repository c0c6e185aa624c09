/* SPDX-License-Identifier: MIT */
#include "nested.h"

#include "netlink.h"

#include <arpa/inet.h>
#include <linux/netfilter.h>
#include <string.h>

const struct nlattr *hd_nested_next(const struct nlattr *outer, const struct nlattr *attribute)
{
    const char *end = (const char *)mnl_attr_get_payload(outer) + mnl_attr_get_payload_len(outer);

    attribute = attribute == NULL ? mnl_attr_get_payload(outer) : mnl_attr_next(attribute);
    return mnl_attr_ok(attribute, (int)(end - (const char *)attribute)) ? attribute : NULL;
}

void hd_nested_table(const struct nlattr *outer, const struct nlattr **ret_table, uint16_t max)
{
    const struct nlattr *attribute = NULL;

    for (size_t i = 0; i <= max; i++)
        ret_table[i] = NULL;
    while (outer != NULL && (attribute = hd_nested_next(outer, attribute)) != NULL) {
        if (mnl_attr_get_type(attribute) <= max)
            ret_table[mnl_attr_get_type(attribute)] = attribute;
    }
}

uint32_t hd_nested_be32(const struct nlattr *attribute, uint32_t otherwise)
{
    return ntohl(hd_netlink_u32(attribute, htonl(otherwise)));
}

void hd_nested_name(const struct nlattr *attribute, char ret_name[HD_CHAIN_NAME_BYTES])
{
    size_t length;

    ret_name[0] = '\0';
    if (attribute == NULL)
        return;
    length = strnlen(mnl_attr_get_payload(attribute), mnl_attr_get_payload_len(attribute));
    if (length >= HD_CHAIN_NAME_BYTES)
        return;
    memcpy(ret_name, mnl_attr_get_payload(attribute), length);
    ret_name[length] = '\0';
    if (ret_name[strspn(ret_name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-")] != '\0')
        ret_name[0] = '\0';
}

const char *hd_chain_family(uint8_t family)
{
    switch (family) {
    case NFPROTO_IPV4:
        return "ip";
    case NFPROTO_IPV6:
        return "ip6";
    case NFPROTO_INET:
        return "inet";
    case NFPROTO_NETDEV:
        return "netdev";
    default:
        return NULL; /* bridge and arp are not in the way of IP packets for this host */
    }
}
