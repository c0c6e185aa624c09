/* SPDX-License-Identifier: MIT */
/* rtnetlink, as little of it as this library needs: dumps, one request with one answer, checked attributes. */
#ifndef IO_NETLINK_H
#define IO_NETLINK_H

#include <libmnl/libmnl.h>
#include <stddef.h>
#include <stdint.h>

/* Enough for any one read: the kernel never makes a dump's part or a notification larger. */
enum { HD_NETLINK_BUFFER_BYTES = 32768 };

/* A dump of all objects of one kind. */
struct hd_netlink_dump {
    uint16_t type;                 /* RTM_GETLINK, ... */
    size_t header_bytes;           /* of the family header of that kind; it is sent zeroed but for: */
    uint8_t family;                /* its first byte; 0: all families */
    void (*start)(void *userdata); /* forget what was collected: called before the first and every repeated try */
    int (*message)(const struct nlmsghdr *message, void *userdata); /* < 0 ends the dump and is returned */
    void *userdata;
};

/* Opens an rtnetlink socket that is bound to `groups` (a mask of RTMGRP_x). Non-blocking if there are any. */
int hd_netlink_open(unsigned int groups, struct mnl_socket **ret_socket);

/* Runs a dump on a socket of its own. A dump that a change interrupted is repeated. @return 0; a negative errno. */
int hd_netlink_dump(const struct hd_netlink_dump *dump);

/*
 * Sends one request and reads its one answer into `buffer`.
 * @return 0 with *ret_answer pointing into the buffer; the kernel's negative errno.
 */
int hd_netlink_ask(struct nlmsghdr *request, void *buffer, size_t buffer_bytes, const struct nlmsghdr **ret_answer);

/*
 * Sorts the attributes of a message by type into ret_table[0..max] (NULL: absent). The family header is
 * `header_bytes` long; a message shorter than that is refused. @return 0; -EBADMSG.
 */
int hd_netlink_attributes(const struct nlmsghdr *message, size_t header_bytes, const struct nlattr **ret_table,
                          uint16_t max);

/* The payload of an attribute, if it is there and at least `size_bytes` long; otherwise NULL. */
const void *hd_netlink_payload(const struct nlattr *attribute, size_t size_bytes);

/* The value of an attribute of four bytes, `otherwise` if it is absent or too short. */
uint32_t hd_netlink_u32(const struct nlattr *attribute, uint32_t otherwise);

#endif
