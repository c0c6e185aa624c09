/* SPDX-License-Identifier: MIT */
/* The chains of nftables through which packets pass, and which of them may drop some. Only reads. CAP_NET_ADMIN. */
#ifndef HD_DOCTOR_RULES_H
#define HD_DOCTOR_RULES_H

#include "examination.h"

enum {
    HD_CHAINS_MAX = 64,
    HD_CHAIN_NAME_BYTES = 64,
};

/* Where a chain stands in a packet's way. */
enum hd_chain_place {
    HD_PLACE_IN,    /* ingress, prerouting, input */
    HD_PLACE_OUT,   /* output, postrouting, egress */
    HD_PLACE_OTHER, /* forward */
};

struct hd_chain {
    const char *family; /* "ip", "ip6", "inet", "netdev" */
    char table[HD_CHAIN_NAME_BYTES];
    char name[HD_CHAIN_NAME_BYTES];
    enum hd_chain_place place;
    bool may_drop; /* by its policy, or by a rule, here or in a chain that it calls */
};

struct hd_chains {
    struct hd_chain items[HD_CHAINS_MAX]; /* base chains only */
    size_t count;
};

/* Reads them. @return 0; -EPERM; another -errno. None at all is no error. */
int hd_chains_read(struct hd_chains *ret_chains);

/*
 * The commands that let `match` pass in every chain of that place that may drop it, joined by &&. Chains of `family`
 * or of both families count. @return how many; 0, -E2BIG (too many for the text): `ret_text` is untouched.
 */
int hd_chains_remedy(const struct hd_chains *chains, enum herald_family family, enum hd_chain_place place,
                     const char *match, char *ret_text);

/* "inet filter input", of the first of these. @return ret_text, "" if there is none. */
const char *hd_chains_name(const struct hd_chains *chains, enum herald_family family, enum hd_chain_place place,
                           char *ret_text);

#endif
