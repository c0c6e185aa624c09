#!/bin/bash
# SPDX-License-Identifier: MIT
# Faults of a LAN, each made: herald doctor names exactly that one first. Its remedy is run where it belongs: then it
# finds nothing. On networks without a fault it raises no alarm.
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source-path=SCRIPTDIR source=doctor_lib.sh
. "$(dirname "$0")/doctor_lib.sh"

EP=239.1.2.3:10000
SSM=10.0.0.2@232.1.2.3:10000
EP6='[ff15::7%eth0]:10000'
SSM6='[fd00::2]@[ff35::7%eth0]:10000'
bare=(setpriv --no-new-privs --bounding-set -all --inh-caps -all --ambient-caps -all)

bridge_set() { # SW SETTING VALUE...
    local switch=$1
    shift
    must ip -n "$switch" link set br0 type bridge "$@"
}

switch_add sw querier
must ip -n sw link set lo up
must ip -n sw address add 10.0.0.100/24 dev br0
host_add A
host_add B
group_route_add A
group_route_add B

# ---- no fault, no alarm ---------------------------------------------------------------------------------------

healthy 'a network with a querier' A $EP
is 'no check was skipped' "$(findings skipped)" ''
healthy 'source-specific' A $SSM
healthy 'IPv6' A "$EP6"
healthy 'IPv6, source-specific' A "$SSM6"
healthy 'the switch itself, which asks' sw 239.1.2.3%br0:10000
ok 'and says so' json doctor.out \
    'any(e["check"] == "querier" and "bridge br0 asks for memberships (IGMPv3)" in e["seen"] for e in of("finding"))'
run doctor A "${bare[@]}" herald doctor --json $EP
is 'without privileges: nothing is found' "$status $(verdict_of level)" '0 ok'
ok 'and the querier is heard nevertheless' json doctor.out \
    'any(e["check"] == "querier" and e["level"] == "ok" for e in of("finding"))'
run doctor A "${bare[@]}" herald doctor --json "$EP6"
ok 'by IPv6 too' json doctor.out 'any(e["check"] == "querier" and e["level"] == "ok" for e in of("finding"))'

# ---- nobody asks ----------------------------------------------------------------------------------------------

bridge_set sw mcast_querier 0
warns 'no querier' querier A $EP
is 'which is the only thing' "$(findings fault)/$(findings warning)" '/querier'
obey_words 'no querier' sw
healthy 'no querier, mended' A $EP

bridge_set sw mcast_querier 0
warns 'no MLD querier' querier A "$EP6"
obey_words 'no MLD querier' sw
healthy 'no MLD querier, mended' A "$EP6"

bridge_set sw mcast_querier 0
run doctor A "${bare[@]}" herald doctor --json $EP
is 'no querier, without privileges: no alarm' "$status $(verdict_of level)" '0 ok'
ok 'but it says what root would see' json doctor.out \
    'any(e["check"] == "querier" and e["level"] == "skipped" and "CAP_NET_RAW" in e["seen"] for e in of("finding"))'
warns_mends 'the own bridge asks nobody' querier sw 239.1.2.3%br0:10000

# The route leads to a network where nobody asks, and on another one somebody does.
bridge_set sw mcast_querier 1
switch_add quiet
nic_add A eth1 quiet 10.3.0.1/24
must ip -n A route replace 224.0.0.0/4 dev eth1
run doctor A "${bare[@]}" herald doctor --json $EP
is 'queries elsewhere, without privileges' "$status $(verdict_of level) $(verdict_of check)" '0 warning querier'
like 'which is named' doctor.out 'but somebody does on eth0'
warns_mends 'queries on another interface' querier A $EP
must ip -n A route replace 224.0.0.0/4 dev eth1
warns 'an interface that is named is meant' querier A $EP -i eth1
unlike 'so others are not looked at' doctor.out 'somebody does on'
nic_delete A eth1
group_route_add A

# ---- a bridge's settings --------------------------------------------------------------------------------------

bridge_set sw mcast_querier 0
must on sw bridge link set dev A mcast_flood off
mends 'a port that is not flooded, and nobody asks' bridge sw 239.1.2.3%br0:10000
bridge_set sw mcast_snooping 0
mends 'a port that is not flooded, and no snooping' bridge sw 239.1.2.3%br0:10000

# No snooping: a hub. To a host it might be a switch that snoops, so it warns; there is no fault.
healthy 'a bridge that does not snoop' sw 239.1.2.3%br0:10000
examine A $EP
is 'behind a hub there is no fault' "$status $(findings fault)" '0 '
bridge_set sw mcast_snooping 1 mcast_querier 1

must on sw bridge link set dev A isolated on
healthy 'one isolated port' sw 239.1.2.3%br0:10000
must on sw bridge link set dev B isolated on
warns_mends 'isolated ports' bridge sw 239.1.2.3%br0:10000
must on sw bridge link set dev B isolated off

# The querier is another switch, and the way to it is closed.
switch_add near
switch_add far querier
must ip -n near address add 10.0.0.100/24 dev br0
must ip -n near link set lo up
must ip -n far address add 10.0.0.200/24 dev br0
bridge_set far mcast_query_use_ifaddr 1
must ip link add name uplink netns near type veth peer name downlink netns far
must ip -n near link set uplink master br0 up
must ip -n far link set downlink master br0 up
must on near bridge link set dev uplink mcast_router 0
wait_until 'on near herald doctor 239.1.2.3%br0:10000 | grep -q "10.0.0.200 asks"'
mends 'the way to the querier is closed' bridge near 239.1.2.3%br0:10000
done_testing
