/* SPDX-License-Identifier: MIT */
#include "commands.h"
#include "listen.h"
#include "status.h"
#include "words.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { TROUBLES_SHOWN = 3, CAUSE_BYTES = 160 };

/* What is wrong with the interfaces that something was expected from. */
struct view {
    size_t working; /* joined, with carrier, and not lo */
    size_t loopback;
    size_t troubled;
    char troubles[CAUSE_BYTES]; /* "eth0 is down, eth1 has no carrier" */
    char advice[64];            /* for the first of them */
};

/* ---- interfaces ------------------------------------------------------------------------------ */

static void add_trouble(struct view *view, const char *name, const char *what, const char *advice_before,
                        const char *advice_after)
{
    size_t used = strlen(view->troubles);

    if (view->troubled++ == 0)
        snprintf(view->advice, sizeof(view->advice), "%s%s%s", advice_before, advice_before[0] != '\0' ? name : "",
                 advice_after);
    if (view->troubled <= TROUBLES_SHOWN)
        snprintf(view->troubles + used, sizeof(view->troubles) - used, "%s%.15s %s", used > 0 ? ", " : "", name, what);
    else if (view->troubled == TROUBLES_SHOWN + 1)
        snprintf(view->troubles + used, sizeof(view->troubles) - used, ", and others");
}

static void look_at(struct view *view, const struct herald_interface *interface)
{
    if (!interface->up)
        add_trouble(view, interface->name, "is down", "ip link set ", " up");
    else if (!interface->carrier)
        add_trouble(view, interface->name, "has no carrier (cable, switch port, WiFi)", "ip link show dev ", "");
    else if (interface->loopback)
        view->loopback++;
    else
        view->working++;
}

static void look_at_name(struct view *view, const char *name)
{
    struct herald_interface interface;

    if (herald_interface_find(name, &interface, NULL) < 0)
        add_trouble(view, name, "is gone", "", "ip link show");
    else
        look_at(view, &interface);
}

/* Whoever named no interface expects something from each that can do multicast. */
static void look_at_all(struct view *view)
{
    struct herald_interface *list;
    int count = herald_interfaces_list(&list);

    for (int i = 0; i < count; i++)
        if (list[i].multicast || list[i].loopback)
            look_at(view, &list[i]);
    if (count > 0)
        free(list);
}

static bool endpoint_is_first_on(const struct listener *listener, size_t index)
{
    for (size_t i = 0; i < index; i++)
        if (strcmp(listener->endpoints[i].interface, listener->endpoints[index].interface) == 0)
            return false;
    return true;
}

/* Every interface that an endpoint or -i names, once. @return whether all of them are named. */
static bool look_at_interfaces(const struct listener *listener, struct view *view)
{
    const struct text_list *given = &listener->settings->interfaces;
    bool some_unnamed = false;

    for (size_t i = 0; i < listener->endpoint_count; i++) {
        const char *name = listener->endpoints[i].interface;

        if (name[0] == '\0')
            some_unnamed = true;
        else if (endpoint_is_first_on(listener, i))
            look_at_name(view, name);
    }
    if (some_unnamed && given->count == 0) {
        *view = (struct view){ 0 };
        look_at_all(view);
        return false;
    }
    for (size_t i = 0; some_unnamed && i < given->count; i++)
        look_at_name(view, given->items[i]);
    return true;
}

/* ---- the cause ------------------------------------------------------------------------------- */

/* Nothing wrong is to be seen from here. */
static void describe_nobody(const struct listener *listener, struct herald_error *error)
{
    bool several = listener->endpoint_count > 1 || listener->endpoints[0].group_count > 1;
    size_t sources = 0;

    for (size_t i = 0; i < listener->endpoint_count; i++)
        sources += listener->endpoints[i].source.family != HERALD_FAMILY_NONE;
    if (sources == listener->endpoint_count)
        herald_error_set(error, -EAGAIN, "nothing arrived: most likely nobody sends from %s to %s",
                         several ? "the source addresses given" : "that source address",
                         several ? "these groups" : "this group and port");
    else
        herald_error_set(error, -EAGAIN,
                         "nothing arrived: most likely nobody sends to %s, or the sender's TTL is too small for a "
                         "router in between",
                         several ? "any of these groups and ports" : "this group and port");
}

