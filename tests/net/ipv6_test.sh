#!/bin/bash
# SPDX-License-Identifier: MIT
# IPv6: link-local scope with its zone, wider scopes, and both families in one listener.
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"

lan A B
group_route_add B
link_local=$(ip -n A -6 address show dev eth0 scope link | sed -nE 's/.*inet6 (fe80[^/]*).*/\1/p')

listen listener A '[ff02::1234%eth0]:10000' '[ff15::7]:10000' 239.1.2.3:10001 '[ff15::8+3]:10002'

run send B herald send '[ff02::1234%eth0]:10000' 'link-local' --expect 1
is 'a link-local group with its zone' $status 0
like 'the first line has it' send.err '^sending to \[ff02::1234%eth0\]:10000 on eth0 .* from \[fe80::[0-9a-f:]+%eth0\]:[0-9]+, TTL 1, 10 bytes$'
like 'the answer comes from the link-local address, with the zone' send.out "^\[$link_local%eth0\]:10000 +\"ack\" "
like 'the listener shows it with hop limit and zone' listener.out \
    '  \[fe80::[0-9a-f:]+%eth0\]:[0-9]+ > \[ff02::1234(%eth0)?\]:10000  eth0  ttl 1  10 B  "link-local"$'

run send B herald send '[ff15::7%eth0]:10000' 'site' --expect 1 --ttl 3
is 'a group of wider scope' $status 0
wait_line listener.out '"site"$'
like 'the hop limit is as sent' listener.out '\[ff15::7\]:10000  eth0  ttl 3 .*"site"$'
run send B herald send '[ff15::7]:10000' 'without zone' --expect 1
is 'which needs no zone' $status 0
run send B herald send '[fd00::2]@[ff15::7]:10000' 'from the global address' --expect 1
is 'SOURCE@ chooses the address' $status 0
like 'as said' send.err 'from \[fd00::2\]:'
like 'and answered from a global one' send.out '^\[fd00::1\]:10000 '
run send B herald send 239.1.2.3:10001 'by IPv4' --expect 1
is 'IPv4 in the same listener' $status 0
run send B herald send '[ff15::a]:10002' 'third of a range' --expect 1
is 'and a range' $status 0

run send B herald send '[ff15::9999]:10000' 'not joined' --wait 50ms
run send B herald send '[ff15::7]:10000' 'joined' --expect 1
wait_line listener.out '"joined"$'
unlike 'a group that was not joined is not heard' listener.out '"not joined"'

run loop B herald send '[ff15::7]:10000' 'no loop' --no-loop --expect 1
is '--no-loop' $status 0
run hops B herald send '[ff15::7]:10000' 'hop limit 0' --ttl 0 --wait 50ms
is 'hop limit 0 is allowed' $status 0
run dscp B herald send '[ff15::7]:10000' 'marked' --dscp 46 --expect 1
is '--dscp' $status 0
stop listener
is 'the listener ends well' $status 0
unlike 'what was sent with hop limit 0 has not left the host' listener.out 'hop limit 0'
done_testing
