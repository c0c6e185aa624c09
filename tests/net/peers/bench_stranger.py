# SPDX-License-Identifier: MIT
"""A receiver of test streams on "another host": its clock is an hour ahead, and it says so by another clock id.

    bench_stranger.py GROUP PORT OWN_ADDRESS

It counts what arrives, reports it once, and answers questions for the time. Then it sends the sender rubbish: reports
that are cut, that contradict themselves, that claim more than was sent, or that are of nobody. Prints "ready" when it has joined.
"""

import random
import socket
import struct
import sys
import time

AHEAD_NS = 3600 * 10**9
CAUSES = 9
RECEIVER_ID = 0x1234567890


def report(stream, number, last, base, delays, host=b"stranger", lost=0, receiver=RECEIVER_ID):
    delays = sorted(delays)
    count = len(delays)
    figures = struct.pack("!12Q", count, count * 100, count + lost, lost, 0, 0, 0, 0, 0, 10**9, 1000, 4096)
    picks = [delays[0], sum(delays) // count, delays[count // 2], delays[-1], delays[-1], delays[-1], delays[-1]]
    return (
        struct.pack("!4sBBBBQQ", b"HBrp", 1, 3 if last else 0, 255, 0, stream, receiver)
        + struct.pack("!QI", 0xC10C, number)
        + figures
        + struct.pack("!QB", 10**6, CAUSES)
        + struct.pack("!9Q", lost, *[0] * 8)
        + struct.pack("!qQ", base, count)
        + struct.pack("!7q", *picks)
        + struct.pack("!B", len(host)) + host
        + struct.pack("!B", 4) + b"eth0"
        + struct.pack("!BHHHI", 5, 1, 3, 0, count)
    )


def rubbish(message):
    dice = random.Random(1)
    for length in range(0, len(message), 7):
        yield message[:length]
    for _ in range(300):
        broken = bytearray(message)
        for _ in range(8):
            broken[dice.randrange(4, len(broken))] = dice.randrange(256)
        broken[16:24] = RECEIVER_ID.to_bytes(8, "big")[::-1]
        broken[8:16] = dice.randbytes(8)
        yield bytes(broken)
    yield message + bytes(30000)


def main():
    group, port, own = sys.argv[1], int(sys.argv[2]), sys.argv[3]
    data = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    data.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    data.bind((group, port))
    data.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, socket.inet_aton(group) + socket.inet_aton(own))
    talk = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    talk.bind((own, 0))
    print("ready", flush=True)
    delays = []
    base = None
    sender = stream = None
    ended = False
    while not ended:
        datagram, sender = data.recvfrom(65536)
        arrived = time.time_ns() + AHEAD_NS
        low, seconds, micros, high = struct.unpack("!IIII", datagram[:16])
        stream = struct.unpack("!Q", datagram[28:36])[0]
        ended = high & 0x80000000 != 0
        transit = arrived - (seconds * 10**9 + micros * 1000)
        base = transit if base is None else base
        delays.append(transit - base)
        if len(delays) == 20:
            talk.sendto(report(stream, 1, False, base, delays), sender)
            request = talk.recv(65536)
            received = time.time_ns() + AHEAD_NS
            assert request[:4] == b"HBrq" and request[5] & 4
            asked = request[32:40]
            answered = time.time_ns() + AHEAD_NS
            answer = struct.pack("!4sBBBBQQ", b"HBta", 1, 0, 0, 0, stream, RECEIVER_ID)
            talk.sendto(answer + asked + struct.pack("!QQ", received, answered), sender)
            for message in rubbish(report(stream, 1, False, base, delays)):
                talk.sendto(message, sender)
            talk.sendto(report(stream, 1, False, base, delays, b"liar", 10**9, receiver=1), sender)
    talk.sendto(report(stream, 2, True, base, delays), sender)
    print("reported", flush=True)


main()
