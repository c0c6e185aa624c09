#!/bin/bash
# SPDX-License-Identifier: MIT
# Many groups in one listener, and never a packet of another group, source port or interface.
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"

lan A B
group_route_add B

distinct_groups() { # FILE
    sed -nE 's/.* > ([^ ]+):[0-9]+  .*/\1/p' "$T/$1" | sort -u | wc -l
}

# ---- more groups than a socket may join (igmp_max_memberships: 20)
listen range A 239.2.0.0+200:10000 --count 200
run send B herald send 239.2.0.0+200:10000 'to all' --wait 300ms --json
is 'a range of 200 groups is sent to' $status 0
finish range
is '200 datagrams, then --count ends it' $status 0
is 'from 200 different groups' "$(distinct_groups range.out)" 200
like 'the last of which is the right one' range.out ' > 239\.2\.0\.199:10000 '
ok 'one host that answers for 200 groups is one responder' json send.out \
    'of("summary")[0]["responders"] == 1 and of("summary")[0]["responses"] >= 50'

endpoints=()
for n in $(seq 1 200); do
    endpoints+=("239.3.$n.1:$((20000 + n))")
done
listen many A "${endpoints[@]}" --count 200
for n in $(seq 0 4); do
    # Five senders at a time keep this short.
    (for m in $(seq $((n * 40 + 1)) $((n * 40 + 40))); do
        on B herald send "239.3.$m.1:$((20000 + m))" "number $m" --expect 1 -q >/dev/null
    done) &
done
finish many
is '200 groups given one by one, each with a port of its own' $status 0
is 'all of them are heard' "$(distinct_groups many.out)" 200
wait

listen range6 A '[ff15::1:0+200]:10000' --count 200
run send6 B herald send '[ff15::1:0+200%eth0]:10000' 'to all' --wait 300ms -q
finish range6
is 'a range of 200 IPv6 groups' "$(distinct_groups range6.out)" 200

listen listed A --json 239.3.1.1:20001 239.3.2.1:20002 239.3.3.1:20003 239.3.4.1:20004 239.3.5.1:20005
stop listed
ok 'JSON lists every endpoint, as a list' json listed.out \
    'of("listening")[0]["endpoints"] == ["239.3.%d.1:2000%d" % (n, n) for n in range(1, 6)]'

run limit A bash -c 'ulimit -n 60; exec herald listen 239.2.0.0+200:10000 --for 1s'
is 'more groups than the process may have descriptors: status 3' $status 3
like 'is said with the number' limit.err '^herald listen: .*(descriptors|open files|sockets)'
like 'and what helps' limit.err '^  try: .*ulimit -n'

run soft A bash -c 'ulimit -Sn 100; exec herald listen 239.2.0.0+200:10000 --for 50ms'
is 'the soft limit alone is no obstacle' $status 4

# ---- cross-talk on one port
listen wanted A 239.1.2.3:10000 -i eth0
listen other A 239.1.2.4:10000 -i eth0
run send B herald send 239.1.2.4:10000 'for the other group'
run send B herald send 239.1.2.3:10000 'for this group'
wait_line wanted.out '"for this group"$'
wait_line other.out '"for the other group"$'
is 'two listeners on one port, each has its own group' "$(count wanted.out 'other') $(count other.out 'this')" '0 0'
is 'one answer each' "$(count send.out '"ack"')" 1

if need socat 'cross-talk from another program'; then
    # A program that joins another group, and the same one on another interface, on the wildcard address.
    switch_add sw2
    nic_add A eth1 sw2 10.0.1.1/24
    nic_add B eth1 sw2 10.0.1.2/24
    start socat A socat -u \
        UDP4-RECV:10000,reuseaddr,ip-add-membership=239.1.2.5:eth0,ip-add-membership=239.1.2.3:eth1 "CREATE:$T/socat.got"
    wait_member A eth0 239.1.2.5
    wait_member A eth1 239.1.2.3
    run send B herald send 239.1.2.5:10000 'joined by another program'
    run send B herald send 239.1.2.3%eth1:10000 'joined by another program elsewhere'
    printf 'by unicast' | on B socat -u STDIN UDP4-SENDTO:10.0.0.1:10000
    run send B herald send 239.1.2.3%eth0:10000 'joined by this one'
    wait_line wanted.out '"joined by this one"$'
    unlike 'what another program has joined is not heard' wanted.out 'another program"'
    unlike 'not on another interface either' wanted.out 'elsewhere'
    unlike 'nor unicast' wanted.out 'unicast'
    wait_until "grep -aq 'program elsewhere' $T/socat.got"
    verdict 0 'though it did arrive at that program'
    stop socat
fi
stop wanted
stop other
if need socat 'cross-talk over IPv6'; then
    listen wanted6 A '[ff15::3]:10000'
    start socat6 A socat -u 'UDP6-RECV:10000,reuseaddr,ipv6-join-group=[ff15::4]:eth0' "CREATE:$T/socat6.got"
    wait_member A eth0 ff15::4
    run send B herald send '[ff15::4]:10000' 'joined by another program' --wait 1ms
    run send B herald send '[ff15::3]:10000' 'joined by this one'
    wait_line wanted6.out '"joined by this one"$'
    wait_until "grep -aq 'another program' $T/socat6.got"
    unlike 'over IPv6 neither is heard what another program has joined' wanted6.out 'another program'
    stop wanted6
fi
done_testing
