#!/bin/bash
# SPDX-License-Identifier: MIT
# A receiver that a sender does not wait for any more says so, and why.
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"

EP=239.1.2.3:10000
lan A B
group_route_add B
head -c 30000000 /dev/zero >"$T/file"

# Its reader takes nothing, but is there.
mkfifo "$T/pipe"
exec {READER}<>"$T/pipe"
start get A herald get $EP -o "$T/pipe" --once
wait_line get.err '^getting from '
run put B herald put $EP "$T/file" --expect 1 --rate 100mbit --laggard drop:500ms
is 'a receiver that gets nowhere is left behind' $status 1
like 'the sender says so, and nothing that is not so' put.out 'left behind$'
finish get
like 'and so does the receiver, with the reason' get.err \
    '^herald get: warning: the sender goes on without this host: nothing new had arrived here for 500 ms$'
is 'whose status tells that something is missing' $status 1

start get A herald get $EP -o "$T/pipe" --once --json
wait_line get.out '"event":"receiving"'
run put B herald put $EP "$T/file" --expect 1 --rate 100mbit --laggard drop:1s
finish get
ok 'in JSON as well' json get.out \
    'of("warning")[0]["cause"] == "the sender goes on without this host: nothing new had arrived here for 1 s"'
exec {READER}<&-
done_testing
