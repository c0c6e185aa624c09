#!/bin/bash
# SPDX-License-Identifier: MIT
# What a full receive buffer loses is reported, not hidden.
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"

lan A B
group_route_add B
head -c 1400 /dev/zero >"$T/payload"

listen slow A 239.1.2.3:10000 --rcvbuf 8K --ack never --no-print
kill -STOP "${pid_of[slow]}"
run send B herald send 239.1.2.3:10000 --file "$T/payload" --count 200 --rate 5000pps --wait 10ms -q
is '200 datagrams for a stopped listener' $status 0
kill -CONT "${pid_of[slow]}"
wait_drained A 10000
stop slow
summary=$(grep -E '^[0-9,]+ datagrams?, ' "$T/slow.err" | tr -d ,)
got=$(sed -E 's/^([0-9]+) .*/\1/' <<<"$summary")
dropped=$(sed -E 's/.* ([0-9]+) dropped.*/\1/' <<<"$summary")
ok "the summary tells the drops ($got received, $dropped dropped)" test "${dropped:-0}" -gt 0
is 'exactly' "$((got + dropped))" 200
like 'as what it is: packets of one or more datagrams' slow.err ', at least [0-9]+ dropped \(packets of one or more datagrams: '

listen often A 239.1.2.3:10000 --rcvbuf 8K --ack never --no-print --stats 10ms
kill -STOP "${pid_of[often]}"
run send B herald send 239.1.2.3:10000 --file "$T/payload" --count 200 --rate 5000pps --wait 10ms -q
kill -CONT "${pid_of[often]}"
wait_line often.err 'dropped by the kernel at least [1-9]'
verdict 0 '--stats says so too'
stop often

listen enough A 239.1.2.3:10000 --rcvbuf 1M --ack never --no-print --count 100
kill -STOP "${pid_of[enough]}"
run send B herald send 239.1.2.3:10000 hello --count 100 --rate 5000pps --wait 10ms -q
kill -CONT "${pid_of[enough]}"
finish enough
like 'a buffer of sufficient size loses nothing' enough.err '^100 datagrams, .*; 0 duplicates, 0 dropped(,|$)'

listen clamped A 239.1.2.3:10000 --rcvbuf 1G --json
stop clamped
ok 'a buffer that the kernel made smaller is told' grep -qE 'rmem_max|buffer' "$T/clamped.out" "$T/clamped.err"

# Answers to a sender that was stopped while they came: 40,000 of 1,000 bytes are more than any default buffer.
if need python3 'answers that are dropped'; then
    start responder A python3 "$PEERS/flood_responder.py" 239.1.2.3 10000 10.0.0.1 400 100 1000 "$T/go"
    wait_line responder.out '^ready'
    start send B herald send 239.1.2.3:10000 'flood me' --wait 2s --json
    wait_line responder.out '^asked'
    kill -STOP "${pid_of[send]}"
    touch "$T/go"
    wait_line responder.out '^answered'
    kill -CONT "${pid_of[send]}"
    finish send
    ok 'send tells how many answers the kernel dropped' json send.out 'of("summary")[0]["kernel_drops"] > 0'
    ok 'exactly' json send.out 'of("summary")[0]["responses"] + of("summary")[0]["kernel_drops"] == 40000'
    ok 'and warns' json send.out 'len(of("warning")) >= 1'
fi
done_testing
