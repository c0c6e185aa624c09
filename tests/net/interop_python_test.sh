#!/bin/bash
# SPDX-License-Identifier: MIT
# The well-known Python programs talk to each other, and with herald in both directions.
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"

need python3 'the classic Python programs' || done_testing
lan A B
group_route_add A
group_route_add B

# The laboratory itself: the two Python programs understand each other here.
start python_receiver A python3 "$PEERS/classic_receiver.py"
wait_line python_receiver.out '^waiting'
run python_sender B python3 "$PEERS/classic_sender.py" 'peer to peer'
like 'the Python programs understand each other' python_sender.out "^received \"ack\" from \('10.0.0.1', 10000\)"

run send B herald send 224.3.29.71:10000 'from herald' --expect 1
is 'herald send is answered by the Python receiver' $status 0
like 'it shows who answered and what' send.out '^10\.0\.0\.1:10000 +"ack" '
like 'the Python receiver got the payload' python_receiver.out "^b'from herald'$"
kill "${pid_of[python_receiver]}"
finish python_receiver

listen listener A 224.3.29.71:10000
run python_sender B python3 "$PEERS/classic_sender.py" 'from python'
like 'the Python sender is answered by herald listen' python_sender.out "^received \"ack\" from \('10.0.0.1', 10000\)"
is 'by one answer' "$(count python_sender.out '^received')" 1
stop listener
like 'herald listen shows what Python sent' listener.out 'ttl 1  11 B  "from python"$'
is 'herald listen ends well' $status 0

listen listener A 224.3.29.71:10000
listen listener_too B 224.3.29.71:10000
run python_sender B python3 "$PEERS/classic_sender.py"
is 'two listeners, two answers, one of them on the own host' "$(grep -c '^received' "$T/python_sender.out")" 2
like 'from A' python_sender.out "from \('10.0.0.1', 10000\)"
like 'from B' python_sender.out "from \('10.0.0.2', 10000\)"
done_testing