/* A command to send something to the first group: what a shell reads as it is. */
static void advise_command(const struct listener *listener, struct herald_error *error)
{
    const struct text_list *given = &listener->settings->interfaces;
    struct herald_endpoint endpoint = listener->endpoints[0];
    char text[HERALD_ENDPOINT_TEXT_BYTES];
    char quoted[HERALD_ENDPOINT_TEXT_BYTES + 8];

    if (command_find("doctor") != NULL) {
        herald_endpoint_format(&endpoint, text, sizeof(text));
        herald_error_advise(error, "herald doctor %s", words_quote(text, quoted, sizeof(quoted)));
        return;
    }
    endpoint.source = (struct herald_address){ .family = HERALD_FAMILY_NONE };
    endpoint.group_count = 1;
    if (!herald_address_needs_zone(&endpoint.group))
        endpoint.interface[0] = '\0';
    else if (endpoint.interface[0] == '\0' && given->count > 0)
        snprintf(endpoint.interface, sizeof(endpoint.interface), "%.15s", given->items[0]);
    herald_endpoint_format(&endpoint, text, sizeof(text));
    herald_error_advise(error, "herald send %s hello", words_quote(text, quoted, sizeof(quoted)));
}

/* What came as far as this host, by the kernel's counters. @return whether something did. */
static bool find_counted(const struct listener *listener, struct herald_error *error)
{
    struct herald_loss_report report;
    bool is_ours;

    if (herald_loss_read(listener->loss, HERALD_LOSS_UNKNOWN, &report) < 0)
        return false;
    is_ours = report.main_cause != HERALD_LOSS_NETWORK && report.parts[report.main_cause].likely > 0;
    if (is_ours) {
        herald_error_set(error, -EAGAIN, "nothing arrived; %s", report.text);
        herald_error_advise(error, "%s", report.advice);
    } else if (report.counters.udp_ignored > 0) {
        herald_error_set(error, -EAGAIN,
                         "nothing arrived at this port; %llu datagram%s came to a group that is joined here, but to a "
                         "port that nobody listens to",
                         (unsigned long long)report.counters.udp_ignored, report.counters.udp_ignored == 1 ? "" : "s");
        herald_error_advise(error, "the port that the sender names");
    }
    return is_ours || report.counters.udp_ignored > 0;
}

/* The most likely cause that can be seen from here; what needs a longer look belongs to a command of its own. */
static void find_cause(const struct listener *listener, const struct herald_receiver_stats *stats,
                       struct herald_error *error)
{
    struct view view = { 0 };
    bool named = look_at_interfaces(listener, &view);

    if (stats->kernel_drops > 0) {
        herald_error_set(error, -EAGAIN, "nothing could be taken in: the receive buffer was full");
        herald_error_advise(error, "--rcvbuf with a larger size; sysctl net.core.rmem_max limits it");
    } else if (view.working == 0 && view.loopback == 0 && view.troubled > 0) {
        herald_error_set(error, -EAGAIN, "nothing arrived: %s", view.troubles);
        herald_error_advise(error, "%s", view.advice);
    } else if (view.working == 0 && view.loopback > 0) {
        herald_error_set(error, -EAGAIN, "nothing arrived: only lo is joined, so only this host could be heard%s%s",
                         view.troubled > 0 ? "; " : "", view.troubles);
        if (view.troubled > 0)
            herald_error_advise(error, "%s", view.advice);
        else
            advise_command(listener, error);
    } else if (view.working == 0 || herald_receiver_interfaces(listener->receiver, NULL, 0) == 0) {
        herald_error_set(error, -EAGAIN, "nothing arrived: no interface is joined");
        herald_error_advise(error, "ip link show");
    } else if (named && view.troubled > 0) {
        herald_error_set(error, -EAGAIN, "nothing arrived: %s; elsewhere most likely nobody sends", view.troubles);
        herald_error_advise(error, "%s", view.advice);
    } else if (!find_counted(listener, error)) {
        describe_nobody(listener, error);
        advise_command(listener, error);
    }
}

void listen_report_silence(struct listener *listener)
{
    struct herald_receiver_stats stats;
    struct herald_error error;

    herald_receiver_stats(listener->receiver, &stats);
    find_cause(listener, &stats, &error);
    options_report(&listener->messages, &error, STATUS_NOTHING);
}
