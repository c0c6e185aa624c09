#!/bin/bash
# SPDX-License-Identifier: MIT
# Hosts without a route, with nothing but lo, and with nothing at all.
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"

# No route to the group: the interface that is up is used, and the first line says that this was a guess.
lan A B
listen listener A 239.1.2.3:10000
run send B herald send 239.1.2.3:10000 hello --expect 1
is 'without any route to the group it works' $status 0
like 'and says how the interface was chosen' send.err '^sending to 239\.1\.2\.3:10000 on eth0 \([^r)][^)]*\) from 10\.0\.0\.2:'
stop listener

# Only lo, without any route.
bare_host_add L
must ip -n L link set lo up
on L ip route show | grep -q . && give_up 'there is a route'
listen lo_listener L 239.1.2.3:10000 '[ff15::7]:10000'
like 'listen says that it is on lo' lo_listener.err '^listening to .* on lo'
run send L herald send 239.1.2.3:10000 'hello, myself' --expect 1
is 'with only lo a host can talk to itself' $status 0
like 'and is told that it stays on this host' send.err '^sending to 239\.1\.2\.3:10000 on lo \('
like 'the listener has it' lo_listener.out ' lo .*"hello, myself"$'
# Linux does not carry IPv6 multicast on lo: that is said.
run send L herald send '[ff15::7]:10000' 'hello, myself' --expect 1
is 'by IPv6 lo does not carry it: status 3' $status 3
like 'that is said' send.err '^herald send: .*lo'
stop lo_listener
is 'the listener ends well' $status 0

# Nothing is up.
bare_host_add N
run send N herald send 239.1.2.3:10000 hello
is 'send without any network: status 3' $status 3
like 'names the cause' send.err '^herald send: .*(no (network )?interface|nothing|not even lo|down).*'
like 'and the command that helps' send.err '^  try: .*ip link set'
run listen N herald listen 239.1.2.3:10000 --for 1s
is 'listen without any network: status 3' $status 3
like 'names the cause' listen.err '^herald listen: .*(no (network )?interface|nothing|not even lo|down).*'
like 'and the command that helps' listen.err '^  try: .*ip link set'

# An interface that is down.
run down B ip link set eth0 down
run send B herald send 239.1.2.3%eth0:10000 hello
is 'an interface that is down: status 3' $status 3
like 'is named' send.err '^herald send: .*eth0.*down'
run send B herald send 239.1.2.3:10000 hello --wait 100ms
is 'without asking for it lo serves' $status 0
done_testing
