/* SPDX-License-Identifier: MIT */
#include "loss_attribute.h"
#include "loss_counters.h"
#include "receiver.h"
#include "sockopt.h"

#include <herald/interface.h>
#include <herald/loss.h>

#include <errno.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

/* The state of everything that is counted. */
struct snapshot {
    struct hd_counts counts;
    struct hd_loss_links links;
    bool has_links; /* they could be read */
    uint64_t socket_drops;
    uint64_t datagrams, packets; /* delivered; of a receiver only */
};

struct herald_loss {
    herald_receiver *receiver; /* NULL: fd */
    int fd;
    bool filtered; /* of the fd */
    bool coalesced;
    char (*names)[HERALD_INTERFACE_NAME_BYTES]; /* of the fd; names, since an interface may be made again */
    size_t name_count;
    struct snapshot start;
};

/* ---- the socket of somebody else ------------------------------------------------------------- */

static int socket_int(int fd, int level, int name, int otherwise)
{
    int value = otherwise;
    socklen_t length = sizeof(value);

    return getsockopt(fd, level, name, &value, &length) < 0 ? otherwise : value;
}

/* Asking for the filter with no room for it yields its length; one in eBPF is not shown, but is there. */
static bool has_filter(int fd)
{
    socklen_t length = 0;

    if (getsockopt(fd, SOL_SOCKET, SO_GET_FILTER, NULL, &length) < 0)
        return errno == EACCES;
    return length > 0;
}

static int check_socket(const struct herald_loss_config *config, struct herald_error *error)
{
    int type = 0;
    socklen_t length = sizeof(type);

    if (getsockopt(config->fd, SOL_SOCKET, SO_TYPE, &type, &length) < 0)
        return herald_error_set(error, -errno, "descriptor %d is no socket: %s", config->fd, strerror(errno));
    if (type != SOCK_DGRAM || socket_int(config->fd, SOL_SOCKET, SO_PROTOCOL, 0) != IPPROTO_UDP)
        return herald_error_set(error, -EINVAL, "descriptor %d is no UDP socket", config->fd);
    return 0;
}

static int open_socket(struct herald_loss *loss, const struct herald_loss_config *config, struct herald_error *error)
{
    int r = check_socket(config, error);

    if (r < 0)
        return r;
    loss->fd = config->fd;
    if (config->interface_count == 0)
        return 0;
    loss->names = calloc(config->interface_count, sizeof(*loss->names));
    if (loss->names == NULL)
        return herald_error_set(error, -ENOMEM, "out of memory");
    for (size_t i = 0; i < config->interface_count; i++) {
        struct herald_interface interface;

        r = herald_interface_find(config->interfaces[i], &interface, error);
        if (r < 0)
            return r;
        memcpy(loss->names[loss->name_count++], interface.name, sizeof(interface.name));
    }
    return 0;
}

/* ---- snapshots ------------------------------------------------------------------------------- */

static void clear_snapshot(struct snapshot *snapshot)
{
    hd_loss_links_clear(&snapshot->links);
}

/* Sockets first: a datagram that is dropped meanwhile counts for all, or for the host only. */
static int take_snapshot(struct herald_loss *loss, struct snapshot *ret_snapshot)
{
    struct snapshot snapshot = { 0 };
    int r;

    if (loss->receiver != NULL) {
        snapshot.socket_drops = hd_receiver_drops(loss->receiver);
        snapshot.datagrams = loss->receiver->stats.datagrams;
        snapshot.packets = loss->receiver->stats.runs;
    } else {
        snapshot.socket_drops = hd_socket_drops(loss->fd);
        /* They may have been set since the last time. */
        loss->filtered = has_filter(loss->fd);
        loss->coalesced = socket_int(loss->fd, IPPROTO_UDP, UDP_GRO, 0) != 0;
    }
    r = hd_counts_read(&snapshot.counts);
    if (r == 0) {
        int read = hd_loss_links_read(&snapshot.links);

        snapshot.has_links = read >= 0;
        r = read == -ENOMEM ? read : 0;
    }
    if (r < 0) {
        clear_snapshot(&snapshot);
        return r;
    }
    *ret_snapshot = snapshot;
    return 0;
}

