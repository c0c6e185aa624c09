#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The classic asker: sends a question to a group and counts the answers until the socket's timeout.

    classic_ask.py GROUP IFACE PORT RESPONDERS ROUNDS

Prints the nanoseconds from sending to the answer of the last responder, one line a round.
"""
import socket
import struct
import sys
import time

PATIENCE_SECONDS = 1


def ask(sock, target, responders):
    """One round. Returns nanoseconds, or None if not everybody answered."""
    heard = set()
    start = time.monotonic_ns()
    sock.sendto(b'question', target)
    while len(heard) < responders:
        try:
            _, server = sock.recvfrom(1024)
        except socket.timeout:
            return None
        heard.add(server)
    return time.monotonic_ns() - start


def main():
    group, interface, port, responders, rounds = sys.argv[1:]
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.settimeout(PATIENCE_SECONDS)
    sock.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_TTL, struct.pack('b', 1))
    index = socket.if_nametoindex(interface)
    sock.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, struct.pack('4s4si', bytes(4), bytes(4), index))
    for _ in range(int(rounds)):
        took = ask(sock, (group, int(port)), int(responders))
        print('incomplete' if took is None else took)


main()
