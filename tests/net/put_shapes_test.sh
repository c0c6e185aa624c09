#!/bin/bash
# SPDX-License-Identifier: MIT
# herald put and herald get with odd material and company: many files, holes, names, other senders, late receivers.
# soak does the same with more of everything.
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source-path=SCRIPTDIR source=put_lib.sh
. "$(dirname "$0")/put_lib.sh"
# shellcheck source-path=SCRIPTDIR source=put_cases.sh
. "$(dirname "$0")/put_cases.sh"

need ethtool 'put_shapes: losing single datagrams' || done_testing
need nft 'put_shapes: losing datagrams' || done_testing
fire_lan 4

case_many 500
case_sparse 300M 64
case_names
case_two_senders 2000000
case_ends
case_late 2000000 20mbit

done_testing
