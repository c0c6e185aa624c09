#!/bin/bash
# SPDX-License-Identifier: MIT
# Deliveries whose receivers answer by unicast: from one source (SSM), by IPv4 and IPv6, or because they are told to.
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source-path=SCRIPTDIR source=put_lib.sh
. "$(dirname "$0")/put_lib.sh"

fire_lan 3
head -c 3000000 /dev/urandom >"$T/src/file"
cp "$T/src/file" "$T/stranger"

# Counts the feedback that anybody else would hear: NACKs and ACKs to the group.
heard_by_all() { # GROUP
    on X nft -f - <<RULES || give_up "setup failed: nft"
table netdev heard {
    counter feedback {}
    chain in {
        type filter hook ingress device "eth0" priority 0;
        $1 @th,64,8 { 0x14, 0x15 } counter name feedback
    }
}
RULES
}

heard() {
    on X nft list counter netdev heard feedback | grep -o 'packets [0-9]*' | cut -d' ' -f2
}

ssm() { # NAME ENDPOINT PUT-ENDPOINT LOSS ARGUMENTS...
    local name=$1 from=$2 to=$3 percent=$4 host
    shift 4
    fresh
    cp "$T/stranger" "$T/src/file"
    for host in "${receivers[@]}"; do
        [ "$percent" = 0 ] || lossy "$host" "$percent"
        start "$name-$host" "$host" herald get "$from" -d "$T/in/$host" --once --json "$@"
        wait_line "$name-$host.out" '"event":"receiving"'
    done
    start "$name-stranger" X herald put "${to#*@}" "$T/stranger" --silent-receivers --repeat --rate 1mbit
    run "$name" S herald put "$to" "$T/src/file" --expect 3 --rate 200mbit --json
    is "$name: put ends well" $status 0
    stop "$name-stranger"
    for host in "${receivers[@]}"; do
        finish "$name-$host"
        is "$name: $host ends well" $status 0
        ok "$name: what $host has is the same" cmp "$T/src/file" "$T/in/$host/file"
        is "$name: $host has nothing of another source" "$(find "$T/in/$host" -type f | wc -l)" 1
    done
}

ssm 'SSM' 10.0.0.1@232.1.2.3:10000 232.1.2.3:10000 0
ssm 'SSM with 5% loss' 10.0.0.1@232.1.2.3:10000 10.0.0.1@232.1.2.3:10000 5
is 'repairs were asked for by unicast' "$(value 'SSM with 5% loss' 'of("summary")[0]["repairs"] > 0')" True
ssm 'SSM by IPv6 with 5% loss' '[fd00::1]@[ff3e::7%eth0]:10000' '[fd00::1]@[ff3e::7%eth0]:10000' 5

# To any source, but nobody else shall be bothered by what is answered.
start x X herald get 239.1.2.3:10000 -o /dev/null --json --unicast-feedback
wait_line x.out '"event":"receiving"'
heard_by_all 'ip daddr 239.1.2.3 udp dport 10000'
fresh
cp "$T/stranger" "$T/src/file"
for host in "${receivers[@]}"; do
    lossy "$host" 5
    start "u-$host" "$host" herald get 239.1.2.3:10000 -d "$T/in/$host" --once --json --unicast-feedback
    wait_line "u-$host.out" '"event":"receiving"'
done
run unicast S herald put 239.1.2.3:10000 "$T/src/file" --expect 4 --rate 200mbit --unicast-feedback --json
is 'unicast feedback: put ends well' $status 0
for host in "${receivers[@]}"; do
    finish "u-$host"
    is "unicast feedback: $host ends well" $status 0
    ok "unicast feedback: what $host has is the same" cmp "$T/src/file" "$T/in/$host/file"
done
is 'unicast feedback: repairs were needed' "$(value unicast 'of("summary")[0]["repairs"] > 0')" True
is 'unicast feedback: the group heard none of it' "$(heard)" 0
stop x

done_testing
