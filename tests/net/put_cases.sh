# SPDX-License-Identifier: MIT
# shellcheck shell=bash disable=SC2154 source-path=SCRIPTDIR source=put_lib.sh
#
# The cases of put_fire_test.sh, put_attack_test.sh, put_shapes_test.sh, and of soak, which runs them with larger numbers. Each begins with empty directories
# and leaves nothing running. Source lib.sh and put_lib.sh first, and make the network by fire_lan.

# Names of all receivers, as Python writes a list.
all_receivers() {
    printf '%s\n' "${receivers[@]}" | sort | sed "s/.*/'&'/" | paste -sd, | sed 's/,/, /g; s/.*/[&]/'
}

# In the middle of $T/src/file nobody hears of the others any more, for good: both sides say so.
all_vanished() { # WHAT
    local host statuses='' wanted='' there=''
    finish put
    is "$1: status 1" $status 1
    is "$1: all have vanished" "$(value put 'sorted(e["host"] for e in of("receipt") if e["state"] == "vanished")')" \
        "$(all_receivers)"
    for host in "${receivers[@]}"; do
        finish "$host"
        statuses+="$host:$status "
        wanted+="$host:1 "
        there+=$(ls "$T/in/$host")
    done
    is "$1: status 1 at all receivers" "$statuses" "$wanted"
    is "$1: nothing claims to be whole" "$there" ''
    is "$1: but is kept, to be gone on with" "$(leftovers "$T/in" | wc -l | sed 's/^0$/none/; s/^[0-9]*$/some/')" some
}

