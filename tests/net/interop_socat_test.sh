#!/bin/bash
# SPDX-License-Identifier: MIT
# socat as sender and as receiver, byte for byte, over IPv4 and IPv6.
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"

need socat 'socat as a peer' || done_testing
lan A B
group_route_add A
group_route_add B
for n in 1 2 3; do
    head -c 1400 /dev/urandom >"$T/part$n"
done
cat "$T/part1" "$T/part2" "$T/part3" >"$T/whole"

# ---- herald sends, socat receives
start socat_in A socat -u UDP4-RECV:10000,reuseaddr,ip-add-membership=239.1.2.3:eth0 "CREATE:$T/socat.got"
wait_member A eth0 239.1.2.3
for n in 1 2 3; do
    run send B herald send 239.1.2.3:10000 --file "$T/part$n" --wait 10ms
done
wait_until "[ \$(wc -c <$T/socat.got) = 4200 ]"
ok 'socat receives what herald sends' cmp "$T/socat.got" "$T/whole"
kill "${pid_of[socat_in]}"
finish socat_in

start socat_in A socat -u 'UDP6-RECV:10000,reuseaddr,ipv6-join-group=[ff15::7]:eth0' "CREATE:$T/socat6.got"
wait_member A eth0 ff15::7
for n in 1 2 3; do
    run send B herald send '[ff15::7%eth0]:10000' --file "$T/part$n" --wait 10ms
done
wait_until "[ \$(wc -c <$T/socat6.got) = 4200 ]"
ok 'so over IPv6' cmp "$T/socat6.got" "$T/whole"
kill "${pid_of[socat_in]}"
finish socat_in

# ---- socat sends, herald receives
listen listener A 239.1.2.3:10000 '[ff15::7]:10000' --format raw
for n in 1 2 3; do
    on B socat -u "OPEN:$T/part$n" UDP4-DATAGRAM:239.1.2.3:10000,ip-multicast-ttl=1
done
wait_until "[ \$(wc -c <$T/listener.out) = 4200 ]"
ok 'herald receives what socat sends' cmp "$T/listener.out" "$T/whole"
must ip -n B -6 route add ff15::/16 dev eth0 table local metric 1
for n in 1 2 3; do
    on B socat -u "OPEN:$T/part$n" 'UDP6-DATAGRAM:[ff15::7]:10000'
done
wait_until "[ \$(wc -c <$T/listener.out) = 8400 ]"
ok 'so over IPv6' cmp "$T/listener.out" <(cat "$T/whole" "$T/whole")
stop listener

# ---- questions and answers
start echo A socat UDP4-RECVFROM:10000,reuseaddr,ip-add-membership=239.1.2.3:eth0,fork EXEC:cat
wait_member A eth0 239.1.2.3
run ask B herald send 239.1.2.3:10000 'who echoes?' --expect 1
is 'socat answers herald' $status 0
like 'with its echo' ask.out '^10\.0\.0\.1:[0-9]+ +"who echoes\?" '
kill "${pid_of[echo]}"
finish echo

listen listener A 239.1.2.3:10000 --ack 'heard on A'
on B timeout 10 socat -T 1 STDIO UDP4-DATAGRAM:239.1.2.3:10000 <<<'who is there?' >"$T/answer.out" 2>"$T/answer.err"
is 'herald answers socat' "$(cat "$T/answer.out")" 'heard on A'
stop listener
done_testing
