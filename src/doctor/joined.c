/* SPDX-License-Identifier: MIT */
#include "joined.h"

#include "host.h"

#include <herald/endpoint.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LINE_BYTES = 256, IGMP6_TIMER_RUNNING = 1 };

/* An interface: "2  eth0 : 3  V3". Its groups follow, indented: "010000E0  1 0:00000000  0". */
static bool parse_igmp_line(const char *line, struct hd_joined *joined)
{
    const char *version = strrchr(line, 'V');
    unsigned int index, group, users, running;

    if (line[0] != '\t') {
        if (version == NULL || version[1] < '1' || version[1] > '3' || sscanf(line, "%9u", &index) != 1)
            return false;
        *joined = (struct hd_joined){ .interface_index = index, .igmp_version = (uint8_t)(version[1] - '0') };
        return true;
    }
    if (joined->interface_index == 0 || sscanf(line, " %8x %9u %1u:", &group, &users, &running) != 3)
        return false;
    joined->group = (struct herald_address){ .family = HERALD_FAMILY_IPV4 };
    memcpy(joined->group.bytes, &group, sizeof group); /* printed as a number of the host, stored as on the wire */
    joined->users = users;
    joined->timer_running = running != 0;
    return true;
}

/* "2    eth0            ff020000000000000000000000000001     1 0000000C 0" */
static bool parse_igmp6_line(const char *line, struct hd_joined *joined)
{
    unsigned int index, users, flags, byte;
    char group[33];

    if (sscanf(line, "%9u %*15s %32[0-9a-f] %9u %8x", &index, group, &users, &flags) != 4 || strlen(group) != 32)
        return false;
    *joined = (struct hd_joined){
        .interface_index = index,
        .group.family = HERALD_FAMILY_IPV6,
        .users = users,
        .timer_running = (flags & IGMP6_TIMER_RUNNING) != 0,
    };
    for (int i = 0; i < 16; i++) {
        if (sscanf(group + (ptrdiff_t)i * 2, "%2x", &byte) != 1)
            return false;
        joined->group.bytes[i] = (uint8_t)byte;
    }
    return true;
}

int hd_joined_parse(enum herald_family family, const char *text, hd_joined_each *each, void *userdata)
{
    struct hd_joined joined = { .interface_index = 0 };
    int result = 0;

    while (*text != '\0' && result >= 0) {
        size_t length = strcspn(text, "\n");
        char line[LINE_BYTES];

        if (length < sizeof line) {
            memcpy(line, text, length);
            line[length] = '\0';
            if (family == HERALD_FAMILY_IPV4 ? parse_igmp_line(line, &joined) : parse_igmp6_line(line, &joined))
                result = each(&joined, userdata);
        }
        text += length + (text[length] == '\n');
    }
    return result < 0 ? result : 0;
}

int hd_joined_read(enum herald_family family, hd_joined_each *each, void *userdata)
{
    char *text;
    int result = hd_host_read_all(family == HERALD_FAMILY_IPV4 ? "/proc/net/igmp" : "/proc/net/igmp6", &text);

    if (result < 0)
        return result;
    result = hd_joined_parse(family, text, each, userdata);
    free(text);
    return result;
}

struct search {
    uint32_t interface_index;
    const struct herald_address *group;
    struct hd_joined *ret_joined;
};

static int compare(const struct hd_joined *joined, void *userdata)
{
    const struct search *search = userdata;

    if (joined->interface_index != search->interface_index || !herald_address_equal(&joined->group, search->group))
        return 0;
    *search->ret_joined = *joined;
    return -EEXIST; /* found: no need to go on */
}

int hd_joined_find(enum herald_family family, uint32_t interface_index, const struct herald_address *group,
                   struct hd_joined *ret_joined)
{
    struct search search = { .interface_index = interface_index, .group = group, .ret_joined = ret_joined };
    int result = hd_joined_read(family, compare, &search);

    if (result == -EEXIST)
        return 0;
    return result < 0 ? result : -ENOENT;
}
