/* SPDX-License-Identifier: MIT */
/* What this host tells about itself: /proc, /sys, and routes as the kernel would take them. No privilege needed. */
#ifndef HD_DOCTOR_HOST_H
#define HD_DOCTOR_HOST_H

#include <herald/types.h>

#include <stddef.h>

/* Reads a file of /proc or /sys into `text`, cut to its room, with a NUL. @return its length; -errno. */
int hd_host_read(const char *path, char *ret_text, size_t size_bytes);

/* Reads a whole file, as large as it is, up to 4 MiB; to be freed. @return its length; -errno. */
int hd_host_read_all(const char *path, char **ret_text);

/* A setting of /proc/sys that is one number: "net/ipv4/conf/eth0/rp_filter". @return 0; -errno, -EBADMSG: no number. */
int hd_host_setting(int64_t *ret_value, const char *path_format, ...) __attribute__((format(printf, 2, 3)));

/*
 * A counter of /proc/net/snmp or netstat, where a line of names stands above one of numbers: ("/proc/net/netstat",
 * "TcpExt", "IPReversePathFilter"); or of /proc/net/snmp6, where each has a line: ("/proc/net/snmp6", NULL,
 * "Ip6ReasmFails"). @return 0; -ENOENT: the kernel has none of that name; -errno.
 */
int hd_host_counter(const char *path, const char *section, const char *name, uint64_t *ret_value);

/* The same, in text that was read already. */
int hd_host_find_counter(const char *text, const char *section, const char *name, uint64_t *ret_value);

/* How the kernel would send, or treat what came in. */
struct hd_route_question {
    struct herald_address destination;
    struct herald_address source; /* NONE: any */
    uint32_t output_interface;    /* 0: any */
    uint32_t input_interface;     /* 0: not about what came in */
    bool match;                   /* the entry of the table that matches, instead of what becomes of it */
};

struct hd_route_answer {
    uint32_t interface_index;     /* 0 if it names none */
    bool gateway;                 /* there is a next hop */
    struct herald_address via;    /* it, or NONE */
    struct herald_address prefix; /* with `match`: the entry's destination, NONE for a default route */
    uint8_t prefix_bits;
    uint32_t table;
};

/* @return 0; the kernel's -errno: -ENETUNREACH no route; -EINVAL for what came in: it would be dropped. */
int hd_host_route(const struct hd_route_question *question, struct hd_route_answer *ret_answer);

/* Room for any interface's name as one word of a shell. */
enum { HD_WORD_BYTES = 4 * HERALD_INTERFACE_NAME_BYTES + 4 };

/* An interface's name, which may hold anything but blanks and slashes, as one word of a shell. @return ret_word */
const char *hd_word(const char *name, char ret_word[HD_WORD_BYTES]);

#endif
