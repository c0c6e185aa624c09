/* SPDX-License-Identifier: MIT */
/*
 * Two interfaces on one LAN bring every datagram twice. This filter lets the first copy through and counts the rest.
 *
 * A datagram is recognised by a hash of its payload, source and group. For each hash it is counted how often it
 * came in by each interface: the n-th arrival on an interface is a duplicate if n have been delivered already. So a
 * sender may repeat a message as often as it likes, and what one interface loses is taken from the other. (Equal
 * messages closer together than the window are the exception: where the other interface has lost one before, one is
 * lost.)
 */
#ifndef IO_DUPLICATES_H
#define IO_DUPLICATES_H

#include <herald/socket.h>

/* A later arrival of the same bytes is a new message, not a slow copy. */
#define HD_DUPLICATE_WINDOW_NS UINT64_C(200000000)

struct hd_duplicates;

/* `seed` keeps strangers from making collisions on purpose. @return 0 or -ENOMEM. */
int hd_duplicates_new(struct hd_duplicates **ret_filter, uint64_t seed);
struct hd_duplicates *hd_duplicates_free(struct hd_duplicates *filter);

/*
 * Takes the duplicates out of a run; `buffer` is the run's own memory, in which the others move together.
 * @return how many were taken out; with all of them gone size_bytes is 0.
 */
size_t hd_duplicates_filter(struct hd_duplicates *filter, struct herald_run *run, uint8_t *buffer);

#endif
