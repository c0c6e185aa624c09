/* SPDX-License-Identifier: MIT */
/* Tells whoever started this process how it is: systemd's protocol (sd_notify(3)), without its library. */
#ifndef CLI_NOTIFY_H
#define CLI_NOTIFY_H

/*
 * Sends `state`, as "READY=1", to the socket that the environment names in NOTIFY_SOCKET.
 * @return 1: sent; 0: nobody wants to know; -EINVAL: what it names is no socket's address; another -errno.
 */
int notify_send(const char *state);

#endif
