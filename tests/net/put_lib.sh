# SPDX-License-Identifier: MIT
# shellcheck shell=bash disable=SC2034,SC2154 source-path=SCRIPTDIR source=lib.sh
#
# What the tests of herald put and herald get under adverse conditions share. Source lib.sh first.
#
#   fire_lan N                    a switch, a sender S, receivers R1 .. RN, an attacker X; directories $T/in/R1 ...
#   fire_get NAME HOST ARGS...    starts herald get --json into the host's directory, and waits until it has joined
#   fire_put NAME ARGS...         runs herald put --json at S to the end: $status
#   fire_put_start NAME ARGS...   starts it
#   lossy HOST PERCENT            the switch loses that share of what goes to HOST, each datagram by itself
#   lossless HOST
#   strict_switch, lenient_switch the switch passes only to members, which it forgets without a querier; as it was
#   crash NAME                    kills a command without a warning
#   value NAME EXPRESSION         what a Python expression over the command's JSON lines gives; None if there are none
#   got WHAT NAME [STATUS]        waits for a get, and checks its status
#   same WHAT WANTED DIR...       trees or files are identical
#   leftovers DIR                 what is left unfinished below a directory

EP=239.1.2.3:10000
declare -A came_before=()
receivers=()
SEED=${SEED:-1}

# Whether runs of datagrams leave the host uncut. The kernel would then lose a whole run at once, as no cable does.
offload() { # HOST on|off
    on "$1" ethtool -K eth0 tx-udp-segmentation "$2" >/dev/null 2>&1 || give_up "setup failed: ethtool"
}

fire_lan() { # N
    local i

    switch_add sw
    host_add S
    for ((i = 1; i <= $1; i++)); do
        host_add "R$i"
        receivers+=("R$i")
        mkdir -p "$T/in/R$i"
    done
    host_add X
    for i in S X "${receivers[@]}"; do
        group_route_add "$i"
        offload "$i" off
    done
    mkdir -p "$T/src"
}

# Empty directories for the next case.
fresh() {
    local host

    for host in "${receivers[@]}"; do
        rm -rf "${T:?}/in/$host"
        mkdir -p "$T/in/$host"
        lossless "$host"
        came_before[$host]=$(came_in "$host")
    done
    rm -rf "${T:?}/src"
    mkdir -p "$T/src"
}

fire_get() { # NAME HOST ARGUMENTS...
    fire_get_start "$@"
    wait_line "$1.out" '"event":"receiving"'
}

fire_get_start() { # NAME HOST ARGUMENTS...
    local name=$1 host=$2
    shift 2
    case " $* " in *' -d '* | *' -o '*) ;; *) set -- -d "$T/in/$host" "$@" ;; esac
    # shellcheck disable=SC2016
    start "$name" "$host" unshare -u sh -c 'hostname "$0" && exec "$@"' "$host" herald get "$EP" --json "$@"
}

fire_gets() { # ARGUMENTS...
    local host
    for host in "${receivers[@]}"; do
        fire_get_start "$host" "$host" "$@"
    done
    for host in "${receivers[@]}"; do
        wait_line "$host.out" '"event":"receiving"'
    done
}

fire_put() { # NAME ARGUMENTS...
    local name=$1
    shift
    run "$name" S herald put "$EP" --json "$@"
}

fire_put_start() { # NAME ARGUMENTS...
    local name=$1
    shift
    start "$name" S herald put "$EP" --json "$@"
}

lossless() { # HOST
    on "${switch_of[$1/eth0]}" nft delete table netdev "loss_$1" 2>/dev/null || true
}

lossy() { # HOST PERCENT
    lossless "$1"
    [ "$2" = 0 ] || loss_set "$1" "numgen random mod 100 < $2"
}

# A switch with a querier, which without one forgets all members within 2 s and passes nothing on, as some do. (The
# bridge, left as it is, remembers them for 260 s, and floods what it knows nothing of.)
strict_switch() {
    local host
    must ip -n sw link set br0 type bridge mcast_querier 1 mcast_membership_interval 200
    for host in S X "${receivers[@]}"; do
        must on sw bridge link set dev "$host" mcast_flood off
    done
}

lenient_switch() {
    local host
    must ip -n sw link set br0 type bridge mcast_querier 0 mcast_membership_interval 26000
    for host in S X "${receivers[@]}"; do
        must on sw bridge link set dev "$host" mcast_flood on
    done
}

