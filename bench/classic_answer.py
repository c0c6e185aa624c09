#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The classic answerer: joins a group where the route to it leads, and sends b'ack' back to whoever speaks.

    classic_answer.py GROUP PORT
"""
import socket
import struct
import sys


def main():
    group, port = sys.argv[1:]
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.bind(('', int(port)))
    membership = socket.inet_aton(group) + struct.pack('=I', socket.INADDR_ANY)
    sock.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, membership)
    while True:
        _, address = sock.recvfrom(1024)
        sock.sendto(b'ack', address)


main()
