#!/bin/bash
# SPDX-License-Identifier: MIT
# Through one and two real multicast routers (smcrouted): TTL 1 stays, TTL 2 crosses one, TTL 3 two.
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"

need smcrouted 'multicast routers' || done_testing
switch_add sw0
switch_add sw1
switch_add sw2
router_add R1 sw0:10.0.0.254/24 sw1:10.0.1.254/24
router_add R2 sw1:10.0.1.253/24 sw2:10.0.2.254/24
for n in 0 1 2; do
    namespace_add "H$n"
    must ip -n "H$n" link set lo up
    nic_add "H$n" eth0 "sw$n" "10.0.$n.1/24"
done
must ip -n H0 route add default via 10.0.0.254
must ip -n H1 route add 10.0.0.0/24 via 10.0.1.254
must ip -n H2 route add default via 10.0.2.254
must ip -n R1 route add 10.0.2.0/24 via 10.0.1.253
must ip -n R2 route add 10.0.0.0/24 via 10.0.1.254

for router in R1 R2; do
    source=10.0.0.1
    router_start $router 239.1.2.3 <<CONF
phyint eth0 enable ttl-threshold 1
phyint eth1 enable ttl-threshold 1
mgroup from eth0 group 239.1.2.3
mroute from eth0 group 239.1.2.3 source $source to eth1
CONF
    wait_until "on $router cat /proc/net/ip_mr_cache | grep -q 030201EF"
done

for n in 0 1 2; do
    namespace_listener=H$n
    listen "listener$n" "$namespace_listener" 239.1.2.3:10000 --ack "heard on H$n"
done

# From H0, whose own listener hears it in any case (loopback).
run one H0 herald send 239.1.2.3:10000 'by TTL 1' --expect 1
like 'TTL 1 is the default' one.err 'TTL 1'
run two H0 herald send 239.1.2.3:10000 'by TTL 2' --ttl 2 --expect 2
is 'TTL 2: an answer from behind the first router' $status 0
like 'of its host' two.out '^10\.0\.1\.1:10000 +"heard on H1"'
run three H0 herald send 239.1.2.3:10000 'by TTL 3' --ttl 3 --expect 3
is 'TTL 3: an answer from behind the second router' $status 0
like 'of its host' three.out '^10\.0\.2\.1:10000 +"heard on H2"'

wait_line listener1.out '"by TTL 3"$'
wait_line listener2.out '"by TTL 3"$'
unlike 'TTL 1 does not cross a router' listener1.out 'by TTL 1'
like 'TTL 2 crosses one, and arrives as 1' listener1.out 'ttl 1  8 B  "by TTL 2"$'
unlike 'but not two' listener2.out 'by TTL [12]'
like 'TTL 3 arrives behind the first as 2' listener1.out 'ttl 2  8 B  "by TTL 3"$'
like 'and behind the second as 1' listener2.out 'ttl 1  8 B  "by TTL 3"$'
like 'the source is as sent' listener2.out '  10\.0\.0\.1:[0-9]+ > 239\.1\.2\.3:10000  eth0  '
is 'and each heard each once' "$(count listener0.out TTL) $(count listener1.out TTL) $(count listener2.out TTL)" '3 2 1'
done_testing
