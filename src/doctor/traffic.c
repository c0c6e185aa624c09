/* SPDX-License-Identifier: MIT */
#include "traffic.h"

#include "cursor.h"
#include "devices.h"
#include "group_wire.h"
#include "host.h"

#include <herald/socket.h>

#include <errno.h>
#include <linux/if_packet.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    WATCH_SECONDS = 1,
    WATCH_LONG_SECONDS = 10,
    SETTLE_MS = 100,     /* until a network card has taken over its new filter, and what was under way has come */
    FILTERED_MIN = 5,    /* fewer may have come by chance when the card was told to take all groups */
    PACKETS_MAX = 50000, /* enough is known then, however fast they come */
};

/* ---- counters -------------------------------------------------------------------------------- */

static void count_ipv4(struct hd_host_counts *counts)
{
    char *text;

    if (hd_host_read_all("/proc/net/netstat", &text) >= 0) {
        (void)hd_host_find_counter(text, "TcpExt", "IPReversePathFilter", &counts->reverse_path);
        free(text);
    }
    if (hd_host_read_all("/proc/net/snmp", &text) >= 0) {
        (void)hd_host_find_counter(text, "Udp", "IgnoredMulti", &counts->ignored);
        (void)hd_host_find_counter(text, "Ip", "ReasmReqds", &counts->fragments);
        (void)hd_host_find_counter(text, "Ip", "ReasmOKs", &counts->reassembled);
        free(text);
    }
}

static void count_ipv6(struct hd_host_counts *counts)
{
    char *text;

    if (hd_host_read_all("/proc/net/snmp6", &text) < 0)
        return;
    (void)hd_host_find_counter(text, NULL, "Udp6IgnoredMulti", &counts->ignored);
    (void)hd_host_find_counter(text, NULL, "Ip6ReasmReqds", &counts->fragments);
    (void)hd_host_find_counter(text, NULL, "Ip6ReasmOKs", &counts->reassembled);
    free(text);
}

static struct hd_host_counts count(const struct hd_examination *examination)
{
    struct hd_host_counts counts = { .reverse_path = 0 };

    if (hd_is_ipv6(examination))
        count_ipv6(&counts);
    else
        count_ipv4(&counts);
    return counts;
}

static struct hd_host_counts growth(const struct hd_host_counts *before, const struct hd_host_counts *after)
{
    return (struct hd_host_counts){
        .reverse_path = after->reverse_path - before->reverse_path,
        .ignored = after->ignored - before->ignored,
        .fragments = after->fragments - before->fragments,
        .reassembled = after->reassembled - before->reassembled,
    };
}

/* ---- streams --------------------------------------------------------------------------------- */

/* The stream, a new one if need be; NULL when there are too many. */
static struct hd_stream *find_stream(struct hd_traffic *traffic, const struct herald_address *source, uint16_t port,
                                     uint32_t interface_index)
{
    struct hd_stream *stream;

    for (size_t i = 0; i < traffic->stream_count; i++) {
        stream = &traffic->streams[i];
        if (stream->port == port && stream->interface_index == interface_index &&
            herald_address_equal(&stream->source, source))
            return stream;
    }
    if (traffic->stream_count == HD_STREAMS_MAX)
        return NULL;
    stream = &traffic->streams[traffic->stream_count++];
    *stream = (struct hd_stream){ .source = *source, .port = port, .interface_index = interface_index };
    return stream;
}

/* @return how many datagrams were taken; a negative errno. */
static int take_heard(struct hd_traffic *traffic, herald_receiver *receiver, uint16_t port)
{
    struct herald_run runs[HERALD_RUNS_MAX];
    int count = herald_receiver_process(receiver, herald_clock_ns()); /* interfaces may change meanwhile */
    int taken = 0;

    if (count >= 0)
        count = herald_receiver_receive(receiver, runs, HERALD_RUNS_MAX);
    for (int i = 0; i < count; i++) {
        struct hd_stream *stream = find_stream(traffic, &runs[i].source.address, port, runs[i].source.interface_index);

        if (stream != NULL)
            stream->heard_count += herald_run_count(&runs[i]);
        taken += (int)herald_run_count(&runs[i]);
    }
    return count < 0 ? count : taken;
}

static int take_wire(struct hd_traffic *traffic, int fd)
{
    struct hd_wire_packet packet;
    int taken = 0;

    while (taken < 1000 && hd_wire_take(fd, &packet) > 0) {
        struct hd_stream *stream = find_stream(traffic, &packet.source, packet.port, packet.interface_index);

        taken++;
        if (stream == NULL)
            continue;
        stream->wire_count++;
        stream->fragment_count += packet.fragment;
    }
    return taken;
}

