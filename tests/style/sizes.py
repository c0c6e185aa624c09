#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Prints each function that is longer than 70 lines and each file that is longer than 800.

    sizes.py FILE...

A function is a block in braces at the outermost level whose head has a parameter list; its length is counted from
the line of its opening brace to that of its closing brace, both included.
"""

import re
import sys

FUNCTION_LINES_MAX = 70
FILE_LINES_MAX = 800

# Comments, strings and character constants: whatever may hide braces.
HIDDEN = re.compile(r"//[^\n]*|/\*.*?\*/|\"(?:\\.|[^\"\\\n])*\"|'(?:\\.|[^'\\\n])*'", re.DOTALL)
PREPROCESSOR = re.compile(r"^[ \t]*#(?:[^\n\\]|\\.|\\\n)*", re.MULTILINE)


def blank(match):
    """Keeps the line breaks, and so the line numbers."""
    return "\n" * match.group(0).count("\n")


def functions(source):
    """Yields (name, first line, last line) of every function body in a C source."""
    code = PREPROCESSOR.sub(blank, HIDDEN.sub(blank, source))
    # An extern "C" { } block is no level of its own (its string is gone by now).
    code = re.sub(r"\bextern\s*\{", "", code)
    depth = 0
    line = 1
    head = ""
    start = None
    for char in code:
        if char == "\n":
            line += 1
        if char == "{":
            if depth == 0:
                match = re.search(r"(\w+)\s*\([^;{}]*\)[^;{}()=]*$", head)
                start = (match.group(1), line) if match else None
                head = ""
            depth += 1
        elif char == "}":
            depth = max(0, depth - 1)
            if depth == 0:
                if start:
                    yield start[0], start[1], line
                start = None
                head = ""
        elif depth == 0:
            head = "" if char == ";" else head + char


def main():
    for path in sys.argv[1:]:
        with open(path, encoding="utf-8") as file:
            source = file.read()
        lines = source.count("\n")
        if lines > FILE_LINES_MAX:
            print(f"{path}: {lines} lines (at most {FILE_LINES_MAX})")
        for name, first, last in functions(source):
            if last - first + 1 > FUNCTION_LINES_MAX:
                print(f"{path}:{first}: {name}() has {last - first + 1} lines (at most {FUNCTION_LINES_MAX})")


if __name__ == "__main__":
    main()
