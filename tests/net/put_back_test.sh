#!/bin/bash
# SPDX-License-Identifier: MIT
# A receiver, or the sender itself, is cut off for longer than --give-up, and comes back.
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"

EP=239.1.2.3:10000
lan A B C
for host in A B C; do
    group_route_add $host
done
mkdir "$T/b" "$T/c"
head -c 1500000 /dev/urandom >"$T/file.bin"

get_both() {
    start b B herald get $EP -d "$T/b" --once --node-id 2 --json
    start c C herald get $EP -d "$T/c" --once --node-id 3 --json
    wait_line b.out '"event":"receiving"'
    wait_line c.out '"event":"receiving"'
}

get_both
start put A herald put $EP "$T/file.bin" --rate 3mbit --expect 2 --give-up 1s --json
wait_line put.out '"state":"receiving"'
carrier_down C
wait_line put.out '"state":"vanished"'
carrier_up C
finish put
is 'a receiver that was given up and comes back gets everything' $status 0
ok 'and a receipt says so' json put.out '[e["verified"] for e in of("receipt") if e["node_id"] == 3] == [True]'
finish b
finish c
ok 'it has the file' cmp "$T/file.bin" "$T/c/file.bin"

rm -f "$T/b/file.bin" "$T/c/file.bin"
get_both
start put A herald put $EP "$T/file.bin" --rate 3mbit --expect 2 --give-up 1s --json
wait_line put.out '"state":"receiving"'
carrier_down A
# shellcheck disable=SC2034 # used by the next line
down_ms=$(now_ms)
wait_until '[ $(($(now_ms) - down_ms)) -ge 2000 ]' # longer than --give-up
carrier_up A
finish put
is 'a sender whose own cable was pulled gives nobody up' $status 0
is 'nobody vanished' "$(count put.out '"state":"vanished"')" 0
finish b
finish c
ok 'one has the file' cmp "$T/file.bin" "$T/b/file.bin"
ok 'and so has the other' cmp "$T/file.bin" "$T/c/file.bin"

done_testing
