# SPDX-License-Identifier: MIT
# shellcheck shell=bash disable=SC2034
#
# A small laboratory for network tests: hosts, switches and routers in private network namespaces.
#
# A test script sources this file first. It then runs again inside its own user, network, mount and process
# namespace, as an ordinary user or as root: nothing that it does touches the machine's interfaces, and the
# kernel removes everything, processes too, when it ends in whichever way.
#
#   switch_add SW [querier]        a bridge with IGMP/MLD snooping
#   host_add A [SW]                a host: lo, eth0 = 10.0.0.N/24 and fd00::N/64 on the switch (default: sw)
#   bare_host_add X                a host with nothing, not even lo up
#   nic_add A eth1 SW [ADDRESS...] another interface of a host
#   nic_delete A eth0
#   router_add R SW:ADDRESS...     forwards between switches; smcrouted by router_start
#   carrier_down A / carrier_up A  pulls the cable of eth0 at the switch, and puts it back
#   loss_set A NFT-MATCH           the switch drops UDP towards A that matches, e.g. 'numgen inc mod 2 < 1'
#   lan A B ...                    one switch "sw" and these hosts
#
#   run NAME HOST CMD...           runs CMD, with a time limit: $status, $T/NAME.out, $T/NAME.err
#   start NAME HOST CMD...         starts CMD in the background
#   finish NAME                    waits until it ends by itself: $status
#   stop NAME                      Ctrl-C, then finish
#   wait_line FILE REGEX [SECONDS] waits for a line in $T/FILE
#   wait_until 'COMMAND' [SECONDS] waits until a shell command succeeds
#
#   is WHAT GOT WANTED   like WHAT FILE REGEX   unlike WHAT FILE REGEX   ok WHAT COMMAND...
#   need TOOL WHAT || ...          a check that cannot be made without TOOL
#   done_testing                   last line of every script

set -u
PATH=/usr/sbin:/usr/bin:/sbin:/bin:$PATH
LIB_DIR=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
PEERS=$LIB_DIR/peers

# The herald binary, absolute. Sets HERALD.
find_herald() {
    HERALD=${HERALD:-$LIB_DIR/../../build/herald}
    [ -x "$HERALD" ] || { echo "Bail out! no herald binary at '$HERALD' (set HERALD)"; exit 99; }
    HERALD=$(cd "$(dirname "$HERALD")" && pwd)/$(basename "$HERALD")
    export HERALD
}

# Runs the script again inside its own namespaces.
enter_laboratory() {
    local flags

    find_herald
    for flags in -Urnmp -nmp; do
        if unshare $flags --fork --mount-proc true 2>/dev/null; then
            export HERALD_TEST_INSIDE=1
            exec unshare $flags --fork --kill-child --mount-proc bash "$0" "$@"
        fi
    done
    if [ "${HERALD_TEST_ALL:-0}" = 1 ]; then
        echo "Bail out! cannot make namespaces here"
        exit 99
    fi
    echo "1..0 # SKIP cannot make namespaces here"
    exit 0
}

[ "${HERALD_TEST_INSIDE:-0}" = 1 ] || enter_laboratory "$@"

# ---- inside -------------------------------------------------------------------------------------------------

unset HERALD_TEST_INSIDE # a script that runs another one gets a laboratory inside the laboratory
mount -t tmpfs tmpfs /run || { echo "Bail out! cannot mount a tmpfs"; exit 99; }
T=/run/test
mkdir -p "$T/bin"
ln -s "$HERALD" "$T/bin/herald"
PATH=$T/bin:$PATH
export PATH T LC_ALL=C.UTF-8 TZ=UTC
export ASAN_OPTIONS=${ASAN_OPTIONS:-detect_stack_use_after_return=0}

mkfifo "$T/.pause"
exec {PAUSE_FD}<>"$T/.pause"
exec </dev/null

RUN_SECONDS=30  # no command of a test may take longer
WAIT_SECONDS=${WAIT_SECONDS:-20} # generous: only a failing test waits so long
checks=0
failures=0
hosts=0
status=0
finished=no
trap '[ $finished = yes ] || echo "Bail out! the script broke off"' EXIT
declare -A pid_of=() switch_of=()