# PERCENT...: what each receiver in turn loses, over and over.
case_loss() { # WHAT BYTES PERCENT...
    local what=$1 bytes=$2 i=0 host
    shift 2
    local losses=("$@")

    fresh
    noise "$T/src/file" "$bytes"
    for host in "${receivers[@]}"; do
        lossy "$host" "${losses[i % ${#losses[@]}]}"
        i=$((i + 1))
    done
    fire_gets --once
    fire_put put --expect ${#receivers[@]} "$T/src/file"
    is "$what: status 0" $status 0
    got_all "$what: everybody ends well"
    same_in_all "$what: identical" file
    is "$what: the sender repaired something" "$(value put 'of("summary")[-1]["repairs"] > 0')" True
    is "$what: nothing unfinished is left" "$(leftovers "$T/in")" ''
}

# The answers to the sender get lost.
case_loss_of_feedback() { # BYTES PERCENT
    fresh
    noise "$T/src/file" "$1"
    lossy S "$2"
    lossy R1 10
    fire_gets --once
    fire_put put --expect ${#receivers[@]} "$T/src/file"
    is 'answers get lost: status 0' $status 0
    got_all 'answers get lost: everybody ends well'
    same_in_all 'answers get lost: identical' file
    lossless S
}

# R1 is killed when it has part of a file and started again while the sender goes on.
case_crash_of_receiver() { # BYTES RATE
    fresh
    noise "$T/src/file" "$1"
    fire_gets --once
    fire_put_start put --expect ${#receivers[@]} --rate "$2" --give-up 3s "$T/src/file"
    wait_heard R1 $(($1 * 6 / 10))
    crash R1
    fire_get R1 R1 --once
    finish put
    is 'a receiver is killed and restarted: status 0, as all hosts have everything' $status 0
    is 'a receiver is killed and restarted: each host is counted once' "$(value put 'of("summary")[-1]["receivers"]')" \
        ${#receivers[@]}
    is 'a receiver is killed and restarted: it goes on with what it had' \
        "$(value R1 "of('object')[0]['resumed_bytes'] > $1 // 3")" True
    is 'a receiver is killed and restarted: what it had is not asked for again' \
        "$(value put "of('summary')[-1]['repairs'] * 1400 < $1 // 2")" True
    got_all 'a receiver is killed and restarted: everybody ends well'
    same_in_all 'a receiver is killed and restarted: identical' file
    is 'a receiver is killed and restarted: nothing unfinished is left' "$(leftovers "$T/in")" ''
}

# R1 is killed for good: the others finish, and the sender says who is missing.
case_loss_of_receiver() { # BYTES RATE
    fresh
    noise "$T/src/file" "$1"
    fire_gets --once
    fire_put_start put --expect ${#receivers[@]} --rate "$2" --give-up "${GIVE_UP:-1s}" "$T/src/file"
    wait_heard R1 $(($1 * 3 / 4))
    crash R1
    finish put
    is 'a receiver is killed for good: status 1' $status 1
    is 'a receiver is killed for good: it is named' "$(value put 'of("summary")[-1]["missing"]')" "['R1']"
    is 'a receiver is killed for good: its receipt says so' \
        "$(value put '[e["state"] for e in of("receipt") if e["host"] == "R1"]')" "['vanished']"
    got_rest 'a receiver is killed for good: the others end well' R1
    same 'a receiver is killed for good: identical at another' "$T/src/file" "$T/in/R2/file"
    # What it had is of use to the next delivery.
    fire_get R1 R1 --once
    is 'the next run says what the last one left' "$(value R1 'of("receiving")[0]["unfinished_files"]')" 1
    fire_put put "$T/src/file"
    is 'and is sent to: status 0' $status 0
    got 'and ends well' R1
    is 'and has resumed' "$(value R1 "of('object')[0]['resumed_bytes'] > $1 // 4")" True
    same 'and has it' "$T/src/file" "$T/in/R1/file"
}

# The sender is killed and started again: it is another node with another delivery of the same file.
case_crash_of_sender() { # BYTES RATE
    fresh
    noise "$T/src/file" "$1"
    fire_gets --count 1
    fire_put_start put --expect ${#receivers[@]} --rate "$2" "$T/src/file"
    wait_heard R1 $(($1 / 2))
    crash put
    wait_seconds 1
    fire_put put --expect ${#receivers[@]} "$T/src/file"
    is 'the sender is killed and restarted: status 0' $status 0
    got_all 'the sender is killed and restarted: everybody ends well'
    same_in_all 'the sender is killed and restarted: identical' file
    is 'the sender is killed and restarted: what was here is gone on with' \
        "$(value R1 "of('object')[0]['resumed_bytes'] > $1 // 4")" True
    is 'the sender is killed and restarted: nothing unfinished is left' "$(leftovers "$T/in")" ''
}

# Somebody's cable is pulled in the middle. If it is the sender's own, it gives up nobody, however long that lasts.
case_cut() { # HOST BYTES RATE SECONDS
    local give_up=$(($4 + 20))
    [ "$1" != S ] || give_up=5
    fresh
    noise "$T/src/file" "$2"
    fire_gets --once
    fire_put_start put --expect ${#receivers[@]} --rate "$3" --give-up ${give_up}s "$T/src/file"
    wait_heard R1 $(($2 / 3))
    carrier_down "$1"
    wait_seconds "$4"
    carrier_up "$1"
    finish put
    is "the link of $1 is cut: status 0" $status 0
    got_all "the link of $1 is cut: everybody ends well"
    same_in_all "the link of $1 is cut: identical" file
}

# The only querier of a switch that snoops falls silent, so that it forgets who asked for what and passes nothing on.
# SECONDS later there is one again.
case_querier() { # BYTES RATE SECONDS
    local before
    fresh
    noise "$T/src/file" "$1"
    strict_switch
    fire_gets --once
    wait_until "switch_knows R1 ${EP%:*}"
    fire_put_start put --expect ${#receivers[@]} --rate "$2" "$T/src/file"
    wait_heard R1 $(($1 / 4))
    must ip -n sw link set br0 type bridge mcast_querier 0
    wait_until "! switch_knows_any ${EP%:*}"
    before=$(came_in R1)
    wait_seconds "$3"
    is 'the querier is lost: the switch knows no member any more' "$(switch_knows_any "${EP%:*}" || echo none)" none
    ok 'the querier is lost: nothing comes through' test $(($(came_in R1) - before)) -lt 20000
    must ip -n sw link set br0 type bridge mcast_querier 1
    finish put
    is 'the querier is lost: status 0' $status 0
    got_all 'the querier is lost: everybody ends well'
    same_in_all 'the querier is lost: identical' file
    lenient_switch
}

# There is no other one: nobody hears of the others any more.
case_querier_gone() { # BYTES RATE
    fresh
    noise "$T/src/file" "$1"
    strict_switch
    fire_gets --once
    wait_until "switch_knows R1 ${EP%:*}"
    fire_put_start put --expect ${#receivers[@]} --rate "$2" --give-up 3s "$T/src/file"
    wait_heard R1 $(($1 / 4))
    must ip -n sw link set br0 type bridge mcast_querier 0
    wait_until "! switch_knows_any ${EP%:*}"
    all_vanished 'the querier is gone for good'
    lenient_switch
}

# Two are given up: R1 is stopped, and the cable of R2 pulled, for longer than the sender waits. Then they are back, and
# the sender is gone.
case_given_up() { # BYTES RATE
    local host
    fresh
    noise "$T/src/file" "$1"
    fire_gets --once
    fire_put_start put --expect ${#receivers[@]} --rate "$2" --give-up 3s "$T/src/file"
    wait_heard R1 $(($1 / 3))
    kill -STOP "${pid_of[R1]}"
    carrier_down R2
    finish put
    is 'stopped and cut for too long: status 1' $status 1
    is 'stopped and cut for too long: the receipts say so' \
        "$(value put 'sorted((e["host"], e["state"]) for e in of("receipt") if not e["complete"])')" \
        "[('R1', 'vanished'), ('R2', 'vanished')]"
    is 'stopped and cut for too long: and how much they had' \
        "$(value put "all(0 < e['received_bytes'] < $1 for e in of('receipt') if not e['complete'])")" True
    is 'stopped and cut for too long: the others have it' \
        "$(value put 'sorted(e["host"] for e in of("receipt") if e["complete"])')" \
        "$(all_receivers | sed "s/'R1', //; s/'R2', //")"
    kill -CONT "${pid_of[R1]}"
    carrier_up R2
    for host in "${receivers[@]:2}"; do
        got "stopped and cut for too long: $host ends well" "$host"
    done
    for host in R1 R2; do
        got "stopped and cut for too long: status 1 at $host" $host 1
        is "stopped and cut for too long: $host says why" "$(value $host '"gone" in of("failed")[0]["cause"]')" True
        is "stopped and cut for too long: nothing at $host claims to be whole" "$(ls "$T/in/$host")" ''
    done
    same 'stopped and cut for too long: identical at another' "$T/src/file" "$T/in/R3/file"
}

case_stopped() { # BYTES RATE SECONDS
    fresh
    noise "$T/src/file" "$1"
    fire_gets --once
    fire_put_start put --expect ${#receivers[@]} --rate "$2" --give-up $(($3 + 20))s "$T/src/file"
    wait_heard R1 $(($1 / 3))
    kill -STOP "${pid_of[R1]}"
    wait_seconds "$3"
    kill -CONT "${pid_of[R1]}"
    finish put
    is 'a receiver is stopped for a while: status 0' $status 0
    got_all 'a receiver is stopped for a while: everybody ends well'
    same_in_all 'a receiver is stopped for a while: identical' file
}

case_disk_full() { # BYTES
    fresh
    noise "$T/src/file" "$1"
    echo small >"$T/src/small"
    mount -t tmpfs -o size=$(($1 / 2)) tmpfs "$T/in/R1" || give_up 'cannot mount a tmpfs'
    fire_gets --once
    fire_put put --expect ${#receivers[@]} "$T/src/file" "$T/src/small"
    is 'a full disk: status 1' $status 1
    is 'a full disk: the receipt says which host, and why' \
        "$(value put '[e["host"] for e in of("receipt") if not e["complete"] and "disk full" in e["reason"]]')" "['R1']"
    is 'a full disk: the summary names it' "$(value put 'of("summary")[-1]["missing"]')" "['R1']"
    got 'a full disk: status 1 at the receiver' R1 1
    is 'a full disk: which says why' "$(value R1 '"disk full" in of("failed")[0]["cause"]')" True
    got_rest 'a full disk: the others end well' R1
    same 'a full disk: identical at another' "$T/src/file" "$T/in/R2/file"
    same 'a full disk: what has room is there' "$T/src/small" "$T/in/R1/small"
    is 'a full disk: nothing that is half a file' "$(ls -A "$T/in/R1")" small
    umount "$T/in/R1"
}

# R1's disk cannot be written any more in the middle of a tree.
case_read_only() { # FILES
    local i
    fresh
    mkdir "$T/src/tree"
    for ((i = 0; i < $1; i++)); do
        noise "$T/src/tree/$i" 1000
    done
    mount -t tmpfs tmpfs "$T/in/R1" || give_up 'cannot mount a tmpfs'
    # With --on-complete it keeps no file open for the whole of a delivery, so that there are moments for the remount.
    fire_gets --once --on-complete true
    fire_put_start put --expect ${#receivers[@]} --rate 1mbit "$T/src/tree"
    wait_value R1 'len(of("object")) >= 20'
    wait_until "mount -o remount,ro '$T/in/R1'"
    finish put
    is 'a disk becomes read-only: status 1' $status 1
    is 'a disk becomes read-only: the receipt says which host, and why' \
        "$(value put '[e["host"] for e in of("receipt") if not e["complete"] and "ead-only file system" in e["reason"]]')" \
        "['R1']"
    is 'a disk becomes read-only: the summary names it' "$(value put 'of("summary")[-1]["missing"]')" "['R1']"
    got 'a disk becomes read-only: status 1 at the receiver' R1 1
    is 'a disk becomes read-only: which says why' "$(value R1 '"ead-only file system" in of("failed")[0]["cause"]')" True
    got_rest 'a disk becomes read-only: the others end well' R1
    same 'a disk becomes read-only: identical at another' "$T/src/tree" "$T/in/R2/tree"
    is 'a disk becomes read-only: the receipt counts what is there, and no more' \
        "$(value put '[e["received_bytes"] for e in of("receipt") if e["host"] == "R1"]')" \
        "[$(find "$T/in/R1/tree" -type f -printf '.' | wc -c)000]"
    is 'a disk becomes read-only: what is there is whole' \
        "$(cd "$T/in/R1/tree" && for i in *; do cmp "$i" "$T/src/tree/$i" 2>&1; done)" ''
    umount "$T/in/R1"
}

case_many() { # FILES
    local i
    fresh
    mkdir -p "$T/src/many"
    for ((i = 0; i < $1; i++)); do
        mkdir -p "$T/src/many/$((i / 100))"
        echo "this is number $i" >"$T/src/many/$((i / 100))/$i"
    done
    lossy R2 1
    lossy R3 5
    fire_gets --once
    fire_put put --expect ${#receivers[@]} "$T/src/many"
    is 'many files: status 0' $status 0
    got_all 'many files: everybody ends well'
    same_in_all 'many files: identical' many
    is 'many files: as many as were sent' "$(value R1 "sum(e['type'] == 'f' for e in of('object'))")" "$1"
}

# Both sides are to need little memory, however large a file is. $T/src/NAME goes to R1, as fast as it can.
put_large() { # WHAT NAME MIB_AT_MOST
    # Nothing is lost here, so that runs of datagrams may stay together: it takes a tenth of the time.
    offload S on
    offload R1 on
    start R1 R1 python3 "$PEERS/peak.py" "$T/R1.peak" herald get "$EP" --json -d "$T/in/R1" --once --no-sync
    wait_line R1.out '"event":"receiving"'
    start put S python3 "$PEERS/peak.py" "$T/put.peak" herald put "$EP" --json --expect 1 "$T/src/$2"
    finish put
    is "$1: status 0" $status 0
    got "$1: the receiver ends well" R1
    offload S off
    offload R1 off
    same "$1: identical" "$T/src/$2" "$T/in/R1/$2"
    if ! sanitized; then
        ok "$1: the sender needs less than $3 MiB" test "$(peak_mib put)" -lt "$3"
        ok "$1: the receiver needs less than $3 MiB" test "$(peak_mib R1)" -lt "$3"
    fi
    echo "# memory: $(peak_mib put) MiB at the sender, $(peak_mib R1) MiB at the receiver"
}

# Its holes stay holes.
case_sparse() { # SIZE MIB_AT_MOST
    fresh
    truncate -s "$1" "$T/src/sparse"
    printf 'beginning' | dd of="$T/src/sparse" conv=notrunc status=none
    printf 'middle' | dd of="$T/src/sparse" conv=notrunc status=none bs=1M seek=150
    head -c 100000 /dev/urandom >>"$T/src/sparse"
    put_large 'a file of holes' sparse "$2"
    ok 'a file of holes: they are holes at the receiver, too' \
        test "$(du -k "$T/in/R1/sparse" | cut -f 1)" -lt 1000
}

# A file without holes of so many bytes, or of less where there is not room for both copies of it, and memory, which is
# where the test's directory is.
case_dense() { # BYTES MIB_AT_MOST
    local bytes=$1 room
    fresh
    for room in "$(df -B 1 --output=avail "$T" | tail -n 1)" "$(awk '$1 == "MemAvailable:" { printf "%.0f", $2 * 1024 }' /proc/meminfo)"; do
        [ "$bytes" -le $((room / 3)) ] || bytes=$((room / 3))
    done
    echo "# a dense file: $((bytes / 1000000)) MB of $(($1 / 1000000)) MB"
    noise "$T/src/dense" "$bytes"
    put_large 'a dense file' dense "$2"
}

# Names as nobody would choose them: the content is right, and no line of output is theirs to write.
case_names() {
    local name i=0 names=($'two\nlines' '-rf' '--json' ' ' ' blank ' "it's" '"quoted"' 'back\slash' '\n' '$(reboot)' '*'
        'ünïcödé' $'not\xff\xfeUTF-8' $'\x01\x02\x07\x1b[31mred\x1b[0m' $'tab\there' $'carriage\rreturn' '.hidden' '...'
        $'\xe2\x80\xae' "$(printf 'n%.0s' {1..255})" "$(printf 'ä%.0s' {1..127})" 'a|b;c&d' '%s%n' '~' '#' '{"event":1}')

    fresh
    mkdir "$T/src/names"
    for name in "${names[@]}"; do
        i=$((i + 1))
        printf '%s' "content of $i" >"$T/src/names/$name"
    done
    : >"$T/src/names/of no bytes"
    mkdir "$T/src/names/"$'dir\nectory'
    : >"$T/src/names/"$'dir\nectory'/'-'
    ln -s $'two\nlines' "$T/src/names/"$'li\nnk'
    fire_gets --once
    fire_put put --expect ${#receivers[@]} "$T/src/names"
    is 'odd names: status 0' $status 0
    got_all 'odd names: everybody ends well'
    same_in_all 'odd names: identical' names
    is 'odd names: the facts are the same' "$(facts_of "$T/in/R1")" "$(facts_of "$T/src")"
    ok 'odd names: JSON stays JSON at the receiver' json R1.out "len(of('object')) == ${#names[@]} + 5"
    ok 'odd names: and at the sender' json put.out 'events'

    rm -rf "$T/in/R1/names"
    start R1 R1 herald get "$EP" -d "$T/in/R1" --once
    wait_line R1.err '^getting from '
    run put S herald put "$EP" -v "$T/src/names"
    finish R1
    is 'odd names: no control character reaches a terminal, at the receiver' \
        "$(LC_ALL=C grep -acP '[\x00-\x08\x0b-\x1f\x7f]' "$T/R1.out")" 0
    is 'odd names: each is one line there' "$(wc -l <"$T/R1.out")" $((${#names[@]} + 5))
    is 'odd names: nor at the sender' "$(cat "$T/put.out" "$T/put.err" | LC_ALL=C grep -acP '[\x00-\x08\x0b-\x1f\x7f]')" 0
}

# Two senders, who do not know of each other, and a receiver that wants both; and one that wants only one.
case_two_senders() { # BYTES
    local host name statuses
    fresh
    noise "$T/src/one" "$1"
    noise "$T/src/two" "$1"
    fire_get R1 R1 --count 2
    fire_get R2 R2 --once
    fire_put_start put --expect 2 "$T/src/one"
    start put2 R3 herald put "$EP" --json --expect 1 "$T/src/two"
    finish put
    statuses=$status
    finish put2
    statuses+=" $status"
    got 'two senders: --count 2 has two' R1
    same 'two senders: identical' "$T/src/one" "$T/in/R1/one"
    same 'two senders: the second, too' "$T/src/two" "$T/in/R1/two"
    got 'two senders: --once has one' R2
    # Whoever asked when it was over is told that it takes no more, and says so.
    is 'two senders: each tells truly whether both have it' "$statuses" \
        "$([ -e "$T/in/R2/one" ]; echo $?) $([ -e "$T/in/R2/two" ]; echo $?)"
    for name in one two; do
        [ ! -e "$T/in/R2/$name" ] || same "two senders: identical at --once ($name)" "$T/src/$name" "$T/in/R2/$name"
    done
    ok 'two senders: --once has at least one' eval '[ -e $T/in/R2/one ] || [ -e $T/in/R2/two ]'
}

# --once and --count end a receiver in the middle of a group that goes on.
case_ends() {
    fresh
    mkdir "$T/src/tree"
    noise "$T/src/tree/a" 1000
    noise "$T/src/tree/b" 1000
    noise "$T/src/tree/c" 2000000
    fire_get R1 R1 --once
    fire_get R2 R2 --count 2
    fire_get R3 R3
    fire_put put --expect 3 --rate 20mbit "$T/src/tree/"
    is '--count in the middle: status 1, as one has taken less' $status 1
    is '--count in the middle: who, and that it was meant' \
        "$(value put '[(e["host"], "no more" in e["reason"]) for e in of("receipt") if not e["complete"]]')" "[('R2', True)]"
    got '--once ends well' R1
    got '--count ends well' R2
    same '--once has all' "$T/src/tree" "$T/in/R1"
    is '--count 2 has two' "$(value R2 'len(of("object"))')" 2
    fire_put put "$T/src/tree/a"
    is 'one that goes on takes the next delivery' $status 0
    stop R3
    is 'and ends well by Ctrl-C' $status 0
    same 'and has all' "$T/src/tree" "$T/in/R3"
}

# Who comes late gets it all: during sending, and when all others are done.
case_late() { # BYTES RATE
    fresh
    noise "$T/src/file" "$1"
    fire_get R1 R1 --once
    fire_put_start put --expect 1 --rate "$2" --keep-serving 3s "$T/src/file"
    wait_heard R1 $(($1 / 2))
    fire_get R2 R2 --once
    wait_value put 'any(e["phase"] == "serving" for e in of("progress"))'
    fire_get R3 R3 --once
    finish put
    is 'late joiners: status 0' $status 0
    is 'late joiners: all three are told' "$(value put 'sorted(e["host"] for e in of("receipt") if e["complete"])')" \
        "['R1', 'R2', 'R3']"
    is 'late joiners: they cost what they had missed, once' "$(value put "of('summary')[-1]['wire_bytes'] < $1 * 3")" True
    for host in R1 R2 R3; do
        got "late joiners: $host ends well" $host
        same "late joiners: identical at $host" "$T/src/file" "$T/in/$host/file"
    done
}

start_attacker() { # ADDRESS PACKETS ATTACK...
    local address=$1 packets=$2
    shift 2
    start attacker X python3 "$PEERS/put_attacker.py" "$address" "${EP%:*}" "${EP#*:}" "$SEED" "$packets" "$@"
    wait_line attacker.out '^ready'
}

stop_attacker() { # WHAT
    kill -TERM "${pid_of[attacker]}"
    finish attacker
    echo "# $(tail -n 1 "$T/attacker.out")"
    like "$1: it did attack" attacker.out '^sent .*=[0-9]{2,}'
}

attacked_tree() { # BYTES
    fresh
    mkdir "$T/src/tree"
    noise "$T/src/tree/file" "$1"
    noise "$T/src/tree/other" $(($1 / 4))
    echo small >"$T/src/tree/small"
}

nothing_escaped() { # WHAT
    is "$1: nothing was written elsewhere" \
        "$(find "$T" \( -name '*escaped*' -o -type l \) ! -path "$T/bin/*" ! -path "$T/in/*/escaped" | head -n 5)" ''
}

# Somebody on the same network, who cannot send from others' addresses, attacks in these ways (peers/put_attacker.py).
# The honest receivers get everything. The sender may count the attacker as one more who never finishes. Who makes up
# answers can have the sender believe in long round-trips: then GIVE_UP has to be longer than 2s.
case_attack() { # BYTES RATE PACKETS ATTACK...
    local what="attack by $4${5+ and others}" bytes=$1 rate=$2 packets=$3 host statuses
    shift 3

    attacked_tree "$bytes"
    start_attacker "10.0.0.$hosts" "$packets" "$@"
    fire_gets --once
    fire_put put --expect ${#receivers[@]} --rate "$rate" --give-up "${GIVE_UP:-2s}" --laggard "drop:${LAGGARD:-3s}" "$T/src/tree"
    is "$what: the sender ends as it should" "$((status <= 1))" 1
    is "$what: all honest receivers gave their receipts" \
        "$(value put 'sorted(set(e["host"] for e in of("receipt") if e["complete"] and e["host"][0] == "R"))')" \
        "$(all_receivers)"
    # Among what they report as failed may be what the attacker offered.
    statuses=
    for host in "${receivers[@]}"; do
        finish "$host"
        [ "$status" -le 1 ] && [ ! -s "$T/$host.err" ] || statuses+="$host:$status "
    done
    is "$what: and end" "$statuses" ''
    stop_attacker "$what"
    same_in_all "$what: identical" tree
    nothing_escaped "$what"
}

# One who sends from the sender's own address cannot be told from it: only that all stay alive, write nothing outside
# of their directories, and take no wrong content for right.
case_disguised() { # BYTES RATE PACKETS ATTACK...
    local what="attack from the sender's address by $4${5+ and others}" bytes=$1 rate=$2 packets=$3 host name
    local crashed='' wrong=''
    shift 3

    attacked_tree "$bytes"
    start_attacker 10.0.0.1 "$packets" "$@"
    fire_gets --once --for 25s
    fire_put put --expect ${#receivers[@]} --rate "$rate" --give-up 2s --laggard drop:3s "$T/src/tree"
    is "$what: the sender ends as it should" "$((status <= 1))" 1
    stop_attacker "$what"
    for host in "${receivers[@]}"; do
        finish "$host"
        [ "$status" -le 1 ] && [ ! -s "$T/$host.err" ] || crashed+="$host:$status "
        for name in file other small; do
            [ ! -e "$T/in/$host/tree/$name" ] || cmp -s "$T/src/tree/$name" "$T/in/$host/tree/$name" || wrong+="$host:$name "
        done
    done
    is "$what: no receiver crashes" "$crashed" ''
    is "$what: what is there is right" "$wrong" ''
    nothing_escaped "$what"
}
