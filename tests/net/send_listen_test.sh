#!/bin/bash
# SPDX-License-Identifier: MIT
# One message, sent once, answered by everyone who heard it: herald send and herald listen on two hosts.
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"

lan A B
group_route_add B

listen listen_a A 239.1.2.3:10000
listen listen_b B 239.1.2.3:10000
like 'listen states what it joined and answers' listen_a.err '^listening to 239\.1\.2\.3:10000 on .*eth0.*answering "ack"'

run send B herald send 239.1.2.3:10000 hello
is 'send ends well' $status 0
like 'send states group, interface, reason, source, TTL and size' send.err \
    '^sending to 239\.1\.2\.3:10000 on eth0 \(route\) from 10\.0\.0\.2:[0-9]+, TTL 1, 5 bytes$'
is 'two acks, no more' "$(count send.out '"ack"')" 2
is 'one from A' "$(count send.out '^10\.0\.0\.1:10000 +"ack" +[0-9.]+ (µs|ms)')" 1
is 'one from B' "$(count send.out '^10\.0\.0\.2:10000 +"ack" +[0-9.]+ (µs|ms)')" 1
like 'and says how many in the end' send.err '^2 responders, 2 responses, slowest [0-9.]+ (µs|ms)'
like 'A prints time, source, group, interface, TTL, size and payload' listen_a.out \
    '^[0-2][0-9]:[0-5][0-9]:[0-5][0-9]\.[0-9]{6}  10\.0\.0\.2:[0-9]+ > 239\.1\.2\.3:10000  eth0  ttl 1  5 B  "hello"$'
is 'A got it once' "$(count listen_a.out hello)" 1
is 'B got it once, though it listens on lo and eth0' "$(count listen_b.out hello)" 1

run no_loop B herald send 239.1.2.3:10000 'away' --no-loop --json
is 'without loopback only A answers' "$(json no_loop.out '[e["source"] for e in of("response")] == ["10.0.0.1"]'; echo $?)" 0
wait_line listen_a.out '"away"'
run marker B herald send 239.1.2.3:10000 'marker'
wait_line listen_b.out '"marker"'
unlike 'and B did not hear itself' listen_b.out '"away"'

run ttl B herald send 239.1.2.3:10000 'five' --ttl 5
wait_line listen_a.out '"five"'
like '--ttl is what the listener sees' listen_a.out 'ttl 5 .*"five"$'
run ttl0 B herald send 239.1.2.3:10000 'zero' --ttl 0 --json
ok 'TTL 0 stays on the host' json ttl0.out '[e["source"] for e in of("response")] == ["10.0.0.2"]'

begin=$(now_ms)
run expect_two B herald send 239.1.2.3:10000 hello --expect 2 --wait 20s
is '--expect 2 is content with two' $status 0
ok 'and returns as soon as they have answered' test $(($(now_ms) - begin)) -lt 15000
run expect_three B herald send 239.1.2.3:10000 hello --expect 3 --wait 100ms
is '--expect 3 is not' $status 1
like 'and says so' expect_three.err '2 .*3'

run nobody B herald send 239.9.9.9:10000 hello --wait 100ms
is 'no answer is no error where none was expected' $status 0
like 'but is said' nobody.err '^no response within 100 ms'
run nobody B herald send 239.9.9.9:10000 hello --wait 100ms --expect 1
is 'it is one where an answer was expected' $status 1

begin=$(now_ms)
run limit B herald send 239.9.9.9:10000 hello --wait 20s --for 200ms
ok '--for limits the whole' test $(($(now_ms) - begin)) -lt 15000

run count B herald send 239.1.2.3:10000 again --count 3 --interval 50ms --wait 200ms
is '--count ends well' $status 0
wait_until "[ \$(grep -c again $T/listen_a.out) = 3 ]"
verdict 0 '--count 3 sends three messages'
run count B herald send 239.1.2.3:10000 again --count 3 --interval 50ms --wait 200ms --json
ok 'and has a result for each' json count.out \
    '[(m["message"], m["responders"]) for m in of("message")] == [(1, 2), (2, 2), (3, 2)]'
