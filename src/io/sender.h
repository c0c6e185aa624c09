/* SPDX-License-Identifier: MIT */
/* What the parts of the library know of a sender beyond its public face. */
#ifndef IO_SENDER_H
#define IO_SENDER_H

#include <herald/socket.h>

/*
 * CLOCK_REALTIME just before the last single datagram was handed to the kernel: no answer to it is older. (Members on
 * this host may well answer before the datagram has left the interface, which is what its transmit timestamp tells.)
 * 0 if none was sent.
 */
uint64_t hd_sender_called_ns(const herald_sender *sender);

#endif