int herald_loss_new(herald_loss **ret_loss, const struct herald_loss_config *config, struct herald_error *error)
{
    struct herald_loss *loss = calloc(1, sizeof(*loss));
    int r = 0;

    if (loss == NULL)
        return herald_error_set(error, -ENOMEM, "out of memory");
    loss->receiver = config->receiver;
    loss->fd = -1;
    if (loss->receiver == NULL)
        r = open_socket(loss, config, error);
    if (r == 0 && (r = take_snapshot(loss, &loss->start)) < 0)
        herald_error_set(error, r, "cannot read the kernel's counters: %s", strerror(-r));
    if (r < 0) {
        herald_loss_free(loss);
        return r;
    }
    *ret_loss = loss;
    return 0;
}

herald_loss *herald_loss_free(herald_loss *loss)
{
    if (loss == NULL)
        return NULL;
    clear_snapshot(&loss->start);
    free(loss->names);
    free(loss);
    return NULL;
}

int herald_loss_restart(herald_loss *loss)
{
    struct snapshot snapshot;
    int r = take_snapshot(loss, &snapshot);

    if (r < 0)
        return r;
    clear_snapshot(&loss->start);
    loss->start = snapshot;
    return 0;
}

/* ---- what has grown -------------------------------------------------------------------------- */

/* A counter that became smaller was reset, or is of an interface that was made again. */
static uint64_t growth(uint64_t before, uint64_t after)
{
    return after > before ? after - before : 0;
}

static bool is_joined_on(const struct herald_loss *loss, const struct hd_loss_link *link)
{
    const struct herald_receiver *receiver = loss->receiver;

    for (size_t i = 0; receiver != NULL && i < receiver->attachment_count; i++)
        if (receiver->attachments[i].index == link->index && receiver->attachments[i].memberships > 0)
            return true;
    for (size_t i = 0; i < loss->name_count; i++)
        if (strcmp(loss->names[i], link->name) == 0)
            return true;
    return receiver == NULL && loss->name_count == 0 && !link->loopback;
}

/* One that is new has counted since it was made, so all that it has counted is new. */
static void compare_links(const struct herald_loss *loss, const struct hd_loss_links *now,
                          struct herald_loss_counters *counters, char interface[HERALD_INTERFACE_NAME_BYTES])
{
    bool *marks = calloc(now->count + 1, sizeof(*marks));
    uint64_t most = 0;

    if (marks == NULL)
        return;
    for (size_t i = 0; i < now->count; i++)
        marks[i] = is_joined_on(loss, &now->items[i]);
    hd_loss_links_mark_below(now, marks);
    for (size_t i = 0; i < now->count; i++) {
        const struct hd_loss_link *link = &now->items[i];
        const struct hd_loss_link *before = hd_loss_links_find(&loss->start.links, link->index);
        uint64_t errors = growth(before != NULL ? before->errors : 0, link->errors);
        uint64_t dropped = growth(before != NULL ? before->dropped : 0, link->dropped);

        if (!marks[i])
            continue;
        counters->nic_errors += errors;
        counters->nic_dropped += dropped;
        if (errors + dropped > most) {
            most = errors + dropped;
            memcpy(interface, link->name, HERALD_INTERFACE_NAME_BYTES);
        }
    }
    free(marks);
}

static uint64_t count_growth(const struct herald_loss *loss, const struct snapshot *now, enum hd_count count)
{
    return growth(loss->start.counts.values[count], now->counts.values[count]);
}

/* Of what came to IP, what is neither delivered nor counted as refused for any reason. */
static uint64_t vanished(const struct herald_loss *loss, const struct snapshot *now)
{
    uint64_t known = count_growth(loss, now, HD_COUNT_IP_DELIVERED) + count_growth(loss, now, HD_COUNT_IP_HEADER) +
                     count_growth(loss, now, HD_COUNT_IP_DISCARDS) + count_growth(loss, now, HD_COUNT_IP_UNWANTED) +
                     count_growth(loss, now, HD_COUNT_IP_REVERSE_PATH);

    /* Fragments: as many were received, one datagram is delivered. */
    known += growth(count_growth(loss, now, HD_COUNT_IP_REASSEMBLED), count_growth(loss, now, HD_COUNT_IP_FRAGMENTS));
    return growth(known, count_growth(loss, now, HD_COUNT_IP_RECEIVED));
}

