"""2: new connections through a Service, with few and with many Services on the node."""

import contextlib

import blocks
import load
import machine
import process
import services
from report import Goal, Row
from topologies import fairlead, reference

NUMBER = 2
WHAT = "connect through a Service (CRR), 1 to 10,000 Services"
WORKLOAD = "tcp_crr"


# The backend's port of the Service that is reached by packets only. The same client and server ports must not be
# met both directly and translated: TIME_WAIT would take the one for an old packet of the other.
BY_PACKET_PORT = load.PORT + 2


class _Probe:
    """One way to reach the server: through a Service, from the cgroup given or from none, or (None) directly."""

    def __init__(self, path, service, cgroup=""):
        self.path, self._service, self._cgroup = path, service, cgroup

    def __call__(self, seconds):
        if self._service is None:
            return self.path.measure(WORKLOAD, seconds)
        address = services.address(self._service)
        return load.measure(
            self.path.client, WORKLOAD, address, seconds, port=services.PORT, cgroup=self._cgroup
        )


def measure(plan):
    row = Row(NUMBER, WHAT)
    counts = plan.scaled((1, 10_000), (1, 100))
    many = counts[-1]
    with contextlib.ExitStack() as stack:
        probes = {}
        for count in counts:
            for kind in (reference.IptablesProxy, reference.NftablesProxy):
                _add_peer(row, stack, probes, kind, count)
            _add_fairlead(row, stack, probes, count)
        result = blocks.measure(probes, plan, prepare=lambda label: probes[label].path.before_block())
    _fill(row, result, many)
    return row


def _add_peer(row, stack, probes, kind, count):
    label = f"{kind.label} {count}"
    try:
        probes[label] = _Probe(stack.enter_context(kind(count)), count - 1)
    except machine.Missing as error:
        row.missing.append(f"{label} not measured: {error}")


def _add_fairlead(row, stack, probes, count):
    try:
        path = stack.enter_context(fairlead.SameNode())
    except machine.Missing as error:
        row.missing.append(f"FL {count} not measured: {error}")
        return
    path.own(load.serve(path.server, port=BY_PACKET_PORT))
    path.cluster.apply_services([load.PORT] * count + [BY_PACKET_PORT], path.address)
    packet = _Probe(path, count)
    process.wait_until(
        lambda: _answers(packet), f"Fairlead programming {count} Services", timeout=120, every=0.2
    )
    probes[f"FL {count}"] = _Probe(path, count - 1, str(path.node.cgroup))
    probes[f"FL {count} by packet"] = packet
    if count == 1:
        probes["FL direct"] = _Probe(path, None)


def _answers(probe):
    try:
        return probe(0.01)
    except machine.CommandError:
        return None


def _fill(row, result, many):
    labels = result.labels()
    row.details["CRR p50/p99, us"] = ", ".join(
        f"{label}: {result.p50(label):.2f}/{result.p99(label):.2f}" for label in labels
    )
    row.peer = "; ".join(
        f"{label}: {result.p50(label):.2f} us" for label in labels if label in (f"P1 {many}", f"P2 {many}")
    )
    ours = f"FL {many}"
    if ours not in labels:
        row.measured = "not measured"
        return
    row.measured = (
        f"{many} Services: p50 {result.p50(ours):.2f} us, p99 {result.p99(ours):.2f} us (socket level); "
        f"by packet {result.p50(ours + ' by packet'):.2f} us"
    )
    row.floor = f"pod address: {result.p50('FL direct'):.2f} us"
    against = {
        "p50/one Service": (result.slowdown(ours, "FL 1"), 1.03),
        "p99/one Service": (result.slowdown(ours, "FL 1", tail=True), 1.05),
        "p50/pod address": (result.slowdown(ours, "FL direct"), 1.03),
        "by packet, p50/one Service": (result.slowdown(f"{ours} by packet", "FL 1 by packet"), 1.03),
        "by packet, p50/pod address": (result.slowdown(f"{ours} by packet", "FL direct"), None),
    }
    if f"P1 {many}" in labels:
        against["p50/P1"] = (result.slowdown(ours, f"P1 {many}"), 1.0)
        against["by packet, p50/P1"] = (result.slowdown(f"{ours} by packet", f"P1 {many}"), 1.0)
    if "P1 1" in labels:
        against["p50/P1, one Service"] = (result.slowdown("FL 1", "P1 1"), 1.0)
    row.ratio = "; ".join(f"{name} {ratio}" for name, (ratio, _) in against.items())
    row.goals = [
        Goal(name, ratio.median, limit, unit="x") for name, (ratio, limit) in against.items() if limit
    ]