# 20 ms, without starting a process.
pause() {
    read -r -t 0.02 -u "$PAUSE_FD" || true
}

now_ms() {
    local us=${EPOCHREALTIME/[.,]/}
    echo $((us / 1000))
}

# Whether the binary is built with AddressSanitizer: ten times the memory, and slow to start.
sanitized() {
    grep -q __asan_init "$HERALD"
}

# ---- checks -------------------------------------------------------------------------------------------------

# What the commands of this test wrote since the last failure, as TAP diagnostics.
transcripts() {
    local file

    for file in "$T"/*.cmd "$T"/*.out "$T"/*.err; do
        if [ ! -s "$file" ] || [ "$file" -ot "$T/.shown" ]; then
            continue
        fi
        echo "# --- ${file##*/}"
        tail -n 25 "$file" | cut -c 1-300 | cat -v | sed 's/^/#     /'
    done
    touch "$T/.shown"
}

verdict() { # FAILED WHAT
    checks=$((checks + 1))
    if [ "$1" = 0 ]; then
        echo "ok $checks - $2"
        return 0
    fi
    failures=$((failures + 1))
    echo "not ok $checks - $2"
    return 1
}

ok() { # WHAT COMMAND...
    local what=$1 failed=0
    shift
    "$@" >/dev/null 2>&1 || failed=1
    verdict $failed "$what" || { echo "# failed: $*"; transcripts; return 1; }
}

is() { # WHAT GOT WANTED
    local failed=0
    [ "$2" = "$3" ] || failed=1
    verdict $failed "$1" || { printf '%s\n' "got:    $2" "wanted: $3" | cat -v | sed 's/^/# /'; transcripts; return 1; }
}

like() { # WHAT FILE REGEX
    local failed=0
    grep -aqE -- "$3" "$T/$2" || failed=1
    verdict $failed "$1" || { echo "# no line of $2 matches: $3"; transcripts; return 1; }
}

unlike() { # WHAT FILE REGEX
    local failed=0
    ! grep -aqE -- "$3" "$T/$2" || failed=1
    verdict $failed "$1" || { echo "# a line of $2 matches: $3"; transcripts; return 1; }
}

count() { # FILE REGEX
    grep -acE -- "$2" "$T/$1" || true
}

# A Python expression over the JSON lines of a file: `events` is the list, of("summary") the events of that kind.
json() { # FILE EXPRESSION
    python3 "$PEERS/json_lines.py" "$T/$1" "$2"
}

need() { # TOOL WHAT
    command -v "$1" >/dev/null && return 0
    checks=$((checks + 1))
    if [ "${HERALD_TEST_ALL:-0}" = 1 ]; then
        failures=$((failures + 1))
        echo "not ok $checks - $2: $1 is not installed"
    else
        echo "ok $checks - $2 # SKIP $1 is not installed"
    fi
    return 1
}

give_up() { # WHY
    echo "not ok $((checks + 1)) - $1"
    transcripts
    echo "Bail out! $1"
    finished=yes
    exit 1
}

