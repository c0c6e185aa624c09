#!/bin/bash
# SPDX-License-Identifier: MIT
# Hundreds of listeners and thousands of simultaneous answers: all are counted, or what was lost is told.
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"

lan A B
group_route_add B

# Under AddressSanitizer a process takes ten times the memory and the time to start.
listeners=500
if sanitized; then
    listeners=100
fi

: >"$T/all.err"
nsenter --net=/run/netns/A bash -c '
    for ((i = 0; i < '$listeners'; i++)); do
        herald listen 239.1.2.3:10000 -i eth0 --count 1 --for 100s >/dev/null 2>>'"$T"'/all.err &
    done
    wait' &
crowd=$!
wait_until "[ \$(grep -c '^listening to' $T/all.err) = $listeners ]" 60
verdict 0 "$listeners listeners on one host"

run send B herald send 239.1.2.3:10000 'who is there?' --expect $listeners --wait 5s --json
is "all $listeners answer" $status 0
ok 'each is one responder' json send.out "of('summary')[0]['responders'] == $listeners"
ok 'at a port of its own' json send.out \
    "len({(e['source'], e['source_port']) for e in of('response') if e['first']}) == $listeners"
wait $crowd
is 'each heard it, and ended' "$(count all.err '^1 datagrams?, ')" $listeners

# ---- one program with thousands of ports, which answers from all of them as fast as it can
if need python3 'a flood of answers'; then
    flood=2500
    limit=$(ulimit -Hn)
    [ "$limit" = unlimited ] || [ "$limit" -gt $((flood + 50)) ] || flood=$((limit - 50))
    start responder A python3 "$PEERS/flood_responder.py" 239.1.2.3 10000 10.0.0.1 $flood 1 4
    wait_line responder.out "^ready with $flood ports"
    run send B herald send 239.1.2.3:10000 'flood me' --wait 1s --json
    is 'a flood of answers ends well' $status 0
    ok "all $flood answers are counted, or what the kernel dropped is told" json send.out \
        "of('summary')[0]['responders'] + of('summary')[0]['kernel_drops'] == $flood"
    stop responder
fi
done_testing
