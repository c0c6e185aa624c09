#!/bin/bash
# SPDX-License-Identifier: MIT
# Receipts, and what herald get says, tell how much a receiver had to ask for again.
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"

EP=239.1.2.3:10000
lan A B C
for host in A B C; do
    group_route_add $host
    must on $host ethtool -K eth0 tx-udp-segmentation off # or runs of segments would be lost as a whole
done
mkdir "$T/b" "$T/c"
head -c 300000 /dev/urandom >"$T/file.bin"
loss_set C 'udp dport 10000 numgen inc mod 10 < 1'

start b B herald get $EP -d "$T/b" --once --node-id 2 --json
start c C herald get $EP -d "$T/c" --once --node-id 3 --json
wait_line b.out '"event":"receiving"'
wait_line c.out '"event":"receiving"'
run put A herald put $EP "$T/file.bin" --rate 20mbit --expect 2 --json
is 'a file is put, where one of two receivers loses a tenth' $status 0
finish b
finish c
ok 'its receipt tells how many segments it had to ask for again' json put.out \
    '[10 <= e["repaired_segments"] <= 100 for e in of("receipt") if e["node_id"] == 3] == [True]'
ok 'get tells the same' json c.out \
    '[10 <= e["repaired_segments"] <= 100 for e in of("object")] == [True]'
ok 'the other receiver had to ask for nothing' json put.out \
    '[e["repaired_segments"] for e in of("receipt") if e["node_id"] == 2] == [0]'

# Some segments of the middle.
EP=239.1.2.3:10001
loss_set C 'udp dport 10001 numgen inc mod 1000 { 90, 100, 110, 120, 130, 140, 150, 160, 170, 180, 190, 200, 210 }'
start c C herald get $EP -o - --node-id 3
wait_line c.err '^getting from '
# shellcheck disable=SC2016
run put A sh -c 'herald put "$0" - --rate 20mbit --expect 1 --json <"$1"' $EP "$T/file.bin"
is 'a stream is put to one that loses some of it' $status 0
finish c
ok 'and its receipt tells as much' json put.out '[1 <= e["repaired_segments"] <= 100 for e in of("receipt")] == [True]'

# The packet that ends the stream, which carries nothing: its UDP datagram has 48 bytes.
EP=239.1.2.3:10002
loss_set C 'udp dport 10002 udp length 48 @th,64,4 1 @th,68,4 2 numgen inc mod 1000000 < 1'
start c C herald get $EP -o - --node-id 3
wait_line c.err '^getting from '
# shellcheck disable=SC2016
run put A sh -c 'herald put "$0" - --rate 40mbit --expect 1 <"$1"' $EP "$T/file.bin"
is 'a stream is put whose last packet is lost' $status 0
finish c
ok 'and arrives as a whole' cmp "$T/file.bin" "$T/c.out"
ok 'that packet was lost indeed' sh -c "ip netns exec sw nft list ruleset | grep -q 'counter packets 1 '"

done_testing