# Whether this shell is alone in the laboratory.
nothing_left() {
    [ -z "$(exec 2>/dev/null; for p in /proc/[0-9]*; do
        p=${p#/proc/}
        [ "$p" = $$ ] || [ "$p" = "$BASHPID" ] || [ "$(cut -d' ' -f4 "/proc/$p/stat")" = "$BASHPID" ] ||
            [ ! -d "/proc/$p" ] || echo "$p"
    done)" ]
}

done_testing() {
    local name

    for name in "${!pid_of[@]}"; do
        kill -KILL "${pid_of[$name]}" 2>/dev/null
        wait "${pid_of[$name]}" 2>/dev/null
    done
    pid_of=()
    local left=0 tries=0
    until nothing_left; do
        tries=$((tries + 1))
        [ $tries -lt 250 ] || { left=1; break; }
        pause
    done
    verdict $left "nothing is left running" || ps -eo pid,ppid,args | sed 's/^/# /'
    echo "1..$checks"
    finished=yes
    [ "$failures" = 0 ]
    exit
}

# ---- commands -----------------------------------------------------------------------------------------------

on() { # HOST COMMAND...
    local host=$1
    shift
    nsenter --net="/run/netns/$host" "$@"
}

run() { # NAME HOST COMMAND...
    local name=$1 host=$2
    shift 2
    printf '%s: %s\n' "$host" "$*" >"$T/$name.cmd"
    on "$host" timeout -k 2 "$RUN_SECONDS" "$@" >"$T/$name.out" 2>"$T/$name.err"
    status=$?
}

start() { # NAME HOST COMMAND...
    local name=$1 host=$2
    shift 2
    printf '%s: %s\n' "$host" "$*" >"$T/$name.cmd"
    : >"$T/$name.out" >"$T/$name.err" # not the lines of an earlier one of that name
    # A shell without job control lets its background commands ignore Ctrl-C: undone here.
    env --default-signal=INT,QUIT nsenter --net="/run/netns/$host" "$@" >"$T/$name.out" 2>"$T/$name.err" &
    pid_of[$name]=$!
}

finish() { # NAME
    local pid=${pid_of[$1]} end=$((SECONDS + RUN_SECONDS))

    while kill -0 "$pid" 2>/dev/null; do
        if [ $SECONDS -ge $end ]; then
            kill -KILL "$pid"
            wait "$pid" 2>/dev/null
            unset "pid_of[$1]"
            give_up "$1 did not end within $RUN_SECONDS s"
        fi
        pause
    done
    wait "$pid" 2>/dev/null
    status=$?
    unset "pid_of[$1]"
}

stop() { # NAME
    kill -INT "${pid_of[$1]}" 2>/dev/null
    finish "$1"
}

wait_line() { # FILE REGEX [SECONDS]
    local end=$((SECONDS + ${3:-$WAIT_SECONDS}))

    until grep -aqE -- "$2" "$T/$1" 2>/dev/null; do
        [ $SECONDS -lt $end ] || give_up "no line of $1 matched in ${3:-$WAIT_SECONDS} s: $2"
        pause
    done
}

wait_until() { # COMMAND [SECONDS]
    local end=$((SECONDS + ${2:-$WAIT_SECONDS}))

    until eval "$1" >/dev/null 2>&1; do
        [ $SECONDS -lt $end ] || give_up "did not happen in ${2:-$WAIT_SECONDS} s: $1"
        pause
    done
}

# Starts `herald listen ARGUMENTS` and waits until it has joined.
listen() { # NAME HOST ARGUMENTS...
    local name=$1 host=$2
    shift 2
    start "$name" "$host" herald listen "$@"
    case " $* " in
        *' --json '* | *' --format json '*) wait_line "$name.out" '"event":"listening"' ;;
        *) wait_line "$name.err" '^listening to ' ;;
    esac
}

# Waits until something on the host is bound to a UDP port.
wait_port() { # HOST PORT
    local hex
    hex=$(printf ':%04X ' "$2")
    wait_until "on $1 cat /proc/net/udp /proc/net/udp6 | grep -q '$hex'"
}

# Waits until the sockets of a port have nothing left to be read.
wait_drained() { # HOST PORT
    local hex
    hex=$(printf ':%04X ' "$2")
    wait_until "on $1 cat /proc/net/udp /proc/net/udp6 | grep '$hex' >$T/.sockets
        [ -s $T/.sockets ] && ! grep -qvE ' [0-9A-F]{8}:00000000 ' $T/.sockets"
}

# Waits until the host is a member of a group on an interface.
wait_member() { # HOST IFACE GROUP
    wait_until "ip -n $1 maddr show dev $2 | grep -qwF $3"
}

# ---- topology -----------------------------------------------------------------------------------------------

must() {
    "$@" || give_up "setup failed: $*"
}

setting() { # HOST NAME/WITH/SLASHES VALUE
    # A shell of its own: /proc/sys/net shows the namespace of the process that opens it.
    on "$1" sh -c "echo $3 >/proc/sys/net/$2" || give_up "setup failed: $2"
}

namespace_add() { # NAME
    must ip netns add "$1"
    on "$1" sh -c 'cd /proc/sys/net/ipv6/conf && for c in all default; do
        echo 0 >$c/accept_dad; echo 0 >$c/dad_transmits; echo 0 >$c/router_solicitations; done'
}

