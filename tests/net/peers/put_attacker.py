#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Listens to a group, and attacks the delivery that it hears there.

    put_attacker.py ADDRESS GROUP PORT SEED PACKETS ATTACK...

ADDRESS is its own, or the one that it pretends to have. "ready" is printed when it has joined, "heard" when it has
heard a sender; SIGTERM ends it, and it prints how many packets of each kind it has sent: no more than PACKETS in all.
Attacks, a few packets for every second one that it hears:

    replay     the sender's and the receivers' packets, again, later, in another order
    truncate   the same, cut off
    flip       the same, with some bits turned over
    restart    the sender's packets, with the instance id of one that was started anew
    data       DATA of the sender's node id for its objects: wrong bytes, wrong numbers
    info       INFO of the sender's node id: names that lead out of the directory, wrong sizes, odd types
    command    EOT, SQUELCH, FLUSH and requests of the sender's node id
    nack       NACKs for everything, from nodes that do not exist
    ack        acknowledgements and receipts from nodes that do not exist
    posing     receipts of the real receivers' node ids: "complete", "failed"
    stranger   a sender of its own, whose names lead out of the directory
"""
import collections
import random
import signal
import socket
import struct
import sys

INFO, DATA, CMD, NACK, ACK = 1, 2, 3, 4, 5
NAMES = [b"../escaped", b"../../escaped", b"/run/test/escaped", b"a/../../escaped", b"..", b".", b"", b"x" * 300,
         b".herald-partial/x", b"./x", b"link", b"a//b", b"\x1b[31mred", b"two\nlines"]


def field(number, value):
    return struct.pack("!BH", number, len(value)) + value


class Attacker:
    def __init__(self, group, port, seed, limit):
        self.to = (group, port)
        self.left = limit
        self.random = random.Random(seed)
        self.sent = collections.Counter()
        self.sender = None  # (node id, instance id)
        self.delivery = 0
        self.receivers = set()
        self.headers = {}  # of the sender's last packet of each type
        self.past = collections.deque(maxlen=500)
        self.sequence = 0

    def send(self, kind, packet):
        try:
            if self.raw:  # with UDP's header before it, and no checksum; the kernel writes IP's
                packet = struct.pack("!HHHH", self.to[1], self.to[1], 8 + len(packet), 0) + packet
                ip = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(packet), 0, 0x4000, 1, 17, 0,
                                 socket.inet_aton(self.address), socket.inet_aton(self.to[0]))
                self.raw.sendto(ip + packet, (self.to[0], 0))
            else:
                self.socket.sendto(packet, self.to)
            self.sent[kind] += 1
            self.left -= 1
        except OSError:
            pass

    # ---- what it hears

    def hear(self, packet):
        if len(packet) < 16 or packet[0] >> 4 != 1:
            return
        kind, source = packet[0] & 15, struct.unpack_from("!I", packet, 4)[0]
        self.past.append(packet)
        if kind in (INFO, DATA, CMD):
            if self.sender is None:
                print("heard", flush=True)
            self.sender = (source, struct.unpack_from("!H", packet, 8)[0])
            self.headers[kind] = packet
            at = packet.find(b"hd\x01")
            if at >= 0 and packet.find(b"\x01\x00\x08", at) >= 0:
                at = packet.find(b"\x01\x00\x08", at)
                if len(packet) >= at + 11:
                    self.delivery = struct.unpack_from("!Q", packet, at + 3)[0]
        elif kind in (NACK, ACK):
            self.receivers.add(source)

    # ---- what it makes

    def number(self):
        return self.random.choice([0, 1, 0x7FFF, 0xFFFF, self.random.getrandbits(16)])

    def head(self, kind, words, source):
        self.sequence = (self.sequence + 1) & 0xFFFF
        return struct.pack("!BBHI", 16 | kind, words, self.sequence, source)

    def sender_head(self, kind, words):
        return self.head(kind, words, self.sender[0]) + struct.pack("!HBB", self.sender[1], 120, 0x41)

    def feedback_head(self, kind, source, acks=(0, 0)):
        return self.head(kind, 6, source) + struct.pack("!IHBBII", self.sender[0], self.sender[1], *acks, 0, 0)

    def strange_node(self):
        return self.random.choice([self.random.getrandbits(32), 0, 0xFFFFFFFF, self.sender[0], 7, 8, 9])

    def attack_replay(self):
        return [self.random.choice(self.past)]

    def attack_truncate(self):
        packet = self.random.choice(self.past)
        return [packet[:self.random.randrange(len(packet) + 1)]]

    def attack_flip(self):
        packet = bytearray(self.random.choice(self.past))
        for _ in range(self.random.choice([1, 2, 30])):
            packet[self.random.randrange(len(packet))] ^= 1 << self.random.randrange(8)
        return [bytes(packet)]

    def attack_restart(self):
        packet = bytearray(self.random.choice(self.past))
        if packet[0] & 15 in (INFO, DATA, CMD):
            packet[8:10] = self.random.choice([b"\0\1", b"\0\2", bytes(packet[8:10])])
        return [bytes(packet)]

    def attack_data(self):
        packet = self.headers.get(DATA)
        if packet is None:
            return []
        wrong = bytearray(packet)
        size = wrong[1] * 4
        if self.random.random() < 0.5:  # the same segment with other bytes
            wrong[size:] = self.random.randbytes(len(wrong) - size)
        else:  # another object, block or symbol
            where = self.random.choice([14, 16, 18, 19])
            wrong[where] = self.random.getrandbits(8)
        return [bytes(wrong)]

    def info_of(self, head):
        name = self.random.choice(NAMES)
        return (head + name + b"\0hd\x01" + field(2, self.random.choice([b"f", b"d", b"l", b"b", b"s", b"D", b"X", b"?"]))
                + field(1, struct.pack("!Q", self.delivery or 1))
                + field(3, struct.pack("!I", self.random.choice([0, 1, 2, 0xFFFFFF, 0xFFFFFFFF])))
                + field(4, self.random.choice([b"", b"..", b"a/..", b"/etc", b"x/" * 500]))
                + field(5, struct.pack("!H", 0o6777)) + field(10, self.random.choice([b"/etc/passwd", b"../..", b"x"]))
                + field(8, self.random.randbytes(16)) + field(9, struct.pack("!Q", 5)))

    def object_head(self, kind, object_id, size):
        # flags: FILE and INFO; FEC id 5; EXT_FTI (64) of three words: size, segment size, k, parity
        fti = struct.pack("!BBHIHBB", 64, 3, size >> 32 & 0xFFFF, size & 0xFFFFFFFF, 1400, 64, 96)
        body = struct.pack("!BBH", 0x10 | 0x04, 5, object_id)
        return self.sender_head(kind, 4 + 3 + (kind == DATA)) + body + (b"\0\0\0\0" if kind == DATA else b"") + fti

    def attack_info(self):
        last = self.headers.get(DATA) or self.headers.get(INFO)
        object_id = struct.unpack_from("!H", last, 14)[0] if last else 0
        object_id = (object_id + self.random.choice([0, 0, 1, 2, 5, 100])) & 0xFFFF
        size = self.random.choice([0, 5, 1 << 47])
        return [self.info_of(self.object_head(INFO, object_id, size)),
                self.object_head(DATA, object_id, size) + b"hello"]

    def attack_command(self):
        flavor = self.random.choice([1, 2, 3, 4, 5, 6, 7])
        body = struct.pack("!BBH", flavor, 5, self.number()) + self.random.randbytes(4)
        if flavor == 5:  # ACK_REQ
            kind = self.random.choice([1, 2, 3, 4])
            content = (b"hd\x01" + bytes([kind]) + field(1, struct.pack("!Q", self.random.choice([self.delivery, 5])))
                       + field(12, struct.pack("!I", self.random.choice([1, 1000, 0xFFFFFFFF]))) + field(13, b"go away"))
            body = struct.pack("!BBBB", flavor, 0, 0x68, self.random.getrandbits(8))
            return [self.sender_head(CMD, 4) + body + content]
        return [self.sender_head(CMD, 4) + body, self.sender_head(CMD, 5) + body + self.random.randbytes(40)]

    def attack_nack(self):
        first = struct.pack("!BBHI", 5, 0, 0, 0)
        last = struct.pack("!BBHI", 5, 0, self.number(), 0xFFFFFFFF)
        flags = self.random.choice([1, 2, 4, 8, 15])
        content = struct.pack("!BBH", self.random.choice([1, 2, 3]), flags, 16) + first + last
        return [self.feedback_head(NACK, self.strange_node()) + content * self.random.choice([1, 30])]

    def receipt(self, source, state, complete, failed):
        content = (b"hd\x01\x02" + field(1, struct.pack("!Q", self.delivery)) + field(11, b"nobody")
                   + field(14, bytes([state])) + field(15, struct.pack("!I", complete))
                   + field(16, struct.pack("!I", failed)) + field(17, b"\xff" * 8)
                   + field(19, struct.pack("!II", 0, 0xFFFFFFFE)) + field(13, b"\x1b]0;title\x07 it fell down"))
        return self.feedback_head(ACK, source, (0x68, self.random.getrandbits(8))) + content

    def attack_ack(self):
        node = self.strange_node()
        return [self.receipt(node, self.random.choice([0, 1, 2, 3]), self.number(), self.number()),
                self.feedback_head(ACK, node, (self.random.choice([1, 2, 16]), 1)) + self.random.randbytes(12)]

    def attack_posing(self):
        if not self.receivers:
            return []
        return [self.receipt(self.random.choice(sorted(self.receivers)), self.random.choice([1, 2]), 1 << 31, 0)]

    def attack_stranger(self):
        true, self.sender = self.sender, (0x666, 1)
        object_id = self.random.randrange(200)
        size = self.random.choice([0, 5])
        packets = [self.info_of(self.object_head(INFO, object_id, size)),
                   self.object_head(DATA, object_id, size) + b"hello"]
        self.sender = true
        return packets

    def run(self, address, attacks):
        own = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        own.connect(self.to)
        true_address = own.getsockname()[0]
        self.address = address
        self.raw = None
        if address != true_address:
            self.raw = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)
            self.raw.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, socket.inet_aton(true_address))
            self.raw.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_LOOP, 0)
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.bind(self.to)
        self.socket.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP,
                               socket.inet_aton(self.to[0]) + socket.inet_aton(true_address))
        self.socket.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, socket.inet_aton(true_address))
        self.socket.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_LOOP, 0)
        print("ready", flush=True)
        while True:
            packet, _ = self.socket.recvfrom(65536)
            self.hear(packet)
            if self.sender is None or self.left <= 0 or self.random.random() < 0.5:
                continue
            kind = self.random.choice(attacks)
            for forged in getattr(self, "attack_" + kind)():
                self.send(kind, forged)


def main():
    attacker = Attacker(sys.argv[2], int(sys.argv[3]), int(sys.argv[4]), int(sys.argv[5]))

    def end(*_):
        print("sent", " ".join("%s=%d" % pair for pair in sorted(attacker.sent.items())), flush=True)
        sys.exit(0)

    signal.signal(signal.SIGTERM, end)
    attacker.run(sys.argv[1], sys.argv[6:])


main()
