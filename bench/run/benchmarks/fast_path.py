"""4: the eBPF program on a pod's device, packets of established connections."""

import json

import machine
from report import Goal, Row
from topologies import fairlead

NUMBER = 4
WHAT = "tc fast path, established, ns a packet above an empty program"


def program_cost(path, command, *options):
    """Runs fairlead-program-cost on the two pods of a SameNode path."""
    arguments = ["--netns", path.node.namespace.path, "--cpu", machine.LOAD_CPU]
    for flag, pod, address in (
        ("--client", path.client, path.client_address),
        ("--server", path.server, path.address),
    ):
        device, host_mac = path.node.host_side(pod)
        arguments += [flag, device, address, pod.mac("eth0"), host_mac]
    return json.loads(
        machine.run(machine.tool("fairlead-program-cost"), command, *options, *arguments, timeout=600)
    )


def measure(plan):
    row = Row(NUMBER, WHAT, peer="none: no peer has a program to run alone")
    packets = plan.scaled(300_000, 20_000)
    flows = plan.scaled(1_000_000, 10_000)
    try:
        with fairlead.SameNode(max_connections=4 * flows) as path:
            hot = program_cost(path, "established", "--flows", 1, "--packets", packets)
            warm = program_cost(path, "established", "--flows", 1_000, "--packets", packets)
            cold = program_cost(path, "established", "--flows", flows, "--packets", packets)
    except machine.Missing as error:
        row.measured, row.missing = "not measured", [str(error)]
        return row
    row.measured = f"hot {hot['net_p50_ns']:.0f} ns; {flows:,} flows shuffled {cold['net_p50_ns']:.0f} ns"
    row.floor = f"empty program {hot['floor']['p50_ns']:.0f} ns (of one call, with the kernel's clock)"
    row.ratio = f"{hot['program']['p50_ns'] / hot['floor']['p50_ns']:.1f}x of the empty program"
    row.goals = [Goal("hot", hot["net_p50_ns"], 100, unit=" ns")]
    row.details = {
        "1,000 flows shuffled, p50 above the floor": f"{warm['net_p50_ns']:.0f} ns",
        "opening a connection (policy twice, both ends), p50 above the floor": f"{warm['opening']['p50_ns'] - warm['floor']['p50_ns']:.0f} ns",
        "hot, p99 above the floor's p50": f"{hot['program']['p99_ns'] - hot['floor']['p50_ns']:.0f} ns",
        f"{flows:,} flows, p99 above the floor's p50": f"{cold['program']['p99_ns'] - cold['floor']['p50_ns']:.0f} ns",
    }
    return row
