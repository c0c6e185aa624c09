#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""bench_deliveries.py BENCH: how the benchmark waits for the programs of a delivery, and shows what it found. TAP."""
import os
import sys
import xml.dom.minidom

sys.path.insert(0, sys.argv[1])
from benchlib import file_report, files, file_tools, network  # pylint: disable=wrong-import-position

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
RUN = {'mbit': 100.0}
FIGURE = {'label': 'one & <two>', 'kind': 'herald', 'mbit': 100.0, 'runs': [RUN, None, {'mbit': 300.0}]}
BROKEN = {'label': 'broken', 'kind': 'rival', 'reason': 'failed: "a" > b', 'runs': [None]}


def chart_texts():
    """The words of a chart with a tool that failed, which is XML."""
    chart = xml.dom.minidom.parseString(file_report.chart({'1 MB to 2': {'a': FIGURE, 'b': BROKEN}}, 'a heading'))
    return [node.firstChild.data for node in chart.getElementsByTagName('text')]


CHECKS = [(name, outcome(tool_key, program), wanted) for name, tool_key, program, wanted in CASES]
CHECKS.append(('the chart shows what succeeded and why the rest did not', chart_texts(),
               ['Files: Mbit/s at each receiver', 'a heading', '1 MB to 2', 'one & <two>', '100', 'broken',
                'failed: "a" > b']))
FAILED = 0
for number, (check, found, expected) in enumerate(CHECKS, 1):
    print(f'{"ok" if found == expected else "not ok"} {number} - {check}')
    if found != expected:
        FAILED = 1
        print(f'# {found}, not {expected}')
print(f'1..{len(CHECKS)}')
sys.exit(FAILED)
