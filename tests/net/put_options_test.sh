#!/bin/bash
# SPDX-License-Identifier: MIT
# Options of herald put and herald get that no other test needs: that each does what it says.
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"

EP=239.1.2.3:10000
lan A B C
for host in A B C; do
    group_route_add $host
done
mkdir "$T/b" "$T/c" "$T/tree"
head -c 200000 /dev/urandom >"$T/file"

get() { # NAME HOST ARGUMENTS...
    start "$1" "$2" herald get $EP --json "${@:3}"
    wait_line "$1.out" '"event":"receiving"'
}

put() { # ARGUMENTS...
    run put A herald put $EP --json --wait 1s "$@"
}

refused() { # STATUS WHAT REGEX ARGUMENTS...
    local wanted=$1 what=$2 regex=$3
    shift 3
    run refused A herald put $EP "$@"
    is "$what: status $wanted" $status "$wanted"
    like "$what: says so" refused.err "^herald put: .*$regex"
    like "$what: and what to do" refused.err '^  try: '
    unlike "$what: at once" refused.err '^putting '
}

# ---- what is missing --------------------------------------------------------------------------

run refused A herald put "$T/file"
is 'put without EP: status 2' $status 2
like 'put without EP: it is EP that is missing' refused.err '^herald put: EP is missing, as .*/file. is none: herald put'
refused 2 'put without PATH' 'PATH is missing: herald put'
refused 3 'put what is not there' 'No such file' "$T/none"
like 'put what is not there: where to look' refused.err "^  try: ls -ld $T/none\$"
refused 3 '--segment that does not fit' 'segments of 9000 bytes do not fit' "$T/file" --segment 9000

mkdir -p "$T/hollow"
refused 2 'put with all excluded' 'nothing to send: --exclude' "$T/" --exclude '*'
refused 3 'put of nothing' 'there is nothing to send$' "$T/hollow/"
for option in '--expect 1' '--expect-hosts /dev/null' '--wait 1s' '--receipts /dev/null' --unicast-feedback \
    '--laggard drop' '--give-up 1s' '--keep-serving 1s' --tfmcc; do
    # shellcheck disable=SC2086
    refused 2 "--silent-receivers $option" "${option%% *} exclude each other: nobody answers" "$T/file" \
        --silent-receivers $option
done

# ---- who is heard -----------------------------------------------------------------------------

get b B -d "$T/b" --accept 10.0.0.3 --accept 10.0.0.1 --once
get c C -d "$T/c" --accept 10.0.0.2
put "$T/file" --node-id 77
is '--accept: who accepts the sender gets it' $status 0
finish b
ok '--accept: who does not gets nothing' test ! -e "$T/c/file"
ok '--accept: who is ignored is told once' json c.out '[e["source"] for e in of("ignored")] == ["10.0.0.1"]'
stop c
ok '--node-id: receivers know the sender by it' json b.out 'of("object")[0]["sender_id"] == 77'
ok '--node-id: it is told' json put.out 'events[0]["node_id"] == 77'

switch_add other
nic_add A eth1 other 10.1.0.1/24
nic_add B eth1 other 10.1.0.2/24
get b B -d "$T/b" -i eth1
put "$T/file" -i eth0
is 'get -i: not on another interface' $status 4
put "$T/file" -i eth1
is 'put -i and get -i: on this one' $status 0
ok 'put -i: it is told' json put.out 'events[0]["interface"] == "eth1"'
stop b
get b B -d "$T/b" -i eth1 -i eth1
ok 'get -i: twice the same is told once' json b.out 'events[0]["interfaces"] == ["eth1"]'
stop b

get a A -d "$T/c"
put "$T/file" --no-loop
is '--no-loop: this host does not hear it' $status 4
put "$T/file"
is 'without it does' $status 0
stop a

get b B -d "$T/b"
if need nft 'put --dscp'; then
    loss_set B 'ip dscp 8 udp dport 10000'
    put "$T/file" --dscp 8
    is '--dscp marks what is sent' $status 4
    put "$T/file"
    is 'without, it has another mark' $status 0
fi
put "$T/file" --ttl 0
is '--ttl 0: nobody else hears it' $status 4
stop b

get b B -d "$T/b" --rcvbuf 100K --once
ok '--rcvbuf is asked' json b.out 'events[0]["receive_buffer_asked_bytes"] == 102400'
put "$T/file"
is '--rcvbuf: a small one will do, too' $status 0
finish b

# ---- what is there already, and links ---------------------------------------------------------

echo old >"$T/b/file"
get b B -d "$T/b" --overwrite --no-sync --once
put "$T/file"
finish b
ok '--overwrite: the new file takes the place of the old one' cmp "$T/file" "$T/b/file"

ln -s /etc/passwd "$T/tree/out"
ln -s in "$T/tree/inside"
get b B -d "$T/b" --once
put "$T/tree"
is 'a link that leads out is refused: status 1' $status 1
ok 'the sender is told' json put.out '"may lead out" in of("receipt")[0]["reason"]'
finish b
ok 'the other one is made' test -h "$T/b/tree/inside"
ok 'that one is not' test ! -h "$T/b/tree/out"
get b B -d "$T/b" --any-links --once
put "$T/tree"
is '--any-links: it is taken' $status 0
finish b
is '--any-links: as it was' "$(readlink "$T/b/tree/out")" /etc/passwd

