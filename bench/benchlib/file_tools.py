# SPDX-License-Identifier: MIT
"""Who delivers files: the limits, herald, and its rivals, each with its command lines."""
import dataclasses
import shutil
import typing

from .file_network import address
from .network import GROUP, INTERFACE, PORT

DATA_GROUP = '239.1.2.4'  # for rivals that want another one for the data
TCP_PORT = 10001
UFTP_PORT = 1044
UDPCAST_PORT = 9000
UDPCAST_EXIT_WAIT_MS = 500
SOCKET_BUFFER_BYTES = 4 << 20
SEGMENT_BYTES = 1400
NORM_PARITY = 16  # for 64, where there is loss; libnorm computes it with all that it sends: none is faster without loss
RATES_MBIT = [50, 100, 200, 400, 800, 1600, 3200, 6400]


@dataclasses.dataclass
class Cell:
    """What is delivered to whom."""
    network: object
    build: object         # where the compiled programs are
    directory: object     # for the files, in memory
    receivers: int
    loss_percent: float
    size_bytes: int
    file: object = None    # that is sent
    rate_mbit: int = 0     # for tools that have to be told

    def name(self):
        """For people."""
        loss = f'{self.loss_percent:g}% loss' if self.loss_percent else 'no loss'
        return f'{self.size_bytes / 1e6:g} MB to {self.receivers}, {loss}'

    def inbox(self, index):
        """The directory of a receiver."""
        return self.directory / f'inbox{index}'

    def window(self):
        """The page that the limits share."""
        return self.directory / 'window'

    def program(self, name):
        """The path of a program of this directory."""
        return self.build / 'bench' / name


@dataclasses.dataclass
class Tool:
    """A way to deliver a file. `send` and `receive` make command lines from a Cell (and a receiver's index)."""
    key: str
    label: str
    kind: str                 # limit, herald or rival
    send: typing.Callable
    receive: typing.Callable
    ready: typing.Callable    # of a receiver's Metered
    marker: str = ''          # what a receiver prints when it has the file; without one it exits then
    marker_late_ms: int = 0   # it waits so long before it prints that
    has_file: bool = True     # each inbox has a file called "file" in the end
    guess_mbit: int = 0       # it has to be told a rate: the sum at all receivers where the best may be
    needs: str = ''           # a program without which it cannot be measured


def joined(program):
    """Has it joined the group?"""
    return program.joined(GROUP)


# ---- limits -----------------------------------------------------------------------------------------

def blast(sink):
    """The command lines of bench-blast-file, whose receivers do that with what arrives; nothing: write a file."""
    def common(cell, file, role, number):
        return [cell.program('bench-blast-file'), cell.size_bytes, file, role, '-g', GROUP, '-p', PORT,
                '-i', INTERFACE, '-s', SEGMENT_BYTES, '-w', cell.window(), '-n', number]

    def send(cell):
        return common(cell, '-', 'send', cell.receivers)

    def receive(cell, index):
        return common(cell, sink or cell.inbox(index) / 'file', 'receive', index)

    return send, receive


# ---- herald -----------------------------------------------------------------------------------------

def herald_send(rate):
    """`herald put` with that rate."""
    def send(cell):
        return [cell.build / 'herald', 'put', f'{GROUP}:{PORT}', cell.file, '--rate', rate,
                '--expect', cell.receivers]
    return send


def herald_receive(cell, index):
    """Into the receiver's directory."""
    return [cell.build / 'herald', 'get', f'{GROUP}:{PORT}', '-d', cell.inbox(index), '--count', 1, '--json']


def herald_receive_null(cell, _index):
    """Received and verified, and thrown away."""
    return ['sh', '-c', 'exec "$@" >/dev/null', 'sh', cell.build / 'herald', 'get', f'{GROUP}:{PORT}', '-o', '-',
            '--count', 1]


def herald_data_send(cell):
    """The library alone: as many bytes, as DATA objects."""
    return [cell.program('bench-copy-data'), 'send', cell.size_bytes, f'{GROUP}:{PORT}', cell.receivers]


def herald_data_receive(cell, _index):
    """Into memory of its own, verified."""
    return [cell.program('bench-copy-data'), 'receive', cell.size_bytes, f'{GROUP}:{PORT}']


# ---- rivals -----------------------------------------------------------------------------------------

def uftp_id(number):
    """How uftp calls a host."""
    return f'0x{number + 1:08x}'


def uftp_send(cell):
    """To a closed group, so that it begins as soon as all are there."""
    hosts = ','.join(uftp_id(1 + index) for index in range(cell.receivers))
    return ['uftp', '-R', cell.rate_mbit * 1000, '-B', SOCKET_BUFFER_BYTES, '-b', SEGMENT_BYTES, '-I', INTERFACE,
            '-M', GROUP, '-P', DATA_GROUP, '-p', UFTP_PORT, '-U', uftp_id(0), '-r', '0.01', '-H', hosts, cell.file]


