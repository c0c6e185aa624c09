#!/bin/bash
# SPDX-License-Identifier: MIT
# Files to everyone, and a receipt from each: herald put and herald get on three hosts.
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"

EP=239.1.2.3:10000
lan A B C
for host in A B C; do
    group_route_add $host
done

# Starts `herald get ARGUMENTS` and waits until it has joined. ON names the host's own name for it, by default HOST.
get() { # NAME HOST ARGUMENTS...
    local name=$1 host=$2
    shift 2
    # shellcheck disable=SC2016
    start "$name" "$host" unshare -u sh -c 'hostname "$0" && exec "$@"' "$host" herald get "$@"
    case " $* " in
        *' --json '*) wait_line "$name.out" '"event":"receiving"' ;;
        *) wait_line "$name.err" '^getting from ' ;;
    esac
}

same() { # WHAT ONE OTHER
    ok "$1" cmp "$2" "$3"
}

mkdir "$T/src" "$T/b" "$T/c"
head -c 3000000 /dev/urandom >"$T/src/file.bin"

# ---- one file to two receivers ----------------------------------------------------------------

get one_b B $EP -d "$T/b" --once
get one_c C $EP -d "$T/c" --once
like 'get states group, interfaces, directory and node' one_b.err \
    "^getting from 239\.1\.2\.3:10000 on .*eth0.* into $T/b, node [0-9]+"
run one A herald put $EP "$T/src/file.bin" --expect 2 --receipts "$T/one.json"
is 'put ends well when both have it' $status 0
like 'put states number, size, group, interface, reason, source, TTL, node and rate' one.err \
    '^putting 1 object, 2\.86 MiB, to 239\.1\.2\.3:10000 on eth0 \(route\) from 10\.0\.0\.1, TTL 1, node [0-9]+, rate auto; expecting 2 receivers'
is 'a line for each that answers the roll call' "$(count one.err '^here: [BC]  10\.0\.0\.[23]:[0-9]+  node [0-9]+$')" 2
is 'a line for each receipt, below a headline' "$(count one.out '')" 3
like 'with a headline' one.out '^RECEIVER +ADDRESS +NODE +HAS +REPAIRS +TIME +RESULT'
like 'B has it, verified' one.out '^B +10\.0\.0\.2 +[0-9]+ +2\.86 MiB +[0-9]+ +[0-9.]+ m?s +verified$'
like 'C has it, verified' one.out '^C +10\.0\.0\.3 +[0-9]+ +2\.86 MiB +[0-9]+ +[0-9.]+ m?s +verified$'
like 'and the sum' one.err '^2 of 2 receivers have everything: 1 object, 2\.86 MiB in .*, 1\.[0-9]+ bytes sent per byte$'
finish one_b
is 'get --once ends well at B' $status 0
finish one_c
is 'and at C' $status 0
same 'the content is the same at B' "$T/src/file.bin" "$T/b/file.bin"
same 'and at C' "$T/src/file.bin" "$T/c/file.bin"
like 'get prints path, size, time, rate, verification and sender' one_b.out \
    '^file\.bin  2\.86 MiB in .* \(.*bit/s\), verified, from .* \(10\.0\.0\.1\)$'
like 'and that the delivery is complete' one_b.err '^all here from .* \(10\.0\.0\.1\): 1 object$'
ok '--receipts is a JSON object for each' json one.json \
    'sorted((e["host"], e["source"], e["state"], e["verified"], e["received_bytes"]) for e in of("receipt")) ==
     [("B", "10.0.0.2", "complete", True, 3000000), ("C", "10.0.0.3", "complete", True, 3000000)] and len(events) == 2'

# ---- a tree -----------------------------------------------------------------------------------

mkdir -p "$T/src/tree/docs/deep" "$T/src/tree/empty" "$T/src/tree/build/x"
echo readme >"$T/src/tree/readme.txt"
: >"$T/src/tree/docs/nothing"
head -c 100000 /dev/urandom >"$T/src/tree/docs/deep/data"
head -c 10 /dev/urandom >"$T/src/tree/docs/deep/part.o"
echo made >"$T/src/tree/build/x/made"
ln -s ../readme.txt "$T/src/tree/docs/link"
chmod 755 "$T/src/tree/readme.txt"
chmod 640 "$T/src/tree/docs/nothing"
touch -d '2001-02-03 04:05:06' "$T/src/tree/readme.txt" "$T/src/tree/docs/nothing"

