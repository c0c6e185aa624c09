# SPDX-License-Identifier: MIT
"""How long it takes until N receivers have a file."""
import dataclasses
import json
import os
import pathlib
import shutil
import statistics
import subprocess
import sys
import time

from . import file_tools
from .file_network import wait_any
from .file_tools import Cell
from .network import GROUP, SENDER, Failure

SENDER_PATIENCE_SECONDS = 10  # the sender may take so long to end when all have the file, and the other way round
RATES_FAILED_MAX = 3          # without one that works: then none does
TIMEOUTS_MAX = 2              # of one tool in one cell: more are not waited for
TRIAL_PART = 4                # a rate is tried out with this part of the file
TRIAL_BYTES_MIN = 8_000_000
LIMIT_LOST_MAX = 0.01         # share of the bytes that a limit may lose without being worthless
SLACK_BYTES = 1 << 30         # of memory, besides the files


@dataclasses.dataclass
class Delivery:
    """One measurement."""
    seconds: float
    mbit: float             # at each receiver
    sender_seconds: float   # until the sender has ended, and knows that all have it
    wire_ratio: float       # bytes that the sender's interface sent, for each byte of the file
    cpu_per_gb: float       # seconds of all processes, for each 10^9 bytes at one receiver
    peak_bytes: int         # of the largest process


class TimedOut(Failure):
    """It did not end in time."""


# ---- one delivery -----------------------------------------------------------------------------------

def prepare(cell, size_bytes):
    """The file, and empty inboxes."""
    clear(cell)
    cell.directory.mkdir(exist_ok=True)
    cell.window().write_bytes(b'')
    for index in range(cell.receivers):
        cell.inbox(index).mkdir()
    source = cell.directory / str(size_bytes) / 'file'
    if not source.exists():
        source.parent.mkdir()
        with open(source, 'wb') as out:
            for start in range(0, size_bytes, 1 << 24):
                out.write(os.urandom(min(1 << 24, size_bytes - start)))
    return dataclasses.replace(cell, file=source, size_bytes=size_bytes)


def clear(cell):
    """Gives the memory of the inboxes back."""
    for inbox in cell.directory.glob('inbox*'):
        shutil.rmtree(inbox)


def touch_memory(cell):
    """
    Writes as much as all receivers will, and gives it back: a virtual machine is slow with memory that it uses for the
    first time, or that it has not used for some seconds, for then its host may have taken it away.
    """
    zeros = bytes(1 << 24)
    path = cell.directory / 'zeros'
    with open(path, 'wb', buffering=0) as out:
        for _ in range(0, cell.size_bytes * cell.receivers, len(zeros)):
            out.write(zeros)
    path.unlink()


def done_ns(tool, program):
    """When a receiver had the file, or None, as far as it has told."""
    if tool.marker:
        return program.marker_ns and program.marker_ns - tool.marker_late_ms * 1_000_000
    return program.exit_ns if program.status == 0 else None


def wait_for_all(tool, sender, receivers, seconds):
    """Until all receivers have it and the sender has ended, or one of them gives up."""
    everyone = [sender, *receivers]
    deadline = time.monotonic() + seconds
    patience = None
    while True:
        for program in everyone:  # all that is judged below has been told by now, and nothing later
            program.take()
        missing = [program for program in receivers if done_ns(tool, program) is None]
        for program in everyone:
            if not program.is_open and (program in missing or program is sender and sender.status != 0):
                raise Failure(program.complaint())
        if not missing and not sender.is_open:
            return
        now = time.monotonic()
        if (not missing or not sender.is_open) and patience is None:
            patience = min(deadline, now + SENDER_PATIENCE_SECONDS)
        if now >= (patience or deadline):
            what = f'{len(missing)} of {len(receivers)} receivers lack it' if missing else 'the sender does not end'
            raise TimedOut(f'after {seconds:g} s {what}' if patience is None or patience == deadline
                           else f'{what}, {SENDER_PATIENCE_SECONDS} s after the other end was done')
        wait_any(everyone, patience or deadline)


