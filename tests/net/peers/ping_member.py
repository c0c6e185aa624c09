#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A member that answers herald's pings, written from the description of the messages alone.

    ping_member.py GROUP PORT MODE [ARGUMENTS...]

MODE: plain; twice (each answer two times); hostile (a name full of escapes, and answers that are no answers besides);
until (N COMMAND...: runs it at request N).
Says "ready", then a line for each request.
"""
import os
import socket
import struct
import subprocess
import sys

group, port, mode = sys.argv[1], int(sys.argv[2]), sys.argv[3]
ASK, TOLD, PADDING = 0xF4E0, 0xF4E1, 0xF4E2
NOT_COPIED = {6, 9, 10, 11, 12, ASK, TOLD, PADDING, 0xF4E3}
member_id = os.urandom(8)

sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
sock.bind((group, port))
joined = struct.pack("=4s4sI", socket.inet_aton(group), b"\0" * 4, socket.if_nametoindex("eth0"))
sock.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, joined)
out = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
out.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF,
               struct.pack("=4s4sI", b"\0" * 4, b"\0" * 4, socket.if_nametoindex("eth0")))
out.bind(("", 0))


def options(message):
    at = 1
    while at < len(message):
        kind, size = struct.unpack_from(">HH", message, at)
        yield kind, message[at + 4:at + 4 + size]
        at += 4 + size


def option(kind, value):
    return struct.pack(">HH", kind, len(value)) + value


heard = 0
print("ready", flush=True)
while True:
    request, asker = sock.recvfrom(65535)
    found = dict(options(request))
    version, flags, modulus, remainder, delay_us, size = struct.unpack(">BBHHIH", found[ASK])
    assert request[:1] == b"Q" and found[0] == b"\x02" and version == 1
    heard += 1
    by_multicast = flags & 1 and int.from_bytes(member_id, "big") % modulus == remainder
    name = b"\x1b[31mred\x07\n\xff" if mode == "hostile" else b"python"
    answer = b"A" + b"".join(option(k, v) for k, v in options(request) if k not in NOT_COPIED)
    answer += option(6, name + b" (herald 0)") + option(9, bytes([64 if not by_multicast else 1]))
    answer += option(TOLD, struct.pack(">BBBB8s2xHIIIIII", 1, 1, 0, 0, member_id, 0, 0, heard, 0, heard, 0, 0))
    assert len(answer) <= len(request)
    sequence = struct.unpack(">I", found[2])[0]
    print("request %d of %d bytes" % (sequence, len(request)), flush=True)
    if mode == "until" and sequence == int(sys.argv[4]):
        subprocess.run(sys.argv[5:], check=True)
    for _ in range(2 if mode == "twice" else 1):
        out.sendto(answer, asker)
        if by_multicast:
            out.sendto(answer, (group, asker[1]))
    if mode == "hostile":
        for bad in (b"", b"A", b"A\0\1", answer[:-1], answer.replace(found[1], b"x" * len(found[1])),
                    answer[:1] + option(2, b"\xff\xff\xff\xff") + answer[1:], b"S" + answer[1:], request,
                    answer + option(TOLD, b"\0" * 40), os.urandom(200)):
            out.sendto(bad, asker)
