#!/bin/bash
# SPDX-License-Identifier: MIT
# herald ping: finds every member, measures both ways, tells which direction loses, and who comes and goes.
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"

G=239.1.2.3:10000
lan ASKER A B C D E
for host in ASKER A B C D E; do
    group_route_add $host
done

# Waits until the asker has had answers to N more rounds from now on: FILE with JSON of a ping.
rounds_from_now() { # FILE N
    local before
    before=$(count "$1" '"event":"round"')
    wait_until "[ \$(grep -c '\"event\":\"round\"' $T/$1) -ge $((before + $2)) ]"
}

# ---- nobody

run nobody ASKER herald ping $G --count 2 --interval 20ms --wait 50ms
is 'nobody: status 4' $status 4
like 'nobody: says the likely causes' nobody.err 'nobody answers: no herald listens .* TTL 1 .* firewall'
run nobody ASKER herald ping $G --expect 1 --interval 20ms --wait 50ms --json
is 'nobody expected: status 4' $status 4
ok 'nobody, in JSON' json nobody.out 'of("error")[0]["status"] == 4 and of("summary")[0]["members"] == 0'
run nobody ASKER timeout --preserve-status -s INT 3 herald ping $G --interval 20ms --wait 20ms
is 'nobody, until Ctrl-C: status 4' $status 4
like 'nobody, until Ctrl-C: said meanwhile' nobody.err 'warning: nobody answers'

bare_host_add X
must ip -n X link set lo up
run unsent X herald ping '[ff15::7]:10000' --count 1
is 'nothing can be sent: status 3' $status 3
like 'nothing can be sent: says why' unsent.err 'herald ping: there is no route to the group on lo'
listen lone X $G
run lone_ping X herald ping $G --count 1
like 'no network: this host is found' lone_ping.err '^1 member, 1 request; 1 of 1 answered.*1 of 1 by multicast'
must on X nft add table ip guard
must on X nft 'add chain ip guard out { type filter hook output priority 0; }'
must on X nft add rule ip guard out udp dport 10000 counter drop
start blocked X herald ping $G --count 1 --interval 2s
wait_until "on X nft list chain ip guard out | grep -q 'packets [1-9]'"
must on X nft delete table ip guard
finish blocked
like 'a roll call that could not be sent at first is none of those requests' blocked.err '^1 member, 1 request; 1 of 1'
stop lone

# ---- five members of three kinds

listen listen A $G
start get B herald get -d "$T" $G
wait_line get.err '^getting from '
for host in C D E; do
    start respond_$host $host herald ping --respond $G
    wait_line respond_$host.err '^answering pings to 239\.1\.2\.3:10000 on .*eth0.* ports 4321, 9903'
done
run five ASKER herald ping $G --count 3 --interval 100ms
is 'five members: status 0' $status 0
like 'the first line states the facts' five.err \
    '^pinging 239\.1\.2\.3:10000 on eth0 \(route\) from 10\.0\.0\.1:[0-9]+, TTL 1, 224 bytes; joined the group'
is 'each is said to be new' "$(count five.out '^new: .* 10\.0\.0\.[2-6]:')" 5
is 'each answers each request both ways' \
    "$(count five.out '10\.0\.0\.[2-6]:[0-9]+  seq [1-3]  unicast [0-9.]+ .?s  multicast [0-9.]+ .?s .* *0 hops')" 15
like 'the summary has all' five.err '^5 members, 3 requests; 15 of 15 answered, 0 lost \(0%\); 15 of 15 by multicast'
like 'and the times of all' five.err '^multicast: min .*, p50 .*, p99 .*, max '
is 'the table has a line for each' "$(count five.out '10\.0\.0\.[2-6]:[0-9]+ +3 +3 +3 +0 +0 ')" 5
unlike 'listen prints no ping' listen.out .

