#!/usr/bin/env python3
"""Every drop leaves through drop() of datapath/bpf/verdict.h, which counts and reports it.

Looks at every TC_ACT_SHOT of our programs, and that it notices one too many.

usage: drop_test.py SOURCE_ROOT
"""
import pathlib
import re
import sys

# Where a packet cannot be counted: before its stage program runs; and a program that sees no packets.
EXEMPT = {"verdict.h", "entry.bpf.c", "socket_explain.bpf.c"}
# What may follow the line, where that decides; None: anything.
ALLOWED = [
    (re.compile(r"if \(!s\) return TC_ACT_SHOT;"), None),  # no scratch: there is nothing to count with
    (
        re.compile(r"int action = reason \? TC_ACT_SHOT : forward\(ctx, s, &reason\);"),
        re.compile(r"return reason \? (refuse\(ctx, s, reason\)|drop\(s, reason\)) : action;"),
    ),
]
# forward() says by its last parameter why.
FORWARD = re.compile(r"\*refused = FL_REASON_INTERNAL;\n\s*if \(!c\) return TC_ACT_SHOT;")


def silent_drops(name, text):
    if name in EXEMPT:
        return
    if name == "route.h":
        text = FORWARD.sub("\n", text, count=1)
    lines = [line.strip() for line in text.split("\n")] + [""]
    for number, line in enumerate(lines):
        if "TC_ACT_SHOT" not in line:
            continue
        for this, after in ALLOWED:
            if this.fullmatch(line) and (after is None or after.fullmatch(lines[number + 1])):
                break
        else:
            yield f"datapath/bpf/{name}:{number + 1}: {line}: a drop that nobody counts; use drop()"


def self_test():
    """The check sees what it is for."""
    last = "int action = reason ? TC_ACT_SHOT : forward(ctx, s, &reason);\n"
    cases = [
        ("x.bpf.c", "  if (reason) return TC_ACT_SHOT;\n", 1),
        ("x.bpf.c", "  return reason ? TC_ACT_SHOT : TC_ACT_OK;\n", 1),
        ("x.bpf.c", "  if (!s) return TC_ACT_SHOT;\n", 0),
        ("x.bpf.c", last + "  return reason ? drop(s, reason) : action;\n", 0),
        ("x.bpf.c", last + "  return action;\n", 1),
        ("route.h", "  if (!c) return TC_ACT_SHOT;\n", 1),
    ]
    for name, text, expected in cases:
        found = list(silent_drops(name, text))
        assert len(found) == expected, (name, text, found)


def main():
    self_test()
    programs = sorted((pathlib.Path(sys.argv[1]) / "datapath/bpf").glob("*.[ch]"))
    assert programs, "no programs found"
    found = [line for path in programs for line in silent_drops(path.name, path.read_text())]
    print("\n".join(found))
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