# Names, kinds, modes, sizes, times of files, and where links lead.
listing() { # DIRECTORY
    (cd "$1" && find . -mindepth 1 \( -type f -printf '%p %y %m %s %T@\n' \) -o -mindepth 1 -printf '%p %y %l\n' |
        sed 's/\.0*$//' | sort)
}

get tree_b B $EP -d "$T/b" --once
run tree A herald put $EP "$T/src/tree" --exclude '*.o' --exclude build --expect 1
is 'a tree is put' $status 0
finish tree_b
is 'and got' $status 0
cp -a "$T/src/tree" "$T/wanted"
rm -r "$T/wanted/build" "$T/wanted/docs/deep/part.o"
is 'names, modes, times, links, empty files and directories are the same, without what is excluded' \
    "$(listing "$T/b/tree")" "$(listing "$T/wanted")"
ok 'and the contents' diff -r --no-dereference "$T/wanted" "$T/b/tree"

get again_b B $EP -d "$T/b" --once
echo 'readme, second edition' >"$T/src/tree/readme.txt"
run again A herald put $EP "$T/src/tree" --exclude '*.o' --exclude build
is 'put again' $status 0
finish again_b
same 'it takes the place of the old one' "$T/src/tree/readme.txt" "$T/b/tree/readme.txt"

mkdir -p "$T/b/.herald-partial" "$T/b/tree/.herald-partial" "$T/relayed"
echo half >"$T/b/.herald-partial/0123456789abcdef.part"
get relay_c C $EP -d "$T/relayed" --once
run relay B herald put $EP "$T/b/"
is 'what was received is put on, whatever is unfinished there' $status 0
unlike 'and nobody is warned' relay.err 'warning'
finish relay_c
rm -r "$T/b/.herald-partial" "$T/b/tree/.herald-partial"
ok 'it is all there' diff -r --no-dereference "$T/b" "$T/relayed"

mkdir "$T/some"
get exclude_b B $EP -d "$T/some" --once
run exclude A herald put $EP "$T/src/tree" --exclude 'build/*' --exclude '/*.txt' --exclude '*.obj'
is 'put with patterns that are paths' $status 0
finish exclude_b
is 'leaves out what they mean below the directory' "$(cd "$T/some" && find . -type f | sort | tr '\n' ' ')" \
    './tree/docs/deep/data ./tree/docs/deep/part.o ./tree/docs/nothing '
is 'and warns of the one that means nothing' "$(grep warning "$T/exclude.err")" \
    "herald put: warning: --exclude '*.obj' left nothing out"

get proc_b B $EP -d "$T/some" --once
run proc A herald put $EP "$T/src/file.bin" /proc/version
is 'what has no size before it is read is not sent as empty' $status 1
like 'and said' proc.err 'warning: /proc/version: its size is not known'
finish proc_b
ok 'nor received' test -e "$T/some/file.bin" -a ! -e "$T/some/version"

get rename_b B $EP -d "$T/b" --once --rename
run rename A herald put $EP "$T/src/file.bin"
finish rename_b
is 'with --rename' $status 0
same 'the new one has another name' "$T/src/file.bin" "$T/b/file.bin.1"

get skip_b B $EP -d "$T/b" --once --skip
run skip A herald put $EP "$T/src/file.bin"
is 'with --skip, and the same file there: the sender is content' $status 0
finish skip_b
is 'with --skip' $status 0
like 'it is skipped, and said' skip_b.err '^skipped: file\.bin is here already, from .*\(10\.0\.0\.1\)'
like 'to the sender as well: not as verified, though it looks the same' skip.out '^B .* confirmed +.*was here already'

echo 'another one' >"$T/b/file.bin"
get skip_b B $EP -d "$T/b" --once --skip
run skip A herald put $EP "$T/src/file.bin"
is 'with --skip, and another file there: the sender fails' $status 1
like 'and knows why' skip.out '^B .* failed +file\.bin: something else of that name is here already'
finish skip_b
is 'the receiver does not, it was to be so' $status 0
is 'it stays' "$(cat "$T/b/file.bin")" 'another one'