run json ASKER herald ping $G --count 2 --interval 100ms --json
is 'JSON: status 0' $status 0
ok 'JSON: five members, all there' json json.out \
    'len(of("member")) == 5 and all(m["present"] and m["sent"] == m["by_unicast"] == m["by_multicast"] == 2
        and m["lost"] == m["lost_there"] == m["lost_unicast"] == m["lost_multicast"] == m["duplicates"] == 0
        and m["hops"] == m["hops_there"] == m["hops_multicast"] == 0 and m["info"].endswith(")")
        and 0 <= m["unicast_min_ns"] <= m["unicast_p50_ns"] <= m["unicast_p99_ns"] <= m["unicast_max_ns"]
        and 0 <= m["multicast_min_ns"] <= m["multicast_max_ns"] for m in of("member"))'
ok 'JSON: a roll call that is spread, then rounds that are not' json json.out \
    '[r["spread_ns"] for r in of("round")] == [100000000, 0, 0] and of("round")[0]["multicast_asked"] == 0'
ok 'JSON: the answers to the roll call were held back at random' json json.out \
    'len(set(m["held_max_ns"] for m in of("member"))) == 5 and max(m["held_max_ns"] for m in of("member")) > 1000000'

run expect ASKER herald ping $G --expect 5
is 'five expected and there: status 0' $status 0
like 'five expected: ends as soon as they have answered' expect.err '^5 members of 5 expected, 1 request'
run expect ASKER herald ping $G --expect 6 --interval 100ms
is 'six expected, five there: status 1' $status 1
like 'six expected: three requests' expect.err '^5 members of 6 expected, 3 requests'
run only ASKER herald ping $G --only 10.0.0.4 --count 1
like 'one chosen by its address' only.err '^1 member, 1 request; 1 of 1 answered'
run only ASKER herald ping $G --only nobody-of-that-name --count 1 --wait 50ms
is 'a name that nobody has: status 4' $status 4
run for ASKER herald ping $G --for 300ms --interval 50ms
is '--for: status 0' $status 0
run quiet ASKER herald ping $G --count 1 -q
is '--quiet leaves messages out' "$(cat "$T/quiet.err")" ''

# ---- by unicast, and sizes

run unicast ASKER herald ping $G --count 2 --interval 100ms --by-unicast --json
ok 'asked by unicast: both ways of answers, and the members tell how they were asked' json unicast.out \
    'len(of("member")) == 5 and all(m["heard_unicast"] == 2 and m["heard_multicast"] == 1
        and m["by_unicast"] == m["by_multicast"] == 2 for m in of("member"))'
run large ASKER herald ping $G --count 1 --size 1400
like 'larger requests' large.err '1400 bytes; .*'
like 'are answered' large.err '5 of 5 answered'
run large ASKER herald ping $G --count 1 --size 3000
is 'larger than a packet: status 2' $status 2
like 'and says what fits' large.err '3000 bytes does not fit into one packet on eth0: 1472 fit'
run large ASKER herald ping $G --count 1 --size 3000 --fragment
like 'unless they may be fragmented' large.err '5 of 5 answered'
run alone ASKER herald ping $G --count 1 --no-multicast --json
ok '--no-multicast: by unicast alone, nothing joined' json alone.out \
    'not of("pinging")[0]["joined"] and all(m["multicast_asked"] == 0 and m["by_unicast"] == 1 for m in of("member"))'

# Members answer groups 20 times a second: more often they are not asked to.
run often ASKER herald ping $G --count 12 --interval 46ms --only 10.0.0.4 --json
ok 'who asks more often is not answered by multicast each time' json often.out \
    '(lambda m: m["sent"] == 12 and 5 <= m["multicast_asked"] < 12)(of("member")[0])'

# ---- loss, each direction by itself

loss_set C 'ip saddr 10.0.0.1 udp dport 10000 numgen inc mod 2 < 1'
run there ASKER herald ping $G --count 8 --interval 50ms --wait 200ms --only 10.0.0.4 --json
ok 'requests are lost, and only they' json there.out \
    '(lambda m: m["lost_there"] in (3, 4) and m["lost"] in (3, 4) and m["lost_unicast"] == 0
        and m["lost_multicast"] == 0)(of("member")[0])'
