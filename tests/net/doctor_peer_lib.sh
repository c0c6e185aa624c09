# SPDX-License-Identifier: MIT
# shellcheck shell=bash disable=SC2034,SC2154
#
# What tests of `herald doctor --peer` share; after lib.sh and doctor_lib.sh. Hosts A, B and C on a switch.
#
#   respond HOST NAME ARGUMENTS...      herald ping --respond, as a host of that name;  respond_anew: a new one
#   trial TEST WAY NUMBER KEY...        of the table
#   between_gone HOST                   undoes loss_set HOST

RUN_SECONDS=90
GROUP=239.1.2.3
EP=$GROUP:10000

# With a host name of its own, for here all have the same.
respond() { # HOST NAME ARGUMENTS...
    local host=$1 name=$2
    shift 2
    # shellcheck disable=SC2016
    start "peer_$host" "$host" unshare --uts sh -c 'hostname "$0" && exec "$@"' "$name" herald ping --respond "$@"
    wait_line "peer_$host.err" '^answering pings'
}

# Forgets what it has counted, and that it has just examined itself.
respond_anew() {
    stop "peer_$1"
    respond "$@"
}

# What went one way: the values of KEYS of the NUMBERth such line of the table.
trial() { # TEST WAY NUMBER KEY...
    python3 -c 'import json, sys
trials = [e for e in map(json.loads, open(sys.argv[1], "rb")) if e["event"] == "trial"]
trials = [t for t in trials if t["test"] == sys.argv[2] and t["way"] == sys.argv[3]]
print(*[trials[int(sys.argv[4])].get(key) for key in sys.argv[5:]])' "$T/doctor.out" "$@"
}

# What lies between them is mended.
between_gone() { # HOST
    must on sw nft delete table netdev "loss_$1"
}

switch_add sw querier
host_add A
host_add B
host_add C
group_route_add A
group_route_add B
group_route_add C
