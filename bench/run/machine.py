"""The machine that measures: its tools, CPUs and what names a result."""

import os
import pathlib
import subprocess

ROOT = pathlib.Path(__file__).resolve().parents[2]
BIN = pathlib.Path(os.environ.get("FAIRLEAD_BENCH_BIN", ROOT / "build/release/bin"))
PEER_CACHE = pathlib.Path(os.environ.get("FAIRLEAD_PEER_CACHE", "/var/cache/fairlead/peers"))
# Load runs on the last CPU, both ends of it; everything else that we start runs on the first.
LOAD_CPU = (os.cpu_count() or 1) - 1
OTHER_CPU = 0
# scripts/bench --no-peers: what would have to be fetched and built first is left out.
leave_peers_out = False


class CommandError(RuntimeError):
    """A program that we ran failed; the message has its command and what it said."""


class Missing(RuntimeError):
    """Something to measure, or to compare with, cannot be had here; the message says why."""


def run(*command, input=None, timeout=60, env=None):
    """Runs a program to its end and returns its stdout."""
    words = [str(word) for word in command]
    try:
        done = subprocess.run(
            words,
            input=input,
            capture_output=True,
            text=True,
            timeout=timeout,
            env={**os.environ, **(env or {})},
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise CommandError(f"{' '.join(words)}: not done after {timeout:.0f} s") from error
    if done.returncode != 0:
        said = (done.stderr.strip() or done.stdout.strip())[-2000:]
        raise CommandError(f"{' '.join(words)}: exit code {done.returncode}: {said}")
    return done.stdout


def tool(name):
    """One of our own programs."""
    path = BIN / name
    if not path.exists():
        raise Missing(f"{name} is not built; run: cmake --build --preset release --target {name}")
    return path


def kernel():
    return os.uname().release


def commit():
    try:
        name = run("git", "-C", ROOT, "rev-parse", "--short=10", "HEAD").strip()
        dirty = run("git", "-C", ROOT, "status", "--porcelain", "--untracked-files=no").strip()
        return name + ("+" if dirty else "")
    except CommandError:
        return "unknown"


def busy():
    """The load average of the last minute, a CPU."""
    return os.getloadavg()[0] / (os.cpu_count() or 1)


def cpu_model():
    for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.split(":", 1)[1].strip()
    return "unknown CPU"
