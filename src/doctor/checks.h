/* SPDX-License-Identifier: MIT */
/* The functions of the table in checks.c. */
#ifndef HD_DOCTOR_CHECKS_H
#define HD_DOCTOR_CHECKS_H

#include "check.h"

/* check_interface.c: which interface, and whether it can */
int hd_check_zone(struct hd_examination *examination, const struct hd_check *check);
int hd_check_interface(struct hd_examination *examination, const struct hd_check *check);
int hd_check_address(struct hd_examination *examination, const struct hd_check *check);

/* check_route.c: where packets to the group would go, and how far */
int hd_check_route(struct hd_examination *examination, const struct hd_check *check);
int hd_check_wrong_interface(struct hd_examination *examination, const struct hd_check *check);
int hd_check_group(struct hd_examination *examination, const struct hd_check *check);
int hd_check_ttl(struct hd_examination *examination, const struct hd_check *check);

/* check_source.c: whose packets the kernel lets in */
int hd_check_rp_filter(struct hd_examination *examination, const struct hd_check *check);
int hd_check_own_source(struct hd_examination *examination, const struct hd_check *check);

/* check_firewall.c: what the firewall lets through */
int hd_check_firewall(struct hd_examination *examination, const struct hd_check *check);
int hd_check_firewall_replies(struct hd_examination *examination, const struct hd_check *check);
int hd_check_firewall_igmp(struct hd_examination *examination, const struct hd_check *check);

/* check_packets.c: what is lost on the way to a socket */
int hd_check_fragments(struct hd_examination *examination, const struct hd_check *check);
int hd_check_nic(struct hd_examination *examination, const struct hd_check *check);

/* check_sockets.c: the port, who else has it, and the buffer */
int hd_check_port_taken(struct hd_examination *examination, const struct hd_check *check);
int hd_check_port(struct hd_examination *examination, const struct hd_check *check);
int hd_check_reuseport(struct hd_examination *examination, const struct hd_check *check);
int hd_check_buffer(struct hd_examination *examination, const struct hd_check *check);

/* check_limits.c, check_membership.c: what this host may join and has joined, and in which version it says so */
int hd_check_limits(struct hd_examination *examination, const struct hd_check *check);
int hd_check_memberships(struct hd_examination *examination, const struct hd_check *check);
int hd_check_igmp_version(struct hd_examination *examination, const struct hd_check *check);
int hd_check_mld_version(struct hd_examination *examination, const struct hd_check *check);

/* check_place.c, check_querier.c, check_bridge.c, check_router.c, check_isolation.c, check_census.c: the network */
int hd_check_place(struct hd_examination *examination, const struct hd_check *check);
int hd_check_querier(struct hd_examination *examination, const struct hd_check *check);
int hd_check_bridge(struct hd_examination *examination, const struct hd_check *check);
int hd_check_router(struct hd_examination *examination, const struct hd_check *check);
int hd_check_isolation(struct hd_examination *examination, const struct hd_check *check);
int hd_check_census(struct hd_examination *examination, const struct hd_check *check);

/* check_peer.c, check_peer_size.c: another host, and the way there and back */
int hd_check_peer(struct hd_examination *examination, const struct hd_check *check);
int hd_check_peer_told(struct hd_examination *examination, const struct hd_check *check);
int hd_check_peer_unicast(struct hd_examination *examination, const struct hd_check *check);
int hd_check_peer_multicast(struct hd_examination *examination, const struct hd_check *check);
int hd_check_peer_replies(struct hd_examination *examination, const struct hd_check *check);
int hd_check_peer_back(struct hd_examination *examination, const struct hd_check *check);
int hd_check_peer_sizes(struct hd_examination *examination, const struct hd_check *check);
int hd_check_peer_burst(struct hd_examination *examination, const struct hd_check *check);
int hd_check_peer_long(struct hd_examination *examination, const struct hd_check *check);

#endif
