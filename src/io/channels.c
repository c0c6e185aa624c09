/* SPDX-License-Identifier: MIT */
#include "channels.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static int compare_addresses(const struct herald_address *a, const struct herald_address *b)
{
    if (a->family != b->family)
        return a->family < b->family ? -1 : 1;
    return memcmp(a->bytes, b->bytes, sizeof(a->bytes));
}

static bool same_channel(const struct hd_want *a, const struct hd_want *b)
{
    return a->port == b->port && compare_addresses(&a->group, &b->group) == 0;
}

static int compare_wants(const void *left, const void *right)
{
    const struct hd_want *a = left;
    const struct hd_want *b = right;
    int order = compare_addresses(&a->group, &b->group);

    if (order == 0 && a->port != b->port)
        order = a->port < b->port ? -1 : 1;
    if (order == 0)
        order = compare_addresses(&a->source, &b->source);
    if (order == 0)
        order = strcmp(a->zone, b->zone);
    return order;
}

static void expand(const struct herald_endpoint *endpoint, struct hd_want *wants)
{
    for (uint32_t i = 0; i < endpoint->group_count; i++) {
        struct hd_want *want = &wants[i];

        memset(want, 0, sizeof(*want));
        want->port = endpoint->port;
        want->source = endpoint->source;
        memcpy(want->zone, endpoint->interface, sizeof(want->zone));
        (void)herald_endpoint_group(endpoint, i, &want->group); /* in range by construction */
    }
}

/* Sorted wants become channels: each run of the same group and port is one. What is wanted twice stays once. */
static void merge(struct hd_channels *channels)
{
    size_t kept = 0;

    for (size_t i = 0; i < channels->want_count; i++) {
        if (kept > 0 && compare_wants(&channels->wants[kept - 1], &channels->wants[i]) == 0)
            continue;
        channels->wants[kept] = channels->wants[i];
        if (kept > 0 && same_channel(&channels->wants[kept - 1], &channels->wants[kept])) {
            channels->list[channels->count - 1].want_count++;
        } else {
            channels->list[channels->count] = (struct hd_channel){ .wants = &channels->wants[kept], .want_count = 1 };
            channels->count++;
        }
        kept++;
    }
    channels->want_count = kept;
}

int hd_channels_build(struct hd_channels *ret_channels, const struct herald_endpoint *endpoints, size_t count)
{
    struct hd_channels channels = { 0 };
    size_t at = 0;

    for (size_t i = 0; i < count; i++)
        channels.want_count += endpoints[i].group_count;
    channels.wants = calloc(channels.want_count, sizeof(*channels.wants));
    channels.list = calloc(channels.want_count, sizeof(*channels.list));
    if (channels.wants == NULL || channels.list == NULL) {
        hd_channels_release(&channels);
        return -ENOMEM;
    }
    for (size_t i = 0; i < count; i++) {
        expand(&endpoints[i], channels.wants + at);
        at += endpoints[i].group_count;
    }
    qsort(channels.wants, channels.want_count, sizeof(*channels.wants), compare_wants);
    merge(&channels);
    *ret_channels = channels;
    return 0;
}

void hd_channels_release(struct hd_channels *channels)
{
    free(channels->wants);
    free(channels->list);
    *channels = (struct hd_channels){ 0 };
}
