"""1: two pods on one node, both ends on one CPU, policy and conntrack on."""

import contextlib
import dataclasses

import blocks
import machine
from report import Goal, Row
from topologies import fairlead, floors, reference

NUMBER = 1
WHAT = "same node, policy and conntrack on: request/response (RR), connect/request/response (CRR)"
AGAIN = "L2 again"
RANKED = ("tcp_rr", "tcp_crr")
KINDS = (
    fairlead.SameNode,
    floors.HostRouting,
    floors.RedirectPeer,
    reference.IptablesProxy,
    reference.NftablesProxy,
    floors.VethPair,
    floors.Loopback,
)
# Only for orientation: fewer blocks.
CONTEXT_BLOCKS = 4


def measure(plan):
    row = Row(NUMBER, WHAT)
    with contextlib.ExitStack() as stack:
        paths = {}
        for kind in KINDS:
            try:
                paths[kind.label] = stack.enter_context(kind())
            except machine.Missing as error:
                row.missing.append(f"{kind.label} not measured: {error}")
        ranked = {label: path for label, path in paths.items() if label not in ("L0", "L1")}
        ranked[AGAIN] = paths["L2"]
        results = {workload: _measure(ranked, workload, plan) for workload in RANKED}
        context = dataclasses.replace(plan, blocks=min(plan.blocks, CONTEXT_BLOCKS))
        for workload in (*RANKED, "udp_rr", "tcp_stream"):
            _note(row, workload, _measure(paths, workload, context))
    _fill(row, results)
    return row


def _measure(paths, workload, plan):
    probes = {
        label: (lambda seconds, path=path: path.measure(workload, seconds)) for label, path in paths.items()
    }
    return blocks.measure(probes, plan, prepare=lambda label: paths[label].before_block())


def _note(row, workload, result):
    if workload == "tcp_stream":
        text = ", ".join(f"{label} {result.gigabits(label):.1f}" for label in result.labels())
        row.details["tcp_stream, Gbit/s (never ranked: it flips)"] = text
    else:
        text = ", ".join(
            f"{label} {result.p50(label):.2f}/{result.p99(label):.2f}" for label in result.labels()
        )
        row.details[f"{workload} p50/p99, us"] = text


def _fill(row, results):
    rr, crr = (results[workload] for workload in RANKED)
    labels = rr.labels()

    def both(label):
        return f"RR {rr.p50(label):.2f} us, CRR {crr.p50(label):.2f} us"

    row.floor = f"L2: {both('L2')}; empty redirect_peer: {both('LR')}"
    row.peer = (
        "; ".join(f"{label}: {both(label)}" for label in ("P1", "P2") if label in labels) or "none to be had"
    )
    for name, result in (("RR", rr), ("CRR", crr)):
        row.details[f"A/A control, {name} L2 against itself"] = str(result.speed(AGAIN, "L2"))
        for label in ("P1", "P2"):
            if label in labels:
                row.details[f"{name} {label} against L2"] = str(result.speed(label, "L2"))
    if "FL" not in labels:
        row.measured = "not measured"
        return
    row.measured = (
        f"{both('FL')} (p50); above an empty redirect_peer: RR +{rr.p50('FL') - rr.p50('LR'):.2f} us, "
        f"CRR +{crr.p50('FL') - crr.p50('LR'):.2f} us"
    )
    ratios = []
    for name, result, against_l2 in (("RR", rr, 1.03), ("CRR", crr, 0.98)):
        for base, limit in (("L2", against_l2), ("P1", 1.15), ("P2", None)):
            if base not in labels:
                continue
            ratio = result.speed("FL", base)
            ratios.append(f"{name}/{base} {ratio}")
            if limit:
                row.goals.append(Goal(f"{name}/{base}", ratio.median, limit, at_least=True, unit="x"))
    row.ratio = "; ".join(ratios)
