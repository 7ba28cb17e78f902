#!/usr/bin/env python3
"""A short run of the benchmarks from end to end: every floor and Fairlead itself carry load.

usage: smoke_test.py SOURCE_ROOT PROGRAM_FOLDER
"""

import json
import os
import pathlib
import subprocess
import sys

NETNS = pathlib.Path("/run/netns")


def main():
    root, programs = sys.argv[1:]
    command = [
        sys.executable,
        f"{root}/bench/run",
        "--quick",
        "--only",
        "1",
        "--blocks",
        "2",
        "--seconds",
        "0.2",
    ]
    process = subprocess.Popen(
        [*command, "--no-peers", "-o", "json"],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "FAIRLEAD_BENCH_BIN": programs},
    )
    out, _ = process.communicate(timeout=300)
    assert process.returncode == 0, f"exit code {process.returncode}"
    (row,) = json.loads(out)
    assert row["number"] == 1 and row["quick"], row
    for label in ("L2", "redirect_peer"):
        assert label in row["floor"], row["floor"]
    assert "RR" in row["measured"], f"Fairlead was not measured: {row['distance']}"
    assert {goal["name"] for goal in row["goals"]} >= {"RR/L2", "CRR/L2"}, row["goals"]
    left = list(NETNS.glob(f"flbench{process.pid}-*"))
    assert not left, f"namespaces left behind: {left}"


if __name__ == "__main__":
    main()
