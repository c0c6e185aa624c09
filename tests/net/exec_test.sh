#!/bin/bash
# SPDX-License-Identifier: MIT
# Programs run by a listener: payload on stdin, facts in the environment, answers from their output; never a shell
# unless asked; a program that fails, is missing or hangs harms nobody.
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck disable=SC2016 # what must not be expanded

lan A B
group_route_add B
cd "$T" || exit 1

send() { # TEXT [ARGUMENTS...]
    run send B herald send 239.1.2.3:10000 "$@"
}

cat >"$T/bin/note" <<'PROGRAM'
#!/bin/sh
{ printf 'payload='; cat; echo; echo "arguments=$*"; env | grep '^HERALD_' | sort; } >"$T/noted.part"
mv "$T/noted.part" "$T/noted"
PROGRAM
cat >"$T/bin/shout" <<'PROGRAM'
#!/bin/sh
tr a-z A-Z
PROGRAM
cat >"$T/bin/fail" <<'PROGRAM'
#!/bin/sh
echo 'about to fail' >&2
exit 7
PROGRAM
cat >"$T/bin/hang" <<'PROGRAM'
#!/bin/sh
trap '' TERM
sleep 4242 &
wait
sleep 4242
PROGRAM
chmod +x "$T"/bin/*

hanging() {
    grep -aq 4242 /proc/[0-9]*/cmdline
}

# ---- --exec
unset HERALD # the binary's path is not a fact of a datagram
listen exec A 239.1.2.3:10000 --exec 'note one  two'
send 'hello $(touch injected) `touch injected`; touch injected' --expect 1
is 'a listener that runs a program answers as well' $status 0
wait_until '[ -e noted ]'
like 'the payload is on its stdin' noted '^payload=hello \$\(touch injected\) `touch injected`; touch injected$'
like 'the command is split at blanks' noted '^arguments=one two$'
like 'the group is in its environment' noted '^HERALD_GROUP=239\.1\.2\.3$'
like 'the port' noted '^HERALD_PORT=10000$'
like 'the source' noted '^HERALD_SOURCE=10\.0\.0\.2$'
like 'the source port' noted '^HERALD_SOURCE_PORT=[0-9]+$'
like 'the interface' noted '^HERALD_INTERFACE=eth0$'
like 'the TTL' noted '^HERALD_TTL=1$'
like 'the size' noted '^HERALD_SIZE=56$'
like 'the time' noted '^HERALD_TIME=[0-9]'
ok 'nothing of it went through a shell' test ! -e injected
rm -f noted
head -c 100000 /dev/urandom | head -c 1400 >"$T/random.bin"
cat >"$T/bin/keep" <<'PROGRAM'
#!/bin/sh
cat >"$T/kept.part" && mv "$T/kept.part" "$T/kept"
PROGRAM
chmod +x "$T/bin/keep"
stop exec
listen exec A 239.1.2.3:10000 --exec keep
run send B herald send 239.1.2.3:10000 --file "$T/random.bin" --expect 1
wait_until '[ -e kept ]'
ok 'the payload arrives byte for byte' cmp kept random.bin
stop exec

run plain A herald listen 239.1.2.3:10000 --exec "note 'a | b' c;d" --for 50ms
unlike 'plain words give no warning' plain.err 'warning'
run shellish A herald listen 239.1.2.3:10000 --exec 'note a | note b > c' --for 50ms
is 'shell syntax without --shell is one warning' "$(count shellish.err 'warning: ')" 1
like 'that names it' shellish.err "warning: no shell reads '\|' in 'note a \| note b > c'"
like 'and what helps' shellish.err '^  try: --shell'
run shellish A herald listen 239.1.2.3:10000 --shell --exec 'note a | note b > c' --for 50ms
unlike 'with --shell there is none' shellish.err 'warning'

