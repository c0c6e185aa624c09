/* SPDX-License-Identifier: MIT */
/* A ring of receive buffers and one recvmmsg() into them: socket in, runs out. */
#ifndef IO_BATCH_H
#define IO_BATCH_H

#include <herald/socket.h>

/* A coalesced packet is at most 64 KiB; more buffers than this gain nothing and leave the cache. */
#define HD_BATCH_BUFFER_BYTES 65536

struct hd_batch;

/* @return 0 or -ENOMEM */
int hd_batch_new(struct hd_batch **ret_batch);
struct hd_batch *hd_batch_free(struct hd_batch *batch);

/*
 * Receives up to `max_runs` (1 .. HERALD_RUNS_MAX) runs. They point into the batch until the next call.
 * `port` is the socket's own, to complete the runs' destination.
 * @return the number of runs; 0 when nothing is there; -errno.
 */
int hd_batch_receive(struct hd_batch *batch, int fd, uint16_t port, struct herald_run *ret_runs, size_t max_runs);

/* The buffer that a run of this batch lies in, for those who take datagrams out of it. */
uint8_t *hd_batch_buffer(struct hd_batch *batch, const struct herald_run *run);

#endif
