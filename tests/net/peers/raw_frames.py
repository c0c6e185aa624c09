#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Sends frames that no host would send by itself.

raw_frames.py IFACE damaged|foreign COUNT

damaged: UDP to 239.1.2.3:10000 with a wrong checksum. foreign: of a protocol that nobody knows.
"""
import socket
import struct
import sys


def checksum(data):
    total = sum(struct.unpack("!%dH" % (len(data) // 2), data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def damaged():
    payload = b"x" * 100
    udp = struct.pack("!HHHH", 12345, 10000, 8 + len(payload), 1)
    group = socket.inet_aton("239.1.2.3")
    source = socket.inet_aton("10.0.0.2")
    ip = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 28 + len(payload), 1, 0, 1, 17, 0, source, group)
    ip = ip[:10] + struct.pack("!H", checksum(ip)) + ip[12:]
    return b"\x01\x00\x5e\x01\x02\x03" + b"\x02\0\0\0\0\x01" + b"\x08\x00" + ip + udp + payload


def foreign():
    return b"\xff" * 6 + b"\x02\0\0\0\0\x01" + b"\x88\xb5" + b"x" * 60


def main():
    interface, kind, count = sys.argv[1:]
    frames = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
    frames.bind((interface, 0))
    frame = damaged() if kind == "damaged" else foreign()
    for _ in range(int(count)):
        frames.send(frame)


main()
