# SPDX-License-Identifier: MIT
"""Tables for people."""
import os
import pathlib
import platform
import statistics

from . import goodput

GIGA = 1e9

# What the ratios compare: numerator, denominator, figure, target or None.
RATIOS = [
    ('blast_paced', 'bare_paced', 'library blast / bare loop, without loss', 0.9),
    ('blast', 'bare', 'library blast / bare loop, at full speed', 0.9),
    ('herald', 'naive', 'herald listen / recvfrom, each with its own sender', 5),
    ('herald', 'bare_naive', 'herald listen / recvfrom that a GSO sender feeds', None),
    ('herald', 'iperf', 'herald / iperf 2', None),
    ('herald', 'socat', 'herald / socat', None),
]


def cpu_model():
    """The processor's name."""
    for line in pathlib.Path('/proc/cpuinfo').read_text(encoding='utf-8').splitlines():
        if line.startswith('model name'):
            return line.partition(':')[2].strip()
    return platform.machine()


def machine():
    """The facts that the figures depend on."""
    def limit(name):
        try:
            return int(pathlib.Path(f'/proc/sys/net/core/{name}').read_text(encoding='ascii'))
        except OSError:
            return None

    return {'kernel': platform.release(), 'cpu': cpu_model(), 'cpus': os.cpu_count(), 'load': os.getloadavg()[0],
            'rmem_max': limit('rmem_max')}


def busy(facts):
    """Whether something else runs that would spoil the figures."""
    return facts['load'] > 0.25 * facts['cpus']


def print_header(facts, options):
    """What was measured, on what, and how."""
    print(f'herald bench: Linux {facts["kernel"]}, {facts["cpus"]} × {facts["cpu"]}, load {facts["load"]:.2f}')
    print(f'datagrams of 1,400 bytes; GB/s = 10^9 bytes of payload a second; median of {options.repeat} interleaved '
          f'runs of {options.seconds} s')
    if facts['rmem_max'] is not None and facts['rmem_max'] < 4 << 20:
        print(f'warning: net.core.rmem_max is {facts["rmem_max"]}: receive buffers are smaller than the 4 MiB asked '
              'for, and more is lost\n         sysctl net.core.rmem_max=4194304')
    if busy(facts):
        print('warning: this machine is busy with something else: do not trust the figures')


def print_goodput(receivers, groups, figures):
    """One table: `groups` is a list of (heading, rows of goodput)."""
    print(f'\n{receivers} receiver{"s" if receivers != 1 else ""}'.ljust(34)
          + '  sent  received GB/s     lost   cores busy')
    print(' ' * 35 + 'GB/s     min    mean        %   send receive')
    for heading, group in groups:
        print(f'  {heading}')
        for row in group:
            figure = figures.get(row.key)
            if figure is None:
                continue  # not asked for
            if 'sent' not in figure:
                print(f'    {row.label:<28} failed')
                continue
            print(f'    {row.label:<28}{figure["sent"] / GIGA:6.3f} {figure["received_min"] / GIGA:7.3f} '
                  f'{figure["received_mean"] / GIGA:7.3f} {figure["lost_percent"]:9.2f} {figure["cpu_send"]:6.2f} '
                  f'{figure["cpu_receive"]:7.2f}')


def print_ratios(figures):
    """What the tables come to."""
    print('  ratios of the mean received: median of the runs (least to most)')
    for upper, lower, label, target in RATIOS:
        if upper not in figures or lower not in figures:
            continue
        found = goodput.ratios(figures[upper], figures[lower])
        if not found:
            continue
        a, b = figures[upper]['received_mean'], figures[lower]['received_mean']
        wanted = f'   target ≥ {target}' if target else ''
        print(f'    {label:<50}{statistics.median(found):7.2f}  ({found[0]:.2f} to {found[-1]:.2f})   '
              f'{a / GIGA:.3f} / {b / GIGA:.3f} GB/s{wanted}')


def print_roundtrip(receivers, pairs, figures):
    """One table of round trips, and its ratios to the Python pair."""
    print(f'\n{receivers} responder{"s" if receivers != 1 else ""}: from the question to the last answer, µs')
    print('    asker / answerer                p50       p99   incomplete   ratio p50   ratio p99')
    base = figures.get('python_python')
    for key, ask, answer in pairs:
        figure = figures.get(key)
        label = f'{ask} / {answer}'
        if figure is None:
            print(f'    {label:<24} not measured')
            continue
        ratios = ''
        if base and key != 'python_python':
            ratios = f'{figure["p50"] / base["p50"]:12.2f}{figure["p99"] / base["p99"]:12.2f}'
        print(f'    {label:<24}{figure["p50"] / 1000:11.1f}{figure["p99"] / 1000:10.1f}{figure["incomplete"]:13d}'
              f'{ratios}')
