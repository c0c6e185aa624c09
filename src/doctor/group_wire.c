/* SPDX-License-Identifier: MIT */
#include "group_wire.h"

#include "cursor.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/filter.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* Headers are all that is looked at: IP with all options, UDP's ports. */
enum { SNAP_BYTES = 256, RECEIVE_BUFFER_BYTES = 4 * 1024 * 1024 };

/* ---- opening --------------------------------------------------------------------------------- */

/* Accepts IP packets to the group that come from outside; offsets count from the network header. */
static int filter_group(int fd, const struct herald_address *group)
{
    bool ipv6 = group->family == HERALD_FAMILY_IPV6;
    unsigned words = ipv6 ? 4 : 1;
    unsigned offset = ipv6 ? 24 : 16;
    struct sock_filter code[20];
    unsigned n = 0;
    struct sock_fprog program = { .filter = code };
    uint8_t reject = (uint8_t)(words * 2 + 5);

    code[n++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, (uint32_t)(SKF_AD_OFF + SKF_AD_PKTTYPE));
    code[n++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, PACKET_OUTGOING, (uint8_t)(reject), 0);
    /* Of a VLAN: it comes again by the interface of that VLAN, without the tag. */
    code[n++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
                                             (uint32_t)(SKF_AD_OFF + SKF_AD_VLAN_TAG_PRESENT));
    code[n++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0, 0, (uint8_t)(reject - 2));
    code[n++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, (uint32_t)(SKF_AD_OFF + SKF_AD_PROTOCOL));
    code[n++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ipv6 ? ETH_P_IPV6 : ETH_P_IP, 0,
                                             (uint8_t)(reject - 4));
    for (unsigned i = 0; i < words; i++) {
        uint8_t to_reject = (uint8_t)(2 * (words - i - 1) + 1);

        code[n++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offset + 4 * i);
        code[n++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, hd_load_u32(group->bytes + 4 * (size_t)i),
                                                 0, to_reject);
    }
    code[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SNAP_BYTES);
    code[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, 0);
    program.len = (unsigned short)n;
    return setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof program) < 0 ? -errno : 0;
}

int hd_wire_open_group(const struct herald_address *group)
{
    /* Without a protocol it sees nothing: the filter comes first. All protocols, for this tap sees a packet before
       anything can drop it at the ingress. */
    const struct sockaddr_ll all = { .sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ALL) };
    int fd = socket(AF_PACKET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    int size_bytes = RECEIVE_BUFFER_BYTES;
    int result;

    if (fd < 0)
        return -errno;
    result = filter_group(fd, group);
    (void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size_bytes, sizeof size_bytes);
    if (result == 0 && bind(fd, (const struct sockaddr *)&all, sizeof all) < 0)
        result = -errno;
    if (result < 0) {
        close(fd);
        return result;
    }
    return fd;
}

/* ---- reading --------------------------------------------------------------------------------- */

static int parse_ports(struct hd_cursor *cursor, struct hd_wire_packet *packet)
{
    uint16_t source_port;

    return hd_cursor_u16(cursor, &source_port) < 0 || hd_cursor_u16(cursor, &packet->port) < 0 ? -EBADMSG : 0;
}

/* RFC 791, section 3.1. */
static int parse_ipv4(struct hd_cursor cursor, struct hd_wire_packet *packet)
{
    uint8_t version;
    uint16_t fragment;
    uint8_t protocol;
    struct hd_cursor start = cursor;

    if (hd_cursor_u8(&cursor, &version) < 0 || hd_cursor_skip(&cursor, 5) < 0 ||
        hd_cursor_u16(&cursor, &fragment) < 0 || hd_cursor_skip(&cursor, 1) < 0 ||
        hd_cursor_u8(&cursor, &protocol) < 0 || hd_cursor_skip(&cursor, 2) < 0)
        return -EBADMSG;
    packet->source.family = HERALD_FAMILY_IPV4;
    if (hd_cursor_bytes(&cursor, packet->source.bytes, 4) < 0 || protocol != IPPROTO_UDP || (version & 15) < 5)
        return -EBADMSG;
    packet->fragment = (fragment & 0x3fff) != 0; /* "more fragments", or an offset */
    if ((fragment & 0x1fff) != 0)
        return 0;
    if (hd_cursor_skip(&start, (size_t)(version & 15) * 4) < 0)
        return -EBADMSG;
    return parse_ports(&start, packet);
}

/* RFC 8200, sections 3 and 4.5. Other extension headers than the fragment's are rare before UDP, and passed over. */
static int parse_ipv6(struct hd_cursor cursor, struct hd_wire_packet *packet)
{
    uint8_t next;
    uint16_t offset;

    if (hd_cursor_skip(&cursor, 6) < 0 || hd_cursor_u8(&cursor, &next) < 0 || hd_cursor_skip(&cursor, 1) < 0)
        return -EBADMSG;
    packet->source.family = HERALD_FAMILY_IPV6;
    if (hd_cursor_bytes(&cursor, packet->source.bytes, 16) < 0 || hd_cursor_skip(&cursor, 16) < 0)
        return -EBADMSG;
    if (next == IPPROTO_FRAGMENT) {
        packet->fragment = true;
        if (hd_cursor_u8(&cursor, &next) < 0 || hd_cursor_skip(&cursor, 1) < 0 || hd_cursor_u16(&cursor, &offset) < 0 ||
            hd_cursor_skip(&cursor, 4) < 0)
            return -EBADMSG;
        if (next == IPPROTO_UDP && offset >> 3 != 0)
            return 0;
    }
    return next == IPPROTO_UDP ? parse_ports(&cursor, packet) : -EBADMSG;
}

int hd_wire_parse(const uint8_t *bytes, size_t size_bytes, struct hd_wire_packet *ret_packet)
{
    struct hd_wire_packet packet = { .port = 0 };
    struct hd_cursor cursor = hd_cursor_over(bytes, size_bytes);
    int result = -EBADMSG;

    if (size_bytes > 0 && bytes[0] >> 4 == 4)
        result = parse_ipv4(cursor, &packet);
    else if (size_bytes > 0 && bytes[0] >> 4 == 6)
        result = parse_ipv6(cursor, &packet);
    if (result == 0)
        *ret_packet = packet;
    return result;
}

int hd_wire_take(int fd, struct hd_wire_packet *ret_packet)
{
    uint8_t bytes[SNAP_BYTES];
    struct sockaddr_ll from = { .sll_ifindex = 0 };

    for (;;) {
        socklen_t length = sizeof from;
        ssize_t size = recvfrom(fd, bytes, sizeof bytes, 0, (struct sockaddr *)&from, &length);

        if (size < 0)
            return errno == EAGAIN || errno == EINTR ? 0 : -errno;
        if (hd_wire_parse(bytes, (size_t)size, ret_packet) < 0)
            continue;
        ret_packet->interface_index = (uint32_t)from.sll_ifindex;
        return 1;
    }
}
