# SPDX-License-Identifier: MIT
# For the style checks: reports in TAP. Sourced; expects to run in the root of the source tree afterwards.
# shellcheck shell=bash
set -u
export LC_ALL=C
cd "${HERALD_SOURCE:-$(dirname "$0")/../..}" || exit 99
# shellcheck disable=SC2034 # for those who source this
build=${HERALD_BUILD:-$PWD/build}

count=0
failed=0

# check NAME FINDINGS: passes if there are no findings; shows them otherwise.
check()
{
    count=$((count + 1))
    if [ -z "$2" ]; then
        echo "ok $count - $1"
    else
        echo "not ok $count - $1"
        printf '%s\n' "$2" | sed 's/^/# /'
        failed=1
    fi
}

finish()
{
    echo "1..$count"
    exit $failed
}

# Prints the tree's own files whose names match the given find(1) expression, without what was built.
tree()
{
    find . \( -path './build*' -o -path ./.git -o -path ./.cache \) -prune -o -type f \( "$@" \) -print |
        sed 's|^\./||' | sort
}