def told(program):
    """What a limit's program counted."""
    return json.loads(program.output().splitlines()[-1])


def duration(tool, sender, receivers):
    """Seconds from the sender's start until the last receiver had the file."""
    if tool.kind == 'limit':  # without the time it takes to start programs
        return (max(told(program)['end_ns'] for program in receivers) - told(sender)['start_ns']) / 1e9
    return (max(done_ns(tool, program) for program in receivers) - sender.start_ns) / 1e9


def verify(tool, cell, receivers):
    """Compares what was received with what was sent."""
    for index, program in enumerate(receivers):
        found = cell.inbox(index) / 'file'
        if tool.kind == 'limit':  # it has no repairs: what the network does not lose has to be there
            lost = 1 - told(program)['bytes'] / cell.size_bytes
            if lost > LIMIT_LOST_MAX + 1.5 * cell.loss_percent / 100:
                raise Failure(f'receiver {index + 1} has lost {100 * lost:.1f}%')
        elif tool.has_file and subprocess.run(['cmp', '-s', cell.file, found], check=False).returncode:
            raise Failure(f'receiver {index + 1} has something else than what was sent')


def deliver(tool, cell, size_bytes, seconds):
    """One delivery, from the beginning to the end."""
    cell = prepare(cell, size_bytes)
    network = cell.network
    try:
        receivers = [network.start(1 + index, tool.receive(cell, index), tool.marker)
                     for index in range(cell.receivers)]
        network.wait_ready(receivers, tool.ready, f'{tool.label} to be ready')
        if tool.ready is file_tools.joined:
            network.wait_members(GROUP, cell.receivers)
        touch_memory(cell)
        before = network.sent_bytes()
        sender = network.start(SENDER, tool.send(cell))
        wait_for_all(tool, sender, receivers, seconds)
        sent = network.sent_bytes() - before
        everyone = [sender, *receivers]
        for program in everyone:
            program.stop()
        verify(tool, cell, receivers)
        took = duration(tool, sender, receivers)
        return Delivery(
            seconds=took, mbit=8e-6 * size_bytes / took, sender_seconds=(sender.exit_ns - sender.start_ns) / 1e9,
            wire_ratio=sent / size_bytes,
            cpu_per_gb=sum(program.cpu_seconds for program in everyone) / (1e-9 * size_bytes * cell.receivers),
            peak_bytes=max(program.peak_bytes for program in everyone))
    finally:
        network.close_programs()
        clear(cell)


# ---- rates ------------------------------------------------------------------------------------------

