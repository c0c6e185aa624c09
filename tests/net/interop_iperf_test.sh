#!/bin/bash
# SPDX-License-Identifier: MIT
# iperf 2 as sender and as receiver of a group.
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"

need iperf 'iperf as a peer' || done_testing
lan A B
group_route_add A
group_route_add B

# ---- iperf sends, herald receives
listen listener A 239.1.2.3:5001 --format raw --ack never
start stats A herald listen 239.1.2.3:5001 --no-print --ack never --json
wait_line stats.out '"listening"'
run iperf B iperf -c 239.1.2.3 -u -T 1 -p 5001 -l 1000 -b 4m -n 200000
sent=$(sed -nE 's/.*Sent ([0-9]+) datagrams.*/\1/p' "$T/iperf.out")
ok 'iperf has sent to the group' test "${sent:-0}" -ge 200
# The last datagram, with a negative number, is not waited for by iperf towards a group, but sent.
wait_until "[ \$(wc -c <$T/listener.out) -ge $((sent * 1000 - 1000)) ]"
stop listener
stop stats
got=$(($(wc -c <"$T/listener.out") / 1000))
is 'whole datagrams' $(($(wc -c <"$T/listener.out") % 1000)) 0
ok "herald has them all: $got of $sent" test "$got" -ge $((sent - 1)) -a "$got" -le "$sent"
ok 'in order, byte for byte: the numbers that iperf counts' python3 -c '
import struct, sys
data = open(sys.argv[1], "rb").read()
numbers = [struct.unpack("!i", data[at:at + 4])[0] for at in range(0, len(data), 1000)]
assert [abs(n) for n in numbers] == list(range(numbers[0], numbers[0] + len(numbers))), numbers
assert all(n >= 0 for n in numbers[:-1]), numbers
' "$T/listener.out"
ok 'the summary counts the same' json stats.out \
    "of('summary')[0]['datagrams'] == $got and of('summary')[0]['payload_bytes'] == $got * 1000"

# ---- herald sends, iperf receives
start iperf_in A iperf -s -u -B 239.1.2.4 -p 5001
wait_member A eth0 239.1.2.4
# What an iperf client sends: a number, the time, and a negative number at the end.
for n in $(seq 0 19) -20; do
    hex=$(printf '%08x%08x%08x%08x' $((n & 0xffffffff)) 1700000000 $((${n#-} * 1000)) 0)
    run send B herald send 239.1.2.4:5001 --hex "$hex$(printf '%02000d' 0)" --reply-port 5555 --wait 1ms
    [ $status = 0 ] || break
done
is 'herald sends as an iperf client does' $status 0
wait_line iperf_in.out ' [0-9]+/ *[0-9]+ \([0-9.]+%\)'
like 'iperf receives them all: none lost of 20' iperf_in.out ' 0/ *2[01] \(0%\)'
# iperf is killed: told to end, now and then it does not.
done_testing
