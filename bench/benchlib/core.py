# SPDX-License-Identifier: MIT
"""What the protocol's core costs without a network: bench-core and bench-core-fec, and their tables."""
import json
import subprocess

from .network import Failure


def output_of(program):
    """What one measuring program prints."""
    try:
        return subprocess.run([program], check=True, stdout=subprocess.PIPE, text=True).stdout
    except (OSError, subprocess.CalledProcessError) as error:
        raise Failure(f'{program.name}: {error}') from error


def measure(build):
    """The machines' table as text, and the erasure code's figures as a list."""
    machines = output_of(build / 'bench' / 'bench-core')
    code = [json.loads(line) for line in output_of(build / 'bench' / 'bench-core-fec').splitlines()]
    return {'machines': machines, 'fec': code}


def print_tables(figures):
    """For people."""
    print('\n== the protocol\'s core, without a network\n')
    print(figures['machines'])
    print('Reed-Solomon by ISA-L, GB/s of source bytes; x ISA-L: against one call of it with tables prepared before;\n'
          'x inversion: against ISA-L\'s own way of decoding, which inverts a k x k matrix for each pattern of losses')
    print(f'{"":24}{"GB/s":>8}{"x ISA-L":>9}{"x inversion":>13}{"x memcpy":>10}')
    for row in figures['fec']:
        what = f'k={row["k"]} p={row["parity"]} ' + (f'{row["lost"]} lost' if row['lost'] else 'encode')
        inversion = row.get('ratio_to_isal_with_inversion')
        print(f'{what:24}{row["gbytes_per_s"]:8.2f}{row["ratio_to_isal"]:9.2f}'
              f'{inversion if inversion is not None else "-":>13}{row["ratio_to_memcpy"]:10.2f}')
