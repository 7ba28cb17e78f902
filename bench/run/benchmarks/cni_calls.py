"""9: one CNI ADD and DEL, and a burst of 110 pods, against the reference bridge plugin."""

import contextlib
import json
import statistics
import tempfile

import machine
import paired
from namespaces import Namespace
from report import Goal, Row
from topologies import fairlead, reference

NUMBER = 9
WHAT = "CNI ADD and DEL, one call of the plugin's process; a burst of 110 pods"
BURST = 110
BURST_PARALLEL = 16
PODS_A_BLOCK = 10


class Plugin:
    """A plugin on its node, called through fairlead-exec."""

    def __init__(self, node, program, config, cni_path, arguments):
        self._node, self._program, self._cni_path, self._arguments = node, program, cni_path, arguments
        self._config = tempfile.NamedTemporaryFile("w", prefix="fairlead-plugin-", suffix=".json")
        self._config.write(config)
        self._config.flush()

    def call(self, command, pods, parallel=1):
        """Calls for each of `pods`; list of {"ns", "began_ns", "ended_ns"}. Every call must succeed."""
        jobs = "\n".join(f"{pod.name} {pod.path} {self._arguments(index)}" for index, pod in enumerate(pods))
        out = self._node.run(
            machine.tool("fairlead-exec"),
            "--config",
            self._config.name,
            "--command",
            command,
            "--cni-path",
            self._cni_path,
            "--parallel",
            parallel,
            self._program,
            input=jobs,
            timeout=300,
        )
        calls = json.loads(out)
        for call in calls:
            if call["exit"] != 0:
                raise machine.CommandError(f"{self._program} {command} {call['container']}: {call['output']}")
        return calls

    def close(self):
        self._config.close()


def pod_name(index):
    return f"burst-{index}"


def plugins(stack, row):
    """label -> Plugin, of what can be had."""
    found = {}
    with _noting(row, "FL"):
        cluster = stack.enter_context(contextlib.closing(fairlead.Cluster()))
        cluster.apply("pods", *(fairlead.pod(pod_name(i), 1, {"app": "burst"}) for i in range(BURST)))
        cluster.apply("policies", fairlead.policy("burst", {"app": "burst"}, "Ingress", {"app": "burst"}))
        node = cluster.nodes[0]
        found["FL"] = Plugin(
            node.namespace,
            machine.tool("fairlead-cni"),
            node.config(),
            machine.BIN,
            lambda i: fairlead.pod_arguments(pod_name(i)),
        )
    with _noting(row, "bridge"):
        node = stack.enter_context(contextlib.closing(reference.ReferenceNode()))
        found["bridge"] = Plugin(
            node.namespace, reference.PLUGINS / "bridge", node.config, reference.PLUGINS, lambda _: ""
        )
    for plugin in found.values():
        stack.enter_context(contextlib.closing(plugin))
    return found


@contextlib.contextmanager
def _noting(row, label):
    try:
        yield
    except machine.Missing as error:
        row.missing.append(f"{label} not measured: {error}")


def measure(plan):
    row = Row(NUMBER, WHAT)
    with contextlib.ExitStack() as stack:
        found = plugins(stack, row)
        pods = [stack.enter_context(contextlib.closing(Namespace("pod"))) for _ in range(BURST)]
        calls = {
            (label, command): [] for label in found for command in ("ADD", "DEL")
        }  # medians of blocks, ms
        every = {key: [] for key in calls}
        for _, label in paired.interleave(list(found), plan.blocks):
            for command in ("ADD", "DEL"):
                times = [call["ns"] / 1e6 for call in found[label].call(command, pods[:PODS_A_BLOCK])]
                calls[label, command].append(statistics.median(times))
                every[label, command] += times
        bursts = {label: _burst(plugin, pods, plan.scaled(5, 1)) for label, plugin in found.items()}
        empty = _empty_program(found, pods[:PODS_A_BLOCK])
    _fill(row, calls, every, bursts, empty)
    return row


def _burst(plugin, pods, times):
    """Seconds from the first call's beginning to the last one's end, median of `times` bursts."""
    took = []
    for _ in range(times):
        done = plugin.call("ADD", pods, BURST_PARALLEL)
        took.append((max(c["ended_ns"] for c in done) - min(c["began_ns"] for c in done)) / 1e9)
        plugin.call("DEL", pods, BURST_PARALLEL)
    return statistics.median(took)


def _empty_program(found, pods):
    """Milliseconds of starting a program that does nothing."""
    if not found:
        return 0.0
    jobs = "\n".join(f"{pod.name} {pod.path}" for pod in pods)
    out = machine.run(
        machine.tool("fairlead-exec"),
        "--config",
        "/dev/null",
        "--command",
        "ADD",
        "/usr/bin/true",
        input=jobs,
    )
    return statistics.median(call["ns"] / 1e6 for call in json.loads(out))


def _fill(row, calls, every, bursts, empty):
    def text(label):
        return (
            ", ".join(
                f"{command} {statistics.median(every[label, command]):.2f} ms (p99 "
                f"{paired.percentile(every[label, command], 99):.2f})"
                for command in ("ADD", "DEL")
            )
            + f", {BURST} pods {bursts[label]:.2f} s"
        )

    row.floor = f"starting an empty program: {empty:.2f} ms"
    row.peer = f"bridge + host-local: {text('bridge')}" if "bridge" in bursts else ""
    if "FL" not in bursts:
        row.measured = "not measured"
        return
    row.measured = text("FL")
    row.goals = [
        Goal(f"{command} p50", statistics.median(every["FL", command]), 2.5, unit=" ms")
        for command in ("ADD", "DEL")
    ]
    row.goals.append(Goal("burst", bursts["FL"], 1.0, unit=" s"))
    if "bridge" in bursts:
        ratios = {
            command: paired.paired_ratio(calls["FL", command], calls["bridge", command])
            for command in ("ADD", "DEL")
        }
        row.ratio = "; ".join(f"{command} {ratio}" for command, ratio in ratios.items())
        row.goals += [
            Goal(f"{command}/bridge", ratio.median, 0.3, unit="x") for command, ratio in ratios.items()
        ]
    row.details[f"burst, {BURST_PARALLEL} calls at a time"] = ", ".join(
        f"{label} {s:.2f} s" for label, s in bursts.items()
    )
