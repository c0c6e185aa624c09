#!/bin/bash
# SPDX-License-Identifier: MIT
# Every example of the help (and of the manual, which comes from the same text) is a command line that works.
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"

lan A B
group_route_add A
group_route_add B
mkdir "$T/work"
cd "$T/work" || exit 1
# timeout(1) sends its signal twice. On a busy machine the second one comes when LeakSanitizer has stopped the process
# to look at it, which then hangs.
export ASAN_OPTIONS="${ASAN_OPTIONS:+$ASAN_OPTIONS:}detect_leaks=0"

examples() { # COMMAND
    # shellcheck disable=SC2086 # a member of a family is two words
    herald $1 --help | sed -nE '/^(EXAMPLES|Examples)/,$ s/^ +(herald .*|[^#]*\| *herald .*)$/\1/p'
}

for command in --help listen send put get ping doctor "bench send" "bench recv" bench; do
    examples "$command" >"$T/examples"
    ok "$command has examples" test "$(wc -l <"$T/examples")" -ge 2
    n=0
    lines=()
    workers=()
    # All at once: each may wait for what does not come.
    while IFS= read -r line; do
        n=$((n + 1))
        lines[n]=$line
        printf '%s\n' "$line" >"$T/example_$command$n.cmd"
        # The files that it reads.
        for word in $line; do
            case $word in
                hosts.txt) echo 10.0.0.1 >"$word" ;;
                *.bin | *.txt | *.json | *.img) [ -e "$word" ] || echo 'contents of a file' >"$word" ;;
            esac
        done
        env --default-signal=INT nsenter --net=/run/netns/B timeout --preserve-status -s INT -k 5 2 bash -c "$line" \
            >"$T/example_$command$n.out" 2>"$T/example_$command$n.err" &
        workers[n]=$!
    done <"$T/examples"
    for ((i = 1; i <= n; i++)); do
        wait "${workers[i]}"
        code=$?
        # 2 would be a usage error, 126 and 127 a command that is none, 137 one that does not heed Ctrl-C.
        is "${lines[i]} (status $code)" "$(case $code in 2 | 3 | 126 | 127 | 137) echo bad ;; *) echo good ;; esac)" good
    done
done
done_testing
