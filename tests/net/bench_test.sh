#!/bin/bash
# SPDX-License-Identifier: MIT
# herald bench: what is sent arrives in the figures, and what is lost is told, with where.
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"

lan A B C
group_route_add B

# Starts a receiver and waits until it has joined.
bench_recv() { # NAME HOST ARGUMENTS...
    local name=$1 host=$2
    shift 2
    start "$name" "$host" herald bench recv "$@"
    case " $* " in
        *' --json '*) wait_line "$name.out" '"event":"listening"' ;;
        *) wait_line "$name.err" '^measuring streams to ' ;;
    esac
}

# ---- a clean network: two receivers, one table
bench_recv one A 239.1.2.3:5001
bench_recv two C 239.1.2.3:5001 --name second
run clean B herald bench send 239.1.2.3:5001 --rate 2000pps --size 200 --count 1000 --expect 2
is 'a stream to two receivers' $status 0
like 'the first line tells the facts' clean.err \
    '^sending to 239\.1\.2\.3:5001 on eth0 \(route\) from 10\.0\.0\.2:[0-9]+, TTL 1: 3\.20 Mbit/s in datagrams of 200 B, 2000\.0 a second, bursts of 1, 1000 datagrams'
like 'a line for the first: nothing lost, its own clock' clean.out '\(10\.0\.0\.1\) +eth0 +[0-9.]+ [kM]bit/s +0 +0 +0 .* same clock +final'
like 'and one for the second, by its name' clean.out '^second \(10\.0\.0\.3\) +eth0 +[0-9.]+ [kM]bit/s +0 '
like 'the summary' clean.err '^sent 1000 datagrams, 195 KiB in .* in bursts of 1; 2 receivers reported of 2 expected$'
wait_line one.out '^stream 1 from 10\.0\.0\.2:[0-9]+ ended: .*, lost 0, duplicates 0, reordered 0, '
verdict 0 'a receiver says the same'

# ---- everything as JSON
run json B herald bench send 239.1.2.3:5001 --rate 4mbit --duration 400ms --json --expect 2
is 'JSON' $status 0
ok 'a receiver object for each' json json.out 'len(of("receiver")) == 2'
ok 'with counts that agree' json json.out \
    'all(r["received"] == r["expected"] == of("summary")[0]["datagrams"] and r["lost"] == 0 for r in of("receiver"))'
ok 'and bytes' json json.out 'all(r["received_bytes"] == of("summary")[0]["sent_bytes"] for r in of("receiver"))'
ok 'with the cause of every loss' json json.out \
    'all(r["lost_" + c] == 0 for r in of("receiver") for c in ("network", "nic", "backlog", "rp_filter", "firewall", "fragments", "checksum", "memory", "receive_buffer"))'
ok 'with delays in order' json json.out \
    'all(0 <= r["delay_min_ns"] <= r["delay_p50_ns"] <= r["delay_p90_ns"] <= r["delay_p99_ns"] <= r["delay_p999_ns"] <= r["delay_max_ns"] for r in of("receiver"))'
ok 'and how they are known' json json.out 'all(r["delay_clock"] == "same" and r["hops"] == 0 for r in of("receiver"))'

# ---- where it goes, and how
switch_add sw2
nic_add B eth1 sw2 10.1.0.2/24
run other B herald bench send 239.1.2.3:5001 -i eth1 --count 10 --wait 100ms
is 'a stream by the interface that is asked for reaches nobody here' $status 4
like 'which the first line says' other.err '^sending to 239\.1\.2\.3:5001 on eth1 \(as asked\) from 10\.1\.0\.2:'
run far B herald bench send 239.1.2.3:5001 --ttl 7 --count 10 --expect 2 --json
ok '--ttl: it is sent with that' json far.out 'of("sending")[0]["ttl"] == 7 and all(r["hops"] == 0 for r in of("receiver"))'
on A nft 'table inet seen { chain in { type filter hook input priority 0; ip dscp 46 udp dport 5001 counter; }; }'
run marked B herald bench send 239.1.2.3:5001 --dscp 46 --count 25 --expect 2
ok '--dscp: the packets carry it' eval "on A nft list chain inet seen in | grep -q 'packets [1-9]'"
bench_recv own B 239.1.2.3:5001 -i eth0 --name own
run loud B herald bench send 239.1.2.3:5001 --count 10 --expect 3 --json
ok 'a receiver on the sending host hears it' json loud.out '"own" in [r["name"].split()[0] for r in of("receiver")]'
run quiet B herald bench send 239.1.2.3:5001 --no-loop --count 10 --expect 2 --json
ok '--no-loop: it does not' json quiet.out \
    'len(of("receiver")) == 2 and "own" not in [r["name"].split()[0] for r in of("receiver")]'
