#!/bin/bash
# SPDX-License-Identifier: MIT
# A file changes between two deliveries, of which the first breaks off: nothing stays of what it was.
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"
. "$LIB_DIR/put_lib.sh"

fire_lan 1
fresh
noise "$T/src/file" 4000000
fire_get first R1
fire_put_start put --rate 20mbit "$T/src/file"
wait_heard R1 2500000
crash first
crash put
noise "$T/src/file" 4000000
fire_get second R1 --once
is 'a part of the first edition is kept' "$(value second 'of("receiving")[0]["unfinished_files"]')" 1
fire_put again "$T/src/file"
is 'the second edition is delivered' $status 0
got 'and received' second
same_in_all 'as it is' file
is 'the first is gone' "$(leftovers "$T/in")" ''

done_testing
