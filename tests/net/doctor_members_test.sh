#!/bin/bash
# SPDX-License-Identifier: MIT
# Old versions of IGMP and MLD, limits of joining, and the census of a LAN: herald doctor names each fault first. Its
# remedy is run where it belongs: then it finds nothing.
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source-path=SCRIPTDIR source=doctor_lib.sh
. "$(dirname "$0")/doctor_lib.sh"

EP=239.1.2.3:10000
SSM=10.0.0.2@232.1.2.3:10000
SSM6='[fd00::2]@[ff35::7%eth0]:10000'
bare=(setpriv --no-new-privs --bounding-set -all --inh-caps -all --ambient-caps -all)

bridge_set() { # SW SETTING VALUE...
    local switch=$1
    shift
    must ip -n "$switch" link set br0 type bridge "$@"
}

igmp_version_is() { # HOST IFACE V1|V2|V3
    wait_until "on $1 grep -q '$2 .* $3\$' /proc/net/igmp"
}

queries_heard() { # HOST IFACE
    on "$1" grep Icmp6InGroupMembQueries "/proc/net/dev_snmp6/$2" | grep -oE '[0-9]+$'
}

# The querier asks once a second, by IGMP and by MLD. It also tells how long a host is to remember an older one, and
# the doctor's own query about that host's firewall says otherwise until then.
queries_pass() { # HOST IFACE
    export wanted=$(($(queries_heard "$1" "$2") + 2))
    wait_until "[ \$(queries_heard $1 $2) -ge \$wanted ]"
}

switch_add sw querier
must ip -n sw link set lo up
must ip -n sw address add 10.0.0.100/24 dev br0
host_add A
group_route_add A

# ---- old versions ---------------------------------------------------------------------------------------------

queries_pass A eth0
bridge_set sw mcast_igmp_version 2
igmp_version_is A eth0 V2
healthy 'a querier of IGMPv2, and any source' A $EP
queries_pass A eth0
names 'a querier of IGMPv2, and one source' igmp_version A $SSM
obey_words 'a querier of IGMPv2' sw
igmp_version_is A eth0 V3
healthy 'a querier of IGMPv2, mended' A $SSM

queries_pass A eth0
queries_pass sw br0
bridge_set sw mcast_igmp_version 2
igmp_version_is sw br0 V2
names 'the own bridge asks in IGMPv2' igmp_version sw 10.0.0.2@232.1.2.3%br0:10000
obey 'the own bridge asks in IGMPv2' sw
igmp_version_is sw br0 V3
healthy 'the own bridge asks in IGMPv2, mended' sw 10.0.0.2@232.1.2.3%br0:10000
igmp_version_is A eth0 V3

bridge_set sw mcast_mld_version 1
names 'a querier of MLDv1' mld_version A "$SSM6"
obey_words 'a querier of MLDv1' sw
wait_until "on A herald doctor --json '$SSM6' | grep -q 'MLDv2: sources'"
healthy 'a querier of MLDv1, mended' A "$SSM6"

setting A ipv4/conf/eth0/force_igmp_version 2
setting A ipv4/conf/all/force_igmp_version 2
mends 'IGMPv2 is forced' igmp_version A $SSM
setting A ipv6/conf/eth0/force_mld_version 1
mends 'MLDv1 is forced' mld_version A "$SSM6"

# ---- limits ---------------------------------------------------------------------------------------------------

healthy 'as many groups as one socket may join' A 239.1.2.3+20:10000
warns_mends 'more groups than one socket may join' limits A 239.1.2.3+21:10000
warns_mends 'far more groups' limits A 239.1.2.0+5000:10000
setting A core/optmem_max 131072
warns_mends 'far more IPv6 groups' limits A '[ff15::+5000%eth0]:10000'
setting A ipv4/igmp_max_memberships 0
examine A $EP
ok 'nothing may be joined: the limit is named' json doctor.out \
    'any(e["check"] == "limits" and e["level"] == "fault" for e in of("finding"))'
setting A ipv4/igmp_max_memberships 20

# ---- on request: who is there ---------------------------------------------------------------------------------

# So rarely that nobody but the census can have asked.
switch_add rare querier
bridge_set rare mcast_query_interval 12500
host_add C rare
host_add D rare
group_route_add C
listen listener D $EP 10.0.0.1@232.1.2.3:10000 '[ff15::7]:10000' -i eth0
examine C --census $EP
is 'the census finds no fault' "$status $(verdict_of level)" '0 ok'
for line in '239.1.2.3: 10.0.0.3' '232.1.2.3: 10.0.0.3 (from 10.0.0.1)'; do
    ok "the census lists $line" json doctor.out \
        "any(e['check'] == 'census' and e['seen'] == '$line' for e in of('finding'))"
done
ok 'and by MLD' json doctor.out \
    'any(e["check"] == "census" and e["seen"].startswith("ff15::7: fe80") for e in of("finding"))'
ok 'and says what it costs' json doctor.out 'any("255 s" in e["seen"] for e in of("finding"))'
ok 'other hosts answer' json doctor.out \
    'any(e["check"] == "isolation" and "answer a ping" in e["seen"] for e in of("finding"))'
stop listener
examine C $EP
is 'the querier still asks' "$(findings warning)" ''
ok 'without being asked for it takes no census' json doctor.out \
    'not any(e["check"] in ("census", "isolation") for e in of("finding"))'
run doctor C "${bare[@]}" herald doctor --json --census $EP
ok 'without privileges the census is skipped' json doctor.out \
    'any(e["check"] == "census" and e["level"] == "skipped" and "CAP_NET_RAW" in e["seen"] for e in of("finding"))'

setting rare ipv6/icmp/echo_ignore_multicast 1
must on rare bridge link set dev C isolated on
must on rare bridge link set dev D isolated on
warns 'a network that keeps hosts apart' isolation C --census $EP
# What answers another program's ping on another interface tells nothing of this one.
switch_add beside
host_add E beside
nic_add C eth1 beside
start other C python3 -c 'import socket, time
s = socket.socket(socket.AF_INET6, socket.SOCK_RAW, socket.IPPROTO_ICMPV6)
s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_IF, socket.if_nametoindex("eth1"))
while True:
    s.sendto(bytes([128, 0, 0, 0, 0x12, 0x34, 0, 1]), ("ff02::1", 0))
    if s.recv(64)[0] == 129:
        print("answered", flush=True)
    time.sleep(0.02)'
wait_line other.out answered
warns 'the same, with a ping elsewhere' isolation C $EP --census -i eth0
kill -KILL "${pid_of[other]}"
done_testing
