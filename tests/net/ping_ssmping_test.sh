#!/bin/bash
# SPDX-License-Identifier: MIT
# The Multicast Ping Protocol with ssmping, asmping and ssmpingd on the other side: IPv4 and IPv6, ASM and SSM.
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"

lan SERVER CLIENT
group_route_add SERVER
group_route_add CLIENT
must ip -n SERVER -6 route add ff00::/8 dev eth0 table local
must ip -n CLIENT -6 route add ff00::/8 dev eth0 table local

received_all() { # WHAT FILE COUNT
    is "$1: $3 by unicast" "$(count "$2" '^ *unicast from .* seq=')" "$3"
    is "$1: $3 by multicast" "$(count "$2" '^multicast from .* seq=')" "$3"
}

# ---- their clients, our server

if need ssmping 'the programs ssmping and asmping'; then
    start respond SERVER herald ping --respond
    wait_line respond.err '^answering pings by unicast at ports 4321, 9903$'
    run ssm4 CLIENT ssmping -4 -c 2 -v 10.0.0.1
    received_all 'ssmping over IPv4' ssm4.out 2
    like 'our version is shown' ssm4.out '^Server version: .*\(herald [0-9.]+\)'
    like 'the distance is right' ssm4.out '^multicast from 10\.0\.0\.1, seq=2 dist=0 '
    run ssm6 CLIENT ssmping -6 -c 2 fd00::1
    received_all 'ssmping over IPv6' ssm6.out 2
    run asm4 CLIENT asmping -4 -c 2 239.1.2.3 10.0.0.1
    received_all 'asmping over IPv4' asm4.out 2
    like 'asmping made its group of ours' asm4.out '\(\*,239\.1\.2\.234\)'
    run asm6 CLIENT asmping -6 -c 2 ff15::77 fd00::1
    received_all 'asmping over IPv6' asm6.out 2
    run size CLIENT ssmping -4 -c 2 -s 1000 10.0.0.1
    received_all 'ssmping -s' size.out 2
    unlike 'with answers of the size asked for' size.out '^Warning'
    run size CLIENT ssmping -4 -c 1 -s 9000 10.0.0.1
    like 'but none larger than a packet' size.out '^Warning, requested packet size 9000, got '
    stop respond
    like 'the server says who asked' respond.out '^asked by 10\.0\.0\.2:[0-9]+ \(unicast, as ssmping and asmping do\)'
    like 'and how much it answered' respond.err '^[0-9]+ requests, answers: 11 by unicast, 11 by multicast, 0 withheld'

    # ---- their server, our client

    start ssmpingd SERVER ssmpingd
    wait_port SERVER 4321
    for target in '10.0.0.1@232.43.211.234:4321' '[fd00::1]@[ff3e::4321:1234]:4321' \
        '239.1.2.234:4321 --server 10.0.0.1' '[ff15::4321:1234]:4321 --server fd00::1'; do
        # shellcheck disable=SC2086
        run theirs CLIENT herald ping $target --count 2 --interval 100ms --json
        is "ssmpingd asked for $target: status 0" $status 0
        ok "ssmpingd answers for $target both ways" json theirs.out \
            'len(of("member")) == 1 and (lambda m: m["by_unicast"] == m["by_multicast"] == m["sent"] == 2
                and m["lost"] == 0 and m["source_port"] == 4321 and m["info"].startswith("0.9.1"))(of("member")[0])'
    done
    run large CLIENT herald ping 10.0.0.1@232.43.211.234:4321 --answer-size 1000 --count 2 --interval 100ms
    like 'answers of the size asked for are no trouble' large.err '2 of 2 answered.*2 of 2 by multicast'
    run other CLIENT herald ping 239.1.2.9:4321 --server 10.0.0.1 --count 2 --interval 100ms --wait 100ms
    is 'a group that ssmpingd does not serve: status 0' $status 0
    like 'and what it serves' other.err 'ssmpingd: those that end in \.234'
    run member SERVER herald ping --respond
    is 'a second server on the host: status 3' $status 3
    like 'says who has the port' member.err 'port 4321 is used by another program'
    start member SERVER herald ping --respond 239.1.2.3:10000
    wait_line member.err '^answering pings to 239\.1\.2\.3:10000'
    like 'but a member can do without' member.err 'clients that ask this host by unicast are not answered'
    run member_ping CLIENT herald ping 239.1.2.3:10000 --count 1
    like 'and is found' member_ping.err '^1 member, 1 request; 1 of 1 answered'
    stop member
    stop ssmpingd
fi

# ---- ours on both sides, as RFC 6450 has it: a session first

start respond SERVER herald ping --respond
wait_line respond.err '^answering pings'
for target in '10.0.0.1@232.43.211.234:9903' '[fd00::1]@[ff3e::4321:1234]:9903' '239.1.2.234:9903 --server 10.0.0.1'; do
    # shellcheck disable=SC2086
    run ours CLIENT herald ping $target --count 2 --interval 100ms --json
    ok "RFC 6450 for $target: both ways, and hops" json ours.out \
        'len(of("member")) == 1 and (lambda m: m["by_unicast"] == m["by_multicast"] == m["sent"] == 2
            and m["hops"] == m["hops_multicast"] == 0)(of("member")[0])'
done
run refused CLIENT herald ping 10.0.0.1@232.1.2.3:9903 --count 2 --interval 100ms --wait 100ms
like 'a group that is not served is refused' refused.err 'warning: the server does not answer to this group'
run silent CLIENT herald ping 10.0.0.77@232.43.211.234:4321 --count 1 --wait 100ms
is 'a server that is not there: status 4' $status 4
like 'says so' silent.err '10\.0\.0\.77 does not answer at port 4321: no ssmpingd or herald ping --respond'

# A server that gives another group than it was asked for, and later one more.
start mover SERVER python3 "$PEERS/ping_mover.py" 9908 239.1.2.234 239.1.3.234
wait_line mover.out '^ready'
run moved CLIENT herald ping 239.1.2.9:9908 --server 10.0.0.1 --count 5 --interval 100ms --json
is 'another group: status 0' $status 0
ok 'each change is told' json moved.out \
    '[(e["group"], e["asked"]) for e in of("group")] == [("239.1.2.234", "239.1.2.9"), ("239.1.3.234", "239.1.2.9")]'
ok 'and its answers are heard' json moved.out '(lambda s: s["by_multicast"] == s["by_unicast"] >= 2)(of("summary")[0])'
stop mover
start mover SERVER python3 "$PEERS/ping_mover.py" 9908 239.1.2.234 239.1.3.234
wait_line mover.out '^ready'
run moved CLIENT herald ping 239.1.2.9:9908 --server 10.0.0.1 --count 1
like 'for people, too' moved.err '^the server answers to 239\.1\.2\.234, not to 239\.1\.2\.9$'
stop mover

# What was not asked for by a session, or comes too fast, reaches no group.
start sniff CLIENT python3 "$PEERS/ping_forger.py" 10.0.0.1
finish sniff
is 'the forger got its answers' $status 0
like 'without a session there is a response instead of an answer to the group' sniff.out '^rfc without session: S$'
like 'with a wrong one, too' sniff.out '^rfc with a wrong session: S$'
like 'with the right one there is an answer' sniff.out '^rfc with its session: A$'
like 'no answer is larger than twice a small request' sniff.out '^largest: (1?[0-9]?[0-9]) bytes$'
like 'a flood is answered a hundred times, not a thousand' sniff.out '^flood: (9[0-9]|1[0-9][0-9]) of 1000$'
stop respond
like 'the limits are told' respond.err '[1-9][0-9]* withheld by the limits'
done_testing
