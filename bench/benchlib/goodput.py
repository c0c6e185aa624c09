# SPDX-License-Identifier: MIT
"""How much one sender gets to N receivers: the rows of the table, and how each is measured."""
import dataclasses
import json
import statistics
import time
import typing

from .network import GROUP, INTERFACE, PORT, SENDER, Failure, wait_until

DATAGRAM_BYTES = 1400
SOCKET_BUFFER_BYTES = 4 << 20
WARM_UP_SECONDS = 0.3  # for the programs that are watched from outside, until they run at full speed


@dataclasses.dataclass
class Result:
    """One measurement. Rates in bytes of payload per second."""
    sent: float
    received: list      # of each receiver
    lost_percent: float
    cpu_send: float     # cores busy
    cpu_receive: float  # of all receivers together

    def summary(self):
        """The figures of the table."""
        return {'sent': self.sent, 'received_min': min(self.received),
                'received_mean': statistics.fmean(self.received), 'lost_percent': self.lost_percent,
                'cpu_send': self.cpu_send, 'cpu_receive': self.cpu_receive}


@dataclasses.dataclass
class Row:
    """A way to send and receive. `send` and `receive` make command lines from a Setting (and a receiver's index)."""
    key: str
    label: str
    measure: typing.Callable
    send: typing.Callable
    receive: typing.Callable


@dataclasses.dataclass
class Setting:
    """What a measurement is made with."""
    network: object
    build: object      # where the compiled programs are
    source: object     # where the scripts are
    receivers: int
    seconds: float
    window: object = None  # the file of the flow control, or None

    def program(self, name):
        """The path of a measuring program."""
        return self.build / 'bench' / name


# ---- command lines ----------------------------------------------------------------------------------

def own(name):
    """The two command lines of a measuring program of this directory."""
    def common(setting):
        return [setting.program(name), '-g', GROUP, '-p', PORT, '-i', INTERFACE, '-s', DATAGRAM_BYTES]

    def send(setting):
        command = [*common(setting), '-t', setting.seconds]
        command += ['-w', setting.window, '-n', setting.receivers] if setting.window else []
        return [command[0], 'send', *command[1:]]

    def receive(setting, index):
        command = common(setting)
        command += ['-w', setting.window, '-n', index] if setting.window else []
        return [command[0], 'receive', *command[1:]]

    return send, receive


def iperf_send(setting):
    """As fast as it can: the rate is one that it never reaches."""
    seconds = int(setting.seconds + WARM_UP_SECONDS + 3)
    return ['iperf', '-c', GROUP, '-p', PORT, '-u', '-b', '100g', '-l', DATAGRAM_BYTES, '-T', 1, '-t', seconds]


def iperf_receive(_setting, _index):
    """-B joins the group."""
    return ['iperf', '-s', '-u', '-B', f'{GROUP}%{INTERFACE}', '-p', PORT, '-l', DATAGRAM_BYTES, '-w', '4M']


def socat_send(_setting):
    """Reads zeros and sends each read as a datagram."""
    return ['socat', '-u', '-b', DATAGRAM_BYTES, '/dev/zero', f'UDP4-DATAGRAM:{GROUP}:{PORT},ip-multicast-ttl=1']


def socat_receive(_setting, _index):
    """Throws away what it receives."""
    return ['socat', '-u', '-b', 65536, f'UDP4-RECV:{PORT},reuseaddr,rcvbuf={SOCKET_BUFFER_BYTES},'
            f'ip-add-membership={GROUP}:{INTERFACE}', '/dev/null']


def herald_send(setting):
    """The command at full speed, one message over and over."""
    return [setting.build / 'herald', 'send', f'{GROUP}:{PORT}', '--file', setting.network.directory / 'message',
            '--rate', 'max', '--for', f'{setting.seconds}s', '--wait', '1ms', '--json']


def herald_listen(setting, _index):
    """The command, counting only."""
    return [setting.build / 'herald', 'listen', f'{GROUP}:{PORT}', '--no-print', '--stats', '1s', '--json']


# ---- measuring --------------------------------------------------------------------------------------

def start_receivers(setting, row):
    """Starts all receivers and waits until each has joined."""
    programs = [setting.network.start(1 + index, row.receive(setting, index)) for index in range(setting.receivers)]
    wait_until(lambda: all(program.joined() for program in programs), f'{row.label} to join')
    return programs


def finish(sender, receivers):
    """Lets the sender end, the receivers take what is queued, and ends them."""
    if sender.wait() != 0:
        raise Failure(sender.complaint())
    wait_until(lambda: all(program.drained() for program in receivers), 'the receivers to drain')
    for program in receivers:
        program.stop()


def own_counts(setting, row):
    """Programs that count and time themselves."""
    receivers = start_receivers(setting, row)
    sender = setting.network.start(SENDER, row.send(setting))
    finish(sender, receivers)
    sent = json.loads(sender.output())
    counts = [json.loads(program.output()) for program in receivers]
    rates = [count['bytes'] / count['seconds'] if count['seconds'] else 0.0 for count in counts]
    return make_result(sent['bytes'], sent['seconds'], sum(count['bytes'] for count in counts), rates, sender, receivers)


