#!/bin/bash
# SPDX-License-Identifier: MIT
# Faults of a host, each made: herald doctor names exactly that one first. Its remedy is run: then it finds nothing.
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source-path=SCRIPTDIR source=doctor_lib.sh
. "$(dirname "$0")/doctor_lib.sh"

GROUP=239.1.2.3
EP=$GROUP:10000
EP6='[ff15::7]:10000'

switch_add sw querier
host_add A
host_add B
group_route_add A
group_route_add B

# ---- nothing wrong --------------------------------------------------------------------------------------------

healthy 'a host with a querier' A
healthy 'a group' A $EP
healthy 'IPv6' A "$EP6"
healthy 'a link-local group with its zone' A '[ff12::7%eth0]:10000'
talk B $EP
healthy 'while somebody sends' A $EP
ok 'what was sent was heard' json doctor.out 'any(f["check"] == "port" and not f["seen"].startswith("heard 0 ") for f in of("finding"))'
silence
listen listener A $EP
healthy 'beside a listener' A $EP
stop listener
unlike 'which hears nothing of the self-test' listener.out 'herald doctor'

# ---- interface, route, address --------------------------------------------------------------------------------

must ip -n A link set eth0 down
run doctor A herald doctor $EP -i eth0
like 'checks that one thing keeps from looking are one line' doctor.out \
    '^skipped +3 checks +no interface to look at is up \(address, route, wrong_interface\)$'
mends 'an interface that is down' interface A $EP -i eth0
group_route_add A
must ip -n A link set eth0 multicast off
mends 'an interface without the MULTICAST flag' interface A $EP
carrier_down A
names 'no carrier' interface A $EP
carrier_up A
wait_until "ip -n A link show dev eth0 | grep -q LOWER_UP"
wait_until "on sw bridge link show dev A | grep -q 'state forwarding'"
healthy 'the carrier is back' A $EP

must ip -n A address flush dev eth0 scope global
group_route_add A
names 'no IPv4 address' address A $EP
must ip -n A address add fd00::1/64 dev eth0 nodad
healthy 'IPv6 only, in general' A
must ip -n A address add 10.0.0.1/24 dev eth0
healthy 'the address is back' A $EP
setting A ipv6/conf/eth0/disable_ipv6 1
names 'IPv6 switched off' interface A '[ff15::7%eth0]:10000'
obey 'IPv6 switched off' A
wait_until "ip -n A -6 address show dev eth0 scope link | grep -q inet6"

must ip -n A address add fd00::1/64 dev eth0 nodad
setting A ipv6/conf/all/disable_ipv6 1
names 'IPv6 switched off everywhere' interface A "$EP6"
is 'of which interface is said' "$(verdict_of interface)" eth0
obey 'IPv6 switched off everywhere' A
setting A ipv6/conf/all/disable_ipv6 0
wait_until "ip -n A -6 address show dev eth0 scope link | grep -q inet6"
must ip -n A -6 address flush dev eth0
must ip -n A route add default via 10.0.0.2
names 'no IPv6 address' address A '[ff15::7%eth0]:10000'
obey 'no IPv6 address' A
wait_until "ip -n A -6 address show dev eth0 scope link | grep -q inet6"
ok 'nobody who is logged in is cut off by that' eval 'ip -n A route | grep -q "^default via 10.0.0.2"'
must ip -n A route del default
must ip -n A address add fd00::1/64 dev eth0 nodad
healthy 'the IPv6 address is back' A "$EP6"

must ip -n A route del 224.0.0.0/4
mends 'no route' route A $EP
must ip -n A route replace 224.0.0.0/4 via 10.0.0.2
mends 'a route to a gateway' route A $EP
must ip -n A route add prohibit $GROUP
mends 'a route that forbids' route A $EP
must ip -n A route del $GROUP
must ip -n A route replace 224.0.0.0/4 dev lo
mends 'a route to lo' wrong_interface A $EP
names 'a link-local group without a zone' zone A '[ff12::7]:10000'
obey 'a link-local group without a zone' A

for row in '224.0.0.99:10000 group' '232.1.2.3:10000 group' '225.0.0.1:10000 group' '[ff05::7]:10000 group' \
    '[ff3e::7]:10000 group' "$EP --ttl 0 ttl"; do
    # shellcheck disable=SC2086
    examine A ${row% *}
    is "${row% *}: a warning" "$status $(verdict_of level) $(verdict_of check)" "0 warning ${row##* }"
done

