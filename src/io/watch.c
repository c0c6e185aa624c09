/* SPDX-License-Identifier: MIT */
#include "links.h"
#include "netlink.h"

#include <herald/interface.h>

#include <errno.h>
#include <linux/rtnetlink.h>
#include <stdlib.h>
#include <string.h>

/* A host that starts many containers at once sends bursts; what does not fit costs a resynchronization. */
enum { WATCH_BUFFER_BYTES = 1 << 20 };

/* Events that wait to be taken. */
struct event_queue {
    struct herald_interface_event *items;
    size_t count;
    size_t taken;
    size_t room;
};

/*
 * `known` runs ahead of `list`: it is the state after every message read, while `list` is the state after
 * every event taken. They are the same when the queue is empty.
 */
struct herald_interface_watch {
    struct mnl_socket *socket;
    struct hd_links known;
    struct event_queue queue;
    struct herald_interface *list;
    size_t list_count;
    size_t list_room;
    bool resync_due; /* notifications were lost and the list could not be read anew yet */
};

/* ---- the queue and the list ------------------------------------------------------------------ */

static int push(struct herald_interface_watch *watch, enum herald_interface_event_kind kind,
                const struct herald_interface *interface)
{
    struct event_queue *queue = &watch->queue;

    if (queue->count == queue->room) {
        size_t room = queue->room == 0 ? 16 : queue->room * 2;
        struct herald_interface_event *items = reallocarray(queue->items, room, sizeof *items);

        if (items == NULL)
            return -ENOMEM;
        queue->items = items;
        queue->room = room;
    }
    queue->items[queue->count].kind = kind;
    queue->items[queue->count].interface = *interface;
    queue->count++;
    return 0;
}

/* Brings the public list up to an event. Makes room before anything changes. */
static int apply(struct herald_interface_watch *watch, const struct herald_interface_event *event)
{
    size_t place = 0;
    bool there;

    if (watch->list_count == watch->list_room) {
        size_t room = watch->list_room == 0 ? 16 : watch->list_room * 2;
        struct herald_interface *list = reallocarray(watch->list, room, sizeof *list);

        if (list == NULL)
            return -ENOMEM;
        watch->list = list;
        watch->list_room = room;
    }
    while (place < watch->list_count && watch->list[place].index < event->interface.index)
        place++;
    there = place < watch->list_count && watch->list[place].index == event->interface.index;
    if (event->kind == HERALD_INTERFACE_DISAPPEARED) {
        if (!there)
            return 0;
        watch->list_count--;
        memmove(watch->list + place, watch->list + place + 1, (watch->list_count - place) * sizeof *watch->list);
        return 0;
    }
    if (!there) {
        memmove(watch->list + place + 1, watch->list + place, (watch->list_count - place) * sizeof *watch->list);
        watch->list_count++;
    }
    watch->list[place] = event->interface;
    return 0;
}

/* ---- from one state to the next -------------------------------------------------------------- */

static bool address_differs(const struct herald_address *a, const struct herald_address *b)
{
    return a->family != b->family || memcmp(a->bytes, b->bytes, sizeof a->bytes) != 0;
}

static bool interface_differs(const struct herald_interface *a, const struct herald_interface *b)
{
    return strcmp(a->name, b->name) != 0 || a->mtu_bytes != b->mtu_bytes || a->up != b->up ||
           a->carrier != b->carrier || a->multicast != b->multicast || a->loopback != b->loopback ||
           address_differs(&a->ipv4, &b->ipv4) || address_differs(&a->ipv6, &b->ipv6) ||
           address_differs(&a->ipv6_link_local, &b->ipv6_link_local);
}

/* The state in between, when an interface went down and came back unseen. */
static int push_flap(struct herald_interface_watch *watch, const struct hd_link *now)
{
    struct herald_interface between = now->interface;
    int result;

    between.carrier = false;
    result = push(watch, HERALD_INTERFACE_DOWN, &between);
    return result < 0 ? result : push(watch, HERALD_INTERFACE_UP, &now->interface);
}