listen noshell A 239.1.2.3:10000 --exec 'note $(touch injected) ; touch injected'
send hello
wait_until '[ -e noted ]'
like 'the command does not go through a shell either' noted '^arguments=\$\(touch injected\) ; touch injected$'
ok 'nothing was run' test ! -e injected
rm -f noted
stop noshell

listen shell A 239.1.2.3:10000 --shell --exec 'note $((6 * 7)) && touch by_shell'
send 'hello $(touch injected)'
wait_until '[ -e by_shell ]'
like '--shell is a shell' noted '^arguments=42$'
ok 'but the payload is never a part of the command' test ! -e injected
stop shell

# ---- --reply-exec
listen reply A 239.1.2.3:10000 --reply-exec shout
send 'make me loud' --expect 1
like '--reply-exec answers with what the program writes' send.out '^10\.0\.0\.1:10000 +"MAKE ME LOUD" '
is 'and with that alone' "$(count send.out .)" 1
stop reply
unlike 'its output is not on the listener'"'"'s stdout' reply.out 'MAKE ME LOUD'

listen reply A 239.1.2.3:10000 --reply-exec 'cat'
run send B herald send 239.1.2.3:10000 --hex 00ff1b0a --expect 1 --json
ok 'an answer is what the program wrote, byte for byte' json send.out \
    'of("response")[0].get("payload_hex") == "00ff1b0a"'
stop reply

# What a program says does not get between the lines of data.
listen lines A 239.1.2.3:10000 --json --exec 'echo no JSON'
send 'first' --expect 1
send 'second' --expect 1
wait_line lines.out '"second"'
wait_until 'grep -q "no JSON" "$T/lines.err"'
stop lines
ok 'the output of a program is not mixed into JSON lines' json lines.out 'len(of("datagram")) == 2'

# ---- programs that do not do well
listen failing A 239.1.2.3:10000 --exec fail
send hello --expect 1
wait_line failing.err 'fail.*status 7|status 7.*fail'
verdict 0 'a program that fails is reported with its status'
send 'again' --expect 1
is 'and the listener goes on' $status 0
wait_line failing.out '"again"'
stop failing
is 'to its end' $status 0

listen replyfail A 239.1.2.3:10000 --reply-exec fail
send hello --wait 300ms
is 'a failing program answers nothing' "$(count send.out .)" 0
stop replyfail

run missing A herald listen 239.1.2.3:10000 --exec /no/such/program --for 1s
is 'a program that is not there: refused at once' "$(case $status in 2 | 3) echo yes ;; *) echo $status ;; esac)" yes
like 'by name' missing.err '^herald listen: .*/no/such/program'
run missing A herald listen 239.1.2.3:10000 --exec no-such-program-anywhere --for 1s
like 'so is a bare name' missing.err '^herald listen: .*no-such-program-anywhere'
like 'with what helps' missing.err '^  try: its full path'
mkdir "$T/closed"
chmod 0 "$T/closed"
run missing A env PATH="$T/closed/bin:$PATH" setpriv --bounding-set -all --inh-caps -all herald listen 239.1.2.3:10000 \
    --exec no-such-program-anywhere --for 1s
like 'even if a directory of PATH may not be searched' missing.err '^  try: its full path'
mkdir "$T/directory"
run missing A herald listen 239.1.2.3:10000 --exec "$T/directory" --for 1s
is 'a directory is no program' $status 3
like 'which is said' missing.err "^herald listen: cannot run '$T/directory': it is a directory\$"
like 'with what helps' missing.err "^  try: ls $T/directory\$"
run missing A herald listen 239.1.2.3:10000 --exec "$T/random.bin" --for 1s
is 'a file that is not executable' $status 3
like 'is not one that is not there' missing.err "^herald listen: cannot run '$T/random.bin': it is not executable\$"
run missing A herald listen 239.1.2.3:10000 --exec "note 'one" --for 1s
is 'an open quote is a usage error' $status 2
like 'of its own' missing.err 'a quote is not closed$'
run missing A herald listen 239.1.2.3:10000 --shell --exec '  ' --for 1s
is 'nothing for a shell is one too' $status 2
run missing A herald listen 239.1.2.3:10000 --exec '  ' --for 1s
like 'so is an empty command, of its own as well' missing.err 'the command is empty$'
is 'an empty command is a usage error' $status 2

