#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The receiver of many multicast tutorials: joins where the routing table leads, prints and answers b'ack'."""
import socket
import struct

group, port = "224.3.29.71", 10000

sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
sock.bind(("", port))
# The old three-argument form: the group, and any interface, as two 32-bit numbers side by side.
membership = struct.pack("4sL", socket.inet_aton(group), socket.INADDR_ANY)
sock.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, membership)

print("waiting to receive message", flush=True)
while True:
    data, address = sock.recvfrom(1024)
    print("received %d bytes from %s" % (len(data), address), flush=True)
    print(data, flush=True)
    sock.sendto(b"ack", address)
    print("sent acknowledgement to", address, flush=True)