# More requests under way than are kept apart, and their time ends when no more answers come.
run wait ASKER bash -c "TIMEFORMAT='cpu %U %S'; time herald ping $G --count 140 --interval 20ms --wait 3s \
    --only 10.0.0.4 --no-multicast --json"
ok 'a long wait: who answers each second request has not vanished' json wait.out \
    'of("summary")[0]["vanished"] == 0 and of("summary")[0]["rounds"] == 140 and of("summary")[0]["lost"] > 60'
is 'and it is no busy one' "$(awk '$1 == "cpu" && $2 + $3 < 0.5 { print "idle" }' "$T/wait.err")" idle
on sw nft delete table netdev loss_C
loss_set ASKER 'ip saddr 10.0.0.4 ip daddr 10.0.0.1 numgen inc mod 2 < 1'
run back ASKER herald ping $G --count 8 --interval 50ms --wait 200ms --only 10.0.0.4 --json
ok 'answers by unicast are lost, and only they' json back.out \
    '(lambda m: m["lost_unicast"] in (3, 4) and m["lost_there"] == 0 and m["lost_multicast"] == 0
        and m["lost"] == 0 and m["by_multicast"] == 8)(of("member")[0])'
run back ASKER herald ping $G --count 4 --interval 50ms --wait 200ms --only 10.0.0.4
like 'the table says so' back.out '^host +member +sent +unicast +multicast +lost +there +back +back by group'
on sw nft delete table netdev loss_ASKER
loss_set ASKER 'ip saddr 10.0.0.4 ip daddr 239.1.2.3 numgen inc mod 1 < 1'
run deaf ASKER herald ping $G --count 2 --interval 50ms --wait 200ms --only 10.0.0.4
like 'no answer by multicast at all is said' deaf.err 'warning: no answer came by multicast'
is 'and is no failure' $status 0
on sw nft delete table netdev loss_ASKER

# ---- who reads what it says

start left B bash -c "herald ping --respond 239.1.2.6:10000 2>$T/left_respond.err | head -n 1; exit \${PIPESTATUS[0]}"
wait_line left_respond.err '^answering'
run ask ASKER herald ping 239.1.2.6:10000 --count 1
finish left
is 'a responder whose reader has gone ends: status 3' $status 3
is 'which is said once' "$(count left_respond.err 'cannot write to standard output: Broken pipe$')" 1

mkfifo "$T/stalled"
exec 9<>"$T/stalled" # nobody reads
head -c 65536 /dev/zero >&9
for what in "$G --interval 20ms --wait 50ms" '--respond 239.1.2.6:10000'; do
    # shellcheck disable=SC2086
    start stalled B bash -c "exec herald ping $what --for 1s >&9"
    wait_line stalled.err '^pinging|^answering'
    run ask ASKER herald ping 239.1.2.6:10000 --count 1 --wait 50ms
    finish stalled
    is "a stalled reader of ${what%% *}, ended by --for: status 3" $status 3
    like 'which is said' stalled.err 'nobody reads it'
done
exec 9>&-

# ---- who comes and goes

start watch ASKER herald ping $G --interval 50ms --wait 100ms --json
wait_until "grep -q '\"event\":\"answer\".*10.0.0.5:' $T/watch.out"
carrier_down D
wait_line watch.out '"what":"vanished".*10\.0\.0\.5:'
carrier_up D
wait_line watch.out '"what":"back".*10\.0\.0\.5:'
stop respond_E
wait_line watch.out '"what":"vanished".*10\.0\.0\.6:'
start respond_E E herald ping --respond $G
wait_until "[ \$(grep -c '\"what\":\"new\".*10.0.0.6:' $T/watch.out) = 2 ]"
verdict 0 'a member that was started again is a new one'
rounds_from_now watch.out 2
stop watch
is 'Ctrl-C: status 0' $status 0
ok 'Ctrl-C: with the summary' json watch.out \
    'of("summary")[0]["members"] == 6 and of("summary")[0]["vanished"] == 1 and of("summary")[0]["interrupted"]'

