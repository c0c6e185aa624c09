# SPDX-License-Identifier: MIT
"""A private network: one sending and N receiving namespaces behind a bridge, and processes in them."""
import os
import pathlib
import signal
import socket
import subprocess
import time

GROUP = '239.1.2.3'
PORT = 10000
INTERFACE = 'eth0'
SENDER = 0  # the hosts' numbers: the receivers are 1, 2, ...
PATIENCE_SECONDS = 10
POLL_SECONDS = 0.01


class Failure(Exception):
    """A measurement that could not be made; the text says why."""


def wait_until(condition, what):
    """Waits for an event that no descriptor tells."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        if time.monotonic() > deadline:
            raise Failure(f'gave up waiting for {what}')
        time.sleep(POLL_SECONDS)


class Program:
    """A process in one of the hosts. Its output is collected in files, so that it never blocks."""

    def __init__(self, host, argv, directory):
        self.name = pathlib.Path(argv[0]).name
        self.out = open(directory / f'out{host}', 'w+', encoding='utf-8', errors='replace')
        self.err = open(directory / f'err{host}', 'w+', encoding='utf-8', errors='replace')
        self.process = subprocess.Popen(['nsenter', f'--net=/run/netns/h{host}', '--', *map(str, argv)],
                                        stdin=subprocess.DEVNULL, stdout=self.out, stderr=self.err)
        self.cpu_seconds = 0.0
        self.status = None

    def proc(self, name):
        """A file of /proc about it, or nothing once it has ended."""
        try:
            return pathlib.Path(f'/proc/{self.process.pid}/{name}').read_text(encoding='ascii')
        except OSError:
            return ''

    def alive(self):
        """Whether it still runs; collects its CPU time when it has ended."""
        if self.status is None:
            pid, status, usage = os.wait4(self.process.pid, os.WNOHANG)
            if pid:
                self.ended(status, usage)
        return self.status is None

    def ended(self, status, usage):
        """Remembers how it ended."""
        self.status = os.waitstatus_to_exitcode(status)
        self.process.returncode = self.status
        self.cpu_seconds = usage.ru_utime + usage.ru_stime

    def wait(self):
        """Blocks until it ends."""
        if self.status is None:
            self.ended(*os.wait4(self.process.pid, 0)[1:])
        return self.status

    def stop(self, number=signal.SIGTERM):
        """Ends it, in a hurry if it does not listen."""
        if self.alive():
            self.process.send_signal(number)
        deadline = time.monotonic() + 2
        while self.alive():
            if time.monotonic() > deadline:
                self.process.kill()
                self.wait()
            time.sleep(POLL_SECONDS)

    def output(self):
        """What it printed to stdout."""
        self.out.seek(0)
        return self.out.read()

    def complaint(self):
        """The last line that it printed to stderr."""
        self.err.seek(0)
        lines = self.err.read().strip().splitlines()
        return f'{self.name}: {lines[-1] if lines else f"status {self.status}"}'

    def close(self):
        """Ends it and forgets its output."""
        self.stop(signal.SIGKILL)
        self.out.close()
        self.err.close()

    def udp_counters(self):
        """The kernel's UDP counters of its host, by name."""
        lines = [line.split() for line in self.proc('net/snmp').splitlines() if line.startswith('Udp:')]
        if len(lines) != 2:
            raise Failure(self.complaint())
        return dict(zip(lines[0][1:], map(int, lines[1][1:])))

    def joined(self):
        """Whether its host is a member of the group."""
        if not self.alive():
            raise Failure(self.complaint())
        wanted = socket.inet_aton(GROUP)[::-1].hex().upper()
        return wanted in self.proc('net/igmp')

    def drained(self):
        """Whether its host's UDP sockets have nothing left to read."""
        rows = [line.split() for line in self.proc('net/udp').splitlines()[1:]]
        return all(int(row[4].split(':')[1], 16) == 0 for row in rows)


class Network:
    """The bridge and its hosts. It lies in the namespace that this process is in, and dies with it."""

    def __init__(self, directory):
        self.directory = directory
        self.hosts = 0
        self.programs = []
        os.makedirs('/run/netns', exist_ok=True)
        # Everybody is a member: a bridge that floods is as good as one that looks into IGMP, and starts at once.
        self.command('ip', 'link', 'add', 'br0', 'type', 'bridge', 'mcast_snooping', '0')
        self.command('ip', 'link', 'set', 'br0', 'up')
        self.use(0)

    @staticmethod
    def command(*argv):
        """Runs a command that must succeed."""
        done = subprocess.run(argv, capture_output=True, text=True, check=False)
        if done.returncode:
            raise Failure(f'{" ".join(argv)}: {done.stderr.strip()}')

    def use(self, receivers):
        """Connects so many receiving hosts, and no others: the bridge sends a copy to each that is connected."""
        for number in range(self.hosts, receivers + 1):
            self.add_host(number)
        self.hosts = max(self.hosts, receivers + 1)
        for number in range(self.hosts):
            self.command('ip', 'link', 'set', f'port{number}', 'up' if number <= receivers else 'down')

    def add_host(self, number):
        """One more namespace with an eth0 on the bridge."""
        host, port = f'h{number}', f'port{number}'
        self.command('ip', 'netns', 'add', host)
        self.command('ip', 'link', 'add', port, 'type', 'veth', 'peer', 'name', INTERFACE, 'netns', host)
        self.command('ip', 'link', 'set', port, 'master', 'br0')
        self.command('ip', '-n', host, 'link', 'set', 'lo', 'up')
        self.command('ip', '-n', host, 'address', 'add', f'10.9.0.{number + 1}/24', 'dev', INTERFACE)
        self.command('ip', '-n', host, 'link', 'set', INTERFACE, 'up')
        self.command('ip', '-n', host, 'route', 'add', '224.0.0.0/4', 'dev', INTERFACE)

    def start(self, host, argv):
        """Starts a program in a host."""
        program = Program(host, argv, self.directory)
        self.programs.append(program)
        return program

    def close_programs(self):
        """Ends whatever still runs."""
        for program in self.programs:
            program.close()
        self.programs.clear()
