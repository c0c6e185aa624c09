# SPDX-License-Identifier: MIT
"""The delivery of files, for people: a table for each cell, one of everything, and a chart."""
import statistics
from xml.sax.saxutils import escape

# What the ratios compare: numerator, denominator, what it is.
RATIOS = [
    ('herald', 'write_blast', 'herald auto / limit (blast, written)'),
    ('herald_max', 'write_blast', 'herald max / limit (blast, written)'),
    ('herald_null', 'raw_blast', 'herald to /dev/null / limit (blast, nothing written)'),
    ('herald_null', 'digest_blast', 'herald to /dev/null / blast, its digest taken'),
    ('herald_data', 'raw_blast', 'library, in memory / limit (blast, nothing written)'),
    ('herald_data', 'memory_blast', 'library, in memory / blast, digest, copied'),
    ('herald', 'tcp', 'herald auto / TCP (sendfile)'),
    ('herald_max', 'tcp', 'herald max / TCP (sendfile)'),
    ('herald', 'tcp_socat', 'herald auto / TCP (socat)'),
    ('herald', 'udpcast', 'herald auto / udpcast'),
    ('herald', 'uftp', 'herald auto / UFTP'),
    ('herald', 'norm', 'herald auto / NRL NORM'),
]


def ratios(upper, lower):
    """The ratios of what two tools achieved, run by run, in ascending order: neighbours in time share the noise."""
    return sorted(a['mbit'] / b['mbit'] for a, b in zip(upper['runs'], lower['runs']) if a and b)


def least_and_most(figure):
    """Of the Mbit/s."""
    found = [run['mbit'] for run in figure['runs'] if run]
    return min(found), max(found)


def note(figure):
    """What has to be said about a row."""
    notes = []
    if figure['rate_mbit']:
        notes.append(f'told {figure["rate_mbit"]} Mbit/s')
    if figure['failed'] and 'mbit' in figure:
        notes.append(f'{figure["failed"]} of {len(figure["runs"])} {figure["reason"]}')
    return '; '.join(notes)


def print_cell(name, figures):
    """One table, and its ratios."""
    print(f'\nfile of {name}')
    print(f'{"":34}{"s":>7} {"Mbit/s at each (least to most)":>32}{"sender s":>10}{"sent x":>8}{"CPU s/GB":>10}'
          f'{"peak MB":>9}')
    for figure in figures.values():
        if 'mbit' not in figure:
            print(f'  {figure["label"]:<32} {figure["reason"]}')
            continue
        least, most = least_and_most(figure)
        rates = f'{figure["mbit"]:.0f} ({least:.0f} to {most:.0f})'
        print(f'  {figure["label"]:<32}{figure["seconds"]:7.2f} {rates:>32}{figure["sender_seconds"]:10.2f}'
              f'{figure["wire_ratio"]:8.2f}{figure["cpu_per_gb"]:10.2f}{figure["peak_bytes"] / 1e6:9.1f}  '
              f'{note(figure)}'.rstrip())
    for upper, lower, label in RATIOS:
        found = ratios(figures[upper], figures[lower]) if upper in figures and lower in figures else []
        if found:
            print(f'    {label:<54}{statistics.median(found):8.2f}  ({found[0]:.2f} to {found[-1]:.2f})')


def print_summary(everything):
    """One table of everything: the Mbit/s at each receiver."""
    if len(everything) < 2:
        return
    names = list(everything)
    labels = {key: figure['label'] for figures in everything.values() for key, figure in figures.items()}
    print('\nfiles: Mbit/s at each receiver, medians')
    for number, name in enumerate(names, 1):
        print(f'  [{number}] {name}')
    print(f'{"":34}' + ''.join(f'{f"[{number}]":>8}' for number in range(1, len(names) + 1)))
    for key, label in labels.items():
        row = [everything[name].get(key, {}).get('mbit') for name in names]
        print(f'  {label:<32}' + ''.join(f'{"-":>8}' if value is None else f'{value:8.0f}' for value in row))


# ---- the chart --------------------------------------------------------------------------------------

WIDTH, LABEL_WIDTH, VALUE_WIDTH, BAR, GAP = 760, 230, 150, 14, 6
COLOURS = {'limit': '#9aa0a6', 'herald': '#1a6fb5', 'rival': '#c9772b'}


def text(x, y, words, attributes=''):
    """An element."""
    return f'<text x="{x:.0f}" y="{y:.0f}" {attributes}>{escape(words)}</text>'


def bars(figures, top):
    """The bars of one cell, and where they end."""
    parts = []
    most = max((least_and_most(figure)[1] for figure in figures.values() if 'mbit' in figure), default=1.0)
    scale = (WIDTH - LABEL_WIDTH - VALUE_WIDTH) / most
    for figure in figures.values():
        middle = top + BAR - 3
        parts.append(text(LABEL_WIDTH - 8, middle, figure['label'], 'text-anchor="end"'))
        if 'mbit' in figure:
            least, greatest = (LABEL_WIDTH + scale * value for value in least_and_most(figure))
            length = scale * figure['mbit']
            parts.append(f'<rect x="{LABEL_WIDTH}" y="{top}" width="{length:.1f}" height="{BAR}" '
                         f'fill="{COLOURS[figure["kind"]]}"/>')
            parts.append(f'<path d="M{least:.1f} {top + BAR / 2}H{greatest:.1f}" stroke="#000" stroke-width="1.5"/>')
            parts.append(text(max(greatest, LABEL_WIDTH + length) + 6, middle, f'{figure["mbit"]:,.0f}'))
        else:
            parts.append(text(LABEL_WIDTH + 2, middle, figure['reason'][:80], 'fill="#a00"'))
        top += BAR + GAP
    return parts, top


def chart(everything, heading):
    """All cells below each other, as SVG. The scale is each cell's own."""
    parts, top = [text(12, 22, 'Files: Mbit/s at each receiver', 'font-size="15" font-weight="bold"'),
                  text(12, 40, heading, 'fill="#555"')], 62
    for name, figures in everything.items():
        parts.append(text(12, top + 10, name, 'font-weight="bold"'))
        found, top = bars(figures, top + 20)
        parts += found
        top += 14
    return (f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{top}" viewBox="0 0 {WIDTH} {top}" '
            'font-family="sans-serif" font-size="12">\n<rect width="100%" height="100%" fill="#fff"/>\n'
            + '\n'.join(parts) + '\n</svg>\n')