/* ---- the watch ------------------------------------------------------------------------------- */

static int wait_for_either(const struct hd_examination *examination, herald_receiver *receiver, int wire_fd,
                           uint64_t deadline_ns)
{
    /* The wire shows everything that the receiver gets, and more: who waits for the one waits for both. */
    return hd_wait(examination, wire_fd >= 0 ? wire_fd : herald_receiver_fd(receiver), deadline_ns);
}

static int watch_joined(struct hd_examination *examination, struct hd_traffic *traffic, herald_receiver *receiver,
                        int wire_fd)
{
    uint64_t start_ns = herald_clock_ns();
    uint64_t duration_ns = traffic->duration_ns;
    const struct herald_loss_config config = { .receiver = receiver };
    struct hd_host_counts before = count(examination);
    struct hd_host_counts after;
    herald_loss *loss = NULL;
    int packets = 0;
    int result = herald_loss_new(&loss, &config, NULL);

    if (result < 0)
        return result;
    do {
        result = wait_for_either(examination, receiver, wire_fd, start_ns + duration_ns);
        if (result < 0)
            break;
        if (wire_fd >= 0)
            packets += take_wire(traffic, wire_fd);
        result = take_heard(traffic, receiver, examination->facts.endpoint.port);
        if (result < 0)
            break;
        packets += result;
    } while (herald_clock_ns() < start_ns + duration_ns && packets < PACKETS_MAX);
    /* What was on the wire just now may be on its way to the socket: not to be taken for lost. */
    while (result >= 0 && packets < 2 * PACKETS_MAX &&
           (result = take_heard(traffic, receiver, examination->facts.endpoint.port)) > 0)
        packets += result;
    after = count(examination);
    traffic->member = growth(&before, &after);
    if (result >= 0)
        result = herald_loss_read(loss, HERALD_LOSS_UNKNOWN, &traffic->loss);
    (void)herald_loss_free(loss);
    return result < 0 ? result : 0;
}

/* The same counters without a membership: what grows then too has nothing to do with the group. */
static int watch_absent(const struct hd_examination *examination, struct hd_traffic *traffic)
{
    struct hd_host_counts before = count(examination);
    struct hd_host_counts after;
    int result = hd_wait(examination, -1, herald_clock_ns() + traffic->duration_ns);

    if (result < 0)
        return result;
    after = count(examination);
    traffic->absent = growth(&before, &after);
    traffic->compared = true;
    return 0;
}

static bool looks_wrong(const struct hd_traffic *traffic)
{
    return hd_traffic_heard(traffic) == 0 && traffic->member.reverse_path + traffic->member.ignored > 0;
}

static int join(const struct hd_examination *examination, struct hd_traffic *traffic, herald_receiver **ret_receiver)
{
    struct herald_endpoint endpoint = examination->facts.endpoint;
    const struct herald_receiver_config config = {
        .endpoints = &endpoint,
        .endpoint_count = 1,
        .interfaces = &examination->config.interface,
        .interface_count = examination->config.interface != NULL ? 1 : 0,
        .keep_duplicates = true,
    };

    endpoint.group_count = 1;
    traffic->join_code = herald_receiver_new(ret_receiver, &config, &traffic->join_error);
    if (traffic->join_code == 0)
        traffic->join_error = (struct herald_error){ .code = 0 };
    return traffic->join_code;
}

/* ---- the filter of the network card ------------------------------------------------------------ */

/* A pair of virtual interfaces and a bridge have none. */
static bool may_filter(const struct hd_examination *examination)
{
    struct hd_devices devices = { .items = NULL };
    const struct hd_device *device;
    bool may;

    if (examination->facts.interface.loopback || hd_devices_read(&devices) < 0)
        return false;
    device = hd_devices_find(&devices, examination->facts.interface.index);
    may = device != NULL && strcmp(device->kind, "veth") != 0 && strcmp(device->kind, "bridge") != 0;
    hd_devices_free(&devices);
    return may;
}

/* What comes in by the examined interface in that time. @return how many, or a negative errno. */
static int count_wire(const struct hd_examination *examination, int wire_fd, uint64_t duration_ns)
{
    uint64_t deadline_ns = herald_clock_ns() + duration_ns;
    struct hd_wire_packet packet;
    int packets = 0;

    do {
        int result = hd_wait(examination, wire_fd, deadline_ns);

        if (result < 0)
            return result;
        if (result == 1 && hd_wire_take(wire_fd, &packet) > 0)
            packets += packet.interface_index == examination->facts.interface.index;
    } while (herald_clock_ns() < deadline_ns && packets < PACKETS_MAX);
    return packets;
}

