#!/bin/bash
# SPDX-License-Identifier: MIT
# What cannot be sent: one clear line that names the cause, the right status, nothing sent.
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"

lan A B
group_route_add B
listen listener A 239.1.2.3:10000 '[ff15::7]:10000' --format hex

# A mistake on the command line: status 2, and a first line that begins so and matches.
usage_error() { # WHAT REGEX ARGUMENTS...
    local what=$1 regex=$2
    shift 2
    run error B herald "$@"
    is "$what: status 2" $status 2
    like "$what: says so" error.err "^herald.*: .*$regex"
    is "$what: in at most two lines" "$(wc -l <"$T/error.err" | sed 's/[12]/few/')" few
    is "$what: nothing on stdout" "$(cat "$T/error.out")" ''
    if [ "$1" = send ]; then
        like "$what: tells what to try" error.err '^  try: .'
    fi
}

usage_error 'no multicast address' '10\.0\.0\.1.*multicast|multicast.*10\.0\.0\.1' send 10.0.0.1:10000 x
usage_error 'port 0' 'port' send 239.1.2.3:0 x
usage_error 'port 70000' 'port.*70000|70000.*port' send 239.1.2.3:70000 x
usage_error 'no port' 'port' send 239.1.2.3 x
usage_error 'TTL 256' 'ttl.*255' send 239.1.2.3:10000 x --ttl 256
usage_error 'TTL -1' 'ttl.*255' send 239.1.2.3:10000 x --ttl -1
usage_error 'DSCP 64' 'dscp.*63' send 239.1.2.3:10000 x --dscp 64
usage_error 'a duration without unit' 'wait.*(ms|unit)' send 239.1.2.3:10000 x --wait 5
usage_error 'a rate that is none' 'rate.*kbit.*gbit.*pps' send 239.1.2.3:10000 x --rate fast
usage_error 'bad hex digits' 'hex' send 239.1.2.3:10000 --hex 12zz
usage_error 'an odd number of hex digits' 'hex' send 239.1.2.3:10000 --hex 123
usage_error 'ff02:: without zone' '(zone|%|interface)' send '[ff02::7]:10000' x
usage_error 'a source with an any-source group' 'source' send 10.0.0.2@224.0.0.77:10000 x
usage_error 'a source of the other family' '(source|family|IPv)' send '[fd00::2]@239.1.2.3:10000' x
usage_error 'a source that is no address' 'source' send 239.1.2.3:10000 x --source elsewhere
usage_error 'two messages' '(operand|argument|too many)' send 239.1.2.3:10000 x y
usage_error 'a message twice over' '(--hex|--file|message)' send 239.1.2.3:10000 x --hex 00
usage_error 'the message first' "'x'.*EP comes first" send x 239.1.2.3:10000
usage_error 'no message at all' 'count.*at least 1' send 239.1.2.3:10000 x --count 0
usage_error 'a rate of nothing' 'empty' send 239.1.2.3:10000 '' --rate 1mbit
usage_error 'a rate and an interval' 'exclude' send 239.1.2.3:10000 x --rate 1mbit --interval 1s
usage_error 'two interfaces' 'eth0.*another' send 239.1.2.3%eth0:10000 x -i lo
usage_error 'no endpoint' '(EP|endpoint|operand)' send
usage_error 'an unknown option' 'did you mean.*--expect' send 239.1.2.3:10000 x --expct 1
usage_error 'an unknown command' 'did you mean.*listen' lisen 239.1.2.3:10000
usage_error 'listen to no group' 'multicast' listen 10.0.0.1:10000
usage_error 'listen without endpoint' '(EP|endpoint|operand)' listen
usage_error 'listen --format of no kind' 'format.*(text|raw)' listen 239.1.2.3:10000 --format xml

failure() { # WHAT REGEX ARGUMENTS...
    local what=$1 regex=$2
    shift 2
    run error B herald "$@"
    is "$what: status 3" $status 3
    like "$what: says so" error.err "^herald.*: .*$regex"
}

failure 'an unknown interface' 'eth7.*(eth0|interface)' send 239.1.2.3:10000 x -i eth7
like 'and names those that there are' error.err 'eth0'
failure 'an unknown interface in the endpoint' 'eth7' send 239.1.2.3%eth7:10000 x
failure 'an unknown interface to listen on' 'eth7' listen 239.1.2.3:10000 -i eth7
failure 'a foreign source' '10\.0\.0\.9' send 239.1.2.3:10000 x --source 10.0.0.9
failure 'a missing file' "$T/none.*No such file|No such file.*$T/none|$T/none.*(exist|found|there)" \
    send 239.1.2.3:10000 --file "$T/none"
