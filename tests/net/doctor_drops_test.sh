#!/bin/bash
# SPDX-License-Identifier: MIT
# What a host drops without a firewall's help, what goes past it, and whom herald doctor must leave alone.
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source-path=SCRIPTDIR source=doctor_lib.sh
. "$(dirname "$0")/doctor_lib.sh"

GROUP=239.1.2.3
EP=$GROUP:10000
EP6='[ff15::7]:10000'

switch_add sw querier
switch_add sw2 querier
host_add A
host_add B
nic_add A eth1 sw2 10.7.0.1/24
group_route_add A
group_route_add B

healthy 'two networks' A
healthy 'two networks and a group' A $EP
healthy 'the second network' A $EP -i eth1

# ---- the reverse path filter ----------------------------------------------------------------------------------

# B speaks from an address that A reaches by its other interface.
must ip -n B address add 10.7.0.9/32 dev lo
setting A ipv4/conf/eth0/rp_filter 1
healthy 'a strict filter with nothing to drop' A $EP
talk B $EP --source 10.7.0.9 -i eth0
mends 'strict reverse path filter' rp_filter A $EP
setting A ipv4/conf/eth0/rp_filter 1
mends 'strict reverse path filter, the sender named' rp_filter A 10.7.0.9@232.1.2.3:10000 -i eth0
setting A ipv4/conf/eth0/rp_filter 1
silence
healthy 'a strict filter on another interface than the sender is behind' A 10.7.0.9@232.1.2.3:10000
talk B $EP --source 10.7.0.9 -i eth0
setting A ipv4/conf/eth0/rp_filter 0
setting A ipv4/conf/all/rp_filter 1
bare=(setpriv --no-new-privs --bounding-set -all --inh-caps -all --ambient-caps -all)
run doctor A "${bare[@]}" herald doctor --json $EP
is 'strict by "all", unprivileged: named' "$status $(verdict_of level) $(verdict_of check)" '1 fault rp_filter'
obey 'strict by "all", unprivileged' A
healthy 'strict by "all", mended' A $EP
setting A ipv4/conf/all/rp_filter 0
silence

# From where there is no way back, the loose filter drops too.
must ip -n B address add 192.0.2.9/32 dev lo
setting A ipv4/conf/eth0/rp_filter 2
talk B $EP --source 192.0.2.9 -i eth0
mends 'loose reverse path filter' rp_filter A $EP
silence
setting A ipv4/conf/eth0/rp_filter 0

# ---- interfaces -----------------------------------------------------------------------------------------------

listen listener A $EP -i eth1
mends 'members elsewhere' wrong_interface A $EP
stop listener
must ip -n A route replace 224.0.0.0/4 dev eth0
listen listener A "$EP6" -i eth1
mends 'members elsewhere, IPv6' wrong_interface A "$EP6"
stop listener

must ip -n A link set eth1 multicast off
must ip -n A route replace 224.0.0.0/4 dev eth1
mends 'a route to an interface that cannot' interface A $EP
must ip -n A route replace 224.0.0.0/4 dev eth1
must ip -n A link set eth1 multicast on
carrier_down A eth1
mends 'a route to an interface without carrier' interface A $EP
carrier_up A eth1

# Both interfaces on one network: what leaves by one comes in by the other, from an own address.
nic_add A eth2 sw 10.0.0.77/24
talk A $EP -i eth0
mends 'an own address as the source' own_source A $EP -i eth2
silence
# The way back to every neighbour leads by the other one.
setting A ipv4/conf/all/rp_filter 1
talk B $EP
mends 'strict, and two interfaces on one network' rp_filter A $EP -i eth2
setting A ipv4/conf/all/rp_filter 0
silence
nic_delete A eth2
must ip -n A route replace 224.0.0.0/4 dev eth0

# ---- fragments, port, sockets ---------------------------------------------------------------------------------

head -c 3000 /dev/zero >"$T/large"
talk B $EP --file "$T/large" --fragment
healthy 'fragments that arrive' A $EP
nft_add A ip prerouting -450 accept 'ip frag-off & 0x3fff != 0 drop'
mends 'fragments dropped' fragments A $EP
nft_clear A
nft_add A ip prerouting -450 accept 'ip frag-off & 0x1fff != 0 drop'
run doctor A "${bare[@]}" herald doctor --json $EP
is 'later fragments dropped, unprivileged: named' "$status $(verdict_of level) $(verdict_of check)" '1 fault fragments'
silence
nft_clear A

talk B $GROUP:10001
names 'the wrong port' port A $EP
healthy 'the right port, as it says' A "$(verdict_of remedy | cut -d' ' -f3)"
run doctor A "${bare[@]}" herald doctor --json $EP
is 'the wrong port, unprivileged: a warning' "$status $(verdict_of level) $(verdict_of check)" '0 warning port'
silence
talk B '[ff12::7%eth0]:10001'
names 'the wrong port, link-local' port A '[ff12::7%eth0]:10000'
obey 'the wrong port, link-local' A
silence

