/* SPDX-License-Identifier: MIT */
#include "ipv6.h"

#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

bool hd_ipv6_is_off(const char *interface_name)
{
    char path[64 + HERALD_INTERFACE_NAME_BYTES];
    char value = '0';
    int fd;

    snprintf(path, sizeof(path), "/proc/sys/net/ipv6/conf/%s/disable_ipv6", interface_name);
    fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return false; /* joining or sending will tell */
    if (read(fd, &value, 1) != 1)
        value = '0';
    close(fd);
    return value == '1';
}

int hd_ipv6_fail_off(struct herald_error *error, int code, const char *interface_name)
{
    herald_error_set(error, code, "IPv6 is switched off on %s", interface_name);
    /* With slashes, for there may be a dot in the name, as of a VLAN. */
    herald_error_advise(error, "sysctl -w net/ipv6/conf/%s/disable_ipv6=0", interface_name);
    return code;
}
