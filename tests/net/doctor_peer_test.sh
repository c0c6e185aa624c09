#!/bin/bash
# SPDX-License-Identifier: MIT
# herald doctor --peer: what is wrong on the other host, or between the two, is made; it names exactly that first. A
# remedy that is a command is run there: then it finds nothing.
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source-path=SCRIPTDIR source=doctor_lib.sh
. "$(dirname "$0")/doctor_lib.sh"
# shellcheck source-path=SCRIPTDIR source=doctor_peer_lib.sh
. "$(dirname "$0")/doctor_peer_lib.sh"

# ---- nothing wrong --------------------------------------------------------------------------------------------

respond B beta $EP
healthy 'a peer by its name' A $EP --peer beta
is 'small, by unicast' "$(trial steady unicast 0 sent arrived by_unicast by_multicast)" '5 5 5 4'
is 'small, by multicast' "$(trial steady multicast 0 sent arrived by_unicast by_multicast)" '4 4 4 4'
is 'one packet' "$(trial steady multicast 1 size_bytes sent arrived by_unicast by_multicast)" '1400 4 4 4 4'
is 'fragments' "$(trial steady multicast 2 size_bytes sent arrived by_unicast by_multicast)" '3000 4 4 4 4'
is 'a burst' "$(trial burst multicast 0 sent arrived lost_there)" '43 43 0'
is 'a burst back' "$(trial answers multicast 0 sent by_unicast by_multicast)" '17 17 17'
healthy 'a peer by its address' A $EP --peer 10.0.0.2
must ip -n B address add 10.0.0.99/24 dev eth0
healthy 'a peer by another address of it' A $EP --peer 10.0.0.99
must ip -n B address delete 10.0.0.99/24 dev eth0
run doctor A herald doctor $EP --peer beta
like 'there is a table' doctor.out '^TEST +SIZE +THERE BY +SENT +ARRIVED'
like 'of all sizes' doctor.out '^steady +3,000 B +multicast +4 +4'
stop peer_B
listen listener B $EP
healthy 'herald listen' A $EP --peer 10.0.0.2
stop listener
is 'which prints nothing of it' "$(cat "$T/listener.out")" ''
# It says nothing about itself to whoever has not shown that it gets what is sent to its address.
respond B beta $EP
run forged A python3 - <<'PYTHON'
import socket, struct
def option(kind, value):
    return struct.pack('>HH', kind, len(value)) + value
def ask(sequence, session):
    message = b'Q' + option(0, b'\2') + option(1, b'client') + option(2, struct.pack('>I', sequence))
    message += option(4, struct.pack('>H', 1) + socket.inet_aton('239.1.2.3'))
    message += option(0xf4e0, struct.pack('>BBHHIH', 1, 0, 1, 0, 0, 0)) + option(0xf4e3, b'?')
    if session:
        message += option(11, session)
    return message + option(0xf4e2, bytes(200))
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.settimeout(20)
def answer(sequence, session):
    s.sendto(ask(sequence, session), ('10.0.0.2', 9903))
    bytes, options = s.recv(65536)[1:], {}
    while bytes:
        kind, size = struct.unpack('>HH', bytes[:4])
        options[kind], bytes = bytes[4:4 + size], bytes[4 + size:]
    return options
first = answer(1, None)
assert 0xf4e3 not in first, 'told without a session'
assert 0xf4e3 not in answer(2, b'guessed!'), 'told for a wrong session'
told = [0xf4e3 in answer(n, first[11]) for n in range(3, 9)]
assert told == [True] * 3 + [False] * 3, told
PYTHON
is 'without a session nothing is told, and then only so often' $status 0
stop peer_B

# ---- what the other host finds ----------------------------------------------------------------------------------

respond B beta $EP
nft_add B inet input 0 accept 'udp dport 10000 drop'
names 'its firewall' firewall A $EP --peer 10.0.0.2
is 'which is its own finding' "$(verdict_of host)" beta
obey 'its firewall' B
respond_anew B beta $EP
healthy 'its firewall, mended' A $EP --peer beta
nft_clear B
stop peer_B