# Interfaces and addresses that change meanwhile: what tells of it is read, and not waited for in a circle.
start changes A bash -c 'echo begun
    while :; do ip address add 10.9.9.9/32 dev lo; ip address del 10.9.9.9/32 dev lo; sleep 0.05; done'
wait_line changes.out begun
run changing A "${bare[@]}" bash -c "TIMEFORMAT='cpu %U %S'; time herald doctor $EP"
is 'addresses that change: no busy wait' "$(awk '$1 == "cpu" && $2 + $3 < 0.6 { print "idle" }' "$T/changing.err")" idle
kill -KILL "${pid_of[changes]}"

# All ports that the kernel hands out are in use: none can be tried, and the search for one ends.
must on A sysctl -qw 'net.ipv4.ip_local_port_range=40000 40001'
start ports A python3 -c 'import signal, socket
held = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(2)]
for number, one in enumerate(held):
    one.bind(("", 40000 + number))
print("ready", flush=True)
signal.pause()'
wait_line ports.out ready
examine A $EP
is 'no port is free: what cannot be tried is left out' "$status $(findings skipped)" '0 firewall firewall_replies'
stop ports
must on A sysctl -qw 'net.ipv4.ip_local_port_range=32768 60999'

cat >"$T/socket.py" <<'PYTHON'
"""Opens UDP sockets on port 10000 with the options that are named, says so, and waits."""
import socket, struct, sys

held = []
for words in sys.argv[1:]:
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    for word in words.split(","):
        if word == "reuseport":
            s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        elif word == "reuseaddr":
            s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        elif word == "own":
            s.setsockopt(socket.IPPROTO_IP, 49, 0)
        elif word == "small":
            s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        elif word.startswith("239."):
            s.bind(("", 10000))
            interface = socket.if_nametoindex("eth0")
            s.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP,
                         struct.pack("=4s4si", socket.inet_aton(word), bytes(4), interface))
    held.append(s)
print("ready", flush=True)
sys.stdin.read()
PYTHON
socket_start() { # SOCKET...
    start socket A python3 -c 'import os, sys; r, w = os.pipe(); os.dup2(r, 0); exec(open(sys.argv.pop(1)).read())' \
        "$T/socket.py" "$@"
    wait_line socket.out ready
}

socket_start 239.1.2.3
names 'a program that keeps the port for itself' port_taken A $EP
ok 'which is named' json doctor.out "\"(pid ${pid_of[socket]})\" in of(\"verdict\")[0][\"seen\"]"
stop socket
socket_start reuseport,own,239.1.2.3 reuseport,own,239.9.9.9
names 'two that share the port by SO_REUSEPORT' reuseport A $EP
stop socket
socket_start reuseaddr,own,239.1.2.3 reuseaddr,own,239.9.9.9
healthy 'two that share it by SO_REUSEADDR' A $EP
stop socket
socket_start reuseaddr,small,239.1.2.3
run flood B herald send $EP --rate 20000pps --count 2000 hello
warns 'a receive buffer that was too small once' buffer A $EP
ok 'which says that it is not now' json doctor.out '"none while we looked" in of("verdict")[0]["seen"]'
talk B $EP
names 'a receive buffer that is too small' buffer A $EP
ok 'whose is named' json doctor.out "\"(pid ${pid_of[socket]})\" in of(\"verdict\")[0][\"seen\"]"
silence
stop socket
healthy 'all programs have ended' A $EP

# The doctor is stopped while it listens.
start doctor A herald doctor --json $EP
wait_line doctor.out '"check":"ttl"'
wait_member A eth0 $GROUP
kill -STOP "${pid_of[doctor]}"
head -c 1400 /dev/zero >"$T/packet"
run flood B herald send $EP --rate 20000pps --count 20000 --file "$T/packet"
kill -CONT "${pid_of[doctor]}"
finish doctor
is 'what the doctor lost itself' "$status $(verdict_of level) $(verdict_of check)" '0 warning buffer'
like 'where it was lost is said' doctor.out 'herald doctor itself.* lost.* buffer'

# A network card whose filter lets no group in. Its flags tell that it is to take all of them.
cat >"$T/card.py" <<'PYTHON'
"""A network card "tap0": sends to 239.1.2.3 while it is to take all groups, and with "open" always."""
import fcntl, os, select, struct, sys

card = os.open("/dev/net/tun", os.O_RDWR)
fcntl.ioctl(card, 0x400454CA, struct.pack("16sH", b"tap0", 0x1002))
flags = open("/sys/class/net/tap0/flags")
udp = struct.pack(">4H5s", 10000, 10000, 13, 0, b"hello")
ip = bytes.fromhex("45000021000000000811") + bytes(2) + bytes([10, 3, 0, 2, 239, 1, 2, 3])
words = struct.unpack(">10H", ip)
total = sum(words)
while total >> 16:
    total = (total & 0xFFFF) + (total >> 16)