/* Queues what lies between the known state of an interface and `now`, and makes `now` the known one. */
static int step(struct herald_interface_watch *watch, const struct hd_link *now, bool flap_possible)
{
    const struct hd_link *old = hd_links_find(&watch->known, now->interface.index);
    int result = 0;

    if (old == NULL)
        result = push(watch, HERALD_INTERFACE_APPEARED, &now->interface);
    else if (hd_link_works(old) && !hd_link_works(now))
        result = push(watch, HERALD_INTERFACE_DOWN, &now->interface);
    else if (!hd_link_works(old) && hd_link_works(now))
        result = push(watch, HERALD_INTERFACE_UP, &now->interface);
    /* The kernel sends one notification for several changes of carrier within a second; its count of losses
       tells that there was one. The difference of two counters that may wrap is signed. */
    else if (hd_link_works(now) && (flap_possible || (int32_t)(now->carrier_losses - old->carrier_losses) > 0))
        result = push_flap(watch, now);
    else if (interface_differs(&old->interface, &now->interface))
        result = push(watch, HERALD_INTERFACE_CHANGED, &now->interface);
    return result < 0 ? result : hd_links_put(&watch->known, now);
}

static int remove_link(struct herald_interface_watch *watch, uint32_t index)
{
    const struct hd_link *old = hd_links_find(&watch->known, index);
    int result;

    if (old == NULL)
        return 0;
    result = push(watch, HERALD_INTERFACE_DISAPPEARED, &old->interface);
    if (result >= 0)
        hd_links_remove(&watch->known, index);
    return result;
}

/* Steps from everything known to everything in `now`; `known` must not be walked while it changes. */
static int step_all(struct herald_interface_watch *watch, const struct hd_links *now, bool flap_possible)
{
    int result = 0;

    for (size_t i = watch->known.count; i > 0 && result >= 0; i--) {
        uint32_t index = watch->known.items[i - 1].interface.index;

        if (hd_links_find(now, index) == NULL)
            result = remove_link(watch, index);
    }
    for (size_t i = 0; i < now->count && result >= 0; i++)
        result = step(watch, &now->items[i], flap_possible);
    return result;
}

/* ---- messages -------------------------------------------------------------------------------- */

static int link_message(struct herald_interface_watch *watch, const struct nlmsghdr *message)
{
    const struct ifinfomsg *info = mnl_nlmsg_get_payload(message);
    const struct hd_link *old;
    struct hd_link now;

    if (mnl_nlmsg_get_payload_len(message) < sizeof *info || info->ifi_index <= 0)
        return 0;
    /* A bridge tells of its ports by the same messages: a port that leaves its bridge is no interface deleted. */
    if (info->ifi_family != AF_UNSPEC)
        return 0;
    if (message->nlmsg_type == RTM_DELLINK)
        return remove_link(watch, (uint32_t)info->ifi_index);
    memset(&now, 0, sizeof now);
    old = hd_links_find(&watch->known, (uint32_t)info->ifi_index);
    if (old != NULL)
        now = *old;
    if (hd_link_update(message, &now) < 0)
        return 0;
    return step(watch, &now, false);
}

/*
 * An address came or went. Which one is first now only a new list of them tells. When that cannot be read (no
 * descriptor left, say), the known addresses stay until the next message: not worth an end of the watch.
 */
static int address_message(struct herald_interface_watch *watch)
{
    struct hd_links now = { .items = NULL };
    int result = 0;

    for (size_t i = 0; i < watch->known.count && result >= 0; i++)
        result = hd_links_put(&now, &watch->known.items[i]);
    if (result >= 0 && hd_links_read_addresses(&now) >= 0)
        result = step_all(watch, &now, false);
    hd_links_clear(&now);
    return result;
}

static int read_messages(struct herald_interface_watch *watch, const void *buffer, int size)
{
    const struct nlmsghdr *message;
    int result = 0;

    for (message = buffer; result >= 0 && mnl_nlmsg_ok(message, size); message = mnl_nlmsg_next(message, &size)) {
        switch (message->nlmsg_type) {
        case RTM_NEWLINK:
        case RTM_DELLINK:
            result = link_message(watch, message);
            break;
        case RTM_NEWADDR:
        case RTM_DELADDR:
            result = address_message(watch);
            break;
        default:
            break;
        }
    }
    return result;
}