ok 'and counts a responder once' json count.out \
    'of("summary")[0]["messages"] == 3 and of("summary")[0]["responders"] == 2 and of("summary")[0]["responses"] == 6'
ok 'a response tells which message it answers' json count.out \
    'sorted(e["message"] for e in of("response")) == [1, 1, 2, 2, 3, 3]'

run one B herald send 239.1.2.3:10000 once --count 1 --interval 1ms --wait 100ms
is '--count 1 is one message' "$(count one.out '"ack"')" 2
unlike 'without a result of each' one.err '^message'
run one B herald send 239.1.2.3:10000 'one of a stream' --count 1 --rate max --wait 100ms --for 20s
is '--count 1 with --rate ends well' $status 0
like 'and is one message too' one.err '^1 datagram, 15 B in .* datagrams?/s\); 2 responders, 2 responses$'
start endless B herald send 239.1.2.3:10000 tick --interval 20ms
wait_line endless.err '^message ([5-9]|[0-9]{2,}): 2 responders'
stop endless
is '--interval without --count goes on until Ctrl-C' $status 0
like 'with a summary of all' endless.err '^[0-9]+ messages: 2 responders'
run endless B herald send 239.1.2.3:10000 tick --interval 20ms --for 500ms
like 'or until --for' endless.err '^[0-9]{1,2} messages: 2 responders'

# An answer that comes after --wait, but before the next message, belongs to its message.
listen slow A 239.1.2.3:10011 --reply-exec 'sleep 0.1; echo late' --shell
run late B herald send 239.1.2.3:10011 hello --count 2 --interval 2s --wait 1ms --json
ok 'late answers count for their message' json late.out \
    '[(m["responders"], m["unanswered"]) for m in of("message")] == [(1, False), (0, True)]'
ok 'whose result comes after them' json late.out \
    '[(e["event"], e["message"]) for e in events if "message" in e] ==
     [("response", 1), ("message", 1), ("message", 2)]'
start late B herald send 239.1.2.3:10011 hello --count 2 --interval 20s --wait 1ms --expect 1
wait_line late.out '"late'
stop late
is 'nor are they missing from what was expected' $status 0
stop slow
run late B herald send 239.9.9.9:10000 late --count 2 --interval 20ms --wait 10ms --expect 2
like 'what is missing is told in a line for each' late.err '^message 2: no response, 2 expected$'
is 'and makes status 1' $status 1

run paced B herald send 239.1.2.3:10000 five --count 5 --rate 100pps --wait 100ms --json
ok 'the rate of a short stream is that asked for' json paced.out \
    '0 < of("summary")[0]["datagrams_per_second"] <= 100 and of("summary")[0]["datagrams"] == 5'
ok 'and it does not say the same thing three times' json paced.out \
    'not {"messages", "attempts"} & set(of("summary")[0])'
run paced B herald send 239.1.2.3:10000 single --count 1 --rate 1pps --wait 0
like 'one a second is one datagram' paced.err '\(.*, 1 datagram/s\)'

run rate B herald send 239.1.2.3:10000 paced --count 20 --rate 200pps --wait 200ms --json -q
is '--rate paces many messages' $status 0
wait_until "[ \$(grep -c paced $T/listen_b.out) = 20 ]"
verdict 0 'all of them arrive'

run quiet B herald send 239.1.2.3:10000 hush -q
is '--quiet leaves no message' "$(cat "$T/quiet.err")" ''

run port B herald send 239.1.2.3:10000 'fixed port' --reply-port 4321
like '--reply-port is the port it sends from' port.err 'from 10\.0\.0\.2:4321,'
like 'and the listener sees it' listen_a.out '10\.0\.0\.2:4321 > 239\.1\.2\.3:10000'
is 'and the answers arrive there' "$(count port.out '"ack"')" 2

stop listen_b
is 'Ctrl-C ends a listener well' $status 0
like 'with its summary' listen_b.err '^[0-9]+ datagrams, .* from [0-9]+ sources?, first after .*; [0-9]+ duplicates?, 0 dropped'