# To join from any source an old version is enough: the asker's address is not one that was asked for.
must on B sysctl -qw net.ipv4.conf.eth0.force_igmp_version=2
respond B beta $EP
healthy 'an old version there, and a group of any source' A $EP --peer 10.0.0.2
stop peer_B
must on B sysctl -qw net.ipv4.conf.eth0.force_igmp_version=0

# All on one processor, which the listener gets when nobody else wants it: a burst is queued as a whole before it can
# take any of it.
allowed=$(awk '/^Cpus_allowed_list/ { print $2 }' /proc/self/status)
must taskset -cp "${allowed%%[-,]*}" $$ >/dev/null
listen listener B $EP --rcvbuf 4K
must chrt --idle --pid 0 "${pid_of[listener]}"
kill -STOP "${pid_of[listener]}"
run flood A herald send $EP flood --count 100 --interval 1ms --wait 1ms
kill -CONT "${pid_of[listener]}"
names 'its buffer' peer_burst A $EP --peer 10.0.0.2
is 'which is its own finding, of some time before' "$(findings warning)" buffer
ok 'and is known for the likely reason' json doctor.out '"receive buffer is too small" in of("verdict")[0]["meaning"]'
stop listener
must taskset -cp "$allowed" $$ >/dev/null
listen listener B $EP
healthy 'its buffer, mended' A $EP --peer 10.0.0.2
stop listener

# ---- between --------------------------------------------------------------------------------------------------

respond B beta $EP
loss_set B "ip daddr $GROUP"
names 'multicast there' peer_multicast A $EP --peer 10.0.0.2
is 'none arrived, unicast did' "$(trial steady multicast 0 arrived) $(trial steady unicast 0 arrived)" '0 5'
between_gone B
healthy 'multicast there, mended' A $EP --peer beta
loss_set A "ip daddr $GROUP"
names 'multicast back' peer_back A $EP --peer beta
is 'all arrived, none came back' "$(trial steady multicast 0 arrived by_unicast by_multicast)" '4 4 0'
between_gone A
healthy 'multicast back, mended' A $EP --peer beta
loss_set A 'ip saddr 10.0.0.2 ip daddr 10.0.0.1'
names 'unicast back' peer_replies A $EP --peer beta
ok 'answered by multicast alone: that has no median' json doctor.out \
    '["4 of 5 requests answered"] == [e["seen"] for e in of("finding") if e["check"] == "peer_unicast"]'
between_gone A
healthy 'unicast back, mended' A $EP --peer beta
loss_set B 'ip frag-off & 0x3fff != 0'
warns 'fragments there' peer_sizes A $EP --peer beta
is 'no large one' "$(trial steady multicast 2 size_bytes by_unicast)" '3000 0'
between_gone B
healthy 'fragments there, mended' A $EP --peer beta
loss_set A 'ip frag-off & 0x3fff != 0'
warns 'fragments back' peer_sizes A $EP --peer beta
ok 'it says which way' json doctor.out '"back from it" in of("verdict")[0]["seen"]'
between_gone A
loss_set B 'ip length 1000-1499'
names 'a small MTU' peer_sizes A $EP --peer beta
between_gone B
loss_set B 'ip length > 1300 limit rate over 100/second burst 20 packets'
names 'a burst there' peer_burst A $EP --peer beta
between_gone B
loss_set A 'ip length > 1300 limit rate over 100/second burst 20 packets'
names 'a burst back' peer_burst A $EP --peer beta
between_gone A
healthy 'a burst, mended' A $EP --peer beta
stop peer_B

# The interface vanishes in the middle of a series.
start member B python3 "$PEERS/ping_member.py" $GROUP 10000 until 4 ip -n A link delete eth0
wait_line member.out ready
names 'an interface that vanishes' peer A $EP --peer python
ok 'is told so' json doctor.out '"eth0 has vanished" in of("verdict")[0]["seen"]'
ok 'and is no loss' json doctor.out \
    '["this host cannot go on" in e["seen"] for e in of("finding") if e["check"] == "peer_unicast"] == [True]'
stop member

done_testing
