#!/bin/bash
# SPDX-License-Identifier: MIT
# herald ping through a real multicast router (smcrouted): hops of each way, and which of them the router keeps away.
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"

need smcrouted 'a multicast router' || done_testing
switch_add sw0
switch_add sw1
router_add R sw0:10.0.0.254/24 sw1:10.0.1.254/24
for n in 0 1; do
    namespace_add "H$n"
    must ip -n "H$n" link set lo up
    nic_add "H$n" eth0 "sw$n" "10.0.$n.1/24"
    must ip -n "H$n" route add default via "10.0.$n.254"
done
# There for both groups; back for the first alone.
router_start R 239.1.2.3 <<'CONF'
phyint eth0 enable ttl-threshold 1
phyint eth1 enable ttl-threshold 1
mgroup from eth0 group 239.1.2.3
mroute from eth0 group 239.1.2.3 source 10.0.0.1 to eth1
mroute from eth0 group 239.1.2.4 source 10.0.0.1 to eth1
mroute from eth1 group 239.1.2.3 source 10.0.1.1 to eth0
CONF
wait_until "on R cat /proc/net/ip_mr_cache | grep -c '0[34]0201EF' | grep -q 3"
listen near H0 239.1.2.3:10000
listen far H1 239.1.2.3:10000 239.1.2.4:10000

run one H0 herald ping 239.1.2.3:10000 --count 2 --interval 100ms --json
ok 'TTL 1 reaches the own network alone' json one.out \
    '[m["source"] for m in of("member")] == ["10.0.0.1"]'
run two H0 herald ping 239.1.2.3:10000 --ttl 2 --count 2 --interval 100ms --json
ok 'TTL 2 reaches the member behind the router: one hop there and back both ways' json two.out \
    'any(m["source"] == "10.0.1.1" and m["hops_there"] == m["hops"] == m["hops_multicast"] == 1
        and m["by_multicast"] == 2 for m in of("member"))'
ok 'and none to the member of the own network' json two.out \
    'any(m["source"] == "10.0.0.1" and m["hops_there"] == m["hops"] == m["hops_multicast"] == 0 for m in of("member"))'
run back H0 herald ping 239.1.2.4:10000 --ttl 2 --count 2 --interval 100ms --wait 200ms
like 'a router that does not bring the group back: answers by unicast' back.out \
    '10\.0\.1\.1:[0-9]+  seq 2  unicast [0-9.]+ .?s  multicast none  1 hop$'
like 'and the likely cause' back.err 'warning: no answer came by multicast: a switch, router or firewall'
stop near
stop far
stop smcrouted_R
done_testing
