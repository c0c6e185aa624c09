# SPDX-License-Identifier: MIT
"""Sends lossy test streams from many addresses that answer no ARP, and asks for reports every 10 ms.

    bench_forger.py GROUP PORT FIRST_ADDRESS COUNT SIZE GAP_MS

Each stream sends a datagram of SIZE bytes each GAP_MS. Prints "ready" once each has begun; goes on until it is killed.
"""

import ipaddress
import socket
import struct
import sys
import time


def head(stream, number, size):
    head = struct.pack("!IIIII", number, int(time.time()), 0, 0, 0x08000000) + struct.pack(
        "!4sBBBBQQQHHH6x", b"HBen", 1, 0, 1, 0, stream, 0, 0xC10C, 0, 10, 0
    )
    return head + bytes(size - len(head))


def main():
    group, port, first, count, size = sys.argv[1], int(sys.argv[2]), sys.argv[3], int(sys.argv[4]), int(sys.argv[5])
    gap_s = int(sys.argv[6]) / 1000
    talks = []
    for i in range(count):
        own = str(ipaddress.ip_address(first) + i)
        talk = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        talk.bind((own, 0))
        talk.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, socket.inet_aton(own))
        talks.append(talk)
    number = 1
    while True:
        for i, talk in enumerate(talks):
            talk.sendto(head(i + 1, number, size), (group, port))
        if number == 1:
            print("ready", flush=True)
        number += 2
        time.sleep(gap_s)


main()
