/* SPDX-License-Identifier: MIT */
/* A receiver's attachments: the interfaces that it joins on, followed as they come, go and lose carrier. */
#include "receiver.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

/* Long enough for every listener of this host to have left, see hd_membership_leave(). */
#define RETURN_AFTER_NS UINT64_C(50000000)
#define RETRY_AFTER_NS  UINT64_C(1000000000)

/* Descriptors that are left to the rest of the process, standard input and output among them. */
enum { DESCRIPTOR_RESERVE = 8 };

/* ---- small parts ----------------------------------------------------------------------------- */

static struct hd_attachment *find(const struct herald_receiver *receiver, uint32_t index)
{
    for (size_t i = 0; i < receiver->attachment_count; i++)
        if (receiver->attachments[i].index == index)
            return &receiver->attachments[i];
    return NULL;
}

static struct hd_attachment *add(struct herald_receiver *receiver, const struct herald_interface *interface)
{
    struct hd_attachment *grown = realloc(receiver->attachments,
                                          (receiver->attachment_count + 1) * sizeof(*receiver->attachments));

    if (grown == NULL)
        return NULL;
    receiver->attachments = grown;
    grown += receiver->attachment_count++;
    *grown = (struct hd_attachment){
        .index = interface->index,
        .loopback = interface->loopback,
        .mtu_bytes = interface->mtu_bytes,
        .broken = !interface->carrier,
        .return_ns = HERALD_NEVER,
        .retry_ns = HERALD_NEVER,
    };
    memcpy(grown->name, interface->name, sizeof(grown->name));
    return grown;
}

static void tell(struct herald_receiver *receiver, enum herald_receiver_event_kind kind,
                 const struct hd_attachment *attachment, uint32_t groups, const struct herald_error *error)
{
    struct herald_receiver_event *event;

    if (receiver->event_count == receiver->event_capacity) {
        size_t capacity = receiver->event_capacity * 2 + 8;
        struct herald_receiver_event *grown = realloc(receiver->events, capacity * sizeof(*grown));

        if (grown == NULL)
            return; /* an event is for information only: the memberships are right without it */
        receiver->events = grown;
        receiver->event_capacity = capacity;
    }
    event = &receiver->events[receiver->event_count++];
    *event = (struct herald_receiver_event){ .kind = kind, .group_count = groups };
    memcpy(event->interface, attachment->name, sizeof(event->interface));
    if (error != NULL)
        event->error = *error;
}

/* Whether endpoints without a zone concern an interface. */
static bool is_chosen(const struct herald_receiver *receiver, const struct herald_interface *interface)
{
    for (size_t i = 0; i < receiver->name_count; i++)
        if (strcmp(receiver->names[i], interface->name) == 0)
            return true;
    return receiver->name_count == 0 && (interface->multicast || interface->loopback);
}

static bool is_wanted(const struct herald_receiver *receiver, const struct herald_interface *interface)
{
    bool chosen = is_chosen(receiver, interface);

    for (size_t i = 0; i < receiver->channels.count; i++)
        if (hd_membership_wanted(&receiver->channels.list[i], interface, chosen))
            return true;
    return false;
}

/* An interface that cannot do one of the families is only worth a word if it was named. */
static bool is_worth_telling(const struct herald_receiver *receiver, int code)
{
    return receiver->name_count > 0 || (code != -ENODEV && code != -EADDRNOTAVAIL && code != -EAFNOSUPPORT);
}

static bool may_pass(int code)
{
    return code == -ENOBUFS || code == -ENOMEM || code == -EMFILE || code == -ENFILE || code == -EADDRINUSE;
}

/* ---- attaching ------------------------------------------------------------------------------- */

/*
 * Joins every channel that is wanted there and not joined yet. @return how many were; *ret_failed, how many could not
 * be; *error has the first failure.
 */
static uint32_t join_missing(struct herald_receiver *receiver, const struct herald_interface *interface,
                             uint32_t *ret_failed, struct herald_error *error)
{
    bool chosen = is_chosen(receiver, interface);
    uint32_t joined = 0;

    *ret_failed = 0;
    error->code = 0;
    for (size_t i = 0; i < receiver->channels.count; i++) {
        struct hd_channel *channel = &receiver->channels.list[i];
        struct herald_error failure;

        if (!hd_membership_wanted(channel, interface, chosen) || hd_membership_exists(channel, interface->index))
            continue;
        if (hd_membership_join(channel, interface, chosen, &receiver->plan, &failure) >= 0) {
            joined++;
            continue;
        }
        ++*ret_failed;
        if (error->code == 0)
            *error = failure;
    }
    return joined;
}

