#!/bin/bash
# SPDX-License-Identifier: MIT
# What herald put and herald get say to each other, as another program decodes it: tshark knows NORM with FEC 129.
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"

need tshark 'another decoder for NORM' || done_testing

EP=239.1.2.3:10000
lan A B C
for host in A B C; do
    group_route_add $host
    must on $host ethtool -K eth0 tx-udp-segmentation off # or the packets would be captured before they are cut
done
mkdir "$T/b" "$T/c" "$T/tree"
head -c 300000 /dev/urandom >"$T/tree/file.bin"
: >"$T/tree/empty"
ln -s file.bin "$T/tree/link"

# C loses something, so that there are requests and repairs.
loss_set C "udp dport 10000 numgen inc mod 10 < 1"

# The lines of the packets that match, each with FIELD.
decoded() { # FILTER FIELD
    tshark -n -r "$T/capture.pcap" -d udp.port==1-65535,norm -Y "$1" -T fields -e "$2" 2>>"$T/tshark.err"
}

packets() { # FILTER
    decoded "$1" frame.number | wc -l
}

begin_capture() {
    start capture B python3 "$PEERS/capture_pcap.py" eth0 "$T/capture.pcap"
    wait_line capture.out '^capturing$'
}

well_formed() { # WHAT
    stop capture
    is "$1: every packet is captured" $status 0
    is "$1: no packet is malformed" "$(packets 'udp && (_ws.malformed || _ws.expert.severity >= 6291456)')" 0
    is "$1: all are NORM" "$(packets 'udp && !norm')" 0
    ok "$1: from both sides" [ "$(decoded norm ip.src | sort -u | wc -l)" -ge 2 ]
    is "$1: of version 1" "$(packets 'norm.version != 1')" 0
}

begin_capture
start b B herald get $EP -d "$T/b" --once
start c C herald get $EP -d "$T/c" --once
wait_line b.err '^getting from '
wait_line c.err '^getting from '
run put A herald put $EP "$T/tree" --fec-id 129 --segment 1000 --block 64 --rate 40mbit --expect 2
is 'files are put with FEC 129' $status 0
finish b
finish c
well_formed 'files'
# 300 segments in 5 blocks of 60, and what was repaired.
is 'files: each segment of the file is decoded' \
    "$(decoded 'norm.type == 2 && rmt-fec.esi < 60' rmt-fec.sbn | sort -n | uniq -c | awk '$1 >= 60' | wc -l)" 5
is 'files: and of no other block' "$(packets 'norm.type == 2 && rmt-fec.sbn > 4')" 0
is 'files: each packet of data has the length of the block' "$(packets 'norm.type == 2 && rmt-fec.sbl != 60')" 0
is 'files: and the size of the object' "$(packets 'norm.type == 2 && rmt-fec.fti.transfer_length != 300000')" 0
ok 'files: parity is decoded' [ "$(packets 'norm.type == 2 && rmt-fec.esi >= 60')" -gt 0 ]
# The directory, the file, the empty one, the link.
is 'files: an INFO of each object' "$(decoded 'norm.type == 1' norm.object_transport_id | sort -u | wc -l)" 4
ok 'files: FLUSH' [ "$(packets 'norm.flavor == 1')" -gt 0 ]
ok 'files: EOT' [ "$(packets 'norm.flavor == 2')" -gt 0 ]
ok 'files: CC' [ "$(packets 'norm.flavor == 4')" -gt 0 ]
ok 'files: the questions' [ "$(packets 'norm.flavor == 6')" -gt 0 ]
ok 'files: the answers, of type 0x68' [ "$(packets 'norm.type == 5 && norm.ack.type == 104')" -gt 0 ]
ok 'files: requests for repair' [ "$(packets 'norm.type == 4 && ip.src == 10.0.0.3')" -gt 0 ]
is 'files: all of them for segments of the five blocks' \
    "$(packets 'norm.type == 4 && norm.nack.flags.segment == 1 && rmt-fec.sbn > 4')" 0

EP=239.1.2.3:10001
begin_capture
start b B herald get $EP -o -
start c C herald get $EP -o -
wait_line b.err '^getting from '
wait_line c.err '^getting from '
# shellcheck disable=SC2016
run put A sh -c 'herald put "$0" - --fec-id 129 --segment 1000 --rate 40mbit --expect 2 <"$1"' $EP "$T/tree/file.bin"
is 'a stream is put with FEC 129' $status 0
finish b
finish c
well_formed 'a stream'
ok 'a stream: its packets are decoded as such' [ "$(packets 'norm.type == 2 && norm.flag.stream == 1')" -ge 300 ]
ok 'a stream: with the place of each' [ "$(decoded 'norm.type == 2' norm.payload.offset | sort -u | wc -l)" -ge 300 ]

begin_capture
start b B herald get $EP -d "$T/b" --once --unicast-feedback
start c C herald get $EP -d "$T/c" --once --unicast-feedback
wait_line b.err '^getting from '
wait_line c.err '^getting from '
run put A herald put $EP "$T/tree/file.bin" --fec-id 129 --unicast-feedback --tfmcc --expect 2
is 'a file is put with FEC 129, unicast feedback and TFMCC' $status 0
finish b
finish c
well_formed 'unicast'

done_testing
