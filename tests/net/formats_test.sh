#!/bin/bash
# SPDX-License-Identifier: MIT
# What a listener prints: text that no payload can abuse, raw bytes, hex digits, JSON lines; and where it writes it.
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"

lan A B
group_route_add B

# ESC ]0; BEL (title), ESC [2J (clear), CR LF, NUL, DEL, C1 CSI as UTF-8 and as a byte, a bidi override, backslash.
hostile=1b5d303b70776e6564071b5b324a0d0a007fc29b31329b3133e280ae5c
innocent='grüße, "quoted"'

only_printable() { # FILE
    # Bytes below blank (but newline), DEL, C1 in UTF-8, bidi controls.
    ! grep -aqP '[\x00-\x09\x0b-\x1f\x7f]|\xc2[\x80-\x9f]|\xe2\x80[\xaa-\xae]|\xe2\x81[\xa6-\xa9]' "$T/$1"
}

listen text A 239.1.2.3:10000
listen json A 239.1.2.3:10000 --format json
listen also_json A 239.1.2.3:10000 --json
listen hex A 239.1.2.3:10000 --format hex
listen raw A 239.1.2.3:10000 --format raw
listen file A 239.1.2.3:10000 --format raw -o "$T/file.raw"
run send B herald send 239.1.2.3:10000 --hex $hostile --expect 6
is 'six listeners on one port have six answers' $status 0
run send B herald send 239.1.2.3:10000 "$innocent" --expect 6
run send B herald send 239.1.2.3:10000 --hex 00 --expect 6
head -c 1400 /dev/urandom >"$T/random.bin"
printf '%b' "$(printf '\\x%02x' $(seq 0 255))" >"$T/bytes.bin"
is 'all 256 byte values' "$(wc -c <"$T/bytes.bin")" 256
run send B herald send 239.1.2.3:10000 --file "$T/bytes.bin" --expect 6
run send B herald send 239.1.2.3:10000 --file "$T/random.bin" --expect 6
run send B herald send 239.1.2.3:10000 'the end' --expect 6
for name in text json also_json; do
    wait_line $name.out 'the end'
done
wait_line hex.out '^74686520656e64$'
wait_line raw.out 'the end'
wait_line file.raw 'the end'

ok 'text: nothing that a terminal would obey' only_printable text.out
like 'text: escapes are shown as such' text.out '"\\x1b\]0;pwned\\x07\\x1b\[2J\\r\\n\\x00\\x7f.*\\\\"$'
like 'text: what is readable stays so, but a quote does not end it' text.out '"grüße, \\"quoted\\""$'
is 'text: one line a datagram' "$(wc -l <"$T/text.out")" 6

{
    printf '%b' "$(sed 's/../\\x&/g' <<<$hostile)"
    printf '%s\0' "$innocent"
    cat "$T/bytes.bin" "$T/random.bin"
    printf 'the end'
} >"$T/wanted.raw"
ok 'raw: byte for byte what was sent' cmp "$T/raw.out" "$T/wanted.raw"
ok '-o: the same in a file' cmp "$T/file.raw" "$T/wanted.raw"
is '-o: nothing on stdout' "$(cat "$T/file.out")" ''
is 'hex: the digits' "$(head -n 1 "$T/hex.out")" $hostile
is 'hex: a line a datagram' "$(wc -l <"$T/hex.out")" 6
is 'hex: nothing lost' "$(tail -n 2 "$T/hex.out" | head -n 1)" "$(od -An -v -tx1 "$T/random.bin" | tr -d ' \n')"

for name in text json also_json hex raw file; do
    stop $name
    is "$name: ends well" $status 0
done
ok 'json: lines that parse' json json.out 'len(of("datagram")) == 6'
ok 'json: nothing that a terminal would obey' only_printable json.out
ok 'json: the facts of the text line' json json.out '
    [(d["source"], d["group"], d["port"], d["interface"], d["ttl"], d.get("payload")) for d in of("datagram")][1]
        == ("10.0.0.2", "239.1.2.3", 10000, "eth0", 1, "grüße, \"quoted\"")
    and all(isinstance(d["source_port"], int) and d["time_ns"] > 1e18 for d in of("datagram"))'