# Without a querier the bridge floods what nobody has asked for, as many cheap switches do. With one, it
# forwards only to members (and to everybody until the first query's time to answer, 0.1 s, is over).
switch_add() { # SW [querier]
    namespace_add "$1"
    must ip -n "$1" link add br0 type bridge stp_state 0 forward_delay 0 mcast_snooping 1 \
        mcast_igmp_version 3 mcast_mld_version 2 \
        mcast_query_response_interval 10 mcast_query_interval 100 mcast_startup_query_interval 20
    must ip -n "$1" link set br0 up
    if [ "${2:-}" = querier ]; then
        must ip -n "$1" link set br0 type bridge mcast_querier 1
    fi
}

nic_add() { # HOST IFACE SW [ADDRESS...]
    local host=$1 iface=$2 switch=$3 address
    local port=$host
    shift 3

    [ "$iface" = eth0 ] || port=$host-$iface
    must ip link add name "$iface" netns "$host" type veth peer name "$port" netns "$switch"
    must ip -n "$switch" link set "$port" master br0 up
    must ip -n "$switch" link set "$port" type bridge_slave mcast_fast_leave on
    for address; do
        case $address in
            *:*) must ip -n "$host" address add "$address" dev "$iface" nodad ;;
            *) must ip -n "$host" address add "$address" dev "$iface" ;;
        esac
    done
    must ip -n "$host" link set "$iface" up
    switch_of[$host/$iface]=$switch
    wait_until "ip -n $host -6 address show dev $iface scope link | grep -q inet6"
    wait_until "on $switch bridge link show dev $port | grep -q 'state forwarding'"
}

nic_delete() { # HOST IFACE
    must ip -n "$1" link delete "$2"
}

bare_host_add() { # HOST
    namespace_add "$1"
}

host_add() { # HOST [SW]
    hosts=$((hosts + 1))
    namespace_add "$1"
    must ip -n "$1" link set lo up
    nic_add "$1" eth0 "${2:-sw}" "10.0.0.$hosts/24" "fd00::$hosts/64"
}

lan() { # HOST...
    local host
    switch_add sw
    for host; do
        host_add "$host"
    done
}

# A route to all groups, as a host with a default route has one.
group_route_add() { # HOST
    must ip -n "$1" route add 224.0.0.0/4 dev eth0
}

port_of() { # HOST [IFACE]
    [ "${2:-eth0}" = eth0 ] && echo "$1" || echo "$1-$2"
}

carrier_down() { # HOST [IFACE]
    must ip -n "${switch_of[$1/${2:-eth0}]}" link set "$(port_of "$@")" down
}

carrier_up() { # HOST [IFACE]
    must ip -n "${switch_of[$1/${2:-eth0}]}" link set "$(port_of "$@")" up
}

# Whether the switch has learned from reports that the host is a member of the group.
switch_knows() { # HOST GROUP [IFACE]
    on "${switch_of[$1/${3:-eth0}]}" bridge mdb show | grep -qE "port $(port_of "$1" "${3:-eth0}") grp $2( |\$)"
}

loss_set() { # HOST NFT-MATCH
    on "${switch_of[$1/eth0]}" nft -f - <<RULES || give_up "setup failed: nft"
table netdev loss_$1 {
    chain out {
        type filter hook egress device "$1" priority 0;
        meta l4proto udp $2 counter drop
    }
}
RULES
}

router_add() { # ROUTER SW:ADDRESS...
    local router=$1 pair n=0
    shift
    namespace_add "$router"
    must ip -n "$router" link set lo up
    setting "$router" ipv4/ip_forward 1
    setting "$router" ipv4/conf/all/rp_filter 0
    setting "$router" ipv4/conf/default/rp_filter 0
    for pair; do
        nic_add "$router" "eth$n" "${pair%%:*}" "${pair#*:}"
        n=$((n + 1))
    done
}

# Starts smcrouted with the configuration on standard input, and waits until it has joined GROUP on eth0.
router_start() { # ROUTER GROUP
    cat >"$T/$1.conf"
    start "smcrouted_$1" "$1" smcrouted -N -n -s -l notice -f "$T/$1.conf" -i "$1" -P "$T/$1.pid" -u "$T/$1.sock"
    wait_member "$1" eth0 "$2"
}
