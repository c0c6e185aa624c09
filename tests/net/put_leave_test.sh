#!/bin/bash
# SPDX-License-Identifier: MIT
# A receiver that is ended on purpose tells the sender, which then does not wait for it.
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"

EP=239.1.2.3:10000
lan A B
for host in A B; do
    group_route_add $host
done
mkdir "$T/b"
head -c 3000000 /dev/urandom >"$T/file.bin"

# Some blocks of it are here: what is unfinished is worth keeping.
wait_part() {
    wait_line put.out '"state":"receiving"'
    # shellcheck disable=SC2034 # used by the next line
    parts=$(come_in)
    wait_until '[ $(($(come_in) - parts)) -gt 600000 ]'
}

# What has come in by the receiver's cable, in bytes.
come_in() {
    on B awk '$1 == "eth0:" { print $2 }' /proc/net/dev
}

# Only the good-bye can end the sender before the test gives up.
for signal in INT TERM; do
    start get B herald get $EP -d "$T/b" --json
    wait_line get.out '"event":"receiving"'
    start put A herald put $EP "$T/file.bin" --rate 3mbit --expect 1 --give-up 1h --json
    wait_part
    kill -$signal "${pid_of[get]}"
    finish get
    is "SIG$signal ends get: status 0" $status 0
    finish put
    is "SIG$signal: the sender misses it: status 1" $status 1
    ok "SIG$signal: and the receipt says why" json put.out \
        '[(e["state"], e["reason"]) for e in of("receipt")] == [("failed", "it was stopped")]'
    ok "SIG$signal: get says that it was not finished" json get.out 'of("summary")[0]["under_way"] == 1'
    ok "SIG$signal: and can be gone on with" json get.out 'of("summary")[0]["resumable"] == 1'
    is "SIG$signal: it is kept" "$(find "$T/b/.herald-partial" -name '*.journal' | wc -l)" 1
done

start get B herald get $EP -d "$T/b" --for 3s --json
wait_line get.out '"event":"receiving"'
run put A herald put $EP "$T/file.bin" --rate 3mbit --expect 1 --give-up 1h --json
is 'the time is up: the sender misses it' $status 1
ok 'the time is up: it knows why' json put.out '[e["reason"] for e in of("receipt")] == ["it was stopped"]'
finish get
is 'the time is up: status 1 at the receiver' $status 1
ok 'the time is up: which has gone on with what was here' json get.out 'of("receiving")[0]["unfinished_files"] == 1'

# The other way round: what the receiver has of it is not lost.
rm -rf "$T/b"
mkdir "$T/b"
start get B herald get $EP -d "$T/b"
wait_line get.err '^getting from '
start put A herald put $EP "$T/file.bin" --rate 3mbit --expect 1 --json
wait_part
kill -INT "${pid_of[put]}"
wait_line get.err '^failed: file\.bin: its sender is gone; what is here of it is kept, and gone on with when it comes again'
finish put
stop get
is 'a sender that is stopped: what is here is kept, as it was told' \
    "$(find "$T/b/.herald-partial" -name '*.journal' | wc -l)" 1

# Of so few blocks there is nothing that would be worth keeping.
head -c 300000 /dev/urandom >"$T/small.bin"
start get B herald get $EP -d "$T/b"
wait_line get.err '^getting from '
start put A herald put $EP "$T/small.bin" --rate 500kbit --expect 1 --give-up 1h --json
wait_line put.out '"state":"receiving"'
kill -INT "${pid_of[get]}"
finish get
like 'a small file that was not finished will not be gone on with' get.err '^0 objects, 0 B; 1 not finished$'
finish put

done_testing