stop own
bench_recv mute B 239.1.2.3:5001 --silent
run unheard B herald bench send 239.1.2.3:5001 --count 10 --expect 2 --json
ok 'recv --silent measures and reports nothing' json unheard.out 'len(of("receiver")) == 2'
wait_line mute.out 'stream 1 from .* ended'
stop mute

# ---- the picture
run plot B herald bench send 239.1.2.3:5001 --rate 4mbit --duration 500ms --plot "$T/plot.svg" --expect 2
is 'a picture' $status 0
ok 'that is well-formed, with a line for each receiver in each of three panels' python3 -c '
import sys, xml.etree.ElementTree as tree
root = tree.parse(sys.argv[1]).getroot()
lines = [e for e in root.iter() if e.tag.endswith("polyline") and e.get("points", "").strip()]
assert len(lines) == 6, lines
' "$T/plot.svg"
run short B herald bench send 239.1.2.3:5001 --count 2 --plot "$T/short.svg" --expect 2
ok 'a picture of next to nothing says so' grep -q 'too short to show' "$T/short.svg"
run brief B herald bench send 239.1.2.3:5999 --duration 200ms --json --wait 1s
ok 'progress of less than an interval has the rate of its own time' json brief.out \
    'of("progress")[-1]["rate_bps"] > of("summary")[0]["rate_bps"] / 2'
run noplot B herald bench send 239.1.2.3:5001 --rate 4mbit --count 10 --plot "$T/none/plot.svg"
is 'a picture that cannot be written' $status 3
like 'is told' noplot.err '^herald bench send: cannot write .*/none/plot.svg: No such file or directory'
is 'before anything is sent' "$(wc -l <"$T/noplot.err") $(wc -c <"$T/noplot.out")" '1 0'
run noplot B herald bench send 239.1.2.3:5001 --rate 4mbit --count 10 --plot "$T"
like 'a directory is none either' noplot.err '^herald bench send: cannot write .*: Is a directory'
stop two

# ---- a receiver that dies
bench_recv dies C 239.1.2.3:5001 --name victim
start dying B herald bench send 239.1.2.3:5001 --rate 1mbit --duration 30s --json --wait 500ms --interval 50ms
wait_line dying.out '"event":"progress".*"receivers":2'
kill -KILL "${pid_of[dies]}"
wait "${pid_of[dies]}" 2>/dev/null
unset "pid_of[dies]"
stop dying
is 'a receiver that died in mid-stream, and Ctrl-C' $status 1
ok 'the other one has reported to the end' json dying.out \
    '{r["state"] for r in of("receiver") if r["host"] != "victim"} == {"final"}'
ok 'the dead one has not' json dying.out '[r["state"] for r in of("receiver") if r["host"] == "victim"] == ["unfinished"]'
ok 'the summary knows of both' json dying.out \
    'of("summary")[0]["interrupted"] and of("summary")[0]["receivers"] == 2 and of("summary")[0]["unfinished"] == 1'

# ---- a receiver that is ended before the stream
bench_recv leaves C 239.1.2.3:5001 --name leaver
start left B herald bench send 239.1.2.3:5001 --rate 1mbit --duration 30s --json --interval 50ms
wait_line left.out '"event":"progress".*"receivers":2'
stop leaves
stop left
is 'a receiver that left, and Ctrl-C' $status 1
ok 'is told apart, and comes first' json left.out \
    '[(r["host"] == "leaver", r["state"]) for r in of("receiver")] == [(True, "left early"), (False, "final")]'
stop one
is 'Ctrl-C ends a receiver' $status 0
like 'with its summary' one.err '^[0-9]+ streams, [0-9]+ datagrams, .* reports sent'

