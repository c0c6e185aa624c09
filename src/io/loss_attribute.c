/* SPDX-License-Identifier: MIT */
#include "loss_attribute.h"

/* The mean number of datagrams in a packet is counted in sixteenths. */
enum { MEAN_UNIT = 16, HINT_SLACK = 4, HINT_LEAST = 10 };

static uint64_t min(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static uint64_t minus(uint64_t a, uint64_t b)
{
    return a > b ? a - b : 0;
}

static uint64_t plus(uint64_t a, uint64_t b)
{
    uint64_t sum;

    return __builtin_add_overflow(a, b, &sum) ? UINT64_MAX : sum;
}

static uint64_t times(uint64_t a, uint64_t b)
{
    uint64_t product;

    return __builtin_mul_overflow(a, b, &product) ? UINT64_MAX : product;
}

/* What is being divided up. */
struct division {
    const struct hd_loss_evidence *evidence;
    struct herald_loss_part *parts;
    uint64_t total; /* HERALD_LOSS_UNKNOWN */
    uint64_t left;  /* of the total, not explained yet */
};

/* Datagrams that so many lost packets are likely to have had. */
static uint64_t likely_datagrams(const struct hd_loss_evidence *evidence, uint64_t packets, uint64_t packet_max)
{
    uint64_t mean = MEAN_UNIT;

    if (evidence->packets > 0)
        mean = times(evidence->datagrams, MEAN_UNIT) / evidence->packets;
    if (mean < MEAN_UNIT)
        mean = MEAN_UNIT;
    if (mean > times(packet_max, MEAN_UNIT))
        mean = times(packet_max, MEAN_UNIT);
    return times(packets, mean) / MEAN_UNIT;
}

/* What a counter that others grow too says. Causes may have several. */
static void give_at_most(struct division *division, enum herald_loss_cause cause, uint64_t packets)
{
    uint64_t packet_max = division->evidence->host_packet_max;
    struct herald_loss_part *part = &division->parts[cause];
    uint64_t likely = min(likely_datagrams(division->evidence, packets, packet_max), division->left);

    part->most = min(plus(part->most, times(packets, packet_max)), division->total);
    part->likely += likely;
    if (division->left != HERALD_LOSS_UNKNOWN)
        division->left -= likely;
}

/*
 * What a counter says that grows for other reasons as well: all is possible, but it is only likely if it fits what is
 * not explained otherwise: IGMP alone, of other hosts on the LAN, makes dozens of packets that nobody here wants.
 */
static void give_hint(struct division *division, enum herald_loss_cause cause, uint64_t packets)
{
    uint64_t packet_max = division->evidence->host_packet_max;
    struct herald_loss_part *part = &division->parts[cause];
    uint64_t likely = likely_datagrams(division->evidence, packets, packet_max);

    if (division->left != HERALD_LOSS_UNKNOWN && likely >= HINT_LEAST &&
        likely >= division->left - division->left / 4 &&
        likely <= plus(division->left, division->left / 4 + HINT_SLACK)) {
        give_at_most(division, cause, packets);
        return;
    }
    part->most = min(plus(part->most, times(packets, packet_max)), division->total);
}

/* The sockets' own counts, which are certain but for what damaged or unwanted datagrams add to them. */
static uint64_t certain_packets(const struct herald_loss_counters *counters)
{
    if (counters->is_filtered)
        return 0;
    return min(minus(counters->socket_drops, plus(counters->udp_checksum, counters->udp_memory_errors)),
               HERALD_LOSS_UNKNOWN - 1);
}

static void give_receive_buffer(struct division *division)
{
    const struct herald_loss_counters *counters = &division->evidence->counters;
    uint64_t packet_max = division->evidence->socket_packet_max;
    struct herald_loss_part *part = &division->parts[HERALD_LOSS_RECEIVE_BUFFER];
    uint64_t certain = certain_packets(counters);
    uint64_t possible = counters->socket_drops;

    if (counters->is_filtered)
        certain = 0, possible = min(possible, counters->udp_buffer_errors);
    part->least = certain;
    part->most = min(times(possible, packet_max), division->total);
    part->likely = min(likely_datagrams(division->evidence, counters->is_filtered ? possible : certain, packet_max),
                       part->most);
    if (part->likely < part->least)
        part->likely = part->least;
    if (division->left != HERALD_LOSS_UNKNOWN)
        division->left = minus(division->left, part->likely);
}

/* What nothing explains. */
static void give_network(struct division *division)
{
    struct herald_loss_part *part = &division->parts[HERALD_LOSS_NETWORK];
    uint64_t explained = 0;

    if (division->total == HERALD_LOSS_UNKNOWN) {
        part->most = HERALD_LOSS_UNKNOWN;
        return;
    }
    for (int i = 0; i < HERALD_LOSS_CAUSE_COUNT; i++)
        explained = plus(explained, division->parts[i].most);
    part->least = minus(division->total, explained);
    part->most = minus(division->total, division->parts[HERALD_LOSS_RECEIVE_BUFFER].least);
    part->likely = division->left;
}

static enum herald_loss_cause find_main(const struct herald_loss_part *parts)
{
    enum herald_loss_cause cause = HERALD_LOSS_NETWORK;

    for (int i = 1; i < HERALD_LOSS_CAUSE_COUNT; i++)
        if (parts[i].likely > 0 && parts[i].likely >= parts[cause].likely)
            cause = (enum herald_loss_cause)i;
    return cause;
}

void hd_loss_attribute(const struct hd_loss_evidence *evidence, struct herald_loss_report *ret_report)
{
    const struct herald_loss_counters *counters = &evidence->counters;
    uint64_t certain = certain_packets(counters);
    bool known = evidence->missing != HERALD_LOSS_UNKNOWN;
    struct division division = { .evidence = evidence, .parts = ret_report->parts };

    *ret_report = (struct herald_loss_report){
        .missing_is_known = known,
        .missing = known ? evidence->missing : 0,
        .counters = *counters,
    };
    ret_report->lost = ret_report->missing > certain ? ret_report->missing : certain;
    division.total = division.left = known ? ret_report->lost : HERALD_LOSS_UNKNOWN;
    give_receive_buffer(&division);
    give_at_most(&division, HERALD_LOSS_MEMORY, plus(counters->udp_memory_errors, counters->ip_discards));
    give_at_most(&division, HERALD_LOSS_CHECKSUM, plus(counters->udp_checksum, counters->ip_header));
    give_at_most(&division, HERALD_LOSS_FRAGMENTS, counters->ip_reassembly);
    give_at_most(&division, HERALD_LOSS_RP_FILTER, counters->ip_reverse_path);
    give_at_most(&division, HERALD_LOSS_BACKLOG, counters->backlog_drops);
    give_at_most(&division, HERALD_LOSS_NIC, counters->nic_errors);
    give_hint(&division, HERALD_LOSS_NIC, minus(counters->nic_dropped, counters->backlog_drops));
    give_hint(&division, HERALD_LOSS_FIREWALL, counters->ip_vanished);
    give_network(&division);
    ret_report->main_cause = find_main(ret_report->parts);
}