# The members of a group that the switch knows.
switch_knows_any() { # GROUP
    on sw bridge mdb show | grep -F " grp $1 "
}

crash() { # NAME
    kill -KILL "${pid_of[$1]}"
    wait "${pid_of[$1]}" 2>/dev/null
    unset "pid_of[$1]"
}

value() { # NAME EXPRESSION
    python3 - "$T/$1.out" "$2" <<'PYTHON'
import json, sys
events = []
for line in open(sys.argv[1], "rb"):
    try:
        events.append(json.loads(line))
    except ValueError:
        pass  # the last line of one that was killed


def of(kind):
    return [event for event in events if event["event"] == kind]


try:
    print(eval("(%s)" % sys.argv[2]))
except (IndexError, KeyError):
    print(None)
PYTHON
}

# Waits until an expression over a command's JSON lines is true.
wait_value() { # NAME EXPRESSION [SECONDS]
    local end=$((SECONDS + ${3:-$WAIT_SECONDS}))

    until [ "$(value "$1" "bool($2)")" = True ]; do
        [ $SECONDS -lt $end ] || give_up "not true of $1 in ${3:-$WAIT_SECONDS} s: $2"
        pause
    done
}

got() { # WHAT NAME [STATUS]
    finish "$2"
    is "$1" "$status" "${3:-0}"
}

got_all() { # WHAT
    local host statuses='' wanted=''
    for host in "${receivers[@]}"; do
        finish "$host"
        statuses+="$host:$status "
        wanted+="$host:0 "
    done
    is "$1" "$statuses" "$wanted"
}

# Names, kinds, modes, sizes, times of files, and where links lead: NUL-terminated, as names may hold anything.
facts_of() { # DIRECTORY
    (cd "$1" && LC_ALL=C find . -mindepth 1 \( -type f -printf '%p %y %m %s %T@\0' -o -type l -printf '%p %y %l\0' \
        -o -printf '%p %y\0' \) | LC_ALL=C sort -z | cat -v)
}

same() { # WHAT WANTED GOT...
    local what=$1 wanted=$2 got different=
    shift 2
    for got; do
        if [ -d "$wanted" ]; then
            diff -rq --no-dereference "$wanted" "$got" >"$T/.diff" 2>&1 || different+="$got: $(head -n 3 "$T/.diff"); "
        else
            cmp "$wanted" "$got" >"$T/.diff" 2>&1 || different+="$(head -n 1 "$T/.diff"); "
        fi
    done
    is "$what" "$different" ''
}

in_all() { # NAME
    local host
    for host in "${receivers[@]}"; do
        printf '%s\n' "$T/in/$host/$1"
    done
}

same_in_all() { # WHAT NAME
    local paths
    mapfile -t paths < <(in_all "$2")
    same "$1" "$T/src/$2" "${paths[@]}"
}

# What an interrupted run leaves lies in a directory of herald's own; when all is here there is nothing in it.
leftovers() { # DIRECTORY
    find "$1" -path '*/.herald*' -type f
}

noise() { # FILE BYTES
    head -c "$2" /dev/urandom >"$1"
}

# How many bytes of a command's memory were resident at most: written by peers/peak.py when it ends.
peak_mib() { # NAME
    cat "$T/$1.peak" 2>/dev/null || echo 9999
}

# What has come in by a host's cable, in bytes.
came_in() { # HOST
    on "$1" awk '$1 == "eth0:" { print $2 }' /proc/net/dev
}

# Waits until a host has heard so many bytes since the case began: files are as long as they will be from the start.
wait_heard() { # HOST BYTES
    wait_until "[ \$((\$(came_in $1) - ${came_before[$1]})) -ge $2 ]" "$RUN_SECONDS"
}

# How long a fault lasts.
wait_seconds() { # SECONDS
    local end=$(($(now_ms) + $1 * 1000))

    while [ "$(now_ms)" -lt $end ]; do
        pause
    done
}

got_rest() { # WHAT EXCEPT
    local host statuses='' wanted=''
    for host in "${receivers[@]}"; do
        [ "$host" != "$2" ] || continue
        finish "$host"
        statuses+="$host:$status "
        wanted+="$host:0 "
    done
    is "$1" "$statuses" "$wanted"
}
