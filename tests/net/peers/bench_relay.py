# SPDX-License-Identifier: MIT
"""Passes a test stream on to another group: every tenth datagram twice, and of every tenth pair the second one first.

    bench_relay.py FROM_GROUP TO_GROUP PORT OWN_ADDRESS

Prints "ready" when it has joined. The last datagram of a stream (a negative number) is neither repeated nor swapped.
"""

import socket
import struct
import sys


def main():
    from_group, to_group, port, own = sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4]
    receiver = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    receiver.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    receiver.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
    receiver.bind((from_group, port))
    membership = socket.inet_aton(from_group) + socket.inet_aton(own)
    receiver.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, membership)
    sender = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sender.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, socket.inet_aton(own))
    print("ready", flush=True)
    held = None
    while True:
        datagram = receiver.recv(65536)
        number = struct.unpack("!i", datagram[:4])[0]
        if number > 0 and number % 10 == 5:
            held = datagram
            continue
        sender.sendto(datagram, (to_group, port))
        if held is not None:
            sender.sendto(held, (to_group, port))
            held = None
        if number > 0 and number % 10 == 0:
            sender.sendto(datagram, (to_group, port))


main()
