#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""bench_deliveries.py BENCH: how the benchmark waits for the programs of a delivery. TAP."""
import os
import sys

sys.path.insert(0, sys.argv[1])
from benchlib import files, file_tools, network  # pylint: disable=wrong-import-position

TOOLS = {tool.key: tool for tool in file_tools.TOOLS}


class Program:
    """One that tells its end, or its marker, only when it is asked for the second time."""

    def __init__(self, status=0, marker=False):
        self.asked = 0
        self.will = status, marker
        self.exit_ns = self.marker_ns = self.status = None
        self.process = self
        self.is_open = True
        self.reading, self.writing = os.pipe()
        os.close(self.writing)  # so that nobody waits
        self.stdout = os.fdopen(self.reading)

    def take(self):
        """As Metered has it."""
        self.asked += 1
        if self.asked >= 2:
            self.status, marker = self.will
            self.exit_ns = 1
            self.marker_ns = 1 if marker else None
            self.is_open = False

    def ended(self):
        """As Metered has it."""
        self.take()
        return not self.is_open

    def complaint(self):
        """As Metered has it."""
        return f'status {self.status}'


def outcome(tool, receiver):
    """What comes of a delivery to it."""
    try:
        files.wait_for_all(TOOLS[tool], Program(), [receiver], 5)
    except network.Failure as failure:
        return str(failure)
    return 'delivered'


CASES = [
    ('a receiver may end well while it is looked at', 'raw_blast', Program(), 'delivered'),
    ('or say then that it has the file', 'herald', Program(marker=True), 'delivered'),
    ('one that ends badly has failed', 'raw_blast', Program(status=3), 'status 3'),
    ('and one that ends without having it', 'herald', Program(), 'status 0'),
]
FAILED = 0
for number, (name, tool_key, program, wanted) in enumerate(CASES, 1):
    found = outcome(tool_key, program)
    print(f'{"ok" if found == wanted else "not ok"} {number} - {name}')
    if found != wanted:
        FAILED = 1
        print(f'# {found}, not {wanted}')
print(f'1..{len(CASES)}')
sys.exit(FAILED)
