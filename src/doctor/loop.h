/* SPDX-License-Identifier: MIT */
/* The self-test: a datagram to the group that this host alone can hear. No privilege needed. */
#ifndef HD_DOCTOR_LOOP_H
#define HD_DOCTOR_LOOP_H

#include "examination.h"

enum hd_loop_outcome {
    HD_LOOP_HEARD,
    HD_LOOP_SILENT,  /* it left the socket, and never arrived */
    HD_LOOP_REFUSED, /* the kernel would not send it: a firewall at the output */
};

struct hd_loop {
    enum hd_loop_outcome outcome;
    uint16_t port; /* the endpoint's, unless another program listens there: it shall not be disturbed */
    bool other_port;
    uint64_t delay_ns; /* if it was heard */
};

/*
 * Joins the group on the chosen interface and sends a random token to it there with TTL 0, which stays on this host.
 * @return 0 with *ret_loop; -EADDRINUSE; -ECANCELED; another negative errno: could not be tried.
 */
int hd_loop_try(struct hd_examination *examination, struct hd_loop *ret_loop);

/* The same by a port of those that the kernel gives to programs which ask for none: where answers go to. */
int hd_loop_try_answer_port(struct hd_examination *examination, struct hd_loop *ret_loop);

#endif
