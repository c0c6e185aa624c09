#!/bin/bash
# SPDX-License-Identifier: MIT
# herald put and herald get under fire: loss, crashes, pulled cables, lost queriers, full disks.
# soak does the same with more of everything.
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source-path=SCRIPTDIR source=put_lib.sh
. "$(dirname "$0")/put_lib.sh"
# shellcheck source-path=SCRIPTDIR source=put_cases.sh
. "$(dirname "$0")/put_cases.sh"

RUN_SECONDS=90 # a receiver waits 30 s for a sender that is not heard any more

need ethtool 'put_fire: losing single datagrams' || done_testing
need nft 'put_fire: losing datagrams' || done_testing
fire_lan 4

case_loss 'loss of 0, 1, 5 and 20%' 2000000 0 1 5 20
case_loss 'one loses half' 1000000 50 0 0 0
case_loss_of_feedback 1000000 20
case_crash_of_receiver 8000000 30mbit
case_loss_of_receiver 4000000 30mbit
case_crash_of_sender 4000000 30mbit
case_cut R1 4000000 30mbit 2
case_cut S 4000000 30mbit 7
case_querier 4000000 15mbit 3
case_stopped 4000000 30mbit 3
case_given_up 20000000 40mbit
case_disk_full 4000000
case_read_only 300

done_testing