frame = bytes.fromhex("01005e0102030200000000020800") + ip[:10] + struct.pack(">H", 0xFFFF ^ total) + ip[12:] + udp
print("ready", flush=True)
while True:
    if select.select([card], [], [], 0.02)[0]:
        os.read(card, 2048)
        continue
    flags.seek(0)
    now = int(flags.read(), 16)
    if now & 1 and (now & 0x200 or "open" in sys.argv):  # up, and all groups are wanted
        os.write(card, frame)
PYTHON
card_start() { # ARGUMENTS...
    # /sys shows the network of whoever mounts it.
    start card A unshare -m sh -c 'mount -t sysfs sysfs /sys && exec python3 "$0" "$@"' "$T/card.py" "$@"
    wait_line card.out ready
    must ip -n A address add 10.3.0.1/24 dev tap0
    must ip -n A link set tap0 up
    wait_until 'ip -n A link show dev tap0 | grep -q LOWER_UP'
}

if [ -c /dev/net/tun ] && on A python3 -c 'import os; os.open("/dev/net/tun", os.O_RDWR)' 2>/dev/null; then
    card_start
    names 'a network card that filters too much' nic A $EP -i tap0
    obey 'a network card that filters too much' A
    examine A $EP -i tap0
    is 'with all groups there is no fault' "$status $(findings fault)" '0 '
    stop card
    card_start open
    examine A $EP -i tap0
    is 'a network card that works' "$status $(findings fault)" '0 '
    stop card
fi

# An interface that is lost while the group is joined on it.
nic_add A eth3 sw 10.0.0.78/24
start doctor A herald doctor --json $EP -i eth3
wait_member A eth3 $GROUP
carrier_down A eth3
finish doctor
is 'an interface that loses its carrier' "$status $(verdict_of level)" '1 fault'
ok 'is told for that' json doctor.out '"eth3 has lost its carrier" in of("verdict")[0]["seen"]'
carrier_up A eth3
start doctor A herald doctor --json $EP -i eth3
wait_member A eth3 $GROUP
nic_delete A eth3
finish doctor
is 'an interface that vanishes' "$status $(verdict_of level)" '1 fault'
ok 'is told for that, too' json doctor.out '"eth3 has vanished" in of("verdict")[0]["seen"]'

# ---- hosts without a network ----------------------------------------------------------------------------------

bare_host_add N
names 'not even lo' interface N $EP
obey 'not even lo' N
for ep in '' $EP "$EP6"; do
    # shellcheck disable=SC2086
    run doctor N herald doctor $ep --json
    is "a host with lo alone is told so ${ep:-in general}" "$status $(verdict_of level) $(verdict_of check)" \
        '0 warning interface'
    like 'in words' doctor.out 'this host only'
done
healthy 'lo, as asked' N $EP -i lo

# ---- without any privilege ------------------------------------------------------------------------------------

run doctor A "${bare[@]}" herald doctor --json $EP
is 'unprivileged, nothing is found' "$status $(verdict_of level)" '0 ok'
nft_add A inet input 0 accept 'udp dport 10000 drop'
run doctor A "${bare[@]}" herald doctor --json $EP
is 'unprivileged, the firewall is found' "$status $(verdict_of check)" '1 firewall'
like 'and root would name the rule' doctor.out 'as root'
nft_clear A
nft_add A inet output 0 accept 'ip protocol igmp drop'
run doctor A "${bare[@]}" herald doctor --json $EP
is 'unprivileged, lost reports are found' "$status $(verdict_of check)" '1 firewall_igmp'
nft_clear A
run doctor A unshare -U "${bare[@]}" herald doctor $EP
is 'in a user namespace of its own' $status 0
like 'it says what root would add' doctor.out 'needs root|root would see'

run doctor A "${bare[@]}" herald doctor --trace $EP
is 'only root can trace' $status 3
like 'and is told so' doctor.err 'root.*only'

# ---- the command line -----------------------------------------------------------------------------------------

run doctor A herald doctor $EP -i nope
is 'an unknown interface' $status 3
run doctor A herald doctor 10.0.0.1:10000
is 'no group' $status 2
run doctor A herald doctor $EP $EP
is 'too many endpoints' $status 2
run doctor A herald doctor "$GROUP%eth0:10000" -i eth1
is 'two interfaces at once' $status 2
run doctor A herald doctor $EP --quiet
is 'quiet' $status 0
is 'is one line' "$(wc -l <"$T/doctor.out")" 1
is 'and nothing else' "$(cat "$T/doctor.err")" ''
start doctor A herald doctor --long $EP
wait_line doctor.err '^examining'
stop doctor
like 'it says how long it takes' doctor.err '^this may take 2 minutes'
like 'it says what it looks at' doctor.err '^looking at: '
like 'Ctrl-C ends with what is known' doctor.out '^interrupted; so far: '
is 'which is not everything: status 1' $status 1
done_testing
