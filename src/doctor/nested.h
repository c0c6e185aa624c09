/* SPDX-License-Identifier: MIT */
/* Attributes of nfnetlink: nested ones, numbers in network order, names. All input is the kernel's, and checked. */
#ifndef HD_DOCTOR_NESTED_H
#define HD_DOCTOR_NESTED_H

#include "rules.h"

#include <libmnl/libmnl.h>

/* The next attribute inside of `outer`, the first after NULL; NULL when there is none. */
const struct nlattr *hd_nested_next(const struct nlattr *outer, const struct nlattr *attribute);

/* The attributes inside of one, sorted by type into ret_table[0..max]; all NULL if there is no such one. */
void hd_nested_table(const struct nlattr *outer, const struct nlattr **ret_table, uint16_t max);

uint32_t hd_nested_be32(const struct nlattr *attribute, uint32_t otherwise);

/* A name; one that is too long, or that a shell or nft might misread, becomes "". */
void hd_nested_name(const struct nlattr *attribute, char ret_name[HD_CHAIN_NAME_BYTES]);

/* "inet" for NFPROTO_INET, as nft writes it; NULL for those that IP packets for this host do not pass. Static. */
const char *hd_chain_family(uint8_t family);

#endif
