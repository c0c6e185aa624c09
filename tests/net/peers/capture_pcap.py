#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""capture_pcap.py INTERFACE FILE: writes every frame that comes in or goes out by an interface to a pcap file, until a
signal ends it. (tcpdump cannot, where it may not change its groups.) By a ring that is shared with the kernel: a
socket's buffer would be as small as net.core.rmem_max wants it, and lose packets on a busy machine."""
import mmap
import select
import signal
import socket
import struct
import sys

SOL_PACKET, PACKET_RX_RING, PACKET_STATISTICS, PACKET_VERSION, TPACKET_V2 = 263, 5, 6, 10, 1  # linux/if_packet.h
BLOCK_BYTES, BLOCKS, FRAME_BYTES = 1 << 16, 256, 2048
FRAMES = BLOCK_BYTES // FRAME_BYTES * BLOCKS
TO_KERNEL, TO_USER = 0, 1


def take(file, ring, frame):
    """Writes a frame to the file, if there is one. The kernel's time of it is kept."""
    start = frame * FRAME_BYTES
    status, size, kept, mac, _, seconds, nanoseconds = struct.unpack_from('=IIIHHII', ring, start)
    if not status & TO_USER:
        return False
    if kept < size:
        sys.exit(f'a frame of {size} bytes does not fit')
    file.write(struct.pack('<IIII', seconds, nanoseconds // 1000, kept, size)
               + ring[start + mac:start + mac + kept])
    struct.pack_into('=I', ring, start, TO_KERNEL)
    return True


def capture(sock, ended, file):
    """Until a signal has come and nothing is left."""
    ring = mmap.mmap(sock.fileno(), BLOCK_BYTES * BLOCKS)
    poll = select.poll()
    poll.register(sock, select.POLLIN)
    poll.register(ended, select.POLLIN)
    frame, is_on = 0, True
    while True:
        if take(file, ring, frame):
            frame = (frame + 1) % FRAMES
        elif is_on:
            is_on = ended.fileno() not in [fd for fd, _ in poll.poll()]
        else:
            return


def main(interface, path):
    """The whole."""
    ended, end = socket.socketpair()
    end.setblocking(False)
    signal.set_wakeup_fd(end.fileno())
    signal.signal(signal.SIGINT, lambda number, frame: None)
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW) as sock, open(path, 'wb', buffering=0) as file:
        sock.setsockopt(SOL_PACKET, PACKET_VERSION, TPACKET_V2)
        sock.setsockopt(SOL_PACKET, PACKET_RX_RING,
                        struct.pack('IIII', BLOCK_BYTES, BLOCKS, FRAME_BYTES, FRAMES))
        sock.bind((interface, 0x0003))
        file.write(struct.pack('<IHHiIII', 0xA1B2C3D4, 2, 4, 0, 0, 262144, 1))
        print('capturing', flush=True)
        capture(sock, ended, file)
        lost = struct.unpack('II', sock.getsockopt(SOL_PACKET, PACKET_STATISTICS, 8))[1]
    if lost:
        sys.exit(f'{lost} packets were not captured')


main(sys.argv[1], sys.argv[2])
