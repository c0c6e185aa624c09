#!/bin/bash
# SPDX-License-Identifier: MIT
# How a listener ends: after a count, a time, Ctrl-C, twice Ctrl-C, or by force; and what its status says.
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"

lan A B
group_route_add B

begin=$(now_ms)
run nothing A herald listen 239.1.2.3:10000 --for 300ms
took=$(($(now_ms) - begin))
is 'nothing within --for: status 4' $status 4
like 'says so' nothing.err '^herald listen: .*nothing arrived|^nothing arrived'
# The advice can be pasted: a shell reads it as one command, of this program.
pasted() { # NAME
    sed -n 's/^  try: //p' "$T/$1.err"
}
is 'and what helps' "$(pasted nothing)" 'herald doctor 239.1.2.3:10000'
on A sh -c "$(pasted nothing)" >"$T/pasted.out" 2>&1
is 'which can be pasted, and finds that this host has no route to groups' $? 1
ok "and took that time ($took ms)" test $took -ge 300
ok 'the likeliest cause is named' grep -qiE 'carrier|sender|ttl|querier|firewall|group' "$T/nothing.err"

carrier_down A
run cable A herald listen 239.1.2.3:10000 -i eth0 --for 300ms
is 'without carrier: status 4' $status 4
like 'names the interface without carrier' cable.err 'eth0.*(carrier|cable)|carrier.*eth0'
carrier_up A
wait_until 'ip -n A link show eth0 | grep -q LOWER_UP'

# Interfaces that are down, or gone, are named, and nothing else is said to be the cause.
must ip -n A link set eth0 down
for named in '239.1.2.3:10000 -i eth0' '239.1.2.3%eth0:10000'; do
    # shellcheck disable=SC2086 # two arguments
    run down A herald listen $named --for 100ms
    like "$named: eth0 is down" down.err '^herald listen: nothing arrived: eth0 is down$'
    is 'what helps' "$(pasted down)" 'ip link set eth0 up'
done
run down A herald listen 239.1.2.3:10000 --for 100ms
like 'without -i it is named too' down.err 'only lo is joined.*; eth0 is down$'
must ip -n A link set eth0 up
wait_until 'ip -n A link show eth0 | grep -q LOWER_UP'
nic_add A eth1 sw
listen gone A 239.1.2.3:10000 -i eth1 --for 1s
nic_delete A eth1
finish gone
like 'one that was deleted is named' gone.err '^herald listen: nothing arrived: eth1 is gone$'

run source A herald listen 10.0.0.2@232.1.2.3+20:10000 '[ff15::7]:10000' --for 50ms
unlike 'several endpoints: not the first alone is the cause' source.err 'that source address'
run brackets A herald listen '[ff02::7]:10000' -i eth0 --for 50ms
like 'brackets are quoted for the shell' brackets.err "^  try: herald [a-z]+ '\[ff02::7.*\]:10000'"

run operand A herald listen 239.1.2.3:10000 'hello world'
is 'a message is no endpoint: status 2' $status 2
like 'which is said' operand.err "'hello world' is no endpoint \(GROUP:PORT\)"
is 'with the command that takes it' "$(pasted operand)" "herald send 239.1.2.3:10000 'hello world'"

run nothing_json A herald listen 239.1.2.3:10000 --for 100ms --json
is 'the same with --json' $status 4
ok 'has a summary' json nothing_json.out 'of("summary")[0]["datagrams"] == 0'

listen some A 239.1.2.3:10000 --for 2s
run send B herald send 239.1.2.3:10000 hello --expect 1
finish some
is 'something within --for: status 0' $status 0
like 'and the time to the first' some.err '^1 datagrams?, 5 B from 1 sources?, first after [0-9.]+ (µs|ms|s); 0 duplicates, 0 dropped'

