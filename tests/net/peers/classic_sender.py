#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The sender of many multicast tutorials: one message with TTL 1, then every answer until a time-out."""
import socket
import struct
import sys

message = sys.argv[1].encode() if len(sys.argv) > 1 else b"very important data"
group = ("224.3.29.71", 10000)

sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
sock.settimeout(0.2)
# One byte is what IP_MULTICAST_TTL was invented with; 1 keeps it on the local network.
sock.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_TTL, struct.pack("b", 1))

print("sending %s" % message)
sock.sendto(message, group)
while True:
    try:
        data, server = sock.recvfrom(16)
    except socket.timeout:
        print("timed out, no more responses")
        break
    print('received "%s" from %s' % (data.decode(), server))
sock.close()
