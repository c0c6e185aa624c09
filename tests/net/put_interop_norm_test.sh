#!/bin/bash
# SPDX-License-Identifier: MIT
# herald put and herald get with NRL's libnorm: each as the other's sender and receiver, and side by side.
#
#   put_interop_norm_test.sh [all | PATTERN]    `all` for the whole matrix, a pattern of bash for some of it
#
# HERALD_PEERS is the directory with nrl_peer and session_peer, tests/interop of the build.
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"

PATH=${HERALD_PEERS:-$(dirname "$(readlink -f "$HERALD")")/tests/interop}:$PATH
need nrl_peer "libnorm (Debian's libnorm-dev) as a peer" || done_testing

which=${1:-short}
RUN_SECONDS=100 # a peer ends by itself before
PEER_SECONDS=60
TRIALS_AT_ONCE=6
GROUP=239.1.2.3
HOSTS=(A B C D E F)
trials=0
pending=()
declare -A trial_what=() trial_sender=() trial_kind=() trial_sizes=() trial_receivers=()

lan S "${HOSTS[@]}"
# A run of segments that the kernel has not cut yet would be lost as a whole.
for host in S "${HOSTS[@]}"; do
    group_route_add "$host"
    must on "$host" ethtool -K eth0 tx-udp-segmentation off
done

# Content of that size, the same for all trials.
content() { # BYTES
    [ -e "$T/bytes-$1" ] || head -c "$1" /dev/urandom >"$T/bytes-$1"
}

# Drops packets of the trial's port on their way to every host, in both directions.
lose() { # PERCENT PORT
    local host

    [ "$1" = 0 ] || for host in S "${HOSTS[@]}"; do
        loss_set "$host" "th dport $2 numgen random mod 100 < $1"
        [ "$host" != S ] || loss_set S "th sport $2 th dport != $2 numgen random mod 100 < $1"
    done
}

start_get() { # NAME HOST NODE KIND COUNT OPTIONS...
    local name=$1 host=$2 node=$3 kind=$4 count=$5
    local to=(--directory "$T/$name") options=()
    shift 5

    case $1 in --port) options=("$GROUP:$2") ;; esac
    case " $* " in *' --unicast '*) options+=(--unicast-feedback) ;; esac
    case $kind in
        stream) to=(-o -) ;; # the stream is what name.out then holds
        *) to+=(--count "$count") ;;
    esac
    start "$name" "$host" herald get "${options[@]}" "${to[@]}" --node-id "$node" --for ${PEER_SECONDS}s
    wait_line "$name.err" '^getting from '
}

start_put() { # NAME PORT KIND FILES-AND-OPTIONS...
    local name=$1 port=$2 kind=$3
    shift 3

    if [ "$kind" = stream ]; then
        local file=$1
        shift
        # shellcheck disable=SC2016
        start "$name" S sh -c 'file=$1 && shift && exec herald put "$@" - <"$file"' sh "$file" "$GROUP:$port" "$@" \
            --name "${file##*/}"
    else
        start "$name" S herald put "$GROUP:$port" "$@"
    fi
}