/* The kernel dropped notifications: those still queued are older than the new list, so they go first. */
static int resynchronize(struct herald_interface_watch *watch)
{
    _Alignas(struct nlmsghdr) char buffer[HD_NETLINK_BUFFER_BYTES];
    struct hd_links now;
    int result;

    watch->resync_due = true;
    while (mnl_socket_recvfrom(watch->socket, buffer, sizeof buffer) >= 0 || errno == ENOBUFS || errno == ENOSPC ||
           errno == EINTR)
        continue;
    result = hd_links_read(&now);
    if (result < 0)
        return result;
    result = step_all(watch, &now, true);
    hd_links_clear(&now);
    watch->resync_due = result < 0;
    return result;
}

/* Reads until something is queued. @return 1 when it is, 0 when nothing more is there to read. */
static int fill_queue(struct herald_interface_watch *watch)
{
    _Alignas(struct nlmsghdr) char buffer[HD_NETLINK_BUFFER_BYTES];
    ssize_t size;
    int result = 0;

    watch->queue.count = 0;
    watch->queue.taken = 0;
    while (watch->queue.count == 0) {
        if (watch->resync_due) {
            result = resynchronize(watch);
            if (result < 0)
                return result;
            continue;
        }
        size = mnl_socket_recvfrom(watch->socket, buffer, sizeof buffer);
        if (size >= 0)
            result = read_messages(watch, buffer, (int)size);
        else if (errno == EAGAIN)
            return 0;
        else if (errno == EINTR)
            continue;
        else if (errno == ENOBUFS || errno == ENOSPC) /* lost, or too long to be read */
            watch->resync_due = true;
        else
            return -errno;
        if (result < 0)
            return result;
    }
    return 1;
}

/* ---- public ---------------------------------------------------------------------------------- */

static int watch_open(struct herald_interface_watch *watch)
{
    int bytes = WATCH_BUFFER_BYTES;
    int result;

    result = hd_netlink_open(RTMGRP_LINK | RTMGRP_IPV4_IFADDR | RTMGRP_IPV6_IFADDR, &watch->socket);
    if (result < 0)
        return result;
    /* Clamped without a word to net.core.rmem_max, which is good enough. */
    (void)setsockopt(mnl_socket_get_fd(watch->socket), SOL_SOCKET, SO_RCVBUF, &bytes, sizeof bytes);
    /* Listening has begun already: what changes from here on is either in the list or comes as a message. */
    result = hd_links_read(&watch->known);
    if (result < 0 || watch->known.count == 0)
        return result;
    watch->list = reallocarray(NULL, watch->known.count, sizeof *watch->list);
    if (watch->list == NULL)
        return -ENOMEM;
    for (size_t i = 0; i < watch->known.count; i++)
        watch->list[i] = watch->known.items[i].interface;
    watch->list_count = watch->known.count;
    watch->list_room = watch->known.count;
    return 0;
}

int herald_interface_watch_new(herald_interface_watch **ret_watch, struct herald_error *error)
{
    struct herald_interface_watch *watch = calloc(1, sizeof *watch);
    int result;

    if (watch == NULL)
        return herald_error_set(error, -ENOMEM, "out of memory");
    result = watch_open(watch);
    if (result < 0) {
        herald_interface_watch_free(watch);
        return herald_error_set(error, result, "cannot watch the network interfaces: %s", strerror(-result));
    }
    *ret_watch = watch;
    return 0;
}

herald_interface_watch *herald_interface_watch_free(herald_interface_watch *watch)
{
    if (watch == NULL)
        return NULL;
    if (watch->socket != NULL)
        (void)mnl_socket_close(watch->socket);
    hd_links_clear(&watch->known);
    free(watch->queue.items);
    free(watch->list);
    free(watch);
    return NULL;
}

int herald_interface_watch_fd(const herald_interface_watch *watch)
{
    return mnl_socket_get_fd(watch->socket);
}

int herald_interface_watch_next(herald_interface_watch *watch, struct herald_interface_event *ret_event)
{
    const struct herald_interface_event *event;
    int result;

    if (watch->queue.taken == watch->queue.count) {
        result = fill_queue(watch);
        if (result <= 0)
            return result;
    }
    event = &watch->queue.items[watch->queue.taken];
    result = apply(watch, event);
    if (result < 0)
        return result;
    *ret_event = *event;
    watch->queue.taken++;
    return 1;
}

size_t herald_interface_watch_list(const herald_interface_watch *watch, const struct herald_interface **ret_list)
{
    *ret_list = watch->list;
    return watch->list_count;
}