# ---- a sender that dies: the receiver knows that nobody hears it any more
bench_recv alone A 239.1.2.3:5001 --count 1 --json
start killed B herald bench send 239.1.2.3:5001 --rate 1mbit --duration 30s --interval 50ms
wait_line killed.err '1 receiver reported'
kill -KILL "${pid_of[killed]}"
finish killed
finish alone
ok 'a stream whose sender died breaks off' json alone.out '[e["state"] for e in of("ended")] == ["broke off"]'
ok 'without complaint' json alone.out 'not of("warning")'

# ---- the time is over before the next datagram is due
bench_recv slow A 239.1.2.3:5001
run slow_send B herald bench send 239.1.2.3:5001 --rate 8bit --duration 100ms --expect 1
is 'a rate of a datagram in 23 minutes' $status 0
like 'is put so' slow_send.err ', one every 23 min'
like 'and ends in time' slow_send.err '^sent 2 datagrams, '
stop slow

# ---- somebody who invents streams
if need python3 'invented streams'; then
    bench_recv invented A 239.1.2.12:5001 --json
    start inventor C python3 "$PEERS/bench_inventor.py" 239.1.2.12 5001 10.0.0.3 10000
    finish inventor
    wait_line inventor.out '^sent 10000'
    wait_drained A 5001
    stop invented
    ok 'few of 10,000 are measured' json invented.out '64 <= len(of("stream")) <= 1000'
    like 'and that is told' invented.out 'more than 64 streams'
    ok 'no more came back than was sent' test "$(sed -nE 's/.*, got ([0-9]+) .*/\1/p' "$T/inventor.out")" -le 640000
fi

# ---- somebody who invents the ends of streams: reports that nobody acknowledges keep no place
if need python3 'invented ends'; then
    bench_recv occupied A 239.1.2.15:5001
    start inventor C python3 "$PEERS/bench_inventor.py" 239.1.2.15 5001 10.0.0.3 128 ended
    finish inventor
    wait_until "[ \$(grep -c ' ended: ' $T/occupied.out) -ge 64 ]"
    run displaced B herald bench send 239.1.2.15:5001 --rate 100pps --size 100 --duration 1s --expect 1 --json
    is 'a stream after 64 that have ended is measured' $status 0
    ok 'what was refused before is not lost' json displaced.out 'of("receiver")[0]["lost"] == 0'
    stop occupied
fi

# ---- somebody who forges senders that do not exist: reports to them wait for ARP, and fill a buffer of usual size
if need python3 'forged senders' && [ "$(cat /proc/sys/net/core/wmem_default)" -le 500000 ]; then
    for ((i = 100; i < 162; i++)); do must on C ip address add "10.0.0.$i/32" dev eth0; done
    setting C ipv4/conf/all/arp_ignore 8
    bench_recv besieged A 239.1.2.14:5001
    start forger C python3 "$PEERS/bench_forger.py" 239.1.2.14 5001 10.0.0.100 62 1400 50
    wait_line forger.out '^ready'
    wait_until "on A ss -uanm | sed -nE 's/.*,t([0-9]+),tb([0-9]+),.*/\1 \2/p' | awk '\$1 > \$2 * 0.95 { full = 1 } END { exit !full }'"
    run heard B herald bench send 239.1.2.14:5001 --count 20 --expect 1
    is 'a full send buffer keeps no honest sender from his report' $status 0
    stop forger
    stop besieged
    for ((i = 100; i < 162; i++)); do must on C ip address del "10.0.0.$i/32" dev eth0; done
    setting C ipv4/conf/all/arp_ignore 0
fi

# ---- nobody there
run nobody B herald bench send 239.1.2.9:5001 --rate 1mbit --count 20 --wait 100ms
is 'nobody reports' $status 4
like 'that is told, with what to do' nobody.err 'no receiver has reported'
run too_few B herald bench send 239.1.2.9:5001 --rate 1mbit --count 20 --wait 100ms --expect 1
is 'fewer than expected' $status 1
run silence A herald bench recv 239.1.2.9:5001 --for 100ms
is 'nothing to measure' $status 4

