"""11: what endpoints, Services and flows take in eBPF maps, and what a decision costs with many rules."""

import math

import load
import machine
import process
from benchmarks.fast_path import program_cost
from namespaces import Namespace
from report import Goal, Row
from topologies import fairlead

NUMBER = 11
WHAT = "eBPF map memory; policy decided at 10,000 rules"
PORT = 5001
POLICIES = 100
# Maps by what takes a share of them. The details have the sum of all.
CONNECTION_SLOTS = ("ct_record", "ct_free")
TRANSLATION_SLOTS = ("ct_translation",)
TUPLES = ("ct_tuple",)
ENDPOINTS = ("endpoint", "ct_account", "ct_half_open", "pod_device")
SERVICES = ("frontend", "backend", "backend_id")  # an entry of each


def rules(count):
    """Egress policies of the client with `count` rules, the hardest to decide: every other one matches the server's
    address but not the port, the others the port but not the address; none both."""
    found = []
    for index in range(count):
        if index % 2:
            peer, port = f"198.18.{index // 256}.{index % 256}/32", PORT
        else:
            peer, port = "10.244.0.0/16", 20_000 + index
        found.append({"to": [{"ipBlock": {"cidr": peer}}], "ports": [{"protocol": "TCP", "port": port}]})
    size = math.ceil(count / POLICIES)
    return [
        {
            "apiVersion": "networking.k8s.io/v1",
            "kind": "NetworkPolicy",
            "metadata": {"namespace": fairlead.services.NAMESPACE, "name": f"many-{part}"},
            "spec": {
                "podSelector": {"matchLabels": {"app": "client"}},
                "policyTypes": ["Egress"],
                "egress": found[part * size : (part + 1) * size],
            },
        }
        for part in range(math.ceil(count / size))
    ]


def measure(plan):
    row = Row(NUMBER, WHAT, peer="none: netfilter's objects are not in eBPF maps")
    try:
        decided = {count: _decide(count, plan) for count in (2, plan.scaled(10_000, 1_000))}
        memory = _memory(plan)
    except machine.Missing as error:
        row.measured, row.missing = "not measured", [str(error)]
        return row
    few, many = decided.values()
    count = max(decided)
    # The whole denied packet is floor, parse, conntrack miss and report beside the decision; these are
    # in both numbers.
    extra = many["net_p50_ns"] - few["net_p50_ns"]
    row.measured = (
        f"{memory['endpoint']:.0f} B an endpoint, {memory['Service']:.0f} B a Service, {memory['flow']:.0f} B a flow, "
        f"{memory['translated flow']:.0f} B a translated one; {count:,} rules: denied SYN {many['net_p50_ns']:.0f} ns, "
        f"{extra:+.0f} ns against 2 rules"
    )
    row.floor = f"denied SYN with 2 rules: {few['net_p50_ns']:.0f} ns above an empty program"
    row.goals = [
        Goal("endpoint", memory["endpoint"], 4096, unit=" B"),
        Goal("Service", memory["Service"], 1024, unit=" B"),
        Goal("flow", memory["flow"], 192, unit=" B"),
        Goal("translated", memory["translated flow"], 320, unit=" B"),
        Goal(f"whole decision at {count:,} rules", many["net_p50_ns"], 400, unit=" ns"),
    ]
    row.details = {
        name: value
        for name, value in memory.items()
        if name not in ("endpoint", "Service", "flow", "translated flow")
    }
    return row


def _decide(count, plan):
    with fairlead.SameNode(policies=rules(count)) as path:
        return program_cost(path, "denied", "--port", PORT, "--packets", plan.scaled(200_000, 20_000))


def _memory(plan):
    """Bytes by what takes them. Growth is measured; arrays that are there from the start count by entry."""
    endpoints, service_count, flows = (
        plan.scaled(100, 10),
        plan.scaled(1_000, 100),
        plan.scaled(50_000, 5_000),
    )
    with fairlead.SameNode() as path:
        before = path.node.map_bytes()
        path.cluster.apply("more", *(fairlead.pod(f"more-{i}", 1, {"app": "more"}) for i in range(endpoints)))
        path.cluster.apply(
            "more-policy", fairlead.policy("more", {"app": "more"}, "Ingress", {"app": "client"})
        )
        for index in range(endpoints):
            path.node.add(path.own(Namespace("more")), f"more-{index}")
        with_endpoints = path.node.map_bytes()
        path.cluster.apply_services([load.PORT] * service_count, path.address)
        with_services = process.wait_until(
            lambda: _when_frontends(path.node, service_count), "Services in the maps", timeout=60
        )
        program_cost(path, "established", "--flows", flows, "--packets", 1)
        with_flows = path.node.map_bytes()
    # A unit takes what the maps grow by, and its share of what is there from the start.
    connections, pods = before["ct_record"][1], before["endpoint"][1]
    tuples = _growth(with_services, with_flows, TUPLES) / flows
    slot = _bytes(before, CONNECTION_SLOTS + TUPLES) / connections
    translation = _bytes(before, TRANSLATION_SLOTS) / connections
    backend = sum(before[name][0] / before[name][1] for name in SERVICES)
    return {
        "endpoint": _growth(before, with_endpoints) / endpoints + _bytes(before, ENDPOINTS) / pods,
        "Service": _growth(with_endpoints, with_services) / service_count + backend,
        "flow": tuples + slot,
        "translated flow": 2 * tuples + slot + translation,
        "reserved beside a flow that is not translated": f"{translation:.0f} B",
        "all maps of a node with two pods": f"{sum(size for size, _ in before.values()) / 1e6:.1f} MB",
        "the largest": ", ".join(
            f"{name} {size / 1e6:.1f} MB"
            for name, (size, _) in sorted(before.items(), key=lambda item: -item[1][0])[:8]
        ),
    }


def _when_frontends(node, count):
    """The maps' sizes, once there are `count` front ends; else None."""
    return node.map_bytes() if node.map_entries("frontend") >= count else None


def _growth(before, after, names=None):
    return sum(after[name][0] - before[name][0] for name in (names or before))


def _bytes(sizes, names):
    return sum(sizes[name][0] for name in names)