mkfifo "$T/src/tree/docs/fifo"
get fifo_b B $EP -d "$T/b" --once
run fifo A herald put $EP "$T/src/tree/docs"
finish fifo_b
is 'a fifo in a tree is no failure' $status 0
like 'but said' fifo.err 'warning: .*docs/fifo.*fifo'
ok 'and left out' test ! -e "$T/b/docs/fifo"
rm "$T/src/tree/docs/fifo"

get silent_b B $EP -d "$T/c" --silent
run silent A herald put $EP "$T/src/tree" --silent-receivers --fec 50 --rate 20mbit -v
is 'where nobody can answer, put just sends' $status 0
like 'and says what' silent.err '^sent [0-9]+ objects, '
like 'in blocks with room for its parity' silent.err 'blocks of 128 \+ 64 segments \(FEC 5\), 50% of parity'
is 'without a table' "$(cat "$T/silent.out")" ''
wait_line silent_b.out '^tree/docs/deep/data '
stop silent_b
ok 'and it comes without a word' diff -r --no-dereference "$T/src/tree" "$T/c/tree"

head -c 2400000 /dev/zero >"$T/src/changing"
get changing_b B $EP -d "$T/b" --once
start changing A herald put $EP "$T/src/changing" --rate 18mbit
wait_until "find '$T/b/.herald-partial' -name '*.part' | grep -q ."
tr '\0' x <"$T/src/changing" | dd of="$T/src/changing" conv=notrunc status=none
finish changing
is 'a file that changes while it is sent: status 1' $status 1
like 'says so' changing.err 'warning: .*changing was changed while it was sent'
finish changing_b
is 'and the receiver fails as well' $status 1
ok 'rather than to keep half of the one and half of the other' test ! -e "$T/b/changing"

# ---- standard input and output ----------------------------------------------------------------

get stream_b B $EP -o -
# shellcheck disable=SC2016
run stream A sh -c 'herald put "$0" - --name numbers --expect 1 <"$1"' $EP "$T/src/file.bin"
is 'standard input is put' $status 0
like 'under its name' stream.err '^putting standard input as numbers to 239'
finish stream_b
is 'and got to standard output, one object only' $status 0
same 'where nothing else is' "$T/src/file.bin" "$T/stream_b.out"
like 'what is said about it goes to standard error' stream_b.err '^numbers  2\.86 MiB'

# A directory has no content, and is not the one object.
mkdir "$T/src/one"
echo content >"$T/src/one/file"
get tree_b B $EP -o -
run tree A herald put $EP "$T/src/one"
is 'a tree to standard output: status 1' $status 1
like 'put says why' tree.out 'failed +one: one is not a file'
finish tree_b
is 'get as well' $status 1
like 'and says why' tree_b.err '^failed: one is not a file'
is 'and writes the file in it' "$(cat "$T/tree_b.out")" content

# Killed in the middle, and run again: not half of a file and then the whole.
get cut_b B $EP -o -
start cut A herald put $EP "$T/src/file.bin" --rate 4mbit --expect 1
wait_until "[ -s '$T/cut_b.out' ]"
kill -KILL "${pid_of[cut]}"
wait "${pid_of[cut]}" 2>/dev/null
unset 'pid_of[cut]'
end=$(($(now_ms) + 1200)) # until the first one counts as silent
wait_until "[ \$(now_ms) -ge $end ]"
run cut A herald put $EP "$T/src/file.bin" --expect 1
is 'a sender that is killed and run again has no receipt' $status 1
like 'and is told why' cut.out 'failed +.*could not be completed'
finish cut_b
is 'get -o - ends, as half of the file is written' $status 1
like 'and says so' cut_b.err '^herald get: what was written of file\.bin is incomplete or wrong'
ok 'and wrote no more than that half' test "$(stat -c %s "$T/cut_b.out")" -lt 3000000