listen counted A 239.1.2.3:10000 --count 2
run send B herald send 239.1.2.3:10000 hello --count 3 --interval 20ms
finish counted
is '--count 2: status 0' $status 0
is 'and no third' "$(count counted.out '"hello"')" 2

listen short A 239.1.2.3:10000 --count 2 --for 500ms
run send B herald send 239.1.2.3:10000 hello --expect 1
finish short
is 'fewer than --count within --for: status 1' $status 1
like 'and why' short.err '^1 of 2 expected$'

listen interrupted A 239.1.2.3:10000
stop interrupted
is 'Ctrl-C before anything came: status 0' $status 0
like 'and a summary' interrupted.err '^0 datagrams'
listen terminated A 239.1.2.3:10000
kill -TERM "${pid_of[terminated]}"
finish terminated
is 'SIGTERM is the same' $status 0
like 'with the summary' terminated.err '^0 datagrams'

start send B herald send 239.1.2.9:10000 hello --wait 25s
wait_line send.err '^sending'
stop send
is 'Ctrl-C ends a waiting send' $status 0
like 'with its summary' send.err '(no response|0 responders)'

# Twice Ctrl-C: dead at once, whatever it does.
start twice A herald listen 239.1.2.3:10000
wait_line twice.err '^listening'
kill -INT "${pid_of[twice]}"
kill -INT "${pid_of[twice]}" 2>/dev/null
finish twice
ok 'a second Ctrl-C ends it in any case' test "$status" = 0 -o "$status" = 130

listen killed A 239.1.2.3:10000 --exec 'sleep 5353'
run send B herald send 239.1.2.3:10000 hello --expect 1
wait_until 'grep -aq 5353 /proc/[0-9]*/cmdline'
wait_member A eth0 239.1.2.3
{ kill -KILL "${pid_of[killed]}"; finish killed; } 2>/dev/null
wait_until '! ip -n A maddr show dev eth0 | grep -qwF 239.1.2.3'
verdict 0 'kill -9 leaves no membership'
wait_until '! grep -aq 5353 /proc/[0-9]*/cmdline' 15
verdict 0 'and no program that it ran'
wait_line killed.err listening
listen after A 239.1.2.3:10000 --count 1
run send B herald send 239.1.2.3:10000 'as if nothing had been' --expect 1
finish after
is 'the next listener works' $status 0
# ---- a reader that has stopped must not keep Ctrl-C and --for from working

mkfifo "$T/stalled"
exec 9<>"$T/stalled" # its reading end is open, and nobody reads
for end in 'interrupt' 'for'; do
    limit=()
    [ $end = for ] && limit=(--for 3s)
    start stalled A bash -c 'exec herald listen 239.1.2.3:10000 --ack never "$@" >&9' listen "${limit[@]}"
    wait_line stalled.err '^listening'
    run flood B herald send 239.1.2.3:10000 --hex "$(printf '01%.0s' {1..1000})" --count 100 --rate 2000pps --wait 0
    [ $end = interrupt ] && kill -INT "${pid_of[stalled]}"
    finish stalled
    is "a stalled reader, ended by $end: status 3" $status 3
    like 'which is said' stalled.err 'nobody reads it'
    like 'and that the rest is lost' stalled.err '^[0-9]+ datagrams?, .*; only [0-9]+ printed, what came later is lost$'
done
exec 9>&-

# ---- what waits for --exec at the end is counted
listen backlog A 239.1.2.3:10000 --exec 'sleep 600' --exec-timeout 600s
run send B herald send 239.1.2.3:10000 hello --count 3 --interval 10ms
wait_until "[ \$(grep -c '\"hello\"' $T/backlog.out) = 3 ]"
stop backlog
like 'what --exec did not finish is told' backlog.err ', not done by the program 3$'

# ---- few descriptors do
run frugal A bash -c 'ulimit -n 20; exec herald listen 239.1.2.3:10000 --for 50ms'
is 'ulimit -n 20 is enough for one group' $status 4

done_testing
