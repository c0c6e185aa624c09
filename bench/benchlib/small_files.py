# SPDX-License-Identifier: MIT
"""How long it takes until N receivers have a directory of many small files."""
import dataclasses
import os
import statistics
import subprocess
import sys

from . import file_tools, files
from .file_network import address
from .file_tools import TCP_PORT, Cell, Tool, herald_send, joined
from .network import GROUP, PORT, SENDER, Failure

COUNT = 5000
SIZE_BYTES = 4096
DIRECTORY_FILES = 1000


@dataclasses.dataclass
class Delivery:
    """One measurement."""
    seconds: float      # from the start of the sender's process until the last receiver had everything
    wire_ratio: float   # bytes that the sender's interface sent, for each byte of the files
    cpu_us: float       # of all processes, for each file at one receiver


def herald_receive(cell, index):
    """Into the receiver's directory."""
    return [cell.build / 'herald', 'get', f'{GROUP}:{PORT}', '-d', cell.inbox(index), '--once']


def tar_send(cell):
    """An archive by a connection to each, all at once."""
    calls = ''.join(f'tar -C {cell.file.parent} -cf - {cell.file.name} | '
                    f'socat -u - TCP:{address(1 + index)}:{TCP_PORT} & ' for index in range(cell.receivers))
    return ['sh', '-c', calls + 'wait']


def tar_receive(cell, index):
    """Ends with the archive."""
    return ['sh', '-c', f'socat -u TCP-LISTEN:{TCP_PORT} - | tar -C {cell.inbox(index)} -xf -']


TOOLS = [
    Tool('small', 'herald --rate auto', 'herald', herald_send('auto'), herald_receive, joined, marker='all here from'),
    Tool('small_max', 'herald --rate max', 'herald', herald_send('max'), herald_receive, joined,
         marker='all here from'),
    Tool('small_tar', 'tar by TCP (socat), to each', 'rival', tar_send, tar_receive,
         lambda program: program.bound('tcp', TCP_PORT), needs='socat'),
]


def make_files(directory):
    """The directory that is sent."""
    source = directory / 'small'
    for number in range(COUNT):
        parent = source / f'{number // DIRECTORY_FILES}'
        parent.mkdir(parents=True, exist_ok=True)
        (parent / f'{number}').write_bytes(os.urandom(SIZE_BYTES))
    return source


def verify(cell):
    """Compares what was received with what was sent."""
    for index in range(cell.receivers):
        found = cell.inbox(index) / cell.file.name
        if subprocess.run(['diff', '-rq', cell.file, found], check=False, stdout=subprocess.DEVNULL).returncode:
            raise Failure(f'receiver {index + 1} has something else than what was sent')


def deliver(tool, cell, seconds):
    """One delivery, from the beginning to the end."""
    network = cell.network
    files.clear(cell)
    for index in range(cell.receivers):
        cell.inbox(index).mkdir()
    try:
        receivers = [network.start(1 + index, tool.receive(cell, index), tool.marker)
                     for index in range(cell.receivers)]
        network.wait_ready(receivers, tool.ready, f'{tool.label} to be ready')
        if tool.ready is joined:
            network.wait_members(GROUP, cell.receivers)
        before = network.sent_bytes()
        sender = network.start(SENDER, tool.send(cell))
        files.wait_for_all(tool, sender, receivers, seconds)
        sent = network.sent_bytes() - before
        everyone = [sender, *receivers]
        for program in everyone:
            program.stop()
        verify(cell)
        return Delivery(seconds=files.duration(tool, sender, receivers), wire_ratio=sent / cell.size_bytes,
                        cpu_us=1e6 * sum(program.cpu_seconds for program in everyone) / (COUNT * cell.receivers))
    finally:
        network.close_programs()
        files.clear(cell)


def measure_all(network, options, directory, receivers):
    """The deliveries by all tools to so many receivers, in turn, several times."""
    directory.mkdir(exist_ok=True)
    cell = Cell(network, options.build, directory, receivers, 0, COUNT * SIZE_BYTES, file=directory / 'small')
    if not cell.file.exists():
        make_files(directory)
    network.use(receivers, 0)
    found = {}
    for _ in range(options.file_repeat):
        for tool in TOOLS:
            if (options.only and tool.key not in options.only) or file_tools.is_missing(tool, options.build):
                continue
            try:
                found.setdefault(tool.label, []).append(deliver(tool, cell, options.timeout))
            except Failure as failure:
                print(f'bench: {tool.label}: {failure}', file=sys.stderr)
    return {label: [dataclasses.asdict(run) for run in runs] for label, runs in found.items()}


def print_table(everything):
    """A line for each tool and number of receivers."""
    print(f'\nsmall files: {COUNT:,} of {SIZE_BYTES:,} bytes; s from the start of the sender until the last receiver has '
          'all')
    print(f'{"":32}{"receivers":>10}{"median":>9}{"least":>9}{"most":>9}{"sent x":>9}{"CPU us/file":>13}')
    for receivers, found in everything.items():
        for label, runs in found.items():
            seconds = [run['seconds'] for run in runs]
            print(f'  {label:<30}{receivers:>10}{statistics.median(seconds):9.2f}{min(seconds):9.2f}{max(seconds):9.2f}'
                  f'{statistics.median(run["wire_ratio"] for run in runs):9.2f}'
                  f'{statistics.median(run["cpu_us"] for run in runs):13.0f}')


def keys():
    """What the tools are called by --only."""
    return {tool.key for tool in TOOLS}
