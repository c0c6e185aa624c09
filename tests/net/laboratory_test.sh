#!/bin/bash
# SPDX-License-Identifier: MIT
# The laboratory does what the other tests rely on: a snooping switch, pulled cables, exact loss, no remains.
# Made with Debian's tools only, so that a failure elsewhere can be told from a failure here.

# As the inner script of the last check: starts a process and waits to be killed.
if [ "${1:-}" = victim ]; then
    # shellcheck source-path=SCRIPTDIR source=lib.sh
    . "$(dirname "$0")/lib.sh"
    start sleeper_of_the_victim . sleep 1000
    lan A
    start marked A sleep 987654.25
    echo "pid of the victim is known"
    sleep 100
fi

# shellcheck source-path=SCRIPTDIR source=lib.sh

. "$(dirname "$0")/lib.sh"

need socat 'peers of the laboratory' || done_testing
switch_add sw querier
host_add A
host_add B
host_add C

say() { # GROUP TEXT
    printf '%s' "$2" | on B socat -u STDIN "UDP4-DATAGRAM:$1:5000,ip-multicast-if=10.0.0.2"
}

start socat_a A socat -u "UDP4-RECVFROM:5000,reuseaddr,ip-add-membership=239.1.1.1:eth0,fork" STDOUT
wait_member A eth0 239.1.1.1
wait_until 'switch_knows A 239.1.1.1'
verdict 0 'the switch learns a membership from the report'
wait_until "say 239.1.1.1 'one;'; grep -q one $T/socat_a.out"
verdict 0 'a member receives'

if need python3 'a snooping switch'; then
    start capture C python3 "$PEERS/capture.py" eth0
    wait_line capture.out '^capturing'
    export marks=0
    # Until the first query's time to answer is over, the switch floods.
    wait_until "say 239.1.1.1 flood; say 224.0.0.77 mark-\$((++marks)); sleep 0.1
        [ \$(grep -c 224.0.0.77 $T/capture.out) -gt \$(grep -c 239.1.1.1 $T/capture.out) ]"
    before=$(count capture.out '239\.1\.1\.1')
    say 239.1.1.1 'not for C'
    say 224.0.0.78 'for all'
    wait_line capture.out '224\.0\.0\.78'
    is 'who is not a member does not get it' "$(count capture.out '239\.1\.1\.1')" "$before"
    stop capture
fi

carrier_down A
wait_until 'ip -n A link show eth0 | grep -q NO-CARRIER'
wait_until '! switch_knows A 239.1.1.1'
carrier_up A
wait_until 'ip -n A link show eth0 | grep -q LOWER_UP'
verdict 0 'a cable can be pulled and put back; the switch forgets what was behind it'

if need nft 'exact loss'; then
    loss_set A 'udp dport 5000 numgen inc mod 2 < 1'
    for n in 1 2 3 4 5 6; do
        say 224.0.0.5 "loss$n"
    done
    wait_until 'on sw nft list table netdev loss_A | grep -q "packets 3 "'
    verdict 0 'every second datagram is lost, exactly'
fi

# Killed without mercy, a script leaves no process behind.
bash "$0" victim >"$T/victim.out" 2>&1 &
victim=$!
wait_line victim.out '^pid of the victim'
wait_until 'grep -aq 987654.25 /proc/[0-9]*/cmdline'
kill -KILL $victim
wait $victim 2>/dev/null
wait_until '! grep -aq 987654.25 /proc/[0-9]*/cmdline'
verdict 0 'a script killed by SIGKILL leaves no process behind'
done_testing
