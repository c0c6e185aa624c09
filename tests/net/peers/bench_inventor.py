# SPDX-License-Identifier: MIT
"""Begins test streams and goes on with none: each datagram is the first of another one.

    bench_inventor.py GROUP PORT OWN_ADDRESS COUNT

Prints "sent N, got BYTES back" at the end.
"""

import socket
import struct
import sys
import time


def head(stream):
    number, seconds = 1, int(time.time())
    return struct.pack("!IIIII", number, seconds, 0, 0, 0x08000000) + struct.pack(
        "!4sBBBBQQQHHH6x", b"HBen", 1, 0, 1, 0, stream, 0, 0xC10C, 0, 10, 0
    )


def main():
    group, port, own, count = sys.argv[1], int(sys.argv[2]), sys.argv[3], int(sys.argv[4])
    talk = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    talk.bind((own, 0))
    talk.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, socket.inet_aton(own))
    talk.setblocking(False)
    got = 0
    for stream in range(1, count + 1):
        talk.sendto(head(stream), (group, port))
        try:
            while True:
                got += len(talk.recv(65536))
        except BlockingIOError:
            pass
    print(f"sent {count}, got {got} back", flush=True)


main()
