/* SPDX-License-Identifier: MIT */
#include "queue.h"

#include "netlink.h" /* of src/io */

#include <linux/gen_stats.h>
#include <linux/pkt_sched.h>
#include <linux/rtnetlink.h>

struct search {
    uint32_t interface_index;
    uint32_t drops;
};

static void forget(void *userdata)
{
    struct search *search = userdata;

    search->drops = 0;
}

/* Queues below the first one are counted in it. */
static int take_queue(const struct nlmsghdr *message, void *userdata)
{
    const struct nlattr *table[TCA_MAX + 1];
    const struct tcmsg *queue = mnl_nlmsg_get_payload(message);
    struct search *search = userdata;
    const struct nlattr *attribute;
    const char *end;

    if (message->nlmsg_type != RTM_NEWQDISC || hd_netlink_attributes(message, sizeof(*queue), table, TCA_MAX) < 0 ||
        (uint32_t)queue->tcm_ifindex != search->interface_index || queue->tcm_parent != TC_H_ROOT ||
        table[TCA_STATS2] == NULL)
        return 0;
    end = (const char *)mnl_attr_get_payload(table[TCA_STATS2]) + mnl_attr_get_payload_len(table[TCA_STATS2]);
    for (attribute = mnl_attr_get_payload(table[TCA_STATS2]);
         mnl_attr_ok(attribute, (int)(end - (const char *)attribute)); attribute = mnl_attr_next(attribute)) {
        const struct gnet_stats_queue *stats = hd_netlink_payload(attribute, sizeof(*stats));

        if (mnl_attr_get_type(attribute) == TCA_STATS_QUEUE && stats != NULL)
            search->drops = stats->drops;
    }
    return 0;
}

uint32_t hd_bench_queue_drops(uint32_t interface_index)
{
    struct search search = { .interface_index = interface_index };
    const struct hd_netlink_dump dump = {
        .type = RTM_GETQDISC,
        .header_bytes = sizeof(struct tcmsg),
        .start = forget,
        .message = take_queue,
        .userdata = &search,
    };

    return hd_netlink_dump(&dump) < 0 ? 0 : search.drops;
}
