/* SPDX-License-Identifier: MIT */
#include "route.h"

#include "address.h"
#include "netlink.h"

#include <errno.h>
#include <linux/rtnetlink.h>
#include <string.h>

/* A request carries a header and three small attributes; the answer, metrics too. */
enum { ROUTE_REQUEST_BYTES = 256, ROUTE_ANSWER_BYTES = 8192 };

static size_t address_bytes(const struct herald_address *address)
{
    return address->family == HERALD_FAMILY_IPV4 ? sizeof(struct in_addr) : sizeof(struct in6_addr);
}

static int read_route(const struct nlmsghdr *answer, const struct herald_address *source,
                      const struct herald_address *destination, struct hd_route *ret_route)
{
    const struct nlattr *table[RTA_MAX + 1];
    struct hd_route route = { .gateway = false };
    const void *preferred;
    int result;

    if (answer->nlmsg_type != RTM_NEWROUTE)
        return -EBADMSG;
    result = hd_netlink_attributes(answer, sizeof(struct rtmsg), table, RTA_MAX);
    if (result < 0)
        return result;
    route.interface_index = hd_netlink_u32(table[RTA_OIF], 0);
    if (route.interface_index == 0)
        return -ENETUNREACH;
    route.gateway = table[RTA_GATEWAY] != NULL || table[RTA_VIA] != NULL;
    preferred = hd_netlink_payload(table[RTA_PREFSRC], address_bytes(destination));
    if (source != NULL && source->family != HERALD_FAMILY_NONE)
        route.source = *source;
    else if (preferred != NULL && destination->family == HERALD_FAMILY_IPV4)
        hd_address_from_in(preferred, &route.source);
    else if (preferred != NULL)
        hd_address_from_in6(preferred, &route.source);
    *ret_route = route;
    return 0;
}

int hd_route_lookup(const struct herald_address *destination, const struct herald_address *source,
                    uint32_t interface_index, struct hd_route *ret_route)
{
    _Alignas(struct nlmsghdr) char request_buffer[ROUTE_REQUEST_BYTES];
    _Alignas(struct nlmsghdr) char answer_buffer[ROUTE_ANSWER_BYTES];
    struct nlmsghdr *request = mnl_nlmsg_put_header(request_buffer);
    const struct nlmsghdr *answer;
    uint8_t address_bits = (uint8_t)(address_bytes(destination) * 8);
    struct rtmsg *route;
    int result;

    if (destination->family == HERALD_FAMILY_NONE)
        return -EINVAL;
    request->nlmsg_type = RTM_GETROUTE;
    route = mnl_nlmsg_put_extra_header(request, sizeof *route);
    route->rtm_family = (unsigned char)hd_address_af(destination);
    route->rtm_dst_len = address_bits;
    mnl_attr_put(request, RTA_DST, address_bytes(destination), destination->bytes);
    if (source != NULL && source->family != HERALD_FAMILY_NONE) {
        if (source->family != destination->family)
            return -EINVAL;
        route->rtm_src_len = address_bits;
        mnl_attr_put(request, RTA_SRC, address_bytes(source), source->bytes);
    }
    if (interface_index != 0)
        mnl_attr_put_u32(request, RTA_OIF, interface_index);
    result = hd_netlink_ask(request, answer_buffer, sizeof answer_buffer, &answer);
    return result < 0 ? result : read_route(answer, source, destination, ret_route);
}
