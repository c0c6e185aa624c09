#!/bin/bash
# SPDX-License-Identifier: MIT
# herald's NORM core with NRL's libnorm: as its sender, its receiver, and side by side.
#
#   interop_norm_test.sh [all | PATTERN]    `all` for the whole matrix, a pattern of bash for some of it
#
# HERALD_PEERS is the directory with core_peer and nrl_peer, tests/interop of the build.
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"

PATH=${HERALD_PEERS:-$(dirname "$(readlink -f "$HERALD")")/tests/interop}:$PATH
need nrl_peer "libnorm (Debian's libnorm-dev) as a peer" || done_testing

which=${1:-short}
RUN_SECONDS=100    # a peer ends by itself before
PEER_SECONDS=50
TRIALS_AT_ONCE=8
HOSTS=(A B C D)
trials=0
pending=()
declare -A trial_what=() trial_sizes=() trial_receivers=() trial_acks=()

lan S "${HOSTS[@]}"

# Content of that size, the same for all trials.
content() { # BYTES
    [ -e "$T/bytes-$1" ] || head -c "$1" /dev/urandom >"$T/bytes-$1"
}

# Starts a trial. Receivers are `core` or `nrl`, one host each; +silent is one that sends nothing. OPTIONS go to all.
trial() { # SENDER 'RECEIVERS' 'SIZES' OPTIONS...
    local sender=$1 receivers=$2 sizes=$3 name=t$((trials + 1)) host=0 receiver size
    local acks=() files=() more
    shift 3
    local what="$sender to $receivers: $sizes bytes, $*"
    # shellcheck disable=SC2053
    [ "$which" = short ] || [ "$which" = all ] || [[ $what == $which ]] || return 0

    trials=$((trials + 1))
    local options=(--port $((6000 + trials)) --seconds "$PEER_SECONDS" "$@")
    for size in $sizes; do
        content "$size"
        files+=("$T/bytes-$size")
    done
    for receiver in $receivers; do
        more=()
        case $receiver in *+silent) more=(--silent) ;; *) acks+=(--ack $((11 + host))) ;; esac
        mkdir "$T/$name-$host"
        start "$name-r$host" "${HOSTS[host]}" "${receiver%+*}_peer" receive --node $((11 + host)) \
            --directory "$T/$name-$host" "${options[@]}" ${more[@]+"${more[@]}"}
        host=$((host + 1))
    done
    for ((host--; host >= 0; host--)); do
        wait_line "$name-r$host.out" '^ready$'
        wait_member "${HOSTS[host]}" eth0 239.1.2.3
    done
    start "$name-s" S "${sender}_peer" send --node 1 ${acks[@]+"${acks[@]}"} "${options[@]}" "${files[@]}"
    trial_what[$name]=$what
    trial_sizes[$name]=$sizes
    trial_receivers[$name]=$receivers
    trial_acks[$name]=${#acks[@]}
    pending+=("$name")
    [ ${#pending[@]} -lt $TRIALS_AT_ONCE ] || settle_all
}

# Whether the core took every packet for one that makes sense.
understood() { # ERR-FILE
    ! grep -E 'dropped_(malformed|instance|unsupported|inconsistent|limit)=' "$1"
}

# Whether a receiver has stored everything as it was sent, and found the starts of all messages.
received() { # NAME HOST
    local size messages

    understood "$T/$1-r$2.err" || return
    for size in ${trial_sizes[$1]}; do
        cmp "$T/bytes-$size" "$T/$1-$2/bytes-$size" || return
    done
    messages=$(sed -n 's/^messages //p' "$T/$1-s.out")
    [ -z "$messages" ] || grep -q " starts=$messages wrong=0\$" "$T/$1-r$2.out"
}

# Waits until as many lines of a receiver tell of an object as there are.
wait_received() { # NAME HOST WANTED
    local end=$((SECONDS + PEER_SECONDS))

    until [ "$(count "$1-r$2.out" '^(complete|stream|aborted)')" -ge "$3" ] || [ $SECONDS -ge $end ]; do
        pause
    done
}

# What the peers of a trial said.
show() { # NAME
    local file

    for file in "$T/$1-"*.*; do
        echo "# --- ${file##*/}"
        tail -n 20 "$file" | sed 's/^/#     /'
    done
}

settle() { # NAME
    local failed=0 host=0 receiver sizes

    read -ra sizes <<<"${trial_sizes[$1]}"
    if [ "${trial_acks[$1]}" -gt 0 ]; then
        finish "$1-s"
        [ "$status" = 0 ] || failed=1
    fi
    for receiver in ${trial_receivers[$1]}; do
        [ $failed = 1 ] || wait_received "$1" $host ${#sizes[@]}
        stop "$1-r$host"
        received "$1" $host >"$T/$1-r$host.cmp" 2>&1 || failed=1
        host=$((host + 1))
    done
    [ "${trial_acks[$1]}" -gt 0 ] || stop "$1-s"
    understood "$T/$1-s.err" >"$T/$1-s.cmp" || failed=1
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

matrix() {
    local fec kind loss sender receiver lossy more

    for fec in 5 129; do
        for kind in file data stream; do
            for loss in 0 1 5; do
                for more in '' --unicast --cc; do
                    lossy=(--rx-loss "$loss" --tx-loss "$loss" --fec "$fec" --kind "$kind" --rate 2e6)
                    [ $kind != stream ] || lossy+=(--message 4000 --stream-buffer 3000000)
                    for sender in nrl core; do
                        [ $sender = nrl ] && receiver=core || receiver=nrl
                        trial $sender $receiver 500000 "${lossy[@]}" $more
                    done
                done
            done
        done
    done
    for sender in nrl core; do
        for receiver in core nrl; do
            [ $sender != $receiver ] || continue
            trial $sender $receiver 1 --rate 2e6
            trial $sender $receiver '0 1399 1400 1401' --rate 2e6
            trial $sender $receiver '89600 89601 89599' --rate 2e6 --rx-loss 2 --tx-loss 2 --sync-all
            trial $sender $receiver '90000 8193 77777 12345 100 64000' --rate 2e6 --rx-loss 10 --tx-loss 10 --sync-all
            trial $sender $receiver 1000000 --rate 2e6 --rx-loss 20 --tx-loss 20 --parity 4 --block 20
            trial $sender $receiver 500000 --rate 2e6 --rx-loss 5 --tx-loss 5 --proactive 4
            trial $sender $receiver 500000 --rate 2e6 --rx-loss 5 --parity 0
            trial $sender $receiver 500000 --rate 2e6 --fec 2 --rx-loss 5
            trial $sender $receiver 500000 --rate 2e6 --segment 100 --block 200 --parity 55 --rx-loss 3
            trial $sender $receiver 200000 --rate 2e6 --kind stream --message 300 --flush-messages --rx-loss 5 \
                --stream-buffer 3000000
            trial $sender $receiver 5000000 --rate 4e6 --kind stream --message 5000
            trial $sender $receiver 1000000 --rate 4e6 --kind stream --rx-loss 1 --stream-buffer 3000000
            trial $sender $receiver 20000000 --rate 20e6
            trial $sender $receiver 20000000 --rate 10e6 --rx-loss 1 --tx-loss 1
        done
        trial $sender 'nrl core nrl core' 1000000 --rate 4e6 --rx-loss 5 --tx-loss 5
        trial $sender 'nrl core nrl core' 1000000 --rate 4e6 --rx-loss 5 --tx-loss 5 --unicast
        trial $sender 'nrl core nrl core' 1000000 --rate 1e6 --rx-loss 5 --tx-loss 1 --cc
        trial $sender 'nrl core nrl core' 1000000 --kind stream --message 4000 --rate 4e6 --rx-loss 5 --tx-loss 5 \
            --stream-buffer 3000000
        trial $sender 'nrl+silent core+silent' 100000 --rate 5e5
        trial $sender 'nrl+silent core nrl core+silent' 300000 --rate 5e5 --proactive 24 --rx-loss 5
    done
    trial core 'nrl core nrl core' 20000000 --auto --rate 1e5
    trial core nrl 5000000 --auto --rate 1e5 --rx-loss 1 --unicast
    # libnorm as sender overwrites what still needs repair when its buffer is that small, its own receivers know.
    trial core 'nrl core nrl' 5000000 --rate 4e6 --kind stream --message 5000 --stream-buffer 200000 --rx-loss 1
}

# What is quick and different from each other.
selection() {
    trial nrl core '1 1399 1400 1401 89600 89601' --rate 2e6
    trial core nrl '1 1399 1400 1401 89600 89601' --rate 2e6
    trial nrl core '500000 100' --rate 2e6 --rx-loss 5 --tx-loss 5 --sync-all
    trial core nrl '500000 100' --rate 2e6 --rx-loss 5 --tx-loss 5 --sync-all
    trial nrl core 500000 --kind stream --message 4000 --stream-buffer 1000000 --rate 2e6 --rx-loss 1 --tx-loss 1
    trial core nrl 500000 --kind stream --message 4000 --stream-buffer 1000000 --rate 2e6 --rx-loss 1 --tx-loss 1
    trial nrl core 300000 --kind data --fec 129 --unicast --rate 2e6 --rx-loss 5 --tx-loss 5
    trial core nrl 300000 --kind data --fec 129 --unicast --rate 2e6 --rx-loss 5 --tx-loss 5
    # At the rate that it begins with it would take longer than a trial may.
    trial nrl core 1000000 --cc --rate 15e3
    trial core nrl 1000000 --cc --rate 15e3
    trial core 'nrl core' 1000000 --auto --rate 15e3
    trial core 'nrl+silent core+silent' 100000 --rate 5e5
    trial nrl 'nrl+silent core+silent' 100000 --rate 5e5
    trial core 'nrl core nrl core' 1000000 --rate 2e6 --rx-loss 5 --tx-loss 5
    trial nrl 'nrl core nrl core' 1000000 --rate 2e6 --rx-loss 5 --tx-loss 5
}

if [ "$which" = short ]; then
    selection
else
    matrix
fi
settle_all
done_testing