failure 'a directory as file' 'director' send 239.1.2.3:10000 --file "$T"

# Names that are more than a name: of an address with a label, and of a VLAN.
must on B ip address add 10.0.0.77/24 dev eth0 label eth0:second
run labelled B herald send 239.1.2.3:10000 x --source 10.0.0.77 --wait 100ms
is 'an address with a label is found on its interface' $status 0
like 'which is told' labelled.err '^sending to 239\.1\.2\.3:10000 on eth0 .* from 10\.0\.0\.77:'
must on B ip address del 10.0.0.77/24 dev eth0
must on B ip link add eth0.7 type veth peer name far7 # named as a VLAN
must on B ip link set eth0.7 up
setting B ipv6/conf/eth0.7/disable_ipv6 1
failure 'such an interface without IPv6' 'IPv6 is switched off on eth0\.7$' send '[ff15::7%eth0.7]:10000' x
must on B bash -c "$(sed -n 's/^  try: //p' "$T/error.err") >/dev/null"
is 'the command that is advised mends it' "$(on B cat /proc/sys/net/ipv6/conf/eth0.7/disable_ipv6)" 0
must on B ip link del eth0.7

if need nft 'a firewall that forbids sending'; then
    on B nft -f - <<'RULES'
table inet forbid {
    chain out {
        type filter hook output priority 0;
        ip daddr 239.1.2.3 drop
    }
}
RULES
    failure 'a firewall that forbids sending' 'firewall' send 239.1.2.3:10000 x
    on B nft delete table inet forbid
fi
if need socat 'a port that is taken'; then
    start taken B socat -u UDP4-RECV:10007 OPEN:/dev/null
    wait_port B 10007
    failure 'a port that another program does not share' 'port 10007' listen 239.1.2.3:10007
    failure 'a reply port that is taken' 'port 10007' send 239.1.2.3:10000 x --reply-port 10007
    kill "${pid_of[taken]}"
    finish taken
fi
run json_error B herald send 10.0.0.1:10000 x --json
is 'with --json a mistake is a status too' $status 2
ok 'and a JSON line' json json_error.out '"multicast" in of("error")[0]["cause"] and of("error")[0]["status"] == 2'
run json_error B herald send 239.1.2.3:10000 x -i eth7 --json
is 'what cannot be done is another status' $status 3
ok 'in the JSON line, too' json json_error.out 'of("error")[0]["status"] == 3'
run json_error B herald listen 239.1.2.3:10000 -i eth7 --json
ok 'so with listen' json json_error.out '"eth7" in of("error")[0]["cause"] and of("error")[0]["advice"]'

# Size: 1500 - 28 = 1472 over IPv4, 1500 - 48 = 1452 over IPv6.
head -c 1472 /dev/zero >"$T/1472"
head -c 1473 /dev/zero >"$T/1473"
head -c 1452 /dev/zero >"$T/1452"
head -c 1453 /dev/zero >"$T/1453"
head -c 60000 /dev/zero | tr '\0' x >"$T/60000"
run fits B herald send 239.1.2.3:10000 --file "$T/1472" --expect 1
is 'what just fits the MTU is sent' $status 0
failure 'one byte more' '1,?473.*1,?472' send 239.1.2.3:10000 --file "$T/1473"
like 'advises --fragment' error.err '^  try: .*--fragment'
unlike 'does not claim to send it' error.err '^sending'
run fits B herald send '[ff15::7%eth0]:10000' --file "$T/1452" --expect 1
is 'the same over IPv6' $status 0
failure 'one byte more over IPv6' '1,?453.*1,?452' send '[ff15::7%eth0]:10000' --file "$T/1453"
run fragments B herald send 239.1.2.3:10000 --file "$T/60000" --fragment --expect 1
is '--fragment sends it all the same' $status 0
{ printf '78%.0s' {1..60000}; echo; } >"$T/60000.hex"
is 'and it arrives whole' "$(grep -cxFf "$T/60000.hex" "$T/listener.out")" 1
run fragments B herald send '[ff15::7%eth0]:10000' --file "$T/60000" --fragment --expect 1
is 'the same over IPv6' $status 0
is 'whole again' "$(grep -cxFf "$T/60000.hex" "$T/listener.out")" 2
head -c 65508 /dev/zero >"$T/65508"
tr '\0' x <"$T/65508" >"$T/text"
too_large='the message has 65508 bytes; one datagram carries at most 65507$'
more_than='the message has more than 65507 bytes; one datagram carries at most 65507$'
failure 'a file that no datagram can hold' "$too_large" send 239.1.2.3:10000 --file "$T/65508" --fragment
failure 'such a text' "$too_large" send 239.1.2.3:10000 "$(cat "$T/text")" --fragment
failure 'such hex digits' "$too_large" send 239.1.2.3:10000 --hex "$(printf '78%.0s' {1..65508})" --fragment
failure 'such a device' "$more_than" send 239.1.2.3:10000 --file /dev/zero
failure 'such an input' "$more_than" send 239.1.2.3:10000 - <"$T/65508"
head -c 65527 /dev/zero >"$T/65527"
failure 'over IPv6 20 bytes more fit' '65527 bytes do not fit into one packet' send '[ff15::7%eth0]:10000' --file "$T/65527"
failure 'and no more' 'more than 65527 bytes; .* at most 65527' send '[ff15::7%eth0]:10000' - <<<"$(cat "$T/text")xxxxxxxxxxxxxxxxxxx"

