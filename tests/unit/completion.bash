#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# completion.bash SCRIPT: loads the completion and asks it as bash does when Tab is pressed.
set -u
script=$1
failures=0

bash -n "$script" || exit 1
# shellcheck disable=SC1090
source "$script"

# expect WHAT WORD...: completing the last of the words (the first is "herald") offers exactly WHAT, one a line.
expect()
{
    local wanted=$1 offered
    shift
    COMP_WORDS=("$@")
    COMP_CWORD=$(($# - 1))
    COMPREPLY=()
    _herald
    offered=$(printf '%s\n' "${COMPREPLY[@]}")
    if [[ $offered != "$wanted" ]]; then
        printf 'completing "%s": wanted "%s", offered "%s"\n' "$*" "$wanted" "$offered"
        failures=$((failures + 1))
    fi
}

expect send herald se
expect $'send\nlisten\nput\nget\nping\ndoctor\nbench\nhelp\n--help\n--version' herald ''
expect --version herald --v
expect --ttl herald send --tt
expect --ttl herald send 239.1.2.3:10000 --tt
expect '' herald send --ttl ''
expect '' herald send 239.1.2.3:10000 ''
expect lo herald send -i lo
expect lo herald listen --interface lo
expect lo herald listen --interface = lo
expect hex herald listen --format he
expect $'text\nhex\nraw\njson' herald listen --format =
expect "$script" herald send --file "$script"
expect '' herald put ''
expect "$script" herald put 239.1.2.3:10000 "$script"
expect --tfmcc herald put 239.1.2.3:10000 --tf
expect '' herald get 239.1.2.3:10000 ''
expect listen herald help li
expect $'send\nrecv\n--help' herald bench ''
expect --find-max herald bench send --find
expect lo herald bench recv 239.1.2.3:10000 -i lo
expect '' herald bench recv --find
expect --json herald listen 239.1.2.3:10000 --js
expect '' herald nonsense --js

((failures == 0))