# ---- loss in the network: every twentieth datagram, at the switch
if need nft 'loss in the network'; then
    bench_recv lossy A 239.1.2.3:5001
    loss_set A 'udp dport 5001 numgen inc mod 20 < 1'
    run loss B herald bench send 239.1.2.3:5001 --rate 2000pps --size 100 --count 1000 --expect 1 --json
    is 'a twentieth is lost' $status 0
    ok 'exactly 50 of 1000' json loss.out \
        'of("receiver")[0]["lost"] == 50 and of("receiver")[0]["expected"] == 1000 and of("receiver")[0]["received"] == 950'
    ok 'in 50 bursts of one' json loss.out \
        'of("receiver")[0]["bursts"] == 50 and of("receiver")[0]["longest_burst"] == 1'
    # Not to the last one: what else is flooded to this host and wanted by nobody looks like work of a firewall.
    ok 'in the network' json loss.out \
        'of("receiver")[0]["lost_network"] >= 45 and of("receiver")[0]["loss_ppm"] == 50000'
    wait_line lossy.out 'lost 50 \(5\.00%\): (50|4[5-9]) in the network'
    verdict 0 'the receiver says so too'
    run limit B herald bench send 239.1.2.3:5001 --find-max --rate 8mbit --size 1000 --duration 100ms --expect 1
    is 'at no rate is nothing lost' $status 1
    like 'which is told, with who lost' limit.err 'even at the lowest rate .*\(10\.0\.0\.1\) lost '
    stop lossy
    bench_recv several A 239.1.2.3:5001
    for n in 1 2 3 4; do
        start "several$n" B herald bench send 239.1.2.3:5001 --rate 200pps --size 100 --duration 1s
    done
    for n in 1 2 3 4; do
        finish "several$n"
    done
    wait_until "[ \$(grep -c ' ended: ' $T/several.out) = 4 ]"
    stop several
    is 'what streams lose at the same time is explained once' "$(count several.err 'warning: [0-9,]+ datagrams? lost')" 1
    must on sw nft delete table netdev loss_A
fi

# ---- an interruption that is longer than a stream may pause
if need nft 'an interruption'; then
    bench_recv broken A 239.1.2.11:5001 --json
    start interrupted B herald bench send 239.1.2.11:5001 --rate 1mbit --duration 60s --json --interval 50ms
    wait_line interrupted.out '"receivers":1'
    loss_set A 'udp dport 5001'
    wait_line broken.out '"state":"broke off"'
    must on sw nft delete table netdev loss_A
    wait_line broken.out '"event":"resumed"'
    stop interrupted
    is 'a stream that was interrupted, and Ctrl-C' $status 0
    ok 'what was lost meanwhile is told' json interrupted.out \
        '[(r["state"], r["lost"] > 50, r["received"] + r["lost"] - of("summary")[0]["datagrams"]) for r in of("receiver")] == [("final", True, 0)]'
    ok 'with its cause' json interrupted.out 'of("receiver")[0]["lost_network"] == of("receiver")[0]["lost"]'
    wait_line broken.out '"state":"ended"'
    stop broken
    ok 'it is one stream' json broken.out 'of("summary")[0]["streams"] == 1 and len(of("ended")) == 2'
    # The same, but the stream is over before it is heard again.
    bench_recv broken A 239.1.2.11:5001 --json
    start interrupted B herald bench send 239.1.2.11:5001 --rate 1mbit --duration 60s --json --interval 50ms
    wait_line interrupted.out '"receivers":1'
    loss_set A 'ip daddr 239.1.2.11'
    wait_line broken.out '"state":"broke off"'
    stop interrupted
    ok 'word of the end comes by unicast' json interrupted.out \
        '[(r["state"], r["lost"] > 50, r["received"] + r["lost"] - of("summary")[0]["datagrams"]) for r in of("receiver")] == [("final", True, 0)]'
    must on sw nft delete table netdev loss_A
    stop broken
fi

# ---- loss in the socket's buffer: a receiver that is stopped
bench_recv full C 239.1.2.4:5001 --rcvbuf 8K
kill -STOP "${pid_of[full]}"
start stopped B herald bench send 239.1.2.4:5001 --rate 2000pps --size 1000 --count 400 --wait 20s --expect 1 --json
wait_until "on C cat /proc/net/udp | grep -q ':1389 .* [1-9][0-9]* *$'"
wait_line stopped.out '"event":"progress"'
kill -CONT "${pid_of[full]}"
finish stopped
is 'a receiver that was stopped' $status 0
ok 'has lost some' json stopped.out 'of("receiver")[0]["lost"] > 300'
ok 'received and lost are all' json stopped.out \
    'of("receiver")[0]["received"] + of("receiver")[0]["lost"] == of("receiver")[0]["expected"] == 400'
