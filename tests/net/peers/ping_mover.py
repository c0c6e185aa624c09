#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A server of the Multicast Ping Protocol that offers other groups: ping_mover.py PORT GROUP LATER-GROUP."""
import socket
import struct
import sys

groups = [socket.inet_aton(group) for group in sys.argv[2:4]]
sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
sock.bind(("", int(sys.argv[1])))
print("ready", flush=True)


def option(kind, value):
    return struct.pack(">HH", kind, len(value)) + value


def options_of(message):
    options, at = {}, 1
    while at + 4 <= len(message):
        kind, size = struct.unpack_from(">HH", message, at)
        options[kind] = message[at + 4:at + 4 + size]
        at += 4 + size
    return options


requests = 0
while True:
    message, client = sock.recvfrom(65535)
    options = options_of(message)
    if 0 not in options:  # the older form
        continue
    requests += message[:1] == b"Q"
    offered = groups[requests > 2]
    group = options.get(4, b"")[2:]
    if group != offered:  # a Server Response, with a session
        sock.sendto(b"S" + option(0, b"\2") + option(1, options[1]) + option(2, options[2]) +
                    option(4, b"\0\1" + offered) + option(11, b"session!"), client)
        continue
    answer = b"A" + message[1:]
    sock.sendto(answer, client)
    sock.sendto(answer, (socket.inet_ntoa(group), client[1]))
