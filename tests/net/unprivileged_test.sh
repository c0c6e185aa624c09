#!/bin/bash
# SPDX-License-Identifier: MIT
# No capability is needed for anything.
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"

need setpriv 'without capabilities' || done_testing
bare=(setpriv --no-new-privs --bounding-set -all --inh-caps -all --ambient-caps -all)
lan A B
group_route_add B

run caps A "${bare[@]}" grep CapEff /proc/self/status
is 'setpriv takes all capabilities away' "$(tr -d '[:space:]' <"$T/caps.out")" 'CapEff:0000000000000000'

start listener A "${bare[@]}" herald listen 239.1.2.3:10000 '[ff15::7]:10000' 10.0.0.2@232.1.2.3:10000 239.2.0.0+40:10000 \
    --rcvbuf 64M --exec true
wait_line listener.err '^listening'
run send B "${bare[@]}" herald send 239.1.2.3:10000 'IPv4' --expect 1 --dscp 10 --ttl 4 -i eth0
is 'any source' $status 0
run send B "${bare[@]}" herald send 232.1.2.3:10000 'SSM' --expect 1 --source 10.0.0.2
is 'source-specific' $status 0
run send B "${bare[@]}" herald send '[ff15::7%eth0]:10000' 'IPv6' --expect 1
is 'IPv6' $status 0
run send B "${bare[@]}" herald send 239.2.0.0+40:10000 'groups' --wait 200ms --json
ok 'many groups' json send.out 'of("summary")[0]["responses"] == 40'
wait_until "[ \$(grep -c groups $T/listener.out) = 40 ]"
carrier_down A
wait_line listener.err '^eth0 lost carrier'
carrier_up A
wait_line listener.err '^rejoined on eth0'
verdict 0 'following the interfaces'
run send B "${bare[@]}" herald send 239.1.2.3:10000 'after the flap' --expect 1
is 'and hearing again' $status 0
stop listener
is 'the listener ends well' $status 0
unlike 'nothing was forbidden' listener.err 'Operation not permitted|EPERM|[Pp]ermission'

# As herald-get@.service runs it.
mkdir "$T/tree" "$T/in"
head -c 3000000 /dev/urandom >"$T/tree/file"
echo secret >"$T/tree/private"
chmod 600 "$T/tree/private"
mkdir -m 750 "$T/tree/below"
ln -s ../file "$T/tree/below/link"
start get A "${bare[@]}" herald get 239.1.2.4:10000 -d "$T/in" --once
wait_line get.err '^getting from '
run put B "${bare[@]}" herald put 239.1.2.4:10000 "$T/tree" --expect 1 --dscp 10 --ttl 4 --receipts "$T/receipts"
is 'putting' $status 0
finish get
is 'getting' $status 0
ok 'what was put is there' diff -r --no-dereference "$T/tree" "$T/in/tree"
is 'with its modes' "$(cd "$T/in" && find tree -type f -printf '%p %m\n' | sort)" "$(cd "$T" && find tree -type f -printf '%p %m\n' | sort)"
cat "$T/get.err" "$T/put.err" >"$T/both.err"
unlike 'nothing was forbidden to either' both.err 'Operation not permitted|EPERM|[Pp]ermission'
start get A "${bare[@]}" herald get 239.1.2.4:10000 -o - --once
wait_line get.err '^getting from '
run put B "${bare[@]}" sh -c 'herald put 239.1.2.4:10000 - --expect 1 <"$0"' "$T/tree/file"
is 'putting a stream' $status 0
finish get
ok 'and getting it' cmp "$T/tree/file" "$T/get.out"
done_testing
