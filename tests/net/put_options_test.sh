#!/bin/bash
# SPDX-License-Identifier: MIT
# Options of herald put and herald get that no other test needs: that each does what it says.
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"

EP=239.1.2.3:10000
lan A B C
for host in A B C; do
    group_route_add $host
done
mkdir "$T/b" "$T/c" "$T/tree"
head -c 200000 /dev/urandom >"$T/file"

get() { # NAME HOST ARGUMENTS...
    start "$1" "$2" herald get $EP --json "${@:3}"
    wait_line "$1.out" '"event":"receiving"'
}

put() { # ARGUMENTS...
    run put A herald put $EP --json --wait 1s "$@"
}

# ---- who is heard -----------------------------------------------------------------------------

get b B -d "$T/b" --accept 10.0.0.3 --accept 10.0.0.1 --once
get c C -d "$T/c" --accept 10.0.0.2
put "$T/file" --node-id 77
is '--accept: who accepts the sender gets it' $status 0
finish b
ok '--accept: who does not gets nothing' test ! -e "$T/c/file"
stop c
ok '--node-id: receivers know the sender by it' json b.out 'of("object")[0]["sender_id"] == 77'
ok '--node-id: it is told' json put.out 'events[0]["node_id"] == 77'

switch_add other
nic_add A eth1 other 10.1.0.1/24
nic_add B eth1 other 10.1.0.2/24
get b B -d "$T/b" -i eth1
put "$T/file" -i eth0
is 'get -i: not on another interface' $status 4
put "$T/file" -i eth1
is 'put -i and get -i: on this one' $status 0
ok 'put -i: it is told' json put.out 'events[0]["interface"] == "eth1"'
stop b

get a A -d "$T/c"
put "$T/file" --no-loop
is '--no-loop: this host does not hear it' $status 4
put "$T/file"
is 'without it does' $status 0
stop a

get b B -d "$T/b"
if need nft 'put --dscp'; then
    loss_set B 'ip dscp 8 udp dport 10000'
    put "$T/file" --dscp 8
    is '--dscp marks what is sent' $status 4
    put "$T/file"
    is 'without, it has another mark' $status 0
fi
put "$T/file" --ttl 0
is '--ttl 0: nobody else hears it' $status 4
stop b

get b B -d "$T/b" --rcvbuf 100K --once
ok '--rcvbuf is asked' json b.out 'events[0]["receive_buffer_asked_bytes"] == 102400'
put "$T/file"
is '--rcvbuf: a small one will do, too' $status 0
finish b

# ---- what is there already, and links ---------------------------------------------------------

echo old >"$T/b/file"
get b B -d "$T/b" --overwrite --no-sync --once
put "$T/file"
finish b
ok '--overwrite: the new file takes the place of the old one' cmp "$T/file" "$T/b/file"

ln -s /etc/passwd "$T/tree/out"
ln -s in "$T/tree/inside"
get b B -d "$T/b" --once
put "$T/tree"
is 'a link that leads out is refused: status 1' $status 1
ok 'the sender is told' json put.out '"may lead out" in of("receipt")[0]["reason"]'
finish b
ok 'the other one is made' test -h "$T/b/tree/inside"
ok 'that one is not' test ! -h "$T/b/tree/out"
get b B -d "$T/b" --any-links --once
put "$T/tree"
is '--any-links: it is taken' $status 0
finish b
is '--any-links: as it was' "$(readlink "$T/b/tree/out")" /etc/passwd

long=$(printf 'ä%.0s' {1..50})
mkdir "$T/tree/$long" "$T/b/tree/$long"
echo new >"$T/tree/$long/report.txt"
echo other >"$T/b/tree/$long/report.txt"
get b B -d "$T/b" --any-links --skip --once
put "$T/tree"
finish b
ok 'of a long path the reason has the end, which says what it is about' json put.out \
    '"ä/report.txt: something else" in of("receipt")[0]["reason"] and len(of("receipt")[0]["reason"].encode()) < 160'

# ---- for those who come late ------------------------------------------------------------------

get b B -d "$T/b" --once
start put A herald put $EP --json --repeat "$T/file"
finish b
is '--repeat: who was there from the beginning ends well' $status 0
get c C -d "$T/c" --once
finish c
is '--repeat: who comes late as well' $status 0
ok '--repeat: and has it' cmp "$T/file" "$T/c/file"
stop put
is '--repeat: until Ctrl-C, which is no failure' $status 0
ok '--repeat: both receipts are there' json put.out '[e["verified"] for e in of("receipt")] == [True, True]'

done_testing