# Where the message comes from.
heard() { # WHAT HEX
    wait_line listener.out "^$2\$"
    verdict 0 "$1"
}
printf 'from stdin' | run stdin B herald send 239.1.2.3:10000 - --expect 1
heard 'a message from stdin (-)' 66726f6d20737464696e
printf 'piped' | run stdin B herald send 239.1.2.3:10000 --expect 1
heard 'a message from a pipe' 7069706564
printf 'in a file' >"$T/message"
run file B herald send 239.1.2.3:10000 --file "$T/message" --expect 1
heard 'a message from a file' 696e20612066696c65
run hex B herald send 239.1.2.3:10000 --hex 00ff0a1B --expect 1
heard 'a message in hex' 00ff0a1b
run empty B herald send 239.1.2.3:10000 '' --expect 1
is 'an empty message is answered' $status 0
heard 'and heard' ''
run dashes B herald send 239.1.2.3:10000 --expect 1 -- --help
heard 'after -- nothing is an option' 2d2d68656c70

# Nobody reads the output.
on B bash -c 'herald send 239.1.2.3:10000 x --expect 1 >&-' 2>"$T/closed.err"
status=$?
is 'a closed stdout: status 3' $status 3
like 'a closed stdout is said' closed.err '^herald send: .*(stdout|output)'
on B bash -c 'herald send 239.1.2.3:10000 x --expect 1 >/dev/full' 2>"$T/full.err"
status=$?
is 'a full device as stdout: status 3' $status 3
like 'a full device is said' full.err '^herald send: .*(stdout|output|space)'
on B bash -c 'herald --help >/dev/full' 2>"$T/help_full.err"
status=$?
is 'a full device for the help: status 3' $status 3
stop listener

# Few open files.
run few B bash -c 'ulimit -n 9; exec herald send 239.1.2.3:10000 x --wait 1ms'
is 'nine open files are enough' $status 0
run few B bash -c 'ulimit -n 8; exec herald send 239.1.2.3:10000 x --wait 1ms'
is 'eight are not: status 3' $status 3
like 'says how many it takes' few.err '^herald send: 1 group on 1 interface needs 9 open files, .* may have 8$'
like 'and what to do' few.err '^  try: ulimit -n 9$'
run few B bash -c 'ulimit -n 20; exec herald send 239.1.2.3+12:10000 x --wait 1ms'
is 'one more for each group' $status 0
run few B bash -c 'ulimit -n 20; exec herald send 239.1.2.3+13:10000 x --wait 1ms'
like 'and no more than that' few.err '^herald send: 13 groups on 1 interface need 21 open files'

# The frame.
run bare B herald
is 'without a command: status 2' $status 2
like 'and the help on stderr' bare.err 'listen'
run help B herald --help
is '--help: status 0' $status 0
like 'the help is on stdout' help.out 'send'
run version B herald --version
like '--version' version.out '^herald [0-9]+\.[0-9]+'
for command in send listen; do
    run help B herald help $command
    is "help $command" $status 0
    like "help $command tells the statuses" help.out '(^|[^0-9])4([^0-9]|$)'
    run also_help B herald $command --help
    ok "$command --help is the same" cmp "$T/help.out" "$T/also_help.out"
done
done_testing