def make_result(sent_bytes, seconds, received_bytes, rates, sender, receivers):
    """The result of programs that told their totals."""
    lost = 100 * (1 - received_bytes / (sent_bytes * len(receivers))) if sent_bytes else 0.0
    return Result(sent=sent_bytes / seconds, received=rates, lost_percent=lost, cpu_send=sender.cpu_seconds / seconds,
                  cpu_receive=sum(program.cpu_seconds for program in receivers) / seconds)


def cpu_ticks(program):
    """CPU seconds that a running program has used."""
    fields = program.proc('stat').rpartition(')')[2].split()
    return (int(fields[11]) + int(fields[12])) / 100 if fields else 0.0


def snapshot(programs):
    """Time, counters and CPU time of running programs."""
    return time.monotonic(), [program.udp_counters() for program in programs], [cpu_ticks(p) for p in programs]


def kernel_counts(setting, row):
    """Programs that are watched: the kernel's counters of their hosts, over a stretch of steady running."""
    receivers = start_receivers(setting, row)
    everyone = [setting.network.start(SENDER, row.send(setting)), *receivers]
    time.sleep(WARM_UP_SECONDS)
    start_time, start, start_cpu = snapshot(everyone)
    time.sleep(setting.seconds)
    end_time, end, end_cpu = snapshot(everyone)
    seconds = end_time - start_time

    def grown(index, name):
        return end[index][name] - start[index][name]

    hosts = range(1, len(everyone))
    taken = sum(grown(host, 'InDatagrams') for host in hosts)
    dropped = sum(grown(host, 'RcvbufErrors') for host in hosts)
    cpu = [after - before for before, after in zip(start_cpu, end_cpu)]
    return Result(sent=grown(SENDER, 'OutDatagrams') * DATAGRAM_BYTES / seconds,
                  received=[grown(host, 'InDatagrams') * DATAGRAM_BYTES / seconds for host in hosts],
                  lost_percent=100 * dropped / (taken + dropped) if taken + dropped else 0.0,
                  cpu_send=cpu[0] / seconds, cpu_receive=sum(cpu[1:]) / seconds)


def last_event(program, name):
    """The last JSON event of that name that the command printed."""
    found = None
    for line in program.output().splitlines():
        event = json.loads(line)
        if event.get('event') == name:
            found = event
    if found is None:
        raise Failure(f'no {name} from {program.complaint()}')
    return found


def herald_counts(setting, row):
    """The command's own summaries."""
    receivers = start_receivers(setting, row)
    sender = setting.network.start(SENDER, row.send(setting))
    finish(sender, receivers)
    sent = last_event(sender, 'summary')
    seconds = sent['sending_ns'] / 1e9
    counts = [last_event(program, 'summary')['payload_bytes'] for program in receivers]
    return make_result(sent['payload_bytes'], seconds, sum(counts), [count / seconds for count in counts], sender,
                       receivers)


NAIVE_SEND, NAIVE_RECEIVE = own('bench-naive')
BARE_SEND, BARE_RECEIVE = own('bench-bare')
BLAST_SEND, BLAST_RECEIVE = own('bench-blast')

# At full speed, whatever is lost.
OPEN_ROWS = [
    Row('naive', 'naive sendto → recvfrom', own_counts, NAIVE_SEND, NAIVE_RECEIVE),
    Row('iperf', 'iperf 2', kernel_counts, iperf_send, iperf_receive),
    Row('socat', 'socat', kernel_counts, socat_send, socat_receive),
    Row('herald', 'herald send → herald listen', herald_counts, herald_send, herald_listen),
    Row('blast', 'library blast', own_counts, BLAST_SEND, BLAST_RECEIVE),
    Row('bare', 'bare GSO/GRO loop', own_counts, BARE_SEND, BARE_RECEIVE),
    Row('bare_naive', 'bare GSO send → recvfrom', own_counts, BARE_SEND, NAIVE_RECEIVE),
]

# As fast as the slowest receiver takes it.
LOSS_FREE_ROWS = [
    Row('naive_paced', 'naive sendto → recvfrom', own_counts, NAIVE_SEND, NAIVE_RECEIVE),
    Row('blast_paced', 'library blast', own_counts, BLAST_SEND, BLAST_RECEIVE),
    Row('bare_paced', 'bare GSO/GRO loop', own_counts, BARE_SEND, BARE_RECEIVE),
]


GROUPS = [
    ('at full speed, whatever is lost', OPEN_ROWS),
    ('as fast as the slowest receiver takes it', LOSS_FREE_ROWS),
]


def keys():
    """What the rows are called by --only."""
    return {row.key for row in OPEN_ROWS + LOSS_FREE_ROWS}


def measure(setting, row):
    """One measurement of one row."""
    if row in LOSS_FREE_ROWS:
        window = setting.network.directory / 'window'
        window.write_bytes(b'')  # a fresh page of zeros for each
        setting = dataclasses.replace(setting, window=window)
    try:
        return row.measure(setting, row)
    finally:
        setting.network.close_programs()


def median_of(results):
    """The figures of several measurements in one, and each by itself; None stands for one that failed."""
    runs = [result.summary() if result else None for result in results]
    made = [run for run in runs if run]
    figures = {key: statistics.median(run[key] for run in made) for key in made[0]} if made else {}
    return {**figures, 'runs': runs}


def ratios(upper, lower):
    """The ratios of what two rows received, run by run, in ascending order: neighbours in time share the noise."""
    return sorted(a['received_mean'] / b['received_mean'] for a, b in zip(upper['runs'], lower['runs'])
                  if a and b and b['received_mean'])
