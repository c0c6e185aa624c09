#!/bin/bash
# SPDX-License-Identifier: MIT
# How far a delivery is, on a terminal: a bar for each receiver, the slowest first.
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source-path=SCRIPTDIR source=put_lib.sh
. "$(dirname "$0")/put_lib.sh"

need python3 'put_progress: a terminal' || done_testing
need ethtool 'put_progress: a switch' || done_testing
fire_lan 3
fresh
noise "$T/src/file" 8000000
printf 'R1\nR2\nR3\n' >"$T/hosts" # known in this order

# What the bars have shown, frame by frame: lists of (name, percent or -1, what stands behind).
frames() { # EXPRESSION
    python3 - "$T/put.out" "$1" <<'PYTHON'
import re, sys

text = open(sys.argv[1], errors="replace", newline="").read()
frames = []
for drawing in re.split(r"\r\x1b\[\d+A", text):
    bars = re.findall(r"(R\d) +\[[^]]*\] +(?:(\d+)%)? +(\w+)", drawing)
    if len(bars) == 3:
        frames.append([(name, int(percent or -1), note) for name, percent, note in bars])
print(eval(sys.argv[2]))
PYTHON
}

fire_gets --once
start put S python3 "$PEERS/terminal.py" 80 24 herald put "$EP" --expect-hosts "$T/hosts" --rate 20mbit --give-up 3s \
    "$T/src/file"
wait_heard R3 1000000
kill -STOP "${pid_of[R3]}"
finish put
crash R3
is 'one does not go on' $status 1
is 'who is behind comes first' "$(frames '{f[0][0] for f in frames if f[0][1] + 20 < f[1][1] < 100}')" "{'R3'}"
is 'and each before who has more' \
    "$(frames '[f for f in frames if [b[1] for b in f if b[1] >= 0] != sorted(b[1] for b in f if b[1] >= 0)]')" '[]'
is 'who has all comes last' \
    "$(frames '[f for f in frames if f[-1][2] != "verified" and "verified" in [b[2] for b in f]]')" '[]'
is 'and no bar becomes shorter while a file gets into its place' \
    "$(frames '[(a, b) for f, g in zip(frames, frames[1:]) for a in f for b in g if a[0] == b[0] and -1 < b[1] < a[1]]')" '[]'
got_rest 'the others have it' R3
done_testing
