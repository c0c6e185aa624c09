#!/bin/bash
# SPDX-License-Identifier: MIT
# Whoever lost a datagram is named: each loss is made at one place, and attributed to that place, by the library for a
# program's own socket and by the commands.
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"

LOSS_WATCH=$(dirname "$HERALD")/tests/net/loss_watch
[ -x "$LOSS_WATCH" ] || give_up "no $LOSS_WATCH"
lan A B
group_route_add B
head -c 1000 /dev/zero | tr '\0' x >"$T/payload"

watch() { # NAME fd|gro|filtered|receiver BUFFER EXPECTED [IFACE]
    start "$1" A "$LOSS_WATCH" "$2" 239.1.2.3 10000 "${5:-eth0}" "$3" "$4"
    wait_line "$1.out" '^ready'
}

send() { # COUNT [ARGUMENTS...]
    run send B herald send "${2:-239.1.2.3:10000}" --file "$T/payload" --count "$1" --rate 20000pps --wait 10ms -q "${@:3}"
}

# What the program received and is to be told is read before it is asked.
conclude() { # NAME
    wait_drained A 10000
    stop "$1"
}

firewall() { # CHAIN RULES
    on A nft -f - <<RULES || give_up "setup failed: nft"
table inet loss { chain $1 { type filter hook $1 priority 0; $2; }; }
RULES
}

# ---- nothing lost --------------------------------------------------------------------------------------------

for kind in fd gro filtered receiver; do
    watch all $kind 1000000 200
    send 200
    conclude all
    like "$kind: nothing is lost, and nothing is said" all.out '^text=$'
    like "$kind: all came" all.out '^received=200$'
done

# ---- in the network --------------------------------------------------------------------------------------------

# One datagram a packet, so that each is dropped, or not, by itself.
on B ethtool -K eth0 tx-udp-segmentation off >/dev/null 2>&1
loss_set A 'numgen inc mod 5 0'
for kind in fd receiver; do
    watch net $kind 1000000 200
    send 200
    conclude net
    like "$kind: what the network loses is the network's" net.out '^main=network$'
    like "$kind: all of it" net.out '^network=[0-9]+/40/40$'
    like "$kind: and the text says so" net.out '^text=40 datagrams lost, (most likely )?all in the network$'
    like "$kind: none by the receive buffer" net.out '^receive_buffer=0/0/0$'
done
on sw nft delete table netdev loss_A

# ---- in the receive buffer -------------------------------------------------------------------------------------

for kind in fd gro receiver; do
    watch full $kind 4096 300
    kill -STOP "${pid_of[full]}"
    send 300
    kill -CONT "${pid_of[full]}"
    conclude full
    like "$kind: a full receive buffer is named" full.out '^main=receive_buffer$'
    like "$kind: with its size and the remedy" full.out '^text=.* in the full receive buffer \([0-9]+ KiB\)'
    like "$kind: the remedy" full.out '^advice=.*(rcvbuf|rmem_max)'
    unlike "$kind: certainly" full.out '^receive_buffer=0/'
done
watch exact fd 4096 300
kill -STOP "${pid_of[exact]}"
send 300
kill -CONT "${pid_of[exact]}"
conclude exact
lost=$((300 - $(sed -n 's/^received=//p' "$T/exact.out")))
like 'without UDP_GRO it is known exactly' exact.out "^receive_buffer=$lost/$lost/$lost\$"
like 'and nothing is left for the network' exact.out '^network=0/0/0$'

watch unknown fd 4096 -
kill -STOP "${pid_of[unknown]}"
send 300
kill -CONT "${pid_of[unknown]}"
conclude unknown
like 'without sequence numbers the kernel tells' unknown.out '^text=[0-9]+ datagrams lost in the full receive buffer'

# Two at once.
loss_set A 'numgen inc mod 5 0'
watch both fd 4096 300
kill -STOP "${pid_of[both]}"
send 300
kill -CONT "${pid_of[both]}"
conclude both
like 'two places are told apart' both.out '^network=[0-9]+/60/60$'
like 'both are told' both.out '^text=[0-9]+ datagrams lost: [0-9]+ in the full receive buffer \([0-9]+ KiB\), (at most )?60 in the network$'
on sw nft delete table netdev loss_A

# ---- a socket with a filter ------------------------------------------------------------------------------------

watch filtered filtered 1000000 200
head -c 1000 /dev/zero >"$T/unwanted"
run unwanted B herald send 239.1.2.3:10000 --file "$T/unwanted" --count 100 --rate 20000pps --wait 10ms -q
send 200
conclude filtered
like 'what a filter rejects is counted by the kernel' filtered.out '^socket_drops=100$'
like 'but is not lost' filtered.out '^text=$'
watch filtered filtered 4096 300
kill -STOP "${pid_of[filtered]}"
run unwanted B herald send 239.1.2.3:10000 --file "$T/unwanted" --count 100 --rate 20000pps --wait 10ms -q
send 300
kill -CONT "${pid_of[filtered]}"
conclude filtered
lost=$((300 - $(sed -n 's/^received=//p' "$T/filtered.out")))
like 'a full buffer behind a filter is found all the same' filtered.out "^receive_buffer=0/$lost/$lost\$"

# ---- by this host, on the way to the socket --------------------------------------------------------------------

firewall input 'udp dport 10000 drop'
watch wall fd 1000000 100
send 100
conclude wall
like "this host's firewall is named" wall.out '^main=firewall$'
like 'in words' wall.out "^text=100 datagrams lost, most likely all by this host's firewall\$"
on A nft delete table inet loss
firewall prerouting 'ip6 daddr ff15::1 drop; udp dport 10000 drop'
watch wall receiver 1000000 100
send 100
conclude wall
like 'before it is routed as well' wall.out '^main=firewall$'
on A nft delete table inet loss

