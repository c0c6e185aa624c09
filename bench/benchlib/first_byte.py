# SPDX-License-Identifier: MIT
"""How long it takes until what is sent begins to come out at the receivers, when nobody is waited for."""
import dataclasses
import shutil
import statistics
import sys
import time

from . import file_tools
from .file_network import address, wait_any
from .file_tools import joined
from .network import GROUP, INTERFACE, PORT, SENDER, Failure

MARK = b'the first byte'
FILE_BYTES = 1_000_000
PATIENCE_SECONDS = 20


@dataclasses.dataclass
class Way:
    """How it is sent to whoever listens. `send` makes a command line from where programs are, the file, and N."""
    label: str
    send: object
    receive: list
    ready: object
    needs: str = ''


def tcp_send(_build, file, receivers):
    """A connection to each, at once."""
    calls = ''.join(f'socat -u FILE:{file} TCP:{address(1 + index)}:{file_tools.TCP_PORT} & '
                    for index in range(receivers))
    return ['sh', '-c', f'{calls}wait']


def udpcast_send(_build, file, receivers):
    """To so many, asking for them often."""
    return ['udp-sender', '--file', file, '--interface', INTERFACE, '--portbase', file_tools.UDPCAST_PORT, '--nokbd',
            '--mcast-data-address', file_tools.DATA_GROUP, '--full-duplex', '--min-receivers', receivers,
            '--rexmit-hello-interval', 200, '--no-progress']


def ways(build):
    """Who is compared."""
    return [
        Way('herald put, nobody expected', lambda _build, file, _: [build / 'herald', 'put', f'{GROUP}:{PORT}', file],
            [build / 'herald', 'get', f'{GROUP}:{PORT}', '-o', '-', '--count', 1], joined),
        Way('socat, TCP to each', tcp_send, ['socat', '-u', f'TCP-LISTEN:{file_tools.TCP_PORT}', 'STDOUT'],
            lambda program: program.bound('tcp', file_tools.TCP_PORT), 'socat'),
        Way('udpcast', udpcast_send,
            ['udp-receiver', '--interface', INTERFACE, '--portbase', file_tools.UDPCAST_PORT, '--nokbd',
             '--no-progress'],
            lambda program: program.bound('udp', file_tools.UDPCAST_PORT), 'udp-sender'),
    ]


def measure(network, build, way, file, receivers):
    """Seconds from the start of the sender's process until the last receiver has put out the first byte."""
    try:
        getting = [network.start(1 + index, way.receive, MARK.decode()) for index in range(receivers)]
        network.wait_ready(getting, way.ready, f'{way.label} to be ready')
        if way.ready is joined:
            network.wait_members(GROUP, receivers)
        sender = network.start(SENDER, way.send(build, file, receivers))
        deadline = time.monotonic() + PATIENCE_SECONDS
        while True:
            for program in [sender, *getting]:
                program.take()
            if all(program.marker_ns for program in getting):
                return (max(program.marker_ns for program in getting) - sender.start_ns) / 1e9
            for program in getting:
                if not program.is_open and not program.marker_ns:
                    raise Failure(program.complaint())
            if time.monotonic() > deadline:
                raise Failure(f'nothing within {PATIENCE_SECONDS} s')
            wait_any([sender, *getting], deadline)
    finally:
        network.close_programs()


def measure_all(network, build, directory, receivers, repeat):
    """The seconds of all ways for one number of receivers, in turn, several times."""
    file = directory / 'mark'
    file.write_bytes(MARK + bytes(FILE_BYTES - len(MARK)))
    network.use(receivers, 0)
    found = {}
    for _ in range(repeat):
        for way in ways(build):
            if way.needs and not shutil.which(way.needs):
                continue
            try:
                found.setdefault(way.label, []).append(measure(network, build, way, file, receivers))
            except Failure as failure:
                print(f'bench: {way.label}: {failure}', file=sys.stderr)
    return found


def print_table(everything):
    """A line for each way and number of receivers."""
    print('\nfirst byte: ms from the start of the sender until it has come out at the last receiver')
    print(f'{"":34}{"receivers":>10}{"median":>9}{"least":>9}{"most":>9}')
    for receivers, found in everything.items():
        for label, seconds in found.items():
            figures = [1000 * value for value in (statistics.median(seconds), min(seconds), max(seconds))]
            print(f'  {label:<32}{receivers:>10}' + ''.join(f'{figure:9.1f}' for figure in figures))
