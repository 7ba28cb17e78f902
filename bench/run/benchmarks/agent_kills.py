"""14: SIGKILL of the agent, again and again, under many connections and a steady rate of new ones."""

import contextlib
import json
import time

import load
import machine
import paired
import process
from report import Goal, Row
from topologies import fairlead

NUMBER = 14
WHAT = "SIGKILL of the agent under 10,000 connections and 2,000 new ones a second"
KILLS = 100


class Crowd:
    """fairlead-load crowd, running from when it is made until finish()."""

    def __init__(self, path, connections, new_per_second, seconds):
        command = [
            machine.tool("fairlead-load"),
            "crowd",
            "--netns",
            path.client.path,
            "--cpu",
            machine.LOAD_CPU,
            "--address",
            path.address,
            "--port",
            load.PORT + 1,
            "--connections",
            connections,
            "--new-per-second",
            new_per_second,
            "--seconds",
            seconds,
        ]
        self._daemon = process.Daemon(
            "load crowd", command, cpu=machine.LOAD_CPU, ready="running", timeout=60
        )
        self._seconds = seconds

    def finish(self):
        return json.loads(self._daemon.line(timeout=self._seconds + 60))

    def close(self):
        self._daemon.close()


def measure(plan):
    row = Row(
        NUMBER,
        WHAT,
        floor="the same load without kills",
        peer="none: killing kube-proxy stops no packet either",
    )
    kills, seconds = plan.scaled(KILLS, 4), plan.scaled(10.0, 3.0)
    blocks = max(2, plan.blocks - plan.blocks % 2)
    try:
        with fairlead.SameNode(max_connections=1 << 18) as path:
            path.own(load.serve(path.server, port=load.PORT + 1, concurrent=True))
            # One address has ports for all of it only if those of ended connections are used again.
            path.client.sysctl(net__ipv4__ip_local_port_range="1024 65535", net__ipv4__tcp_tw_reuse=1)
            results, restarts = _run(path, blocks, seconds, kills, plan)
    except machine.Missing as error:
        row.measured, row.missing = "not measured", [str(error)]
        return row
    _fill(row, results, restarts)
    return row


def _run(path, blocks, seconds, kills, plan):
    """({"quiet": [crowd's JSON], "kills": [...]}, [seconds from an agent's start to its readiness])."""
    results, restarts = {"quiet": [], "kills": []}, []
    a_block = -(-kills // blocks)
    for _, kind in paired.interleave(["quiet", "kills"], blocks):
        with contextlib.closing(
            Crowd(path, plan.scaled(10_000, 1_000), plan.scaled(2_000, 200), seconds)
        ) as crowd:
            if kind == "kills":
                restarts += _kill(path.node, a_block, seconds)
            results[kind].append(crowd.finish())
    return results, restarts


def _kill(node, times, seconds):
    """Kills and restarts the agent `times` times within `seconds`."""
    took = []
    begin = time.monotonic()
    for number in range(times):
        pause = begin + seconds * number / times - time.monotonic()
        if pause > 0:
            time.sleep(pause)  # the measured load goes on meanwhile
        node.agent.kill()
        started = time.monotonic()
        node.start_agent()
        took.append(time.monotonic() - started)
    return took


def _fill(row, results, restarts):
    def total(kind, name):
        return sum(result[name] for result in results[kind])

    def each(kind, name):
        return [result["new_latency"][name] for result in results[kind]]

    lost, broken, failed = (total("kills", name) for name in ("lost", "broken", "new_failed"))
    row.measured = (
        f"{len(restarts)} kills: of {total('kills', 'held'):,} connections {lost} lost, {broken} reset; of "
        f"{total('kills', 'new_connections'):,} new ones {failed} failed; reconciled in "
        f"{paired.percentile(restarts, 50):.2f} s (longest {max(restarts):.2f})"
    )
    p50, p99 = (
        paired.paired_ratio(each("kills", name), each("quiet", name)) for name in ("p50_ns", "p99_ns")
    )
    row.ratio = f"new connections, with kills/without: p50 {p50}, p99 {p99}"
    # Not slower: within what the runs without kills differ among themselves, at most a tenth.
    row.goals = [
        Goal("lost", lost, 0),
        Goal("reset", broken, 0),
        Goal("failed", failed, 0),
        Goal("p50 with kills/without", p50.median, 1.1, unit="x"),
        Goal("reconcile", max(restarts), 1, unit=" s"),
    ]
    for kind in results:
        latencies = (
            f"{paired.percentile(each(kind, name), 50) / 1e3:.0f}" for name in ("p50_ns", "p99_ns", "max_ns")
        )
        row.details[f"new connections {kind}, p50/p99/max us"] = "/".join(latencies)
    row.details["failures without kills"] = ", ".join(
        f"{name} {total('quiet', name)}" for name in ("lost", "broken", "new_failed")
    )
