#!/bin/bash
# SPDX-License-Identifier: MIT
# A limit of the size of files (ulimit -f) is an error that both sides are told of, not the end of the process.
# shellcheck source-path=SCRIPTDIR source=lib.sh disable=SC2016
. "$(dirname "$0")/lib.sh"

lan A B
group_route_add B
head -c 1000000 /dev/zero >"$T/file"
mkdir "$T/in"

limited() { # PORT GET-ARGUMENTS...
    start get A bash -c 'ulimit -f 100; exec herald get "$@"' get "239.1.2.3:$1" --once "${@:2}"
    wait_line get.err '^getting from '
}

limited 10000 -d "$T/in"
run put B sh -c 'herald put 239.1.2.3:10000 - --expect 1 <"$0"' "$T/file"
is 'a stream that becomes larger than a file may: the sender is told' $status 1
like 'why' put.out 'ulimit -f'
finish get
is 'and the receiver ends as after any failure' $status 1
like 'which says why' get.err '^failed: .*ulimit -f'
is 'nothing of it is left' "$(ls "$T/in")" ''

limited 10001 -d "$T/in"
run put B herald put 239.1.2.3:10001 "$T/file" --expect 1
is 'a file that is larger: the sender is told' $status 1
finish get
is 'the receiver fails' $status 1
like 'and says why' get.err '^failed: .*ulimit -f'

limited 10002 -o "$T/in/one"
run put B sh -c 'herald put 239.1.2.3:10002 - --expect 1 <"$0"' "$T/file"
finish get
is 'a stream into one file' $status 1
like 'says why' get.err '^failed: .*ulimit -f'
done_testing
