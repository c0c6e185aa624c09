/* SPDX-License-Identifier: MIT */
/*
 * How hosts and routers talk about memberships: IGMPv1 (RFC 1112), v2 (RFC 2236) and v3 (RFC 3376) for IPv4, MLDv1
 * (RFC 2710) and v2 (RFC 3810) for IPv6, read from packets and written into them. Pure: bytes in, facts out.
 */
#ifndef HD_DOCTOR_MEMBER_WIRE_H
#define HD_DOCTOR_MEMBER_WIRE_H

#include "cursor.h"

#include <herald/types.h>

/* Room for any packet that we write, with its IP header. */
enum { HD_MEMBER_PACKET_BYTES = 80 };

enum hd_member_kind {
    HD_MEMBER_QUERY,  /* from a router, or a switch in its place */
    HD_MEMBER_REPORT, /* from a member */
    HD_MEMBER_LEAVE,  /* from one that was: IGMPv2 and MLDv1; the later versions report it */
};

/* A record of a version 3 (MLD: 2) report: RFC 3376 section 4.2.12. */
enum hd_member_record_type {
    HD_RECORD_IS_INCLUDE = 1,
    HD_RECORD_IS_EXCLUDE = 2,
    HD_RECORD_TO_INCLUDE = 3,
    HD_RECORD_TO_EXCLUDE = 4,
    HD_RECORD_ALLOW = 5,
    HD_RECORD_BLOCK = 6,
};

struct hd_member_message {
    enum hd_member_kind kind;
    enum herald_family family;   /* IGMP or MLD */
    uint8_t version;             /* of IGMP 1 to 3, of MLD 1 or 2 */
    struct herald_address from;  /* whose packet it was; 0.0.0.0 for a switch without an address */
    struct herald_address group; /* of a query NONE: about all groups; NONE of a report with records */
    uint64_t response_ns;        /* of a query: how long members may take to answer; 0 in IGMPv1 */
    uint64_t interval_ns;        /* of a query of the latest version: how often it asks */
    uint8_t robustness;          /* of the same */
    uint16_t record_count;       /* not yet read by hd_member_next_record() */
    struct hd_cursor records;
};

struct hd_member_record {
    enum hd_member_record_type type;
    struct herald_address group;
    uint16_t source_count; /* not yet read by hd_member_next_source() */
    struct hd_cursor sources;
};

/*
 * Reads a packet from its IP header on. Borrows the bytes for as long as records are read.
 * @return 0; -ENOMSG: something else; -EBADMSG: malformed, or a wrong checksum.
 */
int hd_member_parse(const uint8_t *packet, size_t size_bytes, struct hd_member_message *ret_message);

/* The same of what stands behind the IP header, its checksum unchecked; ret_message->from becomes NONE. */
int hd_member_parse_igmp(struct hd_cursor body, struct hd_member_message *ret_message);
int hd_member_parse_mld(struct hd_cursor body, struct hd_member_message *ret_message);

/* @return 1 with *ret_record; 0 when there is none left; -EBADMSG. Records of unknown types are left out. */
int hd_member_next_record(struct hd_member_message *message, struct hd_member_record *ret_record);

/* @return 1 with *ret_source; 0 when there is none left. */
int hd_member_next_source(struct hd_member_record *record, struct herald_address *ret_source);

/* What we may say. */
enum hd_member_word {
    HD_SAY_QUERY,     /* general, of the latest version: everybody is to answer within response_ns */
    HD_SAY_ADVERTISE, /* here is a multicast router: reports are to come here too (RFC 4286) */
    HD_SAY_TERMINATE, /* no more */
};

/*
 * Writes the IP packet, to the group that it belongs to. IPv6 wants a link-local `from` (RFC 3810 section 5).
 * @return its length.
 */
size_t hd_member_write(enum hd_member_word word, const struct herald_address *from, uint64_t response_ns,
                       uint8_t ret_packet[HD_MEMBER_PACKET_BYTES]);

#endif