start late ASKER herald ping $G --interval 100ms --wait 100ms --only 10.0.0.5
wait_line late.out 'seq 2 '
kill -STOP "${pid_of[respond_D]}"
wait_line late.out '^vanished'
kill -CONT "${pid_of[respond_D]}"
wait_line late.out '^back'
wait_line late.out ' seq .*\(late\)$'
stop late
unlike 'of a late answer the other may still come' late.out 'none.*\(late\)'

host_add Y
group_route_add Y
start pulled Y herald ping $G --interval 50ms --wait 2s --json
wait_line pulled.out '"event":"answer".*"sequence":2'
nic_delete Y eth0
finish pulled
is 'the interface is pulled out: status 3' $status 3
ok 'what came until then is counted, and why it ended is said once' json pulled.out \
    'len(of("error")) == 1 and "does not exist any more" in of("error")[0]["cause"] and of("warning") == []
        and of("summary")[0]["answered"] > 0 and of("summary")[0]["sent"] >= of("summary")[0]["answered"]'

# ---- another implementation of a member, and a hostile one

start twice C python3 "$PEERS/ping_member.py" 239.1.2.4 10000 twice
wait_line twice.out ready
run twice_ping ASKER herald ping 239.1.2.4:10000 --count 3 --interval 50ms --wait 200ms --json
ok 'answers that come twice are counted' json twice_ping.out \
    '(lambda m: m["duplicates"] in (5, 6, 7) and m["by_unicast"] == 3 and m["host"] == "python")(of("member")[0])'
start hostile D python3 "$PEERS/ping_member.py" 239.1.2.5 10000 hostile
wait_line hostile.out ready
run hostile_ping ASKER herald ping 239.1.2.5:10000 --count 3 --interval 50ms --wait 200ms
is 'a hostile member: status 0' $status 0
like 'its name is escaped' hostile_ping.out '\\x1b\[31mred\\x07\\n\\xff'
unlike 'and nothing else gets through' hostile_ping.out $'\x1b'
run hostile_ping ASKER herald ping 239.1.2.5:10000 --count 3 --interval 50ms --wait 200ms --json
ok 'what is no answer is ignored' json hostile_ping.out \
    'of("summary")[0]["members"] == 1 and of("summary")[0]["ignored"] >= 20 and of("summary")[0]["answered"] == 3'

# ---- plain datagrams stay data, other members do not care

run data ASKER herald send $G 'Quite some data' --expect 1
is 'data that begins like a request is data' $status 0
wait_line listen.out '"Quite some data"$'
stop listen
like 'listen says how many pings it answered' listen.err 'pings answered'
listen deaf A --no-ping 239.1.2.6:10000
run deaf ASKER herald ping 239.1.2.6:10000 --count 1 --wait 100ms
is 'listen --no-ping: nobody answers' $status 4
wait_line deaf.out '"Q'
stop deaf
start deaf A herald get --no-ping -d "$T" 239.1.2.6:10000
wait_line deaf.err '^getting from '
run noget ASKER herald ping 239.1.2.6:10000 --count 1 --wait 100ms
is 'get --no-ping: nobody answers' $status 4
stop deaf

# ---- SSM, IPv6

for host in A B; do
    listen ssm_$host $host 10.0.0.1@232.1.2.3:10000 '[fd00::1]@[ff3e::7%eth0]:10000' '[ff12::7%eth0]:10000'
done
run ssm ASKER herald ping 10.0.0.1@232.1.2.3:10000 --count 2 --interval 100ms --json
ok 'SSM: asked from the own source, answered in the own channels of the members' json ssm.out \
    'len(of("member")) == 2 and all(m["by_multicast"] == 2 for m in of("member"))'
run ssm ASKER herald ping '[fd00::1]@[ff3e::7]:10000' -i eth0 --count 2 --interval 100ms --json
ok 'SSM by IPv6' json ssm.out \
    'len(of("member")) == 2 and all(m["by_multicast"] == 2 and m["hops"] == 0 for m in of("member"))'
run local ASKER herald ping '[ff12::7%eth0]:10000' --count 2 --interval 100ms --json
ok 'IPv6, link-local' json local.out \
    'len(of("member")) == 2 and all(m["by_multicast"] == 2 and m["peer"].startswith("[fe80") for m in of("member"))'
