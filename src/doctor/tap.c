/* SPDX-License-Identifier: MIT */
#include "tap.h"

#include <errno.h>
#include <linux/filter.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

/* Not more reads than this in a row: somebody may send us more than we can look at. */
enum { READS_MAX = 256 };

/*
 * IGMP in IPv4; in IPv6 what has a hop-by-hop header and is an MLD message (the router alert stands in it). The offsets
 * count from the IP header on. Tagged frames belong to an interface of their own.
 */
static int filter(int fd)
{
    struct sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, (uint32_t)SKF_AD_OFF + SKF_AD_VLAN_TAG_PRESENT),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0, 0, 13),
        BPF_STMT(BPF_LD | BPF_H | BPF_ABS, (uint32_t)SKF_AD_OFF + SKF_AD_PROTOCOL),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ETH_P_IP, 0, 2),
        BPF_STMT(BPF_LD | BPF_B | BPF_ABS, 9), /* IPv4: the protocol */
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, IPPROTO_IGMP, 8, 9),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ETH_P_IPV6, 0, 8),
        BPF_STMT(BPF_LD | BPF_B | BPF_ABS, 6), /* IPv6: the next header */
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, IPPROTO_HOPOPTS, 0, 6),
        BPF_STMT(BPF_LD | BPF_B | BPF_ABS, 40), /* and what is behind that */
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, IPPROTO_ICMPV6, 0, 4),
        BPF_STMT(BPF_LD | BPF_B | BPF_ABS, 48), /* the type, behind an option of 8 bytes */
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 143, 1, 0),
        BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, 130, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, HD_TAP_PACKET_BYTES),
        BPF_STMT(BPF_RET | BPF_K, 0),
    };
    struct sock_fprog program = { .len = sizeof code / sizeof code[0], .filter = code };

    return setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof program) < 0 ? -errno : 0;
}

static int attach(int fd, const struct herald_interface *interface, bool every_group)
{
    struct sockaddr_ll address = {
        .sll_family = AF_PACKET,
        .sll_protocol = htons(ETH_P_ALL), /* only so is seen what leaves */
        .sll_ifindex = (int)interface->index,
    };
    struct packet_mreq membership = { .mr_ifindex = (int)interface->index, .mr_type = PACKET_MR_ALLMULTI };
    int result = filter(fd);

    if (result < 0)
        return result;
    if (bind(fd, (const struct sockaddr *)&address, sizeof address) < 0)
        return -errno;
    if (every_group && setsockopt(fd, SOL_PACKET, PACKET_ADD_MEMBERSHIP, &membership, sizeof membership) < 0)
        return -errno;
    return 0;
}

int hd_tap_open(const struct herald_interface *interface, bool every_group, struct hd_tap *ret_tap)
{
    /* Protocol 0 until it is filtered and bound: nothing else gets in before. */
    int fd = socket(AF_PACKET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    int result;

    if (fd < 0)
        return -errno;
    result = attach(fd, interface, every_group);
    if (result < 0) {
        (void)close(fd);
        return result;
    }
    ret_tap->fd = fd;
    ret_tap->interface_index = interface->index;
    return 0;
}

void hd_tap_close(struct hd_tap *tap)
{
    (void)close(tap->fd);
}

int hd_tap_next(struct hd_tap *tap, struct hd_member_message *ret_message, bool *ret_own)
{
    for (int reads = 0; reads < READS_MAX; reads++) {
        struct sockaddr_ll from = { .sll_family = AF_UNSPEC };
        socklen_t from_bytes = sizeof from;
        ssize_t size = recvfrom(tap->fd, tap->packet, sizeof tap->packet, 0, (struct sockaddr *)&from, &from_bytes);

        if (size < 0)
            return errno == EAGAIN || errno == EINTR ? 0 : -errno;
        if (hd_member_parse(tap->packet, (size_t)size, ret_message) == 0) {
            *ret_own = from.sll_pkttype == PACKET_OUTGOING;
            return 1;
        }
    }
    return 0;
}

int hd_tap_say(const struct hd_tap *tap, enum hd_member_word word, const struct herald_address *from,
               uint64_t response_ns, bool broadcast)
{
    bool ipv6 = from->family == HERALD_FAMILY_IPV6;
    uint8_t packet[HD_MEMBER_PACKET_BYTES];
    size_t size = hd_member_write(word, from, response_ns, packet);
    struct sockaddr_ll to = {
        .sll_family = AF_PACKET,
        .sll_protocol = htons(ipv6 ? ETH_P_IPV6 : ETH_P_IP),
        .sll_ifindex = (int)tap->interface_index,
        .sll_halen = 6,
    };

    /* The group's frame address: RFC 1112 section 6.4, of groups that have no bit to lose; RFC 2464 section 7. */
    if (broadcast)
        memset(to.sll_addr, 0xff, 6);
    else if (ipv6)
        memcpy(to.sll_addr, (const uint8_t[]){ 0x33, 0x33, packet[36], packet[37], packet[38], packet[39] }, 6);
    else
        memcpy(to.sll_addr, (const uint8_t[]){ 0x01, 0x00, 0x5e, packet[17], packet[18], packet[19] }, 6);
    return sendto(tap->fd, packet, size, MSG_NOSIGNAL, (const struct sockaddr *)&to, sizeof to) < 0 ? -errno : 0;
}
