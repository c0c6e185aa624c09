/* SPDX-License-Identifier: MIT */
/* Where this host is: in a container, in a cloud, behind a VPN, on WiFi. Only of the examined interface. */
#include "checks.h"
#include "clouds.h"
#include "devices.h"
#include "examination.h"
#include "host.h"
#include "sockopt.h"

#include <inttypes.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

/*
 * Whether /sys tells of this interface. It shows the network namespace of whoever mounted it, and another may have an
 * interface of the same name: so index and hardware address are compared.
 */
static bool sysfs_is_ours(const struct herald_interface *interface)
{
    struct ifreq request = { .ifr_name = "" };
    const unsigned char *mac = (const unsigned char *)request.ifr_hwaddr.sa_data;
    char path[96], text[64], ours[64];
    int fd, result;

    (void)snprintf(path, sizeof path, "/sys/class/net/%s/ifindex", interface->name);
    (void)snprintf(ours, sizeof ours, "%" PRIu32 "\n", interface->index);
    if (hd_host_read(path, text, sizeof text) < 0 || strcmp(text, ours) != 0)
        return false;
    fd = hd_socket_open(HERALD_FAMILY_IPV4);
    if (fd < 0)
        return false;
    memcpy(request.ifr_name, interface->name, sizeof interface->name);
    result = ioctl(fd, SIOCGIFHWADDR, &request);
    (void)close(fd);
    (void)snprintf(path, sizeof path, "/sys/class/net/%s/address", interface->name);
    (void)snprintf(ours, sizeof ours, "%02x:%02x:%02x:%02x:%02x:%02x\n", mac[0], mac[1], mac[2], mac[3], mac[4],
                   mac[5]);
    return result == 0 && hd_host_read(path, text, sizeof text) >= 0 && strcmp(text, ours) == 0;
}

static bool exists(const char *path)
{
    return access(path, F_OK) == 0;
}

static void report_container(struct hd_examination *examination, const struct hd_check *check, bool kubernetes)
{
    const char *interface = examination->facts.interface.name;
    struct herald_finding *finding = hd_report(examination, check, HERALD_FINDING_WARNING, interface);

    hd_say(finding->seen, "%s belongs to a %s", interface, kubernetes ? "Kubernetes pod" : "container");
    hd_say(finding->meaning,
           "multicast reaches other containers on the same bridge of the same machine, if at all, and "
           "not the network outside");
    hd_say(finding->remedy, "%s",
           kubernetes ? "hostNetwork: true for the pod, or a second interface by macvlan (Multus)"
                      : "docker run --network host ..., or a network of the driver macvlan");
}

static void report_cloud(struct hd_examination *examination, const struct hd_check *check, const struct hd_cloud *cloud)
{
    const char *interface = examination->facts.interface.name;
    struct herald_finding *finding = hd_report(examination, check, HERALD_FINDING_WARNING, interface);

    hd_say(finding->seen, "this host is a machine of %s", cloud->name);
    hd_say(finding->meaning, "%s: it works within a host, not between hosts", cloud->multicast);
    hd_say(finding->remedy, "%s", cloud->remedy);
}

static void report_wireguard(struct hd_examination *examination, const struct hd_check *check)
{
    const char *interface = examination->facts.interface.name;
    struct herald_finding *finding = hd_report(examination, check, HERALD_FINDING_WARNING, interface);
    bool ipv6 = hd_is_ipv6(examination);
    char word[HD_WORD_BYTES];

    hd_say(finding->seen, "%s is a WireGuard tunnel", interface);
    hd_say(finding->meaning, "a packet goes to the one peer whose AllowedIPs contain the group, and otherwise nowhere "
                             "(\"Required key not available\"); never to several peers");
    hd_say(finding->remedy, "wg set %s peer KEY allowed-ips +%s for the one peer that is to get it",
           hd_word(interface, word), ipv6 ? "ff00::/8" : "224.0.0.0/4");
}

static bool read_dmi(const char *name, char *ret_text, size_t size_bytes)
{
    char path[64];

    (void)snprintf(path, sizeof path, "/sys/class/dmi/id/%s", name);
    ret_text[0] = '\0';
    return hd_host_read(path, ret_text, size_bytes) >= 0;
}

static const struct hd_cloud *find_cloud(void)
{
    char vendor[64], product[64], asset[64];

    (void)read_dmi("sys_vendor", vendor, sizeof vendor);
    (void)read_dmi("product_name", product, sizeof product);
    (void)read_dmi("chassis_asset_tag", asset, sizeof asset);
    return hd_cloud_find(vendor, product, asset);
}

static void look_around(struct hd_examination *examination, const struct hd_check *check,
                        const struct hd_device *device)
{
    const struct herald_interface *interface = &examination->facts.interface;
    bool ours = sysfs_is_ours(interface);
    bool kubernetes = exists("/run/secrets/kubernetes.io");
    const struct hd_cloud *cloud = device->hardware ? find_cloud() : NULL;
    char path[64];

    (void)snprintf(path, sizeof path, "/sys/class/net/%s/phy80211", interface->name);
    if (strcmp(device->kind, "wireguard") == 0)
        report_wireguard(examination, check);
    /* Only of the namespace that the container began in; one made inside of it is somebody's own network. */
    else if (strcmp(device->kind, "veth") == 0 && ours &&
             (kubernetes || exists("/.dockerenv") || exists("/run/.containerenv")))
        report_container(examination, check, kubernetes);
    else if (cloud != NULL)
        report_cloud(examination, check, cloud);
    else if (ours && exists(path))
        hd_report_ok(examination, check, interface->name,
                     "%s is WiFi: access points send multicast at their lowest rate and never again what was lost; "
                     "\"multicast to unicast\" there helps",
                     interface->name);
    else if (device->kind[0] != '\0')
        hd_report_ok(examination, check, interface->name, "%s is of the kind %s", interface->name, device->kind);
    else
        hd_report_ok(examination, check, interface->name, "%s is a network card", interface->name);
}

int hd_check_place(struct hd_examination *examination, const struct hd_check *check)
{
    struct hd_devices devices = { .items = NULL };
    const struct hd_device *device;
    int result = hd_devices_read(&devices);

    if (result < 0)
        return result;
    device = hd_devices_find(&devices, examination->facts.interface.index);
    if (device != NULL)
        look_around(examination, check, device);
    hd_devices_free(&devices);
    return 0;
}
