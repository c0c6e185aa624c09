#!/bin/bash
# SPDX-License-Identifier: MIT
# Receivers that herald put expects by their node id: nothing tells beforehand whether they are herald. And who is gone,
# and who only was not asked.
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"

EP=239.1.2.3:10000
lan A B
for host in A B; do
    group_route_add $host
done
mkdir "$T/b"
head -c 100000 /dev/urandom >"$T/file.bin"
echo node:7 >"$T/hosts"

start b B herald get $EP -d "$T/b" --once --node-id 7
wait_line b.err '^getting from '
loss_set A 'ip saddr 10.0.0.2 udp dport 10000 numgen inc mod 1000000 < 2'
run put A herald put $EP "$T/file.bin" --expect-hosts "$T/hosts" --receipts "$T/receipts"
is 'put to a node id ends well' $status 0
like 'a herald get of that node id verifies, though the first that it says is lost' put.out \
    '^[^ ]+ +10\.0\.0\.2 +7 .* verified$'
finish b
is 'get ends well, too, when it was expected by its node id' $status 0

run absent A herald put $EP "$T/file.bin" --expect-hosts "$T/hosts" --give-up 300ms
is 'a node id that is not here: status 1' $status 1
like 'a node id that is not here is named' absent.err '; missing: node:7$'

# A question is asked again and again as long as one of those that it names does not answer: for seconds, as round
# trips are taken to be long beyond the LAN. The others are not asked meanwhile, and need not say anything.
switch_add far
for host in C D E; do
    host_add $host far
    group_route_add $host
    mkdir -p "$T/$host"
done
head -c 12000000 /dev/urandom >"$T/file.bin"
for host in D E; do
    start $host $host herald get $EP -d "$T/$host" --once
    wait_line $host.err '^getting from '
done
start put C herald put $EP "$T/file.bin" --expect 2 --ttl 2 --rate 20mbit --give-up 1s
wait_until "find '$T/E' -type f | grep -q ."
kill -KILL "${pid_of[E]}"
finish E
finish put
is 'a receiver is killed: status 1' $status 1
like 'a receiver is killed: the other has everything' put.out '^[^ ]+ +10\.0\.0\.4 .* verified$'
finish D
is 'a receiver is killed: the other ends well' $status 0

# ---- two of one node id -----------------------------------------------------------------------

host_add F
group_route_add F
mkdir "$T/first" "$T/second"
start first B herald get $EP -d "$T/first" --node-id 5
start second F herald get $EP -d "$T/second" --node-id 5
wait_line first.err '^getting from '
wait_line second.err '^getting from '
run put A herald put $EP "$T/file.bin"
like 'two receivers have one node id: told' put.err \
    '^herald put: warning: two receivers have node id 5: 10\.0\.0\.[26] and 10\.0\.0\.[26]; '
is 'two receivers have one node id: told once' "$(count put.err 'two receivers')" 1
like 'two receivers have one node id: and what to do' put.err '^  try: .*--node-id'
stop first
stop second

done_testing
