/* SPDX-License-Identifier: MIT */
/* Whether the kernel lets packets of a source in: the reverse path filter, and addresses of our own. IPv4 only. */
#include "checks.h"
#include "examination.h"
#include "host.h"
#include "traffic.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* ---- asking the kernel ----------------------------------------------------------------------- */

/* Whether the kernel would let in what `source` sends to the group, on that interface, once the group is joined. */
static int ask(const struct hd_examination *examination, const struct herald_address *source, uint32_t interface_index)
{
    const struct hd_route_question question = {
        .destination = examination->facts.endpoint.group,
        .source = *source,
        .input_interface = interface_index,
    };
    struct hd_route_answer answer;

    return hd_host_route(&question, &answer);
}

/*
 * Whether the kernel lets anybody's packets in there: addresses next to ours, which are on the interface's own network.
 * One of them may be special (a broadcast address, another one of ours), all of them are not.
 */
static bool lets_neighbours_in(const struct hd_examination *examination, const struct herald_interface *interface)
{
    for (unsigned bit = 1; bit <= 4; bit <<= 1) {
        struct herald_address beside = interface->ipv4;

        beside.bytes[3] ^= (uint8_t)bit;
        if (beside.family == HERALD_FAMILY_IPV4 && ask(examination, &beside, interface->index) == 0)
            return true;
    }
    return false;
}

/*
 * The kernel refuses too where the group is not joined: a neighbour who is let in tells that apart. With two interfaces
 * on one network there may be none, for their routes lead to the other one.
 * @return 1 it drops what comes from there; 0 it does not, or nobody can tell.
 */
static int is_dropped(const struct hd_examination *examination, const struct herald_address *source,
                      const struct herald_interface *interface)
{
    return ask(examination, source, interface->index) == -EINVAL && lets_neighbours_in(examination, interface);
}

/* The same, with the group joined there for that moment: then the kernel refuses for the source alone. */
static int is_dropped_when_joined(const struct hd_examination *examination, const struct herald_address *source,
                                  const struct herald_interface *interface)
{
    const char *name = interface->name;
    struct herald_endpoint endpoint = examination->facts.endpoint;
    const struct herald_receiver_config config = {
        .endpoints = &endpoint,
        .endpoint_count = 1,
        .interfaces = &name,
        .interface_count = 1,
    };
    herald_receiver *receiver;
    struct herald_error error;
    int result;

    endpoint.group_count = 1;
    endpoint.source = (struct herald_address){ .family = HERALD_FAMILY_NONE };
    /* The port does not matter, and another one is in nobody's way. */
    endpoint.port = endpoint.port == UINT16_MAX ? 1024 : (uint16_t)(endpoint.port + 1);
    result = herald_receiver_new(&receiver, &config, &error);
    if (result < 0)
        return result;
    result = ask(examination, source, interface->index) == -EINVAL;
    (void)herald_receiver_free(receiver);
    return result;
}

/* ---- the reverse path filter ----------------------------------------------------------------- */

/* The setting that counts is the larger of the two; -1: unknown. */
static int64_t filter_mode(const char *interface)
{
    int64_t all;
    int64_t own;

    if (hd_host_setting(&all, "net/ipv4/conf/all/rp_filter") < 0 ||
        hd_host_setting(&own, "net/ipv4/conf/%s/rp_filter", interface) < 0)
        return -1;
    return all > own ? all : own;
}

static const char *mode_text(int64_t mode)
{
    return mode == 0 ? "off" : mode == 1 ? "1 (strict)" : mode == 2 ? "2 (loose)" : "unknown";
}

/* Whether there is any way back to the source. */
static bool has_route(const struct herald_address *source)
{
    const struct hd_route_question question = { .destination = *source };
    struct hd_route_answer answer;

    return hd_host_route(&question, &answer) == 0;
}