setting A ipv4/conf/eth0/rp_filter 1
must ip -n B address add 10.99.0.1/24 dev eth0
watch reverse fd 1000000 100
send 100 10.99.0.1@239.1.2.3:10000
is '100 from a source that A has no route to' $status 0
conclude reverse
like 'the reverse path filter is named' reverse.out '^main=rp_filter$'
like 'with its remedy' reverse.out '^advice=sysctl -w net\.ipv4\.conf\.all\.rp_filter=2'
setting A ipv4/conf/eth0/rp_filter 0

# Every second fragment is lost: no datagram is whole.
on sw nft -f - <<'RULES' || give_up "setup failed: nft"
table netdev loss_A { chain out { type filter hook egress device "A" priority 0; ip frag-off & 0x1fff != 0 drop; }; }
RULES
setting A ipv4/ipfrag_time 1
head -c 3000 /dev/zero >"$T/large"
watch broken fd 1000000 20
run send B herald send 239.1.2.3:10000 --file "$T/large" --fragment --count 20 --rate 20000pps --wait 10ms -q
wait_until "on A grep -A1 '^Ip: ' /proc/net/snmp | awk 'NR == 2 { exit !(\$17 >= 20) }'"
conclude broken
like 'fragments without the others are named' broken.out '^main=fragments$'
on sw nft delete table netdev loss_A

if need python3 'damaged datagrams and foreign frames'; then
    watch damaged fd 1000000 30
    run damage B python3 "$PEERS/raw_frames.py" eth0 damaged 30
    wait_until "on A awk '/^Udp: [0-9]/ { exit !(\$8 >= 30) }' /proc/net/snmp"
    conclude damaged
    like 'damaged datagrams are named' damaged.out '^main=checksum$'

    # What a network card drops can be made here only as frames of a protocol that nobody wants: rx_dropped.
    on B ethtool -K eth0 tx-udp-segmentation off >/dev/null 2>&1
    watch foreign fd 1000000 100
    run damage B python3 "$PEERS/raw_frames.py" eth0 foreign 60
    send 40
    wait_drained A 10000
    stop foreign
    like 'frames that the interface drops are seen' foreign.out '^nic_dropped=6[0-9]$'
    like 'as a possible cause' foreign.out '^nic=0/60/60$'
    like 'and the interface is named' foreign.out '^text=60 datagrams lost, most likely all by the network card \(eth0\)$'
    watch foreign fd 1000000 100
    run damage B python3 "$PEERS/raw_frames.py" eth0 foreign 1000
    send 90
    wait_drained A 10000
    stop foreign
    like 'but not if they are far more than what is missing' foreign.out '^nic=0/10/0$'
    like 'which then was lost in the network, as far as is known' foreign.out '^text=10 datagrams lost, most likely all in the network$'
fi

# ---- the commands ----------------------------------------------------------------------------------------------

listen slow A 239.1.2.3:10000 --rcvbuf 4K --ack never --no-print --stats 50ms
kill -STOP "${pid_of[slow]}"
send 300
kill -CONT "${pid_of[slow]}"
wait_line slow.err ' lost in the full receive buffer \(4 KiB\)$'
verdict 0 'listen --stats says where datagrams were lost'
stop slow
is 'and so does the summary' "$(tail -n 2 "$T/slow.err" | grep -cE ' lost in the full receive buffer|^  try: .*rcvbuf')" 2

listen good A 239.1.2.3:10000 --ack never --no-print --stats 50ms --count 100
send 100
finish good
unlike 'listen says nothing if nothing was lost' good.err 'lost|try:'

listen said A 239.1.2.3:10000 --rcvbuf 4K --ack never --no-print --json
kill -STOP "${pid_of[said]}"
send 300
kill -CONT "${pid_of[said]}"
wait_drained A 10000
stop said
ok 'listen --json has the figures' json said.out 'of("loss")[0]["main_cause"] == "receive_buffer" and of("loss")[0]["receive_buffer_least"] > 0'

setting A ipv4/conf/eth0/rp_filter 1
start none A herald listen 239.1.2.3:10000 --for 2s
wait_line none.err '^listening to '
send 100 10.99.0.1@239.1.2.3:10000
finish none
is 'listen ends, as nothing came' $status 4
like 'and says who refused it' none.err 'nothing arrived; perhaps lost: (about|at most) [0-9]+ by the reverse path filter$'
like 'and what to do' none.err '^  try: sysctl -w net\.ipv4\.conf\.all\.rp_filter=2'
setting A ipv4/conf/eth0/rp_filter 0
start none A herald listen 239.1.2.3:10000 --for 2s
wait_line none.err '^listening to '
send 100 239.1.2.3:10009
finish none
like 'the wrong port is named' none.err 'nothing arrived at this port; 100 datagrams came to a group that is joined here'

mkdir "$T/in"
head -c 3000000 /dev/urandom >"$T/file"
loss_set A 'numgen inc mod 10 0'
start get A herald get 239.1.2.3:10001 -d "$T/in" --once
wait_line get.err '^getting from '
run put B herald put 239.1.2.3:10001 "$T/file" --expect 1 --rate 50mbit
is 'a delivery through a network that loses' $status 0
finish get
ok 'arrives' cmp "$T/file" "$T/in/file"
like 'get says where it was lost' get.err '^[0-9,]+ datagrams lost(, most likely all|: (about|at least) [0-9,]+) in the network'
on sw nft delete table netdev loss_A
start get A herald get 239.1.2.3:10001 -d "$T/in" --once
wait_line get.err '^getting from '
run put B herald put 239.1.2.3:10001 "$T/file" --expect 1 --rate 50mbit
finish get
unlike 'and nothing if nothing was lost' get.err 'lost'
done_testing
