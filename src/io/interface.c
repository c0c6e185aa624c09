/* SPDX-License-Identifier: MIT */
#include <herald/interface.h>

#include "links.h"

#include <errno.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int herald_interfaces_list(struct herald_interface **ret_list)
{
    struct hd_links links;
    struct herald_interface *list = NULL;
    size_t count;
    int result = hd_links_read(&links);

    if (result < 0)
        return result;
    count = links.count;
    if (count > 0) {
        list = reallocarray(NULL, count, sizeof *list);
        if (list == NULL) {
            hd_links_clear(&links);
            return -ENOMEM;
        }
        for (size_t i = 0; i < count; i++)
            list[i] = links.items[i].interface;
    }
    hd_links_clear(&links);
    *ret_list = list;
    return (int)count;
}

/* An index, when the whole text is one. 0 otherwise. */
static uint32_t parse_index(const char *text)
{
    uint64_t index = 0;

    if (*text == '\0')
        return 0;
    for (; *text != '\0'; text++) {
        if (*text < '0' || *text > '9')
            return 0;
        index = index * 10 + (uint64_t)(*text - '0');
        if (index > INT32_MAX)
            return 0;
    }
    return (uint32_t)index;
}

/* By name, then by number, then by alternative name, which only the kernel knows. */
static const struct hd_link *find_link(const struct hd_links *links, const char *name)
{
    const struct hd_link *link;

    for (size_t i = 0; i < links->count; i++) {
        if (strcmp(links->items[i].interface.name, name) == 0)
            return &links->items[i];
    }
    link = hd_links_find(links, parse_index(name));
    if (link == NULL && strlen(name) < IF_NAMESIZE && strchr(name, ':') == NULL)
        link = hd_links_find(links, if_nametoindex(name));
    return link;
}

/* "there are: eth0, lo": as many as fit, those first that can do multicast and are up. */
static void list_names(const struct hd_links *links, char *ret_text, size_t size_bytes)
{
    size_t length = 0;

    ret_text[0] = '\0';
    for (int pass = 0; pass < 2; pass++) {
        for (size_t i = 0; i < links->count; i++) {
            const struct herald_interface *interface = &links->items[i].interface;
            bool likely = interface->up && interface->multicast;

            if (likely != (pass == 0))
                continue;
            if (length + strlen(interface->name) + sizeof ", , ..." > size_bytes) {
                (void)snprintf(ret_text + length, size_bytes - length, ", ...");
                return;
            }
            length += (size_t)snprintf(ret_text + length, size_bytes - length, "%s%s", length > 0 ? ", " : "",
                                       interface->name);
        }
    }
}

static int unknown_interface(const struct hd_links *links, const char *name, struct herald_error *error)
{
    char names[160];

    list_names(links, names, sizeof names);
    (void)herald_error_set(error, -ENODEV, "unknown interface '%.40s'; there are: %s", name, names);
    herald_error_advise(error, "ip link");
    return -ENODEV;
}

int herald_interface_find(const char *name, struct herald_interface *ret_interface, struct herald_error *error)
{
    const struct hd_link *link;
    struct hd_links links;
    int result;

    if (name == NULL)
        return herald_error_set(error, -EINVAL, "no interface named");
    result = hd_links_read(&links);
    if (result < 0)
        return herald_error_set(error, result, "cannot list the network interfaces: %s", strerror(-result));
    link = find_link(&links, name);
    if (link != NULL)
        *ret_interface = link->interface;
    else
        result = unknown_interface(&links, name, error);
    hd_links_clear(&links);
    return result;
}