ok 'json: lists are lists' json json.out '
    of("listening")[0]["endpoints"] == ["239.1.2.3:10000"] and sorted(of("listening")[0]["interfaces"]) == ["eth0", "lo"]'
ok 'json: payload that is no text is hex' json json.out "of('datagram')[0]['payload_hex'] == '$hostile'"
ok 'json: the summary too' json json.out \
    'of("summary")[0]["datagrams"] == 6 and of("summary")[0]["duplicates"] == 0 and of("summary")[0]["kernel_drops"] == 0'
is 'json: --json is the same as --format json' "$(json also_json.out 'len(of("datagram")) == 6'; echo $?)" 0
text_facts=$(sed -nE 's/^[^ ]+  ([^ ]+) > ([^ ]+)  ([^ ]+)  ttl ([0-9]+)  ([0-9,]+) B  .*/\1 \2 \3 \4 \5/p' "$T/text.out" | tr -d ,)
json_facts=$(python3 -c '
import json, sys
for line in open(sys.argv[1]):
    d = json.loads(line)
    if d["event"] == "datagram":
        size = len(d["payload"].encode()) if "payload" in d else len(d["payload_hex"]) // 2
        print("%s:%d %s:%d %s %d %d" % (d["source"], d["source_port"], d["group"], d["port"], d["interface"], d["ttl"], size))
' "$T/json.out")
is 'json: line by line the facts of the text' "$json_facts" "$text_facts"

# Datagrams that come in one piece (segmentation offload) are told apart again.
listen run_raw A 239.1.2.3:10000 --format raw --ack never
listen run_json A 239.1.2.3:10000 --json --ack never
run send B herald send 239.1.2.3:10000 --file "$T/random.bin" --rate max --count 64 --wait 1ms
is '64 datagrams as fast as can be' $status 0
wait_until "[ \$(wc -c <$T/run_raw.out) = 89600 ] && [ \$(grep -c '\"datagram\"' $T/run_json.out) = 64 ]"
stop run_raw
stop run_json
for _ in $(seq 64); do
    cat "$T/random.bin"
done >"$T/wanted.raw"
ok 'are 64 datagrams, byte for byte' cmp "$T/run_raw.out" "$T/wanted.raw"
ok 'each of its own size' json run_json.out '[d["size_bytes"] for d in of("datagram")] == [1400] * 64'

# An answer is shown as carefully as a message.
listen evil A 239.1.2.3:10000 --ack "$(printf '\033]0;owned\007\033[2J')"
run send B herald send 239.1.2.3:10000 hello --expect 1
ok 'a hostile answer is escaped by send' only_printable send.out
like 'and shown' send.out '"\\x1b\]0;owned\\x07'
stop evil

# ---- where the output cannot go
run dir A herald listen 239.1.2.3:10000 -o "$T/no/such/dir/file" --for 1s
is '-o in a directory that is not there: status 3' $status 3
like 'says which' dir.err '^herald listen: .*no/such/dir'
like 'and what helps' dir.err "^  try: mkdir -p $T/no/such/dir\$"
run dir A herald listen 239.1.2.3:10000 -o "$T" --for 1s
like '-o with a directory: another name' dir.err "^  try: -o $T/datagrams\$"
run dir A herald listen 239.1.2.3:10000 -o '' --for 1s
is '-o with an empty name is a usage error' $status 2
like 'which is said' dir.err '^herald listen: --output needs the name of a file'

# Standard output by another name: nothing is opened anew, emptied or written over.
cd "$T" || exit 1
for name in - /dev/stdout; do
    start same A bash -c 'echo before; exec herald listen 239.1.2.3:10000 --count 1 -o "$1" 2>&1' same $name
    wait_line same.out '^listening'
    run send B herald send 239.1.2.3:10000 hello --expect 1
    finish same
    is "-o $name is standard output" "$(sed -E 's/^(before|listening|1 datagram|.*"hello"$).*/\1/; s/.*"hello"/hello/' same.out | paste -sd ' ')" \
        'before listening hello 1 datagram'
done
ok 'and no file of that name' test ! -e "$T/-"

mkdir "$T/small"
must mount -t tmpfs -o size=64k tmpfs "$T/small"
start full A herald listen 239.1.2.3:10000 --format raw -o "$T/small/file" --ack never
wait_line full.err '^listening'
run fill B herald send 239.1.2.3:10000 --file "$T/random.bin" --count 100 --rate 2000pps --wait 10ms -q
finish full
is 'a full disk under -o: status 3' $status 3
like 'what helps is told' full.err "^  try: df -h $T/small/file\$"
stored=$(($(wc -c <"$T/small/file") / 1400))
like 'and how much of it is stored' full.err "^[0-9]+ datagrams, .*; only $stored printed, what came later is lost\$"
like 'is said in a clear line' full.err "^herald listen: .*($T/small/file.*|No space|full).*"
umount "$T/small"

start full A bash -c 'exec herald listen 239.1.2.3:10000 >/dev/full'
wait_line full.err '^listening'
run send B herald send 239.1.2.3:10000 hello --wait 50ms
finish full
is 'a full device as stdout: status 3' $status 3
start closed A bash -c 'exec herald listen 239.1.2.3:10000 >&-'
finish_or_send() {
    # It may notice at once, or with the first datagram.
    kill -0 "${pid_of[closed]}" 2>/dev/null && on B herald send 239.1.2.3:10000 hello --wait 50ms -q >/dev/null
    ! kill -0 "${pid_of[closed]}" 2>/dev/null
}
wait_until finish_or_send
finish closed
is 'a closed stdout: status 3' $status 3
like 'is said' closed.err '^herald listen: .*(stdout|output)'

# A reader that goes away ends it like any other program, and at once: nothing more is sent here.
for form in 'text 1' 'json 2'; do
    on A bash -c "herald listen 239.1.2.3:10000 --format ${form% *} 2>$T/head.err | head -n ${form#* }; exit \${PIPESTATUS[0]}" \
        >"$T/head.out" &
    head_pid=$!
    wait_until "on B herald send 239.1.2.3:10000 hello --expect 1 --wait 100ms -q"
    wait_until "! kill -0 $head_pid"
    wait $head_pid
    is "${form% *}: a pipe whose reader has gone ends the listener: status 3" $? 3
    is 'which is said once' "$(count head.err 'cannot write to standard output: Broken pipe$')" 1
    is 'what it has read is whole' "$(count head.out hello)" 1
done

# ---- quiet and silent
listen silent A 239.1.2.3:10000 --no-print --count 1
run send B herald send 239.1.2.3:10000 hello --expect 1
finish silent
is '--no-print prints no datagram' "$(cat "$T/silent.out")" ''
start quiet A herald listen 239.1.2.3:10000 -q --count 1
wait_member A eth0 239.1.2.3
wait_until 'on B herald send 239.1.2.3:10000 hello --expect 1 --wait 100ms -q'
finish quiet
is '--quiet leaves no message' "$(cat "$T/quiet.err")" ''
is 'but the data' "$(count quiet.out '"hello"')" 1

# ---- statistics
listen stats A 239.1.2.3:10000 --stats 200ms
run send B herald send 239.1.2.3:10000 --file "$T/random.bin" --count 30 --rate 500pps --wait 10ms -q
wait_line stats.err 'bit/s'
stop stats
like '--stats tells rate, sources and drops' stats.err '^[0-9.]+ m?s: [0-9,.]+ datagrams/s, .*bit/s, sources 1, gaps unknown, duplicates 0, dropped by the kernel 0$'
done_testing
