/* SPDX-License-Identifier: MIT */
#include "clouds.h"

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#define TUNNEL "carry it between the hosts in VXLAN with a unicast list of peers, or by a relay"

static const struct hd_cloud clouds[] = {
    { "Amazon EC2", NULL, NULL, "Amazon EC2", "a VPC drops multicast",
      "use a transit gateway with multicast enabled, and add these interfaces to its multicast domain; or " TUNNEL },
    { "Google", "Google Compute Engine", NULL, "Google Cloud", "its networks drop multicast", TUNNEL },
    { "Microsoft Corporation", NULL, "7783-7084-3265-9085-8269-3286-77", "Microsoft Azure",
      "its virtual networks drop multicast", TUNNEL },
    { NULL, NULL, "OracleCloud.com", "Oracle Cloud", "its virtual networks drop multicast", TUNNEL },
    { "Alibaba Cloud", NULL, NULL, "Alibaba Cloud", "a VPC drops multicast unless a multicast domain was made for it",
      "make a multicast domain in a transit router; or " TUNNEL },
    { "DigitalOcean", NULL, NULL, "DigitalOcean", "its networks drop multicast", TUNNEL },
    { "Hetzner", "vServer", NULL, "Hetzner Cloud", "its networks drop multicast", TUNNEL },
    { "Vultr", NULL, NULL, "Vultr", "its networks drop multicast", TUNNEL },
    { "Linode", NULL, NULL, "Linode", "its networks drop multicast", TUNNEL },
};

static bool begins(const char *text, const char *start)
{
    return start == NULL || strncmp(text, start, strlen(start)) == 0;
}

const struct hd_cloud *hd_cloud_find(const char *vendor, const char *product, const char *asset)
{
    for (size_t i = 0; i < sizeof clouds / sizeof clouds[0]; i++)
        if (begins(vendor, clouds[i].vendor) && begins(product, clouds[i].product) && begins(asset, clouds[i].asset))
            return &clouds[i];
    return NULL;
}
