#!/bin/bash
# SPDX-License-Identifier: MIT
# herald put and herald get with somebody in the group who means no good.
# soak does the same with more of everything.
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source-path=SCRIPTDIR source=put_lib.sh
. "$(dirname "$0")/put_lib.sh"
# shellcheck source-path=SCRIPTDIR source=put_cases.sh
. "$(dirname "$0")/put_cases.sh"

need ethtool 'put_attack: losing single datagrams' || done_testing
need nft 'put_attack: losing datagrams' || done_testing
fire_lan 4

case_attack 1000000 20mbit 500 replay truncate restart
case_attack 1000000 20mbit 500 data info command
case_attack 1000000 20mbit 200 stranger
case_attack 1000000 20mbit 200 nack ack posing
case_disguised 1000000 20mbit 500 truncate flip restart
case_disguised 1000000 20mbit 300 data info command

done_testing
