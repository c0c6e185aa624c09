/* SPDX-License-Identifier: MIT */
/* The table: from the interface outwards. The first fault names the layer. */
#include "checks.h"

const struct hd_check hd_checks[] = {
    /* Interface, route, address. */
    { "zone", "zone of a link-local group", HD_NEEDS_ENDPOINT | HD_NEEDS_IPV6, hd_check_zone },
    { "interface", "network interface", HD_NEEDS_NOTHING, hd_check_interface },
    { "address", "own address", HD_NEEDS_INTERFACE, hd_check_address },
    { "route", "route to the group", HD_NEEDS_INTERFACE, hd_check_route },
    { "wrong_interface", "interface of the members", HD_NEEDS_INTERFACE, hd_check_wrong_interface },
    { "group", "choice of the group", HD_NEEDS_ENDPOINT, hd_check_group },
    { "ttl", "TTL", HD_NEEDS_ENDPOINT | HD_NEEDS_NETWORK, hd_check_ttl },

    /* What this host drops, in the order in which a packet passes. */
    { "nic", "room in rings and backlogs", HD_NEEDS_ENDPOINT | HD_NEEDS_NETWORK, hd_check_nic },
    { "fragments", "fragments", HD_NEEDS_ENDPOINT | HD_NEEDS_NETWORK, hd_check_fragments },
    { "rp_filter", "reverse path filter", HD_NEEDS_IPV4 | HD_NEEDS_NETWORK, hd_check_rp_filter },
    { "own_source", "own address as the source", HD_NEEDS_ENDPOINT | HD_NEEDS_IPV4 | HD_NEEDS_NETWORK,
      hd_check_own_source },
    { "reuseport", "who shares the port", HD_NEEDS_ENDPOINT, hd_check_reuseport },
    { "port_taken", "whether the port can be shared", HD_NEEDS_ENDPOINT | HD_NEEDS_INTERFACE, hd_check_port_taken },
    { "firewall", "firewall, data", HD_NEEDS_INTERFACE, hd_check_firewall },
    { "firewall_igmp", "firewall, memberships", HD_NEEDS_NETWORK, hd_check_firewall_igmp },
    { "firewall_replies", "firewall, answers", HD_NEEDS_ENDPOINT | HD_NEEDS_NETWORK, hd_check_firewall_replies },
    { "port", "what comes to the port", HD_NEEDS_ENDPOINT | HD_NEEDS_INTERFACE, hd_check_port },
    { "buffer", "receive buffers", HD_NEEDS_NOTHING, hd_check_buffer },

    /* Limits and membership. */
    { "limits", "limits of joining", HD_NEEDS_NOTHING, hd_check_limits },
    { "memberships", "who has joined on this host", HD_NEEDS_INTERFACE, hd_check_memberships },

    /* The LAN. */
    { "place", "kind of network", HD_NEEDS_NETWORK, hd_check_place },
    { "querier", "querier", HD_NEEDS_NETWORK, hd_check_querier },
    { "igmp_version", "version of IGMP", HD_NEEDS_NETWORK | HD_NEEDS_IPV4, hd_check_igmp_version },
    { "mld_version", "version of MLD", HD_NEEDS_NETWORK | HD_NEEDS_IPV6, hd_check_mld_version },
    { "bridge", "bridge of this host", HD_NEEDS_NETWORK, hd_check_bridge },
    { "router", "multicast routing of this host", HD_NEEDS_NOTHING, hd_check_router },
    { "isolation", "other hosts", HD_NEEDS_NETWORK | HD_NEEDS_CENSUS, hd_check_isolation },
    { "census", "members on the LAN", HD_NEEDS_NETWORK | HD_NEEDS_CENSUS | HD_NEEDS_NET_RAW, hd_check_census },

    /* Another host: what it finds itself, then from the simplest way to the hardest. */
    { "peer", "the other host", HD_NEEDS_PEER | HD_NEEDS_ENDPOINT | HD_NEEDS_INTERFACE, hd_check_peer },
    { "peer_told", "what the other host finds", HD_NEEDS_PEER | HD_NEEDS_ENDPOINT, hd_check_peer_told },
    { "peer_unicast", "unicast to the other host", HD_NEEDS_PEER | HD_NEEDS_ENDPOINT, hd_check_peer_unicast },
    { "peer_multicast", "multicast to the other host", HD_NEEDS_PEER | HD_NEEDS_ENDPOINT, hd_check_peer_multicast },
    { "peer_replies", "replies by unicast", HD_NEEDS_PEER | HD_NEEDS_ENDPOINT, hd_check_peer_replies },
    { "peer_back", "multicast from the other host", HD_NEEDS_PEER | HD_NEEDS_ENDPOINT, hd_check_peer_back },
    { "peer_sizes", "large datagrams", HD_NEEDS_PEER | HD_NEEDS_ENDPOINT, hd_check_peer_sizes },
    { "peer_burst", "a burst", HD_NEEDS_PEER | HD_NEEDS_ENDPOINT, hd_check_peer_burst },
    { "peer_long", "five minutes", HD_NEEDS_PEER | HD_NEEDS_ENDPOINT | HD_NEEDS_LONG, hd_check_peer_long },

    { NULL, NULL, HD_NEEDS_NOTHING, NULL },
};
