# SPDX-License-Identifier: MIT
"""The time from a question to the N-th answer, for each pair of asker and answerer."""
import statistics
import sys

from .network import GROUP, INTERFACE, PORT, SENDER, Failure, wait_until

# key, asker, answerer
PAIRS = [
    ('herald_herald', 'herald', 'herald listen'),
    ('herald_python', 'herald', 'python'),
    ('python_herald', 'python', 'herald listen'),
    ('python_python', 'python', 'python'),
]


def asker(setting, name, rounds):
    """The command line of an asker."""
    tail = [GROUP, INTERFACE, PORT, setting.receivers, rounds]
    if name == 'python':
        return [sys.executable, setting.source / 'classic_ask.py', *tail]
    return [setting.build / 'bench' / 'bench-ask', *tail]


def answerer(setting, name):
    """The command line of an answerer."""
    if name == 'python':
        return [sys.executable, setting.source / 'classic_answer.py', GROUP, PORT]
    return [setting.build / 'herald', 'listen', f'{GROUP}:{PORT}', '--ack', 'always', '--no-print', '--quiet']


def percentile(ordered, percent):
    """The value that so many percent do not exceed."""
    return ordered[min(len(ordered) - 1, len(ordered) * percent // 100)]


def summary(times, incomplete):
    """The figures of the table, in nanoseconds."""
    ordered = sorted(times)
    return {'p50': percentile(ordered, 50), 'p99': percentile(ordered, 99), 'mean': statistics.fmean(ordered),
            'rounds': len(ordered), 'incomplete': incomplete}


def measure(setting, pair, rounds):
    """The nanoseconds of `rounds` questions, and how many were not answered by all."""
    _, ask_name, answer_name = pair
    network = setting.network
    try:
        answerers = [network.start(1 + i, answerer(setting, answer_name)) for i in range(setting.receivers)]
        wait_until(lambda: all(program.joined() for program in answerers), f'{answer_name} to join')
        program = network.start(SENDER, asker(setting, ask_name, rounds))
        if program.wait() != 0:
            raise Failure(program.complaint())
        lines = program.output().split()
    finally:
        network.close_programs()
    times = [int(line) for line in lines if line != 'incomplete']
    if not times:
        raise Failure(f'{ask_name}/{answer_name}: no question was answered by all')
    return times, len(lines) - len(times)