long=$(printf 'ä%.0s' {1..50})
mkdir "$T/tree/$long" "$T/b/tree/$long"
echo new >"$T/tree/$long/report.txt"
echo other >"$T/b/tree/$long/report.txt"
get b B -d "$T/b" --any-links --skip --once
put "$T/tree"
finish b
ok 'of a long path the reason has the end, which says what it is about' json put.out \
    '"ä/report.txt: something else" in of("receipt")[0]["reason"] and len(of("receipt")[0]["reason"].encode()) < 160'

# ---- for those who come late ------------------------------------------------------------------

get b B -d "$T/b" --once
start put A herald put $EP --json --repeat "$T/file"
finish b
is '--repeat: who was there from the beginning ends well' $status 0
get c C -d "$T/c" --once
finish c
is '--repeat: who comes late as well' $status 0
ok '--repeat: and has it' cmp "$T/file" "$T/c/file"
stop put
is '--repeat: until Ctrl-C, which is no failure' $status 0
ok '--repeat: both receipts are there' json put.out '[e["verified"] for e in of("receipt")] == [True, True]'

# ---- what a stream is called ------------------------------------------------------------------

get b B -d "$T/b" --once
run put A sh -c 'herald put "$0" - --name sub/dir/numbers --wait 1s <"$1"' $EP "$T/file"
is '--name with directories: status 0' $status 0
finish b
ok '--name with directories: it is there' cmp "$T/file" "$T/b/sub/dir/numbers"
run put A herald put $EP - --segment 128 --name "$(printf 'n%.0s' {1..200})"
is '--name too long for a segment: status 2' $status 2
like '--name too long for a segment: says so before anything is sent' put.err '^herald put: .* is too long a name'

# ---- who is expected --------------------------------------------------------------------------

get b B -d "$T/b"
run put A sh -c 'printf "%s\n" "$(hostname)" 10.0.0.2 | herald put "$0" "$1" --expect-hosts -' $EP "$T/file"
is '--expect-hosts -: status 0, as the host is there by name and by address' $status 0
is '--expect-hosts -: one receipt' "$(count put.out ' verified$')" 1
unlike '--expect-hosts -: nobody is missing' put.out 'never came'
stop b
get b B -d "$T/b"
start put A herald put $EP "$T/file" --expect 4 --wait 20s
wait_line put.err '^here: '
stop put
like '--expect 4, one is here, Ctrl-C: four are counted' put.err \
    '^interrupted: 0 of 4 receivers have everything: .*; missing: [^ ]+, and 3 that were never heard$'
start put A herald put $EP "$T/file" --expect 2 --wait 20s --json
wait_line put.out '"state":"here"'
stop put
ok 'and in JSON' json put.out 'of("summary")[0]["receivers"] == 2 and of("summary")[0]["never_heard"] == 1'
stop b
refused 2 '--expect-hosts - and PATH -' 'standard input cannot be what is sent and the list' - --expect-hosts -

# ---- receipts in a file -----------------------------------------------------------------------

cp "$T/file" "$T/source"
ln "$T/source" "$T/hard"
ln -s source "$T/soft"
for name in source hard soft; do
    refused 2 "--receipts over what is sent, as $name" 'that file is what is to be sent' "$T/source" --receipts "$T/$name"
done
ok '--receipts: what is sent is as it was' cmp "$T/file" "$T/source"
echo B >"$T/hosts"
refused 2 '--receipts over the list of hosts' 'list of --expect-hosts' "$T/file" --expect-hosts "$T/hosts" \
    --receipts "$T/hosts"
refused 3 '--receipts in no directory' 'No such file' "$T/file" --receipts "$T/none/receipts"
mkdir "$T/fixed"
must mount -t tmpfs tmpfs "$T/fixed"
echo before >"$T/fixed/receipts"
echo before >"$T/writable"
must mount --bind "$T/writable" "$T/fixed/receipts"
must mount -o remount,ro "$T/fixed"
refused 3 '--receipts where nothing can be created' 'Read-only' "$T/file" --receipts "$T/fixed/other"

umask 022
echo before >"$T/receipts"
chmod 640 "$T/receipts"
ln -s receipts "$T/link"
put "$T/file" --wait 100ms --receipts "$T/receipts"
is '--receipts of nobody: status 4' $status 4
ok 'nobody there: nothing says that all is sent' json put.out \
    'of("progress") and not any("all sent" in e["text"] for e in of("progress"))'
is '--receipts of nobody: what was there stays' "$(cat "$T/receipts")" before
get b B -d "$T/b"
put "$T/file" --receipts "$T/link"
ok '--receipts takes the place of what was there' json receipts 'len(of("receipt")) == 1 == len(events)'
is '--receipts: with its mode, and a link to it stays one' "$(stat -c '%a %F' "$T/receipts" "$T/link" | tr '\n' ' ')" \
    '640 regular file 777 symbolic link '
put "$T/file" --receipts "$T/new"
ok '--receipts: a new file' json new 'len(of("receipt")) == 1'
is '--receipts: with the usual mode' "$(stat -c %a "$T/new")" 644
put "$T/file" --receipts "$T/fixed/receipts"
ok '--receipts: one that can be written to, but not replaced' json writable 'len(of("receipt")) == 1 == len(events)'
put "$T/file" --receipts /dev/stdout
ok '--receipts to standard output, a file: nothing writes over anything' json put.out \
    'events[0]["event"] == "delivering" and len(of("receipt")) == 2 and events[-1]["event"] == "summary"'
is '--receipts: nothing else is left' "$(find "$T" -name '*herald-receipts*')" ''
stop b

done_testing
