#!/bin/bash
# SPDX-License-Identifier: MIT
# Whoever misuses members that answer pings: they do not pass it on, and others are answered all the same.
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"

G=239.1.2.3
lan ATTACKER MEMBER ASKER C
for host in ATTACKER MEMBER ASKER C; do
    group_route_add $host
done

attack() { # MODE
    run "attack_$1" ATTACKER python3 "$PEERS/ping_attacker.py" "$1" $G 10000
    is "attack $1: was made" "$(count "attack_$1.out" '^done$')" 1
}

descriptors() {
    local links=(/proc/"${pid_of[respond]}"/fd/*)
    echo ${#links[@]}
}

start respond MEMBER herald ping --respond $G:10000 '[ff12::7%eth0]:10000' '[ff15::7]:10000' --json
wait_line respond.out '"event":"responding"'
ok 'JSON of a responder: where it answers' json respond.out \
    'of("responding")[0]["endpoints"][0] == "239.1.2.3:10000" and of("responding")[0]["ports"] == ["4321", "9903"]'

# Answers to the group's own port would be data for all of its members, and each would acknowledge them.
listen data C --no-ping $G:10000
attack own_port
like 'from the group'"'"'s own port: answered by unicast' attack_own_port.out '^answer by unicast: 224 bytes$'
run after ASKER herald send $G:10000 'after the attack' --expect 1
wait_line data.out '"after the attack"'
is 'but not to the group: its members get what the attacker sends, no answers' "$(count data.out ' 224 B ')" 1
stop data

# Without a session only groups that are kept for this are answered, whatever else the server is a member of.
for pair in "$G 1" '239.1.2.234 2'; do
    run older ATTACKER python3 "$PEERS/ping_attacker.py" older "${pair% *}" 4321 10.0.0.2
    is "asked as ssmping does, for ${pair% *}" "$(grep answers: "$T/older.out")" "answers: ${pair#* }"
done
run joined ASKER herald ping $G:9903 --server 10.0.0.2 --count 2 --interval 100ms
like 'with one, those that it has joined' joined.err '2 of 2 answered.*2 of 2 by multicast'

# What goes to addresses that nobody has stays in a socket's buffer for seconds.
attack crowd
run crowded ASKER herald ping $G:10000 --count 2 --interval 100ms
is 'addresses that nobody has: others are answered' $status 0
like 'each time' crowded.err '^1 member, 2 requests; 2 of 2 answered'
ok 'with few sockets' test "$(descriptors)" -lt 60

# Sources that nobody can have are passed over; who asks from a link-local address is shown with its interface.
run nobody ATTACKER python3 "$PEERS/ping_attacker.py" nobody ff15::7 10000
wait_line respond.out '"event":"asked".*"source":"fd00::77"'
unlike 'sources that nobody can have: not a word' respond.out '"source":"::'
unlike 'nothing has failed' respond.out '"event":"warning"'
run local ASKER herald ping '[ff12::7%eth0]:10000' --count 1
is 'link-local: answered' $status 0
like 'and told with the interface' respond.out '"peer":"\[fe80::[0-9a-f:]+%eth0\]:'

attack held
run held ASKER herald ping $G:10000 --count 2 --interval 100ms --spread 50ms --json
ok 'answers that are to wait for a minute: those of others do not have to' json held.out \
    'len(of("member")) == 1 and of("summary")[0]["answered"] == of("summary")[0]["sent"] == 2
        and of("member")[0]["held_max_ns"] < 1000000000'

# Who has a session may ask for more than it sends: that counts for several, too.
attack larger
like 'large answers by unicast count for several' attack_larger.out '^larger answers: ([0-9]|[1-5][0-9]) of 200$'
attack findings
is 'a large question about the host: is answered' "$(grep findings: "$T/attack_findings.out")" \
    'findings: herald 1, answer of 20000 bytes'

# A session that a server does not know, as after a new start: the client is to stay in its group, if that is served.
for pair in "$G $G" '239.1.2.234 239.1.2.234' '239.1.2.9 none'; do
    run stranger ATTACKER python3 "$PEERS/ping_attacker.py" stranger "${pair% *}" 9903 10.0.0.2
    is "an unknown session, and the group ${pair% *}: what is offered" "$(grep group: "$T/stranger.out")" \
        "S, group: ${pair#* }"
done

attack large
like 'large answers count for several' attack_large.out '^large answers: ([0-9]|[1-3][0-9]) of 200$'
stop respond
like 'what was withheld is told' respond.out '"answers_withheld":[1-9]'
done_testing