# --retry: the first of two sendings is lost on the way to A, and nobody else listens.
if need nft '--retry after a loss'; then
    loss_set A 'udp dport 10000 numgen inc mod 2 < 1'
    run retry B herald send 239.1.2.3:10000 insist --expect 1 --retry 3 --wait 200ms --json
    is '--retry reaches who missed the first' $status 0
    ok 'by the second attempt' json retry.out '[e["attempt"] for e in of("response")] == [2]'
    run no_retry B herald send 239.1.2.3:10000 once --expect 1 --wait 200ms # the third in the order of loss
    is 'without it the loss is final' $status 1
    on sw nft delete table netdev loss_A
fi

start late_send B herald send 239.1.2.3:10001 patience --expect 1 --retry 100 --wait 100ms
wait_line late_send.err '^sending to'
listen late A 239.1.2.3:10001
finish late_send
is '--retry waits for a listener that starts late' $status 0
is 'who is counted once' "$(count late_send.out '^10\.0\.0\.1:10001 +"ack"')" 1
stop late

# A responder that answers every copy is one responder.
listen second B 239.1.2.3:10000
run twice B herald send 239.1.2.3:10000 twice --expect 3 --retry 2 --wait 200ms --json
ok 'with --retry a responder is counted once, however often it answers' json twice.out \
    'of("summary")[0]["responders"] == 2 and len(of("response")) == 6 and sum(e["first"] for e in of("response")) == 2'
is 'too few after all retries is status 1' $status 1
run twice B herald send 239.1.2.3:10000 twice --expect 3 --retry 2 --wait 200ms
like 'each sending is told' twice.err '^2 of 3 answered; sending again \(try 2 of 3\)$'
run twice B herald send 239.9.9.9:10000 twice --retry 1 --wait 50ms
like 'also without --expect' twice.err '^no response; sending again \(try 2 of 2\)$'

run range B herald send 239.1.2.3+2:10000 'two groups' --wait 200ms
is 'a range is sent to each group' $status 0
is 'of which one has members' "$(count range.out '"ack"')" 2

run all B herald send 239.1.2.3:10000 everywhere --all-interfaces --wait 200ms
is '--all-interfaces ends well' $status 0

# A heard it on eth1, but its way back is by eth0.
switch_add sw2
nic_add A eth1 sw2 10.0.1.1/24
nic_add B eth1 sw2 10.0.1.2/24
must ip -n A route add 10.0.1.2/32 dev eth0
must ip -n A route delete 10.0.1.0/24
listen back A 239.1.2.3:10009 -i eth1
run back_send B herald send 239.1.2.3:10009 everywhere -i eth0 -i eth1 --wait 200ms --json
ok 'a response names the interface of its question' json back_send.out \
    '[e["interface"] for e in of("response")] == ["eth1"]'
stop back
nic_delete A eth1
nic_delete B eth1

run dscp B herald send 239.1.2.3:10000 marked --dscp 46 --wait 100ms
is '--dscp ends well' $status 0
if need python3 '--dscp on the wire'; then
    start capture A python3 "$PEERS/capture.py" eth0
    wait_line capture.out '^capturing'
    run dscp B herald send 239.1.2.3:10000 marked --dscp 46 --wait 100ms
    wait_line capture.out "udp 10.0.0.2 > 239.1.2.3 .*'marked'"
    like '--dscp is on the wire' capture.out "udp 10\.0\.0\.2 > 239\.1\.2\.3 ttl 1 tos 184 .*'marked'"
fi
# ---- -v tells what stands behind
listen verbose A 239.1.2.3:10000 -v --no-print -i eth0
run send B herald send 239.1.2.3:10000 --hex "$(printf '00%.0s' {1..1000})" --rate max --count 640 --wait 0 -v
wait_drained A 10000
stop verbose
like '-v: what fits' send.err '^1472 bytes fit into one packet on eth0; the receive buffer for answers is '
like '-v: how it went out' send.err '^640 datagrams went out by [0-9]+ system calls'
like '-v: sockets and memberships' verbose.err '^memberships: 1, interfaces: 1, sockets: 1, each with a receive buffer of '
like '-v: how it came in' verbose.err '^[0-9]+ datagrams came in [0-9]+ packets .*; 0 were not for a joined group'

done_testing
