#!/bin/bash
# SPDX-License-Identifier: MIT
# A receiver that is killed in the middle of a tree, and started again, does not receive a file twice.
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"

EP=239.1.2.3:10000
FILES=30
lan A B C
for host in A B C; do
    group_route_add $host
done
mkdir -p "$T/tree/below" "$T/b" "$T/c"
for ((i = 0; i < FILES; i++)); do
    head -c 400000 /dev/urandom >"$T/tree/below/$i"
done

# get_b NAME: writes what it receives as JSON, into NAME.out
get_b() {
    start "$1" B herald get $EP -d "$T/b" --once --json
    wait_line "$1.out" '"event":"receiving"'
}

# Kills it hard when it has some files, and starts it again.
again() { # FIRST SECOND FILES
    wait_until "[ \$(count $1.out '\"event\":\"object\"') -ge $3 ]"
    kill -KILL "${pid_of[$1]}"
    finish "$1"
    get_b "$2"
}

done_by() {
    count "$1.out" '"event":"object".*"name":"tree/below/'
}

start c C herald get $EP -d "$T/c" --once --json
get_b first
wait_line c.out '"event":"receiving"'
start put A herald put $EP "$T/tree" --rate 40mbit --expect 2 --give-up 2s --json
again first second 5
finish put
is 'the delivery succeeds' $status 0
ok 'with two receipts' json put.out 'len([r for r in of("receipt") if r["verified"]]) == 2'
ok 'and all files at both' json put.out 'all(r["objects"] == 32 for r in of("receipt") if r["verified"])'
finish second
is 'the second run of the receiver ends well' $status 0
finish c
ok 'it has the tree' diff -r "$T/tree" "$T/b/tree"
is 'no file was received twice' $(($(done_by first) + $(done_by second))) $FILES
ok 'the second run received some' test "$(done_by second)" -gt 0
is 'the note of what was there is gone' "$(find "$T/b" -name '*.done')" ''

# ---- what was touched meanwhile is received again
rm -rf "$T/b/tree" "$T/c/tree"
start c C herald get $EP -d "$T/c" --once --json
get_b first
wait_line c.out '"event":"receiving"'
start put A herald put $EP "$T/tree" --rate 40mbit --expect 2 --give-up 2s --json
wait_until "[ \$(count first.out '\"event\":\"object\"') -ge 8 ]"
kill -KILL "${pid_of[first]}"
finish first
touched=$(cd "$T/b/tree/below" && ls | head -1)
printf x | dd of="$T/b/tree/below/$touched" conv=notrunc bs=1 count=1 2>/dev/null
touch -r "$T/tree/below/$touched" "$T/b/tree/below/$touched"
get_b second
finish put
is 'a file that somebody has written to meanwhile: the delivery succeeds' $status 0
finish second
finish c
ok 'and it is as it was sent' diff -r "$T/tree" "$T/b/tree"

# ---- a program has to see each file
rm -rf "$T/b/tree" "$T/c/tree"
: >"$T/seen"
# shellcheck disable=SC2016
see=(--shell --on-complete 'echo "$HERALD_NAME" >>'"$T/seen")
start c C herald get $EP -d "$T/c" --once --json
start first B herald get $EP -d "$T/b" --once --json "${see[@]}"
wait_line first.out '"event":"receiving"'
wait_line c.out '"event":"receiving"'
start put A herald put $EP "$T/tree" --rate 40mbit --expect 2 --give-up 2s --json
wait_until "[ \$(count first.out '\"event\":\"object\"') -ge 5 ]"
kill -KILL "${pid_of[first]}"
finish first
: >"$T/seen"
start second B herald get $EP -d "$T/b" --once --json "${see[@]}"
finish put
is 'with --on-complete: the delivery succeeds' $status 0
finish second
finish c
is 'the second run runs the program for all of them' "$(grep -c '^tree/below/' "$T/seen")" $FILES

# ---- killed when it has all, before the sender has gone
start c C herald get $EP -d "$T/c" --once --json
rm -rf "$T/b/tree"
start first B herald get $EP -d "$T/b" --json
wait_line first.out '"event":"receiving"'
wait_line c.out '"event":"receiving"'
start put A herald put $EP "$T/tree" --rate max --expect 2 --give-up 2s --keep-serving 30s --json
wait_line first.out '"event":"delivery"'
kill -KILL "${pid_of[first]}"
finish first
get_b second
finish second
is 'who has all of it and is started again ends at once' $status 0
is 'without having received anything' "$(done_by second)" 0
is 'and the note is gone' "$(find "$T/b" -name '*.done')" ''
stop put
finish c

done_testing
