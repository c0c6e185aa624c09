# SPDX-License-Identifier: MIT
"""Begins test streams and goes on with none: each datagram is the first of another one.

    bench_inventor.py GROUP PORT OWN_ADDRESS COUNT [ended]

With "ended" it is the last one, too, each comes from a port of its own, and a report is asked for some time in the
next 65 s. Prints "sent N, got BYTES back" at the end.
"""

import socket
import struct
import sys
import time


def head(stream, ended):
    number, seconds = -1 if ended else 1, int(time.time())
    return struct.pack("!iIIiI", number, seconds, 0, number >> 32, 0x08000000) + struct.pack(
        "!4sBBBBQQQHHH6x", b"HBen", 1, 0, 1, 0, stream, 0, 0xC10C, 0, 10, 65535 if ended else 0
    )


def open_port(own):
    talk = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    talk.bind((own, 0))
    talk.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, socket.inet_aton(own))
    talk.setblocking(False)
    return talk


def main():
    group, port, own, count = sys.argv[1], int(sys.argv[2]), sys.argv[3], int(sys.argv[4])
    ended = sys.argv[5:] == ["ended"]
    talks = [open_port(own)]
    got = 0
    for stream in range(1, count + 1):
        if ended:
            talks.append(open_port(own))
        talks[-1].sendto(head(stream, ended), (group, port))
        try:
            while True:
                got += len(talks[-1].recv(65536))
        except BlockingIOError:
            pass
    print(f"sent {count}, got {got} back", flush=True)


main()