/* @return the attachment, with what could be joined; NULL when nothing is wanted there or there is no memory. */
static struct hd_attachment *attach(struct herald_receiver *receiver, const struct herald_interface *interface,
                                    uint64_t now_ns, uint32_t *ret_joined, struct herald_error *error)
{
    struct hd_attachment *attachment = find(receiver, interface->index);
    uint32_t failed;

    *ret_joined = 0;
    error->code = 0;
    if (!interface->up || !is_wanted(receiver, interface))
        return attachment;
    if (attachment == NULL)
        attachment = add(receiver, interface);
    if (attachment == NULL)
        return NULL;
    *ret_joined = join_missing(receiver, interface, &failed, error);
    attachment->memberships += *ret_joined;
    attachment->retry_ns = may_pass(error->code) ? now_ns + RETRY_AFTER_NS : HERALD_NEVER;
    if (error->code < 0 && error->code != attachment->failure && is_worth_telling(receiver, error->code))
        tell(receiver, HERALD_RECEIVER_JOIN_FAILED, attachment, failed, error);
    attachment->failure = error->code;
    return attachment;
}

static void attach_and_tell(struct herald_receiver *receiver, const struct herald_interface *interface, uint64_t now_ns)
{
    struct herald_error error;
    uint32_t joined;
    const struct hd_attachment *attachment = attach(receiver, interface, now_ns, &joined, &error);

    if (joined > 0)
        tell(receiver, HERALD_RECEIVER_JOINED, attachment, joined, NULL);
}

static void detach(struct herald_receiver *receiver, struct hd_attachment *attachment)
{
    for (size_t i = 0; i < receiver->channels.count; i++)
        hd_membership_close(&receiver->channels.list[i], attachment->index, &receiver->closed_drops);
    receiver->ready_next = receiver->ready_count = 0; /* closed sockets may be among the ready ones */
    if (attachment->memberships > 0)
        tell(receiver, HERALD_RECEIVER_GONE, attachment, attachment->memberships, NULL);
    receiver->attachment_count--;
    *attachment = receiver->attachments[receiver->attachment_count];
}

/* ---- following ------------------------------------------------------------------------------- */

/* Carrier is back: what a switch forgot meanwhile is told it again. IGMP does not do that by itself, MLD does. */
static void leave_to_return(struct herald_receiver *receiver, struct hd_attachment *attachment, uint64_t now_ns)
{
    for (size_t i = 0; i < receiver->channels.count; i++)
        hd_membership_leave(&receiver->channels.list[i], attachment->index);
    attachment->return_ns = now_ns + RETURN_AFTER_NS;
}

static void return_to_groups(struct herald_receiver *receiver, struct hd_attachment *attachment)
{
    for (size_t i = 0; i < receiver->channels.count; i++)
        hd_membership_return(&receiver->channels.list[i], attachment->index);
    attachment->return_ns = HERALD_NEVER;
    if (attachment->broken)
        return; /* it went again meanwhile: what is told comes with the next return */
    tell(receiver, HERALD_RECEIVER_REJOINED, attachment, attachment->memberships, NULL);
    attachment->loss_told = false;
}

/* Once, however often a loose cable flaps. lo has no carrier to lose. */
static void tell_loss(struct herald_receiver *receiver, struct hd_attachment *attachment, bool still_up)
{
    if (attachment->memberships == 0 || attachment->loss_told || (attachment->loopback && still_up))
        return;
    tell(receiver, still_up ? HERALD_RECEIVER_LOST : HERALD_RECEIVER_DOWN, attachment, attachment->memberships, NULL);
    attachment->loss_told = true;
}

/* Below these the kernel takes IPv6, or IPv4, off an interface, with all its memberships, and says nothing. */
static bool crosses_minimum(uint32_t from_bytes, uint32_t to_bytes)
{
    enum { IPV4_MTU_MIN = 68, IPV6_MTU_MIN = 1280 };

    return (from_bytes < IPV6_MTU_MIN) != (to_bytes < IPV6_MTU_MIN) ||
           (from_bytes < IPV4_MTU_MIN) != (to_bytes < IPV4_MTU_MIN);
}