def find_rate(tool, cell, seconds):
    """
    The best of a list of rates for a tool that cannot find one by itself: tries neighbours, from where the tool
    suggests, until there is no better one, with part of the file.
    """
    rates = file_tools.RATES_MBIT
    guess = max([rates[0]] + [rate for rate in rates if rate <= tool.guess_mbit / cell.receivers])
    size_bytes = min(cell.size_bytes, max(TRIAL_BYTES_MIN, cell.size_bytes // TRIAL_PART))
    found, reasons = {}, []

    def took(index):
        if index not in found:
            try:
                limit = min([seconds / 2] + [2 * best + 1 for best in found.values()])
                found[index] = deliver(tool, dataclasses.replace(cell, rate_mbit=rates[index]), size_bytes,
                                       limit).seconds
            except Failure as failure:
                reasons.append(f'{rates[index]} Mbit/s: {failure}')
                if len(reasons) == len(found) + 1 >= RATES_FAILED_MAX:
                    raise Failure(f'no rate works; {reasons[-1]}') from failure
                found[index] = float('inf')
        return found[index]

    at = rates.index(guess)
    step = 1 if at + 1 < len(rates) and took(at + 1) < took(at) else -1
    while 0 <= at + step < len(rates) and (took(at + step) < took(at) or took(at) == float('inf')):
        at += step
    if took(at) == float('inf'):
        raise Failure(f'no rate works; {reasons[-1]}')
    return rates[at]


# ---- one cell ---------------------------------------------------------------------------------------

class Runs:
    """The deliveries of one tool in one cell."""

    def __init__(self, tool):
        self.tool = tool
        self.runs = []      # a Delivery each, None for one that failed
        self.reason = ''    # why the last one failed, or why there is none
        self.rate_mbit = 0
        self.timeouts = 0
        self.is_over = False

    def fail(self, failure):
        """Remembers it."""
        self.runs.append(None)
        self.reason = f'failed: {failure}'
        self.timeouts += isinstance(failure, TimedOut)
        self.is_over = self.timeouts >= TIMEOUTS_MAX
        print(f'bench: {self.tool.label}: {failure}', file=sys.stderr)

    def summary(self):
        """For the tables."""
        made = [dataclasses.asdict(run) for run in self.runs if run]
        figures = {key: statistics.median(run[key] for run in made) for key in made[0]} if made else {}
        return {**figures, 'label': self.tool.label, 'kind': self.tool.kind, 'rate_mbit': self.rate_mbit,
                'reason': self.reason, 'failed': sum(run is None for run in self.runs),
                'runs': [dataclasses.asdict(run) if run else None for run in self.runs]}


def check_memory(cell):
    """The files are in memory: so much must be free."""
    needed = cell.size_bytes * (cell.receivers + 1) + SLACK_BYTES
    for line in pathlib.Path('/proc/meminfo').read_text(encoding='ascii').splitlines():
        if line.startswith('MemAvailable:') and int(line.split()[1]) * 1024 < needed:
            raise Failure(f'{needed / 1e9:.1f} GB of memory are needed')


def settle_rate(runs, cell, seconds):
    """Finds out how fast to send with a tool that has to be told."""
    if not runs.tool.guess_mbit:
        return
    try:
        runs.rate_mbit = find_rate(runs.tool, cell, seconds)
    except Failure as failure:
        runs.fail(failure)
        runs.is_over = True


def measure(cell, wanted, repeat, seconds):
    """The figures of all tools in one cell: one delivery by each in turn, several times."""
    tools = [tool for tool in file_tools.TOOLS if not wanted or tool.key in wanted]
    everyone = [Runs(tool) for tool in tools]
    for runs in everyone:
        missing = file_tools.is_missing(runs.tool, cell.build)
        if missing:
            runs.reason, runs.is_over = f'not measured: {missing} is not installed', True
    try:
        check_memory(cell)
        cell.network.use(cell.receivers, cell.loss_percent)
        for runs in everyone:
            if not runs.is_over:
                settle_rate(runs, cell, seconds)
        for _ in range(repeat):
            for runs in everyone:
                if runs.is_over:
                    runs.runs.append(None)  # keeps the runs of all in step
                    continue
                try:
                    asked = dataclasses.replace(cell, rate_mbit=runs.rate_mbit)
                    runs.runs.append(deliver(runs.tool, asked, cell.size_bytes, seconds))
                except Failure as failure:
                    runs.fail(failure)
    except Failure as failure:
        for runs in everyone:
            runs.reason = runs.reason or f'not measured: {failure}'
    finally:
        if cell.directory.exists():
            shutil.rmtree(cell.directory)
    return {runs.tool.key: runs.summary() for runs in everyone}


def keys():
    """What the tools are called by --only."""
    return {tool.key for tool in file_tools.TOOLS}


def cells(network, options, directory):
    """What is measured: a large file without loss, a small one with."""
    for loss_percent in options.loss:
        megabytes = options.megabytes or (64 if loss_percent else 256)
        for receivers in options.file_receivers:
            yield Cell(network, options.build, directory / 'files', receivers, loss_percent, megabytes * 1_000_000)
