"""16: one controller replica with the agents and objects of a large cluster, in one process, without sockets."""

import json

import machine
from report import Goal, Row

NUMBER = 16
WHAT = "one controller replica, 5,000 agents, 150,000 pods, 10,000 Services: one change until all concerned have it"
NODES, NAMESPACES = 5_000, 500
CHANGES = {
    "relabel_pod": "a pod's label",
    "replace_pod": "another pod",
    "change_policy": "a policy",
    "change_readiness": "an endpoint's readiness",
    "add_node": "a new Node",
}


def measure(plan):
    row = Row(NUMBER, WHAT, floor="none", peer="none: kube-proxy has no controller")
    try:
        found = _run(plan.scaled(NODES, 200), plan.scaled(NAMESPACES, 20), plan.scaled(200, 20))
        # A controller to which nobody says what has changed.
        whole = _run(plan.scaled(200, 50), plan.scaled(NAMESPACES, 20), plan.scaled(10, 3), "--whole")
    except machine.Missing as error:
        row.measured, row.missing = "not measured", [str(error)]
        return row
    an_agent = (found["connected_mb"] - found["resolved_mb"]) * 1024 / found["nodes"]
    told = ", ".join(
        f"{what} {found[name]['p50_ms']:.2f} ms ({found[name]['agents_told']:.0f} agents)"
        for name, what in CHANGES.items()
    )
    row.measured = (
        f"p50: {told}; all resolved in {found['resolve_ms'] / 1e3:.1f} s; {found['connected_mb']:.0f} MB with all agents "
        f"in step, {found['resolved_mb']:.0f} MB without"
    )
    row.goals = [
        Goal("a pod's label, p99", found["relabel_pod"]["p99_ms"], 2, unit=" ms"),
        Goal("an endpoint's readiness, all agents, p99", found["change_readiness"]["p99_ms"], 100, unit=" ms"),
        Goal("memory of an agent in step", an_agent, 64, unit=" KB"),
    ]
    row.details = {
        "nodes, pods, Services, policies": ", ".join(
            f"{found[name]:,}" for name in ("nodes", "pods", "services", "policies")
        ),
        "p99 ms": ", ".join(f"{what} {found[name]['p99_ms']:.2f}" for name, what in CHANGES.items()),
        "all agents connect, holding nothing": f"{found['connect_all_ms'] / found['nodes']:.1f} ms and "
        f"{found['connect_all_sent_mb'] / found['nodes']:.1f} MB sent each; {found['all_at_once_mb']:.0f} MB when all come "
        "before any has answered",
        "what status objects say, computed": f"{found['rounds']['status']['p50_ms']:.0f} ms for "
        f"{found['rounds']['objects_judged']:,} objects; Events {found['rounds']['events']['p50_ms']:.0f} ms",
        "resolving everything at each change instead": f"a pod's label {whole['relabel_pod']['p50_ms']:.0f} ms "
        f"({whole['pods']:,} pods, {whole['nodes']:,} agents)",
    }
    return row


def _run(nodes, namespaces, changes, *more):
    command = ["taskset", "-c", machine.LOAD_CPU, machine.tool("fairlead-fleet")]
    sizes = ["--nodes", nodes, "--namespaces", namespaces, "--changes", changes]
    return json.loads(machine.run(*command, *sizes, *more, timeout=1200))
