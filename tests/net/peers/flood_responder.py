#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Answers one multicast message from many ports at once:
flood_responder.py GROUP PORT OWN-ADDRESS PORTS ROUNDS BYTES [FILE: answer when it exists]"""
import os
import resource
import socket
import struct
import sys
import time

group, port, own = sys.argv[1], int(sys.argv[2]), sys.argv[3]
ports, rounds, size = (int(text) for text in sys.argv[4:7])
gate = sys.argv[7] if len(sys.argv) > 7 else "/"
resource.setrlimit(resource.RLIMIT_NOFILE, (ports + 40, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))

sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
sock.bind((group, port))
sock.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP,
                struct.pack("4s4s", socket.inet_aton(group), socket.inet_aton(own)))
crowd = []
for _ in range(ports):
    one = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    one.bind((own, 0))
    crowd.append(one)
print("ready with %d ports" % ports, flush=True)
while True:
    _, asker = sock.recvfrom(65536)
    print("asked", flush=True)
    while not os.path.exists(gate):
        time.sleep(0.005)
    for _ in range(rounds):
        for one in crowd:
            one.sendto(b"x" * size, asker)
    print("answered", flush=True)
