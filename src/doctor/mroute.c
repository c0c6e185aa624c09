/* SPDX-License-Identifier: MIT */
#include "mroute.h"

#include <herald/endpoint.h>

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* IPv4 as the number that the host makes of the bytes on the wire, IPv6 in eight groups of four digits. */
static int parse_address(enum herald_family family, const char *text, struct herald_address *ret_address)
{
    struct herald_address address = { .family = family };
    unsigned int number;

    if (family == HERALD_FAMILY_IPV6)
        return herald_address_parse(text, ret_address) < 0 || ret_address->family != family ? -EBADMSG : 0;
    if (strlen(text) != 8 || strspn(text, "0123456789ABCDEFabcdef") != 8 || sscanf(text, "%8x", &number) != 1)
        return -EBADMSG;
    memcpy(address.bytes, &number, sizeof number);
    *ret_address = address;
    return 0;
}

int hd_mroute_parse(enum herald_family family, const char *line, struct hd_mroute *ret_route)
{
    struct hd_mroute route = { .input = -1 };
    char group[64], source[64];
    uint64_t bytes;
    int length = 0, output, threshold;

    if (sscanf(line, "%63s %63s %9d %19" SCNu64 " %19" SCNu64 " %19" SCNu64 "%n", group, source, &route.input,
               &route.packets, &bytes, &route.wrong, &length) != 6 ||
        parse_address(family, group, &route.group) < 0 || parse_address(family, source, &route.source) < 0)
        return -EBADMSG;
    for (line += length; sscanf(line, " %9d:%9d%n", &output, &threshold, &length) == 2; line += length)
        if (route.output_count < HD_MROUTE_OUTPUTS_MAX)
            route.outputs[route.output_count++] = output;
    *ret_route = route;
    return 0;
}

void hd_mroute_interface(const char *vif_text, int number, char ret_name[HERALD_INTERFACE_NAME_BYTES])
{
    (void)snprintf(ret_name, HERALD_INTERFACE_NAME_BYTES, "?");
    while (*vif_text != '\0') {
        char name[HERALD_INTERFACE_NAME_BYTES];
        int vif;

        /* "%2d %-10s ...": the number may be indented. */
        if (sscanf(vif_text, "%9d %15s", &vif, name) == 2 && vif == number) {
            memcpy(ret_name, name, sizeof name);
            return;
        }
        vif_text += strcspn(vif_text, "\n");
        vif_text += *vif_text == '\n';
    }
}