def uftp_receive(cell, index):
    """In the foreground."""
    return ['uftpd', '-d', '-q', '-D', cell.inbox(index), '-I', INTERFACE, '-M', GROUP, '-p', UFTP_PORT,
            '-U', uftp_id(1 + index), '-B', SOCKET_BUFFER_BYTES, '-c', 20 << 20, '-F', '@LOG']


def udpcast_send(cell):
    """Its full-duplex mode, the faster one."""
    return ['udp-sender', '--file', cell.file, '--interface', INTERFACE, '--portbase', UDPCAST_PORT, '--nokbd',
            '--mcast-data-address', DATA_GROUP, '--full-duplex', '--sendbuf', SOCKET_BUFFER_BYTES,
            '--min-receivers', cell.receivers, '--start-timeout', 20, '--rexmit-hello-interval', 200, '--no-progress']


def udpcast_receive(cell, index):
    """Stays a little in case that the sender has not heard that it is complete; only then it says so."""
    return ['udp-receiver', '--file', cell.inbox(index) / 'file', '--interface', INTERFACE,
            '--portbase', UDPCAST_PORT, '--nokbd', '--rcvbuf', SOCKET_BUFFER_BYTES,
            '--exit-wait', UDPCAST_EXIT_WAIT_MS, '--no-progress']


def norm_send(cell):
    """Done when all have acknowledged."""
    nodes = [2 + index for index in range(cell.receivers)]
    return [cell.program('bench-copy-norm'), 'send', cell.file, GROUP, PORT, INTERFACE, 1, cell.rate_mbit,
            NORM_PARITY if cell.loss_percent else 0, *nodes]


def norm_receive(cell, index):
    """Into the receiver's directory."""
    return [cell.program('bench-copy-norm'), 'receive', cell.inbox(index), GROUP, PORT, INTERFACE, 2 + index]


def tcp_send(cell):
    """One connection to each, with the least that a program can do."""
    return [cell.program('bench-copy-tcp'), 'send', cell.file, TCP_PORT,
            *(address(1 + index) for index in range(cell.receivers))]


def tcp_receive(cell, index):
    """Ends with the connection."""
    return [cell.program('bench-copy-tcp'), 'receive', cell.inbox(index) / 'file', TCP_PORT]


def socat_send(cell):
    """One socat for each connection, as one does it by hand."""
    calls = ''.join(f'socat -u FILE:{cell.file} TCP:{address(1 + index)}:{TCP_PORT} & '
                    for index in range(cell.receivers))
    return ['sh', '-c', calls + 'wait']


def socat_receive(cell, index):
    """Ends with the connection."""
    return ['socat', '-u', f'TCP-LISTEN:{TCP_PORT}', f'CREATE:{cell.inbox(index) / "file"}']


TOOLS = [
    Tool('raw_blast', 'blast, nothing written', 'limit', *blast('-'), joined, has_file=False),
    Tool('digest_blast', 'blast, its digest taken', 'limit', *blast('digest'), joined, has_file=False),
    Tool('memory_blast', 'blast, digest, copied to memory', 'limit', *blast('memory'), joined, has_file=False),
    Tool('write_blast', 'blast, written to a file', 'limit', *blast(''), joined),
    Tool('herald', 'herald --rate auto', 'herald', herald_send('auto'), herald_receive, joined,
         marker='"verified":true'),
    Tool('herald_max', 'herald --rate max', 'herald', herald_send('max'), herald_receive, joined,
         marker='"verified":true'),
    Tool('herald_null', 'herald --rate max, not written', 'herald', herald_send('max'), herald_receive_null, joined,
         marker=', verified,', has_file=False),
    Tool('herald_data', 'library --rate max, in memory', 'herald', herald_data_send, herald_data_receive, joined,
         marker='complete, verified', has_file=False),
    Tool('tcp', 'TCP (sendfile), a copy to each', 'rival', tcp_send, tcp_receive,
         lambda program: program.bound('tcp', TCP_PORT)),
    Tool('tcp_socat', 'TCP (socat), a copy to each', 'rival', socat_send, socat_receive,
         lambda program: program.bound('tcp', TCP_PORT), needs='socat'),
    Tool('udpcast', 'udpcast', 'rival', udpcast_send, udpcast_receive,
         lambda program: program.bound('udp', UDPCAST_PORT), marker='Transfer complete',
         marker_late_ms=UDPCAST_EXIT_WAIT_MS, needs='udp-sender'),
    Tool('uftp', 'UFTP', 'rival', uftp_send, uftp_receive, joined, marker='RESULT;', guess_mbit=1600, needs='uftp'),
    Tool('norm', 'NRL NORM (libnorm)', 'rival', norm_send, norm_receive, joined, marker='complete',
         guess_mbit=800, needs='bench-copy-norm'),
]


def is_missing(tool, build):
    """The program that is missing to measure this tool, or nothing."""
    if not tool.needs or shutil.which(tool.needs) or (build / 'bench' / tool.needs).exists():
        return ''
    return tool.needs
