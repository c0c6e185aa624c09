#!/bin/bash
# SPDX-License-Identifier: MIT
# iperf 2 as sender of what herald bench recv measures, and as receiver of what herald bench send sends.
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"

need iperf 'iperf as a peer' || done_testing
lan A B
group_route_add A
group_route_add B

# ---- iperf sends
start recv A herald bench recv 239.1.2.3:5001 --json
wait_line recv.out '"event":"listening"'
run iperf B iperf -c 239.1.2.3 -u -T 1 -p 5001 -l 1000 -b 4m -n 200000
sent=$(sed -nE 's/.*Sent ([0-9]+) datagrams.*/\1/p' "$T/iperf.out")
ok 'iperf has sent' test "${sent:-0}" -ge 200
wait_line recv.out '"event":"ended"'
ok 'as iperf it is known' json recv.out 'of("stream")[0]["sender"] == "iperf" and of("stream")[0]["size_bytes"] == 1000'
# iperf counts one that it does not send.
ok 'all of it has come, the last one too' json recv.out \
    "$sent - 1 <= of('ended')[0]['received'] <= $sent and of('ended')[0]['received'] == of('ended')[0]['expected']"
ok 'the end was understood' json recv.out 'of("ended")[0]["state"] == "ended" and of("ended")[0]["lost"] == 0'
ok 'the rate is what iperf was asked for' json recv.out '2e6 < of("ended")[0]["rate_bps"] < 8e6'

# ---- the same with a loss that is known
if need nft 'loss in the network'; then
    loss_set A 'udp dport 5001 numgen inc mod 10 < 1'
    run iperf_lossy B iperf -c 239.1.2.3 -u -T 1 -p 5001 -l 1000 -b 4m -n 200000
    wait_until "[ \$(grep -c '\"event\":\"ended\"' $T/recv.out) = 2 ]"
    ok 'a tenth is lost, one at a time' json recv.out \
        'of("ended")[1]["lost"] == (of("ended")[1]["expected"] + 9) // 10 and of("ended")[1]["longest_burst"] == 1'
    must on sw nft delete table netdev loss_A
fi
stop recv
ok 'iperf was sent no report' json recv.out 'of("summary")[0]["reports"] == 0'

# ---- iperf receives
start server A iperf -s -u -B 239.1.2.4 -p 5001
wait_member A eth0 239.1.2.4
run send B herald bench send 239.1.2.4:5001 --rate 4mbit --size 1000 --count 250 --no-reports
is 'a stream to iperf' $status 0
wait_line server.out ' [0-9]+/ *[0-9]+ \([0-9.]+%\)'
like 'iperf counts all of it: none of 250 lost' server.out ' 0/ *250 \(0%\)'
like 'and the size' server.out ' 244 KBytes '

# ---- again, with reports asked for, which iperf does not send
run ask B herald bench send 239.1.2.4:5001 --rate 4mbit --size 1000 --count 100 --wait 300ms
is 'nobody reports' $status 4
wait_line server.out ' [0-9]+/ *100 \([0-9.]+%\)'
like 'iperf counts the same' server.out ' 0/ *100 \(0%\)'
is 'and takes the reminders for no further stream' "$(count server.out 'local .* connected with')" 2

# ---- with loss
if need nft 'loss that iperf sees'; then
    loss_set A 'udp dport 5001 numgen inc mod 10 < 1'
    run lossy B herald bench send 239.1.2.4:5001 --rate 4mbit --size 1000 --count 300 --no-reports
    wait_line server.out ' 30/ *300 \(10%\)'
    verdict 0 'iperf counts a tenth as lost'
fi
# iperf is killed: told to end, now and then it does not.
done_testing
