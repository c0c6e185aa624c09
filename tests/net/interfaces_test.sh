#!/bin/bash
# SPDX-License-Identifier: MIT
# A listener follows its interfaces: they come late, are deleted and made again, lose and regain carrier.
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"

switch_add sw querier
switch_add sw2
host_add A
host_add B
nic_add B eth1 sw2 10.0.1.2/24

tell() { # WHERE TEXT: sends on an interface of B
    on B herald send "239.1.2.3%$1:10000" "$2" --wait 50ms -q >/dev/null || give_up "cannot send on $1"
}

# A switch that snoops forwards to a new listener only when the report has come, a moment after the join.
reached() { # NAME WHERE [TEXT]: the listener hears what B sends there
    local text=${3:-anybody there}
    wait_until "tell $2 '$text'; grep -q '  $2  .*$text' $T/$1.out"
}

listen listener A 239.1.2.3:10000 '[ff15::7]:10000'
wait_until 'switch_knows A 239.1.2.3'
verdict 0 'a join is reported to the switch'

# ---- an interface that appears later
nic_add A eth1 sw2 10.0.1.1/24
wait_line listener.err '^joined on eth1'
verdict 0 'an interface that appears is joined, and that is said'
wait_until 'switch_knows A 239.1.2.3 eth1'
tell eth1 'by the new interface'
wait_line listener.out '  eth1  .*"by the new interface"$'
verdict 0 'and heard on'

# ---- deleted, and made again
nic_delete A eth1
wait_line listener.err '^eth1 is gone'
verdict 0 'a deleted interface is told'
nic_add A eth1 sw2 10.0.1.1/24
wait_until "[ \$(grep -c '^\(re\)\?joined on eth1' $T/listener.err) = 2 ]"
verdict 0 'made again, it is joined again'
tell eth1 'by the interface made again'
wait_line listener.out '  eth1  .*"by the interface made again"$'
verdict 0 'and heard on again'

# ---- the cable is pulled, and put back
# A querier that grants 25 s to answer: what the switch knows at once, it knows by the listener's own report.
must ip -n sw link set br0 type bridge mcast_query_response_interval 2500 mcast_query_interval 12500
carrier_down A
wait_line listener.err '^eth0 lost carrier'
verdict 0 'a pulled cable is told'
wait_until '! switch_knows A 239.1.2.3'
carrier_up A
begin=$(now_ms)
wait_until 'switch_knows A 239.1.2.3'
took=$(($(now_ms) - begin))
ok "the cable back, the membership is reported again within a second ($took ms)" test $took -le 1000
wait_line listener.err '^rejoined on eth0'
verdict 0 'which is said in one line'
is 'just one' "$(count listener.err '^rejoined on eth0')" 1
tell eth0 'through the switch that snoops'
wait_line listener.out '  eth0  .*"through the switch that snoops"$'
verdict 0 'and traffic flows through a switch that forwards to members only'
wait_until 'switch_knows A ff15::7'
verdict 0 'IPv6 memberships return as well'

# A flap, too short to be seen as two states.
for _ in 1 2 3; do
    carrier_down A
    carrier_up A
done
wait_until 'switch_knows A 239.1.2.3' 5
verdict 0 'after a very short flap the switch knows the listener as well'
reached listener eth0
tell eth0 'after the flap'
wait_line listener.out '"after the flap"$'

# ---- administratively down and up
must ip -n A link set eth0 down
wait_line listener.err '^eth0 (is down|went down|lost carrier|was set down).*' 10
must ip -n A link set eth0 up
wait_until 'switch_knows A 239.1.2.3'
reached listener eth0
tell eth0 'up again'
wait_line listener.out '"up again"$'
verdict 0 'set down and up again by hand, it hears again'
stop listener
is 'the listener ends well' $status 0

# ---- the cable of a listener to many groups
listen many A 239.5.0.0+200:10000 -i eth0
known_groups() {
    on sw bridge mdb show | grep -c 'port A grp 239\.5\.0\.'
}
wait_until '[ "$(known_groups)" = 200 ]'
carrier_down A
wait_line many.err '^eth0 lost carrier'
wait_until '[ "$(known_groups)" = 0 ]'
carrier_up A
begin=$(now_ms)
wait_until '[ "$(known_groups)" = 200 ]'
took=$(($(now_ms) - begin))
ok "the cable back, 200 memberships are reported again within a second ($took ms)" test $took -le 1000
stop many

# ---- changes that the listener learns of late, all at once, or not at all
listen slow A 239.1.2.3:10000
reached slow eth0
kill -STOP "${pid_of[slow]}"
nic_delete A eth1
nic_add A eth1 sw2 10.0.1.1/24
carrier_down A
wait_until 'ip -n A link show eth0 | grep -q NO-CARRIER'
carrier_up A
wait_until 'ip -n A link show eth0 | grep -q LOWER_UP'
kill -CONT "${pid_of[slow]}"
wait_until 'switch_knows A 239.1.2.3'
verdict 0 'a listener that slept through a carrier loss reports its memberships again'
reached slow eth1
verdict 0 'and has joined the interface that was made again'
kill -STOP "${pid_of[slow]}"
for n in $(seq 3000); do
    echo "link set lo alias x$n"
