#!/bin/bash
# SPDX-License-Identifier: MIT
# Beyond the LAN, by a real multicast router (smcrouted): herald doctor knows when TTL 1 is too small, and says on the
# router what becomes of a group.
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source-path=SCRIPTDIR source=doctor_lib.sh
. "$(dirname "$0")/doctor_lib.sh"

need smcrouted 'the doctor and multicast routers' || done_testing
switch_add sw0 querier
switch_add sw1 querier
router_add R sw0:10.0.0.254/24 sw1:10.0.1.254/24
for n in 0 1; do
    namespace_add "H$n"
    must ip -n "H$n" link set lo up
    nic_add "H$n" eth0 "sw$n" "10.0.$n.1/24"
    must ip -n "H$n" route add default via "10.0.$n.254"
    group_route_add "H$n"
done
router_start R 239.1.2.5 <<CONF
phyint eth0 enable ttl-threshold 1
phyint eth1 enable ttl-threshold 1
mgroup from eth0 group 239.1.2.3
mroute from eth0 group 239.1.2.3 source 10.0.0.1 to eth1
mgroup from eth0 group 239.1.2.4
mroute from eth1 group 239.1.2.4 source 10.0.0.1 to eth0
mgroup from eth0 group 239.1.2.5
CONF
wait_until 'on R cat /proc/net/ip_mr_cache | grep -q 030201EF'

# ---- TTL ------------------------------------------------------------------------------------------------------

listen listener H1 10.0.0.1@239.1.2.3:10000 --ack 'heard behind the router'
run one H0 herald send 239.1.2.3:10000 'by TTL 1' --expect 1
is 'TTL 1 does not get through' $status 1
warns 'TTL 1, and the source is behind a router' ttl H1 10.0.0.1@239.1.2.3:10000
run two H0 herald send 239.1.2.3:10000 'by TTL 2' --ttl 2 --expect 1
is 'TTL 2 does' $status 0
healthy 'TTL 2' H1 10.0.0.1@239.1.2.3:10000 --ttl 2
stop listener
unlike 'nothing of TTL 1 had come' listener.out 'by TTL 1'

# ---- the router -----------------------------------------------------------------------------------------------

send_until_counted() { # GROUP HEX-GROUP CACHE-LINE
    wait_until "on H0 herald send $1:10000 x --ttl 4 --wait 1ms >$T/send.log 2>&1
        on R grep -qE '^$2 +0100000A +$3' /proc/net/ip_mr_cache"
}

healthy 'a router with a route' R 239.1.2.3%eth0:10000
ok 'it says from where to where' json doctor.out \
    'any(e["seen"] == "routes 239.1.2.3 from 10.0.0.1: in by eth0, out by eth1" for e in of("finding"))'

send_until_counted 239.1.2.4 040201EF '[0-9]+ +[1-9][0-9]* +[1-9][0-9]* +[1-9]'
names 'packets come in by the wrong interface' router R 239.1.2.4%eth0:10000
ok 'it says which' json doctor.out '"did not come in by eth1" in of("verdict")[0]["seen"]'
must on R smcroutectl -u "$T/R.sock" remove eth1 10.0.0.1 239.1.2.4
must on R smcroutectl -u "$T/R.sock" add eth0 10.0.0.1 239.1.2.4 eth1
healthy 'the right interface' R 239.1.2.4%eth0:10000

send_until_counted 239.1.2.5 050201EF '0 +[1-9][0-9]* +[1-9][0-9]* +0'
warns 'packets that go nowhere' router R 239.1.2.5%eth0:10000
remedy=$(verdict_of remedy)
remedy=${remedy##*: }
is 'it says how to add a route' "$remedy" 'smcroutectl add eth0 10.0.0.1 239.1.2.5 OUT'
remedy=${remedy/OUT/eth1}
# shellcheck disable=SC2086
must on R smcroutectl -u "$T/R.sock" ${remedy#smcroutectl }
healthy 'with a route' R 239.1.2.5%eth0:10000
stop smcrouted_R

# A routing daemon that adds an interface and then does nothing: packets wait for a route.
if need python3 'a routing daemon that hangs'; then
    must on sw0 bridge link set dev R mcast_router 2
    start hung R python3 -c 'import signal, socket, struct
igmp = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_IGMP)
igmp.setsockopt(socket.IPPROTO_IP, 200, 1)
igmp.setsockopt(socket.IPPROTO_IP, 202, struct.pack("=HBBIi4x", 0, 8, 1, 0, socket.if_nametoindex("eth0")))
print("ready", flush=True)
signal.pause()'
    wait_line hung.out ready
    send_until_counted 239.1.2.6 060201EF '-1'
    names 'packets that wait for a route' router R 239.1.2.6%eth0:10000
    kill "${pid_of[hung]}"
    finish hung
fi
done_testing
