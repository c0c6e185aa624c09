#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Exits 0 if FILE holds one JSON object a line and EXPRESSION over them is true."""
import json
import sys

events = [json.loads(line) for line in open(sys.argv[1], "rb")]


def of(kind):
    return [event for event in events if event["event"] == kind]


if not all(isinstance(event, dict) for event in events) or not eval("(%s)" % sys.argv[2]):
    sys.exit(1)