static void on_changed(struct herald_receiver *receiver, const struct herald_interface *interface, uint64_t now_ns)
{
    struct hd_attachment *attachment = find(receiver, interface->index);

    if (attachment != NULL && crosses_minimum(attachment->mtu_bytes, interface->mtu_bytes))
        leave_to_return(receiver, attachment, now_ns);
    if (attachment != NULL)
        attachment->mtu_bytes = interface->mtu_bytes;
    if (attachment != NULL && strcmp(attachment->name, interface->name) != 0) { /* it was renamed */
        if (!is_wanted(receiver, interface))
            detach(receiver, attachment);
        else
            memcpy(attachment->name, interface->name, sizeof(attachment->name));
    }
    attach_and_tell(receiver, interface, now_ns);
}

static void on_event(struct herald_receiver *receiver, const struct herald_interface_event *event, uint64_t now_ns)
{
    struct hd_attachment *attachment = find(receiver, event->interface.index);

    if (attachment != NULL)
        attachment->broken = !event->interface.up || !event->interface.carrier;
    switch (event->kind) {
    case HERALD_INTERFACE_APPEARED:
    case HERALD_INTERFACE_CHANGED:
        on_changed(receiver, &event->interface, now_ns);
        break;
    case HERALD_INTERFACE_UP:
        if (attachment != NULL && attachment->memberships > 0)
            leave_to_return(receiver, attachment, now_ns);
        attach_and_tell(receiver, &event->interface, now_ns);
        break;
    case HERALD_INTERFACE_DOWN:
        if (attachment != NULL)
            tell_loss(receiver, attachment, event->interface.up);
        break;
    case HERALD_INTERFACE_DISAPPEARED:
        if (attachment != NULL)
            detach(receiver, attachment);
        break;
    }
}

static void retry(struct herald_receiver *receiver, uint32_t index, uint64_t now_ns)
{
    const struct herald_interface *list;
    size_t count = herald_interface_watch_list(receiver->watch, &list);

    for (size_t i = 0; i < count; i++)
        if (list[i].index == index)
            attach_and_tell(receiver, &list[i], now_ns);
}

/* Copies can only come where two real interfaces are joined; lo never brings one. */
static bool may_have_duplicates(const struct herald_receiver *receiver)
{
    size_t real = 0;

    for (size_t i = 0; i < receiver->attachment_count; i++)
        real += !receiver->attachments[i].loopback && receiver->attachments[i].memberships > 0;
    return receiver->duplicates != NULL && real > 1;
}

int hd_attachments_process(struct herald_receiver *receiver, uint64_t now_ns)
{
    struct herald_interface_event event;
    int r;

    receiver->watch_retry_ns = HERALD_NEVER;
    while ((r = herald_interface_watch_next(receiver->watch, &event)) > 0)
        on_event(receiver, &event, now_ns);
    if (r < 0 && (may_pass(r) || r == -EINTR)) { /* its descriptor will not become readable again by itself */
        receiver->watch_retry_ns = now_ns + RETRY_AFTER_NS;
        r = 0;
    }
    for (size_t i = 0; i < receiver->attachment_count; i++) {
        if (receiver->attachments[i].return_ns <= now_ns)
            return_to_groups(receiver, &receiver->attachments[i]);
        if (receiver->attachments[i].retry_ns <= now_ns) {
            receiver->attachments[i].retry_ns = HERALD_NEVER;
            retry(receiver, receiver->attachments[i].index, now_ns);
        }
    }
    receiver->check_duplicates = may_have_duplicates(receiver);
    return r;
}

uint64_t hd_attachments_deadline(const struct herald_receiver *receiver)
{
    uint64_t deadline_ns = receiver->watch_retry_ns;

    for (size_t i = 0; i < receiver->attachment_count; i++) {
        if (receiver->attachments[i].return_ns < deadline_ns)
            deadline_ns = receiver->attachments[i].return_ns;
        if (receiver->attachments[i].retry_ns < deadline_ns)
            deadline_ns = receiver->attachments[i].retry_ns;
    }
    return deadline_ns;
}

/* ---- the start ------------------------------------------------------------------------------- */