healthy 'a service where it belongs' A 224.0.0.251:5353
healthy 'a service where it belongs, IPv6' A '[ff02::fb%eth0]:5353'

# ---- what the host drops --------------------------------------------------------------------------------------

nft_add A inet input 0 accept 'udp dport 10000 drop'
mends 'data dropped by a rule' firewall A $EP
nft_clear A
nft_add A ip6 input 0 accept 'udp dport 10000 drop'
mends 'data dropped by a rule, IPv6' firewall A "$EP6"
nft_clear A
nft_add A inet input 0 drop 'ip protocol igmp accept' 'icmpv6 type { 130-137, 143 } accept' 'ct state established accept' \
    'iifname lo accept'
names 'data dropped by policy' firewall A $EP
obey 'data dropped by policy' A
examine A
is 'in general: it is said, and is no fault' "$status $(verdict_of level) $(verdict_of check)" '0 warning firewall'
like 'in words that are true' doctor.out 'a port that was taken at random'
warns 'the answers are dropped then' firewall_replies A $EP
listen listener B $EP
run asked A herald send $EP hello --expect 1 --retry 1
is 'as a sender finds' $status 1
obey_words 'the answers are dropped then' A
run asked A herald send $EP hello --expect 1 --retry 1 --reply-port 10001
is 'a sender that takes the open port hears them' $status 0
stop listener
on A nft insert rule inet guard input ip saddr 10.0.0.0/24 accept
healthy 'neighbours are let in' A $EP
nft_clear A
nft_add A ip output 0 accept 'udp dport 10000 drop'
mends 'sending forbidden' firewall A $EP
nft_clear A
nft_add A inet prerouting -300 accept 'ip saddr 10.0.0.2 udp dport 10000 drop'
talk B $EP
mends 'data of one source dropped' firewall A $EP
silence
nft_clear A

# The trace names the very rule, among chains that may drop too, and leaves nothing behind.
on A nft -f - <<'RULES' || give_up 'setup failed: nft'
table inet first {
    chain input { type filter hook input priority -10; policy accept; tcp dport 22 drop; }
}
table inet second {
    chain games { udp dport 10000 drop; }
    chain input { type filter hook input priority 0; policy accept; jump games; ip protocol igmp drop; }
}
table ip6 third {
    chain input { type filter hook input priority 10; policy drop; icmpv6 type 1-255 accept; }
}
RULES
names 'data dropped by one of many chains' firewall A $EP --trace
is 'the trace names the rule' "$(verdict_of remedy)" "nft insert rule inet second games ip daddr $GROUP udp dport 10000 accept"
is 'and its table has gone' "$(on A nft list tables | grep -c herald)" 0
obey 'data dropped by one of many chains' A
mends 'then IGMP' firewall_igmp A $EP --trace
names 'data dropped twice, IPv6' firewall A "$EP6" --trace
obey 'data dropped twice, IPv6' A
names 'by the policy of a chain, too' firewall A "$EP6" --trace
ok 'which the trace names' json doctor.out 'of("verdict")[0]["seen"].endswith("by the policy of ip6 third input")'
obey 'by the policy of a chain, too' A
warns 'IPv6, mended but for the answers' firewall_replies A "$EP6"
nft_clear A

# So many chains that no command could name them all.
for n in 1 2 3 4 5 6 7 8; do
    must on A nft add table inet "many$n"
    must on A nft "add chain inet many$n input { type filter hook input priority $n; policy accept; }"
    must on A nft add rule inet "many$n" input tcp dport 22 drop
done
must on A nft add rule inet many8 input udp dport 10000 drop
names 'data dropped by one of very many chains' firewall A $EP
is 'no command is cut short' "$(verdict_of remedy_is_command)" False
like 'but the trace would tell' doctor.out 'herald doctor with --trace names'
mends 'data dropped by one of very many chains, traced' firewall A $EP --trace
nft_clear A

nft_add A inet input 0 accept 'ip protocol igmp drop'
mends 'IGMP dropped on its way in' firewall_igmp A $EP
nft_clear A
nft_add A inet output 0 accept 'ip protocol igmp drop'
mends 'IGMP dropped on its way out' firewall_igmp A $EP
nft_clear A
nft_add A inet input 0 accept 'icmpv6 type 130 drop'
mends 'MLD dropped on its way in' firewall_igmp A "$EP6"
nft_clear A
nft_add A inet output 0 accept 'icmpv6 type 143 drop'
mends 'MLD dropped on its way out' firewall_igmp A "$EP6"
nft_clear A
done_testing
