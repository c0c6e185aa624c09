/* SPDX-License-Identifier: MIT */
/* From what the counters say to where datagrams were lost: arithmetic and words, nothing of the system. */
#ifndef IO_LOSS_ATTRIBUTE_H
#define IO_LOSS_ATTRIBUTE_H

#include <herald/loss.h>

/* What is known. */
struct hd_loss_evidence {
    struct herald_loss_counters counters;
    uint64_t missing;   /* HERALD_LOSS_UNKNOWN */
    uint64_t datagrams; /* that were delivered meanwhile, and the packets that they came in: how many datagrams */
    uint64_t packets;   /* a lost packet is likely to have had */
    uint64_t socket_packet_max; /* the most datagrams in a packet that the sockets lost; at least 1 */
    uint64_t host_packet_max;   /* the same for what never got as far */
};

/* Fills in everything but interface, buffer and texts. */
void hd_loss_attribute(const struct hd_loss_evidence *evidence, struct herald_loss_report *ret_report);

/* What a receive buffer may be. */
struct hd_loss_limits {
    size_t asked_bytes;   /* by the program, if the kernel granted less; otherwise 0 */
    size_t allowed_bytes; /* net.core.rmem_max; 0: not known */
};

/* Fills in the texts of a report that has everything else. */
void hd_loss_describe(struct herald_loss_report *report, const struct hd_loss_limits *limits);

#endif
