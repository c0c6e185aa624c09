#!/bin/bash
# SPDX-License-Identifier: MIT
# Source-specific multicast: who asks for one source does not hear another.
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"

switch_add sw # which floods: what is not heard is not heard for the listener's own sake
for host in A B C; do
    host_add $host
    group_route_add $host
done

listen ssm A 10.0.0.2@232.1.2.3:10000 '[fd00::2]@[ff3e::7%eth0]:10000'
like 'listen states the source' ssm.err '^listening to 10\.0\.0\.2@232\.1\.2\.3:10000'
wait_until 'on sw bridge -d mdb show | grep -q 232.1.2.3'
verdict 0 'the switch has the report'

run unwanted C herald send 232.1.2.3:10000 'of the unwanted source' --wait 50ms
is 'the unwanted source can send' $status 0
is 'and is not answered' "$(cat "$T/unwanted.out")" ''
run wanted B herald send 232.1.2.3:10000 'of the wanted source' --expect 1
is 'the wanted source is answered' $status 0
run unwanted C herald send '[ff3e::7%eth0]:10000' 'of the unwanted source by IPv6' --wait 50ms --source fd00::3
run wanted B herald send '[ff3e::7%eth0]:10000' 'of the wanted source by IPv6' --expect 1 --source fd00::2
is 'so by IPv6' $status 0
wait_line ssm.out '"of the wanted source by IPv6"$'
like 'the wanted source is heard' ssm.out '10\.0\.0\.2:[0-9]+ > 232\.1\.2\.3:10000 .*"of the wanted source"$'
unlike 'the other is not' ssm.out 'unwanted'

# Another listener of the host asks for the other source: the two do not mix.
listen both A 10.0.0.2@232.1.2.3:10000 10.0.0.3@232.1.2.3:10000
listen other A 10.0.0.3@232.1.2.3:10000
run send C herald send 232.1.2.3:10000 'of C' --expect 2
is 'two more listeners ask for the other source' $status 0
run send B herald send 10.0.0.2@232.1.2.3:10000 'of B' --expect 2
is 'SOURCE@ is the address to send from' $status 0
wait_line ssm.out '"of B"$'
wait_line both.out '"of B"$'
unlike 'the first listener hears B alone' ssm.out '"of C"'
like 'the second hears both' both.out '"of C"'
run send C herald send 232.1.2.3:10000 'marker' --expect 2
wait_line other.out '"marker"$'
unlike 'the third hears C alone' other.out '"of B"'

# More sources than a socket may ask for (igmp_max_msf: 10).
sources=()
for n in $(seq 2 31); do
    sources+=("10.0.0.$n@232.1.2.4:10000")
done
listen sources A "${sources[@]}"
run send B herald send 232.1.2.4:10000 'first of thirty' --expect 1
is 'thirty sources of one group' $status 0
must ip -n C address add 10.0.0.31/24 dev eth0
run send C herald send 10.0.0.31@232.1.2.4:10000 'last of thirty' --expect 1
is 'each is heard' $status 0
wait_line sources.out '"last of thirty"$'
is 'once' "$(count sources.out 'of thirty')" 2
# Carrier lost and back: the source is reported again, too.
knows_source() { # GROUP SOURCE
    on sw bridge -d mdb show | grep -qE "port A grp $1 .*$2"
}
wait_until 'knows_source 232.1.2.3 10.0.0.2'
carrier_down A
wait_until '! knows_source 232.1.2.3 10.0.0.2'
carrier_up A
wait_until 'knows_source 232.1.2.3 10.0.0.2'
verdict 0 'after a carrier loss the source is reported again'
stop ssm
stop both
stop other
stop sources
done_testing
