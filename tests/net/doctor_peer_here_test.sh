#!/bin/bash
# SPDX-License-Identifier: MIT
# herald doctor --peer: a firewall here that keeps replies out, peers that are not there or do not answer, IPv6, and
# a peer behind a router.
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source-path=SCRIPTDIR source=doctor_lib.sh
. "$(dirname "$0")/doctor_lib.sh"
# shellcheck source-path=SCRIPTDIR source=doctor_peer_lib.sh
. "$(dirname "$0")/doctor_peer_lib.sh"

# ---- this host's firewall -----------------------------------------------------------------------------------------

stateful() { # HOST
    nft_add "$1" inet input 0 drop 'iifname lo accept' 'ip protocol igmp accept' 'icmpv6 type 1-255 accept' \
        'udp dport 10000 accept' 'ct state established accept'
}

respond B beta $EP
stateful A
names 'replies, conntrack' peer_replies A $EP --peer 10.0.0.2
is 'to unicast they come, to the group not' "$(trial steady unicast 0 by_unicast) $(trial steady multicast 0 arrived by_unicast)" '5 4 0'
obey 'replies, conntrack' A
healthy 'replies, conntrack, mended' A $EP --peer beta
nft_clear A
stop peer_B
listen listener B $EP
stateful A
names 'replies of a listener, conntrack' peer_replies A $EP --peer 10.0.0.2
obey 'replies of a listener, conntrack' A
healthy 'replies of a listener, conntrack, mended' A $EP --peer 10.0.0.2
nft_clear A
stop listener

# ---- who is not there -----------------------------------------------------------------------------------------------

respond C gamma $EP
names 'not there' peer A $EP --peer 10.0.0.2
ok 'who else is there' json doctor.out '"gamma 10.0.0.3" in of("verdict")[0]["meaning"]'
is 'what to start there' "$(verdict_of remedy)" "on 10.0.0.2: herald ping --respond $EP"
remedy=$(verdict_of remedy)
# shellcheck disable=SC2086
start remedy B ${remedy##*: }
wait_line remedy.err '^answering pings'
healthy 'started there' A $EP --peer 10.0.0.2
stop remedy
names 'a name that nobody has' peer A $EP --peer nobody.invalid
stop peer_C

# A name server that does not answer: the resolver waits for minutes, and nobody has to wait with it.
echo 'nameserver 127.0.0.1' >"$T/resolv.conf"
[ ! -e /etc/resolv.conf ] || must mount --bind "$T/resolv.conf" /etc/resolv.conf
start names A python3 -c 'import socket
server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
server.bind(("127.0.0.1", 53))
print("ready", flush=True)
while server.recv(512):
    print("asked", flush=True)'
wait_line names.out ready
start doctor A env RES_OPTIONS='timeout:30 attempts:5' herald doctor --json $EP --peer slow.example
wait_line names.out asked
stop doctor
is 'Ctrl-C ends it while a name is looked up' "$status $(verdict_of interrupted)" '1 True'
stop names
run usage A herald doctor --peer beta
is '--peer without EP is a mistake' $status 2
like 'which says what is missing' usage.err 'EP'
for host in '' $GROUP; do
    run usage A herald doctor $EP --peer "$host"
    is "so is --peer '$host'" "$status" 2
done
examine A $EP --peer 10.0.0.1
is 'this host itself is no peer' "$(verdict_of level) $(findings skipped)" 'ok peer'

mkdir "$T/got"
start get B herald get $EP -d "$T/got"
wait_line get.err '^getting from'
healthy 'herald get' A $EP --peer 10.0.0.2
stop get
listen listener B $EP --no-ping
names 'who does not answer pings' peer A $EP --peer 10.0.0.2
stop listener

# ---- IPv6 ---------------------------------------------------------------------------------------------------------

EP6='[ff15::7]:10000'
respond B beta "$EP6"
healthy 'IPv6, by its name' A "$EP6" --peer beta
healthy 'IPv6, by its address' A "$EP6" --peer fd00::2
loss_set B 'ip6 daddr ff15::7'
names 'IPv6, multicast there' peer_multicast A "$EP6" --peer fd00::2
between_gone B
loss_set A 'ip6 daddr ff15::7'
names 'IPv6, multicast back' peer_back A "$EP6" --peer beta
between_gone A
stop peer_B

# ---- through a router -------------------------------------------------------------------------------------------

need smcrouted 'a router between' || done_testing
switch_add sw1
router_add R sw:10.0.0.254/24 sw1:10.0.1.254/24
namespace_add D
must ip -n D link set lo up
nic_add D eth0 sw1 10.0.1.1/24
must ip -n A route add 10.0.1.0/24 via 10.0.0.254
must ip -n D route add default via 10.0.1.254
router_start R $GROUP <<CONF
phyint eth0 enable ttl-threshold 1
phyint eth1 enable ttl-threshold 1
mgroup from eth0 group $GROUP
mgroup from eth1 group $GROUP
mroute from eth0 group $GROUP source 10.0.0.1 to eth1
mroute from eth1 group $GROUP source 10.0.1.1 to eth0
CONF
wait_until "on R cat /proc/net/ip_mr_cache | grep -q 030201EF"
respond D delta $EP
names 'a router, TTL 1' ttl A $EP --peer 10.0.1.1
ok 'it says which is needed' json doctor.out '"--ttl 2" in of("verdict")[0]["remedy"]'
healthy 'a router, TTL 2' A $EP --peer delta --ttl 2
stop peer_D
listen listener D $EP
names 'a listener behind a router, TTL 1' ttl A $EP --peer 10.0.1.1
stop listener
done_testing
