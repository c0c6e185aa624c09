#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""capture_pcap.py INTERFACE FILE: writes every frame that comes in or goes out by an interface to a pcap file, until a
signal ends it. (tcpdump cannot, where it may not change its groups.)"""
import signal
import socket
import struct
import sys
import time

signal.signal(signal.SIGINT, lambda number, frame: sys.exit(0))
sock = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(0x0003))
sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8 << 20)
sock.bind((sys.argv[1], 0x0003))
with open(sys.argv[2], "wb", buffering=0) as file:
    file.write(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 262144, 1))
    print("capturing", flush=True)
    while True:
        packet = sock.recv(262144)
        now = time.time_ns() // 1000
        file.write(struct.pack("<IIII", now // 1000000, now % 1000000, len(packet), len(packet)) + packet)