/* One descriptor for each family and port, to answer from. */
static uint64_t count_ports(const struct hd_channels *channels)
{
    uint8_t seen[2][65536 / 8] = { { 0 } };
    uint64_t count = 0;

    for (size_t i = 0; i < channels->count; i++) {
        uint16_t port = hd_channel_port(&channels->list[i]);
        uint8_t *byte = &seen[hd_channel_group(&channels->list[i])->family == HERALD_FAMILY_IPV6][port / 8];
        uint8_t bit = (uint8_t)(1U << (port % 8));

        count += (*byte & bit) == 0;
        *byte |= bit;
    }
    return count;
}

/* Better one clear line at the start than a receiver that has joined half of its groups. */
int hd_attachments_check(struct herald_receiver *receiver, struct herald_error *error)
{
    const struct herald_interface *list;
    size_t count = herald_interface_watch_list(receiver->watch, &list);
    uint64_t needed = DESCRIPTOR_RESERVE + count_ports(&receiver->channels);
    struct rlimit limit;

    for (size_t i = 0; i < count; i++) {
        bool chosen = is_chosen(receiver, &list[i]);

        if (!list[i].up)
            continue;
        for (size_t k = 0; k < receiver->channels.count; k++)
            needed += hd_membership_wanted(&receiver->channels.list[k], &list[i], chosen);
    }
    receiver->plan.descriptor_max = INT32_MAX;
    if (getrlimit(RLIMIT_NOFILE, &limit) < 0 || limit.rlim_cur > INT32_MAX)
        return 0;
    receiver->plan.descriptor_max = (int)limit.rlim_cur - DESCRIPTOR_RESERVE;
    if (needed <= limit.rlim_cur)
        return 0;
    herald_error_set(error, -EMFILE, "%zu groups need about %llu open files, and this process may have %llu",
                     receiver->channels.count, (unsigned long long)needed, (unsigned long long)limit.rlim_cur);
    herald_error_advise(error, "ulimit -n %llu, or fewer interfaces with -i", (unsigned long long)needed);
    return -EMFILE;
}

static bool any_up(const struct herald_interface *list, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (list[i].up)
            return true;
    return false;
}

/* Interfaces that were named but are down, or have no carrier: said at once, or the user wonders about the silence. */
static void tell_waiting(struct herald_receiver *receiver, const struct herald_interface *interface)
{
    struct hd_attachment absent = { .index = interface->index };
    bool named = receiver->name_count > 0 || !is_chosen(receiver, interface);

    memcpy(absent.name, interface->name, sizeof(absent.name));
    if (named && is_wanted(receiver, interface) && !(interface->up && interface->carrier))
        tell(receiver, interface->up ? HERALD_RECEIVER_LOST : HERALD_RECEIVER_DOWN, &absent, 0, NULL);
}

/* A family that one interface lacks is nothing to tell; a group that is joined nowhere for that reason is. */
static void tell_unheard(struct herald_receiver *receiver, const struct herald_error *failure)
{
    for (size_t i = 0; i < receiver->channels.count; i++)
        if (receiver->channels.list[i].sockets == NULL) {
            tell(receiver, HERALD_RECEIVER_JOIN_FAILED, &receiver->attachments[0], 0, failure);
            return;
        }
}

int hd_attachments_start(struct herald_receiver *receiver, struct herald_error *error)
{
    const struct herald_interface *list;
    size_t count = herald_interface_watch_list(receiver->watch, &list);
    struct herald_error failure = { 0 };
    uint64_t now_ns = herald_clock_ns();
    uint32_t total = 0;

    if (!any_up(list, count)) {
        herald_error_set(error, -ENETDOWN, "no network interface is up, not even lo");
        herald_error_advise(error, "ip link set lo up");
        return -ENETDOWN;
    }
    for (size_t i = 0; i < count; i++) {
        struct herald_error local;
        uint32_t joined;

        (void)attach(receiver, &list[i], now_ns, &joined, &local);
        tell_waiting(receiver, &list[i]);
        total += joined;
        if (local.code < 0)
            failure = local;
    }
    receiver->check_duplicates = may_have_duplicates(receiver);
    if (total > 0 && failure.code < 0 && !is_worth_telling(receiver, failure.code))
        tell_unheard(receiver, &failure);
    if (total == 0 && failure.code < 0) {
        if (error != NULL)
            *error = failure;
        return failure.code;
    }
    return 0;
}