done >"$T/batch"
must ip -n A -batch "$T/batch"
nic_delete A eth1
nic_add A eth1 sw2 10.0.1.1/24
kill -CONT "${pid_of[slow]}"
reached slow eth1 'after the storm'
verdict 0 'so when there were more changes than the kernel keeps'
must ip -n A link set eth1 down
must ip -n A link set eth1 name lan1
must ip -n A link set lan1 up
wait_until "tell eth1 renamed; grep -q '  lan1  .*renamed' $T/slow.out"
verdict 0 'a renamed interface is heard on by its new name'
stop slow
is 'and the listener ends well' $status 0
must ip -n A link set lan1 down
must ip -n A link set lan1 name eth1
must ip -n A link set eth1 up

# ---- an interface that is down at first
must ip -n A link set eth1 down
listen early A 239.1.2.3:10000 -i eth1
like 'an interface that is down is waited for, and that is said' early.err '^eth1 is down; waiting for it'
must ip -n A link set eth1 up
wait_line early.err '^joined on eth1'
reached early eth1
verdict 0 'it is joined when it comes up'
stop early

# ---- -i restricts
listen only A 239.1.2.3:10000 -i eth1
tell eth0 'on the wrong interface'
tell eth1 'on the right interface'
wait_line only.out '"on the right interface"$'
unlike '-i: what comes by another interface is not heard' only.out 'wrong interface'
stop only
listen zone A 239.1.2.3%eth0:10000
reached zone eth0
tell eth1 'on the wrong interface'
tell eth0 'on the right interface'
wait_line zone.out '"on the right interface"$'
unlike '%eth0: what comes by another interface is not heard' zone.out 'wrong interface'
stop zone

# ---- send -i several times
listen several A 239.1.2.3:10000
reached several eth0
reached several eth1
run send B herald send 239.1.2.3:10000 'once on each' -i eth0 -i eth1 --wait 100ms --json
is 'send -i twice ends well' $status 0
wait_until "[ \$(grep -c 'once on each' $T/several.out) = 2 ]"
verdict 0 'it is sent once on each'
like 'on the one' several.out '  eth0  .*"once on each"$'
like 'and on the other' several.out '  eth1  .*"once on each"$'
ok 'the first lines state both' json send.out '{e["interface"] for e in of("sending")} == {"eth0", "eth1"}'
stop several

# ---- an interface that is wanted by name, deleted, made again
listen named A 239.1.2.3:10000 -i eth1
nic_delete A eth1
wait_line named.err '^eth1 is gone'
nic_add A eth1 sw2 10.0.1.1/24
wait_line named.err 'joined on eth1'
tell eth1 'wanted by name'
wait_line named.out '"wanted by name"$'
verdict 0 'an interface wanted by name is joined when it returns'
stop named

# ---- two interfaces on one LAN
nic_add A eth2 sw2 10.0.1.3/24
listen twice A 239.1.2.3:10000
wait_until 'switch_knows A 239.1.2.3 eth1'
wait_until 'switch_knows A 239.1.2.3 eth2'
for n in 1 2 3; do
    tell eth1 "copy $n"
done
tell eth1 'copy 1'
wait_until "[ \$(grep -c 'copy 1' $T/twice.out) = 2 ]"
verdict 0 'the same message sent again is not a duplicate'
stop twice
is 'two interfaces on one LAN: everything is heard once' "$(count twice.out '"copy')" 4
like 'and the copies are counted' twice.err '4 datagrams, .*; 4 duplicates, 0 dropped'
listen burst A 239.1.2.3:10000 --ack never
run send B herald send 239.1.2.3%eth1:10000 'all the same' --count 100 --rate max --wait 1ms
wait_until "[ \$(grep -c 'all the same' $T/burst.out) -ge 100 ]"
wait_drained A 10000
stop burst
is 'a hundred equal messages at full speed are a hundred' "$(count burst.out 'all the same')" 100
if need nft 'loss on one of two interfaces'; then
    listen lossy A 239.1.2.3:10000 --ack never
    on sw2 nft -f - <<'RULES'
table netdev loss {
    chain out {
        type filter hook egress device "A-eth1" priority 0;
        udp dport 10000 numgen inc mod 3 < 1 drop
    }
}
RULES
    run send B herald send 239.1.2.3%eth1:10000 'by two ways' --count 60 --rate 1000pps --wait 1ms
    wait_until "[ \$(grep -c 'by two ways' $T/lossy.out) -ge 60 ]"
    wait_drained A 10000
    stop lossy
    is 'what one of two interfaces loses the other brings' "$(count lossy.out 'by two ways')" 60
    on sw2 nft delete table netdev loss
fi
listen kept A 239.1.2.3:10000 --keep-duplicates
tell eth1 'kept'
wait_until "[ \$(grep -c kept $T/kept.out) = 2 ]"
verdict 0 '--keep-duplicates shows both'
stop kept
done_testing