static void report_filter(struct hd_examination *examination, const struct hd_check *check,
                          const struct herald_address *source, const struct herald_interface *interface)
{
    struct herald_finding *finding = hd_report(examination, check, HERALD_FINDING_FAULT, interface->name);
    bool route = has_route(source);
    int64_t mode = filter_mode(interface->name);
    char address[HERALD_ADDRESS_TEXT_BYTES];
    char name[HD_WORD_BYTES];

    hd_address_text(source, address);
    hd_word(interface->name, name);
    if (mode == 0) {
        hd_say(finding->seen, "the kernel takes packets from %s on %s for forged", address, interface->name);
        hd_say(finding->meaning, "no host may send from such an address");
        hd_say(finding->remedy, "give the sender a proper address");
        return;
    }
    hd_say(finding->seen, "rp_filter is %s on %s, and %s", mode_text(mode), interface->name,
           route ? "the way back to the source leads elsewhere" : "there is no route back to the source");
    hd_say(finding->meaning, "packets from %s are dropped before any program sees them", address);
    if (route && mode == 1 && strchr(name, '.') == NULL)
        hd_say(finding->remedy, "sysctl -w net.ipv4.conf.%s.rp_filter=2", name);
    else if (route && mode == 1)
        hd_say(finding->remedy, "sysctl -w net/ipv4/conf/%s/rp_filter=2", name);
    else
        hd_say(finding->remedy, "ip route add %s/32 dev %s", address, name);
    finding->remedy_is_command = true;
}

/* The counter tells that something was dropped, but neither what nor where. */
static bool report_counter(struct hd_examination *examination, const struct hd_check *check,
                           const struct hd_traffic *traffic)
{
    struct herald_finding *finding;

    if (hd_traffic_heard(traffic) > 0 || traffic->saw_wire || !traffic->compared ||
        traffic->member.reverse_path <= 2 * traffic->absent.reverse_path)
        return false;
    finding = hd_report(examination, check, HERALD_FINDING_FAULT, NULL);
    hd_say(finding->seen, "the reverse path filter dropped %llu packets while the group was joined, %llu without it",
           (unsigned long long)traffic->member.reverse_path, (unsigned long long)traffic->absent.reverse_path);
    hd_say(finding->meaning, "packets to the group come in, but from addresses to which another interface leads, or "
                             "none: no program sees them");
    hd_say(finding->remedy, "sysctl -w net.ipv4.conf.all.rp_filter=2");
    finding->remedy_is_command = true;
    return true;
}

/* Who was seen on the wire, but not heard. @return whether one of them is dropped by the filter. */
static bool report_seen(struct hd_examination *examination, const struct hd_check *check,
                        const struct hd_traffic *traffic)
{
    for (size_t i = 0; i < traffic->stream_count; i++) {
        const struct hd_stream *stream = &traffic->streams[i];
        const struct herald_interface *interface = hd_interface_by_index(examination, stream->interface_index);

        if (stream->wire_count == 0 || interface == NULL || hd_traffic_hears(traffic, &stream->source) ||
            hd_is_own_address(&stream->source))
            continue;
        if (is_dropped_when_joined(examination, &stream->source, interface) == 1) {
            report_filter(examination, check, &stream->source, interface);
            return true;
        }
    }
    return false;
}

/* Whether it is clear by which interface packets would come in: the user names it, or there is but one. */
static bool is_only_way(const struct hd_examination *examination)
{
    size_t count = 0;

    for (size_t i = 0; i < examination->interface_count; i++)
        count += hd_interface_works(&examination->interfaces[i]);
    return count == 1 || examination->facts.reason == HERALD_INTERFACE_BY_REQUEST;
}