# Starts a trial. SENDER is `put`, `nrl`, or for data, which put knows nothing of, `session`: a program with herald's
# library. Receivers are `get` or `nrl`, one host each. KIND is file, data or stream, FEEDBACK multicast or unicast.
# OPTIONS go to the sender.
trial() { # SENDER 'RECEIVERS' KIND 'SIZES' LOSS-PERCENT FEEDBACK OPTIONS...
    local sender=$1 receivers=$2 kind=$3 sizes=$4 loss=$5 feedback=$6
    local name=t$((trials + 1)) port=$((6001 + trials)) host=0 count=0 receiver size
    local files=() acks=() unicast=()
    local what="$1 to $2: $3, $4 bytes, $5% loss, $6 feedback${7:+, ${*:7}}"
    shift 6
    # shellcheck disable=SC2053
    [ "$which" = short ] || [ "$which" = all ] || [[ $what == $which ]] || return 0

    trials=$((trials + 1))
    [ "$feedback" = multicast ] || unicast=(--unicast)
    for size in $sizes; do
        content "$size"
        files+=("$T/bytes-$size")
        count=$((count + 1))
    done
    lose "$loss" $port
    local peer=(--port "$port" --seconds "$PEER_SECONDS" ${unicast[@]+"${unicast[@]}"})
    for receiver in $receivers; do
        mkdir "$T/$name-r$host"
        if [ "$receiver" = get ]; then
            start_get "$name-r$host" "${HOSTS[host]}" $((11 + host)) "$kind" $count "${peer[@]}"
        else
            start "$name-r$host" "${HOSTS[host]}" nrl_peer receive --node $((11 + host)) --directory "$T/$name-r$host" \
                --sync-all "${peer[@]}" # or who loses a stream's first packet begins with the second
            wait_line "$name-r$host.out" '^ready$'
        fi
        wait_member "${HOSTS[host]}" eth0 $GROUP
        echo "node:$((11 + host))" >>"$T/$name-hosts"
        acks+=(--ack $((11 + host)))
        host=$((host + 1))
    done
    if [ "$sender" = put ]; then
        start_put "$name-s" $port "$kind" "${files[@]}" --expect-hosts "$T/$name-hosts" --receipts "$T/$name-receipts" \
            ${unicast[@]+--unicast-feedback} "$@"
    else
        start "$name-s" S "${sender}_peer" send --node 1 "${acks[@]}" --kind "$kind" "${peer[@]}" "$@" "${files[@]}"
    fi
    trial_what[$name]=$what
    trial_sender[$name]=$sender
    trial_kind[$name]=$kind
    trial_sizes[$name]=$sizes
    trial_receivers[$name]=$receivers
    pending+=("$name")
    [ ${#pending[@]} -lt $TRIALS_AT_ONCE ] || settle_all
}

# Whether the receipts are as they should be: who is herald has verified, who is not has confirmed.
receipted() { # NAME
    local receiver node=11 wanted state

    for receiver in ${trial_receivers[$1]}; do
        wanted=confirmed state='("confirmed", False, False)'
        [ "$receiver" = nrl ] || { wanted=verified state='("complete", True, True)'; }
        if [ "${trial_sender[$1]}" = session ]; then
            grep -qx "$wanted $node" "$T/$1-s.out" || { echo "no $wanted of node $node"; return 1; }
            node=$((node + 1))
            continue
        fi
        grep -qE "^([^ ]+ +)?10\.0\.0\.[0-9]+ +$node .* $wanted\$" "$T/$1-s.out" ||
            { echo "no row of node $node"; return 1; }
        json "$1-receipts" \
            "[(e['state'], e['verified'], e['herald']) for e in events if e['node_id'] == $node] == [$state]" ||
            { echo "another receipt of node $node"; return 1; }
        node=$((node + 1))
    done
}

# Whether a receiver has everything as it was sent.
received() { # NAME HOST RECEIVER
    local size there="$T/$1-r$2" index=0

    ! grep -E '^(aborted|lost a part)' "$T/$1-r$2.out" || return
    for size in ${trial_sizes[$1]}; do
        if [ "$3/${trial_kind[$1]}" = get/stream ]; then
            cmp "$T/bytes-$size" "$there.out" || return
        elif [[ ${trial_what[$1]} == *--no-info* ]]; then # it has made up a name
            cmp "$T/bytes-$size" "$there/object-00000001-$index" || return
        else
            cmp "$T/bytes-$size" "$there/bytes-$size" || return
        fi
        index=$((index + 1))
    done
    # What NRL sends has no digest, which is told.
    [ "$3" != get ] || [ "${trial_sender[$1]}" != nrl ] || grep -qa 'not verified' "$there.err" "$there.out"
}

# Waits until a receiver of NRL's has told of as many objects as there are.
wait_received() { # NAME WANTED
    local end=$((SECONDS + PEER_SECONDS))

    until [ "$(count "$1.out" '^(complete|stream|aborted)')" -ge "$2" ] || [ $SECONDS -ge $end ]; do
        pause
    done
}

# What the programs of a trial said.
show() { # NAME
    local file

    for file in "$T/$1-"*.*; do
        echo "# --- ${file##*/}"
        tail -c 2000 "$file" | tail -n 20 | cut -c 1-300 | cat -v | sed 's/^/#     /'
    done
}

settle() { # NAME
    local failed=0 host=0 receiver sizes

    read -ra sizes <<<"${trial_sizes[$1]}"
    finish "$1-s"
    [ "$status" = 0 ] || failed=1
    for receiver in ${trial_receivers[$1]}; do
        if [ "$receiver" = get ]; then
            [ $failed = 0 ] || kill -INT "${pid_of[$1-r$host]}" 2>/dev/null
            finish "$1-r$host"
            [ "$status" = 0 ] || failed=1
        else
            [ $failed = 1 ] || wait_received "$1-r$host" ${#sizes[@]}
            stop "$1-r$host"
        fi
        received "$1" $host "$receiver" >"$T/$1-r$host.cmp" 2>&1 || failed=1
        host=$((host + 1))
    done
    [ "${trial_sender[$1]}" = nrl ] || receipted "$1" >"$T/$1-s.cmp" 2>&1 || failed=1
    verdict $failed "${trial_what[$1]}" || show "$1"
    rm -rf "$T/$1-"*
}

settle_all() {
    local name

    for name in ${pending[@]+"${pending[@]}"}; do
        settle "$name"
    done
    pending=()
}

# A stream of NRL's with a mark where each message begins, in a buffer that is large enough for its repairs.
nrl_stream=(--message 4000 --stream-buffer 3000000)

matrix() {
    local fec loss feedback

    for fec in 5 129; do
        for loss in 0 1 5; do
            for feedback in multicast unicast; do
                trial put nrl file 500000 $loss $feedback --rate 16mbit --fec-id $fec
                trial put nrl stream 500000 $loss $feedback --rate 16mbit --fec-id $fec
                trial session nrl data 500000 $loss $feedback --rate 2e6 --fec $fec
                trial nrl get file 500000 $loss $feedback --rate 2e6 --fec $fec
                trial nrl get data 500000 $loss $feedback --rate 2e6 --fec $fec
                trial nrl get stream 500000 $loss $feedback --rate 2e6 --fec $fec "${nrl_stream[@]}"
            done
        done
    done
    for loss in 0 1 5; do
        for feedback in multicast unicast; do
            trial put 'nrl nrl nrl get get get' file 3000000 $loss $feedback --rate 40mbit
            trial put 'nrl nrl nrl get get get' stream 1000000 $loss $feedback --rate 40mbit
            trial session 'nrl nrl nrl get get get' data '1000000 1400 1' $loss $feedback --rate 4e6
            trial nrl 'nrl get get get' file 1000000 $loss $feedback --rate 4e6
            trial nrl 'nrl get get get' stream 1000000 $loss $feedback --rate 4e6 "${nrl_stream[@]}"
            trial put 'nrl get' file 500000 $loss $feedback --tfmcc
            trial put 'nrl get' file 5000000 $loss $feedback
            trial nrl get file 500000 $loss $feedback --cc --rate 15e3
            trial nrl get stream 500000 $loss $feedback --cc --rate 15e3 "${nrl_stream[@]}"
        done
    done
    trial put nrl file '0 1 1399 1400 1401 89599 89600 89601' 1 multicast --rate 16mbit
    trial nrl get file '0 1 1399 1400 1401 89599 89600 89601' 1 multicast --rate 2e6
    trial put 'nrl get' file '90000 8193 77777 12345 100 64000' 20 multicast --rate 16mbit
    trial put nrl file 500000 5 multicast --rate 16mbit --fec-id 2
    trial nrl get file 500000 5 multicast --rate 2e6 --fec 2
    trial put nrl file 500000 5 multicast --rate 16mbit --fec 20
    trial nrl get file 500000 5 multicast --rate 2e6 --proactive 10
    trial put nrl file 500000 5 multicast --rate 16mbit --segment 500 --block 20 --parity 10
    trial nrl get file 500000 5 multicast --rate 2e6 --segment 500 --block 20 --parity 10
    trial nrl get file 500000 5 multicast --rate 2e6 --parity 0
    trial nrl get file '500000 1400 1' 1 multicast --rate 2e6 --no-info
    trial nrl get data '500000 1400 1' 1 multicast --rate 2e6 --no-info
    trial nrl get stream 500000 1 multicast --rate 2e6 --no-info "${nrl_stream[@]}"
    trial put 'nrl get' file 50000000 0 multicast
    trial put 'nrl get' stream 50000000 0 multicast
    trial put nrl stream 20000000 1 multicast
    trial put 'nrl nrl' stream 20000000 1 unicast --tfmcc
    trial put 'nrl nrl' file 20000000 1 unicast --tfmcc
    trial put 'nrl get' stream 0 0 multicast --rate 16mbit
    trial put 'nrl get' stream 1 0 multicast --rate 16mbit
}

# What is quick and different from each other; each kind with each loss in both directions.
selection() {
    local loss

    for loss in 0 1 5; do
        trial put 'nrl nrl nrl get get get' file '1000000 100 0' $loss multicast --rate 40mbit
        trial put 'nrl get' stream 500000 $loss multicast --rate 16mbit
        trial put nrl file 500000 $loss unicast --rate 16mbit
        trial session 'nrl get' data '300000 1400 1' $loss multicast --rate 2e6
        trial nrl 'nrl get get get' file '500000 1400 1' $loss multicast --rate 2e6
        trial nrl 'get get' stream 300000 $loss multicast --rate 2e6 "${nrl_stream[@]}"
        trial nrl 'nrl get' data 300000 $loss unicast --rate 2e6
    done
    trial put nrl file '1 1399 1400 1401 89599 89600 89601' 1 multicast --rate 16mbit --fec-id 129
    trial nrl get file '1 1399 1400 1401 89599 89600 89601' 1 multicast --rate 2e6 --fec 129
    trial put 'nrl get' file 500000 0 multicast --tfmcc
    trial session nrl data 300000 5 unicast --rate 2e6 --fec 129
    trial put nrl file 500000 1 unicast --tfmcc
    trial put 'nrl get' file 3000000 1 multicast
    trial put nrl stream 3000000 1 unicast
    trial nrl get file 500000 0 multicast --cc --rate 15e3
    trial nrl get stream 500000 1 unicast --cc --rate 15e3 "${nrl_stream[@]}"
    trial nrl 'get get' file '300000 1400 1' 1 multicast --rate 2e6 --no-info
}

# Nothing is heard of one who is expected by its node id for longer than --give-up, as another one is not here yet.
comes_late() {
    local port=7000

    content 100000
    mkdir "$T/late-nrl" "$T/late-get"
    printf 'node:11\n10.0.0.3\n' >"$T/late-hosts"
    start late-put S herald put $GROUP:$port "$T/bytes-100000" --expect-hosts "$T/late-hosts" --give-up 300ms --wait 30s
    wait_line late-put.err '^roll call, '
    start late-nrl A nrl_peer receive --node 11 --directory "$T/late-nrl" --sync-all --port $port
    wait_line late-nrl.out '^ready$'
    start late-get B herald get $GROUP:$port --directory "$T/late-get" --once
    finish late-put
    is 'nobody is given up before anything is sent' $status 0
    like 'NRL that came late confirms' late-put.out ' 11 .* confirmed$'
    finish late-get
    stop late-nrl
}

# It says nothing of itself: only its address tells that it is the one.
expected_by_address() {
    content 100000
    mkdir "$T/address-nrl"
    echo 10.0.0.2 >"$T/address-hosts"
    start address-nrl A nrl_peer receive --node 11 --directory "$T/address-nrl" --sync-all --port 7001
    wait_line address-nrl.out '^ready$'
    start address-put S herald put $GROUP:7001 "$T/bytes-100000" --expect-hosts "$T/address-hosts" --wait 30s
    finish address-put
    is 'NRL is expected by its address' $status 0
    like 'and is one receiver, not two' address-put.err '^1 of 1 receiver has everything'
    stop address-nrl
}

# NRL keeps no more than 256 objects, and gives up the oldest for a newer one: then it would confirm what it lacks.
many_files() {
    local port=7002 number

    mkdir "$T/many" "$T/many-nrl" "$T/many-get"
    for number in {1..600}; do
        head -c 2000 /dev/urandom >"$T/many/$number"
    done
    printf 'node:11\n10.0.0.3\n' >"$T/many-hosts"
    lose 5 $port
    start many-nrl A nrl_peer receive --node 11 --directory "$T/many-nrl" --sync-all --port $port
    wait_line many-nrl.out '^ready$'
    start many-get B herald get $GROUP:$port --directory "$T/many-get" --once
    wait_line many-get.err '^getting from '
    start many-put S herald put $GROUP:$port "$T/many" --expect-hosts "$T/many-hosts" --rate max
    finish many-put
    is 'many small files are sent to NRL and herald' $status 0
    finish many-get
    wait_received many-nrl 600
    is 'and NRL gives none up' "$(count many-nrl.out '^aborted')" 0
    rm -rf "$T/many-nrl/"*[!0-9]* # the directory itself is an object, too
    ok 'but has all of them' diff -rq "$T/many" "$T/many-nrl"
    ok 'as herald has' diff -rq "$T/many" "$T/many-get/many"
    stop many-nrl
}

if [ "$which" = short ]; then
    selection
else
    matrix
fi
settle_all
case $which in short | all) comes_late && expected_by_address && many_files ;; esac
done_testing
