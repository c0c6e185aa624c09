#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Runs a command and writes the most memory that it had at one time, in MiB.     peak.py FILE COMMAND..."""
import os
import resource
import sys

status = os.waitstatus_to_exitcode(os.waitpid(os.posix_spawnp(sys.argv[2], sys.argv[2:], os.environ), 0)[1])
with open(sys.argv[1], "w") as file:
    print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss // 1024, file=file)
sys.exit(status)
