#!/bin/bash
# SPDX-License-Identifier: MIT
# frame.sh HERALD: what the command does before any sub-command runs: help, version, mistakes, unusable output. TAP.
set -u
herald=$1
number=0
failed=0
directory=$(mktemp -d)
trap 'rm -rf "$directory"' EXIT

# expect NAME STATUS STDOUT STDERR: compares with what `run` left behind; STDOUT and STDERR are glob patterns.
expect()
{
    local name=$1 status=$2 out=$3 err=$4 got_out got_err
    got_out=$(<"$directory/out")
    got_err=$(<"$directory/err")
    number=$((number + 1))
    # shellcheck disable=SC2053
    if [[ $got_status == "$status" && $got_out == $out && $got_err == $err ]]; then
        echo "ok $number - $name"
    else
        failed=$((failed + 1))
        echo "not ok $number - $name"
        printf 'status %s\nstdout: %s\nstderr: %s\n' "$got_status" "$got_out" "$got_err" | sed 's/^/# /'
    fi
}

run()
{
    "$herald" "$@" >"$directory/out" 2>"$directory/err" </dev/null
    got_status=$?
}

run
expect 'without arguments it explains itself on stderr' 2 '' 'herald: IP multicast*Commands:*send EP*listen EP*Exit status:*'
for word in --help -h help; do
    run $word
    expect "$word explains it on stdout" 0 'herald: IP multicast*Commands:*send EP*listen EP*Exit status:*' ''
done
run --version
expect '--version prints the version' 0 'herald [0-9]*.[0-9]*.[0-9]*' ''
for command in send listen put get bench 'bench send' 'bench recv' help; do
    # shellcheck disable=SC2086
    run help $command
    expect "help $command explains the command" 0 "Usage: herald $command*Options:*--help*Exit status:*" ''
    cp "$directory/out" "$directory/help"
    run $command --help
    cmp -s "$directory/out" "$directory/help" || got_status=different
    expect "$command --help prints the same" 0 '*' ''
done

try=$'\n  try: herald help'
run lisen
expect 'a mistyped command is guessed' 2 '' "herald: no command 'lisen'; did you mean 'listen'?$try"
run help lisen
expect 'also after help' 2 '' "herald help: no command 'lisen'; did you mean 'listen'?$try"
run bench sned
expect 'a mistyped member of a family is guessed' 2 '' \
    "herald: no command 'bench sned'; did you mean 'bench send'?$try bench"
run help send more
expect 'help of a command takes nothing more' 2 '' "herald help: 'more' is one operand too many$try send"
run frobnicate
expect 'a strange command is not guessed' 2 '' "herald: no command 'frobnicate'$try"
run ''
expect 'an empty command is refused' 2 '' "herald: no command ''$try"
run $'se\e[31mnd\n'
expect 'a command cannot control the terminal' 2 '' "herald: no command 'se[!$'\e']*nd[!$'\n']'$try"
run --vresion
expect 'a mistyped option is guessed' 2 '' "herald: no option '--vresion'; did you mean '--version'?$try"
run --json send
expect 'an option before the command is refused' 2 '' "herald: no option '--json' before the command$try"
run send
expect 'a missing endpoint is named' 2 '' "herald send: EP is missing: herald send *$try send"
run listen --jsn 239.1.2.3:10000
expect 'a mistyped option of a command is guessed' 2 '' \
    "herald listen: no option '--jsn'; did you mean '--json'[?]$try listen"
run send 239.1.2.3:10000 hello --ttl 256
expect 'a value out of range is refused' 2 '' "herald send: --ttl 256: must be between 0 and 255$try send"
run send 239.1.2.3:10000 hello --ttl=
expect 'an empty value is seen' 2 '' "herald send: --ttl '': must be *$try send"
for words in '--json --ttl 300' '--ttl 300 --json' '--json=1 --json' '--tll 3 --json'; do
    # shellcheck disable=SC2086
    run send 239.1.2.3:10000 hello $words
    expect "a mistake with $words is one JSON object" 2 \
        '{"event":"error","cause":"*","advice":"herald help send","status":2}' ''
done
run send 239.1.2.3:10000 --ttl 300 -- --json
expect 'an operand --json is no option' 2 '' "herald send: --ttl 300: must be *$try send"
run send 239.1.2.3 hello --json
expect 'a mistake in an operand, too' 2 '{"event":"error","cause":"*port*","advice":"herald help send","status":2}' ''
run send hello 239.1.2.3:10000
expect 'the endpoint comes first' 2 '' \
    "herald send: 'hello' is not an endpoint: EP comes first, then MESSAGE"$'\n  try: herald send 239.1.2.3:10000 hello'
run send $'\e[2J:1' hello
expect 'a strange endpoint is escaped once' 2 '' "herald send: '[?][[]2J:1' is not an endpoint$try send"
for command in send listen put get; do
    run $command --help
    got_status=$(grep -c 'may be repeated' "$directory/out")
    expect "$command --help does not say twice that -i may be repeated" 0 'Usage*' ''
done

# Descriptor 9 becomes a pipe whose only reader is gone.
mkfifo "$directory/pipe"
# shellcheck disable=SC2094
exec 8<>"$directory/pipe" 9>"$directory/pipe" 8>&-
: >"$directory/out"
for words in --help --version 'help send'; do
    # shellcheck disable=SC2086
    "$herald" $words >/dev/full 2>"$directory/err"
    got_status=$?
    expect "$words on a full disk fails in one line" 3 '' \
        'herald: cannot write to standard output: No space left on device'
    # shellcheck disable=SC2086
    "$herald" $words >&- 2>"$directory/err"
    got_status=$?
    expect "$words with stdout closed fails in one line" 3 '' 'herald: cannot write to standard output: it is closed'
    # shellcheck disable=SC2086
    "$herald" $words >&9 2>"$directory/err"
    got_status=$?
    expect "$words into a pipe that nobody reads fails in one line" 3 '' \
        'herald: cannot write to standard output: Broken pipe'
done
"$herald" --version >"$directory/out" 2>&- <&-
got_status=$?
: >"$directory/err"
expect 'stdin and stderr may be closed' 0 'herald *' ''

echo "1..$number"
exit $((failed > 0))