int hd_check_rp_filter(struct hd_examination *examination, const struct hd_check *check)
{
    const struct herald_doctor_facts *facts = &examination->facts;
    const struct hd_traffic *traffic = NULL;
    int64_t mode = filter_mode(facts->interface.name);
    char source[HERALD_ADDRESS_TEXT_BYTES];
    int result;

    if (facts->endpoint_given && !examination->passive) {
        result = hd_traffic_watch(examination, &traffic);
        if (result < 0)
            return result;
        if (report_seen(examination, check, traffic))
            return 0;
    }
    if (facts->remote_source.family != HERALD_FAMILY_NONE && is_only_way(examination) &&
        (traffic == NULL || !hd_traffic_hears(traffic, &facts->remote_source))) {
        result = examination->passive ? is_dropped(examination, &facts->remote_source, &facts->interface)
                                      : is_dropped_when_joined(examination, &facts->remote_source, &facts->interface);
        if (result == 1) {
            report_filter(examination, check, &facts->remote_source, &facts->interface);
            return 0;
        }
        if (result == 0) {
            hd_report_ok(examination, check, facts->interface.name, "%s on %s: %s passes", mode_text(mode),
                         facts->interface.name, hd_address_text(&facts->remote_source, source));
            return 0;
        }
    }
    if (traffic == NULL || !report_counter(examination, check, traffic))
        hd_report_ok(examination, check, facts->interface.name, "%s on %s%s", mode_text(mode), facts->interface.name,
                     traffic != NULL ? ", dropped nothing" : "");
    return 0;
}

/* ---- our own address ------------------------------------------------------------------------- */

static void report_own(struct hd_examination *examination, const struct hd_check *check,
                       const struct herald_address *source, const struct herald_interface *interface)
{
    struct herald_finding *finding = hd_report(examination, check, HERALD_FINDING_FAULT, interface->name);
    char address[HERALD_ADDRESS_TEXT_BYTES];
    char name[HD_WORD_BYTES];

    hd_address_text(source, address);
    hd_word(interface->name, name);
    hd_say(finding->seen, "%s is an address of this host: the kernel drops what comes from it on %s", address,
           interface->name);
    hd_say(finding->meaning,
           "a program here that joined on %s alone does not hear what this host sends by another "
           "interface",
           interface->name);
    hd_say(finding->remedy, "sysctl -w net%cipv4%cconf%c%s%caccept_local=1", strchr(name, '.') ? '/' : '.',
           strchr(name, '.') ? '/' : '.', strchr(name, '.') ? '/' : '.', name, strchr(name, '.') ? '/' : '.');
    finding->remedy_is_command = true;
}

/* An own address that should be heard on the named interface: the endpoint's, or one that was seen there. */
static bool find_own(const struct hd_examination *examination, const struct hd_traffic *traffic,
                     struct herald_address *ret_source)
{
    const struct herald_doctor_facts *facts = &examination->facts;
    const struct herald_address *source = &facts->endpoint.source;

    if (source->family != HERALD_FAMILY_NONE && hd_is_own_address(source) &&
        !herald_address_equal(source, &facts->interface.ipv4)) {
        *ret_source = *source;
        return true;
    }
    for (size_t i = 0; i < traffic->stream_count; i++) {
        const struct hd_stream *stream = &traffic->streams[i];

        if (stream->interface_index == facts->interface.index && stream->wire_count > 0 && stream->heard_count == 0 &&
            hd_is_own_address(&stream->source)) {
            *ret_source = stream->source;
            return true;
        }
    }
    return false;
}

int hd_check_own_source(struct hd_examination *examination, const struct hd_check *check)
{
    const struct herald_doctor_facts *facts = &examination->facts;
    const struct hd_traffic *traffic;
    struct herald_address source;
    int result = hd_traffic_watch(examination, &traffic);

    /* Who joins on all interfaces hears it on the one that it leaves by. */
    if (result < 0 || facts->reason != HERALD_INTERFACE_BY_REQUEST || !find_own(examination, traffic, &source))
        return result;
    result = is_dropped_when_joined(examination, &source, &facts->interface);
    if (result == 1)
        report_own(examination, check, &source, &facts->interface);
    return result < 0 ? result : 0;
}