ok 'all of it in its own buffer' json stopped.out \
    'of("receiver")[0]["lost_receive_buffer"] == of("receiver")[0]["lost"] and of("receiver")[0]["lost_network"] == 0'
wait_line full.err 'rcvbuf'
verdict 0 'and says what to do'
stop full

# ---- duplicates and reordering: a relay that repeats every tenth datagram and swaps every tenth pair
if need python3 'duplicates and reordering'; then
    bench_recv order A 239.1.2.5:5001 --count 1 --json
    start relay C python3 "$PEERS/bench_relay.py" 239.1.2.6 239.1.2.5 5001 10.0.0.3
    wait_line relay.out '^ready'
    run relayed B herald bench send 239.1.2.6:5001 --rate 1000pps --size 100 --count 200 --no-reports
    finish order
    ok 'each copy is counted' json order.out 'of("ended")[0]["duplicates"] == 19'
    ok 'and each that was overtaken' json order.out 'of("ended")[0]["reordered"] == 20'
    ok 'and nothing is lost' json order.out 'of("ended")[0]["lost"] == 0 and of("ended")[0]["expected"] == 200'
    stop relay
fi

# ---- a receiver with a clock of its own, an hour ahead, that then sends rubbish
if need python3 'a receiver with another clock'; then
    start stranger A python3 "$PEERS/bench_stranger.py" 239.1.2.10 5001 10.0.0.1
    wait_line stranger.out '^ready'
    run strange B herald bench send 239.1.2.10:5001 --rate 200pps --size 100 --count 100 --expect 1 --json
    finish stranger
    is 'a receiver with another clock' "$status" 0
    ok 'is known by its report, and by no rubbish' json strange.out \
        '[r["host"] for r in of("receiver")] == ["stranger"] and of("receiver")[0]["state"] == "final"'
    ok 'its clock was compared' json strange.out 'of("receiver")[0]["delay_clock"] == "exchange"'
    ok 'so that delays are right within the uncertainty' json strange.out \
        '0 < of("receiver")[0]["delay_uncertainty_ns"] < 10**9 and of("receiver")[0]["delay_p50_ns"] < 10**9'
    run strange B herald bench send 239.1.2.10:5001 --rate 200pps --count 20 --wait 100ms
    is 'rubbish does no harm' "$status" 4
fi

# ---- a receiver that comes late
start early B herald bench send 239.1.2.7:5001 --rate 500pps --size 100 --duration 30s --interval 50ms --json
wait_line early.out '"event":"progress"'
bench_recv late A 239.1.2.7:5001 --json
wait_line early.out '"receivers":1'
stop early
ok 'what was sent before is missed, not lost' json early.out \
    'of("receiver")[0]["missed"] > 0 and of("receiver")[0]["lost"] == 0 and of("receiver")[0]["missed"] + of("receiver")[0]["received"] == of("summary")[0]["datagrams"]'
stop late

# ---- the highest rate without loss, through 5 Mbit/s, less than any host can send
bench_recv max A 239.1.2.8:5001
must on sw tc qdisc add dev A root tbf rate 5mbit burst 10k limit 30k
run find B herald bench send 239.1.2.8:5001 --find-max --rate 1mbit --duration 250ms --size 1400 --expect 1 --json
is 'the highest rate without loss' $status 0
ok 'is somewhat below 5 Mbit/s' json find.out '2.5e6 < of("found")[0]["rate_bps"] < 5.3e6'
ok 'after some trials, some passed and some failed' json find.out \
    '{t["passed"] for t in of("trial")} == {True, False} and of("found")[0]["trials"] == len(of("trial"))'
ok 'and who set the limit, and where it lost' json find.out \
    '"10.0.0.1" in of("found")[0]["limit"] and "in the network" in of("found")[0]["cause"]'

# ---- one that was never there is told, and not waited for in every trial
run missing B herald bench send 239.1.2.8:5001 --find-max --rate 2mbit --duration 250ms --wait 1s --expect 2 --json
is 'a search with one receiver of two' $status 1
like 'tells it' missing.out 'nothing was heard of 1 receiver in 2 trials'
ok 'and ends, with what the other one bears' json missing.out '2.5e6 < of("found")[0]["rate_bps"] < 5.3e6'