static void compare(const struct herald_loss *loss, const struct snapshot *now, struct herald_loss_counters *counters,
                    char interface[HERALD_INTERFACE_NAME_BYTES])
{
    *counters = (struct herald_loss_counters){
        .socket_drops = growth(loss->start.socket_drops, now->socket_drops),
        .udp_buffer_errors = count_growth(loss, now, HD_COUNT_UDP_BUFFER),
        .udp_memory_errors = count_growth(loss, now, HD_COUNT_UDP_MEMORY),
        .udp_errors = count_growth(loss, now, HD_COUNT_UDP_ERRORS),
        .udp_checksum = count_growth(loss, now, HD_COUNT_UDP_CHECKSUM),
        .udp_ignored = count_growth(loss, now, HD_COUNT_UDP_IGNORED),
        .ip_header = count_growth(loss, now, HD_COUNT_IP_HEADER),
        .ip_discards = count_growth(loss, now, HD_COUNT_IP_DISCARDS),
        .ip_reassembly = count_growth(loss, now, HD_COUNT_IP_REASSEMBLY_FAILS),
        .ip_reverse_path = count_growth(loss, now, HD_COUNT_IP_REVERSE_PATH),
        .ip_vanished = vanished(loss, now),
        .ip_forwarded = count_growth(loss, now, HD_COUNT_IP_FORWARDED),
        .backlog_drops = count_growth(loss, now, HD_COUNT_BACKLOG_DROPS),
        .backlog_squeezes = count_growth(loss, now, HD_COUNT_BACKLOG_SQUEEZES),
        .is_filtered = loss->receiver != NULL ? loss->receiver->plan.first_nibbles != 0 : loss->filtered,
        .is_coalesced = loss->receiver != NULL ? loss->receiver->plan.gro : loss->coalesced,
    };
    compare_links(loss, &now->links, counters, interface);
}

/* ---- the report ------------------------------------------------------------------------------ */

/* How many datagrams a packet may have had. */
static void judge_packets(const struct herald_loss *loss, const struct snapshot *now, struct hd_loss_evidence *evidence)
{
    evidence->host_packet_max = HERALD_LOSS_PACKET_DATAGRAMS_MAX;
    evidence->socket_packet_max = 1;
    if (evidence->counters.is_coalesced) {
        evidence->socket_packet_max = HERALD_LOSS_PACKET_DATAGRAMS_MAX;
        if (loss->receiver != NULL && loss->receiver->longest_run > 0)
            evidence->socket_packet_max = evidence->host_packet_max = loss->receiver->longest_run;
        evidence->datagrams = growth(loss->start.datagrams, now->datagrams);
        evidence->packets = growth(loss->start.packets, now->packets);
    }
}

static void read_buffer(const struct herald_loss *loss, struct herald_loss_report *report,
                        struct hd_loss_limits *ret_limits)
{
    int granted;

    *ret_limits = (struct hd_loss_limits){ .allowed_bytes = hd_counts_read_buffer_max() };
    if (loss->receiver != NULL) {
        report->receive_buffer_bytes = loss->receiver->plan.granted_bytes;
        if (loss->receiver->plan.receive_buffer_bytes > report->receive_buffer_bytes)
            ret_limits->asked_bytes = loss->receiver->plan.receive_buffer_bytes;
        return;
    }
    granted = socket_int(loss->fd, SOL_SOCKET, SO_RCVBUF, 0);
    report->receive_buffer_bytes = granted > 0 ? (size_t)granted / 2 : 0; /* reported as twice what was asked */
}

/* What could not be read at the start (no descriptor left, say) begins now, not with the host's own start. */
static void begin_late(struct herald_loss *loss, struct snapshot *now)
{
    if ((now->counts.files & ~loss->start.counts.files) != 0)
        loss->start.counts = now->counts;
    if (loss->start.has_links || !now->has_links)
        return;
    loss->start.links = now->links;
    loss->start.has_links = true;
    now->links = (struct hd_loss_links){ 0 };
}

int herald_loss_read(herald_loss *loss, uint64_t missing, struct herald_loss_report *ret_report)
{
    struct hd_loss_evidence evidence = { .missing = missing };
    char interface[HERALD_INTERFACE_NAME_BYTES] = "";
    struct snapshot now;
    struct hd_loss_limits limits;
    int r = take_snapshot(loss, &now);

    if (r < 0)
        return r;
    begin_late(loss, &now);
    compare(loss, &now, &evidence.counters, interface);
    judge_packets(loss, &now, &evidence);
    hd_loss_attribute(&evidence, ret_report);
    memcpy(ret_report->interface, interface, sizeof(interface));
    read_buffer(loss, ret_report, &limits);
    hd_loss_describe(ret_report, &limits);
    clear_snapshot(&now);
    return 0;
}
