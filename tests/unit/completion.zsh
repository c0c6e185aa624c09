#!/bin/sh
# SPDX-License-Identifier: MIT
# completion.zsh SCRIPT: its syntax, and that zsh defines its functions and accepts the options' specifications.
# Skipped (77) where there is no zsh.
command -v zsh >/dev/null || exit 77
zsh -n "$1" || exit 1
zsh -f -c '
    script=$1
    # Stands in for what only runs inside of the line editor: checks what it is given.
    _arguments() {
        local specification
        for specification; do
            [[ $specification == (-s|-S|:) ]] && continue
            [[ $specification == (\([^\)]#\)|)(\*|)(-[a-z]+#|--[a-z-]##=#)\[*\]* || $specification == \*:*:* ]] || {
                print -r -- "wrong: $specification"
                exit 1
            }
            seen=$((seen + 1))
        done
    }
    setopt extended_glob
    _describe() { described=$#commands }
    typeset -i seen=0 described=0 CURRENT=2
    words=(herald "")
    source $script
    ((described >= 5)) || exit 1
    for command in send listen help; do
        words=(herald $command "")
        CURRENT=3
        seen=0
        _herald
        ((seen > 1)) || { print "$command has no options"; exit 1 }
    done
' zsh "$1"
