#!/bin/bash
# SPDX-License-Identifier: MIT
# libzmq's norm:// transport with herald's streams: what a PUB socket sends, received by herald get, and a stream of
# herald's core received by a SUB socket. How libzmq divides it is told by tests/interop/zmq_peer.c.
#
# A SUB socket cannot receive what herald put sends, not even its streams: libzmq 4.3.4 ends the process by an
# assertion when a NORM object is not a stream, and a digest is none. A PUB socket of that version stops sending, and
# never stops computing, at a message of more than 2038 bytes: those here are shorter. It never ends its stream.
#
# HERALD_PEERS is the directory with zmq_peer and core_peer, tests/interop of the build.
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"

PATH=${HERALD_PEERS:-$(dirname "$(readlink -f "$HERALD")")/tests/interop}:$PATH
need zmq_peer "libzmq (Debian's libzmq3-dev) as a peer" || done_testing
if zmq_peer frame 200 /dev/null 2>/dev/null; then
    # shellcheck disable=SC2317 # it only has to be there
    norm_in_libzmq() { :; }
fi
need norm_in_libzmq 'norm:// of libzmq' || done_testing

GROUP=239.1.2.3
BYTES=300000
WAIT_SECONDS=40 # its congestion control begins with 64 kbit/s
lan S A B
for host in S A B; do
    group_route_add "$host"
    must on "$host" ethtool -K eth0 tx-udp-segmentation off
done
head -c $BYTES /dev/urandom >"$T/content"

subscribe() { # NAME HOST NODE MESSAGE PORT
    start "$1" "$2" zmq_peer subscribe "$4" "$T/$1.content" "norm://$3,eth0;$GROUP:$5" $BYTES
    wait_line "$1.out" '^ready$'
    wait_member "$2" eth0 $GROUP
}

received() { # WHAT NAME
    finish "$2"
    is "$1" $status 0
    like "$1: each frame is as it was sent" "$2.out" "^complete $BYTES frames=[0-9]+ wrong=0\$"
    ok "$1: and its content" cmp "$T/content" "$T/$2.content"
}

# Messages with short lengths, and with long ones; the latter with losses.
port=7001
for message in 200 2000; do
    [ $message = 200 ] || for host in S A B; do
        loss_set $host "udp dport $port numgen random mod 100 < 3"
    done
    zmq_peer frame $message "$T/content" >"$T/framed"
    start get A herald get $GROUP:$port -o - --node-id 11
    wait_line get.err '^getting from '
    subscribe sub B 12 $message $port
    start pub S zmq_peer publish $message "$T/content" "norm://1,eth0;$GROUP:$port"
    wait_until "[ \$(stat -c %s $T/get.out) -ge \$(stat -c %s $T/framed) ]"
    ok "herald get receives what PUB sends, messages of up to $message bytes" cmp "$T/framed" "$T/get.out"
    received "so does a SUB socket beside it, messages of up to $message bytes" sub
    stop get
    is "Ctrl-C ends get, as the stream has no end, messages of up to $message bytes" $status 0
    stop pub
    port=$((port + 1))

    [ $message = 200 ] || for host in S A B; do
        loss_set $host "udp dport $port numgen random mod 100 < 3"
    done
    subscribe sub_a A 11 $message $port
    subscribe sub_b B 12 $message $port
    start core S core_peer send --node 1 --port $port --kind stream --message $message --seconds 100 "$T/framed"
    received "a SUB socket receives a stream of the core's, messages of up to $message bytes" sub_a
    received "so does another SUB socket beside it, messages of up to $message bytes" sub_b
    stop core
    port=$((port + 1))
done

done_testing