/* A while with another filter, and what came by then. @return how many; a negative errno. */
static int count_with_filter(const struct hd_examination *examination, int wire_fd, bool every_group)
{
    struct packet_mreq membership = {
        .mr_ifindex = (int)examination->facts.interface.index,
        .mr_type = PACKET_MR_ALLMULTI,
    };
    int result;

    if (setsockopt(wire_fd, SOL_PACKET, every_group ? PACKET_ADD_MEMBERSHIP : PACKET_DROP_MEMBERSHIP, &membership,
                   sizeof membership) < 0)
        return -errno;
    result = count_wire(examination, wire_fd, SETTLE_MS * UINT64_C(1000000));
    return result < 0 ? result : count_wire(examination, wire_fd, WATCH_SECONDS * UINT64_C(1000000000));
}

/*
 * Nothing came, though the group is joined. If it comes while the card is told to take all groups, and not any more
 * when it is not, then its filter is at fault. The kernel takes back what the socket asked for when that is closed.
 */
static int watch_filter(const struct hd_examination *examination, struct hd_traffic *traffic, int wire_fd)
{
    int all = count_with_filter(examination, wire_fd, true);
    int chosen;

    if (all < FILTERED_MIN)
        return all == -ECANCELED ? all : 0;
    chosen = count_with_filter(examination, wire_fd, false);
    if (chosen == 0)
        traffic->filtered = (uint64_t)all;
    return chosen == -ECANCELED ? chosen : 0;
}

/* ---- all of it ------------------------------------------------------------------------------- */

static int watch(struct hd_examination *examination, struct hd_traffic *traffic)
{
    const struct herald_endpoint *endpoint = &examination->facts.endpoint;
    herald_receiver *receiver = NULL;
    int wire_fd = -1;
    int result = 0;

    traffic->duration_ns = (examination->config.long_watch ? WATCH_LONG_SECONDS : WATCH_SECONDS) * UINT64_C(1000000000);
    traffic->socket_count = hd_sockets_drops(endpoint->group.family, endpoint->port, traffic->dropped, HD_SOCKETS_MAX);
    /* The wire after the sockets: what is seen there before anybody has joined would be taken for lost. */
    (void)join(examination, traffic, &receiver);
    if (examination->facts.net_raw)
        wire_fd = hd_wire_open_group(&endpoint->group);
    traffic->saw_wire = wire_fd >= 0;
    if (receiver != NULL)
        result = watch_joined(examination, traffic, receiver, wire_fd);
    if (receiver != NULL && wire_fd >= 0 && result == 0 && traffic->stream_count == 0 && may_filter(examination))
        result = watch_filter(examination, traffic, wire_fd);
    (void)herald_receiver_free(receiver);
    if (wire_fd >= 0)
        close(wire_fd);
    if (result == 0 && looks_wrong(traffic))
        result = watch_absent(examination, traffic);
    return result;
}

int hd_traffic_watch(struct hd_examination *examination, const struct hd_traffic **ret_traffic)
{
    struct hd_traffic *traffic;
    int result;

    if (examination->traffic == NULL) {
        traffic = calloc(1, sizeof *traffic);
        if (traffic == NULL)
            return -ENOMEM;
        result = watch(examination, traffic);
        if (result < 0) {
            free(traffic);
            return result;
        }
        examination->traffic = traffic;
    }
    *ret_traffic = examination->traffic;
    return 0;
}

uint64_t hd_traffic_heard(const struct hd_traffic *traffic)
{
    uint64_t sum = 0;

    for (size_t i = 0; i < traffic->stream_count; i++)
        sum += traffic->streams[i].heard_count;
    return sum;
}

bool hd_traffic_hears(const struct hd_traffic *traffic, const struct herald_address *source)
{
    for (size_t i = 0; i < traffic->stream_count; i++) {
        if (traffic->streams[i].heard_count > 0 && herald_address_equal(&traffic->streams[i].source, source))
            return true;
    }
    return false;
}

uint64_t hd_traffic_dropped(const struct hd_traffic *traffic, const struct hd_socket *socket)
{
    if (traffic == NULL || traffic->socket_count < 0)
        return 0;
    for (int i = 0; i < traffic->socket_count && i < HD_SOCKETS_MAX; i++) {
        if (traffic->dropped[i].inode == socket->inode)
            return socket->drops > traffic->dropped[i].drops ? socket->drops - traffic->dropped[i].drops : 0;
    }
    return traffic->socket_count <= HD_SOCKETS_MAX ? socket->drops : 0; /* it is new */
}

void hd_traffic_free(struct hd_traffic *traffic)
{
    free(traffic);
}
