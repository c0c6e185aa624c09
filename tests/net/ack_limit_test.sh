#!/bin/bash
# SPDX-License-Identifier: MIT
# Listeners answer, but no more than fifty times a second to one source; how they answer can be chosen.
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"

lan A B C
group_route_add B
group_route_add C

ask() { # NAME HOST ARGUMENTS...
    local name=$1 host=$2
    shift 2
    begin=$(now_ms)
    run "$name" "$host" herald send 239.1.2.3:10000 "$@" --wait 300ms --json
    took=$(($(now_ms) - begin))
}

listen listener A 239.1.2.3:10000
ask few B few --count 40 --rate 1000pps
ok 'forty messages in a moment have forty answers' json few.out 'of("summary")[0]["responses"] == 40'
stop listener
unlike 'without a word about a limit' listener.err '50'

listen listener A 239.1.2.3:10000
ask many B many --count 300 --rate 2000pps
most=$((50 * (took / 1000 + 2)))
ok 'of 300 messages in a moment some fifty are answered' json many.out "50 <= of('summary')[0]['responses'] <= $most"
like 'and the listener says that it stopped' listener.err '10\.0\.0\.2.*50|50.*10\.0\.0\.2'
is 'once' "$(count listener.err '10\.0\.0\.2.*50|50.*10\.0\.0\.2')" 1
ask other C 'of another source' --expect 1
is 'another source is answered all the same' $status 0
wait_until 'on B herald send 239.1.2.3:10000 later --wait 200ms --expect 1'
verdict 0 'after a while so is the first'
stop listener
is 'it printed all the messages' "$(count listener.out '"many"')" 300

listen always A 239.1.2.3:10000 --ack always
like '--ack always is said' always.err 'answering "ack"'
ask always_send B many --count 300 --rate 2000pps
ok '--ack always answers each' json always_send.out "of('summary')[0]['responses'] == 300"
stop always

listen never A 239.1.2.3:10000 --ack never
unlike '--ack never promises nothing' never.err 'answering "'
ask never_send B quiet
wait_line never.out '"quiet"$'
is '--ack never does not answer' "$(json never_send.out 'of("response") == []'; echo $?)" 0
stop never

listen text A 239.1.2.3:10000 --ack 'heard on A'
like '--ack TEXT is said' text.err 'answering "heard on A"'
run text_send B herald send 239.1.2.3:10000 hello --expect 1
like '--ack TEXT answers with the text' text_send.out '^10\.0\.0\.1:10000 +"heard on A" '
stop text

if need nft 'a firewall that forbids answering'; then
    on A nft -f - <<'RULES'
table inet forbid {
    chain out {
        type filter hook output priority 0;
        ip daddr 10.0.0.2 udp sport 10000 drop
    }
}
RULES
    listen forbidden A 239.1.2.3:10000
    run send B herald send 239.1.2.3:10000 hello --wait 50ms
    wait_line forbidden.out '"hello"'
    run send C herald send 239.1.2.3:10000 'hello too' --expect 1
    is 'one who may be answered is answered' $status 0
    stop forbidden
    like 'a firewall that forbids answering is told' forbidden.err 'firewall .*10\.0\.0\.2'
    like 'the summary counts what was answered' forbidden.err '1 answered'
fi
done_testing