start pipe_b B sh -c "herald get $EP -o - | head -c 10"
wait_line pipe_b.err '^getting from '
run pipe A herald put $EP "$T/src/file.bin"
is 'a reader that goes: status 1' $status 1
like 'and the receipt tells' pipe.out 'failed +.*reader is gone'
finish pipe_b
like 'get ends, and says why' pipe_b.err '^herald get: cannot write to standard output: Broken pipe'

get file_b B $EP -o "$T/other.bin"
run file A herald put $EP "$T/src/file.bin"
finish file_b
is '-o FILE ends after one object' $status 0
same 'and has it under that name' "$T/src/file.bin" "$T/other.bin"

# All are complete here before the first is in its place.
mkdir "$T/src/five" "$T/two"
for i in 1 2 3 4 5; do
    echo "number $i" >"$T/src/five/$i"
done
get five_b B $EP -o "$T/other.bin"
get two_c C $EP -d "$T/two" --count 2
run five A herald put $EP "$T"/src/five/* --expect 2
is 'five files to those who take one, or two: status 1' $status 1
is 'who say that they take no more' "$(count five.out 'failed +it takes no more')" 2
finish five_b
is '-o FILE takes one of them' "$status $(count five_b.out '^[1-5]  ')" '0 1'
is 'and has that one' "$(cat "$T/other.bin")" "number $(cut -c 1 "$T/five_b.out")"
finish two_c
like 'and calls the others neither missing nor failed' two_c.err '^not all taken from .*: 2 objects, 3 not taken: enough had come$'
is 'nor unfinished' "$(count two_c.err 'incomplete|failed|not finished')" 0
is '--count 2 takes two' "$status $(find "$T/two" -type f | wc -l)" '0 2'

get five_b B $EP -o "$T/other.bin" --once
run five A herald put $EP "$T"/src/five/*
is 'five files to one file: status 1' $status 1
like 'put says why' five.out 'failed +.*: another file of the same delivery'
finish five_b
is 'they do not replace each other' "$status $(count five_b.out '^[1-5]  ') $(count five_b.err '^failed: ')" '1 1 4'
is 'the first stays' "$(cat "$T/other.bin")" "number $(cut -c 1 "$T/five_b.out")"

get exec_b B $EP -d "$T/b" --once --on-complete false
run exec A herald put $EP "$T/src/file.bin"
finish exec_b
is 'a program of --on-complete that fails: status 1' $status 1
like 'which is said' exec_b.err "warning: 'false' ended with status 1"
HOME=$T/src
export HOME
# shellcheck disable=SC2016
get exec_b B $EP -d "$T/b" --once --shell --on-complete \
    'cmp "$HERALD_PATH" "$HOME/file.bin" && echo "$HERALD_NAME $HERALD_SIZE $HERALD_SENDER $HERALD_VERIFIED" >"$HOME/ran"'
run exec A herald put $EP "$T/src/file.bin"
finish exec_b
is '--on-complete ran before get ended' $status 0
is 'and knew name, size, sender and verification' "$(cat "$T/src/ran")" 'file.bin 3000000 10.0.0.1 1'

# A file whose name a program would take for an option.
cp "$T/src/file.bin" "$T/src/-rf"
start dash_b B bash -c 'cd "$1" && exec herald get "$2" --once --shell --on-complete "echo \"\$HERALD_PATH\" >\"\$HOME/ran\""' \
    - "$T/b" $EP
wait_line dash_b.err '^getting from'
run dash A herald put $EP "$T/src/-rf"
finish dash_b
is 'a name is no option' "$(cat "$T/src/ran")" './-rf'
rm "$T/src/-rf"

# ---- who is expected --------------------------------------------------------------------------

get expect_b B $EP -d "$T/b"
run expect A herald put $EP "$T/src/file.bin" --expect 2 --wait 700ms
is '--expect 2 with one there: status 1' $status 1
like 'says so' expect.err '^herald put: nothing was sent: 1 of 2 expected receivers answered'
like 'and what to try' expect.err '^  try: .'

printf '%s\n' '# everyone' 'B  # by name' '10.0.0.3' >"$T/hosts"
run hosts A herald put $EP "$T/src/file.bin" --expect-hosts "$T/hosts" --wait 700ms
is '--expect-hosts with one missing: status 1' $status 1
like 'the one that is there is told' hosts.out '^B +10\.0\.0\.2'
like 'the one that is not is named' hosts.err '^herald put: nothing was sent: not here: 10\.0\.0\.3$'
like 'and in the table' hosts.out '10\.0\.0\.3 .*never came'
get expect_c C $EP -d "$T/c"
run hosts A herald put $EP "$T/src/file.bin" --expect-hosts "$T/hosts"
is '--expect-hosts with both there: status 0' $status 0
is 'both have it' "$(count hosts.out verified)" 2
stop expect_c
is 'Ctrl-C ends get well' $status 0
like 'with a summary' expect_c.err '^1 object, 2\.86 MiB'

stop expect_b

run nobody A herald put $EP "$T/src/file.bin" --wait 300ms
is 'nobody there: status 4' $status 4
like 'nobody there: says so' nobody.err '^herald put: nobody answered'
like 'nobody there: and what to try on both sides' nobody.err "^  try: herald get $EP .*herald send $EP hello"
run silence B herald get $EP -d "$T/b" --for 200ms
is 'nothing comes: status 4' $status 4
like 'nothing comes: says so' silence.err '^herald get: nothing came within 200 ms'

# ---- mistakes ---------------------------------------------------------------------------------

mistake() { # STATUS WHAT REGEX ARGUMENTS...
    local wanted=$1 what=$2 regex=$3
    shift 3
    run mistake A herald "$@"
    is "$what: status $wanted" $status "$wanted"
    like "$what: says so" mistake.err "^herald (put|get): .*$regex"
    is "$what: in at most two lines" "$(wc -l <"$T/mistake.err" | sed 's/[12]/few/')" few
}

F=$T/src/file.bin
mistake 2 'put nothing' 'PATH is missing' put $EP
mistake 2 'put to no group' 'multicast' put 10.0.0.1:10000 "$F"
mistake 2 'put to many groups' 'one group' put 239.1.2.3+4:10000 "$F"
mistake 2 'put the file first' 'EP comes first' put "$F" $EP
mistake 3 'put what is not there' 'none.*No such file|No such file.*none' put $EP "$T/none"
mistake 2 'a rate that is none' '--rate fast: must be auto' put $EP "$F" --rate fast
mistake 2 'a rate of datagrams' '--rate 100pps: must be auto' put $EP "$F" --rate 100pps
mistake 2 'fair and max' 'exclude' put $EP "$F" --rate max --tfmcc
mistake 2 'a strange laggard' 'drop:TIME' put $EP "$F" --laggard kill
mistake 2 'a laggard without time' 'drop:TIME' put $EP "$F" --laggard drop:
mistake 2 'more parity than there is' '--fec 80: 52 of 64.*room for 10' put $EP "$F" --fec 80 --block 64 --parity 10
mistake 2 'too large a block' '255 at most' put $EP "$F" --block 250 --parity 10
mistake 2 'stdin and a file' 'alone' put $EP - "$F"
mistake 2 'stdin again and again' 'once' put $EP - --repeat
mistake 2 'a name for a file' '--name' put $EP "$F" --name x
mistake 2 'silent and expected' 'nobody answers' put $EP "$F" --silent-receivers --expect 1
mistake 2 'receipts to standard output' '--receipts needs' put $EP "$F" --receipts -
printf 'web1\nweb2 web3\n' >"$T/hosts"
mistake 2 'a mistake in the list of hosts' 'line 2: .web2 web3.' put $EP "$F" --expect-hosts "$T/hosts"
mistake 3 'no list of hosts' 'none.*No such file' put $EP "$F" --expect-hosts "$T/none"
mistake 3 'put on no interface' 'eth7' put $EP "$F" -i eth7
mistake 2 'get two groups' 'one group' get 239.1.2.3+2:10000
mistake 2 'get into both' 'exclude' get $EP -d . -o x
mistake 2 'get with two wishes' 'exclude' get $EP --rename --skip
run mistake A herald get $EP -o - --json
is 'JSON and data in one: status 2' $status 2
ok 'JSON and data in one: says so, in JSON' json mistake.out '"exclude" in events[0]["cause"]'
mistake 2 'accept no address' 'numeric address' get $EP --accept web1
mistake 2 'accept another family' 'IPv6.*IPv4' get $EP --accept fd00::1
mistake 2 'a shell for nothing' '--on-complete' get $EP --shell
mistake 2 'a program for no file' '--on-complete' get $EP -o - --on-complete true
mistake 3 'no such directory' 'none' get $EP -d "$T/none"
like 'no such directory: how to make it' mistake.err "^  try: mkdir -p $T/none$"
mistake 3 'no such directory for a file' 'none' get $EP -o "$T/none/file"
like 'no such directory for a file: how to make it' mistake.err "^  try: mkdir -p $T/none$"
mistake 3 'a directory as the file' 'is a directory' get $EP -o "$T/b"
like 'a directory as the file: what receives into it' mistake.err "^  try: -d $T/b, to receive into it$"
mistake 2 'a directory behind the endpoint' "'$T/b' is one operand too many$" get $EP "$T/b"
like 'a directory behind the endpoint: the option for it' mistake.err "^  try: herald get $EP -d $T/b$"
mkdir -p "$T/strange"
: >"$T/strange/.herald-partial"
mistake 3 'no place for what is unfinished' "unfinished files in $T/strange/\.herald-partial: Not a dir" get $EP -d "$T/strange"
mistake 3 'no such program' 'no such program' get $EP --on-complete nonesuch

# ---- JSON -------------------------------------------------------------------------------------

get json_b B $EP -d "$T/b" --once --json
run json A herald put $EP "$T/src/tree" --json
is 'put --json ends well' $status 0
is 'and says nothing elsewhere' "$(cat "$T/json.err")" ''
ok 'put: a first object with the facts' json json.out \
    'events[0]["event"] == "delivering" and events[0]["interface"] == "eth0" and events[0]["ttl"] == 1'
ok 'put: the receiver as it changes' json json.out '"complete" in [e["state"] for e in of("receiver")]'
ok 'put: a receipt and a summary' json json.out \
    'of("receipt")[0]["verified"] and of("receipt")[0]["host"] == "B" and events[-1]["event"] == "summary" and
     events[-1]["missing"] == [] and events[-1]["complete"] == 1'
finish json_b
is 'get --json ends well' $status 0
is 'and says nothing elsewhere, either' "$(cat "$T/json_b.err")" ''
ok 'get: a first object with the facts' json json_b.out 'events[0]["event"] == "receiving" and "eth0" in events[0]["interfaces"]'
ok 'get: an object for each file, directory and link' json json_b.out \
    'sorted(set(e["type"] for e in of("object"))) == ["d", "f", "l"] and
     [e["size_bytes"] for e in of("object") if e["name"].endswith("deep/data")] == [100000]'
ok 'get: a delivery and a summary' json json_b.out \
    'of("delivery")[0]["failed_objects"] == 0 and events[-1]["event"] == "summary"'

run quiet A herald put $EP "$F" --wait 200ms -q
is '--quiet leaves errors' "$(count quiet.err '')" 2

# ---- devices --------------------------------------------------------------------------------------

mkfifo "$T/pipe"
cat "$T/pipe" >"$T/from_pipe" &
get null A $EP -o /dev/null
get pipe B $EP -o "$T/pipe"
run devices A herald put $EP "$F" --expect 2
is 'put to a device and a fifo ends well' $status 0
finish null
is 'get -o /dev/null ends well' $status 0
ok '/dev/null is what it was' [ -c /dev/null ]
finish pipe
is 'get -o FIFO ends well' $status 0
wait
ok 'and its reader has the file' cmp "$F" "$T/from_pipe"

# ---- the service manager ----------------------------------------------------------------------

python3 - "$T/notify" >"$T/told" <<'PYTHON' &
import socket, sys
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.bind(sys.argv[1])
s.settimeout(20)
print(s.recv(100).decode(), flush=True)
print(s.recv(100).decode(), flush=True)
PYTHON
wait_until "[ -S $T/notify ]"
NOTIFY_SOCKET=$T/notify run notify A herald get $EP -d "$T/b" --for 100ms
wait
is 'NOTIFY_SOCKET is told when it is ready, and when it ends' "$(tr '\n' ' ' <"$T/told")" 'READY=1 STOPPING=1 '

done_testing
