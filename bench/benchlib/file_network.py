# SPDX-License-Identifier: MIT
"""The network that files are delivered in, and measured programs in its hosts."""
import json
import os
import pathlib
import select
import signal
import socket
import subprocess
import time

from .network import INTERFACE, Network, Failure, wait_until

BRIDGE = 'brfiles'
HOST = 'f{}'
PORT_OF_HOST = 'fport{}'
STOP_SECONDS = 2


def address(number):
    """The IPv4 address of a host."""
    return f'10.9.1.{number + 1}'


class Metered:
    """A program in one of the hosts, run by bench-meter, which tells when things happened and what it used."""

    def __init__(self, meter, host, argv, log, marker):
        self.name = pathlib.Path(argv[0]).name
        self.log = log
        self.process = subprocess.Popen([meter, f'/run/netns/{HOST.format(host)}', log, marker, *map(str, argv)],
                                        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
        os.set_blocking(self.process.stdout.fileno(), False)
        self.told = b''
        self.is_open = True
        self.start_ns = self.marker_ns = self.exit_ns = None
        self.status = None
        self.cpu_seconds = 0.0
        self.peak_bytes = 0

    def take(self):
        """Reads what the meter has told."""
        while self.is_open and (piece := self.process.stdout.read()):
            self.told += piece
        if self.is_open and piece == b'':
            self.is_open = False
        *lines, self.told = self.told.split(b'\n')
        for line in lines:
            what, when, *figures = line.split()
            if what == b'start':
                self.start_ns = int(when)
            elif what == b'marker':
                self.marker_ns = int(when)
            elif what == b'exit':
                self.exit_ns = int(when)
                status, user_us, system_us, peak_kb = map(int, figures)
                self.status = status
                self.cpu_seconds = (user_us + system_us) / 1e6
                self.peak_bytes = peak_kb * 1024

    def ended(self):
        """Whether it runs no more."""
        self.take()
        return not self.is_open

    def proc(self, name):
        """A file of /proc about it, or nothing once it has ended. Its meter is in the same namespace."""
        try:
            return pathlib.Path(f'/proc/{self.process.pid}/{name}').read_text(encoding='ascii')
        except OSError:
            return ''

    def output(self):
        """What it printed, stdout and stderr together."""
        return self.log.read_text(encoding='utf-8', errors='replace') if self.log.exists() else ''

    def complaint(self):
        """The last line that it printed, and how it ended."""
        lines = self.output().replace('\r', '\n').strip().splitlines()
        if self.status is None:
            ending = 'ended with its meter' if not self.is_open else 'still running'
        else:
            ending = f'status {self.status}'
        return f'{self.name}: {lines[-1].strip()[:160]} ({ending})' if lines else f'{self.name}: {ending}'

    def stop(self):
        """Ends it: asks, then insists."""
        for number in (signal.SIGTERM, signal.SIGTERM, signal.SIGKILL):
            if self.ended():
                break
            self.process.send_signal(number)
            deadline = time.monotonic() + STOP_SECONDS
            while not self.ended() and time.monotonic() < deadline:
                wait_any([self], deadline)

    def close(self):
        """Ends it and collects the meter."""
        self.stop()
        self.process.stdout.close()
        self.process.wait()

    def joined(self, group):
        """Whether its host is a member of the group."""
        return socket.inet_aton(group)[::-1].hex().upper() in self.proc('net/igmp')

    def bound(self, protocol, port):
        """Whether its host has a socket on that port."""
        return any(line.split()[1].endswith(f':{port:04X}')
                   for line in self.proc(f'net/{protocol}').splitlines()[1:])


def wait_any(programs, deadline):
    """Waits until one of them tells something, at most until then."""
    poll = select.poll()
    for program in programs:
        if program.is_open:
            poll.register(program.process.stdout.fileno(), select.POLLIN)
    poll.poll(max(0, deadline - time.monotonic()) * 1000)


class FileNetwork:
    """
    A bridge with IGMP snooping and a querier, and hosts behind it; number 0 sends. Loss is made at each port of the
    bridge on its way to the host, independently, of UDP and TCP: the sender's too, so that feedback is lost as well.
    """

    def __init__(self, directory, meter):
        self.directory = directory
        self.meter = meter
        self.hosts = 0
        self.programs = []
        os.makedirs('/run/netns', exist_ok=True)
        # Memberships last for minutes without a report, so that a busy machine cannot make the bridge forget them.
        self.command('ip', 'link', 'add', BRIDGE, 'type', 'bridge', 'stp_state', '0', 'forward_delay', '0',
                     'mcast_snooping', '1', 'mcast_igmp_version', '3', 'mcast_query_response_interval', '50',
                     'mcast_startup_query_interval', '50', 'mcast_query_interval', '1000')
        self.command('ip', 'link', 'set', BRIDGE, 'up')
        self.command('ip', 'link', 'set', BRIDGE, 'type', 'bridge', 'mcast_querier', '1')

    command = staticmethod(Network.command)

    def use(self, receivers, loss_percent):
        """Connects so many receiving hosts, and no others, with that loss."""
        for number in range(self.hosts, receivers + 1):
            self.add_host(number)
        self.hosts = max(self.hosts, receivers + 1)
        for number in range(self.hosts):
            self.command('ip', 'link', 'set', PORT_OF_HOST.format(number), 'up' if number <= receivers else 'down')
        self.set_loss(receivers, loss_percent)
        time.sleep(1)  # a bridge floods for one response interval after it has become the querier

    def add_host(self, number):
        """One more namespace with an eth0 on the bridge."""
        host, port = HOST.format(number), PORT_OF_HOST.format(number)
        self.command('ip', 'netns', 'add', host)
        self.command('ip', 'link', 'add', port, 'type', 'veth', 'peer', 'name', INTERFACE, 'netns', host)
        self.command('ip', 'link', 'set', port, 'master', BRIDGE)
        self.command('ip', '-n', host, 'link', 'set', 'lo', 'up')
        self.command('ip', '-n', host, 'address', 'add', f'{address(number)}/24', 'brd', '+', 'dev', INTERFACE)
        self.command('ip', '-n', host, 'link', 'set', INTERFACE, 'up')
        self.command('ip', '-n', host, 'route', 'add', '224.0.0.0/4', 'dev', INTERFACE)

    def set_loss(self, receivers, loss_percent):
        """
        Drops that share of the packets. A super-packet would be dropped as one: with loss, hosts cut them into
        packets before they leave.
        """
        segmentation = 'off' if loss_percent else 'on'
        for number in range(self.hosts):
            self.command('nsenter', f'--net=/run/netns/{HOST.format(number)}', 'ethtool', '-K', INTERFACE,
                         'tx-udp-segmentation', segmentation, 'tso', segmentation)
        rules = 'table netdev loss\ndelete table netdev loss\n'
        if loss_percent:
            chains = ''.join(
                f'chain to{number} {{ type filter hook egress device "{PORT_OF_HOST.format(number)}" priority 0; '
                f'meta l4proto {{ udp, tcp }} numgen random mod 1000000 < {round(loss_percent * 10000)} counter drop; '
                '}\n' for number in range(receivers + 1))
            rules += f'table netdev loss {{\n{chains}}}\n'
        done = subprocess.run(['nft', '-f', '-'], input=rules, capture_output=True, text=True, check=False)
        if done.returncode:
            raise Failure(f'nft: {done.stderr.strip()}')

    @staticmethod
    def sent_bytes():
        """What the sender's interface has sent: the bridge's port counts it as received."""
        for line in pathlib.Path('/proc/net/dev').read_text(encoding='ascii').splitlines():
            name, _, counters = line.partition(':')
            if name.strip() == PORT_OF_HOST.format(0):
                return int(counters.split()[0])
        raise Failure('the sender has no port')

    def start(self, host, argv, marker=''):
        """Starts a program in a host."""
        program = Metered(self.meter, host, argv, self.directory / f'log{host}', marker)
        self.programs.append(program)
        return program

    def wait_ready(self, programs, is_ready, what):
        """Waits until all are."""
        def check():
            for program in programs:
                if program.ended():
                    raise Failure(program.complaint())
            return all(is_ready(program) for program in programs)
        wait_until(check, what)

    def wait_members(self, group, receivers):
        """Waits until the bridge knows all ports' membership: until then it sends to those that it knows only."""
        def check():
            done = subprocess.run(['bridge', '-j', 'mdb', 'show', 'dev', BRIDGE], capture_output=True, check=True)
            ports = {entry['port'] for bridge in json.loads(done.stdout) for entry in bridge.get('mdb', [])
                     if entry['grp'] == group}
            return all(PORT_OF_HOST.format(1 + index) in ports for index in range(receivers))
        wait_until(check, 'the bridge to learn of the members')

    def close_programs(self):
        """Ends whatever still runs."""
        for program in self.programs:
            program.close()
        self.programs.clear()
