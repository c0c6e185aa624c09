#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Asks a server of the Multicast Ping Protocol what it should not give: ping_forger.py SERVER."""
import socket
import struct
import sys

server = (sys.argv[1], 9903)
sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
sock.settimeout(10)


def option(kind, value):
    return struct.pack(">HH", kind, len(value)) + value


def request(kind, sequence, *more):
    return (kind + option(0, b"\x02") + option(1, b"forger") + option(2, struct.pack(">I", sequence)) +
            option(4, b"\0\x01" + socket.inet_aton("232.43.211.234")) + b"".join(more))


def ask(message):
    sock.sendto(message, server)
    return sock.recv(65535)


def session_of(message):
    at = 1
    while at < len(message):
        kind, size = struct.unpack_from(">HH", message, at)
        if kind == 11:
            return message[at + 4:at + 4 + size]
        at += 4 + size
    return None


answers = [ask(request(b"Q", 1))]
print("rfc without session:", answers[-1][:1].decode())
answers.append(ask(request(b"Q", 2, option(11, b"guessed!"))))
print("rfc with a wrong session:", answers[-1][:1].decode())
session = session_of(ask(request(b"I", 3)))
answers.append(ask(request(b"Q", 4, option(11, session))))
print("rfc with its session:", answers[-1][:1].decode())
print("largest: %d bytes" % max(map(len, answers)))

for sequence in range(1000):
    sock.sendto(request(b"Q", 10 + sequence), server)
got = 0
sock.settimeout(2)
try:
    while True:
        sock.recv(65535)
        got += 1
except socket.timeout:
    pass
print("flood: %d of 1000" % got, flush=True)