stop ssm_A
stop ssm_B

# ---- limits: nobody is answered without end, whatever the port

run limit ASKER herald ping $G --interval 20ms --count 200 --only 10.0.0.4 --no-multicast --json
ok '50 a second are answered' json limit.out 'of("summary")[0]["lost"] == 0'
is 'an interval that no member could follow is refused' \
    "$(on ASKER herald ping $G --interval 1ms --count 1 2>&1 | grep -c '20ms')" 1

# ---- a crowd

members=1000
! sanitized || members=200
start crowd E "$(dirname "$(readlink -f "$HERALD")")/tests/net/ping_crowd" 239.1.2.7:10000 $members
wait_line crowd.out "^ready $members" 60
run crowd_ping ASKER herald ping 239.1.2.7:10000 --count 3 --json
ok "$members members: all are found, none is lost" json crowd_ping.out \
    "of('summary')[0]['members'] == $members and of('summary')[0]['lost'] == 0
        and of('summary')[0]['answered'] == 3 * $members and of('summary')[0]['kernel_drops'] == 0"
ok 'the answers are spread by the number of members' json crowd_ping.out \
    "of('round')[1]['spread_ns'] == $members * 200000"
ok 'each tells how long it has held its answer, over the whole window' json crowd_ping.out \
    "(lambda h: max(h) > $members * 160000 and min(h) < $members * 40000 and len(set(h)) > $members * 2)(
        [a['held_ns'] for a in of('answer')])"
ok 'what it was held is not in the round trip' json crowd_ping.out \
    "of('times')[0]['p50_ns'] < $members * 50000"
ok 'only a share of them answers by multicast in each round' json crowd_ping.out \
    "all(0 < r['multicast_asked'] < 60 for r in of('round')[1:])"
run crowd_text ASKER herald ping 239.1.2.7:10000 --count 2
like 'a crowd: one line for each request' crowd_text.out "^seq 2: $members of $members members answered.*spread over"
unlike 'not for each member' crowd_text.out '10\.0\.0\.6:[0-9]+  seq '
stop crowd

# ---- bad input

bad() { # WHAT REGEX ARGUMENTS...
    local what=$1 regex=$2
    shift 2
    run bad ASKER herald ping "$@"
    is "$what: status 2" $status 2
    like "$what: says so" bad.err "$regex"
}
bad 'no endpoint' 'which group\? EP is missing'
bad 'no multicast' 'multicast' 10.0.0.1:10000
bad 'several groups' 'one group at a time' 239.1.2.3+2:10000
bad 'two endpoints' 'one EP at a time' $G 239.1.2.4:10000
bad 'no duration' "--spread: 'soon' is not a duration" $G --spread soon
bad 'a server that is a name' "--server: 'localhost' is not" $G --server localhost
bad 'a server of the other family' 'IPv4 like the group' $G --server fd00::1
bad 'an option misspelt' "did you mean .*--interval" $G --intervall 1s
bad 'TTL 0' '1' $G --ttl 0
bad 'an option of who asks' '--count is for asking: it cannot go with --respond' --respond $G --count 3
bad 'answers of a group that are larger than the request' '--answer-size: a group is not asked' $G --answer-size 1400
like 'and what to do' bad.err 'try: --size 1400, or --by-unicast'
bad 'answers that do not fit' 'answers of 3000 bytes do not fit into one packet: 1472 do' \
    $G --by-unicast --answer-size 3000
bad 'a server by unicast' '--by-unicast is for groups' "10.0.0.3@$G" --by-unicast
for option in '--only C' '--spread 1s' '--ttl 3'; do
    # shellcheck disable=SC2086
    bad "a server and $option" "${option% *} is for groups" "10.0.0.3@$G" $option
done

for name in get respond_C respond_D respond_E; do
    stop $name
done
like 'a responder says whom it answered' respond_C.out '^asked by 10\.0\.0\.1:[0-9]+ \(multicast\)'
kill -KILL "${pid_of[twice]:-0}" "${pid_of[hostile]:-0}" 2>/dev/null
done_testing
