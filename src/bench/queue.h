/* SPDX-License-Identifier: MIT */
/* The queue in front of an interface ("qdisc"): what it drops is lost before it leaves this host, and sends succeed. */
#ifndef BENCH_QUEUE_H
#define BENCH_QUEUE_H

#include <stdint.h>

/* Packets of anybody that it has dropped since it was put there, modulo 2^32; 0 if that cannot be known. */
uint32_t hd_bench_queue_drops(uint32_t interface_index);

#endif
