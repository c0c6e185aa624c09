/* SPDX-License-Identifier: MIT */
/* The kernel's counters of what it dropped, as far as an ordinary user may read them. */
#ifndef IO_LOSS_COUNTERS_H
#define IO_LOSS_COUNTERS_H

#include <herald/types.h>

/* What is counted for the whole network namespace, or host; IPv4 and IPv6 together. */
enum hd_count {
    HD_COUNT_UDP_BUFFER,
    HD_COUNT_UDP_MEMORY,
    HD_COUNT_UDP_ERRORS,
    HD_COUNT_UDP_CHECKSUM,
    HD_COUNT_UDP_IGNORED,
    HD_COUNT_IP_RECEIVED,
    HD_COUNT_IP_DELIVERED,
    HD_COUNT_IP_FORWARDED,
    HD_COUNT_IP_HEADER,
    HD_COUNT_IP_DISCARDS,
    HD_COUNT_IP_UNWANTED, /* no route, wrong address, unknown protocol */
    HD_COUNT_IP_REVERSE_PATH,
    HD_COUNT_IP_FRAGMENTS,
    HD_COUNT_IP_REASSEMBLED,
    HD_COUNT_IP_REASSEMBLY_FAILS,
    HD_COUNT_BACKLOG_DROPS,
    HD_COUNT_BACKLOG_SQUEEZES,
    HD_COUNT_MAX
};

struct hd_counts {
    uint64_t values[HD_COUNT_MAX];
    unsigned files; /* a bit for each that could be read */
};

/*
 * Each adds what a text holds to *counts. The texts are not trusted to be whole: what is not understood counts as 0.
 * snmp and netstat: pairs of lines "Udp: NAME...", "Udp: NUMBER...". snmp6: lines "NAME NUMBER". softnet_stat: a line
 * of hexadecimal numbers for each processor.
 */
void hd_counts_parse_pairs(struct hd_counts *counts, const char *text, size_t size_bytes);
void hd_counts_parse_lines(struct hd_counts *counts, const char *text, size_t size_bytes);
void hd_counts_parse_softnet(struct hd_counts *counts, const char *text, size_t size_bytes);

/* net.core.rmem_max; 0 if it cannot be read. */
size_t hd_counts_read_buffer_max(void);

/* Reads them all, of the calling thread's network namespace. What cannot be read counts as 0. @return 0; -ENOMEM. */
int hd_counts_read(struct hd_counts *ret_counts);

/* What an interface dropped, and what it stands upon. */
struct hd_loss_link {
    uint32_t index;
    uint32_t master; /* the bridge or bond that it is a part of; 0 */
    uint32_t lower;  /* what it sends by, if it is a VLAN, macvlan or the like of this namespace; 0 */
    bool loopback;
    char name[HERALD_INTERFACE_NAME_BYTES];
    uint64_t errors;
    uint64_t dropped;
};

struct hd_loss_links {
    struct hd_loss_link *items;
    size_t count;
    size_t room;
};

/* Reads all interfaces. @return 0; a negative errno, *ret_links then empty. */
int hd_loss_links_read(struct hd_loss_links *ret_links);
void hd_loss_links_clear(struct hd_loss_links *links);

/* The interface of that index; NULL. */
const struct hd_loss_link *hd_loss_links_find(const struct hd_loss_links *links, uint32_t index);

/* Marks in `marks`, one for each item, what lies below those marked: parts of bonds and bridges, carriers of VLANs. */
void hd_loss_links_mark_below(const struct hd_loss_links *links, bool *marks);

#endif