# The listener raises its own limit of descriptors, and with --no-print runs as a batch job.
cat >"$T/bin/limits" <<'PROGRAM'
#!/bin/sh
{ ulimit -n; grep -E '^policy' /proc/self/sched || chrt -p $$ | head -1; } >"$T/limits.part"
mv "$T/limits.part" "$T/limits"
PROGRAM
chmod +x "$T/bin/limits"
ulimit -Sn 512
listen limits A 239.1.2.3:10000 --exec limits --no-print
send hello --expect 1
wait_until '[ -e "$T/limits" ]'
is 'programs have the descriptor limit that the listener was started with' "$(head -1 "$T/limits")" 512
unlike 'and not its scheduling' limits '(:[[:space:]]*3|BATCH)$'
stop limits

listen hanging A 239.1.2.3:10000 --exec hang --exec-timeout 300ms
send hello --expect 1
is 'a hanging program does not keep the listener from answering' $status 0
wait_until hanging
wait_line hanging.err 'hang.*(300 ms|timeout|time|killed)'
verdict 0 'it is killed after --exec-timeout, and that is said'
wait_until '! hanging'
verdict 0 'with its children'
send 'still here' --expect 1
wait_line hanging.out '"still here"'
verdict 0 'the listener goes on'
stop hanging
is 'and ends well' $status 0

listen ctrl_c A 239.1.2.3:10000 --exec hang --exec-timeout 60s
send hello --expect 1
wait_until hanging
stop ctrl_c
is 'Ctrl-C ends a listener whose program hangs' $status 0
wait_until '! hanging'
verdict 0 'and the program with it'

# ---- the end, and what waits then
listen for_over A 239.1.2.3:10000 --exec 'sleep 0.7' --for 1s
begin=$(now_ms)
run send B herald send 239.1.2.3:10000 hello --count 20 --rate 1000pps --wait 10ms -q
finish for_over
took=$(($(now_ms) - begin))
is 'when --for is over, what waits for the program is dropped' $status 0
ok "and does not keep the listener from ending ($took ms)" test $took -lt 5000
like 'it is counted; what ran has ended' for_over.err '^20 datagrams, .*, not done by the program 1[89]$'

listen for_count A 239.1.2.3:10000 --exec 'sleep 0.1' --count 10
run send B herald send 239.1.2.3:10000 hello --count 10 --rate 1000pps --wait 10ms -q
finish for_count
unlike 'after --count all of them are run' for_count.err 'not done'

listen overflow A 239.1.2.3:10000 --exec 'sleep 4242' --exec-timeout 60s --no-print --ack never --count 2000
run send B herald send 239.1.2.3:10000 hello --count 2000 --rate 5000pps --wait 10ms -q
wait_line overflow.err 'warning: datagrams come faster than the program takes them: 1024 wait'
stop overflow
is 'a queue that overflows is told when it begins, once' "$(count overflow.err 'warning: datagrams come faster')" 1

# A burst of messages does not start a crowd of processes, and none is left unreaped.
listen burst A 239.1.2.3:10000 --exec 'cat'  --ack never
run send B herald send 239.1.2.3:10000 burst --count 100 --rate 1000pps --wait 10ms -q
wait_until "[ \$(grep -c burst $T/burst.out) -ge 100 ]"
wait_until '! grep -aqE "^State:[[:space:]]Z" /proc/[0-9]*/status'
verdict 0 'no zombies'
stop burst
is 'a hundred programs later it ends well' $status 0
done_testing
