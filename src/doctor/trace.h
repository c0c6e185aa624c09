/* SPDX-License-Identifier: MIT */
/*
 * Follows packets through nftables: a table of our own marks them before all others see them, and the kernel then tells
 * which rule they meet their end in. The table belongs to a socket (NFT_TABLE_F_OWNER), so that it vanishes with the
 * process however that ends; nobody else can change it, and it decides nothing. Needs CAP_NET_ADMIN.
 */
#ifndef HD_DOCTOR_TRACE_H
#define HD_DOCTOR_TRACE_H

#include "rules.h"

#include <libmnl/libmnl.h>

/* What is followed. */
struct hd_trace_match {
    enum herald_family family;
    uint8_t protocol; /* IPPROTO_UDP, ... */
    uint16_t port;    /* destination; 0: any */
};

struct hd_trace {
    struct mnl_socket *owner;  /* of the table */
    struct mnl_socket *events; /* what the kernel tells */
};

/* Where a packet was dropped. */
struct hd_trace_drop {
    const char *family; /* "inet" */
    char table[HD_CHAIN_NAME_BYTES];
    char chain[HD_CHAIN_NAME_BYTES];
    uint64_t handle; /* of the rule; 0: the chain's policy */
};

/* @return 0, to be closed; -errno. */
int hd_trace_open(const struct hd_trace_match *match, struct hd_trace *ret_trace);
void hd_trace_close(struct hd_trace *trace);

/* Waits for the first drop. @return 1 with *ret_drop; 0 none until then; -ECANCELED; another -errno. */
int hd_trace_wait(const struct hd_examination *examination, const struct hd_trace *trace, uint64_t deadline_ns,
                  struct hd_trace_drop *ret_drop);

#endif