# ---- one that dies does not set the limit, and is not waited for in every trial either
bench_recv doomed C 239.1.2.8:5001 --name doomed
start dying B herald bench send 239.1.2.8:5001 --find-max --rate 2mbit --duration 250ms --wait 1s --expect 2 --json
wait_line dying.out '"trial":1,'
kill -KILL "${pid_of[doomed]}"
wait "${pid_of[doomed]}" 2>/dev/null
unset "pid_of[doomed]"
finish dying
is 'a search in which a receiver dies' $status 1
like 'tells who' dying.out 'nothing was heard of doomed \(10\.0\.0\.3\) in 2 trials'
ok 'and finds what the other one bears' json dying.out \
    '2.5e6 < of("found")[0]["rate_bps"] < 5.3e6 and "10.0.0.1" in of("found")[0]["limit"]'
ok 'although it was thought too slow at first' json dying.out \
    'not of("trial")[1]["passed"] and of("found")[0]["rate_bps"] > of("trial")[1]["asked_bps"]'
start over B herald bench send 239.1.2.8:5001 --find-max --rate 2mbit --duration 250ms --wait 1s --json
wait_line over.out '"trial":1,'
stop max
finish over
is 'a search whose only receiver ends' $status 1
like 'is over' over.out 'no receiver reports any more'

# ---- a queue on the sending host that drops
must on B tc qdisc add dev eth0 root tbf rate 2mbit burst 5k limit 10k
bench_recv behind A 239.1.2.13:5001
run queue B herald bench send 239.1.2.13:5001 --rate 8mbit --duration 300ms --json
ok 'what the own queue drops is told' json queue.out \
    '0 < of("summary")[0]["queue_drops"] and of("receiver")[0]["lost"] <= of("summary")[0]["queue_drops"] + 5'
like 'with what to do' queue.out 'tc -s qdisc show dev eth0'
run queue B herald bench send 239.1.2.13:5001 --find-max --rate 1mbit --duration 250ms --json
ok 'and sets the limit of a search' json queue.out \
    'of("found")[0]["limit"] == "this host" and "in the queue of eth0" in of("found")[0]["cause"]'
must on B tc qdisc del dev eth0 root
run queue B herald bench send 239.1.2.13:5001 --rate 8mbit --duration 300ms --json
ok 'nothing is told if it drops nothing' json queue.out 'of("summary")[0]["queue_drops"] == 0 and not of("warning")'
stop behind

# ---- a signal that comes twice at once, as timeout(1) sends it: it is none too many
start twice B herald bench send 239.1.2.14:5001 --duration 60s --wait 300ms
wait_line twice.err '^sending'
python3 -c 'import os, signal, sys, time
os.kill(int(sys.argv[1]), signal.SIGINT)
time.sleep(0.003)
os.kill(int(sys.argv[1]), signal.SIGINT)' "${pid_of[twice]}"
finish twice
is 'a signal that comes twice at once' $status 4
like 'leaves the summary' twice.err '^interrupted; sent '

# ---- mistakes
for words in '239.1.2.3' '239.1.2.3+2:5001' '239.1.2.3:5001 --size 63' '239.1.2.3:5001 --rate fast' '239.1.2.3:5001 x' \
    '239.1.2.3:5001 --find-max --count 3' '239.1.2.3:5001 --find-max --no-reports' '239.1.2.3:5001 --burst 65' \
    '239.1.2.3:5001 --find-max --loss-limit many' '239.1.2.3:5001 --source 239.1.2.3' '239.1.2.3:5001 --rate 200gbit'; do
    # shellcheck disable=SC2086
    run mistake B herald bench send $words
    is "bench send $words is refused" "$status $(wc -l <"$T/mistake.out")" '2 0'
done
run large B herald bench send 239.1.2.3:5001 --size 3000
is 'what does not fit into a packet is refused' $status 3
like 'with the size that fits' large.err '3000 bytes do not fit into one packet on eth0: 1472 fit'
run mistake B herald bench rcv 239.1.2.3:5001
is 'a mistyped member is refused' $status 2
like 'and guessed' mistake.err "no command 'bench rcv'; did you mean 'bench recv'"
run mistake B herald bench
is 'bench alone is refused' $status 2
run mistake A herald bench recv 239.1.2.3:5001 -i eth7
is 'an unknown interface' $status 3
done_testing
