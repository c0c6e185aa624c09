/* SPDX-License-Identifier: MIT */
/* Which groups this host has joined, as the kernel tells in /proc/net/igmp and /proc/net/igmp6. No privilege needed. */
#ifndef HD_DOCTOR_JOINED_H
#define HD_DOCTOR_JOINED_H

#include <herald/types.h>

struct hd_joined {
    uint32_t interface_index;
    uint8_t igmp_version;        /* that the interface speaks; 0 in IPv6, where the kernel does not tell */
    struct herald_address group; /* NONE: the line of the interface itself, before those of its groups (IPv4) */
    uint32_t users;              /* sockets that have joined */
    bool timer_running;          /* an answer to a query is due */
};

/* Is called for each line; < 0 ends the reading and is returned. */
typedef int hd_joined_each(const struct hd_joined *joined, void *userdata);

/* Reads the text of the file of that family; lines that mean nothing are passed over. @return 0; what `each` said. */
int hd_joined_parse(enum herald_family family, const char *text, hd_joined_each *each, void *userdata);

/* Reads the file. @return 0; -errno; what `each` said. */
int hd_joined_read(enum herald_family family, hd_joined_each *each, void *userdata);

/* One group on one interface; of family IPv4 with group NONE, the interface. @return 0; -ENOENT; -errno. */
int hd_joined_find(enum herald_family family, uint32_t interface_index, const struct herald_address *group,
                   struct hd_joined *ret_joined);

#endif
