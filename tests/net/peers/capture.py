#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Prints every IPv4 packet that comes in or goes out by an interface (tcpdump cannot, where it may not change its
groups). One line each: PROTOCOL SOURCE > DESTINATION ttl N tos N flags N: payload as Python shows bytes."""
import socket
import struct
import sys

sock = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(0x0003))
sock.bind((sys.argv[1], 0x0003))
print("capturing", flush=True)
while True:
    packet, (_, protocol, _, _, _) = sock.recvfrom(65536)
    if protocol != 0x0800:
        continue
    header = (packet[0] & 15) * 4
    tos, fragment, ttl, kind = packet[1], struct.unpack("!H", packet[6:8])[0], packet[8], packet[9]
    name = {1: "icmp", 2: "igmp", 17: "udp"}.get(kind, str(kind))
    payload = packet[header + 8:] if kind == 17 else packet[header:]
    print("%s %s > %s ttl %d tos %d fragment %d: %r" % (
        name, socket.inet_ntoa(packet[12:16]), socket.inet_ntoa(packet[16:20]), ttl, tos, fragment, payload[:64]),
        flush=True)
