# SPDX-License-Identifier: MIT
# shellcheck shell=bash disable=SC2034,SC2154
#
# What tests of `herald doctor` share; after lib.sh.
#
#   examine HOST ARGUMENTS...              herald doctor --json: $status
#   verdict_of KEY                         one member of its verdict
#   findings LEVEL                         "CHECK CHECK ..." of that level, in their order
#   healthy WHAT HOST ARGUMENTS...         nothing is found: no fault, and no warning either
#   names WHAT CHECK HOST ARGUMENTS...     that fault is found first;  warns: that warning
#   obey WHAT HOST                         runs the remedy, which must be a command;  obey_words: the one at its end
#   mends WHAT CHECK HOST ARGUMENTS...     all three; warns_mends
#   talk HOST ARGUMENTS...                 herald send, 50 times a second, until silence
#   nft_add HOST FAMILY HOOK PRIORITY POLICY RULE...   a chain "HOOK" of a table "guard";  nft_clear HOST: no rules

verdict_of() {
    python3 -c 'import json, sys
for line in open(sys.argv[1], "rb"):
    event = json.loads(line)
    if event["event"] == "verdict":
        print(event.get(sys.argv[2], ""))' "$T/doctor.out" "$1"
}

findings() {
    python3 -c 'import json, sys
events = [json.loads(line) for line in open(sys.argv[1], "rb")]
print(*[e["check"] for e in events if e["event"] == "finding" and e["level"] == sys.argv[2]])' "$T/doctor.out" "$1"
}

examine() {
    local host=$1
    shift
    run doctor "$host" herald doctor --json "$@"
}

healthy() {
    local what=$1
    shift
    examine "$@"
    is "$what: nothing is found" "$status $(verdict_of level) $(verdict_of check)" '0 ok '
}

names() {
    local what=$1 check=$2
    shift 2
    examine "$@"
    is "$what: the doctor names it" "$status $(verdict_of level) $(verdict_of check)" "1 fault $check"
}

warns() {
    local what=$1 check=$2
    shift 2
    examine "$@"
    is "$what: the doctor warns of it" "$status $(verdict_of level) $(verdict_of check)" "0 warning $check"
}

obey() {
    local remedy
    remedy=$(verdict_of remedy)
    is "$1: there is a command: $remedy" "$(verdict_of remedy_is_command)" True
    run remedy "$2" sh -c "$remedy"
    is "$1: the command works" "$status" 0
}

# Advice for another machine, with a command behind its last colon.
obey_words() {
    local remedy
    remedy=$(verdict_of remedy)
    is "$1: it is for another machine: $remedy" "$(verdict_of remedy_is_command)" False
    run remedy "$2" sh -c "${remedy##*: }"
    is "$1: its command works there" "$status" 0
}

mends() {
    names "$@"
    obey "$1" "$3"
    local what=$1
    shift 2
    healthy "$what, mended" "$@"
}

warns_mends() {
    warns "$@"
    obey "$1" "$3"
    local what=$1
    shift 2
    healthy "$what, mended" "$@"
}

talk() {
    local host=$1
    shift
    start talk "$host" herald send "$@" --interval 20ms --json
    wait_line talk.out '"event":"sending"'
}

silence() {
    stop talk
}

nft_add() {
    local host=$1 family=$2 hook=$3 priority=$4 policy=$5 rule
    shift 5
    must on "$host" nft add table "$family" guard
    must on "$host" nft "add chain $family guard $hook { type filter hook $hook priority $priority; policy $policy; }"
    for rule; do
        must on "$host" nft "add rule $family guard $hook $rule"
    done
}

nft_clear() {
    must on "$1" nft flush ruleset
}
